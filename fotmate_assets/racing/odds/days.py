"""A race date's odds without anybody being asked, in plain functions: final odds from the kept bytes, or a replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial

from sqlalchemy import Connection, Engine, text

from fotmate_assets.core.ledger import Attempt, Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.racing.cadence import SlotStatus, plan
from fotmate_assets.racing.load import known_meetings
from fotmate_assets.racing.model import CALLED_OFF
from fotmate_assets.racing.odds.model import OddsRace, OddsRow, rows_of
from fotmate_assets.racing.odds.races import odds_races
from fotmate_assets.racing.odds.store import FINAL, insert_rows, replace_final
from fotmate_assets.racing.shelves import Shelves
from fotmate_assets.racing.sources.odds.portal_final import final_odds
from fotmate_assets.racing.sources.odds.replay import Replay
from fotmate_assets.racing.sources.source import RaceSource

JOB = "racing/odds_snapshots"


@dataclass
class StoredOdds:
    """What storing a race date's odds came to."""

    source: str
    is_simulated: bool = False
    races: int = 0
    """Races that have such odds now."""
    rows_written: int = 0
    notes: list[str] = field(default_factory=list)
    """What was left out and why, and oddities, for a reader."""
    failures: list[SourceError] = field(default_factory=list)
    slots: dict[str, dict[datetime, SlotStatus]] = field(default_factory=dict)
    """Of a replay, per race: the planned instants that it has odds for."""


def store_final(
    sources: Iterable[RaceSource],
    day: date,
    zone: RawZone,
    engine: Engine,
    ledger: Ledger,
    now: Callable[[], datetime],
    run_id: str | None = None,
) -> StoredOdds:
    """Store the final odds of a race date from the kept answers of the portals.

    A race whose odds cannot be read is owed in the ledger, and the others are stored. Each source's attempt is
    recorded, also where it has no odds.
    """
    with engine.connect() as connection:
        races = odds_races(connection, day)
        meetings = known_meetings(connection, [day])
    stored = StoredOdds(FINAL)
    for source in sources:
        job = Job(source.name, JOB, day.isoformat(), run_id)
        started = time.monotonic()
        rows: list[OddsRow] = []
        failures: list[SourceError] = []
        shelves = Shelves(zone, engine)
        for meeting in [each for each in meetings if each.track.source == source.name]:
            of_meeting = {race.race_no: race for race in races if race.track_id == meeting.track_id}
            kept = shelves.complete(source, meeting, {}, now())
            found = final_odds(source, meeting, kept.listings, of_meeting)
            stored.notes += found.warnings
            failures += found.errors
            for final in found.races:
                rows += rows_of(
                    final.snapshot,
                    final.race,
                    final.observed_at,
                    now(),
                    FINAL,
                    is_live=False,
                    is_simulated=final.is_simulated,
                    raw_sha256=final.snapshot.raw_sha256,
                )
        written = in_transaction(engine, partial(replace_final, rows=rows))
        stored.races += len({row.race_id for row in rows})
        stored.is_simulated |= any(row.is_simulated for row in rows)
        stored.rows_written += written
        stored.failures += failures
        for failure in failures:
            ledger.owe(job, failure)
        ledger.settle_all_but(job, [failure.document for failure in failures])
        ledger.record([(job, _attempt(written, rows, failures), time.monotonic() - started)])
    return stored


def replay(
    source: Replay,
    recording: bytes,
    day: date,
    zone: RawZone,
    engine: Engine,
    ledger: Ledger,
    now: Callable[[], datetime],
    run_id: str | None = None,
) -> StoredOdds:
    """Store what a recording tells of a race date, at the instants that are planned for each race.

    What an earlier replay stored of a race is replaced. A race of which live odds were captured is left as it is: a
    replay never mixes with them. `recording`: its bytes, which are kept.
    """
    with engine.connect() as connection:
        races = [race for race in odds_races(connection, day) if race.status not in CALLED_OFF]
        live = set(connection.scalars(_LIVE, {"day": day}))
    stored = StoredOdds(source.name, source.is_simulated)
    sha256 = zone.put(recording)
    started = time.monotonic()
    told: list[OddsRow] = []
    for race in races:
        if race.race_id in live:
            stored.notes.append(f"{race.race_id} has live odds and is not replayed")
            continue
        rows, stored.slots[race.race_id], errors = asyncio.run(_replayed(source, race, sha256, now()))
        if not rows:
            stored.failures += errors[-1:]
            continue
        stored.races += 1
        stored.rows_written += in_transaction(engine, partial(_put_replay, race=race, rows=rows))
        told += rows[-1:]
    attempt = _attempt(stored.rows_written, told, stored.failures)
    ledger.record([(Job(source.name, JOB, day.isoformat(), run_id), attempt, time.monotonic() - started)])
    return stored


def _attempt(written: int, rows: Sequence[OddsRow], failures: Sequence[SourceError]) -> Attempt:
    """What an attempt came to that wrote so many rows of these."""
    if failures:
        return Attempt(failures[0].verdict, written, str(failures[0]))
    return Attempt(Verdict.OK if rows else Verdict.EMPTY_EXPECTED, written)


async def _replayed(
    source: Replay, race: OddsRace, sha256: str, now: datetime
) -> tuple[list[OddsRow], dict[datetime, SlotStatus], list[SourceError]]:
    """The rows of a race at its planned instants, which of these the recording has, and why not the others."""
    rows: list[OddsRow] = []
    outcomes: dict[datetime, SlotStatus] = {}
    errors: list[SourceError] = []
    for slot in plan(race.post_time):
        try:
            snapshot = await source.snapshot(race, slot.at)
        except SourceError as error:
            errors.append(error)
            outcomes[slot.at] = SlotStatus.MISSED
            continue
        outcomes[slot.at] = SlotStatus.CAPTURED
        rows += rows_of(
            snapshot,
            race,
            slot.at,
            now,
            source.name,
            is_live=source.is_live,
            is_simulated=source.is_simulated,
            raw_sha256=sha256,
        )
    return rows, outcomes, errors


_LIVE = text("select distinct race_id from odds_snapshots where race_date = :day and is_live")
_FORGET = text("delete from odds_snapshots where race_id = :race_id and not is_live and source <> :final")


def _put_replay(connection: Connection, race: OddsRace, rows: Sequence[OddsRow]) -> int:
    connection.execute(_FORGET, {"race_id": race.race_id, "final": FINAL})
    return insert_rows(connection, rows)
