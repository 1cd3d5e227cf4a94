"""Player match statistics, derived from events and lineups: pure functions of the domain model.

Definitions follow StatsBomb's event specification; `docs/data-dictionary.md` lists them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import hypot

from fotmate_assets.football.model import (
    PITCH_LENGTH_M,
    SHOOTOUT_PERIOD,
    Event,
    Lineup,
    PlayerMatchStats,
)

DISMISSALS = frozenset({"Second Yellow", "Red Card"})
ON_TARGET = frozenset({"Goal", "Saved", "Saved to Post"})
BOX_LENGTH_M, BOX_HALF_WIDTH_M = 16.5, 20.16
PROGRESS_SHARE = 0.25


def period_lengths_ms(events: Sequence[Event]) -> dict[int, int]:
    """Length of each period but the shoot-out: its last Half End, or its last event where none is told."""
    ends: dict[int, int] = {}
    for event in events:
        if event.event_type == "Half End":
            ends[event.period] = max(ends.get(event.period, 0), event.timestamp_ms)
    periods = {event.period for event in events}
    for period in periods - ends.keys():
        ends[period] = max(event.timestamp_ms for event in events if event.period == period)
    return {period: ends[period] for period in sorted(periods) if period != SHOOTOUT_PERIOD}


def minutes_played(events: Sequence[Event], lineups: Sequence[Lineup]) -> dict[str, float] | None:
    """Minutes on the pitch per player: stoppage and extra time count, the shoot-out does not.

    Starters come on with the first whistle. A substitution, a dismissal or a permanent Player Off
    takes a player off; a Player Off for treatment does not. StatsBomb's lineup positions are not
    used: they let dismissed players play on to the final whistle. A player who came on without being in
    a squad is counted too. None where the starters are unknown.
    """
    if any(member.is_starter is None for member in lineups) or not any(member.is_starter for member in lineups):
        return None
    lengths = period_lengths_ms(events)
    starts: dict[int, int] = {}
    total = 0
    for period, length in lengths.items():
        starts[period] = total
        total += length
    on = {member.player: 0 for member in lineups if member.is_starter}
    played: dict[str, int] = defaultdict(int)

    def leaves(player: str | None, at: int) -> None:
        if player in on:
            played[player] += at - on.pop(player)

    for event in events:
        comes_on = event.event_type == "Substitution"
        goes_off = comes_on or event.card in DISMISSALS or event.event_type == "Player Off"
        if not goes_off or event.period == SHOOTOUT_PERIOD:
            continue
        at = starts[event.period] + min(event.timestamp_ms, lengths[event.period])
        if comes_on or event.card in DISMISSALS or event.outcome == "Permanent":
            leaves(event.player, at)
        if comes_on and event.recipient is not None:
            on[event.recipient] = at
    for player in list(on):
        leaves(player, total)
    return {player: played[player] / 60_000 for player in {*(member.player for member in lineups), *played}}


def player_match_stats(events: Sequence[Event], lineups: Sequence[Lineup]) -> tuple[PlayerMatchStats, ...]:
    """What each player of the squads, and any other the events name, did before the shoot-out.

    Own goals count for the player who scored them and for nobody else; an unused substitute has
    zero minutes. Cards of unused substitutes and after the final whistle count too.
    """
    teams = {member.player: member.team for member in lineups}
    counts: dict[str, dict[str, float]] = {player: defaultdict(float) for player in teams}
    has_xg = False
    for event in events:
        player = event.player
        if player is None or event.period == SHOOTOUT_PERIOD:
            continue
        if player not in teams:
            teams[player] = event.team
            counts[player] = defaultdict(float)
        _count(event, counts[player])
        has_xg |= event.xg is not None
    minutes = minutes_played(events, lineups)
    return tuple(
        _stats(teams[player], player, None if minutes is None else minutes.get(player, 0.0), count, has_xg)
        for player, count in counts.items()
    )


def _count(event: Event, count: dict[str, float]) -> None:
    kind = event.event_type
    if event.card is not None:
        count["red_cards" if event.card in DISMISSALS else "yellow_cards"] += 1
    if kind == "Pass":
        _count_pass(event, count)
    elif kind == "Carry":
        count["carries"] += 1
        count["progressive_carries"] += _progresses(event)
    elif kind == "Shot":
        _count_shot(event, count)
    elif kind == "Duel":
        count["tackles" if event.subtype == "Tackle" else "aerials_lost"] += 1
    elif kind == "Dribble":
        count["dribbles"] += 1
        count["dribbles_completed"] += event.outcome == "Complete"
    elif kind == "Goal Keeper":
        count["saves"] += event.subtype in ("Shot Saved", "Save", "Penalty Saved", "Shot Saved to Post")
        count["goals_conceded"] += event.subtype in ("Goal Conceded", "Penalty Conceded")
    elif kind in COUNTED:
        count[COUNTED[kind]] += 1


def _count_shot(event: Event, count: dict[str, float]) -> None:
    count["shots"] += 1
    count["goals"] += event.outcome == "Goal"
    count["shots_on_target"] += event.outcome in ON_TARGET
    count["xg"] += event.xg or 0.0
    if event.subtype == "Penalty":
        count["penalties"] += 1
        count["penalty_goals"] += event.outcome == "Goal"
    else:
        count["non_penalty_xg"] += event.xg or 0.0


COUNTED = {
    "Pressure": "pressures",
    "Own Goal Against": "own_goals",
    "Interception": "interceptions",
    "Clearance": "clearances",
    "Foul Committed": "fouls_committed",
    "Foul Won": "fouls_won",
    "Ball Recovery": "ball_recoveries",
    "Block": "blocks",
    "Dispossessed": "dispossessed",
    "Miscontrol": "miscontrols",
    "Dribbled Past": "dribbled_past",
    "Offside": "offsides",
    "Error": "errors",
}
"""Event types that are simply counted, and the statistic each feeds."""


def _count_pass(event: Event, count: dict[str, float]) -> None:
    count["passes"] += 1
    count["passes_completed"] += event.outcome is None
    count["assists"] += event.assist == "goal"
    count["key_passes"] += event.assist is not None
    if event.outcome is None:
        count["progressive_passes"] += _progresses(event)
        count["passes_into_box"] += _in_box(event.end_x_m, event.end_y_m) and not _in_box(event.x_m, event.y_m)


def _progresses(event: Event) -> bool:
    """Ends at least a quarter nearer to the middle of the opponents' goal than it began."""
    if event.x_m is None or event.y_m is None or event.end_x_m is None or event.end_y_m is None:
        return False
    goal = PITCH_LENGTH_M / 2
    before = hypot(goal - event.x_m, event.y_m)
    after = hypot(goal - event.end_x_m, event.end_y_m)
    return after <= before * (1 - PROGRESS_SHARE)


def _in_box(x_m: float | None, y_m: float | None) -> bool:
    return (
        x_m is not None
        and y_m is not None
        and x_m >= PITCH_LENGTH_M / 2 - BOX_LENGTH_M
        and abs(y_m) <= BOX_HALF_WIDTH_M
    )


COLUMNS = (
    "goals",
    "own_goals",
    "assists",
    "shots",
    "shots_on_target",
    "passes",
    "passes_completed",
    "key_passes",
    "tackles",
    "interceptions",
    "clearances",
    "fouls_committed",
    "fouls_won",
    "yellow_cards",
    "red_cards",
)


def _stats(team: str, player: str, minutes: float | None, count: dict[str, float], has_xg: bool) -> PlayerMatchStats:
    advanced = {
        name: round(value, 6) if name == "non_penalty_xg" else int(value)
        for name, value in sorted(count.items())
        if name not in COLUMNS and name != "xg" and value
    }
    return PlayerMatchStats(
        team=team,
        player=player,
        minutes=minutes,
        xg=count.get("xg", 0.0) if has_xg else None,
        advanced=advanced,
        **{name: int(count.get(name, 0)) for name in COLUMNS},
    )
