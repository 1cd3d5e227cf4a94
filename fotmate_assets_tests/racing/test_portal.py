"""The portal's client against a server that answers, cuts and refuses as the portal does."""

import itertools
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from fotmate_assets.core.http import HttpClient
from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.embedded.upstream import Fault, Request, Response, Upstream
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.sources.portal import KRA, KSPO, MAX_PAGES, Portal, Style, read, seconds_to_midnight
from fotmate_assets.racing.sources.source import Family, Inquiry, Listing

KEY = "Vk3/s9+Qz0aB7tYc1+Xn5uPw/d8Lr2hJe6mGfKq4iTsA==XyZ0=="
RESULTS = Inquiry(
    Family.RESULTS,
    "API214_1/RaceDetailResult_1",
    (("meet", "1"), ("rc_date", "20250531")),
    "API214_1/seoul/2025-05-31",
    "2025-05-31",
    "API214_1",
    ("rcDate", "rcNo", "chulNo"),
)
NOON = datetime(2026, 11, 21, 12, tzinfo=KST)
SECONDS_LEFT = 12 * 3600.0
Row = dict[str, object]


def runners(count: int) -> list[Row]:
    """Rows of one race, as many as asked for."""
    return [{"rcDate": 20250531, "rcNo": 1, "chulNo": number, "hrName": "말"} for number in range(1, count + 1)]


def answer(items: object, total: object = 0, code: object = "00", **body: object) -> bytes:
    """One page."""
    header = {"resultCode": code, "resultMsg": "NORMAL SERVICE."}
    return json.dumps(
        {"response": {"header": header, "body": {"items": items, "totalCount": total, **body}}}, ensure_ascii=False
    ).encode()


def gateway_xml(code: str, message: str = "SOME_ERROR") -> bytes:
    """How the gateway refuses."""
    return (
        "<OpenAPI_ServiceResponse>\n\t<cmmMsgHeader>\n\t\t<errMsg>SERVICE ERROR</errMsg>\n\t\t"
        f"<returnAuthMsg>{message}</returnAuthMsg>\n\t\t<returnReasonCode>{code}</returnReasonCode>\n\t"
        "</cmmMsgHeader>\n</OpenAPI_ServiceResponse>"
    ).encode()


def gateway_json(code: str, message: str = "SOME_ERROR") -> bytes:
    """How the gateway refuses since 2026. The message is JSON already."""
    header = f'{{"errMsg": "SERVICE ERROR", "returnAuthMsg": "{message}", "returnReasonCode": "{code}"}}'
    return f'{{"OpenAPI_ServiceResponse": {{"cmmMsgHeader": {header}}}}}'.encode()


def service_error(code: str, message: str = "SOME_ERROR") -> bytes:
    """How a service behind the gateway refuses. The message is JSON already."""
    return f'{{"response": {{"header": {{"resultCode": "{code}", "resultMsg": "{message}"}}}}}}'.encode()


def service_xml(code: str, message: str = "SOME_ERROR") -> bytes:
    """How a service that does not heed the format refuses."""
    header = f"<header><resultCode>{code}</resultCode><resultMsg>{message}</resultMsg></header>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<response>{header}</response>'.encode()


FORMS = (gateway_xml, gateway_json, service_error, service_xml)


@dataclass
class Service:
    """One service with its rows: pages them as asked for, but at most `cap` rows a page."""

    rows: list[Row]
    cap: int = 100_000
    tells_cap: bool = True
    pages: list[bytes] = field(default_factory=list)
    """Answers to give first, whatever is asked."""

    def __call__(self, request: Request) -> Response:
        if self.pages:
            return Response(200, "application/json", self.pages.pop(0))
        query = request.query
        number, asked = int(query["pageNo"]), int(query.get("numOfRows", 10))
        size = min(asked, self.cap)
        rows = self.rows[(number - 1) * size : number * size]
        told = size if self.tells_cap else asked
        items = {"item": rows} if rows else ""
        return Response(200, "application/json", answer(items, len(self.rows), numOfRows=told, pageNo=number))


@dataclass
class CountingQuota:
    """Counts; refuses the services in `closed`."""

    taken: list[str] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)

    def take(self, service: str) -> None:
        if service in self.closed:
            raise SourceError(Verdict.QUOTA, "kra", service, "used up", retry_after_s=60.0)
        self.taken.append(service)

    def refused(self, service: str) -> None:
        self.closed.add(service)


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with Upstream(tmp_path) as running:
        yield running


