"""A video in segments of a minute: what is seen in each is kept on disk, so that a run that died is continued.

A segment's result depends on the video and on the segment only, never on what was seen before it. So a video whose
analysis was interrupted comes out as one whose was not.
"""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from fotmate_assets.core.object_store import written_whole
from fotmate_assets.vision.model import Between, Sidecar
from fotmate_assets.vision.observations import Observations
from fotmate_assets.vision.sidecar import landmark_name
from fotmate_assets.vision.team import shirt_colours

if TYPE_CHECKING:
    from fotmate_assets.vision.calibration import Calibration
    from fotmate_assets.vision.decoding import Video
    from fotmate_assets.vision.detection import Detector
    from fotmate_assets.vision.observations import Image

SEGMENT_S = 60.0
BEYOND_THE_PICTURE = 0.5
"""How far outside of the picture a landmark may be told, as a share of its width or height: where lines that are cut
off would meet.
"""
MOSTLY_IN_VIEW = 2 / 3
"""The least share of a keyframe's landmarks that are told within the picture."""
FORMAT = "1"
"""Changes with what is kept of a segment, or how it is seen."""

Region = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels: the part of the frame that is looked at."""


class UnfitError(ValueError):
    """What is told beside a video does not fit it: its periods, its region, its landmarks, how its camera moves."""


@dataclass(frozen=True)
class Segment:
    """Frames that are analysed together."""

    frames: range
    """Those looked at."""
    around: range
    """Frames that show the same scene from the same place: the segment, and a segment's length before and after."""


