"""The racing assets as Dagster runs them: the same code location as in production, on real servers."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import AssetKey, ExecuteInProcessResult, RetryRequested, RunRequest, build_sensor_context
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context, instance_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.backfill import execute_backfill_iteration

from fotmate_assets.core.alerts import alerts_due
from fotmate_assets.core.ledger import Job
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.object_store import S3Store
from fotmate_assets.core.recovery import FAILURES_TAG, failure_recovery
from fotmate_assets.core.resources import ObjectStorage
from fotmate_assets.definitions import build_defs
from fotmate_assets.embedded.portal.faults import quota_exceeded
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.embedded.upstream import Fault
from fotmate_assets.racing.automation import REPLAYS
from fotmate_assets.racing.model import KST, midnight_after
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing.house import (
    ALL,
    DAY,
    DAY_TABLES,
    Calendar,
    House,
    checks_of,
    counts,
    digest,
    errors_of,
    failed_checks,
    materialized,
    metadata_of,
    of_race,
    open_house,
    row_versions,
    services,
    with_rows,
)
from fotmate_assets_tests.racing.test_race_days import Racing, stored, truth

KRA_SERVICES = {
    "races": {"API72_2"},
    "entries": {"API26_2", "API25_1", "API9_1", "API10_1", "API189_1"},
    "results": {"API214_1", "API299"},
    "payoffs": {"API160_1", "API301", "API179_1"},
}
WEEK = [date(2025, 3, 4) + timedelta(days=number) for number in range(5)]
"""Tuesday to Saturday: a day without racing, two of boats, two of horses and cycles."""


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path) as made:
        yield made


def is_true(house: House, *days: date) -> None:
    """What is stored of these dates is what truly was."""
    racing = Racing(house.database, house.zone, house.upstream, house.simulator)
    for day in days:
        assert stored(racing, day) == truth(racing, day)


# A race date ----------------------------------------------------------------------------------------------------------


@dataclass
class Loaded:
    """A race date, materialized three times: asked for twice, then built from the kept bytes."""

    house: House
    runs: list[ExecuteInProcessResult]
    requests: list[int]
    rows: list[set[tuple[object, ...]]]


@pytest.fixture(scope="module")
def loaded(stack: Stack, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    with (
        fresh_database(stack, _template) as database,
        open_house(database, tmp_path_factory.mktemp("loaded")) as house,
    ):
        made = Loaded(house, [], [], [])
        for fetch in (True, True, False):
            with house.requests() as requests:
                made.runs.append(house.run(DAY, fetch=fetch))
            made.requests.append(len(requests))
            made.rows.append(row_versions(database))
        yield made


def test_a_race_date_is_materialized_whole_and_every_check_passes(loaded: Loaded) -> None:
    result = loaded.runs[0]
    assert result.success
    assert materialized(result) == {(name, DAY.isoformat()) for name in ALL}
    assert len(checks_of(result)) == 11
    assert failed_checks(result) == {}
    is_true(loaded.house, DAY)
    assert loaded.house.owed() == []


def test_rows_and_verdicts_are_told(loaded: Loaded) -> None:
    there = counts(loaded.house.database, DAY)
    for name in ALL:
        metadata = metadata_of(loaded.runs[0], name)
        assert metadata["dagster/partition_row_count"] == metadata["rows_written"] == there[name] > 0
        assert "rows_in_range" not in metadata
    for name in DAY_TABLES:
        metadata = metadata_of(loaded.runs[0], name)
        assert (metadata["meetings_written"], metadata["meetings_unchanged"]) == (3, 0)
        assert metadata["documents_asked"] == loaded.requests[0]
        assert "| ok |" in metadata["verdicts"]
        assert "failures" not in metadata
    assert "1 API214_1, 1 API299" in metadata_of(loaded.runs[0], "results")["verdicts"]
    assert "| empty_expected |" in metadata_of(loaded.runs[0], "races")["verdicts"]


def test_the_race_card_is_a_table_with_winners(loaded: Loaded) -> None:
    races = loaded.house.rows("select race_id from races where race_date = :day order by race_id", day=DAY)
    for name in ("races", "results"):
        cards = [record.data for record in metadata_of(loaded.runs[0], name)["race_card"]]
        assert sorted(card["race"] for card in cards) == [race for (race,) in races]
        assert list(cards[0]) == ["race", "track", "post_time", "status", "runners", "winner", "final_win_odds"]
        assert {card["status"] for card in cards} <= {"finished", "cancelled"}
        assert all(card["winner"] for card in cards if card["status"] == "finished")
        jeju = [card["post_time"] for card in cards if card["race"].startswith("horse-jeju")]
        assert jeju == sorted(jeju)
        assert "09:00" < jeju[0] < "12:00", "in Korean time"


def test_attempts_carry_the_run_and_the_rows(loaded: Loaded) -> None:
    found = loaded.house.rows(
        "select source, job, verdict, sum(rows) from ingestion_jobs where run_id = :run and partition_key = :day"
        " group by 1, 2, 3 order by 1, 2",
        run=loaded.runs[0].run_id,
        day=DAY.isoformat(),
    )
    assert [row[:3] for row in found] == [
        (source, f"racing/{name}", "ok") for source in ("kra", "kspo") for name in sorted(DAY_TABLES)
    ]
    there = counts(loaded.house.database, DAY)
    for name in DAY_TABLES:
        assert sum(int(str(row[3])) for row in found if row[1] == f"racing/{name}") == there[name]


def test_a_second_materialization_writes_nothing(loaded: Loaded) -> None:
    assert loaded.runs[1].success
    assert loaded.requests[1] == loaded.requests[0]
    assert loaded.rows[1] == loaded.rows[0]
    metadata = metadata_of(loaded.runs[1], "entries")
    assert (metadata["rows_written"], metadata["meetings_unchanged"]) == (0, 3)
    assert metadata["dagster/partition_row_count"] == counts(loaded.house.database, DAY)["entries"]


def test_from_the_kept_bytes_nobody_is_asked(loaded: Loaded) -> None:
    result = loaded.runs[2]
    assert result.success
    assert failed_checks(result) == {}
    assert loaded.requests[2] == 0
    assert loaded.rows[2] == loaded.rows[0]
    assert materialized(result) == {(name, DAY.isoformat()) for name in ALL}
    found = loaded.house.rows(
        "select verdict, count(*) from ingestion_jobs where run_id = :run group by 1", run=result.run_id
    )
    assert found == [("ok", 8)]


@pytest.mark.parametrize("name", DAY_TABLES)
def test_an_asset_alone_asks_for_its_family_alone(loaded: Loaded, name: str) -> None:
    """And for the calendar, which all hang from; KSPO's cards and rankings carry more than one family."""
    house = loaded.house
    before = row_versions(house.database)
    with house.requests() as requests:
        result = house.run(DAY, only=[name])
    assert result.success
    assert materialized(result) == {(name, DAY.isoformat())}
    kra = {service for service in services(requests) if service.startswith("API")}
    assert kra <= KRA_SERVICES["races"] | KRA_SERVICES[name]
    assert kra >= KRA_SERVICES[name] - {"API301"}
    assert ("SRVC_OD_API_CRA_PAYOFF" in services(requests)) == (name == "payoffs")
    assert ("SRVC_TODZ_CRA_RACE_RESULT" in services(requests)) == (name in ("results", "payoffs"))
    assert len(requests) < loaded.requests[0]
    assert row_versions(house.database) == before
    jobs = {job for (job,) in house.rows("select job from ingestion_jobs where run_id = :run", run=result.run_id)}
    assert jobs == {"racing/races", f"racing/{name}"}


