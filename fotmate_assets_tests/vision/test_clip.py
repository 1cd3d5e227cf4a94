"""The sample clip: what is drawn is where the truth says, play is human, and the file is what it claims to be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime
import polars as pl
import pytest
from numpy.typing import NDArray

from fotmate_assets.core.model import RawDocument
from fotmate_assets.embedded.sample.clip import PITCH, Clip, write_clip
from fotmate_assets.embedded.sample.clip.camera import main_stand
from fotmate_assets.embedded.sample.clip.motion import Motion, generated, resampled
from fotmate_assets.vision.model import Sidecar
from fotmate_assets.vision.pitch import landmarks
from fotmate_assets.vision.sidecar import read_sidecar
from fotmate_assets_tests.vision.scoring import score

Picture = NDArray[np.int16]


def pictures(clip: Clip, every: int = 1) -> dict[int, Picture]:
    """Frames of the clip's file: blue, green, red."""
    with av.open(str(clip.video)) as container:
        return {
            number: frame.to_ndarray(format="bgr24").astype(np.int16)
            for number, frame in enumerate(container.decode(video=0))
            if number % every == 0
        }


def told(clip: Clip) -> Sidecar:
    return read_sidecar(RawDocument("video", "clip.json", clip.sidecar.read_bytes(), "", datetime.now(UTC)))


def places(clip: Clip, frame: int) -> NDArray[np.float64]:
    rows = clip.truth.frame == frame
    return np.column_stack([clip.truth.x_m[rows], clip.truth.y_m[rows]])


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """People of both teams all over the pitch, far from each other, who walk to the right for ten frames."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-50, 48, 8), np.linspace(-33, 33, 5)))
    start = np.column_stack([x, y])
    people = start[None] + np.arange(10)[:, None, None] * (0.06, 0.0)
    count = len(start)
    motion = Motion(
        fps=25.0,
        person=np.arange(1, count + 1, dtype=np.int32),
        role=("player",) * count,
        team=tuple("home" if i % 2 else "away" for i in range(count)),
        people_m=people,
        ball_m=np.full((10, 2), np.nan),
    )
    return write_clip(tmp_path_factory.mktemp("grid"), motion=motion)


@pytest.fixture(scope="module")
def empty(grid: Clip, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """The same stadium without anyone."""
    nobody = replace(generated(0.1), people_m=np.full((2, 25, 2), np.nan), ball_m=np.full((2, 2), np.nan))
    return write_clip(tmp_path_factory.mktemp("empty"), motion=nobody)


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Two and a half seconds of generated play."""
    return write_clip(tmp_path_factory.mktemp("play"), seconds=2.4)


def test_people_are_drawn_where_the_truth_says(grid: Clip, empty: Clip) -> None:
    """What differs from the empty stadium around each true place is a body that stands on it."""
    scene, off = pictures(empty)[0], []
    for frame, picture in pictures(grid, every=3).items():
        differs = np.abs(picture - scene).max(axis=2) > 40
        feet, heads = (grid.camera.project(places(grid, frame), height) for height in (0.0, 1.82))
        for (x, y), (_, head) in zip(feet, heads, strict=True):
            left, top = int(x) - 20, int(y) - 40
            rows, columns = np.nonzero(differs[top : top + 60, left : left + 40])
            assert len(rows), f"nobody at {x:.0f}, {y:.0f} in frame {frame}"
            off.append(
                ((columns.min() + columns.max() + 1) / 2 + left - x, rows.max() + 1 + top - y, rows.min() + top - head)
            )
    aside, below, above = np.array(off).T
    assert np.abs(np.median(aside)) < 0.4
    assert np.abs(np.median(below)) < 0.8
    assert np.abs(np.median(above)) < 1.5
    assert np.quantile(np.abs(off), 0.95, axis=0).max() < 3
    assert np.abs(off).max() < 7


