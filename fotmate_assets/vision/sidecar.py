"""The JSON beside a video: how its camera stands and what is played.

`videos/{match_id}.json`, for the video `videos/{match_id}.mp4`:

    {
      "pitch": {"length_m": 105, "width_m": 68},
      "landmarks": [
        {"point": "halfway_near", "pixel": [958.5, 1004]},
        {"point": "halfway_far", "pixel": [961, 402.5]},
        {"point": "left_near_penalty_area_corner", "pixel": [312, 812]},
        {"pitch": [36, 20.16], "pixel": [1604, 480]}
      ],
      "periods": [{"period": 1, "first_frame": 0, "last_frame": 67499}, {"period": 2, "first_frame": 90000}],
      "kits": {"home": "#c8102e", "away": "#ffffff", "referee": "#101010"},
      "region": [0, 380, 1920, 1060],
      "orientation": "home_away"
    }

- `landmarks`: four or more of them, for a camera that does not move. `point` is a name of `vision/pitch.py`; `pitch`
  tells metres from the centre spot instead, at most 20 m off the pitch. `pixel` counts from the top left corner of
  the frame, so that the first pixel's middle is 0.5, 0.5. All but one on a line, on the pitch or in the picture, do
  not fix a plane and are refused.
- `keyframes` in their place: `[{"frame": 0, "landmarks": [...]}, {"frame": 250, "landmarks": [...]}]`, the first of
  frame 0. `between`: `hold` (each until the next; the default) or `interpolate` (the camera moves evenly).
- `pitch`: 105 x 68 m unless told; within the Laws of the Game (90-120 x 45-90 m, longer than wide).
- `periods`: 0-based frames, both included; 1 to 4, and 5 for the shoot-out. All frames are period 1 unless told.
- `kits`: shirt colours `#rrggbb` of `home`, `away`, `referee`, `home_goalkeeper`, `away_goalkeeper`, or some of them.
- `region`: x1, y1, x2, y2 in pixels, the part of the frame that is looked at.
- `orientation`: `home_away`, `away_home` or `not_set`. `simulated`: true where the video shows no real match.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import Any

import msgspec

from fotmate_assets.core.model import RawDocument
from fotmate_assets.vision.model import Between, Keyframe, Kits, Landmark, Orientation, Period, Pitch, Sidecar
from fotmate_assets.vision.pitch import LENGTHS_M, WIDTHS_M, landmarks

BEYOND_PITCH_M = 20.0
"""How far off the pitch a landmark told in metres may lie (advertising boards, a stand)."""
ON_A_LINE_M, ON_A_LINE_PX = 0.05, 0.5
"""Closer than this to the line through two others, a landmark lies on it."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_UNKNOWN = re.compile(r"unknown field `(.*)`")
_LINE = 110


