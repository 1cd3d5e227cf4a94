"""Arrays between numpy and Postgres, binary on the wire: no Python object per number."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg.adapt import Dumper, Loader
from psycopg.postgres import types as pg_types
from psycopg.pq import Format
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from psycopg.abc import Buffer

    Prices = NDArray[np.float32]

ArrayType = Literal["float4", "int2"]


def encoded_arrays(of_type: ArrayType, flat: NDArray[Any], bounds: Sequence[int]) -> list[bytes]:
    """`flat[bounds[0]:bounds[1]]` and so on as values of a Postgres array, for `copy_encoded`.

    Format: dimensions, a flag for nulls, the element's oid, length and lower bound of the one dimension, then each
    element behind its length (array_send in src/backend/utils/adt/arrayfuncs.c).
    """
    import numpy as np

    info, code = pg_types[of_type], {"float4": ">f4", "int2": ">i2"}[of_type]
    elements = np.empty(len(flat), [("length", ">i4"), ("value", code)])
    elements["length"], elements["value"] = np.dtype(code).itemsize, flat
    body, size = elements.tobytes(), elements.itemsize
    none = struct.pack("!iiI", 0, 0, info.oid)
    return [
        struct.pack("!iiIii", 1, 0, info.oid, stop - start, 1) + body[start * size : stop * size]
        if stop > start
        else none
        for start, stop in pairwise(bounds)
    ]


def _passed_on(of_type: ArrayType) -> type[Dumper]:
    class Encoded(Dumper):
        oid = pg_types[of_type].array_oid
        format = Format.BINARY

        def dump(self, obj: Any) -> Buffer | None:
            return obj  # type: ignore[no-any-return]

    return Encoded


class _PricesLoader(Loader):
    """real[] as a float32 array of numpy: a fixed stride, since no element is null."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Prices:
        import numpy as np

        if bytes(data[:8]) == b"\0\0\0\1\0\0\0\0":
            return np.frombuffer(data, _ELEMENT, offset=20)["value"].astype(np.float32)
        if bytes(data[:4]) == b"\0\0\0\0":
            return np.empty(0, np.float32)
        raise psycopg.DataError("odds with a null, or of two dimensions")


_ELEMENT = [("length", ">i4"), ("value", ">f4")]


class _NumbersLoader(Loader):
    """smallint[] as a tuple; the same field comes with every row of a race."""

    format = Format.BINARY

    def __init__(self, oid: int, context: Any = None) -> None:
        super().__init__(oid, context)
        self._known: dict[bytes, tuple[int, ...]] = {}

    def load(self, data: Buffer) -> tuple[int, ...]:
        key = bytes(data)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = tuple(number for (number,) in struct.iter_unpack("!4xh", key[20:]))
        return found


@contextmanager
def _driver(connection: Connection, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """The driver's connection; its errors come as SQLAlchemy raises them for a statement."""
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    try:
        yield driver
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement,
            None,
            error,
            psycopg.Error,
            connection_invalidated=driver.closed,
            dialect=connection.dialect,
        ) from error


def copy_encoded(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Binary COPY of `rows` (in the order of `columns`) into `table`, arrays being `encoded_arrays`.

    Part of the transaction. Raises as SQLAlchemy does for a statement.
    """
    statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    types = [table.c[name].type.compile(connection.dialect).lower() for name in columns]
    types = ["timestamptz" if name == "timestamp with time zone" else name for name in types]
    with _driver(connection, statement) as driver, driver.cursor() as cursor:
        for dumper in _DUMPERS:
            cursor.adapters.register_dumper(None, dumper)
        with cursor.copy(statement.encode()) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


_DUMPERS = (_passed_on("float4"), _passed_on("int2"))


def fetch(connection: Connection, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of a query in psycopg's spelling (`%(name)s`), binary: real[] as numpy arrays, smallint[] as tuples.

    Raises as SQLAlchemy does for a statement.
    """
    with _driver(connection, query) as driver, driver.cursor(binary=True) as cursor:
        for name, loader in (("float4", _PricesLoader), ("int2", _NumbersLoader)):
            cursor.adapters.register_loader(pg_types[name].array_oid, loader)
        return cursor.execute(query.encode(), parameters).fetchall()
