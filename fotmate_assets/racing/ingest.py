"""A race day's work in plain functions: ask, keep the bytes, build the meetings, load them. No Dagster.

It ends in a report in which every inquiry stands with its verdict, and leaves what is owed in the ledger. The load
works from the kept bytes alone, so that it can be run again without asking anybody.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError

from fotmate_assets.core.ledger import Attempt, Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.racing.load import LoadedMeeting, known_meetings, load_meeting
from fotmate_assets.racing.model import Meeting, MeetingCard, race_id, results_due_by
from fotmate_assets.racing.shelves import Shelves
from fotmate_assets.racing.sources.portal import Portal
from fotmate_assets.racing.sources.source import Answer, Built, Calendar, Family, Inquiry, Listing, RaceSource

ANCHORS = timedelta(days=60)
"""Known meetings that near a date help KSPO find its round."""

BY_MONTH_FROM = 4
"""Days of one month in one run from which on whole months are asked for, where a service can."""


@dataclass(frozen=True)
class Outcome:
    """What one inquiry, or the load of a meeting, came to for one race date."""

    race_date: date
    family: Family
    document: str
    verdict: Verdict
    track_id: str
    """Empty for a calendar document that could not be had or read: it says nothing of any track."""
    error: SourceError | None = None


@dataclass
class RaceDays:
    """How the work on some race dates of one source went."""

    loaded: list[LoadedMeeting] = field(default_factory=list)
    unchanged: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    requests: int = 0
    """Documents asked for."""

    @property
    def failures(self) -> list[SourceError]:
        """What is owed now."""
        return [outcome.error for outcome in self.outcomes if outcome.error is not None]

    @property
    def rows(self) -> int:
        """Rows written."""
        return sum(meeting.rows for meeting in self.loaded)

    def add(self, other: RaceDays) -> None:
        """Take in the work on other dates or of another source."""
        self.loaded += other.loaded
        self.unchanged += other.unchanged
        self.outcomes += other.outcomes
        self.requests += other.requests


REBUILD = "racing/rebuild"
"""The ledger's name of building meetings again from the kept bytes."""


def job_name(family: Family) -> str:
    """The ledger's name of a family's asset."""
    return f"racing/{family}"


def run_race_days(
    source: RaceSource,
    portal: Portal | None,
    dates: Sequence[date],
    families: Sequence[Family],
    zone: RawZone,
    engine: Engine,
    ledger: Ledger,
    now: Callable[[], datetime],
    *,
    in_flight: int = 16,
    run_id: str | None = None,
    on_progress: Callable[[str], None] = lambda _line: None,
) -> RaceDays:
    """Bring race dates up to date: month by month, so that no more than a month is in memory.

    `portal` None: nobody is asked, and the meetings are built again from the kept bytes. A document that cannot be
    had, a row that cannot be read and a meeting that the database refuses are recorded as owed, and the rest goes on.
    The calendar, which is the family `races`, is asked in any case. A database or a bucket that stays away raises.
    """
    families = tuple(dict.fromkeys([Family.RACES, *families]))
    report = RaceDays()
    months = [list(group) for _, group in itertools.groupby(sorted(dates), key=lambda day: (day.year, day.month))]
    for count, days in enumerate(months, start=1):
        started = time.monotonic()
        with ThreadPoolExecutor(in_flight, "portal") as threads:
            work = _Days(source, portal, days, families, Shelves(zone, engine), engine, threads, now())
            one = work.run()
        duration_s = time.monotonic() - started
        _record(work, one, zone, ledger, duration_s, run_id)
        on_progress(
            f"[{count}/{len(months)}] {source.name} {days[0]}{f' to {days[-1]}' if len(days) > 1 else ''}: "
            f"{len(one.loaded)} meetings written, {one.unchanged} unchanged, {len(one.failures)} failures"
        )
        report.add(one)
    return report


