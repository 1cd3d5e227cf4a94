"""What keeps odds moving: the collector's sensor, the schedule of candles and lake, retention."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dagster import (
    AssetMaterialization,
    DagsterInstance,
    DefaultScheduleStatus,
    JobDefinition,
    OpExecutionContext,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    define_asset_job,
    job,
    op,
    schedule,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from fotmate_assets.core.failures import infrastructure_retried
from fotmate_assets.core.recovery import Replay
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.racing.cadence import SlotStatus
from fotmate_assets.racing.model import CALLED_OFF, KST, ON
from fotmate_assets.racing.odds.assets import CANDLES, LAKE, SNAPSHOTS, batch_metadata
from fotmate_assets.racing.odds.candles import STORED
from fotmate_assets.racing.odds.notices import note_batch
from fotmate_assets.racing.odds.retention import retire
from fotmate_assets.racing.partitions import race_date
from fotmate_assets.racing.queries import RaceTime, last_attempts, race_times
from fotmate_assets.racing.resources import OddsMarket

COLLECTOR_EVERY_S = 30

DAY_ENDS_AFTER = timedelta(minutes=30)
"""From the last off of a race date until its odds are put together."""

LOOKED_BACK = timedelta(days=9)
"""How far back race dates are looked at: final odds are asked for again until then."""


@dataclass(frozen=True)
class OddsState:
    """What there is of a race date's odds."""

    captured_at: datetime | None = None
    """Our clock at the newest snapshot, not final, that candles are made of; None without one."""
    candles_at: datetime | None = None
    """The same of the newest that is in a candle."""


def odds_due(
    now: datetime,
    times: Sequence[RaceTime],
    states: Mapping[date, OddsState],
    results_asked: Mapping[date, datetime],
    finals_read: Mapping[date, datetime],
) -> list[tuple[date, bool]]:
    """Race dates with something to do, and whether it is the whole: final odds, candles, lake.

    The whole is done when the day is over, and again when its results have been asked for since. Before that there are
    only candles, where snapshots have come since the last.
    """
    days: dict[date, list[RaceTime]] = defaultdict(list)
    for race in times:
        days[race.race_date].append(race)
    due = []
    for day in sorted(days.keys() | states.keys()):
        state, read = states.get(day, OddsState()), finals_read.get(day)
        if _is_over(days.get(day, ()), now) and (read is None or read < results_asked.get(day, read)):
            due.append((day, True))
        elif state.captured_at is not None and (state.candles_at is None or state.candles_at < state.captured_at):
            due.append((day, False))
    return due


def _is_over(races: Sequence[RaceTime], now: datetime) -> bool:
    on = [race for race in races if race.status not in CALLED_OFF]
    offs = [race.post_time for race in on if race.post_time is not None]
    return bool(offs) and max(offs) + DAY_ENDS_AFTER <= now and not any(_is_ahead(race, now) for race in on)


def _is_ahead(race: RaceTime, now: datetime) -> bool:
    return race.status in ON and race.post_time is not None and race.post_time > now


_STATES = text("""
    select race_date, s.at, c.at
    from (
        select race_date, max(ingested_at) as at from odds_snapshots
        where race_date between :first and :last and pool = any(:pools) and source <> 'portal_final' group by race_date
    ) s
    left join (
        select race_date, max(made_from_at) as at from odds_candles
        where race_date between :first and :last group by race_date
    ) c using (race_date)
""")


def odds_states(connection: Connection, first: date, last: date) -> dict[date, OddsState]:
    """What there is of each race date's odds; dates without any are left out."""
    rows = connection.execute(_STATES, {"first": first, "last": last, "pools": list(STORED)}).tuples()
    return {day: OddsState(captured, candles) for day, captured, candles in rows}


