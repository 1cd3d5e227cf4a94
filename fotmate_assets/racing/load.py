"""The unit of work: one meeting, a race date at one track, is one transaction.

A card whose content is the stored one is skipped without touching a row. Races are upserted, a null never erasing what
is known; the entries, results and payoffs of a race are written anew by COPY where the card has them, and stay where it
has not. What changes on the way (post times, scratches, jockeys, races called off) is kept as history.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from fotmate_assets.core.postgres import copy_rows, in_transaction, lock_for_transaction
from fotmate_assets.racing.model import (
    CALLED_OFF,
    KST,
    ON,
    Change,
    ChangeKind,
    Entry,
    Meeting,
    MeetingCard,
    Race,
    RaceCard,
    RaceStatus,
    next_status,
    race_id,
    status_by_clock,
    status_told,
)
from fotmate_assets.racing.tables import entries, meetings, payoffs, race_changes, races, results

FORMAT = b"1"
"""Changes with what is written for the same card, so that every meeting is written again."""

OF_RACE = tuple(field.name for field in fields(Race) if field.name in races.c)
"""What a race takes from its card as it is."""


@dataclass(frozen=True)
class LoadedMeeting:
    """Rows written for one meeting."""

    meeting: Meeting
    races: int
    entries: int
    results: int
    payoffs: int
    changes: int

    @property
    def rows(self) -> int:
        """All of them."""
        return self.races + self.entries + self.results + self.payoffs + self.changes


def revision_of(card: MeetingCard) -> str:
    """The hash of everything a card says."""
    return hashlib.sha256(FORMAT + msgspec.json.encode(card, order="deterministic")).hexdigest()


def load_meeting(engine: Engine, card: MeetingCard, now: datetime) -> LoadedMeeting | None:
    """Write one meeting whole. None when it is stored as it is already. Transient database failures are retried."""
    return in_transaction(engine, lambda connection: _load(connection, card, now))


def known_meetings(connection: Connection, dates: Iterable[date], around: timedelta = timedelta(0)) -> list[Meeting]:
    """Meetings stored for `dates`, or within `around` of them, in order."""
    wanted = sorted(dates)
    if not wanted:
        return []
    table = meetings.c
    query = (
        select(table.race_date, table.track_id, table.year, table.round, table.day)
        .where(table.race_date.between(wanted[0] - around, wanted[-1] + around))
        .order_by(table.race_date, table.track_id)
    )
    found = [Meeting(*row) for row in connection.execute(query)]
    return found if around else [meeting for meeting in found if meeting.race_date in set(wanted)]


def advance_statuses(engine: Engine, now: datetime) -> int:
    """Bring the status of races that are on in line with the clock; return how many changed."""

    def work(connection: Connection) -> int:
        query = select(races.c.race_id, races.c.status, races.c.post_time).where(
            races.c.status.in_(ON),
            races.c.post_time.is_not(None),
            races.c.post_time.between(now - timedelta(days=30), now + timedelta(days=2)),
        )
        turned: dict[RaceStatus, list[str]] = defaultdict(list)
        for row in connection.execute(query):
            told = status_by_clock(row.post_time, now)
            if told != row.status:
                turned[told].append(row.race_id)
        return sum(
            connection.execute(
                update(races).where(races.c.race_id.in_(ids), races.c.status.in_(ON)).values(status=told)
            ).rowcount
            for told, ids in turned.items()
        )

    return in_transaction(engine, work)


def _load(connection: Connection, card: MeetingCard, now: datetime) -> LoadedMeeting | None:
    meeting = card.meeting
    lock_for_transaction(connection, f"meeting {meeting.track_id} {meeting.race_date}")
    revision = revision_of(card)
    of_meeting = (meetings.c.track_id == meeting.track_id) & (meetings.c.race_date == meeting.race_date)
    if connection.scalar(select(meetings.c.revision_sha256).where(of_meeting)) == revision:
        return None
    stored = _stored_races(connection, meeting)
    _put_meeting(connection, card, revision, stored.keys() - {each.race.race_no for each in card.races})
    cards = [replace(each, race=_standing(each.race, stored.get(each.race.race_no))) for each in card.races]
    statuses = {
        each.race.race_no: next_status(
            RaceStatus(before.status) if (before := stored.get(each.race.race_no)) else None,
            status_told(each.race, now),
        )
        for each in cards
    }
    declared = {each.race.race_no: each.entries for each in cards if each.entries is not None}
    differences = [*_race_changes(cards, stored, statuses), *_runner_changes(connection, meeting, declared)]
    _put_races(connection, meeting, cards, statuses)
    return LoadedMeeting(
        meeting,
        races=len(cards),
        entries=_replace(connection, entries, meeting, declared),
        results=_replace(
            connection, results, meeting, {c.race.race_no: c.results for c in cards if c.results is not None}
        ),
        payoffs=_replace(
            connection, payoffs, meeting, {c.race.race_no: c.payoffs for c in cards if c.payoffs is not None}
        ),
        changes=_put_changes(connection, meeting, differences, card.changes),
    )


def _stored_races(connection: Connection, meeting: Meeting) -> dict[int, Row[Any]]:
    query = select(races.c.race_no, races.c.status, races.c.scheduled_post_time, races.c.post_time).where(
        races.c.track_id == meeting.track_id, races.c.race_date == meeting.race_date
    )
    return {row.race_no: row for row in connection.execute(query)}


def _standing(race: Race, before: Row[Any] | None) -> Race:
    """The race with its off as it stands: as told; else as stored, where it was moved or no plan is told; else as
    planned.
    """
    off = race.post_time
    if off is None and before is not None:
        was_moved = before.post_time != before.scheduled_post_time
        off = before.post_time if was_moved or race.scheduled_post_time is None else None
    return replace(race, post_time=off or race.scheduled_post_time)


def _put_meeting(connection: Connection, card: MeetingCard, revision: str, vanished: Iterable[int]) -> None:
    meeting = card.meeting
    gone = [f"race {race_no} is in no document any more; its rows are kept" for race_no in sorted(vanished)]
    values = {
        "year": meeting.year,
        "round": meeting.round,
        "day": meeting.day,
        "entries_declared": card.entries_declared,
        "results_declared": card.results_declared,
        "warnings": [*card.warnings, *gone, *_same_round(connection, meeting)],
        "revision_sha256": revision,
        "loaded_at": func.now(),
    }
    row = insert(meetings).values(track_id=meeting.track_id, race_date=meeting.race_date, **values)
    keeping = {name: func.coalesce(row.excluded[name], meetings.c[name]) for name in values}
    connection.execute(row.on_conflict_do_update(index_elements=["track_id", "race_date"], set_=keeping))


def _same_round(connection: Connection, meeting: Meeting) -> list[str]:
    """Other dates that are stored as the same day of the same round of the track."""
    if meeting.round is None:
        return []
    query = select(meetings.c.race_date).where(
        meetings.c.track_id == meeting.track_id,
        meetings.c.year == meeting.year,
        meetings.c.round == meeting.round,
        meetings.c.day == meeting.day,
        meetings.c.race_date != meeting.race_date,
    )
    where = f"day {meeting.day} of round {meeting.round} of {meeting.year}"
    found = sorted(connection.scalars(query))
    return [f"{where} is stored for {day} too: it was moved, or one of them is wrong" for day in found]


def _put_races(
    connection: Connection, meeting: Meeting, cards: Sequence[RaceCard], statuses: Mapping[int, RaceStatus]
) -> None:
    if not cards:
        return
    rows = [
        {
            "race_id": race_id(meeting.track_id, meeting.race_date, each.race.race_no),
            "race_date": meeting.race_date,
            "track_id": meeting.track_id,
            "sport": meeting.track.sport,
            "status": statuses[each.race.race_no],
            **{name: getattr(each.race, name) for name in OF_RACE},
        }
        for each in cards
    ]
    row = insert(races).values(rows)
    keeping: dict[str, ColumnElement[Any]] = {
        name: func.coalesce(row.excluded[name], races.c[name]) for name in OF_RACE
    }
    # Details come from several documents; those of one that cannot be had this time stay.
    keeping["details"] = races.c.details.concat(row.excluded.details)
    connection.execute(
        row.on_conflict_do_update(index_elements=["race_id"], set_={**keeping, "status": row.excluded.status})
    )


def _replace(connection: Connection, table: Table, meeting: Meeting, by_race: Mapping[int, Sequence[object]]) -> int:
    """Write the rows of these races anew; a dataclass of the model has its table's columns as attributes."""
    if not by_race:
        return 0
    ids = {race_no: race_id(meeting.track_id, meeting.race_date, race_no) for race_no in by_race}
    connection.execute(delete(table).where(table.c.race_id.in_(list(ids.values()))))
    ours = ["race_id", "race_date", *(["line"] if "line" in table.c else [])]
    own = [column.name for column in table.columns if column.name not in ours]

    def rows() -> Iterator[tuple[Any, ...]]:
        for race_no, of_race in by_race.items():
            for line, one in enumerate(of_race, start=1):
                key = (ids[race_no], meeting.race_date, line)[: len(ours)]
                yield (*key, *(getattr(one, name) for name in own))

    return copy_rows(connection, table, [*ours, *own], rows())


