"""Reads of the vision wing, for analysts and for its own work: trajectories, metrics, whose a track is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, text

from fotmate_assets.core.object_store import ObjectStore
from fotmate_assets.vision.model import storage_path
from fotmate_assets.vision.tables import player_metrics
from fotmate_assets.vision.trajectories import read_trajectories

if TYPE_CHECKING:
    import polars as pl

_MATCH = text("""
    select provider_id from id_mappings
    where entity_type = 'match' and provider = :provider and internal_id = :match_id
""")

_PLAYERS = text("""
    select provider_id, internal_id from id_mappings
    where entity_type = 'player' and provider = :provider and provider_id = any(:names)
""")


def player_ids(connection: Connection, provider: str, match_id: str, names: Iterable[str]) -> dict[str, str]:
    """Our players by the names that a provider's tracking has for them; unknown ones are left out.

    Anonymous names (`Player11`) are known by the provider's match before them: `Sample_Game_1:Player11`.
    """
    of_match = connection.execute(_MATCH, {"provider": provider, "match_id": match_id}).scalars().all()
    asked = {name: name for name in names}
    asked |= {f"{match}:{name}": name for match in of_match for name in list(asked.values())}
    known = connection.execute(_PLAYERS, {"provider": provider, "names": list(asked)}).tuples()
    return {asked[provider_id]: internal_id for provider_id, internal_id in known}


def trajectories_of(
    store: ObjectStore,
    match_id: str,
    *,
    track: int | None = None,
    period: int | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> pl.DataFrame:
    """A match's rows (`trajectories.COLUMNS`), of one track or of a stretch of a period, in milliseconds from its start
    (`to_ms` not included). Raises ObjectMissingError where there are none.
    """
    content = store.get(storage_path(match_id))
    return read_trajectories(content, track=track, period=period, from_ms=from_ms, to_ms=to_ms)


def metrics_of_match(connection: Connection, match_id: str) -> pl.DataFrame:
    """The rows of `player_metrics` of a match, who ran the farthest first."""
    import polars as pl

    table = player_metrics.c
    query = select(player_metrics).where(table.match_id == match_id).order_by(table.distance_m.desc(), table.track_id)
    rows = connection.execute(query).mappings().all()
    return pl.DataFrame([dict(row) for row in rows], schema=player_metrics.columns.keys() if not rows else None)
