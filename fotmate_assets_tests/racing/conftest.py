"""Databases of the racing tests."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing.load import LoadedMeeting, load_meeting
from fotmate_assets.racing.model import MeetingCard
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing.cards import NIGHT_BEFORE

Put = Callable[..., LoadedMeeting | None]


@pytest.fixture(scope="module")
def _of_module(stack: Stack, _template: str) -> Iterator[Database]:
    with fresh_database(stack, _template) as made:
        yield made


@pytest.fixture
def emptied(_of_module: Database) -> Database:
    """The module's database without a meeting or an attempt: a fresh one for every test takes longer than the tests."""
    for table in ("races", "meetings", "form", "ingestion_jobs"):
        _of_module.execute(f"delete from {table}")
    return _of_module


@pytest.fixture
def put(emptied: Database) -> Put:
    """Loads a card into `emptied`, the night before its races where nothing else is said."""

    def load(card: MeetingCard, now: datetime = NIGHT_BEFORE) -> LoadedMeeting | None:
        return load_meeting(emptied.engine, card, now)

    return load
