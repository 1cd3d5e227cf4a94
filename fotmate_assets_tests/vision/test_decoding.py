from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import cv2
import numpy as np
import pytest
from av.video.stream import VideoStream

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.vision.decoding import open_video

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Image

MILLISECOND = Fraction(1, 1000)
BITS = 8


def picture(number: int, width: int, height: int) -> Image:
    """An image that tells its number in eight blocks, over a texture that moves."""
    ramp = (np.arange(width)[None, :] * 3 + np.arange(height)[:, None] * 2 + 4 * number) % 160
    image = np.repeat(ramp[:, :, None], 3, axis=2).astype(np.uint8)
    for bit in range(BITS):
        image[: height // 3, bit * width // BITS : (bit + 1) * width // BITS] = 255 if number >> bit & 1 else 0
    return image


def number_in(image: Image) -> int:
    height, width = image.shape[:2]
    row = image[height // 6, :, 1]
    return sum(int(row[(2 * bit + 1) * width // (2 * BITS)] > 128) << bit for bit in range(BITS))


def written(
    path: Path,
    frames: int = 100,
    *,
    size: tuple[int, int] = (160, 120),
    times_ms: Sequence[float] | None = None,
    open_gop: bool = False,
    codec: str = "libx264",
    rotation: int = 0,
    with_sound: bool = False,
    faststart: bool = False,
    pixels: str = "yuv420p",
) -> Path:
    """A video of numbered frames in groups of 30 with three B-frames in a row."""
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        coder = {"x264-params": f"open-gop={int(open_gop)}:b-adapt=0:scenecut=0:keyint=30"} if "x264" in codec else {}
        stream = cast(VideoStream, container.add_stream(codec, rate=25, options=coder))
        sound = container.add_stream("aac", rate=8000) if with_sound else None
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.max_b_frames = 3 if "x264" in codec else 0
        stream.codec_context.gop_size = 30
        if times_ms is not None:
            stream.codec_context.time_base = MILLISECOND
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="bgr24")
            if times_ms is not None:
                frame.pts, frame.time_base = round(times_ms[number]), MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            for start in range(0, 8000 * frames // 25, 1024):
                tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                tone.sample_rate, tone.pts = 8000, start
                container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
    return path


def place(path: Path, frame: int) -> tuple[int, int]:
    """Where in its file a frame's bytes begin, and how many they are."""
    with av.open(str(path)) as container:
        shown = sorted((packet.pts, packet.pos, packet.size) for packet in container.demux(video=0) if packet.size)
    _, at, size = shown[frame]
    assert at is not None
    return at, size


def damaged(path: Path, frame: int, offset: int = 8, length: int | None = None) -> None:
    """Overwrite bytes of one frame, to its end or `length` of them."""
    at, size = place(path, frame)
    end = size if length is None else offset + length
    assert offset < end <= size
    content = bytearray(path.read_bytes())
    content[at + offset : at + end] = np.random.default_rng(0).bytes(end - offset)
    path.write_bytes(content)


def refused(path: Path) -> SourceError:
    """The error that opening a file and reading all of it ends in."""
    with pytest.raises(SourceError) as caught, open_video(path) as video:
        for _ in video.images(range(video.frames)):
            pass
    assert caught.value.verdict is Verdict.MALFORMED
    assert caught.value.document == path.name
    return caught.value


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {
        "mp4": written(folder / "closed.mp4"),
        "open groups": written(folder / "open.mp4", open_gop=True),
        "matroska": written(folder / "a.mkv"),
        "transport stream": written(folder / "a.ts", open_gop=True),
        "with sound": written(folder / "sound.mp4", with_sound=True),
        "mpeg4 in avi": written(folder / "a.avi", codec="mpeg4"),
        "variable": written(folder / "v.mp4", times_ms=[40 * n + (n % 5) * 6 for n in range(100)]),
    }


KINDS = ["mp4", "open groups", "matroska", "transport stream", "with sound", "mpeg4 in avi", "variable"]


def test_the_clips_of_these_tests_have_frames_that_are_not_stored_in_the_order_they_are_shown(
    made: dict[str, Path],
) -> None:
    for kind in ("mp4", "open groups", "matroska", "transport stream", "variable"):
        with av.open(str(made[kind])) as container:
            order = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
        assert order != sorted(order), kind


@pytest.mark.parametrize("kind", KINDS)
def test_every_start_gives_the_very_frame_that_reading_from_the_beginning_gives(
    made: dict[str, Path], kind: str
) -> None:
    with open_video(made[kind]) as video:
        assert video.frames == 100
        whole = dict(video.images(range(100)))
        assert [number_in(image) for image in whole.values()] == list(range(100))
        for start in range(100):
            frame, image = next(video.images([start]))
            assert frame == start
            assert np.array_equal(image, whole[start]), f"{kind}: frame {start}"


def test_a_far_jump_and_a_stride_give_the_frames_asked_for(made: dict[str, Path]) -> None:
    with open_video(made["open groups"]) as video:
        for wanted in ([3, 95], list(range(7, 100, 5)), [0, 29, 30, 31, 99], []):
            assert [(frame, number_in(image)) for frame, image in video.images(wanted)] == [(n, n) for n in wanted]


def test_frames_that_do_not_ascend_or_do_not_exist_are_refused(made: dict[str, Path]) -> None:
    with open_video(made["mp4"]) as video:
        for wanted in ([3, 3], [5, 4], [100], [-1]):
            with pytest.raises(ValueError, match="frames"):
                video.images(wanted)


def test_a_constant_rate_rounded_to_milliseconds_is_no_variable_rate(tmp_path: Path) -> None:
    path = written(tmp_path / "ntsc.mkv", times_ms=[n * 1001 / 30 for n in range(100)])
    with open_video(path) as video:
        assert not video.is_variable
        assert video.fps == pytest.approx(30000 / 1001, rel=1e-3)


def test_times_are_those_of_presentation_from_the_first_frame(made: dict[str, Path]) -> None:
    with open_video(made["transport stream"]) as video:
        assert video.times_ms == pytest.approx(np.arange(100) * 40.0)
        assert (video.fps, video.is_variable) == (25, False)
    with open_video(made["variable"]) as video:
        assert video.times_ms == pytest.approx([40 * n + (n % 5) * 6 for n in range(100)], abs=0.1)
        assert video.is_variable


def test_a_frame_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    for frame, offset in ((47, 8), (64, 60)):
        path = written(tmp_path / f"damaged{frame}.mp4", size=(320, 240))
        damaged(path, frame, offset)
        assert refused(path).field == f"frame {frame}"


def test_a_frame_that_the_decoder_would_guess_parts_of_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "damaged.mp4", size=(320, 240))
    damaged(path, 60, place(path, 60)[1] // 2, 20)
    error = refused(path)
    assert error.field == "frame 60"
    with open_video(path) as video:
        assert [number_in(image) for _, image in video.images(range(50))] == list(range(50))


def test_frames_before_a_damaged_one_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "damaged.mp4")
    damaged(path, 70)
    with open_video(path) as video:
        assert [number_in(image) for _, image in video.images(range(60))] == list(range(60))


def test_a_file_that_holds_less_than_it_promises_is_noticed_when_it_is_opened(tmp_path: Path) -> None:
    for name, faststart in (("a.mp4", True), ("b.mkv", False)):
        path = written(tmp_path / name, faststart=faststart, size=(320, 240))
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 6 // 10])
        with pytest.raises(SourceError) as caught:
            open_video(path)
        assert caught.value.field is not None
        lost = int(caught.value.field.removeprefix("frame "))
        assert 30 < lost < 90


def test_the_loss_of_the_last_frame_alone_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", faststart=True)
    last = max(place(path, frame)[0] for frame in range(100))
    path.write_bytes(path.read_bytes()[:last])
    with pytest.raises(SourceError) as caught:
        open_video(path)
    assert caught.value.field == "frame 99"


def test_what_is_no_video_is_malformed(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.mp4").read_bytes()
    for name, content in (
        ("empty.mp4", b""),
        ("garbage.mp4", np.random.default_rng(0).bytes(5000)),
        ("half.mp4", whole[: len(whole) // 2]),
        ("text.mp4", b"not a video\n" * 100),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name)
    refused(tmp_path)


def test_a_file_of_sound_alone_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "sound.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=8000)
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        tone.sample_rate = 8000
        container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
    assert "no pictures" in refused(path).reason


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_video(tmp_path / "none.mp4")


def test_a_playlist_reaches_neither_files_nor_hosts(tmp_path: Path) -> None:
    video = written(tmp_path / "a.ts")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.ts"
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n"
    for name, content in (
        ("local.m3u8", f"{head}{video.name}\n#EXT-X-ENDLIST\n"),
        ("remote.m3u8", f"{head}{url}\n#EXT-X-ENDLIST\n"),
        ("remote.mp4", f"{head}{url}\n#EXT-X-ENDLIST\n"),
        ("list.mp4", f"ffconcat version 1.0\nfile {video.name}\n"),
        ("remote_list.mp4", f"ffconcat version 1.0\nfile {url}\n"),
    ):
        (tmp_path / name).write_text(content)
        refused(tmp_path / name)
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()


def test_a_name_that_looks_like_a_protocol_is_only_a_name(
    tmp_path: Path, made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(made["mp4"], "a.mp4")
    with pytest.raises(FileNotFoundError):
        open_video(Path("concat:a.mp4|a.mp4"))
    for name in ("concat:a.mp4", "frame%03d.mp4", "http:a.mp4", "-i.mp4"):
        shutil.copy("a.mp4", name)
        assert open_video(Path(name)).frames == 100


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "not a file" in refused(tmp_path / "pipe.mp4").reason


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_images_are_turned_upright_as_opencv_turns_them(tmp_path: Path, rotation: int) -> None:
    path = written(tmp_path / "turned.mp4", 5, rotation=rotation)
    with open_video(path) as video:
        _, image = next(video.images([0]))
        size = video.width, video.height
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    _, expected = capture.read()
    capture.release()
    assert size == (image.shape[1], image.shape[0]) == (expected.shape[1], expected.shape[0])
    assert np.abs(image.astype(int) - expected).mean() < 2


def test_odd_sizes_keep_their_last_column_and_row(tmp_path: Path) -> None:
    path = written(tmp_path / "odd.mp4", 5, size=(161, 121), pixels="yuv444p")
    with open_video(path) as video:
        images = list(video.images(range(5)))
    assert {image.shape for _, image in images} == {(121, 161, 3)}
    assert [number_in(image) for _, image in images] == list(range(5))


@pytest.mark.real_data
def test_the_real_clip_is_read_whole(real_data: Path) -> None:
    with open_video(real_data / "vision/real_wide_camera_848x478.mp4") as video:
        assert (video.frames, video.width, video.height, video.is_variable) == (169, 848, 478, False)
        assert video.fps == 25
        assert sum(1 for _ in video.images(range(169))) == 169
