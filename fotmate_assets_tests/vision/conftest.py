"""Clips that are drawn once for all tests of the vision wing, and a house to work on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fotmate_assets.core.object_store import S3Store
from fotmate_assets.embedded.sample.clip import Clip, write_clip
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.vision.house import House, open_house


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Three seconds of 1280 x 720 at 25 frames a second."""
    return write_clip(tmp_path_factory.mktemp("short"), seconds=3, size=(1280, 720))


@pytest.fixture
def house(database: Database, bucket: S3Store, tmp_path: Path) -> Iterator[House]:
    with open_house(database, bucket, tmp_path / "work") as made:
        yield made
