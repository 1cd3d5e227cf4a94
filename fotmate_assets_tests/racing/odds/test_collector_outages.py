"""Collectors that share the races, die, come late, are stopped, or lose Postgres: every slot is accounted for."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, create_engine, text

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.embedded.process import wait_until
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing.cadence import plan
from fotmate_assets.racing.collector import Batch, Collector
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot
from fotmate_assets_tests.databases import Database, superuser_url
from fotmate_assets_tests.racing.odds import collecting
from fotmate_assets_tests.racing.odds.clock import FastClock
from fotmate_assets_tests.racing.odds.collecting import (
    LAST_TWO_MINUTES,
    MINUTE,
    OFF,
    SECOND,
    START,
    Market,
    Slow,
    Troubled,
    VirtualClock,
    account_of,
    assert_accounted,
    attend,
    capture_with,
    collector_of,
    during,
    failure,
    put_race,
    standing,
    stored,
    ticks,
    virtually,
)

# Two collectors


def test_of_two_collectors_at_once_each_slot_is_asked_for_by_one(slate: Database, engine: Engine) -> None:
    races = [put_race(slate, number) for number in range(1, 7)]

    async def main(clock: VirtualClock) -> list[Market]:
        markets, running = [], []
        for name in ("one", "two"):
            collector, market = collector_of(engine, clock, name=name)
            markets.append(market)
            running.append(asyncio.create_task(attend(collector, clock, OFF + MINUTE)))
        await asyncio.gather(*running)
        return markets

    one, two = virtually(START, main)
    asked = Counter((race_id, at) for race_id, at, _ in [*one.asked, *two.asked])
    assert asked == {(race_id, at): 1 for race_id in races for at in LAST_TWO_MINUTES}
    assert stored(slate) == set(asked)
    assert_accounted(slate, OFF)


def test_collectors_in_threads_share_the_races_and_capture_every_slot_once(slate: Database) -> None:
    expected = {(put_race(slate, number, OFF + number * SECOND), OFF + number * SECOND) for number in range(1, 13)}
    clock = FastClock.starting(OFF - SECOND, 5.0)
    asked: list[tuple[str, datetime, datetime]] = []

    def work(name: str) -> None:
        mine = make_engine(slate.writer_url)
        asyncio.run(attend(Collector(Market(clock, name, asked=asked), mine, None, clock), clock, OFF + 13 * SECOND))
        mine.dispose()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter((race_id, at) for race_id, at, _ in asked) == dict.fromkeys(expected, 1)
    assert stored(slate) == expected
    assert_accounted(slate, OFF + MINUTE)


def test_when_a_collector_stops_another_takes_its_races_over(slate: Database, engine: Engine) -> None:
    put_race(slate)

    async def main(clock: VirtualClock) -> tuple[Market, Market]:
        (one, first), (two, second) = (collector_of(engine, clock, name=name) for name in ("one", "two"))
        running = asyncio.create_task(attend(one, clock, OFF - 75 * SECOND))
        await clock.sleep_until(START + SECOND / 2)
        await asyncio.gather(running, attend(two, clock, OFF + MINUTE))
        return first, second

    first, second = virtually(START, main)
    assert [at for _, at, _ in first.asked] == LAST_TWO_MINUTES[:2]
    assert [at for _, at, _ in second.asked] == LAST_TWO_MINUTES[2:]
    assert standing(slate) == [(at, "ok") for at in LAST_TWO_MINUTES]


def test_a_collector_that_is_killed_loses_what_it_had_in_hand_and_the_next_accounts_for_it(
    slate: Database, engine: Engine
) -> None:
    for number in range(1, 21):
        put_race(slate, number, OFF + number * 2 * SECOND)
    clock = FastClock.starting(OFF - 110 * SECOND, 3.0)
    process = subprocess.Popen(
        [sys.executable, "-m", collecting.__name__, slate.writer_url, "killed", str(clock), OFF.isoformat()],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout as told:
        first = told.readline()
        process.kill()
        asked_before = {tuple(json.loads(line)) for line in (first, *told)}
    process.wait()
    locks = "select count(*) from pg_locks where locktype = 'advisory'"
    assert wait_until(lambda: slate.execute(locks) == [(0,)], 10)
    now = clock.now()

    async def go_on(clock: VirtualClock) -> Market:
        collector, market = collector_of(engine, clock, name="next")
        await attend(collector, clock, OFF + 2 * MINUTE)
        return market

    market = virtually(now, go_on)
    rows = account_of(slate)
    lost = {(row.race_id, row.slot_at) for row in rows if row.verdict == "unattended"}
    asked_after = {(race_id, at) for race_id, at, _ in market.asked}
    assert {row.verdict for row in rows} <= {"ok", "unattended"}
    assert all(at <= now for _, at in lost)
    assert {(row.race_id, row.slot_at) for row in rows if row.slot_at > now} <= asked_after
    assert {(row.race_id, row.slot_at.isoformat()) for row in rows} >= asked_before
    assert_accounted(slate, OFF + MINUTE)


def test_a_collector_that_dies_between_plan_and_capture_leaves_its_slots_to_the_account_of_the_next(
    slate: Database, engine: Engine
) -> None:
    race_id = put_race(slate)

    async def dies(clock: VirtualClock) -> None:
        source = Slow(clock, takes={race_id: None})
        running = asyncio.create_task(Collector(source, engine, None, clock).run(asyncio.Event()))
        await clock.sleep_until(OFF - 85 * SECOND)
        running.cancel()
        await asyncio.wait([running])

    virtually(OFF - 95 * SECOND, dies)
    assert standing(slate) == [(at, "planned") for at in LAST_TWO_MINUTES[1:]]

    async def comes_back(clock: VirtualClock) -> None:
        await attend(collector_of(engine, clock)[0], clock, OFF + MINUTE)

    virtually(OFF - 20 * SECOND, comes_back)
    assert standing(slate) == [*((at, "unattended") for at in LAST_TWO_MINUTES[1:-1]), (OFF, "ok")]
    assert_accounted(slate, OFF)


def test_a_collector_that_was_away_for_a_day_accounts_for_it_and_goes_on(slate: Database, engine: Engine) -> None:
    today, tomorrow = put_race(slate), put_race(slate, 2, OFF + timedelta(days=1))
    capture_with(Market, engine)
    told: list[Batch] = []

    async def next_day(clock: VirtualClock) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(collector_of(engine, clock)[0].run(stop, told.append))
        await clock.sleep_until(OFF + timedelta(days=1, seconds=1))
        stop.set()
        await running

    virtually(OFF + timedelta(days=1) - 40 * SECOND, next_day)
    assert standing(slate, today) == [(at, "ok") for at in LAST_TWO_MINUTES]
    slots = plan(OFF + timedelta(days=1))
    assert standing(slate, tomorrow) == [
        *((each.at, "unattended") for each in slots[:-2]),
        *((each.at, "ok") for each in slots[-2:]),
    ]
    assert [(batch.captured, batch.verdicts) for batch in told] == [(0, {"unattended": 28}), (1, {}), (1, {})]
    assert_accounted(slate, OFF + timedelta(days=1))


# What may happen to Postgres


def end_sessions(slate: Database) -> None:
    """As a restart does: every connection of the collector is cut."""
    slate.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'collector'")


def test_when_its_sessions_are_cut_a_collector_locks_anew_and_loses_nothing(slate: Database, engine: Engine) -> None:
    for number in (1, 2):
        put_race(slate, number)
    cuts = [at + shift for at in LAST_TWO_MINUTES for shift in (-SECOND / 2, SECOND / 2)]
    market = during(engine, OFF + MINUTE, *((at, lambda: end_sessions(slate)) for at in cuts))
    assert Counter(standing(slate)) == {(at, "ok"): 2 for at in LAST_TWO_MINUTES}
    assert max(Counter((race_id, at) for race_id, at, _ in market.asked).values()) == 1
    assert all(asked == at for _, at, asked in market.asked)


@contextmanager
def away(stack: Stack, slate: Database) -> Iterator[None]:
    """Nobody gets in, and who is in is thrown out."""
    admin = create_engine(superuser_url(stack), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"alter database {slate.name} allow_connections false"))
        connection.execute(
            text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"), {"name": slate.name}
        )
        try:
            yield
        finally:
            connection.execute(text(f"alter database {slate.name} allow_connections true"))
    admin.dispose()


def test_while_postgres_is_away_races_are_polled_at_their_instants_and_written_when_it_is_back(
    stack: Stack, slate: Database, engine: Engine
) -> None:
    put_race(slate)

    async def main(clock: VirtualClock) -> Market:
        collector, market = collector_of(engine, clock)
        running = asyncio.create_task(attend(collector, clock, OFF + MINUTE))
        await clock.sleep_until(OFF - 60.5 * SECOND)
        with away(stack, slate):
            await clock.sleep_until(OFF - 57 * SECOND)
            assert [at for _, at, _ in market.asked] == LAST_TWO_MINUTES[:3]
        await running
        return market

    market = virtually(START, main)
    assert standing(slate) == [(at, "ok") for at in LAST_TWO_MINUTES]
    assert [(at, asked) for _, at, asked in market.asked] == [(at, at) for at in LAST_TWO_MINUTES]
    assert_accounted(slate, OFF)


def test_a_tick_that_cannot_write_what_it_captured_says_so_and_the_next_accounts_for_it(
    stack: Stack, slate: Database, engine: Engine
) -> None:
    put_race(slate)

    async def main(clock: VirtualClock) -> None:
        collector, _ = collector_of(engine, clock)
        ticking = asyncio.create_task(collector.collect(OFF, longest=9 * SECOND))
        await clock.sleep_until(OFF - SECOND / 2)
        with away(stack, slate):
            with pytest.raises(Exception, match="not currently accepting connections"):
                await ticking
            assert clock.now() <= OFF + 20 * SECOND

    virtually(OFF - 3 * SECOND, main)
    assert standing(slate) == [(OFF, "planned")]
    ticks(engine, OFF + 5 * MINUTE, OFF + 6 * MINUTE, SECOND)
    assert standing(slate) == [(OFF, "unattended")]


def test_a_tick_that_cannot_read_the_plan_says_so(stack: Stack, slate: Database, engine: Engine) -> None:
    async def main(clock: VirtualClock) -> None:
        with away(stack, slate), pytest.raises(Exception, match="not currently accepting connections"):
            await collector_of(engine, clock)[0].collect(OFF)

    virtually(START, main)


def test_a_service_raises_what_no_restart_mends(slate: Database, engine: Engine) -> None:
    broken = make_engine(slate.reader_url)
    put_race(slate)
    with pytest.raises(Exception, match="read-only transaction"):
        virtually(START, lambda clock: attend(collector_of(broken, clock)[0], clock, OFF))
    broken.dispose()


# Late collectors


@pytest.mark.parametrize(("late", "verdict"), [(2 * SECOND, "ok"), (4 * SECOND, "unattended")])
def test_a_slot_is_captured_late_by_few_seconds_and_not_at_all_after_that(
    slate: Database, engine: Engine, late: timedelta, verdict: str
) -> None:
    missed, other = put_race(slate), put_race(slate, 2, OFF + 10 * SECOND)
    slot = OFF - 30 * SECOND

    def attend_from(start: datetime, until: datetime) -> Market:
        async def main(clock: VirtualClock) -> Market:
            collector, market = collector_of(engine, clock)
            await attend(collector, clock, until)
            return market

        return virtually(start, main)

    attend_from(slot - 9 * SECOND, slot - 5 * SECOND)
    market = attend_from(slot + late, OFF + MINUTE)
    assert standing(slate, missed) == [(slot, verdict), (OFF, "ok")]
    assert market.tries_of(missed, slot) == ([slot + late] if verdict == "ok" else [])
    assert standing(slate, other) == [(slot + 10 * SECOND, "ok"), (OFF + 10 * SECOND, "ok")]


# Stopping


def test_a_service_that_is_stopped_finishes_what_is_in_flight_and_begins_nothing_new(
    slate: Database, engine: Engine
) -> None:
    race_id = put_race(slate)
    told: list[Batch] = []

    async def main(clock: VirtualClock) -> tuple[datetime, Market]:
        source = Slow(clock, takes={race_id: 5 * SECOND})
        stop = asyncio.Event()
        running = asyncio.create_task(Collector(source, engine, None, clock).run(stop, told.append))
        await clock.sleep_until(LAST_TWO_MINUTES[0] + SECOND)
        stop.set()
        await running
        return clock.now(), source

    ended, source = virtually(START, main)
    assert ended == LAST_TWO_MINUTES[0] + 5 * SECOND
    assert [at for _, at, _ in source.asked] == LAST_TWO_MINUTES[:1]
    assert standing(slate) == [(LAST_TWO_MINUTES[0], "ok"), *((at, "planned") for at in LAST_TWO_MINUTES[1:])]
    assert [batch.captured for batch in told] == [1]
    assert slate.execute(
        "select count(*) from pg_locks where locktype = 'advisory' and database = "
        "(select oid from pg_database where datname = current_database())"
    ) == [(0,)]


@pytest.mark.parametrize("after", [SECOND / 2, 5 * SECOND])
@pytest.mark.parametrize("method", ["run", "collect"])
def test_a_collector_that_is_cancelled_leaves_nobody_asking_its_source(
    slate: Database, engine: Engine, method: str, after: timedelta
) -> None:
    hanging, failing = put_race(slate), put_race(slate, 2)

    class Busy(Troubled):
        asking = 0

        async def answer(self, race: OddsRace, at: datetime) -> OddsSnapshot:
            self.asking += 1
            try:
                if race.race_id == hanging:
                    await asyncio.Event().wait()
                return await super().answer(race, at)
            finally:
                self.asking -= 1

    async def main(clock: VirtualClock) -> None:
        broken = failure(Verdict.TRANSPORT, retry_after_s=6.0)
        source = Busy(clock, troubles={failing: [broken] * 3})
        collector = Collector(source, engine, None, clock)
        work = collector.run(asyncio.Event()) if method == "run" else collector.collect(OFF)
        running = asyncio.create_task(work)
        await clock.sleep_until(LAST_TWO_MINUTES[0] + after)
        asked = len(source.asked)
        assert (asked, source.asking) == (2, 1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert source.asking == 0
        await clock.sleep_until(clock.now() + MINUTE)
        assert len(source.asked) == asked

    virtually(START, main)


def test_what_a_listener_raises_stops_nothing(slate: Database, engine: Engine) -> None:
    put_race(slate)

    def listen(batch: Batch) -> None:
        raise SourceError(Verdict.MALFORMED, "listener", "batch", str(batch))

    async def main(clock: VirtualClock) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(collector_of(engine, clock)[0].run(stop, listen))
        await clock.sleep_until(OFF + MINUTE)
        stop.set()
        await running

    virtually(START, main)
    assert standing(slate) == [(at, "ok") for at in LAST_TWO_MINUTES]
