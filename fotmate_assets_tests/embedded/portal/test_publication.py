"""What is out when, by the portal's clock, and what a test can make happen."""

from datetime import date, timedelta

import pytest

from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.kra.odds import is_grid_late
from fotmate_assets.embedded.portal.race import EventKind, SimRace
from fotmate_assets.racing.model import FinishStatus, Meeting
from fotmate_assets_tests.embedded.portal.client import (
    BOAT_CARD,
    BOAT_DOCUMENT,
    BOAT_PAYOFF,
    BOAT_RANKS,
    BOAT_RESULT,
    CYCLE_CARD,
    CYCLE_PAYOFF,
    CYCLE_RANKS,
    DETAILS,
    DIVIDENDS,
    GRID,
    GROUND,
    JOCKEYS,
    PLAN,
    SALES,
    SCRATCHES,
    SHEET,
    TOTALS,
    WEIGHTS,
    Portal,
    Row,
    at,
)

DAY = date(2026, 11, 14)
SEOUL = {"meet": 1, "rc_date": 20261114}


@pytest.fixture
def quiet(races: RaceCalendar) -> SimRace:
    """A race at Seoul on that day to which nothing happens by itself."""
    return next(race for race in races.races(Meeting(DAY, "seoul")) if not race.events and race.race_no > 1)


def of(rows: list[Row], race: SimRace) -> list[Row]:
    return [row for row in rows if row["rcNo"] == race.race_no]


@pytest.mark.parametrize(
    ("service", "asked", "before", "after"),
    [
        (PLAN, {"meet": 1, "rc_month": 202611}, "2026-09-30 23:59", "2026-10-01 00:00"),
        (SHEET, {"meet": 1, "rc_date": 20261114}, "2026-11-12 16:59", "2026-11-12 17:00"),
        (SHEET, {"meet": 2, "rc_date": 20261114}, "2026-11-12 14:59", "2026-11-12 15:00"),
        (SHEET, {"meet": 3, "rc_date": 20261115}, "2026-11-11 14:59", "2026-11-11 15:00"),
        (DETAILS, {"meet": 1, "rc_date": 20261114}, "2026-11-12 16:59", "2026-11-12 17:00"),
        (CYCLE_CARD, {"stnd_yr": 2026, "week_tcnt": 43}, "2026-11-11 14:59", "2026-11-11 15:00"),
        (CYCLE_RANKS, {"race_day": 20261114}, "2026-11-15 08:59", "2026-11-15 09:00"),
        (CYCLE_PAYOFF, {"stnd_yr": 2026, "week_tcnt": 43, "day_tcnt": 2}, "2026-11-16 08:59", "2026-11-16 09:00"),
        (BOAT_DOCUMENT, {"stnd_yr": 2026, "race_ymd": 20261118}, "2026-11-16 14:59", "2026-11-16 15:00"),
        (BOAT_CARD, {"stnd_yr": 2026, "week_tcnt": 44, "day_tcnt": 1}, "2026-11-16 14:59", "2026-11-16 15:00"),
        (BOAT_RANKS, {"race_day": 20261118}, "2026-11-19 08:59", "2026-11-19 09:00"),
        (BOAT_RESULT, {"stnd_yr": 2026, "week_tcnt": 44, "day_tcnt": 1}, "2026-11-19 08:59", "2026-11-19 09:00"),
        (
            BOAT_PAYOFF,
            {"stnd_yr": 2026, "week_tcnt": 44, "day_tcnt": 1, "race_no": "01"},
            "2026-11-20 08:59",
            "2026-11-20 09:00",
        ),
    ],
)
def test_a_document_comes_out_at_its_hour(
    portal: Portal, service: str, asked: dict[str, object], before: str, after: str
) -> None:
    portal.clock.now = at(before)
    assert portal.rows(service, **asked) == []
    portal.clock.now = at(after)
    assert portal.rows(service, **asked)