def _race_changes(
    cards: Iterable[RaceCard], stored: Mapping[int, Row[Any]], statuses: Mapping[int, RaceStatus]
) -> Iterator[Change]:
    """What differs from the stored races: post times, and races that are off or on again."""
    for each in cards:
        race, before = each.race, stored.get(each.race.race_no)
        if before is None:
            continue
        if race.post_time and before.post_time and race.post_time != before.post_time:
            old, new = (at.astimezone(KST).isoformat() for at in (before.post_time, race.post_time))
            yield Change(race.race_no, ChangeKind.POST_TIME, None, old, new)
        status = statuses[race.race_no]
        if status != before.status and (status in CALLED_OFF or before.status in CALLED_OFF):
            yield Change(race.race_no, ChangeKind.STATUS, None, before.status, status)


def _runner_changes(
    connection: Connection, meeting: Meeting, declared: Mapping[int, Sequence[Entry]]
) -> Iterator[Change]:
    """What differs from the stored entries: scratches, also those taken back, and jockeys."""
    query = (
        select(races.c.race_no, entries.c.start_no, entries.c.jockey_name, entries.c.is_scratched)
        .join(races, races.c.race_id == entries.c.race_id)
        .where(races.c.track_id == meeting.track_id, races.c.race_date == meeting.race_date)
    )
    before = {(row.race_no, row.start_no): row for row in connection.execute(query)}
    for race_no, of_race in declared.items():
        for entry in of_race:
            old = before.get((race_no, entry.start_no))
            if old is None:
                continue
            about = (race_no, ChangeKind.SCRATCH, entry.start_no)
            if entry.is_scratched and not old.is_scratched:
                yield Change(*about, entry.runner_name, None, entry.scratch_reason)
            elif old.is_scratched and not entry.is_scratched:
                yield Change(*about, None, entry.runner_name)
            if entry.jockey_name != old.jockey_name and entry.jockey_name and old.jockey_name:
                yield Change(race_no, ChangeKind.JOCKEY, entry.start_no, old.jockey_name, entry.jockey_name)


