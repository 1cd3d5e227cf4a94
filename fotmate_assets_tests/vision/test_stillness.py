"""A camera that moves under its calibration is found out; players, and moves that the calibration tells, are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest

from fotmate_assets.core.model import RawDocument
from fotmate_assets.embedded.sample.clip import Clip
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.model import Between, Keyframe, Sidecar
from fotmate_assets.vision.segments import segments
from fotmate_assets.vision.sidecar import read_sidecar
from fotmate_assets.vision.stillness import camera_shift_px


@pytest.fixture(scope="module")
def told(short_clip: Clip) -> Sidecar:
    content = short_clip.sidecar.read_bytes()
    return read_sidecar(RawDocument("tracking", "clip.json", content, "", datetime.now(UTC)))


def shift(video: Path, sidecar: Sidecar) -> float | None:
    with open_video(video) as opened:
        region = sidecar.region or (0, 0, opened.width, opened.height)
        return camera_shift_px(opened, sidecar, region, segments(opened.frames, opened.fps, sidecar))


def panned(video: Path, target: Path, shifts: list[int]) -> Path:
    """The first frames of `video`, each moved sideways by so many pixels."""
    with open_video(video) as opened, av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = opened.width, opened.height, "yuv420p"
        for number, image in opened.images(range(len(shifts))):
            moved = np.ascontiguousarray(np.roll(image, shifts[number], axis=1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="bgr24")))
        container.mux(stream.encode())
    return target


def test_a_camera_that_stands_still_does_so_however_much_is_run(short_clip: Clip, told: Sidecar) -> None:
    found = shift(short_clip.video, told)
    assert found is not None and found < 0.5


def test_a_pan_under_one_calibration_is_measured(short_clip: Clip, told: Sidecar, tmp_path: Path) -> None:
    video = panned(short_clip.video, tmp_path / "pan.mp4", [2 * number for number in range(20)])
    assert shift(video, told) == pytest.approx(38, abs=1)


def test_a_move_between_two_calibrations_is_none_under_one(short_clip: Clip, told: Sidecar, tmp_path: Path) -> None:
    video = panned(short_clip.video, tmp_path / "moved.mp4", [0] * 10 + [30] * 10)
    assert shift(video, told) == pytest.approx(30, abs=1)
    twice = replace(told, keyframes=(*told.keyframes, Keyframe(10, told.keyframes[0].landmarks)))
    found = shift(video, twice)
    assert found is not None and found < 0.5
    assert shift(video, replace(twice, between=Between.INTERPOLATE)) is None


def test_a_single_frame_has_nothing_to_compare(short_clip: Clip, told: Sidecar, tmp_path: Path) -> None:
    assert shift(panned(short_clip.video, tmp_path / "one.mp4", [0]), told) == 0
