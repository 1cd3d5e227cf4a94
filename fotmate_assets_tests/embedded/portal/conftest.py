"""A simulated portal on loopback, with a clock that the test sets."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.server import PortalSimulator
from fotmate_assets.embedded.upstream import Upstream
from fotmate_assets_tests.embedded.portal.client import Clock, Portal


@pytest.fixture(scope="session")
def races() -> RaceCalendar:
    """The calendar of all tests; nothing that happens in a test changes it."""
    return RaceCalendar(7)


@pytest.fixture
def portal(races: RaceCalendar, tmp_path: Path) -> Iterator[Portal]:
    clock = Clock()
    simulator = PortalSimulator(races, lambda: clock.now)
    with (
        Upstream(tmp_path, routes=simulator.routes) as upstream,
        httpx.Client(base_url=upstream.url, timeout=10) as client,
    ):
        yield Portal(simulator, upstream, clock, client)