def segments(frames: int, fps: float, sidecar: Sidecar, stride: int = 1) -> list[Segment]:
    """Cut a video of so many frames: within periods only, and where a camera that holds was moved.

    Every `stride`-th frame of a period is looked at. Raises UnfitError for periods that the video does not reach,
    ValueError for a stride below 1.
    """
    if stride < 1:
        raise ValueError(f"stride {stride} is less than 1")
    moves = [keyframe.frame for keyframe in sidecar.keyframes[1:]] if sidecar.between is Between.HOLD else []
    length = max(stride, round(SEGMENT_S * fps) // stride * stride)
    found = []
    for period in sidecar.periods:
        end = frames if period.last_frame is None else period.last_frame + 1
        if period.first_frame >= end or end > frames:
            raise UnfitError(
                f"period {period.period} is frames {period.first_frame} to {end - 1}, and the video has {frames}"
            )
        wanted = range(period.first_frame, end, stride)
        cuts = [period.first_frame, *(move for move in moves if period.first_frame < move < end), end]
        for first, last in pairwise(cuts):
            still = wanted[_reached(wanted, first) : _reached(wanted, last)]
            for start in range(0, len(still), length // stride):
                part = still[start : start + length // stride]
                found.append(Segment(part, range(max(first, part[0] - length), min(last, part[-1] + 1 + length))))
    return found


def _reached(frames: range, frame: int) -> int:
    """How many of `frames` are before `frame`."""
    return -(-(frame - frames.start) // frames.step)


def check_view(sidecar: Sidecar, calibration: Calibration, region: Region, width: int, height: int) -> None:
    """Raise UnfitError where a sidecar is of a picture of another size than `width` x `height`, as far as can be seen:
    its landmarks lie far outside of it, or many of them outside; the whole pitch is out of view; or the region is empty
    or not inside.
    """
    import numpy as np

    size = np.array([width, height])
    half = np.array([calibration.pitch.length_m, calibration.pitch.width_m]) / 2
    pitch = np.stack(np.meshgrid(*(np.linspace(-each, each, int(each) * 2 + 1) for each in half)), axis=-1)
    for keyframe in sidecar.keyframes:
        where = f"the picture of {width} x {height} pixels"
        if len(sidecar.keyframes) > 1:
            where = f"{where} (keyframe {keyframe.frame})"
        pixels = np.array([(landmark.x_px, landmark.y_px) for landmark in keyframe.landmarks])
        outside = np.maximum(-pixels, pixels - size)
        far = (outside > BEYOND_THE_PICTURE * size).any(axis=1)
        if far.any():
            landmark = keyframe.landmarks[int(far.argmax())]
            raise UnfitError(
                f"{landmark_name(landmark)} at [{landmark.x_px:g}, {landmark.y_px:g}] is far outside of {where}: "
                "is the calibration of another size?"
            )
        beside = int((outside > 0).any(axis=1).sum())
        if beside > (1 - MOSTLY_IN_VIEW) * len(pixels):
            raise UnfitError(
                f"{beside} of {len(pixels)} landmarks are outside of {where}: is the calibration of another size?"
            )
        seen = calibration.to_image(keyframe.frame, pitch.reshape(-1, 2))
        if not ((seen >= 0) & (seen <= size)).all(axis=1).any():
            raise UnfitError(f"the whole pitch is outside of {where}")
    x1, y1, x2, y2 = region
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise UnfitError(f"the region {list(region)} is empty or not inside the picture of {width} x {height} pixels")


def kept_under(
    folder: Path, source_sha256: str, region: Region, detector: Detector, cut: Sequence[Segment]
) -> list[Path]:
    """Where each segment is kept: another place when anything that its result depends on is another."""
    import cv2

    same = f"{FORMAT} {source_sha256} {region} {detector.version} OpenCV {cv2.__version__}"
    return [
        folder / f"{hashlib.sha256(f'{same} {each.frames} {each.around}'.encode()).hexdigest()[:32]}.npz"
        for each in cut
    ]


def observe(
    video: Video, region: Region, detector: Detector, cut: Sequence[Segment], kept: Sequence[Path], tell: Progress
) -> Iterator[Observations]:
    """What is seen in each segment, in order; what is kept already is not looked at again.

    Raises SourceError for a video that cannot be decoded.
    """
    for number, (segment, path) in enumerate(zip(cut, kept, strict=True), 1):
        seen = _load(path)
        started = time.monotonic()
        if seen is None:
            seen = look(video, region, detector, segment)
            save(seen, path)
            speed = f"{len(segment.frames) / max(time.monotonic() - started, 1e-6):.1f} frames a second"
        else:
            speed = "seen by an earlier run"
        people = int((~seen.is_ball).sum()) / max(len(seen.frames), 1)
        first, last = segment.frames[0], segment.frames[-1]
        tell(f"[{number}/{len(cut)}] frames {first} to {last}: {people:.1f} people a frame, {speed}")
        yield seen


Progress = Callable[[str], None]
"""Takes a line for a reader: `[3/90] frames 3000 to 4499: 24.1 people a frame, 18.3 frames a second`."""


def look(video: Video, region: Region, detector: Detector, segment: Segment) -> Observations:
    """Detect and tell shirt colours in every frame of a segment."""
    import numpy as np

    detector.prepare([image for _frame, image in _cropped(video, _spread(segment.around, detector.samples), region)])
    numbers: list[int] = []
    found, colours = [], []
    for batch in _batches(_cropped(video, segment.frames, region), detector.batch):
        images = [image for _frame, image in batch]
        for (frame, image), detections in zip(batch, detector.detect(images), strict=True):
            numbers += [frame] * len(detections.boxes)
            found.append(detections)
            colours.append(shirt_colours(image, detections.boxes))
    frames = np.array(segment.frames, np.int32)
    offset = np.array([*region[:2], *region[:2]], np.float32)
    return Observations(
        frames=frames,
        times_ms=video.times_ms[frames],
        frame=np.array(numbers, np.int32),
        boxes=np.concatenate([each.boxes for each in found]) + offset,
        confidence=np.concatenate([each.confidence for each in found]),
        is_ball=np.concatenate([each.is_ball for each in found]),
        colour=np.concatenate(colours),
    )


def _spread(frames: range, samples: int) -> list[int]:
    """So many of `frames`, evenly."""
    if samples >= len(frames):
        return list(frames) if samples else []
    return [frames[(2 * number + 1) * len(frames) // (2 * samples)] for number in range(samples)]


def _cropped(video: Video, frames: Sequence[int], region: Region) -> Iterator[tuple[int, Image]]:
    x1, y1, x2, y2 = region
    for frame, image in video.images(frames):
        yield frame, image[y1:y2, x1:x2]


def _batches(images: Iterator[tuple[int, Image]], size: int) -> Iterator[list[tuple[int, Image]]]:
    batch: list[tuple[int, Image]] = []
    for each in images:
        batch.append(each)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def save(seen: Observations, path: Path) -> None:
    """Keep what was seen: the file appears when it is whole."""
    import numpy as np

    with written_whole(path) as part, part.open("wb") as file:
        np.savez(file, **seen.columns)


def _load(path: Path) -> Observations | None:
    """What was kept; None where nothing was, or it cannot be read."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as kept:
            return Observations(**{name: kept[name] for name in Observations.__dataclass_fields__})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
