"""Typed reads for analysts, the assets and the checks. Every query is parametrised and uses an index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, ScalarSelect, Select, Table, func, literal, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from fotmate_assets.football.tables import (
    id_mappings,
    lineups,
    match_events,
    match_player_stats,
    matches,
    players,
    seasons,
    teams,
)


@dataclass(frozen=True)
class MatchSummary:
    """One match with the names of its sides."""

    match_id: str
    season_key: str
    matchday: int | None
    match_date: date | None
    kick_off: datetime | None
    home_team_id: str
    home_team: str
    away_team_id: str
    away_team: str
    status: str
    home_score: int | None
    away_score: int | None
    home_shootout: int | None
    away_shootout: int | None
    provider: str
    event_count: int


@dataclass(frozen=True)
class LineupEntry:
    """One player of a match-day squad."""

    player_id: str
    player: str
    team_id: str
    shirt_number: int | None
    is_starter: bool | None
    position: str | None
    spells: list[dict[str, Any]]
    cards: list[dict[str, Any]]


@dataclass(frozen=True)
class EventRow:
    """One event; coordinates in metres from the centre spot, toward the acting side's attack."""

    event_index: int
    period: int
    minute: int
    second: int
    event_type: str
    subtype: str | None
    outcome: str | None
    team_id: str
    player_id: str | None
    player: str | None
    x_m: float | None
    y_m: float | None
    end_x_m: float | None
    end_y_m: float | None
    xg: float | None
    details: dict[str, Any] | None


@dataclass(frozen=True)
class MatchDetail:
    """A match with its squads and all its events in order."""

    match: MatchSummary
    lineups: list[LineupEntry]
    events: list[EventRow]


@dataclass(frozen=True)
class PlayerSeason:
    """A player's totals over a season."""

    player_id: str
    player: str
    teams: list[str]
    matches: int
    minutes: float | None
    goals: int
    assists: int
    shots: int
    shots_on_target: int
    xg: float | None
    passes: int
    pass_accuracy: float | None
    key_passes: int
    yellow_cards: int
    red_cards: int


_home = teams.alias("home")
_away = teams.alias("away")


def _summaries() -> Select[Any]:
    return (
        select(
            matches.c.match_id,
            matches.c.season_key,
            matches.c.matchday,
            matches.c.match_date,
            matches.c.kick_off,
            matches.c.home_team_id,
            _home.c.name.label("home_team"),
            matches.c.away_team_id,
            _away.c.name.label("away_team"),
            matches.c.status,
            matches.c.home_score,
            matches.c.away_score,
            matches.c.home_shootout,
            matches.c.away_shootout,
            matches.c.provider,
            matches.c.event_count,
        )
        .join(_home, _home.c.team_id == matches.c.home_team_id)
        .join(_away, _away.c.team_id == matches.c.away_team_id)
    )


def season_matches_query(season_key: str, team_id: str | None = None) -> Select[Any]:
    """Matches of a season, of one side where `team_id` is given, in order of play."""
    query = _summaries().where(matches.c.season_key == season_key)
    if team_id is not None:
        query = query.where(or_(matches.c.home_team_id == team_id, matches.c.away_team_id == team_id))
    return query.order_by(matches.c.match_date, matches.c.match_id)


def team_matches_query(team_id: str) -> Select[Any]:
    """Every match of a side, over all seasons, newest first."""
    return (
        _summaries()
        .where(or_(matches.c.home_team_id == team_id, matches.c.away_team_id == team_id))
        .order_by(matches.c.match_date.desc(), matches.c.match_id)
    )


_player_name = func.coalesce(players.c.known_name, players.c.name).label("player")


def match_events_query(season_key: str, match_id: str) -> Select[Any]:
    """Events of a match in the provider's order."""
    return (
        select(*(match_events.c[name] for name in EventRow.__dataclass_fields__ if name != "player"), _player_name)
        .outerjoin(players, players.c.player_id == match_events.c.player_id)
        .where(match_events.c.season_key == season_key, match_events.c.match_id == match_id)
        .order_by(match_events.c.event_index)
    )


def player_seasons_query(season_key: str, player_id: str | None = None) -> Select[Any]:
    """Players' totals over a season, best scorers first."""
    stats = match_player_stats.c
    total = func.sum
    query = (
        select(
            stats.player_id,
            _player_name,
            func.array_agg(func.distinct(teams.c.name)).label("teams"),
            func.count().filter(or_(stats.minutes > 0, stats.minutes.is_(None))).label("matches"),
            total(stats.minutes).label("minutes"),
            total(stats.goals).label("goals"),
            total(stats.assists).label("assists"),
            total(stats.shots).label("shots"),
            total(stats.shots_on_target).label("shots_on_target"),
            total(stats.xg).label("xg"),
            total(stats.passes).label("passes"),
            (total(stats.passes_completed) / func.nullif(total(stats.passes), 0).cast(stats.xg.type)).label(
                "pass_accuracy"
            ),
            total(stats.key_passes).label("key_passes"),
            total(stats.yellow_cards).label("yellow_cards"),
            total(stats.red_cards).label("red_cards"),
        )
        .join(players, players.c.player_id == stats.player_id)
        .join(teams, teams.c.team_id == stats.team_id)
        .where(stats.season_key == season_key)
        .group_by(stats.player_id, players.c.known_name, players.c.name)
        .order_by(total(stats.goals).desc(), total(stats.assists).desc(), "player")
    )
    return query if player_id is None else query.where(stats.player_id == player_id)


