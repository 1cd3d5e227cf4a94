"""Form: how the runners and jockeys of a race day did over the year before it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial

from sqlalchemy import Connection, Engine, text

from fotmate_assets.core.postgres import in_transaction, lock_for_transaction

FORM_DAYS = 365

_FORM = text("""
    with entered as (
        select r.sport, who.kind, coalesce(who.id, who.name) as subject_id, who.id,
               max(coalesce(who.name, who.id)) as name
        from entries e join races r using (race_id)
        cross join lateral (values
            ('runner', e.runner_id, e.runner_name), ('jockey', e.jockey_id, e.jockey_name)
        ) as who(kind, id, name)
        where e.race_date = :day and coalesce(who.id, who.name) is not null
        group by 1, 2, 3, 4
    ), before as (
        select r.sport, who.*, t.race_date, t.race_id, t.finish_position
        from results t join races r using (race_id)
        cross join lateral (values
            ('runner', t.runner_id, t.runner_name), ('jockey', t.jockey_id, t.jockey_name)
        ) as who(kind, id, name)
        where t.race_date >= :since and t.race_date < :day and r.status <> 'cancelled'
        and t.finish_status in ('finished', 'disqualified', 'pulled_up')
    ), starts as (
        select sport, kind, e.subject_id, race_date, race_id, finish_position
        from entered e join before b using (sport, kind, id)
        union all
        select sport, kind, e.subject_id, race_date, race_id, finish_position
        from entered e join before b using (sport, kind, name) where e.id is null or b.id is null
    )
    insert into form (
        race_date, sport, kind, subject_id, name, starts, wins, seconds, thirds, win_rate, top3_rate,
        last_race_date, last_finish_position
    )
    select :day, sport, kind, subject_id, name, count(race_id),
           count(*) filter (where finish_position = 1),
           count(*) filter (where finish_position = 2),
           count(*) filter (where finish_position = 3),
           count(*) filter (where finish_position = 1)::real / nullif(count(race_id), 0),
           count(*) filter (where finish_position <= 3)::real / nullif(count(race_id), 0),
           max(race_date),
           (array_agg(finish_position order by race_date desc, race_id desc))[1]
    from entered left join starts using (sport, kind, subject_id)
    group by sport, kind, subject_id, name
""")


def refresh_form(engine: Engine, days: Iterable[date]) -> int:
    """Write the form of everybody entered on each of `days` anew; return the rows.

    Who has no registration on the card (KSPO cycles) or in the result is known by name. Races that do not count
    (scratched, void, cancelled) are no starts.
    """
    return sum(in_transaction(engine, partial(_refresh, day)) for day in days)


def _refresh(day: date, connection: Connection) -> int:
    lock_for_transaction(connection, f"form {day}")
    connection.execute(text("delete from form where race_date = :day"), {"day": day})
    since = date.fromordinal(day.toordinal() - FORM_DAYS)
    return connection.execute(_FORM, {"day": day, "since": since}).rowcount
