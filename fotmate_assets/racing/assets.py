"""The racing assets: thin op bodies over `ingest`, with what people look at as metadata."""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    BackfillPolicy,
    Config,
    MaterializeResult,
    MetadataValue,
    TableRecord,
    asset,
    multi_asset,
)
from dagster_shared.utils.warnings import BetaWarning
from sqlalchemy import text

from fotmate_assets.core.failures import NAMED, failure_list, infrastructure_retried, leave_to_ledger, permanent_failure
from fotmate_assets.core.io_managers import table_schema
from fotmate_assets.core.model import SourceError
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.core.tables import metadata as tables
from fotmate_assets.racing import partitions, queries
from fotmate_assets.racing.form import refresh_form
from fotmate_assets.racing.ingest import Outcome, RaceDays, run_race_days
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.resources import RacePortals
from fotmate_assets.racing.sources.portal import Portal
from fotmate_assets.racing.sources.source import Family, RaceSource

# The dagster family is pinned.
warnings.filterwarnings("ignore", "Parameter `backfill_policy`", BetaWarning)

GROUP = "racing"
OWNERS = ["team:racing-data"]
TAGS = {"domain": "racing"}
CODE_VERSION = "1"

SEED = Path(__file__).parents[2] / "sql" / "seeds" / "tracks.sql"

DAY_TABLES = {
    Family.RACES: "Races with post times and status; the calendar they hang from.",
    Family.ENTRIES: "Declared runners with jockeys, weights, scratches.",
    Family.RESULTS: "Finishing order, times, margins, final win and place odds.",
    Family.PAYOFFS: "What each pool paid, with the final odds of the combinations that won.",
}

MADE_FROM = {
    Family.RACES: "tracks",
    Family.ENTRIES: Family.RACES,
    Family.RESULTS: Family.ENTRIES,
    Family.PAYOFFS: Family.RESULTS,
}


def _key(name: str) -> AssetKey:
    return AssetKey(["racing", str(name)])


@asset(
    key=_key("tracks"),
    group_name=GROUP,
    owners=OWNERS,
    tags=TAGS,
    kinds={"postgres", "sql"},
    code_version=CODE_VERSION,
    metadata={"dagster/column_schema": table_schema(tables.tables["tracks"]), "dagster/table_name": "tracks"},
)
def tracks(postgres: Postgres) -> MaterializeResult[None]:
    """The race tracks, from `sql/seeds/tracks.sql`."""
    seed = SEED.read_text("utf-8")
    with infrastructure_retried():
        in_transaction(postgres.engine, lambda connection: connection.execute(text(seed)))
        with postgres.engine.connect() as connection:
            rows = connection.execute(text("select * from tracks order by sport, track_id")).mappings().all()
    return MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "tracks": MetadataValue.table([TableRecord(dict(row)) for row in rows]),
        }
    )


class RaceDayConfig(Config):
    """How to bring race dates up to date."""

    fetch: bool = True
    """False: ask nobody, and build the meetings again from the kept bytes."""


@multi_asset(
    name="racing_tables",
    specs=[
        AssetSpec(
            key=_key(family),
            deps=[_key(MADE_FROM[family])],
            partitions_def=partitions.race_date,
            group_name=GROUP,
            owners=OWNERS,
            tags=TAGS,
            kinds={"postgres"},
            code_version=CODE_VERSION,
            description=description,
            metadata={
                "partition_expr": "race_date",
                "dagster/column_schema": table_schema(tables.tables[family]),
                "dagster/table_name": family.value,
            },
        )
        for family, description in DAY_TABLES.items()
    ],
    partitions_def=partitions.race_date,
    backfill_policy=BackfillPolicy.single_run(),
    can_subset=True,
)
def racing_tables(
    context: AssetExecutionContext,
    config: RaceDayConfig,
    postgres: Postgres,
    raw: ObjectStorage,
    portals: RacePortals,
) -> Iterator[MaterializeResult[None]]:
    """One transaction per race date and track, from the kept bytes. What fails is owed, and the rest is loaded."""
    days = [date.fromisoformat(key) for key in context.partition_keys]
    families = [family for family in DAY_TABLES if _key(family) in context.selected_asset_keys]
    report = RaceDays()

    def run(source: RaceSource, portal: Portal) -> RaceDays:
        return run_race_days(
            source,
            portal if config.fetch else None,
            days,
            families,
            raw.raw_zone,
            postgres.engine,
            postgres.ledger,
            lambda: datetime.now(UTC),
            in_flight=portals.in_flight,
            run_id=context.run.run_id,
            on_progress=context.log.info,
        )

    with infrastructure_retried(), portals.open(postgres.engine) as sources, ThreadPoolExecutor() as threads:
        for one in threads.map(run, *zip(*sources, strict=True)):
            report.add(one)
    failures = _distinct(report.failures)
    leave_to_ledger(context, failures)
    if failures and not report.loaded and not report.unchanged:
        raise permanent_failure(context, failures)
    with postgres.engine.connect() as connection:
        counts = queries.row_counts(connection, days)
        races = queries.races_by_date(connection, days[0]) if len(days) == 1 else []
    rows = "dagster/partition_row_count" if len(days) == 1 else "rows_in_range"
    for family in families:
        yield MaterializeResult(
            asset_key=_key(family),
            metadata={
                rows: counts[family],
                **_race_table(family, races),
                **_told(report, family),
                "portals": f"{portals.kra_url}, {portals.kspo_url}",
            },
        )
    mine = _distinct(outcome.error for outcome in report.outcomes if outcome.error and outcome.family in families)
    if mine and Family.RACES not in families:
        # The check that fails the run for what is owed hangs on `races`, which is not made here.
        raise permanent_failure(context, mine)


