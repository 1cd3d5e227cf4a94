"""A football clip that is drawn, not filmed, with what is true of it: the sample video of the demo and of the tests.

Nothing in it is real, and its boards say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from fotmate_assets.embedded.sample.clip.camera import Camera, main_stand
from fotmate_assets.embedded.sample.clip.motion import Motion, generated
from fotmate_assets.embedded.sample.clip.render import KITS, frames
from fotmate_assets.vision.model import Keyframe, Landmark, Orientation, Pitch, Sidecar
from fotmate_assets.vision.pitch import landmarks
from fotmate_assets.vision.sidecar import write_sidecar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fotmate_assets.vision.observations import Doubles, Ints

PITCH = Pitch()

_CLICKED = (
    "left_near_corner",
    "left_far_corner",
    "right_near_corner",
    "right_far_corner",
    "halfway_near",
    "halfway_far",
    "left_near_penalty_area_corner",
    "left_far_penalty_area_corner",
    "right_near_penalty_area_corner",
    "right_far_penalty_area_corner",
    "centre_spot",
    "centre_circle_near",
    "centre_circle_far",
    "left_penalty_spot",
    "right_penalty_spot",
)


@dataclass(frozen=True)
class Truth:
    """Where everyone was: one row per person and frame, in order of frames; a place is the middle between the feet."""

    frame: Ints
    """(n,): 0-based."""
    person: Ints
    """(n,): from 1."""
    role: NDArray[np.str_]
    """(n,): `player`, `goalkeeper` or `referee`, which the assistants are, too."""
    team: NDArray[np.str_]
    """(n,): `home`, `away`, or nothing."""
    x_m: Doubles
    y_m: Doubles
    """(n,): from the centre spot."""
    ball_x_m: Doubles
    ball_y_m: Doubles
    """(frames,): NaN where there is no ball."""


@dataclass(frozen=True)
class Clip:
    """A video and what is true of it."""

    video: Path
    sidecar: Path
    truth: Truth
    camera: Camera
    """Its `project(xy_m, height_m)` tells the exact pixels of places."""


def write_clip(
    folder: Path,
    *,
    seconds: float = 20,
    fps: float = 25,
    size: tuple[int, int] = (1920, 1080),
    seed: int = 0,
    motion: Motion | None = None,
) -> Clip:
    """Write `clip.mp4` (h264, yuv420p) and its `clip.json` into `folder`; the same arguments give the same bytes.

    `size` is width and height, 16 to 9. `motion` is drawn in place of generated play: all of it, at its own rate.
    Raises ValueError for another shape of picture.
    """
    camera = main_stand(size)
    played = generated(seconds, fps, seed) if motion is None else motion
    folder.mkdir(parents=True, exist_ok=True)
    video, sidecar = folder / "clip.mp4", folder / "clip.json"
    _encode(video, played, camera, seed)
    sidecar.write_bytes(write_sidecar(_sidecar(camera)))
    return Clip(video, sidecar, _truth(played), camera)


def _encode(path: Path, motion: Motion, camera: Camera, seed: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(motion.fps).limit_denominator(1001))
        stream.width, stream.height = camera.size
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "superfast", "crf": "26", "threads": "1"}
        for image in frames(motion, camera, PITCH, seed):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="yuv420p")))
        container.mux(stream.encode())


def _sidecar(camera: Camera) -> Sidecar:
    """What a person would tell who clicked the landmarks as well as they can: to half a pixel."""
    known = landmarks(PITCH)
    clicked = []
    for name in _CLICKED:
        x_px, y_px = np.round(camera.project(known[name]) * 2) / 2
        clicked.append(Landmark(*known[name], float(x_px), float(y_px), name))
    return Sidecar(
        keyframes=(Keyframe(0, tuple(clicked)),),
        pitch=PITCH,
        kits=KITS,
        region=camera.region,
        orientation=Orientation.HOME_AWAY,
        simulated=True,
    )


def _truth(motion: Motion) -> Truth:
    frame, who = np.nonzero(np.isfinite(motion.people_m).all(axis=-1))
    places = motion.people_m[frame, who]
    return Truth(
        frame=frame.astype(np.int32),
        person=motion.person[who],
        role=np.array(motion.role, dtype=np.str_)[who],
        team=np.array(motion.team, dtype=np.str_)[who],
        x_m=places[:, 0],
        y_m=places[:, 1],
        ball_x_m=motion.ball_m[:, 0],
        ball_y_m=motion.ball_m[:, 1],
    )
