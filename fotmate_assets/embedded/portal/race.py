"""A simulated race: what was declared, what happened to it before the off, and how it ended.

All draws depend on the race's key and on nothing else, so that a scratch or a new post time leaves what does not
hang on it as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property

from fotmate_assets.embedded.portal.people import Person, generator
from fotmate_assets.racing.model import FinishStatus, Meeting, Sport, race_id

LENGTH_S = 0.17
"""Seconds a horse takes for its own length."""

MARGINS: tuple[tuple[float, str | int], ...] = (
    (0.05, "코"), (0.2, "머리"), (0.3, "목"), (0.5, "½"), (0.75, "¾"), (1, 1), (1.25, "1¼"), (1.5, "1½"), (1.75, "1¾"),
    (2, 2), (2.5, "2½"), (3, 3), (3.5, "3½"), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9), (10, 10), (15, "대차"),
)  # fmt: skip
"""Lengths behind the runner in front and how `diffUnit` writes them: whole numbers as numbers."""

DEAD_HEAT_MARGIN = "동착"


class EventKind(StrEnum):
    """What may happen to a race after its declaration."""

    POST_TIME = "post time"
    SCRATCH = "scratch"
    JOCKEY = "jockey"
    RERUN = "rerun"
    """The start was false: the race is run at a new time."""
    VOID = "void"
    """The race was run and does not count."""
    CANCEL = "cancel"


@dataclass(frozen=True)
class Event:
    """Something that happens to a race; in force from the instant `at`."""

    at: datetime
    kind: EventKind
    start_no: int | None = None
    post_time: datetime | None = None
    jockey: Person | None = None
    status: FinishStatus | None = None
    """Excluded or scratched."""
    code: int | None = None
    """KRA's code of the status: 93 to 95."""
    reason: str = "-"


@dataclass(frozen=True)
class Runner:
    """One declared runner."""

    start_no: int
    identity: Person
    ability: float
    """Seconds faster over 1,000 m than the average of the class."""
    style: float
    """-1 leads from the start, 1 comes from behind."""
    sex: str = ""
    age: int = 0
    birthday: date | None = None
    jockey: Person | None = None
    trainer: Person | None = None
    owner: Person | None = None
    burden_kg: float = 0.0
    weight_kg: int = 0
    weight_change_kg: int = 0
    rating: int = 0
    grade: str = ""
    motor_no: int = 0
    boat_no: int = 0
    school: int = 0
    """Class of the racing school (기수) of a cyclist or boat racer."""


@dataclass(frozen=True)
class Finish:
    """How one declared runner ended."""

    runner: Runner
    status: FinishStatus
    position: int | None = None
    """1-based; equal in a dead heat."""
    code: int | None = None
    """KRA's code where there is no position."""
    time_s: float | None = None
    margin: str | int = "-"
    lengths: float | None = None
    """Behind the runner in front."""


@dataclass(frozen=True)
class Conditions:
    """Weather and ground of a race."""

    weather: str
    going: str
    moisture_pct: int
    temperature_c: int
    humidity_pct: int
    wind_m_s: float
    wind_from: str


@dataclass(frozen=True, eq=False)
class SimRace:
    """One race as declared, with the events that befall it."""

    seed: int
    meeting: Meeting
    race_no: int
    name: str
    grade: str
    distance_m: int
    prizes: tuple[int, ...]
    """Won for the first five."""
    age_condition: str
    weight_condition: str
    rating_condition: tuple[int, int]
    post_time: datetime
    """As planned."""
    runners: tuple[Runner, ...]
    conditions: Conditions
    events: tuple[Event, ...] = ()
    _states: dict[tuple[Event, ...], RaceState] = field(default_factory=dict, repr=False)

    @property
    def race_id(self) -> str:
        """The model's id of the race."""
        return race_id(self.meeting.track_id, self.meeting.race_date, self.race_no)

    @property
    def sport(self) -> Sport:
        """What races."""
        return self.meeting.track.sport

    def draw(self, *key: object) -> float:
        """A number from 0 to 1 that belongs to this race and `key`."""
        return generator(self.seed, self.race_id, *key).random()

    def at(self, now: datetime, interventions: Iterable[Event] = ()) -> RaceState:
        """The race as it stands at `now`; `interventions` are events that a test added."""
        happened = sorted((e for e in (*self.events, *interventions) if e.at <= now), key=lambda event: event.at)
        events = tuple(happened)
        return self._states.get(events) or self._states.setdefault(events, RaceState(self, events))


