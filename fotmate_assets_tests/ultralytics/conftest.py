"""These tests want the optional extra, which the other tests do without."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip this folder's tests, saying why, where ultralytics is not installed."""
    if importlib.util.find_spec("ultralytics") is not None:
        return
    skip = pytest.mark.skip(reason="ultralytics is not installed: uv sync --extra vision, or make test-ultralytics")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(skip)
