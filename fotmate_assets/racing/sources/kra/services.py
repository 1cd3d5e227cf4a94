"""KRA's services: which questions tell of a meeting, asked for its day or for its month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from fotmate_assets.racing.model import KST, TRACKS, Meeting
from fotmate_assets.racing.sources.kra.reading import index
from fotmate_assets.racing.sources.source import Family, Inquiry, Listing

DAY, MONTH = "rc_date", "rc_month"

RUNNER = ("rcDate", "rcNo", "chulNo")
RACE = ("rcDate", "rcNo")
COMBINATION = ("rcDate", "rcNo", "pool", "chulNo", "chulNo2", "chulNo3")


@dataclass(frozen=True)
class Service:
    """One service of the portal."""

    family: Family
    path: str
    unique: tuple[str, ...]
    by_month: bool = True
    """It takes `rc_month`."""
    from_race_day: bool = False
    """It says nothing before the day of the races."""

    @property
    def slot(self) -> str:
        """The service's short name: `API214_1`."""
        return self.path.split("/")[0]

    def of_day(self, meeting: Meeting) -> Inquiry:
        """The question for one meeting."""
        shelf = f"{meeting.race_date:%Y-%m-%d}"
        return self._inquiry(meeting.track_id, DAY, f"{meeting.race_date:%Y%m%d}", shelf)

    def of_month(self, track_id: str, month: date) -> Inquiry:
        """The question for a track's month, given by any of its days."""
        return self._inquiry(track_id, MONTH, f"{month:%Y%m}", f"{month:%Y-%m}")

    def _inquiry(self, track_id: str, period: str, value: str, shelf: str) -> Inquiry:
        params = (("meet", TRACKS[track_id].code), (period, value))
        document = f"{self.slot}/{track_id}/{shelf}"
        return Inquiry(self.family, self.path, params, document, shelf, self.slot, self.unique)


SCHEDULE = Service(Family.RACES, "API72_2/racePlan_2", RACE)
ENTRY_SHEET = Service(Family.ENTRIES, "API26_2/entrySheet_2", RUNNER)
GRID = Service(Family.PAYOFFS, "API160_1/integratedInfo_1", COMBINATION)
GRID_OF_THE_DAY = Service(Family.PAYOFFS, "API301/Dividend_rate_total", COMBINATION)
SERVICES = (
    SCHEDULE,
    ENTRY_SHEET,
    Service(Family.ENTRIES, "API25_1/entryHorseWeightInfo_1", RUNNER, from_race_day=True),
    Service(Family.ENTRIES, "API9_1/raceHorseCancelInfo_1", RUNNER, from_race_day=True),
    # By the new jockey's name: his number is called differently in answers of different years.
    Service(Family.ENTRIES, "API10_1/jockeyChangeInfo_1", (*RUNNER, "jkAftName"), from_race_day=True),
    Service(Family.ENTRIES, "API189_1/Track_1", RACE, from_race_day=True),
    Service(Family.RESULTS, "API214_1/RaceDetailResult_1", RUNNER),
    Service(Family.RESULTS, "API299/Race_Result_total", RUNNER, by_month=False),
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
        if service.family in wanted and service.by_month
    ]


def start_of(day: date) -> datetime:
    """Midnight before a Korean day."""
    return datetime.combine(day, time(), KST)
