"""Who finished where in a cycle race: ranking, result document and card together."""

from __future__ import annotations

from typing import Any

import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import FinishStatus, Result
from fotmate_assets_tests.racing.kspo.samples import (
    CHANGWON,
    GWANGMYEONG,
    RIDERS,
    Day,
    Row,
    cycle_card_row,
    cycle_card_rows,
    race_of,
    rank_row,
    rank_rows,
    result_row,
)

FINISH = {"강바": "1", "이나": "2", "김가": "3", "박다": "4", "최라": "5", "정마": "6", "조사": "7"}


def finished(**ranks: str) -> Day:
    """A race of the seven riders with everybody's rank; `ranks` replaces some."""
    return Day(GWANGMYEONG, cycle_card_rows(), rank=rank_rows({**FINISH, **ranks}))


def only_failure(day: Day) -> SourceError:
    failures = day.built().failures
    assert len(failures) == 1
    assert failures[0].verdict is Verdict.MALFORMED
    return failures[0]


def test_the_ranking_is_numbered_by_the_names_of_the_card() -> None:
    race = finished().race()
    assert race.results is not None
    assert {one.start_no: one.finish_position for one in race.results} == {1: 3, 2: 2, 3: 4, 4: 5, 5: 6, 6: 1, 7: 7}
    winner = race.results[5]
    assert (winner.runner_name, winner.finish_status, winner.status_code) == ("강바", FinishStatus.FINISHED, None)
    assert winner.runner_id == f"n{sum(map(ord, '강바'))}"
    assert winner.time_s is None
    assert race.race.is_complete


def test_names_are_matched_without_the_blanks_that_pad_them() -> None:
    riders = ("임  섭", *RIDERS[1:])
    ranking = rank_rows({"임섭": "06", **{name: str(at) for at, name in enumerate(RIDERS[1:], 7)}})
    race = Day(GWANGMYEONG, cycle_card_rows(riders=riders), rank=ranking).race()
    assert race.results is not None
    assert (race.results[0].runner_name, race.results[0].finish_position) == ("임섭", 6)
    assert race.entries is not None
    assert race.entries[0].runner_name == "임섭"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("실격", FinishStatus.DISQUALIFIED),
        ("낙차", FinishStatus.PULLED_UP),
        ("전복", FinishStatus.PULLED_UP),
        ("침수", FinishStatus.PULLED_UP),
        ("완주못함", FinishStatus.PULLED_UP),
        ("미완주", FinishStatus.PULLED_UP),
        ("기권", FinishStatus.PULLED_UP),
        ("결장", FinishStatus.EXCLUDED),
        ("결  장", FinishStatus.EXCLUDED),
        ("출전제외", FinishStatus.EXCLUDED),
        ("출주제외", FinishStatus.EXCLUDED),
        ("출전취소", FinishStatus.SCRATCHED),
    ],
)
def test_a_word_in_place_of_a_rank_is_a_status(word: str, status: FinishStatus) -> None:
    race = finished(조사=word).race()
    assert race.results is not None
    one = race.results[6]
    assert (one.finish_status, one.finish_position, one.status_code) == (status, None, "".join(word.split()))
    assert race.race.is_complete
    assert not race.race.is_cancelled


def test_an_unknown_word_is_refused_by_name_and_not_guessed() -> None:
    day = finished(조사="제재")
    error = only_failure(day)
    assert error.field == "items[6].race_rank"
    assert "제재" in error.reason
    race = race_of(day.built().card, 1)
    assert race.results is None
    assert not race.race.is_complete
    assert race.entries is not None


def test_a_rider_who_did_not_start_is_scratched_with_the_word() -> None:
    entries = finished(조사="결장", 정마="낙차").race().entries
    assert entries is not None
    assert [(one.start_no, one.scratch_reason) for one in entries if one.is_scratched] == [(7, "결장")]


@pytest.mark.parametrize(("word", "status"), [("취소", FinishStatus.CANCELLED), ("불성립", FinishStatus.VOID)])
def test_a_race_all_of_whose_riders_have_the_word_is_cancelled(word: str, status: FinishStatus) -> None:
    race = finished(**dict.fromkeys(RIDERS, word)).race()
    assert race.race.is_cancelled
    assert race.results is not None
    assert {one.finish_status for one in race.results} == {status}
    assert race.entries is not None
    assert not any(one.is_scratched for one in race.entries)


