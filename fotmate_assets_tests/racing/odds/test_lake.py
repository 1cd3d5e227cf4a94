"""Race days in the lake: written from a real Postgres to a real S3 server, and read from both tiers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Connection

from fotmate_assets.core.object_store import ObjectMissingError, S3Store
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds import tiers
from fotmate_assets.racing.odds.frames import content_sha256, digests
from fotmate_assets.racing.odds.lake import (
    LakeDay,
    LakeError,
    key_of,
    odds_rows,
    read_frame,
    read_object,
    retired_days,
    scan,
    write_day,
)
from fotmate_assets.racing.odds.model import OddsRow, Sentinel
from fotmate_assets.racing.odds.readers import OddsReader, PostgresOdds
from fotmate_assets.racing.odds.retention import retire
from fotmate_assets.racing.odds.store import insert_rows, replace_final
from fotmate_assets.racing.odds.tables import odds_snapshots
from fotmate_assets.racing.odds.tiers import odds_reader
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, RACE
from fotmate_assets_tests.racing.odds.rows import OFF, comparable, emptied_of_odds, final, random_row, row

MINUTE = timedelta(minutes=1)
SECOND_RACE = "horse-seoul-20261121-02"
NEXT_DAY = DAY + timedelta(days=1)
NEXT_RACE = "horse-seoul-20261122-01"


@pytest.fixture
def database(_of_module: Database) -> Database:
    made = emptied_of_odds(_of_module)
    made.execute("delete from odds_retired")
    return made


def race_day(day: date = DAY, race_ids: tuple[str, ...] = (RACE, SECOND_RACE)) -> list[OddsRow]:
    """Three snapshots and final odds of some races, in no order."""
    rows = []
    for number, race_id in enumerate(race_ids):
        off = OFF + (day - DAY) + number * 30 * MINUTE
        for pool in (Pool.TRI, Pool.WIN, Pool.EXA):
            of_pool = [
                random_row(17 * number + minutes, pool, off - minutes * MINUTE, race_id=race_id, race_date=day)
                for minutes in (0, 5, 1)
            ]
            rows += [*of_pool, final(random_row(number, pool, race_id=race_id, race_date=day), off + 60 * MINUTE)]
    return rows


def insert(database: Database, *rows: OddsRow) -> None:
    with database.engine.begin() as connection:
        insert_rows(connection, rows)


def write(database: Database, store: S3Store, day: date = DAY) -> LakeDay | None:
    with database.engine.connect() as connection:
        return write_day(connection, store, day)


def written(database: Database, store: S3Store, *rows: OddsRow, day: date = DAY) -> LakeDay:
    insert(database, *rows)
    made = write(database, store, day)
    assert made is not None
    assert made.written
    return made


def read(store: S3Store, day: date = DAY, **values: str) -> list[OddsRow]:
    """The lake's rows of a day that have these values."""
    frame = read_frame(store, [day], pl.all_horizontal(True, *(pl.col(name) == told for name, told in values.items())))
    return comparable(odds_rows(frame))


def replay(*rows: OddsRow) -> list[OddsRow]:
    """The same as a recording has them."""
    return [replace(each, source="replay", is_live=False, is_simulated=False) for each in rows]


def in_order(rows: list[OddsRow]) -> list[OddsRow]:
    return comparable(sorted(rows, key=lambda each: (each.race_id, each.pool, each.observed_at)))


# --- the object


def test_a_race_day_comes_back_as_it_went_in(database: Database, bucket: S3Store) -> None:
    rows = race_day()
    rows[0] = replace(rows[0], sales_krw=None, source_ts=None, raw_sha256=None)
    rows.append(row([3.4, *map(float, Sentinel), 9999.9], OFF - 9 * MINUTE))
    made = written(database, bucket, *rows)
    assert read(bucket) == in_order(rows)
    assert made.content.rows == len(rows)
    assert made.content.prices == sum(len(each.odds) for each in rows)
    assert made.size_bytes == len(bucket.get(key_of(DAY)))
    assert read_object(bucket, DAY).day == replace(made, written=False)


