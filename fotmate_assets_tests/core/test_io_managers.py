"""The IO managers inside real Dagster runs, against a real Postgres, a real S3 server and a folder."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dagster import (
    AssetIn,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    DagsterInstance,
    DailyPartitionsDefinition,
    ExecuteInProcessResult,
    PartitionsDefinition,
    StaticPartitionsDefinition,
    asset,
    materialize,
)
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Engine,
    Float,
    Integer,
    SmallInteger,
    Table,
    Text,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.exc import DataError, IntegrityError

from fotmate_assets.core.io_managers import ParquetIOManager, PostgresIOManager
from fotmate_assets.core.object_store import ObjectMissingError, S3Store
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.core.tables import TIMESTAMPTZ
from fotmate_assets.core.tables import metadata as tables
from fotmate_assets_tests.databases import Database

SEASONS = StaticPartitionsDefinition(["a", "b", "c"])
DAYS = DailyPartitionsDefinition("2026-11-01")


@pytest.fixture
def scores(database: Database) -> Iterator[Table]:
    """A table of the tests' own, declared only while one runs."""
    table = Table(
        "scores",
        tables,
        Column("season_key", Text, primary_key=True, comment="Partition."),
        Column("n", Integer, primary_key=True),
        Column("goals", SmallInteger, nullable=False),
        Column("big", BigInteger),
        Column("xg", REAL),
        Column("share", Float),
        Column("won", Boolean),
        Column("day", Date),
        Column("at", TIMESTAMPTZ, server_default=text("now()"), nullable=False),
        Column("details", JSONB),
    )
    owner = create_engine(database.owner_url)
    table.create(owner)
    owner.dispose()
    yield table
    tables.remove(table)


def rows(season: str, *numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"season_key": [season] * len(numbers), "n": numbers, "goals": [n * 10 for n in numbers]})


def counts(database: Database) -> dict[object, object]:
    return dict(database.execute("select season_key, sum(goals) from scores group by 1"))  # type: ignore[arg-type]


def writes(
    frame: Any,
    *,
    name: str = "scores",
    partitions: PartitionsDefinition[Any] | None = SEASONS,
    column: str | None = "season_key",
    manager: str = "postgres_io",
    **options: Any,
) -> AssetsDefinition:
    @asset(
        key=["test", name],
        partitions_def=partitions,
        io_manager_key=manager,
        metadata={"partition_expr": column} if column else {},
        **options,
    )
    def written():  # type: ignore[no-untyped-def]
        return frame

    return written  # type: ignore[no-any-return]


class World:
    """Runs assets with both IO managers."""

    def __init__(self, database: Database, storage: ObjectStorage) -> None:
        self.postgres = Postgres(url=database.writer_url)
        self.storage = storage
        self.instance = DagsterInstance.ephemeral()

    def run(self, *assets: AssetsDefinition, partition: str | None = None, **options: Any) -> ExecuteInProcessResult:
        return materialize(
            assets,
            partition_key=partition,
            instance=self.instance,
            resources={
                "postgres_io": PostgresIOManager(postgres=self.postgres),
                "parquet_io": ParquetIOManager(storage=self.storage),
            },
            **options,
        )


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    made = World(database, ObjectStorage(url=(tmp_path / "lake").as_uri()))
    yield made
    made.instance.dispose()


def metadata(result: ExecuteInProcessResult, name: str) -> dict[str, Any]:
    (event_,) = result.asset_materializations_for_node(f"test__{name}")
    return {key: value.value for key, value in event_.metadata.items()}


# --- Postgres: writing


def test_a_partition_is_replaced_and_the_others_are_left_alone(world: World, database: Database, scores: Table) -> None:
    world.run(writes(rows("a", 1, 2)), partition="a")
    world.run(writes(rows("b", 5)), partition="b")
    untouched = database.execute("select xmin::text, ctid::text from scores where season_key = 'b'")
    world.run(writes(rows("a", 2, 3, 4)), partition="a")
    assert counts(database) == {"a": 90, "b": 50}
    assert database.execute("select xmin::text, ctid::text from scores where season_key = 'b'") == untouched
    world.run(writes(rows("a", 1).clear()), partition="a")
    assert counts(database) == {"b": 50}


