"""Rows of odds written and read back."""

from __future__ import annotations

import threading
from array import array
from dataclasses import replace
from datetime import timedelta
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, ProgrammingError

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.arrays import fetch
from fotmate_assets.racing.odds.candles import refresh_candles
from fotmate_assets.racing.odds.model import NUMBERS_IN, OddsRow, Sentinel, paying
from fotmate_assets.racing.odds.store import insert_live, insert_rows, replace_final, replace_replay, snapshot_rows
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, RACE
from fotmate_assets_tests.racing.odds.rows import OFF, comparable, emptied_of_odds, final, implied, random_row, row

MINUTE = timedelta(minutes=1)


@pytest.fixture
def database(_of_module: Database) -> Database:
    return emptied_of_odds(_of_module)


def insert(database: Database, *rows: OddsRow) -> int:
    with database.engine.begin() as connection:
        return insert_rows(connection, rows)


def refinal(database: Database, *rows: OddsRow) -> int:
    with database.engine.begin() as connection:
        return replace_final(connection, rows)


def stored(database: Database) -> list[OddsRow]:
    with database.engine.connect() as connection:
        tail = "odds_snapshots s where s.race_id = any(%(ids)s) order by s.race_id, s.pool, s.observed_at"
        ids = [RACE, "horse-seoul-20261121-02"]
        return comparable(snapshot_rows(connection, tail, {"ids": ids}))


def versions(database: Database) -> list[Any]:
    return database.execute("select ctid, xmin from odds_snapshots order by 1")


def test_rows_come_back_as_they_were_stored(database: Database) -> None:
    rows = [random_row(seed, pool) for seed, pool in enumerate(sorted(NUMBERS_IN))]
    told_less = row([2.5, -1, -2, -3, -4], race_id="horse-seoul-20261121-02")
    told_less = replace(told_less, field=(2, 3, 5, 7, 11), sales_krw=None, source_ts=None, raw_sha256=None)
    assert insert(database, *rows, told_less) == 9
    assert stored(database) == [*rows, told_less]


def test_odds_may_come_as_a_list_or_as_an_array_of_numpy(database: Database) -> None:
    expected = row([2.5, 3.25, -1])
    as_numpy = replace(expected, odds=np.array(expected.odds, np.float32), pool=Pool.PLC)  # type: ignore[arg-type]
    insert(database, replace(expected, odds=list(expected.odds)), as_numpy)
    assert stored(database) == [replace(expected, pool=Pool.PLC), expected]


def test_a_pool_without_a_combination_is_stored_empty(database: Database) -> None:
    rows = [row([3.5, 1.2]), row([], pool=Pool.TRI, field=(1, 2)), row([2.0, 1.5], pool=Pool.PLC)]
    insert(database, *rows)
    assert stored(database) == sorted(rows, key=lambda one: one.pool)
    derived = database.execute("select pool, priced, overround from odds_snapshots order by pool")
    assert [(pool, priced) for pool, priced, _ in derived] == [("PLC", 2), ("TRI", 0), ("WIN", 2)]
    assert [overround for *_, overround in derived] == pytest.approx([1 / 2 + 1 / 1.5, 0, 1 / 3.5 + 1 / 1.2])


def test_nothing_to_store_is_nothing(database: Database) -> None:
    assert (insert(database), refinal(database)) == (0, 0)


def test_rows_that_are_there_stay_as_they_are(database: Database) -> None:
    first, second = row([2.5, 3.5]), row([2.4, 3.6], OFF + MINUTE)
    assert insert(database, first) == 1
    other = replace(first, odds=array("f", [9, 9]), ingested_at=OFF + MINUTE)
    assert insert(database, other, second) == 1
    assert insert(database, other, second) == 0
    assert stored(database) == [first, second]


def test_a_row_that_comes_twice_in_a_batch_is_stored_once(database: Database) -> None:
    assert insert(database, row([2.5, 3.5]), row([2.5, 3.5])) == 1