def matches_by_season(connection: Connection, season_key: str, team_id: str | None = None) -> list[MatchSummary]:
    """Matches of a season (of one side), in order of play."""
    return [MatchSummary(**row) for row in connection.execute(season_matches_query(season_key, team_id)).mappings()]


def team_matches(connection: Connection, team_id: str) -> list[MatchSummary]:
    """Every match of a side, newest first."""
    return [MatchSummary(**row) for row in connection.execute(team_matches_query(team_id)).mappings()]


def match_detail(connection: Connection, match_id: str) -> MatchDetail | None:
    """A match with its squads and events; None for an unknown id."""
    row = connection.execute(_summaries().where(matches.c.match_id == match_id)).mappings().one_or_none()
    if row is None:
        return None
    summary = MatchSummary(**row)
    squad = connection.execute(
        select(
            lineups.c.player_id,
            _player_name,
            lineups.c.team_id,
            lineups.c.shirt_number,
            lineups.c.is_starter,
            lineups.c.position,
            lineups.c.spells,
            lineups.c.cards,
        )
        .join(players, players.c.player_id == lineups.c.player_id)
        .where(lineups.c.match_id == match_id)
        .order_by(lineups.c.team_id, lineups.c.is_starter.desc().nulls_last(), lineups.c.shirt_number)
    )
    events = connection.execute(match_events_query(summary.season_key, match_id)).mappings()
    return MatchDetail(
        summary,
        [LineupEntry(**entry) for entry in squad.mappings()],
        [EventRow(**event) for event in events],
    )


def player_stats_by_season(
    connection: Connection, season_key: str, player_id: str | None = None, limit: int | None = None
) -> list[PlayerSeason]:
    """Players' totals over a season, best scorers first."""
    query = player_seasons_query(season_key, player_id).limit(limit)
    return [PlayerSeason(**row) for row in connection.execute(query).mappings()]


def season_provider_ids(connection: Connection, season_key: str) -> dict[str, Any]:
    """Each provider's own ids of a season; empty for an unknown one."""
    return connection.scalar(select(seasons.c.provider_ids).where(seasons.c.season_key == season_key)) or {}


def provider_match_ids(connection: Connection, season_key: str, provider: str) -> dict[str, str]:
    """Internal ids of the season's matches that come from `provider`, by its own ids."""
    query = select(matches.c.provider_match_id, matches.c.match_id).where(
        matches.c.season_key == season_key, matches.c.provider == provider
    )
    return {row.provider_match_id: row.match_id for row in connection.execute(query)}


def season_row_counts(connection: Connection, season_key: str) -> dict[str, int]:
    """Rows of a season per table; teams and players are those that its matches and squads name."""

    def rows(table: Table) -> ScalarSelect[int]:
        return select(func.count()).select_from(table).where(table.c.season_key == season_key).scalar_subquery()

    of_season = matches.c.season_key == season_key
    sides = select(matches.c.home_team_id).where(of_season).union(select(matches.c.away_team_id).where(of_season))
    squads = select(func.count(func.distinct(lineups.c.player_id))).where(lineups.c.season_key == season_key)
    events = select(func.coalesce(func.sum(matches.c.event_count), 0)).where(of_season)
    query = select(
        select(func.count()).select_from(sides.subquery()).scalar_subquery().label("teams"),
        squads.scalar_subquery().label("players"),
        events.scalar_subquery().label("match_events"),
        *(rows(table).label(table.name) for table in (matches, lineups, match_player_stats, id_mappings)),
    )
    return dict(connection.execute(query).mappings().one())


def season_revision(connection: Connection, season_key: str) -> str:
    """A hash that changes when any match of the season does."""
    revisions = func.string_agg(matches.c.revision_sha256, aggregate_order_by(literal(","), matches.c.match_id))
    query = select(func.md5(func.coalesce(revisions, ""))).where(matches.c.season_key == season_key)
    return str(connection.scalar(query))


def latest_match(connection: Connection, season_key: str) -> str | None:
    """The season's last match that has events, or None."""
    return connection.scalar(
        select(matches.c.match_id)
        .where(matches.c.season_key == season_key, matches.c.event_count > 0)
        .order_by(matches.c.match_date.desc().nulls_last(), matches.c.match_id.desc())
        .limit(1)
    )
