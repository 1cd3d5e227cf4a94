"""The pictures of odds: what their titles say, and what is drawn of what there is."""

import io
import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fotmate_assets.core.drawing import ALARM, DISTINCT, INK
from fotmate_assets.racing.cadence import SlotStatus, plan
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.odds.model import Sentinel
from fotmate_assets.racing.odds.moves import Move
from fotmate_assets.racing.odds.pictures import (
    CAPTURED,
    FAINT,
    CapturedSlots,
    RaceSlots,
    WinOdds,
    captured_slots_chart,
    spread,
    win_odds_chart,
)

POST = datetime(2026, 11, 21, 11, tzinfo=KST)
INSTANTS = [slot.at for slot in plan(POST)]


def win_odds(odds: Mapping[int, Sequence[float]], **other: Any) -> WinOdds:
    what: dict[str, Any] = {"source": "feed", "is_live": True, "is_simulated": False, **other}
    return WinOdds("Seoul", 3, POST, {number: f"가람{number}" for number in odds}, INSTANTS, odds, **what)


def a_move(start_no: int, slot: int, from_share: float, to_share: float) -> Move:
    """From one slot (0-based) to the next."""
    odds = 0.8 / from_share, 0.8 / to_share
    first, last = INSTANTS[slot : slot + 2]
    day = POST.date()
    return Move("horse-seoul-20261121-03", day, start_no, first, last, from_share, to_share, *odds, "feed", False)


def sixteen(**other: Any) -> WinOdds:
    rng = np.random.default_rng(5)
    paths = {number: np.exp(rng.normal(2.5, 1) + rng.normal(0, 0.05, 30).cumsum()) + 1 for number in range(1, 17)}
    return win_odds({number: path.tolist() for number, path in paths.items()}, **other)


def captured(*races: Mapping[datetime, SlotStatus], **other: Any) -> CapturedSlots:
    what: dict[str, Any] = {"source": "feed", "is_live": True, "is_simulated": False, **other}
    rows = [RaceSlots(f"Seoul {number}", POST, slots) for number, slots in enumerate(races, 1)]
    return CapturedSlots(date(2026, 11, 21), rows, **what)


def slots(**missed_or_planned: Sequence[int]) -> dict[datetime, SlotStatus]:
    """Of one race: captured but for the slots (0-based) of a status."""
    found = dict.fromkeys(INSTANTS, SlotStatus.CAPTURED)
    for status, numbers in missed_or_planned.items():
        found |= {INSTANTS[number]: SlotStatus(status) for number in numbers}
    return found


