"""A season's work in plain functions: fetch its documents, load its matches. No Dagster.

Both end in a report in which every document or match stands exactly once, and leave what is owed in
the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError

from fotmate_assets.core.ledger import Attempt, Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.core.sync import SyncReport
from fotmate_assets.football.load import (
    LoadedMatch,
    load_match,
    open_partition,
    outranked,
    register_matches,
    stored_revisions,
)
from fotmate_assets.football.model import MatchAggregate
from fotmate_assets.football.sources.provider import PlannedMatch, Provider, ProviderSeason, UnknownMatchError

MATCHES_JOB = "football/matches"

UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What a parser raises that trips over a document: one match's failure, not the season's end."""


def raw_job(provider: str) -> str:
    """The ledger's name of a provider's raw asset."""
    return f"football/{provider}_raw"


def fetch_catalogue(
    provider: Provider, zone: RawZone, ledger: Ledger, run_id: str | None = None
) -> tuple[list[ProviderSeason], SyncReport]:
    """The provider's seasons. A provider that cannot be read is owed, and offers none."""
    job = Job(provider.name, "football/season_catalogue", "", run_id)
    manifest = zone.manifest(provider.name, "")
    with ledger.attempt(job) as attempt:
        try:
            seasons, report = provider.catalogue(zone, manifest)
            settled = ledger.owed(provider.name, "")
        except SourceError as error:
            seasons, report, settled = [], SyncReport(failures=[error]), set()
        attempt.rows = len(seasons)
        _close(attempt, report.failures, f"{len(seasons)} seasons")
    _record(job, report.failures, zone, ledger)
    ledger.settle(job, settled - {failure.document for failure in report.failures})
    return seasons, report


def fetch_season(
    provider: Provider,
    season_key: str,
    ids: dict[str, Any],
    zone: RawZone,
    ledger: Ledger,
    *,
    match_id: str | None = None,
    run_id: str | None = None,
) -> SyncReport:
    """Bring the raw documents of a season, or of one match of it, up to date.

    A document that something is owed on is fetched again even if its source calls it unchanged. Raises
    UnknownMatchError, of which nothing is owed, for a match that the season does not list.
    """
    job = Job(provider.name, raw_job(provider.name), season_key, run_id)
    manifest = zone.manifest(provider.name, season_key)
    manifest.distrust(ledger.owed(provider.name, season_key))
    with ledger.attempt(job) as attempt:
        unknown: UnknownMatchError | None = None
        try:
            report = provider.sync(ids, zone, manifest, match_id)
        except SourceError as error:
            report = SyncReport(failures=[error])
        except UnknownMatchError as error:
            report, unknown = SyncReport(), error
        attempt.rows = len(report.changed)
        _close(attempt, report.failures, f"{len(report.changed)} documents changed, {len(report.unchanged)} did not")
    _record(job, report.failures, zone, ledger)
    done = {*report.changed, *report.unchanged, *(absence.document for absence in report.absent)}
    if match_id is None and not report.failures:
        done |= ledger.owed(provider.name, season_key)  # what the season does not list any more is not owed either
    ledger.settle(job, done - {failure.document for failure in report.failures})
    if unknown is not None:
        raise unknown
    return report


@dataclass
class SeasonLoad:
    """How the load of one provider's season went, without the matches that a better provider owns."""

    loaded: list[LoadedMatch] = field(default_factory=list)
    unchanged: int = 0
    waiting: list[str] = field(default_factory=list)
    """Listed matches whose documents were never fetched."""
    failures: list[SourceError] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    """Provider ids of stored matches that the season no longer lists: kept, and reported."""

    @property
    def rows(self) -> int:
        """Rows written."""
        return sum(1 + match.events + match.lineups + match.stats for match in self.loaded)

    def add(self, other: SeasonLoad) -> None:
        """Take in the outcome of another provider of the same season."""
        self.loaded += other.loaded
        self.unchanged += other.unchanged
        self.waiting += other.waiting
        self.failures += other.failures
        self.vanished += other.vanished


