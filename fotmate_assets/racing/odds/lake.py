"""The cold tier: the odds of a finished race day as one Parquet object.

    racing/odds_lake/race_date=2026-11-21/part.parquet

Its rows are those of `odds_snapshots`, column by column (the race date is in the key, as Hive has it). The win pool of
all races comes first, as one row group: it is what reads over many days want, and about a hundredth of the bytes. Then
comes a row group per race with its other pools. Within a row group rows are sorted by race, pool and time, so that a
reader takes two row groups of a race and skips the others by their statistics.

The file's metadata, one JSON value under `fotmate.odds_lake`, is a `DayContent`. A day's `content_sha256` is the
SHA-256 of the sorted SHA-256 digests of its rows (`digests`): it depends on no order, and on no encoding of the file.
"""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
from sqlalchemy import Connection, select

from fotmate_assets.core.object_store import ObjectMissingError, ObjectStore
from fotmate_assets.core.postgres import lock_for_transaction
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import OddsRow
from fotmate_assets.racing.odds.store import FINAL, fetch
from fotmate_assets.racing.odds.tables import odds_retired, odds_snapshots

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

PREFIX = "racing/odds_lake/"
SCHEMA_VERSION = 1
METADATA = b"fotmate.odds_lake"
FIRST_POOL = Pool.WIN
"""The pool whose odds of all races are the first row group."""

ZSTD_LEVEL = 15
"""A race day of a million prices takes 2.15 bytes a price and 0.3 s of CPU; at level 9 2.23 and 0.1 s, at 22 2.04 and
0.7 s.
"""

KEY = ("race_id", "pool", "observed_at")
COLUMNS = tuple(column.name for column in odds_snapshots.c if column.name != "race_date")


@cache
def schema() -> pa.Schema:
    """The columns of an object, in the order of the table's."""
    import pyarrow as pa

    instant = pa.timestamp("us", "UTC")
    types = {
        "race_id": pa.string(),
        "pool": pa.string(),
        "observed_at": instant,
        "source_ts": instant,
        "ingested_at": instant,
        "sales_krw": pa.int64(),
        "priced": pa.int16(),
        "pays": pa.int16(),
        "mean_odds": pa.float32(),
        "overround": pa.float32(),
        "is_live": pa.bool_(),
        "is_simulated": pa.bool_(),
        "source": pa.string(),
        "field": pa.list_(pa.field("element", pa.int16(), nullable=False)),
        "raw_sha256": pa.binary(),
        "odds": pa.list_(pa.field("element", pa.float32(), nullable=False)),
    }
    return pa.schema([pa.field(name, types[name], odds_snapshots.c[name].nullable) for name in COLUMNS])


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
    schema_version: int = SCHEMA_VERSION

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


# Content -------------------------------------------------------------------------------------------------------------


def digests(table: pa.Table) -> list[bytes]:
    """The SHA-256 of each row: of its columns but the odds as MessagePack (instants in microseconds since 1970), then
    the odds as little-endian float32. Floats are compared as bits.
    """
    import numpy as np
    import pyarrow as pa

    scalars = table.drop_columns(["odds"])
    for index, column in enumerate(scalars.schema):
        if pa.types.is_timestamp(column.type):
            scalars = scalars.set_column(index, column.name, scalars.column(index).cast(pa.int64()))
    odds = table.column("odds").combine_chunks()
    flat = odds.flatten().to_numpy(zero_copy_only=False).astype("<f4", copy=False).tobytes()
    ends = np.cumsum(odds.value_lengths().to_numpy(zero_copy_only=False), dtype=np.int64) * 4
    encode = msgspec.msgpack.Encoder().encode
    start, found = 0, []
    for row, end in zip(
        zip(*(column.to_pylist() for column in scalars.columns), strict=True), ends.tolist(), strict=True
    ):
        found.append(hashlib.sha256(encode(row) + flat[start:end]).digest())
        start = end
    return found


def content_sha256(of_rows: Sequence[bytes]) -> str:
    """The hash of a day from the digests of its rows, in any order."""
    return hashlib.sha256(b"".join(sorted(of_rows))).hexdigest()


# From Postgres -------------------------------------------------------------------------------------------------------


def postgres_groups(connection: Connection, day: date) -> Iterator[tuple[str, pa.Table]]:
    """What Postgres has of a day, row group by row group: name and sorted rows. One is in memory at a time."""
    race = odds_snapshots.c.race_id
    of_day = select(race).where(odds_snapshots.c.race_date == day).distinct().order_by(race)
    races: list[str] = list(connection.scalars(of_day))
    if not races:
        return
    parameters = {"day": day, "first": str(FIRST_POOL)}
    yield _FIRST, _fetched(connection, "race_date = %(day)s and pool = %(first)s", parameters)
    for race_id in races:
        condition = "race_date = %(day)s and pool <> %(first)s and race_id = %(race_id)s"
        yield race_id, _fetched(connection, condition, {**parameters, "race_id": race_id})


