"""Payoffs: declared, confirmed, and found by the finish."""

from datetime import date
from itertools import combinations, permutations

import pytest

from fotmate_assets.racing.model import Meeting, Payoff, Pool, Sport
from fotmate_assets.racing.odds.model import SOLD
from fotmate_assets.racing.sources.source import Listing
from fotmate_assets_tests.racing.kra.samples import (
    Row,
    built,
    card_of,
    details,
    listing,
    odds,
    plans,
    race_card,
    sale,
    total,
    totals,
)


def grid(starters: int, rc_no: int = 1) -> list[Row]:
    """Final odds of every combination; the first number is worth tenths, so that each price is known."""
    numbers = range(1, starters + 1)
    rows = [odds(rc_no, pool, [number], number + 0.5) for pool in ("단승식", "연승식") for number in numbers]
    rows += [
        odds(rc_no, pool, pair, 10 * pair[0] + pair[1])
        for pool in ("복승식", "복연승식")
        for pair in combinations(numbers, 2)
    ]
    rows += [odds(rc_no, "쌍승식", pair, 100 * pair[0] + pair[1]) for pair in permutations(numbers, 2)]
    rows += [odds(rc_no, "삼복승식", trio, sum(trio)) for trio in combinations(numbers, 3)]
    return rows + [odds(rc_no, "삼쌍승식", trio, 1000 + sum(trio)) for trio in permutations(numbers, 3)]


def paid(*listings: Listing, race_no: int = 1) -> dict[tuple[Pool, str], Payoff]:
    payoffs = race_card(*listings, race_no=race_no).payoffs
    assert payoffs is not None
    return {(payoff.pool, payoff.combination): payoff for payoff in payoffs}


SALES = [
    sale(1, "단식", "③-3.1", 5_000_000),
    sale(1, "연식", "③-1.3 ①-1.8 ②-2.0"),
    sale(1, "복식", "③①-9.7"),
    sale(1, "쌍식", "③①-20.4"),
    sale(1, "복연", "③①-2.5 ③②-3.5 ①②-5.5"),
    sale(1, "삼복", "③①②-33.0"),
    sale(1, "삼쌍", "③①②-1077.1", 70_000_000),
]


def test_the_sales_declare_the_winning_combinations() -> None:
    found = paid(plans(1), listing("API179_1", SALES))
    assert {pool for pool, _ in found} == set(SOLD[Sport.HORSE])
    assert found[Pool.TRI, "3-1-2"] == Payoff(
        Pool.TRI, "3-1-2", 1077.1, pool_label="삼쌍", pool_sales_krw=70_000_000, service="API179_1"
    )
    assert found[Pool.TLA, "1-2-3"].odds == 33.0
    assert {winner: it.odds for (pool, winner), it in found.items() if pool is Pool.QPL} == {
        "1-3": 2.5,
        "2-3": 3.5,
        "1-2": 5.5,
    }


def test_the_final_odds_confirm_what_is_declared() -> None:
    found = paid(plans(1), listing("API179_1", SALES), listing("API160_1", grid(3)))
    assert (found[Pool.WIN, "3"].odds, found[Pool.WIN, "3"].confirmed_odds) == (3.1, 3.5)
    assert found[Pool.EXA, "3-1"].confirmed_odds == 301
    assert found[Pool.QNL, "1-3"].confirmed_odds == 13
    assert found[Pool.TRI, "3-1-2"].confirmed_odds == 1006


def test_where_the_sales_are_silent_the_finish_says_what_pays() -> None:
    found = paid(details(2, 3, 1, 4, 5), listing("API160_1", grid(5)))
    assert {(pool.value, winner): it.odds for (pool, winner), it in found.items()} == {
        ("WIN", "3"): 3.5,
        ("PLC", "3"): 3.5,
        ("PLC", "1"): 1.5,
        ("QNL", "1-3"): 13,
        ("EXA", "3-1"): 301,
        ("QPL", "1-3"): 13,
        ("QPL", "1-2"): 12,
        ("QPL", "2-3"): 23,
        ("TLA", "1-2-3"): 6,
        ("TRI", "3-1-2"): 1006,
    }
    assert {it.service for it in found.values()} == {"API160_1"}
    assert {it.pool_sales_krw for it in found.values()} == {None}
    assert found[Pool.QNL, "1-3"].pool_label == "복승식"
    assert found[Pool.QNL, "1-3"].confirmed_odds is None


def test_the_payoffs_are_in_the_order_of_the_pools() -> None:
    payoffs = race_card(details(2, 3, 1, 4, 5), listing("API160_1", grid(5))).payoffs or ()
    order = [payoff.pool for payoff in payoffs]
    assert order == sorted(order, key=list(Pool).index)


