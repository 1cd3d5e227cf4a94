"""Writing simulated matches as a StatsBomb open-data folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from fotmate_assets.embedded.sample.statsbomb.match import SampleMatch
from fotmate_assets.embedded.sample.statsbomb.vocabulary import Json


def competition_row(
    competition_id: int = 9001,
    season_id: int = 901,
    name: str = "Simulated League",
    season: str = "2025/2026",
    *,
    updated: str = "2026-06-01T06:00:00.125000",
) -> Json:
    """A row of `competitions.json`."""
    return {
        "competition_id": competition_id,
        "season_id": season_id,
        "country_name": "Simulated",
        "competition_name": name,
        "competition_gender": "male",
        "competition_youth": False,
        "competition_international": False,
        "season_name": season,
        "match_updated": updated,
        "match_updated_360": updated,
        "match_available_360": updated,
        "match_available": updated,
    }


def write_json(path: Path, document: object) -> None:
    """Write compact UTF-8 JSON, making the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(document))


def write_match(folder: Path, match: SampleMatch) -> None:
    """Write `events/<id>.json`, `lineups/<id>.json` and, for a match with frames, `three-sixty/<id>.json`."""
    write_json(folder / "events" / f"{match.id}.json", match.events)
    write_json(folder / "lineups" / f"{match.id}.json", match.lineups)
    if match.frames is not None:
        write_json(folder / "three-sixty" / f"{match.id}.json", match.frames)


def write_season(folder: Path, competition: Json, matches: Sequence[SampleMatch]) -> None:
    """Write a season: its matches file, every match, and its row in `competitions.json` (kept beside other rows).

    `competition` is a row as `competition_row` makes it; it is stamped on every match.
    """
    stamp = {
        "competition": {key: competition[key] for key in ("competition_id", "country_name", "competition_name")},
        "season": {key: competition[key] for key in ("season_id", "season_name")},
    }
    competition_id, season_id = competition["competition_id"], competition["season_id"]
    write_json(
        folder / "matches" / str(competition_id) / f"{season_id}.json",
        [{**match.match, **stamp} for match in matches],
    )
    for match in matches:
        write_match(folder, match)
    catalogue = folder / "competitions.json"
    rows: list[Json] = msgspec.json.decode(catalogue.read_bytes()) if catalogue.exists() else []
    key = (competition_id, season_id)
    rows = [row for row in rows if (row["competition_id"], row["season_id"]) != key]
    write_json(catalogue, [*rows, competition])
