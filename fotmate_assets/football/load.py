"""The unit of work: one match is one transaction.

Match, lineups, events, statistics and id mappings commit together or not at all. A match whose revision
is the stored one is skipped without touching a row; any other is deleted and written anew by binary
COPY. Never an upsert by event id: StatsBomb re-collects matches under new event ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from fotmate_assets.core.postgres import copy_rows, in_transaction, lock_for_transaction
from fotmate_assets.football.model import Event, Match, MatchAggregate, Season
from fotmate_assets.football.registry import Origin, allocate_match_id, player_ids, team_ids
from fotmate_assets.football.sources.provider import PROVIDERS
from fotmate_assets.football.tables import (
    competitions,
    id_mappings,
    lineups,
    match_events,
    match_player_stats,
    matches,
    seasons,
)

RANK = {name: -place for place, name in enumerate(PROVIDERS)}
"""Whose account of a match wins when several providers have it."""

EVENT_COLUMNS = (
    "season_key",
    "match_id",
    "team_id",
    "player_id",
    "recipient_id",
    "possession_team_id",
    "event_index",
    *Event._fields[5:],
)
LINEUP_COLUMNS = (
    "match_id",
    "player_id",
    "season_key",
    "team_id",
    "shirt_number",
    "is_starter",
    "position",
    "spells",
    "cards",
)
STAT_COLUMNS = tuple(column.name for column in match_player_stats.columns)
"""The first four are ids and the last is JSON; those between are attributes of PlayerMatchStats."""


@dataclass(frozen=True)
class LoadedMatch:
    """What the load of one match came to."""

    match_id: str
    events: int
    lineups: int
    stats: int


def put_season(engine: Engine, season: Season, provider: str, ids: dict[str, Any]) -> None:
    """Make sure the competition and the season are there, the latter with the provider's ids of it."""
    competition = season.competition

    def work(connection: Connection) -> None:
        connection.execute(
            insert(competitions)
            .values(
                competition_id=competition.slug,
                name=competition.name,
                country=competition.country,
                gender=competition.gender,
                is_youth=competition.is_youth,
                is_international=competition.is_international,
            )
            .on_conflict_do_nothing()
        )
        row = insert(seasons).values(
            season_key=season.key, competition_id=competition.slug, name=season.name, provider_ids={provider: ids}
        )
        merged = seasons.c.provider_ids + row.excluded.provider_ids
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["season_key"],
                set_={"provider_ids": merged},
                where=seasons.c.provider_ids != merged,
            )
        )

    in_transaction(engine, work)


def open_partition(engine: Engine, season_key: str) -> None:
    """Make the season's partition of the events table when it first arrives.

    Raises IntegrityError for a season that the catalogue does not know.
    """
    in_transaction(engine, lambda connection: connection.execute(select(func.ensure_season_partition(season_key))))


def register_matches(engine: Engine, fixtures: Sequence[Match], document: str) -> None:
    """Give every listed match its id, in the order given, before any of them is loaded.

    So a match's id does not depend on which documents came first. `document` is the provenance.
    """

    def work(connection: Connection) -> None:
        provider, season_key = fixtures[0].provider, fixtures[0].season_key
        query = select(id_mappings.c.provider_id).where(
            id_mappings.c.entity_type == "match",
            id_mappings.c.provider == provider,
            id_mappings.c.provider_id == func.any([match.provider_match_id for match in fixtures]),
        )
        known = set(connection.scalars(query))
        new = [match for match in fixtures if match.provider_match_id not in known]
        if new:
            lock_for_transaction(connection, f"season {season_key}")
        for match in new:
            teams = team_ids(connection, Origin(provider, season_key, document), (match.home, match.away))
            home, away = teams[match.home.provider_id], teams[match.away.provider_id]
            allocate_match_id(connection, match, home, away, document)

    if fixtures:
        in_transaction(engine, work)


def stored_revisions(engine: Engine, season_key: str, provider: str) -> dict[str, str]:
    """Revision of every match of the season that comes from `provider`, by provider match id."""
    query = select(matches.c.provider_match_id, matches.c.revision_sha256).where(
        matches.c.season_key == season_key, matches.c.provider == provider
    )
    with engine.connect() as connection:
        return {row.provider_match_id: row.revision_sha256 for row in connection.execute(query)}


def outranked(engine: Engine, season_key: str, provider: str) -> set[str]:
    """The provider's ids of matches that a better provider owns: there is nothing for it to write."""
    better = [name for name, rank in RANK.items() if rank > RANK[provider]]
    query = (
        select(id_mappings.c.provider_id)
        .join(matches, matches.c.match_id == id_mappings.c.internal_id)
        .where(
            id_mappings.c.entity_type == "match",
            id_mappings.c.provider == provider,
            matches.c.season_key == season_key,
            matches.c.provider.in_(better),
        )
    )
    with engine.connect() as connection:
        return set(connection.scalars(query))


