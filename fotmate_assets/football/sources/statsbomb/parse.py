"""StatsBomb documents to the domain model.

One call per match: `parse_match` takes the match's entry of its season file, its events and, where
published, its lineups, and returns the whole aggregate or raises SourceError.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from fotmate_assets.core.model import RawDocument, SourceError
from fotmate_assets.football.model import (
    PERIOD_START_MINUTE,
    Competition,
    Coordinates,
    Event,
    Match,
    MatchAggregate,
    MatchStatus,
    Season,
    Team,
    scoreline,
    season_key,
    slug,
)
from fotmate_assets.football.sources.statsbomb import schema
from fotmate_assets.football.sources.statsbomb.schema import SOURCE, MatchEntry, StatsBombEvent, decode, malformed
from fotmate_assets.football.sources.statsbomb.squads import (
    squads_from_events,
    squads_of,
    strangers_of,
    with_starters,
)
from fotmate_assets.football.stats import player_match_stats

PARSER_VERSION = "1"
"""Part of every match's revision: raising it rewrites all matches from the raw zone."""

GRID_LENGTH, GRID_WIDTH = 120.0, 80.0

ZONE_OF_COUNTRY = {
    "Argentina": "America/Argentina/Buenos_Aires",
    "England": "Europe/London",
    "France": "Europe/Paris",
    "Germany": "Europe/Berlin",
    "India": "Asia/Kolkata",
    "Italy": "Europe/Rome",
    "Qatar": "Asia/Qatar",
    "Scotland": "Europe/London",
    "Spain": "Europe/Madrid",
    "Wales": "Europe/London",
}
"""Countries with one time zone; elsewhere the kick-off stays null, since StatsBomb gives local time only."""


class CatalogueSeason(NamedTuple):
    """A season that StatsBomb offers, with StatsBomb's own ids."""

    season: Season
    competition_id: int
    season_id: int

    @property
    def matches_document(self) -> str:
        """Name of the document that lists its matches."""
        return f"matches/{self.competition_id}/{self.season_id}.json"


def parse_competitions(document: RawDocument) -> list[CatalogueSeason]:
    """Every season of `competitions.json`, its key unique: a shared name gets the country in front."""
    entries = decode(schema.competitions_decoder, document.content, document.name)
    countries: dict[str, set[int]] = {}
    for entry in entries:
        countries.setdefault(slug(entry.competition_name), set()).add(entry.competition_id)
    found: dict[str, CatalogueSeason] = {}
    for index, entry in enumerate(entries):
        name = slug(entry.competition_name)
        if len(countries[name]) > 1:
            name = slug(f"{entry.country_name} {entry.competition_name}")
        competition = Competition(
            slug=name,
            name=entry.competition_name,
            country=entry.country_name,
            gender=entry.competition_gender,
            is_youth=entry.competition_youth,
            is_international=entry.competition_international,
        )
        try:
            season = Season(season_key(name, entry.season_name), competition, entry.season_name)
            if season.key in found:
                raise ValueError(f"two seasons make the key {season.key}")
        except ValueError as error:
            raise malformed(
                document.name, str(error), field=f"[{index}].season_name", content=document.content
            ) from None
        found[season.key] = CatalogueSeason(season, entry.competition_id, entry.season_id)
    return list(found.values())


class ListedMatch(NamedTuple):
    """A match as its season lists it, with the bytes that say so."""

    entry: MatchEntry
    slice: bytes


def parse_match_list(document: RawDocument) -> dict[int, ListedMatch]:
    """The matches of `matches/<competition>/<season>.json` by match id."""
    listed: dict[int, ListedMatch] = {}
    slices = decode(schema.slices_decoder, document.content, document.name)
    for index, raw in enumerate(slices):
        entry = decode(schema.match_decoder, raw, document.name, f"[{index}]", document.content)
        if entry.match_id in listed:
            raise malformed(
                document.name, f"match {entry.match_id} twice", field=f"[{index}].match_id", content=document.content
            )
        listed[entry.match_id] = ListedMatch(entry, bytes(raw))
    return listed


def fixture(listed: ListedMatch, key: str) -> Match:
    """The match as its season lists it. Raises SourceError for a field that cannot be used."""
    try:
        return _match(listed.entry, key)
    except SourceError as error:
        error.content = listed.slice
        raise


