"""Synthetic rows of KRA's services, made from the field lists, and listings of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from fotmate_assets.core.model import RawDocument
from fotmate_assets.racing.model import Entry, Meeting, RaceCard, Result
from fotmate_assets.racing.sources.kra.services import GRID_OF_THE_DAY, SERVICES
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.kra.values import SECTIONALS
from fotmate_assets.racing.sources.source import Built, Inquiry, Listing

DAY = date(2025, 5, 31)
MEETING = Meeting(DAY, "seoul")
RC_DATE = 20250531
Row = dict[str, Any]

PRIZES = {"chaksun1": 10_000_000, "chaksun2": 4_000_000, "chaksun3": 2_500_000, "chaksun4": 1_000_000, "chaksun5": 500}


def inquiry(slot: str, track_id: str = "seoul", *, month: bool = False, day: date = DAY) -> Inquiry:
    """The question of a service."""
    (service,) = (it for it in (*SERVICES, GRID_OF_THE_DAY) if it.slot == slot)
    month = month or slot == "API72_2"
    return service.of_month(track_id, day) if month else service.of_day(Meeting(day, track_id))


def listing(
    slot: str,
    rows: Iterable[Mapping[str, Any]],
    track_id: str = "seoul",
    *,
    month: bool = False,
    day: date = DAY,
) -> Listing:
    """A whole answer of one page."""
    asked = inquiry(slot, track_id, month=month, day=day)
    content = [msgspec.json.encode(row) for row in rows]
    page = RawDocument("kra", asked.document, b"[" + b",".join(content) + b"]", "http://portal", datetime.now(UTC))
    return Listing(asked, (page,), tuple(msgspec.Raw(row) for row in content))


def built(*listings: Listing, meeting: Meeting = MEETING) -> Built:
    """The meeting as these listings tell it."""
    return KRA().build(meeting, {it.inquiry.slot: it for it in listings})


def card_of(result: Built, race_no: int = 1) -> RaceCard:
    """One race of a meeting that was read without a failure."""
    assert result.failures == ()
    return next(card for card in result.card.races if card.race.race_no == race_no)


def race_card(*listings: Listing, race_no: int = 1) -> RaceCard:
    """One race as these listings tell it."""
    return card_of(built(*listings), race_no)


def entries_of(*listings: Listing, race_no: int = 1) -> dict[int, Entry]:
    """The entries of a race, by number."""
    return {entry.start_no: entry for entry in race_card(*listings, race_no=race_no).entries or ()}


def results_of(*listings: Listing, race_no: int = 1) -> dict[int, Result]:
    """The results of a race, by number."""
    return {result.start_no or 0: result for result in race_card(*listings, race_no=race_no).results or ()}


def plan(rc_no: int = 1, **fields: Any) -> Row:
    """API72_2."""
    told = {
        "meet": "서울",
        "rcDate": RC_DATE,
        "rcNo": rc_no,
        "rcName": "일반",
        "rcDist": 1200,
        "rank": "국6등급",
        "budam": "별정A",
        "ageCond": "연령오픈",
        "sexCond": "성별오픈",
        "schStTime": 1035,
        "ilsu": 41,
        "spRating": 0,
        "stRating": 0,
        "buga1": 0,
        "buga2": 0,
        "buga3": 0,
        **PRIZES,
    }
    return told | fields


def sheet(chul_no: int = 1, rc_no: int = 1, **fields: Any) -> Row:
    """API26_2."""
    told = {
        "meet": "서울",
        "rcDate": RC_DATE,
        "rcNo": rc_no,
        "chulNo": chul_no,
        "hrNo": f"09900{chul_no:02d}",
        "hrName": f"바람{chul_no}",
        "age": 3,
        "sex": "수",
        "prd": "한국",
        "wgBudam": 56.5,
        "rating": "-",
        "rank": "국6등급",
        "jkName": f"기수{chul_no}",
        "jkNo": f"0994{chul_no:02d}",
        "trName": "조교사",
        "trNo": "090180",
        "owName": "마주",
        "owNo": 199011,
        "stTime": "출발 :10:40",
        "dusu": 11,
        "rcDist": 1200,
        "rcName": "일반",
        "budam": "별정A",
        "ageCond": "연령오픈",
        "sexCond": "-",
        "prizeCond": "R0~0",
        "ilsu": 41,
        "rcDay": "토요일",
        "chaksunT": 18_750_000,
        "rcCntT": 4,
        **PRIZES,
    }
    return told | fields


def detail(chul_no: int = 1, order: int | str = 0, rc_no: int = 1, **fields: Any) -> Row:
    """API214_1. Without `order`: the row of placeholders that stands there before the race."""
    ran = order != 0
    told = {
        "meet": "서울",
        "rcDate": RC_DATE,
        "rcNo": rc_no,
        "chulNo": chul_no,
        "hrNo": f"09900{chul_no:02d}",
        "hrName": f"바람{chul_no}",
        "ord": order,
        "ordBigo": "-",
        "rcTime": 75.0 + chul_no / 10 if ran else 0,
        "diffUnit": "½" if ran else "-",
        "winOdds": 2.0 + chul_no if ran else 0,
        "plcOdds": 1.5 if ran else 0,
        "age": 3,
        "sex": "수",
        "rating": 0,
        "wgBudam": 56.5,
        "wgBudamBigo": "-",
        "wgHr": "480(+2)" if ran else "0()",
        "jkName": f"기수{chul_no}",
        "jkNo": f"0994{chul_no:02d}",
        "trName": "조교사",
        "trNo": "090180",
        "owName": "마주",
        "owNo": 199011,
        "rank": "국6등급",
        "track": "건조 (2%)" if ran else " (0%)",
        "weather": "맑음" if ran else "-",
        "rcName": "일반",
        "rcDist": 1200,
        "budam": "별정A",
        "ageCond": "연령오픈",
        "prizeCond": "R0~0",
        "rankRise": 0,
        "hrTool": "망사",
        "name": "한국",
        "birthday": 20220303,
        "ilsu": 41,
        "rcDay": "토요일",
        "wgJk": 0,
        **PRIZES,
        **dict.fromkeys(SECTIONALS, 0),
    }
    return told | fields


def total(chul_no: int = 1, order: int | str = 0, rc_no: int = 1, **fields: Any) -> Row:
    """API299."""
    ran = order != 0
    told = {
        "meet": "서울",
        "rcDate": RC_DATE,
        "rcNo": rc_no,
        "chulNo": chul_no,
        "hrNo": f"09900{chul_no:02d}",
        "hrName": f"바람{chul_no}",
        "ord": order,
        "rcTime": 75.0 + chul_no / 10 if ran else 0,
        "age": 3,
        "sex": "수",
        "wgBudam": 56.5,
        "wgHr": "480(+2)" if ran else "0()",
        "jkName": f"기수{chul_no}",
        "jkNo": f"0994{chul_no:02d}",
        "trName": "조교사",
        "trNo": "090180",
        "rank": "국6등급",
        "track": "다습 (7%)" if ran else " (0%)",
        "schStTime": "2025-05-31T10:45:00+09:00",
        "stTime": "2025-05-31T10:45:00+09:00",
        "startTimeChg": "-",
        "stTimeChgReason": "-",
        "noraceFlag": 0,
        "finalBit": 1 if ran else 0,
        "jkAge": 31,
        **dict.fromkeys(SECTIONALS, 0),
    }
    return told | fields


def details(*orders: int | str, rc_no: int = 1) -> Listing:
    """API214_1 of one race: the orders of the numbers 1, 2, 3."""
    return listing("API214_1", (detail(number, order, rc_no) for number, order in enumerate(orders, 1)))


def totals(*orders: int | str, **fields: Any) -> Listing:
    """API299 of one race."""
    return listing("API299", (total(number, order, **fields) for number, order in enumerate(orders, 1)))


def sheets(*numbers: int) -> Listing:
    """API26_2 of one race."""
    return listing("API26_2", (sheet(number) for number in numbers))


def plans(*races: int) -> Listing:
    """API72_2."""
    return listing("API72_2", (plan(number) for number in races))


def about(chul_no: int, rc_no: int = 1, **fields: Any) -> Row:
    """The head of a row about a runner, for the small services."""
    told = {"meet": 1, "rcDate": RC_DATE, "rcNo": rc_no, "chulNo": chul_no}
    return told | {"hrNo": f"09900{chul_no:02d}", "hrName": f"바람{chul_no}"} | fields


def odds(rc_no: int, pool: str, numbers: Sequence[int], price: float, **fields: Any) -> Row:
    """API160_1."""
    first, second, third = (*numbers, 0, 0)[:3]
    told = {"meet": "서울", "rcDate": RC_DATE, "rcNo": rc_no, "pool": pool, "odds": price}
    return told | {"chulNo": first, "chulNo2": second, "chulNo3": third} | fields


def sale(rc_no: int, pool: str, winners: str, amount: int = 1_000_000, **fields: Any) -> Row:
    """API179_1."""
    return {"meet": "서울", "rcDate": RC_DATE, "rcNo": rc_no, "pool": pool, "odds": winners, "amt": amount} | fields
