"""The raw zone as racing uses it: pages of answers on shelves (a date, a month, a round), read back by inquiry."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Engine

from fotmate_assets.core.model import RawDocument, SourceError
from fotmate_assets.core.postgres import in_transaction, lock_for_transaction
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.racing.model import Meeting
from fotmate_assets.racing.sources import portal
from fotmate_assets.racing.sources.source import Family, Inquiry, Listing, RaceSource


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
        self._listings: dict[str, Listing | None] = {}

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
                self._listings[listing.inquiry.document] = listing
        self.zone.save(manifest)

    def complete(
        self, source: RaceSource, meeting: Meeting, fresh: Mapping[str, Listing], now: datetime
    ) -> dict[str, Listing]:
        """The listings of a meeting by slot: `fresh`, and where these bring no rows what is kept (the day's or the
        month's document, whichever is newer).
        """
        had = {slot: listing for slot, listing in fresh.items() if len(listing)}
        given = frozenset(had)
        for inquiry in source.month_inquiries(meeting, tuple(Family)):
            if inquiry.slot not in given and (kept := self.find(source.name, inquiry)) is not None:
                had[inquiry.slot] = kept
        looked_at: set[str] = set()
        while new := [
            inquiry
            for inquiry in source.inquiries(meeting, tuple(Family), had, now)
            if inquiry.slot not in given and inquiry.document not in looked_at
        ]:
            for inquiry in new:
                looked_at.add(inquiry.document)
                kept, other = self.find(source.name, inquiry), had.get(inquiry.slot)
                if kept is not None and (not _has_rows(other) or (_has_rows(kept) and _is_newer(kept, other))):
                    had[inquiry.slot] = kept
        return had

    def find(self, source: str, inquiry: Inquiry) -> Listing | None:
        """A kept answer; None where there is none, or its pages do not add up any more."""
        if inquiry.document not in self._listings:
            self._listings[inquiry.document] = self._read_anew(source, inquiry)
        return self._listings[inquiry.document]

    def _read_anew(self, source: str, inquiry: Inquiry) -> Listing | None:
        manifest = self._manifest(source, inquiry.shelf)
        pages = tuple(self._pages(manifest, inquiry.document))
        if not pages:
            return None
        try:
            return portal.read(inquiry, pages)
        except SourceError:
            return None

    def _pages(self, manifest: Manifest, document: str) -> Iterator[RawDocument]:
        """The pages of the newest answer: those of an older, longer one were fetched before its first page."""
        first = self.zone.document(manifest, f"{document}/1")
        page, number = first, 1
        while first and page and page.fetched_at >= first.fetched_at:
            yield page
            number += 1
            page = self.zone.document(manifest, f"{document}/{number}")

    def _manifest(self, source: str, shelf: str) -> Manifest:
        if (source, shelf) not in self._manifests:
            self._manifests[source, shelf] = self.zone.manifest(source, shelf)
        return self._manifests[source, shelf]


def _has_rows(listing: Listing | None) -> bool:
    return listing is not None and len(listing) > 0


def _is_newer(one: Listing, other: Listing | None) -> bool:
    return other is None or other.fetched_at < one.fetched_at
