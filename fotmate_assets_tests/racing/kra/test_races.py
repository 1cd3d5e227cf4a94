"""The races of a meeting: their facts, times and state."""

from datetime import datetime

import pytest

from fotmate_assets.core.model import SourceError
from fotmate_assets.racing.model import KST, ChangeKind, Meeting
from fotmate_assets_tests.racing.kra.samples import (
    MEETING,
    about,
    built,
    card_of,
    detail,
    details,
    listing,
    odds,
    plan,
    plans,
    race_card,
    sheet,
    sheets,
    total,
    totals,
)


def at(hour: int, minute: int) -> datetime:
    return datetime(2025, 5, 31, hour, minute, tzinfo=KST)


def track(rc_no: int = 1, **fields: object) -> dict[str, object]:
    told = {"meet": "서울", "rcDate": 20250531, "rcNo": rc_no, "weather": "흐림", "track": "양호", "waterPercent": 9}
    return told | {"temperature": 21.5, "salinity": 0} | fields


def test_a_race_is_announced_by_the_schedule() -> None:
    race = race_card(plans(1)).race
    assert (race.name, race.distance_m, race.grade) == ("일반", 1200, "국6등급")
    assert race.conditions == "연령오픈 성별오픈 별정A"
    assert race.purse_krw == 17_500_500
    assert race.details == {"ilsu": 41}
    assert (race.is_cancelled, race.is_complete, race.is_postponed) == (False, False, False)


def test_races_come_from_the_schedule_the_entry_sheet_and_the_results() -> None:
    found = built(
        plans(1, 2),
        listing("API26_2", [sheet(1, 3)]),
        listing("API214_1", [detail(1, 1, 5)]),
        listing("API299", [total(1, 1, 4)]),
    )
    assert [card.race.race_no for card in found.card.races] == [1, 2, 3, 4, 5]


def test_the_schedule_wins_over_the_entry_sheet_and_that_over_the_results() -> None:
    found = race_card(
        listing("API72_2", [plan(rcName="특별", rank="-")]),
        listing("API26_2", [sheet(rcName="이름", rank="국5등급", dusu=9)]),
        listing("API214_1", [detail(1, 1, rcName="결과", rank="국4등급", weather="비")]),
    ).race
    assert (found.name, found.grade, found.weather, found.field_size) == ("특별", "국5등급", "비", 9)


def test_the_field_is_as_large_as_announced() -> None:
    assert race_card(listing("API72_2", [plan(dusu=12)]), sheets(1)).race.field_size == 12
    assert race_card(sheets(1)).race.field_size == 11
    assert race_card(plans(1)).race.field_size is None


def test_prizes_that_are_not_told_are_no_purse() -> None:
    prizes = dict.fromkeys(("chaksun1", "chaksun2", "chaksun3", "chaksun4", "chaksun5"), 0)
    assert race_card(listing("API72_2", [plan(**prizes)])).race.purse_krw is None


@pytest.mark.parametrize(
    ("documents", "scheduled", "off"),
    [
        ([plans(1)], at(10, 35), at(10, 35)),
        ([sheets(1)], at(10, 40), at(10, 40)),
        ([plans(1), sheets(1)], at(10, 35), at(10, 40)),
        ([plans(1), sheets(1), totals(1)], at(10, 35), at(10, 45)),
        ([totals(1)], at(10, 45), at(10, 45)),
        ([details(1)], None, None),
    ],
)
def test_the_latest_document_tells_the_post_time_and_the_first_what_was_planned(
    documents: list[object], scheduled: datetime | None, off: datetime | None
) -> None:
    race = race_card(*documents).race  # type: ignore[arg-type]
    assert (race.scheduled_post_time, race.post_time) == (scheduled, off)


def test_a_schedule_without_a_time_waits_for_the_entry_sheet() -> None:
    race = race_card(listing("API72_2", [plan(schStTime=0)]), sheets(1)).race
    assert race.scheduled_post_time == at(10, 40)


def test_a_night_race_is_on_its_day() -> None:
    assert race_card(listing("API72_2", [plan(schStTime=2105)])).race.post_time == at(21, 5)


def test_a_changed_post_time_is_a_change_with_its_reason() -> None:
    late = {"stTime": "2025-05-31T11:05:00+09:00", "startTimeChg": "20", "stTimeChgReason": "마필 저항"}
    found = built(plans(1), totals(1, 2, **late))
    (change,) = found.card.changes
    assert (change.race_no, change.kind, change.start_no) == (1, ChangeKind.POST_TIME, None)
    assert (change.old_value, change.new_value) == ("2025-05-31T10:45:00+09:00", "2025-05-31T11:05:00+09:00")
    assert change.reason == "마필 저항"
    race = card_of(found).race
    assert race.post_time == at(11, 5)
    assert race.details["startTimeChg"] == "20"


@pytest.mark.parametrize("flag", ["-", "", "0", 0, "N"])
def test_an_unchanged_post_time_is_no_change(flag: object) -> None:
    assert built(totals(1, 2, startTimeChg=flag)).card.changes == ()


def test_the_results_tell_weather_and_track_and_the_track_service_what_they_lack() -> None:
    found = race_card(listing("API214_1", [detail(1, 0)]), listing("API189_1", [track()]), totals(1)).race
    assert (found.weather, found.track_condition, found.track_moisture_pct) == ("흐림", "양호", 9.0)
    assert found.details["temperature"] == 21.5
    assert "salinity" not in found.details
    found = race_card(listing("API214_1", [detail(1, 1)]), listing("API189_1", [track()])).race
    assert (found.weather, found.track_condition, found.track_moisture_pct) == ("맑음", "건조", 2.0)


