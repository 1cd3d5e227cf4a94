"""The squads of a match: from its lineups document, and from what its events name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from fotmate_assets.core.model import RawDocument
from fotmate_assets.football.model import Card, Event, Lineup, Match, Player, Spell
from fotmate_assets.football.sources.statsbomb import schema
from fotmate_assets.football.sources.statsbomb.schema import StatsBombEvent, decode, malformed


def squads_of(document: RawDocument, match: Match) -> tuple[tuple[Player, ...], tuple[Lineup, ...]]:
    """The squads of a lineups document. `is_starter` is None throughout an older one, which has no positions.

    Raises SourceError for a team that does not play, a player listed twice and a clock that is none.
    """
    players: dict[int, Player] = {}
    squads: list[Lineup] = []
    sides = decode(schema.lineups_decoder, document.content, document.name)
    for side_index, side in enumerate(sides):
        if str(side.team_id) not in (match.home.provider_id, match.away.provider_id):
            raise malformed(
                document.name,
                f"team {side.team_id} does not play in match {match.provider_match_id}",
                field=f"[{side_index}].team_id",
                content=document.content,
            )
        for index, member in enumerate(side.lineup):
            where = f"[{side_index}].lineup[{index}]"
            if member.player_id in players:
                raise malformed(
                    document.name,
                    f"player {member.player_id} twice",
                    field=f"{where}.player_id",
                    content=document.content,
                )
            players[member.player_id] = Player(
                str(member.player_id),
                member.player_name,
                member.player_nickname,
                member.country.name if member.country else None,
            )
            try:
                spells = tuple(_spell(position) for position in member.positions or ())
                cards = tuple(
                    Card(card.card_type, card.period, schema.clock_seconds(card.time), card.reason)
                    for card in member.cards
                )
            except ValueError as error:
                raise malformed(document.name, str(error), field=where, content=document.content) from None
            squads.append(
                Lineup(
                    team=str(side.team_id),
                    player=str(member.player_id),
                    shirt_number=member.jersey_number,
                    is_starter=None if member.positions is None else _starts(spells),
                    position=spells[0].position if spells else None,
                    spells=spells,
                    cards=cards,
                )
            )
    return tuple(players.values()), tuple(squads)


def _spell(position: schema.LineupPosition) -> Spell:
    return Spell(
        position.position,
        position.from_period,
        schema.clock_seconds(position.from_),
        position.to_period,
        None if position.to is None else schema.clock_seconds(position.to),
        position.start_reason,
        position.end_reason,
    )


def _starts(spells: tuple[Spell, ...]) -> bool:
    return bool(spells) and spells[0].start_reason == "Starting XI"


def with_starters(squads: Iterable[Lineup], told: Iterable[Lineup]) -> tuple[Lineup, ...]:
    """Squads of an older lineups document, who started and where filled in from what the events told."""
    known = {member.player: member for member in told}
    return tuple(
        member._replace(is_starter=known[member.player].is_starter, position=known[member.player].position)
        if member.player in known
        else member._replace(is_starter=False if known else None)
        for member in squads
    )


def strangers_of(
    rows: Sequence[Event], decoded: Iterable[StatsBombEvent], players: Iterable[Player]
) -> tuple[Player, ...]:
    """Players whom the events name and no squad lists, as the events name them."""
    named = {*map(attrgetter("player"), rows), *map(attrgetter("recipient"), rows)}
    missing = named - {None} - {player.provider_id for player in players}
    if not missing:
        return ()
    found: dict[str, Player] = {}
    for event in decoded:
        raw = getattr(event, schema.DETAIL_OF_TYPE.get(event.type.name, ""), schema.EMPTY)
        detail = schema.detail_decoder.decode(raw) if raw else schema.Detail()
        for person in (event.player, detail.recipient, detail.replacement):
            if person is not None and str(person.id) in missing:
                found.setdefault(str(person.id), Player(str(person.id), person.name))
    return tuple(found.values())


def squads_from_events(
    document: RawDocument, decoded: Iterable[StatsBombEvent]
) -> tuple[tuple[Player, ...], tuple[Lineup, ...]]:
    """Squads as the Starting XI and the substitutions tell them; unused substitutes stay unknown."""
    players: dict[int, Player] = {}
    squads: list[Lineup] = []
    for index, event in enumerate(decoded):
        if event.type.name == "Starting XI":
            tactics = decode(
                schema.tactics_decoder, event.tactics, document.name, f"[{index}].tactics", document.content
            )
            for member in tactics.lineup:
                players[member.player.id] = Player(str(member.player.id), member.player.name)
                squads.append(
                    Lineup(str(event.team.id), str(member.player.id), member.jersey_number, True, member.position.name)
                )
        elif event.type.name == "Substitution":
            detail = decode(
                schema.detail_decoder, event.substitution, document.name, f"[{index}].substitution", document.content
            )
            if detail.replacement is None:
                raise malformed(
                    document.name, "no replacement", field=f"[{index}].substitution", content=document.content
                )
            if detail.replacement.id in players:
                continue  # taken off, and now comes on again
            players[detail.replacement.id] = Player(str(detail.replacement.id), detail.replacement.name)
            squads.append(
                Lineup(
                    str(event.team.id),
                    str(detail.replacement.id),
                    None,
                    False,
                    event.position.name if event.position else None,
                )
            )
    return tuple(players.values()), tuple(squads)
