"""Networks small enough to be written by hand: ONNX files (protobuf, onnx.proto3) that give told rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT, FLOAT16 = 1, 10
_INT, _INTS = 2, 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _node(kind: str, inputs: list[str], output: str, **attributes: int | list[int]) -> bytes:
    content = b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, kind)
    for name, value in attributes.items():
        told = [_field(3, value)] if isinstance(value, int) else [_field(8, each) for each in value]
        kind_of = _INT if isinstance(value, int) else _INTS
        content += _field(5, _field(1, name) + b"".join(told) + _field(20, kind_of))
    return _field(1, content)


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    dims = b"".join(_field(1, size) for size in values.shape)
    return _field(5, dims + _field(2, FLOAT) + _field(8, name) + _field(9, values.astype("<f4").tobytes()))


def _value(number: int, name: str, kind: int, shape: list[int | str]) -> bytes:
    dims = b"".join(_field(1, _field(1 if isinstance(size, int) else 2, size)) for size in shape)
    return _field(number, _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, dims))))


def write_network(
    path: Path,
    rows: NDArray[np.float32],
    *,
    input_shape: tuple[int | str, ...] = ("batch", 3, "height", "width"),
    input_type: int = FLOAT,
    told: Mapping[str, str] | None = None,
    brighter: NDArray[np.float32] | None = None,
) -> Path:
    """A network that gives `rows` for each image, plus the image's mean (0 to 1) times `brighter`."""
    scale = np.zeros_like(rows) if brighter is None else brighter
    graph = (
        _node("Cast", ["images"], "single", to=FLOAT)
        + _node("ReduceMean", ["single"], "mean", axes=[1, 2, 3], keepdims=1)
        + _node("Mul", ["mean", "scale"], "scaled")
        + _node("Add", ["scaled", "rows"], "raised")
        + _node("Squeeze", ["raised"], "output0", axes=[1])
        + _field(2, "tiny")
        + _tensor("rows", rows[None, None])
        + _tensor("scale", scale[None, None])
        + _value(11, "images", input_type, list(input_shape))
        + _value(12, "output0", FLOAT, [input_shape[0], *rows.shape])
    )
    metadata = b"".join(_field(14, _field(1, key) + _field(2, value)) for key, value in (told or {}).items())
    path.write_bytes(_field(1, 7) + _field(8, _field(1, "") + _field(2, 11)) + _field(7, graph) + metadata)
    return path
