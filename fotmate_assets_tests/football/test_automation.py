"""What is due: pure functions of a clock and rows, and the schedules that ask the real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    RunRequest,
    ScheduleDefinition,
    SensorEvaluationContext,
    build_schedule_context,
)
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.core.ledger import Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.resources import Postgres
from fotmate_assets.definitions import build_defs
from fotmate_assets.football import automation
from fotmate_assets.football.automation import (
    AFTER_KICK_OFF,
    BEFORE_KICK_OFF,
    DAILY_WINDOW,
    MatchTime,
    current_seasons,
    live_seasons,
)
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.football.league import KEY, League

SECOND = timedelta(seconds=1)
ZONES = st.timedeltas(timedelta(hours=-12), timedelta(hours=14)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
KEYS = st.sampled_from(["a_1", "b_1", "c_1"])


def at(kick_off: datetime, key: str = KEY) -> MatchTime:
    return MatchTime(key, kick_off.date(), kick_off)


@given(INSTANTS, ZONES)
def test_a_match_is_live_from_a_quarter_of_an_hour_before_to_three_and_a_half_hours_after(
    kick_off: datetime, zone: timezone
) -> None:
    match = [at(kick_off.astimezone(zone))]
    opens, closes = kick_off - timedelta(minutes=15), kick_off + timedelta(hours=3, minutes=30)
    assert live_seasons(opens, match) == [KEY]
    assert live_seasons(closes, match) == [KEY]
    assert live_seasons(kick_off, match) == [KEY]
    assert live_seasons(opens - SECOND, match) == []
    assert live_seasons(closes + SECOND, match) == []


@given(INSTANTS, INSTANTS, ZONES, ZONES)
def test_whose_clock_tells_the_time_makes_no_difference(
    now: datetime, kick_off: datetime, ours: timezone, theirs: timezone
) -> None:
    there = live_seasons(now.astimezone(ours), [at(kick_off.astimezone(theirs))])
    assert there == live_seasons(now, [at(kick_off)])
    assert bool(there) == (kick_off - BEFORE_KICK_OFF <= now <= kick_off + AFTER_KICK_OFF)


@given(st.dates(date(1990, 1, 2), date(2099, 1, 1)), st.times())
def test_without_a_kick_off_time_the_whole_day_is_live(day: date, time: Any) -> None:
    match = [MatchTime(KEY, day, None)]
    assert live_seasons(datetime.combine(day, time, UTC), match) == [KEY]
    assert live_seasons(datetime.combine(day - timedelta(days=1), time, UTC), match) == []
    assert live_seasons(datetime.combine(day + timedelta(days=1), time, UTC), match) == []


def test_a_match_without_any_date_is_never_due() -> None:
    now = datetime(2025, 8, 16, 12, tzinfo=UTC)
    assert live_seasons(now, [MatchTime(KEY, None, None)]) == []
    assert current_seasons(now, [MatchTime(KEY, None, None)]) == []


@given(INSTANTS, st.integers(-100, 100))
def test_a_season_is_current_within_thirty_days_of_a_match(now: datetime, days: int) -> None:
    match = [MatchTime(KEY, now.date() + timedelta(days=days), None)]
    assert bool(current_seasons(now, match)) == (abs(days) <= 30)


@given(INSTANTS, st.lists(st.tuples(KEYS, st.integers(-200, 200)), max_size=8))
def test_each_due_season_comes_once_and_in_order(now: datetime, played: list[tuple[str, int]]) -> None:
    live = [at(now + timedelta(hours=hours), key) for key, hours in played]
    for due in (live_seasons(now, live), current_seasons(now, live)):
        assert due == sorted(set(due))
        assert set(due) <= {key for key, _ in played}
    assert live_seasons(now, []) == current_seasons(now, []) == []


@given(INSTANTS, ZONES, st.integers(0, 200))
def test_what_is_live_is_read_from_the_database_by_the_daily_window(now: datetime, zone: timezone, hours: int) -> None:
    """A live match's local date is never outside the window of dates that the schedules read."""
    kick_off = now + timedelta(hours=hours) - timedelta(hours=100)
    if live_seasons(now, [at(kick_off)]):
        assert abs(kick_off.astimezone(zone).date() - now.date()) < DAILY_WINDOW


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as made:
        made.add_dynamic_partitions("season", [KEY])
        yield made


