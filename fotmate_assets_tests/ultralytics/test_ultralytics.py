"""The detector of the optional extra, for real: YOLO26n by ultralytics on real football."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.detection import DetectorError, open_detector
from fotmate_assets.vision.detection.detector import file_version
from fotmate_assets.vision.observations import Observations
from fotmate_assets.vision.tracking import track

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Detections, Floats, Image

pytestmark = pytest.mark.real_data

FRAMES = range(30)
FPS = 25.0

WATCHED = """
import json, os, sys
sent, started, written = [], [], []
def watch(event, given):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        sent.append([event, repr(given)])
    elif event in ("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"):
        started.append(str(given[0]))
    elif event == "open" and (given[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or event == "os.mkdir":
        written.append(str(given[0]))
sys.addaudithook(watch)
import cv2
cv2.setNumThreads(2)
import numpy as np
from fotmate_assets.vision.detection import open_detector
detector = open_detector("ultralytics", weights=sys.argv[1], device="cpu")
found = detector.detect([np.zeros((64, 96, 3), np.uint8)])
print(json.dumps({"sent": sent, "started": started, "written": written, "folder": os.environ["YOLO_CONFIG_DIR"],
                  "threads": cv2.getNumThreads(), "found": len(found[0].boxes)}))
"""


@pytest.fixture(scope="module")
def weights(real_data: Path) -> str:
    return str(real_data / "vision/weights/yolo26n.pt")


@pytest.fixture(scope="module")
def images(real_data: Path) -> list[Image]:
    """Frames of the real clip, the pitch and its edges only."""
    with open_video(real_data / "vision/real_wide_camera_848x478.mp4") as video:
        return [np.ascontiguousarray(image[120:440]) for _, image in video.images(FRAMES)]


@pytest.fixture(scope="module")
def seen(weights: str, images: list[Image]) -> list[Detections]:
    return open_detector("ultralytics", weights=weights, device="cpu").detect(images)


def test_it_finds_most_of_the_people_of_the_real_clip(seen: list[Detections]) -> None:
    people = [int((~found.is_ball & (found.confidence > 0.25)).sum()) for found in seen]
    assert len(people) == len(FRAMES)
    assert min(people) >= 10
    assert max(people) <= 35
    boxes = np.concatenate([found.boxes for found in seen])
    sizes = boxes[:, 2:] - boxes[:, :2]
    assert (sizes > 0).all()
    assert (boxes >= 0).all()
    assert (boxes <= [848, 320, 848, 320]).all()
    assert np.median(sizes[:, 1] / sizes[:, 0]) > 1.5


def test_its_detections_are_tracked(seen: list[Detections]) -> None:
    counts = [len(found.boxes) for found in seen]
    number = np.repeat(np.array(FRAMES, np.int32), counts)
    observations = Observations(
        frames=np.array(FRAMES, np.int32),
        times_ms=np.array(FRAMES) * 1000 / FPS,
        frame=number,
        boxes=np.concatenate([found.boxes for found in seen]),
        confidence=np.concatenate([found.confidence for found in seen]),
        is_ball=np.concatenate([found.is_ball for found in seen]),
        colour=np.full((len(number), 3), np.nan, np.float32),
    )
    ids = track(observations, FPS)
    lengths = np.bincount(ids[ids > 0])
    assert (lengths > len(FRAMES) * 0.8).sum() >= 8
    pairs = list(zip(number[ids > 0].tolist(), ids[ids > 0].tolist(), strict=True))
    assert len(pairs) == len(set(pairs))


def test_two_detectors_share_no_state(weights: str, images: list[Image], seen: list[Detections]) -> None:
    one, other = (open_detector("ultralytics", weights=weights, device="cpu", batch=4) for _ in range(2))
    one.detect(images[20:24])
    for detector in (one, other):
        for again, expected in zip(detector.detect(images[:4]), seen[:4], strict=True):
            assert np.array_equal(again.boxes, expected.boxes)
            assert np.array_equal(again.confidence, expected.confidence)


def test_nothing_is_sent_and_nothing_written_but_temporary_files(weights: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO", "ULTRALYTICS"))}
    environment = inherited | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(tmp_path)}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED, weights],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["sent"] == []
    assert set(told["started"]) <= {"/sbin/ldconfig"}, "PyTorch asks for the libraries that are there, nobody for more"
    folder = told["folder"]
    assert [path for path in told["written"] if not path.startswith((f"{tmp_path}/", "/dev/"))] == []
    assert list(home.iterdir()) == []
    assert folder.startswith(f"{tmp_path}/")
    assert not Path(folder).exists()
    assert told["threads"] == 2


def test_the_onnx_detector_reads_a_network_as_ultralytics_reads_it(real_data: Path, images: list[Image]) -> None:
    weights = str(real_data / "vision/weights/yolo26n_players_synthetic.onnx")
    large = [np.asarray(cv2.resize(image, (1920, 724))[150:566], np.uint8) for image in images[:3]]
    ours, theirs = (open_detector(name, weights=weights, device="cpu") for name in ("onnx", "ultralytics"))
    for found, expected in zip(ours.detect(large), theirs.detect(large), strict=True):
        assert len(expected.boxes) >= 5
        same = overlaps(found.boxes, expected.boxes)
        assert same.max(axis=0)[expected.confidence > 0.12].min() > 0.9
        assert same.max(axis=1)[found.confidence > 0.12].min() > 0.9


def overlaps(some: Floats, others: Floats) -> Floats:
    """Intersection over union of each of some boxes with each of others."""
    sides = np.minimum(some[:, None, 2:], others[None, :, 2:]) - np.maximum(some[:, None, :2], others[None, :, :2])
    shared = np.clip(sides, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (some, others)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None] - shared), np.float32)


def test_its_version_tells_the_library_and_the_weights(weights: str) -> None:
    version = open_detector("ultralytics", weights=weights, device="cpu").version
    assert f"ultralytics {importlib.metadata.version('ultralytics')}, torch " in version
    assert version.endswith(file_version(Path(weights)))


def test_half_precision_is_another_version(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that boxes seen in half precision are not taken for those of full. To load a network takes no GPU."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    full, half = (
        open_detector("ultralytics", weights=weights, device="cuda", half=each).version for each in (False, True)
    )
    assert half != full
    assert half.replace("half precision, ", "") == full


def test_weights_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"nothing")
    with pytest.raises(DetectorError, match=r"a\.pt"):
        open_detector("ultralytics", weights=str(tmp_path / "a.pt"))


def test_weights_that_would_run_code_are_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"model": Runs(str(tmp_path / "ran"))}, tmp_path / "a.pt")
    with pytest.raises(DetectorError, match=r"a\.pt"):
        open_detector("ultralytics", weights=str(tmp_path / "a.pt"))
    assert not (tmp_path / "ran").exists()


class Runs:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


def test_half_precision_and_cuda_are_refused_where_there_is_no_cuda(weights: str) -> None:
    import torch

    with pytest.raises(DetectorError, match="half"):
        open_detector("ultralytics", weights=weights, device="cpu", half=True)
    if not torch.cuda.is_available():
        with pytest.raises(DetectorError, match="cuda"):
            open_detector("ultralytics", weights=weights, device="cuda")
