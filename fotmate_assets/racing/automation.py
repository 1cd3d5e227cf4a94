"""Jobs and schedules of the racing wing. What is due is decided in pure functions of a clock and rows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from dagster import (
    AssetSelection,
    DagsterInstance,
    RunRequest,
    RunsFilter,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    schedule,
)
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
)

from fotmate_assets.core.recovery import Replay
from fotmate_assets.core.resources import Postgres
from fotmate_assets.racing.load import advance_statuses
from fotmate_assets.racing.model import (
    CALLED_OFF,
    KST,
    ON,
    RESULT_AFTER,
    RaceStatus,
    Sport,
    entries_due_by,
    midnight_after,
    results_due_by,
)
from fotmate_assets.racing.partitions import race_date
from fotmate_assets.racing.queries import RaceTime, last_attempts, race_times

BEFORE_RECOVERY = {PRIORITY_TAG: "1"}
"""The day that is raced does not queue behind retries of other days."""

AHEAD = timedelta(days=7)
"""How far ahead the calendar is asked for."""

BEHIND = timedelta(days=2)
"""How far back: velodromes without a card are known from their ranking, the day after they raced."""

PUBLISHED_WITHIN = timedelta(days=4)
"""Entries appear two or three days before the races."""

UNTIL_PUBLISHED = timedelta(hours=1)
"""Between two looks for entries that are not there."""

ONCE_PUBLISHED = timedelta(hours=6)
"""Between two looks for changes, until two hours before the first race; on the day every tick is one."""

SETTLED_AFTER = tuple(timedelta(days=days, hours=12) for days in (0, 2, 7))
"""From the end of a race date to the looks at what was corrected or confirmed since: noon of the next day, of the third
and of the eighth.
"""

LATE_RESULTS = timedelta(days=7)
"""How long a result that missed its limit is looked for."""

LATE_EVERY = timedelta(hours=1)
"""Between two looks for it."""

TICK = timedelta(minutes=15)
"""Between two ticks of the schedules that follow races. A look ends some minutes after its tick, so that one due an
hour after another is due at the tick an hour after its tick.
"""


def _by_date(times: Iterable[RaceTime]) -> Mapping[date, list[RaceTime]]:
    days: dict[date, list[RaceTime]] = defaultdict(list)
    for race in times:
        days[race.race_date].append(race)
    return days


def entries_due(now: datetime, times: Iterable[RaceTime], last: Mapping[date, datetime]) -> list[date]:
    """Race dates whose entries, or changes to them, are to be asked for now.

    `last`: when each date's entries were last asked for.
    """
    return [day for day, of_day in sorted(_by_date(times).items()) if _entries_due(now, day, of_day, last.get(day))]


def _entries_due(now: datetime, day: date, of_day: Sequence[RaceTime], last: datetime | None) -> bool:
    on = [race for race in of_day if race.status in ON]
    begins = midnight_after(day - timedelta(days=1))
    if not on or now < begins - PUBLISHED_WITHIN or now >= max(_off(race) for race in on):
        return False
    first = min(_off(race) for race in of_day if race.status not in CALLED_OFF)
    if last is None or now >= entries_due_by(first):
        return True
    is_published = all(race.has_entries and race.post_time is not None for race in on)
    return now - last > (ONCE_PUBLISHED if is_published else UNTIL_PUBLISHED) - TICK


def _off(race: RaceTime) -> datetime:
    """When a race is off: at the end of its day at the latest, where nobody says (boats, before their second card)."""
    return race.post_time or midnight_after(race.race_date)


def results_due(now: datetime, times: Iterable[RaceTime], last: Mapping[date, datetime]) -> list[date]:
    """Race dates with a race whose post time has passed by five minutes and that is not complete: finished, and paid.

    `last`: when each date's results were last asked for. Cycles and boats are published the next day, and after the
    limit of a result it is the ledger's to be tried again: once an hour is enough for these. A date that is complete is
    looked at once more when its sources have settled: corrections, and the services that only confirm, come late.
    """
    return [
        day
        for day, of_day in sorted(_by_date(times).items())
        if any(_result_due(now, race, last.get(day)) for race in of_day) or _settles(now, day, of_day, last.get(day))
    ]


def _result_due(now: datetime, race: RaceTime, last: datetime | None) -> bool:
    is_complete = race.status is RaceStatus.FINISHED and not race.is_unpaid
    limit = results_due_by(race.sport, race.race_date, race.post_time)
    if is_complete or race.status in CALLED_OFF or not _off(race) + RESULT_AFTER <= now < limit + LATE_RESULTS:
        return False
    each_tick = race.sport is Sport.HORSE and now < limit
    return each_tick or last is None or now - last > LATE_EVERY - TICK


def _settles(now: datetime, day: date, of_day: Sequence[RaceTime], last: datetime | None) -> bool:
    statuses = {race.status for race in of_day}
    if not statuses.isdisjoint(ON) or RaceStatus.FINISHED not in statuses:
        return False
    looks = (midnight_after(day) + after for after in SETTLED_AFTER)
    return any(look <= now < look + timedelta(days=1) and (last is None or last < look) for look in looks)


def _tables(*names: str) -> AssetSelection:
    return AssetSelection.assets(*(["racing", name] for name in names))


racing_calendar = define_asset_job("racing_calendar", _tables("races"), description="Which races there will be.")
racing_cards = define_asset_job(
    "racing_cards", _tables("races", "entries"), description="Entries of a race date, and changes to them."
)
racing_day = define_asset_job(
    "racing_day",
    _tables("races", "entries", "results", "payoffs", "form"),
    description="Everything of a race date.",
)


@schedule(
    name="racing_schedules",
    job=racing_calendar,
    cron_schedule="0 6 * * *",
    execution_timezone="Asia/Seoul",
    description="06:00 KST: the races of the next seven days, and of the last two, in one run.",
)
def racing_schedules(context: ScheduleEvaluationContext) -> RunRequest:
    """Ask for the calendar."""
    today = context.scheduled_execution_time.astimezone(KST).date()
    return RunRequest(
        run_key=today.isoformat(),
        tags={
            ASSET_PARTITION_RANGE_START_TAG: (today - BEHIND).isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: (today + AHEAD).isoformat(),
        },
    )


@schedule(
    name="racing_entries",
    job=racing_cards,
    cron_schedule="*/15 * * * *",
    execution_timezone="Asia/Seoul",
    description="From publication until two hours before the off, then the changes of the day every 15 minutes.",
)
def racing_entries(context: ScheduleEvaluationContext, postgres: Postgres) -> Iterator[RunRequest | SkipReason]:
    """Follow the entries of the coming days. A date whose results are due has a run that asks for its entries, too."""
    now = context.scheduled_execution_time.astimezone(KST)
    window = (now.date(), now.date() + PUBLISHED_WITHIN)
    with postgres.engine.connect() as connection:
        times = race_times(connection, *window)
        entries, results = (last_attempts(connection, f"racing/{name}", window[0]) for name in ("entries", "results"))
    followed = set(results_due(now, times, results))
    due = [day for day in entries_due(now, times, entries) if day not in followed]
    yield from _requests(context, now, due, times, "no entries are due")


@schedule(
    name="racing_results",
    job=racing_day,
    cron_schedule="*/15 * * * *",
    execution_timezone="Asia/Seoul",
    description="Every 15 minutes: race dates with a race that was off five minutes ago and is not complete.",
)
def racing_results(context: ScheduleEvaluationContext, postgres: Postgres) -> Iterator[RunRequest | SkipReason]:
    """Follow the results; statuses move with the clock."""
    now = context.scheduled_execution_time.astimezone(KST)
    advance_statuses(postgres.engine, now)
    first = now.date() - LATE_RESULTS - timedelta(days=2)
    with postgres.engine.connect() as connection:
        times = race_times(connection, first, now.date())
        last = last_attempts(connection, "racing/results", first)
    yield from _requests(context, now, results_due(now, times, last), times, "no race waits for its result")


def _requests(
    context: ScheduleEvaluationContext,
    now: datetime,
    due: Sequence[date],
    times: Sequence[RaceTime],
    nothing_due: str,
) -> Iterator[RunRequest | SkipReason]:
    """A run per race date that is due and has none in flight, or the reason why there is none."""
    busy = _in_flight(context.instance)
    days = [day for day in due if day.isoformat() not in busy]
    if due and not days:
        yield SkipReason(f"a run is at work on {', '.join(map(str, due))} already")
    elif not due:
        coming = [race.post_time for race in times if race.post_time is not None and race.post_time > now]
        following = f"; the next race is off at {min(coming).astimezone(KST):%Y-%m-%d %H:%M} KST" if coming else ""
        yield SkipReason(f"{nothing_due} among {len(times)} races{following}")
    for day in days:
        yield RunRequest(run_key=f"{day}@{now.isoformat()}", partition_key=day.isoformat(), tags=BEFORE_RECOVERY)


def _in_flight(instance: DagsterInstance) -> set[str | None]:
    """Race dates that a run of one of our jobs is at work on, or waits to be."""
    runs = instance.get_runs(RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))
    return {run.tags.get(PARTITION_NAME_TAG) for run in runs if run.job_name in {job.name for job in JOBS}}


def _is_race_date(instance: DagsterInstance, key: str) -> bool:
    return race_date.has_partition_key(key)


REPLAYS = [Replay("racing/", racing_day, _is_race_date)]
"""How what racing owes is tried again: a race date as a whole, of which all that changed is written."""

JOBS = [racing_calendar, racing_cards, racing_day]
SCHEDULES = [racing_schedules, racing_entries, racing_results]