def parse_match(
    listed: ListedMatch, key: str, events: RawDocument | None, lineups: RawDocument | None
) -> MatchAggregate:
    """One match, whole.

    Without `events` the match is a fixture. Without `lineups` (older open data) the squads are those
    that the Starting XI and substitution events name, and the aggregate carries a warning.
    """
    entry, match = listed.entry, fixture(listed, key)
    if events is None:
        return MatchAggregate(match)
    decoded = schema.EventDocument(events.content, events.name)
    if not decoded:
        reason = "the match is available, but the list of its events is empty"
        raise malformed(events.name, reason, content=events.content)
    rows = _events(events, decoded, match, _cell(entry, decoded))
    rows.sort(key=attrgetter("index"))
    warnings = []
    if lineups is None:
        players, squads = squads_from_events(events, decoded)
        warnings.append("no lineups document: the squads are those that the events name")
    else:
        players, squads = squads_of(lineups, match)
        if any(member.is_starter is None for member in squads):
            squads = with_starters(squads, squads_from_events(events, decoded)[1])
    strangers = strangers_of(rows, decoded, players)
    if strangers:
        players += strangers
        warnings.append(f"in no squad, but in the events: {', '.join(player.name for player in strangers)}")
    late = sum(b.period == a.period and b.timestamp_ms < a.timestamp_ms for a, b in pairwise(rows))
    if late:
        warnings.append(f"{late} events carry an earlier clock than the event before them")
    score = scoreline(rows, match.home.provider_id, match.away.provider_id)
    if score.has_shootout:
        match = replace(match, home_shootout=score.home_shootout, away_shootout=score.away_shootout)
    return MatchAggregate(
        match=match,
        players=players,
        lineups=squads,
        events=tuple(rows),
        stats=player_match_stats(rows, squads),
        warnings=tuple(warnings),
    )


def parse_frames(document: RawDocument) -> list[schema.Frame]:
    """The 360 frames of a match: who stood where at an event, in StatsBomb's grid."""
    return decode(schema.frames_decoder, document.content, document.name)


_STATUS: dict[str, MatchStatus] = {
    "available": "played",
    "scheduled": "scheduled",
    "processing": "played",
    "collecting": "played",
    "postponed": "postponed",
    "cancelled": "cancelled",
    "deleted": "cancelled",
}


def _match(entry: MatchEntry, key: str) -> Match:
    document = f"matches/{entry.competition.competition_id}/{entry.season.season_id}.json"
    where = f"match {entry.match_id} "
    try:
        match_date = date.fromisoformat(entry.match_date)
    except ValueError as error:
        raise malformed(document, str(error), field=where + "match_date") from None
    if entry.match_status not in _STATUS:
        raise malformed(document, f"unknown status {entry.match_status!r}", field=where + "match_status")
    home, away = entry.home_team, entry.away_team
    return Match(
        provider=SOURCE,
        provider_match_id=str(entry.match_id),
        season_key=key,
        match_date=match_date,
        kick_off=_kick_off(entry, match_date, document),
        matchday=entry.match_week,
        home=Team(
            str(home.home_team_id),
            home.home_team_name,
            home.home_team_gender,
            home.country.name if home.country else None,
        ),
        away=Team(
            str(away.away_team_id),
            away.away_team_name,
            away.away_team_gender,
            away.country.name if away.country else None,
        ),
        status=_STATUS[entry.match_status],
        home_score=entry.home_score,
        away_score=entry.away_score,
        stage=entry.competition_stage.name if entry.competition_stage else None,
        venue=entry.stadium.name if entry.stadium else None,
        referee=entry.referee.name if entry.referee else None,
        updated_at=_updated_at(entry, document),
    )


def _kick_off(entry: MatchEntry, match_date: date, document: str) -> datetime | None:
    """StatsBomb gives local time without a zone: the stadium's country decides, else the competition's."""
    country = entry.competition.country_name
    if entry.stadium and entry.stadium.country:
        country = entry.stadium.country.name
    zone = ZONE_OF_COUNTRY.get(country)
    if entry.kick_off is None or zone is None:
        return None
    try:
        return datetime.combine(match_date, time.fromisoformat(entry.kick_off), ZoneInfo(zone))
    except ValueError as error:
        raise malformed(document, str(error), field=f"match {entry.match_id} kick_off") from None


def _updated_at(entry: MatchEntry, document: str) -> datetime | None:
    if entry.last_updated is None:
        return None
    try:
        updated = datetime.fromisoformat(entry.last_updated)
    except ValueError as error:
        raise malformed(document, str(error), field=f"match {entry.match_id} last_updated") from None
    return updated.replace(tzinfo=UTC) if updated.tzinfo is None else updated.astimezone(UTC)


def _cell(entry: MatchEntry, events: Iterable[StatsBombEvent]) -> float:
    """Size of one cell of the coordinate grid: 1 in fidelity 1, 0.1 in fidelity 2; asked of the data where unsaid."""
    fidelity = entry.metadata and entry.metadata.xy_fidelity_version
    if fidelity is None:
        coarse = all(value == int(value) for event in events for value in event.location or ())
        return 1.0 if coarse else 0.1
    return 1.0 if fidelity == "1" else 0.1


