"""How well tracks match the truth: HOTA, CLEAR and identity by `trackers.eval`, on metres in place of boxes.

Two places are as alike as SoccerNet's game state reconstruction has it: exp(ln 0.05 d^2 / tau^2) for a distance d, that
is 1 at no distance and 0.05 at tau.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from trackers.eval import compute_clear_metrics, compute_hota_metrics, compute_identity_metrics

WITHIN_M = 2.0
"""A prediction farther away than this is of nobody, in recall, precision and errors."""


@dataclass(frozen=True)
class Score:
    """How good tracks are. Shares are 0 to 1."""

    hota: float
    deta: float
    assa: float
    idf1: float
    idsw: int
    recall: float
    """Share of true places with a prediction of their own within 2 m."""
    precision: float
    """Share of predictions with a true place of their own within 2 m."""
    median_error_m: float
    p95_error_m: float
    """Distances of those pairs; NaN without any."""


@dataclass(frozen=True)
class _Tracks:
    frames: NDArray[np.int64]
    ids: NDArray[np.int64]
    places: NDArray[np.float64]

    def at(self, frame: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        rows = slice(*np.searchsorted(self.frames, (frame, frame + 1)))
        return self.ids[rows], self.places[rows]


def score(
    truth_frames: ArrayLike,
    truth_ids: ArrayLike,
    truth_xy: ArrayLike,
    frames: ArrayLike,
    ids: ArrayLike,
    xy: ArrayLike,
    tau_m: float = 5.0,
) -> Score:
    """Score predicted tracks against the truth: frame numbers (n,), ids (n,) and places (n, 2) in metres, in any order.

    Raises ValueError for what would give a figure that says nothing: frame numbers or ids that are no integers, none in
    common, predictions of frames before the truth's first or after its last (numbered from 1, say), one id twice in a
    frame, places that are no numbers.
    """
    truth, seen = _tracks("truth", truth_frames, truth_ids, truth_xy), _tracks("prediction", frames, ids, xy)
    if not np.intersect1d(truth.frames, seen.frames).size:
        raise ValueError(f"no frame in common: {_span(truth)} of truth, {_span(seen)} of prediction")
    if seen.frames[0] < truth.frames[0] or seen.frames[-1] > truth.frames[-1]:
        raise ValueError(f"frames {_span(seen)} of prediction reach beyond {_span(truth)} of truth")
    true_ids, seen_ids, alike, errors = [], [], [], []
    for frame in range(int(truth.frames[0]), int(truth.frames[-1]) + 1):
        (at_ids, at), (by_ids, by) = truth.at(frame), seen.at(frame)
        distance = np.linalg.norm(at[:, None] - by[None], axis=-1)
        true_ids.append(at_ids)
        seen_ids.append(by_ids)
        alike.append(np.exp(np.log(0.05) * (distance / tau_m) ** 2))
        rows, columns = linear_sum_assignment(np.where(distance <= WITHIN_M, distance, 1e3))
        errors.append(distance[rows, columns][distance[rows, columns] <= WITHIN_M])
    error = np.concatenate(errors)
    hota = compute_hota_metrics(true_ids, seen_ids, alike)
    return Score(
        hota=float(hota["HOTA"]),
        deta=float(hota["DetA"]),
        assa=float(hota["AssA"]),
        idf1=float(compute_identity_metrics(true_ids, seen_ids, alike)["IDF1"]),
        idsw=int(compute_clear_metrics(true_ids, seen_ids, alike)["IDSW"]),
        recall=len(error) / len(truth.frames),
        precision=len(error) / len(seen.frames),
        median_error_m=float(np.median(error)) if len(error) else float("nan"),
        p95_error_m=float(np.quantile(error, 0.95)) if len(error) else float("nan"),
    )


def _tracks(whose: str, frames: ArrayLike, ids: ArrayLike, xy: ArrayLike) -> _Tracks:
    frame, one, place = np.asarray(frames), np.asarray(ids), np.asarray(xy, dtype=np.float64)
    if not len(frame):
        raise ValueError(f"no {whose}")
    if place.shape != (len(frame), 2) or one.shape != frame.shape:
        raise ValueError(f"{whose}: {frame.shape} frames, {one.shape} ids, {place.shape} places")
    for name, values in (("frame numbers", frame), ("ids", one)):
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"{whose}: {name} are {values.dtype}, not integers")
    if not np.isfinite(place).all():
        raise ValueError(f"{whose}: {int((~np.isfinite(place)).any(axis=1).sum())} places are no numbers")
    if len(np.unique(np.column_stack([frame, one]).astype(np.int64), axis=0)) < len(frame):
        raise ValueError(f"{whose}: an id is twice in a frame")
    order = np.argsort(frame, kind="stable")
    return _Tracks(frame[order].astype(np.int64), one[order].astype(np.int64), place[order])


def _span(tracks: _Tracks) -> str:
    return f"{tracks.frames[0]}-{tracks.frames[-1]}"
