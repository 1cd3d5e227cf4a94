"""The football assets as Dagster runs them: the same code location as in production, on real servers."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    ExecuteInProcessResult,
    MetadataValue,
)

from fotmate_assets.core.object_store import S3Store
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.definitions import build_defs
from fotmate_assets.embedded.sample import fbref, metrica
from fotmate_assets.embedded.sample.openfootball import SampleFixture, write_season
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.embedded.upstream import Fault, Upstream
from fotmate_assets.football.resources import FootballProviders
from fotmate_assets.football.tables import match_events
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.football.league import KEY, row_versions

TABLES = ("teams", "players", "matches", "lineups", "match_events", "match_player_stats", "id_mappings")
BROKEN = "events/9001002.json"


@dataclass
class House:
    """The code location of one test: its own database, buckets and Dagster instance."""

    instance: DagsterInstance
    database: Database
    lake: S3Store
    raw: S3Store
    overrides: dict[str, Any]

    def run(self, job: str, key: str | None = None, only: str | None = None, **config: Any) -> ExecuteInProcessResult:
        """Run a job, or one asset of it; a failed run is returned, not raised."""
        definition = build_defs(**self.overrides).resolve_job_def(job)
        return definition.execute_in_process(
            instance=self.instance,
            partition_key=key,
            raise_on_error=False,
            asset_selection=[AssetKey(["football", only])] if only else None,
            run_config=config or None,
        )

    def season(self, key: str = KEY) -> ExecuteInProcessResult:
        """The catalogue, then the season."""
        assert self.run("football_catalogue").success
        return self.run("football_season", key)


@pytest.fixture(scope="module")
def houses(stack: Stack, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Makes houses whose sources are those given; each has servers' space of its own."""
    patch, opened = pytest.MonkeyPatch(), ExitStack()
    opened.callback(patch.undo)

    def make(name: str, **sources: Any) -> House:
        database = opened.enter_context(fresh_database(stack, _template))
        endpoint = stack.environment()["FOTMATE_S3_ENDPOINT_URL"]
        buckets = [S3Store(f"s3://{name}-{kind}-{database.name[5:13]}", endpoint) for kind in ("raw", "lake")]
        for bucket in buckets:
            bucket.ensure_bucket()
        raw, lake = buckets
        house = House(DagsterInstance.ephemeral(), database, lake, raw, {})
        house.overrides["providers"] = FootballProviders(requests_per_s=1000, attempts=1, **sources)
        patch.setenv("FOTMATE_DATABASE_URL", database.writer_url)
        patch.setenv("FOTMATE_S3_ENDPOINT_URL", endpoint)
        patch.setenv("FOTMATE_RAW_URL", raw.url)
        patch.setenv("FOTMATE_LAKE_URL", lake.url)
        return house

    with opened:
        yield make


def metadata_of(result: ExecuteInProcessResult, name: str) -> dict[str, MetadataValue[Any]]:
    (materialization,) = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.materialization.asset_key == AssetKey(["football", name])
    ]
    return dict(materialization.metadata)


def checks_of(result: ExecuteInProcessResult) -> dict[str, AssetCheckEvaluation]:
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def errors_of(result: ExecuteInProcessResult) -> dict[str, str | None]:
    """Failed checks of severity ERROR, with what they say."""
    return {
        name: each.description
        for name, each in checks_of(result).items()
        if not each.passed and each.severity is AssetCheckSeverity.ERROR
    }


@dataclass
class Loaded:
    """The season, materialized twice."""

    house: House
    first: ExecuteInProcessResult
    second: ExecuteInProcessResult
    rows_between: dict[str, set[tuple[str, str]]]
    object_between: Any
    documents: int


@pytest.fixture(scope="module")
def twice(houses: Any, season_folder: Path) -> Loaded:
    house = houses("twice", statsbomb_source=str(season_folder))
    first = house.season()
    rows = row_versions(house.database.engine)
    key = f"football/events_lake/season_key={KEY}/part.parquet"
    written = house.lake.client.head_object(Bucket=house.lake.bucket, Key=key)["LastModified"]
    second = house.season()
    return Loaded(house, first, second, rows, written, len(list(season_folder.glob("*/*.json"))) + 1)


