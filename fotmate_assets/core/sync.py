"""Bringing a partition's raw documents up to date: fetch what changed, keep it, say what is missing."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec

from fotmate_assets.core.documents import DocumentSource
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.raw_zone import Manifest, RawZone

STOPS_THE_SOURCE = frozenset({Verdict.QUOTA, Verdict.AUTH, Verdict.BLOCKED})
SAVE_EVERY = 50


@dataclass(frozen=True)
class Wanted:
    """A document that should be in the raw zone."""

    name: str
    token: str | None = None
    """The provider's token of change; unchanged means the document is not even asked for."""
    absence: Verdict = Verdict.EMPTY_UNEXPECTED
    """What it means when the document is not there."""


@dataclass
class SyncReport:
    """How one sync went. Every wanted document is in exactly one of the lists."""

    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    absent: list[SourceError] = field(default_factory=list)
    """Documents that are not there, which the calendar finds in order."""
    failures: list[SourceError] = field(default_factory=list)

    @property
    def stopped(self) -> SourceError | None:
        """The refusal that ended the sync early, if one did."""
        return next((failure for failure in self.failures if failure.verdict in STOPS_THE_SOURCE), None)

    def add(self, other: SyncReport) -> None:
        """Take in the outcome of a further sync of the same partition."""
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.absent += other.absent
        self.failures += other.failures


def sync(
    source: DocumentSource, wanted: Iterable[Wanted], zone: RawZone, manifest: Manifest, *, workers: int = 4
) -> SyncReport:
    """Fetch every wanted document that changed into the raw zone; note it in `manifest` and save that.

    One document's failure does not stop the others, except a refusal (quota, auth, blocked), after
    which the source is not asked again: what was not asked for is reported as failed with its verdict.
    """
    report = SyncReport()
    lock = threading.Lock()
    unsaved = 0

    def one(want: Wanted) -> None:
        nonlocal unsaved
        current = manifest.current(want.name)
        if current is not None and want.token is not None and want.token == current.token:
            report.unchanged.append(want.name)
            return
        stopped = report.stopped
        try:
            if stopped is not None:
                raise SourceError(stopped.verdict, source.source, want.name, f"not asked for after: {stopped}")
            document = source.fetch(want.name, current.revision if current else None)
            if document is not None:
                zone.put(document.content)
        except SourceError as error:
            if error.verdict is Verdict.EMPTY_UNEXPECTED and want.absence is not Verdict.EMPTY_UNEXPECTED:
                error.verdict = want.absence
                report.absent.append(error)
            else:
                report.failures.append(error)
            return
        with lock:
            if document is None:
                assert current is not None  # noqa: S101 - only a known revision can be unchanged
                manifest.documents[want.name][-1] = msgspec.structs.replace(current, token=want.token)
                report.unchanged.append(want.name)
                return
            (report.changed if manifest.record(document, want.token) else report.unchanged).append(want.name)
            unsaved += 1
            if unsaved % SAVE_EVERY == 0:
                zone.save(manifest)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, wanted))
    if report.changed or unsaved:
        zone.save(manifest)
    return report
