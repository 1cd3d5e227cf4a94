"""Postgres: the engine, transactions that retry what is transient, and bare-speed COPY."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
import tenacity
from psycopg import sql
from psycopg.adapt import Dumper, PyFormat, Transformer
from psycopg.copy import LibpqWriter
from psycopg.postgres import types as pg_types
from psycopg.pq import Format
from psycopg.types.json import JsonbBinaryDumper
from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.abc import Buffer
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")

UNSENT = 16 << 20
"""Bytes of a COPY that may wait in memory for the server while further rows are made."""

TRANSIENT_SQLSTATES = ("08", "40", "53", "57P")
"""Connection lost, deadlock or serialization failure, out of resources, server going down or up."""


_ENCODED = (bytes, bytearray, memoryview)


class _JsonbDumper(JsonbBinaryDumper):
    """Sends JSON that is already encoded as it is; anything else is encoded first."""

    def dump(self, obj: Any) -> Buffer | None:
        if isinstance(obj, _ENCODED):
            return b"\x01" + obj
        return super().dump(obj)


def _strict(type_name: str, encode: Callable[[Any], bytes]) -> type[Dumper]:
    """A binary dumper that raises for what does not fit its type."""

    class Strict(Dumper):
        oid = pg_types[type_name].oid
        format = Format.BINARY
        dump = encode  # type: ignore[assignment] # a C function, which is no method: no Python frame per value

    return Strict


_DUMPERS = (
    _JsonbDumper,
    _strict("bool", {True: b"\x01", False: b"\x00"}.__getitem__),
    _strict("int2", struct.Struct("!h").pack),
    _strict("int4", struct.Struct("!i").pack),
    _strict("int8", struct.Struct("!q").pack),
    _strict("float4", struct.Struct("!f").pack),
)
"""Of COPY, where the column's type decides how a value is sent. psycopg's own dumpers wrap a number around that is
too large (40000 becomes -25536 in a smallint, 1e300 infinity in a real), and take any text for true."""


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
        for dumper in _DUMPERS:
            driver.adapters.register_dumper(None, dumper)

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

    `work` must be repeatable: it may be run up to `attempts` times over about 16 seconds (a Postgres
    restart), each time in a fresh transaction. The last error is raised as it is.
    """

    def attempt() -> T:
        with engine.begin() as connection:
            return work(connection)

    # Not the decorator: its function refers to itself, and would keep what `work` holds until the next collection.
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_transient),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_exponential(multiplier=0.5, max=8) + tenacity.wait_random(0, 0.2),
        reraise=True,
    )
    return retrying(attempt)


def copy_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    when_sent: Callable[[], None] = lambda: None,
) -> int:
    """COPY `rows` (tuples in the order of `columns`) into `table` in binary; return their number.

    jsonb values may be Python objects or JSON already encoded as bytes; timestamps must be aware. Part of the
    connection's transaction. Raises sqlalchemy.exc.DataError naming row and column for a value that its column
    cannot hold, and what the database refuses as SQLAlchemy raises it for a statement. What `rows` itself raises
    is passed on.

    `when_sent` is called when the last row is handed over: until this returns, mostly the server is at work.
    """
    types = [_type_name(table.c[name].type.compile(connection.dialect)) for name in columns]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    count = 0
    try:
        with (
            driver.cursor() as cursor,
            cursor.copy(statement, writer=LibpqWriter(cursor, flush_threshold=UNSENT)) as copy,
        ):
            copy.set_types(types)
            write_row = copy.write_row
            for row in rows:
                try:
                    write_row(row)
                except _MISFITS as error:
                    where = f"{table.name}: row {count + 1}"
                    raise psycopg.DataError(f"{where}{_misfit(driver, columns, types, row)}: {error}") from None
                count += 1
            when_sent()
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement.as_string(driver),
            None,
            error,
            psycopg.Error,
            connection_invalidated=driver.closed,
            dialect=connection.dialect,
        ) from error
    return count


_MISFITS = (TypeError, ValueError, OverflowError, AttributeError, KeyError, struct.error, psycopg.DataError)
"""What dumpers raise for a value of the wrong type or size."""


def _misfit(driver: psycopg.Connection[Any], columns: Sequence[str], types: Sequence[str], row: Sequence[Any]) -> str:
    """Which column of a row that could not be sent is at fault."""
    if len(row) != len(columns):
        return f" has {len(row)} values for {len(columns)} columns"
    for name, type_name, value in zip(columns, types, row, strict=True):
        one = Transformer.from_context(driver)
        one.set_dumper_types([driver.adapters.types.get_oid(type_name)], Format.BINARY)
        try:
            one.dump_sequence([value], [PyFormat.BINARY])
        except _MISFITS:
            return f", column {name}: {value!r} is no {type_name}"
    return ""


def _type_name(compiled: str) -> str:
    """A compiled SQLAlchemy type as psycopg's registry knows it: lower case, no length."""
    name = compiled.lower().partition("(")[0]
    return "float8" if name == "float" else name


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
