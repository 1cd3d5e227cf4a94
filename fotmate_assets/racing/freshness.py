"""Whether racing is as fresh as its calendar wants it: per meeting, what is due by when and what is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from sqlalchemy import Connection, text

from fotmate_assets.core.model import Verdict
from fotmate_assets.core.status import Freshness
from fotmate_assets.racing.cadence import ACCOUNTED_IN, CAPTURED_SHARE
from fotmate_assets.racing.model import KST, Sport, entries_due_by, midnight_after, results_due_by
from fotmate_assets.racing.queries import SOURCES

_MEETINGS = text("""
    select r.track_id, r.sport, count(*) as races, min(r.post_time) as first_off, max(r.post_time) as last_off,
           count(*) filter (where exists (select from entries e where e.race_id = r.race_id)) as with_entries,
           count(*) filter (where r.status = 'finished') as finished
    from races r
    where r.race_date = :day and r.status not in ('cancelled', 'postponed')
    group by r.track_id, r.sport order by r.sport, r.track_id
""")


_ANSWERED = text("""
    select source, max(finished_at) from ingestion_jobs
    where job = 'racing/races' and partition_key = :day and verdict = any(:had) group by source
""")


_SLOTS = text("""
    select source, max(slot_at) as last_at, count(*) as due, count(*) filter (where status = 'captured') as captured
    from odds_slots where race_date = :day and slot_at <= :until and verdict is distinct from 'empty_expected'
    group by source order by source
""")


def racing_freshness(connection: Connection, day: date) -> list[Freshness]:
    """Entries two hours before the first off, results by their limit, for every meeting of a Korean day; the odds of
    whom is followed; and that each source has told the calendar of the day at all: without it, no meeting is missed.
    """
    now, due = datetime.now(UTC), midnight_after(day)
    had = [verdict for verdict in Verdict if not verdict.is_failure]
    answered = dict(connection.execute(_ANSWERED, {"day": day.isoformat(), "had": had}).tuples().all())
    rows = []
    for source in SOURCES:
        at = answered.get(source)
        found = f"told at {at.astimezone(KST):%Y-%m-%d %H:%M} KST" if at else "never told"
        rows.append(
            Freshness(f"{source} calendar {day}", "which races there are", due, found, at is None and due < now)
        )
    for meeting in connection.execute(_MEETINGS, {"day": day}).mappings():
        rows += _of_meeting(dict(meeting), day, now)
    for source, last_at, of_slots, captured in connection.execute(_SLOTS, {"day": day, "until": now - ACCOUNTED_IN}):
        told = f"{captured} captured", captured < CAPTURED_SHARE * of_slots
        rows.append(Freshness(f"odds {source} {day}", f"{of_slots} slots", last_at, *told))
    return rows


def _of_meeting(meeting: dict[str, object], day: date, now: datetime) -> Iterator[Freshness]:
    subject, races = f"{meeting['sport']} {meeting['track_id']} {day}", meeting["races"]
    first, last = meeting["first_off"], meeting["last_off"]
    if isinstance(first, datetime):
        by, there = entries_due_by(first), meeting["with_entries"]
        yield Freshness(f"{subject} entries", f"{races} races", by, f"{there} races", there != races and by < now)
    by = results_due_by(Sport(str(meeting["sport"])), day, last if isinstance(last, datetime) else None)
    done = meeting["finished"]
    yield Freshness(f"{subject} results", f"{races} races", by, f"{done} races", done != races and by < now)
