"""From a video to trajectories: frames per second of all of it against decoding alone and the bare network.

    python benchmarks/vision.py [--seconds N] [--width N] [--rounds N] [--weights FILE]... [--match] [--json]

The video is drawn here, at 25 frames a second. See README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import math
import multiprocessing
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import av
import cv2
import numpy as np
from _common import interleaved, print_json, print_table, seconds
from _simulated_tracks import FPS, metadata_of, write_observations

from fotmate_assets.core.model import RawDocument
from fotmate_assets.embedded.sample.clip import write_clip
from fotmate_assets.vision import pipeline
from fotmate_assets.vision.calibration import Calibration, read_calibration
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.detection import Detector, open_detector
from fotmate_assets.vision.model import Analysis, Period, Sidecar
from fotmate_assets.vision.observations import Detections, Observations, joined
from fotmate_assets.vision.pipeline import Analysed, analyse, region_of
from fotmate_assets.vision.segments import SEGMENT_S, save, segments
from fotmate_assets.vision.team import shirt_colours
from fotmate_assets.vision.trajectories import write_trajectories

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Image

FOUND_WEIGHTS = Path(__file__).parent.parent.parent / "shared/data/vision/weights"
DETECTOR_OF = {".onnx": "onnx", ".pt": "ultralytics"}
MATCH_FRAMES = 90 * 60 * FPS
FORWARDS = 20
IMAGES = 24
"""Held in memory for the split by stage."""
GPU_BATCH = 8
STAGES = {
    "decode": "decode, to BGR",
    "scene": "learn the empty scene",
    "detect": "detect",
    "colours": "shirt colours",
    "track": "track",
    "smooth": "metres, smooth, stitch",
    "teams": "teams",
    "write": "rows, files",
}


def chosen_weights(told: Sequence[Path]) -> dict[str, Path]:
    """A file per kind of network: those told, else FOTMATE_VISION_WEIGHTS, else those found beside the repository."""
    setting = os.environ.get("FOTMATE_VISION_WEIGHTS")
    files = list(told) or ([Path(setting)] if setting else sorted(FOUND_WEIGHTS.glob("*")))
    chosen = {DETECTOR_OF[file.suffix]: file for file in reversed(files) if file.suffix in DETECTOR_OF}
    if importlib.util.find_spec("ultralytics") is None:
        chosen.pop("ultralytics", None)
    return chosen


def has_gpu(name: str) -> bool:
    """Whether the library of a network's detector has a CUDA device here."""
    if name == "onnx":
        import onnxruntime

        return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    import torch

    return bool(torch.cuda.is_available())


