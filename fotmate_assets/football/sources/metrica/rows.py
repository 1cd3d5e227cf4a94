"""Metrica's two event files, CSV and JSON, read into one kind of row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from fotmate_assets.core.model import RawDocument, SourceError

PROVIDER = "metrica"

CSV_COLUMNS = (
    "Team",
    "Type",
    "Subtype",
    "Period",
    "Start Frame",
    "Start Time [s]",
    "End Frame",
    "End Time [s]",
    "From",
    "To",
    "Start X",
    "Start Y",
    "End X",
    "End Y",
)
CSV_TEAMS = ("Home", "Away")
PERIODS = (1, 2, 3, 4)
"""Halves and extra time. None of Metrica's samples has a shoot-out."""


class Row(NamedTuple):
    """One provider event, typed, nothing interpreted."""

    number: int
    """1-based position in the file."""
    team: str
    type: str
    subtypes: tuple[str, ...]
    """A set, in the provider's order."""
    period: int
    start_frame: int
    start_s: float
    """Seconds since the first frame of the game, half-time included."""
    end_frame: int
    end_s: float
    player: str | None
    recipient: str | None
    x: float | None
    y: float | None
    end_x: float | None
    end_y: float | None
    extra: Mapping[str, Any]
    """What the file says beyond the known columns."""

    def is_(self, *subtypes: str) -> bool:
        """True when every one of `subtypes` is among this row's."""
        return all(subtype in self.subtypes for subtype in subtypes)


def read_csv(document: RawDocument, game: str) -> list[Row]:
    """Rows of a `RawEventsData.csv`; teams and players become `game:Home` and `game:Player19`.

    A label such as `Player19` means another person in every game, so the game goes in front.
    Raises SourceError (malformed) naming `row N Column`, N counting rows after the header from 1.
    """
    try:
        text = document.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise document.malformed(f"not UTF-8: {error}") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [column for column in CSV_COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise document.malformed(f"column {missing[0]} is missing", missing[0])
        rows = [_csv_row(document, game, number, cells) for number, cells in enumerate(reader, 1)]
    except csv.Error as error:
        raise document.malformed(f"not CSV: {error}", f"line {reader.line_num}") from None
    if not rows:
        raise document.malformed("no events")
    return rows


def _csv_row(document: RawDocument, game: str, number: int, cells: dict[str | Any, str | Any]) -> Row:
    def fail(column: str, reason: str) -> SourceError:
        return document.malformed(reason, f"row {number} {column}")

    for column in CSV_COLUMNS:
        if cells[column] is None:
            raise fail(column, "the row ends before this column")
    if None in cells:
        raise fail("", f"more cells than columns: {cells[None]}")

    def decimal(column: str) -> float | None:
        text = cells[column]
        try:
            value = float(text) if text else math.nan
        except ValueError:
            raise fail(column, f"{text!r} is not a number") from None
        if math.isinf(value):
            raise fail(column, f"{text!r} is not finite")
        return None if math.isnan(value) else value

    def seconds(column: str) -> float:
        value = decimal(column)
        if value is None:
            raise fail(column, "no time")
        return value

    def whole(column: str) -> int:
        try:
            return int(cells[column])
        except ValueError:
            raise fail(column, f"{cells[column]!r} is not a whole number") from None

    def label(column: str) -> str | None:
        return f"{game}:{cells[column]}" if cells[column] else None

    if cells["Team"] not in CSV_TEAMS:
        raise fail("Team", f"{cells['Team']!r} is neither Home nor Away")
    period = whole("Period")
    if period not in PERIODS:
        raise fail("Period", f"unknown period {period}")
    return Row(
        number=number,
        team=f"{game}:{cells['Team']}",
        type=cells["Type"],
        subtypes=tuple(part for part in cells["Subtype"].split("-") if part),
        period=period,
        start_frame=whole("Start Frame"),
        start_s=seconds("Start Time [s]"),
        end_frame=whole("End Frame"),
        end_s=seconds("End Time [s]"),
        player=label("From"),
        recipient=label("To"),
        x=decimal("Start X"),
        y=decimal("Start Y"),
        end_x=decimal("End X"),
        end_y=decimal("End Y"),
        extra={column: text for column, text in cells.items() if column not in CSV_COLUMNS},
    )


class _Named(msgspec.Struct):
    name: str
    id: str | int


class _Spot(msgspec.Struct):
    frame: int
    time: float
    x: float | None
    y: float | None


class _JsonEvent(msgspec.Struct):
    index: int
    team: _Named
    type: _Named
    subtypes: _Named | list[_Named] | None
    start: _Spot
    end: _Spot
    period: int
    from_: _Named | None = msgspec.field(name="from")
    to: _Named | None


JSON_KEYS = frozenset({"index", "team", "type", "subtypes", "start", "end", "period", "from", "to"})


def read_json(document: RawDocument) -> list[Row]:
    """Rows of an `events.json`: `{"data": [event, ...]}`, `index` running 1 to n.

    Raises SourceError (malformed) naming `data[N].path`, N 0-based as in JSON.
    """
    try:
        content = msgspec.json.decode(document.content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise document.malformed(f"not JSON: {error}") from None
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, list):
        raise document.malformed("no list of events", "data")
    if not data:
        raise document.malformed("no events", "data")
    return [_json_row(document, position, item) for position, item in enumerate(data)]


def _json_row(document: RawDocument, position: int, item: Any) -> Row:
    where = f"data[{position}]"
    try:
        event = msgspec.convert(item, _JsonEvent)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise document.malformed(reason, where + path.rstrip("`")) from None
    if event.index != position + 1:
        raise document.malformed(f"{event.index} follows {position}", f"{where}.index")
    if event.period not in PERIODS:
        raise document.malformed(f"unknown period {event.period}", f"{where}.period")
    subtypes = event.subtypes if isinstance(event.subtypes, list) else [event.subtypes] if event.subtypes else []
    return Row(
        number=event.index,
        team=str(event.team.id),
        type=event.type.name,
        subtypes=tuple(subtype.name for subtype in subtypes),
        period=event.period,
        start_frame=event.start.frame,
        start_s=event.start.time,
        end_frame=event.end.frame,
        end_s=event.end.time,
        player=str(event.from_.id) if event.from_ else None,
        recipient=str(event.to.id) if event.to else None,
        x=event.start.x,
        y=event.start.y,
        end_x=event.end.x,
        end_y=event.end.y,
        extra={key: value for key, value in item.items() if key not in JSON_KEYS},
    )
