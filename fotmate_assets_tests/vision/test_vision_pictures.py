"""The pictures of trajectories: what is drawn of what there is, and that a simulated match says so."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

from fotmate_assets.core.drawing import ALARM, INK
from fotmate_assets.vision.calibration import Calibration, calibrate
from fotmate_assets.vision.model import Keyframe, Landmark, Pitch, Sidecar
from fotmate_assets.vision.pictures import (
    BALL,
    FIRST,
    FRAME_BYTES,
    REFEREE,
    SECOND,
    annotated_frame,
    heat_map,
    trails,
)

PITCH = Pitch()
SIZE = 480, 270
HEADER_PX = 56
LEGEND_PX = 33
CORNERS = (
    (-52.5, -34.0, 15.0, 237.5),
    (52.5, -34.0, 465.0, 237.5),
    (52.5, 34.0, 350.0, 82.5),
    (-52.5, 34.0, 130.0, 82.5),
)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return calibrate(Sidecar(keyframes=(Keyframe(0, tuple(Landmark(*corner) for corner in CORNERS)),)))


@pytest.fixture(scope="module")
def frame() -> NDArray[np.uint8]:
    """Striped, grainy grass."""
    rng = np.random.default_rng(1)
    image = np.zeros((SIZE[1], SIZE[0], 3))
    image[:] = np.where((np.arange(SIZE[0]) // 22 % 2)[:, None], (60, 125, 62), (52, 112, 55))
    image += rng.normal(0, 3, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def people(seconds: float = 4.0, *, sides: tuple[str | None, str | None] = ("home", "away")) -> pl.DataFrame:
    """22 players and goalkeepers, a referee and a ball, 5 frames a second, each walking a small circle."""
    kinds: list[tuple[str, str | None]] = []
    for side in sides:
        kinds += [("goalkeeper" if side else "other", side), *([("player" if side else "other", side)] * 10)]
    kinds += [("referee", None), ("ball", None)]
    rng = np.random.default_rng(2)
    places = rng.uniform((-30, -30), (30, 30), (24, 2))
    places[0], places[11] = (-48, 0), (48, 0)
    frames = np.arange(int(seconds * 5))
    rows: list[dict[str, Any]] = []
    for track, ((kind, team), (x, y)) in enumerate(zip(kinds, places, strict=True), 1):
        for number in frames.tolist():
            rows.append(row(track, number, kind, team, x + 2 * np.cos(number / 5), y + 2 * np.sin(number / 5)))
    return pl.DataFrame(rows, schema_overrides={"team": pl.String})


def row(
    track: int, number: int, kind: str, team: str | None, x_m: float, y_m: float, period: int = 1
) -> dict[str, Any]:
    """A trajectory row; the box is where the calibration of these tests has it, roughly."""
    depth = (y_m + 34) / 68
    px = 240 + x_m / 52.5 * (225 - 115 * depth)
    py = 237.5 - 155 * depth
    box = {"box_x1": int(px) - 2, "box_y1": int(py) - 10, "box_x2": int(px) + 2, "box_y2": int(py)}
    return {
        "period": period,
        "frame": number,
        "timestamp_ms": number * 200,
        "track_id": track,
        "object_type": kind,
        "team": team,
        "x_m": x_m,
        "y_m": y_m,
        **box,
    }


def where(picture: bytes, colour: str) -> NDArray[np.bool_]:
    """The pixels of exactly this colour."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    return np.asarray((pixels == [int(colour[place : place + 2], 16) for place in (1, 3, 5)]).all(-1))


