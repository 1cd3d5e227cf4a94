"""A match's trajectories as a file: bytes per row, writing, one track, one minute; and Metrica's CSV against kloppy.

    python benchmarks/trajectories.py [--minutes N] [--metrica-minutes N] [--rounds N] [--json]

See README.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import kloppy.metrica
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
from _common import print_json, print_table
from _simulated_tracks import TRACKS, metadata_of, simulated_match

from fotmate_assets.embedded.sample.metrica_tracking import write_csv_pair
from fotmate_assets.vision.metrics import player_metrics
from fotmate_assets.vision.model import Pitch
from fotmate_assets.vision.sources.metrica import read_csv_pair
from fotmate_assets.vision.trajectories import Encoding, read_trajectories, write_trajectories

TRACK = 7
WINDOW_MS = 60_000
WRITERS = {
    "float32": "ours, float32",
    "centimetre": "ours, centimetres",
    "polars": "polars, defaults",
    "pandas": "pandas, defaults",
}
METRICA = {
    "ours": "ours, to rows in metres",
    "kloppy": "kloppy, in Metrica's own coordinates",
    "kloppy_in_metres": "kloppy, to metres (`secondspectrum`)",
}


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall-clock seconds of one call."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - started


def interleaved(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Medians of CPU and wall-clock seconds: every round does each once, so that all meet the same weather."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(timed(work))
    return {
        name: (statistics.median(cpu for cpu, _ in times), statistics.median(wall for _, wall in times))
        for name, times in taken.items()
    }


def read_bytes(path: Path, is_wanted: Callable[[dict[str, Any]], bool]) -> int:
    """Bytes of the row groups that a read cannot leave out by their statistics, and of the footer."""
    told = pq.read_metadata(path)
    total = int(told.serialized_size)
    for number in range(told.num_row_groups):
        group = told.row_group(number)
        columns = [group.column(place) for place in range(group.num_columns)]
        bounds = {column.path_in_schema: column.statistics for column in columns}
        if is_wanted(bounds):
            total += sum(column.total_compressed_size for column in columns)
    return total


def wants_track(bounds: dict[str, Any]) -> bool:
    return bool(bounds["track_id"].min <= TRACK <= bounds["track_id"].max)


def wants_minute(bounds: dict[str, Any], from_ms: int) -> bool:
    period, time_ms = bounds["period"], bounds["timestamp_ms"]
    return bool(period.min <= 1 <= period.max and time_ms.min < from_ms + WINDOW_MS and time_ms.max >= from_ms)


def measure_files(folder: Path, minutes: float, rounds: int) -> dict[str, Any]:
    """Writing the same rows with each writer, and reading them back in part."""
    rows, meta = simulated_match(minutes), metadata_of(minutes)
    frame = rows.to_pandas()
    paths = {name: folder / f"{name}.parquet" for name in WRITERS}
    written = interleaved(
        {
            "float32": lambda: write_trajectories(paths["float32"], rows, meta, "float32"),
            "centimetre": lambda: write_trajectories(paths["centimetre"], rows, meta, "centimetre"),
            "polars": lambda: rows.write_parquet(paths["polars"]),
            "pandas": lambda: frame.to_parquet(paths["pandas"]),
        },
        rounds,
    )
    from_ms = WINDOW_MS * round(minutes / 4)
    window: dict[str, Any] = {"period": 1, "from_ms": from_ms, "to_ms": from_ms + WINDOW_MS}
    in_window = (pl.col("period") == 1) & pl.col("timestamp_ms").is_between(from_ms, from_ms + WINDOW_MS - 1)
    filters = [("period", "==", 1), ("timestamp_ms", ">=", from_ms), ("timestamp_ms", "<", from_ms + WINDOW_MS)]
    tracks: dict[str, Callable[[], Any]] = {
        name: partial(read_trajectories, paths[name], track=TRACK) for name in ("float32", "centimetre")
    }
    spans: dict[str, Callable[[], Any]] = {
        name: partial(read_trajectories, paths[name], **window) for name in ("float32", "centimetre")
    }
    tracks["polars"] = lambda: pl.scan_parquet(paths["polars"]).filter(pl.col("track_id") == TRACK).collect()
    spans["polars"] = lambda: pl.scan_parquet(paths["polars"]).filter(in_window).collect()
    tracks["pandas"] = lambda: pd.read_parquet(paths["pandas"], filters=[("track_id", "==", TRACK)])
    spans["pandas"] = lambda: pd.read_parquet(paths["pandas"], filters=filters)
    for reads in (tracks, spans):
        lengths = {name: len(read()) for name, read in reads.items()}
        assert len(set(lengths.values())) == 1, lengths
    of_track, of_window = interleaved(tracks, 2 * rounds + 1), interleaved(spans, 2 * rounds + 1)
    values: dict[str, Any] = {"rows": rows.height, "rounds": rounds}
    for name, path in paths.items():
        values |= {
            f"bytes_per_row_{name}": path.stat().st_size / rows.height,
            f"write_cpu_s_{name}": written[name][0],
            f"one_track_ms_{name}": of_track[name][1] * 1e3,
            f"one_minute_ms_{name}": of_window[name][1] * 1e3,
            f"one_track_share_{name}": read_bytes(path, wants_track) / path.stat().st_size,
            f"one_minute_share_{name}": read_bytes(path, partial(wants_minute, from_ms=from_ms)) / path.stat().st_size,
        }
    values["one_track_ms"], values["one_minute_ms"] = values["one_track_ms_float32"], values["one_minute_ms_float32"]
    for peer in ("polars", "pandas"):
        for what in ("bytes_per_row", "write_cpu_s", "one_track_ms", "one_minute_ms"):
            values[f"{what}_vs_{peer}"] = values[f"{what}_{peer}"] / values[f"{what}_float32"]
    values["metrics_s"] = timed(lambda: player_metrics(rows, meta.fps))[1]
    return values


def measure_boxes(folder: Path, minutes: float) -> dict[str, Any]:
    """Bytes per row of what comes from a video."""
    rows, meta = simulated_match(minutes, boxes=True), metadata_of(minutes)
    values = {}
    encodings: tuple[Encoding, ...] = ("float32", "centimetre")
    for encoding in encodings:
        path = folder / f"boxes_{encoding}.parquet"
        write_trajectories(path, rows, meta, encoding)
        values[f"bytes_per_row_{encoding}_with_boxes"] = path.stat().st_size / rows.height
    return values


def measure_metrica(folder: Path, minutes: float, rounds: int) -> dict[str, Any]:
    """A simulated pair of CSV files, read whole."""
    home, away = write_csv_pair(folder, seconds=minutes * 30)
    load = partial(kloppy.metrica.load_tracking_csv, home_data=str(home), away_data=str(away))
    counted = 0

    def ours() -> None:
        nonlocal counted
        counted = sum(block.height for block in read_csv_pair(home, away, Pitch()).blocks("match-1"))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kloppy has no pitch size, and says so
        taken = interleaved(
            {
                "ours": ours,
                "kloppy": lambda: load(coordinates="metrica"),
                "kloppy_in_metres": lambda: load(coordinates="secondspectrum"),
            },
            rounds,
        )
    values: dict[str, Any] = {"metrica_minutes": minutes, "metrica_rows": counted}
    for name, (cpu, wall) in taken.items():
        values |= {f"metrica_{name}_cpu_s": cpu, f"metrica_{name}_s": wall}
    for peer in ("kloppy", "kloppy_in_metres"):
        values[f"metrica_speedup_vs_{peer}"] = taken[peer][0] / taken["ours"][0]
    return values


def show(values: dict[str, Any]) -> None:
    print_table(
        f"{values['rows']:,} rows of {TRACKS} tracks",
        ("writer", "bytes/row", "write, CPU s", "one track, ms", "of the file", "one minute, ms", "of the file"),
        [
            (
                title,
                f"{values[f'bytes_per_row_{name}']:.2f}",
                f"{values[f'write_cpu_s_{name}']:.2f}",
                f"{values[f'one_track_ms_{name}']:.1f}",
                f"{values[f'one_track_share_{name}']:.0%}",
                f"{values[f'one_minute_ms_{name}']:.1f}",
                f"{values[f'one_minute_share_{name}']:.0%}",
            )
            for name, title in WRITERS.items()
        ],
        [
            "Of the file: bytes of the row groups that statistics do not rule out, and of the footer.",
            f"With pixel boxes and errors: {values['bytes_per_row_float32_with_boxes']:.2f} bytes/row in float32, "
            f"{values['bytes_per_row_centimetre_with_boxes']:.2f} in centimetres.",
            f"Metrics of all players: {values['metrics_s']:.1f} s.",
        ],
    )
    print_table(
        f"Metrica CSV, {values['metrica_minutes']:g} minutes: {values['metrica_rows']:,} rows",
        ("reader", "CPU s", "s", "it / ours, CPU"),
        [
            (
                title,
                f"{values[f'metrica_{name}_cpu_s']:.2f}",
                f"{values[f'metrica_{name}_s']:.2f}",
                f"{values[f'metrica_{name}_cpu_s'] / values['metrica_ours_cpu_s']:.1f}",
            )
            for name, title in METRICA.items()
        ],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=90, help="length of the match that is stored")
    parser.add_argument("--metrica-minutes", type=float, default=90, help="length of the match that kloppy reads too")
    parser.add_argument("--rounds", type=int, default=3, help="more of everything that is timed")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fotmate-bench-") as temporary:
        folder = Path(temporary)
        values = measure_files(folder, chosen.minutes, chosen.rounds) | measure_boxes(folder, chosen.minutes)
        values |= measure_metrica(folder, chosen.metrica_minutes, chosen.rounds)
    show(values)
    if chosen.json:
        print_json(values)


if __name__ == "__main__":
    main()
