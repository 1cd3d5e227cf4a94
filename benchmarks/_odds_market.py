"""What benchmarks/odds.py stores: a calendar of race days with their cards, and odds that wander."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection

from fotmate_assets.core.postgres import copy_rows
from fotmate_assets.racing.cadence import plan
from fotmate_assets.racing.model import KST, Sport, places_paid, race_id
from fotmate_assets.racing.odds.model import PAYOUT, SOLD, OddsRow, Sentinel
from fotmate_assets.racing.sources.odds.market import chances, price
from fotmate_assets.racing.tables import entries, payoffs, races, results

HORSES = (6, 7, 8, 8, 9, 9, 10, 10, 11, 11, 11, 12, 12, 13, 14)
"""Declared runners of horse races, drawn from these: 1,220 combinations on average, as the research has them."""
CYCLES = 7
HORSES_KNOWN, JOCKEYS, TRAINERS = 2_000, 100, 60


@dataclass(frozen=True)
class Meeting:
    """A track's races of a day."""

    track_id: str
    sport: Sport
    races: int
    first_off: timedelta
    between: timedelta


MEETINGS = (
    Meeting("seoul", Sport.HORSE, 9, timedelta(hours=10, minutes=35), timedelta(minutes=55)),
    Meeting("busan", Sport.HORSE, 9, timedelta(hours=11), timedelta(minutes=55)),
    Meeting("gwangmyeong", Sport.CYCLE, 16, timedelta(hours=11, minutes=10), timedelta(minutes=28)),
)
"""34 races, the busiest kind of day, 18 of horses."""


@dataclass(frozen=True)
class Race:
    """A race to make odds of."""

    race_id: str
    race_date: date
    track_id: str
    sport: Sport
    race_no: int
    off: datetime
    runners: int


def races_of(day: date, random: np.random.Generator, meetings: Sequence[Meeting] = MEETINGS) -> list[Race]:
    """The races of a day."""
    midnight = datetime.combine(day, datetime.min.time(), KST)
    return [
        Race(
            race_id(meeting.track_id, day, number),
            day,
            meeting.track_id,
            meeting.sport,
            number,
            midnight + meeting.first_off + (number - 1) * meeting.between,
            int(random.choice(HORSES)) if meeting.sport is Sport.HORSE else CYCLES,
        )
        for meeting in meetings
        for number in range(1, meeting.races + 1)
    ]


def odds_rows(race: Race, random: np.random.Generator) -> Iterator[OddsRow]:
    """The snapshots of a race at its 30 slots: chances that wander, odds in tenths, long shots unsold at first."""
    slots = plan(race.off)
    strength = random.normal(0, 0.8, race.runners) + random.normal(0, 0.06, (len(slots), race.runners)).cumsum(0)
    shares = np.exp(strength)
    shares /= shares.sum(1, keepdims=True)
    field = tuple(range(1, race.runners + 1))
    for pool in SOLD[race.sport]:
        chance = chances(pool, shares, places_paid(race.runners))
        chance = np.minimum(chance * np.exp(random.normal(0, 0.1, chance.shape)), 0.95)
        odds = price(PAYOUT[pool], chance)
        odds[odds > 9999] = Sentinel.CAPPED
        odds[:6][odds[:6] > 2000] = Sentinel.UNSOLD
        sales = random.integers(10**7, 10**9)
        for slot, prices in zip(slots, odds.astype(np.float32), strict=True):
            yield OddsRow(
                race.race_id,
                pool,
                slot.at,
                race.race_date,
                field,
                prices,
                int(sales),
                slot.at - timedelta(milliseconds=400),
                slot.at + timedelta(milliseconds=300),
                "simulated",
                True,
                True,
                "5a" * 32,
            )


CALENDAR = (
    "race_id",
    "race_date",
    "track_id",
    "sport",
    "race_no",
    "distance_m",
    "scheduled_post_time",
    "post_time",
    "status",
)
RUNNER = ("race_id", "start_no", "race_date", "runner_name", "runner_id", "jockey_id", "jockey_name", "trainer_id")
ENTRY = (*RUNNER, "trainer_name", "is_scratched", "details", "extra")
RESULT = (*RUNNER, "line", "finish_status", "finish_position", "win_odds", "sectionals", "details", "extra")
PAYOFF = ("race_id", "pool", "combination", "race_date", "odds", "is_capped", "pool_label", "service")


def store_cards(connection: Connection, of_day: Sequence[Race], random: np.random.Generator) -> None:
    """The races of a day with their entries, results and winners' payoffs."""
    entered: list[tuple[Any, ...]] = []
    ended: list[tuple[Any, ...]] = []
    paid: list[tuple[Any, ...]] = []
    for race in of_day:
        horses = random.choice(HORSES_KNOWN, race.runners, replace=False).tolist()
        riders = random.choice(JOCKEYS, race.runners, replace=False).tolist()
        trainers = random.integers(TRAINERS, size=race.runners).tolist()
        odds = random.uniform(1.5, 60, race.runners).round(1).tolist()
        places = (random.permutation(race.runners) + 1).tolist()
        for index in range(race.runners):
            horse, rider, trainer = f"{horses[index]:07d}", f"{riders[index]:06d}", f"{trainers[index]:06d}"
            runner = (
                race.race_id,
                index + 1,
                race.race_date,
                f"horse {horse}",
                horse,
                rider,
                f"jockey {rider}",
                trainer,
            )
            entered.append((*runner, f"trainer {trainer}", False, b"{}", b"{}"))
            ended.append((*runner, index + 1, "finished", places[index], odds[index], b"{}", b"{}", b"{}"))
        winner = places.index(1)
        paid.append((race.race_id, "WIN", str(winner + 1), race.race_date, odds[winner], False, "WIN", "bench"))
    calendar = [
        (
            *(race.race_id, race.race_date, race.track_id, race.sport.value, race.race_no),
            1000 + 200 * (race.race_no % 5),
            *(race.off, race.off, "finished"),
        )
        for race in of_day
    ]
    for table, columns, rows in (
        (races, CALENDAR, calendar),
        (entries, ENTRY, entered),
        (results, RESULT, ended),
        (payoffs, PAYOFF, paid),
    ):
        copy_rows(connection, table, columns, rows)
