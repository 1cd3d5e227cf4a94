"""The unit of work: a meeting commits whole or not at all, and nothing known is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing.load import LoadedMeeting, advance_statuses, known_meetings, load_meeting
from fotmate_assets.racing.model import (
    KST,
    Change,
    ChangeKind,
    FinishStatus,
    Meeting,
    MeetingCard,
    Pool,
    Race,
    RaceCard,
    RaceStatus,
)
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing.cards import (
    DAY,
    DAYS_LATER,
    NIGHT_BEFORE,
    TABLES,
    Stage,
    ended,
    make_card,
    make_entry,
    off,
    race_of,
    row_versions,
    whole,
    with_entry,
    with_race,
)

RACE = "horse-seoul-20261121-01"
SPORTS = ["seoul", "gwangmyeong", "misari"]


@pytest.fixture(scope="module")
def _made(stack: Stack, _template: str) -> Iterator[Database]:
    with fresh_database(stack, _template) as made:
        yield made


@pytest.fixture
def database(_made: Database) -> Database:
    """The module's database, empty: a fresh one for every test takes longer than the tests do."""
    _made.execute("delete from races")
    _made.execute("delete from meetings")
    return _made


@pytest.fixture
def put(database: Database) -> Callable[..., LoadedMeeting | None]:
    def load(card: MeetingCard, now: datetime = NIGHT_BEFORE) -> LoadedMeeting | None:
        return load_meeting(database.engine, card, now)

    return load


Put = Callable[..., LoadedMeeting | None]


def stored(database: Database, column: str, race_id: str = RACE) -> Any:
    """A column of a race."""
    return database.execute(f"select {column} from races where race_id = :race", race=race_id)[0][0]


def history(database: Database, kind: ChangeKind | None = None) -> list[tuple[object, ...]]:
    """Number of the race, runner, before, after and reason of every change, oldest first."""
    return database.execute(
        "select right(race_id, 2)::int, start_no, old_value, new_value, reason from race_changes "
        "where kind = coalesce(:kind, kind) order by change_id",
        kind=kind,
    )


