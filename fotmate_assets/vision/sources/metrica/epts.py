"""Tracking as EPTS text, as of Metrica's sample game 3: a line per frame, made as its metadata says.

450:0.30602,0.97029;0.48496,0.73308;...:0.52867,0.70690          frame, players, ball
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from fotmate_assets.core.model import RawDocument
from fotmate_assets.vision.model import Period
from fotmate_assets.vision.sources.metrica.epts_metadata import Metadata, Stretch, read_metadata
from fotmate_assets.vision.sources.metrica.lines import Lines, check_whole, malformed
from fotmate_assets.vision.sources.metrica.tracking import BATCH, Frames, ProviderTracking

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Doubles, Ints


def read_epts(text: Path, metadata: RawDocument) -> ProviderTracking:
    """The tracking of a match.

    Frames that no `DataFormatSpecification` describes, since the columns of their lines are not known, and frames
    outside of the periods are left out, and told in `notes`. Raises SourceError (malformed) naming the document and the
    line or element, here for the metadata and the frames' numbers, and in `blocks` for the positions.
    """
    told = read_metadata(metadata)
    numbers = _frame_numbers(text)
    starts = [first for _, first, _ in told.periods]
    first_frame = min(int(numbers[0]), starts[0])
    stretch_of = _inside(numbers, [(stretch.first, stretch.last) for stretch in told.stretches])
    period_of = _inside(numbers, [(first, last) for _, first, last in told.periods])
    return ProviderTracking(
        fps=told.fps,
        frames=int(numbers[-1]) - first_frame + 1,
        first_frame=first_frame,
        periods=tuple(
            Period(number, first - first_frame, min(last, int(numbers[-1])) - first_frame)
            for number, first, last in told.periods
            if first <= numbers[-1]
        ),
        pitch=told.pitch,
        orientation=told.orientation,
        tracks=told.tracks,
        notes=tuple(_notes(told, numbers, stretch_of, period_of)),
        read=lambda: _frames(text, told, numbers, stretch_of, period_of, first_frame),
    )


def _frame_numbers(path: Path) -> Ints:
    import numpy as np

    told = []
    with path.open("rb") as file:
        for line, content in enumerate(file, 1):
            number = content.partition(b":")[0].strip()
            if number.isdigit():
                told.append(int(number))
            elif content.strip():
                raise malformed(path.name, f"{number[:40].decode(errors='replace')!r} is no frame", f"line {line}")
    if not told:
        raise malformed(path.name, "no frames", "line 1")
    if max(told) >= 2**31:
        raise malformed(path.name, f"{max(told)} is no frame", f"line {told.index(max(told)) + 1}")
    numbers = np.array(told, dtype=np.int32)
    back = np.flatnonzero(np.diff(numbers) <= 0)
    if back.size:
        line = int(back[0]) + 2
        raise malformed(path.name, f"frame {numbers[line - 1]} is not after {numbers[line - 2]}", f"line {line}")
    return numbers


def _inside(numbers: Ints, ranges: list[tuple[int, int]]) -> Ints:
    """Which of the ascending ranges each number is in, -1 for none."""
    import numpy as np

    firsts, lasts = (np.array(bounds) for bounds in zip(*ranges, strict=True))
    place = np.searchsorted(firsts, numbers, side="right") - 1
    return np.where((place >= 0) & (numbers <= lasts[place]), place, -1).astype(np.int32)


def _notes(told: Metadata, numbers: Ints, stretch_of: Ints, period_of: Ints) -> Iterator[str]:
    for left_out, why in (
        (numbers[stretch_of < 0], "no DataFormatSpecification describes them"),
        (numbers[(stretch_of >= 0) & (period_of < 0)], "they are in no period"),
    ):
        if left_out.size:
            yield f"{left_out.size} frames between {left_out[0]} and {left_out[-1]} are left out: {why}"
    for number, first, last in told.periods:
        if first > numbers[-1] or last < numbers[0]:
            yield f"period {number}, frames {first} to {last}, is not in the file"


def _frames(
    path: Path, told: Metadata, numbers: Ints, stretch_of: Ints, period_of: Ints, first_frame: int
) -> Iterator[Frames]:
    import numpy as np

    starts = np.array([first for _, first, _ in told.periods])
    names = np.array([number for number, _, _ in told.periods])
    done = 0
    with path.open("rb") as file:
        lines = Lines(file, path.name, 0)
        for stretch_number, of_stretch in groupby(stretch_of.tolist()):
            count = sum(1 for _ in of_stretch)
            if stretch_number < 0:
                lines.skip(count)
                done += count
                continue
            stretch = told.stretches[stretch_number]
            end = done + count
            while done < end:
                first_line = lines.number + 1
                table = lines.numbers(stretch.shape, min(BATCH, end - done))
                if table is None or not np.array_equal(table[:, 0], numbers[done : done + len(table)]):
                    raise malformed(path.name, "changed while it was read", f"line {first_line}")
                xy = _positions(path.name, table, stretch, told, first_line)
                now = slice(done, done + len(table))
                done += len(table)
                played = period_of[now] >= 0
                frame, period = numbers[now][played], period_of[now][played]
                yield Frames(
                    names[period].astype(np.int32),
                    frame - np.int32(first_frame),
                    np.round((frame - starts[period]) * 1000 / told.fps).astype(np.int32),
                    xy[played],
                )


def _positions(document: str, table: Doubles, stretch: Stretch, told: Metadata, first_line: int) -> Doubles:
    """(lines, tracks, 2): a track that the stretch does not have is NaN."""
    import numpy as np

    xy = np.full((len(table), len(told.tracks), 2), np.nan)
    there = [(track, places) for track, places in enumerate(stretch.places) if places is not None]
    xy[:, [track for track, _ in there]] = table[:, [places for _, places in there]]
    check_whole(document, xy, [track.name or "ball" for track in told.tracks], first_line)
    return xy
