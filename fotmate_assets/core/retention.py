"""Retention: Dagster 1.13 prunes its ticks, but nothing of its event log.

What makes the assets' history (materializations, observations, check results) and each run's outcome is
kept for good; the log lines and step events around them, most of the rows, go after a while.
"""

from dagster import (
    Config,
    DagsterInstance,
    DefaultScheduleStatus,
    OpExecutionContext,
    ScheduleDefinition,
    job,
    op,
)
from sqlalchemy import text

BATCH_ROWS = 20_000

_PRUNE = text("""
    delete from event_logs where id in (
        select id from event_logs
        where timestamp < (now() at time zone 'utc') - make_interval(days => :days)
          and coalesce(dagster_event_type, '') not like 'ASSET!_%' escape '!'
          and coalesce(dagster_event_type, '') not like 'PIPELINE!_%' escape '!'
        order by id
        limit :batch
    )
""")


def prune_event_log(instance: DagsterInstance, days: int) -> int:
    """Delete log lines and step events older than `days`, in batches; return how many.

    Raises TypeError where the instance does not keep its event log in Postgres.
    """
    from dagster._core.storage.event_log import SqlEventLogStorage  # brings Alembic: a third of a second

    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage) or "Postgres" not in type(storage).__name__:
        raise TypeError(f"{type(storage).__name__}: only an event log in Postgres is pruned")
    pruned = 0
    while True:
        with storage.index_connection() as connection:
            count = connection.execute(_PRUNE, {"days": days, "batch": BATCH_ROWS}).rowcount
        pruned += count
        if count < BATCH_ROWS:
            return pruned


class RetentionConfig(Config):
    """How long to keep what."""

    event_log_days: int


@op(description="Prune log lines and step events from Dagster's storage; asset history and run outcomes stay.")
def prune_dagster_event_log(context: OpExecutionContext, config: RetentionConfig) -> None:
    """Prune, and say how much."""
    pruned = prune_event_log(context.instance, config.event_log_days)
    context.log.info(f"pruned {pruned} rows older than {config.event_log_days} days")
    context.add_output_metadata({"pruned_rows": pruned})


@job(description="Keep Dagster's own storage from growing without end.", tags={"domain": "operations"})
def retention() -> None:
    """What `retention_daily` runs."""
    prune_dagster_event_log()


def retention_daily(event_log_days: int) -> ScheduleDefinition:
    """The schedule: every day at 04:00 UTC. It calls nobody outside, so it runs from the start."""
    return ScheduleDefinition(
        name="retention_daily",
        job=retention,
        cron_schedule="0 4 * * *",
        execution_timezone="UTC",
        run_config={"ops": {"prune_dagster_event_log": {"config": {"event_log_days": event_log_days}}}},
        default_status=DefaultScheduleStatus.RUNNING,
        description="04:00 UTC: prune Dagster's event log.",
    )
