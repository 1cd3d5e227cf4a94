"""Which days race, asked of a portal that filters as the gateway does."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from fotmate_assets.core.model import Verdict
from fotmate_assets.racing.model import Meeting
from fotmate_assets.racing.sources.kspo import services
from fotmate_assets.racing.sources.kspo.source import KSPO
from fotmate_assets.racing.sources.source import Absence, Calendar
from fotmate_assets_tests.racing.kspo.samples import Portal, kst, rank_row

MAY = date(2026, 5, 1)
"""A Friday: the first day of round 18."""


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=day) for day in range(count)]


def gwangmyeong(day: date, number: int, order: int, year: int | None = None) -> Meeting:
    return Meeting(day, "gwangmyeong", year or day.year, number, order)


def misari(day: date, number: int, order: int, year: int | None = None) -> Meeting:
    return Meeting(day, "misari", year or day.year, number, order)


def published(until: int = 20, since: int = 16) -> Portal:
    """Rounds 16 to 20 at Gwangmyeong: 17 April to 17 May."""
    portal = Portal()
    for number in range(since, until + 1):
        portal.add_round(2026, number, MAY + timedelta(weeks=number - 18))
    return portal


def told(portal: Portal, dates: list[date], now: datetime, known: list[Meeting] | None = None) -> Calendar:
    return KSPO().calendar(dates, portal.ask, now, known or [])


def absence(calendar: Calendar, day: date, track_id: str) -> Absence:
    return next(one for one in calendar.absences if (one.race_date, one.track_id) == (day, track_id))


def meetings(calendar: Calendar, track_id: str) -> list[Meeting]:
    return [one for one in calendar.meetings if one.track_id == track_id]


# Gwangmyeong ---------------------------------------------------------------------------------------------------------


def test_the_days_of_a_week_are_placed_in_their_rounds() -> None:
    portal = published(19)
    calendar = told(portal, days(MAY, 7), kst(MAY, 6))
    assert meetings(calendar, "gwangmyeong") == [gwangmyeong(MAY + timedelta(days=at), 18, at + 1) for at in range(3)]
    assert calendar.failures == ()


def test_a_week_is_placed_with_two_questions_and_none_is_put_twice() -> None:
    portal = published(19)
    told(portal, days(MAY, 7), kst(MAY, 6))
    cards = [document for document in portal.asked if document.startswith("CRA_RACE_ORGAN")]
    assert sorted(cards) == ["CRA_RACE_ORGAN/gwangmyeong/2026-r18", "CRA_RACE_ORGAN/gwangmyeong/2026-r19"]


def test_a_round_before_the_tenth_is_found_by_its_padded_number() -> None:
    portal = Portal()
    portal.add_round(2026, 9, date(2026, 2, 27))
    calendar = told(portal, [date(2026, 2, 28)], kst(date(2026, 2, 25)))
    assert meetings(calendar, "gwangmyeong") == [gwangmyeong(date(2026, 2, 28), 9, 2)]


def test_a_monday_of_a_holiday_races() -> None:
    portal = Portal()
    portal.add_round(2026, 18, MAY, days=4)
    monday = date(2026, 5, 4)
    assert monday.weekday() == 0
    assert meetings(told(portal, [monday], kst(MAY)), "gwangmyeong") == [gwangmyeong(monday, 18, 4)]


def test_a_day_between_published_rounds_has_no_racing() -> None:
    one = absence(told(published(19), days(MAY, 7), kst(MAY, 6)), date(2026, 5, 5), "gwangmyeong")
    assert one.verdict is Verdict.EMPTY_EXPECTED
    assert one.reason == "between published rounds: 2026 round 18 and 2026 round 19"
    assert one.document == "CRA_RACE_ORGAN/gwangmyeong/2026-r19"


def test_a_day_after_the_last_published_round_is_not_told_yet() -> None:
    one = absence(told(published(18), days(MAY, 8), kst(MAY, 6)), date(2026, 5, 8), "gwangmyeong")
    assert one.verdict is Verdict.NOT_YET
    assert one.reason == "after the last published round: 2026 round 18"


def test_a_past_day_after_the_last_published_round_had_no_racing() -> None:
    now = kst(date(2026, 5, 8))
    one = absence(told(published(18), [date(2026, 5, 5)], now), date(2026, 5, 5), "gwangmyeong")
    assert one.verdict is Verdict.EMPTY_EXPECTED


def test_where_nothing_is_published_the_future_is_not_yet_and_the_past_had_no_racing() -> None:
    calendar = told(Portal(), [MAY, MAY + timedelta(days=9)], kst(MAY + timedelta(days=5)))
    assert absence(calendar, MAY, "gwangmyeong").verdict is Verdict.EMPTY_EXPECTED
    assert absence(calendar, MAY, "gwangmyeong").reason == "near no published round"
    assert absence(calendar, MAY + timedelta(days=9), "gwangmyeong").verdict is Verdict.NOT_YET


def test_an_announced_meeting_that_is_gone_is_missed() -> None:
    portal = published(20)
    portal.rows[services.CYCLE_CARD] = [
        row for row in portal.rows[services.CYCLE_CARD] if row["race_ymd"] != "2026.05.02"
    ]
    known = [gwangmyeong(date(2026, 5, 2), 18, 2)]
    calendar = told(portal, [date(2026, 5, 2)], kst(MAY, 6), known)
    one = absence(calendar, date(2026, 5, 2), "gwangmyeong")
    assert one.verdict is Verdict.EMPTY_UNEXPECTED
    assert "announced" in one.reason
    assert meetings(calendar, "gwangmyeong") == []


def test_a_card_that_cannot_be_had_is_one_failure_and_keeps_the_known_meetings() -> None:
    portal = published(20)
    portal.broken.add("CRA_RACE_ORGAN/gwangmyeong/2026-r18")
    known = [gwangmyeong(MAY, 18, 1)]
    calendar = told(portal, days(MAY, 3), kst(MAY, 6), known)
    assert meetings(calendar, "gwangmyeong") == known
    assert [error.document for error in calendar.failures] == ["CRA_RACE_ORGAN/gwangmyeong/2026-r18"]
    assert [one for one in calendar.absences if one.track_id == "gwangmyeong"] == []


def test_a_card_that_cannot_be_read_is_a_failure_naming_the_field() -> None:
    portal = published(20)
    for row in portal.rows[services.CYCLE_CARD]:
        if row["race_ymd"] == "2026.05.02":
            row["day_tcnt"] = "둘"
    calendar = told(portal, [MAY], kst(MAY, 6))
    assert [(error.verdict, error.field) for error in calendar.failures] == [(Verdict.MALFORMED, "items[1].day_tcnt")]


def test_the_answer_to_an_ignored_filter_is_sorted_out() -> None:
    """A filter of another spelling is ignored in silence, and everything answered."""
    portal = published()
    portal.ignored = {"week_tcnt", "race_day", "race_ymd"}
    portal.add_boats(misari(date(2026, 4, 29), 18, 1))
    portal.add_ranking(Meeting(MAY, "changwon", 2026, 18, 1))
    calendar = told(portal, days(date(2026, 4, 28), 5), kst(date(2026, 5, 20)))
    assert calendar.failures == ()
    assert list(calendar.meetings) == [
        misari(date(2026, 4, 29), 18, 1),
        Meeting(MAY, "changwon", 2026, 18, 1),
        gwangmyeong(MAY, 18, 1),
        gwangmyeong(date(2026, 5, 2), 18, 2),
    ]


def test_a_known_meeting_shows_where_to_begin() -> None:
    """A year that skipped six weeks before May."""
    portal = Portal()
    for number in range(8, 15):
        portal.add_round(2026, number, MAY + timedelta(weeks=number - 12))
    told(portal, [MAY + timedelta(weeks=1)], kst(MAY), [gwangmyeong(MAY, 12, 1)])
    cards = [document for document in portal.asked if document.startswith("CRA_RACE_ORGAN")]
    assert cards == ["CRA_RACE_ORGAN/gwangmyeong/2026-r13"]


def test_the_year_turns_within_a_round() -> None:
    portal = Portal()
    portal.add_round(2026, 52, date(2026, 12, 24))
    portal.add_round(2026, 53, date(2026, 12, 31))
    portal.add_round(2027, 1, date(2027, 1, 8))
    calendar = told(portal, days(date(2026, 12, 30), 6), kst(date(2026, 12, 30)))
    assert meetings(calendar, "gwangmyeong") == [
        gwangmyeong(date(2026, 12, 31), 53, 1, 2026),
        gwangmyeong(date(2027, 1, 1), 53, 2, 2026),
        gwangmyeong(date(2027, 1, 2), 53, 3, 2026),
    ]
    assert absence(calendar, date(2027, 1, 4), "gwangmyeong").verdict is Verdict.EMPTY_EXPECTED


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 330), st.integers(1, 14), st.frozensets(st.integers(1, 50), max_size=3))
def test_a_run_of_days_asks_for_each_round_once(start: int, count: int, skipped: frozenset[int]) -> None:
    portal = Portal()
    number = 0
    for week in range(52):
        if week not in skipped:
            number += 1
            portal.add_round(2026, number, date(2026, 1, 2) + timedelta(weeks=week))
    first = date(2026, 1, 2) + timedelta(days=start)
    told(portal, days(first, count), kst(first))
    cards = Counter(document for document in portal.asked if document.startswith("CRA_RACE_ORGAN"))
    assert set(cards.values()) <= {1}
    assert len(cards) <= count // 7 + 8


# The rankings --------------------------------------------------------------------------------------------------------


def test_the_ranking_of_a_past_day_names_every_velodrome_and_needs_no_card() -> None:
    portal = Portal()
    for track_id in ("gwangmyeong", "changwon", "busan_cycle"):
        portal.add_ranking(Meeting(MAY, track_id, 2026, 18, 1))
    calendar = told(portal, [MAY], kst(date(2026, 5, 20)))
    assert [one.track_id for one in calendar.meetings] == ["busan_cycle", "changwon", "gwangmyeong"]
    assert {(one.year, one.round, one.day) for one in calendar.meetings} == {(2026, 18, 1)}
    assert [document for document in portal.asked if "ORGAN" in document] == []


def test_the_ranking_is_asked_for_past_days_only() -> None:
    portal = published()
    told(portal, [MAY - timedelta(days=1), MAY, MAY + timedelta(days=1)], kst(MAY, 23))
    ranked = sorted(document for document in portal.asked if "RANK" in document)
    assert ranked == ["CRA_RACE_RANK/all/2026-04-30", "MRA_RACE_RANK/misari/2026-04-30"]


def test_a_velodrome_without_card_is_not_told_before_its_races() -> None:
    calendar = told(published(), [MAY], kst(MAY))
    for track_id in ("changwon", "busan_cycle"):
        assert absence(calendar, MAY, track_id).verdict is Verdict.NOT_YET


def test_a_velodrome_is_not_told_until_results_are_due() -> None:
    just_before, due = kst(date(2026, 5, 2), 23, 59), kst(date(2026, 5, 3))
    assert absence(told(Portal(), [MAY], just_before), MAY, "changwon").verdict is Verdict.NOT_YET
    assert absence(told(Portal(), [MAY], due), MAY, "changwon").verdict is Verdict.EMPTY_EXPECTED


def test_a_velodrome_that_the_ranking_lacks_did_not_race() -> None:
    portal = Portal()
    portal.add_ranking(gwangmyeong(MAY, 18, 1))
    one = absence(told(portal, [MAY], kst(date(2026, 5, 20))), MAY, "changwon")
    assert one.verdict is Verdict.EMPTY_EXPECTED
    assert one.document == "CRA_RACE_RANK/all/2026-05-01"


def test_a_ranking_that_is_missing_although_gwangmyeong_raced_says_nothing_of_the_others() -> None:
    calendar = told(published(), [MAY], kst(date(2026, 5, 20)))
    assert meetings(calendar, "gwangmyeong") == [gwangmyeong(MAY, 18, 1)]
    assert absence(calendar, MAY, "changwon").verdict is Verdict.NOT_YET


def test_a_known_meeting_that_the_ranking_lacks_is_missed() -> None:
    known = [Meeting(MAY, "changwon", 2026, 18, 1)]
    one = absence(told(Portal(), [MAY], kst(date(2026, 5, 20)), known), MAY, "changwon")
    assert one.verdict is Verdict.EMPTY_UNEXPECTED


def test_a_ranking_that_cannot_be_had_keeps_the_known_meetings() -> None:
    portal = published()
    portal.broken.add("CRA_RACE_RANK/all/2026-05-01")
    known = [Meeting(MAY, "changwon", 2026, 18, 1)]
    calendar = told(portal, [MAY], kst(date(2026, 5, 20)), known)
    assert meetings(calendar, "changwon") == known
    assert [one for one in calendar.absences if one.track_id == "busan_cycle"] == []
    assert [error.document for error in calendar.failures] == ["CRA_RACE_RANK/all/2026-05-01"]


def test_a_velodrome_of_an_unknown_name_is_a_failure() -> None:
    portal = Portal()
    portal.add_ranking(gwangmyeong(MAY, 18, 1))
    portal.rows[services.CYCLE_RANK][0]["meet_nm"] = "대전"
    calendar = told(portal, [MAY], kst(date(2026, 5, 20)))
    assert [(error.verdict, error.field) for error in calendar.failures] == [(Verdict.MALFORMED, "items[0].meet_nm")]


# Boats ---------------------------------------------------------------------------------------------------------------


def test_a_boat_card_gives_round_and_day() -> None:
    portal = Portal()
    portal.add_boats(misari(date(2026, 1, 28), 5, 1))
    portal.add_boats(misari(date(2026, 1, 29), 5, 2))
    calendar = told(portal, days(date(2026, 1, 27), 3), kst(date(2026, 1, 27)))
    assert meetings(calendar, "misari") == [misari(date(2026, 1, 28), 5, 1), misari(date(2026, 1, 29), 5, 2)]


def test_a_day_before_a_later_boat_card_has_no_boats() -> None:
    portal = Portal()
    portal.add_boats(misari(date(2026, 1, 28), 5, 1))
    calendar = told(portal, days(date(2026, 1, 27), 3), kst(date(2026, 1, 26)))
    assert absence(calendar, date(2026, 1, 27), "misari").verdict is Verdict.EMPTY_EXPECTED
    assert absence(calendar, date(2026, 1, 29), "misari").verdict is Verdict.NOT_YET


def test_a_past_day_without_boat_card_had_no_boats() -> None:
    one = absence(told(Portal(), [MAY], kst(date(2026, 5, 2))), MAY, "misari")
    assert (one.verdict, one.document) == (Verdict.EMPTY_EXPECTED, "MBR_RACE_DOC/misari/2026-05-01")


def test_a_past_day_whose_boat_card_is_gone_is_told_by_its_ranking() -> None:
    portal = Portal()
    portal.add(services.BOAT_RANK, rank_row(1, "김가", "1", misari(MAY, 18, 1)))
    calendar = told(portal, [MAY], kst(date(2026, 5, 2)))
    assert meetings(calendar, "misari") == [misari(MAY, 18, 1)]
    assert meetings(told(portal, [MAY], kst(MAY)), "misari") == []


def test_a_past_day_whose_boat_card_is_gone_is_left_open_while_its_ranking_cannot_be_had() -> None:
    portal = Portal(broken={"MRA_RACE_RANK/misari/2026-05-01"})
    calendar = told(portal, [MAY], kst(date(2026, 5, 2)))
    assert [failure.document for failure in calendar.failures] == ["MRA_RACE_RANK/misari/2026-05-01"]
    assert [one for one in calendar.absences if one.track_id == "misari"] == []


def test_an_announced_boat_meeting_that_is_gone_is_missed() -> None:
    one = absence(told(Portal(), [MAY], kst(MAY), [misari(MAY, 18, 1)]), MAY, "misari")
    assert one.verdict is Verdict.EMPTY_UNEXPECTED


def test_a_boat_card_that_cannot_be_had_keeps_the_known_meeting() -> None:
    portal = Portal(broken={"MBR_RACE_DOC/misari/2026-05-01"})
    calendar = told(portal, [MAY], kst(MAY), [misari(MAY, 18, 1)])
    assert meetings(calendar, "misari") == [misari(MAY, 18, 1)]
    assert [one for one in calendar.absences if one.track_id == "misari"] == []


def test_at_new_year_the_boat_card_is_asked_for_in_both_years() -> None:
    portal = Portal()
    portal.add_boats(misari(date(2025, 12, 31), 1, 1, 2026))
    calendar = told(portal, [date(2025, 12, 31)], kst(date(2025, 12, 30)))
    assert meetings(calendar, "misari") == [misari(date(2025, 12, 31), 1, 1, 2026)]
    asked = [document for document in portal.asked if "MBR" in document]
    assert asked == ["MBR_RACE_DOC/misari/2025-12-31", "MBR_RACE_DOC/misari/2025-12-31-of-2026"]


def test_a_boat_card_with_two_rounds_on_a_day_is_a_failure() -> None:
    portal = Portal()
    portal.add_boats(misari(MAY, 18, 1))
    portal.add_boats(misari(MAY, 19, 1))
    calendar = told(portal, [MAY], kst(MAY))
    assert [(error.verdict, error.field) for error in calendar.failures] == [(Verdict.MALFORMED, "items[1].week_tcnt")]


def test_today_is_korean() -> None:
    """15:00 UTC is midnight in Korea: the day that ends there is past."""
    portal = published()
    now = datetime.fromisoformat("2026-05-01T15:00:00+00:00")
    told(portal, [MAY], now)
    assert "CRA_RACE_RANK/all/2026-05-01" in portal.asked
    portal.asked.clear()
    told(portal, [MAY], now - timedelta(seconds=1))
    assert "CRA_RACE_RANK/all/2026-05-01" not in portal.asked
