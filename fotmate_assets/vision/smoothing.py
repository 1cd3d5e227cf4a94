"""Tracks of detections to people's paths: impossible positions gated out, tracklets joined, the rest smoothed, and
short gaps filled and flagged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fotmate_assets.vision.kalman import filtered, smoothed
from fotmate_assets.vision.model import FASTEST_M_S, Pitch
from fotmate_assets.vision.stitching import parted, stitched
from fotmate_assets.vision.tracks import Tracks

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Bools, Doubles, Ints, Observations

REACH_ERRORS = 3.0
"""How many standard deviations two positions may be off before their distance tells."""
LASTING_S = 0.4
"""Who stays elsewhere for so long is another person; what comes back earlier was a bad box."""
FILLED_S = 1.0
"""The longest time between two detections that is filled."""
COMMON_SHARE = 0.5
"""The share of a position's variance that neighbouring frames have in common (the calibration's, the boxes' habits)
and that smoothing therefore does not take away.
"""
SHORTEST_S = 0.4
"""A track detected for less is not a person."""
MARGIN_M = 3.0
"""How far beyond the lines somebody may stay and still be of the match: assistants, a throw-in."""


def people(seen: Observations, track_ids: Ints, xy_m: Doubles, error_m: Doubles, period: Ints, pitch: Pitch) -> Tracks:
    """Return the paths of a video's people, numbered from 1 in order of first appearance.

    `track_ids` (n,) are the tracker's (below 1: none), `xy_m` (n, 2) where each detection stands on the pitch,
    `error_m` (n,) one standard deviation of that (the root of the summed variances of x and y), `period` (n,) the
    period that its frame is of (below 1: outside of play). A track lies within one period. Rows between detections up
    to a second apart are interpolated and flagged. Left out are detections without a finite position, positions that
    nobody could have run to, and tracks too short or too fast to be a person's or never near the pitch.
    """
    import numpy as np

    used = np.flatnonzero((track_ids > 0) & (period > 0) & np.isfinite(xy_m).all(axis=1) & np.isfinite(error_m))
    used = used[np.lexsort((seen.frame[used], track_ids[used], period[used]))]
    begins = np.ones(len(used), bool)
    begins[1:] = (np.diff(track_ids[used]) != 0) | (np.diff(period[used]) != 0)
    tracks = Tracks(
        track=np.cumsum(begins).astype(np.int32),
        frame=seen.frame[used],
        time_ms=seen.times_ms[np.searchsorted(seen.frames, seen.frame[used])],
        period=period[used].astype(np.int32),
        x_m=xy_m[used, 0].astype(np.float64),
        y_m=xy_m[used, 1].astype(np.float64),
        error_m=error_m[used].astype(np.float64),
        confidence=seen.confidence[used],
        is_detected=np.ones(len(used), bool),
        detection=used.astype(np.int32),
    )
    tracks = stitched(parted(gated(tracks), seen.colour), seen.colour)
    return smooth(_numbered(tracks.chosen(_likely(tracks, seen, pitch))), seen.frames, seen.times_ms)


def gated(tracks: Tracks) -> Tracks:
    """Return the rows without those to which nobody could have run from the ones around them, at 12 m/s and with both
    positions' errors. Where a track stays at the new place, it is another person's from there: it is cut, and all are
    numbered anew. Rows are sorted by track and frame.
    """
    import numpy as np

    if not len(tracks.track):
        return tracks
    follows = np.diff(tracks.track) == 0
    cuts = np.flatnonzero(~(follows & _reachable(tracks, slice(None, -1), slice(1, None)))) + 1
    firsts = np.concatenate([[0], cuts])
    lasts = np.concatenate([cuts, [len(tracks.track)]]) - 1
    number = np.zeros(len(tracks.track), np.int32)
    for new, pieces in enumerate(_runs(tracks, firsts.tolist(), lasts.tolist()), 1):
        for first, last in pieces:
            number[first : last + 1] = new
    return Tracks(**{**tracks.columns, "track": number}).chosen(number > 0)


def smooth(tracks: Tracks, frames: Ints, times_ms: Doubles) -> Tracks:
    """Return the tracks with smoothed positions and their errors, and with a flagged row for each of `frames` (those
    looked at, ascending, shown at `times_ms`) between two detections up to a second apart. Rows are sorted by track
    and frame, all detected.
    """
    import numpy as np

    if not len(tracks.track):
        return tracks
    cuts = np.flatnonzero(np.diff(tracks.track)) + 1
    parts = [
        _path(tracks.chosen(slice(first, end)), frames, times_ms)
        for first, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(tracks.track)], strict=True)
    ]
    return Tracks(**{name: np.concatenate([part.columns[name] for part in parts]) for name in tracks.columns})


def _reachable(tracks: Tracks, here: Any, there: Any) -> Bools:
    """Whether one can run from the rows `here` to the later rows `there`."""
    import numpy as np

    far = np.hypot(tracks.x_m[there] - tracks.x_m[here], tracks.y_m[there] - tracks.y_m[here])
    run = FASTEST_M_S * (tracks.time_ms[there] - tracks.time_ms[here]) / 1000
    reachable: Bools = far <= run + REACH_ERRORS * np.hypot(tracks.error_m[here], tracks.error_m[there])
    return reachable


def _runs(tracks: Tracks, firsts: list[int], lasts: list[int]) -> list[list[tuple[int, int]]]:
    """The pieces that impossible steps leave of the tracks, put together again where a bad piece lies between: each
    list is of one person. Of two pieces that exclude each other the shorter goes, unless both last.
    """
    runs: list[list[tuple[int, int]]] = []
    for first, last in zip(firsts, lasts, strict=True):
        if not runs or tracks.track[runs[-1][-1][1]] != tracks.track[first]:
            runs.append([(first, last)])
            continue
        begin, end = runs[-1][0][0], runs[-1][-1][1]
        before, now = tracks.time_ms[end] - tracks.time_ms[begin], tracks.time_ms[last] - tracks.time_ms[first]
        if _reachable(tracks, end, first):
            runs[-1].append((first, last))
        elif min(before, now) >= LASTING_S * 1000:
            runs.append([(first, last)])
        elif now > before:
            runs[-1] = [(first, last)]
    return runs


def _path(track: Tracks, frames: Ints, times_ms: Doubles) -> Tracks:
    """One track, smoothed and filled."""
    import numpy as np

    at = np.searchsorted(frames, track.frame)
    missing = np.diff(at) - 1
    missing[np.diff(track.time_ms) > FILLED_S * 1000] = 0
    shift = np.concatenate([[0], np.cumsum(missing)])
    rows = np.arange(len(at)) + shift
    place = np.arange(len(at) + shift[-1])
    source = np.searchsorted(rows, place, side="right") - 1
    place = at[source] + place - rows[source]
    is_detected = np.zeros(len(place), bool)
    is_detected[rows] = True
    seconds = (times_ms[place] / 1000).tolist()
    error_m = np.interp(times_ms[place], track.time_ms, track.error_m)
    variance = np.where(is_detected, error_m**2 / 2, np.inf).tolist()
    states = filtered(seconds, track.x_m[source].tolist(), track.y_m[source].tolist(), variance)
    motion = np.array(smoothed(seconds, states))
    return Tracks(
        track=track.track[source],
        frame=frames[place],
        time_ms=times_ms[place],
        period=track.period[source],
        x_m=motion[:, 0],
        y_m=motion[:, 1],
        error_m=np.sqrt(2 * motion[:, 4] + COMMON_SHARE * error_m**2),
        confidence=np.where(is_detected, track.confidence[source], np.float32(np.nan)),
        is_detected=is_detected,
        detection=np.where(is_detected, track.detection[source], np.int32(-1)),
    )


def _likely(tracks: Tracks, seen: Observations, pitch: Pitch) -> Bools:
    """Whether the track of each row, all detected, lasts, comes near the pitch, and does not fly from end to end."""
    import numpy as np

    if not len(tracks.track):
        return np.zeros(0, np.bool_)
    firsts = np.append(0, np.flatnonzero(np.diff(tracks.track)) + 1)
    rows = np.diff(np.append(firsts, len(tracks.track)))
    lasts = firsts + rows - 1
    stays = rows * np.median(np.diff(seen.times_ms)) >= SHORTEST_S * 1000
    far = np.hypot(tracks.x_m[lasts] - tracks.x_m[firsts], tracks.y_m[lasts] - tracks.y_m[firsts])
    runs = far * 1000 <= FASTEST_M_S * (tracks.time_ms[lasts] - tracks.time_ms[firsts])
    near = (np.abs(tracks.x_m) <= pitch.length_m / 2 + MARGIN_M) & (np.abs(tracks.y_m) <= pitch.width_m / 2 + MARGIN_M)
    return np.repeat(stays & runs & np.logical_or.reduceat(near, firsts), rows)


def _numbered(tracks: Tracks) -> Tracks:
    """The tracks numbered from 1 in order of first appearance."""
    import numpy as np

    _, start, inverse = np.unique(tracks.track, return_index=True, return_inverse=True)
    number = np.empty(len(start), np.int32)
    number[np.argsort(tracks.frame[start], kind="stable")] = np.arange(1, len(start) + 1)
    tracks = Tracks(**{**tracks.columns, "track": number[inverse]})
    return tracks.chosen(np.argsort(tracks.track, kind="stable"))
