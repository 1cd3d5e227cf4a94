"""Asset checks out of plain findings: one way to say what is wrong, in the UI and in CI."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetRecordsFilter,
    DagsterEventType,
    DagsterInstance,
    MetadataValue,
    Output,
    PartitionsDefinition,
    TableRecord,
    multi_asset_check,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster_shared.utils.warnings import PreviewWarning
from sqlalchemy import Connection

from fotmate_assets.core.failures import infrastructure_retried
from fotmate_assets.core.model import Finding
from fotmate_assets.core.resources import Postgres

SHOWN = 50

PAGE = 1000
"""Events fetched at a time; Dagster refuses very many."""


Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """A look at a partition's rows, as a check of an asset. Its name and description are the function's."""

    look: Callable[[Subject, str], Sequence[Finding]]
    """Given what is looked at, mostly the database, and the partition."""
    asset: AssetKey
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
    blocking: bool = False


def checks_of(
    name: str, checks: Sequence[Check[Connection]], partitions_def: PartitionsDefinition[str] | None
) -> AssetChecksDefinition:
    """The checks of one kind of partition that look at the database, as one op, `name`. See `checks_on`."""
    return checks_on(name, checks, partitions_def, lambda _resources, connection, _partition: connection)


def checks_on(
    name: str,
    checks: Sequence[Check[Subject]],
    partitions_def: PartitionsDefinition[str] | None,
    opened: Callable[[Any, Connection, str], Subject],
    resources: Sequence[str] = (),
) -> AssetChecksDefinition:
    """The asset checks of one kind of partition as one op, `name`: a step costs more than a check does.

    Each can still be run alone. A run over a range of partitions judges each of them by itself. `opened` gets what the
    checks look at, once for each partition, with the help of `resources` beside the database.
    """
    by_key = {AssetCheckKey(check.asset, check.look.__name__): check for check in checks}

    def look(
        context: AssetCheckExecutionContext,
    ) -> Iterator[AssetCheckResult | AssetCheckEvaluation | Output[None]]:
        op = context.op_execution_context
        selected = [(key, check) for key, check in by_key.items() if key in context.selected_asset_check_keys]
        postgres: Postgres = op.resources.postgres
        with infrastructure_retried(), postgres.engine.connect() as connection:
            if partitions_def is not None and op.has_partition_key_range and not op.has_partition_key:
                subjects = {key: opened(op.resources, connection, key) for key in op.partition_keys}
                yield from _each_of_the_range(context, subjects, selected)
                return
            partition = op.partition_key if partitions_def is not None and op.has_partition_key else ""
            subject = opened(op.resources, connection, partition)
            for key, check in selected:
                yield judged(check.look(subject, partition), check.severity, key)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PreviewWarning)  # partitioned checks; the dagster family is pinned
        specs = [
            AssetCheckSpec(
                key.name,
                asset=key.asset_key,
                description=check.look.__doc__,
                blocking=check.blocking,
                partitions_def=partitions_def,
            )
            for key, check in by_key.items()
        ]
        required = {"postgres", *resources}
        return multi_asset_check(name=name, specs=specs, can_subset=True, required_resource_keys=required)(look)


def _each_of_the_range(
    context: AssetCheckExecutionContext,
    subjects: Mapping[str, Subject],
    checks: Sequence[tuple[AssetCheckKey, Check[Subject]]],
) -> Iterator[AssetCheckEvaluation | Output[None]]:
    """An evaluation per check and partition of the run's range.

    Of an AssetCheckResult Dagster makes one evaluation without a partition there, and what it planned for each
    partition stays planned. So we yield what it would make: the evaluations, and the output that later steps wait for.
    """
    targets = {
        asset: _latest_materializations(context.instance, asset, list(subjects))
        for asset in {key.asset_key for key, _check in checks}
    }
    for key, check in checks:
        for partition, subject in subjects.items():
            result = judged(check.look(subject, partition), check.severity, key)
            yield AssetCheckEvaluation(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=result.passed,
                metadata=result.metadata,
                target_materialization_data=targets[key.asset_key].get(partition),
                severity=result.severity,
                description=result.description,
                blocking=check.blocking,
                partition=partition,
            )
        yield Output(None, output_name=AssetCheckSpec(key.name, asset=key.asset_key).get_python_identifier())


def _latest_materializations(
    instance: DagsterInstance, asset: AssetKey, partitions: Sequence[str]
) -> dict[str, AssetCheckEvaluationTargetMaterializationData]:
    """What a verdict on each partition is about: without it Dagster takes the verdict for one on older data."""
    latest = instance.get_latest_storage_id_by_partition(asset, DagsterEventType.ASSET_MATERIALIZATION, set(partitions))
    ids = sorted(latest.values())
    found = {}
    for start in range(0, len(ids), PAGE):
        asked = AssetRecordsFilter(asset_key=asset, storage_ids=ids[start : start + PAGE])
        for record in instance.fetch_materializations(asked, limit=PAGE).records:
            found[record.storage_id] = AssetCheckEvaluationTargetMaterializationData(
                storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
            )
    return {partition: found[storage_id] for partition, storage_id in latest.items() if storage_id in found}


def judged(found: Sequence[Finding], severity: AssetCheckSeverity, key: AssetCheckKey) -> AssetCheckResult:
    """Passed without a finding; else a message with the first ones and a table of the first fifty."""
    first = "; ".join(f"{one.subject} {one.field}: {one.message}" for one in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    examples = [
        TableRecord({"about": one.subject, "field": one.field, "message": one.message}) for one in found[:SHOWN]
    ]
    return AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not found,
        severity=severity,
        description=first + more if found else None,
        metadata={"findings": len(found), **({"examples": MetadataValue.table(examples)} if found else {})},
    )
