"""A match's trajectories as one Parquet file: the schema of its rows, what it says about itself, writing, reading.

One row per (frame, track). Positions are float32 metres, or int16 centimetres in a file of encoding `centimetre` (whose
confidences are rounded to hundredths); the reader gives metres either way, and any Parquet reader reads either.

Layout: the match is cut into blocks of 25 minutes, never across periods; in a block, each track is one row group, in
order of frames. Whoever wants one track reads one row group of 23 in each of four blocks; whoever wants a minute reads
the row groups of one block. Measured with 3,105,000 rows (23 tracks, 90 minutes, 25 Hz), times in float32, on two
cores that others used, too:

| a row group is | bytes a row, float32 / centimetres | one track, ms | one minute, ms | read for a minute |
|---|---|---|---|---|
| a track of a half | 8.54 / 2.27 | 12.5 | 17.1 | 1/2 |
| **a track of 25 minutes** | 8.56 / 2.29 | 12.5 | 14.6 | 1/4 |
| a track of 15 minutes | 8.62 / 2.35 | 13.5 | 14.1 | 1/6 |
| a track of 10 minutes | 8.65 / 2.37 | 14.9 | 13.0 | 1/10 |
| a track of 5 minutes | 8.87 / 2.52 | 17.8 | 12.9 | 1/18 |

Shorter blocks read less for a minute but pay for the footer (half a megabyte at 5 minutes), which every reader takes
first. Pages smaller than a row group would not help: neither polars nor pyarrow skips pages. Within a track, frames and
times are delta encoded (nothing is left of them), centimetres and pixels too; float32 is split by bytes; what a track
has once is in a dictionary; zstd takes the rest, at level 15 (at level 6 float32 is 3 % larger, written in half of the
time and read in the same). The same rows and metadata give the same bytes, with the same pyarrow.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from fotmate_assets.core.object_store import written_whole
from fotmate_assets.vision.model import ObjectType, Orientation, Period, Pitch, Side

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from pydantic import TypeAdapter

Encoding = Literal["float32", "centimetre"]
Source = Path | str | bytes | IO[bytes]

METADATA_KEY = "fotmate.trajectories"
"""Key of the file's metadata, JSON, among the Parquet file's key-value metadata."""
VERSION = 1
"""Of that JSON."""
BLOCK_MS = 25 * 60_000
_MOST_BLOCKS = 10_000
"""More than any period has."""
_CENTIMETRES = 32_767


@dataclass(frozen=True)
class Column:
    """A column of a trajectory row."""

    name: str
    type: Literal["string", "bool", "int8", "int16", "int32", "float32"]
    nullable: bool
    comment: str


COLUMNS: tuple[Column, ...] = (
    Column("match_id", "string", False, "Match; the same in the whole file."),
    Column("period", "int8", False, "1 and 2: the halves; 3 and 4: extra time; 5: the shoot-out."),
    Column("frame", "int32", False, "0-based in the video or the provider's file, ascending through the periods."),
    Column("timestamp_ms", "int32", False, "Milliseconds from the period's start."),
    Column("track_id", "int32", False, "Unique in the match, from 1; the ball has the last number."),
    Column("object_type", "string", False, "player, goalkeeper, referee, ball, or other: a person of unknown part."),
    Column("team", "string", True, "home, away; left, right where the kits are not known; null: none, or not known."),
    Column("player_id", "string", True, "Who it is; null where nobody told."),
    Column("x_m", "float32", False, "Metres from the centre spot, along the touchlines to the right."),
    Column("y_m", "float32", False, "Metres from the centre spot, up: toward the far touchline."),
    Column("confidence", "float32", True, "Of the detection, 0 to 1; null where interpolated or not told."),
    Column("is_detected", "bool", False, "False: interpolated."),
    Column("position_error_m", "float32", True, "One standard deviation in metres, x and y together; null if unknown."),
    Column("box_x1", "int16", True, "Left edge in pixels of the whole frame; null where interpolated or no video."),
    Column("box_y1", "int16", True, "Upper edge in pixels of the whole frame."),
    Column("box_x2", "int16", True, "Right edge in pixels of the whole frame."),
    Column("box_y2", "int16", True, "Lower edge in pixels of the whole frame."),
)
"""What the reader gives and the writer wants, in this order."""

_IN_CENTIMETRES = {"x_m": "x_cm", "y_m": "y_cm", "position_error_m": "position_error_cm"}
_ALLOWED = {"object_type": tuple(ObjectType), "team": tuple(Side)}
_MOST = 2**31 - 1
_BOUNDS = {
    "period": (1, 5),
    "frame": (0, _MOST),
    "timestamp_ms": (0, _MOST),
    "track_id": (1, _MOST),
    "confidence": (0, 1),
    "position_error_m": (0, math.inf),
}


@dataclass(frozen=True)
class SourceFile:
    """A file that trajectories were made from."""

    name: str
    sha256: str


@dataclass(frozen=True)
class TrackName:
    """Whom a provider tracks: the people, not the ball."""

    track_id: int
    provider_id: str
    """As in its other files of the match."""
    name: str
    """A person's name, or the label that the provider uses for one."""
    shirt_number: int | None = None


