"""The entries of a race: the sheet, and what the day changes."""

from datetime import datetime

import pytest

from fotmate_assets.racing.model import KST, Change, ChangeKind
from fotmate_assets_tests.racing.kra.samples import (
    about,
    built,
    card_of,
    detail,
    details,
    entries_of,
    listing,
    plans,
    race_card,
    sheet,
    sheets,
    total,
)


def weight(number: int, kg: object, change: object, **fields: object) -> dict[str, object]:
    return about(number, wgHr=kg, wgHrDiff=change, recentRcDate=20250503, rcName="일반", **fields)  # type: ignore[arg-type]


def jockey(number: int, before: str, after: str, **fields: object) -> dict[str, object]:
    told = {"jkBefName": before, "jkAftName": after, "reason": "부상"}
    return about(number, **(told | fields))  # type: ignore[arg-type]


def test_the_entry_sheet_tells_runner_and_people() -> None:
    (entry,) = entries_of(sheets(7)).values()
    assert (entry.start_no, entry.runner_name, entry.runner_id) == (7, "바람7", "0990007")
    assert (entry.sex, entry.age, entry.burden_kg, entry.rating) == ("수", 3, 56.5, None)
    assert (entry.jockey_id, entry.jockey_name) == ("099407", "기수7")
    assert (entry.trainer_id, entry.trainer_name) == ("090180", "조교사")
    assert (entry.owner_id, entry.owner_name) == ("199011", "마주")
    assert (entry.body_weight_kg, entry.is_scratched) == (None, False)
    assert entry.details == {"prd": "한국", "chaksunT": 18_750_000, "rcCntT": 4}
    assert entry.extra == {}


def test_the_start_number_is_not_the_registration() -> None:
    (entry,) = entries_of(listing("API26_2", [sheet(3, hrNo="0091228")])).values()
    assert (entry.start_no, entry.runner_id) == (3, "0091228")


def test_registrations_that_lost_their_zeros_get_them_back() -> None:
    (entry,) = entries_of(listing("API26_2", [sheet(1, hrNo=91367, jkNo=90613, trNo=90182, owNo=19641)])).values()
    assert (entry.runner_id, entry.jockey_id, entry.trainer_id, entry.owner_id) == (
        "0091367",
        "090613",
        "090182",
        "019641",
    )


def test_a_horse_whose_name_is_a_number_keeps_it() -> None:
    assert entries_of(listing("API26_2", [sheet(1, hrName=1004)]))[1].runner_name == "1004"


def test_a_rating_of_zero_or_a_dash_is_none() -> None:
    found = entries_of(listing("API26_2", [sheet(1, rating=0), sheet(2, rating="-"), sheet(3, rating="35")]))
    assert [entry.rating for entry in found.values()] == [None, None, 35]


def test_entries_are_in_the_order_of_their_numbers() -> None:
    assert list(entries_of(sheets(3, 1, 2))) == [1, 2, 3]


def test_without_an_entry_sheet_the_result_rows_are_the_entries() -> None:
    (entry, other) = (race_card(details(0, 0)).entries or ())[:2]
    assert (entry.start_no, other.start_no) == (1, 2)
    assert (entry.runner_id, entry.jockey_name, entry.owner_id) == ("0990001", "기수1", "199011")
    assert entry.details["hrTool"] == "망사"


def test_a_race_without_runners_has_no_entries_by_now() -> None:
    assert race_card(plans(1)).entries is None


def test_the_sheet_wins_over_the_result_row_which_fills_the_weight() -> None:
    rows = [detail(1, 1, jkName="다른", wgHr="500(-3)")]
    entry = entries_of(sheets(1), listing("API214_1", rows))[1]
    assert (entry.jockey_name, entry.body_weight_kg, entry.body_weight_change_kg) == ("기수1", 500.0, -3.0)
    assert "hrTool" not in entry.details


def test_a_runner_of_the_results_that_the_sheet_lacks_is_entered_and_warned_of() -> None:
    found = built(sheets(1), details(1, 2))
    assert [entry.start_no for entry in card_of(found).entries or ()] == [1, 2]
    assert found.card.warnings == ("race 1: number 2 has a result row and is not on the sheet",)