def content(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Everything stored but for clocks and running numbers."""
    return {
        table: database.execute(
            f"select to_jsonb(t) - 'loaded_at' - 'observed_at' - 'change_id' as row from {table} t order by 1"
        )
        for table in TABLES
    }


def counts(database: Database) -> dict[str, object]:
    return {table: database.execute(f"select count(*) from {table}")[0][0] for table in TABLES}


# One transaction ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("track_id", SPORTS)
def test_every_part_of_a_meeting_is_stored(database: Database, put: Put, track_id: str) -> None:
    card = make_card(track_id)
    loaded = put(card, DAYS_LATER)
    payoffs = sum(len(each.payoffs or ()) for each in card.races)
    assert loaded == LoadedMeeting(
        card.meeting, 3, card.entries_declared or 0, card.results_declared or 0, payoffs, changes=0
    )
    assert loaded.rows == sum(int(str(count)) for table, count in counts(database).items() if table != "meetings")
    assert counts(database) == {
        "meetings": 1,
        "races": 3,
        "race_changes": 0,
        "entries": card.entries_declared,
        "results": card.results_declared,
        "payoffs": payoffs,
    }
    assert database.execute("select distinct sport, status, race_date, track_id from races") == [
        (card.meeting.track.sport, "finished", DAY, track_id)
    ]
    for table in ("entries", "results", "payoffs"):
        assert database.execute(f"select distinct race_date from {table}") == [(DAY,)]


def test_the_columns_hold_what_the_card_says(database: Database, put: Put) -> None:
    card = with_entry(make_card(), 1, 3, body_weight_kg=511.0, body_weight_change_kg=-2.0, extra={"new": 1})
    card = with_race(card, 1, weather="맑음", track_moisture_pct=2.5, details={"ilsu": 7})
    put(card, DAYS_LATER)
    assert database.execute(
        "select race_no, name, distance_m, grade, purse_krw, field_size, scheduled_post_time, post_time, weather, "
        "track_moisture_pct, details, extra from races where race_id = :race",
        race=RACE,
    ) == [(1, "Race 1", 1200, "국6등급", 30_000_000, 10, off(1), off(1), "맑음", 2.5, {"ilsu": 7}, {})]
    assert database.execute(
        "select runner_name, runner_id, jockey_id, body_weight_kg, body_weight_change_kg, is_scratched, details, extra "
        "from entries where race_id = :race and start_no = 3",
        race=RACE,
    ) == [("seoul 1-3", "0000103", "000003", 511.0, -2.0, False, {"prd": "한국"}, {"new": 1})]
    assert database.execute(
        "select start_no, finish_status, round(time_s::numeric, 1)::text from results where race_id = :race "
        "and finish_position = 1",
        race=RACE,
    ) == [(2, "finished", "74.2")]
    assert database.execute(
        "select combination, odds, is_capped from payoffs where race_id = :race and pool = 'EXA'", race=RACE
    ) == [("2-3", 2.5, False)]


def test_json_columns_hold_json_and_not_text_of_it(database: Database, put: Put) -> None:
    put(replace(make_card(), warnings=("odd",)), DAYS_LATER)
    columns = [
        ("meetings", "warnings", "array"),
        ("races", "details", "object"),
        ("races", "extra", "object"),
        ("entries", "details", "object"),
        ("results", "sectionals", "object"),
    ]
    for table, column, kind in columns:
        assert database.execute(f"select distinct jsonb_typeof({column}) from {table}") == [(kind,)], column


def _bad_race(card: MeetingCard) -> MeetingCard:
    return with_race(card, 3, distance_m=2**40)


def _bad_entry(card: MeetingCard) -> MeetingCard:
    return with_entry(card, 3, 10, rating=2**15)


def _same_start_number(card: MeetingCard) -> MeetingCard:
    return with_race(card, 3, entries=(*(race_of(card, 3).entries or ()), make_entry("seoul", 3, 1)))


def _bad_result(card: MeetingCard) -> MeetingCard:
    *others, last = race_of(card, 3).results or ()
    return with_race(card, 3, results=(*others, replace(last, finish_status=FinishStatus.PULLED_UP)))


def _bad_payoff(card: MeetingCard) -> MeetingCard:
    *others, last = race_of(card, 3).payoffs or ()
    return with_race(card, 3, payoffs=(*others, replace(last, odds=9999.9)))


def _bad_change(card: MeetingCard) -> MeetingCard:
    return replace(card, changes=(Change(3, ChangeKind.SCRATCH, 2**15, "a", None),))


def _crash_in_the_rows(card: MeetingCard) -> MeetingCard:
    return with_race(card, 3, payoffs=_Torn(race_of(card, 3).payoffs or ()))


class _Torn(tuple[Any, ...]):
    """Rows whose maker dies before the last one."""

    def __iter__(self) -> Iterator[Any]:
        yield from self[:-1]
        raise RuntimeError("torn")


STAGES = [
    _bad_race,
    _bad_entry,
    _same_start_number,
    _bad_result,
    _bad_payoff,
    _bad_change,
    _crash_in_the_rows,
]
REFUSED = (DBAPIError, RuntimeError)
breaking = pytest.mark.parametrize("broken", STAGES, ids=lambda stage: stage.__name__.strip("_"))


@breaking
def test_a_meeting_that_breaks_at_any_stage_leaves_nothing_behind(
    database: Database, put: Put, broken: Callable[[MeetingCard], MeetingCard]
) -> None:
    put(make_card("busan"), DAYS_LATER)
    before = row_versions(database.engine)
    with pytest.raises(REFUSED):
        put(broken(make_card()), DAYS_LATER)
    assert row_versions(database.engine) == before
    assert put(make_card(), DAYS_LATER) is not None


@breaking
def test_a_rewrite_that_breaks_leaves_the_old_revision_as_it_was(
    database: Database, put: Put, broken: Callable[[MeetingCard], MeetingCard]
) -> None:
    put(make_card(stage=Stage.CARD))
    before = row_versions(database.engine)
    with pytest.raises(REFUSED):
        put(broken(make_card()), DAYS_LATER)
    assert row_versions(database.engine) == before


def test_a_connection_that_dies_in_the_middle_is_taken_up_again_whole(database: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    cut: list[str] = []

    def cut_off(_connection: Any, cursor: Any, statement: str, *_others: Any) -> None:
        if statement.startswith("DELETE FROM results") and not cut:
            cut.append(statement)
            cursor.connection.close()

    event.listen(database.engine, "before_cursor_execute", cut_off)
    loaded = put(make_card(), DAYS_LATER)
    event.remove(database.engine, "before_cursor_execute", cut_off)
    assert cut
    assert loaded is not None
    assert counts(database)["results"] == loaded.results == 30


# The same again -----------------------------------------------------------------------------------------------------


@contextmanager
def transactions(database: Database) -> Iterator[list[object]]:
    """The id of each transaction that commits meanwhile; None for one that wrote nothing."""
    written: list[object] = []

    def note(connection: Connection) -> None:
        written.append(connection.scalar(text("select pg_current_xact_id_if_assigned()::text")))

    event.listen(database.engine, "commit", note)
    yield written
    event.remove(database.engine, "commit", note)


@pytest.mark.parametrize("track_id", SPORTS)
def test_the_same_card_again_touches_no_row(database: Database, put: Put, track_id: str) -> None:
    put(make_card(track_id), DAYS_LATER)
    before = row_versions(database.engine)
    with transactions(database) as written:
        assert put(make_card(track_id), DAYS_LATER + timedelta(days=1)) is None
    assert row_versions(database.engine) == before
    assert written == [None], "the transaction wrote something: it was given an id"


@pytest.mark.parametrize(
    "change",
    [
        lambda card: with_race(card, 2, weather="비"),
        lambda card: with_race(card, 2, details={"ilsu": 2}),
        lambda card: with_entry(card, 2, 2, rating=41),
        lambda card: ended(card, 2, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        lambda card: with_race(card, 2, payoffs=()),
        lambda card: replace(card, warnings=("odd",)),
        lambda card: replace(card, entries_declared=31),
        lambda card: replace(card, changes=(Change(2, ChangeKind.SCRATCH, 2, "x", None),)),
    ],
)
def test_whatever_the_card_says_anew_is_written(
    database: Database, put: Put, change: Callable[[MeetingCard], MeetingCard]
) -> None:
    put(make_card(), DAYS_LATER)
    before = content(database)
    assert put(change(make_card()), DAYS_LATER) is not None
    assert content(database) != before
    assert put(change(make_card()), DAYS_LATER) is None


def test_a_changed_meeting_leaves_the_others_alone(database: Database, put: Put) -> None:
    """Neither the other track of the day nor the other day of the track."""
    put(make_card("busan"), DAYS_LATER)
    put(make_card(day=DAY + timedelta(days=1)), DAYS_LATER)
    before = row_versions(database.engine)
    put(make_card(), DAYS_LATER)
    put(ended(make_card(), 1, [3, 2, 1]), DAYS_LATER)
    after = row_versions(database.engine)
    assert all(before[table] <= after[table] for table in TABLES)


# What is known stays ------------------------------------------------------------------------------------------------


def test_results_arrive_later(database: Database, put: Put) -> None:
    put(make_card(stage=Stage.PLAN))
    assert counts(database)["entries"] == counts(database)["results"] == 0
    put(make_card(stage=Stage.CARD))
    entered = database.execute("select ctid, xmin from entries")
    assert (stored(database, "status"), len(entered)) == ("scheduled", 30)
    loaded = put(make_card(), DAYS_LATER)
    assert loaded is not None
    assert (stored(database, "status"), loaded.results) == ("finished", 30)
    assert history(database) == []


def test_what_a_card_does_not_tell_stays_as_it_is(database: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    before = row_versions(database.engine)
    bare = tuple(RaceCard(each.race) for each in make_card().races)
    loaded = put(replace(make_card(), races=bare, warnings=("no card today",)), DAYS_LATER)
    assert loaded is not None
    assert (loaded.entries, loaded.results, loaded.payoffs, loaded.changes) == (0, 0, 0, 0)
    after = row_versions(database.engine)
    assert all(after[table] == before[table] for table in ("entries", "results", "payoffs"))


def test_an_empty_list_says_that_there_are_none(database: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    loaded = put(with_race(make_card(), 1, payoffs=()), DAYS_LATER)
    assert loaded is not None
    assert database.execute("select distinct race_id from payoffs order by 1") == [
        ("horse-seoul-20261121-02",),
        ("horse-seoul-20261121-03",),
    ]


def test_a_null_erases_nothing_that_is_known_of_a_race(database: Database, put: Put) -> None:
    known = with_race(make_card(), 1, weather="맑음", conditions="2세", track_condition="건조", track_moisture_pct=2.0)
    put(known, DAYS_LATER)
    before = database.execute("select to_jsonb(r) from races r where race_id = :race", race=RACE)
    bare = RaceCard(Race(1))
    put(replace(known, races=(bare, *known.races[1:])), DAYS_LATER)
    assert database.execute("select to_jsonb(r) from races r where race_id = :race", race=RACE) == before
    assert history(database) == []


def test_details_of_several_documents_gather(database: Database, put: Put) -> None:
    put(with_race(make_card(), 1, details={"ilsu": 1, "spRating": 50}), DAYS_LATER)
    put(with_race(make_card(), 1, details={"ilsu": 2, "buga1": 9}), DAYS_LATER)
    assert stored(database, "details") == {"ilsu": 2, "spRating": 50, "buga1": 9}


def test_fields_never_seen_before_are_those_of_the_last_card(database: Database, put: Put) -> None:
    put(with_race(make_card(), 1, extra={"odd": 1}), DAYS_LATER)
    put(make_card(), DAYS_LATER)
    assert stored(database, "extra") == {}


def test_a_runner_who_is_on_the_card_no_more_is_gone(database: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    entries = race_of(make_card(stage=Stage.CARD), 1).entries or ()
    put(whole(with_race(make_card(stage=Stage.CARD), 1, entries=entries[:-1])))
    assert database.execute("select max(start_no) from entries where race_id = :race", race=RACE) == [(9,)]


def test_a_race_that_vanished_is_kept_with_a_warning(database: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    short = whole(replace(make_card(), races=make_card().races[:2]))
    put(short, DAYS_LATER)
    assert counts(database)["races"] == 3
    assert counts(database)["results"] == 30
    assert database.execute("select warnings from meetings") == [
        (["race 3 is in no document any more; its rows are kept"],)
    ]
    assert put(short, DAYS_LATER) is None
    put(make_card(), DAYS_LATER)
    assert database.execute("select warnings from meetings") == [([],)]


def test_how_many_rows_were_declared_is_kept_where_a_card_does_not_tell(database: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    put(make_card(stage=Stage.PLAN), DAYS_LATER)
    assert database.execute("select entries_declared, results_declared from meetings") == [(30, 30)]


# Statuses -----------------------------------------------------------------------------------------------------------


def test_a_finished_race_stays_finished_when_an_older_card_comes(database: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    put(make_card(stage=Stage.CARD), DAYS_LATER)
    assert stored(database, "status") == "finished"
    assert counts(database)["results"] == 30
    assert history(database) == []


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (off(2) - timedelta(hours=2), "scheduled"),
        (off(2) - timedelta(minutes=59), "upcoming"),
        (off(2), "live"),
    ],
)
def test_a_new_race_is_where_the_clock_says(database: Database, put: Put, now: datetime, status: str) -> None:
    put(make_card(stage=Stage.CARD), now)
    assert stored(database, "status", "horse-seoul-20261121-02") == status


def test_a_race_whose_card_does_not_tell_the_off_stands_where_its_known_off_says(database: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    put(with_race(make_card(stage=Stage.CARD), 1, scheduled_post_time=None, post_time=None), off(1))
    assert (stored(database, "status"), stored(database, "post_time")) == ("live", off(1))


def test_races_called_off_are_recorded(database: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    put(card)
    put(with_race(with_race(card, 1, is_cancelled=True), 2, is_postponed=True))
    assert stored(database, "status") == "cancelled"
    put(with_race(card, 1, is_cancelled=True))
    put(make_card(), DAYS_LATER)
    assert history(database, ChangeKind.STATUS) == [
        (1, None, "scheduled", "cancelled", None),
        (2, None, "scheduled", "postponed", None),
        (2, None, "postponed", "scheduled", None),
        (1, None, "cancelled", "finished", None),
    ]


def test_a_race_declared_void_after_the_finish_is_cancelled(database: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    put(with_race(make_card(), 1, is_cancelled=True), DAYS_LATER)
    assert history(database, ChangeKind.STATUS) == [(1, None, "finished", "cancelled", None)]


def test_a_race_called_off_before_it_was_known_has_no_history(database: Database, put: Put) -> None:
    put(with_race(make_card(stage=Stage.PLAN), 1, is_cancelled=True))
    assert (stored(database, "status"), history(database)) == ("cancelled", [])


def test_statuses_move_with_the_clock(database: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    put(make_card("misari", stage=Stage.PLAN))
    engine = database.engine
    assert advance_statuses(engine, off(1) - timedelta(hours=2)) == 0
    assert advance_statuses(engine, off(2) - timedelta(minutes=1)) == 6
    assert database.execute("select status, count(*) from races group by status order by status") == [
        ("live", 2),
        ("upcoming", 4),
    ]
    before = row_versions(engine)
    assert advance_statuses(engine, off(2) - timedelta(minutes=1)) == 0
    assert row_versions(engine) == before
    assert history(database) == []


def test_the_clock_moves_no_race_that_is_decided_or_off(database: Database, put: Put) -> None:
    card = with_race(make_card(stage=Stage.CARD), 1, is_cancelled=True)
    card = with_race(with_race(card, 2, is_postponed=True), 3, is_complete=True)
    put(card)
    assert advance_statuses(database.engine, off(3) + timedelta(hours=1)) == 0


# Changes ------------------------------------------------------------------------------------------------------------

PLAN, LATER = "2026-11-21T10:35:00+09:00", "2026-11-21T10:50:00+09:00"


def test_a_post_time_that_moves_there_and_back_leaves_two_rows(database: Database, put: Put) -> None:
    first = make_card(stage=Stage.CARD)
    moved = with_race(first, 1, post_time=off(1) + timedelta(minutes=15))
    for card in (first, moved, moved, first, first):
        put(card)
    assert history(database) == [(1, None, PLAN, LATER, None), (1, None, LATER, PLAN, None)]
    assert stored(database, "post_time") == off(1)
    put(moved)
    assert len(history(database)) == 3


def test_whose_clock_tells_the_post_time_is_no_change(database: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    put(with_race(make_card(stage=Stage.CARD), 1, post_time=off(1).astimezone(UTC)))
    assert history(database) == []


def test_the_plan_is_kept_beside_the_off_as_it_stands(database: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    put(with_race(make_card(stage=Stage.CARD), 1, post_time=off(1) + timedelta(minutes=15)))
    assert stored(database, "scheduled_post_time") == off(1)
    assert stored(database, "post_time") == off(1) + timedelta(minutes=15)


def test_a_plan_alone_does_not_take_back_a_moved_off(database: Database, put: Put) -> None:
    put(with_race(make_card(stage=Stage.CARD), 1, post_time=off(1) + timedelta(minutes=15)))
    put(with_race(make_card(stage=Stage.PLAN), 1, post_time=None))
    assert stored(database, "post_time") == off(1) + timedelta(minutes=15)
    assert history(database) == []


def test_the_off_follows_a_new_plan_where_nothing_moved_it(database: Database, put: Put) -> None:
    planned = with_race(make_card(stage=Stage.PLAN), 1, post_time=None)
    put(planned)
    assert stored(database, "post_time") == off(1)
    put(with_race(planned, 1, scheduled_post_time=off(1) + timedelta(minutes=15)))
    assert stored(database, "post_time") == off(1) + timedelta(minutes=15)
    assert history(database) == [(1, None, PLAN, LATER, None)]


def told(card: MeetingCard, *changes: Change) -> MeetingCard:
    return replace(card, changes=changes)


SCRATCHED = Change(1, ChangeKind.SCRATCH, 4, "seoul 1-4", None, "마체이상", NIGHT_BEFORE)
REPLACED = Change(1, ChangeKind.JOCKEY, 4, "Jockey 4", "Jockey 99", "부상", NIGHT_BEFORE)


def test_a_scratch_that_only_the_entries_tell_is_recorded_once(database: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    gone = with_entry(card, 1, 4, is_scratched=True, scratch_reason="출전취소")
    for each in (card, gone, with_race(gone, 1, weather="비"), with_race(gone, 1, weather="맑음")):
        put(each)
    assert history(database) == [(1, 4, "seoul 1-4", None, "출전취소")]


def test_a_scratch_taken_back_is_recorded(database: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    for each in (card, with_entry(card, 1, 4, is_scratched=True), card):
        put(each)
    assert history(database) == [(1, 4, "seoul 1-4", None, None), (1, 4, None, "seoul 1-4", None)]


@pytest.mark.parametrize("first", ["together", "document first", "entries first"])
def test_a_scratch_that_document_and_entries_tell_is_recorded_once(database: Database, put: Put, first: str) -> None:
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
    assert history(database) == [(1, 4, "seoul 1-4", None, "마체이상")]


@pytest.mark.parametrize("first", ["together", "document first", "entries first", "at once"])
def test_a_jockey_whom_document_and_entries_replace_is_recorded_once(database: Database, put: Put, first: str) -> None:
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
    assert history(database) == [(1, 4, "Jockey 4", "Jockey 99", reason)]


def test_the_documents_reason_and_clock_come_with_a_difference(database: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    put(card)
    put(told(with_entry(card, 1, 4, jockey_name="Jockey 99"), REPLACED))
    assert database.execute("select reason, announced_at from race_changes") == [("부상", NIGHT_BEFORE)]


def test_a_second_jockey_is_recorded_though_the_document_tells_of_the_first_only(database: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    for name in ("Jockey 4", "Jockey 99", "Jockey 98", "Jockey 99"):
        put(told(with_entry(card, 1, 4, jockey_name=name), *([REPLACED] if name != "Jockey 4" else [])))
    assert [row[2:4] for row in history(database)] == [
        ("Jockey 4", "Jockey 99"),
        ("Jockey 99", "Jockey 98"),
        ("Jockey 98", "Jockey 99"),
    ]


def test_a_runner_scratched_with_a_new_jockey_has_both_recorded(database: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    put(card)
    put(with_entry(card, 1, 4, is_scratched=True, jockey_name="Jockey 99"))
    assert {row[2:4] for row in history(database)} == {("seoul 1-4", None), ("Jockey 4", "Jockey 99")}


def test_two_changes_that_a_document_tells_of_one_runner_are_two_rows(database: Database, put: Put) -> None:
    card = told(make_card(stage=Stage.CARD), REPLACED, replace(REPLACED, old_value="Jockey 99", new_value="Jockey 98"))
    put(card)
    put(with_race(card, 1, weather="비"))
    assert [row[2:4] for row in history(database)] == [("Jockey 4", "Jockey 99"), ("Jockey 99", "Jockey 98")]


def test_a_post_time_that_a_document_tells_too_is_recorded_once_from_where_it_stood(
    database: Database, put: Put
) -> None:
    """API299 tells the change against the plan; the rows know where the race stood before."""
    card = make_card(stage=Stage.CARD)
    put(card)
    for minutes, at in ((15, LATER), (30, "2026-11-21T11:05:00+09:00")):
        moved = with_race(card, 1, post_time=off(1) + timedelta(minutes=minutes))
        put(told(moved, Change(1, ChangeKind.POST_TIME, None, PLAN, at, "주로 정비")))
    assert history(database) == [
        (1, None, PLAN, LATER, "주로 정비"),
        (1, None, LATER, "2026-11-21T11:05:00+09:00", "주로 정비"),
    ]


def test_a_jockey_that_becomes_known_or_unknown_is_no_change(database: Database, put: Put) -> None:
    card = make_card(stage=Stage.CARD)
    unknown = with_entry(card, 1, 4, jockey_name=None)
    for each in (unknown, card, unknown):
        put(each)
    assert history(database) == []


def test_changes_of_one_meeting_are_not_mistaken_for_anothers(database: Database, put: Put) -> None:
    for track_id in ("seoul", "busan"):
        card = make_card(track_id, stage=Stage.CARD)
        put(card)
        put(with_race(card, 1, post_time=off(1) + timedelta(minutes=15)))
    assert database.execute("select race_id, race_date from race_changes order by change_id") == [
        ("horse-seoul-20261121-01", DAY),
        ("horse-busan-20261121-01", DAY),
    ]


# Rounds -------------------------------------------------------------------------------------------------------------


def test_a_meeting_maps_its_round_to_the_date(database: Database, put: Put) -> None:
    put(make_card("misari"), DAYS_LATER)
    put(make_card("seoul"), DAYS_LATER)
    assert database.execute("select track_id, race_date, year, round, day, race_count from meetings order by 1") == [
        ("misari", DAY, 2026, 47, 6, 3),
        ("seoul", DAY, None, None, None, 3),
    ]
    with database.engine.connect() as connection:
        assert known_meetings(connection, [DAY]) == [Meeting(DAY, "misari", 2026, 47, 6), Meeting(DAY, "seoul")]


def test_the_round_of_a_date_that_is_corrected_is_followed_and_never_forgotten(database: Database, put: Put) -> None:
    card = make_card("misari", stage=Stage.CARD)
    put(card)
    put(replace(card, meeting=Meeting(DAY, "misari", 2026, 48, 1)))
    put(replace(card, meeting=Meeting(DAY, "misari")))
    assert database.execute("select year, round, day from meetings") == [(2026, 48, 1)]


def test_a_round_held_on_another_date_is_told(database: Database, put: Put) -> None:
    card = make_card("misari", stage=Stage.CARD)
    put(card)
    moved = make_card("misari", DAY + timedelta(days=7), stage=Stage.CARD)
    moved = replace(moved, meeting=replace(moved.meeting, round=47))
    put(moved)
    put(make_card("gwangmyeong", DAY + timedelta(days=7), stage=Stage.CARD))
    assert database.execute("select race_date, warnings from meetings where track_id = 'misari' order by 1") == [
        (DAY, []),
        (
            DAY + timedelta(days=7),
            ["day 6 of round 47 of 2026 is stored for 2026-11-21 too: it was moved, or one of them is wrong"],
        ),
    ]
    assert database.execute("select warnings from meetings where track_id = 'gwangmyeong'") == [([],)]


def test_known_meetings_are_those_asked_for(database: Database, put: Put) -> None:
    days = [DAY + timedelta(days=offset) for offset in (0, 1, 2, 9)]
    for day in days:
        put(make_card(day=day, races=1, stage=Stage.PLAN))

    def known(dates: list[date], **around: Any) -> list[date]:
        with database.engine.connect() as connection:
            return [meeting.race_date for meeting in known_meetings(connection, dates, **around)]

    assert known([]) == []
    assert known([days[2], days[0]]) == [days[0], days[2]]
    assert known([days[1]], around=timedelta(days=1)) == days[:3]
    assert known([days[1]], around=timedelta(days=8)) == days


# Two at once --------------------------------------------------------------------------------------------------------


def test_two_loads_of_one_meeting_at_once_give_one_of_the_two_states(database: Database, put: Put) -> None:
    """Every table as the card that came last says, its history of one change whole."""
    first = make_card(stage=Stage.CARD)
    put(first)
    cards = [
        with_race(
            with_entry(ended(make_card(), 1, order), 1, 4, jockey_name=f"Jockey {minutes}"),
            1,
            post_time=off(1) + timedelta(minutes=minutes),
        )
        for order, minutes in (([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 15), ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 30))
    ]
    for _ in range(5):
        start = threading.Barrier(2)

        def load(card: MeetingCard, start: threading.Barrier = start) -> object:
            start.wait()
            return put(card, DAYS_LATER)

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(load, cards))
        (state,) = database.execute(
            "select r.post_time, (select start_no from results t where t.race_id = r.race_id and finish_position = 1), "
            "(select combination from payoffs p where p.race_id = r.race_id and pool = 'WIN'), "
            "(select jockey_name from entries e where e.race_id = r.race_id and start_no = 4) "
            "from races r where race_id = :race",
            race=RACE,
        )
        one, other = (off(1) + timedelta(minutes=minutes) for minutes in (15, 30))
        assert state in [(one, 1, "1", "Jockey 15"), (other, 10, "10", "Jockey 30")]
        assert counts(database)["results"] == 30
    times = [row[2:4] for row in history(database, ChangeKind.POST_TIME)]
    assert [before for before, _ in times[1:]] == [after for _, after in times[:-1]], "the history has a gap"


def test_the_same_card_twice_at_once_is_written_once(database: Database, put: Put) -> None:
    start = threading.Barrier(4)

    def load(_: int) -> LoadedMeeting | None:
        start.wait()
        return put(make_card(), DAYS_LATER)

    with ThreadPoolExecutor(4) as threads:
        loaded = [each for each in threads.map(load, range(4)) if each is not None]
    assert len(loaded) == 1
    assert counts(database)["entries"] == 30


# Odd races ----------------------------------------------------------------------------------------------------------


def test_dead_heats_walkovers_and_void_races_load(database: Database, put: Put) -> None:
    card = ended(make_card(races=4), 1, [(2, 7), 3, 4, 5, 6, 8, 9, 10], {1: FinishStatus.DISQUALIFIED})
    card = ended(card, 2, [5], dict.fromkeys((1, 2, 3, 4, 6, 7, 8, 9, 10), FinishStatus.SCRATCHED))
    card = ended(card, 3, [], dict.fromkeys(range(1, 11), FinishStatus.VOID))
    card = with_race(card, 3, is_cancelled=True)
    put(card, DAYS_LATER)
    assert database.execute(
        "select race_id, start_no from results where finish_position = 1 and right(race_id, 2) < '04' order by 1, 2"
    ) == [(RACE, 2), (RACE, 7), ("horse-seoul-20261121-02", 5)]
    assert stored(database, "status", "horse-seoul-20261121-03") == "cancelled"


def test_a_capped_payoff_has_no_price(database: Database, put: Put) -> None:
    payoffs = race_of(make_card(), 1).payoffs or ()
    capped = tuple(
        replace(it, odds=None, is_capped=True, pool_label="삼쌍승식") if it.pool is Pool.TRI else it for it in payoffs
    )
    put(with_race(make_card(), 1, payoffs=capped), DAYS_LATER)
    assert database.execute("select odds, is_capped, pool_label from payoffs where is_capped") == [
        (None, True, "삼쌍승식")
    ]


def test_night_races_and_race_dates_are_the_sources(database: Database, put: Put) -> None:
    """A race at 00:10 in Korea is on the date that the source says, whatever UTC has."""
    late = datetime(2026, 11, 22, 0, 10, tzinfo=KST)
    put(with_race(make_card(races=1, stage=Stage.CARD), 1, scheduled_post_time=late, post_time=late), late)
    assert database.execute("select race_date, status from races") == [(DAY, RaceStatus.LIVE)]
