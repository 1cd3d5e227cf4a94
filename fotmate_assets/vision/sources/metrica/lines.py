"""Text files of numbers, a batch of lines at a time, each line of exactly the shape that is expected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.vision.sources.metrica.tracking import SOURCE

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Doubles

SEPARATORS = b",;:"


def malformed(document: str, reason: str, field: str | None = None) -> SourceError:
    """The error to raise for a file that cannot be used. Its bytes stay where they are: these files are large."""
    return SourceError(Verdict.MALFORMED, SOURCE, document, reason, field=field)


@dataclass(frozen=True)
class Shape:
    """How a line is made."""

    fields: tuple[str, ...]
    """What they are called when one is wrong; all are numbers, or NaN."""
    separators: bytes
    """What is between them, one byte after each field but the last."""


@dataclass
class Lines:
    """An open file and how far it is read."""

    file: IO[bytes]
    document: str
    number: int
    """Lines read so far."""

    def numbers(self, shape: Shape, count: int) -> Doubles | None:
        """The next lines, `count` at most, as an array (lines, fields); None at the end of the file.

        Raises SourceError (malformed) naming the line, and the field, that is not as `shape` says.
        """
        lines = list(islice(self.file, count))
        first, self.number = self.number + 1, self.number + len(lines)
        while lines and not lines[-1].strip():
            lines.pop()
        if not lines:
            return None
        block = b"".join(lines).rstrip(b"\r\n") + b"\n"
        self._check_shape(block, shape, first)
        return self._parsed(block.replace(b"\r", b""), shape, first)

    def skip(self, count: int) -> None:
        """Leave out lines."""
        self.number += sum(1 for _ in islice(self.file, count))

    def _check_shape(self, block: bytes, shape: Shape, first: int) -> None:
        others = bytes(set(range(256)) - set(SEPARATORS + b"\n"))
        bare = block.translate(None, others)
        count = block.count(b"\n")
        if bare == (shape.separators + b"\n") * count:
            return
        for number, found in enumerate(bare.split(b"\n"), first):
            if found != shape.separators:
                reason = f"{len(found) + 1} fields instead of {len(shape.fields)}"
                if len(found) == len(shape.separators):
                    reason = "the fields are separated otherwise than expected"
                raise malformed(self.document, reason, f"line {number}")

    def _parsed(self, block: bytes, shape: Shape, first: int) -> Doubles:
        """Empty fields are NaN."""
        import numpy as np
        import polars as pl

        text = block
        if set(shape.separators) != {ord(",")}:
            text = block.translate(bytes.maketrans(SEPARATORS, b"," * len(SEPARATORS)))
        schema = {str(place): pl.Float64() for place in range(len(shape.fields))}
        try:
            array: Doubles = pl.read_csv(text, has_header=False, schema=schema, quote_char=None).to_numpy()
        except pl.exceptions.ComputeError:
            raise self._not_a_number(text, shape, first) from None
        infinite = np.isinf(array)
        if infinite.any():
            row, place = (int(index[0]) for index in np.nonzero(infinite))
            raise malformed(self.document, "is not finite", f"line {first + row} {shape.fields[place]}")
        return array

    def _not_a_number(self, text: bytes, shape: Shape, first: int) -> SourceError:
        for number, line in enumerate(text.split(b"\n"), first):
            for name, told in zip(shape.fields, line.split(b","), strict=False):
                try:
                    float(told or b"nan")
                except ValueError:
                    reason = f"{told.decode(errors='replace')!r} is no number"
                    return malformed(self.document, reason, f"line {number} {name}")
        return malformed(self.document, "cannot be read as numbers", f"line {first}")


def check_whole(document: str, pairs: Doubles, names: Sequence[str], first: int) -> None:
    """Raise SourceError (malformed) where a position (lines, tracks, 2) has only one of x and y."""
    import numpy as np

    half = np.isnan(pairs[:, :, 0]) != np.isnan(pairs[:, :, 1])
    if half.any():
        row, track = (int(index[0]) for index in np.nonzero(half))
        raise malformed(document, "has only one of x and y", f"line {first + row} {names[track]}")


def whole_numbers(document: str, values: Doubles, field: str, first: int) -> Doubles:
    """`values`, one per line. Raises SourceError (malformed) unless all are whole numbers."""
    import numpy as np

    wrong = np.flatnonzero(~(np.floor(values) == values))
    if wrong.size:
        value = values[wrong[0]]
        shown = "nothing" if math.isnan(value) else str(value)
        raise malformed(document, f"{shown} is not a whole number", f"line {first + int(wrong[0])} {field}")
    return values
