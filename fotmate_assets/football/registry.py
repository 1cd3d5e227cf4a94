"""The id registry: provider ids to internal ids, allocated once and safe under concurrent runs.

An internal id derives from the first provider's id (UUID version 5), so that a rebuilt database gives
the same ids. A second provider's team or player joins an existing one only when `identity` is sure;
a doubtful pair gets its own id and a row in `id_review`.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Integer, exists, func, select, true, update
from sqlalchemy.dialects.postgresql import insert

from fotmate_assets.core.postgres import lock_for_transaction
from fotmate_assets.football.identity import Candidate, Decision, match_candidate
from fotmate_assets.football.model import Match, Player, Team, match_id
from fotmate_assets.football.tables import id_mappings, id_review, lineups, matches, players, teams

NAMESPACE = uuid.UUID("5f0d8a3e-1c51-4f6a-9a55-2f1d6f1f5a10")

Entity = Literal["team", "player"]


@dataclass(frozen=True)
class Origin:
    """Where the ids being registered come from."""

    provider: str
    season_key: str
    document: str


def team_ids(connection: Connection, origin: Origin, sides: Sequence[Team]) -> dict[str, str]:
    """Internal ids of `sides` by provider id. Unknown teams are matched by name, or made."""

    def candidates(team: Team) -> list[Candidate]:
        query = select(teams.c.team_id, teams.c.name, teams.c.country).where(
            _unknown_to(origin.provider, "team", teams.c.team_id)
        )
        if team.gender is not None:
            query = query.where(func.coalesce(teams.c.gender, team.gender) == team.gender)
        return [
            Candidate(internal_id=row.team_id, name=row.name, known_name=None, birth_date=None, country=row.country)
            for row in connection.execute(query)
        ]

    found = _known(connection, origin.provider, "team", [team.provider_id for team in sides])
    new = [team for team in sides if team.provider_id not in found]
    decisions = _apart([match_candidate(team.name, None, None, candidates(team)) for team in new])
    made = [
        {
            "team_id": _internal_id("team", origin, team),
            "name": team.name,
            "gender": team.gender,
            "country": team.country,
        }
        for team in new
    ]
    return found | _register(connection, origin, "team", new, decisions, made)


def player_ids(
    connection: Connection, origin: Origin, squad: Sequence[Player], team_of: Callable[[str], str | None]
) -> dict[str, str]:
    """Internal ids of `squad` by provider id. Unknown players are matched within their team and season, or made.

    `team_of` gives the internal team id of a provider's player id.
    """
    found = _known(connection, origin.provider, "player", [player.provider_id for player in squad])
    new = [player for player in squad if player.provider_id not in found]
    squads: dict[str | None, list[Candidate]] = {}

    def candidates(player: Player) -> list[Candidate]:
        team = team_of(player.provider_id)
        if team not in squads:
            in_team = select(lineups.c.player_id).where(
                lineups.c.team_id == team, lineups.c.season_key == origin.season_key
            )
            query = select(players).where(
                players.c.player_id.in_(in_team), _unknown_to(origin.provider, "player", players.c.player_id)
            )
            squads[team] = [
                Candidate(row.player_id, row.name, row.known_name, row.birth_date, row.country)
                for row in connection.execute(query)
            ]
        return squads[team]

    decisions = _apart([match_candidate(one.name, one.known_name, one.birth_date, candidates(one)) for one in new])
    made = [
        {
            "player_id": _internal_id("player", origin, player),
            "name": player.name,
            "known_name": player.known_name,
            "country": player.country,
            "birth_date": player.birth_date,
        }
        for player in new
    ]
    return found | _register(connection, origin, "player", new, decisions, made)


def allocate_match_id(connection: Connection, match: Match, home: str, away: str, document: str) -> str:
    """The internal id of a match: that of its row, that of the same fixture from another provider, or the next.

    The caller holds the season's lock. The same fixture means the same sides in the same season and,
    where both providers give a date, the same day or the next: cups repeat pairings.
    """
    mapping = (
        id_mappings.c.entity_type == "match",
        id_mappings.c.provider == match.provider,
        id_mappings.c.provider_id == match.provider_match_id,
    )
    known = connection.scalar(select(id_mappings.c.internal_id).where(*mapping))
    if known is not None and connection.scalar(select(exists().where(matches.c.match_id == known))):
        return str(known)
    same_day: ColumnElement[bool] = true()
    if match.match_date is not None:
        apart = func.abs(matches.c.match_date - match.match_date)
        same_day = matches.c.match_date.is_(None) | (apart <= 1)
    twin = connection.scalar(
        select(matches.c.match_id)
        .where(
            matches.c.season_key == match.season_key,
            matches.c.home_team_id == home,
            matches.c.away_team_id == away,
            same_day,
            _unknown_to(match.provider, "match", matches.c.match_id),
        )
        .order_by(matches.c.match_id)
        .limit(1)
    )
    if known is not None:
        if twin:  # another provider's row came in before this match could be loaded
            connection.execute(update(id_mappings).where(*mapping).values(internal_id=twin, method="fixture"))
        return str(twin or known)
    internal = twin or _next_match_id(connection, match)
    connection.execute(
        insert(id_mappings).values(
            entity_type="match",
            provider=match.provider,
            provider_id=match.provider_match_id,
            internal_id=internal,
            method="fixture" if twin else "exact_id",
            confidence=1.0,
            provenance=document,
            season_key=match.season_key,
        )
    )
    return str(internal)


def _next_match_id(connection: Connection, match: Match) -> str:
    prefix = match_id(match.season_key, match.matchday, 0)[:-3]
    last = connection.scalar(
        select(func.max(func.substr(id_mappings.c.internal_id, len(prefix) + 1).cast(Integer))).where(
            id_mappings.c.entity_type == "match",
            id_mappings.c.season_key == match.season_key,
            func.starts_with(id_mappings.c.internal_id, prefix),
        )
    )
    return match_id(match.season_key, match.matchday, (last or 0) + 1)


def _internal_id(entity: Entity, origin: Origin, one: Team | Player) -> str:
    return f"fotmate_{entity}_{uuid.uuid5(NAMESPACE, f'{entity}/{origin.provider}/{one.provider_id}')}"


def _unknown_to(provider: str, entity: str, internal: ColumnElement[Any]) -> ColumnElement[bool]:
    """The provider has no id for `internal` yet: two ids of one provider are two different things."""
    return ~exists().where(
        id_mappings.c.entity_type == entity,
        id_mappings.c.provider == provider,
        id_mappings.c.internal_id == internal,
    )


def _apart(decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions on ids of one provider, where two that mean the same one are doubtful both."""
    claims = Counter(decision.internal_id for decision in decisions if decision.kind == "same")
    return [
        replace(decision, kind="review", confidence=decision.confidence / 2)
        if decision.kind == "same" and claims[decision.internal_id] > 1
        else decision
        for decision in decisions
    ]


