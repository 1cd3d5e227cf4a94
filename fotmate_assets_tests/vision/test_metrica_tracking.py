"""Metrica's tracking becomes rows in metres, every position of it, and what is wrong is named with its line."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.embedded.sample import metrica_tracking as simulated
from fotmate_assets.vision.model import Orientation, Period, Pitch
from fotmate_assets.vision.sources.metrica import ProviderTracking, read_csv_pair, read_epts
from fotmate_assets.vision.trajectories import (
    FileMetadata,
    polars_schema,
    read_metadata,
    read_trajectories,
    write_trajectories,
)

SECONDS = 8
HALF = SECONDS * simulated.FPS
SUBSTITUTED = HALF + HALF // 2
"""Line from which the substitutes play."""

HOME = """,,,Home,,Home,,,
,,,11,,7,,,
Period,Frame,Time [s],Player11,,Player7,,Ball,
1,1,0.04,0.00000,0.50000,0.25,0.00,0.5,0.5
1,2,0.08,0.00100,0.50000,0.26,-0.01,NaN,NaN
2,5,0.2,1.00000,0.50000,NaN,NaN,0.4,0.25
2,6,0.24,1.00000,0.50000,NaN,NaN,0.4,0.25
"""
AWAY = """,,,Away,,,
,,,25,,,
Period,Frame,Time [s],Player25,,Ball,
1,1,0.04,1.0,0.5,0.50000,0.50000
1,2,0.08,1.0,0.5,NaN,NaN
2,5,0.2,0.0,0.5,0.40000,0.25000
2,6,0.24,0.0,0.5,0.40000,0.25000
"""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that short files also are read in several batches."""
    for module in ("csv_pair", "epts"):
        monkeypatch.setattr(f"fotmate_assets.vision.sources.metrica.{module}.BATCH", 150)


def document(content: bytes, name: str = "metadata.xml") -> RawDocument:
    return RawDocument("metrica", name, content, f"file:{name}", datetime.now(UTC))


def pair(folder: Path, home: str = HOME, away: str = AWAY) -> tuple[Path, Path]:
    paths = folder / "home.csv", folder / "away.csv"
    for path, text in zip(paths, (home, away), strict=True):
        path.write_bytes(text.encode())
    return paths


def all_rows(tracked: ProviderTracking) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=polars_schema()), *tracked.blocks("match-1")])


def read_pair(folder: Path, home: str = HOME, away: str = AWAY, pitch: Pitch | None = None) -> pl.DataFrame:
    return all_rows(read_csv_pair(*pair(folder, home, away), pitch or Pitch()))


def position(rows: pl.DataFrame, track: int, frame: int) -> tuple[float, float]:
    row = rows.filter((pl.col("track_id") == track) & (pl.col("frame") == frame))
    x, y = row.select("x_m", "y_m").row(0)
    return x, y


@pytest.fixture
def csv_files(tmp_path: Path) -> tuple[Path, Path]:
    return simulated.write_csv_pair(tmp_path, seconds=SECONDS)


@pytest.fixture
def epts_files(tmp_path: Path) -> tuple[Path, Path]:
    return simulated.write_epts(tmp_path, seconds=SECONDS)


def read_simulated_epts(text: Path, metadata: Path, change: Callable[[str], str] = str) -> ProviderTracking:
    return read_epts(text, document(change(metadata.read_text()).encode()))


# --- CSV


def test_positions_are_metres_from_the_centre_spot_with_y_up(tmp_path: Path) -> None:
    rows = read_pair(tmp_path)
    assert position(rows, 1, 0) == pytest.approx((-52.5, 0))
    assert position(rows, 2, 0) == pytest.approx((-26.25, 34))  # the far touchline: y of 0 is the top
    assert position(rows, 2, 1) == pytest.approx((-25.2, 34.68))  # beyond it
    assert position(rows, 4, 4) == pytest.approx((-10.5, 17))  # the ball
    other = read_pair(tmp_path, pitch=Pitch(100, 60))
    assert position(other, 2, 0) == pytest.approx((-25, 30))


