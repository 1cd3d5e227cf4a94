"""What every racing source offers: inquiries to its portal, and meetings built from the answers.

A source knows which questions to ask and how to read the answers. Who asks (`racing.ingest`) does the fetching, keeps
the bytes and counts the quota, so that a meeting can be built again from kept bytes without asking anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.racing.model import Meeting, MeetingCard


class Family(StrEnum):
    """What can be asked for by itself: one asset each."""

    RACES = "races"
    ENTRIES = "entries"
    RESULTS = "results"
    PAYOFFS = "payoffs"


@dataclass(frozen=True)
class Inquiry:
    """One question to a portal service. All pages of the answer together are one document."""

    family: Family
    service: str
    """Path below the portal's root: `API214_1/RaceDetailResult_1`. Its first part names the service for the quota."""
    params: tuple[tuple[str, str], ...]
    """The question's own parameters, without key and paging."""
    document: str
    """Its name in the raw zone and the ledger: `API214_1/seoul/2025-05-31`."""
    shelf: str
    """Partition of the raw zone that keeps it: a date, a month (`2025-05`) or a round (`2026-r05`)."""
    slot: str
    """What it is to its meeting: `API214_1`, `CRA_RACE_RESULT/03`. The same for the day's and the month's document."""
    unique: tuple[str, ...] = ()
    """Fields that together tell rows apart; a portal that repeats a page repeats them. Empty: whole rows."""


@dataclass(frozen=True, eq=False)
class Listing:
    """The whole answer to an inquiry: every page, rows in the order of the pages. Equal to itself only."""

    inquiry: Inquiry
    pages: tuple[RawDocument, ...]
    rows: tuple[msgspec.Raw, ...] = field(repr=False)
    """One JSON object each."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def fetched_at(self) -> datetime:
        """When the last page came."""
        return max(page.fetched_at for page in self.pages)

    def refused(self, row: int, field_name: str, reason: str) -> SourceError:
        """The error to raise for a field of a row (0-based over all pages); names document, row and field and brings
        the bytes of the page that holds it (found by its share of the rows; the first where pages say nothing).
        """
        name = f"items[{row}].{field_name}"
        page = self.pages[min(len(self.pages) - 1, row * len(self.pages) // max(1, len(self.rows)))]
        return SourceError(
            Verdict.MALFORMED, page.source, self.inquiry.document, reason, field=name, content=page.content
        )


Answer = Listing | SourceError
"""What asking came to."""

Ask = Callable[[Sequence[Inquiry]], Mapping[str, Answer]]
"""Ask several inquiries at once; the answers by document."""


@dataclass(frozen=True)
class Absence:
    """A track and date without a meeting, and what that means."""

    race_date: date
    track_id: str
    verdict: Verdict
    """empty_expected, not_yet or empty_unexpected."""
    reason: str
    document: str
    """The document that says so."""


@dataclass(frozen=True)
class Calendar:
    """The meetings of some dates as far as the source tells by now."""

    meetings: tuple[Meeting, ...] = ()
    absences: tuple[Absence, ...] = ()
    failures: tuple[SourceError, ...] = ()


@dataclass(frozen=True)
class Built:
    """A meeting read from its documents, with what could not be used. A race at fault lacks the family at fault
    (None on its card); the others are whole.
    """

    card: MeetingCard
    failures: tuple[SourceError, ...] = ()


class RaceSource(Protocol):
    """One racing source: `kra` or `kspo`."""

    @property
    def name(self) -> str:
        """`kra` or `kspo`."""
        ...

    @property
    def track_ids(self) -> tuple[str, ...]:
        """The tracks whose races it tells of."""
        ...

    def calendar(self, dates: Iterable[date], ask: Ask, now: datetime, known: Sequence[Meeting]) -> Calendar:
        """Which of its tracks race on `dates`. `known`: meetings stored already, of any date (they help KSPO find
        the round of a date). Never raises for what one document lacks: that is an absence or a failure.
        """
        ...

    def inquiries(
        self, meeting: Meeting, families: Iterable[Family], have: Mapping[str, Listing], now: datetime
    ) -> list[Inquiry]:
        """What to ask about `meeting` for `families`, given the listings had so far (by slot).

        Called again with the answers until it names nothing new: some questions follow from answers (a payoff per
        race needs the races' numbers). Deterministic, so that kept documents are found by asking it again.
        """
        ...

    def month_inquiries(self, meeting: Meeting, families: Iterable[Family]) -> list[Inquiry]:
        """The same questions asked for the whole month, where a service can: same slots, other documents. For
        backfills of many days of a month.
        """
        ...

    def build(self, meeting: Meeting, listings: Mapping[str, Listing]) -> Built:
        """The meeting as these listings (by slot; day's or month's) tell it. Rows of other dates or tracks are left
        out. Pure: the same listings give the same card.
        """
        ...

    def verdict(
        self, inquiry: Inquiry, listing: Listing, meeting: Meeting, card: MeetingCard, now: datetime
    ) -> Verdict:
        """What an answer means: ok; for one without rows of this meeting, empty_expected, not_yet or
        empty_unexpected by the calendar (`card`: post times) and the clock.
        """
        ...
