"""No simulated document has a key or a term that real files lack."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets_tests.embedded.sample_statsbomb.samples import (
    Folder,
    name,
)

NUMBER = {int: "number", float: "number"}
RECORDED_ELSEWHERE = {
    ("Own Goal For", "player"),
    ("Own Goal For", "position"),
}
"""Shapes that football.md section 2.4 measured in files that are not at hand here."""
NOT_AT_HAND = {"Camera On", "Camera off"}


def shape(value: Any, path: str, found: set[tuple[str, str]]) -> None:
    kind = NUMBER.get(type(value), type(value).__name__)
    found.add((path, kind))
    if isinstance(value, dict):
        for key, inner in value.items():
            shape(inner, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for inner in value:
            shape(inner, f"{path}[]", found)


def terms(value: Any) -> Iterator[tuple[int, str]]:
    if isinstance(value, dict):
        if set(value) == {"id", "name"}:
            yield value["id"], value["name"]
        else:
            for key, inner in value.items():
                if key not in ("team", "player", "possession_team", "recipient", "replacement"):
                    yield from terms(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from terms(inner)


@pytest.fixture(scope="module")
def real(real_data: Path) -> Folder:
    return Folder(real_data / "statsbomb")


@pytest.mark.real_data
def test_every_key_of_every_event_type_exists_in_real_files(data: Folder, real: Folder) -> None:
    ours: dict[str, set[tuple[str, str]]] = defaultdict(set)
    theirs: dict[str, set[tuple[str, str]]] = defaultdict(set)
    our_terms: set[tuple[int, str]] = set()
    real_terms: set[tuple[int, str]] = set()
    for _, event in data.every_event():
        shape(event, "", ours[name(event)])
        if name(event) not in NOT_AT_HAND:
            our_terms.update(terms(event))
    for file in sorted(real.path.glob("events/*.json")):
        for event in json.loads(file.read_bytes()):
            shape(event, "", theirs[name(event)])
            real_terms.update(terms(event))
    assert set(ours) - set(theirs) == NOT_AT_HAND
    for kind in set(ours) - NOT_AT_HAND:
        unknown = {
            entry for entry in ours[kind] - theirs[kind] if (kind, entry[0].split(".")[0]) not in RECORDED_ELSEWHERE
        }
        assert not unknown, (kind, unknown)
    assert our_terms <= real_terms, our_terms - real_terms


@pytest.mark.real_data
@pytest.mark.parametrize("pattern", ["competitions.json", "matches/*/*.json", "lineups/*.json", "three-sixty/*.json"])
def test_every_key_of_the_other_documents_exists_in_real_files(data: Folder, real: Folder, pattern: str) -> None:
    ours: set[tuple[str, str]] = set()
    theirs: set[tuple[str, str]] = set()
    for folder, found in ((data, ours), (real, theirs)):
        for file in sorted(folder.path.glob(pattern))[:60]:
            shape(json.loads(file.read_bytes()), "", found)
    recorded = {("[].referee.country", "dict"), ("[].referee.country.id", "number"), ("[].referee.country.name", "str")}
    assert not ours - theirs - recorded
