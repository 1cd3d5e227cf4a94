"""A race day followed by a running daemon: servers and processes of its own, and a clock that may run fast."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from fotmate_assets import runtime
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.embedded import stack
from fotmate_assets.embedded.process import LOOPBACK, usable_port
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import KST
from fotmate_assets_tests.racing.cards import Stage, make_card
from fotmate_assets_tests.racing.odds.clock import VARIABLE, FastClock

DEFINITIONS = "fotmate_assets_tests.racing.odds.fast_definitions"
MINUTE = timedelta(minutes=1)


@dataclass
class LiveHouse:
    """What runs. Every process of it is its own, and stopped at the end."""

    home: Path
    environment: dict[str, str]
    clock: FastClock
    running: dict[str, subprocess.Popen[bytes]]
    commands: Mapping[str, list[str]]

    @cached_property
    def engine(self) -> Engine:
        return make_engine(self.environment["FOTMATE_DATABASE_URL"], application_name="test")

    @cached_property
    def event_log(self) -> Engine:
        of = {name.removeprefix("DAGSTER_PG_").lower(): value for name, value in self.environment.items()}
        return make_engine(
            f"postgresql+psycopg://{of['username']}:{of['password']}@{of['host']}:{of['port']}/{of['db']}"
        )

    def start(self, name: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.commands[name], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, name: str) -> None:
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        for name in list(self.running):
            self.stop(name)

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def restart_postgres(self) -> None:
        service = stack._postgres(self.home.resolve(), stack._load(self.home.resolve()))
        service.stop()
        service.start()

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement), parameters))

    def events(self) -> int:
        """Materializations of odds in Dagster's event log."""
        with self.event_log.connect() as connection:
            query = "select count(*) from event_logs where asset_key = :key and dagster_event_type = :type"
            asked = {"key": '["racing", "odds_snapshots"]', "type": "ASSET_MATERIALIZATION"}
            return int(connection.execute(text(query), asked).scalar_one())

    def wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition():
                return
            for name, process in self.running.items():
                assert process.poll() is None, (
                    f"{name} ended: {(self.home / name).with_suffix('.log').read_text()[-2000:]}"
                )
            time.sleep(0.25)
        raise AssertionError(f"{what}: not after {seconds} s")


HORSES, CYCLES = 18, 16


def load_races(house: LiveHouse, first: datetime, last: datetime) -> int:
    """Horses at Seoul and cycles at Gwangmyeong by turns, off at whole minutes from `first` to `last`; how many."""
    day = first.astimezone(KST).date()
    total = HORSES + CYCLES
    minutes = (last - first) / timedelta(minutes=1)
    by_turns: dict[str, list[datetime]] = {"seoul": [], "gwangmyeong": []}
    for number in range(total):
        track = "gwangmyeong" if number % 2 and number // 2 < CYCLES else "seoul"
        by_turns[track].append(first + round(minutes * number / (total - 1)) * timedelta(minutes=1))
    for track, posts in by_turns.items():
        card = make_card(track, day, races=len(posts), stage=Stage.CARD)
        races = tuple(
            replace(each, race=replace(each.race, scheduled_post_time=post, post_time=post))
            for each, post in zip(card.races, posts, strict=True)
        )
        load_meeting(house.engine, replace(card, races=races), house.clock.now())
    return total


@contextmanager
def live_house(home: Path, clock: FastClock, **environment: str) -> Iterator[LiveHouse]:
    """Servers up, schema migrated, code server and daemon running, the sensor switched on."""
    with ExitStack() as cleanup:
        servers = stack.up(home)
        cleanup.callback(stack.down, home)
        port = usable_port(0)
        dagster_home = home / "dagster"
        dagster_home.mkdir()
        (dagster_home / "dagster.yaml").symlink_to(runtime.PROJECT / "dagster.yaml")
        told = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("FOTMATE_", "DAGSTER_"))},
            **servers.environment(),
            "DAGSTER_HOME": str(dagster_home),
            "FOTMATE_HOME": str(home),
            "FOTMATE_CODE_SERVER_HOST": LOOPBACK,
            "FOTMATE_CODE_SERVER_PORT": str(port),
            "FOTMATE_ODDS_SOURCE": "simulated",
            VARIABLE: str(clock),
            **environment,
        }
        python, workspace = [sys.executable, "-m"], ["-w", str(runtime.PROJECT / "workspace.yaml")]
        commands = {
            "code-server": [
                *python,
                "dagster",
                "code-server",
                "start",
                "-h",
                LOOPBACK,
                "-p",
                str(port),
                "-m",
                DEFINITIONS,
            ],
            "daemon": [*python, "dagster._daemon", "run", *workspace],
        }
        house = LiveHouse(home, told, clock, {}, commands)
        cleanup.callback(house.stop_all)
        setup = [sys.executable, "-c", "from fotmate_assets import runtime; runtime.connect(); runtime.instance()"]
        subprocess.run(setup, env=told, check=True, capture_output=True)
        house.start("code-server")
        start = [*python, "dagster", "sensor", "start", "odds_collector", *workspace]
        until = time.monotonic() + 60
        while subprocess.run(start, env=told, check=False, capture_output=True).returncode:
            assert time.monotonic() < until, (home / "code-server.log").read_text()
        house.start("daemon")
        cleanup.callback(house.engine.dispose)
        cleanup.callback(house.event_log.dispose)
        yield house
