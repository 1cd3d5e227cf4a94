"""Race days by the monthly schedules, and what days without racing mean."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import KST, Meeting
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.source import Answer, Ask, Calendar, Inquiry, Listing
from fotmate_assets_tests.racing.kra.samples import listing, plan, sheet

SEOUL, JEJU, BUSAN = ("API72_2/seoul/2025-05", "API72_2/jeju/2025-05", "API72_2/busan/2025-05")
JEJU_SHEETS = "API26_2/jeju/2025-05"
NOW = datetime(2025, 5, 20, 6, 0, tzinfo=KST)
DOWN = SourceError(Verdict.TRANSPORT, "kra", SEOUL, "timed out")


def answering(asked: list[Inquiry], **answers: Answer) -> Ask:
    """A portal that has these schedules of May, and empty ones."""
    by_document = {SEOUL: answers.get("seoul"), JEJU: answers.get("jeju"), BUSAN: answers.get("busan")}
    by_document[JEJU_SHEETS] = answers.get("jeju_sheets")

    def ask(inquiries: Sequence[Inquiry]) -> Mapping[str, Answer]:
        asked.extend(inquiries)
        return {it.document: by_document.get(it.document) or Listing(it, (), ()) for it in inquiries}

    return ask


def schedule(*rows: tuple[int, str], track: str = "seoul") -> Listing:
    return listing("API72_2", [plan(1, rcDate=rc_date, meet=meet) for rc_date, meet in rows], track)


def calendar(dates: Sequence[date], now: datetime = NOW, known: Sequence[Meeting] = (), **answers: Answer) -> Calendar:
    return KRA().calendar(dates, answering([], **answers), now, known)


def verdicts(found: Calendar) -> dict[tuple[str, int], Verdict]:
    return {(absence.track_id, absence.race_date.day): absence.verdict for absence in found.absences}


FRIDAY, SATURDAY, MONDAY = date(2025, 5, 30), date(2025, 5, 31), date(2025, 5, 26)


def test_the_schedule_of_each_track_and_month_is_asked_once() -> None:
    asked: list[Inquiry] = []
    dates = [FRIDAY, SATURDAY, date(2025, 6, 1)]
    KRA().calendar(dates, answering(asked), NOW, ())
    assert [(it.document, dict(it.params)) for it in asked if "seoul" in it.document] == [
        ("API72_2/seoul/2025-05", {"meet": "1", "rc_month": "202505"}),
        ("API72_2/seoul/2025-06", {"meet": "1", "rc_month": "202506"}),
    ]
    assert len(asked) == 6
    assert [it.params[0] for it in asked if it.shelf == "2025-05"] == [("meet", "1"), ("meet", "2"), ("meet", "3")]


def test_a_day_without_racing_is_not_asked_about_beyond_the_schedule() -> None:
    """Trap 14: there are final odds of such days, and they are never asked for."""
    asked: list[Inquiry] = []
    may = {"seoul": schedule((20250531, "서울")), "jeju": schedule((20250531, "제주"), track="jeju")}
    june = datetime(2025, 6, 20, 6, 0, tzinfo=KST)
    found = KRA().calendar([FRIDAY], answering(asked, **may), june, ())
    assert found.meetings == ()
    assert {it.slot for it in asked} == {"API72_2", "API26_2"}


def test_a_track_races_on_the_days_of_its_schedule() -> None:
    found = calendar(
        [FRIDAY, SATURDAY],
        seoul=schedule((20250531, "서울")),
        busan=schedule((20250530, "부경"), track="busan"),
    )
    assert found.meetings == (Meeting(FRIDAY, "busan"), Meeting(SATURDAY, "seoul"))
    assert verdicts(found) == {
        ("seoul", 30): Verdict.EMPTY_EXPECTED,
        ("busan", 31): Verdict.EMPTY_EXPECTED,
        ("jeju", 30): Verdict.EMPTY_EXPECTED,
        ("jeju", 31): Verdict.EMPTY_EXPECTED,
    }
    assert found.failures == ()


def test_a_monday_is_a_race_day_like_any_other() -> None:
    assert calendar([MONDAY], seoul=schedule((20250526, "서울"))).meetings == (Meeting(MONDAY, "seoul"),)


def test_a_month_without_any_row_is_not_yet_until_it_is_over() -> None:
    assert set(verdicts(calendar([SATURDAY])).values()) == {Verdict.NOT_YET}
    assert set(verdicts(calendar([date(2025, 6, 1)])).values()) == {Verdict.NOT_YET}
    june = datetime(2025, 6, 1, 0, 0, tzinfo=KST)
    assert set(verdicts(calendar([SATURDAY], june)).values()) == {Verdict.EMPTY_UNEXPECTED}


def test_today_is_korean() -> None:
    last_of_may_in_london = datetime(2025, 5, 31, 15, 30, tzinfo=UTC)
    assert set(verdicts(calendar([SATURDAY], last_of_may_in_london)).values()) == {Verdict.EMPTY_UNEXPECTED}


def test_a_schedule_that_cannot_be_had_is_a_failure_and_known_meetings_stand_in() -> None:
    known = [Meeting(SATURDAY, "seoul"), Meeting(FRIDAY, "jeju"), Meeting(date(2025, 5, 3), "seoul")]
    found = calendar([FRIDAY, SATURDAY], known=known, seoul=DOWN, busan=schedule((20250530, "부경"), track="busan"))
    assert found.failures == (DOWN,)
    assert found.meetings == (Meeting(FRIDAY, "busan"), Meeting(FRIDAY, "jeju"), Meeting(SATURDAY, "seoul"))
    assert ("seoul", 30) not in verdicts(found)
    assert verdicts(found)["jeju", 31] is Verdict.EMPTY_EXPECTED


def test_a_known_meeting_that_the_schedule_lost_is_still_asked_about() -> None:
    found = calendar([FRIDAY], known=[Meeting(FRIDAY, "seoul")], seoul=schedule((20250531, "서울")))
    assert found.meetings == (Meeting(FRIDAY, "seoul"),)
    assert ("seoul", 30) not in verdicts(found)


def test_a_track_without_any_race_in_a_month_of_others_is_looked_for_in_its_entry_sheets() -> None:
    sheets = listing("API26_2", [sheet(1, rcDate=20250530, meet="제주")], "jeju", month=True)
    found = calendar([FRIDAY, SATURDAY], seoul=schedule((20250531, "서울")), jeju_sheets=sheets)
    assert found.meetings == (Meeting(FRIDAY, "jeju"), Meeting(SATURDAY, "seoul"))
    assert verdicts(found)["jeju", 31] is Verdict.EMPTY_EXPECTED
    assert verdicts(found)["busan", 31] is Verdict.EMPTY_EXPECTED


def test_an_empty_month_is_left_open_while_its_entry_sheets_cannot_be_had() -> None:
    down = SourceError(Verdict.TRANSPORT, "kra", JEJU_SHEETS, "timed out")
    found = calendar([SATURDAY], seoul=schedule((20250531, "서울")), jeju_sheets=down)
    assert found.failures == (down,)
    assert ("jeju", 31) not in verdicts(found)


def test_the_entry_sheets_of_coming_months_are_not_asked_for() -> None:
    asked: list[Inquiry] = []
    KRA().calendar([date(2025, 6, 1)], answering(asked), NOW, ())
    assert [it.slot for it in asked] == ["API72_2"] * 3


def test_an_empty_month_beside_a_failed_schedule_is_left_open() -> None:
    later = datetime(2025, 7, 1, tzinfo=KST)
    assert calendar([SATURDAY], later, seoul=DOWN).absences == ()


def test_a_schedule_with_a_bad_row_gives_its_good_rows_and_a_failure() -> None:
    rows = [plan(1, rcDate=20250530), plan(2, rcDate="soon")]
    found = calendar([FRIDAY, SATURDAY], known=[Meeting(SATURDAY, "seoul")], seoul=listing("API72_2", rows))
    assert found.meetings == (Meeting(FRIDAY, "seoul"), Meeting(SATURDAY, "seoul"))
    assert [failure.field for failure in found.failures] == ["items[1].rcDate"]
    assert not any(absence.track_id == "seoul" for absence in found.absences)


def test_rows_of_other_months_and_tracks_say_nothing_of_this_one() -> None:
    found = calendar([SATURDAY], seoul=schedule((20250531, "제주"), (20250601, "서울")))
    assert found.meetings == ()
    assert set(verdicts(found).values()) == {Verdict.NOT_YET}


def test_an_absence_names_its_document() -> None:
    found = calendar([SATURDAY], seoul=schedule((20250530, "서울")))
    assert {absence.document for absence in found.absences} == {SEOUL, JEJU, BUSAN}
