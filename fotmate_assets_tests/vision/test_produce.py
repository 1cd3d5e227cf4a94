"""The unit of work: whatever goes wrong is told and owed, what was computed is kept, and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.object_store import LocalStore, S3Store
from fotmate_assets.embedded.s3 import S3
from fotmate_assets.embedded.sample.clip import Clip
from fotmate_assets.vision.produce import Desk, produce, release
from fotmate_assets.vision.trajectories import read_metadata, read_trajectories
from fotmate_assets_tests.vision.house import House


class Killed(BaseException):
    """The process dies."""


@pytest.fixture
def own_s3(tmp_path: Path) -> Iterator[tuple[S3, S3Store]]:
    """An S3 server that may be killed, and a bucket on it."""
    keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    server = S3(tmp_path / "s3", tmp_path / "s3.log", 0, *keys)
    server.start()
    store = S3Store("s3://tracking", f"http://127.0.0.1:{server.port}", 3)
    store.ensure_bucket()
    yield server, store
    server.stop()


def test_a_video_becomes_trajectories_where_storage_path_says(house: House, short_clip: Clip) -> None:
    house.upload("m_1", short_clip)
    lines: list[str] = []
    produced = produce(house.desk(), "m_1", lines.append)
    assert produced.outcome == "computed"
    stored = house.store.get("tracking/m_1/trajectories.parquet")
    assert stored == produced.file.read_bytes()
    row = house.row("m_1")
    assert row is not None
    assert (row.status, row.storage_path, row.source) == (
        "completed",
        "tracking/m_1/trajectories.parquet",
        "videos/m_1.mp4",
    )
    assert (row.rows, row.sha256, row.is_simulated, row.error) == (produced.rows, produced.sha256, True, None)
    assert row.quality["frames"] == 75
    meta = read_metadata(stored)
    assert (meta.match_id, meta.fps, meta.frames, meta.simulated) == ("m_1", 25.0, 75, True)
    assert {each.name for each in meta.files} == {"videos/m_1.mp4", "videos/m_1.json"}
    assert meta.detector is not None and "background" in meta.detector
    assert meta.tracker is not None and "cbiou" in meta.tracker
    assert any(line.startswith("[1/1] frames 0 to 74") for line in lines)
    assert house.owed() == []
    release(house.desk(), "m_1")
    assert not (house.folder / "matches" / "m_1").exists()


def test_what_has_not_changed_is_left_as_it_is_and_what_has_is_made_anew(house: House, short_clip: Clip) -> None:
    house.upload("m", short_clip)
    first = produce(house.desk(), "m", print)
    release(house.desk(), "m")
    again = produce(house.desk(), "m", print)
    assert (again.outcome, again.sha256, again.rows) == ("unchanged", first.sha256, first.rows)
    assert again.file.read_bytes() == house.store.get("tracking/m/trajectories.parquet")

    house.store.put("tracking/m/trajectories.parquet", b"somebody else's")
    assert produce(house.desk(), "m", print).sha256 == first.sha256
    assert house.store.get("tracking/m/trajectories.parquet") == again.file.read_bytes()

    told = json.loads(house.store.get("videos/m.json"))
    house.store.put("videos/m.json", json.dumps(told | {"kits": {}}).encode())
    other = produce(house.desk(), "m", print)
    assert other.outcome == "computed"
    assert other.sha256 != first.sha256
    assert set(read_trajectories(other.file)["team"].drop_nulls()) == {"left", "right"}
    assert produce(house.desk(stride=2), "m", print).outcome == "computed"
    assert produce(replace(house.desk(), encoding="centimetre"), "m", print).outcome == "computed"


def test_a_run_that_died_is_continued_and_gives_the_same_file(house: House, short_clip: Clip) -> None:
    house.upload("m", short_clip)

    def dies(line: str) -> None:
        if line.startswith("following"):
            raise Killed

    with pytest.raises(Killed):
        produce(house.desk(), "m", dies)
    assert house.status("m") == "failed"
    lines: list[str] = []
    continued = produce(house.desk(), "m", lines.append)
    assert any("seen by an earlier run" in line for line in lines)
    assert not any("fetching" in line for line in lines)
    house.store.delete("tracking/m/trajectories.parquet")
    undisturbed = produce(replace(house.desk(), folder=house.folder / "elsewhere"), "m", print)
    assert undisturbed.outcome == "computed"
    assert undisturbed.sha256 == continued.sha256


def test_a_bucket_that_goes_down_costs_no_computation(
    house: House, short_clip: Clip, own_s3: tuple[S3, S3Store]
) -> None:
    server, store = own_s3
    house.store = store
    house.upload("m", short_clip)
    desk = house.desk()

    def killed_before_the_upload(line: str) -> None:
        if line.startswith("storing"):
            pid = server.pid()
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(SourceError, match="the bucket does not answer") as caught:
        produce(desk, "m", killed_before_the_upload)
    assert caught.value.verdict is Verdict.TRANSPORT
    assert house.status("m") == "failed"
    assert house.owed() == [("vision/trajectories", "m", "videos/m.mp4", "transport")]
    (kept,) = [path for path in (house.folder / "matches" / "m").iterdir() if path.suffix == ".parquet"]

    with pytest.raises(SourceError, match="the bucket does not answer"):
        produce(desk, "m", print)
    assert kept.exists()

    server.start()
    lines: list[str] = []
    produced = produce(
        replace(desk, store=replace(store, endpoint_url=f"http://127.0.0.1:{server.port}")), "m", lines.append
    )
    assert produced.outcome == "uploaded"
    assert not any(line.startswith("[") for line in lines)
    assert house.status("m") == "completed"
    assert house.owed() == []


def test_a_file_that_is_no_video_is_owed_and_named(house: House, short_clip: Clip) -> None:
    house.upload("m", short_clip)
    house.store.put("videos/m.mp4", b"\x00" * 5000)
    with pytest.raises(SourceError) as caught:
        produce(house.desk(), "m", print)
    assert (caught.value.verdict, caught.value.document) == (Verdict.MALFORMED, "videos/m.mp4")
    assert house.owed() == [("vision/trajectories", "m", "videos/m.mp4", "malformed")]
    row = house.row("m")
    assert row is not None and row.error is not None and "videos/m.mp4" in row.error
    house.upload("m", short_clip)
    produce(house.desk(), "m", print)
    assert house.owed() == []


def test_a_calibration_that_makes_no_sense_names_its_field(house: House, short_clip: Clip) -> None:
    house.upload("m", short_clip)
    told = json.loads(short_clip.sidecar.read_bytes())
    for wrong, field in (
        ({"landmarks": told["landmarks"][:3]}, "landmarks"),
        ({"region": [0, 0, 5000, 100]}, "5000"),
        ({"periods": [{"period": 1, "first_frame": 0, "last_frame": 75}]}, "0 to 75"),
    ):
        house.store.put("videos/m.json", json.dumps(told | wrong).encode())
        with pytest.raises(SourceError, match=field) as caught:
            produce(house.desk(), "m", print)
        assert (caught.value.verdict, caught.value.document) == (Verdict.MALFORMED, "videos/m.json")


def test_half_an_arrival_and_none_are_told(house: House, short_clip: Clip) -> None:
    with pytest.raises(SourceError, match="nothing of it is in"):
        produce(house.desk(), "m", print)
    house.store.put_file("videos/m.mp4", short_clip.video)
    house.store.put_file("videos/m.mkv.part", short_clip.video)
    with pytest.raises(SourceError, match=r"videos/m\.json") as caught:
        produce(house.desk(), "m", print)
    assert caught.value.verdict is Verdict.EMPTY_UNEXPECTED
    assert house.status("m") == "failed"


def test_trouble_of_this_machine_is_owed_and_not_blamed_on_the_video(house: House, short_clip: Clip) -> None:
    house.upload("m", short_clip)
    with pytest.raises(SourceError, match="FOTMATE_VISION_WEIGHTS") as caught:
        produce(house.desk(detector="onnx"), "m", print)
    assert caught.value.verdict is Verdict.TRANSPORT
    assert house.owed() == [("vision/trajectories", "m", "videos/m.mp4", "transport")]
    assert house.status("m") == "failed"
    house.folder.joinpath("matches").rename(house.folder / "set aside")
    house.folder.joinpath("matches").write_text("in the way")
    with pytest.raises(SourceError, match="Error"):
        produce(house.desk(), "m", print)
    assert [row[3] for row in house.owed()] == ["transport"]


def test_what_a_match_leaves_on_the_disk_is_its_present_version_and_nothing_of_what_is_no_video(
    house: House, short_clip: Clip
) -> None:
    house.upload("m", short_clip)

    def dies(line: str) -> None:
        if line.startswith("following"):
            raise Killed

    told = json.loads(short_clip.sidecar.read_bytes())
    for length in (105, 104):
        house.store.put("videos/m.json", json.dumps(told | {"pitch": {"length_m": length, "width_m": 68}}).encode())
        with pytest.raises(Killed):
            produce(house.desk(), "m", dies)
    place = house.folder / "matches" / "m"
    assert sorted(path.name for path in (place / "parts").rglob("m.*")) == ["m.json", "m.mp4"]
    house.store.put("videos/m.mp4", b"no video")
    with pytest.raises(SourceError, match=r"videos/m\.mp4"):
        produce(house.desk(), "m", print)
    assert not place.exists()


def test_no_match_reaches_the_weights(house: House) -> None:
    weights = house.folder / "weights" / "yolo.onnx"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"w")
    release(house.desk(), "weights")
    assert weights.exists()


def test_a_match_id_cannot_leave_its_folder(house: House) -> None:
    for match_id in ("../m", "a/b", "", "m.mp4", "-m"):
        with pytest.raises(ValueError, match="is not a match id"):
            produce(house.desk(), match_id, print)
        with pytest.raises(ValueError, match="is not a match id"):
            release(house.desk(), match_id)


def test_a_folder_serves_as_a_bucket(house: House, short_clip: Clip, tmp_path: Path) -> None:
    store = LocalStore((tmp_path / "tracking").as_uri())
    store.put_file("videos/m.mp4", short_clip.video)
    store.put_file("videos/m.json", short_clip.sidecar)
    desk: Desk = house.desk(store)
    assert produce(desk, "m", print).outcome == "computed"
    assert store.exists("tracking/m/trajectories.parquet")
