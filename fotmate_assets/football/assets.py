"""The football assets: thin op bodies over `ingest`, with what people look at as metadata."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Config,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    RetryRequested,
    TableRecord,
    asset,
    multi_asset,
)
from sqlalchemy import Connection

from fotmate_assets.core.failures import (
    INFRASTRUCTURE_RETRIES,
    failure_list,
    infrastructure_retried,
    leave_to_ledger,
    permanent_failure,
)
from fotmate_assets.core.io_managers import last_metadata, table_schema
from fotmate_assets.core.model import SourceError
from fotmate_assets.core.pictures import as_markdown
from fotmate_assets.core.postgres import advisory_lock
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.core.tables import metadata as tables
from fotmate_assets.football import frames, partitions, pictures, queries
from fotmate_assets.football.ingest import SeasonLoad, fetch_catalogue, fetch_season, load_season
from fotmate_assets.football.load import put_season
from fotmate_assets.football.resources import FootballProviders
from fotmate_assets.football.sources.provider import PROVIDERS

GROUP = "football"
OWNERS = ["team:football-data"]
TAGS = {"domain": "football"}
CODE_VERSION = "1"

CATALOGUE = AssetKey(["football", "season_catalogue"])

SEASON_TABLES = {
    "teams": "Clubs and national sides of the season's matches.",
    "players": "Players of the season's squads.",
    "matches": "Matches with scores, the shoot-out apart.",
    "lineups": "Match-day squads with positions, minutes in them and cards.",
    "match_events": "Every event, in metres, in the provider's order.",
    "match_player_stats": "What each player did in each match.",
    "id_mappings": "Provider ids to internal ids, with provenance.",
}


class SeasonConfig(Config):
    """What of the season to work on; nothing set means all of it."""

    provider: str | None = None
    """Only this provider."""
    match_id: str | None = None
    """Only the match with this provider id."""


@asset(
    key=CATALOGUE,
    group_name=GROUP,
    owners=OWNERS,
    tags=TAGS,
    kinds={"postgres", "python"},
    code_version=CODE_VERSION,
    metadata={"dagster/column_schema": table_schema(tables.tables["seasons"]), "dagster/table_name": "seasons"},
)
def season_catalogue(
    context: AssetExecutionContext, postgres: Postgres, raw: ObjectStorage, providers: FootballProviders
) -> MaterializeResult[None]:
    """Every season the configured providers offer; registers the `season` partitions."""
    offered: dict[str, list[str]] = {}
    failures = []
    with infrastructure_retried():
        for provider in providers.enabled():
            seasons, report = fetch_catalogue(provider, raw.raw_zone, postgres.ledger, context.run.run_id)
            failures += report.failures
            for each in seasons:
                put_season(postgres.engine, each.season, provider.name, each.ids)
                offered.setdefault(each.season.key, []).append(provider.name)
    if failures and not offered:
        raise permanent_failure(context, failures)
    context.instance.add_dynamic_partitions(str(partitions.season.name), sorted(offered))
    return MaterializeResult(
        metadata={
            "dagster/row_count": len(offered),
            **_told(failures=failures),
            "seasons": MetadataValue.table(
                [TableRecord({"season": key, "providers": ", ".join(offered[key])}) for key in sorted(offered)]
            ),
        }
    )


def _raw_asset(name: str) -> AssetsDefinition:
    @asset(
        key=["football", f"{name}_raw"],
        deps=[CATALOGUE],
        partitions_def=partitions.season,
        group_name=GROUP,
        owners=OWNERS,
        tags=TAGS | {"provider": name},
        kinds={"s3", name},
        code_version=CODE_VERSION,
        description=f"The season's documents of {name}, as fetched, in the raw zone; only what changed is fetched.",
    )
    def raw_documents(
        context: AssetExecutionContext,
        config: SeasonConfig,
        postgres: Postgres,
        raw: ObjectStorage,
        providers: FootballProviders,
    ) -> MaterializeResult[None]:
        key = context.partition_key
        provider = providers.provider(name)
        with postgres.engine.connect() as connection:
            ids = queries.season_provider_ids(connection, key).get(name)
        if provider is None or ids is None:
            why = "has no source configured" if provider is None else f"does not offer {key}"
            context.log.info(f"{name} {why}: nothing to fetch")
            return MaterializeResult(metadata={"verdict": "empty_expected", "why": f"{name} {why}"})
        with infrastructure_retried(), advisory_lock(postgres.engine, f"raw {name} {key}") as held:
            if not held:
                context.log.info(f"another run is fetching {name} {key}: waiting for it")
                raise RetryRequested(max_retries=40, seconds_to_wait=15)
            report = fetch_season(
                provider, key, ids, raw.raw_zone, postgres.ledger, match_id=config.match_id, run_id=context.run.run_id
            )
        leave_to_ledger(context, report.failures)
        if report.failures and not (report.changed or report.unchanged):
            raise permanent_failure(context, report.failures)
        return MaterializeResult(
            metadata={
                "dagster/partition_row_count": len(report.changed) + len(report.unchanged),
                "documents_changed": len(report.changed),
                "documents_unchanged": len(report.unchanged),
                **_told(documents_absent=report.absent, failures=report.failures),
            }
        )

    return raw_documents


RAW_ASSETS = [_raw_asset(name) for name in PROVIDERS]


@multi_asset(
    name="football_season_tables",
    specs=[
        AssetSpec(
            key=["football", name],
            deps=[AssetKey(["football", f"{provider}_raw"]) for provider in PROVIDERS],
            partitions_def=partitions.season,
            group_name=GROUP,
            owners=OWNERS,
            tags=TAGS,
            kinds={"postgres"},
            code_version=CODE_VERSION,
            description=description,
            metadata={
                "partition_expr": "season_key",
                "dagster/column_schema": table_schema(tables.tables[name]),
                "dagster/table_name": name,
            },
        )
        for name, description in SEASON_TABLES.items()
    ],
    partitions_def=partitions.season,
)
def season_tables(
    context: AssetExecutionContext,
    config: SeasonConfig,
    postgres: Postgres,
    raw: ObjectStorage,
    providers: FootballProviders,
) -> Iterator[MaterializeResult[None]]:
    """One transaction per match, from the raw zone. A match that fails is owed, and the others are loaded."""
    key = context.partition_key
    outcome = SeasonLoad()
    with infrastructure_retried():
        with postgres.engine.connect() as connection:
            offered = queries.season_provider_ids(connection, key)
        for provider in providers.enabled():
            if provider.name not in offered or config.provider not in (None, provider.name):
                continue
            loaded = load_season(
                provider,
                key,
                offered[provider.name],
                raw.raw_zone,
                postgres.engine,
                postgres.ledger,
                match_id=config.match_id,
                run_id=context.run.run_id,
                on_progress=context.log.info,
            )
            outcome.add(loaded)
    leave_to_ledger(context, outcome.failures)
    common: dict[str, Any] = {
        "matches_loaded": len(outcome.loaded),
        "matches_unchanged": outcome.unchanged,
        **_told(failures=outcome.failures),
        **{
            name: MetadataValue.md("\n".join(f"- {match}" for match in labels))
            for name, labels in (("matches_waiting", outcome.waiting), ("matches_vanished", outcome.vanished))
            if labels
        },
    }
    with postgres.engine.connect() as connection:
        revision = queries.season_revision(connection, key)
        counts = queries.season_row_counts(connection, key)
        seen = last_metadata(context, AssetKey(["football", "match_events"]))
        pictures_drawn = _carried(seen, PICTURES) if _is(seen, "revision", revision) else _pictures(connection, key)
        looks = {"match_events": pictures_drawn, "match_player_stats": _top_scorers(connection, key)}
    for name in SEASON_TABLES:
        yield MaterializeResult(
            asset_key=["football", name],
            data_version=DataVersion(revision),
            metadata={
                "dagster/partition_row_count": counts[name],
                "revision": revision,
                **common,
                **looks.get(name, {}),
            },
        )


def _told(**errors: Sequence[SourceError]) -> dict[str, MetadataValue[Any]]:
    """Each non-empty list of errors as a table under its name."""
    return {name: MetadataValue.md(failure_list(found)) for name, found in errors.items() if found}


PICTURES = ("shot_map", "xg_race")


def _pictures(connection: Connection, key: str) -> dict[str, MetadataValue[Any]]:
    """The season's last match as pictures."""
    match_id = queries.latest_match(connection, key)
    detail = queries.match_detail(connection, match_id) if match_id else None
    if detail is None:
        return {}
    return {
        "shot_map": MetadataValue.md(as_markdown(pictures.shot_map(detail), "shot map")),
        "xg_race": MetadataValue.md(as_markdown(pictures.xg_race(detail), "xG race")),
    }


