"""Sudden moves: money that comes at once for one runner to win.

A runner's share of the win pool is its implied probability: 1/odds by the sum of them (proportional). Between two
instants the shares are those among the runners known at both, so that a scratch, whose bets are paid back and which
lifts everybody else, moves nobody.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.dialects.postgresql import insert

from fotmate_assets.core.alerts import Alert, Message, note
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.racing.model import KST, ODDS_CAP
from fotmate_assets.racing.odds.model import OddsRow, Sentinel
from fotmate_assets.racing.odds.store import FINAL, snapshot_rows
from fotmate_assets.racing.odds.tables import odds_moves

RISE = 0.05
"""Of the share, from which on it is a move."""
WITHIN = timedelta(minutes=2)
STEP = 0.1
"""What odds are shown in: 1.2 and 1.1 may be a hundredth apart, though a share of two thirds is 6 points more."""
LEAST_SALES_KRW = 2_000_000
"""Below it a single bet of the legal maximum (100,000 won) lifts a share by 5 points."""
QUIET = timedelta(minutes=2)
"""After an alert of a race, the next one waits so long."""


@dataclass(frozen=True)
class Move:
    """A runner's share of the win pool that rose at once."""

    race_id: str
    race_date: date
    start_no: int
    from_at: datetime
    """The snapshot that it rose from."""
    observed_at: datetime
    """The snapshot that shows it first."""
    from_share: float
    """0 to 1, among the runners known at both instants."""
    to_share: float
    from_odds: float | None
    """None where nobody had bought it."""
    to_odds: float
    source: str
    is_simulated: bool

    @property
    def rise(self) -> float:
        """Of the share."""
        return self.to_share - self.from_share


def sudden_moves(history: Iterable[OddsRow]) -> list[Move]:
    """The first move of each runner of one race, in order of time, from its WIN rows in any order.

    A move is a share up 5 points or more within 2 minutes, from the lowest of them, by more than one step of the odds.
    An unsold or capped runner has no share; one that is scratched or untold at either instant is left out of both. Rows
    of two sources are not compared. The first bets are noise: nothing is a move from a snapshot with less than 2
    million won in the pool, where the source tells sales; where it does not, the cadence has no two snapshots within 2
    minutes until T-15.
    """
    rows = sorted((row for row in history if row.source != FINAL), key=attrgetter("observed_at"))
    weights = [_weights(row) for row in rows]
    found: dict[int, Move] = {}
    first = 0
    for now, row in enumerate(rows):
        while rows[first].observed_at < row.observed_at - WITHIN:
            first += 1
        steepest: dict[int, Move] = {}
        for then in range(first, now):
            if _is_same_series(rows[then], row) and _is_deep(rows[then]):
                for place, rise in _rises(weights[then], weights[now]):
                    move = _move(rows[then], row, place, *rise)
                    other = steepest.get(move.start_no)
                    fell = (move.from_odds or ODDS_CAP) - move.to_odds
                    if fell > STEP * 1.01 and (other is None or move.rise > other.rise):
                        steepest[move.start_no] = move
        for number, move in steepest.items():
            found.setdefault(number, move)
    return list(found.values())


def _is_same_series(one: OddsRow, other: OddsRow) -> bool:
    return (one.source, one.is_simulated, one.field) == (other.source, other.is_simulated, other.field)


def _is_deep(row: OddsRow) -> bool:
    return row.sales_krw is None or row.sales_krw >= LEAST_SALES_KRW


def _weights(row: OddsRow) -> list[float | None]:
    """1/odds of each runner; None where it has no part in the pool or it is not known which."""
    unknown = (Sentinel.SCRATCHED, Sentinel.UNTOLD)
    return [1 / price if price > 0 else None if price in unknown else 0.0 for price in map(float, row.odds)]


def _rises(then: Sequence[float | None], now: Sequence[float | None]) -> Iterator[tuple[int, tuple[float, float]]]:
    """The places whose share rose enough among those known at both instants, with the shares."""
    known = [(place, *pair) for place, pair in enumerate(zip(then, now, strict=True)) if None not in pair]
    all_then, all_now = (math.fsum(each[side] or 0 for each in known) for side in (1, 2))
    if all_then and all_now:
        for place, weight_then, weight_now in known:
            shares = (weight_then or 0) / all_then, (weight_now or 0) / all_now
            if shares[1] - shares[0] >= RISE:
                yield place, shares


def _move(before: OddsRow, row: OddsRow, place: int, from_share: float, to_share: float) -> Move:
    from_odds = float(before.odds[place])
    return Move(
        row.race_id,
        row.race_date,
        row.field[place],
        before.observed_at,
        row.observed_at,
        from_share,
        to_share,
        from_odds if from_odds > 0 else None,
        float(row.odds[place]),
        row.source,
        row.is_simulated,
    )


# Noting --------------------------------------------------------------------------------------------------------------

