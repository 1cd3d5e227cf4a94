"""A meeting put together from its documents: the part that cycles and boats share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from fotmate_assets.core.model import SourceError
from fotmate_assets.racing.model import KST, Entry, FinishStatus, Meeting, MeetingCard, Payoff, Race, RaceCard, Result
from fotmate_assets.racing.sources.kspo.payoffs import Column, confirmed, declared
from fotmate_assets.racing.sources.kspo.reading import Line, Sheet, T, agreed, read
from fotmate_assets.racing.sources.kspo.results import Podium, outcome, podium
from fotmate_assets.racing.sources.kspo.rows import PayoffRow, RankRow, ResultRow
from fotmate_assets.racing.sources.kspo.values import clock
from fotmate_assets.racing.sources.source import Built, Listing

CardReader = Callable[[int], tuple[Race, tuple[Entry, ...] | None]]
"""A race with its entries, by number; None where the card does not tell them all. May raise SourceError."""


@dataclass(frozen=True)
class Slots:
    """Where one sport keeps its results."""

    rank: str
    result: str
    """A document of the day, or one per race below it (`CRA_RACE_RESULT/03`)."""
    payoff: str
    columns: Sequence[Column]


@dataclass
class Assembly:
    """The results and payoffs of a meeting, race by race, with what went wrong."""

    meeting: Meeting
    listings: Mapping[str, Listing]
    slots: Slots
    warnings: list[str] = field(default_factory=list)
    failures: list[SourceError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rank = self._read(self.slots.rank, RankRow)
        self._result = self._read(self.slots.result, ResultRow)
        self._payoff = self._read(self.slots.payoff, PayoffRow)

    def _read(self, slot: str, type_: type[T]) -> Sheet[T]:
        sheet = read(listings_of(self.listings, slot), type_, frozenset(), self.meeting)
        self.failures += sheet.failures
        return sheet

    def built(
        self, card_races: set[int], read_card: CardReader, *, has_card: bool, entries_declared: int | None
    ) -> Built:
        """The meeting. `card_races`: the races of the card; `has_card`: whether the track has cards at all."""
        cards = tuple(
            self._race(race_no, read_card, has_card=has_card)
            for race_no in sorted(card_races | self._rank.race_numbers | self._result.race_numbers)
        )
        orphans = sorted(self._payoff.race_numbers - {card.race.race_no for card in cards})
        if orphans:
            self.warnings.append(f"payoffs of races that no other document has: {orphans}")
        results_declared = self._rank.declared if self.slots.rank in self.listings else None
        card = MeetingCard(
            self.meeting,
            cards,
            entries_declared=entries_declared,
            results_declared=results_declared,
            warnings=tuple(self.warnings),
        )
        return Built(card, tuple(self.failures))

    def _race(self, race_no: int, read_card: CardReader, *, has_card: bool) -> RaceCard:
        race, entries = Race(race_no), None
        with self._told():
            race, entries = read_card(race_no)
        results, told = None, None
        line, first_three = None, Podium()
        with self._told():
            line = _only(self._result.of(race_no))
            first_three = podium(line)
            told = outcome(race_no, self._rank.of(race_no), first_three, entries, has_card=has_card)
        if told:
            self.warnings += told.warnings
            race = replace(race, is_cancelled=told.is_cancelled)
            # The usable part of a ranking, or the first three alone, would pass for the whole.
            if self._rank.is_whole(race_no):
                results, race = told.results, replace(race, is_complete=told.is_complete)
        for other in (line, *self._payoff.of(race_no)):
            if other:
                race = replace(race, extra={**race.extra, **other.row.extra})
        return RaceCard(race, _scratched(entries, results), results, self._payoffs(race_no, line, first_three))

    def _payoffs(self, race_no: int, line: Line[ResultRow] | None, first_three: Podium) -> tuple[Payoff, ...] | None:
        with self._told():
            confirmation = _only(self._payoff.of(race_no))
            if line is None:
                if confirmation:
                    self.warnings.append(f"race {race_no}: payoffs without combinations, not used so far")
                return None
            payoffs = declared(line, self.slots.columns, self.slots.result)
            if confirmation:
                payoffs = confirmed(payoffs, confirmation, first_three, self.warnings)
            return tuple(payoffs)
        return None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Keeps the error of what cannot be used, so that the rest is built."""
        try:
            yield
        except SourceError as error:
            self.failures.append(error)


def listings_of(listings: Mapping[str, Listing], slot: str) -> list[Listing]:
    """The document of a slot, or those of its races, by race."""
    return [listings[name] for name in sorted(listings) if name == slot or name.startswith(f"{slot}/")]


def post_time(meeting: Meeting, lines: Sequence[Line[T]], warnings: list[str]) -> datetime | None:
    """The off of a race, in Korean time; None where its card has none. Raises SourceError for one that is no time."""
    line = agreed(lines, "dptre_tm", warnings)
    at = line.parsed("dptre_tm", clock) if line else None
    return datetime.combine(meeting.race_date, at, KST) if at else None


def checked_start_nos(lines: Sequence[Line[T]], name: str) -> None:
    """Raises SourceError where two runners of a race have one start number, or one has none that can be."""
    seen: set[int] = set()
    for line in lines:
        number = getattr(line.value, name)
        if number < 1 or number in seen:
            raise line.refused(name, f"start number {number} twice in a race" if number in seen else f"{number}")
        seen.add(number)


def _only(lines: Sequence[Line[T]]) -> Line[T] | None:
    """The row of a service that has one per race. Raises SourceError where there are more."""
    if len(lines) > 1:
        raise lines[1].refused("race_no", f"race {lines[1].value.race_no} twice")
    return lines[0] if lines else None


def _scratched(entries: tuple[Entry, ...] | None, results: tuple[Result, ...] | None) -> tuple[Entry, ...] | None:
    """The entries with those marked whom the ranking says not to have started."""
    absent = {
        one.start_no: one.status_code
        for one in results or ()
        if one.finish_status in (FinishStatus.EXCLUDED, FinishStatus.SCRATCHED)
    }
    if entries is None or not absent:
        return entries
    return tuple(
        replace(entry, is_scratched=True, scratch_reason=absent[entry.start_no]) if entry.start_no in absent else entry
        for entry in entries
    )
