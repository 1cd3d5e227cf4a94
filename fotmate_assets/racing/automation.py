"""Jobs and schedules of the racing wing. What is due is decided in pure functions of a clock and rows."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from dagster import (
    AssetSelection,
    DagsterInstance,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    schedule,
)
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from fotmate_assets.core.recovery import Replay
from fotmate_assets.core.resources import Postgres
from fotmate_assets.racing.load import advance_statuses
from fotmate_assets.racing.model import KST, RESULT_AFTER, RaceStatus, entries_due_by, midnight_after, results_due_by
from fotmate_assets.racing.partitions import race_date
from fotmate_assets.racing.queries import RaceTime, last_attempts, race_times

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

LATE_RESULTS = timedelta(days=7)
"""How long a result that missed its limit is looked for."""

LATE_EVERY = timedelta(hours=1)
"""Between two looks for it."""

TICK = timedelta(minutes=15)
"""Between two ticks of the schedules that follow races. A look ends some minutes after its tick, so that one due an
hour after another is due at the tick an hour after its tick.
"""

ON = (RaceStatus.SCHEDULED, RaceStatus.UPCOMING, RaceStatus.LIVE)
CALLED_OFF = (RaceStatus.CANCELLED, RaceStatus.POSTPONED)


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

    `last`: when each date's results were last asked for. After the limit of a result it is the ledger's to be tried
    again; once an hour is enough here.
    """
    return [
        day
        for day, of_day in sorted(_by_date(times).items())
        if any(_result_due(now, race, last.get(day)) for race in of_day)
    ]


def _result_due(now: datetime, race: RaceTime, last: datetime | None) -> bool:
    is_complete = race.status is RaceStatus.FINISHED and race.has_payoffs
    limit = results_due_by(race.sport, race.race_date, race.post_time)
    if is_complete or race.status in CALLED_OFF or not _off(race) + RESULT_AFTER <= now < limit + LATE_RESULTS:
        return False
    return now < limit or last is None or now - last > LATE_EVERY - TICK


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
    """Follow the entries of the coming days."""
    now = context.scheduled_execution_time.astimezone(KST)
    today = now.date()
    yield from _requests(
        now, postgres, "racing/entries", (today, today + PUBLISHED_WITHIN), entries_due, "no entries are due"
    )


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
    today = now.date()
    window = (today - LATE_RESULTS - timedelta(days=2), today)
    yield from _requests(now, postgres, "racing/results", window, results_due, "no race waits for its result")


def _requests(
    now: datetime,
    postgres: Postgres,
    job: str,
    window: tuple[date, date],
    due: Callable[[datetime, Iterable[RaceTime], Mapping[date, datetime]], list[date]],
    nothing_due: str,
) -> Iterator[RunRequest | SkipReason]:
    """A run per race date that is due, or the reason why there is none."""
    with postgres.engine.connect() as connection:
        times = race_times(connection, *window)
        last = last_attempts(connection, job, window[0])
    days = due(now, times, last)
    if not days:
        coming = [race.post_time for race in times if race.post_time is not None and race.post_time > now]
        following = f"; the next race is off at {min(coming).astimezone(KST):%Y-%m-%d %H:%M} KST" if coming else ""
        yield SkipReason(f"{nothing_due} among {len(times)} races from {window[0]} to {window[1]}{following}")
    for day in days:
        yield RunRequest(run_key=f"{day}@{now.isoformat()}", partition_key=day.isoformat())


def _is_race_date(instance: DagsterInstance, key: str) -> bool:
    return race_date.has_partition_key(key)


REPLAYS = [Replay("racing/", racing_day, _is_race_date)]
"""How what racing owes is tried again: a race date as a whole, of which all that changed is written."""

JOBS = [racing_calendar, racing_cards, racing_day]
SCHEDULES = [racing_schedules, racing_entries, racing_results]
