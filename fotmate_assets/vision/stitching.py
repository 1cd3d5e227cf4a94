"""Tracklets of one person joined: one ends, another begins a moment later where the first was going.

Both ends' motions are compared by position and velocity, each with its error, in likelihoods. A pair is joined only
where either side has no other partner of nearly that likelihood: two people are never joined by a guess.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from fotmate_assets.vision.kalman import Motion, filtered
from fotmate_assets.vision.tracks import Tracks

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Doubles, Floats, Ints

LONGEST_S = 3.0
"""The longest time that somebody is unseen and still known again."""
FARTHEST = 18.5
"""The largest squared Mahalanobis distance of a pair: 99.9 % of the true ones of four degrees of freedom are nearer."""
MARGIN = 6.0
"""How much worse, in twice the log-likelihood, any other partner must be: one to twenty."""
END_S = 1.0
"""How much of a tracklet tells the motion at its end."""
SHIRT_S = 1.0
"""How much of a track before and after a moment tells its shirt there."""
OTHER_SHIRT = 30.0
"""How far apart, in CIE L*a*b* with half the lightness, the colours of two people's shirts are."""
MEETING_S = 0.4
"""How long two people who meet are taken for each other."""
COLOUR_ERROR = 10.0
"""Standard deviation of the distance between one shirt's mean colours in two tracklets, measured likewise."""


def parted(tracks: Tracks, colour: Floats) -> Tracks:
    """Return the tracks cut where the shirt changes for good, all numbered anew: the tracker took one person for
    another there, as happens where they meet. The rows of the meeting go. Rows are sorted by track and frame, all
    detected; `colour` (n, 3) is that of each detection, NaN where none could be told.
    """
    import numpy as np

    follows = np.diff(tracks.track) == 0
    if not follows.any():
        return tracks
    interval = float(np.median(np.diff(tracks.time_ms)[follows]))
    window, meeting = (max(1, round(seconds * 1000 / interval)) for seconds in (SHIRT_S, MEETING_S / 2))
    begins = np.append(True, np.logical_not(follows))
    sure = np.ones(len(begins), bool)
    edges = [*np.flatnonzero(begins).tolist(), len(begins)]
    for first, end in pairwise(edges):
        for change in _changes(colour[tracks.detection[first:end]], window):
            begins[first + change] = True
            sure[max(first, first + change - meeting) : min(end, first + change + meeting)] = False
    return Tracks(**{**tracks.columns, "track": np.cumsum(begins).astype(np.int32)}).chosen(sure)


def _changes(colour: Floats, window: int) -> list[int]:
    """The rows of one track, (n, 3), from which on its colour is another's."""
    import numpy as np

    sums = np.concatenate([np.zeros((1, 4)), np.cumsum(_shades(colour), axis=0)])
    row = np.arange(len(colour))
    before = sums[row] - sums[np.maximum(row - window, 0)]
    after = sums[np.minimum(row + window, len(colour))] - sums[row]
    enough = np.minimum(before[:, 3], after[:, 3]) >= 0.8 * window
    shades = before[:, :3] / np.maximum(before[:, 3:], 1) - after[:, :3] / np.maximum(after[:, 3:], 1)
    change = np.where(enough, np.linalg.norm(shades, axis=1), 0.0)
    changes = []
    while change.max(initial=0.0) >= OTHER_SHIRT:
        most = int(change.argmax())
        changes.append(most)
        change[max(0, most - window) : most + window] = 0.0
    return changes


def stitched(tracks: Tracks, colour: Floats) -> Tracks:
    """Return the tracks with those joined that are one person's, in time and period; the later takes the earlier's
    number. Rows are sorted by track and frame, all detected; `colour` (n, 3) is that of each detection, NaN where none
    could be told.
    """
    import numpy as np

    if not len(tracks.track):
        return tracks
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(tracks.track)) + 1])
    lasts = np.concatenate([firsts[1:], [len(tracks.track)]]) - 1
    earlier, later = _candidates(tracks, firsts, lasts)
    if not len(earlier):
        return tracks
    cost = _costs(tracks, firsts, lasts, earlier, later, _shirts(tracks, firsts, colour))
    likely = np.isfinite(cost)
    root = np.arange(len(firsts))
    for one, other in _unambiguous(earlier[likely], later[likely], cost[likely], len(firsts)):
        root[other] = one
    while not np.array_equal(root, root[root]):
        root = root[root]
    number = np.repeat(tracks.track[firsts[root]], lasts - firsts + 1)
    order = np.lexsort((tracks.frame, number))
    return Tracks(**{**tracks.columns, "track": number}).chosen(order)


def _candidates(tracks: Tracks, firsts: Ints, lasts: Ints) -> tuple[Ints, Ints]:
    """Pairs of tracklets of which the second begins after the first has ended, soon enough and in its period."""
    import numpy as np

    order = np.argsort(tracks.time_ms[firsts], kind="stable")
    begin, end = tracks.time_ms[firsts][order], tracks.time_ms[lasts]
    low = np.searchsorted(begin, end, side="right")
    many = np.searchsorted(begin, end + LONGEST_S * 1000, side="right") - low
    earlier = np.repeat(np.arange(len(firsts)), many)
    later = order[np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many) + np.repeat(low, many)]
    same = tracks.period[firsts[earlier]] == tracks.period[firsts[later]]
    return earlier[same], later[same]


