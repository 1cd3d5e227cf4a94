"""A feed's own format of odds, told by configuration: where its JSON has prices, and what it calls things.

A TOML or JSON file::

    prices = "/data/pools/*/lines/*"        # where each price is; * is every element of a list or object
    pool = "/data/pools/*/code"             # its pool
    numbers = "comb"                        # its start numbers: "1-2", a list, or several fields: ["no1", "no2", "no3"]
    odds = "rate"
    simulated = "/test"                     # true where the market does not exist

    [pools]                                 # what the feed calls pools; "ignored" leaves one out
    "단승" = "WIN"
    "신규" = "ignored"

    [sentinels]                             # what stands where there is no price: unsold, capped, scratched, untold
    "0" = "unsold"
    "null" = "unsold"
    "9999.9" = "capped"

    [clock]                                 # the feed's own: iso, unix, unix_ms or a strptime format
    at = "/data/updated"
    format = "%Y%m%d%H%M%S"
    zone = "Asia/Seoul"                     # of clocks that tell none

    [sales]
    each = "/data/pools/*"                  # where each pool's sales are, in won
    pool = "code"
    amount = "total"

    [race]                                  # what must be there for it to be the race that was asked for
    "/data/race/no" = "{race_no}"
    "/data/race/day" = "{race_date:%Y%m%d}"

A place beginning with `/` is looked up from the top, its stars standing where those of `prices` (of `sales`: `each`)
do; another is looked up from the price; `.` is the price itself, `*1` the key or position that the first star stands
for. Parts of a place are names of objects or positions in lists (0-based). Numbers may be text (`"1,077.1"`); start
numbers that are 0, empty or null are none.
"""

from __future__ import annotations

import math
import re
import string
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from fotmate_assets.core.http import redacted
from fotmate_assets.core.model import SourceError
from fotmate_assets.racing.model import Pool, RaceStatus, Sport, combination
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot, Sentinel
from fotmate_assets.racing.sources.odds import documents
from fotmate_assets.racing.sources.odds.documents import Document, Told
from fotmate_assets.racing.sources.odds.places import Lookup, Node, lookup_of, parts_of, spelled, walk

PoolName = Literal["WIN", "PLC", "QNL", "QPL", "EXA", "TLA", "TRI", "EXT", "ignored"]
Stand = Literal["unsold", "capped", "scratched", "untold"]


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Says so where a name is not known."""


class Clock(_Strict):
    """Where a feed tells its own time, and how."""

    at: str
    format: str = "iso"
    zone: str | None = None

    def __post_init__(self) -> None:
        parts_of(self.at)
        if self.zone is not None:
            _zone(self.zone)
        if "%" in self.format and sum(any(it in self.format for it in part) for part in _DATE) not in (0, len(_DATE)):
            raise ValueError(f"{self.format!r} must have year, month and day, or none of them for a time of day")
        if "%" not in self.format and self.format not in ("iso", "unix", "unix_ms"):
            raise ValueError(f"{self.format!r} is neither iso, unix, unix_ms nor a strptime format")


class Sales(_Strict):
    """Where a feed tells the sales of pools, in won."""

    each: str
    pool: str
    amount: str


def _our_own() -> dict[str, PoolName]:
    return {name: name for name in get_args(PoolName) if name != "ignored"}


class FeedMapping(_Strict):
    """How to read a feed's own format; see the module. Raises ValueError for what cannot be followed."""

    prices: str
    pool: str
    numbers: str | list[str]
    odds: str
    pools: dict[str, PoolName] = msgspec.field(default_factory=_our_own)
    sentinels: dict[str, Stand] = {}
    clock: Clock | None = None
    sales: Sales | None = None
    race: dict[str, str] = {}
    simulated: str | None = None

    def __post_init__(self) -> None:
        base = parts_of(self.prices)
        for place in [self.pool, self.odds, *self.number_places]:
            lookup_of(place, base)
        if self.sales:
            for place in (self.sales.pool, self.sales.amount):
                lookup_of(place, parts_of(self.sales.each))
        for place in [*self.race, *([self.simulated] if self.simulated else [])]:
            lookup_of(place, [])
        for template in self.race.values():
            check_template(template)

    @property
    def number_places(self) -> list[str]:
        """The fields that start numbers are in."""
        return [self.numbers] if isinstance(self.numbers, str) else self.numbers

    def parse(
        self, content: bytes, race: OddsRace, source: str, name: str, *, is_simulated: bool = False
    ) -> OddsSnapshot:
        """The odds of `race` in one document of the feed; see `documents.parse`. Errors name the field as the feed
        has it: `/data/pools/1/lines/17/rate`.
        """
        reading = _Reading(self, Document(source, name, content), race)
        if self.simulated:
            told = reading.one(self.simulated)
            if type(told) is not bool:
                raise reading.document.malformed(self.simulated, f"{told!r} is neither true nor false")
            documents.refuse_simulated(reading.document, self.simulated, told, is_simulated)
        for place, template in self.race.items():
            found, wanted = str(reading.one(place)), filled(template, race)
            if found != wanted:
                raise reading.document.malformed(place, f"it is about {found}, not {wanted}")
        return reading.snapshot()


