"""The vision assets as Dagster runs them: what they claim to find is measured against what is true of drawn clips.

Truth is what the clip was drawn from; the prediction is read back from the bucket. The two meet in the scorer only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from dagster import ExecuteInProcessResult

from fotmate_assets.core.object_store import S3Store
from fotmate_assets.embedded.sample.clip import Clip, write_clip
from fotmate_assets.embedded.sample.clip.motion import resampled
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.vision.queries import metrics_of_match, trajectories_of
from fotmate_assets.vision.trajectories import read_trajectories
from fotmate_assets_tests.databases import fresh_database
from fotmate_assets_tests.vision.house import House, metadata_of, open_house
from fotmate_assets_tests.vision.scoring import Score, score

WEIGHTS = "vision/weights/yolo26n_players_synthetic.onnx"


@dataclass(frozen=True)
class Ran:
    """A run on a clip."""

    house: House
    clip: Clip
    result: ExecuteInProcessResult

    @property
    def rows(self) -> pl.DataFrame:
        """What lies in the bucket."""
        return read_trajectories(self.house.store.get("tracking/clip/trajectories.parquet"))


def scored(clip: Clip, rows: pl.DataFrame) -> Score:
    """How good people's trajectories are."""
    people = rows.filter(pl.col("object_type") != "ball")
    truth = np.stack([clip.truth.x_m, clip.truth.y_m], axis=1)
    found = people.select("frame", "track_id", "x_m", "y_m")
    xy = found.select("x_m", "y_m").to_numpy()
    return score(
        clip.truth.frame, clip.truth.person, truth, found["frame"].to_numpy(), found["track_id"].to_numpy(), xy
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Twenty seconds of 1920 x 1080 at 25 frames a second."""
    return write_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def ran(stack: Stack, _template: str, clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    store = S3Store("s3://vision-assets", stack.environment()["FOTMATE_S3_ENDPOINT_URL"])
    store.ensure_bucket()
    with (
        fresh_database(stack, _template) as database,
        open_house(database, store, tmp_path_factory.mktemp("work")) as house,
    ):
        house.upload("clip", clip)
        yield Ran(house, clip, house.run("clip"))


def test_twenty_seconds_are_followed_by_the_background_detector(ran: Ran) -> None:
    assert ran.result.success
    found = scored(ran.clip, ran.rows)
    assert found.hota >= 0.85
    assert found.median_error_m <= 0.25


def beside_truth(ran: Ran) -> pl.DataFrame:
    """Each row of a person beside whom it is nearest to in its frame: `role`, `side`, and how far `off`, in metres."""
    truth = pl.DataFrame(
        {
            "frame": ran.clip.truth.frame,
            "role": ran.clip.truth.role.tolist(),
            "side": ran.clip.truth.team.tolist(),
            "true_x": ran.clip.truth.x_m,
            "true_y": ran.clip.truth.y_m,
        }
    ).with_columns(pl.col("frame").cast(pl.Int32))
    off = ((pl.col("x_m") - pl.col("true_x")) ** 2 + (pl.col("y_m") - pl.col("true_y")) ** 2).sqrt()
    return (
        ran.rows.filter(pl.col("object_type") != "ball")
        .join(truth, on="frame")
        .with_columns(off=off)
        .sort("off")
        .unique(["frame", "track_id"], keep="first", maintain_order=True)
    )


def number(value: object) -> float:
    return float(str(value))


def test_told_errors_are_of_the_size_of_those_that_are_made(ran: Ran) -> None:
    near = beside_truth(ran)
    made, told = (number((near[name] ** 2).mean()) ** 0.5 for name in ("off", "position_error_m"))
    assert 0.5 <= made / told <= 1.5


def test_sides_and_parts_are_those_of_the_kits(ran: Ran) -> None:
    near = beside_truth(ran)
    assert number(near.select((pl.col("object_type") == pl.col("role")).mean()).item()) >= 0.97
    assert number(near.select((pl.col("team").fill_null("") == pl.col("side")).mean()).item()) >= 0.97


def test_every_check_passes(ran: Ran) -> None:
    evaluations = ran.result.get_asset_check_evaluations()
    assert len(evaluations) == 9
    assert [one.check_name for one in evaluations if not one.passed] == []


def test_the_page_shows_pictures_quality_and_that_it_is_simulated(ran: Ran) -> None:
    told = metadata_of(ran.result, "trajectories")
    assert told["outcome"].value == "computed"
    assert told["storage_path"].value == "tracking/clip/trajectories.parquet"
    assert told["dagster/partition_row_count"].value == ran.rows.height
    assert told["simulated"].value is True
    assert number(told["on_pitch"].value) > 0.97
    for name in ("annotated_frame", "trails", "heat_map"):
        assert str(told[name].value).startswith(f"![{name} of clip](data:image/png;base64,")
    metrics = metadata_of(ran.result, "player_metrics")
    assert metrics["simulated"].value is True
    assert metrics["implausible"].value == 0


def test_metrics_are_those_of_the_truth(ran: Ran) -> None:
    with ran.house.database.engine.connect() as connection:
        metrics = metrics_of_match(connection, "clip")
    whole = metrics.filter(pl.col("minutes_observed") > 0.32)
    assert whole.height >= 20
    assert whole["is_simulated"].all()
    truth = pl.DataFrame({"person": ran.clip.truth.person, "x": ran.clip.truth.x_m, "y": ran.clip.truth.y_m})
    run = truth.group_by("person").agg(metres=(pl.col("x").diff() ** 2 + pl.col("y").diff() ** 2).sqrt().sum())
    assert number(whole["distance_m"].median()) == pytest.approx(number(run["metres"].median()), rel=0.1)
    assert number(whole["top_speed_m_s"].max()) < 10


def test_a_second_run_changes_nothing_and_keeps_the_pictures(ran: Ran) -> None:
    again = ran.house.run("clip")
    assert again.success
    before, after = (metadata_of(result, "trajectories") for result in (ran.result, again))
    assert after["outcome"].value == "unchanged"
    for name in ("sha256", "annotated_frame", "trails", "heat_map"):
        assert after[name] == before[name]
    assert list((ran.house.folder / "matches").iterdir()) == []


def test_analysts_read_a_track_and_a_minute_from_the_bucket(ran: Ran) -> None:
    one = trajectories_of(ran.house.store, "clip", track=1)
    assert set(one["track_id"]) == {1}
    some = trajectories_of(ran.house.store, "clip", from_ms=5000, to_ms=6000)
    assert some["frame"].unique().sort().to_list() == list(range(125, 150))


def test_a_failure_is_one_of_the_run_and_is_left_to_the_ledger(ran: Ran) -> None:
    ran.house.store.put("videos/broken.mp4", b"no video")
    ran.house.store.put_file("videos/broken.json", ran.clip.sidecar)
    result = ran.house.run("broken")
    assert not result.success
    run = ran.house.instance.get_run_by_id(result.run_id)
    assert run is not None and run.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    assert ran.house.status("broken") == "failed"
    assert [row[:3] for row in ran.house.owed()] == [("vision/trajectories", "broken", "videos/broken.mp4")]


@pytest.mark.real_data
def test_twenty_seconds_are_followed_by_the_fine_tuned_network(ran: Ran, real_data: Path) -> None:
    result = ran.house.run("clip", detector="onnx", weights=str(real_data / WEIGHTS))
    assert result.success
    assert metadata_of(result, "trajectories")["outcome"].value == "computed"
    found = scored(ran.clip, ran.rows)
    assert found.hota >= 0.92
    assert found.median_error_m <= 0.20


@pytest.mark.real_data
def test_real_runs_are_followed_by_the_background_detector(house: House, real_data: Path, tmp_path: Path) -> None:
    """Eight seconds of the first minute of a real match, drawn: real people bunch more than generated ones."""
    told = pl.read_parquet(real_data / "vision/hawkeye_2min_50hz.parquet").filter(
        (pl.col("minute") == 1) & (pl.col("t") - pl.col("t").min() < 8)
    )
    motion = resampled(told["t"], told["track_id"], told["role"].to_list(), told["x"], told["y"])
    drawn = write_clip(tmp_path / "drawn", motion=motion)
    house.upload("real_runs", drawn)
    assert house.run("real_runs").success
    rows = read_trajectories(house.store.get("tracking/real_runs/trajectories.parquet"))
    found = scored(drawn, rows)
    assert found.hota >= 0.85
    assert found.median_error_m <= 0.25
