"""What leaves Postgres for the lake, and above all what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Connection

from fotmate_assets.core.object_store import S3Store
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds import retention
from fotmate_assets.racing.odds.frames import postgres_groups
from fotmate_assets.racing.odds.lake import METADATA, key_of, read_object, write_day
from fotmate_assets.racing.odds.model import OddsRow
from fotmate_assets.racing.odds.retention import RetentionReport, retire
from fotmate_assets.racing.odds.store import insert_rows, replace_final
from fotmate_assets.racing.odds.tiers import odds_reader
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, RACE
from fotmate_assets_tests.racing.odds.rows import OFF, comparable, emptied_of_odds, final, random_row

MINUTE = timedelta(minutes=1)
NEXT_DAY = DAY + timedelta(days=1)


@pytest.fixture
def database(_of_module: Database) -> Database:
    made = emptied_of_odds(_of_module)
    for table in ("odds_retired", "odds_slots", "odds_moves"):
        made.execute(f"delete from {table}")
    return made


@pytest.fixture
def day(database: Database, bucket: S3Store) -> list[OddsRow]:
    """A day that Postgres and the lake have alike."""
    snapshots = [random_row(n, pool, OFF - n * MINUTE) for n in range(3) for pool in (Pool.WIN, Pool.EXA)]
    rows = [*snapshots, final(snapshots[0], OFF + 60 * MINUTE)]
    insert(database, *rows)
    to_lake(database, bucket)
    return rows


def insert(database: Database, *rows: OddsRow) -> None:
    with database.engine.begin() as connection:
        insert_rows(connection, rows)


def to_lake(database: Database, store: S3Store) -> None:
    with database.engine.connect() as connection:
        write_day(connection, store, DAY)


def left(database: Database) -> int:
    found = database.execute("select count(*) from odds_snapshots")[0][0]
    assert isinstance(found, int)
    return found


def entered(database: Database) -> list[tuple[object, ...]]:
    return database.execute("select race_date, rows from odds_retired order by 1")


def test_a_day_that_the_lake_holds_leaves_postgres(database: Database, bucket: S3Store, day: list[OddsRow]) -> None:
    report = retire(database.engine, bucket, NEXT_DAY)
    assert report == RetentionReport({DAY: 7}, {}, dropped_chunks=0)
    assert str(report) == "7 rows of 1 race dates left Postgres"
    assert (left(database), entered(database)) == (0, [(DAY, 7)])
    assert read_object(bucket, DAY).day.content.rows == 7
    assert retire(database.engine, bucket, NEXT_DAY) == RetentionReport({}, {}, dropped_chunks=0)


def test_a_day_that_is_not_older_than_asked_for_stays(database: Database, bucket: S3Store, day: list[OddsRow]) -> None:
    assert retire(database.engine, bucket, DAY) == RetentionReport({}, {}, dropped_chunks=0)
    assert (left(database), entered(database)) == (7, [])


def test_the_account_of_the_slots_the_candles_and_the_moves_stay(
    database: Database, bucket: S3Store, day: list[OddsRow]
) -> None:
    database.execute(
        "insert into odds_slots (race_id, slot_at, race_date, phase, status, verdict, source, is_simulated)"
        " values (:race, now(), :day, 'off', 'captured', 'ok', 'simulated', true)",
        race=RACE,
        day=DAY,
    )
    database.execute(
        "insert into odds_moves values (:race, 1, :day, now(), now(), 0.1, 0.2, 60, 'simulated', true)",
        race=RACE,
        day=DAY,
    )
    database.execute(
        "insert into odds_candles values (:race, 'WIN', 1, now(), :day, 1, 'simulated', true, true, now(),"
        " '{1}', '{2}', '{2}', '{2}', '{2}', '{1}')",
        race=RACE,
        day=DAY,
    )
    assert retire(database.engine, bucket, NEXT_DAY).retired == {DAY: 7}
    for table in ("odds_slots", "odds_moves", "odds_candles"):
        assert database.execute(f"select count(*) from {table}") == [(1,)], table


def test_a_day_that_the_lake_does_not_hold_stays_and_is_named(
    database: Database, bucket: S3Store, day: list[OddsRow]
) -> None:
    bucket.delete(key_of(DAY))
    report = retire(database.engine, bucket, NEXT_DAY)
    assert str(report) == "0 rows of 0 race dates left Postgres; 2026-11-21 stays: the lake does not hold it"
    assert (left(database), entered(database)) == (7, [])


@pytest.mark.parametrize(
    ("change", "rows", "reason"),
    [
        (
            "update odds_snapshots set odds[2] = odds[2] + 0.1 where pool = 'EXA' and observed_at = :off",
            7,
            "1 of its 7",
        ),
        ("update odds_snapshots set sales_krw = 1 where pool = 'WIN' and observed_at = :off", 7, "1 of its 7"),
        ("delete from odds_snapshots where pool = 'WIN' and observed_at = :off", 6, "0 of its 6 rows are not in"),
    ],
    ids=["another price", "another sum", "a row less"],
)
def test_a_day_that_the_lake_holds_differently_stays_and_is_named(
    database: Database, bucket: S3Store, day: list[OddsRow], change: str, rows: int, reason: str
) -> None:
    database.execute(change, off=OFF)
    report = retire(database.engine, bucket, NEXT_DAY)
    assert report.retired == {}
    assert reason in report.kept[DAY]
    assert "race_date=2026-11-21/part.parquet, which has 1 that it has not" in report.kept[DAY]
    assert (left(database), entered(database)) == (rows, [])


def test_one_day_that_stays_keeps_no_other(database: Database, bucket: S3Store, day: list[OddsRow]) -> None:
    insert(database, random_row(1, Pool.WIN, OFF - 1440 * MINUTE, race_date=DAY - timedelta(days=1), race_id="a-b-1-1"))
    report = retire(database.engine, bucket, NEXT_DAY)
    assert (report.retired, set(report.kept)) == ({DAY: 7}, {DAY - timedelta(days=1)})
    assert left(database) == 1


def test_an_object_that_does_not_hold_what_it_says_vouches_for_nothing(
    database: Database, bucket: S3Store, day: list[OddsRow]
) -> None:
    file = pq.ParquetFile(BytesIO(bucket.get(key_of(DAY))))
    told = file.metadata.metadata[METADATA]
    for table, says in (
        (file.read().slice(1), told),
        (file.read(), told.replace(b'"rows":7', b'"rows":8')),
        (file.read(), told.replace(b'"content_sha256":"', b'"content_sha256":"0')),
        (file.read(), told.replace(b"2026-11-21", b"2026-11-22")),
    ):
        made = BytesIO()
        pq.write_table(table.replace_schema_metadata({METADATA: says}), made)
        bucket.put(key_of(DAY), made.getvalue())
        assert "does not hold what it says" in retire(database.engine, bucket, NEXT_DAY).kept[DAY]
    bucket.put(key_of(DAY), b"rubbish")
    assert "cannot be read" in retire(database.engine, bucket, NEXT_DAY).kept[DAY]
    assert left(database) == 7


class Meanwhile:
    """Lets another transaction commit between the proof and the deletion, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> None:
        self.attempts = 0
        self._work = work
        monkeypatch.setattr(retention, "postgres_groups", self._groups)

    def _groups(self, connection: Connection, day: date) -> Iterator[tuple[str, pa.Table]]:
        self.attempts += 1
        yield from postgres_groups(connection, day)
        if self.attempts == 1:
            self._work()


