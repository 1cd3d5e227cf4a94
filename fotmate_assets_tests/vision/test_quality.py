"""What is counted in a file of trajectories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fotmate_assets.vision.model import Period
from fotmate_assets.vision.quality import counted, quality_of
from fotmate_assets.vision.trajectories import BLOCK_MS, FileMetadata, SourceFile, polars_schema, write_trajectories

META = FileMetadata(
    match_id="m",
    fps=25.0,
    frames=100,
    periods=(Period(1, 0, 99),),
    source="video",
    files=(SourceFile("videos/m.mp4", "0" * 64),),
    code_version="1",
    calibration={"reprojection_error_px": 1.5},
)


def row(frame: int, track: int, x: float = 0.0, y: float = 0.0, **values: Any) -> dict[str, Any]:
    """A detected player at 25 frames a second, unless told otherwise."""
    told = {
        "match_id": "m",
        "period": 1,
        "frame": frame,
        "timestamp_ms": frame * 40,
        "track_id": track,
        "object_type": "player",
        "team": None,
        "player_id": None,
        "x_m": x,
        "y_m": y,
        "confidence": 0.9,
        "is_detected": True,
        "position_error_m": 0.3,
        **dict.fromkeys(("box_x1", "box_y1", "box_x2", "box_y2"), 1),
    }
    return told | values


def rows_of(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=polars_schema())


def test_frames_are_counted_against_those_that_rate_and_duration_ask_for() -> None:
    rows = rows_of(row(frame, track) for frame in range(90) for track in (1, 2))
    quality = counted(rows, META)
    assert (quality.rows, quality.tracks, quality.frames, quality.frames_expected) == (180, 2, 90, 100)
    two = replace(META, periods=(Period(1, 0, 39), Period(2, 60, 99)))
    assert counted(rows, two).frames_expected == 80
    assert counted(rows, replace(META, stride=3)).frames_expected == 34
    assert counted(rows, replace(META, periods=(Period(1, 10, None),))).frames_expected == 90


def test_frames_that_the_source_lost_are_expected_by_its_clock() -> None:
    """A hundred frames in five seconds: by their numbers none is missing, and their mean rate is 20."""
    rows = rows_of(row(frame, 1) for frame in range(100))
    lost = replace(META, duration_s=5.0)
    assert counted(rows, lost).frames_expected == 125
    assert counted(rows, replace(lost, fps=20.0, nominal_fps=25.0)).frames_expected == 125
    assert counted(rows, replace(lost, stride=2)).frames_expected == 62


def test_a_frame_of_officials_and_the_ball_alone_has_nobody() -> None:
    players = [row(frame, 1) for frame in range(10)]
    referee = [row(frame, 2, object_type="referee") for frame in range(20)]
    ball = [row(frame, 3, object_type="ball") for frame in range(30)]
    unknown = [row(frame, 4, object_type="other") for frame in range(40, 43)]
    assert counted(rows_of(players + referee + ball + unknown), META).frames == 13


def test_people_are_counted_without_the_ball() -> None:
    crowd = [row(frame, track) for frame in range(10) for track in range(1, 23)]
    few = [row(frame, track) for frame in range(10, 15) for track in range(1, 18)]
    ball = [row(frame, 30, object_type="ball") for frame in range(15)]
    quality = counted(rows_of(crowd + few + ball), META)
    assert quality.people_per_frame == 22
    assert quality.tracks == 23


def test_frames_with_nobody_have_too_few_people() -> None:
    crowd = rows_of(row(frame, track) for frame in range(30) for track in range(1, 23))
    assert counted(crowd, META).people_in_band == pytest.approx(0.3)
    assert counted(crowd, replace(META, stride=2)).people_in_band == pytest.approx(0.6)


@pytest.mark.parametrize(("x", "y", "share"), [(53.4, 0, 1.0), (53.6, 0, 0.5), (0, -34.9, 1.0), (0, -35.1, 0.5)])
def test_who_is_a_metre_beside_the_pitch_is_on_it(x: float, y: float, share: float) -> None:
    assert counted(rows_of([row(0, 1), row(0, 2, x, y)]), META).on_pitch == share


def test_assistants_run_beside_the_pitch() -> None:
    assert counted(rows_of([row(0, 1, 0, 36, object_type="referee")]), META).on_pitch == 1.0


def test_a_speed_is_taken_over_four_tenths_of_a_second() -> None:
    runner = [row(frame, 1, x=frame * 0.04 * 9.0) for frame in range(50)]
    assert counted(rows_of(runner), META).fastest_m_s == pytest.approx(9.0, abs=1e-3)
    jitter = [row(frame, 1, x=0.25 * (frame % 2)) for frame in range(50)]  # 6 m/s from frame to frame
    assert counted(rows_of(jitter), META).fastest_m_s == pytest.approx(0.0, abs=0.7)
    leap = [row(frame, 1, x=5.2 * (frame > 24)) for frame in range(50)]  # 13 m/s over 0.4 s
    quality = counted(rows_of(leap + [row(frame, 2) for frame in range(50)]), META)
    assert quality.fastest_m_s == pytest.approx(13.0, abs=1e-3)
    assert quality.too_fast == 1


def test_parts_of_the_rows_are_counted_as_the_whole() -> None:
    leap = [row(frame, track, x=5.2 * (frame > 24) * (track == 1)) for frame in range(50) for track in (1, 2)]
    rows = rows_of([*leap, row(30, 1), row(49, 3, object_type="ball", is_detected=False)])
    whole = counted(rows, META)
    assert (whole.too_fast, whole.repeated) == (1, 1)
    assert counted([rows[:50], rows[50:]], META) == whole  # the leap is at the cut


def test_a_file_of_several_blocks_is_counted_whole(tmp_path: Path) -> None:
    """Somebody leaps where a block ends."""
    edge = BLOCK_MS // 40
    rows = [row(frame, 1, x=9.0 * (frame >= edge)) for frame in range(edge - 50, edge + 50)]
    rows += [row(edge + 100 + frame, 2, period=2, timestamp_ms=frame * 40) for frame in range(50)]
    meta = replace(META, frames=edge + 150, periods=(Period(1, 0, edge + 49), Period(2, edge + 100)))
    write_trajectories(tmp_path / "file", rows_of(rows), meta)
    quality = quality_of(tmp_path / "file")
    assert quality == counted(rows_of(rows), meta)
    assert (quality.rows, quality.tracks, quality.frames, quality.too_fast) == (150, 2, 150, 1)
    assert quality.fastest_m_s == pytest.approx(22.5)


def test_a_gap_and_a_period_tell_no_speed() -> None:
    gap = [row(frame, 1, x=0.0) for frame in range(20)] + [row(frame, 1, x=50.0) for frame in range(41, 60)]
    assert counted(rows_of(gap), META).too_fast == 0
    seen_again = [row(frame, 1, x=0.0) for frame in range(20)] + [row(frame, 1, x=9.0) for frame in range(39, 60)]
    assert counted(rows_of(seen_again), META).fastest_m_s == pytest.approx(9 / 0.8)
    others = [row(frame, 1) for frame in range(20)] + [row(frame, 2, x=50.0) for frame in range(30, 60)]
    assert counted(rows_of(others), META).fastest_m_s == 0
    halves = [row(frame, 1) for frame in range(20)]
    halves += [row(frame, 1, x=50.0, period=2, timestamp_ms=(frame - 20) * 40) for frame in range(20, 40)]
    assert counted(rows_of(halves), META).too_fast == 0


def test_the_ball_may_be_as_fast_as_it_likes() -> None:
    shot = [row(frame, 1, x=frame * 1.2, object_type="ball") for frame in range(30)]
    quality = counted(rows_of(shot), META)
    assert quality.too_fast == 0
    assert quality.fastest_m_s is None


def test_repeated_rows_and_interpolated_ones_are_counted() -> None:
    rows = [row(0, 1), row(0, 1), row(0, 2), row(1, 1, is_detected=False, confidence=None)]
    quality = counted(rows_of(rows), META)
    assert quality.repeated == 1
    assert quality.interpolated == 0.25
    assert quality.position_error_m == pytest.approx(0.3)


def test_a_calibration_that_could_not_be_checked_is_told_from_none() -> None:
    rows = rows_of([row(0, 1)])
    told = [
        (quality.is_calibrated, quality.reprojection_error_px)
        for calibration in ({"reprojection_error_px": 1.5}, {"reprojection_error_px": None}, None)
        if (quality := counted(rows, replace(META, calibration=calibration)))
    ]
    assert told == [(True, 1.5), (True, None), (False, None)]


def test_a_file_without_rows_has_no_figures_that_it_cannot_have(tmp_path: Path) -> None:
    meta = replace(META, calibration=None)
    write_trajectories(tmp_path / "file", rows_of([]), meta)
    quality = quality_of(tmp_path / "file")
    assert quality == counted(rows_of([]), meta)
    assert (quality.rows, quality.frames, quality.frames_expected, quality.people_in_band) == (0, 0, 100, 0.0)
    assert quality.people_per_frame is quality.on_pitch is quality.fastest_m_s is None
    assert quality.reprojection_error_px is quality.position_error_m is None
