"""What stands still in the picture: grass, lines, goals, advertising boards, stands. Drawn once a clip."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fotmate_assets.vision.model import Pitch
from fotmate_assets.vision.pitch import GOAL_WIDTH_M, PENALTY_SPOT_M, polylines

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fotmate_assets.embedded.sample.clip.camera import Camera
    from fotmate_assets.vision.observations import Image, Ints

_FINE = 4
"""How many times finer than its pixels the picture is drawn before it is made small."""
_SHIFT = 4
"""Corners are told to cv2 in sixteenths of a pixel."""
_LINE_M = 0.12
_GOAL_HEIGHT_M = 2.44
_GRASS = ((58, 118, 62), (66, 132, 70))
"""Blue, green, red of the dark and the light stripe."""
_STRIPE_M = 5.25
_APRON = (74, 80, 78)
"""The ground around the grass."""
_LINE = (226, 236, 232)
_BOARDS_M = (57.5, 41.0)
"""How far the boards stand from the pitch's axes: behind the goals, and along the far touchline."""
_BOARD_HEIGHT_M = 0.9
_BOARD_LENGTH_M = 11.5
_BOARD_COLOURS = ((30, 30, 34), (150, 62, 24), (34, 34, 150), (210, 210, 205), (96, 70, 20))
_END_BOARDS = (64, 52, 44)
_SLOGANS = ("SIMULATED", "FOTMATE", "NO REAL MATCH", "FOTMATE")

Colour = tuple[int, int, int]


def empty_stadium(camera: Camera, pitch: Pitch, rng: np.random.Generator) -> Image:
    """The picture without people."""
    width, height = camera.size
    image = np.zeros((height, width, 3), np.uint8)
    x1, top, x2, bottom = camera.region
    band = _Canvas(camera, (x1, top, x2, bottom))
    band.fine[:] = _APRON
    side, far = _BOARDS_M
    band.fill([(-side, -far), (side, -far), (side, far), (-side, far)], _GRASS[0])
    _stripes(band, pitch)
    for line in polylines(pitch):
        band.line(np.asarray(line), _LINE_M, _LINE)
    for x in (-pitch.length_m / 2 + PENALTY_SPOT_M, 0.0, pitch.length_m / 2 - PENALTY_SPOT_M):
        turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        band.fill(np.column_stack([x + 0.12 * np.cos(turn), 0.12 * np.sin(turn)]), _LINE)
    _far_stand(band, rng)
    _boards(band)
    for end in (-1, 1):
        _goal(band, end * pitch.length_m / 2)
    image[top:bottom] = band.small()
    _grain(image[top:bottom], rng, 2.2)
    _stand(image[:top], rng)
    _stand(image[bottom:], rng)
    return image


