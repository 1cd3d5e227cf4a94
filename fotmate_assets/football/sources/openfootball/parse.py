"""football.json documents to fixtures; the format is told in the package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.football.model import (
    Competition,
    Match,
    MatchAggregate,
    MatchStatus,
    Season,
    Team,
    season_key,
    slug,
)

PROVIDER = "openfootball"


class League(NamedTuple):
    """A league that a file's code names, and the zone of its clock times."""

    competition: Competition
    zone: str


def _league(name: str, country: str | None, zone: str) -> League:
    return League(Competition(slug(name), name, country, "male" if country else None), zone)


LEAGUES: Mapping[str, League] = {
    "en.1": _league("Premier League", "England", "Europe/London"),
    "en.2": _league("Championship", "England", "Europe/London"),
    "de.1": _league("1. Bundesliga", "Germany", "Europe/Berlin"),
    "es.1": _league("La Liga", "Spain", "Europe/Madrid"),
    "fr.1": _league("Ligue 1", "France", "Europe/Paris"),
    "it.1": _league("Serie A", "Italy", "Europe/Rome"),
    "sim.1": _league("Simulated League", None, "UTC"),
}
"""Known codes, named as StatsBomb names the competitions so that both meet in one season partition.

`sim.1` is the simulated league of the embedded sample, not openfootball's.
"""

DOCUMENT = re.compile(r"(?:.*/)?(?P<folder>(?P<start>\d{4})(?:-(?P<end>\d{2}))?)/(?P<code>[a-z]+\.\d)\.json")
MATCHDAY = re.compile(r"Matchday (\d+)")

