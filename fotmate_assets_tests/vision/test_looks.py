"""What a run tells: pictures of the very file that is stored, and why one could not be drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dagster import MetadataValue

from fotmate_assets.core.object_store import LocalStore, StoredObject
from fotmate_assets.core.pictures import as_markdown
from fotmate_assets.embedded.sample.clip import Clip
from fotmate_assets.vision.arrivals import Arrival, Kind
from fotmate_assets.vision.calibration import read_calibration
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.looks import PICTURES, trajectories_told
from fotmate_assets.vision.pictures import annotated_frame, heat_map, trails
from fotmate_assets.vision.produce import Produced
from fotmate_assets.vision.quality import quality_of
from fotmate_assets.vision.trajectories import read_metadata, read_trajectories, write_trajectories
from fotmate_assets_tests.vision.test_quality import META, row, rows_of

Tell = Callable[..., dict[str, Any]]


@pytest.fixture
def produced(short_clip: Clip, tmp_path: Path) -> Produced:
    """Of 75 frames of two people."""
    file = tmp_path / "file.parquet"
    rows = [row(frame, track, x=2.0 * track, box_x2=40, box_y2=90) for frame in range(75) for track in (1, 2)]
    write_trajectories(file, rows_of(rows), replace(META, frames=75))
    parts = {"video": short_clip.video, "sidecar": short_clip.sidecar}
    objects = {name: StoredObject(f"videos/m{path.suffix}", "1", path.stat().st_size) for name, path in parts.items()}
    return Produced(
        match_id="m",
        rows=150,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        size_bytes=file.stat().st_size,
        quality=quality_of(file).figures,
        outcome="computed",
        seconds=1.5,
        file=file,
        parts=parts,
        arrival=Arrival("m", Kind.VIDEO, objects),
    )


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    store = LocalStore((tmp_path / "tracking").as_uri())
    return lambda produced, **seen: trajectories_told(store, produced, seen)


def test_a_run_tells_how_long_it_took_and_how_fast_it_was(produced: Produced, tell: Tell) -> None:
    told = tell(produced)
    assert (told["seconds"], told["frames_per_s"]) == (1.5, 66.7)
    assert "frames_per_s" not in tell(replace(produced, outcome="uploaded"))


def test_pictures_are_those_of_the_whole_match(produced: Produced, tell: Tell) -> None:
    rows, meta = read_trajectories(produced.file), read_metadata(produced.file)
    _sidecar, calibration = read_calibration(produced.document("sidecar"))
    with open_video(produced.parts["video"]) as video:
        _number, image = next(video.images([37]))
    of_frame = rows.filter(pl.col("frame") == 37)
    drawn = {
        "annotated_frame": annotated_frame(image, of_frame, calibration, "m, frame 37", False),
        "trails": trails(rows, meta.pitch, "m", False),
        "heat_map": heat_map(rows, meta.pitch, "m", False),
    }
    told = tell(produced)
    assert drawn.keys() == set(PICTURES)
    for name, picture in drawn.items():
        assert told[name].value == as_markdown(picture, f"{name} of m")
    assert "picture_error" not in told


def test_a_picture_that_cannot_be_drawn_is_told_and_the_rest_goes_on(
    produced: Produced, tell: Tell, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    told = tell(replace(produced, parts={**produced.parts, "video": broken}))
    assert "annotated_frame" not in told
    assert told["picture_error"].startswith("annotated_frame: SourceError: ")
    assert "broken.mp4" in told["picture_error"]
    assert "\n" not in told["picture_error"]
    assert told["trails"].value == tell(produced)["trails"].value
    assert {"heat_map", "sha256", "on_pitch"} <= told.keys()


def test_the_last_pictures_are_kept_where_they_are_of_this_file(produced: Produced, tell: Tell) -> None:
    last: dict[str, Any] = {name: MetadataValue.md("drawn before") for name in PICTURES}
    same = replace(produced, outcome="unchanged")

    def kept(of: Produced, **seen: Any) -> set[str]:
        return {name for name, value in tell(of, **seen).items() if value == last.get(name)}

    of_this = last | {"sha256": MetadataValue.text(produced.sha256)}
    assert kept(same, **of_this) == set(PICTURES)
    assert kept(same, **last | {"sha256": MetadataValue.text("0" * 64)}) == set()
    assert kept(same, **last) == set()
    assert kept(produced, **of_this) == set()
    without = {name: value for name, value in of_this.items() if name != "annotated_frame"}
    assert kept(same, **without) == set()
    assert "annotated_frame" in tell(same, **without)


def test_a_file_without_rows_has_pictures_of_nobody(produced: Produced, tell: Tell) -> None:
    write_trajectories(produced.file, rows_of([]), replace(META, frames=75))
    told = tell(replace(produced, rows=0, quality=quality_of(produced.file).figures))
    assert set(PICTURES) <= told.keys()
