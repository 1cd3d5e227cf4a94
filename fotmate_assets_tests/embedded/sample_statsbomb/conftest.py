"""The sample world, written once and shared by the tests that read it."""

import pytest

from fotmate_assets.embedded.sample.statsbomb import write_open_data
from fotmate_assets_tests.embedded.sample_statsbomb.samples import Folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The whole folder. Read it; never change it."""
    folder = tmp_path_factory.mktemp("statsbomb")
    write_open_data(folder)
    return Folder(folder)
