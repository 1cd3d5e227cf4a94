"""The rules of racing: where a race stands, what is due when, which combinations pay."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.racing.model import (
    KST,
    ORDERED_POOLS,
    TRACKS,
    FinishStatus,
    Meeting,
    Pool,
    Race,
    RaceStatus,
    Sport,
    combination,
    entries_due_by,
    midnight_after,
    next_status,
    paying_combinations,
    places_paid,
    race_id,
    results_due_by,
    status_by_clock,
    status_told,
)

SCHEDULED, UPCOMING, LIVE, FINISHED, CANCELLED, POSTPONED = RaceStatus
OFF = datetime(2026, 11, 21, 10, 35, tzinfo=KST)
SECOND = timedelta(seconds=1)

INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
RACES = st.builds(
    Race,
    race_no=st.just(1),
    scheduled_post_time=st.none() | INSTANTS,
    post_time=st.none() | INSTANTS,
    is_cancelled=st.booleans(),
    is_postponed=st.booleans(),
    is_complete=st.booleans(),
)
STATUSES = st.sampled_from(RaceStatus)


# The status of a race -----------------------------------------------------------------------------------------------

MAY_FOLLOW = {
    SCHEDULED: {UPCOMING, LIVE, FINISHED, CANCELLED, POSTPONED},
    UPCOMING: {SCHEDULED, LIVE, FINISHED, CANCELLED, POSTPONED},
    LIVE: {SCHEDULED, UPCOMING, FINISHED, CANCELLED, POSTPONED},
    POSTPONED: {SCHEDULED, UPCOMING, LIVE, FINISHED, CANCELLED},
    FINISHED: {CANCELLED},
    CANCELLED: {FINISHED},
}

TELLING: dict[RaceStatus, tuple[Race, datetime]] = {
    SCHEDULED: (Race(1, post_time=OFF), OFF - timedelta(days=1)),
    UPCOMING: (Race(1, post_time=OFF), OFF - timedelta(minutes=10)),
    LIVE: (Race(1, post_time=OFF), OFF + timedelta(minutes=1)),
    FINISHED: (Race(1, post_time=OFF, is_complete=True), OFF + timedelta(minutes=10)),
    CANCELLED: (Race(1, post_time=OFF, is_cancelled=True), OFF - timedelta(hours=3)),
    POSTPONED: (Race(1, post_time=OFF, is_postponed=True), OFF - timedelta(hours=3)),
}
"""A document and a moment that tell each status."""


@pytest.mark.parametrize(("before", "after"), list(itertools.product(RaceStatus, RaceStatus)))
def test_a_status_follows_another_only_where_it_may(before: RaceStatus, after: RaceStatus) -> None:
    told = status_told(*TELLING[after])
    assert told is after
    may = after in MAY_FOLLOW[before] or before is after
    assert next_status(before, told) is (after if may else before)


@given(RACES, INSTANTS)
def test_a_race_seen_for_the_first_time_is_what_its_document_says(race: Race, now: datetime) -> None:
    assert next_status(None, status_told(race, now)) is status_told(race, now)


@given(st.lists(st.tuples(RACES, INSTANTS), min_size=1, max_size=8))
def test_a_finished_race_is_brought_back_by_no_document_and_no_clock(told: list[tuple[Race, datetime]]) -> None:
    """What decides it is the last document that has a decision."""
    status = FINISHED
    for race, now in told:
        status = next_status(status, status_told(race, now))
    decisions = [race.is_cancelled for race, _ in told if race.is_cancelled or race.is_complete]
    assert status is (CANCELLED if decisions and decisions[-1] else FINISHED)


@given(st.lists(st.tuples(RACES, INSTANTS), min_size=1, max_size=8))
def test_a_cancelled_race_comes_back_by_a_result_alone(told: list[tuple[Race, datetime]]) -> None:
    status = CANCELLED
    for race, now in told:
        before, status = status, next_status(status, status_told(race, now))
        if before is CANCELLED and status is not CANCELLED:
            assert status is FINISHED
            assert race.is_complete


@given(STATUSES, RACES, INSTANTS)
def test_the_same_document_at_the_same_moment_changes_nothing_twice(
    before: RaceStatus, race: Race, now: datetime
) -> None:
    told = status_told(race, now)
    once = next_status(before, told)
    assert next_status(once, told) is once


@given(INSTANTS, INSTANTS)
def test_the_clock_alone_never_decides_a_race(post_time: datetime, now: datetime) -> None:
    assert status_by_clock(post_time, now) in (SCHEDULED, UPCOMING, LIVE)


def test_a_race_is_upcoming_from_an_hour_before_the_off_and_live_from_the_off() -> None:
    opens = OFF - timedelta(hours=1)
    told = [status_by_clock(OFF, at) for at in (opens - SECOND, opens, OFF - SECOND, OFF, OFF + timedelta(days=9))]
    assert told == [SCHEDULED, UPCOMING, UPCOMING, LIVE, LIVE]
    assert status_by_clock(None, OFF) is SCHEDULED


def test_whose_clock_tells_the_time_makes_no_difference() -> None:
    for zone in (UTC, KST, timezone(timedelta(hours=-8))):
        assert status_by_clock(OFF.astimezone(zone), OFF.astimezone(UTC)) is LIVE
        assert status_by_clock(OFF.astimezone(UTC), (OFF - SECOND).astimezone(zone)) is UPCOMING


def test_the_off_as_it_stands_counts_and_the_plan_where_there_is_none() -> None:
    late = OFF + timedelta(hours=2)
    assert status_told(Race(1, scheduled_post_time=OFF, post_time=late), OFF) is SCHEDULED
    assert status_told(Race(1, scheduled_post_time=OFF), OFF) is LIVE
    assert status_told(Race(1), OFF) is SCHEDULED


def test_a_race_called_off_is_cancelled_whatever_else_is_told() -> None:
    both = Race(1, post_time=OFF, is_cancelled=True, is_complete=True, is_postponed=True)
    assert status_told(both, OFF) is CANCELLED
    assert status_told(Race(1, post_time=OFF, is_complete=True, is_postponed=True), OFF) is FINISHED


def test_a_postponed_race_gets_a_new_time() -> None:
    status = next_status(SCHEDULED, status_told(Race(1, post_time=OFF, is_postponed=True), OFF))
    assert status is POSTPONED
    again = Race(1, scheduled_post_time=OFF, post_time=OFF + timedelta(days=1))
    assert next_status(status, status_told(again, OFF)) is SCHEDULED
    assert next_status(status, status_told(again, OFF + timedelta(hours=23, minutes=30))) is UPCOMING


def test_a_race_is_run_again_after_a_false_start() -> None:
    status = next_status(UPCOMING, status_told(Race(1, post_time=OFF), OFF))
    assert status is LIVE
    again = Race(1, scheduled_post_time=OFF, post_time=OFF + timedelta(minutes=20))
    status = next_status(status, status_told(again, OFF + timedelta(minutes=2)))
    assert status is UPCOMING
    assert next_status(status, status_told(again, OFF + timedelta(minutes=20))) is LIVE


# What is due when ---------------------------------------------------------------------------------------------------


def test_the_day_ends_at_korean_midnight() -> None:
    assert midnight_after(date(2026, 11, 21)) == datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
    assert midnight_after(date(2026, 12, 31)).isoformat() == "2027-01-01T00:00:00+09:00"


@pytest.mark.parametrize(
    ("post_time", "due"),
    [
        (time(10, 35), "2026-11-21T12:35:00+09:00"),
        (time(21, 10), "2026-11-21T23:10:00+09:00"),
        (time(23, 30), "2026-11-22T01:30:00+09:00"),
        (None, "2026-11-22T02:00:00+09:00"),
    ],
)
def test_a_horse_race_is_decided_two_hours_after_the_off(post_time: time | None, due: str) -> None:
    day = date(2026, 11, 21)
    at = datetime.combine(day, post_time, KST) if post_time else None
    assert results_due_by(Sport.HORSE, day, at).isoformat() == due


@pytest.mark.parametrize("sport", [Sport.CYCLE, Sport.BOAT])
@pytest.mark.parametrize("post_time", [OFF, datetime(2026, 11, 21, 20, 0, tzinfo=KST), None])
def test_cycles_and_boats_are_decided_by_the_end_of_the_next_day(sport: Sport, post_time: datetime | None) -> None:
    due = results_due_by(sport, date(2026, 11, 21), post_time)
    assert due == datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    assert due.isoformat() == "2026-11-23T00:00:00+09:00"


def test_entries_are_due_two_hours_before_the_off() -> None:
    assert entries_due_by(OFF) == datetime(2026, 11, 21, 8, 35, tzinfo=KST)
    night = datetime(2026, 11, 21, 1, 0, tzinfo=KST)
    assert entries_due_by(night).isoformat() == "2026-11-20T23:00:00+09:00"


# Which combinations pay ---------------------------------------------------------------------------------------------

Positions = Mapping[int, int]
PLAIN = {7: 1, 2: 2, 5: 3, 1: 4, 3: 5, 4: 6, 6: 7, 8: 8}
TIE_FOR_FIRST = {**PLAIN, 2: 1}
TIE_FOR_SECOND = {**PLAIN, 5: 2}
TIE_FOR_THIRD = {**PLAIN, 1: 3}
THREE_FOR_FIRST = {**PLAIN, 2: 1, 5: 1}
THREE_FOR_SECOND = {**PLAIN, 5: 2, 1: 2}


@pytest.mark.parametrize(
    ("positions", "pool", "paying"),
    [
        (PLAIN, Pool.WIN, "7"),
        (PLAIN, Pool.PLC, "7 2 5"),
        (PLAIN, Pool.QNL, "2-7"),
        (PLAIN, Pool.EXA, "7-2"),
        (PLAIN, Pool.QPL, "2-7 5-7 2-5"),
        (PLAIN, Pool.TLA, "2-5-7"),
        (PLAIN, Pool.TRI, "7-2-5"),
        (TIE_FOR_FIRST, Pool.WIN, "7 2"),
        (TIE_FOR_FIRST, Pool.PLC, "7 2 5"),
        (TIE_FOR_FIRST, Pool.QNL, "2-7"),
        (TIE_FOR_FIRST, Pool.EXA, "7-2 2-7"),
        (TIE_FOR_FIRST, Pool.QPL, "2-7 5-7 2-5"),
        (TIE_FOR_FIRST, Pool.TLA, "2-5-7"),
        (TIE_FOR_FIRST, Pool.TRI, "7-2-5 2-7-5"),
        (TIE_FOR_SECOND, Pool.WIN, "7"),
        (TIE_FOR_SECOND, Pool.PLC, "7 2 5"),
        (TIE_FOR_SECOND, Pool.QNL, "2-7 5-7"),
        (TIE_FOR_SECOND, Pool.EXA, "7-2 7-5"),
        (TIE_FOR_SECOND, Pool.QPL, "2-7 5-7 2-5"),
        (TIE_FOR_SECOND, Pool.TLA, "2-5-7"),
        (TIE_FOR_SECOND, Pool.TRI, "7-2-5 7-5-2"),
        (TIE_FOR_THIRD, Pool.WIN, "7"),
        (TIE_FOR_THIRD, Pool.PLC, "7 2 5 1"),
        (TIE_FOR_THIRD, Pool.QNL, "2-7"),
        (TIE_FOR_THIRD, Pool.EXA, "7-2"),
        (TIE_FOR_THIRD, Pool.QPL, "2-7 5-7 1-7 2-5 1-2"),
        (TIE_FOR_THIRD, Pool.TLA, "2-5-7 1-2-7"),
        (TIE_FOR_THIRD, Pool.TRI, "7-2-5 7-2-1"),
        (THREE_FOR_FIRST, Pool.WIN, "7 2 5"),
        (THREE_FOR_FIRST, Pool.PLC, "7 2 5"),
        (THREE_FOR_FIRST, Pool.QNL, "2-7 5-7 2-5"),
        (THREE_FOR_FIRST, Pool.EXA, "7-2 2-7 7-5 5-7 2-5 5-2"),
        (THREE_FOR_FIRST, Pool.QPL, "2-7 5-7 2-5"),
        (THREE_FOR_FIRST, Pool.TLA, "2-5-7"),
        (THREE_FOR_FIRST, Pool.TRI, "7-2-5 7-5-2 2-7-5 2-5-7 5-7-2 5-2-7"),
        (THREE_FOR_SECOND, Pool.WIN, "7"),
        (THREE_FOR_SECOND, Pool.PLC, "7 2 5 1"),
        (THREE_FOR_SECOND, Pool.QNL, "2-7 5-7 1-7"),
        (THREE_FOR_SECOND, Pool.EXA, "7-2 7-5 7-1"),
        (THREE_FOR_SECOND, Pool.QPL, "2-7 5-7 1-7 2-5 1-2 1-5"),
        (THREE_FOR_SECOND, Pool.TLA, "2-5-7 1-2-7 1-5-7"),
        (THREE_FOR_SECOND, Pool.TRI, "7-2-5 7-5-2 7-2-1 7-1-2 7-5-1 7-1-5"),
    ],
)
def test_the_finishing_order_makes_these_pay(positions: Positions, pool: Pool, paying: str) -> None:
    assert paying_combinations(pool, positions, 8) == set(paying.split())


@pytest.mark.parametrize(
    ("starters", "positions", "paying"),
    [
        (2, PLAIN, "7"),
        (4, PLAIN, "7"),
        (4, TIE_FOR_FIRST, "7 2"),
        (5, PLAIN, "7 2"),
        (7, PLAIN, "7 2"),
        (7, TIE_FOR_FIRST, "7 2"),
        (7, TIE_FOR_SECOND, "7 2 5"),
        (7, TIE_FOR_THIRD, "7 2"),
        (8, PLAIN, "7 2 5"),
        (16, TIE_FOR_THIRD, "7 2 5 1"),
    ],
)
def test_a_small_field_pays_fewer_places(starters: int, positions: Positions, paying: str) -> None:
    assert paying_combinations(Pool.PLC, positions, starters) == set(paying.split())


def test_places_are_paid_by_who_started_and_not_by_who_finished() -> None:
    assert [places_paid(starters) for starters in (1, 2, 4, 5, 7, 8, 16)] == [1, 1, 1, 2, 2, 3, 3]
    assert paying_combinations(Pool.PLC, {7: 1, 2: 2}, 8) == {"7", "2"}


def test_where_two_reach_the_line_no_trio_pays() -> None:
    two = {7: 1, 2: 2}
    assert {pool: paying_combinations(pool, two, 8) for pool in Pool if paying_combinations(pool, two, 8)} == {
        Pool.WIN: {"7"},
        Pool.PLC: {"7", "2"},
        Pool.QNL: {"2-7"},
        Pool.EXA: {"7-2"},
        Pool.QPL: {"2-7"},
    }


def test_a_walkover_has_a_winner_and_no_pairs() -> None:
    paying = {pool: paying_combinations(pool, {4: 1}, 1) for pool in Pool}
    assert {pool for pool, numbers in paying.items() if numbers} == {Pool.WIN, Pool.PLC}
    assert paying[Pool.WIN] == {"4"}


@pytest.mark.parametrize("pool", [Pool.POOL6, Pool.POOL7, Pool.POOL8])
def test_a_pool_whose_rule_is_unsettled_claims_nothing(pool: Pool) -> None:
    assert paying_combinations(pool, PLAIN, 8) == set()


def test_a_race_nobody_finished_pays_nothing() -> None:
    assert {pool for pool in Pool if paying_combinations(pool, {}, 8)} == set()


SIZES = {Pool.WIN: 1, Pool.PLC: 1, Pool.QNL: 2, Pool.QPL: 2, Pool.EXA: 2, Pool.TLA: 3, Pool.TRI: 3}


@pytest.mark.parametrize(
    ("runners", "counts"),
    [
        (6, (6, 6, 15, 15, 30, 20, 120)),
        (7, (7, 7, 21, 21, 42, 35, 210)),
        (11, (11, 11, 55, 55, 110, 165, 990)),
        (16, (16, 16, 120, 120, 240, 560, 3360)),
    ],
)
def test_a_pool_has_as_many_combinations_as_counted_by_hand(runners: int, counts: tuple[int, ...]) -> None:
    """The table of racing research, section 4, in the order WIN PLC QNL QPL EXA TLA TRI."""
    for (pool, size), count in zip(SIZES.items(), counts, strict=True):
        orders = itertools.permutations(range(1, runners + 1), size)
        assert len({combination(pool, order) for order in orders}) == count, pool


@given(st.permutations(range(1, 12)), st.sampled_from(list(SIZES)))
def test_what_pays_without_ties_is_one_combination_but_for_the_placed(order: list[int], pool: Pool) -> None:
    positions = {number: position for position, number in enumerate(order, start=1)}
    expected = {Pool.PLC: 3, Pool.QPL: 3}.get(pool, 1)
    assert len(paying_combinations(pool, positions, len(order))) == expected


@given(st.integers(2, 8), st.sampled_from([Pool.EXA, Pool.TRI]))
def test_every_order_of_the_tied_pays(tied: int, pool: Pool) -> None:
    positions = dict.fromkeys(range(1, tied + 1), 1)
    assert len(paying_combinations(pool, positions, tied)) == math.perm(tied, SIZES[pool])


def test_numbers_ascend_unless_their_order_counts() -> None:
    for pool in set(Pool) - {Pool.EXT}:
        expected = "10-7-2" if pool in ORDERED_POOLS else "2-7-10"
        assert combination(pool, (10, 7, 2)) == expected


def test_the_first_of_an_exacta_trio_stays_first_and_the_others_ascend() -> None:
    assert combination(Pool.EXT, (10, 7, 2)) == "10-2-7"
    assert paying_combinations(Pool.EXT, {7: 1, 2: 2, 9: 3, 4: 4}, 7) == {"7-2-9"}
    assert paying_combinations(Pool.EXT, {7: 1, 2: 1, 9: 3, 4: 4}, 7) == {"7-2-9", "2-7-9"}
    assert paying_combinations(Pool.EXT, {7: 1, 9: 2, 2: 3, 4: 3}, 7) == {"7-2-9", "7-4-9"}
    assert {Pool.EXA, Pool.TRI} <= ORDERED_POOLS
    assert ORDERED_POOLS.isdisjoint({Pool.QNL, Pool.QPL, Pool.TLA})


# Names --------------------------------------------------------------------------------------------------------------


def test_a_race_has_its_sport_track_day_and_number_in_its_id() -> None:
    assert race_id("seoul", date(2025, 5, 31), 1) == "horse-seoul-20250531-01"
    assert race_id("busan_cycle", date(2026, 1, 2), 16) == "cycle-busan_cycle-20260102-16"
    assert race_id("misari", date(2026, 1, 28), 9) == "boat-misari-20260128-09"


def test_race_ids_of_a_track_sort_by_day_and_number() -> None:
    days = [date(2025, 5, 9), date(2025, 5, 31), date(2025, 12, 1)]
    ids = [race_id("seoul", day, race_no) for day in days for race_no in (1, 2, 9, 10, 11)]
    assert ids == sorted(ids)


def test_the_codes_of_the_tracks_are_the_portals() -> None:
    assert {track.track_id: track.code for track in TRACKS.values() if track.source == "kra"} == {
        "seoul": "1",
        "jeju": "2",
        "busan": "3",
    }
    names = [(track.source, track.sport, name) for track in TRACKS.values() for name in track.names]
    assert len(names) == len(set(names)), "a name means one track"
    assert Meeting(date(2026, 1, 28), "misari").track.sport is Sport.BOAT


def test_who_left_the_start_has_started() -> None:
    started = {status for status in FinishStatus if status.started}
    assert started == {FinishStatus.FINISHED, FinishStatus.DISQUALIFIED, FinishStatus.PULLED_UP}
