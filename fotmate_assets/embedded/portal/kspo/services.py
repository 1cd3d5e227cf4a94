"""KSPO's operations by path: when a race has rows in them, what they must be told and what they heed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.kspo.cards import Row, boat_card, boat_document, cycle_card, two_digits
from fotmate_assets.embedded.portal.kspo.results import boat_result, cycle_result, payoff, ranking
from fotmate_assets.embedded.portal.publication import Stage
from fotmate_assets.embedded.portal.race import RaceState
from fotmate_assets.racing.model import Sport


@dataclass(frozen=True)
class KspoService:
    """One operation: what it lists, from which stage, and what it must be told."""

    tracks: tuple[str, ...]
    stage: Stage
    rows: Callable[[RaceState], Iterator[Row]]
    required: tuple[str, ...] = ()
    filters: tuple[str, ...] = ("stnd_yr", "week_tcnt", "day_tcnt", "race_no")
    """The parameters that it heeds; it ignores others."""


_CYCLES = ("gwangmyeong", "changwon", "busan_cycle")
_RANK_FILTERS = ("stnd_year", "tms", "day_ord", "race_no", "race_day", "racer_no", "racer_nm")
_ONE_RACE = ("stnd_yr", "week_tcnt", "day_tcnt", "race_no")

SERVICES: Mapping[str, KspoService] = {
    "SRVC_OD_API_CRA_RACE_ORGAN/TODZ_API_CRA_RACE_ORGAN_I": KspoService(
        ("gwangmyeong",), Stage.DECLARED, cycle_card, filters=("meet_nm", "stnd_yr", "week_tcnt")
    ),
    "SRVC_OD_API_VWEB_MBR_RACE_DOC/TODZ_API_VWEB_MBR_RACE_DOC_I": KspoService(
        ("misari",), Stage.DECLARED, boat_document, ("stnd_yr",), (*_ONE_RACE, "race_ymd", "race_reg_no")
    ),
    "SRVC_OD_API_VWEB_MBR_RACE_INFO/TODZ_API_VWEB_MBR_RACE_I": KspoService(("misari",), Stage.DECLARED, boat_card),
    "SRVC_CRA_RACE_RANK/TODZ_CRA_RACE_RANK": KspoService(_CYCLES, Stage.RESULT, ranking, filters=_RANK_FILTERS),
    "SRVC_TODZ_CRA_RACE_RESULT/TODZ_API_CRA_RACE_RESULT": KspoService(
        _CYCLES, Stage.RESULT, cycle_result, ("meet_nm", *_ONE_RACE), ("meet_nm", *_ONE_RACE)
    ),
    "SRVC_OD_API_CRA_PAYOFF/TODZ_API_CRA_PAYOFF_I": KspoService(
        ("gwangmyeong",), Stage.ARCHIVED, payoff, filters=("stnd_yr", "week_tcnt", "day_tcnt")
    ),
    "SRVC_MRA_RACE_RANK/TODZ_MRA_RACE_RANK": KspoService(("misari",), Stage.RESULT, ranking, filters=_RANK_FILTERS),
    "SRVC_OD_API_MBR_RACE_RESULT/TODZ_API_MBR_RACE_RESULT_I": KspoService(("misari",), Stage.RESULT, boat_result),
    "SRVC_OD_API_MBR_PAYOFF/TODZ_API_MBR_PAYOFF_I": KspoService(("misari",), Stage.ARCHIVED, payoff, _ONE_RACE),
}
"""By path below the root."""

_RANKING_NAMES = {"week_tcnt": "tms", "day_tcnt": "day_ord", "stnd_yr": "stnd_year"}
"""What the ranking services call the same."""


def heeded(service: KspoService, params: Mapping[str, str]) -> dict[str, str]:
    """The filters that a question sets."""
    return {name: params[name] for name in service.filters if params.get(name)}


def days_asked(service: KspoService, filters: Mapping[str, str], calendar: RaceCalendar, today: date) -> list[date]:
    """The dates that a question can be about, as far as its year, round and date tell.

    Without a year: this one.
    """
    sport = Sport.BOAT if service.tracks == ("misari",) else Sport.CYCLE
    if (text := filters.get("race_day") or filters.get("race_ymd")) is not None:
        try:
            return [datetime.strptime(text, "%Y%m%d").date()] if len(text) == 8 else []  # noqa: DTZ007
        except ValueError:
            return []
    year = filters.get("stnd_yr") or filters.get("stnd_year") or str(today.year)
    if not year.isdecimal() or len(year) != 4:
        return []
    if (week := filters.get("week_tcnt") or filters.get("tms")) is not None:
        return calendar.round_days(sport, int(year), int(week)) if week.isdecimal() else []
    rounds = range(1, len(calendar.rounds(sport, int(year))) + 1)
    return [day for number in rounds for day in calendar.round_days(sport, int(year), number)]


def is_asked_for(filters: Mapping[str, str], state: RaceState) -> bool:
    """True when a race passes the filters that concern races. They must be written as the service writes them: round
    and race with two digits (`9` finds nothing), the day of the round with one.
    """
    meeting = state.race.meeting
    told = {
        "meet_nm": meeting.track.code,
        "stnd_yr": str(meeting.year),
        "week_tcnt": two_digits(meeting.round or 0),
        "day_tcnt": str(meeting.day),
        "race_no": two_digits(state.race.race_no),
    }
    told |= {_RANKING_NAMES.get(name, name): value for name, value in told.items()}
    return all(filters[name].strip() == value for name, value in told.items() if name in filters)


def rows(path: str, state: RaceState, stage: Stage) -> tuple[bytes, ...]:
    """The encoded rows of a race in a service, without `row_num`; kept with the state."""
    service = SERVICES[path]
    if stage < service.stage or state.race.meeting.track_id not in service.tracks:
        return ()
    if (path,) not in state.rows:
        state.rows[path,] = tuple(msgspec.json.encode(row) for row in service.rows(state))
    return state.rows[path,]


def matches_runner(filters: Mapping[str, str], row: bytes) -> bool:
    """True when a row passes the filters that concern one racer."""
    asked = {name: filters[name] for name in ("racer_no", "racer_nm", "race_reg_no") if name in filters}
    if not asked:
        return True
    told = msgspec.json.decode(row)
    return all(told.get(name) == value for name, value in asked.items())


def numbered(row: bytes, number: int) -> bytes:
    """The row with its place in the answer."""
    return row[:-1] + b',"row_num":%d}' % number