def _known(connection: Connection, provider: str, entity: Entity, provider_ids: Sequence[str]) -> dict[str, str]:
    """Internal ids of those that have one. Where one lacks, whoever else registers ids is waited for first.

    The lock is held to the end of the transaction, so that what the caller then registers was known to nobody:
    the season's lock does not cover a club that two seasons introduce at once.
    """
    found = _found(connection, provider, entity, provider_ids)
    if len(found) == len(set(provider_ids)):
        return found
    lock_for_transaction(connection, "id registry")
    return _found(connection, provider, entity, provider_ids)


def _found(connection: Connection, provider: str, entity: Entity, provider_ids: Iterable[str]) -> dict[str, str]:
    query = select(id_mappings.c.provider_id, id_mappings.c.internal_id).where(
        id_mappings.c.entity_type == entity,
        id_mappings.c.provider == provider,
        id_mappings.c.provider_id == func.any(list(provider_ids)),
    )
    return {row.provider_id: row.internal_id for row in connection.execute(query)}


def _register(
    connection: Connection,
    origin: Origin,
    entity: Entity,
    new: Sequence[Team | Player],
    decisions: Sequence[Decision],
    made: Sequence[dict[str, Any]],
) -> dict[str, str]:
    """Write new entities, their mappings and the doubtful pairs; return the mappings."""
    if not new:
        return {}
    key = f"{entity}_id"
    ids = [
        str(decision.internal_id) if decision.kind == "same" else str(values[key])
        for decision, values in zip(decisions, made, strict=True)
    ]
    fresh = [values for values, internal in zip(made, ids, strict=True) if values[key] == internal]
    if fresh:
        table = teams if entity == "team" else players
        connection.execute(insert(table).on_conflict_do_nothing(), fresh)
    connection.execute(
        insert(id_mappings).on_conflict_do_nothing(),
        [
            {
                "entity_type": entity,
                "provider": origin.provider,
                "provider_id": one.provider_id,
                "internal_id": internal,
                "method": decision.method if decision.kind == "same" else "exact_id",
                "confidence": decision.confidence if decision.kind == "same" else 1.0,
                "provenance": origin.document,
                "season_key": origin.season_key,
            }
            for one, decision, internal in zip(new, decisions, ids, strict=True)
        ],
    )
    doubtful = [
        {
            "entity_type": entity,
            "provider": origin.provider,
            "provider_id": one.provider_id,
            "provider_name": one.name,
            "internal_id": internal,
            "candidate_id": decision.internal_id,
            "confidence": decision.confidence,
        }
        for one, decision, internal in zip(new, decisions, ids, strict=True)
        if decision.kind == "review"
    ]
    if doubtful:
        connection.execute(insert(id_review).values(doubtful).on_conflict_do_nothing())
    return {one.provider_id: internal for one, internal in zip(new, ids, strict=True)}