def test_rows_that_were_there_do_not_undo_the_rest_of_the_transaction(database: Database) -> None:
    insert(database, row([2.5, 3.5]))
    with database.engine.begin() as connection:
        connection.execute(text("update odds_snapshots set sales_krw = 7"))
        for _ in range(2):
            insert_rows(connection, [row([2.5, 3.5]), row([2.5, 3.5], OFF + MINUTE)])
    assert [one.sales_krw for one in stored(database)] == [7, 120_000_000]


def test_a_batch_is_part_of_the_transaction(database: Database) -> None:
    with database.engine.connect() as connection:
        insert_rows(connection, [row([2.5, 3.5])])
        connection.rollback()
    assert stored(database) == []


def test_two_writers_of_the_same_rows_both_succeed(database: Database) -> None:
    counts = list[int]()
    with database.engine.begin() as connection:
        counts.append(insert_rows(connection, [row([2.5, 3.5])]))
        other = threading.Thread(
            target=lambda: counts.append(insert(database, row([2.5, 3.5]), row([2.0], OFF + MINUTE)))
        )
        other.start()
        other.join(0.3)
        assert other.is_alive(), "it waits for the first to commit"
    other.join()
    assert counts == [1, 1]
    assert len(stored(database)) == 2


def test_what_the_odds_come_to_is_stored_beside_them(database: Database) -> None:
    insert(database, row([2.0, 4.0, -3, -1, 8.0, -2]))
    derived = database.execute("select priced, pays, mean_odds, overround from odds_snapshots")
    assert derived == [(3, 1, pytest.approx(14 / 3), pytest.approx(0.875))]


def test_odds_without_a_price_have_no_mean(database: Database) -> None:
    insert(database, row([-1, -1, -3]))
    assert database.execute("select priced, mean_odds, overround from odds_snapshots") == [(0, None, 0)]


@pytest.mark.parametrize(("scratched", "pays"), [(0, 3), (1, 2), (3, 2), (4, 1)])
def test_places_are_paid_by_the_starters_not_by_the_field(database: Database, scratched: int, pays: int) -> None:
    odds = [Sentinel.SCRATCHED] * scratched + [3.0] * (8 - scratched)
    insert(database, row(odds, pool=Pool.PLC))
    assert database.execute("select pays from odds_snapshots") == [(pays,)]


def test_probabilities_of_the_view_are_those_of_the_model(database: Database) -> None:
    place = row([3.1, 2.2, -3, 4.5, 1.9, -1, 6.0, 2.4], pool=Pool.PLC)
    pair = random_row(1, Pool.QPL)
    insert(database, place, pair)
    for one, starters in ((place, 7), (pair, 8)):
        seen = database.execute(
            "select implied_probability from odds_prices where pool = :pool order by combination_index", pool=one.pool
        )
        expected = implied(one.odds, paying(one.pool, starters))
        assert [share for (share,) in seen] == [None if share is None else pytest.approx(share) for share in expected]


@pytest.mark.parametrize(
    ("odds", "field", "reason"),
    [
        ([2.5, 3.5], (1, 2, 3), "2 odds for 3 combinations"),
        ([2.5, nan], (1, 2), "nan is neither"),
        ([inf, 2.5], (1, 2), "inf is neither"),
        ([2.5, 0.0], (1, 2), "0.0 is neither"),
        ([2.5, -5], (1, 2), "-5.0 is neither"),
        ([2.5, -1.5], (1, 2), "-1.5 is neither"),
    ],
)
def test_what_is_no_odds_is_refused_by_name(
    database: Database, odds: list[float], field: tuple[int, ...], reason: str
) -> None:
    bad = row(odds, OFF + MINUTE, race_id="horse-seoul-20261121-02", field=field)
    with pytest.raises(SourceError, match=reason) as raised:
        insert(database, row([2.5, 3.5]), bad, row([2.5, 3.5], pool=Pool.PLC))
    error = raised.value
    assert (error.verdict, error.source, error.field) == (Verdict.MALFORMED, "simulated", "odds of WIN")
    assert error.document == "horse-seoul-20261121-02 2026-11-21T10:36:00+09:00"
    assert stored(database) == []


# --- final odds


