"""Where odds are read from: a protocol, Postgres, and several places as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from fotmate_assets.racing.model import KST, Pool
from fotmate_assets.racing.odds.arrays import fetch
from fotmate_assets.racing.odds.model import OddsRow
from fotmate_assets.racing.odds.store import FINAL, Flat, snapshot_rows

T = TypeVar("T")


@dataclass(frozen=True)
class TrackHour:
    """Odds of one pool at one track in one hour of the Korean day, over the days asked for."""

    track_id: str
    hour: int
    """0 to 23, Korean time."""
    is_simulated: bool
    odds_sum: float
    """Sum of all prices."""
    prices: int
    snapshots: int

    @property
    def mean_odds(self) -> float | None:
        """Mean of all prices; None without one."""
        return self.odds_sum / self.prices if self.prices else None


class OddsReader(Protocol):
    """A place that odds are read from. Rows with source `portal_final` are final odds; all others are snapshots."""

    def held(self, days: Sequence[date]) -> set[date]:
        """Those of `days` that it holds odds of."""

    def history(self, race_id: str, pool: Pool | None = None) -> list[OddsRow]:
        """Every snapshot of a race, of one pool or all, by pool and instant."""

    def edges(self, days: Sequence[date], pool: Pool) -> list[tuple[OddsRow, OddsRow]]:
        """First and last snapshot up to the off of every race, by race id. The same row twice where there is one.

        The off is `races.post_time`; of a race without one, every snapshot counts.
        """

    def finals(self, days: Sequence[date], pool: Pool) -> list[OddsRow]:
        """The final odds of every race that has them, by race id."""

    def hours(self, days: Sequence[date], pool: Pool) -> list[TrackHour]:
        """Sums over the snapshots of these days, per track and Korean hour."""


def edges_of(rows: Iterable[OddsRow], offs: Mapping[str, datetime]) -> list[tuple[OddsRow, OddsRow]]:
    """What `OddsReader.edges` answers, from the snapshots of one pool in any order; `offs` by race id."""
    found: dict[str, list[OddsRow]] = defaultdict(list)
    for row in rows:
        off = offs.get(row.race_id)
        if row.source != FINAL and (off is None or row.observed_at <= off):
            found[row.race_id].append(row)
    at = attrgetter("observed_at")
    return [(min(of_race, key=at), max(of_race, key=at)) for _, of_race in sorted(found.items())]


def hours_of(rows: Iterable[OddsRow]) -> list[TrackHour]:
    """What `OddsReader.hours` answers, from the snapshots of one pool in any order."""
    import numpy as np

    snapshots = [row for row in rows if row.source != FINAL]
    if not snapshots:
        return []
    flat = Flat(snapshots)
    sums, prices = flat.sums(np.where(flat.is_price, flat.odds, 0)), flat.sums(flat.is_price).astype(int)
    return merged_hours(
        TrackHour(
            row.race_id.split("-")[1], row.observed_at.astimezone(KST).hour, row.is_simulated, odds_sum, priced, 1
        )
        for row, odds_sum, priced in zip(snapshots, sums.tolist(), prices.tolist(), strict=True)
    )


_SUMS = attrgetter("odds_sum", "prices", "snapshots")


def merged_hours(parts: Iterable[TrackHour]) -> list[TrackHour]:
    """Sums per track and hour added up, by track and hour."""
    found: dict[tuple[str, int, bool], list[TrackHour]] = defaultdict(list)
    for part in parts:
        found[part.track_id, part.hour, part.is_simulated].append(part)
    return [
        TrackHour(*key, *(sum(values) for values in zip(*map(_SUMS, of_key), strict=True)))
        for key, of_key in sorted(found.items())
    ]


class PostgresOdds:
    """Reads odds from Postgres, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def held(self, days: Sequence[date]) -> set[date]:
        """Those of `days` that have rows."""
        query = """
            select day from unnest(%(days)s::date[]) asked (day)
            where exists (select from odds_snapshots where race_date = day)
        """
        return {day for (day,) in fetch(self._connection, query, {"days": list(days)})}

    def history(self, race_id: str, pool: Pool | None = None) -> list[OddsRow]:
        """Every snapshot of a race, of one pool or all, by pool and instant."""
        of_pool = "s.pool = %(pool)s" if pool else "true"
        tail = f"""
            odds_snapshots s where s.race_id = %(race_id)s and {of_pool} and s.source <> %(final)s
            order by s.pool, s.observed_at
        """
        return snapshot_rows(self._connection, tail, {"race_id": race_id, "pool": pool, "final": FINAL})

    def edges(self, days: Sequence[date], pool: Pool) -> list[tuple[OddsRow, OddsRow]]:
        """First and last snapshot up to the off of every race, by race id."""
        rows = snapshot_rows(self._connection, _EDGES, {"days": list(days), "pool": pool, "final": FINAL})
        return list(zip(rows[::2], rows[1::2], strict=True))

    def finals(self, days: Sequence[date], pool: Pool) -> list[OddsRow]:
        """The final odds of every race that has them, by race id."""
        tail = """
            odds_snapshots s where s.race_date = any(%(days)s) and s.pool = %(pool)s and s.source = %(final)s
            order by s.race_id
        """
        return snapshot_rows(self._connection, tail, {"days": list(days), "pool": pool, "final": FINAL})

    def hours(self, days: Sequence[date], pool: Pool) -> list[TrackHour]:
        """Sums over the snapshots of these days, per track and Korean hour, from what each row says of its odds."""
        query = """
            select split_part(race_id, '-', 2), extract(hour from observed_at at time zone interval '9 hours')::int,
                   is_simulated, coalesce(sum(mean_odds::float8 * priced), 0), sum(priced), count(*)
            from odds_snapshots
            where race_date = any(%(days)s) and pool = %(pool)s and source <> %(final)s
            group by 1, 2, 3
        """
        asked = {"days": list(days), "pool": pool, "final": FINAL}
        return merged_hours(TrackHour(*row) for row in fetch(self._connection, query, asked))


