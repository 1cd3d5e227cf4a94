"""Races as odds are asked for, read from the calendar."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from fotmate_assets.racing.model import RaceStatus, Sport
from fotmate_assets.racing.odds.model import OddsRace

_OF_DAY = text("""
    select r.race_id, r.race_date, r.sport, r.race_no, r.track_id, r.post_time, r.status,
           coalesce(array_agg(e.start_no order by e.start_no) filter (where e.start_no is not null), '{}') as field,
           coalesce(array_agg(e.start_no) filter (where e.is_scratched), '{}') as scratched
    from races r left join entries e using (race_id)
    where r.race_date = :day and r.post_time is not null
    group by r.race_id order by r.post_time, r.race_id
""")


def odds_races(connection: Connection, day: date) -> list[OddsRace]:
    """The races of a date that have a post time, in order of it, whatever their status."""
    return [
        OddsRace(
            row.race_id,
            row.race_date,
            Sport(row.sport),
            row.race_no,
            row.track_id,
            row.post_time,
            RaceStatus(row.status),
            tuple(row.field),
            frozenset(row.scratched),
        )
        for row in connection.execute(_OF_DAY, {"day": day})
    ]
