from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from fotmate_assets.embedded.sample.clip import Clip, write_clip
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.detection import DetectorError, open_detector
from fotmate_assets_tests.vision.tiny_onnx import FLOAT16, write_network

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Detections, Floats, Image

ROOT = Path(__file__).parents[2]
PEOPLE_AND_BALL = {"names": "{0: 'person', 1: 'ball'}"}
GREEN, RED, WHITE, DARK = (60, 130, 62), (40, 30, 200), (240, 240, 240), (30, 28, 26)
TALL = 30


# a scene of our own: grass with a line, people as upright figures


def grass(width: int = 480, height: int = 240) -> Image:
    scene = np.full((height, width, 3), GREEN, np.uint8)
    scene[:, ::60] = (70, 145, 72)
    cv2.line(scene, (0, 60), (width, 70), (235, 245, 235), 2, cv2.LINE_AA)
    return scene


def person(scene: Image, x: int, feet: int, shirt: tuple[int, int, int] = RED) -> None:
    """Someone 30 pixels tall whose last row is the one above `feet`."""
    cv2.circle(scene, (x, feet - TALL + 3), 3, (120, 160, 200), -1)
    scene[feet - TALL + 7 : feet - 14, x - 5 : x + 5] = shirt
    scene[feet - 14 : feet, x - 4 : x - 1] = shirt
    scene[feet - 14 : feet, x + 1 : x + 4] = shirt


def filmed(scene: Image, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, 2, scene.shape)
    return np.clip(cv2.GaussianBlur(scene, (3, 3), 0.6) + noise, 0, 255).astype(np.uint8)


@cache
def _practice() -> list[Image]:
    made = []
    for number in range(48):
        scene = grass()
        for each in range(6):
            person(scene, 25 + (number * (7 + each) + each * 77) % 430, 60 + each * 33, RED if each % 2 else WHITE)
        made.append(filmed(scene, number))
    return made


def practice() -> list[Image]:
    """48 images in which six people walk about."""
    return [image.copy() for image in _practice()]


def feet_of(found: Detections) -> list[tuple[float, float]]:
    return sorted((float(x1 + x2) / 2, float(y2)) for x1, _, x2, y2 in found.boxes)


# the background detector


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return write_clip(tmp_path_factory.mktemp("clip"), seconds=6, seed=3)


