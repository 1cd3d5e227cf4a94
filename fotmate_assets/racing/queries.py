"""Typed reads for analysts, the assets and the cadence. Every query is parametrised and uses an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by

from fotmate_assets.racing.model import TRACKS, Pool, RaceStatus, Sport
from fotmate_assets.racing.tables import entries, payoffs, race_changes, races, results, tracks

SOURCES = sorted({track.source for track in TRACKS.values()})


@dataclass(frozen=True)
class RaceTime:
    """A race as the cadence sees it."""

    race_date: date
    sport: Sport
    status: RaceStatus
    post_time: datetime | None
    has_entries: bool
    is_unpaid: bool
    """Finished, and its payoffs are to come."""


@dataclass(frozen=True)
class RaceSummary:
    """One race of a day with its winner."""

    race_id: str
    track: str
    sport: str
    race_no: int
    name: str | None
    distance_m: int | None
    grade: str | None
    post_time: datetime | None
    status: str
    runners: int
    """Entered and not scratched."""
    winner: str | None
    """Several in a dead heat, by start number, joined by `=`."""
    win_odds: float | None
    """Final, not live: of the result, else as paid; the lowest in a dead heat."""


@dataclass(frozen=True)
class RaceDetail:
    """One race with everything stored of it."""

    race: Row[Any]
    entries: Sequence[Row[Any]]
    """By start number."""
    results: Sequence[Row[Any]]
    """By finishing position, who did not finish last."""
    payoffs: Sequence[Row[Any]]
    """By pool and combination."""
    changes: Sequence[Row[Any]]
    """Oldest first."""


UNPAID = """
    r.status = 'finished'
    and not exists (select from payoffs p where p.race_id = r.race_id)
    and 1 < (
        select count(*) from results t
        where t.race_id = r.race_id and t.finish_status in ('finished', 'disqualified', 'pulled_up')
    )
    and (r.track_id not in ('changwon', 'busan_cycle') or exists (
        select from payoffs p join races o using (race_id) where o.track_id = r.track_id and o.race_date = r.race_date
    ))
"""
"""SQL: the finished race `r` is to pay something yet. A walkover pays nothing; the velodromes without a card may not
publish their payoffs, so there another race of the day must have paid.
"""

_TIMES = text(f"""
    select r.race_date, r.sport, r.status, r.post_time,
           exists (select from entries e where e.race_id = r.race_id),
           {UNPAID}
    from races r where r.race_date between :first and :last
    order by r.race_date, r.race_id
""")  # noqa: S608 - a literal above


def race_times(connection: Connection, first: date, last: date) -> list[RaceTime]:
    """Races of these days, both included, by date."""
    rows = connection.execute(_TIMES, {"first": first, "last": last})
    return [RaceTime(day, Sport(sport), RaceStatus(status), *rest) for day, sport, status, *rest in rows]


def races_by_date(connection: Connection, day: date) -> list[RaceSummary]:
    """The races of a day in order of their post times, with their winners."""
    runners = (
        select(func.count())
        .where(entries.c.race_id == races.c.race_id, ~entries.c.is_scratched)
        .correlate(races)
        .scalar_subquery()
    )
    winner = and_(results.c.race_id == races.c.race_id, results.c.finish_position == 1)
    by_number = aggregate_order_by(text("' = '"), results.c.start_no, results.c.line)
    first, told = (
        select(each).where(winner).correlate(races).scalar_subquery()
        for each in (func.string_agg(results.c.runner_name, by_number), func.min(results.c.win_odds))
    )
    paid = (
        select(func.min(payoffs.c.odds))
        .where(payoffs.c.race_id == races.c.race_id, payoffs.c.pool == Pool.WIN)
        .correlate(races)
        .scalar_subquery()
    )
    query = (
        select(
            races.c.race_id,
            tracks.c.name,
            *(races.c[name] for name in ("sport", "race_no", "name", "distance_m", "grade", "post_time", "status")),
            runners,
            first,
            func.coalesce(told, paid),
        )
        .join(tracks, tracks.c.track_id == races.c.track_id)
        .where(races.c.race_date == day)
        .order_by(races.c.post_time, races.c.race_id)
    )
    return [RaceSummary(*row) for row in connection.execute(query)]


def race_with_entries(connection: Connection, race_id: str) -> RaceDetail | None:
    """One race with its entries, result, payoffs and changes; None where it is not known."""
    race = connection.execute(select(races).where(races.c.race_id == race_id)).one_or_none()
    if race is None:
        return None
    lists = (
        select(entries).where(entries.c.race_id == race_id).order_by(entries.c.start_no),
        select(results)
        .where(results.c.race_id == race_id)
        .order_by(results.c.finish_position.nulls_last(), results.c.start_no),
        select(payoffs).where(payoffs.c.race_id == race_id).order_by(payoffs.c.pool, payoffs.c.combination),
        select(race_changes).where(race_changes.c.race_id == race_id).order_by(race_changes.c.change_id),
    )
    return RaceDetail(race, *(connection.execute(query).all() for query in lists))


def row_counts(connection: Connection, days: Sequence[date]) -> dict[str, int]:
    """Rows of these race dates in each of the day's tables."""
    counted = {table.name: table for table in (races, entries, results, payoffs)}
    return {
        name: connection.execute(
            select(func.count()).select_from(table).where(table.c.race_date == func.any(list(days)))
        ).scalar_one()
        for name, table in counted.items()
    }


def last_attempts(connection: Connection, job: str, first: date) -> dict[date, datetime]:
    """When `job` (`racing/results`) was last at work on each race date from `first` on."""
    query = text("""
        select partition_key::date as race_date, max(finished_at) as at from ingestion_jobs
        where source = any(:sources) and job = :job and partition_key >= :first group by partition_key
    """)
    asked = {"sources": SOURCES, "job": job, "first": first.isoformat()}
    return {row.race_date: row.at for row in connection.execute(query, asked)}
