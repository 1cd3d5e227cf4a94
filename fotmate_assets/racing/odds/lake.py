"""The cold tier: the odds of a finished race day as one Parquet object.

    racing/odds_lake/race_date=2026-11-21/part.parquet

Its rows are those of `odds_snapshots`, column by column (the race date is in the key, as Hive has it), in the row
groups of `frames`. The win pool comes first: it is what reads over many days want, and about a hundredth of the bytes.
A reader takes two row groups of a race and skips the others by their statistics.

The file's metadata, one JSON value under `fotmate.odds_lake`, is a `DayContent`. A day's `content_sha256` is the
SHA-256 of the sorted SHA-256 digests of its rows (`digests`): it depends on no order, and on no encoding of the file.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
from sqlalchemy import Connection, select

from fotmate_assets.core.object_store import ObjectMissingError, ObjectStore
from fotmate_assets.core.postgres import lock_for_transaction
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.frames import (
    KEY,
    Kinds,
    by_group,
    content_sha256,
    digests,
    frame_of,
    kinds_in_postgres,
    merged,
    postgres_groups,
    schema,
)
from fotmate_assets.racing.odds.model import OddsRow
from fotmate_assets.racing.odds.tables import odds_retired

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

PREFIX = "racing/odds_lake/"
METADATA = b"fotmate.odds_lake"
ZSTD_LEVEL = 15
"""A race day of a million prices takes 2.15 bytes a price and 0.3 s of CPU; at level 9 2.23 and 0.1 s, at 22 2.04 and
0.7 s.
"""


class LakeError(Exception):
    """An object of the lake is not what it should be; the message names it."""


class DayContent(msgspec.Struct, frozen=True):
    """What an object says of itself."""

    race_date: date
    rows: int
    prices: int
    """Elements of all odds arrays."""
    content_sha256: str
    sources: tuple[str, ...]
    is_simulated: bool
    """True when any row is of a simulated market."""
    created: datetime

    def says_the_same(self, other: DayContent) -> bool:
        """True when nothing differs but the time it was made."""
        return msgspec.structs.replace(self, created=other.created) == other


@dataclass(frozen=True)
class LakeDay:
    """A race day in the lake."""

    url: str
    content: DayContent
    size_bytes: int
    written: bool
    """False: the object held this content already, and was left as it is."""


def key_of(day: date) -> str:
    """The object's key."""
    return f"{PREFIX}race_date={day.isoformat()}/part.parquet"


def lock_of(day: date) -> str:
    """The lock of those who write a day's object, or retire the day."""
    return f"odds lake {day.isoformat()}"


# Writing -------------------------------------------------------------------------------------------------------------


def write_day(connection: Connection, store: ObjectStore, day: date) -> LakeDay | None:
    """Make the lake hold what Postgres has of a day; None where neither has anything.

    The lake keeps rows that Postgres does not have (any more): those of a day that was retired, above all. Final odds
    and replays give way to those that Postgres has, replays to live odds, live odds to nothing: see `frames.overlaid`.
    Content that is there already is not written again. Part of the transaction, whose end lets the next one write this
    day. Raises LakeError for an object that cannot be read, and for a retired day without one.
    """
    lock_for_transaction(connection, lock_of(day))
    held = read_object(store, day) if store.exists(key_of(day)) else None
    if held is None and retired_days(connection, [day]):
        raise LakeError(f"{store.url_of(key_of(day))} is missing, and race date {day} was retired from Postgres")
    kept = by_group(held.table) if held is not None else {}
    live, replayed = kinds_in_postgres(connection, [day])
    kinds = Kinds(live | (held.live_races if held is not None else frozenset()), replayed)
    found: list[bytes] = []
    prices, sources, simulated = 0, set[str](), False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.parquet"
        with _writer(path) as writer:
            for group in merged(postgres_groups(connection, day), kept, kinds):
                found += digests(group)
                prices += len(group.column("odds").combine_chunks().flatten())
                sources |= set(group.column("source").unique().to_pylist())
                simulated = simulated or True in group.column("is_simulated").unique().to_pylist()
                writer.write_table(group, row_group_size=len(group))
            digest = content_sha256(found)
            content = DayContent(day, len(found), prices, digest, tuple(sorted(sources)), simulated, datetime.now(UTC))
            writer.add_key_value_metadata({METADATA: msgspec.json.encode(content)})
        if not found:
            return None
        if held is not None and digest == held.content_sha256 and held.day.content.says_the_same(content):
            return held.day
        store.put_file(key_of(day), path)
        return LakeDay(store.url_of(key_of(day)), content, path.stat().st_size, written=True)


def _writer(path: Path) -> pq.ParquetWriter:
    """Odds plain: byte-stream split and a dictionary per row group both come out larger at this level."""
    import pyarrow.parquet as pq

    deltas = ("observed_at", "source_ts", "ingested_at", "sales_krw")
    return pq.ParquetWriter(
        path,
        schema(),
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        use_dictionary=["race_id", "pool", "source", "field.list.element", "raw_sha256"],
        column_encoding=dict.fromkeys(deltas, "DELTA_BINARY_PACKED"),
        write_statistics=list(KEY),
    )


