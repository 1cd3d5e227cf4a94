"""Finding people without a network: what differs from the empty scene, for a camera that stands still.

The empty scene is the median of images of a segment's surroundings. What differs from it by more than its noise, and is
not a mere shadow, is joined to blobs. In a picture of a plane people's height grows evenly with the row of their
feet: that line is fitted to the blobs of the images that the scene was learnt from, and tells which blobs are people,
and which are several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fotmate_assets.vision.detection.detector import CONFIDENCE, DetectorError
from fotmate_assets.vision.detection.shapes import Body, Size, people_in
from fotmate_assets.vision.observations import Detections

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fotmate_assets.vision.observations import Bools, Doubles, Floats, Image

    Mask = NDArray[np.uint8]
    Levels = NDArray[np.uint8]

_SAMPLES = 48
_NOISE = 5.0
"""A difference counts from so many standard deviations of the noise on."""
_LEAST_LEVELS = 14.0
"""And from so many of the 255 levels on, as a mean over the three colours."""
_SHAKE_PX = 0.4
"""The scene's edges may be off by so much."""
_SHADE = (0.35, 0.97)
"""A shadow lets through between these parts of the light."""
_GREY = 0.06
"""And the same of every colour, but for this part of it,"""
_SHADE_NOISE = 2.5
"""and for so many standard deviations of the noise."""
_QUARTILE = 0.319
"""A quarter of a Gaussian's values are within so many standard deviations. A quarter, for people may stand somewhere
more than half of the time.
"""
_SEEN = 0.1
"""What a pixel shows in this part of the samples may be the scene though people stood there for the rest."""
_AROUND_PX = 41
_CHUNK = 20000
_BLUR_PX = 0.5
"""Lenses and codecs blur: what stands out reaches so much further than the thing itself."""
_INSIDE_PX = (_BLUR_PX, _BLUR_PX, -_BLUR_PX, -_BLUR_PX)
_STRIPE = 64
"""Rows that the median is taken of at a time."""


class BackgroundDetector:
    """Boxes of what stands out from the scene and is shaped like a person. It looks for no ball."""

    name = "background"
    samples = _SAMPLES
    batch = 1

    def __init__(self) -> None:
        import cv2

        self.version = f"background 1, opencv {cv2.__version__}"
        self._scene: _Scene | None = None

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the empty scene and people's sizes. Raises DetectorError for fewer than three images."""
        if len(images) < 3:
            raise DetectorError(f"{len(images)} images do not tell what stands still: three are needed")
        self._scene = _Scene(images)

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """People in each image. Raises ValueError before `prepare`."""
        if self._scene is None:
            raise ValueError("prepare comes before detect")
        return [self._scene.people(image) for image in images]


