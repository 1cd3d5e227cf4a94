"""Form: what was known of a runner and a jockey that morning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from fotmate_assets.racing.form import refresh_form
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import Entry, FinishStatus, MeetingCard, Race, RaceCard, Result
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, DAYS_LATER, make_entry, make_results, meeting_of

HORSE = replace(
    make_entry("seoul", 1, 1), runner_id="0091367", runner_name="번개", jockey_id="080001", jockey_name="김기수"
)
OTHERS = tuple(make_entry("seoul", 1, number) for number in range(2, 6))


def run(
    emptied: Database,
    day: date,
    *finishes: int | FinishStatus,
    track_id: str = "seoul",
    entry: Entry = HORSE,
    is_cancelled: bool = False,
    result: Mapping[str, Any] | None = None,
) -> None:
    """A day at a track; in each of its races the horse came in at a position, or ended otherwise.

    `result`: what its result says in place of its entry.
    """
    races = []
    for race_no, finish in enumerate(finishes, start=1):
        order: list[int] = [other.start_no for other in OTHERS]
        absent = {}
        if isinstance(finish, FinishStatus):
            absent[entry.start_no] = finish
        else:
            order.insert(finish - 1, entry.start_no)
        entries = (entry, *OTHERS)
        results: Sequence[Result] = make_results(meeting_of(track_id).track.sport, entries, order, absent)
        results = [replace(it, **(result or {})) if it.start_no == entry.start_no else it for it in results]
        race = Race(race_no, is_complete=True, is_cancelled=is_cancelled)
        races.append(RaceCard(race, entries, tuple(results)))
    assert load_meeting(emptied.engine, MeetingCard(meeting_of(track_id, day), tuple(races)), DAYS_LATER)


def enter(emptied: Database, *, track_id: str = "seoul", entry: Entry = HORSE, day: date = DAY) -> None:
    """A day whose races are to come."""
    card = MeetingCard(meeting_of(track_id, day), (RaceCard(Race(1), (entry,)), RaceCard(Race(2), (entry,))))
    assert load_meeting(emptied.engine, card, DAYS_LATER)


COLUMNS = "starts, wins, seconds, thirds, round(win_rate::numeric, 3)::float, round(top3_rate::numeric, 3)::float"


def form(
    emptied: Database, kind: str = "runner", subject: str = "0091367", day: date = DAY
) -> tuple[object, ...] | None:
    """Starts, wins, seconds, thirds, both rates; None where nobody was entered under that name."""
    refresh_form(emptied.engine, [day])
    found = emptied.execute(
        f"select {COLUMNS} from form where race_date = :day and kind = :kind and subject_id = :subject",
        day=day,
        kind=kind,
        subject=subject,
    )
    assert len(found) <= 1
    return found[0] if found else None


def days_before(days: int) -> date:
    return DAY - timedelta(days=days)


def test_wins_and_places_of_the_year_before_are_counted(emptied: Database) -> None:
    run(emptied, days_before(100), 1, 4)
    run(emptied, days_before(50), 2, 3, 5)
    run(emptied, days_before(10), 1, track_id="busan")
    enter(emptied)
    assert form(emptied) == (6, 2, 1, 1, 0.333, 0.667)
    assert form(emptied, "jockey", "080001") == (6, 2, 1, 1, 0.333, 0.667)


def test_the_days_own_races_do_not_count(emptied: Database) -> None:
    run(emptied, days_before(7), 2)
    run(emptied, DAY, 1, 1)
    run(emptied, DAY + timedelta(days=1), 1)
    assert form(emptied) == (1, 0, 1, 0, 0.0, 1.0)
    assert emptied.execute("select max(last_race_date) from form") == [(days_before(7),)]


@pytest.mark.parametrize(("days", "starts"), [(1, 1), (365, 1), (366, 0)])
def test_the_year_reaches_back_365_days(emptied: Database, days: int, starts: int) -> None:
    run(emptied, days_before(days), 1)
    enter(emptied)
    found = form(emptied)
    assert found is not None
    assert found[0] == starts


def test_who_never_ran_has_no_rate(emptied: Database) -> None:
    enter(emptied)
    assert form(emptied) == (0, 0, 0, 0, None, None)
    assert emptied.execute("select name, last_race_date, last_finish_position from form where kind = 'runner'") == [
        ("번개", None, None)
    ]


@pytest.mark.parametrize(
    ("finish", "starts"),
    [
        (FinishStatus.DISQUALIFIED, 1),
        (FinishStatus.PULLED_UP, 1),
        (FinishStatus.EXCLUDED, 0),
        (FinishStatus.SCRATCHED, 0),
        (FinishStatus.VOID, 0),
        (FinishStatus.CANCELLED, 0),
    ],
)
def test_who_did_not_start_has_no_start(emptied: Database, finish: FinishStatus, starts: int) -> None:
    run(emptied, days_before(7), finish)
    enter(emptied)
    assert form(emptied) == (starts, 0, 0, 0, 0.0 if starts else None, 0.0 if starts else None)


def test_a_race_cancelled_after_its_result_does_not_count(emptied: Database) -> None:
    run(emptied, days_before(7), 1, is_cancelled=True)
    enter(emptied)
    assert form(emptied) == (0, 0, 0, 0, None, None)


def test_the_last_start_is_the_last_race_of_the_last_day(emptied: Database) -> None:
    run(emptied, days_before(20), 1)
    run(emptied, days_before(10), 4, 3)
    enter(emptied)
    last = "select last_race_date, last_finish_position from form where kind = 'runner'"
    form(emptied)
    assert emptied.execute(last) == [(days_before(10), 3)]
    run(emptied, days_before(5), 2, FinishStatus.PULLED_UP)
    form(emptied)
    assert emptied.execute(last) == [(days_before(5), None)]


def test_a_horse_of_the_same_name_is_another(emptied: Database) -> None:
    run(emptied, days_before(7), 1, entry=replace(HORSE, runner_id="0009999", jockey_id="080002"))
    enter(emptied)
    assert form(emptied) == (0, 0, 0, 0, None, None)
    assert form(emptied, "jockey", "080001") == (0, 0, 0, 0, None, None)


def test_a_horse_that_was_renamed_is_the_same(emptied: Database) -> None:
    run(emptied, days_before(7), 1, entry=replace(HORSE, runner_name="천둥"))
    enter(emptied)
    found = form(emptied)
    assert found is not None
    assert found[0] == 1


CYCLIST = replace(make_entry("gwangmyeong", 1, 1), runner_name="모의가")


def test_a_cyclist_whose_card_has_no_registration_is_known_by_name(emptied: Database) -> None:
    """The ranking brings the racer's number with the result; the card has none."""
    run(emptied, days_before(7), 1, 2, track_id="gwangmyeong", entry=CYCLIST, result={"runner_id": "14-001"})
    enter(emptied, track_id="gwangmyeong", entry=CYCLIST)
    assert form(emptied, subject="모의가") == (2, 1, 1, 0, 0.5, 1.0)
    assert form(emptied, "jockey", "모의가") is None