def test_frames_count_from_0_and_time_from_each_periods_start(tmp_path: Path) -> None:
    rows = read_pair(tmp_path)
    clock = rows.select("period", "frame", "timestamp_ms").unique(maintain_order=True).rows()
    assert clock == [(1, 0, 0), (1, 1, 40), (2, 4, 0), (2, 5, 40)]
    tracked = read_csv_pair(*pair(tmp_path), Pitch())
    assert (tracked.fps, tracked.frames, tracked.first_frame) == (25, 6, 1)
    assert tracked.periods == (Period(1, 0, 1), Period(2, 4, 5))


def test_tracks_are_home_by_column_then_away_then_the_ball(tmp_path: Path) -> None:
    rows = read_pair(tmp_path)
    labels = rows.select("track_id", "object_type", "team", "player_id").unique().sort("track_id").rows()
    assert labels == [
        (1, "player", "home", "Player11"),
        (2, "player", "home", "Player7"),
        (3, "player", "away", "Player25"),
        (4, "ball", None, None),
    ]
    told = read_csv_pair(*pair(tmp_path), Pitch()).facts["tracks"]
    assert [(track.track_id, track.name, track.shirt_number) for track in told] == [
        (1, "Player11", 11),
        (2, "Player7", 7),
        (3, "Player25", 25),
    ]


def test_nan_is_no_row_and_everything_else_is_one(tmp_path: Path) -> None:
    rows = read_pair(tmp_path)
    assert rows.height == 4 * 4 - 2 - 1
    assert rows.filter(pl.col("track_id") == 4)["frame"].to_list() == [0, 4, 5]
    assert rows["is_detected"].all()
    assert rows["confidence"].null_count() == rows["box_x1"].null_count() == rows.height
    assert rows.schema == pl.Schema(polars_schema())
    assert rows.equals(rows.sort("frame", "track_id"))


def test_who_plays_which_way_is_told_by_the_first_second_of_the_first_half(tmp_path: Path) -> None:
    """And not by the second half, which follows within a second in these cut files."""
    assert read_csv_pair(*pair(tmp_path), Pitch()).orientation == Orientation.HOME_AWAY


def test_teams_that_stand_mixed_do_not_tell_who_plays_which_way(tmp_path: Path) -> None:
    home = HOME.replace("0.25,0.00", "0.95,0.00").replace("0.26,", "0.95,")
    away = AWAY.replace("1.0,0.5", "0.5,0.5")
    assert read_csv_pair(*pair(tmp_path, home, away), Pitch()).orientation == Orientation.NOT_SET


def test_a_file_of_the_second_half_does_not_tell_who_plays_which_way(tmp_path: Path) -> None:
    home, away = (re.sub("^1,", "2,", text, flags=re.MULTILINE) for text in (HOME, AWAY))
    assert read_csv_pair(*pair(tmp_path, home, away), Pitch()).orientation == Orientation.NOT_SET


def test_a_home_team_that_starts_on_the_right_attacks_to_the_left(tmp_path: Path) -> None:
    home = HOME.replace("0.00000,0.5", "1.00000,0.5").replace("0.25,0.00", "0.75,0.00").replace("0.26,", "0.74,")
    away = AWAY.replace("1.0,0.5", "0.0,0.5")
    assert read_csv_pair(*pair(tmp_path, home, away), Pitch()).orientation == Orientation.AWAY_HOME


def test_every_simulated_position_is_a_row(csv_files: tuple[Path, Path]) -> None:
    tracked = read_csv_pair(*csv_files, Pitch())
    truth = simulated.play(SECONDS, 2026)
    rows = all_rows(tracked)
    everyone = np.concatenate([truth.home, truth.away, truth.ball[:, None]], axis=1)
    assert rows.height == np.isfinite(everyone[:, :, 0]).sum()
    for track, frame in ((1, 0), (12, 2 * HALF - 1), (15, HALF), (29, 10)):
        x, y = everyone[frame, track - 1]
        assert position(rows, track, frame) == pytest.approx(((x - 0.5) * 105, (0.5 - y) * 68), abs=1e-3)
    assert rows.filter(pl.col("track_id") == 12)["frame"].min() == SUBSTITUTED
    assert rows.filter(pl.col("track_id") == 11)["frame"].max() == SUBSTITUTED - 1
    assert tracked.orientation == Orientation.HOME_AWAY
    assert (tracked.fps, tracked.frames) == (25, 2 * HALF)
    assert rows.filter(pl.col("frame") == HALF)["timestamp_ms"].unique().to_list() == [0]


