"""From a video to rows of trajectories: frames, boxes, tracks, metres, people, ball."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fotmate_assets.vision.ball import ball_track
from fotmate_assets.vision.calibration import Calibration
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.detection import Detector
from fotmate_assets.vision.model import Analysis, Between, ObjectType, Period, Side, Sidecar
from fotmate_assets.vision.observations import Observations, joined
from fotmate_assets.vision.segments import Progress, Region, kept_under, observe, segments
from fotmate_assets.vision.smoothing import people
from fotmate_assets.vision.team import assign
from fotmate_assets.vision.tracking import track
from fotmate_assets.vision.trajectories import polars_schema

if TYPE_CHECKING:
    import polars as pl

    from fotmate_assets.vision.tracks import Tracks

HEAD_ROOM_M = 2.5
"""So far above where somebody may stand is looked: a head, a leap."""
AROUND_THE_PITCH_M = 2.0
"""And so far beyond the lines: assistants, throw-ins."""

BOX = ("box_x1", "box_y1", "box_x2", "box_y2")


@dataclass(frozen=True)
class Analysed:
    """What came of a video."""

    rows: pl.DataFrame
    """Trajectory rows, see `trajectories.COLUMNS`."""
    fps: float
    frames: int
    """Frames of the video."""
    periods: tuple[Period, ...]
    """Each with its last frame."""


def analyse(
    match_id: str,
    video: Path,
    sha256: str,
    sidecar: Sidecar,
    calibration: Calibration,
    detector: Detector,
    how: Analysis,
    kept: Path,
    tell: Progress,
) -> Analysed:
    """Analyse a video; segments are kept in the folder `kept`, and taken from there when they are there already.

    Raises SourceError for a video that cannot be decoded, ValueError for what does not fit it: periods beyond its end,
    a region outside of the picture, a camera that moves where the detector wants one that stands still.
    """
    if detector.samples and sidecar.between is Between.INTERPOLATE:
        raise ValueError(
            f"the detector {how.detector} wants a camera that stands still: the calibration has a moving one"
        )
    with open_video(video) as opened:
        region = region_of(calibration, sidecar, opened.width, opened.height)
        cut = segments(opened.frames, opened.fps, sidecar, how.stride)
        paths = kept_under(kept, sha256, region, detector, cut)
        seen = joined(list(observe(opened, region, detector, cut, paths, tell)))
        periods = tuple(
            replace(period, last_frame=opened.frames - 1 if period.last_frame is None else period.last_frame)
            for period in sidecar.periods
        )
        starts_ms = {period.period: float(opened.times_ms[period.first_frame]) for period in periods}
        fps, frames = opened.fps, opened.frames
    tell(f"following {len(seen.frame):,} detections in {len(seen.frames):,} frames")
    people_seen, ball = followed(seen, sidecar, calibration, fps / how.stride, how.tracker)
    parts = assign(people_seen, seen, sidecar.pitch, sidecar.kits)
    return Analysed(rows_of(match_id, seen, people_seen, parts, ball, starts_ms), fps, frames, periods)


def region_of(calibration: Calibration, sidecar: Sidecar, width: int, height: int) -> Region:
    """The part of the frame that is looked at: what the sidecar says, else where people on the pitch can be seen.

    Raises ValueError for a region that is not inside the picture.
    """
    import numpy as np

    if sidecar.region is not None:
        x1, y1, x2, y2 = sidecar.region
        if x2 > width or y2 > height:
            raise ValueError(f"the region {sidecar.region} is not inside the picture of {width} x {height} pixels")
        return sidecar.region
    half = np.array([calibration.pitch.length_m, calibration.pitch.width_m]) / 2 + AROUND_THE_PITCH_M
    edge = np.linspace(-1, 1, 41)
    one = np.ones_like(edge)
    around = np.concatenate([np.stack(side, axis=1) for side in ((edge, -one), (edge, one), (-one, edge), (one, edge))])
    feet, aside = (
        np.concatenate([calibration.to_image(fit.frame, around * half + (metre, 0)) for fit in calibration.fits])
        for metre in (0.0, 1.0)
    )
    told = np.isfinite(feet).all(axis=1) & np.isfinite(aside).all(axis=1)
    if not told.any():
        return 0, 0, width, height
    feet, scale = feet[told], np.linalg.norm(aside[told] - feet[told], axis=1)
    heads = feet[:, 1] - HEAD_ROOM_M * scale
    x1, x2 = np.clip([feet[:, 0].min(), feet[:, 0].max() + 1], 0, width)
    y1, y2 = np.clip([heads.min(), feet[:, 1].max() + 1], 0, height)
    return int(x1), int(y1), int(x2), int(y2)


def followed(
    seen: Observations, sidecar: Sidecar, calibration: Calibration, fps: float, tracker: str
) -> tuple[Tracks, Tracks | None]:
    """The people's tracks and the ball's, in metres. `fps`: of the frames that were looked at."""
    import numpy as np

    feet = np.stack([(seen.boxes[:, 0] + seen.boxes[:, 2]) / 2, seen.boxes[:, 3]], axis=1)
    xy_m, error_m = calibration.to_pitch(seen.frame, feet)
    period = np.zeros(len(seen.frame), np.int32)
    for each in sidecar.periods:
        last = np.iinfo(np.int32).max if each.last_frame is None else each.last_frame
        period[(seen.frame >= each.first_frame) & (seen.frame <= last)] = each.period
    tracks = people(seen, track(seen, fps, tracker), xy_m, error_m, period, sidecar.pitch)
    return tracks, ball_track(seen, xy_m, error_m, period)


def rows_of(
    match_id: str,
    seen: Observations,
    tracks: Tracks,
    parts: Mapping[int, tuple[ObjectType, Side | None]],
    ball: Tracks | None,
    starts_ms: Mapping[int, float],
) -> pl.DataFrame:
    """Tracks as trajectory rows; the ball's number is the last. `starts_ms`: when each period starts in the video."""
    import numpy as np
    import polars as pl

    last = int(tracks.track.max(initial=0))
    found = [(tracks, tracks.track)]
    if ball is not None:
        found.append((ball, np.full(len(ball.track), last + 1, np.int32)))
        parts = {**parts, last + 1: (ObjectType.BALL, None)}
    frames = []
    for each, numbers in found:
        boxes = (
            np.where(each.is_detected[:, None], np.rint(seen.boxes[each.detection]), np.nan)
            if len(seen.boxes)
            else np.empty((0, 4))
        )
        frames.append(
            pl.DataFrame(
                {
                    "period": each.period.astype(np.int8),
                    "frame": each.frame,
                    "time_ms": each.time_ms,
                    "track_id": numbers,
                    "x_m": each.x_m.astype(np.float32),
                    "y_m": each.y_m.astype(np.float32),
                    "confidence": each.confidence,
                    "is_detected": each.is_detected,
                    "position_error_m": each.error_m.astype(np.float32),
                    **{name: boxes[:, side] for side, name in enumerate(BOX)},
                }
            )
        )
    told = pl.DataFrame(
        {
            "track_id": list(parts),
            "object_type": [str(part) for part, _side in parts.values()],
            "team": [None if side is None else str(side) for _part, side in parts.values()],
        },
        schema={"track_id": pl.Int32, "object_type": pl.String, "team": pl.String},
    )
    starts = pl.DataFrame(
        {"period": list(starts_ms), "start_ms": list(starts_ms.values())},
        schema={"period": pl.Int8, "start_ms": pl.Float64},
    )
    return (
        pl.concat(frames)
        .join(told, on="track_id", how="left", maintain_order="left")
        .join(starts, on="period", how="left", maintain_order="left")
        .with_columns(
            match_id=pl.lit(match_id),
            timestamp_ms=(pl.col("time_ms") - pl.col("start_ms")).round().cast(pl.Int32),
            player_id=pl.lit(None, pl.String),
            confidence=pl.col("confidence").fill_nan(None),
            **{name: pl.col(name).fill_nan(None).cast(pl.Int16) for name in BOX},
        )
        .select(list(polars_schema()))
    )
