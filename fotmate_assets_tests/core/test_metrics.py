"""Metrics as Prometheus sees them: real HTTP scrapes, parsed by its own parser."""

import socket
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fotmate_assets.core.ledger import Job, Ledger
from fotmate_assets.core.metrics import DURATION_BUCKETS, served
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import make_engine
from fotmate_assets_tests.databases import Database

JOB = Job("kra", "racing/results", "2025-05-31")
OF_JOB = {"source": "kra", "job": "racing/results"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def port(database: Database) -> Iterator[int]:
    with served(database.engine, "127.0.0.1", 0) as listening:
        yield listening


def scrape(port: int) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        assert answer.status == 200
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples
        }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def attempted(
    ledger: Ledger, database: Database, *durations: float, verdict: Verdict = Verdict.OK, rows: int = 0
) -> None:
    for duration in durations:
        with ledger.attempt(JOB) as attempt:
            attempt.verdict, attempt.rows = verdict, rows
        database.execute(
            "update ingestion_jobs set duration_s = :duration where job_id = (select max(job_id) from ingestion_jobs)",
            duration=duration,
        )


def owe(ledger: Ledger, document: str, verdict: Verdict = Verdict.TRANSPORT) -> None:
    ledger.owe(JOB, SourceError(verdict, "kra", document, "gone"))


def test_an_empty_ledger_is_up_and_owes_nothing(port: int) -> None:
    assert scrape(port) == {("ingestion_up", frozenset()): 1, ("ingestion_oldest_owed_seconds", frozenset()): 0}


def test_attempts_and_rows_are_counted(ledger: Ledger, database: Database, port: int) -> None:
    attempted(ledger, database, 1.0, 2.0, rows=100)
    attempted(ledger, database, 1.0, verdict=Verdict.QUOTA)
    samples = scrape(port)
    assert value(samples, "ingestion_jobs_total", **OF_JOB, verdict="ok") == 2
    assert value(samples, "ingestion_jobs_total", **OF_JOB, verdict="quota") == 1
    assert value(samples, "ingestion_rows_total", **OF_JOB) == 200


def test_a_duration_lies_in_the_bucket_that_it_is_the_bound_of(ledger: Ledger, database: Database, port: int) -> None:
    attempted(ledger, database, 0.0, 0.1, 0.5, 0.51, 1800.0, 99_999.0)
    samples = scrape(port)
    expected = {"0.1": 2, "0.25": 2, "0.5": 3, "1.0": 4, "600.0": 4, "1800.0": 5, "+Inf": 6}
    for bound, count in expected.items():
        assert value(samples, "ingestion_job_duration_seconds_bucket", **OF_JOB, le=bound) == count, bound
    buckets = [name for name, _ in samples if name == "ingestion_job_duration_seconds_bucket"]
    assert len(buckets) == len(DURATION_BUCKETS) + 1
    assert value(samples, "ingestion_job_duration_seconds_count", **OF_JOB) == 6
    assert value(samples, "ingestion_job_duration_seconds_sum", **OF_JOB) == pytest.approx(101_800.11)


def test_the_last_success_is_that_of_the_last_attempt_that_had_all(
    ledger: Ledger, database: Database, port: int
) -> None:
    at = datetime(2025, 5, 31, 12, tzinfo=UTC)
    for hours, verdict in enumerate((Verdict.OK, Verdict.EMPTY_EXPECTED, Verdict.NOT_YET, Verdict.TRANSPORT)):
        attempted(ledger, database, 1.0, verdict=verdict)
        database.execute(
            "update ingestion_jobs set finished_at = :at where verdict = :verdict",
            at=at + timedelta(hours=hours),
            verdict=verdict,
        )
    last = value(scrape(port), "ingestion_last_success_timestamp_seconds", **OF_JOB)
    assert last == (at + timedelta(hours=1)).timestamp()


def test_what_is_owed_is_a_gauge_by_status_and_goes_down_to_zero(ledger: Ledger, database: Database, port: int) -> None:
    owe(ledger, "a")
    owe(ledger, "b")
    owe(ledger, "c", Verdict.AUTH)
    database.execute("update ingestion_failures set first_failed_at = now() - interval '1 hour' where document = 'a'")

    def gauge(status: str, verdict: str = "transport") -> float | None:
        return value(scrape(port), "ingestion_failures", **OF_JOB, status=status, verdict=verdict)

    assert (gauge("pending"), gauge("pending", "auth"), gauge("resolved")) == (2, 1, 0)
    oldest = value(scrape(port), "ingestion_oldest_owed_seconds")
    assert oldest is not None and oldest >= 3600
    ledger.settle(JOB, ["a", "b", "c"])
    assert (gauge("pending"), gauge("exhausted"), gauge("resolved")) == (0, 0, 2)
    assert value(scrape(port), "ingestion_oldest_owed_seconds") == 0


def test_every_process_tells_the_same_whoever_did_the_work(ledger: Ledger, database: Database, port: int) -> None:
    attempted(ledger, database, 1.0, 2.0)
    with served(make_engine(database.reader_url), "127.0.0.1", 0) as other:
        assert scrape(other) == scrape(port)


def test_labels_can_hold_what_a_source_may_be_called(ledger: Ledger, port: int) -> None:
    nasty = 'a"b\\c\nd é'
    with ledger.attempt(Job(nasty, "j", "p")):
        pass
    assert value(scrape(port), "ingestion_jobs_total", source=nasty, job="j", verdict="ok") == 1


def test_a_database_that_is_away_is_told_and_is_no_error(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(make_engine(database.reader_url), "127.0.0.1", 0) as port:
        assert value(scrape(port), "ingestion_up") == 1
        with make_engine(database.owner_url).begin() as owner:
            owner.exec_driver_sql("revoke select on ingestion_failures from fotmate_reader")
        assert scrape(port) == {("ingestion_up", frozenset()): 0}
    with served(make_engine("postgresql+psycopg://a:s3cret@127.0.0.1:9/d"), "127.0.0.1", 0) as port:
        assert scrape(port) == {("ingestion_up", frozenset()): 0}
    told = capsys.readouterr()
    assert "Traceback" not in told.err + told.out
    assert "s3cret" not in told.err + told.out


def test_it_listens_where_it_is_told_and_stops_at_the_end(database: Database) -> None:
    before = threading.active_count()
    with served(database.engine, "127.0.0.1", 0) as port, pytest.raises(OSError, match="in use"):
        scrape(port)
        with served(database.engine, "127.0.0.1", port):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert threading.active_count() <= before
