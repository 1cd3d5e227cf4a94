"""Planned instants against captured ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from fotmate_assets.core.model import Finding, Verdict
from fotmate_assets.racing.cadence import ACCOUNTED_IN, CAPTURED_SHARE, SlotStatus, plan
from fotmate_assets.racing.model import CALLED_OFF, ChangeKind, RaceStatus
from fotmate_assets.racing.odds.findings.words import ACTED_ON, clock, named, of_day

SPORT_FOLLOWED_WITHIN = timedelta(days=30)
"""A sport whose slots were planned within so many days is one that is followed."""

ALWAYS, FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

_RACES = text("""
    select race_id, sport, status, post_time from races where race_date = :day order by race_id
""")
_CHANGES = text("""
    select race_id, kind, old_value, new_value, observed_at from race_changes
    where race_date = :day and kind in ('post_time', 'status') order by change_id
""")
_SLOTS = text("""
    select race_id, slot_at, phase, status, verdict, reason from odds_slots
    where race_date = :day order by race_id, slot_at
""")
_FOLLOWED_FROM = text("""
    select split_part(race_id, '-', 1), min(slot_at) from odds_slots
    where race_date between :since and :day group by 1
""")
_UNSTORED = text("""
    with stored as (
        select distinct race_id, observed_at from odds_snapshots where race_date = :day and source <> 'portal_final'
    )
    select s.race_id, s.slot_at from odds_slots s
    where s.race_date = :day and s.status = 'captured'
    and not exists (select from odds_retired where race_date = :day)
    and not exists (select from stored o where o.race_id = s.race_id and o.observed_at = s.slot_at)
    order by s.race_id, s.slot_at
""")


def slots_captured(connection: Connection, key: str, now: datetime | None = None) -> list[Finding]:
    """99 % of the instants planned for each race and phase were captured, every one that has passed is accounted
    for, and no race of a sport that is followed was left out.

    Not counted are instants from the moment a race was called off, and those at which the source rightly had nothing.
    A sport is followed from its first slot of the 30 days up to this one, so that what was before there was a collector
    passes. Of a race with slots, every instant is planned that its post time told when it came, but for two
    minutes after a change of it. What is recorded as captured is stored, unless the day was retired to the lake.
    """
    at = now or datetime.now(UTC)
    day = of_day(key)
    races = {row.race_id: row for row in connection.execute(_RACES, day)}
    changes: dict[str, list[Row[Any]]] = defaultdict(list)
    for change in connection.execute(_CHANGES, day):
        changes[change.race_id].append(change)
    slots: dict[str, list[Row[Any]]] = defaultdict(list)
    for slot in connection.execute(_SLOTS, day):
        slots[slot.race_id].append(slot)
    sports = connection.execute(_FOLLOWED_FROM, {**day, "since": day["day"] - SPORT_FOLLOWED_WITHIN}).tuples()
    followed_from: dict[str, datetime] = dict(sports.all())
    found: list[Finding] = []
    for race_id in sorted(races.keys() | slots.keys()):
        race, of_race = races.get(race_id), slots.get(race_id, [])
        epochs = _epochs(race, changes[race_id]) if race is not None else []
        judged = [slot for slot in of_race if _is_judged(slot, epochs, at)]
        found += _uncaptured(race_id, judged)
        if race is None or RaceStatus(race.status) in CALLED_OFF or race.post_time is None:
            continue
        first = followed_from.get(race.sport, FOREVER)
        if not of_race:
            if first < race.post_time <= at - ACCOUNTED_IN:
                found.append(Finding(race_id, "slots", f"nobody followed it to its off at {clock(race.post_time)}"))
            continue
        if all(slot.verdict == Verdict.EMPTY_EXPECTED for slot in of_race):
            found.append(Finding(race_id, "slots", f"the source had nothing at any of {len(of_race)} instants"))
        due = {instant for instant in _due(epochs, at) if instant >= first}
        missing = sorted(due - {slot.slot_at for slot in of_race})
        if missing:
            message = f"{len(missing)} instants were never planned: {named([clock(instant) for instant in missing])}"
            found.append(Finding(race_id, "slots", message))
    for race_id, rows in groupby(connection.execute(_UNSTORED, day), lambda row: row.race_id):
        times = [clock(row.slot_at) for row in rows]
        found.append(Finding(race_id, "slots", f"recorded as captured, and no odds are stored of {named(times)}"))
    return found


class _Epoch(NamedTuple):
    """A time in which the calendar said the same of a race."""

    since: datetime
    until: datetime
    post_time: datetime | None
    """None while it was called off, or without one."""


def _epochs(race: Row[Any], changes: Sequence[Row[Any]]) -> list[_Epoch]:
    """What the calendar said of a race from when to when, by the history of its changes."""
    moves = [change for change in changes if change.kind == ChangeKind.POST_TIME]
    turns = [change for change in changes if change.kind == ChangeKind.STATUS]
    post_time = _instant(moves[0].old_value) if moves else race.post_time
    status = RaceStatus(turns[0].old_value if turns else race.status)
    epochs, since = [], ALWAYS
    for change in changes:
        epochs.append(_Epoch(since, change.observed_at, None if status in CALLED_OFF else post_time))
        since = change.observed_at
        if change.kind == ChangeKind.POST_TIME:
            post_time = _instant(change.new_value)
        else:
            status = RaceStatus(change.new_value)
    return [*epochs, _Epoch(since, FOREVER, None if status in CALLED_OFF else post_time)]


def _instant(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _due(epochs: Iterable[_Epoch], at: datetime) -> Iterator[datetime]:
    """The instants that have passed and were to be planned."""
    for epoch in epochs:
        if epoch.post_time is None:
            continue
        first = epoch.since if epoch.since == ALWAYS else epoch.since + ACTED_ON
        last = min(epoch.until, at - ACCOUNTED_IN)
        yield from (slot.at for slot in plan(epoch.post_time) if first < slot.at <= last)


def _is_judged(slot: Row[Any], epochs: Iterable[_Epoch], at: datetime) -> bool:
    if slot.verdict == Verdict.EMPTY_EXPECTED:
        return False
    if slot.status == SlotStatus.PLANNED and slot.slot_at > at - ACCOUNTED_IN:
        return False
    return not any(epoch.post_time is None and epoch.since < slot.slot_at <= epoch.until for epoch in epochs)


def _uncaptured(race_id: str, judged: Sequence[Row[Any]]) -> Iterator[Finding]:
    phases: dict[str, list[Row[Any]]] = defaultdict(list)
    for slot in judged:
        phases[slot.phase].append(slot)
    for phase, due in phases.items():
        lost = [slot for slot in due if slot.status != SlotStatus.CAPTURED]
        captured = len(due) - len(lost)
        if captured < CAPTURED_SHARE * len(due):
            share = f"{captured} of {len(due)} captured ({captured / len(due):.0%}); missed "
            yield Finding(race_id, f"slots {phase}", share + named([_why(slot) for slot in lost]))


def _why(slot: Row[Any]) -> str:
    if slot.status == SlotStatus.PLANNED:
        return f"{clock(slot.slot_at)} (nobody has accounted for it)"
    return f"{clock(slot.slot_at)} ({slot.verdict}{f': {slot.reason}' if slot.reason else ''})"
