"""`fotmate vision` and `fotmate ingest video` as a user runs them: from a video to trajectories in the bucket."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from fotmate_assets.core.object_store import S3Store
from fotmate_assets.embedded import stack
from fotmate_assets.embedded.sample.clip import Clip
from fotmate_assets.settings import Settings
from fotmate_assets.vision.trajectories import read_metadata
from fotmate_assets_tests.test_cli import Shell


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("cli")
    made = Shell(folder / ".fotmate", folder)
    yield made
    stack.down(made.home)


@pytest.fixture
def bucket_of_home(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """The tracking bucket of the shell's home, whose servers run then."""
    environment = stack.up(shell.home).environment()
    for name, value in environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return S3Store("s3://tracking-data", environment["FOTMATE_S3_ENDPOINT_URL"])


def test_a_video_is_calibrated_from_a_draft_to_a_picture(short_clip: Clip, tmp_path: Path) -> None:
    """No server is needed for it."""
    shell = Shell(tmp_path / "home", tmp_path)
    video, sidecar = tmp_path / "final.mp4", tmp_path / "final.json"
    shutil.copy(short_clip.video, video)
    drafted = shell.run("vision", "calibrate", str(video))
    assert drafted.returncode == 0, drafted.stderr
    assert f"wrote {sidecar}, a draft" in drafted.stdout.replace("\n", " ").replace("  ", " ")
    assert [each["pixel"] for each in json.loads(sidecar.read_bytes())["landmarks"][:2]] == [None, None]
    grid = cv2.imread(str(tmp_path / "final.grid.png"))
    assert grid is not None and grid.shape[1] >= 640

    refused = shell.run("vision", "calibrate", str(video))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "final.json" in refused.stderr and "landmarks[0].pixel" in refused.stderr
    assert not (tmp_path / "final.calibration.png").exists()

    shutil.copy(short_clip.sidecar, sidecar)
    drawn = shell.run("vision", "calibrate", str(video), "--frame", "74", "--picture", str(tmp_path / "look.png"))
    assert drawn.returncode == 0, drawn.stderr
    told = re.search(r"reprojection error (\d+\.\d+) px", drawn.stdout)
    assert told is not None and float(told[1]) < 2
    picture = cv2.imread(str(tmp_path / "look.png"))
    assert picture is not None and picture.shape[1] >= 1280

    beyond = shell.run("vision", "calibrate", str(video), "--frame", "75")
    assert (beyond.returncode, beyond.stdout) == (1, "")
    assert "has frames 0 to 74, not 75" in beyond.stderr.replace("\n", " ")
    assert not shell.home.exists(), "it starts no servers"


