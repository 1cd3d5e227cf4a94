"""Final odds of a meeting, from the kept answers of the public portals. Nobody is asked.

KRA publishes every combination of every pool after the race: API160_1, and API301 of the day for races that the
former does not have. KSPO publishes only what paid: the odds of the winning combinations, which are payoffs already,
and no grid of them would be more than a guess at the others. So there are none of its meetings.

Final odds are no part of any history: they are never live, tell no time of their own, and count as seen when they were
fetched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from fotmate_assets.core.model import SourceError
from fotmate_assets.racing.model import ODDS_CAP, Meeting, Pool
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot, PoolOdds, Sentinel, grid
from fotmate_assets.racing.sources.kra import values
from fotmate_assets.racing.sources.kra.payoffs import GRID, GRID_OF_THE_DAY, SALES, grid_rows
from fotmate_assets.racing.sources.kra.reading import Line, Reading
from fotmate_assets.racing.sources.kra.rows import GridRow, SalesRow
from fotmate_assets.racing.sources.odds import documents
from fotmate_assets.racing.sources.source import Family, Listing, RaceSource

PORTAL_HOST = "apis.data.go.kr"
"""The portal whose odds are those of a market. Any other is not vouched for: simulated."""


@dataclass(frozen=True)
class Final:
    """The final odds of one race."""

    race: OddsRace
    snapshot: OddsSnapshot
    observed_at: datetime
    """When they were fetched."""
    is_simulated: bool


@dataclass(frozen=True)
class FinalOdds:
    """The final odds of a meeting, as far as its answers have them."""

    races: tuple[Final, ...] = ()
    """By race number; without those that have none, or one that cannot be read."""
    warnings: tuple[str, ...] = ()
    errors: tuple[SourceError, ...] = ()


def final_odds(
    source: RaceSource, meeting: Meeting, listings: Mapping[str, Listing], races: Mapping[int, OddsRace]
) -> FinalOdds:
    """The final odds of a meeting's races from its answers by slot (`Shelves.complete(...).listings`). Pure.

    `races`: by number, as the calendar and the cards have them. A combination that the answer lacks is UNTOLD: pools
    are as complete as they are told. One at zero odds is UNTOLD too (zero means missing), one at the cap CAPPED, one
    with a runner that the card has withdrawn SCRATCHED, and a pool that was not sold, or has no odds but zeros, is not
    there. Sales are API179_1's. A race with a row that cannot be used is left out, for which there is an error; one
    that is not in `races` is left out with a warning: the portal has odds on days without racing.
    """
    if source.name != "kra":
        return FinalOdds(warnings=(f"{source.name} publishes no odds but of what paid, which are payoffs",))
    reading = Reading(meeting, listings)
    told: dict[int, tuple[Listing, _Pools]] = {}
    for slot in (GRID, GRID_OF_THE_DAY):
        if slot in listings:
            for number, pools in _told(reading, slot, listings[slot]).items():
                told.setdefault(number, (listings[slot], pools))
    errors = list(reading.failures)
    warnings = list(reading.warnings)
    if phantoms := sorted(told.keys() - races.keys()):
        numbers = ", ".join(map(str, phantoms))
        warnings.append(f"there are odds of races that nothing else knows, left out: {numbers}")
    sales = _sales(meeting, listings)
    found = []
    for number in sorted(told.keys() & races.keys()):
        listing, pools = told[number]
        if reading.is_at_fault(Family.PAYOFFS, number):
            continue
        try:
            final = _final(races[number], listing, pools, sales.get(number, {}))
        except SourceError as error:
            errors.append(error)
        else:
            if final is not None:
                found.append(final)
    return FinalOdds(tuple(found), tuple(warnings), tuple(errors))


_Pools = dict[Pool, dict[tuple[int, ...], tuple[float, int]]]
"""Odds or `Sentinel` of each combination, in the order of its pool, and the row that tells it."""


def _told(reading: Reading, slot: str, listing: Listing) -> dict[int, _Pools]:
    """What a listing tells of each race. Rows that make no sense put their race at fault."""
    told: dict[int, _Pools] = defaultdict(lambda: defaultdict(dict))
    bad: set[int] = set()
    for row, it in grid_rows(reading, slot, listing):
        if it.rcNo in bad:
            continue
        try:
            pool, numbers, odds = _read(listing, row, it)
            if told[it.rcNo][pool].setdefault(numbers, (odds, row))[0] != odds:
                raise listing.refused(row, "odds", f"{pool} {numbers} is there at another price")
        except SourceError as error:
            bad.add(it.rcNo)
            reading.fault(listing, it.rcNo, error)
    return told


def _read(listing: Listing, row: int, it: GridRow) -> tuple[Pool, tuple[int, ...], float]:
    field = "pool"
    try:
        pool = values.pool_of(it.pool)
        field = "chulNo"
        given = (it.chulNo, it.chulNo2, it.chulNo3)
        numbers = documents.told_numbers(pool, tuple(number for number in given if number))
        field = "odds"
        return pool, numbers, _price(it.odds)
    except ValueError as error:
        raise listing.refused(row, field, str(error)) from None


def _price(odds: float) -> float:
    if odds >= ODDS_CAP:
        return Sentinel.CAPPED
    return documents.price(odds) if odds else Sentinel.UNTOLD


def _final(race: OddsRace, listing: Listing, told: _Pools, sales: Mapping[Pool, int]) -> Final | None:
    """The final odds of a race; None where no pool has any. Raises SourceError for a runner that is not declared."""
    field = race.field or tuple(sorted({number for each in told.values() for key in each for number in key}))
    pools = []
    for pool in sorted(told, key=list(Pool).index):
        prices = {numbers: odds for numbers, (odds, _) in told[pool].items()}
        if all(odds == Sentinel.UNTOLD for odds in prices.values()):
            continue
        try:
            odds = grid(pool, field, prices, race.scratched)
        except KeyError as error:
            numbers = error.args[0]
            reason = f"{pool} {'-'.join(map(str, numbers))} has a runner that is not declared in race {race.race_no}"
            raise listing.refused(told[pool][numbers][1], "chulNo", reason) from None
        pools.append(PoolOdds(pool, odds, sales.get(pool)))
    if not pools:
        return None
    page = listing.pages[0]
    snapshot = OddsSnapshot(race.race_id, field, tuple(pools), None, raw_sha256=page.sha256)
    is_vouched_for = all(urlsplit(each.url).hostname == PORTAL_HOST for each in listing.pages)
    return Final(race, snapshot, listing.fetched_at, not is_vouched_for)


def _sales(meeting: Meeting, listings: Mapping[str, Listing]) -> dict[int, dict[Pool, int]]:
    """Sales by race and pool; what is wrong with their document is told where the payoffs are read."""

    def sale(line: Line[SalesRow]) -> tuple[Pool, int | None]:
        return line.parsed("pool", values.pool_of), line.value.amt

    found = Reading(meeting, listings).rows(SALES, SalesRow, frozenset(), sale)
    return {number: {pool: amount for pool, amount in told if amount} for number, told in found.items()}
