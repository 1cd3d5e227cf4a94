"""The odds assets: thin op bodies, with the charts that people look at as metadata."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    Config,
    MaterializeResult,
    MetadataValue,
    asset,
)
from pydantic import Field
from sqlalchemy import Connection, func, select, text

from fotmate_assets.core.failures import NAMED, failure_list, infrastructure_retried, leave_to_ledger, permanent_failure
from fotmate_assets.core.io_managers import table_schema
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.pictures import as_markdown
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.core.tables import metadata as tables
from fotmate_assets.racing import partitions
from fotmate_assets.racing.assets import CODE_VERSION, GROUP, OWNERS, TAGS
from fotmate_assets.racing.odds.candles import refresh_candles
from fotmate_assets.racing.odds.charts import captured_slots_of, win_odds_of
from fotmate_assets.racing.odds.days import StoredOdds, replay, store_final
from fotmate_assets.racing.odds.lake import write_day
from fotmate_assets.racing.odds.model import OddsRace
from fotmate_assets.racing.odds.outcomes import Batch
from fotmate_assets.racing.odds.pictures import (
    WinOdds,
    captured_slots_chart,
    win_odds_chart,
)
from fotmate_assets.racing.odds.races import odds_races
from fotmate_assets.racing.odds.tiers import odds_reader
from fotmate_assets.racing.resources import OddsMarket
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.kspo.source import KSPO

AT_HAND = timedelta(hours=1)
"""Before its off, a race is bet on."""

SNAPSHOTS, CANDLES, LAKE = (AssetKey(["racing", f"odds_{name}"]) for name in ("snapshots", "candles", "lake"))


def _of_race_dates(
    key: AssetKey, deps: Sequence[AssetKey], kinds: set[str], metadata: dict[str, Any]
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """An asset of race dates, of which a range is one run."""
    return asset(
        key=key,
        deps=deps,
        partitions_def=partitions.race_date,
        backfill_policy=BackfillPolicy.single_run(),
        group_name=GROUP,
        owners=OWNERS,
        tags=TAGS,
        kinds=kinds,
        code_version=CODE_VERSION,
        metadata=metadata,
    )


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
    """Where a materialization takes odds from. Live ones are captured by the sensor or `fotmate odds collect`.

    Dagster's launchpad asks for the names of the members.
    """

    portal_final = "portal_final"
    replay = "replay"


class OddsConfig(Config):
    """Which odds of the race date to store."""

    source: Kind = Kind.portal_final
    """portal_final: the final odds that the portals published, from the kept bytes. replay: a recording."""
    recording: str | None = None
    """Name of the recording in FOTMATE_ODDS_RECORDINGS; without one, the file named by the race date."""
    markets: dict[str, str] = Field(default_factory=dict)
    """Of a Betfair stream: which of our races each of its markets is taken for, market id to race id."""


@_of_race_dates(
    SNAPSHOTS,
    [AssetKey(["racing", name]) for name in ("races", "entries", "payoffs")],
    {"postgres"},
    _stored_in("odds_snapshots"),
)
def odds_snapshots(
    context: AssetExecutionContext,
    config: OddsConfig,
    postgres: Postgres,
    raw: ObjectStorage,
    lake: ObjectStorage,
    odds: OddsMarket,
) -> MaterializeResult[None]:
    """Odds as a time series: a row per race, pool and instant. A run stores final odds or a replay; live odds come from
    the sensor `odds_collector`, without runs.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]

    def store(day: date) -> StoredOdds:
        told = (day, raw.raw_zone, postgres.engine, postgres.ledger, lambda: datetime.now(UTC), context.run.run_id)
        if config.source is Kind.portal_final:
            return store_final([KRA(), KSPO()], *told)
        with odds.recording(config.recording or day.isoformat(), config.markets) as (source, content):
            return replay(source, content, *told, lake=lake.store)

    with infrastructure_retried():
        try:
            of_days = [store(day) for day in days]
        except SourceError as error:
            raise permanent_failure(context, [error]) from error
        failures = [failure for stored in of_days for failure in stored.failures]
        notes = [note for stored in of_days for note in stored.notes][:NAMED]
        if config.source is Kind.portal_final:
            # What cannot be read is owed; live odds of the day go into candles and lake all the same.
            leave_to_ledger(context, failures)
        elif not any(stored.races for stored in of_days):
            nothing = f"nothing of it could be replayed: {'; '.join(notes[:3]) or 'the date has no races'}"
            empty = SourceError(Verdict.EMPTY_UNEXPECTED, of_days[0].source, config.recording or str(days[0]), nothing)
            raise permanent_failure(context, failures or [empty])
        with postgres.engine.connect() as connection:
            rows = _count(connection, "odds_snapshots", days)
            held = connection.execute(_HELD, {"days": days}).all()
            pictures = _slots_chart(connection, days)
    return MaterializeResult(
        metadata={
            _rows_name(days): rows,
            "rows_written": sum(stored.rows_written for stored in of_days),
            "races": sum(stored.races for stored in of_days),
            "stored": ", ".join(sorted({stored.source for stored in of_days})),
            "source": ", ".join(sorted({row.source for row in held})),
            "live": any(row.is_live for row in held),
            "simulated": any(row.is_simulated for row in held),
            **({"notes": MetadataValue.md("\n".join(f"- {note}" for note in notes))} if notes else {}),
            **({"failures": MetadataValue.md(failure_list(failures[:NAMED]))} if failures else {}),
            **pictures,
        }
    )


