"""Migrations against the declared tables, and what the production roles may do afterwards."""

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Column, Engine, create_engine, insert, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from fotmate_assets.core import migrations
from fotmate_assets.core.tables import metadata
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.football import tables as football  # registers its tables
from fotmate_assets_tests.databases import Database


@pytest.fixture
def owner(database: Database) -> Iterator[Engine]:
    engine = create_engine(database.owner_url)
    yield engine
    engine.dispose()


@pytest.fixture
def reader(database: Database) -> Iterator[Engine]:
    engine = create_engine(database.reader_url)
    yield engine
    engine.dispose()


def run(engine: Engine, revision: str, step: Any) -> None:
    made = migrations.config()
    with engine.begin() as connection:
        made.attributes["connection"] = connection
        step(made, revision)


def relations(engine: Engine) -> list[str]:
    query = (
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1"
    )
    with engine.connect() as connection:
        return [str(name) for name in connection.scalars(text(query))]


# --- the schema


def test_the_migrations_make_what_the_tables_declare(owner: Engine) -> None:
    made = migrations.config()
    with owner.begin() as connection:
        made.attributes["connection"] = connection
        command.check(made)


CATALOGUE = """
select c.relname, 'constraint', k.conname, pg_get_constraintdef(k.oid)
from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relnamespace = current_schema()::regnamespace
union all
select tablename, 'index', indexname, replace(indexdef, current_schema() || '.', '')
from pg_indexes where schemaname = current_schema()
union all
select table_name, 'column', column_name,
    concat_ws(' ', data_type, udt_name, is_nullable, column_default, is_identity, identity_generation)
from information_schema.columns join information_schema.tables using (table_schema, table_name)
where table_schema = current_schema() and table_type = 'BASE TABLE'
order by 1, 2, 3
"""


def test_checks_defaults_and_indexes_are_the_declared_ones_too(owner: Engine, database: Database) -> None:
    """Alembic compares neither check constraints nor server defaults."""
    with owner.begin() as connection:
        migrated = [tuple(row) for row in connection.execute(text(CATALOGUE)) if row[0] != "alembic_version"]
        connection.execute(text("create schema declared"))
        connection.execute(text("set local search_path = declared"))
        metadata.create_all(connection)
        declared = [tuple(row) for row in connection.execute(text(CATALOGUE))]
    assert len(migrated) > 200
    assert migrated == declared


def test_every_table_and_column_says_what_it_is() -> None:
    for table in metadata.tables.values():
        assert table.comment, table.name
        assert [column.name for column in table.columns if not column.comment] == [], table.name


def test_an_upgrade_of_what_is_current_changes_nothing(owner: Engine, database: Database) -> None:
    database.execute("insert into teams (team_id, name) values ('t', 'Arsenal')")
    assert migrations.upgrade(owner) == (migrations.head(), migrations.head())
    assert migrations.current(owner) == migrations.head()
    assert database.execute("select name from teams") == [("Arsenal",)]


def test_the_schema_goes_down_to_nothing_and_up_again(owner: Engine, database: Database) -> None:
    season(database, "premier-league_2003-2004")
    database.execute("select ensure_season_partition('premier-league_2003-2004')")
    before = relations(owner)
    run(owner, "base", command.downgrade)
    assert relations(owner) == ["alembic_version"]
    assert migrations.current(owner) is None
    assert migrations.upgrade(owner) == (None, migrations.head())
    assert relations(owner) == [name for name in before if not name.startswith("match_events_")]
    command_check = migrations.config()
    with owner.begin() as connection:
        command_check.attributes["connection"] = connection
        command.check(command_check)


def test_two_upgrades_at_once_both_succeed_and_one_does_the_work(owner: Engine, database: Database) -> None:
    run(owner, "base", command.downgrade)
    results, errors = list[tuple[str | None, str]](), list[Exception]()
    barrier = threading.Barrier(3)

    def upgrade() -> None:
        engine = create_engine(database.owner_url)
        barrier.wait()
        try:
            results.append(migrations.upgrade(engine))
        except Exception as error:
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=upgrade) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    head = migrations.head()
    assert sorted(results, key=str) == [(head, head), (head, head), (None, head)]


def test_an_upgrade_that_fails_leaves_nothing_behind(owner: Engine, database: Database) -> None:
    run(owner, "base", command.downgrade)
    with owner.begin() as connection:
        connection.execute(text("create table match_player_stats (in_the_way int)"))
    with pytest.raises(ProgrammingError, match="match_player_stats"):
        migrations.upgrade(owner)
    assert relations(owner) == ["alembic_version", "match_player_stats"]
    assert migrations.current(owner) is None


