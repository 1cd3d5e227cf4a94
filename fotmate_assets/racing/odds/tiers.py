"""Odds read from both tiers: race dates that were retired from the lake, all others from Postgres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime

import polars as pl
from sqlalchemy import Connection, Engine, select

from fotmate_assets.core.object_store import ObjectStore
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.frames import Kinds, kinds_in_postgres, overlaid, postgres_frame
from fotmate_assets.racing.odds.lake import live_races, odds_rows, of_pool, read_frame, retired_days
from fotmate_assets.racing.odds.model import OddsRow
from fotmate_assets.racing.odds.readers import (
    OddsReader,
    PostgresOdds,
    Tiers,
    TrackHour,
    edges_of,
    hours_of,
)
from fotmate_assets.racing.odds.store import FINAL
from fotmate_assets.racing.tables import races


@contextmanager
def odds_reader(engine: Engine, store: ObjectStore) -> Iterator[OddsReader]:
    """Both tiers as one. Reads see the state of one instant, so that a day that is retired meanwhile is read once."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        yield Tiers(LakeOdds(connection, store), PostgresOdds(connection))


class LakeOdds:
    """Reads the odds of retired race dates: the lake's rows, and over them what came into Postgres since (final odds
    that were fetched again, a replay), until the next retirement takes that along.

    Raises ObjectMissingError where a retired date is not in the lake.
    """

    def __init__(self, connection: Connection, store: ObjectStore) -> None:
        self._connection = connection
        self._store = store

    def held(self, days: Sequence[date]) -> set[date]:
        """Those of `days` that were retired."""
        return retired_days(self._connection, days)

    def history(self, race_id: str, pool: Pool | None = None) -> list[OddsRow]:
        """See `OddsReader`; nothing of a race whose date was not retired."""
        day = _day_of(race_id)
        days = self.held([day]) if day is not None else set()
        return [row for row in self._rows(sorted(days), pool, race_id) if row.source != FINAL]

    def edges(self, days: Sequence[date], pool: Pool) -> list[tuple[OddsRow, OddsRow]]:
        """See `OddsReader`."""
        query = select(races.c.race_id, races.c.post_time).where(races.c.race_date.in_(days))
        offs: dict[str, datetime] = dict(
            self._connection.execute(query.where(races.c.post_time.is_not(None))).tuples().all()
        )
        return edges_of(self._rows(days, pool), offs)

    def finals(self, days: Sequence[date], pool: Pool) -> list[OddsRow]:
        """See `OddsReader`."""
        return [row for row in self._rows(days, pool) if row.source == FINAL]

    def hours(self, days: Sequence[date], pool: Pool) -> list[TrackHour]:
        """See `OddsReader`."""
        return hours_of(self._rows(days, pool))

    def _rows(self, days: Sequence[date], pool: Pool | None, race_id: str | None = None) -> list[OddsRow]:
        if not days:
            return []
        condition = of_pool(pool)
        if race_id is not None:
            condition &= pl.col("race_id") == race_id
        rows = read_frame(self._store, days, condition)
        late = postgres_frame(self._connection, days, pool, race_id)
        live, replayed = kinds_in_postgres(self._connection, days)
        if len(late) or live or replayed:
            # Which races are live in the lake counts only where something in Postgres may have to give way.
            in_lake = live_races(self._store, days) if replayed else frozenset[str]()
            rows = overlaid(rows, late, Kinds(live | in_lake, replayed))
        return odds_rows(rows)


def _day_of(race_id: str) -> date | None:
    """The race date, which is in a race's id; None for what is no id of ours."""
    with suppress(IndexError, ValueError):
        return datetime.strptime(race_id.split("-")[-2], "%Y%m%d").date()  # noqa: DTZ007 - a date
    return None
