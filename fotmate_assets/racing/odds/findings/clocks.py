"""What the clocks of sources and our own tell of each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from fotmate_assets.core.model import Finding
from fotmate_assets.racing.odds.findings.words import clock, of_day, pools

CLOCK_SKEW = timedelta(seconds=5)
"""That a source's clock and ours may differ by."""
NEAR_OFF = timedelta(minutes=15)
STALE = timedelta(minutes=2)
"""How old a source's document may be near the off, where slots are 30 to 60 seconds apart."""


_CLOCKS = text("""
    select * from (
        select s.race_id, s.pool, s.observed_at, s.source_ts, s.ingested_at, newest_ts,
               s.source_ts < newest_ts as goes_back,
               s.is_live and s.source_ts > s.ingested_at + :skew as is_ahead,
               s.is_live and s.observed_at > s.ingested_at + :skew as is_early,
               s.is_live and s.observed_at >= r.post_time - :near and s.source_ts < s.observed_at - :stale as is_stale
        from (
            select *, max(source_ts) over (
                partition by race_id, pool, source order by observed_at
                rows between unbounded preceding and 1 preceding
            ) as newest_ts
            from odds_snapshots where race_date = :day and source <> 'portal_final'
        ) s left join races r using (race_id)
    ) as judged
    where goes_back or is_ahead or is_early or is_stale
    order by race_id, observed_at, pool
""")


def clock_monotone(connection: Connection, key: str) -> list[Finding]:
    """A source's clock never goes back within a race and pool. Of live odds: it is never ahead of ours by more than 5
    seconds, no odds were had before the instant that they are of, and in the last 15 minutes none are older than 2
    minutes: a feed that repeats an old document.
    """
    limits = {"skew": CLOCK_SKEW, "near": NEAR_OFF, "stale": STALE}
    kinds: dict[str, Callable[[Row[Any]], str]] = {
        "goes_back": lambda row: f"back from {clock(row.newest_ts)} to {clock(row.source_ts)}",
        "is_ahead": lambda row: f"{clock(row.source_ts)}, ahead of ours, which was {clock(row.ingested_at)}",
        "is_early": lambda row: f"had at {clock(row.ingested_at)}, before the instant",
        "is_stale": lambda row: f"old: as of {clock(row.source_ts)}",
    }
    bad: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(_CLOCKS, {**of_day(key), **limits}):
        for kind in kinds:
            if getattr(row, kind):
                bad[row.race_id, kind].append(row)
    return [
        Finding(
            race_id,
            "ingested_at" if kind == "is_early" else "source_ts",
            f"{pools(rows)} at {clock(rows[0].observed_at)} {kinds[kind](rows[0])}{_instants(rows)}",
        )
        for (race_id, kind), rows in bad.items()
    ]


def _instants(rows: Iterable[Row[Any]]) -> str:
    others = len({row.observed_at for row in rows}) - 1
    return f"; and at {others} more instants" if others else ""
