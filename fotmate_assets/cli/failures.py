"""`fotmate failures`: what is owed, and trying it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fotmate_assets.cli import err, out
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.settings import Settings


def _ledger() -> Ledger:
    settings = Settings()
    assert settings.database_url is not None  # noqa: S101 - connect() has seen to it
    return Ledger(make_engine(settings.database_url.get_secret_value()), settings.max_attempts)


def listed(status: str | None) -> list[dict[str, Any]]:
    """Rows of the ledger: what is owed, or those of one status."""
    return [asdict(failure) for failure in _ledger().failures([status] if status else None)]


def retry(failure_id: int) -> int:
    """Run again what the failure stands for: 0 resolved, 1 still owed, 2 unknown, 3 resolved already."""
    from dagster import AssetKey

    from fotmate_assets import runtime
    from fotmate_assets.cli.ingest import progress
    from fotmate_assets.definitions import build_defs
    from fotmate_assets.football.assets import SEASON_TABLES

    ledger = _ledger()
    failure = ledger.failure(failure_id)
    if failure is None:
        err.print(f"[red]no failure {failure_id}[/red]")
        return 2
    if failure.status == "resolved":
        err.print(f"failure {failure_id} is resolved already")
        return 3
    # The bytes of a document that was fetched but could not be used are kept: parse them again. Else ask the source.
    season_tables = [f"football/{name}" for name in SEASON_TABLES]
    again = [] if failure.job in season_tables else [failure.job]
    if failure.partition_key:
        again += [*season_tables, "football/events_lake"]
    with progress(f"{failure.source} {failure.document}") as on_event:
        runtime.execute(
            build_defs(),
            runtime.instance(),
            assets=[AssetKey(name.split("/")) for name in again],
            partition_key=failure.partition_key or None,
            on_event=on_event,
        )
    after = ledger.failure(failure_id)
    if after is not None and after.status == "resolved":
        out.print(f"failure {failure_id} is resolved")
        return 0
    err.print(f"[red]failure {failure_id} is still owed: {after.reason if after else 'gone'}[/red]")
    return 1
