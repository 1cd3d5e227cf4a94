"""Small StatsBomb documents to doctor, and the calls that parse them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.football.model import Event, Lineup, MatchAggregate, PlayerMatchStats
from fotmate_assets.football.sources.statsbomb.parse import (
    parse_match,
    parse_match_list,
)

Json = dict[str, Any]
KEY = "premier-league_2003-2004"
HOME, AWAY = 1, 2
LIST, EVENTS, LINEUPS = "matches/2/44.json", "events/100.json", "lineups/100.json"
MISSING = object()


def document(name: str, content: object) -> RawDocument:
    """A fetched document; bytes are taken as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    return RawDocument("statsbomb", name, body, f"test:{name}", datetime(2026, 1, 1, tzinfo=UTC))


def changed(base: Json, changes: Json) -> Json:
    """`base` with keys replaced, or taken out where the value is MISSING."""
    merged = {**base, **changes}
    return {key: value for key, value in merged.items() if value is not MISSING}


def entry(**changes: Any) -> Json:
    """A row of a matches file, as the open data has it."""
    country = {"id": 68, "name": "England"}
    base = {
        "match_id": 100,
        "match_date": "2003-08-16",
        "kick_off": "16:00:00.000",
        "competition": {"competition_id": 2, "country_name": "England", "competition_name": "Premier League"},
        "season": {"season_id": 44, "season_name": "2003/2004"},
        "home_team": {
            "home_team_id": HOME,
            "home_team_name": "Home",
            "home_team_gender": "male",
            "home_team_group": None,
            "country": country,
            "managers": [{"id": 5, "name": "Someone", "nickname": None, "dob": None, "country": country}],
        },
        "away_team": {
            "away_team_id": AWAY,
            "away_team_name": "Away",
            "away_team_gender": "male",
            "away_team_group": None,
            "country": country,
        },
        "home_score": 0,
        "away_score": 0,
        "match_status": "available",
        "match_status_360": "scheduled",
        "last_updated": "2020-07-29T05:00",
        "last_updated_360": "2021-06-13T16:17:31.694",
        "metadata": {"data_version": "1.1.0", "shot_fidelity_version": "2", "xy_fidelity_version": "2"},
        "match_week": 1,
        "competition_stage": {"id": 1, "name": "Regular Season"},
        "stadium": {"id": 9, "name": "The Ground", "country": country},
        "referee": {"id": 8, "name": "Réf", "country": country},
    }
    return changed(base, changes)


def event(kind: str, index: int = 1, team: int = HOME, player: int | None = None, **changes: Any) -> Json:
    """An event. Every event needs an index of its own, from which its id follows."""
    base: Json = {
        "id": f"00000000-0000-4000-a000-{index:012d}",
        "index": index,
        "period": 1,
        "timestamp": "00:00:00.000",
        "minute": 0,
        "second": 0,
        "type": {"id": 0, "name": kind},
        "possession": 1,
        "possession_team": {"id": team, "name": f"Team {team}"},
        "play_pattern": {"id": 1, "name": "Regular Play"},
        "team": {"id": team, "name": f"Team {team}"},
    }
    if player is not None:
        base["player"] = person(player)
    return changed(base, changes)


def person(player: int) -> Json:
    return {"id": player, "name": f"Player {player}"}


def named(name: str) -> Json:
    return {"id": 0, "name": name}


def member(player: int, **changes: Any) -> Json:
    """A starter of a lineups file."""
    base = {
        "player_id": player,
        "player_name": f"Player {player}",
        "player_nickname": None,
        "jersey_number": player % 100,
        "country": {"id": 68, "name": "England"},
        "cards": [],
        "positions": [
            {
                "position_id": 1,
                "position": "Goalkeeper",
                "from": "00:00",
                "to": None,
                "from_period": 1,
                "to_period": None,
                "start_reason": "Starting XI",
                "end_reason": "Final Whistle",
            }
        ],
    }
    return changed(base, changes)


def squads(home: list[Json], away: list[Json]) -> list[Json]:
    return [
        {"team_id": HOME, "team_name": "Home", "lineup": home},
        {"team_id": AWAY, "team_name": "Away", "lineup": away},
    ]


SQUADS = squads([member(101), member(102)], [member(201), member(202)])


def parsed(events: object, lineups: object = SQUADS, row: Json | None = None) -> MatchAggregate:
    """The match as parsed; `lineups` None for a match without that document, `events` None for a fixture."""
    row = row or entry()
    listed = parse_match_list(document(LIST, [row]))[row["match_id"]]
    return parse_match(
        listed,
        KEY,
        None if events is None else document(EVENTS, events),
        None if lineups is None else document(LINEUPS, lineups),
    )


def only(*events: Json) -> Event:
    """The one event of a match, as parsed."""
    (found,) = parsed(list(events)).events
    return found


def stats_of(aggregate: MatchAggregate, player: int) -> PlayerMatchStats:
    return next(line for line in aggregate.stats if line.player == str(player))


def squad_of(aggregate: MatchAggregate, player: int) -> Lineup:
    return next(member for member in aggregate.lineups if member.player == str(player))


def refusal(call: Callable[[], object]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        call()
    assert caught.value.verdict is Verdict.MALFORMED
    assert caught.value.source == "statsbomb"
    return caught.value


def eleven(team: int, index: int) -> Json:
    """A Starting XI event of two players, which is enough here."""
    return event(
        "Starting XI",
        index,
        team,
        tactics={
            "formation": 442,
            "lineup": [
                {"player": person(team * 100 + n), "position": named(f"Place {n}"), "jersey_number": n} for n in (1, 2)
            ],
        },
    )


def change(index: int, team: int, off: int, on: int, at: str) -> Json:
    return event(
        "Substitution",
        index,
        team,
        off,
        period=2,
        timestamp=at,
        position=named("Place 2"),
        substitution={"outcome": named("Tactical"), "replacement": person(on)},
    )


WHOLE = [
    eleven(HOME, 1),
    eleven(AWAY, 2),
    event("Half End", 3, timestamp="00:45:00.000"),
    change(4, HOME, 102, 103, "00:15:00.000"),
    event("Half End", 5, period=2, timestamp="00:45:00.000"),
]
