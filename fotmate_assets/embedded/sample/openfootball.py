"""A simulated season in the shape of openfootball's football.json, for the sample upstream."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

DOCUMENT = "2025-26/sim.1.json"
"""Simulated League 2025/2026: season key `simulated-league_2025-2026`."""


class SampleFixture(NamedTuple):
    """One match of the simulated season."""

    matchday: int
    date: date
    home: str
    away: str
    score: tuple[int, int] | None
    """Home and away goals; None before the match."""


def write_season(folder: Path, name: str, fixtures: Iterable[SampleFixture]) -> None:
    """Write `fixtures` as `folder/2025-26/sim.1.json`, every kick-off at 15:00 UTC.

    `name` is the league's name as readers see it. Raises ValueError unless it says simulated.
    """
    if "simulated" not in name.lower():
        raise ValueError(f"{name!r} does not say that the league is simulated")
    matches = [
        {
            "round": f"Matchday {fixture.matchday}",
            "date": fixture.date.isoformat(),
            "time": "15:00",
            "team1": fixture.home,
            "team2": fixture.away,
            "score": {"ft": list(fixture.score)} if fixture.score else {},
        }
        for fixture in fixtures
    ]
    target = folder / DOCUMENT
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"name": name, "matches": matches}, indent=2, ensure_ascii=False), "utf-8")
