"""Schema migrations: Alembic over `sql/`, run as the owner of the schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

SCRIPTS = Path(__file__).parent.parent.parent / "sql"


def config() -> Config:
    """Alembic's configuration of this project."""
    made = Config()
    made.set_main_option("script_location", str(SCRIPTS))
    return made


def upgrade(owner: Engine) -> tuple[str | None, str]:
    """Bring the schema to the newest revision; return the revisions before and after.

    Safe to call at every start and from several processes at once: Alembic's version row is written
    in the same transaction, and the second caller waits for the first.
    """
    made = config()
    with owner.begin() as connection:
        connection.exec_driver_sql("select pg_advisory_xact_lock(hashtextextended('fotmate migrations', 0))")
        before = MigrationContext.configure(connection).get_current_revision()
        made.attributes["connection"] = connection
        command.upgrade(made, "head")
    return before, head()


def head() -> str:
    """The newest revision that `sql/` knows."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    assert revision is not None, "sql/versions holds no migration"  # noqa: S101
    return revision


def current(engine: Engine) -> str | None:
    """The revision the database is at; None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
