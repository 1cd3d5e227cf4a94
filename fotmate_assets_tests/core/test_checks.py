"""Asset checks of plain findings, on both event logs that Dagster keeps: SQLite and Postgres."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetCheckKey,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    BackfillPolicy,
    DagsterInstance,
    DailyPartitionsDefinition,
    Definitions,
    ExecuteInProcessResult,
    TableMetadataValue,
    asset,
    define_asset_job,
)
from dagster._core.event_api import PartitionKeyFilter
from sqlalchemy import Connection, text

from fotmate_assets.core.checks import SHOWN, Check, checks_of
from fotmate_assets.core.ledger import Job, Ledger
from fotmate_assets.core.model import Finding, SourceError, Verdict
from fotmate_assets.core.resources import Postgres
from fotmate_assets.embedded.stack import Stack
from fotmate_assets_tests.databases import Database

ROOT = Path(__file__).parents[2]
DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]
FIRST, MIDDLE, LAST = DAYS
DAY = DailyPartitionsDefinition(FIRST, end_date="2025-03-04")


@pytest.fixture
def instance(
    request: pytest.FixtureRequest, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    """A Dagster instance with its event log in SQLite; where asked for, the production one on Postgres."""
    if getattr(request, "param", "sqlite") == "sqlite":
        with DagsterInstance.local_temp(str(tmp_path)) as made:
            yield made
        return
    for name, value in stack.environment().items():
        if name.startswith("DAGSTER_"):
            monkeypatch.setenv(name, value)
    (tmp_path / "dagster.yaml").symlink_to(ROOT / "dagster.yaml")
    with DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


on_both_event_logs = pytest.mark.parametrize("instance", ["sqlite", "postgres"], indirect=True)


def is_whole(connection: Connection, key: str) -> list[Finding]:
    """Every row of the day is there."""
    return _found(connection, "is_whole", key)


def is_plausible(connection: Connection, key: str) -> list[Finding]:
    """Nothing of the day looks odd."""
    return _found(connection, "is_plausible", key)


def _found(connection: Connection, check: str, key: str) -> list[Finding]:
    query = text(
        "select document from ingestion_failures"
        " where job = :check and partition_key = :key and status <> 'resolved' order by document"
    )
    return [
        Finding(document, "rows", "is gone") for document in connection.scalars(query, {"check": check, "key": key})
    ]


@dataclass
class House:
    """A table, what is made of it, and their checks; what is broken is what is owed."""

    instance: DagsterInstance
    database: Database
    partitions_def: DailyPartitionsDefinition | None
    blocking: bool = False

    def __post_init__(self) -> None:
        self.table = AssetKey(f"table_{uuid.uuid4().hex}")  # the Postgres event log is everybody's
        self.report = AssetKey(f"report_{uuid.uuid4().hex}")

    def breaks(self, check: str, key: str, *documents: str) -> None:
        for document in documents or ("row",):
            error = SourceError(Verdict.MALFORMED, "kra", document, "is gone")
            Ledger(self.database.engine).owe(Job("kra", check, key), error)

    def repairs(self, check: str, key: str) -> None:
        Ledger(self.database.engine).settle(Job("kra", check, key), ["row"])

    @property
    def definitions(self) -> Definitions:
        single_run = BackfillPolicy.single_run() if self.partitions_def else None

        @asset(key=self.table, partitions_def=self.partitions_def, backfill_policy=single_run)
        def table(context: AssetExecutionContext) -> None: ...

        @asset(key=self.report, deps=[table], partitions_def=self.partitions_def, backfill_policy=single_run)
        def report(context: AssetExecutionContext) -> None: ...

        checks = checks_of(
            "checks",
            [
                Check(is_whole, self.table, blocking=self.blocking),
                Check(is_plausible, self.table, AssetCheckSeverity.WARN),
            ],
            self.partitions_def,
        )
        assets: list[AssetsDefinition] = [table, report]
        jobs = [
            define_asset_job("everything", AssetSelection.assets(*assets)),
            define_asset_job("checks_alone", AssetSelection.checks(*checks.check_keys)),
            define_asset_job("one_check", AssetSelection.checks(self.key("is_plausible"))),
        ]
        return Definitions(
            assets=assets,
            asset_checks=[checks],
            jobs=jobs,
            resources={"postgres": Postgres(url=self.database.writer_url)},
        )

    def key(self, check: str) -> AssetCheckKey:
        return AssetCheckKey(self.table, check)

    def run(self, *keys: str, job: str = "everything") -> ExecuteInProcessResult:
        """Run a job of no partition, of one (a tag, as Dagster's daemon sets it), or from the first to the last."""
        tags: Mapping[str, str] = {}
        if len(keys) == 1:
            tags = {"dagster/partition": keys[0]}
        elif keys:
            tags = range_of(keys[0], keys[-1])
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, raise_on_error=False
        )

    def verdicts(self, check: str) -> dict[str | None, str]:
        """Status of the latest execution of a check, per partition as Dagster keeps them."""
        log = self.instance.event_log_storage
        return {
            key: record.status.value
            for key in [None, *DAYS]
            for record in log.get_asset_check_execution_history(
                self.key(check), limit=1, partition_filter=PartitionKeyFilter(key=key)
            )
        }

    def statuses_of_all_rows(self) -> set[str]:
        """Of every execution of either check that Dagster ever noted."""
        log = self.instance.event_log_storage
        return {
            record.status.value
            for check in ("is_whole", "is_plausible")
            for record in log.get_asset_check_execution_history(self.key(check), limit=1000)
        }

    def made(self, result: ExecuteInProcessResult, key: AssetKey) -> list[str | None]:
        events = result.get_asset_materialization_events()
        return [event.materialization.partition for event in events if event.asset_key == key]


