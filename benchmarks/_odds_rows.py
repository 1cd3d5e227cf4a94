"""The peer of benchmarks/odds.py: a row per price with small keys, and the reads of the same questions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
import psycopg
from _common import Database
from sqlalchemy import Connection, create_engine, text

from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import NUMBERS_IN, OddsRow

TABLES = ("race_keys", "price_rows")

POOL_KEYS = {pool: key for key, pool in enumerate(NUMBERS_IN, 1)}

_SCHEMA = """
    create table race_keys (race_key int primary key, race_id text unique, race_date date, post_time timestamptz);
    create index on race_keys (race_date);
    create table price_rows (
        observed_at timestamptz not null, source_ts timestamptz, ingested_at timestamptz not null,
        race_key int not null, odds real not null, pool smallint not null, combination smallint not null
    );
    grant all on race_keys, price_rows to fotmate_writer;
"""

_FILL = """
    insert into race_keys select row_number() over (order by race_id), race_id, race_date, post_time from races;
    insert into price_rows
    select s.observed_at, s.source_ts, s.ingested_at, k.race_key, p.odds,
           array_position(array[{pools}], s.pool)::smallint, p.combination::smallint
    from odds_snapshots s join race_keys k using (race_id), unnest(s.odds) with ordinality p (odds, combination);
    set local maintenance_work_mem = '1GB';
    alter table price_rows add primary key (race_key, pool, combination, observed_at);
"""


def fill(database: Database) -> float:
    """Make the layout from the arrays; seconds. Its index is built at the end, so that it is as small as can be."""
    engine = create_engine(database.owner_url)
    started = time.perf_counter()
    with engine.begin() as connection:
        connection.execute(text(_SCHEMA))
        connection.execute(text(_FILL.format(pools=", ".join(f"'{pool}'" for pool in POOL_KEYS))))
    engine.dispose()
    return time.perf_counter() - started


_RECORD = np.dtype(
    [
        ("fields", ">i2"),
        *chain.from_iterable(
            ((f"{name}_length", ">i4"), (name, code))
            for name, code in (
                *(("observed_at", ">i8"), ("source_ts", ">i8"), ("ingested_at", ">i8"), ("race_key", ">i4")),
                *(("odds", ">f4"), ("pool", ">i2"), ("combination", ">i2")),
            )
        ),
    ]
)
"""One row of a binary COPY: all its values have a fixed length."""


def payload(rows: Sequence[OddsRow]) -> bytes:
    """Rows as a binary COPY of prices, ready to be sent: the layout pays for nothing but the server's work."""
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    parts = []
    for row in rows:
        part = np.zeros(len(row.odds), _RECORD)
        part["fields"] = 7
        for name in _RECORD.names or ():
            if name.endswith("_length"):
                part[name] = _RECORD[name.removesuffix("_length")].itemsize
        for name in ("observed_at", "source_ts", "ingested_at"):
            part[name] = (getattr(row, name) - epoch) // timedelta(microseconds=1)
        part["race_key"] = row.race_date.toordinal() * 100 + int(row.race_id[-2:])
        part["pool"], part["odds"] = POOL_KEYS[row.pool], row.odds
        part["combination"] = np.arange(1, len(row.odds) + 1)
        parts.append(part.tobytes())
    return b"".join([b"PGCOPY\n\xff\r\n\0" + bytes(8), *parts, b"\xff\xff"])


def copy(connection: Connection, content: bytes) -> None:
    """Store a payload."""
    connection.execute(text("select 1"))  # begins the transaction that the caller commits
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    columns = "observed_at, source_ts, ingested_at, race_key, odds, pool, combination"
    with driver.cursor() as cursor, cursor.copy(f"COPY price_rows ({columns}) FROM STDIN (FORMAT BINARY)") as sent:
        sent.write(content)


class Reads:
    """The reads of the layout, binary, as lists of tuples. Races are given as (id, off), as ours are."""

    def __init__(self, connection: Connection) -> None:
        self._driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        self._keys: dict[str, int] = dict(self._fetch("select race_id, race_key from race_keys"))
        self._win = POOL_KEYS[Pool.WIN]

    def _fetch(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._driver.cursor(binary=True) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def history(self, race: tuple[str, datetime]) -> object:
        return self._fetch(
            "select pool, combination, observed_at, odds from price_rows where race_key = %s", self._keys[race[0]]
        )

    def history_win(self, race: tuple[str, datetime]) -> object:
        return self._fetch(
            "select combination, observed_at, odds from price_rows where race_key = %s and pool = %s",
            *(self._keys[race[0]], self._win),
        )

    def history_combination(self, race: tuple[str, datetime]) -> object:
        return self._fetch(
            "select observed_at, odds from price_rows where race_key = %s and pool = %s and combination = 3",
            *(self._keys[race[0]], self._win),
        )

    def odds_at(self, race: tuple[str, datetime]) -> object:
        return self._fetch(
            """select distinct on (pool, combination) pool, combination, observed_at, odds from price_rows
            where race_key = %s and observed_at <= %s order by pool, combination, observed_at desc""",
            *(self._keys[race[0]], race[1] - timedelta(minutes=5)),
        )

    def closing_odds(self, day: Any) -> object:
        return self._fetch(
            """select race_key, c.* from race_keys, lateral (
                select distinct on (combination) combination, observed_at, odds from price_rows p
                where p.race_key = race_keys.race_key and pool = %s and observed_at <= post_time
                order by combination, observed_at desc
            ) c where race_date = %s""",
            *(self._win, day),
        )

    def opening_to_closing(self, span: tuple[Any, Any]) -> object:
        return self._fetch(
            """select race_key, c.* from race_keys, lateral (
                select combination, (array_agg(odds order by observed_at))[1],
                       (array_agg(odds order by observed_at desc))[1]
                from price_rows p
                where p.race_key = race_keys.race_key and pool = %s and observed_at <= post_time group by combination
            ) c where race_date between %s and %s""",
            *(self._win, *span),
        )

    def candles(self, race: tuple[str, datetime]) -> object:
        return self._fetch(
            """select combination, date_trunc('minute', observed_at) as start_at,
                   (array_agg(odds order by observed_at))[1], max(odds), min(odds),
                   (array_agg(odds order by observed_at desc))[1]
            from price_rows where race_key = %s and pool = %s group by 1, 2 order by 1, 2""",
            *(self._keys[race[0]], self._win),
        )

    def track_hour_averages(self, span: tuple[Any, Any]) -> object:
        return self._fetch(
            """select split_part(race_id, '-', 2), extract(hour from observed_at at time zone interval '9 hours')::int,
                   avg(odds) filter (where odds > 0)
            from race_keys join price_rows using (race_key)
            where race_date between %s and %s and pool = %s group by 1, 2""",
            *(*span, self._win),
        )