_HELD = text("""
    select distinct source, is_live, is_simulated from odds_snapshots where race_date = any(:days)
""")


def _slots_chart(connection: Connection, days: Sequence[date]) -> dict[str, Any]:
    """The chart of the captured slots of a single race date."""
    chart = captured_slots_of(connection, days[0], odds_races(connection, days[0])) if len(days) == 1 else None
    if chart is None:
        return {}
    return {"slots_chart": MetadataValue.md(as_markdown(captured_slots_chart(chart), chart.title))}


def _count(connection: Connection, table: str, days: Sequence[date]) -> int:
    of = tables.tables[table]
    query = select(func.count()).select_from(of).where(of.c.race_date == func.any(list(days)))
    return connection.execute(query).scalar_one()


def _rows_name(days: Sequence[date]) -> str:
    """Dagster's name for the number of rows; it has none for several partitions written at once."""
    return "dagster/partition_row_count" if len(days) == 1 else "rows_in_range"


@_of_race_dates(CANDLES, [SNAPSHOTS], {"postgres"}, _stored_in("odds_candles"))
def odds_candles(context: AssetExecutionContext, postgres: Postgres, lake: ObjectStorage) -> MaterializeResult[None]:
    """Open, high, low and close of every runner to win and to place, per minute and per 5 minutes, of what has changed;
    and a chart of each race's win odds. While a date is raced, only of the races at hand.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    with infrastructure_retried():
        written = in_transaction(postgres.engine, lambda connection: refresh_candles(connection, days))
        with postgres.engine.connect() as connection, odds_reader(postgres.engine, lake.store) as reader:
            rows = _count(connection, "odds_candles", days)
            races = odds_races(connection, days[0]) if len(days) == 1 else []
            charts = win_odds_of(connection, reader, races_at_hand(races, datetime.now(UTC)))
            slots_chart = _slots_chart(connection, days)
    by_track: dict[str, list[WinOdds]] = defaultdict(list)
    for chart in charts:
        by_track[chart.track].append(chart)
    pictures = {
        f"win_odds_{track.lower()}": MetadataValue.md(
            "\n\n".join(as_markdown(win_odds_chart(chart), chart.title) for chart in of_track)
        )
        for track, of_track in by_track.items()
    }
    told = {_rows_name(days): rows, "rows_written": written, **_told_of(charts)}
    return MaterializeResult(metadata={**told, **pictures, **slots_chart})


def races_at_hand(races: Sequence[OddsRace], now: datetime) -> Sequence[OddsRace]:
    """The races that bets are taken on, and those just off; all where there are none such."""
    return [race for race in races if -AT_HAND / 2 <= race.post_time - now <= AT_HAND] or races


def _told_of(charts: Sequence[WinOdds]) -> dict[str, Any]:
    """Which sources charts are made from."""
    if not charts:
        return {}
    return {
        "source": ", ".join(sorted({chart.source for chart in charts})),
        "live": any(chart.is_live for chart in charts),
        "simulated": any(chart.is_simulated for chart in charts),
    }


@_of_race_dates(
    LAKE,
    [SNAPSHOTS],
    {"parquet", "s3"},
    {"partition_expr": "race_date", "dagster/column_schema": table_schema(tables.tables["odds_snapshots"])},
)
def odds_lake(context: AssetExecutionContext, postgres: Postgres, lake: ObjectStorage) -> MaterializeResult[None]:
    """A race date's odds as one Parquet object: the cold tier, read from when Postgres has retired them."""
    days = [date.fromisoformat(key) for key in context.partition_keys]
    held = []
    with infrastructure_retried(), postgres.engine.connect() as connection:
        for day in days:
            held.append(write_day(connection, lake.store, day))
            connection.rollback()
    found = [day for day in held if day is not None]
    prices, size = (sum(of) for of in ([day.content.prices for day in found], [day.size_bytes for day in found]))
    return MaterializeResult(
        metadata={
            _rows_name(days): sum(day.content.rows for day in found),
            "prices": prices,
            "size_bytes": size,
            "bytes_per_price": size / max(prices, 1),
            "objects_written": sum(day.written for day in found),
            **({"dagster/uri": found[0].url} if len(found) == 1 else {}),
            "source": ", ".join(sorted({source for day in found for source in day.content.sources})),
            "simulated": any(day.content.is_simulated for day in found),
        }
    )


ASSETS = [odds_snapshots, odds_candles, odds_lake]
