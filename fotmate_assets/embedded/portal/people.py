"""Invented horses, people and boats. Every name ends in 모의 ("simulated"), so that nobody takes one for real.

Names are made from syllables by number: within a kind no two are alike, and the same number is always the same name.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

MARK = "모의"
"""Ends every name: simulated."""

_SURNAMES = "가간갈감경계고공국군궁규금기길나남노단담대도독동두라류림마매맹명모목묘무묵미민박방배백번범변복봉부"
_GIVEN = (
    "가겸결고나누늘다담도동라람로루리마모무민별보봄빛산새샘솔송슬시아안예온우울원유은이인재조주준지진찬채초하한해현호"
)
_HORSE_WORDS = (
    "가람", "갈잎", "거품", "겨울", "고래", "구름", "그늘", "글월", "나래", "노을", "누리", "달빛", "도담", "돌담",
    "두레", "들녘", "마루", "먼동", "메밀", "모래", "무지", "물결", "미르", "바위", "밤비", "버들", "별밭", "보라",
    "봄눈", "새벽", "서리", "소금", "솔숲", "안개", "여울", "오름", "윤슬", "이슬", "자갈", "하늬",
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Somebody, or a horse, with a registration."""

    number: str
    """As registered, leading zeros kept."""
    name: str


def generator(*key: object) -> random.Random:
    """A random generator that depends on nothing but `key`."""
    return random.Random(":".join(map(str, key)))  # noqa: S311


def human_name(index: int) -> str:
    """The name of the invented human `index` (0 to 149,999): three syllables and the mark."""
    index, second = divmod(index, len(_GIVEN))
    surname, first = divmod(index, len(_GIVEN))
    return _SURNAMES[(surname + first * 7) % len(_SURNAMES)] + _GIVEN[first] + _GIVEN[second] + MARK


def horse_name(index: int) -> str:
    """The name of the invented horse `index` (0 to 63,999, then they repeat): three words and the mark."""
    words = len(_HORSE_WORDS)
    first, second, third = index % words, index // words % words, index // words**2 % words
    return _HORSE_WORDS[first] + _HORSE_WORDS[second] + _HORSE_WORDS[(third + first) % words] + MARK


_STABLES = {"seoul": (0, 600), "busan": (600, 480), "jeju": (0, 420)}
"""First index and size of the horses at a track. Jeju's ponies have a register of their own."""

SIRE_YEARS = 6
"""A place in a stable holds a horse from its second to its seventh year, then the next one."""


@dataclass(frozen=True)
class Horse:
    """A horse in one season."""

    identity: Person
    age: int
    sex: str
    """수, 암 or 거: stallion, mare, gelding."""
    birthday: date
    ability: float
    """About -2 (poor) to 2 (good)."""
    weight_kg: int


@lru_cache(12)
def horses(seed: int, track_id: str, year: int) -> tuple[Horse, ...]:
    """The horses that stand at a track in a year."""
    first, count = _STABLES[track_id]
    return tuple(_horse(seed, track_id, first + place, year) for place in range(count))


def _horse(seed: int, track_id: str, place: int, year: int) -> Horse:
    generation, age = divmod(year + place % SIRE_YEARS - 2, SIRE_YEARS)
    serial = generation % 10 * 1_200 + place
    draw = generator(seed, "horse", track_id, serial)
    number = f"{3_100_000 + serial}" if track_id == "jeju" else f"{40_000 + serial:07d}"
    return Horse(
        identity=Person(number, horse_name(serial + (30_000 if track_id == "jeju" else 0))),
        age=age + 2,
        sex=draw.choice("수암거"),
        birthday=date(year - age - 2, draw.randint(2, 6), draw.randint(1, 28)),
        ability=max(-2.0, min(2.0, draw.gauss(0.0, 0.8))),
        weight_kg=draw.randint(280, 340) if track_id == "jeju" else draw.randint(430, 520),
    )


@lru_cache
def jockeys(track_id: str) -> tuple[Person, ...]:
    """The jockeys of a track."""
    base = {"seoul": 100, "busan": 300, "jeju": 500}[track_id]
    return tuple(Person(f"080{base + index:03d}", human_name((base + index) * 17)) for index in range(42))


@lru_cache
def trainers(track_id: str) -> tuple[Person, ...]:
    """The trainers of a track."""
    base = {"seoul": 100, "busan": 200, "jeju": 300}[track_id]
    return tuple(Person(f"070{base + index:03d}", human_name(20_000 + (base + index) * 13)) for index in range(36))


def owner(place: int) -> Person:
    """The owner of the horse at a place; the numbers of some begin with a zero."""
    number = f"010{place % 1000:03d}" if place % 5 == 0 else f"{100_000 + place * 37 % 120_000}"
    return Person(number, human_name(40_000 + place))


@dataclass(frozen=True)
class Racer:
    """A cyclist or a boat racer."""

    identity: Person
    ability: float
    age: int
    sex: str
    weight_kg: int
    grade: str
    """A1 to B2 for boats, S1 to B3 for cycles."""
    generation: int
    """Class of the racing school (기수)."""


CYCLISTS, BOAT_RACERS = 540, 144


@lru_cache(4)
def cyclists(seed: int) -> tuple[Racer, ...]:
    """All cyclists, the best first; their numbers have eight digits."""
    racers = []
    for place in range(CYCLISTS):
        draw = generator(seed, "cyclist", place)
        generation = draw.randint(1, 29)
        number = f"{1994 + generation}{place:04d}"
        step = place * 9 // CYCLISTS
        racers.append(
            Racer(
                identity=Person(number, human_name(60_000 + place * 29)),
                ability=1.2 - 2.4 * place / CYCLISTS + draw.gauss(0, 0.5),
                age=draw.randint(24, 54),
                sex="남",
                weight_kg=draw.randint(70, 98),
                grade=f"{'SAB'[step // 3]}{step % 3 + 1}",
                generation=generation,
            )
        )
    return tuple(racers)


@lru_cache(4)
def boat_racers(seed: int) -> tuple[Racer, ...]:
    """All boat racers; their numbers are written `17-006`."""
    racers = []
    for place in range(BOAT_RACERS):
        draw = generator(seed, "boat racer", place)
        generation = draw.randint(1, 17)
        racers.append(
            Racer(
                identity=Person(f"{generation:02d}-{place:03d}", human_name(90_000 + place * 31)),
                ability=draw.gauss(0, 0.8),
                age=draw.randint(24, 58),
                sex="여" if place % 6 == 0 else "남",
                weight_kg=draw.randint(48, 66),
                grade=("A1", "A2", "B1", "B2")[place * 4 // BOAT_RACERS],
                generation=generation,
            )
        )
    return tuple(racers)
