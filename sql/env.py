"""Alembic's environment: migrations run as the owner of the schema, against `core.tables.metadata`."""

from alembic import context

from fotmate_assets.core.tables import metadata
from fotmate_assets.football import tables as football  # noqa: F401 - registers its tables
from fotmate_assets.racing import tables as racing  # noqa: F401 - registers its tables
from fotmate_assets.racing.odds import tables as odds  # noqa: F401 - registers its tables
from fotmate_assets.vision import tables as vision  # noqa: F401 - registers its tables


def _is_ours(_object: object, name: str | None, type_: str, reflected: bool, _compare_to: object) -> bool:
    """Leave out the partitions, which the database makes itself."""
    return not (reflected and type_ == "table" and name is not None and name.startswith("match_events_"))


def run() -> None:
    """Migrate over the connection that `core.migrations` hands in."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, include_object=_is_ours, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


run()
