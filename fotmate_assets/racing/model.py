"""The racing domain: meetings, races, entries, results, payoffs and the rules they share.

Times of day are Korean (Asia/Seoul, UTC+9 without summer time); instants are aware datetimes. A start number
(chulNo, back number, lane) tells runners of one race apart and is 1-based; a registration (hrNo, racer number)
names a horse or racer for life.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Any

KST = timezone(timedelta(hours=9), "KST")


class Sport(StrEnum):
    """What races."""

    HORSE = "horse"
    CYCLE = "cycle"
    BOAT = "boat"


class RaceStatus(StrEnum):
    """Where a race stands."""

    SCHEDULED = "scheduled"
    UPCOMING = "upcoming"
    """Within an hour of the off."""
    LIVE = "live"
    """Past its post time, result not complete."""
    FINISHED = "finished"
    CANCELLED = "cancelled"
    POSTPONED = "postponed"
    """Called off, to be run at a time not known yet."""


class FinishStatus(StrEnum):
    """How a runner ended a race. KRA's codes in brackets."""

    FINISHED = "finished"
    DISQUALIFIED = "disqualified"
    """실격 (91)."""
    PULLED_UP = "pulled_up"
    """주행중지 (92), and what else keeps a starter from the line: a fall, a capsize."""
    EXCLUDED = "excluded"
    """출전제외 (93, 94): withdrawn by the stewards."""
    SCRATCHED = "scratched"
    """출전취소 (95): withdrawn by its people."""
    VOID = "void"
    """경주불성립 (98): the race does not count."""
    CANCELLED = "cancelled"
    """경주취소 (99): the race was not run."""

    @property
    def started(self) -> bool:
        """True for a runner that left the start and whose race counts."""
        return self in (FinishStatus.FINISHED, FinishStatus.DISQUALIFIED, FinishStatus.PULLED_UP)


class Pool(StrEnum):
    """Betting pools. KRA's abbreviations; POOL6 to POOL8 are KSPO's cycle columns whose meaning is unsettled."""

    WIN = "WIN"
    """단승: the winner."""
    PLC = "PLC"
    """연승: a placed runner."""
    QNL = "QNL"
    """복승: the first two in any order."""
    EXA = "EXA"
    """쌍승: the first two in order."""
    QPL = "QPL"
    """복연승: two of the first three in any order."""
    TLA = "TLA"
    """삼복승: the first three in any order."""
    TRI = "TRI"
    """삼쌍승: the first three in order."""
    EXT = "EXT"
    """쌍복승 (KSPO): the winner, and the next two in any order."""
    POOL6 = "POOL6"
    POOL7 = "POOL7"
    POOL8 = "POOL8"


ORDERED_POOLS = frozenset({Pool.EXA, Pool.TRI, Pool.POOL6, Pool.POOL7, Pool.POOL8})
"""Pools whose combinations keep the order given; in the others the numbers ascend (of EXT: from the second on)."""

ODDS_CAP = 9999.9
"""What the portals show for odds that are higher, or for a combination nobody bought: not a price."""


def combination(pool: Pool, numbers: Iterable[int]) -> str:
    """A combination as its pool writes it: `7`, `2-7`, `7-2-5`."""
    return "-".join(map(str, in_order(pool, numbers)))


def in_order(pool: Pool, numbers: Iterable[int]) -> tuple[int, ...]:
    """The numbers of a combination as its pool orders them, whatever order they are given in where it has none."""
    given = tuple(numbers)
    if pool is Pool.EXT:
        return (*given[:1], *sorted(given[1:]))
    return given if pool in ORDERED_POOLS else tuple(sorted(given))


@dataclass(frozen=True)
class Track:
    """A race track as the seed in `sql/` has it."""

    track_id: str
    sport: Sport
    source: str
    """kra or kspo."""
    code: str
    """KRA: `meet`, 1 to 3. KSPO: the name in its requests."""
    names: tuple[str, ...]
    """Everything that responses call it."""


TRACKS = {
    track.track_id: track
    for track in (
        Track("seoul", Sport.HORSE, "kra", "1", ("서울",)),
        Track("jeju", Sport.HORSE, "kra", "2", ("제주",)),
        Track("busan", Sport.HORSE, "kra", "3", ("부경", "부산경남", "영남", "부산")),
        Track("gwangmyeong", Sport.CYCLE, "kspo", "광명", ("광명",)),
        Track("changwon", Sport.CYCLE, "kspo", "창원", ("창원",)),
        Track("busan_cycle", Sport.CYCLE, "kspo", "부산", ("부산",)),
        Track("misari", Sport.BOAT, "kspo", "미사리", ("미사리",)),
    )
}


def race_id(track_id: str, race_date: date, race_no: int) -> str:
    """The id of a race: `horse-seoul-20250531-01`. Sorts by track, day and number."""
    return f"{TRACKS[track_id].sport}-{track_id}-{race_date:%Y%m%d}-{race_no:02d}"


