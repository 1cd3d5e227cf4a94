"""A season of events into Postgres: our load against bare COPY, ORM, dlt and pandas; and decoding alone.

    python benchmarks/load_events.py [--source DIR --season KEY] [--rounds N] [--home DIR] [--json]

DIR is a folder in StatsBomb's open-data layout; without one, a simulated season is written. See README.md.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import resource
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import _decoders
import _writers
from _common import Database, Databases, databases, interleaved, print_json, print_table, seconds
from _season import SeasonRows, SourceSeason, local_zone, prepare, stored_rows

from fotmate_assets.core.postgres import make_engine
from fotmate_assets.embedded.sample.statsbomb import LEAGUE, league_matches, write_season

PEER_MATCHES = 10
"""How many matches the slower writers get; their rate is per row."""
DECODED_MATCHES = 4
MEMORY_GROWTH = 4


def simulate(folder: Path) -> None:
    """Write the simulated season."""
    write_season(folder, LEAGUE, list(league_matches()))


def measure_load(
    season: SourceSeason, made: Databases, folder: Path, rounds: int
) -> tuple[SeasonRows, dict[str, float]]:
    """Seconds (medians) of COPY and of our loads, interleaved, with the final rows that all of them write."""
    with made.fresh() as database:
        prepare(season, database)
        zone = local_zone(folder / "warm")
        season.fetch(database, zone)
        season.load(database, zone)
        rows = stored_rows(database)
    copy = _writers.copy(rows)
    gc.freeze()  # the collector should not walk rows that no load has in memory
    taken: dict[str, list[float]] = {"copy": [], "fetch": [], "first": [], "unchanged": [], "unchanged_load": []}
    for turn in range(rounds):
        with made.fresh() as database:
            prepare(season, database)
            taken["copy"].append(copy(database))
        with made.fresh() as database:
            season.register(database)
            zone = local_zone(folder / f"round-{turn}")
            taken["fetch"].append(season.fetch(database, zone))
            took, outcome = season.load(database, zone)
            taken["first"].append(took)
            assert sum(match.events for match in outcome.loaded) == rows.events
            check = season.fetch(database, zone)
            took, outcome = season.load(database, zone)
            assert not outcome.loaded and outcome.unchanged == len(rows.matches)
            taken["unchanged"].append(check + took)
            taken["unchanged_load"].append(took)
    return rows, {name: statistics.median(values) for name, values in taken.items()}


def measure_peers(season: SourceSeason, made: Databases, rows: SeasonRows, rounds: int) -> dict[str, float]:
    """Rows per second (medians) of the other writers and of COPY beside them, over the same matches."""
    few = rows.first(PEER_MATCHES)
    writers = {
        "copy": (_writers.copy(few), few.count),
        "orm": (_writers.orm(few), few.count),
        "to_sql": (_writers.to_sql(few), few.count),
        "dlt_dicts": (_writers.dlt_dicts(few), few.events),
        "dlt_arrow": (_writers.dlt_arrow(few), few.events),
    }

    def measure(writer: _writers.Writer) -> float:
        with made.fresh() as database:
            prepare(season, database)
            return writer(database)

    taken = interleaved({name: partial(measure, one) for name, (one, _) in writers.items()}, rounds)
    return {name: count / taken[name] for name, (_, count) in writers.items()}


def measure_decoders(season: SourceSeason, rounds: int) -> tuple[int, dict[str, float]]:
    """Number of matches, and events per second (medians) of each decoder over them."""
    samples = _decoders.samples(season, DECODED_MATCHES)
    events = 0
    for sample in samples:
        found = _decoders.ours(sample)
        assert [one[:31] for one in found] == [one[:31] for one in _decoders.orjson_loop(sample)]
        events += len(found)
    decoders: dict[str, Callable[[_decoders.Sample], object]] = {
        "ours": _decoders.ours,
        "ours_whole": _decoders.ours_whole,
        "orjson": _decoders.orjson_loop,
        "statsbombpy": _decoders.statsbombpy(),
        "kloppy": _decoders.kloppy(),
    }

    def measure(decode: Callable[[_decoders.Sample], object]) -> float:
        return sum(seconds(partial(decode, sample)) for sample in samples)

    taken = interleaved({name: partial(measure, one) for name, one in decoders.items()}, rounds)
    return len(samples), {name: events / one for name, one in taken.items()}


def _peak_rss_mb() -> float:
    """The most memory this process ever held, in MB (10^6 bytes); unlike getrusage's, not inherited from a parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def _load_and_weigh(folder: Path, key: str, zone: Path, writer_url: str, owner_url: str) -> float:
    database = Database(make_engine(writer_url), writer_url, owner_url)
    SourceSeason(folder, key).load(database, local_zone(zone))
    return _peak_rss_mb()


