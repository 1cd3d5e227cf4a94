"""The ledger: what was tried, what is owed, what was refused.

Written in transactions of its own, so that it survives the rollback of what it reports on. Status,
metrics and alerts are reads of its tables.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, and_, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import in_transaction, lock_for_transaction
from fotmate_assets.core.tables import ingestion_failures, ingestion_jobs, quarantine

log = structlog.get_logger(__name__)

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(minutes=30)


@dataclass(frozen=True)
class Job:
    """What is being attempted: one asset's work for one provider on one partition."""

    source: str
    job: str
    partition_key: str
    run_id: str | None = None


@dataclass
class Attempt:
    """An attempt in progress; fill in what it came to."""

    verdict: Verdict = Verdict.OK
    rows: int = 0
    message: str = ""


@dataclass(frozen=True)
class Failure:
    """One row of what is owed."""

    failure_id: int
    source: str
    job: str
    partition_key: str
    document: str
    verdict: Verdict
    reason: str
    status: str
    attempts: int
    max_attempts: int
    next_retry_at: datetime | None
    last_failed_at: datetime
    field: str | None
    raw_sha256: str | None


UNRESOLVED = text("status <> 'resolved'")
"""As the unique index says it: with a parameter in its place, Postgres would not find the index once psycopg has
prepared the statement, on its sixth execution."""


def retry_wait(attempts: int) -> timedelta:
    """Wait after that many failed attempts (1 or more): 1, 2, 4, 8, 16 minutes, at most 30."""
    return min(LONGEST_RETRY, FIRST_RETRY * (1 << min(attempts - 1, 5)))


class Ledger:
    """Writes and reads the ledger."""

    def __init__(self, engine: Engine, max_attempts: int = 5) -> None:
        self._engine = engine
        self._max_attempts = max_attempts

    @contextmanager
    def attempt(self, job: Job) -> Iterator[Attempt]:
        """Record one attempt, however it ends. What the block raises is raised on: a SourceError gives the verdict,
        anything else (an interrupt, too) counts as transport.
        """
        attempt = Attempt()
        started = time.monotonic()
        try:
            yield attempt
        except SourceError as error:
            attempt.verdict, attempt.message = error.verdict, str(error)
            raise
        except BaseException as error:
            attempt.verdict, attempt.message = Verdict.TRANSPORT, f"{type(error).__name__}: {error}"
            raise
        finally:
            values = {
                "source": job.source,
                "job": job.job,
                "partition_key": job.partition_key,
                "verdict": attempt.verdict,
                "rows": attempt.rows,
                "duration_s": time.monotonic() - started,
                "message": _storable(attempt.message),
                "run_id": job.run_id,
                "trace_id": job.run_id,
            }
            in_transaction(self._engine, lambda connection: connection.execute(insert(ingestion_jobs).values(values)))

    def owe(self, job: Job, error: SourceError, raw_sha256: str | None = None) -> None:
        """Record that `error` left something undone; a repeat counts as a further attempt.

        A refused document (`raw_sha256` of its kept bytes) goes to quarantine as well. What asking
        again cannot mend (auth, blocked, malformed) gets no retry time of its own; a source that says
        when to come back is not asked before.
        """
        in_transaction(self._engine, lambda connection: self._owe(connection, job, error, raw_sha256))
        log.error(
            "owed",
            source=job.source,
            job=job.job,
            partition_key=job.partition_key,
            document=error.document,
            field=error.field,
            verdict=error.verdict,
            reason=error.reason,
            trace_id=job.run_id,
        )

    def _owe(self, connection: Connection, job: Job, error: SourceError, raw_sha256: str | None) -> None:
        document, field, reason = _storable(error.document), _storable(error.field), _storable(error.reason)
        key = _key(job, document)
        lock_for_transaction(connection, f"owed {key}")
        table = ingestion_failures.c
        before = connection.scalar(select(table.attempts).where(_owed(job), table.document == document))
        attempts = 1 + (before or 0)
        exhausted = attempts >= self._max_attempts
        wait = max(retry_wait(attempts), timedelta(seconds=error.retry_after_s or 0.0))
        values: dict[str, Any] = {
            "verdict": error.verdict,
            "field": field,
            "reason": reason,
            "status": "exhausted" if exhausted else "pending",
            "attempts": attempts,
            "max_attempts": self._max_attempts,
            "next_retry_at": None if exhausted or error.verdict.is_permanent else func.now() + wait,
            "raw_sha256": raw_sha256,
            "run_id": job.run_id,
            "last_failed_at": func.now(),
        }
        connection.execute(
            pg_insert(ingestion_failures)
            .values(**key, **values)
            .on_conflict_do_update(index_elements=list(key), index_where=UNRESOLVED, set_=values)
        )
        if raw_sha256 is not None and error.content is not None:
            connection.execute(
                pg_insert(quarantine)
                .values(
                    source=job.source,
                    document=document,
                    partition_key=job.partition_key,
                    sha256=raw_sha256,
                    size_bytes=len(error.content),
                    field=field,
                    reason=reason,
                )
                .on_conflict_do_nothing()
            )

    def settle(self, job: Job, documents: Iterable[str]) -> int:
        """Mark what was owed on these documents as resolved; return how many rows that were."""
        names = [_storable(name) for name in documents]
        if not names:
            return 0
        statement = (
            update(ingestion_failures)
            .where(_owed(job), ingestion_failures.c.document.in_(names))
            .values(status="resolved", resolved_at=func.now(), next_retry_at=None)
        )
        return in_transaction(self._engine, lambda connection: connection.execute(statement).rowcount)

    def owed(self, source: str, partition_key: str) -> set[str]:
        """Documents of a source's partition that something is owed on, by whichever job."""
        table = ingestion_failures.c
        of_partition = and_(table.source == source, table.partition_key == partition_key, table.status != "resolved")
        return {failure.document for failure in self._failures(of_partition)}

    def due(self) -> list[Failure]:
        """What is to be tried again by now, oldest first."""
        table = ingestion_failures.c
        return self._failures(and_(table.status == "pending", table.next_retry_at <= func.now()))

    def failures(self, statuses: Sequence[str] | None = None) -> list[Failure]:
        """What is owed, oldest first; with `statuses`, the rows in one of these instead."""
        table = ingestion_failures.c
        wanted = table.status.in_(statuses) if statuses is not None else table.status != "resolved"
        return self._failures(wanted)

    def failure(self, failure_id: int) -> Failure | None:
        """One row by its id."""
        return next(iter(self._failures(ingestion_failures.c.failure_id == failure_id)), None)

    def _failures(self, condition: ColumnElement[bool]) -> list[Failure]:
        columns = [ingestion_failures.c[name] for name in Failure.__dataclass_fields__]
        query = select(*columns).where(condition).order_by(ingestion_failures.c.failure_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Failure(**{**row, "verdict": Verdict(row["verdict"])}) for row in rows]


AnyText = TypeVar("AnyText", str, str | None)


def _storable(value: AnyText) -> AnyText:
    """Text as Postgres can hold it: what a hostile document makes us say must not break the ledger."""
    return value and value.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def _key(job: Job, document: str) -> dict[str, str]:
    return {"source": job.source, "job": job.job, "partition_key": job.partition_key, "document": document}


def _owed(job: Job) -> ColumnElement[bool]:
    table = ingestion_failures.c
    return and_(
        table.source == job.source,
        table.job == job.job,
        table.partition_key == job.partition_key,
        table.status != "resolved",
    )
