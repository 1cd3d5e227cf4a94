"""Killed at any moment, a backfill never leaves half a meeting, and the next run completes it."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from fotmate_assets.core import migrations
from fotmate_assets.core.object_store import LocalStore
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded import stack as stacks
from fotmate_assets.embedded.portal.server import PortalSimulator
from fotmate_assets.embedded.process import command_line, wait_until
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.embedded.upstream import Upstream
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing import crash_worker
from fotmate_assets_tests.racing.crash_worker import backfill
from fotmate_assets_tests.racing.house import Calendar, digest

KILLS = 10
FORTNIGHT = [date(2025, 3, 1) + timedelta(days=number) for number in range(14)]
MEETINGS = 27
"""Of the fortnight."""


@dataclass(frozen=True)
class Backfill:
    """Two weeks of small meetings: a portal, and where they are kept."""

    upstream: Upstream
    folder: Path
    calm: dict[tuple[str, str], str]
    """What an undisturbed load gives, by meeting."""
    duration_s: float

    def arguments(self, database: Database, name: str) -> tuple[str, str, str, list[date]]:
        return database.writer_url, (self.folder / name).as_uri(), self.upstream.url, FORTNIGHT


@pytest.fixture(scope="module")
def made(
    stack: Stack, _template: str, tmp_path_factory: pytest.TempPathFactory, processes: ForkServerContext
) -> Iterator[Backfill]:
    folder = tmp_path_factory.mktemp("crash")
    simulator = PortalSimulator(Calendar(lambda _meeting: False, most_races=2), lambda: datetime.now(UTC))
    (folder / "served").mkdir()
    with (
        fresh_database(stack, _template) as database,
        Upstream(folder / "served", routes=simulator.routes) as upstream,
    ):
        found = Backfill(upstream, folder, {}, 0.0)
        for _ in range(2):  # the first one pays for the fork server and for making the races
            began = time.monotonic()
            process = start(processes, found, database, "calm")
            process.join()
            assert process.exitcode == 0
            duration_s = time.monotonic() - began
            database.execute("update meetings set revision_sha256 = ''")
        yield Backfill(upstream, folder, digest_of(database), duration_s)


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that start within milliseconds: what they import is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([crash_worker.__name__])
    return context


def start(processes: ForkServerContext, made: Backfill, database: Database, name: str) -> ForkServerProcess:
    process = processes.Process(target=backfill, args=made.arguments(database, name))
    process.start()
    return process


def digest_of(database: Database) -> dict[tuple[str, str], str]:
    """What is stored of each meeting; that it was made to be written again makes no difference."""
    database.execute("update meetings set revision_sha256 = ''")
    return digest(database)


def test_a_backfill_killed_at_random_moments_leaves_no_half_meeting_and_the_next_run_completes_it(
    made: Backfill, processes: ForkServerContext, database: Database, rng: random.Random, stack: Stack, _template: str
) -> None:
    """Every other start finds an empty database, the others write every meeting again: kills hit both."""
    starts = killed = 0
    while killed < KILLS:
        starts += 1
        assert starts < 4 * KILLS, f"only {killed} of {starts} were still at work when they were killed"
        if starts % 2:
            database.execute("delete from races")
            database.execute("delete from meetings")
        process = start(processes, made, database, "raw")
        time.sleep(rng.uniform(0.1, 0.95) * made.duration_s)
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        wait_until(lambda: is_alone(database), 10)
        found = digest_of(database)
        wrong = {meeting for meeting in found if found[meeting] != made.calm.get(meeting)}
        assert wrong == set(), f"half written, at start {starts}"
        print(f"start {starts}: exit {process.exitcode}, {len(found)} meetings")
    last = start(processes, made, database, "raw")
    last.join()
    assert last.exitcode == 0
    assert digest_of(database) == made.calm
    assert len(made.calm) == MEETINGS
    assert database.execute("select from ingestion_failures") == []
    is_rebuilt_from_kept_bytes(made, stack, _template)


def is_alone(database: Database) -> bool:
    """True when the killed process's connections are gone, and with them what they had not committed."""
    query = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    return database.execute(query) == [(0,)]


def is_rebuilt_from_kept_bytes(made: Backfill, stack: Stack, template: str) -> None:
    """The manifests are whole, and so is all that they name."""
    asked = len(made.upstream.requests)
    with fresh_database(stack, template) as database:
        backfill(*made.arguments(database, "raw"), fetch=False)
        assert digest_of(database) == made.calm
    assert len(made.upstream.requests) == asked


def test_two_runs_of_the_same_dates_at_once_leave_one_state_and_whole_manifests(
    made: Backfill, processes: ForkServerContext, database: Database, stack: Stack, _template: str, tmp_path: Path
) -> None:
    both = [start(processes, made, database, "both") for _ in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert digest_of(database) == made.calm
    assert database.execute("select from ingestion_failures") == []
    zone = RawZone(LocalStore((made.folder / "both").as_uri()))
    calm = RawZone(LocalStore((made.folder / "calm").as_uri()))
    for shelf in ("2025-03", *(str(day) for day in FORTNIGHT)):
        for source in ("kra", "kspo"):
            there, should = (list(each.manifest(source, shelf).names()) for each in (zone, calm))
            assert there == should
    with fresh_database(stack, _template) as other:
        backfill(*made.arguments(other, "both"), fetch=False)
        assert digest_of(other) == made.calm


@contextmanager
def own_servers(home: Path) -> Iterator[Stack]:
    """Servers that may be killed."""
    stack = stacks.up(home)
    owner = create_engine(stack.environment()["FOTMATE_DATABASE_OWNER_URL"])
    migrations.upgrade(owner)
    owner.dispose()
    yield stack
    stacks.down(home)


def test_postgres_restarted_in_the_middle_of_a_backfill(made: Backfill, tmp_path: Path) -> None:
    """The run waits for it and goes on, or says that the database is away; never half a meeting."""
    with own_servers(tmp_path / ".fotmate") as stack, fresh_database(stack, "fotmate") as database:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(backfill, *made.arguments(database, "restart"))
            assert wait_until(lambda: len(database.execute("select from meetings")) > 2, 60)
            (pid,) = [each.pid for each in stacks.status(stack.home) if each.name == "postgres"]
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: not command_line(pid), 20)
            assert stacks.up(stack.home).started == ["postgres"]
            try:
                running.result()
            except DBAPIError as error:
                assert error.connection_invalidated or "connect" in str(error)
        found = digest_of(database)
        assert {meeting for meeting in found if found[meeting] != made.calm.get(meeting)} == set()
        backfill(*made.arguments(database, "restart"))
        assert digest_of(database) == made.calm
        assert database.execute("select from ingestion_failures") == []