def test_the_card_of_a_round_grows_day_by_day(portal: Portal) -> None:
    days = []
    for day in (11, 12, 13):
        portal.clock.now = at(f"2026-11-{day} 15:00")
        days.append({row["race_ymd"][-2:] for row in portal.rows(CYCLE_CARD, stnd_yr=2026, week_tcnt=43)})
    assert days == [{"13"}, {"13", "14"}, {"13", "14", "15"}]


def test_before_the_race_results_are_rows_of_placeholders(portal: Portal, quiet: SimRace) -> None:
    portal.clock.now = quiet.post_time - timedelta(minutes=61)
    rows = of(portal.rows(DETAILS, **SEOUL), quiet)
    assert len(rows) == len(quiet.runners)
    for row in rows:
        assert [row[name] for name in ("ord", "rcTime", "winOdds", "plcOdds", "wgHr", "track", "diffUnit")] == [
            *(0, 0, 0, 0),
            *("0()", " (0%)", "-"),
        ]
    assert of(portal.rows(TOTALS, **SEOUL), quiet) == []


def test_weights_come_an_hour_and_the_ground_ten_minutes_before_the_off(portal: Portal, quiet: SimRace) -> None:
    def known() -> tuple[int, int, bool, bool]:
        row = of(portal.rows(DETAILS, **SEOUL), quiet)[0]
        weights = of(portal.rows(WEIGHTS, **SEOUL), quiet)
        ground = of(portal.rows(GROUND, meet=1, rc_date_fr=20261114, rc_date_to=20261114), quiet)
        return len(weights), len(ground), row["wgHr"] != "0()", row["track"] != " (0%)"

    field = len(quiet.runners)
    seen = []
    for minutes in (61, 60, 11, 10):
        portal.clock.now = quiet.post_time - timedelta(minutes=minutes)
        seen.append(known())
    assert seen == [(0, 0, False, False), (field, 0, True, False), (field, 0, True, False), (field, 1, True, True)]


def test_results_and_odds_come_race_by_race(portal: Portal, quiet: SimRace) -> None:
    for service in (DETAILS, TOTALS, GRID, DIVIDENDS, SALES):
        portal.clock.now = quiet.post_time + timedelta(minutes=9, seconds=59)
        rows = of(portal.rows(service, **SEOUL), quiet)
        assert rows == [] if service != DETAILS else {row["ord"] for row in rows} == {0}
        portal.clock.now = quiet.post_time + timedelta(minutes=10)
        rows = portal.rows(service, **SEOUL)
        assert of(rows, quiet)
        done = [row["rcNo"] for row in rows if row.get("ord", 1) != 0]
        assert max(done) == quiet.race_no


def test_the_grid_of_some_meetings_is_late_and_elsewhere_in_time(races: RaceCalendar, portal: Portal) -> None:
    days = (date(2026, 8, 1) + timedelta(days=day) for day in range(120))
    late = next(
        meeting
        for day in days
        for meeting in races.meetings(day)
        if meeting.track_id == "seoul" and is_grid_late(races.races(meeting)[0].at(at("2027-01-01 00:00")))
    )
    asked = {"meet": 1, "rc_date": f"{late.race_date:%Y%m%d}"}
    portal.clock.now = at(f"{late.race_date} 23:59")
    assert portal.rows(GRID, **asked) == []
    assert portal.rows(DIVIDENDS, **asked)
    portal.clock.now += timedelta(hours=9, minutes=1)
    assert len(portal.rows(GRID, **asked)) == len(portal.rows(DIVIDENDS, **asked))


