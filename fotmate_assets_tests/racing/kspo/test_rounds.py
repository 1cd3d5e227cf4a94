"""From a date to its round, asking for few."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fotmate_assets.racing.sources.kspo.calendar import QUESTIONS
from fotmate_assets.racing.sources.kspo.rounds import Gap, Held, NoRound, Round, Rounds, by_day_of_year

Calendar = Mapping[Round, Mapping[date, int]]


def season(
    start: date, weeks: int, skipped: frozenset[int] = frozenset(), days: int = 3
) -> dict[Round, dict[date, int]]:
    """A round a week from `start`, numbered anew each year; skipped weeks have none and no number."""
    rounds: dict[Round, dict[date, int]] = {}
    year, number = start.year, 0
    for week in range(weeks):
        first = start + timedelta(weeks=week)
        if first.year != year:
            year, number = first.year, 0
        if week not in skipped:
            number += 1
            rounds[Round(year, number)] = {first + timedelta(days=day): day + 1 for day in range(days)}
    return rounds


def searched(held: Calendar, race_date: date, rounds: Rounds) -> tuple[Held | NoRound | Round, int]:
    """What the search comes to, and how many rounds it asked for."""
    for questions in range(20):
        found = rounds.look(race_date)
        if not isinstance(found, Round):
            return found, questions
        assert found not in rounds.answers
        rounds.answers[found] = held.get(found, {})
    raise AssertionError("the search does not end")


YEARS = season(date(2025, 1, 3), 104)


@st.composite
def seasons(draw: st.DrawFn) -> tuple[Calendar, date]:
    """Two years of rounds with some weeks skipped, and a date in the second half year or later."""
    start = date(2025, 1, 1) + timedelta(days=draw(st.integers(0, 5)))
    skipped = draw(st.frozensets(st.integers(2, 103), max_size=4))
    held = season(start, 104, skipped, draw(st.sampled_from([2, 3, 4])))
    return held, start + timedelta(days=draw(st.integers(0, 700)))


@settings(max_examples=300, deadline=None)
@given(seasons())
def test_every_race_date_is_found_and_every_other_lies_between_rounds(drawn: tuple[Calendar, date]) -> None:
    held, race_date = drawn
    found, questions = searched(held, race_date, Rounds())
    expected = [Held(key, days[race_date]) for key, days in held.items() if race_date in days]
    if expected:
        assert found == expected[0]
        assert questions <= QUESTIONS
    else:
        assert isinstance(found, NoRound)
        assert found.gap is Gap.BETWEEN
        assert questions <= QUESTIONS + 2


def test_the_first_guess_is_right_where_every_week_had_a_round() -> None:
    assert by_day_of_year(date(2026, 1, 2)) == (2026, 1)
    assert by_day_of_year(date(2026, 6, 13)) == (2026, 24)


@pytest.mark.parametrize("day", [date(2025, 3, 7), date(2025, 8, 16), date(2025, 11, 30)])
def test_a_usual_date_takes_one_question(day: date) -> None:
    found, questions = searched(YEARS, day, Rounds())
    assert isinstance(found, Held)
    assert questions == 1


def test_a_known_meeting_shows_where_to_begin() -> None:
    skipped = season(date(2025, 1, 3), 104, frozenset({5, 6, 15, 16, 20}))
    held = next((key, days) for key, days in skipped.items() if date(2025, 9, 5) in days)
    _, blind = searched(skipped, date(2025, 9, 12), Rounds())
    found, questions = searched(skipped, date(2025, 9, 12), Rounds({date(2025, 9, 5): held[0]}))
    assert found == Held(Round(2025, held[0].number + 1), 1)
    assert (questions, blind) == (1, 2)


def test_the_days_of_a_round_share_its_answer() -> None:
    rounds = Rounds()
    asked = [searched(YEARS, date(2025, 5, 2) + timedelta(days=day), rounds)[1] for day in range(3)]
    assert asked == [1, 0, 0]


def test_a_day_off_between_two_rounds_is_known_by_both() -> None:
    found, _ = searched(YEARS, date(2025, 5, 6), Rounds())
    assert found == NoRound(Gap.BETWEEN, Round(2025, 18), Round(2025, 19))


def test_a_week_without_a_round_is_found_out_by_the_rounds_around_it() -> None:
    held = season(date(2025, 1, 3), 52, frozenset({20}))
    found, _ = searched(held, date(2025, 1, 3) + timedelta(weeks=20), Rounds())
    assert found == NoRound(Gap.BETWEEN, Round(2025, 20), Round(2025, 21))


def test_a_cancelled_day_within_a_round_is_no_race_day() -> None:
    held = {Round(2025, 18): {date(2025, 5, 2): 1, date(2025, 5, 4): 3}}
    found, _ = searched(held, date(2025, 5, 3), Rounds())
    assert found == NoRound(Gap.BETWEEN, Round(2025, 18), Round(2025, 18))


def test_a_round_over_new_year_belongs_to_the_year_that_numbers_it() -> None:
    held = season(date(2026, 1, 2), 60)
    over = {Round(2026, 53): {date(2026, 12, 31): 1, date(2027, 1, 1): 2, date(2027, 1, 2): 3}}
    held = {key: days for key, days in held.items() if key.year == 2026} | over
    held |= {Round(2027, 1): {date(2027, 1, 8): 1}}
    assert searched(held, date(2027, 1, 1), Rounds())[0] == Held(Round(2026, 53), 2)


@pytest.mark.parametrize("last", [49, 51, 52])
def test_the_turn_of_the_year_lies_between_its_rounds(last: int) -> None:
    held = {key: days for key, days in YEARS.items() if key.year == 2026 or key.number <= last}
    off = max(held[Round(2025, last)]) + timedelta(days=2)
    found, questions = searched(held, off, Rounds())
    assert found == NoRound(Gap.BETWEEN, Round(2025, last), Round(2026, 1))
    assert questions <= QUESTIONS


def test_after_the_last_published_round_nothing_is_known() -> None:
    published = {key: days for key, days in YEARS.items() if key <= Round(2025, 20)}
    found, questions = searched(published, date(2025, 5, 30), Rounds())
    assert found == NoRound(Gap.AFTER, Round(2025, 20))
    assert questions <= 4


@example(date(2025, 1, 3))
@given(st.dates(date(2025, 1, 1), date(2026, 12, 31)))
def test_where_nothing_is_published_the_search_gives_up(race_date: date) -> None:
    found, questions = searched({}, race_date, Rounds())
    assert found == NoRound(Gap.UNKNOWN)
    assert questions <= QUESTIONS
