"""Recovery: what the ledger says is due is tried again, as Dagster runs. One sensor for all wings."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog
from dagster import (
    DagsterInstance,
    JobDefinition,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from fotmate_assets.core.ledger import Failure
from fotmate_assets.core.resources import Postgres

log = structlog.get_logger(__name__)

RECOVERY_EVERY_S = 300
MOST_AT_ONCE = 10
NAMED = 50
"""Failures that a run's tag names; of more it says how many. Dagster indexes tags, and an index entry has an end."""
FAILURES_TAG = "fotmate/failures"
TOLD = 5
"""Things that cannot be retried that a message names."""


@dataclass(frozen=True)
class Replay:
    """How a wing tries again what is owed: which ledger jobs, by which Dagster job."""

    ledger_jobs: str
    """The ledger jobs that begin so: `football/`, `football/season_catalogue`."""
    job: JobDefinition | UnresolvedAssetJobDefinition
    is_known: Callable[[DagsterInstance, str], bool] | None = None
    """True for a partition that `job` can be run for; None where it has no partitions."""


@dataclass(frozen=True)
class Retry:
    """One run that tries again everything that is due on one partition."""

    replay: Replay
    partition_key: str
    """Empty where the job has no partitions."""
    failures: Sequence[Failure]

    @property
    def run_key(self) -> str:
        """The same for the same attempt, another for the next one."""
        attempt = " ".join(f"{one.failure_id}.{one.attempts}@{one.next_retry_at}" for one in self.failures)
        digest = hashlib.sha256(attempt.encode()).hexdigest()[:16]
        return f"{self.replay.job.name} {self.partition_key} retries {len(self.failures)} {digest}"

    @property
    def tags(self) -> dict[str, str]:
        """The run's tags: which failures it is for."""
        ids = ",".join(str(one.failure_id) for one in self.failures[:NAMED])
        more = len(self.failures) - NAMED
        return {FAILURES_TAG: f"{ids} and {more} more" if more > 0 else ids}


@dataclass(frozen=True)
class Recovery:
    """What to do about what is due."""

    retries: list[Retry] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    """What no run can be started for, in words."""


def retries_due(due: Iterable[Failure], replays: Sequence[Replay], is_known: Callable[[Replay, str], bool]) -> Recovery:
    """The runs to start for what is due: one per job and partition, ten at most, the longest due first.

    A ledger job belongs to the first replay whose `ledger_jobs` it begins with.
    """
    groups: dict[tuple[str, str], list[Failure]] = {}
    owners: dict[str, Replay] = {}
    stuck: dict[str, None] = {}
    for failure in due:
        owner = next((replay for replay in replays if failure.job.startswith(replay.ledger_jobs)), None)
        if owner is None:
            stuck[f"{failure.job}: nothing retries it"] = None
        elif (owner.is_known is None) != (failure.partition_key == "") or not is_known(owner, failure.partition_key):
            stuck[f"{owner.job.name}: no partition {failure.partition_key!r} here"] = None
        else:
            owners[owner.job.name] = owner
            groups.setdefault((owner.job.name, failure.partition_key), []).append(failure)
    retries = [Retry(owners[name], partition_key, failures) for (name, partition_key), failures in groups.items()]
    return Recovery(retries[:MOST_AT_ONCE], list(stuck))


def failure_recovery(replays: Sequence[Replay]) -> SensorDefinition:
    """The sensor: after 1, 2, 4, 8 and 16 minutes, until a failure is resolved or exhausted.

    It makes runs that call the outside world, so it waits to be started.
    """
    jobs = list({replay.job.name: replay.job for replay in replays}.values())

    @sensor(
        name="failure_recovery",
        jobs=jobs,
        minimum_interval_seconds=RECOVERY_EVERY_S,
        description="Every 5 minutes: partitions that something is owed on whose next attempt is due, ten at most.",
    )
    def recover(context: SensorEvaluationContext, postgres: Postgres) -> Iterator[RunRequest | SkipReason]:
        def is_known(replay: Replay, partition_key: str) -> bool:
            return replay.is_known is None or replay.is_known(context.instance, partition_key)

        recovery = retries_due(postgres.ledger.due(), replays, is_known)
        if recovery.stuck:
            context.log.warning(_stuck(recovery))
        under_way = _under_way(context.instance)
        waited_for = [retry for retry in recovery.retries if (retry.replay.job.name, retry.partition_key) in under_way]
        retries = [retry for retry in recovery.retries if retry not in waited_for]
        begun = postgres.ledger.begin_retry(one.failure_id for retry in retries for one in retry.failures)
        retries = [retry for retry in retries if any(one.failure_id in begun for one in retry.failures)]
        if not retries:
            waits = ", ".join(retry.partition_key or retry.replay.job.name for retry in waited_for)
            nothing = f"runs are under way of what is due: {waits}" if waits else "nothing that is owed is due"
            yield SkipReason(_stuck(recovery) if recovery.stuck else nothing)
        for retry in retries:
            log.info(
                "retrying",
                job=retry.replay.job.name,
                partition_key=retry.partition_key,
                failures=retry.tags[FAILURES_TAG],
                trace_id=retry.failures[0].run_id,
            )
            yield RunRequest(
                run_key=retry.run_key,
                job_name=retry.replay.job.name,
                partition_key=retry.partition_key or None,
                tags=retry.tags,
            )

    return recover


def _under_way(instance: DagsterInstance) -> set[tuple[str, str]]:
    """Jobs and partitions (empty for none) that runs are at work on or queued for, whoever started them.

    Some last for hours: they are no dead retries, and what they come to settles or owes anew.
    """
    runs = instance.get_runs(RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))
    return {(run.job_name, run.tags.get(PARTITION_NAME_TAG, "")) for run in runs}


def _stuck(recovery: Recovery) -> str:
    more = len(recovery.stuck) - TOLD
    told = "; ".join(recovery.stuck[:TOLD]) + (f"; and {more} more" if more > 0 else "")
    return f"due, and cannot be retried: {told}"