def _distinct(failures: Iterable[SourceError]) -> list[SourceError]:
    """One of each document and field: in a range, one document can be owed for every date."""
    return list({(one.source, one.document, one.field): one for one in failures}.values())


def _told(report: RaceDays, family: Family) -> dict[str, Any]:
    """What a run came to, for its family."""
    mine = [outcome for outcome in report.outcomes if outcome.family is family]
    failures = _distinct(outcome.error for outcome in mine if outcome.error is not None)
    return {
        "rows_written": sum(getattr(meeting, family) for meeting in report.loaded),
        "meetings_written": len(report.loaded),
        "meetings_unchanged": report.unchanged,
        "documents_asked": report.requests,
        **({"verdicts": MetadataValue.md(_verdicts(mine))} if mine else {}),
        **(
            {"failures": MetadataValue.md(failure_list(failures[:NAMED])), "failed_documents": len(failures)}
            if failures
            else {}
        ),
    }


def _verdicts(outcomes: list[Outcome]) -> str:
    """Outcomes as a Markdown table: verdict, documents by service."""
    by_verdict: dict[str, set[str]] = defaultdict(set)
    for outcome in outcomes:
        by_verdict[outcome.verdict].add(outcome.document)
    rows = []
    for verdict, names in by_verdict.items():
        services = Counter(name.partition("/")[0] for name in names)
        told = ", ".join(f"{count} {service}" for service, count in sorted(services.items()))
        rows.append(f"| {verdict} | {len(names)} | {told} |")
    return "\n".join(["| verdict | documents | by service |", "| --- | --- | --- |", *rows])


def _race_table(family: Family, races: list[queries.RaceSummary]) -> dict[str, Any]:
    """The day's races as a table, in Korean time."""
    if family not in (Family.RACES, Family.RESULTS) or not races:
        return {}
    records = [
        TableRecord(
            {
                "race": race.race_id,
                "track": race.track,
                "post_time": f"{race.post_time.astimezone(KST):%H:%M}" if race.post_time else "",
                "status": race.status,
                "runners": race.runners,
                "winner": race.winner or "",
                "final_win_odds": race.win_odds,
            }
        )
        for race in races
    ]
    return {"race_card": MetadataValue.table(records)}


@asset(
    key=_key("form"),
    deps=[_key("entries"), _key("results")],
    partitions_def=partitions.race_date,
    backfill_policy=BackfillPolicy.single_run(),
    group_name=GROUP,
    owners=OWNERS,
    tags=TAGS,
    kinds={"postgres", "sql"},
    code_version=CODE_VERSION,
    metadata={
        "partition_expr": "race_date",
        "dagster/column_schema": table_schema(tables.tables["form"]),
        "dagster/table_name": "form",
    },
)
def form(context: AssetExecutionContext, postgres: Postgres) -> MaterializeResult[None]:
    """Win rates of the day's runners and jockeys over the 365 days before it: what was known that morning."""
    days = [date.fromisoformat(key) for key in context.partition_keys]
    with infrastructure_retried():
        rows = refresh_form(postgres.engine, days)
    return MaterializeResult(
        metadata={"dagster/partition_row_count" if len(days) == 1 else "rows_in_range": rows, "rows_written": rows}
    )


ASSETS = [tracks, racing_tables, form]
