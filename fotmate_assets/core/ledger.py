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
from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import in_transaction, lock_for_transaction
from fotmate_assets.core.tables import ingestion_failures, ingestion_jobs, quarantine

log = structlog.get_logger(__name__)

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(minutes=30)
RETRY_LASTS = timedelta(minutes=30)
"""A retry that has not ended by then is taken for dead."""


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
    first_failed_at: datetime
    last_failed_at: datetime
    resolved_at: datetime | None
    field: str | None
    raw_sha256: str | None
    run_id: str | None


UNRESOLVED = text("status <> 'resolved'")
"""As the unique index says it: with a parameter in its place, Postgres would not find the index once psycopg has
prepared the statement, on its sixth execution."""


def retry_wait(attempts: int) -> timedelta:
    """Wait after that many failed attempts (1 or more): 1, 2, 4, 8, 16 minutes, at most 30."""
    return min(LONGEST_RETRY, FIRST_RETRY * (1 << min(attempts - 1, 5)))


class Ledger:
    """Writes and reads the ledger."""

    def __init__(self, engine: Engine, max_retries: int = 5) -> None:
        self._engine = engine
        self._max_attempts = 1 + max_retries

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
            self.record([(job, attempt, time.monotonic() - started)])

    def record(self, attempts: Iterable[tuple[Job, Attempt, float]]) -> None:
        """Record attempts that ended just now, each with its wall-clock seconds, in one transaction."""
        rows = [
            {
                "source": job.source,
                "job": job.job,
                "partition_key": job.partition_key,
                "verdict": attempt.verdict,
                "rows": attempt.rows,
                "duration_s": duration_s,
                "message": storable(attempt.message),
                "run_id": job.run_id,
                "trace_id": job.run_id,
            }
            for job, attempt, duration_s in attempts
        ]
        if rows:
            in_transaction(self._engine, lambda connection: connection.execute(insert(ingestion_jobs), rows))

    def owe(self, job: Job, error: SourceError, raw_sha256: str | None = None) -> None:
        """Record that `error` left something undone; a repeat counts as a further attempt when it was a retry.

        A refused document (`raw_sha256` of its kept bytes) goes to quarantine as well. What asking
        again cannot mend (auth, blocked, malformed) gets no retry time of its own; a source that says
        when to come back is not asked before. When the last retry fails, too, it is exhausted.
        """
        status, attempts = in_transaction(
            self._engine, lambda connection: self._owe(connection, job, error, raw_sha256)
        )
        log.error(
            "owed",
            source=job.source,
            job=job.job,
            partition_key=job.partition_key,
            document=error.document,
            field=error.field,
            verdict=error.verdict,
            reason=error.reason,
            status=status,
            attempts=attempts,
            trace_id=job.run_id,
        )

    def _owe(self, connection: Connection, job: Job, error: SourceError, raw_sha256: str | None) -> tuple[str, int]:
        document, field, reason = storable(error.document), storable(error.field), storable(error.reason)
        key = _key(job, document)
        lock_for_transaction(connection, f"owed {key}")
        values: dict[str, Any] = {
            "verdict": error.verdict,
            "field": field,
            "reason": reason,
            "max_attempts": self._max_attempts,
            "raw_sha256": raw_sha256,
            "run_id": job.run_id,
            **self._standing(connection, job, document, error),
        }
        connection.execute(
            pg_insert(ingestion_failures)
            .values(**key, **values)
            .on_conflict_do_update(index_elements=list(key), index_where=UNRESOLVED, set_=values)
        )
        if raw_sha256 is not None:
            refuse(connection, job, error, raw_sha256)
        return values["status"], values["attempts"]

    def _standing(self, connection: Connection, job: Job, document: str, error: SourceError) -> dict[str, Any]:
        """Status, attempts and next retry after one more failure.

        A retry counts: what was being retried or was due. A schedule that comes by in between finds what is known, uses
        up nothing and is no news: neither is `last_failed_at` moved.
        """
        table = ingestion_failures.c
        is_due = func.coalesce(table.next_retry_at <= func.now(), False)
        before = connection.execute(
            select(table.status, table.attempts, table.next_retry_at, is_due.label("is_due")).where(
                _owed(job), table.document == document
            )
        ).one_or_none()
        counts = before is None or before.status == "retrying" or before.is_due
        attempts = (before.attempts if before else 0) + counts
        exhausted = attempts >= self._max_attempts
        wait = max(retry_wait(attempts), timedelta(seconds=error.retry_after_s or 0.0))
        next_retry_at: Any = func.now() + wait
        if exhausted or error.verdict.is_permanent:
            next_retry_at = None
        elif before is not None and before.next_retry_at is not None and not counts:
            next_retry_at = func.greatest(
                before.next_retry_at, func.now() + timedelta(seconds=error.retry_after_s or 0.0)
            )
        return {
            "status": "exhausted" if exhausted else "pending",
            "attempts": attempts,
            "next_retry_at": next_retry_at,
            **({"last_failed_at": func.now()} if counts else {}),
        }

    def settle(self, job: Job, documents: Iterable[str], verdict: Verdict | None = None) -> int:
        """Mark what was owed on these documents as resolved, with `verdict` only where that is why; how many rows."""
        table, names = ingestion_failures.c, [storable(name) for name in documents]
        these = table.document.in_(names)
        return self._settle(job, these if verdict is None else and_(these, table.verdict == verdict)) if names else 0

    def settle_all_but(self, job: Job, documents: Iterable[str]) -> int:
        """Mark what the job owes on all other documents as resolved; how many.

        For a job that has gone through everything of its partition: what it did not fail on is owed no more.
        """
        return self._settle(job, ingestion_failures.c.document.not_in([storable(name) for name in documents]))

    def _settle(self, job: Job, which: ColumnElement[bool]) -> int:
        statement = (
            update(ingestion_failures)
            .where(_owed(job), which)
            .values(status="resolved", resolved_at=func.now(), next_retry_at=None)
        )
        settled = in_transaction(self._engine, lambda connection: connection.execute(statement).rowcount)
        if settled:
            log.info(
                "settled",
                source=job.source,
                job=job.job,
                partition_key=job.partition_key,
                failures=settled,
                trace_id=job.run_id,
            )
        return settled

    def begin_retry(self, failure_ids: Iterable[int]) -> set[int]:
        """Mark failures as being retried; return the ids of those that are now, which a run must follow.

        `owe` or `settle` ends it. A retry that neither has ended for half an hour has died: it counts as a failed
        attempt, and the failure is due again, or exhausted. One that is under way, resolved or unknown is left out.
        """
        table = ingestion_failures.c
        died = and_(table.status == "retrying", table.next_retry_at <= func.now())
        used_up = and_(died, table.attempts + 1 >= table.max_attempts)
        statement = (
            update(ingestion_failures)
            .where(table.failure_id.in_(list(failure_ids)), or_(table.status.in_(("pending", "exhausted")), died))
            .values(
                status=case((used_up, "exhausted"), else_="retrying"),
                attempts=case((died, table.attempts + 1), else_=table.attempts),
                next_retry_at=case((used_up, None), else_=func.now() + RETRY_LASTS),
                last_failed_at=case((used_up, func.now()), else_=table.last_failed_at),
            )
            .returning(*(table[name] for name in ("failure_id", "status", *_TOLD)))
        )
        rows = in_transaction(self._engine, lambda connection: connection.execute(statement).mappings().all())
        for row in rows:
            if row["status"] == "exhausted":
                log.error(
                    "retry_died", status="exhausted", **{name: row[name] for name in _TOLD}, trace_id=row["run_id"]
                )
        return {row["failure_id"] for row in rows if row["status"] == "retrying"}

    def owed(self, source: str, partition_key: str) -> set[str]:
        """Documents of a source's partition that something is owed on, by whichever job."""
        table = ingestion_failures.c
        of_partition = and_(table.source == source, table.partition_key == partition_key, table.status != "resolved")
        return {failure.document for failure in self._failures(of_partition)}

    def due(self) -> list[Failure]:
        """What is to be tried again by now, the longest due first; retries that died are among it."""
        table = ingestion_failures.c
        due = and_(table.status.in_(("pending", "retrying")), table.next_retry_at <= func.now())
        return self._failures(due, table.next_retry_at, table.failure_id)

    def failures(self, statuses: Sequence[str] | None = None) -> list[Failure]:
        """What is owed, oldest first; with `statuses`, the rows in one of these instead."""
        table = ingestion_failures.c
        wanted = table.status.in_(statuses) if statuses is not None else table.status != "resolved"
        return self._failures(wanted)

    def failure(self, failure_id: int) -> Failure | None:
        """One row by its id."""
        return next(iter(self._failures(ingestion_failures.c.failure_id == failure_id)), None)

    def last_attempts(self, failure: Failure, most: int = 5) -> list[dict[str, Any]]:
        """The last attempts of the failure's job on its partition, newest first, as rows of `ingestion_jobs`."""
        table = ingestion_jobs.c
        of_job = [table[name] == getattr(failure, name) for name in ("source", "job", "partition_key")]
        query = (
            select(ingestion_jobs).where(*of_job).order_by(table.finished_at.desc(), table.job_id.desc()).limit(most)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def quarantined(self, failure: Failure) -> dict[str, Any] | None:
        """The quarantine's row of the failure's kept bytes; None where none were kept."""
        table = quarantine.c
        query = select(quarantine).where(
            table.source == failure.source, table.document == failure.document, table.sha256 == failure.raw_sha256
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return dict(row) if row is not None else None

    def _failures(self, condition: ColumnElement[bool], *order: ColumnElement[Any]) -> list[Failure]:
        with self._engine.connect() as connection:
            return failures_where(connection, condition, *order)


def refuse(connection: Connection, job: Job, error: SourceError, raw_sha256: str) -> None:
    """Put a document that was refused into quarantine, once per content: `raw_sha256` is where the raw zone keeps its
    bytes. An error without bytes has nothing to put there. Part of the transaction.
    """
    if error.content is None:
        return
    row = {
        "source": job.source,
        "document": storable(error.document),
        "partition_key": job.partition_key,
        "sha256": raw_sha256,
        "size_bytes": len(error.content),
        "field": storable(error.field),
        "reason": storable(error.reason),
    }
    connection.execute(pg_insert(quarantine).values(row).on_conflict_do_nothing())


def failures_where(connection: Connection, condition: ColumnElement[bool], *order: ColumnElement[Any]) -> list[Failure]:
    """Rows of `ingestion_failures` for which `condition` holds; the oldest first, where no order is given."""
    columns = [ingestion_failures.c[name] for name in Failure.__dataclass_fields__]
    query = select(*columns).where(condition).order_by(*(order or [ingestion_failures.c.failure_id]))
    rows = connection.execute(query).mappings().all()
    return [Failure(**{**row, "verdict": Verdict(row["verdict"])}) for row in rows]


_TOLD = ("source", "job", "partition_key", "document", "run_id")

AnyText = TypeVar("AnyText", str, str | None)


def storable(value: AnyText) -> AnyText:
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