@pytest.mark.parametrize("form", ["csv", "epts"])
def test_kloppy_reads_the_same_positions(
    csv_files: tuple[Path, Path], epts_files: tuple[Path, Path], form: str
) -> None:
    """But for y in CSV files: kloppy mirrors it, against the format's README and against what it does with EPTS."""
    kloppy = pytest.importorskip("kloppy.metrica", reason="kloppy is not installed: uv sync --group bench")
    if form == "csv":
        home, away = map(str, csv_files)
        theirs = kloppy.load_tracking_csv(home_data=home, away_data=away, coordinates="metrica")
        rows, sign = all_rows(read_csv_pair(*csv_files, Pitch())), -1
        names = {"Player11": "home_11", "Player12": "home_12", "Player25": "away_25", None: "ball"}
    else:
        text, metadata = map(str, epts_files)
        theirs = kloppy.load_tracking_epts(raw_data=text, meta_data=metadata, coordinates="metrica")
        rows, sign = all_rows(read_simulated_epts(*epts_files)), 1
        names = {"P11": "P11", "P12": "P12", "P25": "P25", None: "ball"}
    frame = theirs.to_df(engine="polars")
    for player, name in names.items():
        expected = frame.select(
            pl.col("frame_id").cast(pl.Int32) - 1,
            x=(pl.col(f"{name}_x") - 0.5) * 105,
            y=(0.5 - pl.col(f"{name}_y")) * 68 * sign,
        ).filter(pl.col("x").is_finite())
        ours = rows.filter(pl.col("player_id").eq_missing(pl.lit(player, dtype=pl.String)))
        assert ours["frame"].to_list() == expected["frame_id"].to_list()
        np.testing.assert_allclose(ours["x_m"], expected["x"], atol=1e-4)
        np.testing.assert_allclose(ours["y_m"], expected["y"], atol=1e-4)


def test_the_rows_and_the_facts_make_a_file(csv_files: tuple[Path, Path], tmp_path: Path) -> None:
    tracked = read_csv_pair(*csv_files, Pitch())
    meta = FileMetadata("match-1", files=(), code_version="0", **tracked.facts)
    write_trajectories(tmp_path / "t.parquet", tracked.blocks("match-1"), meta, "centimetre")
    back = read_trajectories(tmp_path / "t.parquet")
    expected = all_rows(tracked)
    assert back["track_id"].equals(expected["track_id"])
    assert (back["x_m"] - expected["x_m"]).abs().max() < 0.0051  # type: ignore[operator]
    assert read_metadata(tmp_path / "t.parquet").tracks == tracked.facts["tracks"]


def test_windows_line_ends_a_byte_order_mark_and_empty_last_lines_are_read(tmp_path: Path) -> None:
    home = "\ufeff" + HOME.replace("\n", "\r\n") + "\r\n\r\n"
    assert read_pair(tmp_path, home, AWAY.rstrip("\n")).equals(read_pair(tmp_path))


