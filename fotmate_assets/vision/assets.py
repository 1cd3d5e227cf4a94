"""The vision assets: thin op bodies, with the pictures that people look at as metadata."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Config,
    DataVersion,
    MaterializeResult,
    TableColumn,
    TableColumnConstraints,
    TableConstraints,
    TableSchema,
    asset,
)
from pydantic import Field
from sqlalchemy import Engine

from fotmate_assets.core.failures import INFRASTRUCTURE_RETRIES, infrastructure_retried, permanent_failure
from fotmate_assets.core.io_managers import last_metadata, table_schema
from fotmate_assets.core.ledger import Job
from fotmate_assets.core.model import SourceError
from fotmate_assets.core.postgres import advisory_lock
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.vision import owing, partitions, tables
from fotmate_assets.vision.model import storage_path
from fotmate_assets.vision.resources import VideoAnalysis
from fotmate_assets.vision.trajectories import COLUMNS, in_blocks, read_metadata

GROUP = "vision"
OWNERS = ["team:vision-data"]
TAGS = {"domain": "vision"}
CODE_VERSION = "1"

GPU = "gpu"
"""Pool of what may want the GPU, and the queue that its runs wait in."""
QUEUE = {"dagster-celery/queue": GPU}

TRAJECTORIES, METRICS = (AssetKey(["vision", name]) for name in ("trajectories", "player_metrics"))

JOB_NAME = "vision_video"
LOCK_EVERY_S = 5.0


class AnalysisConfig(Config):
    """What is done otherwise than the settings say, for this run; nothing set means as they say."""

    detector: str | None = None
    """background, onnx or ultralytics."""
    weights: str | None = None
    tracker: str | None = None
    """cbiou or bytetrack."""
    stride: int | None = Field(None, ge=1, le=5)
    """Every so many frames one is looked at."""


def _of_videos(
    key: AssetKey, kinds: set[str], metadata: dict[str, Any], **options: Any
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """An asset of videos."""
    made: Callable[[Callable[..., Any]], AssetsDefinition] = asset(
        key=key,
        partitions_def=partitions.video,
        group_name=GROUP,
        owners=OWNERS,
        tags=TAGS,
        kinds=kinds,
        code_version=CODE_VERSION,
        metadata={"partition_expr": "match_id", **metadata},
        **options,
    )
    return made


def _columns() -> TableSchema:
    return TableSchema(
        columns=[
            TableColumn(
                name=column.name,
                type=column.type,
                description=column.comment,
                constraints=TableColumnConstraints(nullable=column.nullable),
            )
            for column in COLUMNS
        ],
        constraints=TableConstraints(other=["unique (frame, track_id)"]),
    )


@_of_videos(
    TRAJECTORIES,
    {"parquet", "s3", "opencv"},
    {"dagster/column_schema": _columns()},
    pool=GPU,
    op_tags=QUEUE,
)
def trajectories(
    context: AssetExecutionContext,
    config: AnalysisConfig,
    postgres: Postgres,
    tracking: ObjectStorage,
    analysis: VideoAnalysis,
) -> MaterializeResult[None]:
    """Where everybody was, in metres, frame by frame: of a match's video, or of what a provider tracked.

    Parquet at `tracking/{match_id}/trajectories.parquet`. A run that died, or found the bucket away, is continued by
    the next one; what has not changed is left as it is.
    """
    from fotmate_assets.vision.looks import trajectories_told
    from fotmate_assets.vision.produce import Desk, produce, release

    key = context.partition_key
    desk = Desk(
        store=tracking.store,
        engine=postgres.engine,
        ledger=postgres.ledger,
        folder=analysis.path,
        how=analysis.analysis(**config.model_dump(exclude_none=True)),
        encoding=analysis.encoding,
        run_id=context.run.run_id,
    )
    with infrastructure_retried(), _alone(context, postgres.engine, f"trajectories {key}"):
        try:
            produced = produce(desk, key, context.log.info)
        except SourceError as error:
            raise permanent_failure(context, [error]) from error
        told = trajectories_told(tracking.store, produced, last_metadata(context, context.asset_key))
        release(desk, key)
    return MaterializeResult(data_version=DataVersion(produced.sha256), metadata=told)


@contextmanager
def _alone(context: AssetExecutionContext, engine: Engine, name: str) -> Iterator[None]:
    """Hold the lock `name`, however long another run holds it before: a match may take hours."""
    is_told = False
    while True:
        with advisory_lock(engine, name) as held:
            if held:
                yield
                return
        if not is_told:
            context.log.info("another run is working on it: waiting for that one")
            is_told = True
        time.sleep(LOCK_EVERY_S)


@_of_videos(
    METRICS,
    {"postgres", "polars"},
    {
        "dagster/column_schema": table_schema(tables.player_metrics),
        "dagster/table_name": "player_metrics",
    },
    deps=[TRAJECTORIES],
    io_manager_key="postgres_io",
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def player_metrics(
    context: AssetExecutionContext, postgres: Postgres, tracking: ObjectStorage
) -> MaterializeResult[pl.DataFrame]:
    """What each person of a match amounts to: distance, top speed, sprints; per player where it is known who it is,
    else per track.
    """
    from fotmate_assets.vision.looks import farthest
    from fotmate_assets.vision.metrics import MEASURED
    from fotmate_assets.vision.metrics import player_metrics as metrics_of

    key = storage_path(context.partition_key)
    job = Job(owing.SOURCE, owing.METRICS, context.partition_key, context.run.run_id)
    with infrastructure_retried():
        try:
            with owing.owed(postgres.ledger, job, lambda: key) as attempt:
                content = tracking.store.get(key)
                meta = read_metadata(content)
                metrics = metrics_of(in_blocks(content, MEASURED), meta.fps / meta.stride)
                attempt.rows = metrics.height
        except SourceError as error:
            raise permanent_failure(context, [error]) from error
    metrics = metrics.with_columns(is_simulated=pl.lit(meta.simulated, pl.Boolean))
    return MaterializeResult(value=metrics, metadata={"simulated": meta.simulated, **farthest(metrics)})


ASSETS = [trajectories, player_metrics]
