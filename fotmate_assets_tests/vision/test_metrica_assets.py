"""Metrica's tracking through the same assets as videos: dropped into `videos/`, read, stored, judged, and known by
our players where these are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from dagster import ExecuteInProcessResult

from fotmate_assets.core.object_store import S3Store
from fotmate_assets.embedded.sample import metrica_tracking
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.vision.queries import metrics_of_match
from fotmate_assets.vision.resources import VideoAnalysis
from fotmate_assets.vision.trajectories import read_metadata, read_trajectories
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.vision.house import House, metadata_of, open_house

SECONDS = 20
ROWS = {"csv": ("home.csv", "away.csv"), "epts": ("txt", "xml")}
"""How each kind of files is named in `videos/`."""


@dataclass(frozen=True)
class Ran:
    """A first run on each kind of files, matches `csv` and `epts`."""

    house: House
    results: dict[str, ExecuteInProcessResult]

    def rows(self, match_id: str) -> pl.DataFrame:
        """What lies in the bucket."""
        return read_trajectories(self.house.store.get(f"tracking/{match_id}/trajectories.parquet"))


def known(database: Database, entity_type: str, provider_id: str, internal_id: str) -> None:
    """Somebody has told whose a name of Metrica's is."""
    database.execute(
        "insert into id_mappings (entity_type, provider, provider_id, internal_id, method, confidence, provenance)"
        " values (:entity_type, 'metrica', :provider_id, :internal_id, 'manual', 1, 'test')",
        entity_type=entity_type,
        provider_id=provider_id,
        internal_id=internal_id,
    )


def drop(house: House, match_id: str, files: tuple[Path, Path], kind: str) -> None:
    """Put a match's files into the bucket."""
    for file, ending in zip(files, ROWS[kind], strict=True):
        house.store.put_file(f"videos/{match_id}.{ending}", file)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("metrica")
    return {
        "csv": metrica_tracking.write_csv_pair(folder, seconds=SECONDS),
        "epts": metrica_tracking.write_epts(folder, seconds=SECONDS),
    }


