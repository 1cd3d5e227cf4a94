"""The state of a simulated match: its clock, its possession, its two sides, and what has been recorded."""

from __future__ import annotations

import math
import random
from typing import Any, NamedTuple

from fotmate_assets.embedded.sample.statsbomb.team_sheet import KEEPER, Clock, TeamSheet
from fotmate_assets.embedded.sample.statsbomb.vocabulary import REGULAR_PLAY, Json, Term

PERIOD_START_MINUTE = {1: 0, 2: 45, 3: 90, 4: 105, 5: 120}
LENGTH, WIDTH = 120.0, 80.0
CELL = 0.1
MOST_GOALS = 5
"""A side scores no more than this from play."""


class Point(NamedTuple):
    """A cell of StatsBomb's grid as the acting team sees it: x toward its attack, y down."""

    x: float
    y: float

    @property
    def mirrored(self) -> Point:
        """The same cell as the other team sees it: coordinates are cell indexes, so they sum to 120.1 and 80.1."""
        return Point(round(LENGTH + CELL - self.x, 1), round(WIDTH + CELL - self.y, 1))


def cell(x: float, y: float) -> Point:
    """The grid cell nearest to a point, inside the pitch."""
    return Point(round(float(min(LENGTH, max(CELL, x))), 1), round(float(min(WIDTH, max(CELL, y))), 1))


def link(*events: Json) -> None:
    """Relate every event to every other."""
    for event in events:
        event["related_events"] += [other["id"] for other in events if other is not event]


class World:
    """A match in progress. `clock_ms` counts from the start of the period."""

    def __init__(self, rng: random.Random, home: TeamSheet, away: TeamSheet, *, with_frames: bool) -> None:
        self.rng = rng
        self.sides = (home, away)
        self.score = [0, 0]
        self.no_lead = False
        """True while only the trailing side may score from play, where the match has to end level."""
        self.events: list[Json] = []
        self.frames: list[Json] | None = [] if with_frames else None
        self.period = 1
        self.clock_ms = 0
        self.possession = 1
        self.possession_team = home
        self.pattern = REGULAR_PLAY

    @property
    def clock(self) -> Clock:
        """The match clock now."""
        minutes, seconds = divmod(self.clock_ms // 1000, 60)
        return Clock(self.period, PERIOD_START_MINUTE[self.period] + minutes, seconds)

    def other(self, side: TeamSheet) -> TeamSheet:
        """The opponents of `side`."""
        return self.sides[1 - side.index]

    def may_score(self, side: TeamSheet) -> bool:
        """False where a goal of `side` from play would spoil the kind of match asked for."""
        own, theirs = self.score[side.index], self.score[1 - side.index]
        return own < MOST_GOALS and not (self.no_lead and own >= theirs)

    def wait(self, low_s: float, high_s: float) -> None:
        """Let between `low_s` and `high_s` seconds pass."""
        self.clock_ms += int(1000 * self.rng.uniform(low_s, high_s))

    def new_possession(self, side: TeamSheet, pattern: Term) -> None:
        """The ball is `side`'s from the next event on."""
        self.possession += 1
        self.possession_team = side
        self.pattern = pattern

    def emit(
        self,
        kind: Term,
        side: TeamSheet,
        player: int | None = None,
        at: Point | None = None,
        *,
        duration: float | None = 0.0,
        flags: tuple[str, ...] = (),
        **details: Any,
    ) -> Json:
        """Record an event now and return it. `flags` are keys that are true; `details` follow as given."""
        clock = self.clock
        digits = f"{self.rng.getrandbits(128):032x}"
        seconds, millis = divmod(self.clock_ms, 1000)
        event: Json = {
            "id": f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}",
            "index": len(self.events) + 1,
            "period": self.period,
            "timestamp": f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis:03d}",
            "minute": clock.minute,
            "second": clock.second,
            "type": kind.json(),
            "possession": self.possession,
            "possession_team": self.possession_team.team.term.json(),
            "play_pattern": self.pattern.json(),
            "team": side.team.term.json(),
        }
        if player is not None:
            event["player"] = side.term(player).json()
            event["position"] = side.role(player).term.json()
        if at is not None:
            event["location"] = list(at)
        if duration is not None:
            event["duration"] = duration
        for flag in flags:
            event[flag] = True
        event["related_events"] = []
        event.update(details)
        self.events.append(event)
        if self.frames is not None and player is not None and at is not None and self.rng.random() < 0.9:
            self.frames.append(self._frame(event, side, player, at))
        return event

    def spot(self, side: TeamSheet, player: int, ball: Point) -> Point:
        """About where a player stands while the ball is at `ball`, both as `side` sees them."""
        role = side.role(player)
        pull = 0.15 if role.term.id == KEEPER else 0.6
        x = role.x + pull * (ball.x - 60) + self.rng.uniform(-7, 7)
        y = role.y + 0.25 * (ball.y - 40) + self.rng.uniform(-6, 6)
        return cell(min(x, 117.0), y)

    def nearest(self, side: TeamSheet, ball: Point) -> int:
        """The outfield player of `side` who is about nearest to `ball`, as `side` sees it."""
        some = self.rng.sample(side.outfield, 3)
        return min(some, key=lambda player: math.dist(self.spot(side, player, ball), ball))

    def freeze_frame(self, side: TeamSheet, shooter: int, at: Point) -> list[Json]:
        """Everyone near a shot but the shooter, seen from the shooting side."""
        people = []
        for team in (side, self.other(side)):
            mine = team is side
            ball = at if mine else at.mirrored
            for player in team.active:
                if player == shooter or (mine and (player == side.keeper or self.rng.random() < 0.45)):
                    continue
                spot = self.spot(team, player, ball)
                people.append(
                    {
                        "location": list(spot if mine else spot.mirrored),
                        "player": team.term(player).json(),
                        "position": team.role(player).term.json(),
                        "teammate": mine,
                    }
                )
        return people

    def _frame(self, event: Json, side: TeamSheet, actor: int, at: Point) -> Json:
        left, right = max(0.0, at.x - 32), min(LENGTH, at.x + 32)
        people = [{"teammate": True, "actor": True, "keeper": actor == side.keeper, "location": list(at)}]
        for team in self.sides:
            mine = team is side
            ball = at if mine else at.mirrored
            for player in team.active:
                spot = self.spot(team, player, ball)
                x, y = spot if mine else spot.mirrored
                if player != actor and left <= x <= right:
                    people.append(
                        {"teammate": mine, "actor": False, "keeper": player == team.keeper, "location": [x, y]}
                    )
        people.sort(key=lambda person: person["location"])  # type: ignore[arg-type,return-value]
        area = [left, 0.0, right, 0.0, min(LENGTH, right + 6), WIDTH, max(0.0, left - 6), WIDTH, left, 0.0]
        return {"event_uuid": event["id"], "visible_area": area, "freeze_frame": people}

    def finished(self) -> list[Json]:
        """The events of the match; a link list that stayed empty is left out, as the provider does."""
        for event in self.events:
            if not event["related_events"]:
                del event["related_events"]
        return self.events