@pytest.fixture
def quota() -> CountingQuota:
    return CountingQuota()


MakePortal = Callable[..., Portal]


@pytest.fixture
def make_portal(upstream: Upstream, quota: CountingQuota) -> Iterator[MakePortal]:
    clients: list[HttpClient] = []

    def make(style: Style = KRA, key: str | None = KEY, attempts: int = 3, source: str = "kra") -> Portal:
        client = HttpClient(source, timeout_s=0.5, per_second=10_000.0, attempts=attempts, first_wait_s=0.01)
        clients.append(client)
        return Portal(client, f"{upstream.url}/B551015/", style, key, quota, lambda: NOON)

    yield make
    for client in clients:
        client.close()


def serve(upstream: Upstream, *pages: bytes, rows: int = 0, **options: object) -> Service:
    """Put a service up: these answers first, then `rows` rows in pages."""
    service = Service(runners(rows), pages=list(pages), **options)  # type: ignore[arg-type]
    upstream.routes["/B551015/"] = service
    return service


def failure(portal: Portal, inquiry: Inquiry = RESULTS) -> SourceError:
    with pytest.raises(SourceError) as caught:
        portal.listing(inquiry)
    assert (caught.value.source, caught.value.document) == ("kra", inquiry.document)
    return caught.value


def start_numbers(listing: Listing) -> list[int]:
    return [msgspec.json.decode(row)["chulNo"] for row in listing.rows]


def kept(*contents: bytes, document: str = RESULTS.document) -> list[RawDocument]:
    """Pages as the raw zone gives them back."""
    return [
        RawDocument("kra", f"{document}/{number}", content, "https://x", datetime(2025, 6, 1, tzinfo=UTC))
        for number, content in enumerate(contents, 1)
    ]


# --- asking


def test_the_question_is_asked_in_the_words_of_each_publisher(upstream: Upstream, make_portal: MakePortal) -> None:
    serve(upstream, answer(""), answer(""))
    make_portal(KRA).listing(RESULTS)
    make_portal(KSPO).listing(replace(RESULTS, service="SRVC_X/TODZ_X", params=(("meet_nm", "광명"),)))
    horse, cycle = upstream.requests
    assert horse.resource == "/B551015/API214_1/RaceDetailResult_1"
    paging = {"serviceKey": KEY, "pageNo": "1", "numOfRows": "1000"}
    assert horse.query == {**paging, "_type": "json", "meet": "1", "rc_date": "20250531"}
    assert cycle.resource == "/B551015/SRVC_X/TODZ_X"
    assert cycle.query == {**paging, "resultType": "json", "meet_nm": "광명"}


@pytest.mark.parametrize("service", ["API160_1/integratedInfo_1", "API301/Dividend_rate_total"])
def test_grids_of_every_combination_are_asked_for_in_one_page(
    upstream: Upstream, make_portal: MakePortal, service: str
) -> None:
    serve(upstream, rows=2500)
    assert len(make_portal().listing(replace(RESULTS, service=service))) == 2500
    assert [request.query["numOfRows"] for request in upstream.requests] == ["100000"]


@pytest.mark.parametrize("given", [KEY, quote(KEY, safe=""), quote(KEY, safe="").lower(), f"  {KEY}\n"])
def test_the_decoding_and_the_encoding_key_are_both_sent_encoded_once(
    upstream: Upstream, make_portal: MakePortal, given: str
) -> None:
    key = KEY.lower() if given == quote(KEY, safe="").lower() else KEY
    serve(upstream, answer(""))
    make_portal(key=given).listing(RESULTS)
    assert f"serviceKey={quote(key, safe='')}&" in upstream.requests[0].path
    assert upstream.requests[0].query["serviceKey"] == key


@pytest.mark.parametrize("key", [None, "", " \n"])
def test_without_a_key_nothing_is_asked_and_the_reason_says_what_to_set(
    upstream: Upstream, make_portal: MakePortal, quota: CountingQuota, key: str | None
) -> None:
    serve(upstream, rows=1)
    error = failure(make_portal(key=key))
    assert error.verdict is Verdict.AUTH
    assert "FOTMATE_PORTAL_SERVICE_KEY" in error.reason
    assert (upstream.requests, quota.taken) == ([], [])


