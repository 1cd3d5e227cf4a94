"""From a video to rows of trajectories: frames, boxes, tracks, metres, people, ball."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fotmate_assets.vision.ball import ball_track
from fotmate_assets.vision.calibration import Calibration
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.detection import Detector
from fotmate_assets.vision.model import Analysis, Between, ObjectType, Period, Side, Sidecar
from fotmate_assets.vision.observations import Observations, joined
from fotmate_assets.vision.segments import Progress, Region, UnfitError, check_view, kept_under, observe, segments
from fotmate_assets.vision.smoothing import people
from fotmate_assets.vision.stillness import camera_shift_px
from fotmate_assets.vision.team import assign
from fotmate_assets.vision.tracking import track
from fotmate_assets.vision.tracks import Tracks
from fotmate_assets.vision.trajectories import polars_schema

if TYPE_CHECKING:
    import polars as pl

    from fotmate_assets.vision.observations import Doubles

HEAD_ROOM_M = 2.5
"""So far above where somebody may stand is looked: a head, a leap."""
AROUND_THE_PITCH_M = 2.0
"""And so far beyond the lines: assistants, throw-ins."""

BOX = ("box_x1", "box_y1", "box_x2", "box_y2")
ROWS_AT_ONCE = 2_000
"""Frames whose rows are made at a time: rows take three times the memory of the arrays that they are made of."""


@dataclass(frozen=True)
class Analysed:
    """What came of a video."""

    rows: Iterator[pl.DataFrame]
    """Trajectory rows, see `trajectories.COLUMNS`, in order of (frame, track), some at a time; once."""
    fps: float
    frames: int
    """Frames of the video."""
    periods: tuple[Period, ...]
    """Each with its last frame."""
    duration_s: float
    """Of the periods together, by the times at which their frames are shown."""
    nominal_fps: float
    """Frames per second where none is missing."""
    camera_shift_px: float | None
    """The farthest that the picture moves while one calibration holds; None for a camera that is said to move."""


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

    Raises SourceError for a video that cannot be decoded, UnfitError for what does not fit it: periods beyond its end,
    a calibration of another size or a region outside of the picture, a camera that moves where the detector wants one
    that stands still.
    """
    if detector.samples and sidecar.between is Between.INTERPOLATE:
        raise UnfitError(
            f"the detector {how.detector} wants a camera that stands still: the calibration has a moving one"
        )
    with open_video(video) as opened:
        region = region_of(calibration, sidecar, opened.width, opened.height)
        check_view(sidecar, calibration, region, opened.width, opened.height)
        cut = segments(opened.frames, opened.fps, sidecar, how.stride)
        paths = kept_under(kept, sha256, region, detector, cut)
        shift_px = camera_shift_px(opened, sidecar, region, cut)
        seen = joined(list(observe(opened, region, detector, cut, paths, tell)))
        periods = tuple(
            replace(period, last_frame=opened.frames - 1 if period.last_frame is None else period.last_frame)
            for period in sidecar.periods
        )
        starts_ms = {period.period: float(opened.times_ms[period.first_frame]) for period in periods}
        fps, frames = opened.fps, opened.frames
        nominal_fps = nominal(opened.times_ms) if opened.is_variable else fps
        looked_at = [range(each.first_frame, (each.last_frame or 0) + 1, how.stride) for each in periods]
        duration_s = lasting(looked_at, opened.times_ms, nominal_fps)
    tell(f"following {len(seen.frame):,} detections in {len(seen.frames):,} frames")
    people_seen, ball = followed(seen, sidecar, calibration, fps / how.stride, how.tracker)
    parts = assign(people_seen, seen, sidecar.pitch, sidecar.kits)
    rows = rows_of(match_id, seen, people_seen, parts, ball, starts_ms)
    return Analysed(rows, fps, frames, periods, duration_s, nominal_fps, shift_px)


def nominal(times_ms: Doubles) -> float:
    """Frames per second where none is missing: the median of the intervals between frames shown at `times_ms` (f,)."""
    import numpy as np

    return 1000 / float(np.median(np.diff(times_ms)))