def test_another_horse_under_the_same_number_does_not_mix_with_the_entered_one() -> None:
    found = built(sheets(1), listing("API214_1", [detail(1, 1, hrNo="0099999", wgHr="500(-3)")]))
    entry = (card_of(found).entries or ())[0]
    assert (entry.runner_id, entry.body_weight_kg) == ("0990001", None)
    assert "0099999" in found.card.warnings[0]


@pytest.mark.parametrize("change", ["+2", 2, "2"])
def test_the_weights_of_the_day_are_merged(change: object) -> None:
    entry = entries_of(sheets(1, 2), listing("API25_1", [weight(2, "511", change)]))[2]
    assert (entry.body_weight_kg, entry.body_weight_change_kg) == (511.0, 2.0)


def test_a_horse_that_was_not_weighed_keeps_no_weight() -> None:
    entry = entries_of(sheets(1), listing("API25_1", [weight(1, 0, 0)]))[1]
    assert (entry.body_weight_kg, entry.body_weight_change_kg) == (None, None)


def test_a_scratch_is_marked_and_told() -> None:
    row = about(2, reason="마체이상", noticeDate=202505310915)
    found = built(sheets(1, 2), listing("API9_1", [row]))
    entries = card_of(found).entries or ()
    assert [(entry.is_scratched, entry.scratch_reason) for entry in entries] == [(False, None), (True, "마체이상")]
    assert found.card.changes == (
        Change(1, ChangeKind.SCRATCH, 2, "바람2", None, "마체이상", datetime(2025, 5, 31, 9, 15, tzinfo=KST)),
    )


def test_a_new_jockey_takes_the_ride_and_the_old_one_is_told() -> None:
    row = jockey(1, "기수1", "새기수", jkAft=80599, aftBudam=54)
    found = built(sheets(1), listing("API10_1", [row]))
    (entry,) = card_of(found).entries or ()
    assert (entry.jockey_name, entry.jockey_id, entry.burden_kg) == ("새기수", "080599", 54.0)
    (change,) = found.card.changes
    assert (change.kind, change.old_value, change.new_value, change.reason) == (
        ChangeKind.JOCKEY,
        "기수1",
        "새기수",
        "부상",
    )


def test_the_new_jockeys_number_has_two_names() -> None:
    entry = entries_of(sheets(1), listing("API10_1", [jockey(1, "기수1", "새기수", jkAftNo="080599")]))[1]
    assert (entry.jockey_id, entry.burden_kg) == ("080599", 56.5)


def test_of_two_new_jockeys_the_later_rides() -> None:
    rows = [
        jockey(1, "둘째", "셋째", noticeDate=202505311000),
        jockey(1, "기수1", "둘째", noticeDate=202505310900),
    ]
    found = built(sheets(1), listing("API10_1", rows))
    assert (card_of(found).entries or ())[0].jockey_name == "셋째"
    assert [change.new_value for change in found.card.changes] == ["둘째", "셋째"]


def test_a_change_finds_its_horse_when_the_numbers_moved() -> None:
    found = built(sheets(1, 2), listing("API9_1", [about(5, hrNo="0990002", reason="질병")]))
    assert [entry.is_scratched for entry in card_of(found).entries or ()] == [False, True]


def test_a_change_of_a_horse_that_is_not_entered_is_warned_of() -> None:
    found = built(sheets(1), listing("API25_1", [weight(1, 480, 2, hrNo="0099999")]))
    assert (card_of(found).entries or ())[0].body_weight_kg is None
    assert found.card.warnings == ("race 1: API25_1 tells of number 1 (0099999), which is not entered",)


def test_a_change_without_a_registration_goes_by_the_number() -> None:
    entry = entries_of(sheets(1), listing("API25_1", [weight(1, 480, 2, hrNo="-")]))[1]
    assert entry.body_weight_kg == 480.0


@pytest.mark.parametrize(("code", "word"), [(93, "출전제외"), (94, "출전제외"), (95, "출전취소")])
def test_a_result_of_a_withdrawn_horse_scratches_its_entry(code: int, word: str) -> None:
    entries = entries_of(sheets(1, 2), details(1, code))
    assert [entry.is_scratched for entry in entries.values()] == [False, True]
    assert entries[2].scratch_reason == word