def evaluate(
    schedule: ScheduleDefinition, instance: DagsterInstance, database: Database, tick: datetime
) -> list[RunRequest] | str:
    """The run requests of a tick, or why there are none; resolved as the daemon does."""
    with build_schedule_context(
        instance=instance,
        scheduled_execution_time=tick,
        resources={"postgres": Postgres(url=database.writer_url)},
        repository_def=build_defs().get_repository_def(),
    ) as context:
        data = schedule.evaluate_tick(context)
    if data.skip_message is not None:
        assert not data.run_requests
        return data.skip_message
    return list(data.run_requests or [])


def requests(*arguments: Any) -> list[RunRequest]:
    """The run requests of a tick that does not skip."""
    found = evaluate(*arguments)
    assert not isinstance(found, str), found
    return found


def play(league: League, kick_off: datetime | None, day: date) -> None:
    """Move the first match to a time, and the others far away."""
    league.database.execute("update matches set match_date = '1990-01-01', kick_off = null")
    league.database.execute(
        "update matches set match_date = :day, kick_off = :kick_off where match_id = '2025-2026_1_001'",
        day=day,
        kick_off=kick_off,
    )


TICK = datetime(2026, 3, 14, 15, 0, tzinfo=UTC)


def test_on_a_match_day_the_seasons_run_is_asked_for(league: League, instance: DagsterInstance) -> None:
    league.refresh()
    play(league, TICK + timedelta(minutes=15), TICK.date())
    (request,) = requests(automation.football_matchday, instance, league.database, TICK)
    assert request.partition_key == KEY
    assert request.run_key == f"{KEY}@2026-03-14T15:00:00+00:00"
    assert request.tags["dagster/partition"] == KEY


@pytest.mark.parametrize("minutes", [16, -211])
def test_outside_the_live_window_the_tick_says_why_it_skips(
    league: League, instance: DagsterInstance, minutes: int
) -> None:
    league.refresh()
    play(league, TICK + timedelta(minutes=minutes), TICK.date())
    assert evaluate(automation.football_matchday, instance, league.database, TICK) == (
        "no match is within its live window (15 min before to 3 h 30 min after kick-off)"
    )


def test_a_late_match_is_live_after_midnight(league: League, instance: DagsterInstance) -> None:
    league.refresh()
    midnight = datetime(2026, 3, 15, 0, 30, tzinfo=UTC)
    play(league, midnight - timedelta(hours=3), date(2026, 3, 14))
    assert len(evaluate(automation.football_matchday, instance, league.database, midnight)) == 1


@pytest.mark.parametrize(("days", "due"), [(30, True), (-30, True), (31, False), (-31, False), (0, True)])
def test_the_daily_run_takes_the_seasons_around_now(
    league: League, instance: DagsterInstance, days: int, due: bool
) -> None:
    league.refresh()
    play(league, None, TICK.date() + timedelta(days=days))
    found = evaluate(automation.football_daily, instance, league.database, TICK)
    if due:
        assert not isinstance(found, str)
        assert [request.partition_key for request in found] == [KEY]
    else:
        assert found == "no season has a match within 30 days"


def test_an_empty_database_skips(database: Database, instance: DagsterInstance) -> None:
    for schedule in (automation.football_daily, automation.football_matchday):
        assert isinstance(evaluate(schedule, instance, database, TICK), str)


