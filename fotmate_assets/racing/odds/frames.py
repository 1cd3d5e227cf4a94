"""Odds of race days as columns: tables of Arrow as the lake has them, made from Postgres, and laid over each other.

A day comes in row groups: first the win pool of all races, then a group per race with its other pools. Within one, rows
are sorted by race, pool and time.

Live odds of a race stand alone: a replay of it counts for nothing beside them, whichever tier has which. The newest
replay of a race, which is the one in Postgres, stands in place of all before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import polars as pl
from sqlalchemy import Connection, select, text

from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.arrays import fetch
from fotmate_assets.racing.odds.store import FINAL
from fotmate_assets.racing.odds.tables import odds_snapshots

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_POOL = Pool.WIN
"""The pool whose odds of all races are the first row group."""
FIRST_GROUP = ""
"""Name of the first row group; the others are named by their race."""

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


class Kinds(NamedTuple):
    """Which races have which odds, whatever the pool."""

    live: frozenset[str]
    replayed: frozenset[str]
    """Those with odds over time that are not live."""


_KINDS = text("""
    select race_id, bool_or(is_live) as live, bool_or(not is_live and source <> :final) as replayed
    from odds_snapshots where race_date = any(:days) group by race_id
""")


def kinds_in_postgres(connection: Connection, days: Sequence[date]) -> Kinds:
    """The races of some days by the odds that Postgres has of them."""
    rows = connection.execute(_KINDS, {"days": list(days), "final": FINAL}).all()
    return Kinds(frozenset(row.race_id for row in rows if row.live), frozenset(r.race_id for r in rows if r.replayed))


def postgres_groups(connection: Connection, day: date) -> Iterator[tuple[str, pa.Table]]:
    """What Postgres has of a day, row group by row group: name and sorted rows. One is in memory at a time."""
    race = odds_snapshots.c.race_id
    of_day = select(race).where(odds_snapshots.c.race_date == day).distinct().order_by(race)
    races: list[str] = list(connection.scalars(of_day))
    if not races:
        return
    parameters = {"day": day, "first": str(FIRST_POOL)}
    yield FIRST_GROUP, _fetched(connection, "race_date = %(day)s and pool = %(first)s", parameters)
    for race_id in races:
        condition = "race_date = %(day)s and pool <> %(first)s and race_id = %(race_id)s"
        yield race_id, _fetched(connection, condition, {**parameters, "race_id": race_id})


def postgres_frame(
    connection: Connection, days: Sequence[date], pool: Pool | None = None, race_id: str | None = None
) -> pl.DataFrame:
    """What Postgres has of some days, of one pool and race or all: columns as `lake.read_frame` has them."""
    asked = {"days": list(days), "pool": pool, "race_id": race_id}
    told = [f"{name} = %({name})s" for name in ("pool", "race_id") if asked[name] is not None]
    return frame_of(_fetched(connection, " and ".join(["race_date = any(%(days)s)", *told]), asked, dated=True))


def _fetched(connection: Connection, condition: str, parameters: dict[str, Any], *, dated: bool = False) -> pa.Table:
    """Rows in the order of the key, with their race date in the last column where that is asked for."""
    import numpy as np
    import pyarrow as pa

    of = schema().append(pa.field("race_date", pa.date32(), nullable=False)) if dated else schema()
    query = f"select {', '.join(of.names)} from odds_snapshots where {condition} order by {', '.join(KEY)}"  # noqa: S608
    rows = fetch(connection, query, parameters)
    if not rows:
        return of.empty_table()
    columns = dict(zip(of.names, zip(*rows, strict=True), strict=True))
    prices = columns.pop("odds")
    bounds = np.cumsum([0, *map(len, prices)], dtype=np.int32)
    odds = pa.ListArray.from_arrays(pa.array(bounds), pa.array(np.concatenate(prices)), of.field("odds").type)
    made = [odds if each.name == "odds" else pa.array(columns[each.name], each.type) for each in of]
    return pa.table(made, schema=of)


# One over the other --------------------------------------------------------------------------------------------------


def overlaid(old: pl.DataFrame, new: pl.DataFrame, kinds: Kinds) -> pl.DataFrame:
    """The rows of `new`, and those of `old` that it does not replace, in the order of the key.

    Replaced are a row by one of the same key, though none that is live by one that is not; final odds by final odds of
    the same race and pool; and a replay by the one that `new` has of the race. Of neither is there a replay of a race
    with live odds. `kinds`: the races with live odds in any tier, and those of which `new` has a replay, in other row
    groups than these, too.
    """
    old = without_replays(old, kinds.live | kinds.replayed)
    new = without_replays(new, kinds.live)
    finals = new.filter(pl.col("source") == FINAL).select("race_id", "pool", "source").unique()
    old = old.join(finals, on=["race_id", "pool", "source"], how="anti")
    by_rank = pl.concat([new, old.select(new.columns)]).sort("is_live", descending=True, maintain_order=True)
    return by_rank.unique(KEY, keep="first", maintain_order=True).sort(KEY)


def without_replays(rows: pl.DataFrame, races: Collection[str]) -> pl.DataFrame:
    """The rows but for replays of these races."""
    if not races:
        return rows
    is_replay = ~pl.col("is_live") & (pl.col("source") != FINAL)
    return rows.filter(~(is_replay & pl.col("race_id").is_in(sorted(races))))


def frame_of(table: pa.Table) -> pl.DataFrame:
    """A table as polars has it."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes nothing else
    return frame


def table_of(frame: pl.DataFrame) -> pa.Table:
    """A frame as the lake has it."""
    return frame.select(COLUMNS).to_arrow().cast(schema())


def by_group(table: pa.Table) -> dict[str, pl.DataFrame]:
    """The rows by the name of their row group."""
    name = pl.when(pl.col("pool") == str(FIRST_POOL)).then(pl.lit(FIRST_GROUP)).otherwise("race_id").alias("group")
    parts = frame_of(table).with_columns(name).partition_by("group", as_dict=True, include_key=False)
    return {str(key): part for (key,), part in parts.items()}


def merged(groups: Iterator[tuple[str, pa.Table]], kept: dict[str, pl.DataFrame], kinds: Kinds) -> Iterator[pa.Table]:
    """The groups laid over those that were kept, in order; empty ones are left out."""
    none = frame_of(schema().empty_table())
    waiting = dict(kept)

    def laid(name: str, table: pa.Table | None = None) -> Iterator[pa.Table]:
        new = none if table is None else frame_of(table)
        rows = overlaid(waiting.pop(name, none), new, kinds)
        if len(rows):
            yield table_of(rows)

    for name, table in groups:
        for other in sorted(each for each in waiting if each < name):
            yield from laid(other)
        yield from laid(name, table)
    for other in sorted(waiting):
        yield from laid(other)
