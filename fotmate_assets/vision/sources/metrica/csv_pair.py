"""Tracking as a pair of CSV files, one per team, as of Metrica's sample games 1 and 2.

    ,,,Home,,Home,,...,,                         team, above each player's x
    ,,,11,,1,,...,,                              shirt numbers
    Period,Frame,Time [s],Player11,,Player1,,...,Ball,
    1,1,0.04,0.00082,0.48238,0.32648,...         x and y of each player, then of the ball, the same in both files

Players who are not on the pitch are NaN, and so is a ball out of play. Frames are numbered from 1 and run on through
half-time, as does the time; teams change ends and are not turned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from fotmate_assets.core.model import SourceError
from fotmate_assets.vision.model import ObjectType, Orientation, Period, Pitch, Side
from fotmate_assets.vision.sources.metrica.lines import Lines, Shape, check_whole, malformed, whole_numbers
from fotmate_assets.vision.sources.metrica.tracking import BALL, BATCH, Frames, ProviderTracking, Track

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Bools, Doubles, Ints

HEADERS = 3
CLOCK = ("Period", "Frame", "Time [s]")
_APART = 0.05
"""Share of the pitch's length that the teams' mean places must be apart at the kick-off to tell who plays which way."""


@dataclass(frozen=True)
class _Team:
    path: Path
    players: tuple[Track, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(player.name for player in self.players), "Ball")

    @property
    def shape(self) -> Shape:
        fields = (*CLOCK, *(f"{name} {axis}" for name in self.names for axis in "xy"))
        return Shape(fields, b"," * (len(fields) - 1))

    def opened(self, stack: ExitStack) -> Lines:
        lines = Lines(stack.enter_context(self.path.open("rb")), self.path.name, 0)
        lines.skip(HEADERS)
        return lines


@dataclass(frozen=True)
class _Clock:
    """When each line is."""

    fps: float
    period: Ints
    frame: Ints
    """0-based."""
    timestamp_ms: Ints
    first_frame: int
    periods: tuple[Period, ...]


def read_csv_pair(home: Path, away: Path, pitch: Pitch) -> ProviderTracking:
    """The tracking of a match; positions scaled to `pitch`, which the files do not tell.

    Raises SourceError (malformed) naming the file, and the line, here for the headers and the clock, and in `blocks`
    for the positions. Who plays which way is told from the first second, unless the teams stand mixed.
    """
    teams = _team(home, Side.HOME), _team(away, Side.AWAY)
    both = {player.name for player in teams[0].players} & {player.name for player in teams[1].players}
    if both:
        raise malformed(away.name, f"{min(both)!r} is in the home team's file too", "line 3")
    clock = _clock(teams[0])
    return ProviderTracking(
        fps=clock.fps,
        frames=int(clock.frame[-1]) + 1,
        first_frame=clock.first_frame,
        periods=clock.periods,
        pitch=pitch,
        orientation=_orientation(teams, clock),
        tracks=(*teams[0].players, *teams[1].players, BALL),
        notes=(),
        read=lambda: _frames(teams, clock),
    )


def _team(path: Path, side: Side) -> _Team:
    with path.open("rb") as file:
        try:
            headers = [line.decode("utf-8-sig").rstrip("\r\n").split(",") for line in islice(file, HEADERS)]
        except UnicodeDecodeError as error:
            raise malformed(path.name, f"not UTF-8: {error}", "headers") from None
    if len(headers) < HEADERS or tuple(headers[2][:HEADERS]) != CLOCK:
        raise malformed(path.name, f"does not start with {', '.join(CLOCK)}", "line 3")
    named = headers[2]
    if len(named) % 2 == 0 or len(named) <= len(CLOCK) + 2 or named[-2:] != ["Ball", ""] or any(named[4::2]):
        raise malformed(
            path.name, "is not a name and nothing for each player's x and y, then Ball and nothing", "line 3"
        )
    names = named[len(CLOCK) : -2 : 2]
    if not all(names) or len(set(names)) < len(names):
        raise malformed(path.name, "a player's name is missing or there twice", "line 3")
    width = len(CLOCK) + 2 * len(names)
    labels, shirts = ((header + [""] * width)[len(CLOCK) : width : 2] for header in headers[:2])
    if wrong := {label for label in labels if label.lower() != side}:
        raise malformed(path.name, f"{min(wrong)!r} instead of {side}: the other team's file?", "line 1")
    for name, shirt in zip(names, shirts, strict=True):
        if not shirt.isdecimal():
            raise malformed(path.name, f"{shirt!r} is no shirt number", f"line 2 {name}")
    players = (
        Track(ObjectType.PLAYER, side, name, name, int(shirt)) for name, shirt in zip(names, shirts, strict=True)
    )
    return _Team(path, tuple(players))


def _clock(team: _Team) -> _Clock:
    """The first three columns, as a whole: three numbers a line."""
    import numpy as np

    path, told = team.path, _clock_columns(team)
    if not len(told):
        raise malformed(path.name, "no frames", f"line {HEADERS + 1}")
    first = HEADERS + 1
    period, frame = (whole_numbers(path.name, told[:, place], CLOCK[place], first) for place in (0, 1))
    time = told[:, 2]

    def refuse(is_wrong: Bools, reason: str, field: str) -> None:
        if is_wrong.any():
            raise malformed(path.name, reason, f"line {first + int(np.flatnonzero(is_wrong)[0])} {field}")

    refuse((period < 1) | (period > 5), "is not a period of 1 to 5", "Period")
    refuse(np.diff(period, prepend=period[0]) < 0, "the period goes back", "Period")
    refuse(np.diff(frame, prepend=frame[0] - 1) <= 0, "is not after the frame before", "Frame")
    refuse(~np.isfinite(time), "is no time", "Time [s]")
    span = time[-1] - time[0]
    rate = (frame[-1] - frame[0]) / span if len(frame) > 1 and span > 0 else frame[0] / time[0] if time[0] > 0 else 0.0
    fps = round(float(rate), 2)
    if fps <= 0:
        raise malformed(path.name, "the time does not go on", f"line {first} Time [s]")
    refuse(np.abs((time - time[0]) * fps - (frame - frame[0])) > 0.5, f"is not when {fps} frames/s are", "Time [s]")
    counted = (frame - frame[0]).astype(np.int32)
    numbers, starts_at = np.unique(period, return_index=True)
    last_at = np.append(starts_at[1:], len(period)) - 1
    since = counted - counted[starts_at][np.searchsorted(numbers, period)]
    return _Clock(
        fps=fps,
        period=period.astype(np.int32),
        frame=counted,
        timestamp_ms=np.round(since * 1000 / fps).astype(np.int32),
        first_frame=int(frame[0]),
        periods=tuple(
            Period(int(number), int(counted[start]), int(counted[last]))
            for number, start, last in zip(numbers, starts_at, last_at, strict=True)
        ),
    )


def _clock_columns(team: _Team) -> Doubles:
    """(lines, 3), NaN where a line has no such field; what else the lines hold is looked at later."""
    import numpy as np
    import polars as pl

    schema = {field: pl.Float64() for field in team.shape.fields}
    clock = pl.scan_csv(
        team.path, has_header=False, skip_lines=HEADERS, schema=schema, quote_char=None, truncate_ragged_lines=True
    ).select(CLOCK)
    try:
        told: Doubles = clock.collect().to_numpy()
    except pl.exceptions.NoDataError:
        return np.empty((0, len(CLOCK)))
    except pl.exceptions.ComputeError:
        raise _not_a_clock(team.path) from None
    there = np.flatnonzero(~np.isnan(told).all(axis=1))
    return told[: there[-1] + 1 if there.size else 0]


def _not_a_clock(path: Path) -> SourceError:
    with path.open("rb") as file:
        for number, line in enumerate(islice(file, HEADERS, None), HEADERS + 1):
            for name, told in zip(CLOCK, line.split(b","), strict=False):
                try:
                    float(told)
                except ValueError:
                    reason = f"{told.decode(errors='replace')!r} is no number"
                    return malformed(path.name, reason, f"line {number} {name}")
    return malformed(path.name, "cannot be read as numbers")


def _orientation(teams: tuple[_Team, _Team], clock: _Clock) -> Orientation:
    """From the mean place of each team in the first second of the first period."""
    import numpy as np

    kick_off = int(((clock.period == 1) & (clock.timestamp_ms < 1000)).sum())
    if not kick_off:
        return Orientation.NOT_SET
    places = []
    with ExitStack() as stack:
        for team in teams:
            numbers = team.opened(stack).numbers(team.shape, kick_off)
            x = np.empty(0) if numbers is None else numbers[:, len(CLOCK) : -2 : 2]
            places.append(float(np.nanmean(x)) if np.isfinite(x).any() else np.nan)
    apart = places[1] - places[0]
    if not abs(apart) >= _APART:
        return Orientation.NOT_SET
    return Orientation.HOME_AWAY if apart > 0 else Orientation.AWAY_HOME


def _frames(teams: tuple[_Team, _Team], clock: _Clock) -> Iterator[Frames]:
    import numpy as np

    home, away = teams
    done = 0
    with ExitStack() as stack:
        lines = [team.opened(stack) for team in teams]
        while True:
            told, other = (of_team.numbers(team.shape, BATCH) for team, of_team in zip(teams, lines, strict=True))
            if told is None and other is None:
                return
            lengths = [0 if numbers is None else len(numbers) for numbers in (told, other)]
            if told is None or other is None or lengths[0] != lengths[1]:
                short = lengths.index(min(lengths))
                line = f"line {HEADERS + done + min(lengths) + 1}"
                raise malformed(teams[short].path.name, "ends before the other team's file", line)
            first = HEADERS + done + 1
            _check_same(home, away, told, other, first)
            pairs = []
            for team, numbers in ((home, told), (away, other)):
                xy = numbers[:, len(CLOCK) :].reshape(len(numbers), -1, 2)
                check_whole(team.path.name, xy, team.names, first)
                pairs.append(xy)
            now = slice(done, done + len(told))
            yield Frames(
                clock.period[now],
                clock.frame[now],
                clock.timestamp_ms[now],
                np.concatenate([pairs[0][:, :-1], pairs[1]], axis=1),
            )
            done += len(told)


def _check_same(home: _Team, away: _Team, told: Doubles, other: Doubles, first: int) -> None:
    """Raise SourceError (malformed) unless both files tell the same clock and the same ball."""
    import numpy as np

    shared = [*range(len(CLOCK)), -2, -1]
    names = (*CLOCK, "Ball x", "Ball y")
    left, right = told[:, shared], other[:, shared]
    differ = (left != right) & ~(np.isnan(left) & np.isnan(right))
    if differ.any():
        row, place = (int(index[0]) for index in np.nonzero(differ))
        reason = f"{right[row, place]:g} is {left[row, place]:g} in {home.path.name}: two matches?"
        raise malformed(away.path.name, reason, f"line {first + row} {names[place]}")
