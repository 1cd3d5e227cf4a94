"""The unit of work: a meeting commits whole or not at all, and nothing known is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from fotmate_assets.racing.load import LoadedMeeting, known_meetings
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
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import (
    DAY,
    DAYS_LATER,
    RACE,
    TABLES,
    Stage,
    counts,
    ended,
    history,
    make_card,
    make_entry,
    off,
    race_of,
    row_versions,
    stored,
    whole,
    with_entry,
    with_race,
)
from fotmate_assets_tests.racing.conftest import Put

SPORTS = ["seoul", "gwangmyeong", "misari"]


def content(emptied: Database) -> dict[str, list[tuple[object, ...]]]:
    """Everything stored but for clocks and running numbers."""
    return {
        table: emptied.execute(
            f"select to_jsonb(t) - 'loaded_at' - 'observed_at' - 'change_id' as row from {table} t order by 1"
        )
        for table in TABLES
    }


# One transaction ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("track_id", SPORTS)
def test_every_part_of_a_meeting_is_stored(emptied: Database, put: Put, track_id: str) -> None:
    card = make_card(track_id)
    loaded = put(card, DAYS_LATER)
    payoffs = sum(len(each.payoffs or ()) for each in card.races)
    assert loaded == LoadedMeeting(
        card.meeting, 3, card.entries_declared or 0, card.results_declared or 0, payoffs, changes=0
    )
    assert loaded.rows == sum(int(str(count)) for table, count in counts(emptied).items() if table != "meetings")
    assert counts(emptied) == {
        "meetings": 1,
        "races": 3,
        "race_changes": 0,
        "entries": card.entries_declared,
        "results": card.results_declared,
        "payoffs": payoffs,
    }
    assert emptied.execute("select distinct sport, status, race_date, track_id from races") == [
        (card.meeting.track.sport, "finished", DAY, track_id)
    ]
    for table in ("entries", "results", "payoffs"):
        assert emptied.execute(f"select distinct race_date from {table}") == [(DAY,)]


def test_the_columns_hold_what_the_card_says(emptied: Database, put: Put) -> None:
    card = with_entry(make_card(), 1, 3, body_weight_kg=511.0, body_weight_change_kg=-2.0, extra={"new": 1})
    card = with_race(card, 1, weather="맑음", track_moisture_pct=2.5, details={"ilsu": 7})
    put(card, DAYS_LATER)
    assert emptied.execute(
        "select race_no, name, distance_m, grade, purse_krw, field_size, scheduled_post_time, post_time, weather, "
        "track_moisture_pct, details, extra from races where race_id = :race",
        race=RACE,
    ) == [(1, "Race 1", 1200, "국6등급", 30_000_000, 10, off(1), off(1), "맑음", 2.5, {"ilsu": 7}, {})]
    assert emptied.execute(
        "select runner_name, runner_id, jockey_id, body_weight_kg, body_weight_change_kg, is_scratched, details, extra "
        "from entries where race_id = :race and start_no = 3",
        race=RACE,
    ) == [("seoul 1-3", "0000103", "000003", 511.0, -2.0, False, {"prd": "한국"}, {"new": 1})]
    assert emptied.execute(
        "select start_no, finish_status, round(time_s::numeric, 1)::text from results where race_id = :race "
        "and finish_position = 1",
        race=RACE,
    ) == [(2, "finished", "74.2")]
    assert emptied.execute(
        "select combination, odds, is_capped from payoffs where race_id = :race and pool = 'EXA'", race=RACE
    ) == [("2-3", 2.5, False)]


def test_json_columns_hold_json_and_not_text_of_it(emptied: Database, put: Put) -> None:
    put(replace(make_card(), warnings=("odd",)), DAYS_LATER)
    columns = [
        ("meetings", "warnings", "array"),
        ("races", "details", "object"),
        ("races", "extra", "object"),
        ("entries", "details", "object"),
        ("results", "sectionals", "object"),
    ]
    for table, column, kind in columns:
        assert emptied.execute(f"select distinct jsonb_typeof({column}) from {table}") == [(kind,)], column


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
    emptied: Database, put: Put, broken: Callable[[MeetingCard], MeetingCard]
) -> None:
    put(make_card("busan"), DAYS_LATER)
    before = row_versions(emptied.engine)
    with pytest.raises(REFUSED):
        put(broken(make_card()), DAYS_LATER)
    assert row_versions(emptied.engine) == before
    assert put(make_card(), DAYS_LATER) is not None


@breaking
def test_a_rewrite_that_breaks_leaves_the_old_revision_as_it_was(
    emptied: Database, put: Put, broken: Callable[[MeetingCard], MeetingCard]
) -> None:
    put(make_card(stage=Stage.CARD))
    before = row_versions(emptied.engine)
    with pytest.raises(REFUSED):
        put(broken(make_card()), DAYS_LATER)
    assert row_versions(emptied.engine) == before


def test_a_connection_that_dies_in_the_middle_is_taken_up_again_whole(emptied: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    cut: list[str] = []

    def cut_off(_connection: Any, cursor: Any, statement: str, *_others: Any) -> None:
        if statement.startswith("DELETE FROM results") and not cut:
            cut.append(statement)
            cursor.connection.close()

    event.listen(emptied.engine, "before_cursor_execute", cut_off)
    loaded = put(make_card(), DAYS_LATER)
    event.remove(emptied.engine, "before_cursor_execute", cut_off)
    assert cut
    assert loaded is not None
    assert counts(emptied)["results"] == loaded.results == 30


# The same again -----------------------------------------------------------------------------------------------------


@contextmanager
def transactions(emptied: Database) -> Iterator[list[object]]:
    """The id of each transaction that commits meanwhile; None for one that wrote nothing."""
    written: list[object] = []

    def note(connection: Connection) -> None:
        written.append(connection.scalar(text("select pg_current_xact_id_if_assigned()::text")))

    event.listen(emptied.engine, "commit", note)
    yield written
    event.remove(emptied.engine, "commit", note)


@pytest.mark.parametrize("track_id", SPORTS)
def test_the_same_card_again_touches_no_row(emptied: Database, put: Put, track_id: str) -> None:
    put(make_card(track_id), DAYS_LATER)
    before = row_versions(emptied.engine)
    with transactions(emptied) as written:
        assert put(make_card(track_id), DAYS_LATER + timedelta(days=1)) is None
    assert row_versions(emptied.engine) == before
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
    emptied: Database, put: Put, change: Callable[[MeetingCard], MeetingCard]
) -> None:
    put(make_card(), DAYS_LATER)
    before = content(emptied)
    assert put(change(make_card()), DAYS_LATER) is not None
    assert content(emptied) != before
    assert put(change(make_card()), DAYS_LATER) is None


def test_a_changed_meeting_leaves_the_others_alone(emptied: Database, put: Put) -> None:
    """Neither the other track of the day nor the other day of the track."""
    put(make_card("busan"), DAYS_LATER)
    put(make_card(day=DAY + timedelta(days=1)), DAYS_LATER)
    before = row_versions(emptied.engine)
    put(make_card(), DAYS_LATER)
    put(ended(make_card(), 1, [3, 2, 1]), DAYS_LATER)
    after = row_versions(emptied.engine)
    assert all(before[table] <= after[table] for table in TABLES)


# What is known stays ------------------------------------------------------------------------------------------------


def test_results_arrive_later(emptied: Database, put: Put) -> None:
    put(make_card(stage=Stage.PLAN))
    assert counts(emptied)["entries"] == counts(emptied)["results"] == 0
    put(make_card(stage=Stage.CARD))
    entered = emptied.execute("select ctid, xmin from entries")
    assert (stored(emptied, "status"), len(entered)) == ("scheduled", 30)
    loaded = put(make_card(), DAYS_LATER)
    assert loaded is not None
    assert (stored(emptied, "status"), loaded.results) == ("finished", 30)
    assert history(emptied) == []


def test_what_a_card_does_not_tell_stays_as_it_is(emptied: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    before = row_versions(emptied.engine)
    bare = tuple(RaceCard(each.race) for each in make_card().races)
    loaded = put(replace(make_card(), races=bare, warnings=("no card today",)), DAYS_LATER)
    assert loaded is not None
    assert (loaded.entries, loaded.results, loaded.payoffs, loaded.changes) == (0, 0, 0, 0)
    after = row_versions(emptied.engine)
    assert all(after[table] == before[table] for table in ("entries", "results", "payoffs"))


def test_an_empty_list_says_that_there_are_none(emptied: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    loaded = put(with_race(make_card(), 1, payoffs=()), DAYS_LATER)
    assert loaded is not None
    assert emptied.execute("select distinct race_id from payoffs order by 1") == [
        ("horse-seoul-20261121-02",),
        ("horse-seoul-20261121-03",),
    ]


def test_a_null_erases_nothing_that_is_known_of_a_race(emptied: Database, put: Put) -> None:
    known = with_race(make_card(), 1, weather="맑음", conditions="2세", track_condition="건조", track_moisture_pct=2.0)
    put(known, DAYS_LATER)
    before = emptied.execute("select to_jsonb(r) from races r where race_id = :race", race=RACE)
    bare = RaceCard(Race(1))
    put(replace(known, races=(bare, *known.races[1:])), DAYS_LATER)
    assert emptied.execute("select to_jsonb(r) from races r where race_id = :race", race=RACE) == before
    assert history(emptied) == []


def test_details_of_several_documents_gather(emptied: Database, put: Put) -> None:
    put(with_race(make_card(), 1, details={"ilsu": 1, "spRating": 50}), DAYS_LATER)
    put(with_race(make_card(), 1, details={"ilsu": 2, "buga1": 9}), DAYS_LATER)
    assert stored(emptied, "details") == {"ilsu": 2, "spRating": 50, "buga1": 9}


def test_fields_never_seen_before_are_those_of_the_last_card(emptied: Database, put: Put) -> None:
    put(with_race(make_card(), 1, extra={"odd": 1}), DAYS_LATER)
    put(make_card(), DAYS_LATER)
    assert stored(emptied, "extra") == {}


def test_a_runner_who_is_on_the_card_no_more_is_gone(emptied: Database, put: Put) -> None:
    put(make_card(stage=Stage.CARD))
    entries = race_of(make_card(stage=Stage.CARD), 1).entries or ()
    put(whole(with_race(make_card(stage=Stage.CARD), 1, entries=entries[:-1])))
    assert emptied.execute("select max(start_no) from entries where race_id = :race", race=RACE) == [(9,)]


def test_a_race_that_vanished_is_kept_with_a_warning(emptied: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    short = whole(replace(make_card(), races=make_card().races[:2]))
    put(short, DAYS_LATER)
    assert counts(emptied)["races"] == 3
    assert counts(emptied)["results"] == 30
    assert emptied.execute("select warnings from meetings") == [
        (["race 3 is in no document any more; its rows are kept"],)
    ]
    assert put(short, DAYS_LATER) is None
    put(make_card(), DAYS_LATER)
    assert emptied.execute("select warnings from meetings") == [([],)]


def test_how_many_rows_were_declared_is_kept_where_a_card_does_not_tell(emptied: Database, put: Put) -> None:
    put(make_card(), DAYS_LATER)
    put(make_card(stage=Stage.PLAN), DAYS_LATER)
    assert emptied.execute("select entries_declared, results_declared from meetings") == [(30, 30)]


# Rounds -------------------------------------------------------------------------------------------------------------


def test_a_meeting_maps_its_round_to_the_date(emptied: Database, put: Put) -> None:
    put(make_card("misari"), DAYS_LATER)
    put(make_card("seoul"), DAYS_LATER)
    assert emptied.execute("select track_id, race_date, year, round, day from meetings order by 1") == [
        ("misari", DAY, 2026, 47, 6),
        ("seoul", DAY, None, None, None),
    ]
    with emptied.engine.connect() as connection:
        assert known_meetings(connection, [DAY]) == [Meeting(DAY, "misari", 2026, 47, 6), Meeting(DAY, "seoul")]


def test_the_round_of_a_date_that_is_corrected_is_followed_and_never_forgotten(emptied: Database, put: Put) -> None:
    card = make_card("misari", stage=Stage.CARD)
    put(card)
    put(replace(card, meeting=Meeting(DAY, "misari", 2026, 48, 1)))
    put(with_race(replace(card, meeting=Meeting(DAY, "misari", 2026, 48, 1)), 1, weather="비"))
    assert emptied.execute("select year, round, day, warnings from meetings") == [(2026, 48, 1, [])]
    put(replace(card, meeting=Meeting(DAY, "misari")))
    assert emptied.execute("select year, round, day, warnings from meetings") == [(2026, 48, 1, [])]


def test_a_round_held_on_another_date_is_told(emptied: Database, put: Put) -> None:
    card = make_card("misari", stage=Stage.CARD)
    put(card)
    moved = make_card("misari", DAY + timedelta(days=7), stage=Stage.CARD)
    moved = replace(moved, meeting=replace(moved.meeting, round=47))
    put(moved)
    put(make_card("gwangmyeong", DAY + timedelta(days=7), stage=Stage.CARD))
    assert emptied.execute("select race_date, warnings from meetings where track_id = 'misari' order by 1") == [
        (DAY, []),
        (
            DAY + timedelta(days=7),
            ["day 6 of round 47 of 2026 is stored for 2026-11-21 too: it was moved, or one of them is wrong"],
        ),
    ]
    assert emptied.execute("select warnings from meetings where track_id = 'gwangmyeong'") == [([],)]


def test_known_meetings_are_those_asked_for(emptied: Database, put: Put) -> None:
    days = [DAY + timedelta(days=offset) for offset in (0, 1, 2, 9)]
    for day in days:
        put(make_card(day=day, races=1, stage=Stage.PLAN))

    def known(dates: list[date], **around: Any) -> list[date]:
        with emptied.engine.connect() as connection:
            return [meeting.race_date for meeting in known_meetings(connection, dates, **around)]

    assert known([]) == []
    assert known([days[2], days[0]]) == [days[0], days[2]]
    assert known([days[1]], around=timedelta(days=1)) == days[:3]
    assert known([days[1]], around=timedelta(days=8)) == days


# Two at once --------------------------------------------------------------------------------------------------------


def test_two_loads_of_one_meeting_at_once_give_one_of_the_two_states(emptied: Database, put: Put) -> None:
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
        (state,) = emptied.execute(
            "select r.post_time, (select start_no from results t where t.race_id = r.race_id and finish_position = 1), "
            "(select combination from payoffs p where p.race_id = r.race_id and pool = 'WIN'), "
            "(select jockey_name from entries e where e.race_id = r.race_id and start_no = 4) "
            "from races r where race_id = :race",
            race=RACE,
        )
        one, other = (off(1) + timedelta(minutes=minutes) for minutes in (15, 30))
        assert state in [(one, 1, "1", "Jockey 15"), (other, 10, "10", "Jockey 30")]
        assert counts(emptied)["results"] == 30
    times = [row[2:4] for row in history(emptied, ChangeKind.POST_TIME)]
    assert [before for before, _ in times[1:]] == [after for _, after in times[:-1]], "the history has a gap"


def test_the_same_card_twice_at_once_is_written_once(emptied: Database, put: Put) -> None:
    start = threading.Barrier(4)

    def load(_: int) -> LoadedMeeting | None:
        start.wait()
        return put(make_card(), DAYS_LATER)

    with ThreadPoolExecutor(4) as threads:
        loaded = [each for each in threads.map(load, range(4)) if each is not None]
    assert len(loaded) == 1
    assert counts(emptied)["entries"] == 30


# Odd races ----------------------------------------------------------------------------------------------------------


def test_dead_heats_walkovers_and_void_races_load(emptied: Database, put: Put) -> None:
    card = ended(make_card(races=4), 1, [(2, 7), 3, 4, 5, 6, 8, 9, 10], {1: FinishStatus.DISQUALIFIED})
    card = ended(card, 2, [5], dict.fromkeys((1, 2, 3, 4, 6, 7, 8, 9, 10), FinishStatus.SCRATCHED))
    card = ended(card, 3, [], dict.fromkeys(range(1, 11), FinishStatus.VOID))
    card = with_race(card, 3, is_cancelled=True)
    put(card, DAYS_LATER)
    assert emptied.execute(
        "select race_id, start_no from results where finish_position = 1 and right(race_id, 2) < '04' order by 1, 2"
    ) == [(RACE, 2), (RACE, 7), ("horse-seoul-20261121-02", 5)]
    assert stored(emptied, "status", "horse-seoul-20261121-03") == "cancelled"


def test_runners_whose_number_no_document_tells_keep_the_sources_order(emptied: Database, put: Put) -> None:
    results = race_of(make_card("changwon"), 1).results or ()
    ranked = tuple(it if (it.finish_position or 9) <= 3 else replace(it, start_no=None) for it in results)
    put(whole(with_race(make_card("changwon"), 1, results=ranked, entries=None)), DAYS_LATER)
    assert emptied.execute(
        "select line, start_no, finish_position from results where race_id = 'cycle-changwon-20261121-01' order by line"
    ) == [(1, 2, 1), (2, 3, 2), (3, 4, 3), (4, None, 4), (5, None, 5), (6, None, 6), (7, None, 7)]


def test_a_capped_payoff_has_no_price(emptied: Database, put: Put) -> None:
    payoffs = race_of(make_card(), 1).payoffs or ()
    capped = tuple(
        replace(it, odds=None, is_capped=True, pool_label="삼쌍승식") if it.pool is Pool.TRI else it for it in payoffs
    )
    put(with_race(make_card(), 1, payoffs=capped), DAYS_LATER)
    assert emptied.execute("select odds, is_capped, pool_label from payoffs where is_capped") == [
        (None, True, "삼쌍승식")
    ]


def test_night_races_and_race_dates_are_the_sources(emptied: Database, put: Put) -> None:
    """A race at 00:10 in Korea is on the date that the source says, whatever UTC has."""
    late = datetime(2026, 11, 22, 0, 10, tzinfo=KST)
    put(with_race(make_card(races=1, stage=Stage.CARD), 1, scheduled_post_time=late, post_time=late), late)
    assert emptied.execute("select race_date, status from races") == [(DAY, RaceStatus.LIVE)]