def test_the_whole_season_is_materialized_and_every_check_passes(twice: Loaded) -> None:
    assert twice.first.success
    made = {event.materialization.asset_key.path[-1] for event in twice.first.get_asset_materialization_events()}
    assert made >= {*TABLES, "events_lake", *(f"{p}_raw" for p in ("statsbomb", "metrica", "fbref", "openfootball"))}
    evaluations = checks_of(twice.first)
    assert len(evaluations) == 10
    assert {name: each.description for name, each in evaluations.items() if not each.passed} == {}


def test_the_catalogue_registers_the_partition(twice: Loaded) -> None:
    assert twice.house.instance.get_dynamic_partitions("season") == [KEY]


@pytest.mark.parametrize("name", TABLES)
def test_row_counts_and_column_schema_are_told(twice: Loaded, name: str) -> None:
    metadata = metadata_of(twice.first, name)
    stored = twice.house.database.execute(f"select count(*) from {name}")[0][0]
    assert metadata["dagster/partition_row_count"].value == stored > 0  # type: ignore[operator]
    specs = {spec.key.path[-1]: spec for spec in build_defs().resolve_all_asset_specs()}
    schema = specs[name].metadata["dagster/column_schema"]
    columns = twice.house.database.execute(
        "select column_name from information_schema.columns where table_name = :name order by ordinal_position",
        name=name,
    )
    assert [column.name for column in schema.columns] == [row[0] for row in columns]
    assert all(column.description for column in schema.columns)
    assert specs[name].owners
    assert specs[name].description


def test_the_top_scorers_are_a_table(twice: Loaded) -> None:
    records = metadata_of(twice.first, "match_player_stats")["top_scorers"].value
    goals = twice.house.database.execute("select sum(goals) from match_player_stats")[0][0]
    rows = [record.data for record in records.records]
    assert set(rows[0]) == {"player", "team", "matches", "goals", "xg", "assists"}
    assert [row["goals"] for row in rows] == sorted((row["goals"] for row in rows), reverse=True)
    assert sum(row["goals"] for row in rows) == goals
    assert len(rows) == 10


@pytest.mark.parametrize("picture", ["shot_map", "xg_race"])
def test_pictures_decode(twice: Loaded, picture: str) -> None:
    from matplotlib.image import imread

    markdown = metadata_of(twice.first, "match_events")[picture].value
    found = re.fullmatch(r"!\[[\w ]+\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", str(markdown))
    assert found is not None
    png = base64.b64decode(found[1])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    pixels = imread(io.BytesIO(png), format="png")
    assert pixels.shape[0] > 100
    assert pixels.shape[1] > 300
    assert pixels.std() > 0.01, "an empty picture"


def test_the_lake_holds_the_events_of_the_table(twice: Loaded) -> None:
    uri = metadata_of(twice.first, "events_lake")["dagster/uri"].value
    frame = pl.read_parquet(str(uri), storage_options=twice.house.lake.polars_options)
    stored = twice.house.database.execute(
        "select match_id, event_index, event_type, x_m::float8 from match_events order by match_id, event_index"
    )
    assert frame.select("match_id", "event_index", "event_type", pl.col("x_m").cast(pl.Float32)).rows() == [
        (*row[:3], None if row[3] is None else float(np.float32(str(row[3])))) for row in stored
    ]
    assert set(frame.columns) >= set(match_events.columns.keys()) - {"season_key"}
    assert metadata_of(twice.first, "events_lake")["dagster/partition_row_count"].value == len(stored)


def test_a_second_materialization_changes_no_row_and_no_object(twice: Loaded) -> None:
    assert twice.second.success
    assert row_versions(twice.house.database.engine) == twice.rows_between
    key = f"football/events_lake/season_key={KEY}/part.parquet"
    head = twice.house.lake.client.head_object(Bucket=twice.house.lake.bucket, Key=key)
    assert head["LastModified"] == twice.object_between
    metadata = metadata_of(twice.second, "matches")
    assert (metadata["matches_loaded"].value, metadata["matches_unchanged"].value) == (0, 4)
    raw = metadata_of(twice.second, "statsbomb_raw")
    assert raw["documents_changed"].value == 0
    assert metadata_of(twice.second, "events_lake")["dagster/partition_row_count"].value > 0
    assert set(metadata_of(twice.second, "match_events")) >= {"shot_map", "xg_race"}