_LATELY = """
    unnest(%(race_ids)s::text[]) as asked (race_id)
    cross join lateral (
        select max(n.observed_at) as at from odds_snapshots n
        where n.race_id = asked.race_id and n.pool = 'WIN' and n.source <> %(final)s
    ) newest
    join odds_snapshots s on s.race_id = asked.race_id and s.pool = 'WIN' and s.source <> %(final)s
        and s.observed_at >= newest.at - %(back)s
    order by s.race_id, s.observed_at
"""
_OFFS = text("select race_id, post_time from races where race_id = any(:race_ids) and post_time is not null")
_UNTOLD = text("""
    select m.race_id, m.start_no, m.observed_at, m.seconds_to_off, t.name as track, r.race_no, r.post_time,
           e.runner_name
    from odds_moves m join races r using (race_id) join tracks t using (track_id)
    left join entries e using (race_id, start_no)
    where m.race_id = any(:race_ids) and m.observed_at > coalesce(
        (select max(covers_until) from alerts a where a.kind = 'notice' and a.key = m.race_id), '-infinity')
    order by m.race_id, m.observed_at, m.start_no
""")


def note_moves(engine: Engine, race_ids: Collection[str]) -> list[Move]:
    """Find the sudden moves of these races by their newest snapshots, keep those that are new in `odds_moves`, and note
    one alert per race, at most every two minutes; return the new ones.

    Looks back over twice the time that a move takes, so that a call that was missed loses nothing, and the next alert
    tells what came in the quiet of the last. A race without a post time is left out: nobody could tell how long it is
    to the off.
    """
    asked = sorted(set(race_ids))
    return in_transaction(engine, lambda connection: _note(connection, asked)) if asked else []


def _note(connection: Connection, race_ids: list[str]) -> list[Move]:
    rows = snapshot_rows(connection, _LATELY, {"race_ids": race_ids, "final": FINAL, "back": 2 * WITHIN})
    moves = [move for _, of_race in groupby(rows, key=attrgetter("race_id")) for move in sudden_moves(of_race)]
    if not moves:
        return []
    offs = dict(connection.execute(_OFFS, {"race_ids": [move.race_id for move in moves]}).tuples().all())
    new = _insert(connection, [move for move in moves if move.race_id in offs], offs)
    seen = {(move.race_id, move.start_no, move.observed_at): move for move in moves}
    untold = connection.execute(_UNTOLD, {"race_ids": sorted(offs)})
    for race_id, of_race in groupby(untold, key=attrgetter("race_id")):
        told = [(seen[key], row) for row in of_race if (key := (race_id, row.start_no, row.observed_at)) in seen]
        if told:
            note(connection, _alert(told), QUIET)
    return new


def _insert(connection: Connection, moves: Sequence[Move], offs: dict[str, datetime]) -> list[Move]:
    """Keep moves; those of runners that had none before."""
    if not moves:
        return []
    values = [
        {
            **{name: getattr(move, name) for name in Move.__dataclass_fields__ if name in odds_moves.c},
            "seconds_to_off": round((offs[move.race_id] - move.observed_at).total_seconds()),
        }
        for move in moves
    ]
    key = odds_moves.c.race_id, odds_moves.c.start_no
    kept = connection.execute(insert(odds_moves).values(values).on_conflict_do_nothing().returning(*key))
    new = set(kept.tuples())
    return [move for move in moves if (move.race_id, move.start_no) in new]


def _alert(moves: Sequence[tuple[Move, Row[Any]]]) -> Alert:
    """One message of a race's moves."""
    newest, race = max(moves, key=lambda each: each[0].observed_at)
    numbers = ", ".join(str(move.start_no) for move, _ in moves)
    simulated = " (simulated)" if newest.is_simulated else ""
    title = f"{race.track} race {race.race_no}: money for {numbers}{simulated}"
    fields = {
        "off": f"{_to_off(race.seconds_to_off)} ({race.post_time.astimezone(KST):%H:%M} KST)",
        "race": newest.race_id,
        "source": newest.source,
    }
    lines = [_line(move, row.runner_name) for move, row in moves]
    return Alert("notice", newest.race_id, Message(title, "\n".join(lines), fields), newest.observed_at)


def _line(move: Move, runner: str | None) -> str:
    who = f"{move.start_no} {runner}" if runner else str(move.start_no)
    then = f"{move.from_odds:.1f}" if move.from_odds is not None else "none"
    seconds = (move.observed_at - move.from_at).total_seconds()
    return (
        f"{who}: {move.from_share:.1%} to {move.to_share:.1%} of the win pool,"
        f" odds {then} to {move.to_odds:.1f}, in {seconds:.0f} s"
    )


def _to_off(seconds: int) -> str:
    if seconds <= 0:
        return "at the off"
    minutes, rest = divmod(seconds, 60)
    return f"in {minutes} min {rest} s" if minutes else f"in {rest} s"
