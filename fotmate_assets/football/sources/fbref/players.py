"""Season player tables (`stats_standard`, `stats_keeper`, ...), one row per player and club."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fotmate_assets.core.model import RawDocument
from fotmate_assets.football.sources.fbref.page import Page, Row, linked_id, linked_team

TEXT_COLUMNS = frozenset({"ranker", "player", "nationality", "position", "team", "age", "birth_year", "matches"})


class PlayerSeasonRow(NamedTuple):
    """One player's season at one club; who changed clubs has a row for each."""

    player: str
    name: str
    team: str
    team_name: str
    nation: str | None
    """Three-letter code, as FBref shows it: `ENG`."""
    position: str | None
    """`DF` or `FW,MF`."""
    birth_year: int | None
    stats: Mapping[str, int | float]
    """By FBref's `data-stat` name; blank cells are left out."""


def parse_player_table(document: RawDocument) -> list[PlayerSeasonRow]:
    """Read the player table of a season statistics page, live or inside an HTML comment.

    Raises SourceError: `BLOCKED` for a challenge page, `MALFORMED`, naming table and column, when the page has not
    exactly one player table or a row cannot be read.
    """
    page = Page(document)
    tables = [
        table for table in page.tables.values() if table.id.startswith("stats_") and {"player", "team"} <= table.columns
    ]
    if len(tables) != 1:
        raise page.malformed(f"{len(tables)} player tables where one is expected", "stats_*.player")
    tables[0].require("player", "team", "nationality", "position", "birth_year")
    return [_row(row) for row in tables[0].rows]


def _row(row: Row) -> PlayerSeasonRow:
    page, table = row.table.page, row.table.id
    player = row.cell("player").attributes.get("data-append-csv") or linked_id(row.cell("player"), "players")
    team = linked_team(row.cell("team"))
    if not player or not team:
        column = "team" if player else "player"
        raise page.malformed(f"no id for {row.text(column)!r}", f"{table}.{column}")
    numbers = {stat: row.number(stat) for stat in row.stats if stat not in TEXT_COLUMNS}
    return PlayerSeasonRow(
        player=player,
        name=row.text("player"),
        team=team.provider_id,
        team_name=team.name,
        nation=row.text("nationality").rpartition(" ")[2] or None,
        position=row.text("position") or None,
        birth_year=row.integer("birth_year"),
        stats={stat: value for stat, value in numbers.items() if value is not None},
    )
