"""Asset checks out of plain findings: one way to say what is wrong, in the UI and in CI."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    PartitionsDefinition,
    TableRecord,
    multi_asset_check,
)
from dagster_shared.utils.warnings import PreviewWarning
from sqlalchemy import Connection

from fotmate_assets.core.model import Finding
from fotmate_assets.core.resources import Postgres

SHOWN = 50


@dataclass(frozen=True)
class Check:
    """A look at a partition's rows, as a check of an asset. Its name and description are the function's."""

    look: Callable[[Connection, str], Sequence[Finding]]
    asset: AssetKey
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
    blocking: bool = False


def checks_of(
    name: str, checks: Sequence[Check], partitions_def: PartitionsDefinition[str] | None
) -> AssetChecksDefinition:
    """The asset checks of one kind of partition as one op, `name`: a step costs more than a check does.

    Each can still be run alone. A run over a range of partitions judges all of them together.
    """
    by_key = {AssetCheckKey(check.asset, check.look.__name__): check for check in checks}

    def look(context: AssetCheckExecutionContext, postgres: Postgres) -> Iterator[AssetCheckResult]:
        op = context.op_execution_context
        keys = op.partition_keys if op.has_partition_key or op.has_partition_key_range else [""]
        with postgres.engine.connect() as connection:
            for check_key, check in by_key.items():
                if check_key in op.selected_asset_check_keys:
                    found = [finding for key in keys for finding in check.look(connection, key)]
                    yield judged(found, check.severity, check_key)

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
        return multi_asset_check(name=name, specs=specs, can_subset=True)(look)


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
