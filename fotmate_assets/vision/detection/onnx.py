"""YOLO networks exported to ONNX, run by onnxruntime.

The file tells its classes in the metadata that ultralytics and YOLOv5 write (`names`, a Python dictionary or list, and
`end2end`, https://docs.ultralytics.com/modes/export). Its output is one of four, told apart by shape:
`[b, 4 + classes, n]` (YOLOv8, 11, 26: centre, size, scores), its transpose, `[b, n, 5 + classes]` (YOLOv5: centre,
size, objectness, scores) and `[b, n, 6]` (end to end: corners, score, class).
"""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fotmate_assets.vision.detection.detector import (
    CONFIDENCE,
    DetectorError,
    batches,
    chosen_weights,
    class_kinds,
    detections,
    file_version,
)
from fotmate_assets.vision.observations import Detections

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fotmate_assets.vision.observations import Image

_STRIDE = 32
_GREY = 114
"""What the sides of a letterbox are filled with, as in training."""
_THREADS = 8
_END_TO_END_ROWS = 1000
"""An end-to-end network gives fewer rows than this, any other more."""


class OnnxDetector:
    """Runs a network on each image, fitted into its input; a dynamic input takes the image at its own size."""

    name = "onnx"
    samples = 0

    def __init__(self, weights: str | None, *, device: str, half: bool, batch: int) -> None:
        """Load the network. Raises DetectorError for weights or a device that are not there or cannot be used."""
        import numpy as np
        import onnxruntime

        path = chosen_weights(weights)
        self.version = f"onnxruntime {onnxruntime.__version__}, {file_version(path)}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(len(os.sched_getaffinity(0)), _THREADS)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        providers = _providers(device)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:
            raise DetectorError(f"{path.name} is no network that onnxruntime can run: {error}") from error
        if device == "cuda" and "CUDAExecutionProvider" not in self._session.get_providers():
            raise DetectorError("device cuda: onnxruntime could not start on it")
        (entry, *others) = self._session.get_inputs()
        if others or len(entry.shape) != 4 or entry.shape[1] not in {3, "3"}:
            raise DetectorError(f"{path.name} does not take images: its input is {entry.shape}")
        if half and entry.type != "tensor(float16)":
            raise DetectorError(
                f"{path.name} computes in single precision: export it with half=True for half precision"
            )
        self._input = entry.name
        self._type = np.float16 if entry.type == "tensor(float16)" else np.float32
        many, _, self._height, self._width = (size if isinstance(size, int) else None for size in entry.shape)
        if many not in {None, 1}:
            raise DetectorError(f"{path.name} takes {many} images at a time: export it for one, or with dynamic=True")
        self.batch = batch if many is None else 1
        told = self._session.get_modelmeta().custom_metadata_map
        names = _names(told.get("names", ""))
        try:
            self._kinds = class_kinds(names)
        except DetectorError as error:
            raise DetectorError(f"{path.name}: {error}") from error
        self._classes = len(names)
        self._end_to_end = {"true": True, "false": False}.get(told.get("end2end", "").lower())

    def prepare(self, images: Sequence[Image]) -> None:
        """Nothing: each image is judged by itself."""

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """People, and the ball where the network knows it, in each image."""
        import numpy as np

        found = []
        for part in batches(images, self.batch):
            boxed = [self._letterbox(image) for image in part]
            (output, *_) = self._session.run(None, {self._input: np.stack([image for image, _, _ in boxed])})
            for rows, image, (_, scale, corner) in zip(np.asarray(output, np.float32), part, boxed, strict=True):
                found.append(self._read(rows, image, scale, corner))
        return found

    def _letterbox(self, image: Image) -> tuple[NDArray[Any], float, tuple[int, int]]:
        """An image as the network takes it, the scale it was given, and where its corner is."""
        import cv2
        import numpy as np

        height, width = image.shape[:2]
        to_height = self._height or -(-height // _STRIDE) * _STRIDE
        to_width = self._width or -(-width // _STRIDE) * _STRIDE
        scale = min(to_height / height, to_width / width) if self._height or self._width else 1.0
        size = round(width * scale), round(height * scale)
        left, top = (to_width - size[0]) // 2, (to_height - size[1]) // 2
        boxed = np.full((to_height, to_width, 3), _GREY, np.uint8)
        fitted = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        boxed[top : top + size[1], left : left + size[0]] = fitted
        planes = np.divide(boxed[:, :, ::-1].transpose(2, 0, 1), 255, dtype=np.float32)
        return np.ascontiguousarray(planes, self._type), scale, (left, top)

    def _read(self, rows: NDArray[np.float32], image: Image, scale: float, corner: tuple[int, int]) -> Detections:
        """One image's output as boxes in its pixels."""
        import numpy as np

        boxes, scores, classes = self._rows(rows)
        wanted = (scores >= CONFIDENCE) & np.isin(classes, list(self._kinds))
        boxes = (boxes[wanted] - np.array(corner * 2, np.float32)) / scale
        is_ball = np.array([self._kinds[number] for number in classes[wanted].tolist()], bool)
        height, width = image.shape[:2]
        return detections(boxes, scores[wanted], is_ball, width, height)

    def _rows(self, rows: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Corners (n, 4) in the network's pixels, scores (n,), classes (n,) of one image's output."""
        import numpy as np

        count, columns = rows.shape
        end_to_end = self._end_to_end
        if columns == 6 and (end_to_end or (end_to_end is None and count < _END_TO_END_ROWS)):
            return rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64)
        if count == 4 + self._classes:
            rows = rows.T
        scores = rows[:, 4:]
        if rows.shape[1] == 5 + self._classes:
            scores = scores[:, 1:] * scores[:, :1]
        elif rows.shape[1] != 4 + self._classes:
            raise DetectorError(f"an output of {count}x{columns} is no YOLO's of {self._classes} classes")
        classes = scores.argmax(axis=1)
        half_sizes = rows[:, 2:4] / 2
        corners = np.concatenate([rows[:, :2] - half_sizes, rows[:, :2] + half_sizes], axis=1)
        return corners, scores[np.arange(len(scores)), classes], classes


def _providers(device: str) -> list[str]:
    import onnxruntime

    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise DetectorError("device cuda: this onnxruntime has no CUDA (it is in the package onnxruntime-gpu)")
    return ["CUDAExecutionProvider"] * (has_cuda and device != "cpu") + ["CPUExecutionProvider"]


def _names(told: str) -> dict[int, str]:
    """Class names as the metadata tells them. Raises DetectorError where it tells none."""
    try:
        names = ast.literal_eval(told)
    except (ValueError, SyntaxError):
        names = {}
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not names or not isinstance(names, dict):
        raise DetectorError("the weights do not tell their classes (metadata `names`): export them with ultralytics")
    return {int(number): str(name) for number, name in names.items()}
