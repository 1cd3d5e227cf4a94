"""Meetings as the sources would tell them: plausible, small, and easy to break on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import Engine, text

from fotmate_assets.racing.model import (
    KST,
    TRACKS,
    ChangeKind,
    Entry,
    FinishStatus,
    Meeting,
    MeetingCard,
    Payoff,
    Pool,
    Race,
    RaceCard,
    Result,
    Sport,
    paying_combinations,
)
from fotmate_assets_tests.databases import Database

DAY = date(2026, 11, 21)
FIRST_OFF = time(10, 35)
BETWEEN = timedelta(minutes=30)
NIGHT_BEFORE = datetime(2026, 11, 20, 20, 0, tzinfo=KST)
DAYS_LATER = datetime(2026, 11, 24, 12, 0, tzinfo=KST)
"""When everything of `DAY` was due."""

RACE = "horse-seoul-20261121-01"
"""The first race of `make_card()`."""

RUNNERS = {Sport.HORSE: 10, Sport.CYCLE: 7, Sport.BOAT: 6}
POOLS = {
    Sport.HORSE: (Pool.WIN, Pool.PLC, Pool.QNL, Pool.EXA, Pool.QPL, Pool.TLA, Pool.TRI),
    Sport.CYCLE: (Pool.WIN, Pool.PLC, Pool.EXA, Pool.QNL, Pool.POOL6, Pool.POOL7, Pool.POOL8),
    Sport.BOAT: (Pool.WIN, Pool.PLC, Pool.EXA, Pool.QNL, Pool.TLA),
}
TABLES = ("meetings", "races", "race_changes", "entries", "results", "payoffs")


class Stage(IntEnum):
    """How much is published."""

    PLAN = 0
    CARD = 1
    DONE = 2


def off(race_no: int, day: date = DAY) -> datetime:
    """The off of a race: 10:35 and every half hour, Korean time."""
    return datetime.combine(day, FIRST_OFF, KST) + (race_no - 1) * BETWEEN


def meeting_of(track_id: str, day: date = DAY) -> Meeting:
    """The meeting; KSPO's with its round and day."""
    if TRACKS[track_id].source == "kra":
        return Meeting(day, track_id)
    return Meeting(day, track_id, day.year, int(f"{day:%V}"), day.isoweekday())


def make_card(
    track_id: str = "seoul",
    day: date = DAY,
    *,
    races: int = 3,
    stage: Stage = Stage.DONE,
    runners: int | None = None,
) -> MeetingCard:
    """A meeting of `races`, each with `runners`, published as far as `stage`."""
    field = runners or RUNNERS[TRACKS[track_id].sport]
    return whole(
        MeetingCard(
            meeting_of(track_id, day),
            tuple(race_card(track_id, day, race_no, stage, field) for race_no in range(1, races + 1)),
        )
    )


def whole(card: MeetingCard) -> MeetingCard:
    """The card with as many rows declared as it holds."""
    entries = [each.entries for each in card.races if each.entries is not None]
    results = [each.results for each in card.races if each.results is not None]
    return replace(
        card,
        entries_declared=sum(map(len, entries)) if entries else None,
        results_declared=sum(map(len, results)) if results else None,
    )


def race_card(track_id: str, day: date, race_no: int, stage: Stage, runners: int) -> RaceCard:
    """One race. Number 2 wins race 1, number 3 race 2 ..., the others follow by number."""
    sport = TRACKS[track_id].sport
    race = Race(
        race_no,
        name=f"Race {race_no}",
        distance_m=1200,
        grade="국6등급",
        purse_krw=30_000_000,
        field_size=runners,
        scheduled_post_time=off(race_no, day),
        post_time=off(race_no, day),
        is_complete=stage is Stage.DONE,
        details={"ilsu": 1},
    )
    entries = tuple(make_entry(track_id, race_no, number) for number in range(1, runners + 1))
    order = [(start + race_no) % runners + 1 for start in range(runners)]
    results = make_results(sport, entries, order) if stage is Stage.DONE else None
    return RaceCard(
        race,
        entries if stage >= Stage.CARD else None,
        results,
        make_payoffs(sport, results) if results is not None else None,
    )


def make_entry(track_id: str, race_no: int, start_no: int) -> Entry:
    """A runner. Cycle cards have no registrations; only horses have jockeys."""
    sport = TRACKS[track_id].sport
    name = f"{track_id} {race_no}-{start_no}"
    if sport is Sport.HORSE:
        person = f"{start_no:06d}"
        return Entry(
            start_no,
            name,
            runner_id=f"{race_no * 100 + start_no:07d}",
            jockey_id=person,
            jockey_name=f"Jockey {start_no}",
            trainer_id=person,
            burden_kg=54.5,
            rating=40,
            details={"prd": "한국"},
        )
    if sport is Sport.CYCLE:
        return Entry(start_no, name, grade="선발", gear_ratio=3.92)
    return Entry(start_no, name, runner_id=f"{race_no:02d}-{start_no:03d}", grade="A1", motor_no="078", boat_no="056")


