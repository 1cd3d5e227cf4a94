"""Every kind of broken StatsBomb document is refused by the name of document and field."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from fotmate_assets.football.sources.statsbomb.parse import (
    parse_competitions,
    parse_match_list,
)
from fotmate_assets_tests.football.statsbomb.samples import (
    EVENTS,
    HOME,
    LINEUPS,
    LIST,
    MISSING,
    WHOLE,
    Json,
    changed,
    document,
    entry,
    event,
    member,
    named,
    parsed,
    refusal,
    squads,
)

GOOD = event("Pass", 1, HOME, 101, location=[60.0, 40.0], **{"pass": {"end_location": [70.0, 40.0]}})


def broken(**changes: Any) -> list[Json]:
    """Two events, of which the second is broken."""
    return [GOOD, changed({**GOOD, "id": "second", "index": 2}, changes)]


@pytest.mark.parametrize(
    ("events", "field", "reason"),
    [
        (broken(type={"id": 99, "name": "Teleport"}), "[1].type.name", "unknown event type 'Teleport'"),
        (broken(period=6), "[1].period", "unknown period 6"),
        (broken(id=GOOD["id"]), "[1].id", "twice"),
        (broken(team={"id": 3, "name": "Third"}), "[1].team.id", "team 3 does not play"),
        (broken(possession_team={"id": 4, "name": "F"}), "[1].possession_team.id", "team 4 does not play"),
        (broken(timestamp="47 minutes"), "[1].timestamp", "'47 minutes' is not HH:MM:SS.mmm"),
        (broken(timestamp="00:4x:00.000"), "[1].timestamp", "'00:4x:00.000' is not HH:MM:SS.mmm"),
        (broken(timestamp=""), "[1].timestamp", "'' is not HH:MM:SS.mmm"),
        (broken(timestamp=MISSING), "[1].timestamp", "missing required field"),
        (broken(team=MISSING), "[1].team", "missing required field"),
        (broken(type={"id": 30}), "[1].type.name", "missing required field"),
        (broken(index="2"), "[1].index", "Expected `int`, got `str`"),
        (broken(player={"id": "x", "name": "X"}), "[1].player.id", "Expected `int`, got `str`"),
        (broken(location="middle"), "[1].location", "Expected `array | null`, got `str`"),
        (broken(location=[60.0, None]), "[1].location[1]", "Expected `float`, got `null`"),
        (broken(location=[60.0]), "[1].location", "fewer than two coordinates"),
        (broken(**{"pass": {"end_location": [60.0]}}), "[1].pass.end_location", "fewer than two coordinates"),
        (broken(**{"pass": {"end_location": [60.0, "x"]}}), "[1].pass.end_location[1]", "Expected `float`"),
        (broken(**{"pass": {"recipient": {"name": "No id"}}}), "[1].pass.recipient.id", "missing required field"),
        (broken(**{"pass": None}), "[1].pass", "Expected `object`, got `null`"),
        (
            broken(type=named("50/50"), **{"50_50": {"outcome": {"id": 1}}}),
            "[1].50_50.outcome.name",
            "missing required field",
        ),
        ([GOOD, 7], "[1]", "Expected `object`, got `int`"),
        ({"events": []}, None, "Expected `array`, got `object`"),
        ([], None, "the list of its events is empty"),
        (b"", None, "not whole JSON"),
        (json.dumps([GOOD]).encode()[:-40], None, "not whole JSON"),
        (b"<html>", None, "not whole JSON"),
        (json.dumps([GOOD]).replace("Pass", "P\\udc00").encode(), None, "not whole JSON"),
        (json.dumps([GOOD]).encode().replace(b"Pass", b"P\xff"), None, "not whole JSON"),
        (b'[{"related_events":' + b"[" * 100_000, None, "not whole JSON"),
    ],
)
def test_broken_events_name_the_document_and_the_field(events: object, field: str | None, reason: str) -> None:
    error = refusal(lambda: parsed(events))
    assert (error.document, error.field) == (EVENTS, field)
    assert reason in error.reason
    assert error.content == document(EVENTS, events).content, "the whole document is quarantined"
    if field is not None:
        assert f"{EVENTS} field {field}" in str(error)


@pytest.mark.parametrize(
    ("at", "doctored", "field"),
    [
        (0, {"tactics": MISSING}, "[0].tactics"),
        (0, {"tactics": {"lineup": []}}, "[0].tactics.formation"),
        (3, {"substitution": {"outcome": named("Tactical")}}, "[3].substitution"),
    ],
)
def test_events_that_must_tell_the_squads_and_do_not_are_refused_by_name(at: int, doctored: Json, field: str) -> None:
    events = copy.deepcopy(WHOLE)
    events[at] = changed(events[at], doctored)
    error = refusal(lambda: parsed(events, None))
    assert (error.document, error.field) == (EVENTS, field)
    assert error.content == document(EVENTS, events).content


CARD = {"time": "10:00", "card_type": "Yellow Card", "period": 1}
BAD_SPELL = {**member(1)["positions"][0], "from": "noon"}


@pytest.mark.parametrize(
    ("lineups", "field", "reason"),
    [
        (squads([member(101), member(101)], []), "[0].lineup[1].player_id", "player 101 twice"),
        (squads([member(101)], [member(101)]), "[1].lineup[0].player_id", "player 101 twice"),
        ([{"team_id": 3, "team_name": "Third", "lineup": []}], "[0].team_id", "team 3 does not play in match 100"),
        (squads([member(101, player_id=MISSING)], []), "[0].lineup[0].player_id", "missing required field"),
        (squads([member(101, jersey_number="7")], []), "[0].lineup[0].jersey_number", "Expected `int | null`"),
        (squads([], [member(201, cards=[{**CARD, "time": "later"}])]), "[1].lineup[0]", "'later' is not MM:SS"),
        (squads([], [member(201, positions=[BAD_SPELL])]), "[1].lineup[0]", "'noon' is not MM:SS"),
        ({}, None, "Expected `array`"),
        (b"[{", None, "not whole JSON"),
    ],
)
def test_broken_lineups_name_the_document_and_the_field(lineups: object, field: str | None, reason: str) -> None:
    error = refusal(lambda: parsed([event("Half Start", 1)], lineups))
    assert (error.document, error.field) == (LINEUPS, field)
    assert reason in error.reason
    assert error.content == document(LINEUPS, lineups).content


@pytest.mark.parametrize(
    ("rows", "field", "reason"),
    [
        ([entry(), entry()], "[1].match_id", "match 100 twice"),
        ([entry(), entry(match_id=MISSING)], "[1].match_id", "missing required field"),
        ([entry(home_team={"home_team_name": "Home"})], "[0].home_team.home_team_id", "missing required field"),
        ([entry(match_week="one")], "[0].match_week", "Expected `int | null`"),
        ([5], "[0]", "Expected `object`"),
        ({"matches": []}, None, "Expected `array`"),
        (json.dumps([entry()]).encode()[:-9], None, "not whole JSON"),
    ],
)
def test_a_broken_list_of_matches_names_the_document_and_the_field(
    rows: object, field: str | None, reason: str
) -> None:
    error = refusal(lambda: parse_match_list(document(LIST, rows)))
    assert (error.document, error.field) == (LIST, field)
    assert reason in error.reason
    assert error.content == document(LIST, rows).content


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"match_date": "16/08/2003"}, "match_date"),
        ({"kick_off": "four o'clock"}, "kick_off"),
        ({"last_updated": "yesterday"}, "last_updated"),
        ({"match_status": "abducted"}, "match_status"),
    ],
)
def test_a_match_that_makes_no_sense_names_the_match_and_the_field(changes: Json, field: str) -> None:
    error = refusal(lambda: parsed(None, row=entry(**changes)))
    assert (error.document, error.field) == (LIST, f"match 100 {field}")
    assert json.loads(error.content or b"") == entry(**changes), "the entry is quarantined"


@pytest.mark.parametrize("content", [b'[{"competition_id":1}]', b'{"x":1}', b"[", b"[null]"])
def test_a_broken_catalogue_is_refused(content: bytes) -> None:
    error = refusal(lambda: parse_competitions(document("competitions.json", content)))
    assert error.document == "competitions.json"
    assert error.content == content