@dataclass(frozen=True, order=True)
class Meeting:
    """A day's racing at one track."""

    race_date: date
    track_id: str
    year: int | None = None
    round: int | None = None
    """KSPO's week (회차, `week_tcnt`), 1-based in the year; null for horses."""
    day: int | None = None
    """KSPO's day of the round (일차, `day_tcnt`), 1-based; null for horses."""

    @property
    def track(self) -> Track:
        """Where it is held."""
        return TRACKS[self.track_id]


@dataclass(frozen=True)
class Race:
    """One race as announced and as it stands."""

    race_no: int
    name: str | None = None
    distance_m: int | None = None
    grade: str | None = None
    """Class of the race, as published: `국6등급`, `선발`."""
    conditions: str | None = None
    """Who may run: age, sex, weights."""
    purse_krw: int | None = None
    """Prize money of the placed runners together, in won."""
    field_size: int | None = None
    """Runners as announced."""
    scheduled_post_time: datetime | None = None
    """The off as first planned."""
    post_time: datetime | None = None
    """The off as it stands, or as it was."""
    weather: str | None = None
    track_condition: str | None = None
    track_moisture_pct: float | None = None
    is_cancelled: bool = False
    is_postponed: bool = False
    is_complete: bool = False
    """The source has published the whole result."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the source says beyond these, verbatim."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields that were never seen before."""


@dataclass(frozen=True)
class Entry:
    """One declared runner of a race."""

    start_no: int
    runner_name: str
    runner_id: str | None = None
    """Registration of the horse (hrNo, leading zeros kept) or racer; null where the card has none."""
    sex: str | None = None
    age: int | None = None
    jockey_id: str | None = None
    jockey_name: str | None = None
    trainer_id: str | None = None
    trainer_name: str | None = None
    owner_id: str | None = None
    owner_name: str | None = None
    burden_kg: float | None = None
    """Weight carried by a horse."""
    body_weight_kg: float | None = None
    """Of the horse on the day, or of the boat racer."""
    body_weight_change_kg: float | None = None
    """Against the last start."""
    rating: int | None = None
    grade: str | None = None
    """Class of the racer: `A1`, `선발`."""
    gear_ratio: float | None = None
    motor_no: str | None = None
    boat_no: str | None = None
    is_scratched: bool = False
    scratch_reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """How one runner ended a race."""

    start_no: int | None
    """Null where no document tells: the rankings of velodromes that publish no card."""
    runner_name: str
    finish_status: FinishStatus
    finish_position: int | None = None
    """1-based; equal in a dead heat; null for who did not finish."""
    status_code: str | None = None
    """What the source says in place of a position: `92`, `낙마`, `실격`."""
    runner_id: str | None = None
    jockey_id: str | None = None
    jockey_name: str | None = None
    trainer_id: str | None = None
    time_s: float | None = None
    margin: str | None = None
    """Behind the runner in front, as published: `½`, `코`, `7`."""
    margin_lengths: float | None = None
    """The same in lengths; null where the words have no measure."""
    sectionals: Mapping[str, Any] = field(default_factory=dict)
    """Sectional times in seconds and positions, under the source's names, without the zeros that mean missing."""
    win_odds: float | None = None
    """Final win odds."""
    place_odds: float | None = None
    """Final place odds."""
    burden_kg: float | None = None
    body_weight_kg: float | None = None
    body_weight_change_kg: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Payoff:
    """What one combination paid, as a multiple of the stake."""

    pool: Pool
    combination: str
    odds: float | None
    """Null where the source shows its cap."""
    is_capped: bool = False
    pool_label: str = ""
    """The source's own name of the pool."""
    confirmed_odds: float | None = None
    """The same from the source's second service, which appears later; null where that is silent."""
    pool_sales_krw: int | None = None
    """Sales of the whole pool in won; null where unknown, which is not zero."""
    service: str = ""
    """The service that declared it."""


class ChangeKind(StrEnum):
    """What changed after publication."""

    POST_TIME = "post_time"
    SCRATCH = "scratch"
    JOCKEY = "jockey"
    STATUS = "status"


@dataclass(frozen=True)
class Change:
    """One change of a race or of one of its runners."""

    race_no: int
    kind: ChangeKind
    start_no: int | None
    """Null where it concerns the whole race."""
    old_value: str | None
    new_value: str | None
    reason: str | None = None
    announced_at: datetime | None = None
    """The source's clock, where it tells."""


@dataclass(frozen=True)
class RaceCard:
    """A race with what is known of it. None: not known by now, what is stored stays."""

    race: Race
    entries: tuple[Entry, ...] | None = None
    results: tuple[Result, ...] | None = None
    payoffs: tuple[Payoff, ...] | None = None


@dataclass(frozen=True)
class MeetingCard:
    """A meeting as its documents tell it: what is written in one transaction."""

    meeting: Meeting
    races: tuple[RaceCard, ...]
    """By number, gaps possible."""
    changes: tuple[Change, ...] = ()
    entries_declared: int | None = None
    """Rows that the entry documents hold for this meeting; None without such a document."""
    results_declared: int | None = None
    warnings: tuple[str, ...] = ()
    """Oddities that were kept or set aside, for a reader."""


