"""Segments: each depends on the video and itself only, what is kept is not done again, cuts lie where scenes change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.detection import Detector
from fotmate_assets.vision.model import Between, Keyframe, Landmark, Period, Sidecar
from fotmate_assets.vision.observations import Detections, Observations
from fotmate_assets.vision.segments import Segment, kept_under, observe, segments

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Image

STILL = Sidecar((Keyframe(0, (Landmark(0, 0, 0, 0),)),))
WHOLE = (0, 0, 64, 48)


class Brightness:
    """Sees one person per image, whose confidence is the image's brightness over that of its surroundings."""

    name, version, samples, batch = "brightness", "1", 3, 4

    def __init__(self) -> None:
        self.looked_at = 0

    def prepare(self, images: Sequence[Image]) -> None:
        self.background = float(np.mean([image.mean() for image in images]))

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        self.looked_at += len(images)
        return [
            Detections(
                np.array([[1, 2, 11, 22]], np.float32),
                np.array([image.mean() / (256 + self.background)], np.float32),
                np.zeros(1, bool),
            )
            for image in images
        ]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 frames at one a second, each brighter than the one before."""
    path = tmp_path_factory.mktemp("video") / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1, options={"crf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(130):
            image = np.full((48, 64, 3), 20 + number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def seen(video: Path, detector: Detector, cut: Sequence[Segment], folder: Path, lines: list[str]) -> list[Observations]:
    with open_video(video) as opened:
        paths = kept_under(folder, "sha", WHOLE, detector, cut)
        return list(observe(opened, WHOLE, detector, cut, paths, lines.append))


def same(one: Sequence[Observations], other: Sequence[Observations]) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a.columns[name], b.columns[name], equal_nan=a.columns[name].dtype.kind == "f")
        for a, b in zip(one, other, strict=True)
        for name in a.columns
    )


def test_a_video_is_cut_into_minutes_of_which_every_frame_is_in_one() -> None:
    cut = segments(4000, 25.0, STILL)
    assert [(each.frames.start, each.frames.stop) for each in cut] == [(0, 1500), (1500, 3000), (3000, 4000)]
    assert cut[1].around == range(0, 4000)
    assert cut[0].around == range(0, 3000)


def test_with_a_stride_the_same_frames_are_looked_at_wherever_it_is_cut() -> None:
    sidecar = Sidecar((*STILL.keyframes, Keyframe(1001, STILL.keyframes[0].landmarks)))
    for stride in (1, 2, 3, 7):
        cut = segments(4000, 25.0, sidecar, stride)
        assert [frame for each in cut for frame in each.frames] == list(range(0, 4000, stride))


def test_a_segment_lies_within_a_period_and_between_moves_of_the_camera() -> None:
    sidecar = Sidecar(
        (*STILL.keyframes, Keyframe(700, STILL.keyframes[0].landmarks)),
        periods=(Period(1, 100, 999), Period(2, 1500)),
    )
    cut = segments(2000, 25.0, sidecar)
    assert [(each.frames[0], each.frames[-1]) for each in cut] == [(100, 699), (700, 999), (1500, 1999)]
    assert [(each.around[0], each.around[-1]) for each in cut] == [(100, 699), (700, 999), (1500, 1999)]


def test_a_camera_that_moves_all_the_time_is_not_cut_at_its_keyframes() -> None:
    sidecar = Sidecar((*STILL.keyframes, Keyframe(700, STILL.keyframes[0].landmarks)), between=Between.INTERPOLATE)
    assert [each.frames for each in segments(1000, 25.0, sidecar)] == [range(0, 1000)]


def test_a_period_beyond_the_end_of_the_video_is_refused() -> None:
    for periods in ((Period(1, 0, 100),), (Period(1, 0, 49), Period(2, 100))):
        with pytest.raises(ValueError, match="and the video has 100"):
            segments(100, 25.0, Sidecar(STILL.keyframes, periods=periods))


def test_a_run_that_died_is_continued_and_comes_out_the_same(video: Path, tmp_path: Path) -> None:
    cut = segments(130, 1.0, STILL)
    assert len(cut) == 3
    whole = seen(video, Brightness(), cut, tmp_path / "undisturbed", [])

    died = Brightness()
    with open_video(video) as opened:
        for _seen in observe(opened, WHOLE, died, cut, kept_under(tmp_path / "d", "sha", WHOLE, died, cut), print):
            if died.looked_at == 120:
                break
    lines: list[str] = []
    second = Brightness()
    assert same(seen(video, second, cut, tmp_path / "d", lines), whole)
    assert second.looked_at == 10
    assert [("earlier run" in line, line[:5]) for line in lines] == [(True, "[1/3]"), (True, "[2/3]"), (False, "[3/3]")]


def test_half_a_file_of_a_segment_is_done_again(video: Path, tmp_path: Path) -> None:
    cut = segments(130, 1.0, STILL)
    detector = Brightness()
    whole = seen(video, detector, cut, tmp_path, [])
    kept = kept_under(tmp_path, "sha", WHOLE, detector, cut)[1]
    for content in (kept.read_bytes()[:300], b"", b"no archive"):
        kept.write_bytes(content)
        again = Brightness()
        assert same(seen(video, again, cut, tmp_path, []), whole)
        assert again.looked_at == 60


def test_what_is_kept_of_another_video_detector_or_region_is_not_taken(tmp_path: Path) -> None:
    cut, detector, other = segments(130, 1.0, STILL), Brightness(), Brightness()
    other.version = "2"
    paths = {
        tuple(kept_under(tmp_path, sha256, region, one, each))
        for sha256, region, one, each in (
            ("sha", WHOLE, detector, cut),
            ("other", WHOLE, detector, cut),
            ("sha", (0, 0, 64, 40), detector, cut),
            ("sha", WHOLE, other, cut),
        )
    }
    assert len({path for each in paths for path in each}) == 12


def test_boxes_are_those_of_the_whole_frame(video: Path, tmp_path: Path) -> None:
    cut = segments(10, 1.0, STILL)
    region = (8, 16, 64, 48)
    with open_video(video) as opened:
        detector = Brightness()
        found = list(observe(opened, region, detector, cut, kept_under(tmp_path, "s", region, detector, cut), print))
    assert found[0].boxes[0].tolist() == [9, 18, 19, 38]
    assert found[0].frames.tolist() == list(range(10))
    assert found[0].times_ms.tolist() == [1000.0 * number for number in range(10)]
