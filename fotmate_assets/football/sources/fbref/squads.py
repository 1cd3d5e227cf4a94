"""One side of a match report: lineup, players, and the per-team tables merged by player id."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from fotmate_assets.football.model import Card, Event, Lineup, Match, Player, PlayerMatchStats
from fotmate_assets.football.sources.fbref.page import Page, Row, Table, clean_text, linked_id

IDENTITY_COLUMNS = frozenset({"player", "shirtnumber", "nationality", "position", "age", "minutes"})
REQUIRED_COLUMNS = (
    *("player", "shirtnumber", "nationality", "position", "age", "minutes"),
    *("goals", "assists", "shots", "shots_on_target", "cards_yellow", "cards_red"),
)
"""Columns of the summary table, before and after the Opta data went."""

COUNTS = {
    "goals": "goals",
    "own_goals": "own_goals",
    "assists": "assists",
    "shots": "shots",
    "shots_on_target": "shots_on_target",
    "passes": "passes",
    "passes_completed": "passes_completed",
    "assisted_shots": "key_passes",
    "tackles": "tackles",
    "interceptions": "interceptions",
    "clearances": "clearances",
    "fouls": "fouls_committed",
    "fouled": "fouls_won",
    "cards_yellow": "yellow_cards",
    "cards_red": "red_cards",
}
"""FBref's `data-stat` of each count in `PlayerMatchStats`; every other column goes into `advanced`."""

SUBSTITUTE_MARK = "\N{NO-BREAK SPACE}" * 3
"""What the name of a player who came on starts with in the tables."""


class Squad(NamedTuple):
    """What a match report says about one side."""

    players: tuple[Player, ...]
    lineups: tuple[Lineup, ...]
    stats: tuple[PlayerMatchStats, ...]
    warnings: tuple[str, ...]


def parse_squad(page: Page, match: Match, team: str, side: str, events: Iterable[Event]) -> Squad:
    """Read the side `a` (home) or `b` (away) whose squad id is `team`.

    Without a lineup box, as in lesser competitions, the lineup is taken from the summary table, which marks
    substitutes, and a warning says so. Raises SourceError (malformed) naming table and column.
    """
    summary = page.table(f"stats_{team}_summary")
    summary.require(*REQUIRED_COLUMNS)
    rows = {_player_id(row): row for row in summary.rows}
    cards: dict[str, list[Card]] = {}
    for event in events:
        if event.card and event.player:
            cards.setdefault(event.player, []).append(Card(event.card, event.period, event.minute * 60))
    named = _lineup_box(page, side)
    warnings = [] if named else [f"stats_{team}_summary: no lineup on the page; taken from this table"]
    named = named or [_named_in_table(row) for row in summary.rows]
    lineups = tuple(
        Lineup(
            team=team,
            player=member.player,
            shirt_number=member.shirt_number,
            is_starter=member.is_starter,
            position=rows[member.player].text("position").partition(",")[0] or None if member.player in rows else None,
            cards=tuple(cards.get(member.player, ())),
        )
        for member in named
    )
    players = {player: _player(player, row, match) for player, row in rows.items()}
    bench = {member.player: Player(member.player, member.name) for member in named if member.player not in players}
    stats, stats_warnings = _stats(page, team, summary, events)
    return Squad(tuple((players | bench).values()), lineups, stats, (*warnings, *stats_warnings))


def birth_date(age: str, on: date) -> date | None:
    """The date of birth of someone who is `age` (`23-056`, years and days) on a date.

    None for an age without days, and where the last birthday may be a 29 February moved to its neighbour.
    """
    found = re.fullmatch(r"(\d+)-(\d+)", age)
    if not found:
        return None
    birthday = on - timedelta(days=int(found[2]))
    year = birthday.year - int(found[1])
    may_have_moved = (birthday.month, birthday.day) in ((2, 28), (3, 1)) and not calendar.isleap(birthday.year)
    if calendar.isleap(year) and may_have_moved:
        return None
    try:
        return birthday.replace(year=year)
    except ValueError:  # a 29 February in a year that has none
        return None


