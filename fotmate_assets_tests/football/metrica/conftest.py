"""The simulated games, shared by the tests that read them."""

from pathlib import Path

import pytest

from fotmate_assets.embedded.sample.metrica import write_games


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Metrica's three games, simulated. Read them; never change them."""
    folder = tmp_path_factory.mktemp("metrica")
    write_games(folder)
    return folder