def test_what_happens_on_the_day_is_told_when_it_happens(races: RaceCalendar, portal: Portal) -> None:
    happened = 0
    for race in (race for day in (14, 15) for race in races.races(Meeting(date(2026, 11, day), "seoul"))):
        for event in race.events:
            service = {EventKind.SCRATCH: SCRATCHES, EventKind.JOCKEY: JOCKEYS}.get(event.kind)
            if service is None:
                continue
            happened += 1
            asked = {"meet": 1, "rc_date": f"{race.meeting.race_date:%Y%m%d}", "rc_no": race.race_no}
            portal.clock.now = event.at - timedelta(seconds=1)
            assert event.start_no not in {row["chulNo"] for row in portal.rows(service, **asked)}
            portal.clock.now = event.at
            row = next(row for row in portal.rows(service, **asked) if row["chulNo"] == event.start_no)
            if "noticeDate" in row:
                assert row["noticeDate"] == int(f"{event.at:%Y%m%d%H%M}")
            if event.jockey:
                assert (row["jkAft"], row["jkAftName"]) == (event.jockey.number, event.jockey.name)
                details = {row["chulNo"]: row for row in portal.rows(DETAILS, **asked)}
                assert details[event.start_no]["jkName"] == event.jockey.name
    assert happened > 4


# What a test makes happen -------------------------------------------------------------------------------------------


def test_a_moved_post_time_shows_from_then_on_and_delays_the_result(portal: Portal, quiet: SimRace) -> None:
    told, new_time = quiet.post_time - timedelta(minutes=30), quiet.post_time + timedelta(minutes=15)
    portal.simulator.post_time_moves(quiet.race_id, new_time, at=told)

    def announced() -> tuple[str, int]:
        sheet, plan = (of(portal.rows(service, **SEOUL), quiet)[0] for service in (SHEET, PLAN))
        return sheet["stTime"], plan["schStTime"]

    planned = quiet.post_time.hour * 100 + quiet.post_time.minute
    portal.clock.now = told - timedelta(seconds=1)
    assert announced() == (f"출발 :{quiet.post_time:%H:%M}", planned)
    portal.clock.now = told
    assert announced() == (f"출발 :{new_time:%H:%M}", planned)
    portal.clock.now = quiet.post_time + timedelta(minutes=12)
    assert of(portal.rows(TOTALS, **SEOUL), quiet) == []
    portal.clock.now = new_time + timedelta(minutes=10)
    row = of(portal.rows(TOTALS, **SEOUL), quiet)[0]
    assert (row["schStTime"], row["stTime"]) == (quiet.post_time.isoformat(), new_time.isoformat())
    assert (row["startTimeChg"], row["stTimeChgReason"]) == (new_time.isoformat(), "주로정비")
    other = next(row for row in portal.rows(TOTALS, **SEOUL) if row["startTimeChg"] == "-")
    assert other["schStTime"] == other["stTime"]


def test_a_cancelled_race_has_codes_and_no_odds(portal: Portal, quiet: SimRace) -> None:
    told = quiet.post_time - timedelta(minutes=20)
    portal.simulator.race_is_cancelled(quiet.race_id, at=told)
    portal.clock.now = told
    assert {row["ord"] for row in of(portal.rows(DETAILS, **SEOUL), quiet)} == {99}
    assert {row["noraceFlag"] for row in of(portal.rows(TOTALS, **SEOUL), quiet)} == {1}
    portal.clock.now = at("2026-12-01 00:00")
    assert of(portal.rows(GRID, **SEOUL), quiet) == of(portal.rows(SALES, **SEOUL), quiet) == []
    assert of(portal.rows(PLAN, **SEOUL), quiet)
    card = next(card for card in portal.simulator.truth(DAY) if card.meeting.track_id == "seoul")
    race = card.races[quiet.race_no - 1]
    assert race.race.is_cancelled
    assert race.race.is_complete  # the source has said all there is to say
    assert {result.finish_status for result in race.results or ()} == {FinishStatus.CANCELLED}
    assert race.payoffs == ()


