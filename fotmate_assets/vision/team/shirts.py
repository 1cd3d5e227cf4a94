"""The colour of the shirt in a box of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Bools, Floats, Image

SHIRT = 0.28, 0.72, 0.18, 0.52
"""Where in a box the shirt is: from x, to x, from y, to y, as shares of the box."""
SHIRT_GRID = 8, 10
BESIDE = 0.15, 0.55
"""How far outside of a box, left and right of the shirt, its surroundings are looked at: shares of its width."""
BESIDE_GRID = 4, 8
MIN_BOX = 3.0, 6.0
"""Width and height in pixels below which a box shows no shirt."""
LIGHTNESS = 0.5
"""The weight of lightness in a difference of two colours: stripes of the grass, and shadow, differ in little else."""
MIN_DIFFERENCE = 7.0
"""How far a pixel is from its surroundings at least to be no grass."""
GRASS_LIGHTNESS = 45.0
"""L* of the grass under the light in which colours are given."""
GREEN = -5.0
"""a* from which on down the surroundings are grass."""
BRIGHTER = 0.7, 1.7
"""How far that light may be from the one in the picture: shares of the cube root of its luminance."""


def shirt_colours(image: Image, boxes: Floats) -> Floats:
    """The colour of the shirt in each of `boxes` (n, 4) of x1, y1, x2, y2 pixels: (n, 3) CIE L*a*b*, L* 0 to 100.

    It is the median of what stands out most in the box's upper middle: pixels like the grass beside the box are left
    out, and of the others those nearer to it, which are blends of shirt and grass. Then it is taken from the light in
    the picture, sun or a stand's shadow, to the light in which that grass has L* 45: more light by a factor multiplies
    L* + 16, a* and b* by its cube root (CIE 15). NaN where the box is too small, lies outside of the image, or shows
    nothing but its surroundings.
    """
    import cv2
    import numpy as np

    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    if not len(boxes):
        return np.empty((0, 3), np.float32)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    near, far = BESIDE
    shirt = _places(SHIRT, SHIRT_GRID)
    beside = [_places((x1, x2, *SHIRT[2:]), BESIDE_GRID) for x1, x2 in ((-far, -near), (1 + near, 1 + far))]
    places = np.concatenate([shirt, *beside])
    columns = boxes[:, :1] + places[:, 0] * width[:, None]
    rows = boxes[:, 1:2] + places[:, 1] * height[:, None]
    inside = (columns >= 0) & (columns < image.shape[1]) & (rows >= 0) & (rows < image.shape[0])
    pixels = image[
        np.clip(rows, 0, image.shape[0] - 1).astype(np.intp), np.clip(columns, 0, image.shape[1] - 1).astype(np.intp)
    ]
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    shirts, ground = lab[:, : len(shirt)], lab[:, len(shirt) :]
    seen, around = inside[:, : len(shirt)], inside[:, len(shirt) :]

    weights = np.array([LIGHTNESS, 1, 1], np.float32)
    grass = _median(ground, around)
    spread = _median(np.linalg.norm((ground - grass[:, None]) * weights, axis=2)[:, :, None], around)
    difference = np.linalg.norm((shirts - grass[:, None]) * weights, axis=2)
    with np.errstate(invalid="ignore"):
        stands_out = seen & (difference > np.maximum(MIN_DIFFERENCE, 2 * spread))
        most = _median(difference[:, :, None], stands_out)
        colours: Floats = _median(shirts, stands_out & (difference >= most))
    brighter = np.clip((GRASS_LIGHTNESS + 16) / (grass[:, 0] + 16), *BRIGHTER)
    brighter[~(grass[:, 1] < GREEN)] = 1.0
    lifted = np.array([16, 0, 0], np.float32)
    colours = (colours + lifted) * brighter[:, None] - lifted
    colours[:, 0] = np.clip(colours[:, 0], 0, 100)
    colours[(width < MIN_BOX[0]) | (height < MIN_BOX[1])] = np.nan
    return colours


def _places(part: tuple[float, float, float, float], grid: tuple[int, int]) -> Floats:
    """The centres of a grid's cells in a part of a box: (columns x rows, 2) shares of its width and height."""
    import numpy as np

    x1, x2, y1, y2 = part
    columns, rows = ((np.arange(cells) + 0.5) / cells for cells in grid)
    places = np.stack(np.meshgrid(x1 + columns * (x2 - x1), y1 + rows * (y2 - y1)), axis=-1)
    return places.reshape(-1, 2).astype(np.float32)


def _median(values: Floats, counted: Bools) -> Floats:
    """The lower median of each box's counted values, per channel: (n, channels), NaN where none counts."""
    import numpy as np

    ordered = np.sort(np.where(counted[:, :, None], values, np.inf), axis=1)
    number = counted.sum(axis=1)
    middle: Floats = ordered[np.arange(len(values)), np.maximum(number - 1, 0) // 2]
    middle[number == 0] = np.nan
    return middle
