"""The work on race dates in plain functions: verdicts, what is owed, what is settled; and the command for it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from fotmate_assets import runtime
from fotmate_assets.cli.ingest import ingest_race_days
from fotmate_assets.core.model import Verdict
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded.portal.faults import empty_items
from fotmate_assets.embedded.portal.server import KRA_ROOT, KSPO_ROOT, SERVICE_KEY, PortalSimulator
from fotmate_assets.embedded.upstream import Fault, Request, Response, Route, Upstream
from fotmate_assets.racing.ingest import Outcome, run_race_days, told, worst
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.partitions import race_date
from fotmate_assets.racing.resources import RacePortals
from fotmate_assets.racing.sources.source import Family
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.house import DAY, Calendar, patient
from fotmate_assets_tests.racing.test_race_days import Racing, owed, stored, truth

JEJU_ONLY = Calendar(lambda meeting: meeting.track_id != "jeju")
EVENING = datetime.combine(DAY, time(22), KST)
"""Of the race day: every horse race is over, and its result overdue."""


@pytest.fixture
def racing(database: Database, zone: RawZone, tmp_path: Path) -> Iterator[Racing]:
    """A portal that knows of horses at Jeju alone, on the evening of the race day."""
    with patient(database, zone, tmp_path, JEJU_ONLY, EVENING) as made:
        yield made


def verdicts(racing: Racing, source: str = "kra") -> dict[str, str]:
    """Of the last attempt of each job."""
    rows = racing.database.execute(
        "select distinct on (job) job, verdict from ingestion_jobs where source = :source order by job, job_id desc",
        source=source,
    )
    return {str(job).removeprefix("racing/"): str(verdict) for job, verdict in rows}


def owed_documents(racing: Racing) -> list[tuple[object, object]]:
    return [(document, verdict) for _, document, verdict, _ in owed(racing)]


def without(race_no: int) -> Fault:
    """An answer in good order that lacks a race."""

    def change(_request: Request, whole: Response, _ask: Route) -> Response:
        answer = json.loads(whole.body)
        body = answer["response"]["body"]
        rows = [row for row in body["items"]["item"] if row["rcNo"] != race_no]
        body["items"]["item"], body["totalCount"] = rows, len(rows)
        return replace(whole, body=json.dumps(answer).encode())

    return Fault.altered("without", change)


# Verdicts -------------------------------------------------------------------------------------------------------------


def outcome(verdict: Verdict, document: str = "d") -> Outcome:
    return Outcome(DAY, Family.RESULTS, document, verdict, "jeju")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], Verdict.EMPTY_EXPECTED),
        ([Verdict.OK, Verdict.EMPTY_EXPECTED], Verdict.OK),
        ([Verdict.NOT_YET, Verdict.EMPTY_EXPECTED], Verdict.NOT_YET),
        ([Verdict.NOT_YET, Verdict.OK], Verdict.OK),
        ([Verdict.OK, Verdict.TRANSPORT], Verdict.TRANSPORT),
        ([Verdict.TRANSPORT, Verdict.QUOTA, Verdict.OK], Verdict.QUOTA),
        ([Verdict.NOT_YET, Verdict.EMPTY_UNEXPECTED], Verdict.EMPTY_UNEXPECTED),
    ],
)
def test_the_worst_of_several_verdicts_counts(verdicts: list[Verdict], expected: Verdict) -> None:
    assert worst(outcome(verdict) for verdict in verdicts) is expected
    assert worst(outcome(verdict) for verdict in reversed(verdicts)) is expected


def test_an_attempt_tells_which_documents_had_which_verdict() -> None:
    found = [outcome(Verdict.OK, "b"), outcome(Verdict.TRANSPORT, "c"), outcome(Verdict.OK, "a")]
    assert told([*found, outcome(Verdict.OK, "a")]) == "ok: a, b; transport: c"


def test_what_is_not_published_yet_is_no_failure(racing: Racing) -> None:
    day = date(2025, 3, 22)
    racing.now = datetime.combine(day, time(7), KST)
    assert racing.run(day).failures == []
    found = verdicts(racing)
    assert (found["races"], found["entries"], found["payoffs"]) == ("ok", "ok", "not_yet")
    racing.now = datetime.combine(day - timedelta(days=5), time(7), KST)
    racing.database.execute("delete from races")
    assert racing.run(day).failures == []
    assert verdicts(racing) == {"races": "ok", "entries": "not_yet", "results": "not_yet", "payoffs": "not_yet"}
    assert owed(racing) == []


def test_an_empty_answer_that_is_overdue_is_owed_by_its_document(racing: Racing) -> None:
    for service in ("API214_1", "API299"):
        racing.upstream.fail(f"*/{service}/*", empty_items(), times=9)
    racing.run(DAY)
    assert owed_documents(racing) == [
        (f"{service}/jeju/2025-03-08", "empty_unexpected") for service in ("API214_1", "API299")
    ]
    assert verdicts(racing)["results"] == "empty_unexpected"
    assert verdicts(racing)["entries"] == "ok"


def test_the_second_result_service_may_be_silent_where_the_first_tells_all(racing: Racing) -> None:
    racing.upstream.fail("*/API299/*", empty_items(), times=9)
    racing.run(DAY)
    assert owed(racing) == []


def test_a_race_that_its_documents_leave_out_is_owed_by_its_name(racing: Racing) -> None:
    """Where no document is to blame: both have rows, and none of this race."""
    for service in ("API214_1", "API299"):
        racing.upstream.fail(f"*/{service}/*", without(3), times=2)
    racing.run(DAY)
    assert owed_documents(racing) == [("race/horse-jeju-20250308-03", "empty_unexpected")]
    ((_, _, _, reason),) = owed(racing)
    assert re.match(r"no complete result, which was due by 2025-03-08 \d\d:\d\d KST", str(reason))
    racing.now = datetime.combine(DAY, time(12), KST)
    assert racing.run(DAY).failures == [], "not due yet"
    racing.now = EVENING
    racing.run(DAY)
    assert owed(racing) == []
    assert stored(racing, DAY) == truth(racing, DAY)


# What is owed, and settled --------------------------------------------------------------------------------------------


def test_a_run_settles_what_it_has_gone_through_and_nothing_else(racing: Racing) -> None:
    racing.upstream.fail("*/API214_1/*", Fault.status(503), times=2)
    racing.upstream.fail("*/API26_2/*rc_date*", Fault.status(503), times=2)
    racing.run(DAY)
    results, entries = ("API214_1/jeju/2025-03-08", "transport"), ("API26_2/jeju/2025-03-08", "transport")
    assert owed_documents(racing) == [results, entries]
    racing.run(DAY - timedelta(days=7))
    racing.run(DAY, families=(Family.PAYOFFS,))
    assert owed_documents(racing) == [results, entries]
    racing.run(DAY, families=(Family.ENTRIES,))
    assert owed_documents(racing) == [results]
    racing.run(DAY)
    assert owed(racing) == []


def test_kept_bytes_settle_no_question_that_was_never_answered(racing: Racing) -> None:
    """What could not be had from the source is still to be asked for, though something older of it is kept."""
    racing.run(DAY)
    racing.upstream.fail("*/API214_1/*", Fault.status(503), times=2)
    racing.run(DAY)
    assert racing.run(DAY, fetch=False).failures == []
    assert owed_documents(racing) == [("API214_1/jeju/2025-03-08", "transport")]


def test_kept_bytes_do_not_tell_that_something_is_missing_by_now(racing: Racing) -> None:
    racing.now = datetime.combine(DAY, time(9), KST)
    racing.run(DAY)
    racing.now = EVENING
    assert racing.run(DAY, fetch=False).failures == []
    assert owed(racing) == []
    assert racing.run(DAY).failures == []
    assert stored(racing, DAY) == truth(racing, DAY)


def test_a_document_that_fails_by_month_is_asked_for_by_day(racing: Racing) -> None:
    days = [DAY - timedelta(days=number) for number in range(8)]
    racing.upstream.fail("*/API214_1/*rc_month*", Fault.status(503), times=2)
    report = racing.run(*days)
    assert report.failures == []
    asked = [request.query for request in racing.upstream.requests if "/API214_1/" in request.path]
    by_day = [query["rc_date"] for query in asked if "rc_date" in query]
    assert sorted(by_day) == ["20250301", "20250307", "20250308"]
    assert owed(racing) == []
    for day in days:
        assert stored(racing, day) == truth(racing, day)


def test_dates_are_worked_on_month_by_month(racing: Racing) -> None:
    """And told so; whatever their order. That nobody has asked for their results is no failure of a calendar's run."""
    lines: list[str] = []
    days = [date(2025, 3, 1), date(2025, 2, 28), date(2025, 2, 22)]
    portals = RacePortals(
        kra_url=racing.upstream.url + KRA_ROOT, kspo_url=racing.upstream.url + KSPO_ROOT, service_key=SERVICE_KEY
    )
    with portals.open(racing.database.engine) as sources:
        source, portal = sources[0]
        report = run_race_days(
            source,
            portal,
            days,
            (Family.RACES,),
            racing.zone,
            racing.database.engine,
            racing.ledger,
            racing.clock,
            on_progress=lines.append,
        )
    assert lines == [
        "[1/2] kra 2025-02-22 to 2025-02-28: 2 meetings written, 0 unchanged, 0 failures",
        "[2/2] kra 2025-03-01: 1 meetings written, 0 unchanged, 0 failures",
    ]
    assert len(report.loaded) == 3
    attempts = racing.database.execute("select partition_key, job from ingestion_jobs order by 1")
    assert attempts == [(str(day), "racing/races") for day in sorted(days)]