def _events(document: RawDocument, decoded: Iterable[StatsBombEvent], match: Match, cell: float) -> list[Event]:
    sides = {int(team.provider_id): team.provider_id for team in (match.home, match.away)}
    decode_detail = schema.detail_decoder.decode
    new = tuple.__new__  # of Event: half the cost of calling it
    ids: set[str] = set()
    rows: list[Event] = []
    for position, event in enumerate(decoded):
        event_type = event.type.name
        subtype = outcome = body_part = assist = card = recipient = xg = end = raw = None
        try:
            if event_type not in schema.EVENT_TYPES:
                raise _FieldError("type.name", f"unknown event type {event_type!r}")
            if event.period not in PERIOD_START_MINUTE:
                raise _FieldError("period", f"unknown period {event.period}")
            team, possession_team = sides.get(event.team.id), sides.get(event.possession_team.id)
            if team is None or possession_team is None:
                field = "team" if team is None else "possession_team"
                raise _FieldError(f"{field}.id", f"team {getattr(event, field).id} does not play here")
            ids.add(event.id)
            if len(ids) == position:
                raise _FieldError("id", f"event id {event.id} twice")
            attribute = schema.DETAIL_OF_TYPE.get(event_type)
            if attribute and (raw := bytes(getattr(event, attribute)) or None):
                detail = decode_detail(raw)
                subtype = detail.type.name if detail.type else None
                outcome = detail.outcome.name if detail.outcome else None
                body_part = detail.body_part.name if detail.body_part else None
                card = detail.card.name if detail.card else None
                other = detail.recipient or detail.replacement
                recipient = str(other.id) if other else None
                xg = detail.statsbomb_xg
                end = detail.end_location
                if detail.goal_assist:
                    assist = "goal"
                elif detail.shot_assist:
                    assist = "shot"
                if detail.permanent:
                    outcome = "Permanent"
            x_m = y_m = x = y = end_x_m = end_y_m = end_x = end_y = None
            out_of_bounds = False
            if event.location is not None:
                x, y = event.location[0], event.location[1]
                x_m, y_m = _x_m(x, cell), _y_m(y, cell)
                out_of_bounds = not (0 <= x <= GRID_LENGTH and 0 <= y <= GRID_WIDTH)
            if end is not None:
                end_x, end_y = end[0], end[1]
                end_x_m, end_y_m = _x_m(end_x, cell), _y_m(end_y, cell)
                out_of_bounds |= not (0 <= end_x <= GRID_LENGTH and 0 <= end_y <= GRID_WIDTH)
            rows.append(
                new(
                    Event,
                    (
                        team,
                        str(event.player.id) if event.player else None,
                        recipient,
                        possession_team,
                        event.index,
                        event.id,
                        event.period,
                        schema.milliseconds(event.timestamp),
                        event.minute,
                        event.second,
                        event_type,
                        subtype,
                        outcome,
                        body_part,
                        event.position.name if event.position else None,
                        event.play_pattern.name,
                        event.possession,
                        x_m,
                        y_m,
                        end_x_m,
                        end_y_m,
                        x,
                        y,
                        end_x,
                        end_y,
                        out_of_bounds,
                        event.duration,
                        event.under_pressure,
                        assist,
                        card,
                        xg,
                        bytes(event.related_events) or None,
                        raw,
                        event.counterpress,
                        event.out,
                    ),
                )
            )
        except (_FieldError, ValueError, IndexError) as error:
            field, reason = _fault(event, error)
            raise malformed(document.name, reason, field=f"[{position}].{field}", content=document.content) from None
    return rows


@lru_cache(maxsize=4096)
def _x_m(x: float, cell: float) -> float:
    """The x of Coordinates.from_statsbomb; a grid has some 1,200 of them, a season hundreds of thousands of points."""
    return Coordinates.from_statsbomb(x, 0.0, cell).x_m


@lru_cache(maxsize=4096)
def _y_m(y: float, cell: float) -> float:
    """The y of Coordinates.from_statsbomb."""
    return Coordinates.from_statsbomb(0.0, y, cell).y_m


def _fault(event: StatsBombEvent, error: _FieldError | ValueError | IndexError) -> tuple[str, str]:
    """Path below the event, and reason, of what made its row fail."""
    if isinstance(error, _FieldError):
        return error.field, str(error)
    attribute = schema.DETAIL_OF_TYPE.get(event.type.name, "")
    key = schema.JSON_KEY.get(attribute, "")
    if isinstance(error, msgspec.ValidationError):
        reason, path = schema.located(error)
        return key + path, reason
    try:
        schema.milliseconds(event.timestamp)
    except ValueError:
        return "timestamp", f"{event.timestamp!r} is not HH:MM:SS.mmm"
    field = "location" if event.location is not None and len(event.location) < 2 else f"{key}.end_location"
    return field, "fewer than two coordinates"


class _FieldError(Exception):
    """A rule that one field breaks."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