@dataclass(frozen=True)
class FileMetadata:
    """What a file of trajectories says about itself."""

    match_id: str
    fps: float
    """Frames per second of the frame numbers."""
    frames: int
    """Frames of the video or the provider's file, with or without rows."""
    periods: tuple[Period, ...]
    source: str
    """`video`, or the provider."""
    files: tuple[SourceFile, ...]
    code_version: str
    pitch: Pitch = field(default_factory=Pitch)
    orientation: Orientation = Orientation.NOT_SET
    first_frame: int = 0
    """The source's own number of frame 0."""
    stride: int = 1
    """Every so many frames have rows, counted from each period's first."""
    tracks: tuple[TrackName, ...] = ()
    notes: tuple[str, ...] = ()
    """What of the source is left out, in words."""
    calibration: dict[str, Any] | None = None
    detector: str | None = None
    """Name and version; None where no detector was used."""
    tracker: str | None = None
    encoding: Encoding = "float32"
    simulated: bool | None = False
    """True: no real match; None: nobody told."""
    duration_s: float | None = None
    """Of the periods together, by the source's own clock; None: what frame numbers and rate say."""
    nominal_fps: float | None = None
    """Frames per second where none is missing; None: `fps`."""


def polars_schema() -> dict[str, pl.DataType]:
    """The rows' columns and types."""
    import polars as pl

    types: dict[str, pl.DataType] = {
        "string": pl.String(),
        "bool": pl.Boolean(),
        "int8": pl.Int8(),
        "int16": pl.Int16(),
        "int32": pl.Int32(),
        "float32": pl.Float32(),
    }
    return {column.name: types[column.type] for column in COLUMNS}


def write_trajectories(
    path: Path, rows: pl.DataFrame | Iterable[pl.DataFrame], meta: FileMetadata, encoding: Encoding = "float32"
) -> None:
    """Write `rows`, of `COLUMNS` in any order, to `path`, which holds the whole file or is not there.

    An iterable gives rows in order of frames, in frames of any size: one block of 25 minutes is kept in memory. Raises
    ValueError, naming row (0-based, as given) and column, for rows that do not fit the schema: missing or other columns
    or types, nulls, values that are not finite or not among those allowed, beyond int16 in centimetres, another match,
    a (frame, track_id) twice, frames that go back.
    """
    import polars as pl

    parts = [_in_order("frame", rows)] if isinstance(rows, pl.DataFrame) else rows
    with written_whole(path) as partial:
        _write(partial, parts, replace(meta, encoding=encoding))


def _write(path: Path, parts: Iterable[pl.DataFrame], meta: FileMetadata) -> None:
    import polars as pl
    import pyarrow.parquet as pq

    schema = _arrow_schema(meta.encoding)
    deltas = [name.name for name in schema if name.type in _delta_types()]
    floats = [name.name for name in schema if str(name.type) == "float"]
    constants = {column.name for column in COLUMNS if column.type == "string"} | {"period", "track_id"}
    dictionaries = constants | ({"confidence"} if meta.encoding == "centimetre" else set())
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=15,
        use_dictionary=sorted(dictionaries),
        column_encoding={name: "DELTA_BINARY_PACKED" for name in deltas if name not in dictionaries}
        | {name: "BYTE_STREAM_SPLIT" for name in floats if name not in dictionaries},
        write_statistics=["period", "frame", "timestamp_ms", "track_id"],
        store_schema=False,
    ) as writer:
        for block in _blocks(parts, meta):
            for track in _encoded(block, meta.encoding).partition_by("track_id", maintain_order=True):
                table = track.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)
                writer.write_table(table, row_group_size=table.num_rows)
        document = json.dumps({"version": VERSION, **asdict(meta)}, sort_keys=True, allow_nan=False)
        writer.add_key_value_metadata({METADATA_KEY: document})


