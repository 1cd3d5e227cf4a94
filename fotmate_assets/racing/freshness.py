"""Whether racing is as fresh as its calendar wants it: per meeting, what is due by when and what is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from sqlalchemy import Connection, text

from fotmate_assets.core.status import Freshness
from fotmate_assets.racing.model import KST, Sport, entries_due_by, midnight_after, results_due_by

_MEETINGS = text("""
    select r.track_id, r.sport, count(*) as races, min(r.post_time) as first_off, max(r.post_time) as last_off,
           count(*) filter (where exists (select from entries e where e.race_id = r.race_id)) as with_entries,
           count(*) filter (where r.status = 'finished') as finished
    from races r
    where r.race_date = :day and r.status not in ('cancelled', 'postponed')
    group by r.track_id, r.sport order by r.sport, r.track_id
""")


def racing_freshness(connection: Connection, day: date) -> list[Freshness]:
    """Entries two hours before the first off, results by their limit, for every meeting of a Korean day; and that the
    calendar of the day was asked for at all.
    """
    now = datetime.now(UTC)
    asked = connection.execute(
        text("select max(finished_at) from ingestion_jobs where job = 'racing/races' and partition_key = :day"),
        {"day": day.isoformat()},
    ).scalar()
    due = midnight_after(day)
    found = f"asked at {asked.astimezone(KST):%Y-%m-%d %H:%M} KST" if asked else "never asked"
    rows = [Freshness(f"racing calendar {day}", "the portals' calendar", due, found, asked is None and due < now)]
    for meeting in connection.execute(_MEETINGS, {"day": day}).mappings():
        rows += _of_meeting(dict(meeting), day, now)
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