# Reading -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LakeObject:
    """An object of the lake, whole."""

    day: LakeDay
    table: pa.Table

    @property
    def content_sha256(self) -> str:
        """Of the rows as they are, whatever the object says."""
        return content_sha256(digests(self.table))

    @property
    def live_races(self) -> frozenset[str]:
        """The races that it has live odds of."""
        return frozenset(frame_of(self.table.select(["race_id", "is_live"])).filter("is_live")["race_id"])


def read_object(store: ObjectStore, day: date) -> LakeObject:
    """A day's object: what it says of itself, and its rows. Raises ObjectMissingError, LakeError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    url, content = store.url_of(key_of(day)), store.get(key_of(day))
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        told = msgspec.json.decode((file.metadata.metadata or {})[METADATA], type=DayContent)
        table = file.read().cast(schema())
    except (pa.ArrowException, msgspec.DecodeError, KeyError, OSError, ValueError) as error:
        raise LakeError(f"{url} cannot be read: {type(error).__name__}: {error}") from None
    return LakeObject(LakeDay(url, told, len(content), written=False), table)


def read_frame(store: ObjectStore, days: Sequence[date], condition: pl.Expr | bool = True) -> pl.DataFrame:
    """The rows of `days` that meet a condition on their columns, `race_date` added, in no order.

    Row groups that cannot meet it are not read. Raises ObjectMissingError naming the objects that are not there.
    """
    try:
        return _scanned(store, days).filter(condition).collect()
    except (OSError, pl.exceptions.PolarsError):
        missing = [store.url_of(key_of(day)) for day in days if not store.exists(key_of(day))]
        if missing:
            raise ObjectMissingError(", ".join(missing)) from None
        raise


def live_races(store: ObjectStore, days: Sequence[date]) -> frozenset[str]:
    """The races of `days` that the lake has live odds of; none of a day that it does not have."""
    there = [day for day in days if store.exists(key_of(day))]
    if not there:
        return frozenset()
    return frozenset(_scanned(store, there).filter("is_live").select("race_id").unique().collect()["race_id"])


def _scanned(store: ObjectStore, days: Sequence[date]) -> pl.LazyFrame:
    return pl.concat(
        pl.scan_parquet(
            store.url_of(key_of(day)), storage_options=store.polars_options, glob=False, hive_partitioning=False
        ).with_columns(race_date=pl.lit(day))
        for day in days
    )


def of_pool(pool: Pool | None) -> pl.Expr:
    """The condition that a row is of `pool`; None for any."""
    return pl.lit(True) if pool is None else pl.col("pool") == str(pool)


def scan(store: ObjectStore) -> pl.LazyFrame:
    """Every day of the lake, lazily: the columns of `odds_snapshots`, `race_date` among them.

    Filter by `race_date`, `pool` and `race_id`: other objects and row groups are not read. Raises ObjectMissingError
    for an empty lake.
    """
    days = sorted(days_in(store))
    if not days:
        raise ObjectMissingError(store.url_of(PREFIX.rstrip("/")))
    return pl.scan_parquet(
        [store.url_of(key_of(day)) for day in days], storage_options=store.polars_options, hive_partitioning=True
    )


def days_in(store: ObjectStore) -> set[date]:
    """The race dates that the lake has an object of."""
    found = (re.fullmatch(rf"{PREFIX}race_date=([0-9-]{{10}})/part\.parquet", key) for key in store.keys(PREFIX))
    return {date.fromisoformat(match[1]) for match in found if match}


def odds_rows(frame: pl.DataFrame) -> list[OddsRow]:
    """Rows of the lake as the rest of the package has them, by race, pool and time."""
    import numpy as np

    frame = frame.sort(KEY)
    flat = frame["odds"].explode(empty_as_null=False).to_numpy()
    parts: list[Any] = np.split(flat, np.cumsum(frame["odds"].list.len().to_numpy())[:-1]) if len(frame) else []
    scalars = frame.select(name for name in OddsRow.__dataclass_fields__ if name not in ("odds", "field", "raw_sha256"))
    fields = map(tuple, frame["field"].to_list())
    return [
        OddsRow(
            **{**row, "pool": Pool(row["pool"])},
            field=numbers,
            odds=odds,
            raw_sha256=raw.hex() if raw is not None else None,
        )
        for row, numbers, odds, raw in zip(
            scalars.iter_rows(named=True), fields, parts, frame["raw_sha256"], strict=True
        )
    ]


def retired_days(connection: Connection, days: Sequence[date]) -> set[date]:
    """Those of `days` that are read from the lake."""
    return set(connection.scalars(select(odds_retired.c.race_date).where(odds_retired.c.race_date.in_(days))))
