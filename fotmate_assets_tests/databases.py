"""Migrated databases on the real server, each made and dropped by who asks for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL, Engine, create_engine, make_url, text

from fotmate_assets.core.postgres import make_engine
from fotmate_assets.embedded.stack import Stack


@dataclass(frozen=True)
class Database:
    """A migrated database of one test, or of a module's tests that only read."""

    name: str
    writer_url: str
    owner_url: str
    reader_url: str
    engine: Engine
    """Connected as the role that the assets use."""

    def execute(self, statement: str, **parameters: object) -> list[tuple[object, ...]]:
        """Run one statement and commit; its rows, if it has any."""
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    def retries_are_due(self) -> None:
        """Let the time of every retry come."""
        self.execute("update ingestion_failures set next_retry_at = now() where next_retry_at is not null")


def superuser_url(stack: Stack) -> URL:
    """The server's own database, as its superuser."""
    owner = make_url(stack.environment()["FOTMATE_DATABASE_OWNER_URL"])
    return owner.set(username="postgres", password=stack.state.postgres.superuser_password, database="postgres")


@contextmanager
def fresh_database(stack: Stack, template: str) -> Iterator[Database]:
    """A copy of the migrated database `template`, with the production roles."""
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(superuser_url(stack), isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    with admin.connect() as connection:
        connection.execute(text(f"create database {name} template {template} owner fotmate_owner"))
        connection.execute(text(f"grant connect, temporary on database {name} to fotmate_writer"))
        connection.execute(text(f"grant connect on database {name} to fotmate_reader"))
    environment = stack.environment()
    writer, owner, reader = (
        make_url(environment[f"FOTMATE_DATABASE_{role}URL"]).set(database=name).render_as_string(hide_password=False)
        for role in ("", "OWNER_", "READER_")
    )
    engine = make_engine(writer)
    try:
        yield Database(name, writer, owner, reader, engine)
    finally:
        engine.dispose()
        with admin.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        admin.dispose()
