"""Small Metrica documents to doctor, and the calls that parse them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.football.model import Event, MatchAggregate
from fotmate_assets.football.sources import metrica

CSV = "Sample_Game_1/Sample_Game_1_RawEventsData.csv"
EVENTS = "Sample_Game_3/Sample_Game_3_events.json"
METADATA = "Sample_Game_3/Sample_Game_3_metadata.xml"

HEADER = (
    "Team,Type,Subtype,Period,Start Frame,Start Time [s],End Frame,End Time [s],From,To,Start X,Start Y,End X,End Y"
)


def raw(name: str, content: bytes) -> RawDocument:
    return RawDocument("metrica", name, content, f"file:///{name}", datetime(2026, 1, 1, tzinfo=UTC))


def row(
    team: str,
    type_: str,
    subtype: str = "",
    *,
    period: int = 1,
    at: int = 100,
    until: int | None = None,
    player: int | None = None,
    to: int | str = "",
    spot: tuple[float, float] | None = None,
    end: tuple[float, float] | None = None,
) -> str:
    """One CSV line; frames at 25 a second, as in the files."""
    until = at if until is None else until
    player = player or (9 if team == "Home" else 19)
    recipient = f"Player{to}" if to else ""
    x, y = spot or ("NaN", "NaN")
    end_x, end_y = end or ("NaN", "NaN")
    frames = f"{at},{at / 25:g},{until},{until / 25:g}"
    return f"{team},{type_},{subtype},{period},{frames},Player{player},{recipient},{x},{y},{end_x},{end_y}"


KICK_OFF = row("Away", "SET PIECE", "KICK OFF", at=1)
HOME_ATTACKS_RIGHT = row("Home", "SHOT", "OFF TARGET-OUT", at=90_000, spot=(0.9, 0.5), end=(1.03, 0.5))


def csv_content(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


def parse_csv(*lines: str) -> MatchAggregate:
    return metrica.parse_match({CSV: raw(CSV, csv_content(*lines))}, metrica.SEASON.key)


def events_of(*lines: str) -> tuple[Event, ...]:
    """Events of `lines`, without the kick-off before and the home shot to the right after them."""
    return parse_csv(KICK_OFF, *lines, HOME_ATTACKS_RIGHT).events[1:-1]


def only(*lines: str) -> Event:
    (event,) = events_of(*lines)
    return event


def csv_error(content: bytes) -> SourceError:
    with pytest.raises(SourceError) as raised:
        metrica.parse_match({CSV: raw(CSV, content)}, metrica.SEASON.key)
    assert raised.value.verdict is Verdict.MALFORMED
    assert raised.value.document == CSV
    assert raised.value.content == content
    return raised.value


def documents(folder: Path, *names: str) -> dict[str, RawDocument]:
    return {name: raw(name, (folder / name).read_bytes()) for name in names}


def parse_pair(folder: Path, **changes: bytes) -> MatchAggregate:
    pair = documents(folder, EVENTS, METADATA)
    for name, content in (("events", EVENTS), ("metadata", METADATA)):
        if name in changes:
            pair[content] = raw(content, changes[name])
    return metrica.parse_match(pair, metrica.SEASON.key)
