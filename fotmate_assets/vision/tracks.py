"""Where tracked things were, frame by frame: the arrays that tracking hands to smoothing, teams and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Bools, Doubles, Floats, Ints


@dataclass(frozen=True)
class Tracks:
    """One row per track and frame, sorted by both. A track lies within one period."""

    track: Ints
    """(n,): from 1."""
    frame: Ints
    """(n,): 0-based number in the video."""
    time_ms: Doubles
    """(n,): presentation time of that frame, from the video's start."""
    period: Ints
    """(n,)"""
    x_m: Doubles
    """(n,): metres from the centre spot, to the right."""
    y_m: Doubles
    """(n,): metres from the centre spot, to the far touchline."""
    error_m: Doubles
    """(n,): one standard deviation of the position: the root of the summed variances of x and y."""
    confidence: Floats
    """(n,): the detector's, 0 to 1; NaN where the row is interpolated."""
    is_detected: Bools
    """(n,): False where the row is interpolated."""
    detection: Ints
    """(n,): index into the Observations that the row is of; -1 where it is interpolated."""

    @property
    def columns(self) -> dict[str, Any]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def chosen(self, rows: Any) -> Tracks:
        """The rows that a mask, a slice or an array of indices chooses, in that order."""
        return Tracks(**{name: values[rows] for name, values in self.columns.items()})
