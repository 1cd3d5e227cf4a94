"""Failures as Dagster sees them: one retry system owns each.

Dagster retries at three levels (op policy, run retries, automation). What a source refuses for good must
be retried by none of them: the ledger owns it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dagster import AssetExecutionContext, Failure, MetadataValue, RetryPolicy, RetryRequested

from fotmate_assets.core.model import SourceError
from fotmate_assets.core.object_store import is_storage_trouble
from fotmate_assets.core.postgres import is_transient

NOT_AGAIN = {"dagster/retry_on_asset_or_op_failure": "false"}
"""Tags of a run that the daemon leaves alone."""

INFRASTRUCTURE_RETRIES = RetryPolicy(max_retries=3, delay=10)
"""For assets whose IO manager meets a database or bucket that is away."""


@contextmanager
def infrastructure_retried() -> Iterator[None]:
    """Ask Dagster to run the op again, three times at most, when the database or the bucket went away.

    Nothing else is retried here: sources retry inside their own calls, and a bug stays a bug.
    """
    try:
        yield
    except Exception as error:
        if is_transient(error) or is_storage_trouble(error):
            raise RetryRequested(max_retries=3, seconds_to_wait=10) from error
        raise


NAMED = 50
"""Failures that a run tells of; a backfill of years without a key has thousands. The ledger names all."""


def leave_to_ledger(context: AssetExecutionContext, failures: Sequence[SourceError]) -> None:
    """Log what is owed. The ledger retries it, so the daemon must not run all of this again for a failed check."""
    for failure in failures[:NAMED]:
        context.log.error(str(failure))
    if len(failures) > NAMED:
        context.log.error(f"and {len(failures) - NAMED} more; the ledger names all")
    if failures:
        context.instance.add_run_tags(context.run.run_id, NOT_AGAIN)


def permanent_failure(context: AssetExecutionContext, errors: Sequence[SourceError]) -> Failure:
    """A failure that neither the op nor the daemon retries; the ledger does, when it is due."""
    context.instance.add_run_tags(context.run.run_id, NOT_AGAIN)
    return Failure(
        description="; ".join(str(error) for error in errors[:5]),
        metadata={
            "verdict": MetadataValue.text(errors[0].verdict.value),
            "failures": MetadataValue.md(failure_list(errors[:NAMED])),
        },
        allow_retries=False,
    )


def failure_list(errors: Sequence[SourceError]) -> str:
    """Failures as a Markdown table that names source, document, field and reason."""
    rows = [_row(e.source, e.document, e.field or "", e.verdict, e.reason) for e in errors]
    return "\n".join(["| source | document | field | verdict | reason |", "| --- | --- | --- | --- | --- |", *rows])


def _row(*cells: str) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"
