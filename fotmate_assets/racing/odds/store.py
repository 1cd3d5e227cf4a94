"""Writing and reading rows of odds."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import Column, Connection, MetaData, Table, delete, text, tuple_
from sqlalchemy.exc import DBAPIError

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import lock_for_transaction
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.arrays import copy_encoded, encoded_arrays, fetch
from fotmate_assets.racing.odds.model import NUMBERS_IN, OddsRow, Sentinel, combinations, paying
from fotmate_assets.racing.odds.tables import odds_snapshots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Prices = NDArray[np.float32]

FINAL = "portal_final"
"""The source of final odds. Its rows are no part of the time series."""

_COLUMNS = (
    "race_id",
    "pool",
    "observed_at",
    "race_date",
    "field",
    "odds",
    "sales_krw",
    "source_ts",
    "ingested_at",
    "source",
    "is_live",
    "is_simulated",
    "raw_sha256",
)
"""Of `odds_snapshots`, in the order of `OddsRow`."""

_DERIVED = ("priced", "pays", "mean_odds", "overround")

_POOLS = {pool.value: pool for pool in NUMBERS_IN}


class Flat:
    """The odds of many rows end to end, and sums over each row: numpy once instead of once per row."""

    def __init__(self, rows: Sequence[OddsRow]) -> None:
        import numpy as np

        arrays = [np.asarray(row.odds, np.float32) for row in rows]
        self.odds: Prices = np.concatenate([np.empty(0, np.float32), *arrays])
        self.lengths: NDArray[np.int64] = np.array([len(each) for each in arrays], np.int64)
        self.bounds: list[int] = [0, *np.cumsum(self.lengths).tolist()]
        """Row n is `odds[bounds[n]:bounds[n + 1]]`."""
        self.is_price = self.odds > 0
        """False at a sentinel."""

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum over each row of what stands at its odds."""
        import numpy as np

        # Of an empty row, reduceat would take the next one's first value.
        filled = self.lengths > 0
        sums = np.zeros(len(filled))
        sums[filled] = np.add.reduceat(values, np.array(self.bounds[:-1])[filled], dtype=np.float64)
        return sums

    @cached_property
    def chances(self) -> NDArray[np.float64]:
        """1/price, 0 without one."""
        import numpy as np

        chances = np.reciprocal(self.odds, dtype=np.float64)
        return np.multiply(chances, self.is_price, out=chances)

    @cached_property
    def overround(self) -> NDArray[np.float64]:
        """Sum of 1/price of each row."""
        return self.sums(self.chances)

    @cached_property
    def scratched(self) -> NDArray[np.float64]:
        """Combinations of each row with a withdrawn runner."""
        return self.sums(self.odds == Sentinel.SCRATCHED)


def snapshot_rows(connection: Connection, rest: str, parameters: Mapping[str, Any]) -> list[OddsRow]:
    """Rows of `odds_snapshots`, which `rest` calls `s`: what follows `select ... from`, in psycopg's spelling."""
    columns = ", ".join(f"s.{name}" for name in _COLUMNS)
    rows = fetch(connection, f"select {columns} from {rest}", parameters)  # noqa: S608 - literals
    return [OddsRow(race_id, _POOLS[pool], *told, sha and sha.hex()) for race_id, pool, *told, sha in rows]  # type: ignore[call-arg] # of 13


# Writing -------------------------------------------------------------------------------------------------------------


def insert_rows(connection: Connection, rows: Sequence[OddsRow]) -> int:
    """Store rows; those that are there already stay as they are. How many are new. Part of the transaction.

    Raises SourceError (malformed) for odds that do not fit their field, or that are neither a price nor a sentinel.
    """
    if not rows:
        return 0
    # By pool, so that the win odds of a whole batch share a page: most reads want one pool of many races.
    records = _records(sorted(rows, key=lambda row: (row.pool, row.race_id)))
    columns = (*_COLUMNS, *_DERIVED)
    try:
        with connection.begin_nested():
            copy_encoded(connection, odds_snapshots, columns, records)
        return len(rows)
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.errors.UniqueViolation):
            raise
    return _insert_new(connection, columns, records)


