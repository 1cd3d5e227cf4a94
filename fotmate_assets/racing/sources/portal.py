"""The public data portal (data.go.kr): whole answers to inquiries, or an error with the verdict that fits.

It has no mark for a last page, gives 10 rows where nothing is said and less than was asked for where it likes. So an
answer only counts when its rows are as many as `totalCount` says and none is repeated. Errors come with HTTP 200, 401,
403 or 429, and their bodies say what is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote, unquote, urlencode

import httpx
import msgspec

from fotmate_assets.core.http import HttpClient, redacted
from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.racing.model import KST, midnight_after
from fotmate_assets.racing.sources import envelope
from fotmate_assets.racing.sources.envelope import NoAnswerError, Page
from fotmate_assets.racing.sources.source import Inquiry, Listing

MAX_PAGES = 200
"""A service that would need more for one answer has cut its page, or ignores the page size that was asked for."""

REDACTED = b"REDACTED"
"""Stands in kept bytes where an answer repeats the service key: the one change that is ever made to them."""


@dataclass(frozen=True)
class Style:
    """How the services of one publisher are asked."""

    format: tuple[str, str]
    """Parameter and value that ask for JSON."""
    page_rows: int
    """Rows of a page (`numOfRows`); 10 where nothing is asked for."""
    larger_page_rows: Mapping[str, int] = field(default_factory=dict)
    """The same for services that answer with much more, by the first part of their path."""


KRA = Style(("_type", "json"), 1000, {"API160_1": 100_000, "API301": 100_000})
KSPO = Style(("resultType", "json"), 1000)
"""More than 1,000 rows are refused with code 336."""


class Quota(Protocol):
    """Counts the requests of a day to each service."""

    def take(self, service: str) -> None:
        """Count one request that is about to be sent. Raises SourceError (quota, `retry_after_s` until midnight in
        Korea) where the service is to be left alone.
        """
        ...

    def refused(self, service: str) -> None:
        """Note that the portal itself says that the day's requests are used up."""
        ...


def quota_service(inquiry: Inquiry) -> str:
    """The name under which the portal counts the requests of an inquiry: `API214_1`."""
    return inquiry.service.partition("/")[0]


def seconds_to_midnight(now: datetime) -> float:
    """Seconds from `now` (aware) to the end of the Korean day, when the portal counts from zero again."""
    return (midnight_after(now.astimezone(KST).date()) - now).total_seconds()


# What the codes mean ------------------------------------------------------------------------------------------------

_PER_DAY, _PER_SECOND, _BEYOND_LAST_PAGE = "22", "23", "334"

_VERDICTS = {
    **dict.fromkeys(("1", "2", "4", "5", "99", "500"), Verdict.TRANSPORT),
    **dict.fromkeys((_PER_DAY, _PER_SECOND), Verdict.QUOTA),
    **dict.fromkeys(("20", "30", "31", "32"), Verdict.AUTH),
    "29": Verdict.BLOCKED,
    **dict.fromkeys(("10", "11", "12", "301", "336", "340", "601"), Verdict.MALFORMED),
}
"""By code without leading zeros; one that is not listed may pass (transport)."""


class _IncoherentError(SourceError):
    """Pages that do not add up: only the whole answer, asked again, can."""

    def __init__(self, source: str, inquiry: Inquiry, reason: str, content: bytes) -> None:
        super().__init__(Verdict.TRANSPORT, source, inquiry.document, reason, content=content)


def _refusal(error: NoAnswerError, page: RawDocument, inquiry: Inquiry) -> SourceError:
    """What to raise for a page without an answer."""
    reason = f"{page.name}: {error}"
    if error.code == _BEYOND_LAST_PAGE:
        return _IncoherentError(page.source, inquiry, reason, page.content)
    verdict = _VERDICTS.get(error.code, Verdict.TRANSPORT)
    waits = {_PER_DAY: seconds_to_midnight(page.fetched_at), _PER_SECOND: 1.0}
    return SourceError(
        verdict,
        page.source,
        inquiry.document,
        reason,
        content=page.content if verdict in (Verdict.TRANSPORT, Verdict.MALFORMED) else None,
        retry_after_s=waits.get(error.code),
    )


# Pages that add up --------------------------------------------------------------------------------------------------


def read(inquiry: Inquiry, pages: Sequence[RawDocument]) -> Listing:
    """The answer that kept pages hold, in their order and at least one; nobody is asked. Pages after the last are of
    an earlier, longer answer and left out. Raises SourceError (transport) where they do not add up.
    """

    def kept(number: int, page_rows: int) -> tuple[RawDocument, Page]:
        if number > len(pages):
            reason = f"fewer rows than totalCount, and page {number} is missing"
            raise _IncoherentError(pages[-1].source, inquiry, reason, pages[-1].content)
        document = pages[number - 1]
        try:
            return document, envelope.decode(document.content)
        except NoAnswerError as error:
            raise _refusal(error, document, inquiry) from None

    return _listing(inquiry, kept, 0)


def _listing(inquiry: Inquiry, page_of: Callable[[int, int], tuple[RawDocument, Page]], page_rows: int) -> Listing:
    """All pages, from `page_of(number, page_rows)`; number 1-based.

    From the second page on, `page_rows` is what the first one held: a service that gives less than it was asked for
    counts its pages in what it gives.
    """
    documents: list[RawDocument] = []
    rows: list[msgspec.Raw] = []
    seen: set[object] = set()
    total = None
    while total is None or len(rows) < total:
        document, page = page_of(len(documents) + 1, page_rows)
        documents.append(document)
        rows += page.rows
        if total is None:
            total, page_rows = page.total, len(page.rows)
        seen.update(_keys(page.rows, inquiry.unique))
        if fault := _fault(page, total, len(rows), len(seen), page_rows):
            raise _IncoherentError(document.source, inquiry, f"{document.name}: {fault}", document.content)
    return Listing(inquiry, tuple(documents), tuple(rows))