def _put_changes(
    connection: Connection, meeting: Meeting, differences: Iterable[Change], told: Sequence[Change]
) -> int:
    """Add what the history does not have; return the rows.

    A difference from the stored rows is new by itself, also where a post time moves back to where it was; a document
    that tells of the same adds its reason. What documents tell is told again with every card: it is written once.
    """
    history = connection.execute(
        select(race_changes.c.race_id, race_changes.c.kind, race_changes.c.start_no, race_changes.c.new_value)
        .join(races, races.c.race_id == race_changes.c.race_id)
        .where(races.c.track_id == meeting.track_id, races.c.race_date == meeting.race_date)
        .order_by(race_changes.c.change_id)
    )
    latest: dict[About, str | None] = {}
    seen: set[tuple[About, str | None]] = set()
    new: list[dict[str, Any]] = []

    def note(about: About, new_value: str | None) -> None:
        latest[about] = new_value
        seen.add((about, new_value))

    def add(about: About, change: Change) -> None:
        note(about, change.new_value)
        row = {name: value for name, value in asdict(change).items() if name != "race_no"}
        new.append({"race_id": about.race_id, "race_date": meeting.race_date, **row})

    for of_race, kind, start_no, new_value in history:
        note(About(of_race, kind, start_no), new_value)
    documents = {(_about(meeting, change), change.new_value): change for change in told}
    for change in differences:
        about = _about(meeting, change)
        if about not in latest or latest[about] != change.new_value:
            document = documents.get((about, change.new_value), change)
            add(about, replace(change, reason=document.reason or change.reason, announced_at=document.announced_at))
    for change in told:
        about = _about(meeting, change)
        if (about, change.new_value) not in seen:
            add(about, change)
    if new:
        connection.execute(insert(race_changes), new)
    return len(new)


class About(NamedTuple):
    """What a change is about."""

    race_id: str
    kind: str
    start_no: int | None


def _about(meeting: Meeting, change: Change) -> About:
    of_race = race_id(meeting.track_id, meeting.race_date, change.race_no)
    return About(of_race, change.kind.value, change.start_no)
