"""`fotmate` as a user runs it: real processes against real embedded servers."""

import csv
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fotmate_assets.core import migrations
from fotmate_assets.embedded import stack
from fotmate_assets.embedded.sample.statsbomb import LEAGUE, sample_team, simulate_match, write_season

FOTMATE = str(Path(sys.executable).parent / "fotmate")
SEASON = "simulated-league_2025-2026"
AWAY = "postgresql+psycopg://a:s3cret@127.0.0.1:9/d"


@dataclass(frozen=True)
class Shell:
    """A user's shell: a home of its own, and a StatsBomb folder of three small matches."""

    home: Path
    source: Path

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FOTMATE_", "AWS_", "DAGSTER_", "PG"))
        }
        return {**inherited, "FOTMATE_HOME": str(self.home), "FOTMATE_STATSBOMB_SOURCE": str(self.source)}

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        env = self.environment | extra
        return subprocess.run([FOTMATE, *arguments], env=env, capture_output=True, text=True, check=False, timeout=180)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen([FOTMATE, *arguments], env=self.environment, stderr=subprocess.PIPE, text=True)

    def rows(self, statement: str, role: str = "READER_") -> list[tuple[object, ...]]:
        """What a statement gives, past the command line: a process for each would take seconds."""
        url = stack.up(self.home).environment()[f"FOTMATE_DATABASE_{role}URL"].replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            result = connection.execute(statement)
            return result.fetchall() if result.description else []

    @property
    def matches(self) -> int:
        """Matches that are stored."""
        return int(str(self.rows("select count(*) from matches")[0][0]))


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("cli")
    source = folder / "statsbomb"
    teams = [sample_team(9101 + number, f"Simulated {name}", seed=7) for number, name in enumerate(("A", "B", "C"))]
    pairs = ((0, 1), (1, 2), (2, 0))
    matches = [
        simulate_match(
            9_001_001 + number,
            teams[home],
            teams[away],
            seed=7,
            minutes_scale=0.07,
            match_date=str(date(2025, 8, 9) + timedelta(days=number)),
            match_week=1,
        )
        for number, (home, away) in enumerate(pairs)
    ]
    write_season(source, LEAGUE, matches)
    made = Shell(folder / ".fotmate", source)
    yield made
    made.run("down")


@pytest.fixture(scope="module")
def ingested(shell: Shell) -> subprocess.CompletedProcess[str]:
    """The first run of the season."""
    return shell.run("ingest", "football", "--provider", "statsbomb", "--season", SEASON)


def test_ingest_prints_the_run_id_first_and_loads_the_season(
    shell: Shell, ingested: subprocess.CompletedProcess[str]
) -> None:
    assert ingested.returncode == 0, ingested.stderr
    assert re.match(r"run_id: [0-9a-f-]{36}\n", ingested.stdout)
    assert ingested.stdout.rstrip().endswith("done")
    assert shell.matches == 3


def test_ingest_tells_each_match_while_it_works(ingested: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"\[3/3\] Simulated C v Simulated A, 2025-08-11: \d+ events", ingested.stderr)


def test_a_second_ingest_changes_no_row(shell: Shell, ingested: subprocess.CompletedProcess[str]) -> None:
    tables = ("matches", "lineups", "match_events", "match_player_stats", "id_mappings", "players", "teams")
    query = " union all ".join(
        f"select '{t}' as t, min(xmin::text) as a, max(xmin::text) as b from {t}" for t in tables
    )
    before = shell.rows(query)
    again = shell.run("ingest", "football", "--provider", "statsbomb", "--season", SEASON)
    assert again.returncode == 0, again.stderr
    assert shell.rows(query) == before