# The command ----------------------------------------------------------------------------------------------------------

FOTMATE = str(Path(sys.executable).parent / "fotmate")


@dataclass
class Command:
    """`fotmate` with a Dagster home of its own, on the test's database and portal."""

    environment: dict[str, str]
    database: Database
    upstream: Upstream

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment | extra
        return subprocess.run(
            [FOTMATE, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    def races(self) -> int:
        return int(str(self.database.execute("select count(*) from races")[0][0]))


@pytest.fixture
def command(database: Database, tmp_path: Path) -> Iterator[Command]:
    simulator = PortalSimulator(JEJU_ONLY, lambda: datetime.now(UTC))
    for name in ("served", "dagster", "raw"):
        (tmp_path / name).mkdir()
    with Upstream(tmp_path / "served", routes=simulator.routes) as upstream:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("FOTMATE_", "DAGSTER_", "PG"))
        }
        environment = {
            **inherited,
            "FOTMATE_DATABASE_URL": database.writer_url,
            "FOTMATE_RAW_URL": (tmp_path / "raw").as_uri(),
            "FOTMATE_LAKE_URL": (tmp_path / "lake").as_uri(),
            "FOTMATE_TRACKING_URL": (tmp_path / "tracking").as_uri(),
            "FOTMATE_KRA_URL": upstream.url + KRA_ROOT,
            "FOTMATE_KSPO_URL": upstream.url + KSPO_ROOT,
            "FOTMATE_PORTAL_SERVICE_KEY": SERVICE_KEY,
            "FOTMATE_HTTP_REQUESTS_PER_S": "1000",
            "DAGSTER_HOME": str(tmp_path / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        yield Command(environment, database, upstream)


def test_a_race_date_and_a_range_are_ingested_from_a_shell(command: Command) -> None:
    done = command.run("ingest", "racing", "--date", "2025-03-08")
    assert done.returncode == 0, done.stderr
    assert re.match(r"run_id: [0-9a-f-]{36}\n", done.stdout)
    told = done.stdout.splitlines()
    assert told[-1] == "done"
    assert f"racing/races: {command.races()} rows" in told
    assert "[1/1] kra 2025-03-08: 1 meetings written, 0 unchanged, 0 failures" in done.stderr
    assert "Traceback" not in done.stderr

    asked = len(command.upstream.requests)
    command.database.execute("delete from races")
    command.database.execute("delete from meetings")
    kept = command.run("ingest", "racing", "--date", "2025-03-08", "--kept", FOTMATE_PORTAL_SERVICE_KEY="")
    assert kept.returncode == 0, kept.stderr
    assert kept.stdout.splitlines()[1:] == told[1:]
    assert len(command.upstream.requests) == asked

    command.upstream.fail("*/API299/*20250301*", Fault.status(404), times=9)
    failed = command.run("ingest", "racing", "--date", "2025-03-01", "--to", "2025-03-08")
    assert failed.returncode == 1
    assert failed.stdout.splitlines()[-1] == "failed"
    assert "ERROR nothing_owed: API299/jeju/2025-03-01 : kra: HTTP 404" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert f"racing/races: {command.races()} rows" in failed.stdout
    assert command.database.execute("select count(distinct race_date) from races") == [(3,)]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2001, 12, 31), date(2025, 3, 8), "2001-12-31 is no race date: they go from 2002-01-01 to "),
        (date(2025, 3, 8), date(2999, 1, 1), "2999-01-01 is no race date: they go from 2002-01-01 to "),
        (date(2025, 3, 8), date(2025, 3, 7), "2025-03-07 is before 2025-03-08"),
    ],
)
def test_dates_that_cannot_be_are_refused_in_one_line(first: date, last: date, said: str) -> None:
    with pytest.raises(runtime.CommandError) as caught:
        ingest_race_days(first, last, fetch=False)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_the_last_race_date_is_a_week_ahead_in_korea() -> None:
    assert race_date.get_partition_keys()[-1] == str(datetime.now(KST).date() + timedelta(days=7))


def test_what_is_wrong_with_the_command_is_one_line_and_an_exit_status(command: Command) -> None:
    later = command.run("ingest", "racing", "--date", "2025-03-08", "--to", "2025-03-01")
    assert (later.returncode, later.stderr, later.stdout) == (1, "2025-03-01 is before 2025-03-08\n", "")
    no_key = command.run("ingest", "racing", "--date", "2025-03-08", FOTMATE_PORTAL_SERVICE_KEY="")
    assert (no_key.returncode, no_key.stderr) == (1, "racing is off: set FOTMATE_PORTAL_SERVICE_KEY\n")
    malformed = command.run("ingest", "racing", "--date", "8.3.2025")
    assert malformed.returncode == 2
    assert "'8.3.2025' does not match the formats '%Y-%m-%d'" in " ".join(malformed.stderr.replace("│", " ").split())
    assert command.upstream.requests == []