def test_the_object_says_whose_odds_it_holds_and_whether_they_are_simulated(
    database: Database, bucket: S3Store
) -> None:
    live = row([2.0, 3.0], source="tote", is_simulated=False)
    assert written(database, bucket, live).content.sources == ("tote",)
    assert not read_object(bucket, DAY).day.content.is_simulated
    in_next_group = random_row(1, Pool.EXA, source="tote", is_simulated=False)
    made = written(database, bucket, row([2.0, 3.0], OFF - MINUTE), final(live, OFF + MINUTE), in_next_group)
    assert (made.content.sources, made.content.is_simulated) == (("portal_final", "simulated", "tote"), True)


def test_one_race_and_one_pool_are_read_without_the_rest(database: Database, bucket: S3Store) -> None:
    rows = race_day()
    written(database, bucket, *rows)
    content = bytearray(bucket.get(key_of(DAY)))
    # The second race's other pools become rubbish: whoever reads them fails.
    group = pq.ParquetFile(BytesIO(content)).metadata.row_group(2)
    for index in range(group.num_columns):
        column = group.column(index)
        start = column.dictionary_page_offset or column.data_page_offset
        content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    bucket.put(key_of(DAY), bytes(content))

    assert read(bucket, race_id=RACE) == in_order([each for each in rows if each.race_id == RACE])
    wins = [each for each in rows if each.pool is Pool.WIN]
    assert read(bucket, pool="WIN") == in_order(wins)
    of_second = [each for each in wins if each.race_id == SECOND_RACE]
    assert read(bucket, race_id=SECOND_RACE, pool="WIN") == in_order(of_second)
    with pytest.raises((pl.exceptions.PolarsError, OSError)):
        read(bucket, race_id=SECOND_RACE)


def test_content_that_is_there_is_not_written_again(database: Database, bucket: S3Store) -> None:
    made = written(database, bucket, *race_day())
    before = bucket.get(key_of(DAY))
    again = write(database, bucket)
    assert again == replace(made, written=False)
    assert bucket.get(key_of(DAY)) == before
    more = written(database, bucket, row([2.5, 3.5], OFF - 2 * MINUTE))
    assert more.content.rows == made.content.rows + 1
    assert bucket.get(key_of(DAY)) != before


def test_the_hash_depends_on_every_value_and_on_no_order(database: Database, bucket: S3Store) -> None:
    written(database, bucket, *race_day())
    table = read_object(bucket, DAY).table
    whole = content_sha256(digests(table))
    backwards = table.take(list(range(len(table)))[::-1])
    assert content_sha256(digests(backwards)) == whole
    one: Any
    for name, one in {"sales_krw": 1, "source": "other", "is_live": False, "mean_odds": 1.0, "source_ts": None}.items():
        index = table.schema.get_field_index(name)
        values = [one, *table.column(name).to_pylist()[1:]]
        changed = table.set_column(index, table.schema.field(name), pa.array(values, table.schema.field(name).type))
        assert content_sha256(digests(changed)) != whole, name
    odds = table.column("odds").to_pylist()
    odds[0][0], odds[0][1] = odds[0][1], odds[0][0]
    swapped = pa.array(odds, table.schema.field("odds").type)
    assert content_sha256(digests(table.set_column(table.schema.get_field_index("odds"), "odds", swapped))) != whole


def test_a_day_without_odds_makes_no_object(database: Database, bucket: S3Store) -> None:
    assert write(database, bucket) is None
    assert list(bucket.keys()) == []
    with pytest.raises(ObjectMissingError, match=r"race_date=2026-11-21/part.parquet"):
        read(bucket)


def test_only_the_day_that_was_asked_for_is_in_its_object(database: Database, bucket: S3Store) -> None:
    tomorrow = race_day(NEXT_DAY, (NEXT_RACE,))
    insert(database, *tomorrow)
    written(database, bucket, *race_day())
    assert {each.race_date for each in read(bucket)} == {DAY}
    written(database, bucket, day=NEXT_DAY)
    assert read(bucket, NEXT_DAY) == in_order(tomorrow)


