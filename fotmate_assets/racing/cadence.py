"""When a race's odds are to be captured: pure functions of post times and clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Phase(StrEnum):
    """How densely the odds are followed."""

    FIVE_MINUTES = "5min"
    """From 60 to 15 minutes before the off, every 5 minutes."""
    ONE_MINUTE = "1min"
    """From 15 to 5 minutes before, every minute."""
    THIRTY_SECONDS = "30s"
    """From 5 minutes before, every 30 seconds."""
    OFF = "off"
    """At post time."""


class SlotStatus(StrEnum):
    """What became of a planned instant."""

    PLANNED = "planned"
    CAPTURED = "captured"
    MISSED = "missed"


class SlotVerdict(StrEnum):
    """Why a slot was missed where no answer of the source says it; its answers have a `core.model.Verdict`."""

    LATE = "late"
    """No usable answer came before the slot's deadline."""
    UNATTENDED = "unattended"
    """No collector was at work."""


@dataclass(frozen=True, order=True)
class Slot:
    """One planned instant of a race."""

    at: datetime
    phase: Phase


def plan(post_time: datetime) -> tuple[Slot, ...]:
    """The 30 slots of a race, in order: the last is its post time."""
    steps = (
        (Phase.FIVE_MINUTES, 3600, 900, 300),
        (Phase.ONE_MINUTE, 900, 300, 60),
        (Phase.THIRTY_SECONDS, 300, 0, 30),
        (Phase.OFF, 0, -1, 1),
    )
    return tuple(
        Slot(post_time - timedelta(seconds=before), phase)
        for phase, first, last, step in steps
        for before in range(first, last, -step)
    )
