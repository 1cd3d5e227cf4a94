"""KRA's final odds: every combination in API160_1 and API301, the winning ones with sales in API179_1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fotmate_assets.embedded.portal import betting
from fotmate_assets.embedded.portal.kra.announced import Row, race_fields
from fotmate_assets.embedded.portal.people import generator
from fotmate_assets.embedded.portal.publication import Stage
from fotmate_assets.embedded.portal.race import RaceState
from fotmate_assets.embedded.portal.sectionals import plain
from fotmate_assets.racing.model import Pool

POOL_NAMES = {
    Pool.WIN: ("단승식", "단식"),
    Pool.PLC: ("연승식", "연식"),
    Pool.QNL: ("복승식", "복식"),
    Pool.EXA: ("쌍승식", "쌍식"),
    Pool.QPL: ("복연승식", "복연"),
    Pool.TLA: ("삼복승식", "삼복"),
    Pool.TRI: ("삼쌍승식", "삼쌍"),
}
"""In API160_1 and in API179_1; API301 has the pool's letters."""

LATE_GRID = 0.06
"""Share of meetings whose grid is in API160_1 on the next morning only, and in API301 in time."""
NO_SALES = 0.014
"""Share of races that API179_1 never has."""


def circled(number: int) -> str:
    """A start number as the portals draw it: 11 is ⑪."""
    return chr(0x245F + number)


def prices(state: RaceState, pool: Pool) -> dict[tuple[int, ...], int | float]:
    """The final odds of a pool; none where it was not sold or its bets were paid back."""
    if not betting.sold(state, pool) or state.is_void:
        return {}
    return {numbers: plain(price) for numbers, price in betting.odds(state, pool).items()}


def is_grid_late(state: RaceState) -> bool:
    """True for a meeting whose odds come to API160_1 on the next morning only."""
    meeting = state.race.meeting
    return generator(state.race.seed, "late grid", meeting.track_id, meeting.race_date).random() < LATE_GRID


def _grid(state: RaceState, busan: str, names: Mapping[Pool, str]) -> Iterator[Row]:
    fields = race_fields(state, busan)
    for pool, name in names.items():
        for numbers, price in prices(state, pool).items():
            first, second, third = (*numbers, 0, 0)[:3]
            yield {**fields, "pool": name, "chulNo": first, "chulNo2": second, "chulNo3": third, "odds": price}


def integrated(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API160_1: the final odds of every combination."""
    if stage >= Stage.ARCHIVED or not is_grid_late(state):
        yield from _grid(state, "부경", {pool: full for pool, (full, _) in POOL_NAMES.items()})


def dividends(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API301: the same on the day."""
    yield from _grid(state, "영남", {pool: pool.value for pool in POOL_NAMES})


def has_sales(state: RaceState) -> bool:
    """False for the races that API179_1 never has: those not run, and a few others."""
    return not state.is_cancelled and not state.is_void and state.race.draw("no sales") >= NO_SALES


def sales_rows(state: RaceState, stage: Stage) -> Iterator[Row]:
    """API179_1: sales and winning combinations, seven rows a race; `meet` is a number here."""
    if not has_sales(state):
        return
    code = int(state.race.meeting.track.code)
    for pool, (_, short) in POOL_NAMES.items():
        odds = prices(state, pool)
        winners = betting.winners(state, pool) if odds else []
        won = [f"{''.join(map(circled, numbers))}-{odds[numbers]:.1f}" for numbers in winners]
        amount = betting.sales(state, pool) if odds else 0
        told = {"pool": short, "odds": " ".join(won) or "-", "amt": amount}
        yield {**race_fields(state, "부산경남"), "meet": code, **told}
