"""TimescaleDB by capability: without it nothing changes; with it, on a real server that has it, everything still works.

The second half runs against the server that FOTMATE_TEST_TIMESCALE_URL names, as its superuser: a throw-away one, since
the roles of `sql/roles.sql` get new passwords there. See `sql/timescale/README.md` for how to get one.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from fotmate_assets.core import migrations
from fotmate_assets.core.object_store import LocalStore
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.core.timescale import SCRIPTS, Capability, Layout, Level, apply, capability, layout, settle
from fotmate_assets.embedded.stack import ROLES_SQL
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.lake import write_day
from fotmate_assets.racing.odds.model import OddsRow
from fotmate_assets.racing.odds.readers import OddsReader, PostgresOdds
from fotmate_assets.racing.odds.retention import retire
from fotmate_assets.racing.odds.store import insert_rows, replace_final
from fotmate_assets.racing.odds.tiers import odds_reader
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, RACE
from fotmate_assets_tests.racing.odds.rows import OFF, comparable, final, random_row

URL = os.environ.get("FOTMATE_TEST_TIMESCALE_URL")
MINUTE = timedelta(minutes=1)
MONTH = timedelta(days=28)
LATER_DAY = DAY + 2 * MONTH
LATER_RACE = f"horse-seoul-{LATER_DAY:%Y%m%d}-01"

CATALOGUE = """
select 'constraint', conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'odds_snapshots'::regclass
union all
select 'index', indexname, indexdef from pg_indexes where tablename = 'odds_snapshots' and schemaname = 'public'
union all
select 'column', attname, concat_ws(' ', attnum, format_type(atttypid, atttypmod), attnotnull,
       col_description(attrelid, attnum))
from pg_attribute where attrelid = 'odds_snapshots'::regclass and attnum > 0 and not attisdropped
union all
select 'grant', grantee || ' ' || table_name, string_agg(privilege_type, ' ' order by privilege_type)
from information_schema.role_table_grants where table_name in ('odds_snapshots', 'odds_prices') group by 2
union all
select 'owner', relname, pg_get_userbyid(relowner) from pg_class where relname in ('odds_snapshots', 'odds_prices')
union all
select 'comment', 'table', obj_description('odds_snapshots'::regclass)
union all
select 'view', 'odds_prices', pg_get_viewdef('odds_prices'::regclass)
order by 1, 2, 3
"""


def engine_of(url: str) -> Engine:
    return create_engine(url, pool_pre_ping=True)


def described(database: Database) -> list[tuple[object, ...]]:
    owner = engine_of(database.owner_url)
    with owner.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(CATALOGUE))]
    owner.dispose()
    return found


def settled(database: Database, wanted: Any) -> str:
    owner = engine_of(database.owner_url)
    try:
        return settle(owner, wanted)
    finally:
        owner.dispose()


# --- a server without it


def test_without_timescaledb_nothing_changes(database: Database) -> None:
    before = described(database)
    for wanted in ("auto", "off", "auto"):
        assert settled(database, wanted) == "no TimescaleDB: odds are in a plain table"
    assert described(database) == before
    with database.engine.connect() as connection:
        assert capability(connection) == Capability(Level.NONE, None)
        assert layout(connection) is Layout.PLAIN


# --- a server that has it


@pytest.fixture(scope="module")
def server() -> Iterator[Engine]:
    """The superuser's connection to the server that has TimescaleDB."""
    if URL is None:
        pytest.skip("no server with TimescaleDB: set FOTMATE_TEST_TIMESCALE_URL (sql/timescale/README.md)")
    made = create_engine(URL, isolation_level="AUTOCOMMIT")
    yield made
    made.dispose()


@pytest.fixture
def hyper(server: Engine) -> Iterator[Database]:
    """A migrated database there, as `roles.sql` and the migrations leave it: no extension yet."""
    name, password = f"test_{uuid.uuid4().hex}", uuid.uuid4().hex
    with server.connect() as connection:
        connection.execute(text(f"create database {name} template template0"))
    admin = create_engine(server.url.set(database=name))
    with admin.begin() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute(Path(ROLES_SQL).read_bytes())
        for role in ("owner", "writer", "reader"):
            driver.execute(f"alter role fotmate_{role} password '{password}'")
    admin.dispose()
    writer, owner_url, reader = (
        make_url(server.url)
        .set(database=name, username=f"fotmate_{role}", password=password)
        .render_as_string(hide_password=False)
        for role in ("writer", "owner", "reader")
    )
    owner = engine_of(owner_url)
    migrations.upgrade(owner)
    owner.dispose()
    engine = make_engine(writer)
    try:
        yield Database(name, writer, owner_url, reader, engine)
    finally:
        engine.dispose()
        with server.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))


