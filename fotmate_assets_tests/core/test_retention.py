"""Retention on a real Dagster instance in Postgres: what goes, and what must not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import (
    AssetCheckResult,
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
    StaticPartitionsDefinition,
    asset,
    asset_check,
    materialize,
)
from sqlalchemy import text

from fotmate_assets.core.retention import prune_event_log
from fotmate_assets.embedded.stack import Stack

ROOT = Path(__file__).parents[2]


@pytest.fixture
def instance(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The production instance configuration on the session's Postgres."""
    for name, value in stack.environment().items():
        if name.startswith("DAGSTER_"):
            monkeypatch.setenv(name, value)
    (tmp_path / "dagster.yaml").symlink_to(ROOT / "dagster.yaml")
    with DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def test_old_log_lines_go_and_the_history_of_assets_stays(instance: DagsterInstance) -> None:
    parts = StaticPartitionsDefinition(["a", "b"])

    @asset(partitions_def=parts)
    def table(context) -> None:  # type: ignore[no-untyped-def]
        context.log.info("a line")

    @asset_check(asset=table)
    def fine() -> AssetCheckResult:
        return AssetCheckResult(passed=True)

    runs = {key: materialize([table, fine], instance=instance, partition_key=key).run_id for key in ("a", "b")}
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        aged = text("update event_logs set timestamp = timestamp - interval '31 days' where run_id = :run")
        connection.execute(aged, {"run": runs["a"]})

    def rows(run_id: str) -> list[str]:
        with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
            query = text("select coalesce(dagster_event_type, 'LOG') from event_logs where run_id = :run")
            return sorted(connection.scalars(query, {"run": run_id}))

    young = rows(runs["b"])
    pruned = prune_event_log(instance, 30)
    assert pruned > 0
    assert rows(runs["b"]) == young, "young rows stay"
    assert set(rows(runs["a"])) >= {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "PIPELINE_SUCCESS"}
    assert not [kind for kind in rows(runs["a"]) if not kind.startswith(("ASSET_", "PIPELINE_"))]

    asked = AssetRecordsFilter(asset_key=AssetKey("table"), asset_partitions=["a"])
    assert len(instance.fetch_materializations(asked, limit=5).records) == 1
    assert instance.get_materialized_partitions(AssetKey("table")) == {"a", "b"}
    assert prune_event_log(instance, 30) == 0


def test_an_instance_without_postgres_is_refused() -> None:
    with DagsterInstance.ephemeral() as ephemeral, pytest.raises(TypeError, match="only an event log in Postgres"):
        prune_event_log(ephemeral, 30)