STATUSES: Mapping[str, MatchStatus] = {
    "postponed": "postponed",
    "suspended": "postponed",
    "abandoned": "postponed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
"""A match broken off is to be played again, unless its result is awarded: status `awarded`."""


class _Fixture(msgspec.Struct):
    date: str
    team1: str
    team2: str
    round: str | None = None
    time: str | None = None
    score: dict[str, msgspec.Raw] | None = None
    status: str | None = None


class _SeasonFile(NamedTuple):
    """What a document's name says."""

    league: League
    season: str
    """`2025/2026`, or `2025` for a season within one year."""
    prefix: str
    """`2025-26/en.1`."""


def season_of(document_name: str) -> Season:
    """The season that a file such as `2025-26/en.1.json` holds: `premier-league_2025-2026`.

    Raises SourceError (malformed) for another kind of name, an unknown league code, and a season
    that does not end in the year after its start.
    """
    file = _season_file(document_name)
    competition = file.league.competition
    return Season(season_key(competition.slug, file.season), competition, file.season)


def _season_file(document_name: str) -> _SeasonFile:
    def fail(reason: str) -> SourceError:
        return SourceError(Verdict.MALFORMED, PROVIDER, document_name, reason, field="document name")

    matched = DOCUMENT.fullmatch(document_name)
    if matched is None or matched["code"] not in LEAGUES:
        raise fail(f"not a season file of a known league ({', '.join(LEAGUES)})")
    folder, code, start, end = matched["folder"], matched["code"], matched["start"], matched["end"]
    season = start
    if end:
        if (int(start) + 1) % 100 != int(end):
            raise fail(f"{end} is not the year after {start}")
        season = f"{start}/{int(start) + 1}"
    return _SeasonFile(LEAGUES[code], season, f"{folder}/{code}")


def parse_season(document: RawDocument, season_key: str) -> list[MatchAggregate]:
    """Every fixture of a season file, in file order, without events.

    `kick_off` is aware, in the league's zone. A match with `ft` (or, after extra time, `et`) is played;
    `provider_match_id` is `2025-26/en.1/liverpool-fc/afc-bournemouth`.
    Raises SourceError (malformed) naming `matches[N].field`, N 0-based, for a fixture told twice, a
    score that is not two whole numbers, and a date or time that cannot be read.
    """
    file = _season_file(document.name)
    try:
        content = msgspec.json.decode(document.content, type=dict[str, msgspec.Raw])
        items = msgspec.json.decode(content["matches"], type=list[msgspec.Raw])
    except (msgspec.DecodeError, KeyError) as error:
        raise document.malformed(f"no list of matches: {error}", "matches") from None
    aggregates: dict[str, MatchAggregate] = {}
    spelling: dict[str, str] = {}
    for at, item in enumerate(items):
        where = f"matches[{at}]"
        aggregate = _aggregate(document, item, where, file, season_key)
        match = aggregate.match
        for side, team in (("team1", match.home), ("team2", match.away)):
            if spelling.setdefault(team.provider_id, team.name) != team.name:
                reason = f"{team.name!r} and {spelling[team.provider_id]!r} cannot be told apart"
                raise document.malformed(reason, f"{where}.{side}")
        if match.provider_match_id in aggregates:
            raise document.malformed(f"fixture {match.home.name} - {match.away.name} is told twice", where)
        aggregates[match.provider_match_id] = aggregate
    return list(aggregates.values())


def _aggregate(
    document: RawDocument, item: msgspec.Raw, where: str, file: _SeasonFile, season_key: str
) -> MatchAggregate:
    try:
        fixture = msgspec.json.decode(item, type=_Fixture)
    except msgspec.DecodeError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise document.malformed(reason, where + path.rstrip("`")) from None
    home, away = (
        _team(document, name, f"{where}.{side}", file.league)
        for side, name in (("team1", fixture.team1), ("team2", fixture.team2))
    )
    if home == away:
        raise document.malformed(f"{home.name} against itself", f"{where}.team2")
    day = _date(document, fixture.date, f"{where}.date")
    scores = {
        kind: _score(document, fixture.score[kind], f"{where}.score.{kind}")
        for kind in ("ft", "et", "p")
        if fixture.score and kind in fixture.score
    }
    result = scores.get("et") or scores.get("ft")
    if "p" in scores and result is None:
        raise document.malformed("a shoot-out without a score", f"{where}.score")
    status, warnings = _status(fixture.status, has_result=result is not None, where=where)
    matchday = MATCHDAY.fullmatch(fixture.round or "")
    return MatchAggregate(
        match=Match(
            provider=PROVIDER,
            provider_match_id=f"{file.prefix}/{home.provider_id}/{away.provider_id}",
            season_key=season_key,
            match_date=day,
            kick_off=_kick_off(document, day, fixture.time, f"{where}.time", file.league.zone),
            matchday=int(matchday[1]) if matchday else None,
            home=home,
            away=away,
            status=status,
            home_score=result[0] if result else None,
            away_score=result[1] if result else None,
            home_shootout=scores["p"][0] if "p" in scores else None,
            away_shootout=scores["p"][1] if "p" in scores else None,
            stage=None if matchday else fixture.round,
        ),
        warnings=warnings,
    )


def _team(document: RawDocument, name: str, field: str, league: League) -> Team:
    identity = slug(name)
    if not identity:
        raise document.malformed(f"{name!r} is not a team name", field)
    return Team(identity, name, league.competition.gender)


def _date(document: RawDocument, text: str, field: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise document.malformed(f"{text!r} is not a date", field) from None


def _kick_off(document: RawDocument, day: date, text: str | None, field: str, zone: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - the league's zone is added below
    except ValueError:
        raise document.malformed(f"{text!r} is not a time", field) from None
    return datetime.combine(day, time(at.hour, at.minute), ZoneInfo(zone))


def _score(document: RawDocument, value: msgspec.Raw, field: str) -> tuple[int, int]:
    try:
        home, away = msgspec.json.decode(value, type=tuple[int, int], strict=True)
    except msgspec.DecodeError as error:
        raise document.malformed(f"not two whole numbers: {error}", field) from None
    if home < 0 or away < 0:
        raise document.malformed("a negative score", field)
    return home, away


def _status(word: str | None, *, has_result: bool, where: str) -> tuple[MatchStatus, tuple[str, ...]]:
    if word and word in STATUSES:
        return STATUSES[word], ()
    status: MatchStatus = "played" if has_result else "scheduled"
    is_known = word in (None, "awarded")
    return status, () if is_known else (f"{where}.status: unknown status {word!r}, taken as {status}",)
