"""Who was on the pitch: lineups from the EPTS squad, or from the players that the events name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from fotmate_assets.football.model import Card, Event, Lineup, Player, Spell, match_clock
from fotmate_assets.football.sources.metrica.epts import Metadata
from fotmate_assets.football.sources.metrica.rows import Row


def lineups_of(
    squad: Mapping[Player, str],
    events: Sequence[Event],
    metadata: Metadata | None,
    rows: Sequence[Row],
    starts: Mapping[int, float],
) -> tuple[Lineup, ...]:
    """The squad's lineups; `starts` gives the first second of each period, in the file's running time.

    Without metadata they are the players seen in events, starters and positions unknown.
    """
    cards: dict[str | None, list[Card]] = defaultdict(list)
    for event in events:
        if event.card:
            cards[event.player].append(Card(event.card, event.period, event.minute * 60 + event.second))
    if metadata is None:
        return tuple(
            Lineup(team, player.provider_id, None, None, None, cards=tuple(cards[player.provider_id]))
            for player, team in squad.items()
        )
    spells = _spells(metadata, rows, starts)
    starters = metadata.presence[0].players if metadata.presence else None
    return tuple(
        Lineup(
            team=member.team,
            player=member.player.provider_id,
            shirt_number=member.shirt_number,
            is_starter=None if starters is None else member.player.provider_id in starters,
            position=member.position if starters is None or spells[member.player.provider_id] else None,
            spells=tuple(spells[member.player.provider_id]),
            cards=tuple(cards[member.player.provider_id]),
        )
        for member in metadata.squad
    )


def _spells(metadata: Metadata, rows: Sequence[Row], starts: Mapping[int, float]) -> dict[str, list[Spell]]:
    """Stretches on the pitch, from the stretches of frames in which the metadata tracks a player.

    A change between two halves counts from the start of the later one.
    """
    last_frame: dict[int, int] = defaultdict(int)
    for row in rows:
        last_frame[row.period] = max(last_frame[row.period], row.start_frame, row.end_frame)
    final = max(last_frame)

    def clock(frame: int) -> tuple[int, int]:
        period = next((period for period in sorted(last_frame) if frame <= last_frame[period]), final)
        since_start_s = max(0.0, frame / metadata.frame_rate - starts[period])
        minute, second = match_clock(period, int(since_start_s * 1000))
        return period, minute * 60 + second

    positions = {member.player.provider_id: member.position or "Unknown" for member in metadata.squad}
    spells: dict[str, list[Spell]] = defaultdict(list)
    on_pitch: frozenset[str] = frozenset()
    for stretch in metadata.presence:
        period, clock_s = clock(stretch.start_frame)
        for player in on_pitch - stretch.players:
            spells[player][-1] = spells[player][-1]._replace(
                to_period=period, to_clock_s=clock_s, end_reason="Substitution - Off"
            )
        reason = "Substitution - On" if on_pitch else "Starting XI"
        for player in stretch.players - on_pitch:
            spells[player].append(Spell(positions[player], period, clock_s, None, None, start_reason=reason))
        on_pitch = stretch.players
    return spells
