"""Candles: open, high, low and close of every combination of a pool per minute and per 5 minutes.

Made by one pure function from the snapshots of a race, final odds apart. A price is open, high, low or close; where a
combination had none in the whole candle, all four are the sentinel of its last snapshot. So a runner withdrawn in the
middle keeps the prices it had in that candle, and is `Sentinel.SCRATCHED` from the next one on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from fotmate_assets.core.postgres import lock_for_transaction
from fotmate_assets.racing.model import KST, Pool
from fotmate_assets.racing.odds.arrays import copy_encoded, encoded_arrays, fetch
from fotmate_assets.racing.odds.model import OddsRow
from fotmate_assets.racing.odds.store import FINAL, snapshot_rows
from fotmate_assets.racing.odds.tables import odds_candles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Prices = NDArray[np.float32]
    Ranks = NDArray[np.int16]

MINUTES = (1, 5)
"""Lengths that are stored."""

STORED = (Pool.WIN, Pool.PLC)
"""Pools whose candles are stored: those of single runners. Those of all pools would take six times the snapshots that
they are made from; `make_candles` makes them in a few milliseconds.
"""


@dataclass(frozen=True)
class Candle:
    """One row of `odds_candles`. Arrays have a number per combination of `field`, in canonical order."""

    race_id: str
    pool: Pool
    minutes: int
    start_at: datetime
    """A whole minute, Korean; the end is not included."""
    race_date: date
    snapshots: int
    """In the candle."""
    source: str
    """Of its last snapshot, as the field."""
    is_live: bool
    """True when all its snapshots are live."""
    is_simulated: bool
    """True when any is."""
    made_from_at: datetime
    """`ingested_at` of the newest snapshot in it."""
    field: tuple[int, ...]
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    close_rank: Ranks
    """Place of each last price, the lowest is 1, equal ones share a place; 0 without a price."""


def start_of(at: datetime, minutes: int) -> datetime:
    """When the candle of `minutes` begins that an instant falls into."""
    at = at.astimezone(KST)
    return at.replace(minute=at.minute - at.minute % minutes, second=0, microsecond=0)


def make_candles(rows: Iterable[OddsRow], minutes: int) -> list[Candle]:
    """The candles of any snapshots, final odds left out, by race, pool and time."""
    snapshots = sorted((row for row in rows if row.source != FINAL), key=attrgetter("race_id", "pool", "observed_at"))
    by_candle = groupby(snapshots, lambda row: (row.race_id, row.pool, start_of(row.observed_at, minutes)))
    return [_candle(list(of_candle), minutes, start_at) for (_, _, start_at), of_candle in by_candle]


def _candle(rows: Sequence[OddsRow], minutes: int, start_at: datetime) -> Candle:
    """One candle from its snapshots, oldest first. Where the declared field changed, from those of the last field."""
    import numpy as np

    last = rows[-1]
    odds = np.array([row.odds for row in rows if row.field == last.field], np.float32)
    prices = open_high_low_close(odds)
    return Candle(
        last.race_id,
        last.pool,
        minutes,
        start_at,
        last.race_date,
        len(rows),
        last.source,
        all(row.is_live for row in rows),
        any(row.is_simulated for row in rows),
        max(row.ingested_at for row in rows),
        last.field,
        *prices,
        close_rank(prices[-1]),
    )


def open_high_low_close(odds: Prices) -> tuple[Prices, Prices, Prices, Prices]:
    """First, highest, lowest and last price of each combination; its last sentinel where it has no price.

    `odds`: one row per snapshot, oldest first, at least one; one column per combination.
    """
    import numpy as np

    is_price = odds > 0
    columns = np.arange(odds.shape[1])
    first = odds[is_price.argmax(0), columns]
    last = odds[len(odds) - 1 - is_price[::-1].argmax(0), columns]
    low = np.where(is_price, odds, np.float32(np.inf)).min(0)
    none = ~is_price.any(0)
    opened, high, low, close = (np.where(none, odds[-1], values) for values in (first, odds.max(0), low, last))
    return opened, high, low, close


def close_rank(close: Prices) -> Ranks:
    """Place of each price, 1-based: one more than there are lower ones; 0 where there is no price."""
    import numpy as np

    is_price = close > 0
    places = np.searchsorted(np.sort(close[is_price]), close) + 1
    return np.where(is_price, places, 0).astype(np.int16)


def refresh_candles(connection: Connection, days: Sequence[date]) -> int:
    """Bring the stored candles of these race dates up to date; how many were written.

    Written are those whose snapshots are no longer what they were made from: one came in, late ones too. Those of
    snapshots that were retired stay. Part of the transaction, which others wait for.
    """
    lock_for_transaction(connection, "odds_candles")
    written = 0
    for day in days:
        changed = _changed(connection, day)
        if not changed:
            continue
        rows = snapshot_rows(
            connection,
            """unnest(%(race_ids)s::text[]) race (race_id) join odds_snapshots s using (race_id)
            where s.pool = any(%(pools)s) and s.observed_at >= %(first)s""",
            {
                "race_ids": sorted({race_id for race_id, _, _, _ in changed}),
                "pools": list(STORED),
                "first": min(start_at for _, _, _, start_at in changed),
            },
        )
        candles = [
            candle
            for minutes in MINUTES
            for candle in make_candles(rows, minutes)
            if (candle.race_id, candle.pool, minutes, candle.start_at) in changed
        ]
        _replace(connection, candles)
        written += len(candles)
    return written


_ACTUAL = """
    with actual as (
        select race_id, pool, length.minutes::smallint as minutes,
               date_bin(make_interval(mins => length.minutes), observed_at, timestamptz '2000-01-01 00:00+09') start_at,
               count(*) as snapshots, max(ingested_at) as made_from_at
        from odds_snapshots cross join unnest(%(lengths)s::int[]) length (minutes)
        where race_date = %(day)s and pool = any(%(pools)s) and source <> %(final)s
        group by 1, 2, 3, 4
    )
    select race_id, pool, minutes, start_at
    from actual left join odds_candles made using (race_id, pool, minutes, start_at)
    where (made.snapshots, made.made_from_at) is distinct from (actual.snapshots, actual.made_from_at)
