"""What the crash tests run in processes that they kill: a match's trajectories, in plain functions or as Dagster runs
them. Videos are cut into segments of a third of a second.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av  # noqa: F401 - what is imported here is imported once for all processes
import cv2  # noqa: F401
import numpy as np
import pyarrow.parquet as pq
import scipy.optimize  # noqa: F401
import trackers  # noqa: F401
from dagster import DagsterInstance

from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.object_store import S3Store
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.vision import segments, status
from fotmate_assets.vision.model import Analysis
from fotmate_assets.vision.produce import Desk, produce, release
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.vision.house import House

SEGMENT_S = 0.32
DAGSTER_RUN_FAILED = 3


@dataclass(frozen=True)
class Workplace:
    """Where a process works."""

    database: tuple[str, str, str, str]
    """Name, and the URLs of writer, owner and reader."""
    store: S3Store
    folder: Path
    match_id: str
    environment: Mapping[str, str]
    """The keys of the bucket."""
    said: Path
    """Where the lines are written that are for a reader."""


@dataclass(frozen=True)
class Stop:
    """A moment to wait at."""

    at: str
    """`segment`, `parquet`, `upload`: in the middle of writing one; `uploaded`, `completed`, `produced`: after it; or
    how the line begins that is told then.
    """
    reached: Event
    go: Event

    def here(self, at: str) -> None:
        """Wait, when it is this moment."""
        if at == self.at:
            self.reached.set()
            self.go.wait()


def work(place: Workplace, stop: Stop | None = None) -> None:
    """Produce and release in this process."""
    os.environ.update(place.environment)
    engine = make_engine(place.database[1])
    desk = Desk(place.store, engine, Ledger(engine), place.folder, Analysis())
    with patch.object(segments, "SEGMENT_S", SEGMENT_S), place.said.open("a", buffering=1) as said:

        def tell(line: str) -> None:
            print(line, file=said)
            if stop is not None and line.startswith(stop.at):
                stop.here(stop.at)

        if stop is not None:
            _wait_inside(stop)
        produce(desk, place.match_id, tell)
        if stop is not None:
            stop.here("produced")
        release(desk, place.match_id)
    engine.dispose()


def run_assets(place: Workplace, stop: Stop) -> None:
    """The assets, on an instance that lives and dies with this process; waits inside of the upload or after it."""
    os.environ.update(place.environment)
    _wait_inside(stop)
    database = Database(*place.database, engine=make_engine(place.database[1]))
    with patch.object(segments, "SEGMENT_S", SEGMENT_S), DagsterInstance.ephemeral() as instance:
        result = House(instance, database, place.store, place.folder).run(place.match_id)
    raise SystemExit(0 if result.success else DAGSTER_RUN_FAILED)


def _wait_inside(stop: Stop) -> None:
    """Let this process, which lives for this only, wait in the middle of what it writes."""
    save, write_table, send = np.savez, pq.ParquetWriter.write_table, socket.socket.sendall

    def half_a_segment(file: Any, **columns: Any) -> None:
        if stop.at == "segment":
            file.write(b"PK\x03\x04 half a segment")
            file.flush()
        stop.here("segment")
        save(file, **columns)

    def half_a_table(writer: pq.ParquetWriter, table: Any, **options: Any) -> None:
        write_table(writer, table, **options)
        stop.here("parquet")

    def half_a_file(to: socket.socket, data: Any, *flags: int) -> None:
        content = bytes(data)
        if stop.at == "upload" and b"PAR1" in content[:64]:
            send(to, content[: len(content) // 2])
            stop.here("upload")
            content = content[len(content) // 2 :]
        send(to, content, *flags)

    np.savez = half_a_segment  # type: ignore[assignment]
    pq.ParquetWriter.write_table = half_a_table
    socket.socket.sendall = half_a_file  # type: ignore[assignment, method-assign]
    _wait_after(S3Store, "put_file", stop, "uploaded")
    _wait_after(status, "completed", stop, "completed")


def _wait_after(owner: Any, name: str, stop: Stop, at: str) -> None:
    original: Callable[..., None] = getattr(owner, name)

    def and_wait(*arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        stop.here(at)

    setattr(owner, name, and_wait)
