"""Operations as Dagster sees them: the status as an asset, alerts as a sensor, the daily summary as a schedule."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    Config,
    ConfigurableResource,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    MaterializeResult,
    MetadataValue,
    OpExecutionContext,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
    SkipReason,
    TableColumn,
    TableRecord,
    TableSchema,
    asset,
    define_asset_job,
    job,
    op,
    schedule,
    sensor,
)

from fotmate_assets.core.alerts import deliver, note_failures, note_summary, summary
from fotmate_assets.core.failures import infrastructure_retried
from fotmate_assets.core.resources import Postgres
from fotmate_assets.core.status import (
    DAY_ZONE,
    Freshness,
    FreshnessCheck,
    IngestionStatus,
    JobStatus,
    OwedStatus,
    ingestion_status,
    today,
)

ALERTS_EVERY_S = 30

STATUS = AssetKey(["ops", "ingestion_status"])


class Alerts(ConfigurableResource["Alerts"]):
    """Where people are told."""

    webhook_url: str | None = None
    """Slack's incoming webhook, a secret: give it as an EnvVar, so that no page shows it. None: the log is told."""

    def tell(self, postgres: Postgres) -> int:
        """Send what is to be told; return how many messages arrived."""
        return deliver(postgres.engine, self.webhook_url or None)


def ingestion_status_asset(freshness: Sequence[FreshnessCheck] = ()) -> AssetsDefinition:
    """The asset `ops/ingestion_status`; `freshness` is what each wing says of its own."""

    @asset(
        key=STATUS,
        group_name="ops",
        owners=["team:platform"],
        tags={"domain": "operations"},
        kinds={"python"},
        code_version="1",
        description="Today: attempts, success, what is owed, what is late. `fotmate status` shows the same.",
    )
    def ingestion_status_of_today(context: AssetExecutionContext, postgres: Postgres) -> MaterializeResult[None]:
        with infrastructure_retried(), postgres.engine.connect() as connection:
            found = ingestion_status(connection, today(), freshness)
        context.log.info(f"{sum(each.attempts for each in found.jobs)} attempts on {found.date} ({DAY_ZONE})")
        return MaterializeResult(metadata=status_metadata(found))

    return ingestion_status_of_today


def status_metadata(status: IngestionStatus) -> dict[str, Any]:
    """A status as tables for Dagster's pages."""
    return {
        "dagster/row_count": len(status.jobs),
        "date": f"{status.date} ({DAY_ZONE})",
        "owed": sum(each.pending + each.retrying + each.exhausted for each in status.owed),
        "late": sum(each.is_late for each in status.freshness),
        "jobs": _table(JobStatus, status.jobs),
        "owed_by_job": _table(OwedStatus, status.owed),
        "freshness": _table(Freshness, status.freshness),
    }


def _table(kind: type[Any], rows: Sequence[Any]) -> MetadataValue[Any]:
    schema = TableSchema(columns=[TableColumn(name) for name in kind.__dataclass_fields__])
    records = [TableRecord({name: _cell(value) for name, value in asdict(row).items()}) for row in rows]
    return MetadataValue.table(records, schema)


def _cell(value: object) -> str | int | float | bool | None:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    if isinstance(value, datetime):
        return f"{value.astimezone(DAY_ZONE):%Y-%m-%d %H:%M:%S}"
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


@sensor(
    name="failure_alerts",
    minimum_interval_seconds=ALERTS_EVERY_S,
    default_status=DefaultSensorStatus.RUNNING,
    description="Every 30 seconds: tells what failed, was given up, is refused or has recovered, once an hour each.",
)
def failure_alerts(context: SensorEvaluationContext, postgres: Postgres, alerts: Alerts) -> SkipReason:
    """Tell what is new in the ledger. It calls nobody but a webhook that was set for it, so it runs from the start."""
    since = datetime.fromisoformat(context.cursor) if context.cursor else None
    context.update_cursor(note_failures(postgres.engine, since).isoformat())
    arrived = alerts.tell(postgres)
    return SkipReason(f"{arrived} alerts sent" if arrived else "nothing to tell")


class SummaryConfig(Config):
    """What to sum up."""

    date: str
    """The day, `2025-05-31`, in Asia/Seoul."""


@op(description="Tell a day's counts per source: attempts, success rate, what is owed.")
def send_daily_summary(context: OpExecutionContext, config: SummaryConfig, postgres: Postgres, alerts: Alerts) -> None:
    """Tell a day's summary, once; one that does not arrive is sent again by the alerts sensor."""
    with infrastructure_retried():
        with postgres.engine.connect() as connection:
            status = ingestion_status(connection, date.fromisoformat(config.date))
        is_new = note_summary(postgres.engine, summary(status, datetime.now(DAY_ZONE)))
        arrived = alerts.tell(postgres)
    context.log.info(f"{arrived} alerts sent" if is_new else f"the summary of {config.date} was told before")


@job(description="Tell a day's summary.", tags={"domain": "operations"})
def daily_summary() -> None:
    """What `operations_summary` runs."""
    send_daily_summary()


@schedule(
    name="operations_summary",
    cron_schedule="0 9 * * *",
    execution_timezone=str(DAY_ZONE),
    job=daily_summary,
    default_status=DefaultScheduleStatus.RUNNING,
    description="09:00 in Seoul: yesterday's counts per source.",
)
def operations_summary(context: ScheduleEvaluationContext) -> RunRequest:
    """Sum up yesterday. Who sets the webhook wants it, and nobody else is called, so it runs from the start."""
    yesterday = str(context.scheduled_execution_time.astimezone(DAY_ZONE).date() - timedelta(days=1))
    return RunRequest(run_key=yesterday, run_config={"ops": {"send_daily_summary": {"config": {"date": yesterday}}}})


status_refresh = define_asset_job(
    "status_refresh",
    AssetSelection.assets(STATUS),
    description="Bring today's status up to date.",
    tags={"domain": "operations"},
)

operations_status = ScheduleDefinition(
    name="operations_status",
    cron_schedule="*/15 * * * *",
    execution_timezone=str(DAY_ZONE),
    job=status_refresh,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every 15 minutes: today's status. It asks nobody but the database, so it runs from the start.",
)
