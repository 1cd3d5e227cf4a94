"""Races as odds are asked for, and documents of their odds."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from fotmate_assets.core.model import SourceError
from fotmate_assets.racing.model import KST, TRACKS, Pool, RaceStatus, race_id
from fotmate_assets.racing.odds.model import SOLD, OddsRace, OddsSnapshot, combinations

OFF = datetime(2026, 11, 21, 10, 35, tzinfo=KST)


def odds_race(
    runners: int | Iterable[int] = 4, race_no: int = 1, *, track_id: str = "seoul", scratched: Iterable[int] = ()
) -> OddsRace:
    """A race of the numbers 1 to `runners`, or of those."""
    field = tuple(range(1, runners + 1) if isinstance(runners, int) else sorted(runners))
    day = OFF.date()
    return OddsRace(
        race_id(track_id, day, race_no),
        day,
        TRACKS[track_id].sport,
        race_no,
        track_id,
        OFF + (race_no - 1) * timedelta(minutes=30),
        RaceStatus.UPCOMING,
        field,
        frozenset(scratched),
    )


RACE = odds_race()


def document(race: OddsRace = RACE, odds: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """A document in our own format; `odds`: of each pool, by combination."""
    told = {
        "race_id": race.race_id,
        "source_ts": "2026-11-21T10:34:00+09:00",
        "pools": {pool: {"odds": each} for pool, each in ({"WIN": {"1": 2.5}} if odds is None else odds).items()},
    }
    return json.dumps(told | fields).encode()


def full(race: OddsRace, seed: int = 1, **fields: Any) -> bytes:
    """A document with a price for every combination of every pool of the race's sport."""
    draw = random.Random(seed)
    return document(
        race,
        {
            pool: {
                "-".join(map(str, numbers)): round(draw.uniform(1, 2000), 1)
                for numbers in combinations(pool, race.field)
            }
            for pool in SOLD[race.sport]
        },
        **fields,
    )


def odds_of(snapshot: OddsSnapshot, pool: Pool) -> dict[str, float]:
    """The odds of a pool by combination, in canonical order, to two decimals."""
    (found,) = (each for each in snapshot.pools if each.pool is pool)
    keys = ("-".join(map(str, numbers)) for numbers in combinations(pool, snapshot.field))
    return {key: round(price, 2) for key, price in zip(keys, found.odds, strict=True)}


def refusal(call: Callable[[], object]) -> SourceError:
    """The error that a call raises."""
    try:
        call()
    except SourceError as error:
        return error
    raise AssertionError("it was not refused")
