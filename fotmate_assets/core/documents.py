"""Where documents come from: a folder or an HTTP server, behind one small interface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from fotmate_assets.core.http import HttpClient, redacted
from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.object_store import checked_key


class DocumentSource(Protocol):
    """Documents by name, as one provider publishes them."""

    @property
    def source(self) -> str:
        """Name of the provider."""

    def fetch(self, name: str, known: str | None = None) -> RawDocument | None:
        """The document, or None when it is still at revision `known`.

        Raises SourceError; a document that is not there is `empty_unexpected`.
        """


@dataclass(frozen=True)
class FolderSource:
    """A folder of files. A file's revision is its size and modification time."""

    source: str
    root: Path

    def fetch(self, name: str, known: str | None = None) -> RawDocument | None:
        """See DocumentSource."""
        path = self._there() / checked_key(name)
        try:
            stat = path.stat()
            revision = f"{stat.st_size}-{stat.st_mtime_ns}"
            if revision == known:
                return None
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise SourceError(Verdict.EMPTY_UNEXPECTED, self.source, name, f"no such file: {path}") from None
        except OSError as error:
            raise SourceError(Verdict.TRANSPORT, self.source, name, f"{path}: {error}") from None
        return RawDocument(self.source, name, content, path.absolute().as_uri(), datetime.now(UTC), revision)

    def names(self, pattern: str) -> Iterator[str]:
        """Names of the files that match the glob `pattern`, sorted. Raises SourceError where the folder is away."""
        return (path.relative_to(self.root).as_posix() for path in sorted(self._there().glob(pattern)))

    def _there(self) -> Path:
        if not self.root.is_dir():
            variable = f"FOTMATE_{self.source.upper()}_SOURCE"
            raise SourceError(Verdict.TRANSPORT, self.source, str(self.root), f"{variable} is no folder")
        return self.root


@dataclass(frozen=True)
class HttpSource:
    """Files below a base URL. A document's revision is its ETag."""

    source: str
    base_url: str
    client: HttpClient

    def fetch(self, name: str, known: str | None = None) -> RawDocument | None:
        """See DocumentSource."""
        url = f"{self.base_url.rstrip('/')}/{quote(checked_key(name))}"
        response = self.client.get(url, name, etag=known)
        if response is None:
            return None
        return RawDocument(
            self.source, name, response.content, redacted(url), datetime.now(UTC), response.headers.get("ETag")
        )