def test_pages_are_kept_as_they_came_with_name_url_and_time(upstream: Upstream, make_portal: MakePortal) -> None:
    serve(upstream, rows=3, cap=2)
    listing = make_portal().listing(RESULTS)
    assert listing.inquiry is RESULTS
    assert [page.name for page in listing.pages] == ["API214_1/seoul/2025-05-31/1", "API214_1/seoul/2025-05-31/2"]
    assert [page.content for page in listing.pages] == [
        answer({"item": runners(2)}, 3, numOfRows=2, pageNo=1),
        answer({"item": runners(3)[2:]}, 3, numOfRows=2, pageNo=2),
    ]
    first, second = listing.pages
    assert (first.source, first.fetched_at, first.revision) == ("kra", NOON, None)
    assert first.url == (
        f"{upstream.url}/B551015/API214_1/RaceDetailResult_1?serviceKey=REDACTED&pageNo=1&numOfRows=1000&_type=json"
        "&meet=1&rc_date=20250531"
    )
    assert "pageNo=2&numOfRows=2&" in second.url
    assert start_numbers(listing) == [1, 2, 3]


# --- envelopes

ONE, TWO = runners(1)[0], runners(2)

ITEMS: list[tuple[object, object, Sequence[Row]]] = [
    ("", 0, []),
    ({}, 0, []),
    (None, 0, []),
    ([], 0, []),
    ({"item": ""}, 0, []),
    ({"item": []}, 0, []),
    ({"item": None}, 0, []),
    (ONE, 1, [ONE]),
    ([ONE], 1, [ONE]),
    ({"item": ONE}, 1, [ONE]),
    ({"item": [ONE]}, 1, [ONE]),
    (TWO, 2, TWO),
    ({"item": TWO}, 2, TWO),
    ({"item": TWO}, "2", TWO),
]


@pytest.mark.parametrize(("items", "total", "rows"), ITEMS, ids=lambda value: json.dumps(value)[:30])
def test_items_come_in_many_forms(items: object, total: object, rows: Sequence[Row]) -> None:
    listing = read(RESULTS, kept(answer(items, total)))
    assert [msgspec.json.decode(row) for row in listing.rows] == list(rows)


def test_the_form_does_not_matter_over_http_either(upstream: Upstream, make_portal: MakePortal) -> None:
    serve(upstream, answer({"item": ONE}, "1"))
    assert start_numbers(make_portal().listing(RESULTS)) == [1]


@pytest.mark.parametrize("code", ["00", "0", 0])
def test_success_has_several_codes(code: object) -> None:
    assert len(read(RESULTS, kept(answer({"item": TWO}, 2, code)))) == 2


@pytest.mark.parametrize(
    "content",
    [
        answer("", 0, "03"),
        service_error("03", "NODATA_ERROR"),
        service_error("3"),
        service_error("NODATA"),
        service_error("NODATA_ERROR"),
        gateway_xml("03", "NODATA_ERROR"),
        gateway_json("03"),
    ],
)
def test_no_data_is_an_empty_answer_and_no_error(upstream: Upstream, make_portal: MakePortal, content: bytes) -> None:
    serve(upstream, content)
    listing = make_portal().listing(RESULTS)
    assert (len(listing), len(listing.pages), len(upstream.requests)) == (0, 1, 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html><body>The service is under maintenance</body></html>",
        b"<response><header><resultCode>00</resultCode></header><body><items/></body></response>",
        answer({"item": TWO}, 2)[:-20],
        answer({"item": TWO}, None),
        answer({"item": TWO}, ""),
        answer({"item": TWO}, "two"),
        answer("text", 1),
        answer(7, 1),
        answer({"item": "text"}, 1),
        answer({"item": TWO}, 2, ""),
        answer({"item": TWO}, 2).replace("말".encode(), b"\xeb\xa7"),
        b'{"response": {"header": {"resultMsg": "no code"}}}',
        b'{"response": {"header": {"resultCode": "00"}}}',
        b'{"response": {"header": {"resultCode": "00"}, "body": ' + b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:60]),
)
def test_what_is_no_whole_envelope_is_asked_again_and_then_refused_with_its_bytes(
    upstream: Upstream, make_portal: MakePortal, content: bytes
) -> None:
    serve(upstream, *[content] * 3, rows=2)
    error = failure(make_portal(attempts=3))
    assert (error.verdict, error.content) == (Verdict.TRANSPORT, content)
    assert error.reason.startswith("API214_1/seoul/2025-05-31/1: no whole envelope: ")
    assert len(upstream.requests) == 3, "one page's tries, not multiplied by the answer's"
    assert len(make_portal().listing(RESULTS)) == 2
    with pytest.raises(SourceError, match="no whole envelope") as caught:
        read(RESULTS, kept(content))
    assert (caught.value.verdict, caught.value.content) == (Verdict.TRANSPORT, content)