def test_a_racer_whose_result_has_no_registration_is_known_by_name(emptied: Database) -> None:
    racer = replace(make_entry("misari", 1, 1), runner_name="모의나", runner_id="03-044")
    run(emptied, days_before(14), 1, track_id="misari", entry=racer)
    run(emptied, days_before(7), 3, track_id="misari", entry=racer, result={"runner_id": None})
    enter(emptied, track_id="misari", entry=racer)
    assert form(emptied, subject="03-044") == (2, 1, 0, 1, 0.5, 1.0)


def test_a_start_counts_once_under_number_and_name(emptied: Database) -> None:
    run(emptied, days_before(7), 1, track_id="gwangmyeong", entry=CYCLIST)
    enter(emptied, track_id="gwangmyeong", entry=CYCLIST)
    assert form(emptied, subject="모의가") == (1, 1, 0, 0, 1.0, 1.0)


def test_namesakes_of_two_sports_are_two(emptied: Database) -> None:
    run(emptied, days_before(7), 1, track_id="misari", entry=replace(make_entry("misari", 1, 1), runner_name="모의가"))
    enter(emptied, track_id="gwangmyeong", entry=CYCLIST)
    assert form(emptied, subject="모의가") == (0, 0, 0, 0, None, None)


def test_everybody_entered_has_one_row(emptied: Database) -> None:
    """Entered twice on a day, too."""
    run(emptied, days_before(7), 1)
    enter(emptied)
    assert refresh_form(emptied.engine, [DAY]) == 2
    assert emptied.execute("select kind, subject_id from form order by 1") == [
        ("jockey", "080001"),
        ("runner", "0091367"),
    ]


def test_a_jockey_without_a_name_is_known_by_number(emptied: Database) -> None:
    enter(emptied, entry=replace(HORSE, jockey_name=None))
    refresh_form(emptied.engine, [DAY])
    assert emptied.execute("select name from form where kind = 'jockey'") == [("080001",)]


def test_doing_it_again_gives_the_same_rows(emptied: Database) -> None:
    run(emptied, days_before(7), 1)
    enter(emptied)
    first = refresh_form(emptied.engine, [DAY])
    rows = emptied.execute("select * from form order by kind, subject_id")
    assert refresh_form(emptied.engine, [DAY]) == first
    assert emptied.execute("select * from form order by kind, subject_id") == rows


def test_who_is_entered_no_more_has_no_form(emptied: Database) -> None:
    enter(emptied)
    assert refresh_form(emptied.engine, [DAY]) == 2
    emptied.execute("delete from entries")
    assert refresh_form(emptied.engine, [DAY]) == 0
    assert emptied.execute("select * from form") == []


def test_each_of_several_days_has_its_own_morning(emptied: Database) -> None:
    later = DAY + timedelta(days=3)
    run(emptied, days_before(7), 1)
    run(emptied, DAY, 2)
    enter(emptied, day=later)
    assert refresh_form(emptied.engine, [DAY, later]) == 10 + 2
    assert emptied.execute(
        "select race_date, starts, wins from form where subject_id = '0091367' order by race_date"
    ) == [(DAY, 1, 1), (later, 2, 1)]
