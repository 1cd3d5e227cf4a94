"""Simulated cycle and boat race days. A round has one set of racers, who race each other anew every day."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from fotmate_assets.embedded.portal.people import BOAT_RACERS, CYCLISTS, Racer, boat_racers, cyclists, generator
from fotmate_assets.embedded.portal.race import Conditions, Runner, SimRace
from fotmate_assets.racing.model import KST, Meeting, Sport

CYCLES_IN_RACE, BOATS_IN_RACE = 7, 6
_CYCLE_RACES = {"gwangmyeong": 16, "changwon": 6, "busan_cycle": 6}
_FIRST_CYCLIST = {"gwangmyeong": 0, "changwon": 112, "busan_cycle": 154}
"""Where in the round's draw the racers of a velodrome stand: nobody is at two of them."""
_BOATS_IN_ROUND, _BOAT_RACES = 72, 17
_CALM = Conditions("맑음", "건조", 3, 20, 50, 1.0, "남")
CYCLE_GRADES = ("선발", "우수", "특선")


def racer_races(seed: int, meeting: Meeting) -> tuple[SimRace, ...]:
    """The races of a cycle or boat meeting."""
    return _cycle_races(seed, meeting) if meeting.track.sport is Sport.CYCLE else _boat_races(seed, meeting)


def _cycle_races(seed: int, meeting: Meeting) -> tuple[SimRace, ...]:
    track, day = meeting.track_id, meeting.race_date
    order = generator(seed, "cycle round", meeting.year, meeting.round).sample(range(CYCLISTS), 196)
    count, first = _CYCLE_RACES[track], _FIRST_CYCLIST[track]
    everybody = cyclists(seed)
    # The best last, as the card has it; within a class anew every day.
    places = sorted(order[first : first + count * CYCLES_IN_RACE], reverse=True)
    races = []
    draw = generator(seed, "cycle day", track, day)
    third = -(-count // 3) * CYCLES_IN_RACE
    shuffled = [place for start in range(0, len(places), third) for place in _shuffled(places, start, third, draw)]
    for number in range(1, count + 1):
        riders = [everybody[place] for place in shuffled[(number - 1) * CYCLES_IN_RACE : number * CYCLES_IN_RACE]]
        grade = CYCLE_GRADES[min(2, (number - 1) * CYCLES_IN_RACE // third)]
        post_time = datetime.combine(day, time(11, 0), KST) + timedelta(minutes=29 * (number - 1))
        races.append(_race(seed, meeting, number, grade, 1_700 if grade == "선발" else 2_040, post_time, riders))
    return tuple(races)


def _shuffled(places: list[int], start: int, length: int, draw: object) -> list[int]:
    part = places[start : start + length]
    draw.shuffle(part)  # type: ignore[attr-defined]
    return part


def _boat_races(seed: int, meeting: Meeting) -> tuple[SimRace, ...]:
    order = generator(seed, "boat round", meeting.year, meeting.round).sample(range(BOAT_RACERS), _BOATS_IN_ROUND)
    draw = generator(seed, "boat day", meeting.race_date)
    once, again = draw.sample(order, _BOATS_IN_ROUND), draw.sample(order, _BOATS_IN_ROUND)
    places = (once + again)[: _BOAT_RACES * BOATS_IN_RACE]
    everybody = boat_racers(seed)
    races = []
    for number in range(1, _BOAT_RACES + 1):
        drivers = [everybody[place] for place in places[(number - 1) * BOATS_IN_RACE : number * BOATS_IN_RACE]]
        post_time = datetime.combine(meeting.race_date, time(11, 40), KST) + timedelta(minutes=25 * (number - 1))
        races.append(_race(seed, meeting, number, "일반", 1_800, post_time, drivers))
    return tuple(races)


def _race(
    seed: int, meeting: Meeting, number: int, grade: str, distance_m: int, post_time: datetime, racers: list[Racer]
) -> SimRace:
    draw = generator(seed, "race", meeting.track_id, meeting.race_date, number)
    motors = draw.sample(range(1, 121), len(racers))
    boats = draw.sample(range(1, 100), len(racers))
    average = sum(racer.ability for racer in racers) / len(racers)
    is_boat = meeting.track.sport is Sport.BOAT
    runners = tuple(
        Runner(
            start_no=start_no,
            identity=racer.identity,
            # The inner lane is worth a length.
            ability=racer.ability - average + (0.25 * (3.5 - start_no) if is_boat else 0.0),
            style=draw.uniform(-1, 1),
            sex=racer.sex,
            age=racer.age,
            weight_kg=racer.weight_kg,
            grade=racer.grade,
            motor_no=motors[start_no - 1],
            boat_no=boats[start_no - 1],
            school=racer.generation,
        )
        for start_no, racer in enumerate(racers, 1)
    )
    return SimRace(
        seed=seed,
        meeting=meeting,
        race_no=number,
        name="",
        grade=grade,
        distance_m=distance_m,
        prizes=(),
        age_condition="",
        weight_condition="",
        rating_condition=(0, 0),
        post_time=post_time,
        runners=runners,
        conditions=_CALM,
    )