@sensor(
    name="odds_collector",
    minimum_interval_seconds=COLLECTOR_EVERY_S,
    description="Every 30 seconds: captures the live odds that fall due until the next tick, each at its instant, "
    "without a run. One event per batch.",
)
def odds_collector(
    context: SensorEvaluationContext, postgres: Postgres, raw: ObjectStorage, odds: OddsMarket
) -> SensorResult | SkipReason:
    """Look ahead over the tick, wait for each instant, poll, tell one event. The database knows what is done; the
    cursor only shows it.
    """
    batch = odds.collect(postgres.engine, raw.raw_zone)
    if batch is None:
        return SkipReason("no live odds are followed: FOTMATE_ODDS_SOURCE is not set")
    try:
        note_batch(postgres.engine, batch)
    except SQLAlchemyError as error:
        # The odds are stored, and the next tick looks back: what is not noted now is then.
        context.log.warning(f"nobody is told of this batch yet: {error}")
    if batch.last_slot is None:
        return SkipReason("no slot fell due that another collector has not taken")
    return SensorResult(
        # Without a run Dagster calls the tick skipped; this is what it shows.
        skip_reason=str(batch),
        asset_events=[
            AssetMaterialization(SNAPSHOTS, partition=day.isoformat(), metadata=batch_metadata(batch))
            for day in sorted({each.race_date for each in batch.outcomes if each.status is SlotStatus.CAPTURED})
        ],
        cursor=batch.last_slot.isoformat(),
    )


racing_odds = define_asset_job(
    "racing_odds", [SNAPSHOTS, CANDLES, LAKE], description="Final odds, candles and the lake of a race date."
)


@schedule(
    name="racing_odds_day",
    job=racing_odds,
    cron_schedule="7/15 * * * *",
    execution_timezone="Asia/Seoul",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every 15 minutes: candles of what was captured; after the last race also final odds and the lake. It "
    "reads what is kept and asks nobody.",
)
def racing_odds_day(context: ScheduleEvaluationContext, postgres: Postgres) -> Iterator[RunRequest | SkipReason]:
    """Put together the odds of the days that have something new."""
    now = context.scheduled_execution_time.astimezone(KST)
    window = (now.date() - LOOKED_BACK, now.date())
    with postgres.engine.connect() as connection:
        times, states = race_times(connection, *window), odds_states(connection, *window)
        asked, read = (last_attempts(connection, f"racing/{name}", window[0]) for name in ("results", "odds_snapshots"))
    runs = context.instance.get_runs(RunsFilter(job_name=racing_odds.name, statuses=IN_PROGRESS_RUN_STATUSES))
    busy = {run.tags.get(PARTITION_NAME_TAG) for run in runs}
    due = [(day, whole) for day, whole in odds_due(now, times, states, asked, read) if day.isoformat() not in busy]
    if not due:
        yield SkipReason(f"nothing new among the odds of {len(states)} race dates")
    for day, whole in due:
        yield RunRequest(
            run_key=f"{day}@{now.isoformat()}",
            partition_key=day.isoformat(),
            asset_selection=None if whole else [CANDLES],
        )


@op(description="Delete from Postgres the odds of race dates that the lake holds and that are older than they need be.")
def retire_odds(context: OpExecutionContext, postgres: Postgres, lake: ObjectStorage, odds: OddsMarket) -> None:
    """Retire old race dates; those that the lake does not hold stay, and are named."""
    before = datetime.now(KST).date() - timedelta(days=odds.hot_days)
    with infrastructure_retried():
        report = retire(postgres.engine, lake.store, before)
    context.log.info(f"{report}")


@job(description="Retire old odds.", tags={"domain": "racing"})
def odds_retention() -> None:
    """What `odds_retention_daily` runs."""
    retire_odds()


odds_retention_daily = ScheduleDefinition(
    name="odds_retention_daily",
    cron_schedule="30 5 * * *",
    execution_timezone="Asia/Seoul",
    job=odds_retention,
    default_status=DefaultScheduleStatus.RUNNING,
    description="05:30 KST: odds that the lake holds leave Postgres after FOTMATE_ODDS_HOT_DAYS.",
)


def _is_race_date(instance: DagsterInstance, key: str) -> bool:
    return race_date.has_partition_key(key)


REPLAYS = [Replay("racing/odds_", racing_odds, _is_race_date)]
"""How odds that are owed are tried again: from the kept bytes."""

JOBS: list[JobDefinition | UnresolvedAssetJobDefinition] = [racing_odds, odds_retention]
SCHEDULES = [racing_odds_day, odds_retention_daily]
SENSORS = [odds_collector]
