"""Metrica's pair of JSON events and EPTS metadata."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets_tests.football.metrica.samples import (
    EVENTS,
    METADATA,
    parse_pair,
)


def changed_events(folder: Path, position: int, **changes: Any) -> bytes:
    content = json.loads((folder / EVENTS).read_text())
    content["data"][position] |= changes
    return json.dumps(content).encode()


def pair_error(folder: Path, **changes: bytes) -> SourceError:
    with pytest.raises(SourceError) as raised:
        parse_pair(folder, **changes)
    assert raised.value.verdict is Verdict.MALFORMED
    return raised.value


@pytest.mark.parametrize(
    ("position", "changes", "field"),
    [
        (16, {"type": {"name": "DANCE", "id": 99}}, "data[16].type.name"),
        (16, {"period": "1"}, "data[16].period"),
        (16, {"period": 5}, "data[16].period"),
        (16, {"index": 18}, "data[16].index"),
        (16, {"start": {"frame": 1, "time": "x", "x": 0, "y": 0}}, "data[16].start.time"),
        (16, {"from": {"name": "Nobody", "id": "P1"}}, "data[16].from.id"),
        (16, {"to": {"name": "Nobody", "id": "P1"}}, "data[16].to.id"),
        (16, {"team": {"name": "Third", "id": "FIFAX"}}, "data[16].team.id"),
        (16, {"subtypes": "HEAD"}, "data[16].subtypes"),
    ],
)
def test_a_broken_json_event_is_named_by_path(sample: Path, position: int, changes: Any, field: str) -> None:
    error = pair_error(sample, events=changed_events(sample, position, **changes))
    assert (error.document, error.field) == (EVENTS, field)


@pytest.mark.parametrize("content", [b"", b'{"data": [{"index": 1, "te', b"[]", b'{"data": []}', b"[" * 100_000])
def test_truncated_json_is_refused(sample: Path, content: bytes) -> None:
    assert pair_error(sample, events=content).document == EVENTS


def test_truncated_xml_is_refused(sample: Path) -> None:
    content = (sample / METADATA).read_bytes()
    assert pair_error(sample, metadata=content[: len(content) // 2]).document == METADATA


def test_entities_are_refused_before_they_expand(sample: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE main [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><main>&b;</main>'
    assert "type definition" in pair_error(sample, metadata=bomb).reason
    assert "UTF-8" in pair_error(sample, metadata=bomb.decode().encode("utf-16")).reason


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("<LocalTeamScore>", "<LocalTeamScore>x", "LocalTeamScore"),
        ('idLocalTeam="FIFASIMA"', 'idLocalTeam="FIFAX"', "Score idLocalTeam"),
        ("left_to_right", "upward", "Team FIFASIMB attack_direction_first_half"),
        ("left_to_right", "right_to_left", "Team attack_direction_first_half"),
        ("<FrameRate>25", "<FrameRate>0", "Metadata/GlobalConfig/FrameRate"),
        ("2019-03-01T", "yesterday", "Session Start"),
        ("<ShirtNumber>7<", "<ShirtNumber>seven<", "Player P9007 ShirtNumber"),
        ('playerId="P9007"', 'playerId="P1"', "PlayerChannelRef"),
        ("<Sessions>", "<Sessions><Nothing/></Sessions><Sessions>", "Metadata/Sessions/Session"),
    ],
)
def test_broken_metadata_names_its_element(sample: Path, old: str, new: str, field: str) -> None:
    content = (sample / METADATA).read_text()
    assert old in content
    if field == "Metadata/Sessions/Session":
        content = content.replace("<Session ", "<Meeting ").replace("</Session>", "</Meeting>")
    error = pair_error(sample, metadata=content.replace(old, new).encode())
    assert (error.document, error.field) == (METADATA, field)


def test_a_score_that_the_events_do_not_tell_is_refused(sample: Path) -> None:
    home = parse_pair(sample).match.home_score
    doctored = (
        (sample / METADATA)
        .read_text()
        .replace(f"<LocalTeamScore>{home}<", f"<LocalTeamScore>{(home or 0) + 1}<")
        .encode()
    )
    assert pair_error(sample, metadata=doctored).field == "score"


def test_without_a_stated_score_the_goals_are_counted(sample: Path) -> None:
    stated = parse_pair(sample).match
    counted = parse_pair(sample, metadata=without_score(sample).encode()).match
    assert not stated.score_from_events
    assert counted.score_from_events
    assert (counted.home_score, counted.away_score) == (stated.home_score, stated.away_score)


def without_score(folder: Path) -> str:
    content = (folder / METADATA).read_text()
    stated = parse_pair(folder).match
    for tag, goals in (("LocalTeamScore", stated.home_score), ("VisitingTeamScore", stated.away_score)):
        content = content.replace(f"<{tag}>{goals}</{tag}>", f"<{tag}/>")
    return content


def with_ends_swapped(metadata: str) -> str:
    swapped = metadata.replace("left_to_right", "swap").replace("right_to_left", "left_to_right")
    return swapped.replace("swap", "right_to_left")


def test_metadata_tells_the_direction_where_nobody_shoots(sample: Path) -> None:
    data = json.loads((sample / EVENTS).read_text())["data"]
    first_shot = next(at for at, event in enumerate(data) if event["type"]["name"] == "SHOT")
    opening = json.dumps({"data": data[:first_shot]}).encode()
    metadata = without_score(sample)
    straight = parse_pair(sample, events=opening, metadata=metadata.encode()).events
    mirrored = parse_pair(sample, events=opening, metadata=with_ends_swapped(metadata).encode()).events
    passed = next(event for event in straight if event.event_type == "Pass" and event.team == "FIFASIMB")
    assert passed.x_m == pytest.approx(((passed.provider_x or 0) - 0.5) * 105)
    pairs = [(a.x_m, b.x_m) for a, b in zip(straight, mirrored, strict=True) if a.x_m and b.x_m]
    assert pairs
    assert all(a == -b for a, b in pairs)


def test_a_direction_that_the_shots_contradict_is_refused(sample: Path) -> None:
    error = pair_error(sample, metadata=with_ends_swapped((sample / METADATA).read_text()).encode())
    assert error.field == "period 1 Start X"


def test_squads_tell_starters_substitutes_and_the_unused(sample: Path) -> None:
    lineups = {line.player: line for line in parse_pair(sample).lineups}
    assert Counter((line.team, line.is_starter) for line in lineups.values()) == {
        ("FIFASIMA", True): 11,
        ("FIFASIMA", False): 3,
        ("FIFASIMB", True): 11,
        ("FIFASIMB", False): 3,
    }
    off, on, unused = lineups["P9009"], lineups["P9012"], lineups["P9013"]
    assert [(s.from_period, s.from_clock_s, s.to_period, s.to_clock_s) for s in off.spells] == [(1, 0, 2, 2700)]
    assert [(s.from_period, s.from_clock_s, s.to_period, s.to_clock_s) for s in on.spells] == [(2, 2700, None, None)]
    assert [s.from_clock_s for s in lineups["P9026"].spells] == [2700 + 1350]
    assert (unused.position, unused.spells, unused.shirt_number) == (None, (), 13)


def test_metadata_without_tracking_formats_leaves_starters_unknown(sample: Path) -> None:
    content = (sample / METADATA).read_text()
    start, end = content.index("<DataFormatSpecifications>"), content.index("</main>")
    lineups = parse_pair(sample, metadata=(content[:start] + content[end:]).encode()).lineups
    assert {line.is_starter for line in lineups} == {None}
    assert {line.spells for line in lineups} == {()}
    assert None not in {line.position for line in lineups}