def test_analysts_scan_all_days_with_the_columns_of_the_table(database: Database, bucket: S3Store) -> None:
    with pytest.raises(ObjectMissingError):
        scan(bucket)
    insert(database, *race_day(NEXT_DAY, (NEXT_RACE,)))
    written(database, bucket, day=NEXT_DAY)
    written(database, bucket, *race_day())
    frame = scan(bucket)
    assert set(frame.collect_schema().names()) == set(odds_snapshots.columns.keys())
    assert frame.collect_schema()["race_date"] == pl.Date
    found = frame.filter(pl.col("race_date") == NEXT_DAY, pl.col("pool") == "WIN").collect()
    assert found["race_id"].unique().to_list() == [NEXT_RACE]
    stored = database.execute("select sum(mean_odds), sum(overround), sum(priced), sum(pays) from odds_snapshots")
    sums = frame.select(pl.col("mean_odds", "overround", "priced", "pays").sum()).collect().row(0)
    assert sums == pytest.approx(stored[0])


def test_what_cannot_be_read_is_named_and_not_overwritten(database: Database, bucket: S3Store) -> None:
    insert(database, *race_day())
    other = BytesIO()
    pq.write_table(pa.table({"a": [1]}), other)
    for content in (b"no parquet", other.getvalue()):
        bucket.put(key_of(DAY), content)
        with pytest.raises(LakeError, match=r"race_date=2026-11-21/part.parquet cannot be read"):
            write(database, bucket)
        assert bucket.get(key_of(DAY)) == content


# --- rows that the lake has and Postgres has not


def test_writing_a_day_never_takes_snapshots_out_of_the_lake(database: Database, bucket: S3Store) -> None:
    rows = race_day()
    written(database, bucket, *rows)
    database.execute("delete from odds_snapshots")
    kept = write(database, bucket)
    assert kept is not None
    assert not kept.written
    late = random_row(3, Pool.QNL, OFF - 3 * MINUTE, race_id="horse-seoul-20261121-07")
    written(database, bucket, late)
    assert read(bucket) == in_order([*rows, late])
    races = [each["race_id"] for each in read_object(bucket, DAY).table.to_pylist() if each["pool"] != "WIN"]
    assert races == sorted(races)


def test_final_odds_that_were_replaced_leave_the_lake(database: Database, bucket: S3Store) -> None:
    rows = race_day()
    written(database, bucket, *rows)
    newer = final(random_row(99, Pool.WIN), OFF + 120 * MINUTE)
    with database.engine.begin() as connection:
        replace_final(connection, [newer])
    assert write(database, bucket) is not None
    finals = [each for each in read(bucket, pool="WIN") if each.source == "portal_final"]
    assert [each.observed_at for each in finals if each.race_id == RACE] == [newer.observed_at]
    assert len(finals) == 2


def test_a_retired_day_that_the_lake_lost_is_not_written_anew_from_its_last_rows(
    database: Database, bucket: S3Store
) -> None:
    written(database, bucket, *race_day())
    retire(database.engine, bucket, NEXT_DAY)
    bucket.delete(key_of(DAY))
    insert(database, row([2.0, 3.0], OFF - 2 * MINUTE))
    with pytest.raises(LakeError, match="race date 2026-11-21 was retired"):
        write(database, bucket)
    assert not bucket.exists(key_of(DAY))
    with odds_reader(database.engine, bucket) as reader, pytest.raises(ObjectMissingError):
        reader.history(RACE)


