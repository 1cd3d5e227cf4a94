"""Capturing one slot: asking the source before the deadline, and what its answer, or its silence, means."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import structlog

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.cadence import Slot, SlotVerdict
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot, Sentinel, rows_of
from fotmate_assets.racing.odds.outcomes import Outcome
from fotmate_assets.racing.sources.odds.source import OddsSource

log = structlog.get_logger(__name__)

T = TypeVar("T")

TRIES = 3
RETRY_AFTER = timedelta(seconds=1)
RETRIED = (Verdict.TRANSPORT, Verdict.QUOTA)
"""Verdicts after which the same question may have another answer within seconds."""
SILENT = (Sentinel.UNTOLD, Sentinel.SCRATCHED)
"""What stands in a grid although the source said nothing."""

Keep = Callable[[bytes], Awaitable[str | None]]
"""Stores bytes in the raw zone; their hash, or None where there is no zone. Raises what the zone raises."""


class Clock(Protocol):
    """What time it is, and waiting. A test's may run fast."""

    def now(self) -> datetime:
        """An aware instant."""

    async def sleep_until(self, instant: datetime) -> None:
        """Return when `instant` has come; at once where it has already."""


class WallClock:
    """The machine's."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime) -> None:
        """Sleeps in short steps, so that a clock that is set meanwhile is heeded."""
        while (left_s := (instant - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(left_s, 1.0))


def trace_of(error: BaseException) -> str:
    """Where an error came from, as text: drawing it as the console's log would takes the event loop a second."""
    return "".join(traceback.format_exception(error))


@dataclass(frozen=True)
class Due:
    """A slot to be captured."""

    race: OddsRace
    slot: Slot
    deadline: datetime
    """The answer must be there by then."""

    def ended(self, verdict: Verdict | SlotVerdict, **told: Any) -> Outcome:
        """What became of it."""
        return Outcome(self.race.race_id, self.race.race_date, self.slot, verdict, **told)


async def answer_by(instant: datetime, asked: Coroutine[Any, Any, T], clock: Clock) -> T | None:
    """The answer, or None where it did not come by `instant`: then nobody waits for it any more."""
    asking, timer = asyncio.ensure_future(asked), asyncio.ensure_future(clock.sleep_until(instant))
    try:
        await asyncio.wait({asking, timer}, return_when=asyncio.FIRST_COMPLETED)
        if asking.cancelled():
            raise ConnectionError("the source gave up by itself")
        return asking.result() if asking.done() else None
    finally:
        timer.cancel()
        if not asking.done():
            asking.add_done_callback(lambda late: late.cancelled() or late.exception())
            asking.cancel()


async def poll(due: Due, source: OddsSource, clock: Clock, keep: Keep) -> Outcome:
    """Ask for the odds of a slot, up to TRIES times before its deadline. Whatever happens, there is an outcome."""
    if not due.race.field:
        return due.ended(Verdict.EMPTY_UNEXPECTED, reason=f"{source.name} {due.race.race_id}: no entries are known")
    asked_at: datetime | None = None
    tries, trouble = 0, ""

    async def ask() -> OddsSnapshot:
        nonlocal asked_at
        asked_at = asked_at or clock.now()
        return await source.snapshot(due.race, due.slot.at)

    while True:
        tries += 1
        try:
            snapshot = await answer_by(due.deadline, ask(), clock)
            if snapshot is None:
                reason = (
                    f"{source.name} {due.race.race_id}: no answer by {due.deadline:%H:%M:%S} (try {tries}){trouble}"
                )
                return due.ended(SlotVerdict.LATE, reason=reason, tries=tries, asked_at=asked_at)
            _require_prices(snapshot, source.name)
        except SourceError as raised:
            error = raised
        except Exception as raised:
            log.error("odds_source_broke", source=source.name, race_id=due.race.race_id, trace=trace_of(raised))
            error = SourceError(Verdict.TRANSPORT, source.name, due.race.race_id, f"{type(raised).__name__}: {raised}")
        else:
            return await _captured(due, snapshot, source, clock, keep, tries=tries, asked_at=asked_at)
        again_at = clock.now() + max(RETRY_AFTER, timedelta(seconds=error.retry_after_s or 0.0))
        if error.verdict not in RETRIED or tries == TRIES or again_at >= due.deadline:
            return await _missed(due, error, keep, tries=tries, asked_at=asked_at)
        trouble = f"; before: {error}"
        await clock.sleep_until(again_at)


def _require_prices(snapshot: OddsSnapshot, source: str) -> None:
    """Raises SourceError (empty_unexpected) for a snapshot that tells of no combination at all."""
    if not any(price not in SILENT for pool in snapshot.pools for price in pool.odds):
        reason = "the answer has no price"
        raise SourceError(
            Verdict.EMPTY_UNEXPECTED, source, snapshot.race_id, reason, field="pools", content=snapshot.content
        )


async def _captured(
    due: Due, snapshot: OddsSnapshot, source: OddsSource, clock: Clock, keep: Keep, **told: Any
) -> Outcome:
    ingested_at = clock.now()
    sha256, reason = snapshot.raw_sha256, None
    if snapshot.content is not None:
        sha256, reason = await _kept(snapshot.content, keep)
    rows = rows_of(
        snapshot,
        due.race,
        due.slot.at,
        ingested_at,
        source.name,
        is_live=source.is_live,
        is_simulated=source.is_simulated,
        raw_sha256=sha256,
    )
    return due.ended(Verdict.OK, reason=reason, rows=tuple(rows), **told)


async def _missed(due: Due, error: SourceError, keep: Keep, **told: Any) -> Outcome:
    sha256, unkept = (None, None) if error.content is None else await _kept(error.content, keep)
    reason = f"{error}; {unkept}" if unkept else str(error)
    return due.ended(error.verdict, reason=reason, refused=error, refused_sha256=sha256, **told)


async def _kept(content: bytes, keep: Keep) -> tuple[str | None, str | None]:
    """The hash of bytes that were kept; else why they could not be."""
    try:
        return await keep(content), None
    except Exception as error:
        log.warning("odds_bytes_unkept", error=f"{type(error).__name__}: {error}")
        return None, f"its bytes could not be kept: {type(error).__name__}: {error}"
