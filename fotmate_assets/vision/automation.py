"""What keeps the vision wing moving: the sensor of arrivals, and how what is owed is tried again."""

from collections.abc import Mapping

import msgspec
from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    JobDefinition,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    define_asset_job,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from fotmate_assets.core.ledger import Job
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.object_store import is_storage_trouble
from fotmate_assets.core.recovery import Replay
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.vision import owing, partitions, status
from fotmate_assets.vision.arrivals import FOLDER, Seen, arrivals, tick
from fotmate_assets.vision.assets import JOB_NAME, METRICS, QUEUE, TRAJECTORIES

ARRIVALS_EVERY_S = 30
STORAGE_ATTEMPTS = 3
"""Tries of a request to the tracking bucket, with botocore's backoff; then the ledger takes over."""
TOLD = 10
"""What waits that a tick names."""

vision_video = define_asset_job(
    JOB_NAME,
    [TRAJECTORIES, METRICS],
    tags=QUEUE,
    description="Trajectories and players' metrics of a match's video, or of its provider's tracking.",
)


@sensor(
    name="video_arrival",
    job=vision_video,
    minimum_interval_seconds=ARRIVALS_EVERY_S,
    default_status=DefaultSensorStatus.RUNNING,
    description="Every 30 seconds: matches whose video, with its calibration, or provider's tracking has arrived in "
    "`videos/` of the tracking bucket. Each version once, when it is whole and has not changed for a tick.",
)
def video_arrival(
    context: SensorEvaluationContext, postgres: Postgres, tracking: ObjectStorage
) -> SensorResult | SkipReason:
    """List, compare with what was seen at the tick before, and ask for a run of each match that is due. What a dead run
    has left behind is owed.
    """
    try:
        found = arrivals(tracking.store.listing(FOLDER))
    except Exception as error:
        if not is_storage_trouble(error):
            raise
        return SkipReason(f"the bucket does not answer; the next tick looks again: {error}")
    with postgres.engine.connect() as connection:
        begun = status.begun_versions(connection)
        left = status.left_behind(connection, _under_way(context.instance))
    for match_id, source in left.items():
        died = SourceError(Verdict.TRANSPORT, owing.SOURCE, source, "the process of its run died on the way")
        status.failed(postgres.engine, match_id, source, str(died))
        postgres.ledger.owe(Job(owing.SOURCE, owing.TRAJECTORIES, match_id), died)
    result = tick(found, _remembered(context.cursor), begun)
    keys = [arrival.match_id for arrival in result.due]
    for arrival in result.due:
        status.pending(postgres.engine, arrival.match_id, arrival.main)
    more = len(result.waiting) - TOLD
    waiting = "; ".join(result.waiting[:TOLD]) + (f"; and {more} more" if more > 0 else "")
    return SensorResult(
        skip_reason=None if keys else (waiting or "nothing new in videos/"),
        dynamic_partitions_requests=[partitions.video.build_add_request(keys)] if keys else [],
        run_requests=[
            RunRequest(
                run_key=f"{each.match_id} {each.version} {result.seen[each.match_id].asked}",
                partition_key=each.match_id,
                tags=QUEUE,
            )
            for each in result.due
        ],
        cursor=msgspec.json.encode(result.seen, order="deterministic").decode(),
    )


def _under_way(instance: DagsterInstance) -> set[str]:
    """Partitions, of whichever asset, that runs are at work on or queued for."""
    runs = instance.get_runs(RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))
    return {run.tags[PARTITION_NAME_TAG] for run in runs if PARTITION_NAME_TAG in run.tags}


def _remembered(cursor: str | None) -> Mapping[str, Seen]:
    """What the tick before saw; nothing at the first tick."""
    return msgspec.json.decode(cursor, type=dict[str, Seen]) if cursor else {}


def _is_known(instance: DagsterInstance, key: str) -> bool:
    return instance.has_dynamic_partition(str(partitions.video.name), key)


REPLAYS = [Replay("vision/", vision_video, _is_known)]
"""How what is owed is tried again: what was computed is only stored, what was begun is continued."""

JOBS: list[JobDefinition | UnresolvedAssetJobDefinition] = [vision_video]
SENSORS = [video_arrival]
