"""Places in a JSON document, told by configuration; what they look like is told in `mapping`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Node(NamedTuple):
    """Something that a path with stars leads to."""

    nodes: tuple[Any, ...]
    """The top, what each star stands for, and what the path ends at."""
    keys: tuple[str | int, ...]
    """The name or position that each star stands for."""


Lookup = Callable[[Node], Any]
"""Raises LookupError, TypeError or ValueError where nothing is there."""


def parts_of(path: str) -> list[str]:
    """The parts of a path from the top. Raises ValueError for what is none."""
    if not path.startswith("/"):
        raise ValueError(f"{path!r} must begin with /")
    parts = path[1:].split("/") if path != "/" else []
    if "" in parts:
        raise ValueError(f"{path!r} has an empty part")
    return parts


def lookup_of(place: str, base: list[str]) -> Lookup:
    """How to get from a node that the path `base` leads to to what is at `place`. Raises ValueError for what is no
    place below that path.
    """
    if place == ".":
        return lambda it: it.nodes[-1]
    if star := re.fullmatch(r"\*([1-9])", place):
        number = int(star[1])
        if number > base.count("*"):
            raise ValueError(f"there is no star number {number} in /{'/'.join(base)}")
        return lambda it: it.keys[number - 1]
    if not place.startswith("/"):
        return _steps(-1, parts_of(f"/{place}"))
    parts = parts_of(place)
    stars = parts.count("*")
    if not stars:
        return _steps(0, parts)
    last = len(parts) - parts[::-1].index("*")
    if base[:last] != parts[:last]:
        raise ValueError(f"the stars of {place!r} are not those of /{'/'.join(base)}")
    return _steps(stars, parts[last:])


def _steps(start: int, parts: list[str]) -> Lookup:
    if "*" in parts:
        raise ValueError(f"{'/'.join(parts)!r}: a place that does not begin with / has no stars")
    if len(parts) == 1:
        return lambda it: _step(it.nodes[start], parts[0])

    def lookup(it: Node) -> Any:
        node = it.nodes[start]
        for part in parts:
            node = _step(node, part)
        return node

    return lookup


def _step(node: Any, part: str) -> Any:
    return node[int(part)] if type(node) is list else node[part]


def walk(nodes: tuple[Any, ...], keys: tuple[str | int, ...], parts: list[str]) -> Iterator[Node]:
    """Everything that `parts` lead to from the last of `nodes`. Raises LookupError, TypeError or ValueError where
    there is no such path.
    """
    node = nodes[-1]
    for number, part in enumerate(parts):
        if part != "*":
            node = _step(node, part)
            continue
        if type(node) not in (dict, list):
            raise TypeError(part)
        rest = parts[number + 1 :]
        for key, child in node.items() if type(node) is dict else enumerate(node):
            if rest:
                yield from walk((*nodes, child), (*keys, key), rest)
            else:
                yield Node((*nodes, child, child), (*keys, key))
        return
    yield Node((*nodes, node), keys)


def spelled(path: str, keys: tuple[str | int, ...], place: str) -> str:
    """A place with its stars filled in, for a reader."""
    whole = path if place == "." or place[:1] == "*" else place if place[:1] == "/" else f"{path}/{place}"
    given = iter(keys)
    return "/".join(str(next(given)) if part == "*" else part for part in whole.split("/"))
