"""`fotmate failures`: what is owed, and trying it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fotmate_assets import runtime
from fotmate_assets.cli import err, out
from fotmate_assets.core.ledger import Failure, Ledger
from fotmate_assets.core.tables import FAILURE_STATUSES


def listed(status: str | None) -> list[dict[str, Any]]:
    """Rows of the ledger: what is owed, or those of one status. Raises CommandError for an unknown one."""
    if status is not None and status not in FAILURE_STATUSES:
        raise runtime.CommandError(f"unknown status {status!r}; there are {', '.join(FAILURE_STATUSES)}")
    with runtime.database() as engine:
        return [asdict(failure) for failure in Ledger(engine).failures([status] if status else None)]


def _failure(failure_id: int) -> Failure | None:
    with runtime.database() as engine:
        return Ledger(engine).failure(failure_id)


def retry(failure_id: int) -> int:
    """Run again what the failure stands for: 0 resolved, 1 still owed, 2 unknown, 3 resolved already.

    The whole season of its provider is run, of which only what changed is work.
    """
    from dagster import AssetKey

    from fotmate_assets.cli.ingest import progress
    from fotmate_assets.definitions import build_defs
    from fotmate_assets.football.assets import SEASON_TABLES

    failure = _failure(failure_id)
    if failure is None:
        err.print(f"no failure {failure_id}", style="red")
        return 2
    if failure.status == "resolved":
        err.print(f"failure {failure_id} is resolved already")
        return 3
    # The source is asked first, since it may have mended its document; the kept bytes are parsed again in any case.
    again = [failure.job]
    if failure.partition_key:
        again = [f"football/{name}" for name in (f"{failure.source}_raw", *SEASON_TABLES, "events_lake")]
    with progress(f"{failure.source} {failure.document}") as on_event:
        runtime.execute(
            build_defs(),
            runtime.instance(),
            assets=[AssetKey(name.split("/")) for name in again],
            partition_key=failure.partition_key or None,
            on_event=on_event,
        )
    after = _failure(failure_id)
    if after is not None and after.status == "resolved":
        out.print(f"failure {failure_id} is resolved")
        return 0
    err.print(f"failure {failure_id} is still owed: {after.reason if after else 'gone'}", style="red")
    return 1
