"""Schedule tables: of a season (`sched_2025-2026_9_1`) and of a date (`sched_2025-2026_9`, one per competition)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

from fotmate_assets.core.model import RawDocument
from fotmate_assets.football.model import Match, MatchAggregate, MatchStatus, Team, slug
from fotmate_assets.football.sources.fbref.page import SOURCE, Page, Row, Table, linked_id, linked_team

TABLE_ID = re.compile(r"sched_(\d{4}(?:-\d{4})?|all)_(\d+)(?:_\d+)?")
SCORE = re.compile(r"(?:\((?P<home_shootout>\d+)\) )?(?P<home>\d+)[–-](?P<away>\d+)(?: \((?P<away_shootout>\d+)\))?")
REQUIRED_COLUMNS = ("start_time", "home_team", "score", "away_team", "venue", "referee", "match_report", "notes")


def parse_schedule(document: RawDocument, season_key: str) -> list[MatchAggregate]:
    """The matches of one season on a schedule or date page, in page order, without lineups and events.

    On a date page only the competition of `season_key` is read. FBref numbers a match when it is played: until
    then `provider_match_id` is `{home squad}_{away squad}_{date}`, which is no FBref id and does not last.

    Raises SourceError: `BLOCKED` for a challenge page; `MALFORMED`, naming table and column, when the page has no
    schedule of that season or a row cannot be read.
    """
    page = Page(document)
    tables = _tables_of(page, season_key)
    matches = []
    for table in tables:
        table.require(*REQUIRED_COLUMNS)
        matches += [MatchAggregate(_match(row, season_key)) for row in table.rows]
    return matches


def _tables_of(page: Page, season_key: str) -> list[Table]:
    competition, season = season_key.rsplit("_", 1)
    schedules = [(table, found) for table in page.tables.values() if (found := TABLE_ID.fullmatch(table.id))]
    if len({found[2] for _, found in schedules}) > 1:
        schedules = [(table, found) for table, found in schedules if _competition_slug(table) == competition]
    chosen = [table for table, found in schedules if found[1] == season]
    if not chosen:
        raise page.malformed(f"no schedule of {season_key}", f"sched_{season}_*")
    return chosen


def _competition_slug(table: Table) -> str:
    link = table.node.css_first('caption a[href*="/comps/"]')
    return slug(link.text()) if link else ""


class _Result(NamedTuple):
    home: int | None = None
    away: int | None = None
    home_shootout: int | None = None
    away_shootout: int | None = None


def _match(row: Row, season_key: str) -> Match:
    home, away = _team(row, "home_team"), _team(row, "away_team")
    day, kick_off = _when(row)
    result = _result(row)
    match_id = linked_id(row.cell("match_report"), "matches") or linked_id(row.cell("score"), "matches")
    gameweek = row.text("gameweek") if "gameweek" in row else ""
    return Match(
        provider=SOURCE,
        provider_match_id=match_id or f"{home.provider_id}_{away.provider_id}_{day}",
        season_key=season_key,
        match_date=day,
        kick_off=kick_off,
        matchday=int(gameweek) if gameweek.isdecimal() else None,
        home=home,
        away=away,
        status=_status(row, result),
        home_score=result.home,
        away_score=result.away,
        home_shootout=result.home_shootout,
        away_shootout=result.away_shootout,
        stage=None if gameweek.isdecimal() or "round" not in row else row.text("round") or None,
        venue=row.text("venue") or None,
        referee=row.text("referee") or None,
    )


def _team(row: Row, column: str) -> Team:
    team = linked_team(row.cell(column))
    if team is None:
        raise row.table.page.malformed(f"no squad id for {row.text(column)!r}", f"{row.table.id}.{column}")
    return team


def _result(row: Row) -> _Result:
    text = row.text("score")
    if not text:
        return _Result()
    found = SCORE.fullmatch(text)
    if not found:
        raise row.table.page.malformed(f"{text!r} is no score", f"{row.table.id}.score")
    return _Result(**{side: int(goals) for side, goals in found.groupdict().items() if goals})


def _status(row: Row, result: _Result) -> MatchStatus:
    if result.home is not None:
        return "played"
    notes = row.text("notes").lower()
    if "postponed" in notes:
        return "postponed"
    return "cancelled" if "cancelled" in notes else "scheduled"


def _when(row: Row) -> tuple[date, datetime | None]:
    """The venue's date, of the row or, on a date page, of its heading; and the kick-off where it is known."""
    page, where = row.table.page, f"{row.table.id}.{'date' if 'date' in row else 'start_time'}"
    epoch = row.cell("start_time").css_first("[data-venue-epoch]")
    heading = page.tree.css_first("h1")
    on_date_page = re.search(r"\w+ \d{1,2}, \d{4}$", heading.text(strip=True)) if heading else None
    try:
        if "date" in row:
            day = date.fromisoformat(row.text("date"))
        elif on_date_page:
            day = datetime.strptime(f"{on_date_page[0]} +0000", "%B %d, %Y %z").date()
        else:
            raise page.malformed("neither the row nor the page tells the date", where)
        instant = epoch.attributes.get("data-venue-epoch") if epoch else None
        return day, datetime.fromtimestamp(int(instant), UTC) if instant else None
    except ValueError as error:
        raise page.malformed(str(error), where) from None
