"""`make demo` as a new user meets it: summary, UI, Ctrl-C, and a second start that changes no row."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from fotmate_assets.embedded import stack

ROOT = Path(__file__).parents[2]
TABLES = ("competitions", "seasons", "teams", "players", "matches", "lineups", "match_events", "id_mappings")


@dataclass(frozen=True)
class Demo:
    """One finished run of the demo."""

    status: int
    output: str
    locations: str
    """The code locations as the UI's GraphQL gives them while it served."""
    left: list[str]
    """Processes that were still there afterwards."""


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FOTMATE_", "AWS_", "DAGSTER_"))}
    return {**kept, "FOTMATE_HOME": str(home)}


def processes_of(home: Path) -> list[str]:
    """Command lines that name the demo's home, or its servers' ports, or run from its session."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        environ = process.info["environ"] or {}
        if environ.get("FOTMATE_HOME") == str(home) or str(home) in " ".join(process.info["cmdline"] or ()):
            found.append(" ".join(process.info["cmdline"] or ()))
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / ".fotmate"


@pytest.fixture(scope="module")
def served(home: Path) -> Demo:
    """The first run: until the UI serves, then Ctrl-C."""
    command = [sys.executable, "-m", "fotmate_assets.embedded.demo"]
    log = home.parent / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment(home), cwd=ROOT, stdout=output, stderr=output)
    until = time.monotonic() + 240
    while "Ctrl-C" not in log.read_text("utf-8") and process.poll() is None and time.monotonic() < until:
        time.sleep(0.3)
    url = re.search(r"Dagster UI: (\S+)", log.read_text("utf-8"))
    locations = _locations(url.group(1)) if url else ""
    process.send_signal(signal.SIGINT)
    status = process.wait(60)
    return Demo(status, log.read_text("utf-8"), locations, processes_of(home))


def _locations(ui: str) -> str:
    query = (
        "{workspaceOrError{... on Workspace{locationEntries{name locationOrLoadError{"
        "__typename ... on RepositoryLocation{repositories{schedules{name}}} ... on PythonError{message}}}}}}"
    )
    request = urllib.request.Request(
        f"{ui}/graphql", json.dumps({"query": query}).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(response.read(), "utf-8")


def test_it_prints_a_line_per_asset_and_partition_with_rows_and_checks(served: Demo) -> None:
    summary = [line for line in served.output.splitlines() if line.startswith("│ football/")]
    line = next(line for line in summary if "football/match_events" in line)
    assert re.search(r"simulated-league_2025-2026.*\d\d,\d{3}.*3 passed", line), line
    assert not [line for line in summary if "ERROR" in line or "WARN" in line]


def test_it_says_that_everything_is_simulated(served: Demo) -> None:
    assert "All of it is simulated" in served.output


def test_the_ui_serves_the_code_location_with_its_schedules(served: Demo) -> None:
    assert '"name":"fotmate_assets"' in served.locations.replace(" ", "")
    assert "football_matchday" in served.locations
    assert "PythonError" not in served.locations


def test_ctrl_c_stops_every_process_it_started(served: Demo) -> None:
    assert served.status == 0, served.output[-2000:]
    assert served.left == []


def test_a_second_start_keeps_the_data_and_changes_no_row(served: Demo, home: Path) -> None:
    def versions() -> list[tuple[object, ...]]:
        url = stack.up(home).environment()["FOTMATE_DATABASE_READER_URL"].replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            query = " union all ".join(f"select '{t}', count(*), max(xmin::text::bigint) from {t}" for t in TABLES)
            return connection.execute(query).fetchall()

    before = versions()
    again = subprocess.run(
        [sys.executable, "-m", "fotmate_assets.embedded.demo", "--no-serve"],
        env=environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    try:
        assert again.returncode == 0, again.stderr
        assert versions() == before
    finally:
        stack.down(home)
