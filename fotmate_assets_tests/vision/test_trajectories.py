"""A trajectories file keeps every row, reads back in part, refuses what does not fit, and is small."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from fotmate_assets.vision.model import Orientation, Period, Pitch
from fotmate_assets.vision.trajectories import (
    COLUMNS,
    METADATA_KEY,
    Encoding,
    FileMetadata,
    SourceFile,
    TrackName,
    polars_schema,
    read_metadata,
    read_trajectories,
    write_trajectories,
)

FPS = 5
HALF_MS = 30 * 60_000
META = FileMetadata(
    match_id="match-1",
    fps=FPS,
    frames=12_000,
    periods=(Period(1, 0, 5999), Period(2, 6000, 11_999)),
    source="video",
    files=(SourceFile("match-1.mp4", "ab" * 32),),
    code_version="1.2.3",
    pitch=Pitch(104.5, 67.5),
    orientation=Orientation.AWAY_HOME,
    first_frame=450,
    stride=2,
    tracks=(TrackName(1, "P1", "김민재", 3), TrackName(3, "P7", "Player 7")),
    notes=("2 frames are left out",),
    calibration={"pieces": [0, 10], "homography": [[1.5, 0.0], [0.25, 1.0]]},
    detector="background 1",
    tracker="cbiou 2.6.1",
    simulated=True,
)


def match(tracks: int = 4, seed: int = 0) -> pl.DataFrame:
    """Two halves of thirty minutes; the ball is the last track; track 2 comes late; boxes here and there."""
    random = np.random.default_rng(seed)
    times = np.arange(0, HALF_MS, 1000 // FPS)
    frames = len(times)
    n = 2 * frames * tracks
    track = np.tile(np.arange(1, tracks + 1), 2 * frames)
    walk = random.normal(0, 0.05, (2, 2 * frames, tracks)).cumsum(axis=1)
    rows = pl.DataFrame(
        {
            "match_id": ["match-1"] * n,
            "period": np.repeat([1, 2], frames * tracks),
            "frame": np.repeat(np.arange(2 * frames), tracks),
            "timestamp_ms": np.repeat(np.tile(times, 2), tracks),
            "track_id": track,
            "object_type": np.where(track == tracks, "ball", "player"),
            "team": [None if number == tracks else "home" for number in track],
            "player_id": [None if number == 3 else f"p{number}" for number in track],
            "x_m": walk[0].ravel(),
            "y_m": walk[1].ravel(),
            "confidence": [
                None if unseen else value for unseen, value in zip(track == 1, random.random(n), strict=True)
            ],
            "is_detected": track != 1,
            "position_error_m": np.where(track == 2, 0.25, 0.5),
            **{
                name: [None if number == 1 else 17 for number in track]
                for name in ("box_x1", "box_y1", "box_x2", "box_y2")
            },
        },
        schema=polars_schema(),
        strict=False,
    )
    return rows.filter((pl.col("track_id") != 2) | (pl.col("frame") > 700))


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return match()


def written(folder: Path, rows: pl.DataFrame, encoding: Encoding = "float32", name: str = "t.parquet") -> Path:
    path = folder / name
    write_trajectories(path, rows, META, encoding)
    return path


def in_parts(rows: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    for start in range(0, rows.height, size):
        yield rows[start : start + size]


def test_every_row_comes_back_as_it_was_written(tmp_path: Path, rows: pl.DataFrame) -> None:
    path = written(tmp_path, rows.sample(fraction=1, shuffle=True, seed=1))
    assert_frame_equal(read_trajectories(path), rows, check_exact=True)


def test_centimetres_come_back_as_metres_within_half_a_centimetre(tmp_path: Path, rows: pl.DataFrame) -> None:
    back = read_trajectories(written(tmp_path, rows, "centimetre"))
    assert back.schema == pl.Schema(polars_schema())
    for name, tolerance in (("x_m", 0.00501), ("y_m", 0.00501), ("position_error_m", 0.00501), ("confidence", 0.00501)):
        assert (back[name] - rows[name]).abs().max() <= tolerance  # type: ignore[operator]
    assert (back["x_m"] - rows["x_m"]).abs().max() > 0.004  # type: ignore[operator]
    assert back["confidence"].n_unique() <= 102  # hundredths, and null
    exact = [column.name for column in COLUMNS if column.type != "float32"]
    assert_frame_equal(back.select(exact), rows.select(exact))
    assert back["confidence"].null_count() == rows["confidence"].null_count() > 0


def test_the_metadata_comes_back(tmp_path: Path, rows: pl.DataFrame) -> None:
    assert read_metadata(written(tmp_path, rows)) == META
    assert read_metadata(written(tmp_path, rows, "centimetre")) == replace(META, encoding="centimetre")


def test_metadata_of_another_version_is_refused(tmp_path: Path, rows: pl.DataFrame) -> None:
    table = pq.read_table(written(tmp_path, rows))
    document = pq.read_metadata(tmp_path / "t.parquet").metadata[METADATA_KEY.encode()]
    newer = document.replace(b'"version": 1', b'"version": 2')
    assert newer != document
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: newer}), tmp_path / "newer.parquet")
    with pytest.raises(ValueError, match="version 2"):
        read_metadata(tmp_path / "newer.parquet")
    with pytest.raises(ValueError, match="version 2"):
        read_trajectories(tmp_path / "newer.parquet")


def test_other_files_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match=METADATA_KEY):
        read_metadata(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="Parquet"):
        read_metadata(b"no parquet at all")


@pytest.mark.parametrize("encoding", ["float32", "centimetre"])
def test_the_same_rows_give_the_same_bytes_however_they_are_handed_over(
    tmp_path: Path, rows: pl.DataFrame, encoding: Encoding
) -> None:
    ways: list[Any] = [rows, rows.reverse(), in_parts(rows, 1000), in_parts(rows, 7777)]
    hashes = set()
    for number, way in enumerate(ways):
        write_trajectories(tmp_path / f"{number}.parquet", way, META, encoding)
        hashes.add(hashlib.sha256((tmp_path / f"{number}.parquet").read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_a_part_is_read_from_path_bytes_and_file(tmp_path: Path, rows: pl.DataFrame) -> None:
    path = written(tmp_path, rows, "centimetre")
    expected = read_trajectories(path).filter(
        (pl.col("track_id") == 2) & (pl.col("period") == 2) & pl.col("timestamp_ms").is_between(60_000, 119_999)
    )
    assert expected.height == 60 * FPS
    content = path.read_bytes()
    for source in (path, str(path), content, io.BytesIO(content), path.open("rb")):
        part = read_trajectories(source, track=2, period=2, from_ms=60_000, to_ms=120_000)
        assert_frame_equal(part, expected)
        assert read_metadata(source).match_id == "match-1"
        assert read_trajectories(source, columns=["frame", "y_m"]).columns == ["frame", "y_m"]


def test_an_offset_of_zero_milliseconds_is_a_bound(tmp_path: Path, rows: pl.DataFrame) -> None:
    path = written(tmp_path, rows)
    assert read_trajectories(path, to_ms=0).is_empty()
    assert read_trajectories(path, period=2, from_ms=0, to_ms=1)["frame"].unique().to_list() == [HALF_MS * FPS // 1000]


def test_a_row_group_is_one_track_in_one_block_of_one_period(tmp_path: Path, rows: pl.DataFrame) -> None:
    """So that one track reads one group of each block, and a minute the groups of one block."""
    path = written(tmp_path, rows)
    file = pq.ParquetFile(path)
    groups = []
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        columns = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
        bounds = [
            (columns[name].statistics.min, columns[name].statistics.max)
            for name in ("track_id", "period", "timestamp_ms")
        ]
        groups.append(bounds)
        for low, high in bounds[:2]:
            assert low == high
    # two halves of a block of 25 minutes and one of 5
    assert [track for (track, _), _, _ in groups] == [1, 2, 3, 4] * 4
    assert {(low, high) for _, _, (low, high) in groups if low > 0} == {
        (25 * 60_000, HALF_MS - 200),
        (140_200, 25 * 60_000 - 200),  # track 2 comes late
    }


@pytest.mark.parametrize("encoding", ["float32", "centimetre"])
def test_other_readers_read_the_file(tmp_path: Path, rows: pl.DataFrame, encoding: Encoding) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: uv sync --group bench")
    path = written(tmp_path, rows, encoding)
    ours = read_trajectories(path, track=3)
    bare = pl.read_parquet(path).filter(pl.col("track_id") == 3)
    frame = pandas.read_parquet(path)
    frame = frame[frame.track_id == 3]
    assert len(frame) == bare.height == ours.height
    assert frame.frame.tolist() == bare["frame"].to_list() == ours["frame"].to_list()
    assert (frame.match_id == "match-1").all()
    assert frame.player_id.isna().all()
    name, scale = ("x_m", 1) if encoding == "float32" else ("x_cm", 100)
    np.testing.assert_allclose(frame[name].to_numpy() / scale, ours["x_m"].to_numpy(), rtol=1e-6)
    np.testing.assert_allclose(bare[name].to_numpy() / scale, ours["x_m"].to_numpy(), rtol=1e-6)


def broken(rows: pl.DataFrame, at: int, name: str, value: object) -> pl.DataFrame:
    kind = rows.schema[name]
    is_row = pl.int_range(pl.len()) == at
    return rows.with_columns(pl.when(is_row).then(pl.lit(value, dtype=kind)).otherwise(pl.col(name)).alias(name))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("x_m", float("nan"), "not finite"),
        ("y_m", float("inf"), "not finite"),
        ("y_m", None, "null"),
        ("confidence", float("nan"), "not finite"),
        ("confidence", 1.5, "out of range"),
        ("position_error_m", -1.0, "out of range"),
        ("match_id", "match-2", "match-1"),
        ("period", 0, "out of range"),
        ("period", 6, "out of range"),
        ("frame", -1, "out of range"),
        ("track_id", 0, "out of range"),
        ("object_type", "dog", "not allowed"),
        ("team", "Home", "not allowed"),
        ("timestamp_ms", None, "null"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_row_and_column(
    tmp_path: Path, rows: pl.DataFrame, name: str, value: object, reason: str
) -> None:
    spoilt = broken(rows[:100], 17, name, value)
    with pytest.raises(ValueError, match=rf"^row 17 column {name}: .*{reason}"):
        write_trajectories(tmp_path / "t.parquet", iter([spoilt]), META)
    with pytest.raises(ValueError, match=rf"^row 57 column {name}: .*{reason}"):
        write_trajectories(tmp_path / "t.parquet", iter([rows[100:140], broken(rows[140:200], 17, name, value)]), META)
    assert not list(tmp_path.iterdir())


def test_what_int16_centimetres_cannot_hold_is_refused(tmp_path: Path, rows: pl.DataFrame) -> None:
    far = broken(rows[:50], 3, "x_m", -327.7)
    with pytest.raises(ValueError, match=r"row 3 column x_m: -327\.7.* int16"):
        write_trajectories(tmp_path / "t.parquet", [far], META, "centimetre")
    write_trajectories(tmp_path / "t.parquet", [far], META, "float32")
    write_trajectories(tmp_path / "t.parquet", [broken(rows[:50], 3, "x_m", -327.6)], META, "centimetre")
    assert read_trajectories(tmp_path / "t.parquet")["x_m"].min() == pytest.approx(-327.6)


def test_a_track_twice_in_a_frame_is_refused(tmp_path: Path, rows: pl.DataFrame) -> None:
    twice = pl.concat([rows[:30], rows[8:9]])
    with pytest.raises(ValueError, match="row 30 column track_id: track 4 is twice in frame 2"):
        write_trajectories(tmp_path / "t.parquet", iter([twice]), META)


def test_a_frame_that_goes_back_is_refused(tmp_path: Path, rows: pl.DataFrame) -> None:
    later, earlier = rows.filter(pl.col("period") == 2), rows.filter(pl.col("period") == 1)
    with pytest.raises(ValueError, match=f"row {later.height} column frame: 0 is not after frame 17999"):
        write_trajectories(tmp_path / "t.parquet", iter([later, earlier]), META)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows.drop("team"), "column team: missing"),
        (lambda rows: rows.with_columns(z_m=0), "column z_m: not in the schema"),
        (lambda rows: rows.with_columns(pl.col("x_m").cast(pl.Float64)), "column x_m: Float64 instead of Float32"),
    ],
)
def test_other_columns_are_refused(tmp_path: Path, rows: pl.DataFrame, change: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        write_trajectories(tmp_path / "t.parquet", change(rows[:10]), META)


def test_a_file_without_rows_can_be_written_and_read(tmp_path: Path, rows: pl.DataFrame) -> None:
    for nothing in (rows[:0], iter(())):
        write_trajectories(tmp_path / "t.parquet", nothing, META)
        assert_frame_equal(read_trajectories(tmp_path / "t.parquet"), rows[:0])


def test_a_failed_write_leaves_the_file_that_was_there(tmp_path: Path, rows: pl.DataFrame) -> None:
    path = written(tmp_path, rows)
    before = path.read_bytes()

    def dying() -> Iterator[pl.DataFrame]:
        yield rows.filter(pl.col("period") == 1)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        write_trajectories(path, dying(), META)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["t.parquet"]


def test_files_are_small(tmp_path: Path) -> None:
    """Frames, times, ids and names take next to nothing; the walk and the white confidences take the rest."""
    walk = match(tracks=6).with_columns(confidence=pl.lit(None, dtype=pl.Float32), box_x1=None, box_x2=None)
    walk = walk.with_columns(pl.col("box_x1", "box_x2").cast(pl.Int16))
    per_row = {
        encoding: written(tmp_path, walk, encoding).stat().st_size / walk.height
        for encoding in ("float32", "centimetre")
    }
    walk.write_parquet(tmp_path / "polars.parquet")
    assert per_row["float32"] < 8.2
    assert per_row["centimetre"] < 2.6
    assert (tmp_path / "polars.parquet").stat().st_size / walk.height > 1.2 * per_row["float32"]
