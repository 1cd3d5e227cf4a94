"""Sudden moves of a race date."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection, text

from fotmate_assets.core.model import Finding
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds import moves
from fotmate_assets.racing.odds.findings.words import clock, of_day
from fotmate_assets.racing.odds.store import FINAL, snapshot_rows

_NAMES = text("select race_id, start_no, runner_name from entries where race_date = :day")
_WIN = """
    odds_snapshots s where s.race_date = %(day)s and s.pool = %(pool)s and s.source <> %(final)s
    order by s.race_id, s.observed_at
"""


def sudden_moves(connection: Connection, key: str) -> list[Finding]:
    """No runner's share of the win pool rose by 5 points within 2 minutes, live or in a replay."""
    rows = snapshot_rows(connection, _WIN, {**of_day(key), "pool": Pool.WIN, "final": FINAL})
    names = {(row.race_id, row.start_no): row.runner_name for row in connection.execute(_NAMES, of_day(key))}
    return [
        Finding(
            race_id,
            f"number {move.start_no}",
            f"{names.get((race_id, move.start_no), 'unknown')}: {move.from_share:.1%} to {move.to_share:.1%} of the "
            f"win pool in {(move.observed_at - move.from_at).total_seconds():.0f} s, by {clock(move.observed_at)}"
            f"{', simulated' if move.is_simulated else ''}",
        )
        for race_id, of_race in groupby(rows, key=attrgetter("race_id"))
        for move in moves.sudden_moves(of_race)
    ]
