"""One page of the public data portal's answers, decoded.

`{"response": {"header": {"resultCode", "resultMsg"}, "body": {"items", "numOfRows", "pageNo", "totalCount"}}}`, where
`items` is empty in several ways, holds one object or a list, with or without `item` around it. Errors come as a code
in that header, or from the gateway in front of the services: as `OpenAPI_ServiceResponse` in XML or JSON, or as a line
of text, whatever was asked for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

_NO_DATA = frozenset({"3", "NODATA", "NODATA_ERROR"})

_LINES = {
    b"Unauthorized": "30",
    b"Forbidden": "20",
    b"API not found": "12",
    b"API rate limit exceeded": "23",
    b"API token quota exceeded": "22",
}
"""The gateway's errors as plain text, and the codes that say the same."""

_XML_FIELD = re.compile(rb"<(returnReasonCode|returnAuthMsg|errMsg|resultCode|resultMsg)>\s*([^<]*?)\s*<")


class NoAnswerError(Exception):
    """Something else than an answer: the portal's code for why (without leading zeros), or no whole envelope at all
    (no code).
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


class Page(NamedTuple):
    """The rows of one page."""

    rows: list[msgspec.Raw]
    """One JSON value each."""
    total: int
    """`totalCount`: rows on all pages together."""


class _Header(msgspec.Struct, rename="camel"):
    result_code: str | int
    result_msg: str | None = None


class _Response(msgspec.Struct):
    header: _Header
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Body(msgspec.Struct, rename="camel"):
    total_count: str | int
    items: msgspec.Raw = msgspec.Raw(b"null")


class _GatewayHeader(msgspec.Struct, rename="camel"):
    return_reason_code: str | int
    return_auth_msg: str | None = None
    err_msg: str | None = None


class _Gateway(msgspec.Struct, rename="camel"):
    cmm_msg_header: _GatewayHeader


class _Envelope(msgspec.Struct):
    response: _Response | None = None
    gateway: _Gateway | None = msgspec.field(default=None, name="OpenAPI_ServiceResponse")


_ENVELOPES = msgspec.json.Decoder(_Envelope)
_BODIES = msgspec.json.Decoder(_Body)
_LISTS = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode(content: bytes) -> Page:
    """The rows in `content`; raises NoAnswerError where it is no answer."""
    text = content.strip()
    for line, code in _LINES.items():
        if text.startswith(line):
            return _nothing(code, line.decode())
    try:
        return _xml_page(text) if text.startswith(b"<") else _json_page(content)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise NoAnswerError(f"no whole envelope: {error}") from None


def _xml_page(content: bytes) -> Page:
    told = {name.decode(): value.decode(errors="replace") for name, value in _XML_FIELD.findall(content)}
    code = told.get("returnReasonCode") or told.get("resultCode")
    if code is None or _is_ok(code):
        raise ValueError("XML or HTML in place of JSON")
    return _nothing(code, told.get("returnAuthMsg") or told.get("errMsg") or told.get("resultMsg"))


def _json_page(content: bytes) -> Page:
    content.decode()  # rows are passed on undecoded, and must not surprise who reads them
    envelope = _ENVELOPES.decode(content)
    if envelope.gateway is not None:
        error = envelope.gateway.cmm_msg_header
        return _nothing(error.return_reason_code, error.return_auth_msg or error.err_msg)
    if envelope.response is None:
        raise ValueError("neither an answer nor an error")
    header, body = envelope.response.header, envelope.response.body
    if not _is_ok(header.result_code):
        return _nothing(header.result_code, header.result_msg)
    answer = _BODIES.decode(body)
    return Page(_rows(answer.items), int(answer.total_count))


def _rows(items: msgspec.Raw) -> list[msgspec.Raw]:
    """The rows in `items`, whichever of its forms it has."""
    kind = bytes(items)[:1]
    if kind == b"[":
        return _LISTS.decode(items)
    if kind == b"{":
        names = _OBJECTS.decode(items)
        return _rows(names["item"]) if names.keys() == {"item"} else [items] if names else []
    if bytes(items) in (b"null", b'""'):
        return []
    raise ValueError("items is neither a list nor an object")


def _code(code: str | int) -> str:
    """`00` and 0 are `0`."""
    text = str(code).strip()
    return text.lstrip("0") or text[:1]


def _is_ok(code: str | int) -> bool:
    return _code(code) == "0"


def _nothing(code: str | int, message: str | None) -> Page:
    """No rows where `code` says that there are no data; raises NoAnswerError for any other."""
    if not _code(code):
        raise ValueError("an empty code")
    if _code(code) in _NO_DATA:
        return Page([], 0)
    raise NoAnswerError(f"code {code}, {message or 'without a message'}", _code(code))
