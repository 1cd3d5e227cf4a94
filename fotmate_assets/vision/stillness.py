"""Whether a camera that is said to stand still does: how far its picture moves between the frames of one calibration.

A calibration says nothing of frames other than those it was made in. A camera that pans under it puts everybody metres
off, with the same reprojection error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fotmate_assets.vision.model import Between, Sidecar
from fotmate_assets.vision.segments import Region, Segment

if TYPE_CHECKING:
    from fotmate_assets.vision.decoding import Video
    from fotmate_assets.vision.observations import Doubles, Image

LOOKS = 6
"""Frames of each stretch that are compared with its first one."""
WIDTH_PX = 960
"""Pictures are compared no wider than this."""


def camera_shift_px(video: Video, sidecar: Sidecar, region: Region, cut: Sequence[Segment]) -> float | None:
    """How far the picture moves while one calibration holds, in pixels; None where the camera is said to move.

    By phase correlation (Kuglin and Hines 1975) of the region looked at: players and shadows move, the picture stays.
    """
    if sidecar.between is Between.INTERPOLATE and len(sidecar.keyframes) > 1:
        return None
    farthest = 0.0
    for frames in _stretches(sidecar, cut):
        chosen = sorted({frames[number * (len(frames) - 1) // LOOKS] for number in range(LOOKS + 1)})
        pictures = (_grey(image, region) for _frame, image in video.images(chosen))
        first, scale = next(pictures)
        for picture, _scale in pictures:
            farthest = max(farthest, _shift(first, picture) / scale)
    return farthest


def _stretches(sidecar: Sidecar, cut: Sequence[Segment]) -> list[list[int]]:
    """The frames that are looked at, between one keyframe and the next."""
    moves = [keyframe.frame for keyframe in sidecar.keyframes]
    found: dict[int, list[int]] = {}
    for segment in cut:
        piece = sum(move <= segment.frames[0] for move in moves)
        found.setdefault(piece, []).extend(segment.frames)
    return list(found.values())


def _grey(image: Image, region: Region) -> tuple[Doubles, float]:
    """The region in shades of grey, and how many of its pixels are one of the frame's."""
    import cv2
    import numpy as np

    x1, y1, x2, y2 = region
    scale = min(1.0, WIDTH_PX / (x2 - x1))
    grey = cv2.cvtColor(image[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float64), scale


def _shift(one: Doubles, other: Doubles) -> float:
    import cv2
    import numpy as np

    window = cv2.createHanningWindow(one.shape[::-1], cv2.CV_64F)
    (x, y), _response = cv2.phaseCorrelate(one, other, window)
    return float(np.hypot(x, y))
