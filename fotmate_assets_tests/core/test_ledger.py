"""The ledger: what was tried, what is owed, what was refused."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from fotmate_assets.core.ledger import Attempt, Failure, Job, Ledger, retry_wait
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets_tests.databases import Database

JOB = Job("statsbomb", "football/statsbomb_raw", "premier-league_2003-2004", "run-1")


def failed(verdict: Verdict = Verdict.TRANSPORT, document: str = "events/1.json", **more: object) -> SourceError:
    return SourceError(verdict, JOB.source, document, "HTTP 503", **more)  # type: ignore[arg-type]


def owed(ledger: Ledger) -> Failure:
    (failure,) = ledger.failures()
    return failure


def minutes_to_retry(database: Database) -> float | None:
    ((minutes,),) = database.execute(
        "select extract(epoch from next_retry_at - last_failed_at)::float / 60 from ingestion_failures"
        " where status <> 'resolved'"
    )
    assert minutes is None or isinstance(minutes, float)
    return minutes


# --- attempts


def test_a_good_attempt_is_a_row(ledger: Ledger, database: Database) -> None:
    with ledger.attempt(JOB) as attempt:
        attempt.rows = 3400
        attempt.message = "3400 events"
    ((row),) = database.execute(
        "select source, job, partition_key, verdict, rows, message, run_id, trace_id from ingestion_jobs"
    )
    assert row == (JOB.source, JOB.job, JOB.partition_key, "ok", 3400, "3400 events", "run-1", "run-1")
    ((duration, finished),) = database.execute("select duration_s, finished_at from ingestion_jobs")
    assert isinstance(duration, float)
    assert 0 <= duration < 5
    assert isinstance(finished, datetime)
    assert abs(finished - datetime.now(UTC)) < timedelta(seconds=30)


def test_every_verdict_can_be_an_outcome(ledger: Ledger, database: Database) -> None:
    for verdict in Verdict:
        with ledger.attempt(JOB) as attempt:
            attempt.verdict = verdict
    assert database.execute("select verdict from ingestion_jobs order by job_id") == [(str(v),) for v in Verdict]


def test_an_attempt_that_raises_is_a_row_and_the_error_goes_on(ledger: Ledger, database: Database) -> None:
    outcomes: list[tuple[BaseException, str, str]] = [
        (failed(Verdict.MALFORMED), "malformed", "statsbomb events/1.json: HTTP 503 [malformed]"),
        (KeyError("type"), "transport", "KeyError: 'type'"),
        (KeyboardInterrupt(), "transport", "KeyboardInterrupt: "),
    ]
    for error, _, _ in outcomes:
        with pytest.raises(type(error)) as caught, ledger.attempt(JOB):
            raise error
        assert caught.value is error
    rows = database.execute("select verdict, message from ingestion_jobs order by job_id")
    assert rows == [(verdict, message) for _, verdict, message in outcomes]


def test_every_attempt_is_a_row_of_its_own(ledger: Ledger, database: Database) -> None:
    for _ in range(3):
        with ledger.attempt(JOB):
            pass
    assert database.execute("select count(*) from ingestion_jobs") == [(3,)]


def test_attempts_that_were_made_together_are_recorded_together(ledger: Ledger, database: Database) -> None:
    other = Job("kra", "racing/results", "2025-05-31")
    ledger.record([(JOB, Attempt(rows=3), 0.5), (other, Attempt(Verdict.QUOTA, 0, "22\0"), 1.5)])
    ledger.record([])
    rows = database.execute(
        "select source, verdict, rows, duration_s, message, trace_id from ingestion_jobs order by 1"
    )
    assert rows == [("kra", "quota", 0, 1.5, "22\\0", None), ("statsbomb", "ok", 3, 0.5, "", "run-1")]


def test_rows_survive_the_rollback_of_the_work_they_report_on(ledger: Ledger, database: Database) -> None:
    with pytest.raises(SourceError), ledger.attempt(JOB), database.engine.begin() as connection:
        connection.exec_driver_sql("insert into teams (team_id, name) values ('t', 'Arsenal')")
        ledger.owe(JOB, failed(Verdict.MALFORMED, content=b"{"), "ab" * 32)
        raise failed(Verdict.MALFORMED)
    counts = [
        database.execute(f"select count(*) from {table}")[0][0]
        for table in ("teams", "ingestion_jobs", "ingestion_failures", "quarantine")
    ]
    assert counts == [0, 1, 1, 1]


def test_what_a_hostile_document_makes_us_say_can_be_stored(ledger: Ledger, database: Database) -> None:
    nasty = "a\0b \ud800 é 'quoted' %s"
    error = SourceError(Verdict.MALFORMED, "kra", nasty, nasty, field=nasty, content=b"{")
    with pytest.raises(SourceError), ledger.attempt(JOB):
        raise error
    ledger.owe(JOB, error, "ab" * 32)
    stored = "a\\0b \\ud800 é 'quoted' %s"
    failure = owed(ledger)
    assert (failure.document, failure.reason, failure.field) == (stored, stored, stored)
    assert stored in str(database.execute("select message from ingestion_jobs")[0][0])
    assert ledger.settle(JOB, [nasty]) == 1


# --- what is owed


def test_a_failure_is_owed_until_it_is_settled(ledger: Ledger, database: Database) -> None:
    ledger.owe(JOB, failed(Verdict.MALFORMED, field="events[17].type", content=b"{"), "ab" * 32)
    failure = owed(ledger)
    assert (failure.source, failure.job, failure.partition_key) == (JOB.source, JOB.job, JOB.partition_key)
    assert (failure.document, failure.verdict, failure.field) == (
        "events/1.json",
        Verdict.MALFORMED,
        "events[17].type",
    )
    assert (failure.reason, failure.status, failure.attempts, failure.max_attempts) == ("HTTP 503", "pending", 1, 6)
    assert failure.raw_sha256 == "ab" * 32
    assert ledger.settle(JOB, ["events/1.json", "events/2.json"]) == 1
    assert ledger.failures() == []
    (resolved,) = ledger.failures(["resolved"])
    assert (resolved.failure_id, resolved.status, resolved.next_retry_at) == (failure.failure_id, "resolved", None)
    assert database.execute("select resolved_at is not null, run_id from ingestion_failures") == [(True, "run-1")]


def test_settling_touches_nothing_else(ledger: Ledger) -> None:
    other = Job("statsbomb", JOB.job, "la-liga_2020-2021")
    ledger.owe(JOB, failed())
    ledger.owe(JOB, failed(document="events/2.json"))
    ledger.owe(other, failed())
    assert ledger.settle(JOB, ["events/1.json"]) == 1
    assert ledger.settle(JOB, ["events/1.json"]) == 0
    assert ledger.settle(JOB, []) == 0
    assert [(f.partition_key, f.document) for f in ledger.failures()] == [
        (JOB.partition_key, "events/2.json"),
        (other.partition_key, "events/1.json"),
    ]


def test_what_a_job_did_not_fail_on_is_settled(ledger: Ledger) -> None:
    other = Job(JOB.source, JOB.job, "la-liga_2020-2021")
    for job, document in ((JOB, "a"), (JOB, "b"), (JOB, "c"), (other, "a")):
        ledger.owe(job, failed(document=document))
    assert ledger.settle_all_but(JOB, ["b"]) == 2
    assert [(f.partition_key, f.document) for f in ledger.failures()] == [
        (JOB.partition_key, "b"),
        (other.partition_key, "a"),
    ]
    assert ledger.settle_all_but(JOB, []) == 1


def test_failures_are_narrowed_by_status_and_found_by_id(ledger: Ledger) -> None:
    other = Job("metrica", "football/metrica_raw", "s")
    ledger.owe(JOB, failed())
    ledger.owe(other, failed())
    ledger.settle(JOB, ["events/1.json"])
    assert [f.source for f in ledger.failures()] == ["metrica"]
    assert ledger.failures(["exhausted"]) == []
    both = ledger.failures(["pending", "resolved"])
    assert [f.source for f in both] == ["statsbomb", "metrica"]
    assert ledger.failure(both[0].failure_id) == both[0]
    assert ledger.failure(-1) is None


def test_the_time_to_the_next_try_doubles_up_to_half_an_hour_and_ends_with_the_retries(
    database: Database,
) -> None:
    ledger = Ledger(database.engine, max_retries=7)
    waits = []
    for attempt in range(1, 9):
        ledger.owe(JOB, failed())
        assert (owed(ledger).attempts, owed(ledger).status) == (attempt, "pending" if attempt < 8 else "exhausted")
        waits.append(minutes_to_retry(database))
        database.retries_are_due()
    assert waits == [1, 2, 4, 8, 16, 30, 30, None]


def test_all_five_waits_are_waited_before_a_failure_is_exhausted(ledger: Ledger, database: Database) -> None:
    waits = []
    for _ in range(5):
        ledger.owe(JOB, failed())
        waits.append(minutes_to_retry(database))
        database.retries_are_due()
    assert waits == [1, 2, 4, 8, 16]
    ledger.owe(JOB, failed())
    (failure,) = ledger.failures()
    assert (failure.status, failure.attempts, failure.next_retry_at) == ("exhausted", 6, None)
    assert failure.attempts == failure.max_attempts
    ledger.owe(JOB, failed())
    assert (owed(ledger).status, owed(ledger).attempts) == ("exhausted", 6)
    assert ledger.settle(JOB, ["events/1.json"]) == 1, "it is still owed, and can be settled"


def test_a_schedule_that_finds_the_same_failure_before_its_retry_is_due_uses_up_nothing(
    ledger: Ledger, database: Database
) -> None:
    ledger.owe(JOB, failed())
    before = owed(ledger)
    for _ in range(20):
        ledger.owe(JOB, failed(Verdict.EMPTY_UNEXPECTED))
    after = owed(ledger)
    assert (after.attempts, after.status, after.next_retry_at) == (1, "pending", before.next_retry_at)
    assert (after.verdict, after.last_failed_at) == (Verdict.EMPTY_UNEXPECTED, before.last_failed_at)
    ledger.begin_retry([after.failure_id])
    database.retries_are_due()
    ledger.owe(JOB, failed())
    assert owed(ledger).attempts == 2


def test_a_schedule_that_hears_of_the_quota_puts_the_retry_off_and_never_forward(
    ledger: Ledger, database: Database
) -> None:
    ledger.owe(JOB, failed())
    ledger.owe(JOB, failed(Verdict.QUOTA, retry_after_s=3600.0))
    assert minutes_to_retry(database) == pytest.approx(60, abs=0.5)
    assert owed(ledger).attempts == 1
    ledger.owe(JOB, failed())
    assert minutes_to_retry(database) == pytest.approx(60, abs=0.5)


def test_the_waits_of_the_design() -> None:
    assert [retry_wait(attempts).total_seconds() / 60 for attempts in (*range(1, 8), 10_000)] == [
        1, 2, 4, 8, 16, 30, 30, 30,
    ]  # fmt: skip


def test_what_asking_again_cannot_mend_is_owed_without_a_time(ledger: Ledger, database: Database) -> None:
    for verdict in (Verdict.AUTH, Verdict.BLOCKED, Verdict.MALFORMED):
        ledger.owe(JOB, failed(verdict))
        assert (owed(ledger).status, owed(ledger).verdict) == ("pending", verdict)
        assert minutes_to_retry(database) is None


def test_what_may_pass_is_due_again_in_a_minute(ledger: Ledger, database: Database) -> None:
    for verdict in (Verdict.TRANSPORT, Verdict.QUOTA, Verdict.EMPTY_UNEXPECTED):
        ledger.owe(JOB, failed(verdict))
        assert minutes_to_retry(database) == 1
        ledger.settle(JOB, ["events/1.json"])


def test_a_source_that_says_when_to_come_back_is_not_asked_before(ledger: Ledger, database: Database) -> None:
    ledger.owe(JOB, failed(Verdict.QUOTA, retry_after_s=3600.0))
    assert minutes_to_retry(database) == 60
    database.retries_are_due()
    ledger.owe(JOB, failed(Verdict.QUOTA, retry_after_s=5.0))
    assert minutes_to_retry(database) == 2


def test_a_repeat_brings_the_row_up_to_date(ledger: Ledger) -> None:
    ledger.owe(JOB, failed(Verdict.MALFORMED, field="a", content=b"{"), "ab" * 32)
    first = owed(ledger)
    later = Job(JOB.source, JOB.job, JOB.partition_key, "run-2")
    ledger.owe(later, SourceError(Verdict.TRANSPORT, "statsbomb", "events/1.json", "reset"))
    second = owed(ledger)
    assert second.failure_id == first.failure_id
    assert (second.verdict, second.reason, second.field, second.raw_sha256) == (Verdict.TRANSPORT, "reset", None, None)
    assert second.last_failed_at == first.last_failed_at, "it was no retry"
    assert second.next_retry_at is not None


def test_a_resolved_failure_that_comes_back_is_a_new_row_that_starts_over(ledger: Ledger, database: Database) -> None:
    for _ in range(3):
        ledger.owe(JOB, failed())
        database.retries_are_due()
    ledger.settle(JOB, ["events/1.json"])
    ledger.owe(JOB, failed())
    (old,) = ledger.failures(["resolved"])
    new = owed(ledger)
    assert new.failure_id != old.failure_id
    assert (old.attempts, new.attempts) == (3, 1)


def test_failures_at_the_same_time_make_one_row_and_count_once(database: Database) -> None:
    ledger = Ledger(database.engine, max_retries=100)
    barrier, errors = threading.Barrier(8), list[Exception]()

    def work() -> None:
        barrier.wait()
        try:
            for _ in range(5):
                ledger.owe(JOB, failed(content=b"x"), "ab" * 32)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert owed(ledger).attempts == 1
    assert database.execute("select count(*) from quarantine") == [(1,)]


# --- retries


def pass_minutes(database: Database, minutes: int) -> None:
    database.execute(f"update ingestion_failures set next_retry_at = next_retry_at - interval '{minutes} minutes'")


def due(ledger: Ledger) -> list[str]:
    return [failure.document for failure in ledger.due()]


def test_what_is_due_comes_the_longest_due_first(ledger: Ledger, database: Database) -> None:
    for document in ("a", "b", "c"):
        ledger.owe(JOB, failed(document=document))
    ledger.begin_retry([failure.failure_id for failure in ledger.failures() if failure.document == "b"])
    ledger.owe(JOB, failed(document="b"))
    assert due(ledger) == []
    pass_minutes(database, 2)
    assert due(ledger) == ["a", "c", "b"]


def test_a_retry_under_way_is_not_due_and_a_further_failure_ends_it(ledger: Ledger, database: Database) -> None:
    ledger.owe(JOB, failed())
    pass_minutes(database, 1)
    identifier = owed(ledger).failure_id
    assert ledger.begin_retry([identifier]) == {identifier}
    assert (owed(ledger).status, owed(ledger).attempts) == ("retrying", 1)
    assert due(ledger) == []
    ledger.owe(JOB, failed())
    assert (owed(ledger).status, owed(ledger).attempts) == ("pending", 2)
    assert minutes_to_retry(database) == 2


def test_success_ends_a_retry(ledger: Ledger) -> None:
    ledger.owe(JOB, failed())
    ledger.begin_retry([owed(ledger).failure_id])
    assert ledger.settle(JOB, ["events/1.json"]) == 1
    assert ledger.failures() == []


def test_a_retry_begins_once_and_only_where_something_is_owed(ledger: Ledger) -> None:
    for document in ("a", "b"):
        ledger.owe(JOB, failed(document=document))
    first, second = (failure.failure_id for failure in ledger.failures())
    ledger.settle(JOB, ["b"])
    assert ledger.begin_retry([first, second, -1]) == {first}
    assert ledger.begin_retry([first]) == set()
    assert ledger.begin_retry([]) == set()


def test_a_retry_that_died_is_due_again_after_half_an_hour_and_counts(ledger: Ledger, database: Database) -> None:
    ledger.owe(JOB, failed(Verdict.MALFORMED))
    identifier = owed(ledger).failure_id
    ledger.begin_retry([identifier])
    pass_minutes(database, 29)
    assert due(ledger) == []
    pass_minutes(database, 1)
    assert due(ledger) == ["events/1.json"]
    assert ledger.begin_retry([identifier]) == {identifier}
    assert (owed(ledger).status, owed(ledger).attempts) == ("retrying", 2)
    assert due(ledger) == []


def test_retries_that_always_die_exhaust_a_failure(ledger: Ledger, database: Database) -> None:
    ledger.owe(JOB, failed())
    identifier = owed(ledger).failure_id
    begun = 0
    while ledger.begin_retry([identifier]):
        begun += 1
        pass_minutes(database, 30)
    assert begun == 5
    assert (owed(ledger).status, owed(ledger).attempts, owed(ledger).next_retry_at) == ("exhausted", 6, None)
    assert owed(ledger).last_failed_at > owed(ledger).first_failed_at


def test_an_exhausted_failure_is_not_due_and_can_be_retried_all_the_same(ledger: Ledger, database: Database) -> None:
    for _ in range(6):
        ledger.owe(JOB, failed())
        database.retries_are_due()
    assert due(ledger) == []
    identifier = owed(ledger).failure_id
    assert ledger.begin_retry([identifier]) == {identifier}
    assert owed(ledger).status == "retrying"
    ledger.owe(JOB, failed())
    assert owed(ledger).status == "exhausted"


# --- what a failure's reader is shown


def test_the_last_attempts_of_a_failures_job_come_newest_first(ledger: Ledger) -> None:
    other = Job(JOB.source, JOB.job, "la-liga_2020-2021")
    ledger.owe(JOB, failed())
    for number in range(7):
        with ledger.attempt(JOB) as attempt:
            attempt.rows = number
        with ledger.attempt(other) as attempt:
            attempt.rows = -1
    assert [row["rows"] for row in ledger.last_attempts(owed(ledger))] == [6, 5, 4, 3, 2]


def test_the_quarantines_row_is_that_of_the_kept_bytes(ledger: Ledger) -> None:
    ledger.owe(JOB, failed(Verdict.MALFORMED, content=b"old bytes"), "ab" * 32)
    ledger.owe(JOB, failed(Verdict.MALFORMED, content=b"new"), "cd" * 32)
    row = ledger.quarantined(owed(ledger))
    assert row is not None
    assert (row["sha256"], row["size_bytes"]) == ("cd" * 32, 3)
    ledger.owe(JOB, failed())
    assert ledger.quarantined(owed(ledger)) is None


# --- quarantine


def test_the_same_bytes_are_quarantined_once_and_other_bytes_again(ledger: Ledger, database: Database) -> None:
    for sha256 in ("ab" * 32, "ab" * 32, "cd" * 32):
        ledger.owe(JOB, failed(Verdict.MALFORMED, field="type", content=b"{nope"), sha256)
    rows = database.execute(
        "select source, document, partition_key, sha256, size_bytes, field, reason from quarantine order by 4"
    )
    assert rows == [
        (JOB.source, "events/1.json", JOB.partition_key, sha256, 5, "type", "HTTP 503")
        for sha256 in ("ab" * 32, "cd" * 32)
    ]
    ledger.settle(JOB, ["events/1.json"])
    assert database.execute("select count(*) from quarantine") == [(2,)]


def test_a_failure_without_bytes_is_not_quarantined(ledger: Ledger, database: Database) -> None:
    ledger.owe(JOB, failed())
    assert database.execute("select count(*) from quarantine") == [(0,)]


def test_the_ledger_outlives_a_lost_connection(ledger: Ledger, database: Database) -> None:
    ledger.owe(JOB, failed())
    with database.engine.connect() as other:
        other.exec_driver_sql(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    database.retries_are_due()
    ledger.owe(JOB, failed())
    assert owed(ledger).attempts == 2


def test_the_work_may_retry_while_the_ledger_counts_each_of_its_failures_once(
    ledger: Ledger, database: Database
) -> None:
    tries = []

    def work(_connection: object) -> None:
        tries.append(1)
        if len(tries) == 1:
            import psycopg

            raise OperationalError("x", None, psycopg.errors.DeadlockDetected())

    with ledger.attempt(JOB) as attempt:
        in_transaction(database.engine, work)
        attempt.rows = len(tries)
    assert database.execute("select verdict, rows from ingestion_jobs") == [("ok", 2)]


def test_many_failures_over_one_connection_are_all_recorded(ledger: Ledger) -> None:
    """psycopg prepares a statement on its sixth execution; the upsert must find its index then, too."""
    for number in range(12):
        ledger.owe(
            Job("kra", "racing/results", "2026-11-20"), SourceError(Verdict.TRANSPORT, "kra", f"d{number}", "gone")
        )
    assert len(ledger.failures()) == 12


def test_what_is_owed_for_another_reason_can_be_left(ledger: Ledger) -> None:
    ledger.owe(JOB, failed(Verdict.MALFORMED, "a"))
    ledger.owe(JOB, failed(Verdict.TRANSPORT, "b"))
    assert ledger.settle(JOB, ["a", "b"], verdict=Verdict.MALFORMED) == 1
    assert owed(ledger).document == "b"
