"""Who belongs to whom: from a track's colours and places its team and its part.

A single frame's colour is a handful of blurred pixels, so nothing is decided per frame: a track is judged by the median
of its colours. Colours are compared in CIE L*a*b* with lightness at half its weight (`LIGHTNESS`), for shadow changes
lightness most, while white and black shirts differ in nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fotmate_assets.vision.model import Kits, ObjectType, Pitch, Side
from fotmate_assets.vision.pitch import GOAL_WIDTH_M, PENALTY_AREA_M
from fotmate_assets.vision.team.shirts import LIGHTNESS

if TYPE_CHECKING:
    import polars as pl

    from fotmate_assets.vision.observations import Bools, Doubles, Ints, Observations
    from fotmate_assets.vision.tracks import Tracks

MIN_COLOURS = 5
"""A track with fewer colours is not judged."""
NEAR, FAR = 10.0, 30.0
"""Colours this near are one, however little a team's own colours vary; this far, they are two, however much."""
OFFICIALS = 25.0
"""How far the referee's and his assistants' colours may be from one another at least: those far away look greener."""
APART = 15.0
"""How far apart two teams' colours are at least."""
TOLD = 50.0
"""How far from the told colour a kit may look, in shade, against the sun, through a cheap camera."""
CANDIDATES = 80
"""The two teams' colours are looked for among those of so many tracks, the longest."""
MIN_TEAM = 0.3
"""The smaller team's least share of the larger one's time."""
MIN_COLOUR = 0.2
"""The least time that a goalkeeper's or the referee's colour is seen, as a share of the video's."""
INSIDE_M, OUTSIDE_M = 1.0, 2.0
"""Who is mostly this far within the lines is no assistant referee; this far beyond them, no player."""
AROUND_M = 6.0
"""A goalkeeper's ground: the penalty area and this much around it."""
OVERLAP = 0.2
"""The share of a goalkeeper's track in which another may be in the same goal."""


def assign(tracks: Tracks, seen: Observations, pitch: Pitch, kits: Kits) -> dict[int, tuple[ObjectType, Side | None]]:
    """The part and the team of every track of people, by its number.

    The teams are the two colours that most tracks are near to, weighed by their length. Where kits are told they are
    home and away; else left and right, by the goal that they defend in the first period, which is the one that they
    stand nearer to than the other team does. Of the colours that are no team's, one worn around the penalty areas is a
    goalkeeper's: one at a time in each goal, of the team that defends it. The one worn most elsewhere on the pitch is
    the referee's and his assistants'. Told colours of goalkeepers and referee come before both rules. What remains is
    OTHER, without a team: tracks of fewer than `MIN_COLOURS` colours, people who stay outside of the lines, colours of
    nobody; and all tracks where two teams are not to be told apart.
    """
    rows = _rows(tracks, seen)
    people = _people(rows, pitch)
    parts: dict[int, tuple[ObjectType, Side | None]] = {int(track): (ObjectType.OTHER, None) for track in people.track}
    teams = _team_colours(people, kits)
    if teams is None:
        return parts
    team = _team_of(people, teams, kits)
    at_left = {period: _team_at_left(rows, people, team, period) for period in sorted(set(people.period.tolist()))}
    sides = _sides(teams, kits, next(iter(at_left.values())))
    for index in (team >= 0).nonzero()[0].tolist():
        parts[int(people.track[index])] = ObjectType.PLAYER, sides[team[index]]
    goalkeepers, referees = _officials(people, people.is_on_pitch & (team < 0), kits, teams[1].max())
    for index in referees:
        parts[int(people.track[index])] = ObjectType.REFEREE, None
    for index in _one_at_a_time(people, goalkeepers):
        left = at_left[int(people.period[index])]
        defends = left if people.x_m[index] < 0 else 1 - left
        parts[int(people.track[index])] = ObjectType.GOALKEEPER, sides[defends]
    return parts


@dataclass(frozen=True)
class _People:
    """One row per track; `colour` and `time` of those on the pitch only count with colours enough."""

    track: Ints
    period: Ints
    colour: Doubles
    """(n, 3): the median of its colours, lightness at its weight; NaN where none."""
    time: Doubles
    """(n,): in how many frames its colour is seen."""
    first_ms: Doubles
    last_ms: Doubles
    x_m: Doubles
    """(n,): the median."""
    beyond_m: Doubles
    """(n,): how far beyond the lines it mostly is; negative within them."""
    at_goal: Doubles
    """(n,): the share of its rows that are on a goalkeeper's ground."""
    frames: int
    """How many frames there are with anybody."""

    @property
    def is_on_pitch(self) -> Bools:
        """With colours enough, and not mostly outside of the lines."""
        return (self.time >= MIN_COLOURS) & (self.beyond_m <= OUTSIDE_M)


