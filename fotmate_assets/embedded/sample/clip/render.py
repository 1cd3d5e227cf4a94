"""Draws the people and the ball of every frame into the empty stadium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fotmate_assets.embedded.sample.clip.stadium import empty_stadium
from fotmate_assets.vision.model import Kits, Pitch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fotmate_assets.embedded.sample.clip.camera import Camera
    from fotmate_assets.embedded.sample.clip.motion import Motion
    from fotmate_assets.vision.observations import Doubles, Image

    Bytes = NDArray[np.uint8]

KITS = Kits(home="#f4f4f4", away="#c8102e", referee="#17181c", home_goalkeeper="#f2c80f", away_goalkeeper="#1f5fd0")
"""The shirts."""

_SHORTS = {"home": "#1b2a5c", "away": "#f4f4f4", "referee": "#17181c", "home_goalkeeper": "#2a2a2a"}
_SHORTS |= {"away_goalkeeper": "#163f8c"}
_SOCKS = {"home": "#f4f4f4", "away": "#c8102e", "referee": "#17181c", "home_goalkeeper": "#f2c80f"}
_SOCKS |= {"away_goalkeeper": "#1f5fd0"}
_SKINS = ("#f0c8a8", "#d8a47c", "#a8714a", "#6e4528")
_HAIR = ("#20180f", "#4a3018", "#8a6a3a", "#101010")
_BALL_M = 0.13
"""Its radius, with the glare around it."""
_SHADOW_M = (0.1, 0.35)
"""From someone's feet to the middle of the shadow: the floodlights are brightest on the main stand."""
_FINE = 4
_SHIFT = 4
_NOISE = 2.0
"""One standard deviation of the sensor's noise, in levels of brightness."""

Colour = tuple[int, int, int]
Point = tuple[int, int]


@dataclass(frozen=True)
class _Look:
    """How a person looks, the same in every frame."""

    height_m: float
    shirt: Colour
    shorts: Colour
    socks: Colour
    skin: Colour
    hair: Colour


def frames(motion: Motion, camera: Camera, pitch: Pitch, seed: int) -> Iterator[Bytes]:
    """Every frame as YUV 4:2:0 (BT.601, limited range), (3/2 height, width): the planes one below the other."""
    rng = np.random.default_rng([seed, 1])
    empty = empty_stadium(camera, pitch, rng)
    _, top, _, bottom = camera.region
    cast = _Cast(motion, camera, rng)
    noise = _Noise(bottom - top, camera.size[0], rng)
    still = _Planes(cv2.cvtColor(cv2.GaussianBlur(empty, (3, 3), 0.6), cv2.COLOR_BGR2YUV_I420))
    image = empty.copy()
    for frame in range(motion.frames):
        image[top:bottom] = empty[top:bottom]
        cast.draw(image, frame)
        band = cv2.GaussianBlur(image[top:bottom], (3, 3), 0.6)
        planes = _Planes(cv2.cvtColor(np.asarray(band, np.uint8), cv2.COLOR_BGR2YUV_I420))
        noise.add(planes.luma)
        yield still.with_rows(planes, top)


