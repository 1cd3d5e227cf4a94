"""HTTP for every source: one client with timeouts, retries, a rate limit and redaction.

Retried: connection trouble, answers cut short, 408, 429 and 5xx. Five tries, 1 s doubling, at most 30 s,
jittered; a Retry-After is honoured. Everything else ends at once in a SourceError with its verdict.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
import tenacity

from fotmate_assets.core.model import SourceError, Verdict

MAX_WAIT_S = 30.0

_SECRET = re.compile(r"(?i)((?:service|api|access)?_?-?key|token|secret|passw(?:or)?d|passwd|signature)=[^&#\s]*")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


def redacted(url: str) -> str:
    """`url` without user, password and the values of query parameters that are secrets."""
    return _SECRET.sub(r"\1=REDACTED", _USERINFO.sub("", url))


class RateLimit:
    """At most `per_second` requests per second, evenly spaced, over all threads."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1.0 / per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Sleep until the next request may go out."""
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + self._interval
        time.sleep(max(0.0, at - now))


class _RetryableError(Exception):
    def __init__(self, error: SourceError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass
class HttpClient:
    """A client of one source. Safe for threads; close it when done."""

    source: str
    timeout_s: float = 30.0
    per_second: float = 10.0
    attempts: int = 5
    first_wait_s: float = 1.0
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._client = httpx.Client(
            timeout=self.timeout_s,
            follow_redirects=True,
            headers={"User-Agent": "fotmate-assets", **self.headers},
        )
        self._limits: dict[str, RateLimit] = {}

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def get(
        self,
        url: str,
        document: str,
        *,
        etag: str | None = None,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response | None:
        """GET `url`, whole. None when it is unchanged since `etag`.

        Raises SourceError naming `document`: transport after the last try, quota for a lasting 429,
        auth for 401, blocked for 403, empty_unexpected for 404 and 410, malformed for other 4xx.
        """
        conditional = {**(headers or {}), **({"If-None-Match": etag} if etag else {})}

        @tenacity.retry(
            retry=tenacity.retry_if_exception_type(_RetryableError),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=self._wait,
            reraise=True,
        )
        def attempt() -> httpx.Response | None:
            self._limits.setdefault(urlsplit(url).netloc, RateLimit(self.per_second)).wait()
            try:
                response = self._client.get(url, headers=conditional, auth=auth)
            except httpx.HTTPError as error:
                reason = f"{type(error).__name__}: {redacted(str(error)) or 'no answer'} from {redacted(url)}"
                raise _RetryableError(SourceError(Verdict.TRANSPORT, self.source, document, reason)) from None
            return self._judged(response, url, document)

        try:
            return attempt()
        except _RetryableError as error:
            raise error.error from None

    def _judged(self, response: httpx.Response, url: str, document: str) -> httpx.Response | None:
        status = response.status_code
        if status == httpx.codes.NOT_MODIFIED:
            return None
        if status == httpx.codes.OK:
            return response
        retry_after_s = _retry_after_s(response)
        verdict = {
            401: Verdict.AUTH,
            403: Verdict.BLOCKED,
            404: Verdict.EMPTY_UNEXPECTED,
            410: Verdict.EMPTY_UNEXPECTED,
        }
        error = SourceError(
            Verdict.QUOTA
            if status == 429
            else Verdict.TRANSPORT
            if status >= 500
            else verdict.get(status, Verdict.MALFORMED),
            self.source,
            document,
            f"HTTP {status} from {redacted(url)}",
            content=response.content,
            retry_after_s=retry_after_s,
        )
        if status in (408, 429) or status >= 500:
            if retry_after_s is not None and retry_after_s > MAX_WAIT_S:
                raise error
            raise _RetryableError(error)
        raise error

    def _wait(self, state: tenacity.RetryCallState) -> float:
        outcome = state.outcome and state.outcome.exception()
        asked = outcome.error.retry_after_s if isinstance(outcome, _RetryableError) else None
        if asked is not None:
            return asked
        wait = min(MAX_WAIT_S, self.first_wait_s * 2.0 ** (state.attempt_number - 1))
        return wait * random.uniform(0.9, 1.1)  # noqa: S311


def _retry_after_s(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None