def level_of(database: Database) -> Level:
    with database.engine.connect() as connection:
        return capability(connection).level


def rows_of(day_off: Any = OFF, race_id: str = RACE, **changes: Any) -> list[OddsRow]:
    pools = (Pool.WIN, Pool.EXA, Pool.TLA)
    snapshots = [
        random_row(n, pool, day_off - n * MINUTE, race_id=race_id, **changes) for n in range(6) for pool in pools
    ]
    return [*snapshots, final(random_row(7, Pool.WIN, race_id=race_id, **changes), day_off + 40 * MINUTE)]


def later_rows() -> list[OddsRow]:
    return rows_of(OFF + 2 * MONTH, LATER_RACE, race_date=LATER_DAY)


def insert(database: Database, *rows: OddsRow) -> int:
    with database.engine.begin() as connection:
        return insert_rows(connection, rows)


def answers(reader: OddsReader) -> list[Any]:
    days = [DAY, LATER_DAY]
    return [
        reader.held(days),
        comparable(reader.history(RACE)),
        comparable(reader.history(LATER_RACE, Pool.EXA)),
        [comparable(edge) for edge in reader.edges(days, Pool.WIN)],
        comparable(reader.finals(days, Pool.WIN)),
        [replace(each, odds_sum=float(f"{each.odds_sum:.5g}")) for each in reader.hours(days, Pool.WIN)],
    ]


def told(database: Database) -> list[Any]:
    with database.engine.connect() as connection:
        return answers(PostgresOdds(connection))


def chunks(database: Database) -> int:
    query = "select count(*) from timescaledb_information.chunks where hypertable_name = 'odds_snapshots'"
    found = database.execute(query)[0][0]
    assert isinstance(found, int)
    return found


PRICES = "select * from odds_prices order by race_id, pool, observed_at, combination_index"


def test_the_server_says_what_it_can_do_and_the_owner_creates_the_extension(hyper: Database) -> None:
    with hyper.engine.connect() as connection:
        offered = capability(connection)
    assert offered.level is Level.AVAILABLE
    assert settled(hyper, "off") == f"TimescaleDB {offered.version} (available): odds are in a plain table"
    best = Layout.HYPERTABLE
    answer = settled(hyper, "auto")
    level = level_of(hyper)
    if level is Level.TSL:
        best = Layout.COLUMNSTORE
    assert answer == f"TimescaleDB {offered.version} ({level}): odds moved from a plain table to a {best}"
    assert settled(hyper, "auto") == f"TimescaleDB {offered.version} ({level}): odds are in a {best}"


def test_a_hypertable_keeps_every_row_key_index_check_grant_and_the_view(hyper: Database) -> None:
    insert(hyper, *rows_of(), *later_rows())
    before, rows, prices = described(hyper), told(hyper), hyper.execute(PRICES)
    assert len(prices) > 1000
    settled(hyper, "auto")
    assert chunks(hyper) == 2
    assert described(hyper) == before
    assert told(hyper) == rows
    assert hyper.execute(PRICES) == prices
    reader = make_engine(hyper.reader_url)
    with reader.connect() as connection:
        assert connection.scalar(text("select count(*) from odds_prices")) == len(prices)
    reader.dispose()


def test_going_back_to_a_plain_table_loses_nothing(hyper: Database) -> None:
    hyper_owner = engine_of(hyper.owner_url)
    with hyper_owner.begin() as connection:
        connection.execute(text("grant truncate on odds_snapshots to fotmate_writer"))  # a right nobody else gave
        connection.execute(text("create view odds_of_mine as select race_id, odds from odds_snapshots"))
    hyper_owner.dispose()
    insert(hyper, *rows_of())
    before = described(hyper)
    settled(hyper, "auto")
    insert(hyper, *later_rows())
    rows, prices = told(hyper), hyper.execute(PRICES)
    assert ": odds moved from a hypertable" in settled(hyper, "off")
    assert described(hyper) == before
    assert told(hyper) == rows
    assert hyper.execute(PRICES) == prices
    assert hyper.execute("select count(*) from odds_of_mine") == [(38,)]
    assert hyper.execute("select count(*) from timescaledb_information.hypertables") == [(0,)]
    assert hyper.execute("select to_regclass('odds_snapshots_chunked'), to_regproc('odds_drop_empty_chunks')") == [
        (None, None)
    ]
    assert "odds are in a plain table" in settled(hyper, "off")
    assert ": odds moved from a plain table" in settled(hyper, "auto")
    assert told(hyper) == rows


