"""Writers of Metrica's files: events CSV, events JSON and EPTS metadata."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from fotmate_assets.embedded.sample.metrica.game import (
    BENCHES,
    FRAME_RATE,
    HALF_TIME_CHANGE,
    SECOND_HALF_CHANGE,
    STARTERS,
    Game,
    Note,
    Spot,
)
from fotmate_assets.football.sources.metrica.rows import CSV_COLUMNS, CSV_TEAMS

TEAMS = (("FIFASIMA", "Team A"), ("FIFASIMB", "Team B"))
POSITIONS = (
    "Right Back",
    "Right Center Back (4)",
    "Left Center Back (4)",
    "Left Back",
    "Right Midfielder (4,5)",
    "Right Center Midfielder (4)",
    "Left Center Midfielder (4)",
    "Left Midfielder (4,5)",
    "Right Forward (2)",
    "Left Forward (2)",
    "Goalkeeper",
)
TYPES = (
    "PASS",
    "SHOT",
    "RECOVERY",
    "FAULT RECEIVED",
    "SET PIECE",
    "BALL OUT",
    "BALL LOST",
    "CARD",
    "CHALLENGE",
    "CARRY",
)
SUBTYPES = (
    "HEAD",
    "CROSS",
    "GOAL KICK",
    "INTERCEPTION",
    "THEFT",
    "SAVED",
    "WOODWORK",
    "ON TARGET",
    "OFF TARGET",
    "GOAL",
    "OUT",
    "FREE KICK",
    "THROW IN",
    "KICK OFF",
    "YELLOW",
    "GROUND",
    "TACKLE",
    "FAULT",
    "WON",
    "LOST",
)


def _seconds(frame: int) -> float:
    return round(frame / FRAME_RATE, 2)


def write_csv(path: Path, notes: list[Note]) -> None:
    """Write `notes` as a `RawEventsData.csv`, the End Frame of the first row 0 as in the real file."""

    def cells(spot: Spot | None) -> list[str]:
        return ["NaN", "NaN"] if spot is None else [f"{value:.4g}" for value in (round(spot[0], 2), round(spot[1], 2))]

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for number, note in enumerate(notes):
            end = 0 if number == 0 else note.end
            writer.writerow(
                [
                    CSV_TEAMS[note.side],
                    note.type,
                    "-".join(note.subtypes),
                    note.period,
                    note.start,
                    f"{_seconds(note.start):g}",
                    end,
                    f"{_seconds(end):g}",
                    f"Player{note.player}",
                    f"Player{note.recipient}" if note.recipient else "",
                    *cells(note.start_spot),
                    *cells(note.end_spot),
                ]
            )


def _player_id(label: int) -> str:
    return f"P9{label:03d}"


def write_json(path: Path, notes: list[Note]) -> None:
    """Write `notes` as an `events.json`: subtypes null, an object, or a list of objects."""

    def player(label: int | None) -> dict[str, str] | None:
        return None if label is None else {"name": f"Player {label}", "id": _player_id(label)}

    def moment(frame: int, spot: Spot | None) -> dict[str, float | None]:
        x, y = (None, None) if spot is None else (round(spot[0], 5), round(spot[1], 5))
        return {"frame": frame, "time": _seconds(frame), "x": x, "y": y}

    def subtypes(names: tuple[str, ...]) -> Any:
        objects = [{"name": name, "id": len(TYPES) + 1 + SUBTYPES.index(name)} for name in names]
        return objects if len(objects) > 1 else objects[0] if objects else None

    data = [
        {
            "index": index,
            "team": {"name": TEAMS[note.side][1], "id": TEAMS[note.side][0]},
            "type": {"name": note.type, "id": TYPES.index(note.type) + 1},
            "subtypes": subtypes(note.subtypes),
            "start": moment(note.start, note.start_spot),
            "end": moment(note.end, note.end_spot),
            "period": note.period,
            "from": player(note.player),
            "to": player(note.recipient),
        }
        for index, note in enumerate(notes, 1)
    ]
    vocabulary = [
        {"category": "TYPE" if name in TYPES else "SUBTYPE", "name": name, "id": str(number)}
        for number, name in enumerate(TYPES + SUBTYPES, 1)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": data, "metadata": vocabulary}), "utf-8")


def _parameters(parent: Element, container: str, values: Iterable[tuple[str, object]]) -> None:
    holder = SubElement(parent, container)
    for name, value in values:
        parameter = SubElement(holder, "ProviderParameter")
        SubElement(parameter, "Name").text = name
        SubElement(parameter, "Value").text = None if value is None else str(value)


def _stretches(game: Game) -> Iterator[tuple[int, int, list[int]]]:
    """First frame, last frame and labels on the pitch, a new stretch at each substitution."""
    labels = [*STARTERS[0], *STARTERS[1]]
    half, change, last = game.kick_offs[1] - 400, game.change_frame, game.notes[-1].end + 100
    yield 1, half - 1, labels
    for start, end, (off, on) in ((half, change - 1, HALF_TIME_CHANGE), (change, last, SECOND_HALF_CHANGE)):
        labels = [on if label == off else label for label in labels]
        yield start, end, labels


def write_metadata(path: Path, game: Game) -> None:
    """Write the EPTS `metadata.xml` of `game`: score, directions, squads, who is tracked when."""
    stretches = list(_stretches(game))
    main = Element("main")
    metadata = SubElement(main, "Metadata")
    general = SubElement(metadata, "GlobalConfig")
    SubElement(general, "ProviderName").text = "Metrica Sports (simulated)"
    SubElement(general, "FrameRate").text = str(FRAME_RATE)
    halves = [1, stretches[0][1], stretches[1][0], stretches[-1][1], None, None, None, None]
    names = [
        f"{half}_half_{end}" for half in ("first", "second", "first_extra", "second_extra") for end in ("start", "end")
    ]
    _parameters(general, "ProviderGlobalParameters", zip(names, halves, strict=True))
    session = SubElement(SubElement(metadata, "Sessions"), "Session", id="session1")
    SubElement(session, "SessionType").text = "Match"
    SubElement(session, "Start").text = "2019-03-01T15:00:00.000Z"
    identities = {"idLocalTeam": TEAMS[0][0], "idVisitingTeam": TEAMS[1][0]}
    score = SubElement(SubElement(session, "MatchParameters"), "Score", identities)
    for tag, goals in zip(("LocalTeamScore", "VisitingTeamScore"), game.goals, strict=True):
        SubElement(score, tag).text = str(goals)
    size = SubElement(session, "FieldSize")
    SubElement(size, "Width").text, SubElement(size, "Height").text = "105", "68"
    teams, players = SubElement(metadata, "Teams"), SubElement(metadata, "Players")
    channels = SubElement(metadata, "PlayerChannels")
    for side, (identity, name) in enumerate(TEAMS):
        team = SubElement(teams, "Team", id=identity)
        SubElement(team, "Name").text = name
        direction = "left_to_right" if (side == 0) == game.home_attacks_right_first else "right_to_left"
        _parameters(team, "ProviderTeamsParameters", [("attack_direction_first_half", direction)])
        for slot, label in enumerate((*STARTERS[side], *BENCHES[side])):
            player = SubElement(players, "Player", id=_player_id(label), teamId=identity)
            SubElement(player, "Name").text = f"Player {label}"
            SubElement(player, "ShirtNumber").text = str(label)
            position = POSITIONS[slot % len(POSITIONS)]
            _parameters(player, "ProviderPlayerParameters", [("position_type", position)])
            for axis in "xy":
                identity_of_channel = f"player{label}_{axis}"
                SubElement(
                    channels, "PlayerChannel", channelId=axis, id=identity_of_channel, playerId=_player_id(label)
                )
    formats = SubElement(main, "DataFormatSpecifications")
    for start, end, labels in stretches:
        frames = {"startFrame": str(start), "endFrame": str(end), "separator": ":"}
        register = SubElement(SubElement(formats, "DataFormatSpecification", frames), "SplitRegister", separator=";")
        for label in labels:
            pair = SubElement(register, "SplitRegister", separator=",")
            for axis in "xy":
                SubElement(pair, "PlayerChannelRef", playerChannelId=f"player{label}_{axis}")
    indent(main)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tostring(main, encoding="utf-8", xml_declaration=True))