def load_match(
    engine: Engine,
    aggregate: MatchAggregate,
    revision: str,
    document: str,
    *,
    when_sent: Callable[[], None] = lambda: None,
) -> LoadedMatch | None:
    """Write one match whole. None when its stored revision is `revision` already, or a better provider owns it.

    `document` is the provenance of ids that are new. Transient database failures are retried. `when_sent` is
    called (again, if retried) when all rows are handed over and mostly the server is at work.
    """
    return in_transaction(engine, lambda connection: _load(connection, aggregate, revision, document, when_sent))


def _load(
    connection: Connection, aggregate: MatchAggregate, revision: str, document: str, when_sent: Callable[[], None]
) -> LoadedMatch | None:
    match = aggregate.match
    lock_for_transaction(connection, f"season {match.season_key}")
    origin = Origin(match.provider, match.season_key, document)
    teams = team_ids(connection, origin, (match.home, match.away))
    home, away = teams[match.home.provider_id], teams[match.away.provider_id]
    match_id = allocate_match_id(connection, match, home, away, document)
    stored = connection.execute(
        select(matches.c.provider, matches.c.revision_sha256, matches.c.season_key).where(
            matches.c.match_id == match_id
        )
    ).one_or_none()
    if stored is not None:
        if stored.provider == match.provider and stored.revision_sha256 == revision:
            return None
        if RANK[stored.provider] > RANK[match.provider]:
            return None
    sides = {member.player: teams[member.team] for member in aggregate.lineups}
    players: OptionalIds = {None: None}
    players.update(player_ids(connection, origin, aggregate.players, sides.get))
    if stored is not None:
        for table in (match_events, lineups, match_player_stats):
            connection.execute(
                delete(table).where(table.c.match_id == match_id, table.c.season_key == stored.season_key)
            )
    _put_match(connection, aggregate, revision, match_id, home, away)
    season_key = match.season_key
    squad = copy_rows(connection, lineups, LINEUP_COLUMNS, _lineup_rows(aggregate, match_id, teams, players))
    stats = copy_rows(connection, match_player_stats, STAT_COLUMNS, _stat_rows(aggregate, match_id, teams, players))
    events = copy_rows(
        connection,
        match_events,
        EVENT_COLUMNS,
        (
            (season_key, match_id, teams[e[0]], players[e[1]], players[e[2]], teams.get(e[3] or ""), *e[4:])
            for e in aggregate.events
        ),
        when_sent=when_sent,
    )
    return LoadedMatch(match_id, events, squad, stats)


def _put_match(
    connection: Connection, aggregate: MatchAggregate, revision: str, match_id: str, home: str, away: str
) -> None:
    match = aggregate.match
    values = {
        "season_key": match.season_key,
        "provider": match.provider,
        "provider_match_id": match.provider_match_id,
        "matchday": match.matchday,
        "match_date": match.match_date,
        "kick_off": match.kick_off,
        "home_team_id": home,
        "away_team_id": away,
        "status": match.status,
        "home_score": match.home_score,
        "away_score": match.away_score,
        "home_shootout": match.home_shootout,
        "away_shootout": match.away_shootout,
        "score_from_events": match.score_from_events,
        "stage": match.stage,
        "venue": match.venue,
        "referee": match.referee,
        "event_count": len(aggregate.events),
        "warnings": list(aggregate.warnings),
        "provider_updated_at": match.updated_at,
        "revision_sha256": revision,
        "loaded_at": func.now(),
    }
    connection.execute(
        insert(matches)
        .values(match_id=match_id, **values)
        .on_conflict_do_update(index_elements=["match_id"], set_=values)
    )


Ids = dict[str, str]
OptionalIds = dict[str | None, str | None]
Rows = Iterator[tuple[Any, ...]]


def _lineup_rows(
    aggregate: MatchAggregate, match_id: str, teams: Ids, players: OptionalIds
) -> Iterator[tuple[Any, ...]]:
    for member in aggregate.lineups:
        yield (
            match_id,
            players[member.player],
            aggregate.match.season_key,
            teams[member.team],
            member.shirt_number,
            member.is_starter,
            member.position,
            msgspec.json.encode([spell._asdict() for spell in member.spells]),
            msgspec.json.encode([card._asdict() for card in member.cards]),
        )


def _stat_rows(aggregate: MatchAggregate, match_id: str, teams: Ids, players: OptionalIds) -> Rows:
    for stats in aggregate.stats:
        yield (
            match_id,
            players[stats.player],
            aggregate.match.season_key,
            teams[stats.team],
            *(getattr(stats, name) for name in STAT_COLUMNS[4:-1]),
            msgspec.json.encode(stats.advanced or {}),
        )
