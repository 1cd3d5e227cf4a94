"""The peers that decode StatsBomb documents. Each takes matches in memory and decodes them, returning nothing."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from _season import SourceSeason

from fotmate_assets.core.model import RawDocument
from fotmate_assets.football.model import Coordinates
from fotmate_assets.football.sources.statsbomb import parse, schema
from fotmate_assets.football.sources.statsbomb.parse import ListedMatch
from fotmate_assets.football.sources.statsbomb.schema import DETAIL_OF_TYPE, JSON_KEY

CELL = 0.1


@dataclass(frozen=True)
class Sample:
    """The documents of one match."""

    listed: ListedMatch
    events: RawDocument
    lineups: RawDocument


def samples(season: SourceSeason, most: int) -> list[Sample]:
    """The first matches of the season that have both documents, at most `most`."""
    found: list[Sample] = []
    for match in season.matches:
        names = [f"{kind}/{match.entry.match_id}.json" for kind in ("events", "lineups")]
        if len(found) < most and all((season.folder / name).exists() for name in names):
            found.append(Sample(match, *map(season.document, names)))
    return found


def ours(sample: Sample) -> list[Any]:
    """Bytes to validated domain events: typed structs, details kept as the slice of the source."""
    decoded = schema.EventDocument(sample.events.content, sample.events.name)
    return parse._events(sample.events, decoded, parse._match(sample.listed.entry, "season_1"), CELL)


def ours_whole(sample: Sample) -> None:
    """Bytes to the whole match: events, squads, statistics, score and the clock's order."""
    parse.parse_match(sample.listed, "season_1", sample.events, sample.lineups)


def orjson_loop(sample: Sample) -> list[tuple[Any, ...]]:
    """The same tuples as ours, without any validation, as one writes them over `orjson.loads`."""
    return [_orjson_event(event) for event in orjson.loads(sample.events.content)]


def _name(value: dict[str, Any] | None) -> str | None:
    return value["name"] if value else None


def _orjson_event(event: dict[str, Any]) -> tuple[Any, ...]:
    event_type = event["type"]["name"]
    key = DETAIL_OF_TYPE.get(event_type)
    detail = event.get(JSON_KEY[key], {}) if key else {}
    location, end = event.get("location"), detail.get("end_location")
    x = y = end_x = end_y = x_m = y_m = end_x_m = end_y_m = None
    if location:
        x, y = location[:2]
        x_m, y_m = Coordinates.from_statsbomb(x, y, CELL)
    if end:
        end_x, end_y = end[:2]
        end_x_m, end_y_m = Coordinates.from_statsbomb(end_x, end_y, CELL)
    other = detail.get("recipient") or detail.get("replacement")
    clock = event["timestamp"]
    related = event.get("related_events")
    return (
        str(event["team"]["id"]),
        str(event["player"]["id"]) if "player" in event else None,
        str(other["id"]) if other else None,
        str(event["possession_team"]["id"]),
        event["index"],
        event["id"],
        event["period"],
        (int(clock[:2]) * 3600 + int(clock[3:5]) * 60 + int(clock[6:8])) * 1000 + int(clock[9:]),
        event["minute"],
        event["second"],
        event_type,
        _name(detail.get("type")),
        "Permanent" if detail.get("permanent") else _name(detail.get("outcome")),
        _name(detail.get("body_part")),
        _name(event.get("position")),
        event["play_pattern"]["name"],
        event["possession"],
        x_m,
        y_m,
        end_x_m,
        end_y_m,
        x,
        y,
        end_x,
        end_y,
        any(not (0 <= each[0] <= 120 and 0 <= each[1] <= 80) for each in (location, end) if each),
        event.get("duration"),
        event.get("under_pressure", False),
        "goal" if detail.get("goal_assist") else "shot" if detail.get("shot_assist") else None,
        _name(detail.get("card")),
        detail.get("statsbomb_xg"),
        orjson.dumps(related) if related else None,
        orjson.dumps(detail) if detail else None,
        event.get("counterpress", False),
        event.get("out", False),
    )


def statsbombpy() -> Callable[[Sample], None]:
    """`statsbombpy.sb.events`, the data frame that its users get; the network replaced by `orjson.loads`."""
    import requests_cache
    from statsbombpy import api_client, public, sb

    requests_cache.uninstall_cache()  # type: ignore[no-untyped-call]
    warnings.filterwarnings("ignore", category=api_client.NoAuthWarning)

    def events(sample: Sample) -> None:
        public.get_response = lambda _path: orjson.loads(sample.events.content)
        sb.events(sample.listed.entry.match_id, creds={})

    return events


def kloppy() -> Callable[[Sample], None]:
    """`kloppy.statsbomb.load` in StatsBomb's own coordinates."""
    from kloppy import statsbomb  # type: ignore[import-untyped]

    def load(sample: Sample) -> None:
        with tempfile.TemporaryDirectory() as folder:
            events, lineups = Path(folder) / "events.json", Path(folder) / "lineups.json"
            events.write_bytes(sample.events.content)
            lineups.write_bytes(sample.lineups.content)
            statsbomb.load(event_data=str(events), lineup_data=str(lineups), coordinates="statsbomb")

    return load