def _insert_new(connection: Connection, columns: Sequence[str], records: Sequence[Sequence[Any]]) -> int:
    """Store those records that are not there yet: slower than a plain COPY by the table that they go through."""
    names = ", ".join(columns)
    incoming = Table("odds_incoming", MetaData(), *(Column(column.name, column.type) for column in odds_snapshots.c))
    connection.execute(text("create temporary table odds_incoming (like odds_snapshots) on commit drop"))
    copy_encoded(connection, incoming, columns, records)
    inserted = connection.execute(
        text(f"insert into odds_snapshots ({names}) select {names} from odds_incoming on conflict do nothing")  # noqa: S608
    )
    connection.execute(text("drop table odds_incoming"))
    return inserted.rowcount


def insert_live(connection: Connection, rows: Sequence[OddsRow]) -> int:
    """Store live odds, of whichever races: a replay that was stored of one of them before goes, with its candles. How
    many are new. Part of the transaction, which a replay of these races waits for.
    """
    if not rows:
        return 0
    race_ids = sorted({row.race_id for row in rows})
    connection.execute(_HOLD_OFF_REPLAYS, {"race_ids": race_ids})
    replayed = list(connection.scalars(_REPLAYED, {"race_ids": race_ids, "final": FINAL}))
    if replayed:
        connection.execute(_FORGET, {"race_ids": replayed, "final": FINAL})
    return insert_rows(connection, rows)


def replace_replay(connection: Connection, rows: Sequence[OddsRow]) -> int:
    """Store a replay of one race in place of any before, whose candles go, too. How many rows were written: none where
    the race has live odds, which stand alone. Part of the transaction, which live odds of the race wait for.
    """
    race_id = rows[0].race_id
    # Before the race's, so that nobody waits for candles who holds a race that live odds may come of.
    lock_for_transaction(connection, "odds_candles")
    lock_for_transaction(connection, f"odds of {race_id}")
    if connection.scalar(_IS_LIVE, {"race_id": race_id}):
        return 0
    connection.execute(_FORGET, {"race_ids": [race_id], "final": FINAL})
    return insert_rows(connection, rows)


_HOLD_OFF_REPLAYS = text("""
    select pg_advisory_xact_lock_shared(hashtextextended('odds of ' || race_id, 0))
    from unnest(cast(:race_ids as text[])) as race (race_id)
""")
_IS_LIVE = text("select exists (select from odds_snapshots where race_id = :race_id and is_live)")
_REPLAYED = text("""
    select race.race_id from unnest(cast(:race_ids as text[])) as race (race_id)
    cross join lateral (
        select s.is_live from odds_snapshots s where s.race_id = race.race_id and s.source <> :final
        limit 1  -- all are live, or none is
    ) one
    where not one.is_live
""")
_FORGET = text("""
    with replayed as (
        delete from odds_snapshots where race_id = any(:race_ids) and not is_live and source <> :final
    )
    delete from odds_candles where race_id = any(:race_ids) and not is_live
""")