def measure_memory(season: SourceSeason, made: Databases, folder: Path) -> tuple[float, float]:
    """Peak memory in MB of a process that loads the season, and of one that loads it four times over."""
    peaks = []
    for times in (1, MEMORY_GROWTH):
        larger = season.repeated(times, folder / f"times-{times}")
        zone = folder / f"zone-{times}"
        with made.fresh() as database, multiprocessing.get_context("spawn").Pool(1) as process:
            larger.register(database)
            larger.fetch(database, local_zone(zone))
            task = (larger.folder, larger.key, zone, database.writer_url, database.owner_url)
            peaks.append(process.apply(_load_and_weigh, task))
    return peaks[0], peaks[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="folder in StatsBomb's open-data layout; default: simulated")
    parser.add_argument("--season", default="simulated-league_2025-2026", help="season key, as in the catalogue")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of every measurement; medians are printed")
    parser.add_argument("--home", type=Path, help="home of a stack to use and leave running; default: a temporary one")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fotmate-bench-") as temporary, databases(chosen.home) as made:
        folder = Path(temporary)
        if chosen.source is None:
            simulate(folder / "simulated")
        season = SourceSeason(chosen.source or folder / "simulated", chosen.season)
        rows, took = measure_load(season, made, folder, chosen.rounds)
        peak, peak_larger = measure_memory(season, made, folder)
        peers = measure_peers(season, made, rows, chosen.rounds)
        decoded, decoders = measure_decoders(season, chosen.rounds)

    first = took["copy"] / took["first"]
    values = {
        "season": season.key,
        "matches": len(rows.matches),
        "events": rows.events,
        "rows": rows.count,
        "rounds": chosen.rounds,
        "copy_rows_per_s": rows.count / took["copy"],
        "first_rows_per_s": rows.count / took["first"],
        "unchanged_rows_per_s": rows.count / took["unchanged"],
        "first_vs_copy": first,
        "first_with_fetch_vs_copy": took["copy"] / (took["fetch"] + took["first"]),
        "unchanged_vs_copy": took["copy"] / took["unchanged"],
        "unchanged_load_only_vs_copy": took["copy"] / took["unchanged_load"],
        "orm_vs_copy": peers["orm"] / peers["copy"],
        "dlt_vs_copy": peers["dlt_dicts"] / peers["copy"],
        "dlt_arrow_vs_copy": peers["dlt_arrow"] / peers["copy"],
        "to_sql_vs_copy": peers["to_sql"] / peers["copy"],
    }
    values |= {
        "first_vs_orm": first / values["orm_vs_copy"],
        "first_vs_dlt": first / values["dlt_vs_copy"],
        "decode_events_per_s": decoders["ours"],
        "decode_whole_match_events_per_s": decoders["ours_whole"],
        "decode_vs_orjson": decoders["ours"] / decoders["orjson"],
        "decode_vs_statsbombpy": decoders["ours"] / decoders["statsbombpy"],
        "decode_vs_kloppy": decoders["ours"] / decoders["kloppy"],
        "peak_rss_mb": peak_larger,
        "peak_rss_growth": peak_larger / peak,
    }
    _print(values, took, peers, decoders, decoded, (peak, peak_larger))
    if chosen.json:
        print_json(values)


def _print(
    values: dict[str, float | int | str],
    took: dict[str, float],
    peers: dict[str, float],
    decoders: dict[str, float],
    decoded: int,
    peaks: tuple[float, float],
) -> None:
    rows, few = int(values["rows"]), min(PEER_MATCHES, int(values["matches"]))

    def line(what: str, rows_per_s: float, copy: float) -> tuple[str, str, str]:
        return what, f"{rows_per_s:,.0f}", f"{rows_per_s / copy:.2f}"

    copy = rows / took["copy"]
    print_table(
        f"{values['season']}: {values['matches']} matches, {values['events']:,} events, {rows:,} rows",
        ("method", "rows/s", "COPY = 1"),
        [
            line("bare binary COPY, one transaction", copy, copy),
            line("ours, first load from the raw zone", rows / took["first"], copy),
            line("ours, first load with fetching the folder", rows / (took["fetch"] + took["first"]), copy),
            line("ours, unchanged, source folder checked", rows / took["unchanged"], copy),
            line("ours, unchanged, raw zone only", rows / took["unchanged_load"], copy),
            *(
                line(f"{what}, {few} matches", peers[name], peers["copy"])
                for name, what in (
                    ("copy", "bare binary COPY beside the peers"),
                    ("orm", "SQLAlchemy ORM add_all, commit per match"),
                    ("to_sql", "pandas to_sql, default method (executemany)"),
                    ("dlt_dicts", "dlt merge, lists of dicts, events only"),
                    ("dlt_arrow", "dlt merge, Arrow tables, events only"),
                )
            ),
        ],
        [f"Medians of {values['rounds']} interleaved rounds. Ours decodes and finds ids; the others get final rows."],
    )
    print_table(
        f"Decoding alone, {decoded} matches in memory",
        ("method", "events/s", "ours / it"),
        [
            (what, f"{decoders[name]:,.0f}", f"{decoders['ours'] / decoders[name]:.1f}")
            for name, what in (
                ("ours", "ours: bytes to domain events"),
                ("ours_whole", "ours: bytes to the whole match, with squads and statistics"),
                ("orjson", "orjson and a loop: the same tuples, nothing validated"),
                ("statsbombpy", "statsbombpy sb.events, flattened frame"),
                ("kloppy", "kloppy statsbomb.load"),
            )
        ],
    )
    print_table(
        "Peak memory of a first load",
        ("matches", "MB"),
        [
            (f"{int(values['matches']) * times}", f"{peak:,.0f}")
            for times, peak in zip((1, MEMORY_GROWTH), peaks, strict=True)
        ],
    )


if __name__ == "__main__":
    main()
