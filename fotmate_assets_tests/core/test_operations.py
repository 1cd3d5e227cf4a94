"""Operations as the daemon and the pages see them: the status asset, the alerts sensor, the daily summary."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    Definitions,
    RunRequest,
    build_schedule_context,
    build_sensor_context,
    materialize,
)
from sqlalchemy import Connection

from fotmate_assets.core.alerts import note_failures
from fotmate_assets.core.ledger import Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.operations import (
    Alerts,
    daily_summary,
    failure_alerts,
    ingestion_status_asset,
    operations_status,
    operations_summary,
    status_refresh,
)
from fotmate_assets.core.resources import Postgres
from fotmate_assets.core.status import Freshness
from fotmate_assets_tests.core.slack import Slack, slack_server
from fotmate_assets_tests.databases import Database

JOB = Job("kra", "racing/results", "2025-05-31", "run-1")
NOW = datetime(2025, 5, 31, 3, tzinfo=UTC)


@pytest.fixture
def slack() -> Iterator[Slack]:
    with slack_server() as server:
        yield server


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def resources(database: Database, webhook_url: str | None) -> dict[str, Any]:
    return {"postgres": Postgres(url=database.writer_url), "alerts": Alerts(webhook_url=webhook_url)}


def owe(database: Database, document: str) -> None:
    Ledger(database.engine).owe(JOB, SourceError(Verdict.TRANSPORT, "kra", document, "HTTP 503"))


def tick(instance: DagsterInstance, database: Database, slack: Slack | None, cursor: str | None) -> tuple[str, str]:
    """What a tick of the alerts sensor says, and its cursor."""
    with build_sensor_context(
        instance=instance, cursor=cursor, resources=resources(database, slack.url if slack else None)
    ) as context:
        data = failure_alerts.evaluate_tick(context)
    assert not data.run_requests
    return str(data.skip_message), str(data.cursor)


def test_the_sensor_tells_what_is_new_and_goes_on_from_the_ledgers_clock(
    instance: DagsterInstance, database: Database, slack: Slack
) -> None:
    said, cursor = tick(instance, database, slack, None)
    assert said == "nothing to tell"
    owe(database, "a")
    said, later = tick(instance, database, slack, cursor)
    assert said == "1 alerts sent"
    assert datetime.fromisoformat(cursor) < datetime.fromisoformat(later) <= datetime.now(UTC) + timedelta(seconds=5)
    assert tick(instance, database, slack, later)[0] == "nothing to tell"
    assert tick(instance, database, slack, None)[0] == "nothing to tell", "a new Dagster instance repeats nothing"
    assert slack.titles == ["kra racing/results: 1 failed"]


def test_a_slack_that_is_away_fails_no_tick(instance: DagsterInstance, database: Database, slack: Slack) -> None:
    slack.answers = [(503, "")]
    owe(database, "a")
    said, cursor = tick(instance, database, slack, None)
    assert said == "nothing to tell"
    database.execute("update alerts set sent_at = sent_at - interval '30 seconds'")
    assert tick(instance, database, slack, cursor)[0] == "1 alerts sent"


def test_without_a_webhook_the_log_is_told(instance: DagsterInstance, database: Database) -> None:
    owe(database, "a")
    assert tick(instance, database, None, None)[0] == "1 alerts sent"
    Ledger(database.engine).settle(JOB, ["a"])
    note_failures(database.engine, None)
    assert Alerts(webhook_url="").tell(Postgres(url=database.writer_url)) == 1, "an empty one is none"


def test_what_failed_while_no_sensor_ran_is_told_by_the_next_tick(
    instance: DagsterInstance, database: Database, slack: Slack
) -> None:
    owe(database, "a")
    database.execute("update ingestion_failures set last_failed_at = now() - interval '3 days'")
    assert tick(instance, database, slack, None)[0] == "nothing to tell"
    stopped = datetime.now(UTC) - timedelta(days=4)
    assert tick(instance, database, slack, stopped.isoformat())[0] == "1 alerts sent"


def test_the_summary_of_yesterday_in_seoul_is_asked_for_once_a_day() -> None:
    at = datetime(2025, 6, 1, 0, 0, tzinfo=UTC)  # 09:00 in Seoul
    with build_schedule_context(scheduled_execution_time=at) as context:
        data = operations_summary.evaluate_tick(context)
    (request,) = data.run_requests or []
    assert isinstance(request, RunRequest)
    assert request.run_key == "2025-05-31"
    assert request.run_config == {"ops": {"send_daily_summary": {"config": {"date": "2025-05-31"}}}}
    assert (operations_summary.cron_schedule, operations_summary.execution_timezone) == ("0 9 * * *", "Asia/Seoul")


def test_the_summary_is_posted_once_however_often_it_runs(
    instance: DagsterInstance, database: Database, slack: Slack
) -> None:
    database.execute(
        "insert into ingestion_jobs (source, job, partition_key, verdict, rows, duration_s, finished_at)"
        " values ('kra', 'racing/results', 'p', 'ok', 7, 1, '2025-05-31 23:59+09'),"
        " ('kra', 'racing/results', 'p', 'quota', 0, 1, '2025-06-01 00:00+09')"
    )
    definitions = Definitions(jobs=[daily_summary], resources=resources(database, slack.url))
    config = {"ops": {"send_daily_summary": {"config": {"date": "2025-05-31"}}}}
    for _ in range(2):
        job = definitions.resolve_job_def("daily_summary")
        assert job.execute_in_process(instance=instance, run_config=config).success
    (post,) = slack.posts
    assert (post["title"], post["text"]) == (
        "Ingestion on 2025-05-31",
        "kra: 1 attempts, 100.0% good, 0 owed, 0 exhausted",
    )


def test_the_status_is_shown_as_tables(instance: DagsterInstance, database: Database) -> None:
    with Ledger(database.engine).attempt(JOB) as attempt:
        attempt.rows = 7
    owe(database, "a")

    def freshness(_connection: Connection, on: date) -> list[Freshness]:
        return [Freshness(f"races {on}", "11 races", NOW, "none", True)]

    result = materialize([ingestion_status_asset([freshness])], instance=instance, resources=resources(database, None))
    (event,) = result.get_asset_materialization_events()
    shown = event.materialization.metadata
    assert [shown[name].value for name in ("dagster/row_count", "owed", "late")] == [1, 1, 1]
    jobs, owed, fresh = (shown[name].value for name in ("jobs", "owed_by_job", "freshness"))
    (record,) = jobs.records  # type: ignore[union-attr]
    assert {name: record.data[name] for name in ("source", "job", "attempts", "verdicts", "success_rate", "rows")} == {
        "source": "kra",
        "job": "racing/results",
        "attempts": 1,
        "verdicts": "ok 1",
        "success_rate": 1.0,
        "rows": 7,
    }
    assert [record.data["pending"] for record in owed.records] == [1]  # type: ignore[union-attr]
    assert [record.data["expected_by"] for record in fresh.records] == ["2025-05-31 12:00:00"]  # type: ignore[union-attr]


def test_an_empty_ledger_has_a_status(instance: DagsterInstance, database: Database) -> None:
    result = materialize([ingestion_status_asset()], instance=instance, resources=resources(database, None))
    assert result.success


def test_the_status_is_made_anew_every_quarter_of_an_hour(instance: DagsterInstance, database: Database) -> None:
    definitions = Definitions(
        assets=[ingestion_status_asset()],
        jobs=[status_refresh],
        schedules=[operations_status],
        resources=resources(database, None),
    )
    with build_schedule_context(instance=instance, scheduled_execution_time=NOW) as context:
        (request,) = operations_status.evaluate_tick(context).run_requests or []
    assert request.run_key is None, "a run at every tick"
    assert (operations_status.cron_schedule, operations_status.execution_timezone) == ("*/15 * * * *", "Asia/Seoul")
    job = definitions.resolve_job_def(operations_status.job_name)
    owed = []
    for document in ("a", "b"):
        owe(database, document)
        result = job.execute_in_process(instance=instance, run_config=request.run_config, tags=request.tags)
        (event,) = result.get_asset_materialization_events()
        owed.append(event.materialization.metadata["owed"].value)
    assert owed == [1, 2]


def test_alerts_summary_and_status_run_from_the_start() -> None:
    definitions = Definitions(
        assets=[ingestion_status_asset()],
        jobs=[daily_summary, status_refresh],
        sensors=[failure_alerts],
        schedules=[operations_summary, operations_status],
        resources={"postgres": Postgres(url="x"), "alerts": Alerts()},
    )
    Definitions.validate_loadable(definitions)
    assert failure_alerts.default_status.value == "RUNNING"
    assert operations_summary.default_status.value == "RUNNING"
    assert operations_status.default_status.value == "RUNNING"