@pytest.mark.parametrize(
    "fault", [Fault.cut_json(0.7), Fault.truncated(0.5), Fault.body(200, "text/html", b"<html>")], ids=lambda f: f.name
)
def test_a_broken_page_is_asked_again_by_itself(upstream: Upstream, make_portal: MakePortal, fault: Fault) -> None:
    serve(upstream, rows=5, cap=2)
    upstream.fail("*pageNo=2*", fault)
    assert start_numbers(make_portal().listing(RESULTS)) == [1, 2, 3, 4, 5]
    assert [request.query["pageNo"] for request in upstream.requests] == ["1", "2", "2", "3"]


# --- codes

CODES = [
    *[(code, Verdict.TRANSPORT) for code in ("1", "01", "2", "4", "05", "99", "500", "77", "E1")],
    ("22", Verdict.QUOTA),
    *[(code, Verdict.AUTH) for code in ("20", "30", "31", "32")],
    ("29", Verdict.BLOCKED),
    *[(code, Verdict.MALFORMED) for code in ("10", "11", "12", "301", "336", "340", "601")],
]


@pytest.mark.parametrize(("code", "verdict"), CODES)
def test_every_code_has_its_verdict_whatever_the_form_and_the_status(
    upstream: Upstream, make_portal: MakePortal, quota: CountingQuota, code: str, verdict: Verdict
) -> None:
    tries = 2 if verdict is Verdict.TRANSPORT else 1
    for form, status in itertools.product(FORMS, (200, 401, 403)):
        content = form(code, "WHY_NOT_ERROR")
        upstream.requests.clear()
        quota.closed.clear()
        upstream.fail("*", Fault.body(status, "text/xml", content), times=tries)
        error = failure(make_portal(attempts=2))
        assert error.verdict is verdict
        assert error.reason == f"API214_1/seoul/2025-05-31/1: code {code}, WHY_NOT_ERROR"
        assert len(upstream.requests) == tries
        assert error.content == (content if verdict in (Verdict.TRANSPORT, Verdict.MALFORMED) else None)
        assert error.retry_after_s == (SECONDS_LEFT if code == "22" else None)


@pytest.mark.parametrize(
    ("status", "line", "verdict"),
    [
        (401, b"Unauthorized", Verdict.AUTH),
        (403, b"Forbidden\n", Verdict.AUTH),
        (404, b"API not found", Verdict.MALFORMED),
        (429, b"API token quota exceeded\n", Verdict.QUOTA),
        (200, b"API token quota exceeded", Verdict.QUOTA),
        (500, b"Unexpected errors", Verdict.TRANSPORT),
        (502, b"Error forwarding request to backend server", Verdict.TRANSPORT),
        (200, b"Unexpected errors", Verdict.TRANSPORT),
        (403, b"<html>your address is blocked</html>", Verdict.BLOCKED),
        (401, b"", Verdict.AUTH),
    ],
)
def test_the_gateway_also_refuses_in_plain_text(
    upstream: Upstream, make_portal: MakePortal, status: int, line: bytes, verdict: Verdict
) -> None:
    upstream.fail("*", Fault.body(status, "text/plain", line), times=2)
    error = failure(make_portal(attempts=2))
    assert error.verdict is verdict
    assert error.retry_after_s == (SECONDS_LEFT if verdict is Verdict.QUOTA else None)


