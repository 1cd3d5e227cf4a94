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
"""Documents after which the manifest is saved, so that a killed sync does not start over."""


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
    Anything but a SourceError, such as a bucket that is away, ends the sync and is raised; what was fetched
    until then is noted.
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
        try:
            _refuse_after(report.stopped, source.source, want.name)
            document = source.fetch(want.name, current.revision if current else None)
            if document is not None:
                zone.put(document.content)
        except SourceError as error:
            if error.verdict is Verdict.EMPTY_UNEXPECTED and want.absence is not Verdict.EMPTY_UNEXPECTED:
                report.absent.append(SourceError(want.absence, error.source, error.document, error.reason))
            else:
                report.failures.append(error)
            return
        with lock:
            if document is None:
                report.unchanged.append(want.name)
                assert current is not None  # noqa: S101 - only a known revision can be unchanged
                if current.token == want.token:
                    return
                manifest.documents[want.name][-1] = msgspec.structs.replace(current, token=want.token)
            else:
                (report.changed if manifest.record(document, want.token) else report.unchanged).append(want.name)
            unsaved += 1
            if unsaved % SAVE_EVERY == 0:
                zone.save(manifest)

    try:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, wanted))
    finally:
        if unsaved % SAVE_EVERY:
            zone.save(manifest)
    return report


def _refuse_after(stopped: SourceError | None, source: str, document: str) -> None:
    if stopped is not None:
        reason = f"not asked for after: {stopped}"
        raise SourceError(stopped.verdict, source, document, reason, retry_after_s=stopped.retry_after_s)
