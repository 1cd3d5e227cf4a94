"""The raw zone as racing uses it: pages of answers on shelves (a date, a month, a round), read back by inquiry."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Engine

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.postgres import in_transaction, lock_for_transaction
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.racing.model import Meeting
from fotmate_assets.racing.sources import portal
from fotmate_assets.racing.sources.source import Answer, Family, Inquiry, Listing, RaceSource


@dataclass(frozen=True)
class Kept:
    """What there is of a meeting."""

    listings: dict[str, Listing]
    """By slot."""
    lost: dict[Inquiry, SourceError]
    """What was kept and cannot be read any more, where nothing else takes its place."""


class Shelves:
    """Keeps and returns the answers of the portals. Safe for threads. It remembers what it has read: make one for each
    piece of work.
    """

    def __init__(self, zone: RawZone, engine: Engine) -> None:
        self.zone = zone
        self._engine = engine
        self._lock = threading.Lock()
        self._unsaved: dict[str, list[Listing]] = defaultdict(list)
        self._manifests: dict[tuple[str, str], Manifest] = {}
        self._answers: dict[str, Answer | None] = {}

    def put(self, listing: Listing) -> None:
        """Keep the bytes of an answer; `save` puts them on their shelf."""
        for page in listing.pages:
            self.zone.put(page.content)
        with self._lock:
            self._unsaved[listing.inquiry.shelf].append(listing)

    def save(self, source: str) -> None:
        """Put on their shelves what came since the last time. Two runs at once lose nothing of each other.

        An answer without rows does not take the place of one with rows: portals lose what they had published. Its
        bytes are in the raw zone all the same.
        """
        with self._lock:
            unsaved, self._unsaved = self._unsaved, defaultdict(list)
        for shelf, listings in unsaved.items():
            in_transaction(self._engine, partial(self._save, source, shelf, listings))

    def _save(self, source: str, shelf: str, listings: list[Listing], connection: Connection) -> None:
        lock_for_transaction(connection, f"shelf {source} {shelf}")
        manifest = self._manifests[source, shelf] = self.zone.manifest(source, shelf)
        for listing in listings:
            if len(listing) or not _has_rows(self.find(source, listing.inquiry)):
                for page in listing.pages:
                    manifest.record(page)
                self._answers[listing.inquiry.document] = listing
        self.zone.save(manifest)

    def complete(self, source: RaceSource, meeting: Meeting, fresh: Mapping[str, Listing], now: datetime) -> Kept:
        """The listings of a meeting: `fresh`, and where these bring no rows what is kept (the day's or the month's
        document, whichever is newer).
        """
        had = {slot: listing for slot, listing in fresh.items() if len(listing)}
        given = frozenset(had)
        lost: dict[Inquiry, SourceError] = {}

        def find(inquiry: Inquiry) -> Listing | None:
            kept = self.find(source.name, inquiry)
            if isinstance(kept, SourceError):
                lost[inquiry] = kept
                return None
            return kept

        for inquiry in source.month_inquiries(meeting, tuple(Family)):
            if inquiry.slot not in given and (kept := find(inquiry)) is not None:
                had[inquiry.slot] = kept
        looked_at: set[str] = set()
        while new := [
            inquiry
            for inquiry in source.inquiries(meeting, tuple(Family), had, now)
            if inquiry.slot not in given and inquiry.document not in looked_at
        ]:
            for inquiry in new:
                looked_at.add(inquiry.document)
                kept, other = find(inquiry), had.get(inquiry.slot)
                if kept is not None and (not _has_rows(other) or (_has_rows(kept) and _is_newer(kept, other))):
                    had[inquiry.slot] = kept
        return Kept(had, {inquiry: error for inquiry, error in lost.items() if not _has_rows(had.get(inquiry.slot))})

    def find(self, source: str, inquiry: Inquiry) -> Answer | None:
        """A kept answer; None where there is none, an error where its bytes are lost or do not add up any more, which
        asking again mends.
        """
        if inquiry.document not in self._answers:
            self._answers[inquiry.document] = self._read(source, inquiry)
        return self._answers[inquiry.document]

    def _read(self, source: str, inquiry: Inquiry) -> Answer | None:
        try:
            pages = tuple(self._pages(self._manifest(source, inquiry.shelf), inquiry.document))
            return portal.read(inquiry, pages) if pages else None
        except SourceError as error:
            return SourceError(Verdict.TRANSPORT, source, inquiry.document, f"kept in vain: {error.reason}")

    def _pages(self, manifest: Manifest, document: str) -> Iterator[RawDocument]:
        """The pages of the newest answer: those of an older, longer one were fetched before its first page."""
        first = manifest.current(f"{document}/1")
        for number in itertools.count(1):
            name = f"{document}/{number}"
            revision, page = manifest.current(name), None
            if first is not None and revision is not None and revision.fetched_at >= first.fetched_at:
                page = self.zone.document(manifest, name)
            if page is None:
                return
            yield page

    def _manifest(self, source: str, shelf: str) -> Manifest:
        if (source, shelf) not in self._manifests:
            self._manifests[source, shelf] = self.zone.manifest(source, shelf)
        return self._manifests[source, shelf]


def _has_rows(answer: Answer | None) -> bool:
    return isinstance(answer, Listing) and len(answer) > 0


def _is_newer(one: Listing, other: Listing | None) -> bool:
    return other is None or other.fetched_at < one.fetched_at