def test_rows_are_written_replaced_and_deleted_as_in_a_plain_table(hyper: Database) -> None:
    settled(hyper, "auto")
    rows = rows_of()
    assert insert(hyper, *rows) == len(rows)
    assert insert(hyper, *rows, *later_rows()) == len(rows)  # those that are there stay as they are
    newer = final(random_row(8, Pool.WIN), OFF + MONTH)  # fetched in another chunk's time
    with hyper.engine.begin() as connection:
        assert replace_final(connection, [newer]) == 1
        assert comparable(PostgresOdds(connection).finals([DAY], Pool.WIN)) == comparable([newer])
    assert hyper.execute("select count(*) from odds_snapshots") == [(38,)]
    hyper.execute("delete from odds_snapshots where race_id = :race", race=RACE)
    assert hyper.execute("select count(*) from odds_snapshots") == [(19,)]


def test_migrations_see_no_difference(hyper: Database) -> None:
    settled(hyper, "auto")
    insert(hyper, *rows_of())
    owner, made = engine_of(hyper.owner_url), migrations.config()
    with owner.begin() as connection:
        made.attributes["connection"] = connection
        command.check(made)
    assert migrations.upgrade(owner)[0] == migrations.head()
    owner.dispose()


def test_retention_drops_the_chunks_that_it_empties_and_no_other(hyper: Database, tmp_path: Path) -> None:
    settled(hyper, "auto")
    store = LocalStore((tmp_path / "lake").as_uri())
    insert(hyper, *rows_of(), *later_rows())
    stays = random_row(1, Pool.WIN, OFF - MONTH, race_id="horse-seoul-20261024-01", race_date=DAY - MONTH)
    insert(hyper, stays)
    before = told(hyper)
    assert chunks(hyper) == 3
    with hyper.engine.connect() as connection:
        for day in (DAY, LATER_DAY):
            write_day(connection, store, day)
    # The chunk of DAY may end after it, and is dropped once it does not; that of the day that stays never.
    report = retire(hyper.engine, store, DAY + timedelta(days=1))
    assert (report.retired, set(report.kept)) == ({DAY: 19}, {DAY - MONTH})
    report = retire(hyper.engine, store, DAY + MONTH)
    assert report.dropped_chunks == 1
    assert chunks(hyper) == 2
    with odds_reader(hyper.engine, store) as reader:
        assert answers(reader) == before
    assert retire(hyper.engine, store, DAY + MONTH).dropped_chunks == 0
    assert insert(hyper, *rows_of()[:1]) == 1  # its chunk is made again
    assert chunks(hyper) == 3


def test_an_empty_chunk_that_somebody_reads_is_left_for_the_next_time(hyper: Database) -> None:
    settled(hyper, "auto")
    insert(hyper, *rows_of())
    hyper.execute("delete from odds_snapshots")
    owner = engine_of(hyper.owner_url)
    with owner.begin() as connection:
        connection.execute(text("alter function odds_drop_empty_chunks set lock_timeout = '50ms'"))
    owner.dispose()
    drop = "select odds_drop_empty_chunks('2030-01-01')"
    with hyper.engine.begin() as reading:
        reading.execute(text("select count(*) from odds_snapshots"))
        assert hyper.execute(drop) == [(0,)]
    assert hyper.execute(drop) == [(1,)]


def test_only_the_writer_may_drop_empty_chunks(hyper: Database) -> None:
    settled(hyper, "auto")
    reader = make_engine(hyper.reader_url)
    with reader.connect() as connection, pytest.raises(ProgrammingError, match="permission denied for function"):
        connection.execute(text("select odds_drop_empty_chunks(now())"))
    reader.dispose()
    with pytest.raises(ProgrammingError, match="must be owner of hypertable"):
        hyper.execute("select drop_chunks('odds_snapshots', older_than => now())")


