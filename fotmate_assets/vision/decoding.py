"""Opening a video file: how many frames, when each is shown, and the images of those that are wanted.

PyAV alone decodes: its speed is OpenCV's (the same FFmpeg), it knows when each frame is shown, says what a damaged file
holds, and can be told which containers it may open. Frames are numbered from 0 in order of presentation, from the first
keyframe on (what comes before it cannot be decoded).

Images are turned upright as the container's rotation says (quarter turns), as players show them; `width` and `height`
are those of the turned image. Pixels are the stream's: one that is not square stays so, and odd sizes keep their last
column and row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from fotmate_assets.core.model import SourceError, Verdict

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from fotmate_assets.vision.observations import Doubles, Image

_CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,asf"
"""The demuxers that may open a file. None is a playlist: those read other files and hosts."""
_AHEAD = 50
"""Frames that must be saved by a seek for it to be worth the decoder's start."""
_END_S = 0.5
"""How much shorter than its promise a stream may be: sound often outlasts the pictures by a little."""


class Video:
    """A video file that is open for reading; a context manager. Made by `open_video`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _opened(path) as container:
            stream = container.streams.video[0]
            self._index(container, stream)
            self._tell_times(1000 * float(stream.time_base or 1), float(stream.guessed_rate or 0))
        first = next((picture for _, picture in self._decoded(0)), None)
        if first is None:
            raise self._error("cannot be decoded", frame=0)
        self._coded_size = first.width, first.height
        self._quarter_turns = self._turns(first)
        self.width, self.height = self._coded_size if self._quarter_turns % 2 == 0 else self._coded_size[::-1]
        """Size of an image in pixels."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing stays open between calls."""

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.times_ms)

    def images(self, frames: Iterable[int]) -> Iterator[tuple[int, Image]]:
        """Each wanted frame's number and image, in order.

        `frames` are 0-based and ascending. Frames between them are decoded where they must be, and not converted; a
        few decoded frames are held at a time. Raises ValueError for numbers that do not ascend or are not in the video,
        SourceError (malformed, its field `frame 117`) for a frame that cannot be decoded.
        """
        wanted = list(frames)
        if any(later <= earlier for earlier, later in pairwise(wanted)):
            raise ValueError("frames must ascend")
        if wanted and not 0 <= wanted[0] <= wanted[-1] < self.frames:
            raise ValueError(f"{self.path.name} has frames 0 to {self.frames - 1}, not {wanted[0]} to {wanted[-1]}")
        return self._images(wanted)

    def _images(self, wanted: list[int]) -> Iterator[tuple[int, Image]]:
        import numpy as np
        from av.video.reformatter import VideoReformatter

        converter = VideoReformatter()
        for run in self._runs(wanted):
            missing = iter(run)
            due = next(missing)
            for frame, picture in self._decoded(due):
                if frame < due:
                    continue
                if frame > due or picture.is_corrupt:
                    raise self._error("cannot be decoded", frame=due)
                if (picture.width, picture.height) != self._coded_size:
                    size = f"is {picture.width}x{picture.height}, the first was %dx%d" % self._coded_size
                    raise self._error(size, frame=due)
                image = converter.reformat(picture, format="bgr24", threads=1).to_ndarray()
                yield frame, np.ascontiguousarray(np.rot90(image, self._quarter_turns), np.uint8)
                due = next(missing, -1)
                if due < 0:
                    break
            else:
                raise self._error("is promised and not there", frame=due)

    def _runs(self, wanted: list[int]) -> Iterator[list[int]]:
        """The wanted frames, parted where seeking is cheaper than decoding on."""
        run: list[int] = []
        for frame in wanted:
            if run and self._number(self._keyframe(frame)) - run[-1] > _AHEAD:
                yield run
                run = []
            run.append(frame)
        if run:
            yield run

    def _number(self, pts: int) -> int:
        """The first frame that is not shown before a time, which is in the stream's ticks."""
        import numpy as np

        return int(np.searchsorted(self._pts, pts))

    def _keyframe(self, frame: int) -> int:
        """When the last keyframe that is not after a frame is shown, in ticks."""
        import numpy as np

        return int(self._keyframes[np.searchsorted(self._keyframes, self._pts[frame], side="right") - 1])

    def _decoded(self, first: int, threads: str = "AUTO") -> Iterator[tuple[int, VideoFrame]]:
        """Pictures from the last keyframe before `first` on, with their numbers."""
        keyframe = self._keyframe(first)
        beginning = int(self._keyframes[0])
        with _opened(self.path) as container:
            start = beginning if keyframe == beginning else self._sought(container, keyframe)
            if start is not None:
                yield from self._pictures(container, start, threads)
                return
        with _opened(self.path) as container:
            yield from self._pictures(container, beginning, threads)

    def _sought(self, container: InputContainer, keyframe: int) -> int | None:
        """Put the container before a keyframe, or before an earlier one; returns when that is shown, in ticks. None
        where it cannot be sought.

        One format seeks by the order of decoding, another by that of presentation, a third roughly: where it landed is
        looked at.
        """
        import numpy as np

        stream = container.streams.video[0]
        earlier = self._keyframes[: np.searchsorted(self._keyframes, keyframe, side="right")]
        for target in reversed(earlier[-4:].tolist()):
            container.seek(target, stream=stream)
            landed = next((packet.pts for packet in container.demux(stream) if packet.is_keyframe), None)
            if landed is not None and landed <= keyframe:
                container.seek(target, stream=stream)
                return landed
        return None

    def _pictures(self, container: InputContainer, start: int, threads: str) -> Iterator[tuple[int, VideoFrame]]:
        """Pictures from the keyframe on that is shown at `start`. What is shown before it and comes after it is not
        decoded: it needs what came before.
        """
        import av

        stream = container.streams.video[0]
        stream.codec_context.thread_type = threads
        for packet in container.demux(stream):
            if packet.size and (packet.pts is None or packet.pts < start):
                continue
            try:
                pictures = stream.codec_context.decode(packet if packet.size else None)
            except av.FFmpegError as error:
                if threads != "NONE":
                    raise self._blamed(start, str(error)) from error
                frame = self.frames - 1 if packet.pts is None else self._number(packet.pts)
                raise self._error(f"cannot be decoded: {error}", frame=frame) from error
            for picture in pictures:
                frame = self._number(start if picture.pts is None else picture.pts)
                if frame < self.frames and self._pts[frame] == picture.pts:
                    yield frame, picture

    def _blamed(self, start: int, reason: str) -> SourceError:
        """The error that names the frame a decoder failed at: with threads it speaks of it some packets later."""
        frame = self._number(start)
        try:
            for _ in self._decoded(frame, "NONE"):
                pass
        except SourceError as error:
            return error
        return self._error(f"cannot be decoded: {reason}", frame=frame)

    def _index(self, container: InputContainer, stream: VideoStream) -> None:
        """Read every packet, decoding none: when frames are shown, which are keyframes, whether all are there."""
        import av
        import numpy as np

        shown: list[int] = []
        keyframes: list[int] = []
        packets = 0
        last_end_s = 0.0
        try:
            for packet in container.demux():
                if packet.size and packet.pts is not None:
                    last_end_s = max(last_end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.size and packet.stream_index == stream.index:
                    pts = self._checked(packet, packets)
                    packets += 1
                    if packet.is_keyframe:
                        keyframes.append(pts)
                    if not packet.is_discard:
                        shown.append(pts)
        except av.FFmpegError as error:
            raise self._error(f"cannot be read: {error}", frame=packets) from error
        if packets < stream.frames:
            raise self._error(f"is promised, one of {stream.frames}, and not there", frame=packets)
        promised_s = ((container.duration or 0) + max(container.start_time or 0, 0)) / av.time_base
        if last_end_s < promised_s - _END_S:
            raise self._error(f"is not there: {promised_s:.2f} s are promised, {last_end_s:.2f} s held", frame=packets)
        self._keyframes = np.sort(np.array(keyframes, np.int64))
        self._pts = np.sort(np.array(shown, np.int64))
        self._pts = self._pts[self._pts >= self._keyframes[0]] if keyframes else self._pts[:0]
        if not len(self._pts):
            raise self._error("holds no frame")
        twice = np.flatnonzero(np.diff(self._pts) == 0)
        if len(twice):
            raise self._error("has the time of the one before it", frame=int(twice[0]) + 1)

    def _checked(self, packet: Packet[Stream], number: int) -> int:
        """When a packet's frame is shown, in ticks."""
        if packet.is_corrupt:
            raise self._error("is cut off or damaged", frame=number)
        if packet.pts is None:
            raise self._error("has no presentation time: put the video into an MP4", frame=number)
        return packet.pts

    def _tell_times(self, tick_ms: float, told_fps: float) -> None:
        import numpy as np

        self.times_ms: Doubles = (self._pts - self._pts[0]) * tick_ms
        """(f,) when each frame is shown, in milliseconds from the first, ascending."""
        intervals = np.diff(self.times_ms)
        self.is_variable = bool(len(intervals)) and float(np.ptp(intervals)) > max(tick_ms, 1) * 1.001
        """The intervals between frames differ by more than rounding to the container's ticks or to milliseconds."""
        fps = 1000 / float(intervals.mean()) if len(intervals) else told_fps
        if fps <= 0:
            raise self._error("tells no frame rate")
        is_told = not self.is_variable and abs(told_fps - fps) < 0.002 * fps
        self.fps = told_fps if is_told else fps
        """Frames per second: what the stream says where its frames are shown so, else their mean."""

    def _turns(self, picture: VideoFrame) -> int:
        """How many quarter turns counter-clockwise put a picture upright."""
        if picture.rotation % 90:
            raise self._error(f"is turned by {picture.rotation} degrees: only quarter turns are read")
        return picture.rotation // 90 % 4

    def _error(self, reason: str, *, frame: int | None = None) -> SourceError:
        return _malformed(self.path, reason, frame)


def open_video(path: Path) -> Video:
    """Open a local video file.

    Its packets are read once, not decoded, and its first frame is. Raises FileNotFoundError where there is no such
    file; SourceError (malformed) for what is no video, is cut off, or holds less than it promises.
    """
    return Video(path)


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    """A container that reads this one file and nothing else. An absolute path cannot be taken for a protocol."""
    import av

    if not path.exists():
        raise FileNotFoundError(path)
    if not path.is_file():
        raise _malformed(path, "is not a file")
    limits = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    try:
        container = av.open(f"file:{path.resolve()}", options=limits, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise _malformed(path, f"is no video that can be read: {error}") from error
    with container:
        if not container.streams.video:
            raise _malformed(path, "holds no pictures")
        yield container


def _malformed(path: Path, reason: str, frame: int | None = None) -> SourceError:
    field = None if frame is None else f"frame {frame}"
    return SourceError(Verdict.MALFORMED, "video", path.name, reason, field=field)