@pytest.mark.parametrize("content", [gateway_xml("23"), b"API rate limit exceeded"])
def test_too_many_per_second_is_asked_again_after_a_second(
    upstream: Upstream, make_portal: MakePortal, quota: CountingQuota, content: bytes
) -> None:
    serve(upstream, content, rows=2)
    started = time.monotonic()
    assert len(make_portal().listing(RESULTS)) == 2
    assert time.monotonic() - started >= 1.0
    assert not quota.closed


def test_too_many_per_second_in_the_end_is_a_matter_of_quota(upstream: Upstream, make_portal: MakePortal) -> None:
    serve(upstream, gateway_xml("23"))
    error = failure(make_portal(attempts=1))
    assert (error.verdict, error.retry_after_s) == (Verdict.QUOTA, 1.0)


def test_a_service_error_that_passes_leaves_no_trace(upstream: Upstream, make_portal: MakePortal) -> None:
    serve(upstream, gateway_xml("99"), service_error("1"), rows=4, cap=2)
    assert start_numbers(make_portal().listing(RESULTS)) == [1, 2, 3, 4]


# --- pages


@pytest.mark.parametrize("tells_cap", [True, False])
@pytest.mark.parametrize(("rows", "cap", "requests"), [(11, 10, 2), (20, 10, 2), (21, 10, 3), (9, 10, 1), (3, 1, 3)])
def test_pages_are_asked_until_the_rows_are_all_there_however_few_a_page_has(
    upstream: Upstream, make_portal: MakePortal, rows: int, cap: int, requests: int, tells_cap: bool
) -> None:
    serve(upstream, rows=rows, cap=cap, tells_cap=tells_cap)
    listing = make_portal().listing(RESULTS)
    assert start_numbers(listing) == list(range(1, rows + 1))
    assert len(listing.pages) == len(upstream.requests) == requests


def test_a_service_that_counts_pages_in_what_was_asked_for_loses_nothing(
    upstream: Upstream, make_portal: MakePortal
) -> None:
    """It gives 4 rows where 1,000 are asked for, and starts page 2 at row 1,001 unless 4 are asked for again."""
    every = runners(10)

    def service(request: Request) -> Response:
        number, asked = int(request.query["pageNo"]), int(request.query["numOfRows"])
        start = (number - 1) * asked
        rows = every[start : start + min(asked, 4)]
        return Response(200, "application/json", answer({"item": rows}, 10, numOfRows=asked))

    upstream.routes["/B551015/"] = service
    assert start_numbers(make_portal().listing(RESULTS)) == list(range(1, 11))


FIRST = answer({"item": runners(4)[:2]}, 4)
SECOND = answer({"item": runners(4)[2:]}, 4)

INCOHERENT = {
    "totalCount is 5 and was 4 on the first page": [FIRST, answer({"item": runners(4)[2:]}, 5)],
    "totalCount is 0 and was 4 on the first page": [FIRST, service_error("03")],
    "2 of 4 rows are repeated": [FIRST, FIRST],
    "1 of 4 rows are repeated": [FIRST, answer({"item": runners(3)[1:]}, 4)],
    "3 rows where totalCount is 2": [answer({"item": runners(3)}, 2)],
    "5 rows where totalCount is 4": [FIRST, answer({"item": runners(5)[2:]}, 4)],
    "ends after 1 rows, 3 of 4 in all": [FIRST, answer({"item": runners(3)[2:]}, 4)],
    "ends after 0 rows, 2 of 4 in all": [FIRST, answer("", 4)],
    "ends after 0 rows, 0 of 4 in all": [answer("", 4)],
    "code 334, LAST PAGE": [FIRST, service_error("334", "LAST PAGE")],
}


@pytest.mark.parametrize(("reason", "pages"), INCOHERENT.items(), ids=INCOHERENT.keys())
def test_pages_that_do_not_add_up_are_asked_again_from_the_first(
    upstream: Upstream, make_portal: MakePortal, reason: str, pages: list[bytes]
) -> None:
    serve(upstream, *pages, *pages, FIRST, SECOND)
    listing = make_portal(attempts=3).listing(RESULTS)
    assert start_numbers(listing) == [1, 2, 3, 4]
    assert [page.content for page in listing.pages] == [FIRST, SECOND]
    asked = [request.query["pageNo"] for request in upstream.requests]
    assert asked == [str(number + 1) for number in range(len(pages))] * 2 + ["1", "2"]