def test_on_the_rendered_clip_nearly_everyone_is_found_where_they_stand_and_hardly_anyone_else(clip: Clip) -> None:
    x1, y1, x2, y2 = clip.camera.region
    detector = open_detector("background", weights=None)
    with open_video(clip.video) as video:
        spread = [(2 * n + 1) * video.frames // (2 * detector.samples) for n in range(detector.samples)]
        detector.prepare([image[y1:y2, x1:x2] for _, image in video.images(spread)])
        seen = [(n, detector.detect([image[y1:y2, x1:x2]])[0]) for n, image in video.images(range(0, video.frames, 10))]
    people, hits, boxes, off_m = 0, 0, 0, []
    for frame, found in seen:
        here = clip.truth.frame == frame
        true = np.stack([clip.truth.x_m[here], clip.truth.y_m[here]], axis=1)
        feet = np.array(feet_of(found)) + np.array([x1, y1])
        on_pitch = np.column_stack([feet, np.ones(len(feet))]) @ np.linalg.inv(clip.camera.homography).T
        apart = np.linalg.norm(true[:, None] - (on_pitch[:, :2] / on_pitch[:, 2:])[None], axis=2)
        nearest = apart.argmin(axis=1)
        is_hit = (apart.min(axis=1) < 2) & (apart.argmin(axis=0)[nearest] == np.arange(len(true)))
        people, hits, boxes = people + len(true), hits + is_hit.sum(), boxes + len(feet)
        off_m.extend(apart.min(axis=1)[is_hit])
    assert hits / people > 0.95
    assert hits / boxes > 0.97
    assert np.median(off_m) < 0.25


def test_boxes_end_at_the_feet_and_not_at_the_shadow() -> None:
    detector = open_detector("background", weights=None)
    detector.prepare(practice())
    scene = grass()
    for x, shirt in ((100, RED), (200, WHITE), (300, DARK)):
        shadow = np.zeros(scene.shape[:2], np.uint8)
        cv2.line(shadow, (x, 148), (x + 40, 168), 255, 8)
        scene[shadow > 0] = scene[shadow > 0] * 0.6
        person(scene, x, 150, shirt)
    (found,) = detector.detect([filmed(scene, 99)])
    assert np.array(feet_of(found)) == pytest.approx(np.array([(100, 150), (200, 150), (300, 150)]), abs=1.6)


def test_a_shadow_below_the_feet_does_not_lengthen_the_box() -> None:
    detector = open_detector("background", weights=None)
    detector.prepare(practice())
    scene = grass()
    scene[146:156, 94:106] = scene[146:156, 94:106] * 0.7
    person(scene, 100, 150)
    (found,) = detector.detect([filmed(scene, 99)])
    assert np.array(feet_of(found)) == pytest.approx(np.array([(100, 150)]), abs=1.6)


def test_people_who_overlap_are_parted() -> None:
    detector = open_detector("background", weights=None)
    detector.prepare(practice())
    scene = grass()
    places = [(100, 150), (109, 156), (300, 170), (306, 190)]
    for number, (x, feet) in enumerate(places):
        person(scene, x, feet, RED if number % 2 else WHITE)
    (found,) = detector.detect([filmed(scene, 99)])
    assert np.array(feet_of(found)) == pytest.approx(np.array(places), abs=3)


def test_who_stands_still_most_of_the_time_is_seen_all_the_same() -> None:
    images = practice()
    for number, image in enumerate(images):
        if number % 5:
            person(image, 240, 225)
    detector = open_detector("background", weights=None)
    detector.prepare(images)
    scene = grass()
    (empty,) = detector.detect([filmed(scene, 98)])
    person(scene, 240, 225)
    (found,) = detector.detect([filmed(scene, 99)])
    assert len(empty.boxes) == 0
    assert np.array(feet_of(found)) == pytest.approx(np.array([(240, 225)]), abs=1.1)


def test_neither_a_ball_nor_a_board_that_changes_nor_a_shaking_line_is_a_person() -> None:
    images = practice()
    for number, image in enumerate(images):
        image[:20, 100:300] = (200, 40, 40) if number % 7 else (20, 220, 240)
    detector = open_detector("background", weights=None)
    detector.prepare(images)
    scene = grass()
    scene[:20, 100:300] = (20, 220, 240)
    shaken = cv2.warpAffine(scene, np.array([[1, 0, 0.3], [0, 1, 0.3]], np.float32), (480, 240), borderMode=1)
    cv2.circle(shaken, (240, 150), 3, WHITE, -1)
    (found,) = detector.detect([filmed(np.asarray(shaken, np.uint8), 99)])
    assert len(found.boxes) == 0


def test_who_stands_out_more_is_trusted_more() -> None:
    detector = open_detector("background", weights=None)
    detector.prepare(practice())
    scene = grass()
    person(scene, 100, 150, (60, 165, 95))
    person(scene, 300, 150, WHITE)
    (found,) = detector.detect([filmed(scene, 99)])
    assert [round(x) for x, _ in feet_of(found)] == [100, 300]
    assert feet_of(found)[1][0] == pytest.approx(float(found.boxes[0, [0, 2]].mean()))
    assert 0.1 <= found.confidence[1] < found.confidence[0] <= 1


def test_the_same_images_give_the_same_boxes_whatever_came_before_and_however_many_come_at_once() -> None:
    images = practice()
    one, other = (open_detector("background", weights=None) for _ in range(2))
    one.prepare(images)
    other.prepare(images[:10])
    other.detect(images[:5])
    other.prepare(images)
    together = one.detect(images[:6])
    for image, expected in zip(images[:6], together, strict=True):
        (alone,) = other.detect([image])
        assert np.array_equal(alone.boxes, expected.boxes)
        assert np.array_equal(alone.confidence, expected.confidence)


def test_an_empty_scene_has_nobody_in_it() -> None:
    detector = open_detector("background", weights=None)
    detector.prepare([filmed(grass(), number) for number in range(10)])
    (found,) = detector.detect([filmed(grass(), 99)])
    assert found.boxes.shape == (0, 4)
    assert found.confidence.shape == found.is_ball.shape == (0,)


def test_the_background_detector_wants_to_be_prepared() -> None:
    detector = open_detector("background", weights=None)
    with pytest.raises(ValueError, match="prepare"):
        detector.detect([grass()])
    with pytest.raises(DetectorError, match="three"):
        detector.prepare([grass()])


# ONNX


def centre_rows(boxes: list[tuple[float, ...]], scores: Sequence[tuple[float, ...]], cells: int = 2000) -> Floats:
    """Rows as YOLOv8 gives them: (4 + classes, n), centre and size, then a score per class; the rest is empty."""
    rows = np.zeros((4 + len(scores[0]), cells), np.float32)
    for number, ((x1, y1, x2, y2), told) in enumerate(zip(boxes, scores, strict=True)):
        rows[:, number] = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, *told]
    return rows


