"""Trajectories of a simulated match, and what a detector may have seen of one.

Trajectories have the statistics that decide how small they can be stored: people wander about their places, told ten
times a second and interpolated to the frame rate as broadcast tracking is, with 5 cm of correlated noise on top;
confidences are white noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.signal import lfilter

from fotmate_assets.embedded.sample.clip.camera import main_stand
from fotmate_assets.embedded.sample.clip.motion import generated
from fotmate_assets.embedded.sample.clip.render import KITS
from fotmate_assets.vision.model import Period
from fotmate_assets.vision.observations import Observations
from fotmate_assets.vision.segments import save
from fotmate_assets.vision.trajectories import FileMetadata, polars_schema

FPS = 25
TRACKS = 23
"""22 players and the ball."""
NOISE_M = 0.05
_KEPT = 0.9
"""Of the noise from one frame to the next."""
MISSED = 0.03
"""Of the people in a frame, by a detector."""
_PLAY_S = 60
"""So much play is made up; it is shown forward and backward in turn."""


def simulated_match(minutes: float, *, boxes: bool = False, seed: int = 7) -> pl.DataFrame:
    """Rows of two halves in order of (frame, track); with `boxes`, as they come from a video: pixels and errors too."""
    random = np.random.default_rng(seed)
    frames = round(minutes * 60 * FPS)
    half = frames // 2
    x, y = (_wander(random, frames, extent) for extent in (52.5, 34.0))
    frame = np.arange(frames)
    since = frame - np.where(frame < half, 0, half)
    n = frames * TRACKS
    track = np.tile(np.arange(TRACKS), frames)
    types = pl.Series((["goalkeeper"] + ["player"] * 10) * 2 + ["ball"])
    teams = pl.Series(["home"] * 11 + ["away"] * 11 + [None])
    columns: dict[str, Any] = {
        "match_id": pl.repeat("match-1", n, eager=True),
        "period": np.repeat(np.where(frame < half, 1, 2), TRACKS),
        "frame": np.repeat(frame, TRACKS),
        "timestamp_ms": np.repeat(since * 1000 // FPS, TRACKS),
        "track_id": track + 1,
        "object_type": types.gather(track),
        "team": teams.gather(track),
        "x_m": x.ravel(),
        "y_m": y.ravel(),
        "confidence": random.uniform(0.3, 1, n),
        "is_detected": np.ones(n, dtype=bool),
    }
    if boxes:
        columns |= _boxes(random, x, y)
    schema = polars_schema()
    rows = pl.DataFrame(columns).with_columns(pl.lit(None).alias(name) for name in schema if name not in columns)
    return rows.select(pl.col(name).cast(kind) for name, kind in schema.items())


def _wander(random: np.random.Generator, frames: int, extent: float) -> NDArray[np.float64]:
    told = frames * 10 // FPS + 2
    kept = np.exp(-0.1 / 20)
    steps = random.normal(0, extent / 4 * np.sqrt(1 - kept**2), (told, TRACKS))
    places = lfilter(np.ones(20) / 20, [1], lfilter([1], [1, -kept], steps, axis=0), axis=0)
    places += random.uniform(-0.6 * extent, 0.6 * extent, TRACKS)
    at, known = np.arange(frames) / FPS, np.arange(told) / 10
    smooth = np.stack([np.interp(at, known, places[:, track]) for track in range(TRACKS)], axis=1)
    white = random.normal(0, NOISE_M * np.sqrt(1 - _KEPT**2), (frames, TRACKS))
    noisy: NDArray[np.float64] = smooth + lfilter([1], [1, -_KEPT], white, axis=0)
    return noisy


def _boxes(random: np.random.Generator, x: NDArray[np.float64], y: NDArray[np.float64]) -> dict[str, Any]:
    """As a camera at the near touchline sees them in 1080p, with half a pixel of noise on every edge."""
    across, down = 960 + 15 * x, 540 - 6 * y
    height = 20 + 0.03 * down
    edges = {
        "box_x1": across - 0.2 * height,
        "box_y1": down - height,
        "box_x2": across + 0.2 * height,
        "box_y2": down,
    }
    noisy = {name: np.round(edge + random.normal(0, 0.5, edge.shape)).ravel() for name, edge in edges.items()}
    return {**noisy, "position_error_m": (0.12 + 0.004 * (y + 34)).clip(0).ravel()}


def metadata_of(minutes: float) -> FileMetadata:
    """What the file says about the match."""
    frames = round(minutes * 60 * FPS)
    half = frames // 2
    return FileMetadata(
        match_id="match-1",
        fps=FPS,
        frames=frames,
        periods=(Period(1, 0, half - 1), Period(2, half, frames - 1)),
        source="simulated",
        files=(),
        code_version="benchmark",
        simulated=True,
    )


def write_observations(folder: Path, frames: int, size: tuple[int, int]) -> list[Path]:
    """What a detector sees of `frames` frames of 25 people, by the camera of clips of `size`: a file a minute, as the
    analysis keeps them. Half a pixel of noise on every edge.
    """
    random = np.random.default_rng(7)
    camera, motion = main_stand(size), generated(_PLAY_S, FPS)
    kits = ["home_goalkeeper", *["home"] * 10, "away_goalkeeper", *["away"] * 10, *["referee"] * 3]
    shirts = np.array([_lab(getattr(KITS, kit)) for kit in kits])
    length = motion.frames
    paths = []
    for number, first in enumerate(range(0, frames, length)):
        played = motion.people_m[:: -1 if number % 2 else 1][: frames - first]
        numbers = np.arange(first, first + len(played), dtype=np.int32)
        frame, person = np.nonzero(random.random(played.shape[:2]) >= MISSED)
        at = played[frame, person]
        (across, feet), heads = camera.project(at).T, camera.project(at, 1.8)[:, 1]
        half = 0.2 * (feet - heads)
        boxes = np.stack([across - half, heads, across + half, feet], axis=1)
        seen = Observations(
            frames=numbers,
            times_ms=numbers.astype(np.float64) * 1000 / FPS,
            frame=numbers[frame],
            boxes=(boxes + random.normal(0, 0.5, boxes.shape)).astype(np.float32),
            confidence=random.uniform(0.3, 1, len(frame)).astype(np.float32),
            is_ball=np.zeros(len(frame), bool),
            colour=(shirts[person] + random.normal(0, 4, (len(frame), 3))).astype(np.float32),
        )
        paths.append(folder / f"{number:03}.npz")
        save(seen, paths[-1])
    return paths


def _lab(colour: str) -> NDArray[np.float32]:
    rgb = np.array([[list(bytes.fromhex(colour.removeprefix("#")))]], np.float32) / 255
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[0, 0], np.float32)
