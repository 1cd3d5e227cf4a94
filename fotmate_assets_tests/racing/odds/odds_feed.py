"""A feed of live odds over HTTP that does not exist: the simulated market, in our own format.

In a test::

    feed = OddsFeed(SimulatedMarket(7), races.get, now=lambda: clock.now)
    with Upstream(tmp_path, routes=feed.routes) as upstream:
        source = HttpFeed("feed", f"{upstream.url}/odds/{{race_id}}", is_simulated=True)

It misbehaves as its `Upstream` is told to (`upstream.fail("/odds/*", Fault.timeout())`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from fotmate_assets.core.model import SourceError
from fotmate_assets.embedded.upstream import CONTENT_TYPES, TEXT, Request, Response, Route
from fotmate_assets.racing.odds.model import OddsRace
from fotmate_assets.racing.sources.odds.simulated import SimulatedMarket

ROOT = "/odds/"


class OddsFeed:
    """Answers `GET /odds/{race_id}`, whatever the query, with the odds of the market at `now()`, an aware datetime.

    404 for a race that `race` does not know (None), and for one without a market. Threads may share it.
    """

    def __init__(
        self, market: SimulatedMarket, race: Callable[[str], OddsRace | None], now: Callable[[], datetime]
    ) -> None:
        self.market = market
        self.race = race
        self.now = now

    @property
    def routes(self) -> Mapping[str, Route]:
        """For `Upstream(routes=...)`."""
        return {ROOT: self._answer}

    def _answer(self, request: Request) -> Response:
        race_id = request.resource.removeprefix(ROOT)
        race = self.race(race_id)
        if race is None:
            return Response(404, TEXT, f"404: no race {race_id}\n".encode())
        try:
            return Response(200, CONTENT_TYPES[".json"], self.market.document(race, self.now()))
        except SourceError as error:
            return Response(404, TEXT, f"404: {error.reason}\n".encode())
