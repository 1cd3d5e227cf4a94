"""The odds collector: takes the slots that fall due, polls every race at its instant, writes what came, accounts for
the rest. Plain asyncio: the 30-second sensor calls `collect`, a service `run`, and both may be at work at once.

The event loop only waits and asks. The database's work is done in threads, one for the plan and others for what is
written, the bucket's in others again, so that none of them makes an instant late. While Postgres is away, the races
that are held are polled by the plan as it was last read, and what was captured waits in memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from fotmate_assets.core.ledger import Attempt, Job, Ledger, refuse
from fotmate_assets.core.model import Verdict
from fotmate_assets.core.postgres import in_transaction, is_transient
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.racing.cadence import FIRST_SLOT_BEFORE_OFF, LATEST, SlotVerdict, Tick, deadline
from fotmate_assets.racing.odds import slots
from fotmate_assets.racing.odds.outcomes import Batch, Outcome
from fotmate_assets.racing.odds.polling import Clock, Due, WallClock, answer_by, poll, trace_of
from fotmate_assets.racing.odds.races import races_to_follow
from fotmate_assets.racing.odds.slots import LOOK_AHEAD, RaceLocks
from fotmate_assets.racing.odds.store import insert_live, insert_rows
from fotmate_assets.racing.sources.odds.source import OddsSource

__all__ = ["Batch", "Collector"]

log = structlog.get_logger(__name__)

T = TypeVar("T")

Tell = Callable[[Batch], Coroutine[Any, Any, None]]

JOB = "racing/odds_snapshots"

PUNCTUAL = timedelta(seconds=3)
"""A slot that nobody has asked for so long after its instant is not asked for any more: it would be other odds."""

NEXT_TICK = timedelta(seconds=6)
"""From the end of a tick until the next one is at work, at most: the daemon looks every 5 seconds."""
LONGEST_TICK = timedelta(seconds=45)
"""Of a tick, polling ends by then, and writing little later: Dagster allows a tick 60 seconds."""
LAST_CHANCE = timedelta(seconds=3)
"""Nothing is begun that has less time than this before a tick must end."""
WRITTEN_WITHIN = timedelta(seconds=3)
"""After the end of a tick's polling, writing is given up."""
STOPPED_WITHIN = timedelta(seconds=30)
"""After a service is stopped and the last answer is there, likewise."""

LEFT_WITHIN_S = 5.0
"""Seconds to wait for the database to let go of the races at the end."""

REPLAN_BEFORE = timedelta(seconds=1)
"""The plan is read anew so long before each instant,"""
REPLAN_EVERY = timedelta(seconds=10)
"""and at least so often."""
AGAIN_AFTER = timedelta(seconds=1)
"""From a failed read or write to the next try."""

PROMPT = timedelta(seconds=2)
"""What was answered within it of its instant is written together, and stragglers when they are there."""
KEPT_WITHIN = timedelta(seconds=5)
"""What the bucket has not taken by then goes without."""


class Collector:
    """Captures the odds of every race that is on. Nothing is kept between calls but in the database."""

    def __init__(self, source: OddsSource, engine: Engine, zone: RawZone | None, clock: Clock | None = None) -> None:
        self._source = source
        self._engine = engine
        self._zone = zone
        self._clock = clock or WallClock()

    async def collect(
        self, until: datetime, *, next_tick: timedelta = NEXT_TICK, longest: timedelta = LONGEST_TICK
    ) -> Batch:
        """Capture every slot until `until`, and on while the next one comes before another tick (`next_tick` after the
        last) could; return what was accounted for. Returns at once where nothing falls due.

        Ends within `longest` of now and a few seconds: a slot's deadline is cut to it, and slots that come too late for
        it are the next tick's. Raises the database's error where the plan cannot be read, or what was captured cannot
        be written by then.
        """
        polled_by = self._clock.now() + longest
        batches: list[Batch] = []

        async def note(batch: Batch) -> None:
            batches.append(batch)

        tick = Tick(until, next_tick, polled_by - LAST_CHANCE)
        async with self._shift(note) as shift:
            shift.polled_by = polled_by
            await shift.replan()
            await shift.follow(asyncio.Event(), lambda instant: instant is None or not tick.takes(instant))
            shift.written_by = polled_by + WRITTEN_WITHIN
            await shift.finish()
        return sum(batches, _empty(self._source))

    async def run(self, stop: asyncio.Event, on_batch: Callable[[Batch], None] = lambda _batch: None) -> None:
        """Capture every slot until `stop` is set; then what is being polled is still written. `on_batch` is called in a
        thread after each write; what it raises is logged.

        Survives that Postgres is away. Raises what a restart of it does not mend.
        """

        async def tell(batch: Batch) -> None:
            try:
                await asyncio.to_thread(on_batch, batch)
            except Exception as error:
                log.error("odds_batch_untold", batch=str(batch), trace=trace_of(error))

        async with self._shift(tell) as shift:
            await shift.follow(stop, lambda _instant: False)
            shift.written_by = self._clock.now() + LATEST + STOPPED_WITHIN
            await shift.finish()

    @asynccontextmanager
    async def _shift(self, tell: Tell) -> AsyncIterator[_Shift]:
        shift = _Shift(self._source, self._engine, self._zone, self._clock, tell)
        try:
            yield shift
        finally:
            await shift.leave()


