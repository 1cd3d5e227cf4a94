"""Candles as a pure function, and kept up to date in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fotmate_assets.racing.model import KST, Pool
from fotmate_assets.racing.odds.arrays import fetch
from fotmate_assets.racing.odds.candles import (
    MINUTES,
    STORED,
    Candle,
    close_rank,
    make_candles,
    open_high_low_close,
    refresh_candles,
    start_of,
)
from fotmate_assets.racing.odds.model import OddsRow, Sentinel
from fotmate_assets.racing.odds.store import insert_rows
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY
from fotmate_assets_tests.racing.odds.rows import OFF, emptied_of_odds, final, row

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
OHLC = ("open", "high", "low", "close")


def odds_of(candle: Candle) -> dict[str, list[float]]:
    return {name: getattr(candle, name).tolist() for name in (*OHLC, "close_rank")}


def plain(candle: Candle) -> list[Any]:
    """A candle to compare: arrays of numpy compare element by element."""
    values = [getattr(candle, each.name) for each in fields(candle)]
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in values]


# --- the function

PRICE = st.sampled_from([1.0, 1.5, 2.0, 3.5, 9.0, 250.0])
ODDS = st.one_of(PRICE, st.sampled_from([float(each) for each in Sentinel]))


@st.composite
def snapshots(draw: st.DrawFn) -> list[OddsRow]:
    """Snapshots of a race within a quarter of an hour, of one field, in any order."""
    runners = draw(st.integers(1, 4))
    instants = draw(st.lists(st.integers(0, 899), min_size=1, max_size=25, unique=True))
    return [
        row(draw(st.lists(ODDS, min_size=runners, max_size=runners)), OFF + second * SECOND, sales_krw=None)
        for second in instants
    ]


def test_a_candle_has_the_first_highest_lowest_and_last_price() -> None:
    (candle,) = make_candles(
        [row(odds, OFF + second * SECOND) for second, odds in ((0, [3, 5]), (20, [4, 2]), (40, [1, 7]), (59, [2, 6]))],
        1,
    )
    assert odds_of(candle) == {
        "open": [3, 5],
        "high": [4, 7],
        "low": [1, 2],
        "close": [2, 6],
        "close_rank": [1, 2],
    }
    assert (candle.start_at, candle.snapshots, candle.minutes) == (OFF, 4, 1)


def test_the_end_of_a_candle_is_the_begin_of_the_next() -> None:
    rows = [row([2.0], OFF + second * SECOND) for second in (0, 59, 60, 299, 300)]
    assert [(one.start_at - OFF, one.snapshots) for one in make_candles(rows, 1)] == [
        (0 * MINUTE, 2),
        (MINUTE, 1),
        (4 * MINUTE, 1),
        (5 * MINUTE, 1),
    ]
    assert [(one.start_at - OFF, one.snapshots) for one in make_candles(rows, 5)] == [(0 * MINUTE, 4), (5 * MINUTE, 1)]


def test_candles_begin_on_whole_minutes_of_any_clock() -> None:
    at = datetime(2026, 11, 21, 10, 39, 59, 999999, KST)
    assert (start_of(at, 1), start_of(at, 5)) == (OFF + 4 * MINUTE, OFF)


def test_what_is_no_price_is_neither_low_nor_last() -> None:
    (candle,) = make_candles([row([odds], OFF + n * SECOND) for n, odds in enumerate((-1, 4, 3, -2))], 1)
    assert odds_of(candle) == {"open": [4], "high": [4], "low": [3], "close": [3], "close_rank": [1]}


def test_without_a_price_a_candle_has_the_sentinel_of_its_last_snapshot() -> None:
    (candle,) = make_candles([row([odds, 2], OFF + n * SECOND) for n, odds in enumerate((-1, -4, -2))], 1)
    assert odds_of(candle) == {name: [-2, 2] for name in OHLC} | {"close_rank": [0, 1]}


def test_a_runner_withdrawn_in_the_middle_has_prices_until_then() -> None:
    rows = [row([2, 3], OFF), row([-3, 1.5], OFF + 30 * SECOND), row([-3, 1.4], OFF + 60 * SECOND)]
    before, after = make_candles(rows, 1)
    assert odds_of(before)["close"] == [2, 1.5]
    assert odds_of(after) == {
        **{name: [-3, pytest.approx(1.4)] for name in OHLC},
        "close_rank": [0, 1],
    }


def test_equal_prices_share_a_place() -> None:
    assert close_rank(np.array([5, 2, 2, -1, 7], np.float32)).tolist() == [3, 1, 1, 0, 4]
    assert close_rank(np.array([], np.float32)).tolist() == []


def test_races_and_pools_have_candles_of_their_own() -> None:
    rows = [
        row([2.0], race_id=f"horse-seoul-20261121-0{n}", pool=pool) for n in (2, 1) for pool in (Pool.WIN, Pool.PLC)
    ]
    assert [(one.race_id[-1], one.pool) for one in make_candles(rows, 5)] == [
        ("1", Pool.PLC),
        ("1", Pool.WIN),
        ("2", Pool.PLC),
        ("2", Pool.WIN),
    ]


def test_final_odds_are_no_part_of_a_candle() -> None:
    assert make_candles([final(row([2.0]), OFF)], 1) == []
    (candle,) = make_candles([row([2.0]), final(row([9.0]), OFF + SECOND)], 1)
    assert (candle.close.tolist(), candle.snapshots) == ([2], 1)


def test_where_the_field_changed_the_last_one_counts() -> None:
    (candle,) = make_candles([row([9, 9, 9]), row([2, 3], OFF + SECOND), row([3, 2], OFF + 2 * SECOND)], 1)
    assert (candle.field, candle.snapshots, odds_of(candle)["open"]) == ((1, 2), 3, [2, 3])


def test_a_candle_is_live_only_when_all_of_it_is_and_simulated_when_any_is() -> None:
    replayed = row([2.0], OFF + SECOND, source="replay", is_live=False, is_simulated=False)
    (candle,) = make_candles([row([2.0]), replayed], 1)
    assert (candle.source, candle.is_live, candle.is_simulated) == ("replay", False, True)


def test_a_candle_is_as_new_as_what_came_in_last() -> None:
    late = row([2.0], OFF, ingested_at=OFF + 9 * MINUTE)
    (candle,) = make_candles([late, row([3.0], OFF + SECOND)], 1)
    assert candle.made_from_at == OFF + 9 * MINUTE


@given(snapshots())
def test_prices_lie_between_low_and_high(rows: list[OddsRow]) -> None:
    for candle in make_candles(rows, 1):
        assert (candle.low <= candle.open).all()
        assert (candle.low <= candle.close).all()
        assert (candle.open <= candle.high).all()
        assert (candle.close <= candle.high).all()
        priced = candle.close > 0
        assert (np.array([candle.open, candle.high, candle.low]) > 0).all(0).tolist() == priced.tolist()
        assert (candle.close_rank > 0).tolist() == priced.tolist()


@given(snapshots())
def test_every_snapshot_is_in_one_candle(rows: list[OddsRow]) -> None:
    for minutes in MINUTES:
        made = make_candles(rows, minutes)
        assert sum(candle.snapshots for candle in made) == len(rows)
        assert len({candle.start_at for candle in made}) == len(made)


@given(snapshots())
def test_minutes_put_together_are_five_minutes(rows: list[OddsRow]) -> None:
    minutes = make_candles(rows, 1)
    for five in make_candles(rows, 5):
        within = [one for one in minutes if five.start_at <= one.start_at < five.start_at + 5 * MINUTE]
        assert five.snapshots == sum(one.snapshots for one in within)
        assert five.made_from_at == max(one.made_from_at for one in within)
        opened, _, _, _ = open_high_low_close(np.array([one.open for one in within]))
        _, high, _, _ = open_high_low_close(np.array([one.high for one in within]))
        _, _, low, _ = open_high_low_close(np.array([one.low for one in within]))
        _, _, _, close = open_high_low_close(np.array([one.close for one in within]))
        for name, values in zip(OHLC, (opened, high, low, close), strict=True):
            assert getattr(five, name).tolist() == values.tolist(), name


# --- the table


@pytest.fixture
def database(_of_module: Database) -> Database:
    return emptied_of_odds(_of_module)


def insert(database: Database, rows: Sequence[OddsRow]) -> None:
    with database.engine.begin() as connection:
        insert_rows(connection, rows)


def refresh(database: Database) -> int:
    with database.engine.begin() as connection:
        return refresh_candles(connection, [DAY - timedelta(days=1), DAY])


def stored(database: Database) -> list[list[Any]]:
    columns = ", ".join(each.name for each in fields(Candle))
    with database.engine.connect() as connection:
        rows = fetch(connection, f"select {columns} from odds_candles order by minutes, race_id, pool, start_at", {})
    return [
        [value.tolist() if isinstance(value, np.ndarray) else list(value) if name == "close_rank" else value
         for name, value in zip((each.name for each in fields(Candle)), found, strict=True)]
        for found in rows
    ]  # fmt: skip


def from_scratch(rows: Sequence[OddsRow]) -> list[list[Any]]:
    return [plain(candle) for minutes in MINUTES for candle in make_candles(rows, minutes)]


def test_candles_are_stored_as_they_were_made(database: Database) -> None:
    rows = [row([2.5, n, -3], OFF + 20 * n * SECOND, pool) for n in range(1, 20) for pool in STORED]
    insert(database, rows)
    assert refresh(database) == len(from_scratch(rows))
    assert stored(database) == from_scratch(rows)


def test_only_candles_with_something_new_are_written(database: Database) -> None:
    rows = [row([2.5, 3.5], OFF + n * MINUTE) for n in range(8)]
    insert(database, rows)
    assert refresh(database) == 8 + 2
    before = set(database.execute("select minutes, start_at, xmin::text from odds_candles"))
    late = row([9.0, 1.1], OFF + 2 * MINUTE + SECOND)
    insert(database, [late])
    assert refresh(database) == 2
    after = set(database.execute("select minutes, start_at, xmin::text from odds_candles"))
    assert {key[:2] for key in after - before} == {(1, OFF + 2 * MINUTE), (5, OFF)}
    assert stored(database) == from_scratch([*rows, late])
    assert refresh(database) == 0


def test_a_snapshot_that_came_in_unnoticed_earlier_is_not_left_out(database: Database) -> None:
    first = row([2.5], OFF)
    insert(database, [first])
    refresh(database)
    slow = row([9.0], OFF + SECOND, ingested_at=first.ingested_at - SECOND)
    insert(database, [slow])
    assert refresh(database) == 2
    assert stored(database) == from_scratch([first, slow])


def test_a_snapshot_in_place_of_another_is_not_taken_for_it(database: Database) -> None:
    insert(database, [row([2.5], OFF)])
    refresh(database)
    database.execute("delete from odds_snapshots")
    other = row([9.0], OFF, ingested_at=OFF + 9 * MINUTE)
    insert(database, [other])
    assert refresh(database) == 2
    assert stored(database) == from_scratch([other])


def test_candles_outlive_the_snapshots_they_were_made_of(database: Database) -> None:
    rows = [row([2.5], OFF)]
    insert(database, rows)
    refresh(database)
    database.execute("delete from odds_snapshots")
    assert refresh(database) == 0
    assert stored(database) == from_scratch(rows)


def test_other_days_and_final_odds_are_left_alone(database: Database) -> None:
    insert(database, [row([2.5], race_date=DAY + timedelta(days=1)), final(row([2.0]), OFF + 60 * MINUTE)])
    assert refresh(database) == 0
    assert stored(database) == []


def test_candles_of_pools_of_several_runners_are_not_stored(database: Database) -> None:
    insert(database, [row([2.5], pool=Pool.QNL, field=(1, 2))])
    assert refresh(database) == 0


@given(snapshots(), st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_step_by_step_or_from_scratch_gives_the_same(
    database: Database, rows: list[OddsRow], data: st.DataObject
) -> None:
    emptied_of_odds(database)
    rows = [replace(each, ingested_at=OFF + n * SECOND) for n, each in enumerate(rows)]
    cut = data.draw(st.integers(0, len(rows)))
    for part in (rows[:cut], rows[cut:]):
        insert(database, part)
        refresh(database)
    assert stored(database) == from_scratch(rows)
