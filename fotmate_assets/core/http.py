"""HTTP for every source: one client with timeouts, retries, a rate limit and redaction.

Retried: connection trouble, answers cut short or crawling, 408, 429 and 5xx. Five tries, 1 s doubling, at
most 30 s, jittered. A Retry-After is waited for instead, and where it is longer than 30 s the call ends at once.
Everything else ends at once, too, in a SourceError with its verdict. A source whose answers mean something else
than their status says brings a judge of its own.
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import tenacity

from fotmate_assets.core.model import SourceError, Verdict

MAX_WAIT_S = 30.0
SLOWEST_BYTES_PER_S = 1024
"""A body that comes slower than this, averaged over more than the time limit, counts as timed out."""

_SECRET = re.compile(r"(?i)(key|token|secret|pass|passw(?:or)?d|pwd|auth|sig|signature)=[^&#\s]*")
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")

_VERDICTS = {
    204: Verdict.EMPTY_UNEXPECTED,
    401: Verdict.AUTH,
    403: Verdict.BLOCKED,
    404: Verdict.EMPTY_UNEXPECTED,
    408: Verdict.TRANSPORT,
    410: Verdict.EMPTY_UNEXPECTED,
    429: Verdict.QUOTA,
}


def redacted(url: str) -> str:
    """`url` without user, password and the values of query parameters that are secrets."""
    return _SECRET.sub(r"\1=REDACTED", _USERINFO.sub("", url))


def _redact_record(record: logging.LogRecord) -> bool:
    """httpx logs every URL at INFO."""
    record.msg, record.args = redacted(record.getMessage()), ()
    return True


logging.getLogger("httpx").addFilter(_redact_record)


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


class _PacedBody(httpx.SyncByteStream):
    """A body that raises ReadTimeout when it comes too slowly as a whole.

    httpx limits only the wait for the next bytes, so that a dripping server could hold a run for hours.
    """

    def __init__(self, body: httpx.SyncByteStream, timeout_s: float) -> None:
        self._body = body
        self._timeout_s = timeout_s

    def __iter__(self) -> Iterator[bytes]:
        started, received = time.monotonic(), 0
        for chunk in self._body:
            received += len(chunk)
            elapsed_s = time.monotonic() - started
            if elapsed_s > self._timeout_s and received < elapsed_s * SLOWEST_BYTES_PER_S:
                raise httpx.ReadTimeout(f"only {received} bytes in {elapsed_s:.1f} s")
            yield chunk

    def close(self) -> None:
        self._body.close()


class _RetryableError(Exception):
    def __init__(self, error: SourceError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass
class HttpClient:
    """A client of one source. Safe for threads; close it when done."""

    source: str
    timeout_s: float = 30.0
    """Longest wait for a connection or for the next bytes."""
    per_second: float = 10.0
    """Most requests per second to one host, retries included."""
    attempts: int = 5
    """Tries of one request."""
    first_wait_s: float = 1.0
    """Wait after the first try; it doubles from there."""
    limits: dict[str, RateLimit] = field(default_factory=dict, repr=False)
    """By host; clients that ask the same host share it."""

    def __post_init__(self) -> None:
        self._client = httpx.Client(
            timeout=self.timeout_s,
            follow_redirects=True,
            headers={"User-Agent": "fotmate-assets"},
            event_hooks={"response": [self._pace]},
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def _pace(self, response: httpx.Response) -> None:
        assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - the client is synchronous
        response.stream = _PacedBody(response.stream, self.timeout_s)

    def get(
        self,
        url: str,
        document: str,
        *,
        etag: str | None = None,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        judge: Callable[[httpx.Response], SourceError | None] | None = None,
        before: Callable[[], None] | None = None,
    ) -> httpx.Response | None:
        """GET `url`, whole. None when it is unchanged since `etag`.

        Raises SourceError naming `document`: transport after the last try, quota for a lasting 429 (each with
        `retry_after_s` where the server said so), auth for 401, blocked for 403, empty_unexpected for 204, 404
        and 410, malformed for anything else but 200 and for a URL that cannot be asked; `content` is the answer
        where that is malformed.

        `judge` sees every answer first, whatever its status, for a source that says in the body what is meant. The
        error it returns counts instead: transport and quota are tried again like the above, anything else ends the
        call, and so does what `judge` raises. For None the status decides. `before` is called before each try; what
        it raises ends the call, and no request goes out.
        """
        conditional = {**(headers or {}), **({"If-None-Match": etag} if etag else {})}

        def attempt() -> httpx.Response | None:
            if before:
                before()
            try:
                self.limits.setdefault(httpx.URL(url).host, RateLimit(self.per_second)).wait()
                response = self._client.get(url, headers=conditional, auth=auth)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                reason = f"{redacted(url)}: {redacted(str(error))}"
                raise SourceError(Verdict.MALFORMED, self.source, document, reason) from None
            except httpx.HTTPError as error:
                reason = f"{type(error).__name__}: {redacted(str(error)) or 'no answer'} from {redacted(url)}"
                raise _RetryableError(SourceError(Verdict.TRANSPORT, self.source, document, reason)) from None
            told = judge(response) if judge else None
            if told is None and response.status_code == httpx.codes.NOT_MODIFIED and etag:
                return None
            told = told or status_error(response, response.content, url, self.source, document)
            if told is None:
                return response
            raise _RetryableError(told) if _may_pass(told) else told

        try:
            return self.retrying(_RetryableError)(attempt)
        except _RetryableError as error:
            raise error.error from None

    def retrying(self, kind: type[Exception]) -> tenacity.Retrying:
        """Calls what it is given again, with the tries and waits of this client, while that raises `kind`; the last
        error is raised as it is. For what takes several requests and is only good as a whole.
        """
        # Not the decorator: its function refers to itself, and would keep the last answer until the next collection.
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(kind),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=self._wait,
            reraise=True,
        )

    def _wait(self, state: tenacity.RetryCallState) -> float:
        outcome = state.outcome and state.outcome.exception()
        asked = outcome.error.retry_after_s if isinstance(outcome, _RetryableError) else None
        if asked is not None:
            return asked
        wait = self.first_wait_s * 2.0 ** (state.attempt_number - 1)
        return min(MAX_WAIT_S, wait * random.uniform(0.9, 1.1))  # noqa: S311


def status_error(response: httpx.Response, content: bytes, url: str, source: str, document: str) -> SourceError | None:
    """What the status of an answer means: the error to raise, None for 200. `content`: its body."""
    status = response.status_code
    if status == httpx.codes.OK:
        return None
    verdict = Verdict.TRANSPORT if status >= 500 else _VERDICTS.get(status, Verdict.MALFORMED)
    return SourceError(
        verdict,
        source,
        document,
        f"HTTP {status} from {redacted(url)}",
        content=content if verdict is Verdict.MALFORMED else None,
        retry_after_s=_retry_after_s(response),
    )


def _may_pass(error: SourceError) -> bool:
    """True when asking again within the call may help."""
    return error.verdict in (Verdict.TRANSPORT, Verdict.QUOTA) and (error.retry_after_s or 0.0) <= MAX_WAIT_S


def _retry_after_s(response: httpx.Response) -> float | None:
    """`Retry-After` in seconds from now, given in seconds or as an HTTP date (RFC 9110 section 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
