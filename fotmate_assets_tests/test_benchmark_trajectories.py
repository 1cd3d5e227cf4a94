"""The benchmark of trajectories runs, and prints what it promises. What it measures is not asserted."""

import pytest

from fotmate_assets_tests.test_benchmarks import run


def test_trajectories_prints_its_tables_and_its_figures_as_json() -> None:
    for peer in ("kloppy", "pandas"):
        pytest.importorskip(peer, reason=f"{peer} is not installed: uv sync --group bench")
    table, values = run("trajectories.py", "--minutes", "2", "--metrica-minutes", "0.1")
    named = {
        *("bytes_per_row_float32", "bytes_per_row_centimetre", "one_track_ms", "one_minute_ms"),
        *("metrica_speedup_vs_kloppy", "metrica_speedup_vs_kloppy_in_metres"),
        *("write_cpu_s_float32", "write_cpu_s_centimetre", "write_cpu_s_vs_polars", "write_cpu_s_vs_pandas"),
        *("bytes_per_row_vs_polars", "bytes_per_row_vs_pandas", "one_track_ms_vs_polars", "one_minute_ms_vs_pandas"),
        *("bytes_per_row_float32_with_boxes", "bytes_per_row_centimetre_with_boxes"),
    }
    assert named <= values.keys()
    assert all(values[name] > 0 for name in named)
    assert values["rows"] == 2 * 60 * 25 * 23
    assert values["bytes_per_row_centimetre"] < values["bytes_per_row_float32"] < values["bytes_per_row_pandas"]
    for method in ("ours, float32", "ours, centimetres", "polars, defaults", "pandas, defaults", "kloppy"):
        assert method in table