class _Landmark(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    point: str | None = None
    pitch: tuple[float, float] | None = None
    pixel: tuple[float, float]


class _Keyframe(msgspec.Struct, forbid_unknown_fields=True):
    frame: int
    landmarks: list[_Landmark]


class _Pitch(msgspec.Struct, forbid_unknown_fields=True):
    length_m: float
    width_m: float


class _Period(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    period: int
    first_frame: int
    last_frame: int | None = None


class _Kits(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    home: str | None = None
    away: str | None = None
    referee: str | None = None
    home_goalkeeper: str | None = None
    away_goalkeeper: str | None = None


class _Sidecar(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    pitch: _Pitch | None = None
    landmarks: list[_Landmark] | None = None
    keyframes: list[_Keyframe] | None = None
    between: Between = Between.HOLD
    periods: list[_Period] | None = None
    kits: _Kits | None = None
    region: tuple[int, int, int, int] | None = None
    orientation: Orientation = Orientation.NOT_SET
    simulated: bool = False


class _Mistake(Exception):
    def __init__(self, reason: str, field: str | None) -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


def read_sidecar(document: RawDocument) -> Sidecar:
    """What a sidecar tells. Raises SourceError malformed, naming the field, for whatever is wrong with it."""
    try:
        told = msgspec.json.decode(document.content, type=_Sidecar)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        unknown = _UNKNOWN.search(reason)
        field = path.rstrip("`") + (f".{unknown[1]}" if unknown else "")
        raise document.malformed(reason, field.removeprefix(".") or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise document.malformed(f"not JSON: {error}") from None
    try:
        return _checked(told)
    except _Mistake as mistake:
        raise document.malformed(mistake.reason, mistake.field) from None


def write_sidecar(sidecar: Sidecar) -> bytes:
    """A sidecar as JSON that `read_sidecar` gives back: defaults left out, a landmark a line, always the same bytes.

    Nothing is checked: what is wrong is told on reading.
    """
    frames = [
        _Keyframe(frame.frame, [_written(landmark, sidecar.pitch) for landmark in frame.landmarks])
        for frame in sidecar.keyframes
    ]
    is_static = len(frames) == 1 and frames[0].frame == 0
    document = _Sidecar(
        pitch=_Pitch(float(sidecar.pitch.length_m), float(sidecar.pitch.width_m)),
        landmarks=frames[0].landmarks if is_static else None,
        keyframes=None if is_static else frames,
        between=sidecar.between,
        periods=None
        if sidecar.periods == (Period(1, 0),)
        else [_Period(period.period, period.first_frame, period.last_frame) for period in sidecar.periods],
        kits=None if sidecar.kits == Kits() else _Kits(**vars(sidecar.kits)),
        region=sidecar.region,
        orientation=sidecar.orientation,
        simulated=sidecar.simulated,
    )
    return (layout(msgspec.to_builtins(document)) + "\n").encode()


def landmark_field(sidecar: Sidecar, keyframe: int, landmark: int | None = None) -> str:
    """Where a sidecar's JSON tells the landmarks of a keyframe, or one of them; both counted from 0."""
    static = len(sidecar.keyframes) == 1
    path = "landmarks" if static else f"keyframes[{keyframe}].landmarks"
    return path if landmark is None else f"{path}[{landmark}]"


def layout(value: Any, indent: str = "") -> str:
    """JSON in which whatever fits on a line is on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or (indent and len(indent) + len(flat) <= _LINE):
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(key)}: {layout(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + layout(item, inner) for item in value) + f"\n{indent}]"


def _written(landmark: Landmark, pitch: Pitch) -> _Landmark:
    pixel, metres = (float(landmark.x_px), float(landmark.y_px)), (float(landmark.x_m), float(landmark.y_m))
    if landmarks(pitch).get(landmark.name) == metres:
        return _Landmark(point=landmark.name, pixel=pixel)
    return _Landmark(pitch=metres, pixel=pixel)


def _checked(told: _Sidecar) -> Sidecar:
    pitch = _pitch(told.pitch)
    kits = told.kits or _Kits()
    for name in _Kits.__struct_fields__:
        colour = getattr(kits, name)
        if colour is not None and _COLOUR.fullmatch(colour) is None:
            raise _Mistake(f"{colour!r} is not a colour #rrggbb", f"kits.{name}")
    if told.region is not None:
        x1, y1, x2, y2 = told.region
        if x1 < 0 or y1 < 0 or x2 <= x1 or y2 <= y1:
            raise _Mistake(f"{list(told.region)} is not [x1, y1, x2, y2] with 0 <= x1 < x2 and 0 <= y1 < y2", "region")
    return Sidecar(
        keyframes=_keyframes(told, pitch),
        pitch=pitch,
        between=told.between,
        periods=_periods(told.periods),
        kits=Kits(**msgspec.structs.asdict(kits)),
        region=told.region,
        orientation=told.orientation,
        simulated=told.simulated,
    )


def _pitch(told: _Pitch | None) -> Pitch:
    if told is None:
        return Pitch()
    for name, (least, most) in (("length_m", LENGTHS_M), ("width_m", WIDTHS_M)):
        if not least <= getattr(told, name) <= most:
            raise _Mistake(f"{getattr(told, name):g} is outside of {least:g}-{most:g} m", f"pitch.{name}")
    if told.length_m <= told.width_m:
        raise _Mistake(f"{told.width_m:g} m is not less than the length, {told.length_m:g} m", "pitch.width_m")
    return Pitch(told.length_m, told.width_m)


def _keyframes(told: _Sidecar, pitch: Pitch) -> tuple[Keyframe, ...]:
    if told.landmarks is not None and told.keyframes is not None:
        raise _Mistake("tell `landmarks` (a camera that does not move) or `keyframes`, not both", "keyframes")
    if told.landmarks is not None:
        return (Keyframe(0, _landmarks(told.landmarks, pitch, "landmarks")),)
    if told.keyframes is None:
        raise _Mistake("neither `landmarks` nor `keyframes` is told", "landmarks")
    if not told.keyframes:
        raise _Mistake("no keyframe is told", "keyframes")
    if told.keyframes[0].frame != 0:
        raise _Mistake(f"the first keyframe is of frame {told.keyframes[0].frame}, not of 0", "keyframes[0].frame")
    for i, (before, after) in enumerate(pairwise(told.keyframes), 1):
        if after.frame <= before.frame:
            raise _Mistake(f"frame {after.frame} does not come after {before.frame}", f"keyframes[{i}].frame")
    return tuple(
        Keyframe(keyframe.frame, _landmarks(keyframe.landmarks, pitch, f"keyframes[{i}].landmarks"))
        for i, keyframe in enumerate(told.keyframes)
    )


def _landmarks(told: list[_Landmark], pitch: Pitch, field: str) -> tuple[Landmark, ...]:
    found = [_landmark(landmark, pitch, f"{field}[{i}]") for i, landmark in enumerate(told)]
    if len(found) < 4:
        raise _Mistake(f"four landmarks or more are needed, {len(found)} told", field)
    places = [(landmark.x_m, landmark.y_m) for landmark in found]
    pixels = [(landmark.x_px, landmark.y_px) for landmark in found]
    for i, landmark in enumerate(found):
        if places[i] in places[:i]:
            first = places.index(places[i])
            raise _Mistake(
                f"{landmark_name(landmark)} is told twice, as landmarks {first} and {i}",
                f"{field}[{i}].{'point' if landmark.name else 'pitch'}",
            )
        if pixels[i] in pixels[:i]:
            other = found[pixels.index(pixels[i])]
            raise _Mistake(
                f"{landmark_name(landmark)} and {landmark_name(other)} are told at one pixel", f"{field}[{i}].pixel"
            )
    for points, tolerance, where in ((places, ON_A_LINE_M, "on the pitch"), (pixels, ON_A_LINE_PX, "in the picture")):
        line = _longest_line(points, tolerance)
        if len(line) >= len(found) - 1:
            names = ", ".join(landmark_name(found[i]) for i in line)
            raise _Mistake(f"{names} lie on one line {where}: the rest does not fix the plane", field)
    return tuple(found)


def _landmark(told: _Landmark, pitch: Pitch, field: str) -> Landmark:
    if (told.point is None) == (told.pitch is None):
        raise _Mistake("tell `point` (a name) or `pitch` (metres), one of the two", field)
    if told.point is not None:
        place = landmarks(pitch).get(told.point)
        if place is None:
            raise _Mistake(f"{told.point!r} is no landmark; known: {', '.join(landmarks(pitch))}", f"{field}.point")
        return Landmark(*place, *told.pixel, name=told.point)
    assert told.pitch is not None  # noqa: S101  narrows for mypy
    for value, size in zip(told.pitch, (pitch.length_m, pitch.width_m), strict=True):
        if abs(value) > size / 2 + BEYOND_PITCH_M:
            raise _Mistake(f"{value:g} is more than {BEYOND_PITCH_M:g} m off the pitch (metres)", f"{field}.pitch")
    return Landmark(*told.pitch, *told.pixel)


def landmark_name(landmark: Landmark) -> str:
    """What to call a landmark in a message."""
    return landmark.name or f"({landmark.x_m:g}, {landmark.y_m:g}) m"


def _longest_line(points: Sequence[tuple[float, float]], tolerance: float) -> list[int]:
    """Indices of the most points that lie on one line through two of them."""

    def on_line(a: tuple[float, float], b: tuple[float, float]) -> Iterable[int]:
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = math.hypot(dx, dy)
        return (i for i, (x, y) in enumerate(points) if abs(dx * (y - a[1]) - dy * (x - a[0])) <= tolerance * length)

    return max((list(on_line(a, b)) for a, b in combinations(points, 2)), key=len)


def _periods(told: list[_Period] | None) -> tuple[Period, ...]:
    if told is None:
        return (Period(1, 0),)
    if not told:
        raise _Mistake("no period is told", "periods")
    for i, period in enumerate(told):
        if not 1 <= period.period <= 5 or (i and period.period <= told[i - 1].period):
            raise _Mistake(f"periods ascend from 1 to 5, {period.period} is out of order", f"periods[{i}].period")
        if period.first_frame < 0:
            raise _Mistake(f"frame {period.first_frame} is before the video", f"periods[{i}].first_frame")
        if period.last_frame is not None and period.last_frame < period.first_frame:
            raise _Mistake(
                f"frame {period.last_frame} is before the period's first, {period.first_frame}",
                f"periods[{i}].last_frame",
            )
        if i:
            last = told[i - 1].last_frame
            if last is None:
                raise _Mistake("only the last period may be open", f"periods[{i - 1}].last_frame")
            if period.first_frame <= last:
                raise _Mistake(
                    f"frame {period.first_frame} is in period {told[i - 1].period}, which lasts to frame {last}",
                    f"periods[{i}].first_frame",
                )
    return tuple(Period(period.period, period.first_frame, period.last_frame) for period in told)