def test_four_landmarks_are_not_said_to_fit_without_error(short_clip: Clip, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home", tmp_path)
    told = json.loads(short_clip.sidecar.read_bytes())
    told["landmarks"] = told["landmarks"][:4]
    sidecar = tmp_path / "four.json"
    sidecar.write_text(json.dumps(told))
    done = shell.run("vision", "calibrate", str(short_clip.video), "--sidecar", str(sidecar), "--picture", "look.png")
    assert done.returncode == 0, done.stderr
    assert "reprojection error cannot be told from four landmarks" in done.stdout.replace("\n", " ")


def test_a_calibration_of_a_picture_of_another_size_is_not_drawn(short_clip: Clip, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home", tmp_path)
    told = json.loads(short_clip.sidecar.read_bytes())
    del told["region"]
    for landmark in told["landmarks"]:
        landmark["pixel"] = [3 * each for each in landmark["pixel"]]
    sidecar = tmp_path / "large.json"
    sidecar.write_text(json.dumps(told))
    done = shell.run("vision", "calibrate", str(short_clip.video), "--sidecar", str(sidecar), "--picture", "look.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert "large.json" in done.stderr and "is the calibration of another size?" in done.stderr.replace("\n", " ")
    assert not (tmp_path / "look.png").exists()


def test_a_file_that_is_no_video_cannot_be_calibrated(tmp_path: Path) -> None:
    (tmp_path / "final.mp4").write_bytes(b"no video")
    done = Shell(tmp_path / "home", tmp_path).run("vision", "calibrate", str(tmp_path / "final.mp4"))
    assert done.returncode == 1
    assert "final.mp4" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["final.mp4"]


def test_from_a_video_on_disk_to_trajectories_in_the_bucket(
    shell: Shell, short_clip: Clip, bucket_of_home: S3Store, tmp_path: Path
) -> None:
    first = shell.run("vision", "upload", "cup_1", str(short_clip.video))
    assert first.returncode == 0, first.stderr
    assert "it waits for videos/cup_1.json" in first.stderr
    second = shell.run("vision", "upload", "cup_1", str(short_clip.sidecar))
    assert second.returncode == 0, second.stderr
    assert "waits for" not in second.stderr
    assert "s3://tracking-data/videos/cup_1.json" in second.stdout.replace("\n", "")
    assert bucket_of_home.get("videos/cup_1.mp4") == short_clip.video.read_bytes()

    done = shell.run("ingest", "video", "cup_1", "--stride", "2")
    assert done.returncode == 0, done.stderr
    assert re.match(r"run_id: [0-9a-f-]{36}\n", done.stdout)
    assert done.stdout.rstrip().endswith("done")
    assert re.search(r"\[1/1\] frames 0 to 74: \d+\.\d people a frame", done.stderr)
    ((status, storage_path, rows, is_simulated),) = shell.rows(
        "select status, storage_path, rows, is_simulated from tracking_files where match_id = 'cup_1'"
    )
    assert (status, storage_path, is_simulated) == ("completed", "tracking/cup_1/trajectories.parquet", True)
    assert f"vision/trajectories: {rows} rows" in done.stdout
    meta = read_metadata(bucket_of_home.get(str(storage_path)))
    assert (meta.match_id, meta.stride, meta.frames) == ("cup_1", 2, 75)
    ((people,),) = shell.rows("select count(*) from player_metrics where match_id = 'cup_1'")
    assert int(str(people)) > 10
    assert [path for path in (shell.home / "vision").rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("bucket_of_home")
@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("vision", "upload", "../cup", "{video}"), "'../cup' is not a match id"),
        (("vision", "upload", "cup_2", "{video}", "{stray}"), "holiday.jpg is neither a video nor a part of one"),
        (("vision", "upload", "cup_2", "{video}", "{other}"), "are both .mp4 of cup_2: which is to be taken?"),
        (("ingest", "video", "cup.2"), "'cup.2' is not a match id"),
    ],
)
def test_a_wrong_match_or_file_is_one_clear_line(
    shell: Shell, short_clip: Clip, bucket_of_home: S3Store, tmp_path: Path, command: tuple[str, ...], message: str
) -> None:
    stray, other = tmp_path / "holiday.jpg", tmp_path / "other.mp4"
    stray.write_bytes(b"a beach")
    other.write_bytes(b"a match")
    done = shell.run(*(part.format(video=short_clip.video, stray=stray, other=other) for part in command))
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert [key for key in bucket_of_home.keys("videos/") if "cup_1" not in key] == []


def test_a_second_video_of_a_match_is_told_when_it_is_uploaded(
    shell: Shell, bucket_of_home: S3Store, tmp_path: Path
) -> None:
    for name in ("one.mp4", "two.mkv"):
        (tmp_path / name).write_bytes(b"a match")
    done = shell.run("vision", "upload", "cup_4", str(tmp_path / "one.mp4"), str(tmp_path / "two.mkv"))
    assert done.returncode == 0, done.stderr
    assert "both videos/cup_4.mkv and videos/cup_4.mp4 are there" in done.stderr.replace("\n", " ")
    assert "waits for" not in done.stderr
    for ending in ("mp4", "mkv"):
        bucket_of_home.delete(f"videos/cup_4.{ending}")


def test_every_setting_of_the_wing_reaches_the_production_like_stack() -> None:
    compose = (Path(__file__).parents[2] / "docker-compose.yml").read_text("utf-8")
    passed = re.findall(r"^    (FOTMATE_VISION_\w+): ", compose, re.MULTILINE)
    names = [f"FOTMATE_{name.upper()}" for name in Settings.model_fields if name.startswith("vision_")]
    assert sorted(passed) == sorted(names)


def test_a_match_that_nothing_arrived_of_fails_and_says_where_it_looked(shell: Shell, bucket_of_home: S3Store) -> None:
    done = shell.run("ingest", "video", "cup_3")
    assert done.returncode == 1
    assert "nothing of it is in s3://tracking-data/videos/" in done.stderr.replace("\n", "")
    assert done.stdout.rstrip().endswith("failed")
    assert "Traceback" not in done.stderr
    assert shell.rows("select verdict from ingestion_failures where partition_key = 'cup_3'") == [("empty_unexpected",)]
