"""Which days race: the boats by date, Gwangmyeong by its rounds, the other velodromes by the ranking.

There is no calendar service (the one there is answers nothing), so every rule rests on what cards and rankings say.
No rule knows weekdays: holidays race on Mondays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import KST, TRACKS, Meeting, Sport, results_due_by
from fotmate_assets.racing.sources.kspo.reading import place_of
from fotmate_assets.racing.sources.kspo.rounds import Gap, Held, NoRound, Round, Rounds, by_day_of_year
from fotmate_assets.racing.sources.kspo.rows import Place
from fotmate_assets.racing.sources.kspo.services import (
    BOAT_TRACK,
    CARD_TRACK,
    boat_doc,
    boat_rank,
    cycle_card,
    cycle_rank,
)
from fotmate_assets.racing.sources.kspo.values import race_day, squeezed
from fotmate_assets.racing.sources.source import Absence, Ask, Calendar, Inquiry, Listing

VELODROMES = tuple(track.track_id for track in TRACKS.values() if track.sport is Sport.CYCLE)

TURN_OF_YEAR = 7
"""So many days around New Year a round may count to the other year."""

QUESTIONS = 6
"""How many rounds are asked at most to place one date. Two or three do, seldom four, where nothing is known yet."""

Question = Callable[[date, int], Inquiry]
"""What to ask of a date, in a year of rounds."""


@dataclass
class Finder:
    """The calendar of some dates in the making."""

    ask: Ask
    now: datetime
    known: Sequence[Meeting]
    meetings: dict[tuple[date, str], Meeting] = field(default_factory=dict)
    absences: list[Absence] = field(default_factory=list)
    failures: dict[tuple[str, str | None], SourceError] = field(default_factory=dict)
    """By document and field: one failure, however many dates it concerns."""

    @property
    def today(self) -> date:
        """In Korea."""
        return self.now.astimezone(KST).date()

    def calendar(self, dates: Iterable[date]) -> Calendar:
        """See RaceSource.calendar, and the rules below."""
        wanted = sorted(set(dates))
        self._boats(wanted)
        self._cycles(wanted)
        return Calendar(
            tuple(self.meetings[key] for key in sorted(self.meetings)),
            tuple(sorted(self.absences, key=lambda absence: (absence.race_date, absence.track_id))),
            tuple(self.failures.values()),
        )

    # Boats ----------------------------------------------------------------------------------------------------------

    def _boats(self, dates: Sequence[date]) -> None:
        """A date's boat card tells its round; the ranking of a past date does, too, where the card is empty. A date
        without either

        - that a meeting known before was to race: empty_unexpected;
        - that is past: empty_expected;
        - that a later card, or a later known meeting, follows: empty_expected, since cards come in order;
        - any other: not_yet.
        """
        told = self._told_by_date(dates, boat_doc, (BOAT_TRACK,))
        doubtful = [day for day in told if day < self.today and (day, BOAT_TRACK) not in self.meetings]
        ranked = self._told_by_date(doubtful, boat_rank, (BOAT_TRACK,))
        for day in doubtful:
            if day not in ranked:
                del told[day]
        known = {one.race_date for one in self.known if one.track_id == BOAT_TRACK}
        horizon = max(known | {day for day, track_id in self.meetings if track_id == BOAT_TRACK}, default=date.min)
        for day, document in told.items():
            if (day, BOAT_TRACK) in self.meetings:
                continue
            if day in known:
                self._absent(day, BOAT_TRACK, Verdict.EMPTY_UNEXPECTED, _KNOWN, document)
            elif day < self.today:
                self._absent(
                    day, BOAT_TRACK, Verdict.EMPTY_EXPECTED, "no boat card of this past date, and no ranking", document
                )
            elif day < horizon:
                reason = f"no boat card, and one of a later date: {horizon}"
                self._absent(day, BOAT_TRACK, Verdict.EMPTY_EXPECTED, reason, document)
            else:
                self._absent(day, BOAT_TRACK, Verdict.NOT_YET, "no boat card of this date or a later one", document)

    # Cycles ---------------------------------------------------------------------------------------------------------

    def _cycles(self, dates: Sequence[date]) -> None:
        """The ranking of a past date names the velodromes that raced, with round and day; Gwangmyeong's other dates
        are looked for in the cards of its rounds.
        """
        past = [day for day in dates if day < self.today]
        told = self._told_by_date(past, cycle_rank, VELODROMES)
        ranked = {day for day, track_id in self.meetings if track_id in VELODROMES}
        self._rounds([day for day in dates if (day, CARD_TRACK) not in self.meetings])
        for day in dates:
            if day >= self.today or day in told:
                document = told.get(day, cycle_rank(day, day.year).document)
                for track_id in VELODROMES:
                    if track_id != CARD_TRACK and (day, track_id) not in self.meetings:
                        verdict, reason = self._without_card(day, track_id, is_ranked=day in ranked)
                        self._absent(day, track_id, verdict, reason, document)

    def _without_card(self, day: date, track_id: str, *, is_ranked: bool) -> tuple[Verdict, str]:
        """What it means that the ranking of a date lacks Changwon or Busan, which have no cards:

        - today or later, and until results are due: not_yet;
        - a meeting was known before: empty_unexpected;
        - the ranking has nobody at all, although Gwangmyeong raced: not_yet;
        - any other: empty_expected.
        """
        if day >= self.today:
            return Verdict.NOT_YET, "this velodrome has no card: the ranking tells, after the races"
        if self.now < results_due_by(Sport.CYCLE, day, None):
            return Verdict.NOT_YET, "rankings are published the day after the races"
        if any((one.race_date, one.track_id) == (day, track_id) for one in self.known):
            return Verdict.EMPTY_UNEXPECTED, _KNOWN
        if (day, CARD_TRACK) in self.meetings and not is_ranked:
            return Verdict.NOT_YET, "Gwangmyeong raced, and the ranking of the day is not published"
        return Verdict.EMPTY_EXPECTED, "not in the ranking of this date"

    def _rounds(self, dates: Sequence[date]) -> None:
        """Gwangmyeong's dates that no ranking tells. A round's card that cannot be had settles nothing: the dates
        that needed it have a failure, no absence, and the meeting known before, if any.
        """
        rounds = Rounds(
            {
                one.race_date: Round(one.year, one.round)
                for one in (*self.known, *self.meetings.values())
                if one.track_id == CARD_TRACK and one.year is not None and one.round is not None
            }
        )
        waiting = list(dates)
        for _ in range(QUESTIONS):
            steps = {day: step for day in waiting if isinstance(step := rounds.look(day), Round)}
            questions = {step: cycle_card(*step) for step in sorted(set(steps.values()))}
            listings = self._asked(questions.values())
            for step, question in questions.items():
                listing = listings.get(question.document)
                days = None if listing is None else self._days(step, listing)
                if days is None:
                    self._offer([day for day in steps if steps[day] == step], (CARD_TRACK,))
                    waiting = [day for day in waiting if steps.get(day) != step]
                else:
                    rounds.answers[step] = days
            if not questions:
                break
        for day in waiting:
            self._settle(day, rounds.look(day))

    def _settle(self, day: date, found: Held | NoRound | Round) -> None:
        """The meeting of a date, or its absence:

        - a meeting known before was to race: empty_unexpected, whatever else is so;
        - between two published rounds: empty_expected;
        - after the last published round, or near none that could be found, and today or later: not_yet;
        - the same, and past: empty_expected, since the card is out before the races.
        """
        if isinstance(found, Held):
            self.meetings[day, CARD_TRACK] = Meeting(day, CARD_TRACK, found.round.year, found.round.number, found.day)
            return
        gap = found if isinstance(found, NoRound) else NoRound(Gap.UNKNOWN)
        shown = gap.after or gap.before or (found if isinstance(found, Round) else by_day_of_year(day))
        around = " and ".join(f"{key.year} round {key.number}" for key in (gap.before, gap.after) if key)
        reason = f"{gap.gap.value}{': ' if around else ''}{around}"
        if any((one.race_date, one.track_id) == (day, CARD_TRACK) for one in self.known):
            verdict, reason = Verdict.EMPTY_UNEXPECTED, f"{_KNOWN}; {reason}"
        elif gap.gap is Gap.BETWEEN or day < self.today:
            verdict = Verdict.EMPTY_EXPECTED
        else:
            verdict = Verdict.NOT_YET
        self._absent(day, CARD_TRACK, verdict, reason, cycle_card(*shown).document)

    def _days(self, key: Round, listing: Listing) -> Mapping[date, int] | None:
        """Date to day of a round; empty for one that is not published; None for one that cannot be read."""
        try:
            rows = [(place_of(listing, index), index) for index in range(len(listing))]
            return {
                _date(place, listing, index): _number(place.day_tcnt, "day_tcnt", listing, index)
                for place, index in rows
                if (place.stnd_yr, place.week_tcnt) == key and _track(place, listing, index) == CARD_TRACK
            }
        except SourceError as error:
            self._failed(error)
            return None

    # What both share ------------------------------------------------------------------------------------------------

    def _told_by_date(self, dates: Sequence[date], question: Question, track_ids: Sequence[str]) -> dict[date, str]:
        """Asks a service that answers by date, and takes the meetings. The document that told, by date; dates whose
        document cannot be had or read have a failure, and the meetings known before.
        """
        told: dict[date, str] = {}
        asked = {day: question(day, day.year) for day in dates}
        for _ in range(2):
            listings = self._asked(asked.values())
            empty = []
            for day, inquiry in asked.items():
                listing = listings.get(inquiry.document)
                try:
                    found = None if listing is None else _meetings(listing, day)
                except SourceError as error:
                    self._failed(error)
                    found = None
                if found is None:
                    told.pop(day, None)
                    self._offer([day], track_ids)
                    continue
                told[day] = inquiry.document
                self.meetings |= found
                if not found:
                    empty.append(day)
            asked = {day: question(day, year) for day in empty if (year := _other_year(day))}
        return told

    def _asked(self, inquiries: Iterable[Inquiry]) -> dict[str, Listing]:
        """The listings that could be had, by document; the others are failures."""
        questions = list(inquiries)
        listings = {}
        for document, answer in (self.ask(questions) if questions else {}).items():
            if isinstance(answer, SourceError):
                self._failed(answer)
            else:
                listings[document] = answer
        return listings

    def _failed(self, error: SourceError) -> None:
        self.failures[error.document, error.field] = error

    def _offer(self, dates: Sequence[date], track_ids: Sequence[str]) -> None:
        for one in self.known:
            if one.race_date in dates and one.track_id in track_ids:
                self.meetings.setdefault((one.race_date, one.track_id), one)

    def _absent(self, day: date, track_id: str, verdict: Verdict, reason: str, document: str) -> None:
        self.absences.append(Absence(day, track_id, verdict, reason, document))


_KNOWN = "a meeting was announced for this date, and is gone"


def _other_year(day: date) -> int | None:
    """The year beside a date's own to which its round may count."""
    for shift in (-TURN_OF_YEAR, TURN_OF_YEAR):
        year = (day + timedelta(days=shift)).year
        if year != day.year:
            return year
    return None