def test_a_newer_fetch_takes_the_place_of_final_odds(database: Database) -> None:
    snapshot = row([2.5, 3.5])
    insert(database, snapshot)
    first, place = final(row([2.4, 3.6]), OFF + 60 * MINUTE), final(row([1.2, 1.3], pool=Pool.PLC), OFF + 60 * MINUTE)
    second = final(row([2.3, 3.7]), OFF + 90 * MINUTE)
    assert refinal(database, first, place) == 2
    assert refinal(database, second) == 1
    assert stored(database) == [place, snapshot, second]


@pytest.mark.parametrize(
    "change", [{"odds": array("f", [2.4, 3.5])}, {"field": (1, 3)}, {"sales_krw": None}, {"sales_krw": 5}]
)
def test_final_odds_are_replaced_for_any_difference(database: Database, change: dict[str, Any]) -> None:
    first = final(row([2.4, 3.6]), OFF + 60 * MINUTE)
    refinal(database, first)
    second = replace(first, **change)
    assert refinal(database, second) == 1
    assert stored(database) == [second]


def test_final_odds_that_have_not_changed_are_not_written_again(database: Database) -> None:
    refinal(database, final(row([2.4, 3.6]), OFF + 60 * MINUTE))
    before = versions(database)
    assert refinal(database, final(row([2.4, 3.6]), OFF + 90 * MINUTE)) == 0
    assert versions(database) == before


def test_an_older_fetch_does_not_undo_final_odds(database: Database) -> None:
    newer = final(row([2.4, 3.6]), OFF + 90 * MINUTE)
    refinal(database, newer)
    assert refinal(database, final(row([9.9, 1.1]), OFF + 60 * MINUTE)) == 0
    assert stored(database) == [newer]


def test_of_two_fetches_at_once_the_newer_one_counts(database: Database) -> None:
    older, newer = final(row([9.9, 1.1]), OFF + 60 * MINUTE), final(row([2.4, 3.6]), OFF + 90 * MINUTE)
    assert refinal(database, newer, older) == 1
    assert stored(database) == [newer]


def test_a_pool_that_the_newer_fetch_does_not_tell_stays(database: Database) -> None:
    win, place = (final(row([2.4, 3.6], pool=pool), OFF + 60 * MINUTE) for pool in (Pool.WIN, Pool.PLC))
    refinal(database, win, place)
    newer = final(row([2.2, 3.8]), OFF + 90 * MINUTE)
    refinal(database, newer)
    assert stored(database) == [place, newer]


def test_two_fetches_by_two_processes_leave_one_row(database: Database) -> None:
    first, second = (final(row([2.4, price]), OFF + 60 * MINUTE + timedelta(seconds=price)) for price in (3, 4))
    with database.engine.begin() as connection:
        replace_final(connection, [first])
        other = threading.Thread(target=refinal, args=(database, second))
        other.start()
        other.join(0.3)
        assert other.is_alive(), "it waits for the first to commit"
    other.join()
    assert stored(database) == [second]


def test_snapshots_are_no_final_odds(database: Database) -> None:
    with pytest.raises(ValueError, match="portal_final"):
        refinal(database, final(row([2.4, 3.6]), OFF), row([2.4, 3.6]))


# --- live odds and replays

SECOND_RACE = "horse-seoul-20261121-02"


def replayed(made: OddsRow) -> OddsRow:
    return replace(made, source="replay", is_live=False)


def live(database: Database, *rows: OddsRow) -> int:
    with database.engine.begin() as connection:
        return insert_live(connection, rows)


def rereplay(database: Database, *rows: OddsRow) -> int:
    with database.engine.begin() as connection:
        return replace_replay(connection, rows)


def candles(database: Database) -> list[tuple[Any, ...]]:
    with database.engine.begin() as connection:
        refresh_candles(connection, [DAY])
    return database.execute("select distinct race_id, source from odds_candles order by 1, 2")


