"""What every source of odds offers."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot


class OddsSource(Protocol):
    """Odds of a race at an instant. `name`, `is_live` and `is_simulated` are written into every row."""

    @property
    def name(self) -> str:
        """`simulated`, `replay`, `portal_final`, or the feed's own name."""

    @property
    def is_live(self) -> bool:
        """True when the odds are those of the market at the instant they are asked for."""

    @property
    def is_simulated(self) -> bool:
        """True when no such market exists."""

    async def snapshot(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        """The odds of `race` at `at`. One try: who asks decides about more.

        Raises SourceError with its verdict, `content` set where the answer could not be used.
        """

    async def close(self) -> None:
        """Release connections."""