_EDGES = """
    (
        select distinct race_id from odds_snapshots where race_date = any(%(days)s) and pool = %(pool)s
    ) race
    left join lateral (
        select post_time from races r where r.race_id = race.race_id limit 1  -- which keeps it a probe of the index
    ) races on true
    cross join lateral (
        (
            select * from odds_snapshots o
            where o.race_id = race.race_id and o.pool = %(pool)s and o.source <> %(final)s
              and o.observed_at <= coalesce(races.post_time, 'infinity')
            order by o.observed_at limit 1
        )
        union all
        (
            select * from odds_snapshots o
            where o.race_id = race.race_id and o.pool = %(pool)s and o.source <> %(final)s
              and o.observed_at <= coalesce(races.post_time, 'infinity')
            order by o.observed_at desc limit 1
        )
    ) s
    order by s.race_id, s.observed_at
"""


class Tiers:
    """Several places as one. What the first holds of a race or a day counts; the next are asked for the others."""

    def __init__(self, *tiers: OddsReader) -> None:
        self._tiers = tiers

    def held(self, days: Sequence[date]) -> set[date]:
        """Those of `days` that any tier holds."""
        return set().union(*(tier.held(days) for tier in self._tiers))

    def history(self, race_id: str, pool: Pool | None = None) -> list[OddsRow]:
        """The snapshots of a race, of the first tier that has any."""
        return next((rows for tier in self._tiers if (rows := tier.history(race_id, pool))), [])

    def edges(self, days: Sequence[date], pool: Pool) -> list[tuple[OddsRow, OddsRow]]:
        """See `OddsReader`."""
        return sorted(
            self._of_days(days, lambda tier, of_tier: tier.edges(of_tier, pool)), key=lambda edge: edge[0].race_id
        )

    def finals(self, days: Sequence[date], pool: Pool) -> list[OddsRow]:
        """See `OddsReader`."""
        return sorted(self._of_days(days, lambda tier, of_tier: tier.finals(of_tier, pool)), key=attrgetter("race_id"))

    def hours(self, days: Sequence[date], pool: Pool) -> list[TrackHour]:
        """See `OddsReader`."""
        return merged_hours(self._of_days(days, lambda tier, of_tier: tier.hours(of_tier, pool)))

    def _of_days(self, days: Sequence[date], read: Callable[[OddsReader, list[date]], list[T]]) -> list[T]:
        found: list[T] = []
        missing = set(days)
        for tier in self._tiers:
            if missing:
                of_tier = tier.held(sorted(missing))
                found += read(tier, sorted(of_tier)) if of_tier else []
                missing -= of_tier
        return found