def test_live_odds_take_the_place_of_what_was_replayed_of_their_races(database: Database) -> None:
    before = [replayed(row([2.5, 3.5], OFF - n * MINUTE)) for n in range(3)]
    other = replayed(row([2.5, 3.5], race_id=SECOND_RACE))
    finals = final(row([2.4, 3.6]), OFF + 60 * MINUTE)
    insert(database, *before, other, finals)
    assert candles(database) == [(RACE, "replay"), (SECOND_RACE, "replay")]
    first, second = row([2.6, 3.6]), row([2.7, 3.7], OFF + MINUTE)
    assert live(database, first) == 1
    assert live(database, second) == 1
    assert stored(database) == [first, second, finals, other]
    assert candles(database) == [(RACE, "simulated"), (SECOND_RACE, "replay")]


def test_live_odds_that_are_there_stay_beside_new_ones(database: Database) -> None:
    rows = [row([2.5, 3.5], OFF + n * MINUTE, pool) for pool in (Pool.PLC, Pool.WIN) for n in range(2)]
    assert [live(database, each) for each in (*rows, rows[0])] == [1, 1, 1, 1, 0]
    assert stored(database) == rows


def test_a_replay_takes_the_place_of_the_one_before_and_of_its_candles(database: Database) -> None:
    first = [replayed(row([2.5, 3.5], OFF - n * MINUTE)) for n in range(6)]
    finals, other = final(row([2.4, 3.6]), OFF + 60 * MINUTE), row([2.5, 3.5], race_id=SECOND_RACE)
    insert(database, finals, other)
    assert rereplay(database, *first) == 6
    candles(database)
    second = replayed(row([9.5, 1.5]))
    assert rereplay(database, second) == 1
    assert stored(database) == [second, finals, other]
    candles(database)
    made = database.execute("select minutes, start_at from odds_candles where race_id = :race order by 1", race=RACE)
    assert made == [(1, OFF), (5, OFF)]


def test_a_replay_of_a_race_with_live_odds_is_not_stored(database: Database) -> None:
    there = row([2.5, 3.5], pool=Pool.PLC)
    insert(database, there)
    assert rereplay(database, replayed(row([2.5, 3.5], OFF - MINUTE))) == 0
    assert stored(database) == [there]


@pytest.mark.parametrize("first_is_live", [True, False])
def test_live_odds_and_a_replay_at_once_leave_the_live_odds(database: Database, first_is_live: bool) -> None:
    """At different instants: no key keeps them apart."""
    there, beside = row([2.5, 3.5]), replayed(row([2.5, 3.5], OFF - MINUTE))
    with database.engine.begin() as connection:
        if first_is_live:
            insert_live(connection, [there])
            other = threading.Thread(target=rereplay, args=(database, beside))
        else:
            replace_replay(connection, [beside])
            other = threading.Thread(target=live, args=(database, there))
        other.start()
        other.join(0.3)
        assert other.is_alive(), "it waits for the first to commit"
    other.join()
    assert stored(database) == [there]


def test_those_who_store_live_odds_do_not_wait_for_each_other(database: Database) -> None:
    with database.engine.begin() as connection:
        insert_live(connection, [row([2.5, 3.5])])
        assert live(database, row([2.5, 3.5], OFF + MINUTE)) == 1


# --- reading


def test_a_null_among_odds_is_told_not_read_as_a_number(database: Database) -> None:
    insert(database, row([2.4, 3.6]))
    database.execute("update odds_snapshots set odds = '{2.4,null}'")
    with pytest.raises(DataError, match="null"):
        stored(database)


def test_errors_come_as_those_of_statements(database: Database) -> None:
    with database.engine.connect() as connection, pytest.raises(ProgrammingError, match="nowhere"):
        fetch(connection, "select * from nowhere", {})


def test_reading_leaves_the_connection_as_it_was(database: Database) -> None:
    insert(database, row([2.5, 3.5]))

    def plainly(connection: Connection) -> Any:
        return connection.execute(text("select odds, field from odds_snapshots")).one()

    with database.engine.connect() as connection:
        before = plainly(connection)
        assert isinstance(fetch(connection, "select odds from odds_snapshots", {})[0][0], np.ndarray)
        assert plainly(connection) == before == ([2.5, 3.5], [1, 2])