def test_two_who_write_a_day_at_once_lose_no_row(database: Database, bucket: S3Store) -> None:
    rows = race_day()
    insert(database, *rows)
    with database.engine.connect() as first, ThreadPoolExecutor() as pool:
        write_day(first, bucket, DAY)
        second = pool.submit(write, database, bucket)
        waiting = """
            select count(*) from pg_locks where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())
        """
        while database.execute(waiting) == [(0,)]:
            assert not second.done()
        insert(database, row([2.5, 3.5], OFF - 2 * MINUTE))
        first.commit()
        made = second.result()
    assert made is not None
    assert made.content.rows == len(rows) + 1


# --- live odds and replays


@pytest.mark.parametrize("retired", [False, True])
def test_a_replay_never_takes_the_place_of_live_odds_in_the_lake(
    database: Database, bucket: S3Store, retired: bool
) -> None:
    live = [random_row(n, pool, OFF - n * MINUTE) for n in range(3) for pool in (Pool.WIN, Pool.EXA)]
    other = replay(random_row(9, Pool.WIN, race_id=SECOND_RACE))
    written(database, bucket, *live)
    if retired:
        retire(database.engine, bucket, NEXT_DAY)
    database.execute("delete from odds_snapshots")
    # At instants of theirs and at others, in their pools and in another.
    beside = [random_row(n, pool, OFF - n * MINUTE) for n in range(5) for pool in (Pool.WIN, Pool.QNL)]
    insert(database, *replay(*beside), *other)
    with odds_reader(database.engine, bucket) as reader:
        told = reader.history(RACE)
        assert {each.is_live for each in told} == {retired}
        assert not retired or comparable(told) == in_order(live)
    write(database, bucket)
    assert read(bucket) == in_order([*live, *other])


def test_a_replay_in_the_lake_goes_once_live_odds_of_its_race_are_stored(database: Database, bucket: S3Store) -> None:
    before = [random_row(n, pool, OFF - n * MINUTE) for n in range(3) for pool in (Pool.WIN, Pool.EXA)]
    written(database, bucket, *replay(*before))
    database.execute("delete from odds_snapshots")
    live = random_row(7, Pool.WIN, OFF - 7 * MINUTE)
    written(database, bucket, live)
    assert read(bucket) == comparable([live])


@pytest.mark.parametrize("retired", [False, True])
def test_a_second_replay_replaces_the_first_in_the_lake_whole(
    database: Database, bucket: S3Store, retired: bool
) -> None:
    first = [random_row(n, pool, OFF - n * MINUTE) for n in range(4) for pool in (Pool.WIN, Pool.EXA)]
    finals = [final(first[0], OFF + 60 * MINUTE)]
    other = replay(random_row(9, Pool.WIN, race_id=SECOND_RACE))
    written(database, bucket, *replay(*first), *finals, *other)
    if retired:
        retire(database.engine, bucket, NEXT_DAY)
    database.execute("delete from odds_snapshots where source = 'replay'")
    # Shorter, and without one of the pools: that row group has nothing new.
    second = replay(*(random_row(20 + n, Pool.WIN, OFF - n * MINUTE) for n in range(2)))
    insert(database, *second, *([] if retired else other))
    with odds_reader(database.engine, bucket) as reader:
        assert comparable(reader.history(RACE)) == in_order(second)
        assert reader.history(RACE, Pool.EXA) == []
        assert len(reader.finals([DAY], Pool.WIN)) == 1
    write(database, bucket)
    assert read(bucket) == in_order([*second, *finals, *other])
    assert retire(database.engine, bucket, NEXT_DAY).kept == {}
    assert database.execute("select count(*) from odds_snapshots") == [(0,)]
    with odds_reader(database.engine, bucket) as reader:
        assert comparable(reader.history(RACE)) == in_order(second)


# --- both tiers


def answers(reader: OddsReader) -> list[Any]:
    """What a reader tells of two days."""
    days = [DAY, NEXT_DAY]
    return [
        reader.held([*days, NEXT_DAY + timedelta(days=1)]),
        *(comparable(reader.history(race_id)) for race_id in (RACE, SECOND_RACE, NEXT_RACE)),
        comparable(reader.history(RACE, Pool.EXA)),
        [comparable(edge) for edge in reader.edges(days, Pool.WIN)],
        [comparable(edge) for edge in reader.edges([DAY], Pool.TRI)],
        comparable(reader.finals(days, Pool.WIN)),
        [replace(each, odds_sum=float(f"{each.odds_sum:.5g}")) for each in reader.hours(days, Pool.WIN)],
    ]


