"""Killed at any moment, a match's trajectories are those of before or whole, and the next run goes on from there."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import SimpleNamespace
from typing import Any

import pytest
import tenacity
from dagster import RetryRequested
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from fotmate_assets.core import failures
from fotmate_assets.core.object_store import ObjectMissingError, S3Store
from fotmate_assets.embedded.sample.clip import Clip, write_clip
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.vision import assets, segments
from fotmate_assets.vision.produce import produce, release
from fotmate_assets.vision.trajectories import read_trajectories
from fotmate_assets_tests.databases import Database, fresh_database, superuser_url
from fotmate_assets_tests.vision import crash_worker
from fotmate_assets_tests.vision.crash_worker import Stop, Workplace
from fotmate_assets_tests.vision.house import House, metadata_of, open_house

MATCH = "m"
KEY = f"tracking/{MATCH}/trajectories.parquet"
KILLS = 6
SEGMENTS = 7
SEEN = "seen by an earlier run"
COMPUTED = "an earlier run had computed it"
UNCHANGED = "nothing has changed"

MOMENTS: dict[str, str | int] = {
    f"[2/{SEGMENTS}]": 0,
    "segment": 2,
    "following": 2,
    "parquet": SEGMENTS,
    "storing": SEGMENTS,
    "upload": COMPUTED,
    "uploaded": COMPUTED,
    "completed": COMPUTED,
    "produced": UNCHANGED,
}
"""When a run is killed, see `crash_worker.Stop`, and what it had found of the runs before: that many segments, or what
it says.
"""

Start = Callable[..., ForkServerProcess]


@dataclass(frozen=True)
class Calm:
    """What undisturbed runs give of two calibrations of a clip, which differ in the kits."""

    clip: Clip
    sidecars: tuple[bytes, bytes]
    ends: tuple[dict[str, Any], dict[str, Any]]
    """See `state`."""
    duration_s: float

    @property
    def whole(self) -> set[str]:
        """Hashes of the files."""
        return {end["object"] for end in self.ends}

    def upload(self, house: House, which: int) -> None:
        """The clip with one of its calibrations."""
        if not house.store.exists(f"videos/{MATCH}.mp4"):
            house.store.put_file(f"videos/{MATCH}.mp4", self.clip.video)
        house.store.put(f"videos/{MATCH}.json", self.sidecars[which])


def state(house: House) -> dict[str, Any]:
    """What can be seen of a match: its object, its row, what is owed, what lies where."""
    row = house.row(MATCH)
    return {
        "object": object_of(house.store),
        "row": {name: value for name, value in asdict(row).items() if name != "updated_at"} if row else None,
        "owed": house.owed(),
        "keys": list(house.store.keys()),
        "folder": sorted(str(path) for path in house.folder.glob("matches/**/*")),
    }


def object_of(store: S3Store) -> str | None:
    """Hash of the trajectories in the bucket; None where there are none."""
    try:
        return hashlib.sha256(store.get(KEY)).hexdigest()
    except ObjectMissingError:
        return None


@contextmanager
def watched(house: House, whole: set[str]) -> Iterator[None]:
    """Look all the time whether half an object is seen, or a row `completed` that another object belongs to."""
    wrong: list[object] = []
    looked, stop = 0, threading.Event()

    def watch() -> None:
        nonlocal looked
        while not stop.is_set():
            before, found, after = house.row(MATCH), object_of(house.store), house.row(MATCH)
            if found is not None and found not in whole:
                wrong.append(f"half an object: {found}")
            if before == after and before is not None and before.status == "completed" and before.sha256 != found:
                wrong.append((before, found))
            looked += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
    assert wrong == []
    assert looked > 20


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that start fast: what they import is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([crash_worker.__name__])
    return context


def workplace(house: House) -> Workplace:
    of = house.database
    keys = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    store = S3Store(house.store.url, house.store.endpoint_url)
    return Workplace(
        (of.name, of.writer_url, of.owner_url, of.reader_url),
        store,
        house.folder,
        MATCH,
        keys,
        house.folder.with_name("said.txt"),
    )


def said(house: House) -> list[str]:
    """What the last process told, which is forgotten with it."""
    path = house.folder.with_name("said.txt")
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def start(processes: ForkServerContext, house: House, stop: Stop | None = None) -> ForkServerProcess:
    process = processes.Process(target=crash_worker.work, args=(workplace(house), stop))
    process.start()
    return process


def completed(processes: ForkServerContext, house: House) -> list[str]:
    """Run undisturbed; what was told."""
    process = start(processes, house)
    process.join()
    assert process.exitcode == 0
    return said(house)


@pytest.fixture(scope="module")
def calm(stack: Stack, _template: str, tmp_path_factory: pytest.TempPathFactory, processes: ForkServerContext) -> Calm:
    folder = tmp_path_factory.mktemp("calm")
    clip = write_clip(folder / "clip", seconds=2, size=(640, 360))
    told = clip.sidecar.read_bytes()
    made = Calm(clip, (told, json.dumps(json.loads(told) | {"kits": {}}).encode()), ({}, {}), 0.0)
    store = S3Store("s3://vision-crash-calm", stack.environment()["FOTMATE_S3_ENDPOINT_URL"])
    store.ensure_bucket()
    ends = []
    with fresh_database(stack, _template) as database, open_house(database, store, folder / "work") as house:
        for which in (0, 1):
            made.upload(house, which)
            began = time.monotonic()
            lines = completed(processes, house)
            duration_s = time.monotonic() - began
            assert sum(line.startswith("[") for line in lines) == SEGMENTS
            ends.append(state(house))
        assert read_trajectories(house.store.get(KEY)).height > 100
    assert ends[0]["object"] != ends[1]["object"]
    assert ends[1]["folder"] == []
    return Calm(clip, made.sidecars, (ends[0], ends[1]), duration_s)


def test_killed_at_every_kind_of_moment_each_run_goes_on_where_the_one_before_died(
    calm: Calm, processes: ForkServerContext, house: House
) -> None:
    """Trajectories of another calibration are there already, and stay until those of this one are whole."""
    calm.upload(house, 0)
    completed(processes, house)
    assert state(house) == calm.ends[0]
    calm.upload(house, 1)
    old, new = (end["object"] for end in calm.ends)
    with watched(house, calm.whole):
        for moment, found in MOMENTS.items():
            stop = Stop(moment, processes.Event(), processes.Event())
            process = start(processes, house, stop)
            assert stop.reached.wait(60), moment
            process.kill()
            process.join()
            lines = said(house)
            assert (count(lines, SEEN) == found) if isinstance(found, int) else (count(lines, found) == 1), moment
            is_stored = moment in ("uploaded", "completed", "produced")
            assert object_of(house.store) == (new if is_stored else old), moment
            assert house.status(MATCH) == ("completed" if moment in ("completed", "produced") else "processing"), moment
        lines = completed(processes, house)
    assert count(lines, UNCHANGED) == 1
    assert state(house) == calm.ends[1]


def count(lines: list[str], words: str) -> int:
    return sum(words in line for line in lines)


def test_killed_at_random_moments_no_half_object_is_seen_and_the_next_run_completes_it(
    calm: Calm, processes: ForkServerContext, house: House, rng: random.Random
) -> None:
    """Every start finds another calibration than the one before, and its segments."""
    starts = killed = 0
    with watched(house, calm.whole):
        while killed < KILLS:
            starts += 1
            assert starts < 4 * KILLS, f"only {killed} of {starts} were still at work when they were killed"
            calm.upload(house, starts % 2)
            if starts % 3 == 0:
                shutil.rmtree(house.folder, ignore_errors=True)
            process = start(processes, house)
            time.sleep(rng.uniform(0.1, 0.95) * calm.duration_s)
            process.kill()
            process.join()
            killed += process.exitcode == -signal.SIGKILL
            lines = said(house)
            print(f"start {starts}: exit {process.exitcode}, {house.status(MATCH)}, {lines[-1:]}")
        completed(processes, house)
    assert state(house) == calm.ends[starts % 2]


@pytest.mark.parametrize("moment", [f"[3/{SEGMENTS}]", "storing"])
def test_postgres_that_drops_every_connection_costs_no_run(
    calm: Calm, house: House, stack: Stack, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The lock that the run held is lost, too: then it looks again, and finds that everything is done."""
    monkeypatch.setattr(segments, "SEGMENT_S", crash_worker.SEGMENT_S)
    monkeypatch.setattr(failures, "RetryRequested", lambda **_wait: RetryRequested(max_retries=3, seconds_to_wait=0.1))
    calm.upload(house, 0)
    dropped: list[int] = []

    def tells(desk: Any, key: str, tell: Callable[[str], None]) -> Any:
        def and_drops(line: str) -> None:
            tell(line)
            if line.startswith(moment) and not dropped:
                dropped.append(drop_connections(stack, house.database))

        return produce(desk, key, and_drops)

    monkeypatch.setattr("fotmate_assets.vision.produce.produce", tells)
    result = house.run(MATCH)
    assert dropped[0] >= 1
    assert result.success
    assert state(house) == calm.ends[0]
    assert "heat_map" in metadata_of(result, "trajectories")


