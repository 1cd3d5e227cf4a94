"""What a provider's tracking says, whichever format it came in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fotmate_assets.vision.model import ObjectType, Orientation, Period, Pitch, Side
from fotmate_assets.vision.trajectories import TrackName, polars_schema

if TYPE_CHECKING:
    import polars as pl

    from fotmate_assets.vision.observations import Doubles, Ints

SOURCE = "metrica"
BATCH = 10_000
"""Frames that are read at a time."""


@dataclass(frozen=True)
class Track:
    """Whom or what a column tracks. Its track id is its place, from 1."""

    object_type: ObjectType
    side: Side | None = None
    provider_id: str | None = None
    name: str = ""
    shirt_number: int | None = None


BALL = Track(ObjectType.BALL)


@dataclass(frozen=True)
class Frames:
    """Positions in some consecutive frames."""

    period: Ints
    """(n,)"""
    frame: Ints
    """(n,): 0-based."""
    timestamp_ms: Ints
    """(n,): from the period's start."""
    xy: Doubles
    """(n, tracks, 2): 0 to 1 from the top left corner, y down; NaN where not on the pitch."""


@dataclass(frozen=True)
class ProviderTracking:
    """A match's tracking: what the files say about it, and its rows when they are asked for."""

    fps: float
    frames: int
    """From the first to the last, those missing included."""
    first_frame: int
    """The provider's number of frame 0."""
    periods: tuple[Period, ...]
    pitch: Pitch
    orientation: Orientation
    tracks: tuple[Track, ...]
    """In order of track ids: home, away, ball."""
    notes: tuple[str, ...]
    """What is left out, in words."""
    read: Callable[[], Iterator[Frames]]

    @property
    def facts(self) -> dict[str, Any]:
        """What `FileMetadata` wants to know of the source, by the names of its fields."""
        people = [
            TrackName(number, track.provider_id, track.name, track.shirt_number)
            for number, track in enumerate(self.tracks, 1)
            if track.provider_id is not None
        ]
        return {
            "source": SOURCE,
            "fps": self.fps,
            "frames": self.frames,
            "first_frame": self.first_frame,
            "periods": self.periods,
            "pitch": self.pitch,
            "orientation": self.orientation,
            "tracks": tuple(people),
            "notes": self.notes,
            "simulated": None,
        }

    def blocks(self, match_id: str) -> Iterator[pl.DataFrame]:
        """The rows in order of (frame, track), a batch of frames at a time; `player_id` is the provider's.

        Raises SourceError (malformed) naming the document and the line, when it comes to what cannot be read.
        """
        for frames in self.read():
            yield self._rows(match_id, frames)

    def _rows(self, match_id: str, frames: Frames) -> pl.DataFrame:
        import numpy as np
        import polars as pl

        row, track = np.nonzero(~np.isnan(frames.xy[:, :, 0]))
        xy = frames.xy[row, track]
        labels: dict[str, list[str | None]] = {
            "object_type": [str(track.object_type) for track in self.tracks],
            "team": [None if track.side is None else str(track.side) for track in self.tracks],
            "player_id": [track.provider_id for track in self.tracks],
        }
        schema = polars_schema()
        told = pl.DataFrame(
            {
                "period": frames.period[row].astype(np.int8),
                "frame": frames.frame[row],
                "timestamp_ms": frames.timestamp_ms[row],
                "track_id": (track + 1).astype(np.int32),
                "x_m": ((xy[:, 0] - 0.5) * self.pitch.length_m).astype(np.float32),
                "y_m": ((0.5 - xy[:, 1]) * self.pitch.width_m).astype(np.float32),
                **{name: pl.Series(values, dtype=pl.String).gather(track) for name, values in labels.items()},
            }
        )
        told = told.with_columns(pl.lit(match_id).alias("match_id"), pl.lit(value=True).alias("is_detected"))
        return told.with_columns(
            pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in told.columns
        ).select(*schema)
