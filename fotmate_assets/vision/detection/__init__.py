"""Finding people and the ball in images: three detectors behind one protocol."""

from __future__ import annotations

from fotmate_assets.vision.detection.background import BackgroundDetector
from fotmate_assets.vision.detection.detector import Detector, DetectorError
from fotmate_assets.vision.detection.onnx import OnnxDetector
from fotmate_assets.vision.detection.ultralytics import UltralyticsDetector

__all__ = ["Detector", "DetectorError", "open_detector"]


def open_detector(
    name: str,
    *,
    weights: str | None,
    device: str = "auto",
    half: bool = False,
    batch: int = 1,
) -> Detector:
    """A fresh detector, which shares no state with another.

    `name` is `background` (a static camera; it has no network, so the other arguments do not concern it), `onnx` or
    `ultralytics`; `weights` a local file; `device` `auto`, `cpu` or `cuda`. Raises DetectorError for an unknown name,
    for weights or a device that are not there, and, telling what to install, where the extra is missing.
    """
    if device not in {"auto", "cpu", "cuda"}:
        raise DetectorError(f"device {device!r} is none of auto, cpu, cuda")
    if batch < 1:
        raise DetectorError(f"batch {batch} is less than 1")
    match name:
        case "background":
            return BackgroundDetector()
        case "onnx":
            return OnnxDetector(weights, device=device, half=half, batch=batch)
        case "ultralytics":
            return UltralyticsDetector(weights, device=device, half=half, batch=batch)
    raise DetectorError(f"detector {name!r} is none of background, onnx, ultralytics")