class _Planes:
    """The three planes of a picture in YUV 4:2:0."""

    def __init__(self, i420: NDArray[np.generic]) -> None:
        rows, width = i420.shape
        height = rows * 2 // 3
        self.luma = np.asarray(i420[:height], np.uint8)
        self.chroma = np.asarray(i420[height:], np.uint8).reshape(2, height // 2, width // 2)

    def with_rows(self, band: _Planes, top: int) -> Bytes:
        """This picture with `band` in place of its rows from `top` (an even number) on."""
        luma, chroma = self.luma.copy(), self.chroma.copy()
        luma[top : top + len(band.luma)] = band.luma
        chroma[:, top // 2 : top // 2 + band.chroma.shape[1]] = band.chroma
        return np.concatenate([luma, chroma.reshape(-1, luma.shape[1])])


class _Noise:
    """The sensor's noise: one field, larger than the picture, of which each frame sees another part."""

    _SPARE = 64

    def __init__(self, height: int, width: int, rng: np.random.Generator) -> None:
        field = rng.normal(128.0, _NOISE, size=(height + self._SPARE, width + self._SPARE))
        self.field = np.clip(np.rint(field), 0, 255).astype(np.uint8)
        self.rng = rng

    def add(self, luma: Bytes) -> None:
        """Add the next frame's noise to `luma`."""
        y, x = self.rng.integers(0, self._SPARE, size=2)
        part = self.field[y : y + luma.shape[0], x : x + luma.shape[1]]
        cv2.addWeighted(luma, 1.0, part, 1.0, -128.0, dst=luma)


class _Cast:
    """Everyone who is drawn: looks, steps and directions, told once for all frames."""

    def __init__(self, motion: Motion, camera: Camera, rng: np.random.Generator) -> None:
        self.motion, self.camera = motion, camera
        self.looks = [_look(role, team, rng) for role, team in zip(motion.role, motion.team, strict=True)]
        velocity = motion.velocities()
        self.speed = np.hypot(velocity[..., 0], velocity[..., 1])
        self.facing = self._directions(velocity)
        steps = np.where(self.speed < 0.25, 0.0, 0.7 + 0.28 * self.speed) / motion.fps
        self.phase = 2 * np.pi * (steps.cumsum(axis=0) + rng.random(len(self.looks)))
        self.heights = np.array([look.height_m for look in self.looks])

    def draw(self, image: Image, frame: int) -> None:
        """Draw everyone who is there, the far ones first, and the ball among them."""
        places = self.motion.people_m[frame]
        bodies = _body(places, self.facing[frame], self.speed[frame], self.phase[frame], self.heights)
        pixels = self.camera.project(bodies[..., :2], bodies[..., 2])
        scales = self.camera.pixels_per_metre(places)
        ball = self.motion.ball_m[frame]
        queue = [(-places[i, 1], i) for i in range(len(places)) if np.isfinite(places[i]).all()]
        if np.isfinite(ball).all():
            queue.append((-float(ball[1]), -1))
        for _, i in sorted(queue):
            if i < 0:
                self._draw_ball(image, ball)
            else:
                _shade(image, self.camera.project(places[i] + _SHADOW_M), float(scales[i]))
                _draw_person(image, pixels[i], float(scales[i]), self.looks[i])

    def _draw_ball(self, image: Image, ball: Doubles) -> None:
        scale = float(self.camera.pixels_per_metre(ball))
        patch = _Patch(image, self.camera.project(ball, _BALL_M)[None], 2 * _BALL_M * scale + 2)
        patch.disc(0, _BALL_M * scale, (250, 250, 250))
        patch.put_back()

    def _directions(self, velocity: Doubles) -> Doubles:
        """(frames, n, 2): where everyone looks: where they go, or went before they stood still."""
        facing = np.empty_like(velocity)
        now = np.tile([0.0, 1.0], (velocity.shape[1], 1))
        for frame, moved in enumerate(velocity):
            now = now + moved * (15.0 / self.motion.fps)
            now = now / np.maximum(np.hypot(now[:, 0], now[:, 1]), 1e-9)[:, None]
            facing[frame] = now
        return facing


_HEAD, _CROWN, _NECK, _PELVIS = range(4)
(_SHOULDERS, _ELBOWS, _HANDS, _HIPS, _THIGHS, _KNEES, _ANKLES, _TOES) = ((4 + 2 * i, 5 + 2 * i) for i in range(8))


def _body(places: Doubles, facing: Doubles, speed: Doubles, phase: Doubles, height: Doubles) -> Doubles:
    """(n, 20, 3): joints in metres. The middle between the feet is over the place; a foot that is put down is at 0."""
    n = len(places)
    across = np.stack([-facing[:, 1], facing[:, 0]], axis=-1)
    body = np.zeros((n, 20, 3))
    lean = 0.012 * speed * height
    swing = np.where(speed < 0.25, 0.03, np.minimum(0.10 + 0.055 * speed, 0.42)) * height
    lift = np.minimum(0.02 + 0.022 * speed, 0.16) * height * (speed >= 0.25)

    def put(joint: int, ahead: Doubles | float, aside: Doubles | float, up: Doubles | float) -> None:
        body[:, joint, :2] = places + facing * np.reshape(ahead, (-1, 1)) + across * np.reshape(aside, (-1, 1))
        body[:, joint, 2] = up

    put(_PELVIS, 0.0, 0.0, 0.53 * height)
    put(_NECK, lean, 0.0, 0.83 * height)
    put(_HEAD, 1.2 * lean, 0.0, 0.925 * height)
    put(_CROWN, 1.1 * lean, 0.0, 0.95 * height)
    for side in (0, 1):
        sign = 1.0 - 2.0 * side
        stride, rise = sign * np.sin(phase), np.maximum(0.0, sign * np.cos(phase))
        put(_SHOULDERS[side], lean, sign * 0.105 * height, 0.80 * height)
        put(_ELBOWS[side], lean * 0.8 - 0.35 * stride * swing, sign * 0.14 * height, 0.64 * height)
        put(_HANDS[side], lean - 0.65 * stride * swing + 0.04 * height, sign * 0.13 * height, 0.52 * height)
        put(_HIPS[side], 0.0, sign * 0.05 * height, 0.52 * height)
        put(
            _KNEES[side],
            0.5 * stride * swing + 0.4 * rise * lift,
            sign * 0.05 * height,
            0.28 * height + 0.3 * rise * lift,
        )
        put(_THIGHS[side], 0.2 * stride * swing, sign * 0.05 * height, 0.42 * height)
        put(_ANKLES[side], stride * swing - 0.04 * height, sign * 0.035 * height, 0.045 * height + rise * lift)
        put(_TOES[side], stride * swing + 0.04 * height, sign * 0.035 * height, 0.025 * height + rise * lift)
    return body


class _Patch:
    """A part of the picture that is drawn finer than its pixels, and put back."""

    def __init__(self, image: Image, points_px: Doubles, margin_px: float) -> None:
        height, width = image.shape[:2]
        x1, y1 = np.floor(points_px.min(axis=0) - margin_px).astype(int)
        x2, y2 = np.ceil(points_px.max(axis=0) + margin_px).astype(int)
        x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
        self.part = image[y1:y2, x1:x2] if x2 > x1 and y2 > y1 else image[:0, :0]
        corners = ((points_px - (x1, y1)) * _FINE - 0.5) * 2**_SHIFT
        self.points: list[Point] = [(int(x), int(y)) for x, y in np.rint(corners)]
        size = (self.part.shape[1] * _FINE, self.part.shape[0] * _FINE)
        self.fine = cv2.resize(self.part, size, interpolation=cv2.INTER_NEAREST) if self.part.size else self.part

    def limb(self, a: int, b: int, width_px: float, colour: Colour) -> None:
        """A line with round ends between points `a` and `b`."""
        wide = max(1, round(width_px * _FINE))
        cv2.line(self.fine, self.points[a], self.points[b], colour, wide, cv2.LINE_8, _SHIFT)

    def disc(self, at: int, radius_px: float, colour: Colour) -> None:
        """A disc around a point."""
        cv2.circle(self.fine, self.points[at], round(radius_px * _FINE * 2**_SHIFT), colour, -1, cv2.LINE_8, _SHIFT)

    def outline(self, points: tuple[int, ...], colour: Colour) -> None:
        """A filled polygon."""
        corners = np.array([self.points[i] for i in points], np.int32)
        cv2.fillConvexPoly(self.fine, corners, colour, cv2.LINE_8, _SHIFT)

    def put_back(self) -> None:
        """Make the part small again, into the picture."""
        if self.part.size:
            size = (self.part.shape[1], self.part.shape[0])
            self.part[:] = cv2.resize(self.fine, size, interpolation=cv2.INTER_AREA)


def _draw_person(image: Image, pixels: Doubles, scale: float, look: _Look) -> None:
    patch = _Patch(image, pixels, 0.3 * scale)
    if not patch.part.size:
        return
    metre = scale * look.height_m / 1.8
    order = (0, 1) if pixels[_SHOULDERS[0], 1] < pixels[_SHOULDERS[1], 1] else (1, 0)
    far, near = order
    _arm(patch, far, metre, look)
    for side in order:
        patch.limb(_HIPS[side], _KNEES[side], 0.16 * metre, look.skin)
        patch.limb(_KNEES[side], _ANKLES[side], 0.125 * metre, look.socks)
        patch.limb(_ANKLES[side], _TOES[side], 0.09 * metre, (36, 34, 40))
    for side in order:
        patch.limb(_HIPS[side], _THIGHS[side], 0.21 * metre, look.shorts)
    patch.limb(_NECK, _PELVIS, 0.28 * metre, look.shirt)
    patch.outline((_SHOULDERS[0], _SHOULDERS[1], _HIPS[1], _HIPS[0]), look.shirt)
    _arm(patch, near, metre, look)
    patch.disc(_HEAD, 0.115 * metre, look.skin)
    patch.disc(_CROWN, 0.10 * metre, look.hair)
    patch.put_back()


def _arm(patch: _Patch, side: int, metre: float, look: _Look) -> None:
    patch.limb(_ELBOWS[side], _HANDS[side], 0.085 * metre, look.skin)
    patch.limb(_SHOULDERS[side], _ELBOWS[side], 0.12 * metre, look.shirt)


def _shade(image: Image, foot_px: Doubles, scale: float) -> None:
    """The soft shadow under someone in floodlight."""
    wide, high = 0.32 * scale, 0.09 * scale
    reach = np.array([2.5 * wide, 2.5 * high])
    x1, y1 = (int(edge) for edge in np.floor(foot_px - reach))
    x2, y2 = (int(edge) for edge in np.ceil(foot_px + reach))
    x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, image.shape[1]), min(y2, image.shape[0])
    if x2 <= x1 or y2 <= y1:
        return
    across = np.exp(-0.5 * ((np.arange(x1, x2) + 0.5 - foot_px[0]) / wide) ** 2)
    down = np.exp(-0.5 * ((np.arange(y1, y2) + 0.5 - foot_px[1]) / high) ** 2)
    part = image[y1:y2, x1:x2]
    part[:] = np.rint(part * (1.0 - 0.22 * np.outer(down, across))[..., None])


def _look(role: str, team: str, rng: np.random.Generator) -> _Look:
    kit = "referee" if role == "referee" else f"{team}_goalkeeper" if role == "goalkeeper" else team
    skin, hair = rng.choice(len(_SKINS), p=(0.35, 0.3, 0.2, 0.15)), rng.integers(len(_HAIR))
    return _Look(
        height_m=float(np.clip(rng.normal(1.82, 0.06), 1.68, 1.96)),
        shirt=_bgr(getattr(KITS, kit)),
        shorts=_bgr(_SHORTS[kit]),
        socks=_bgr(_SOCKS[kit]),
        skin=_bgr(_SKINS[skin]),
        hair=_bgr(_HAIR[hair]),
    )


def _bgr(colour: str) -> Colour:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red
