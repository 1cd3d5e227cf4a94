"""Open play: possessions made of passes, carries and duels, each ending in a restart."""

from __future__ import annotations

import math
from enum import Enum
from typing import NamedTuple

from fotmate_assets.embedded.sample.statsbomb import vocabulary as v
from fotmate_assets.embedded.sample.statsbomb.shots import shoot
from fotmate_assets.embedded.sample.statsbomb.team_sheet import TeamSheet
from fotmate_assets.embedded.sample.statsbomb.vocabulary import Json, Term
from fotmate_assets.embedded.sample.statsbomb.world import LENGTH, WIDTH, Point, World, cell, link


class How(Enum):
    """How a possession starts: play pattern, type of its first pass, seconds until then."""

    KICK_OFF = (v.FROM_KICK_OFF, Term(65, "Kick Off"), 38.0, 75.0)
    THROW_IN = (v.FROM_THROW_IN, Term(67, "Throw-in"), 12.0, 28.0)
    FREE_KICK = (v.FROM_FREE_KICK, Term(62, "Free Kick"), 27.0, 60.0)
    CORNER = (v.FROM_CORNER, Term(61, "Corner"), 26.0, 48.0)
    GOAL_KICK = (v.FROM_GOAL_KICK, Term(63, "Goal Kick"), 26.0, 42.0)
    KEEPER = (v.FROM_KEEPER, None, 7.0, 15.0)
    RECOVERY = (v.REGULAR_PLAY, None, 1.0, 6.0)
    WON = (v.REGULAR_PLAY, None, 0.0, 0.1)

    @property
    def is_dead_ball(self) -> bool:
        """True where the referee had stopped play."""
        return self not in (How.KEEPER, How.RECOVERY, How.WON)


class Restart(NamedTuple):
    """Who goes on, how and where (as they see it); `player` where it is settled."""

    side: TeamSheet
    how: How
    at: Point
    player: int | None = None
    opens_half: bool = False


KICK_OFF_SPOT, GOAL_KICK_SPOT = Point(60.0, 40.0), Point(6.0, 40.0)


def kick_off(side: TeamSheet, *, opens_half: bool = False) -> Restart:
    """`side` starts from the centre spot, at once where it opens a half."""
    return Restart(side, How.KICK_OFF, KICK_OFF_SPOT, opens_half=opens_half)


def goal_kick(side: TeamSheet) -> Restart:
    """`side`'s goalkeeper kicks from the goal area."""
    return Restart(side, How.GOAL_KICK, GOAL_KICK_SPOT, side.keeper)


def corner(world: World, side: TeamSheet) -> Restart:
    """`side` takes a corner from either flag."""
    return Restart(side, How.CORNER, Point(LENGTH, world.rng.choice((0.1, WIDTH))))


def throw_in(side: TeamSheet, at: Point) -> Restart:
    """`side` throws in on the touchline nearer to `at`."""
    return Restart(side, How.THROW_IN, Point(at.x, 0.1 if at.y < WIDTH / 2 else WIDTH))


def foul(
    world: World,
    offender: tuple[TeamSheet, int],
    victim: int,
    at: Point,
    *,
    card: Term | None = None,
    penalty: bool = False,
) -> Restart:
    """A foul on `victim` at `at` (as the victim sees it), and the free kick it earns."""
    side, player = offender
    fouled = world.other(side)
    committed: Json = {"penalty": True} if penalty else {}
    if card:
        committed["card"] = card.json()
    first = world.emit(v.FOUL_COMMITTED, side, player, at.mirrored)
    if committed:
        first["foul_committed"] = committed
    second = world.emit(v.FOUL_WON, fouled, victim, at, flags=("under_pressure",))
    if penalty:
        second["foul_won"] = {"penalty": True}
    link(first, second)
    if card:
        side.book(player, card, "Foul Committed", world.clock)
    return Restart(fouled, How.FREE_KICK, at)


