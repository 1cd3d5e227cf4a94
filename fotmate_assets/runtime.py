"""Connecting a process to its servers, and running assets and checks as Dagster runs from there.

Without FOTMATE_DATABASE_URL the embedded servers of FOTMATE_HOME are used, and started where they do not
run. With it, nothing is started.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from fotmate_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey, AssetSelection, DagsterInstance, Definitions, EventLogEntry, ExecuteInProcessResult
    from sqlalchemy import Engine

PROJECT = Path(__file__).parent.parent
HOST_TAG, PID_TAG = "fotmate/host", "fotmate/pid"


class CommandError(Exception):
    """What was asked for cannot be done as it was asked, or with this configuration; the message says why."""


@dataclass(frozen=True)
class Connected:
    """What `connect` did."""

    settings: Settings
    notices: list[str]
    """What the user should be told: servers started, a port that changed, migrations applied."""


def connect() -> Connected:
    """Put the addresses of the servers into this process's environment; migrated schema, buckets there."""
    settings = Settings()
    notices = []
    if settings.database_url is None:
        from fotmate_assets.embedded import stack

        running = stack.up(settings.home)
        os.environ.update(running.environment())
        notices += [f"started the embedded {name}" for name in running.started] + running.notices
        settings = Settings()
    if "DAGSTER_HOME" not in os.environ:
        if "DAGSTER_PG_HOST" not in os.environ:
            raise CommandError("FOTMATE_DATABASE_URL is set: set DAGSTER_HOME too, or the DAGSTER_PG_* variables")
        os.environ["DAGSTER_HOME"] = str(_dagster_home(settings.home))
    notices += prepare(settings)
    return Connected(settings, notices)


def _dagster_home(home: Path) -> Path:
    folder = (home / "dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "dagster.yaml"
    if not link.is_symlink() or link.readlink() != PROJECT / "dagster.yaml":
        link.unlink(missing_ok=True)
        link.symlink_to(PROJECT / "dagster.yaml")
    return folder


def prepare(settings: Settings) -> list[str]:
    """Apply migrations where the owner's URL is known and make missing buckets; say what was done.

    Raises CommandError for a server that does not answer or refuses us.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError

    from fotmate_assets.core import migrations, timescale
    from fotmate_assets.core.object_store import S3Store, open_store

    done = []
    if settings.database_owner_url is not None:
        with _answering("FOTMATE_DATABASE_OWNER_URL", OperationalError):
            owner = create_engine(settings.database_owner_url.get_secret_value())
            try:
                before, after = migrations.upgrade(owner)
                odds_in = timescale.settle(owner, settings.timescale)
            finally:
                owner.dispose()
        if before != after:
            done.append(f"database schema: {before or 'empty'} -> {after}")
        if "moved" in odds_in or "refused" in odds_in:
            done.append(odds_in)
    for name in ("raw_url", "lake_url", "tracking_url"):
        with _answering(f"FOTMATE_{name.upper()}", BotoCoreError, ClientError, ValueError):
            store = open_store(getattr(settings, name), settings.s3_endpoint_url)
            if isinstance(store, S3Store) and store.ensure_bucket():
                done.append(f"made bucket {store.bucket}")
    return done


@contextmanager
def _answering(variable: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn what a server that is away, or refuses us, raises into a CommandError with the variable at fault."""
    try:
        yield
    except errors as error:
        raise CommandError(f"{variable}: {error}".partition("\n")[0]) from error


@contextmanager
def database() -> Iterator[Engine]:
    """The database as the role that writes data, closed afterwards.

    Raises CommandError where none is configured, or it does not answer.
    """
    from sqlalchemy.exc import OperationalError

    from fotmate_assets.core.postgres import make_engine

    url = Settings().database_url
    if url is None:
        raise CommandError("set FOTMATE_DATABASE_URL")
    engine = make_engine(url.get_secret_value())
    try:
        with _answering("FOTMATE_DATABASE_URL", OperationalError):
            yield engine
    finally:
        engine.dispose()


def instance() -> DagsterInstance:
    """The Dagster instance of DAGSTER_HOME. Runs whose process died here are reported as failed first."""
    from dagster import DagsterInstance

    found = DagsterInstance.get()
    _bury_dead_runs(found)
    return found


def _bury_dead_runs(dagster: DagsterInstance) -> None:
    """A run that a killed command left behind would stay 'started' for ever: nobody else watches it."""
    from dagster import DagsterRunStatus, RunsFilter

    started = RunsFilter(statuses=[DagsterRunStatus.STARTED], tags={HOST_TAG: socket.gethostname()})
    for run in dagster.get_runs(started):
        pid, _, created = run.tags.get(PID_TAG, "").partition("@")
        if pid.isdigit() and not _alive(int(pid), created):
            dagster.report_run_failed(run, f"its process {pid} is gone")


def _alive(pid: int, created: str) -> bool:
    try:
        return f"{psutil.Process(pid).create_time():.2f}" == created
    except psutil.NoSuchProcess:
        return False


def execute(
    definitions: Definitions,
    dagster: DagsterInstance,
    *,
    assets: Sequence[AssetKey] = (),
    checks: AssetSelection | None = None,
    partition_key: str | None = None,
    partition_range: tuple[str, str] | None = None,
    run_config: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    on_event: Callable[[EventLogEntry], None] = lambda _event: None,
) -> ExecuteInProcessResult:
    """Run assets (with their checks), or checks alone, as one run in this process; never raises for a failure.

    `partition_range`: first and last key, for assets that take a range in one run.
    `on_event` sees every event and log line of the run as it happens.
    """
    from dagster import Definitions, define_asset_job
    from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

    run_id = run_id or str(uuid.uuid4())
    me = psutil.Process()
    tags = {HOST_TAG: socket.gethostname(), PID_TAG: f"{me.pid}@{me.create_time():.2f}"}
    if partition_range is not None:
        tags |= dict(
            zip((ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG), partition_range, strict=True)
        )
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    options: dict[str, Any] = {
        "instance": dagster,
        "run_id": run_id,
        "raise_on_error": False,
        "run_config": {**quiet, **(run_config or {})},
    }
    dagster.add_event_listener(run_id, on_event)
    if checks is None:
        job = definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(**options, asset_selection=list(assets), partition_key=partition_key, tags=tags)
    # Dagster 1.13 takes no partition_key for a job of checks alone; the tag is what it would have set.
    partition = {"dagster/partition": partition_key} if partition_key is not None else {}
    merged = Definitions.merge(definitions, Definitions(jobs=[define_asset_job("fotmate_check", selection=checks)]))
    return merged.resolve_job_def("fotmate_check").execute_in_process(**options, tags=tags | partition)