SPOILT_PAIRS = [
    ("home", "1,2,0.08,0.00100", "1,2,0.08,abc", "home.csv", "line 5 Player11 x", "'abc' is no number"),
    ("home", "0.26,-0.01", "0.26,NaN", "home.csv", "line 5 Player7", "only one of x and y"),
    ("home", "0.26,-0.01", "inf,inf", "home.csv", "line 5 Player7 x", "finite"),
    ("home", "0.26,-0.01,", "0.26,", "home.csv", "line 5", "8 fields instead of 9"),
    ("home", "0.26,-0.01", "0.26;-0.01", "home.csv", "line 5", "separated otherwise"),
    ("home", "1,2,0.08", "1,1,0.08", "home.csv", "line 5 Frame", "not after"),
    ("home", "1,2,0.08", "1,2.5,0.08", "home.csv", "line 5 Frame", "whole"),
    ("home", "1,2,0.08", "1,2,0.20", "home.csv", "line 5 Time", "25.0 frames/s"),
    ("home", "1,2,0.08", "1,2,", "home.csv", "line 5 Time", "no time"),
    ("home", "1,2,0.08", "1,2,soon", "home.csv", "line 5 Time", "no number"),
    ("home", "2,5,0.2,", "9,5,0.2,", "home.csv", "line 6 Period", "1 to 5"),
    ("home", "1,2,0.08", "3,2,0.08", "home.csv", "line 6 Period", "back"),
    ("home", "Player7", "Player25", "away.csv", "line 3", "Player25"),
    ("home", "Player7", "Player11", "home.csv", "line 3", "twice"),
    ("home", "Ball", "Player8", "home.csv", "line 3", "Ball"),
    ("home", ",Frame,", ",Bild,", "home.csv", "line 3", "Frame"),
    ("home", "Home,,Home", "Home,,Away", "home.csv", "line 1", "other team"),
    ("home", ",7,", ",x,", "home.csv", "line 2 Player7", "shirt"),
    ("away", "0.40000,0.25000", "0.40000,0.26000", "away.csv", "line 6 Ball y", "0.26 is 0.25 in home.csv"),
    ("away", "NaN,NaN", "0.5,0.5", "away.csv", "line 5 Ball x", "home.csv"),
    ("away", "2,6,0.24", "2,7,0.28", "away.csv", "line 7 Frame", "7 is 6"),
    ("away", "2,6,0.24,0.0,0.5,0.40000,0.25000\n", "", "away.csv", "line 7", "ends before"),
    ("away", "0.0,0.5,0.4", "0.0,,0.4", "away.csv", "line 6 Player25", "only one of x and y"),
]


@pytest.mark.parametrize(("side", "old", "new", "name", "field", "reason"), SPOILT_PAIRS)
def test_a_spoilt_pair_is_malformed_at_document_and_line(
    tmp_path: Path, side: str, old: str, new: str, name: str, field: str, reason: str
) -> None:
    home, away = (text.replace(old, new, 1) if side == of else text for of, text in (("home", HOME), ("away", AWAY)))
    assert (home, away) != (HOME, AWAY)
    with pytest.raises(SourceError, match=re.escape(reason)) as raised:
        read_pair(tmp_path, home, away)
    assert (raised.value.verdict, raised.value.document) == (Verdict.MALFORMED, name)
    assert (raised.value.field or "").startswith(field)


def test_lines_are_counted_through_the_batches(csv_files: tuple[Path, Path]) -> None:
    home, away = csv_files
    lines = away.read_text().splitlines()
    lines[333] = lines[333].replace("0.", "o.", 1).replace("0.", "o.", 1)
    away.write_text("\n".join(lines))
    with pytest.raises(SourceError, match="no number") as raised:
        all_rows(read_csv_pair(home, away, Pitch()))
    assert (raised.value.field or "").startswith("line 334 ")


def test_two_matches_are_told_apart_at_the_line_where_they_differ(csv_files: tuple[Path, Path]) -> None:
    home, away = csv_files
    lines = away.read_text().splitlines()
    lines[333] = lines[333].rpartition(",")[0] + ",0.11111"
    away.write_text("\n".join(lines))
    with pytest.raises(SourceError, match="two matches") as raised:
        all_rows(read_csv_pair(home, away, Pitch()))
    assert raised.value.field == "line 334 Ball y"


@pytest.mark.parametrize("text", ["", ",,,Home,,\n", "\n".join(HOME.split("\n")[:3])])
def test_a_file_without_frames_is_malformed(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=r"home\.csv"):
        read_csv_pair(*pair(tmp_path, home=text), Pitch())


def test_swapped_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the other team's file"):
        read_csv_pair(*pair(tmp_path, home=AWAY, away=HOME), Pitch())


# --- EPTS