class _Canvas:
    """A part of the picture, drawn finer than its pixels."""

    def __init__(self, camera: Camera, part: tuple[int, int, int, int]) -> None:
        self.camera, (self.x, self.y, x2, y2) = camera, part
        self.fine = np.zeros(((y2 - self.y) * _FINE, (x2 - self.x) * _FINE, 3), np.uint8)

    def fill(self, xy_m: ArrayLike, colour: Colour, height_m: ArrayLike = 0.0) -> None:
        """Fill the outline (n, 2), whose points are `height_m` above the grass."""
        cv2.fillPoly(self.fine, [self._corners(xy_m, height_m)], colour, cv2.LINE_8, _SHIFT)

    def line(self, xy_m: ArrayLike, width_m: float, colour: Colour) -> None:
        """Paint a line (n, 2) on the grass as wide as it is from where the camera stands, piece by piece."""
        points = np.asarray(xy_m, dtype=np.float64)
        for a, b in pairwise(points):
            along = (b - a) / np.hypot(*(b - a)) * width_m / 2
            across = np.array([-along[1], along[0]])
            self.fill([a - along + across, b + along + across, b + along - across, a - along - across], colour)

    def text(self, slogan: str, corners_px: ArrayLike, colour: Colour) -> None:
        """Write on the board whose corners (4, 2) are top left, top right, bottom right, bottom left in the picture."""
        (wide, high), below = cv2.getTextSize(slogan, cv2.FONT_HERSHEY_DUPLEX, 2.0, 4)
        flat = np.zeros((high + 3 * below, wide + 40), np.uint8)
        cv2.putText(flat, slogan, (20, high + below), cv2.FONT_HERSHEY_DUPLEX, 2.0, 255, 4, cv2.LINE_AA)
        source = np.array([[0, 0], [flat.shape[1], 0], [flat.shape[1], flat.shape[0]], [0, flat.shape[0]]], np.float32)
        target = ((np.asarray(corners_px) - (self.x, self.y)) * _FINE).astype(np.float32)
        (x1, y1), (x2, y2) = np.floor(target.min(axis=0)).astype(int), np.ceil(target.max(axis=0)).astype(int)
        bend = cv2.getPerspectiveTransform(source, target - np.array([x1, y1], np.float32))
        self.fine[y1:y2, x1:x2][cv2.warpPerspective(flat, bend, (x2 - x1, y2 - y1)) > 100] = colour

    def small(self) -> Image:
        """The part at the picture's own size."""
        size = (self.fine.shape[1] // _FINE, self.fine.shape[0] // _FINE)
        return np.asarray(cv2.resize(self.fine, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _corners(self, xy_m: ArrayLike, height_m: ArrayLike) -> Ints:
        pixels = (self.camera.project(xy_m, height_m) - (self.x, self.y)) * _FINE - 0.5
        return np.asarray(np.round(pixels * 2**_SHIFT), np.int32)


def _stripes(band: _Canvas, pitch: Pitch) -> None:
    half_length, half_width = pitch.length_m / 2, pitch.width_m / 2
    for i, x in enumerate(np.arange(-half_length, half_length - 0.1, _STRIPE_M)):
        right, far = min(x + _STRIPE_M, half_length), half_width + 1.5
        band.fill([(x, -far), (right, -far), (right, far), (x, far)], _GRASS[i % 2])


def _boards(band: _Canvas) -> None:
    side, far = _BOARDS_M
    heights = [_BOARD_HEIGHT_M, _BOARD_HEIGHT_M, 0.0, 0.0]
    for x in (-side, side):
        band.fill([(x, -far), (x, far), (x, far), (x, -far)], _END_BOARDS, heights)
    for i, left in enumerate(np.arange(-side, side - 0.1, _BOARD_LENGTH_M)):
        right = left + _BOARD_LENGTH_M
        corners, colour = (
            [(left, far), (right, far), (right, far), (left, far)],
            _BOARD_COLOURS[i % len(_BOARD_COLOURS)],
        )
        band.fill(corners, colour, heights)
        ink: Colour = (235, 235, 235) if sum(colour) < 400 else (40, 40, 40)
        band.text(_SLOGANS[i % len(_SLOGANS)], band.camera.project(corners, heights), ink)


def _goal(band: _Canvas, x: float) -> None:
    out, post = np.sign(x) * 2.0, GOAL_WIDTH_M / 2
    for y in np.linspace(-post, post, 9):
        _pole(band, (x + out, y), 0.0, (x + out * 0.6, y), _GOAL_HEIGHT_M, 0.03, (150, 168, 152))
    for height in np.linspace(0.4, _GOAL_HEIGHT_M, 5):
        _pole(band, (x + out, -post), height, (x + out, post), height, 0.03, (150, 168, 152))
    for y in (-post, post):
        _pole(band, (x, y), 0.0, (x, y), _GOAL_HEIGHT_M, 0.12, (240, 240, 240))
    _pole(band, (x, -post), _GOAL_HEIGHT_M, (x, post), _GOAL_HEIGHT_M, 0.12, (240, 240, 240))


def _pole(
    band: _Canvas,
    start: tuple[float, float],
    start_m: float,
    stop: tuple[float, float],
    stop_m: float,
    width_m: float,
    colour: Colour,
) -> None:
    a, b = band.camera.project([start, stop], [start_m, stop_m])
    along = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    across = np.array([-along[1], along[0]]) * width_m / 2 * float(band.camera.pixels_per_metre(start))
    outline = (np.array([a + across, b + across, b - across, a - across]) - (band.x, band.y)) * _FINE - 0.5
    cv2.fillPoly(band.fine, [np.round(outline * 2**_SHIFT).astype(np.int32)], colour, cv2.LINE_8, _SHIFT)


def _far_stand(band: _Canvas, rng: np.random.Generator) -> None:
    """Seats behind the far boards, down to the ground that is hidden by them."""
    edge = band.camera.project([(-120.0, _BOARDS_M[1] + 2), (120.0, _BOARDS_M[1] + 2)])
    rows = int(min(edge[:, 1].min() - band.y, band.fine.shape[0] // _FINE))
    if rows > 0:
        seats = np.zeros((rows, band.fine.shape[1] // _FINE, 3), np.uint8)
        _stand(seats, rng)
        band.fine[: rows * _FINE] = cv2.resize(seats, (band.fine.shape[1], rows * _FINE))


def _stand(image: Image, rng: np.random.Generator) -> None:
    """A stand full of people who sit still: spots of colour in rows, with stairs between the blocks."""
    height, width = image.shape[:2]
    palette = np.array([(52, 46, 42), (74, 70, 68), (44, 40, 96), (128, 128, 126), (70, 52, 36), (30, 28, 28)])
    seats = (height // 7 + 1, width // 4 + 1)
    spots = palette[rng.choice(len(palette), p=(0.46, 0.2, 0.08, 0.06, 0.1, 0.1), size=seats)].astype(np.uint8)
    rows = np.repeat(np.repeat(spots, 7, axis=0), 4, axis=1)[:height, :width]
    rows[np.arange(height) % 7 < 3] = rows[np.arange(height) % 7 < 3] // 2 + 12
    rows[:, (np.arange(width) + 40) % max(1, width // 9) < max(1, width // 240)] = (84, 86, 88)
    rows[np.arange(height) % 130 > 116] = (58, 56, 54)
    image[:] = cv2.GaussianBlur(rows, (3, 3), 0.8)


def _grain(image: Image, rng: np.random.Generator, strength: float) -> None:
    """Grass is not one colour: patches and blades."""
    height, width = image.shape[:2]
    patches = cv2.resize(
        rng.normal(size=(height // 24 + 2, width // 48 + 2)), (width, height), interpolation=cv2.INTER_CUBIC
    )
    blades = cv2.GaussianBlur(rng.normal(size=(height, width)), (3, 3), 0.7)
    uneven = (patches + 1.6 * blades) * strength
    image[:] = np.clip(np.rint(image + uneven[..., None]), 0, 255).astype(np.uint8)