def test_a_pool_that_the_sales_lack_is_found_by_the_finish() -> None:
    found = paid(details(2, 3, 1), listing("API179_1", SALES[:1]), listing("API160_1", grid(3)))
    assert (found[Pool.WIN, "3"].service, found[Pool.EXA, "3-1"].service) == ("API179_1", "API160_1")


def test_sales_without_a_winner_so_far_tell_the_sales_only() -> None:
    found = paid(details(2, 3, 1), listing("API179_1", [sale(1, "단식", "-", 7)]), listing("API160_1", grid(3)))
    assert (found[Pool.WIN, "3"].service, found[Pool.WIN, "3"].pool_sales_krw) == ("API160_1", 7)
    assert race_card(plans(1), listing("API179_1", [sale(1, "단식", "-", 7)])).payoffs is None


def test_missing_sales_are_unknown_and_not_zero() -> None:
    found = paid(plans(1), listing("API179_1", [sale(1, "단식", "③-3.1", amt="-")]))
    assert found[Pool.WIN, "3"].pool_sales_krw is None


def test_a_dead_heat_pays_both() -> None:
    found = paid(details(1, 1, 3, 4, 5), listing("API160_1", grid(5)))
    assert {winner for pool, winner in found if pool is Pool.WIN} == {"1", "2"}
    assert {winner for pool, winner in found if pool is Pool.EXA} == {"1-2", "2-1"}


def test_a_dead_heat_for_third_pays_four_places() -> None:
    found = paid(details(1, 2, 3, 3, 5, 6, 7, 8), listing("API160_1", grid(8)))
    assert {winner for pool, winner in found if pool is Pool.PLC} == {"1", "2", "3", "4"}
    assert {winner for pool, winner in found if pool is Pool.TLA} == {"1-2-3", "1-2-4"}


def test_withdrawn_runners_do_not_count_as_starters() -> None:
    found = paid(details(1, 2, 3, 4, 5, 6, 7, 95), listing("API160_1", grid(8)))
    assert {winner for pool, winner in found if pool is Pool.PLC} == {"1", "2"}


def test_the_trio_is_in_no_order_and_the_trifecta_is() -> None:
    rows = [
        odds(1, "삼복승식", [1, 2, 3], 6.0),
        odds(1, "삼쌍승식", [3, 1, 2], 36.0),
        odds(1, "삼쌍승식", [1, 2, 3], 9.0),
    ]
    found = paid(details(2, 3, 1), listing("API160_1", rows))
    assert {(pool.value, winner): it.odds for (pool, winner), it in found.items()} == {
        ("TLA", "1-2-3"): 6.0,
        ("TRI", "3-1-2"): 36.0,
    }


def test_a_grid_that_writes_a_pair_the_other_way_round_is_understood() -> None:
    found = paid(details(2, 3, 1), listing("API160_1", [odds(1, "복승식", [3, 1], 9.7)]))
    assert found[Pool.QNL, "1-3"].odds == 9.7


def test_the_cap_is_no_price() -> None:
    rows = [sale(1, "삼쌍", "③①②-9999.9")]
    capped = paid(plans(1), listing("API179_1", rows), listing("API160_1", [odds(1, "삼쌍승식", [3, 1, 2], 9999.9)]))
    payoff = capped[Pool.TRI, "3-1-2"]
    assert (payoff.odds, payoff.is_capped, payoff.confirmed_odds) == (None, True, None)
    (payoff,) = paid(details(2, 3, 1), listing("API160_1", [odds(1, "삼쌍승식", [3, 1, 2], 9999.9)])).values()
    assert (payoff.odds, payoff.is_capped) == (None, True)


def test_a_pool_that_was_not_sold_is_absent() -> None:
    found = built(details(1), listing("API160_1", [odds(1, "단승식", [1], 1.0)]))
    assert [payoff.pool for payoff in card_of(found).payoffs or ()] == [Pool.WIN]
    assert found.card.warnings == ()


def test_a_grid_that_lacks_the_winner_is_warned_of() -> None:
    found = built(details(2, 1), listing("API160_1", [odds(1, "단승식", [1], 2.0)]))
    assert found.card.warnings == ("race 1: API160_1 lacks WIN 2, which won",)


@pytest.mark.parametrize("code", [98, 99])
def test_a_race_that_was_not_run_pays_nothing(code: int) -> None:
    rows = grid(3)
    assert race_card(details(code, code, code), listing("API160_1", rows)).payoffs == ()
    assert race_card(totals(0, 0, noraceFlag=1), listing("API179_1", SALES)).payoffs == ()


def test_a_walkover_pays_nothing() -> None:
    assert race_card(details(95, 1, 93), listing("API160_1", grid(3, 2))).payoffs == ()
    assert race_card(details(95, 1, 2), listing("API160_1", grid(3, 2))).payoffs is None


