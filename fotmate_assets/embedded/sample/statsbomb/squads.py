"""Invented teams and players. Any likeness to a real squad is chance."""

from __future__ import annotations

import random
from dataclasses import dataclass

from fotmate_assets.embedded.sample.statsbomb.vocabulary import Json, Term

STARTERS = 11
BENCH = 7

_FIRST = (
    "Ásgrim", "Bělomir", "Cadoc", "Dávor", "Eõin", "Fýnn", "Gørm", "Håvel", "Ízan", "Jörvik", "Kešo", "Łuc", "Mård",
    "Nŭno", "Óðin", "Pëtar", "Quim", "Rùben", "Sævar", "Tōma", "Ulmo", "Vít", "Wim", "Xoán", "Ýmir", "Žarko",
)  # fmt: skip
_LAST = (
    "Abendroot", "Brückstein", "Cavalhães", "Dombřina", "Elvengård", "Fåglund", "Gravesund", "Hœrtelier", "Ivařín",
    "Jäskelund", "Kowałecki", "Lindskär", "Mbotélé", "Ngwansi", "Oluşan", "Peñalobo", "Qvistrom", "Rådmark", "Şimşekoz",
    "Tørresund", "Umbrałski", "Våndrey", "Wiśnicz", "Xerrabés", "Yıldıran", "Zvonařek", "O'Tálaigh", "D'Örsay",
)  # fmt: skip
_COUNTRIES = (Term(9901, "Sampleland"), Term(9902, "Île Fictive"), Term(9903, "Nordmøck"))


@dataclass(frozen=True)
class SamplePlayer:
    """A player of a match-day squad."""

    id: int
    name: str
    nickname: str | None
    shirt_number: int
    country: Term

    @property
    def term(self) -> Term:
        """The player as events name them."""
        return Term(self.id, self.name)


@dataclass(frozen=True)
class SampleTeam:
    """A team and its match-day squad: the first eleven start, the goalkeeper first; the rest sit on the bench."""

    id: int
    name: str
    players: tuple[SamplePlayer, ...]
    formation: int = 442
    country: Term = _COUNTRIES[0]
    stadium: str = "Simulated Park"
    manager: str = "Simon Ulátor"
    gender: str = "male"

    @property
    def term(self) -> Term:
        """The team as events name it."""
        return Term(self.id, self.name)

    def json(self, side: str) -> Json:
        """The team as a matches file names it; `side` is `home` or `away`."""
        return {
            f"{side}_team_id": self.id,
            f"{side}_team_name": self.name,
            f"{side}_team_gender": self.gender,
            f"{side}_team_group": None,
            "country": self.country.json(),
            "managers": [
                {
                    "id": 800_000 + self.id,
                    "name": self.manager,
                    "nickname": None,
                    "dob": "1970-02-28",
                    "country": self.country.json(),
                }
            ],
        }


def generator(*key: object) -> random.Random:
    """A random generator that depends on nothing but `key`."""
    return random.Random("/".join(map(str, key)))  # noqa: S311 - sample data, no secret


def sample_team(team_id: int, name: str, *, seed: int = 2026, formation: int = 442) -> SampleTeam:
    """A team with an invented squad of eighteen, shirts 1 to 18; about a third have no nickname.

    Player ids are `team_id * 100 + shirt number`, so teams with different ids share no player.
    """
    rng = generator(seed, "squad", team_id)
    firsts = rng.sample(_FIRST, STARTERS + BENCH)
    lasts = rng.sample(_LAST, STARTERS + BENCH)
    players = []
    for shirt, (first, last) in enumerate(zip(firsts, lasts, strict=True), start=1):
        nickname = None if rng.random() < 0.35 else f"{first[0]}. {last}"
        players.append(
            SamplePlayer(team_id * 100 + shirt, f"{first} {last}", nickname, shirt, rng.choice(_COUNTRIES)),
        )
    return SampleTeam(team_id, name, tuple(players), formation, stadium=f"{name} Sample Ground")
