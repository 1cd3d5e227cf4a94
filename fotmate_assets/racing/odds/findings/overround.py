"""Sums of prices against what the pools pay out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, text

from fotmate_assets.core.model import Finding
from fotmate_assets.racing.model import ODDS_CAP, Pool, Sport
from fotmate_assets.racing.odds.findings.words import ACTED_ON, clock, of_day
from fotmate_assets.racing.odds.model import PAYOUT, Sentinel, paying

EXCHANGE = "replay:betfair"
"""How the sources begin whose odds are offers of an exchange, not shares of a pool."""
HALF_STEP = 0.05
"""Odds are shown in tenths, rounded to the nearest."""
TOLERANCE = 0.02
"""Of the band, to either side: payouts are paid in won."""
KSPO_PAYOUT = (0.70, 0.80)
"""From and to, of any pool."""
EXCHANGE_BAND = (0.95, 1.10)
"""Of the sum itself."""


_OVERROUNDS = text("""
    select s.race_id, coalesce(r.sport, split_part(s.race_id, '-', 1)) as sport, s.pool, s.observed_at, s.source,
           s.pays, s.overround
    from odds_snapshots s left join races r using (race_id)
    where s.race_date = :day and s.priced > 0 and not exists (
        select from race_changes c where c.race_id = s.race_id and c.kind = 'scratch'
        and c.observed_at between s.observed_at - :settled and s.observed_at + :settled
    )
""")
_ARRAYS = text("""
    select s.race_id, s.pool, s.observed_at, s.odds
    from odds_snapshots s
    join unnest(cast(:races as text[]), cast(:pools as text[]), cast(:instants as timestamptz[]))
        as asked (race_id, pool, observed_at) using (race_id, pool, observed_at)
    order by s.race_id, s.pool, s.observed_at
""")


def overround_in_band(connection: Connection, key: str) -> list[Finding]:
    """The sum of 1/odds, by the combinations that pay, is what the pool's payout makes it.

    In a pool each combination's 1/odds is its share by the payout, so the sum is 1/payout whatever was bet, from the
    first bet on: combinations that nobody bought add nothing, capped ones less than 1/9999.9 each. What is shown is
    rounded to tenths and never less than 1.0, so the sum is known within bounds; a finding is a snapshot whose bounds
    miss what the payout makes, give or take 2 %. Place odds are shown as if each runner were the one to place, so they
    sum up in the same way.

    Measured on the final odds of 16 KRA races (Seoul 2025-05-31, Busan 2025-06-01, 7 to 13 runners): WIN 1.232 to
    1.255, mean 1.247, 1/0.80 = 1.25 within the bounds of all 16; PLC by places 1.222 to 1.271, mean 1.250 in the 15
    without a scratch, 1.25 within the bounds of all. The other one has 7 starters of 8 declared and sums to 3.55: three
    places were paid all the same, and its favourite is at the floor of 1.0. So of PLC either number of places will do
    after a scratch. No full grid of another pool was had: 0.73 is from sales (TRI). Of KSPO none at all: there the
    payout may be anything from 0.70 to 0.80.

    An exchange pays out nothing of a pool: the last trades of Betfair's horses (14 declared, 12 ran) sum to 0.989 to
    1.022 in the last hour, mean 1.004, of dogs (6) to 0.995 to 1.013; best offers to back to 1.018. Its band is 0.95 to
    1.10, once every starter is priced.

    Not judged are snapshots with an untold combination (`grid_complete` tells), and two minutes around a scratch.
    """
    doubtful = {}
    for row in connection.execute(_OVERROUNDS, {**of_day(key), "settled": ACTED_ON}):
        low, high = _band(row.source, Sport(row.sport), Pool(row.pool))
        if not low <= row.overround / row.pays <= high:
            doubtful[row.race_id, row.pool, row.observed_at] = row
    if not doubtful:
        return []
    asked = dict(zip(("races", "pools", "instants"), map(list, zip(*doubtful, strict=True)), strict=True))
    wrong: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for row in connection.execute(_ARRAYS, asked):
        about = doubtful[row.race_id, row.pool, row.observed_at]
        band = _band(about.source, Sport(about.sport), Pool(row.pool))
        missed = _missed(row.odds, Pool(row.pool), band, is_exchange=about.source.startswith(EXCHANGE))
        if missed is not None:
            apart, told = missed
            message = f"{told} at {clock(row.observed_at)}; {band[0]:.2f} to {band[1]:.2f} are plausible"
            wrong[row.race_id, row.pool].append((apart, message))
    return [
        Finding(race_id, pool, f"{max(each)[1]} ({len(each)} snapshots)") for (race_id, pool), each in wrong.items()
    ]


def _band(source: str, sport: Sport, pool: Pool) -> tuple[float, float]:
    if source.startswith(EXCHANGE):
        return EXCHANGE_BAND
    least, most = (PAYOUT[pool], PAYOUT[pool]) if sport is Sport.HORSE else KSPO_PAYOUT
    return (1 - TOLERANCE) / most, (1 + TOLERANCE) / least


def _missed(
    odds: Sequence[float], pool: Pool, band: tuple[float, float], *, is_exchange: bool
) -> tuple[float, str] | None:
    """How far the sum is from its band, and in words; None where it may be within or cannot be judged."""
    unsold, capped, scratched = (sum(price == each for price in odds) for each in list(Sentinel)[:3])
    prices = [price for price in odds if price > 0]
    if Sentinel.UNTOLD in odds or (is_exchange and unsold + capped):
        return None
    step = 0.0 if is_exchange else HALF_STEP
    nearest = None
    starters = range(len(odds) - scratched, len(odds) + 1) if pool is Pool.PLC else (0,)
    for pays in {paying(pool, each) for each in starters}:
        # Nobody's share is more than everything: no price is truly below what that would pay.
        floor = 1 / (band[1] * pays)
        lowest = sum(1 / (price + step) for price in prices) / pays
        highest = sum(1 / (price - step if price > 1 else floor) for price in prices) / pays + capped / ODDS_CAP / pays
        apart = max(lowest - band[1], band[0] - highest)
        if apart <= 0:
            return None
        told = f"1/odds sum to {sum(1 / price for price in prices) / pays:.3f} by {pays} that pay"
        nearest = min(nearest or (apart, told), (apart, told))
    return nearest