def test_whoever_is_away_is_neither_drawn_nor_true(grid: Clip, empty: Clip) -> None:
    assert len(empty.truth.frame) == 0
    assert len(grid.truth.frame) == 400
    one, other = pictures(empty).values()
    top, bottom = empty.camera.region[1::2]
    assert np.abs(one - other)[top:bottom].max() < 25, "more than noise moves in the empty stadium"


def test_shirts_are_of_the_kits_told(grid: Clip) -> None:
    picture, kits = pictures(grid)[0], told(grid).kits
    chest = grid.camera.project(places(grid, 0), 1.15)
    for team, kit in (("home", kits.home), ("away", kits.away)):
        assert kit is not None
        wanted = [int(kit[i : i + 2], 16) for i in (5, 3, 1)]
        seen = [
            picture[int(y), int(x)]
            for (x, y), whose in zip(chest, grid.truth.team[: len(chest)], strict=True)
            if whose == team
        ]
        assert np.abs(np.median(seen, axis=0) - wanted).max() < 45


def test_landmarks_lie_on_paint_in_the_picture(empty: Clip) -> None:
    luma = pictures(empty)[0].mean(axis=2)
    for mark in told(empty).keyframes[0].landmarks:
        x, y = int(mark.x_px), int(mark.y_px)
        around = luma[y - 6 : y + 7, x - 12 : x + 13]
        assert luma[y - 1 : y + 2, x - 1 : x + 2].max() > np.median(around) + 25, mark.name


def test_landmarks_tell_the_camera(play: Clip) -> None:
    """A homography fitted to what the sidecar tells finds the truth's pixels; its points are the pitch's own."""
    marks = told(play).keyframes[0].landmarks
    assert len(marks) >= 12
    for mark in marks:
        assert (mark.x_m, mark.y_m) == landmarks(PITCH)[mark.name]
        assert (mark.x_px * 2) % 1 == (mark.y_px * 2) % 1 == 0
    pixels, metres = (np.array([(m.x_px, m.y_px) for m in marks]), np.array([(m.x_m, m.y_m) for m in marks]))
    fitted, _ = cv2.findHomography(metres, pixels)
    true = places(play, 50)
    ours = cv2.perspectiveTransform(true[None], fitted)[0]
    exact = np.column_stack([true, np.ones(len(true))]) @ play.camera.homography.T
    assert np.abs(ours - play.camera.project(true)).max() < 0.5
    np.testing.assert_allclose(exact[:, :2] / exact[:, 2:], play.camera.project(true))


def test_height_is_seen_upward() -> None:
    camera = main_stand()
    for place, least, most in (((0.0, -34.0), 20, 24), ((0.0, 34.0), 12, 15)):
        (x, foot), (above, head) = camera.project(place), camera.project(place, 1.82)
        assert least < foot - head < most
        assert abs(x - above) < 1


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (640, 360)])
def test_everyone_is_in_the_region_at_any_size(size: tuple[int, int]) -> None:
    camera, motion = main_stand(size), generated(10)
    x1, y1, x2, y2 = camera.region
    assert 0 <= x1 < x2 <= size[0]
    assert 0 <= y1 < y2 <= size[1]
    for height in (-0.3, 2.0):
        x, y = np.moveaxis(camera.project(motion.people_m, height), -1, 0)
        assert x1 < x.min() < x.max() < x2
        assert y1 < y.min() < y.max() < y2


