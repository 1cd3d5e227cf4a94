"""What analysts ask of runners, jockeys and entries: as loaded, with nothing of the race's own day, and by index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing import reads
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import FinishStatus, MeetingCard, Pool, Sport
from fotmate_assets.racing.reads import Record, Rides
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing.cards import (
    DAY,
    DAYS_LATER,
    RACE,
    Stage,
    ended,
    make_card,
    race_of,
    with_entry,
    with_race,
)

HORSE, RIVAL, JOCKEY = "0000101", "0000102", "000001"
"""Number 1 and number 2 of the first race; who rides number 1 of every race."""


def days_before(days: int) -> date:
    return DAY - timedelta(days=days)


def ran(day: date, order: list[int | tuple[int, ...]], **absent: FinishStatus) -> MeetingCard:
    """A meeting of one race of four horses, the same ones each time, 1200 m, at Seoul."""
    card = make_card(day=day, races=1, runners=4)
    gone = {int(name.removeprefix("n")): status for name, status in absent.items()}
    return trained(ended(card, 1, order, gone))


def trained(card: MeetingCard) -> MeetingCard:
    """The card with each runner trained by the namesake of who rides it."""
    results = tuple(replace(each, trainer_id=each.jockey_id) for each in race_of(card, 1).results or ())
    return with_race(card, 1, results=results)


def priced(card: MeetingCard, odds: dict[int, float | None], paid: dict[int, float] | None = None) -> MeetingCard:
    """The card with final win odds, and with what winners were paid."""
    race = race_of(card, 1)
    results = tuple(replace(each, win_odds=odds.get(each.start_no or 0)) for each in race.results or ())
    payoffs = tuple(
        replace(each, odds=(paid or {}).get(int(each.combination), 2.5)) if each.pool is Pool.WIN else each
        for each in race.payoffs or ()
    )
    return with_race(card, 1, results=results, payoffs=payoffs)


@pytest.fixture(scope="module")
def year(stack: Stack, _template: str) -> Iterator[Database]:
    """Two years of one horse and its rivals, the day itself, and the days after."""
    with fresh_database(stack, _template) as database:
        pulled, out = FinishStatus.PULLED_UP, FinishStatus.DISQUALIFIED
        meetings = [
            ran(days_before(500), [1, 2, 3, 4]),
            ran(days_before(365), [1, 2, 3, 4]),
            ran(days_before(300), [2, 1, 3, 4]),
            ran(days_before(200), [2, 3, 1, 4]),
            ran(days_before(100), [2, 3, 4], n1=pulled),
            ran(days_before(90), [2, 3, 4], n1=out),
            priced(ran(days_before(31), [(1, 2), 3, 4]), {1: 4.0, 2: 2.0, 3: 9.0, 4: 9.0}, {1: 1.8, 2: 1.2}),
            ran(days_before(20), [2, 3, 4], n1=FinishStatus.SCRATCHED),
            priced(ran(days_before(7), [1, 2, 3, 4]), {1: 3.5, 2: 2.0, 3: 9.0, 4: None}, {1: 3.5}),
            ran(DAY, [1, 2, 3, 4]),
            ran(DAY + timedelta(days=7), [1, 2, 3, 4]),
        ]
        void = ran(days_before(50), [1, 2, 3, 4])
        for card in (*meetings, void):
            load_meeting(database.engine, card, DAYS_LATER)
        load_meeting(database.engine, with_race(void, 1, is_cancelled=True), DAYS_LATER)
        busan = make_card("busan", day=days_before(60), races=1, runners=12)
        load_meeting(database.engine, trained(with_race(busan, 1, distance_m=1800)), DAYS_LATER)
        load_meeting(database.engine, make_card("misari", day=days_before(3)), DAYS_LATER)
        load_meeting(database.engine, make_card("misari", stage=Stage.CARD), DAYS_LATER)
        for days in (400, 3):
            load_meeting(database.engine, make_card("gwangmyeong", day=days_before(days), races=1), DAYS_LATER)
        load_meeting(database.engine, make_card("gwangmyeong", races=1, stage=Stage.CARD), DAYS_LATER)
        newcomer = with_entry(make_card("jeju", races=1, runners=3, stage=Stage.CARD), 1, 1, runner_id="0009999")
        newcomer = with_entry(newcomer, 1, 1, jockey_id=None, jockey_name=None, trainer_id=None)
        load_meeting(database.engine, with_entry(newcomer, 1, 2, is_scratched=True), DAYS_LATER)
        yield database


@pytest.fixture
def reader(year: Database) -> Iterator[Connection]:
    with year.engine.connect() as connection:
        yield connection


def test_the_fixture_is_as_it_is_told(reader: Connection) -> None:
    statuses = reader.execute(
        text("select status from races where race_date = :day"), {"day": days_before(50)}
    ).scalars()
    assert list(statuses) == ["cancelled"]


# --- runners


def test_a_horse_comes_with_its_number_its_name_and_its_record(reader: Connection) -> None:
    found = reads.win_rate(reader, HORSE, before=DAY)
    assert found is not None
    assert (found.runner_id, found.runner_name, found.last_race_date, found.last_finish_position) == (
        HORSE,
        "seoul 1-1",
        days_before(7),
        1,
    )
    # Scratched and void are no starts; pulled up, disqualified and the eleventh at Busan are.
    assert found.overall == Record(9, 4, 1, 1)
    assert found.overall.win_rate == pytest.approx(4 / 9)
    assert found.overall.top2_rate == pytest.approx(5 / 9)
    assert found.overall.top3_rate == pytest.approx(6 / 9)


def test_a_window_begins_on_its_day_and_ends_before_the_day_asked_about(reader: Connection) -> None:
    found = reads.win_rate(reader, HORSE, before=DAY, windows=(365, 364, 90, 89, 7, 6))
    assert found is not None
    assert {days: (one.starts, one.wins) for days, one in found.windows.items()} == {
        365: (8, 3),
        364: (7, 2),
        90: (4, 2),
        89: (3, 2),
        7: (1, 1),
        6: (0, 0),
    }
    assert (found.windows[6].win_rate, found.windows[6].top3_rate) == (None, None)


def test_what_came_later_is_known_only_later(reader: Connection) -> None:
    def starts(before: date | None) -> int | None:
        found = reads.win_rate(reader, HORSE, before=before)
        return found.overall.starts if found else None

    assert [starts(DAY), starts(DAY + timedelta(days=1)), starts(DAY + timedelta(days=8))] == [9, 10, 11]
    assert starts(days_before(500)) is None


def test_without_a_day_every_start_up_to_today_counts(reader: Connection) -> None:
    today = reader.execute(text("select (now() at time zone 'Asia/Seoul')::date")).scalar_one()
    until = reads.win_rate(reader, HORSE, before=today + timedelta(days=1))
    assert reads.win_rate(reader, HORSE) == until


def test_the_same_number_of_another_sport_is_somebody_else(reader: Connection) -> None:
    boat = reads.win_rate(reader, "01-003", before=DAY, sport=Sport.BOAT)
    assert boat is not None and boat.overall == Record(1, 0, 1, 0)
    assert reads.win_rate(reader, "01-003", before=DAY) is None
    assert reads.win_rate(reader, "x' or '1'='1", before=DAY) is None


# --- jockeys


def test_a_jockey_comes_with_its_rides_by_track_and_distance(reader: Connection) -> None:
    found = reads.jockey_stats(reader, JOCKEY, before=DAY)
    assert found is not None
    assert (found.jockey_id, found.jockey_name, found.overall.record) == (JOCKEY, "Jockey 1", Record(9, 4, 1, 1))
    assert {track: rides.record for track, rides in found.by_track.items()} == {
        "seoul": Record(8, 4, 1, 1),
        "busan": Record(1, 0, 0, 0),
    }
    assert {distance: rides.record.starts for distance, rides in found.by_distance.items()} == {1200: 8, 1800: 1}


def test_the_days_asked_for_bound_a_jockeys_rides(reader: Connection) -> None:
    def rides(since: date | None, before: date | None) -> int:
        found = reads.jockey_stats(reader, JOCKEY, since=since, before=before)
        return found.overall.record.starts if found else 0

    assert rides(days_before(90), days_before(7)) == 3
    assert rides(days_before(89), days_before(6)) == 3
    assert rides(None, None) == 11
    assert rides(DAY + timedelta(days=8), None) == 0
    assert reads.jockey_stats(reader, "nobody") is None


def test_a_bet_on_each_ride_returns_what_the_winners_paid(reader: Connection) -> None:
    """The dead heat paid 1.8 where its odds were 4.0; the winner a week ago 3.5."""
    found = reads.jockey_stats(reader, JOCKEY, since=days_before(40), before=DAY)
    assert found is not None
    assert (found.overall.record, found.overall.bets) == (Record(2, 2, 0, 0), 2)
    assert found.overall.returned == pytest.approx(1.8 + 3.5)
    assert found.overall.roi == pytest.approx((1.8 + 3.5) / 2 - 1)


def test_a_ride_whose_odds_are_not_known_is_no_bet(reader: Connection) -> None:
    found = reads.jockey_stats(reader, "000004", since=days_before(40), before=DAY)
    assert found is not None
    # It was not placed in any of three; one has no odds.
    assert (found.overall.record.starts, found.overall.bets, found.overall.returned) == (3, 2, 0)
    assert found.overall.roi == -1
    assert Rides(Record(1, 1, 0, 0), 0, 0.0).roi is None


# --- the entries of a race


def test_an_entry_comes_with_its_form_and_nothing_of_its_day(reader: Connection) -> None:
    (first, *_, last) = reads.entry_stats(reader, RACE)
    assert (first.start_no, first.runner_id, first.runner_name, first.jockey_name) == (
        1,
        HORSE,
        "seoul 1-1",
        "Jockey 1",
    )
    assert first.figures == "3PD011"
    assert first.days_since_last_start == 7
    assert first.runner == Record(8, 3, 1, 1)
    assert first.jockey == Record(8, 3, 1, 1)
    assert first.trainer == Record(8, 3, 1, 1)
    assert (first.runner_with_jockey, first.jockey_with_trainer) == (Record(8, 3, 1, 1), Record(8, 3, 1, 1))
    assert (last.start_no, last.figures) == (4, "333434")


def test_form_of_the_race_day_itself_is_not_known(reader: Connection) -> None:
    """The race a week later knows of the race day, and the race of the day not of itself."""
    later = reads.entry_stats(reader, RACE.replace("20261121", "20261128"))[0]
    assert (later.figures, later.days_since_last_start, later.runner.starts) == ("PD0111", 7, 8)


def test_a_combination_counts_only_what_they_did_together(database: Database) -> None:
    for days, jockey, trainer in ((20, "000001", "000001"), (10, "000002", "000001"), (5, "000001", "000009")):
        card = make_card(day=days_before(days), races=1, runners=2)
        results = race_of(card, 1).results or ()
        changed = tuple(
            replace(each, jockey_id=jockey, trainer_id=trainer)
            if each.start_no == 1
            else replace(each, jockey_id="000007", trainer_id=None)
            for each in results
        )
        load_meeting(database.engine, with_race(card, 1, results=changed), DAYS_LATER)
    load_meeting(database.engine, make_card(races=1, runners=2, stage=Stage.CARD), DAYS_LATER)
    with database.engine.connect() as connection:
        first, second = reads.entry_stats(connection, RACE)
    starts = (first.runner, first.jockey, first.trainer, first.runner_with_jockey, first.jockey_with_trainer)
    assert [one.starts for one in starts] == [3, 2, 2, 2, 1]
    # Number 2 is entered with 000002, who rode number 1 once, and whose trainer is not known to have started anybody.
    starts = (second.runner, second.jockey, second.trainer, second.runner_with_jockey, second.jockey_with_trainer)
    assert [one.starts for one in starts] == [3, 1, 0, 0, 0]


def test_who_never_started_has_no_form_and_no_rates(reader: Connection) -> None:
    new, scratched, known = reads.entry_stats(reader, "horse-jeju-20261121-01")
    assert (new.figures, new.days_since_last_start, new.runner, new.runner.win_rate) == (
        "",
        None,
        Record(0, 0, 0, 0),
        None,
    )
    assert (new.jockey, new.trainer) == (Record(0, 0, 0, 0), Record(0, 0, 0, 0))
    assert scratched.is_scratched and not known.is_scratched
    assert known.jockey.starts == 9, "a jockey is the same at every track"


def test_who_has_no_number_on_the_card_is_known_by_name_over_the_year_before(reader: Connection) -> None:
    found = reads.entry_stats(reader, "cycle-gwangmyeong-20261121-01")
    assert [(one.start_no, one.runner_id, one.figures) for one in found[:3]] == [
        (1, None, "7"),
        (2, None, "1"),
        (3, None, "2"),
    ]
    assert {one.days_since_last_start for one in found} == {3}
    assert found[1].runner == Record(1, 1, 0, 0)
    assert found[1].jockey == found[1].runner_with_jockey == Record(0, 0, 0, 0)


def test_a_boat_racer_is_known_by_number(reader: Connection) -> None:
    found = reads.entry_stats(reader, "boat-misari-20261121-01")
    assert [(one.runner_id, one.figures) for one in found[:2]] == [("01-001", "6"), ("01-002", "1")]


def test_a_race_that_is_not_known_or_has_no_entries_has_no_statistics(reader: Connection) -> None:
    assert reads.entry_stats(reader, "horse-seoul-20261121-99") == []


# --- indexes


READS: list[Any] = [
    lambda connection: reads.win_rate(connection, HORSE, before=DAY),
    lambda connection: reads.jockey_stats(connection, JOCKEY, since=days_before(365), before=DAY),
    lambda connection: reads.entry_stats(connection, RACE),
    lambda connection: reads.entry_stats(connection, "cycle-gwangmyeong-20261121-01"),
]


@pytest.mark.parametrize("read", READS)
def test_every_read_has_an_index_for_every_table(year: Database, reader: Connection, read: Any) -> None:
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen.append((statement, parameters))

    event.listen(year.engine, "before_cursor_execute", note)
    assert read(reader)
    event.remove(year.engine, "before_cursor_execute", note)
    assert seen
    reader.execute(text("set local enable_seqscan = off"))
    for mode in ("force_custom_plan", "force_generic_plan"):
        reader.execute(text(f"set local plan_cache_mode = {mode}"))
        for statement, parameters in seen:
            assert parameters, f"values written into the text: {statement}"
            plan = reader.exec_driver_sql(f"explain (format json) {statement}", parameters).scalar_one()
            for scan in _scans(plan[0]["Plan"]):
                assert scan.get("Index Cond") or scan.get("Recheck Cond"), scan


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in plan:
        yield plan
    for child in plan.get("Plans", ()):
        yield from _scans(child)
