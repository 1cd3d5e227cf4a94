"""Synthetic KSPO rows made from the Swagger's field lists, and a portal that filters them as the gateway does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.racing.model import KST, Meeting, MeetingCard, RaceCard
from fotmate_assets.racing.sources.kspo import services
from fotmate_assets.racing.sources.kspo.source import KSPO
from fotmate_assets.racing.sources.source import Answer, Built, Family, Inquiry, Listing

Row = dict[str, Any]
MISSING = object()

FRIDAY = date(2026, 1, 2)
GWANGMYEONG = Meeting(FRIDAY, "gwangmyeong", 2026, 1, 1)
CHANGWON = Meeting(FRIDAY, "changwon", 2026, 1, 1)
WEDNESDAY = date(2026, 1, 28)
MISARI = Meeting(WEDNESDAY, "misari", 2026, 5, 1)
RIDERS = ("김가", "이나", "박다", "최라", "정마", "강바", "조사")


def changed(base: Row, changes: Mapping[str, Any]) -> Row:
    """`base` with fields replaced, or taken out where the value is MISSING."""
    return {name: value for name, value in {**base, **changes}.items() if value is not MISSING}


def page(inquiry: Inquiry, rows: Sequence[Row]) -> RawDocument:
    content = json.dumps(rows, ensure_ascii=False).encode()
    return RawDocument("kspo", inquiry.document, content, "test:", datetime(2026, 1, 1, tzinfo=UTC))


def listing(inquiry: Inquiry, rows: Sequence[Row]) -> Listing:
    """The answer to an inquiry, on one page."""
    raw = tuple(msgspec.Raw(json.dumps(row, ensure_ascii=False).encode()) for row in rows)
    return Listing(inquiry, (page(inquiry, rows),), raw)


def cycle_card_row(race_no: int, back_no: int, name: str, meeting: Meeting = GWANGMYEONG, **changes: Any) -> Row:
    """A rider of the cycle card; form fields are left out but for a few."""
    base = {
        "meet_nm": "광명  ",
        "stnd_yr": str(meeting.year),
        "week_tcnt": f"{meeting.round:02d}",
        "day_tcnt": str(meeting.day),
        "race_ymd": f"{meeting.race_date:%Y.%m.%d}",
        "race_no": f"{race_no:02d}",
        "back_no": str(back_no),
        "racer_nm": name,
        "color_nm": "백",
        "period_no": "7",
        "racer_age": "33",
        "gear_rate": "3.86",
        "rec_200m_scr": '11"78',
        "trng_plc_nm": "김포",
        "win_rate": "12",
        "racer_grd_cd": "우수",
        "racer_grd_cur_cd": "A2",
        "dptre_tm": f'{11 + race_no}"05',
        "round_cnt": "6",
        "race_len": "2025",
        "row_num": back_no,
    }
    return changed(base, changes)


def cycle_card_rows(races: int = 1, riders: Sequence[str] = RIDERS, meeting: Meeting = GWANGMYEONG) -> list[Row]:
    return [
        cycle_card_row(race_no, back_no, name, meeting)
        for race_no in range(1, races + 1)
        for back_no, name in enumerate(riders, 1)
    ]


def boat_doc_row(race_no: int, lane: int, name: str, meeting: Meeting = MISARI, **changes: Any) -> Row:
    base = {
        "stnd_yr": str(meeting.year),
        "week_tcnt": meeting.round,
        "day_tcnt": meeting.day,
        "race_ymd": f"{meeting.race_date:%Y%m%d}",
        "race_no": f"{race_no:02d}",
        "race_reg_no": str(lane),
        "racer_nm": name,
        "racer_no": f"10-{lane:03d}",
        "racer_perio_no": "10",
        "racer_age": 41,
        "racer_grd_cd": "B1",
        "wght": 55.5,
        "motor_no": f"07{lane}",
        "boat_no": f"00{lane}",
        "st_mthd_cd": "001   ",
        "organ_stat_cd": "확정",
        "row_num": "1",
    }
    return changed(base, changes)


def boat_info_row(race_no: int, lane: int, name: str, meeting: Meeting = MISARI, **changes: Any) -> Row:
    base = {
        "stnd_yr": str(meeting.year),
        "week_tcnt": str(meeting.round),
        "day_tcnt": str(meeting.day),
        "race_no": f"{race_no:02d}",
        "race_reg_no": str(lane),
        "racer_nm": name,
        "racer_age": "41",
        "racer_grd_cd": "B1",
        "sex_cd": "여",
        "wght": "55.5",
        "motor_no": f"07{lane}",
        "boat_no": f"00{lane}",
        "dptre_tm": f"{10 + race_no}:40",
        "rmk2_rank": "특선",
        "st_mthd_cd": "001   ",
        "fl_tcnt": "F0L1",
        "row_num": 1,
    }
    return changed(base, changes)


def rank_row(race_no: int, name: str, rank: str, meeting: Meeting = GWANGMYEONG, **changes: Any) -> Row:
    """A runner of the ranking. Its racer number is made from the name, so that no two share one by chance."""
    is_boat = meeting.track_id == "misari"
    base = {
        "stnd_year": str(meeting.year),
        "tms": f"{meeting.round:02d}",
        "day_ord": str(meeting.day),
        "race_day": f"{meeting.race_date:%Y%m%d}",
        "race_no": f"{race_no:02d}",
        "racer_nm": name,
        "racer_no": f"n{sum(map(ord, name))}",
        "race_rank": rank,
        "mbr_nm" if is_boat else "meet_nm": meeting.track.code,
        "row_num": 1,
    }
    return changed(base, changes)


def rank_rows(ranks: Mapping[str, str], race_no: int = 1, meeting: Meeting = GWANGMYEONG) -> list[Row]:
    """Rows of one race; `ranks` by name."""
    return [rank_row(race_no, name, rank, meeting) for name, rank in ranks.items()]


def result_row(race_no: int = 1, meeting: Meeting = GWANGMYEONG, **changes: Any) -> Row:
    base: Row = {
        "stnd_yr": str(meeting.year),
        "week_tcnt": meeting.round,
        "day_tcnt": meeting.day,
        "race_no": f"{race_no:02d}",
        "row_num": 1,
    }
    if meeting.track_id == "misari":
        base |= {"day_tcnt": str(meeting.day)}
    else:
        base |= {"race_ymd": f"{meeting.race_date:%m%d}", "meet_nm": meeting.track.code}
    return changed(base, changes)


def payoff_row(race_no: int = 1, meeting: Meeting = GWANGMYEONG, **changes: Any) -> Row:
    base = {
        "stnd_yr": str(meeting.year),
        "week_tcnt": meeting.round,
        "day_tcnt": meeting.day,
        "race_ymd": f"{meeting.race_date:%Y%m%d}",
        "race_no": f"{race_no:02d}",
        "row_num": 1,
    }
    return changed(base, changes)


@dataclass
class Day:
    """The documents of one meeting. None: not asked for."""

    meeting: Meeting
    card: Sequence[Row] | None = None
    info: Sequence[Row] | None = None
    rank: Sequence[Row] | None = None
    result: Mapping[int, Sequence[Row]] | Sequence[Row] | None = None
    """By race for cycles."""
    payoff: Mapping[int, Sequence[Row]] | Sequence[Row] | None = None
    """By race for boats."""

    def listings(self) -> dict[str, Listing]:
        one = self.meeting
        asked: list[tuple[Inquiry, Sequence[Row] | None]] = []
        if one.track_id == "misari":
            asked += [(services.boat_doc(one.race_date, 2026), self.card), (services.boat_info(one), self.info)]
            asked += [
                (services.boat_rank(one.race_date, one.year or 0), self.rank),
                (services.boat_result(one), _flat(self.result)),
            ]
            asked += [(services.boat_payoff(one, race), rows) for race, rows in _by_race(self.payoff)]
        else:
            asked += [(services.cycle_card(2026, one.round or 0), self.card)]
            asked += [(services.cycle_rank(one.race_date, 2026), self.rank)]
            asked += [(services.cycle_result(one, race), rows) for race, rows in _by_race(self.result)]
            asked += [(services.cycle_payoff(one), _flat(self.payoff))]
        return {inquiry.slot: listing(inquiry, rows) for inquiry, rows in asked if rows is not None}

    def built(self) -> Built:
        return KSPO().build(self.meeting, self.listings())

    def card_built(self) -> MeetingCard:
        """The meeting, which must have no failures."""
        built = self.built()
        assert built.failures == ()
        return built.card

    def race(self, race_no: int = 1) -> RaceCard:
        return race_of(self.card_built(), race_no)


def _by_race(rows: Any) -> list[tuple[int, Sequence[Row]]]:
    return list(rows.items()) if isinstance(rows, Mapping) else []


def _flat(rows: Any) -> Sequence[Row] | None:
    return None if isinstance(rows, Mapping) else rows


def race_of(card: MeetingCard, race_no: int) -> RaceCard:
    return next(one for one in card.races if one.race.race_no == race_no)


def kst(day: date, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=KST)


@dataclass
class Portal:
    """Rows by service slot, filtered by every parameter of a question, letter for letter as the gateway does."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Documents that cannot be had."""
    ignored: set[str] = field(default_factory=set)
    """Parameters that filter nothing."""
    asked: list[str] = field(default_factory=list)

    def ask(self, inquiries: Iterable[Inquiry]) -> dict[str, Answer]:
        return {one.document: self._answer(one) for one in inquiries}

    def _answer(self, inquiry: Inquiry) -> Answer:
        self.asked.append(inquiry.document)
        if inquiry.document in self.broken:
            return SourceError(Verdict.TRANSPORT, "kspo", inquiry.document, "down")
        rows = self.rows.get(services.service_of(inquiry), [])
        wanted = {name: value for name, value in inquiry.params if name not in self.ignored}
        return listing(inquiry, [row for row in rows if all(str(row[k]).strip() == v for k, v in wanted.items())])

    def add(self, slot: str, *rows: Row) -> None:
        self.rows.setdefault(slot, []).extend(rows)

    def add_round(self, year: int, number: int, first: date, days: int = 3) -> None:
        """A round at Gwangmyeong, with its card."""
        for day in range(days):
            meeting = Meeting(first + timedelta(days=day), "gwangmyeong", year, number, day + 1)
            self.add(services.CYCLE_CARD, cycle_card_row(1, 1, "김가", meeting))

    def add_boats(self, meeting: Meeting) -> None:
        self.add(services.BOAT_DOC, boat_doc_row(1, 1, "김가", meeting))

    def add_ranking(self, meeting: Meeting) -> None:
        self.add(services.CYCLE_RANK, rank_row(1, "김가", "1", meeting))


ALL = tuple(Family)