def test_epts_gives_what_the_pair_gives(csv_files: tuple[Path, Path], epts_files: tuple[Path, Path]) -> None:
    """The same simulated play in both formats; EPTS also tells the goalkeepers and their players' names."""
    tracked = read_simulated_epts(*epts_files)
    rows, expected = all_rows(tracked), all_rows(read_csv_pair(*csv_files, Pitch()))
    names = pl.col("player_id").str.replace("Player", "P")
    keepers = pl.col("player_id").is_in(["P11", "P25"])
    renamed = expected.with_columns(names).with_columns(
        object_type=pl.when(keepers).then(pl.lit("goalkeeper")).otherwise("object_type")
    )
    # players who never play have no column in EPTS: other numbers
    assert rows.drop("track_id").equals(renamed.drop("track_id"))
    assert tracked.notes == ()
    assert tracked.orientation == Orientation.HOME_AWAY
    assert tracked.periods == (Period(1, 0, HALF - 1), Period(2, HALF, 2 * HALF - 1))
    assert len(tracked.tracks) == 12 + 12 + 1
    assert [track.name for track in tracked.facts["tracks"]][:2] == ["Player 11", "Player 1"]


def test_a_substitute_takes_over_the_column_and_not_the_track(epts_files: tuple[Path, Path]) -> None:
    rows = all_rows(read_simulated_epts(*epts_files))
    by_player = {
        player: (track, first, last)
        for player, track, first, last in rows.group_by("player_id")
        .agg(pl.col("track_id").first(), first=pl.col("frame").min(), last=pl.col("frame").max())
        .rows()
    }
    assert by_player["P10"][1:] == (0, SUBSTITUTED - 1)
    assert by_player["P12"][1:] == (SUBSTITUTED, 2 * HALF - 1)
    assert by_player["P10"][0] != by_player["P12"][0]
    assert rows["track_id"].max() == rows.filter(pl.col("object_type") == "ball")["track_id"][0] == 25


def test_frames_that_nothing_describes_are_told_and_left_out(epts_files: tuple[Path, Path]) -> None:
    """kloppy drops them without a word."""
    end = f'endFrame="{2 * HALF}"'
    tracked = read_simulated_epts(*epts_files, lambda text: text.replace(end, f'endFrame="{2 * HALF - 20}"'))
    assert all_rows(tracked)["frame"].max() == 2 * HALF - 21
    assert len(tracked.notes) == 1
    assert tracked.notes[0].startswith(f"20 frames between {2 * HALF - 19} and {2 * HALF} are left out")


def test_frames_outside_of_the_periods_are_told_and_left_out(epts_files: tuple[Path, Path]) -> None:
    text, metadata = epts_files
    late = metadata.read_text().replace("<Value>1</Value>", "<Value>11</Value>", 1)
    tracked = read_epts(text, document(late.encode()))
    rows = all_rows(tracked)
    assert (rows["frame"].min(), rows["timestamp_ms"].min()) == (10, 0)
    assert tracked.periods[0] == Period(1, 10, HALF - 1)
    assert [note.partition(" are")[0] for note in tracked.notes] == ["10 frames between 1 and 10"]


def test_a_file_that_starts_late_keeps_the_time_from_the_kick_off(epts_files: tuple[Path, Path]) -> None:
    text, metadata = epts_files
    text.write_text("".join(text.read_text().splitlines(keepends=True)[50:]))
    tracked = read_simulated_epts(text, metadata)
    rows = all_rows(tracked)
    assert rows.select("frame", "timestamp_ms").row(0) == (50, 2000)
    assert (tracked.first_frame, tracked.frames) == (1, 2 * HALF)


def test_a_file_of_the_first_half_has_one_period_and_tells_of_the_other(epts_files: tuple[Path, Path]) -> None:
    text, metadata = epts_files
    text.write_text("".join(text.read_text().splitlines(keepends=True)[: HALF - 25]))
    tracked = read_simulated_epts(text, metadata)
    assert tracked.periods == (Period(1, 0, HALF - 26),)
    assert tracked.notes == (f"period 2, frames {HALF + 1} to {2 * HALF}, is not in the file",)
    assert all_rows(tracked)["period"].unique().to_list() == [1]