def load(path: Path) -> FeedMapping:
    """The mapping in a file, `.toml` or `.json`. Raises ValueError naming file and field for what cannot be followed,
    OSError where the file cannot be read.
    """
    content = path.read_bytes()
    try:
        told = tomllib.loads(content.decode()) if path.suffix == ".toml" else msgspec.json.decode(content)
        return msgspec.convert(told, FeedMapping)
    except (ValueError, msgspec.DecodeError) as error:
        raise ValueError(f"{path}: {error}") from None


# Templates ----------------------------------------------------------------------------------------------------------

RACE_FIELDS = ("race_id", "race_date", "sport", "track_id", "race_no")
"""What a template may have in braces, with a format where wanted: `{race_date:%Y%m%d}`, `{race_no:02d}`."""


def check_template(template: str) -> None:
    """Raises ValueError for a template that `filled` cannot fill."""
    unknown = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None} - {*RACE_FIELDS}
    if unknown:
        told = redacted(template)
        raise ValueError(f"{told!r} has {', '.join(sorted(unknown))}; there is {', '.join(RACE_FIELDS)}")
    try:
        filled(template, _ANY_RACE)
    except ValueError as error:
        raise ValueError(f"{redacted(template)!r} cannot be filled: {error}") from None


_ANY_RACE = OddsRace(
    "horse-seoul-20261121-01",
    date(2026, 11, 21),
    Sport.HORSE,
    1,
    "seoul",
    datetime(2026, 11, 21, 2, tzinfo=UTC),
    RaceStatus.SCHEDULED,
    (),
)


def filled(template: str, race: OddsRace) -> str:
    """A template with what it says of a race filled in."""
    return template.format(**{name: getattr(race, name) for name in RACE_FIELDS})


# Values -------------------------------------------------------------------------------------------------------------

_DATE = (("%Y", "%y"), ("%m", "%b", "%B"), ("%d",))
_STANDS = {
    "unsold": Sentinel.UNSOLD,
    "capped": Sentinel.CAPPED,
    "scratched": Sentinel.SCRATCHED,
    "untold": Sentinel.UNTOLD,
}
_NUMBER = re.compile(r"-?[0-9][0-9,]*(\.[0-9]+)?")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError):
        raise ValueError(f"there is no zone {name!r}") from None


def _number(value: Any) -> float:
    if type(value) is str and _NUMBER.fullmatch(value.strip()):
        return float(value.replace(",", ""))
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _whole(value: Any) -> int:
    number = _number(value)
    if number < 0 or number != int(number):
        raise ValueError(f"{value!r} is no whole number from 0")
    return int(number)


