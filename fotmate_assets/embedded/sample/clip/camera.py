"""A camera on the roof of the main stand that sees the whole pitch and does not move: a pinhole, known exactly.

Pixels are counted as boxes are: (0, 0) is the top left corner of the picture, the middle of its first pixel (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fotmate_assets.vision.observations import Doubles

DRAWN_FOR = (1920, 1080)
"""Width and height that the measures below are for; other sizes of this shape are scaled."""
FOCAL_PX = 1060.0
POSITION_M = (1.5, -98.0, 46.0)
"""Where the lens is; the pitch's middle is (0, 0, 0), z is up."""
AIM_M = (0.0, 7.0, 0.0)
"""The point of the grass in the middle of the picture."""
REGION = (0, 400, 1920, 816)
"""The band of the picture with the pitch and everyone on it: x1, y1, x2, y2."""


@dataclass(frozen=True)
class Camera:
    """The camera for pictures of one size."""

    size: tuple[int, int]
    """Width and height in pixels."""
    matrix: Doubles
    """(3, 4): metres (x, y, z, 1) to pixels, up to a factor that is the distance along the line of sight."""

    @property
    def homography(self) -> Doubles:
        """(3, 3): metres on the grass (x, y, 1) to pixels, up to a factor."""
        return self.matrix[:, [0, 1, 3]]

    @property
    def region(self) -> tuple[int, int, int, int]:
        """The band of the picture with the pitch: x1, y1, x2, y2; even numbers."""
        scale = self.size[0] / DRAWN_FOR[0]
        x1, y1, x2, y2 = (2 * round(edge * scale / 2) for edge in REGION)
        return x1, y1, x2, y2

    def project(self, xy_m: ArrayLike, height_m: ArrayLike = 0.0) -> Doubles:
        """Pixels (..., 2) of points (..., 2) that are `height_m` above the grass."""
        ground = np.asarray(xy_m, dtype=np.float64)
        height = np.broadcast_to(np.asarray(height_m, dtype=np.float64), ground.shape[:-1])
        seen = np.concatenate([ground, height[..., None], np.ones_like(height)[..., None]], axis=-1) @ self.matrix.T
        return np.asarray(seen[..., :2] / seen[..., 2:])

    def pixels_per_metre(self, xy_m: ArrayLike) -> Doubles:
        """(...): how large a metre across the line of sight is at points (..., 2) of the grass."""
        ground = np.asarray(xy_m, dtype=np.float64)
        distance = ground @ self.matrix[2, :2] + self.matrix[2, 3]
        return np.asarray(FOCAL_PX * self.size[0] / DRAWN_FOR[0] / distance)


def main_stand(size: tuple[int, int] = DRAWN_FOR) -> Camera:
    """The camera for pictures of `size` (width, height).

    Raises ValueError for a size whose sides are odd, or that is not 16 to 9.
    """
    width, height = size
    if width % 2 or height % 2 or abs(width * DRAWN_FOR[1] - height * DRAWN_FOR[0]) > 2 * DRAWN_FOR[0]:
        raise ValueError(f"{width}x{height} is not a size of 16 to 9 with even sides")
    forward = np.subtract(AIM_M, POSITION_M)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(forward, right), forward])
    focal = FOCAL_PX * width / DRAWN_FOR[0]
    lens = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    return Camera(size, lens @ np.column_stack([turn, -turn @ POSITION_M]))