class _Named(NamedTuple):
    player: str
    name: str
    shirt_number: int | None
    is_starter: bool


def _lineup_box(page: Page, side: str) -> list[_Named]:
    box = page.tree.css_first(f"div.lineup#{side}")
    named = []
    is_starter = True
    for row in box.css("tr") if box else ():
        header, cells = row.css_first("th"), row.css("td")
        if header:
            is_starter = clean_text(header) != "Bench"
        elif cells:
            player, number = linked_id(row, "players"), clean_text(cells[0])
            if player is None:
                raise page.malformed(f"no player id in {clean_text(row)!r}", f"div.lineup#{side}")
            named.append(_Named(player, clean_text(cells[1]), int(number) if number.isdecimal() else None, is_starter))
    return named


def _named_in_table(row: Row) -> _Named:
    name = row.cell("player").text()
    return _Named(_player_id(row), row.text("player"), row.integer("shirtnumber"), not name.startswith(SUBSTITUTE_MARK))


def _player_id(row: Row) -> str:
    player = row.cell("player").attributes.get("data-append-csv") or linked_id(row.cell("player"), "players")
    if not player:
        raise row.table.page.malformed(f"no player id for {row.text('player')!r}", f"{row.table.id}.player")
    return player


def _player(player: str, row: Row, match: Match) -> Player:
    link = row.cell("nationality").css_first('a[href*="/country/"]')
    address = (link.attributes.get("href") or "") if link else ""
    country = re.search(r"/country/[A-Z]+/(.+)-Football$", address)
    return Player(
        provider_id=player,
        name=row.text("player"),
        country=country[1].replace("-", " ") if country else None,
        birth_date=birth_date(row.text("age"), match.match_date) if match.match_date else None,
    )


def _stats(
    page: Page, team: str, summary: Table, events: Iterable[Event]
) -> tuple[tuple[PlayerMatchStats, ...], list[str]]:
    """The numbers of all tables of a team; where two tables repeat a column, the first stands."""
    tables = [
        table
        for table in page.tables.values()
        if table.id.startswith(f"stats_{team}_") or table.id == f"keeper_stats_{team}"
    ]
    columns = frozenset[str]().union(*(table.columns for table in tables))
    numbers: dict[str, dict[str, int | float]] = {_player_id(row): {} for row in summary.rows}
    blank = set()
    for table in tables:
        for row in table.rows:
            player = numbers.setdefault(_player_id(row), {})
            for stat in row.stats:
                if stat in IDENTITY_COLUMNS - {"minutes"}:
                    continue
                value = row.integer(stat) if stat in COUNTS else row.number(stat)
                if value is not None:
                    player.setdefault(stat, value)
                elif stat in COUNTS:
                    blank.add(f"{table.id}.{stat}")
    own_goals = [event.player for event in events if event.event_type == "Own Goal Against"]
    if "own_goals" not in columns:
        for scorer in own_goals:
            if scorer in numbers:
                numbers[scorer]["own_goals"] = own_goals.count(scorer)
    missing = sorted(COUNTS.keys() - columns - {"own_goals"})
    warnings = [f"the page has no column {stat}: counted 0" for stat in missing]
    warnings += [f"{column}: blank cells counted 0" for column in sorted(blank)]
    return tuple(_player_stats(team, player, of_player) for player, of_player in numbers.items()), warnings


def _player_stats(team: str, player: str, numbers: dict[str, int | float]) -> PlayerMatchStats:
    counts = {field: int(numbers.get(stat, 0)) for stat, field in COUNTS.items()}
    advanced = {stat: value for stat, value in numbers.items() if stat not in COUNTS and stat not in ("minutes", "xg")}
    return PlayerMatchStats(
        team=team,
        player=player,
        minutes=numbers.get("minutes"),
        xg=numbers.get("xg"),
        advanced=advanced or None,
        **counts,
    )
