"""A parimutuel model: what the public bet on each combination, and what it would pay.

A runner's share of the win pool grows with its ability; exotic pools follow from it by Harville's formula (whoever is
left wins in proportion to its share). A combination pays the pool's payout divided by its share.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache

from fotmate_assets.embedded.portal.people import generator
from fotmate_assets.embedded.portal.race import RaceState
from fotmate_assets.racing.model import ODDS_CAP, ORDERED_POOLS, Pool, combination, paying_combinations, places_paid

PAYOUT = {
    Pool.WIN: 0.80,
    Pool.PLC: 0.80,
    Pool.QNL: 0.73,
    Pool.EXA: 0.73,
    Pool.QPL: 0.73,
    Pool.TLA: 0.73,
    Pool.TRI: 0.73,
}
"""Share of a pool that is paid out. Its keys are KRA's seven pools in its order."""

SMALLEST_FIELD = {
    Pool.WIN: 2,
    Pool.PLC: 5,
    Pool.QNL: 3,
    Pool.EXA: 3,
    Pool.QPL: 5,
    Pool.TLA: 7,
    Pool.TRI: 7,
}
"""Starters that a pool needs to be sold with horses. KSPO sells all of its pools."""

Odds = dict[tuple[int, ...], float]
"""By start numbers in the pool's order."""


def shares(state: RaceState) -> dict[int, float]:
    """Each starter's share of the win pool; they sum to 1."""
    weights = {
        runner.start_no: math.exp(
            1.6 * runner.ability
            + generator(state.race.seed, state.race.race_id, "fancy", runner.start_no).gauss(0, 0.6)
        )
        for runner in state.starters
    }
    total = sum(weights.values())
    return {start_no: weight / total for start_no, weight in weights.items()}


def sold(state: RaceState, pool: Pool) -> bool:
    """True when the pool is sold for a horse race with these starters."""
    return not state.is_cancelled and len(state.starters) >= SMALLEST_FIELD[pool]


def odds(state: RaceState, pool: Pool) -> Odds:
    """What every combination of a pool pays: a multiple of the stake in tenths, from 1.0 to the cap."""
    share = shares(state)
    chances = _chances(pool, share, places_paid(len(share)))
    return {numbers: price(PAYOUT[pool], chance) for numbers, chance in chances.items()}


def price(payout: float, chance: float) -> float:
    """The odds that a chance gets."""
    return min(ODDS_CAP, max(1.0, round(payout / chance, 1)))


def _chances(pool: Pool, share: dict[int, float], paid: int) -> Odds:
    """Combination to its chance to pay."""
    if pool is Pool.WIN:
        return {(number,): chance for number, chance in share.items()}
    length = 2 if pool in (Pool.QNL, Pool.EXA) else 3
    if pool is Pool.PLC:
        length = paid
    orders = _orders(tuple(share.items()), length)
    if pool in ORDERED_POOLS:
        return orders
    chances: Odds = {}
    for order, chance in orders.items():
        ascending = tuple(sorted(order))
        if pool is Pool.PLC:
            keys: Iterator[tuple[int, ...]] = ((number,) for number in order)
        elif pool is Pool.QPL:
            keys = itertools.combinations(ascending, 2)
        else:
            keys = iter((ascending,))
        for key in keys:
            chances[key] = chances.get(key, 0.0) + chance
    return dict(sorted(chances.items()))


@lru_cache(8)
def _orders(shares: tuple[tuple[int, float], ...], length: int) -> Odds:
    """Every order of `length` runners with its chance by Harville. Kept for the other pools of the same race."""
    share = dict(shares)
    orders: Odds = {}
    for order in itertools.permutations(share, min(length, len(share))):
        left, chance = 1.0, 1.0
        for number in order:
            chance *= share[number] / left
            left -= share[number]
        orders[order] = chance
    return orders


def winners(state: RaceState, pool: Pool) -> list[tuple[int, ...]]:
    """The combinations that pay, each in its pool's order; none for a race that does not count."""
    paying = paying_combinations(pool, state.positions, len(state.starters))
    return sorted(tuple(map(int, each.split("-"))) for each in paying)


def paid(state: RaceState, pool: Pool) -> dict[str, float]:
    """The paying combinations of a pool, as the model writes them, with their odds."""
    grid = odds(state, pool)
    return {combination(pool, numbers): grid[numbers] for numbers in winners(state, pool)}


def sales(state: RaceState, pool: Pool) -> int:
    """Won bet on a horse race's pool."""
    draw = generator(state.race.seed, state.race.race_id, "sales", pool)
    part = {Pool.WIN: 0.04, Pool.PLC: 0.05, Pool.QNL: 0.18, Pool.EXA: 0.12, Pool.QPL: 0.2, Pool.TLA: 0.16}.get(
        pool, 0.25
    )
    return round(draw.uniform(18_000_000, 34_000_000) * part) * 100
