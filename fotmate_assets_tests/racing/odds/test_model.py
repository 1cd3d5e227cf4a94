"""Combinations in canonical order, grids and what stands in them, implied probabilities."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.racing.model import Pool, Sport
from fotmate_assets.racing.odds.model import (
    NUMBERS_IN,
    SOLD,
    Sentinel,
    combination_index,
    combinations,
    grid,
    paying,
)
from fotmate_assets_tests.databases import Database

WIN, PLC, QNL, QPL, EXA, TLA, TRI, EXT = Pool.WIN, Pool.PLC, Pool.QNL, Pool.QPL, Pool.EXA, Pool.TLA, Pool.TRI, Pool.EXT
FIELDS = st.lists(st.integers(1, 20), min_size=3, max_size=12, unique=True).map(lambda numbers: tuple(sorted(numbers)))
POOLS = st.sampled_from(list(NUMBERS_IN))


def field_of(runners: int) -> tuple[int, ...]:
    return tuple(range(1, runners + 1))


@pytest.mark.parametrize(
    ("runners", "counts"),
    [
        (6, (6, 6, 15, 15, 30, 20, 120)),
        (7, (7, 7, 21, 21, 42, 35, 210)),
        (8, (8, 8, 28, 28, 56, 56, 336)),
        (11, (11, 11, 55, 55, 110, 165, 990)),
        (16, (16, 16, 120, 120, 240, 560, 3360)),
    ],
)
def test_a_field_has_as_many_combinations_as_the_research_counts(runners: int, counts: tuple[int, ...]) -> None:
    assert tuple(len(combinations(pool, field_of(runners))) for pool in (WIN, PLC, QNL, QPL, EXA, TLA, TRI)) == counts


def test_a_race_of_each_sport_has_as_many_prices_as_the_research_counts() -> None:
    def prices(sport: Sport, runners: int) -> int:
        return sum(len(combinations(pool, field_of(runners))) for pool in SOLD[sport])

    assert prices(Sport.HORSE, 11) == 1_397
    assert prices(Sport.CYCLE, 7) == 427
    assert prices(Sport.BOAT, 6) == 257


def test_combinations_stand_in_the_order_that_is_documented() -> None:
    field = (2, 5, 9)
    assert combinations(WIN, field) == ((2,), (5,), (9,))
    assert combinations(QNL, field) == ((2, 5), (2, 9), (5, 9))
    assert combinations(EXA, field) == ((2, 5), (2, 9), (5, 2), (5, 9), (9, 2), (9, 5))
    assert combinations(TRI, field) == tuple(itertools.permutations(field))
    assert combinations(EXT, field) == ((2, 5, 9), (5, 2, 9), (9, 2, 5))


@given(pool=POOLS, field=FIELDS)
def test_the_index_finds_every_combination_and_none_twice(pool: Pool, field: tuple[int, ...]) -> None:
    found = combinations(pool, field)
    assert [combination_index(pool, field, numbers) for numbers in found] == list(range(len(found)))


@given(pool=POOLS, field=FIELDS, data=st.data())
def test_numbers_may_be_given_in_any_order_where_the_pool_has_none(
    pool: Pool, field: tuple[int, ...], data: st.DataObject
) -> None:
    numbers = data.draw(st.sampled_from(combinations(pool, field)))
    fixed = {EXA: 2, TRI: 3, EXT: 1}.get(pool, 0)
    shuffled = (*numbers[:fixed], *data.draw(st.permutations(numbers[fixed:])))
    assert combination_index(pool, field, shuffled) == combination_index(pool, field, numbers)


def test_a_pool_of_unknown_meaning_has_no_combinations() -> None:
    with pytest.raises(KeyError):
        combinations(Pool.POOL6, (1, 2, 3))


def test_the_database_names_the_combinations_in_the_same_order(database: Database) -> None:
    for pool in NUMBERS_IN:
        for field in ((1, 2, 3, 4, 5, 6, 7), (1, 3, 5, 12), field_of(16)):
            [(told,)] = database.execute(
                "select odds_combinations(:pool, cast(:field as smallint[]))", pool=pool.value, field=list(field)
            )
            assert told == ["-".join(map(str, numbers)) for numbers in combinations(pool, field)]


def test_a_grid_says_what_was_not_told_and_who_is_scratched() -> None:
    told: dict[tuple[int, ...], float] = {(1, 2): 3.5, (3, 1): Sentinel.UNSOLD, (3, 4): 9.0}
    assert list(grid(QNL, (1, 2, 3, 4), told, frozenset({4}))) == [
        3.5,
        Sentinel.UNSOLD,
        Sentinel.SCRATCHED,
        Sentinel.UNTOLD,
        Sentinel.SCRATCHED,
        Sentinel.SCRATCHED,
    ]


def test_a_grid_refuses_a_combination_that_the_field_does_not_have() -> None:
    for numbers in ((1, 9), (1, 1), (1,)):
        with pytest.raises(KeyError):
            grid(QNL, (1, 2, 3), {numbers: 2.0})


def test_no_sentinel_can_be_taken_for_a_price() -> None:
    assert all(sentinel < 0 for sentinel in Sentinel)
    assert len(set(Sentinel)) == 4


@pytest.mark.parametrize(
    ("pool", "starters", "pays"),
    [(WIN, 12, 1), (PLC, 8, 3), (PLC, 7, 2), (PLC, 5, 2), (PLC, 4, 1), (QPL, 8, 3), (TRI, 16, 1)],
)
def test_as_many_combinations_pay_as_the_pool_has_places(pool: Pool, starters: int, pays: int) -> None:
    assert paying(pool, starters) == pays