BOXES: list[tuple[float, ...]] = [(10, 20, 30, 70), (11, 21, 31, 71), (100, 90, 120, 140), (50, 50, 54, 54)]
SCORES = [(0.9, 0.0), (0.8, 0.0), (0.6, 0.1), (0.05, 0.7)]
V8 = centre_rows(BOXES, SCORES)
V5 = np.concatenate([V8[:4], V8[4:].max(axis=0, keepdims=True) > 0, V8[4:]]).T
END_TO_END = np.zeros((300, 6), np.float32)
END_TO_END[:4] = [(*box, max(score), int(score[1] > score[0])) for box, score in zip(BOXES, SCORES, strict=True)]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        pytest.param(V8, PEOPLE_AND_BALL, id="channels first"),
        pytest.param(V8.T, PEOPLE_AND_BALL, id="transposed"),
        pytest.param(V5, {"names": "['player', 'ball']"}, id="with objectness"),
        pytest.param(END_TO_END, PEOPLE_AND_BALL, id="end to end"),
        pytest.param(END_TO_END, PEOPLE_AND_BALL | {"end2end": "True"}, id="end to end, told"),
    ],
)
def test_every_form_of_output_gives_the_same_boxes(tmp_path: Path, rows: Floats, told: dict[str, str]) -> None:
    path = write_network(tmp_path / "a.onnx", np.ascontiguousarray(rows), told=told)
    (found,) = open_detector("onnx", weights=str(path)).detect([np.zeros((160, 224, 3), np.uint8)])
    assert found.boxes == pytest.approx(np.array([BOXES[0], BOXES[3], BOXES[2]]))
    assert found.confidence == pytest.approx([0.9, 0.7, 0.6])
    assert found.is_ball.tolist() == [False, True, False]


def test_boxes_are_in_the_images_own_pixels_when_it_is_fitted_into_the_networks_input(tmp_path: Path) -> None:
    rows = centre_rows([(100, 226, 200, 276)], [(0.9,)])
    path = write_network(tmp_path / "a.onnx", rows, input_shape=(1, 3, 640, 640), told={"names": "{0: 'person'}"})
    (found,) = open_detector("onnx", weights=str(path)).detect([np.zeros((416, 1280, 3), np.uint8)])
    assert found.boxes == pytest.approx(np.array([[200, 20, 400, 120]]))