def _meetings(listing: Listing, day: date) -> dict[tuple[date, str], Meeting]:
    """The meetings of a date by the rows of it, which tell track, round and day. Raises SourceError where they do
    not, or not all the same.
    """
    found: dict[tuple[date, str], Meeting] = {}
    for index in range(len(listing)):
        place = place_of(listing, index)
        if _date(place, listing, index) != day:
            continue
        track_id = _track(place, listing, index)
        year = _number(place.stnd_yr or place.stnd_year, "stnd_yr", listing, index)
        number = _number(place.week_tcnt or place.tms, "week_tcnt", listing, index)
        meeting = Meeting(
            day, track_id, year, number, _number(place.day_tcnt or place.day_ord, "day_tcnt", listing, index)
        )
        if found.setdefault((day, track_id), meeting) != meeting:
            raise listing.refused(index, "week_tcnt", f"{track_id} has two rounds or days on {day}")
    return found


def _date(place: Place, listing: Listing, index: int) -> date:
    name = "race_day" if place.race_day else "race_ymd"
    try:
        return race_day(place.race_day or place.race_ymd or "")
    except ValueError as error:
        raise listing.refused(index, name, str(error)) from None


def _track(place: Place, listing: Listing, index: int) -> str:
    """The track that a row names; rows that name none are of the boats, which have one course."""
    name = squeezed(place.meet_nm or place.mbr_nm or TRACKS[BOAT_TRACK].code)
    for track_id in (*VELODROMES, BOAT_TRACK):
        if name in TRACKS[track_id].names:
            return track_id
    raise listing.refused(index, "meet_nm" if place.meet_nm else "mbr_nm", f"no such track: {name!r}")


def _number(value: int | None, name: str, listing: Listing, index: int) -> int:
    if value is None:
        raise listing.refused(index, name, "missing")
    return value
