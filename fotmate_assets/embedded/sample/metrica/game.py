"""A simulated football game as Metrica would note it: a random walk of the ball."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

FRAME_RATE = 25
HALF_FRAMES = 45 * 60 * FRAME_RATE

STARTERS = (range(1, 12), range(15, 26))
"""Labels of the eleven of each side; the goalkeepers are 11 and 25."""
BENCHES = (range(12, 15), range(26, 29))
KEEPERS = (11, 25)
HALF_TIME_CHANGE = (9, 12)
"""Home label off, on; at half-time."""
SECOND_HALF_CHANGE = (24, 26)
"""Away label off, on; in the middle of the second half."""

Spot = tuple[float, float]


class Note(NamedTuple):
    """One event; coordinates as the fixed camera sees them."""

    side: int
    type: str
    subtypes: tuple[str, ...]
    period: int
    start: int
    end: int
    player: int
    recipient: int | None
    start_spot: Spot | None
    end_spot: Spot | None


@dataclass
class Game:
    """A random walk of the ball; spots inside are seen from the acting side, attacking x = 1."""

    rng: random.Random
    kick_offs: tuple[int, int]
    """First frame of play of each half."""
    home_attacks_right_first: bool
    has_carries: bool
    notes: list[Note] = field(default_factory=list)
    period: int = 1
    frame: int = 0
    side: int = 0
    player: int = 0
    spot: Spot = (0.5, 0.5)
    goals: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def change_frame(self) -> int:
        """Frame of the substitution in the second half."""
        return self.kick_offs[1] + HALF_FRAMES // 2

    def play(self, oddity: Callable[[Game], None]) -> None:
        """Both halves; `oddity`, a method of this class, happens in the second."""
        is_due = True
        for period, kick_off in enumerate(self.kick_offs, 1):
            self.period, self.frame = period, kick_off
            self._kick_off(side=2 - period)
            for side, order in ((0, ("OFF TARGET", "HEAD", "OUT")), (1, ("HEAD", "OFF TARGET", "OUT"))):
                for _ in range(12):
                    self._step()
                if self.side != side:
                    self._lose_ball()
                self.spot = (0.93, 0.52)
                self._shot(order)
            while self.frame < kick_off + HALF_FRAMES:
                if is_due and self.frame > self.change_frame:
                    oddity(self)
                    is_due = False
                self._step()

    def _outfielder(self, side: int) -> int:
        labels = set(STARTERS[side]) - {KEEPERS[side], self.player}
        off, on = (HALF_TIME_CHANGE, SECOND_HALF_CHANGE)[side]
        if (side == 0 and self.period == 2) or (side == 1 and self.frame >= self.change_frame):
            labels = labels - {off} | {on} - {self.player}
        return self.rng.choice(sorted(labels))

    def _note(
        self,
        type_: str,
        *subtypes: str,
        side: int | None = None,
        player: int | None = None,
        recipient: int | None = None,
        spot: Spot | None = None,
        end: Spot | None = None,
        lasts: int = 0,
    ) -> None:
        acting = self.side if side is None else side
        attacks_right = (acting == 0) == (self.home_attacks_right_first == (self.period == 1))

        def seen(at: Spot | None) -> Spot | None:
            return at if at is None or attacks_right else (1 - at[0], 1 - at[1])

        who = self.player if player is None else player
        until = self.frame + lasts
        self.notes.append(
            Note(acting, type_, subtypes, self.period, self.frame, until, who, recipient, seen(spot), seen(end))
        )
        self.frame = until

    def _kick_off(self, side: int) -> None:
        self.side, self.spot, self.player = side, (0.5, 0.5), self._outfielder(side)
        self._note("SET PIECE", "KICK OFF")
        self._pass()

    def _pass(self, *subtypes: str) -> None:
        recipient = self._outfielder(self.side)
        x, y = self.spot
        end = (
            min(0.95, max(0.03, x + self.rng.gauss(0.05, 0.12))),
            min(0.98, max(0.02, y + (0.5 - y) * 0.2 + self.rng.gauss(0, 0.15))),
        )
        self._note("PASS", *subtypes, recipient=recipient, spot=self.spot, end=end, lasts=self.rng.randint(15, 60))
        self.player, self.spot = recipient, end

    def _turn_over(self) -> None:
        """The ball is now the other side's, at the same place."""
        self.side, self.spot = 1 - self.side, (1 - self.spot[0], 1 - self.spot[1])

    def _step(self) -> None:
        """One thing that happens to the ball."""
        if self.has_carries:
            self._carry()
        else:
            self.frame += self.rng.randint(5, 60)
        if self.spot[0] > 0.8 and self.rng.random() < 0.12:
            kind = self.rng.choices(("SAVED", "GOAL", "OUT"), (6, 1, 8))[0]
            self._shot(("OFF TARGET", "OUT") if kind == "OUT" else ("ON TARGET", kind))
            return
        happening = self.rng.choices(
            (self._pass, self._lose_ball, self._be_tackled, self._be_fouled, self._hit_out), (70, 16, 5, 3, 6)
        )[0]
        happening()

    def _carry(self) -> None:
        end = (min(0.99, self.spot[0] + self.rng.uniform(0, 0.05)), self.spot[1])
        self._note("CARRY", spot=self.spot, end=end, lasts=self.rng.randint(5, 60))
        self.spot = end

    def _shot(self, subtypes: tuple[str, ...]) -> None:
        wide = "OUT" in subtypes
        self._note("SHOT", *subtypes, spot=self.spot, end=(1.02 if wide else 0.99, 0.6 if wide else 0.5), lasts=20)
        if "GOAL" in subtypes:
            self.goals[self.side] += 1
            self.frame += 40 * FRAME_RATE
            self._kick_off(side=1 - self.side)
            return
        self.side = 1 - self.side
        self.player, self.spot = KEEPERS[self.side], (0.03, 0.5)
        if wide:
            self.frame += 20 * FRAME_RATE
            self._note("RECOVERY", spot=self.spot)
            self._pass("GOAL KICK")
        else:
            self._note("RECOVERY", "SAVED", spot=self.spot)
            self._pass()

    def _lose_ball(self) -> None:
        end = (min(0.97, self.spot[0] + 0.1), self.spot[1])
        self._note("BALL LOST", "INTERCEPTION", spot=self.spot, end=end, lasts=30)
        self.spot = end
        self._turn_over()
        self.player = self._outfielder(self.side)
        self._note("RECOVERY", "INTERCEPTION", spot=self.spot)

    def _be_tackled(self) -> None:
        carrier, place = self.player, self.spot
        self._turn_over()
        self.player = self._outfielder(self.side)
        self._note("CHALLENGE", "TACKLE", "WON", spot=self.spot)
        self._note("RECOVERY", "THEFT", spot=self.spot)
        self._note("CHALLENGE", "TACKLE", "LOST", side=1 - self.side, player=carrier, spot=place)
        self._note("BALL LOST", "THEFT", side=1 - self.side, player=carrier, spot=place)

    def _be_fouled(self) -> None:
        other, place = 1 - self.side, (1 - self.spot[0], 1 - self.spot[1])
        offender = self._outfielder(other)
        self._note("CHALLENGE", "GROUND", "FAULT", "LOST", side=other, player=offender, spot=place)
        self._note("CHALLENGE", "GROUND", "FAULT", "WON", spot=self.spot)
        self._note("FAULT RECEIVED", spot=self.spot)
        if self.rng.random() < 0.05:
            self._note("CARD", "YELLOW", side=other, player=offender)
        self.frame += 15 * FRAME_RATE
        self._note("SET PIECE", "FREE KICK")
        self._pass()

    def _hit_out(self) -> None:
        self._note("BALL OUT", spot=self.spot, end=(self.spot[0], 1.03), lasts=40)
        self.spot = (self.spot[0], 1.01)
        self._turn_over()
        self.player = self._outfielder(self.side)
        self.frame += 8 * FRAME_RATE
        self._note("SET PIECE", "THROW IN")
        self._pass()

    def own_goal(self) -> None:
        """A cross that the other side heads over its own line: a BALL OUT with GOAL, no shot."""
        self.spot = (0.92, 0.9)
        self._note("BALL LOST", "CROSS", "INTERCEPTION", spot=self.spot, end=(0.97, 0.5), lasts=30)
        self.spot = (0.97, 0.5)
        self._turn_over()
        self.player = self._outfielder(self.side)
        self._note("RECOVERY", "INTERCEPTION", spot=self.spot)
        self._note("BALL OUT", "WOODWORK", "GOAL", spot=self.spot, end=(-0.01, 0.46), lasts=15)
        self.goals[1 - self.side] += 1
        self.frame += 40 * FRAME_RATE
        self._kick_off(side=self.side)

    def goal_that_is_none(self) -> None:
        """A recovery at midfield that the file marks GOAL."""
        self._turn_over()
        self.spot, self.player = (0.5, 0.6), self._outfielder(self.side)
        self._note("RECOVERY", "GOAL", spot=self.spot)