@pytest.mark.parametrize("size", [(1920, 1200), (1279, 720), (1024, 768)])
def test_another_shape_of_picture_is_refused(size: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a size of 16 to 9 with even sides"):
        write_clip(tmp_path, seconds=0.1, size=size)


@pytest.mark.parametrize(("fps", "rate"), [(25, Fraction(25)), (30000 / 1001, Fraction(30000, 1001))])
def test_the_file_is_what_it_claims(tmp_path: Path, fps: float, rate: Fraction) -> None:
    clip = write_clip(tmp_path, seconds=1, fps=fps, size=(640, 360))
    with av.open(str(clip.video)) as container:
        stream = container.streams.video[0]
        times = [frame.time for frame in container.decode(stream)]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (640, 360)
        assert stream.average_rate == rate
    assert len(times) == round(fps)
    np.testing.assert_allclose(times, np.arange(len(times)) / float(rate), atol=1e-4)
    assert set(clip.truth.frame) == set(range(len(times)))
    assert told(clip).simulated
    assert told(clip).region == clip.camera.region


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one, again, other = (
        write_clip(tmp_path / name, seconds=0.4, size=(640, 360), seed=seed)
        for name, seed in (("one", 3), ("again", 3), ("other", 4))
    )
    assert one.video.read_bytes() == again.video.read_bytes() != other.video.read_bytes()
    assert one.sidecar.read_bytes() == again.sidecar.read_bytes()
    assert np.array_equal(one.truth.x_m, again.truth.x_m)
    assert not np.array_equal(one.truth.x_m, other.truth.x_m)


@pytest.mark.parametrize("seed", range(3))
def test_generated_play_is_human(seed: int) -> None:
    motion = generated(20, 25, seed)
    velocity = np.diff(motion.people_m, axis=0) * 25
    speed = np.linalg.norm(velocity, axis=-1)
    change = np.linalg.norm(np.diff(velocity, axis=0), axis=-1) * 25
    assert speed.max() <= 9
    assert change.max() <= 6
    assert 1.5 < speed[:, :22].mean() < 3.5
    assert speed.max(axis=0).max() > 5, "nobody ever runs"
    apart = [
        np.linalg.norm(motion.people_m[:, a] - motion.people_m[:, b], axis=-1).min()
        for a, b in combinations(range(25), 2)
    ]
    assert min(apart) > 0.3, "people run through each other"
    ball = np.linalg.norm(np.diff(motion.ball_m, axis=0), axis=-1) * 25
    assert 8 < ball.max() < 30


def test_players_cross_in_the_picture() -> None:
    """A tracker has something to get wrong: pairs come within half a body of each other, and change sides."""
    motion = generated(20)
    seen, tall = main_stand().project(motion.people_m), main_stand().pixels_per_metre(motion.people_m) * 1.8
    crossings = 0
    for a, b in combinations(range(22), 2):
        aside, down = np.abs(seen[:, a] - seen[:, b]).T
        close = (aside < 0.25 * tall[:, a]) & (down < 0.6 * tall[:, a])
        order = np.sign(seen[:, a, 0] - seen[:, b, 0])
        crossings += bool(close.any() and order.min() < order.max())
    assert crossings >= 5


def test_generated_play_has_two_elevens_and_three_referees() -> None:
    motion = generated(10)
    assert [
        (motion.role.count(role), motion.team.count(team))
        for role, team in (("player", "home"), ("goalkeeper", "away"), ("referee", ""))
    ] == [(20, 11), (2, 11), (3, 3)]
    x, y = np.moveaxis(motion.people_m, -1, 0)
    assert np.abs(y[:, :23]).max() < 34
    assert np.abs(x).max() < 52.5
    assert y[:, 23].max() < -34
    assert y[:, 24].min() > 34
    assert x[:, 0].max() < -40
    assert x[:, 11].min() > 40
    assert np.median(x[:, 1:11], axis=1).max() < 40
    assert motion.team[0] == "home"


def test_longer_play_begins_with_the_shorter() -> None:
    np.testing.assert_array_equal(generated(2).people_m, generated(4).people_m[:50])
    np.testing.assert_allclose(generated(2, 50).people_m[::2], generated(2, 25).people_m, atol=1e-9)


def test_given_play_at_another_rate_keeps_places_and_absences() -> None:
    """50 Hz rows in any order; person 7 is there from 0.1 s to 0.3 s only."""
    time = np.arange(21) / 50
    rows = [(t, 4, "Outfielder", 10 * t - 5, 1.0) for t in time]
    rows += [(t, 7, "Goalkeeper", 20.0, -t) for t in time[5:16]]
    rows += [(t, 9, "AssistantReferee1", 0.0, 35.0) for t in time]
    rows += [(t, -1, "Ball", t, t) for t in time]
    mixed = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    times, who, role, x, y = zip(*mixed, strict=True)
    motion = resampled(times, who, role, x, y, fps=30)
    at = np.arange(13) / 30
    assert motion.frames == 13
    assert (motion.role, motion.team) == (("player", "goalkeeper", "referee"), ("home", "away", ""))
    np.testing.assert_allclose(motion.people_m[:, 0], np.column_stack([10 * at - 5, np.ones(13)]))
    np.testing.assert_array_equal(np.isfinite(motion.people_m[:, 1, 0]), (at >= 0.1) & (at <= 0.3))
    np.testing.assert_allclose(motion.ball_m, np.column_stack([at, at]))


def test_given_play_of_two_balls_is_refused() -> None:
    with pytest.raises(ValueError, match="2 balls"):
        resampled([0, 0], [1, 2], ["ball", "Ball"], [0, 1], [0, 1])


@pytest.mark.real_data
def test_real_tracking_is_drawn_at_half_its_rate(real_data: Path, tmp_path: Path) -> None:
    rows = pl.read_parquet(real_data / "vision/hawkeye_2min_50hz.parquet").filter(
        pl.col("minute") == 1, pl.col("t") < 0.4
    )
    motion = resampled(rows["t"], rows["track_id"], rows["role"].to_list(), rows["x"], rows["y"], fps=25)
    clip = write_clip(tmp_path, motion=motion)
    assert len(pictures(clip)) == 10
    assert len(clip.truth.frame) == 10 * 25
    assert sorted(motion.role) == ["goalkeeper"] * 2 + ["player"] * 20 + ["referee"] * 3
    assert (motion.team.count("home"), motion.team.count("away")) == (11, 11)
    people = rows.filter(pl.col("role") != "Ball").sort("track_id", "t")
    given = people.select("x", "y").to_numpy().reshape(25, 20, 2)[:, ::2].swapaxes(0, 1)
    np.testing.assert_allclose(motion.people_m, given, atol=0.02)


@pytest.mark.real_data
def test_a_network_made_for_football_sees_the_people(real_data: Path, play: Clip) -> None:
    """Weights that were trained on another renderer's football: ours must look enough like it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    weights = real_data / "vision/weights/yolo26n_players_synthetic.onnx"
    network = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    x1, y1, x2, y2 = play.camera.region
    back = np.linalg.inv(play.camera.homography)
    frames, found = [], []
    for number, picture in pictures(play, every=10).items():
        image = picture[y1:y2, x1:x2, ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
        (output,) = network.run(None, {network.get_inputs()[0].name: image})
        x, y, wide, high, confidence, _ = output[0]
        boxes = np.column_stack([x - wide / 2, y - high / 2, wide, high])
        kept = np.asarray(cv2.dnn.NMSBoxes(boxes.tolist(), confidence.tolist(), 0.25, 0.5), np.int64)
        feet = np.column_stack([x[kept] + x1, y[kept] + high[kept] / 2 + y1])
        found.append(cv2.perspectiveTransform(feet[None].astype(np.float64), back)[0])
        frames.append(np.full(len(kept), number))
    seen = np.concatenate(found)
    judged = np.isin(play.truth.frame, np.concatenate(frames))
    result = score(
        play.truth.frame[judged],
        play.truth.person[judged],
        np.column_stack([play.truth.x_m, play.truth.y_m])[judged],
        np.concatenate(frames),
        np.arange(len(seen)),
        seen,
    )
    assert result.recall >= 0.97
    assert result.precision >= 0.95
    assert result.median_error_m <= 0.2
