"""What is made of what was seen: rows in order, some at a time, and the time that a video lasts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import polars as pl
import pytest

from fotmate_assets.core.model import RawDocument
from fotmate_assets.embedded.sample.clip import Clip
from fotmate_assets.vision.calibration import Calibration, read_calibration
from fotmate_assets.vision.model import Analysis, ObjectType, Period, Side, Sidecar
from fotmate_assets.vision.observations import Detections, Observations
from fotmate_assets.vision.pipeline import ROWS_AT_ONCE, Analysed, analyse, followed, rows_of
from fotmate_assets.vision.tracks import Tracks

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Image


class Blind:
    """Sees nobody."""

    name, version, samples, batch = "blind", "1", 0, 8

    def prepare(self, images: Sequence[Image]) -> None:
        """There is nothing to learn."""

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        nothing = np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, bool)
        return [Detections(*nothing) for _image in images]


def told(clip: Clip) -> tuple[Sidecar, Calibration]:
    return read_calibration(RawDocument("test", "m.json", clip.sidecar.read_bytes(), "m.json", datetime.now(UTC)))


def blindly(
    clip: Clip, video: Path, kept: Path, periods: tuple[Period, ...] = (Period(1, 0),), stride: int = 1
) -> Analysed:
    """Analysed as to time only."""
    sidecar, calibration = told(clip)
    sidecar = replace(sidecar, periods=periods)
    sha256 = hashlib.sha256(video.read_bytes()).hexdigest()
    return analyse("m", video, sha256, sidecar, calibration, Blind(), Analysis(stride=stride), kept, lambda _line: None)


def with_a_second_lost(clip: Clip, folder: Path) -> Path:
    """The clip with what is after its 50th frame a second later."""
    path = folder / "lost.mp4"
    with av.open(str(path), "w") as whole, av.open(str(clip.video)) as once:
        stream = whole.add_stream_from_template(once.streams.video[0])
        second = round(1 / float(once.streams.video[0].time_base or 1))
        for packet in once.demux(video=0):
            if packet.dts is not None and packet.pts is not None:
                packet.pts += second * (packet.pts >= 2 * second)
                packet.dts += second * (packet.dts >= 2 * second)
                packet.stream = stream
                whole.mux(packet)
    return path


def test_a_video_lasts_as_long_as_its_frames_are_shown(short_clip: Clip, tmp_path: Path) -> None:
    halves = Period(1, 10, 29), Period(2, 50)
    whole, parts, strided = (
        blindly(short_clip, short_clip.video, tmp_path),
        blindly(short_clip, short_clip.video, tmp_path, halves),
        blindly(short_clip, short_clip.video, tmp_path, stride=2),
    )
    assert (whole.frames, whole.fps, whole.nominal_fps) == (75, 25, 25)
    assert whole.duration_s == pytest.approx(3.0)
    assert parts.duration_s == pytest.approx((20 + 25) / 25)
    assert strided.duration_s == pytest.approx(76 / 25)  # 38 frames of two


def test_frames_that_are_missing_are_part_of_the_time_a_video_lasts(short_clip: Clip, tmp_path: Path) -> None:
    lost = blindly(short_clip, with_a_second_lost(short_clip, tmp_path), tmp_path / "kept")
    assert lost.frames == 75
    assert lost.fps < 20
    assert lost.nominal_fps == pytest.approx(25)
    assert lost.duration_s == pytest.approx(4.0)


FRAMES = 2 * ROWS_AT_ONCE + 500


def seen_by_two(frames: int) -> tuple[Observations, Tracks]:
    """Two people who stand; the second is not detected in every tenth frame, and comes first in each other frame."""
    frame = np.repeat(np.arange(frames, dtype=np.int32), 2)
    boxes = np.stack([frame % 1000, frame % 7, frame % 1000 + 10, frame % 7 + 20], axis=1).astype(np.float32)
    seen = Observations(
        frames=np.arange(frames, dtype=np.int32),
        times_ms=np.arange(frames, dtype=np.float64) * 40 + 80,
        frame=frame,
        boxes=boxes,
        confidence=np.full(len(frame), 0.5, np.float32),
        is_ball=np.zeros(len(frame), bool),
        colour=np.zeros((len(frame), 3), np.float32),
    )
    number = np.repeat(np.array([1, 2], np.int32), frames)
    at = np.tile(np.arange(frames, dtype=np.int32), 2)
    is_detected = (number == 1) | (at % 10 != 3)
    tracks = Tracks(
        track=number,
        frame=at,
        time_ms=at.astype(np.float64) * 40 + 80,
        period=np.where(at < frames // 2, 1, 2).astype(np.int32),
        x_m=number.astype(np.float64),
        y_m=at / 100,
        error_m=np.full(len(at), 0.3),
        confidence=np.where(is_detected, 0.5, np.nan).astype(np.float32),
        is_detected=is_detected,
        detection=np.where(is_detected, 2 * at + number - 1, -1).astype(np.int32),
    )
    return seen, tracks


def test_rows_come_some_at_a_time_in_order_of_frame_and_track() -> None:
    seen, tracks = seen_by_two(FRAMES)
    ball = tracks.chosen((tracks.track == 1) & (tracks.frame >= 100) & (tracks.frame < FRAMES - 100))
    parts = {1: (ObjectType.PLAYER, Side.HOME), 2: (ObjectType.REFEREE, None)}
    starts = {1: 80.0, 2: 80.0 + FRAMES // 2 * 40}
    pieces = list(rows_of("m", seen, tracks, parts, ball, starts))
    assert [piece["frame"].n_unique() for piece in pieces] == [ROWS_AT_ONCE, ROWS_AT_ONCE, 500]
    rows = pl.concat(pieces)
    assert rows.height == 2 * FRAMES + FRAMES - 200
    assert rows.select("frame", "track_id").rows() == sorted(rows.select("frame", "track_id").rows())
    of = {
        number: (kind, team)
        for number, kind, team in rows.select("track_id", "object_type", "team").unique().iter_rows()
    }
    assert of == {1: ("player", "home"), 2: ("referee", None), 3: ("ball", None)}
    assert rows.filter(pl.col("timestamp_ms") != pl.col("frame") % (FRAMES // 2) * 40).is_empty()
    last = rows.filter(pl.col("frame") == FRAMES - 1, pl.col("track_id") == 2).row(0, named=True)
    assert (last["box_x1"], last["box_y2"]) == ((FRAMES - 1) % 1000, (FRAMES - 1) % 7 + 20)
    assert last["y_m"] == pytest.approx((FRAMES - 1) / 100)
    gap = rows.filter(pl.col("frame") == 13, pl.col("track_id") == 2).row(0, named=True)
    assert gap["is_detected"] is False
    assert gap["confidence"] is gap["box_x1"] is None


def test_nobody_seen_is_no_rows(short_clip: Clip, tmp_path: Path) -> None:
    rows = list(blindly(short_clip, short_clip.video, tmp_path).rows)
    assert sum(piece.height for piece in rows) == 0


def test_people_of_both_periods_have_numbers_of_their_own(short_clip: Clip) -> None:
    """Two stand through both: four tracks, numbered in order of appearance."""
    sidecar, calibration = told(short_clip)
    places = np.array([[-10.0, 0.0], [10.0, 5.0]])
    feet = calibration.to_image(0, places)
    seen, _tracks = seen_by_two(200)
    boxes = np.tile(np.concatenate([feet - np.array([5, 30]), feet + np.array([5, 0])], axis=1), (200, 1)).astype(
        np.float32
    )
    seen = replace(seen, boxes=boxes)
    sidecar = replace(sidecar, periods=(Period(1, 0, 89), Period(2, 110, 199)))
    tracks, ball = followed(seen, sidecar, calibration, 25, "cbiou")
    assert ball is None
    of = {number: tracks.chosen(tracks.track == number) for number in (1, 2, 3, 4)}
    assert len(tracks.track) == sum(len(each.track) for each in of.values())
    assert [set(each.period.tolist()) for each in of.values()] == [{1}, {1}, {2}, {2}]
    assert [(each.frame.min(), each.frame.max()) for each in of.values()] == [(0, 89)] * 2 + [(110, 199)] * 2
    assert sorted(np.round(each.x_m.mean()) for each in of.values()) == [-10, -10, 10, 10]