def test_a_race_without_a_result_has_no_payoffs_by_now() -> None:
    assert race_card(plans(1), listing("API160_1", grid(3))).payoffs is None
    assert race_card(details(1, 2, 3)).payoffs is None
    assert race_card(details(99, 99)).payoffs is None
    assert race_card(details(1, 2, 3), listing("API160_1", []), listing("API179_1", [])).payoffs is None


def test_the_odds_of_the_day_stand_in_for_the_grid() -> None:
    (payoff,) = paid(
        details(2, 1), listing("API160_1", []), listing("API301", [odds(1, "WIN", [2], 0, odds="4.5", chulNo="2")])
    ).values()
    assert (payoff.odds, payoff.service, payoff.pool_label) == (4.5, "API301", "WIN")
    (payoff,) = paid(details(2, 1), listing("API301", [odds(1, "WIN", [2], 4.5)])).values()
    assert payoff.service == "API301"


def test_the_grid_wins_over_the_odds_of_the_day() -> None:
    (payoff,) = paid(
        details(2, 1),
        listing("API160_1", [odds(1, "단승식", [2], 4.5)]),
        listing("API301", [odds(1, "WIN", [2], 4.4)]),
    ).values()
    assert (payoff.odds, payoff.service) == (4.5, "API160_1")


def test_the_grid_of_a_month_is_read_for_its_day_and_track() -> None:
    rows = [
        odds(1, "단승식", [2], 9.0, rcDate=20250530),
        odds(1, "단승식", [2], 4.5),
        odds(1, "단승식", [2], 8.0, meet="제주"),
    ]
    found = built(details(2, 1), listing("API160_1", rows[:2], month=True))
    assert [payoff.odds for payoff in card_of(found).payoffs or ()] == [4.5]
    assert found.card.warnings == ()
    found = built(details(2, 1), listing("API160_1", rows, month=True))
    assert [payoff.odds for payoff in card_of(found).payoffs or ()] == [4.5]
    assert found.card.warnings == ("API160_1/seoul/2025-05: 1 of 3 rows are of other dates or tracks, left out",)
    found = built(details(2, 1), listing("API160_1", rows))
    assert found.card.warnings == ("API160_1/seoul/2025-05-31: 2 of 3 rows are of other dates or tracks, left out",)


def test_odds_of_a_day_without_racing_are_left_out_of_the_month() -> None:
    """Trap 14: the portal has final odds of days without schedule, entries or results (2020-02-24)."""
    phantom = [it | {"rcDate": 20250529, "odds": 99.0} for it in grid(3)]
    month = listing("API160_1", [*phantom, *grid(2)], month=True)
    expected = race_card(details(2, 1), listing("API160_1", grid(2))).payoffs
    assert expected
    assert race_card(details(2, 1), month).payoffs == expected
    assert built(month, meeting=Meeting(date(2025, 5, 29), "seoul")).card.races == ()


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (odds(1, "단승식", [1], 2.0, odds="cheap"), "odds"),
        (odds(1, "쌍복승식", [1], 2.0), "pool"),
        (odds(1, "단승식", [1], 2.0, chulNo="one"), "chulNo"),
    ],
)
def test_a_bad_row_of_the_grid_costs_its_race_the_payoffs(row: Row, field: str) -> None:
    rows = [*grid(3), row, *grid(3, 2)]
    results = listing("API299", [total(number, number, race) for race in (1, 2) for number in (1, 2, 3)])
    found = built(results, listing("API160_1", rows))
    assert [card.payoffs is None for card in found.card.races] == [True, False]
    (failure,) = found.failures
    assert failure.field == f"items[{len(grid(3))}].{field}"


def test_a_bad_row_of_the_sales_costs_its_race_the_payoffs() -> None:
    found = built(plans(1, 2), listing("API179_1", [sale(1, "복식", "③-9.7"), sale(2, "단식", "③-9.7")]))
    assert [card.payoffs is None for card in found.card.races] == [True, False]
    assert found.failures[0].field == "items[0].odds"


def test_a_grid_of_an_unknown_track_is_refused() -> None:
    found = built(details(1, 2, 3), listing("API160_1", [*grid(3), odds(1, "단승식", [1], 2.0, meet="영천")]))
    assert found.card.races[0].payoffs is None
    assert found.failures[0].field == f"items[{len(grid(3))}].meet"


def test_new_fields_of_the_grid_are_warned_of() -> None:
    found = built(details(1, 2), listing("API160_1", [odds(1, "단승식", [1], 2.0, girth=1)]))
    assert found.card.warnings == ("API160_1 has new fields: girth",)


def test_new_fields_of_the_sales_are_told() -> None:
    rows = [{**SALES[0], "newField": 1}, *SALES[1:]]
    card = built(plans(1), listing("API179_1", rows), details(2, 3, 1)).card
    assert "API179_1 has new fields: newField" in card.warnings
    assert built(plans(1), listing("API179_1", SALES), details(2, 3, 1)).card.warnings == ()
