"""Pictures of odds as small PNGs: win odds of a race over time, and the slots of a race date that were captured.

Matplotlib is imported when a picture is drawn, never when the definitions load. The title of a picture is in its
metadata too (keyword `Title`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from fotmate_assets.core.drawing import ALARM, DISTINCT, DPI, INK, MUTED, headline, lettering, png
from fotmate_assets.racing.cadence import Phase, SlotStatus, plan
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.odds.model import Sentinel
from fotmate_assets.racing.odds.moves import Move
from fotmate_assets.racing.odds.store import FINAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAINT, GRID, CAPTURED = "#a3adb5", "#e4e8eb", "#2a7f9e"
FAVOURITES = 6
"""Runners in colour: the shortest at the end. Those with a sudden move are too; the others are grey."""


@dataclass(frozen=True)
class WinOdds:
    """The win odds of one race over time."""

    track: str
    """As a reader knows it: `Seoul`."""
    race_no: int
    post_time: datetime
    names: Mapping[int, str]
    """Of the runners, by start number."""
    instants: Sequence[datetime]
    """Of the snapshots, ascending."""
    odds: Mapping[int, Sequence[float]]
    """Per start number, at each instant: a price or a `Sentinel`."""
    source: str
    is_live: bool
    is_simulated: bool
    moves: Sequence[Move] = ()

    @property
    def title(self) -> str:
        """Which race, and what the odds are: `live`, `replay` or `final`, and `simulated` where there is no market."""
        off = self.post_time.astimezone(KST)
        what = f"{standing(self.source, is_live=self.is_live, is_simulated=self.is_simulated)} win odds"
        return f"{self.track} race {self.race_no}, {_day(off)}, off {off:%H:%M} KST: {what}"


@dataclass(frozen=True)
class RaceSlots:
    """What became of the slots of one race."""

    name: str
    """`Seoul 3`."""
    post_time: datetime
    slots: Mapping[datetime, SlotStatus]
    """By planned instant; more than 30 where the post time moved."""


@dataclass(frozen=True)
class CapturedSlots:
    """What became of the slots of a race date."""

    race_date: date
    races: Sequence[RaceSlots]
    """In the order of the rows."""
    source: str
    is_live: bool
    is_simulated: bool

    @property
    def title(self) -> str:
        """The date, and what the odds are."""
        what = standing(self.source, is_live=self.is_live, is_simulated=self.is_simulated)
        return f"Odds of {_day(self.race_date)}: {what}, {self.summary}"

    @property
    def summary(self) -> str:
        """`1,018 of 1,020 slots captured (99.8 %)`, of those that were due; rounded down, so that 100 % is all."""
        count = Counter(status for race in self.races for status in race.slots.values())
        captured, to_come = count[SlotStatus.CAPTURED], count[SlotStatus.PLANNED]
        due = captured + count[SlotStatus.MISSED]
        text = f"{captured:,} of {due:,} slots captured"
        if due:
            text += f" ({math.floor(1000 * captured / due) / 10:.1f} %)"
        return f"{text}, {to_come:,} to come" if to_come else text


def standing(source: str, *, is_live: bool, is_simulated: bool) -> str:
    """What odds are, for a title: `live`, `replay` or `final`, after `simulated` where there is no such market."""
    kind = "live" if is_live else "final" if source == FINAL else "replay"
    return f"simulated {kind}" if is_simulated else kind


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _finished(figure: Figure, title: str, *, is_simulated: bool) -> bytes:
    """With the title, what is before its colon in bold and the rest below it."""
    first, _, second = title.partition(": ")
    headline(figure, first, second, is_simulated=is_simulated)
    return png(figure, title, (*DISTINCT, FAINT, GRID, CAPTURED))


# Win odds -----------------------------------------------------------------------------------------------------------


def win_odds_chart(race: WinOdds) -> bytes:
    """Win odds over the minutes to the off, shortest on top, every line named at its end.

    Where there is no price there is no line. Who has none at the end is grey; the line of a scratched runner ends with
    a cross. Sudden moves are thick and tell the points of the pool they gained. Snapshots after the off are drawn at
    the off.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.6), dpi=DPI)
    axes = figure.add_axes((0.055, 0.13, 0.62, 0.72))
    lines = [_Line.of(race, number) for number in sorted(race.odds)]
    drawn = sorted((line for line in lines if line.runs), key=lambda line: (line.end[1], line.start_no))
    colours = _colours(drawn, race.moves)
    _minutes_axis(axes, race)
    _odds_axis(axes, [price for line in drawn for run in line.runs for _, price in run])
    for line in drawn:
        _draw(axes, line, colours.get(line.start_no))
    for move in race.moves:
        _mark(axes, race, move, colours.get(move.start_no, INK))
    _name_the_lines(figure, axes, drawn, colours)
    count = len(race.instants)
    told = [f"{count} snapshot{'s' if count != 1 else ''}, source {race.source}"]
    for why in ("scratched", "no price"):
        numbers = [str(line.start_no) for line in lines if not line.runs and line.why_ended == why]
        told += [f"{why}: {', '.join(numbers)}"] if numbers else []
    figure.text(0.012, 0.018, "; ".join(told), **lettering(8))
    return _finished(figure, race.title, is_simulated=race.is_simulated)


