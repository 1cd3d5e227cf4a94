"""Races as odds are asked for, read from the calendar; with an empty field where no entries are known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Connection, TextClause, text

from fotmate_assets.racing.model import ON, RaceStatus, Sport
from fotmate_assets.racing.odds.model import OddsRace

_RACES = """
    select r.race_id, r.race_date, r.sport, r.race_no, r.track_id, r.post_time, r.status,
           coalesce(array_agg(e.start_no order by e.start_no) filter (where e.start_no is not null), '{}') as field,
           coalesce(array_agg(e.start_no) filter (where e.is_scratched), '{}') as scratched
    from races r left join entries e using (race_id)
    where %s group by r.race_id order by r.post_time, r.race_id
"""
_OF_DAY = text(_RACES % "r.race_date = :day and r.post_time is not null")
_TO_FOLLOW = text(_RACES % "r.post_time between :first and :last and r.status = any(:on)")


def odds_races(connection: Connection, day: date) -> list[OddsRace]:
    """The races of a date that have a post time, in order of it, whatever their status."""
    return _read(connection, _OF_DAY, {"day": day})


def races_to_follow(connection: Connection, first: datetime, last: datetime) -> dict[str, OddsRace]:
    """The races that are on with a post time from `first` to `last`, by id."""
    asked = {"first": first, "last": last, "on": [status.value for status in ON]}
    return {race.race_id: race for race in _read(connection, _TO_FOLLOW, asked)}


def _read(connection: Connection, query: TextClause, asked: Mapping[str, object]) -> list[OddsRace]:
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
        for row in connection.execute(query, asked)
    ]