def test_the_writer_cannot_migrate(owner: Engine, database: Database) -> None:
    run(owner, "base", command.downgrade)
    with pytest.raises(ProgrammingError, match="permission denied"):
        migrations.upgrade(database.engine)


# --- what the roles may do


def season(database: Database, key: str) -> None:
    database.execute(
        "insert into competitions values (:key, 'x', 'x', 'male', false, false) on conflict do nothing", key=key
    )
    database.execute("insert into seasons values (:key, :key, 'x', '{}') on conflict do nothing", key=key)


def a_value(column: Column[Any]) -> Any:
    """Something the column's type can hold; what check constraints and foreign keys ask for is set by name."""
    kinds: dict[type, Any] = {
        str: "x",
        int: 1,
        float: 0.5,
        bool: False,
        bytes: b"x",
        dict: {},
        list: [1],
        date: date(2026, 11, 20),
        datetime: datetime(2026, 11, 20, tzinfo=UTC),
    }
    named: dict[tuple[str | None, str], Any] = {
        (None, "verdict"): "ok",
        ("ingestion_failures", "status"): "pending",
        ("alerts", "kind"): "failure",
        (None, "sport"): "horse",
        ("races", "status"): "finished",
        ("race_changes", "kind"): "scratch",
        ("results", "finish_status"): "finished",
        (None, "pool"): "WIN",
        ("odds_slots", "phase"): "off",
        ("odds_slots", "status"): "captured",
        ("payoffs", "is_capped"): False,
        ("ingestion_failures", "resolved_at"): None,
        ("id_review", "status"): "open",
        ("matches", "status"): "played",
        ("matches", "away_team_id"): "y",
        ("tracking_files", "status"): "completed",
        ("player_metrics", "object_type"): "player",
        ("player_metrics", "team"): "home",
        (None, "entity_type"): "team",
    }
    default = kinds[column.type.python_type]
    return named.get((column.table.name, column.name), named.get((None, column.name), default))


def fill(database: Database) -> None:
    """One row in every table, as the writer."""
    season(database, "x")
    database.execute("insert into teams (team_id, name) values ('y', 'other side')")
    database.execute("select ensure_season_partition('x')")
    for table in metadata.sorted_tables:
        if table.name in ("competitions", "seasons"):
            continue
        row = {column.name: a_value(column) for column in table.columns if column.identity is None}
        with database.engine.begin() as connection:
            connection.execute(insert(table).values(row))


def test_the_writer_may_insert_change_and_delete_in_every_table(database: Database) -> None:
    fill(database)
    with database.engine.begin() as connection:
        for table in metadata.sorted_tables:
            some = next(column for column in table.columns if column.identity is None)
            connection.execute(table.update().values({some.name: some}))
            assert connection.scalar(text(f"select count(*) from {table.name}")), table.name
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


def test_the_writer_may_not_change_the_schema(database: Database) -> None:
    season(database, "x")
    statements = [
        "create table mine (n int)",
        "create table match_events_x partition of match_events for values in ('x')",
        "alter table teams add column mine int",
        "drop table teams",
        "truncate teams",
        "drop function ensure_season_partition(text)",
        "update alembic_version set version_num = 'x' where set_config('role', 'fotmate_owner', true) = 'x'",
    ]
    for statement in statements:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            database.execute(statement)


def test_the_reader_may_read_every_table_and_write_none(database: Database, reader: Engine) -> None:
    fill(database)
    with reader.connect() as connection:
        for table in metadata.sorted_tables:
            assert connection.execute(select(table)).all(), table.name
        connection.rollback()
        connection.execute(text("set default_transaction_read_only = off"))
        connection.commit()
        for table in metadata.sorted_tables:
            some = next(column for column in table.columns if column.identity is None)
            update = table.update().values({some.name: some})
            for statement in (table.delete(), update):
                with pytest.raises(ProgrammingError, match="permission denied"):
                    connection.execute(statement)
                connection.rollback()
        with pytest.raises(ProgrammingError, match="permission denied for function"):
            connection.execute(text("select ensure_season_partition('x')"))