def test_a_season_that_nobody_offers_is_refused_with_those_that_are(
    shell: Shell, ingested: subprocess.CompletedProcess[str]
) -> None:
    done = shell.run("ingest", "football", "--provider", "statsbomb", "--season", "no-such-league_1999-2000")
    assert done.returncode == 1
    assert "does not offer no-such-league_1999-2000" in done.stderr
    assert SEASON in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--provider", "opta", "--season", SEASON), "unknown provider 'opta'"),
        (("--provider", "statsbomb", "--season", "../etc"), "is not a season key"),
    ],
)
def test_a_wrong_argument_is_one_clear_line(shell: Shell, arguments: tuple[str, ...], message: str) -> None:
    done = shell.run("ingest", "football", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"FOTMATE_DATABASE_URL": "postgresql://a:s3cret@h/d"}, "FOTMATE_DATABASE_URL: must start with"),
        ({"FOTMATE_DATABASE_URL": AWAY}, "set DAGSTER_HOME too"),
        (
            {"FOTMATE_DATABASE_URL": AWAY, "FOTMATE_DATABASE_OWNER_URL": AWAY, "DAGSTER_HOME": "/tmp"},
            "FOTMATE_DATABASE_OWNER_URL: (psycopg.OperationalError) connection failed",
        ),
        (
            {"FOTMATE_DATABASE_URL": AWAY, "FOTMATE_RAW_URL": "ftp://raw", "DAGSTER_HOME": "/tmp"},
            "FOTMATE_RAW_URL: 'ftp://raw' is neither s3://bucket/prefix nor file:///folder",
        ),
        ({"FOTMATE_LOG_LEVEL": "LOUD"}, "FOTMATE_LOG_LEVEL: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ],
)
def test_a_configuration_that_cannot_work_is_one_clear_line_without_a_secret(
    shell: Shell, variables: dict[str, str], message: str
) -> None:
    done = shell.run("failures", "list", **variables)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr


def test_a_status_that_there_is_not_is_refused(shell: Shell, ingested: subprocess.CompletedProcess[str]) -> None:
    done = shell.run("failures", "list", "--status", "lost")
    assert done.returncode == 1
    assert "unknown status 'lost'; there are pending, retrying, resolved, exhausted" in done.stderr


def test_sql_is_read_only_and_answers_in_csv(shell: Shell, ingested: subprocess.CompletedProcess[str]) -> None:
    done = shell.run("sql", "select name, 'a,\"b\"' as quoted from teams order by name limit 1;")
    assert done.returncode == 0, done.stderr
    assert list(csv.DictReader(io.StringIO(done.stdout))) == [{"name": "Simulated A", "quoted": 'a,"b"'}]
    refused = shell.run("sql", "with gone as (delete from matches returning 1) select * from gone")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert shell.matches == 3