def _top_scorers(connection: Connection, key: str) -> dict[str, MetadataValue[Any]]:
    scorers = queries.player_stats_by_season(connection, key, limit=10)
    if not scorers:
        return {}
    records = [
        TableRecord(
            {
                "player": row.player,
                "team": ", ".join(row.teams),
                "matches": row.matches,
                "goals": row.goals,
                "xg": None if row.xg is None else round(row.xg, 2),
                "assists": row.assists,
            }
        )
        for row in scorers
    ]
    return {"top_scorers": MetadataValue.table(records)}


def _is(metadata: Mapping[str, MetadataValue[Any]], name: str, value: str) -> bool:
    return name in metadata and metadata[name].value == value


def _carried(metadata: Mapping[str, MetadataValue[Any]], names: Iterable[str]) -> dict[str, MetadataValue[Any]]:
    return {name: metadata[name] for name in names if name in metadata}


@asset(
    key=["football", "events_lake"],
    ins={
        "match_events": AssetIn(key=["football", "match_events"], input_manager_key="postgres_io"),
    },
    io_manager_key="parquet_io",
    partitions_def=partitions.season,
    group_name=GROUP,
    owners=OWNERS,
    tags=TAGS,
    kinds={"s3", "parquet", "polars"},
    code_version=CODE_VERSION,
    retry_policy=INFRASTRUCTURE_RETRIES,
    metadata={"partition_expr": "season_key"},
)
def events_lake(
    context: AssetExecutionContext, match_events: pl.LazyFrame, postgres: Postgres, lake: ObjectStorage
) -> MaterializeResult[Any]:
    """The season's events as Parquet, one object per season, in match and event order.

    Written only when the season changed, or the object is gone.
    """
    with postgres.engine.connect() as connection:
        revision = queries.season_revision(connection, context.partition_key)
    kept = _kept(context, lake, revision)
    if kept is not None:
        return kept
    return MaterializeResult(value=match_events, metadata={"revision": revision}, data_version=DataVersion(revision))


