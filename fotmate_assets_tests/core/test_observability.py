"""Log lines: one JSON object each, tied to the run."""

import json

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
