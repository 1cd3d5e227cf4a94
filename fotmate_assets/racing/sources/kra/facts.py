"""One row, one record: what a row of each service says of its race, its runner and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fotmate_assets.racing.model import Change, ChangeKind, Entry, Race, Result
from fotmate_assets.racing.sources.kra import values
from fotmate_assets.racing.sources.kra.reading import Line
from fotmate_assets.racing.sources.kra.rows import (
    DetailRow,
    JockeyRow,
    PlanRow,
    ResultRow,
    ScratchRow,
    SheetRow,
    TotalRow,
    TrackRow,
    WeightRow,
)
from fotmate_assets.racing.sources.kra.values import NO_GOING, NO_WEIGHT, Going, Weight

HORSE_DIGITS, PERSON_DIGITS = 7, 6


@dataclass(frozen=True)
class Runner:
    """A runner as one row has it, with what the row repeats of the race."""

    race: Race
    entry: Entry
    result: Result | None = None
    """None as long as the row has no finish."""
    is_off: bool = False
    """The row says that the race was not run, or does not count."""
    is_provisional: bool = False
    post_time_change: Change | None = None


@dataclass(frozen=True)
class Amendment:
    """What a day-of document changes of an entry."""

    start_no: int
    runner_id: str | None
    service: str
    values: Mapping[str, Any]
    """Fields of the entry."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    change: Change | None = None


def plan_race(line: Line[PlanRow]) -> Race:
    """API72_2."""
    scheduled = line.read("schStTime", values.post_time, line.day)
    return _announced(line, scheduled, None, field_size=line.value.dusu, extra=line.extra)


def sheet_runner(line: Line[SheetRow]) -> Runner:
    """API26_2."""
    row = line.value
    off = line.read("stTime", values.post_time, line.day)
    entry = _entry(line, body_weight=NO_WEIGHT, details=line.runner_details())
    return Runner(_announced(line, off, off, field_size=row.dusu), entry)


def detail_runner(line: Line[DetailRow]) -> Runner:
    """API214_1."""
    row = line.value
    going = line.read("track", values.going) or NO_GOING
    race = _announced(line, None, None, weather=row.weather, going=going)
    return _ran(line, race)


def total_runner(line: Line[TotalRow]) -> Runner:
    """API299."""
    row = line.value
    scheduled = line.read("schStTime", values.post_time, line.day)
    off = line.read("stTime", values.post_time, line.day)
    going = line.read("track", values.going) or NO_GOING
    told = {"startTimeChg": row.startTimeChg, "stTimeChgReason": row.stTimeChgReason}
    race = Race(
        row.rcNo,
        grade=row.rank,
        scheduled_post_time=scheduled,
        post_time=off,
        track_condition=going.condition,
        track_moisture_pct=going.moisture_pct,
        details=line.race_details() | {name: value for name, value in told.items() if value},
    )
    change = None
    if row.startTimeChg not in (None, "0", "N"):
        change = Change(
            row.rcNo, ChangeKind.POST_TIME, None, _moment(scheduled), _moment(off), reason=row.stTimeChgReason
        )
    return _ran(line, race, is_off=bool(row.noraceFlag), is_provisional=row.finalBit == 0, change=change)


def track_race(line: Line[TrackRow]) -> Race:
    """API189_1."""
    row = line.value
    going = line.read("track", values.going) or NO_GOING
    return Race(
        row.rcNo,
        weather=row.weather,
        track_condition=going.condition,
        track_moisture_pct=row.waterPercent or going.moisture_pct,
        details=line.race_details(),
        extra=dict(line.extra),
    )


def weighed(line: Line[WeightRow]) -> Amendment:
    """API25_1."""
    row = line.value
    weight = line.read("wgHr", values.body_weight) or NO_WEIGHT
    change = row.wgHrDiff if weight.change_kg is None and weight.kg else weight.change_kg
    told = {"body_weight_kg": weight.kg, "body_weight_change_kg": change}
    return _amendment(line, {name: value for name, value in told.items() if value is not None})


def scratched(line: Line[ScratchRow]) -> Amendment:
    """API9_1."""
    row = line.value
    announced = line.read("noticeDate", values.announced_at)
    change = Change(row.rcNo, ChangeKind.SCRATCH, row.chulNo, row.hrName, None, row.reason, announced)
    return _amendment(line, {"is_scratched": True, "scratch_reason": row.reason}, change)


