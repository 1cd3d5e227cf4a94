"""Which round of Gwangmyeong a date belongs to.

The card is asked by year and round, and tells its dates: the way from a date to its round is a search. Rounds are
numbered from 1 in every year and come about one a week, but weeks are skipped, days moved to holidays, and a year
has 49 to 53 of them, so that a guess is checked against what the round's card says, and mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import NamedTuple

LAST_ROUND = 53
"""More are never held in a year."""

WEEK = 7
ANCHOR_REACH = 20 * WEEK
"""Days over which the weeks from a known round are worth more than the day of the year."""

BACKWARD = (0, 1, 3, 6)
"""Weeks to step back from a first guess while nothing is published there: a year may have had few rounds."""


class Round(NamedTuple):
    """A round of a year."""

    year: int
    number: int


class Gap(Enum):
    """Why a date is in no round."""

    BETWEEN = "between published rounds"
    AFTER = "after the last published round"
    UNKNOWN = "near no published round"


class Held(NamedTuple):
    """A date in a round."""

    round: Round
    day: int


@dataclass(frozen=True)
class NoRound:
    """A date without racing, as far as the rounds tell."""

    gap: Gap
    before: Round | None = None
    """The last round before the date."""
    after: Round | None = None
    """The first round after it."""


class _Span(NamedTuple):
    """A published round."""

    first: date
    last: date
    round: Round


@dataclass
class Rounds:
    """What is known of the rounds, and what to ask next."""

    anchors: Mapping[date, Round] = field(default_factory=dict)
    """Race dates whose round is known; a hint where to begin, never an answer."""
    answers: dict[Round, Mapping[date, int]] = field(default_factory=dict)
    """Date to day of the round; empty for a round that is not published."""

    def look(self, race_date: date) -> Held | NoRound | Round:
        """The round of a date, that it has none, or the round to ask for to know more."""
        for key, days in self.answers.items():
            if race_date in days:
                return Held(key, days[race_date])
        spans = sorted(_Span(min(days), max(days), key) for key, days in self.answers.items() if days)
        before = max((span for span in spans if span.first < race_date), key=lambda span: span.first, default=None)
        after = next((span for span in spans if span.first > race_date), None)
        if before and before.last > race_date:
            return NoRound(Gap.BETWEEN, before.round, before.round)
        if before and after:
            return self._between(race_date, before, after)
        if before:
            return self._after(race_date, before)
        if after:
            return self._before(race_date, after)
        return self._first_guess(race_date)

    def _between(self, race_date: date, before: _Span, after: _Span) -> NoRound | Round:
        settled = NoRound(Gap.BETWEEN, before.round, after.round)
        if (after.first - before.last).days <= WEEK:
            return settled
        if before.round.year == after.round.year:
            there = range(before.round.number + 1, after.round.number)
            keys = [Round(before.round.year, number) for number in there]
        else:
            keys = [Round(after.round.year, number) for number in range(1, after.round.number)]
            for number in range(before.round.number + 1, LAST_ROUND + 1):
                key = Round(before.round.year, number)
                if key in self.answers:  # empty, or it were a bound: the year was over
                    break
                keys.append(key)
        return self._nearest(keys, race_date, before) or settled

    def _after(self, race_date: date, before: _Span) -> NoRound | Round:
        settled = NoRound(Gap.AFTER, before.round)
        guess = _moved(before.round, max(1, _weeks(before.first, race_date)))
        following = Round(before.round.year, before.round.number + 1)
        new_year = Round(before.round.year + 1, 1)
        if race_date.year > before.round.year:
            guess = by_day_of_year(race_date)
        tries = [guess, following]
        if guess.year > before.round.year or following.number > LAST_ROUND - WEEK:
            tries.append(new_year)
        return next((key for key in tries if key not in self.answers and key.number <= LAST_ROUND), settled)

    def _before(self, race_date: date, after: _Span) -> NoRound | Round:
        guess = _moved(after.round, -max(1, _weeks(race_date, after.first)))
        if guess.year < after.round.year and race_date.year < after.round.year:
            guess = by_day_of_year(race_date)
        year, number = guess
        below = [Round(year, each) for each in range(number, 0, -1)]
        above = [Round(after.round.year, each) for each in range(after.round.number - 1, 0, -1)]
        tries = below if year < after.round.year else [guess, *above]
        return next((key for key in tries if key not in self.answers), NoRound(Gap.UNKNOWN, None, after.round))

    def _first_guess(self, race_date: date) -> NoRound | Round:
        near = min(self.anchors, key=lambda at: abs(at - race_date), default=None)
        guess = by_day_of_year(race_date)
        if near and abs((near - race_date).days) <= ANCHOR_REACH:
            guess = _moved(self.anchors[near], round((race_date - near).days / WEEK))
        tries = [_moved(guess, -weeks) for weeks in BACKWARD]
        return next((key for key in tries if key not in self.answers), NoRound(Gap.UNKNOWN))

    def _nearest(self, keys: Iterable[Round], race_date: date, before: _Span) -> Round | None:
        guess = _moved(before.round, _weeks(before.first, race_date))
        unasked = [key for key in keys if key not in self.answers]
        return min(unasked, key=lambda key: abs(_ordinal(key) - _ordinal(guess)), default=None)


def by_day_of_year(race_date: date) -> Round:
    """The round of a date if one were held in every week: right for 2026 (1 on 2 January, 24 on 12 June)."""
    return Round(race_date.year, (race_date.timetuple().tm_yday - 1) // WEEK + 1)


def _weeks(first: date, race_date: date) -> int:
    """Weeks from the week of a round's first date to that of `race_date`; a round may begin two days early or late."""
    return ((race_date - first).days + 2) // WEEK


def _moved(key: Round, weeks: int) -> Round:
    """The round some weeks on, in a year of 52."""
    number = key.number + weeks
    if number < 1:
        return Round(key.year - 1, number + 52)
    return Round(key.year + 1, number - 52) if number > LAST_ROUND else Round(key.year, number)


def _ordinal(key: Round) -> int:
    return key.year * 52 + key.number
