"""What the pools paid: combinations and odds of the result document, confirmed by the payoff service days later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from fotmate_assets.racing.model import ODDS_CAP, Payoff, Pool, combination
from fotmate_assets.racing.sources.kspo.reading import Line
from fotmate_assets.racing.sources.kspo.results import Podium
from fotmate_assets.racing.sources.kspo.rows import PayoffRow, ResultRow
from fotmate_assets.racing.sources.kspo.values import odds, paid


class Column(NamedTuple):
    """A pool's field in the result document."""

    name: str
    pool: Pool
    label: str
    """As its Swagger document has it."""


CYCLE_COLUMNS = (
    Column("pool1_val", Pool.WIN, "단승식값"),
    Column("pool2_val", Pool.PLC, "연승식값"),
    Column("pool4_val", Pool.EXA, "쌍승식값"),
    Column("pool5_val", Pool.QNL, "복승식값"),
    # What these three are is unsettled: the labels contradict the prices.
    Column("pool6_val", Pool.POOL6, "삼복승값"),
    Column("pool7_val", Pool.POOL7, "쌍복승값"),
    Column("pool8_val", Pool.POOL8, "삼쌍승값"),
)

BOAT_COLUMNS = (
    Column("pool1_val", Pool.WIN, "단승식값"),
    Column("pool2_val", Pool.PLC, "연승식1값"),
    Column("pool3_val", Pool.PLC, "연승식3값"),
    Column("pool4_val", Pool.EXA, "쌍승식값"),
    Column("pool5_val", Pool.QNL, "복승식값"),
    Column("pool6_val", Pool.TLA, "삼복승식값"),
)

_SIZES = {Pool.WIN: 1, Pool.PLC: 1, Pool.EXA: 2, Pool.QNL: 2}
_TRIO = 3

_CONFIRMED_ELSEWHERE = (
    ("pool4_val", (Pool.EXA,)),
    ("pool5_val", (Pool.QNL,)),
    ("pool6_val", (Pool.POOL6, Pool.TLA)),
)


def declared(line: Line[ResultRow], columns: Sequence[Column], service: str) -> list[Payoff]:
    """The payoffs of a result document, in the order of its columns. Raises SourceError naming the pool's field."""
    payoffs: dict[tuple[Pool, str], Payoff] = {}
    for column in columns:
        size = _SIZES.get(column.pool, _TRIO)
        for one in line.parsed(column.name, partial(paid, size=size)) or ():
            numbers = combination(column.pool, one.numbers)
            if (column.pool, numbers) in payoffs:
                raise line.refused(column.name, f"{column.pool} {numbers} pays twice")
            payoffs[column.pool, numbers] = Payoff(
                column.pool, numbers, one.odds, one.odds is None, column.label, service=service
            )
    return list(payoffs.values())


def confirmed(
    payoffs: Sequence[Payoff], line: Line[PayoffRow], first_three: Podium, warnings: list[str]
) -> list[Payoff]:
    """The payoffs with what the payoff service says of them, agreeing or not.

    That service names no combinations. Win belongs to the winner, the two place payoffs to the first and the second;
    of a pool with several combinations the one at the same odds is meant. What fits nowhere is told.
    """
    found = {(payoff.pool, payoff.combination): payoff for payoff in payoffs}
    finishers = [str(runner.start_no) for _, runner in first_three.places]
    places = [payoff.combination for payoff in payoffs if payoff.pool is Pool.PLC]
    if set(finishers[:2]) <= set(places) and len(finishers) > 1:
        places = finishers
    winners = finishers[:1]
    given = [
        ("pool1_val", [(Pool.WIN, number) for number in winners]),
        ("pool2_1_val", [(Pool.PLC, number) for number in places[:1]]),
        ("pool2_2_val", [(Pool.PLC, number) for number in places[1:2]]),
    ]
    given += [(name, [key for key in found if key[0] in pools]) for name, pools in _CONFIRMED_ELSEWHERE]
    for name, keys in given:
        price = line.parsed(name, odds)
        if price is None or price >= ODDS_CAP:
            continue
        meant = [key for key in keys if key in found]
        if len(meant) > 1:
            meant = [key for key in meant if found[key].odds == price]
        if len(meant) == 1:
            found[meant[0]] = replace(found[meant[0]], confirmed_odds=price)
        else:
            warnings.append(f"race {line.value.race_no}: {name} {price} of the payoff service fits no combination")
    return list(found.values())