@dataclass
class _Days:
    """The work on dates of one month."""

    source: RaceSource
    portal: Portal | None
    days: Sequence[date]
    families: Sequence[Family]
    shelves: Shelves
    engine: Engine
    threads: ThreadPoolExecutor
    now: datetime
    asked: dict[str, Answer] = field(default_factory=dict)
    """Answers by document: no document is asked for twice."""
    shelf_of: dict[str, str] = field(default_factory=dict)
    """Where each document that was asked for is kept."""
    wanted: dict[Meeting, dict[str, Inquiry]] = field(default_factory=lambda: defaultdict(dict))
    """What was asked about each meeting, day by day, by slot."""
    stored: dict[date, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The meetings of each date that the database has as they are, by name: `meeting/seoul/2025-05-31`."""

    def run(self) -> RaceDays:
        """All of it."""
        report = RaceDays()
        with self.engine.connect() as connection:
            known = known_meetings(connection, self.days, around=ANCHORS)
        calendar = self.source.calendar(self.days, self.ask, self.now, known)
        report.outcomes += self._of_calendar(calendar)
        fresh: dict[Meeting, dict[str, Listing]] = {}
        if self.portal is not None:
            fresh = self._fetch(calendar.meetings)
            report.requests = len(self.asked)
            self.shelves.save(self.source.name)
        for meeting in calendar.meetings:
            self._load(meeting, fresh.get(meeting, {}), report)
        return report

    def ask(self, inquiries: Sequence[Inquiry]) -> Mapping[str, Answer]:
        """Ask what was not asked yet, all at once, and keep the bytes; the answers by document. Without a portal the
        kept ones answer.
        """
        new = {inquiry.document: inquiry for inquiry in inquiries if inquiry.document not in self.asked}
        self.shelf_of.update({document: inquiry.shelf for document, inquiry in new.items()})
        self.asked.update(zip(new, self.threads.map(self._one, new.values()), strict=True))
        return {inquiry.document: self.asked[inquiry.document] for inquiry in inquiries}

    def _one(self, inquiry: Inquiry) -> Answer:
        if self.portal is None:
            kept = self.shelves.find(self.source.name, inquiry)
            return (
                kept
                if kept is not None
                else SourceError(Verdict.NOT_YET, self.source.name, inquiry.document, "never fetched")
            )
        try:
            listing = self.portal.listing(inquiry)
        except SourceError as error:
            return error
        self.shelves.put(listing)
        return listing

    def _fetch(self, meetings: Sequence[Meeting]) -> dict[Meeting, dict[str, Listing]]:
        """The listings of every meeting by slot, as far as they can be had: whole months first, then day by day."""
        had: dict[Meeting, dict[str, Listing]] = {meeting: {} for meeting in meetings}
        if len(self.days) >= BY_MONTH_FROM:
            self._ask_for({meeting: self.source.month_inquiries(meeting, self.families) for meeting in meetings}, had)
        grew = True
        while grew:
            questions = {
                meeting: self.source.inquiries(meeting, self.families, had[meeting], self.now) for meeting in meetings
            }
            for meeting, inquiries in questions.items():
                self.wanted[meeting].update({inquiry.slot: inquiry for inquiry in inquiries})
            grew = self._ask_for(questions, had)
        return had

    def _ask_for(self, wanted: Mapping[Meeting, Sequence[Inquiry]], had: Mapping[Meeting, dict[str, Listing]]) -> bool:
        """Ask what these meetings lack; true when that brought an answer that none of them had."""
        missing = {
            meeting: [inquiry for inquiry in inquiries if inquiry.slot not in had[meeting]]
            for meeting, inquiries in wanted.items()
        }
        answers = self.ask([inquiry for inquiries in missing.values() for inquiry in inquiries])
        grew = False
        for meeting, inquiries in missing.items():
            for inquiry in inquiries:
                answer = answers[inquiry.document]
                if isinstance(answer, Listing):
                    had[meeting][inquiry.slot] = answer
                    grew = True
        return grew

    def _load(self, meeting: Meeting, fresh: Mapping[str, Listing], report: RaceDays) -> None:
        """Build and write one meeting from what was just fetched and, for the rest, what is kept."""
        kept = self.shelves.complete(self.source, meeting, fresh, self.now)
        listings = kept.listings
        built = self.source.build(meeting, listings)
        whole = f"meeting/{meeting.track_id}/{meeting.race_date}"
        try:
            loaded = load_meeting(self.engine, built.card, self.now)
        except (IntegrityError, DataError) as error:
            reason = f"the database refuses it: {error.orig}"
            refused = SourceError(Verdict.MALFORMED, self.source.name, whole, reason)
            report.outcomes.append(
                Outcome(meeting.race_date, Family.RACES, whole, refused.verdict, meeting.track_id, refused)
            )
        else:
            self.stored[meeting.race_date].add(whole)
            if loaded is None:
                report.unchanged += 1
            else:
                report.loaded.append(loaded)
        outcomes = list(self._of_meeting(meeting, built, listings, fresh))
        had = {outcome.document for outcome in outcomes}
        outcomes += [
            Outcome(meeting.race_date, inquiry.family, inquiry.document, lost.verdict, meeting.track_id, lost)
            for inquiry, lost in kept.lost.items()
            if inquiry.document not in had
        ]
        results_failed = any(outcome.error for outcome in outcomes if outcome.family is Family.RESULTS)
        if self.portal is not None and Family.RESULTS in self.families and not results_failed:
            outcomes += self._late(built.card)
        report.outcomes += outcomes

    def _of_calendar(self, calendar: Calendar) -> Iterator[Outcome]:
        """A calendar document that failed leaves its date in doubt, or every date where it is of several; one that is
        empty means what it means. Kept bytes cannot tell that something is missing by now.
        """
        for absence in calendar.absences:
            error = None
            if absence.verdict.is_failure:
                if self.portal is None:
                    continue
                error = SourceError(absence.verdict, self.source.name, absence.document, absence.reason)
            yield Outcome(absence.race_date, Family.RACES, absence.document, absence.verdict, absence.track_id, error)
        for failure in calendar.failures:
            if not failure.verdict.is_failure:
                continue
            own = [day for day in self.days if day.isoformat() == self.shelf_of.get(failure.document)]
            for day in own or self.days:
                yield Outcome(day, Family.RACES, failure.document, failure.verdict, "", failure)

    def _of_meeting(
        self, meeting: Meeting, built: Built, listings: Mapping[str, Listing], fresh: Mapping[str, Listing]
    ) -> Iterator[Outcome]:
        day, track_id = meeting.race_date, meeting.track_id
        families = {listing.inquiry.document: listing.inquiry.family for listing in listings.values()}
        for failure in built.failures:
            family = families.get(failure.document, Family.RACES)
            yield Outcome(day, family, failure.document, failure.verdict, track_id, failure)
        unreadable = {failure.document for failure in built.failures}
        for listing in (fresh if self.portal is not None else listings).values():
            inquiry = listing.inquiry
            if inquiry.document in unreadable:
                continue
            verdict = self.source.verdict(inquiry, listing, meeting, built.card, self.now)
            error = None
            if verdict.is_failure:
                if self.portal is None:
                    continue
                reason = "no rows, although the calendar says there should be some by now"
                error = SourceError(verdict, self.source.name, inquiry.document, reason)
            yield Outcome(day, inquiry.family, inquiry.document, verdict, track_id, error)
        for slot, inquiry in self.wanted[meeting].items():
            answer = self.asked.get(inquiry.document)
            if slot not in fresh and isinstance(answer, SourceError):
                yield Outcome(day, inquiry.family, inquiry.document, answer.verdict, track_id, answer)

    def _late(self, card: MeetingCard) -> Iterator[Outcome]:
        """Races that are on and whose complete result is overdue, each by its name, where no document is to blame:
        one with rows may lack some.
        """
        meeting = card.meeting
        for each in card.races:
            race = each.race
            due = results_due_by(meeting.track.sport, meeting.race_date, race.post_time or race.scheduled_post_time)
            if race.is_complete or race.is_cancelled or race.is_postponed or self.now < due:
                continue
            document = f"race/{race_id(meeting.track_id, meeting.race_date, race.race_no)}"
            reason = f"no complete result, which was due by {due:%Y-%m-%d %H:%M %Z}"
            error = SourceError(Verdict.EMPTY_UNEXPECTED, self.source.name, document, reason, field="results")
            yield Outcome(meeting.race_date, Family.RESULTS, document, error.verdict, meeting.track_id, error)


def _record(
    work: _Days, report: RaceDays, zone: RawZone, ledger: Ledger, duration_s: float, run_id: str | None
) -> None:
    """Into the ledger: an attempt per family and date, what is owed, and what is owed no more.

    A document of another family that cannot be read is reported, and counted when its own family is at work. A family
    that has no documents of its own, or did not come to them, went as the calendar did. Where the calendar is in
    doubt, only documents that were had are owed no more; where nobody was asked, only those of them that could not be
    used before. Building again from kept bytes is an attempt of its own kind: by that nobody has asked for anything.
    """
    asked = work.portal is not None
    outcomes: dict[tuple[date, Family], list[Outcome]] = defaultdict(list)
    for outcome in report.outcomes:
        outcomes[outcome.race_date, outcome.family].append(outcome)
    rows: dict[tuple[date, Family], int] = defaultdict(int)
    for meeting in report.loaded:
        for family in Family:
            rows[meeting.meeting.race_date, family] += getattr(meeting, family)
    attempts = []
    for day, family in itertools.product(work.days, work.families):
        calendar, own = outcomes[day, Family.RACES], outcomes[day, family]
        job = Job(work.source.name, job_name(family), day.isoformat(), run_id)
        attempt = Attempt(worst(own or calendar), rows[day, family], told(own or calendar))
        attempts.append((job, attempt, duration_s / len(work.days)))
        errors = {outcome.document: outcome.error for outcome in own if outcome.error is not None}
        for error in errors.values():
            ledger.owe(job, error, zone.put(error.content) if error.content is not None else None)
        if asked and not any(outcome.error and not outcome.track_id for outcome in calendar):
            ledger.settle_all_but(job, errors)
        else:
            had = ({outcome.document for outcome in own} | work.stored[day]) - errors.keys()
            ledger.settle(job, had, verdict=None if asked else Verdict.MALFORMED)
    if not asked:
        attempts = [
            (replace(job, job=REBUILD), attempt, took_s) for job, attempt, took_s in attempts if attempt.message
        ]
    ledger.record(attempts)


def worst(outcomes: Iterable[Outcome]) -> Verdict:
    """The verdict of several: a failure counts first, then what was had, then what is yet to come."""
    verdicts = {outcome.verdict for outcome in outcomes}
    for verdict in Verdict:
        if verdict.is_failure and verdict in verdicts:
            return verdict
    for verdict in (Verdict.OK, Verdict.NOT_YET):
        if verdict in verdicts:
            return verdict
    return Verdict.EMPTY_EXPECTED


def told(outcomes: Iterable[Outcome]) -> str:
    """Outcomes for a reader: which documents of which verdict."""
    by_verdict: dict[Verdict, list[str]] = defaultdict(list)
    for outcome in outcomes:
        by_verdict[outcome.verdict].append(outcome.document)
    return "; ".join(f"{verdict}: {', '.join(sorted(set(names)))}" for verdict, names in by_verdict.items())
