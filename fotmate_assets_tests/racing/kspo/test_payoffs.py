"""What the pools paid, and its confirmation."""

from __future__ import annotations

from typing import Any

import pytest

from fotmate_assets.racing.model import Payoff, Pool
from fotmate_assets_tests.racing.kspo.samples import (
    CHANGWON,
    GWANGMYEONG,
    MISARI,
    RIDERS,
    Day,
    Row,
    boat_info_row,
    cycle_card_rows,
    payoff_row,
    race_of,
    rank_rows,
    result_row,
)

PAID: Row = {
    "rank1": "②이나",
    "rank2": "⑦조사",
    "rank3": "⑤정마",
    "pool1_val": "(2)2.5",
    "pool2_val": "(2)1.2 (7)2.1",
    "pool4_val": "(2-7)9.4",
    "pool5_val": "(2-7)5.6",
    "pool6_val": "(2-7-5)3.4",
    "pool7_val": "(2-7-5)20.5",
    "pool8_val": "(2-7-5)6.4",
}
BOAT_PAID: Row = {
    "rank1": "①류가",
    "rank2": "②곽나",
    "rank3": "⑥김다",
    "pool1_val": "①1.1",
    "pool2_val": "①1.1",
    "pool3_val": "②1.4",
    "pool4_val": "①-②1.9",
    "pool5_val": "①-②1.5",
    "pool6_val": "⑥-①-②3.4",
}
CONFIRMED: Row = {
    "pool1_val": "2.5",
    "pool2_1_val": "1.2",
    "pool2_2_val": "2.1",
    "pool4_val": "9.4",
    "pool5_val": "5.6",
    "pool6_val": "3.4",
}


def cycle(result: Row, payoff: Row | None = None) -> Day:
    given = None if payoff is None else [payoff_row(**payoff)]
    return Day(GWANGMYEONG, cycle_card_rows(), result={1: [result_row(**result)]}, payoff=given)


def payoffs(day: Day) -> list[Payoff]:
    found = day.race().payoffs
    assert found is not None
    return list(found)


def prices(day: Day) -> dict[tuple[Pool, str], tuple[float | None, float | None]]:
    return {(one.pool, one.combination): (one.odds, one.confirmed_odds) for one in payoffs(day)}


def test_each_pool_of_a_cycle_race_has_its_combination_and_odds() -> None:
    assert prices(cycle(PAID)) == {
        (Pool.WIN, "2"): (2.5, None),
        (Pool.PLC, "2"): (1.2, None),
        (Pool.PLC, "7"): (2.1, None),
        (Pool.EXA, "2-7"): (9.4, None),
        (Pool.QNL, "2-7"): (5.6, None),
        (Pool.POOL6, "2-7-5"): (3.4, None),
        (Pool.POOL7, "2-7-5"): (20.5, None),
        (Pool.POOL8, "2-7-5"): (6.4, None),
    }
    assert {one.service for one in payoffs(cycle(PAID))} == {"CRA_RACE_RESULT"}


def test_the_unsettled_pools_keep_the_labels_of_the_source() -> None:
    labels = {one.pool: one.pool_label for one in payoffs(cycle(PAID))}
    assert (labels[Pool.POOL6], labels[Pool.POOL7], labels[Pool.POOL8]) == ("삼복승값", "쌍복승값", "삼쌍승값")


def test_a_boat_race_has_two_place_columns_and_a_settled_trio() -> None:
    day = Day(MISARI, result=[result_row(1, MISARI, **BOAT_PAID)])
    assert prices(day) == {
        (Pool.WIN, "1"): (1.1, None),
        (Pool.PLC, "1"): (1.1, None),
        (Pool.PLC, "2"): (1.4, None),
        (Pool.EXA, "1-2"): (1.9, None),
        (Pool.QNL, "1-2"): (1.5, None),
        (Pool.TLA, "1-2-6"): (3.4, None),
    }


def test_quinella_numbers_ascend_and_exacta_numbers_do_not() -> None:
    found = prices(cycle({"pool4_val": "(7-2)9.4", "pool5_val": "(7-2)5.6"}))
    assert set(found) == {(Pool.EXA, "7-2"), (Pool.QNL, "2-7")}


@pytest.mark.parametrize("value", ["-", "", None, "0", 0, 0.0, "0.0"])
def test_a_pool_that_was_not_sold_has_no_payoff(value: Any) -> None:
    assert payoffs(cycle({"rank1": "②이나", "pool1_val": value})) == []


def test_the_cap_is_kept_as_a_cap() -> None:
    one = payoffs(cycle({"pool7_val": "(2-7-5)9999.9"}))[0]
    assert (one.odds, one.is_capped) == (None, True)
    assert not payoffs(cycle({"pool7_val": "(2-7-5)9999.8"}))[0].is_capped


def test_a_dead_heat_pays_several_combinations() -> None:
    found = prices(cycle({"pool1_val": "(2)1.5 (7)1.8", "pool2_val": "(2)1.2 (7)2.1 (5)3.0"}))
    assert found == {
        (Pool.WIN, "2"): (1.5, None),
        (Pool.WIN, "7"): (1.8, None),
        (Pool.PLC, "2"): (1.2, None),
        (Pool.PLC, "7"): (2.1, None),
        (Pool.PLC, "5"): (3.0, None),
    }


