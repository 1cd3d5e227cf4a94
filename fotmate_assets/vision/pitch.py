"""A football pitch's named points and markings in metres. Pure.

Dimensions: IFAB, Laws of the Game, Law 1 "The Field of Play": goal area 5.5 m, penalty area 16.5 m (both measured from
the inside of the goalposts, which stand 7.32 m apart), penalty mark 11 m, centre circle and penalty arc 9.15 m, corner
arc 1 m. Markings are taken as having no width (the Laws allow 12 cm, which belong to the area they bound).

Names are as the main camera sees the pitch: `left_` is x < 0, `right_` x > 0, `near` is y < 0 (the touchline under the
camera), `far` y > 0. A name is its end, its side and what it is: `left_near_corner`, `right_far_penalty_area_corner`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType

from fotmate_assets.vision.model import Pitch

GOAL_WIDTH_M = 7.32
"""Between the insides of the posts."""
GOAL_AREA_M = 5.5
PENALTY_AREA_M = 16.5
PENALTY_SPOT_M = 11.0
"""From the goal line."""
CIRCLE_RADIUS_M = 9.15
"""Of the centre circle and of the penalty arcs."""
CORNER_ARC_RADIUS_M = 1.0
LENGTHS_M = (90.0, 120.0)
"""Shortest and longest touchline that the Laws allow."""
WIDTHS_M = (45.0, 90.0)
"""Shortest and longest goal line; the touchline must be longer than the goal line."""

Point = tuple[float, float]
"""x, y in metres."""


@dataclass(frozen=True)
class Segment:
    """A straight marking."""

    start: Point
    end: Point


@dataclass(frozen=True)
class Arc:
    """A round marking, drawn from `start_deg` to `end_deg`, counter-clockwise from the x axis."""

    centre: Point
    radius_m: float
    start_deg: float
    end_deg: float


@dataclass(frozen=True)
class Markings:
    """What is painted on a pitch."""

    segments: tuple[Segment, ...]
    arcs: tuple[Arc, ...]
    spots: tuple[Point, ...]
    """The centre mark and the penalty marks."""


@lru_cache(maxsize=16)
def landmarks(pitch: Pitch) -> Mapping[str, Point]:
    """Every named point of a pitch."""
    x, y = pitch.length_m / 2, pitch.width_m / 2
    points: dict[str, Point] = {
        "centre_spot": (0.0, 0.0),
        "centre_circle_left": (-CIRCLE_RADIUS_M, 0.0),
        "centre_circle_right": (CIRCLE_RADIUS_M, 0.0),
    }
    arc_half = math.sqrt(CIRCLE_RADIUS_M**2 - (PENALTY_AREA_M - PENALTY_SPOT_M) ** 2)
    for side, up in (("near", -1), ("far", 1)):
        points[f"halfway_{side}"] = (0.0, up * y)
        points[f"centre_circle_{side}"] = (0.0, up * CIRCLE_RADIUS_M)
    for end, out in (("left", -1), ("right", 1)):
        points[f"{end}_penalty_spot"] = (out * (x - PENALTY_SPOT_M), 0.0)
        points[f"{end}_penalty_arc_top"] = (out * (x - PENALTY_SPOT_M - CIRCLE_RADIUS_M), 0.0)
        for side, up in (("near", -1), ("far", 1)):
            points[f"{end}_{side}_corner"] = (out * x, up * y)
            points[f"{end}_{side}_goal_post"] = (out * x, up * GOAL_WIDTH_M / 2)
            points[f"{end}_{side}_penalty_arc_end"] = (out * (x - PENALTY_AREA_M), up * arc_half)
            for area, depth in (("goal_area", GOAL_AREA_M), ("penalty_area", PENALTY_AREA_M)):
                half = GOAL_WIDTH_M / 2 + depth
                points[f"{end}_{side}_{area}_corner"] = (out * (x - depth), up * half)
                points[f"{end}_{side}_{area}_goal_line"] = (out * x, up * half)
    return MappingProxyType(points)


@lru_cache(maxsize=16)
def markings(pitch: Pitch) -> Markings:
    """What is painted on a pitch: touchlines, goal lines, halfway line, areas; circle and arcs; spots."""
    point = landmarks(pitch)
    segments = [
        Segment(point["left_near_corner"], point["right_near_corner"]),
        Segment(point["left_far_corner"], point["right_far_corner"]),
        Segment(point["halfway_near"], point["halfway_far"]),
    ]
    arcs = [Arc((0.0, 0.0), CIRCLE_RADIUS_M, 0, 360)]
    spots = [point["centre_spot"]]
    opening_deg = math.degrees(math.acos((PENALTY_AREA_M - PENALTY_SPOT_M) / CIRCLE_RADIUS_M))
    for end, inward_deg in (("left", 0), ("right", 180)):
        segments.append(Segment(point[f"{end}_near_corner"], point[f"{end}_far_corner"]))
        for area in ("goal_area", "penalty_area"):
            corners = [
                point[f"{end}_{name}"]
                for name in (
                    f"near_{area}_goal_line",
                    f"near_{area}_corner",
                    f"far_{area}_corner",
                    f"far_{area}_goal_line",
                )
            ]
            segments += [Segment(start, stop) for start, stop in pairwise(corners)]
        spot = point[f"{end}_penalty_spot"]
        spots.append(spot)
        arcs.append(Arc(spot, CIRCLE_RADIUS_M, inward_deg - opening_deg, inward_deg + opening_deg))
    for name, start_deg in (
        ("left_near_corner", 0),
        ("right_near_corner", 90),
        ("right_far_corner", 180),
        ("left_far_corner", 270),
    ):
        arcs.append(Arc(point[name], CORNER_ARC_RADIUS_M, start_deg, start_deg + 90))
    return Markings(tuple(segments), tuple(arcs), tuple(spots))


def polylines(pitch: Pitch, step_m: float = 1.0) -> list[list[Point]]:
    """Segments and arcs as polylines whose points are `step_m` apart at most: what stays true under perspective."""
    painted = markings(pitch)
    lines: list[list[Point]] = []
    for segment in painted.segments:
        (x1, y1), (x2, y2) = segment.start, segment.end
        steps = max(1, math.ceil(math.hypot(x2 - x1, y2 - y1) / step_m))
        lines.append([(x1 + (x2 - x1) * i / steps, y1 + (y2 - y1) * i / steps) for i in range(steps + 1)])
    for arc in painted.arcs:
        turn = math.radians(arc.end_deg - arc.start_deg)
        steps = max(8, math.ceil(turn * arc.radius_m / step_m))
        angles = [math.radians(arc.start_deg) + turn * i / steps for i in range(steps + 1)]
        lines.append(
            [(arc.centre[0] + arc.radius_m * math.cos(a), arc.centre[1] + arc.radius_m * math.sin(a)) for a in angles]
        )
    return lines
