"""Prometheus metrics, computed from the ledger at each scrape: right across processes and restarts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from sqlalchemy import ARRAY, Connection, Engine, Float, Row, cast, func, select
from sqlalchemy.exc import SQLAlchemyError

from fotmate_assets.core.status import SUCCESSES
from fotmate_assets.core.tables import FAILURE_STATUSES, ingestion_failures, ingestion_jobs

log = structlog.get_logger(__name__)

DURATION_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Upper bounds in seconds, each within its bucket: from one request to a whole season."""


class LedgerCollector(Collector):
    """Reads all metrics from the ledger. `ingestion_up` is 0, and nothing else is said, when it cannot be read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        """The metrics of this moment."""
        up = GaugeMetricFamily("ingestion_up", "1 when the ledger could be read.", value=1)
        try:
            with self._engine.connect() as connection:
                return [up, *_of_jobs(connection), *_of_failures(connection)]
        except SQLAlchemyError as error:
            log.error("scrape_failed", reason=f"{type(error).__name__}: {error}".partition("\n")[0])
            return [GaugeMetricFamily(up.name, up.documentation, value=0)]


def _of_jobs(connection: Connection) -> Iterator[Metric]:
    """One pass over the attempts; a group per source, job, verdict and bucket of duration."""
    table = ingestion_jobs.c
    # width_bucket counts the thresholds at or below its operand. With both negated these are the bounds at or above
    # the duration, so that a duration equal to a bound falls into its bucket, as Prometheus has it.
    thresholds = cast([-bound for bound in reversed(DURATION_BUCKETS)], ARRAY(Float))
    bucket = (len(DURATION_BUCKETS) - func.width_bucket(-table.duration_s, thresholds)).label("bucket")
    query = select(
        table.source,
        table.job,
        table.verdict,
        bucket,
        func.count().label("attempts"),
        func.sum(table.rows).label("rows"),
        func.sum(table.duration_s).label("seconds"),
        func.max(table.finished_at).label("finished_at"),
    ).group_by(table.source, table.job, table.verdict, bucket)
    groups: dict[tuple[str, str], list[Row[tuple[object, ...]]]] = {}
    for row in connection.execute(query):
        groups.setdefault((row.source, row.job), []).append(row)

    of_job = ("source", "job")
    jobs = CounterMetricFamily("ingestion_jobs", "Attempts, by how they ended.", labels=(*of_job, "verdict"))
    rows = CounterMetricFamily("ingestion_rows", "Rows written, or documents fetched.", labels=of_job)
    duration = HistogramMetricFamily("ingestion_job_duration_seconds", "Duration of attempts.", labels=of_job)
    success = GaugeMetricFamily(
        "ingestion_last_success_timestamp_seconds",
        "When the job last had all that its source had to give.",
        labels=of_job,
    )
    for labels, found in sorted(groups.items()):
        verdicts: dict[str, int] = {}
        buckets = [0] * (len(DURATION_BUCKETS) + 1)
        for row in found:
            verdicts[row.verdict] = verdicts.get(row.verdict, 0) + row.attempts
            buckets[row.bucket] += row.attempts
        for verdict, attempts in sorted(verdicts.items()):
            jobs.add_metric([*labels, verdict], attempts)
        rows.add_metric(labels, float(sum(row.rows for row in found)))
        bounds = [*map(floatToGoString, DURATION_BUCKETS), "+Inf"]
        counts = [sum(buckets[: number + 1]) for number in range(len(buckets))]
        duration.add_metric(labels, list(zip(bounds, counts, strict=True)), sum(row.seconds for row in found))
        successes = [row.finished_at for row in found if row.verdict in SUCCESSES]
        if successes:
            success.add_metric(labels, max(successes).timestamp())
    yield from (jobs, rows, duration, success)


def _of_failures(connection: Connection) -> Iterator[Metric]:
    """What is and was owed. A job's status that nothing is in is told as 0, so that no series just ends."""
    table = ingestion_failures.c
    by = (table.source, table.job, table.verdict)
    query = select(
        *by,
        *(func.count().filter(table.status == status).label(status) for status in FAILURE_STATUSES),
        func.extract("epoch", func.now() - func.min(table.first_failed_at).filter(table.status != "resolved")).label(
            "age"
        ),
    ).group_by(*by)
    failures = GaugeMetricFamily(
        "ingestion_failures",
        "Things that failed, by what became of them.",
        labels=("source", "job", "status", "verdict"),
    )
    oldest = 0.0
    for row in connection.execute(query.order_by(*by)).mappings():
        for status in FAILURE_STATUSES:
            failures.add_metric([row["source"], row["job"], status, row["verdict"]], row[status])
        oldest = max(oldest, float(row["age"] or 0))
    yield failures
    yield GaugeMetricFamily("ingestion_oldest_owed_seconds", "Age of the oldest thing owed; 0 for none.", value=oldest)


@contextmanager
def served(engine: Engine, host: str, port: int) -> Iterator[int]:
    """Serve the metrics over HTTP while the block runs; yields the port, which for port 0 is a free one.

    Raises OSError where the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(LedgerCollector(engine))
    server, thread = start_http_server(port, host, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
