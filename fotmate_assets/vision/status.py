"""How far each match's trajectories are: the rows of `tracking_files`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from fotmate_assets.core.ledger import storable
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.vision.model import TrackingStatus, checked_match_id
from fotmate_assets.vision.tables import tracking_files


@dataclass(frozen=True)
class TrackingFile:
    """A row of `tracking_files`."""

    match_id: str
    status: TrackingStatus
    storage_path: str | None
    """Key in the tracking bucket; of the last file that was stored, also while another is made."""
    source: str
    version: str | None
    source_sha256: str | None
    fingerprint: str | None
    is_simulated: bool | None
    rows: int | None
    sha256: str | None
    quality: dict[str, Any]
    error: str | None
    updated_at: datetime


def tracking_file(connection: Connection, match_id: str) -> TrackingFile | None:
    """The row of a match; None where nothing of it ever arrived."""
    columns = [tracking_files.c[name] for name in TrackingFile.__dataclass_fields__]
    row = connection.execute(select(*columns).where(tracking_files.c.match_id == match_id)).mappings().one_or_none()
    return TrackingFile(**{**row, "status": TrackingStatus(row["status"])}) if row is not None else None


def begun_versions(connection: Connection) -> dict[str, str]:
    """Of each match that a run has begun to work on, the version of what had arrived."""
    table = tracking_files.c
    query = select(table.match_id, table.version).where(
        table.version.is_not(None), table.status != TrackingStatus.PENDING
    )
    return dict(connection.execute(query).tuples().all())


def left_behind(connection: Connection, under_way: Collection[str]) -> dict[str, str]:
    """Matches that are `processing` although no run is at work on them any more, each with its source.

    `under_way`: matches that runs are at work on.
    """
    table = tracking_files.c
    query = select(table.match_id, table.source).where(table.status == TrackingStatus.PROCESSING)
    return {match_id: source for match_id, source in connection.execute(query).tuples() if match_id not in under_way}


def pending(engine: Engine, match_id: str, source: str) -> None:
    """It has arrived and waits."""
    _put(engine, match_id, TrackingStatus.PENDING, source=source, error=None)


def processing(engine: Engine, match_id: str, source: str, version: str) -> None:
    """It is being worked on."""
    _put(engine, match_id, TrackingStatus.PROCESSING, source=source, version=version, error=None)


def failed(engine: Engine, match_id: str, source: str, error: str) -> None:
    """It could not be made, or not be stored. What an earlier file says of itself stays."""
    _put(engine, match_id, TrackingStatus.FAILED, source=source, error=storable(error))


def completed(
    engine: Engine,
    match_id: str,
    source: str,
    *,
    storage_path: str,
    source_sha256: str,
    fingerprint: str,
    is_simulated: bool | None,
    rows: int,
    sha256: str,
    quality: dict[str, Any],
) -> None:
    """It is stored."""
    _put(
        engine,
        match_id,
        TrackingStatus.COMPLETED,
        source=source,
        storage_path=storage_path,
        source_sha256=source_sha256,
        fingerprint=fingerprint,
        is_simulated=is_simulated,
        rows=rows,
        sha256=sha256,
        quality=quality,
        error=None,
    )


def _put(engine: Engine, match_id: str, status: TrackingStatus, **values: Any) -> None:
    row = {"status": status, "updated_at": func.now(), **values}
    statement = insert(tracking_files).values(match_id=checked_match_id(match_id), **row)
    upsert = statement.on_conflict_do_update(index_elements=["match_id"], set_=row)
    in_transaction(engine, lambda connection: connection.execute(upsert))
