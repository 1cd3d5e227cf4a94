"""KRA's services: which questions tell of a meeting, asked for its day or for its month.

The portal ignores a parameter that a service does not have and answers as if nothing was asked, so the names matter.
All services take `meet`. The rest is no public document but what was measured or copied from the portal's request
tables; files are named by their id in the public code search, where their repository is not known:

- API72_2, API9_1, API10_1: rc_date, rc_month, rc_no, rc_year (kra_client.py, 68899013101, measured 2026-08 and -09).
  kra-analysis (71176742218) asks API72_2 with rc_year=2024 and rc_month=01 instead: kept is rc_month=202401. A client
  (53115575412) says that API10_1 heeds `meet` as a name only: kept is the code; rows of other tracks are left out.
- API25_1: rc_date, rc_month, hr_no, hr_name (fkkmemi/kra-types `EntryHorseWeightInfoRequestParams`; kra_client.py).
- API26_2: rc_date, rc_month, rc_no (seanjr2847/horserace, KRA_API_GUIDE.md). kra_client.py lists no rc_month: kept.
- API189_1: rc_date_fr and rc_date_to, and neither rc_date nor rc_month (fkkmemi/kra-types `TrackRequestParams`; the
  request table in 53328326033; kra_api_service.py of kra-analysis, 53766722859).
- API214_1: rc_date, rc_no (12591837020 and others); rc_month by our own research notes only.
- API299: rc_date, which is required, and rc_no (request table in 6713684489; 67566673156). One script (43758871649)
  asks it by rc_year and rc_month, without the operation's name: not followed.
- API160_1: rc_date, rc_month, rc_no, pool (kra_client.py); `pool` is said to be ignored (59814900192).
- API301: rc_date, and pool and rc_no which may be left out (53741150838 got every pool with meet and rc_date alone,
  measured 2026-04-23; 53903918849). rc_month by our own research notes only; it is not asked for.
- API179_1: rc_date, rc_no (53113219588, measured 2026-04-23: rcDate and rcNo are ignored), months (60253363184).
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum

from fotmate_assets.racing.model import KST, TRACKS, Meeting
from fotmate_assets.racing.sources.kra.reading import index
from fotmate_assets.racing.sources.source import Family, Inquiry, Listing


class Period(Enum):
    """How a service is told which days are meant."""

    DAY = "rc_date"
    """`rc_date=20250531` only."""
    DAY_OR_MONTH = "rc_date or rc_month"
    """`rc_date=20250531`, or `rc_month=202505`."""
    SPAN = "rc_date_fr to rc_date_to"
    """`rc_date_fr=20250501` and `rc_date_to=20250531`, both included."""


Params = tuple[tuple[str, str], ...]

RUNNER = ("rcDate", "rcNo", "chulNo")
RACE = ("rcDate", "rcNo")
COMBINATION = ("rcDate", "rcNo", "pool", "chulNo", "chulNo2", "chulNo3")


@dataclass(frozen=True)
class Service:
    """One service of the portal."""

    family: Family
    path: str
    unique: tuple[str, ...]
    period: Period = Period.DAY_OR_MONTH
    from_race_day: bool = False
    """It says nothing before the day of the races."""

    @property
    def slot(self) -> str:
        """The service's short name: `API214_1`."""
        return self.path.split("/")[0]

    def of_day(self, meeting: Meeting) -> Inquiry:
        """The question for one meeting."""
        day = meeting.race_date
        told = _span(day, day) if self.period is Period.SPAN else (("rc_date", f"{day:%Y%m%d}"),)
        return self._inquiry(meeting.track_id, told, f"{day:%Y-%m-%d}")

    def of_month(self, track_id: str, month: date) -> Inquiry:
        """The question for a track's month, given by any of its days. Raises ValueError for a service that takes
        single days only.
        """
        match self.period:
            case Period.DAY:
                raise ValueError(f"{self.slot} cannot be asked for a month")
            case Period.DAY_OR_MONTH:
                told: Params = (("rc_month", f"{month:%Y%m}"),)
            case Period.SPAN:
                last = calendar.monthrange(month.year, month.month)[1]
                told = _span(month.replace(day=1), month.replace(day=last))
        return self._inquiry(track_id, told, f"{month:%Y-%m}")

    def _inquiry(self, track_id: str, period: Params, shelf: str) -> Inquiry:
        params = (("meet", TRACKS[track_id].code), *period)
        document = f"{self.slot}/{track_id}/{shelf}"
        return Inquiry(self.family, self.path, params, document, shelf, self.slot, self.unique)


def _span(first: date, last: date) -> Params:
    return (("rc_date_fr", f"{first:%Y%m%d}"), ("rc_date_to", f"{last:%Y%m%d}"))


SCHEDULE = Service(Family.RACES, "API72_2/racePlan_2", RACE)
ENTRY_SHEET = Service(Family.ENTRIES, "API26_2/entrySheet_2", RUNNER)
DETAILS = Service(Family.RESULTS, "API214_1/RaceDetailResult_1", RUNNER)
GRID = Service(Family.PAYOFFS, "API160_1/integratedInfo_1", COMBINATION)
GRID_OF_THE_DAY = Service(Family.PAYOFFS, "API301/Dividend_rate_total", COMBINATION)
SERVICES = (
    SCHEDULE,
    ENTRY_SHEET,
    Service(Family.ENTRIES, "API25_1/entryHorseWeightInfo_1", RUNNER, from_race_day=True),
    Service(Family.ENTRIES, "API9_1/raceHorseCancelInfo_1", RUNNER, from_race_day=True),
    # By the new jockey's name: his number is called differently in answers of different years.
    Service(Family.ENTRIES, "API10_1/jockeyChangeInfo_1", (*RUNNER, "jkAftName"), from_race_day=True),
    Service(Family.ENTRIES, "API189_1/Track_1", RACE, Period.SPAN, from_race_day=True),
    DETAILS,
    Service(Family.RESULTS, "API299/Race_Result_total", RUNNER, Period.DAY),
    GRID,
    Service(Family.PAYOFFS, "API179_1/salesAndDividendRate_1", (*RACE, "pool")),
)
"""In the order asked. API301 follows where API160_1 has nothing."""


def inquiries(
    meeting: Meeting, families: Iterable[Family], have: Mapping[str, Listing], now: datetime
) -> list[Inquiry]:
    """The questions for one meeting. The schedule's is the month's, which the calendar asks."""
    wanted = set(families)
    is_race_day = now >= start_of(meeting.race_date)
    asked = [
        SCHEDULE.of_month(meeting.track_id, meeting.race_date) if service is SCHEDULE else service.of_day(meeting)
        for service in SERVICES
        if service.family in wanted and (is_race_day or not service.from_race_day)
    ]
    grid = have.get(GRID.slot)
    if Family.PAYOFFS in wanted and grid is not None and not index(grid).of(meeting):
        asked.append(GRID_OF_THE_DAY.of_day(meeting))
    return asked


def month_inquiries(meeting: Meeting, families: Iterable[Family]) -> list[Inquiry]:
    """The same questions for the meeting's whole month, of the services that take one."""
    wanted = set(families)
    return [
        service.of_month(meeting.track_id, meeting.race_date)
        for service in SERVICES
        if service.family in wanted and service.period is not Period.DAY
    ]


def start_of(day: date) -> datetime:
    """Midnight before a Korean day."""
    return datetime.combine(day, time(), KST)
