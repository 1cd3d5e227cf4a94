"""A boat meeting from its two cards and its results."""

from __future__ import annotations

from datetime import datetime

import pytest

from fotmate_assets.racing.model import KST, FinishStatus
from fotmate_assets_tests.racing.kspo.samples import (
    MISARI,
    Day,
    Row,
    boat_doc_row,
    boat_info_row,
    race_of,
    rank_row,
    rank_rows,
    result_row,
)

RACERS = ("김가", "이나", "박다", "최라", "정마", "강바")
FINISH = {name: str(at) for at, name in enumerate(RACERS, 1)}


def docs(races: int = 1) -> list[Row]:
    return [boat_doc_row(race, lane, name) for race in range(1, races + 1) for lane, name in enumerate(RACERS, 1)]


def infos(races: int = 1) -> list[Row]:
    return [boat_info_row(race, lane, name) for race in range(1, races + 1) for lane, name in enumerate(RACERS, 1)]


def test_the_two_cards_make_one_racer() -> None:
    card = Day(MISARI, docs(), infos()).card_built()
    race = card.races[0]
    assert race.entries is not None
    one = race.entries[2]
    assert (one.start_no, one.runner_name, one.runner_id, one.sex, one.age) == (3, "박다", "10-003", "여", 41)
    assert (one.body_weight_kg, one.grade) == (55.5, "B1")
    assert one.details == {"racer_perio_no": "10", "fl_tcnt": "F0L1"}
    assert one.extra == {}
    assert card.entries_declared == 6


def test_motor_and_boat_keep_their_zeros() -> None:
    entries = Day(MISARI, docs(), infos()).race().entries
    assert entries is not None
    assert (entries[0].motor_no, entries[0].boat_no) == ("071", "001")


def test_the_lane_is_the_start_number_whatever_the_swagger_calls_it() -> None:
    entries = Day(MISARI, info=infos()).race().entries
    assert entries is not None
    assert [one.start_no for one in entries] == [1, 2, 3, 4, 5, 6]
    assert entries[0].runner_id is None


def test_the_times_and_the_class_stand_on_the_second_card() -> None:
    race = Day(MISARI, docs(), infos()).race().race
    assert race.scheduled_post_time == race.post_time == datetime(2026, 1, 28, 11, 40, tzinfo=KST)
    assert (race.grade, race.field_size, race.distance_m) == ("특선", 6, None)
    assert race.details == {"st_mthd_cd": "001", "organ_stat_cd": "확정"}


def test_the_first_card_alone_gives_races_without_times() -> None:
    card = Day(MISARI, docs(races=2)).card_built()
    assert [one.race.race_no for one in card.races] == [1, 2]
    race = card.races[0]
    assert race.race.post_time is None
    assert race.entries is not None
    assert (race.entries[0].runner_id, race.entries[0].sex) == ("10-001", None)
    assert card.entries_declared == 12


def test_two_cards_that_disagree_on_a_racer_are_told_and_the_number_is_not_taken() -> None:
    first = docs()
    first[2]["racer_nm"] = "다른"
    card = Day(MISARI, first, infos()).card_built()
    entries = card.races[0].entries
    assert entries is not None
    assert (entries[2].runner_name, entries[2].runner_id) == ("박다", None)
    assert card.warnings == ("race 1: the two cards have 박다 and 다른 in lane 3, the first is taken",)


def test_a_lane_that_only_the_first_card_has_is_told_and_kept() -> None:
    card = Day(MISARI, docs(), infos()[:5]).card_built()
    entries = card.races[0].entries
    assert entries is not None
    assert [one.start_no for one in entries] == [1, 2, 3, 4, 5, 6]
    assert card.entries_declared == 5
    assert card.warnings == ("race 1: lanes [6] are on the card with the dates only",)


def test_the_second_card_belongs_by_round_and_day() -> None:
    other = [boat_info_row(1, 1, "김가", week_tcnt="6"), boat_info_row(2, 1, "김가", day_tcnt="2")]
    card = Day(MISARI, info=[*infos(), *other]).card_built()
    assert [one.race.race_no for one in card.races] == [1]


def test_a_row_that_tells_neither_date_nor_round_is_refused() -> None:
    rows = infos()
    del rows[1]["week_tcnt"]
    built = Day(MISARI, docs(), rows).built()
    assert [error.field for error in built.failures] == ["items[1].week_tcnt"]
    assert built.card.races[0].entries is None


def test_the_ranking_is_numbered_by_the_names_of_the_card() -> None:
    race = Day(MISARI, docs(), infos(), rank_rows(FINISH, meeting=MISARI)).race()
    assert race.results is not None
    assert [(one.start_no, one.finish_position) for one in race.results] == [(at, at) for at in range(1, 7)]
    assert race.race.is_complete


def test_racers_of_one_name_are_told_apart_by_their_numbers() -> None:
    first, second = docs(), infos()
    first[3]["racer_nm"] = second[3]["racer_nm"] = "김가"
    names = ["김가", "이나", "박다", "김가", "정마", "강바"]
    ranking = [
        rank_row(1, name, str(7 - lane), MISARI, racer_no=f"10-{lane:03d}") for lane, name in enumerate(names, 1)
    ]
    race = Day(MISARI, first, second, ranking).race()
    assert race.results is not None
    assert [(one.start_no, one.finish_position) for one in race.results] == [(at, 7 - at) for at in range(1, 7)]
    assert race.race.is_complete


def test_a_capsized_boat_did_not_finish() -> None:
    race = Day(MISARI, docs(), infos(), rank_rows({**FINISH, "강바": "전복"}, meeting=MISARI)).race()
    assert race.results is not None
    assert race.results[5].finish_status is FinishStatus.PULLED_UP
    assert race.entries is not None
    assert not race.entries[5].is_scratched


def test_a_malformed_racer_costs_its_race_the_entries() -> None:
    rows = infos(races=2)
    rows[0]["race_reg_no"] = ""
    built = Day(MISARI, docs(races=2), rows).built()
    assert [error.field for error in built.failures] == ["items[0].race_reg_no"]
    assert race_of(built.card, 1).entries is None
    assert race_of(built.card, 2).entries is not None
    assert built.card.entries_declared == 12


def test_results_of_another_round_are_left_out() -> None:
    other = [result_row(2, MISARI, week_tcnt=6, rank1="①김가"), result_row(3, MISARI, stnd_yr="2025", rank1="①김가")]
    card = Day(MISARI, docs(), infos(), result=[result_row(1, MISARI, rank1="①김가"), *other]).card_built()
    assert [one.race.race_no for one in card.races] == [1]
    assert card.races[0].results is not None


@pytest.mark.parametrize("race_no", ["01", 1])
def test_a_race_named_twice_by_the_result_document_is_refused(race_no: object) -> None:
    again = {**result_row(1, MISARI), "race_no": race_no}
    built = Day(MISARI, docs(), result=[result_row(1, MISARI), again]).built()
    assert [error.field for error in built.failures] == ["items[1].race_no"]