def drop_connections(stack: Stack, database: Database) -> int:
    """End everybody's connections to a database, as a restart does; how many."""
    query = f"select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{database.name}'"
    return int(str(as_superuser(stack, query)))


def accept_connections(stack: Stack, database: Database, accepts: str) -> None:
    """Let new connections to a database in, or not."""
    as_superuser(stack, f"alter database {database.name} with allow_connections {accepts}")


def as_superuser(stack: Stack, statement: str) -> object:
    """Run a statement; its first value, if it has any."""
    admin = create_engine(superuser_url(stack), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        result = connection.execute(text(statement))
        value = result.scalar() if result.returns_rows else None
    admin.dispose()
    return value


def test_postgres_away_for_long_fails_the_run_and_the_next_one_only_stores(
    calm: Calm, house: House, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be written down then: not that it failed, nor that it is stored."""
    monkeypatch.setattr(segments, "SEGMENT_S", crash_worker.SEGMENT_S)
    monkeypatch.setattr(tenacity, "wait_exponential", lambda **_times: tenacity.wait_none())
    calm.upload(house, 0)

    def goes_away(line: str) -> None:
        if line.startswith("storing"):
            accept_connections(stack, house.database, "false")
            drop_connections(stack, house.database)

    with pytest.raises(DBAPIError):
        produce(house.desk(), MATCH, goes_away)
    accept_connections(stack, house.database, "true")
    assert (house.status(MATCH), object_of(house.store)) == ("processing", calm.ends[0]["object"])
    lines: list[str] = []
    assert produce(house.desk(), MATCH, lines.append).outcome == "uploaded"
    assert COMPUTED in lines
    release(house.desk(), MATCH)
    assert state(house) == calm.ends[0]


def test_two_processes_at_one_match_work_one_after_the_other(
    calm: Calm, processes: ForkServerContext, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_S", crash_worker.SEGMENT_S)
    calm.upload(house, 0)
    stop = Stop("upload", processes.Event(), processes.Event())
    other = processes.Process(target=crash_worker.run_assets, args=(workplace(house), stop))
    other.start()
    assert stop.reached.wait(60)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        """Lets the other one go on when this one has waited for the second time."""
        waits.append(seconds)
        if len(waits) == 2:
            stop.go.set()
        time.sleep(seconds / 30)

    monkeypatch.setattr(assets, "time", SimpleNamespace(sleep=wait))
    try:
        result = house.run(MATCH)
    finally:
        stop.go.set()
        other.join()
    assert other.exitcode == 0
    assert result.success
    assert len(waits) >= 2
    assert metadata_of(result, "trajectories")["outcome"].value == "unchanged"
    assert state(house) == calm.ends[0]