@pytest.mark.parametrize(("reason", "pages"), INCOHERENT.items(), ids=INCOHERENT.keys())
def test_pages_that_never_add_up_are_a_transport_failure_that_says_why(
    upstream: Upstream, make_portal: MakePortal, reason: str, pages: list[bytes]
) -> None:
    serve(upstream, *pages * 3, rows=1)
    error = failure(make_portal(attempts=3))
    assert (error.verdict, error.content) == (Verdict.TRANSPORT, pages[-1])
    assert error.reason == f"API214_1/seoul/2025-05-31/{len(pages)}: {reason}"
    assert len(upstream.requests) == 3 * len(pages)


@pytest.mark.parametrize(("reason", "pages"), INCOHERENT.items(), ids=INCOHERENT.keys())
def test_kept_pages_must_add_up_as_fetched_ones_do(reason: str, pages: list[bytes]) -> None:
    with pytest.raises(SourceError, match=reason) as caught:
        read(RESULTS, kept(*pages))
    assert (caught.value.verdict, caught.value.document) == (Verdict.TRANSPORT, RESULTS.document)
    assert caught.value.content == pages[-1]


def test_a_service_that_gives_a_handful_of_a_great_many_is_refused_before_it_eats_the_quota(
    upstream: Upstream, make_portal: MakePortal
) -> None:
    serve(upstream, rows=MAX_PAGES * 2 + 1, cap=2)
    error = failure(make_portal(attempts=2))
    assert (error.verdict, len(upstream.requests)) == (Verdict.TRANSPORT, 2)
    assert f"only 2 rows of {MAX_PAGES * 2 + 1} on a page" in error.reason
    upstream.requests.clear()
    serve(upstream, rows=MAX_PAGES * 2, cap=2)
    assert len(make_portal().listing(RESULTS)) == MAX_PAGES * 2
    assert len(upstream.requests) == MAX_PAGES


def test_rows_are_told_apart_by_their_unique_fields(upstream: Upstream, make_portal: MakePortal) -> None:
    same_runner = [{**ONE, "hrName": name} for name in ("말", "馬")]
    with pytest.raises(SourceError, match="1 of 2 rows are repeated"):
        read(RESULTS, kept(answer({"item": same_runner}, 2)))
    assert len(read(replace(RESULTS, unique=("hrName",)), kept(answer({"item": same_runner}, 2)))) == 2


@pytest.mark.parametrize("unique", [(), ("rcDate", "absent"), ("nested",)])
def test_rows_that_lack_a_unique_field_are_told_apart_by_all_of_them(unique: tuple[str, ...]) -> None:
    inquiry = replace(RESULTS, unique=unique)
    rows = [{**row, "nested": [1]} for row in TWO]
    assert len(read(inquiry, kept(answer({"item": rows}, 2)))) == 2
    with pytest.raises(SourceError, match="1 of 2 rows are repeated"):
        read(inquiry, kept(answer({"item": [rows[0], rows[0]]}, 2)))


def test_a_row_that_is_no_object_is_left_to_who_reads_it() -> None:
    assert [bytes(row) for row in read(RESULTS, kept(answer(["a", 1], 2))).rows] == [b'"a"', b"1"]


def test_kept_pages_give_the_listing_that_was_fetched(upstream: Upstream, make_portal: MakePortal) -> None:
    serve(upstream, rows=7, cap=3)
    fetched = make_portal().listing(RESULTS)
    again = read(RESULTS, fetched.pages)
    assert again.pages == fetched.pages
    assert [bytes(row) for row in again.rows] == [bytes(row) for row in fetched.rows]
    assert len(upstream.requests) == 3


def test_a_missing_kept_page_is_noticed(upstream: Upstream, make_portal: MakePortal) -> None:
    with pytest.raises(SourceError, match="fewer rows than totalCount, and page 2 is missing") as caught:
        read(RESULTS, kept(FIRST))
    assert (caught.value.verdict, caught.value.content) == (Verdict.TRANSPORT, FIRST)


def test_kept_pages_of_an_earlier_longer_answer_are_left_out() -> None:
    listing = read(RESULTS, kept(answer({"item": TWO}, 2), SECOND))
    assert (start_numbers(listing), len(listing.pages)) == ([1, 2], 1)