def test_a_pool_that_cannot_be_read_is_refused_by_name_and_leaves_the_results() -> None:
    built = cycle({**PAID, "pool4_val": "(2-7-5)9.4"}).built()
    assert [error.field for error in built.failures] == ["items[0].pool4_val"]
    race = race_of(built.card, 1)
    assert race.payoffs is None
    assert race.results is not None


def test_the_payoff_service_confirms_each_combination() -> None:
    assert prices(cycle(PAID, CONFIRMED)) == {
        (Pool.WIN, "2"): (2.5, 2.5),
        (Pool.PLC, "2"): (1.2, 1.2),
        (Pool.PLC, "7"): (2.1, 2.1),
        (Pool.EXA, "2-7"): (9.4, 9.4),
        (Pool.QNL, "2-7"): (5.6, 5.6),
        (Pool.POOL6, "2-7-5"): (3.4, 3.4),
        (Pool.POOL7, "2-7-5"): (20.5, None),
        (Pool.POOL8, "2-7-5"): (6.4, None),
    }


def test_the_boat_payoffs_of_a_race_confirm_it() -> None:
    day = Day(MISARI, result=[result_row(1, MISARI, **BOAT_PAID)], payoff={1: [payoff_row(1, MISARI, **CONFIRMED)]})
    found = prices(day)
    assert found[Pool.TLA, "1-2-6"] == (3.4, 3.4)
    assert found[Pool.PLC, "2"] == (1.4, 2.1)


def test_a_contradiction_stays_for_a_check_to_see() -> None:
    day = cycle(PAID, {**CONFIRMED, "pool1_val": "2.6"})
    assert prices(day)[Pool.WIN, "2"] == (2.5, 2.6)
    assert day.card_built().warnings == ()


def test_place_payoffs_follow_the_finish_and_not_the_order_in_print() -> None:
    found = prices(cycle({**PAID, "pool2_val": "(7)2.1 (2)1.2"}, CONFIRMED))
    assert found[Pool.PLC, "2"] == (1.2, 1.2)
    assert found[Pool.PLC, "7"] == (2.1, 2.1)


def test_of_two_that_won_together_the_first_named_is_confirmed() -> None:
    day = cycle({"rank1": "②이나 ⑦조사", "pool1_val": "(7)1.8 (2)1.5"}, {"pool1_val": "1.6"})
    assert prices(day) == {(Pool.WIN, "7"): (1.8, None), (Pool.WIN, "2"): (1.5, 1.6)}


def test_of_several_combinations_the_one_at_the_same_odds_is_confirmed() -> None:
    day = cycle({"pool5_val": "(2-7)5.6 (2-5)8.1"}, {"pool5_val": "8.1"})
    assert prices(day) == {(Pool.QNL, "2-7"): (5.6, None), (Pool.QNL, "2-5"): (8.1, 8.1)}


def test_a_payoff_that_fits_no_combination_is_told() -> None:
    day = cycle({"pool5_val": "(2-7)5.6 (2-5)8.1"}, {"pool5_val": "3.0", "pool4_val": "7.7"})
    assert day.card_built().warnings == (
        "race 1: pool4_val 7.7 of the payoff service fits no combination",
        "race 1: pool5_val 3.0 of the payoff service fits no combination",
    )


@pytest.mark.parametrize("value", ["0", "-", 0.0, "9999.9"])
def test_a_pool_without_price_confirms_nothing(value: Any) -> None:
    assert prices(cycle({"rank1": "②이나", "pool1_val": "(2)2.5"}, {"pool1_val": value})) == {
        (Pool.WIN, "2"): (2.5, None)
    }


def test_payoffs_without_combinations_are_told_and_wait() -> None:
    card = Day(
        GWANGMYEONG,
        cycle_card_rows(),
        rank=rank_rows({name: str(at) for at, name in enumerate(RIDERS, 1)}),
        payoff=[payoff_row(1, **CONFIRMED), payoff_row(9, **CONFIRMED)],
    ).card_built()
    assert card.races[0].payoffs is None
    assert set(card.warnings) == {
        "race 1: payoffs without combinations, not used so far",
        "payoffs of races that no other document has: [9]",
    }


def test_the_payoffs_of_gwangmyeong_are_not_those_of_changwon() -> None:
    day = Day(CHANGWON, result={1: [result_row(1, CHANGWON, **PAID)]}, payoff=[payoff_row(1, GWANGMYEONG, **CONFIRMED)])
    assert prices(day)[Pool.WIN, "2"] == (2.5, None)


def test_payoffs_of_another_day_are_left_out() -> None:
    assert prices(cycle(PAID, {**CONFIRMED, "race_ymd": "20260103"}))[Pool.WIN, "2"] == (2.5, None)


def test_a_race_without_result_document_has_no_payoffs_so_far() -> None:
    assert Day(MISARI, info=[boat_info_row(1, 1, "김가")]).race().payoffs is None


def test_new_fields_of_the_payoff_service_are_kept_on_the_race() -> None:
    day = cycle(PAID, {**CONFIRMED, "pool9_val": "7.7"})
    assert day.race().race.extra == {"pool9_val": "7.7"}
    assert cycle(PAID, CONFIRMED).race().race.extra == {}
