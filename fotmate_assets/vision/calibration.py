"""From pixels to metres: a homography per keyframe, fitted to landmarks, and how far a position may be wrong.

**Fit.** The pitch is a plane, so x, y in metres and pixels are tied by a homography (3, 3), fitted to the landmarks by
`cv2.findHomography` (normalised DLT, then least squares of the distances in the picture). No landmark is dropped: one
that the others put far away (`FAR_OFF_PX` and `FAR_OFF_SIGMAS`) raises CalibrationError naming it, as do landmarks that
no camera above the pitch can see so (left and right, or near and far, mixed up). With five landmarks one can be seen to
be off, but not which; with four, which always fit, only an impossible view can be told. A wide lens' distortion is not
modelled: it shows as reprojection error.

**Reprojection error.** Root mean square of the distances between where landmarks are told and where the fit to the
*others* puts them; a landmark that the others hardly fix does not count. Four landmarks always fit: None, as it is
wherever no landmark can be checked against the others.

**Position error.** First-order propagation of two independent noises (Hartley & Zisserman, Multiple View Geometry,
2nd ed., section 5.2) into x and y: the landmarks', through the homography (sigma: that of their residuals with a prior
of 1 px that weighs as much as one landmark, so 1 px for exactly four; 0.5 px at least), and the foot point's
(`FOOT_SIGMA_PX`). One standard deviation: the root of the summed variances.

**Between keyframes.** `HOLD`: each keyframe's homography holds until the next. `INTERPOLATE`: the homographies, scaled
alike at the middle of both keyframes' landmarks, are mixed linearly, so that pitch points move (nearly) evenly through
the picture; so is their covariance, without gain from averaging. An uneven motion between keyframes is not in the
position error: set keyframes more densely there. The last keyframe holds to the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from fotmate_assets.core.model import RawDocument
from fotmate_assets.vision.model import Between, Keyframe, Pitch, Sidecar
from fotmate_assets.vision.sidecar import landmark_field, landmark_name, read_sidecar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from fotmate_assets.vision.observations import Doubles

FOOT_SIGMA_PX = (1.0, 1.5)
"""How well the bottom centre of a box meets the place where a person stands: across, down."""
LANDMARK_SIGMA_PX = 1.0
"""How well a landmark is clicked, where nothing else tells."""
LEAST_SIGMA_PX = 0.5
FAR_OFF_PX, FAR_OFF_SIGMAS = 5.0, 6.0
"""A landmark that is further than both from where the others put it is a mistake."""
MISFIT_M = 3.0
"""Landmarks that the fit puts further from their places (root mean square) are no picture of a pitch."""
_HARDLY_FIXED_PX = 25.0
"""Where the others put a landmark with a larger standard deviation, it cannot be checked against them."""
_CHUNK = 250_000


class CalibrationError(ValueError):
    """Landmarks from which no sensible calibration follows; `field` names them as the sidecar's JSON does."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.reason, self.field = reason, field


@dataclass(frozen=True)
class Fit:
    """The homography of one keyframe."""

    frame: int
    """0-based; it holds from here on."""
    homography: Doubles
    """(3, 3): metres to pixels; scaled so that what is in front of the camera has a positive third coordinate."""
    factor: Doubles
    """(9, 8): times its transpose is the covariance of the homography's entries, row by row."""
    sigma_px: float
    """One standard deviation of a landmark, across and down alike."""
    residuals_px: Doubles
    """(n, 2): told minus reprojected, per landmark."""
    left_out_px: Doubles
    """(n,): distance of each landmark from where the fit to the others puts it; NaN where they hardly fix it."""

    @property
    def reprojection_error_px(self) -> float | None:
        """Root mean square over the landmarks, left out one by one; None where none can be checked against others."""
        import numpy as np

        left_out = self.left_out_px[np.isfinite(self.left_out_px)]
        return float(np.sqrt((left_out**2).mean())) if len(left_out) else None