def make_results(
    sport: Sport,
    entries: Sequence[Entry],
    order: Iterable[int | tuple[int, ...]],
    absent: Mapping[int, FinishStatus] | None = None,
) -> tuple[Result, ...]:
    """The result of a race, by finishing order: start numbers, the tied as tuples; then who did not finish."""
    by_number = {entry.start_no: entry for entry in entries}
    found = []
    position = 1
    for tied in order:
        numbers = (tied,) if isinstance(tied, int) else tied
        found += [
            _result(sport, by_number[number], FinishStatus.FINISHED, position, 74.0 + 0.2 * position)
            for number in numbers
        ]
        position += len(numbers)
    for number, status in (absent or {}).items():
        found.append(_result(sport, by_number[number], status, None, None))
    return tuple(found)


def _result(sport: Sport, entry: Entry, status: FinishStatus, position: int | None, time_s: float | None) -> Result:
    return Result(
        entry.start_no,
        entry.runner_name,
        status,
        position,
        runner_id=f"14-{entry.start_no:03d}" if sport is Sport.CYCLE else entry.runner_id,
        jockey_id=entry.jockey_id,
        jockey_name=entry.jockey_name,
        time_s=time_s if sport is Sport.HORSE else None,
        win_odds=2.5 if sport is Sport.HORSE else None,
    )


def make_payoffs(sport: Sport, results: Sequence[Result]) -> tuple[Payoff, ...]:
    """What the result makes pay, in the pools of the sport."""
    positions = {it.start_no: it.finish_position for it in results if it.start_no and it.finish_position}
    starters = sum(result.finish_status.started for result in results)
    unsettled = "-".join(str(number) for number in sorted(positions, key=positions.__getitem__)[:3])
    return tuple(
        Payoff(pool, numbers, 1.3 if pool is Pool.PLC else 2.5, pool_label=pool.value, service="test")
        for pool in POOLS[sport]
        for numbers in sorted(paying_combinations(pool, positions, starters)) or [unsettled]
        if pool.value.startswith("POOL") or paying_combinations(pool, positions, starters)
    )


def ended(
    card: MeetingCard,
    race_no: int,
    order: Iterable[int | tuple[int, ...]],
    absent: Mapping[int, FinishStatus] | None = None,
) -> MeetingCard:
    """The card with another finishing order of a race, and what that pays."""
    sport = card.meeting.track.sport
    results = make_results(sport, race_of(card, race_no).entries or (), order, absent)
    return with_race(card, race_no, results=results, payoffs=make_payoffs(sport, results))


def race_of(card: MeetingCard, race_no: int) -> RaceCard:
    """One race of a card."""
    return next(each for each in card.races if each.race.race_no == race_no)


def with_race(card: MeetingCard, race_no: int, **changes: Any) -> MeetingCard:
    """The card with one race changed: fields of the race, or its entries, results or payoffs as a whole."""
    lists = {name: changes.pop(name) for name in ("entries", "results", "payoffs") if name in changes}
    return replace(
        card,
        races=tuple(
            replace(each, race=replace(each.race, **changes), **lists) if each.race.race_no == race_no else each
            for each in card.races
        ),
    )


def with_entry(card: MeetingCard, race_no: int, start_no: int, **changes: Any) -> MeetingCard:
    """The card with one entry changed."""
    entries = race_of(card, race_no).entries or ()
    changed = tuple(replace(it, **changes) if it.start_no == start_no else it for it in entries)
    return with_race(card, race_no, entries=changed)


def row_versions(engine: Engine) -> dict[str, set[tuple[str, str]]]:
    """Where every row of the racing tables lies and which transaction wrote it: any rewrite changes one."""
    with engine.connect() as connection:
        return {
            table: {(str(row[0]), str(row[1])) for row in connection.execute(text(f"select ctid, xmin from {table}"))}
            for table in TABLES
        }


def stored(database: Database, column: str, race_id: str = RACE) -> Any:
    """A column of a race."""
    return database.execute(f"select {column} from races where race_id = :race", race=race_id)[0][0]


def history(database: Database, kind: ChangeKind | None = None) -> list[tuple[object, ...]]:
    """Number of the race, runner, before, after and reason of every change, oldest first."""
    return database.execute(
        "select right(race_id, 2)::int, start_no, old_value, new_value, reason from race_changes "
        "where kind = coalesce(:kind, kind) order by change_id",
        kind=kind,
    )


def counts(database: Database) -> dict[str, object]:
    """Rows of each racing table."""
    return {table: database.execute(f"select count(*) from {table}")[0][0] for table in TABLES}
