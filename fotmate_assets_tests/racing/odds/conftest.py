"""A database for the collector's tests, and the connections of its own that a collector has there."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from fotmate_assets.core.postgres import make_engine
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.odds.collecting import empty_odds


@pytest.fixture
def slate(emptied: Database) -> Database:
    """No race, no slot."""
    return empty_odds(emptied)


@pytest.fixture
def engine(slate: Database) -> Iterator[Engine]:
    """The collector's."""
    made = make_engine(slate.writer_url, application_name="collector")
    yield made
    made.dispose()
