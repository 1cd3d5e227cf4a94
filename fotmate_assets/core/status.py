"""The ingestion status of a day, read from the ledger: the same data for the command line and for Dagster's pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, select

from fotmate_assets.core.model import Verdict
from fotmate_assets.core.tables import ingestion_failures, ingestion_jobs

DAY_ZONE = ZoneInfo("Asia/Seoul")
"""Whose midnight ends a day. A race date is a day there, and what is fresh is judged by the race calendar."""

SUCCESSES = (Verdict.OK, Verdict.EMPTY_EXPECTED)
"""Verdicts after which a job has what its source had to give."""


@dataclass(frozen=True)
class Freshness:
    """What a wing expects of one of its subjects, and what is there."""

    subject: str
    """What it is about: `horse results 2025-05-31 Seoul`."""
    expected: str
    """What should be there: `11 races with results`."""
    expected_by: datetime
    """When; aware."""
    found: str
    """What is there: `9 races with results`."""
    is_late: bool


FreshnessCheck = Callable[[Connection, date], Sequence[Freshness]]
"""How a wing says of a day what is fresh and what is late."""


@dataclass(frozen=True)
class JobStatus:
    """The attempts of one job for one source that ended on the day."""

    source: str
    job: str
    attempts: int
    verdicts: dict[str, int]
    """Attempts by how they ended; those that did not occur are left out."""
    success_rate: float | None
    """Share of the attempts that leave nothing owed; None without an attempt."""
    p95_duration_s: float | None
    """95 % of the attempts took at most so long."""
    rows: int
    last_success: datetime | None
    """When it last had all its source had to give, up to the end of the day."""


@dataclass(frozen=True)
class OwedStatus:
    """What one job owes for one source, as of now."""

    source: str
    job: str
    pending: int
    retrying: int
    exhausted: int
    oldest: datetime
    """When the oldest of them failed first."""


@dataclass(frozen=True)
class IngestionStatus:
    """One day of ingestion, and what is owed."""

    date: date
    jobs: list[JobStatus]
    owed: list[OwedStatus]
    freshness: list[Freshness]


def today() -> date:
    """The day it is now in DAY_ZONE."""
    return datetime.now(DAY_ZONE).date()


def day_bounds(on: date) -> tuple[datetime, datetime]:
    """The first instant of a day and that of the next."""
    midnight = datetime.combine(on, time(), DAY_ZONE)
    return midnight, midnight + timedelta(days=1)


def ingestion_status(connection: Connection, on: date, freshness: Sequence[FreshnessCheck] = ()) -> IngestionStatus:
    """The status of a day in DAY_ZONE. A job without an attempt that day is listed with its last success.

    What is owed is what is owed now, whatever the day: the ledger keeps no history of it.
    """
    return IngestionStatus(
        date=on,
        jobs=_jobs(connection, on),
        owed=_owed(connection),
        freshness=[each for look in freshness for each in look(connection, on)],
    )


def _jobs(connection: Connection, on: date) -> list[JobStatus]:
    """One pass over all attempts for the last successes, and one over the day's, which an index finds."""
    start, end = day_bounds(on)
    table = ingestion_jobs.c
    last_success = func.max(table.finished_at).filter(table.verdict.in_(SUCCESSES))
    ever = (
        select(table.source, table.job, last_success.label("last_success"))
        .where(table.finished_at < end)
        .group_by(table.source, table.job)
    )
    of_day = (
        select(
            table.source,
            table.job,
            func.sum(table.rows).label("rows"),
            func.percentile_cont(0.95).within_group(table.duration_s).label("p95"),
            *(func.count().filter(table.verdict == verdict).label(verdict) for verdict in Verdict),
        )
        .where(and_(table.finished_at >= start, table.finished_at < end))
        .group_by(table.source, table.job)
    )
    day = {(row["source"], row["job"]): dict(row) for row in connection.execute(of_day).mappings()}
    found = []
    for source, job, succeeded in sorted(connection.execute(ever).tuples()):
        row = day.get((source, job), {})
        verdicts = {verdict.value: row[verdict] for verdict in Verdict if row.get(verdict)}
        attempts = sum(verdicts.values())
        failed = sum(count for verdict, count in verdicts.items() if Verdict(verdict).is_failure)
        found.append(
            JobStatus(
                source=source,
                job=job,
                attempts=attempts,
                verdicts=verdicts,
                success_rate=1 - failed / attempts if attempts else None,
                p95_duration_s=row.get("p95"),
                rows=int(row.get("rows", 0)),
                last_success=succeeded,
            )
        )
    return found


def _owed(connection: Connection) -> list[OwedStatus]:
    table = ingestion_failures.c
    query = (
        select(
            table.source,
            table.job,
            *(func.count().filter(table.status == status) for status in ("pending", "retrying", "exhausted")),
            func.min(table.first_failed_at),
        )
        .where(table.status != "resolved")
        .group_by(table.source, table.job)
        .order_by(table.source, table.job)
    )
    return [OwedStatus(*row) for row in connection.execute(query).tuples()]