class Possession:
    """One team's spell on the ball, recorded step by step by `run`."""

    def __init__(self, world: World, restart: Restart) -> None:
        self.world = world
        self.rng = world.rng
        self.side = restart.side
        self.rivals = world.other(restart.side)
        self.how = restart.how
        self.at = restart.at
        pattern, self.pass_type, *delay = restart.how.value
        world.wait(*((0.2, 0.9) if restart.opens_half else delay))
        world.new_possession(self.side, pattern)
        if restart.player in self.side.active:
            self.holder = restart.player
        else:
            self.holder = self.side.keeper if restart.how is How.KEEPER else world.nearest(self.side, restart.at)
        self.key_pass: Json | None = None
        self.before: Json | None = None
        """The event that gave the holder the ball."""

    def run(self) -> Restart:
        """Play until the ball is lost, out or in the net."""
        if self.how is How.RECOVERY:
            self.before = self.world.emit(v.RECOVERY, self.side, self.holder, self.at)
        if self.how is How.FREE_KICK and self.at.x > 92 and self.rng.random() < 0.5:
            return self._shot(v.FREE_KICK_SHOT)
        first = self.how.is_dead_ball
        while True:
            pressed = not first and self.rng.random() < 0.35
            if not first and self.rng.random() < 0.82:
                self._carry(pressed=pressed)
            if not first and (ended := self._lose_or_shoot(pressed=pressed)):
                return ended
            if ended := self._pass(pressed=pressed):
                return ended
            first = False

    def _carry(self, *, pressed: bool) -> None:
        rng, world = self.rng, self.world
        start = self.at
        distance = rng.uniform(0.5, 9)
        angle = rng.uniform(-1.1, 1.1)
        self.at = cell(min(start.x + distance * math.cos(angle), 114.0), start.y + distance * math.sin(angle))
        duration = round(rng.uniform(0.5, 4.2), 6)
        carry = world.emit(
            v.CARRY,
            self.side,
            self.holder,
            start,
            duration=duration,
            flags=("under_pressure",) if pressed else (),
            carry={"end_location": list(self.at)},
        )
        if self.before:
            carry["related_events"].append(self.before["id"])
        begun = world.clock_ms
        if pressed:
            world.clock_ms += int(duration * 300)
            counter = ("counterpress",) if rng.random() < 0.2 else ()
            pressure = world.emit(
                v.PRESSURE,
                self.rivals,
                world.nearest(self.rivals, start.mirrored),
                cell(start.mirrored.x + 1.5, start.mirrored.y + 1.0),
                duration=round(duration * 0.4, 6),
                flags=counter,
            )
            link(carry, pressure)
        world.clock_ms = begun + int(duration * 1000)
        self.before = carry

    def _lose_or_shoot(self, *, pressed: bool) -> Restart | None:
        rng, world, at = self.rng, self.world, self.at
        rival = world.nearest(self.rivals, at.mirrored)
        distance = math.dist(at, (LENGTH, WIDTH / 2))
        if self.holder != self.side.keeper and distance < 32 and rng.random() < (0.22 if distance < 17 else 0.08):
            return self._shot(v.OPEN_PLAY)
        draw = rng.random()
        if draw < 0.024 and self.holder != self.side.keeper:
            booked = self.rivals.is_booked(rival) or rival in self.rivals.protected or rng.random() > 0.12
            return foul(world, (self.rivals, rival), self.holder, at, card=None if booked else v.YELLOW)
        if draw < 0.044 and pressed:
            lost = world.emit(v.DISPOSSESSED, self.side, self.holder, at, flags=("under_pressure",))
            link(lost, self._tackle(rival, v.WON))
            return Restart(self.rivals, How.WON, at.mirrored, rival)
        if draw < 0.060:
            out = rng.random() < 0.3
            world.emit(v.MISCONTROL, self.side, self.holder, at, flags=("out",) if out else ())
            return throw_in(self.rivals, at.mirrored) if out else Restart(self.rivals, How.RECOVERY, at.mirrored)
        if draw < 0.095:
            return self._dribble(rival)
        return None

    def _tackle(self, rival: int, outcome: Term) -> Json:
        return self.world.emit(
            v.DUEL,
            self.rivals,
            rival,
            self.at.mirrored,
            flags=("under_pressure",),
            duel={"type": v.TACKLE.json(), "outcome": outcome.json()},
        )

    def _dribble(self, rival: int) -> Restart | None:
        world, at = self.world, self.at
        beaten = self.rng.random() < 0.6
        past = world.emit(v.DRIBBLED_PAST, self.rivals, rival, at.mirrored) if beaten else None
        outcome = v.COMPLETE_DRIBBLE if beaten else v.INCOMPLETE_DRIBBLE
        dribble = world.emit(
            v.DRIBBLE, self.side, self.holder, at, flags=("under_pressure",), dribble={"outcome": outcome.json()}
        )
        if past:
            link(dribble, past)
            self.before = dribble
            return None
        if self.rng.random() < 0.25:
            link(dribble, self._tackle(rival, v.LOST_OUT))
            return throw_in(self.side, at)
        link(dribble, self._tackle(rival, v.SUCCESS_IN_PLAY))
        return Restart(self.rivals, How.WON, at.mirrored, rival)

    def _shot(self, kind: Term) -> Restart:
        after = shoot(self.world, self.side, self.holder, self.at, kind, key_pass=self.key_pass)
        if after is v.GOAL:
            return kick_off(self.rivals)
        if after is v.SAVED:
            held = self.rng.random() < 0.6
            return Restart(self.rivals, How.KEEPER, cell(4, 40)) if held else corner(self.world, self.side)
        if after is v.BLOCKED:
            if self.rng.random() < 0.35:
                return corner(self.world, self.side)
            return Restart(self.rivals, How.RECOVERY, self.at.mirrored)
        return goal_kick(self.rivals)

    def _target(self) -> tuple[int, Point]:
        side, rng = self.side, self.rng
        pool = [player for player in side.outfield if player != self.holder]
        if self.how is How.CORNER and self.pass_type:
            return rng.choice(pool), cell(rng.uniform(106, 116), rng.uniform(32, 48))
        options = [(player, self.world.spot(side, player, self.at)) for player in rng.sample(pool, 4)]
        if rng.random() < 0.62:
            return min(options, key=lambda option: math.dist(option[1], self.at))
        if self.at.x < 60 and self.holder != side.keeper and rng.random() < 0.12:
            return side.keeper, self.world.spot(side, side.keeper, self.at)
        return max(options, key=lambda option: option[1].x)

    def _pass(self, *, pressed: bool) -> Restart | None:
        rng, world, start = self.rng, self.world, self.at
        target, end = self._target()
        length = math.dist(start, end)
        risk = 0.035 + length * 0.0042 + (0.1 if end.x > 88 else 0.0) + (0.05 if pressed else 0.0)
        failure = self._failure(end) if rng.random() < risk else None
        if failure is v.OUT:
            end = Point(LENGTH, end.y) if end.x > 95 else Point(end.x, 0.1 if end.y < WIDTH / 2 else WIDTH)
            length = math.dist(start, end)
        shape = v.GROUND if length < 18 else v.LOW if length < 27 else v.HIGH
        duration = round(0.4 + length / 15, 6)
        details: Json = {"recipient": self.side.term(target).json()} if failure not in (v.OUT, v.UNKNOWN) else {}
        details |= {
            "length": round(length, 6),
            "angle": round(math.atan2(end.y - start.y, end.x - start.x), 7),
            "height": shape.json(),
            "end_location": list(end),
        }
        if self.how is not How.THROW_IN or not self.pass_type:
            details["body_part"] = self._body_part().json()
        kind = self.pass_type or (v.RECOVERY_PASS if self.how is How.WON and self.before is None else None)
        if kind:
            details["type"] = kind.json()
        if failure:
            details["outcome"] = failure.json()
        if start.x > 85 and abs(start.y - 40) > 20 and abs(end.y - 40) < 15 and not self.pass_type:
            details["cross"] = True
        elif end.x > 95 and shape is v.GROUND and rng.random() < 0.15:
            details |= {"through_ball": True, "technique": v.THROUGH_BALL.json()}
        if abs(end.y - start.y) > 40:
            details["switch"] = True
        flags = ("under_pressure",) if pressed else ("off_camera",) if rng.random() < 0.03 else ()
        passed = world.emit(v.PASS, self.side, self.holder, start, duration=duration, flags=flags, **{"pass": details})
        if self.before:
            self.before["related_events"].append(passed["id"])
        world.clock_ms += int(duration * 1000)
        self.pass_type = None
        if failure:
            return self._turnover(passed, failure, target, end, shape)
        receipt = world.emit(v.RECEIPT, self.side, target, end, duration=None)
        link(passed, receipt)
        self.holder, self.at, self.before, self.key_pass = target, end, receipt, passed
        return None

    def _body_part(self) -> Term:
        rng = self.rng
        if self.how is How.KEEPER and self.before is None:
            return rng.choice((v.KEEPER_ARM, v.DROP_KICK))
        return v.RIGHT_FOOT if rng.random() < 0.68 else v.LEFT_FOOT if rng.random() < 0.85 else v.HEAD

    def _failure(self, end: Point) -> Term:
        draw = self.rng.random()
        if draw < 0.13:
            return v.OUT
        if draw < 0.17 and end.x > 80:
            return v.PASS_OFFSIDE
        return v.UNKNOWN if draw > 0.98 else v.INCOMPLETE

    def _turnover(self, passed: Json, failure: Term, target: int, end: Point, shape: Term) -> Restart:
        world, there = self.world, end.mirrored
        if failure is v.OUT:
            return goal_kick(self.rivals) if end.x == LENGTH else throw_in(self.rivals, there)
        if failure is v.PASS_OFFSIDE:
            return Restart(self.rivals, How.FREE_KICK, there)
        if failure is v.INCOMPLETE:
            missed = {"outcome": v.INCOMPLETE.json()}
            link(passed, world.emit(v.RECEIPT, self.side, target, end, duration=None, ball_receipt=missed))
        return self._loose(passed, there, aerial=target if shape is v.HIGH else None)

    def _loose(self, passed: Json, there: Point, *, aerial: int | None) -> Restart:
        rng, world, rivals = self.rng, self.world, self.rivals
        rival = world.nearest(rivals, there)
        draw = rng.random()
        if there.x < 22 and draw < 0.22:
            kind = Term(25, "Collected") if rng.random() < 0.7 else Term(27, "Keeper Sweeper")
            outcome = Term(15, "Success") if kind.name == "Collected" else Term(47, "Claim")
            keeping = {"type": kind.json(), "outcome": outcome.json()}
            link(passed, world.emit(v.GOAL_KEEPER, rivals, rivals.keeper, cell(5, there.y), goalkeeper=keeping))
            return Restart(rivals, How.KEEPER, cell(6, 40))
        if there.x < 35 and draw < 0.7:
            return self._cleared(passed, rival, there, aerial=aerial)
        if draw < 0.3:
            outcome = v.SUCCESS_IN_PLAY if rng.random() < 0.4 else v.WON
            link(passed, world.emit(v.INTERCEPTION, rivals, rival, there, interception={"outcome": outcome.json()}))
            return Restart(rivals, How.WON, there, rival)
        if draw < 0.45:
            out = rng.random() < 0.4
            link(passed, world.emit(v.BLOCK, rivals, rival, there, flags=("out",) if out else ()))
            return throw_in(self.side, there.mirrored) if out else Restart(rivals, How.RECOVERY, there)
        return Restart(rivals, How.RECOVERY, there, rival)

    def _cleared(self, passed: Json, rival: int, at: Point, *, aerial: int | None) -> Restart:
        rng, world = self.rng, self.world
        clearance: Json = {"head": True, "body_part": v.HEAD.json()}
        lost = None
        if aerial is None:
            clearance = {"right_foot": True, "body_part": v.RIGHT_FOOT.json()}
        elif rng.random() < 0.6:
            clearance["aerial_won"] = True
            lost = world.emit(
                v.DUEL,
                self.side,
                aerial,
                at.mirrored,
                flags=("under_pressure",),
                duel={"type": v.AERIAL_LOST.json()},
            )
        out = rng.random() < 0.25
        cleared = world.emit(
            v.CLEARANCE,
            self.rivals,
            rival,
            at,
            flags=("out", "under_pressure") if out else ("under_pressure",),
            clearance=clearance,
        )
        link(passed, cleared)
        if lost:
            link(lost, cleared)
        if out:
            return corner(world, self.side) if rng.random() < 0.4 else throw_in(self.side, at.mirrored)
        side = self.side if rng.random() < 0.55 else self.rivals
        landing = cell(at.x + rng.uniform(15, 40), at.y + rng.uniform(-12, 12))
        return Restart(side, How.RECOVERY, landing if side is self.rivals else landing.mirrored)
