"""The plan and its account: written before it falls due, decided once, nothing forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text

from fotmate_assets.core.model import Verdict
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.embedded.process import wait_until
from fotmate_assets.racing.cadence import LATEST, Phase, Slot, SlotVerdict, plan
from fotmate_assets.racing.odds.outcomes import Batch, Outcome
from fotmate_assets.racing.odds.races import races_to_follow
from fotmate_assets.racing.odds.slots import (
    ACCOUNTED_BACK,
    GRACE,
    LOOK_AHEAD,
    RaceLocks,
    account,
    close_gap,
    plan_ahead,
    planned_slots,
)
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.odds.collecting import (
    MINUTE,
    OFF,
    SECOND,
    account_of,
    change,
    put_race,
    scratch,
    standing,
)

DAY = timedelta(days=1)
LAST_MINUTE = [OFF - MINUTE, OFF - 30 * SECOND, OFF]


def look(database: Database, now: datetime, source: str = "market") -> list[Outcome]:
    """What a collector does with the plan each time it looks; the slots it found unattended."""
    with database.engine.begin() as connection:
        closed = close_gap(connection, now, source, is_simulated=True)
        races = races_to_follow(connection, now - LATEST, now + timedelta(hours=2))
        plan_ahead(connection, races, now, source, is_simulated=True)
    return closed


def decide(database: Database, *outcomes: Outcome) -> list[Outcome]:
    with database.engine.begin() as connection:
        return account(connection, outcomes, "market", is_simulated=True)


def outcome(
    race_id: str, slot: Slot, verdict: Verdict | SlotVerdict = Verdict.OK, reason: str | None = None
) -> Outcome:
    return Outcome(race_id, slot.at.date(), slot, verdict, reason, 1, slot.at)


def instants(database: Database, status: str = "planned") -> list[datetime]:
    return [row.slot_at for row in account_of(database) if row.status == status]


# Reading


def test_a_race_to_follow_has_its_field_and_who_is_scratched(slate: Database) -> None:
    race_id = put_race(slate, runners=4)
    scratch(slate, race_id, 3)
    with slate.engine.connect() as connection:
        race = races_to_follow(connection, OFF, OFF)[race_id]
    assert (race.field, race.scratched, race.starters) == ((1, 2, 3, 4), frozenset({3}), (1, 2, 4))
    assert (race.post_time, race.race_no, race.track_id, race.sport) == (OFF, 1, "seoul", "horse")


def test_a_race_whose_entries_are_not_known_is_followed_with_an_empty_field(slate: Database) -> None:
    race_id = put_race(slate, runners=0)
    with slate.engine.connect() as connection:
        assert races_to_follow(connection, OFF, OFF)[race_id].field == ()


@pytest.mark.parametrize(
    ("status", "is_followed"),
    [
        ("scheduled", True),
        ("upcoming", True),
        ("live", True),
        ("finished", False),
        ("cancelled", False),
        ("postponed", False),
    ],
)
def test_races_are_followed_while_they_are_on(slate: Database, status: str, is_followed: bool) -> None:
    change(slate, put_race(slate), status=status)
    with slate.engine.connect() as connection:
        assert bool(races_to_follow(connection, OFF, OFF)) is is_followed
        assert not races_to_follow(connection, OFF + SECOND, OFF + DAY)


# Planning


def test_slots_are_written_before_they_fall_due_and_not_long_before(slate: Database) -> None:
    put_race(slate)
    look(slate, OFF - timedelta(hours=1) - LOOK_AHEAD - SECOND)
    assert instants(slate) == []
    look(slate, OFF - timedelta(hours=1) - LOOK_AHEAD)
    assert instants(slate) == [plan(OFF)[0].at]
    look(slate, OFF - timedelta(hours=1))
    assert instants(slate) == [slot.at for slot in plan(OFF)[:3]]


def test_looking_again_writes_nothing_twice(slate: Database) -> None:
    put_race(slate)
    look(slate, OFF - 5 * MINUTE)
    before = account_of(slate)
    look(slate, OFF - 5 * MINUTE)
    assert account_of(slate) == before


@pytest.mark.parametrize("moved", [-4 * MINUTE, -7 * SECOND, 7 * SECOND, 4 * MINUTE, timedelta(hours=3)])
def test_when_the_post_time_moves_what_is_to_come_moves_and_what_has_come_stays(
    slate: Database, moved: timedelta
) -> None:
    race_id = put_race(slate)
    look(slate, OFF - 10 * MINUTE)
    now = OFF - 8 * MINUTE
    before = [slot for slot in plan(OFF) if OFF - 10 * MINUTE < slot.at <= now]
    decide(slate, outcome(race_id, before[0]))
    change(slate, race_id, post_time=OFF + moved)
    look(slate, now)
    coming = [slot.at for slot in plan(OFF + moved) if now < slot.at <= now + LOOK_AHEAD]
    assert [row.slot_at for row in account_of(slate)] == [*(slot.at for slot in before), *coming]
    assert standing(slate)[0] == (before[0].at, "ok")


def test_an_instant_that_stays_in_the_plan_takes_its_new_phase(slate: Database) -> None:
    race_id = put_race(slate)
    look(slate, OFF - 20 * MINUTE)
    change(slate, race_id, post_time=OFF + 5 * MINUTE)
    look(slate, OFF - 20 * MINUTE + SECOND)
    phases = {row.slot_at: row.phase for row in account_of(slate)}
    assert phases[OFF - 15 * MINUTE] == Phase.FIVE_MINUTES
    assert phases[OFF - 10 * MINUTE] == Phase.ONE_MINUTE


@pytest.mark.parametrize("status", ["cancelled", "postponed", "finished"])
def test_a_race_that_is_off_or_over_keeps_its_past_and_has_no_slot_to_come(slate: Database, status: str) -> None:
    race_id, other = put_race(slate), put_race(slate, 2)
    look(slate, OFF - 3 * MINUTE)
    change(slate, race_id, status=status)
    look(slate, OFF - 2 * MINUTE)
    assert [row.slot_at for row in account_of(slate, race_id)] == [OFF - 150 * SECOND, OFF - 2 * MINUTE]
    assert len(account_of(slate, other)) == 6


def test_a_race_that_vanishes_from_the_calendar_has_no_slot_to_come(slate: Database) -> None:
    put_race(slate)
    look(slate, OFF - 3 * MINUTE)
    slate.execute("delete from races")
    look(slate, OFF - 3 * MINUTE)
    assert account_of(slate) == []


def test_a_slot_that_another_collector_is_just_deciding_is_not_taken_out_of_the_plan(slate: Database) -> None:
    race_id = put_race(slate)
    look(slate, OFF - MINUTE)
    change(slate, race_id, status="cancelled")
    with slate.engine.begin() as other:
        account(other, [outcome(race_id, plan(OFF)[-1])], "market", is_simulated=True)
        looking = threading.Thread(target=look, args=(slate, OFF - SECOND))
        looking.start()
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        assert wait_until(lambda: slate.execute(waiting) == [(1,)], 10)
    looking.join()
    assert standing(slate) == [(OFF - 30 * SECOND, "planned"), (OFF, "ok")]


# Deciding


def test_a_slot_becomes_captured_or_missed_with_everything_told(slate: Database) -> None:
    race_id = put_race(slate)
    look(slate, OFF - MINUTE)
    decide(
        slate,
        outcome(race_id, plan(OFF)[-2]),
        outcome(race_id, plan(OFF)[-1], Verdict.MALFORMED, "market odds.json field pools: is a list"),
    )
    captured, missed = account_of(slate)
    assert (captured.status, captured.verdict, captured.reason, captured.tries) == ("captured", "ok", None, 1)
    assert captured.asked_at == captured.slot_at
    assert (missed.status, missed.verdict) == ("missed", "malformed")
    assert missed.reason == "market odds.json field pools: is a list"


MISSED, LATE, UNATTENDED = Verdict.TRANSPORT, SlotVerdict.LATE, SlotVerdict.UNATTENDED


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        (Verdict.OK, MISSED, "ok"),
        (Verdict.OK, UNATTENDED, "ok"),
        (MISSED, LATE, "transport"),
        (MISSED, UNATTENDED, "transport"),
        (MISSED, Verdict.OK, "ok"),
        (UNATTENDED, Verdict.OK, "ok"),
        (UNATTENDED, MISSED, "transport"),
    ],
)
def test_of_two_who_decide_a_slot_the_one_who_knows_more_is_believed(
    slate: Database, first: Verdict, second: Verdict, stands: str
) -> None:
    race_id, slot = put_race(slate), plan(OFF)[-1]
    look(slate, OFF - MINUTE)
    assert len(decide(slate, outcome(race_id, slot, first))) == 1
    news = decide(slate, outcome(race_id, slot, second))
    assert standing(slate)[-1] == (OFF, stands)
    assert len(news) == (stands == second)


def test_a_slot_whose_row_was_deleted_while_it_was_polled_is_accounted_for_all_the_same(slate: Database) -> None:
    decide(slate, outcome(put_race(slate), plan(OFF)[-1]))
    assert standing(slate) == [(OFF, "ok")]


def test_a_reason_may_hold_what_postgres_cannot(slate: Database) -> None:
    decide(slate, outcome(put_race(slate), plan(OFF)[-1], Verdict.MALFORMED, "a \0 and a \ud800"))
    assert account_of(slate)[0].reason == r"a \0 and a \ud800"


# The gap


def test_a_slot_that_somebody_may_still_be_polling_is_not_called_unattended(slate: Database) -> None:
    put_race(slate)
    look(slate, OFF - SECOND)
    assert look(slate, OFF + LATEST + GRACE) == []
    assert standing(slate) == [(OFF, "planned")]
    (closed,) = look(slate, OFF + LATEST + GRACE + SECOND)
    assert (closed.slot, closed.verdict) == (plan(OFF)[-1], "unattended")
    assert standing(slate) == [(OFF, "unattended")]
    assert account_of(slate)[0].reason


def test_what_a_collector_still_has_in_hand_it_does_not_call_unattended_itself(slate: Database) -> None:
    race_id = put_race(slate)
    look(slate, OFF - 31 * SECOND)
    with slate.engine.begin() as connection:
        closed = close_gap(connection, OFF + 5 * MINUTE, "market", is_simulated=True, busy=[(race_id, OFF)])
    assert [each.slot.at for each in closed] == [OFF - 30 * SECOND]
    assert standing(slate) == [(OFF - 30 * SECOND, "unattended"), (OFF, "planned")]


def test_at_the_very_first_start_the_past_is_nobodys(slate: Database) -> None:
    put_race(slate)
    put_race(slate, 2, OFF - 3 * DAY)
    assert look(slate, OFF - 90 * SECOND) == []
    assert [at for at, _ in standing(slate)] == [OFF - MINUTE, OFF - 30 * SECOND, OFF]


def test_after_a_gap_of_days_every_slot_that_fell_into_it_is_missed(slate: Database) -> None:
    before, inside, called_off = put_race(slate), put_race(slate, 2, OFF + DAY), put_race(slate, 3, OFF + DAY)
    over, after = put_race(slate, 4, OFF + DAY), put_race(slate, 5, OFF + 2 * DAY)
    change(slate, called_off, status="cancelled")
    change(slate, over, status="finished")
    look(slate, OFF - 90 * SECOND)
    for slot in plan(OFF)[-3:]:
        decide(slate, outcome(before, slot))
    now = OFF + 2 * DAY - 2 * MINUTE
    closed = look(slate, now)
    assert len(closed) == 30 + 30 + 26
    assert standing(slate, inside) == standing(slate, over) == [(slot.at, "unattended") for slot in plan(OFF + DAY)]
    assert standing(slate, called_off) == []
    assert standing(slate, after) == [
        (slot.at, "unattended" if slot.at <= now else "planned") for slot in plan(OFF + 2 * DAY)
    ]
    assert [row.phase for row in account_of(slate, inside)] == [slot.phase for slot in plan(OFF)]
    assert look(slate, now) == []


def test_after_a_pause_of_months_the_last_seven_days_are_accounted_for_and_what_was_planned(slate: Database) -> None:
    before, after = put_race(slate), put_race(slate, 2, OFF + 90 * DAY)
    look(slate, OFF - 90 * SECOND)
    now = OFF + 90 * DAY - 2 * MINUTE
    races = {days: put_race(slate, 3, OFF + days * DAY) for days in (1, 45, 82, 84, 89)}
    straddling = put_race(slate, 4, now - ACCOUNTED_BACK + MINUTE)
    closed = look(slate, now)
    assert {each.slot.at for each in closed if each.slot.at < now - ACCOUNTED_BACK} == set(LAST_MINUTE)
    assert standing(slate, before) == [(at, "unattended") for at in LAST_MINUTE]
    assert {days for days, race_id in races.items() if standing(slate, race_id)} == {84, 89}
    assert len(standing(slate, races[84])) == len(standing(slate, races[89])) == 30
    assert [at for at, _ in standing(slate, straddling)] == [
        slot.at for slot in plan(now - ACCOUNTED_BACK + MINUTE)[-2:]
    ]
    assert len([each for each in closed if each.race_id == after]) == 26
    assert look(slate, now) == []


def test_at_a_year_of_data_nothing_reads_the_whole_account_to_find_what_is_due(slate: Database) -> None:
    """Each instant is preceded by it."""
    put_race(slate)
    slate.execute(
        "insert into odds_slots (race_id, slot_at, race_date, phase, status, verdict, source, is_simulated) "
        "select 'horse-' || n % 34, :off - (n / 100 + 1) * interval '1 day' - n % 100 * interval '6 minutes', "
        "'2026-01-01', 'off', 'captured', 'ok', 'market', false from generate_series(0, 36500) n",
        off=OFF,
    )
    owner = create_engine(slate.owner_url)
    asked: list[tuple[str, Any]] = []
    with owner.begin() as connection:
        connection.execute(text("analyze odds_slots"))
        event.listen(connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        close_gap(connection, OFF - MINUTE, "market", is_simulated=True)
        planned_slots(connection, OFF - MINUTE)
        plan_ahead(connection, races_to_follow(connection, OFF, OFF), OFF - MINUTE, "market", is_simulated=True)
        plans = ["\n".join(connection.exec_driver_sql(f"explain {sql}", values).scalars()) for sql, values in asked[:]]
    owner.dispose()
    assert len([each for each in plans if "odds_slots" in each]) >= 5
    assert [each for each in plans if "Seq Scan on odds_slots" in each] == []


def test_a_race_that_moves_while_it_is_attended_leaves_no_slot_in_a_gap(slate: Database) -> None:
    race_id = put_race(slate)
    look(slate, OFF - 10 * MINUTE)
    change(slate, race_id, post_time=OFF - 4 * MINUTE)
    assert look(slate, OFF - 9 * MINUTE - SECOND) == []
    assert [at for at, _ in standing(slate)] == [slot.at for slot in plan(OFF - 4 * MINUTE)[-11:]]


# One collector per race


@pytest.fixture
def engines(slate: Database) -> Iterator[tuple[Engine, Engine]]:
    """Those of two collectors."""
    made = make_engine(slate.writer_url), make_engine(slate.writer_url)
    yield made
    for engine in made:
        engine.dispose()


def test_a_race_is_held_by_one_collector_until_it_lets_go(engines: tuple[Engine, Engine]) -> None:
    one, two = map(RaceLocks, engines)
    assert one.hold({"a", "b"}) == {"a", "b"}
    assert two.hold({"b", "c"}) == {"c"}
    one.release()
    assert two.hold({"b", "c"}) == {"b", "c"}
    two.release()


def test_a_race_that_is_not_followed_any_more_is_let_go(engines: tuple[Engine, Engine]) -> None:
    one, two = map(RaceLocks, engines)
    one.hold({"a", "b"})
    assert one.hold({"b"}) == {"b"}
    assert two.hold({"a", "b"}) == {"a"}
    one.release()
    two.release()


def test_looking_again_and_again_holds_a_race_once(engines: tuple[Engine, Engine]) -> None:
    one, two = map(RaceLocks, engines)
    for _ in range(3):
        one.hold({"a"})
    one.hold(())
    assert two.hold({"a"}) == {"a"}
    one.release()
    two.release()


def test_with_its_connection_a_collector_loses_its_races_to_who_comes_first(
    slate: Database, engines: tuple[Engine, Engine]
) -> None:
    one, two = map(RaceLocks, engines)
    one.hold({"a", "b"})
    slate.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
    assert two.hold({"a"}) == {"a"}
    assert one.hold({"a", "b"}) == {"b"}
    one.release()
    two.release()


# Batches


def test_a_batch_counts_what_was_captured_and_tells_why_the_rest_was_not() -> None:
    slots = plan(OFF)
    batch = Batch("market", True, True, (outcome("a", slots[0]), outcome("b", slots[1])), 7) + Batch(
        "market", True, True, tuple(outcome("c", slot, LATE, "no answer") for slot in slots[:5]), 1
    )
    assert (batch.slots, batch.captured, batch.missed, batch.rows) == (7, 2, 5, 8)
    assert batch.verdicts == {"late": 5}
    assert (batch.race_ids, batch.race_dates) == (("a", "b"), (OFF.date(),))
    assert (batch.last_slot, batch.lateness_s) == (slots[4].at, 0.0)
    assert batch.reasons().splitlines()[:2] == ["- late: 5", "  - c 03:00:00 UTC: no answer"]
    assert batch.reasons().endswith("and 2 more")
    assert str(batch) == "2 slots captured, 5 missed (late), 8 rows, at most 0.00 s late"


def test_an_empty_batch_has_nothing_to_tell() -> None:
    batch = Batch("market", True, True)
    assert (batch.slots, batch.last_slot, batch.lateness_s, batch.reasons()) == (0, None, 0.0, "")


def test_a_slot_to_come_is_read_with_its_phase(slate: Database) -> None:
    race_id = put_race(slate)
    look(slate, OFF - MINUTE)
    with slate.engine.connect() as connection:
        assert planned_slots(connection, OFF - 30 * SECOND) == [(race_id, Slot(OFF, Phase.OFF))]
