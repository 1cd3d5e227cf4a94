"""KRA's services by path: when a race has rows in them, and how they are asked."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta

import msgspec

from fotmate_assets.embedded.portal.kra.announced import (
    Row,
    entry_sheet,
    ground,
    jockey_changes,
    plan,
    scratches,
    weights,
)
from fotmate_assets.embedded.portal.kra.odds import dividends, integrated, sales_rows
from fotmate_assets.embedded.portal.kra.results import details, totals
from fotmate_assets.embedded.portal.publication import Stage
from fotmate_assets.embedded.portal.race import RaceState

SERVICES: Mapping[str, tuple[Stage, Callable[[RaceState, Stage], Iterator[Row]]]] = {
    "API72_2/racePlan_2": (Stage.PLANNED, plan),
    "API26_2/entrySheet_2": (Stage.DECLARED, entry_sheet),
    "API25_1/entryHorseWeightInfo_1": (Stage.WEIGHED, weights),
    "API9_1/raceHorseCancelInfo_1": (Stage.DECLARED, scratches),
    "API10_1/jockeyChangeInfo_1": (Stage.DECLARED, jockey_changes),
    "API189_1/Track_1": (Stage.GROUND, ground),
    "API214_1/RaceDetailResult_1": (Stage.DECLARED, details),
    "API299/Race_Result_total": (Stage.RESULT, totals),
    "API160_1/integratedInfo_1": (Stage.RESULT, integrated),
    "API301/Dividend_rate_total": (Stage.RESULT, dividends),
    "API179_1/salesAndDividendRate_1": (Stage.RESULT, sales_rows),
}
"""Path below the root, the stage from which a race has rows, and what they are."""


def rows(service: str, state: RaceState, stage: Stage) -> tuple[bytes, ...]:
    """The encoded rows of a race in a service; kept with the state."""
    first, make = SERVICES[service]
    if stage < first:
        return ()
    key = (service, stage)
    if key not in state.rows:
        state.rows[key] = tuple(msgspec.json.encode(row) for row in make(state, stage))
    return state.rows[key]


def days_asked(service: str, params: Mapping[str, str], today: date) -> list[date]:
    """The dates that a question is about; none where a date is not written as the service wants it.

    Without a date: the last thirty days. API299 knows single dates only and ignores a month.
    """
    if (text := params.get("rc_date")) is not None:
        return [day] if (day := _date(text)) else []
    if (text := params.get("rc_month")) is not None and not service.startswith("API299/"):
        first = _date(f"{text}01")
        if first is None or len(text) != 6:
            return []
        return [first.replace(day=day) for day in range(1, calendar.monthrange(first.year, first.month)[1] + 1)]
    return [today - timedelta(days=back) for back in range(30, -1, -1)]


def _date(text: str) -> date | None:
    """`20250531` as a date; None for anything else."""
    try:
        return datetime.strptime(text, "%Y%m%d").date() if len(text) == 8 else None  # noqa: DTZ007
    except ValueError:
        return None