def lasting(looked_at: Sequence[range], times_ms: Doubles, fps: float) -> float:
    """How many seconds the periods last together, by the times (f,) at which a video's frames are shown: each from the
    first to the last frame that is looked at, and as long as that one stands.
    """
    return sum(float(times_ms[frames[-1]] - times_ms[frames[0]]) / 1000 + frames.step / fps for frames in looked_at)


def region_of(calibration: Calibration, sidecar: Sidecar, width: int, height: int) -> Region:
    """The part of the frame that is looked at: what the sidecar says, else where people on the pitch can be seen."""
    import numpy as np

    if sidecar.region is not None:
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

    track_ids = track(seen, fps, tracker)
    xy_m, error_m = calibration.to_pitch(
        seen.frame, np.stack([(seen.boxes[:, 0] + seen.boxes[:, 2]) / 2, seen.boxes[:, 3]], axis=1)
    )
    period = np.zeros(len(seen.frame), np.int32)
    for each in sidecar.periods:
        last = np.iinfo(np.int32).max if each.last_frame is None else each.last_frame
        period[(seen.frame >= each.first_frame) & (seen.frame <= last)] = each.period
    found: list[dict[str, Any]] = []
    numbered = 0
    for each in sidecar.periods:  # a track lies within one: half of a match at a time is held in all its stages
        only = np.where(period == each.period, period, 0)
        tracks = people(seen, track_ids, xy_m, error_m, only, sidecar.pitch)
        found.append({**tracks.columns, "track": tracks.track + np.int32(numbered)})
        numbered += int(tracks.track.max(initial=0))
        del tracks
    joined_columns = {name: np.concatenate([part.pop(name) for part in found]) for name in list(found[0])}
    return Tracks(**joined_columns), ball_track(seen, xy_m, error_m, period)


def rows_of(
    match_id: str,
    seen: Observations,
    tracks: Tracks,
    parts: Mapping[int, tuple[ObjectType, Side | None]],
    ball: Tracks | None,
    starts_ms: Mapping[int, float],
) -> Iterator[pl.DataFrame]:
    """Tracks as trajectory rows in order of (frame, track), some thousand frames at a time; the ball's number is the
    last. `starts_ms`: when each period starts in the video.
    """
    import numpy as np
    import polars as pl

    found = [tracks]
    if ball is not None:
        last = int(tracks.track.max(initial=0)) + 1
        found.append(replace(ball, track=np.full(len(ball.track), last, np.int32)))
        parts = {**parts, last: (ObjectType.BALL, None)}
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
    orders = [np.argsort(each.frame, kind="stable") for each in found]
    edges = [*seen.frames[::ROWS_AT_ONCE].tolist(), np.iinfo(np.int32).max]
    cuts = [np.searchsorted(each.frame, edges, sorter=order) for each, order in zip(found, orders, strict=True)]
    for number in range(len(edges) - 1):
        some = [
            each.chosen(order[cut[number] : cut[number + 1]])
            for each, order, cut in zip(found, orders, cuts, strict=True)
        ]
        yield (
            pl.concat([_placed(each, seen) for each in some])
            .sort("frame", maintain_order=True)
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


def _placed(tracks: Tracks, seen: Observations) -> pl.DataFrame:
    """What the rows of tracks have of their own, with boxes."""
    import numpy as np
    import polars as pl

    boxes = np.full((len(tracks.track), 4), np.nan, np.float32)
    boxes[tracks.is_detected] = np.rint(seen.boxes[tracks.detection[tracks.is_detected]])
    return pl.DataFrame(
        {
            "period": tracks.period.astype(np.int8),
            "frame": tracks.frame,
            "time_ms": tracks.time_ms,
            "track_id": tracks.track,
            "x_m": tracks.x_m.astype(np.float32),
            "y_m": tracks.y_m.astype(np.float32),
            "confidence": tracks.confidence,
            "is_detected": tracks.is_detected,
            "position_error_m": tracks.error_m.astype(np.float32),
            **{name: boxes[:, side] for side, name in enumerate(BOX)},
        }
    )
