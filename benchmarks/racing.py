"""Race days into Postgres: one day and a backfill against bare COPY, and requests against the rate limit.

    python benchmarks/racing.py [--days N] [--rounds N] [--home DIR] [--json]

The simulated portal answers from a process of its own. See README.md.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import structlog
from _common import Database, Databases, databases, interleaved, print_json, print_table, seconds
from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import JSONB

from fotmate_assets.core.http import HttpClient, RateLimit
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.object_store import LocalStore
from fotmate_assets.core.postgres import copy_rows, in_transaction
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.server import KRA_ROOT, KSPO_ROOT, SERVICE_KEY, PortalSimulator
from fotmate_assets.embedded.upstream import Request, Response, Route, Upstream
from fotmate_assets.racing import tables
from fotmate_assets.racing.ingest import RaceDays, run_race_days
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.quota import PostgresQuota
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.kspo.source import KSPO
from fotmate_assets.racing.sources.portal import KRA as KRA_STYLE
from fotmate_assets.racing.sources.portal import KSPO as KSPO_STYLE
from fotmate_assets.racing.sources.portal import Portal, Style
from fotmate_assets.racing.sources.source import Family, RaceSource

NOW = datetime(2026, 11, 20, 12, tzinfo=KST)
LAST_DAY = date(2026, 11, 8)
"""A Sunday: horses at two tracks, cycles at two or three."""
TABLES = (tables.meetings, tables.races, tables.race_changes, tables.entries, tables.results, tables.payoffs)
UNLIMITED = 100_000.0
LATENCY_S, RATE_LIMIT, IN_FLIGHT = 0.3, 40.0, 16
"""Of the measurement of the rate: answers take as long as the portal's, and more are wanted than the limit allows."""


