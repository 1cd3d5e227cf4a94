"""Odds as an array per pool and instant, against a row per price: bytes, the cost of a batch, and every read.

    python benchmarks/odds.py [--days N] [--rounds N] [--home DIR] [--json]

Both layouts hold the same prices in one database. See README.md.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import _odds_rows
import numpy as np
from _common import Database, databases, print_json, print_table
from _odds_market import HORSES_KNOWN, JOCKEYS, MEETINGS, Meeting, odds_rows, races_of, store_cards
from sqlalchemy import Connection, create_engine, text

from fotmate_assets.racing import queries as cards
from fotmate_assets.racing.model import Pool, Sport
from fotmate_assets.racing.odds import queries
from fotmate_assets.racing.odds.candles import refresh_candles
from fotmate_assets.racing.odds.model import OddsRow
from fotmate_assets.racing.odds.readers import PostgresOdds
from fotmate_assets.racing.odds.store import insert_rows
from fotmate_assets.racing.reads import entry_stats, jockey_stats, win_rate

LAST_DAY = date(2026, 11, 8)
CARDS = ("races", "entries", "results", "payoffs")
RACES, DATES, SPANS = 60, 20, 5
"""Read per round: races, dates and all days."""


def fill(database: Database, days: Sequence[date], random: np.random.Generator) -> int:
    """Store the odds of these days as a collector does, a batch per instant; the prices stored."""
    prices = 0
    for day in days:
        of_day = races_of(day, random)
        rows = sorted((row for race in of_day for row in odds_rows(race, random)), key=attrgetter("observed_at"))
        prices += sum(len(row.odds) for row in rows)
        with database.engine.begin() as connection:
            store_cards(connection, of_day, random)
            for _, batch in groupby(rows, attrgetter("observed_at")):
                insert_rows(connection, list(batch))
    return prices


def fill_cards(database: Database, days: Sequence[date], random: np.random.Generator) -> None:
    """Store the cards of days without odds."""
    with database.engine.begin() as connection:
        store_cards(connection, [race for day in days for race in races_of(day, random)], random)


def settle(owner_url: str, tables: Sequence[str]) -> None:
    """Vacuum and analyse, so that both layouts are read as they are on a quiet day."""
    engine = create_engine(owner_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for table in tables:
            connection.execute(text(f"vacuum (analyze) {table}"))
    engine.dispose()


def sizes(connection: Connection, table: str) -> dict[str, int]:
    """Bytes of a table with everything that belongs to it, and of its parts."""
    query = """
        select pg_total_relation_size(:name) as total, pg_indexes_size(:name) as indexes,
               pg_relation_size(:name) as heap
    """
    return dict(connection.execute(text(query), {"name": table}).mappings().one())


def measure_insert(database: Database, last: date, rounds: int, random: np.random.Generator) -> dict[str, list[float]]:
    """Milliseconds to store and commit one instant of 34 horse races, in either layout; and the prices of each batch.

    Each round is a race day of its own, all of whose 30 instants are written.
    """

    def ours(rows: list[OddsRow]) -> None:
        with database.engine.begin() as connection:
            insert_rows(connection, rows)

    def as_rows(content: bytes) -> None:
        with database.engine.begin() as connection:
            _odds_rows.copy(connection, content)

    meeting = Meeting("jeju", Sport.HORSE, 34, timedelta(hours=12), timedelta())
    taken: dict[str, list[float]] = {"ours": [], "rows": [], "prices": []}
    for later in range(1, rounds + 1):
        rows = [
            row for race in races_of(last + timedelta(days=later), random, [meeting]) for row in odds_rows(race, random)
        ]
        rows.sort(key=attrgetter("observed_at"))
        batches = [list(batch) for _, batch in groupby(rows, attrgetter("observed_at"))]
        payloads = [_odds_rows.payload(batch) for batch in batches]
        taken["prices"] += [sum(len(row.odds) for row in batch) for batch in batches]
        taken["ours"] += [milliseconds(partial(ours, batch)) for batch in batches]
        taken["rows"] += [milliseconds(partial(as_rows, payload)) for payload in payloads]
    return taken


def milliseconds(work: Callable[[], object]) -> float:
    """Wall-clock milliseconds of one call."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


