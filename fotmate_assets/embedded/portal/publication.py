"""When the portals publish what about a race."""

from __future__ import annotations

import calendar
from datetime import date, datetime, time, timedelta
from enum import IntEnum

from fotmate_assets.embedded.portal.race import RaceState
from fotmate_assets.racing.model import KST, Meeting, Sport


class Stage(IntEnum):
    """How much of a race is published; each stage includes those before it."""

    HIDDEN = 0
    PLANNED = 1
    """KRA: the race is in the plan, this month's or the next's."""
    DECLARED = 2
    """The entry sheet (KRA) or the card (KSPO) is out."""
    WEIGHED = 3
    """KRA: an hour before the off, the horses' weights are known."""
    GROUND = 4
    """KRA: ten minutes before the off, weather and ground are known."""
    RESULT = 5
    """KRA: ten minutes after the off, result and odds; KSPO: at 09:00 of the next day, the result."""
    ARCHIVED = 6
    """KRA: 09:00 of the next day; KSPO: 09:00 of the day after that, the payoff documents."""


_ENTRY_SHEET = {
    "seoul": (calendar.THURSDAY, time(17)),
    "jeju": (calendar.THURSDAY, time(15)),
    "busan": (calendar.WEDNESDAY, time(15)),
}
WEIGHED_BEFORE = timedelta(minutes=60)
GROUND_BEFORE = timedelta(minutes=10)
RESULT_AFTER = timedelta(minutes=10)
CARD_BEFORE = timedelta(days=2)


def declared_at(meeting: Meeting) -> datetime:
    """When the entry sheet or the card of a meeting comes out."""
    if meeting.track.sport is not Sport.HORSE:
        return datetime.combine(meeting.race_date - CARD_BEFORE, time(15), KST)
    weekday, hour = _ENTRY_SHEET[meeting.track_id]
    back = (meeting.race_date.weekday() - weekday - 1) % 7 + 1
    return datetime.combine(meeting.race_date - timedelta(days=back), hour, KST)


def is_planned(day: date, now: datetime) -> bool:
    """True for the races of this month and the next, and of the past."""
    today = now.astimezone(KST)
    return (day.year - today.year) * 12 + day.month - today.month <= 1


def morning_after(day: date, days: int) -> datetime:
    """09:00 some days later."""
    return datetime.combine(day + timedelta(days=days), time(9), KST)


def stage(state: RaceState, now: datetime) -> Stage:
    """How much of a race is published by `now`."""
    meeting = state.race.meeting
    if meeting.track.sport is not Sport.HORSE:
        steps = [
            (Stage.DECLARED, declared_at(meeting)),
            (Stage.RESULT, morning_after(meeting.race_date, 1)),
            (Stage.ARCHIVED, morning_after(meeting.race_date, 2)),
        ]
        return max((reached for reached, at in steps if now >= at), default=Stage.HIDDEN)
    steps = [
        (Stage.DECLARED, declared_at(meeting)),
        (Stage.WEIGHED, state.post_time - WEIGHED_BEFORE),
        (Stage.GROUND, state.post_time - GROUND_BEFORE),
        (Stage.RESULT, state.post_time + RESULT_AFTER),
        (Stage.ARCHIVED, morning_after(meeting.race_date, 1)),
    ]
    reached = max((reached for reached, at in steps if now >= at), default=Stage.HIDDEN)
    if reached is Stage.HIDDEN:
        return Stage.PLANNED if is_planned(meeting.race_date, now) else Stage.HIDDEN
    return max(reached, Stage.RESULT) if state.is_cancelled else reached