@dataclass(frozen=True, eq=False)
class RaceState:
    """A race with the events that have happened by some instant."""

    race: SimRace
    events: tuple[Event, ...]
    rows: dict[tuple[object, ...], tuple[bytes, ...]] = field(default_factory=dict, repr=False)
    """Encoded rows of the portals' services, kept because they are asked again."""

    def of(self, kind: EventKind) -> list[Event]:
        """The events of a kind, in order of time."""
        return [event for event in self.events if event.kind is kind]

    @cached_property
    def post_time(self) -> datetime:
        """The off as it stands."""
        moved = [event.post_time for event in self.events if event.post_time is not None]
        return moved[-1] if moved else self.race.post_time

    @cached_property
    def scratched(self) -> dict[int, Event]:
        """Start numbers that do not start."""
        return {event.start_no: event for event in self.of(EventKind.SCRATCH) if event.start_no is not None}

    @cached_property
    def jockeys(self) -> dict[int, Person]:
        """Who rides a start number in place of the one declared."""
        changes = self.of(EventKind.JOCKEY)
        return {event.start_no: event.jockey for event in changes if event.start_no is not None and event.jockey}

    @property
    def is_cancelled(self) -> bool:
        """The race is not run."""
        return bool(self.of(EventKind.CANCEL))

    @property
    def is_void(self) -> bool:
        """The race was run and does not count."""
        return bool(self.of(EventKind.VOID))

    @cached_property
    def starters(self) -> tuple[Runner, ...]:
        """Who leaves the start, by start number."""
        return tuple(runner for runner in self.race.runners if runner.start_no not in self.scratched)

    @cached_property
    def positions(self) -> dict[int, int]:
        """Start number to finishing position; empty for a race that does not count."""
        return {finish.runner.start_no: finish.position for finish in self.finishes if finish.position is not None}

    @cached_property
    def finishes(self) -> tuple[Finish, ...]:
        """How everybody declared ends: the finishers in order, then the others by start number."""
        if self.is_cancelled or self.is_void:
            status, code = (FinishStatus.CANCELLED, 99) if self.is_cancelled else (FinishStatus.VOID, 98)
            finishes = [Finish(runner, status, code=code) for runner in self.starters]
        else:
            finishes = self._run()
        for runner in self.race.runners:
            if event := self.scratched.get(runner.start_no):
                finishes.append(Finish(runner, event.status or FinishStatus.SCRATCHED, code=event.code or 95))
        return tuple(finishes)

    def _run(self) -> list[Finish]:
        run = len(self.of(EventKind.RERUN))
        misfortune = {Sport.HORSE: 0.009, Sport.CYCLE: 0.012, Sport.BOAT: 0.012}[self.race.sport]
        out: list[Finish] = []
        times: list[tuple[float, Runner]] = []
        for runner in self.starters:
            draw = generator(self.race.seed, self.race.race_id, "run", run, runner.start_no)
            fate = draw.random()
            if fate < misfortune and len(self.starters) > 1:
                status, code = (
                    (FinishStatus.DISQUALIFIED, 91) if fate < misfortune / 3 else (FinishStatus.PULLED_UP, 92)
                )
                out.append(Finish(runner, status, code=code))
                continue
            spread = self.race.distance_m / 1000 * (0.6 if self.race.sport is Sport.HORSE else 0.5)
            times.append((draw.gauss(0, spread) - 0.8 * runner.ability * self.race.distance_m / 1000, runner))
        times.sort(key=lambda timed: (timed[0], timed[1].start_no))
        tied = self._dead_heat(run, len(times))
        best = standard_time_s(self.race) + (times[0][0] if times else 0.0)
        finishes: list[Finish] = []
        behind = 0.0
        for index, (seconds, runner) in enumerate(times):
            lengths: float | None = None
            margin: str | int = "-"
            position = index + 1
            if index:
                gap = max(0.0, seconds - times[index - 1][0]) / LENGTH_S
                lengths, margin = min(MARGINS, key=lambda known, gap=gap: abs(known[0] - gap))  # type: ignore[misc]
                if index == tied:
                    lengths, margin, position = 0.0, DEAD_HEAT_MARGIN, finishes[-1].position or index
                behind += lengths
            time_s = math.floor(best * 10 + 0.5) / 10 + math.floor(behind * LENGTH_S * 10 + 0.5) / 10
            finishes.append(Finish(runner, FinishStatus.FINISHED, position, None, round(time_s, 1), margin, lengths))
        return finishes + sorted(out, key=lambda finish: finish.runner.start_no)

    def _dead_heat(self, run: int, finishers: int) -> int | None:
        """0-based index in the order of who is level with the one in front, if anybody: 1, 2 and 3 most often."""
        draw = generator(self.race.seed, self.race.race_id, "dead heat", run)
        share = 0.015 if self.race.sport is Sport.HORSE else 0.004
        if finishers < 5 or draw.random() > share:
            return None
        return draw.choice((1, 2, 3, 3, min(5, finishers - 1)))


def standard_time_s(race: SimRace) -> float:
    """What an average winner takes, in seconds."""
    if race.sport is Sport.HORSE:
        pony = 1.18 if race.meeting.track_id == "jeju" else 1.0
        return (0.0655 * race.distance_m - 3.5) * pony + race.conditions.moisture_pct * -0.04
    return race.distance_m / (14.5 if race.sport is Sport.CYCLE else 16.5)
