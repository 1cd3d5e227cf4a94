"""Our own format of odds: one JSON document per race and instant.

What the http feed reads where it is told no other format, what recordings hold (one document per line) and what the
simulated market writes::

    {"race_id": "horse-seoul-20261121-01", "source_ts": "2026-11-21T10:35:00+09:00", "simulated": false,
     "pools": {"WIN": {"sales_krw": 123000, "odds": {"1": 3.4, "2": null, "3": "capped", "4": "scratched"}},
               "EXA": {"odds": {"1-2": 12.3}}}}

Odds are multiples of the stake; null: nobody bought it; `capped`, and 9999.9: higher than the source can show;
`scratched`: withdrawn; what is absent is not told. Pools are named as `Pool` names them. `source_ts` is RFC 3339 with
an offset; it, `simulated` and `sales_krw` may be left out. Fields that are not listed here, and KSPO's pools whose
meaning is unsettled (POOL6 to POOL8), are set aside and told of in the log, once per source: the bytes are kept. A
document that is wrong in anything else is refused as a whole.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
import structlog

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import ODDS_CAP, Pool, combination, in_order
from fotmate_assets.racing.odds.model import (
    NUMBERS_IN,
    OddsRace,
    OddsSnapshot,
    PoolOdds,
    Sentinel,
    combinations,
    grid,
)

T = TypeVar("T")
log = structlog.get_logger(__name__)

WORDS: Mapping[str | None, Sentinel] = {
    None: Sentinel.UNSOLD,
    "capped": Sentinel.CAPPED,
    "scratched": Sentinel.SCRATCHED,
}
"""What stands in place of a price."""

_HIGHEST = 3.4e38
"""What a float32 holds."""

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Document(NamedTuple):
    """A document that is being read, for the errors it may give."""

    source: str
    name: str
    content: bytes

    def malformed(self, field: str, reason: str) -> SourceError:
        """The error to raise for a field of it."""
        return SourceError(Verdict.MALFORMED, self.source, self.name, reason, field=field, content=self.content)


class Told(NamedTuple):
    """What a document tells of a pool."""

    prices: Mapping[tuple[int, ...], float]
    """Combination, as the pool orders it, to odds or a `Sentinel`."""
    sales_krw: int | None


class Head(msgspec.Struct):
    """What a document says besides its odds."""

    race_id: str
    source_ts: Instant | None = None
    simulated: bool = False


class _Whole(Head, kw_only=True):
    pools: dict[str, Any]


class _Pool(msgspec.Struct):
    odds: dict[str, Any]
    sales_krw: Annotated[int, msgspec.Meta(ge=0)] | None = None


_heads = msgspec.json.Decoder(Head)


def head(content: bytes, source: str, name: str) -> Head:
    """What a document says besides its odds, which are skipped unread. Raises SourceError(MALFORMED)."""
    try:
        return _heads.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refused(Document(source, name, content), "", error) from None


def parse(content: bytes, race: OddsRace, source: str, name: str, *, is_simulated: bool = False) -> OddsSnapshot:
    """The odds of `race` in one document. The field is the race's; where no entries are known, the numbers told.

    `source` and `name` are for errors; `is_simulated`: what the source is said to be. A runner whose win or place
    odds are `scratched` is so in every pool. Raises SourceError(MALFORMED) naming the field (`pools.EXA.odds.1-99`)
    and bringing the bytes: what is no such document, is about another race, says that it is simulated where the
    source is not, or has a combination that the field does not have, one combination at two prices, or odds below 1;
    EMPTY_UNEXPECTED where no pool has odds.
    """
    document = Document(source, name, content)
    top = decoded(document)
    whole = _converted(document, "", top, _Whole)
    if whole.race_id != race.race_id:
        raise document.malformed("race_id", f"it is about {whole.race_id}, not {race.race_id}")
    refuse_simulated(document, "simulated", whole.simulated, is_simulated)
    set_aside(source, "fields", top.keys() - _FIELDS)
    told: dict[Pool, Told] = {}
    for label, each in whole.pools.items():
        pool = _pool(document, label)
        if pool is None:
            continue
        one = _converted(document, f"pools.{label}", each, _Pool)
        set_aside(source, "fields of a pool", each.keys() - _POOL_FIELDS)
        told[pool] = Told(_prices(document, pool, one.odds), one.sales_krw)

    def where(pool: Pool, numbers: tuple[int, ...]) -> str:
        spelled = whole.pools[pool]["odds"]
        return f"pools.{pool}.odds.{next(key for key in spelled if spelled_numbers(pool, key) == numbers)}"

    return assembled(document, race, whole.source_ts, told, where)


def write(snapshot: OddsSnapshot, *, is_simulated: bool) -> bytes:
    """The document of a snapshot, on one line: what `parse` makes the same snapshot of. Prices have the fewest digits
    that tell them, up to two decimals; others are written in full.
    """
    pools = {}
    for each in snapshot.pools:
        short = [round(price, 2) for price in each.odds]
        odds: dict[str, float | str | None] = {}
        spellings = _spellings(each.pool, snapshot.field)
        for spelled, price, rounded, as_read in zip(spellings, each.odds, short, array("f", short), strict=True):
            if price > 0:
                odds[spelled] = rounded if as_read == price else price
            elif price != Sentinel.UNTOLD:
                odds[spelled] = _WORD_OF[Sentinel(int(price))]
        pools[each.pool.value] = {"sales_krw": each.sales_krw, "odds": odds}
    return msgspec.json.encode(
        {"race_id": snapshot.race_id, "source_ts": snapshot.source_ts, "simulated": is_simulated, "pools": pools}
    )


_FIELDS = {"race_id", "source_ts", "simulated", "pools"}
_POOL_FIELDS = {"odds", "sales_krw"}
_WORD_OF = {sentinel: word for word, sentinel in WORDS.items()}


# For every format of odds -------------------------------------------------------------------------------------------


def assembled(
    document: Document,
    race: OddsRace,
    source_ts: datetime | None,
    told: Mapping[Pool, Told],
    where: Callable[[Pool, tuple[int, ...]], str],
) -> OddsSnapshot:
    """The snapshot that a document tells; `where` names the field that has a combination.

    Raises SourceError: EMPTY_UNEXPECTED where no pool has odds, MALFORMED for a combination that the field does not
    have.
    """
    if not any(each.prices for each in told.values()):
        reason = "no pool has odds"
        raise SourceError(Verdict.EMPTY_UNEXPECTED, document.source, document.name, reason, content=document.content)
    field = race.field or tuple(sorted({number for each in told.values() for key in each.prices for number in key}))
    singles = (told[pool].prices for pool in (Pool.WIN, Pool.PLC) if pool in told)
    gone = {key[0] for prices in singles for key, price in prices.items() if price == Sentinel.SCRATCHED}
    pools = []
    for pool, each in told.items():
        try:
            odds = grid(pool, field, each.prices, race.scratched | gone)
        except KeyError as error:
            numbers = error.args[0]
            reason = f"{combination(pool, numbers)} is no combination of the field {', '.join(map(str, field))}"
            raise document.malformed(where(pool, numbers), reason) from None
        pools.append(PoolOdds(pool, odds, each.sales_krw))
    return OddsSnapshot(race.race_id, field, tuple(pools), source_ts, document.content)


def decoded(document: Document) -> Any:
    """The JSON in a document. Raises SourceError(MALFORMED) where there is none, or where an object of it has one
    name for two values.
    """
    try:
        return json.loads(document.content.decode("utf-8-sig"), object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise document.malformed("*", f"no JSON: {error}") from None


def price(value: float) -> float:
    """A number as odds: the portals' cap is CAPPED. Raises ValueError below 1 and for what is not finite."""
    if value == ODDS_CAP:
        return Sentinel.CAPPED
    if 1 <= value <= _HIGHEST:
        return value
    raise ValueError(f"{value!r} is no price: odds are multiples of the stake, from 1")