@dataclass(frozen=True)
class Read:
    """One read; `subjects`: what it is asked for, one after the other."""

    title: str
    ours: Callable[[Any], object]
    rows: Callable[[Any], object] | None
    """None for a read without odds: both layouts have the same tables."""
    subjects: Sequence[Any]


_RACES = text("select race_id, post_time from races where race_date >= :first order by race_id")


def reads(connection: Connection, days: Sequence[date], rounds: int, random: np.random.Generator) -> dict[str, Read]:
    """Every read, by name."""
    reader = PostgresOdds(connection)
    stored = [(race.race_id, race.post_time) for race in connection.execute(_RACES, {"first": days[0]})]
    picked = [stored[index] for index in random.integers(0, len(stored), RACES * rounds)]
    some = [days[index] for index in random.integers(0, len(days), DATES * rounds)]
    span = [(days[0], days[-1])] * (SPANS * rounds)
    horses = [f"{number:07d}" for number in random.integers(HORSES_KNOWN, size=RACES * rounds)]
    jockeys = [f"{number:06d}" for number in random.integers(JOCKEYS, size=DATES * rounds)]
    races = [race_id for race_id, _ in picked]
    after = days[-1] + timedelta(days=1)
    rows = _odds_rows.Reads(connection)

    def five_minutes_before(race: tuple[str, datetime]) -> object:
        return queries.odds_at(reader, race[0], race[1] - timedelta(minutes=5))

    return {
        "history": Read("a race, all pools", lambda race: queries.odds_history(reader, race[0]), rows.history, picked),
        "history_win": Read(
            "a race, win", lambda race: queries.odds_history(reader, race[0], Pool.WIN), rows.history_win, picked
        ),
        "history_combination": Read(
            "a race, one runner to win",
            lambda race: queries.odds_history(reader, race[0], Pool.WIN, (3,)),
            rows.history_combination,
            picked,
        ),
        "odds_at": Read("a race at an instant, all pools", five_minutes_before, rows.odds_at, picked),
        "closing_odds": Read(
            "closing win odds of a date", partial(queries.closing_odds, reader), rows.closing_odds, some
        ),
        "opening_to_closing": Read(
            "opening to closing, all days",
            lambda both: queries.opening_to_closing(reader, *both),
            rows.opening_to_closing,
            span,
        ),
        "candles": Read(
            "1-minute candles of a race, win", lambda race: queries.candles(reader, race[0], 1), rows.candles, picked
        ),
        "track_hour_averages": Read(
            "win odds by track and hour, all days",
            lambda both: queries.track_hour_averages(reader, *both),
            rows.track_hour_averages,
            span,
        ),
        "races_by_date": Read("races of a date", partial(cards.races_by_date, connection), None, some),
        "race_with_entries": Read("a race's card", partial(cards.race_with_entries, connection), None, races),
        "win_rate": Read("a horse's starts", lambda horse: win_rate(connection, horse, before=after), None, horses),
        "jockey_stats": Read("a jockey's rides", partial(jockey_stats, connection), None, jockeys),
        "entry_stats": Read("form of a race's entries", partial(entry_stats, connection), None, races),
    }


