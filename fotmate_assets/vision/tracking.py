"""Which detections are of one person: a tracker of the `trackers` package (Apache-2.0) over the boxes of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Bools, Floats, Ints, Observations

TRACKERS = ("cbiou", "bytetrack")
"""C-BIoU (Yang et al., WACV 2023), whose widened boxes suit people of 8 by 20 pixels, and ByteTrack (Zhang et al.,
ECCV 2022).
"""

SAME_PERSON = 0.5
"""Of two boxes that share more than this (intersection over union) the less confident is of the same person. Detectors
let more pass, and two tracks would then take turns on one person.
"""

CONFIDENT = 0.3
"""A box of less confidence continues a person, but begins none. Trackers are told no more than that: they weigh the
boxes' overlap by confidence, and one detector's 0.4 is another's 0.9.
"""


def track(seen: Observations, fps: float, tracker: str = "cbiou") -> Ints:
    """Return the track of each detection, (n,): from 1 in order of first appearance; -1 for what belongs to none, for
    a second box of the same person, and for the ball. `fps` is the rate of the frames that were looked at. A frame
    without detections counts: people grow older in it. Nothing is kept between calls. Raises ValueError for a tracker
    that is not known.
    """
    import numpy as np
    import supervision as sv

    following = _tracker(tracker, fps)
    rows = np.flatnonzero(~seen.is_ball)
    starts = np.searchsorted(seen.frame[rows], seen.frames)
    ends = np.searchsorted(seen.frame[rows], seen.frames, side="right")
    found = np.full(len(seen.frame), -1, np.int32)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        chosen = rows[start:end]
        chosen = chosen[_one_each(seen.boxes[chosen], seen.confidence[chosen])]
        certainty = np.where(seen.confidence[chosen] >= CONFIDENT, 1.0, 0.2)
        people = sv.Detections(xyxy=seen.boxes[chosen], confidence=certainty, data={"row": chosen})
        result = following.update(people)
        if len(result):
            found[result.data["row"]] = np.where(result.tracker_id < 0, -1, result.tracker_id + 1)
    return found


def tracker_version(tracker: str) -> str:
    """Return the tracker and the library it is of, such as "cbiou trackers 2.6.1". Raises ValueError for a tracker
    that is not known.
    """
    from importlib.metadata import version

    _known(tracker)
    return f"{tracker} trackers {version('trackers')}"


def _known(tracker: str) -> None:
    if tracker not in TRACKERS:
        raise ValueError(f"{tracker!r} is not a tracker: {' or '.join(TRACKERS)}")


def _tracker(name: str, fps: float) -> Any:
    from trackers import ByteTrackTracker, CBIoUTracker

    _known(name)
    common: dict[str, Any] = {
        "frame_rate": fps,
        "lost_track_buffer": 30,
        "track_activation_threshold": 0.5,
        "high_conf_det_threshold": 0.5,
        "minimum_consecutive_frames": 3,
    }
    if name == "bytetrack":
        return ByteTrackTracker(**common, minimum_iou_threshold=0.1)
    return CBIoUTracker(**common)


def _one_each(boxes: Floats, confidence: Floats) -> Bools:
    """Which boxes share too little with any more confident one to be of the same person."""
    import numpy as np
    import supervision as sv

    place = np.empty(len(boxes), np.int64)
    place[np.argsort(-confidence, kind="stable")] = np.arange(len(boxes))
    worse = (sv.box_iou_batch(boxes, boxes) > SAME_PERSON) & (place[None, :] < place[:, None])
    return np.asarray(~worse.any(axis=1))