def range_of(first: str, last: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def evaluated(result: ExecuteInProcessResult) -> Sequence[tuple[str, str | None, bool]]:
    return [(each.check_name, each.partition, each.passed) for each in result.get_asset_check_evaluations()]


@pytest.fixture
def days(instance: DagsterInstance, database: Database) -> House:
    return House(instance, database, DAY)


@on_both_event_logs
@pytest.mark.parametrize("job", ["everything", "checks_alone"])
def test_a_range_has_a_verdict_for_each_of_its_partitions_and_leaves_nothing_planned(days: House, job: str) -> None:
    days.breaks("is_whole", MIDDLE)
    assert days.run(FIRST, LAST, job=job).success
    assert days.verdicts("is_whole") == {FIRST: "SUCCEEDED", MIDDLE: "FAILED", LAST: "SUCCEEDED"}
    assert days.verdicts("is_plausible") == dict.fromkeys(DAYS, "SUCCEEDED")
    assert days.statuses_of_all_rows() == {"SUCCEEDED", "FAILED"}


def test_what_a_range_says_is_what_the_days_alone_would_say(days: House) -> None:
    days.breaks("is_whole", MIDDLE, "a", "b", "c", "d")
    days.breaks("is_plausible", LAST)

    def told(*keys: str) -> dict[tuple[str, str | None], Any]:
        return {
            (each.check_name, each.partition): (
                each.passed,
                each.severity,
                each.blocking,
                each.description,
                each.metadata,
                each.target_materialization_data and each.target_materialization_data.run_id == result.run_id,
            )
            for result in [days.run(*keys)]
            for each in result.get_asset_check_evaluations()
        }

    assert told(FIRST, LAST) == told(FIRST) | told(MIDDLE) | told(LAST)


@on_both_event_logs
def test_verdicts_are_about_the_latest_materialization_of_their_partition(days: House) -> None:
    """Dagster says so by storage id: without it a verdict counts as one of older data."""
    made = days.run(FIRST, LAST)
    days.run(FIRST, LAST, job="checks_alone")
    infos = days.instance.event_log_storage.get_asset_check_partition_info([days.key("is_whole")])
    assert {info.partition_key for info in infos} == set(DAYS)
    for info in infos:
        assert info.is_current and info.latest_target_materialization_storage_id is not None, info
        assert info.latest_planned_run_id != made.run_id
    days.run(MIDDLE, LAST)
    days.run(LAST, job="checks_alone")
    assert all(
        info.is_current
        for info in days.instance.event_log_storage.get_asset_check_partition_info([days.key("is_whole")])
    )


def test_a_date_that_is_repaired_passes_in_the_next_range(days: House) -> None:
    days.breaks("is_whole", MIDDLE)
    days.run(FIRST, LAST)
    days.repairs("is_whole", MIDDLE)
    days.run(MIDDLE, LAST)
    assert days.verdicts("is_whole") == dict.fromkeys(DAYS, "SUCCEEDED")
    assert "PLANNED" not in days.statuses_of_all_rows()


def test_a_range_of_one_date_is_that_date(days: House) -> None:
    days.breaks("is_whole", MIDDLE)
    job = days.definitions.resolve_job_def("everything")
    result = job.execute_in_process(instance=days.instance, tags=range_of(MIDDLE, MIDDLE), raise_on_error=False)
    assert result.success
    assert days.verdicts("is_whole") == {MIDDLE: "FAILED"}
    assert days.statuses_of_all_rows() == {"SUCCEEDED", "FAILED"}


@on_both_event_logs
def test_a_blocking_check_blocks_the_range_for_one_broken_date(instance: DagsterInstance, database: Database) -> None:
    house = House(instance, database, DAY, blocking=True)
    house.breaks("is_whole", MIDDLE)
    result = house.run(FIRST, LAST)
    assert not result.success
    assert house.made(result, house.table) == DAYS
    assert house.made(result, house.report) == []
    assert house.verdicts("is_whole") == {FIRST: "SUCCEEDED", MIDDLE: "FAILED", LAST: "SUCCEEDED"}
    assert house.verdicts("is_plausible") == dict.fromkeys(DAYS, "SUCCEEDED"), "the others are still judged"
    assert "PLANNED" not in house.statuses_of_all_rows()


def test_a_blocking_check_that_passes_lets_the_range_go_on(instance: DagsterInstance, database: Database) -> None:
    house = House(instance, database, DAY, blocking=True)
    house.breaks("is_plausible", MIDDLE)
    result = house.run(FIRST, LAST)
    assert result.success
    assert house.made(result, house.report) == DAYS


def test_one_check_of_a_range_runs_alone(days: House) -> None:
    result = days.run(FIRST, LAST, job="one_check")
    assert result.success
    assert evaluated(result) == [("is_plausible", day, True) for day in DAYS]
    assert days.verdicts("is_whole") == {}


@on_both_event_logs
def test_one_date_alone_is_judged_as_that_date(days: House) -> None:
    days.breaks("is_whole", MIDDLE)
    result = days.run(MIDDLE)
    assert evaluated(result) == [("is_whole", MIDDLE, False), ("is_plausible", MIDDLE, True)]
    assert days.verdicts("is_whole") == {MIDDLE: "FAILED"}
    assert days.statuses_of_all_rows() == {"SUCCEEDED", "FAILED"}


def test_checks_without_partitions_are_judged_once(instance: DagsterInstance, database: Database) -> None:
    house = House(instance, database, None)
    house.breaks("is_whole", "")
    result = house.run()
    assert evaluated(result) == [("is_whole", None, False), ("is_plausible", None, True)]
    assert house.verdicts("is_whole") == {None: "FAILED"}


@pytest.mark.parametrize("tags", [range_of(FIRST, LAST), {"dagster/partition": FIRST}])
def test_checks_without_partitions_are_judged_once_in_a_run_that_has_them(
    instance: DagsterInstance, database: Database, tags: dict[str, str]
) -> None:
    house = House(instance, database, None)
    house.breaks("is_whole", "")
    job = house.definitions.resolve_job_def("checks_alone")
    result = job.execute_in_process(instance=instance, tags=tags)
    assert evaluated(result) == [("is_whole", None, False), ("is_plausible", None, True)]
    assert "PLANNED" not in house.statuses_of_all_rows()


def test_later_steps_get_of_a_range_what_they_get_of_one_date(days: House) -> None:
    def outputs(result: ExecuteInProcessResult) -> list[str]:
        events = result.events_for_node("checks")
        return [event.step_output_data.output_name for event in events if event.is_successful_output]

    assert outputs(days.run(FIRST, LAST)) == outputs(days.run(FIRST))
    assert len(outputs(days.run(FIRST, LAST, job="one_check"))) == 1


def test_a_failure_names_the_first_findings_and_counts_all(days: House) -> None:
    days.breaks("is_whole", MIDDLE, *(f"row {number:02}" for number in range(SHOWN + 10)))
    (found,) = [each for each in days.run(FIRST, LAST).get_asset_check_evaluations() if not each.passed]
    assert found.description == "; ".join(f"row {number:02} rows: is gone" for number in range(3)) + (
        f"; and {SHOWN + 7} more"
    )
    assert found.metadata["findings"].value == SHOWN + 10
    examples = found.metadata["examples"]
    assert isinstance(examples, TableMetadataValue)
    assert len(examples.records) == SHOWN