def replace_final(connection: Connection, rows: Sequence[OddsRow]) -> int:
    """Store final odds in place of those fetched before, per race and pool. How many were written.

    What has not changed (field, odds, sales) is not written again, nor is what was fetched before the row that is
    there. A pool that the new fetch does not tell stays. Part of the transaction, which others wait for.

    Raises ValueError for rows that are not final, SourceError as `insert_rows` does.
    """
    if any(row.source != FINAL for row in rows):
        raise ValueError(f"final odds have the source {FINAL}")
    if not rows:
        return 0
    lock_for_transaction(connection, "final odds")
    stored = {(row.race_id, row.pool): row for row in _finals(connection, sorted({row.race_id for row in rows}))}
    newest = {(row.race_id, row.pool): row for row in sorted(rows, key=attrgetter("observed_at"))}
    changed = {key: row for key, row in newest.items() if key not in stored or _supersedes(row, stored[key])}
    replaced = [stored[key] for key in changed if key in stored]
    if replaced:
        there = tuple_(*(odds_snapshots.c[name] for name in ("race_id", "pool", "observed_at")))
        keys = [(row.race_id, row.pool, row.observed_at) for row in replaced]
        connection.execute(delete(odds_snapshots).where(there.in_(keys)))
    return insert_rows(connection, list(changed.values()))


def _finals(connection: Connection, race_ids: list[str]) -> list[OddsRow]:
    tail = "odds_snapshots s where s.race_id = any(%(race_ids)s) and s.source = %(final)s"
    return snapshot_rows(connection, tail, {"race_ids": race_ids, "final": FINAL})


def _supersedes(row: OddsRow, stored: OddsRow) -> bool:
    """True when a fetch no older than the stored one tells something else."""
    same = (row.field, row.sales_krw) == (stored.field, stored.sales_krw) and array("f", row.odds) == array(
        "f", stored.odds
    )
    return row.observed_at >= stored.observed_at and not same


def _records(rows: Sequence[OddsRow]) -> list[tuple[Any, ...]]:
    """Rows as `copy_encoded` takes them, with what is derived from their odds."""
    import numpy as np

    flat = Flat(rows)
    _refuse(rows, flat)
    priced = flat.sums(flat.is_price)
    mean_odds = flat.sums(np.where(flat.is_price, flat.odds, 0)) / np.maximum(priced, 1)
    fields = {row.field for row in rows}
    numbers = {field: encoded_arrays("int2", np.array(field, np.int16), [0, len(field)])[0] for field in fields}
    return [
        (
            row.race_id,
            row.pool.value,
            row.observed_at,
            row.race_date,
            numbers[row.field],
            odds,
            row.sales_krw,
            row.source_ts,
            row.ingested_at,
            row.source,
            row.is_live,
            row.is_simulated,
            bytes.fromhex(row.raw_sha256) if row.raw_sha256 else None,
            int(priced),
            paying(row.pool, int(length - scratched)),
            mean_odds if priced else None,
            overround,
        )
        for row, odds, length, priced, scratched, mean_odds, overround in zip(
            rows,
            encoded_arrays("float4", flat.odds, flat.bounds),
            *(values.tolist() for values in (flat.lengths, priced, flat.scratched, mean_odds, flat.overround)),
            strict=True,
        )
    ]


_SENTINELS = [float(sentinel) for sentinel in Sentinel]


def _refuse(rows: Sequence[OddsRow], flat: Flat) -> None:
    """Raise SourceError for a row whose odds cannot be stored."""
    import numpy as np

    refused = {
        index: f"{length} odds for {size} combinations"
        for index, (row, length) in enumerate(zip(rows, flat.lengths.tolist(), strict=True))
        if length != (size := _size(row.pool, len(row.field)))
    }
    others = np.flatnonzero(~flat.is_price | np.isinf(flat.odds))
    misfits = others[~np.isin(flat.odds[others], _SENTINELS)]
    if len(misfits):
        index = int(np.searchsorted(flat.bounds, misfits[0], "right")) - 1
        refused[index] = f"{flat.odds[misfits[0]]} is neither a price nor a sentinel"
    for index, reason in refused.items():
        row = rows[index]
        document = f"{row.race_id} {row.observed_at.isoformat()}"
        raise SourceError(Verdict.MALFORMED, row.source, document, reason, field=f"odds of {row.pool}")


@lru_cache(256)
def _size(pool: Pool, runners: int) -> int:
    """How many combinations a pool has."""
    return len(combinations(pool, tuple(range(runners))))