class _Scene:
    """What is there when nobody is, how much it flickers, and how tall people are where."""

    def __init__(self, images: Sequence[Image]) -> None:
        import cv2
        import numpy as np

        self._empty = np.empty_like(images[0])
        flicker = np.empty(images[0].shape[:2], np.float32)
        is_doubtful = np.empty(flicker.shape, bool)
        for top in range(0, len(flicker), _STRIPE):
            rows = slice(top, top + _STRIPE)
            self._empty[rows], flicker[rows], is_doubtful[rows] = _median(np.stack([image[rows] for image in images]))
        around = cv2.medianBlur(self._empty, _AROUND_PX)
        self._noise = float(np.median(flicker))
        doubtful = np.argwhere(is_doubtful)
        for start in range(0, len(doubtful), _CHUNK):
            at = tuple(doubtful[start : start + _CHUNK].T)
            shown = np.stack([image[at] for image in images]).astype(np.int16)
            self._empty[at], resembles = _behind(shown, around[at].astype(np.int16))
            flicker[at] = np.where(resembles, self._noise, flicker[at])
        edges = cv2.morphologyEx(_grey(self._empty), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        least = np.maximum(cv2.blur(flicker, (5, 5)) * _NOISE, _LEAST_LEVELS) + _SHAKE_PX / 2 * edges
        self._least = np.clip(least, 0, 255).astype(np.uint8)
        self._size = Size(0.0, 24.0)
        masks = [self._differences(image)[0] for image in images]
        for _ in range(2):
            blobs = [self._blobs(mask) for mask in masks]
            self._size = Size.learnt(np.concatenate(blobs), self._size)
        self._body = Body.learnt(zip(masks, blobs, strict=True), self._size)

    def people(self, image: Image) -> Detections:
        """Boxes of the people in an image; one is trusted the more, the more it stands out."""
        import numpy as np

        mask, contrast = self._differences(image)
        boxes = [box for blob in self._blobs(mask) for box in people_in(blob, mask, self._size, self._body)]
        height, width = mask.shape
        found = np.clip(np.reshape(boxes, (-1, 4)) + _INSIDE_PX, 0, [width, height, width, height])
        trust = np.array([_trust(mask, contrast, self._least, box) for box in found], np.float32)
        order = np.argsort(-trust, kind="stable")
        order = order[trust[order] >= CONFIDENCE]
        return Detections(found[order].astype(np.float32), trust[order], np.zeros(len(order), bool))

    def _differences(self, image: Image) -> tuple[Mask, Levels]:
        """255 where something stands out from the scene that is no shadow, and by how many levels each pixel does."""
        import cv2
        import numpy as np

        contrast = _grey(cv2.absdiff(image, self._empty))
        mask = np.asarray(cv2.compare(contrast, self._least, cv2.CMP_GT), np.uint8)
        at = np.flatnonzero(mask)
        now, empty = (each.reshape(-1, 3)[at].astype(np.float32) for each in (image, self._empty))
        light = now.sum(axis=1) / np.maximum(empty.sum(axis=1), 1)
        off = np.abs(now - light[:, None] * empty) - _GREY * empty
        is_shadow = (light > _SHADE[0]) & (light < _SHADE[1]) & (off.max(axis=1) < _SHADE_NOISE * self._noise)
        mask.reshape(-1)[at[is_shadow]] = 0
        return mask, contrast

    def _blobs(self, mask: Mask) -> NDArray[np.int32]:
        """(n, 5): left, top, right, bottom, area of what hangs together, legs and torso joined."""
        import cv2
        import numpy as np

        height = self._size.height(mask.shape[0] / 2)
        across, down = max(3, round(0.1 * height) | 1), max(3, round(0.25 * height) | 1)
        joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((down, across), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        left, top, wide, high, area = stats[1:].T
        return np.stack([left, top, left + wide, top + high, area], axis=1)


def _trust(mask: Mask, contrast: Levels, least: Levels, box: Doubles) -> float:
    """0 to 1: half of it where what is in a box stands out by 1.7 times what counts."""
    import numpy as np

    left, top, right, bottom = np.rint(box).astype(int)
    inside = slice(top, bottom), slice(left, right)
    is_on = mask[inside] > 0
    times = float(contrast[inside][is_on].sum()) / max(float(least[inside][is_on].sum()), 1.0)
    return 1 - float(np.exp(1 - max(times, 1.0)))


def _grey(image: NDArray[Any]) -> Levels:
    """The mean over the three colours."""
    import cv2
    import numpy as np

    return np.asarray(cv2.transform(image, np.full((1, 3), 1 / 3)), np.uint8)


def _median(stripes: NDArray[np.uint8]) -> tuple[Image, Floats, Bools]:
    """Of (n, rows, columns, 3): what is shown in the middle, the standard deviation of its flicker, and where other
    things are shown, too.
    """
    import numpy as np

    middle = len(stripes) // 2
    empty = np.partition(stripes, middle, axis=0)[middle]
    levels = np.abs(stripes.astype(np.int16) - empty).mean(axis=3, dtype=np.float32)
    flicker = np.partition(levels, middle // 2, axis=0)[middle // 2] / _QUARTILE
    return empty, flicker, (levels > _LEAST_LEVELS).mean(axis=0) >= _SEEN


def _behind(shown: NDArray[np.int16], around: NDArray[np.int16]) -> tuple[NDArray[np.uint8], Bools]:
    """What pixels show behind people who stand there often.

    `shown` (n, p, 3) and the pixels' surroundings (p, 3). Of what is shown repeatedly it is what resembles the
    surroundings most, where that is clear, else what is shown most. Returns it, (p, 3), and where it resembles them.
    """
    import numpy as np

    candidates = shown[::3]
    support = np.stack([(np.abs(shown - each).sum(axis=2) < 3 * _LEAST_LEVELS).mean(axis=0) for each in candidates])
    off = np.abs(candidates - around).sum(axis=2) / 3
    pixels = np.arange(shown.shape[1])
    most = support.argmax(axis=0)
    near = np.where(support >= _SEEN, off, np.inf).argmin(axis=0)
    is_clear = off[near, pixels] + _LEAST_LEVELS < off[most, pixels]
    chosen = candidates[np.where(is_clear, near, most), pixels]
    same = np.abs(shown - chosen).sum(axis=2) < 3 * _LEAST_LEVELS
    mean = (shown * same[:, :, None]).sum(axis=0) / same.sum(axis=0)[:, None]
    return np.rint(mean).astype(np.uint8), np.abs(mean - around).mean(axis=1) < 2 * _LEAST_LEVELS
