"""The generated documents say what the code says."""

import subprocess
import sys
from pathlib import Path

from fotmate_assets.core.tables import metadata
from fotmate_assets.football import tables  # noqa: F401 - registers its tables

ROOT = Path(__file__).parent.parent


def test_the_generated_documents_are_up_to_date() -> None:
    command = [sys.executable, "scripts/generate_docs.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_column_says_what_it_is() -> None:
    silent = [f"{table.name}.{c.name}" for table in metadata.tables.values() for c in table.columns if not c.comment]
    assert silent == []


def test_every_time_is_stored_with_its_zone() -> None:
    naive = [
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if column.type.__class__.__name__ == "DateTime" and not getattr(column.type, "timezone", False)
    ]
    assert naive == []