def where(picture: bytes, colour: str) -> NDArray[np.bool_]:
    """The pixels of exactly this colour."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    return np.asarray((pixels == [int(colour[place : place + 2], 16) for place in (1, 3, 5)]).all(-1))


def columns(picture: bytes, colour: str) -> NDArray[np.intp]:
    """Where, left to right, the plot has pixels of a colour; the title, the axes and the names are left out."""
    return np.flatnonzero(where(picture, colour)[62:345, 40:490].any(0)) + 40


# Titles ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "is_live", "is_simulated", "what"),
    [
        ("feed", True, False, "live win odds"),
        ("simulated", True, True, "simulated live win odds"),
        ("replay", False, False, "replay win odds"),
        ("replay", False, True, "simulated replay win odds"),
        ("portal_final", False, False, "final win odds"),
    ],
)
def test_the_title_names_the_race_and_what_the_odds_are(
    source: str, is_live: bool, is_simulated: bool, what: str
) -> None:
    chart = win_odds({1: [2.0] * 30}, source=source, is_live=is_live, is_simulated=is_simulated)
    assert chart.title == f"Seoul race 3, 21 Nov 2026, off 11:00 KST: {what}"
    assert replace(chart, post_time=POST.astimezone(UTC)).title == chart.title
    assert Image.open(io.BytesIO(win_odds_chart(chart))).info["Title"] == chart.title


def test_the_title_of_the_slots_says_how_many_were_captured() -> None:
    day = captured(slots(missed=[4]), slots(), is_simulated=True)
    assert day.title == "Odds of 21 Nov 2026: simulated live, 59 of 60 slots captured (98.3 %)"
    assert Image.open(io.BytesIO(captured_slots_chart(day))).info["Title"] == day.title


@pytest.mark.parametrize("draw", [win_odds_chart, captured_slots_chart])
def test_a_simulated_market_has_a_badge(draw: Any) -> None:
    plain = sixteen() if draw is win_odds_chart else captured(slots())
    badge, none = (where(draw(replace(plain, is_simulated=flag)), ALARM)[:40, -120:].sum() for flag in (True, False))
    assert badge > 400
    assert none == 0


@pytest.mark.parametrize(
    ("missed", "planned", "races", "summary"),
    [
        ([4, 9], [], 34, "1,018 of 1,020 slots captured (99.8 %)"),
        ([4], [], 200, "5,999 of 6,000 slots captured (99.9 %)"),
        ([], [], 1, "30 of 30 slots captured (100.0 %)"),
        ([0], [27, 28, 29], 1, "26 of 27 slots captured (96.2 %), 3 to come"),
        ([], range(30), 1, "0 of 0 slots captured, 30 to come"),
    ],
)
def test_the_summary_is_of_the_slots_that_were_due_and_never_rounded_up(
    missed: Sequence[int], planned: Sequence[int], races: int, summary: str
) -> None:
    others = [slots()] * (races - 1)
    assert captured(slots(missed=missed, planned=planned), *others).summary == summary


# Win odds -------------------------------------------------------------------------------------------------------------


def test_korean_names_are_drawn_in_a_font_that_has_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a glyph that no font has
        win_odds_chart(replace(win_odds({1: [2.0] * 30}), names={1: "가람갈잎거품모의 Č ½"}))
        with pytest.raises(UserWarning, match="missing from font"):
            win_odds_chart(replace(win_odds({1: [2.0] * 30}), names={1: "\U0001f40e"}))


def test_a_name_with_dollar_signs_is_no_formula() -> None:
    win_odds_chart(replace(win_odds({1: [2.0] * 30}), names={1: r"$\frac$ Horse"}))


def test_a_line_goes_on_from_the_first_snapshot_to_the_off() -> None:
    found = columns(win_odds_chart(win_odds({1: [2.0] * 30})), DISTINCT[0])
    assert np.diff(found).max() == 1


@pytest.mark.parametrize("sentinel", [Sentinel.UNSOLD, Sentinel.CAPPED, Sentinel.UNTOLD])
def test_there_is_no_line_where_there_is_no_price(sentinel: Sentinel) -> None:
    gap = [2.0] * 10 + [float(sentinel)] * 8 + [2.0] * 12
    whole = columns(win_odds_chart(win_odds({1: [2.0] * 30})), DISTINCT[0])
    found = columns(win_odds_chart(win_odds({1: gap})), DISTINCT[0])
    assert np.diff(found).max() > 50
    assert (found.min(), found.max()) == (whole.min(), whole.max())


def test_a_single_price_between_gaps_is_seen() -> None:
    without = [float(Sentinel.UNSOLD)] * 29 + [2.0]
    lonely = [*without[:10], 2.0, *without[11:]]
    most, one = (columns(win_odds_chart(win_odds({1: odds})), DISTINCT[0]) for odds in (lonely, without))
    assert 1 <= len(set(most) - set(one)) < 12


def test_the_line_of_a_scratched_runner_ends_with_a_cross() -> None:
    gone = [5.0] * 12 + [float(Sentinel.SCRATCHED)] * 18
    untold = [5.0] * 12 + [float(Sentinel.UNTOLD)] * 18
    scratched, silent = (win_odds_chart(win_odds({1: [2.0] * 30, 2: odds})) for odds in (gone, untold))
    cross = where(scratched, INK)[60:] & ~where(silent, INK)[60:]
    assert cross.sum() > 5
    assert 250 < np.flatnonzero(cross.any(0)).mean() < 300, "13 minutes before the off"


def test_who_has_no_price_at_the_end_has_no_line_to_the_off() -> None:
    gone = [5.0] * 12 + [float(Sentinel.SCRATCHED)] * 18
    alone, both = (
        columns(win_odds_chart(win_odds(odds)), FAINT) for odds in ({1: [2.0] * 30}, {1: [2.0] * 30, 2: gone})
    )
    line = sorted(set(both) - set(alone))
    assert line
    assert max(np.diff(line)[: len(line) // 2]) == 1


def test_a_sudden_move_is_marked() -> None:
    path = [6.0] * 22 + [3.0] * 8
    move = a_move(1, 21, 0.13, 0.26)
    plain, marked = (win_odds_chart(win_odds({1: path, 2: [4.0] * 30}, moves=moves)) for moves in ([], [move]))
    assert where(marked, DISTINCT[0]).sum() > where(plain, DISTINCT[0]).sum() + 40


def test_an_outsider_with_a_sudden_move_has_a_colour_too() -> None:
    odds = {number: [float(number + 1)] * 30 for number in range(1, 9)} | {9: [60.0] * 25 + [20.0] * 5}
    move = a_move(9, 24, 0.01, 0.07)
    plain, marked = (win_odds_chart(win_odds(odds, moves=moves)) for moves in ([], [move]))
    assert len(columns(plain, DISTINCT[6])) < 20
    assert len(columns(marked, DISTINCT[6])) > 80


def test_final_odds_of_one_instant_after_the_off_are_drawn_at_the_off() -> None:
    final = WinOdds(
        "Seoul", 3, POST, {1: "가람", 2: "갈잎"}, [POST + timedelta(hours=3)], {1: [2.0], 2: [3.0]}, "portal_final",
        is_live=False, is_simulated=False,
    )  # fmt: skip
    assert 0 < len(columns(win_odds_chart(final), DISTINCT[0])) < 12


def test_a_race_without_any_price_is_drawn_empty() -> None:
    assert not len(columns(win_odds_chart(win_odds({1: [-1.0] * 30, 2: [-3.0] * 30})), DISTINCT[0]))


def test_the_picture_of_sixteen_runners_is_small() -> None:
    assert len(win_odds_chart(sixteen(is_simulated=True))) < 24_000
    assert len(captured_slots_chart(captured(*[slots(missed=[3])] * 34))) < 15_000


# Places of the names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_names_never_overlap_nor_leave_the_picture(seed: int) -> None:
    wanted = sorted(np.random.default_rng(seed).beta(0.3, 0.4, 16).tolist(), reverse=True)
    places = spread(wanted, gap=0.046)
    assert all(higher - lower >= 0.046 - 1e-9 for higher, lower in itertools.pairwise(places))
    assert places[0] <= 1
    assert places[-1] >= -1e-9


def test_names_stay_beside_their_lines_where_there_is_room() -> None:
    assert spread([0.9, 0.6, 0.2], gap=0.05) == pytest.approx([0.9, 0.6, 0.2])
    assert spread([0.9, 0.52, 0.5, 0.2], gap=0.06) == pytest.approx([0.9, 0.54, 0.48, 0.2])
    assert spread([], gap=0.05) == []


def test_too_many_names_share_the_room_evenly() -> None:
    assert spread([0.5] * 5, gap=0.4) == pytest.approx([1, 0.75, 0.5, 0.25, 0])


# Captured slots -------------------------------------------------------------------------------------------------------


def test_every_captured_slot_has_a_square_and_a_missed_one_a_cross() -> None:
    whole, one = captured_slots_chart(captured(slots())), captured_slots_chart(captured(slots(missed=[17])))
    legend = slice(0, 120)
    assert not where(whole, ALARM)[legend].any()
    cross = where(one, ALARM)[legend, :640]
    assert 20 < cross.sum() < 100
    lost = where(whole, CAPTURED)[legend] & ~where(one, CAPTURED)[legend]
    assert abs(np.flatnonzero(lost.any(0)).mean() - np.flatnonzero(cross.any(0)).mean()) < 2


def test_what_is_to_come_is_hollow() -> None:
    none, half = (captured_slots_chart(captured(slots(planned=range(first, 30)))) for first in (0, 15))
    filled = [where(each, CAPTURED)[:120].sum() for each in (none, half, captured_slots_chart(captured(slots())))]
    assert filled[0] == 0
    assert filled[1] == filled[2] / 2


def test_a_slot_of_an_earlier_post_time_is_counted_and_a_miss_among_two_shown() -> None:
    moved = slots() | {POST - timedelta(minutes=61): SlotStatus.MISSED}
    day = captured(moved)
    assert day.summary == "30 of 31 slots captured (96.7 %)"
    assert where(captured_slots_chart(day), ALARM)[:120, :640].any()
