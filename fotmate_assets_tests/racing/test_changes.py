"""What changes on the way: where races stand, post times, scratches and jockeys, each recorded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fotmate_assets.racing.load import advance_statuses
from fotmate_assets.racing.model import Change, ChangeKind, MeetingCard
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import (
    DAY,
    DAYS_LATER,
    NIGHT_BEFORE,
    Stage,
    counts,
    history,
    make_card,
    off,
    row_versions,
    stored,
    with_entry,
    with_race,
)
from fotmate_assets_tests.racing.conftest import Put

# Statuses -----------------------------------------------------------------------------------------------------------


def test_a_finished_race_stays_finished_when_an_older_card_comes(emptied: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    put(make_card(stage=Stage.CARD), DAYS_LATER)
    assert stored(emptied, "status") == "finished"
    assert counts(emptied)["results"] == 30
    assert history(emptied) == []


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (off(2) - timedelta(hours=2), "scheduled"),
        (off(2) - timedelta(minutes=59), "upcoming"),
        (off(2), "live"),
    ],
)
def test_a_new_race_is_where_the_clock_says(emptied: Database, put: Put, now: datetime, status: str) -> None:
    put(make_card(stage=Stage.CARD), now)
    assert stored(emptied, "status", "horse-seoul-20261121-02") == status


def test_a_race_whose_card_does_not_tell_the_off_stands_where_its_known_off_says(emptied: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    put(with_race(make_card(stage=Stage.CARD), 1, scheduled_post_time=None, post_time=None), off(1))
    assert (stored(emptied, "status"), stored(emptied, "post_time")) == ("live", off(1))


def test_races_called_off_are_recorded(emptied: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    put(card)
    put(with_race(with_race(card, 1, is_cancelled=True), 2, is_postponed=True))
    assert stored(emptied, "status") == "cancelled"
    put(with_race(card, 1, is_cancelled=True))
    put(make_card(), DAYS_LATER)
    assert history(emptied, ChangeKind.STATUS) == [
        (1, None, "scheduled", "cancelled", None),
        (2, None, "scheduled", "postponed", None),
        (2, None, "postponed", "scheduled", None),
        (1, None, "cancelled", "finished", None),
    ]


def test_a_race_declared_void_after_the_finish_is_cancelled(emptied: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    put(with_race(make_card(), 1, is_cancelled=True), DAYS_LATER)
    assert history(emptied, ChangeKind.STATUS) == [(1, None, "finished", "cancelled", None)]


def test_a_race_called_off_before_it_was_known_has_no_history(emptied: Database, put: Put) -> None:
    put(with_race(make_card(stage=Stage.PLAN), 1, is_cancelled=True))
    assert (stored(emptied, "status"), history(emptied)) == ("cancelled", [])


def test_statuses_move_with_the_clock(emptied: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    put(make_card("misari", stage=Stage.PLAN))
    engine = emptied.engine
    assert advance_statuses(engine, off(1) - timedelta(hours=2)) == 0
    assert advance_statuses(engine, off(2) - timedelta(minutes=1)) == 6
    assert emptied.execute("select status, count(*) from races group by status order by status") == [
        ("live", 2),
        ("upcoming", 4),
    ]
    before = row_versions(engine)
    assert advance_statuses(engine, off(2) - timedelta(minutes=1)) == 0
    assert row_versions(engine) == before
    assert history(emptied) == []


def test_the_clock_moves_no_race_that_is_decided_or_off(emptied: Database, put: Put) -> None:
    card = with_race(make_card(stage=Stage.CARD), 1, is_cancelled=True)
    card = with_race(with_race(card, 2, is_postponed=True), 3, is_complete=True)
    put(card)
    assert advance_statuses(emptied.engine, off(3) + timedelta(hours=1)) == 0


# Changes ------------------------------------------------------------------------------------------------------------

PLAN, LATER = "2026-11-21T10:35:00+09:00", "2026-11-21T10:50:00+09:00"


def test_a_post_time_that_moves_there_and_back_leaves_two_rows(emptied: Database, put: Put) -> None:
    first = make_card(stage=Stage.CARD)
    moved = with_race(first, 1, post_time=off(1) + timedelta(minutes=15))
    for card in (first, moved, moved, first, first):
        put(card)
    assert history(emptied) == [(1, None, PLAN, LATER, None), (1, None, LATER, PLAN, None)]
    assert stored(emptied, "post_time") == off(1)
    put(moved)
    assert len(history(emptied)) == 3


def test_whose_clock_tells_the_post_time_is_no_change(emptied: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    put(with_race(make_card(stage=Stage.CARD), 1, post_time=off(1).astimezone(UTC)))
    assert history(emptied) == []


def test_the_plan_is_kept_beside_the_off_as_it_stands(emptied: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    put(with_race(make_card(stage=Stage.CARD), 1, post_time=off(1) + timedelta(minutes=15)))
    assert stored(emptied, "scheduled_post_time") == off(1)
    assert stored(emptied, "post_time") == off(1) + timedelta(minutes=15)


def test_a_plan_alone_does_not_take_back_a_moved_off(emptied: Database, put: Put) -> None:
    put(with_race(make_card(stage=Stage.CARD), 1, post_time=off(1) + timedelta(minutes=15)))
    put(with_race(make_card(stage=Stage.PLAN), 1, post_time=None))
    assert stored(emptied, "post_time") == off(1) + timedelta(minutes=15)
    assert history(emptied) == []


def test_the_off_follows_a_new_plan_where_nothing_moved_it(emptied: Database, put: Put) -> None:
    planned = with_race(make_card(stage=Stage.PLAN), 1, post_time=None)
    put(planned)
    assert stored(emptied, "post_time") == off(1)
    put(with_race(planned, 1, scheduled_post_time=off(1) + timedelta(minutes=15)))
    assert stored(emptied, "post_time") == off(1) + timedelta(minutes=15)
    assert history(emptied) == [(1, None, PLAN, LATER, None)]


def told(card: MeetingCard, *changes: Change) -> MeetingCard:
    return replace(card, changes=changes)


SCRATCHED = Change(1, ChangeKind.SCRATCH, 4, "seoul 1-4", None, "마체이상", NIGHT_BEFORE)
REPLACED = Change(1, ChangeKind.JOCKEY, 4, "Jockey 4", "Jockey 99", "부상", NIGHT_BEFORE)


def test_a_scratch_that_only_the_entries_tell_is_recorded_once(emptied: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    gone = with_entry(card, 1, 4, is_scratched=True, scratch_reason="출전취소")
    for each in (card, gone, with_race(gone, 1, weather="비"), with_race(gone, 1, weather="맑음")):
        put(each)
    assert history(emptied) == [(1, 4, "seoul 1-4", None, "출전취소")]


def test_a_scratch_taken_back_is_recorded(emptied: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    for each in (card, with_entry(card, 1, 4, is_scratched=True), card):
        put(each)
    assert history(emptied) == [(1, 4, "seoul 1-4", None, None), (1, 4, None, "seoul 1-4", None)]


@pytest.mark.parametrize("first", ["together", "document first", "entries first"])
def test_a_scratch_that_document_and_entries_tell_is_recorded_once(emptied: Database, put: Put, first: str) -> None:
    card = make_card(stage=Stage.CARD)
    gone = with_entry(card, 1, 4, is_scratched=True, scratch_reason="마체이상")
    steps = {
        "together": [card, told(gone, SCRATCHED)],
        "document first": [card, told(card, SCRATCHED), told(gone, SCRATCHED)],
        "entries first": [card, gone, told(gone, SCRATCHED)],
    }
    for each in steps[first]:
        put(each)
    put(with_race(told(gone, SCRATCHED), 1, weather="비"))
    assert history(emptied) == [(1, 4, "seoul 1-4", None, "마체이상")]


@pytest.mark.parametrize("first", ["together", "document first", "entries first", "at once"])
def test_a_jockey_whom_document_and_entries_replace_is_recorded_once(emptied: Database, put: Put, first: str) -> None:
    card = make_card(stage=Stage.CARD)
    other = with_entry(card, 1, 4, jockey_name="Jockey 99", jockey_id="000099")
    steps = {
        "together": [card, told(other, REPLACED)],
        "document first": [card, told(card, REPLACED), told(other, REPLACED)],
        "entries first": [card, other, told(other, REPLACED)],
        "at once": [told(other, REPLACED)],
    }
    for each in steps[first]:
        put(each)
    put(with_race(told(other, REPLACED), 1, weather="비"))
    reason = None if first == "entries first" else "부상"
    assert history(emptied) == [(1, 4, "Jockey 4", "Jockey 99", reason)]


def test_the_documents_reason_and_clock_come_with_a_difference(emptied: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    put(card)
    put(told(with_entry(card, 1, 4, jockey_name="Jockey 99"), REPLACED))
    assert emptied.execute("select reason, announced_at from race_changes") == [("부상", NIGHT_BEFORE)]


def test_a_second_jockey_is_recorded_though_the_document_tells_of_the_first_only(emptied: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    for name in ("Jockey 4", "Jockey 99", "Jockey 98", "Jockey 99"):
        put(told(with_entry(card, 1, 4, jockey_name=name), *([REPLACED] if name != "Jockey 4" else [])))
    assert [row[2:4] for row in history(emptied)] == [
        ("Jockey 4", "Jockey 99"),
        ("Jockey 99", "Jockey 98"),
        ("Jockey 98", "Jockey 99"),
    ]


def test_a_runner_scratched_with_a_new_jockey_has_both_recorded(emptied: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    put(card)
    put(with_entry(card, 1, 4, is_scratched=True, jockey_name="Jockey 99"))
    assert {row[2:4] for row in history(emptied)} == {("seoul 1-4", None), ("Jockey 4", "Jockey 99")}


def test_two_changes_that_a_document_tells_of_one_runner_are_two_rows(emptied: Database, put: Put) -> None:
    card = told(make_card(stage=Stage.CARD), REPLACED, replace(REPLACED, old_value="Jockey 99", new_value="Jockey 98"))
    put(card)
    put(with_race(card, 1, weather="비"))
    assert [row[2:4] for row in history(emptied)] == [("Jockey 4", "Jockey 99"), ("Jockey 99", "Jockey 98")]


def test_a_post_time_that_a_document_tells_too_is_recorded_once_from_where_it_stood(
    emptied: Database, put: Put
) -> None:
    """API299 tells the change against the plan; the rows know where the race stood before."""
    card = make_card(stage=Stage.CARD)
    put(card)
    for minutes, at in ((15, LATER), (30, "2026-11-21T11:05:00+09:00")):
        moved = with_race(card, 1, post_time=off(1) + timedelta(minutes=minutes))
        put(told(moved, Change(1, ChangeKind.POST_TIME, None, PLAN, at, "주로 정비")))
    assert history(emptied) == [
        (1, None, PLAN, LATER, "주로 정비"),
        (1, None, LATER, "2026-11-21T11:05:00+09:00", "주로 정비"),
    ]


def test_a_jockey_that_becomes_known_or_unknown_is_no_change(emptied: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    unknown = with_entry(card, 1, 4, jockey_name=None)
    for each in (unknown, card, unknown):
        put(each)
    assert history(emptied) == []


def test_changes_of_one_meeting_are_not_mistaken_for_anothers(emptied: Database, put: Put) -> None:
    for track_id in ("seoul", "busan"):
        card = make_card(track_id, stage=Stage.CARD)
        put(card)
        put(with_race(card, 1, post_time=off(1) + timedelta(minutes=15)))
    assert emptied.execute("select race_id, race_date from race_changes order by change_id") == [
        ("horse-seoul-20261121-01", DAY),
        ("horse-busan-20261121-01", DAY),
    ]
