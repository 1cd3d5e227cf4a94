"""What goes wrong with the portal, on top of `upstream.Fault`::

    upstream.fault_rate(0.2, seed=1, faults=fault_mix())
    upstream.fail("*/API214_1/*", wrong_count(), times=2)

The faults that alter an answer leave alone what is no page of rows: errors, files. Post times that change are no fault
of the answer: the calendar has them, and `PortalSimulator.post_time_moves` makes more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from fotmate_assets.embedded.portal.envelope import gateway_error
from fotmate_assets.embedded.upstream import Fault, Request, Response, Route

Json = dict[str, Any]

HTML = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>503 Service Unavailable</h1></body></html>"
SLOW_S = 0.4
"""What a slow body takes, whatever its size."""


def fault_mix(*, empty: bool) -> tuple[Fault, ...]:
    """One of each fault that asking again cures; for `Upstream.fault_rate`.

    `empty`: with the answer that says, in good health, that there is nothing. A client cannot tell it from the truth
    by itself; only the calendar can.
    """
    faults = (
        Fault.status(429, retry_after_s=0),
        Fault.status(429, retry_after_s=1),
        Fault.status(500),
        Fault.timeout(),
        slow(),
        Fault.truncated(0.5),
        Fault.cut_json(0.6),
        application_error(),
        unknown_error(),
        too_many_per_second(),
        wrong_count(),
        duplicated_page(),
    )
    return (*faults, empty_items()) if empty else faults


def slow() -> Fault:
    """The right answer, its body dripping for about SLOW_S."""
    return Fault("slow", lambda connection, whole: connection.drip(whole, max(1, int(len(whole.body) / SLOW_S))))


def gateway(code: int, status: int = 200) -> Fault:
    """An XML error of the gateway in place of JSON."""
    refused = gateway_error(code, status)
    return Fault(f"gateway {code}", lambda connection, whole: connection.send(refused))


def application_error() -> Fault:
    """Code 1 with HTTP 200."""
    return gateway(1)


def unknown_error() -> Fault:
    """Code 99 with HTTP 200."""
    return gateway(99)


def too_many_per_second() -> Fault:
    """Code 23 with HTTP 200: asking again after a second helps."""
    return gateway(23)


def quota_exceeded() -> Fault:
    """Code 22 with HTTP 200: nothing more before midnight in Korea."""
    return gateway(22)


def access_denied() -> Fault:
    """Code 20 with HTTP 403: the service was not applied for."""
    return gateway(20, 403)


def html_error() -> Fault:
    """A web page with HTTP 200."""
    return replace(Fault.body(200, "text/html;charset=UTF-8", HTML), name="html")


def empty_items() -> Fault:
    """No rows and totalCount 0, with code 00: a lie that looks right."""

    def lie(body: Json) -> None:
        body["items"] = ""
        body["totalCount"] = type(body["totalCount"])(0)

    return _altered("empty items", lie)


def wrong_count() -> Fault:
    """totalCount is one more than there is."""

    def lie(body: Json) -> None:
        body["totalCount"] = type(body["totalCount"])(int(body["totalCount"]) + 1)

    return _altered("wrong count", lie)


def duplicated_page() -> Fault:
    """A page after the first repeats the rows of the page before it; on the first page the last row repeats the first
    one, or comes twice where it is the only one. totalCount stays right.
    """

    def change(request: Request, whole: Response, ask: Route) -> Response:
        page_no = int(request.query.get("pageNo", "1"))
        if page_no > 1:
            query = urlencode(request.query | {"pageNo": str(page_no - 1)})
            earlier = _body(ask(Request("GET", f"{urlsplit(request.path).path}?{query}", {})))
            if earlier is not None:
                items = earlier[1]["items"]
                return _rewritten(whole, lambda body: body.update(items=items))
        return _rewritten(whole, _repeat_a_row)

    return Fault.altered("duplicated page", change)


def _repeat_a_row(body: Json) -> None:
    if not body["items"]:
        return
    rows = body["items"]["item"]
    body["items"]["item"] = [rows, rows] if isinstance(rows, dict) else [*rows[:-1], rows[0]]


def _altered(name: str, change: Callable[[Json], None]) -> Fault:
    """A fault that changes the body of a page."""
    return Fault.altered(name, lambda request, whole, ask: _rewritten(whole, change))


def _body(response: Response) -> tuple[Json, Json] | None:
    """The answer and the body in it; None for anything but a page of rows."""
    try:
        answer = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    body = answer.get("response", {}).get("body") if isinstance(answer, dict) else None
    return (answer, body) if isinstance(body, dict) and "totalCount" in body else None


def _rewritten(whole: Response, change: Callable[[Json], None]) -> Response:
    found = _body(whole)
    if found is None:
        return whole
    answer, body = found
    change(body)
    return replace(whole, body=msgspec.json.encode(answer))