def load_season(
    provider: Provider,
    season_key: str,
    ids: dict[str, Any],
    zone: RawZone,
    engine: Engine,
    ledger: Ledger,
    *,
    match_id: str | None = None,
    run_id: str | None = None,
    on_progress: Callable[[str], None] = lambda _line: None,
) -> SeasonLoad:
    """Load the matches of a season from the raw zone, each in its own transaction.

    A match that cannot be used is quarantined and recorded as owed, and the others go on. While one match is
    written, the next is parsed; never more than two are in memory. A database that stays away raises.
    """
    job = Job(provider.name, MATCHES_JOB, season_key, run_id)
    outcome = SeasonLoad()
    with ledger.attempt(job) as attempt, ThreadPoolExecutor(1) as thread:
        plan = provider.plan(season_key, ids, zone, zone.manifest(provider.name, season_key))
        register_matches(engine, plan.fixtures, raw_job(provider.name))
        stored = stored_revisions(engine, season_key, provider.name)
        outcome.waiting = plan.waiting
        outcome.failures += plan.failures
        if not plan.failures and not plan.waiting:
            outcome.vanished = sorted(stored.keys() - {planned.provider_match_id for planned in plan.matches})
        chosen = [planned for planned in plan.matches if match_id in (None, planned.provider_match_id)]
        theirs = outranked(engine, season_key, provider.name)
        changed = [
            planned
            for planned in chosen
            if planned.provider_match_id not in theirs and stored.get(planned.provider_match_id) != planned.revision
        ]
        outcome.unchanged = sum(planned.provider_match_id not in theirs for planned in chosen) - len(changed)
        if changed:
            open_partition(engine, season_key)
        ahead = _Ahead(thread, changed)
        for count, (planned, built) in enumerate(ahead, start=1):
            try:
                loaded = _load(engine, provider.name, planned, built, ahead.parse_next)
            except SourceError as error:
                outcome.failures.append(error)
                told = str(error)
            else:
                if loaded is None:
                    outcome.unchanged += 1
                else:
                    outcome.loaded.append(loaded)
                told = "unchanged" if loaded is None else f"{loaded.events} events"
            on_progress(f"[{count}/{len(changed)}] {planned.label}: {told}")
        attempt.rows = outcome.rows
        _close(attempt, outcome.failures, f"{len(outcome.loaded)} matches loaded, {outcome.unchanged} unchanged")
    _record(job, outcome.failures, zone, ledger)
    done = {name for planned in chosen for name in planned.documents}
    if match_id is None and not (outcome.failures or outcome.waiting):
        done |= ledger.owed(provider.name, season_key)
    ledger.settle(job, done - {failure.document for failure in outcome.failures})
    return outcome


def _load(
    engine: Engine,
    provider: str,
    planned: PlannedMatch,
    built: Future[MatchAggregate],
    when_sent: Callable[[], None],
) -> LoadedMatch | None:
    """Write one match; what parsing trips over or the database refuses is the match's fault, and names it."""
    document = planned.documents[-1]
    try:
        aggregate = built.result()
    except UNREADABLE as error:
        reason = f"{planned.label}: {type(error).__name__}: {error}"
        raise SourceError(Verdict.MALFORMED, provider, document, reason) from error
    try:
        return load_match(engine, aggregate, planned.revision, document, when_sent=when_sent)
    except (IntegrityError, DataError) as error:
        reason = f"{planned.label}: the database refuses it: {error.orig}"
        raise SourceError(Verdict.MALFORMED, provider, document, reason) from error


class _Ahead:
    """The matches in order, each with its aggregate as a thread parses it.

    Two threads that both run Python only take turns, so the parsing of a match begins with `parse_next`, when the
    rows of the match before it are handed over and the server has work; at the latest when its own turn comes.
    """

    def __init__(self, thread: ThreadPoolExecutor, planned: Iterable[PlannedMatch]) -> None:
        self._thread = thread
        self._rest = iter(planned)
        self._next: tuple[PlannedMatch, Future[MatchAggregate]] | None = None

    def parse_next(self) -> None:
        """Begin with the match after the current one. Does nothing when that has begun or there is none."""
        if self._next is None and (planned := next(self._rest, None)):
            self._next = (planned, self._thread.submit(planned.build))

    def __iter__(self) -> Iterator[tuple[PlannedMatch, Future[MatchAggregate]]]:
        self.parse_next()
        while self._next is not None:
            current, self._next = self._next, None
            yield current
            self.parse_next()


def _close(attempt: Attempt, failures: list[SourceError], message: str) -> None:
    attempt.message = message
    if failures:
        attempt.verdict = failures[0].verdict
        attempt.message += f", {len(failures)} failed: {failures[0]}"


def _record(job: Job, failures: Iterable[SourceError], zone: RawZone, ledger: Ledger) -> None:
    for failure in failures:
        ledger.owe(job, failure, zone.put(failure.content) if failure.content is not None else None)
