"""Each finding is found in a file that has it, and only there; the file itself is looked at, not what is said of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fotmate_assets.core.model import Finding
from fotmate_assets.core.object_store import LocalStore
from fotmate_assets.vision import findings, status
from fotmate_assets.vision.findings import stored
from fotmate_assets.vision.model import Period, storage_path
from fotmate_assets.vision.quality import quality_of
from fotmate_assets.vision.trajectories import FileMetadata, write_trajectories
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.vision.test_quality import META, row, rows_of

LOOKS = (
    findings.file_is_stored,
    findings.rows_unique,
    findings.frames_complete,
    findings.people_on_the_pitch,
    findings.speeds_human,
    findings.people_per_frame,
    findings.camera_calibrated,
    findings.camera_stands_still,
)

Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def sound() -> list[dict[str, Any]]:
    """A hundred frames of 22 people who stand still."""
    return [row(frame, track, x=2.0 * track - 20) for frame in range(100) for track in range(1, 23)]


class Shelf:
    """A folder as the bucket, and a database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.store = LocalStore((folder / "tracking").as_uri())

    def put(self, rows: list[dict[str, Any]], meta: FileMetadata = META) -> None:
        """Store rows as producing does."""
        file = self.folder / "file.parquet"
        write_trajectories(file, rows_of(rows), meta)
        self.store.put_file(storage_path("m"), file)
        quality = quality_of(file)
        status.completed(
            self.database.engine,
            "m",
            "videos/m.mp4",
            storage_path=storage_path("m"),
            source_sha256="0" * 64,
            fingerprint="f",
            is_simulated=False,
            rows=quality.rows,
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            quality=quality.figures,
        )

    def found(self) -> dict[str, Sequence[Finding]]:
        """What each look finds, where it finds anything."""
        with self.database.engine.connect() as connection:
            of = stored(connection, self.store, "m")
        return {look.__name__: found for look in LOOKS if (found := look(of, "m"))}


@pytest.fixture
def shelf(database: Database, tmp_path: Path) -> Iterator[Shelf]:
    yield Shelf(database, tmp_path)


def test_nothing_is_found_in_a_sound_file(shelf: Shelf) -> None:
    shelf.put(sound())
    assert shelf.found() == {}


@pytest.mark.parametrize(
    ("change", "look", "told"),
    [
        (
            lambda rows: [one for one in rows if one["frame"] % 10 != 3],
            "frames_complete",
            "90 frames have people, of 100 by rate and duration; the file has 1980 rows",
        ),
        (lambda rows: [one | {"x_m": one["x_m"] + 40} for one in rows], "people_on_the_pitch", "of the positions"),
        (
            lambda rows: [one | {"y_m": 6.0 * (one["frame"] > 50)} if one["track_id"] == 3 else one for one in rows],
            "speeds_human",
            "1 of 22 tracks are faster than 12 m/s over 0.4 s; the fastest 15.0",
        ),
        (lambda rows: [one for one in rows if one["track_id"] > 5], "people_per_frame", "0.0% of the frames"),
        (
            lambda rows: rows + [one | {"track_id": one["track_id"] + 100} for one in rows if one["track_id"] < 6],
            "people_per_frame",
            "the median of those with any is 27",
        ),
    ],
)
def test_what_is_wrong_with_the_rows_is_found_by_the_look_that_is_for_it(
    shelf: Shelf, change: Change, look: str, told: str
) -> None:
    shelf.put(change(sound()))
    found = shelf.found()
    assert list(found) == [look]
    assert told in found[look][0].message
    assert found[look][0].subject == "m"


def test_a_calibration_that_does_not_fit_its_landmarks_is_found(shelf: Shelf) -> None:
    shelf.put(sound(), replace(META, calibration={"reprojection_error_px": 5.2}))
    assert list(shelf.found()) == ["camera_calibrated"]


def test_a_calibration_that_cannot_be_checked_is_found_and_a_provider_has_none(shelf: Shelf) -> None:
    shelf.put(sound(), replace(META, calibration={"reprojection_error_px": None}))
    (finding,) = shelf.found()["camera_calibrated"]
    assert finding.message == "four landmarks fit by themselves: the calibration cannot be checked"
    shelf.put(sound(), replace(META, calibration=None, source="metrica"))
    assert shelf.found() == {}


