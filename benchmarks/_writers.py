"""The peers that write the final rows of a season into Postgres. Each returns seconds of wall-clock time.

Rows are prepared in memory beforehand in the form that each takes, so that none pays for decoding: ours does.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

import psycopg
from _common import Database
from _season import SeasonRows, TableRows, plain_url
from psycopg.types.json import JsonbBinaryDumper
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session

from fotmate_assets.football.tables import matches

Writer = Callable[[Database], float]


class _Encoded(bytes):
    """Marks JSON that is already encoded."""


class _EncodedDumper(JsonbBinaryDumper):
    def dump(self, obj: bytes) -> bytes:
        return b"\x01" + obj


def copy(rows: SeasonRows) -> Writer:
    """Bare binary COPY: one per table, all in one transaction. The measure of all others."""
    tables = rows.tables

    def write(database: Database) -> float:
        with psycopg.connect(plain_url(database.writer_url)) as connection:
            connection.adapters.register_dumper(_Encoded, _EncodedDumper)
            started = time.perf_counter()
            for table in tables:
                statement = f"copy {table.name} ({', '.join(table.columns)}) from stdin (format binary)"
                with connection.cursor() as cursor, cursor.copy(statement.encode()) as target:
                    target.set_types(table.oids)
                    for row in table.rows:
                        target.write_row(row)
            connection.commit()
            return time.perf_counter() - started

    return write


metadata = matches.metadata


class _Base(DeclarativeBase):
    metadata = metadata


@cache
def _mapped(name: str) -> Any:
    return type(name, (_Base,), {"__table__": metadata.tables[name]})


def orm(rows: SeasonRows) -> Writer:
    """SQLAlchemy ORM: mapped objects, `Session.add_all`, one commit per match."""
    shared = [(table.name, table.as_dicts()) for table in rows.shared]
    matches = [[(table.name, table.as_dicts()) for table in match] for match in rows.matches]

    def write(database: Database) -> float:
        engine = create_engine(database.writer_url)
        started = time.perf_counter()
        with Session(engine) as session:
            for unit in (shared, *matches):
                for name, values in unit:
                    session.add_all([_mapped(name)(**row) for row in values])
                    session.flush()
                session.commit()
                session.expunge_all()
        took = time.perf_counter() - started
        engine.dispose()
        return took

    return write


def to_sql(rows: SeasonRows) -> Writer:
    """pandas `DataFrame.to_sql` with its default method (executemany), one transaction per match."""
    import pandas as pd  # type: ignore[import-untyped]

    def frame(table: TableRows) -> tuple[str, Any, dict[str, Any]]:
        values = [list(row.values()) for row in table.as_dicts()]
        types = {column.name: column.type for column in metadata.tables[table.name].columns}
        types |= {name: JSONB(none_as_null=True) for name in table.json_columns}
        return table.name, pd.DataFrame(values, columns=list(table.columns), dtype=object), types

    units = [[frame(table) for table in unit] for unit in (rows.shared, *rows.matches)]

    def write(database: Database) -> float:
        engine = create_engine(database.writer_url)
        started = time.perf_counter()
        for unit in units:
            with engine.begin() as connection:
                for name, content, types in unit:
                    content.to_sql(name, connection, if_exists="append", index=False, dtype=types)
        took = time.perf_counter() - started
        engine.dispose()
        return took

    return write


def _dlt(yielded: list[Any], json_columns: frozenset[str]) -> Writer:
    """dlt's merge on (match_id, event_index), into a table of its own making with no index but its key's hints."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    import dlt

    def write(database: Database) -> float:
        resource = dlt.resource(
            iter(yielded),
            name="match_events",
            write_disposition="merge",
            primary_key=["match_id", "event_index"],
            columns={name: {"data_type": "json"} for name in json_columns},
        )
        with tempfile.TemporaryDirectory(prefix="fotmate-dlt-") as folder:
            pipeline = dlt.pipeline(
                f"peer_{uuid.uuid4().hex[:8]}",
                pipelines_dir=folder,
                destination=dlt.destinations.postgres(plain_url(database.owner_url)),
                dataset_name="peer",
            )
            started = time.perf_counter()
            pipeline.run(resource).raise_on_failed_jobs()
            took = time.perf_counter() - started
        with psycopg.connect(plain_url(database.owner_url)) as connection:
            found = connection.execute("select count(*) from peer.match_events").fetchone()
        assert found == (sum(len(each) for each in yielded),), f"dlt wrote {found} events"
        return took

    return write


def _events(rows: SeasonRows) -> list[TableRows]:
    return [table for match in rows.matches for table in match if table.name == "match_events"]


def dlt_dicts(rows: SeasonRows) -> Writer:
    """dlt fed with a list of dicts per match: events only."""
    tables = _events(rows)
    return _dlt([table.as_dicts() for table in tables], tables[0].json_columns)


def dlt_arrow(rows: SeasonRows) -> Writer:
    """dlt fed with an Arrow table per match: events only, JSON as text."""
    import pyarrow as pa

    tables = _events(rows)
    types = {"jsonb": pa.string(), "int2": pa.int64(), "int4": pa.int64(), "float4": pa.float64(), "bool": pa.bool_()}
    by_oid = {psycopg.adapters.types[name].oid: kind for name, kind in types.items()}
    schema = pa.schema(
        [(name, by_oid.get(oid, pa.string())) for name, oid in zip(tables[0].columns, tables[0].oids, strict=True)]
    )

    def arrow(table: TableRows) -> Any:
        columns = [
            [value.decode() if isinstance(value, bytes) else value for value in column]
            for column in zip(*table.rows, strict=True)
        ]
        return pa.table(
            [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
        )

    return _dlt([arrow(table) for table in tables], tables[0].json_columns)
