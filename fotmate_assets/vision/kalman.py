"""A Kalman filter for people: constant velocity, shaken by white acceleration, and the Rauch-Tung-Striebel pass back.

Both axes share one covariance (their noise is taken as equal), so a row costs some microseconds of plain Python and a
match of three million rows about a minute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

ACCELERATION = 3.0
"""Spectral density of people's acceleration in m²/s³."""
START_M_S = 3.0
"""Standard deviation per axis of the speed of somebody of whom nothing is known yet."""


class Motion(NamedTuple):
    """Where somebody is and goes: the variances hold for x and y alike."""

    x: float
    y: float
    vx: float
    vy: float
    position: float
    """Variance in m²."""
    both: float
    """Covariance of position and velocity in m²/s."""
    velocity: float
    """Variance in m²/s²."""

    def after(self, seconds: float) -> Motion:
        """The motion some seconds later, if nothing is seen meanwhile."""
        square = seconds * seconds
        return Motion(
            self.x + seconds * self.vx,
            self.y + seconds * self.vy,
            self.vx,
            self.vy,
            self.position + 2 * seconds * self.both + square * self.velocity + ACCELERATION * square * seconds / 3,
            self.both + seconds * self.velocity + ACCELERATION * square / 2,
            self.velocity + ACCELERATION * seconds,
        )


def filtered(
    seconds: Sequence[float], x: Sequence[float], y: Sequence[float], variance: Sequence[float]
) -> list[Motion]:
    """Return the motion at each of `seconds` (ascending) given what was seen until then: positions in metres and the
    variance of each axis, infinite where nothing was seen. Something must be seen at the first.
    """
    state = Motion(x[0], y[0], 0.0, 0.0, variance[0], 0.0, START_M_S**2)
    states = [state]
    for before, now, seen_x, seen_y, noise in zip(seconds[:-1], seconds[1:], x[1:], y[1:], variance[1:], strict=True):
        px, py, vx, vy, position, both, velocity = state.after(now - before)
        gain = position / (position + noise)
        turn = both / (position + noise)
        if math.isfinite(noise):
            off_x, off_y = seen_x - px, seen_y - py
            px, py, vx, vy = px + gain * off_x, py + gain * off_y, vx + turn * off_x, vy + turn * off_y
        state = Motion(px, py, vx, vy, (1 - gain) * position, (1 - gain) * both, velocity - turn * both)
        states.append(state)
    return states


def smoothed(seconds: Sequence[float], states: Sequence[Motion]) -> list[Motion]:
    """Return the motion at each of `seconds` given all that was seen; `states` are the filter's at those times."""
    state = states[-1]
    found = [state]
    for index in range(len(states) - 2, -1, -1):
        now = states[index]
        elapsed = seconds[index + 1] - seconds[index]
        ahead = now.after(elapsed)
        scale = 1 / (ahead.position * ahead.velocity - ahead.both * ahead.both)
        position, both, velocity = now.position + elapsed * now.both, now.both, now.velocity
        turned = both + elapsed * velocity
        a = (position * ahead.velocity - both * ahead.both) * scale
        b = (both * ahead.position - position * ahead.both) * scale
        c = (turned * ahead.velocity - velocity * ahead.both) * scale
        d = (velocity * ahead.position - turned * ahead.both) * scale
        x, y, vx, vy = state.x - ahead.x, state.y - ahead.y, state.vx - ahead.vx, state.vy - ahead.vy
        p, q, r = state.position - ahead.position, state.both - ahead.both, state.velocity - ahead.velocity
        state = Motion(
            now.x + a * x + b * vx,
            now.y + a * y + b * vy,
            now.vx + c * x + d * vx,
            now.vy + c * y + d * vy,
            now.position + a * a * p + 2 * a * b * q + b * b * r,
            now.both + a * c * p + (a * d + b * c) * q + b * d * r,
            now.velocity + c * c * p + 2 * c * d * q + d * d * r,
        )
        found.append(state)
    found.reverse()
    return found