@dataclass(frozen=True)
class Calibration:
    """Where what is seen in a video's frames is on the pitch."""

    fits: tuple[Fit, ...]
    """In order of frames."""
    between: Between
    pitch: Pitch
    middles: tuple[tuple[float, float], ...]
    """Per fit but the last: middle of its and the next one's landmarks in metres, where the two are scaled alike."""

    def to_pitch(
        self, frames: ArrayLike, points_px: ArrayLike, foot_sigma_px: ArrayLike = FOOT_SIGMA_PX
    ) -> tuple[Doubles, Doubles]:
        """Positions (n, 2) in metres and their errors (n,) of points (n, 2) in pixels, seen in frames (n,).

        NaN, both, for what is on the horizon or above it: it is not on the pitch's plane. `foot_sigma_px`: standard
        deviations of the points across and down, (2,) or (n, 2). Raises ValueError for a frame before 0.
        """
        import numpy as np

        numbers = np.asarray(frames, dtype=np.int64)
        points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
        sigma = np.broadcast_to(np.asarray(foot_sigma_px, dtype=np.float64), points.shape)
        xy_m, error_m = np.full(points.shape, np.nan), np.full(len(points), np.nan)
        pieces = self._pieces_of(numbers)
        for piece in np.unique(pieces):
            rows = np.flatnonzero(pieces == piece)
            for start in range(0, len(rows), _CHUNK):
                part = rows[start : start + _CHUNK]
                seen, of_frame = np.unique(numbers[part], return_inverse=True)
                matrices, mix, factors = self._homographies(int(piece), seen)
                xy_m[part], error_m[part] = _located(points[part], sigma[part], matrices, mix, of_frame, factors)
        return xy_m, error_m

    def to_image(self, frame: int, xy_m: ArrayLike) -> Doubles:
        """Pixels (n, 2) in which a frame shows places (n, 2) in metres; NaN for what is behind the camera."""
        import numpy as np

        return _projected(self.homography(frame), np.asarray(xy_m, dtype=np.float64).reshape(-1, 2))

    def homography(self, frame: int) -> Doubles:
        """The homography (3, 3), metres to pixels, of a frame."""
        import numpy as np

        matrix: Doubles = self._homographies(self.piece_of(frame), np.array([frame]))[0][0]
        return matrix

    def error_at(self, frame: int, xy_m: ArrayLike) -> Doubles:
        """Errors (n,) in metres of people who stand at places (n, 2) in metres."""
        import numpy as np

        points = self.to_image(frame, xy_m)
        return self.to_pitch(np.full(len(points), frame), points)[1]

    @cached_property
    def reprojection_error_px(self) -> float | None:
        """Of the worst keyframe; None where it cannot be told of any."""
        errors = (fit.reprojection_error_px for fit in self.fits)
        return max((error for error in errors if error is not None), default=None)

    @property
    def pieces(self) -> list[int]:
        """First frames of the pieces: the keyframes."""
        return [fit.frame for fit in self.fits]

    def piece_of(self, frame: int) -> int:
        """Which piece a frame is of. Raises ValueError for a frame before 0."""
        import numpy as np

        return int(self._pieces_of(np.array([frame]))[0])

    def describe(self) -> dict[str, Any]:
        """What a file of positions should say of their calibration; JSON values only."""
        near, centre, far = (
            round(float(error), 3)
            for error in self.error_at(0, [(0, -self.pitch.width_m / 2), (0, 0), (0, self.pitch.width_m / 2)])
        )
        return {
            "between": self.between.value,
            "reprojection_error_px": _rounded(self.reprojection_error_px),
            "error_near_m": near,
            "error_centre_m": centre,
            "error_far_m": far,
            "keyframes": [
                {
                    "frame": fit.frame,
                    "landmarks": len(fit.residuals_px),
                    "landmark_sigma_px": round(fit.sigma_px, 3),
                    "reprojection_error_px": _rounded(fit.reprojection_error_px),
                    "homography": fit.homography.ravel().tolist(),
                }
                for fit in self.fits
            ],
        }

    def _pieces_of(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        import numpy as np

        if frames.size and frames.min() < 0:
            raise ValueError(f"frame {frames.min()} is before the video")
        pieces: NDArray[np.int64] = np.searchsorted(self.pieces, frames, side="right") - 1
        return pieces

    def _homographies(self, piece: int, frames: NDArray[np.int64]) -> tuple[Doubles, Doubles, list[Doubles]]:
        """Homographies (m, 3, 3) of frames (m,) of a piece, how much (m,) of each is the next keyframe's, and the
        factors (9, 8) of both, in the homographies' scale.
        """
        import numpy as np

        here = self.fits[piece]
        if self.between is Between.HOLD or piece == len(self.fits) - 1:
            return np.broadcast_to(here.homography, (len(frames), 3, 3)), np.zeros(len(frames)), [here.factor]
        there = self.fits[piece + 1]
        mix = (frames - here.frame) / (there.frame - here.frame)
        middle = np.array([*self.middles[piece], 1.0])
        scale = (here.homography @ middle)[2] / (there.homography @ middle)[2]
        matrices = here.homography + mix[:, None, None] * (scale * there.homography - here.homography)
        return matrices, mix, [here.factor, scale * there.factor]


def calibrate(sidecar: Sidecar) -> Calibration:
    """Fit the homography of every keyframe. Raises CalibrationError, naming the landmark where it can be told."""
    fits = tuple(_fit(sidecar, index) for index in range(len(sidecar.keyframes)))
    middles = tuple(_middle(here, there) for here, there in pairwise(sidecar.keyframes))
    if sidecar.between is Between.INTERPOLATE:
        for index, middle in enumerate(middles):
            for fit in fits[index : index + 2]:
                if not (fit.homography[2] @ (*middle, 1.0) > 0):
                    raise CalibrationError(
                        f"keyframes {fits[index].frame} and {fits[index + 1].frame} look too far apart to interpolate",
                        landmark_field(sidecar, index + 1),
                    )
    return Calibration(fits, sidecar.between, sidecar.pitch, middles)


def read_calibration(document: RawDocument) -> tuple[Sidecar, Calibration]:
    """A sidecar and its calibration. Raises SourceError malformed, naming the field, where either is impossible."""
    sidecar = read_sidecar(document)
    try:
        return sidecar, calibrate(sidecar)
    except CalibrationError as error:
        raise document.malformed(error.reason, error.field) from None


def _rounded(error: float | None) -> float | None:
    return None if error is None else round(error, 3)


def _middle(*keyframes: Keyframe) -> tuple[float, float]:
    landmarks = [landmark for keyframe in keyframes for landmark in keyframe.landmarks]
    return (
        sum(landmark.x_m for landmark in landmarks) / len(landmarks),
        sum(landmark.y_m for landmark in landmarks) / len(landmarks),
    )


def _fit(sidecar: Sidecar, index: int) -> Fit:
    import numpy as np

    keyframe = sidecar.keyframes[index]
    names = [landmark_name(landmark) for landmark in keyframe.landmarks]
    field = landmark_field(sidecar, index)
    places = np.array([(landmark.x_m, landmark.y_m) for landmark in keyframe.landmarks], dtype=np.float64)
    pixels = np.array([(landmark.x_px, landmark.y_px) for landmark in keyframe.landmarks], dtype=np.float64)
    homography = _least_squares(places, pixels)
    if homography is None:
        raise CalibrationError(f"{', '.join(names)} do not fix the plane of the pitch", field)

    count = len(names)
    left_out, sigmas = np.full(count, np.nan), np.full(count, np.nan)
    if count > 4:
        for i in range(count):
            left_out[i], sigmas[i] = _against_others(places, pixels, i)
        far = (left_out > FAR_OFF_PX) & (left_out > FAR_OFF_SIGMAS * sigmas)
        if far.any() and count == 5:
            distances = ", ".join(f"{name} {distance:.1f} px" for name, distance in zip(names, left_out, strict=True))
            raise CalibrationError(f"one of five landmarks is off; the others put {distances} away", field)
        if far.any():
            worst = int(np.argmax(np.where(far, left_out / sigmas, 0)))
            raise CalibrationError(
                f"{names[worst]} is {left_out[worst]:.1f} px from where the other landmarks put it",
                f"{landmark_field(sidecar, index, worst)}.pixel",
            )

    depth = (homography[2, :2] @ places.T) + homography[2, 2]
    if (depth <= 0).any():
        raise CalibrationError(f"no camera sees {', '.join(names)} like that: two or more are mixed up", field)
    if np.linalg.det(homography) > 0:
        raise CalibrationError("the landmarks are mirrored: left and right, or near and far, are mixed up", field)
    inverse = np.linalg.inv(homography)
    misfit = _projected(inverse.astype(np.float64), pixels) - places
    misfit_m = float(np.sqrt((misfit**2).sum(axis=1).mean()))
    if not misfit_m <= MISFIT_M:
        order = np.argsort(-(misfit**2).sum(axis=1))[:3]
        raise CalibrationError(
            f"the landmarks fit no pitch, they are {misfit_m:.1f} m off (root mean square); "
            f"worst: {', '.join(names[i] for i in order)}",
            field,
        )
    residuals = pixels - _projected(homography, places)
    sigma = _sigma(residuals)
    return Fit(keyframe.frame, homography, sigma * _factor(homography, places), sigma, residuals, left_out)


def _least_squares(places: Doubles, pixels: Doubles) -> Doubles | None:
    """Homography (3, 3) from metres to pixels, positive in front of the camera; None where the points fix none."""
    import cv2
    import numpy as np

    found, _ = cv2.findHomography(places, pixels, 0)
    if found is None or not np.isfinite(found).all() or np.linalg.matrix_rank(found) < 3:
        return None
    depth = found[2, :2] @ places.T + found[2, 2]
    homography: Doubles = found * np.sign(np.median(depth) or 1.0)
    return homography


def _against_others(places: Doubles, pixels: Doubles, index: int) -> tuple[float, float]:
    """Distance of a landmark from where the others put it, and its standard deviation; NaN where they hardly fix it."""
    import numpy as np

    others = np.arange(len(places)) != index
    homography = _least_squares(places[others], pixels[others])
    if homography is None:
        return np.nan, np.nan
    sigma = _sigma(pixels[others] - _projected(homography, places[others]))
    spread = _moves(homography, places[index : index + 1]) @ _factor(homography, places[others])
    deviation = float(sigma * np.sqrt(2 + (spread**2).sum()))
    point = _projected(homography, places[index : index + 1])[0]
    if not deviation <= _HARDLY_FIXED_PX * sigma or not np.isfinite(point).all():
        return np.nan, np.nan
    return float(np.hypot(*(pixels[index] - point))), deviation


def _sigma(residuals: Doubles) -> float:
    """Standard deviation of a landmark's pixel, from residuals (n, 2) of a fit to n landmarks."""
    import numpy as np

    freedom = 2 * len(residuals) - 8
    variance = ((residuals**2).sum() + 2 * LANDMARK_SIGMA_PX**2) / (freedom + 2)
    return max(float(np.sqrt(variance)), LEAST_SIGMA_PX)


def _moves(homography: Doubles, places: Doubles) -> Doubles:
    """How pixels move with the entries of a homography: (2 n, 9), u and v in turn."""
    import numpy as np

    homogeneous = np.column_stack([places, np.ones(len(places))])
    projected = homogeneous @ homography.T
    pixels = projected[:, :2] / projected[:, 2:]
    moves = np.zeros((len(places), 2, 3, 3))
    moves[:, 0, 0] = moves[:, 1, 1] = homogeneous
    moves[:, :, 2] = -pixels[:, :, None] * homogeneous[:, None, :]
    return (moves / projected[:, 2, None, None, None]).reshape(-1, 9)


def _factor(homography: Doubles, places: Doubles) -> Doubles:
    """(9, 8): times its transpose, the covariance of the homography fitted to landmarks of 1 px of noise."""
    import numpy as np

    moves = _moves(homography, places)
    scale = 1 / np.linalg.norm(moves, axis=0)
    _, singular, directions = np.linalg.svd(moves * scale, full_matrices=False)
    factor: Doubles = scale[:, None] * directions[:8].T / np.maximum(singular[:8], 1e-300)
    return factor


def _projected(homography: Doubles, points: Doubles) -> Doubles:
    """Points (n, 2) through a homography; NaN where they come to lie behind the camera."""
    import numpy as np

    mapped = points @ homography[:, :2].T + homography[:, 2]
    depth = np.where(mapped[:, 2] > 0, mapped[:, 2], np.nan)
    projected: Doubles = mapped[:, :2] / depth[:, None]
    return projected


def _located(
    pixels: Doubles,
    sigma_px: Doubles,
    homographies: Doubles,
    mixes: Doubles,
    of_frame: NDArray[np.int64],
    factors: list[Doubles],
) -> tuple[Doubles, Doubles]:
    """Positions and errors of pixels (n, 2), each of a frame (n,) of which there are homographies (m, 3, 3).

    With q the pixel, p the position and h the homography: dq = A dp + B dh, so dp = A^-1 (dq - B dh).
    """
    import numpy as np

    matrices, mix = homographies[of_frame], mixes[of_frame]
    inverse = np.linalg.inv(homographies)[of_frame]
    mapped = np.einsum("nij,nj->ni", inverse, np.column_stack([pixels, np.ones(len(pixels))]))
    nearness = np.where(mapped[:, 2] > 0, mapped[:, 2], np.nan)
    place = mapped / nearness[:, None]
    (a, b), (c, d) = np.moveaxis(
        nearness[:, None, None] * (matrices[:, :2, :2] - pixels[:, :, None] * matrices[:, 2:, :2]), 0, -1
    )
    var_u, var_v, cov_uv = sigma_px[:, 0] ** 2, sigma_px[:, 1] ** 2, np.zeros(len(pixels))
    for factor, share in zip(factors, (1 - mix, mix), strict=False):
        rows = place @ factor.reshape(3, 3, 8)
        u, v = rows[0] - pixels[:, :1] * rows[2], rows[1] - pixels[:, 1:] * rows[2]
        weight = share * nearness**2
        var_u = var_u + weight * (u * u).sum(axis=1)
        var_v = var_v + weight * (v * v).sum(axis=1)
        cov_uv = cov_uv + weight * (u * v).sum(axis=1)
    variance = (var_u * (c * c + d * d) + var_v * (a * a + b * b) - 2 * cov_uv * (a * c + b * d)) / (a * d - b * c) ** 2
    return place[:, :2], np.sqrt(variance)