def test_an_image_that_is_no_multiple_of_the_stride_is_padded_and_not_stretched(tmp_path: Path) -> None:
    rows = centre_rows([(20, 20, 40, 60), (0, 0, 31, 131)], [(0.9,), (0.8,)])
    path = write_network(tmp_path / "a.onnx", rows, told={"names": "{0: 'person'}"})
    (found,) = open_detector("onnx", weights=str(path)).detect([np.zeros((150, 200, 3), np.uint8)])
    assert found.boxes == pytest.approx(np.array([[8, 15, 28, 55], [0, 0, 19, 126]]))


def test_half_precision_is_the_files_own(tmp_path: Path) -> None:
    told = {"names": "{0: 'person'}"}
    rows = centre_rows([(20, 20, 40, 60)], [(0.9,)])
    path = write_network(tmp_path / "half.onnx", rows, input_type=FLOAT16, told=told)
    (found,) = open_detector("onnx", weights=str(path), half=True).detect([np.zeros((96, 96, 3), np.uint8)])
    assert found.boxes == pytest.approx(np.array([[20, 20, 40, 60]]))
    path = write_network(tmp_path / "single.onnx", rows, told=told)
    with pytest.raises(DetectorError, match="half=True"):
        open_detector("onnx", weights=str(path), half=True)


def test_a_batch_gives_what_its_images_give_one_by_one(tmp_path: Path) -> None:
    rows = centre_rows([(10, 10, 20, 40)], [(0.1,)])
    brighter = np.zeros_like(rows)
    brighter[4, 0] = 0.8
    path = write_network(tmp_path / "a.onnx", rows, told={"names": "{0: 'person'}"}, brighter=brighter)
    images = [np.full((64, 64, 3), level, np.uint8) for level in (0, 50, 100, 150, 255)]
    detector = open_detector("onnx", weights=str(path), batch=2)
    assert detector.batch == 2
    together = detector.detect(images)
    assert [float(found.confidence[0]) for found in together] == pytest.approx(
        [0.1 + 0.8 * level / 255 for level in (0, 50, 100, 150, 255)], abs=1e-5
    )
    for image, expected in zip(images, together, strict=True):
        (alone,) = open_detector("onnx", weights=str(path)).detect([image])
        assert alone.confidence == pytest.approx(expected.confidence)


def test_a_network_for_one_image_at_a_time_takes_them_one_by_one(tmp_path: Path) -> None:
    rows = centre_rows([(10, 10, 20, 40)], [(0.9,)])
    path = write_network(tmp_path / "a.onnx", rows, input_shape=(1, 3, 64, 64), told={"names": "{0: 'person'}"})
    detector = open_detector("onnx", weights=str(path), batch=8)
    assert detector.batch == 1
    assert [len(found.boxes) for found in detector.detect([np.zeros((64, 64, 3), np.uint8)] * 3)] == [1, 1, 1]


def test_classes_are_known_by_their_names(tmp_path: Path) -> None:
    boxes: list[tuple[float, ...]] = [(n * 30, 10, n * 30 + 20, 50) for n in range(5)]
    scores = [tuple(float(n == kind) * 0.9 for kind in range(5)) for n in range(5)]
    told = {"names": "{0: 'Player', 1: 'car', 2: 'goalkeeper', 3: 'sports ball', 4: 'referee'}"}
    path = write_network(tmp_path / "a.onnx", centre_rows(boxes, scores), told=told)
    (found,) = open_detector("onnx", weights=str(path)).detect([np.zeros((64, 160, 3), np.uint8)])
    assert sorted(found.boxes[~found.is_ball][:, 0].tolist()) == [0, 60, 120]
    assert found.boxes[found.is_ball][:, 0].tolist() == [90]


@pytest.mark.parametrize(
    ("told", "complaint"),
    [({}, "classes"), ({"names": "{0: 'cat', 1: 'dog'}"}, "no people"), ({"names": "os.system('true')"}, "classes")],
)
def test_weights_that_know_no_people_are_refused(tmp_path: Path, told: dict[str, str], complaint: str) -> None:
    path = write_network(tmp_path / "a.onnx", V8, told=told)
    with pytest.raises(DetectorError, match=complaint):
        open_detector("onnx", weights=str(path))