def test_without_partitions_the_table_is_replaced(world: World, database: Database, scores: Table) -> None:
    world.run(writes(rows("a", 1, 2)), partition="a")
    result = world.run(writes(rows("z", 1), partitions=None, column=None))
    assert counts(database) == {"z": 10}
    assert metadata(result, "scores")["dagster/row_count"] == 1


def test_what_was_written_is_described(world: World, scores: Table) -> None:
    described = metadata(world.run(writes(rows("a", 1, 2)), partition="a"), "scores")
    assert described["dagster/partition_row_count"] == 2
    assert described["dagster/table_name"] == "scores"
    columns = {column.name: column for column in described["dagster/column_schema"].columns}
    assert list(columns) == list(scores.columns.keys())
    assert columns["season_key"].description == "Partition."
    assert (columns["goals"].type, columns["goals"].constraints.nullable) == ("SMALLINT", False)
    assert columns["xg"].constraints.nullable is True


def test_a_frame_that_does_not_fit_is_refused_by_name_and_nothing_is_changed(
    world: World, database: Database, scores: Table
) -> None:
    world.run(writes(rows("a", 1, 2)), partition="a")
    good = rows("a", 1)
    misfits: list[tuple[pl.DataFrame, type[Exception], str]] = [
        (good.with_columns(nope=1, zip=2), ValueError, r"unknown columns \['nope', 'zip'\]"),
        (good.drop("goals"), ValueError, r"missing columns \['goals'\]"),
        (good.drop("season_key"), ValueError, r"missing columns \['season_key'\]"),
        (pl.concat([good, rows("b", 2)]), ValueError, r"column season_key: rows of \['b'\] are not of \['a'\]"),
        (good.with_columns(season_key=pl.lit(None, pl.String)), ValueError, r"rows of \['None'\]"),
        (good.with_columns(goals=40_000), DataError, "column goals: 40000 is no smallint"),
        (good.with_columns(won=pl.lit("false")), DataError, "column won: 'false' is no boolean"),
        (rows("a", 7, 7), IntegrityError, "pk_scores"),
    ]
    for frame, error, message in misfits:
        with pytest.raises(error, match=message):
            world.run(writes(frame), partition="a")
        assert counts(database) == {"a": 30}


def test_a_partitioned_asset_that_names_no_column_does_not_empty_the_table(
    world: World, database: Database, scores: Table
) -> None:
    world.run(writes(rows("a", 1, 2)), partition="a")
    with pytest.raises(ValueError, match="partition_expr"):
        world.run(writes(rows("b", 1), column=None), partition="b")
    with pytest.raises(ValueError, match="scores has no column 'season'"):
        world.run(writes(rows("b", 1), column="season"), partition="b")
    assert counts(database) == {"a": 30}


def test_an_asset_without_a_table_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no table named 'goals_of_nobody' is declared"):
        world.run(writes(rows("a", 1), name="goals_of_nobody"), partition="a")


def test_a_single_run_backfill_replaces_every_partition_of_its_range(
    world: World, database: Database, scores: Table
) -> None:
    for season in ("a", "b", "c"):
        world.run(writes(rows(season, 9)), partition=season)
    both = pl.concat([rows("a", 1), rows("b", 1, 2)])
    backfilled = writes(both, backfill_policy=BackfillPolicy.single_run())
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}
    result = world.run(backfilled, tags=tags)
    assert counts(database) == {"a": 10, "b": 30, "c": 90}
    assert {event_.partition for event_ in result.asset_materializations_for_node("test__scores")} == {"a", "b"}
    for event_ in result.asset_materializations_for_node("test__scores"):
        assert "dagster/partition_row_count" not in event_.metadata, "3 rows are of no single partition"
    stranger = writes(rows("c", 1), backfill_policy=BackfillPolicy.single_run())
    with pytest.raises(ValueError, match=r"rows of \['c'\] are not of \['a', 'b'\]"):
        world.run(stranger, tags=tags)


