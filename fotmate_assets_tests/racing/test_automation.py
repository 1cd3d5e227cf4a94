"""What is due: pure functions of a clock and rows, and the schedules that ask the real database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
    ScheduleDefinition,
    build_schedule_context,
)
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.core.ledger import Attempt, Job, Ledger
from fotmate_assets.core.model import Verdict
from fotmate_assets.core.resources import Postgres
from fotmate_assets.definitions import build_defs
from fotmate_assets.racing import automation, partitions
from fotmate_assets.racing.automation import entries_due, results_due
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import KST, RaceStatus, Sport
from fotmate_assets.racing.queries import RaceTime
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, NIGHT_BEFORE, Stage, make_card, off, with_race

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
NEVER: dict[date, datetime] = {}

DECIDED = [RaceStatus.FINISHED, RaceStatus.CANCELLED, RaceStatus.POSTPONED]
CALLED_OFF = [RaceStatus.CANCELLED, RaceStatus.POSTPONED]
RUNNING = [RaceStatus.SCHEDULED, RaceStatus.UPCOMING, RaceStatus.LIVE]
ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2026, 11, 14), datetime(2026, 12, 5), timezones=st.just(UTC))  # noqa: DTZ001


def midnight(day: date) -> datetime:
    """When a day begins in Korea."""
    return datetime.combine(day, time(), KST)


def race(
    post_time: datetime | None = off(1),  # noqa: B008 - a constant
    status: RaceStatus = RaceStatus.SCHEDULED,
    *,
    sport: Sport = Sport.HORSE,
    day: date = DAY,
    has_entries: bool = False,
    has_payoffs: bool = False,
) -> RaceTime:
    return RaceTime(day, sport, status, post_time, has_entries, is_unpaid=not has_payoffs)


def are_entries_due(now: datetime, *races: RaceTime, last: datetime | None = None) -> bool:
    due = entries_due(now, races, {DAY: last} if last else NEVER)
    assert due in ([], [DAY])
    return bool(due)


def are_results_due(now: datetime, *races: RaceTime, last: datetime | None = None) -> bool:
    due = results_due(now, races, {DAY: last} if last else NEVER)
    assert due in ([], [DAY])
    return bool(due)


# Entries ------------------------------------------------------------------------------------------------------------

RACES = (race(off(1)), race(off(5)), race(off(10)))
PUBLISHED = tuple(replace(each, has_entries=True) for each in RACES)
OPENS = datetime(2026, 11, 17, tzinfo=KST)
"""Four Korean days before the race date."""

EVERY_TICK = off(1) - timedelta(hours=2)


def test_entries_are_looked_for_from_four_days_before_to_the_last_off() -> None:
    assert not are_entries_due(OPENS - SECOND, *RACES)
    assert are_entries_due(OPENS, *RACES)
    assert are_entries_due(off(10) - SECOND, *RACES, last=off(10) - MINUTE)
    assert not are_entries_due(off(10), *RACES)
    assert not are_entries_due(off(10) + timedelta(days=1), *RACES)


@pytest.mark.parametrize(("races", "minutes"), [(RACES, 60), (PUBLISHED, 6 * 60), ((*PUBLISHED[:2], RACES[2]), 60)])
def test_how_long_a_look_is_enough_depends_on_what_is_published(races: tuple[RaceTime, ...], minutes: int) -> None:
    """Counted from tick to tick: a look that took four minutes is followed at the same minute of the hour."""
    tick = OPENS + timedelta(hours=20)
    last = tick + 4 * MINUTE
    due = [number for number in range(1, 40) if are_entries_due(tick + number * 15 * MINUTE, *races, last=last)]
    assert due[0] * 15 == minutes
    assert due == list(range(due[0], 40)), "due once, due until it is done"


def test_from_two_hours_before_the_first_race_every_tick_is_a_look() -> None:
    last = EVERY_TICK - 5 * MINUTE
    assert not are_entries_due(EVERY_TICK - SECOND, *PUBLISHED, last=last)
    assert are_entries_due(EVERY_TICK, *PUBLISHED, last=last)
    for minutes in range(0, int((off(10) - EVERY_TICK) / MINUTE), 15):
        now = EVERY_TICK + minutes * MINUTE
        assert are_entries_due(now, *PUBLISHED, last=now - 14 * MINUTE)


def test_every_tick_is_a_look_though_the_first_races_are_over() -> None:
    """Between the morning's horses and the evening's boats."""
    races = [race(off(1), RaceStatus.FINISHED, has_entries=True), race(off(20), has_entries=True)]
    now = off(1) + 2 * HOUR
    assert are_entries_due(now, *races, last=now - 14 * MINUTE)


def test_a_race_called_off_does_not_count() -> None:
    for status in CALLED_OFF:
        early = race(off(1) - 8 * HOUR, status)
        now = EVERY_TICK - MINUTE
        assert not are_entries_due(now, early, *PUBLISHED, last=now - 10 * MINUTE)
        late = race(off(20), status)
        assert not are_entries_due(off(10), *PUBLISHED, late)
        assert not are_entries_due(now, race(status=status))


def test_a_decided_day_needs_no_entries() -> None:
    for status in DECIDED:
        assert not are_entries_due(off(1) - MINUTE, race(status=status), race(off(2), status))


def test_races_without_an_off_are_looked_for_until_their_day_ends() -> None:
    """Boats have their times on the card that this look brings."""
    boat = race(None, sport=Sport.BOAT, has_entries=True)
    assert not are_entries_due(OPENS - SECOND, boat)
    tick = OPENS + timedelta(days=2)
    assert are_entries_due(tick, boat)
    assert not are_entries_due(tick, boat, last=tick - 30 * MINUTE)
    assert are_entries_due(tick, boat, last=tick - HOUR), "not published whole: hourly"
    assert are_entries_due(midnight(DAY + timedelta(days=1)) - SECOND, boat)
    assert not are_entries_due(midnight(DAY + timedelta(days=1)), boat)


def test_a_race_after_midnight_is_followed_to_its_off() -> None:
    late = race(midnight(DAY + timedelta(days=1)) + 10 * MINUTE)
    assert are_entries_due(midnight(DAY + timedelta(days=1)), late)


@given(MOMENTS, ZONES, ZONES, st.sampled_from([None, *range(0, 400, 20)]), st.booleans())
def test_whose_clock_tells_makes_no_difference_to_entries(
    now: datetime, ours: timezone, theirs: timezone, minutes: int | None, has_entries: bool
) -> None:
    last = None if minutes is None else now - minutes * MINUTE
    races = [replace(each, has_entries=has_entries) for each in RACES]
    there = [replace(each, post_time=each.post_time.astimezone(theirs)) for each in races if each.post_time]
    due = are_entries_due(now, *races, last=last)
    assert are_entries_due(now.astimezone(ours), *there, last=last and last.astimezone(ours)) == due
    if due:
        assert OPENS <= now < off(10)
    elif OPENS <= now < off(10):
        assert last is not None
        assert now < EVERY_TICK


# Results ------------------------------------------------------------------------------------------------------------

LOOK = off(1) + 5 * MINUTE
LIMIT = off(1) + 2 * HOUR
BOAT_LIMIT = midnight(DAY + timedelta(days=2))


@pytest.mark.parametrize("status", RUNNING)
def test_a_result_is_looked_for_from_five_minutes_after_the_off(status: RaceStatus) -> None:
    assert not are_results_due(LOOK - SECOND, race(status=status))
    assert are_results_due(LOOK, race(status=status))
    assert are_results_due(LOOK + 15 * MINUTE, race(status=status), last=LOOK + 4 * MINUTE)


@pytest.mark.parametrize(
    ("sport", "limit"), [(Sport.HORSE, LIMIT), (Sport.CYCLE, BOAT_LIMIT), (Sport.BOAT, BOAT_LIMIT)]
)
def test_after_its_limit_a_result_is_looked_for_once_an_hour_for_a_week(sport: Sport, limit: datetime) -> None:
    waiting = race(status=RaceStatus.LIVE, sport=sport)
    assert are_results_due(limit - SECOND, waiting, last=limit - MINUTE) == (sport is Sport.HORSE)
    assert not are_results_due(limit, waiting, last=limit - MINUTE)
    last = limit + 4 * MINUTE
    due = [number for number in range(1, 9) if are_results_due(limit + number * 15 * MINUTE, waiting, last=last)]
    assert due == [4, 5, 6, 7, 8]
    assert are_results_due(limit, waiting), "never looked for"
    end = limit + timedelta(days=7)
    assert are_results_due(end - SECOND, waiting, last=last)
    assert not are_results_due(end, waiting, last=last)
    assert not are_results_due(end, waiting)


@pytest.mark.parametrize("sport", [Sport.CYCLE, Sport.BOAT])
def test_what_is_published_the_next_day_is_looked_for_once_an_hour(sport: Sport) -> None:
    waiting = race(status=RaceStatus.LIVE, sport=sport)
    assert are_results_due(LOOK, waiting)
    assert [number for number in range(1, 9) if are_results_due(LOOK + number * 15 * MINUTE, waiting, last=LOOK)] == [
        *(4, 5, 6, 7, 8)
    ]


@pytest.mark.parametrize("days", [1, 3, 8])
def test_a_complete_date_is_looked_at_once_more_when_its_sources_have_settled(days: int) -> None:
    done = race(status=RaceStatus.FINISHED, has_payoffs=True)
    noon = midnight(DAY + timedelta(days=days)) + 12 * HOUR
    before, after = noon - HOUR, noon + 4 * MINUTE
    assert not are_results_due(noon - SECOND, done, last=before)
    assert are_results_due(noon, done, last=before)
    assert not are_results_due(noon + 15 * MINUTE, done, last=after)
    assert not are_results_due(noon + 25 * HOUR, done, last=before)
    assert not are_results_due(noon, race(status=RaceStatus.CANCELLED), last=before)


def test_a_race_is_complete_once_it_is_finished_and_has_paid() -> None:
    finished = RaceStatus.FINISHED
    assert not are_results_due(LOOK, race(status=finished, has_payoffs=True))
    assert are_results_due(LOOK, race(status=finished))
    assert are_results_due(LOOK, race(status=RaceStatus.LIVE, has_payoffs=True))
    assert are_results_due(LOOK, race(status=finished, has_payoffs=True), race())


@pytest.mark.parametrize("status", CALLED_OFF)
@given(now=MOMENTS)
def test_a_race_that_is_off_has_no_result_to_look_for(status: RaceStatus, now: datetime) -> None:
    for sport in Sport:
        for post_time in (off(1), None):
            assert not are_results_due(now, race(post_time, status, sport=sport))


def test_a_race_without_an_off_is_looked_for_after_its_day() -> None:
    boat = race(None, sport=Sport.BOAT)
    end = midnight(DAY + timedelta(days=1))
    assert not are_results_due(end + 5 * MINUTE - SECOND, boat)
    assert are_results_due(end + 5 * MINUTE, boat)


def test_days_that_are_due_come_once_and_in_order() -> None:
    days = [DAY, DAY - timedelta(days=1), DAY - timedelta(days=2)]
    races = [race(off(number, day), day=day) for day in days for number in (1, 2)]
    now = off(2) + HOUR
    assert results_due(now, races, NEVER) == sorted(days)
    looked_for = dict.fromkeys(days, now - 10 * MINUTE)
    assert results_due(now, races, looked_for) == [DAY]
    assert results_due(now, [], NEVER) == entries_due(now, [], NEVER) == []
    coming = [race(off(number, day), day=day) for day in (DAY + timedelta(days=3), DAY) for number in (5, 6)]
    assert entries_due(now, coming, NEVER) == [DAY, DAY + timedelta(days=3)]


@given(MOMENTS, ZONES, ZONES, st.sampled_from(Sport), st.sampled_from(RaceStatus), st.booleans())
def test_whose_clock_tells_makes_no_difference_to_results(
    now: datetime, ours: timezone, theirs: timezone, sport: Sport, status: RaceStatus, has_payoffs: bool
) -> None:
    here = race(status=status, sport=sport, has_payoffs=has_payoffs)
    there = replace(here, post_time=off(1).astimezone(theirs))
    due = are_results_due(now, here)
    assert are_results_due(now.astimezone(ours), there) == due
    if due:
        assert LOOK <= now < midnight(DAY) + timedelta(days=9, hours=12)


@given(MOMENTS, st.sampled_from(Sport), st.integers(-20, 20), st.booleans())
def test_what_is_due_is_read_from_the_database(now: datetime, sport: Sport, days: int, has_off: bool) -> None:
    """A date that is due is never outside the dates that the schedules read."""
    day = DAY + timedelta(days=days)
    today = now.astimezone(KST).date()
    one = race(off(1, day) if has_off else None, sport=sport, day=day)
    if results_due(now, [one], NEVER):
        assert today - automation.LATE_RESULTS - timedelta(days=2) <= day <= today
    if entries_due(now, [one], NEVER):
        assert today <= day <= today + automation.PUBLISHED_WITHIN


# The schedules ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        yield made


@pytest.fixture(scope="module")
def repository() -> Any:
    return build_defs().get_repository_def()


@pytest.fixture
def evaluate(emptied: Database, instance: DagsterInstance, repository: Any) -> Any:
    """The run requests of a tick, or why there are none; resolved as the daemon does."""

    def tick(schedule: ScheduleDefinition, now: datetime) -> list[RunRequest] | str:
        with build_schedule_context(
            instance=instance,
            scheduled_execution_time=now,
            resources={"postgres": Postgres(url=emptied.writer_url)},
            repository_def=repository,
        ) as context:
            data = schedule.evaluate_tick(context)
        if data.skip_message is not None:
            assert not data.run_requests
            return data.skip_message
        return list(data.run_requests or [])

    return tick


def asked(emptied: Database, job: str, day: date, at: datetime) -> None:
    """A look at a race date that ended at a moment."""
    Ledger(emptied.engine).record([(Job("kra", job, day.isoformat()), Attempt(Verdict.OK), 1.0)])
    emptied.execute(
        "update ingestion_jobs set finished_at = :at where job_id = (select max(job_id) from ingestion_jobs)", at=at
    )


def test_schedules_run_at_the_hours_they_say() -> None:
    assert {schedule.name: schedule.cron_schedule for schedule in automation.SCHEDULES} == {
        "racing_schedules": "0 6 * * *",
        "racing_entries": "*/15 * * * *",
        "racing_results": "*/15 * * * *",
    }
    assert timedelta(minutes=15) == automation.TICK
    assert {schedule.execution_timezone for schedule in automation.SCHEDULES} == {"Asia/Seoul"}
    assert {schedule.name: schedule.job_name for schedule in automation.SCHEDULES} == {
        "racing_schedules": "racing_calendar",
        "racing_entries": "racing_cards",
        "racing_results": "racing_day",
    }
    assert all(schedule.description for schedule in automation.SCHEDULES)


@pytest.mark.parametrize(
    ("tick", "first", "last"),
    [
        (datetime(2026, 11, 21, 6, 0, tzinfo=KST), "2026-11-21", "2026-11-28"),
        (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), "2026-11-21", "2026-11-28"),
        (datetime(2026, 12, 31, 6, 0, tzinfo=KST), "2026-12-31", "2027-01-07"),
    ],
)
def test_the_calendar_of_today_and_seven_days_is_asked_for_in_one_run(
    evaluate: Any, tick: datetime, first: str, last: str
) -> None:
    """At six in Korea it is still yesterday in UTC."""
    (request,) = evaluate(automation.racing_schedules, tick)
    assert request.run_key == first
    assert request.partition_key is None
    two_days_before = date.fromisoformat(first) - timedelta(days=2)
    assert request.tags["dagster/asset_partition_range_start"] == two_days_before.isoformat()
    assert request.tags["dagster/asset_partition_range_end"] == last
    keys = partitions.race_date.get_partition_keys(current_time=tick)
    assert keys[-8:][0] == first
    assert keys[-1] == last


def test_an_empty_database_skips_and_says_so(evaluate: Any) -> None:
    now = off(1) + HOUR
    assert evaluate(automation.racing_entries, now) == ("no entries are due among 0 races")
    assert evaluate(automation.racing_results, now) == ("no race waits for its result among 0 races")


def test_a_date_with_entries_to_come_is_a_run(emptied: Database, evaluate: Any) -> None:
    load_meeting(emptied.engine, make_card(stage=Stage.PLAN), NIGHT_BEFORE)
    load_meeting(emptied.engine, make_card("misari", DAY + timedelta(days=2), stage=Stage.PLAN), NIGHT_BEFORE)
    found = evaluate(automation.racing_entries, NIGHT_BEFORE)
    assert [(each.partition_key, each.run_key) for each in found] == [
        ("2026-11-21", "2026-11-21@2026-11-20T20:00:00+09:00"),
        ("2026-11-23", "2026-11-23@2026-11-20T20:00:00+09:00"),
    ]
    assert {each.tags["dagster/partition"] for each in found} == {"2026-11-21", "2026-11-23"}


def test_what_was_looked_at_just_now_is_left_alone_with_a_reason(emptied: Database, evaluate: Any) -> None:
    load_meeting(emptied.engine, make_card(stage=Stage.CARD), NIGHT_BEFORE)
    asked(emptied, "racing/entries", DAY, NIGHT_BEFORE - 10 * MINUTE)
    asked(emptied, "racing/results", DAY, NIGHT_BEFORE - timedelta(days=1))
    assert evaluate(automation.racing_entries, NIGHT_BEFORE) == (
        "no entries are due among 3 races; the next race is off at 2026-11-21 10:35 KST"
    )
    assert len(evaluate(automation.racing_entries, NIGHT_BEFORE + 6 * HOUR)) == 1


def test_races_that_are_over_are_a_run_until_they_are_complete(emptied: Database, evaluate: Any) -> None:
    load_meeting(emptied.engine, make_card(stage=Stage.CARD), NIGHT_BEFORE)
    assert evaluate(automation.racing_results, off(1) + 4 * MINUTE) == (
        "no race waits for its result among 3 races; the next race is off at 2026-11-21 11:05 KST"
    )
    tick = off(1) + 10 * MINUTE
    (request,) = evaluate(automation.racing_results, tick)
    assert (request.partition_key, request.run_key) == ("2026-11-21", "2026-11-21@2026-11-21T10:45:00+09:00")
    load_meeting(emptied.engine, make_card(), tick)
    assert evaluate(automation.racing_results, off(3) + HOUR) == ("no race waits for its result among 3 races")


def test_a_date_whose_results_are_due_is_one_run_and_not_two(emptied: Database, evaluate: Any) -> None:
    """Its run asks for the entries, too."""
    load_meeting(emptied.engine, make_card(stage=Stage.CARD), NIGHT_BEFORE)
    tick = off(1) + 10 * MINUTE
    assert len(evaluate(automation.racing_results, tick)) == 1
    assert evaluate(automation.racing_entries, tick).startswith("no entries are due among 3 races")
    asked(emptied, "racing/results", DAY, tick)
    assert len(evaluate(automation.racing_entries, tick - 10 * MINUTE)) == 1


def test_a_date_that_a_run_is_at_work_on_is_left_to_it(
    emptied: Database, evaluate: Any, instance: DagsterInstance
) -> None:
    load_meeting(emptied.engine, make_card(stage=Stage.CARD), NIGHT_BEFORE)
    tick = off(1) + 10 * MINUTE
    (request,) = evaluate(automation.racing_results, tick)
    assert request.tags["dagster/priority"] == "1"
    tags = {"dagster/partition": str(DAY)}
    run = instance.add_run(DagsterRun("racing_cards", status=DagsterRunStatus.STARTED, tags=tags))
    other = instance.add_run(DagsterRun("football_season", status=DagsterRunStatus.STARTED, tags=tags))
    assert evaluate(automation.racing_results, tick) == "a run is at work on 2026-11-21 already"
    instance.delete_run(run.run_id)
    assert len(evaluate(automation.racing_results, tick)) == 1
    instance.delete_run(other.run_id)


def test_boats_are_looked_for_the_next_day(emptied: Database, evaluate: Any) -> None:
    card = make_card("misari", stage=Stage.CARD)
    for race_no in (1, 2, 3):
        card = with_race(card, race_no, scheduled_post_time=None, post_time=None)
    load_meeting(emptied.engine, card, NIGHT_BEFORE)
    assert isinstance(evaluate(automation.racing_results, off(3) + HOUR), str)
    (request,) = evaluate(automation.racing_results, off(1, DAY + timedelta(days=1)))
    assert request.partition_key == "2026-11-21"


def test_the_tick_for_results_moves_the_statuses(emptied: Database, evaluate: Any) -> None:
    load_meeting(emptied.engine, make_card(stage=Stage.CARD), NIGHT_BEFORE)
    evaluate(automation.racing_results, off(2) - MINUTE)
    assert emptied.execute("select status from races order by race_id") == [("live",), ("upcoming",), ("upcoming",)]


def test_the_same_tick_asks_for_the_same_run_wherever_it_is_told(emptied: Database, evaluate: Any) -> None:
    load_meeting(emptied.engine, make_card(stage=Stage.CARD), NIGHT_BEFORE)
    for schedule, tick in (
        (automation.racing_entries, off(1) - HOUR),
        (automation.racing_results, off(1) + 10 * MINUTE),
    ):
        here, there = evaluate(schedule, tick), evaluate(schedule, tick.astimezone(UTC))
        later = evaluate(schedule, tick + 15 * MINUTE)
        assert here[0].run_key == there[0].run_key != later[0].run_key


def test_today_is_koreas(emptied: Database, evaluate: Any) -> None:
    """At three in the morning in Korea UTC has yesterday, whose last date to look at is one less."""
    day = DAY + timedelta(days=4)
    load_meeting(emptied.engine, make_card(day=day, stage=Stage.PLAN), NIGHT_BEFORE)
    found = evaluate(automation.racing_entries, datetime(2026, 11, 20, 18, 0, tzinfo=UTC))
    assert [each.partition_key for each in found] == ["2026-11-25"]
    assert isinstance(evaluate(automation.racing_entries, datetime(2026, 11, 20, 14, 59, tzinfo=UTC)), str)


def test_a_result_is_given_up_after_a_week(emptied: Database, evaluate: Any) -> None:
    load_meeting(emptied.engine, make_card("misari", stage=Stage.CARD), NIGHT_BEFORE)
    assert len(evaluate(automation.racing_results, BOAT_LIMIT + timedelta(days=7) - MINUTE)) == 1
    assert isinstance(evaluate(automation.racing_results, BOAT_LIMIT + timedelta(days=7)), str)


def test_every_job_can_run_for_a_race_date(repository: Any) -> None:
    for job in automation.JOBS:
        definition = repository.get_job(job.name)
        assert definition.partitions_def == partitions.race_date
        assert {key.path[0] for key in definition.asset_layer.executable_asset_keys} == {"racing"}
