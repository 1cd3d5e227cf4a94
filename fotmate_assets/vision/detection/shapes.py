"""Which blobs are people, and which are several.

In a picture of a plane people's height grows evenly with the row of their feet. How tall they are, and how they fill
the square that stands on their feet, is learnt from the blobs of single people.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fotmate_assets.vision.observations import Floats

    Mask = NDArray[np.uint8]
    """255 where something is, else 0."""
    Blobs = NDArray[np.int32]
    """(n, 5): left, top, right, bottom, area in pixels."""

Box = tuple[float, float, float, float]

_WIDTH = 0.42
"""A person's usual width, in heights."""
_UPRIGHT = (0.2, 0.8)
"""The least and the most width, in heights, of a blob that tells how tall people are."""
_LEAST = (0.12, 0.55)
"""The least width and height of a person's blob, in usual heights: less is a part of one, or the ball."""
_SINGLE = (0.6, 1.15, 1.35)
"""The width and height, in usual heights, and area, in usual areas, up to which a blob is of one person for sure."""
_WIDEST = (1.1, 1.3)
"""The width and height, in usual heights, up to which a blob of one person is taken as it is."""
_MOST_PEOPLE = 10
"""A blob of more people's area is something else: a changed board, a cloud's edge."""
_NEXT = 0.22
"""How much of a whole person another one in a blob must explain."""
_FEWEST = 20
"""Blobs that it takes to learn from."""
_SHORTEST_PX = 6
_CELLS = 24
"""Rows and columns of the square that a body is learnt in."""
_NEVER = 0.03
"""How often a pixel is covered, or bare, against all expectation."""


class Size:
    """How tall people are in pixels: `base + slope * y` where their feet are in row `y`."""

    def __init__(self, slope: float, base: float) -> None:
        self._slope, self._base = slope, base

    def height(self, y: float) -> float:
        """How tall someone is whose feet are in row `y`."""
        return max(self._base + self._slope * y, float(_SHORTEST_PX))

    @classmethod
    def learnt(cls, blobs: Blobs, fallback: Size) -> Size:
        """The line that most of the upright blobs agree on; `fallback` where there are too few."""
        import numpy as np

        wide, high = (blobs[:, 2:4] - blobs[:, :2]).T
        upright = (high >= _SHORTEST_PX) & (wide > _UPRIGHT[0] * high) & (wide < _UPRIGHT[1] * high)
        upright &= blobs[:, 4] > 0.3 * wide * high
        feet, tall = blobs[upright, 3].astype(np.float64), high[upright].astype(np.float64)
        if len(feet) < _FEWEST:
            return fallback
        one, other = np.random.default_rng(0).integers(0, len(feet), (2, 2000))
        far = np.abs(feet[one] - feet[other]) > 10
        one, other = one[far], other[far]
        slopes = (tall[one] - tall[other]) / (feet[one] - feet[other])
        bases = tall[one] - slopes * feet[one]
        rising = (slopes >= 0) & (slopes < 0.5)
        slopes, bases = np.append(slopes[rising], 0.0), np.append(bases[rising], np.median(tall))
        off = np.abs(tall / np.maximum(bases[:, None] + slopes[:, None] * feet, 1.0) - 1)
        agree = off[(off < 0.1).sum(axis=1).argmax()] < 0.15
        if np.ptp(feet[agree]) < 10:
            return cls(0.0, float(np.median(tall[agree])))
        slope, base = np.polyfit(feet[agree], tall[agree], 1)
        return cls(float(slope), float(base))


