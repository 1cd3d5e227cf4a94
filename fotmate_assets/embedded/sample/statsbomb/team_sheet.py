"""Who is on the pitch, where, since when: the bookkeeping behind a lineups file."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import NamedTuple

from fotmate_assets.embedded.sample.statsbomb.squads import STARTERS, SampleTeam
from fotmate_assets.embedded.sample.statsbomb.vocabulary import FORMATIONS, ROLES, Json, Role, Term

KEEPER = 1
PHANTOM = (22, 23, 24)
"""Forward positions, one of which a Tactical Shift gives to a player who has been sent off."""


class Clock(NamedTuple):
    """A reading of the match clock."""

    period: int
    minute: int
    second: int

    def __str__(self) -> str:
        return f"{self.minute:02d}:{self.second:02d}"


class TeamSheet:
    """One side of one match.

    As in the real files, a player sent off keeps an open spell to the final whistle and stays listed in later
    Tactical Shifts; only `active` knows that he is gone.
    """

    def __init__(self, team: SampleTeam, index: int) -> None:
        self.team = team
        self.index = index
        self.formation = team.formation
        self.players = {player.id: player for player in team.players}
        starters = [player.id for player in team.players[:STARTERS]]
        self.positions = dict(zip(starters, FORMATIONS[team.formation], strict=True))
        """Position id of every listed player, sent off or briefly off included."""
        self.bench = [player.id for player in team.players[STARTERS:]]
        self.protected: set[int] = set()
        """Players that something is planned for, so not to be taken off or booked by chance."""
        self._away: set[int] = set()
        self._spells: dict[int, list[Json]] = defaultdict(list)
        self._cards: dict[int, list[Json]] = defaultdict(list)
        for player in starters:
            self._open(player, Clock(1, 0, 0), "Starting XI")
        self.active: list[int] = []
        self._settle()

    @property
    def keeper(self) -> int:
        """The goalkeeper, who is never sent off here."""
        return next(player for player, position in self.positions.items() if position == KEEPER)

    @property
    def outfield(self) -> list[int]:
        """Players on the pitch without the goalkeeper."""
        return [player for player in self.active if self.positions[player] != KEEPER]

    def anyone(self, rng: random.Random) -> int:
        """An outfield player of whom nothing else is planned, and who is not booked."""
        free = [player for player in self.outfield if player not in self.protected and player not in self._cards]
        return rng.choice(free or self.outfield)

    def role(self, player: int) -> Role:
        """The position a listed player holds now."""
        return ROLES[self.positions[player]]

    def term(self, player: int) -> Term:
        """The player as events name them."""
        return self.players[player].term

    def is_booked(self, player: int) -> bool:
        """True once the player has any card."""
        return player in self._cards

    def tactics(self) -> Json:
        """The `tactics` object of a Starting XI or Tactical Shift."""
        listed = sorted(self.positions.items(), key=lambda item: item[1])
        return {
            "formation": self.formation,
            "lineup": [
                {
                    "player": self.term(player).json(),
                    "position": ROLES[position].term.json(),
                    "jersey_number": self.players[player].shirt_number,
                }
                for player, position in listed
            ],
        }

    def substitute(self, off: int, on: int, clock: Clock, reason: str) -> None:
        """`on` takes the place of `off`; `reason` is `Tactical` or `Injury`."""
        self._close(off, clock, f"Substitution - Off ({reason})")
        self.positions[on] = self.positions.pop(off)
        self.bench.remove(on)
        self._open(on, clock, f"Substitution - On ({reason})")
        self._settle()

    def step_off(self, player: int, clock: Clock, *, permanent: bool) -> None:
        """The player leaves the pitch, for good and without replacement when `permanent`."""
        self._close(player, clock, "Player Off")
        if permanent:
            del self.positions[player]
        else:
            self._away.add(player)
        self._settle()

    def step_on(self, player: int, clock: Clock) -> None:
        """The player comes back to the position he left."""
        self._away.discard(player)
        self._open(player, clock, "Player On")
        self._settle()

    def book(self, player: int, card: Term, reason: str, clock: Clock) -> None:
        """Note a card; a red or a second yellow takes the player off the pitch."""
        self._cards[player].append(
            {"time": str(clock), "card_type": card.name, "reason": reason, "period": clock.period}
        )
        if card.name != "Yellow Card":
            self._away.add(player)
            self._settle()

    def reshape(self, clock: Clock, formation: int) -> bool:
        """Change the formation; False, and nothing done, where fewer than eleven are listed or somebody is away."""
        if len(self.positions) < STARTERS or self._away or formation == self.formation:
            return False
        self.formation = formation
        ranked = sorted(self.positions, key=self.positions.__getitem__)
        self._move(dict(zip(ranked, FORMATIONS[formation], strict=True)), clock)
        return True

    def cover(self, gone: int, clock: Clock) -> bool:
        """Move a forward into the place of a player sent off, who is left listed as a forward."""
        forward = next((p for p in self.active if self.positions[p] in PHANTOM), None)
        if forward is None:
            return False
        self._move({forward: self.positions[gone], gone: self.positions[forward]}, clock)
        return True

    def lineup(self) -> Json:
        """The side's entry of the lineups file."""
        return {
            "team_id": self.team.id,
            "team_name": self.team.name,
            "lineup": [
                {
                    "player_id": player.id,
                    "player_name": player.name,
                    "player_nickname": player.nickname,
                    "jersey_number": player.shirt_number,
                    "country": player.country.json(),
                    "cards": self._cards.get(player.id, []),
                    "positions": self._spells.get(player.id, []),
                }
                for player in self.team.players
            ],
        }

    def _move(self, moves: dict[int, int], clock: Clock) -> None:
        for player, position in moves.items():
            if self.positions[player] != position:
                self._close(player, clock, "Tactical Shift")
                self.positions[player] = position
                self._open(player, clock, "Tactical Shift")
        self._settle()

    def _open(self, player: int, clock: Clock, reason: str) -> None:
        position = self.role(player).term
        self._spells[player].append(
            {
                "position_id": position.id,
                "position": position.name,
                "from": str(clock),
                "to": None,
                "from_period": clock.period,
                "to_period": None,
                "start_reason": reason,
                "end_reason": "Final Whistle",
            }
        )

    def _close(self, player: int, clock: Clock, reason: str) -> None:
        self._spells[player][-1].update(to=str(clock), to_period=clock.period, end_reason=reason)

    def _settle(self) -> None:
        self.active = [player for player in self.positions if player not in self._away]