@pytest.mark.parametrize("object_type", ["ball", "referee"])
def test_neither_the_ball_nor_an_official_makes_a_frame_complete(shelf: Shelf, object_type: str) -> None:
    rows = [one for one in sound() if one["frame"] >= 10]
    shelf.put([*rows, *(row(frame, 40, object_type=object_type) for frame in range(100))])
    found = shelf.found()
    assert list(found) == ["frames_complete"]
    assert found["frames_complete"][0].message.startswith("90 frames have people, of 100")


def test_frames_that_the_source_lost_are_found_by_its_clock(shelf: Shelf) -> None:
    shelf.put(sound(), replace(META, duration_s=4.2))
    assert shelf.found() == {}
    shelf.put(sound(), replace(META, duration_s=4.4))
    assert shelf.found()["frames_complete"][0].message.startswith("100 frames have people, of 110")


def test_more_frames_than_there_can_be_are_found(shelf: Shelf) -> None:
    shelf.put(sound(), replace(META, periods=(Period(1, 0, 89),)))
    assert shelf.found()["frames_complete"][0].message.startswith("100 frames have people, of 90")


def test_frames_with_nobody_have_too_few_people(shelf: Shelf) -> None:
    shelf.put([one for one in sound() if one["frame"] < 79])
    message = shelf.found()["people_per_frame"][0].message
    assert message == "79.0% of the frames have 18 to 26 people; the median of those with any is 22"


def test_a_camera_that_moves_under_its_calibration_is_found(shelf: Shelf) -> None:
    for shift, found in ((2.9, []), (3.1, ["camera_stands_still"]), (None, [])):
        shelf.put(sound(), replace(META, calibration={"reprojection_error_px": 1.0, "camera_shift_px": shift}))
        assert list(shelf.found()) == found


def test_a_file_that_another_wrote_is_found(shelf: Shelf) -> None:
    shelf.put(sound())
    file = shelf.folder / "file.parquet"
    write_trajectories(file, rows_of(sound()[:-22]), META)
    shelf.store.put_file(storage_path("m"), file)
    found = shelf.found()
    assert list(found) == ["file_is_stored"]
    assert {one.field for one in found["file_is_stored"]} == {"sha256", "rows"}


def test_repeated_rows_are_found_in_a_file_that_we_did_not_write(shelf: Shelf) -> None:
    shelf.put(sound())
    file = shelf.folder / "file.parquet"
    twice = pl.concat([pl.read_parquet(file), pl.read_parquet(file).head(7)])
    twice.write_parquet(file, metadata={k: v for k, v in pl.read_parquet_metadata(file).items() if k != "ARROW:schema"})
    shelf.store.put_file(storage_path("m"), file)
    assert shelf.found()["rows_unique"][0].message == "7 rows repeat the frame and track of another"


@pytest.mark.parametrize("content", [b"", b"no Parquet", None])
def test_a_file_that_is_gone_or_cannot_be_read_is_found_by_every_look(shelf: Shelf, content: bytes | None) -> None:
    shelf.put(sound())
    if content is None:
        shelf.store.delete(storage_path("m"))
    else:
        shelf.store.put(storage_path("m"), content)
    assert len(shelf.found()) == len(LOOKS)


def test_what_never_arrived_failed_or_is_in_work_is_found(shelf: Shelf) -> None:
    assert len(shelf.found()) == len(LOOKS)
    shelf.put(sound())
    status.failed(shelf.database.engine, "m", "videos/m.mp4", "the grass was too high")
    (finding,) = shelf.found()["file_is_stored"]
    assert (finding.field, finding.message) == ("status", "failed: the grass was too high")
    status.processing(shelf.database.engine, "m", "videos/m.mp4", "v2")
    assert shelf.found()["file_is_stored"][0].message == "processing"


def test_implausible_metrics_and_none_are_found(database: Database) -> None:
    def found() -> Sequence[Finding]:
        with database.engine.connect() as connection:
            return findings.metrics_plausible(connection, "m")

    assert [one.message for one in found()] == ["nobody has metrics"]
    database.execute("""
        insert into player_metrics (match_id, track_id, object_type, tracks, minutes_observed, distance_m,
            mean_speed_m_s, top_speed_m_s, sprints, sprint_distance_m, high_speed_runs, high_speed_distance_m,
            detected_share, is_plausible, is_simulated)
        select 'm', track, 'player', 1, 2, 600, 5, 12.5, 0, 0, 0, 0, 1, track <> 2, false
        from generate_series(1, 3) track
    """)
    (one,) = found()
    assert one.subject == "m track 2"
    assert one.message == "600 m in 2.0 minutes, 12.5 m/s at most"
