"""The odds assets: thin op bodies, with the charts that people look at as metadata."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from dagster import AssetExecutionContext, AssetKey, Config, MaterializeResult, MetadataValue, asset
from pydantic import Field
from sqlalchemy import text

from fotmate_assets.core.failures import NAMED, failure_list, infrastructure_retried, leave_to_ledger, permanent_failure
from fotmate_assets.core.io_managers import table_schema
from fotmate_assets.core.pictures import as_markdown
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.core.tables import metadata as tables
from fotmate_assets.racing import partitions
from fotmate_assets.racing.odds import days
from fotmate_assets.racing.odds.candles import refresh_candles
from fotmate_assets.racing.odds.charts import captured_slots_of, win_odds_of
from fotmate_assets.racing.odds.lake import write_day
from fotmate_assets.racing.odds.model import OddsRace
from fotmate_assets.racing.odds.outcomes import Batch
from fotmate_assets.racing.odds.pictures import (
    CapturedSlots,
    RaceSlots,
    WinOdds,
    captured_slots_chart,
    win_odds_chart,
)
from fotmate_assets.racing.odds.races import odds_races
from fotmate_assets.racing.odds.tiers import odds_reader
from fotmate_assets.racing.resources import OddsMarket
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.kspo.source import KSPO

GROUP = "racing"
OWNERS = ["team:racing-data"]
TAGS = {"domain": "racing"}
CODE_VERSION = "1"

SNAPSHOTS, CANDLES, LAKE = (AssetKey(["racing", f"odds_{name}"]) for name in ("snapshots", "candles", "lake"))


def _stored_in(table: str) -> dict[str, Any]:
    return {
        "partition_expr": "race_date",
        "dagster/column_schema": table_schema(tables.tables[table]),
        "dagster/table_name": table,
    }


def batch_metadata(batch: Batch) -> dict[str, Any]:
    """What a batch of the collector came to."""
    return {
        "captured_slots": batch.captured,
        "missed_slots": batch.missed,
        "races": len(batch.race_ids),
        "rows_written": batch.rows,
        "latest_s": MetadataValue.float(batch.lateness_s),
        "source": batch.source,
        "live": batch.is_live,
        "simulated": batch.is_simulated,
        **({"missed": MetadataValue.md(batch.reasons())} if batch.missed else {}),
    }


class Kind(Enum):
    """Where a materialization takes odds from. Live ones are captured by the sensor or `fotmate odds collect`."""

    FINAL = "portal_final"
    REPLAY = "replay"


class OddsConfig(Config):
    """Which odds of the race date to store."""

    source: Kind = Kind.FINAL
    """portal_final: the final odds that the portals published, from the kept bytes. replay: a recording."""
    recording: str | None = None
    """Name of the recording in FOTMATE_ODDS_RECORDINGS; without one, the file named by the race date."""
    markets: dict[str, str] = Field(default_factory=dict)
    """Of a Betfair stream: which of our races each of its markets is taken for, market id to race id."""


@asset(
    key=SNAPSHOTS,
    deps=[AssetKey(["racing", name]) for name in ("races", "entries", "payoffs")],
    partitions_def=partitions.race_date,
    group_name=GROUP,
    owners=OWNERS,
    tags=TAGS,
    kinds={"postgres"},
    code_version=CODE_VERSION,
    metadata=_stored_in("odds_snapshots"),
)
def odds_snapshots(
    context: AssetExecutionContext, config: OddsConfig, postgres: Postgres, raw: ObjectStorage, odds: OddsMarket
) -> MaterializeResult[None]:
    """Odds as a time series: a row per race, pool and instant. A run stores final odds or a replay; live odds come from
    the sensor `odds_collector`, without runs.
    """
    day = date.fromisoformat(context.partition_key)
    with infrastructure_retried():
        told = (day, raw.raw_zone, postgres.engine, postgres.ledger, lambda: datetime.now(UTC), context.run.run_id)
        if config.source is Kind.FINAL:
            stored = days.store_final([KRA(), KSPO()], *told)
        else:
            with odds.recording(config.recording or day.isoformat(), config.markets) as (source, content):
                stored = days.replay(source, content, *told)
        leave_to_ledger(context, stored.failures)
        if stored.failures and not stored.races:
            raise permanent_failure(context, stored.failures)
        with postgres.engine.connect() as connection:
            rows = connection.scalar(text("select count(*) from odds_snapshots where race_date = :day"), {"day": day})
            races = odds_races(connection, day)
            slots = captured_slots_of(connection, day, races)
    if slots is None and stored.slots:
        slots = CapturedSlots(day, _replayed_slots(stored, races), stored.source, False, stored.is_simulated)
    return MaterializeResult(
        metadata={
            "dagster/partition_row_count": rows,
            "rows_written": stored.rows_written,
            "races": stored.races,
            "source": stored.source,
            "live": False,
            "simulated": stored.is_simulated,
            **({"notes": MetadataValue.md("\n".join(f"- {note}" for note in stored.notes))} if stored.notes else {}),
            **({"failures": MetadataValue.md(failure_list(stored.failures[:NAMED]))} if stored.failures else {}),
            **({"captured_slots": _picture(captured_slots_chart(slots), slots.title)} if slots else {}),
        }
    )


def _replayed_slots(stored: days.StoredOdds, races: Sequence[OddsRace]) -> list[RaceSlots]:
    return [
        RaceSlots(race.race_id, race.post_time, stored.slots[race.race_id])
        for race in races
        if race.race_id in stored.slots
    ]


def _picture(png: bytes, title: str) -> MetadataValue[Any]:
    return MetadataValue.md(as_markdown(png, title))


@asset(
    key=CANDLES,
    deps=[SNAPSHOTS],
    partitions_def=partitions.race_date,
    group_name=GROUP,
    owners=OWNERS,
    tags=TAGS,
    kinds={"postgres"},
    code_version=CODE_VERSION,
    metadata=_stored_in("odds_candles"),
)
def odds_candles(context: AssetExecutionContext, postgres: Postgres, lake: ObjectStorage) -> MaterializeResult[None]:
    """Open, high, low and close of every combination per minute and per 5 minutes, of what has changed; and a chart of
    each race's win odds.
    """
    day = date.fromisoformat(context.partition_key)
    with infrastructure_retried():
        written = in_transaction(postgres.engine, lambda connection: refresh_candles(connection, [day]))
        with postgres.engine.connect() as connection, odds_reader(postgres.engine, lake.store) as reader:
            rows = connection.scalar(text("select count(*) from odds_candles where race_date = :day"), {"day": day})
            charts = win_odds_of(connection, reader, odds_races(connection, day))
    by_track: dict[str, list[WinOdds]] = defaultdict(list)
    for chart in charts:
        by_track[chart.track].append(chart)
    return MaterializeResult(
        metadata={
            "dagster/partition_row_count": rows,
            "rows_written": written,
            **told_of(charts),
            **{
                f"win_odds_{track.lower()}": MetadataValue.md(
                    "\n\n".join(as_markdown(win_odds_chart(chart), chart.title) for chart in of_track)
                )
                for track, of_track in by_track.items()
            },
        }
    )


def told_of(charts: Sequence[WinOdds]) -> dict[str, Any]:
    """Which sources charts are made from."""
    if not charts:
        return {}
    return {
        "source": ", ".join(sorted({chart.source for chart in charts})),
        "live": any(chart.is_live for chart in charts),
        "simulated": any(chart.is_simulated for chart in charts),
    }


@asset(
    key=LAKE,
    deps=[SNAPSHOTS],
    partitions_def=partitions.race_date,
    group_name=GROUP,
    owners=OWNERS,
    tags=TAGS,
    kinds={"parquet", "s3"},
    code_version=CODE_VERSION,
    metadata={"partition_expr": "race_date", "dagster/column_schema": table_schema(tables.tables["odds_snapshots"])},
)
def odds_lake(context: AssetExecutionContext, postgres: Postgres, lake: ObjectStorage) -> MaterializeResult[None]:
    """A race date's odds as one Parquet object: the cold tier, read from when Postgres has retired them."""
    day = date.fromisoformat(context.partition_key)
    with infrastructure_retried(), postgres.engine.connect() as connection:
        written = write_day(connection, lake.store, day)
    if written is None:
        return MaterializeResult(metadata={"dagster/partition_row_count": 0})
    content = written.content
    return MaterializeResult(
        metadata={
            "dagster/partition_row_count": content.rows,
            "dagster/uri": written.url,
            "prices": content.prices,
            "size_bytes": written.size_bytes,
            "bytes_per_price": written.size_bytes / max(content.prices, 1),
            "written": written.written,
            "source": ", ".join(content.sources),
            "simulated": content.is_simulated,
        }
    )


ASSETS = [odds_snapshots, odds_candles, odds_lake]
