"""What the pipeline asks of a detector, and what all networks' outputs have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fotmate_assets.vision.observations import Detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fotmate_assets.vision.observations import Bools, Floats, Image

PEOPLE = frozenset({"person", "player", "players", "goalkeeper", "goalie", "keeper", "referee", "official", "human"})
"""Names, in lower case, by which networks call people."""
BALLS = frozenset({"ball", "sports ball", "football", "soccer ball"})
CONFIDENCE = 0.1
"""Detections below it are left out; the trackers make use of weak ones."""
OVERLAP = 0.7
"""Two boxes of one kind whose intersection over union is above it are of the same person."""
MOST = 300
"""Detections kept per image, the most confident ones."""


class DetectorError(ValueError):
    """What a detector cannot work with: settings, a device, weights or a library that are not there or do not serve, or
    too few images to learn from.
    """


class Detector(Protocol):
    """Finds people, and the ball where it can, in images of one segment of a video.

    The same images give the same boxes, whatever else was looked at before: nothing but `prepare` is remembered.
    """

    @property
    def name(self) -> str:
        """`background`, `onnx` or `ultralytics`."""
        ...

    @property
    def version(self) -> str:
        """The library and its version, half precision where it is used, the weights' file name and sha256: what decides
        the boxes.
        """
        ...

    @property
    def samples(self) -> int:
        """How many images, spread over a segment and its surroundings, `prepare` wants before it; 0: none."""
        ...

    @property
    def batch(self) -> int:
        """How many images `detect` takes best at once."""
        ...

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn a segment's background. Raises DetectorError for too few images where some are wanted."""
        ...

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """What is seen in each image, the most confident first; boxes in pixels of the image, inside of it."""
        ...


def chosen_weights(weights: str | None) -> Path:
    """The file of a network's weights. Raises DetectorError, naming the setting, where there is none: nothing is
    ever downloaded.
    """
    if not weights:
        raise DetectorError("this detector needs weights: set FOTMATE_VISION_WEIGHTS to their file")
    path = Path(weights).expanduser()
    if not path.is_file():
        raise DetectorError(f"FOTMATE_VISION_WEIGHTS: no file {weights!r}; weights are never downloaded")
    return path


def file_version(path: Path) -> str:
    """A file's name and sha256."""
    with path.open("rb") as content:
        return f"{path.name} sha256 {hashlib.file_digest(content, 'sha256').hexdigest()}"


def class_kinds(names: Mapping[int, str]) -> dict[int, bool]:
    """The classes of a network that are wanted: for each whether it is the ball. Raises DetectorError where none is
    of people.
    """
    kinds = {number: name.strip().lower() in BALLS for number, name in names.items() if name.strip().lower() in BALLS}
    people = [number for number, name in names.items() if name.strip().lower() in PEOPLE]
    if not people:
        raise DetectorError(f"the weights know no people, only {', '.join(sorted(names.values())[:10])}")
    return kinds | dict.fromkeys(people, False)


def batches(images: Sequence[Image], size: int) -> Iterator[Sequence[Image]]:
    """`images` in parts of `size` at most."""
    return (images[start : start + size] for start in range(0, len(images), size))


def detections(boxes: NDArray[Any], confidence: NDArray[Any], is_ball: Bools, width: int, height: int) -> Detections:
    """Candidates (n, 4), (n,), (n,) cut to the image and freed of those that overlap a better one of the same kind."""
    import numpy as np

    boxes = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
    sizes = boxes[:, 2:] - boxes[:, :2]
    order = np.flatnonzero((sizes > 0).all(axis=1))
    order = order[np.argsort(-confidence[order], kind="stable")]
    kept = order[_unlike(boxes[order], is_ball[order])][:MOST]
    return Detections(boxes[kept], confidence[kept].astype(np.float32), is_ball[kept])


def _unlike(boxes: Floats, is_ball: Bools) -> Bools:
    """Which boxes overlap none of the kept ones before them."""
    import numpy as np

    kept = np.ones(len(boxes), bool)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for index in range(len(boxes)):
        if not kept[index]:
            continue
        rest = slice(index + 1, None)
        sides = np.minimum(boxes[index, 2:], boxes[rest, 2:]) - np.maximum(boxes[index, :2], boxes[rest, :2])
        shared = np.clip(sides, 0, None).prod(axis=1)
        same = shared > OVERLAP * (areas[index] + areas[rest] - shared)
        kept[rest] &= ~(same & (is_ball[rest] == is_ball[index]))
    return kept
