"""The vocabulary every wing shares: verdicts, source errors, raw documents and findings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property


class Verdict(StrEnum):
    """How one fetch or parse of one document ended. Every attempt ends in exactly one."""

    OK = "ok"
    EMPTY_EXPECTED = "empty_expected"
    """Nothing there, and the calendar agrees."""
    NOT_YET = "not_yet"
    """Announced by the source, not published so far."""
    EMPTY_UNEXPECTED = "empty_unexpected"
    """Nothing there although the calendar says there should be."""
    QUOTA = "quota"
    AUTH = "auth"
    BLOCKED = "blocked"
    """The source refuses robots: a challenge page, a robots.txt rule, a ban."""
    MALFORMED = "malformed"
    TRANSPORT = "transport"

    @property
    def is_failure(self) -> bool:
        """True when something is owed after this verdict."""
        return self not in (Verdict.OK, Verdict.EMPTY_EXPECTED, Verdict.NOT_YET)

    @property
    def is_permanent(self) -> bool:
        """True when asking again unchanged cannot help."""
        return self in (Verdict.AUTH, Verdict.BLOCKED, Verdict.MALFORMED)


class SourceError(Exception):
    """A source document that could not be had or could not be used.

    `document` names it inside its source (`events/3749052.json`), `field` the offending field
    (`events[17].type.name`), `content` the bytes as fetched, to be quarantined.
    """

    def __init__(
        self,
        verdict: Verdict,
        source: str,
        document: str,
        reason: str,
        *,
        field: str | None = None,
        content: bytes | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.verdict = verdict
        self.source = source
        self.document = document
        self.reason = reason
        self.field = field
        self.content = content
        self.retry_after_s = retry_after_s
        where = f"{source} {document}" + (f" field {field}" if field else "")
        super().__init__(f"{where}: {reason} [{verdict}]")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with what is stored."""

    subject: str
    """What it is about: a match, a race, a document."""
    field: str
    message: str
    """What is wrong, for a reader."""


@dataclass(frozen=True)
class RawDocument:
    """One provider document exactly as fetched."""

    source: str
    name: str
    content: bytes = field(repr=False)
    url: str
    """Where it came from, secrets redacted."""
    fetched_at: datetime
    revision: str | None = None
    """The source's own token of change: an ETag, `last_updated`, or size and mtime of a file."""

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the content: its address in the raw zone."""
        return hashlib.sha256(self.content).hexdigest()

    def malformed(self, reason: str, field: str | None = None) -> SourceError:
        """The error to raise when the document cannot be used, with its bytes for the quarantine."""
        return SourceError(Verdict.MALFORMED, self.source, self.name, reason, field=field, content=self.content)