@dataclass(frozen=True)
class _Line:
    """The prices of one runner."""

    start_no: int
    name: str
    runs: list[list[tuple[float, float]]]
    """Neighbouring prices: place on the axis of minutes, and price."""
    why_ended: str
    """Why there is no price at the end; empty where there is one."""

    @classmethod
    def of(cls, race: WinOdds, number: int) -> _Line:
        odds = race.odds[number]
        runs: list[list[tuple[float, float]]] = [[]]
        for instant, price in zip(race.instants, odds, strict=True):
            if price > 0:
                runs[-1].append((_place(race, instant), price))
            elif runs[-1]:
                runs.append([])
        last = odds[-1] if len(odds) else Sentinel.UNTOLD
        why_ended = "" if last > 0 else "scratched" if last == Sentinel.SCRATCHED else "no price"
        return cls(number, race.names.get(number, ""), [run for run in runs if run], why_ended)

    @property
    def end(self) -> tuple[float, float]:
        return self.runs[-1][-1]


def _place(race: WinOdds, instant: datetime) -> float:
    """Where an instant is on the axis: the root of the minutes to the off gives the last ones more room."""
    return -math.sqrt(max(0.0, (race.post_time - instant).total_seconds() / 60))


def _colours(lines: Sequence[_Line], moves: Sequence[Move]) -> dict[int, str]:
    """The colour of those that have one, by start number. `lines`: the shortest first."""
    moved = {move.start_no for move in moves}
    running = [line.start_no for line in lines if not line.why_ended]
    chosen = [number for rank, number in enumerate(running) if rank < FAVOURITES or number in moved]
    return dict(zip(chosen, DISTINCT, strict=False))


def _draw(axes: Axes, line: _Line, colour: str | None) -> None:
    look: dict[str, Any] = {"color": colour or FAINT, "lw": 1.7 if colour else 1.0, "zorder": 3 if colour else 2}
    for run in line.runs:
        axes.plot(*zip(*run, strict=True), marker="." if len(run) == 1 else "", clip_on=False, **look)
    if line.why_ended == "scratched":
        axes.plot(*line.end, marker="x", ms=7, mew=1.8, color=INK, zorder=4, clip_on=False)


def _mark(axes: Axes, race: WinOdds, move: Move, colour: str) -> None:
    from matplotlib.patheffects import withStroke

    moving = [
        (_place(race, instant), price)
        for instant, price in zip(race.instants, race.odds[move.start_no], strict=True)
        if move.from_at <= instant <= move.observed_at and price > 0
    ]
    if not moving:
        return
    axes.plot(*zip(*moving, strict=True), lw=6, color=colour, alpha=0.35, zorder=1, solid_capstyle="round")
    axes.plot(*moving[-1], marker="^", ms=7, color=colour, mec="white", mew=0.8, zorder=5)
    axes.annotate(
        f"+{100 * (move.to_share - move.from_share):.0f} points",
        moving[-1],
        xytext=(-7, 5),
        textcoords="offset points",
        ha="right",
        zorder=6,
        path_effects=[withStroke(linewidth=3, foreground="white")],
        **lettering(8.5, colour, is_bold=True),
    )


def _minutes_axis(axes: Axes, race: WinOdds) -> None:
    first = min([-math.sqrt(5), *(_place(race, instant) for instant in race.instants)])
    axes.set_xlim(first, 0)
    minutes = [minute for minute in (120, 60, 45, 30, 20, 15, 10, 5, 3, 2, 1, 0.5, 0) if -math.sqrt(minute) >= first]
    names = ["off" if not minute else "½" if minute == 0.5 else f"{minute:.0f}" for minute in minutes]
    axes.set_xticks([-math.sqrt(minute) for minute in minutes], names, **lettering(8.5))
    axes.set_xlabel("minutes to the off", **lettering(9))