def levels(picture: bytes) -> NDArray[np.uint8]:
    """The picture in shades of grey."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert("L"))


def body(picture: bytes, colour: str) -> NDArray[np.bool_]:
    """Those between the title and the legend."""
    return where(picture, colour)[HEADER_PX:-LEGEND_PX]


def drawn(calibration: Calibration, frame: NDArray[np.uint8]) -> dict[str, Callable[[pl.DataFrame, bool], bytes]]:
    def on_frame(rows: pl.DataFrame, simulated: bool) -> bytes:
        return annotated_frame(frame, rows.filter(pl.col("frame") == 3), calibration, "match_1, frame 3", simulated)

    return {
        "frame": on_frame,
        "trails": lambda rows, simulated: trails(rows, PITCH, "match_1", simulated),
        "heat": lambda rows, simulated: heat_map(rows, PITCH, "match_1", simulated),
    }


KINDS = "frame", "trails", "heat"


@pytest.mark.parametrize("kind", KINDS)
def test_a_simulated_match_is_called_so_and_no_other_is(
    calibration: Calibration, frame: NDArray[np.uint8], kind: str
) -> None:
    draw = drawn(calibration, frame)[kind]
    simulated, real = draw(people(), True), draw(people(), False)

    badge = where(simulated, ALARM)[:HEADER_PX, -90:]
    assert badge.mean() > 0.2
    assert not where(real, ALARM)[:HEADER_PX, -90:].any()
    assert (where(simulated, FIRST)[HEADER_PX:] == where(real, FIRST)[HEADER_PX:]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_give_the_same_bytes(calibration: Calibration, frame: NDArray[np.uint8], kind: str) -> None:
    draw = drawn(calibration, frame)[kind]
    shuffled = people().sample(fraction=1.0, shuffle=True, seed=1)

    assert draw(people(), True) == draw(people(), True)
    assert draw(shuffled, True) == draw(people(), True)


def test_pictures_are_small(calibration: Calibration, frame: NDArray[np.uint8]) -> None:
    draw = drawn(calibration, frame)
    long = people(60.0)

    assert len(draw["frame"](long, True)) <= FRAME_BYTES
    assert len(draw["trails"](long, True)) < 80_000
    assert len(draw["heat"](long, True)) < 80_000


def test_a_frame_too_grainy_is_made_narrower(calibration: Calibration) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (220, 400, 3)).astype(np.uint8)

    picture = annotated_frame(noise, people().clear(), calibration, "noise", False)

    assert len(picture) <= FRAME_BYTES
    assert Image.open(io.BytesIO(picture)).width < 800


@pytest.mark.parametrize("sides", [("home", "away"), ("left", "right")])
def test_the_teams_have_a_colour_each(
    calibration: Calibration, frame: NDArray[np.uint8], sides: tuple[str, str]
) -> None:
    for draw in drawn(calibration, frame).values():
        picture = draw(people(sides=sides), False)
        one_team = draw(people(sides=sides).filter(pl.col("team") != sides[1]), False)

        assert body(picture, FIRST).any()
        assert body(picture, SECOND).any()
        assert not body(one_team, SECOND).any()


def test_every_box_of_the_frame_is_drawn_where_it_is(calibration: Calibration, frame: NDArray[np.uint8]) -> None:
    rows = pl.DataFrame(
        [row(1, 3, "player", "home", -40.0, -20.0), row(2, 3, "player", "away", 40.0, 20.0)],
        schema_overrides={"team": pl.String},
    )
    picture = annotated_frame(frame, rows, calibration, "match_1, frame 3", False)

    first, second = (np.argwhere(body(picture, colour)).mean(axis=0) for colour in (FIRST, SECOND))
    assert first[0] > second[0]
    assert first[1] < second[1]


def test_an_interpolated_row_has_no_box(calibration: Calibration, frame: NDArray[np.uint8]) -> None:
    rows = people().filter(pl.col("frame") == 3)
    hidden = rows.with_columns(
        pl.when(pl.col("team") == "away").then(None).otherwise(pl.col(name)).alias(name)
        for name in ("box_x1", "box_y1", "box_x2", "box_y2")
    )

    picture = annotated_frame(frame, hidden, calibration, "match_1, frame 3", False)

    assert body(picture, FIRST).any()
    assert not where(picture, SECOND).any()


def test_the_frame_shows_the_markings_where_the_calibration_has_them(
    calibration: Calibration, frame: NDArray[np.uint8]
) -> None:
    moved = calibrate(Sidecar(keyframes=(Keyframe(0, tuple(Landmark(x, y, px + 20, py) for x, y, px, py in CORNERS)),)))
    rows = people().filter(pl.col("frame") == 3)
    right, wrong = (annotated_frame(frame, rows, each, "match_1", False) for each in (calibration, moved))

    changed = np.argwhere(levels(right) != levels(wrong))
    assert len(changed) > 500
    assert levels(right)[tuple(changed.T)].max() > 200
    assert (levels(right) == levels(annotated_frame(frame, rows, calibration, "match_1", False))).all()


def test_trails_show_the_last_twenty_seconds_only() -> None:
    early = [row(1, number, "player", "home", -40.0 + number / 10, 20.0) for number in range(100)]
    late = [row(1, number, "player", "home", 10.0 + number / 50, -20.0) for number in range(100, 250)]

    picture = trails(pl.DataFrame(early + late), PITCH, "match_1", False)

    marks = body(picture, FIRST)
    assert marks[marks.shape[0] // 2 :].any()
    assert not marks[: marks.shape[0] // 2].any()


def test_a_track_that_was_lost_is_not_joined_over_the_gap() -> None:
    parts = [row(1, number, "player", "home", -40.0, 20.0 + number / 10) for number in range(10)]
    parts += [row(1, number, "player", "home", 40.0, 20.0 + number / 10) for number in range(60, 70)]

    picture = trails(pl.DataFrame(parts), PITCH, "match_1", False)

    marks = body(picture, FIRST)
    middle = marks.shape[1] // 2
    assert not marks[:, middle - 200 : middle + 200].any()


def test_the_ball_and_the_referee_are_drawn() -> None:
    picture = trails(people(), PITCH, "match_1", False)
    without = trails(people().filter(~pl.col("object_type").is_in(["ball", "referee"])), PITCH, "match_1", False)

    for colour in (BALL, REFEREE):
        assert body(picture, colour).any()
        assert not body(without, colour).any()


def test_a_heat_map_is_darkest_where_a_team_was_longest() -> None:
    still = [row(1, number, "player", "home", -30.0, 10.0) for number in range(100)]
    walking = [row(2, number, "player", "home", number / 2, -10.0) for number in range(100)]

    marks = np.argwhere(body(heat_map(pl.DataFrame(still + walking), PITCH, "match_1", False), FIRST)[30:])

    y, x = marks.mean(axis=0)
    height, width = body(heat_map(pl.DataFrame(still), PITCH, "match_1", False), FIRST)[30:].shape
    assert x / width == pytest.approx(0.5 - 30 / 113, abs=0.02)
    assert y / height == pytest.approx(0.5 - 10 / 76, abs=0.06)


def test_the_second_half_is_turned_to_the_ends_of_the_first() -> None:
    def half(period: int, ends: int) -> list[dict[str, Any]]:
        return [
            row(track, 1000 * period + number, "player", side, sign * ends * 35.0, 20.0 * ends, period)
            for track, (side, sign) in enumerate((("home", -1), ("away", 1)), 1)
            for number in range(20)
        ]

    turned = body(heat_map(pl.DataFrame(half(1, 1) + half(2, -1)), PITCH, "match_1", False), FIRST)
    first = body(heat_map(pl.DataFrame(half(1, 1)), PITCH, "match_1", False), FIRST)
    as_they_stood = body(heat_map(pl.DataFrame(half(1, 1) + half(2, 1)), PITCH, "match_1", False), FIRST)

    assert (turned[30:] == first[30:]).all()
    assert (as_they_stood[30:] == first[30:]).all()


def test_nobody_is_a_picture_too(calibration: Calibration, frame: NDArray[np.uint8]) -> None:
    for draw in drawn(calibration, frame).values():
        assert Image.open(io.BytesIO(draw(people().clear(), False))).width > 300


def test_people_of_no_team_are_drawn_in_one_heat_map() -> None:
    together = heat_map(people(sides=(None, None)), PITCH, "match_1", False)

    assert body(together, INK).any()
    assert not body(together, FIRST).any()


def test_a_title_with_a_dollar_is_no_formula() -> None:
    assert trails(people(), PITCH, r"$\frac{1", False) != trails(people(), PITCH, "", False)


def test_drawing_leaves_no_figure_open() -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    trails(people(), PITCH, "match_1", False)
    heat_map(people(), PITCH, "match_1", False)

    assert pyplot.get_fignums() == before


@pytest.mark.real_data
def test_a_frame_of_a_real_clip_is_small(real_data: Path, calibration: Calibration) -> None:
    image = cv2.VideoCapture(str(real_data / "vision" / "real_wide_camera_848x478.mp4")).read()[1]
    rows = people().filter(pl.col("frame") == 3).with_columns(pl.col("^box_.*$") * 848 // 480)

    picture = annotated_frame(np.asarray(image, np.uint8), rows, calibration, "real", False)

    assert len(picture) <= FRAME_BYTES
    assert Image.open(io.BytesIO(picture)).width > 1000
