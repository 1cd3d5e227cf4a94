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
from fotmate_assets.vision.pictures import TRAIL_S, annotated_frame, heat_map, trails
from fotmate_assets.vision.trajectories import FileMetadata, in_blocks, read_metadata, read_trajectories

if TYPE_CHECKING:
    from fotmate_assets.vision.produce import Produced

PICTURES = ("annotated_frame", "trails", "heat_map")
PICTURED = (
    *("match_id", "track_id", "object_type", "team", "player_id", "frame", "period", "timestamp_ms", "x_m", "y_m"),
    *("is_detected", "box_x1", "box_y1", "box_x2", "box_y2"),
)
"""What pictures are drawn from."""
HEATED_FRAMES = 10_000
"""More look no different in a heat map."""


def trajectories_told(store: ObjectStore, produced: Produced, seen: Mapping[str, MetadataValue[Any]]) -> dict[str, Any]:
    """What there is to tell of a match's trajectories. `seen`: what was told last; the same file keeps its pictures.

    A picture that cannot be drawn is told as `picture_error`.
    """
    meta = read_metadata(produced.file)
    seconds, frames = produced.seconds, produced.quality["frames_expected"]
    speed = {"seconds": round(seconds, 1), "frames_per_s": round(frames / max(seconds, 1e-6), 1)}
    return {
        "dagster/partition_row_count": produced.rows,
        "dagster/uri": store.url_of(storage_path(produced.match_id)),
        "storage_path": storage_path(produced.match_id),
        "outcome": produced.outcome,
        "source": meta.source,
        "simulated": meta.simulated,
        **(_last_pictures(produced, seen) or _pictures(produced, meta)),
        "sha256": produced.sha256,
        "size_bytes": produced.size_bytes,
        "bytes_per_row": round(produced.size_bytes / max(produced.rows, 1), 2),
        "fps": meta.fps,
        **(speed if produced.outcome == "computed" else {}),
        **{name: value for name, value in (("detector", meta.detector), ("tracker", meta.tracker)) if value},
        **{
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in produced.quality.items()
            if name != "rows" and value is not None
        },
        **({"notes": MetadataValue.md("\n".join(f"- {note}" for note in meta.notes))} if meta.notes else {}),
    }


def _wanted(produced: Produced) -> list[str]:
    """The pictures that there can be: only a video has frames."""
    return [name for name in PICTURES if name != "annotated_frame" or "video" in produced.parts]


def _last_pictures(produced: Produced, seen: Mapping[str, MetadataValue[Any]]) -> dict[str, Any]:
    """Those told last, where they are all there and of this very file."""
    is_same = produced.outcome == "unchanged" and "sha256" in seen and seen["sha256"].value == produced.sha256
    wanted = _wanted(produced)
    return {name: seen[name] for name in wanted} if is_same and set(wanted) <= set(seen) else {}


def _pictures(produced: Produced, meta: FileMetadata) -> dict[str, Any]:
    """The pitch seen from above, and, of a video, its middle frame with what is seen in it; and what could not be
    drawn: the file is stored, and is not made again for want of a picture.
    """
    draw = {"annotated_frame": _annotated, "trails": _trails, "heat_map": _heat_map}
    clock = read_trajectories(produced.file, columns=("period", "frame", "timestamp_ms"))
    clock = clock.unique(maintain_order=True)
    told: dict[str, Any] = {}
    errors = []
    for name in _wanted(produced):
        try:
            picture = as_markdown(draw[name](produced, clock, meta), f"{name} of {produced.match_id}")
        except Exception as error:
            errors.append(f"{name}: {' '.join(f'{type(error).__name__}: {error}'.split())}")
        else:
            told[name] = MetadataValue.md(picture)
    return told | ({"picture_error": "; ".join(errors)} if errors else {})


def _trails(produced: Produced, clock: pl.DataFrame, meta: FileMetadata) -> bytes:
    """Of the end of the last period. `clock`: the period and the time of each frame that has rows, in order."""
    period, _frame, end = clock.row(-1) if len(clock) else (0, 0, 0)
    rows = read_trajectories(produced.file, period=period, from_ms=end - TRAIL_S * 1000, columns=PICTURED)
    return trails(rows, meta.pitch, produced.match_id, meta.simulated is True)


def _heat_map(produced: Produced, clock: pl.DataFrame, meta: FileMetadata) -> bytes:
    """Of the whole match, in some thousand frames of it."""
    some = clock["frame"].gather_every(-(-len(clock) // HEATED_FRAMES) or 1).implode()
    blocks = in_blocks(produced.file, ("frame", "period", "object_type", "team", "x_m", "y_m"))
    rows = pl.concat(block.filter(pl.col("frame").is_in(some)) for block in blocks)
    return heat_map(rows, meta.pitch, produced.match_id, meta.simulated is True)


def _annotated(produced: Produced, clock: pl.DataFrame, meta: FileMetadata) -> bytes:
    """The frame with rows in the middle of the video."""
    period, frame, time = clock.row(len(clock) // 2) if len(clock) else (0, 0, 0)
    rows = read_trajectories(produced.file, period=period, from_ms=time, to_ms=time + 1, columns=PICTURED)
    _sidecar, calibration = read_calibration(produced.document("sidecar"))
    with open_video(produced.parts["video"]) as video:
        _number, image = next(video.images([frame]))
    title = f"{produced.match_id}, frame {frame}"
    return annotated_frame(image, rows.filter(pl.col("frame") == frame), calibration, title, meta.simulated is True)


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
