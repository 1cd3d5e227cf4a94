"""A written StatsBomb folder read back, and its events replayed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

Json = dict[str, Any]
BASE_MINUTE = {1: 0, 2: 45, 3: 90, 4: 105, 5: 120}
DISMISSALS = {"Red Card", "Second Yellow"}
EVERY_TYPE = {
    *("Starting XI", "Half Start", "Half End", "Pass", "Ball Receipt*", "Carry", "Pressure", "Ball Recovery", "Duel"),
    *("Clearance", "Dribble", "Dribbled Past", "Block", "Goal Keeper", "Shot", "Interception", "Foul Committed"),
    *("Foul Won", "Miscontrol", "Dispossessed", "Substitution", "Tactical Shift", "Player Off", "Player On"),
    *("Injury Stoppage", "50/50", "Shield", "Error", "Offside", "Referee Ball-Drop", "Bad Behaviour", "Camera On"),
    *("Camera off", "Own Goal Against", "Own Goal For"),
}


def name(event: Json) -> str:
    return str(event["type"]["name"])


def milliseconds(timestamp: str) -> int:
    hours, minutes, seconds = timestamp.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


def clock(event: Json) -> str:
    return f"{event['minute']:02d}:{event['second']:02d}"


def card(event: Json) -> Json | None:
    for kind in ("foul_committed", "bad_behaviour"):
        if "card" in event.get(kind, {}):
            return {
                "time": clock(event),
                "card_type": event[kind]["card"]["name"],
                "reason": name(event),
                "period": event["period"],
            }
    return None


class Folder:
    """A written folder, read back."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, *parts: object) -> Any:
        return json.loads(self.path.joinpath(*map(str, parts)).read_bytes())

    @cached_property
    def matches(self) -> dict[int, Json]:
        rows = [row for file in sorted(self.path.glob("matches/*/*.json")) for row in json.loads(file.read_bytes())]
        return {row["match_id"]: row for row in rows}

    @cached_property
    def events(self) -> dict[int, list[Json]]:
        return {match_id: self.read("events", f"{match_id}.json") for match_id in self.matches}

    @cached_property
    def lineups(self) -> dict[int, list[Json]]:
        return {match_id: self.read("lineups", f"{match_id}.json") for match_id in self.matches}

    def every_event(self) -> Iterator[tuple[int, Json]]:
        return ((match_id, event) for match_id, events in self.events.items() for event in events)

    def league(self) -> list[int]:
        return [match_id for match_id, row in self.matches.items() if row["competition"]["competition_id"] == 9001]


def goals(events: list[Json], periods: tuple[int, ...] = (1, 2, 3, 4)) -> Counter[int]:
    return Counter(
        event["team"]["id"]
        for event in events
        if event["period"] in periods
        and (name(event) == "Own Goal For" or event.get("shot", {}).get("outcome", {}).get("name") == "Goal")
    )


def spell(event: Json, player: Json, position: Json, reason: str) -> Json:
    return {
        "position_id": position["id"],
        "position": position["name"],
        "from": clock(event),
        "to": None,
        "from_period": event["period"],
        "to_period": None,
        "start_reason": reason,
        "end_reason": "Final Whistle",
    }


def replay(events: list[Json]) -> tuple[dict[int, list[Json]], dict[int, list[Json]], list[Json]]:
    """Spells and cards per player as the events tell them, and the events of players who were not on the pitch."""
    spells: dict[int, list[Json]] = defaultdict(list)
    cards: dict[int, list[Json]] = defaultdict(list)
    where: dict[int, Json] = {}
    on_pitch: set[int] = set()
    ghosts = []

    def close(event: Json, player: int, reason: str) -> None:
        spells[player][-1].update({"to": clock(event), "to_period": event["period"], "end_reason": reason})

    def begin(event: Json, player: Json, position: Json, reason: str) -> None:
        where[player["id"]] = position
        spells[player["id"]].append(spell(event, player, position, reason))

    def is_there(event: Json) -> bool:
        return event["player"]["id"] in on_pitch and where[event["player"]["id"]] == event["position"]

    for event in events[:2]:
        for member in event["tactics"]["lineup"]:
            begin(event, member["player"], member["position"], "Starting XI")
            on_pitch.add(member["player"]["id"])
    for event in events:
        player: Json = event.get("player", {})
        if player and name(event) != "Player On" and not is_there(event):
            ghosts.append(event)
        match name(event):
            case "Substitution":
                reason, replacement = event["substitution"]["outcome"]["name"], event["substitution"]["replacement"]
                close(event, player["id"], f"Substitution - Off ({reason})")
                on_pitch.discard(player["id"])
                begin(event, replacement, where.pop(player["id"]), f"Substitution - On ({reason})")
                on_pitch.add(replacement["id"])
            case "Tactical Shift":
                for member in event["tactics"]["lineup"]:
                    if where[member["player"]["id"]] != member["position"]:
                        close(event, member["player"]["id"], "Tactical Shift")
                        begin(event, member["player"], member["position"], "Tactical Shift")
            case "Player Off":
                close(event, player["id"], "Player Off")
                on_pitch.discard(player["id"])
            case "Player On":
                begin(event, player, where[player["id"]], "Player On")
                on_pitch.add(player["id"])
        if shown := card(event):
            cards[player["id"]].append(shown)
            if shown["card_type"] in DISMISSALS:
                on_pitch.discard(player["id"])
    return spells, cards, ghosts
