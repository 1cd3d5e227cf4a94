"""What an answer without rows of its meeting means."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from fotmate_assets.core.model import Verdict
from fotmate_assets.racing.model import KST, Meeting, MeetingCard, entries_due_by, results_due_by
from fotmate_assets.racing.sources.kspo.reading import holds
from fotmate_assets.racing.sources.kspo.services import (
    BOAT_DOC,
    BOAT_INFO,
    BOAT_PAYOFF,
    BOAT_RESULT,
    BOAT_TRACK,
    CARD_TRACK,
    CYCLE_CARD,
    CYCLE_PAYOFF,
    CYCLE_RESULT,
    service_of,
)
from fotmate_assets.racing.sources.source import Inquiry, Listing

PAYOFFS_WITHIN = timedelta(days=7)
"""Beyond the time of the results. Payoffs come days later; those of the boats a whole round later, as measured."""


def verdict(inquiry: Inquiry, listing: Listing, meeting: Meeting, card: MeetingCard, now: datetime) -> Verdict:
    """What an answer means.

    - With rows of the meeting: ok.
    - Every race of the meeting, or the race that was asked for, is cancelled: empty_expected.
    - A card: not_yet until the entries are due (two hours before the first off, or from the start of the race day
      where no off is known), then empty_unexpected.
    - A ranking, and the result document where it is all there is: not_yet until results are due (the end of the day
      after the races), then empty_unexpected.
    - The result document of races whose ranking is whole adds their payoffs: seven days more.
    - The same of Changwon and Busan: empty_expected then where no race of the day has payoffs, since those of these
      velodromes may not be published.
    - The payoff services confirm what the result documents say, and have never had every race: not_yet for those
      seven days more, then empty_expected, since nothing is owed.
    """
    if holds(listing, meeting):
        return Verdict.OK
    _, _, asked = inquiry.slot.partition("/")
    races = [one.race for one in card.races if not asked or one.race.race_no == int(asked)]
    if races and all(race.is_cancelled for race in races):
        return Verdict.EMPTY_EXPECTED
    service = service_of(inquiry)
    if service in (CYCLE_CARD, BOAT_DOC, BOAT_INFO):
        return Verdict.NOT_YET if now < _entries_due(meeting, card) else Verdict.EMPTY_UNEXPECTED
    due, then = results_due_by(meeting.track.sport, meeting.race_date, None), Verdict.EMPTY_UNEXPECTED
    if service in (CYCLE_PAYOFF, BOAT_PAYOFF):
        due, then = due + PAYOFFS_WITHIN, Verdict.EMPTY_EXPECTED
    elif service in (CYCLE_RESULT, BOAT_RESULT) and races and all(race.is_complete for race in races):
        due += PAYOFFS_WITHIN
        if meeting.track_id not in (CARD_TRACK, BOAT_TRACK) and not any(one.payoffs for one in card.races):
            then = Verdict.EMPTY_EXPECTED
    return Verdict.NOT_YET if now < due else then


def _entries_due(meeting: Meeting, card: MeetingCard) -> datetime:
    offs = [one.race.post_time for one in card.races if one.race.post_time]
    return entries_due_by(min(offs)) if offs else datetime.combine(meeting.race_date, time(), KST)
