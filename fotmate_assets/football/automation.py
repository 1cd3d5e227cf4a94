"""Jobs and schedules of the football wing, and how what it owes is tried again.

What is due is decided in pure functions of rows and a clock.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from dagster import (
    AssetSelection,
    DagsterInstance,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    schedule,
)
from sqlalchemy import select

from fotmate_assets.core.recovery import Replay
from fotmate_assets.core.resources import Postgres
from fotmate_assets.football import partitions
from fotmate_assets.football.assets import CATALOGUE, GROUP
from fotmate_assets.football.tables import matches

BEFORE_KICK_OFF = timedelta(minutes=15)
AFTER_KICK_OFF = timedelta(hours=3, minutes=30)
"""Extra time, a shoot-out and a late start fit in; after it the daily run takes over."""
DAILY_WINDOW = timedelta(days=30)


@dataclass(frozen=True)
class MatchTime:
    """When a match of a season is played."""

    season_key: str
    match_date: date | None
    kick_off: datetime | None
    """Aware; None where only the date is known."""


def live_seasons(now: datetime, times: Iterable[MatchTime]) -> list[str]:
    """Seasons with a match within its live window; without a kick-off time, the whole day counts (UTC)."""
    live = set()
    for match in times:
        if match.kick_off is not None:
            if match.kick_off - BEFORE_KICK_OFF <= now <= match.kick_off + AFTER_KICK_OFF:
                live.add(match.season_key)
        elif match.match_date == now.date():
            live.add(match.season_key)
    return sorted(live)


def current_seasons(now: datetime, times: Iterable[MatchTime]) -> list[str]:
    """Seasons with a match within 30 days of `now`: providers correct what is recent."""
    today = now.date()
    return sorted(
        {match.season_key for match in times if match.match_date and abs(match.match_date - today) <= DAILY_WINDOW}
    )


football_catalogue = define_asset_job(
    "football_catalogue", AssetSelection.assets(CATALOGUE), description="Look for new seasons."
)
football_season = define_asset_job(
    "football_season",
    AssetSelection.groups(GROUP) - AssetSelection.assets(CATALOGUE),
    description="Fetch and load one season.",
)


def _times(postgres: Postgres, around: datetime) -> list[MatchTime]:
    window = matches.c.match_date.between((around - DAILY_WINDOW).date(), (around + DAILY_WINDOW).date())
    query = select(matches.c.season_key, matches.c.match_date, matches.c.kick_off).where(window)
    with postgres.engine.connect() as connection:
        return [MatchTime(*row) for row in connection.execute(query)]


def _requests(
    context: ScheduleEvaluationContext, due: Sequence[str], tick: datetime, nothing_due: str
) -> Iterator[RunRequest | SkipReason]:
    """A run per season that is due. One that this Dagster instance has no partition for would fail the whole tick."""
    registered = set(context.instance.get_dynamic_partitions(str(partitions.season.name)))
    unknown = ", ".join(key for key in due if key not in registered)
    if unknown:
        context.log.warning(f"not registered yet: {unknown}")
    if registered.isdisjoint(due):
        why = f"not registered yet: {unknown}; football/season_catalogue registers them" if due else nothing_due
        yield SkipReason(why)
    for key in due:
        if key in registered:
            yield RunRequest(run_key=f"{key}@{tick.isoformat()}", partition_key=key)


@schedule(
    name="football_daily",
    cron_schedule=["0 2 * * *", "0 8 * * *"],
    execution_timezone="UTC",
    job=football_season,
    description="02:00 and 08:00 UTC: every season with a match within 30 days.",
)
def football_daily(context: ScheduleEvaluationContext, postgres: Postgres) -> Iterator[RunRequest | SkipReason]:
    """Refresh the current seasons."""
    tick = context.scheduled_execution_time.astimezone(UTC)
    due = current_seasons(tick, _times(postgres, tick))
    yield from _requests(context, due, tick, "no season has a match within 30 days")


@schedule(
    name="football_matchday",
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    job=football_season,
    description="Every 15 minutes: seasons with a match within its live window.",
)
def football_matchday(context: ScheduleEvaluationContext, postgres: Postgres) -> Iterator[RunRequest | SkipReason]:
    """Follow the matches of the day."""
    tick = context.scheduled_execution_time.astimezone(UTC)
    due = live_seasons(tick, _times(postgres, tick))
    nothing_due = "no match is within its live window (15 min before to 3 h 30 min after kick-off)"
    yield from _requests(context, due, tick, nothing_due)


@schedule(
    name="football_new_seasons",
    cron_schedule="30 1 * * *",
    execution_timezone="UTC",
    job=football_catalogue,
    description="01:30 UTC: ask the providers which seasons they offer.",
)
def football_new_seasons(context: ScheduleEvaluationContext) -> RunRequest:
    """Refresh the catalogue."""
    return RunRequest(run_key=context.scheduled_execution_time.isoformat())


def _is_registered(instance: DagsterInstance, season_key: str) -> bool:
    return instance.has_dynamic_partition(str(partitions.season.name), season_key)


REPLAYS = [
    Replay("football/season_catalogue", football_catalogue),
    Replay(f"{GROUP}/", football_season, _is_registered),
]
"""How what football owes is tried again: a season as a whole, of which all that changed is work."""

JOBS = [football_catalogue, football_season]
SCHEDULES = [football_daily, football_matchday, football_new_seasons]
