"""When odds are captured: 30 instants of a race, and what becomes of them when its post time moves."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.racing.cadence import LATEST, Phase, Slot, Tick, deadline, phase_of, plan, replan
from fotmate_assets.racing.collector import LAST_CHANCE, LONGEST_TICK, NEXT_TICK
from fotmate_assets.racing.model import ON, RaceStatus
from fotmate_assets.racing.odds.automation import COLLECTOR_EVERY_S
from fotmate_assets.racing.resources import TICK

OFF = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LONG_BEFORE = OFF - timedelta(days=30)

seconds = st.integers(-7200, 7200).map(lambda count: timedelta(seconds=count))
offs = seconds.map(lambda moved: OFF + moved)
clocks = st.integers(-9000, 9000).map(lambda count: OFF + timedelta(seconds=count))
is_on = st.sampled_from(ON)


def test_a_race_at_13_00_is_captured_at_these_thirty_instants() -> None:
    times = [f"{slot.at:%H:%M:%S}" for slot in plan(OFF)]
    assert times == [
        *(f"03:{minute:02d}:00" for minute in range(0, 45, 5)),
        *(f"03:{minute:02d}:00" for minute in range(45, 55)),
        *(f"03:{minute:02d}:{second:02d}" for minute in range(55, 60) for second in (0, 30)),
        "04:00:00",
    ]


def test_the_phases_of_a_plan_have_nine_ten_ten_and_one_slots() -> None:
    counted = Counter(slot.phase for slot in plan(OFF))
    assert counted == {Phase.FIVE_MINUTES: 9, Phase.ONE_MINUTE: 10, Phase.THIRTY_SECONDS: 10, Phase.OFF: 1}


@given(offs)
def test_a_plan_is_thirty_instants_in_order_that_end_with_the_off(off: datetime) -> None:
    instants = [slot.at for slot in plan(off)]
    assert len(instants) == 30
    assert all(one < two for one, two in itertools.pairwise(instants))
    assert (instants[0], instants[-1]) == (off - timedelta(hours=1), off)


@given(offs, seconds)
def test_a_plan_moves_with_its_post_time(off: datetime, moved: timedelta) -> None:
    assert plan(off + moved) == tuple(Slot(slot.at + moved, slot.phase) for slot in plan(off))


@given(offs)
def test_a_slot_has_the_phase_of_its_distance_to_the_off(off: datetime) -> None:
    assert all(phase_of((off - slot.at).total_seconds()) is slot.phase for slot in plan(off))


@given(offs, clocks, is_on)
def test_replanning_for_the_same_time_changes_nothing(off: datetime, now: datetime, status: RaceStatus) -> None:
    assert replan(plan(off), off, status, now) == plan(off)


@given(offs, offs, clocks, is_on)
def test_what_is_new_after_a_move_lies_in_the_future(
    old: datetime, new: datetime, now: datetime, status: RaceStatus
) -> None:
    added = set(replan(plan(old), new, status, now)) - set(plan(old))
    assert all(slot.at > now for slot in added)


@given(offs, offs, clocks, is_on)
def test_after_a_move_the_passed_slots_stay_and_the_others_are_the_new_plans(
    old: datetime, new: datetime, now: datetime, status: RaceStatus
) -> None:
    after = replan(plan(old), new, status, now)
    assert [slot for slot in after if slot.at <= now] == [slot for slot in plan(old) if slot.at <= now]
    assert [slot for slot in after if slot.at > now] == [slot for slot in plan(new) if slot.at > now]


@given(offs, st.lists(st.tuples(st.integers(0, 1800), offs, st.sampled_from(RaceStatus)), max_size=8))
def test_no_instant_is_planned_twice_and_none_that_passed_is_forgotten_however_often_a_race_moves(
    off: datetime, moves: list[tuple[int, datetime, RaceStatus]]
) -> None:
    now, in_force = off - timedelta(hours=2), plan(off)
    passed: set[Slot] = set()
    for waited, new, status in moves:
        now += timedelta(seconds=waited)
        passed |= {slot for slot in in_force if slot.at <= now}
        in_force = replan(in_force, new, status, now)
        instants = [slot.at for slot in in_force]
        assert instants == sorted(set(instants))
        assert {slot for slot in in_force if slot.at <= now} == passed


@given(offs, offs, clocks, is_on)
def test_a_race_that_is_moved_there_and_back_at_once_is_as_it_was(
    old: datetime, new: datetime, now: datetime, status: RaceStatus
) -> None:
    assert replan(replan(plan(old), new, status, now), old, status, now) == plan(old)


@pytest.mark.parametrize("status", [RaceStatus.CANCELLED, RaceStatus.POSTPONED, RaceStatus.FINISHED])
@given(offs, clocks)
def test_a_race_that_is_off_or_over_has_no_slot_to_come(status: RaceStatus, off: datetime, now: datetime) -> None:
    assert replan(plan(off), off, status, now) == tuple(slot for slot in plan(off) if slot.at <= now)


def test_a_race_that_was_called_off_by_mistake_goes_on_with_what_is_to_come() -> None:
    called_off = replan(plan(OFF), OFF, RaceStatus.CANCELLED, LONG_BEFORE)
    assert called_off == ()
    now = OFF - timedelta(minutes=2)
    again = replan(called_off, OFF, RaceStatus.UPCOMING, now)
    assert [(OFF - slot.at).seconds for slot in again] == [90, 60, 30, 0]


@given(offs)
def test_every_deadline_comes_before_the_next_slot_and_within_twenty_seconds(off: datetime) -> None:
    slots = plan(off)
    for slot, following in zip(slots, (*slots[1:], None), strict=True):
        until = deadline(slot.at, following.at if following else None)
        assert slot.at < until <= slot.at + LATEST <= slot.at + timedelta(seconds=20)
        assert following is None or until <= following.at


def test_a_slot_that_a_moved_plan_follows_closely_has_until_then() -> None:
    assert deadline(OFF, OFF + timedelta(seconds=7)) == OFF + timedelta(seconds=7)


# A sensor's ticks


def test_a_tick_takes_what_comes_by_its_end_and_what_follows_soon_but_nothing_after_its_last_chance() -> None:
    def taken(*lefts: float) -> list[float]:
        tick = Tick(OFF + 30 * SECOND, 6 * SECOND, OFF + 42 * SECOND)
        return list(itertools.takewhile(lambda left: tick.takes(OFF + left * SECOND), lefts))

    assert taken(-3, 0, 30) == [-3, 0, 30]
    assert taken(5, 36, 42) == [5, 36, 42]
    assert taken(5, 36.5) == [5]
    assert taken(33, 39, 43) == [33, 39]


OFFS = [OFF + timedelta(minutes=3 * number // 7 + 12 * (number % 20)) for number in range(34)]
"""Of a day of overlapping races, all at whole minutes."""


def asked_at(instants: Sequence[datetime], phase: timedelta, answers_in: timedelta, seed: float) -> list[datetime]:
    """When each instant of a day is asked for by the sensor, as Dagster's daemon runs it: its loop turns every 5 to 6
    seconds, and starts a tick when the last one has ended and was started 30 seconds ago.
    """
    chance = random.Random(seed)
    turn, started = instants[0] - timedelta(minutes=7) + phase, instants[0] - timedelta(days=1)
    ended, asked = started, list[datetime]()
    while len(asked) < len(instants):
        if turn >= ended and turn - started > COLLECTOR_EVERY_S * SECOND:
            started = turn
            begun = now = turn + chance.uniform(0.05, 1.0) * SECOND
            tick = Tick(begun + TICK, NEXT_TICK, begun + LONGEST_TICK - LAST_CHANCE)
            while len(asked) < len(instants) and tick.takes(instants[len(asked)]):
                now = max(now, instants[len(asked)])
                asked.append(now)
                ended = min(now + min(answers_in, LATEST), begun + LONGEST_TICK)
            ended = max(ended, now) + chance.uniform(0.05, 1.0) * SECOND
        turn += chance.uniform(5.0, 6.0) * SECOND
    return asked


@pytest.mark.parametrize("answers_in", [timedelta(0), 5 * SECOND, timedelta(hours=1)])
def test_whatever_the_phase_of_its_ticks_no_slot_of_a_day_falls_between_two_of_them(answers_in: timedelta) -> None:
    instants = sorted({slot.at for off in OFFS for slot in plan(off)})
    assert {at.second for at in instants} == {0, 30}
    for half_seconds in range(60):
        assert asked_at(instants, half_seconds * SECOND / 2, answers_in, half_seconds) == instants
