"""An invented parimutuel market: pools that grow to the off, drifting odds, late money, scratches.

The public comes in waves. Each wave has a view of the race, wrong at first and nearly right at the end, and brings its
part of the money over some minutes; what it bets on a combination follows from its view by Harville's formula, times
how much the public fancies that combination. Somebody must buy first: until then a combination is unsold. In some
races a lot of money comes late for one runner to win.

What is staked at an instant is a sum over waves, each a function of (seed, race, instant), and never falls: no history
is needed, so that a market that was started anew goes on as if nothing had been. What is asked after the off is
answered with the close. With another post time the money comes at other instants.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.cadence import plan
from fotmate_assets.racing.model import CALLED_OFF, Pool, Sport, places_paid
from fotmate_assets.racing.odds.model import PAYOUT, SOLD, OddsRace, OddsSnapshot, PoolOdds, paying
from fotmate_assets.racing.sources.odds import documents, market
from fotmate_assets.racing.sources.odds.replay import write_recording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _Wave(NamedTuple):
    """Those who bet in the same minutes."""

    part: float
    """Of the money of a pool."""
    first_min: float
    """Minutes to the off when they begin to come."""
    last_min: float
    error: float
    """How much of the opening's misjudgement they share."""


WAVES = (
    _Wave(0.015, 80, 45, 1.00),
    _Wave(0.030, 65, 32, 0.85),
    _Wave(0.040, 55, 22, 0.70),
    _Wave(0.055, 35, 13, 0.55),
    _Wave(0.080, 22, 7, 0.40),
    _Wave(0.110, 13, 3.5, 0.28),
    _Wave(0.170, 7, 1.5, 0.18),
    _Wave(0.220, 4, 0.5, 0.10),
    _Wave(0.180, 2, 0, 0.05),
    _Wave(0.100, 0.8, 0, 0.05),
)
"""Nine tenths of the money come in the last quarter of an hour, most of it in the last five minutes."""

PACE = {Pool.WIN: 1.0, Pool.PLC: 1.0, Pool.QNL: 1.1, Pool.QPL: 1.1, Pool.EXA: 1.15}
"""How many minutes of a wave a minute of the clock is; 1.3 in the pools of three runners, which fill last."""

RACE_SALES_KRW = {
    Sport.HORSE: (1.8e9, 3.4e9),
    Sport.CYCLE: (0.4e9, 0.9e9),
    Sport.BOAT: (0.2e9, 0.5e9),
}
"""From and to: what is bet on a race, all pools together."""

LATE_MONEY = 0.25
"""Share of races with late money."""

_TICKET_KRW, _UNIT_KRW = 4_000.0, 100.0
"""An average bet; every bet is a multiple of the unit."""
_STRENGTH_SD, _MISJUDGED_SD, _WAVE_SD, _FANCY_SD = 0.9, 0.8, 0.12, 0.35
"""Of the logarithm: the runners' chances, the opening's error about them, each wave's own, and of the fancy."""


Chances = Callable[[OddsRace], Mapping[int, float]]
"""Each runner's chance to win by start number; the mean of the others for one that is not there."""


