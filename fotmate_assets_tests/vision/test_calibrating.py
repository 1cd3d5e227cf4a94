"""The pictures and the draft of `fotmate vision calibrate`."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fotmate_assets.core.model import RawDocument, SourceError
from fotmate_assets.embedded.sample.clip import Clip
from fotmate_assets.embedded.sample.clip.camera import Camera, main_stand
from fotmate_assets.vision.calibrating import draw, grid, template
from fotmate_assets.vision.calibration import calibrate
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.model import Between, Keyframe, Landmark, Pitch, Sidecar
from fotmate_assets.vision.pitch import landmarks
from fotmate_assets.vision.sidecar import read_sidecar

Image = NDArray[np.uint8]
GRASS = np.full((400, 700, 3), (40, 110, 40), dtype=np.uint8)
RED, YELLOW, BLUE = (60, 60, 255), (0, 255, 255), (255, 200, 0)
NAMES = (
    "halfway_near",
    "halfway_far",
    "centre_circle_left",
    "centre_circle_right",
    "left_far_corner",
    "left_near_corner",
)
SCALE = 2


def pixel(x_m: float, y_m: float) -> tuple[float, float]:
    depth = 100 + 0.6 * y_m
    return 350 + 500 * x_m / depth, 150 - 300 * y_m / depth


def keyframe(frame: int = 0, shift: float = 0) -> Keyframe:
    places = landmarks(Pitch())
    marks = [Landmark(*places[name], *pixel(*places[name]), name=name) for name in NAMES]
    return Keyframe(frame, tuple(replace(mark, x_px=mark.x_px + shift) for mark in marks))


def decoded(png: bytes) -> Image:
    assert png.startswith(b"\x89PNG")
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)


def has(picture: Image, colour: tuple[int, int, int], x: float, y: float, reach: int = 2) -> bool:
    """Whether a colour is drawn around a place of the enlarged picture, given in pixels of the frame."""
    column, row = round(x * SCALE), round(y * SCALE)
    around = picture[row - reach : row + reach + 1, column - reach : column + reach + 1].astype(int)
    return bool((np.abs(around - colour).max(axis=2) < 120).any())


def picture_of(sidecar: Sidecar, frame: int = 0) -> Image:
    return decoded(draw(GRASS, calibrate(sidecar), sidecar, frame))


def test_the_picture_shows_the_pitchs_lines_where_the_calibration_has_them() -> None:
    picture = picture_of(Sidecar((keyframe(),)))
    for place in ((0, 15), (0, -20), (-30, -34), (-36, 5), (-20, 34), (9.15 * 0.6, 9.15 * 0.8)):
        assert has(picture, RED, *pixel(*place)), place
    for place in ((-20, 15), (12, 0), (-45, 25)):
        assert not has(picture, RED, *pixel(*place)), place


def test_the_picture_is_the_enlarged_frame_with_a_caption_below() -> None:
    picture = picture_of(Sidecar((keyframe(),)))
    assert picture.shape[1] == 700 * SCALE
    assert picture.shape[0] > 400 * SCALE + 60
    assert (picture[30, 30] == GRASS[0, 0]).all()
    caption = picture[400 * SCALE :]
    assert (caption[-3:] == 0).all()
    assert (caption == 255).any()


def test_a_calibration_whose_error_cannot_be_told_is_drawn_all_the_same() -> None:
    marks = keyframe().landmarks
    sidecar = Sidecar((Keyframe(0, (*marks[:2], *marks[4:])),))
    assert calibrate(sidecar).reprojection_error_px is None
    assert has(picture_of(sidecar), RED, *pixel(0, -20))


def test_a_landmark_is_shown_where_it_was_clicked_and_where_the_fit_puts_it() -> None:
    marks = list(keyframe().landmarks)
    marks[2] = replace(marks[2], x_px=marks[2].x_px + 4)
    sidecar = Sidecar((Keyframe(0, tuple(marks)),))
    residual = calibrate(sidecar).fits[0].residuals_px[2]
    assert np.hypot(*residual) > 1.5
    picture = picture_of(sidecar)
    assert has(picture, YELLOW, marks[2].x_px, marks[2].y_px, reach=1)
    left_of_ring = marks[2].x_px - residual[0] - 6 / SCALE
    assert has(picture, BLUE, left_of_ring, marks[2].y_px - residual[1], reach=1)


def test_landmarks_are_shown_in_the_frames_they_hold_for_and_in_no_other() -> None:
    frames = (keyframe(), keyframe(10, shift=40))
    first, second = ((mark.x_px, mark.y_px) for mark in (frames[0].landmarks[2], frames[1].landmarks[2]))
    for between, frame, shown in (
        (Between.HOLD, 5, (True, False)),
        (Between.HOLD, 12, (False, True)),
        (Between.INTERPOLATE, 0, (True, False)),
        (Between.INTERPOLATE, 5, (False, False)),
        (Between.INTERPOLATE, 10, (False, True)),
        (Between.INTERPOLATE, 12, (False, True)),
    ):
        picture = picture_of(Sidecar(frames, between=between), frame)
        assert (has(picture, YELLOW, *first), has(picture, YELLOW, *second)) == shown, (between, frame)


def test_the_lines_move_with_the_camera_between_keyframes() -> None:
    sidecar = Sidecar((keyframe(), keyframe(10, shift=40)), between=Between.INTERPOLATE)
    x, y = pixel(0, -20)
    picture = picture_of(sidecar, 5)
    assert has(picture, RED, x + 20, y)
    assert not has(picture, RED, x, y)


def test_a_pitch_that_reaches_behind_the_camera_is_drawn_as_far_as_it_is_seen() -> None:
    def steep(x_m: float, y_m: float) -> tuple[float, float]:
        depth = 20 + y_m
        return 350 + 300 * x_m / depth, 150 + 1500 / depth

    places = {"centre_spot": (0.0, 0.0), "halfway_far": (0.0, 34.0)}
    places |= {name: landmarks(Pitch())[name] for name in ("right_penalty_spot", "right_far_corner", "left_far_corner")}
    sidecar = Sidecar((Keyframe(0, tuple(Landmark(*xy, *steep(*xy), name=name) for name, xy in places.items())),))
    picture = picture_of(sidecar)
    assert has(picture, RED, *steep(0, 15))
    assert not has(picture, RED, *steep(0, -60))


def test_the_grid_tells_the_pixels_of_the_frame() -> None:
    scale = 5
    picture = decoded(grid(GRASS))
    assert picture.shape[1] == 700 * scale
    for x in (100, 600):
        column = picture[: 400 * scale, x * scale - 1 : x * scale + 1].astype(int).mean(axis=1)
        assert (np.abs(column - GRASS[0, 0]).sum(axis=1) > 30).mean() > 0.95, x
    row = picture[300 * scale - 1 : 300 * scale + 1, :].astype(int).mean(axis=0)
    assert (np.abs(row - GRASS[0, 0]).sum(axis=1) > 30).mean() > 0.95
    assert has_tick(picture, 100, 130, scale)
    assert not has_tick(picture, 100, 134, scale)


def has_tick(picture: Image, x: int, y: int, scale: int) -> bool:
    beside = picture[y * scale - 1 : y * scale + 1, x * scale + 1].astype(int).mean(axis=0)
    return bool((np.abs(beside - GRASS[0, 0]).max() > 60).all())


# against the camera of the drawn clip, which knows exactly which pixel shows what


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080)])
def test_the_lines_lie_where_the_camera_sees_them(size: tuple[int, int]) -> None:
    camera = main_stand(size)
    sidecar = Sidecar((Keyframe(0, as_seen(camera)),))
    black = np.zeros((size[1], size[0], 3), np.uint8)
    picture = decoded(draw(black, calibrate(sidecar), sidecar, 0))
    scale = picture.shape[1] / size[0]
    for axis, places in enumerate(PAINTED):
        off = [across(picture[:, :, 2], at, axis) / scale for at in camera.project(places) * scale]
        assert np.median(off) == pytest.approx(0, abs=0.1)


def test_the_lines_lie_on_those_of_the_clip(short_clip: Clip) -> None:
    with open_video(short_clip.video) as video:
        _number, image = next(video.images([0]))
    sidecar = Sidecar((Keyframe(0, as_seen(short_clip.camera)),))
    drawn = decoded(draw(image, calibrate(sidecar), sidecar, 0))[: image.shape[0]]
    light, red = image.mean(axis=2), drawn[:, :, 2].astype(int) - drawn[:, :, 1]
    for axis, places in enumerate(PAINTED):
        off = [across(red, at, axis) - across(light, at, axis) for at in short_clip.camera.project(places)]
        assert np.median(off) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (3840, 2160)])
def test_what_is_read_off_the_grid_is_what_the_camera_says(size: tuple[int, int]) -> None:
    """A point of the grass seen at [200, 100] lies where the lines of 200 and of 100 cross."""
    x, y, depth = np.linalg.solve(main_stand(size).homography, [200, 100, 1.0])
    seen = main_stand(size).project((x / depth, y / depth))
    picture = decoded(grid(np.zeros((size[1], size[0], 3), np.uint8)))
    scale = picture.shape[1] / size[0]
    for axis in (0, 1):
        beside = seen + ((0, 36) if axis == 0 else (36, 0))
        assert across(picture[:, :, 0], beside * scale, axis) / scale == pytest.approx(0, abs=0.05)


PAINTED = (
    np.array([(0, y) for y in (-30, -25, -20, -15, -12, 12, 15, 20, 25, 30)], np.float64),
    np.array([(x, y) for y in (-34, 34) for x in (-35, -25, -20, -10, 10, 20, 25, 35)], np.float64),
)
"""Places on a line that runs up the picture, and on two that run across it."""


def as_seen(camera: Camera) -> tuple[Landmark, ...]:
    marks = []
    for name in (*NAMES, "right_near_corner", "right_far_corner"):
        place = landmarks(Pitch())[name]
        x_px, y_px = camera.project(place)
        marks.append(Landmark(*place, float(x_px), float(y_px), name))
    return tuple(marks)


def across(channel: NDArray[Any], at: NDArray[np.float64], axis: int, reach: int = 5) -> float:
    """How far a bright line lies from `at` along an axis of the picture, in pixels; the first one's middle is 0.5."""
    column, row = (int(each) for each in at)
    if axis == 0:
        light = channel[row, column - reach : column + reach + 1].astype(float)
    else:
        light = channel[row - reach : row + reach + 1, column].astype(float)
    light = light - np.median(light)
    light[light < light.max() / 4] = 0
    middles = int(at[axis]) + np.arange(-reach, reach + 1) + 0.5
    return float((light * middles).sum() / light.sum() - at[axis])


def test_the_draft_names_every_landmark_and_is_refused_until_it_is_filled_in() -> None:
    def document(content: bytes) -> RawDocument:
        return RawDocument("video", "videos/derby.json", content, "file:///derby.json", datetime.now(UTC))

    draft = json.loads(template())
    assert {mark["point"] for mark in draft["landmarks"]} == set(landmarks(Pitch()))
    with pytest.raises(SourceError) as caught:
        read_sidecar(document(template()))
    assert caught.value.field == "landmarks[0].pixel"

    draft["landmarks"] = [
        {**mark, "pixel": pixel(*landmarks(Pitch())[mark["point"]])}
        for mark in draft["landmarks"]
        if mark["point"] in NAMES
    ]
    sidecar = read_sidecar(document(json.dumps(draft).encode()))
    assert sidecar == Sidecar(sidecar.keyframes), "all else is left to be found out, the region too"
    assert (calibrate(sidecar).reprojection_error_px or 1) < 1e-3