def postgres_frame(connection: Connection, days: Sequence[date]) -> pl.DataFrame:
    """What Postgres has of some days, as `read_frame` has it from the lake."""
    tables = ((day, _fetched(connection, "race_date = %(day)s", {"day": day})) for day in days)
    return pl.concat(_frame(table).with_columns(race_date=pl.lit(day)) for day, table in tables)


_FIRST = ""
"""Name of the first row group; the others are named by their race."""


def _fetched(connection: Connection, condition: str, parameters: dict[str, Any]) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    query = f"select {', '.join(COLUMNS)} from odds_snapshots where {condition} order by {', '.join(KEY)}"  # noqa: S608
    rows = fetch(connection, query, parameters)
    if not rows:
        return schema().empty_table()
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    prices = columns.pop("odds")
    bounds = np.cumsum([0, *map(len, prices)], dtype=np.int32)
    odds = pa.ListArray.from_arrays(pa.array(bounds), pa.array(np.concatenate(prices)), schema().field("odds").type)
    made = [odds if each.name == "odds" else pa.array(columns[each.name], each.type) for each in schema()]
    return pa.table(made, schema=schema())


# Writing -------------------------------------------------------------------------------------------------------------


def write_day(connection: Connection, store: ObjectStore, day: date) -> LakeDay | None:
    """Make the lake hold what Postgres has of a day; None where neither has anything.

    The lake keeps rows that Postgres does not have (any more): those of a day that was retired, above all. Only final
    odds are replaced, by those that Postgres has of the race and pool. Content that is there already is not written
    again. Part of the transaction, whose end lets the next one write this day. Raises LakeError for an object that
    cannot be read, and for a retired day without one.
    """
    lock_for_transaction(connection, lock_of(day))
    held = read_object(store, day) if store.exists(key_of(day)) else None
    if held is None and retired_days(connection, [day]):
        raise LakeError(f"{store.url_of(key_of(day))} is missing, and race date {day} was retired from Postgres")
    kept = _by_group(held.table) if held is not None else {}
    found: list[bytes] = []
    prices, sources, simulated = 0, set[str](), False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.parquet"
        with _writer(path) as writer:
            for group in _merged(postgres_groups(connection, day), kept):
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


def _by_group(table: pa.Table) -> dict[str, pl.DataFrame]:
    frame = _frame(table)
    name = pl.when(pl.col("pool") == str(FIRST_POOL)).then(pl.lit(_FIRST)).otherwise("race_id").alias("group")
    parts = frame.with_columns(name).partition_by("group", as_dict=True, include_key=False)
    return {str(key): part for (key,), part in parts.items()}


def _merged(groups: Iterator[tuple[str, pa.Table]], kept: dict[str, pl.DataFrame]) -> Iterator[pa.Table]:
    """The groups, with what only the lake has of them, in order; empty ones are left out."""
    waiting = dict(kept)
    for name, table in groups:
        # Those of races that come before and are in the lake only.
        for other in sorted(each for each in waiting if each < name):
            yield _table(waiting.pop(other))
        held = waiting.pop(name, None)
        merged = table if held is None else _table(overlaid(held, _frame(table)))
        if len(merged):
            yield merged
    for other in sorted(waiting):
        yield _table(waiting.pop(other))


def overlaid(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The rows of `new`, and those of `old` that it does not replace, in the order of the key.

    A row is replaced by one of the same key, and final odds by final odds of the same race and pool.
    """
    finals = new.filter(pl.col("source") == FINAL).select("race_id", "pool", "source").unique()
    stays = old.join(new, on=KEY, how="anti").join(finals, on=["race_id", "pool", "source"], how="anti")
    return pl.concat([stays, new.select(old.columns)]).sort(KEY)


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes nothing else
    return frame


def _table(frame: pl.DataFrame) -> pa.Table:
    return frame.select(COLUMNS).to_arrow().cast(schema())


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
    frames = [
        pl.scan_parquet(
            store.url_of(key_of(day)), storage_options=store.polars_options, glob=False, hive_partitioning=False
        ).with_columns(race_date=pl.lit(day))
        for day in days
    ]
    try:
        return pl.concat(frames).filter(condition).collect()
    except (OSError, pl.exceptions.PolarsError):
        missing = [store.url_of(key_of(day)) for day in days if not store.exists(key_of(day))]
        if missing:
            raise ObjectMissingError(", ".join(missing)) from None
        raise


def read_day(store: ObjectStore, day: date, pool: Pool | None = None) -> list[OddsRow]:
    """The rows of a day, of one pool or all, by race, pool and time. Raises ObjectMissingError."""
    return odds_rows(read_frame(store, [day], of_pool(pool)))


def read_race(store: ObjectStore, day: date, race_id: str, pool: Pool | None = None) -> list[OddsRow]:
    """The rows of a race, of one pool or all, by pool and time. Raises ObjectMissingError."""
    return odds_rows(read_frame(store, [day], of_pool(pool) & (pl.col("race_id") == race_id)))


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
