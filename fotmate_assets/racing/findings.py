"""What can be wrong with a race date's rows: pure reads that name the race and the field.

Each function returns its findings, none when all is well, and looks only at what is stored. What has a time limit is
judged at `now`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, text

from fotmate_assets.core.model import Finding
from fotmate_assets.racing.model import (
    KST,
    FinishStatus,
    Pool,
    RaceStatus,
    Sport,
    entries_due_by,
    midnight_after,
    paying_combinations,
    results_due_by,
)
from fotmate_assets.racing.queries import UNPAID

MINUTE = "%Y-%m-%d %H:%M"

PLACED = 3
"""Positions that a pool can depend on."""


def _rows(connection: Connection, key: str, sql: str) -> list[Finding]:
    """Findings of a query that gives subject, field and message; `:day` is the race date."""
    return [Finding(*row) for row in connection.execute(text(sql), {"day": date.fromisoformat(key), "key": key})]


def nothing_owed(connection: Connection, key: str) -> list[Finding]:
    """The calendar was asked for this race date, and nothing of it is owed. No race is not enough to pass."""
    return _rows(
        connection,
        key,
        """
        select 'race date', 'calendar', 'nobody has asked for the calendar of ' || :key
        where not exists (
            select from ingestion_jobs
            where source in ('kra', 'kspo') and job = 'racing/races' and partition_key = :key
            and verdict in ('ok', 'not_yet', 'empty_expected')
        )
        union all
        select document, coalesce(field, ''), source || ': ' || reason || ' [' || verdict || ', ' || status || ']'
        from ingestion_failures
        where source in ('kra', 'kspo') and partition_key = :key and status <> 'resolved'
        """,
    )


def entries_as_declared(connection: Connection, key: str) -> list[Finding]:
    """As many entries are stored as the entry documents hold: nothing lost, nothing twice."""
    return _declared(connection, key, "entries")


def results_as_declared(connection: Connection, key: str) -> list[Finding]:
    """As many results are stored as the result documents hold, once every race of the meeting is decided. Rows of a
    cancelled race say that it was not run; they need not be results.
    """
    return _declared(
        connection,
        key,
        "results",
        """(
            select count(*) from entries e join races r using (race_id)
            where r.track_id = m.track_id and r.race_date = m.race_date and r.status = 'cancelled'
            and not exists (select from results t where t.race_id = r.race_id)
        )""",
        """and not exists (
            select from races r where r.track_id = m.track_id and r.race_date = m.race_date
            and r.status not in ('finished', 'cancelled')
        )""",
    )


def _declared(connection: Connection, key: str, table: str, excused: str = "0", when: str = "") -> list[Finding]:
    return _rows(
        connection,
        key,
        f"""
        select 'meeting ' || m.track_id, '{table}', 'the documents hold ' || m.{table}_declared || ', stored are ' || n
        from meetings m
        cross join lateral (
            select count(*) as n from {table} t join races r using (race_id)
            where r.track_id = m.track_id and r.race_date = m.race_date
        ) as stored
        where m.race_date = :day and n not between m.{table}_declared - {excused} and m.{table}_declared {when}
        """,  # noqa: S608 - every part is a literal above
    )


def entries_in_time(connection: Connection, key: str, now: datetime | None = None) -> list[Finding]:
    """Every race that is on has entries from two hours before the off, or by the end of its day where no off is known.
    Velodromes that publish no card, and so no off, are left out.
    """
    query = text("""
        select r.race_id, r.race_date, r.post_time from races r
        where r.race_date = :day and r.status not in ('cancelled', 'postponed')
        and not (r.post_time is null and r.sport = 'cycle')
        and not exists (select from entries e where e.race_id = r.race_id)
        order by r.race_id
    """)
    found = []
    for row in connection.execute(query, {"day": date.fromisoformat(key)}):
        due = entries_due_by(row.post_time) if row.post_time else midnight_after(row.race_date)
        if due <= (now or datetime.now(UTC)):
            found.append(Finding(row.race_id, "entries", f"none; they were due by {due.astimezone(KST):{MINUTE}} KST"))
    return found


def field_sizes_agree(connection: Connection, key: str) -> list[Finding]:
    """The announced field, the entries and the results of a race speak of the same runners. The field may be counted
    before a scratch or after it.
    """
    return _rows(
        connection,
        key,
        """
        select r.race_id, 'field_size', 'announced are ' || r.field_size || ' runners, entered ' || count(*)
               || ', of them scratched ' || count(*) filter (where e.is_scratched)
        from races r join entries e using (race_id)
        where r.race_date = :day
        group by r.race_id
        having r.field_size not between count(*) filter (where not e.is_scratched) and count(*)
        union all
        select race_id, 'start_no', coalesce('number ' || start_no, t.runner_name) || case
            when e.race_id is null then ' has a result but no entry'
            when t.race_id is null then ' is entered and neither scratched nor in the result'
            else ' is scratched and has started'
        end
        from (select * from entries where race_date = :day) e
        full join (select * from results where race_date = :day) t using (race_id, start_no)
        join races r using (race_id)
        where r.status = 'finished' and exists (select from entries x where x.race_id = r.race_id)
        and (
            e.race_id is null or (t.race_id is null and not e.is_scratched)
            or (e.is_scratched and t.finish_status in ('finished', 'disqualified', 'pulled_up'))
        )
        order by 1, 3
        """,
    )


def finish_order_complete(connection: Connection, key: str) -> list[Finding]:
    """Finishing positions are 1, 2, 3 ...; the tied share one, and as many positions after it stay free."""
    return _rows(
        connection,
        key,
        """
        select race_id, 'finish_position', coalesce('number ' || start_no, runner_name) || ' is given '
               || finish_position || ', by the order it is ' || place
        from (
            select race_id, start_no, runner_name, finish_position,
                   rank() over (partition by race_id order by finish_position) as place
            from results where race_date = :day and finish_position is not null
        ) as ranked
        where finish_position <> place
        union all
        select race_id, 'finish_position', 'the race is finished and nobody has won it'
        from races r
        where race_date = :day and status = 'finished'
        and not exists (select from results t where t.race_id = r.race_id and t.finish_position = 1)
        """,
    )


def times_ascend(connection: Connection, key: str) -> list[Finding]:
    """Nobody is placed ahead of a faster runner. The tied may differ by what the clock cannot show, and a runner that
    the stewards put back (강착) was faster than its place.
    """
    return _rows(
        connection,
        key,
        """
        select race_id, 'time_s', 'number ' || start_no || ' is ' || finish_position || ' in ' || time_s
               || ' s, someone ahead took ' || ahead || ' s'
        from (
            select race_id, start_no, finish_position, time_s, max(time_s) over (
                partition by race_id order by finish_position
                range between unbounded preceding and 1 preceding
            ) as ahead
            from results where race_date = :day and finish_position is not null and time_s is not null
            and coalesce(details ->> 'ordBigo', '') not like '%강착%'
        ) as timed
        where time_s < ahead
        """,
    )


def payoffs_agree(connection: Connection, key: str) -> list[Finding]:
    """What paid is what the finishing order makes pay, and both of the source's services name the same odds. Where no
    document tells the start number of one of the first three, the order is not known well enough to judge.
    """
    day = {"day": date.fromisoformat(key)}
    positions: dict[str, dict[int, int]] = defaultdict(dict)
    starters: dict[str, int] = defaultdict(int)
    unnumbered = set()
    for row in connection.execute(
        text("select race_id, start_no, finish_position, finish_status from results where race_date = :day"), day
    ):
        starters[row.race_id] += FinishStatus(row.finish_status).started
        if row.finish_position is not None and row.start_no is not None:
            positions[row.race_id][row.start_no] = row.finish_position
        elif row.finish_position is not None and row.finish_position <= PLACED:
            unnumbered.add(row.race_id)
    paid: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(
        text("select * from payoffs where race_date = :day order by race_id, pool, combination"), day
    ):
        paid[row.race_id, row.pool].append(row)
    found = []
    for (race, pool), rows in paid.items():
        found += [
            Finding(race, f"{pool} {row.combination}", f"paid {row.odds}, {row.confirmed_odds} by the second service")
            for row in rows
            if row.confirmed_odds is not None and row.odds is not None and row.confirmed_odds != row.odds
        ]
        if race not in positions:
            found.append(Finding(race, pool, "it paid, and the race has no result"))
            continue
        due = paying_combinations(Pool(pool), positions[race], starters[race])
        got = {row.combination for row in rows}
        if due and due != got and race not in unnumbered:
            found.append(Finding(race, pool, f"{_joined(got)} paid; by the result {_joined(due)} should have"))
    return found


def _joined(combinations: Iterable[str]) -> str:
    return ", ".join(sorted(combinations)) or "none"


def results_in_time(connection: Connection, key: str, now: datetime | None = None) -> list[Finding]:
    """Every race that is on is decided and has paid within its limit: horses two hours after the off, cycles and boats
    by the end of the next day.
    """
    query = text(f"""
        select r.race_id, r.sport, r.race_date, r.post_time, r.status from races r
        where r.race_date = :day and r.status not in ('cancelled', 'postponed') and (r.status <> 'finished' or {UNPAID})
        order by r.race_id
    """)  # noqa: S608 - a literal of queries
    found = []
    for row in connection.execute(query, {"day": date.fromisoformat(key)}):
        due = results_due_by(Sport(row.sport), row.race_date, row.post_time)
        if due <= (now or datetime.now(UTC)):
            field, late = ("payoffs", "none") if row.status == RaceStatus.FINISHED else ("status", row.status)
            found.append(Finding(row.race_id, field, f"{late}; due by {due.astimezone(KST):{MINUTE}} KST"))
    return found


def schema_drift(connection: Connection, key: str) -> list[Finding]:
    """No document of this date brings a field that the source never had before."""
    return _rows(
        connection,
        key,
        """
        select tables.name, field, 'new field, in ' || count(*) || ' rows'
        from (
            select 'races' as name, extra from races where race_date = :day
            union all select 'entries', extra from entries where race_date = :day
            union all select 'results', extra from results where race_date = :day
        ) as tables
        cross join lateral jsonb_object_keys(extra) as field
        group by tables.name, field
        order by tables.name, field
        """,
    )


def nothing_odd(connection: Connection, key: str) -> list[Finding]:
    """The sources' documents are free of oddities that had to be set aside."""
    return _rows(
        connection,
        key,
        """
        select 'meeting ' || track_id, 'documents', warning
        from meetings cross join lateral jsonb_array_elements_text(warnings) as warning
        where race_date = :day order by track_id, warning
        """,
    )
