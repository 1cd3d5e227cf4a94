"""What the rows of KRA's services must hold: the fields that the tables need.

A field without a default must be there; one that may be null may hold nothing (`-`). The sets beside the structs are
the fields that are known and not used: they go to `details`.
"""

from __future__ import annotations

from msgspec import Struct

from fotmate_assets.racing.sources.kra.values import SECTIONALS
from fotmate_assets.racing.sources.rows import words


class RaceRow(Struct, kw_only=True, gc=False):
    """What every row says: which race it is about."""

    meet: str
    rcDate: int
    rcNo: int


class Conditions(RaceRow, kw_only=True, gc=False):
    """The announced facts of a race, as the schedule, the entry sheet and the results repeat them."""

    rcName: str | None
    rcDist: int | None
    rank: str | None
    budam: str | None
    ageCond: str | None
    sexCond: str | None = None
    prizeCond: str | None = None
    dusu: int | None = None
    chaksun1: int | None
    chaksun2: int | None
    chaksun3: int | None
    chaksun4: int | None
    chaksun5: int | None


class PlanRow(Conditions, kw_only=True, gc=False):
    """API72_2: one race of the schedule."""

    rcDist: int
    schStTime: str | None


class SheetRow(Conditions, kw_only=True, gc=False):
    """API26_2: one runner of the entry sheet."""

    stTime: str | None
    chulNo: int
    hrNo: str
    hrName: str
    sex: str | None
    age: int | None
    wgBudam: float | None
    rating: int | None
    jkNo: str | None
    jkName: str | None
    trNo: str | None
    trName: str | None
    owNo: str | None
    owName: str | None


class WeightRow(RaceRow, kw_only=True, gc=False):
    """API25_1: a horse weighed on the day."""

    chulNo: int
    hrNo: str | None
    wgHr: str | None
    wgHrDiff: float | None


class ScratchRow(RaceRow, kw_only=True, gc=False):
    """API9_1: a horse withdrawn after publication."""

    chulNo: int
    hrNo: str | None
    hrName: str | None
    reason: str | None
    noticeDate: str | None = None


class JockeyRow(RaceRow, kw_only=True, gc=False):
    """API10_1: a jockey replaced after publication. Numbers are called `jkAft` in answers seen in 2026 and `jkAftNo`
    in older lists; the weight to carry comes along in the former.
    """

    chulNo: int
    hrNo: str | None
    hrName: str | None
    jkBefName: str | None
    jkAftName: str
    jkAft: str | None = None
    jkAftNo: str | None = None
    aftBudam: float | None = None
    reason: str | None
    noticeDate: str | None = None


class TrackRow(RaceRow, kw_only=True, gc=False):
    """API189_1: weather and track before a race."""

    weather: str | None
    track: str | None
    waterPercent: float | None


class ResultRow(RaceRow, kw_only=True, gc=False):
    """What both result services say of a runner. `ord` 0: no result so far."""

    chulNo: int
    hrNo: str
    hrName: str
    ord: str | None
    ordBigo: str | None = None
    rcTime: str | None
    diffUnit: str | None = None
    winOdds: float | None = None
    plcOdds: float | None = None
    sex: str | None
    age: int | None
    rating: int | None = None
    wgBudam: float | None
    wgHr: str | None
    jkNo: str | None
    jkName: str | None
    trNo: str | None
    trName: str | None
    owNo: str | None = None
    owName: str | None = None
    rank: str | None
    track: str | None


class DetailRow(ResultRow, kw_only=True, gc=False):
    """API214_1: a runner's result in detail; before the race a row of placeholders."""

    diffUnit: str | None
    winOdds: float | None
    plcOdds: float | None
    rating: int | None
    weather: str | None
    rcName: str | None
    rcDist: int | None
    budam: str | None
    ageCond: str | None
    sexCond: str | None = None
    prizeCond: str | None
    chaksun1: int | None
    chaksun2: int | None
    chaksun3: int | None
    chaksun4: int | None
    chaksun5: int | None


class TotalRow(ResultRow, kw_only=True, gc=False):
    """API299: a runner's result on the day, with the post times."""

    schStTime: str | None
    stTime: str | None
    startTimeChg: str | None
    stTimeChgReason: str | None
    noraceFlag: int | None
    finalBit: int | None


class SalesRow(RaceRow, kw_only=True, gc=False):
    """API179_1: sales and winning combinations of one pool."""

    pool: str
    odds: str | None
    amt: int | None


class GridRow(Struct, gc=False):
    """API160_1 and API301: final odds of one combination. The number of a place that the pool lacks is 0."""

    meet: int | str
    rcDate: int
    rcNo: int
    pool: str
    chulNo: int
    odds: float
    chulNo2: int = 0
    chulNo3: int = 0


_CAREER = (
    "rcCntT rcCntY ord1CntT ord1CntY ord2CntT ord2CntY ord3CntT ord3CntY chaksunT chaksunY chaksun_6m "
    "hrNameEn jkNameEn trNameEn owNameEn"
)

OF_THE_RACE = words(
    "ilsu rcDay rcDays buga1 buga2 buga3 spRating stRating temperature humidityRel windSpeed windDirection salinity"
)
"""Known fields that say something of the race; the others are about the runner."""

PLAN_KNOWN = OF_THE_RACE
SHEET_KNOWN = OF_THE_RACE | words(f"prd {_CAREER}")
WEIGHT_KNOWN = OF_THE_RACE | words("hrName rcDist rcName recentRcDate budam")
SCRATCH_KNOWN = OF_THE_RACE
JOCKEY_KNOWN = OF_THE_RACE | words("jkBef jkBefNo befBudam seq")
TRACK_KNOWN = OF_THE_RACE
DETAIL_KNOWN = OF_THE_RACE | SECTIONALS | words("birthday hrTool name rankRise wgBudamBigo wgJk")
TOTAL_KNOWN = (
    OF_THE_RACE
    | SECTIONALS
    | words(
        f"{_CAREER} name prdName rcDist hrOrd1CntT hrOrd2CntT hrRcCntT jkAge jkCareer jkOrd1CntT jkOrd1CntY jkOrd2CntT "
        "jkOrd2CntY jkRcCntT jkRcCntY trAge trCareer trOrd1CntT trOrd1CntY trOrd2CntT trOrd2CntY trRcCntT "
        "trRcCntY"
    )
)
