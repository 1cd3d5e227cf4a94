"""What is asked about a meeting, and what an answer without its rows means."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from fotmate_assets.core.model import Verdict
from fotmate_assets.racing.model import KST, TRACKS, Meeting, MeetingCard
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.source import Family, Listing
from fotmate_assets_tests.racing.kra.samples import (
    DAY,
    MEETING,
    built,
    detail,
    details,
    inquiry,
    listing,
    odds,
    plan,
    plans,
    sheet,
    total,
    totals,
)

MIDNIGHT = datetime(2025, 5, 31, tzinfo=KST)
NOON = MIDNIGHT + timedelta(hours=12)
LATER = MIDNIGHT + timedelta(days=30)


def slots(families: list[Family], now: datetime = NOON, *had: Listing) -> list[str]:
    return [it.slot for it in KRA().inquiries(MEETING, families, {one.inquiry.slot: one for one in had}, now)]


def test_its_tracks_are_the_three_horse_tracks() -> None:
    assert KRA().track_ids == ("seoul", "jeju", "busan")
    assert KRA.name == "kra"


def test_a_question_of_the_day_names_track_and_day() -> None:
    (asked, *_) = KRA().inquiries(Meeting(DAY, "busan"), [Family.RESULTS], {}, NOON)
    assert asked.service == "API214_1/RaceDetailResult_1"
    assert asked.params == (("meet", "3"), ("rc_date", "20250531"))
    assert (asked.document, asked.shelf, asked.slot) == ("API214_1/busan/2025-05-31", "2025-05-31", "API214_1")
    assert asked.unique == ("rcDate", "rcNo", "chulNo")
    assert asked.family is Family.RESULTS


def test_a_question_of_the_month_has_the_same_slot_and_another_document() -> None:
    (asked,) = KRA().month_inquiries(Meeting(DAY, "jeju"), [Family.RESULTS])
    assert asked.params == (("meet", "2"), ("rc_month", "202505"))
    assert (asked.document, asked.shelf, asked.slot) == ("API214_1/jeju/2025-05", "2025-05", "API214_1")


def test_the_schedule_is_the_month_that_the_calendar_asked() -> None:
    (asked,) = KRA().inquiries(MEETING, [Family.RACES], {}, NOON)
    assert asked.document == "API72_2/seoul/2025-05"
    assert asked == KRA().month_inquiries(MEETING, [Family.RACES])[0]


DATE, MONTH = {"rc_date": "20240229"}, {"rc_month": "202402"}
ON, WITHIN = ({"rc_date_fr": first, "rc_date_to": "20240229"} for first in ("20240229", "20240201"))
NAMES = [
    ("API72_2/racePlan_2", MONTH, MONTH),
    ("API26_2/entrySheet_2", DATE, MONTH),
    ("API25_1/entryHorseWeightInfo_1", DATE, MONTH),
    ("API9_1/raceHorseCancelInfo_1", DATE, MONTH),
    ("API10_1/jockeyChangeInfo_1", DATE, MONTH),
    ("API189_1/Track_1", ON, WITHIN),
    ("API214_1/RaceDetailResult_1", DATE, MONTH),
    ("API299/Race_Result_total", DATE, None),
    ("API160_1/integratedInfo_1", DATE, MONTH),
    ("API179_1/salesAndDividendRate_1", DATE, MONTH),
    ("API301/Dividend_rate_total", DATE, None),
]
"""What the services are told of a day and of its month; None where they are not asked for months."""


@pytest.mark.parametrize(("service", "of_day", "of_month"), NAMES)
def test_each_service_is_asked_with_the_parameters_that_it_has(
    service: str, of_day: dict[str, str], of_month: dict[str, str] | None
) -> None:
    """The portal ignores others without a word."""
    meeting, empty = Meeting(date(2024, 2, 29), "busan"), {"API160_1": listing("API160_1", [])}
    days = {it.service: dict(it.params) for it in KRA().inquiries(meeting, list(Family), empty, NOON)}
    months = {it.service: dict(it.params) for it in KRA().month_inquiries(meeting, list(Family))}
    assert days[service] == {"meet": "3"} | of_day
    assert months.get(service) == (None if of_month is None else {"meet": "3"} | of_month)
    assert days.keys() == {name for name, _, _ in NAMES}


def test_a_service_of_single_days_has_no_question_for_a_month() -> None:
    with pytest.raises(ValueError, match="API299 cannot be asked for a month"):
        inquiry("API299", month=True)


def test_each_family_asks_its_services() -> None:
    assert slots([Family.ENTRIES]) == ["API26_2", "API25_1", "API9_1", "API10_1", "API189_1"]
    assert slots([Family.RESULTS]) == ["API214_1", "API299"]
    assert slots([Family.PAYOFFS]) == ["API160_1", "API179_1"]
    assert slots(list(Family))[0] == "API72_2"
    assert len(slots(list(Family))) == 10
    assert slots([]) == []


def test_changes_are_asked_from_the_race_day_on() -> None:
    assert slots([Family.ENTRIES], MIDNIGHT - timedelta(seconds=1)) == ["API26_2"]
    assert len(slots([Family.ENTRIES], MIDNIGHT)) == 5
    assert len(slots([Family.ENTRIES], LATER)) == 5


def test_the_odds_of_the_day_are_asked_once_the_grid_is_known_to_lack_the_meeting() -> None:
    other = odds(1, "단승식", [1], 2.0, rcDate=20250530)
    assert slots([Family.PAYOFFS], NOON, listing("API160_1", [])) == ["API160_1", "API179_1", "API301"]
    assert "API301" in slots([Family.PAYOFFS], NOON, listing("API160_1", [other], month=True))
    assert "API301" not in slots([Family.PAYOFFS], NOON, listing("API160_1", [odds(1, "단승식", [1], 2.0)]))
    assert "API301" not in slots([Family.RESULTS], NOON, listing("API160_1", []))


def test_the_day_service_is_not_asked_by_month() -> None:
    months = [it.slot for it in KRA().month_inquiries(MEETING, list(Family))]
    assert "API299" not in months
    assert "API301" not in months
    assert len(months) == 9


def test_documents_of_all_questions_are_different() -> None:
    asked = KRA().inquiries(MEETING, list(Family), {"API160_1": listing("API160_1", [])}, NOON)
    months = KRA().month_inquiries(MEETING, list(Family))
    assert len({it.document for it in (*asked, *months)}) == 11 + 8


# Verdicts -----------------------------------------------------------------------------------------------------------


def verdict(slot: str, card: MeetingCard, now: datetime, *rows: dict[str, object], month: bool = False) -> Verdict:
    answer = listing(slot, rows, month=month)
    return KRA().verdict(answer.inquiry, answer, MEETING, card, now)


CARD = built(listing("API72_2", [plan(1, schStTime=1035), plan(2, schStTime=1710)])).card
OFF = built(totals(0, 0, noraceFlag=1)).card
RUN = built(details(1, 2), listing("API160_1", [odds(1, "단승식", [1], 2.0)])).card
FIRST, LAST = (MIDNIGHT + timedelta(hours=10, minutes=35), MIDNIGHT + timedelta(hours=17, minutes=10))
SECOND = timedelta(seconds=1)
SLOTS = ["API72_2", "API26_2", "API25_1", "API9_1", "API10_1", "API189_1", "API214_1", "API299", "API160_1", "API179_1"]


@pytest.mark.parametrize("slot", [*SLOTS, "API301"])
def test_rows_of_the_meeting_are_ok(slot: str) -> None:
    assert verdict(slot, CARD, NOON, sheet(1)) is Verdict.OK


@pytest.mark.parametrize("slot", ["API25_1", "API9_1", "API10_1", "API189_1"])
def test_a_day_may_go_by_without_changes(slot: str) -> None:
    assert verdict(slot, CARD, LATER) is Verdict.EMPTY_EXPECTED


def test_the_entry_sheet_must_be_there_two_hours_before_the_first_race() -> None:
    due = FIRST - timedelta(hours=2)
    assert verdict("API26_2", CARD, due - SECOND) is Verdict.NOT_YET
    assert verdict("API26_2", CARD, due) is Verdict.EMPTY_UNEXPECTED
    unknown = MeetingCard(MEETING, ())
    assert verdict("API26_2", unknown, MIDNIGHT - SECOND) is Verdict.NOT_YET
    assert verdict("API26_2", unknown, MIDNIGHT) is Verdict.EMPTY_UNEXPECTED


@pytest.mark.parametrize("slot", ["API214_1", "API299", "API160_1", "API301", "API179_1"])
def test_results_and_payoffs_must_be_there_two_hours_after_the_last_race(slot: str) -> None:
    due = LAST + timedelta(hours=2)
    assert verdict(slot, CARD, due - SECOND) is Verdict.NOT_YET
    assert verdict(slot, CARD, due) is Verdict.EMPTY_UNEXPECTED


@pytest.mark.parametrize("slot", ["API26_2", "API214_1", "API299", "API160_1", "API179_1"])
def test_a_meeting_whose_races_are_all_cancelled_owes_nothing(slot: str) -> None:
    assert verdict(slot, OFF, LATER) is Verdict.EMPTY_EXPECTED


@pytest.mark.parametrize("slot", ["API299", "API301", "API179_1"])
def test_a_document_owes_nothing_that_another_has_told(slot: str) -> None:
    assert verdict(slot, RUN, LATER) is Verdict.EMPTY_EXPECTED


def test_the_results_of_the_day_do_not_stand_in_for_the_detailed_ones() -> None:
    """API214_1 alone has odds and margins."""
    card = built(listing("API72_2", [plan(1, schStTime=1035), plan(2, schStTime=1710)]), both_races("API299")).card
    assert [race.results is None for race in card.races] == [False, False]
    due = LAST + timedelta(hours=2)
    assert verdict("API214_1", card, due - SECOND) is Verdict.NOT_YET
    assert verdict("API214_1", card, due) is Verdict.EMPTY_UNEXPECTED


def test_the_detailed_results_stand_in_for_those_of_the_day() -> None:
    card = built(listing("API72_2", [plan(1, schStTime=1035), plan(2, schStTime=1710)]), both_races("API214_1")).card
    assert verdict("API299", card, LAST) is Verdict.EMPTY_EXPECTED
    assert verdict("API299", card, LATER) is Verdict.EMPTY_EXPECTED


def both_races(slot: str) -> Listing:
    """Results of two races, off at 10:35 and 17:10."""
    off = {1: "2025-05-31T10:35:00+09:00", 2: "2025-05-31T17:10:00+09:00"}
    if slot == "API214_1":
        return listing(slot, [detail(number, number, race) for race in off for number in (1, 2)])
    rows = [total(number, number, race, schStTime=off[race], stTime=off[race]) for race in off for number in (1, 2)]
    return listing(slot, rows)


def test_results_do_not_stand_in_for_payoffs() -> None:
    card = built(details(1, 2)).card
    assert verdict("API160_1", card, LATER) is Verdict.EMPTY_UNEXPECTED
    assert verdict("API299", card, LATER) is Verdict.EMPTY_EXPECTED


def test_one_race_without_a_result_is_owed() -> None:
    card = built(listing("API214_1", [detail(1, 1, 1), detail(1, 0, 2)]), plans(1, 2)).card
    assert verdict("API299", card, LATER) is Verdict.EMPTY_UNEXPECTED


def test_rows_of_other_days_are_no_answer() -> None:
    assert verdict("API214_1", CARD, NOON, detail(1, 1, rcDate=20250530)) is Verdict.NOT_YET
    assert verdict("API214_1", CARD, LATER, detail(1, 1, meet="제주")) is Verdict.EMPTY_UNEXPECTED


def test_a_schedule_without_a_meeting_that_others_tell_of_is_missed_until_its_races_are_called_off() -> None:
    others = plan(1, rcDate=20250530)
    assert verdict("API72_2", CARD, NOON, others) is Verdict.EMPTY_UNEXPECTED
    assert verdict("API72_2", replace(CARD, races=()), NOON, others) is Verdict.EMPTY_EXPECTED
    off = tuple(replace(each, race=replace(each.race, is_cancelled=True)) for each in CARD.races)
    assert verdict("API72_2", replace(CARD, races=off), NOON, others) is Verdict.EMPTY_EXPECTED


def test_a_schedule_of_an_empty_month_is_not_out_or_missed() -> None:
    june = datetime(2025, 6, 1, tzinfo=KST)
    assert verdict("API72_2", CARD, june - SECOND) is Verdict.NOT_YET
    assert verdict("API72_2", CARD, june) is Verdict.EMPTY_UNEXPECTED


def test_the_month_after_december_is_january() -> None:
    meeting = Meeting(DAY.replace(month=12), "seoul")
    answer = Listing(inquiry("API72_2", day=meeting.race_date), (), ())
    card = MeetingCard(meeting, ())
    last = datetime(2025, 12, 31, 23, 59, tzinfo=KST)
    assert KRA().verdict(answer.inquiry, answer, meeting, card, last) is Verdict.NOT_YET
    assert KRA().verdict(answer.inquiry, answer, meeting, card, last + timedelta(minutes=1)) is Verdict.EMPTY_UNEXPECTED


def test_every_name_of_a_track_answers_for_it() -> None:
    for called in TRACKS["seoul"].names:
        assert verdict("API26_2", CARD, LATER, sheet(1, meet=called)) is Verdict.OK
