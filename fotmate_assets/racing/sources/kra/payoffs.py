"""Payoffs: what API179_1 declares, confirmed by the final odds; from the final odds alone where it is silent."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from fotmate_assets.core.model import SourceError
from fotmate_assets.racing.model import (
    ODDS_CAP,
    ORDERED_POOLS,
    Payoff,
    Pool,
    Result,
    paying_combinations,
)
from fotmate_assets.racing.sources import rows
from fotmate_assets.racing.sources.kra import values
from fotmate_assets.racing.sources.kra.reading import Key, Line, Reading, joined
from fotmate_assets.racing.sources.kra.rows import GridRow, SalesRow
from fotmate_assets.racing.sources.kra.values import Declared
from fotmate_assets.racing.sources.source import Family, Listing

SALES, GRID, GRID_OF_THE_DAY = "API179_1", "API160_1", "API301"


class Outcome(NamedTuple):
    """What paying follows from."""

    results: tuple[Result, ...] | None
    is_cancelled: bool

    @property
    def starters(self) -> int | None:
        """Runners that left the start; None without a result."""
        return None if self.results is None else sum(it.finish_status.started for it in self.results)

    @property
    def may_pay_nothing(self) -> bool:
        """True for a cancelled race, and for a walkover, on which nobody bets."""
        return self.is_cancelled or self.starters in (0, 1)


class Sold(NamedTuple):
    """One pool of a race in API179_1."""

    pool: Pool
    label: str
    winners: list[Declared]
    """Empty before they are declared."""
    sales_krw: int | None
    new_fields: tuple[str, ...]


class Price(NamedTuple):
    """Final odds as the grid has them, cap and all, and what it calls the pool."""

    odds: float
    label: str


Wanted = tuple[int, Pool, str]
"""Race, pool and combination."""


class Grid:
    """The final odds of some combinations, and which pools of which races are there at all."""

    def __init__(self) -> None:
        self.service = GRID
        self.prices: dict[Wanted, Price] = {}
        self.pools: dict[int, set[Pool]] = defaultdict(set)


def payoffs(reading: Reading, outcomes: Mapping[int, Outcome]) -> dict[int, tuple[Payoff, ...] | None]:
    """The payoffs of every race: none of one that was cancelled or walked over, None where nothing is known by now."""
    sold = reading.rows(SALES, SalesRow, frozenset(), _sold)
    if new := sorted({name for pools in sold.values() for it in pools for name in it.new_fields}):
        reading.warnings.append(f"{SALES} has new fields: {', '.join(new)}")
    paying = {number: _paying(outcome, sold.get(number, ())) for number, outcome in outcomes.items()}
    wanted = [(number, pool, winner) for number, pools in paying.items() for pool in pools for winner in pools[pool]]
    grid = _grid(reading, wanted)
    _warn_of_phantoms(reading, {SALES: sold, grid.service: grid.pools}, outcomes)
    has_documents = not reading.listings.keys().isdisjoint({SALES, GRID, GRID_OF_THE_DAY})
    found: dict[int, tuple[Payoff, ...] | None] = {}
    for number, outcome in outcomes.items():
        paid = _paid(reading, number, sold.get(number, ()), paying[number], grid)
        known = not reading.is_at_fault(Family.PAYOFFS, number) and has_documents
        found[number] = tuple(paid) if known and (paid or outcome.may_pay_nothing) else None
    return found


def _paying(outcome: Outcome, sold: Iterable[Sold]) -> dict[Pool, list[str]]:
    """The combinations that pay, by pool: as declared, else as the result has it."""
    if outcome.is_cancelled:
        return {}
    found = {it.pool: [winner.combination for winner in it.winners] for it in sold if it.winners}
    positions = {it.start_no: it.finish_position for it in outcome.results or () if it.start_no and it.finish_position}
    if positions:
        for pool in values.NUMBERS_IN:
            if pool not in found:
                found[pool] = sorted(paying_combinations(pool, positions, outcome.starters or 0))
    return found


def _paid(
    reading: Reading, race_no: int, sold: Iterable[Sold], paying: Mapping[Pool, Iterable[str]], grid: Grid
) -> list[Payoff]:
    """The payoffs of a race, pool by pool. A pool that was not sold has none."""
    by_pool = {it.pool: it for it in sold}
    found = []
    for pool in sorted(paying, key=list(Pool).index):
        told = by_pool.get(pool)
        sales = told.sales_krw if told else None
        declared = {winner.combination: winner.odds for winner in told.winners} if told else {}
        for winner in paying[pool]:
            price = grid.prices.get((race_no, pool, winner))
            confirmed = values.price(price.odds) if price else None
            if told and winner in declared:
                odds = declared[winner]
                found.append(_payoff(pool, winner, odds, told.label, SALES, sales, confirmed))
            elif price:
                found.append(_payoff(pool, winner, price.odds, price.label, grid.service, sales, None))
            elif pool in grid.pools[race_no]:
                reading.warnings.append(f"race {race_no}: {grid.service} lacks {pool} {winner}, which won")
    return found


def _payoff(
    pool: Pool, winner: str, odds: float, label: str, service: str, sales_krw: int | None, confirmed: float | None
) -> Payoff:
    return Payoff(
        pool,
        winner,
        values.price(odds),
        is_capped=odds >= ODDS_CAP,
        pool_label=label,
        confirmed_odds=confirmed,
        pool_sales_krw=sales_krw,
        service=service,
    )


def _sold(line: Line[SalesRow]) -> Sold:
    """A row of API179_1."""
    row = line.value
    pool = line.parsed("pool", values.pool_of)
    return Sold(pool, row.pool, line.read("odds", values.declared, pool) or [], row.amt, tuple(line.extra))


def _warn_of_phantoms(reading: Reading, told: Mapping[str, Iterable[int]], known: Iterable[int]) -> None:
    """Take note of races that were never run: the portal has odds on days without racing."""
    for service, races in told.items():
        if phantoms := sorted(set(races) - set(known)):
            reading.warnings.append(
                f"{service} has payoffs of races that no schedule, entry sheet or result knows, left out: "
                f"{', '.join(map(str, phantoms))}"
            )


# The grid of final odds ---------------------------------------------------------------------------------------------

_grid_decoder = msgspec.json.Decoder(list[GridRow], strict=False)


def _grid(reading: Reading, wanted: Iterable[Wanted]) -> Grid:
    """The wanted odds from API160_1, or from API301 where that has no row of the meeting."""
    places = {place: want for want in wanted for place in _places(want)}
    grid = Grid()
    for slot in (GRID, GRID_OF_THE_DAY):
        listing = reading.listings.get(slot)
        if listing is None:
            continue
        grid.service = slot
        for row, it in grid_rows(reading, slot, listing):
            pool = values.POOL_OF.get(it.pool)
            if pool is None:
                reason = f"no pool is called {it.pool!r}"
                reading.fault(listing, it.rcNo, listing.refused(row, "pool", reason))
                continue
            grid.pools[it.rcNo].add(pool)
            want = places.get((it.rcNo, pool, it.chulNo, it.chulNo2, it.chulNo3))
            if want is not None:
                grid.prices[want] = Price(it.odds, it.pool)
        if grid.pools:
            break
    return grid


def _places(want: Wanted) -> Iterator[tuple[int, Pool, int, int, int]]:
    """How the grid may write a combination: in any order where the pool has none."""
    race_no, pool, winner = want
    numbers = tuple(map(int, winner.split("-")))
    orders = [numbers] if pool in ORDERED_POOLS else itertools.permutations(numbers)
    for order in orders:
        first, second, third = (*order, 0, 0)[:3]
        yield race_no, pool, first, second, third


def grid_rows(reading: Reading, slot: str, listing: Listing) -> Iterable[tuple[int, GridRow]]:
    """The rows of this meeting with where they stand: all decoded at once; one by one where one of them is wrong, whose
    race is at fault.
    """
    own = reading.own(listing, slot)
    try:
        found = _grid_decoder.decode(joined(listing.rows[key.row] for key in own))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _own_one_by_one(reading, listing, own)
    if own and (extra := rows.decode(listing, own[0].row, GridRow).extra):
        reading.warnings.append(f"{slot} has new fields: {', '.join(sorted(extra))}")
    return [(key.row, it) for key, it in zip(own, found, strict=True)]


def _own_one_by_one(reading: Reading, listing: Listing, own: Iterable[Key]) -> Iterator[tuple[int, GridRow]]:
    """The same, telling which row is wrong; its race has no payoffs."""
    bad: set[int] = set()
    for key in own:
        if key.race_no not in bad:
            try:
                yield key.row, _grid_row(listing, key)
            except SourceError as error:
                bad.add(key.race_no)
                reading.fault(listing, key.race_no, error)


def _grid_row(listing: Listing, key: Key) -> GridRow:
    return rows.decode(listing, key.row, GridRow).value
