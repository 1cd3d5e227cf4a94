"""What odds are: pools and their combinations in canonical order, prices and what is not one, snapshots.

The odds of a pool are one array with a number for every combination of the field, in this order: WIN and PLC by start
number; QNL, QPL and TLA as `itertools.combinations` of the ascending field has them, EXA and TRI as
`itertools.permutations`; EXT by its first number, then by the pair. The field is every declared runner, scratched or
not, so that an index means the same combination for as long as the declaration stands.
"""

from __future__ import annotations

import dataclasses
import itertools
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from functools import lru_cache

from fotmate_assets.racing.model import Pool, RaceStatus, Sport, in_order, places_paid

SOLD: Mapping[Sport, tuple[Pool, ...]] = {
    Sport.HORSE: (Pool.WIN, Pool.PLC, Pool.QNL, Pool.EXA, Pool.QPL, Pool.TLA, Pool.TRI),
    Sport.CYCLE: (Pool.WIN, Pool.PLC, Pool.QNL, Pool.EXA, Pool.TLA, Pool.TRI, Pool.EXT),
    Sport.BOAT: (Pool.WIN, Pool.PLC, Pool.QNL, Pool.EXA, Pool.TLA, Pool.TRI, Pool.EXT),
}
"""The pools that a sport sells, which are those whose odds are followed."""

NUMBERS_IN: Mapping[Pool, int] = {
    Pool.WIN: 1,
    Pool.PLC: 1,
    Pool.QNL: 2,
    Pool.QPL: 2,
    Pool.EXA: 2,
    Pool.TLA: 3,
    Pool.TRI: 3,
    Pool.EXT: 3,
}
"""Start numbers in one combination."""

PAYOUT: Mapping[Pool, float] = {pool: 0.80 if pool in (Pool.WIN, Pool.PLC) else 0.73 for pool in NUMBERS_IN}
"""Share of a pool that is paid out, as KRA does (research: 0.80 for the winner, 0.73 for the first three in order)."""


class Sentinel(IntEnum):
    """What stands in an odds array where there is no price. A price is greater than 0."""

    UNSOLD = -1
    """Nobody has bought the combination."""
    CAPPED = -2
    """The source shows its cap (9999.9): higher than it can show, or unsold."""
    SCRATCHED = -3
    """A runner of the combination was withdrawn."""
    UNTOLD = -4
    """The source does not tell: the grid is incomplete."""


@lru_cache(256)
def combinations(pool: Pool, field: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Every combination of a pool for a field (ascending start numbers), in canonical order.

    Raises KeyError for a pool whose meaning is not known (POOL6 to POOL8).
    """
    length = NUMBERS_IN[pool]
    if pool is Pool.EXT:
        return tuple(
            (first, *pair)
            for first in field
            for pair in itertools.combinations([number for number in field if number != first], 2)
        )
    if pool in (Pool.EXA, Pool.TRI):
        return tuple(itertools.permutations(field, length))
    return tuple(itertools.combinations(field, length))


@lru_cache(256)
def _places(pool: Pool, field: tuple[int, ...]) -> dict[tuple[int, ...], int]:
    return {numbers: index for index, numbers in enumerate(combinations(pool, field))}


def combination_index(pool: Pool, field: tuple[int, ...], numbers: Sequence[int]) -> int:
    """Where a combination stands in the pool's array (0-based); its numbers in any order where the pool has none.

    Raises KeyError for a combination that the field does not have.
    """
    return _places(pool, field)[in_order(pool, numbers)]


def grid(
    pool: Pool,
    field: tuple[int, ...],
    prices: Mapping[tuple[int, ...], float],
    scratched: frozenset[int] = frozenset(),
) -> array[float]:
    """The array of a pool from `prices` (combination to odds or a `Sentinel`): combinations with a scratched runner are
    SCRATCHED whatever the source says, those it does not name UNTOLD.

    Raises KeyError for a combination that the field does not have.
    """
    made = array("f", [Sentinel.UNTOLD]) * len(combinations(pool, field))
    places = _places(pool, field)
    for numbers, odds in prices.items():
        made[places[in_order(pool, numbers)]] = odds
    if scratched:
        for index, numbers in enumerate(combinations(pool, field)):
            if not scratched.isdisjoint(numbers):
                made[index] = Sentinel.SCRATCHED
    return made


def paying(pool: Pool, starters: int) -> int:
    """How many combinations of a pool pay when nobody ties: what the chances of all its combinations sum to."""
    return {Pool.PLC: places_paid(starters), Pool.QPL: 3}.get(pool, 1)


@dataclass(frozen=True)
class OddsRace:
    """A race as odds are asked for."""

    race_id: str
    race_date: date
    sport: Sport
    race_no: int
    track_id: str
    post_time: datetime
    """The off as it stands."""
    status: RaceStatus
    field: tuple[int, ...]
    """Start numbers of every declared runner, ascending; empty where no entries are known."""
    scratched: frozenset[int] = frozenset()

    @property
    def starters(self) -> tuple[int, ...]:
        """Start numbers of those who are to start."""
        return tuple(number for number in self.field if number not in self.scratched)


@dataclass(frozen=True)
class PoolOdds:
    """The odds of one pool at one instant."""

    pool: Pool
    odds: array[float]
    """In canonical order of the snapshot's field: multiples of the stake, or a `Sentinel`."""
    sales_krw: int | None = None
    """Sales of the pool, won; None where unknown, which is not zero."""


@dataclass(frozen=True)
class OddsSnapshot:
    """What a source says of a race's odds at one instant."""

    race_id: str
    field: tuple[int, ...]
    pools: tuple[PoolOdds, ...]
    source_ts: datetime | None
    """The source's own clock; None where it tells none."""
    content: bytes | None = dataclasses.field(default=None, repr=False)
    """The document as it came; None for what has no bytes of its own."""
    raw_sha256: str | None = None
    """Address of the document where it is in the raw zone already."""


@dataclass(frozen=True)
class OddsRow:
    """One row of `odds_snapshots`."""

    race_id: str
    pool: Pool
    observed_at: datetime
    """The instant that the odds were asked for: the slot; of final odds, when they were fetched."""
    race_date: date
    field: tuple[int, ...]
    odds: Sequence[float]
    """In canonical order of `field`: multiples of the stake, or a `Sentinel`. An array, numpy's when it was read."""
    sales_krw: int | None
    source_ts: datetime | None
    ingested_at: datetime
    source: str
    is_live: bool
    is_simulated: bool
    raw_sha256: str | None = None


def rows_of(
    snapshot: OddsSnapshot,
    race: OddsRace,
    observed_at: datetime,
    ingested_at: datetime,
    source: str,
    *,
    is_live: bool,
    is_simulated: bool,
    raw_sha256: str | None,
) -> Iterator[OddsRow]:
    """The rows of a snapshot, one per pool."""
    for each in snapshot.pools:
        yield OddsRow(
            race.race_id,
            each.pool,
            observed_at,
            race.race_date,
            snapshot.field,
            each.odds,
            each.sales_krw,
            snapshot.source_ts,
            ingested_at,
            source,
            is_live,
            is_simulated,
            raw_sha256,
        )