def refuse_simulated(document: Document, field: str, told: bool, is_simulated: bool) -> None:
    """Raises SourceError(MALFORMED) where a document says that it is simulated and its source is said to be real:
    such prices must never be stored as those of a market.
    """
    if told and not is_simulated:
        raise document.malformed(field, "it says that it is simulated, and the source is not said to be")


def set_aside(source: str, what: str, names: Iterable[str]) -> None:
    """Tell the log, once per source and name, of what is not used."""
    for name in names:
        _noted(source, what, name)


@lru_cache(1 << 14)
def spelled_numbers(pool: Pool, spelled: str) -> tuple[int, ...]:
    """The combination that `1-2` or `02-01` spells, as the pool orders it. Raises ValueError for what spells none."""
    if not re.fullmatch(r"[0-9]{1,3}(-[0-9]{1,3})*", spelled):
        raise ValueError(f"{spelled!r} is no combination: start numbers with hyphens between")
    return told_numbers(pool, tuple(map(int, spelled.split("-"))))


@lru_cache(1 << 14)
def told_numbers(pool: Pool, given: tuple[int, ...]) -> tuple[int, ...]:
    """Start numbers as a combination of a pool, in its order. Raises ValueError where they are none."""
    numbers = in_order(pool, given)
    if len(set(numbers)) != NUMBERS_IN[pool] or len(numbers) != NUMBERS_IN[pool] or min(numbers) < 1:
        raise ValueError(f"{'-'.join(map(str, numbers))!r} is no combination of {NUMBERS_IN[pool]} start numbers")
    return numbers


