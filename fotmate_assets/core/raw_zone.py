"""The raw zone: provider documents exactly as fetched, addressed by the hash of their bytes.

Layout below the store's URL:

    blobs/{first two of sha256}/{sha256}.zst          the bytes, zstd-compressed
    manifests/{source}/{partition}.json               what each document of a partition is made of

A manifest keeps every revision a document ever had, newest last, so that a silent re-collection by the
provider can be seen and any revision parsed again without asking the provider.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
import zstandard

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.object_store import ObjectMissingError, ObjectStore


class RawCorruptedError(Exception):
    """An object of the raw zone is not what was written; the message names its URL."""


class Revision(msgspec.Struct, frozen=True):
    """One revision of a document."""

    sha256: str
    size_bytes: int
    url: str
    fetched_at: datetime
    revision: str | None = None
    """The transport's token of change: an ETag, or size and mtime of a file."""
    token: str | None = None
    """The provider's own token of change, such as StatsBomb's `last_updated`."""


class Manifest(msgspec.Struct):
    """The documents of one partition of one source: name to revisions, newest last."""

    source: str
    partition_key: str
    documents: dict[str, list[Revision]] = {}

    def current(self, name: str) -> Revision | None:
        """The newest revision of a document, or None."""
        revisions = self.documents.get(name)
        return revisions[-1] if revisions else None

    def distrust(self, names: Iterable[str]) -> None:
        """Forget the tokens of these documents, so that they are fetched again whatever their source says."""
        for name in names:
            current = self.current(name)
            if current is not None:
                self.documents[name][-1] = msgspec.structs.replace(current, revision=None, token=None)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names of the documents that start with `prefix`, sorted."""
        return (name for name in sorted(self.documents) if name.startswith(prefix))

    def record(self, document: RawDocument, token: str | None = None) -> bool:
        """Note a fetched document; True when its bytes differ from the newest revision."""
        current = self.current(document.name)
        new = Revision(
            document.sha256, len(document.content), document.url, document.fetched_at, document.revision, token
        )
        revisions = self.documents.setdefault(document.name, [])
        if current is not None and current.sha256 == document.sha256:
            revisions[-1] = new
            return False
        revisions.append(new)
        return True


class RawZone:
    """Stores and returns raw documents."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def put(self, content: bytes) -> str:
        """Store bytes; return their sha256, which is their address.

        What is there already is not written again, unless it is damaged: then it is replaced.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            self.get(sha256)
        except (ObjectMissingError, RawCorruptedError):
            whole = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(content)
            self.store.put(_blob(sha256), whole)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes filed under `sha256`.

        Raises ObjectMissingError where there are none, RawCorruptedError where they have changed.
        """
        key = _blob(sha256)
        try:
            content = zstandard.ZstdDecompressor().decompress(self.store.get(key))
        except zstandard.ZstdError as error:
            raise RawCorruptedError(f"{self.store.url_of(key)}: {error}") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise RawCorruptedError(f"{self.store.url_of(key)} does not hold what its name says")
        return content

    def document(self, manifest: Manifest, name: str) -> RawDocument | None:
        """The newest revision of a document, re-read without asking the provider; None if never fetched.

        Raises SourceError (malformed) naming it where its bytes are gone or damaged.
        """
        revision = manifest.current(name)
        if revision is None:
            return None
        try:
            content = self.get(revision.sha256)
        except (ObjectMissingError, RawCorruptedError) as error:
            reason = f"the raw zone lost it: {type(error).__name__}: {error}"
            raise SourceError(Verdict.MALFORMED, manifest.source, name, reason) from error
        return RawDocument(manifest.source, name, content, revision.url, revision.fetched_at, revision.revision)

    def manifest(self, source: str, partition_key: str) -> Manifest:
        """The manifest of a partition; empty where nothing was ever fetched. Raises RawCorruptedError."""
        key = _manifest(source, partition_key)
        try:
            return msgspec.json.decode(self.store.get(key), type=Manifest)
        except ObjectMissingError:
            return Manifest(source, partition_key)
        except msgspec.DecodeError as error:
            raise RawCorruptedError(f"{self.store.url_of(key)}: {error}") from None

    def save(self, manifest: Manifest) -> None:
        """Write a manifest, atomically."""
        self.store.put(_manifest(manifest.source, manifest.partition_key), msgspec.json.encode(manifest))


def _blob(sha256: str) -> str:
    return f"blobs/{sha256[:2]}/{sha256}.zst"


def _manifest(source: str, partition_key: str) -> str:
    return f"manifests/{source}/{partition_key or 'all'}.json"
