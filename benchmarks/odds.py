"""Odds as an array per pool and instant, against a row per price: bytes, the cost of a batch, and every read.

    python benchmarks/odds.py [--days N] [--rounds N] [--home DIR] [--json]

Both layouts hold the same prices in one database. See README.md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
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
from sqlalchemy import Connection, create_engine, text

from fotmate_assets.core.postgres import copy_rows
from fotmate_assets.racing.cadence import plan
from fotmate_assets.racing.model import KST, Pool, Sport, places_paid, race_id
from fotmate_assets.racing.odds import queries
from fotmate_assets.racing.odds.candles import refresh_candles
from fotmate_assets.racing.odds.model import PAYOUT, SOLD, OddsRow, Sentinel
from fotmate_assets.racing.odds.store import insert_rows
from fotmate_assets.racing.sources.odds.market import chances, price
from fotmate_assets.racing.tables import races

LAST_DAY = date(2026, 11, 8)
HORSES = (6, 7, 8, 8, 9, 9, 10, 10, 11, 11, 11, 12, 12, 13, 14)
"""Declared runners of horse races, drawn from these: 1,220 combinations on average, as the research has them."""
CYCLES = 7
BATCHES, RACES, DATES, MONTHS = 20, 60, 20, 5
"""Per round: batches written, races, dates and whole spans read."""


@dataclass(frozen=True)
class Meeting:
    """A track's races of a day."""

    track_id: str
    sport: Sport
    races: int
    first_off: timedelta
    between: timedelta


MEETINGS = (
    Meeting("seoul", Sport.HORSE, 9, timedelta(hours=10, minutes=35), timedelta(minutes=55)),
    Meeting("busan", Sport.HORSE, 9, timedelta(hours=11), timedelta(minutes=55)),
    Meeting("gwangmyeong", Sport.CYCLE, 16, timedelta(hours=11, minutes=10), timedelta(minutes=28)),
)
"""34 races, the busiest kind of day, 18 of horses."""


@dataclass(frozen=True)
class Race:
    """A race to make odds of."""

    race_id: str
    race_date: date
    track_id: str
    sport: Sport
    race_no: int
    off: datetime
    runners: int


def races_of(day: date, random: np.random.Generator, meetings: Sequence[Meeting] = MEETINGS) -> list[Race]:
    """The races of a day."""
    midnight = datetime.combine(day, datetime.min.time(), KST)
    return [
        Race(
            race_id(meeting.track_id, day, number),
            day,
            meeting.track_id,
            meeting.sport,
            number,
            midnight + meeting.first_off + (number - 1) * meeting.between,
            int(random.choice(HORSES)) if meeting.sport is Sport.HORSE else CYCLES,
        )
        for meeting in meetings
        for number in range(1, meeting.races + 1)
    ]


def odds_rows(race: Race, random: np.random.Generator) -> Iterator[OddsRow]:
    """The snapshots of a race at its 30 slots: chances that wander, odds in tenths, long shots unsold at first."""
    slots = plan(race.off)
    strength = random.normal(0, 0.8, race.runners) + random.normal(0, 0.06, (len(slots), race.runners)).cumsum(0)
    shares = np.exp(strength)
    shares /= shares.sum(1, keepdims=True)
    field = tuple(range(1, race.runners + 1))
    for pool in SOLD[race.sport]:
        chance = chances(pool, shares, places_paid(race.runners))
        chance = np.minimum(chance * np.exp(random.normal(0, 0.1, chance.shape)), 0.95)
        odds = price(PAYOUT[pool], chance)
        odds[odds > 9999] = Sentinel.CAPPED
        odds[:6][odds[:6] > 2000] = Sentinel.UNSOLD
        sales = random.integers(10**7, 10**9)
        for slot, prices in zip(slots, odds.astype(np.float32), strict=True):
            yield OddsRow(
                race.race_id,
                pool,
                slot.at,
                race.race_date,
                field,
                prices,
                int(sales),
                slot.at - timedelta(milliseconds=400),
                slot.at + timedelta(milliseconds=300),
                "simulated",
                True,
                True,
                "5a" * 32,
            )


