"""COPY, transactions that are run again, and locks, on a real Postgres."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    create_engine,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL, VARCHAR
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError

from fotmate_assets.core.postgres import (
    advisory_lock,
    copy_rows,
    in_transaction,
    is_transient,
    lock_for_transaction,
    make_engine,
)
from fotmate_assets.core.tables import TIMESTAMPTZ, metadata
from fotmate_assets_tests.databases import Database

SAMPLE = Table(
    "copy_sample",
    MetaData(),
    Column("n", Integer, primary_key=True),
    Column("small", SmallInteger),
    Column("big", BigInteger),
    Column("single", REAL),
    Column("double", Float),
    Column("flag", Boolean),
    Column("day", Date),
    Column("at", TIMESTAMPTZ),
    Column("words", Text),
    Column("short", VARCHAR(20)),
    Column("data", JSONB),
    Column("odds", ARRAY(REAL)),
    Column("digest", LargeBinary),
)


@pytest.fixture
def sample(database: Database) -> Iterator[Database]:
    owner = create_engine(database.owner_url)
    SAMPLE.create(owner)
    owner.dispose()
    return database  # type: ignore[return-value]


def copy(database: Database, columns: tuple[str, ...], *rows: tuple[Any, ...]) -> int:
    with database.engine.begin() as connection:
        return copy_rows(connection, SAMPLE, columns, rows)


def terminate(database: Database, pid: int) -> None:
    """Kill a backend and wait until it is gone."""
    with psycopg.connect(database.writer_url.replace("+psycopg", ""), autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", (pid,))


# --- COPY


def test_every_column_type_of_the_tables_is_covered_here() -> None:
    import fotmate_assets.football.tables
    import fotmate_assets.racing.odds.tables

    assert fotmate_assets.football.tables and fotmate_assets.racing.odds.tables
    used = {type(column.type) for table in metadata.tables.values() for column in table.columns}
    assert used <= {type(column.type) for column in SAMPLE.columns}


def test_values_of_every_type_come_back(sample: Database) -> None:
    seoul = timezone(timedelta(hours=9))
    row = (
        1,
        -32768,
        2**63 - 1,
        1.5,
        0.1,
        True,
        date(2026, 11, 20),
        datetime(2026, 11, 20, 13, 30, 0, 123456, tzinfo=seoul),
        "Müller — 기수 \U0001f40e\n\t\\N 'x'",
        "short",
        {"odds": [1.5, None], "이름": "x"},
        [1.5, 2.25],
        b"\x00\xff",
    )
    none = (2, *[None] * 12)
    small: tuple[Any, ...] = (
        3,
        0,
        0,
        0.0,
        -0.0,
        False,
        date(1, 1, 1),
        datetime(1970, 1, 1, tzinfo=UTC),
        "",
        "",
        [],
        [],
        b"",
    )
    columns = tuple(column.name for column in SAMPLE.columns)
    assert copy(sample, columns, row, none, small) == 3
    with sample.engine.connect() as connection:
        rows = [tuple(one) for one in connection.execute(select(SAMPLE).order_by(SAMPLE.c.n))]
    assert rows == [row, none, small]
    assert rows[0][7].utcoffset() == timedelta(0), "the session is in UTC"


def test_real_keeps_single_precision(sample: Database) -> None:
    copy(sample, ("n", "single"), (1, 0.1), (2, float("inf")), (3, float("nan")), (4, 7))
    stored = [row[0] for row in sample.execute("select single::text from copy_sample order by n")]
    assert stored == ["0.1", "Infinity", "NaN", "7"]


def test_json_is_stored_as_what_it_is_and_encoded_json_not_as_a_string(sample: Database) -> None:
    cases: list[tuple[object, str]] = [
        ({"a": 1}, "object"),
        (b'{"a": 1}', "object"),
        (msgspec.json.encode({"a": [1, "\u00e9"]}), "object"),
        (bytearray(b"[1]"), "array"),
        (memoryview(b"[1]"), "array"),
        ([], "array"),
        ("text", "string"),
        (b'"text"', "string"),
        (b"null", "null"),
        (1.5, "number"),
        (True, "boolean"),
    ]
    copy(sample, ("n", "data"), *((n, value) for n, (value, _) in enumerate(cases)))
    stored = sample.execute("select jsonb_typeof(data) from copy_sample order by n")
    assert [kind for (kind,) in stored] == [kind for _, kind in cases]


def test_columns_in_any_order_and_defaults_for_the_rest(database: Database) -> None:
    table = metadata.tables["quarantine"]
    columns = ("size_bytes", "reason", "source", "document", "partition_key", "sha256")
    with database.engine.begin() as connection:
        assert copy_rows(connection, table, columns, iter([(7, "r", "s", "d", "p", "h")])) == 1
        assert copy_rows(connection, table, columns, []) == 0
    row = database.execute(
        "select quarantine_id, size_bytes, reason, field, quarantined_at is not null from quarantine"
    )
    assert row == [(1, 7, "r", None, True)]


def test_a_value_its_column_cannot_hold_is_refused_by_name_and_never_bent(sample: Database) -> None:
    misfits: list[tuple[str, object]] = [
        ("small", 40_000),
        ("small", 1.5),
        ("small", "1"),
        ("n", 2**40),
        ("big", 2**70),
        ("single", 1e300),
        ("single", "x"),
        ("flag", "false"),
        ("day", "2026-11-20"),
        ("at", datetime(2026, 11, 20)),  # noqa: DTZ001
        ("words", 5),
        ("words", "lone \ud800"),
        ("data", {1, 2}),
    ]
    for column, value in misfits:
        with pytest.raises(DataError) as caught:
            copy(sample, (column, "short"), (1 if column == "n" else None, "x"), (value, "x"))
        assert f"copy_sample: row 2, column {column}: {value!r}" in str(caught.value)
    assert sample.execute("select * from copy_sample") == []


def test_a_value_the_server_refuses_is_a_data_error_that_names_the_column(sample: Database) -> None:
    refused: list[tuple[str, object]] = [
        ("words", "nul \0"),
        ("data", b"{nope"),
        ("data", b'"\\u0000"'),
        ("data", {"a": "\0"}),
    ]
    for column, value in refused:
        with pytest.raises(DataError, match=f"COPY copy_sample, line 1, column {column}"):
            copy(sample, ("n", column), (1, value))


def test_rows_of_another_width_are_refused(sample: Database) -> None:
    with pytest.raises(DataError, match="row 1 has 1 values for 2 columns"):
        copy(sample, ("n", "words"), (1,))


def test_a_broken_constraint_is_what_sqlalchemy_calls_it(sample: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        copy(sample, ("n",), (1,), (1,))
    assert isinstance(caught.value.orig, psycopg.errors.UniqueViolation)
    assert not is_transient(caught.value)


def test_what_the_rows_raise_is_passed_on_and_nothing_is_written(sample: Database) -> None:
    def rows() -> Iterator[tuple[int]]:
        yield (1,)
        raise ValueError("events[1] has no type")

    with pytest.raises(ValueError, match=r"events\[1\] has no type"), sample.engine.begin() as connection:
        copy_rows(connection, SAMPLE, ("n",), rows())
    assert sample.execute("select * from copy_sample") == []


def test_copy_is_part_of_the_transaction(sample: Database) -> None:
    with sample.engine.connect() as connection:
        copy_rows(connection, SAMPLE, ("n",), [(1,)])
        assert connection.scalar(text("select count(*) from copy_sample")) == 1
        connection.rollback()
    assert sample.execute("select count(*) from copy_sample") == [(0,)]


def test_a_column_the_table_lacks_is_named(sample: Database) -> None:
    with pytest.raises(KeyError, match="nope"):
        copy(sample, ("n", "nope"), (1, 2))


# --- transactions


def test_the_result_is_returned_and_committed(sample: Database) -> None:
    def work(connection: Connection) -> int:
        return copy_rows(connection, SAMPLE, ("n",), [(1,), (2,)])

    assert in_transaction(sample.engine, work) == 2
    assert sample.execute("select count(*) from copy_sample") == [(2,)]


def test_a_deadlock_is_run_again_until_both_are_through(sample: Database) -> None:
    copy(sample, ("n", "big"), (1, 0), (2, 0))
    met = threading.Barrier(2)
    tries, errors = list[tuple[int, ...]](), list[Exception]()

    def transfer(order: tuple[int, int]) -> None:
        def work(connection: Connection) -> None:
            first = order not in tries
            tries.append(order)
            for n in order:
                connection.execute(text("update copy_sample set big = big + 1 where n = :n"), {"n": n})
                if first and n == order[0]:
                    met.wait(10)

        try:
            in_transaction(sample.engine, work)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=transfer, args=(order,)) for order in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(tries) == 3, "one of the two was the victim, once"
    assert sample.execute("select big from copy_sample") == [(2,), (2,)]


def test_a_connection_lost_inside_a_copy_is_told_as_such(sample: Database) -> None:
    def work(connection: Connection) -> None:
        pid = connection.scalar(text("select pg_backend_pid()")) or 0

        def rows() -> Iterator[tuple[int]]:
            terminate(sample, pid)
            yield (1,)

        copy_rows(connection, SAMPLE, ("n",), rows())

    with pytest.raises(OperationalError, match="COPY") as caught:
        in_transaction(sample.engine, work, attempts=1)
    assert is_transient(caught.value)
    assert caught.value.connection_invalidated


@pytest.mark.parametrize("moment", ["before a statement", "inside a copy"])
def test_a_lost_connection_is_run_again_on_a_new_one(sample: Database, moment: str) -> None:
    pids: list[int] = []

    def work(connection: Connection) -> int:
        pids.append(connection.scalar(text("select pg_backend_pid()")) or 0)
        if len(pids) == 1 and moment == "before a statement":
            terminate(sample, pids[0])

        def rows() -> Iterator[tuple[int, str]]:
            for n in range(2000):
                if n == 10 and len(pids) == 1:
                    terminate(sample, pids[0])
                yield n, "x" * 500

        return copy_rows(connection, SAMPLE, ("n", "words"), rows())

    assert in_transaction(sample.engine, work) == 2000
    assert len(set(pids)) == 2
    assert sample.execute("select count(*) from copy_sample") == [(2000,)]


def test_what_stays_broken_is_raised_as_it_is(sample: Database) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("do $$ begin raise exception 'try % of it', 1 using errcode = '40001'; end $$"))

    started = time.monotonic()
    with pytest.raises(OperationalError, match="try 1 of it") as caught:
        in_transaction(sample.engine, work, attempts=2)
    assert isinstance(caught.value.orig, psycopg.errors.SerializationFailure)
    assert len(tries) == 2
    assert time.monotonic() - started > 0.4


def test_what_cannot_pass_is_raised_at_once(sample: Database) -> None:
    statements = [
        "insert into copy_sample (n) values (1), (1)",
        "insert into copy_sample (n) values (null)",
        "insert into copy_sample (n, small) values (1, 99999)",
        "select * from no_such_table",
        "selec",
        "drop table copy_sample",
    ]
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text(statements[len(tries) - 1]))

    for number in range(len(statements)):
        with pytest.raises(DBAPIError):
            in_transaction(sample.engine, work)
        assert len(tries) == number + 1


def test_a_bug_in_the_work_is_raised_at_once_and_rolled_back(sample: Database) -> None:
    def work(connection: Connection) -> None:
        copy_rows(connection, SAMPLE, ("n",), [(1,)])
        raise KeyError("bug")

    with pytest.raises(KeyError):
        in_transaction(sample.engine, work)
    assert sample.execute("select count(*) from copy_sample") == [(0,)]


def test_a_server_that_is_not_there_is_transient() -> None:
    engine = make_engine("postgresql+psycopg://u:p@127.0.0.1:9/x")
    with pytest.raises(OperationalError) as caught:
        in_transaction(engine, lambda connection: connection.execute(text("select 1")), attempts=1)
    assert is_transient(caught.value)
    assert "p@" not in str(caught.value)


def test_only_passing_trouble_is_transient() -> None:
    assert is_transient(psycopg.errors.DeadlockDetected())
    assert is_transient(psycopg.errors.AdminShutdown())
    assert is_transient(psycopg.errors.TooManyConnections())
    assert is_transient(psycopg.OperationalError("connection is lost"))
    assert not is_transient(psycopg.errors.UniqueViolation())
    assert not is_transient(psycopg.errors.QueryCanceled())
    assert not is_transient(psycopg.DataError("x"))
    assert not is_transient(ValueError("x"))


def test_connections_are_in_utc_named_and_checked_before_use(database: Database) -> None:
    with database.engine.connect() as connection:
        assert connection.scalar(text("show timezone")) == "UTC"
        assert connection.scalar(text("show application_name")) == "fotmate"
        pid = connection.scalar(text("select pg_backend_pid()"))
    terminate(database, pid or 0)
    assert database.execute("select 1") == [(1,)]


# --- locks


def test_a_lock_is_held_by_one_and_free_afterwards(database: Database) -> None:
    with advisory_lock(database.engine, "race 1") as one:
        with advisory_lock(database.engine, "race 1") as two, advisory_lock(database.engine, "race 2") as three:
            assert (one, two, three) == (True, False, True)
        with advisory_lock(database.engine, "race 1") as still:
            assert still is False, "who did not get the lock must not release it"
    for _ in range(3):
        with advisory_lock(database.engine, "race 1") as again:
            assert again is True


def test_a_lock_is_released_when_its_holder_raises(database: Database) -> None:
    with pytest.raises(KeyError), advisory_lock(database.engine, "race 1"):
        raise KeyError
    with advisory_lock(database.engine, "race 1") as again:
        assert again is True


def test_a_lock_dies_with_its_connection_and_its_holder_is_told(database: Database) -> None:
    holder = advisory_lock(database.engine, "race 1")
    assert holder.__enter__() is True
    ((pid,),) = database.execute("select pid from pg_locks where locktype = 'advisory'")
    terminate(database, int(str(pid)))
    with advisory_lock(database.engine, "race 1") as other:
        assert other is True
    with pytest.raises(OperationalError):
        holder.__exit__(None, None, None)


def test_a_held_lock_keeps_no_transaction_open(database: Database) -> None:
    with advisory_lock(database.engine, "race 1"):
        states = database.execute("select count(*) from pg_stat_activity where state = 'idle in transaction'")
    assert states == [(0,)]


def test_a_transaction_waits_for_the_lock_of_another(database: Database) -> None:
    order: list[str] = []

    def second() -> None:
        with database.engine.begin() as connection:
            lock_for_transaction(connection, "season x")
            order.append("second")

    with database.engine.begin() as connection:
        lock_for_transaction(connection, "season x")
        lock_for_transaction(connection, "season x")
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.2)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
