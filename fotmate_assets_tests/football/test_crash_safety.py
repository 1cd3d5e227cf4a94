"""Killed at any moment, a season never holds part of a match, and the next run completes it.

The servers of this module are its own, since they are killed too.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from fotmate_assets.core import migrations
from fotmate_assets.core.documents import FolderSource
from fotmate_assets.core.model import RawDocument
from fotmate_assets.core.object_store import S3Store
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded import stack as stacks
from fotmate_assets.embedded.process import command_line, wait_until
from fotmate_assets.embedded.sample.statsbomb import SampleMatch, write_season
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.football.ingest import SeasonLoad, fetch_season, load_season
from fotmate_assets.football.sources.statsbomb.provider import StatsBomb
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.football import crash_worker
from fotmate_assets_tests.football.league import (
    COMPETITION,
    KEY,
    League,
    digest,
    local_zone,
    partial_matches,
    simulated_matches,
)

KILLS = 20
DAGSTER_KILLS = 2
MATCHES = 12


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers that only this module uses."""
    home = tmp_path_factory.mktemp("own") / ".fotmate"
    stack = stacks.up(home)
    owner = create_engine(stack.environment()["FOTMATE_DATABASE_OWNER_URL"])
    migrations.upgrade(owner)
    owner.dispose()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        yield stack
    stacks.down(home)


@pytest.fixture
def own_database(own_stack: Stack) -> Iterator[Database]:
    stacks.up(own_stack.home)
    with fresh_database(own_stack, "fotmate") as database:
        yield database


@pytest.fixture(scope="module")
def matches() -> list[SampleMatch]:
    return simulated_matches(MATCHES)


@pytest.fixture
def crashing(own_database: Database, matches: list[SampleMatch], tmp_path: Path) -> League:
    """Twelve matches on disk, registered and not fetched."""
    write_generation(tmp_path / "statsbomb", matches, 0)
    return League(tmp_path / "statsbomb", local_zone(tmp_path / "raw"), own_database)


@pytest.fixture(scope="module")
def processes(own_stack: Stack) -> ForkServerContext:
    """Processes that start within milliseconds: what they import is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([crash_worker.__name__, "fotmate_assets.definitions", "pytest"])
    return context


def write_generation(folder: Path, matches: list[SampleMatch], generation: int) -> None:
    """The season, every match re-collected: its number is in the match's row and in every event."""
    again = []
    for match in matches:
        events = [{**event, "duration": float(generation)} for event in match.events]
        referee = {"id": 1, "name": f"Generation {generation}"}
        again.append(replace(match, match={**match.match, "referee": referee}, events=events))
    write_season(folder, COMPETITION, again)


def check_whole(database: Database) -> dict[str, int]:
    """Every stored match is whole and of one generation; matches by generation."""
    assert partial_matches(database.engine) == []
    mixed = database.execute(
        "select match_id, referee, array_agg(distinct duration_s) from matches join match_events using (match_id) "
        "where referee <> 'Generation ' || duration_s group by match_id, referee"
    )
    assert mixed == []
    assert database.execute("select from matches where status = 'played' and event_count = 0") == []
    return {
        str(row[0]): int(str(row[1])) for row in database.execute("select referee, count(*) from matches group by 1")
    }


def check_complete(league: League, generation: int, own_stack: Stack, tmp_path: Path) -> None:
    """The season is what an undisturbed load of the same documents gives."""
    assert check_whole(league.database) == {f"Generation {generation}": MATCHES}
    with fresh_database(own_stack, "fotmate") as database:
        calm = League(league.folder, local_zone(tmp_path / "calm"), database)
        assert len(calm.refresh().loaded) == MATCHES
        assert digest(league.database.engine) == digest(database.engine)


def kill_at_random_moments(
    start: Callable[[], ForkServerProcess],
    kills: int,
    run_s: float,
    rng: random.Random,
    before: Callable[[int], None],
    after: Callable[[], dict[str, int]],
) -> int:
    """Start and kill until `kills` processes were killed before they were done; the number of starts."""
    starts = killed = 0
    while killed < kills:
        starts += 1
        assert starts < 4 * kills, f"only {killed} of {starts} were still at work when they were killed"
        before(starts)
        process = start()
        time.sleep(rng.uniform(0.05, 0.85) * run_s)
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        print(f"start {starts}: exit {process.exitcode}, stored {after()}")
    return starts


def test_a_season_killed_at_random_moments_is_never_partial_and_the_next_run_completes_it(
    crashing: League,
    matches: list[SampleMatch],
    processes: ForkServerContext,
    own_stack: Stack,
    rng: random.Random,
    tmp_path: Path,
) -> None:
    """Every start finds each match re-collected, every third an empty database: kills hit first writes and rewrites."""
    arguments = (crashing.database.writer_url, crashing.folder, crashing.zone.store.url, KEY, crashing.ids)

    def start() -> ForkServerProcess:
        process = processes.Process(target=crash_worker.refresh, args=arguments)
        process.start()
        return process

    with fresh_database(own_stack, "fotmate") as database:
        calm = League(crashing.folder, local_zone(tmp_path / "measured"), database)
        url = calm.zone.store.url
        for _ in range(2):  # the first one pays for the fork server
            began = time.monotonic()
            measured = processes.Process(
                target=crash_worker.refresh, args=(database.writer_url, calm.folder, url, KEY, calm.ids)
            )
            measured.start()
            measured.join()
            run_s = time.monotonic() - began
            assert measured.exitcode == 0
            write_generation(crashing.folder, matches, 100)

    def before(number: int) -> None:
        write_generation(crashing.folder, matches, number)
        if number % 3 == 1:
            for table in ("matches", "id_mappings", "players", "teams"):
                crashing.database.execute(f"delete from {table}")

    starts = kill_at_random_moments(
        start,
        KILLS,
        run_s,
        rng,
        before=before,
        after=lambda: check_whole(crashing.database),
    )
    last = start()
    last.join()
    assert last.exitcode == 0
    check_complete(crashing, starts, own_stack, tmp_path)


