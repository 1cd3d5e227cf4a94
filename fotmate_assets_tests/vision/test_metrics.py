"""Distances and speeds are what was run: noise, gaps and jumps do not add to them, and the impossible is flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from fotmate_assets.vision.metrics import player_metrics
from fotmate_assets.vision.tables import player_metrics as table
from fotmate_assets.vision.trajectories import polars_schema

if TYPE_CHECKING:
    from pathlib import Path

    from fotmate_assets.vision.observations import Doubles


def track(
    x_m: Doubles,
    *,
    fps: float = 25,
    track_id: int = 1,
    player_id: str | None = None,
    object_type: str = "player",
    period: int = 1,
    start_s: float = 0,
    y_m: Doubles | float = 0.0,
    is_detected: bool = True,
) -> pl.DataFrame:
    """A track along x; NaN: no row."""
    n = len(x_m)
    frame = np.arange(n) + round(start_s * fps)
    rows = pl.DataFrame(
        {
            "match_id": ["m"] * n,
            "period": period,
            "frame": frame + 100_000 * (period - 1),
            "timestamp_ms": np.round(frame * 1000 / fps).astype(int),
            "track_id": track_id,
            "object_type": object_type,
            "team": "home",
            "player_id": player_id,
            "x_m": x_m,
            "y_m": np.broadcast_to(y_m, n),
            "confidence": None,
            "is_detected": is_detected,
            "position_error_m": None,
            **dict.fromkeys(("box_x1", "box_y1", "box_x2", "box_y2")),
        },
        schema=polars_schema(),
        strict=False,
    )
    return rows.filter(pl.col("x_m").is_not_nan())


def at_speed(speeds: list[tuple[float, float]], fps: float = 25) -> Doubles:
    """Positions of who runs so fast for so long, one after the other."""
    speed = np.concatenate([np.full(round(seconds * fps), metres) for metres, seconds in speeds])
    return np.concatenate(([0.0], np.cumsum(speed) / fps)) - 30


def only(rows: pl.DataFrame, fps: float = 25) -> dict[str, Any]:
    metrics = player_metrics(rows, fps)
    assert metrics.height == 1
    return metrics.row(0, named=True)


@pytest.mark.parametrize("fps", [5, 10, 25, 29.97, 50])
def test_distance_and_speed_are_what_was_run(fps: float) -> None:
    of = only(track(at_speed([(3, 20)], fps), fps=fps), fps)
    assert of["distance_m"] == pytest.approx(60, rel=0.01)
    assert of["top_speed_m_s"] == pytest.approx(3, abs=0.01)
    assert of["mean_speed_m_s"] == pytest.approx(3, rel=0.02)
    assert of["minutes_observed"] == pytest.approx(20 / 60, rel=0.02)
    assert of["is_plausible"]


def test_a_curve_is_as_long_as_it_is() -> None:
    angle = np.linspace(0, 2 * np.pi, 25 * 20 + 1)
    of = only(track(9.15 * np.cos(angle), y_m=9.15 * np.sin(angle)))
    assert of["distance_m"] == pytest.approx(2 * np.pi * 9.15, rel=0.01)


@pytest.mark.parametrize("fps", [25, 50])
def test_noise_of_who_stands_still_is_not_taken_for_running(fps: float) -> None:
    """Ten centimetres of noise: frame by frame, five minutes would be more than a kilometre."""
    random = np.random.default_rng(0)
    n = round(300 * fps)
    noisy = track(random.normal(0, 0.1, n), y_m=random.normal(0, 0.1, n), fps=fps)
    steps = np.hypot(np.diff(noisy["x_m"].to_numpy()), np.diff(noisy["y_m"].to_numpy()))
    of = only(noisy, fps)
    assert steps.sum() > 1000
    assert of["distance_m"] < 45
    assert of["top_speed_m_s"] < 0.6
    assert of["is_plausible"]


def test_a_top_speed_is_held_and_not_a_spike() -> None:
    steady = at_speed([(4, 20)])
    spiked = steady.copy()
    spiked[250] += 1.5
    assert only(track(spiked))["top_speed_m_s"] == pytest.approx(4, abs=0.45)
    assert np.abs(np.diff(spiked)).max() * 25 > 40


def test_a_sprint_is_seven_metres_a_second_for_a_second() -> None:
    of = only(track(at_speed([(3, 5), (9.5, 3), (3, 5), (9.5, 0.5), (3, 5), (9, 2), (3, 5)])))
    assert of["sprints"] == 2
    assert of["sprint_distance_m"] == pytest.approx(9.5 * 3 + 9 * 2, rel=0.1)
    assert of["top_speed_m_s"] == pytest.approx(9.5, abs=0.05)


def test_a_high_speed_run_is_below_a_sprint_and_includes_it() -> None:
    of = only(track(at_speed([(3, 5), (6, 3), (3, 5), (8, 3), (3, 5), (5.2, 4), (3, 2)])))
    assert (of["high_speed_runs"], of["sprints"]) == (2, 1)
    assert of["high_speed_distance_m"] == pytest.approx(6 * 3 + 8 * 3, rel=0.1)


def test_a_jump_across_a_gap_adds_nothing() -> None:
    x = at_speed([(2, 40)])
    x[400:440] = np.nan  # 1.6 s
    x[440:] += 30
    of = only(track(x))
    assert of["distance_m"] == pytest.approx(2 * (40 - 1.6), abs=0.5)
    assert of["minutes_observed"] == pytest.approx((40 - 1.6) / 60, abs=0.002)
    assert of["top_speed_m_s"] == pytest.approx(2, abs=0.05)


def test_a_gap_of_less_than_a_second_is_bridged() -> None:
    x = at_speed([(2, 40)])
    x[400:420] = np.nan  # 0.8 s
    of = only(track(x))
    assert of["distance_m"] == pytest.approx(80, abs=0.5)
    assert of["minutes_observed"] == pytest.approx(40 / 60, abs=0.002)


def test_half_time_adds_nothing() -> None:
    """Both halves start at zero milliseconds, at the other end of the pitch."""
    x = at_speed([(2, 20)])
    halves = pl.concat([track(x), track(x + 60, period=2, start_s=20.02)])
    of = only(halves)
    assert of["distance_m"] == pytest.approx(80, abs=0.5)
    assert of["top_speed_m_s"] == pytest.approx(2, abs=0.05)


def test_a_jump_from_frame_to_frame_is_flagged_and_not_hidden() -> None:
    x = at_speed([(2, 20)])
    x[250:] += 15
    of = only(track(x))
    assert of["top_speed_m_s"] > 12
    assert not of["is_plausible"]
    assert of["distance_m"] == pytest.approx(55, abs=3)


def test_too_far_a_minute_is_flagged() -> None:
    assert not only(track(at_speed([(4.5, 90)])))["is_plausible"]
    assert only(track(at_speed([(3.9, 90)])))["is_plausible"]
    assert only(track(at_speed([(9, 10)])))["is_plausible"]  # a sprint alone is not a minute


def test_the_tracks_of_a_known_player_are_added_up_and_others_are_not() -> None:
    first, second = at_speed([(2, 10)]), at_speed([(6, 10)])
    rows = pl.concat(
        [
            track(first, track_id=3, player_id="son"),
            track(second, track_id=7, player_id="son", start_s=60, is_detected=False),
            track(first, track_id=4),
            track(first, track_id=5),
            track(first, track_id=9, object_type="ball"),
        ]
    )
    metrics = player_metrics(rows.sample(fraction=1, shuffle=True, seed=0), 25)
    assert metrics.select("track_id", "player_id", "tracks").rows() == [(3, "son", 2), (4, None, 1), (5, None, 1)]
    son = metrics.row(0, named=True)
    assert son["distance_m"] == pytest.approx(80, abs=0.5)
    assert son["top_speed_m_s"] == pytest.approx(6, abs=0.02)
    assert son["detected_share"] == pytest.approx(0.5, abs=0.001)


def test_parts_of_the_rows_tell_what_the_whole_does() -> None:
    """A sprint, a player and a track that are cut in two are one."""
    rows = pl.concat(
        [
            track(at_speed([(3, 5), (9, 3), (3, 5)]), track_id=1, player_id="son"),
            track(at_speed([(3, 5)]), track_id=2, player_id="son", start_s=30, is_detected=False),
            track(at_speed([(2, 13)]), track_id=3),
            track(at_speed([(2, 13)]), track_id=4, object_type="ball"),
        ]
    ).sort("frame", maintain_order=True)
    whole = player_metrics(rows, 25)
    assert whole["sprints"].to_list() == [1, 0]
    assert whole["tracks"].to_list() == [2, 1]
    cut = rows.height // 2
    assert rows["frame"][cut] in range(25 * 5, 25 * 8)
    assert player_metrics([rows[:cut], rows[cut:]], 25).equals(whole)


def test_every_second_frame_tells_the_same() -> None:
    """A video that was looked at with a stride keeps its frame rate."""
    rows = track(at_speed([(3, 5), (8, 3), (3, 5)]))
    whole, half = only(rows), only(rows.gather_every(2))
    for name in ("distance_m", "top_speed_m_s", "sprints", "minutes_observed"):
        assert half[name] == pytest.approx(whole[name], rel=0.02)


def test_who_is_seen_for_a_moment_has_no_top_speed() -> None:
    for rows in (track(at_speed([(2, 0.2)])), track(np.zeros(1)), track(np.zeros(2))):
        of = only(rows)
        assert of["top_speed_m_s"] is None
        assert of["minutes_observed"] > 0
        assert of["is_plausible"]


def test_no_rows_no_metrics() -> None:
    nothing = player_metrics(pl.DataFrame(schema=polars_schema()), 25)
    assert nothing.is_empty()
    assert only(track(at_speed([(2, 5)]))).keys() == set(nothing.columns)


def test_the_columns_are_those_of_the_table() -> None:
    """But for what only the file's metadata and the clock tell."""
    metrics = player_metrics(track(at_speed([(2, 5)])), 25)
    columns = {column.name: column for column in table.columns if column.name not in ("is_simulated", "computed_at")}
    assert set(metrics.columns) == columns.keys()
    for name, column in columns.items():
        if not column.nullable:
            assert metrics[name].null_count() == 0


@pytest.mark.real_data
def test_real_speeds_are_near_those_that_the_provider_tells(real_data: Path) -> None:
    """A minute at 50 Hz, whose provider tells speeds too, with spikes to 9 m/s of a walking man."""
    told = pl.read_parquet(real_data / "vision/hawkeye_2min_50hz.parquet").filter(
        (pl.col("minute") == 1) & (pl.col("role") != "Ball")
    )
    people = told.sort("t").partition_by("track_id")
    rows = [
        track(of["x"].to_numpy(), y_m=of["y"].to_numpy(), fps=50, track_id=number)
        for number, of in enumerate(people, 1)
    ]
    metrics = player_metrics(pl.concat(rows), 50)
    assert metrics.height == 25
    assert metrics["is_plausible"].all()
    for of, mean, top in zip(people, metrics["mean_speed_m_s"], metrics["top_speed_m_s"], strict=True):
        assert mean == pytest.approx(of["speed"].mean(), rel=0.06)
        assert top <= of["speed"].max()
    ratios = metrics["top_speed_m_s"] / pl.Series([of["speed"].max() for of in people])
    assert 0.9 < ratios.median() < 1  # type: ignore[operator]
