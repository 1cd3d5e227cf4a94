"""Postgres: the engine, transactions that retry what is transient, and bare-speed COPY."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
import tenacity
from psycopg import sql
from psycopg.types.json import JsonbBinaryDumper
from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.abc import Buffer
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")

TRANSIENT_SQLSTATES = ("08", "40", "53", "57P")
"""Connection lost, deadlock or serialization failure, out of resources, server going down or up."""


class EncodedJson(bytes):
    """Marks bytes that already hold JSON, for the jsonb dumper below."""


class _JsonbDumper(JsonbBinaryDumper):
    """Sends JSON that is already encoded as it is; anything else is encoded first."""

    def dump(self, obj: Any) -> Buffer | None:
        if isinstance(obj, bytes | bytearray | memoryview):
            return b"\x01" + obj
        return super().dump(obj)


def make_engine(url: str, *, pool_size: int = 5, application_name: str = "fotmate") -> Engine:
    """An engine on `url` (`postgresql+psycopg://...`): pooled, pinged before use, in UTC."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={
            "application_name": application_name,
            "options": "-c timezone=UTC -c jit=off",
            "connect_timeout": 10,
        },
    )

    @event.listens_for(engine, "connect")
    def _adapt(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        driver: psycopg.Connection[Any] = connection  # type: ignore[assignment]
        driver.adapters.register_dumper(EncodedJson, _JsonbDumper)

    return engine


def is_transient(error: BaseException) -> bool:
    """True when the same transaction may succeed if it is simply run again."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig or error
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(TRANSIENT_SQLSTATES)


def in_transaction(engine: Engine, work: Callable[[Connection], T], *, attempts: int = 6) -> T:
    """Run `work` in one transaction and return its result; again when the failure is transient.

    `work` must be repeatable: it may be run up to `attempts` times over about 20 seconds (a Postgres
    restart), each time in a fresh transaction. The last error is raised as it is.
    """

    @tenacity.retry(
        retry=tenacity.retry_if_exception(is_transient),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=8),
        reraise=True,
    )
    def attempt() -> T:
        with engine.begin() as connection:
            return work(connection)

    return attempt()


def copy_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """COPY `rows` (tuples in the order of `columns`) into `table` in binary; return their number.

    jsonb values may be Python objects or JSON already encoded as bytes. Part of the connection's
    transaction.
    """
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    types = [_type_name(table.c[name].type.compile(dialect)) for name in columns]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    count = 0
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        write_row = copy.write_row
        for row in rows:
            write_row(row)
            count += 1
    return count


def _type_name(compiled: str) -> str:
    return {"TIMESTAMP WITH TIME ZONE": "timestamptz", "DOUBLE PRECISION": "float8", "FLOAT": "float8"}.get(
        compiled, compiled.lower()
    )


@contextmanager
def advisory_lock(engine: Engine, name: str) -> Iterator[bool]:
    """Try to hold the session-level lock `name`; yields whether it was had. Dies with the connection."""
    with engine.connect() as connection:
        held = bool(connection.scalar(text("select pg_try_advisory_lock(hashtextextended(:name, 0))"), {"name": name}))
        connection.commit()
        try:
            yield held
        finally:
            if held:
                connection.execute(text("select pg_advisory_unlock(hashtextextended(:name, 0))"), {"name": name})
                connection.commit()


def lock_for_transaction(connection: Connection, name: str) -> None:
    """Wait for the lock `name`; it is released when the transaction ends."""
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