def test_a_race_is_cancelled_where_the_word_stands_for_the_winner() -> None:
    race = Day(GWANGMYEONG, cycle_card_rows(), result={1: [result_row(rank1="경주취소", pool1_val="-")]}).race()
    assert race.race.is_cancelled
    assert race.results is None
    assert race.payoffs == ()


def test_a_dead_heat_has_equal_positions() -> None:
    race = finished(강바="1", 이나="1", 김가="3").race()
    assert race.results is not None
    assert [one.start_no for one in race.results if one.finish_position == 1] == [2, 6]
    assert race.race.is_complete


def test_a_walkover_is_a_race_of_one() -> None:
    race = Day(GWANGMYEONG, [cycle_card_row(1, 4, "김가")], rank=rank_rows({"김가": "1"})).race()
    assert race.results is not None
    assert [(one.start_no, one.finish_position) for one in race.results] == [(4, 1)]
    assert race.race.is_complete


def test_a_race_is_incomplete_while_a_rider_of_the_card_has_no_rank() -> None:
    ranking = {name: rank for name, rank in FINISH.items() if name != "조사"}
    race = Day(GWANGMYEONG, cycle_card_rows(), rank=rank_rows(ranking)).race()
    assert race.results is not None
    assert len(race.results) == 6
    assert not race.race.is_complete


@pytest.mark.parametrize("rank", ["", None, "0", "00"])
def test_an_empty_or_zero_rank_is_none_yet(rank: Any) -> None:
    ranking: list[Row] = rank_rows(FINISH)
    next(row for row in ranking if row["racer_nm"] == "김가")["race_rank"] = rank
    day = Day(GWANGMYEONG, cycle_card_rows(), rank=ranking)
    card = day.card_built()
    race = card.races[0]
    assert race.results is not None
    assert [one.start_no for one in race.results] == [2, 3, 4, 5, 6, 7]
    assert not race.race.is_complete
    assert card.warnings == ("race 1: 1 of 7 ranked runners have no rank: 김가",)


def test_the_result_document_alone_gives_the_first_three() -> None:
    race = Day(
        GWANGMYEONG, cycle_card_rows(), result={1: [result_row(rank1="⑥강바", rank2="②이나", rank3="①김  가")]}
    ).race()
    assert race.results is not None
    assert [(one.start_no, one.finish_position, one.runner_name) for one in race.results] == [
        (1, 3, "김가"),
        (2, 2, "이나"),
        (6, 1, "강바"),
    ]
    assert not race.race.is_complete


def test_the_result_document_completes_a_ranking_that_lags() -> None:
    ranking = {name: rank for name, rank in FINISH.items() if name != "김가"}
    race = Day(
        GWANGMYEONG,
        cycle_card_rows(),
        rank=rank_rows(ranking),
        result={1: [result_row(rank1="⑥강바", rank2="②이나", rank3="①김가")]},
    ).race()
    assert race.results is not None
    assert [one.finish_position for one in race.results] == [3, 2, 4, 5, 6, 1, 7]
    assert race.race.is_complete


def test_a_dead_heat_in_the_result_document_may_share_a_field() -> None:
    race = Day(GWANGMYEONG, cycle_card_rows(), result={1: [result_row(rank1="⑥강바 ②이나", rank3="①김가")]}).race()
    assert race.results is not None
    assert [(one.start_no, one.finish_position) for one in race.results] == [(1, 3), (2, 1), (6, 1)]


def test_two_riders_of_one_name_are_not_told_apart_by_a_guess() -> None:
    riders = ("김가", "이나", "김가", "최라", "정마", "강바", "조사")
    ranking = [rank_row(1, name, str(at), racer_no=f"2000{at}") for at, name in enumerate(riders, 1)]
    card = Day(GWANGMYEONG, cycle_card_rows(riders=riders), rank=ranking).card_built()
    results = card.races[0].results
    assert results is not None
    assert [(one.start_no, one.finish_position) for one in results[-2:]] == [(None, 1), (None, 3)]
    assert [one.start_no for one in results[:-2]] == [2, 4, 5, 6, 7]
    assert not card.races[0].race.is_complete
    assert card.warnings == ("race 1: 2 of 7 ranked runners have no start number: 김가, 김가",)