class SimulatedMarket:
    """A source of live odds of a market that does not exist. The same `seed` gives the same market.

    `informed`: what those who know best think of a race, where that is not to be invented, too.
    """

    name = "simulated"
    is_live = True
    is_simulated = True

    def __init__(self, seed: int, informed: Chances | None = None) -> None:
        self.seed = seed
        self._informed = informed

    async def snapshot(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        """See OddsSource and `quote`."""
        quoted = self.quote(race, at)
        return replace(quoted, content=documents.write(quoted, is_simulated=True))

    async def close(self) -> None:
        """Nothing to release."""

    def document(self, race: OddsRace, at: datetime) -> bytes:
        """What `quote` tells, in our own format (see `documents`). Raises SourceError as it does."""
        return documents.write(self.quote(race, at), is_simulated=True)

    def quote(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        """Every pool that is sold with these starters, as it stands at `at`.

        The prices of a pool give back its payout: 1/price summed over its combinations is the number of those that pay
        by the payout, but for the rounding to tenths, prices held up at 1.0, and what is capped. Stakes of scratched
        combinations are paid back and are no part of the sales.

        Raises SourceError(EMPTY_EXPECTED) for a race that is called off or has fewer than two starters.
        """
        import numpy as np

        starters = len(race.starters)
        if race.status in CALLED_OFF or starters < 2:
            reason = f"no market: {race.status}, {starters} starters"
            raise SourceError(Verdict.EMPTY_EXPECTED, self.name, race.race_id, reason)
        told_at = min(at, race.post_time)
        minutes = (race.post_time - told_at).total_seconds() / 60
        views, sales = self._views(race), self._draws(race, "sales").uniform(*RACE_SALES_KRW[race.sport])
        is_gone = np.isin(race.field, list(race.scratched))
        pools = []
        for pool in SOLD[race.sport]:
            if race.sport is Sport.HORSE and starters < market.SMALLEST_FIELD[pool]:
                continue
            stakes = self._stakes(race, pool, views, sales * market.SALES_PART[pool], minutes)
            withdrawn = market.with_runner(pool, is_gone)
            odds = market.board(stakes, PAYOUT[pool], paying(pool, starters), withdrawn)
            pools.append(PoolOdds(pool, array("f", odds.tolist()), int(stakes[~withdrawn].sum())))
        return OddsSnapshot(race.race_id, race.field, tuple(pools), told_at)

    def _views(self, race: OddsRace) -> NDArray[np.float64]:
        """What each wave (row) thinks each runner's chance is."""
        import numpy as np

        # A row of draws per start number: a runner more or less leaves the others as they are.
        draws = self._draws(race, "views").standard_normal((max(race.field), 2 + len(WAVES)))
        strength, misjudged, *own = draws[np.array(race.field) - 1].T
        strength *= _STRENGTH_SD
        if self._informed is not None:
            chances = self._informed(race)
            mean = sum(chances.values()) / len(chances)
            strength = np.log([chances.get(number, mean) for number in race.field])
        errors = np.array([wave.error for wave in WAVES])[:, None]
        weights = np.exp(strength + errors * _MISJUDGED_SD * misjudged + _WAVE_SD * np.array(own))
        return np.asarray(weights / weights.sum(1, keepdims=True))

    def _stakes(
        self, race: OddsRace, pool: Pool, views: NDArray[np.float64], sales: float, minutes: float
    ) -> NDArray[np.float64]:
        """What is staked on every combination, won, scratched or not."""
        import numpy as np

        draws = self._draws(race, pool)
        # As if all ran: what was bet before a scratch stays what it was.
        declared = len(race.field)
        bets = sales * market.chances(pool, views, places_paid(declared)) / paying(pool, declared)
        if pool not in (Pool.WIN, Pool.PLC):
            bets = bets * draws.lognormal(0, _FANCY_SD, bets.shape[-1])
        staked = _arrived(minutes, pool) @ bets
        if pool is Pool.WIN:
            staked += self._late_money(race, bets, minutes)
        is_sold = staked >= _TICKET_KRW * draws.standard_exponential(len(staked))
        return np.where(is_sold, np.floor(staked / _UNIT_KRW) * _UNIT_KRW, 0.0)

    def _late_money(self, race: OddsRace, bets: NDArray[np.float64], minutes: float) -> NDArray[np.float64]:
        """What comes late for one runner to win: in 90 seconds so much that its share of the pool is 8 to 14 points
        higher than before.
        """
        import numpy as np

        late = np.zeros(bets.shape[-1])
        draws = self._draws(race, "late money")
        if draws.random() >= LATE_MONEY:
            return late
        end, rise = draws.uniform(0.5, 3.25), draws.uniform(0.08, 0.14)
        before, after = (_arrived(instant, Pool.WIN) @ bets for instant in (end + 1.5, end))
        share = before / before.sum()
        runner = draws.choice(np.flatnonzero(share <= max(0.25, share.min())))
        target = share[runner] + rise
        late[runner] = (target * after.sum() - after[runner]) / (1 - target) * _smooth((end + 1.5 - minutes) / 1.5)
        return late

    def _draws(self, race: OddsRace, what: str) -> np.random.Generator:
        """Randomness that belongs to a race and a purpose."""
        import numpy as np

        key = f"{self.seed}:{race.race_id}:{what}".encode()
        return np.random.default_rng(int.from_bytes(hashlib.blake2b(key, digest_size=16).digest()))


def _arrived(minutes: float, pool: Pool) -> NDArray[np.float64]:
    """How much of its part of a pool each wave has brought so many minutes before the off."""
    import numpy as np

    clock = minutes * PACE.get(pool, 1.3)
    return np.array(
        [wave.part * _smooth((wave.first_min - clock) / (wave.first_min - wave.last_min)) for wave in WAVES]
    )


def _smooth(done: float) -> float:
    """0 to 1, without a corner at either end."""
    within = min(1.0, max(0.0, done))
    return within * within * (3 - 2 * within)


def record(market: SimulatedMarket, races: Iterable[OddsRace], path: Path) -> int:
    """Write what a collector would see of the races, each at its slots, as a recording (see `write_recording`); how
    many documents. The races are taken as they stand: one that is scratched is so from the start.

    Raises SourceError as `quote` does.
    """
    slots = sorted(((slot.at, race) for race in races for slot in plan(race.post_time)), key=itemgetter(0))
    return write_recording(path, (market.document(race, at) for at, race in slots))