def _costs(tracks: Tracks, firsts: Ints, lasts: Ints, earlier: Ints, later: Ints, shirts: Doubles) -> Doubles:
    """Twice the negative log-likelihood of each pair, but for a constant; infinite where it is too far apart."""
    import numpy as np

    ends = [_end(tracks, first, last) for first, last in zip(firsts, lasts, strict=True)]
    begins = [_begin(tracks, first, last) for first, last in zip(firsts, lasts, strict=True)]
    waited = (tracks.time_ms[firsts[later]] - tracks.time_ms[lasts[earlier]]) / 1000
    gone = np.array([ends[one].after(s) for one, s in zip(earlier.tolist(), waited.tolist(), strict=True)]).T
    come = np.array([begins[other] for other in later.tolist()]).T
    x, y, vx, vy = gone[:4] - come[:4]
    position, both, velocity = gone[4] + come[4], gone[5] + come[5], gone[6] + come[6]
    area = position * velocity - both * both
    far = (velocity * (x * x + y * y) - 2 * both * (x * vx + y * vy) + position * (vx * vx + vy * vy)) / area
    shade = np.linalg.norm(shirts[earlier] - shirts[later], axis=1) / COLOUR_ERROR
    far = far + np.nan_to_num(shade) ** 2
    return np.where(far <= FARTHEST, far + 2 * np.log(area), np.inf)


def _end(tracks: Tracks, first: int, last: int) -> Motion:
    """The motion at the end of a tracklet, told from its last second."""
    import numpy as np

    first = max(
        first, int(np.searchsorted(tracks.time_ms[first : last + 1], tracks.time_ms[last] - END_S * 1000)) + first
    )
    rows = slice(first, last + 1)
    return filtered(
        (tracks.time_ms[rows] / 1000).tolist(),
        tracks.x_m[rows].tolist(),
        tracks.y_m[rows].tolist(),
        (tracks.error_m[rows] ** 2 / 2).tolist(),
    )[-1]


def _begin(tracks: Tracks, first: int, last: int) -> Motion:
    """The motion at the beginning of a tracklet, told from its first second: filtered against time, then turned."""
    import numpy as np

    last = int(np.searchsorted(tracks.time_ms[first : last + 1], tracks.time_ms[first] + END_S * 1000, "right")) + first
    rows = slice(first, last)
    state = filtered(
        (-tracks.time_ms[rows][::-1] / 1000).tolist(),
        tracks.x_m[rows][::-1].tolist(),
        tracks.y_m[rows][::-1].tolist(),
        (tracks.error_m[rows][::-1] ** 2 / 2).tolist(),
    )[-1]
    return state._replace(vx=-state.vx, vy=-state.vy, both=-state.both)


def _shirts(tracks: Tracks, firsts: Ints, colour: Floats) -> Doubles:
    """The mean colour of each tracklet; NaN where none was told."""
    import numpy as np

    total = np.add.reduceat(_shades(colour[tracks.detection]), firsts)
    return total[:, :3] / np.where(total[:, 3:], total[:, 3:], np.nan)


def _shades(colour: Floats) -> Doubles:
    """Colours (n, 3) as they are compared, and whether each is told (n, 4): 0 where not. Lightness counts half, for a
    player runs from the sun into the stand's shadow.
    """
    import numpy as np

    told = np.isfinite(colour[:, 0])
    return np.column_stack([np.where(told[:, None], colour * [0.5, 1.0, 1.0], 0.0), told])


def _unambiguous(earlier: Ints, later: Ints, cost: Doubles, tracklets: int) -> list[tuple[int, int]]:
    """Pairs that are the best of both their sides by the margin; those taken are nobody's alternative any more."""
    import numpy as np

    joined: list[tuple[int, int]] = []
    while len(cost):
        clear = np.ones(len(cost), bool)
        for side in (earlier, later):
            order = np.lexsort((cost, side))
            heads = np.ones(len(order), bool)
            heads[1:] = np.diff(side[order]) != 0
            best = np.zeros(len(cost), bool)
            following = np.append(cost[order][1:], np.inf)
            following[np.append(heads[1:], True)] = np.inf
            best[order] = heads & (following - cost[order] >= MARGIN)
            clear &= best
        if not clear.any():
            break
        joined += zip(earlier[clear].tolist(), later[clear].tolist(), strict=True)
        taken_earlier, taken_later = np.zeros(tracklets, bool), np.zeros(tracklets, bool)
        taken_earlier[earlier[clear]] = True
        taken_later[later[clear]] = True
        rest = ~(taken_earlier[earlier] | taken_later[later])
        earlier, later, cost = earlier[rest], later[rest], cost[rest]
    return joined