def test_form_and_tracks_alone_ask_nobody(loaded: Loaded) -> None:
    with loaded.house.requests() as requests:
        form = loaded.house.run(DAY, only=["form"])
        tracks = loaded.house.run(only=["tracks"])
    assert form.success
    assert tracks.success
    assert requests == []
    assert metadata_of(form, "form")["rows_written"] > 0
    assert metadata_of(tracks, "tracks")["dagster/row_count"] == 7


def test_a_date_that_was_never_asked_for_does_not_pass_for_an_empty_one(house: House) -> None:
    result = house.run(DAY, fetch=False)
    assert not result.success
    assert errors_of(result) == {
        "nothing_owed": "race date calendar: nobody has asked for the calendar of 2025-03-08",
    }


def test_a_date_without_racing_is_materialized_with_no_rows(house: House) -> None:
    result = house.run(date(2025, 3, 3))
    assert result.success
    assert failed_checks(result) == {}
    assert metadata_of(result, "races")["dagster/partition_row_count"] == 0
    assert house.rows("select distinct verdict from ingestion_jobs") == [("empty_expected",)]


def test_a_date_on_which_only_changwon_races_is_found_in_the_ranking(database: Database, tmp_path: Path) -> None:
    calendar = Calendar(lambda meeting: meeting.race_date == DAY and meeting.track_id != "changwon")
    with open_house(database, tmp_path, calendar) as house:
        result = house.run(DAY)
        assert result.success
        assert failed_checks(result) == {}
        assert house.rows("select distinct track_id from races") == [("changwon",)]
        is_true(house, DAY)


