"""What a meeting is asked, and what an empty answer means."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from fotmate_assets.core.model import Verdict
from fotmate_assets.racing.model import Meeting, MeetingCard, Payoff, Pool, Race, RaceCard
from fotmate_assets.racing.sources.kspo import services
from fotmate_assets.racing.sources.kspo.source import KSPO
from fotmate_assets.racing.sources.source import Family, Inquiry, Listing
from fotmate_assets_tests.racing.kspo.samples import (
    ALL,
    CHANGWON,
    FRIDAY,
    GWANGMYEONG,
    MISARI,
    RIDERS,
    WEDNESDAY,
    Day,
    Row,
    boat_doc_row,
    cycle_card_rows,
    kst,
    listing,
    rank_rows,
    result_row,
)

NINTH = Meeting(date(2026, 2, 28), "gwangmyeong", 2026, 9, 2)
AFTERWARDS = kst(FRIDAY + timedelta(days=60))


def asked(
    meeting: Meeting, families: tuple[Family, ...], now: datetime, have: dict[str, Listing] | None = None
) -> list[str]:
    return [one.slot for one in KSPO().inquiries(meeting, families, have or {}, now)]


# The questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inquiry", "service", "params", "document", "shelf", "slot"),
    [
        (
            services.cycle_card(2026, 9),
            "SRVC_OD_API_CRA_RACE_ORGAN/TODZ_API_CRA_RACE_ORGAN_I",
            {"meet_nm": "광명", "stnd_yr": "2026", "week_tcnt": "09"},
            "CRA_RACE_ORGAN/gwangmyeong/2026-r09",
            "2026-r09",
            "CRA_RACE_ORGAN",
        ),
        (
            services.cycle_rank(date(2026, 2, 28), 2026),
            "SRVC_CRA_RACE_RANK/TODZ_CRA_RACE_RANK",
            {"stnd_year": "2026", "race_day": "20260228"},
            "CRA_RACE_RANK/all/2026-02-28",
            "2026-02-28",
            "CRA_RACE_RANK",
        ),
        (
            services.cycle_result(NINTH, 3),
            "SRVC_TODZ_CRA_RACE_RESULT/TODZ_API_CRA_RACE_RESULT",
            {"stnd_yr": "2026", "meet_nm": "광명", "week_tcnt": "09", "day_tcnt": "2", "race_no": "03"},
            "CRA_RACE_RESULT/gwangmyeong/2026-02-28/03",
            "2026-02-28",
            "CRA_RACE_RESULT/03",
        ),
        (
            services.cycle_payoff(NINTH),
            "SRVC_OD_API_CRA_PAYOFF/TODZ_API_CRA_PAYOFF_I",
            {"stnd_yr": "2026", "week_tcnt": "09", "day_tcnt": "2"},
            "CRA_PAYOFF/gwangmyeong/2026-02-28",
            "2026-02-28",
            "CRA_PAYOFF",
        ),
        (
            services.boat_doc(WEDNESDAY, 2026),
            "SRVC_OD_API_VWEB_MBR_RACE_DOC/TODZ_API_VWEB_MBR_RACE_DOC_I",
            {"stnd_yr": "2026", "race_ymd": "20260128"},
            "MBR_RACE_DOC/misari/2026-01-28",
            "2026-01-28",
            "MBR_RACE_DOC",
        ),
        (
            services.boat_info(MISARI),
            "SRVC_OD_API_VWEB_MBR_RACE_INFO/TODZ_API_VWEB_MBR_RACE_I",
            {"stnd_yr": "2026", "week_tcnt": "05", "day_tcnt": "1"},
            "MBR_RACE_INFO/misari/2026-01-28",
            "2026-01-28",
            "MBR_RACE_INFO",
        ),
        (
            services.boat_rank(MISARI.race_date, MISARI.year or 0),
            "SRVC_MRA_RACE_RANK/TODZ_MRA_RACE_RANK",
            {"stnd_year": "2026", "race_day": "20260128"},
            "MRA_RACE_RANK/misari/2026-01-28",
            "2026-01-28",
            "MRA_RACE_RANK",
        ),
        (
            services.boat_result(MISARI),
            "SRVC_OD_API_MBR_RACE_RESULT/TODZ_API_MBR_RACE_RESULT_I",
            {"stnd_yr": "2026", "week_tcnt": "05", "day_tcnt": "1"},
            "MBR_RACE_RESULT/misari/2026-01-28",
            "2026-01-28",
            "MBR_RACE_RESULT",
        ),
        (
            services.boat_payoff(MISARI, 3),
            "SRVC_OD_API_MBR_PAYOFF/TODZ_API_MBR_PAYOFF_I",
            {"stnd_yr": "2026", "week_tcnt": "05", "day_tcnt": "1", "race_no": "03"},
            "MBR_PAYOFF/misari/2026-01-28/03",
            "2026-01-28",
            "MBR_PAYOFF/03",
        ),
    ],
    ids=lambda value: value.slot if isinstance(value, Inquiry) else "",
)
def test_each_service_is_asked_in_its_notation(
    inquiry: Inquiry, service: str, params: dict[str, str], document: str, shelf: str, slot: str
) -> None:
    assert (inquiry.service, dict(inquiry.params)) == (service, params)
    assert (inquiry.document, inquiry.shelf, inquiry.slot) == (document, shelf, slot)


def test_a_meeting_without_its_round_cannot_be_asked_about() -> None:
    with pytest.raises(ValueError, match="has no round"):
        asked(Meeting(FRIDAY, "gwangmyeong"), ALL, AFTERWARDS)


# The stages ----------------------------------------------------------------------------------------------------------


def test_before_the_race_date_only_cards_are_asked_for() -> None:
    before = kst(FRIDAY) - timedelta(seconds=1)
    assert asked(GWANGMYEONG, ALL, before) == ["CRA_RACE_ORGAN"]
    assert asked(MISARI, ALL, kst(WEDNESDAY) - timedelta(seconds=1)) == ["MBR_RACE_DOC", "MBR_RACE_INFO"]
    assert asked(CHANGWON, ALL, before) == []


def test_cycle_results_are_asked_for_race_by_race_once_the_ranking_names_them() -> None:
    day = Day(GWANGMYEONG, cycle_card_rows(), rank=rank_rows({"김가": "1"}, 1) + rank_rows({"이나": "1"}, 12))
    assert asked(GWANGMYEONG, ALL, kst(FRIDAY)) == ["CRA_RACE_ORGAN", "CRA_RACE_RANK", "CRA_PAYOFF"]
    assert asked(GWANGMYEONG, ALL, kst(FRIDAY), day.listings()) == [
        "CRA_RACE_ORGAN",
        "CRA_RACE_RANK",
        "CRA_RACE_RESULT/01",
        "CRA_RACE_RESULT/12",
        "CRA_PAYOFF",
    ]


def test_boat_payoffs_are_asked_for_race_by_race_once_the_results_name_them() -> None:
    day = Day(MISARI, result=[result_row(1, MISARI), result_row(11, MISARI)])
    stages = ["MBR_RACE_DOC", "MBR_RACE_INFO", "MRA_RACE_RANK", "MBR_RACE_RESULT"]
    assert asked(MISARI, ALL, AFTERWARDS) == stages
    assert asked(MISARI, ALL, AFTERWARDS, day.listings()) == [*stages, "MBR_PAYOFF/01", "MBR_PAYOFF/11"]


def test_asking_again_with_every_answer_names_nothing_new() -> None:
    day = Day(GWANGMYEONG, cycle_card_rows(), rank=rank_rows({"김가": "1"}), result={1: [result_row(1)]}, payoff=[])
    slots = asked(GWANGMYEONG, ALL, AFTERWARDS, day.listings())
    assert set(slots) == set(day.listings())
    assert slots == asked(GWANGMYEONG, ALL, AFTERWARDS, day.listings())


@pytest.mark.parametrize(
    ("family", "slots"),
    [
        (Family.RACES, ["CRA_RACE_ORGAN"]),
        (Family.ENTRIES, ["CRA_RACE_ORGAN"]),
        (Family.RESULTS, ["CRA_RACE_RANK", "CRA_RACE_ORGAN"]),
        (Family.PAYOFFS, ["CRA_PAYOFF", "CRA_RACE_ORGAN", "CRA_RACE_RANK"]),
    ],
)
def test_each_family_of_a_cycle_meeting_asks_for_what_it_needs(family: Family, slots: list[str]) -> None:
    assert asked(GWANGMYEONG, (family,), AFTERWARDS) == slots


@pytest.mark.parametrize(
    ("family", "slots"),
    [
        (Family.RACES, ["MBR_RACE_DOC", "MBR_RACE_INFO"]),
        (Family.ENTRIES, ["MBR_RACE_DOC", "MBR_RACE_INFO"]),
        (Family.RESULTS, ["MRA_RACE_RANK", "MBR_RACE_RESULT", "MBR_RACE_DOC", "MBR_RACE_INFO"]),
        (Family.PAYOFFS, ["MBR_RACE_RESULT", "MBR_RACE_DOC", "MBR_RACE_INFO", "MRA_RACE_RANK"]),
    ],
)
def test_each_family_of_a_boat_meeting_asks_for_what_it_needs(family: Family, slots: list[str]) -> None:
    assert asked(MISARI, (family,), AFTERWARDS) == slots


def test_a_card_that_is_there_is_not_asked_for_again_for_results_alone() -> None:
    have = Day(GWANGMYEONG, cycle_card_rows()).listings()
    assert asked(GWANGMYEONG, (Family.RESULTS,), AFTERWARDS, have) == ["CRA_RACE_RANK"]
    assert asked(GWANGMYEONG, (Family.ENTRIES,), AFTERWARDS, have) == ["CRA_RACE_ORGAN"]


def test_a_velodrome_without_card_has_its_races_from_the_ranking_and_no_payoff_service() -> None:
    assert asked(CHANGWON, (Family.RACES,), AFTERWARDS) == ["CRA_RACE_RANK"]
    assert asked(CHANGWON, (Family.ENTRIES,), AFTERWARDS) == []
    have = Day(CHANGWON, rank=rank_rows({"김가": "1"}, 4, CHANGWON)).listings()
    assert asked(CHANGWON, ALL, AFTERWARDS, have) == ["CRA_RACE_RANK", "CRA_RACE_RESULT/04"]


def test_no_service_answers_by_month() -> None:
    assert KSPO().month_inquiries(GWANGMYEONG, ALL) == []


# Empty answers -------------------------------------------------------------------------------------------------------


def card_of(meeting: Meeting, *races: Race) -> MeetingCard:
    return MeetingCard(meeting, tuple(RaceCard(race) for race in races))


def verdict(inquiry: Inquiry, meeting: Meeting, now: datetime, *races: Race, rows: list[Row] | None = None) -> Verdict:
    return KSPO().verdict(inquiry, listing(inquiry, rows or []), meeting, card_of(meeting, *races), now)


CARD = services.cycle_card(2026, 1)
RANK = services.cycle_rank(FRIDAY, 2026)
RESULT = services.cycle_result(GWANGMYEONG, 3)
PAYOFF = services.cycle_payoff(GWANGMYEONG)
OFF = kst(FRIDAY, 11, 30)
RESULTS_DUE = kst(FRIDAY + timedelta(days=2))
WEEK = timedelta(days=7)


def test_rows_of_the_meeting_are_ok_and_those_of_another_are_none() -> None:
    now = kst(FRIDAY, 23)
    assert verdict(RANK, GWANGMYEONG, now, rows=rank_rows({"김가": "1"})) is Verdict.OK
    assert verdict(RANK, GWANGMYEONG, now, rows=rank_rows({"김가": "1"}, meeting=CHANGWON)) is Verdict.NOT_YET
    assert verdict(RANK, CHANGWON, now, rows=rank_rows({"김가": "1"}, meeting=CHANGWON)) is Verdict.OK


def test_entries_are_due_two_hours_before_the_first_off() -> None:
    due = OFF - timedelta(hours=2)
    races = (Race(2, post_time=OFF + timedelta(hours=1)), Race(1, post_time=OFF))
    assert verdict(CARD, GWANGMYEONG, due - timedelta(seconds=1), *races) is Verdict.NOT_YET
    assert verdict(CARD, GWANGMYEONG, due, *races) is Verdict.EMPTY_UNEXPECTED


def test_without_a_known_off_entries_are_due_when_the_day_begins() -> None:
    assert verdict(CARD, GWANGMYEONG, kst(FRIDAY) - timedelta(seconds=1)) is Verdict.NOT_YET
    assert verdict(CARD, GWANGMYEONG, kst(FRIDAY)) is Verdict.EMPTY_UNEXPECTED
    for boats in (services.boat_doc(WEDNESDAY, 2026), services.boat_info(MISARI)):
        assert verdict(boats, MISARI, kst(WEDNESDAY) - timedelta(seconds=1)) is Verdict.NOT_YET
        assert verdict(boats, MISARI, kst(WEDNESDAY)) is Verdict.EMPTY_UNEXPECTED


@pytest.mark.parametrize("inquiry", [RANK, RESULT])
def test_results_are_due_at_the_end_of_the_next_day(inquiry: Inquiry) -> None:
    assert verdict(inquiry, GWANGMYEONG, RESULTS_DUE - timedelta(seconds=1), Race(3)) is Verdict.NOT_YET
    assert verdict(inquiry, GWANGMYEONG, RESULTS_DUE, Race(3)) is Verdict.EMPTY_UNEXPECTED


def test_the_result_document_of_a_race_with_its_ranking_has_a_week_more() -> None:
    whole = Race(3, is_complete=True)
    assert verdict(RESULT, GWANGMYEONG, RESULTS_DUE + WEEK - timedelta(seconds=1), whole) is Verdict.NOT_YET
    assert verdict(RESULT, GWANGMYEONG, RESULTS_DUE + WEEK, whole) is Verdict.EMPTY_UNEXPECTED
    assert verdict(RESULT, GWANGMYEONG, RESULTS_DUE, whole, Race(4)) is Verdict.NOT_YET
    boats = services.boat_result(MISARI)
    due = kst(WEDNESDAY + timedelta(days=2))
    assert verdict(boats, MISARI, due, whole) is Verdict.NOT_YET
    assert verdict(boats, MISARI, due, whole, Race(4)) is Verdict.EMPTY_UNEXPECTED
    assert verdict(boats, MISARI, due + WEEK, whole) is Verdict.EMPTY_UNEXPECTED


def test_the_result_documents_of_the_other_velodromes_may_never_come() -> None:
    inquiry, whole = services.cycle_result(CHANGWON, 3), Race(3, is_complete=True)
    assert verdict(inquiry, CHANGWON, RESULTS_DUE + WEEK - timedelta(seconds=1), whole) is Verdict.NOT_YET
    assert verdict(inquiry, CHANGWON, RESULTS_DUE + WEEK, whole) is Verdict.EMPTY_EXPECTED


def test_the_result_document_of_a_race_is_missed_where_others_of_the_day_have_theirs() -> None:
    inquiry = services.cycle_result(CHANGWON, 3)
    whole = RaceCard(Race(3, is_complete=True))
    paid = RaceCard(Race(4, is_complete=True), payoffs=(Payoff(Pool.WIN, "1", 2.0),))
    answer, now = listing(inquiry, []), RESULTS_DUE + WEEK
    assert KSPO().verdict(inquiry, answer, CHANGWON, MeetingCard(CHANGWON, (whole, paid)), now) is (
        Verdict.EMPTY_UNEXPECTED
    )


def test_the_payoff_services_owe_nothing_after_their_week() -> None:
    assert verdict(PAYOFF, GWANGMYEONG, RESULTS_DUE + WEEK - timedelta(seconds=1), Race(1)) is Verdict.NOT_YET
    assert verdict(PAYOFF, GWANGMYEONG, RESULTS_DUE + WEEK, Race(1)) is Verdict.EMPTY_EXPECTED
    boats = services.boat_payoff(MISARI, 1)
    assert verdict(boats, MISARI, kst(WEDNESDAY + timedelta(days=9)), Race(1)) is Verdict.EMPTY_EXPECTED


def test_nothing_is_owed_of_what_was_cancelled() -> None:
    off = Race(3, is_cancelled=True)
    for inquiry in (CARD, RANK, RESULT, PAYOFF):
        assert verdict(inquiry, GWANGMYEONG, AFTERWARDS, off) is Verdict.EMPTY_EXPECTED
    assert verdict(RESULT, GWANGMYEONG, AFTERWARDS, off, Race(4)) is Verdict.EMPTY_EXPECTED
    assert verdict(RANK, GWANGMYEONG, AFTERWARDS, off, Race(4)) is Verdict.EMPTY_UNEXPECTED


def test_a_row_that_does_not_tell_its_meeting_is_no_empty_answer() -> None:
    row = {**boat_doc_row(1, 1, RIDERS[0]), "race_ymd": "?"}
    assert verdict(services.boat_doc(WEDNESDAY, 2026), MISARI, AFTERWARDS, rows=[row]) is Verdict.OK
