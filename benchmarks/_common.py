"""What the benchmarks share: a database per measurement, interleaved rounds, a table, one JSON line."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, create_engine, make_url, text

from fotmate_assets.core import migrations
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.embedded import stack as stacks


@dataclass(frozen=True)
class Database:
    """A fresh, migrated database."""

    engine: Engine
    """Connected as the role that the assets use."""
    writer_url: str
    owner_url: str
    """May make tables: dlt brings its own."""


class Databases:
    """Makes databases on one embedded Postgres, each a copy of a migrated template."""

    def __init__(self, home: Path) -> None:
        environment = stacks.up(home)
        state = environment.state.postgres
        urls = environment.environment()
        self._writer, self._owner = make_url(urls["FOTMATE_DATABASE_URL"]), make_url(urls["FOTMATE_DATABASE_OWNER_URL"])
        superuser = self._owner.set(username="postgres", password=state.superuser_password, database="postgres")
        self._admin = create_engine(superuser, isolation_level="AUTOCOMMIT")
        self._template = self._create("template0", "template")
        in_template = superuser.set(drivername="postgresql", database=self._template)
        with psycopg.connect(in_template.render_as_string(hide_password=False)) as connection:
            connection.execute(stacks.ROLES_SQL.read_bytes())
        owner = create_engine(self._owner.set(database=self._template))
        migrations.upgrade(owner)
        owner.dispose()

    def _create(self, template: str, kind: str) -> str:
        name = f"bench_{kind}_{uuid.uuid4().hex[:12]}"
        with self._admin.connect() as connection:
            connection.execute(text(f"create database {name} template {template} owner fotmate_owner"))
            connection.execute(text(f"grant connect, temporary on database {name} to fotmate_writer"))
        return name

    def _drop(self, name: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))

    @contextmanager
    def fresh(self) -> Iterator[Database]:
        """A database for one measurement; whatever the server still had to write is on disk before it starts."""
        name = self._create(self._template, "run")
        writer, owner = (
            url.set(database=name).render_as_string(hide_password=False) for url in (self._writer, self._owner)
        )
        engine = make_engine(writer)
        with engine.connect(), self._admin.connect() as connection:
            connection.execute(text("checkpoint"))
        try:
            yield Database(engine, writer, owner)
        finally:
            engine.dispose()
            self._drop(name)

    def close(self) -> None:
        """Drop the template; the server stays up."""
        self._drop(self._template)
        self._admin.dispose()


@contextmanager
def databases(home: Path | None) -> Iterator[Databases]:
    """Databases on the stack of `home`, which stays up; without one, on a stack that lives as long as this."""
    with tempfile.TemporaryDirectory(prefix="fotmate-bench-") as temporary:
        made = Databases(home or Path(temporary))
        try:
            yield made
        finally:
            made.close()
            if home is None:
                stacks.down(Path(temporary))


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def interleaved(measures: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of what each measure returns: every round calls each once, so that all meet the same weather."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            taken[name].append(measure())
    return {name: statistics.median(values) for name, values in taken.items()}


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """A readable table; the first column is text, the others are figures."""
    table = Table(title=title, title_justify="left", caption="\n".join(notes) or None, caption_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)


def print_json(values: dict[str, Any]) -> None:
    """One JSON object on one line: the last line of a script that was asked for it."""
    print(json.dumps({key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}))