@pytest.fixture(scope="module")
def ran(
    stack: Stack, _template: str, files: dict[str, tuple[Path, Path]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ran]:
    store = S3Store("s3://vision-metrica", stack.environment()["FOTMATE_S3_ENDPOINT_URL"])
    store.ensure_bucket()
    with (
        fresh_database(stack, _template) as database,
        open_house(database, store, tmp_path_factory.mktemp("work")) as house,
    ):
        known(database, "match", "Sample_Game_1", "csv")
        known(database, "player", "Sample_Game_1:Player11", "our-keeper")
        known(database, "player", "Sample_Game_2:Player10", "of-another-match")
        known(database, "player", "P12", "our-substitute")
        results = {}
        for kind, pair in files.items():
            drop(house, kind, pair, kind)
            results[kind] = house.run(kind)
        yield Ran(house, results)


@pytest.mark.parametrize("kind", ["csv", "epts"])
def test_dropped_files_become_trajectories_and_a_row_that_says_where(ran: Ran, kind: str) -> None:
    assert ran.results[kind].success
    rows, row = ran.rows(kind), ran.house.row(kind)
    assert row is not None
    assert (row.status, row.storage_path) == ("completed", f"tracking/{kind}/trajectories.parquet")
    assert (row.source, row.rows) == (f"videos/{kind}.{ROWS[kind][0]}", rows.height)
    frames = 2 * SECONDS * metrica_tracking.FPS
    assert (rows["frame"].n_unique(), row.quality["people_per_frame"]) == (frames, 22)
    assert rows.group_by("period").agg(pl.col("timestamp_ms").min())["timestamp_ms"].to_list() == [0, 0]
    assert rows["is_detected"].all()
    assert rows.select("confidence", "position_error_m", "box_x1").null_count().row(0) == (rows.height,) * 3
    meta = read_metadata(ran.house.store.get(str(row.storage_path)))
    assert (meta.source, meta.match_id, meta.orientation) == ("metrica", kind, "home_away")
    assert {each.name for each in meta.files} == {f"videos/{kind}.{ending}" for ending in ROWS[kind]}
    assert ran.house.owed() == []
    assert list((ran.house.folder / "matches").iterdir()) == []


@pytest.mark.parametrize("kind", ["csv", "epts"])
def test_every_check_passes(ran: Ran, kind: str) -> None:
    evaluations = ran.results[kind].get_asset_check_evaluations()
    assert len(evaluations) == 9
    assert [(one.check_name, one.description) for one in evaluations if not one.passed] == []


@pytest.mark.parametrize("kind", ["csv", "epts"])
def test_the_page_has_the_pitch_and_no_frame(ran: Ran, kind: str) -> None:
    told = metadata_of(ran.results[kind], "trajectories")
    assert (told["source"].value, told["outcome"].value) == ("metrica", "computed")
    assert "annotated_frame" not in told
    assert "detector" not in told
    for name in ("trails", "heat_map"):
        assert str(told[name].value).startswith(f"![{name} of {kind}](data:image/png;base64,")


@pytest.mark.parametrize("kind", ["csv", "epts"])
def test_everybody_who_played_has_metrics(ran: Ran, kind: str) -> None:
    with ran.house.database.engine.connect() as connection:
        metrics = metrics_of_match(connection, kind)
    assert sorted(metrics["team"]) == ["away"] * 12 + ["home"] * 12
    whole = metrics.filter(pl.col("minutes_observed") > 0.6)
    assert whole["minutes_observed"].to_list() == pytest.approx([2 * SECONDS / 60] * whole.height, abs=0.01)
    assert whole.height == 20
    assert metrics["is_plausible"].all()


def test_players_are_ours_where_their_names_are_known_and_nobodys_elsewhere(ran: Ran) -> None:
    """Game 1 and 2 number their players alike: `Player10` of another match is nobody of this one."""
    for kind, of_ours in (("csv", {"our-keeper"}), ("epts", {"our-substitute"})):
        rows = ran.rows(kind)
        assert set(rows["player_id"].drop_nulls()) == of_ours
        with ran.house.database.engine.connect() as connection:
            metrics = metrics_of_match(connection, kind)
        assert set(metrics["player_id"].drop_nulls()) == of_ours
    assert ran.rows("csv").filter(pl.col("player_id") == "our-keeper")["track_id"].unique().to_list() == [1]
    substitute = ran.rows("epts").filter(pl.col("player_id") == "our-substitute")
    assert substitute["frame"].min() == 1.5 * SECONDS * metrica_tracking.FPS


@pytest.mark.parametrize("kind", ["csv", "epts"])
def test_a_second_run_changes_nothing_and_one_that_knows_more_players_does(ran: Ran, kind: str) -> None:
    again = ran.house.run(kind)
    before, after = (metadata_of(result, "trajectories") for result in (ran.results[kind], again))
    assert after["outcome"].value == "unchanged"
    for name in ("sha256", "trails", "heat_map"):
        assert after[name] == before[name]
    name = {"csv": "Sample_Game_1:Player9", "epts": "P9"}[kind]
    known(ran.house.database, "player", name, "our-number-9")
    try:
        assert metadata_of(ran.house.run(kind), "trajectories")["outcome"].value == "computed"
        assert "our-number-9" in set(ran.rows(kind)["player_id"])
    finally:
        ran.house.database.execute("delete from id_mappings where internal_id = 'our-number-9'")
        ran.house.run(kind)


@pytest.mark.parametrize(
    ("kind", "ending", "old", "new", "document", "field", "reason"),
    [
        ("csv", "away.csv", "\n1,3,", "\n1,3,NaN,", "away.csv", "line 6", "fields instead of"),
        ("csv", "home.csv", "\n1,3,0.12", "\n1,3,soon", "home.csv", "line 6 Time", "no number"),
        ("csv", "away.csv", ",,,Away", ",,,Home", "away.csv", "line 1", "the other team's file"),
        ("epts", "txt", "\n3:", "\nx:", "txt", "line 3", "'x' is no frame"),
        ("epts", "txt", "\n3:0", "\n3:zero", "txt", "line 3 ", "no number"),
        ("epts", "xml", "<FrameRate>25<", "<FrameRate>0<", "xml", "", "FrameRate"),
    ],
)
def test_half_that_cannot_be_read_is_owed_by_the_name_it_has_in_the_bucket(
    house: House,
    files: dict[str, tuple[Path, Path]],
    kind: str,
    ending: str,
    old: str,
    new: str,
    document: str,
    field: str,
    reason: str,
) -> None:
    drop(house, "m", files[kind], kind)
    key = f"videos/m.{ending}"
    whole = house.store.get(key).decode()
    assert old in whole
    house.store.put(key, whole.replace(old, new, 1).encode())
    result = house.run("m")
    assert not result.success
    ((job, partition, owed_document, owed_field, owed_reason, verdict),) = house.database.execute(
        "select job, partition_key, document, field, reason, verdict from ingestion_failures"
    )
    assert (job, partition, owed_document, verdict) == (
        "vision/trajectories",
        "m",
        f"videos/m.{document}",
        "malformed",
    )
    assert str(owed_field or "").startswith(field)
    assert reason in f"{owed_field}: {owed_reason}"
    row = house.row("m")
    assert row is not None and row.error is not None
    assert (row.status, f"videos/m.{document}" in row.error) == ("failed", True)
    assert str(house.folder) not in row.error
    assert not house.store.exists("tracking/m/trajectories.parquet")
    house.store.put(key, whole.encode())
    assert house.run("m").success
    assert house.owed() == []


def test_two_matches_in_one_pair_are_named_by_their_names_in_the_bucket(
    house: House, files: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    other = metrica_tracking.write_csv_pair(tmp_path, seconds=SECONDS, seed=1)
    drop(house, "m", (files["csv"][0], other[1]), "csv")
    assert not house.run("m").success
    row = house.row("m")
    assert row is not None and row.error is not None
    assert "videos/m.away.csv field line 4 Ball" in row.error
    assert "in m.home.csv: two matches?" in row.error


def test_half_a_pair_waits_for_the_other(house: House, files: dict[str, tuple[Path, Path]]) -> None:
    house.store.put_file("videos/m.home.csv", files["csv"][0])
    assert not house.run("m").success
    assert house.owed() == [("vision/trajectories", "m", "videos/m.away.csv", "empty_unexpected")]
    house.store.put_file("videos/m.away.csv", files["csv"][1])
    assert house.run("m").success
    assert house.owed() == []


def test_centimetres_are_a_setting(house: House, files: dict[str, tuple[Path, Path]]) -> None:
    drop(house, "m", files["csv"], "csv")
    assert house.run("m").success
    metres = house.store.get("tracking/m/trajectories.parquet")
    house.overrides["analysis"] = VideoAnalysis(folder=str(house.folder), encoding="centimetre")
    house.__dict__.pop("definitions")
    result = house.run("m")
    assert result.success
    assert [one.check_name for one in result.get_asset_check_evaluations() if not one.passed] == []
    centimetres = house.store.get("tracking/m/trajectories.parquet")
    assert (read_metadata(metres).encoding, read_metadata(centimetres).encoding) == ("float32", "centimetre")
    assert len(centimetres) < 0.7 * len(metres)
    one, other = read_trajectories(metres), read_trajectories(centimetres)
    for axis in ("x_m", "y_m"):
        assert (one[axis] - other[axis]).abs().max() == pytest.approx(0.005, abs=0.0002)
    assert one.drop("x_m", "y_m").equals(other.drop("x_m", "y_m"))


REAL = {
    "csv": ("metrica_home.csv", "metrica_away.csv"),
    "codeball": ("codeball_tracking.txt", "codeball_metadata.xml"),
    "epts": ("epts_metrica_tracking.txt", "epts_metrica_metadata.xml"),
}


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "rows", "frames", "players", "note", "failing"),
    [
        ("csv", 135, 6, set(), "", {}),
        (
            "codeball",
            45_474,
            2000,
            {"our-player"},
            "100 frames between 2001 and 2100 are left out",
            {"speeds_human": "1 of 23 tracks are faster than 12 m/s over 0.4 s; the fastest 12.8"},
        ),
        ("epts", 2000, 100, set(), "", {}),
    ],
)
def test_real_files_are_stored_and_judged(
    house: House,
    real_data: Path,
    name: str,
    rows: int,
    frames: int,
    players: set[str],
    note: str,
    failing: dict[str, str],
) -> None:
    """Player 3593 of codeball's match moves 4.8 m within 0.24 s: the provider's slip, rightly told."""
    kind = "csv" if name == "csv" else "epts"
    known(house.database, "player", "P3578", "our-player")
    first, second = (real_data / "metrica/partial" / each for each in REAL[name])
    drop(house, "m", (first, second), kind)
    result = house.run("m")
    assert result.success
    stored = read_trajectories(house.store.get("tracking/m/trajectories.parquet"))
    assert (stored.height, stored["frame"].n_unique()) == (rows, frames)
    assert set(stored["player_id"].drop_nulls()) == players
    assert note in str(metadata_of(result, "trajectories").get("notes", ""))
    evaluations = result.get_asset_check_evaluations()
    assert len(evaluations) == 9
    failed = {one.check_name: str(one.description) for one in evaluations if not one.passed}
    assert failed.keys() == failing.keys()
    assert all(failing[check] in failed[check] for check in failed)
    with house.database.engine.connect() as connection:
        metrics = metrics_of_match(connection, "m")
    assert metrics.height == stored.filter(pl.col("object_type") != "ball")["track_id"].n_unique()
    assert set(metrics["player_id"].drop_nulls()) == players