def _delta_types() -> tuple[pa.DataType, ...]:
    import pyarrow as pa

    return pa.int8(), pa.int16(), pa.int32()


def _arrow_schema(encoding: Encoding) -> pa.Schema:
    import pyarrow as pa

    types = {"string": pa.string(), "bool": pa.bool_(), "int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32()}
    types["float32"] = pa.float32()
    return pa.schema(
        [
            pa.field(_IN_CENTIMETRES[column.name], pa.int16(), nullable=column.nullable)
            if encoding == "centimetre" and column.name in _IN_CENTIMETRES
            else pa.field(column.name, types[column.type], nullable=column.nullable)
            for column in COLUMNS
        ]
    )


def _encoded(block: pl.DataFrame, encoding: Encoding) -> pl.DataFrame:
    import polars as pl

    if encoding == "float32":
        return block
    return block.with_columns(
        *(_centimetres(pl.col(name)).cast(pl.Int16) for name in _IN_CENTIMETRES),
        ((pl.col("confidence").cast(pl.Float64) * 100).round() / 100).cast(pl.Float32),
    ).rename(_IN_CENTIMETRES)


def _centimetres(metres: pl.Expr) -> pl.Expr:
    import polars as pl

    return (metres.cast(pl.Float64) * 100).round()


def _blocks(parts: Iterable[pl.DataFrame], meta: FileMetadata) -> Iterator[pl.DataFrame]:
    """The rows block by block, each in order of (track, frame), checked."""
    import polars as pl

    given, key, last_frame = 0, None, -1
    pending: list[pl.DataFrame] = []
    for part in parts:
        _check_rows(part, meta, given)
        rows = part.select(*(column.name for column in COLUMNS)).with_row_index("row", given)
        given += part.height
        in_block = (pl.col("period").cast(pl.Int32) * _MOST_BLOCKS + pl.col("timestamp_ms") // BLOCK_MS).alias("block")
        for group in rows.with_columns(in_block).partition_by("block", maintain_order=True):
            of_group = group["block"][0]
            if pending and of_group != key:
                yield (block := _sorted_block(pending, last_frame)).drop("row")
                last_frame = int(block["frame"].max())  # type: ignore[arg-type]
                pending = []
            key = of_group
            pending.append(group.drop("block"))
    if pending:
        yield _sorted_block(pending, last_frame).drop("row")


def _in_order(column: str, rows: pl.DataFrame) -> pl.DataFrame:
    return rows if rows[column].is_sorted() else rows.sort(column, maintain_order=True)


def _sorted_block(parts: Sequence[pl.DataFrame], last_frame: int) -> pl.DataFrame:
    import polars as pl

    block = _in_order("track_id", _in_order("frame", pl.concat(parts)))
    late = block.filter(pl.col("frame") <= last_frame)
    if late.height:
        row, frame = late.select("row", "frame").row(0)
        raise ValueError(f"row {row} column frame: {frame} is not after frame {last_frame} of the rows before")
    is_same = (pl.col("track_id") == pl.col("track_id").shift()) & (pl.col("frame") == pl.col("frame").shift())
    again = block.filter(is_same)
    if again.height:
        row, frame, track = again.select("row", "frame", "track_id").row(0)
        raise ValueError(f"row {row} column track_id: track {track} is twice in frame {frame}")
    return block


def _check_rows(part: pl.DataFrame, meta: FileMetadata, given: int) -> None:
    """Raise ValueError for what does not fit the schema; `given`: rows before these."""
    import polars as pl

    expected = polars_schema()
    if wrong := sorted(set(part.columns) ^ set(expected)):
        raise ValueError(f"row {given} column {wrong[0]}: {'missing' if wrong[0] in expected else 'not in the schema'}")
    for name, kind in expected.items():
        if part.schema[name] != kind:
            raise ValueError(f"row {given} column {name}: {part.schema[name]} instead of {kind}")
    bad: dict[tuple[str, str], pl.Expr] = {}
    for column in COLUMNS:
        value = pl.col(column.name)
        if not column.nullable:
            bad[column.name, "must not be null"] = value.is_null()
        if column.type == "float32":
            bad[column.name, "is not finite"] = ~value.is_finite()
        if meta.encoding == "centimetre" and column.name in _IN_CENTIMETRES:
            bad[column.name, "is beyond int16 centimetres"] = _centimetres(value).abs() > _CENTIMETRES
    bad["match_id", f"is not of match {meta.match_id}"] = pl.col("match_id") != meta.match_id
    for name, (low, high) in _BOUNDS.items():
        bad[name, "is out of range"] = ~pl.col(name).is_between(low, high)
    for name, values in _ALLOWED.items():
        bad[name, "is not allowed"] = ~pl.col(name).is_in([str(value) for value in values])
    found = part.select(expression.any().alias(str(n)) for n, expression in enumerate(bad.values())).row(0)
    for ((name, reason), expression), is_found in zip(bad.items(), found, strict=True):
        if is_found:
            first = part.select(expression.fill_null(False).arg_true().first()).item()
            row = part.row(first, named=True)
            where = f"frame {row['frame']}, track {row['track_id']}"
            raise ValueError(f"row {given + first} column {name}: {row[name]!r} {reason} ({where})")


def read_trajectories(
    source: Source,
    *,
    track: int | None = None,
    period: int | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The rows of a file in order of (frame, track_id), positions in metres as float32.

    `track`, `period` and the times from the period's start (`from_ms` included, `to_ms` not) leave out rows, and the
    row groups that hold none are not read. `columns`: names of `COLUMNS`, all by default. Raises ValueError for a
    source that is no file of trajectories, or of another version.
    """
    import polars as pl

    encoding = read_metadata(source).encoding
    rows = pl.scan_parquet(_opened(source))
    if track is not None:
        rows = rows.filter(pl.col("track_id") == track)
    if period is not None:
        rows = rows.filter(pl.col("period") == period)
    if from_ms is not None:
        rows = rows.filter(pl.col("timestamp_ms") >= from_ms)
    if to_ms is not None:
        rows = rows.filter(pl.col("timestamp_ms") < to_ms)
    if encoding == "centimetre":
        rows = rows.with_columns(
            (pl.col(in_file).cast(pl.Float32) / 100).cast(pl.Float32).alias(name)
            for name, in_file in _IN_CENTIMETRES.items()
        )
    names = list(columns or polars_schema())
    told = rows.select(*dict.fromkeys(("frame", *names))).collect()
    # a block of the file is in order of (track, frame): the tracks of a frame keep their order
    return told.sort("frame", maintain_order=True).select(names)


def in_blocks(source: Source, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The rows as `read_trajectories` gives them, a block at a time: a match need not be held whole. Of no rows, one
    frame without any.
    """
    import polars as pl

    clock = read_trajectories(source, columns=("period", "timestamp_ms"))
    if clock.is_empty():
        yield read_trajectories(source, columns=columns)
    for period, end in clock.group_by("period").agg(pl.col("timestamp_ms").max()).sort("period").rows():
        for start in range(0, end + 1, BLOCK_MS):
            yield read_trajectories(source, period=period, from_ms=start, to_ms=start + BLOCK_MS, columns=columns)


def read_metadata(source: Source) -> FileMetadata:
    """What a file says about itself. Raises ValueError for what is no file of trajectories, or of another version."""
    import polars as pl

    try:
        document = pl.read_parquet_metadata(_opened(source)).get(METADATA_KEY)
    except pl.exceptions.ComputeError as error:
        raise ValueError(f"not a Parquet file: {error}") from None
    if document is None:
        raise ValueError(f"no {METADATA_KEY} in the metadata of the Parquet file")
    values = json.loads(document)
    version = values.pop("version", None)
    if version != VERSION:
        raise ValueError(f"version {version!r} of {METADATA_KEY} is not known here, only {VERSION}")
    return _validator().validate_python(values)


@cache
def _validator() -> TypeAdapter[FileMetadata]:
    from pydantic import TypeAdapter

    return TypeAdapter(FileMetadata)


def _opened(source: Source) -> Path | IO[bytes]:
    if isinstance(source, bytes):
        return BytesIO(source)
    if isinstance(source, str | os.PathLike):
        return Path(source)
    source.seek(0)
    return source
