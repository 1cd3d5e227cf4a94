"""The arithmetic of a parimutuel market, against Harville's formula written out runner by runner."""

import itertools
import math

import numpy as np
import pytest

from fotmate_assets.racing.model import Pool, places_paid
from fotmate_assets.racing.odds.model import NUMBERS_IN, Sentinel, combinations, paying
from fotmate_assets.racing.sources.odds import market

POOLS = tuple(NUMBERS_IN)
SHARES = [0.31, 0.22, 0.17, 0.12, 0.09, 0.05, 0.03, 0.01]


def written_out(pool: Pool, shares: list[float], places: int) -> dict[tuple[int, ...], float]:
    """Every order of three with its chance, added up where it makes a combination pay."""
    found: dict[tuple[int, ...], float] = {}
    for order in itertools.permutations(range(len(shares)), 3):
        left, chance = 1.0, 1.0
        for runner in order:
            chance *= shares[runner] / left
            left -= shares[runner]
        first, second, third = order
        ways: dict[Pool, list[tuple[int, ...]]] = {
            Pool.WIN: [(first,)],
            Pool.PLC: [(runner,) for runner in order[:places]],
            Pool.QNL: [tuple(sorted(order[:2]))],
            Pool.EXA: [order[:2]],
            Pool.QPL: list(itertools.combinations(sorted(order), 2)),
            Pool.TLA: [tuple(sorted(order))],
            Pool.TRI: [order],
            Pool.EXT: [(first, *sorted((second, third)))],
        }
        for key in ways[pool]:
            found[key] = found.get(key, 0.0) + chance
    return found


@pytest.mark.parametrize("places", [1, 2, 3])
@pytest.mark.parametrize("pool", POOLS)
def test_the_chances_of_a_pool_are_harvilles_in_canonical_order(pool: Pool, places: int) -> None:
    expected = written_out(pool, SHARES, places)
    order = combinations(pool, tuple(range(len(SHARES))))
    assert market.chances(pool, SHARES, places) == pytest.approx([expected[numbers] for numbers in order])


@pytest.mark.parametrize("starters", [3, 4, 7, 8, 11, 16])
@pytest.mark.parametrize("pool", POOLS)
def test_chances_sum_to_the_combinations_that_pay(pool: Pool, starters: int) -> None:
    shares = np.random.default_rng(starters).dirichlet(np.ones(starters))
    found = market.chances(pool, shares, places_paid(starters))
    assert len(found) == len(combinations(pool, tuple(range(starters))))
    assert found.sum() == pytest.approx(paying(pool, starters))


@pytest.mark.parametrize("pool", POOLS)
def test_a_runner_without_a_share_leaves_the_others_what_they_have(pool: Pool) -> None:
    without = market.chances(pool, SHARES, 3)
    field = tuple(range(len(SHARES) + 1))
    withdrawn = market.with_runner(pool, np.array([number == 4 for number in field]))
    found = market.chances(pool, [*SHARES[:4], 0.0, *SHARES[4:]], 3)
    assert found[~withdrawn] == pytest.approx(without)
    assert not found[withdrawn].any()
    assert [4 in numbers for numbers in combinations(pool, field)] == withdrawn.tolist()


@pytest.mark.parametrize("pool", POOLS)
def test_many_markets_at_once_are_each_as_alone(pool: Pool) -> None:
    views = np.random.default_rng(1).dirichlet(np.ones(6), size=(2, 3))
    together = market.chances(pool, views, 2)
    assert together.shape[:2] == (2, 3)
    assert together[1, 2] == pytest.approx(market.chances(pool, views[1, 2], 2))


def test_a_certain_winner_leaves_nothing_for_the_others() -> None:
    assert market.chances(Pool.TRI, [1.0, 0.0, 0.0, 0.0], 1).tolist() == [0.0] * 24
    assert market.chances(Pool.WIN, [1.0, 0.0, 0.0, 0.0], 1).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_a_pool_whose_meaning_is_not_known_has_no_chances() -> None:
    with pytest.raises(KeyError):
        market.chances(Pool.POOL6, SHARES, 3)


def test_stakes_make_the_odds_of_a_shared_out_pool() -> None:
    stakes = np.array([500.0, 300.0, 200.0])
    assert market.board(stakes, 0.8, 1, np.zeros(3, bool)).tolist() == [1.6, 2.7, 4.0]
    assert market.board(stakes, 0.8, 2, np.zeros(3, bool)).tolist() == [1.0, 1.3, 2.0]


def test_no_price_is_below_the_stake() -> None:
    assert market.board(np.array([980.0, 20.0]), 0.8, 1, np.zeros(2, bool))[0] == 1.0


def test_what_would_pay_more_than_the_portals_show_is_capped() -> None:
    odds = market.board(np.array([1e6, 73.02, 72.0]), 0.73, 1, np.zeros(3, bool))
    assert odds[1:].tolist() == [9998.7, Sentinel.CAPPED]


def test_what_nobody_bought_is_unsold_and_no_price() -> None:
    assert market.board(np.array([100.0, 0.0]), 0.8, 1, np.zeros(2, bool)).tolist() == [1.0, Sentinel.UNSOLD]
    assert market.board(np.zeros(2), 0.8, 1, np.zeros(2, bool)).tolist() == [Sentinel.UNSOLD] * 2


def test_stakes_on_a_scratched_runner_are_paid_back() -> None:
    withdrawn = np.array([False, True, False])
    odds = market.board(np.array([300.0, 5_000.0, 700.0]), 0.8, 1, withdrawn)
    assert odds.tolist() == [2.7, Sentinel.SCRATCHED, 1.1]


@pytest.mark.parametrize("pool", [Pool.WIN, Pool.QNL, Pool.EXA, Pool.QPL])
def test_a_board_gives_back_the_payout_but_for_rounding(pool: Pool) -> None:
    chances = market.chances(pool, SHARES, 3)
    odds = market.board(1e9 * chances, 0.73, paying(pool, 8), np.zeros(len(chances), bool))
    given = paying(pool, 8) / 0.73
    assert math.fsum(1 / (odds + 0.0501)) <= given <= math.fsum(1 / (odds - 0.0501))