def test_placeholders_before_the_race_are_no_track() -> None:
    race = race_card(details(0, 0)).race
    assert (race.weather, race.track_condition, race.track_moisture_pct) == (None, None, None)


def test_a_race_is_cancelled_when_the_day_says_so() -> None:
    for flag in (1, 2):
        card = race_card(plans(1), totals(0, 0, noraceFlag=flag))
        assert card.race.is_cancelled
        assert card.results is None


def test_a_race_that_only_some_rows_call_off_is_on_and_warned_of() -> None:
    found = built(listing("API299", [total(1, 1), total(2, 0, noraceFlag=1)]))
    assert not card_of(found).race.is_cancelled
    assert "noraceFlag" in found.card.warnings[0]


def test_rows_of_other_tracks_and_days_are_left_out() -> None:
    rows = [plan(1), plan(2, meet="제주"), plan(3, rcDate=20250601), plan(4, meet=1)]
    found = built(listing("API72_2", rows))
    assert [card.race.race_no for card in found.card.races] == [1, 4]


def test_a_document_of_the_day_with_other_days_or_tracks_is_warned_of() -> None:
    found = built(listing("API26_2", [sheet(1), sheet(2, meet="제주"), sheet(3, rcDate=20250601)]))
    assert found.card.warnings == ("API26_2/seoul/2025-05-31: 2 of 3 rows are of other dates or tracks, left out",)
    assert found.card.entries_declared == 1


def test_a_document_of_the_month_has_other_days() -> None:
    found = built(listing("API26_2", [sheet(1), sheet(3, rcDate=20250530)], month=True))
    assert found.card.warnings == ()
    assert found.card.entries_declared == 1


def test_a_document_of_the_month_with_other_months_or_tracks_is_warned_of() -> None:
    rows = [track(1), track(2, rcDate=20250601), track(3, meet="제주")]
    found = built(plans(1), listing("API189_1", rows, month=True))
    assert found.card.warnings == ("API189_1/seoul/2025-05: 2 of 3 rows are of other dates or tracks, left out",)


@pytest.mark.parametrize("meet", [3, "3", "부경", "부산경남", "영남", "부산"])
def test_busan_is_busan_whatever_it_is_called(meet: object) -> None:
    found = built(listing("API72_2", [plan(1, meet=meet)], "busan"), meeting=Meeting(MEETING.race_date, "busan"))
    assert [card.race.race_no for card in found.card.races] == [1]


def test_the_second_code_is_jeju_and_the_third_busan() -> None:
    rows = [plan(1, meet=1), plan(2, meet=2), plan(3, meet=3)]
    for track_id, race_no in (("seoul", 1), ("jeju", 2), ("busan", 3)):
        found = built(listing("API72_2", rows, track_id), meeting=Meeting(MEETING.race_date, track_id))
        assert [card.race.race_no for card in found.card.races] == [race_no]


def test_an_unknown_track_is_refused_and_the_other_rows_are_kept() -> None:
    found = built(listing("API72_2", [plan(1), plan(2, meet="영천")]))
    assert [card.race.race_no for card in found.card.races] == [1]
    (failure,) = found.failures
    assert failure.field == "items[1].meet"


def test_a_bad_row_of_the_schedule_costs_its_race_the_schedule_only() -> None:
    found = built(listing("API72_2", [plan(1), plan(2, rcDist="long"), plan(3, schStTime="soon")]), details(1, rc_no=2))
    assert [card.race.race_no for card in found.card.races] == [1, 2]
    assert found.card.races[1].results is not None
    assert [failure.field for failure in found.failures] == ["items[1].rcDist", "items[2].schStTime"]


def test_a_missing_field_names_document_row_and_field() -> None:
    row = plan(1)
    del row["chaksun3"]
    (failure,) = built(listing("API72_2", [row])).failures
    assert isinstance(failure, SourceError)
    assert (failure.document, failure.field) == ("API72_2/seoul/2025-05", "items[0].chaksun3")


def test_a_new_field_of_the_schedule_is_kept_as_extra() -> None:
    assert race_card(listing("API72_2", [plan(girth="wide")])).race.extra == {"girth": "wide"}


def test_a_race_that_only_a_day_of_document_knows_is_warned_of() -> None:
    found = built(plans(1), listing("API189_1", [track(7)]), listing("API9_1", [about(1, 8, reason="질병")]))
    assert [card.race.race_no for card in found.card.races] == [1]
    assert any("API189_1" in warning and "7" in warning for warning in found.card.warnings)
    assert any("API9_1" in warning and "8" in warning for warning in found.card.warnings)


def test_odds_of_a_race_that_nobody_ran_are_left_out_by_name() -> None:
    found = built(plans(1), listing("API160_1", [odds(1, "단승식", [1], 2.0), odds(12, "단승식", [1], 2.0)]))
    assert [card.race.race_no for card in found.card.races] == [1]
    assert found.card.warnings == (
        "API160_1 has payoffs of races that no schedule, entry sheet or result knows, left out: 12",
    )


def test_an_empty_document_is_a_meeting_without_races() -> None:
    found = built(listing("API72_2", []), listing("API26_2", []), listing("API214_1", []))
    assert found.card.races == ()
    assert (found.card.entries_declared, found.card.results_declared) == (0, 0)


def test_without_documents_nothing_is_declared() -> None:
    found = built()
    assert (found.card.entries_declared, found.card.results_declared) == (None, None)