class Clip:
    """A rendered video, and what is told beside it."""

    def __init__(self, folder: Path, length_s: float, width: int) -> None:
        written = write_clip(folder / "clip", seconds=length_s, fps=FPS, size=(width, width * 9 // 16))
        self.video, self.folder, self.size = written.video, folder, written.camera.size
        self.sha256 = hashlib.sha256(self.video.read_bytes()).hexdigest()
        content = written.sidecar.read_bytes()
        document = RawDocument("benchmark", "clip.json", content, "clip.json", datetime.now(UTC))
        self.sidecar, self.calibration = read_calibration(document)
        with open_video(self.video) as video:
            self.frames = video.frames
            self.region = region_of(self.calibration, self.sidecar, video.width, video.height)
        self._runs = count()

    def fresh(self) -> Path:
        return self.folder / f"kept-{next(self._runs)}"

    def analyse(self, detector: Detector, kept: Path) -> Analysed:
        how = Analysis(detector=detector.name)
        told = (self.video, self.sha256, self.sidecar, self.calibration)
        return analyse("clip", *told, detector, how, kept, lambda _line: None)

    def images(self, frames: Sequence[int]) -> list[Image]:
        """Of the part of the picture that is looked at."""
        x1, y1, x2, y2 = self.region
        with open_video(self.video) as video:
            return [image[y1:y2, x1:x2].copy() for _, image in video.images(frames)]

    def looped(self) -> Path:
        """Three segments of video, or as many times the clip as make three of ten seconds: its packets again and
        again.
        """
        path, times = self.folder / "looped.mp4", 3 * int(SEGMENT_S) // 10
        with av.open(str(path), "w") as whole, av.open(str(self.video)) as once:
            stream = whole.add_stream_from_template(once.streams.video[0])
            ticks = round(self.frames / FPS / float(once.streams.video[0].time_base or 1))
            for number in range(times):
                once.seek(0)
                for packet in once.demux(video=0):
                    if packet.dts is not None and packet.pts is not None:
                        packet.dts, packet.pts = packet.dts + number * ticks, packet.pts + number * ticks
                        packet.stream = stream
                        whole.mux(packet)
        return path


def decode(video: Path) -> None:
    with open_video(video) as opened:
        for _ in opened.images(range(opened.frames)):
            pass


def decode_with_opencv(video: Path) -> None:
    capture = cv2.VideoCapture(str(video))
    while capture.read()[0]:
        pass
    capture.release()


def forward_pass(detector: Any, images: Sequence[Image]) -> Callable[[], object]:
    """The network alone, on a tensor made before, of the shape that the analysis gives it. `detector` is one of ours:
    its library's objects are taken out of it.
    """
    if detector.name == "onnx":
        tensor = np.stack([detector._letterbox(image)[0] for image in images])
        return partial(detector._session.run, None, {detector._input: tensor})
    import torch

    detector.detect(images)  # builds the predictor, which fuses the layers
    predictor = detector._model.predictor
    prepared = predictor.preprocess(predictor.pre_transform(list(images)))

    def run() -> None:
        with torch.inference_mode():
            predictor.model(prepared)
            if prepared.is_cuda:
                torch.cuda.synchronize()

    return run


def measure_speed(clip: Clip, detectors: dict[str, Detector], rounds: int) -> dict[str, Any]:
    """Frames per second of decoding, of the networks, and of everything."""
    measures: dict[str, Callable[[], float]] = {
        "decode": lambda: clip.frames / seconds(lambda: decode(clip.video)),
        "decode_opencv": lambda: clip.frames / seconds(lambda: decode_with_opencv(clip.video)),
    }
    runs = min(FORWARDS, clip.frames)

    def whole(detector: Detector) -> float:
        return clip.frames / seconds(lambda: clip.analyse(detector, clip.fresh()))

    def bare(forward: Callable[[], object]) -> float:
        return runs / seconds(lambda: [forward() for _ in range(runs)])

    for name, detector in detectors.items():
        if name != "background":
            forward = forward_pass(detector, clip.images([0]))
            forward()
            measures[f"{name}_forward"] = partial(bare, forward)
        measures[name] = partial(whole, detector)
    clip.analyse(detectors["background"], clip.fresh())  # what is imported on the way is not measured
    fps = interleaved(measures, rounds)
    values: dict[str, Any] = {f"{name}_fps": value for name, value in fps.items()}
    values["decode_vs_opencv"] = fps["decode"] / fps["decode_opencv"]
    for name in detectors:
        values[f"{name}_vs_decode"] = fps[name] / fps["decode"]
        if name != "background":
            values[f"{name}_vs_forward"] = fps[name] / fps[f"{name}_forward"]
    return values


@contextmanager
def watched(spent: dict[str, float]) -> Iterator[None]:
    """Meanwhile, the CPU seconds of the analysis' later stages are added to `spent`."""
    stages = {"track": "track", "people": "smooth", "ball_track": "smooth", "assign": "teams", "rows_of": "write"}

    def timed(stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*told: Any) -> Any:
            started = time.process_time()
            try:
                return work(*told)
            finally:
                spent[stage] += time.process_time() - started

        return run

    with ExitStack() as watches:
        for name, stage in stages.items():
            watches.enter_context(mock.patch.object(pipeline, name, timed(stage, getattr(pipeline, name))))
        yield


def cpu_ms(work: Callable[[], object], frames: int) -> float:
    """CPU milliseconds a frame, of all threads."""
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started) / frames


def measure_stages(clip: Clip, looped: Path, name: str, detector: Detector) -> dict[str, float]:
    """CPU milliseconds a frame of each stage."""
    images = clip.images([number * clip.frames // IMAGES for number in range(min(IMAGES, clip.frames))])
    kept = clip.fresh()
    clip.analyse(detector, kept)
    stages = {"decode": cpu_ms(lambda: decode(clip.video), clip.frames), "scene": 0.0}
    if detector.samples:
        stages["scene"] = scene_ms(clip, looped, detector)
    found: list[Detections] = []

    def detect() -> None:
        for start in range(0, len(images), detector.batch):
            found.extend(detector.detect(images[start : start + detector.batch]))

    def tell_colours() -> None:
        for image, seen in zip(images, found, strict=True):
            shirt_colours(image, seen.boxes)

    stages["detect"], stages["colours"] = cpu_ms(detect, len(images)), cpu_ms(tell_colours, len(images))
    spent: dict[str, float] = defaultdict(float)
    with watched(spent):
        analysed = clip.analyse(detector, kept)  # what was seen is kept: the rest is done again
    stages |= {stage: 1000 * of_stage / clip.frames for stage, of_stage in spent.items()}
    observations = [Observations(**np.load(path)) for path in kept.iterdir()]
    stages["write"] += sum(cpu_ms(partial(save, seen, clip.folder / "again"), clip.frames) for seen in observations)
    meta = replace(metadata_of(1), match_id="clip")
    stages["write"] += cpu_ms(lambda: write_trajectories(clip.folder / "rows", analysed.rows, meta), clip.frames)
    return {f"{name}_{stage}_ms": stages[stage] for stage in STAGES}


def scene_ms(clip: Clip, looped: Path, detector: Detector) -> float:
    """CPU milliseconds a frame to decode a segment's surroundings, and to learn from them."""
    x1, y1, x2, y2 = clip.region
    with open_video(looped) as video:
        cut = segments(video.frames, video.fps, clip.sidecar)
        middle = cut[len(cut) // 2]
        around = middle.around
        spread = [around[(2 * each + 1) * len(around) // (2 * detector.samples)] for each in range(detector.samples)]
        return cpu_ms(
            lambda: detector.prepare([image[y1:y2, x1:x2] for _, image in video.images(spread)]), len(middle.frames)
        )


def measure_gpu(clip: Clip, weights: dict[str, Path]) -> dict[str, Any]:
    """Frames per second on a GPU, where there is one."""
    values: dict[str, Any] = {}
    for name, file in weights.items():
        if not has_gpu(name):
            continue
        detector = open_detector(name, weights=str(file), device="cuda", batch=GPU_BATCH)
        forward = forward_pass(detector, clip.images(range(min(detector.batch, clip.frames))))
        clip.analyse(detector, clip.fresh())  # the first images are slow
        took = seconds(lambda run=forward: [run() for _ in range(FORWARDS)])  # type: ignore[misc]
        whole = seconds(lambda on=detector: clip.analyse(on, clip.fresh()))  # type: ignore[misc]
        values[f"gpu_{name}_forward_fps"] = FORWARDS * min(detector.batch, clip.frames) / took
        values[f"gpu_{name}_fps"] = clip.frames / whole
    return values


def peak_mb() -> float | None:
    """The most memory this process ever held, in MB (10^6 bytes); None where /proc does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def after_detection(paths: list[Path], sidecar: Sidecar, calibration: Calibration, out: Path) -> dict[str, Any]:
    """A whole match from the kept segments to its file: CPU seconds by stage, and memory. Runs in its own process."""
    spent: dict[str, float] = defaultdict(float)
    values: dict[str, Any] = {"match_before_mb": peak_mb()}
    started = time.process_time()
    with watched(spent):
        seen = joined([Observations(**np.load(path)) for path in paths])
        tracks, ball = pipeline.followed(seen, sidecar, calibration, FPS, "cbiou")
        parts = pipeline.assign(  # type: ignore[attr-defined]
            tracks, seen, sidecar.pitch, sidecar.kits
        )
        starts = {period.period: period.first_frame * 1000 / FPS for period in sidecar.periods}
        rows = pipeline.rows_of("match-1", seen, tracks, parts, ball, starts)
    writing = time.process_time()
    write_trajectories(out, rows, metadata_of(len(seen.frames) / FPS / 60))
    spent["write"] += time.process_time() - writing
    import polars as pl

    stored_rows = pl.scan_parquet(out).select(pl.len()).collect().item()
    values |= {f"match_{stage}_s": of_stage for stage, of_stage in spent.items()}
    values |= {"match_after_s": time.process_time() - started, "match_peak_mb": peak_mb()}
    return values | {"match_detections": len(seen.frame), "match_tracks": len(parts), "match_rows": stored_rows}


def measure_match(clip: Clip, frames: int) -> dict[str, Any]:
    half = frames // 2
    periods = (Period(1, 0, half - 1), Period(2, half, frames - 1))
    told = (replace(clip.sidecar, periods=periods), clip.calibration, clip.folder / "match.parquet")
    folder = clip.folder / "match"
    folder.mkdir()
    with multiprocessing.get_context("spawn").Pool(1) as process:
        paths = write_observations(folder, frames, clip.size)
        return {"match_frames": frames, **process.apply(after_detection, (paths, *told))}


def show(values: dict[str, Any], detectors: Sequence[str]) -> None:
    named = [("decode alone, ours", "decode"), ("decode alone, cv2.VideoCapture", "decode_opencv")]
    for name in detectors:
        if f"{name}_forward_fps" in values:
            named.append((f"{name}, forward pass alone", f"{name}_forward"))
        named.append((f"{name}, end to end", name))
    lines = [
        (
            title,
            f"{values[f'{name}_fps']:.1f}",
            f"{values[f'{name}_fps'] / values['decode_fps']:.3f}",
            f"{values[f'{name}_vs_forward']:.3f}" if f"{name}_vs_forward" in values else "",
        )
        for title, name in named
    ]
    on_gpu = [key for key in values if key.startswith("gpu_")]
    lines += [(key.removesuffix("_fps").replace("_", " "), f"{values[key]:.1f}", "", "") for key in on_gpu]
    if not on_gpu:
        lines.append(("on a GPU: no GPU here", "", "", ""))
    print_table(
        f"{values['frames']} frames of {values['width']}x{values['width'] * 9 // 16}",
        ("what", "frames/s", "decode = 1", "forward = 1"),
        lines,
        [f"The region that is looked at: {values['region']}."],
    )
    print_table(
        "CPU ms a frame, all threads",
        ("stage", *detectors),
        [
            *(
                (title, *(f"{values[f'{name}_{stage}_ms']:.2f}" for name in detectors))
                for stage, title in STAGES.items()
            ),
            ("all", *(f"{values[f'{name}_cpu_ms']:.1f}" for name in detectors)),
            ("90 minutes, hours of one core", *(f"{values[f'{name}_match_core_h']:.2f}" for name in detectors)),
        ],
    )
    if "match_frames" in values:
        stages = ", ".join(
            f"{stage} {values[f'match_{stage}_s']:.0f}" for stage in ("track", "smooth", "teams", "write")
        )
        print_table(
            f"After detection: {values['match_frames']:,} frames, {values['match_detections']:,} detections",
            ("CPU s", "peak MB", "MB before", "tracks", "rows"),
            [
                (
                    f"{values['match_after_s']:.0f}",
                    f"{values['match_peak_mb'] or math.nan:.0f}",
                    f"{values['match_before_mb'] or math.nan:.0f}",
                    f"{values['match_tracks']:,}",
                    f"{values['match_rows']:,}",
                )
            ],
            [f"CPU s: {stages}."],
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="length of the video")
    parser.add_argument("--width", type=int, default=1920, help="of its picture, which is 16 to 9")
    parser.add_argument("--rounds", type=int, default=3, help="more of everything that is timed")
    parser.add_argument("--weights", type=Path, action="append", default=[], help=".onnx or .pt; may be repeated")
    parser.add_argument("--match", action="store_true", help="also what follows detection, on a whole match")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    chosen = parser.parse_args()
    weights = chosen_weights(chosen.weights)
    with tempfile.TemporaryDirectory(prefix="fotmate-bench-") as temporary:
        clip = Clip(Path(temporary), chosen.seconds, chosen.width)
        detectors = {"background": open_detector("background", weights=None)}
        detectors |= {name: open_detector(name, weights=str(file), device="cpu") for name, file in weights.items()}
        x1, y1, x2, y2 = clip.region
        values: dict[str, Any] = {"frames": clip.frames, "width": chosen.width, "region": f"{x2 - x1}x{y2 - y1}"}
        values["rounds"] = chosen.rounds
        values |= {f"{name}_weights": file.name for name, file in weights.items()}
        values |= measure_speed(clip, detectors, chosen.rounds)
        looped = clip.looped()
        for name, detector in detectors.items():
            values |= measure_stages(clip, looped, name, detector)
            cpu = values[f"{name}_cpu_ms"] = sum(values[f"{name}_{stage}_ms"] for stage in STAGES)
            values[f"{name}_match_core_h"] = cpu * MATCH_FRAMES / 3_600_000
        on_gpu = measure_gpu(clip, weights)
        values |= {"has_gpu": bool(on_gpu), **on_gpu}
        if chosen.match:
            values |= measure_match(clip, MATCH_FRAMES)
    show(values, list(detectors))
    if chosen.json:
        print_json(values)


if __name__ == "__main__":
    main()
