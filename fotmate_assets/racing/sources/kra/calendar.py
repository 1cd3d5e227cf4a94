"""Which days KRA races on, by its monthly schedules, and what an empty day or month means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import KST, TRACKS, Meeting
from fotmate_assets.racing.sources.kra.reading import index
from fotmate_assets.racing.sources.kra.services import ENTRY_SHEET, SCHEDULE
from fotmate_assets.racing.sources.source import Absence, Answer, Ask, Calendar


class Schedule(NamedTuple):
    """A track's schedule of a month."""

    days: frozenset[date]
    failure: SourceError | None
    """It could not be had, or a row of it could not be read: days may lack."""


def calendar(
    track_ids: Sequence[str], dates: Iterable[date], ask: Ask, now: datetime, known: Sequence[Meeting]
) -> Calendar:
    """The meetings of the dates, those known by now among them, whatever the schedule says.

    A date without a row, in a month in which the track has others, is no race day. A month without any row for a track
    is only believed when its entry sheets are empty as well (the portals give empty answers in good health); a month
    without any row for all tracks is not scheduled yet, or wrongly empty once it is over. Where a schedule fails,
    nothing is said of its other dates.
    """
    months: dict[date, list[date]] = defaultdict(list)
    for day in sorted(set(dates)):
        months[day.replace(day=1)].append(day)
    inquiries = {(track, month): SCHEDULE.of_month(track, month) for month in months for track in track_ids}
    answers = ask(list(inquiries.values()))
    meetings: list[Meeting] = []
    absences: list[Absence] = []
    failures: list[SourceError] = []
    for month, days in months.items():
        schedules = {track: _schedule(track, month, answers[inquiries[track, month].document]) for track in track_ids}
        if month <= now.astimezone(KST).date() and any(schedule.days for schedule in schedules.values()):
            in_doubt = [track for track, schedule in schedules.items() if not (schedule.days or schedule.failure)]
            sheets = {track: ENTRY_SHEET.of_month(track, month) for track in in_doubt}
            witnesses = ask(list(sheets.values()))
            schedules |= {track: _schedule(track, month, witnesses[sheet.document]) for track, sheet in sheets.items()}
        failures += [schedule.failure for schedule in schedules.values() if schedule.failure]
        meaning = _meaning_of_no_row(month, list(schedules.values()), now)
        for track, schedule in schedules.items():
            stored = {meeting.race_date for meeting in known if meeting.track_id == track}
            raced = schedule.days | stored
            meetings += [Meeting(day, track) for day in days if day in raced]
            if meaning and not schedule.failure:
                verdict, reason = meaning
                document = inquiries[track, month].document
                missing = (day for day in days if day not in raced)
                name = TRACKS[track].names[0]
                absences += [Absence(day, track, verdict, f"{name}: {reason}", document) for day in missing]
    return Calendar(tuple(sorted(meetings)), tuple(absences), tuple(failures))


def _schedule(track_id: str, month: date, answer: Answer) -> Schedule:
    """A track's schedule as the portal answered. Rows of other tracks and months are not its own."""
    if isinstance(answer, SourceError):
        return Schedule(frozenset(), answer)
    found = index(answer)
    own = (day for day, track in found.meetings if track == track_id and day.replace(day=1) == month)
    return Schedule(frozenset(own), found.failure)


def _meaning_of_no_row(month: date, schedules: Sequence[Schedule], now: datetime) -> tuple[Verdict, str] | None:
    """What it means that a date has no row; None where a failed schedule leaves it open."""
    if any(schedule.days for schedule in schedules):
        return Verdict.EMPTY_EXPECTED, "no race day by the schedule"
    today = now.astimezone(KST).date()
    if month >= today.replace(day=1):
        return Verdict.NOT_YET, f"{month:%Y-%m} is not scheduled yet"
    if any(schedule.failure for schedule in schedules):
        return None
    return Verdict.EMPTY_UNEXPECTED, f"the schedule of {month:%Y-%m} is empty for all tracks"
