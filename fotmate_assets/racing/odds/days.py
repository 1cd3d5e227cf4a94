"""A race date's odds without anybody being asked, in plain functions: final odds from the kept bytes, or a replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial

from sqlalchemy import Engine, text

from fotmate_assets.core.ledger import Attempt, Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.object_store import ObjectStore
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.racing.cadence import plan
from fotmate_assets.racing.load import known_meetings
from fotmate_assets.racing.model import CALLED_OFF, ON, RaceStatus
from fotmate_assets.racing.odds.lake import live_races
from fotmate_assets.racing.odds.model import OddsRace, OddsRow, rows_of
from fotmate_assets.racing.odds.races import odds_races
from fotmate_assets.racing.odds.store import FINAL, replace_final, replace_replay
from fotmate_assets.racing.shelves import Shelves
from fotmate_assets.racing.sources.odds.portal_final import final_odds
from fotmate_assets.racing.sources.odds.replay import Replay
from fotmate_assets.racing.sources.source import RaceSource

JOB = "racing/odds_snapshots"

ALL_ODDS_OF = "kra"
"""The source that publishes all odds of its races, once they are decided."""

MOST_NAMED = 50
"""Documents of a recording that cannot be read and are named, each as a failure; the rest are counted."""


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

    A race whose odds cannot be read is owed in the ledger, and the others are stored; so are, by track, races that
    have paid and of which no odds are kept. Each source's attempt is recorded, also where it has no odds.
    """
    with engine.connect() as connection:
        races = odds_races(connection, day)
        meetings = known_meetings(connection, [day])
        paid = set(connection.scalars(_PAID, {"day": day}))
    stored = StoredOdds(FINAL)
    for source in sources:
        job = Job(source.name, JOB, day.isoformat(), run_id)
        started = time.monotonic()
        rows: list[OddsRow] = []
        failures: list[SourceError] = []
        undecided: list[str] = []
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
            if source.name == ALL_ODDS_OF:
                has = {final.race.race_no for final in found.races}
                without = [race for number, race in sorted(of_meeting.items()) if number not in has]
                undecided += [race.race_id for race in without if race.status in ON]
                finished = [race.race_id for race in without if race.status is RaceStatus.FINISHED]
                missing = [race_id for race_id in finished if race_id in paid]
                # Where an answer cannot be read, that is why.
                if missing and not found.errors:
                    reason = f"pools have paid, and no odds are kept, of {', '.join(missing)}"
                    document = f"final/{day}/{meeting.track_id}"
                    failures.append(SourceError(Verdict.EMPTY_UNEXPECTED, source.name, document, reason))
        if undecided:
            stored.notes.append(f"not decided yet, without final odds: {', '.join(undecided)}")
        written = in_transaction(engine, partial(replace_final, rows=rows))
        stored.races += len({row.race_id for row in rows})
        stored.is_simulated |= any(row.is_simulated for row in rows)
        stored.rows_written += written
        stored.failures += failures
        for failure in failures:
            ledger.owe(job, failure)
        ledger.settle_all_but(job, [failure.document for failure in failures])
        verdict = Verdict.OK if rows else Verdict.NOT_YET if undecided else Verdict.EMPTY_EXPECTED
        ledger.record([(job, _attempt(verdict, written, failures), time.monotonic() - started)])
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
    lake: ObjectStore | None = None,
) -> StoredOdds:
    """Store what a recording tells of a race date, at the instants that are planned for each race.

    What an earlier replay stored of a race is replaced, and its candles go. Left as they are, with a note, are races
    that have live odds, in Postgres or the lake: a replay never mixes with them; those that are not off yet; and those
    that the recording does not have. A document that cannot be read is a failure, and the others are stored.

    `recording`: its bytes, which are kept. `lake`: where odds are that were retired; None where there is no lake.
    """
    with engine.connect() as connection:
        races = [race for race in odds_races(connection, day) if race.status not in CALLED_OFF]
        live = frozenset(connection.scalars(_LIVE, {"day": day}))
    # After Postgres: what is retired in between is seen there.
    live |= live_races(lake, [day]) if lake is not None else frozenset()
    stored = StoredOdds(source.name, source.is_simulated)
    sha256 = zone.put(recording)
    started = time.monotonic()
    malformed: dict[tuple[str, str | None], SourceError] = {}
    for race in races:
        if race.race_id in live:
            stored.notes.append(f"{race.race_id} has live odds and is not replayed")
            continue
        if race.post_time > now():
            stored.notes.append(f"{race.race_id} is not off yet and is not replayed")
            continue
        rows, errors = asyncio.run(_replayed(source, race, sha256, now()))
        malformed |= {(each.document, each.field): each for each in errors if each.verdict is Verdict.MALFORMED}
        if rows:
            written = in_transaction(engine, partial(replace_replay, rows=rows))
            if not written:
                stored.notes.append(f"{race.race_id} has live odds by now and is not replayed")
                continue
            stored.races += 1
            stored.rows_written += written
        stored.notes += _notes(errors, has_some=bool(rows))
    stored.failures = list(malformed.values())[:MOST_NAMED]
    if len(malformed) > MOST_NAMED:
        stored.notes.append(f"{len(malformed) - MOST_NAMED} more documents cannot be read")
    verdict = Verdict.OK if stored.races else Verdict.EMPTY_EXPECTED
    attempt = _attempt(verdict, stored.rows_written, list(malformed.values()))
    ledger.record([(Job(source.name, JOB, day.isoformat(), run_id), attempt, time.monotonic() - started)])
    return stored


def _attempt(verdict: Verdict, written: int, failures: Sequence[SourceError]) -> Attempt:
    """What an attempt came to that wrote so many rows; its verdict is `verdict` only where nothing failed."""
    if not failures:
        return Attempt(verdict, written)
    more = f"; and {len(failures) - 1} more" if len(failures) > 1 else ""
    return Attempt(failures[0].verdict, written, f"{failures[0]}{more}")


def _notes(errors: Sequence[SourceError], *, has_some: bool) -> list[str]:
    """Why a recording has nothing at some instants, where no document is at fault: each reason once. That it begins
    later than the plan is told of a race that it has nothing else of (not `has_some`).
    """
    told = [each for each in errors if each.verdict is not Verdict.MALFORMED]
    if has_some:
        told = [each for each in told if each.verdict is not Verdict.NOT_YET]
    return list(dict.fromkeys(f"{each.document}: {each.reason}" for each in told))


async def _replayed(
    source: Replay, race: OddsRace, sha256: str, now: datetime
) -> tuple[list[OddsRow], list[SourceError]]:
    """The rows of a race at its planned instants, and why there are none at the others."""
    rows: list[OddsRow] = []
    errors: list[SourceError] = []
    for slot in plan(race.post_time):
        try:
            snapshot = await source.snapshot(race, slot.at)
        except SourceError as error:
            errors.append(error)
            continue
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
    return rows, errors


_LIVE = text("select distinct race_id from odds_snapshots where race_date = :day and is_live")
_PAID = text("select distinct race_id from payoffs where race_date = :day")
