"""A cycle meeting from its documents."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import KST, Meeting, MeetingCard
from fotmate_assets_tests.racing.kspo.samples import (
    CHANGWON,
    FRIDAY,
    GWANGMYEONG,
    MISSING,
    Day,
    cycle_card_row,
    cycle_card_rows,
    payoff_row,
    race_of,
    rank_row,
    rank_rows,
    result_row,
)

FINISH = {"강바": "1", "이나": "2", "김가": "3", "박다": "4", "최라": "5", "정마": "6", "조사": "7"}


def only_failure(day: Day) -> SourceError:
    failures = day.built().failures
    assert len(failures) == 1
    assert failures[0].verdict is Verdict.MALFORMED
    return failures[0]


def test_the_card_gives_races_and_riders() -> None:
    card = Day(GWANGMYEONG, cycle_card_rows(races=2)).card_built()
    assert card.meeting == GWANGMYEONG
    assert [one.race.race_no for one in card.races] == [1, 2]
    assert card.entries_declared == 14
    race = card.races[0].race
    assert race.scheduled_post_time == race.post_time == datetime(2026, 1, 2, 12, 5, tzinfo=KST)
    assert (race.distance_m, race.grade, race.field_size) == (2025, "우수", 7)
    assert race.details == {"round_cnt": 6}
    assert (race.is_complete, race.is_cancelled) == (False, False)
    assert card.races[0].results is None
    assert card.races[0].payoffs is None


def test_a_rider_is_known_by_back_number_and_has_no_racer_number_on_the_card() -> None:
    entries = Day(GWANGMYEONG, cycle_card_rows()).race().entries
    assert entries is not None
    assert [entry.start_no for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
    one = entries[1]
    assert (one.runner_name, one.runner_id, one.age, one.grade, one.gear_ratio) == ("이나", None, 33, "우수", 3.86)
    assert one.details["racer_grd_cur_cd"] == "A2"
    assert one.details["period_no"] == "7"
    assert one.extra == {}


def test_two_hundred_metres_stand_in_seconds_beside_what_is_published() -> None:
    entries = Day(GWANGMYEONG, [cycle_card_row(1, 1, "김가", rec_200m_scr='12"00')]).race().entries
    assert entries is not None
    assert entries[0].details["rec_200m_scr"] == '12"00'
    assert entries[0].details["rec_200m_s"] == 12.0


def test_the_order_of_rows_and_their_numbering_do_not_matter() -> None:
    rows = cycle_card_rows()
    shuffled = [{**row, "row_num": 99 - at} for at, row in enumerate(reversed(rows))]
    assert Day(GWANGMYEONG, rows).card_built() == Day(GWANGMYEONG, shuffled).card_built()


def test_other_days_and_tracks_of_the_documents_are_left_out() -> None:
    saturday = Meeting(FRIDAY + timedelta(days=1), "gwangmyeong", 2026, 1, 2)
    card = Day(
        GWANGMYEONG,
        cycle_card_rows() + cycle_card_rows(races=3, meeting=saturday),
        rank=rank_rows(FINISH) + rank_rows({"남": "1"}, 9, CHANGWON) + rank_rows({"북": "1"}, 8, saturday),
    ).card_built()
    assert [one.race.race_no for one in card.races] == [1]
    assert (card.entries_declared, card.results_declared) == (7, 7)


def test_a_malformed_rider_of_another_day_does_no_harm() -> None:
    saturday = Meeting(FRIDAY + timedelta(days=1), "gwangmyeong", 2026, 1, 2)
    rows = [*cycle_card_rows(), {**cycle_card_row(1, 1, "김가", saturday), "back_no": "x"}]
    assert Day(GWANGMYEONG, rows).race().entries is not None


def test_fields_never_seen_before_are_kept_apart() -> None:
    card = Day(
        GWANGMYEONG,
        [cycle_card_row(1, 1, "김가", helmet="red")],
        rank=[rank_row(1, "김가", "1", lap_time="11.2")],
        result={1: [result_row(rank1="①김가", weather="맑음")]},
    ).card_built()
    race = card.races[0]
    assert race.entries is not None
    assert race.results is not None
    assert race.entries[0].extra == {"helmet": "red"}
    assert race.results[0].extra == {"lap_time": "11.2"}
    assert race.race.extra == {"weather": "맑음"}


def test_a_card_that_vanished_leaves_a_meeting_without_races() -> None:
    card = Day(GWANGMYEONG, []).card_built()
    assert card.races == ()
    assert card.entries_declared == 0


def test_a_malformed_rider_costs_its_race_the_entries_and_no_more() -> None:
    rows = cycle_card_rows(races=2)
    rows[3]["back_no"] = "x"
    day = Day(GWANGMYEONG, rows)
    error = only_failure(day)
    assert (error.document, error.field) == ("CRA_RACE_ORGAN/gwangmyeong/2026-r01", "items[3].back_no")
    assert error.content
    card = day.built().card
    assert race_of(card, 1).entries is None
    assert race_of(card, 1).race.post_time == datetime(2026, 1, 2, 12, 5, tzinfo=KST)
    assert race_of(card, 2).entries is not None
    assert card.entries_declared == 14


@pytest.mark.parametrize("name", ["back_no", "racer_nm", "race_no", "race_ymd"])
def test_a_rider_without_a_field_that_is_needed_is_refused_by_name(name: str) -> None:
    rows = cycle_card_rows()
    rows[2][name] = MISSING
    error = only_failure(Day(GWANGMYEONG, [{k: v for k, v in row.items() if v is not MISSING} for row in rows]))
    assert error.field == f"items[2].{name}"


def test_a_rider_of_no_telling_which_race_costs_all_races_the_entries() -> None:
    rows = cycle_card_rows(races=2)
    rows[3]["race_no"] = "?"
    built = Day(GWANGMYEONG, rows).built()
    assert [one.entries for one in built.card.races] == [None, None]
    assert [error.field for error in built.failures] == ["items[3].race_no"]


def test_an_off_that_is_no_time_costs_the_race_its_card() -> None:
    rows = cycle_card_rows(races=2)
    rows[0]["dptre_tm"] = "미정"
    day = Day(GWANGMYEONG, rows)
    assert only_failure(day).field == "items[0].dptre_tm"
    assert race_of(day.built().card, 1).entries is None
    assert race_of(day.built().card, 2).entries is not None


def test_a_race_without_an_off_builds() -> None:
    race = Day(GWANGMYEONG, [cycle_card_row(1, 1, "김가", dptre_tm="")]).race()
    assert race.race.post_time is None
    assert race.entries is not None


def test_a_night_meeting_builds() -> None:
    race = Day(GWANGMYEONG, [cycle_card_row(1, 1, "김가", dptre_tm='21"20')]).race()
    assert race.race.post_time == datetime(2026, 1, 2, 21, 20, tzinfo=KST)


def test_two_riders_with_one_back_number_are_refused() -> None:
    day = Day(GWANGMYEONG, [cycle_card_row(1, 1, "김가"), cycle_card_row(1, 1, "이나")])
    assert only_failure(day).field == "items[1].back_no"


def test_rows_of_a_race_that_disagree_on_its_off_are_told() -> None:
    card = Day(GWANGMYEONG, [cycle_card_row(1, 1, "김가"), cycle_card_row(1, 2, "이나", dptre_tm='12"30')]).card_built()
    assert card.races[0].race.post_time == datetime(2026, 1, 2, 12, 5, tzinfo=KST)
    assert card.warnings == ('race 1: dptre_tm differs between runners (12"05, 12"30), first taken',)


def test_a_malformed_row_of_the_ranking_leaves_the_race_without_results() -> None:
    rows = rank_rows(FINISH)
    rows[1]["racer_nm"] = ""
    day = Day(GWANGMYEONG, cycle_card_rows(), rank=rows, result={1: [result_row(rank1="⑥강바")]})
    assert only_failure(day).field == "items[1].racer_nm"
    race = race_of(day.built().card, 1)
    assert race.results is None
    assert not race.race.is_complete


def test_a_place_that_names_nobody_costs_the_results_and_not_the_payoffs() -> None:
    day = Day(GWANGMYEONG, cycle_card_rows(), result={1: [result_row(rank1="강바", pool1_val="(6)2.5")]})
    assert only_failure(day).field == "items[0].rank1"
    race = race_of(day.built().card, 1)
    assert race.results is None
    assert race.payoffs is not None
    assert len(race.payoffs) == 1


def test_the_result_of_the_same_month_and_day_of_another_year_is_not_taken() -> None:
    day = Day(GWANGMYEONG, cycle_card_rows(), result={1: [result_row(stnd_yr="2025", rank1="⑥강바")]})
    assert day.race().results is None


def test_a_round_over_new_year_keeps_its_own_year() -> None:
    meeting = Meeting(FRIDAY.replace(year=2027, day=1), "gwangmyeong", 2026, 53, 2)
    card = Day(
        meeting,
        cycle_card_rows(meeting=meeting),
        rank=rank_rows(FINISH, meeting=meeting),
        result={1: [result_row(1, meeting, rank1="⑥강바", pool1_val="(6)2.5")]},
    ).card_built()
    race = card.races[0]
    assert race.race.post_time == datetime(2027, 1, 1, 12, 5, tzinfo=KST)
    assert race.race.is_complete
    assert race.payoffs is not None
    assert len(race.payoffs) == 1


def test_building_twice_gives_the_same_card() -> None:
    day = Day(GWANGMYEONG, cycle_card_rows(), rank=rank_rows(FINISH), payoff=[payoff_row(pool1_val="2.5")])
    first, second = day.built().card, day.built().card
    assert isinstance(first, MeetingCard)
    assert first == second
