"""Every read against what was loaded, and with an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from fotmate_assets.core.ledger import Attempt, Job, Ledger
from fotmate_assets.core.model import Verdict
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing import findings, queries
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import Change, ChangeKind, FinishStatus, Pool, RaceStatus, Sport
from fotmate_assets.racing.queries import RaceTime
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing.cards import (
    DAY,
    DAYS_LATER,
    NIGHT_BEFORE,
    Stage,
    ended,
    make_card,
    off,
    race_of,
    with_entry,
    with_race,
)

TOMORROW = DAY + timedelta(days=1)
RACE = "horse-seoul-20261121-01"


@pytest.fixture(scope="module")
def days(stack: Stack, _template: str) -> Iterator[Database]:
    """Horses and boats on one day, with a dead heat; horses on the next, to come."""
    with fresh_database(stack, _template) as database:
        horses = ended(make_card(races=3), 1, [(7, 2), 1, 3, 4, 5, 6], {8: FinishStatus.DISQUALIFIED})
        horses = with_entry(with_entry(horses, 1, 9, is_scratched=True), 1, 10, is_scratched=True)
        load_meeting(database.engine, with_race(horses, 1, post_time=off(1) - timedelta(minutes=5)), NIGHT_BEFORE)
        scratch = Change(1, ChangeKind.SCRATCH, 9, "seoul 1-9", None, "마체이상")
        load_meeting(database.engine, replace(horses, changes=(scratch,)), DAYS_LATER)
        load_meeting(database.engine, make_card("misari", races=2), DAYS_LATER)
        load_meeting(database.engine, make_card(day=TOMORROW, races=1, stage=Stage.PLAN), NIGHT_BEFORE)
        yield database


@pytest.fixture
def reader(days: Database) -> Iterator[Connection]:
    with days.engine.connect() as connection:
        yield connection


def test_the_races_of_a_day_come_by_post_time_with_their_winners(reader: Connection) -> None:
    found = queries.races_by_date(reader, DAY)
    assert [(one.race_id, one.track, one.runners, one.winner, one.win_odds) for one in found] == [
        ("boat-misari-20261121-01", "Misari", 6, "misari 1-2", 2.5),
        ("horse-seoul-20261121-01", "Seoul", 8, "seoul 1-2 = seoul 1-7", 2.5),
        ("boat-misari-20261121-02", "Misari", 6, "misari 2-3", 2.5),
        ("horse-seoul-20261121-02", "Seoul", 10, "seoul 2-3", 2.5),
        ("horse-seoul-20261121-03", "Seoul", 10, "seoul 3-4", 2.5),
    ]
    first = found[1]
    assert (first.sport, first.race_no, first.name, first.distance_m, first.grade, first.post_time, first.status) == (
        "horse",
        1,
        "Race 1",
        1200,
        "국6등급",
        off(1),
        "finished",
    )


def test_a_race_to_come_has_no_runners_and_no_winner(reader: Connection) -> None:
    (found,) = queries.races_by_date(reader, TOMORROW)
    assert (found.status, found.runners, found.winner, found.win_odds) == ("scheduled", 0, None, None)
    assert queries.races_by_date(reader, DAY - timedelta(days=1)) == []


def test_the_win_odds_of_the_result_go_before_what_was_paid(database: Database) -> None:
    card = ended(make_card(), 1, [(7, 2), 3, 1, 4, 5, 6, 8, 9, 10])
    prices = {2: 3.5, 7: 1.8}
    results = [replace(it, win_odds=prices.get(it.start_no or 0)) for it in race_of(card, 1).results or ()]
    load_meeting(database.engine, with_race(card, 1, results=tuple(results)), DAYS_LATER)
    with database.engine.connect() as connection:
        odds = queries.races_by_date(connection, DAY)[0].win_odds
    assert odds == pytest.approx(1.8)


def test_a_race_comes_with_everything_stored_of_it(reader: Connection) -> None:
    found = queries.race_with_entries(reader, RACE)
    assert found is not None
    assert (found.race.race_id, found.race.status) == (RACE, "finished")
    assert [row.start_no for row in found.entries] == list(range(1, 11))
    assert [(row.start_no, row.finish_position) for row in found.results] == [
        (2, 1),
        (7, 1),
        (1, 3),
        (3, 4),
        (4, 5),
        (5, 6),
        (6, 7),
        (8, None),
    ]
    assert [(row.pool, row.combination) for row in found.payoffs if row.pool in ("WIN", "EXA")] == [
        ("EXA", "2-7"),
        ("EXA", "7-2"),
        ("WIN", "2"),
        ("WIN", "7"),
    ]
    assert {row.pool for row in found.payoffs} == {"WIN", "PLC", "QNL", "EXA", "QPL", "TLA", "TRI"}
    assert [(row.kind, row.start_no, row.reason) for row in found.changes] == [
        ("post_time", None, None),
        ("scratch", 9, "마체이상"),
    ]


def test_a_race_that_is_not_known_is_none(reader: Connection) -> None:
    assert queries.race_with_entries(reader, "horse-seoul-20261121-99") is None
    assert queries.race_with_entries(reader, "x' or '1'='1") is None


def test_the_cadence_sees_each_race_with_what_is_there(reader: Connection) -> None:
    horse, boat = (Sport.HORSE, RaceStatus.FINISHED), (Sport.BOAT, RaceStatus.FINISHED)
    assert queries.race_times(reader, DAY, TOMORROW) == [
        *[RaceTime(DAY, *boat, off(race_no), True, False) for race_no in (1, 2)],
        *[RaceTime(DAY, *horse, off(race_no), True, False) for race_no in (1, 2, 3)],
        RaceTime(TOMORROW, Sport.HORSE, RaceStatus.SCHEDULED, off(1, TOMORROW), False, False),
    ]
    assert len(queries.race_times(reader, TOMORROW, TOMORROW)) == 1
    assert queries.race_times(reader, TOMORROW + timedelta(days=1), TOMORROW + timedelta(days=9)) == []


def test_entries_and_payoffs_are_told_apart(database: Database) -> None:
    card = make_card(races=2)
    load_meeting(database.engine, with_race(with_race(card, 1, payoffs=()), 2, entries=()), DAYS_LATER)
    with database.engine.connect() as connection:
        times = queries.race_times(connection, DAY, DAY)
    assert [(race.has_entries, race.is_unpaid) for race in times] == [(True, True), (False, False)]


def test_a_velodrome_without_a_card_owes_payoffs_only_where_another_race_of_the_day_has_paid(
    database: Database,
) -> None:
    card = make_card("changwon", races=2)
    unpaid = with_race(with_race(card, 1, payoffs=()), 2, payoffs=())
    for stored, owing in ((unpaid, [False, False]), (with_race(card, 1, payoffs=()), [True, False])):
        load_meeting(database.engine, stored, DAYS_LATER)
        with database.engine.connect() as connection:
            assert [race.is_unpaid for race in queries.race_times(connection, DAY, DAY)] == owing
            late = [finding.subject for finding in findings.results_in_time(connection, str(DAY), DAYS_LATER)]
        assert late == ["cycle-changwon-20261121-01"] * any(owing)


def test_rows_of_days_are_counted(reader: Connection) -> None:
    payoffs = sum(len(race.payoffs or ()) for race in make_card("misari", races=2).races)
    horses = reader.execute(text("select count(*) from payoffs where race_id like 'horse%'")).scalar_one()
    assert queries.row_counts(reader, [DAY]) == {
        "races": 5,
        "entries": 42,
        "results": 40,
        "payoffs": payoffs + horses,
    }
    assert queries.row_counts(reader, [DAY, TOMORROW])["races"] == 6
    assert queries.row_counts(reader, [TOMORROW]) == {"races": 1, "entries": 0, "results": 0, "payoffs": 0}
    assert set(queries.row_counts(reader, []).values()) == {0}


def test_the_last_attempt_counts_whoever_was_asked(database: Database, ledger: Ledger) -> None:
    earlier, later = (datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (3, 4))
    for source, job, day, at in (
        ("kra", "racing/results", DAY, later),
        ("kspo", "racing/results", DAY, earlier),
        ("kra", "racing/entries", DAY, later + timedelta(hours=1)),
        ("kspo", "racing/results", TOMORROW, earlier),
        ("kra", "racing/results", date(2026, 11, 19), earlier),
    ):
        ledger.record([(Job(source, job, day.isoformat()), Attempt(Verdict.TRANSPORT), 0.1)])
        database.execute(
            "update ingestion_jobs set finished_at = :at where job_id = (select max(job_id) from ingestion_jobs)", at=at
        )
    with database.engine.connect() as connection:
        assert queries.last_attempts(connection, "racing/results", DAY) == {DAY: later, TOMORROW: earlier}
        assert queries.last_attempts(connection, "racing/races", DAY) == {}


READS: list[Any] = [
    lambda connection: queries.race_times(connection, DAY, TOMORROW),
    lambda connection: queries.races_by_date(connection, DAY),
    lambda connection: queries.race_with_entries(connection, RACE),
    lambda connection: queries.row_counts(connection, [DAY]),
    lambda connection: queries.last_attempts(connection, "racing/results", DAY),
]


@pytest.mark.parametrize("read", READS)
def test_every_read_has_an_index_for_every_table(days: Database, reader: Connection, read: Any) -> None:
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen.append((statement, parameters))

    event.listen(days.engine, "before_cursor_execute", note)
    read(reader)
    event.remove(days.engine, "before_cursor_execute", note)
    assert seen
    reader.execute(text("set local enable_seqscan = off"))
    for statement, parameters in seen:
        assert parameters, f"values written into the text: {statement}"
        plan = reader.exec_driver_sql(f"explain (format json) {statement}", parameters).scalar_one()
        for scan in _scans(plan[0]["Plan"]):
            if scan["Relation Name"] != "tracks":
                assert scan.get("Index Cond") or scan.get("Recheck Cond"), scan


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in plan:
        yield plan
    for child in plan.get("Plans", ()):
        yield from _scans(child)


def test_pools_are_spelled_as_stored(reader: Connection) -> None:
    stored = set(reader.scalars(text("select distinct pool from payoffs")))
    assert stored <= {pool.value for pool in Pool}
