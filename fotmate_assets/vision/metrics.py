"""What a match's trajectories amount to per player: time, distance, speeds, sprints. Pure.

Speed is the slope of a straight line through 0.8 s of positions, so that noise of some centimetres at 25 or 50 frames a
second is not taken for running; distance is the sum of these speeds. Across a gap of up to a second positions are
interpolated; a longer one, or half-time, ends a stretch, and what lies between adds nothing.

Thresholds: there is no standard (Gualtieri et al. 2023, doi 10.3389/fspor.2023.1116293, review 30 studies and find no
consensus). 19.8 km/h (5.5 m/s) for high-speed running and 25.2 km/h (7 m/s) for sprints are those of most studies and
providers; that a sprint is held for a second is from Friends of Tracking's tutorials on Metrica's data. High-speed runs
include sprints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fotmate_assets.vision.model import FASTEST_M_S, ObjectType

if TYPE_CHECKING:
    import polars as pl

    from fotmate_assets.vision.observations import Bools, Doubles

WINDOW_S = 0.8
"""Positions that a speed is made of."""
GAP_S = 1.0
"""A longer gap between two rows of a track ends a stretch."""
HIGH_SPEED_M_S = 5.5
SPRINT_M_S = 7.0
RUN_S = 1.0
"""How long a run or sprint is held at least."""
TOP_SPEED_S = 0.4
"""How long a top speed is held at least."""
FURTHEST_M_PER_MINUTE = 250.0
"""More is not football, over a minute or longer: 4.2 m/s on average. A match's average is 100 to 130."""
MEASURED = (
    *("match_id", "track_id", "object_type", "team", "player_id", "is_detected"),
    *("frame", "period", "timestamp_ms", "x_m", "y_m"),
)
"""Columns that metrics are made of."""


@dataclass
class Metrics:
    """Of one person; sums over the stretches."""

    seconds: float = 0.0
    distance_m: float = 0.0
    top_speed_m_s: float | None = None
    sprints: int = 0
    sprint_distance_m: float = 0.0
    high_speed_runs: int = 0
    high_speed_distance_m: float = 0.0

    def add(self, speed: Doubles, step_s: float) -> None:
        """Count a stretch in: its speeds (n,), one every `step_s`."""
        self.seconds += len(speed) * step_s
        self.distance_m += float((speed[1:] + speed[:-1]).sum()) / 2 * step_s
        held = _held(speed, max(1, round(TOP_SPEED_S / step_s)))
        if held is not None:
            self.top_speed_m_s = max(held, self.top_speed_m_s or 0.0)
        for run in _runs(speed >= SPRINT_M_S, step_s):
            self.sprints += 1
            self.sprint_distance_m += float(speed[run].sum()) * step_s
        for run in _runs(speed >= HIGH_SPEED_M_S, step_s):
            self.high_speed_runs += 1
            self.high_speed_distance_m += float(speed[run].sum()) * step_s

    @property
    def is_plausible(self) -> bool:
        """Whether a human could have done this."""
        minutes = self.seconds / 60
        return (self.top_speed_m_s or 0.0) <= FASTEST_M_S and (
            minutes < 1 or self.distance_m / minutes <= FURTHEST_M_PER_MINUTE
        )


def player_metrics(rows: pl.DataFrame | Iterable[pl.DataFrame], fps: float) -> pl.DataFrame:
    """One row per person of trajectory `rows`, or of parts of them (columns `MEASURED`; any order; one match): the
    columns of table `player_metrics`, in order of `track_id`. Of a part no text is kept: a match has millions of rows.

    The tracks of one `player_id` are added up; a track of nobody known is a person of its own. `fps`: frames per second
    of the rows, or of the video that they are some frames of.
    """
    import polars as pl

    labels = pl.col("match_id", "object_type", "team", "player_id").first()
    told, places = [], []
    for part in [rows] if isinstance(rows, pl.DataFrame) else rows:
        people = part.filter(pl.col("object_type") != str(ObjectType.BALL))
        told.append(people.group_by("track_id").agg(labels, rows=pl.len(), detected=pl.col("is_detected").sum()))
        places.append(people.select("track_id", "frame", "period", "timestamp_ms", "x_m", "y_m"))
    counts = pl.col("rows", "detected").sum()
    facts = pl.concat(told).group_by("track_id", maintain_order=True).agg(labels, counts).sort("track_id")
    positions = pl.concat(places)
    places.clear()
    placed = {track["track_id"][0]: track.sort("frame") for track in positions.partition_by("track_id")}
    persons: dict[str, list[dict[str, Any]]] = {}
    for track in facts.iter_rows(named=True):
        persons.setdefault(track["player_id"] or f"track {track['track_id']}", []).append(track)
    return pl.DataFrame([_of_person(tracks, placed, fps) for tracks in persons.values()], schema=_schema())