def test_attack_directions_tell_the_orientation(epts_files: tuple[Path, Path]) -> None:
    def turned(text: str) -> str:
        return (
            text.replace("left_to_right", "x").replace("right_to_left", "left_to_right").replace("x<", "right_to_left<")
        )

    def only_away(text: str) -> str:
        return text.replace("left_to_right", "")

    def untold(text: str) -> str:
        return text.replace("left_to_right", "").replace("right_to_left", "")

    assert read_simulated_epts(*epts_files, turned).orientation == Orientation.AWAY_HOME
    assert read_simulated_epts(*epts_files, only_away).orientation == Orientation.HOME_AWAY
    assert read_simulated_epts(*epts_files, untold).orientation == Orientation.NOT_SET


def test_the_field_size_of_the_metadata_is_used(epts_files: tuple[Path, Path]) -> None:
    smaller = read_simulated_epts(
        *epts_files, lambda text: text.replace("<Width>105<", "<Width>100<").replace("<Height>68<", "<Height>64<")
    )
    rows, usual = all_rows(smaller), all_rows(read_simulated_epts(*epts_files))
    assert smaller.pitch == Pitch(100, 64)
    np.testing.assert_allclose(rows["x_m"] / 100, usual["x_m"] / 105, atol=1e-6)
    np.testing.assert_allclose(rows["y_m"] / 64, usual["y_m"] / 68, atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<FrameRate>25<", "<FrameRate>0<", "FrameRate"),
        ("<Width>105<", "<Width><", "Width"),
        ('idVisitingTeam="AWAY"', 'idVisitingTeam="HOME"', "Score"),
        ('id="P1" teamId="HOME"', 'id="P1" teamId="OTHER"', "Player P1 teamId"),
        ('id="P1" ', 'id="P11" ', "used twice"),
        ("right_to_left", "left_to_right", "same way"),
        ("right_to_left", "upwards", "unknown direction 'upwards'"),
        (f"<Value>{HALF + 1}<", "<Value>3<", "second_half_start"),
        (f"<Value>{HALF}<", "<Value>half<", "first_half_end"),
        ("<Unit>normalized<", "<Unit>metres<", "'metres' instead of normalized"),
        ('playerChannelId="p1_x"', 'playerChannelId="p1_z"', "no player has channel 'p1_z'"),
        ('playerChannelId="p1_x"', 'playerChannelId="p2_x"', "twice"),
        ('separator=";"', 'separator="1"', "'1' is none of"),
        ('<BallChannelRef channelId="x" />', "<Ball />", "no known part"),
        ('name="frameCount"', 'name="time"', "does not start with frameCount"),
        (f'startFrame="{HALF + 1}"', 'startFrame="7"', "7 is not after"),
        ("<main>", "<!DOCTYPE main><main>", "document type"),
    ],
)
def test_spoilt_metadata_is_malformed(epts_files: tuple[Path, Path], old: str, new: str, reason: str) -> None:
    assert old in epts_files[1].read_text()
    with pytest.raises(SourceError, match=re.escape(reason)) as raised:
        read_simulated_epts(*epts_files, lambda text: text.replace(old, new, 1))
    assert (raised.value.verdict, raised.value.document) == (Verdict.MALFORMED, "metadata.xml")
    assert raised.value.content


@pytest.mark.parametrize(
    ("line", "spoil", "field", "reason"),
    [
        (200, lambda text: text.replace(",", ";", 1), "line 200", "separated otherwise"),
        (201, lambda text: text.rpartition(";")[0], "line 201", "fields instead of"),
        (202, lambda text: text.replace("0.", "zero", 1), "line 202 p11_x", "no number"),
        (203, lambda text: re.sub(r":[^,]+", ":NaN", text, count=1), "line 203 Player 11", "only one of x and y"),
        (204, lambda text: text.replace("204:", "203:"), "line 204", "not after"),
        (205, lambda text: text.replace("205:", "x:"), "line 205", "'x' is no frame"),
    ],
)
def test_a_spoilt_line_of_epts_is_malformed_at_its_line(
    epts_files: tuple[Path, Path], line: int, spoil: Callable[[str], str], field: str, reason: str
) -> None:
    text, metadata = epts_files
    lines = text.read_text().splitlines()
    lines[line - 1] = spoil(lines[line - 1])
    text.write_text("\n".join(lines))
    with pytest.raises(SourceError, match=reason) as raised:
        all_rows(read_simulated_epts(text, metadata))
    assert (raised.value.verdict, raised.value.document) == (Verdict.MALFORMED, text.name)
    assert (raised.value.field or "").startswith(field)


