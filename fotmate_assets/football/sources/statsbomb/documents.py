"""Fetching StatsBomb documents: from a folder, or through statsbombpy (open data, a mirror, the licensed API).

statsbombpy knows StatsBomb's addresses, API versions and credentials, and is used for that. What it
does beside is contained here: importing it would install a request cache on the whole process (declined),
its HTTP calls have neither timeout nor retry (they go through our client), and its results
drop duplicate events and lineup ids (the bytes are kept as they came, and parsed by us).
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from fotmate_assets.core.documents import DocumentSource, FolderSource
from fotmate_assets.core.http import HttpClient, redacted
from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.football.sources.statsbomb.schema import SOURCE

if TYPE_CHECKING:
    from types import ModuleType

OPEN_DATA = "open-data"
OPEN_DATA_ROOT = "https://raw.githubusercontent.com/statsbomb/open-data/master/data"
API_ROOT = "https://data.statsbombservices.com"
VERSIONS_PATH = "/api/endpoint-versions"
"""What statsbombpy asks the licensed API first: which version of each endpoint to use."""


def statsbomb_documents(
    source: str, client: HttpClient, credentials: Mapping[str, str] | None = None
) -> DocumentSource:
    """The documents of `source`: `open-data`, the http(s) URL of a mirror, or a folder.

    `credentials` (`user`, `passwd`) select the licensed API instead of open data.
    """
    if source == OPEN_DATA:
        return Statsbombpy(client, credentials=dict(credentials or {}))
    if urlsplit(source).scheme in ("http", "https"):
        return Statsbombpy(client, source.rstrip("/"))
    return FolderSource(SOURCE, Path(source).expanduser().resolve())


@dataclass
class _Call:
    """One statsbombpy call on its way: how to fetch, and the bytes that came."""

    get: Callable[..., bytes]
    content: bytes | None = None


_call: ContextVar[_Call] = ContextVar("_call")


class _Response:
    """What statsbombpy asks of a `requests` response."""

    status_code = 200

    def __init__(self, content: bytes) -> None:
        self._content = content

    def raise_for_status(self) -> None:
        """Failures were raised where they were seen."""

    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self._content)


class _Requests:
    """Stands in for the `requests` module inside statsbombpy."""

    class auth:
        """`requests.auth`."""

        @staticmethod
        def HTTPBasicAuth(user: str, password: str) -> tuple[str, str]:
            """Credentials as httpx takes them."""
            return user, password

    @staticmethod
    def get(url: str, auth: tuple[str, str] | None = None, headers: Mapping[str, str] | None = None) -> _Response:
        """Fetch through the calling source's client."""
        call = _call.get()
        content = call.get(url, auth, headers)
        if not url.endswith(VERSIONS_PATH):
            call.content = content
        return _Response(content)


_import_lock = threading.Lock()


def _decline_cache(cache_name: str, **_options: object) -> None:
    """Stands in for `requests_cache.install_cache`: removes the folder that was made for the cache."""
    Path(cache_name).rmdir()


def _contained_statsbombpy() -> ModuleType:
    """`statsbombpy.sb`, its HTTP replaced by ours and no request cache installed on the process."""
    with _import_lock:
        import requests_cache

        install = requests_cache.install_cache
        requests_cache.install_cache = _decline_cache  # type: ignore[assignment]
        try:
            from statsbombpy import api_client, public, sb
        finally:
            requests_cache.install_cache = install
        warnings.filterwarnings("ignore", category=api_client.NoAuthWarning)
        public.req = api_client.req = _Requests
    return sb  # type: ignore[no-any-return]


@dataclass
class Statsbombpy:
    """StatsBomb through statsbombpy. A document's revision is its ETag, where the server gives one."""

    client: HttpClient
    root: str = OPEN_DATA_ROOT
    credentials: dict[str, str] = field(default_factory=dict, repr=False)
    api_root: str = API_ROOT
    source: str = SOURCE

    def fetch(self, name: str, known: str | None = None) -> RawDocument | None:
        """See DocumentSource."""
        sb = _contained_statsbombpy()
        etag: str | None = None
        address = ""

        def get(url: str, auth: tuple[str, str] | None, headers: Mapping[str, str] | None) -> bytes:
            nonlocal etag, address
            address = url.replace(OPEN_DATA_ROOT, self.root).replace(API_ROOT, self.api_root)
            if url.endswith(VERSIONS_PATH):
                return self._endpoint_versions(name, address, auth, headers)
            response = self.client.get(address, name, etag=known, auth=auth, headers=headers)
            if response is None:
                raise _UnchangedError
            etag = response.headers.get("ETag")
            return response.content

        call = _Call(get)
        token = _call.set(call)
        try:
            _entity(sb, name, self.credentials)
        except _UnchangedError:
            return None
        except SourceError:
            raise
        except Exception as error:
            # statsbombpy's own reshaping failed; the bytes are here, and our parser names the field.
            if call.content is None:
                reason = f"statsbombpy: {type(error).__name__}: {error}"
                raise SourceError(Verdict.MALFORMED, SOURCE, name, reason) from error
        finally:
            _call.reset(token)
        if call.content is None:
            raise SourceError(Verdict.MALFORMED, SOURCE, name, "statsbombpy asked for nothing")
        return RawDocument(SOURCE, name, call.content, redacted(address), datetime.now(UTC), etag)

    def _endpoint_versions(
        self, name: str, address: str, auth: tuple[str, str] | None, headers: Mapping[str, str] | None
    ) -> bytes:
        """The API's list of versions; nothing, upon which statsbombpy uses its own, where the API has none.

        `name` is the document that it is wanted for.
        """
        try:
            response = self.client.get(address, name, auth=auth, headers=headers)
        except SourceError as error:
            if error.verdict is not Verdict.EMPTY_UNEXPECTED:
                raise
            return b"{}"
        return response.content if response else b"{}"


class _UnchangedError(Exception):
    """The server answered 304."""


def _entity(sb: ModuleType, name: str, credentials: dict[str, str]) -> None:
    """Ask statsbombpy for the document `name` of the open-data layout."""
    options: dict[str, Any] = {"fmt": "dict", "creds": credentials}
    match name.removesuffix(".json").split("/"):
        case ["competitions"]:
            sb.competitions(**options)
        case ["matches", competition, season]:
            sb.matches(int(competition), int(season), **options)
        case ["events", match_id]:
            sb.events(int(match_id), **options)
        case ["lineups", match_id]:
            sb.lineups(int(match_id), **options)
        case ["three-sixty", match_id]:
            sb.frames(int(match_id), **options)
        case _:
            raise ValueError(f"{name!r} is not a document of the open-data layout")
