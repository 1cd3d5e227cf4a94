"""Recorded streams of the Betfair exchange, mapped to our odds.

A file has one JSON message per line, in order of publication (`pt`, ms since 1970): `mcm` messages with the changes
(`mc`) of one or several markets. A change brings the market's definition where that has changed, and of its runners
(`rc`) what has changed; with `img` it replaces what was known. ADVANCED and PRO files have the order book, BASIC ones
the last traded price (`ltp`) once a minute.

What is taken: as the price of a runner, what was last traded, else the best that is offered to back; a runner that is
REMOVED is scratched from its `removalDate` on; nobody has bought one without either price, or it is not told where
the recording starts late, without the market as a whole. WIN markets are our WIN pool, PLACE markets PLC. Prices are
those before the off, which is where the market goes in play, or its starting price is reconciled, or runners have
won and lost: nothing after counts, not even where the market is opened again to correct its result. Between a market's
closing and its opening again before the off nothing changes.

An exchange is no parimutuel: its prices are agreed one by one, their margin is near zero, and what is matched is in
pounds, so that it is no `sales_krw`. The name of the source of such rows says so (`replay:betfair`).

Start numbers are those in the runners' names (`3. Some Dog`), which some files have in their last definition only; for
names without, `sortPriority` as first told, which stays (it changes in the stream when runners are removed) and means
nothing but an order: British horse streams have no cloth numbers. Markets of one race are numbered by runner id alike.
"""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot, PoolOdds, Sentinel, grid, paying
from fotmate_assets.racing.sources.odds.documents import Instant

log = structlog.get_logger(__name__)

