"""Typed reads of odds, the same over every tier: Postgres, the lake, or both as one.

Each function takes an `OddsReader` and works on the rows that it brings. Final odds are never mixed with the time
series: they are read for themselves, and what shows prices says `source`, `is_live`, `is_simulated` and `is_final`.
Probabilities are implied by the odds with the margin taken off by `IMPLIED_METHOD`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from fotmate_assets.racing.model import Pool, in_order
from fotmate_assets.racing.odds.candles import Candle, make_candles
from fotmate_assets.racing.odds.model import OddsRow, Sentinel, combination_index, combinations, paying
from fotmate_assets.racing.odds.readers import OddsReader, TrackHour
from fotmate_assets.racing.odds.store import FINAL, Flat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Prices = NDArray[np.float32]
    Shares = NDArray[np.float64]

IMPLIED_METHOD = "proportional"
"""How the margin is taken off: every 1/price by the same factor, so that they sum to the combinations that pay."""


# What reads answer ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PoolPrices:
    """The odds of one pool at one instant. Arrays have a number per combination of `field`, in canonical order."""

    race_id: str
    pool: Pool
    observed_at: datetime
    field: tuple[int, ...]
    odds: Prices
    """Multiples of the stake, or a `Sentinel`: below 0."""
    implied: Shares
    """Probability to pay, 0 to 1, by `IMPLIED_METHOD`; NaN where there is no price."""
    sales_krw: int | None
    source: str
    is_live: bool
    is_simulated: bool

    @property
    def is_final(self) -> bool:
        """True for the odds that were paid, which are not those of an instant before the off."""
        return self.source == FINAL

    @property
    def combinations(self) -> tuple[tuple[int, ...], ...]:
        """The start numbers that each number of the arrays is for."""
        return combinations(self.pool, self.field)


@dataclass(frozen=True)
class OddsSeries:
    """The odds of one pool over time. Arrays have a row per instant and a column per combination."""

    race_id: str
    pool: Pool
    field: tuple[int, ...]
    combinations: tuple[tuple[int, ...], ...]
    """Of the columns: start numbers, in canonical order."""
    observed_at: tuple[datetime, ...]
    """Ascending."""
    odds: Prices
    """Multiples of the stake, or a `Sentinel`: below 0."""
    implied: Shares
    """Probability to pay, 0 to 1, by `IMPLIED_METHOD`; NaN where there is no price."""
    sales_krw: tuple[int | None, ...]
    source: str
    is_live: bool
    is_simulated: bool


@dataclass(frozen=True)
class Closing:
    """How a pool of a race closed: what was observed last, and beside it what was paid."""

    race_id: str
    last: PoolPrices | None
    """Last snapshot up to the off; None where nothing was observed."""
    final: PoolPrices | None
    """Final odds; None where they are not known."""


@dataclass(frozen=True)
class Drift:
    """How the odds of a pool moved from the first snapshot to the last up to the off, per combination of `closing`."""

    opening: PoolPrices
    closing: PoolPrices
    drift: Shares
    """Closing by opening price, less 1; below 0: backed. NaN where either has no price."""
    share_change: Shares
    """Implied probability at the close less that at the opening; NaN where either has none."""


# Reads ---------------------------------------------------------------------------------------------------------------


def odds_history(
    reader: OddsReader, race_id: str, pool: Pool | None = None, combination: Sequence[int] | None = None
) -> list[OddsSeries]:
    """The odds of a race over time, a series per pool in the order of `Pool`; of one pool, or of one combination of it.

    Where the declared field or the source changes, another series begins. A combination is given as start numbers, in
    any order where the pool has none, and is the only column; a series whose field does not have it is left out.
    Raises ValueError for a combination without a pool.
    """
    if combination is not None and pool is None:
        raise ValueError("a combination is one of a pool: name the pool")
    rows = sorted(reader.history(race_id, pool), key=lambda row: _PLACES[row.pool])
    if not rows:
        return []
    flat = Flat(rows)
    implied = _implied(rows, flat)
    found = []
    stop = 0
    for _, same in groupby(rows, attrgetter("pool", "field", "source", "is_live", "is_simulated")):
        of_series = list(same)
        first, start, stop = of_series[0], stop, stop + len(of_series)
        of_odds, shape = slice(flat.bounds[start], flat.bounds[stop]), (len(of_series), len(first.odds))
        series = OddsSeries(
            race_id,
            first.pool,
            first.field,
            combinations(first.pool, first.field),
            tuple([row.observed_at for row in of_series]),
            flat.odds[of_odds].reshape(shape),
            implied[of_odds].reshape(shape),
            tuple([row.sales_krw for row in of_series]),
            first.source,
            first.is_live,
            first.is_simulated,
        )
        if combination is None:
            found.append(series)
        elif in_order(first.pool, combination) in series.combinations:
            index = combination_index(first.pool, first.field, combination)
            column = slice(index, index + 1)
            found.append(
                replace(
                    series,
                    combinations=series.combinations[column],
                    odds=series.odds[:, column],
                    implied=series.implied[:, column],
                )
            )
    return found


def odds_at(reader: OddsReader, race_id: str, instant: datetime) -> list[PoolPrices]:
    """The odds of a race as they stood at an instant: the last snapshot of each pool at or before it, in the order of
    `Pool`; nothing of a pool without one.
    """
    last = {row.pool: row for row in reader.history(race_id) if row.observed_at <= instant}
    return _prices([last[pool] for pool in Pool if pool in last])


def closing_odds(reader: OddsReader, day: date, pool: Pool = Pool.WIN) -> list[Closing]:
    """How a pool closed in every race of a date that has odds, by race id."""
    last, final = (
        {prices.race_id: prices for prices in _prices(rows)}
        for rows in ([closing for _, closing in reader.edges([day], pool)], reader.finals([day], pool))
    )
    return [Closing(race_id, last.get(race_id), final.get(race_id)) for race_id in sorted(last.keys() | final.keys())]


def opening_to_closing(reader: OddsReader, first: date, last: date, pool: Pool = Pool.WIN) -> list[Drift]:
    """How the odds of every race of these days, both included, moved before the off, by race id."""
    edges = reader.edges(_days(first, last), pool)
    openings, closings = _prices([opening for opening, _ in edges]), _prices([closing for _, closing in edges])
    return [_drift(opening, closing) for opening, closing in zip(openings, closings, strict=True)]


def candles(reader: OddsReader, race_id: str, minutes: int, pool: Pool = Pool.WIN) -> list[Candle]:
    """The candles of a race by time, of any length and pool, up to the last snapshot; `odds_candles` stores those of 1
    and 5 minutes to win and to place.
    """
    return make_candles(reader.history(race_id, pool), minutes)


def track_hour_averages(reader: OddsReader, first: date, last: date, pool: Pool = Pool.WIN) -> list[TrackHour]:
    """Mean odds by track and hour of the Korean day over these days, both included; simulated ones apart."""
    return reader.hours(_days(first, last), pool)


def implied_by(rows: Sequence[OddsRow]) -> list[Shares]:
    """Probability to pay that each price of each row implies, NaN where there is none; of a row they sum to the
    combinations that will pay.
    """
    if not rows:
        return []
    flat = Flat(rows)
    implied = _implied(rows, flat)
    return [implied[start:stop] for start, stop in pairwise(flat.bounds)]


def _implied(rows: Sequence[OddsRow], flat: Flat) -> Shares:
    import numpy as np

    starters = (flat.lengths - flat.scratched).astype(int).tolist()
    pays = np.array([paying(row.pool, each) for row, each in zip(rows, starters, strict=True)])
    scale = np.divide(pays, flat.overround, out=np.zeros(len(rows)), where=flat.overround > 0)
    implied = np.repeat(scale, flat.lengths)
    implied *= flat.chances
    implied[~flat.is_price] = np.nan
    return implied


def _prices(rows: Sequence[OddsRow]) -> list[PoolPrices]:
    import numpy as np

    return [
        PoolPrices(
            row.race_id,
            row.pool,
            row.observed_at,
            row.field,
            np.asarray(row.odds, np.float32),
            implied,
            row.sales_krw,
            row.source,
            row.is_live,
            row.is_simulated,
        )
        for row, implied in zip(rows, implied_by(rows), strict=True)
    ]


def _drift(opening: PoolPrices, closing: PoolPrices) -> Drift:
    import numpy as np

    odds, implied = opening.odds, opening.implied
    if opening.field != closing.field:
        place = {numbers: index for index, numbers in enumerate(opening.combinations)}
        from_opening = [place.get(numbers, -1) for numbers in closing.combinations]
        odds = np.append(odds, np.float32(Sentinel.UNTOLD))[from_opening]
        implied = np.append(implied, np.nan)[from_opening]
    both = (odds > 0) & (closing.odds > 0)
    drift = np.divide(closing.odds, odds, out=np.full(len(odds), np.nan), where=both) - 1
    return Drift(opening, closing, drift, closing.implied - implied)


_PLACES = {pool: place for place, pool in enumerate(Pool)}


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=passed) for passed in range((last - first).days + 1)]
