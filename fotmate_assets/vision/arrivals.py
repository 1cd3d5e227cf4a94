"""What has arrived in the tracking bucket: the objects of `videos/`, match by match. Pure.

An object's name is the match id, a dot, and what it is:

| of a video | of Metrica's CSV | of Metrica's EPTS |
| --- | --- | --- |
| `2025-2026_1_001.mp4` (or another container) | `2025-2026_1_001.home.csv` | `2025-2026_1_001.txt` |
| `2025-2026_1_001.json`, its calibration | `2025-2026_1_001.away.csv` | `2025-2026_1_001.xml` |
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fotmate_assets.core.object_store import StoredObject
from fotmate_assets.vision.model import checked_match_id

FOLDER = "videos/"
CONTAINERS = ("avi", "m4v", "mkv", "mov", "mp4", "mpg", "ts", "webm")


class Kind(StrEnum):
    """What tells where the players were."""

    VIDEO = "video"
    METRICA_CSV = "metrica csv"
    METRICA_EPTS = "metrica epts"


_PARTS = {
    **dict.fromkeys(CONTAINERS, (Kind.VIDEO, "video")),
    "json": (Kind.VIDEO, "sidecar"),
    "home.csv": (Kind.METRICA_CSV, "home"),
    "away.csv": (Kind.METRICA_CSV, "away"),
    "txt": (Kind.METRICA_EPTS, "tracking"),
    "xml": (Kind.METRICA_EPTS, "metadata"),
}
_WANTED = {
    Kind.VIDEO: {"video": "mp4", "sidecar": "json"},
    Kind.METRICA_CSV: {"home": "home.csv", "away": "away.csv"},
    Kind.METRICA_EPTS: {"tracking": "txt", "metadata": "xml"},
}
"""The parts of each kind, and the ending by which a missing one is named."""


@dataclass(frozen=True)
class Arrival:
    """What there is of one match."""

    match_id: str
    kind: Kind
    parts: Mapping[str, StoredObject]
    """`video` and `sidecar`, `home` and `away`, or `tracking` and `metadata`."""

    @property
    def missing(self) -> list[str]:
        """Keys of the parts that are not there, or empty."""
        return [
            f"{FOLDER}{self.match_id}.{ending}"
            for part, ending in _WANTED[self.kind].items()
            if part not in self.parts or self.parts[part].size_bytes == 0
        ]

    @property
    def main(self) -> str:
        """Key of the object that the positions are in; of another part where that one is missing."""
        of_kind = _WANTED[self.kind]
        return next(self.parts[part].key for part in of_kind if part in self.parts)

    @property
    def version(self) -> str:
        """Another one when any part is another."""
        told = "\n".join(f"{part.key} {part.version}" for _name, part in sorted(self.parts.items()))
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def ending_of(name: str) -> str:
    """By which ending a file is known in `videos/`: `home.csv` for `Sample_Game_1_RawTrackingData_Home_Team.csv`.

    Raises ValueError for a file that is no part of anything.
    """
    lower = name.lower()
    _stem, _dot, ending = lower.rpartition(".")
    if ending == "csv":
        ending = next((f"{side}.csv" for side in ("home", "away") if side in lower), ending)
    if ending not in _PARTS or ending == lower:
        raise ValueError(f"{name} is neither a video nor a part of one; known are .{', .'.join(_PARTS)}")
    return ending


@dataclass(frozen=True)
class Arrivals:
    """What there is of every match."""

    matches: Mapping[str, Arrival]
    strays: tuple[str, ...] = ()
    """What cannot be used, and why, for a reader."""


def arrivals(listing: Iterable[StoredObject]) -> Arrivals:
    """Sort the objects of `videos/` by match. One of two kinds, or with a part twice, is not taken: it is a stray."""
    found: dict[str, dict[tuple[Kind, str], list[StoredObject]]] = defaultdict(lambda: defaultdict(list))
    strays = []
    for each in listing:
        match_id, _, ending = each.key.removeprefix(FOLDER).partition(".")
        part = _PARTS.get(ending.lower())
        try:
            checked_match_id(match_id)
        except ValueError as error:
            strays.append(f"{each.key}: {error}")
            continue
        if part is None:
            strays.append(f"{each.key}: neither a video nor a part of one; known are .{', .'.join(_PARTS)}")
        else:
            found[match_id][part].append(each)
    matches = {}
    for match_id, parts in sorted(found.items()):
        kinds = sorted({kind for kind, _part in parts})
        rivals: list[list[str]] = [[*kinds]] if len(kinds) > 1 else []
        rivals += [sorted(each.key for each in same) for same in parts.values() if len(same) > 1]
        strays += [f"{match_id}: both {' and '.join(each)} are there: which is to be taken?" for each in rivals]
        if not rivals:
            matches[match_id] = Arrival(match_id, kinds[0], {part: each for (_kind, part), (each,) in parts.items()})
    return Arrivals(matches, tuple(strays))


@dataclass(frozen=True)
class Seen:
    """What the sensor's cursor remembers of a match."""

    version: str
    is_asked_for: bool
    asked: int = 0
    """How often a run has been asked for, of any version."""


@dataclass(frozen=True)
class Tick:
    """What a tick of the sensor comes to."""

    due: tuple[Arrival, ...] = ()
    """To be processed now."""
    waiting: tuple[str, ...] = ()
    """What is not processed yet, and why."""
    seen: Mapping[str, Seen] = field(default_factory=dict)


def tick(found: Arrivals, seen: Mapping[str, Seen], begun: Mapping[str, str]) -> Tick:
    """Each version of a match is due once: when it is complete, and has not changed since the tick before.

    S3 shows only whole objects, but a folder or a gateway shows a file while it grows, and parts come one by one.
    `begun`: the version of each match that a run, whoever asked for it, has begun to work on.
    """
    due, waiting = [], list(found.strays)
    now = {match_id: before for match_id, before in seen.items() if before.asked}
    for match_id, arrival in found.matches.items():
        before = seen.get(match_id, Seen("", False))
        is_settled = before.version == arrival.version
        is_asked_for = begun.get(match_id) == arrival.version or (is_settled and before.is_asked_for)
        asked = before.asked
        if not is_asked_for:
            if arrival.missing:
                waiting.append(f"{match_id}: waits for {' and '.join(arrival.missing)}")
            elif is_settled:
                due.append(arrival)
                is_asked_for, asked = True, asked + 1
            else:
                waiting.append(f"{match_id}: new; taken at the next tick if it does not change")
        now[match_id] = Seen(arrival.version, is_asked_for, asked)
    return Tick(tuple(due), tuple(waiting), now)
