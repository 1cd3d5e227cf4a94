"""What an EPTS `metadata.xml` says about the tracking beside it: field, periods, players, and how a line is made.

FIFA's format; Metrica keeps the periods' frames, directions and positions in provider parameters. `FieldSize` has the
pitch's length as `Width` and its width as `Height`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from xml.etree.ElementTree import Element

from fotmate_assets.core.model import RawDocument
from fotmate_assets.core.xml import find, named_values, parse_xml, positive_number, whole_number
from fotmate_assets.vision.model import ObjectType, Orientation, Pitch, Side
from fotmate_assets.vision.sources.metrica.lines import SEPARATORS, Shape
from fotmate_assets.vision.sources.metrica.tracking import BALL, Track

FRAME = "frameCount"
_PERIODS = ("first_half", "second_half", "first_extra_half", "second_extra_half")
_DIRECTIONS = {"left_to_right": Orientation.HOME_AWAY, "right_to_left": Orientation.AWAY_HOME}
_OPPOSITE = {Orientation.HOME_AWAY: Orientation.AWAY_HOME, Orientation.AWAY_HOME: Orientation.HOME_AWAY}
_AXES = ("x", "y")


@dataclass(frozen=True)
class Stretch:
    """Frames whose lines are made alike; a substitution starts a new stretch."""

    first: int
    """The provider's numbers, both included."""
    last: int
    shape: Shape
    places: tuple[tuple[int, int] | None, ...]
    """Per track: the fields that hold its x and y; None where the stretch has no such player."""


@dataclass(frozen=True)
class Metadata:
    """What the metadata says."""

    fps: float
    pitch: Pitch
    orientation: Orientation
    periods: tuple[tuple[int, int, int], ...]
    """Number, first and last frame in the provider's numbers, in order."""
    tracks: tuple[Track, ...]
    """Home, away, ball."""
    stretches: tuple[Stretch, ...]
    """In order of frames."""


def read_metadata(document: RawDocument) -> Metadata:
    """Parse a `metadata.xml`. Raises SourceError (malformed) naming the element."""
    return _Reader(document).metadata()