@dataclass
class Asked:
    """A client that notes when each request went out and came back."""

    client: HttpClient
    spans: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        send = self.client._client.send

        def noted(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return send(*arguments, **options)
            finally:
                self.spans.append((started, time.perf_counter()))

        self.client._client.send = noted  # type: ignore[method-assign]


def serve(latency_s: float, port_to: Connection) -> None:
    """The simulated portal at noon of 2026-11-20; ends with its parent."""
    simulator = PortalSimulator(RaceCalendar(7), lambda: NOW)

    def late(route: Route) -> Route:
        def answer(request: Request) -> Response:
            time.sleep(latency_s)
            return route(request)

        return answer

    routes = {prefix: late(route) for prefix, route in simulator.routes.items()}
    with tempfile.TemporaryDirectory() as root, Upstream(Path(root), routes=routes) as upstream:
        port_to.send(upstream.url)
        port_to.poll(None)


@contextmanager
def portal(latency_s: float = 0.0) -> Iterator[str]:
    """The URL of a simulated portal in another process."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(latency_s, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join(10)


@dataclass
class Runner:
    """Runs race dates on a database."""

    zone: RawZone
    url: str | None = None
    """None: from the kept bytes."""
    per_second: float = UNLIMITED
    in_flight: int = IN_FLIGHT
    spans: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self, database: Database, days: Sequence[date]) -> int:
        """Bring `days` up to date, both sources at once as the asset does; the rows written."""
        limits: dict[str, RateLimit] = {}

        def run(source: RaceSource, root: str, style: Style) -> RaceDays:
            asked = Asked(HttpClient(source.name, per_second=self.per_second, limits=limits), self.spans)
            quota = PostgresQuota(database.engine, source.name, 10**6, lambda: NOW)
            asking = Portal(asked.client, f"{self.url}{root}", style, SERVICE_KEY, quota, lambda: NOW)
            try:
                return run_race_days(
                    source,
                    asking if self.url else None,
                    days,
                    tuple(Family),
                    self.zone,
                    database.engine,
                    Ledger(database.engine),
                    lambda: NOW,
                    in_flight=self.in_flight,
                )
            finally:
                asked.client.close()

        sources = ((KRA(), KSPO()), (KRA_ROOT, KSPO_ROOT), (KRA_STYLE, KSPO_STYLE))
        with ThreadPoolExecutor() as threads:
            reports = list(threads.map(run, *sources))
        failures = [failure for report in reports for failure in report.failures]
        if failures:
            raise failures[0]
        return sum(report.rows for report in reports)


Rows = list[tuple[Table, list[str], list[tuple[Any, ...]]]]


def final_rows(database: Database) -> Rows:
    """Every racing table as rows that are ready for COPY, JSON encoded."""
    found: Rows = []
    with database.engine.connect() as connection:
        for table in TABLES:
            columns = [column for column in table.columns if column.identity is None]
            encode = [msgspec.json.encode if isinstance(column.type, JSONB) else _same for column in columns]
            rows = [
                tuple(make(value) for make, value in zip(encode, row, strict=True))
                for row in connection.execute(select(*columns))
            ]
            found.append((table, [column.name for column in columns], rows))
    return found


def _same(value: Any) -> Any:
    return value


def copy(made: Databases, rows: Rows) -> float:
    """Seconds of a bare binary COPY of final rows, one transaction."""

    def work(connection: Any) -> None:
        for table, columns, of_table in rows:
            copy_rows(connection, table, columns, of_table)

    with made.fresh() as database:
        return seconds(lambda: in_transaction(database.engine, work))


def first(made: Databases, run: Runner, days: Sequence[date]) -> float:
    """Seconds of a first load of `days`."""
    with made.fresh() as database:
        return seconds(lambda: run(database, days))


def again(made: Databases, run: Runner, days: Sequence[date]) -> float:
    """Seconds of a second load of `days`, of which nothing has changed."""
    with made.fresh() as database:
        run(database, days)
        return seconds(lambda: run(database, days))


def measured(made: Databases, url: str, days: Sequence[date], rounds: int) -> dict[str, float]:
    """Rows, and the seconds of each way to have them; ours from kept bytes, and with fetching."""
    with tempfile.TemporaryDirectory() as folder:
        zone = RawZone(LocalStore((Path(folder) / "raw").as_uri()))
        with made.fresh() as database:
            fetching = Runner(zone, url)
            fetched_s = seconds(lambda: fetching(database, days))  # the simulator makes its races on the way
            rows = final_rows(database)
        kept = Runner(zone)
        measures: dict[str, Callable[[], float]] = {
            "copy_s": partial(copy, made, rows),
            "kept_s": partial(first, made, kept, days),
            "unchanged_s": partial(again, made, kept, days),
        }
        if len(days) == 1:
            measures["fetch_s"] = partial(first, made, Runner(zone, url), days)
        taken = interleaved(measures, rounds)
    total = sum(len(of_table) for _, _, of_table in rows)
    return {"fetch_s": fetched_s, **taken, "rows": total, "requests": len(fetching.spans)}


def rate(made: Databases, days: Sequence[date], in_flight: int) -> dict[str, float]:
    """Requests per second against a portal that takes LATENCY_S for each, under a limit of RATE_LIMIT; and how many
    were under way at a time. Only while requests are sent: what is loaded between months does not count.
    """
    with portal(LATENCY_S) as url, tempfile.TemporaryDirectory() as folder, made.fresh() as database:
        run = Runner(RawZone(LocalStore((Path(folder) / "raw").as_uri())), url, RATE_LIMIT, in_flight)
        wall_s = seconds(lambda: run(database, days))
        busy_s = _union(run.spans)
        return {
            "requests": len(run.spans),
            "per_s": len(run.spans) / busy_s,
            "in_flight": sum(end - start for start, end in run.spans) / busy_s,
            "latency_s": statistics.median(end - start for start, end in run.spans),
            "busy_share": busy_s / wall_s,
        }


def _union(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds in which at least one request was under way."""
    covered, until = 0.0, 0.0
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    return covered


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365, help="race dates of the backfill")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; medians are printed")
    parser.add_argument("--home", type=Path, help="FOTMATE_HOME of a stack that may stay up")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    span = [LAST_DAY - timedelta(days=back) for back in reversed(range(chosen.days))]
    with databases(chosen.home) as made:
        with portal() as url:
            day = measured(made, url, [LAST_DAY], chosen.rounds)
            many = measured(made, url, span, 1)
        limited, serial = rate(made, span[-31:], IN_FLIGHT), rate(made, span[-1:], 1)
    values: dict[str, Any] = {
        "day_rows": day["rows"],
        "day_requests": day["requests"],
        "day_vs_copy": day["copy_s"] / day["kept_s"],
        "day_with_fetch_vs_copy": day["copy_s"] / day["fetch_s"],
        "day_unchanged_vs_copy": day["copy_s"] / day["unchanged_s"],
        "backfill_days": chosen.days,
        "backfill_rows": many["rows"],
        "backfill_requests": many["requests"],
        "backfill_requests_per_day": many["requests"] / chosen.days,
        "backfill_rows_per_s": many["rows"] / many["kept_s"],
        "backfill_vs_copy": many["copy_s"] / many["kept_s"],
        "backfill_with_fetch_vs_copy": many["copy_s"] / many["fetch_s"],
        "backfill_unchanged_vs_copy": many["copy_s"] / many["unchanged_s"],
        "copy_rows_per_s": many["rows"] / many["copy_s"],
        "rate_limit_per_s": RATE_LIMIT,
        "requests_vs_rate_limit": limited["per_s"] / RATE_LIMIT,
        "requests_in_flight": limited["in_flight"],
        "serial_vs_rate_limit": serial["per_s"] / RATE_LIMIT,
        "rounds": chosen.rounds,
    }

    def line(method: str, of: dict[str, float], name: str) -> tuple[str, ...]:
        return method, f"{of[name]:.3f}", f"{of['rows'] / of[name]:,.0f}", f"{of['copy_s'] / of[name]:.3f}"

    columns = ("method", "seconds", "rows/s", "COPY = 1")
    for title, of in (
        (f"A race day ({day['rows']:,} rows)", day),
        (f"{chosen.days} days ({many['rows']:,} rows)", many),
    ):
        print_table(
            title,
            columns,
            [
                line("bare binary COPY of final rows", of, "copy_s"),
                line("ours, from kept bytes", of, "kept_s"),
                line("ours, asking the simulated portal", of, "fetch_s"),
                line("ours, unchanged, from kept bytes", of, "unchanged_s"),
            ],
            [f"{of['requests']:,.0f} requests."],
        )
    print_table(
        f"Requests under a limit of {RATE_LIMIT:.0f}/s, {LATENCY_S} s each",
        ("in flight at most", "requests/s", "limit = 1", "in flight"),
        [
            (str(at_most), f"{of['per_s']:.1f}", f"{of['per_s'] / RATE_LIMIT:.2f}", f"{of['in_flight']:.1f}")
            for at_most, of in ((IN_FLIGHT, limited), (1, serial))
        ],
        [f"The limit allows {RATE_LIMIT * limited['latency_s']:.1f} in flight on average."],
    )
    if chosen.json:
        print_json(values)


if __name__ == "__main__":
    main()
