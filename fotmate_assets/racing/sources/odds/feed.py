"""An operator's licensed feed of live odds: JSON over HTTP, one document per race."""

from __future__ import annotations

import asyncio
from datetime import datetime

import httpx

from fotmate_assets.core.http import redacted, status_error
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot
from fotmate_assets.racing.sources.odds import documents
from fotmate_assets.racing.sources.odds.mapping import FeedMapping, check_template, filled

MAX_REDIRECTS = 5


class HttpFeed:
    """See OddsSource.

    `url` is a template with `{race_id}`, `{race_date}`, `{sport}`, `{track_id}` and `{race_no}`, which may have a
    format (`{race_date:%Y%m%d}`). `key` is sent as it is in the header `key_header` (`Bearer ...` in Authorization),
    to the host of the URL only, and is nowhere else: not in errors, nor in the bytes that are kept. `mapping` None:
    the feed speaks our own format (see `documents`). `is_simulated` is what the feed is said to be: a document that
    says that it is simulated is refused where the feed is not said to be. `timeout_s`: for a whole answer;
    `max_bytes`: of a body, unpacked. Raises ValueError for a URL that cannot be asked and a key that cannot be sent.

    Serves one event loop at a time; after `close` it can be used again.
    """

    is_live = True

    def __init__(
        self,
        name: str,
        url: str,
        *,
        key: str | None = None,
        key_header: str = "Authorization",
        mapping: FeedMapping | None = None,
        is_simulated: bool = False,
        timeout_s: float = 5.0,
        max_bytes: int = 4 << 20,
    ) -> None:
        check_template(url)
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{redacted(url)!r} is no URL of a feed: it must begin with http:// or https://")
        key = (key or "").strip()
        if not (key.isascii() and key.isprintable()):
            raise ValueError("the key of the feed has characters that no header can have")
        self.name = name
        self.is_simulated = is_simulated
        self._url = url
        self._headers = {"Accept": "application/json", **({key_header: key} if key else {})}
        self._secret = key.split(" ")[-1].encode()
        self._parse = mapping.parse if mapping else documents.parse
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._opened: tuple[asyncio.AbstractEventLoop, httpx.AsyncClient] | None = None

    async def snapshot(self, race: OddsRace, at: datetime) -> OddsSnapshot:
        """See OddsSource. The feed has no past: it is asked for what it tells now.

        Raises SourceError: transport for no whole answer in time, a 408 and a 5xx; quota for a 429 (each with
        `retry_after_s` where the feed said so); auth for 401, blocked for 403, empty_unexpected for 204, 404, 410 and
        a document without odds; malformed for any other status, a body that is too large, a redirect to
        another host, and a document that cannot be used, whose bytes are the error's `content`.
        """
        url = filled(self._url, race)
        try:
            async with asyncio.timeout(self._timeout_s):
                content = await self._get(url, race.race_id)
        except TimeoutError:
            reason = f"no whole answer within {self._timeout_s:g} s from {redacted(url)}"
            raise SourceError(Verdict.TRANSPORT, self.name, race.race_id, reason) from None
        except httpx.HTTPError as error:
            reason = f"{type(error).__name__}: {redacted(str(error)) or 'no answer'} from {redacted(url)}"
            raise SourceError(Verdict.TRANSPORT, self.name, race.race_id, reason) from None
        except httpx.InvalidURL as error:
            reason = f"{redacted(url)}: {redacted(str(error))}"
            raise SourceError(Verdict.MALFORMED, self.name, race.race_id, reason) from None
        return self._parse(content, race, self.name, race.race_id, is_simulated=self.is_simulated)

    async def close(self) -> None:
        """Close every connection."""
        opened, self._opened = self._opened, None
        if opened:
            await opened[1].aclose()

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._opened is None or self._opened[0] is not loop:
            self._opened = loop, httpx.AsyncClient(timeout=self._timeout_s, headers={"User-Agent": "fotmate-assets"})
        return self._opened[1]

    async def _get(self, url: str, document: str) -> bytes:
        """The body of the answer. Redirects are followed by hand: no other host may get the key."""
        client = self._client()
        request = client.build_request("GET", url, headers=self._headers)
        for _ in range(MAX_REDIRECTS + 1):
            response = await client.send(request, stream=True)
            try:
                following = response.next_request
                if following is None:
                    content = await self._body(response, document)
                    error = status_error(response, content, url, self.name, document)
                    if error is not None:
                        raise error
                    return content
            finally:
                await response.aclose()
            if not _stays(request.url, following.url):
                raise self._refused(document, f"{redacted(url)} redirects to another host, {following.url.host}")
            request = following
        raise self._refused(document, f"more than {MAX_REDIRECTS} redirects from {redacted(url)}")

    async def _body(self, response: httpx.Response, document: str) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._max_bytes:
                raise self._refused(document, f"the answer has more than {self._max_bytes} bytes")
        return bytes(body).replace(self._secret, b"REDACTED") if self._secret else bytes(body)

    def _refused(self, document: str, reason: str) -> SourceError:
        return SourceError(Verdict.MALFORMED, self.name, document, reason)


def _stays(asked: httpx.URL, told: httpx.URL) -> bool:
    """True where a redirect stays with the host, or goes to its encrypted side."""
    same = (asked.scheme, asked.host, asked.port) == (told.scheme, told.host, told.port)
    return same or ((asked.scheme, told.scheme) == ("http", "https") and (asked.host, told.port) == (told.host, None))
