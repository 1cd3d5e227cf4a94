"""KSPO's rankings, results and payoffs.

What no sample shows is assumed: who does not finish has a word in place of a rank (실격, 낙차, 전복), tied racers
share a field with a blank between them and the next one is empty, and a payoff document, which has one number a
column, gives the first of several.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from fotmate_assets.embedded.portal import betting
from fotmate_assets.embedded.portal.kra.odds import circled
from fotmate_assets.embedded.portal.kspo.cards import Row, text, two_digits
from fotmate_assets.embedded.portal.race import Finish, RaceState
from fotmate_assets.racing.model import FinishStatus, Pool, Sport, paying_combinations


def _rank(state: RaceState, finish: Finish) -> str:
    is_cycle = state.race.sport is Sport.CYCLE
    if finish.position is not None:
        return two_digits(finish.position) if is_cycle else str(finish.position)
    if finish.status is FinishStatus.DISQUALIFIED:
        return "실격"
    return "낙차" if is_cycle else "전복"


def ranking(state: RaceState) -> Iterator[Row]:
    """CRA_RACE_RANK and MRA_RACE_RANK: everybody's rank, without start numbers."""
    if not _counts(state):
        return
    meeting = state.race.meeting
    is_cycle = state.race.sport is Sport.CYCLE
    for finish in state.finishes:
        if finish.runner.start_no in state.scratched:
            continue
        yield {
            "stnd_year": str(meeting.year),
            "tms": two_digits(meeting.round or 0) if is_cycle else str(meeting.round),
            "day_ord": str(meeting.day),
            "race_day": f"{meeting.race_date:%Y%m%d}",
            "race_no": two_digits(state.race.race_no),
            "race_rank": _rank(state, finish),
            "racer_no": finish.runner.identity.number,
            "racer_nm": finish.runner.identity.name,
            ("meet_nm" if is_cycle else "mbr_nm"): meeting.track.code,
        }


def _counts(state: RaceState) -> bool:
    return not state.is_cancelled and not state.is_void


def pool_prices(state: RaceState) -> dict[str, dict[tuple[int, ...], float]]:
    """Paying combinations in order of finish with their odds, by the number of KSPO's pool.

    1 win, 2 place, 4 exacta, 5 quinella, 6 trio, 7 trifecta, 8 first exact and the next two in any order (cycles).
    """
    if not _counts(state):
        return {}
    grids = {pool: betting.odds(state, pool) for pool in (Pool.WIN, Pool.PLC, Pool.EXA, Pool.QNL, Pool.TLA, Pool.TRI)}

    def paying(pool: Pool) -> list[tuple[int, ...]]:
        orders = paying_combinations(pool, state.positions, len(state.starters))
        return sorted(
            (tuple(map(int, order.split("-"))) for order in orders),
            key=lambda order: [(state.positions[number], number) for number in order],
        )

    def unordered(pool: Pool, ordered: Pool) -> dict[tuple[int, ...], float]:
        first_of: dict[tuple[int, ...], tuple[int, ...]] = {}
        for order in paying(ordered):
            first_of.setdefault(tuple(sorted(order)), order)
        return {order: grids[pool][ascending] for ascending, order in first_of.items()}

    prices = {
        "1": {order: grids[Pool.WIN][order] for order in paying(Pool.WIN)},
        "2": {order: grids[Pool.PLC][order] for order in paying(Pool.PLC)},
        "4": {order: grids[Pool.EXA][order] for order in paying(Pool.EXA)},
        "5": unordered(Pool.QNL, Pool.EXA),
        "6": unordered(Pool.TLA, Pool.TRI),
    }
    if state.race.sport is Sport.CYCLE:
        prices["7"] = {order: grids[Pool.TRI][order] for order in paying(Pool.TRI)}
        prices["8"] = {}
        for order in prices["7"]:
            first, *rest = order
            both = [grids[Pool.TRI][(first, *pair)] for pair in itertools.permutations(rest)]
            prices["8"][order] = round(max(1.0, 1 / sum(1 / price for price in both)), 1)
    return prices


def _ranked(state: RaceState) -> dict[str, str]:
    names = {rank: [f for f in state.finishes if f.position == rank] for rank in (1, 2, 3)}
    return {
        f"rank{rank}": " ".join(f"{circled(f.runner.start_no)}{f.runner.identity.name}" for f in tied)
        for rank, tied in names.items()
    }


def cycle_result(state: RaceState) -> Iterator[Row]:
    """CRA_RACE_RESULT: the first three and the payoffs, `(2-7-5)3.4`; the date without a year."""
    if not _counts(state):
        return
    meeting = state.race.meeting
    row = {
        "stnd_yr": str(meeting.year),
        "meet_nm": meeting.track.code,
        "week_tcnt": meeting.round,
        "day_tcnt": meeting.day,
        "race_no": two_digits(state.race.race_no),
        "race_ymd": f"{meeting.race_date:%m%d}",
        **_ranked(state),
    }
    for pool, prices in pool_prices(state).items():
        row[f"pool{pool}_val"] = " ".join(f"({'-'.join(map(str, n))}){price:.1f}" for n, price in prices.items())
    yield row


def boat_result(state: RaceState) -> Iterator[Row]:
    """MBR_RACE_RESULT: the first three and the payoffs, `①-②1.9`; place payoffs by place, no date."""
    if not _counts(state):
        return
    meeting = state.race.meeting
    written = {
        pool: [f"{'-'.join(map(circled, numbers))}{price:.1f}" for numbers, price in prices.items()]
        for pool, prices in pool_prices(state).items()
    }
    first, *others = written["2"] or [""]
    yield {
        "stnd_yr": str(meeting.year),
        "week_tcnt": meeting.round,
        "day_tcnt": str(meeting.day),
        "race_no": two_digits(state.race.race_no),
        **_ranked(state),
        "pool1_val": " ".join(written["1"]),
        "pool2_val": first,
        "pool3_val": " ".join(others),
        **{f"pool{pool}_val": " ".join(written[pool]) for pool in "456"},
    }


def payoff(state: RaceState) -> Iterator[Row]:
    """CRA_PAYOFF and MBR_PAYOFF: one number a pool."""
    if not _counts(state):
        return
    meeting = state.race.meeting
    prices = {pool: [text(price) for price in by_numbers.values()] for pool, by_numbers in pool_prices(state).items()}
    first, second, *_ = (*prices["2"], "", "")
    yield {
        "stnd_yr": str(meeting.year),
        "week_tcnt": meeting.round,
        "day_tcnt": meeting.day,
        "race_no": two_digits(state.race.race_no),
        "race_ymd": f"{meeting.race_date:%Y%m%d}",
        "pool1_val": prices["1"][0] if prices["1"] else "",
        "pool2_1_val": first,
        "pool2_2_val": second,
        **{f"pool{pool}_val": prices[pool][0] if prices[pool] else "" for pool in "456"},
    }
