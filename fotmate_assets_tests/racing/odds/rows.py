"""Rows of odds, plausible and small."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from fotmate_assets.racing.model import KST, Pool
from fotmate_assets.racing.odds.model import OddsRow, combinations
from fotmate_assets.racing.odds.store import FINAL
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, RACE

OFF = datetime(2026, 11, 21, 10, 35, tzinfo=KST)
"""The off of `RACE`."""
FIELD = (1, 2, 3, 4, 5, 6, 7, 8)


def row(
    odds: Sequence[float], at: datetime = OFF, pool: Pool = Pool.WIN, race_id: str = RACE, **changes: Any
) -> OddsRow:
    """A live row of a simulated market; the field is 1 to the number of odds where nothing else is said."""
    made = OddsRow(
        race_id,
        pool,
        at,
        DAY,
        tuple(range(1, len(odds) + 1)),
        array("f", odds),
        120_000_000,
        at - timedelta(seconds=1),
        at + timedelta(seconds=1),
        "simulated",
        True,
        True,
        "5a" * 32,
    )
    return replace(made, **changes)


def random_row(seed: int, pool: Pool, at: datetime = OFF, field: tuple[int, ...] = FIELD, **changes: Any) -> OddsRow:
    """A row with a price for every combination of `field`."""
    rng = random.Random(seed)
    odds = [round(rng.uniform(1, 900), 1) for _ in combinations(pool, field)]
    return row(odds, at, pool, field=field, **changes)


def final(made: OddsRow, fetched_at: datetime) -> OddsRow:
    """The same as final odds."""
    return replace(
        made,
        observed_at=fetched_at,
        ingested_at=fetched_at,
        source_ts=None,
        source=FINAL,
        is_live=False,
        is_simulated=False,
    )


def comparable(rows: Sequence[OddsRow]) -> list[OddsRow]:
    """Rows with their odds as an `array`: numpy's compare element by element."""
    return [replace(each, odds=array("f", each.odds)) for each in rows]


def emptied_of_odds(database: Database) -> Database:
    """A database without races or odds."""
    for table in ("odds_snapshots", "odds_candles", "races", "meetings"):
        database.execute(f"delete from {table}")
    return database


def implied(odds: Sequence[float], pays: int) -> list[float | None]:
    """What the probabilities that odds imply must be, price by price; None without a price."""
    total = sum(1 / price for price in odds if price > 0)
    return [pays / (price * total) if price > 0 else None for price in odds]