def test_a_season_that_this_dagster_does_not_know_yet_is_told_and_stops_no_other(
    league: League, instance: DagsterInstance
) -> None:
    """An old database under a new Dagster instance: until the catalogue has run, the partition is not there."""
    league.refresh()
    play(league, TICK, TICK.date())
    league.database.execute("insert into seasons select 'x_1', competition_id, name, provider_ids from seasons")
    league.database.execute("update matches set season_key = 'x_1' where match_id <> '2025-2026_1_001'")
    league.database.execute("update matches set match_date = :day", day=TICK.date())
    for schedule in (automation.football_daily, automation.football_matchday):
        found = requests(schedule, instance, league.database, TICK)
        assert [request.partition_key for request in found] == [KEY]
    instance.delete_dynamic_partition("season", KEY)
    for schedule in (automation.football_daily, automation.football_matchday):
        told = evaluate(schedule, instance, league.database, TICK)
        assert isinstance(told, str)
        assert told.startswith(f"not registered yet: {KEY}, x_1")


def test_the_same_tick_asks_for_the_same_run(league: League, instance: DagsterInstance) -> None:
    league.refresh()
    play(league, TICK, TICK.date())
    first = requests(automation.football_matchday, instance, league.database, TICK)
    local = requests(
        automation.football_matchday, instance, league.database, TICK.astimezone(timezone(timedelta(hours=9)))
    )
    later = requests(automation.football_matchday, instance, league.database, TICK + timedelta(minutes=15))
    assert first[0].run_key == local[0].run_key != later[0].run_key


def test_new_seasons_are_asked_for_every_night(database: Database, instance: DagsterInstance) -> None:
    (request,) = requests(automation.football_new_seasons, instance, database, TICK)
    assert request.partition_key is None


def test_schedules_run_at_the_hours_they_say() -> None:
    assert {schedule.name: schedule.cron_schedule for schedule in automation.SCHEDULES} == {
        "football_daily": ["0 2 * * *", "0 8 * * *"],
        "football_matchday": "*/15 * * * *",
        "football_new_seasons": "30 1 * * *",
    }
    assert {schedule.execution_timezone for schedule in automation.SCHEDULES} == {"UTC"}
    assert all(schedule.description for schedule in automation.SCHEDULES)


def recovery(instance: DagsterInstance, database: Database) -> list[RunRequest] | str:
    """What a tick of the recovery sensor asks for, or why it skips; resolved as the daemon does."""
    repository = build_defs(postgres=Postgres(url=database.writer_url)).get_repository_def()
    sensor = repository.get_sensor_def("failure_recovery")
    # With instance_ref, as the daemon does: without it Dagster does not look for dynamic partitions.
    with SensorEvaluationContext(
        instance.get_ref(),
        instance=instance,
        repository_def=repository,
        resources={"postgres": repository.get_top_level_resources()["postgres"]},
    ) as context:
        data = sensor.evaluate_tick(context)
    return data.skip_message or list(data.run_requests or [])


def owe(database: Database, job: str, season: str) -> None:
    error = SourceError(Verdict.TRANSPORT, "statsbomb", "events/1.json", "gone")
    Ledger(database.engine).owe(Job("statsbomb", job, season), error)
    database.execute("update ingestion_failures set next_retry_at = next_retry_at - interval '1 hour'")


def test_what_a_season_owes_is_tried_again_as_a_run_of_the_season(
    database: Database, instance: DagsterInstance
) -> None:
    for job in ("football/statsbomb_raw", "football/matches"):
        owe(database, job, KEY)
    found = recovery(instance, database)
    assert isinstance(found, list), found
    assert [(each.job_name, each.partition_key) for each in found] == [("football_season", KEY)]


def test_a_provider_whose_seasons_could_not_be_read_is_asked_for_them_again(
    database: Database, instance: DagsterInstance
) -> None:
    owe(database, "football/season_catalogue", "")
    found = recovery(instance, database)
    assert isinstance(found, list), found
    assert [(each.job_name, each.partition_key) for each in found] == [("football_catalogue", None)]


def test_a_season_that_is_not_registered_is_told_and_stops_no_other(
    database: Database, instance: DagsterInstance
) -> None:
    owe(database, "football/matches", "x_1")
    assert recovery(instance, database) == "due, and cannot be retried: football_season: no partition 'x_1' here"
    owe(database, "football/matches", KEY)
    found = recovery(instance, database)
    assert isinstance(found, list), found
    assert [each.partition_key for each in found] == [KEY]
