"""The arithmetic of a parimutuel market: chances of combinations, and what stakes on them make the odds.

A pool shares out its payout among those who bought what won: a combination pays `payout / share`, where `share` is its
part of the stakes. Who wins the win pool in which proportion tells the chances of every other pool by Harville's
formula: whoever is left wins in proportion to its share.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fotmate_assets.racing.model import ODDS_CAP, Pool
from fotmate_assets.racing.odds.model import NUMBERS_IN, Sentinel, combinations

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

SMALLEST_FIELD: Mapping[Pool, int] = {
    Pool.WIN: 2,
    Pool.PLC: 5,
    Pool.QNL: 3,
    Pool.EXA: 3,
    Pool.QPL: 5,
    Pool.TLA: 7,
    Pool.TRI: 7,
}
"""Starters that a pool needs to be sold with horses."""

SALES_PART: Mapping[Pool, float] = {
    Pool.WIN: 0.04,
    Pool.PLC: 0.05,
    Pool.QNL: 0.18,
    Pool.EXA: 0.12,
    Pool.QPL: 0.20,
    Pool.TLA: 0.16,
    Pool.TRI: 0.25,
    Pool.EXT: 0.25,
}
"""About how much of what is bet on a horse race is bet in each pool; of EXT, on a cycle or boat race."""


def chances(pool: Pool, shares: ArrayLike, places: int) -> NDArray[np.float64]:
    """The chance of every combination of a pool to pay, by Harville's formula, in canonical order.

    `shares`: of the win pool, per runner by ascending start number, 0 for one that does not start; they sum to 1. Many
    markets at once: any number of axes before that of the runners. `places`: how many runners PLC pays (1 to 3).

    They sum to the number of combinations that pay, where three or more start. Raises KeyError for a pool whose meaning
    is not known.
    """
    import numpy as np

    share = np.asarray(shares, np.float64)
    pairs = _first_two(share)
    match pool:
        case Pool.WIN:
            table = share
        case Pool.PLC:
            table = share + pairs.sum(-2) * (places >= 2)
            if places == 3:
                table = table + _first_three(share, pairs).sum((-3, -2))
        case Pool.EXA:
            table = pairs
        case Pool.QNL:
            table = pairs + pairs.swapaxes(-1, -2)
        case Pool.TRI:
            table = _first_three(share, pairs)
        case Pool.EXT:
            table = _next_two_any(_first_three(share, pairs))
        case Pool.TLA | Pool.QPL:
            table = _next_two_any(_first_three(share, pairs))
            table = table + table.swapaxes(-3, -2) + table.swapaxes(-3, -1)
            if pool is Pool.QPL:
                table = table.sum(-1)
        case _:
            raise KeyError(pool)
    places_in_table: tuple[Any, ...] = (..., *_runners(pool, share.shape[-1]))
    return np.asarray(table[places_in_table])


def price(payout: float, chance: ArrayLike) -> NDArray[np.float64]:
    """What chances get for a pool's payout: a multiple of the stake in tenths, from 1.0 to `ODDS_CAP`.

    A chance of 0 gets the cap.
    """
    import numpy as np

    with np.errstate(divide="ignore"):
        return np.clip(np.round(payout / np.asarray(chance, np.float64), 1), 1.0, ODDS_CAP)


def board(stakes: NDArray[np.float64], payout: float, pays: int, withdrawn: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The odds that stakes make, with a `Sentinel` where there is no price.

    `stakes`: of each combination, won. `pays`: how many of them will pay. `withdrawn`: those with a scratched runner,
    whose stakes are paid back and count for nothing.
    """
    import numpy as np

    bought = np.where(withdrawn, 0.0, stakes)
    odds = price(payout, pays * bought / (bought.sum() or 1.0))
    odds[odds == ODDS_CAP] = Sentinel.CAPPED
    odds[bought == 0] = Sentinel.UNSOLD
    odds[withdrawn] = Sentinel.SCRATCHED
    return odds


def with_runner(pool: Pool, is_runner: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The combinations, in canonical order, that have any of the runners (by ascending start number) that are True."""
    import numpy as np

    return np.asarray(np.any([is_runner[runner] for runner in _runners(pool, len(is_runner))], axis=0))


@lru_cache(256)
def _runners(pool: Pool, declared: int) -> tuple[NDArray[np.intp], ...]:
    """The runners (0-based) of every combination in canonical order: an array for its first, one for its second ..."""
    import numpy as np

    grid = np.array(combinations(pool, tuple(range(declared))), np.intp)
    return tuple(grid.reshape(-1, NUMBERS_IN[pool]).T)


def _first_two(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance of each runner (row) to win with each other (column) second."""
    import numpy as np

    pairs = share[..., :, None] * _part(share[..., None, :], (1.0 - share)[..., :, None])
    return np.asarray(pairs * ~np.eye(share.shape[-1], dtype=bool))


def _first_three(share: NDArray[np.float64], pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance of each order of three."""
    import numpy as np

    left = (1.0 - share)[..., :, None] - share[..., None, :]
    orders = pairs[..., None] * _part(share[..., None, None, :], left[..., None])
    same = np.eye(share.shape[-1], dtype=bool)
    return np.asarray(orders * ~(same[:, None, :] | same[None, :, :]))


def _next_two_any(orders: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance of each winner with two others behind it in any order."""
    return orders + orders.swapaxes(-1, -2)


def _part(share: NDArray[np.float64], left: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of what is left; 0 where nothing is."""
    import numpy as np

    shape = np.broadcast_shapes(share.shape, left.shape)
    return np.divide(share, left, out=np.zeros(shape), where=left > 0)