def test_the_reason_of_a_withdrawal_is_the_remark_of_the_result_or_the_announced_one() -> None:
    rows = [detail(1, 95, ordBigo="다리부상"), detail(2, 95, ordBigo="다리부상"), detail(3, 1)]
    scratch = listing("API9_1", [about(2, reason="마체이상")])
    entries = entries_of(sheets(1, 2, 3), listing("API214_1", rows), scratch)
    assert [entry.scratch_reason for entry in entries.values()] == ["다리부상", "마체이상", None]


def test_a_horse_that_started_is_not_scratched() -> None:
    entries = entries_of(sheets(1, 2, 3), details(1, 91, 92))
    assert not any(entry.is_scratched for entry in entries.values())


def test_a_bad_row_of_the_sheet_costs_its_race_the_entries_only() -> None:
    rows = [sheet(1), sheet(2, wgBudam="light"), sheet(1, 2)]
    found = built(plans(1, 2), listing("API26_2", rows), details(1, 2))
    assert [card.entries is None for card in found.card.races] == [True, False]
    assert found.card.races[0].results is not None
    (failure,) = found.failures
    assert (failure.document, failure.field) == ("API26_2/seoul/2025-05-31", "items[1].wgBudam")


def test_a_bad_weight_costs_its_race_the_entries() -> None:
    found = built(sheets(1), listing("API25_1", [weight(1, "heavy", 0)]))
    assert found.card.races[0].entries is None
    assert found.failures[0].field == "items[0].wgHr"


def test_a_row_that_does_not_say_its_race_costs_all_races_the_entries() -> None:
    found = built(listing("API26_2", [sheet(1), sheet(1, 2), sheet(2, rcNo="first")]))
    assert [card.entries for card in found.card.races] == [None, None]
    assert [failure.field for failure in found.failures] == ["items[2].rcNo"]


def test_a_renamed_field_is_told_once_per_race() -> None:
    rows = [
        {("name" if key == "hrName" else key): it for key, it in sheet(n, r).items()} for r in (1, 2) for n in (1, 2)
    ]
    found = built(plans(1, 2), listing("API26_2", rows))
    assert [failure.field for failure in found.failures] == ["items[0].hrName", "items[2].hrName"]


def test_new_fields_are_kept_as_extra_from_every_document() -> None:
    rows = [sheet(1, girth=1)]
    weights = [weight(1, 480, 2, mane="long")]
    assert entries_of(listing("API26_2", rows), listing("API25_1", weights))[1].extra == {"girth": 1, "mane": "long"}


def test_rows_of_the_sheet_are_counted_as_declared() -> None:
    assert built(listing("API26_2", [sheet(1), sheet(2), sheet(1, 2)])).card.entries_declared == 3


def test_the_results_of_the_day_alone_make_entries() -> None:
    assert list(entries_of(listing("API299", [total(4, 1)]))) == [4]


def test_the_result_shows_who_rode_where_no_document_told_of_the_change() -> None:
    ridden = detail(1, 1, jkNo="080999", jkName="다른기수")
    found = built(sheets(1, 2), listing("API214_1", [ridden, detail(2, 2)]))
    entries = {entry.start_no: entry for entry in card_of(found).entries or ()}
    assert (entries[1].jockey_id, entries[1].jockey_name) == ("080999", "다른기수")
    assert entries[2].jockey_name == "기수2"
    assert found.card.changes == (Change(1, ChangeKind.JOCKEY, 1, "기수1", "다른기수"),)


def test_a_change_of_jockey_that_was_announced_is_told_once() -> None:
    change = listing("API10_1", [jockey(1, "기수1", "다른기수", jkAftNo="080999")])
    ridden = listing("API214_1", [detail(1, 1, jkNo="080999", jkName="다른기수")])
    (told,) = built(sheets(1), change, ridden).card.changes
    assert (told.old_value, told.new_value, told.reason) == ("기수1", "다른기수", "부상")
