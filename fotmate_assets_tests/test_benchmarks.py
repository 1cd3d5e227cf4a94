"""The benchmarks run, and print what they promise. What they measure is not asserted: a test has no quiet machine."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fotmate_assets.embedded.sample.statsbomb import competition_row, sample_team, simulate_match, write_season
from fotmate_assets.embedded.stack import Stack
from fotmate_assets_tests.vision.tiny_onnx import write_network

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
MATCHES = 3


def run(script: str, *arguments: str) -> tuple[str, dict[str, Any]]:
    """What a script prints, and the object on its last line."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments, "--rounds", "1", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    *table, last = done.stdout.splitlines()
    return "\n".join(table), json.loads(last)


@pytest.fixture
def tiny_season(tmp_path: Path) -> Path:
    """Three short matches in StatsBomb's open-data layout."""
    home, away = sample_team(9101, "Simulated United"), sample_team(9102, "Sample Rovers")
    matches = [simulate_match(9_001_001 + n, home, away, seed=n, minutes_scale=0.05) for n in range(MATCHES)]
    write_season(tmp_path, competition_row(), matches)
    return tmp_path


def test_odds_prints_sizes_and_reads_beside_a_row_per_price(stack: Stack) -> None:
    table, values = run("odds.py", "--days", "1", "--home", str(stack.home))
    named = {
        *("bytes_per_price", "rows_layout_bytes_per_price", "insert_batch_ms"),
        *("history_p95_ms", "worst_read_p95_ms", "history_speedup_vs_rows"),
    }
    assert named <= values.keys()
    assert all(values[name] > 0 for name in named)
    assert values["prices"] > 500_000
    assert values["bytes_per_price"] < values["rows_layout_bytes_per_price"]
    for layout in ("array per pool and instant", "row per price"):
        assert layout in table


def test_load_events_prints_a_table_and_its_ratios_as_json(stack: Stack, tiny_season: Path) -> None:
    for peer in ("dlt", "kloppy", "orjson", "pandas"):
        pytest.importorskip(peer, reason=f"{peer} is not installed: uv sync --group bench")
    table, values = run(
        "load_events.py",
        *("--source", str(tiny_season), "--season", "simulated-league_2025-2026", "--home", str(stack.home)),
    )
    expected = sum(len(json.loads(path.read_bytes())) for path in (tiny_season / "events").iterdir())
    assert (values["matches"], values["events"]) == (MATCHES, expected)
    ratios = {
        *("first_vs_copy", "first_with_fetch_vs_copy", "unchanged_vs_copy", "unchanged_load_only_vs_copy"),
        *("orm_vs_copy", "dlt_vs_copy", "dlt_arrow_vs_copy", "to_sql_vs_copy"),
        *("first_vs_orm", "first_vs_dlt", "copy_rows_per_s", "first_rows_per_s", "unchanged_rows_per_s"),
        *("decode_events_per_s", "decode_whole_match_events_per_s"),
        *("decode_vs_orjson", "decode_vs_statsbombpy", "decode_vs_kloppy", "peak_rss_mb", "peak_rss_growth"),
    }
    assert ratios <= values.keys()
    assert all(values[name] > 0 for name in ratios)
    for method in ("bare binary COPY", "ours, first load", "ours, unchanged", "ORM", "dlt", "to_sql", "kloppy"):
        assert method in table


def test_definitions_prints_a_table_and_its_budget_as_json() -> None:
    table, values = run("definitions.py")
    assert {"bare_dagster_s", "definitions_s", "ratio", "over_budget_s"} <= values.keys()
    assert values["heavy_modules"] == []
    assert values["budget_s"] == pytest.approx(1.5 * values["bare_dagster_s"] + 0.5, abs=0.001)
    assert "fotmate_assets.definitions" in table


def test_racing_prints_its_tables_and_its_ratios_as_json(stack: Stack) -> None:
    table, values = run("racing.py", "--days", "2", "--home", str(stack.home))
    ratios = {
        *("day_vs_copy", "day_with_fetch_vs_copy", "day_unchanged_vs_copy"),
        *("backfill_vs_copy", "backfill_with_fetch_vs_copy", "backfill_unchanged_vs_copy", "backfill_rows_per_s"),
        *("copy_rows_per_s", "requests_vs_rate_limit", "requests_in_flight", "serial_vs_rate_limit"),
    }
    assert ratios <= values.keys()
    assert all(values[name] > 0 for name in ratios)
    assert (values["backfill_days"], values["day_rows"] > 500) == (2, True)
    for method in ("bare binary COPY", "from kept bytes", "asking the simulated portal", "in flight at most"):
        assert method in table


def test_vision_prints_its_tables_and_its_ratios_as_json(tmp_path: Path) -> None:
    told = {"names": "{0: 'player', 1: 'ball'}"}
    weights = write_network(tmp_path / "one.onnx", np.zeros((300, 6), np.float32), told=told)
    table, values = run("vision.py", "--seconds", "1", "--width", "640", "--weights", str(weights))
    stages = ("decode", "detect", "colours", "track", "smooth", "teams", "write")
    figures = {
        *("decode_fps", "decode_opencv_fps", "decode_vs_opencv", "background_scene_ms"),
        *("background_fps", "background_vs_decode", "background_cpu_ms", "background_match_core_h"),
        *("onnx_fps", "onnx_vs_decode", "onnx_vs_forward", "onnx_forward_fps", "onnx_match_core_h"),
        *(f"background_{stage}_ms" for stage in stages),
    }
    assert figures <= values.keys()
    assert all(values[name] > 0 for name in figures)
    assert values["frames"] == 25
    assert values["has_gpu"] or "no GPU here" in table
    for row in ("cv2.VideoCapture", "onnx, forward pass alone", "background, end to end", "learn the empty scene"):
        assert row in table
