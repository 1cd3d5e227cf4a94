"""KSPO as a source of the racing wing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time

from fotmate_assets.core.model import Verdict
from fotmate_assets.racing.model import KST, TRACKS, Meeting, MeetingCard, Sport
from fotmate_assets.racing.sources.kspo import boat, cycle, services, verdicts
from fotmate_assets.racing.sources.kspo.calendar import Finder
from fotmate_assets.racing.sources.kspo.reading import read
from fotmate_assets.racing.sources.kspo.rows import RaceRow
from fotmate_assets.racing.sources.source import Ask, Built, Calendar, Family, Inquiry, Listing


class KSPO:
    """Cycle races at Gwangmyeong, Changwon and Busan, boat races at Misari."""

    name = "kspo"
    track_ids = tuple(track.track_id for track in TRACKS.values() if track.source == "kspo")

    def calendar(self, dates: Iterable[date], ask: Ask, now: datetime, known: Sequence[Meeting]) -> Calendar:
        """See RaceSource; the rules for dates without racing stand at each of Finder's methods."""
        return Finder(ask, now, known).calendar(dates)

    def inquiries(
        self, meeting: Meeting, families: Iterable[Family], have: Mapping[str, Listing], now: datetime
    ) -> list[Inquiry]:
        """See RaceSource.

        A document may carry more than its own family: the cycle card has the entries, the second boat card the times
        of the races, the result documents the payoffs. Those are named whenever a family of theirs is asked for.
        Results and payoffs cannot be read without the card, which numbers the runners, nor payoffs without the
        ranking, which names the races: these are named while `have` is without them. Results and payoffs are asked
        for from the race date on.
        """
        has_begun = now >= datetime.combine(meeting.race_date, time(), KST)
        needs = _cycle if _is_cycle(meeting) else _boat
        carrying, supporting = needs(meeting, frozenset(families), have, has_begun)
        return carrying + [one for one in supporting if one.slot not in have and one not in carrying]

    def month_inquiries(self, meeting: Meeting, families: Iterable[Family]) -> list[Inquiry]:
        """None: no service answers by month. The cycle card answers by round, and its document serves all its days."""
        return []

    def build(self, meeting: Meeting, listings: Mapping[str, Listing]) -> Built:
        """See RaceSource."""
        return cycle.build(meeting, listings) if _is_cycle(meeting) else boat.build(meeting, listings)

    def verdict(
        self, inquiry: Inquiry, listing: Listing, meeting: Meeting, card: MeetingCard, now: datetime
    ) -> Verdict:
        """See RaceSource, and `verdicts.verdict` for the rules."""
        return verdicts.verdict(inquiry, listing, meeting, card, now)


def _is_cycle(meeting: Meeting) -> bool:
    return meeting.track.sport is Sport.CYCLE


Needs = tuple[list[Inquiry], list[Inquiry]]
"""The documents that carry what was asked for, and those without which it cannot be read."""


def _cycle(meeting: Meeting, families: frozenset[Family], have: Mapping[str, Listing], has_begun: bool) -> Needs:
    """A velodrome without a card has its races from the ranking."""
    has_card = meeting.track_id == services.CARD_TRACK
    year = services.year_of(meeting)
    carrying: list[Inquiry] = []
    supporting: list[Inquiry] = []
    if has_card and families:
        is_carrying = families & {Family.RACES, Family.ENTRIES}
        (carrying if is_carrying else supporting).append(services.cycle_card(year, services.round_of(meeting)))
    if has_begun:
        ranking = services.cycle_rank(meeting.race_date, year)
        if Family.RESULTS in families or (Family.RACES in families and not has_card):
            carrying.append(ranking)
        if families & {Family.RESULTS, Family.PAYOFFS}:
            supporting.append(ranking)
            carrying += [services.cycle_result(meeting, each) for each in _races(have, services.CYCLE_RANK, meeting)]
        if has_card and Family.PAYOFFS in families:
            carrying.append(services.cycle_payoff(meeting))
    return carrying, supporting


def _boat(meeting: Meeting, families: frozenset[Family], have: Mapping[str, Listing], has_begun: bool) -> Needs:
    carrying: list[Inquiry] = []
    supporting: list[Inquiry] = []
    if families:
        is_carrying = families & {Family.RACES, Family.ENTRIES}
        cards = [services.boat_doc(meeting.race_date, services.year_of(meeting)), services.boat_info(meeting)]
        (carrying if is_carrying else supporting).extend(cards)
    if has_begun and families & {Family.RESULTS, Family.PAYOFFS}:
        (carrying if Family.RESULTS in families else supporting).append(
            services.boat_rank(meeting.race_date, services.year_of(meeting))
        )
        carrying.append(services.boat_result(meeting))
    if has_begun and Family.PAYOFFS in families:
        carrying += [services.boat_payoff(meeting, each) for each in _races(have, services.BOAT_RESULT, meeting)]
    return carrying, supporting


def _races(have: Mapping[str, Listing], slot: str, meeting: Meeting) -> list[int]:
    """The races of the meeting that a document names, none without it."""
    listings = [have[slot]] if slot in have else []
    return sorted(read(listings, RaceRow, frozenset(), meeting).race_numbers)
