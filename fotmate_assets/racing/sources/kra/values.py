"""The small notations of KRA's services. Every parser takes what a row holds, gives None where that means that there
is nothing (a zero, empty brackets), and raises ValueError for what it does not know.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time
from typing import NamedTuple

from fotmate_assets.racing.model import KST, ODDS_CAP, TRACKS, FinishStatus, Pool, combination
from fotmate_assets.racing.sources.rows import words

TRACK_OF: dict[str, str] = {
    called: track.track_id
    for track in TRACKS.values()
    if track.source == "kra"
    for called in (track.code, *track.names)
}
"""Everything that `meet` is in a response, to our track."""


def track_of(meet: int | str) -> str:
    """The track that a response calls `meet`: `1`, `서울`, `부경`."""
    track_id = TRACK_OF.get(str(meet).strip())
    if track_id is None:
        raise ValueError(f"no track is called {meet!r}")
    return track_id


def registration(number: str, digits: int) -> str:
    """A registration with its leading zeros, which some services lose: horses have 7 digits, people 6."""
    return number.zfill(digits)


def day_of(rc_date: int) -> date:
    """`20250531` as a date."""
    try:
        return datetime.strptime(str(rc_date), "%Y%m%d").date()  # noqa: DTZ007 (a day, not an instant)
    except ValueError:
        raise ValueError(f"{rc_date!r} is no date like 20250531") from None


def post_time(text: str, day: date) -> datetime | None:
    """A time of day: `1035`, `935`, `출발 :10:45`, `2025-05-03T10:35:00+09:00`; `0` is none."""
    if "T" in text:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(KST) if moment.tzinfo else moment.replace(tzinfo=KST)
    if not text.strip("0"):
        return None
    match = re.fullmatch(r"(?:출발)?[\s:]*(\d{1,2})\s*:\s*(\d{2})|(\d{1,2})(\d{2})", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time of day")
    hour, minute = (int(part) for part in match.groups() if part is not None)
    return datetime.combine(day, time(hour, minute), KST)


def announced_at(text: str) -> datetime:
    """`202505310915` as an instant."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=KST)
    except ValueError:
        raise ValueError(f"{text!r} is no moment like 202505310915") from None


def seconds(text: str) -> float | None:
    """A running time: `75.4` or `1:15.4`; `0` is none."""
    match = re.fullmatch(r"(?:(\d+):)?(\d+(?:\.\d+)?)", text)
    if match is None:
        raise ValueError(f"{text!r} is no running time")
    return int(match[1] or 0) * 60 + float(match[2]) or None


class Weight(NamedTuple):
    """Body weight in kg, and its change against the last start."""

    kg: float | None
    change_kg: float | None


NO_WEIGHT = Weight(None, None)


