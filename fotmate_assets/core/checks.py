"""Asset checks out of plain findings: one way to say what is wrong, in the UI and in CI."""

import warnings
from collections.abc import Callable, Sequence
from typing import Protocol

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    MetadataValue,
    PartitionsDefinition,
    TableRecord,
    asset_check,
)
from dagster_shared.utils.warnings import PreviewWarning
from sqlalchemy import Connection

from fotmate_assets.core.resources import Postgres

SHOWN = 50


class Found(Protocol):
    """One thing that is wrong."""

    @property
    def match_id(self) -> str:
        """What it is about."""

    @property
    def field(self) -> str:
        """The field at fault."""

    @property
    def message(self) -> str:
        """What is wrong, for a reader."""


def check_of(
    look: Callable[[Connection, str], Sequence[Found]],
    asset: AssetKey,
    *,
    partitions_def: PartitionsDefinition[str] | None,
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR,
    blocking: bool = False,
) -> AssetChecksDefinition:
    """The asset check that runs `look` on the partition; its name and description are the function's."""

    def check(context: AssetCheckExecutionContext, postgres: Postgres) -> AssetCheckResult:
        key = context.partition_key if context.has_partition_key else ""
        with postgres.engine.connect() as connection:
            found = look(connection, key)
        return judged(found, severity)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PreviewWarning)  # partitioned checks; the dagster family is pinned
        return asset_check(
            asset=asset,
            name=look.__name__,
            description=look.__doc__,
            partitions_def=partitions_def,
            blocking=blocking,
        )(check)


def judged(found: Sequence[Found], severity: AssetCheckSeverity) -> AssetCheckResult:
    """Passed without a finding; else a message with the first ones and a table of the first fifty."""
    first = "; ".join(f"{one.match_id} {one.field}: {one.message}" for one in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return AssetCheckResult(
        passed=not found,
        severity=severity,
        description=first + more if found else None,
        metadata={
            "findings": len(found),
            "examples": MetadataValue.table(
                [TableRecord({"about": f.match_id, "field": f.field, "message": f.message}) for f in found[:SHOWN]]
            )
            if found
            else MetadataValue.null(),
        },
    )
