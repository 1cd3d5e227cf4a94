"""The rare things a match is told to contain, and the changes of personnel between possessions."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from fotmate_assets.embedded.sample.statsbomb import vocabulary as v
from fotmate_assets.embedded.sample.statsbomb.play import (
    How,
    Possession,
    Restart,
    corner,
    foul,
    goal_kick,
    kick_off,
    throw_in,
)
from fotmate_assets.embedded.sample.statsbomb.shots import PENALTY_SPOT, own_goal, shoot
from fotmate_assets.embedded.sample.statsbomb.team_sheet import TeamSheet
from fotmate_assets.embedded.sample.statsbomb.vocabulary import Incident
from fotmate_assets.embedded.sample.statsbomb.world import LENGTH, World, cell, link

Action = Callable[[Restart], Restart]
MINUTE_MS = 60_000


class Agenda:
    """What is due when: actions that turn the coming restart into another one (or leave it)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._heap: list[tuple[int, int, int, Action]] = []
        self._count = 0

    def add(self, period: int, due_ms: int, action: Action) -> None:
        """Run `action` between possessions once `due_ms` of `period` has passed."""
        self._count += 1
        heappush(self._heap, (period, due_ms, self._count, action))

    def soon(self, minutes: float, action: Action) -> None:
        """Run `action` that many minutes from now."""
        self.add(self.world.period, self.world.clock_ms + int(minutes * MINUTE_MS), action)

    def run_due(self, restart: Restart) -> Restart:
        """Run everything that is due and return how play goes on."""
        while self._heap and self._heap[0][:2] <= (self.world.period, self.world.clock_ms):
            restart = heappop(self._heap)[3](restart)
        return restart