def test_check_passes_on_a_good_season_and_writes_junit(
    shell: Shell, ingested: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    report = tmp_path / "junit.xml"
    done = shell.run("check", "--partition", SEASON, "--junit", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    cases = ElementTree.parse(report).getroot().findall(".//testcase")
    assert {case.get("name") for case in cases} >= {"score_equals_goals", "eleven_starters", "nothing_owed"}
    assert not ElementTree.parse(report).getroot().findall(".//failure")


def test_check_fails_on_a_broken_row_and_names_match_and_field(
    shell: Shell, ingested: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    report = tmp_path / "junit.xml"
    match_id = str(shell.rows("select match_id from matches order by 1 limit 1")[0][0])
    shell.rows(f"update matches set home_score = home_score + 3 where match_id = '{match_id}'", role="")
    try:
        done = shell.run("check", "--select", "key:football/matches", "--partition", SEASON, "--junit", str(report))
        assert done.returncode == 1
        assert match_id in done.stdout and "home_score" in done.stdout
        failures = ElementTree.parse(report).getroot().findall(".//failure")
        assert any(match_id in (failure.get("message") or "") for failure in failures)
    finally:
        shell.rows(f"update matches set home_score = home_score - 3 where match_id = '{match_id}'", role="")


def test_check_of_nothing_is_no_success(shell: Shell, ingested: subprocess.CompletedProcess[str]) -> None:
    done = shell.run("check", "--partition", "no-such-league_1999-2000")
    assert done.returncode == 1
    assert "no check was run" in done.stderr


def test_a_broken_document_fails_the_run_is_owed_and_retried_from_the_mended_source(
    shell: Shell, ingested: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    events = shell.source / "events" / "9001002.json"
    whole = events.read_bytes()
    events.write_bytes(whole[: len(whole) // 2])
    done = shell.run("ingest", "football", "--provider", "statsbomb", "--season", SEASON)
    assert done.returncode == 1
    assert "events/9001002.json" in done.stderr
    assert "[malformed]" in done.stderr
    assert shell.matches == 3, "the kept revision stays"

    listed = shell.run("failures", "list", "--json")
    owed = json.loads(listed.stdout)
    assert [(row["document"], row["verdict"], row["status"]) for row in owed] == [
        ("events/9001002.json", "malformed", "pending")
    ]
    identifier = str(owed[0]["failure_id"])
    assert shell.run("failures", "retry", identifier).returncode == 1, "the document is still cut short"

    shown = shell.run("failures", "show", identifier)
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shell.run("failures", "show", identifier, "--json").stdout)
    assert (told["document"], told["attempts"], told["next_retry_at"]) == ("events/9001002.json", 2, None)
    half = len(whole) // 2
    sha256 = hashlib.sha256(whole[:half]).hexdigest()
    assert (told["kept_bytes"]["sha256"], told["kept_bytes"]["size_bytes"]) == (sha256, half)
    assert told["kept_bytes"]["url"] == f"s3://fotmate-raw/blobs/{sha256[:2]}/{sha256}.zst"
    assert told["quarantine"]["document"] == "events/9001002.json"
    assert [one["verdict"] for one in told["last_attempts"][:2]] == ["malformed", "malformed"]
    for text in ("events/9001002.json", told["reason"], told["run_id"], told["kept_bytes"]["read"], "malformed"):
        assert text in shown.stdout.replace("\n", ""), text

    away = shell.run("failures", "retry", identifier, FOTMATE_STATSBOMB_SOURCE=str(tmp_path / "nowhere"))
    assert away.returncode == 1
    assert "the last retry ended before it came to it" in away.stderr

    shell.rows("update ingestion_failures set status = 'exhausted', attempts = 6", role="")
    refused = shell.run("failures", "retry", identifier)
    assert refused.returncode == 4
    assert f"is exhausted after 6 attempts; `fotmate failures retry {identifier} --force`" in refused.stderr

    events.write_bytes(whole)
    mended = shell.run("failures", "retry", identifier, "--force")
    assert (mended.returncode, mended.stdout) == (0, f"failure {identifier} is resolved\n"), mended.stderr
    assert "nothing is owed" in shell.run("failures", "list").stdout
    again = shell.run("failures", "retry", identifier)
    assert again.returncode == 3
    assert "is resolved already" in again.stderr
    for command in ("retry", "show"):
        unknown = shell.run("failures", command, "999999")
        assert (unknown.returncode, unknown.stderr) == (2, "no failure 999999\n")


def test_a_race_date_is_tried_again_from_the_kept_bytes_where_these_are_the_problem(
    shell: Shell, ingested: subprocess.CompletedProcess[str]
) -> None:
    """Without a service key, asking the source is refused. What no kept document tells is not called resolved."""
    for verdict, field, asks in (
        ("malformed", "'items[0].ord'", False),
        ("malformed", "null", True),
        ("transport", "null", True),
    ):
        shell.rows(
            "insert into ingestion_failures"
            " (source, job, partition_key, document, verdict, field, reason, status, max_attempts)"
            f" values ('kra', 'racing/results', '2025-05-31', 'd', '{verdict}', {field}, 'gone', 'pending', 6)",
            role="",
        )
        ((identifier,),) = shell.rows("select failure_id from ingestion_failures where document = 'd'")
        done = shell.run("failures", "retry", str(identifier))
        shell.rows("delete from ingestion_failures where job like 'racing/%'", role="")
        assert (done.returncode, "is still owed" in done.stderr) == (1, True), done.stderr
        assert ("no service key" in done.stderr) == asks


def test_status_tells_what_was_attempted_and_what_is_owed(
    shell: Shell, ingested: subprocess.CompletedProcess[str]
) -> None:
    shell.rows(
        "insert into ingestion_failures (source, job, partition_key, document, verdict, reason, status, max_attempts)"
        " values ('kra', 'racing/results', '2025-05-31', 'd', 'transport', 'gone', 'exhausted', 6)",
        role="",
    )
    try:
        told = json.loads(shell.run("status", "--json").stdout)
        shown = shell.run("status").stdout
    finally:
        shell.rows("delete from ingestion_failures where source = 'kra'", role="")
    assert list(told) == ["servers", "date", "jobs", "owed", "freshness"]
    assert {server["name"]: server["state"] for server in told["servers"]} == {"postgres": "running", "s3": "running"}
    (matches,) = [job for job in told["jobs"] if job["job"] == "football/matches"]
    assert matches["source"] == "statsbomb"
    assert matches["attempts"] == sum(matches["verdicts"].values()) > 0
    assert datetime.fromisoformat(matches["last_success"]).tzinfo is not None
    assert [(row["source"], row["exhausted"]) for row in told["owed"]] == [("kra", 1)]
    assert all(word in shown for word in ("statsbomb", "football/matches", "racing/results", told["date"]))
    assert shown.count("running") == 2

    past = json.loads(shell.run("status", "--json", "--date", "1999-01-01").stdout)
    assert (past["date"], past["jobs"]) == ("1999-01-01", [])
    assert shell.run("status", "--date", "yesterday").returncode == 2


def test_status_of_stopped_servers_says_so_and_starts_nothing(tmp_path: Path, shell: Shell) -> None:
    stopped = Shell(tmp_path / "empty", shell.source)
    done = stopped.run("status")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("│ stopped") == 2
    assert "the database is not reachable: the embedded postgres is stopped; `fotmate up` starts it" in done.stderr
    told = json.loads(stopped.run("status", "--json").stdout)
    assert [server["state"] for server in told["servers"]] == ["stopped", "stopped"]
    assert (told["date"], told["jobs"], told["owed"], told["freshness"]) == (None, None, None, None)
    assert not (tmp_path / "empty").exists()


def test_status_of_a_database_of_ones_own_that_is_away_is_one_line_without_a_secret(shell: Shell) -> None:
    done = shell.run("status", FOTMATE_DATABASE_URL=AWAY)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("the database is not reachable: FOTMATE_DATABASE_URL:")
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_metrics_are_served_on_loopback_until_they_are_stopped(
    shell: Shell, ingested: subprocess.CompletedProcess[str]
) -> None:
    with shell.start("metrics", "--port", "0") as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        url = str(re.findall(r"http://127\.0\.0\.1:\d+/metrics", line)[0])
        with urllib.request.urlopen(url, timeout=60) as answer:
            families = {each.name: each for each in text_string_to_metric_families(answer.read().decode())}
        taken = shell.run("metrics", "--port", str(urlsplit(url).port))
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0
        assert "Traceback" not in server.stderr.read()
    assert any(sample.labels["job"] == "football/matches" for sample in families["ingestion_jobs"].samples)
    assert taken.returncode == 1
    assert "Address already in use" in taken.stderr


def test_env_connects_other_tools_and_status_and_doctor_tell_the_truth(
    shell: Shell, ingested: subprocess.CompletedProcess[str]
) -> None:
    exports = shell.run("env").stdout
    assert all(line.startswith("export ") for line in exports.splitlines())
    if shutil.which("psql"):
        script = exports + "psql -tAc 'select count(*) from matches'"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "3"
    assert shell.run("status").stdout.count("running") == 2
    doctor = shell.run("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert f"schema {migrations.head()}" in doctor.stdout
    secrets = re.findall(r"postgresql\+psycopg://\w+:([^@]+)@", exports)
    assert secrets and not any(secret in doctor.stdout for secret in secrets)


def test_doctor_fails_and_says_what_to_do_when_nothing_runs(tmp_path: Path, shell: Shell) -> None:
    done = Shell(tmp_path / "empty", shell.source).run("doctor")
    assert done.returncode == 1
    assert "fotmate up" in done.stdout
    assert not (tmp_path / "empty" / "postgres").exists(), "doctor starts nothing"


def test_a_missing_source_folder_is_named_and_stops_the_run(shell: Shell, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    run = ("ingest", "football", "--provider", "statsbomb", "--season", SEASON)
    done = shell.run(*run, FOTMATE_STATSBOMB_SOURCE=nowhere)
    assert done.returncode == 1
    assert f"{nowhere}: FOTMATE_STATSBOMB_SOURCE is no folder" in done.stderr
    assert shell.run(*run).returncode == 0, "and nothing of it lasts"


def test_another_providers_missing_folder_is_no_hindrance(shell: Shell, tmp_path: Path) -> None:
    done = shell.run(
        *("ingest", "football", "--provider", "statsbomb", "--season", SEASON),
        FOTMATE_METRICA_SOURCE=str(tmp_path / "nowhere"),
    )
    assert done.returncode == 0, done.stderr


def test_a_match_that_the_season_does_not_list_is_the_callers_mistake(shell: Shell) -> None:
    run = ("ingest", "football", "--provider", "statsbomb", "--season", SEASON)
    done = shell.run(*run, "--match", "4711")
    assert done.returncode == 1
    assert "statsbomb lists no match 4711" in done.stderr
    assert "nothing is owed" in shell.run("failures", "list").stdout
