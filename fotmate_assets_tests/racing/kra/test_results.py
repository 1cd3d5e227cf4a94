"""The results of a race: two services, placeholders, codes."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.racing.model import FinishStatus
from fotmate_assets.racing.sources.source import Listing
from fotmate_assets_tests.racing.kra.samples import (
    about,
    built,
    card_of,
    detail,
    details,
    listing,
    plans,
    race_card,
    results_of,
    sheet,
    sheets,
    total,
    totals,
)


def test_a_result_has_time_margin_odds_and_weights() -> None:
    row = detail(4, 2, diffUnit="1½", winOdds=12.9, plcOdds=2, wgHr="495(-12)", buS1fAccTime=13.9, buS1fOrd=5)
    (result,) = results_of(listing("API214_1", [row])).values()
    assert (result.start_no, result.runner_name, result.runner_id) == (4, "바람4", "0990004")
    assert (result.finish_status, result.finish_position, result.status_code) == (FinishStatus.FINISHED, 2, None)
    assert (result.time_s, result.margin, result.margin_lengths) == (75.4, "1½", 1.5)
    assert (result.win_odds, result.place_odds) == (12.9, 2.0)
    assert (result.burden_kg, result.body_weight_kg, result.body_weight_change_kg) == (56.5, 495.0, -12.0)
    assert (result.jockey_id, result.jockey_name, result.trainer_id) == ("099404", "기수4", "090180")
    assert result.sectionals == {"buS1fAccTime": 13.9, "buS1fOrd": 5}
    assert result.details == {"rankRise": 0, "hrTool": "망사", "name": "한국", "birthday": 20220303, "wgJk": 0}


def test_the_winner_has_no_margin_and_a_whole_number_is_one() -> None:
    found = results_of(listing("API214_1", [detail(1, 1, diffUnit="-"), detail(2, 2, diffUnit=7)]))
    assert (found[1].margin, found[1].margin_lengths) == (None, None)
    assert (found[2].margin, found[2].margin_lengths) == ("7", 7.0)


def test_a_margin_without_a_measure_is_kept_as_published() -> None:
    found = results_of(listing("API214_1", [detail(1, 1, diffUnit="대")]))
    assert (found[1].margin, found[1].margin_lengths) == ("대", None)


def test_results_are_in_the_order_of_the_finish() -> None:
    assert [result.start_no for result in race_card(details(3, 92, 1, 2)).results or ()] == [3, 4, 1, 2]


def test_rows_of_placeholders_are_no_results() -> None:
    card = race_card(details(0, 0))
    assert (card.results, card.race.is_complete) == (None, False)


def test_odds_without_an_order_are_no_results() -> None:
    rows = [detail(number, 0, winOdds=3.1, plcOdds=1.2, wgHr="480(+2)", track="건조 (4%)") for number in (1, 2)]
    card = race_card(listing("API214_1", rows))
    assert (card.results, card.race.is_complete) == (None, False)
    assert [entry.body_weight_kg for entry in card.entries or ()] == [480.0, 480.0]


def test_a_race_that_lacks_one_order_is_not_complete() -> None:
    card = race_card(details(1, 2, 0))
    assert (card.results, card.race.is_complete) == (None, False)


def test_a_race_is_complete_when_every_runner_has_an_order_or_a_code() -> None:
    card = race_card(details(1, 2, 92, 95))
    assert card.race.is_complete
    assert [result.status_code for result in card.results or ()] == [None, None, "92", "95"]


@pytest.mark.parametrize("service", [details, totals])
def test_a_race_that_lacks_the_result_of_an_entered_runner_is_not_complete(
    service: Callable[..., Listing],
) -> None:
    found = built(sheets(*range(1, 12)), service(1, 2, 3, 4))
    card = card_of(found)
    assert (card.results, card.payoffs, card.race.is_complete) == (None, None, False)
    assert found.card.warnings == ("race 1: no result of 5, 6, 7, 8, 9, 10, 11, entered and not scratched",)


def test_one_service_has_the_results_that_the_other_lacks() -> None:
    found = built(sheets(1, 2, 3), details(1, 2), totals(1, 2, 3))
    assert card_of(found).race.is_complete
    assert found.card.warnings == ()


def test_a_runner_that_was_scratched_needs_no_result() -> None:
    scratch = listing("API9_1", [about(3, reason="질병")])
    found = built(sheets(1, 2, 3), details(1, 2), scratch)
    assert card_of(found).race.is_complete
    assert [result.start_no for result in card_of(found).results or ()] == [1, 2]
    assert found.card.warnings == ()


def test_one_that_was_scratched_does_not_excuse_another() -> None:
    found = built(sheets(1, 2, 3, 4), details(1, 2), listing("API9_1", [about(3, reason="질병")]))
    assert not card_of(found).race.is_complete
    assert found.card.warnings == ("race 1: no result of 4, entered and not scratched",)


def test_codes_dead_heats_and_a_walkover_are_results_of_the_entered() -> None:
    for orders in ((1, 1, 92, 95), (91, 92, 93, 1), (95, 95, 1, 94)):
        assert race_card(sheets(1, 2, 3, 4), details(*orders)).race.is_complete


def test_a_walkover_whose_other_runners_are_scratched_is_complete() -> None:
    scratches = listing("API9_1", [about(number, reason="질병") for number in (2, 3)])
    assert race_card(sheets(1, 2, 3), details(1), scratches).race.is_complete


def test_a_result_of_a_runner_that_is_not_on_the_sheet_does_not_hinder() -> None:
    assert card_of(built(sheets(1, 2), details(1, 2, 3))).race.is_complete


def test_a_horse_that_ran_under_another_number_has_its_result() -> None:
    rows = [detail(1, 1), detail(2, 2, hrNo=sheet(3)["hrNo"])]
    assert card_of(built(listing("API26_2", [sheet(1), sheet(3)]), listing("API214_1", rows))).race.is_complete


def test_without_an_entry_sheet_the_rows_of_the_result_are_all() -> None:
    assert race_card(plans(1), details(1, 2, 3)).race.is_complete


@pytest.mark.parametrize("code", [98, 99])
def test_a_race_that_does_not_count_needs_no_result_of_everybody(code: int) -> None:
    found = built(sheets(1, 2, 3), details(code, code))
    assert (card_of(found).race.is_cancelled, card_of(found).race.is_complete) == (True, True)
    assert found.card.warnings == ()


def test_races_of_a_day_are_complete_one_by_one() -> None:
    rows = [detail(1, 1, 1), detail(2, 2, 1), detail(1, 0, 2), detail(2, 0, 2)]
    found = built(listing("API214_1", rows))
    assert [card.results is None for card in found.card.races] == [False, True]
    assert found.card.results_declared == 4


@pytest.mark.parametrize(
    ("order", "status", "code"),
    [
        (91, FinishStatus.DISQUALIFIED, "91"),
        ("92", FinishStatus.PULLED_UP, "92"),
        (93, FinishStatus.EXCLUDED, "93"),
        (94, FinishStatus.EXCLUDED, "94"),
        (95, FinishStatus.SCRATCHED, "95"),
        ("낙마", FinishStatus.PULLED_UP, "낙마"),
        ("실격", FinishStatus.DISQUALIFIED, "실격"),
    ],
)
def test_codes_and_words_are_how_a_runner_ended(order: object, status: FinishStatus, code: str) -> None:
    row = detail(2, order, rcTime=0, winOdds=0, plcOdds=0)  # type: ignore[arg-type]
    result = results_of(listing("API214_1", [detail(1, 1), row]))[2]
    assert (result.finish_status, result.finish_position, result.status_code) == (status, None, code)
    assert (result.time_s, result.win_odds, result.place_odds) == (None, None, None)


def test_a_word_beside_an_empty_order_is_how_a_runner_ended() -> None:
    rows = [detail(1, 1), detail(2, 0, ordBigo="출전취소")]
    card = race_card(listing("API214_1", rows))
    assert card.race.is_complete
    assert (card.results or ())[1].finish_status is FinishStatus.SCRATCHED


def test_an_unknown_order_is_refused_by_name_and_costs_its_race_the_results_only() -> None:
    found = built(sheets(1, 2), listing("API214_1", [detail(1, 1), detail(2, "이상"), detail(1, 1, 2)]))
    assert [(card.results is None, card.race.is_complete) for card in found.card.races] == [
        (True, False),
        (False, True),
    ]
    assert found.card.races[0].entries is not None
    (failure,) = found.failures
    assert (failure.document, failure.field) == ("API214_1/seoul/2025-05-31", "items[1].ord")


@pytest.mark.parametrize(
    ("field", "value"),
    [("rcTime", "fast"), ("wgHr", "heavy"), ("winOdds", "cheap"), ("track", "건조 (damp)"), ("sj_1cOrd", "first")],
)
def test_a_malformed_value_is_refused_by_name(field: str, value: str) -> None:
    (failure,) = built(listing("API214_1", [detail(1, 1) | {field: value}])).failures
    assert failure.field == f"items[0].{field}"


def test_a_race_that_was_not_run_keeps_its_rows_as_cancelled() -> None:
    card = race_card(details(99, 99))
    assert (card.race.is_cancelled, card.race.is_complete) == (True, True)
    assert [result.finish_status for result in card.results or ()] == [FinishStatus.CANCELLED] * 2


def test_a_void_race_is_cancelled() -> None:
    assert race_card(details(98, 98)).race.is_cancelled


def test_one_runner_that_was_cancelled_does_not_cancel_the_race() -> None:
    assert not race_card(details(1, 99)).race.is_cancelled


def test_a_walkover_is_a_race() -> None:
    card = race_card(details(95, 1, 95))
    assert card.race.is_complete
    assert [(it.start_no, it.finish_position) for it in card.results or ()] == [(2, 1), (1, None), (3, None)]


def test_a_dead_heat_shares_its_position() -> None:
    assert [result.finish_position for result in race_card(details(1, 1, 3)).results or ()] == [1, 1, 3]


def test_a_race_run_again_has_its_later_post_time_and_outcome() -> None:
    again = {"stTime": "2025-05-31T12:20:00+09:00", "startTimeChg": "재경주"}
    card = race_card(plans(1), totals(2, 1, **again))
    assert card.race.post_time is not None
    assert card.race.post_time.hour == 12
    assert [result.start_no for result in card.results or ()] == [2, 1]


def test_the_day_alone_suffices() -> None:
    card = race_card(totals(2, 1))
    assert card.race.is_complete
    assert [(it.start_no, it.time_s, it.win_odds) for it in card.results or ()] == [(2, 75.2, None), (1, 75.1, None)]


def test_the_detail_wins_and_the_day_fills() -> None:
    rows = [detail(1, 1, rcTime=75.4, wgHr="480()", winOdds=0)]
    day = [total(1, 1, rcTime=75.9, wgHr="481(+1)", winOdds=4.4, seS1fAccTime=14)]
    (result,) = results_of(listing("API214_1", rows), listing("API299", day)).values()
    assert (result.time_s, result.body_weight_kg, result.body_weight_change_kg) == (75.4, 480.0, 1.0)
    assert (result.win_odds, result.sectionals) == (4.4, {"seS1fAccTime": 14})
    assert result.details["jkAge"] == 31


def test_the_margin_and_its_measure_are_of_one_service() -> None:
    rows = [detail(1, 1, diffUnit="대"), detail(2, 2, diffUnit="-")]
    day = [total(1, 1, diffUnit=4), total(2, 2, diffUnit="코")]
    found = results_of(listing("API214_1", rows), listing("API299", day))
    assert [(it.margin, it.margin_lengths) for it in found.values()] == [("대", None), ("코", 0.05)]


def test_of_two_details_the_detail_services_is_kept() -> None:
    rows, day = [detail(1, 1, name="한국")], [total(1, 1, name="미국")]
    assert results_of(listing("API214_1", rows), listing("API299", day))[1].details["name"] == "한국"


def test_a_position_is_not_given_the_code_of_the_other_service() -> None:
    found = built(details(1, 5), totals(1, 92))
    result = (card_of(found).results or ())[1]
    assert (result.finish_position, result.status_code) == (5, None)


@given(st.randoms())
def test_the_order_of_the_rows_makes_no_difference(random: Random) -> None:
    rows = [detail(number, order, race) for race in (1, 2) for number, order in enumerate((1, 1, 92, 95), 1)]
    entered = [sheet(number, race) for race in (1, 2) for number in (1, 2, 3, 4)]
    expected = built(listing("API214_1", rows), listing("API26_2", entered)).card
    random.shuffle(rows)
    random.shuffle(entered)
    assert built(listing("API214_1", rows), listing("API26_2", entered)).card == expected


def test_placeholders_of_the_detail_wait_for_nothing_that_the_day_has() -> None:
    card = race_card(details(0, 0), totals(2, 1))
    assert [result.start_no for result in card.results or ()] == [2, 1]


def test_two_services_that_disagree_are_warned_of_and_the_detail_is_kept() -> None:
    found = built(details(1, 92), totals(1, 5))
    result = (card_of(found).results or ())[1]
    assert (result.finish_status, result.finish_position, result.status_code) == (FinishStatus.PULLED_UP, None, "92")
    assert found.card.warnings == ("race 1, number 2: ord is 92 in API214_1 and 5 in API299; the former is kept",)


def test_a_provisional_finish_of_the_day_is_no_result_yet() -> None:
    card = race_card(totals(1, 2, finalBit=0))
    assert (card.results, card.race.is_complete) == (None, False)
    assert race_card(details(1, 2), totals(1, 2, finalBit=0)).race.is_complete


def test_declared_results_are_those_of_the_detail_else_of_the_day() -> None:
    assert built(details(1, 2), totals(1, 2, 3)).card.results_declared == 2
    assert built(listing("API214_1", []), totals(1, 2, 3)).card.results_declared == 3
    assert built(totals(1, 2, 3)).card.results_declared == 3


def test_a_bad_row_of_either_service_costs_its_race_the_results() -> None:
    found = built(details(1, 2), listing("API299", [total(1, 1, rcTime="fast")]))
    assert (found.card.races[0].results, found.card.races[0].race.is_complete) == (None, False)
    assert found.failures[0].field == "items[0].rcTime"


def test_new_fields_are_kept_as_extra() -> None:
    assert results_of(listing("API214_1", [detail(1, 1, girth=3)]))[1].extra == {"girth": 3}


def test_capped_odds_are_no_price() -> None:
    assert results_of(listing("API214_1", [detail(1, 1, winOdds=9999.9)]))[1].win_odds is None
