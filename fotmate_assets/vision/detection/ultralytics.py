"""YOLO networks run by ultralytics (AGPL-3.0), the optional extra `vision`."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from fotmate_assets.vision.detection.detector import (
    CONFIDENCE,
    MOST,
    OVERLAP,
    DetectorError,
    batches,
    chosen_weights,
    class_kinds,
    detections,
    file_version,
)
from fotmate_assets.vision.observations import Detections

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Image

_STRIDE = 32


class UltralyticsDetector:
    """Runs a network on each image at the image's own size."""

    name = "ultralytics"
    samples = 0

    def __init__(self, weights: str | None, *, device: str, half: bool, batch: int) -> None:
        """Load the network. Raises DetectorError for weights or a device that are not there or cannot be used, and
        where the extra is not installed.
        """
        path = chosen_weights(weights)
        library = _library()
        import torch

        has_cuda = torch.cuda.is_available()
        if device == "cuda" and not has_cuda:
            raise DetectorError("device cuda: PyTorch finds none on this machine")
        self._device = "cuda:0" if has_cuda and device != "cpu" else "cpu"
        if half and self._device == "cpu":
            raise DetectorError("half precision needs the device cuda")
        try:
            self._model = library.YOLO(str(path.resolve()))
        except Exception as error:
            raise DetectorError(f"{path.name} holds no weights that ultralytics can load: {error}") from error
        self.version = (
            f"ultralytics {library.__version__}, torch {torch.__version__}, "
            f"{'half precision, ' if half else ''}{file_version(path)}"
        )
        self.batch = batch if self._device != "cpu" else 1
        """One on a CPU: more is no faster there, and rounds otherwise."""
        self._kinds = class_kinds(self._model.names)
        self._half = half

    def prepare(self, images: Sequence[Image]) -> None:
        """Nothing: each image is judged by itself."""

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """People, and the ball where the network knows it, in each image."""
        return [found for part in batches(images, self.batch) for found in self._detect(part)]

    def _detect(self, images: Sequence[Image]) -> list[Detections]:
        import numpy as np

        height, width = images[0].shape[:2]
        results = self._model.predict(
            list(images),
            imgsz=[-(-height // _STRIDE) * _STRIDE, -(-width // _STRIDE) * _STRIDE],
            batch=len(images),
            conf=CONFIDENCE,
            iou=OVERLAP,
            max_det=MOST,
            classes=sorted(self._kinds),
            device=self._device,
            **({"half": True} if self._half else {}),  # told otherwise, it warns at every call
            verbose=False,
            save=False,
        )
        found = []
        for result in results:
            boxes = result.boxes.cpu().numpy()
            is_ball = np.array([self._kinds[int(number)] for number in boxes.cls], bool)
            found.append(detections(boxes.xyxy, boxes.conf, is_ball, width, height))
        return found


@cache
def _library() -> Any:
    """ultralytics, imported so that it asks no host, installs nothing, unpickles only weights, and writes
    into a folder of this process alone. Raises DetectorError, telling what to install.
    """
    import cv2

    folder = tempfile.mkdtemp(prefix="fotmate-ultralytics-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ |= {
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_CONFIG_DIR": folder,
        "ULTRALYTICS_SAFE_LOAD": "1",
        "TORCHINDUCTOR_CACHE_DIR": folder,
    }
    threads = cv2.getNumThreads()
    try:
        import ultralytics
    except ModuleNotFoundError as error:
        raise DetectorError(
            "the detector ultralytics is not installed: uv sync --extra vision (its licence is AGPL-3.0)"
        ) from error
    cv2.setNumThreads(threads)
    return ultralytics