def test_nobody_else_gets_in(stack: Stack, database: Database) -> None:
    grantees = database.execute(
        "select distinct grantee from information_schema.role_table_grants where table_schema = 'public'"
        " union select distinct grantee from information_schema.routine_privileges where routine_schema = 'public'"
    )
    assert {grantee for (grantee,) in grantees} == {"fotmate_writer"}, "the grants the writer sees are its own"
    engine = create_engine(stack.environment()["FOTMATE_DATABASE_OWNER_URL"])
    with engine.connect() as connection:
        roles = "select rolname from pg_roles where has_database_privilege(rolname, current_database(), 'connect')"
        allowed = set(connection.scalars(text(f"{roles} and rolname !~ '^pg_' and not rolsuper")))
        granted = set(
            connection.scalars(
                text("select grantee from information_schema.role_table_grants where table_schema = 'public'")
            )
        )
    engine.dispose()
    assert allowed == granted == {"fotmate_owner", "fotmate_writer", "fotmate_reader"}


# --- partitions of the events


def partitions(database: Database) -> list[str]:
    return [
        str(name)
        for (name,) in database.execute(
            "select c.oid::regclass::text from pg_class c where relispartition and relkind = 'r' order by 1"
        )
    ]


def test_a_season_gets_its_partition_once_and_the_reader_sees_it(database: Database, reader: Engine) -> None:
    season(database, "premier-league_2003-2004")
    for made in (True, False):
        assert database.execute("select ensure_season_partition('premier-league_2003-2004')") == [(made,)]
    assert partitions(database) == ["match_events_premier_league__2003_2004"]
    with reader.connect() as connection:
        assert connection.scalar(text("select count(*) from match_events_premier_league__2003_2004")) == 0


def test_every_season_has_a_partition_of_its_own(database: Database) -> None:
    long = "a-competition-with-a-name-that-is-rather-longer-than-a-postgres-identifier"
    keys = [
        f"{long}_2003-2004",
        f"{long}_2004-2005",
        f"{long}-b_2003-2004",
        "a-b_2003-2004",
        "a_b-2003-2004",
        "a-b-2003_2004",
        "ab_2003-2004",
        "quo'te\"_2003",
    ]
    assert len(keys[0]) > 80
    for key in keys:
        season(database, key)
        assert database.execute("select ensure_season_partition(:key)", key=key) == [(True,)]
        database.execute("insert into teams (team_id, name) values ('h', 'h'), ('a', 'a') on conflict do nothing")
        match = uuid.uuid4().hex
        database.execute(
            "insert into matches (match_id, season_key, provider, provider_match_id, home_team_id, away_team_id,"
            " status, score_from_events, event_count, warnings, revision_sha256)"
            " values (:match, :key, 'p', :match, 'h', 'a', 'played', false, 1, '[]', '')",
            match=match,
            key=key,
        )
        database.execute(
            "insert into match_events (season_key, match_id, team_id, event_index, provider_event_id, period,"
            " timestamp_ms, minute, second, event_type, out_of_bounds, under_pressure, counterpress, ball_out)"
            " values (:key, :match, 'h', 1, 'e', 1, 0, 0, 0, 'Pass', false, false, false, false)",
            key=key,
            match=match,
        )
        assert database.execute("select ensure_season_partition(:key)", key=key) == [(False,)]
    spread = database.execute("select count(distinct tableoid), count(distinct season_key), count(*) from match_events")
    assert spread == [(len(keys),) * 3]
    assert len(partitions(database)) == len(keys)


def test_an_unknown_season_gets_no_partition(database: Database) -> None:
    with pytest.raises(IntegrityError, match="unknown season nowhere_2003"):
        database.execute("select ensure_season_partition('nowhere_2003')")
    assert partitions(database) == []


def test_two_runs_may_open_the_same_season_at_once(database: Database) -> None:
    season(database, "x_2003")
    errors, barrier = list[Exception](), threading.Barrier(4)

    def ensure() -> None:
        barrier.wait()
        try:
            database.execute("select ensure_season_partition('x_2003')")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert partitions(database) == ["match_events_x__2003"]


def test_a_partition_goes_through_the_checks_of_its_parent(database: Database) -> None:
    season(database, "x_2003")
    database.execute("select ensure_season_partition('x_2003')")
    with pytest.raises(IntegrityError, match="fk_match_events_match_id"):
        database.execute(
            "insert into match_events (season_key, match_id, team_id, event_index, provider_event_id, period,"
            " timestamp_ms, minute, second, event_type, out_of_bounds, under_pressure, counterpress, ball_out)"
            " values ('x_2003', 'nope', 'h', 1, 'e', 1, 0, 0, 0, 'Pass', false, false, false, false)"
        )
    assert football.match_events.name == "match_events"
