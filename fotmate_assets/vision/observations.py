"""What is seen in a video, before anything is made of it: boxes per frame, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Ints = NDArray[np.int32]
    Bools = NDArray[np.bool_]
    Image = NDArray[np.uint8]
    """(height, width, 3), blue, green, red, as OpenCV has it."""


@dataclass(frozen=True)
class Detections:
    """What a detector sees in one image."""

    boxes: Floats
    """(n, 4): x1, y1, x2, y2 in pixels of the image that it was given."""
    confidence: Floats
    """(n,): 0 to 1."""
    is_ball: Bools
    """(n,): the ball; everything else is a person."""


@dataclass(frozen=True)
class Observations:
    """The detections of many frames in order of frames, and the frames that were looked at, with or without any."""

    frames: Ints
    """(f,): 0-based numbers in the video of the frames looked at, ascending."""
    times_ms: Doubles
    """(f,): presentation times of those frames, from the video's start."""
    frame: Ints
    """(n,): frame of each detection; n detections in all, ascending."""
    boxes: Floats
    """(n, 4): x1, y1, x2, y2 in pixels of the whole frame."""
    confidence: Floats
    """(n,): 0 to 1."""
    is_ball: Bools
    """(n,)"""
    colour: Floats
    """(n, 3): the shirt's colour in CIE L*a*b*; NaN where none could be told."""

    @property
    def columns(self) -> dict[str, Any]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def joined(parts: Sequence[Observations]) -> Observations:
    """The observations of consecutive segments as one. Raises ValueError for none."""
    import numpy as np

    return Observations(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in Observations.__dataclass_fields__}
    )
