"""Arrays of odds against the runners that they are of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from fotmate_assets.core.model import Finding
from fotmate_assets.racing.model import Pool, combination
from fotmate_assets.racing.odds.findings.words import ACTED_ON, clock, named, of_day, runners
from fotmate_assets.racing.odds.model import NUMBERS_IN, combinations
from fotmate_assets.racing.odds.store import FINAL

_GRIDS = text("""
    select race_id, observed_at, pool, source, field, cardinality(odds) as numbers,
           array_positions(odds, -3::real) as gone, array_positions(odds, -4::real) as untold,
           0 = any(odds) or 'NaN' = any(odds) as is_no_price
    from odds_snapshots where race_date = :day order by race_id, observed_at, pool
""")
_DECLARED = text("""
    select e.race_id, r.status = 'finished' as is_over, e.start_no, e.is_scratched,
           c.observed_at as scratched_at
    from entries e join races r using (race_id)
    left join lateral (
        select max(observed_at) as observed_at from race_changes c
        where c.race_id = e.race_id and c.kind = 'scratch' and c.start_no = e.start_no and c.new_value is null
    ) c on true
    where e.race_date = :day
""")


@dataclass
class _Grid:
    """A stored row, and who is scratched by it."""

    row: Row[Any]
    pool: Pool
    field: tuple[int, ...]
    gone: frozenset[int]
    stray: tuple[str, ...]
    """Combinations marked scratched that have no such runner."""


class _Fault(NamedTuple):
    """Something wrong at one instant; those of one field and kind are told as one."""

    field: str
    kind: str
    at: datetime
    message: str


def grid_complete(connection: Connection, key: str) -> list[Finding]:
    """Every pool has a number for each combination of the declared field, and says of each what it is.

    The field is that of the entries; none of the starters' combinations is untold; all combinations of a scratched
    runner are marked so in every pool of the instant, from two minutes after the entries have it on, and after the
    race nobody else is. A pool that is not sold for a race is absent throughout; one that has appeared stays, unless a
    scratch leaves too few runners for it.
    """
    declared: dict[str, list[Row[Any]]] = defaultdict(list)
    for entry in connection.execute(_DECLARED, of_day(key)):
        declared[entry.race_id].append(entry)
    found: list[Finding] = []
    for race_id, rows in groupby(connection.execute(_GRIDS, of_day(key)), lambda row: str(row.race_id)):
        faults: dict[tuple[str, str], list[_Fault]] = defaultdict(list)
        grids = []
        for row in rows:
            pool, field = Pool(row.pool), tuple(row.field)
            grid = _Grid(row, pool, field, *_scratch(pool, field, tuple(row.gone)))
            grids.append(grid)
        for fault in [
            *(fault for grid in grids for fault in _faults(grid, declared.get(race_id, ()))),
            *_disagreements(grids),
        ]:
            faults[fault.field, fault.kind].append(fault)
        for (about, _kind), each in faults.items():
            first, others = min(each, key=lambda fault: fault.at), len({fault.at for fault in each}) - 1
            more = f"; and at {others} more instants" if others else ""
            found.append(Finding(race_id, about, f"{first.message}, at {clock(first.at)}{more}"))
    return found


@lru_cache(1024)
def _scratch(pool: Pool, field: tuple[int, ...], gone: tuple[int, ...]) -> tuple[frozenset[int], tuple[str, ...]]:
    """The runners whose every combination is at one of the places `gone` (1-based), and the combinations there that
    have none of them.
    """
    every, marked = combinations(pool, field), set(gone)
    left = {number for place, numbers in enumerate(every, start=1) if place not in marked for number in numbers}
    scratched = frozenset(field) - left if gone else frozenset()
    return scratched, tuple(
        combination(pool, numbers)
        for place, numbers in enumerate(every, start=1)
        if place in marked and scratched.isdisjoint(numbers)
    )


def _faults(grid: _Grid, declared: Sequence[Row[Any]]) -> Iterator[_Fault]:
    """What is wrong with one row."""
    row, pool, at = grid.row, grid.pool, grid.row.observed_at
    expected = len(combinations(pool, grid.field))
    if row.numbers != expected:
        yield _Fault(pool.value, "numbers", at, f"{row.numbers} numbers for {expected} combinations")
        return
    if row.is_no_price:
        yield _Fault(pool.value, "no price", at, "an odds of 0 or no number, which is no price")
    by_place = combinations(pool, grid.field)
    untold = [by_place[place - 1] for place in row.untold if grid.gone.isdisjoint(by_place[place - 1])]
    if untold:
        names = named([combination(pool, numbers) for numbers in untold])
        yield _Fault(pool.value, "untold", at, f"{len(untold)} of {expected} combinations are not told: {names}")
    if grid.stray:
        names = named(grid.stray)
        yield _Fault(pool.value, "stray", at, f"{names} marked scratched, others of the same runners not")
    if not declared:
        return
    numbers = sorted(entry.start_no for entry in declared)
    if list(grid.field) != numbers:
        yield _Fault("field", "field", at, f"made for {runners(grid.field)}; entered are {runners(numbers)}")
        return
    out = [entry for entry in declared if entry.is_scratched]
    late = {
        entry.start_no for entry in out if entry.scratched_at is None or row.observed_at > entry.scratched_at + ACTED_ON
    } - grid.gone
    if late:
        yield _Fault(pool.value, "late", at, f"number {runners(late)} is scratched on the card and not in the odds")
    early = grid.gone - {entry.start_no for entry in out}
    if early and declared[0].is_over and len(grid.field) - len(grid.gone) >= NUMBERS_IN[pool]:
        yield _Fault(pool.value, "early", at, f"number {runners(early)} is scratched in the odds and not on the card")


def _disagreements(grids: Sequence[_Grid]) -> Iterator[_Fault]:
    """Pools of one instant that do not agree who is scratched, and pools that are missing after they had appeared."""
    instants: dict[datetime, dict[Pool, _Grid]] = defaultdict(dict)
    for grid in grids:
        if grid.row.source != FINAL:
            instants[grid.row.observed_at][grid.pool] = grid
    out: dict[datetime, frozenset[int]] = {}
    for at, pools in instants.items():
        # With too few starters for a combination, all of a pool is scratched and does not tell by whom.
        known = {
            pool: grid.gone for pool, grid in pools.items() if len(grid.field) - len(grid.gone) >= NUMBERS_IN[pool]
        }
        if len(set(known.values())) > 1:
            told = ", ".join(f"{runners(gone)} in {pool}" for pool, gone in known.items())
            yield _Fault("scratched", "pools", at, f"the pools do not agree: {told}")
        out[at] = frozenset().union(*known.values())
    times = sorted(instants)
    for pool in sorted({pool for pools in instants.values() for pool in pools}):
        there = [at for at in times if pool in instants[at]]
        gaps = [at for at in times if there[0] < at < there[-1] and pool not in instants[at]]
        ended = [at for at in times if at > there[-1]]
        if ended and not out[times[-1]] > out[there[-1]]:
            gaps += ended
        for at in gaps:
            yield _Fault(pool.value, "absent", at, f"absent after it had appeared at {clock(there[0])}")
