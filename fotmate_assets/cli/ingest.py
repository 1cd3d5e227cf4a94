"""`fotmate ingest`: one partition as one Dagster run, with progress while it works."""

from __future__ import annotations

import logging
import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fotmate_assets.cli import err, out

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, Definitions, EventLogEntry

STEP_OF = re.compile(r"^\[(\d+)/(\d+)\] (.*)", re.DOTALL)
"""How the assets count their work in log lines: `[3/38] Arsenal v Everton: 3420 events`."""
NOT_RUN = "Dependencies for step"
"""How Dagster begins the line of a step that an earlier failure keeps from running."""
ERROR_CLASS = re.compile(r"^(?:\w+\.)+\w+: ")
"""The class that Dagster puts in front of an error's message."""


def ingest_season(provider: str, season_key: str, match_id: str | None) -> int:
    """Run the provider's raw asset and all that is made from it; the exit status."""
    from dagster import AssetKey

    from fotmate_assets import runtime
    from fotmate_assets.definitions import build_defs
    from fotmate_assets.football.assets import SEASON_TABLES
    from fotmate_assets.football.model import validated_season_key
    from fotmate_assets.football.sources.provider import PROVIDERS
    from fotmate_assets.settings import Settings

    if provider not in PROVIDERS:
        raise runtime.CommandError(f"unknown provider {provider!r}; there are {', '.join(PROVIDERS)}")
    try:
        validated_season_key(season_key)
    except ValueError as error:
        raise runtime.CommandError(str(error)) from None
    definitions, dagster = build_defs(), runtime.instance()
    if provider != "statsbomb" and getattr(Settings(), f"{provider}_source") is None:
        raise runtime.CommandError(f"{provider} is off: set FOTMATE_{provider.upper()}_SOURCE")
    if not _offered(dagster, definitions, provider, season_key):
        return 1
    names = [f"{provider}_raw", *SEASON_TABLES, "events_lake", *(["freeze_frames"] if provider == "statsbomb" else [])]
    config = {"config": {"provider": provider, "match_id": match_id}}
    return _run(
        definitions,
        dagster,
        f"{provider} {season_key}",
        "interrupted: every match that was committed stays, and the next run goes on from there",
        assets=[AssetKey(["football", name]) for name in names],
        partition_key=season_key,
        run_config={"ops": {f"football__{provider}_raw": config, "football_season_tables": config}},
    )


def ingest_race_days(first: date, last: date, *, fetch: bool) -> int:
    """Run everything of these race dates, both included, as one run; the exit status."""
    from dagster import AssetKey

    from fotmate_assets import runtime
    from fotmate_assets.definitions import build_defs
    from fotmate_assets.racing.partitions import race_date
    from fotmate_assets.settings import Settings

    known = race_date.get_partition_keys()
    for day in (first, last):
        if day.isoformat() not in known:
            raise runtime.CommandError(f"{day} is no race date: they go from {known[0]} to {known[-1]}")
    if last < first:
        raise runtime.CommandError(f"{last} is before {first}")
    if fetch and Settings().portal_service_key is None:
        raise runtime.CommandError("racing is off: set FOTMATE_PORTAL_SERVICE_KEY")
    partition: dict[str, Any] = {"partition_key": first.isoformat()}
    if last != first:
        partition = {"partition_range": (first.isoformat(), last.isoformat())}
    return _run(
        build_defs(),
        runtime.instance(),
        f"racing {first}" if first == last else f"racing {first} to {last}",
        "interrupted: every meeting that was committed stays, and the next run goes on from there",
        assets=[AssetKey(["racing", name]) for name in ("races", "entries", "results", "payoffs", "form")],
        run_config={"ops": {"racing_tables": {"config": {"fetch": fetch}}}},
        **partition,
    )


def ingest_race_odds(day: date, recording: str | None, markets: Sequence[str]) -> int:
    """Run the odds assets of a race date as one run; the exit status. `markets`: `1.234=horse-seoul-20261121-01`."""
    from dagster import AssetKey

    from fotmate_assets import runtime
    from fotmate_assets.definitions import build_defs
    from fotmate_assets.racing.partitions import race_date

    if not race_date.has_partition_key(day.isoformat()):
        raise runtime.CommandError(f"{day} is no race date: they go from {race_date.get_first_partition_key()} on")
    bound = dict(market.partition("=")[::2] for market in markets)
    if not all(bound.values()):
        raise runtime.CommandError("--market takes MARKET=RACE, such as 1.197931750=horse-seoul-20261121-01")
    config: dict[str, Any] = {"source": "portal_final"}
    if recording:
        config = {"source": "replay", "recording": recording, "markets": bound}
    return _run(
        build_defs(),
        runtime.instance(),
        f"odds of {day}",
        "interrupted: every race that was committed stays, and the next run does it all again",
        assets=[AssetKey(["racing", f"odds_{name}"]) for name in ("snapshots", "candles", "lake")],
        partition_key=day.isoformat(),
        run_config={"ops": {"racing__odds_snapshots": {"config": config}}},
    )