def _schema() -> dict[str, pl.DataType]:
    import polars as pl

    return {
        "match_id": pl.String(),
        "track_id": pl.Int32(),
        "object_type": pl.String(),
        "team": pl.String(),
        "player_id": pl.String(),
        "tracks": pl.Int16(),
        "minutes_observed": pl.Float32(),
        "distance_m": pl.Float32(),
        "mean_speed_m_s": pl.Float32(),
        "top_speed_m_s": pl.Float32(),
        "sprints": pl.Int16(),
        "sprint_distance_m": pl.Float32(),
        "high_speed_runs": pl.Int16(),
        "high_speed_distance_m": pl.Float32(),
        "detected_share": pl.Float32(),
        "is_plausible": pl.Boolean(),
    }


def _of_person(tracks: Sequence[Mapping[str, Any]], placed: Mapping[int, pl.DataFrame], fps: float) -> dict[str, Any]:
    metrics = Metrics()
    for track in tracks:
        for speed in _speeds(placed[track["track_id"]], fps):
            metrics.add(speed, 1 / fps)
    first = tracks[0]
    return {
        **{name: first[name] for name in ("match_id", "track_id", "object_type", "team", "player_id")},
        **{name: value for name, value in asdict(metrics).items() if name != "seconds"},
        "tracks": len(tracks),
        "minutes_observed": metrics.seconds / 60,
        "mean_speed_m_s": metrics.distance_m / metrics.seconds,
        "detected_share": sum(track["detected"] for track in tracks) / sum(track["rows"] for track in tracks),
        "is_plausible": metrics.is_plausible,
    }


def _speeds(track: pl.DataFrame, fps: float) -> Iterator[Doubles]:
    """Metres per second, `fps` times a second, of every stretch of a track that has no long gap."""
    import numpy as np

    seconds = track["timestamp_ms"].to_numpy() / 1000
    xy = track.select("x_m", "y_m").to_numpy().astype(np.float64)
    ends = (np.diff(seconds) > GAP_S) | (np.diff(track["period"].to_numpy()) != 0)
    for stretch in np.split(np.arange(len(seconds)), np.flatnonzero(ends) + 1):
        time = seconds[stretch]
        even = np.arange(time[0], time[-1] + 0.5 / fps, 1 / fps)
        window = min(max(3, round(WINDOW_S * fps) | 1), len(even))
        placed = [np.interp(even, time, xy[stretch, axis]) for axis in (0, 1)]
        yield np.hypot(*(_slopes(line, window) * fps for line in placed))


def _slopes(values: Doubles, window: int) -> Doubles:
    """Of the straight line through each value and its neighbours, per step; (n,).

    At the ends, the slope of the first or last whole window; 0 where there are fewer than 2 values.
    """
    import numpy as np

    offsets = np.arange(window) - (window - 1) / 2
    if window < 2:
        return np.zeros(len(values))
    inner = np.convolve(values, -offsets / (offsets**2).sum(), mode="valid")
    return np.pad(inner, ((window - 1) // 2, window // 2), mode="edge")


def _held(speed: Doubles, samples: int) -> float | None:
    """The highest speed that so many samples in a row reach; None where there are fewer."""
    import numpy as np

    if len(speed) < samples:
        return None
    return float(np.lib.stride_tricks.sliding_window_view(speed, samples).min(axis=1).max())


def _runs(is_fast: Bools, step_s: float) -> Iterator[slice]:
    """Where it is fast for long enough."""
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_fast, [False])).astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        if (end - start) * step_s >= RUN_S:
            yield slice(start, end)