def measure_reads(asked: dict[str, Read]) -> dict[str, dict[str, list[float]]]:
    """Milliseconds per read, of ours and then of the rows layout; each subject is read once before any is timed."""
    taken: dict[str, dict[str, list[float]]] = {}
    for name, read in asked.items():
        ways = {"ours": read.ours} | ({"rows": read.rows} if read.rows else {})
        taken[name] = {}
        for way, work in ways.items():
            for subject in dict.fromkeys(read.subjects):
                work(subject)
            taken[name][way] = [milliseconds(partial(work, subject)) for subject in read.subjects]
    return taken


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return float(np.percentile(values, 95))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30, help="race days of 34 races each")
    parser.add_argument("--rounds", type=int, default=3, help="more of everything that is timed")
    parser.add_argument("--home", type=Path, help="FOTMATE_HOME of a stack that may stay up")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    chosen = parser.parse_args()
    days = [LAST_DAY - timedelta(days=back) for back in reversed(range(chosen.days))]
    random = np.random.default_rng(7)
    with databases(chosen.home) as made, made.fresh() as database:
        started = time.perf_counter()
        prices = fill(database, days, random)
        filled_s = time.perf_counter() - started
        fill_cards(database, [days[0] - timedelta(days=back) for back in range(1, 11 * chosen.days)], random)
        rows_s = _odds_rows.fill(database)
        settle(database.owner_url, ["odds_snapshots", *CARDS, *_odds_rows.TABLES])
        with database.engine.connect() as connection:
            size = {table: sizes(connection, table) for table in ("odds_snapshots", "price_rows")}
            snapshots = connection.execute(text("select count(*) from odds_snapshots")).scalar_one()
            assert connection.execute(text("select count(*) from price_rows")).scalar_one() == prices
            gc.freeze()  # the collector should not walk what the filling left behind
            asked = reads(connection, days, chosen.rounds, random)
            read = measure_reads(asked)
        inserted = measure_insert(database, days[-1], chosen.rounds, random)
        with database.engine.begin() as connection:
            candles_ms = milliseconds(lambda: refresh_candles(connection, days[-1:]))
            candles_bytes = sizes(connection, "odds_candles")["total"]
    middle = {name: {way: statistics.median(took) for way, took in ways.items()} for name, ways in read.items()}
    tail = {name: {way: p95(took) for way, took in ways.items()} for name, ways in read.items()}
    batch, rows_batch = statistics.median(inserted["ours"]), statistics.median(inserted["rows"])
    values: dict[str, Any] = {
        "days": chosen.days,
        "races": chosen.days * sum(meeting.races for meeting in MEETINGS),
        "snapshots": snapshots,
        "prices": prices,
        "bytes_per_price": size["odds_snapshots"]["total"] / prices,
        "rows_layout_bytes_per_price": size["price_rows"]["total"] / prices,
        "bytes_vs_rows": size["odds_snapshots"]["total"] / size["price_rows"]["total"],
        "insert_batch_prices": round(statistics.mean(inserted["prices"])),
        "insert_batch_ms": batch,
        "insert_batch_p95_ms": p95(inserted["ours"]),
        "rows_layout_insert_batch_ms": rows_batch,
        "insert_speedup_vs_rows": rows_batch / batch,
        "history_p95_ms": tail["history"]["ours"],
        "worst_read_p95_ms": max(of_read["ours"] for of_read in tail.values()),
        **{f"{name}_p50_ms": of_read["ours"] for name, of_read in middle.items()},
        **{f"{name}_p95_ms": of_read["ours"] for name, of_read in tail.items()},
        **{f"rows_layout_{name}_p50_ms": of_read["rows"] for name, of_read in middle.items() if "rows" in of_read},
        **{f"rows_layout_{name}_p95_ms": of_read["rows"] for name, of_read in tail.items() if "rows" in of_read},
        **{
            f"{name}_speedup_vs_rows": of_read["rows"] / of_read["ours"]
            for name, of_read in middle.items()
            if "rows" in of_read
        },
        "candles_of_a_day_ms": candles_ms,
        "candles_of_a_day_bytes": candles_bytes,
        "fill_s": filled_s,
        "rows_layout_fill_s": rows_s,
        "rounds": chosen.rounds,
    }
    print_table(
        f"{chosen.days} days of 34 races, all pools: {prices:,} prices in {snapshots:,} snapshots",
        ("layout", "MB", "of it indexes", "bytes/price", "batch of 34 races, ms"),
        [
            (
                title,
                f"{size[table]['total'] / 1e6:,.0f}",
                f"{size[table]['indexes'] / 1e6:,.0f}",
                f"{size[table]['total'] / prices:.2f}",
                f"{taken:.1f}",
            )
            for title, table, taken in (
                ("ours: array per pool and instant", "odds_snapshots", batch),
                ("row per price", "price_rows", rows_batch),
            )
        ],
        [f"A batch: {values['insert_batch_prices']:,} prices, committed. Sizes with indexes and TOAST, vacuumed."],
    )
    print_table(
        "Reads, warm, milliseconds",
        ("read", "ours p50", "p95", "row per price p50", "p95", "row / ours"),
        [
            (
                asked[name].title,
                *(
                    f"{of_name[name][way]:.2f}" if way in of_name[name] else ""
                    for way in ("ours", "rows")
                    for of_name in (middle, tail)
                ),
                f"{middle[name]['rows'] / middle[name]['ours']:.1f}" if "rows" in middle[name] else "",
            )
            for name in asked
        ],
        ["Ours: the typed functions of racing/odds/queries.py. Row per price: the bare query, its rows as tuples."],
    )
    if chosen.json:
        print_json(values)


if __name__ == "__main__":
    main()