def _rows(tracks: Tracks, seen: Observations) -> pl.DataFrame:
    """The tracks with their colours, lightness at its weight; null where there is none."""
    import numpy as np
    import polars as pl

    colour = np.full((len(tracks.track), 3), np.nan)
    has = tracks.detection >= 0
    colour[has] = seen.colour[tracks.detection[has]] * np.array([LIGHTNESS, 1, 1])
    columns = {name: tracks.columns[name] for name in ("track", "frame", "time_ms", "period", "x_m", "y_m")}
    colours = {name: colour[:, channel] for channel, name in enumerate("lab")}
    return pl.DataFrame(columns | colours).with_columns(pl.col(*"lab").fill_nan(None))


def _people(rows: pl.DataFrame, pitch: Pitch) -> _People:
    import numpy as np
    import polars as pl

    x, y = pl.col("x_m").abs(), pl.col("y_m").abs()
    on_ground = (x >= pitch.length_m / 2 - PENALTY_AREA_M - AROUND_M) & (
        y <= GOAL_WIDTH_M / 2 + PENALTY_AREA_M + AROUND_M
    )
    found = (
        rows.group_by("track")
        .agg(
            pl.col("period").first(),
            pl.col(*"lab").median(),
            time=pl.col("l").count().cast(pl.Float64),
            first_ms=pl.col("time_ms").min(),
            last_ms=pl.col("time_ms").max(),
            x=pl.col("x_m").median(),
            beyond_m=pl.max_horizontal(x - pitch.length_m / 2, y - pitch.width_m / 2).median(),
            at_goal=on_ground.mean(),
        )
        .sort("track")
    )
    column = {name: found[name].to_numpy() for name in found.columns}
    return _People(
        track=column["track"],
        period=column["period"],
        colour=np.stack([column[name] for name in "lab"], axis=1),
        time=column["time"],
        first_ms=column["first_ms"],
        last_ms=column["last_ms"],
        x_m=column["x"],
        beyond_m=column["beyond_m"],
        at_goal=column["at_goal"],
        frames=rows["frame"].n_unique(),
    )


def _told(kits: Kits, *names: str) -> Doubles:
    """Told colours (n, 3), lightness at its weight, of those of the names that are told."""
    import cv2
    import numpy as np

    colours = [colour for name in names if (colour := getattr(kits, name))]
    red_green_blue = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours], np.float32)
    if not colours:
        return np.empty((0, 3))
    lab = cv2.cvtColor(red_green_blue[None] / 255, cv2.COLOR_RGB2Lab)[0]
    weighted: Doubles = lab * np.array([LIGHTNESS, 1, 1])
    return weighted


def _distances(colours: Doubles, others: Doubles) -> Doubles:
    """(n, m), infinite where there is no colour."""
    import numpy as np

    distance = np.linalg.norm(colours[:, None] - others[None], axis=2)
    return np.where(np.isnan(distance), np.inf, distance)


def _team_colours(people: _People, kits: Kits) -> tuple[Doubles, Doubles] | None:
    """The two teams' colours (2, 3) as seen, and how far their tracks may be from them (2,); None if there are not two.

    Both kits told, home is the first: the search starts from the told colours, and goes on from the colours of the
    tracks that are near them. Else it starts from the two tracks to which all the others are nearest, distances beyond
    `FAR` counting as `FAR`, so that officials weigh nothing.
    """
    import numpy as np

    told = _told(kits, "home", "away")
    reach = np.full(2, FAR)
    inside = people.is_on_pitch & (people.beyond_m < -INSIDE_M)
    colour, time = people.colour[inside], people.time[inside]
    if not len(colour):
        return None
    if len(told) == 2:
        centres, reach = told, np.full(2, TOLD)
    else:
        candidates = np.argsort(-time, kind="stable")[:CANDIDATES]
        distance = np.minimum(_distances(colour[candidates], colour), FAR)
        loss = np.stack([np.minimum(one, distance) @ time for one in distance])
        centres = colour[candidates[list(np.unravel_index(loss.argmin(), loss.shape))]]
    share = np.zeros(2)
    for _ in range(3):
        distance = _distances(colour, centres)
        team = np.where((distance <= reach).any(axis=1), (distance / reach).argmin(axis=1), -1)
        share = np.array([time[team == index].sum() for index in (0, 1)])
        centres = np.array([_quantile(colour[team == i], time[team == i], 0.5, centres[i]) for i in (0, 1)])
        spread = [
            _quantile(distance[team == i][:, i : i + 1], time[team == i], 0.8, np.array([FAR]))[0] for i in (0, 1)
        ]
        reach = np.clip(3 * np.array(spread), NEAR, FAR)
    if np.linalg.norm(centres[0] - centres[1]) < APART or (len(told) < 2 and share.min() < MIN_TEAM * share.max()):
        return None
    return centres, reach


def _quantile(values: Doubles, weights: Doubles, share: float, otherwise: Doubles) -> Doubles:
    """The weighted quantile of each column; `otherwise` of no values."""
    import numpy as np

    if not len(values):
        return otherwise
    order = values.argsort(axis=0, kind="stable")
    sums = weights[order].cumsum(axis=0)
    middle = (sums >= share * sums[-1]).argmax(axis=0)
    quantile: Doubles = np.take_along_axis(values, np.take_along_axis(order, middle[None], 0), 0)[0]
    return quantile