def _fault(page: Page, total: int, rows: int, unique: int, page_rows: int) -> str:
    """What does not add up about `page`, given the counts up to it; empty where all does."""
    if page.total != total:
        return f"totalCount is {page.total} and was {total} on the first page"
    if unique < rows:
        return f"{rows - unique} of {rows} rows are repeated"
    if rows > total:
        return f"{rows} rows where totalCount is {total}"
    if rows < total and (not page.rows or len(page.rows) < page_rows):
        return f"ends after {len(page.rows)} rows, {rows} of {total} in all"
    if rows < total and total > MAX_PAGES * page_rows:
        return f"only {page_rows} rows of {total} on a page"
    return ""


def _keys(rows: Sequence[msgspec.Raw], unique: tuple[str, ...]) -> Iterator[object]:
    """What tells each row apart: its `unique` fields; all of it where it lacks one of them."""
    decoder = _key_decoder(unique)
    for row in rows:
        try:
            yield msgspec.structs.astuple(decoder.decode(row)) if unique else bytes(row)
        except msgspec.DecodeError:
            yield bytes(row)


_KEY = str | int | float | bool | None


@lru_cache
def _key_decoder(unique: tuple[str, ...]) -> msgspec.json.Decoder[msgspec.Struct]:
    """Decodes the fields `unique` of a row, and nothing else of it."""
    return msgspec.json.Decoder(msgspec.defstruct("Key", [(name, _KEY) for name in unique]))


# Asking -------------------------------------------------------------------------------------------------------------


class Portal:
    """The services of one publisher. Safe for threads.

    `root` is the URL that its services hang from. `service_key` is what the portal calls the *decoding* key; the
    encoding one (with `%2B` in it) is decoded first, and it is sent encoded once.
    """

    def __init__(
        self,
        client: HttpClient,
        root: str,
        style: Style,
        service_key: str | None,
        quota: Quota,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._root = root.rstrip("/")
        self._style = style
        self._key = _decoded((service_key or "").strip())
        self._key_as_told = _spellings(self._key)
        self._quota = quota
        self._now = now

    def listing(self, inquiry: Inquiry) -> Listing:
        """The whole answer: all pages, whose rows are as many as `totalCount` and none repeated.

        Each page is tried as often as the client does. Pages that do not add up are asked again from the first one,
        as often. Raises SourceError naming the inquiry's document: transport where that did not help (`content` is
        the page at fault), quota (`retry_after_s` until midnight in Korea, or 1 s), auth, blocked, and malformed
        where the portal says that the question is wrong. Without a service key it is auth, and nothing is asked.
        """
        if not self._key:
            reason = "no service key: set FOTMATE_PORTAL_SERVICE_KEY to the decoding key of data.go.kr"
            raise SourceError(Verdict.AUTH, self._client.source, inquiry.document, reason)
        page_rows = self._style.larger_page_rows.get(quota_service(inquiry), self._style.page_rows)

        def ask(number: int, page_rows: int) -> tuple[RawDocument, Page]:
            return self._ask(inquiry, number, page_rows)

        return self._client.retrying(_IncoherentError)(_listing, inquiry, ask, page_rows)

    def _ask(self, inquiry: Inquiry, number: int, page_rows: int) -> tuple[RawDocument, Page]:
        url = self._url(inquiry, number, page_rows)
        name = f"{inquiry.document}/{number}"
        answers: list[tuple[RawDocument, Page]] = []

        def before() -> None:
            try:
                self._quota.take(quota_service(inquiry))
            except SourceError as error:
                raise SourceError(
                    error.verdict, error.source, inquiry.document, error.reason, retry_after_s=error.retry_after_s
                ) from None

        def judge(response: httpx.Response) -> SourceError | None:
            content = self._key_as_told.sub(REDACTED, response.content)
            document = RawDocument(self._client.source, name, content, redacted(url), self._now())
            try:
                answers.append((document, envelope.decode(content)))
            except NoAnswerError as error:
                if error.code == _PER_DAY:
                    self._quota.refused(quota_service(inquiry))
                elif not error.code and response.status_code != httpx.codes.OK:
                    return None  # the status says more than such a body
                refusal = _refusal(error, document, inquiry)
                if isinstance(refusal, _IncoherentError):
                    raise refusal from None
                return refusal
            return None

        try:
            self._client.get(url, inquiry.document, judge=judge, before=before)
        except SourceError as error:
            error.content = error.content and self._key_as_told.sub(REDACTED, error.content)
            raise
        return answers[-1]

    def _url(self, inquiry: Inquiry, number: int, page_rows: int) -> str:
        params = {
            "serviceKey": self._key,
            "pageNo": str(number),
            "numOfRows": str(page_rows),
            **dict([self._style.format]),
            **dict(inquiry.params),
        }
        return f"{self._root}/{inquiry.service}?{urlencode(params, quote_via=quote)}"


def _decoded(key: str) -> str:
    """The decoding key, whichever of the two was given."""
    return unquote(key) if re.search("%[0-9A-Fa-f]{2}", key) else key


def _spellings(key: str) -> re.Pattern[bytes]:
    """Matches the key as text, in a URL (encoded once or more), in JSON and in XML."""
    return re.compile("".join(c if c.isalnum() else _spelled(c) for c in key).encode())


def _spelled(character: str) -> str:
    number = f"{ord(character):02x}"
    slash = "|\\\\/" if character == "/" else ""
    return f"(?i:{re.escape(character)}{slash}|%(?:25)*{number}|\\\\u00{number}|&#x{number};|&#{ord(character)};)"
