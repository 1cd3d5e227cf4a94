"""The embedded stack of one home folder: start, attach, stop, tell.

    home/stack.json   ports, generated passwords and keys (mode 0600)
    home/postgres/    PostgreSQL's data        home/s3/   the S3 server's data
    home/logs/        one log per server       home/lock  held while `up` or `down` works

The servers outlive the command that started them; the next `up` attaches to them. One more service is a class that
fulfils `process.Service` (with `process.Daemon` for its process), a `Memory` of its port in `StackState`, a line in
`_services`, and its variables in `Stack.environment`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fotmate_assets.embedded.postgres import Postgres
from fotmate_assets.embedded.process import LOOPBACK, EmbeddedServerError, Service, ServiceStatus, status_of
from fotmate_assets.embedded.s3 import S3

if TYPE_CHECKING:
    import psycopg

ROLES_SQL = Path(__file__).parents[2] / "sql" / "roles.sql"

DATABASE = "fotmate"
OWNER, WRITER, READER = "fotmate_owner", "fotmate_writer", "fotmate_reader"
DAGSTER = "dagster"
"""The role and the database of Dagster's own storage."""


def _password() -> str:
    return secrets.token_urlsafe(24)


class Memory(msgspec.Struct):
    """What the stack remembers of a service."""

    port: int = 0


class PostgresMemory(Memory):
    """Of PostgreSQL."""

    provisioned: bool = False
    """True once roles and databases exist."""
    superuser_password: str = msgspec.field(default_factory=_password)
    owner_password: str = msgspec.field(default_factory=_password)
    writer_password: str = msgspec.field(default_factory=_password)
    reader_password: str = msgspec.field(default_factory=_password)
    dagster_password: str = msgspec.field(default_factory=_password)


class S3Memory(Memory):
    """Of the S3 server."""

    access_key: str = msgspec.field(default_factory=lambda: secrets.token_hex(10).upper())
    secret_key: str = msgspec.field(default_factory=_password)


class StackState(msgspec.Struct):
    """The content of `stack.json`. A field it lacks gets its default, so that an old file can be read."""

    postgres: PostgresMemory = msgspec.field(default_factory=PostgresMemory)
    s3: S3Memory = msgspec.field(default_factory=S3Memory)


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    home: Path
    state: StackState
    started: list[str]
    """The services this `up` started; the others ran already."""
    notices: list[str]
    """What the user should be told, such as a port that had to change."""

    def environment(self) -> dict[str, str]:
        """The variables that connect fotmate, Dagster, psql, boto3 and polars to this stack. They hold secrets."""
        postgres, s3 = self.state.postgres, self.state.s3
        endpoint = f"http://{LOOPBACK}:{s3.port}"

        def url(role: str, password: str) -> str:
            return f"postgresql+psycopg://{role}:{password}@{LOOPBACK}:{postgres.port}/{DATABASE}"

        return {
            "FOTMATE_DATABASE_URL": url(WRITER, postgres.writer_password),
            "FOTMATE_DATABASE_OWNER_URL": url(OWNER, postgres.owner_password),
            "FOTMATE_DATABASE_READER_URL": url(READER, postgres.reader_password),
            "FOTMATE_S3_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": s3.access_key,
            "AWS_SECRET_ACCESS_KEY": s3.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "DAGSTER_PG_HOST": LOOPBACK,
            "DAGSTER_PG_PORT": str(postgres.port),
            "DAGSTER_PG_USERNAME": DAGSTER,
            "DAGSTER_PG_PASSWORD": postgres.dagster_password,
            "DAGSTER_PG_DB": DAGSTER,
            "PGHOST": LOOPBACK,
            "PGPORT": str(postgres.port),
            "PGUSER": READER,
            "PGPASSWORD": postgres.reader_password,
            "PGDATABASE": DATABASE,
        }