class Body:
    """How often each part of the square that stands on someone's feet is covered by them, however tall they are."""

    def __init__(self, covered: Floats) -> None:
        import numpy as np

        self._covered = np.clip((covered + covered[:, ::-1]) / 2, _NEVER, 1 - _NEVER).astype(np.float32)
        self.area = float(covered.mean())
        """How much of the square is covered."""

    @classmethod
    def learnt(cls, images: Iterable[tuple[Mask, Blobs]], size: Size) -> Body:
        """The mean of single people's blobs in masks; an ellipse where there are too few."""
        import cv2
        import numpy as np

        squares = []
        for mask, blobs in images:
            for left, top, right, bottom, _ in blobs.tolist():
                usual, high = size.height(bottom), bottom - top
                x = round((left + right - high) / 2)
                is_single = 0.85 < high / usual < 1.15 and _UPRIGHT[0] < (right - left) / usual < _SINGLE[0]
                if is_single and x >= 0 and x + high <= mask.shape[1]:
                    part = mask[top:bottom, x : x + high]
                    squares.append(cv2.resize(part, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA))
        if len(squares) >= _FEWEST:
            return cls((np.stack(squares).mean(axis=0) / 255).astype(np.float32))
        y, x = (np.mgrid[:_CELLS, :_CELLS] + 0.5) / _CELLS
        return cls((np.hypot((x - 0.5) / 0.17, (y - 0.5) / 0.5) < 1).astype(np.float32))

    def covered(self, height: int) -> Floats:
        """(height, height, or one more to be odd): the square in pixels of someone this tall."""
        import cv2
        import numpy as np

        return np.asarray(cv2.resize(self._covered, (height | 1, height), interpolation=cv2.INTER_AREA), np.float32)


def people_in(blob: NDArray[np.int32], mask: Mask, size: Size, body: Body) -> list[Box]:
    """The boxes of the people that a blob is made of: its own for one person, of usual size for several."""
    left, top, right, bottom, area = blob.tolist()
    usual = size.height(bottom)
    wide, high, bodies = (right - left) / usual, (bottom - top) / usual, area / (body.area * usual**2)
    if wide < _LEAST[0] or high < _LEAST[1] or bodies > _MOST_PEOPLE:
        return []
    if wide <= _SINGLE[0] and high <= _SINGLE[1] and bodies <= _SINGLE[2]:
        return [(left, top, right, bottom)]
    tall = round(usual)
    feet = _parted(mask[top:bottom, left:right], body.covered(tall))
    if len(feet) <= 1 and wide <= _WIDEST[0] and high <= _WIDEST[1]:
        return [(left, top, right, bottom)]
    half = _WIDTH * tall / 2
    return [(left + x - half, top + y - tall, left + x + half, top + y) for x, y in feet]


def _parted(blob: Mask, covered: Floats) -> list[tuple[float, float]]:
    """Where people stand, column and row, who together make a blob likeliest.

    One is put after the other where they explain most of what is left (the logarithm of how much likelier the pixels
    become); whenever one is added, all are put anew in turn, given the others.
    """
    import cv2
    import numpy as np

    tall, wide = covered.shape
    likelier, rarer = np.log(covered / _NEVER), np.log((1 - covered) / (1 - _NEVER))
    least = _NEXT * float(likelier.sum())
    on = cv2.copyMakeBorder((blob > 0).astype(np.float32), *(wide,) * 4, cv2.BORDER_CONSTANT, value=0.0)
    anchor = (wide // 2, tall - 1)
    against = cv2.filter2D(1 - on, -1, rarer, anchor=anchor, borderType=cv2.BORDER_CONSTANT)
    feet: list[tuple[int, int]] = []

    def best(number: int) -> tuple[float, tuple[int, int]]:
        """What the person of this number explains at most beyond the others, and where it stands then."""
        left_over = on.copy()
        for other, (x, y) in enumerate(feet):
            if other != number:
                theirs = slice(y - tall + 1, y + 1), slice(x - wide // 2, x + wide // 2 + 1)
                left_over[theirs] = left_over[theirs] * (1 - covered)
        gain = against + cv2.filter2D(left_over, -1, likelier, anchor=anchor, borderType=cv2.BORDER_CONSTANT)
        inside = gain[tall : 2 * wide + len(blob) - 1, wide // 2 : -(wide // 2) - 1]
        _, most, _, (x, y) = cv2.minMaxLoc(inside)
        return most, (x + wide // 2, y + tall)

    while len(feet) < _MOST_PEOPLE:
        most, at = best(len(feet))
        if most < least:
            break
        feet.append(at)
        for _ in range(2):
            for number in range(len(feet)):
                feet[number] = best(number)[1]
    return [(x - wide + 0.5, y - wide + 1.0) for x, y in feet]