@lru_cache(1024)
def _noted(source: str, what: str, name: str) -> None:
    log.warning("odds documents have something unknown, which is set aside", source=source, what=what, name=name)


# The parts of a document --------------------------------------------------------------------------------------------


def _pool(document: Document, label: str) -> Pool | None:
    """The pool of a label; None for one that is set aside. Raises SourceError for what is no pool."""
    try:
        pool = Pool(label)
    except ValueError:
        raise document.malformed(f"pools.{label}", "there is no such pool") from None
    if pool in NUMBERS_IN:
        return pool
    set_aside(document.source, "pools", [label])
    return None


def _prices(document: Document, pool: Pool, odds: Mapping[str, Any]) -> dict[tuple[int, ...], float]:
    prices: dict[tuple[int, ...], float] = {}
    spelled = ""
    try:
        for spelled, value in odds.items():
            numbers = spelled_numbers(pool, spelled)
            found = _price(value)
            if prices.setdefault(numbers, found) != found:
                raise ValueError("the same combination is there at another price")
    except ValueError as error:
        raise document.malformed(f"pools.{pool}.odds.{spelled}", str(error)) from None
    return prices


def _price(value: Any) -> float:
    if type(value) is float or type(value) is int:
        return price(value)
    if (value is None or type(value) is str) and value in WORDS:
        return WORDS[value]
    raise ValueError(f"{value!r} is neither a number nor null, capped or scratched")


@lru_cache(256)
def _spellings(pool: Pool, field: tuple[int, ...]) -> tuple[str, ...]:
    return tuple("-".join(map(str, numbers)) for numbers in combinations(pool, field))


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        for name, value in pairs:
            if made[name] != value:
                raise ValueError(f"{name!r} is there twice, with different values")
    return made


def _converted(document: Document, where: str, value: Any, type_: type[T]) -> T:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise _refused(document, where, error) from None


def _refused(document: Document, where: str, error: Exception) -> SourceError:
    reason, _, path = str(error).partition(" - at `$")
    missing = re.search(r"missing required field `(.+)`", reason)
    field = ".".join(filter(None, (where, path.strip(".`"), missing[1] if missing else "")))
    return document.malformed(field or "*", reason)
