"""Segments: each depends on the video and itself only, what is kept is not done again, cuts lie where scenes change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from fotmate_assets.embedded.sample.clip.camera import Camera, main_stand
from fotmate_assets.vision.calibration import calibrate
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.detection import Detector
from fotmate_assets.vision.model import Between, Keyframe, Landmark, Period, Pitch, Sidecar
from fotmate_assets.vision.observations import Detections, Observations
from fotmate_assets.vision.pitch import landmarks
from fotmate_assets.vision.segments import Region, Segment, UnfitError, check_view, kept_under, observe, segments

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
        with pytest.raises(UnfitError, match="and the video has 100"):
            segments(100, 25.0, Sidecar(STILL.keyframes, periods=periods))


def test_a_stride_below_one_is_refused_and_no_fault_of_the_sidecars() -> None:
    for stride in (0, -1):
        with pytest.raises(ValueError, match="stride") as caught:
            segments(100, 25.0, STILL, stride)
        assert not isinstance(caught.value, UnfitError)


NAMES = (
    *("left_near_corner", "right_near_corner", "left_far_corner", "right_far_corner", "halfway_near", "halfway_far"),
    *("left_near_penalty_area_corner", "right_near_penalty_area_corner", "centre_spot", "right_penalty_spot"),
)


def filmed_at(size: tuple[int, int], names: Sequence[str] = NAMES) -> Sidecar:
    """What is told beside a video of that size whose camera sees the whole pitch."""
    places, camera = landmarks(Pitch()), main_stand(size)
    marks = []
    for name in names:
        x_px, y_px = camera.project(places[name])
        marks.append(Landmark(*places[name], float(x_px), float(y_px), name))
    return Sidecar((Keyframe(0, tuple(marks)),))


def checked(sidecar: Sidecar, size: tuple[int, int], region: Region | None = None) -> None:
    check_view(sidecar, calibrate(sidecar), region or (0, 0, *size), *size)


def test_a_calibration_of_the_pictures_own_size_is_taken() -> None:
    for size in ((3840, 2160), (1920, 1080), (848, 478)):
        checked(filmed_at(size), size)


@pytest.mark.parametrize(
    ("of", "size"),
    [
        ((3840, 2160), (1920, 1080)),
        ((1920, 1080), (1280, 720)),
        ((1920, 1080), (848, 478)),
        ((1280, 720), (640, 360)),
    ],
)
def test_a_calibration_of_a_larger_picture_is_refused(of: tuple[int, int], size: tuple[int, int]) -> None:
    with pytest.raises(UnfitError, match=f"outside of the picture of {size[0]} x {size[1]} pixels.*another size"):
        checked(filmed_at(of), size)


def test_a_landmark_may_be_told_a_little_outside_of_the_picture_but_not_far() -> None:
    sidecar, camera = filmed_at((1920, 1080)), main_stand((1920, 1080))
    for x_px, is_taken in ((-950.0, True), (-970.0, False), (2870.0, True), (2890.0, False)):
        x_m, y_m = place_at(camera, x_px, 700.0)
        told = replace(sidecar.keyframes[0], landmarks=(*sidecar.keyframes[0].landmarks, Landmark(x_m, y_m, x_px, 700)))
        if is_taken:
            checked(Sidecar((told,)), (1920, 1080))
        else:
            with pytest.raises(UnfitError, match=r"m at \[-?\d+, 700\] is far outside"):
                checked(Sidecar((told,)), (1920, 1080))


def place_at(camera: Camera, x_px: float, y_px: float) -> tuple[float, float]:
    x, y, depth = np.linalg.solve(camera.homography, [x_px, y_px, 1.0])
    return float(x / depth), float(y / depth)


def test_a_calibration_that_has_the_whole_pitch_out_of_view_is_refused() -> None:
    camera = main_stand((1920, 1080))
    pixels = [(700.0, 950.0), (1300.0, 950.0), (800.0, 1060.0), (1400.0, 1070.0)]
    marks = tuple(Landmark(*place_at(camera, *pixel), *pixel) for pixel in pixels)
    sidecar = Sidecar((Keyframe(0, marks),))
    checked(sidecar, (1920, 1080))
    below = tuple(replace(mark, y_px=mark.y_px - 930) for mark in marks)
    with pytest.raises(UnfitError, match="the whole pitch is outside of the picture of 1920 x 1080"):
        checked(Sidecar((Keyframe(0, below),)), (1920, 1080))


def test_each_keyframe_is_looked_at() -> None:
    frames = (filmed_at((1920, 1080)).keyframes[0], replace(filmed_at((3840, 2160)).keyframes[0], frame=50))
    for between in Between:
        with pytest.raises(UnfitError, match=r"keyframe 50"):
            checked(Sidecar(frames, between=between), (1920, 1080))


@pytest.mark.parametrize("region", [(0, 0, 0, 1080), (0, 500, 1920, 500), (0, 0, 1922, 1080), (0, 0, 1920, 1082)])
def test_a_region_that_is_empty_or_not_inside_the_picture_is_refused(region: Region) -> None:
    with pytest.raises(UnfitError, match=r"the region \[0, "):
        checked(filmed_at((1920, 1080)), (1920, 1080), region)


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
