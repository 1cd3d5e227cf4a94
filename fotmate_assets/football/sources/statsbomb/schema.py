"""The StatsBomb documents as typed structs: the fields that the tables need, and nothing else.

Decoding validates: a missing or mistyped field raises SourceError with the path of the field. The
provider's nested object of an event stays as the bytes it came in (`msgspec.Raw`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct, field

from fotmate_assets.core.model import SourceError, Verdict

SOURCE = "statsbomb"

T = TypeVar("T")

EMPTY = Raw(b"")


class Id(Struct, gc=False):
    """`{id, name}` of which only the id is needed."""

    id: int


class Name(Struct, gc=False):
    """`{id, name}` of which only the name is needed."""

    name: str


class IdName(Struct, gc=False):
    """`{id, name}`."""

    id: int
    name: str


class CompetitionSeason(Struct):
    """One entry of `competitions.json`."""

    competition_id: int
    season_id: int
    country_name: str
    competition_name: str
    season_name: str
    competition_gender: str | None = None
    competition_youth: bool = False
    competition_international: bool = False


class HomeTeam(Struct):
    """Home side of a match."""

    home_team_id: int
    home_team_name: str
    home_team_gender: str | None = None
    country: Name | None = None


class AwayTeam(Struct):
    """Away side of a match."""

    away_team_id: int
    away_team_name: str
    away_team_gender: str | None = None
    country: Name | None = None


class Stadium(Struct):
    """Stadium of a match."""

    name: str
    country: Name | None = None


class MatchCompetition(Struct):
    """Competition as a match names it."""

    competition_id: int
    country_name: str
    competition_name: str


class MatchSeason(Struct):
    """Season as a match names it."""

    season_id: int
    season_name: str


class Fidelity(Struct):
    """Versions of the collection; the coordinate grid is ten times coarser in fidelity 1."""

    xy_fidelity_version: str | None = None


class MatchEntry(Struct):
    """One match of `matches/<competition>/<season>.json`."""

    match_id: int
    match_date: str
    competition: MatchCompetition
    season: MatchSeason
    home_team: HomeTeam
    away_team: AwayTeam
    match_status: str
    kick_off: str | None = None
    home_score: int | None = None
    away_score: int | None = None
    match_status_360: str | None = None
    last_updated: str | None = None
    last_updated_360: str | None = None
    metadata: Fidelity | None = None
    match_week: int | None = None
    competition_stage: Name | None = None
    stadium: Stadium | None = None
    referee: Name | None = None


class LineupPosition(Struct):
    """A stretch in one position; clocks are match-clock `MM:SS`, null until the final whistle."""

    position: str
    from_: str = field(name="from")
    from_period: int
    to: str | None = None
    to_period: int | None = None
    start_reason: str | None = None
    end_reason: str | None = None


class LineupCard(Struct):
    """A booking, at match-clock `MM:SS`."""

    time: str
    card_type: str
    period: int
    reason: str | None = None


class LineupPlayer(Struct):
    """One member of a squad. Files from before 2021 have neither cards nor positions."""

    player_id: int
    player_name: str
    player_nickname: str | None = None
    jersey_number: int | None = None
    country: Name | None = None
    cards: list[LineupCard] = []
    positions: list[LineupPosition] | None = None


class LineupTeam(Struct):
    """One side of `lineups/<match>.json`."""

    team_id: int
    lineup: list[LineupPlayer]


class StatsBombEvent(Struct, gc=False):
    """One event of `events/<match>.json`. The nested objects stay undecoded."""

    id: str
    index: int
    period: int
    timestamp: str
    minute: int
    second: int
    type: Name
    team: Id
    possession: int
    possession_team: Id
    play_pattern: Name
    player: IdName | None = None
    position: Name | None = None
    location: list[float] | None = None
    duration: float | None = None
    under_pressure: bool = False
    counterpress: bool = False
    out: bool = False
    related_events: Raw = EMPTY
    pass_: Raw = field(name="pass", default=EMPTY)
    carry: Raw = EMPTY
    ball_receipt: Raw = EMPTY
    duel: Raw = EMPTY
    clearance: Raw = EMPTY
    dribble: Raw = EMPTY
    goalkeeper: Raw = EMPTY
    shot: Raw = EMPTY
    interception: Raw = EMPTY
    foul_won: Raw = EMPTY
    foul_committed: Raw = EMPTY
    ball_recovery: Raw = EMPTY
    substitution: Raw = EMPTY
    block: Raw = EMPTY
    tactics: Raw = EMPTY
    miscontrol: Raw = EMPTY
    fifty_fifty: Raw = field(name="50_50", default=EMPTY)
    bad_behaviour: Raw = EMPTY
    injury_stoppage: Raw = EMPTY
    half_start: Raw = EMPTY
    player_off: Raw = EMPTY


class Detail(Struct, gc=False):
    """What the columns take from any nested object."""

    type: Name | None = None
    outcome: Name | None = None
    body_part: Name | None = None
    end_location: list[float] | None = None
    recipient: IdName | None = None
    replacement: IdName | None = None
    goal_assist: bool = False
    shot_assist: bool = False
    statsbomb_xg: float | None = None
    card: Name | None = None
    permanent: bool = False


class TacticsPlayer(Struct):
    """One of the eleven in a `tactics` object."""

    player: IdName
    position: Name
    jersey_number: int | None = None


class Tactics(Struct):
    """Formation and eleven of a Starting XI or Tactical Shift."""

    formation: int
    lineup: list[TacticsPlayer]


class FreezeFramePlayer(Struct):
    """One visible player of a 360 frame."""

    teammate: bool
    actor: bool
    keeper: bool
    location: tuple[float, float]


class Frame(Struct):
    """One 360 frame: everybody the camera saw at one event."""

    event_uuid: str
    freeze_frame: list[FreezeFramePlayer]


DETAIL_OF_TYPE = {
    "Pass": "pass_",
    "Carry": "carry",
    "Ball Receipt*": "ball_receipt",
    "Duel": "duel",
    "Clearance": "clearance",
    "Dribble": "dribble",
    "Goal Keeper": "goalkeeper",
    "Shot": "shot",
    "Interception": "interception",
    "Foul Won": "foul_won",
    "Foul Committed": "foul_committed",
    "Ball Recovery": "ball_recovery",
    "Substitution": "substitution",
    "Block": "block",
    "Starting XI": "tactics",
    "Tactical Shift": "tactics",
    "Miscontrol": "miscontrol",
    "50/50": "fifty_fifty",
    "Bad Behaviour": "bad_behaviour",
    "Injury Stoppage": "injury_stoppage",
    "Half Start": "half_start",
    "Player Off": "player_off",
}
"""Event type to the attribute that holds its nested object."""

JSON_KEY = dict(
    zip(StatsBombEvent.__struct_fields__, StatsBombEvent.__struct_encode_fields__, strict=True),
)
"""Attribute of StatsBombEvent to its key in the document."""

EVENT_TYPES = frozenset(DETAIL_OF_TYPE) | {
    "Pressure",
    "Dispossessed",
    "Dribbled Past",
    "Half End",
    "Referee Ball-Drop",
    "Shield",
    "Player On",
    "Error",
    "Offside",
    "Camera On",
    "Camera off",
    "Own Goal For",
    "Own Goal Against",
}
"""Every event type of the specification."""

competitions_decoder = msgspec.json.Decoder(list[CompetitionSeason])
slices_decoder = msgspec.json.Decoder(list[Raw])
match_decoder = msgspec.json.Decoder(MatchEntry)
lineups_decoder = msgspec.json.Decoder(list[LineupTeam])
event_decoder = msgspec.json.Decoder(StatsBombEvent)
frames_decoder = msgspec.json.Decoder(list[Frame])
detail_decoder = msgspec.json.Decoder(Detail)
tactics_decoder = msgspec.json.Decoder(Tactics)


def decode(
    decoder: msgspec.json.Decoder[T],
    content: bytes | Raw,
    document: str,
    prefix: str = "",
    whole: bytes | None = None,
) -> T:
    """Decode and validate, or raise SourceError naming the field at fault (`[17].type.name`).

    Where `content` is a part of the document, `prefix` is its place and `whole` the document's bytes.
    """
    quarantined = bytes(content) if whole is None else whole
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        reason, path = located(error)
        raise malformed(document, reason, field=prefix + path or None, content=quarantined) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(document, f"not whole JSON: {error}", field=prefix or None, content=quarantined) from None


class EventDocument:
    """The events of `events/<match>.json`, decoded one at a time and anew by every iteration.

    A whole match of structs at once would fall out of the processor's cache: decoding takes a third less this
    way. Raises SourceError as `decode` does: here for what is no JSON array, and while iterating for an event.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._content = content
        self._name = name
        self._slices = decode(slices_decoder, content, name)

    def __len__(self) -> int:
        return len(self._slices)

    def __iter__(self) -> Iterator[StatsBombEvent]:
        for index, raw in enumerate(self._slices):
            try:
                event = event_decoder.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                place = f"[{index}]" if isinstance(error, msgspec.ValidationError) else ""
                event = decode(event_decoder, raw, self._name, place, self._content)
            yield event