def test_a_race_date_through_the_real_s3_server(database: Database, tmp_path: Path, bucket: S3Store) -> None:
    with open_house(database, tmp_path, raw_url=bucket.url) as house:
        house.replace("raw", ObjectStorage(url=bucket.url, endpoint_url=bucket.client.meta.endpoint_url))
        assert house.run(DAY).success
        is_true(house, DAY)
        before = row_versions(database)
        database.execute("update meetings set revision_sha256 = ''")
        assert house.run(DAY, fetch=False).success
        is_true(house, DAY)
        assert row_versions(database) != before
        assert bucket.exists("manifests/kra/2025-03-08.json")


# A range as one run ---------------------------------------------------------------------------------------------------


@dataclass
class Week:
    """A week as one run, and the requests of it."""

    house: House
    result: ExecuteInProcessResult
    requests: int


@pytest.fixture(scope="module")
def week(stack: Stack, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    with (
        fresh_database(stack, _template) as database,
        open_house(database, tmp_path_factory.mktemp("week")) as house,
    ):
        with house.requests() as requests:
            result = house.run(WEEK[0], WEEK[-1], is_range=True)
        yield Week(house, result, len(requests))


def test_a_range_is_one_run_that_makes_every_partition(week: Week) -> None:
    assert week.result.success
    assert materialized(week.result) == {(name, day.isoformat()) for name in ALL for day in WEEK}
    is_true(week.house, *WEEK)
    metadata = metadata_of(week.result, "entries")
    assert metadata["rows_in_range"] == week.house.rows("select count(*) from entries")[0][0]
    assert "dagster/partition_row_count" not in metadata


def test_months_are_asked_by_month(week: Week) -> None:
    """The answers by month stand on the month's shelf, those of services without a month on the days'."""
    names = list(week.house.zone.manifest("kra", "2025-03").names())
    assert {name.split("/")[0] for name in names} == {
        "API72_2", "API26_2", "API25_1", "API9_1", "API10_1", "API189_1", "API214_1", "API160_1", "API179_1",
    }  # fmt: skip
    of_day = set(week.house.zone.manifest("kra", "2025-03-08").names())
    assert {name.split("/")[0] for name in of_day} == {"API299"}


def test_checks_judge_every_date_of_a_range(week: Week) -> None:
    """A fault on the first and on the last date is found by one run over all of them."""
    house = week.house
    keys = {day.isoformat() for day in WEEK}
    assert len(checks_of(week.result)) == 11
    for evaluations in checks_of(week.result).values():
        assert {each.partition for each in evaluations} == keys
    assert failed_checks(week.result) == {}
    first = house.rows("select race_id from races where race_date = '2025-03-05' order by 1")[0][0]
    last = house.rows("select race_id from races where race_date = '2025-03-08' and sport = 'horse' order by 1")[0][0]
    kept = house.rows(
        "delete from results where race_id in (:first, :last) and finish_position = 1 returning race_id",
        first=first,
        last=last,
    )
    assert {race for (race,) in kept} == {first, last}
    broken = errors_of(house.run(WEEK[0], WEEK[-1], is_range=True, fetch=False))
    assert set(broken) >= {"finish_order_complete", "results_as_declared"}
    assert f"{first} finish_position" in str(broken["finish_order_complete"])
    house.rows("update meetings set revision_sha256 = ''")
    assert house.run(WEEK[0], WEEK[-1], is_range=True, fetch=False).success
    is_true(house, *WEEK)


def test_a_month_as_one_run_asks_far_less_than_day_by_day(database: Database, tmp_path: Path) -> None:
    """Of horses; of cycles and boats nothing can be had by month. Both ways give the same rows."""
    calendar = Calendar(lambda meeting: meeting.track_id != "jeju")
    first, last, families = date(2025, 3, 1), date(2025, 3, 15), ("races", "entries", "results")
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    with open_house(database, tmp_path, calendar) as house:
        with house.requests() as by_month:
            assert house.run(first, last, only=families, is_range=True).success
        before = digest(database)
        house.rows("delete from races")
        house.rows("delete from meetings")
        with house.requests() as by_day:
            for day in days:
                if calendar.meetings(day):
                    assert house.run(day, only=families).success
        asked = [
            sum(count for service, count in services(found).items() if service.startswith("API"))
            for found in (by_month, by_day)
        ]
        print(f"requests to KRA for half a month: {asked[0]} by month, {asked[1]} by day")
        assert asked[0] < asked[1] / 2
        assert digest(database) == before


def test_a_backfill_of_the_daemon_is_one_run(house: House, tmp_path: Path) -> None:
    """As one that is asked for on Dagster's pages."""
    global location  # noqa: PLW0603 - the daemon loads its code location by name
    location = house
    overrides = {
        "run_launcher": {
            "module": "dagster._core.launcher.sync_in_memory_run_launcher",
            "class": "SyncInMemoryRunLauncher",
        },
        "run_coordinator": {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"},
        "telemetry": {"enabled": False},
    }
    origin = LoadableTargetOrigin(executable_path=sys.executable, module_name=__name__, attribute="code_location")
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(origin, location_name="fotmate"))
    keys = [day.isoformat() for day in WEEK[:2]]
    assets = [AssetKey(["racing", name]) for name in ALL]
    with (
        instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        graph = workspace.create_request_context().asset_graph
        instance.add_backfill(
            PartitionBackfill.from_asset_partitions(
                asset_graph=graph,
                backfill_id="week",
                tags={},
                backfill_timestamp=time.time(),
                asset_selection=assets,
                partition_names=keys,
                dynamic_partitions_store=instance,
                all_partitions=False,
                title=None,
                description=None,
                run_config=None,
            )
        )
        for _ in range(4):
            assert not any(execute_backfill_iteration(workspace, logging.getLogger("backfill")))
            backfill = instance.get_backfill("week")
            assert backfill is not None
            if backfill.status is not BulkActionStatus.REQUESTED:
                break
        assert backfill is not None
        assert backfill.status is BulkActionStatus.COMPLETED_SUCCESS
        (run,) = instance.get_runs()
        assert run.is_success
        assert run.tags["dagster/backfill"] == "week"
        for key in assets:
            assert instance.get_materialized_partitions(key) == set(keys)
    is_true(house, *WEEK[:2])


location: House | None = None


def code_location() -> Any:
    """What the daemon of `test_a_backfill_of_the_daemon_is_one_run` loads."""
    assert location is not None
    return build_defs(**location.overrides)


# What goes wrong ------------------------------------------------------------------------------------------------------


def test_without_a_service_key_nobody_is_asked_and_the_run_says_why(house: House) -> None:
    house.portals(service_key=None)
    with house.requests() as requests:
        result = house.run(DAY)
    assert requests == []
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    assert failure.metadata["verdict"].value == "auth"
    assert "no service key: set FOTMATE_PORTAL_SERVICE_KEY" in str(failure.description)
    assert house.is_never_retried_by_the_daemon(result)
    assert {row[1:] for row in house.owed("source, job, verdict, next_retry_at is null")} == {
        ("racing/races", "auth", True)
    }
    attempts = house.rows("select source, job, verdict from ingestion_jobs order by 1, 2")
    assert attempts == [
        (source, f"racing/{name}", "auth") for source in ("kra", "kspo") for name in sorted(DAY_TABLES)
    ], "an attempt that never came to its documents is no success"
    assert alerts(house) == {("refused", "kra auth"), ("refused", "kspo auth")}


def test_a_range_that_fails_tells_of_each_document_once_and_of_fifty_at_most(house: House) -> None:
    house.portals(service_key=None)
    result = house.run(date(2025, 3, 1), date(2025, 3, 31), is_range=True)
    assert not result.success
    entries = house.instance.all_logs(result.run_id)
    lines = [
        entry.user_message
        for entry in entries
        if entry.level == logging.ERROR and "no service key" in entry.user_message
    ]
    assert len(lines) == len(set(lines)) == 50
    (more,) = [entry.user_message for entry in entries if "more; the ledger" in entry.user_message]
    documents = house.rows("select count(distinct document) from ingestion_failures")[0][0]
    assert more == f"and {int(str(documents)) - 50} more; the ledger names all"
    owed = house.rows("select count(distinct partition_key) from ingestion_failures")
    assert owed == [(31,)]


def alerts(house: House) -> set[tuple[str, str]]:
    """What people are told of by now."""
    found = alerts_due(house.ledger.failures(), [], datetime.now(UTC))
    return {(alert.kind, alert.key) for alert in found}


def test_a_portal_that_is_down_is_owed_by_document_and_a_later_success_settles_it(house: House) -> None:
    house.portal_is_down()
    result = house.run(DAY)
    assert not result.success
    assert house.is_never_retried_by_the_daemon(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    assert {(job, verdict) for job, _, verdict in house.owed()} == {("racing/races", "transport")}
    assert {document for _, document, _ in house.owed()} >= {"API72_2/jeju/2025-03", "CRA_RACE_RANK/all/2025-03-08"}
    assert {verdict for (verdict,) in house.rows("select verdict from ingestion_jobs")} == {"transport"}
    assert alerts(house) == {
        ("failure", "kra racing/races transport"),
        ("failure", "kspo racing/races transport"),
    }
    house.portal_is_down(False)
    assert house.run(DAY).success
    assert house.owed() == []
    is_true(house, DAY)


def test_a_portal_that_is_down_leaves_what_is_known_and_fails_the_run_all_the_same(house: House) -> None:
    assert house.run(DAY).success
    before = row_versions(house.database)
    house.portal_is_down()
    result = house.run(DAY)
    assert not result.success
    assert house.is_never_retried_by_the_daemon(result)
    assert list(errors_of(result)) == ["nothing_owed"]
    assert "/2025-03" in str(errors_of(result)["nothing_owed"])
    assert "503" in str(errors_of(result)["nothing_owed"])
    assert materialized(result) >= {(name, DAY.isoformat()) for name in DAY_TABLES}
    assert "API214_1/jeju/2025-03-08" in metadata_of(result, "results")["failures"]
    assert {job for job, *_ in house.owed()} == {f"racing/{name}" for name in DAY_TABLES}
    assert row_versions(house.database) == before
    house.portal_is_down(False)
    assert house.run(DAY).success
    assert house.owed() == []


def test_an_asset_alone_fails_its_run_for_what_it_owes(house: House) -> None:
    """The check that says what is owed hangs on `races`, which is not part of such a run."""
    assert house.run(DAY).success
    house.upstream.fail("*/API214_1/*", Fault.status(503), times=2)
    assert house.run(DAY, only=["entries"]).success
    result = house.run(DAY, only=["results"])
    assert not result.success
    assert {job for job, *_ in house.owed()} == {"racing/results"}
    assert ("results", DAY.isoformat()) in materialized(result)
    assert house.is_never_retried_by_the_daemon(result)


def test_a_calendar_that_fails_settles_nothing_that_it_did_not_come_to(house: House) -> None:
    house.upstream.fail("*/API26_2/*", of_race(1, age=99_999), times=1)
    house.upstream.fail("*/API214_1/*", Fault.status(503), times=2)
    assert not house.run(DAY).success
    before = house.owed()
    assert before == [
        ("racing/races", "meeting/jeju/2025-03-08", "malformed"),
        ("racing/results", "API214_1/jeju/2025-03-08", "transport"),
    ]
    house.portal_is_down()
    assert not house.run(DAY).success
    assert set(house.owed()) >= set(before)
    assert house.rows("select from ingestion_failures where status = 'resolved'") == []
    house.portal_is_down(False)
    assert house.run(DAY).success
    assert house.owed() == []


def test_a_calendar_document_of_one_date_leaves_the_others_of_a_range_alone(house: House) -> None:
    house.upstream.fail("*VWEB_MBR_RACE_DOC*20250305*", Fault.status(503), times=2)
    assert not house.run(WEEK[0], WEEK[3], is_range=True).success
    assert house.owed("partition_key, document, verdict") == [
        ("2025-03-05", "MBR_RACE_DOC/misari/2025-03-05", "transport")
    ]


MALFORMED = ("racing/results", "API214_1/jeju/2025-03-08", "malformed")


def test_a_malformed_row_is_owed_by_document_row_and_field_and_the_other_races_load(house: House) -> None:
    house.upstream.fail("*/API214_1/*", of_race(3, ord="first"), times=2)
    result = house.run(DAY)
    assert not result.success
    assert house.owed() == [MALFORMED]
    ((field, reason, retry, sha256),) = house.owed("field, reason, next_retry_at, raw_sha256")
    assert str(field).startswith("items[")
    assert str(field).endswith("].ord")
    assert "first" in str(reason)
    assert retry is None, "asking again unchanged cannot help"
    said = str(errors_of(result)["nothing_owed"])
    assert said.startswith(f"API214_1/jeju/2025-03-08 {field}: kra: ")
    assert b'"first"' in house.zone.get(str(sha256))
    assert house.rows("select document, sha256, field from quarantine") == [(MALFORMED[1], sha256, field)]
    assert alerts(house) == {("failure", "kra racing/results malformed")}
    without = house.rows(
        "select race_id from races r where not exists (select from results t where t.race_id = r.race_id)"
    )
    assert without == [("horse-jeju-20250308-03",)]
    assert house.rows("select from entries where race_id = 'horse-jeju-20250308-03'") != []

    # From the kept bytes, with the same parser: still owed, and nobody is asked.
    with house.requests() as requests:
        assert not house.run(DAY, fetch=False).success
    assert requests == []
    assert house.owed() == [MALFORMED]
    # From the source, which has not mended it; then it has.
    assert not house.run(DAY).success
    assert house.owed() == [MALFORMED]
    assert house.run(DAY).success
    assert house.owed() == []
    is_true(house, DAY)


def test_kept_bytes_that_can_be_read_now_settle_what_could_not_be(house: House) -> None:
    """As after a parser was mended: here the bytes are put back in the place of the refused ones."""
    house.upstream.fail("*/API214_1/*", of_race(3, ord="first"), times=1)
    assert not house.run(DAY).success
    manifest = house.zone.manifest("kra", "2025-03-08")
    whole = house.run(DAY, only=["results"])
    assert whole.success
    assert house.owed() == []
    mended = house.zone.manifest("kra", "2025-03-08")
    house.zone.save(manifest)
    house.rows("update meetings set revision_sha256 = ''")
    assert not house.run(DAY, fetch=False).success
    assert house.owed() == [MALFORMED]
    house.zone.save(mended)
    with house.requests() as requests:
        assert house.run(DAY, fetch=False).success
    assert requests == []
    assert house.owed() == []
    is_true(house, DAY)


def test_a_malformed_calendar_stays_owed_when_its_kept_bytes_are_read_again(house: House) -> None:
    def mangle(row: dict[str, Any]) -> None:
        if (str(row["rcDate"]), row["rcNo"]) == ("20250308", 3):
            row["rcDate"] = "soon"

    house.upstream.fail("*/API72_2/*meet=2*", with_rows(mangle), times=1)
    assert not house.run(DAY).success
    owed = [("racing/races", "API72_2/jeju/2025-03", "malformed")]
    assert house.owed() == owed
    assert not house.run(DAY, fetch=False).success
    assert house.owed() == owed
    assert house.run(DAY).success
    assert house.owed() == []
    is_true(house, DAY)


def test_a_used_up_quota_leaves_the_service_alone_until_midnight_in_korea(house: House) -> None:
    """On a day with two horse meetings, asked one after the other: the first refusal is the last question."""
    sunday = date(2025, 3, 9)
    house.portals(in_flight=1)
    house.upstream.fail("*/API214_1/*", quota_exceeded(), times=1)
    with house.requests() as requests:
        result = house.run(sunday)
    assert not result.success
    assert services(requests)["API214_1"] == 1
    assert services(requests)["API299"] == services(requests)["API160_1"] == 2
    assert [row[:3] for row in house.owed()] == [
        ("racing/results", f"API214_1/{track}/2025-03-09", "quota") for track in ("busan", "seoul")
    ]
    midnight = midnight_after(datetime.now(KST).date())
    for (retry,) in house.owed("next_retry_at"):
        assert isinstance(retry, datetime)
        assert abs(retry - midnight) < timedelta(minutes=1)
    assert alerts(house) == {("refused", "kra quota")}
    assert house.rows("select count(*) from payoffs where race_date = '2025-03-09'")[0][0] != 0
    with house.requests() as requests:
        assert not house.run(sunday).success
    assert services(requests)["API214_1"] == 0
    assert {service for service, asked in services(requests).items() if asked} > {"API72_2", "API299"}

    house.rows("update portal_quota set day = day - 1")
    assert house.run(sunday).success
    assert house.owed() == []
    is_true(house, sunday)


def test_a_meeting_that_the_database_refuses_is_owed_whole_and_the_others_load(house: House) -> None:
    house.upstream.fail("*/API26_2/*", of_race(1, age=99_999), times=1)
    result = house.run(DAY)
    assert not result.success
    assert house.owed() == [("racing/races", "meeting/jeju/2025-03-08", "malformed")]
    ((reason,),) = house.owed("reason")
    assert str(reason).startswith("the database refuses it: ")
    assert "column age: 99999" in str(reason)
    assert house.rows("select distinct track_id from races order by 1") == [("changwon",), ("gwangmyeong",)]
    assert house.rows("select from meetings where track_id = 'jeju'") == []
    assert house.run(DAY).success
    assert house.owed() == []
    is_true(house, DAY)


def test_a_raw_zone_that_is_away_is_dagsters_to_retry_and_nobodys_fault(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fotmate_assets.core.failures.RetryRequested", at_once)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))
    raw = house.overrides["raw"]
    house.replace("raw", ObjectStorage(url="s3://nowhere", endpoint_url="http://127.0.0.1:9"))
    result = house.run(DAY)
    assert not result.success
    assert len([event for event in result.all_events if event.is_step_up_for_retry]) == 3
    assert not house.is_never_retried_by_the_daemon(result)
    assert house.rows("select from ingestion_failures") == []
    assert house.rows("select from ingestion_jobs") == []
    house.replace("raw", raw)
    assert house.run(DAY).success
    is_true(house, DAY)


def at_once(max_retries: int, seconds_to_wait: float) -> RetryRequested:
    """As asked for, without the wait."""
    assert (max_retries, seconds_to_wait) == (3, 10)
    return RetryRequested(max_retries, 0)


def test_kept_bytes_that_are_damaged_are_owed_and_the_other_meetings_load(house: House) -> None:
    assert house.run(DAY).success
    manifest = house.zone.manifest("kra", "2025-03-08")
    revision = manifest.current("API214_1/jeju/2025-03-08/1")
    assert revision is not None
    blob = Path(house.raw_url.removeprefix("file://")) / f"blobs/{revision.sha256[:2]}/{revision.sha256}.zst"
    blob.write_bytes(blob.read_bytes()[:-10])
    house.rows("delete from races")
    house.rows("delete from meetings")
    result = house.run(DAY, fetch=False)
    assert not result.success
    assert house.owed() == [("racing/results", "API214_1/jeju/2025-03-08", "transport")]
    assert "the raw zone lost it" in str(house.owed("reason"))
    assert counts(house.database, DAY)["races"] == 28
    assert house.run(DAY).success, "the source has them still"
    assert house.owed() == []
    house.rows("update meetings set revision_sha256 = ''")
    assert house.run(DAY, fetch=False).success
    is_true(house, DAY)


# Recovery -------------------------------------------------------------------------------------------------------------


def recovery(house: House) -> list[RunRequest] | str:
    """What the sensor asks for, or why it does not; resolved as the daemon does."""
    with build_sensor_context(
        instance=house.instance,
        resources={"postgres": house.overrides["postgres"]},
        repository_def=house.definitions.get_repository_def(),
    ) as context:
        data = failure_recovery(REPLAYS).evaluate_tick(context)
    return data.skip_message or list(data.run_requests or [])


def due_now(house: House) -> None:
    house.rows("update ingestion_failures set next_retry_at = now() where next_retry_at is not null")


def standing(house: House) -> list[tuple[object, ...]]:
    return house.rows("select status, attempts from ingestion_failures order by failure_id")


def test_the_recovery_sensor_runs_the_race_date_again_until_it_is_settled(house: House) -> None:
    house.upstream.fail("*/API214_1/*", Fault.status(503), times=4)
    assert not house.run(DAY).success
    assert recovery(house) == "nothing that is owed is due", "not before a minute has passed"
    assert standing(house) == [("pending", 1)]
    due_now(house)
    for attempts, status in ((1, "pending"), (2, "resolved")):
        found = recovery(house)
        assert not isinstance(found, str), found
        (request,) = found
        assert (request.job_name, request.partition_key) == ("racing_day", DAY.isoformat())
        assert standing(house) == [("retrying", attempts)]
        assert isinstance(recovery(house), str), "under way"
        result = house.job("racing_day", str(request.partition_key), **{FAILURES_TAG: request.tags[FAILURES_TAG]})
        assert result.success == (status == "resolved")
        assert [row[0] for row in standing(house)] == [status]
        due_now(house)
    is_true(house, DAY)
    assert isinstance(recovery(house), str)


def test_after_the_fifth_retry_a_failure_is_exhausted(house: House) -> None:
    boats = date(2025, 3, 5)
    house.upstream.fail("*VWEB_MBR_RACE_DOC*", Fault.status(503), times=99)
    assert not house.run(boats).success
    for retry in range(1, 6):
        due_now(house)
        found = recovery(house)
        assert not isinstance(found, str), found
        assert len(found) == 1
        assert not house.job("racing_day", boats.isoformat()).success
        assert standing(house) == [("exhausted" if retry == 5 else "pending", 1 + retry)]
    due_now(house)
    assert isinstance(recovery(house), str)
    assert alerts(house) == {("exhausted", "kspo racing/races transport")}


def test_ten_race_dates_at_most_are_tried_again_at_once(house: House) -> None:
    for number in range(1, 13):
        error = SourceError(Verdict.TRANSPORT, "kra", f"API214_1/seoul/2025-03-{number:02d}", "gone")
        house.ledger.owe(Job("kra", "racing/results", f"2025-03-{number:02d}"), error)
    due_now(house)
    found = recovery(house)
    assert not isinstance(found, str), found
    assert [request.partition_key for request in found] == [f"2025-03-{number:02d}" for number in range(1, 11)]
    assert {request.job_name for request in found} == {"racing_day"}
    assert [row[0] for row in standing(house)] == ["retrying"] * 10 + ["pending"] * 2