def test_a_dagster_run_killed_at_random_moments_is_never_partial_and_the_next_run_completes_it(
    crashing: League,
    matches: list[SampleMatch],
    processes: ForkServerContext,
    own_stack: Stack,
    rng: random.Random,
    tmp_path: Path,
) -> None:
    environment = {
        **own_stack.environment(),
        "FOTMATE_DATABASE_URL": crashing.database.writer_url,
        "FOTMATE_STATSBOMB_SOURCE": str(crashing.folder),
        "FOTMATE_RAW_URL": crashing.zone.store.url,
        "FOTMATE_LAKE_URL": (tmp_path / "lake").as_uri(),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }

    def start() -> ForkServerProcess:
        process = processes.Process(target=crash_worker.dagster_run, args=(environment, KEY))
        process.start()
        return process

    began = time.monotonic()
    first = start()
    first.join()
    assert first.exitcode == 0
    starts = kill_at_random_moments(
        start,
        DAGSTER_KILLS,
        time.monotonic() - began,
        rng,
        before=lambda number: write_generation(crashing.folder, matches, number),
        after=lambda: check_whole(crashing.database),
    )
    last = start()
    last.join()
    assert last.exitcode == 0
    check_complete(crashing, starts, own_stack, tmp_path)


def server_pid(stack: Stack, name: str) -> int:
    (pid,) = [each.pid for each in stacks.status(stack.home) if each.name == name]
    assert pid is not None
    return pid


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["fast_restart", "kill_9"])
def test_postgres_restarted_in_the_middle_of_a_load(
    crashing: League, own_stack: Stack, tmp_path: Path, how: signal.Signals
) -> None:
    """The load waits for it and goes on, or says that the database is away; never half a match."""
    crashing.fetch()
    third = threading.Event()

    def told(line: str) -> None:
        if line.startswith("[3/"):
            third.set()

    def load() -> SeasonLoad:
        arguments = (crashing.provider, KEY, crashing.ids, crashing.zone, crashing.database.engine, crashing.ledger)
        return load_season(*arguments, on_progress=told)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(load)
        assert third.wait(30)
        pid = server_pid(own_stack, "postgres")
        os.kill(pid, how)
        assert wait_until(lambda: not command_line(pid), 20)
        again = stacks.up(own_stack.home)
        try:
            outcome = running.result()
        except DBAPIError as error:
            assert error.connection_invalidated or "connect" in str(error)
        else:
            assert outcome.failures == [], "a database that is away is no match's fault"
            assert len(outcome.loaded) == MATCHES
    assert again.started == ["postgres"]
    check_whole(crashing.database)
    outcome = crashing.load()
    assert len(outcome.loaded) + outcome.unchanged == MATCHES
    check_complete(crashing, 0, own_stack, tmp_path)
    assert crashing.ledger.failures() == []


class Interrupted(FolderSource):
    """A folder that lets something happen when it is asked for the tenth document."""

    def __init__(self, folder: Path, happen: Callable[[], None]) -> None:
        super().__init__("statsbomb", folder)
        object.__setattr__(self, "_happen", happen)
        object.__setattr__(self, "_asked", iter(range(1, 1000)))

    def fetch(self, name: str, known: str | None = None) -> RawDocument | None:
        if next(self._asked) == 10:  # type: ignore[attr-defined]
            self._happen()  # type: ignore[attr-defined]
        return super().fetch(name, known)


@pytest.mark.parametrize("comes_back", [True, False], ids=["and_back", "for_long"])
def test_the_s3_server_gone_in_the_middle_of_a_sync(
    crashing: League, own_stack: Stack, tmp_path: Path, comes_back: bool
) -> None:
    """Retried, or failed clearly with a row in the ledger; the next run completes the season."""
    store = S3Store(
        f"s3://crash-{'back' if comes_back else 'long'}", own_stack.environment()["FOTMATE_S3_ENDPOINT_URL"]
    )
    store.ensure_bucket()
    crashing.zone = RawZone(store)
    gone = threading.Event()

    def kill() -> None:
        os.kill(server_pid(own_stack, "s3"), signal.SIGKILL)
        gone.set()

    interrupted = StatsBomb(Interrupted(crashing.folder, kill))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fetch_season, interrupted, KEY, crashing.ids, crashing.zone, crashing.ledger)
        assert gone.wait(30)
        if comes_back:
            stacks.up(own_stack.home)
        error = running.exception()
    attempt = "select verdict, message from ingestion_jobs where job = 'football/statsbomb_raw' order by job_id"
    (told,) = crashing.database.execute(attempt)
    if error is None:
        assert comes_back
        assert told[0] == "ok"
        assert running.result().failures == []
    else:
        assert isinstance(error, BotoCoreError | ClientError)
        assert told[0] == "transport"
        assert type(error).__name__ in str(told[1])
    stacks.up(own_stack.home)
    assert crashing.fetch().failures == []
    assert len(crashing.load().loaded) == MATCHES
    check_complete(crashing, 0, own_stack, tmp_path)
