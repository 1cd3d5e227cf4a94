"""Every planned slot is captured at its instant, or missed and accounted for, whatever fails around the collector."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Engine

from fotmate_assets.core.model import Verdict
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.racing.cadence import LATEST, plan
from fotmate_assets.racing.collector import Batch, Collector
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import SOLD, OddsRace, OddsSnapshot
from fotmate_assets.racing.odds.polling import WallClock
from fotmate_assets.racing.odds.slots import RaceLocks
from fotmate_assets.racing.odds.store import insert_rows
from fotmate_assets.racing.resources import TICK
from fotmate_assets_tests.databases import Database
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
    change,
    collector_of,
    during,
    failure,
    put_race,
    scratch,
    snapshot_of,
    standing,
    stored,
    ticks,
    untold,
    virtually,
)
from fotmate_assets_tests.racing.odds.rows import random_row

# A race day


def test_thirty_four_overlapping_races_are_captured_at_every_one_of_their_instants(
    slate: Database, engine: Engine
) -> None:
    start, tracks = OFF - 20 * MINUTE, ("seoul", "gwangmyeong")
    offs = {
        put_race(slate, n // 2 + 1, OFF + n * 20 * SECOND, track=tracks[n % 2]): OFF + n * 20 * SECOND
        for n in range(34)
    }
    expected = {(race_id, slot.at) for race_id, off in offs.items() for slot in plan(off) if slot.at > start}
    batches: list[Batch] = []

    async def main(clock: VirtualClock) -> Market:
        collector, market = collector_of(engine, clock)
        stop = asyncio.Event()
        running = asyncio.create_task(collector.run(stop, batches.append))
        await clock.sleep_until(max(offs.values()) + SECOND)
        stop.set()
        await running
        return market

    market = virtually(start, main)
    assert {(row.race_id, row.slot_at) for row in account_of(slate)} == expected == stored(slate)
    assert Counter(row.verdict for row in account_of(slate)) == {"ok": len(expected)}
    assert sorted((race_id, at) for race_id, at, _ in market.asked) == sorted(expected)
    assert all(asked == at for _, at, asked in market.asked)
    assert all(row.asked_at == row.slot_at for row in account_of(slate))
    assert sum(batch.slots for batch in batches) == sum(batch.rows for batch in batches) == len(expected)
    assert len(batches) == len({at for _, at in expected})


def test_the_races_of_an_instant_are_all_asked_before_the_first_of_them_has_answered(
    slate: Database, engine: Engine
) -> None:
    for number in range(1, 35):
        put_race(slate, number)
    barrier = asyncio.Barrier(34)

    class Patient(Market):
        async def answer(self, race: OddsRace, at: datetime) -> OddsSnapshot:
            await barrier.wait()
            return await super().answer(race, at)

    capture_with(Patient, engine)
    assert Counter(standing(slate)) == {(at, "ok"): 34 for at in LAST_TWO_MINUTES}


def test_every_pool_of_a_race_is_stored_with_the_slot_as_its_instant_and_the_hash_of_its_document(
    slate: Database, engine: Engine, zone: RawZone
) -> None:
    race_id = put_race(slate, runners=11)
    capture_with(lambda clock: Market(clock, pools=SOLD["horse"]), engine, zone)  # type: ignore[index]
    rows = slate.execute(
        "select pool, observed_at, ingested_at, source_ts, source, is_live, is_simulated, encode(raw_sha256, 'hex'), "
        "array_length(odds, 1) from odds_snapshots where race_id = :race and observed_at = :at order by 1",
        race=race_id,
        at=OFF,
    )
    assert [(row[0], row[8]) for row in rows] == [
        ("EXA", 110), ("PLC", 11), ("QNL", 55), ("QPL", 55), ("TLA", 165), ("TRI", 990), ("WIN", 11),
    ]  # fmt: skip
    assert {row[1:7] for row in rows} == {(OFF, OFF, OFF, "market", True, True)}
    (sha256,) = {str(row[7]) for row in rows}
    assert zone.get(sha256) == f"{race_id} {OFF.isoformat()}".encode()


def test_live_odds_take_the_place_of_a_replay_of_their_race(slate: Database, engine: Engine) -> None:
    race_id, other = put_race(slate), put_race(slate, 2, OFF + 300 * MINUTE)
    rows = [
        random_row(1, Pool.WIN, slot.at, (1, 2, 3, 4, 5), race_id=each, source="replay", is_live=False)
        for each in (race_id, other)
        for slot in plan(OFF)
    ]
    with engine.begin() as connection:
        insert_rows(connection, rows)
    capture_with(Market, engine)
    assert standing(slate, race_id) == [(at, "ok") for at in LAST_TWO_MINUTES]
    told = slate.execute("select race_id, source, count(*) from odds_snapshots group by 1, 2 order by 1")
    assert told == [(race_id, "market", len(LAST_TWO_MINUTES)), (other, "replay", 30)]


def test_by_the_machines_clock_a_slot_is_captured_at_its_instant_and_not_before(
    slate: Database, engine: Engine
) -> None:
    off = datetime.now(UTC) + timedelta(seconds=1.5)
    put_race(slate, off=off)
    clock = WallClock()
    collector, _ = collector_of(engine, clock)
    batch = asyncio.run(collector.collect(off))
    assert (batch.captured, batch.missed) == (1, 0)
    assert batch.lateness_s >= 0.0
    assert standing(slate)[-1] == (off, "ok")


# What a source may do


@pytest.mark.parametrize(
    ("troubles", "verdict", "tries"),
    [
        ([], "ok", 1),
        ([failure(Verdict.TRANSPORT)], "ok", 2),
        ([failure(Verdict.QUOTA), failure(Verdict.TRANSPORT)], "ok", 3),
        ([failure(Verdict.TRANSPORT)] * 3, "transport", 3),
        ([failure(Verdict.QUOTA)] * 3, "quota", 3),
        ([failure(Verdict.AUTH)], "auth", 1),
        ([failure(Verdict.BLOCKED)], "blocked", 1),
        ([failure(Verdict.MALFORMED)], "malformed", 1),
        ([failure(Verdict.NOT_YET)], "not_yet", 1),
        ([failure(Verdict.QUOTA, retry_after_s=60.0)], "quota", 1),
        ([KeyError("bug")], "ok", 2),
        ([KeyError("bug")] * 3, "transport", 3),
    ],
)
def test_a_source_is_asked_again_within_the_slot_where_that_can_help(
    slate: Database, engine: Engine, troubles: list[Exception], verdict: str, tries: int
) -> None:
    race_id, other = put_race(slate), put_race(slate, 2)
    market = capture_with(lambda clock: Troubled(clock, troubles={race_id: troubles}), engine)
    row = account_of(slate, race_id)[-1]
    assert (row.slot_at, row.verdict, row.tries, row.asked_at) == (OFF, verdict, tries, OFF)
    asked = market.tries_of(race_id, OFF)
    assert len(asked) == tries
    assert all(two - one >= SECOND for one, two in pairwise(asked))
    assert all(when < OFF + LATEST for when in asked)
    if verdict != "ok":
        expected = ("KeyError", race_id) if isinstance(troubles[0], KeyError) else ("odds.json field pools", "market")
        assert row.reason is not None
        assert all(word in row.reason for word in expected)
    assert standing(slate, other) == [(at, "ok") for at in LAST_TWO_MINUTES]
    assert_accounted(slate, OFF)


def test_an_answer_that_is_late_for_its_slot_is_not_waited_for(slate: Database, engine: Engine) -> None:
    slow, slower = put_race(slate), put_race(slate, 2)
    takes = {slow: LATEST - SECOND, slower: LATEST + SECOND}
    capture_with(lambda clock: Slow(clock, takes=takes), engine)
    assert standing(slate, slow) == [(at, "ok") for at in LAST_TWO_MINUTES]
    assert standing(slate, slower) == [(at, "late") for at in LAST_TWO_MINUTES]
    reason = account_of(slate, slower)[-1].reason
    assert reason is not None
    assert reason.startswith(f"market {slower}: no answer by 04:00:20 (try 1)")
    assert_accounted(slate, OFF)


def test_a_source_that_hangs_for_one_race_delays_neither_the_others_nor_the_next_instant(
    slate: Database, engine: Engine
) -> None:
    hanging, fine = put_race(slate), put_race(slate, 2)
    at_once: list[tuple[datetime, str]] = []

    async def main(clock: VirtualClock) -> Slow:
        source = Slow(clock, takes={hanging: None})
        running = asyncio.create_task(attend(Collector(source, engine, None, clock), clock, OFF + MINUTE))
        await clock.sleep_until(OFF + 3 * SECOND)
        at_once.extend(await asyncio.to_thread(standing, slate, fine))
        await running
        return source

    market = virtually(START, main)
    assert at_once == standing(slate, fine) == [(at, "ok") for at in LAST_TWO_MINUTES]
    assert standing(slate, hanging) == [(at, "late") for at in LAST_TWO_MINUTES]
    assert all(asked == at for _, at, asked in market.asked)
    assert market.given_up == [at + LATEST for at in LAST_TWO_MINUTES]


def test_an_answer_without_a_price_is_a_missed_slot(slate: Database, engine: Engine) -> None:
    race_id = put_race(slate)
    nothing = OddsSnapshot(race_id, (1, 2), (), None)

    class Mute(Market):
        async def answer(self, race: OddsRace, at: datetime) -> OddsSnapshot:
            return nothing if at == OFF else untold(race) if at == LAST_TWO_MINUTES[0] else snapshot_of(race, at)

    capture_with(Mute, engine)
    ok = [(at, "ok") for at in LAST_TWO_MINUTES[1:-1]]
    assert standing(slate) == [(LAST_TWO_MINUTES[0], "empty_unexpected"), *ok, (OFF, "empty_unexpected")]
    assert account_of(slate)[-1].reason == f"market {race_id} field pools: the answer has no price [empty_unexpected]"
    assert_accounted(slate, OFF)


def test_a_race_whose_entries_are_not_known_is_missed_without_asking(slate: Database, engine: Engine) -> None:
    race_id = put_race(slate, runners=0)
    market = capture_with(Market, engine)
    assert market.asked == []
    (row, *_) = account_of(slate, race_id)
    assert (row.verdict, row.reason, row.tries) == ("empty_unexpected", f"market {race_id}: no entries are known", 0)
    assert_accounted(slate, OFF)


def test_the_bytes_of_a_refused_answer_go_to_quarantine_and_nothing_is_owed(
    slate: Database, engine: Engine, zone: RawZone
) -> None:
    race_id = put_race(slate)
    broken = failure(Verdict.MALFORMED, content=b"<html>")
    capture_with(lambda clock: Troubled(clock, troubles={race_id: [broken]}), engine, zone)
    rows = slate.execute("select source, document, partition_key, sha256, size_bytes, field, reason from quarantine")
    ((source, document, partition, sha256, size, where, reason),) = rows
    assert (source, document, partition, size) == ("market", "odds.json", "2026-11-21", 6)
    assert (where, reason) == ("pools", "as the test wants it")
    assert zone.get(str(sha256)) == b"<html>"
    assert slate.execute("select count(*) from ingestion_failures") == [(0,)]


def test_every_batch_is_an_attempt_of_the_ledger(slate: Database, engine: Engine) -> None:
    race_id, _ = put_race(slate), put_race(slate, 2)
    late = failure(Verdict.BLOCKED)
    capture_with(lambda clock: Troubled(clock, troubles={race_id: [late]}), engine, until=OFF - 100 * SECOND)
    ((*told, rows, message),) = slate.execute(
        "select source, job, partition_key, verdict, rows, message from ingestion_jobs"
    )
    assert told == ["market", "racing/odds_snapshots", "2026-11-21", "blocked"]
    assert rows == 1
    assert str(message).startswith("1 slots captured, 1 missed (blocked), 1 rows")
    assert "odds.json field pools: as the test wants it" in str(message)


class BrokenStore:
    """A bucket that fails, or that never answers."""

    def __init__(self, hangs: threading.Event | None = None) -> None:
        self.hangs = hangs

    def get(self, key: str) -> bytes:
        if self.hangs is not None:
            self.hangs.wait(30)
        raise OSError(f"no route to {key[:5]}")


def test_when_the_bucket_fails_prices_are_stored_and_the_slot_says_so(slate: Database, engine: Engine) -> None:
    put_race(slate)
    store: Any = BrokenStore()
    capture_with(Market, engine, RawZone(store))
    assert standing(slate) == [(at, "ok") for at in LAST_TWO_MINUTES]
    assert account_of(slate)[-1].reason == "its bytes could not be kept: OSError: no route to blobs"
    assert slate.execute("select distinct raw_sha256 from odds_snapshots") == [(None,)]
    assert_accounted(slate, OFF)


def test_a_bucket_that_hangs_is_waited_for_no_longer_than_seconds(slate: Database, engine: Engine) -> None:
    for number in range(1, 13):
        put_race(slate, number)
    hangs = threading.Event()
    store: Any = BrokenStore(hangs)
    clock = FastClock.starting(OFF - 2 * SECOND, 5.0)
    asyncio.run(attend(Collector(Market(clock), engine, RawZone(store), clock), clock, OFF + SECOND))
    hangs.set()
    assert standing(slate) == [(OFF, "ok")] * 12
    assert all("not within 5 s" in str(row.reason) for row in account_of(slate))


def test_a_snapshot_that_the_database_will_not_have_costs_no_other_race_its_odds(
    slate: Database, engine: Engine
) -> None:
    bad, good = put_race(slate), put_race(slate, 2)

    class Boastful(Market):
        async def answer(self, race: OddsRace, at: datetime) -> OddsSnapshot:
            made = snapshot_of(race, at)
            if race.race_id == bad:
                object.__setattr__(made.pools[0], "sales_krw", 10**30)
            return made

    capture_with(Boastful, engine)
    assert standing(slate, good) == [(at, "ok") for at in LAST_TWO_MINUTES]
    assert standing(slate, bad) == [(at, "malformed") for at in LAST_TWO_MINUTES]
    assert f"market {bad}: cannot be stored" in str(account_of(slate, bad)[0].reason)
    assert_accounted(slate, OFF)


def test_a_snapshot_whose_clock_goes_back_is_stored_with_it(slate: Database, engine: Engine) -> None:
    put_race(slate)

    class Backwards(Market):
        async def answer(self, race: OddsRace, at: datetime) -> OddsSnapshot:
            return OddsSnapshot(race.race_id, race.field, snapshot_of(race, at).pools, OFF - (at - OFF))

    capture_with(Backwards, engine)
    rows = slate.execute("select observed_at, source_ts from odds_snapshots order by 1")
    assert rows == [(at, OFF - (at - OFF)) for at in LAST_TWO_MINUTES]


# What may happen to a race


@pytest.mark.parametrize("moved", [90 * SECOND, 7 * SECOND, -33 * SECOND, -2 * MINUTE])
def test_a_post_time_that_moves_while_its_race_is_followed_moves_what_is_to_come(
    slate: Database, engine: Engine, moved: timedelta
) -> None:
    race_id, now, off = put_race(slate), OFF - 80 * SECOND, OFF + moved
    market = during(engine, OFF + 2 * MINUTE, (now, lambda: change(slate, race_id, post_time=off)))
    expected = [*LAST_TWO_MINUTES[:2], *(slot.at for slot in plan(off) if slot.at > now)]
    assert standing(slate) == [(at, "ok") for at in expected]
    assert [(at, asked) for _, at, asked in market.asked] == [(at, at) for at in expected]
    assert_accounted(slate, OFF + MINUTE)


def test_what_changes_shortly_before_an_instant_is_heeded_at_it(slate: Database, engine: Engine) -> None:
    race_id, other = put_race(slate), put_race(slate, 2)
    market = during(
        engine,
        OFF + MINUTE,
        (OFF - 32 * SECOND, lambda: scratch(slate, other, 3)),
        (OFF - 2 * SECOND, lambda: change(slate, race_id, status="cancelled")),
    )
    assert standing(slate, race_id) == [(at, "ok") for at in LAST_TWO_MINUTES[:-1]]
    assert standing(slate, other) == [(at, "ok") for at in LAST_TWO_MINUTES]
    assert {at for at, scratched in market.scratched if scratched == {3}} == {OFF - 30 * SECOND, OFF}
    ((odds,),) = slate.execute(
        "select odds from odds_snapshots where race_id = :race and observed_at = :at", race=other, at=OFF
    )
    assert odds == [2.5, 2.5, -3.0, 2.5, 2.5]


def test_a_race_that_is_called_off_and_on_again_goes_on(slate: Database, engine: Engine) -> None:
    race_id = put_race(slate)
    during(
        engine,
        OFF + MINUTE,
        (OFF - 70 * SECOND, lambda: change(slate, race_id, status="cancelled")),
        (OFF - 45 * SECOND, lambda: change(slate, race_id, status="upcoming")),
    )
    assert standing(slate) == [(at, "ok") for at in LAST_TWO_MINUTES if at != OFF - MINUTE]


def test_a_race_that_is_announced_while_the_collector_is_at_work_is_followed(slate: Database, engine: Engine) -> None:
    during(engine, OFF + MINUTE, (OFF - 100 * SECOND, lambda: put_race(slate)))
    assert standing(slate) == [(at, "ok") for at in LAST_TWO_MINUTES[1:]]


# Ticks of a sensor


@pytest.mark.parametrize("pause", [SECOND, 6 * SECOND])
def test_ticks_that_are_some_seconds_apart_leave_no_slot_between_them(
    slate: Database, engine: Engine, pause: timedelta
) -> None:
    offs = [OFF, OFF + 4 * SECOND, OFF + 20 * SECOND]
    races = {put_race(slate, number, off): off for number, off in enumerate(offs, start=1)}
    start = OFF - 6 * MINUTE - SECOND
    made = ticks(engine, start, OFF + MINUTE, pause)
    for race_id, off in races.items():
        assert standing(slate, race_id) == [(slot.at, "ok") for slot in plan(off) if slot.at > start]
    assert max(batch.lateness_s for *_, batch in made) <= 1.0
    assert sum(batch.captured for *_, batch in made) == len(account_of(slate))
    assert_accounted(slate, OFF + MINUTE)


def test_whatever_phase_ticks_begin_at_they_capture_every_slot_of_races_at_whole_minutes_though_one_race_hangs(
    slate: Database, engine: Engine
) -> None:
    offs = {phase: OFF + number * 20 * MINUTE for number, phase in enumerate(range(0, 30, 2))}
    fine = {phase: put_race(slate, 1 + phase, off) for phase, off in offs.items()}
    hanging = {put_race(slate, 2 + phase, off) for phase, off in offs.items()}
    starts = {phase: off - 150 * SECOND + phase * SECOND for phase, off in offs.items()}

    async def main(clock: VirtualClock) -> Slow:
        source = Slow(clock, takes=dict.fromkeys(hanging))
        for phase, off in offs.items():
            await clock.sleep_until(starts[phase])
            while (began := clock.now()) < off + SECOND:
                await Collector(source, engine, None, clock).collect(began + TICK)
                await clock.sleep_until(max(began + 30 * SECOND, clock.now()) + 6 * SECOND)
        return source

    market = virtually(starts[0] - SECOND, main)
    assert all(asked == at for _, at, asked in market.asked)
    for phase, race_id in fine.items():
        attended = [told for told in standing(slate, race_id) if told[0] > starts[phase]]
        assert attended == [(slot.at, "ok") for slot in plan(offs[phase]) if slot.at > starts[phase]]


def test_a_tick_in_which_nothing_falls_due_ends_at_once(slate: Database, engine: Engine) -> None:
    put_race(slate, off=OFF + 3 * MINUTE)
    ((began, ended, batch), *_) = ticks(engine, OFF - 59 * MINUTE, OFF - 58 * MINUTE, SECOND)
    assert (ended - began, batch.slots) == (timedelta(0), 0)


def test_a_tick_is_over_in_time_whatever_the_source_does_and_however_slots_follow_each_other(
    slate: Database, engine: Engine
) -> None:
    for number in range(1, 11):
        put_race(slate, number, OFF + number * 3 * SECOND)
    hanging = put_race(slate, 11, OFF + 36 * SECOND)
    put_race(slate, 12, OFF + 38 * SECOND)

    async def main(clock: VirtualClock) -> tuple[datetime, Batch]:
        source = Slow(clock, takes={hanging: None})
        batch = await Collector(source, engine, None, clock).collect(START + 30 * SECOND)
        return clock.now(), batch

    ended, batch = virtually(START, main)
    assert ended == START + 45 * SECOND
    assert batch.last_slot == START + 41 * SECOND
    assert batch.verdicts == {"late": 2}
    assert_accounted(slate, START + 42 * SECOND)


def test_a_tick_takes_over_the_races_that_another_collector_lets_go_of(slate: Database, engine: Engine) -> None:
    race_id = put_race(slate)
    other = RaceLocks(engine)
    assert other.hold([race_id]) == {race_id}

    async def main(clock: VirtualClock) -> Batch:
        collector, _ = collector_of(engine, clock)
        tick = asyncio.create_task(collector.collect(OFF - 60 * SECOND))
        await clock.sleep_until(OFF - 100 * SECOND)
        other.release()
        return await tick

    batch = virtually(START, main)
    assert [each.slot.at for each in batch.outcomes] == [OFF - 90 * SECOND]
    slots = dict(standing(slate, race_id))
    assert slots[OFF - 90 * SECOND] == "ok"


def test_a_tick_tells_what_nobody_attended(slate: Database, engine: Engine) -> None:
    put_race(slate)
    ((*_, first), *_) = ticks(engine, OFF - 45 * SECOND, OFF - 44 * SECOND, SECOND)
    assert first.captured == 1
    ((*_, later), *_) = ticks(engine, OFF + 5 * MINUTE, OFF + 6 * MINUTE, SECOND)
    assert (later.slots, later.verdicts, later.race_ids) == (1, {"unattended": 1}, ())
    assert "nobody asked" in later.reasons()
    assert_accounted(slate, OFF)
