"""These tests want the optional extra, which the other tests do without.

`make test-ultralytics` installs it and sets FOTMATE_MUST_HAVE_ULTRALYTICS, with which its absence is an error.
"""

import importlib.util
import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip this folder's tests, saying why, where ultralytics is not installed; fail where it must be."""
    if importlib.util.find_spec("ultralytics") is not None:
        return
    if os.environ.get("FOTMATE_MUST_HAVE_ULTRALYTICS"):
        raise pytest.UsageError("ultralytics is not installed, and FOTMATE_MUST_HAVE_ULTRALYTICS is set")
    skip = pytest.mark.skip(reason="ultralytics is not installed: uv sync --extra vision, or make test-ultralytics")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(skip)
