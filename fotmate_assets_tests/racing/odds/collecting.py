"""What the collector's tests are made of: time that passes only when nobody works, sources, races, the account."""

from __future__ import annotations

import asyncio
import json
import selectors
import sys
from array import array
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Engine

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.racing.collector import Batch, Collector
from fotmate_assets.racing.model import TRACKS, Pool
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot, PoolOdds, combinations, grid
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.odds.clock import FastClock

T = TypeVar("T")

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
OFF = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
"""Of a race where nothing else is said: 13:00 in Korea."""


class _Leaping(selectors.DefaultSelector):
    """Waits for threads, and for nothing else: then time leaps to the next timer."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(None if self.loop.threads and (timeout is None or timeout > 0) else 0)
        if not found and timeout is not None and timeout > 0:
            self.loop.seconds += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything is at work, in the loop or in its threads."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.threads = 0
        selector = _Leaping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        self.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._one_less)
        return future

    def _one_less(self, _future: asyncio.Future[Any]) -> None:
        self.threads -= 1


@dataclass(frozen=True)
class VirtualClock:
    """The time of a `VirtualLoop`, from `origin` on."""

    origin: datetime

    def now(self) -> datetime:
        return self.origin + timedelta(seconds=asyncio.get_running_loop().time())

    async def sleep_until(self, instant: datetime) -> None:
        while (left := (instant - self.now()).total_seconds()) > 0:
            await asyncio.sleep(left)


def virtually(origin: datetime, main: Callable[[VirtualClock], Awaitable[T]]) -> T:
    """Run `main` in time that takes no time."""

    async def run() -> T:
        return await main(VirtualClock(origin))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


Tick = tuple[datetime, datetime, Batch]
"""Begin, end and what came of it."""

LAST_TWO_MINUTES = [OFF - 120 * SECOND, OFF - 90 * SECOND, OFF - 60 * SECOND, OFF - 30 * SECOND, OFF]
START = OFF - 125 * SECOND


# Sources ------------------------------------------------------------------------------------------------------------


@dataclass
class Market:
    """A market that answers at once, every combination at 2.5; and how often it was asked for what, and when."""

    clock: Any
    name: str = "market"
    is_live: bool = True
    is_simulated: bool = True
    pools: tuple[Pool, ...] = (Pool.WIN,)
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    """Race, slot, clock."""
    scratched: list[tuple[datetime, frozenset[int]]] = field(default_factory=list)
    """Slot, and the scratched it was asked with."""

    async def snapshot(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        self.asked.append((race.race_id, at, self.clock.now()))
        self.scratched.append((at, race.scratched))
        return await self.answer(race, at)

    async def answer(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        return snapshot_of(race, at, self.pools)

    async def close(self) -> None:
        pass

    def tries_of(self, race_id: str, at: datetime) -> list[datetime]:
        """When it was asked for a slot."""
        return [when for asked, slot, when in self.asked if (asked, slot) == (race_id, at)]


def snapshot_of(
    race: OddsRace, at: datetime, pools: Iterable[Pool] = (Pool.WIN,), content: bytes | None = b""
) -> OddsSnapshot:
    """Every combination at 2.5; a document of its own, unless `content` is told."""
    made = tuple(
        PoolOdds(pool, grid(pool, race.field, dict.fromkeys(combinations(pool, race.field), 2.5), race.scratched))
        for pool in pools
    )
    document = f"{race.race_id} {at.isoformat()}".encode() if content == b"" else content
    return OddsSnapshot(race.race_id, race.field, made, at, document)


@dataclass
class Troubled(Market):
    """Does something else first: per race, by turns, an error to raise, an answer, or None for the usual one."""

    troubles: Mapping[str, Sequence[Exception | OddsSnapshot | None]] = field(default_factory=dict)

    async def answer(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        turn = len(self.tries_of(race.race_id, at)) - 1
        troubles = self.troubles.get(race.race_id, ())
        trouble = troubles[turn] if turn < len(troubles) else None
        if isinstance(trouble, Exception):
            raise trouble
        return trouble or await super().answer(race, at)


@dataclass
class Slow(Market):
    """Takes its time with some races, for ever where that is None."""

    takes: Mapping[str, timedelta | None] = field(default_factory=dict)
    given_up: list[datetime] = field(default_factory=list)
    """When it was not waited for any more."""

    async def answer(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        if race.race_id in self.takes:
            pause = self.takes[race.race_id]
            try:
                await (asyncio.Event().wait() if pause is None else self.clock.sleep_until(self.clock.now() + pause))
            except asyncio.CancelledError:
                self.given_up.append(self.clock.now())
                raise
        return await super().answer(race, at)


def failure(verdict: Verdict, content: bytes | None = None, **told: Any) -> SourceError:
    """What a source may say instead."""
    return SourceError(verdict, "market", "odds.json", "as the test wants it", field="pools", content=content, **told)


def untold(race: OddsRace) -> OddsSnapshot:
    """An answer without any price."""
    grid_ = array("f", [-4.0]) * len(race.field)
    return OddsSnapshot(race.race_id, race.field, (PoolOdds(Pool.WIN, grid_),), None, b"{}")


# Races --------------------------------------------------------------------------------------------------------------


def put_race(
    database: Database, race_no: int = 1, off: datetime = OFF, *, track: str = "seoul", runners: int = 5
) -> str:
    """A race that is on, with its entries; its id."""
    day = (off + timedelta(hours=9)).date()
    race_id = f"{TRACKS[track].sport}-{track}-{day:%Y%m%d}-{race_no:02d}"
    database.execute(
        "insert into races (race_id, race_date, track_id, sport, race_no, scheduled_post_time, post_time, status) "
        "values (:id, :day, :track, :sport, :no, :off, :off, 'scheduled')",
        **{"id": race_id, "day": day, "track": track, "sport": TRACKS[track].sport.value, "no": race_no, "off": off},
    )
    database.execute(
        "insert into entries (race_id, start_no, race_date, runner_name, is_scratched, details, extra) "
        "select :id, n, :day, 'Runner ' || n, false, '{}', '{}' from generate_series(1, :runners) n",
        **{"id": race_id, "day": day, "runners": runners},
    )
    return race_id


def change(database: Database, race_id: str, **values: object) -> None:
    """Set columns of a race."""
    names = ", ".join(f"{name} = :{name}" for name in values)
    database.execute(f"update races set {names} where race_id = :race", race=race_id, **values)


def scratch(database: Database, race_id: str, start_no: int) -> None:
    """Withdraw a runner."""
    database.execute(
        "update entries set is_scratched = true where race_id = :race and start_no = :no", race=race_id, no=start_no
    )


def empty_odds(database: Database) -> Database:
    """Without an odd or a slot."""
    for table in ("odds_slots", "odds_snapshots", "quarantine"):
        database.execute(f"delete from {table}")
    return database


# The account --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SlotRow:
    """A row of `odds_slots`."""

    race_id: str
    slot_at: datetime
    phase: str
    status: str
    verdict: str | None
    reason: str | None
    tries: int
    asked_at: datetime | None


def account_of(database: Database, race_id: str | None = None) -> list[SlotRow]:
    """Every slot, in order of instant and race."""
    rows = database.execute(
        "select race_id, slot_at, phase, status, verdict, reason, tries, asked_at from odds_slots "
        "where race_id = coalesce(:race, race_id) order by slot_at, race_id",
        race=race_id,
    )
    return [SlotRow(*row) for row in rows]  # type: ignore[arg-type]


def standing(database: Database, race_id: str | None = None) -> list[tuple[datetime, str]]:
    """Instant and verdict, or the status where there is none yet, of every slot."""
    return [(row.slot_at, row.verdict or row.status) for row in account_of(database, race_id)]


def stored(database: Database) -> set[tuple[str, datetime]]:
    """Race and instant of every snapshot."""
    return set(database.execute("select distinct race_id, observed_at from odds_snapshots"))  # type: ignore[arg-type]


def assert_accounted(database: Database, until: datetime) -> None:
    """Planned = captured + missed, and what was captured is there, and nothing else."""
    rows = account_of(database)
    assert [row for row in rows if row.status == "planned" and row.slot_at <= until] == []
    assert stored(database) == {(row.race_id, row.slot_at) for row in rows if row.status == "captured"}


# Running ------------------------------------------------------------------------------------------------------------


async def attend(collector: Collector, clock: Any, until: datetime) -> None:
    """Run the collector as a service until then."""
    stop = asyncio.Event()
    running = asyncio.create_task(collector.run(stop))
    stopping = asyncio.create_task(clock.sleep_until(until))
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await running


def collector_of(engine: Engine, clock: Any, **told: Any) -> tuple[Collector, Market]:
    """A collector of a market that answers."""
    market = Market(clock, **told)
    return Collector(market, engine, None, clock), market


def capture_with(source_of: Any, engine: Engine, zone: RawZone | None = None, until: datetime = OFF + MINUTE) -> Any:
    """Attend from START on with the source that `source_of` makes of the clock; the source."""

    async def main(clock: VirtualClock) -> Any:
        source = source_of(clock)
        await attend(Collector(source, engine, zone, clock), clock, until)
        return source

    return virtually(START, main)


def during(engine: Engine, until: datetime, *happenings: tuple[datetime, Any]) -> Market:
    """Attend from START until then; what happens, each at its instant; what was asked for."""

    async def main(clock: VirtualClock) -> Market:
        collector, market = collector_of(engine, clock)
        running = asyncio.create_task(attend(collector, clock, until))
        for at, happening in happenings:
            await clock.sleep_until(at)
            await asyncio.to_thread(happening)
        await running
        return market

    return virtually(START, main)


def ticks(
    engine: Engine, start: datetime, until: datetime, pause: timedelta, **told: Any
) -> list[tuple[datetime, datetime, Batch]]:
    """Collect as a sensor does: ticks 30 seconds apart at least, `pause` from the end of one to the next."""

    async def main(clock: VirtualClock) -> list[Tick]:
        collector, _ = collector_of(engine, clock)
        made = []
        while (began := clock.now()) < until:
            batch = await collector.collect(began + 30 * SECOND)
            made.append((began, clock.now(), batch))
            await clock.sleep_until(max(began + 30 * SECOND, clock.now()) + pause)
        return made

    return virtually(start, main)


@dataclass
class Telling(Market):
    """Prints what it is asked for before it answers."""

    async def answer(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        print(json.dumps([race.race_id, at.isoformat()]), flush=True)
        return await super().answer(race, at)


def main(database_url: str, name: str, clock: str, until: str) -> None:
    """A collector as a process of its own."""
    origin, began, speed = clock.split()
    fast = FastClock(datetime.fromisoformat(origin), float(began), float(speed))
    engine = make_engine(database_url)
    asyncio.run(attend(Collector(Telling(fast, name), engine, None, fast), fast, datetime.fromisoformat(until)))
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