class _Reader:
    def __init__(self, document: RawDocument) -> None:
        self._document = document
        self._root = parse_xml(document)

    def metadata(self) -> Metadata:
        sides = self._sides()
        players = self._players(sides)
        self._check_units()
        channels = self._channels(players)
        lines = [(stretch, list(self._fields(stretch))) for stretch in self._stretches()]
        seen = {channels[name][0] for _, fields in lines for name in fields if name in channels}
        tracks = [player for side in Side for name, player in players.items() if player.side is side and name in seen]
        order = [str(player.provider_id) for player in tracks]
        stretches = tuple(self._stretch(stretch, fields, channels, order) for stretch, fields in lines)
        for before, after in pairwise(stretches):
            if after.first <= before.last:
                raise self._malformed(f"{after.first} is not after {before.last}", "DataFormatSpecification startFrame")
        return Metadata(
            fps=self._positive("Metadata/GlobalConfig/FrameRate"),
            pitch=Pitch(
                self._positive("Metadata/Sessions/Session/FieldSize/Width"),
                self._positive("Metadata/Sessions/Session/FieldSize/Height"),
            ),
            orientation=self._orientation(sides),
            periods=tuple(self._periods()),
            tracks=(*tracks, BALL),
            stretches=stretches,
        )

    def _malformed(self, reason: str, field: str) -> Exception:
        return self._document.malformed(reason, field)

    def _find(self, path: str) -> Element:
        return find(self._document, self._root, path)

    def _positive(self, path: str) -> float:
        return positive_number(self._document, self._root, path)

    def _whole(self, text: str | None, field: str) -> int:
        return whole_number(self._document, text, field)

    def _sides(self) -> dict[str, Side]:
        score = self._find("Metadata/Sessions/Session/MatchParameters/Score")
        sides = {score.get("idLocalTeam", ""): Side.HOME, score.get("idVisitingTeam", ""): Side.AWAY}
        teams = {team.get("id") for team in self._root.iterfind("Metadata/Teams/Team")}
        if len(sides) < 2 or not sides.keys() <= teams:
            raise self._malformed("local and visiting team are not two of the teams", "Score")
        return sides

    def _orientation(self, sides: dict[str, Side]) -> Orientation:
        told: dict[Side, Orientation] = {}
        for team in self._root.iterfind("Metadata/Teams/Team"):
            direction = _parameters(team).get("attack_direction_first_half")
            side = sides.get(team.get("id", ""))
            if side is not None and direction:
                if direction not in _DIRECTIONS:
                    raise self._malformed(f"unknown direction {direction!r}", "attack_direction_first_half")
                told[side] = _DIRECTIONS[direction]
        if len(set(told.values())) < len(told):
            raise self._malformed("both teams attack the same way", "attack_direction_first_half")
        if Side.HOME in told:
            return told[Side.HOME]
        return _OPPOSITE[told[Side.AWAY]] if told else Orientation.NOT_SET

    def _periods(self) -> Iterator[tuple[int, int, int]]:
        told = _parameters(self._find("Metadata/GlobalConfig"))
        before = None
        for number, name in enumerate(_PERIODS, 1):
            start, end = told.get(f"{name}_start"), told.get(f"{name}_end")
            if not start and not end:
                continue
            first, last = self._whole(start, f"{name}_start"), self._whole(end, f"{name}_end")
            if last < first or (before is not None and first <= before):
                raise self._malformed(f"{first} to {last} does not follow {before}", f"{name}_start")
            before = last
            yield number, first, last
        if before is None:
            raise self._malformed("no period has a start and an end", "ProviderGlobalParameters")

    def _players(self, sides: dict[str, Side]) -> dict[str, Track]:
        players: dict[str, Track] = {}
        for element in self._root.iterfind("Metadata/Players/Player"):
            name, team, shirt = element.get("id", ""), element.get("teamId", ""), element.findtext("ShirtNumber")
            if not name or name in players:
                raise self._malformed(f"{name!r} is missing or used twice", "Player id")
            if team not in sides:
                raise self._malformed(f"{team!r} is not one of the two teams", f"Player {name} teamId")
            is_goalkeeper = _parameters(element).get("position_type") == "Goalkeeper"
            players[name] = Track(
                object_type=ObjectType.GOALKEEPER if is_goalkeeper else ObjectType.PLAYER,
                side=sides[team],
                provider_id=name,
                name=element.findtext("Name") or name,
                shirt_number=self._whole(shirt, f"Player {name} ShirtNumber") if shirt else None,
            )
        return players

    def _check_units(self) -> None:
        units = {
            channel.get("id"): channel.findtext("Unit")
            for sensor in self._root.iter("Sensor")
            if sensor.get("id") == "position"
            for channel in sensor.iter("Channel")
        }
        for axis in _AXES:
            if units.get(axis) != "normalized":
                raise self._malformed(f"{units.get(axis)!r} instead of normalized", f"Sensor position {axis} Unit")

    def _channels(self, players: dict[str, Track]) -> dict[str, tuple[str, str]]:
        """Player and channel by the name that lines have for them."""
        channels = {}
        for element in self._root.iterfind("Metadata/PlayerChannels/PlayerChannel"):
            name, player = element.get("id", ""), element.get("playerId", "")
            if player not in players:
                raise self._malformed(f"{player!r} is not among the players", f"PlayerChannel {name}")
            channels[name] = player, element.get("channelId", "")
        return channels

    def _stretches(self) -> list[Element]:
        stretches = self._root.findall("DataFormatSpecifications/DataFormatSpecification")
        if not stretches:
            raise self._malformed("is missing", "DataFormatSpecifications/DataFormatSpecification")
        return stretches

    def _fields(self, register: Element) -> Iterator[str]:
        """The names of a line's fields in order: channels of players as they are named, `ball x`, or a string's."""
        for child in register:
            if child.tag == "SplitRegister":
                yield from self._fields(child)
            elif child.tag == "PlayerChannelRef":
                yield child.get("playerChannelId", "")
            elif child.tag == "BallChannelRef":
                yield f"ball {child.get('channelId', '')}"
            elif child.tag == "StringRegister":
                yield child.get("name", "")
            else:
                raise self._malformed("is no known part of a line", f"DataFormatSpecification {child.tag}")

    def _separators(self, register: Element) -> bytes:
        """What stands between the fields of a register."""
        own = register.get("separator", "").encode()
        if len(own) != 1 or own not in SEPARATORS:
            raise self._malformed(f"{own.decode()!r} is none of , ; and :", f"{register.tag} separator")
        return own.join(self._separators(child) if child.tag == "SplitRegister" else b"" for child in register)

    def _stretch(
        self, element: Element, fields: list[str], channels: dict[str, tuple[str, str]], order: list[str]
    ) -> Stretch:
        where = "DataFormatSpecification"
        first, last = (self._whole(element.get(name), f"{where} {name}") for name in ("startFrame", "endFrame"))
        if last < first:
            raise self._malformed(f"{last} is before {first}", f"{where} endFrame")
        if fields[:1] != [FRAME] or element[0].tag != "StringRegister":
            raise self._malformed(f"does not start with {FRAME}", f"{where} {first}")
        references = {reference.get("playerChannelId", "") for reference in element.iter("PlayerChannelRef")}
        if unknown := references - channels.keys():
            raise self._malformed(f"no player has channel {min(unknown)!r}", f"{where} {first} PlayerChannelRef")
        if len(set(fields)) < len(fields):
            raise self._malformed("a channel is there twice", f"{where} {first}")
        at = {channels[name]: place for place, name in enumerate(fields) if name in references}
        at |= {("ball", axis): fields.index(f"ball {axis}") for axis in _AXES if f"ball {axis}" in fields}
        places = []
        for owner in (*order, "ball"):
            x, y = (at.get((owner, axis)) for axis in _AXES)
            if (x is None) != (y is None):
                raise self._malformed("has only one of x and y", f"{where} {first} {owner}")
            places.append(None if x is None or y is None else (x, y))
        return Stretch(first, last, Shape(tuple(fields), self._separators(element)), tuple(places))


def _parameters(element: Element) -> dict[str, str]:
    return named_values(element, "ProviderParameter")