def body_weight(text: str) -> Weight:
    """`511(+2)`, `483()` (nothing to compare with), `0()` (not weighed)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)?\s*(?:\(\s*([+-]?\d+(?:\.\d+)?)?\s*\))?", text)
    if match is None:
        raise ValueError(f"{text!r} is no body weight")
    kg = float(match[1] or 0) or None
    return Weight(kg, float(match[2]) if kg and match[2] else None)


class Going(NamedTuple):
    """The state of the track, and how moist its sand is."""

    condition: str | None
    moisture_pct: float | None


NO_GOING = Going(None, None)


def going(text: str) -> Going:
    """`건조 (2%)`; ` (0%)` is none."""
    match = re.fullmatch(r"([^()]*)(?:\(\s*(\d+(?:\.\d+)?)\s*%\s*\))?", text)
    if match is None:
        raise ValueError(f"{text!r} is no track condition")
    return Going(match[1].strip() or None, float(match[2] or 0) or None)


MARGINS = {"코": 0.05, "머리": 0.2, "목": 0.3}
"""Nose, head and neck in lengths, by racing's common convention. KRA's nose is 0.1 to 21 cm (Sports Donga, 2013-04-18)
of a length of 2.4 m (Sports Chosun, 2014-07-04), so 0.09 at most. 대 (a distance) has no measure."""


def margin_lengths(text: str) -> float | None:
    """`½`, `1½`, `4`, `코` in lengths; None for words without a measure."""
    word = text.removesuffix("차").strip()
    if word in MARGINS:
        return MARGINS[word]
    match = re.fullmatch(r"(\d+(?:\.\d+)?)?\s*(?:([¼½¾⅓⅔⅛⅜⅝⅞])|(\d)/(\d))?", text.removesuffix("마신").strip())
    if match is None or not text:
        return None
    whole, sign, over, under = match.groups()
    part = unicodedata.numeric(sign) if sign else int(over) / (int(under) or 1) if over else 0.0
    return float(whole or 0) + part


class Finish(NamedTuple):
    """How a runner ended a race: a position, or a code in its place."""

    status: FinishStatus
    position: int | None = None
    code: str | None = None


_FINISHES = {
    FinishStatus.DISQUALIFIED: ("91", "실격"),
    FinishStatus.PULLED_UP: ("92", "주행중지", "낙마", "기권"),
    FinishStatus.EXCLUDED: ("93", "94", "출전제외", "선제"),
    FinishStatus.SCRATCHED: ("95", "출전취소"),
    FinishStatus.VOID: ("98", "경주불성립"),
    FinishStatus.CANCELLED: ("99", "경주취소"),
}
FINISH_OF = {code: status for status, codes in _FINISHES.items() for code in codes}
"""What stands in place of a position (91 to 99 and their words), to how the race ended. 선제 is 선수 제외."""
WORD_OF = {status: next(code for code in codes if not code.isdecimal()) for status, codes in _FINISHES.items()}
"""How KRA calls each."""


def finish(order: str) -> Finish | None:
    """`3`, `92`, `실격`; `0` is none: no result so far."""
    if order in FINISH_OF:
        return Finish(FINISH_OF[order], code=order)
    if not order.isdecimal() or int(order) >= 90:
        raise ValueError(f"no finish is called {order!r}")
    return Finish(FinishStatus.FINISHED, int(order)) if int(order) else None


POOL_OF = {
    name: pool
    for pool, names in {
        Pool.WIN: "단승식 단승 단식",
        Pool.PLC: "연승식 연승 연식",
        Pool.QNL: "복승식 복승 복식",
        Pool.EXA: "쌍승식 쌍승 쌍식",
        Pool.QPL: "복연승식 복연승 복연",
        Pool.TLA: "삼복승식 삼복승 삼복",
        Pool.TRI: "삼쌍승식 삼쌍승 삼쌍",
    }.items()
    for name in (pool.value, *names.split())
}
"""What the services call a pool: in full (API160_1), short (API179_1: `복식`) or by its code (API301)."""

NUMBERS_IN = {Pool.WIN: 1, Pool.PLC: 1, Pool.QNL: 2, Pool.EXA: 2, Pool.QPL: 2, Pool.TLA: 3, Pool.TRI: 3}
"""How many start numbers a combination has."""


def pool_of(label: str) -> Pool:
    """The pool of a label."""
    if label not in POOL_OF:
        raise ValueError(f"no pool is called {label!r}")
    return POOL_OF[label]


class Declared(NamedTuple):
    """A winning combination and what it paid."""

    combination: str
    odds: float


def declared(text: str, pool: Pool) -> list[Declared]:
    """`⑪③⑥-1077.1`, or several: `①-2.5 ③-1.3`. Numbers are circled or plain (`21,3-9.0`)."""
    found = []
    for token in text.split():
        runners, _, odds = token.rpartition("-")
        if not re.fullmatch(r"\d+(?:\.\d+)?", odds.replace(",", "")):
            raise ValueError(f"{token!r} has no odds after its last hyphen")
        numbers = [_number(part) for part in re.findall(r"\d+|[^\d\s,./·-]", runners, re.ASCII)]
        if len(numbers) != NUMBERS_IN[pool]:
            raise ValueError(f"{token!r} is no combination of {NUMBERS_IN[pool]}")
        found.append(Declared(combination(pool, numbers), float(odds.replace(",", ""))))
    return found


def _number(text: str) -> int:
    """A start number: `11` or `⑪`."""
    value = int(text) if text.isdecimal() else unicodedata.numeric(text, 0.0)
    if value != int(value) or value < 1:
        raise ValueError(f"{text!r} is no start number")
    return int(value)


def price(odds: float) -> float | None:
    """Odds as a price: None for the portal's cap and for zero, which is no price."""
    return odds if 0 < odds < ODDS_CAP else None


SECTIONALS = words(
    "buG1fAccTime buG1fOrd buG2fAccTime buG2fOrd buG3fAccTime buG3fOrd buG4fAccTime buG4fOrd buG6fAccTime buG6fOrd "
    "buG8fAccTime buG8fOrd buS1fAccTime buS1fOrd buS1fTime bu_10_8fTime bu_1fGTime bu_2fGTime bu_3fGTime bu_4_2fTime "
    "bu_6_4fTime bu_8_6fTime jeG1fTime jeG3fTime jeS1fTime je_1cTime je_2cTime je_3cTime je_4cTime seG1fAccTime "
    "seG3fAccTime seS1fAccTime se_1cAccTime se_2cAccTime se_3cAccTime se_4cAccTime sjG1fOrd sjG3fOrd sjS1fOrd sj_1cOrd "
    "sj_2cOrd sj_3cOrd sj_4cOrd"
)
"""Sectional times (`Time`, seconds) and positions (`Ord`) of Busan (`bu`), Jeju (`je`) and Seoul (`se`, `sj`)."""