def ingest_match_video(match_id: str, options: dict[str, Any]) -> int:
    """Run the vision assets of a match as one run; the exit status. Its partition is made where it is missing."""
    from fotmate_assets import runtime
    from fotmate_assets.definitions import build_defs
    from fotmate_assets.vision.assets import METRICS, TRAJECTORIES
    from fotmate_assets.vision.model import checked_match_id
    from fotmate_assets.vision.partitions import video

    try:
        checked_match_id(match_id)
    except ValueError as error:
        raise runtime.CommandError(str(error)) from None
    dagster = runtime.instance()
    dagster.add_dynamic_partitions(str(video.name), [match_id])
    return _run(
        build_defs(),
        dagster,
        f"video {match_id}",
        "interrupted: the segments that were analysed are kept, and the next run goes on from there",
        assets=[TRAJECTORIES, METRICS],
        partition_key=match_id,
        run_config={"ops": {"vision__trajectories": {"config": {k: v for k, v in options.items() if v is not None}}}},
    )


def _run(definitions: Definitions, dagster: DagsterInstance, title: str, interrupted: str, **options: Any) -> int:
    """Run assets with progress, tell what came of it; the exit status."""
    from fotmate_assets import runtime

    run_id = str(uuid.uuid4())
    print(f"run_id: {run_id}", flush=True)
    with progress(title) as on_event:
        result = runtime.execute(definitions, dagster, run_id=run_id, on_event=on_event, **options)
    failed = [each for each in result.get_asset_check_evaluations() if not each.passed]
    for evaluation in failed:
        at = f"{evaluation.partition} " if evaluation.partition else ""
        err.print(f"{at}{evaluation.severity.value} {evaluation.check_name}: {evaluation.description}")
    told: set[tuple[str, object]] = set()
    for event in result.get_asset_materialization_events():
        metadata = event.materialization.metadata
        rows = metadata.get("dagster/partition_row_count") or metadata.get("rows_in_range")
        name = event.asset_key.to_user_string() if event.asset_key else ""
        if rows is not None and (name, rows.value) not in told:
            told.add((name, rows.value))
            out.print(f"{name}: {rows.value} rows")
    errors = [each for each in failed if each.severity.value == "ERROR"]
    if any(_interrupted(event) for event in result.all_events):
        err.print(interrupted)
        return 130
    out.print("failed" if errors or not result.success else "done")
    return 1 if errors or not result.success else 0


def _interrupted(event: DagsterEvent) -> bool:
    error = event.step_failure_data.error if event.is_step_failure else None
    while error is not None:
        if error.cls_name == "DagsterExecutionInterruptedError":
            return True
        error = error.cause
    return False


def _offered(dagster: DagsterInstance, definitions: Definitions, provider: str, season_key: str) -> bool:
    """True when the provider's catalogue has the season; it is asked again when it does not know it yet."""
    from dagster import AssetKey

    from fotmate_assets import runtime
    from fotmate_assets.football import partitions
    from fotmate_assets.football.queries import season_provider_ids

    def known() -> bool:
        if not dagster.has_dynamic_partition(str(partitions.season.name), season_key):
            return False
        with runtime.database() as engine, engine.connect() as connection:
            return provider in season_provider_ids(connection, season_key)

    if known():
        return True
    err.print(f"asking {provider} for its seasons")
    runtime.execute(definitions, dagster, assets=[AssetKey(["football", "season_catalogue"])])
    if known():
        return True
    registered = sorted(dagster.get_dynamic_partitions(str(partitions.season.name)))
    err.print(f"{provider} does not offer {season_key}", style="red")
    if registered:
        err.print("known seasons: " + ", ".join(registered))
    err.print("`fotmate failures list` says what went wrong with a provider that could not be read")
    return False


@contextmanager
def progress(title: str) -> Iterator[Callable[[EventLogEntry], None]]:
    """A listener for a run's events: a bar on a terminal, plain lines otherwise.

    It writes to a copy of stderr: while a step runs, Dagster sends the process's own into its compute log.
    """
    with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as stderr:
        console = Console(file=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)
        if not console.is_terminal:
            yield partial(_plain, console)
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[what]}", markup=False),
        )
        with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
            yield _Bar(bar, title)


class _Bar:
    """Shows a run's events as a bar: one task per step."""

    def __init__(self, bar: Progress, title: str) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=None, what="")

    def __call__(self, event: EventLogEntry) -> None:
        step = event.dagster_event if event.is_dagster_event else None
        if step is not None and step.is_step_start:
            self._bar.remove_task(self._task)
            name = str(step.step_key).removeprefix("football__")
            self._task = self._bar.add_task(name, total=None, what="")
        elif step is not None and step.is_step_failure:
            self._bar.console.print(_failure(step), style="red")
        elif step is None and (counted := STEP_OF.match(event.user_message)):
            done, total, what = counted.groups()
            self._bar.update(self._task, completed=int(done), total=int(total), what=what[:48])
        if step is None and _severity(event) >= logging.ERROR and not event.user_message.startswith(NOT_RUN):
            self._bar.console.print(event.user_message, style="red")


def _plain(console: Console, event: EventLogEntry) -> None:
    step = event.dagster_event if event.is_dagster_event else None
    if step is None and _severity(event) >= logging.INFO and not event.user_message.startswith(NOT_RUN):
        console.print(event.user_message)
    elif step is not None and step.is_step_success:
        console.print(f"{step.step_key}: done")
    elif step is not None and step.is_step_failure:
        console.print(_failure(step))


def _failure(step: DagsterEvent) -> str:
    """Why a step failed: what it said itself, or the innermost error."""
    data = step.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return f"{step.step_key}: {data.user_failure_data.description}"
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    reason = error.message.strip() if error is not None else "failed"
    return f"{step.step_key}: {ERROR_CLASS.sub('', reason)}"


def _severity(event: EventLogEntry) -> int:
    return event.level if isinstance(event.level, int) else logging.getLevelNamesMapping()[event.level]