def _odds_axis(axes: Axes, prices: Sequence[float]) -> None:
    shortest, longest = min(prices, default=1.0) / 1.12, max(prices, default=10.0) * 1.12
    axes.set_yscale("log")
    axes.set_ylim(longest, shortest)
    ticks = [step * 10**power for power in range(4) for step in (1, 1.5, 2, 3, 5, 7)]
    shown = [tick for tick in ticks if shortest <= tick <= longest]
    axes.set_yticks(shown, [f"{tick:g}" for tick in shown], **lettering(8.5))
    axes.set_yticks([], minor=True)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", color=FAINT)
    axes.grid(axis="y", color=GRID, lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)


def _name_the_lines(figure: Figure, axes: Axes, lines: Sequence[_Line], colours: Mapping[int, str]) -> None:
    """Last price, number and name beside the end of each line, moved apart where they would overlap."""
    from matplotlib.transforms import blended_transform_factory

    inside = axes.transData + axes.transAxes.inverted()
    ends = [tuple(map(float, inside.transform(line.end))) for line in lines]
    beside = blended_transform_factory(figure.transFigure, axes.transAxes)
    frame = axes.get_position()
    for line, (x, y), place in zip(lines, ends, spread([y for _, y in ends], gap=0.046), strict=True):
        colour = colours.get(line.start_no)
        leader = [frame.x0 + x * frame.width, frame.x1 + 0.004, frame.x1 + 0.02, frame.x1 + 0.026]
        look: dict[str, Any] = {"ls": ":", "color": FAINT} if line.why_ended else {"color": colour or FAINT}
        axes.plot(leader, [y, y, place, place], transform=beside, lw=0.8, clip_on=False, **look)
        price, name = ("", f"{line.name}, {line.why_ended}") if line.why_ended else (f"{line.end[1]:.1f}", line.name)
        for right, text, side in ((0.077, price, "right"), (0.106, f"{line.start_no}", "right"), (0.113, name, "left")):
            axes.text(
                frame.x1 + right,
                place,
                text,
                transform=beside,
                ha=side,
                va="center_baseline",
                **lettering(9, colour or MUTED),
            )


def spread(wanted: Sequence[float], *, gap: float) -> list[float]:
    """Places as near as can be (least squares) to those `wanted` (descending) with `gap` between neighbours, within 0
    to 1; where that is too little room, evenly over it.
    """
    if not wanted:
        return []
    gap = min(gap, 1 / max(1, len(wanted) - 1))
    # Without the gaps the places only must not ascend: pools of adjacent violators, each at its mean.
    pools: list[tuple[float, int]] = []
    for index, place in enumerate(wanted):
        total, count = place + index * gap, 1
        while pools and pools[-1][0] / pools[-1][1] < total / count:
            more, others = pools.pop()
            total, count = total + more, count + others
        pools.append((total, count))
    level = [total / count for total, count in pools for _ in range(count)]
    lowest = (len(wanted) - 1) * gap
    return [min(1.0, max(lowest, each)) - index * gap for index, each in enumerate(level)]


# Captured slots -----------------------------------------------------------------------------------------------------

_OFF = datetime(2000, 1, 1, tzinfo=KST)
_BEFORE = [(_OFF - slot.at).total_seconds() for slot in plan(_OFF)]
"""Of each column, seconds before the off."""
_PHASES = [slot.phase for slot in plan(_OFF)]
_COLUMN_PX, _ROW_PX, _GAP_PX = 17, 15, 14
_X = [_COLUMN_PX * column + _GAP_PX * len({*_PHASES[: column + 1]}) for column in range(len(_PHASES))]
"""Where each column is, with a gap between phases. Whole pixels, so that all cells look the same."""
_PHASE_NAMES = {
    Phase.FIVE_MINUTES: "every 5 minutes",
    Phase.ONE_MINUTE: "every minute",
    Phase.THIRTY_SECONDS: "every 30 seconds",
}
_NAMES = {SlotStatus.CAPTURED: "captured", SlotStatus.PLANNED: "to come", SlotStatus.MISSED: "missed"}
"""What the legend calls them, the worst last."""
_LEFT_PX, _RIGHT_PX, _HEAD_PX, _FOOT_PX = 160, 70, 106, 32


