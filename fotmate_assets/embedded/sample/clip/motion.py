"""Where everyone is at every frame: generated play, or given play at another rate.

Nothing of generated play is real. Two elevens in formation follow the ball as a block, press it, make runs and pass
each other closely; nobody runs faster or turns harder than people do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fotmate_assets.vision.observations import Doubles, Ints

TOP_SPEED_M_S = 8.5
TOP_ACCELERATION_M_S2 = 4.5

_RATE = 50
"""Steps of the simulation per second."""
_WARM_UP_S = 8.0
_HALF_LENGTH_M, _HALF_WIDTH_M = 52.5, 34.0
_ASSISTANTS_M = 35.0
"""How far from the pitch's axis the assistants run: outside of the touchlines."""

_GOALKEEPER = (-0.95, 0.0)
_442 = [(-0.55, -0.8), (-0.62, -0.28), (-0.62, 0.28), (-0.55, 0.8), (0.02, -0.8), (-0.08, -0.25), (-0.08, 0.25)]
_442 += [(0.02, 0.8), (0.5, -0.2), (0.5, 0.2)]
_433 = [(-0.55, -0.8), (-0.62, -0.28), (-0.62, 0.28), (-0.55, 0.8), (-0.18, 0.0), (0.05, -0.45), (0.05, 0.45)]
_433 += [(0.45, -0.8), (0.58, 0.0), (0.45, 0.8)]
_BLOCK_M = (25.0, 29.0)
"""Half the length and half the width of an eleven's block; formations are told in its measures, attacking right."""
_WANDER_M, _WANDER_S = (6.5, 5.0), 5.0
"""How far people stray from their places (one standard deviation along and across the pitch), and for how long."""


