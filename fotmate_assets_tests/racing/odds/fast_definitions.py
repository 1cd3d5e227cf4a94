"""The code location as it is, with the clock of a test."""

from typing import Any

from fotmate_assets.definitions import build_defs
from fotmate_assets.racing.odds.outcomes import Batch
from fotmate_assets.racing.resources import OddsMarket
from fotmate_assets_tests.racing.odds.clock import FastClock


class FastMarket(OddsMarket):
    """Follows odds by the test's clock."""

    def collect(self, engine: Any, zone: Any, clock: Any = None, speed: float = 1.0) -> Batch | None:
        fast = FastClock.from_environment()
        return super().collect(engine, zone, fast, fast.speed)


defs = build_defs(odds=FastMarket(source="simulated"))
