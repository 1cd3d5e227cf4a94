"""Final odds against what was paid, and against live ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from fotmate_assets.core.model import Finding
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.findings.words import clock, named, of_day, pools, runners
from fotmate_assets.racing.odds.model import NUMBERS_IN, Sentinel, combination_index, paying
from fotmate_assets.racing.odds.store import FINAL

AFTER_OFF = timedelta(minutes=30)
"""No odds are live so long after the off as it is known in the end: longer than a post time is corrected by."""
HALF_STEP = 0.05
"""Odds are shown in tenths, rounded to the nearest."""


_FINALS = text("""
    select p.race_id, p.pool, array_agg(p.combination order by p.combination) as combinations,
           array_agg(p.odds order by p.combination) as paid, s.field, s.odds
    from payoffs p left join odds_snapshots s on s.race_id = p.race_id and s.pool = p.pool and s.source = :final
    where p.race_date = :day and p.pool = any(:pools) and exists (
        select from odds_snapshots o where o.race_id = p.race_id and o.source = :final
    )
    group by p.race_id, p.pool, s.observed_at, s.field, s.odds order by p.race_id, p.pool
""")
_NOT_LIVE = text("""
    select s.race_id, s.pool, s.observed_at, s.source = :final as is_final
    from odds_snapshots s left join races r using (race_id)
    where s.race_date = :day and s.is_live and (s.source = :final or s.observed_at > r.post_time + :after)
    order by s.race_id, s.observed_at, s.pool
""")
_TWICE = text("""
    select race_id, pool, 'final odds are stored ' || count(*) || ' times' from odds_snapshots
    where race_date = :day and source = :final group by race_id, pool having count(*) > 1 order by race_id, pool
""")


def final_odds_agree(connection: Connection, key: str) -> list[Finding]:
    """What a combination paid is its final price, every pool that paid has final odds where the race has any, and no
    final odds are taken for live ones: none from the portal is marked live, and none is of an instant half an hour
    after the off. Pools in which a dead heat paid more than usual are left out: the price is of one winner.
    """
    about = {**of_day(key), "final": FINAL}
    found = [Finding(*row) for row in connection.execute(_TWICE, about)]
    for row in connection.execute(_FINALS, {**about, "pools": list(NUMBERS_IN)}):
        if row.odds is None:
            found.append(Finding(row.race_id, row.pool, f"{named(row.combinations)} paid, and it has no final odds"))
        else:
            found += _unlike(row)
    live: Mapping[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(_NOT_LIVE, {**about, "after": AFTER_OFF}):
        live[row.race_id].append(row)
    for race_id, rows in live.items():
        what = "final odds" if rows[0].is_final else f"odds of {clock(rows[0].observed_at)}, long after the off,"
        found.append(Finding(race_id, "is_live", f"{what} are marked live, in {pools(rows)}"))
    return found


def _unlike(row: Row[Any]) -> Iterator[Finding]:
    pool, field = Pool(row.pool), tuple(row.field)
    if len(row.combinations) > paying(pool, len(field)):
        return
    for combination, paid in zip(row.combinations, row.paid, strict=True):
        try:
            price = row.odds[combination_index(pool, field, tuple(map(int, combination.split("-"))))]
        except (KeyError, IndexError):
            yield Finding(row.race_id, f"{pool} {combination}", f"it paid, and is none of {runners(field)}")
            continue
        expected = Sentinel.CAPPED if paid is None else paid
        if abs(price - expected) >= HALF_STEP:
            shown = Sentinel(price).name.lower() if price in list(Sentinel) else f"{price:.1f}"
            told = "above the cap" if paid is None else f"{paid:.1f}"
            yield Finding(row.race_id, f"{pool} {combination}", f"it paid {told}, its final odds are {shown}")
