"""`fotmate status`: the embedded servers, and the ingestion of a day. It starts and changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from fotmate_assets import runtime
from fotmate_assets.cli import err, out
from fotmate_assets.settings import Settings

if TYPE_CHECKING:
    from fotmate_assets.core.status import IngestionStatus
    from fotmate_assets.embedded.process import ServiceStatus


def show(on: date | None, as_json: bool) -> int:
    """Print the status of a day, today by default; 1 when a database of one's own does not answer.

    Embedded servers that are stopped are a state like any other.
    """
    settings = Settings()
    home = settings.home if settings.database_url is None else None
    servers = _servers(home) if home is not None else []
    try:
        if home is not None:
            _attach(home)
        status = _ingestion(on)
    except runtime.CommandError as error:
        if as_json:
            _print_json(servers, None)
        elif home is not None:
            print_servers(servers)
        err.print(f"the database is not reachable: {error}", style="red")
        return 0 if home is not None else 1
    if as_json:
        _print_json(servers, status)
        return 0
    if home is not None:
        print_servers(servers)
    _print_ingestion(status)
    return 0


def _servers(home: Path) -> list[ServiceStatus]:
    from fotmate_assets.embedded import stack

    return stack.status(home)


def _attach(home: Path) -> None:
    """Put the embedded database's address into this process's environment. Raises CommandError where it is down."""
    import msgspec

    from fotmate_assets.embedded.postgres import Postgres
    from fotmate_assets.embedded.process import ServiceState
    from fotmate_assets.embedded.stack import Stack, StackState

    state = next(server.state for server in _servers(home) if server.name == Postgres.name)
    if state is not ServiceState.RUNNING:
        raise runtime.CommandError(f"the embedded {Postgres.name} is {state}; `fotmate up` starts it")
    memory = msgspec.json.decode((home / "stack.json").read_bytes(), type=StackState)
    os.environ.update(Stack(home, memory, started=[], notices=[]).environment())


def _ingestion(on: date | None) -> IngestionStatus:
    from fotmate_assets.core.status import ingestion_status, today
    from fotmate_assets.racing.freshness import racing_freshness

    with runtime.database() as engine, engine.connect() as connection:
        return ingestion_status(connection, on or today(), [racing_freshness])


def _print_json(servers: Sequence[ServiceStatus], status: IngestionStatus | None) -> None:
    def text(value: object) -> str:
        return value.isoformat() if isinstance(value, date) else str(value)

    nothing = dict.fromkeys(("date", "jobs", "owed", "freshness"))
    told = {"servers": [asdict(server) for server in servers]} | (asdict(status) if status is not None else nothing)
    print(json.dumps(told, default=text, indent=2))


def print_servers(servers: Sequence[ServiceStatus]) -> None:
    """The embedded servers as a table: state, pid, address, data folder."""
    table = Table("server", "state", "pid", "address", "data")
    for server in servers:
        pid = "" if server.pid is None else str(server.pid)
        table.add_row(server.name, str(server.state), pid, server.address, str(server.data))
    out.print(table)


def _print_ingestion(status: IngestionStatus) -> None:
    from fotmate_assets.core.status import DAY_ZONE

    def at(moment: datetime | None) -> str:
        return f"{moment.astimezone(DAY_ZONE):%Y-%m-%d %H:%M}" if moment is not None else "never"

    out.print(f"ingestion on {status.date} ({DAY_ZONE})")
    jobs = Table("source", "job", "attempts", "success", "rows", "p95", "last success", "verdicts")
    for job in status.jobs:
        success = "" if job.success_rate is None else f"{job.success_rate:.1%}"
        p95 = "" if job.p95_duration_s is None else f"{job.p95_duration_s:.2f} s"
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in job.verdicts.items())
        jobs.add_row(
            job.source, job.job, str(job.attempts), success, str(job.rows), p95, at(job.last_success), verdicts
        )
    out.print(jobs if status.jobs else "nothing was ever attempted")
    owed = Table("source", "job", "pending", "retrying", "exhausted", "oldest")
    for each in status.owed:
        owed.add_row(each.source, each.job, *map(str, (each.pending, each.retrying, each.exhausted)), at(each.oldest))
    out.print(owed if status.owed else "nothing is owed")
    if status.freshness:
        table = Table("subject", "expected", "by", "found", "")
        for fresh in status.freshness:
            mark = Text("late", "red") if fresh.is_late else Text("ok", "green")
            table.add_row(fresh.subject, fresh.expected, at(fresh.expected_by), fresh.found, mark)
        out.print(table)