@pytest.fixture
def two_days(database: Database, bucket: S3Store) -> Iterator[list[Any]]:
    """What Postgres answers of two days, both of which are in the lake as well; the first race went off early."""
    database.execute(
        "insert into races (race_id, race_date, track_id, sport, race_no, post_time, status)"
        " values (:race, :day, 'seoul', 'horse', 1, :off, 'finished')",
        race=RACE,
        day=DAY,
        off=OFF - MINUTE,
    )
    insert(database, *race_day(NEXT_DAY, (NEXT_RACE,)))
    written(database, bucket, *race_day())
    written(database, bucket, day=NEXT_DAY)
    with database.engine.connect() as connection:
        told = answers(PostgresOdds(connection))
    assert told[5][0][1].observed_at == OFF - MINUTE
    yield told


def test_reads_are_the_same_before_and_after_a_day_was_retired(
    two_days: list[Any], database: Database, bucket: S3Store
) -> None:
    for before, left in ((DAY, 36), (NEXT_DAY, 12), (NEXT_DAY + timedelta(days=1), 0)):
        retire(database.engine, bucket, before)
        assert database.execute("select count(*) from odds_snapshots") == [(left,)]
        with odds_reader(database.engine, bucket) as reader:
            assert answers(reader) == two_days


def test_a_hot_day_is_read_from_postgres_alone(two_days: list[Any], database: Database, bucket: S3Store) -> None:
    for key in list(bucket.keys()):
        bucket.delete(key)
    with odds_reader(database.engine, bucket) as reader:
        assert answers(reader) == two_days


def test_rows_that_come_after_retirement_are_read_once_and_with_the_others(database: Database, bucket: S3Store) -> None:
    rows = race_day()
    written(database, bucket, *rows)
    retire(database.engine, bucket, NEXT_DAY)
    late = row([2.0, 3.0], OFF - 2 * MINUTE)
    insert(database, late, *rows[4:6])  # a new one, and two that are in the lake
    newer = final(random_row(99, Pool.WIN), OFF + 120 * MINUTE)
    with database.engine.begin() as connection:
        replace_final(connection, [newer])

    def told() -> tuple[Any, ...]:
        with odds_reader(database.engine, bucket) as reader:
            return (
                comparable(reader.history(RACE)),
                comparable(reader.finals([DAY], Pool.WIN))[0],
                sum(each.snapshots for each in reader.hours([DAY], Pool.WIN)),
                reader.edges([DAY], Pool.WIN)[0][0].observed_at,
            )

    snapshots = [each for each in rows if each.race_id == RACE and each.source != "portal_final"]
    expected = (in_order([*snapshots, late]), comparable([newer])[0], 7, OFF - 5 * MINUTE)
    assert told() == expected
    assert retire(database.engine, bucket, NEXT_DAY).kept.keys() == {DAY}
    assert write(database, bucket) is not None
    assert told() == expected
    retire(database.engine, bucket, NEXT_DAY)
    assert database.execute("select count(*) from odds_snapshots") == [(0,)]
    assert told() == expected


def test_a_day_that_is_retired_while_it_is_read_is_read_whole(
    two_days: list[Any], database: Database, bucket: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_retired(connection: Connection, days: Sequence[date]) -> set[date]:
        found = retired_days(connection, days)
        monkeypatch.setattr(tiers, "retired_days", retired_days)
        retire(database.engine, bucket, NEXT_DAY + timedelta(days=1))
        return found

    monkeypatch.setattr(tiers, "retired_days", then_retired)
    with odds_reader(database.engine, bucket) as reader:
        assert answers(reader) == two_days
    assert database.execute("select count(*) from odds_snapshots") == [(0,)]
