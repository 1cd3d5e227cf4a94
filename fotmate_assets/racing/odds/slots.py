"""The plan of what is to be captured and its account, in Postgres: the table `odds_slots`.

A slot is written as planned before it falls due, and becomes captured or missed once. The table is the collector's
cursor: whoever comes next finds there what was not attended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from fotmate_assets.core.ledger import storable
from fotmate_assets.core.postgres import is_transient
from fotmate_assets.racing.cadence import (
    FIRST_SLOT_BEFORE_OFF,
    LATEST,
    SECONDS_TO_OFF,
    Phase,
    Slot,
    SlotVerdict,
    phase_of,
    replan,
)
from fotmate_assets.racing.model import CALLED_OFF
from fotmate_assets.racing.odds.model import OddsRace
from fotmate_assets.racing.odds.outcomes import Outcome

LOOK_AHEAD = timedelta(minutes=10)
"""How far ahead slots are written as planned: longer than any two slots of a race are apart."""

GRACE = timedelta(seconds=30)
"""From a slot's deadline until it is taken for unattended: who polled it may still be writing."""

ACCOUNTED_BACK = timedelta(days=7)
"""How far back slots are accounted for that nobody planned. Older ones are nobody's: a pause of months is no outage."""

UNATTENDED = "nobody asked for it in time, or who did died before it could write"
UNPLANNED = "nobody planned it: no collector was at work, or the race was not known in time"


# Reading ------------------------------------------------------------------------------------------------------------

_PLANNED = text("""
    select race_id, slot_at, phase from odds_slots
    where status = 'planned' and slot_at > :after order by slot_at, race_id
""")


def planned_slots(connection: Connection, after: datetime) -> list[tuple[str, Slot]]:
    """Race and slot of everything that is planned for later than `after` and not accounted for, in order."""
    rows = connection.execute(_PLANNED, {"after": after}).tuples()
    return [(race_id, Slot(at, Phase(phase))) for race_id, at, phase in rows]


# Planning -----------------------------------------------------------------------------------------------------------

_PLAN = text("""
    insert into odds_slots (race_id, slot_at, race_date, phase, status, source, is_simulated)
    select race_id, slot_at, race_date, phase, 'planned', :source, :is_simulated
    from unnest(cast(:race_ids as text[]), cast(:slots_at as timestamptz[]), cast(:race_dates as date[]),
                cast(:phases as text[])) as new (race_id, slot_at, race_date, phase)
    on conflict do nothing
""")
_UNPLAN = text("""
    delete from odds_slots s
    using unnest(cast(:race_ids as text[]), cast(:slots_at as timestamptz[])) as old (race_id, slot_at)
    where s.race_id = old.race_id and s.slot_at = old.slot_at and s.status = 'planned'
""")


def plan_ahead(
    connection: Connection, races: Mapping[str, OddsRace], now: datetime, source: str, *, is_simulated: bool
) -> None:
    """Bring the slots to come in line with `races`, which are all that are to be followed: write those within
    LOOK_AHEAD, delete what is in the plan no more (the post time has moved, the race is off). Part of the transaction.
    """
    in_force: dict[str, set[Slot]] = defaultdict(set)
    for race_id, slot in planned_slots(connection, now):
        in_force[race_id].add(slot)
    new, old = [], []
    for race_id in sorted(in_force.keys() | races.keys()):
        race, before = races.get(race_id), in_force[race_id]
        after = set(replan(before, race.post_time, race.status, now)) if race is not None else set[Slot]()
        old += [(race_id, slot.at) for slot in sorted(before - after)]
        if race is not None:
            coming = (slot for slot in sorted(after - before) if slot.at <= now + LOOK_AHEAD)
            new += [(race_id, slot.at, race.race_date, slot.phase.value) for slot in coming]
    if old:
        ids, instants = zip(*old, strict=True)
        connection.execute(_UNPLAN, {"race_ids": list(ids), "slots_at": list(instants)})
    if new:
        columns = map(list, zip(*new, strict=True))
        values = dict(zip(("race_ids", "slots_at", "race_dates", "phases"), columns, strict=True))
        connection.execute(_PLAN, {**values, "source": source, "is_simulated": is_simulated})


# Accounting ---------------------------------------------------------------------------------------------------------

_ABANDONED = text("""
    update odds_slots s set status = 'missed', verdict = 'unattended', reason = :reason, changed_at = now()
    where s.status = 'planned' and s.slot_at < :before and s.slot_at > :after
      and not exists (
        select from unnest(cast(:busy_ids as text[]), cast(:busy_at as timestamptz[])) as busy (race_id, slot_at)
        where busy.race_id = s.race_id and busy.slot_at = s.slot_at)
    returning s.race_id, s.race_date, s.slot_at, s.phase, s.reason
""")
_NEVER_PLANNED = text("""
    insert into odds_slots (race_id, slot_at, race_date, phase, status, verdict, reason, source, is_simulated)
    select r.race_id, r.post_time - left_s * interval '1 second', r.race_date, phase, 'missed', 'unattended', :reason,
           :source, :is_simulated
    from races r cross join unnest(cast(:lefts_s as integer[]), cast(:phases as text[])) as slot (left_s, phase)
    where r.post_time between :after and :last and r.status <> all(:off)
      and r.post_time - left_s * interval '1 second' > :after
      and r.post_time - left_s * interval '1 second' <= :now
    on conflict do nothing
    returning race_id, race_date, slot_at, phase, reason
""")