def test_a_date_partition_is_a_date_in_the_table(world: World, database: Database, scores: Table) -> None:
    days = [date(2026, 11, 1), date(2026, 11, 2)]
    for day in days:
        frame = rows("a", day.day).with_columns(day=pl.lit(day))
        world.run(writes(frame, partitions=DAYS, column="day"), partition=day.isoformat())
    assert database.execute("select day, n from scores order by 1") == [(days[0], 1), (days[1], 2)]


def test_a_lost_connection_during_the_write_is_made_good(world: World, database: Database, scores: Table) -> None:
    world.run(writes(rows("a", 1)), partition="a")
    killed: list[int] = []

    def kill(connection: Any, _cursor: object, statement: str, *_: object) -> None:
        if not killed and statement.startswith("DELETE"):
            killed.append(connection.connection.driver_connection.info.backend_pid)
            database.execute("select pg_terminate_backend(:pid, 5000)", pid=killed[0])

    event.listen(Engine, "before_cursor_execute", kill)
    try:
        world.run(writes(rows("a", 2, 3)), partition="a")
    finally:
        event.remove(Engine, "before_cursor_execute", kill)
    assert killed
    assert counts(database) == {"a": 50}


# --- Postgres: reading


def reads(
    seen: list[Any],
    *,
    lazy: bool = False,
    partitions: PartitionsDefinition[Any] | None = SEASONS,
    manager: str = "postgres_io",
    **input_metadata: Any,
) -> AssetsDefinition:
    kind = pl.LazyFrame if lazy else pl.DataFrame

    def reader(frame):  # type: ignore[no-untyped-def]
        seen.append(frame.filter(pl.col("n") > 1).select("n", "goals").head(10).collect() if lazy else frame)

    reader.__annotations__ = {"frame": kind, "return": None}
    source = AssetIn(key=["test", "scores"], metadata=input_metadata or None, input_manager_key=manager)
    return asset(key=["test", "reader"], ins={"frame": source}, partitions_def=partitions)(reader)


FULL = pl.DataFrame(
    {
        "season_key": ["a", "a"],
        "n": pl.Series([2, 1], dtype=pl.Int32),
        "goals": pl.Series([20, 10], dtype=pl.Int16),
        "big": [2**60, None],
        "xg": pl.Series([0.1, None], dtype=pl.Float32),
        "share": [0.25, None],
        "won": [True, None],
        "day": [date(2026, 11, 20), None],
        "at": [datetime(2026, 11, 20, 4, 30, 0, 5, tzinfo=UTC)] * 2,
        "details": ['{"odds": [1.5, null]}', None],
    },
    schema_overrides={"at": pl.Datetime("us", "UTC")},
)


def test_what_was_written_is_read_back_with_its_types_in_key_order(
    world: World, database: Database, scores: Table
) -> None:
    seen: list[pl.DataFrame] = []
    world.run(writes(FULL), reads(seen), partition="a")
    assert seen[0].equals(FULL.sort("n"))
    assert seen[0].schema == FULL.schema
    assert database.execute("select jsonb_typeof(details) from scores where n = 2") == [("object",)]
    world.run(writes(seen[0]), partition="a")
    world.run(writes(FULL), reads(seen), partition="a")
    assert seen[1].equals(seen[0]), "writing what was read changes nothing"


def test_an_input_reads_its_partition_and_its_columns_only(world: World, scores: Table) -> None:
    seen: list[pl.DataFrame] = []
    for season in ("a", "b"):
        world.run(writes(rows(season, 1, 2)), partition=season)
    world.run(writes(rows("b", 3, 1)), reads(seen, columns=["goals", "n"]), partition="b")
    assert seen[0].columns == ["goals", "n"]
    assert seen[0].rows() == [(10, 1), (30, 3)]


def test_a_lazy_input_asks_postgres_only_for_what_the_query_uses(world: World, scores: Table) -> None:
    seen: list[pl.DataFrame] = []
    world.run(writes(rows("b", 1, 2, 3)), partition="b")
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        world.run(writes(rows("a", 1, 2, 3)), reads(seen, lazy=True), partition="a")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert seen[0].rows() == [(2, 20), (3, 30)]
    (query,) = [statement for statement in statements if "FROM scores" in statement and "SELECT" in statement]
    assert "scores.goals" in query
    assert "details" not in query
    assert "scores.xg" not in query