@lru_cache(1 << 14)
def _numbers_in(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[0-9]{1,3}([-,/:> ]+[0-9]{1,3})*", text.strip()):
        raise ValueError(f"{text!r} is no combination of start numbers")
    return tuple(map(int, re.findall("[0-9]+", text)))


def _start_numbers(value: Any) -> tuple[int, ...]:
    """The start numbers in one value; none of 0, empty and null."""
    if type(value) is int:
        return (value,) if value else ()
    if type(value) is str:
        value = _numbers_in(value) if value.strip() else ()
    found = value if isinstance(value, (list, tuple)) else () if value is None else (value,)
    numbers = tuple(_whole(each) for each in found if each is not None)
    return tuple(number for number in numbers if number)


# One document -------------------------------------------------------------------------------------------------------


class _Reading:
    """A document of a feed as it is read."""

    def __init__(self, mapping: FeedMapping, document: Document, race: OddsRace) -> None:
        self.mapping = mapping
        self.document = document
        self._race = race
        self._top = documents.decoded(document)
        self._pools = {name: None if pool == "ignored" else Pool(pool) for name, pool in mapping.pools.items()}
        self._words = {word: _STANDS[stand] for word, stand in mapping.sentinels.items()}
        self._stands = {_number(word): it for word, it in self._words.items() if _NUMBER.fullmatch(word)}

    def one(self, place: str) -> Any:
        """What is at a place without stars. Raises SourceError where nothing is."""
        try:
            return lookup_of(place, [])(Node((self._top, self._top), ()))
        except (LookupError, TypeError, ValueError):
            raise self.document.malformed(place, "nothing is there") from None

    def snapshot(self) -> OddsSnapshot:
        """The odds that it tells."""
        keys: dict[tuple[Pool, tuple[int, ...]], tuple[str | int, ...]] = {}
        prices = self._prices(keys)
        sales = self._sales()
        told = {pool: Told(each, sales.get(pool)) for pool, each in prices.items()}

        def where(pool: Pool, numbers: tuple[int, ...]) -> str:
            return spelled(self.mapping.prices, keys[pool, numbers], self.mapping.number_places[0])

        return documents.assembled(self.document, self._race, self._clock(), told, where)

    def _prices(
        self, keys: dict[tuple[Pool, tuple[int, ...]], tuple[str | int, ...]]
    ) -> dict[Pool, dict[tuple[int, ...], float]]:
        """The prices of every pool; `keys` takes what the stars of each stand for."""
        mapping = self.mapping
        base = parts_of(mapping.prices)
        pool_of, odds_of = lookup_of(mapping.pool, base), lookup_of(mapping.odds, base)
        numbers_of = [lookup_of(place, base) for place in mapping.number_places]
        first_number = mapping.number_places[0]
        found: dict[Pool, dict[tuple[int, ...], float]] = {}
        for it in self._nodes(mapping.prices):
            place = mapping.pool
            try:
                pool = self._pool(pool_of(it))
                if pool is None:
                    continue
                place = first_number
                given: tuple[int, ...] = ()
                for number_of in numbers_of:
                    given += _start_numbers(_value(number_of, it))
                numbers = documents.told_numbers(pool, given)
                place = mapping.odds
                price = self._price(odds_of(it))
                if found.setdefault(pool, {}).setdefault(numbers, price) != price:
                    raise ValueError(f"{combination(pool, numbers)} is there at another price")
            except (LookupError, TypeError, ValueError) as error:
                raise self._refused(mapping.prices, it, place, error) from None
            keys[pool, numbers] = it.keys
        return found

    def _sales(self) -> dict[Pool, int]:
        """The sales of the pools, where they are told."""
        sales = self.mapping.sales
        if sales is None:
            return {}
        base = parts_of(sales.each)
        pool_of, amount_of = lookup_of(sales.pool, base), lookup_of(sales.amount, base)
        found: dict[Pool, int] = {}
        for it in self._nodes(sales.each):
            place = sales.pool
            try:
                pool = self._pool(pool_of(it))
                place = sales.amount
                amount = _value(amount_of, it)
                if pool is None or amount is None or amount == "":
                    continue
                won = _whole(amount)
            except (LookupError, TypeError, ValueError) as error:
                raise self._refused(sales.each, it, place, error) from None
            found[pool] = won
        return found

    def _clock(self) -> datetime | None:
        """The feed's own time; None where it tells none."""
        clock = self.mapping.clock
        told = clock and self.one(clock.at)
        if clock is None or told is None or told == "":
            return None
        try:
            match clock.format:
                case "unix" | "unix_ms":
                    return datetime.fromtimestamp(_number(told) / (1000 if clock.format == "unix_ms" else 1), UTC)
                case "iso":
                    moment = datetime.fromisoformat(str(told))
                case _:
                    moment = datetime.strptime(str(told), clock.format)  # noqa: DTZ007 (its zone follows)
        except (ValueError, OverflowError, OSError) as error:
            raise self.document.malformed(clock.at, f"no time as {clock.format}: {error}") from None
        if "%" in clock.format and "%d" not in clock.format:
            moment = datetime.combine(self._race.race_date, moment.timetz())
        if moment.tzinfo is None:
            if clock.zone is None:
                raise self.document.malformed(clock.at, f"{told!r} tells no zone, nor does the mapping")
            moment = moment.replace(tzinfo=_zone(clock.zone))
        return moment

    def _nodes(self, path: str) -> Iterator[Node]:
        """Everything that a path leads to. Raises SourceError where there is no such path."""
        try:
            yield from walk((self._top,), (), parts_of(path))
        except (LookupError, TypeError, ValueError):
            raise self.document.malformed(path, "nothing is there") from None

    def _pool(self, label: Any) -> Pool | None:
        """The pool that the feed calls so; None for one that is left out on purpose."""
        name = str(label).strip()
        if name not in self._pools:
            raise ValueError(f'no pool is called {label!r}: the mapping must name it, as "ignored" to leave it out')
        return self._pools[name]

    def _price(self, value: Any) -> float:
        if value is None or type(value) is str:
            stand = self._words.get("null" if value is None else value.strip())
            if stand is not None:
                return stand
        number = _number(value)
        stand = self._stands.get(number)
        return documents.price(number) if stand is None else stand

    def _refused(self, path: str, it: Node, place: str, error: Exception) -> SourceError:
        reason = str(error) if isinstance(error, ValueError) else "nothing is there"
        return self.document.malformed(spelled(path, it.keys, place), reason)


def _value(lookup: Lookup, it: Node) -> Any:
    """What is at a place; None where nothing is."""
    try:
        return lookup(it)
    except LookupError:
        return None
