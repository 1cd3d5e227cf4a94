"""EPTS metadata (FIFA's Electronic Performance and Tracking Systems format) as Metrica writes it.

Format: FIFADataTransferFormatEPTS; Metrica keeps halves and attack directions in provider parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from xml.etree.ElementTree import Element

from fotmate_assets.core.model import RawDocument
from fotmate_assets.core.xml import find, named_values, parse_xml, positive_number, whole_number
from fotmate_assets.football.model import Player, Team

DIRECTIONS = {"left_to_right": True, "right_to_left": False}


@dataclass(frozen=True)
class SquadPlayer:
    """A player of the metadata, on the pitch or not."""

    player: Player
    team: str
    shirt_number: int | None
    position: str | None


@dataclass(frozen=True)
class Presence:
    """Who was tracked from `start_frame` to `end_frame`, both included: the players on the pitch."""

    start_frame: int
    end_frame: int
    players: frozenset[str]


@dataclass(frozen=True)
class Metadata:
    """What the metadata says about the match."""

    frame_rate: float
    """Frames per second of every frame number, in the events too."""
    match_date: date | None
    home: Team
    away: Team
    score: tuple[int, int] | None
    attacks_right_first_half: dict[str, bool]
    squad: tuple[SquadPlayer, ...]
    presence: tuple[Presence, ...]
    """In order of frames; empty when the file describes no tracking data."""


def read_metadata(document: RawDocument) -> Metadata:
    """Parse a `metadata.xml`. Raises SourceError (malformed) naming the element."""
    root = parse_xml(document)
    session = find(document, root, "Metadata/Sessions/Session")
    score = find(document, session, "MatchParameters/Score")
    teams = {team.provider_id: (team, attacks_right) for team, attacks_right in _teams(document, root)}
    sides = []
    for attribute in ("idLocalTeam", "idVisitingTeam"):
        side = score.get(attribute, "")
        if side not in teams:
            raise document.malformed(f"{side!r} is not among the teams", f"Score {attribute}")
        sides.append(teams[side][0])
    home, away = sides
    if teams[home.provider_id][1] == teams[away.provider_id][1]:
        raise document.malformed("both teams attack the same way", "Team attack_direction_first_half")
    squad = tuple(_squad(document, root, set(teams)))
    return Metadata(
        frame_rate=positive_number(document, root, "Metadata/GlobalConfig/FrameRate"),
        match_date=_session_date(document, session),
        home=home,
        away=away,
        score=_score(document, score),
        attacks_right_first_half={team: attacks_right for team, (_, attacks_right) in teams.items()},
        squad=squad,
        presence=tuple(_presence(document, root, {member.player.provider_id for member in squad})),
    )


def _parameters(element: Element) -> dict[str, str]:
    return named_values(element, "ProviderParameter")


def _session_date(document: RawDocument, session: Element) -> date | None:
    start = session.findtext("Start")
    if not start:
        return None
    try:
        return date.fromisoformat(start[:10])
    except ValueError:
        raise document.malformed(f"{start!r} is not a time", "Session Start") from None


def _score(document: RawDocument, score: Element) -> tuple[int, int] | None:
    home, away = score.findtext("LocalTeamScore"), score.findtext("VisitingTeamScore")
    if not home and not away:
        return None
    return whole_number(document, home, "LocalTeamScore"), whole_number(document, away, "VisitingTeamScore")


def _teams(document: RawDocument, root: Element) -> Iterator[tuple[Team, bool]]:
    for element in root.iterfind("Metadata/Teams/Team"):
        identity = element.get("id", "")
        direction = _parameters(element).get("attack_direction_first_half")
        if direction not in DIRECTIONS:
            field = f"Team {identity} attack_direction_first_half"
            raise document.malformed(f"unknown direction {direction!r}", field)
        yield Team(identity, element.findtext("Name") or identity), DIRECTIONS[direction]


def _squad(document: RawDocument, root: Element, teams: set[str]) -> Iterator[SquadPlayer]:
    seen = set()
    for element in root.iterfind("Metadata/Players/Player"):
        identity, team = element.get("id", ""), element.get("teamId", "")
        if not identity or identity in seen:
            raise document.malformed(f"player id {identity!r} is missing or used twice", "Player id")
        if team not in teams:
            raise document.malformed(f"{team!r} is not among the teams", f"Player {identity} teamId")
        seen.add(identity)
        shirt = element.findtext("ShirtNumber")
        yield SquadPlayer(
            player=Player(identity, element.findtext("Name") or identity),
            team=team,
            shirt_number=whole_number(document, shirt, f"Player {identity} ShirtNumber") if shirt else None,
            position=_parameters(element).get("position_type") or None,
        )


def _presence(document: RawDocument, root: Element, squad: set[str]) -> Iterator[Presence]:
    """Each stretch of frames names the channels that it tracks; a substitution starts a new stretch."""
    owner = {
        channel.get("id"): channel.get("playerId") for channel in root.iterfind("Metadata/PlayerChannels/PlayerChannel")
    }
    for stretch in root.iterfind("DataFormatSpecifications/DataFormatSpecification"):
        players = set()
        for reference in stretch.iter("PlayerChannelRef"):
            player = owner.get(reference.get("playerChannelId"))
            if player not in squad:
                channel = reference.get("playerChannelId")
                raise document.malformed(f"no player of the squad has channel {channel!r}", "PlayerChannelRef")
            players.add(player)
        start, end = (
            whole_number(document, stretch.get(name), f"DataFormatSpecification {name}")
            for name in ("startFrame", "endFrame")
        )
        yield Presence(start, end, frozenset(players))
