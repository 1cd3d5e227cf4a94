"""What the vision wing is about: pitches, cameras' landmarks, periods, kits, and the names its rows use. Pure.

One frame of reference: metres, origin at the centre spot, x along the touchlines to the right, y up (toward the far
touchline of a main camera), as in fast-forward-football and kloppy's SECONDSPECTRUM.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

STORAGE_PATH = "tracking/{match_id}/trajectories.parquet"
"""Where a match's trajectories lie in the tracking bucket."""

FASTEST_M_S = 12.0
"""No footballer has run faster, they reach 10 to 11; Usain Bolt's fastest was 12.3 to 12.4."""

_MATCH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,119}")


def checked_match_id(match_id: str) -> str:
    """Return `match_id`, which names objects and folders. Raises ValueError unless it is made of letters, digits, `_`
    and `-`, 120 at most.
    """
    if _MATCH_ID.fullmatch(match_id) is None:
        raise ValueError(f"{match_id!r} is not a match id: letters, digits, _ and -, 120 at most")
    return match_id


def storage_path(match_id: str) -> str:
    """Key of a match's trajectories. Raises ValueError for what is no match id."""
    return STORAGE_PATH.format(match_id=checked_match_id(match_id))


class ObjectType(StrEnum):
    """What a track is of."""

    PLAYER = "player"
    GOALKEEPER = "goalkeeper"
    REFEREE = "referee"
    """The referee and the assistants."""
    BALL = "ball"
    OTHER = "other"
    """A person whose part is not known."""


class Side(StrEnum):
    """Whose player a track is of."""

    HOME = "home"
    AWAY = "away"
    LEFT = "left"
    """Where nobody told the kits: the team that defends the goal at negative x in the file's first period."""
    RIGHT = "right"


class Orientation(StrEnum):
    """Who plays which way, in kloppy's terms; positions are never turned."""

    HOME_AWAY = "home_away"
    """The home team attacks toward positive x in the first period; ends change."""
    AWAY_HOME = "away_home"
    NOT_SET = "not_set"


class TrackingStatus(StrEnum):
    """How far a match's trajectories are."""

    PENDING = "pending"
    """It has arrived and waits."""
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class Pitch:
    """A pitch's size in metres."""

    length_m: float = 105.0
    width_m: float = 68.0


@dataclass(frozen=True)
class Landmark:
    """A point of the pitch that is seen in the picture."""

    x_m: float
    y_m: float
    x_px: float
    y_px: float
    """Pixels from the top left corner of the whole frame."""
    name: str = ""


@dataclass(frozen=True)
class Keyframe:
    """Where landmarks are from a frame on."""

    frame: int
    """0-based."""
    landmarks: tuple[Landmark, ...]
    """Four or more."""


class Between(StrEnum):
    """What the camera does between two keyframes."""

    HOLD = "hold"
    """Stands still: each keyframe holds until the next."""
    INTERPOLATE = "interpolate"
    """Moves evenly from the one to the other."""


@dataclass(frozen=True)
class Period:
    """A half, or a period of extra time: frames `first_frame` to `last_frame`, both included."""

    period: int
    """1 to 4; 5 is the shoot-out."""
    first_frame: int
    last_frame: int | None = None
    """None: to the end of the video."""


@dataclass(frozen=True)
class Kits:
    """Shirt colours as `#rrggbb`; None where nobody told."""

    home: str | None = None
    away: str | None = None
    referee: str | None = None
    home_goalkeeper: str | None = None
    away_goalkeeper: str | None = None


@dataclass(frozen=True)
class Sidecar:
    """What is told beside a video: how its camera stands and what is played."""

    keyframes: tuple[Keyframe, ...]
    """In order of frames; the first is of frame 0. One for a camera that does not move."""
    pitch: Pitch = field(default_factory=Pitch)
    between: Between = Between.HOLD
    periods: tuple[Period, ...] = (Period(1, 0),)
    """In order of frames, disjoint; frames outside of them are not analysed."""
    kits: Kits = field(default_factory=Kits)
    region: tuple[int, int, int, int] | None = None
    """x1, y1, x2, y2 in pixels: the part of the frame that is looked at; None: all of it."""
    orientation: Orientation = Orientation.NOT_SET
    simulated: bool = False
    """The video shows no real match."""


@dataclass(frozen=True)
class Analysis:
    """How videos are analysed."""

    detector: str = "background"
    """background, onnx or ultralytics."""
    weights: str | None = None
    device: str = "auto"
    """auto, cpu or cuda."""
    half: bool = False
    """Half precision, on a GPU."""
    batch: int = 1
    """Images given to the network at once."""
    tracker: str = "cbiou"
    """cbiou or bytetrack."""
    stride: int = 1
    """Every so many frames one is looked at."""
