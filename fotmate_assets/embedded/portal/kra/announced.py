"""What KRA announces of a race: plan, entry sheet, and the changes of the day.

Fields and types are those of the field lists and samples that `shared/research/racing.md` names. Like the portal, a
registration that looks like a number is one (199011) and one with a leading zero is text (`019641`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from fotmate_assets.embedded.portal.people import generator
from fotmate_assets.embedded.portal.publication import Stage
from fotmate_assets.embedded.portal.race import EventKind, RaceState, Runner
from fotmate_assets.embedded.portal.sectionals import plain
from fotmate_assets.racing.model import KST

Row = dict[str, Any]

_WEEKDAYS = "월화수목금토일"
_MEET = {"seoul": "서울", "jeju": "제주"}


def loose(number: str) -> int | str:
    """A registration as the portal's JSON has it: a number unless it begins with a zero."""
    return number if number.startswith("0") or not number.isdecimal() else int(number)


def race_fields(state: RaceState, busan: str) -> Row:
    """Which race a row is about; services differ in what they call Busan."""
    meeting = state.race.meeting
    return {
        "meet": _MEET.get(meeting.track_id, busan),
        "rcDate": int(f"{meeting.race_date:%Y%m%d}"),
        "rcNo": state.race.race_no,
    }


def weekday(state: RaceState) -> str:
    """`토요일`."""
    return f"{_WEEKDAYS[state.race.meeting.race_date.weekday()]}요일"


def announced_fields(state: RaceState) -> Row:
    """What the plan, the entry sheet and the results say alike of a race."""
    race = state.race
    prizes = {f"chaksun{place}": prize for place, prize in enumerate(race.prizes, 1)}
    return {
        "rcName": race.name,
        "rcDist": race.distance_m,
        "rank": race.grade,
        "budam": race.weight_condition,
        "ageCond": race.age_condition,
        "ilsu": race.meeting.race_date.timetuple().tm_yday // 4,
        **prizes,
    }


def rating_condition(state: RaceState) -> str:
    """`R0~50`."""
    low, high = state.race.rating_condition
    return f"R{low}~{high}"


def bonuses() -> Row:
    """Extra prize money: none."""
    return {"buga1": 0, "buga2": 0, "buga3": 0}


def career(state: RaceState, runner: Runner, prefix: str = "") -> Row:
    """Starts and places of a horse: in all and in the last year."""
    draw = generator(state.race.seed, "career", prefix, runner.identity.number, state.race.meeting.race_date.year)
    starts = draw.randint(1, 8) * max(1, runner.age - 1)
    places = {f"ord{place}Cnt": draw.randint(0, max(0, starts // 5)) for place in (1, 2, 3)}
    year = min(starts, draw.randint(1, 9))
    fields: Row = {"rcCntT": starts, "rcCntY": year}
    for name, count in places.items():
        fields |= {f"{name}T": count, f"{name}Y": min(count, year // 3)}
    return fields


def plan(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API72_2: one row of the schedule, with the post time as first planned."""
    race = state.race
    yield {
        **race_fields(state, "부산경남"),
        **announced_fields(state),
        **bonuses(),
        "sexCond": "성별오픈",
        "schStTime": race.post_time.hour * 100 + race.post_time.minute,
        "stRating": race.rating_condition[0],
        "spRating": race.rating_condition[1],
    }


def entry_sheet(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API26_2: the runners as declared, with the post time as it stands."""
    race = state.race
    for runner in race.runners:
        record = career(state, runner)
        earned = record["rcCntT"] * 1_800_000
        yield {
            **race_fields(state, "부산경남"),
            **announced_fields(state),
            **people(
                runner, runner.jockey.name if runner.jockey else "-", runner.jockey.number if runner.jockey else "-"
            ),
            "chulNo": runner.start_no,
            "age": runner.age,
            "sex": runner.sex,
            "prd": "한국",
            "wgBudam": plain(runner.burden_kg),
            "rating": runner.rating or "-",
            "stTime": f"출발 :{state.post_time:%H:%M}",
            "dusu": len(race.runners),
            "sexCond": "성별오픈",
            "prizeCond": rating_condition(state),
            "rcDay": weekday(state),
            "chaksunT": earned,
            "chaksunY": earned // 2,
            "chaksun_6m": earned // 4,
            **record,
        }


def people(runner: Runner, jockey_name: str, jockey_no: str) -> Row:
    """The horse and its people."""
    trainer, owner = runner.trainer, runner.owner
    return {
        "hrName": runner.identity.name,
        "hrNo": loose(runner.identity.number),
        "jkName": jockey_name,
        "jkNo": loose(jockey_no),
        "trName": trainer.name if trainer else "-",
        "trNo": loose(trainer.number) if trainer else "-",
        "owName": owner.name if owner else "-",
        "owNo": loose(owner.number) if owner else "-",
    }


def _horse(runner: Runner) -> Row:
    return {"chulNo": runner.start_no, "hrName": runner.identity.name, "hrNo": loose(runner.identity.number)}


def weights(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API25_1: the horses on the scales; leading zeros of `hrNo` are lost here."""
    recent = state.race.meeting.race_date - timedelta(days=28)
    for runner in state.starters:
        change = runner.weight_change_kg
        yield {
            **race_fields(state, "부산경남"),
            **_horse(runner),
            "hrNo": int(runner.identity.number),
            "wgHr": str(runner.weight_kg),
            "wgHrDiff": f"+{change}" if change > 0 else change,
            "rcDist": state.race.distance_m,
            "rcName": state.race.name,
            "rcDays": weekday(state),
            "recentRcDate": int(f"{recent:%Y%m%d}"),
            "budam": state.race.weight_condition,
        }


def _notice(at: datetime, start_no: int) -> Row:
    """When it was announced, which one in three rows does not tell."""
    return {} if start_no % 3 == 0 else {"noticeDate": int(f"{at.astimezone(KST):%Y%m%d%H%M}")}


def scratches(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API9_1: runners withdrawn by now."""
    for runner in state.race.runners:
        if event := state.scratched.get(runner.start_no):
            told = {"reason": event.reason, **_notice(event.at, runner.start_no)}
            yield {**race_fields(state, "부경"), **_horse(runner), **told}


def jockey_changes(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API10_1: jockeys replaced by now."""
    runners = {runner.start_no: runner for runner in state.race.runners}
    for event in state.of(EventKind.JOCKEY):
        runner = runners[event.start_no or 0]
        if event.jockey is None or runner.jockey is None:
            continue
        yield {
            **race_fields(state, "부경"),
            **_horse(runner),
            "jkBef": loose(runner.jockey.number),
            "jkBefName": runner.jockey.name,
            "jkAft": loose(event.jockey.number),
            "jkAftName": event.jockey.name,
            "befBudam": plain(runner.burden_kg),
            "aftBudam": plain(runner.burden_kg),
            "reason": event.reason,
        }


def ground(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API189_1: weather and ground; Jeju measures no weather."""
    now = state.race.conditions
    measured = state.race.meeting.track_id != "jeju"
    yield {
        **race_fields(state, "부산경남"),
        "track": now.going,
        "weather": now.weather,
        "waterPercent": now.moisture_pct,
        "temperature": now.temperature_c if measured else "-",
        "humidityRel": now.humidity_pct if measured else "-",
        "windSpeed": plain(now.wind_m_s) if measured else "-",
        "windDirection": now.wind_from if measured else "-",
        "salinity": "-",
    }