def jockey_changed(line: Line[JockeyRow]) -> Amendment:
    """API10_1."""
    row = line.value
    announced = line.read("noticeDate", values.announced_at)
    change = Change(
        row.rcNo, ChangeKind.JOCKEY, row.chulNo, row.jkBefName, row.jkAftName, reason=row.reason, announced_at=announced
    )
    told: dict[str, Any] = {"jockey_name": row.jkAftName, "jockey_id": _person(row.jkAft or row.jkAftNo)}
    if row.aftBudam:
        told["burden_kg"] = row.aftBudam
    return _amendment(line, told, change)


def _amendment(
    line: Line[WeightRow] | Line[ScratchRow] | Line[JockeyRow], told: dict[str, Any], change: Change | None = None
) -> Amendment:
    row = line.value
    service = line.listing.inquiry.slot
    return Amendment(row.chulNo, _horse(row.hrNo), service, told, dict(line.extra), change)


def _announced(
    line: Line[PlanRow] | Line[SheetRow] | Line[DetailRow],
    scheduled: datetime | None,
    off: datetime | None,
    *,
    field_size: int | None = None,
    weather: str | None = None,
    going: Going = NO_GOING,
    extra: Mapping[str, Any] | None = None,
) -> Race:
    """The facts of a race as the schedule, the entry sheet and the detailed results repeat them."""
    row = line.value
    prizes = [row.chaksun1, row.chaksun2, row.chaksun3, row.chaksun4, row.chaksun5]
    conditions = [row.ageCond, row.sexCond, row.budam, row.prizeCond]
    return Race(
        row.rcNo,
        name=row.rcName,
        distance_m=row.rcDist or None,
        grade=row.rank,
        conditions=" ".join(condition for condition in conditions if condition) or None,
        purse_krw=sum(prize or 0 for prize in prizes) or None,
        field_size=field_size or None,
        scheduled_post_time=scheduled,
        post_time=off,
        weather=weather,
        track_condition=going.condition,
        track_moisture_pct=going.moisture_pct,
        details=line.race_details(),
        extra=dict(extra or {}),
    )


def _entry(line: Line[SheetRow] | Line[Any], body_weight: Weight, details: dict[str, Any]) -> Entry:
    """The declared runner of a row."""
    row = line.value
    return Entry(
        row.chulNo,
        row.hrName,
        runner_id=_horse(row.hrNo),
        sex=row.sex,
        age=row.age or None,
        jockey_id=_person(row.jkNo),
        jockey_name=row.jkName,
        trainer_id=_person(row.trNo),
        trainer_name=row.trName,
        owner_id=_person(row.owNo),
        owner_name=row.owName,
        burden_kg=row.wgBudam or None,
        body_weight_kg=body_weight.kg,
        body_weight_change_kg=body_weight.change_kg,
        rating=row.rating or None,
        details=details,
        extra=dict(line.extra),
    )


def _ran(
    line: Line[Any], race: Race, *, is_off: bool = False, is_provisional: bool = False, change: Change | None = None
) -> Runner:
    """A runner of a result service."""
    row: ResultRow = line.value
    weight = line.read("wgHr", values.body_weight) or NO_WEIGHT
    details = line.runner_details()
    if row.ordBigo:
        details["ordBigo"] = row.ordBigo
    entry = _entry(line, weight, details)
    finish = line.read("ord", values.finish)
    if finish is None and row.ordBigo in values.FINISH_OF:
        finish = values.finish(row.ordBigo)
    result = None
    if finish is not None:
        result = Result(
            row.chulNo,
            row.hrName,
            finish.status,
            finish_position=finish.position,
            status_code=finish.code,
            runner_id=entry.runner_id,
            jockey_id=entry.jockey_id,
            jockey_name=row.jkName,
            trainer_id=entry.trainer_id,
            time_s=line.read("rcTime", values.seconds),
            margin=row.diffUnit,
            margin_lengths=line.read("diffUnit", values.margin_lengths),
            sectionals=line.sectionals(),
            win_odds=line.read("winOdds", values.price),
            place_odds=line.read("plcOdds", values.price),
            burden_kg=entry.burden_kg,
            body_weight_kg=weight.kg,
            body_weight_change_kg=weight.change_kg,
            details=details,
            extra=dict(line.extra),
        )
    return Runner(race, entry, result, is_off, is_provisional, change)


def _horse(number: str | None) -> str | None:
    return values.registration(number, HORSE_DIGITS) if number else None


def _person(number: str | None) -> str | None:
    return values.registration(number, PERSON_DIGITS) if number else None


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