def test_a_version_tells_the_library_and_the_weights(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx", V8, told=PEOPLE_AND_BALL)
    version = open_detector("onnx", weights=str(path)).version
    assert version.startswith("onnxruntime ")
    assert version.endswith(f"a.onnx sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


@pytest.mark.real_data
def test_the_fine_tuned_weights_find_nearly_everyone_on_the_rendered_clip(real_data: Path, clip: Clip) -> None:
    weights = real_data / "vision/weights/yolo26n_players_synthetic.onnx"
    detector = open_detector("onnx", weights=str(weights))
    x1, y1, x2, y2 = clip.camera.region
    with open_video(clip.video) as video:
        seen = detector.detect([image[y1:y2, x1:x2] for _, image in video.images(range(0, video.frames, 30))])
    counts = [int((~found.is_ball & (found.confidence >= 0.3)).sum()) for found in seen]
    assert min(counts) >= 22
    assert max(counts) <= 30


# all of them


@pytest.mark.parametrize("name", ["onnx", "ultralytics"])
@pytest.mark.parametrize("weights", [None, "", "yolo26n.pt"])
def test_missing_weights_are_told_with_the_name_of_the_setting(name: str, weights: str | None) -> None:
    with pytest.raises(DetectorError, match="FOTMATE_VISION_WEIGHTS"):
        open_detector(name, weights=weights)


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(DetectorError, match=r"a\.onnx"):
        open_detector("onnx", weights=str(tmp_path / "a.onnx"))


def test_an_unknown_detector_device_or_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="yolo"):
        open_detector("yolo", weights=None)
    with pytest.raises(DetectorError, match="tpu"):
        open_detector("background", weights=None, device="tpu")
    with pytest.raises(DetectorError, match="batch"):
        open_detector("background", weights=None, batch=0)


def test_cuda_where_there_is_none_is_an_error_and_not_a_slow_run(tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    path = write_network(tmp_path / "a.onnx", V8, told=PEOPLE_AND_BALL)
    with pytest.raises(DetectorError, match=r"^device cuda"):
        open_detector("onnx", weights=str(path), device="cuda")


def test_a_missing_extra_tells_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['ultralytics'] = None\n"
        "from fotmate_assets.vision.detection import DetectorError, open_detector\n"
        "try: open_detector('ultralytics', weights=sys.argv[1])\n"
        "except DetectorError as error: print(error)"
    )
    (tmp_path / "a.pt").write_bytes(b"")
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.pt")], capture_output=True, text=True, check=True
    )
    assert "uv sync --extra vision" in told.stdout


@pytest.mark.skipif(importlib.util.find_spec("ultralytics") is not None, reason="ultralytics is installed")
@pytest.mark.parametrize(("must", "status", "told"), [("", 0, "skipped"), ("1", 4, "ultralytics is not installed")])
def test_the_tests_of_the_extra_skip_without_it_and_fail_where_it_must_be(must: str, status: int, told: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "fotmate_assets_tests/ultralytics"]
    environment = os.environ | {"FOTMATE_MUST_HAVE_ULTRALYTICS": must}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert told in done.stdout + done.stderr


def test_the_target_that_installs_the_extra_says_that_it_must_be_there() -> None:
    told = subprocess.run(
        ["make", "--dry-run", "test-ultralytics"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    (line,) = (line for line in told.splitlines() if "fotmate_assets_tests/ultralytics" in line)
    assert "FOTMATE_MUST_HAVE_ULTRALYTICS=1 " in line.partition("pytest")[0]


def test_importing_the_detectors_imports_no_heavy_library() -> None:
    code = (
        "import json, sys, fotmate_assets.vision.detection, fotmate_assets.vision.decoding\n"
        "print(json.dumps(list(sys.modules)))"
    )
    modules = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert not {"cv2", "av", "numpy", "onnxruntime", "torch", "ultralytics"} & set(modules)