def test_memory_holds_a_batch_and_not_the_match(csv_files: tuple[Path, Path]) -> None:
    blocks = read_csv_pair(*csv_files, Pitch()).blocks("match-1")
    assert [block["frame"].n_unique() for block in blocks] == [150, 150, 100]


# --- real files


@pytest.mark.real_data
def test_the_real_pair_is_read(real_data: Path) -> None:
    folder = real_data / "metrica/partial"
    tracked = read_csv_pair(folder / "metrica_home.csv", folder / "metrica_away.csv", Pitch())
    rows = all_rows(tracked)
    assert tracked.orientation == Orientation.HOME_AWAY
    assert (tracked.fps, tracked.first_frame, tracked.frames) == (25, 1, 145_006)
    assert tracked.periods == (Period(1, 0, 2), Period(2, 145_003, 145_005))
    assert position(rows, 1, 0) == pytest.approx(((0.00082 - 0.5) * 105, (0.5 - 0.48238) * 68), abs=1e-4)
    assert rows.group_by("frame").len().sort("frame")["len"].to_list() == [23, 23, 23, 22, 22, 22]
    assert rows.filter(pl.col("track_id") == 29)["frame"].to_list() == [0, 1, 2]


@pytest.mark.real_data
def test_real_epts_with_a_specification_that_ends_early_is_read(real_data: Path) -> None:
    folder = real_data / "metrica/partial"
    tracked = read_epts(folder / "codeball_tracking.txt", document((folder / "codeball_metadata.xml").read_bytes()))
    rows = all_rows(tracked)
    assert tracked.orientation == Orientation.AWAY_HOME
    assert tracked.notes == (
        "100 frames between 2001 and 2100 are left out: no DataFormatSpecification describes them",
    )
    assert rows.filter(pl.col("object_type") == "goalkeeper")["player_id"].unique(maintain_order=True)[0] == "P3578"
    assert position(rows, 1, 0) == pytest.approx(((0.84722 - 0.5) * 105, (0.5 - 0.52855) * 68), abs=1e-4)
    assert rows.filter(pl.col("object_type") != "ball").height == 22 * 2000
    assert rows.filter(pl.col("frame") == 1000)["timestamp_ms"].unique().to_list() == [0]


@pytest.mark.real_data
def test_real_epts_with_more_channels_and_a_gap_is_read(real_data: Path) -> None:
    """Each player has an id and a speed beside x and y, and the halves are 150 frames apart."""
    folder = real_data / "metrica/partial"
    metadata = document((folder / "epts_metrica_metadata.xml").read_bytes())
    tracked = read_epts(folder / "epts_metrica_tracking.txt", metadata)
    rows = all_rows(tracked)
    assert (tracked.first_frame, tracked.frames) == (450, 250)
    assert tracked.periods == (Period(1, 0, 49), Period(2, 200, 249))
    assert position(rows, 1, 0) == pytest.approx(((0.30602 - 0.5) * 105, (0.5 - 0.97029) * 68), abs=1e-4)
    assert rows["frame"].n_unique() == 100
    assert tracked.notes == ()


@pytest.mark.real_data
def test_the_metadata_of_the_whole_real_game_describes_every_frame(real_data: Path, tmp_path: Path) -> None:
    """Game 3 with its substitutions: 143,761 frames of which a line each is made up here."""
    path = real_data / "metrica/Sample_Game_3/Sample_Game_3_metadata.xml"
    text = tmp_path / "tracking.txt"
    pairs = ";".join(["0.50000,0.50000"] * 22)
    frames = (1, 69_661, 69_662, 89_697, 89_698, 98_472, 98_473, 143_761)
    text.write_text("".join(f"{frame}:{pairs}:NaN,NaN\n" for frame in frames))
    tracked = read_epts(text, document(path.read_bytes()))
    assert tracked.notes == ()
    assert all_rows(tracked).group_by("frame").len()["len"].unique().to_list() == [22]
