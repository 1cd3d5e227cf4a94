"""The ball's track: which of the detections called ball are one ball that flies no faster than balls fly.

A place is where the line of sight through the bottom of the box meets the grass: exact for a ball on the ground. Of a
ball in the air it is the point that hides behind it, farther from the camera by its height times the distance to the
camera's foot over the camera's height above the ball: 4 m for a ball 2 m up, seen 90 m away from 46 m above. Its height
is not known, so no error of a row says this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fotmate_assets.vision.tracks import Tracks

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Doubles, Floats, Ints, Observations

MAX_SPEED = 40.0
"""m/s between two places; the hardest shots are of 36 to 37 m/s."""
SLACK_M = 0.5
ERRORS = 2.0
"""How many standard deviations of the two places are granted beyond what that speed allows."""
MAX_GAP_MS = 1000.0
"""The longest time without the ball that is filled."""
NEW_STRETCH = 1.0
"""What a stretch without a gap longer than that must be worth: a detection is worth its confidence, less the share of
`MAX_SPEED` squared that it takes to get there, halved. So one sure detection alone is no ball, nor are a few unsure."""
DRIFT = 5.0
"""m/s by which a ball that is not seen may differ from even motion, since or until it is seen, whichever is shorter."""


def ball_track(seen: Observations, xy_m: Doubles, error_m: Doubles, period: Ints) -> Tracks | None:
    """The ball over all periods as one track, number 1, or None where no ball is seen.

    `xy_m` (n, 2), `error_m` (n,) and `period` (n,) are of the detections in `seen`: the ground behind the bottom of the
    box, one standard deviation of it, and the period, 0 outside of all. Only those of balls are read, and one without
    a finite place is left out. Chosen is the way through the detections, at most one a frame, that is worth most
    (`NEW_STRETCH`): what is too far from it, in place or time, is no ball. Gaps of up to a second within a period are
    filled in a straight line at even speed, one row for each frame that was looked at; such rows have no confidence,
    and an error that grows with the time to the nearest detection.
    """
    import numpy as np

    balls = np.flatnonzero(seen.is_ball & (period > 0) & np.isfinite(xy_m).all(axis=1) & np.isfinite(error_m))
    time_ms = seen.times_ms[np.searchsorted(seen.frames, seen.frame[balls])]
    way = _best_way(time_ms, xy_m[balls], error_m[balls], period[balls], seen.confidence[balls])
    chosen = balls[way].astype(np.int32)
    return _filled(seen, xy_m[chosen], error_m[chosen], period[chosen], chosen) if len(chosen) else None


def _best_way(time_ms: Doubles, xy_m: Doubles, error_m: Doubles, period: Ints, confidence: Floats) -> Ints:
    """The candidates (k,) in order of time that are one ball: the best sum of worths over all ways (Viterbi)."""
    import numpy as np

    count = len(time_ms)
    earliest = np.maximum(np.searchsorted(time_ms, time_ms - MAX_GAP_MS), np.searchsorted(period, period))
    this_frame = np.searchsorted(time_ms, time_ms)
    worth, came_from = np.zeros(count), np.full(count, -1)
    best, ends_at = np.zeros(count + 1), np.full(count + 1, -1)
    for now in range(count):
        near = slice(earliest[now], this_frame[now])
        value, came_from[now] = best[near.start] - NEW_STRETCH, ends_at[near.start]
        seconds = (time_ms[now] - time_ms[near]) / 1000
        distance = np.hypot(*(xy_m[now] - xy_m[near]).T)
        granted = SLACK_M + ERRORS * np.hypot(error_m[now], error_m[near])
        share = np.maximum(distance - granted, 0) / seconds / MAX_SPEED
        values = np.where(share <= 1, worth[near] - share**2 / 2, -np.inf)
        if values.max(initial=-np.inf) > value:
            value, came_from[now] = values.max(), near.start + values.argmax()
        worth[now] = value + confidence[now]
        is_best = worth[now] > best[now]
        best[now + 1], ends_at[now + 1] = (worth[now], now) if is_best else (best[now], ends_at[now])
    way: list[int] = []
    at = int(ends_at[-1])
    while at >= 0:
        way.append(at)
        at = int(came_from[at])
    return np.array(way[::-1], np.int32)


def _filled(seen: Observations, xy_m: Doubles, error_m: Doubles, period: Ints, chosen: Ints) -> Tracks:
    """The detections that were chosen, in order of time, and the frames between them."""
    import numpy as np

    place = np.searchsorted(seen.frames, seen.frame[chosen])
    time_ms = seen.times_ms[place]
    is_filled = (np.diff(time_ms) <= MAX_GAP_MS) & (np.diff(period) == 0)
    between = [
        np.arange(start + 1, end) for start, end in zip(place[:-1][is_filled], place[1:][is_filled], strict=True)
    ]
    places = np.unique(np.concatenate([place, *between]))
    times = seen.times_ms[places]
    before = np.searchsorted(time_ms, times, side="right") - 1
    after = np.minimum(before + 1, len(chosen) - 1)
    is_detected = time_ms[before] == times
    since, until = (times - time_ms[before]) / 1000, (time_ms[after] - times) / 1000
    away = np.where(is_detected, 0.0, DRIFT * np.minimum(since, until))
    return Tracks(
        track=np.ones(len(places), np.int32),
        frame=seen.frames[places],
        time_ms=times,
        period=period[before].astype(np.int32),
        x_m=np.interp(times, time_ms, xy_m[:, 0]),
        y_m=np.interp(times, time_ms, xy_m[:, 1]),
        error_m=np.sqrt(np.interp(times, time_ms, error_m**2) + away**2),
        confidence=np.where(is_detected, seen.confidence[chosen[before]], np.nan).astype(np.float32),
        is_detected=is_detected,
        detection=np.where(is_detected, chosen[before], -1).astype(np.int32),
    )
