"""Odds from recordings: our own documents, one per line, and streams of the Betfair exchange."""

from __future__ import annotations

import bz2
import gzip
import shutil
import zlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, Any, NamedTuple, Protocol

import msgspec
import zstandard

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot
from fotmate_assets.racing.sources.odds import betfair, documents

NAME = "replay"
BETFAIR_NAME = "replay:betfair"


class Replay:
    """See OddsSource. Tells what recordings have, of any date.

    `files`: our recordings (see `write_recording`), or Betfair's streams, not both; plain, or packed as gzip, zstd or
    bzip2, whatever they are called. `markets` binds Betfair's markets to our races, market id to race id (see
    `betfair.Exchange`). `name` is `replay`, or `replay:betfair`; prices are simulated where the documents say so, and
    those of an exchange are not.

    They are read once, when it is made; of our recordings the documents stay in the file (a packed one is unpacked to
    a temporary file). Raises SourceError naming file and line: malformed for what is no recording, is cut short, or
    has simulated odds beside real ones; empty_unexpected without any document. OSError where a file cannot be read.
    """

    is_live = False

    def __init__(self, files: Sequence[Path], markets: Mapping[str, str] | None = None) -> None:
        with ExitStack() as stack:
            streams = [_Stream(path.name, stack.enter_context(_opened(path))) for path in files]
            kinds = {_is_betfair(stream) for stream in streams}
            if len(kinds) > 1:
                reason = "recordings of ours and of Betfair cannot be replayed as one source"
                raise SourceError(Verdict.MALFORMED, NAME, streams[0].name, reason)
            self.name = BETFAIR_NAME if True in kinds else NAME
            self._recorded: _Recorded
            if True in kinds:
                self.is_simulated = False
                self._recorded = _exchange(streams, markets or {})
            else:
                recorded = _Documents(streams)
                self.is_simulated = recorded.is_simulated
                self._recorded = recorded
            self._files = stack.pop_all()

    async def snapshot(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        """See OddsSource: the newest document at or before `at`, by its own clock.

        Raises SourceError: empty_unexpected for a race that is not recorded, not_yet before its first document.
        """
        return self._recorded.snapshot(race, at)

    async def close(self) -> None:
        """Close the files."""
        self._files.close()


def write_recording(path: Path, recorded: Iterable[bytes]) -> int:
    """Write documents of our format, in any order, as a recording; how many. By its suffix, `.gz` or `.zst`, it is
    packed. It takes the place of a file of that name once it is whole.

    Raises SourceError(MALFORMED) for what is no document, or one without `source_ts`.
    """
    count = 0
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        whole = Path(file.name)
        try:
            with _packing(file, path.suffix) as packed:
                for count, content in enumerate(recorded, 1):
                    _head(content, f"document {count}")
                    packed.write(b" ".join(content.splitlines()) + b"\n")
            file.close()
            whole.replace(path)
        except BaseException:
            whole.unlink()
            raise
    return count


def _head(content: bytes, name: str) -> tuple[documents.Head, datetime]:
    """What a document says besides its odds, and when they were so. Raises SourceError(MALFORMED)."""
    head = documents.head(content, NAME, name)
    if head.source_ts is None:
        reason = "a recorded document must tell its time"
        raise SourceError(Verdict.MALFORMED, NAME, name, reason, field="source_ts", content=content)
    return head, head.source_ts


# What recordings hold -----------------------------------------------------------------------------------------------


class _Recorded(Protocol):
    def snapshot(self, race: OddsRace, at: datetime) -> OddsSnapshot: ...


class _Stream(NamedTuple):
    """A recording, unpacked."""

    name: str
    file: IO[bytes]


class _Place(NamedTuple):
    """Where a document is."""

    at: datetime
    """By its own clock."""
    stream: _Stream
    offset: int
    size: int
    line: int
    """1-based."""


class _Documents:
    """Recordings of our format, of which it knows where each race's documents are."""

    def __init__(self, streams: Iterable[_Stream]) -> None:
        self._places: dict[str, list[_Place]] = defaultdict(list)
        simulated: bool | None = None
        for stream in streams:
            offset = 0
            for number, line in enumerate(stream.file, 1):
                if line.strip():
                    name = f"{stream.name} line {number}"
                    head, at = _head(line, name)
                    if simulated is None:
                        simulated = head.simulated
                    if head.simulated != simulated:
                        reason = "simulated odds beside real ones: they cannot be replayed as one source"
                        raise SourceError(Verdict.MALFORMED, NAME, name, reason, field="simulated", content=line)
                    self._places[head.race_id].append(_Place(at, stream, offset, len(line), number))
                offset += len(line)
        if simulated is None:
            raise SourceError(Verdict.EMPTY_UNEXPECTED, NAME, "recordings", "there is no document in them")
        for places in self._places.values():
            places.sort(key=attrgetter("at"))
        self.is_simulated = simulated

    def snapshot(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        places = self._places.get(race.race_id)
        if places is None:
            reason = f"it is not recorded; {len(self._places)} other races are"
            raise SourceError(Verdict.EMPTY_UNEXPECTED, NAME, race.race_id, reason)
        index = bisect_right(places, at, key=attrgetter("at"))
        if not index:
            reason = f"its recording begins at {places[0].at:%Y-%m-%d %H:%M:%S %Z}"
            raise SourceError(Verdict.NOT_YET, NAME, race.race_id, reason)
        place = places[index - 1]
        place.stream.file.seek(place.offset)
        content = place.stream.file.read(place.size).rstrip(b"\r\n")
        name = f"{place.stream.name} line {place.line}"
        return documents.parse(content, race, NAME, name, is_simulated=self.is_simulated)


def _exchange(streams: Iterable[_Stream], bound: Mapping[str, str]) -> betfair.Exchange:
    markets: dict[str, betfair.Market] = {}
    for stream in streams:
        betfair.read(stream.file, BETFAIR_NAME, stream.name, markets)
    return betfair.Exchange(markets, bound, BETFAIR_NAME)


# Files --------------------------------------------------------------------------------------------------------------


def _opened(path: Path) -> IO[bytes]:
    """A file, unpacked where it is packed. Raises SourceError(MALFORMED) where it cannot be."""
    file = path.open("rb")
    begin = file.read(4)
    file.seek(0)
    if begin == zstandard.FRAME_HEADER:
        unpack = _unpack_zstd
    elif begin[:2] == b"\x1f\x8b" or begin[:3] == b"BZh":
        unpack = _unpack
    else:
        return file
    plain = TemporaryFile()  # noqa: SIM115 (who reads it closes it)
    with file:
        try:
            unpack(file, plain)
        except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
            plain.close()
            raise SourceError(Verdict.MALFORMED, NAME, path.name, f"cannot be unpacked: {error}") from None
    plain.seek(0)
    return plain


def _unpack(file: IO[bytes], plain: IO[bytes]) -> None:
    is_gzip = file.read(1) == b"\x1f"
    file.seek(0)
    with gzip.open(file) if is_gzip else bz2.open(file) as packed:
        shutil.copyfileobj(packed, plain)


def _unpack_zstd(file: IO[bytes], plain: IO[bytes]) -> None:
    """Frame by frame: zstandard's own reader takes a file that is cut short for a whole one."""
    frame = None
    while chunk := file.read(1 << 16):
        while chunk:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            plain.write(frame.decompress(chunk))
            chunk, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError("it is cut short")


def _packing(file: IO[bytes], suffix: str) -> AbstractContextManager[Any]:
    match suffix:
        case ".gz":
            return gzip.GzipFile(fileobj=file, mode="wb")
        case ".zst":
            return zstandard.ZstdCompressor(write_checksum=True).stream_writer(file, closefd=False)
        case _:
            return nullcontext(file)


def _is_betfair(stream: _Stream) -> bool:
    """True for a stream of Betfair's, by its first line."""
    first = stream.file.readline()
    stream.file.seek(0)
    try:
        return "op" in msgspec.json.decode(first, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
