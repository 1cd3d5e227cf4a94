"""A small season on disk, and one that is loaded and shared by the tests that only read."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded.sample.statsbomb import write_season
from fotmate_assets.embedded.stack import Stack
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.football.league import (
    COMPETITION,
    League,
    local_zone,
    simulated_matches,
)


@pytest.fixture(scope="session")
def season_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four matches in the open-data layout. Read it or copy it; never change it."""
    folder = tmp_path_factory.mktemp("season")
    write_season(folder, COMPETITION, simulated_matches())
    return folder


@pytest.fixture
def league(season_folder: Path, tmp_path: Path, zone: RawZone, database: Database) -> League:
    """The four matches in a folder and a database of the test's own, registered and not fetched."""
    folder = tmp_path / "statsbomb"
    shutil.copytree(season_folder, folder)
    return League(folder, zone, database)


@pytest.fixture(scope="module")
def loaded(
    season_folder: Path, stack: Stack, _template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[League]:
    """The four matches, loaded. Shared by a module's tests: what one of them changes it rolls back."""
    with fresh_database(stack, _template) as database:
        league = League(season_folder, local_zone(tmp_path_factory.mktemp("raw")), database)
        league.refresh()
        yield league
