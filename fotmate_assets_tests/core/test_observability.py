"""Log lines: one JSON object each, tied to the run."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from fotmate_assets.core.ledger import Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.observability import configure_logging


def test_what_is_owed_is_one_json_line_with_the_run_as_trace_id(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", "json")
    job = Job("statsbomb", "football/matches", "premier-league_2003-2004", run_id="run-1")
    ledger.owe(job, SourceError(Verdict.MALFORMED, "statsbomb", "events/1.json", "unknown\ntype", field="[0].type"))
    (line,) = capsys.readouterr().err.strip().splitlines()
    told = json.loads(line)
    assert told["event"] == "owed"
    assert told["level"] == "error"
    assert told["trace_id"] == "run-1"
    assert (told["document"], told["field"], told["verdict"]) == ("events/1.json", "[0].type", "malformed")


def test_lines_below_the_level_are_not_written(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("CRITICAL", "json")
    ledger.owe(Job("s", "j", "p"), SourceError(Verdict.TRANSPORT, "s", "d", "gone"))
    assert capsys.readouterr().err == ""


CODE_LOCATION = """
import structlog
from fotmate_assets.definitions import defs

log = structlog.get_logger("a.module")
log.debug("too_little")
log.info("retrying", source="kra")
log.warning("alert", kind="failure")
"""


@pytest.mark.parametrize(("level", "events"), [("INFO", ["retrying", "alert"]), ("WARNING", ["alert"])])
def test_a_code_server_of_dagsters_logs_as_the_settings_say(tmp_path: Path, level: str, events: list[str]) -> None:
    """Dagster configures structlog for itself before it loads the definitions."""
    (tmp_path / "location.py").write_text(textwrap.dedent(CODE_LOCATION))
    socket, stdout, stderr = tmp_path / "s", tmp_path / "stdout", tmp_path / "stderr"
    command = [sys.executable, "-m", "dagster", "api", "grpc", "--socket", str(socket), "-f", "location.py"]
    environment = {**os.environ, "FOTMATE_LOG_LEVEL": level, "DAGSTER_HOME": str(tmp_path)}
    with stdout.open("w") as out, stderr.open("w") as err:
        server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=err)
    try:
        while not stdout.read_text().count("Started Dagster code server"):
            assert server.poll() is None, stderr.read_text()
            time.sleep(0.1)
    finally:
        server.terminate()
        server.wait(30)
    lines = [json.loads(line) for line in stderr.read_text().splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == events
    assert lines[-1]["level"] == "warning"
    assert lines[-1]["kind"] == "failure"
    assert "alert" not in stdout.read_text(), "once"


@pytest.mark.parametrize(
    ("first", "written"),
    [
        ("configure_logging('CRITICAL', 'json')", []),
        ("from dagster._utils.log import configure_loggers; configure_loggers()", ["retrying"]),
        ("", ["retrying"]),
    ],
)
def test_definitions_keep_our_configuration_and_replace_any_other(first: str, written: list[str]) -> None:
    """The commands configure logging before they load the definitions, and so does Dagster."""
    code = f"""
from fotmate_assets.core.observability import configure_logging
{first}
import fotmate_assets.definitions, structlog
structlog.get_logger("a.module").info("retrying")
"""
    environment = {**os.environ, "FOTMATE_LOG_LEVEL": "INFO", "FOTMATE_LOG_FORMAT": "json"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == written