def test_a_row_that_comes_while_its_day_is_retired_is_not_lost(
    database: Database, bucket: S3Store, day: list[OddsRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = random_row(42, Pool.WIN, OFF - 9 * MINUTE)
    meanwhile = Meanwhile(monkeypatch, lambda: insert(database, late))
    assert retire(database.engine, bucket, NEXT_DAY).retired == {DAY: 7}
    assert meanwhile.attempts == 1
    assert left(database) == 1
    with odds_reader(database.engine, bucket) as reader:
        assert comparable([late])[0] in comparable(reader.history(RACE))
        assert len(reader.history(RACE)) == 7


def test_a_row_that_is_replaced_while_its_day_is_retired_keeps_the_day(
    database: Database, bucket: S3Store, day: list[OddsRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = final(random_row(43, Pool.WIN), OFF + 90 * MINUTE)

    def refetch() -> None:
        with database.engine.begin() as connection:
            replace_final(connection, [newer])

    meanwhile = Meanwhile(monkeypatch, refetch)
    report = retire(database.engine, bucket, NEXT_DAY)
    assert meanwhile.attempts == 2  # the first one's deletion met a row that was gone
    assert "1 of its 7 rows are not in" in report.kept[DAY]
    assert (left(database), entered(database)) == (7, [])


def test_rows_of_a_retired_day_follow_once_the_lake_has_them(
    database: Database, bucket: S3Store, day: list[OddsRow]
) -> None:
    retire(database.engine, bucket, NEXT_DAY)
    insert(database, random_row(42, Pool.WIN, OFF - 9 * MINUTE))
    assert "1 of its 1 rows are not in" in retire(database.engine, bucket, NEXT_DAY).kept[DAY]
    assert left(database) == 1
    to_lake(database, bucket)
    assert retire(database.engine, bucket, NEXT_DAY).retired == {DAY: 1}
    assert (left(database), entered(database)) == (0, [(DAY, 8)])


def test_a_replay_beside_live_odds_of_the_lake_keeps_no_day(
    database: Database, bucket: S3Store, day: list[OddsRow]
) -> None:
    retire(database.engine, bucket, NEXT_DAY)
    beside = random_row(42, Pool.WIN, OFF - 9 * MINUTE)
    insert(database, replace(beside, source="replay", is_live=False))
    to_lake(database, bucket)
    assert retire(database.engine, bucket, NEXT_DAY).retired == {DAY: 1}
    assert (left(database), read_object(bucket, DAY).day.content.rows) == (0, 7)


def test_days_of_the_lake_that_a_new_database_does_not_know_are_entered(
    database: Database, bucket: S3Store, day: list[OddsRow]
) -> None:
    database.execute("delete from odds_snapshots")
    assert retire(database.engine, bucket, DAY).retired == {}
    assert retire(database.engine, bucket, NEXT_DAY).retired == {DAY: 0}
    assert entered(database) == [(DAY, 0)]
    with odds_reader(database.engine, bucket) as reader:
        assert comparable(reader.history(RACE, Pool.WIN)) == comparable(
            [each for each in reversed(day) if each.pool is Pool.WIN and each.source != "portal_final"]
        )