def test_an_input_without_partitions_reads_the_whole_table(world: World, scores: Table) -> None:
    seen: list[pl.DataFrame] = []
    frame = pl.concat([rows("a", 1), rows("b", 1)])
    world.run(writes(frame, partitions=None, column=None), reads(seen, partitions=None, columns=["season_key"]))
    assert seen[0]["season_key"].to_list() == ["a", "b"]


def test_an_empty_partition_is_an_empty_frame_with_the_right_types(world: World, scores: Table) -> None:
    seen: list[pl.DataFrame] = []
    world.run(writes(FULL.clear()), reads(seen), partition="a")
    assert seen[0].is_empty()
    assert seen[0].schema == FULL.schema


def test_a_column_that_is_not_there_is_named(world: World, scores: Table) -> None:
    with pytest.raises(ValueError, match="table scores has no column 'nope'"):
        world.run(writes(rows("a", 1)), reads([], columns=["n", "nope"]), partition="a")


# --- Parquet


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest) -> ObjectStorage:
    if request.param == "bucket":
        bucket: S3Store = request.getfixturevalue("bucket")
        return ObjectStorage(url=f"{bucket.url}/lake", endpoint_url=bucket.endpoint_url)
    return ObjectStorage(url=(request.getfixturevalue("tmp_path") / "my lake").as_uri())


class ParquetWorld(World):
    def __init__(self, storage: ObjectStorage) -> None:
        self.postgres = Postgres(url="postgresql+psycopg://nobody@127.0.0.1:9/none")
        self.storage = storage
        self.instance = DagsterInstance.ephemeral()


@pytest.fixture
def parquet(lake: ObjectStorage) -> Iterator[ParquetWorld]:
    made = ParquetWorld(lake)
    yield made
    made.instance.dispose()


def saves(frame: Any, **options: Any) -> AssetsDefinition:
    return writes(frame, manager="parquet_io", **options)


def scans(seen: list[pl.DataFrame], **options: Any) -> AssetsDefinition:
    columns = options.pop("columns", None)
    partitions = options.pop("partitions", SEASONS)
    source = AssetIn(
        key=["test", "scores"], metadata={"columns": columns} if columns else None, input_manager_key="parquet_io"
    )

    @asset(key=["test", "reader"], ins={"frame": source}, partitions_def=partitions)
    def reader(frame: pl.LazyFrame) -> None:
        assert isinstance(frame, pl.LazyFrame)
        seen.append(frame.collect())

    return reader


def test_a_partition_is_one_object_in_hive_style_and_comes_back(parquet: ParquetWorld) -> None:
    seen: list[pl.DataFrame] = []
    result = parquet.run(saves(FULL), scans(seen), partition="a")
    key = "test/scores/season_key=a/part.parquet"
    assert list(parquet.storage.store.keys()) == [key]
    assert seen[0].select(FULL.columns).equals(FULL)
    assert seen[0].select(FULL.columns).schema == FULL.schema
    described = metadata(result, "scores")
    assert described["dagster/partition_row_count"] == 2
    assert described["dagster/uri"] == f"{parquet.storage.url}/{key}"
    assert described["size_bytes"] == len(parquet.storage.store.get(key))
    columns = {column.name: column.type for column in described["dagster/column_schema"].columns}
    assert columns == {name: str(kind) for name, kind in FULL.schema.items() if name != "season_key"}


def test_the_whole_asset_can_be_scanned_as_a_hive_dataset(tmp_path: Path) -> None:
    world = ParquetWorld(ObjectStorage(url=(tmp_path / "lake").as_uri()))
    for season in ("a", "b"):
        world.run(saves(rows(season, 1, 2)), partition=season)
    whole = pl.scan_parquet(tmp_path / "lake/test/scores", hive_partitioning=True).collect()
    assert sorted(whole.select("season_key", "n").rows()) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_only_the_columns_asked_for_are_read(parquet: ParquetWorld) -> None:
    seen: list[pl.DataFrame] = []
    parquet.run(saves(FULL), scans(seen, columns=["xg", "season_key"]), partition="a")
    assert seen[0].columns == ["xg", "season_key"]
    assert seen[0]["season_key"].to_list() == ["a", "a"]


