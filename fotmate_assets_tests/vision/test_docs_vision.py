"""What docs/vision.md tells a user to write, name, type and read is what the code understands."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer

from fotmate_assets.cli import app
from fotmate_assets.core.model import RawDocument
from fotmate_assets.core.object_store import S3Store, StoredObject
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.settings import Settings
from fotmate_assets.vision import findings, quality
from fotmate_assets.vision.arrivals import CONTAINERS, FOLDER, Kind, arrivals
from fotmate_assets.vision.calibration import read_calibration
from fotmate_assets.vision.checks import CHECKS
from fotmate_assets.vision.model import FASTEST_M_S, Between, Period, storage_path
from fotmate_assets.vision.trajectories import FileMetadata, SourceFile, polars_schema, write_trajectories

TEXT = (Path(__file__).parent.parent.parent / "docs" / "vision.md").read_text("utf-8")
MATCH = "2025-2026_1_001"


def blocks(language: str) -> list[str]:
    """The code of the document in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def row(name: str) -> str:
    """The line of a table that begins with `name`."""
    return next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}`"))


def document(content: str) -> RawDocument:
    return RawDocument("docs", "vision.md", content.encode(), "docs/vision.md", datetime.now(UTC))


def test_the_calibrations_shown_are_read_and_fit() -> None:
    (static, calibration), (moved, _) = (read_calibration(document(block)) for block in blocks("json"))
    assert len(static.keyframes[0].landmarks) == 6
    assert calibration.reprojection_error_px is not None and calibration.reprojection_error_px < 2
    assert static.periods == (Period(1, 0, 67_499), Period(2, 90_000))
    assert not static.simulated
    assert [frame.frame for frame in moved.keyframes] == [0, 45_000]
    assert moved.between is Between.HOLD


def test_the_names_shown_are_those_that_arrive() -> None:
    table = [line for line in TEXT.splitlines() if line.startswith(f"| `{MATCH}.")]
    cells = [line.split("|") for line in table]
    columns = [re.findall(r"`([^`]+)`", " ".join(column)) for column in zip(*cells, strict=True)]
    found = [arrivals(StoredObject(FOLDER + name, "v1", 1) for name in names) for names in columns if names]
    assert [each.matches[MATCH].kind for each in found] == [Kind.VIDEO, Kind.METRICA_CSV, Kind.METRICA_EPTS]
    assert not any(each.strays or each.matches[MATCH].missing for each in found)
    assert set(re.findall(r"\.(\w+)", table[0].split("|")[1])) == set(CONTAINERS)


def test_the_commands_shown_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    lines += re.findall(r"`(fotmate [^`]+)`", TEXT)
    for words in (shlex.split(line, comments=True) for line in lines):
        assert words[0] == "fotmate"
        for name in words[1:]:
            if re.search(r"\.(mp4|json|csv|txt|xml)$", name):
                Path(name).touch()
        parse(words[1:])
    assert len(lines) > 8


def parse(words: list[str]) -> None:
    """Parse a command's words, running nothing. Raises for what it does not know."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, list(words))


def test_every_check_is_named_with_its_bound() -> None:
    section = TEXT.partition("## Checks")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == {
        key.name for each in CHECKS for key in each.check_keys
    }
    for name, bounds in {
        "frames_complete": [f"{findings.FRAMES_WITH_ROWS:.0%}"],
        "speeds_human": [f"{FASTEST_M_S:g} m/s", f"{quality.SPEED_OVER_MS / 1000:g} s"],
        "people_on_the_pitch": [f"{findings.ON_PITCH:.0%}", f"{quality.BESIDE_THE_PITCH_M:g} m"],
        "people_per_frame": [f"{findings.IN_BAND:.0%}", f"{quality.FEWEST_PEOPLE} to {quality.MOST_PEOPLE}"],
        "camera_stands_still": [f"{findings.SHIFT_PX:g} px"],
        "camera_calibrated": [f"{findings.REPROJECTION_PX:g} px"],
    }.items():
        for bound in bounds:
            assert bound.replace("%", " %") in row(name)


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"FOTMATE_([A-Z0-9_]+)", TEXT))
    assert named <= {name.upper() for name in Settings.model_fields}
    assert {name.upper() for name in Settings.model_fields if name.startswith("vision_")} <= named


@pytest.fixture
def trajectories(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tracks for two minutes where the document reads."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    store = S3Store("s3://tracking-data", stack.environment()["FOTMATE_S3_ENDPOINT_URL"])
    store.ensure_bucket()
    rows = pl.DataFrame(
        [
            {"frame": frame, "timestamp_ms": frame * 1000, "track_id": track, "x_m": frame / 10, "y_m": float(track)}
            for frame in range(120)
            for track in (7, 8)
        ]
    ).with_columns(match_id=pl.lit(MATCH), period=1, object_type=pl.lit("player"), is_detected=True)
    rows = rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in polars_schema().items()
    )
    files = (SourceFile(f"videos/{MATCH}.mp4", "0" * 64),)
    meta = FileMetadata(
        MATCH, fps=1, frames=120, periods=(Period(1, 0, 119),), source="video", files=files, code_version="1"
    )
    write_trajectories(tmp_path / "file.parquet", rows, meta)
    store.put_file(storage_path(MATCH), tmp_path / "file.parquet")


@pytest.mark.usefixtures("trajectories")
def test_the_code_that_reads_a_file_reads_it() -> None:
    (code,) = blocks("python")
    read: dict[str, Any] = {}
    exec(code, read)
    assert (read["one_track"].height, read["one_minute"].height) == (120, 120)
    assert read["in_pandas"].shape == (120, len(polars_schema()))
    assert read["in_metres"].equals(read["one_minute"].sort("frame", "track_id"))
    told = set(FileMetadata.__dataclass_fields__)
    assert told <= set(read["about"])
    paragraph = TEXT.partition("`about` is what")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", paragraph))
    assert told - named == {"match_id", "code_version", "first_frame"}


def test_links_lead_somewhere() -> None:
    folder = Path(__file__).parent.parent.parent / "docs"
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        path, _, anchor = target.partition("#")
        assert (folder / path).exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", (folder / path).read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target