def close_gap(
    connection: Connection,
    now: datetime,
    source: str,
    *,
    is_simulated: bool,
    busy: Collection[tuple[str, datetime]] = (),
    planned_until: datetime | None = None,
) -> list[Outcome]:
    """Account for what nobody attended, and return it: planned slots whose deadline is GRACE ago, except those that the
    caller is `busy` with, and slots of the last 7 days (ACCOUNTED_BACK) that fell after the last one ever planned, or
    after `planned_until`, as far as the caller knows its plan to be whole. What was not planned and is older is
    nobody's; so is the past on the very first start. To be called before anything new is planned. Part of the
    transaction.
    """
    newest: datetime | None = connection.scalar(text("select max(slot_at) from odds_slots"))
    if newest is None:
        return []
    abandoned = {
        "reason": UNATTENDED,
        "before": now - LATEST - GRACE,
        # Every look closes what came before it, and plans minutes ahead: no older slot is still open.
        "after": min(newest, now) - ACCOUNTED_BACK,
        "busy_ids": [race_id for race_id, _ in busy],
        "busy_at": [at for _, at in busy],
    }
    rows = list(connection.execute(_ABANDONED, abandoned))
    cursor = max(filter(None, (newest, planned_until, now - ACCOUNTED_BACK)))
    if cursor < now:
        never_planned = {
            "reason": UNPLANNED,
            "source": source,
            "is_simulated": is_simulated,
            "lefts_s": list(SECONDS_TO_OFF),
            "phases": [phase_of(left).value for left in SECONDS_TO_OFF],
            "after": cursor,
            "now": now,
            "last": now + FIRST_SLOT_BEFORE_OFF,
            "off": [status.value for status in CALLED_OFF],
        }
        rows += connection.execute(_NEVER_PLANNED, never_planned)
    return [
        Outcome(row.race_id, row.race_date, Slot(row.slot_at, Phase(row.phase)), SlotVerdict.UNATTENDED, row.reason)
        for row in rows
    ]


_ACCOUNT = text("""
    insert into odds_slots as s
        (race_id, slot_at, race_date, phase, status, verdict, reason, tries, asked_at, source, is_simulated)
    select race_id, slot_at, race_date, phase, status, verdict, reason, tries, asked_at, :source, :is_simulated
    from unnest(cast(:race_ids as text[]), cast(:slots_at as timestamptz[]), cast(:race_dates as date[]),
                cast(:phases as text[]), cast(:statuses as text[]), cast(:verdicts as text[]),
                cast(:reasons as text[]), cast(:tries as smallint[]), cast(:asked_at as timestamptz[]))
        as new (race_id, slot_at, race_date, phase, status, verdict, reason, tries, asked_at)
    on conflict (race_id, slot_at) do update
    set status = excluded.status, verdict = excluded.verdict, reason = excluded.reason, tries = excluded.tries,
        asked_at = excluded.asked_at, source = excluded.source, is_simulated = excluded.is_simulated, changed_at = now()
    where s.status = 'planned' or s.verdict = 'unattended' or (s.status = 'missed' and excluded.status = 'captured')
    returning race_id, slot_at
""")


def account(connection: Connection, outcomes: Iterable[Outcome], source: str, *, is_simulated: bool) -> list[Outcome]:
    """Write what became of slots, and return those for which that is news: what was captured stays captured, and what
    somebody tried in vain stays so unless it was captured after all. Part of the transaction.
    """
    in_order = sorted(outcomes, key=lambda outcome: outcome.key)
    values: dict[str, Any] = {
        "race_ids": [each.race_id for each in in_order],
        "slots_at": [each.slot.at for each in in_order],
        "race_dates": [each.race_date for each in in_order],
        "phases": [each.slot.phase.value for each in in_order],
        "statuses": [each.status.value for each in in_order],
        "verdicts": [each.verdict.value for each in in_order],
        "reasons": [storable(each.reason) for each in in_order],
        "tries": [each.tries for each in in_order],
        "asked_at": [each.asked_at for each in in_order],
    }
    decided = connection.execute(_ACCOUNT, {**values, "source": source, "is_simulated": is_simulated})
    news = {(row.race_id, row.slot_at) for row in decided}
    return [each for each in in_order if each.key in news]


# One collector per race ---------------------------------------------------------------------------------------------

_LOCK = text("""
    select race_id from unnest(cast(:race_ids as text[])) as wanted (race_id)
    where pg_try_advisory_lock(hashtextextended('odds ' || race_id, 0))
""")
_UNLOCK = text("""
    select pg_advisory_unlock(hashtextextended('odds ' || race_id, 0))
    from unnest(cast(:race_ids as text[])) as done (race_id)
""")
_NOTICE_DEATH = text("""
    select set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
           set_config('tcp_keepalives_count', '3', false)
""")
"""A machine that vanishes from the network keeps its races for half a minute, not for the two hours of the default."""


class RaceLocks:
    """Races that this collector follows, and no other: session locks on a connection of its own, which die with it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._held: set[str] = set()

    def hold(self, race_ids: Collection[str]) -> frozenset[str]:
        """Try for those of the races that are not held, let go of others; those held now. With a connection that was
        lost all locks were: they are tried for anew. Raises DBAPIError where there is no database.
        """
        try:
            return self._hold(race_ids)
        except DBAPIError as error:
            if not is_transient(error):
                raise
            self.release()
            return self._hold(race_ids)

    def _hold(self, race_ids: Collection[str]) -> frozenset[str]:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.execute(_NOTICE_DEATH)
        wanted = set(race_ids)
        # Also with nothing to ask for: this is how a lost connection is noticed.
        self._connection.execute(_UNLOCK, {"race_ids": sorted(self._held - wanted)})
        self._held &= wanted
        self._held.update(self._connection.scalars(_LOCK, {"race_ids": sorted(wanted - self._held)}))
        return frozenset(self._held)

    def release(self) -> None:
        """Let go of all, and of the connection."""
        self._held.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.execute(text("select pg_advisory_unlock_all()"))
            except SQLAlchemyError:
                connection.invalidate()
            connection.close()