def located(error: msgspec.ValidationError) -> tuple[str, str]:
    """What is wrong, and the path of the field at fault below the decoded value: `[17].type.name`, or nothing."""
    reason, _, path = str(error).partition(" - at `$")
    missing = re.search(r"missing required field `(.+)`$", reason)
    return reason, path.rstrip("`") + (f".{missing[1]}" if missing else "")


def malformed(document: str, reason: str, *, field: str | None = None, content: bytes | None = None) -> SourceError:
    """A StatsBomb document that cannot be used."""
    return SourceError(Verdict.MALFORMED, SOURCE, document, reason, field=field, content=content)


def milliseconds(timestamp: str) -> int:
    """`00:47:12.345` as milliseconds. Raises ValueError for anything else."""
    if len(timestamp) != 12 or timestamp[8] != ".":
        raise ValueError(f"{timestamp!r} is not HH:MM:SS.mmm")
    return _whole_seconds(timestamp[:8]) * 1000 + int(timestamp[9:])


@lru_cache(maxsize=8192)
def _whole_seconds(clock: str) -> int:
    """`HH:MM:SS` as seconds; a match has some 3,000 of them."""
    return (int(clock[:2]) * 60 + int(clock[3:5])) * 60 + int(clock[6:8])


def clock_seconds(clock: str) -> int:
    """Match clock `MM:SS` (minutes may pass 99) as seconds. Raises ValueError for anything else."""
    minutes, separator, seconds = clock.partition(":")
    if not (separator and minutes.isdigit() and seconds.isdigit()):
        raise ValueError(f"{clock!r} is not MM:SS")
    return int(minutes) * 60 + int(seconds)