def captured_slots_chart(day: CapturedSlots) -> bytes:
    """A row per race and a column per slot of the plan: captured (a square), missed (a cross), to come (hollow).

    A slot of an earlier post time stands in the nearest column; of two in one place the worse is shown. The summary
    counts them all.
    """
    from matplotlib.figure import Figure

    wide, high = _X[-1] - _X[0] + _COLUMN_PX, _ROW_PX * len(day.races)
    width, height = _LEFT_PX + wide + _RIGHT_PX, _HEAD_PX + high + _FOOT_PX
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    axes = figure.add_axes((_LEFT_PX / width, _FOOT_PX / height, wide / width, high / height))
    axes.set_axis_off()
    axes.set_xlim(_X[0] - _COLUMN_PX / 2, _X[-1] + _COLUMN_PX / 2)
    axes.set_ylim(high, 0)
    heights = [(row + 0.5) * _ROW_PX for row in range(len(day.races))]
    cells = [(_columns(race), y) for race, y in zip(day.races, heights, strict=True)]
    for status in SlotStatus:
        _stamp(axes, status, [(_X[column], y) for row, y in cells for column, each in row.items() if each is status])
    for race, y in zip(day.races, heights, strict=True):
        _name_the_row(axes, y, race)
    _name_the_columns(axes)
    x, y = _X[0], high + _FOOT_PX // 2 + 0.5
    for status, name in _NAMES.items():
        _stamp(axes, status, [(x, y)])
        _label(axes, x + 11, y, name, side="left")
        x += 5 * _COLUMN_PX
    return _finished(figure, day.title, is_simulated=day.is_simulated)


def _columns(race: RaceSlots) -> dict[int, SlotStatus]:
    """What to show in which column."""
    shown: dict[int, SlotStatus] = {}
    for instant, status in race.slots.items():
        before = (race.post_time - instant).total_seconds()
        column = min(range(len(_BEFORE)), key=lambda each: abs(_BEFORE[each] - before))
        shown[column] = max(status, shown.get(column, status), key=list(_NAMES).index)
    return shown


def _stamp(axes: Axes, status: SlotStatus, places: Sequence[tuple[float, float]]) -> None:
    looks: dict[SlotStatus, dict[str, Any]] = {
        SlotStatus.CAPTURED: {"marker": "s", "ms": 8, "color": CAPTURED, "mew": 0},
        SlotStatus.PLANNED: {"marker": "s", "ms": 7, "mfc": "white", "mec": FAINT, "mew": 0.8},
        SlotStatus.MISSED: {"marker": "X", "ms": 10, "color": ALARM, "mew": 0},
    }
    if places:
        axes.plot(*zip(*places, strict=True), ls="", clip_on=False, **looks[status])


def _name_the_row(axes: Axes, y: float, race: RaceSlots) -> None:
    count = Counter(race.slots.values())
    _label(axes, _X[0] - 55, y, race.name, side="right", colour=INK)
    _label(axes, _X[0] - 15, y, f"{race.post_time.astimezone(KST):%H:%M}", side="right")
    has_missed = count[SlotStatus.MISSED] > 0
    told = f"{count[SlotStatus.CAPTURED]} of {len(race.slots)}"
    _label(axes, _X[-1] + 62, y, told, side="right", colour=ALARM if has_missed else MUTED, is_bold=has_missed)


def _name_the_columns(axes: Axes) -> None:
    for x, phase, before in zip(_X, _PHASES, _BEFORE, strict=True):
        if before % 60 == 0:
            _label(axes, x, -9, "off" if phase is Phase.OFF else f"{before / 60:.0f}")
    for phase, name in _PHASE_NAMES.items():
        places = [x for x, each in zip(_X, _PHASES, strict=True) if each is phase]
        _label(axes, (places[0] + places[-1]) / 2, -34, name)
        axes.plot([places[0] - 7, places[-1] + 7], [-22.5, -22.5], color=FAINT, lw=0.8, clip_on=False)
    _label(axes, _X[0] - 15, -9, "minutes to the off", side="right")


def _label(
    axes: Axes, x: float, y: float, text: str, *, side: str = "center", colour: str = MUTED, is_bold: bool = False
) -> None:
    axes.text(x, y, text, ha=side, va="center_baseline", **lettering(8.5, colour, is_bold=is_bold))
