"""What `fotmate vision calibrate` shows and writes: a calibration to check by eye, or a draft to fill in.

Pixels are counted as boxes are: (0, 0) is the top left corner of the picture, the middle of its first pixel (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from fotmate_assets.vision.calibration import Calibration
from fotmate_assets.vision.model import Between, Pitch, Sidecar
from fotmate_assets.vision.pitch import landmarks, polylines
from fotmate_assets.vision.sidecar import landmark_name, layout

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Doubles, Image

_LINES, _TOLD, _REPROJECTED, _GRID = (60, 60, 255), (0, 255, 255), (255, 200, 0), (255, 255, 0)
"""Blue, green, red, as OpenCV has it."""
_TEXT, _SHADE = (255, 255, 255), (0, 0, 0)
_SHIFT = 4
"""Bits after the point in the coordinates that are drawn."""


def draw(image: Image, calibration: Calibration, sidecar: Sidecar, frame: int) -> bytes:
    """PNG of a whole frame (0-based) with the pitch's markings where the calibration has them.

    Where the frame is a keyframe or the camera stands still: each landmark as told and as reprojected, with its name
    and its residual in pixels. Below: the reprojection error and the position errors. Small images are enlarged.
    """
    import cv2
    import numpy as np

    scale = max(1, 1920 // image.shape[1])
    canvas = _enlarged(image, scale)
    for line in polylines(sidecar.pitch):
        _polyline(canvas, calibration.to_image(frame, line), scale)

    piece = calibration.piece_of(frame)
    keyframe, fit = sidecar.keyframes[piece], calibration.fits[piece]
    is_last = piece == len(calibration.fits) - 1
    shown = frame == keyframe.frame or is_last or sidecar.between is Between.HOLD
    labels = _Labels(canvas)
    for landmark, residual in zip(keyframe.landmarks if shown else (), fit.residuals_px, strict=False):
        clicked = np.array([landmark.x_px, landmark.y_px])
        cv2.circle(canvas, _fixed(clicked - residual, scale), 6 << _SHIFT, _REPROJECTED, 2, cv2.LINE_AA, _SHIFT)
        _cross(canvas, clicked, scale)
        x, y = (clicked * scale).round().astype(int)
        labels.put(f"{landmark_name(landmark)} {np.hypot(*residual):.1f} px", int(x), int(y))

    half = sidecar.pitch.width_m / 2
    near, centre, far = (_metres(error) for error in calibration.error_at(frame, [(0, -half), (0, 0), (0, half)]))
    where = f"keyframe {piece + 1} of {len(calibration.fits)}"
    if frame != keyframe.frame:
        where = f"held from {where}" if shown else f"between keyframes {piece + 1} and {piece + 2}"
    legend = f" {len(keyframe.landmarks)} landmarks: cross as told, ring as reprojected." if shown else ""
    caption = [
        f"Frame {frame}, {where}.{legend} Red: the pitch of {sidecar.pitch.length_m:g} x {sidecar.pitch.width_m:g} m.",
        f"Reprojection error (each landmark left out in turn): {_pixels(fit.reprojection_error_px)}; worst keyframe: "
        f"{_pixels(calibration.reprojection_error_px)}.",
        f"Position error, one standard deviation, on the halfway line: near touchline {near}, centre {centre}, "
        f"far touchline {far}.",
    ]
    if sidecar.simulated:
        caption.append("simulated: no real match")
    return _png(_captioned(canvas, caption))


def grid(image: Image) -> bytes:
    """PNG of a frame, enlarged, with a grid to read pixels off: a line every 100 pixels, a tick every 10."""
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    scale = max(1, 3840 // width)
    canvas = _enlarged(image, scale)
    lines = canvas.copy()
    for x in range(0, width, 100):
        ends = _fixed(np.array([x, 0]), scale), _fixed(np.array([x, height]), scale)
        cv2.line(lines, *ends, _GRID, 1, cv2.LINE_AA, _SHIFT)
    for y in range(0, height, 100):
        ends = _fixed(np.array([0, y]), scale), _fixed(np.array([width, y]), scale)
        cv2.line(lines, *ends, _GRID, 1, cv2.LINE_AA, _SHIFT)
    cv2.addWeighted(lines, 0.5, canvas, 0.5, 0, dst=canvas)
    for x in range(0, width, 10):
        for y in range(0, height, 10):
            if x % 100 == 0 or y % 100 == 0:
                reach = 2 if x % 50 or y % 50 else 4
                across, down = (reach << _SHIFT, 0) if x % 100 == 0 else (0, reach << _SHIFT)
                column, row = _fixed(np.array([x, y]), scale)
                ends = (column - across, row - down), (column + across, row + down)
                cv2.line(canvas, *ends, _GRID, 1, cv2.LINE_AA, _SHIFT)
    for x in range(0, width, 100):
        for y in range(0, height, 100):
            _text(canvas, f"{x},{y}", x * scale + 4, y * scale + 16, 0.45)
    return _png(
        _captioned(
            canvas,
            [
                f"{width} x {height} pixels, x,y from the top left corner: the first pixel's middle is 0.5,0.5. "
                "Lines every 100, ticks every 10 pixels."
            ],
        )
    )


def template() -> bytes:
    """A draft sidecar: every landmark's name, its pixel to be told or the line deleted.

    It is refused as it stands: `landmarks[0].pixel` is null.
    """
    pitch = Pitch()
    draft = {
        "pitch": {"length_m": pitch.length_m, "width_m": pitch.width_m},
        "landmarks": [{"point": name, "pixel": None} for name in landmarks(pitch)],
        "periods": [{"period": 1, "first_frame": 0, "last_frame": None}],
        "kits": dict.fromkeys(("home", "away", "referee", "home_goalkeeper", "away_goalkeeper")),
        "orientation": "not_set",
    }
    return (layout(draft) + "\n").encode()


@dataclass
class _Labels:
    """Texts beside points, none over another."""

    canvas: Image
    taken: list[tuple[int, int, int, int]] = field(default_factory=list)

    def put(self, text: str, x: int, y: int) -> None:
        width, height = _text_size(text, 0.5)
        places = [
            (x + dx, y + dy)
            for dy in (-10, height + 10, -34, height + 34, -58)
            for dx in (10, -width - 10, -width // 2)
        ]
        left, base = next((place for place in places if self._is_free(*place, width, height)), places[0])
        self.taken.append((left, base - height, left + width, base))
        _text(self.canvas, text, left, base, 0.5)

    def _is_free(self, left: int, base: int, width: int, height: int) -> bool:
        if left < 0 or base < height or left + width > self.canvas.shape[1] or base > self.canvas.shape[0]:
            return False
        return all(
            left > x2 + 4 or left + width < x1 - 4 or base < y1 - 4 or base - height > y2 + 4
            for x1, y1, x2, y2 in self.taken
        )


def _enlarged(image: Image, scale: int) -> Image:
    import cv2
    import numpy as np

    enlarged = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(enlarged, dtype=np.uint8)


def _fixed(point: Doubles, scale: int) -> tuple[int, int]:
    """A point of the frame as the drawing functions want it: to them, the middle of the first pixel is 0."""
    x, y = ((point * scale - 0.5) * (1 << _SHIFT)).round().astype(int)
    return int(x), int(y)


def _polyline(canvas: Image, points: Doubles, scale: int) -> None:
    import cv2
    import numpy as np

    for start, end in pairwise(points):
        if np.abs([start, end]).max() < 20_000:  # NaN is not
            cv2.line(canvas, _fixed(start, scale), _fixed(end, scale), _LINES, 1, cv2.LINE_AA, _SHIFT)


def _cross(canvas: Image, point: Doubles, scale: int) -> None:
    import cv2

    x, y = _fixed(point, scale)
    reach = 8 << _SHIFT
    for across, down in ((reach, 0), (0, reach)):
        cv2.line(canvas, (x - across, y - down), (x + across, y + down), _TOLD, 1, cv2.LINE_AA, _SHIFT)


def _text_size(text: str, size: float) -> tuple[int, int]:
    import cv2

    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    return int(width), int(height)


def _text(canvas: Image, text: str, left: int, base: int, size: float) -> None:
    import cv2

    for dx, dy, colour in ((-1, 0, _SHADE), (1, 0, _SHADE), (0, -1, _SHADE), (0, 1, _SHADE), (0, 0, _TEXT)):
        cv2.putText(canvas, text, (left + dx, base + dy), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)


def _captioned(canvas: Image, lines: list[str]) -> Image:
    import numpy as np

    width = canvas.shape[1]
    size = min(0.8, 0.8 * (width - 24) / max(_text_size(line, 0.8)[0] for line in lines))
    strip = np.zeros((34 * len(lines) + 16, width, 3), dtype=np.uint8)
    for i, line in enumerate(lines):
        _text(strip, line, 12, 32 + 34 * i, size)
    return np.concatenate([canvas, strip])


def _pixels(error: float | None) -> str:
    return "cannot be told" if error is None else f"{error:.2f} px"


def _metres(error: float) -> str:
    return f"{error:.2f} m" if error == error else "not seen"  # noqa: PLR0124  NaN


def _png(canvas: Image) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", canvas)[1])
