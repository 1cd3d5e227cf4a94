"""The simulated calendar: who races when, and that it is the same every time."""

import calendar
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.race import SimRace
from fotmate_assets.racing.model import KST, Meeting, Sport

SUNDAY = date(2026, 11, 22)
YEAR = [date(2026, 1, 1) + timedelta(days=day) for day in range(365)]


def told(race: SimRace) -> tuple[object, ...]:
    """Everything about a race that is decided."""
    state = race.at(race.post_time + timedelta(days=9))
    return race.race_id, race.post_time, race.runners, race.conditions, race.events, state.finishes


def meetings(races: RaceCalendar) -> Iterator[Meeting]:
    return (meeting for day in YEAR for meeting in races.meetings(day))


def test_the_same_seed_gives_the_same_races_in_whatever_order_they_are_asked_for() -> None:
    days = [SUNDAY, SUNDAY - timedelta(days=4), SUNDAY - timedelta(days=200)]

    def asked(order: list[date]) -> dict[date, list[tuple[object, ...]]]:
        races = RaceCalendar(11)
        return {day: [told(race) for meeting in races.meetings(day) for race in races.races(meeting)] for day in order}

    assert asked(days) == asked(days[::-1])


def test_another_seed_gives_other_races() -> None:
    one, other = (RaceCalendar(seed) for seed in (1, 2))
    saturday = Meeting(date(2026, 11, 14), "seoul")
    assert told(one.races(saturday)[0]) != told(other.races(saturday)[0])


def test_a_sunday_has_horses_at_two_tracks_and_cycles(races: RaceCalendar) -> None:
    assert {"seoul", "busan", "gwangmyeong"} <= {meeting.track_id for meeting in races.meetings(SUNDAY)}
    assert [len(races.races(meeting)) for meeting in races.meetings(SUNDAY) if meeting.track_id == "gwangmyeong"] == [
        16
    ]


def test_tracks_race_on_their_days_and_seoul_on_some_mondays(races: RaceCalendar) -> None:
    days = {
        track: set[int]() for track in ("seoul", "busan", "jeju", "gwangmyeong", "changwon", "busan_cycle", "misari")
    }
    for meeting in meetings(races):
        days[meeting.track_id].add(meeting.race_date.weekday())
    friday, saturday, sunday, monday = calendar.FRIDAY, calendar.SATURDAY, calendar.SUNDAY, calendar.MONDAY
    weekend = {friday, saturday, sunday}
    assert days == {
        "seoul": {saturday, sunday, monday},
        "busan": {friday, sunday},
        "jeju": {friday, saturday},
        "gwangmyeong": weekend,
        "changwon": weekend,
        "busan_cycle": weekend,
        "misari": {calendar.WEDNESDAY, calendar.THURSDAY},
    }


def test_some_meetings_end_after_eight_in_the_evening(races: RaceCalendar) -> None:
    horses = [meeting for meeting in meetings(races) if meeting.track.sport is Sport.HORSE]
    nights = [meeting for meeting in horses[:120] if races.races(meeting)[-1].post_time.hour >= 20]
    assert 0 < len(nights) < 20
    assert all(race.post_time.date() == night.race_date for night in nights for race in races.races(night))


@pytest.mark.parametrize(("track", "days"), [("gwangmyeong", 3), ("misari", 2)])
def test_rounds_are_numbered_through_the_year_although_weeks_are_left_out(
    races: RaceCalendar, track: str, days: int
) -> None:
    held = [meeting for meeting in meetings(races) if meeting.track_id == track]
    rounds = Counter(meeting.round for meeting in held)
    last = max(number or 0 for number in rounds)
    assert rounds == dict.fromkeys(range(1, last + 1), days)
    assert last < 52
    assert all(meeting.year == 2026 for meeting in held)
    for number in rounds:
        of_round = [meeting for meeting in held if meeting.round == number]
        assert [meeting.day for meeting in of_round] == list(range(1, days + 1))
        assert (of_round[-1].race_date - of_round[0].race_date).days == days - 1


def test_a_round_does_not_cross_the_turn_of_the_year(races: RaceCalendar) -> None:
    """2021-12-31 is a Friday."""
    assert all(meeting.track.sport is Sport.HORSE for meeting in races.meetings(date(2021, 12, 31)))
    assert all(meeting.track.sport is Sport.HORSE for meeting in races.meetings(date(2022, 1, 1)))


def test_fields_have_the_size_of_their_sport_and_numbers_from_one(races: RaceCalendar) -> None:
    sizes = {sport: set[int]() for sport in Sport}
    for day in (SUNDAY, date(2026, 11, 18), date(2026, 11, 14)):
        for meeting in races.meetings(day):
            for race in races.races(meeting):
                assert [runner.start_no for runner in race.runners] == list(range(1, len(race.runners) + 1))
                sizes[race.sport].add(len(race.runners))
    assert sizes[Sport.CYCLE] == {7}
    assert sizes[Sport.BOAT] == {6}
    assert min(sizes[Sport.HORSE]) >= 6
    assert max(sizes[Sport.HORSE]) <= 14


def test_every_name_says_that_it_is_simulated(races: RaceCalendar) -> None:
    people = [
        person
        for day in (SUNDAY, date(2026, 11, 18))
        for meeting in races.meetings(day)
        for race in races.races(meeting)
        for runner in race.runners
        for person in (runner.identity, runner.jockey, runner.trainer, runner.owner)
        if person is not None
    ]
    assert len(people) > 500
    assert all(person.name.endswith("모의") for person in people)


def test_nobody_is_in_two_places_on_a_day_and_no_horse_runs_two_days_in_a_row(races: RaceCalendar) -> None:
    yesterday: set[str] = set()
    for day in (date(2026, 11, 13), date(2026, 11, 14), date(2026, 11, 15)):
        starts = Counter(
            (race.sport, runner.identity.number)
            for meeting in races.meetings(day)
            for race in races.races(meeting)
            for runner in race.runners
        )
        assert set(starts.values()) == {1}
        horses = {number for sport, number in starts if sport is Sport.HORSE}
        assert not horses & yesterday
        yesterday = horses


def test_a_boat_race_has_six_different_racers_of_different_names(races: RaceCalendar) -> None:
    """KSPO's rankings tell racers by name only."""
    meeting = races.meeting("misari", date(2026, 11, 18))
    assert meeting is not None
    for race in races.races(meeting):
        assert len({runner.identity.name for runner in race.runners}) == 6


def test_a_horse_keeps_number_name_and_sex_and_grows_older(races: RaceCalendar) -> None:
    seen: dict[str, set[tuple[str, str, int]]] = {}
    for year in (2024, 2025, 2026):
        for week in range(0, 20, 4):
            day = date(year, 3, 2) + timedelta(weeks=week)
            day += timedelta(days=(calendar.SATURDAY - day.weekday()) % 7)
            for race in races.races(Meeting(day, "seoul")):
                for runner in race.runners:
                    birth = year - runner.age
                    seen.setdefault(runner.identity.number, set()).add((runner.identity.name, runner.sex, birth))
                    assert runner.birthday is not None
                    assert runner.birthday.year == birth
    assert all(len(told) == 1 for told in seen.values())
    assert {birth for told in seen.values() for _, _, birth in told} >= set(range(2018, 2025))


def test_races_of_a_meeting_follow_each_other_on_its_date(races: RaceCalendar) -> None:
    for meeting in races.meetings(SUNDAY):
        posts = [race.post_time for race in races.races(meeting)]
        assert posts == sorted(set(posts))
        assert {post.astimezone(KST).date() for post in posts} == {SUNDAY}