def _kept(context: AssetExecutionContext, lake: ObjectStorage, revision: str) -> MaterializeResult[Any] | None:
    """The last materialization once more, when it is of the same revision and its object is still there."""
    seen = last_metadata(context, context.asset_key)
    uri = seen.get("dagster/uri")
    if not _is(seen, "revision", revision) or uri is None or not lake.holds(str(uri.value)):
        return None
    context.log.info("nothing has changed: the object stays")
    return MaterializeResult(metadata=seen, data_version=DataVersion(revision))


@asset(
    key=["football", "freeze_frames"],
    deps=[AssetKey(["football", "statsbomb_raw"]), AssetKey(["football", "lineups"])],
    io_manager_key="parquet_io",
    partitions_def=partitions.season,
    group_name=GROUP,
    owners=OWNERS,
    tags=TAGS | {"provider": "statsbomb"},
    kinds={"s3", "parquet", "polars"},
    code_version=CODE_VERSION,
    retry_policy=INFRASTRUCTURE_RETRIES,
    metadata={"partition_expr": "season_key"},
)
def freeze_frames(
    context: AssetExecutionContext, postgres: Postgres, raw: ObjectStorage, lake: ObjectStorage
) -> MaterializeResult[Any]:
    """StatsBomb 360 as Parquet: where every visible player stood at each event, in metres.

    Nothing is written for a season without frames, nor when the frames have not changed.
    """
    manifest = raw.raw_zone.manifest("statsbomb", context.partition_key)
    revision = frames.frames_revision(manifest)
    kept = _kept(context, lake, revision)
    if kept is not None:
        return kept
    with postgres.engine.connect() as connection:
        match_ids = queries.provider_match_ids(connection, context.partition_key, "statsbomb")
    found = frames.season_frames(raw.raw_zone, manifest, match_ids, postgres.ledger, context.run.run_id)
    version = DataVersion(revision)
    if found.is_empty():
        return MaterializeResult(metadata={"dagster/partition_row_count": 0}, data_version=version)
    return MaterializeResult(value=found, metadata={"revision": revision}, data_version=version)


ASSETS = [season_catalogue, *RAW_ASSETS, season_tables, events_lake, freeze_frames]