class Director:
    """Plans and stages incidents."""

    def __init__(self, world: World, agenda: Agenda) -> None:
        self.world = world
        self.rng = world.rng
        self.agenda = agenda
        self._stages: dict[Incident, Callable[[Incident, Restart], Restart]] = {
            Incident.RED_CARD: self._red_card,
            Incident.SECOND_YELLOW: self._second_yellow,
            Incident.BAD_BEHAVIOUR: self._bad_behaviour,
            Incident.PENALTY_SCORED: self._penalty,
            Incident.PENALTY_SAVED: self._penalty,
            Incident.OWN_GOAL: self._own_goal,
            Incident.OWN_GOAL_NAMED: self._own_goal,
            Incident.INJURY: self._injury,
            Incident.INJURY_SUBSTITUTION: self._injury_substitution,
            Incident.PERMANENT_OFF: self._permanent_off,
        }

    def plan(self, incident: Incident) -> None:
        """Put an incident at a random moment of either half; those with a sequel go into the first."""
        if incident in (Incident.LONG_FIRST_HALF, Incident.HALF_TIME_SUBSTITUTION):
            return
        stage = self._stages.get(incident, self._plain)
        if incident in (Incident.SECOND_YELLOW, Incident.INJURY):
            period, latest = 1, 20.0
        else:
            period, latest = self.rng.choice((1, 2)), 38.0
        self.agenda.add(period, int(self.rng.uniform(8, latest) * MINUTE_MS), lambda restart: stage(incident, restart))

    def plan_substitution(self, side: TeamSheet, due_ms: int) -> None:
        """Replace somebody at the first dead ball of the second half from `due_ms` on."""

        def attempt(restart: Restart) -> Restart:
            if restart.how.is_dead_ball:
                self.world.wait(2, 8)
                self.substitute(side)
            else:
                self.agenda.soon(0.1, attempt)
            return restart

        self.agenda.add(2, due_ms, attempt)

    def substitute(self, side: TeamSheet, reason: v.Term = v.TACTICAL) -> None:
        """Replace an outfield player; the formation changes now and then."""
        off, on = self._unplanned(side), side.bench[0]
        details = {"outcome": reason.json(), "replacement": side.term(on).json()}
        self.world.emit(v.SUBSTITUTION, side, off, substitution=details)
        side.substitute(off, on, self.world.clock, reason.name)
        if self.rng.random() < 0.3:
            self.tactical_shift(side)

    def tactical_shift(self, side: TeamSheet) -> None:
        """Change the formation where the side is complete."""
        self.world.wait(1, 6)
        if side.reshape(self.world.clock, self.rng.choice(list(v.FORMATIONS))):
            self.world.emit(v.TACTICAL_SHIFT, side, tactics=side.tactics())

    def _either(self) -> TeamSheet:
        return self.rng.choice(self.world.sides)

    def _unplanned(self, side: TeamSheet) -> int:
        return self.rng.choice([p for p in side.outfield if p not in side.protected])

    def _foul_by(self, side: TeamSheet, player: int, card: v.Term | None) -> Restart:
        rivals = self.world.other(side)
        at = cell(self.rng.uniform(35, 75), self.rng.uniform(10, 70))
        self.world.wait(3, 9)
        return foul(self.world, (side, player), self.world.nearest(rivals, at), at, card=card)

    def _red_card(self, _: Incident, restart: Restart) -> Restart:
        side = self._either()
        player = side.anyone(self.rng)
        side.protected.add(player)
        restart = self._foul_by(side, player, v.RED)
        self.agenda.soon(2.0, lambda later: self._cover(later, side, player))
        return restart

    def _cover(self, restart: Restart, side: TeamSheet, gone: int) -> Restart:
        if side.cover(gone, self.world.clock):
            self.world.emit(v.TACTICAL_SHIFT, side, tactics=side.tactics())
        return restart

    def _second_yellow(self, _: Incident, restart: Restart) -> Restart:
        side = self._either()
        player = side.anyone(self.rng)
        side.protected.add(player)
        self.agenda.soon(self.rng.uniform(5, 22), lambda later: self._foul_by(side, player, v.SECOND_YELLOW))
        return self._foul_by(side, player, v.YELLOW)

    def _bad_behaviour(self, _: Incident, restart: Restart) -> Restart:
        side = self._either()
        player = side.anyone(self.rng)
        self.world.wait(3, 10)
        self.world.emit(v.BAD_BEHAVIOUR, side, player, bad_behaviour={"card": v.YELLOW.json()})
        side.book(player, v.YELLOW, "Bad Behaviour", self.world.clock)
        return restart

    def _penalty(self, incident: Incident, _: Restart) -> Restart:
        world, side = self.world, self._either()
        rivals = world.other(side)
        at = cell(self.rng.uniform(104, 114), self.rng.uniform(28, 52))
        foul(world, (rivals, world.nearest(rivals, at.mirrored)), world.nearest(side, at), at, penalty=True)
        world.wait(50, 80)
        world.new_possession(side, v.OTHER_PATTERN)
        scored = incident is Incident.PENALTY_SCORED
        shoot(world, side, self.rng.choice(side.outfield), PENALTY_SPOT, v.PENALTY, scored=scored)
        return kick_off(rivals) if scored else corner(world, side)

    def _own_goal(self, incident: Incident, _: Restart) -> Restart:
        world, culprit = self.world, self._either()
        world.wait(2, 6)
        own_goal(world, culprit, self.rng.choice(culprit.outfield), named=incident is Incident.OWN_GOAL_NAMED)
        return kick_off(culprit)

    def _injury(self, _: Incident, restart: Restart) -> Restart:
        world, side = self.world, self._either()
        player = self._unplanned(side)
        side.protected.add(player)
        world.wait(2, 5)
        world.emit(v.INJURY_STOPPAGE, side, player)
        world.wait(40, 80)
        off = world.emit(v.PLAYER_OFF, side, player)
        side.step_off(player, world.clock, permanent=False)

        def back(later: Restart) -> Restart:
            side.step_on(player, world.clock)
            link(off, world.emit(v.PLAYER_ON, side, player))
            side.protected.discard(player)
            return later

        self.agenda.soon(self.rng.uniform(0.7, 1.5), back)
        return self._ball_drop(restart)

    def _ball_drop(self, restart: Restart) -> Restart:
        world = self.world
        world.wait(2, 6)
        world.new_possession(restart.side, v.OTHER_PATTERN)
        at = cell(self.rng.uniform(30, 90), self.rng.uniform(15, 65))
        world.emit(v.BALL_DROP, restart.side, None, at)
        return Restart(restart.side, How.RECOVERY, at)

    def _injury_substitution(self, _: Incident, restart: Restart) -> Restart:
        self.world.wait(30, 60)
        self.substitute(self._either(), v.INJURY)
        return restart

    def _permanent_off(self, _: Incident, restart: Restart) -> Restart:
        world, side = self.world, self._either()
        player = self._unplanned(side)
        world.wait(2, 5)
        world.emit(v.INJURY_STOPPAGE, side, player)
        world.wait(40, 80)
        world.emit(v.PLAYER_OFF, side, player, player_off={"permanent": True})
        side.step_off(player, world.clock, permanent=True)
        return self._ball_drop(restart)

    def _plain(self, incident: Incident, restart: Restart) -> Restart:
        world, side = self.world, restart.side
        rivals = world.other(side)
        at = cell(self.rng.uniform(60, 100), self.rng.uniform(15, 65))
        player, rival = world.nearest(side, at), world.nearest(rivals, at.mirrored)
        world.wait(1, 4)
        match incident:
            case Incident.FIFTY_FIFTY:
                pressed = ("under_pressure",)
                lost = world.emit(v.FIFTY_FIFTY, side, player, at, flags=pressed)
                won = world.emit(v.FIFTY_FIFTY, rivals, rival, at.mirrored, flags=pressed)
                link(lost, won)
                lost["50_50"] = {"outcome": v.Term(1, "Lost").json()}
                won["50_50"] = {"outcome": v.WON.json()}
                return Restart(rivals, How.WON, at.mirrored, rival)
            case Incident.SHIELD:
                at = cell(LENGTH - 4, at.y)
                pressure = world.emit(v.PRESSURE, side, player, at, duration=0.8)
                link(pressure, world.emit(v.SHIELD, rivals, rival, at.mirrored, flags=("under_pressure",)))
                return goal_kick(rivals)
            case Incident.ERROR:
                at = cell(106, 40)
                world.emit(v.ERROR, rivals, rival, at.mirrored)
                return Possession(world, Restart(side, How.RECOVERY, at, player)).run()
            case Incident.OFFSIDE:
                world.emit(v.OFFSIDE, side, player, at)
                return Restart(rivals, How.FREE_KICK, at.mirrored)
            case _:
                world.emit(v.CAMERA_OFF, side)
                world.wait(20, 40)
                world.emit(v.CAMERA_ON, side)
                return throw_in(side, at)