def test_documents_are_in_the_raw_zone_and_counted(twice: Loaded) -> None:
    metadata = metadata_of(twice.first, "statsbomb_raw")
    assert metadata["documents_changed"].value == 9 == metadata["dagster/partition_row_count"].value
    manifest = RawZone(twice.house.raw).manifest("statsbomb", KEY)
    assert len(manifest.documents) == 9


@pytest.mark.parametrize("name", ["metrica", "fbref", "openfootball"])
def test_a_provider_without_a_source_is_told_to_be_off(twice: Loaded, name: str) -> None:
    metadata = metadata_of(twice.first, f"{name}_raw")
    assert metadata["verdict"].value == "empty_expected"
    assert metadata["why"].value == f"{name} has no source configured"
    assert twice.house.database.execute("select from ingestion_jobs where source = :name", name=name) == []


def test_attempts_carry_the_run(twice: Loaded) -> None:
    runs = {row[0] for row in twice.house.database.execute("select run_id from ingestion_jobs")}
    assert {twice.first.run_id, twice.second.run_id} <= runs


def test_something_owed_fails_the_run_and_the_lake_is_written_all_the_same(
    houses: Any, season_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(season_folder, folder)
    (folder / BROKEN).write_bytes((folder / BROKEN).read_bytes()[:-100])
    house = houses("owed", statsbomb_source=str(folder))
    result = house.season()
    assert not result.success
    assert list(errors_of(result)) == ["nothing_owed"]
    said = errors_of(result)["nothing_owed"]
    assert said is not None
    assert said.startswith(f"{BROKEN} : statsbomb: not whole JSON")
    assert checks_of(result)["nothing_owed"].blocking
    written = metadata_of(result, "events_lake")["dagster/partition_row_count"].value
    assert written == house.database.execute("select count(*) from match_events")[0][0] > 0
    assert metadata_of(result, "matches")["matches_loaded"].value == 3
    assert BROKEN in str(metadata_of(result, "matches")["failures"].value)

    (folder / BROKEN).write_bytes((season_folder / BROKEN).read_bytes())
    again = house.season()
    assert again.success
    assert metadata_of(again, "events_lake")["dagster/partition_row_count"].value > written


def test_one_match_alone_is_materialized(houses: Any, season_folder: Path) -> None:
    house = houses("single", statsbomb_source=str(season_folder))
    assert house.run("football_catalogue").success
    one = {"config": {"provider": "statsbomb", "match_id": "9001003"}}
    raw_ops = {f"football__{name}_raw": one for name in ("statsbomb", "metrica", "fbref", "openfootball")}
    result = house.run("football_season", KEY, ops={**raw_ops, "football_season_tables": one})
    assert result.success
    assert house.database.execute("select provider_match_id from matches") == [("9001003",)]
    assert metadata_of(result, "statsbomb_raw")["documents_changed"].value == 3


@pytest.mark.parametrize(
    ("status", "verdict"), [(401, "auth"), (403, "blocked"), (429, "quota")], ids=["auth", "blocked", "quota"]
)
def test_a_refusing_source_fails_for_good_and_nobody_but_the_ledger_retries_it(
    houses: Any, season_folder: Path, status: int, verdict: str
) -> None:
    with Upstream(season_folder) as upstream:
        house = houses(f"refused{status}", statsbomb_source=upstream.url)
        assert house.run("football_catalogue").success
        upstream.fail("*/matches/*", Fault.status(status), times=9)
        result = house.run("football_season", KEY)
    assert not result.success
    assert len(upstream.injected) == 1, "asked again after it refused"
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_key == "football__statsbomb_raw"
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    assert failure.metadata["verdict"].value == verdict
    assert f"HTTP {status} from {upstream.url}/matches/9001/901.json" in str(failure.description)
    run = house.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    owed = house.database.execute(
        "select source, job, partition_key, document, verdict, run_id, next_retry_at is not null "
        "from ingestion_failures"
    )
    job, document = "football/statsbomb_raw", "matches/9001/901.json"
    assert owed == [("statsbomb", job, KEY, document, verdict, result.run_id, status == 429)]
    assert house.database.execute("select from matches") == []


def test_a_source_that_refuses_halfway_loads_what_it_gave_and_is_not_asked_again(
    houses: Any, season_folder: Path
) -> None:
    with Upstream(season_folder) as upstream:
        house = houses("halfway", statsbomb_source=upstream.url)
        assert house.run("football_catalogue").success
        upstream.fail("*/lineups/9001003.json", Fault.status(403), times=9)
        result = house.run("football_season", KEY)
        asked = [request.path for request in upstream.requests]
    assert not result.success
    assert list(errors_of(result)) == ["nothing_owed"]
    assert len(asked) == len(set(asked))
    assert house.database.execute("select count(*) > 0 from matches") == [(True,)]
    run = house.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["dagster/retry_on_asset_or_op_failure"] == "false"


def test_a_catalogue_that_is_refused_fails_for_good(houses: Any, season_folder: Path) -> None:
    with Upstream(season_folder) as upstream:
        house = houses("catalogue", statsbomb_source=upstream.url)
        upstream.fail("*/competitions.json", Fault.status(403), times=9)
        result = house.run("football_catalogue")
    assert not result.success
    run = house.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    assert house.instance.get_dynamic_partitions("season") == []
    assert house.database.execute("select job, verdict from ingestion_failures") == [
        ("football/season_catalogue", "blocked")
    ]


def test_metrica_games_load_through_the_same_job(houses: Any, season_folder: Path, tmp_path: Path) -> None:
    metrica.write_games(tmp_path)
    house = houses("metrica", statsbomb_source=str(season_folder), metrica_source=str(tmp_path))
    assert house.run("football_catalogue").success
    (key,) = [key for key in house.instance.get_dynamic_partitions("season") if key != KEY]
    result = house.run("football_season", key)
    assert errors_of(result) == {}
    assert result.success
    rows = house.database.execute("select provider, event_count > 100, home_score is not null from matches")
    assert rows == [("metrica", True, True)] * 2
    assert metadata_of(result, "statsbomb_raw")["why"].value == f"statsbomb does not offer {key}"
    assert set(metadata_of(result, "match_events")) >= {"shot_map", "xg_race"}


def test_fbref_pages_load_through_the_same_job(houses: Any, season_folder: Path, tmp_path: Path) -> None:
    key = "sample-league_2025-2026"
    pages = fbref.sample_pages()
    (tmp_path / key).mkdir()
    for name, content in pages.items():
        folder, _, file = name.rpartition("/")
        if folder or name == "schedule.html":
            (tmp_path / key / (f"match_{file}" if folder else file)).write_bytes(content)
    house = houses("fbref", statsbomb_source=str(season_folder), fbref_source=str(tmp_path))
    result = house.season(key)
    assert errors_of(result) == {}
    assert result.success
    rows = house.database.execute(
        "select status, count(*), sum(event_count) > 0 from matches where provider = 'fbref' group by 1 order by 1"
    )
    assert rows == [("played", 3, True)], "FBref gives a match its id when it is played"


def test_openfootball_fixtures_load_through_the_same_job(houses: Any, season_folder: Path, tmp_path: Path) -> None:
    fixtures = [
        SampleFixture(1, date(2025, 8, 16), "Ærøhavn Simulerede", "Borgø Sample Rovers", (2, 1)),
        SampleFixture(2, date(2999, 8, 23), "Borgø Sample Rovers", "Ærøhavn Simulerede", None),
    ]
    write_season(tmp_path, "Simulated League 2025/26", fixtures)
    house = houses("openfootball", statsbomb_source=str(season_folder), openfootball_source=str(tmp_path))
    result = house.season("simulated-league_2025-2026")
    assert errors_of(result) == {}
    assert result.success
    assert house.database.execute("select match_id, status, home_score from matches order by 1") == [
        ("simulated-league_2025-2026_1_001", "played", 2),
        ("simulated-league_2025-2026_2_001", "scheduled", None),
    ]
    assert metadata_of(result, "events_lake")["dagster/partition_row_count"].value == 0
    assert "shot_map" not in metadata_of(result, "match_events")
