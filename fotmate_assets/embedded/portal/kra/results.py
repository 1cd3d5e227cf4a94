"""KRA's results: API214_1 and API299, with the fields of their samples.

What no sample shows is assumed: `startTimeChg` holds the new time, `diffUnit` of a dead heat is 동착.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from fotmate_assets.embedded.portal.kra.announced import (
    Row,
    announced_fields,
    bonuses,
    career,
    people,
    race_fields,
    rating_condition,
    weekday,
)
from fotmate_assets.embedded.portal.kra.odds import prices
from fotmate_assets.embedded.portal.people import generator
from fotmate_assets.embedded.portal.publication import Stage
from fotmate_assets.embedded.portal.race import Finish, RaceState, Runner
from fotmate_assets.embedded.portal.sectionals import ZERO, plain, sectionals
from fotmate_assets.racing.model import FinishStatus, Pool

_REMARKS = {
    91: "실격",
    92: "주행중지",
    93: "출전제외",
    94: "출전제외",
    95: "출전취소",
    98: "경주불성립",
    99: "경주취소",
}


def _finish_fields(finish: Finish) -> Row:
    return {
        "ord": finish.position or finish.code or 0,
        "rcTime": plain(finish.time_s) if finish.time_s else 0,
    }


def _weighed(state: RaceState, runner: Runner, stage: Stage) -> str:
    if stage < Stage.WEIGHED or runner.start_no in state.scratched:
        return "0()"
    change = runner.weight_change_kg
    return f"{runner.weight_kg}({'+' if change > 0 else ''}{change})"


def _track(state: RaceState, stage: Stage) -> str:
    conditions = state.race.conditions
    return f"{conditions.going} ({conditions.moisture_pct}%)" if stage >= Stage.GROUND else " (0%)"


def _runner_fields(state: RaceState, runner: Runner, stage: Stage) -> Row:
    """What both result services say of a runner beside the result."""
    rider = state.jockeys.get(runner.start_no, runner.jockey)
    return {
        "chulNo": runner.start_no,
        **people(runner, rider.name if rider else "-", rider.number if rider else "-"),
        "age": runner.age,
        "sex": runner.sex,
        "name": "한국",
        "wgBudam": plain(runner.burden_kg),
        "wgHr": _weighed(state, runner, stage),
        "track": _track(state, stage),
        "rank": state.race.grade,
    }


def _finishes(state: RaceState, stage: Stage) -> Iterable[Finish]:
    """The result, or before it the declared runners with nothing."""
    if stage >= Stage.RESULT:
        return state.finishes
    return [Finish(runner, FinishStatus.FINISHED) for runner in state.race.runners]


def details(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API214_1: results in detail; before the race rows of placeholders."""
    is_run = stage >= Stage.RESULT
    times = sectionals(state) if is_run else {}
    odds = {pool: prices(state, pool) if is_run else {} for pool in (Pool.WIN, Pool.PLC)}
    for finish in _finishes(state, stage):
        runner = finish.runner
        yield {
            **race_fields(state, "부경"),
            **announced_fields(state),
            **bonuses(),
            **_runner_fields(state, runner, stage),
            **_finish_fields(finish),
            **times.get(runner.start_no, ZERO),
            "birthday": int(f"{runner.birthday or date(2000, 1, 1):%Y%m%d}"),
            "diffUnit": finish.margin,
            "hrTool": "-" if runner.start_no % 4 == 0 else "망사눈,혀끈",
            "ordBigo": _REMARKS.get(finish.code or 0, "-"),
            "prizeCond": rating_condition(state),
            "rankRise": 0,
            "rating": runner.rating,
            "rcDay": weekday(state),
            "weather": state.race.conditions.weather if stage >= Stage.GROUND else "-",
            "wgBudamBigo": "-",
            "wgJk": 0,
            "winOdds": odds[Pool.WIN].get((runner.start_no,), 0),
            "plcOdds": odds[Pool.PLC].get((runner.start_no,), 0),
        }


def totals(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API299: results with post times."""
    moved = state.post_time != state.race.post_time
    times = sectionals(state)
    reasons = [event.reason for event in state.events if event.post_time is not None]
    for finish in state.finishes:
        runner = finish.runner
        fields = _runner_fields(state, runner, stage)
        del fields["owName"], fields["owNo"]
        record = {name: value for name, value in career(state, runner).items() if not name.startswith("ord3")}
        yield {
            **race_fields(state, "부산경남"),
            **fields,
            **_finish_fields(finish),
            **times.get(runner.start_no, ZERO),
            **record,
            **_records(state, runner),
            "prdName": "국산",
            "finalBit": 1,
            "noraceFlag": int(state.is_cancelled or state.is_void),
            "schStTime": state.race.post_time.isoformat(),
            "stTime": state.post_time.isoformat(),
            "startTimeChg": state.post_time.isoformat() if moved else "-",
            "stTimeChgReason": reasons[-1] if reasons else "-",
        }


def _records(state: RaceState, runner: Runner) -> Row:
    """API299's counts of horse, jockey and trainer."""
    draw = generator(state.race.seed, "records", runner.identity.number, state.race.meeting.race_date.year)
    fields: Row = {name: draw.randint(10, 90) for name in ("hrOrd1CntT", "hrOrd2CntT")}
    fields |= {"hrRcCntT": draw.randint(200, 600), "trAge": 0, "jkAge": draw.randint(20, 60)}
    for who in ("jk", "tr"):
        year = draw.randint(150, 500)
        fields |= {
            f"{who}Career": draw.randint(0, 30),
            f"{who}RcCntY": year,
            f"{who}RcCntT": year * draw.randint(2, 20),
        }
        for place in (1, 2):
            won = draw.randint(8, 60)
            fields |= {f"{who}Ord{place}CntY": won, f"{who}Ord{place}CntT": won * draw.randint(2, 20)}
    return fields
