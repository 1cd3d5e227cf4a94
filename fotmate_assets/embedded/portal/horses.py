"""A simulated horse race day: fields by class, post times, weather, and what befalls the races."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, time, timedelta

from fotmate_assets.embedded.portal.people import Horse, Person, generator, horses, jockeys, owner, trainers
from fotmate_assets.embedded.portal.race import Conditions, Event, EventKind, Runner, SimRace
from fotmate_assets.racing.model import KST, FinishStatus, Meeting

_RACES = {"seoul": (10, 11), "busan": (6, 7), "jeju": (6, 7)}
_FIRST_POST = {"seoul": time(10, 35), "busan": time(10, 50), "jeju": time(11, 30)}
_GAP_MIN = {"seoul": 40, "busan": 45, "jeju": 45}
_LARGEST_FIELD = {"seoul": 14, "busan": 14, "jeju": 12}
_DISTANCES = {
    "seoul": (1000, 1200, 1200, 1300, 1400, 1700, 1800, 2000),
    "busan": (1000, 1200, 1200, 1300, 1400, 1600, 1800, 2000),
    "jeju": (800, 900, 1000, 1000, 1110, 1200, 1300, 1400),
}
_GRADES = ("국6등급", "국6등급", "국5등급", "혼4등급", "국4등급", "혼3등급", "2등급", "1등급")
_NIGHT_LAST_POST = time(20, 20)
_PRIZE_SHARES = (1.0, 0.4, 0.26, 0.09, 0.07)

NIGHT = 0.06
"""Share of meetings whose last race is after 20:00."""


def horse_races(seed: int, meeting: Meeting) -> tuple[SimRace, ...]:
    """The races of a horse meeting."""
    track, day = meeting.track_id, meeting.race_date
    draw = generator(seed, "meeting", track, day)
    count = draw.randint(*_RACES[track])
    first = datetime.combine(day, _FIRST_POST[track], KST)
    if draw.random() < NIGHT:
        first = datetime.combine(day, _NIGHT_LAST_POST, KST) - timedelta(minutes=_GAP_MIN[track] * (count - 1))
    sizes = [min(_LARGEST_FIELD[track], max(6, round(draw.gauss(10.7, 1.8)))) for _ in range(count)]
    # Every third horse, by turns: nobody runs on two days in a row.
    rested = horses(seed, track, day.year)[day.toordinal() % 3 :: 3]
    field = draw.sample(rested, sum(sizes))
    field.sort(key=lambda horse: horse.ability + draw.gauss(0, 0.7))
    weather = _weather(draw)
    blown_off = draw.random() < (0.03 if track == "jeju" else 0.01)
    races = []
    for number, size in enumerate(sizes, 1):
        entered, field = field[:size], field[size:]
        post_time = first + timedelta(minutes=_GAP_MIN[track] * (number - 1))
        races.append(_race(seed, meeting, number, count, post_time, entered, _drift(weather, draw), blown_off))
    return tuple(races)


def _race(
    seed: int,
    meeting: Meeting,
    number: int,
    count: int,
    post_time: datetime,
    entered: list[Horse],
    conditions: Conditions,
    blown_off: bool,
) -> SimRace:
    track = meeting.track_id
    draw = generator(seed, "race", track, meeting.race_date, number)
    step = (number - 1) * len(_GRADES) // count
    prize = (12 + 9 * step) * 1_000_000
    rating = 0 if step < 2 else 15 * step
    draw.shuffle(entered)
    average = sum(horse.ability for horse in entered) / len(entered)
    riders = draw.sample(jockeys(track), len(entered))
    spare = [person for person in jockeys(track) if person not in riders]
    stables = trainers(track)
    runners = tuple(
        Runner(
            start_no=start_no,
            identity=horse.identity,
            ability=horse.ability - average,
            style=draw.uniform(-1, 1),
            sex=horse.sex,
            age=horse.age,
            birthday=horse.birthday,
            jockey=riders[start_no - 1],
            trainer=stables[int(horse.identity.number) % len(stables)],
            owner=owner(int(horse.identity.number) % 1_200),
            burden_kg=draw.choice((51.0, 52.5, 53.0, 54.0, 54.5, 55.0, 56.0, 57.0, 58.0)),
            weight_kg=horse.weight_kg + draw.randint(-8, 8),
            weight_change_kg=draw.randint(-12, 12),
            rating=0 if rating == 0 else max(1, rating + round(horse.ability * 8)),
        )
        for start_no, horse in enumerate(entered, 1)
    )
    return SimRace(
        seed=seed,
        meeting=meeting,
        race_no=number,
        name="모의특별" if number == count else "일반",
        grade=_GRADES[step].replace("국", "제").replace("혼", "제") if track == "jeju" else _GRADES[step],
        distance_m=_DISTANCES[track][min(step + draw.randint(0, 1), 7)],
        prizes=tuple(int(prize * share) for share in _PRIZE_SHARES),
        age_condition=draw.choice(("연령오픈", "3세이상", "2세")),
        weight_condition=draw.choice(("별정A", "핸디캡")),
        rating_condition=(0, rating + 20 if rating else 0),
        post_time=post_time,
        runners=runners,
        conditions=conditions,
        events=tuple(_events(draw, post_time, runners, spare, blown_off)),
    )


def _events(
    draw: random.Random, post_time: datetime, runners: tuple[Runner, ...], spare: list[Person], blown_off: bool
) -> Iterator[Event]:
    """What befalls a race between its declaration and its result."""
    morning = datetime.combine(post_time.date(), time(7), KST)
    minutes = int((post_time - morning).total_seconds() // 60)

    def until(before_min: int) -> datetime:
        return morning + timedelta(minutes=draw.randint(0, minutes - before_min))

    if blown_off:
        yield Event(morning + timedelta(minutes=70), EventKind.CANCEL, reason="강풍")
    walkover = draw.random() < 0.0015
    left = draw.choice(runners).start_no
    for runner in runners:
        if draw.random() < 0.012 or (walkover and runner.start_no != left):
            excluded = draw.random() < 0.4
            yield Event(
                until(20),
                EventKind.SCRATCH,
                runner.start_no,
                status=FinishStatus.EXCLUDED if excluded else FinishStatus.SCRATCHED,
                code=draw.choice((93, 94)) if excluded else 95,
                reason="마체이상" if excluded else draw.choice(("질병", "마주사정", "운동기질환")),
            )
        elif spare and draw.random() < 0.015:
            rider = spare.pop(draw.randrange(len(spare)))
            reason = draw.choice(("복통", "낙마부상", "체중초과"))
            yield Event(until(40), EventKind.JOCKEY, runner.start_no, jockey=rider, reason=reason)
    if draw.random() < 0.03:
        later = post_time + timedelta(minutes=draw.choice((3, 5, 8, 10)))
        yield Event(post_time - timedelta(minutes=40), EventKind.POST_TIME, post_time=later, reason="주로정비")
    fate = draw.random()
    if fate < 0.003:
        again = post_time + timedelta(minutes=25)
        yield Event(post_time + timedelta(minutes=3), EventKind.RERUN, post_time=again, reason="발주불량")
    elif fate < 0.006:
        yield Event(post_time + timedelta(minutes=4), EventKind.VOID, reason="경주불성립")
    elif fate < 0.011:
        yield Event(post_time - timedelta(minutes=55), EventKind.CANCEL, reason="주로상태불량")


def _weather(draw: random.Random) -> Conditions:
    weather = draw.choices(("맑음", "흐림", "비", "강풍"), (55, 30, 13, 2))[0]
    moisture = draw.randint(10, 21) if weather == "비" else draw.randint(1, 12)
    return Conditions(
        weather=weather,
        going=_going(moisture),
        moisture_pct=moisture,
        temperature_c=draw.randint(-4, 31),
        humidity_pct=draw.randint(30, 95),
        wind_m_s=round(draw.uniform(0, 9), 1),
        wind_from=draw.choice(("북", "북동", "동", "남동", "남", "남서", "서", "북서")),
    )


def _drift(start: Conditions, draw: random.Random) -> Conditions:
    """The same day's conditions at a later race."""
    moisture = max(1, start.moisture_pct + draw.choice((-1, 0, 0, 0, 1)))
    return Conditions(
        weather=start.weather,
        going=_going(moisture),
        moisture_pct=moisture,
        temperature_c=start.temperature_c + draw.randint(-1, 1),
        humidity_pct=start.humidity_pct,
        wind_m_s=start.wind_m_s,
        wind_from=start.wind_from,
    )


def _going(moisture_pct: int) -> str:
    """The ground by its moisture."""
    for limit, going in ((5, "건조"), (9, "양호"), (14, "다습"), (19, "포화")):
        if moisture_pct <= limit:
            return going
    return "불량"
