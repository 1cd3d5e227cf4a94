"""The football domain: matches, lineups, events and the arithmetic they share.

Frame of reference of every coordinate: metres, origin at the centre spot, x toward the acting
team's attack, y up (to the acting team's left). Providers' own coordinates are kept beside it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple

PITCH_LENGTH_M = 105.0
PITCH_WIDTH_M = 68.0

PERIOD_START_MINUTE = {1: 0, 2: 45, 3: 90, 4: 105, 5: 120}
"""Match-clock minute at which each period starts; 3 and 4 are extra time, 5 the shoot-out."""
SHOOTOUT_PERIOD = 5


class Coordinates(NamedTuple):
    """A point on the pitch in metres, centre origin, x toward the acting team's attack, y up."""

    x_m: float
    y_m: float

    @classmethod
    def from_statsbomb(cls, x: float, y: float, cell: float = 0.1) -> Coordinates:
        """Map StatsBomb's 120 x 80 grid, y down, always attacking x = 120.

        StatsBomb coordinates are cell indexes rather than points: the same spot seen from both
        ends adds up to 120 + cell (120.1 for fidelity 2, 121 for fidelity 1), so half a cell is
        taken off, as kloppy and socceraction do.
        """
        half = cell / 2
        return cls(
            (x - half - 60.0) * (PITCH_LENGTH_M / 120.0),
            (40.0 - (y - half)) * (PITCH_WIDTH_M / 80.0),
        )

    @classmethod
    def from_metrica(cls, x: float, y: float, *, attacks_right: bool) -> Coordinates:
        """Map Metrica's unit square, origin top left, y down, fixed camera view.

        `attacks_right` says whether the acting team plays toward x = 1 in this period.
        """
        side = 1.0 if attacks_right else -1.0
        return cls(side * (x - 0.5) * PITCH_LENGTH_M, side * (0.5 - y) * PITCH_WIDTH_M)


class Event(NamedTuple):
    """One on-ball or referee event. A tuple, because millions of them go straight into COPY.

    Team, player and recipient are the provider's ids as text; the load step turns them into
    internal ids. The event vocabulary is StatsBomb's; other providers are mapped onto it.
    """

    team: str
    player: str | None
    recipient: str | None
    """Receiver of a pass, or the player coming on in a substitution."""
    possession_team: str | None
    index: int  # type: ignore[assignment]
    """Provider order inside the match, 1-based and gapless. Sort by this, never by the clock."""
    provider_event_id: str
    period: int
    timestamp_ms: int
    """Milliseconds since the start of the period."""
    minute: int
    """Match clock; runs past 45 and 90 in stoppage time while the next period restarts there."""
    second: int
    event_type: str
    subtype: str | None
    outcome: str | None
    """None on a pass means it was completed."""
    body_part: str | None
    position: str | None
    play_pattern: str | None
    possession: int | None
    x_m: float | None
    y_m: float | None
    end_x_m: float | None
    end_y_m: float | None
    provider_x: float | None
    provider_y: float | None
    provider_end_x: float | None
    provider_end_y: float | None
    out_of_bounds: bool
    """True when the provider's own coordinates exceed its own pitch."""
    duration_s: float | None
    under_pressure: bool
    assist: str | None
    """`goal` or `shot` on the pass that led to one."""
    card: str | None
    """`Yellow Card`, `Second Yellow` or `Red Card` shown for this event."""
    xg: float | None
    """Expected goals of a shot, 0 to 1."""
    related_events: bytes | None
    """JSON array of provider event ids."""
    details: bytes | None
    """JSON object: what the provider says beyond the columns, verbatim."""
    counterpress: bool = False
    """A pressing action within five seconds of losing the ball."""
    ball_out: bool = False
    """The event ended with the ball out of play."""


class Team(NamedTuple):
    """A club or national side as one provider names it."""

    provider_id: str
    name: str
    gender: str | None = None
    country: str | None = None


class Player(NamedTuple):
    """A player as one provider names them."""

    provider_id: str
    name: str
    known_name: str | None = None
    country: str | None = None
    birth_date: date | None = None


class Spell(NamedTuple):
    """An unbroken stretch on the pitch in one position. Clock in seconds of the match clock."""

    position: str
    from_period: int
    from_clock_s: int
    to_period: int | None
    """None: until the final whistle."""
    to_clock_s: int | None
    start_reason: str | None = None
    end_reason: str | None = None


class Card(NamedTuple):
    """A booking. Clock in seconds of the match clock."""

    card: str
    period: int
    clock_s: int
    reason: str | None = None


class Lineup(NamedTuple):
    """One player of a match-day squad. Team and player are the provider's ids."""

    team: str
    player: str
    shirt_number: int | None
    is_starter: bool | None
    """None when the provider does not say."""
    position: str | None
    """The first position played; None for an unused substitute."""
    spells: tuple[Spell, ...] = ()
    cards: tuple[Card, ...] = ()