@dataclass(frozen=True)
class Motion:
    """Where everyone is, in metres from the centre spot; NaN where someone is not there."""

    fps: float
    person: Ints
    """(n,): numbers of the people, from 1."""
    role: tuple[str, ...]
    """n times `player`, `goalkeeper` or `referee` (which the assistants are, too)."""
    team: tuple[str, ...]
    """n times `home`, `away`, or nothing for the referees."""
    people_m: Doubles
    """(frames, n, 2): where each stands."""
    ball_m: Doubles
    """(frames, 2)"""

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.people_m)

    def velocities(self) -> Doubles:
        """(frames, n, 2): metres per second, smoothed over about a quarter of a second; 0 where someone is away."""
        if self.frames < 2:
            return np.zeros_like(self.people_m)
        raw = np.nan_to_num(np.gradient(self.people_m, axis=0) * self.fps)
        half = min(max(1, round(self.fps / 8)), (self.frames - 1) // 2)
        padded = np.pad(raw, ((half + 1, half), (0, 0), (0, 0)), mode="edge").cumsum(axis=0)
        return np.asarray((padded[2 * half + 1 :] - padded[: -2 * half - 1]) / (2 * half + 1))


def generated(seconds: float, fps: float = 25.0, seed: int = 0) -> Motion:
    """Play of two elevens (4-4-2 against 4-3-3), a referee, two assistants and a ball; the same seed, the same play.

    Home are persons 1 to 11 and attack toward positive x, away 12 to 22; 1 and 12 keep goal; 23 is the referee, 24
    and 25 are the assistants of the near and the far touchline.
    """
    frames = max(1, round(seconds * fps))
    steps = int(np.ceil((_WARM_UP_S + frames / fps) * _RATE)) + 1
    game = _Game(np.random.default_rng(seed))
    people, ball = np.empty((steps, 25, 2)), np.empty((steps, 2))
    for step in range(steps):
        game.step(1 / _RATE)
        people[step], ball[step] = game.at, game.ball
    drawn = (_WARM_UP_S + np.arange(frames) / fps) * _RATE
    before = np.floor(drawn).astype(np.int64)
    part = drawn - before
    return Motion(
        fps=fps,
        person=np.arange(1, 26, dtype=np.int32),
        role=("goalkeeper", *["player"] * 10) * 2 + ("referee",) * 3,
        team=("home",) * 11 + ("away",) * 11 + ("",) * 3,
        people_m=people[before] + (people[before + 1] - people[before]) * part[:, None, None],
        ball_m=ball[before] + (ball[before + 1] - ball[before]) * part[:, None],
    )


def resampled(
    time_s: ArrayLike,
    person: ArrayLike,
    role: Sequence[str],
    x_m: ArrayLike,
    y_m: ArrayLike,
    *,
    fps: float = 25.0,
) -> Motion:
    """Given play at `fps`, from its first moment to its last: arrays of one row per person and moment, in any order.

    Roles may be a provider's (`Outfielder`, `AssistantReferee1`): what contains `ball`, `keeper` or `referee` is that,
    everyone else is a player. The half of them who begin at the left are the home team, as at a kick-off. Positions
    between moments are interpolated; before someone's first and after the last they are NaN. Raises ValueError for no
    rows, arrays of different lengths, or more than one ball.
    """
    time, number, roles = np.asarray(time_s, np.float64), np.asarray(person), np.asarray(role, dtype=np.str_)
    places = np.column_stack([np.asarray(x_m, np.float64), np.asarray(y_m, np.float64)])
    if not len(time) or {len(number), len(roles), len(places)} != {len(time)}:
        raise ValueError(f"{len(time)} times, {len(number)} persons, {len(roles)} roles, {len(places)} places")
    start = float(time.min())
    wanted = start + np.arange(int((float(time.max()) - start) * fps + 1e-9) + 1) / fps
    ball = np.full((len(wanted), 2), np.nan)
    kinds: list[str] = []
    tracks: list[Doubles] = []
    begins: list[float] = []
    balls = 0
    for one in np.unique(number):
        rows = np.flatnonzero(number == one)
        rows = rows[np.argsort(time[rows], kind="stable")]
        track = np.column_stack(
            [np.interp(wanted, time[rows], places[rows, axis], left=np.nan, right=np.nan) for axis in (0, 1)]
        )
        kind = _role(str(roles[rows[0]]))
        if kind == "ball":
            ball, balls = track, balls + 1
        else:
            kinds.append(kind)
            tracks.append(track)
            begins.append(float(places[rows[0], 0]))
    if balls > 1:
        raise ValueError(f"{balls} balls")
    middle = np.median([x for kind, x in zip(kinds, begins, strict=True) if kind != "referee"] or [0.0])
    return Motion(
        fps=fps,
        person=np.arange(1, len(kinds) + 1, dtype=np.int32),
        role=tuple(kinds),
        team=tuple(
            "" if kind == "referee" else "home" if x < middle else "away" for kind, x in zip(kinds, begins, strict=True)
        ),
        people_m=np.stack(tracks, axis=1) if tracks else np.empty((len(wanted), 0, 2)),
        ball_m=ball,
    )


def _role(told: str) -> str:
    name = told.lower()
    for part, role in (("ball", "ball"), ("keeper", "goalkeeper"), ("referee", "referee")):
        if part in name:
            return role
    return "player"


class _Game:
    """The game at a moment. Everyone steers toward a place of their own, as fast and as sharply as a person can."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        shape = np.array([_GOALKEEPER, *_442, _GOALKEEPER, *_433])
        self.attack = np.repeat([1.0, -1.0], 11)
        self.shape = shape * self.attack[:, None]
        self.stray = rng.normal(size=(25, 2)) * _WANDER_M
        self.ball = np.array([-5.0, 3.0])
        self.holder, self.receiver = 6, 6
        self.hold_s, self.flight_s, self.flown_s = 1.0, 0.0, 0.0
        self.kicked_from = self.ball.copy()
        self.run_s = np.zeros(25)
        self.velocity = np.zeros((25, 2))
        self.at = np.zeros((25, 2))
        self.at = self._places()

    def step(self, dt: float) -> None:
        """Go on by `dt` seconds."""
        self.stray += -self.stray * dt / _WANDER_S + self.rng.normal(size=(25, 2)) * np.multiply(
            _WANDER_M, np.sqrt(2 * dt / _WANDER_S)
        )
        self.run_s = np.where(self.run_s > 0, self.run_s - dt, np.where(self.rng.random(25) < 0.04 * dt, 2.5, 0.0))
        wanted = (self._places() - self.at) / 2.4 + self._apart()
        change = _limited((_limited(wanted, TOP_SPEED_M_S) - self.velocity) / 0.35, TOP_ACCELERATION_M_S2)
        self.velocity = _limited(self.velocity + change * dt, TOP_SPEED_M_S)
        self.at = self.at + self.velocity * dt
        self._play_on(dt)

    def _places(self) -> Doubles:
        """(25, 2): where everyone wants to be."""
        places = np.empty((25, 2))
        middle = np.array([0.55, 0.4]) * self.ball
        places[:22] = middle + self.shape * _BLOCK_M + self.stray[:22]
        places[:22, 0] += np.where(self.run_s[:22] > 0, 14.0, 0.0) * self.attack
        for keeper, end in ((0, -1.0), (11, 1.0)):
            ahead = self.ball - (end * _HALF_LENGTH_M, 0.0)
            places[keeper] = (end * _HALF_LENGTH_M, 0.0) + ahead * 5.0 / max(5.0, float(np.hypot(*ahead)))
            places[keeper] += self.stray[keeper] * 0.15
        places[self.receiver] = self.ball if self.hold_s <= 0 else places[self.receiver]
        opponents = np.arange(12, 22) if self.receiver < 11 else np.arange(1, 11)
        presser = opponents[np.argmin(np.hypot(*(self.at[opponents] - self.ball).T))]
        places[presser] = self.ball - (0.9 * self.attack[presser], 0.0)
        places[22] = self.ball + (-8.0, 7.0) + self.stray[22] * 0.6
        places[:23] = np.clip(places[:23], (-_HALF_LENGTH_M + 1, -_HALF_WIDTH_M + 1), (_HALF_LENGTH_M - 1, 33.0))
        last_home, last_away = np.sort(self.at[:11, 0])[1], np.sort(self.at[11:22, 0])[-2]
        places[23] = (max(last_away, self.ball[0], 0.0), -_ASSISTANTS_M)
        places[24] = (min(last_home, self.ball[0], 0.0), _ASSISTANTS_M)
        return places

    def _apart(self) -> Doubles:
        """(25, 2): speed away from whoever will be within reach: people pass each other, not through each other."""
        soon = self.at + self.velocity * 0.35
        away = soon[:, None] - soon[None]
        distance = np.hypot(away[..., 0], away[..., 1]) + np.eye(25) * 9 + 1e-6
        push = np.clip(1.1 - distance, 0.0, None) * 8.0 / distance
        return np.asarray((away * push[..., None]).sum(axis=1))

    def _play_on(self, dt: float) -> None:
        """The ball: at the holder's feet, then passed to whom it is played, who may be an opponent."""
        facing = self.velocity[self.receiver] / max(1.0, float(np.hypot(*self.velocity[self.receiver])))
        feet = self.at[self.receiver] + facing * 0.6
        if self.flown_s < self.flight_s:
            self.flown_s = min(self.flown_s + dt, self.flight_s)
            part = self.flown_s / self.flight_s
            self.ball = self.kicked_from + (feet - self.kicked_from) * (1.25 * part - 0.25 * part * part)
            return
        self.ball = self.ball + (feet - self.ball) * min(1.0, 8 * dt)
        self.hold_s -= dt
        if self.hold_s > 0:
            return
        self.holder = self.receiver
        mates = np.arange(1, 11) if self.holder < 11 else np.arange(12, 22)
        if self.rng.random() < 0.25:
            mates = np.arange(12, 22) if self.holder < 11 else np.arange(1, 11)
        distance = np.hypot(*(self.at[mates] - self.ball).T)
        likely = np.where(mates == self.holder, 0.0, np.exp(-(((distance - 14) / 9) ** 2)) + 1e-9)
        self.receiver = int(self.rng.choice(mates, p=likely / likely.sum()))
        self.kicked_from = self.ball.copy()
        self.flight_s = float(np.hypot(*(self.at[self.receiver] - self.ball))) / 13.0 + 0.2
        self.flown_s, self.hold_s = 0.0, float(self.rng.uniform(0.6, 2.4))


def _limited(vectors: Doubles, most: float) -> Doubles:
    """Vectors (n, 2) shortened to a length of `most`."""
    length = np.hypot(vectors[:, 0], vectors[:, 1])
    return np.asarray(vectors * np.minimum(1.0, most / np.maximum(length, 1e-9))[:, None])