def test_the_steps_may_be_taken_again(hyper: Database) -> None:
    settled(hyper, "auto")
    insert(hyper, *rows_of())
    before = described(hyper)
    owner = engine_of(hyper.owner_url)
    with owner.begin() as connection:
        reached = layout(connection)
        for step in (Layout.HYPERTABLE, reached):
            apply(connection, step)
            driver: Any = connection.connection.driver_connection
            driver.execute((SCRIPTS / f"{step.name.lower()}.up.sql").read_bytes())
        assert layout(connection) is reached
    owner.dispose()
    assert described(hyper) == before
    assert hyper.execute("select count(*) from odds_snapshots") == [(19,)]


def test_a_step_that_is_refused_leaves_the_table_as_it_was_and_is_told(hyper: Database) -> None:
    insert(hyper, *rows_of())
    owner = engine_of(hyper.owner_url)
    with owner.begin() as connection:
        # A key without the time, which no hypertable can have.
        connection.execute(text("create unique index mine on odds_snapshots (race_id, pool, ingested_at)"))
    owner.dispose()
    before = described(hyper)
    answer = settled(hyper, "auto")
    assert "odds are in a plain table; refused: cannot create a unique index without the column" in answer
    assert described(hyper) == before


# --- what the licence decides


def test_under_the_apache_licence_the_columnstore_is_refused_for_the_licence_alone(hyper: Database) -> None:
    """Names, arguments and columns are those that this version knows: nothing else is wrong with the statements."""
    settled(hyper, "auto")
    if level_of(hyper) is not Level.APACHE:
        pytest.skip("this server has the TSL")
    owner = engine_of(hyper.owner_url)
    with owner.begin() as connection:
        connection.execute(text("create view odds_hourly as select 1"))  # what the policy's argument names
    script = (SCRIPTS / "columnstore.up.sql").read_text()
    found = re.findall(r"^ *((?:ALTER TABLE|CALL|CREATE MATERIALIZED VIEW|SELECT add).*?;)$", script, re.M | re.S)
    assert len(found) == 4
    for statement in found:
        with owner.connect() as connection, pytest.raises(DBAPIError, match='not supported under the current "apache"'):
            connection.exec_driver_sql(statement.replace("IF NOT EXISTS odds_hourly", "odds_hourly_too"))
    owner.dispose()


def test_with_the_tsl_rows_in_the_columnstore_are_read_written_and_retired_as_ever(
    hyper: Database, tmp_path: Path
) -> None:
    insert(hyper, *rows_of(), *later_rows())
    before = told(hyper)
    settled(hyper, "auto")
    if level_of(hyper) is not Level.TSL:
        pytest.skip("this server has TimescaleDB under the Apache licence only")
    plain = hyper.execute(
        "select date_trunc('hour', observed_at), race_id, sum(mean_odds::float8 * priced), sum(priced), count(*)"
        " from odds_snapshots where source <> 'portal_final' and pool = 'WIN' group by 1, 2 order by 1, 2"
    )
    owner = create_engine(hyper.owner_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        for chunk in connection.scalars(text("select show_chunks('odds_snapshots')")).all():
            connection.execute(text(f"call convert_to_columnstore('{chunk}')"))
        connection.execute(text("call refresh_continuous_aggregate('odds_hourly', null, null)"))
    owner.dispose()
    assert told(hyper) == before
    assert insert(hyper, *rows_of()) == 0
    assert insert(hyper, random_row(9, Pool.WIN, OFF - 9 * MINUTE)) == 1
    hyper.execute("delete from odds_snapshots where observed_at = :at", at=OFF - 9 * MINUTE)
    assert told(hyper) == before
    hourly = "select hour_at, race_id, odds_sum, prices, snapshots from odds_hourly where pool = 'WIN' order by 1, 2"
    assert hyper.execute(hourly) == plain
    store = LocalStore((tmp_path / "lake").as_uri())
    with hyper.engine.connect() as connection:
        write_day(connection, store, DAY)
    report = retire(hyper.engine, store, DAY + 2 * MONTH)
    assert (report.retired, report.dropped_chunks) == ({DAY: 19}, 1)
    with odds_reader(hyper.engine, store) as reader:
        assert answers(reader) == before
    settled(hyper, "off")
    with odds_reader(hyper.engine, store) as reader:
        assert answers(reader) == before