class _Shift:
    """One call's work: the plan as last read, what is being polled, what waits to be written, the races held."""

    def __init__(self, source: OddsSource, engine: Engine, zone: RawZone | None, clock: Clock, tell: Tell) -> None:
        self._source, self._engine, self._zone, self._clock = source, engine, zone, clock
        self._tell, self._empty = tell, _empty(source)
        self.polled_by: datetime | None = None
        """No deadline is later; None: they are the slots' own."""
        self.written_by: datetime | None = None
        """Until then writing is tried again; None: for as long as it takes."""
        self._ledger = Ledger(engine)
        self._locks = RaceLocks(engine)
        self._agenda: list[Due] = []
        self._elsewhere: frozenset[datetime] = frozenset()
        """Instants of races that another collector holds: it may stop, and they are this one's then."""
        self._taken: dict[tuple[str, datetime], bool] = {}
        """Slots that were begun, and whether they are written."""
        self._planned_at: datetime | None = None
        self._planned_until: datetime | None = None
        self._replan_at = clock.now()
        self._planning: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._planner = ThreadPoolExecutor(1, "odds-plan")
        self._writers = ThreadPoolExecutor(2, "odds-write")
        self._keepers = ThreadPoolExecutor(8, "odds-keep")

    # Following ------------------------------------------------------------------------------------------------------

    async def follow(self, stop: asyncio.Event, is_over: Callable[[datetime | None], bool]) -> None:
        """Begin every slot at its instant, until `stop` is set or `is_over` says so of the next instant."""
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                instant = self._next_instant()
                if is_over(instant):
                    break
                replan_at = self._next_replan(instant)
                if instant is not None and instant <= replan_at:
                    if await self._comes(instant, stopped):
                        self._begin()
                elif await self._comes(replan_at, stopped):
                    await self._replan_by(instant, stopped)
                self._raise_broken()
        finally:
            stopped.cancel()

    def _next_instant(self) -> datetime | None:
        now = self._clock.now()
        own = (due.slot.at for due in self._agenda if due.slot.at > now - PUNCTUAL and _key(due) not in self._taken)
        return min((*own, *(at for at in self._elsewhere if at > now)), default=None)

    def _next_replan(self, instant: datetime | None) -> datetime:
        if instant is None or (self._planned_at is not None and self._planned_at >= instant - REPLAN_BEFORE):
            return self._replan_at
        return min(self._replan_at, instant - REPLAN_BEFORE)

    async def _comes(self, instant: datetime, stopped: asyncio.Future[Any]) -> bool:
        """Wait for an instant; False where the collector is stopped before."""
        await self._first(instant, stopped)
        return not stopped.done()

    async def _first(self, instant: datetime, *others: asyncio.Future[Any]) -> None:
        """Wait for an instant or one of the others, whichever comes first."""
        timer = asyncio.ensure_future(self._clock.sleep_until(instant))
        try:
            await asyncio.wait({timer, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()

    # The plan -------------------------------------------------------------------------------------------------------

    async def _replan_by(self, instant: datetime | None, stopped: asyncio.Future[Any]) -> None:
        """Read the plan anew, but not beyond the next instant: where it takes longer, the last one holds meanwhile."""
        if self._planning is None or self._planning.done():
            self._planning = asyncio.create_task(self._try_to_replan())
        await self._first(instant or self._clock.now() + REPLAN_EVERY, self._planning, stopped)

    async def _try_to_replan(self) -> None:
        try:
            await self.replan()
        except SQLAlchemyError as error:
            if not is_transient(error):
                raise
            log.warning("odds_plan_unread", error=str(error))
            self._replan_at = self._clock.now() + AGAIN_AFTER

    async def replan(self) -> None:
        """Bring plan, account and locks up to date. Raises what the database raises."""
        now = self._planned_at = self._clock.now()
        self._replan_at = now + REPLAN_EVERY
        self._taken = {key: done for key, done in self._taken.items() if not done or key[1] > now - 2 * LATEST}
        busy = [key for key, done in self._taken.items() if not done]
        self._agenda, self._elsewhere, closed = await self._in(self._planner, lambda: self._plan(now, busy))
        self._planned_until = now + LOOK_AHEAD
        if closed:
            log.warning("odds_slots_unattended", slots=len(closed))
            self._spawn(self._tell(replace(self._empty, outcomes=tuple(closed))))

    def _plan(
        self, now: datetime, busy: Sequence[tuple[str, datetime]]
    ) -> tuple[list[Due], frozenset[datetime], list[Outcome]]:
        name, is_simulated = self._source.name, self._source.is_simulated

        def work(connection: Connection) -> tuple[dict[str, Any], list[Outcome], set[str]]:
            closed = slots.close_gap(
                connection, now, name, is_simulated=is_simulated, busy=busy, planned_until=self._planned_until
            )
            races = races_to_follow(connection, now - LATEST, now + LOOK_AHEAD + FIRST_SLOT_BEFORE_OFF)
            slots.plan_ahead(connection, races, now, name, is_simulated=is_simulated)
            return races, closed, {race_id for race_id, _ in slots.planned_slots(connection, now - LATEST)}

        races, closed, wanted = in_transaction(self._engine, work, attempts=2)
        held = self._locks.hold((wanted & races.keys()) | {race_id for race_id, _ in busy})
        with self._engine.connect() as connection:
            # After the locks: who held one before may have done its slots meanwhile.
            planned = slots.planned_slots(connection, now - LATEST)
        agenda: list[Due] = []
        following: dict[str, datetime] = {}
        for race_id, slot in reversed(planned):
            if race_id in held and race_id in races:
                agenda.append(Due(races[race_id], slot, deadline(slot.at, following.get(race_id))))
            following[race_id] = slot.at
        elsewhere = frozenset(slot.at for race_id, slot in planned if race_id not in held)
        return agenda, elsewhere, closed

    # Capturing ------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin what is due."""
        now = self._clock.now()
        due = [
            each if self.polled_by is None else replace(each, deadline=min(each.deadline, self.polled_by))
            for each in self._agenda
            if now - PUNCTUAL < each.slot.at <= now and _key(each) not in self._taken
        ]
        self._taken.update(dict.fromkeys(map(_key, due), False))
        if due:
            self._spawn(self._capture(due, now))

    async def _capture(self, due: Sequence[Due], now: datetime) -> None:
        began = time.monotonic()
        polls = [asyncio.create_task(poll(each, self._source, self._clock, self._keep)) for each in due]
        try:
            await self._first(now + PROMPT, asyncio.gather(*polls, return_exceptions=True))
            prompt = [each for each in polls if each.done()]
            stragglers = [each for each in polls if not each.done()]
            for group in (prompt, stragglers):
                if group:
                    await self._write(await asyncio.gather(*group), began)
        finally:
            for each in polls:
                each.cancel()
            await asyncio.wait(polls)

    async def _keep(self, content: bytes) -> str | None:
        zone = self._zone
        if zone is None:
            return None
        kept = self._in(self._keepers, lambda: zone.put(content))
        sha256 = await answer_by(self._clock.now() + KEPT_WITHIN, kept, self._clock)
        if sha256 is None:
            raise TimeoutError(f"not within {KEPT_WITHIN.seconds} s")
        return sha256

    # Writing --------------------------------------------------------------------------------------------------------

    async def _write(self, outcomes: Sequence[Outcome], began: float) -> None:
        """Write until it is written."""
        while True:
            try:
                batch = await self._in(self._writers, lambda: self._store(outcomes, began))
                break
            except SQLAlchemyError as error:
                if not is_transient(error) or (self.written_by and self._clock.now() >= self.written_by):
                    raise
                log.warning("odds_unwritten", slots=len(outcomes), error=str(error))
            await self._clock.sleep_until(self._clock.now() + AGAIN_AFTER)
        self._taken.update((outcome.key, True) for outcome in outcomes)
        await self._tell(batch)

    def _store(self, outcomes: Sequence[Outcome], began: float) -> Batch:
        """Write outcomes in one transaction; what the database will not have is missed, and the others are written."""
        try:
            with self._engine.begin() as connection:
                news, rows = self._put(connection, outcomes)
        except Exception as error:
            if is_transient(error) or not any(outcome.rows for outcome in outcomes):
                raise
            if len(outcomes) > 1:
                return sum((self._store([outcome], began) for outcome in outcomes), self._empty)
            reason = f"{self._source.name} {outcomes[0].race_id}: cannot be stored: {error}"
            log.error("odds_refused_by_database", race_id=outcomes[0].race_id, reason=reason)
            return self._store([replace(outcomes[0], verdict=Verdict.MALFORMED, reason=reason, rows=())], began)
        self._record(news, time.monotonic() - began)
        return replace(self._empty, outcomes=tuple(replace(outcome, rows=()) for outcome in news), rows=rows)

    def _put(self, connection: Connection, outcomes: Sequence[Outcome]) -> tuple[list[Outcome], int]:
        """What is news, and how many rows."""
        name = self._source.name
        news = slots.account(connection, outcomes, name, is_simulated=self._source.is_simulated)
        insert = insert_live if self._source.is_live else insert_rows
        rows = insert(connection, [row for outcome in news for row in outcome.rows])
        for outcome in news:
            if outcome.refused is not None and outcome.refused_sha256 is not None:
                job = Job(name, JOB, outcome.race_date.isoformat())
                refuse(connection, job, outcome.refused, outcome.refused_sha256)
        return news, rows

    def _record(self, news: Sequence[Outcome], duration_s: float) -> None:
        """One attempt per race date: failed, by the most frequent verdict, where anything was missed."""
        attempts = []
        for day in sorted({outcome.race_date for outcome in news}):
            of_day = tuple(outcome for outcome in news if outcome.race_date == day)
            batch = replace(self._empty, outcomes=of_day, rows=sum(len(outcome.rows) for outcome in of_day))
            missed = next(iter(batch.verdicts), Verdict.OK)
            verdict = Verdict.TRANSPORT if missed == SlotVerdict.LATE else Verdict(missed)
            message = "\n".join(filter(None, (str(batch), batch.reasons())))
            attempts.append(
                (Job(batch.source, JOB, day.isoformat()), Attempt(verdict, batch.rows, message), duration_s)
            )
        try:
            self._ledger.record(attempts)
        except SQLAlchemyError as error:
            log.warning("odds_attempt_unrecorded", attempts=len(attempts), error=str(error))

    # Tasks and threads ----------------------------------------------------------------------------------------------

    async def _in(self, executor: Executor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.create_task(work))

    def _raise_broken(self) -> None:
        """Raise what ended a task. The others go on until they are waited for or left."""
        if self._planning is not None and self._planning.done():
            self._planning.result()
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.discard(task)
            task.result()

    async def finish(self) -> None:
        """Wait for what was begun. Raises the first error of it when all has ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._raise_broken()

    async def leave(self) -> None:
        """Let go of everything: when this returns nothing asks the source any more, and the races are free unless the
        database hangs.
        """
        tasks = [*self._tasks, *filter(None, [self._planning])]
        for task in tasks:
            task.cancel()
        releasing = asyncio.ensure_future(self._in(self._planner, self._locks.release))
        await asyncio.wait([*tasks, releasing], timeout=LEFT_WITHIN_S)
        for executor in (self._planner, self._writers, self._keepers):
            executor.shutdown(wait=False)


def _empty(source: OddsSource) -> Batch:
    return Batch(source.name, source.is_live, source.is_simulated)


def _key(due: Due) -> tuple[str, datetime]:
    return due.race.race_id, due.slot.at
