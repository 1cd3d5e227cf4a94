"""Sudden moves that were noted."""

from __future__ import annotations

from sqlalchemy import Connection, text

from fotmate_assets.core.model import Finding
from fotmate_assets.racing.odds.findings.words import of_day

_MOVES = text("""
    select m.*, e.runner_name from odds_moves m left join entries e using (race_id, start_no)
    where m.race_date = :day order by m.race_id, m.observed_at, m.start_no
""")


def sudden_moves(connection: Connection, key: str) -> list[Finding]:
    """No runner's share of the win pool rose by 5 points within 2 minutes."""
    return [
        Finding(
            row.race_id,
            f"number {row.start_no}",
            f"{row.runner_name or 'unknown'}: {row.from_share:.1%} to {row.to_share:.1%} of the win pool in "
            f"{(row.observed_at - row.from_at).total_seconds():.0f} s, {row.seconds_to_off // 60} min before the off"
            f"{', simulated' if row.is_simulated else ''}",
        )
        for row in connection.execute(_MOVES, of_day(key))
    ]