# --- quota


def test_every_try_counts(upstream: Upstream, make_portal: MakePortal, quota: CountingQuota) -> None:
    serve(upstream, b"", FIRST, FIRST, rows=4, cap=2)  # page 2 repeats page 1: again from page 1
    make_portal().listing(RESULTS)
    assert quota.taken == ["API214_1"] * 5
    assert len(upstream.requests) == 5


def test_a_used_up_budget_stops_the_service_before_a_request_and_names_the_document(
    upstream: Upstream, make_portal: MakePortal, quota: CountingQuota
) -> None:
    serve(upstream, rows=1)
    quota.refused("API214_1")
    error = failure(make_portal())
    assert (error.verdict, error.reason, error.retry_after_s) == (Verdict.QUOTA, "used up", 60.0)
    assert upstream.requests == []
    assert len(make_portal().listing(replace(RESULTS, service="API26_2/entrySheet_2"))) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault.body(200, "text/xml", gateway_xml("22")),
        Fault.body(429, "application/json", gateway_json("22")),
        Fault.body(429, "text/plain", b"API token quota exceeded"),
    ],
)
def test_code_22_stops_this_service_and_only_this_one(
    upstream: Upstream, make_portal: MakePortal, quota: CountingQuota, fault: Fault
) -> None:
    serve(upstream, rows=1)
    upstream.fail("*", fault)
    portal = make_portal()
    assert failure(portal).retry_after_s == SECONDS_LEFT
    assert failure(portal).reason == "used up"
    assert (quota.closed, len(upstream.requests)) == ({"API214_1"}, 1)
    assert len(portal.listing(replace(RESULTS, service="API26_2/entrySheet_2"))) == 1


def test_the_portal_counts_from_midnight_in_korea() -> None:
    assert seconds_to_midnight(datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC)) == 1.0
    assert seconds_to_midnight(datetime(2026, 11, 20, 15, tzinfo=UTC)) == 86_400.0


# --- the key stays secret

ENCODED = quote(KEY, safe="")
ECHOES = [
    KEY,
    ENCODED,
    re.sub("%..", lambda found: found[0].lower(), ENCODED),
    quote(ENCODED, safe=""),
    KEY.replace("/", "\\/"),
    KEY.replace("+", "\\u002b").replace("=", "\\u003D"),
    KEY.replace("+", "&#43;").replace("=", "&#x3d;"),
]


def secrets(key: str = KEY) -> list[str]:
    """What must not be seen: the key in either form, and its parts between the special characters."""
    return [part for part in re.split(r"[^A-Za-z0-9]", key) if len(part) > 5] + [key, quote(key, safe="")]


def assert_hidden(text: str) -> None:
    assert not [secret for secret in secrets() if secret in text], text


@pytest.mark.parametrize("echo", ECHOES)
def test_an_answer_that_repeats_the_key_is_kept_without_it(
    upstream: Upstream, make_portal: MakePortal, caplog: pytest.LogCaptureFixture, echo: str
) -> None:
    caplog.set_level(logging.DEBUG)
    content = answer({"item": ONE}, 1).replace("말".encode(), echo.encode())
    serve(upstream, content)
    portal = make_portal()
    listing = portal.listing(RESULTS)
    assert listing.pages[0].content == answer({"item": ONE}, 1).replace("말".encode(), b"REDACTED")
    assert msgspec.json.decode(listing.rows[0])["hrName"] == "REDACTED"
    assert_hidden(repr([(page, page.content) for page in listing.pages]) + repr(portal) + caplog.text)


@pytest.mark.parametrize("echo", ECHOES)
def test_a_refusal_that_repeats_the_key_is_told_without_it(
    upstream: Upstream, make_portal: MakePortal, echo: str
) -> None:
    for form, code in itertools.product(FORMS, ("12", "30", "99")):
        serve(upstream, form(code, f"NO KEY {echo}."))
        error = failure(make_portal(attempts=1))
        assert "NO KEY" in error.reason
        assert_hidden(str(error) + repr(error.content))


