"""The rows of a listing that belong to one meeting, by race."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fotmate_assets.core.model import SourceError
from fotmate_assets.racing.model import Meeting
from fotmate_assets.racing.sources.kspo.rows import Place, RaceRow
from fotmate_assets.racing.sources.kspo.values import month_and_day, race_day, squeezed
from fotmate_assets.racing.sources.rows import Row, decode
from fotmate_assets.racing.sources.source import Listing

T = TypeVar("T", bound=RaceRow)
V = TypeVar("V")


@dataclass(frozen=True)
class Line(Generic[T]):
    """A row with its place in the document."""

    listing: Listing
    index: int
    """0-based over all pages."""
    row: Row[T]

    @property
    def value(self) -> T:
        """The struct."""
        return self.row.value

    def parsed(self, name: str, parse: Callable[[str], V]) -> V | None:
        """A text field read by `parse`; None where it holds nothing. Raises SourceError where `parse` refuses it."""
        text = getattr(self.value, name)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            raise self.refused(name, str(error)) from None

    def refused(self, name: str, reason: str) -> SourceError:
        """The error to raise for a field of this row."""
        return self.listing.refused(self.index, name, reason)


@dataclass
class Sheet(Generic[T]):
    """The rows of one meeting in one or more listings of a service."""

    lines: dict[int, list[Line[T]]] = field(default_factory=dict)
    """By race number."""
    failures: list[SourceError] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)
    """Races with a row that cannot be used."""
    is_unplaceable: bool = False
    """A row cannot be used and does not tell its race, so that no race is known to be whole."""

    @property
    def declared(self) -> int:
        """Rows that the documents hold for this meeting, those that cannot be used included."""
        return sum(map(len, self.lines.values())) + len(self.failures)

    @property
    def race_numbers(self) -> set[int]:
        """Races with a row, usable or not."""
        return self.lines.keys() | self.broken

    def of(self, race_no: int) -> list[Line[T]]:
        """The rows of a race that can be used."""
        return self.lines.get(race_no, [])

    def is_whole(self, race_no: int) -> bool:
        """True where every row of a race can be used, as far as that is known."""
        return not self.is_unplaceable and race_no not in self.broken


def read(listings: Iterable[Listing], type_: type[T], known: frozenset[str], meeting: Meeting) -> Sheet[T]:
    """The rows of `meeting` in `listings` as `type_`. Rows of other dates and tracks are left out, usable or not."""
    sheet: Sheet[T] = Sheet()
    for listing in listings:
        for index in range(len(listing)):
            try:
                place = place_of(listing, index)
                if not belongs(listing, index, place, meeting):
                    continue
            except SourceError as error:
                sheet.failures.append(error)
                sheet.is_unplaceable = True
                continue
            try:
                line = Line(listing, index, decode(listing, index, type_, known))
                sheet.lines.setdefault(line.value.race_no, []).append(line)
            except SourceError as error:
                sheet.failures.append(error)
                if place.race_no is None:
                    sheet.is_unplaceable = True
                else:
                    sheet.broken.add(place.race_no)
    return sheet


def holds(listing: Listing, meeting: Meeting) -> bool:
    """True when a listing has a row of the meeting, or one that does not tell whose it is."""
    for index in range(len(listing)):
        try:
            if belongs(listing, index, place_of(listing, index), meeting):
                return True
        except SourceError:
            return True
    return False


def place_of(listing: Listing, index: int) -> Place:
    """Where a row belongs. Raises SourceError where a number of it is none."""
    return decode(listing, index, Place).value


def belongs(listing: Listing, index: int, place: Place, meeting: Meeting) -> bool:
    """True for a row of the meeting: at its track, and on its date where the row has one, else in its round and day.

    Raises SourceError for a row that tells neither.
    """
    track = place.meet_nm or place.mbr_nm
    if track is not None and squeezed(track) not in meeting.track.names:
        return False
    stamp, name = (place.race_ymd, "race_ymd") if place.race_ymd else (place.race_day, "race_day")
    year = _first(place.stnd_yr, place.stnd_year)
    try:
        if stamp is None:
            given = (year, _first(place.week_tcnt, place.tms), _first(place.day_tcnt, place.day_ord))
            if None in given:
                raise listing.refused(index, "week_tcnt", "neither a date nor a round and day")
            return given == (meeting.year, meeting.round, meeting.day)
        if len(stamp) == len("0102"):
            here = (meeting.race_date.month, meeting.race_date.day)
            return month_and_day(stamp) == here and year == meeting.year
        return race_day(stamp) == meeting.race_date
    except ValueError as error:
        raise listing.refused(index, name, str(error)) from None


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def agreed(lines: Sequence[Line[T]], name: str, warnings: list[str]) -> Line[T] | None:
    """The row to take a field of the whole race from: the first that has it. Rows that differ are told."""
    having = [line for line in lines if getattr(line.value, name) is not None]
    values = {getattr(line.value, name) for line in having}
    if len(values) > 1:
        told = ", ".join(sorted(map(str, values)))
        warnings.append(f"race {lines[0].value.race_no}: {name} differs between runners ({told}), first taken")
    return having[0] if having else None
