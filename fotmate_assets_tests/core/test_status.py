"""The ingestion status: what the ledger says of a day."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection

from fotmate_assets.core.ledger import Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.status import Freshness, IngestionStatus, JobStatus, day_bounds, ingestion_status, today
from fotmate_assets_tests.databases import Database

DAY = date(2025, 5, 31)
NOON = datetime(2025, 5, 31, 3, tzinfo=UTC)  # 12:00 in Seoul


def attempted(
    database: Database,
    *,
    source: str = "kra",
    job: str = "racing/results",
    verdict: Verdict = Verdict.OK,
    rows: int = 0,
    duration_s: float = 1.0,
    finished_at: datetime = NOON,
) -> None:
    database.execute(
        "insert into ingestion_jobs (source, job, partition_key, verdict, rows, duration_s, finished_at)"
        " values (:source, :job, '2025-05-31', :verdict, :rows, :duration_s, :finished_at)",
        source=source,
        job=job,
        verdict=verdict,
        rows=rows,
        duration_s=duration_s,
        finished_at=finished_at,
    )


def status(database: Database, on: date = DAY, **more: Any) -> IngestionStatus:
    with database.engine.connect() as connection:
        return ingestion_status(connection, on, **more)


def only_job(database: Database, on: date = DAY) -> JobStatus:
    (found,) = status(database, on).jobs
    return found


def test_a_database_without_attempts_has_an_empty_status(database: Database) -> None:
    assert status(database) == IngestionStatus(DAY, [], [], [])


def test_attempts_are_counted_by_verdict_source_and_job(database: Database) -> None:
    for verdict in (Verdict.OK, Verdict.OK, Verdict.TRANSPORT):
        attempted(database, verdict=verdict, rows=10)
    attempted(database, job="racing/entries", verdict=Verdict.QUOTA)
    attempted(database, source="kspo")
    found = [(each.source, each.job, each.attempts, each.verdicts, each.rows) for each in status(database).jobs]
    assert found == [
        ("kra", "racing/entries", 1, {"quota": 1}, 0),
        ("kra", "racing/results", 3, {"ok": 2, "transport": 1}, 30),
        ("kspo", "racing/results", 1, {"ok": 1}, 0),
    ]


def test_what_leaves_nothing_owed_is_success(database: Database) -> None:
    for verdict in Verdict:
        attempted(database, verdict=verdict)
    assert only_job(database).success_rate == pytest.approx(3 / 9)  # ok, empty_expected, not_yet


def test_a_day_is_one_of_seoul(database: Database) -> None:
    start = datetime(2025, 5, 31, tzinfo=timezone(timedelta(hours=9)))
    assert day_bounds(DAY) == (start, start + timedelta(days=1))
    for instant in (
        start - timedelta(seconds=1),
        start,
        start + timedelta(hours=23, minutes=59),
        start + timedelta(days=1),
    ):
        attempted(database, finished_at=instant)
    assert [only_job(database, DAY + timedelta(days=days)).attempts for days in (-1, 0, 1)] == [1, 2, 1]
    assert day_bounds(today())[0] <= datetime.now(UTC) < day_bounds(today())[1]


def test_a_job_without_an_attempt_that_day_is_there_with_its_last_success(database: Database) -> None:
    attempted(database, finished_at=NOON - timedelta(days=3))
    found = only_job(database)
    assert (found.attempts, found.verdicts, found.success_rate, found.p95_duration_s) == (0, {}, None, None)
    assert found.last_success == NOON - timedelta(days=3)


def test_the_last_success_is_the_last_time_a_job_had_all_there_was_up_to_that_day(database: Database) -> None:
    hour = timedelta(hours=1)
    outcomes = [Verdict.OK, Verdict.EMPTY_EXPECTED, Verdict.NOT_YET, Verdict.TRANSPORT]
    for hours, verdict in enumerate(outcomes):
        attempted(database, verdict=verdict, finished_at=NOON + hours * hour)
    attempted(database, finished_at=NOON + timedelta(days=1))
    assert only_job(database).last_success == NOON + hour
    assert only_job(database, DAY + timedelta(days=1)).last_success == NOON + timedelta(days=1)


def test_a_job_that_never_succeeded_has_no_last_success(database: Database) -> None:
    attempted(database, verdict=Verdict.AUTH)
    assert only_job(database).last_success is None


def test_the_duration_is_that_which_95_of_100_attempts_stay_below(database: Database) -> None:
    for seconds in range(101):
        attempted(database, duration_s=float(seconds))
    attempted(database, duration_s=9999.0, finished_at=NOON - timedelta(days=1))
    assert only_job(database).p95_duration_s == pytest.approx(95.0)


def test_what_is_owed_is_counted_by_status_with_the_oldest(database: Database) -> None:
    ledger = Ledger(database.engine)

    def owe(document: str, times: int = 1, source: str = "kra") -> None:
        for _ in range(times):
            database.retries_are_due()
            error = SourceError(Verdict.TRANSPORT, source, document, "gone")
            ledger.owe(Job(source, "racing/results", "2025-05-31"), error)

    for document, times in (("a", 1), ("b", 1), ("c", 6), ("d", 1), ("e", 1)):
        owe(document, times)
    owe("a", source="kspo")
    ledger.begin_retry([next(each.failure_id for each in ledger.failures() if each.document == "b")])
    ledger.settle(Job("kra", "racing/results", "2025-05-31"), ["d"])
    database.execute("update ingestion_failures set first_failed_at = :at where document = 'e'", at=NOON)
    database.execute("update ingestion_failures set first_failed_at = '1999-01-01' where document = 'd'")
    kra, kspo = status(database).owed
    assert (kra.source, kra.job, kra.pending, kra.retrying, kra.exhausted) == ("kra", "racing/results", 2, 1, 1)
    assert kra.oldest == NOON
    assert (kspo.source, kspo.pending, kspo.exhausted) == ("kspo", 1, 0)


def test_each_wing_is_asked_for_its_freshness_of_the_day(database: Database) -> None:
    def late(connection: Connection, on: date) -> list[Freshness]:
        found = str(connection.exec_driver_sql("select count(*) from matches").scalar_one())
        return [Freshness(f"races {on}", "11 races", NOON, f"{found} races", True)]

    assert status(database, freshness=[late, lambda _connection, _on: []]).freshness == [
        Freshness("races 2025-05-31", "11 races", NOON, "0 races", True)
    ]