@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(400),
        Fault.status(401),
        Fault.status(429),
        Fault.status(503),
        Fault.truncated(0.5),
        Fault.cut_json(0.5),
        Fault.reset(),
        Fault.timeout(),
        Fault.body(400, "text/html", f"<a href='?serviceKey={ENCODED}'>".encode()),
    ],
    ids=lambda fault: fault.name,
)
def test_no_failure_and_no_log_line_shows_the_key(
    upstream: Upstream, make_portal: MakePortal, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    caplog.set_level(logging.DEBUG)
    serve(upstream, rows=1)
    upstream.fail("*", fault, times=2)
    error = failure(make_portal(attempts=2))
    assert "serviceKey=REDACTED" in caplog.text or fault.name in ("reset", "timeout"), "httpx logs every answer"
    assert_hidden(str(error) + repr(error.__dict__) + repr(error.__cause__) + caplog.text)


# --- many at once


def test_many_threads_share_one_portal(upstream: Upstream, make_portal: MakePortal, quota: CountingQuota) -> None:
    def service(request: Request) -> Response:
        number, asked = int(request.query["pageNo"]), int(request.query["numOfRows"])
        size = min(asked, 2)
        rows = [{**row, "rcNo": request.query["rc_no"]} for row in runners(5)]
        return Response(200, "application/json", answer({"item": rows[(number - 1) * size : number * size]}, 5))

    upstream.routes["/B551015/"] = service
    portal = make_portal()
    listings: dict[str, Listing] = {}

    def ask(race: str) -> None:
        listings[race] = portal.listing(replace(RESULTS, params=(("rc_no", race),), document=f"API214_1/{race}"))

    threads = [threading.Thread(target=ask, args=(str(race),)) for race in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for race, listing in listings.items():
        assert [msgspec.json.decode(row)["rcNo"] for row in listing.rows] == [race] * 5
        assert [page.name for page in listing.pages] == [f"API214_1/{race}/{number}" for number in (1, 2, 3)]
    assert (len(listings), len(quota.taken)) == (8, 24)


# --- real files


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "rows", "field_name", "value"),
    [
        ("examples/api12_response.json", 1, "jkName", "김용근"),
        ("examples/api19_1_response.json", 1, "meet", None),
        ("examples/api8_2_response.json", 1, "meet", None),
        ("fixtures_envelope/page_empty.json", 0, "", None),
        ("fixtures_envelope/page_one.json", 1, "rcDate", 20200104),
    ],
)
def test_real_single_and_empty_answers(real_data: Path, file: str, rows: int, field_name: str, value: object) -> None:
    listing = read(RESULTS, kept((real_data / "kra" / file).read_bytes()))
    assert len(listing) == rows
    for row in listing.rows:
        assert field_name in msgspec.json.decode(row)
        assert value is None or msgspec.json.decode(row)[field_name] == value


@pytest.mark.real_data
@pytest.mark.parametrize(("file", "total"), [("api214_response.json", 11), ("api299_response.json", 173)])
def test_a_real_answer_cut_to_ten_rows_is_refused(
    real_data: Path, upstream: Upstream, make_portal: MakePortal, file: str, total: int
) -> None:
    content = (real_data / "kra" / "examples" / file).read_bytes()
    with pytest.raises(SourceError, match="page 2 is missing"):
        read(RESULTS, kept(content))
    upstream.routes["/B551015/"] = lambda request: Response(200, "application/json", content)
    assert failure(make_portal(attempts=1)).reason.endswith("10 of 20 rows are repeated")
    empty = answer("", total)
    serve(upstream, content, empty)
    assert failure(make_portal(attempts=1)).reason.endswith(f"ends after 0 rows, 10 of {total} in all")


@pytest.mark.real_data
def test_the_real_race_cards_are_whole(real_data: Path) -> None:
    files = sorted((real_data / "kra" / "prerace_2025").glob("*.json"))
    assert len(files) == 16
    for file in files:
        listing = read(RESULTS, kept(file.read_bytes()))
        assert len(listing) == json.loads(file.read_bytes())["response"]["body"]["totalCount"] > 0


@pytest.mark.real_data
@pytest.mark.parametrize("twin", ["api12_response.xml", "api214_response.xml"])
def test_a_real_xml_answer_is_not_taken_for_an_empty_one(real_data: Path, twin: str) -> None:
    with pytest.raises(SourceError, match="XML or HTML in place of JSON"):
        read(RESULTS, kept((real_data / "kra" / "examples" / twin).read_bytes()))
