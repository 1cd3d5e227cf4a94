"""When a race's odds are to be captured: pure functions of post times and clocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fotmate_assets.racing.model import ON, RaceStatus


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


FIRST_SLOT_BEFORE_OFF = timedelta(minutes=60)
"""From a race's first slot to its off."""

LATEST = timedelta(seconds=20)
"""From a slot to its deadline, at most."""

ACCOUNTED_IN = timedelta(minutes=2)
"""From a slot to the end of its account, captured or missed: its deadline, and the collector's next look."""

CAPTURED_SHARE = 0.99
"""Share of the slots that have come, but for those at which the source rightly had nothing, that is to be captured."""

SECONDS_TO_OFF = (*range(3600, 900, -300), *range(900, 300, -60), *range(300, 0, -30), 0)
"""Of the slots of a race."""


def phase_of(seconds_to_off: float) -> Phase:
    """The phase at so many seconds before the off; it lasts until the next begins."""
    if seconds_to_off <= 0:
        return Phase.OFF
    if seconds_to_off <= 300:
        return Phase.THIRTY_SECONDS
    return Phase.ONE_MINUTE if seconds_to_off <= 900 else Phase.FIVE_MINUTES


def plan(post_time: datetime) -> tuple[Slot, ...]:
    """The 30 slots of a race, in order: the last is its post time."""
    return tuple(Slot(post_time - timedelta(seconds=left), phase_of(left)) for left in SECONDS_TO_OFF)


def replan(in_force: Iterable[Slot], post_time: datetime, status: RaceStatus, now: datetime) -> tuple[Slot, ...]:
    """The slots of a race after a change, in order: those in force whose instant has come stay, whatever became of
    them, and from then on those of the plan for the post time as it stands; none where the race is called off or over.
    """
    passed = sorted(slot for slot in in_force if slot.at <= now)
    to_come = (slot for slot in plan(post_time) if slot.at > now) if status in ON else ()
    return (*passed, *to_come)


def deadline(at: datetime, following: datetime | None) -> datetime:
    """When the slot at `at` is missed: before the next one of its race, and soon enough for a sensor's tick."""
    latest = at + LATEST
    return latest if following is None else min(latest, following)


@dataclass
class Tick:
    """Which slots a sensor's tick takes: those that fall due before the next one can be at work."""

    until: datetime
    """What comes by then it takes in any case,"""
    next_tick: timedelta
    """and on while the next instant comes within this after the last,"""
    last: datetime
    """but nothing later."""

    def takes(self, instant: datetime) -> bool:
        """Whether to stay for the next instant. To be asked in order: each that is taken may bring another."""
        if instant > min(self.until + self.next_tick, self.last):
            return False
        self.until = max(self.until, instant)
        return True
