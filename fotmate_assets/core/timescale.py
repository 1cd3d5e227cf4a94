"""TimescaleDB where the server has it: what it can do there, and the scripts of `sql/timescale/` that use it.

Three levels above none. *Available*: the server could, once the extension is created. *Apache*: hypertables, but no
columnstore, no continuous aggregates, no jobs (distributions' builds). *TSL*: all of it. The scripts of a level build
on those of the level below; every read and write of the package works the same on every level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Literal

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

SCRIPTS = Path(__file__).parent.parent.parent / "sql" / "timescale"


class Level(StrEnum):
    """What the server offers, from little to all."""

    NONE = "none"
    AVAILABLE = "available"
    APACHE = "apache"
    TSL = "tsl"


@dataclass(frozen=True)
class Capability:
    """What a database's server offers."""

    level: Level
    version: str | None
    """Of the extension: created, or else the one that would be; None without one."""

    def __str__(self) -> str:
        return "no TimescaleDB" if self.version is None else f"TimescaleDB {self.version} ({self.level})"


class Layout(StrEnum):
    """What the tables of odds are in, from little to all."""

    PLAIN = "plain table"
    HYPERTABLE = "hypertable"
    COLUMNSTORE = "hypertable with columnstore"


_STEPS = {Level.APACHE: (Layout.HYPERTABLE,), Level.TSL: (Layout.HYPERTABLE, Layout.COLUMNSTORE)}
_ORDER = {each: place for place, each in enumerate(Layout)}
_SCRIPTS = {Layout.HYPERTABLE: "hypertable", Layout.COLUMNSTORE: "columnstore"}


def capability(connection: Connection) -> Capability:
    """What the server of this database offers, asked from the server."""
    version = connection.scalar(text("select extversion from pg_extension where extname = 'timescaledb'"))
    if version is not None:
        licence = connection.scalar(text("select current_setting('timescaledb.license', true)"))
        return Capability(Level.TSL if licence == "timescale" else Level.APACHE, version)
    offered = connection.scalar(text("select default_version from pg_available_extensions where name = 'timescaledb'"))
    return Capability(Level.NONE if offered is None else Level.AVAILABLE, offered)


def layout(connection: Connection) -> Layout:
    """What the tables are in now."""
    if capability(connection).level not in _STEPS:
        return Layout.PLAIN
    has_columns = connection.scalar(
        text("""
            select bool_or(compression_enabled) from timescaledb_information.hypertables
            where hypertable_schema = 'public'
        """)
    )
    if has_columns is None:
        return Layout.PLAIN
    return Layout.COLUMNSTORE if has_columns else Layout.HYPERTABLE


def apply(owner: Connection, step: Layout) -> None:
    """Take the tables to `step` from the layout before it; nothing where they are there, or beyond.

    Part of the transaction, in which they are locked; rows are moved. `owner` is connected as the schema's owner.
    """
    if _ORDER[layout(owner)] < _ORDER[step]:
        _run(owner, f"{_SCRIPTS[step]}.up.sql")


def revert(owner: Connection, step: Layout) -> None:
    """Take the tables from `step` to the layout before it, every row, index and grant included; nothing where they are
    not there. Otherwise as `apply`.
    """
    if layout(owner) is step:
        _run(owner, f"{_SCRIPTS[step]}.down.sql")


def settle(owner: Engine, wanted: Literal["auto", "off"]) -> str:
    """Make of the tables what the server can do best (auto), or plain ones (off); say what came of it. Again is safe.

    The extension is created where the server has it and lets the database's owner: it is a trusted one. Each step is a
    transaction: where one is refused, the tables stay in the layout before it, and the answer says why.
    """
    with owner.connect() as connection:
        found, before = capability(connection), layout(connection)
    refused = ""
    if wanted == "auto":
        if found.level is Level.AVAILABLE:
            refused = _tried(owner, lambda connection: connection.execute(text("create extension timescaledb")))
            with owner.connect() as connection:
                found = capability(connection)
        for step in _STEPS.get(found.level, ()):
            refused = refused or _tried(owner, partial(apply, step=step))
    else:
        for step in (Layout.COLUMNSTORE, Layout.HYPERTABLE):
            refused = refused or _tried(owner, partial(revert, step=step))
    with owner.connect() as connection:
        now = layout(connection)
    what = f"odds are in a {now}" if now is before else f"odds moved from a {before} to a {now}"
    return f"{found}: {what}" + (f"; refused: {refused}" if refused else "")


def _tried(owner: Engine, step: Callable[[Connection], object]) -> str:
    """Do a step in a transaction of its own; why it was refused, empty if it was not.

    A server that does not preload TimescaleDB refuses by ending the connection; one that is away is met again later.
    """
    try:
        with owner.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(hashtextextended('fotmate migrations', 0))"))
            step(connection)
    except DBAPIError as error:
        return str(error.orig).partition("\n")[0]
    return ""


def _run(owner: Connection, script: str) -> None:
    """Run a script of several statements. Raises as SQLAlchemy does for a statement."""
    driver: psycopg.Connection[Any] = owner.connection.driver_connection  # type: ignore[assignment]
    try:
        driver.execute((SCRIPTS / script).read_bytes())
    except psycopg.Error as error:
        raise DBAPIError.instance(script, None, error, psycopg.Error, dialect=owner.dialect) from error
