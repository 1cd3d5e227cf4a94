"""StatsBomb 360: who the camera saw, and where, at each event. One row per visible player."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from fotmate_assets.core.ledger import Job, Ledger
from fotmate_assets.core.model import SourceError
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.football.model import Coordinates
from fotmate_assets.football.sources.provider import revision_of
from fotmate_assets.football.sources.statsbomb.parse import parse_frames

PREFIX = "three-sixty/"
FRAMES_VERSION = "1"
"""Part of the revision: raising it writes every season's frames anew."""

SCHEMA = {
    "match_id": pl.String,
    "provider_event_id": pl.String,
    "teammate": pl.Boolean,
    "actor": pl.Boolean,
    "keeper": pl.Boolean,
    "x_m": pl.Float32,
    "y_m": pl.Float32,
}
"""Metres from the centre spot, toward the acting side's attack; `actor` is the player of the event.

The visible area stays in the raw zone.
"""


def frames_revision(manifest: Manifest) -> str:
    """A hash that changes when any frame document of the season does."""
    current = (manifest.current(name) for name in manifest.names(PREFIX))
    return revision_of(FRAMES_VERSION, [revision.sha256 for revision in current if revision])


def season_frames(
    zone: RawZone, manifest: Manifest, match_ids: Mapping[str, str], ledger: Ledger, run_id: str | None = None
) -> pl.DataFrame:
    """The frames of a season as one frame of SCHEMA; none where it has none.

    `match_ids` gives internal ids by StatsBomb's; a match that is not loaded is left out. A document that
    cannot be used is quarantined and owed, and the others are read.
    """
    job = Job(manifest.source, "football/freeze_frames", manifest.partition_key, run_id)
    found, used = [pl.DataFrame(schema=SCHEMA)], []
    for name in manifest.names(PREFIX):
        match_id = match_ids.get(name.removeprefix(PREFIX).removesuffix(".json"))
        document = zone.document(manifest, name)
        if match_id is None or document is None:
            continue
        try:
            frames = parse_frames(document)
        except SourceError as error:
            ledger.owe(job, error, zone.put(document.content))
            continue
        rows = [
            (match_id, frame.event_uuid, seen.teammate, seen.actor, seen.keeper, *_metres(seen.location))
            for frame in frames
            for seen in frame.freeze_frame
        ]
        found.append(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
        used.append(name)
    ledger.settle(job, used)
    return pl.concat(found)


def _metres(location: tuple[float, float]) -> Coordinates:
    """Frame locations are points of the camera's projection, not cells of a grid."""
    return Coordinates.from_statsbomb(*location, cell=0.0)