class Competition(NamedTuple):
    """A competition: its slug, unique across countries, is the front half of the season key."""

    slug: str
    name: str
    country: str | None = None
    gender: str | None = None
    is_youth: bool = False
    is_international: bool = False


class Season(NamedTuple):
    """A season of a competition; `key` is the Dagster partition key."""

    key: str
    competition: Competition
    name: str


MatchStatus = Literal["scheduled", "played", "postponed", "cancelled"]


@dataclass(frozen=True)
class Match:
    """One match as one provider describes it. Scores exclude the shoot-out."""

    provider: str
    provider_match_id: str
    season_key: str
    match_date: date | None
    kick_off: datetime | None
    """Aware; None when the provider gives no usable time."""
    matchday: int | None
    home: Team
    away: Team
    status: MatchStatus
    home_score: int | None = None
    away_score: int | None = None
    home_shootout: int | None = None
    away_shootout: int | None = None
    score_from_events: bool = False
    """True when the provider states no score and it was counted from the events."""
    stage: str | None = None
    venue: str | None = None
    referee: str | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class PlayerMatchStats:
    """What one player did in one match. Team and player are the provider's ids."""

    team: str
    player: str
    minutes: float | None
    """None when the provider's data does not tell who was on the pitch."""
    goals: int = 0
    own_goals: int = 0
    assists: int = 0
    shots: int = 0
    shots_on_target: int = 0
    passes: int = 0
    passes_completed: int = 0
    key_passes: int = 0
    tackles: int = 0
    interceptions: int = 0
    clearances: int = 0
    fouls_committed: int = 0
    fouls_won: int = 0
    yellow_cards: int = 0
    red_cards: int = 0
    xg: float | None = None
    advanced: dict[str, float | int] | None = None

    @property
    def pass_accuracy(self) -> float | None:
        """Completed share of passes, 0 to 1; None without a pass."""
        return self.passes_completed / self.passes if self.passes else None


@dataclass(frozen=True)
class MatchAggregate:
    """Everything one provider says about one match; it is stored whole or not at all."""

    match: Match
    players: tuple[Player, ...] = ()
    lineups: tuple[Lineup, ...] = ()
    events: tuple[Event, ...] = ()
    stats: tuple[PlayerMatchStats, ...] = ()
    warnings: tuple[str, ...] = ()
    """Oddities that were kept: a missing lineup file, an out-of-order clock."""


class Scoreline(NamedTuple):
    """Goals per side, the shoot-out apart."""

    home: int
    away: int
    home_shootout: int
    away_shootout: int
    has_shootout: bool


def scoreline(events: Iterable[Event], home: str, away: str) -> Scoreline:
    """Count the goals that the events tell: shots scored plus own goals for, shoot-out apart.

    `home` and `away` are provider team ids. An own goal is counted on the event of the benefiting
    team (`Own Goal For`), and its player, if any, is never credited.
    """
    goals = {home: 0, away: 0}
    shootout = {home: 0, away: 0}
    has_shootout = False
    for event in events:
        if event.period == SHOOTOUT_PERIOD:
            if event.event_type == "Shot":
                has_shootout = True
                shootout[event.team] += event.outcome == "Goal"
        elif (event.event_type == "Shot" and event.outcome == "Goal") or event.event_type == "Own Goal For":
            goals[event.team] += 1
    return Scoreline(goals[home], goals[away], shootout[home], shootout[away], has_shootout)


def match_clock(period: int, timestamp_ms: int) -> tuple[int, int]:
    """Minute and second of the match clock, `timestamp_ms` after the start of `period`.

    Raises KeyError for a period other than 1 to 5.
    """
    seconds = timestamp_ms // 1000
    return PERIOD_START_MINUTE[period] + seconds // 60, seconds % 60


def slug(text: str) -> str:
    """Lower-case ASCII: accents and apostrophes dropped, every other run of signs one hyphen."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return re.sub(r"[^a-z0-9]+", "-", re.sub("['’]", "", plain.lower())).strip("-")


def season_key(competition_slug: str, season_name: str) -> str:
    """`premier-league` and `2003/2004` make `premier-league_2003-2004`.

    Raises ValueError where nothing is left of either in ASCII.
    """
    return validated_season_key(f"{competition_slug}_{slug(season_name)}")


SEASON_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*_[a-z0-9]+(?:-[a-z0-9]+)*")


def validated_season_key(key: str) -> str:
    """Return `key` unchanged, or raise ValueError when it is not a season key."""
    if not SEASON_KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a season key such as premier-league_2003-2004")
    return key


BARE_MATCH_ID_COMPETITION = "premier-league"


def match_id(key: str, matchday: int | None, sequence: int) -> str:
    """The internal match id: `2025-2026_1_001`, with the competition in front outside the Premier League.

    `sequence` is 1-based inside the matchday; an unknown matchday is written 0.
    """
    competition, season = key.rsplit("_", 1)
    prefix = "" if competition == BARE_MATCH_ID_COMPETITION else f"{competition}_"
    return f"{prefix}{season}_{matchday or 0}_{sequence:03d}"
