"""A match report page as one aggregate: the scorebox here, events and squads in their own modules."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from selectolax.lexbor import LexborNode

from fotmate_assets.core.model import RawDocument
from fotmate_assets.football.model import Match, MatchAggregate, Team, scoreline
from fotmate_assets.football.sources.fbref.events import parse_events
from fotmate_assets.football.sources.fbref.page import SOURCE, Page, clean_text, linked_team
from fotmate_assets.football.sources.fbref.squads import parse_squad


def parse_match(document: RawDocument, season_key: str) -> MatchAggregate:
    """Read a match report page.

    The event vocabulary is mapped onto StatsBomb's: a goal is a `Shot`, an own goal an `Own Goal Against` of the
    player's side and an `Own Goal For` of the other, a card a `Bad Behaviour`. FBref knows no coordinates, no
    seconds and no event ids; `details` keeps its shown minute, running score and assist. Counts whose column the
    page lacks are 0 and told in `warnings`.

    Raises SourceError: `BLOCKED` for a challenge page; `MALFORMED`, naming table and column or the element, when
    something is missing or unreadable, when an event is of an unknown kind, or when the goals of the events do
    not add up to the score.
    """
    page = Page(document)
    match = _match(page, season_key)
    if match.status != "played":
        return MatchAggregate(match)
    events = tuple(parse_events(page, match))
    told = scoreline(events, match.home.provider_id, match.away.provider_id)
    if (told.home, told.away) != (match.home_score, match.away_score):
        raise page.malformed(
            f"the events tell {told.home}-{told.away}, the scorebox {match.home_score}-{match.away_score}",
            "#events_wrap",
        )
    home, away = (
        parse_squad(page, match, team.provider_id, side, events)
        for team, side in zip((match.home, match.away), "ab", strict=True)
    )
    return MatchAggregate(
        match,
        players=home.players + away.players,
        lineups=home.lineups + away.lineups,
        events=events,
        stats=home.stats + away.stats,
        warnings=tuple(dict.fromkeys(home.warnings + away.warnings)),
    )


def _match(page: Page, season_key: str) -> Match:
    address = page.one('link[rel="canonical"]').attributes.get("href") or ""
    found = re.search(r"/matches/([0-9a-f]{8})", address)
    if not found:
        raise page.malformed(f"no match id in {address!r}", "link[rel=canonical]")
    scorebox = page.one("div.scorebox")
    sides = [div for div in scorebox.iter() if div.css_first('a[href*="/squads/"]') and div.css_first("div.scores")]
    if len(sides) != 2:
        raise page.malformed(f"{len(sides)} sides", "div.scorebox")
    home, away = (_team(page, side) for side in sides)
    scores = [_score(page, side, "score") for side in sides]
    shootout = [_score(page, side, "score_pen") for side in sides]
    meta = page.one("div.scorebox_meta", scorebox)
    labelled = _labelled(meta)
    match_date, kick_off = _kick_off(page, meta)
    round_name = _round(meta)
    week = re.fullmatch(r"Matchweek (\d+)", round_name or "")
    officials = re.search(r"([^·]+?)\s*\(Referee\)", labelled.get("Officials", ""))
    return Match(
        provider=SOURCE,
        provider_match_id=found[1],
        season_key=season_key,
        match_date=match_date,
        kick_off=kick_off,
        matchday=int(week[1]) if week else None,
        home=home,
        away=away,
        status="scheduled" if None in scores else "played",
        home_score=scores[0],
        away_score=scores[1],
        home_shootout=shootout[0],
        away_shootout=shootout[1],
        stage=None if week else round_name,
        venue=labelled.get("Venue"),
        referee=officials[1].strip() if officials else None,
    )


def _team(page: Page, side: LexborNode) -> Team:
    team = linked_team(side)
    if team is None:
        raise page.malformed("no squad id", "div.scorebox a")
    return team


def _score(page: Page, side: LexborNode, name: str) -> int | None:
    node = side.css_first(f"div.{name}")
    text = clean_text(node) if node else ""
    if not text:
        return None
    if not text.isdecimal():
        raise page.malformed(f"{text!r} is not a number of goals", f"div.scorebox div.{name}")
    return int(text)


def _labelled(meta: LexborNode) -> dict[str, str]:
    """`Attendance`, `Venue`, `Officials` and what else the scorebox labels, by label."""
    entries = {}
    for div in meta.iter():
        label, value = div.css_first("strong small"), div.css("small")
        if label and len(value) > 1:
            entries[clean_text(label)] = clean_text(value[-1])
    return entries


def _kick_off(page: Page, meta: LexborNode) -> tuple[date, datetime | None]:
    """The venue's date and the instant of the kick-off, None where FBref knows the day only."""
    venue_time = meta.css_first("span.venuetime")
    epoch = venue_time.attributes.get("data-venue-epoch") if venue_time else None
    link = re.search(r"/matches/(\d{4}-\d{2}-\d{2})", meta.html or "")
    day = (venue_time.attributes.get("data-venue-date") if venue_time else None) or (link[1] if link else "")
    try:
        return date.fromisoformat(day), datetime.fromtimestamp(int(epoch), UTC) if epoch else None
    except ValueError as error:
        raise page.malformed(str(error), "span.venuetime") from None


def _round(meta: LexborNode) -> str | None:
    """What stands in brackets after the competition: `Matchweek 1`, `Quarter-finals`."""
    for div in meta.iter():
        found = re.search(r"\(([^()]+)\)$", clean_text(div)) if div.css_first('a[href*="/comps/"]') else None
        if found:
            return found[1]
    return None
