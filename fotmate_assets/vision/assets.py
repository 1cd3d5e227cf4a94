"""The vision assets: thin op bodies, with the pictures that people look at as metadata."""

from collections.abc import Callable
from typing import Any

import polars as pl
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Config,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    RetryRequested,
    TableColumn,
    TableColumnConstraints,
    TableConstraints,
    TableRecord,
    TableSchema,
    asset,
)

from fotmate_assets.core.failures import INFRASTRUCTURE_RETRIES, infrastructure_retried, permanent_failure
from fotmate_assets.core.io_managers import last_metadata, table_schema
from fotmate_assets.core.model import SourceError
from fotmate_assets.core.pictures import as_markdown
from fotmate_assets.core.postgres import advisory_lock
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.core.tables import metadata as tables
from fotmate_assets.vision import partitions
from fotmate_assets.vision.metrics import player_metrics as metrics_of
from fotmate_assets.vision.model import storage_path
from fotmate_assets.vision.produce import Desk, Produced, produce, release
from fotmate_assets.vision.resources import VideoAnalysis
from fotmate_assets.vision.trajectories import COLUMNS, FileMetadata, read_metadata, read_trajectories

GROUP = "vision"
OWNERS = ["team:vision-data"]
TAGS = {"domain": "vision"}
CODE_VERSION = "1"

GPU = "gpu"
"""Pool of what may want the GPU, and the queue that its runs wait in."""
QUEUE = {"dagster-celery/queue": GPU}

TRAJECTORIES, METRICS = (AssetKey(["vision", name]) for name in ("trajectories", "player_metrics"))

JOB_NAME = "vision_video"
MEASURED = (
    *("match_id", "track_id", "object_type", "team", "player_id", "frame", "period", "timestamp_ms", "x_m", "y_m"),
    "is_detected",
)
"""What metrics are made of."""
PICTURED = (*MEASURED, "box_x1", "box_y1", "box_x2", "box_y2")
PICTURES = ("annotated_frame", "trails", "heat_map")


class AnalysisConfig(Config):
    """What is done otherwise than the settings say, for this run; nothing set means as they say."""

    detector: str | None = None
    """background, onnx or ultralytics."""
    weights: str | None = None
    tracker: str | None = None
    """cbiou or bytetrack."""
    stride: int | None = None
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
    with infrastructure_retried(), advisory_lock(postgres.engine, f"trajectories {key}") as held:
        if not held:
            context.log.info(f"another run is working on {key}: waiting for it")
            raise RetryRequested(max_retries=40, seconds_to_wait=15)
        try:
            produced = produce(desk, key, context.log.info)
        except SourceError as error:
            raise permanent_failure(context, [error]) from error
        result = MaterializeResult[None](
            data_version=DataVersion(produced.sha256), metadata=_told(context, tracking, produced)
        )
        release(desk, key)
    return result


def _told(context: AssetExecutionContext, tracking: ObjectStorage, produced: Produced) -> dict[str, Any]:
    """What a run tells of a match's trajectories; of unchanged ones the pictures that were drawn before."""
    meta = read_metadata(produced.file)
    seen = last_metadata(context, context.asset_key)
    drawn = {name: seen[name] for name in PICTURES if name in seen} if produced.outcome == "unchanged" else {}
    return {
        "dagster/partition_row_count": produced.rows,
        "dagster/uri": tracking.store.url_of(storage_path(produced.match_id)),
        "storage_path": storage_path(produced.match_id),
        "outcome": produced.outcome,
        "source": meta.source,
        "simulated": meta.simulated,
        "sha256": produced.sha256,
        "size_bytes": produced.size_bytes,
        "bytes_per_row": produced.size_bytes / max(produced.rows, 1),
        "fps": meta.fps,
        **{name: value for name, value in (("detector", meta.detector), ("tracker", meta.tracker)) if value},
        **{name: value for name, value in produced.quality.items() if name != "rows" and value is not None},
        **({"notes": MetadataValue.md("\n".join(f"- {note}" for note in meta.notes))} if meta.notes else {}),
        **(drawn or _pictures(produced, meta)),
    }


def _pictures(produced: Produced, meta: FileMetadata) -> dict[str, Any]:
    """The pitch seen from above, and, of a video, its middle frame with what is seen in it."""
    from fotmate_assets.vision.pictures import heat_map, trails

    rows = read_trajectories(produced.file, columns=PICTURED)
    title = produced.match_id
    drawn = {
        "trails": trails(rows, meta.pitch, title, meta.simulated),
        "heat_map": heat_map(rows, meta.pitch, title, meta.simulated),
    }
    if "video" in produced.parts:
        drawn["annotated_frame"] = _annotated(produced, rows, meta)
    return {
        name: MetadataValue.md(as_markdown(drawn[name], f"{name} of {title}")) for name in PICTURES if name in drawn
    }


def _annotated(produced: Produced, rows: pl.DataFrame, meta: FileMetadata) -> bytes:
    """The frame with rows in the middle of the video."""
    from fotmate_assets.vision.calibration import read_calibration
    from fotmate_assets.vision.decoding import open_video
    from fotmate_assets.vision.pictures import annotated_frame

    numbers = rows["frame"].unique().sort()
    frame = int(numbers[len(numbers) // 2]) if len(numbers) else 0
    _sidecar, calibration = read_calibration(produced.document("sidecar"))
    with open_video(produced.parts["video"]) as video:
        _number, image = next(video.images([frame]))
    title = f"{produced.match_id}, frame {frame}"
    return annotated_frame(image, rows.filter(pl.col("frame") == frame), calibration, title, meta.simulated)


def _farthest(metrics: pl.DataFrame) -> dict[str, Any]:
    """The ten that ran the farthest."""
    if metrics.is_empty():
        return {}
    shown = (
        "track_id",
        "object_type",
        "team",
        "player_id",
        "minutes_observed",
        "distance_m",
        "top_speed_m_s",
        "sprints",
    )
    records = [
        TableRecord({name: round(value, 1) if isinstance(value, float) else value for name, value in row.items()})
        for row in metrics.select(shown).sort("distance_m", descending=True).head(10).iter_rows(named=True)
    ]
    return {"farthest": MetadataValue.table(records), "implausible": int((~metrics["is_plausible"]).sum())}


@_of_videos(
    METRICS,
    {"postgres", "polars"},
    {
        "dagster/column_schema": table_schema(tables.tables["player_metrics"]),
        "dagster/table_name": "player_metrics",
    },
    deps=[TRAJECTORIES],
    io_manager_key="postgres_io",
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def player_metrics(context: AssetExecutionContext, tracking: ObjectStorage) -> MaterializeResult[pl.DataFrame]:
    """What each person of a match amounts to: distance, top speed, sprints; per player where it is known who it is,
    else per track.
    """
    key = context.partition_key
    content = tracking.store.get(storage_path(key))
    meta = read_metadata(content)
    metrics = metrics_of(read_trajectories(content, columns=MEASURED), meta.fps / meta.stride)
    metrics = metrics.with_columns(is_simulated=pl.lit(meta.simulated))
    return MaterializeResult(value=metrics, metadata={"simulated": meta.simulated, **_farthest(metrics)})


ASSETS = [trajectories, player_metrics]
