"""The simulated feed, asked as a licensed one would be."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.embedded.upstream import Fault, Upstream
from fotmate_assets.racing.model import KST, RaceStatus, Sport
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot
from fotmate_assets.racing.sources.odds.feed import HttpFeed
from fotmate_assets.racing.sources.odds.simulated import SimulatedMarket
from fotmate_assets_tests.racing.odds.odds_feed import OddsFeed

POST = datetime(2026, 11, 21, 11, tzinfo=KST)
RACE = OddsRace(
    "horse-seoul-20261121-01", POST.date(), Sport.HORSE, 1, "seoul", POST, RaceStatus.UPCOMING, tuple(range(1, 8))
)
OFF = replace(RACE, race_id="horse-seoul-20261121-02", status=RaceStatus.CANCELLED)
NOW = POST - timedelta(minutes=9)


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    feed = OddsFeed(SimulatedMarket(7), {each.race_id: each for each in (RACE, OFF)}.get, now=lambda: NOW)
    with Upstream(tmp_path, routes=feed.routes) as running:
        yield running


def ask(upstream: Upstream, race: OddsRace) -> OddsSnapshot:
    async def once() -> OddsSnapshot:
        source = HttpFeed("feed", f"{upstream.url}/odds/{{race_id}}?pools=all", is_simulated=True)
        try:
            return await source.snapshot(race, POST)
        finally:
            await source.close()

    return asyncio.run(once())


def test_the_feed_tells_the_market_at_its_own_clock(upstream: Upstream) -> None:
    told = ask(upstream, RACE)
    assert told.pools == SimulatedMarket(7).quote(RACE, NOW).pools
    assert told.source_ts == NOW


@pytest.mark.parametrize("race", [OFF, replace(RACE, race_id="horse-seoul-20261121-09")])
def test_a_race_that_is_not_known_or_called_off_has_no_odds(upstream: Upstream, race: OddsRace) -> None:
    with pytest.raises(SourceError) as caught:
        ask(upstream, race)
    assert caught.value.verdict is Verdict.EMPTY_UNEXPECTED


def test_the_feed_misbehaves_as_it_is_told_to(upstream: Upstream) -> None:
    upstream.fail("/odds/*", Fault.status(503))
    with pytest.raises(SourceError) as caught:
        ask(upstream, RACE)
    assert caught.value.verdict is Verdict.TRANSPORT
    assert ask(upstream, RACE).pools
