"""How findings about odds are said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from fotmate_assets.racing.model import KST

NAMED = 3
"""Things of one kind that a finding names; it counts the others."""

ACTED_ON = timedelta(minutes=2)
"""From a change of the calendar to the collector that acts on it: some ticks."""


def of_day(key: str) -> dict[str, Any]:
    """The parameters of a query about a race date."""
    return {"day": date.fromisoformat(key)}


def clock(instant: datetime) -> str:
    """A Korean time of day."""
    return f"{instant.astimezone(KST):%H:%M:%S}"


def named(things: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(things) - NAMED} more" if len(things) > NAMED else ""
    return ", ".join(things[:NAMED]) + more


def runners(numbers: Iterable[int]) -> str:
    """Start numbers, ascending."""
    return " ".join(map(str, sorted(numbers))) or "nobody"


def pools(rows: Iterable[Row[Any]]) -> str:
    """The pools of rows, each once."""
    return "+".join(sorted({row.pool for row in rows}))