# The status of a race -----------------------------------------------------------------------------------------------

UPCOMING_FOR = timedelta(hours=1)

DECIDED = {RaceStatus.FINISHED: RaceStatus.CANCELLED, RaceStatus.CANCELLED: RaceStatus.FINISHED}
"""What a race whose end is known may still become: declared void after the finish; called off by mistake, with a result
in the end. Nothing less undoes either: not the clock, not a document from before. Any other status may follow any:
a race is postponed and set anew, a false start puts a live one back.
"""

CALLED_OFF = (RaceStatus.CANCELLED, RaceStatus.POSTPONED)
ON = (RaceStatus.SCHEDULED, RaceStatus.UPCOMING, RaceStatus.LIVE)
"""To be run, or running."""


def status_told(race: Race, now: datetime) -> RaceStatus:
    """The status that the documents and the clock tell, whatever was known before."""
    if race.is_cancelled:
        return RaceStatus.CANCELLED
    if race.is_complete:
        return RaceStatus.FINISHED
    if race.is_postponed:
        return RaceStatus.POSTPONED
    return status_by_clock(race.post_time or race.scheduled_post_time, now)


def status_by_clock(post_time: datetime | None, now: datetime) -> RaceStatus:
    """Scheduled, upcoming or live: what the clock alone says of a race that is on."""
    if post_time is None or now < post_time - UPCOMING_FOR:
        return RaceStatus.SCHEDULED
    return RaceStatus.UPCOMING if now < post_time else RaceStatus.LIVE


def next_status(stored: RaceStatus | None, told: RaceStatus) -> RaceStatus:
    """The status to store: `told` where it may follow `stored`, else `stored` as it is."""
    return told if stored is None or told is DECIDED.get(stored, told) else stored


# What is due when ---------------------------------------------------------------------------------------------------

RESULT_AFTER = timedelta(minutes=5)
"""From post time to the first look for a result."""

HORSE_RESULT_LIMIT = timedelta(hours=2)
"""A horse race without a complete result by then is late."""


def results_due_by(sport: Sport, race_date: date, post_time: datetime | None) -> datetime:
    """When the result of a race must be there: horses two hours after the off, cycles and boats at the end of the
    day after the races (they are published the next day).
    """
    if sport is Sport.HORSE:
        return (post_time or midnight_after(race_date)) + HORSE_RESULT_LIMIT
    return midnight_after(race_date + timedelta(days=1))


def entries_due_by(post_time: datetime) -> datetime:
    """When the entries of a race must be there: two hours before the off."""
    return post_time - timedelta(hours=2)


def midnight_after(day: date) -> datetime:
    """The end of a Korean day."""
    return datetime.combine(day + timedelta(days=1), time(), KST)


# Which combinations pay ---------------------------------------------------------------------------------------------


def places_paid(starters: int) -> int:
    """How many places the place pool pays: three from eight starters, two from five, else the winner only."""
    return 3 if starters >= 8 else 2 if starters >= 5 else 1


def paying_combinations(pool: Pool, positions: Mapping[int, int], starters: int) -> set[str]:
    """The combinations that the finishing order makes pay.

    `positions`: start number to finishing position (1-based; equal in a dead heat, and the next position is
    skipped). `starters`: runners that left the start. Every order of tied runners pays. Empty for a pool whose rule
    is not known.
    """
    if pool is Pool.WIN:
        return {str(number) for number, position in positions.items() if position == 1}
    if pool is Pool.PLC:
        paid = places_paid(starters)
        return {str(number) for number, position in positions.items() if position <= paid}
    if pool is Pool.QPL:
        placed = [number for number, position in positions.items() if position <= 3]
        # Two that tie for third are not both among the first three.
        pairs = (pair for pair in itertools.combinations(placed, 2) if any(positions[number] < 3 for number in pair))
        return {combination(pool, pair) for pair in pairs}
    length = {Pool.QNL: 2, Pool.EXA: 2, Pool.TLA: 3, Pool.TRI: 3, Pool.EXT: 3}.get(pool)
    if length is None:
        return set()
    return {combination(pool, order[:length]) for order in _finishing_orders(positions, length)}


def _finishing_orders(positions: Mapping[int, int], length: int) -> list[tuple[int, ...]]:
    """Every way to put the runners in line up to `length` places; the tied in each of their orders."""
    groups: dict[int, list[int]] = defaultdict(list)
    for number, position in positions.items():
        groups[position].append(number)
    orders: list[tuple[int, ...]] = [()]
    for position in sorted(groups):
        if len(orders[0]) >= length:
            break
        orders = [(*order, *tied) for order in orders for tied in itertools.permutations(sorted(groups[position]))]
    return [order for order in orders if len(order) >= length]