"""


def _changed(connection: Connection, day: date) -> set[tuple[str, str, int, datetime]]:
    """Race, pool, length and start of the candles that are to be written."""
    asked = {"day": day, "pools": list(STORED), "lengths": list(MINUTES), "final": FINAL}
    return set(fetch(connection, _ACTUAL, asked))


_KEY = ("race_id", "pool", "minutes", "start_at")
_TOLD = (*_KEY, "race_date", "snapshots", "source", "is_live", "is_simulated", "made_from_at")
_ARRAYS = ("open", "high", "low", "close")


_DELETE = text("""
    delete from odds_candles made
    using unnest(:race_id ::text[], :pool ::text[], :minutes ::smallint[], :start_at ::timestamptz[])
        as changed (race_id, pool, minutes, start_at)
    where (made.race_id, made.pool, made.minutes, made.start_at)
        = (changed.race_id, changed.pool, changed.minutes, changed.start_at)
""")


def _replace(connection: Connection, candles: Sequence[Candle]) -> None:
    """Write candles in place of those that are there."""
    import numpy as np

    keys = {name: [getattr(candle, name) for candle in candles] for name in _KEY}
    connection.execute(_DELETE, keys)

    def encoded(of_type: Any, values: list[Any]) -> list[bytes]:
        bounds = np.cumsum([0, *map(len, values)])
        return encoded_arrays(of_type, np.concatenate(values), bounds.tolist())

    arrays = [encoded("float4", [getattr(candle, name) for candle in candles]) for name in _ARRAYS]
    fields, ranks = (encoded("int2", [getattr(candle, name) for candle in candles]) for name in ("field", "close_rank"))
    copy_encoded(
        connection,
        odds_candles,
        (*_TOLD, "field", *_ARRAYS, "close_rank"),
        (
            (*(getattr(candle, name) for name in _TOLD), *encodings)
            for candle, *encodings in zip(candles, fields, *arrays, ranks, strict=True)
        ),
    )
