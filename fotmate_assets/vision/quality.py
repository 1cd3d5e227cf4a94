"""How good a file of trajectories is: figures that are counted in the file itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fotmate_assets.vision.model import FASTEST_M_S, ObjectType
from fotmate_assets.vision.trajectories import FileMetadata, Source, in_blocks, read_metadata

if TYPE_CHECKING:
    import polars as pl

SPEED_OVER_MS = 400
"""A speed is taken over so long: over a single frame it is mostly the noise of two positions."""
FEWEST_PEOPLE, MOST_PEOPLE = 18, 26
"""In view of a camera that sees the pitch: 22 players and the officials, some hidden, some sent off."""
BESIDE_THE_PITCH_M = 1.0
"""A player on the line, and the position's error."""
COUNTED = (
    *("period", "frame", "timestamp_ms", "track_id", "object_type", "x_m", "y_m"),
    *("is_detected", "position_error_m"),
)
"""Columns that are counted in."""


@dataclass(frozen=True)
class Quality:
    """What is counted in a file. Shares are 0 to 1."""

    rows: int
    tracks: int
    """People and ball."""
    frames: int
    """Frames with anybody but officials and the ball."""
    frames_expected: int
    """Frames that the periods' duration and the frame rate ask for."""
    repeated: int
    """Rows whose frame and track another row has."""
    people_per_frame: float | None
    """Median of the frames with any."""
    people_in_band: float | None
    """Share of the expected frames with 18 to 26 people; None where none is expected."""
    on_pitch: float | None
    """Share of the people's rows that are on the pitch; officials along the lines count as on it."""
    fastest_m_s: float | None
    """Highest speed of a person over 0.4 s."""
    too_fast: int
    """People's tracks faster than 12 m/s."""
    interpolated: float
    """Share of rows that are interpolated."""
    position_error_m: float | None
    """Median; None where the source tells none."""
    is_calibrated: bool
    """Whether positions were told from pixels by a calibration; a provider's were not."""
    camera_shift_px: float | None
    """The farthest that the picture moved while one calibration held; None where it may move, or there is no video."""
    reprojection_error_px: float | None
    """Of the calibration; None without one, and where its landmarks are too few to be checked by one another."""

    @property
    def figures(self) -> dict[str, Any]:
        """All by name."""
        return asdict(self)


def quality_of(source: Source) -> Quality:
    """Count in a file of trajectories."""
    return counted(in_blocks(source, COUNTED), read_metadata(source))


def counted(rows: pl.DataFrame | Iterable[pl.DataFrame], meta: FileMetadata) -> Quality:
    """Count in the rows of a file, or in parts of them: columns `COUNTED` are read. Of a part little is kept."""
    import polars as pl

    rows = _compact(rows)
    people = rows.filter(~pl.col("is_ball"))
    per_frame = people.group_by("frame").agg(people=pl.len(), is_played=(~pl.col("is_official")).any())
    in_band = int(per_frame["people"].is_between(FEWEST_PEOPLE, MOST_PEOPLE).sum())
    expected = _expected(meta)
    half = meta.pitch.length_m / 2 + BESIDE_THE_PITCH_M, meta.pitch.width_m / 2 + BESIDE_THE_PITCH_M
    on_pitch = (pl.col("x_m").abs() <= half[0]) & (pl.col("y_m").abs() <= half[1])
    speeds = fastest(people)
    return Quality(
        rows=rows.height,
        tracks=rows["track_id"].n_unique(),
        frames=int(per_frame["is_played"].sum()),
        frames_expected=expected,
        repeated=rows.height - rows.select(pl.col("frame").cast(pl.Int64) * 2**32 + pl.col("track_id")).n_unique(),
        people_per_frame=_number(per_frame["people"].median()),
        people_in_band=in_band / max(expected, per_frame.height) if expected else None,
        on_pitch=_number(people.select((on_pitch | pl.col("is_official")).mean()).item()),  # assistants run outside
        fastest_m_s=_number(speeds.max()),
        too_fast=int((speeds > FASTEST_M_S).sum()),
        interpolated=_number((~rows["is_detected"]).mean()) or 0.0,
        position_error_m=_number(people["position_error_m"].median()),
        is_calibrated=meta.calibration is not None,
        camera_shift_px=_number((meta.calibration or {}).get("camera_shift_px")),
        reprojection_error_px=_number((meta.calibration or {}).get("reprojection_error_px")),
    )


def _compact(rows: pl.DataFrame | Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The columns that are counted in, without text: a match has millions of rows."""
    import polars as pl

    kind = pl.col("object_type")
    return pl.concat(
        part.select(
            *(name for name in COUNTED if name != "object_type"),
            is_ball=kind == str(ObjectType.BALL),
            is_official=kind == str(ObjectType.REFEREE),
        )
        for part in ([rows] if isinstance(rows, pl.DataFrame) else rows)
    )


def _expected(meta: FileMetadata) -> int:
    """How many frames there are to be looked at: by the source's clock where that is told, else by frame numbers."""
    if meta.duration_s is not None:
        return round(meta.duration_s * (meta.nominal_fps or meta.fps) / meta.stride)
    ends = [meta.frames - 1 if period.last_frame is None else period.last_frame for period in meta.periods]
    return sum(
        len(range(period.first_frame, last + 1, meta.stride)) for period, last in zip(meta.periods, ends, strict=True)
    )


def fastest(people: pl.DataFrame) -> pl.Series:
    """The highest speed of each track that tells one, in metres a second.

    Between two rows of a track at least 0.4 s apart, and not more than twice that: a gap tells no speed.
    """
    import numpy as np
    import polars as pl

    rows = people.select("period", "track_id", "timestamp_ms", "x_m", "y_m").sort("period", "track_id", "timestamp_ms")
    track, time = rows["track_id"].to_numpy(), rows["timestamp_ms"].to_numpy().astype(np.int64)
    stretch = rows.select(pl.struct("period", "track_id").rle_id().cast(pl.Int64)).to_series().to_numpy()
    moment = stretch * 2**32 + time
    then = np.searchsorted(moment, moment - SPEED_OVER_MS, side="right") - 1
    now = np.flatnonzero((stretch[then] == stretch) & (time - time[then] <= 2 * SPEED_OVER_MS) & (then >= 0))
    then = then[now]
    x, y = rows["x_m"].to_numpy(), rows["y_m"].to_numpy()
    speed = np.hypot(x[now] - x[then], y[now] - y[then]) / (time[now] - time[then]) * 1000
    return pl.DataFrame({"track": track[now], "speed": speed}).group_by("track").max()["speed"]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
