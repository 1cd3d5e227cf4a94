"""A boat meeting. It has two cards: one with the date and the racers' numbers, one with the times of the races."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fotmate_assets.racing.model import Entry, Meeting, Race
from fotmate_assets.racing.sources.kspo.assembly import (
    Assembly,
    Slots,
    checked_start_nos,
    listings_of,
    post_time,
)
from fotmate_assets.racing.sources.kspo.payoffs import BOAT_COLUMNS
from fotmate_assets.racing.sources.kspo.reading import Line, agreed, read
from fotmate_assets.racing.sources.kspo.rows import BOAT_DOC_KNOWN, BOAT_INFO_KNOWN, BoatDocRow, BoatInfoRow
from fotmate_assets.racing.sources.kspo.services import BOAT_DOC, BOAT_INFO, BOAT_PAYOFF, BOAT_RANK, BOAT_RESULT
from fotmate_assets.racing.sources.kspo.values import squeezed
from fotmate_assets.racing.sources.source import Built, Listing

SLOTS = Slots(BOAT_RANK, BOAT_RESULT, BOAT_PAYOFF, BOAT_COLUMNS)

LANE = "race_reg_no"


def build(meeting: Meeting, listings: Mapping[str, Listing]) -> Built:
    """See RaceSource.build."""
    assembly = Assembly(meeting, listings, SLOTS)
    doc = read(listings_of(listings, BOAT_DOC), BoatDocRow, BOAT_DOC_KNOWN, meeting)
    info = read(listings_of(listings, BOAT_INFO), BoatInfoRow, BOAT_INFO_KNOWN, meeting)
    assembly.failures += [*doc.failures, *info.failures]

    def read_card(race_no: int) -> tuple[Race, tuple[Entry, ...] | None]:
        docs, infos = doc.of(race_no), info.of(race_no)
        if not docs and not infos:
            return Race(race_no), None
        checked_start_nos(docs, LANE)
        checked_start_nos(infos, LANE)
        race = _race(meeting, race_no, docs, infos, assembly.warnings)
        if not (doc.is_whole(race_no) and info.is_whole(race_no)):
            return race, None
        entries = _entries(race_no, docs, infos, assembly.warnings)
        return replace(race, field_size=len(entries)), tuple(entries)

    declared = info.declared or doc.declared if {BOAT_DOC, BOAT_INFO} & listings.keys() else None
    races = doc.race_numbers | info.race_numbers
    return assembly.built(races, read_card, has_card=True, entries_declared=declared)


def _race(
    meeting: Meeting,
    race_no: int,
    docs: list[Line[BoatDocRow]],
    infos: list[Line[BoatInfoRow]],
    warnings: list[str],
) -> Race:
    at = post_time(meeting, infos, warnings)
    grade = agreed(infos, "rmk2_rank", warnings)
    start = agreed(infos, "st_mthd_cd", warnings)
    state = agreed(docs, "organ_stat_cd", warnings)
    details = {"st_mthd_cd": start.value.st_mthd_cd} if start else {}
    return Race(
        race_no,
        grade=grade.value.rmk2_rank if grade else None,
        scheduled_post_time=at,
        post_time=at,
        details={**details, "organ_stat_cd": state.value.organ_stat_cd} if state else details,
    )


def _entries(
    race_no: int, docs: list[Line[BoatDocRow]], infos: list[Line[BoatInfoRow]], warnings: list[str]
) -> list[Entry]:
    """The racers by lane. The card with the times leads, the other adds the racer's number where it means the same
    racer.
    """
    numbered = {line.value.race_reg_no: line for line in docs}
    entries = []
    for line in infos:
        other = numbered.pop(line.value.race_reg_no, None)
        if other and squeezed(other.value.racer_nm) != squeezed(line.value.racer_nm):
            lane, names = line.value.race_reg_no, f"{line.value.racer_nm} and {other.value.racer_nm}"
            warnings.append(f"race {race_no}: the two cards have {names} in lane {lane}, the first is taken")
            other = None
        entries.append(_entry(line, other))
    if infos and numbered:
        warnings.append(f"race {race_no}: lanes {sorted(numbered)} are on the card with the dates only")
    entries += [_entry(line, line) for line in numbered.values()]
    return sorted(entries, key=lambda entry: entry.start_no)


def _entry(line: Line[BoatInfoRow] | Line[BoatDocRow], numbered: Line[BoatDocRow] | None) -> Entry:
    row = line.value
    extra = {**(numbered.row.extra if numbered else {}), **line.row.extra}
    details = {**(numbered.row.details if numbered else {}), **line.row.details}
    return Entry(
        row.race_reg_no,
        squeezed(row.racer_nm),
        runner_id=numbered.value.racer_no if numbered else None,
        sex=row.sex_cd if isinstance(row, BoatInfoRow) else None,
        age=row.racer_age,
        grade=row.racer_grd_cd,
        body_weight_kg=row.wght,
        motor_no=row.motor_no,
        boat_no=row.boat_no,
        details=details,
        extra=extra,
    )
