"""KRA as a racing source: asks for horse racing at Seoul, Jeju and Busan, and says what the answers mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from fotmate_assets.core.model import Verdict
from fotmate_assets.racing.model import TRACKS, Meeting, MeetingCard, entries_due_by, results_due_by
from fotmate_assets.racing.sources.kra import calendar, card, services
from fotmate_assets.racing.sources.kra.reading import index
from fotmate_assets.racing.sources.source import Ask, Built, Calendar, Family, Inquiry, Listing


class KRA:
    """See RaceSource."""

    name = "kra"
    track_ids = tuple(track.track_id for track in TRACKS.values() if track.source == "kra")

    def calendar(self, dates: Iterable[date], ask: Ask, now: datetime, known: Sequence[Meeting]) -> Calendar:
        """See RaceSource. One schedule per track and month."""
        return calendar.calendar(self.track_ids, dates, ask, now, known)

    def inquiries(
        self, meeting: Meeting, families: Iterable[Family], have: Mapping[str, Listing], now: datetime
    ) -> list[Inquiry]:
        """See RaceSource."""
        return services.inquiries(meeting, families, have, now)

    def month_inquiries(self, meeting: Meeting, families: Iterable[Family]) -> list[Inquiry]:
        """See RaceSource. API299 has no month."""
        return services.month_inquiries(meeting, families)

    def build(self, meeting: Meeting, listings: Mapping[str, Listing]) -> Built:
        """See RaceSource."""
        return card.build(meeting, listings)

    def verdict(
        self, inquiry: Inquiry, listing: Listing, meeting: Meeting, card: MeetingCard, now: datetime
    ) -> Verdict:
        """See RaceSource. A document without rows of this meeting owes nothing where every race is cancelled, nor
        where another tells what it would: API214_1 has all of API299's results, API179_1 and API160_1 each other's
        payoffs. API299 does not stand in for API214_1, which alone has odds and margins.
        """
        found = index(listing)
        if found.failure is not None or found.of(meeting):
            return Verdict.OK
        match inquiry.family:
            case Family.RACES:
                return _empty_schedule(len(found) > 0, meeting, card, now)
            case Family.ENTRIES:
                return _empty_entries(inquiry, meeting, card, now)
            case Family.RESULTS | Family.PAYOFFS:
                return _empty_outcome(inquiry, meeting, card, now)


def _empty_schedule(has_others: bool, meeting: Meeting, card: MeetingCard, now: datetime) -> Verdict:
    """A month's schedule without this meeting, of which other documents tell: it was called off, not scheduled yet,
    or wrongly left out.
    """
    if has_others:
        return Verdict.EMPTY_EXPECTED if not card.races or _all_cancelled(card) else Verdict.EMPTY_UNEXPECTED
    month = meeting.race_date.replace(day=1)
    is_over = now >= services.start_of(_next_month(month))
    return Verdict.EMPTY_UNEXPECTED if is_over else Verdict.NOT_YET


def _empty_entries(inquiry: Inquiry, meeting: Meeting, card: MeetingCard, now: datetime) -> Verdict:
    """An entry sheet must be there two hours before the first race; changes need not happen."""
    if inquiry.slot != services.ENTRY_SHEET.slot or _all_cancelled(card):
        return Verdict.EMPTY_EXPECTED
    off = min(_post_times(card), default=None)
    due = entries_due_by(off) if off else services.start_of(meeting.race_date)
    return Verdict.NOT_YET if now < due else Verdict.EMPTY_UNEXPECTED


def _empty_outcome(inquiry: Inquiry, meeting: Meeting, card: MeetingCard, now: datetime) -> Verdict:
    """Results and payoffs must be there when those of the last race are due."""
    is_told = inquiry.slot != services.DETAILS.slot and _is_known(inquiry.family, card)
    if _all_cancelled(card) or is_told:
        return Verdict.EMPTY_EXPECTED
    last = max(_post_times(card), default=None)
    due = results_due_by(meeting.track.sport, meeting.race_date, last)
    return Verdict.NOT_YET if now < due else Verdict.EMPTY_UNEXPECTED


def _is_known(family: Family, card: MeetingCard) -> bool:
    """True when every race that was run has the family already."""
    held = [
        race.results if family is Family.RESULTS else race.payoffs for race in card.races if not race.race.is_cancelled
    ]
    return bool(held) and all(it is not None for it in held)


def _all_cancelled(card: MeetingCard) -> bool:
    return bool(card.races) and all(race.race.is_cancelled for race in card.races)


def _post_times(card: MeetingCard) -> list[datetime]:
    """When the races that are on go off."""
    offs = (it.race.post_time or it.race.scheduled_post_time for it in card.races if not it.race.is_cancelled)
    return [off for off in offs if off]


def _next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