def up(home: Path) -> Stack:
    """Make the stack of `home` run: start what does not, attach to what does. Safe to call at any time.

    On failure, and on Ctrl-C, what this call started is stopped again. Raises EmbeddedServerError.
    """
    home = home.resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(home), ExitStack() as undo:
        state = _load(home)
        _save(home, state)
        (home / "logs").mkdir(mode=0o700, exist_ok=True)
        started, notices = [], []
        for service, memory in _services(home, state):
            if service.pid() is None:
                undo.callback(service.stop)
            if service.start():
                started.append(service.name)
            if memory.port not in (0, service.port):
                notices.append(f"{service.name}: port {memory.port} is taken; it now listens on {service.port}")
            memory.port = service.port
            _save(home, state)
        if not state.postgres.provisioned or Postgres.name in started:
            _provision(_postgres(home, state), state.postgres)
            state.postgres.provisioned = True
            _save(home, state)
        undo.pop_all()
        return Stack(home, state, started, notices)


def down(home: Path) -> list[str]:
    """Stop every server of `home`, whoever started it; the names of those that ran. Raises EmbeddedServerError."""
    home = home.resolve()
    if not home.exists():
        return []
    with _locked(home):
        return [service.name for service, _ in reversed(_services(home, _load(home))) if service.stop()]


def status(home: Path) -> list[ServiceStatus]:
    """What each server of `home` is doing; starts and changes nothing."""
    home = home.resolve()
    return [status_of(service) for service, _ in _services(home, _load(home))]


def _services(home: Path, state: StackState) -> list[tuple[Service, Memory]]:
    """In the order they start."""
    s3 = S3(home / "s3", home / "logs" / "s3.log", state.s3.port, state.s3.access_key, state.s3.secret_key)
    return [(_postgres(home, state), state.postgres), (s3, state.s3)]


def _postgres(home: Path, state: StackState) -> Postgres:
    log = home / "logs" / "postgres.log"
    return Postgres(home / "postgres", log, state.postgres.port, state.postgres.superuser_password)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One `up` or `down` at a time for a home; the lock ends with the process that holds it."""
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _load(home: Path) -> StackState:
    file = home / "stack.json"
    if file.exists():
        try:
            return msgspec.json.decode(file.read_bytes(), type=StackState)
        except msgspec.DecodeError as error:
            raise EmbeddedServerError(f"{file} cannot be read: {error}") from None
    if (home / "postgres").exists():
        raise EmbeddedServerError(
            f"{file} is gone, and with it the passwords of {home / 'postgres'}: put it back, "
            f"or delete {home} to start anew"
        )
    return StackState()


def _save(home: Path, state: StackState) -> None:
    """Replace `stack.json` whole; nobody else may ever read it."""
    new = home / "stack.json.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(home / "stack.json")


def _provision(server: Postgres, state: PostgresMemory) -> None:
    """Roles, databases and passwords; what is there already stays."""
    with server.connect("postgres") as connection:
        _create_database(connection, DATABASE)
    with server.connect(DATABASE) as connection:
        connection.execute(ROLES_SQL.read_bytes())
    with server.connect("postgres") as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [DAGSTER]).fetchone() is None:
            connection.execute("CREATE ROLE dagster LOGIN")
        _create_database(connection, DAGSTER)
        connection.execute("ALTER DATABASE dagster OWNER TO dagster")
        connection.execute("REVOKE ALL ON DATABASE dagster, postgres, template1 FROM PUBLIC")
        _set_passwords(
            connection,
            {
                OWNER: state.owner_password,
                WRITER: state.writer_password,
                READER: state.reader_password,
                DAGSTER: state.dagster_password,
            },
        )


def _create_database(connection: psycopg.Connection, name: str) -> None:
    from psycopg import sql

    if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _set_passwords(connection: psycopg.Connection, passwords: dict[str, str]) -> None:
    """The server is sent the scram verifiers, so that no password can end in its log."""
    from psycopg import sql

    with connection.transaction():
        for role, password in passwords.items():
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
            )