def _team_of(people: _People, teams: tuple[Doubles, Doubles], kits: Kits) -> Ints:
    """(n,): 0 or 1, -1 for a track that is of neither."""
    import numpy as np

    centres, reach = teams
    distance = _distances(people.colour, centres)
    official = _distances(people.colour, _told(kits, "referee", "home_goalkeeper", "away_goalkeeper"))
    is_near = (distance <= reach).any(axis=1) & (distance.min(axis=1) < official.min(axis=1, initial=np.inf))
    nearest = (distance / reach).argmin(axis=1)
    return np.where(is_near & people.is_on_pitch, nearest, -1).astype(np.int32)


def _team_at_left(rows: pl.DataFrame, people: _People, team: Ints, period: int) -> int:
    """The team that stands nearer to the goal at negative x, over the frames of a period that show both."""
    import polars as pl

    nearer = (
        rows.filter(pl.col("period") == period)
        .join(pl.DataFrame({"track": people.track, "team": team}), on="track")
        .group_by("frame", maintain_order=True)
        .agg(by_m=_mean_x(0) - _mean_x(1))["by_m"]
        .drop_nulls()
        .to_numpy()
    )
    return int(nearer.sum() > 0)


def _mean_x(team: int) -> pl.Expr:
    import polars as pl

    return pl.col("x_m").filter(pl.col("team") == team).mean()


def _sides(teams: tuple[Doubles, Doubles], kits: Kits, at_left: int) -> tuple[Side, Side]:
    """What the two teams are called."""
    if kits.home and kits.away:
        return Side.HOME, Side.AWAY
    if kits.home or kits.away:
        nearest = int(_distances(teams[0], _told(kits, "home", "away"))[:, 0].argmin())
        is_home = (nearest == 0) == bool(kits.home)
        return (Side.HOME, Side.AWAY) if is_home else (Side.AWAY, Side.HOME)
    return (Side.RIGHT, Side.LEFT) if at_left else (Side.LEFT, Side.RIGHT)


def _officials(people: _People, others: Bools, kits: Kits, reach: float) -> list[list[int]]:
    """The tracks in goalkeepers' colours and those in the referee's, of `others` (n,), who are of no team."""
    import numpy as np

    groups = _groups(people, others, max(reach, OFFICIALS))
    if not groups:
        return [[], []]
    time = np.array([people.time[group].sum() for group in groups])
    colours = np.array([people.colour[group[0]] for group in groups])
    at_goal = np.array([np.average(people.at_goal[group], weights=people.time[group]) for group in groups])
    names = [name for name in ("referee", "home_goalkeeper", "away_goalkeeper") if getattr(kits, name)]
    told: dict[int, tuple[float, str]] = {}
    for name, distance in zip(names, _distances(colours, _told(kits, *names)).T, strict=True):
        nearest = int(distance.argmin())
        if distance[nearest] <= TOLD:
            told[nearest] = min(told.get(nearest, (np.inf, "")), (float(distance[nearest]), name))
    seen_enough = [index for index in range(len(groups)) if time[index] >= MIN_COLOUR * people.frames]
    goalkeepers = [index for index in seen_enough if index not in told and at_goal[index] > 0.5]
    goalkeepers += [index for index, (_distance, name) in told.items() if name != "referee"]
    referees = [index for index, (_distance, name) in told.items() if name == "referee"]
    if not referees:
        elsewhere = [index for index in seen_enough if index not in told and index not in goalkeepers]
        referees = sorted(elsewhere, key=lambda index: -time[index])[:1]
    return [[int(track) for index in part for track in groups[index]] for part in (goalkeepers, referees)]


def _groups(people: _People, others: Bools, reach: float) -> list[Ints]:
    """Tracks (indices) of colours within `reach` of the group's longest; of these, the longest comes first."""
    import numpy as np

    left = np.flatnonzero(others)[np.argsort(-people.time[others], kind="stable")].astype(np.int32)
    groups = []
    while len(left):
        is_near = _distances(people.colour[left], people.colour[left[:1]])[:, 0] <= reach
        groups.append(left[is_near])
        left = left[~is_near]
    return groups


def _one_at_a_time(people: _People, goalkeepers: list[int]) -> list[int]:
    """Those of the tracks that have a goal for themselves, the longest near it first."""
    kept: list[int] = []
    for index in sorted(goalkeepers, key=lambda index: (-people.time[index] * people.at_goal[index], index)):
        together = sum(
            max(
                0.0,
                min(people.last_ms[index], people.last_ms[other]) - max(people.first_ms[index], people.first_ms[other]),
            )
            for other in kept
            if (people.x_m[index] < 0) == (people.x_m[other] < 0)
        )
        if together <= OVERLAP * (people.last_ms[index] - people.first_ms[index]):
            kept.append(index)
    return kept
