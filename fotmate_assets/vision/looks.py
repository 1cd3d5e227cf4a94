"""What a run tells of a match's trajectories and metrics: figures, tables and pictures, as Dagster shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl
from dagster import MetadataValue, TableRecord

from fotmate_assets.core.object_store import ObjectStore
from fotmate_assets.core.pictures import as_markdown
from fotmate_assets.vision.calibration import read_calibration
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.model import storage_path
from fotmate_assets.vision.pictures import annotated_frame, heat_map, trails
from fotmate_assets.vision.trajectories import FileMetadata, read_metadata, read_trajectories

if TYPE_CHECKING:
    from fotmate_assets.vision.produce import Produced

PICTURES = ("annotated_frame", "trails", "heat_map")
PICTURED = (
    *("match_id", "track_id", "object_type", "team", "player_id", "frame", "period", "timestamp_ms", "x_m", "y_m"),
    *("is_detected", "box_x1", "box_y1", "box_x2", "box_y2"),
)
"""What pictures are drawn from."""


def trajectories_told(store: ObjectStore, produced: Produced, seen: Mapping[str, MetadataValue[Any]]) -> dict[str, Any]:
    """What there is to tell of a match's trajectories. `seen`: what was told last; unchanged ones keep its pictures."""
    meta = read_metadata(produced.file)
    drawn = {name: seen[name] for name in PICTURES if name in seen} if produced.outcome == "unchanged" else {}
    return {
        "dagster/partition_row_count": produced.rows,
        "dagster/uri": store.url_of(storage_path(produced.match_id)),
        "storage_path": storage_path(produced.match_id),
        "outcome": produced.outcome,
        "source": meta.source,
        "simulated": meta.simulated,
        **(drawn or _pictures(produced, meta)),
        "sha256": produced.sha256,
        "size_bytes": produced.size_bytes,
        "bytes_per_row": round(produced.size_bytes / max(produced.rows, 1), 2),
        "fps": meta.fps,
        **{name: value for name, value in (("detector", meta.detector), ("tracker", meta.tracker)) if value},
        **{
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in produced.quality.items()
            if name != "rows" and value is not None
        },
        **({"notes": MetadataValue.md("\n".join(f"- {note}" for note in meta.notes))} if meta.notes else {}),
    }


def _pictures(produced: Produced, meta: FileMetadata) -> dict[str, Any]:
    """The pitch seen from above, and, of a video, its middle frame with what is seen in it."""
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
    numbers = rows["frame"].unique().sort()
    frame = int(numbers[len(numbers) // 2]) if len(numbers) else 0
    _sidecar, calibration = read_calibration(produced.document("sidecar"))
    with open_video(produced.parts["video"]) as video:
        _number, image = next(video.images([frame]))
    title = f"{produced.match_id}, frame {frame}"
    return annotated_frame(image, rows.filter(pl.col("frame") == frame), calibration, title, meta.simulated)


def farthest(metrics: pl.DataFrame) -> dict[str, Any]:
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
