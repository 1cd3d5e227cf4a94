"""A cycle meeting: Gwangmyeong with its card, Changwon and Busan from the ranking alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fotmate_assets.racing.model import Entry, Meeting, Race
from fotmate_assets.racing.sources.kspo.assembly import (
    Assembly,
    Slots,
    checked_start_nos,
    listings_of,
    post_time,
)
from fotmate_assets.racing.sources.kspo.payoffs import CYCLE_COLUMNS
from fotmate_assets.racing.sources.kspo.reading import Line, agreed, read
from fotmate_assets.racing.sources.kspo.rows import CYCLE_CARD_KNOWN, CycleCardRow
from fotmate_assets.racing.sources.kspo.services import (
    CARD_TRACK,
    CYCLE_CARD,
    CYCLE_PAYOFF,
    CYCLE_RANK,
    CYCLE_RESULT,
)
from fotmate_assets.racing.sources.kspo.values import seconds, squeezed
from fotmate_assets.racing.sources.source import Built, Listing

SLOTS = Slots(CYCLE_RANK, CYCLE_RESULT, CYCLE_PAYOFF, CYCLE_COLUMNS)


def build(meeting: Meeting, listings: Mapping[str, Listing]) -> Built:
    """See RaceSource.build."""
    has_card = meeting.track_id == CARD_TRACK
    # The payoff service names no velodrome and has Gwangmyeong's races only.
    used = {slot: one for slot, one in listings.items() if has_card or slot != CYCLE_PAYOFF}
    assembly = Assembly(meeting, used, SLOTS)
    card = read(listings_of(used, CYCLE_CARD), CycleCardRow, CYCLE_CARD_KNOWN, meeting)
    assembly.failures += card.failures

    def read_card(race_no: int) -> tuple[Race, tuple[Entry, ...] | None]:
        lines = card.of(race_no)
        if not lines:
            return Race(race_no), None
        checked_start_nos(lines, "back_no")
        race = _race(meeting, lines, assembly.warnings)
        if not card.is_whole(race_no):
            return race, None
        entries = sorted(map(_entry, lines), key=lambda entry: entry.start_no)
        return replace(race, field_size=len(entries)), tuple(entries)

    declared = card.declared if CYCLE_CARD in used else None
    return assembly.built(card.race_numbers, read_card, has_card=has_card, entries_declared=declared)


def _race(meeting: Meeting, lines: list[Line[CycleCardRow]], warnings: list[str]) -> Race:
    at = post_time(meeting, lines, warnings)
    grade = agreed(lines, "racer_grd_cd", warnings)
    length = agreed(lines, "race_len", warnings)
    laps = agreed(lines, "round_cnt", warnings)
    return Race(
        lines[0].value.race_no,
        distance_m=length.value.race_len if length else None,
        grade=grade.value.racer_grd_cd if grade else None,
        scheduled_post_time=at,
        post_time=at,
        details={"round_cnt": laps.value.round_cnt} if laps else {},
    )


def _entry(line: Line[CycleCardRow]) -> Entry:
    """The card has no racer number: the ranking brings it with the result."""
    row = line.value
    details: dict[str, Any] = dict(line.row.details)
    with suppress(ValueError):
        details["rec_200m_s"] = seconds(str(details.get("rec_200m_scr", "")))
    return Entry(
        row.back_no,
        squeezed(row.racer_nm),
        age=row.racer_age,
        grade=row.racer_grd_cd,
        gear_ratio=row.gear_rate,
        details=details,
        extra=line.row.extra,
    )