def test_one_of_two_riders_of_one_name_is_not_numbered_by_a_guess_either() -> None:
    riders = ("김가", "이나", "김가")
    card = Day(GWANGMYEONG, cycle_card_rows(riders=riders), rank=rank_rows({"김가": "1", "이나": "2"})).card_built()
    results = card.races[0].results
    assert results is not None
    assert [(one.start_no, one.runner_name) for one in results] == [(2, "이나"), (None, "김가")]


def test_a_place_that_the_result_document_gives_to_another_is_not_given_twice() -> None:
    """The ranking spells a rider as no other document does."""
    card = Day(
        GWANGMYEONG,
        cycle_card_rows(),
        rank=rank_rows({("강바아" if name == "강바" else name): rank for name, rank in FINISH.items()}),
        result={1: [result_row(rank1="⑥강바", rank2="②이나")]},
    ).card_built()
    results = card.races[0].results
    assert results is not None
    assert [one.start_no for one in results if one.finish_position == 1] == [6]
    assert card.warnings == (
        "race 1: 1 of 7 ranked runners have a place that the result document gives to another: 강바아",
    )


def test_two_runners_who_come_out_with_one_number_are_both_kept_without_one() -> None:
    """The card gives 2 to one who is absent, the result document to another."""
    card = Day(
        GWANGMYEONG,
        cycle_card_rows(),
        rank=rank_rows({**FINISH, "이나": "결장", "새명": "2"}),
        result={1: [result_row(rank1="⑥강바", rank2="②새명")]},
    ).card_built()
    results = card.races[0].results
    assert results is not None
    assert [one.start_no for one in results] == [1, 3, 4, 5, 6, 7, None, None]
    assert "race 1: 2 of 8 ranked runners have no start number: 이나, 새명" in card.warnings


def test_a_rider_whom_the_card_does_not_have_is_told_and_kept_without_a_number() -> None:
    card = Day(GWANGMYEONG, cycle_card_rows(), rank=rank_rows({**FINISH, "조사": "결장", "새명": "7"})).card_built()
    results = card.races[0].results
    assert results is not None
    assert len(results) == 8
    assert results[-1] == Result(None, "새명", FinishStatus.FINISHED, 7, runner_id=results[-1].runner_id)
    assert card.results_declared == 8
    assert card.warnings == ("race 1: 1 of 8 ranked runners have no start number: 새명",)


def test_a_rider_whom_the_two_documents_number_differently_keeps_the_number_of_the_card() -> None:
    day = Day(GWANGMYEONG, cycle_card_rows(), rank=rank_rows(FINISH), result={1: [result_row(rank1="⑤강바")]})
    card = day.card_built()
    assert card.races[0].results is not None
    assert card.races[0].results[5].runner_name == "강바"
    assert len(card.warnings) == 1
    assert "강바 starts as 6 on the card, as 5 in the result document" in card.warnings[0]


def test_a_velodrome_without_a_card_has_the_numbers_of_the_first_three_only() -> None:
    card = Day(
        CHANGWON,
        rank=rank_rows(FINISH, meeting=CHANGWON),
        result={1: [result_row(1, CHANGWON, rank1="⑥강바", rank2="②이나", rank3="①김가")]},
    ).card_built()
    race = card.races[0]
    assert race.entries is None
    assert race.results is not None
    assert [(one.start_no, one.finish_position) for one in race.results] == [
        *((1, 3), (2, 2), (6, 1)),
        *((None, 4), (None, 5), (None, 6), (None, 7)),
    ]
    assert race.race.is_complete
    assert card.results_declared == 7
    assert card.warnings == ()


def test_where_no_start_number_is_known_everybody_is_kept_without_one() -> None:
    card = Day(CHANGWON, rank=rank_rows(FINISH, meeting=CHANGWON)).card_built()
    results = card.races[0].results
    assert results is not None
    assert [(one.start_no, one.finish_position) for one in results] == [(None, place) for place in range(1, 8)]
    assert card.races[0].race.is_complete
    assert card.warnings == ()


def test_gwangmyeong_without_its_card_is_never_complete() -> None:
    race = Day(GWANGMYEONG, rank=rank_rows(FINISH)).race()
    assert race.entries is None
    assert not race.race.is_complete
