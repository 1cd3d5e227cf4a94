"""IO managers: polars frames into Postgres tables and into Parquet objects, partition by partition.

Both read the asset's definition metadata, in Dagster's own words: `partition_expr` names the column that
holds the partition key (a partitioned asset must have it), and on an input `columns` lists the columns wanted.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetRecordsFilter,
    ConfigurableIOManager,
    InputContext,
    MetadataValue,
    OutputContext,
    ResourceDependency,
    TableColumn,
    TableColumnConstraints,
    TableConstraints,
    TableSchema,
    TimeWindowPartitionsDefinition,
)
from polars.io.plugins import register_io_source
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    SmallInteger,
    Table,
    Text,
    delete,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.types import TypeEngine

from fotmate_assets.core.object_store import ObjectMissingError
from fotmate_assets.core.postgres import copy_rows, in_transaction
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.core.tables import metadata as tables

READ_BATCH_ROWS = 50_000


def table_schema(table: Table) -> TableSchema:
    """The columns of a table as Dagster shows them."""
    return TableSchema(
        columns=[
            TableColumn(
                name=column.name,
                type=str(column.type),
                description=column.comment,
                constraints=TableColumnConstraints(nullable=bool(column.nullable), unique=bool(column.unique)),
            )
            for column in table.columns
        ],
        constraints=TableConstraints(other=[f"primary key ({', '.join(c.name for c in table.primary_key)})"]),
    )


def last_metadata(context: AssetExecutionContext, key: AssetKey) -> dict[str, MetadataValue[Any]]:
    """Metadata of an asset's last materialization of this run's partition; empty where there is none."""
    partitions = [context.partition_key] if context.has_partition_key else None
    asked = AssetRecordsFilter(asset_key=key, asset_partitions=partitions)
    records = context.instance.fetch_materializations(asked, limit=1).records
    event = records[0].asset_materialization if records else None
    return dict(event.metadata) if event is not None else {}


class PostgresIOManager(ConfigurableIOManager):
    """Writes a frame as the rows of the asset's partition, replacing exactly those; reads them back.

    The table is the one declared under the last part of the asset key. Without a partition the whole
    table is replaced. jsonb columns are JSON text in a frame.
    """

    postgres: ResourceDependency[Postgres]

    def handle_output(self, context: OutputContext, obj: pl.DataFrame) -> None:
        """Replace the rows of the partition (of each, in a single-run backfill) in one transaction.

        Raises ValueError naming the column when the frame has columns the table lacks, lacks columns
        that may not be null, or holds rows of another partition, and sqlalchemy.exc.DataError naming row
        and column for a value that does not fit. Nothing is changed then.
        """
        table = _table(context.asset_key.path[-1])
        keys = _partition_keys(context)
        column = _partition_column(table, context, context.definition_metadata)
        _check_columns(table, obj.columns, column)
        stale = delete(table)
        if column is not None:
            _check_partition(obj, column.name, context.asset_key, _typed(column, keys))
            stale = stale.where(column.in_(_typed(column, keys)))
        json = [name for name, kind in obj.schema.items() if kind == pl.String and _is_json(table.c[name])]
        encoded = obj.with_columns(pl.col(json).cast(pl.Binary))

        def write(connection: Connection) -> None:
            connection.execute(stale)
            copy_rows(connection, table, encoded.columns, encoded.iter_rows())

        in_transaction(self.postgres.engine, write)
        context.add_output_metadata(
            {
                _row_count_name(context): MetadataValue.int(obj.height),
                "dagster/column_schema": table_schema(table),
                "dagster/table_name": table.name,
            }
        )

    def load_input(self, context: InputContext) -> pl.DataFrame | pl.LazyFrame:
        """The upstream partition's rows in primary-key order, as a LazyFrame where the input is annotated so.

        Only the columns are read that the input's metadata (`columns`) or the lazy query asks for.
        """
        table = _table(context.asset_key.path[-1])
        wanted = context.definition_metadata.get("columns") or table.columns.keys()
        chosen = [_column(table, name) for name in wanted]
        column = _partition_column(table, context, _upstream_metadata(context))
        condition = None if column is None else column.in_(_typed(column, _partition_keys(context)))
        frame = register_io_source(
            partial(self._read, table, chosen, condition), schema={each.name: polars_type(each) for each in chosen}
        )
        return frame if context.dagster_type.typing_type is pl.LazyFrame else frame.collect()

    def _read(
        self,
        table: Table,
        offered: list[Column[Any]],
        condition: ColumnElement[bool] | None,
        columns: list[str] | None,
        predicate: pl.Expr | None,
        rows: int | None,
        batch_rows: int | None,
    ) -> Iterator[pl.DataFrame]:
        """A polars IO source: batches of `table`, of which Postgres itself leaves out the other columns."""
        chosen = [each for each in offered if columns is None or each.name in columns]
        query = select(*map(_readable, chosen)).order_by(*table.primary_key).limit(rows)
        if condition is not None:
            query = query.where(condition)
        schema = {each.name: polars_type(each) for each in chosen}
        size = batch_rows or READ_BATCH_ROWS
        with self.postgres.engine.connect() as connection:
            result = connection.execution_options(stream_results=True, max_row_buffer=size).execute(query)
            for batch in result.partitions(size):
                frame = pl.DataFrame([tuple(row) for row in batch], schema=schema, orient="row")
                yield frame if predicate is None else frame.filter(predicate)


class ParquetIOManager(ConfigurableIOManager):
    """Writes a frame as one Parquet object per partition, `asset/key/column=partition/part.parquet`.

    The partition column is in the object's key and, as Hive has it, not in the object. Read back, it comes
    last, as a date in a time-partitioned asset and as text in any other.
    """

    storage: ResourceDependency[ObjectStorage]

    def handle_output(self, context: OutputContext, obj: pl.DataFrame | pl.LazyFrame) -> None:
        """Write the object whole: a reader sees the old one or the new one.

        Raises ValueError when the frame holds rows of another partition.
        """
        frame = obj.lazy()
        key = _object_key(context, context.definition_metadata)
        if context.has_asset_partitions:
            name = _partition_name(context.definition_metadata)
            if name in frame.collect_schema():
                frame = frame.map_batches(partial(_checked_batch, name, context), streamable=True).drop(name)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part.parquet"
            frame.sink_parquet(path, compression="zstd")
            self.storage.store.put_file(key, path)
            size = path.stat().st_size
            rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        context.add_output_metadata(
            {
                _row_count_name(context): MetadataValue.int(rows),
                "dagster/uri": self.storage.store.url_of(key),
                "size_bytes": MetadataValue.int(size),
                "dagster/column_schema": TableSchema(
                    columns=[TableColumn(name, str(kind)) for name, kind in frame.collect_schema().items()]
                ),
            }
        )

    def load_input(self, context: InputContext) -> pl.LazyFrame:
        """A lazy scan of the upstream partition, so that only what is used is read.

        Raises ObjectMissingError naming the object that is not there.
        """
        key = _object_key(context, _upstream_metadata(context))
        store = self.storage.store
        if not store.exists(key):
            raise ObjectMissingError(
                f"{store.url_of(key)} is missing: materialize {context.asset_key.to_user_string()}"
            )
        frame = pl.scan_parquet(
            store.url_of(key), storage_options=store.polars_options, glob=False, hive_partitioning=False
        )
        if context.has_asset_partitions:
            by_time = isinstance(context.asset_partitions_def, TimeWindowPartitionsDefinition)
            partition = context.asset_partition_key
            value = pl.lit(date.fromisoformat(partition) if by_time else partition)
            frame = frame.with_columns(value.alias(_partition_name(_upstream_metadata(context))))
        wanted = context.definition_metadata.get("columns")
        return frame.select(wanted) if wanted else frame


_POLARS_TYPES: tuple[tuple[type[TypeEngine[Any]], Any], ...] = (
    (SmallInteger, pl.Int16),
    (BigInteger, pl.Int64),
    (Integer, pl.Int32),
    (REAL, pl.Float32),
    (Float, pl.Float64),
    (Boolean, pl.Boolean),
    (DateTime, pl.Datetime("us", "UTC")),
    (Date, pl.Date),
    (JSONB, pl.String),
    (Text, pl.String),
)


def polars_type(column: Column[Any]) -> Any:
    """The polars type that holds a column; jsonb is text. Raises KeyError for a type no table uses."""
    for sql_type, found in _POLARS_TYPES:
        if isinstance(column.type, sql_type):
            return found
    raise KeyError(f"{column.table.name}.{column.name}: no polars type for {column.type!r}")


def _upstream_metadata(context: InputContext) -> Mapping[str, Any]:
    return context.upstream_output.definition_metadata if context.upstream_output is not None else {}


def _readable(column: Column[Any]) -> ColumnElement[Any]:
    return column.cast(Text).label(column.name) if _is_json(column) else column


def _is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, JSONB)


def _table(name: str) -> Table:
    if name not in tables.tables:
        raise ValueError(f"no table named {name!r} is declared")
    return tables.tables[name]


def _column(table: Table, name: str) -> Column[Any]:
    if name not in table.columns:
        raise ValueError(f"table {table.name} has no column {name!r}")
    return table.columns[name]


def _partition_name(definition_metadata: Mapping[str, Any]) -> str:
    name = definition_metadata.get("partition_expr")
    if not name:
        raise ValueError("a partitioned asset names its partition column in the metadata partition_expr")
    return str(name)


def _partition_column(
    table: Table, context: InputContext | OutputContext, definition_metadata: Mapping[str, Any]
) -> Column[Any] | None:
    """The column that holds the partition key; None for an asset without partitions."""
    return _column(table, _partition_name(definition_metadata)) if context.has_asset_partitions else None


def _partition_keys(context: InputContext | OutputContext) -> list[str]:
    return list(context.asset_partition_keys) if context.has_asset_partitions else []


def _typed(column: Column[Any], keys: Iterable[str]) -> list[Any]:
    return [date.fromisoformat(key) if column.type.python_type is date else key for key in keys]


def _check_columns(table: Table, names: Iterable[str], partition: Column[Any] | None) -> None:
    given = set(names)
    unknown = sorted(given - set(table.columns.keys()))
    needed = {c.name for c in table.columns if not c.nullable and c.server_default is None and c.identity is None}
    if partition is not None:
        needed.add(partition.name)
    lacking = sorted(needed - given)
    if unknown or lacking:
        raise ValueError(f"table {table.name}: unknown columns {unknown}, missing columns {lacking}")


def _check_partition(frame: pl.DataFrame, name: str, asset: AssetKey, allowed: Sequence[Any]) -> None:
    strangers = set(frame[name].unique()) - set(allowed)
    if strangers:
        where = f"{asset.to_user_string()}, column {name}"
        raise ValueError(f"{where}: rows of {sorted(map(str, strangers))} are not of {sorted(map(str, allowed))}")


def _checked_batch(name: str, context: OutputContext, batch: pl.DataFrame) -> pl.DataFrame:
    """`batch`, which must be of the one partition that is written."""
    _check_partition(batch.select(pl.col(name).cast(pl.String)), name, context.asset_key, [context.asset_partition_key])
    return batch


def _row_count_name(context: OutputContext) -> str:
    """Dagster's name for the number of rows; it has none for several partitions written at once."""
    if not context.has_asset_partitions:
        return "dagster/row_count"
    return "dagster/partition_row_count" if len(_partition_keys(context)) == 1 else "rows_of_all_partitions"


def _object_key(context: InputContext | OutputContext, definition_metadata: Mapping[str, Any]) -> str:
    parts = list(context.asset_key.path)
    if context.has_asset_partitions:
        parts.append(f"{_partition_name(definition_metadata)}={context.asset_partition_key}")
    return "/".join([*parts, "part.parquet"])