def test_a_void_race_has_codes_and_no_odds(portal: Portal, quiet: SimRace) -> None:
    portal.simulator.race_is_void(quiet.race_id, at=quiet.post_time + timedelta(minutes=4))
    assert {row["ord"] for row in of(portal.rows(DETAILS, **SEOUL), quiet)} == {98}
    assert of(portal.rows(GRID, **SEOUL), quiet) == of(portal.rows(SALES, **SEOUL), quiet) == []


def test_a_scratched_runner_loses_its_odds(portal: Portal, quiet: SimRace) -> None:
    told = quiet.post_time - timedelta(minutes=20)
    portal.simulator.runner_is_scratched(quiet.race_id, 2, at=told)
    portal.clock.now = told - timedelta(minutes=1)
    assert of(portal.rows(SCRATCHES, **SEOUL), quiet) == []
    portal.clock.now = told
    assert [row["chulNo"] for row in of(portal.rows(SCRATCHES, **SEOUL), quiet)] == [2]
    portal.clock.now = at("2026-12-01 00:00")
    scratched = next(row for row in of(portal.rows(DETAILS, **SEOUL), quiet) if row["chulNo"] == 2)
    assert (scratched["ord"], scratched["ordBigo"], scratched["winOdds"], scratched["rcTime"]) == (95, "출전취소", 0, 0)
    assert scratched["wgHr"] == "0()"
    numbers = {row[n] for row in of(portal.rows(GRID, **SEOUL), quiet) for n in ("chulNo", "chulNo2", "chulNo3")}
    assert numbers == {0, *(runner.start_no for runner in quiet.runners)} - {2}
    assert len(of(portal.rows(SHEET, **SEOUL), quiet)) == len(quiet.runners)


def test_a_race_that_is_run_again_loses_its_result_and_gets_another(portal: Portal, quiet: SimRace) -> None:
    def order() -> list[int]:
        return [row["chulNo"] for row in of(portal.rows(DETAILS, **SEOUL), quiet) if 0 < row["ord"] < 90]

    portal.clock.now = quiet.post_time + timedelta(minutes=20)
    first = order()
    again = quiet.post_time + timedelta(minutes=35)
    portal.simulator.race_is_rerun(quiet.race_id, again)
    assert order() == []
    portal.clock.now = again + timedelta(minutes=10)
    assert sorted(order()) != []
    assert order() != first
    assert of(portal.rows(TOTALS, **SEOUL), quiet)[0]["stTime"] == again.isoformat()


def test_a_cancelled_cycle_race_is_silent_and_the_others_are_not(portal: Portal) -> None:
    portal.simulator.race_is_cancelled("cycle-gwangmyeong-20261114-05", at=at("2026-11-14 12:00"))
    races = {row["race_no"] for row in portal.rows(CYCLE_RANKS, race_day=20261114) if row["meet_nm"] == "광명"}
    assert races == {f"{number:02d}" for number in range(1, 17)} - {"05"}
    assert "05" in {row["race_no"] for row in portal.rows(CYCLE_CARD, stnd_yr=2026, week_tcnt=43)}


def test_an_event_belongs_to_its_simulator_alone(portal: Portal, races: RaceCalendar, quiet: SimRace) -> None:
    portal.simulator.race_is_cancelled(quiet.race_id, at=quiet.post_time)
    assert not races.races(quiet.meeting)[quiet.race_no - 1].at(at("2027-01-01 00:00")).is_cancelled


@pytest.mark.parametrize("race_id", ["horse-seoul-20261117-01", "horse-seoul-20261114-40", "horse-paris-20261114-01"])
def test_an_event_of_a_race_that_is_not_held_is_refused(portal: Portal, race_id: str) -> None:
    with pytest.raises(LookupError, match=race_id):
        portal.simulator.race_is_cancelled(race_id)


def test_a_scratch_of_nobody_is_refused(portal: Portal, quiet: SimRace) -> None:
    with pytest.raises(LookupError, match="no runner 40"):
        portal.simulator.runner_is_scratched(quiet.race_id, 40)