def fill(database: Database, days: Sequence[date], random: np.random.Generator) -> int:
    """Store the odds of these days as a collector does, a batch per instant; the prices stored."""
    prices = 0
    for day in days:
        of_day = races_of(day, random)
        columns = ("race_id", "race_date", "track_id", "sport", "race_no", "scheduled_post_time", "post_time", "status")
        calendar = [
            (each.race_id, day, each.track_id, each.sport.value, each.race_no, each.off, each.off, "finished")
            for each in of_day
        ]
        rows = sorted((row for race in of_day for row in odds_rows(race, random)), key=attrgetter("observed_at"))
        prices += sum(len(row.odds) for row in rows)
        with database.engine.begin() as connection:
            copy_rows(connection, races, columns, calendar)
            for _, batch in groupby(rows, attrgetter("observed_at")):
                insert_rows(connection, list(batch))
    return prices


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
    """Milliseconds to store and commit one instant of 34 horse races, in turn in either layout."""
    meeting = Meeting("jeju", Sport.HORSE, 34, timedelta(hours=12), timedelta())
    of_batch = races_of(last + timedelta(days=1), random, [meeting])
    by_instant = [list(odds_rows(race, random)) for race in of_batch]
    taken: dict[str, list[float]] = {"ours": [], "rows": [], "prices": []}
    slots = plan(of_batch[0].off)
    for number in range(BATCHES * rounds):
        turn, slot = divmod(number, len(slots))
        batch = [row for rows in by_instant for row in rows if row.observed_at == slots[slot].at]
        moved = [_moved(row, turn) for row in batch]
        payload = _odds_rows.payload(moved)
        taken["prices"].append(sum(len(row.odds) for row in moved))

        def ours(rows: list[OddsRow] = moved) -> None:
            with database.engine.begin() as connection:
                insert_rows(connection, rows)

        def as_rows(content: bytes = payload) -> None:
            with database.engine.begin() as connection:
                _odds_rows.copy(connection, content)

        for name, work in (("ours", ours), ("rows", as_rows)):
            taken[name].append(milliseconds(work))
    return taken


def _moved(row: OddsRow, days: int) -> OddsRow:
    """The same a number of days later."""
    later = timedelta(days=days)
    values = {name: getattr(row, name) for name in OddsRow.__dataclass_fields__}
    return OddsRow(**{**values, "observed_at": row.observed_at + later})


def milliseconds(work: Callable[[], object]) -> float:
    """Wall-clock milliseconds of one call."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


@dataclass(frozen=True)
class Read:
    """One read of both layouts; `subjects`: what it is asked for, one after the other."""

    title: str
    ours: Callable[[Any], object]
    rows: Callable[[Any], object]
    subjects: Sequence[Any]


def reads(connection: Connection, days: Sequence[date], rounds: int, random: np.random.Generator) -> dict[str, Read]:
    """Every read, by name."""
    reader = queries.PostgresOdds(connection)
    stored = connection.execute(text("select race_id, post_time from races order by race_id")).tuples().all()
    picked = [stored[index] for index in random.integers(0, len(stored), RACES * rounds)]
    some = [days[index] for index in random.integers(0, len(days), DATES * rounds)]
    span = [(days[0], days[-1])] * (MONTHS * rounds)
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
    }


def measure_reads(asked: dict[str, Read]) -> dict[str, tuple[list[float], list[float]]]:
    """Milliseconds of ours and of the rows layout, per read; each subject is read once before it is timed."""
    taken = {}
    for name, read in asked.items():
        for subject in dict.fromkeys(read.subjects):
            read.ours(subject)
            read.rows(subject)
        both = [
            (milliseconds(partial(read.ours, subject)), milliseconds(partial(read.rows, subject)))
            for subject in read.subjects
        ]
        taken[name] = ([ours for ours, _ in both], [rows for _, rows in both])
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
        rows_s = _odds_rows.fill(database)
        settle(database.owner_url, ["odds_snapshots", "races", *_odds_rows.TABLES])
        with database.engine.connect() as connection:
            size = {table: sizes(connection, table) for table in ("odds_snapshots", "price_rows")}
            snapshots = connection.execute(text("select count(*) from odds_snapshots")).scalar_one()
            assert connection.execute(text("select count(*) from price_rows")).scalar_one() == prices
            asked = reads(connection, days, chosen.rounds, random)
            read = measure_reads(asked)
        inserted = measure_insert(database, days[-1], chosen.rounds, random)
        with database.engine.begin() as connection:
            candles_ms = milliseconds(lambda: refresh_candles(connection, days[-1:]))
            candles_bytes = sizes(connection, "odds_candles")["total"]
    medians = {name: (statistics.median(ours), statistics.median(rows)) for name, (ours, rows) in read.items()}
    tails = {name: (p95(ours), p95(rows)) for name, (ours, rows) in read.items()}
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
        "history_p95_ms": tails["history"][0],
        "worst_read_p95_ms": max(ours for ours, _ in tails.values()),
        **{f"{name}_p50_ms": ours for name, (ours, _) in medians.items()},
        **{f"{name}_p95_ms": ours for name, (ours, _) in tails.items()},
        **{f"rows_layout_{name}_p50_ms": rows for name, (_, rows) in medians.items()},
        **{f"{name}_speedup_vs_rows": rows / ours for name, (ours, rows) in medians.items()},
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
                *(f"{value:.2f}" for value in (medians[name][0], tails[name][0], medians[name][1], tails[name][1])),
                f"{medians[name][1] / medians[name][0]:.1f}",
            )
            for name in asked
        ],
        ["Ours: the typed functions of racing/odds/queries.py. Row per price: the bare query, its rows as tuples."],
    )
    if chosen.json:
        print_json(values)


if __name__ == "__main__":
    main()
