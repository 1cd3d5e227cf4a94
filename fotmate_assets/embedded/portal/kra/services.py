"""KRA's services by path: when a race has rows in them, and which parameters ask for which days.

A parameter that a service does not have is ignored, as the portal does: the answer is that to a question without it.
The names are those of the sources listed in `racing.sources.kra.services`, written down again.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

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

_DATE_OR_MONTH = ("rc_date", "rc_month")


class KraService(NamedTuple):
    """One service: the stage from which a race has rows, what they are, and the parameters that ask for days."""

    stage: Stage
    rows: Callable[[RaceState, Stage], Iterator[Row]]
    days: tuple[str, ...] = _DATE_OR_MONTH
    """Heeded; it ignores others."""


SERVICES: Mapping[str, KraService] = {
    "API72_2/racePlan_2": KraService(Stage.PLANNED, plan),
    "API26_2/entrySheet_2": KraService(Stage.DECLARED, entry_sheet),
    "API25_1/entryHorseWeightInfo_1": KraService(Stage.WEIGHED, weights),
    "API9_1/raceHorseCancelInfo_1": KraService(Stage.DECLARED, scratches),
    "API10_1/jockeyChangeInfo_1": KraService(Stage.DECLARED, jockey_changes),
    "API189_1/Track_1": KraService(Stage.GROUND, ground, ("rc_date_fr", "rc_date_to")),
    "API214_1/RaceDetailResult_1": KraService(Stage.DECLARED, details),
    "API299/Race_Result_total": KraService(Stage.RESULT, totals, ("rc_date",)),
    "API160_1/integratedInfo_1": KraService(Stage.RESULT, integrated),
    "API301/Dividend_rate_total": KraService(Stage.RESULT, dividends),
    "API179_1/salesAndDividendRate_1": KraService(Stage.RESULT, sales_rows),
}
"""By path below the root."""


def rows(service: str, state: RaceState, stage: Stage) -> tuple[bytes, ...]:
    """The encoded rows of a race in a service; kept with the state."""
    first, make, _ = SERVICES[service]
    if stage < first:
        return ()
    key = (service, stage)
    if key not in state.rows:
        state.rows[key] = tuple(msgspec.json.encode(row) for row in make(state, stage))
    return state.rows[key]


def days_asked(service: str, params: Mapping[str, str], today: date) -> list[date]:
    """The dates that a question is about; none where one is not written as the service wants it.

    Without a date: the last thirty days. With one end of a span: from thirty days ago, or to today.
    """
    asked = {name: text for name, text in params.items() if name in SERVICES[service].days}
    if "rc_date" in asked:
        first = last = _date(asked["rc_date"])
    elif "rc_month" in asked:
        first = _date(f"{asked['rc_month']}01")
        last = first.replace(day=calendar.monthrange(first.year, first.month)[1]) if first else None
    else:
        first = _date(asked.get("rc_date_fr", f"{today - timedelta(days=30):%Y%m%d}"))
        last = _date(asked.get("rc_date_to", f"{today:%Y%m%d}"))
    if first is None or last is None:
        return []
    return [first + timedelta(days=after) for after in range((last - first).days + 1)]


def _date(text: str) -> date | None:
    """`20250531` as a date; None for anything else."""
    try:
        return datetime.strptime(text, "%Y%m%d").date() if len(text) == 8 else None  # noqa: DTZ007
    except ValueError:
        return None
