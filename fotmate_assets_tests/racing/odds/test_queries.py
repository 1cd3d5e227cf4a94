"""Every read against what was stored, from Postgres and from several tiers, and with an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from sqlalchemy import Connection

from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import KST, Pool
from fotmate_assets.racing.odds import queries
from fotmate_assets.racing.odds.arrays import fetch
from fotmate_assets.racing.odds.candles import refresh_candles
from fotmate_assets.racing.odds.model import OddsRow, Sentinel, combination_index
from fotmate_assets.racing.odds.readers import OddsReader, PostgresOdds, Tiers, TrackHour, edges_of, hours_of
from fotmate_assets.racing.odds.store import FINAL, insert_rows, replace_final
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing.cards import DAY, NIGHT_BEFORE, RACE, make_card
from fotmate_assets_tests.racing.odds.rows import OFF, comparable, emptied_of_odds, final, implied, random_row, row

MINUTE = timedelta(minutes=1)
NEXT_DAY = DAY + timedelta(days=1)
SECOND_RACE = "horse-seoul-20261121-02"
OFFS = {RACE: OFF, SECOND_RACE: OFF + 30 * MINUTE}


@dataclass
class ListOdds:
    """A tier in memory: what a lake does with the rows it reads."""

    rows: Sequence[OddsRow]
    offs: Mapping[str, datetime]

    def held(self, days: Sequence[date]) -> set[date]:
        return {row.race_date for row in self.rows if row.race_date in days}

    def history(self, race_id: str, pool: Pool | None = None) -> list[OddsRow]:
        found = [one for one in self.rows if one.race_id == race_id and one.pool in (pool, pool or one.pool)]
        return sorted((one for one in found if one.source != FINAL), key=lambda one: (one.pool, one.observed_at))

    def edges(self, days: Sequence[date], pool: Pool) -> list[tuple[OddsRow, OddsRow]]:
        return edges_of(self._of(days, pool), self.offs)

    def finals(self, days: Sequence[date], pool: Pool) -> list[OddsRow]:
        return sorted((one for one in self._of(days, pool) if one.source == FINAL), key=lambda one: one.race_id)

    def hours(self, days: Sequence[date], pool: Pool) -> list[TrackHour]:
        return hours_of(self._of(days, pool))

    def _of(self, days: Sequence[date], pool: Pool) -> list[OddsRow]:
        return [row for row in self.rows if row.race_date in days and row.pool is pool]


def stored_rows() -> list[OddsRow]:
    """A day of two races in the calendar and one that is in none, snapshots after the off, final odds; the next day."""
    rows = [
        random_row(n * 10 + minutes, pool, off + (minutes - 60) * MINUTE, race_id=race_id)
        for n, (race_id, off) in enumerate(OFFS.items())
        for pool in (Pool.WIN, Pool.PLC, Pool.EXA)
        for minutes in (0, 30, 55, 60, 62)
    ]
    unknown = [random_row(n, Pool.WIN, OFF + n * MINUTE, race_id="boat-misari-20261121-07") for n in range(3)]
    later = [
        random_row(
            n, Pool.WIN, OFF + timedelta(days=1, minutes=n), race_id="horse-seoul-20261122-01", race_date=NEXT_DAY
        )
        for n in range(3)
    ]
    finals = [final(random_row(n, Pool.WIN, race_id=race_id), OFF + 90 * MINUTE) for n, race_id in enumerate(OFFS)]
    return [*rows, *unknown, *later, *finals]


@pytest.fixture(scope="module")
def days(stack: Stack, _template: str) -> Iterator[Database]:
    with fresh_database(stack, _template) as database:
        load_meeting(database.engine, make_card(races=2), NIGHT_BEFORE)
        rows = stored_rows()
        with database.engine.begin() as connection:
            insert_rows(connection, [one for one in rows if one.source != FINAL])
            replace_final(connection, [one for one in rows if one.source == FINAL])
            refresh_candles(connection, [DAY])
        yield database


@pytest.fixture
def connection(days: Database) -> Iterator[Connection]:
    with days.engine.connect() as opened:
        yield opened


@pytest.fixture
def reader(connection: Connection) -> PostgresOdds:
    return PostgresOdds(connection)


@pytest.fixture
def database(_of_module: Database) -> Database:
    return emptied_of_odds(_of_module)


MEMORY = ListOdds(stored_rows(), OFFS)


def pairs(edges: Sequence[tuple[OddsRow, OddsRow]]) -> list[list[OddsRow]]:
    return [comparable(pair) for pair in edges]


# --- the readers


def test_postgres_answers_what_the_rows_say(reader: PostgresOdds) -> None:
    both = [DAY, NEXT_DAY]
    for race_id in (RACE, SECOND_RACE, "horse-seoul-20261121-99"):
        for pool in (None, Pool.WIN, Pool.EXA, Pool.TRI):
            assert comparable(reader.history(race_id, pool)) == MEMORY.history(race_id, pool)
    for asked in (both, [DAY], [NEXT_DAY], [date(2026, 1, 1)], []):
        assert reader.held(asked) == MEMORY.held(asked)
        for pool in (Pool.WIN, Pool.PLC, Pool.TRI):
            assert pairs(reader.edges(asked, pool)) == pairs(MEMORY.edges(asked, pool))
            assert comparable(reader.finals(asked, pool)) == comparable(MEMORY.finals(asked, pool))
            found, expected = reader.hours(asked, pool), MEMORY.hours(asked, pool)
            assert [replace(one, odds_sum=0) for one in found] == [replace(one, odds_sum=0) for one in expected]
            assert [one.odds_sum for one in found] == pytest.approx([one.odds_sum for one in expected])


def test_tiers_answer_as_one_whichever_holds_a_day(reader: PostgresOdds, database: Database) -> None:
    both = [DAY, NEXT_DAY]
    cold = ListOdds([one for one in stored_rows() if one.race_date == DAY], OFFS)
    hot = ListOdds([one for one in stored_rows() if one.race_date == NEXT_DAY], OFFS)
    stale = ListOdds([replace(one, odds=[7.0] * len(one.odds)) for one in stored_rows()], OFFS)
    for tiers in (Tiers(hot, cold), Tiers(cold, hot), Tiers(hot, cold, stale), Tiers(hot, reader)):
        assert tiers.held([*both, date(2026, 1, 1)]) == set(both)
        for race_id in (RACE, "horse-seoul-20261122-01", "horse-seoul-20261121-99"):
            assert comparable(tiers.history(race_id)) == MEMORY.history(race_id)
        assert pairs(tiers.edges(both, Pool.WIN)) == pairs(MEMORY.edges(both, Pool.WIN))
        assert comparable(tiers.finals(both, Pool.WIN)) == comparable(MEMORY.finals(both, Pool.WIN))
        assert [(one.track_id, one.hour, one.prices) for one in tiers.hours(both, Pool.WIN)] == [
            (one.track_id, one.hour, one.prices) for one in MEMORY.hours(both, Pool.WIN)
        ]


# --- the reads


def test_the_history_of_a_race_has_a_series_per_pool(reader: PostgresOdds) -> None:
    found = queries.odds_history(reader, RACE)
    assert [one.pool for one in found] == [Pool.WIN, Pool.PLC, Pool.EXA]
    for series in found:
        rows = MEMORY.history(RACE, series.pool)
        assert series.observed_at == tuple(row.observed_at for row in rows)
        assert series.odds.tolist() == [list(row.odds) for row in rows]
        assert series.odds.shape == series.implied.shape == (5, len(series.combinations))
        pays = 3 if series.pool is Pool.PLC else 1
        assert series.implied.tolist() == [pytest.approx(implied(row.odds, pays)) for row in rows]
        assert (series.source, series.is_live, series.is_simulated) == ("simulated", True, True)
        assert series.sales_krw == (120_000_000,) * 5
    assert queries.odds_history(reader, "horse-seoul-20261121-99") == []


def test_the_history_of_a_combination_is_one_column(reader: PostgresOdds) -> None:
    (whole,) = queries.odds_history(reader, RACE, Pool.EXA)
    (one,) = queries.odds_history(reader, RACE, Pool.EXA, (7, 2))
    index = combination_index(Pool.EXA, whole.field, (7, 2))
    assert one.combinations == ((7, 2),)
    assert one.odds[:, 0].tolist() == whole.odds[:, index].tolist()
    assert one.implied[:, 0].tolist() == whole.implied[:, index].tolist()
    assert one.odds.shape == (5, 1)
    assert queries.odds_history(reader, RACE, Pool.EXA, (7, 9)) == []
    with pytest.raises(ValueError, match="name the pool"):
        queries.odds_history(reader, RACE, combination=(7,))


def test_a_combination_is_found_in_any_order_where_its_pool_has_none() -> None:
    made = random_row(1, Pool.QNL)
    (series,) = queries.odds_history(ListOdds([made], {}), RACE, Pool.QNL, (7, 2))
    assert series.combinations == ((2, 7),)
    assert series.odds.tolist() == [[made.odds[combination_index(Pool.QNL, made.field, (2, 7))]]]


def test_another_field_or_source_begins_another_series() -> None:
    rows = [
        row([2.0, 3.0], OFF),
        row([2.0, 3.0, 4.0], OFF + MINUTE),
        row([2.0, 3.0, 4.0], OFF + 2 * MINUTE, source="replay", is_live=False),
        row([2.0, 3.0, 4.0], OFF + 3 * MINUTE, source="replay", is_live=False),
    ]
    found = queries.odds_history(ListOdds(rows, {}), RACE)
    assert [(len(one.field), one.source, one.is_live, len(one.observed_at)) for one in found] == [
        (2, "simulated", True, 1),
        (3, "simulated", True, 1),
        (3, "replay", False, 2),
    ]


def test_where_there_is_no_price_nothing_is_implied() -> None:
    place = [Sentinel.SCRATCHED, 2.0, 4.0, -1, 4.0, 2.0, 2.0, 4.0]
    (series,) = queries.odds_history(ListOdds([row(place, pool=Pool.PLC), row([-1, -2], OFF)], {}), RACE, Pool.PLC)
    total = 3 / 2 + 3 / 4
    expected = [np.nan, *(2 / (price * total) if price > 0 else np.nan for price in place[1:])]
    assert series.implied[0].tolist() == pytest.approx(expected, nan_ok=True), "two places are paid to seven starters"
    (nothing, _) = queries.odds_at(ListOdds([row([-1, -2]), row(place, pool=Pool.PLC)], {}), RACE, OFF)
    assert np.isnan(nothing.implied).all()


def test_probabilities_are_those_of_the_model() -> None:
    rows = [random_row(seed, pool) for seed, pool in enumerate((Pool.WIN, Pool.PLC, Pool.QPL, Pool.TRI))]
    rows.insert(1, row([], pool=Pool.TRI, field=(1, 2)))
    pays = [1, 1, 3, 3, 1]
    for made, one, paid in zip(queries.implied_by(rows), rows, pays, strict=True):
        assert made.tolist() == pytest.approx(implied(one.odds, paid))


def test_odds_at_an_instant_are_the_last_up_to_it(reader: PostgresOdds) -> None:
    at = OFF - 5 * MINUTE
    for instant, expected in (
        (at, at),
        (at + timedelta(seconds=59), at),
        (at - timedelta(microseconds=1), OFF - 30 * MINUTE),
        (OFF + 999 * MINUTE, OFF + 2 * MINUTE),
    ):
        found = queries.odds_at(reader, RACE, instant)
        assert [(one.pool, one.observed_at, one.is_final) for one in found] == [
            (pool, expected, False) for pool in (Pool.WIN, Pool.PLC, Pool.EXA)
        ]
    assert queries.odds_at(reader, RACE, OFF - 61 * MINUTE) == []


def test_a_race_closes_at_the_off_and_final_odds_stand_beside(reader: PostgresOdds) -> None:
    found = queries.closing_odds(reader, DAY)
    told = {one.race_id: one for one in found}
    assert list(told) == ["boat-misari-20261121-07", RACE, SECOND_RACE]
    for race_id, off in OFFS.items():
        last, paid = told[race_id].last, told[race_id].final
        assert last is not None
        assert paid is not None
        assert (last.observed_at, last.is_live, last.is_final) == (off, True, False)
        assert (paid.observed_at, paid.is_live, paid.is_final, paid.source) == (OFF + 90 * MINUTE, False, True, FINAL)
        assert last.odds.tolist() != paid.odds.tolist()
    unknown = told["boat-misari-20261121-07"]
    assert unknown.last is not None
    assert (unknown.last.observed_at, unknown.final) == (OFF + 2 * MINUTE, None)


def test_a_race_with_final_odds_only_has_no_closing_ones() -> None:
    (found,) = queries.closing_odds(ListOdds([final(row([2.0, 3.0]), OFF)], {}), DAY)
    assert found.last is None
    assert found.final is not None
    assert found.final.odds.tolist() == [2, 3]


def test_a_post_time_that_moved_moves_the_close(database: Database) -> None:
    load_meeting(database.engine, make_card(races=1), NIGHT_BEFORE)
    with database.engine.begin() as connection:
        insert_rows(connection, [row([float(n)], OFF + n * MINUTE) for n in range(1, 20)])
        for later in (5, 12):
            moved = OFF + later * MINUTE
            connection.exec_driver_sql("update races set post_time = %s", (moved,))
            (closing,) = queries.closing_odds(PostgresOdds(connection), DAY)
            assert closing.last is not None
            assert closing.last.observed_at == moved


def test_the_drift_is_from_the_first_to_the_last_before_the_off(reader: PostgresOdds) -> None:
    found = queries.opening_to_closing(reader, DAY, NEXT_DAY)
    assert [one.closing.race_id for one in found] == sorted(
        [RACE, SECOND_RACE, "boat-misari-20261121-07", "horse-seoul-20261122-01"]
    )
    first = next(one for one in found if one.closing.race_id == RACE)
    assert (first.opening.observed_at, first.closing.observed_at) == (OFF - 60 * MINUTE, OFF)
    opening, closing = first.opening.odds.astype(float), first.closing.odds.astype(float)
    assert first.drift.tolist() == pytest.approx((closing / opening - 1).tolist(), rel=1e-5)
    assert first.share_change.tolist() == pytest.approx((first.closing.implied - first.opening.implied).tolist())
    assert first.share_change.sum() == pytest.approx(0)
    assert [one.closing.race_id for one in queries.opening_to_closing(reader, NEXT_DAY, NEXT_DAY)] == [
        "horse-seoul-20261122-01"
    ]


def test_a_runner_without_a_price_at_either_end_has_no_drift() -> None:
    rows = [row([-1, 2.0, 4.0, 4.0], OFF), row([5.0, 3.0, -3, 2.0], OFF + MINUTE)]
    (found,) = queries.opening_to_closing(ListOdds(rows, {}), DAY, DAY)
    assert found.drift.tolist() == pytest.approx([np.nan, 0.5, np.nan, -0.5], nan_ok=True)
    assert np.isnan(found.share_change).tolist() == [True, False, True, False]


def test_runners_are_compared_by_number_where_the_field_changed() -> None:
    rows = [row([2.0, 4.0], OFF, field=(2, 5)), row([3.0, 9.0, 2.0], OFF + MINUTE, field=(2, 3, 5))]
    (found,) = queries.opening_to_closing(ListOdds(rows, {}), DAY, DAY)
    assert found.drift.tolist() == pytest.approx([0.5, np.nan, -0.5], nan_ok=True)
    assert found.share_change.tolist() == pytest.approx(
        [found.closing.implied[0] - 2 / 3, np.nan, found.closing.implied[2] - 1 / 3], nan_ok=True
    )


def test_candles_that_are_read_are_those_that_are_stored(reader: PostgresOdds, connection: Connection) -> None:
    for minutes in (1, 5):
        found = queries.candles(reader, RACE, minutes)
        query = """
            select start_at, close, close_rank from odds_candles
            where race_id = %(race)s and pool = 'WIN' and minutes = %(minutes)s order by start_at
        """
        stored = fetch(connection, query, {"race": RACE, "minutes": minutes})
        assert [(one.start_at, one.close.tolist(), tuple(one.close_rank.tolist())) for one in found] == [
            (start_at, close.tolist(), rank) for start_at, close, rank in stored
        ]
        assert len(found) == len({one.start_at for one in found}) == 4 + (minutes == 1)
    assert len(queries.candles(reader, RACE, 5, Pool.EXA)[0].close) == 56


def test_averages_are_of_all_prices_of_the_korean_hour(database: Database) -> None:
    noon = datetime(2026, 11, 21, 12, 0, tzinfo=KST)
    rows = [
        row([2.0, 4.0, -1], noon),
        row([9.0, -3, -3], noon + 59 * MINUTE),
        row([7.0, 8.0], noon + 60 * MINUTE),
        row([5.0, 6.0], noon, source="feed", is_simulated=False, race_id=SECOND_RACE),
        row([-1, -1], noon, race_id="cycle-busan_cycle-20261121-01"),
        row([50.0, 60.0], noon, pool=Pool.PLC),
    ]
    with database.engine.begin() as connection:
        insert_rows(connection, rows)
        replace_final(connection, [final(row([90.0, 1.0]), noon + MINUTE)])
        found = queries.track_hour_averages(PostgresOdds(connection), DAY - timedelta(days=29), DAY)
    assert [(one.track_id, one.hour, one.is_simulated, one.snapshots, one.prices, one.mean_odds) for one in found] == [
        ("busan_cycle", 12, True, 1, 0, None),
        ("seoul", 12, False, 1, 2, pytest.approx(5.5)),
        ("seoul", 12, True, 2, 3, pytest.approx(5.0)),
        ("seoul", 13, True, 1, 2, pytest.approx(7.5)),
    ]


# --- indexes

READS: list[Callable[[OddsReader], object]] = [
    lambda reader: reader.held([DAY]),
    lambda reader: queries.odds_history(reader, RACE),
    lambda reader: queries.odds_history(reader, RACE, Pool.WIN, (1,)),
    lambda reader: queries.odds_at(reader, RACE, OFF),
    lambda reader: queries.closing_odds(reader, DAY),
    lambda reader: queries.opening_to_closing(reader, DAY, NEXT_DAY),
    lambda reader: queries.candles(reader, RACE, 1),
    lambda reader: queries.track_hour_averages(reader, DAY, NEXT_DAY),
]


@pytest.mark.parametrize("read", READS)
def test_every_read_has_an_index_for_every_table(
    reader: PostgresOdds, connection: Connection, read: Callable[[OddsReader], object]
) -> None:
    seen: list[tuple[bytes, Any]] = []

    class Noting(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            seen.append((query, params))
            return super().execute(query, params, **options)

    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    driver.cursor_factory = Noting
    try:
        read(reader)
    finally:
        driver.cursor_factory = psycopg.Cursor
    assert seen
    driver.execute("set local enable_seqscan = off")
    for query, parameters in seen:
        ((plan,),) = driver.execute(b"explain (format json) " + query, parameters).fetchall()
        for scan in scans(plan[0]["Plan"]):
            assert scan.get("Index Cond") or scan.get("Recheck Cond"), scan


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in plan:
        yield plan
    for child in plan.get("Plans", ()):
        yield from scans(child)


def test_implied_probabilities_of_a_pool_that_pays_four_fifths_are_the_shares_of_its_stakes() -> None:
    shares = [0.5, 0.3, 0.2]
    [found] = queries.implied_by([row([0.8 / share for share in shares])])
    assert found.tolist() == pytest.approx(shares)
