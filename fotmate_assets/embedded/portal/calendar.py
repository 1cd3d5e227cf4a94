"""The simulated race calendar: which tracks race on a date, and their races, made when they are asked for."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from functools import cache, lru_cache

from fotmate_assets.embedded.portal.horses import horse_races
from fotmate_assets.embedded.portal.people import generator
from fotmate_assets.embedded.portal.race import SimRace
from fotmate_assets.embedded.portal.racers import racer_races
from fotmate_assets.racing.model import TRACKS, Meeting, Sport

_HORSE_DAYS = {"seoul": (calendar.SATURDAY, calendar.SUNDAY), "busan": (calendar.FRIDAY, calendar.SUNDAY)}
_HORSE_DAYS["jeju"] = (calendar.FRIDAY, calendar.SATURDAY)
_ROUND_START = {Sport.CYCLE: calendar.FRIDAY, Sport.BOAT: calendar.WEDNESDAY}
_ROUND_DAYS = {Sport.CYCLE: 3, Sport.BOAT: 2}
_REGIONAL = {"changwon": 0.5, "busan_cycle": 0.4}
"""Share of cycle rounds that these velodromes take part in."""

MONDAY_HOLIDAY, NO_RACING, ROUND_OFF = 0.05, 0.03, 0.04
"""Shares: Mondays with horses at Seoul; race days and rounds that are left out."""

KEPT_MEETINGS = 64
"""Meetings held in memory with their encoded rows; a horse meeting with its grid of odds takes about 2 MB."""


class RaceCalendar:
    """An invented calendar without beginning or end: the same `seed` gives the same races for any date.

    Nobody in it exists; every name ends in 모의. Threads may share it.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.meetings = lru_cache(4_000)(self._meetings)
        """The meetings of a date, by track."""
        self.races = lru_cache(KEPT_MEETINGS)(self._races)
        """The races of a meeting, by number. The most recent meetings keep their object identity."""
        self.rounds = cache(self._rounds)
        """First days of a sport's rounds in a year; the round's number is the index and one."""

    def meeting(self, track_id: str, day: date) -> Meeting | None:
        """The meeting at a track on a date, if there is one."""
        return next((meeting for meeting in self.meetings(day) if meeting.track_id == track_id), None)

    def round_days(self, sport: Sport, year: int, number: int) -> list[date]:
        """The days of a round of cycles or boats; empty for one that does not exist."""
        starts = self.rounds(sport, year)
        if not 1 <= number <= len(starts):
            return []
        return [starts[number - 1] + timedelta(days=day) for day in range(_ROUND_DAYS[sport])]

    def _meetings(self, day: date) -> tuple[Meeting, ...]:
        found = [Meeting(day, track) for track, days in _HORSE_DAYS.items() if self._horses_run(track, days, day)]
        rounds = (self._round(track_id, day) for track_id in ("gwangmyeong", *_REGIONAL, "misari"))
        return tuple(sorted([*found, *(meeting for meeting in rounds if meeting)], key=lambda each: each.track_id))

    def _races(self, meeting: Meeting) -> tuple[SimRace, ...]:
        make = horse_races if meeting.track.sport is Sport.HORSE else racer_races
        return make(self.seed, meeting)

    def _horses_run(self, track_id: str, days: tuple[int, ...], day: date) -> bool:
        chance = generator(self.seed, "horses", track_id, day).random()
        if day.weekday() == calendar.MONDAY:
            return track_id == "seoul" and chance < MONDAY_HOLIDAY
        return day.weekday() in days and chance >= NO_RACING

    def _rounds(self, sport: Sport, year: int) -> tuple[date, ...]:
        first = date(year, 1, 1)
        first += timedelta(days=(_ROUND_START[sport] - first.weekday()) % 7)
        weeks = [first + timedelta(weeks=week) for week in range(53)]
        last = timedelta(days=_ROUND_DAYS[sport] - 1)
        return tuple(
            start
            for start in weeks
            if (start + last).year == year and generator(self.seed, "round", sport, start).random() >= ROUND_OFF
        )

    def _round(self, track_id: str, day: date) -> Meeting | None:
        """A track's part in the round of a date."""
        sport = TRACKS[track_id].sport
        for number, start in enumerate(self.rounds(sport, day.year), 1):
            ordinal = (day - start).days + 1
            if 1 <= ordinal <= _ROUND_DAYS[sport]:
                chance = generator(self.seed, "regional", track_id, start).random()
                if chance >= _REGIONAL.get(track_id, 1.0):
                    return None
                return Meeting(day, track_id, day.year, number, ordinal)
        return None
