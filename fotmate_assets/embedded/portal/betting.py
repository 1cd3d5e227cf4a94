"""A parimutuel model: what the public bet on each combination, and what it would pay.

A runner's share of the win pool grows with its ability; exotic pools follow from it by Harville's formula (whoever is
left wins in proportion to its share). A combination pays the pool's payout divided by its share.
"""

from __future__ import annotations

import math

from fotmate_assets.embedded.portal.people import generator
from fotmate_assets.embedded.portal.race import RaceState
from fotmate_assets.racing.model import Pool, Sport, combination, paying_combinations, places_paid
from fotmate_assets.racing.odds import model
from fotmate_assets.racing.sources.odds import market

PAYOUT = {pool: model.PAYOUT[pool] for pool in model.SOLD[Sport.HORSE]}
"""Share of a pool that is paid out. Its keys are KRA's seven pools in its order."""

Odds = dict[tuple[int, ...], float]
"""By start numbers in the pool's order."""

price = market.price


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
    return not state.is_cancelled and len(state.starters) >= market.SMALLEST_FIELD[pool]


def odds(state: RaceState, pool: Pool) -> Odds:
    """What every combination of a pool pays: a multiple of the stake in tenths, from 1.0 to the cap."""
    share = shares(state)
    chances = market.chances(pool, list(share.values()), places_paid(len(share)))
    return dict(zip(model.combinations(pool, tuple(share)), price(PAYOUT[pool], chances).tolist(), strict=True))


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
    return round(draw.uniform(18_000_000, 34_000_000) * market.SALES_PART[pool]) * 100