POOLS = {"WIN": Pool.WIN, "PLACE": Pool.PLC}
_REMOVED = frozenset({"REMOVED", "REMOVED_VACANT"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIDED = frozenset({"WINNER", "LOSER", "PLACED"})


class _Runner(msgspec.Struct):
    id: int
    status: str
    sortPriority: int
    name: str | None = None
    removalDate: Instant | None = None


class _Definition(msgspec.Struct):
    marketType: str
    status: str
    marketTime: Instant
    runners: list[_Runner]
    numberOfWinners: int = 1
    inPlay: bool = False
    bspReconciled: bool = False


class _RunnerChange(msgspec.Struct):
    id: int
    ltp: float | None = None
    atb: list[tuple[float, float]] = []
    """Price and size; no size: the price is gone."""
    batb: list[tuple[int, float, float]] = []
    """Level, price and size."""
    bdatb: list[tuple[int, float, float]] = []


class _Change(msgspec.Struct):
    id: str
    marketDefinition: _Definition | None = None
    rc: list[_RunnerChange] = []
    img: bool = False


class _Message(msgspec.Struct):
    op: str
    pt: int | None = None
    mc: list[_Change] = []


_messages = msgspec.json.Decoder(_Message)


class _WrongError(Exception):
    """A message that makes no sense, and its field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass
class _Book:
    """What is known of a runner."""

    ltp: float | None = None
    offered: dict[float, float] = field(default_factory=dict)
    """Size by price."""
    levels: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Price and size by level of the best offers; of the virtual ones where nothing else is told."""
    is_removed: bool = False

    def take(self, change: _RunnerChange) -> None:
        if change.ltp is not None:
            self.ltp = change.ltp
        self.offered.update(change.atb)
        self.levels.update({level: (price, size) for level, price, size in change.batb or change.bdatb})

    def price(self) -> float | None:
        """The odds; None where there are none."""
        if self.ltp:
            return self.ltp
        offers = [*self.offered.items(), *self.levels.values()]
        return max((price for price, size in offers if size > 0), default=None)


@dataclass
class _Line:
    """What stood for a runner when: a price or a `Sentinel` from each time on (ms)."""

    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def put(self, at: int, value: float) -> None:
        while self.times and self.times[-1] >= at:
            self.times.pop()
            self.values.pop()
        if not self.values or self.values[-1] != value:
            self.times.append(at)
            self.values.append(value)

    def at(self, instant: int) -> float:
        index = bisect_right(self.times, instant)
        return self.values[index - 1] if index else Sentinel.UNTOLD


@dataclass
class Market:
    """A market up to the off."""

    market_id: str
    market_type: str = ""
    winners: int = 1
    names: dict[int, str] = field(default_factory=dict)
    """Of the runners, by id, as far as any definition tells."""
    priorities: dict[int, int] = field(default_factory=dict)
    """`sortPriority` by runner id, as first told."""
    clock: array[int] = field(default_factory=lambda: array("q"))
    """When it changed before the off (ms)."""
    lines: dict[int, _Line] = field(default_factory=dict)
    post_times: list[tuple[int, datetime]] = field(default_factory=list)
    """The off as told from each time on (ms)."""
    _books: dict[int, _Book] = field(default_factory=dict)
    _is_whole: bool = False
    """It was told as a whole, so that a runner without a price has none."""
    _is_open: bool = False
    _is_over: bool = False
    _last: int = 0

    def take(self, change: _Change, pt: int) -> None:
        """Follow one change. Raises _WrongError for one that is older than the last, and for what is no price."""
        if pt < self._last:
            raise _WrongError("pt", f"market {self.market_id} goes back in time, from {self._last} to {pt}")
        self._is_whole |= change.img or (not self._last and change.marketDefinition is not None)
        self._last = pt
        definition = change.marketDefinition
        if definition is not None:
            self._define(definition, pt)
        if self._is_over:
            return
        if change.img:
            self._books = {id_: _Book(is_removed=book.is_removed) for id_, book in self._books.items()}
        for each in change.rc:
            if each.ltp is not None and not (each.ltp == 0 or 1 <= each.ltp < math.inf):
                raise _WrongError("ltp", f"market {self.market_id}, runner {each.id}: {each.ltp} is no price")
            self._books.setdefault(each.id, _Book()).take(each)
        if not self._is_open:
            return
        self.clock.append(pt)
        nothing = Sentinel.UNSOLD if self._is_whole else Sentinel.UNTOLD
        for id_ in self._books if change.img or definition else {each.id for each in change.rc}:
            book = self._books[id_]
            if id_ in self.priorities and not book.is_removed:
                self.lines.setdefault(id_, _Line()).put(pt, book.price() or nothing)

    def _define(self, definition: _Definition, pt: int) -> None:
        self.names.update({runner.id: runner.name for runner in definition.runners if runner.name})
        for runner in definition.runners:
            self.priorities.setdefault(runner.id, runner.sortPriority)
        self._is_over |= (
            definition.inPlay
            or definition.bspReconciled
            or any(runner.status in _DECIDED for runner in definition.runners)
        )
        if self._is_over:
            return
        self.market_type, self.winners = definition.marketType, definition.numberOfWinners
        self._is_open = definition.status != "CLOSED"
        if not self.post_times or self.post_times[-1][1] != definition.marketTime:
            self.post_times.append((pt, definition.marketTime))
        for runner in definition.runners:
            book = self._books.setdefault(runner.id, _Book())
            book.is_removed = runner.status in _REMOVED
            if book.is_removed:
                gone = runner.removalDate and _ms(runner.removalDate)
                line = self.lines.setdefault(runner.id, _Line())
                if not line.values or line.values[-1] != Sentinel.SCRATCHED:
                    line.put(min(pt, gone or pt), Sentinel.SCRATCHED)


def read(lines: Iterable[bytes], source: str, name: str, markets: dict[str, Market]) -> None:
    """Follow every market of a stream, into `markets`, by id, where those of an earlier file go on.

    Raises SourceError(MALFORMED) naming the line (1-based) and bringing it.
    """
    for number, line in enumerate(lines, 1):
        document = f"{name} line {number}"
        try:
            message = _messages.decode(line)
            if message.op != "mcm":
                continue
            if message.pt is None:
                raise _WrongError("pt", "it is missing")
            for change in message.mc:
                markets.setdefault(change.id, Market(change.id)).take(change, message.pt)
        except _WrongError as error:
            raise SourceError(
                Verdict.MALFORMED, source, document, str(error), field=error.field, content=line
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            reason, _, path = str(error).partition(" - at `$.")
            raise SourceError(
                Verdict.MALFORMED, source, document, reason, field=path.rstrip("`") or None, content=line
            ) from None


SAME_RACE = timedelta(hours=2)
"""A market is no recording of a race that is off at another time than this."""


class Exchange:
    """Markets bound to races of ours by configuration: `bound` is market id to race id, a WIN and a PLACE market to
    the same. The field is the race's; where it has none, every runner that the markets ever had.

    Raises SourceError: empty_unexpected for a bound market that is not recorded, malformed for one that is no WIN or
    PLACE market, and for two of one pool at one race.
    """

    def __init__(self, markets: Mapping[str, Market], bound: Mapping[str, str], source: str) -> None:
        self._source = source
        self._recorded = sorted(markets)
        self._races: dict[str, dict[Pool, Market]] = {}
        for market_id, race_id in bound.items():
            market = markets.get(market_id)
            if market is None or not market.market_type:
                reason = f"no market {market_id} is recorded before its off, but {', '.join(sorted(markets)) or 'none'}"
                raise SourceError(Verdict.EMPTY_UNEXPECTED, source, race_id, reason)
            pool = POOLS.get(market.market_type)
            if pool is None:
                reason = f"market {market_id} is a {market.market_type} market: WIN and PLACE can be read"
                raise SourceError(Verdict.MALFORMED, source, race_id, reason, field="marketType")
            if pool in self._races.setdefault(race_id, {}):
                raise SourceError(Verdict.MALFORMED, source, race_id, f"two markets are its {pool} pool")
            self._races[race_id][pool] = market
            _warn_of_places(market, pool)

    def snapshot(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        """The odds of a race at `at`, as told by then; after the off, the last before it. `source_ts` is when they
        changed last.

        Raises SourceError: empty_unexpected where no market is bound to the race, not_yet before its recording begins,
        malformed where a runner's number is not in the race's field, or the market is off at another time.
        """
        bound = self._markets(race.race_id)
        offs = [off for market in bound.values() for _, off in market.post_times]
        if offs and all(abs(off - race.post_time) > SAME_RACE for off in offs):
            reason = (
                f"its market is off at {offs[-1]:%Y-%m-%d %H:%M %Z}, the race at {race.post_time:%Y-%m-%d %H:%M %Z}"
            )
            raise SourceError(Verdict.MALFORMED, self._source, race.race_id, reason, field="marketTime")
        instant = _ms(at)
        begun = {pool: market for pool, market in bound.items() if market.clock and market.clock[0] <= instant}
        if not begun:
            first = min((market.clock[0] for market in bound.values() if market.clock), default=None)
            told = f"begins at {_moment(first):%Y-%m-%d %H:%M:%S %Z}" if first is not None else "has nothing of it"
            raise SourceError(Verdict.NOT_YET, self._source, race.race_id, f"the recording {told} before the off")
        numbers = numbered([bound[pool] for pool in POOLS.values() if pool in bound])
        runners = race.field or tuple(sorted(numbers.values()))
        pools = []
        for pool, market in begun.items():
            prices: dict[tuple[int, ...], float] = {
                (numbers[id_],): line.at(instant) for id_, line in market.lines.items()
            }
            if strange := [number for (number, *_) in prices if number not in runners]:
                reason = f"market {market.market_id} has runner {strange[0]}, which is not declared"
                raise SourceError(Verdict.MALFORMED, self._source, race.race_id, reason, field="runners")
            pools.append(PoolOdds(pool, grid(pool, runners, prices, race.scratched)))
        told_at = max(market.clock[bisect_right(market.clock, instant) - 1] for market in begun.values())
        return OddsSnapshot(race.race_id, runners, tuple(pools), _moment(told_at))

    def _markets(self, race_id: str) -> dict[Pool, Market]:
        if race_id not in self._races:
            reason = f"no market is bound to it; recorded are {', '.join(self._recorded) or 'none'}"
            raise SourceError(Verdict.EMPTY_UNEXPECTED, self._source, race_id, reason)
        return self._races[race_id]


def numbered(markets: Sequence[Market]) -> dict[int, int]:
    """Start number of every runner, by id, of the markets of one race, the first of which counts first."""
    names = {id_: name for market in markets for id_, name in market.names.items()}
    priorities: dict[int, int] = {}
    for market in markets:
        for id_, priority in market.priorities.items():
            taken = priorities.values()
            if id_ not in priorities:
                priorities[id_] = max(taken) + 1 if priority in taken else priority
    matches = {id_: re.match(r"([1-9][0-9]?)\. ?\S", names.get(id_, "")) for id_ in priorities}
    by_name = {id_: int(match[1]) for id_, match in matches.items() if match}
    is_told = len(by_name) == len(priorities) == len(set(by_name.values()))
    return by_name if is_told else priorities


def _warn_of_places(market: Market, pool: Pool) -> None:
    """Take note of a market that pays other places than the rows say, whose chances sum to that."""
    pays = paying(pool, len(market.priorities))
    if market.winners != pays:
        log.warning(
            "a market pays other places than our pool", market=market.market_id, market_pays=market.winners, pays=pays
        )


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
