"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real provider files; the test is skipped where it is absent."""
    folder = (ROOT / os.environ.get("FOTMATE_REAL_DATA", "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real provider files at {folder} (set FOTMATE_REAL_DATA)")
    return folder
