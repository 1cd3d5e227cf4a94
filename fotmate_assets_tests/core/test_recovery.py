"""Recovery: what is due becomes runs, in a pure function and in the sensor as the daemon evaluates it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    Definitions,
    RunRequest,
    StaticPartitionsDefinition,
    asset,
    build_sensor_context,
    define_asset_job,
)
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.core.ledger import Failure, Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.observability import configure_logging
from fotmate_assets.core.recovery import FAILURES_TAG, Recovery, Replay, failure_recovery, retries_due
from fotmate_assets.core.resources import Postgres
from fotmate_assets_tests.databases import Database

DAYS = StaticPartitionsDefinition([f"2025-05-{day:02}" for day in range(1, 32)])


@asset(partitions_def=DAYS)
def results() -> None: ...


@asset
def tracks() -> None: ...


DAY_JOB = define_asset_job("race_day", [results])
TRACKS_JOB = define_asset_job("seed", [tracks])
REPLAYS = [
    Replay("racing/tracks", TRACKS_JOB),
    Replay("racing/", DAY_JOB, lambda _instance, key: DAYS.has_partition_key(key)),
]
DEFINITIONS = Definitions(assets=[results, tracks], jobs=[DAY_JOB, TRACKS_JOB])
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def failure(
    failure_id: int, partition_key: str = "2025-05-31", job: str = "racing/results", attempts: int = 1
) -> Failure:
    return Failure(
        failure_id=failure_id,
        source="kra",
        job=job,
        partition_key=partition_key,
        document=f"d{failure_id}",
        verdict=Verdict.TRANSPORT,
        reason="gone",
        status="pending",
        attempts=attempts,
        max_attempts=6,
        next_retry_at=NOW + timedelta(minutes=attempts),
        first_failed_at=NOW,
        last_failed_at=NOW,
        resolved_at=None,
        field=None,
        raw_sha256=None,
        run_id="run-1",
    )


def decide(*due: Failure) -> Recovery:
    return retries_due(due, REPLAYS, lambda replay, key: (replay.is_known is None) or DAYS.has_partition_key(key))


def test_a_partition_is_run_once_for_all_that_is_due_on_it() -> None:
    recovery = decide(failure(1), failure(2, job="racing/payoffs"), failure(3, "2025-05-30"))
    assert [(retry.replay.job.name, retry.partition_key) for retry in recovery.retries] == [
        ("race_day", "2025-05-31"),
        ("race_day", "2025-05-30"),
    ]
    assert [retry.tags[FAILURES_TAG] for retry in recovery.retries] == ["1,2", "3"]


def test_the_first_replay_that_fits_has_the_job() -> None:
    recovery = decide(failure(1, "", "racing/tracks"))
    assert [(retry.replay.job.name, retry.partition_key) for retry in recovery.retries] == [("seed", "")]


def test_the_next_attempt_has_another_run_key_and_the_same_one_the_same() -> None:
    def key(*due: Failure) -> str:
        (retry,) = decide(*due).retries
        return retry.run_key

    first = key(failure(1), failure(2))
    assert key(failure(1), failure(2)) == first
    assert key(failure(1, attempts=2), failure(2)) != first
    assert key(failure(1)) != first


def test_what_cannot_be_run_is_named_and_takes_no_place() -> None:
    unknown = [failure(number, f"1999-01-{number:02}") for number in range(1, 13)]
    recovery = decide(*unknown, failure(20, job="vision/tracks"), failure(21), failure(22, ""))
    assert [retry.partition_key for retry in recovery.retries] == ["2025-05-31"]
    assert recovery.stuck[0] == "race_day: no partition '1999-01-01' here"
    assert "vision/tracks: nothing retries it" in recovery.stuck
    assert "race_day: no partition '' here" in recovery.stuck
    assert len(recovery.stuck) == 14


def test_a_partition_of_what_has_none_is_not_run() -> None:
    assert decide(failure(1, "2025-05-31", "racing/tracks")).retries == []


@given(st.lists(st.integers(1, 31), max_size=60))
def test_ten_runs_at_most_those_due_first_and_nothing_twice(days: list[int]) -> None:
    due = [failure(number, f"2025-05-{day:02}") for number, day in enumerate(days)]
    recovery = decide(*due)
    partitions = [retry.partition_key for retry in recovery.retries]
    assert partitions == list(dict.fromkeys(one.partition_key for one in due))[:10]
    assert len({retry.run_key for retry in recovery.retries}) == len(partitions)
    for retry in recovery.retries:
        assert retry.failures == [one for one in due if one.partition_key == retry.partition_key]


def test_a_storm_on_one_partition_makes_a_tag_and_a_key_that_dagster_can_index() -> None:
    (retry,) = decide(*(failure(1_000_000 + number) for number in range(5000))).retries
    assert retry.tags[FAILURES_TAG].endswith(" and 4950 more")
    assert len(retry.tags[FAILURES_TAG]) < 500
    assert len(retry.run_key) < 200


# --- the sensor


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def tick(instance: DagsterInstance, database: Database) -> list[RunRequest] | str:
    """The run requests of a tick, or why there are none; resolved as the daemon does."""
    with build_sensor_context(
        instance=instance,
        resources={"postgres": Postgres(url=database.writer_url)},
        repository_def=DEFINITIONS.get_repository_def(),
    ) as context:
        data = failure_recovery(REPLAYS).evaluate_tick(context)
    return data.skip_message or list(data.run_requests or [])


def requests(instance: DagsterInstance, database: Database) -> list[RunRequest]:
    found = tick(instance, database)
    assert not isinstance(found, str), found
    return found


def owe(database: Database, document: str, day: str = "2025-05-31", **more: object) -> None:
    error = SourceError(Verdict.TRANSPORT, "kra", document, "gone")
    for name, value in more.items():
        setattr(error, name, value)
    Ledger(database.engine).owe(Job("kra", "racing/results", day, "run-1"), error)


def pass_minutes(database: Database, minutes: int) -> None:
    database.execute(f"update ingestion_failures set next_retry_at = next_retry_at - interval '{minutes} minutes'")


NOTHING = "nothing that is owed is due"


def test_what_is_owed_is_retried_when_it_is_due_and_not_before_and_once(
    database: Database, instance: DagsterInstance
) -> None:
    assert tick(instance, database) == NOTHING
    owe(database, "a")
    owe(database, "b")
    assert tick(instance, database) == NOTHING
    pass_minutes(database, 1)
    (request,) = requests(instance, database)
    assert (request.job_name, request.partition_key) == ("race_day", "2025-05-31")
    assert request.tags["dagster/partition"] == "2025-05-31"
    identifiers = database.execute("select failure_id, status from ingestion_failures order by 1")
    assert request.tags[FAILURES_TAG] == ",".join(str(identifier) for identifier, _ in identifiers)
    assert [status for _, status in identifiers] == ["retrying", "retrying"]
    assert tick(instance, database) == NOTHING


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED])
def test_a_run_that_lasts_for_hours_is_waited_for_and_is_no_dead_retry(
    database: Database, instance: DagsterInstance, status: DagsterRunStatus
) -> None:
    owe(database, "a")
    pass_minutes(database, 1)
    (request,) = requests(instance, database)
    run = DagsterRun("race_day", tags={"dagster/partition": "2025-05-31"}, status=status)
    instance.add_run(run)
    owe(database, "b", day="2025-05-30")
    pass_minutes(database, 31)
    assert [other.partition_key for other in requests(instance, database)] == ["2025-05-30"]
    pass_minutes(database, 31)
    assert database.execute("select attempts, status from ingestion_failures where document = 'a'") == [(1, "retrying")]
    instance.delete_run(run.run_id)
    assert "2025-05-31" in [other.partition_key for other in requests(instance, database)]
    assert request.partition_key == "2025-05-31"


def test_each_attempt_has_a_run_key_of_its_own_even_when_a_run_dies(
    database: Database, instance: DagsterInstance
) -> None:
    owe(database, "a")
    keys = []
    for minutes in (1, 30, 30):
        pass_minutes(database, minutes)
        keys += [request.run_key for request in requests(instance, database)]
    owe(database, "a")
    pass_minutes(database, 16)
    keys += [request.run_key for request in requests(instance, database)]
    assert len(set(keys)) == 4


def test_a_failure_is_retried_five_times_and_then_exhausted(database: Database, instance: DagsterInstance) -> None:
    owe(database, "a")
    for minutes in (1, 2, 4, 8, 16):
        pass_minutes(database, minutes - 1)
        assert tick(instance, database) == NOTHING
        pass_minutes(database, 1)
        assert len(requests(instance, database)) == 1
        owe(database, "a")
    pass_minutes(database, 1000)
    assert tick(instance, database) == NOTHING
    assert database.execute("select status, attempts from ingestion_failures") == [("exhausted", 6)]


def test_runs_that_always_die_come_to_an_end(database: Database, instance: DagsterInstance) -> None:
    owe(database, "a")
    started = 0
    for _ in range(10):
        pass_minutes(database, 30)
        found = tick(instance, database)
        started += 0 if isinstance(found, str) else len(found)
    assert started == 5
    assert database.execute("select status, attempts from ingestion_failures") == [("exhausted", 6)]


def test_a_quota_is_not_asked_before_its_reset(database: Database, instance: DagsterInstance) -> None:
    owe(database, "a", verdict=Verdict.QUOTA, retry_after_s=7200.0)
    pass_minutes(database, 119)
    assert tick(instance, database) == NOTHING
    pass_minutes(database, 1)
    assert len(requests(instance, database)) == 1


def test_what_asking_again_cannot_mend_is_not_retried_by_itself(database: Database, instance: DagsterInstance) -> None:
    for verdict in (Verdict.MALFORMED, Verdict.AUTH, Verdict.BLOCKED):
        owe(database, str(verdict), verdict=verdict)
    pass_minutes(database, 1000)
    assert tick(instance, database) == NOTHING


def test_the_eleventh_partition_waits_for_the_next_tick(database: Database, instance: DagsterInstance) -> None:
    days = [f"2025-05-{day:02}" for day in range(1, 13)]
    for day in days:
        owe(database, "a", day)
    pass_minutes(database, 2)
    assert [request.partition_key for request in requests(instance, database)] == days[:10]
    assert [request.partition_key for request in requests(instance, database)] == days[10:]


def test_a_partition_that_there_is_not_is_told_and_stops_no_other(
    database: Database, instance: DagsterInstance
) -> None:
    owe(database, "a", "1999-01-01")
    pass_minutes(database, 2)
    assert tick(instance, database) == "due, and cannot be retried: race_day: no partition '1999-01-01' here"
    owe(database, "a")
    pass_minutes(database, 2)
    assert [request.partition_key for request in requests(instance, database)] == ["2025-05-31"]


def test_a_retry_is_one_log_line_with_the_run_that_failed(
    database: Database, instance: DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    owe(database, "a")
    pass_minutes(database, 1)
    configure_logging("INFO", "json")
    capsys.readouterr()
    requests(instance, database)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert [(line["event"], line["job"], line["trace_id"]) for line in told] == [("retrying", "race_day", "run-1")]
