"""Shots, what the goalkeeper does about them, and own goals."""

from __future__ import annotations

import math

from fotmate_assets.embedded.sample.statsbomb import vocabulary as v
from fotmate_assets.embedded.sample.statsbomb.team_sheet import TeamSheet
from fotmate_assets.embedded.sample.statsbomb.vocabulary import Json, Term
from fotmate_assets.embedded.sample.statsbomb.world import LENGTH, WIDTH, Point, World, cell, link

PENALTY_XG = 0.76
PENALTY_SPOT = Point(108.1, 40.1)

_MISSES = (v.OFF_TARGET, v.SAVED, v.BLOCKED, v.WAYWARD, v.POST, v.SAVED_TO_POST, v.SAVED_OFF_TARGET)
_MISS_WEIGHTS = (40, 30, 24, 5, 2, 0.5, 0.8)


def expected_goals(at: Point) -> float:
    """A plausible chance of scoring from `at`."""
    return max(0.008, 0.6 * math.exp(-0.12 * math.dist(at, (LENGTH, WIDTH / 2))))


def shoot(
    world: World,
    side: TeamSheet,
    shooter: int,
    at: Point,
    kind: Term,
    *,
    key_pass: Json | None = None,
    scored: bool | None = None,
) -> Term:
    """Record a shot with its block and goalkeeper events; returns `GOAL`, `SAVED`, `BLOCKED` or `OFF_TARGET`.

    `scored` settles the outcome; otherwise chance does, as often as the xG says.
    """
    rng = world.rng
    rivals = world.other(side)
    xg = PENALTY_XG if kind is v.PENALTY else round(expected_goals(at) * rng.uniform(0.75, 1.25), 8)
    if scored is None:
        scored = rng.random() < xg and world.may_score(side)
        outcome = v.GOAL if scored else rng.choices(_MISSES, _MISS_WEIGHTS)[0]
    else:
        outcome = v.GOAL if scored else v.SAVED
    duration = round(rng.uniform(0.2, 1.2), 6)
    details: Json = {"statsbomb_xg": xg, "end_location": _end(world, at, outcome)}
    if key_pass:
        details["key_pass_id"] = key_pass["id"]
    details |= {
        "outcome": outcome.json(),
        "technique": Term(93, "Normal").json(),
        "body_part": (v.HEAD if kind is v.OPEN_PLAY and at.x > 108 and rng.random() < 0.3 else v.RIGHT_FOOT).json(),
        "type": kind.json(),
    }
    if kind is v.OPEN_PLAY and rng.random() < 0.3:
        details["first_time"] = True
    if kind is not v.PENALTY:
        details["freeze_frame"] = world.freeze_frame(side, shooter, at)
    shot = world.emit(v.SHOT, side, shooter, at, duration=duration, shot=details)
    if key_pass:
        key_pass["pass"]["assisted_shot_id"] = shot["id"]
        key_pass["pass"]["goal_assist" if scored else "shot_assist"] = True
    world.clock_ms += int(duration * 1000)
    if outcome is v.BLOCKED:
        blocker = world.nearest(rivals, at.mirrored)
        link(shot, world.emit(v.BLOCK, rivals, blocker, cell(at.mirrored.x - 1.5, at.mirrored.y)))
    link(shot, world.emit(v.GOAL_KEEPER, rivals, rivals.keeper, cell(1.0, 40.0), goalkeeper=_keeping(kind, outcome)))
    if scored and world.period < 5:
        world.score[side.index] += 1
    if outcome in (v.SAVED, v.SAVED_TO_POST, v.SAVED_OFF_TARGET):
        return v.SAVED
    return outcome if outcome in (v.GOAL, v.BLOCKED) else v.OFF_TARGET


def own_goal(world: World, culprit: TeamSheet, player: int, *, named: bool) -> None:
    """The pair of events of an own goal by `player`, seen from both ends.

    With `named` the Own Goal For carries a player of the side that benefits, who is not its scorer.
    """
    at = cell(world.rng.uniform(0.5, 5), world.rng.uniform(36, 44))
    other = world.other(culprit)
    against = world.emit(v.OWN_GOAL_AGAINST, culprit, player, at)
    near = world.nearest(other, at.mirrored) if named else None
    link(against, world.emit(v.OWN_GOAL_FOR, other, near, at.mirrored))
    world.score[other.index] += 1


def _end(world: World, at: Point, outcome: Term) -> list[float]:
    rng = world.rng
    if outcome in (v.BLOCKED, v.WAYWARD):
        return list(cell(at.x + rng.uniform(1, 5), at.y + rng.uniform(-2, 2)))
    on_target = outcome in (v.GOAL, v.SAVED)
    y = rng.uniform(36.3, 43.7) if on_target else rng.choice((rng.uniform(28, 35.9), rng.uniform(44.1, 52)))
    x = rng.uniform(116, 119) if outcome is v.SAVED else LENGTH
    return [round(x, 1), round(y, 1), round(rng.uniform(0.1, 2.4 if on_target else 4.5), 1)]


def _keeping(kind: Term, outcome: Term) -> Json:
    keeping: Json = {"position": Term(44, "Set").json()}
    diving = Term(45, "Diving").json()
    if outcome is v.GOAL:
        conceded = Term(28, "Penalty Conceded") if kind is v.PENALTY else Term(26, "Goal Conceded")
        keeping |= {"type": conceded.json(), "outcome": Term(55, "No Touch").json(), "technique": diving}
    elif outcome is v.SAVED:
        saved = Term(29, "Penalty Saved") if kind is v.PENALTY else Term(33, "Shot Saved")
        keeping |= {
            "type": saved.json(),
            "outcome": Term(53, "In Play Safe").json(),
            "body_part": v.BOTH_HANDS.json(),
            "technique": diving,
        }
    elif outcome is v.SAVED_TO_POST:
        keeping |= {"type": Term(114, "Shot Saved to Post").json(), "shot_saved_to_post": True}
    elif outcome is v.SAVED_OFF_TARGET:
        keeping |= {"type": Term(113, "Shot Saved Off Target").json(), "shot_saved_off_target": True}
    else:
        keeping["type"] = Term(32, "Shot Faced").json()
    return keeping