def test_without_partitions_there_is_one_object(parquet: ParquetWorld) -> None:
    seen: list[pl.DataFrame] = []
    result = parquet.run(saves(FULL.lazy(), partitions=None, column=None), scans(seen, partitions=None))
    assert list(parquet.storage.store.keys()) == ["test/scores/part.parquet"]
    assert seen[0].equals(FULL)
    assert metadata(result, "scores")["dagster/row_count"] == 2


def test_a_missing_object_is_named_with_what_to_do(parquet: ParquetWorld) -> None:
    parquet.run(saves(FULL), partition="a")
    url = f"{parquet.storage.url}/test/scores/season_key=b/part.parquet"
    with pytest.raises(ObjectMissingError) as caught:
        parquet.run(saves(FULL), scans([]), partition="b", selection=[AssetKey(["test", "reader"])])
    assert str(caught.value) == f"{url} is missing: materialize test/scores"


def test_a_numeric_partition_key_stays_text_and_a_day_is_a_date(tmp_path: Path) -> None:
    seen: list[pl.DataFrame] = []
    world = ParquetWorld(ObjectStorage(url=(tmp_path / "lake").as_uri()))
    numbers = StaticPartitionsDefinition(["0042"])
    world.run(saves(rows("0042", 1), partitions=numbers), scans(seen, partitions=numbers), partition="0042")
    assert seen[0].select(rows("0042", 1).columns).equals(rows("0042", 1))
    day = pl.DataFrame({"day": [date(2026, 11, 2)], "n": [1]})
    world.run(saves(day, partitions=DAYS, column="day"), scans(seen, partitions=DAYS), partition="2026-11-02")
    assert seen[1].select("day", "n").equals(day)


def test_rows_of_another_partition_are_refused_and_the_old_object_stays(parquet: ParquetWorld) -> None:
    seen: list[pl.DataFrame] = []
    parquet.run(saves(rows("a", 1)), partition="a")
    mixed = pl.concat([rows("a", 1), rows("b", 2)])
    for frame in (mixed, mixed.lazy()):
        with pytest.raises(ValueError, match=r"column season_key: rows of \['b'\] are not of \['a'\]"):
            parquet.run(saves(frame), partition="a")
    with pytest.raises(ValueError, match="partition_expr"):
        parquet.run(saves(rows("a", 1), column=None), partition="a")
    parquet.run(saves(rows("a", 1)), scans(seen), partition="a", selection=[AssetKey(["test", "reader"])])
    assert seen[0]["n"].to_list() == [1]


def test_a_frame_that_fails_while_it_is_written_leaves_the_old_object(parquet: ParquetWorld) -> None:
    def explode(_batch: pl.DataFrame) -> pl.DataFrame:
        raise RuntimeError("out of memory")

    parquet.run(saves(rows("a", 1)), partition="a")
    before = parquet.storage.store.get("test/scores/season_key=a/part.parquet")
    with pytest.raises(RuntimeError, match="out of memory"):
        parquet.run(saves(rows("a", 1, 2).lazy().map_batches(explode)), partition="a")
    assert parquet.storage.store.get("test/scores/season_key=a/part.parquet") == before
    assert len(list(parquet.storage.store.keys())) == 1


def test_signs_that_globs_use_are_read_as_they_are(tmp_path: Path) -> None:
    seen: list[pl.DataFrame] = []
    signs = StaticPartitionsDefinition(["a[1]*"])
    world = ParquetWorld(ObjectStorage(url=(tmp_path / "lake").as_uri()))
    frame = rows("a[1]*", 1)
    world.run(saves(frame, partitions=signs), scans(seen, partitions=signs), partition="a[1]*")
    assert seen[0].select(frame.columns).equals(frame)


# --- resources


def test_the_pool_of_a_run_is_closed_when_the_run_ends(world: World, database: Database, scores: Table) -> None:
    before = database.execute("select count(*) from pg_stat_activity where datname = current_database()")
    for _ in range(3):
        world.run(writes(rows("a", 1)), partition="a")
    after = database.execute("select count(*) from pg_stat_activity where datname = current_database()")
    assert after == before
