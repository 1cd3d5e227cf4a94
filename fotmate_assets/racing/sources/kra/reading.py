"""Finding a meeting's rows in its listings, and keeping what is wrong with one race from the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from fotmate_assets.core.model import SourceError
from fotmate_assets.racing.model import Meeting
from fotmate_assets.racing.sources import rows
from fotmate_assets.racing.sources.kra.rows import OF_THE_RACE, RaceRow
from fotmate_assets.racing.sources.kra.values import SECTIONALS, day_of, track_of
from fotmate_assets.racing.sources.source import Family, Listing

T = TypeVar("T", bound=RaceRow)
R = TypeVar("R")


class Key(NamedTuple):
    """Which race a row is about."""

    row: int
    track_id: str
    day: date
    race_no: int


class _KeyFields(msgspec.Struct, gc=False):
    meet: int | str
    rcDate: int
    rcNo: int


_keys_decoder = msgspec.json.Decoder(list[_KeyFields], strict=False)
_day_of = lru_cache(maxsize=512)(day_of)
_track_of = lru_cache(maxsize=64)(track_of)


def joined(of: Iterable[msgspec.Raw]) -> bytes:
    """Rows as one JSON array, which decodes several times as fast as row after row."""
    return b"[" + b",".join(of) + b"]"


@dataclass(frozen=True)
class Index:
    """Where a listing has the rows of each meeting."""

    meetings: Mapping[tuple[date, str], Sequence[Key]]
    """By race date and track."""
    failure: SourceError | None
    """Of the first row that does not say which race it is about; it is left out."""

    def of(self, meeting: Meeting) -> Sequence[Key]:
        """The rows about a meeting, in order."""
        return self.meetings.get((meeting.race_date, meeting.track_id), ())

    def __len__(self) -> int:
        return sum(map(len, self.meetings.values()))


_INDEXES: WeakKeyDictionary[Listing, Index] = WeakKeyDictionary()


def index(listing: Listing) -> Index:
    """Where the listing has which rows, found once: a month's document is asked by each of its meetings."""
    known = _INDEXES.get(listing)
    if known is None:
        known = _INDEXES[listing] = _indexed(listing)
    return known


def _indexed(listing: Listing) -> Index:
    found, failure = _keys(listing)
    meetings: dict[tuple[date, str], list[Key]] = defaultdict(list)
    for key in found:
        meetings[key.day, key.track_id].append(key)
    return Index(meetings, failure)


def _keys(listing: Listing) -> tuple[list[Key], SourceError | None]:
    """The race of every row, and the error of the first row that does not say (it is left out)."""
    try:
        found = _keys_decoder.decode(joined(listing.rows))
        return [Key(row, _track_of(it.meet), _day_of(it.rcDate), it.rcNo) for row, it in enumerate(found)], None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return _keys_one_by_one(listing)


def _keys_one_by_one(listing: Listing) -> tuple[list[Key], SourceError | None]:
    """The same, where a row is wrong: slower, and tells which."""
    found: list[Key] = []
    failure: SourceError | None = None
    for row in range(len(listing)):
        try:
            line = Line(listing, row, *rows.decode(listing, row, RaceRow))
            track_id = line.parsed("meet", track_of)
            day = line.parsed("rcDate", day_of)
        except SourceError as error:
            failure = failure or error
        else:
            found.append(Key(row, track_id, day, line.value.rcNo))
    return found, failure


@dataclass(frozen=True)
class Line(Generic[T]):
    """A decoded row and where it stands."""

    listing: Listing
    row: int
    value: T
    details: Mapping[str, Any]
    extra: Mapping[str, Any]

    @property
    def day(self) -> date:
        """The race date."""
        return _day_of(self.value.rcDate)

    def parsed(self, name: str, parse: Callable[..., R], *arguments: Any) -> R:
        """A field that must hold something, through its parser. Raises SourceError naming it."""
        value = getattr(self.value, name)
        try:
            return parse(value, *arguments)
        except ValueError as error:
            raise self.listing.refused(self.row, name, str(error)) from None

    def read(self, name: str, parse: Callable[..., R], *arguments: Any) -> R | None:
        """A field that may hold nothing, through its parser. Raises SourceError naming it."""
        return None if getattr(self.value, name) is None else self.parsed(name, parse, *arguments)

    def race_details(self) -> dict[str, Any]:
        """What else is known of the race; a zero is no bonus and no measurement."""
        return {name: value for name, value in self.details.items() if name in OF_THE_RACE and value != 0}

    def runner_details(self) -> dict[str, Any]:
        """What else is known of the runner."""
        return {name: it for name, it in self.details.items() if name not in OF_THE_RACE and name not in SECTIONALS}

    def sectionals(self) -> dict[str, float]:
        """Sectional times and positions, without the zeros. Raises SourceError for what is no number."""
        found = {}
        for name, value in self.details.items():
            if name in SECTIONALS:
                try:
                    number = value if type(value) in (int, float) else float(value)
                except (TypeError, ValueError):
                    raise self.listing.refused(self.row, name, f"{value!r} is no number") from None
                if number:
                    found[name] = number
        return found


@dataclass
class Reading:
    """A meeting's listings as they are read. A row that cannot be used puts its document's family at fault for its
    race, or for all races where it does not say which.
    """

    meeting: Meeting
    listings: Mapping[str, Listing]
    failures: list[SourceError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    declared: dict[str, int] = field(default_factory=dict)
    """Rows of this meeting by slot."""
    _faults: set[tuple[Family, int | None]] = field(default_factory=set)

    def is_at_fault(self, family: Family, race_no: int) -> bool:
        """True where the family of the race is not to be trusted."""
        return (family, race_no) in self._faults or (family, None) in self._faults

    def fault(self, listing: Listing, race_no: int | None, error: SourceError) -> None:
        """Take note of a row that cannot be used; of a race's rows in a document the first is enough."""
        self._faults.add((listing.inquiry.family, race_no))
        self.failures.append(error)

    def rows(
        self, slot: str, type_: type[T], known: frozenset[str], parse: Callable[[Line[T]], R]
    ) -> dict[int, list[R]]:
        """What `parse` makes of the slot's rows of this meeting, by race; races with a bad row are left out."""
        listing = self.listings.get(slot)
        if listing is None:
            return {}
        found: dict[int, list[R]] = {}
        bad: set[int] = set()
        for key in self.own(listing, slot):
            if key.race_no in bad:
                continue
            try:
                line = Line(listing, key.row, *rows.decode(listing, key.row, type_, known))
                found.setdefault(key.race_no, []).append(parse(line))
            except SourceError as error:
                bad.add(key.race_no)
                found.pop(key.race_no, None)
                self.fault(listing, key.race_no, error)
        return found

    def own(self, listing: Listing, slot: str) -> Sequence[Key]:
        """The keys of the meeting's rows. A document with rows of other tracks or of dates that were not asked for is
        warned of: the portal ignored the question's filters.
        """
        found = index(listing)
        if found.failure is not None:
            self.fault(listing, None, found.failure)
        own = found.of(self.meeting)
        self.declared[slot] = len(own)
        others = sum(len(keys) for asked, keys in found.meetings.items() if not self._is_asked(listing, *asked))
        if others:
            self.warnings.append(
                f"{listing.inquiry.document}: {others} of {len(listing)} rows are of other dates or tracks, left out"
            )
        return own

    def _is_asked(self, listing: Listing, day: date, track_id: str) -> bool:
        """True for the meetings that the listing's question is about; a month's shelf begins its days' names."""
        return track_id == self.meeting.track_id and f"{day:%Y-%m-%d}".startswith(listing.inquiry.shelf)
