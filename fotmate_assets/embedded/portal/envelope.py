"""The envelopes of the portal: pages of rows, refusals of a service, errors of the gateway in front."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

from fotmate_assets.embedded.upstream import Response

GATEWAY_MESSAGES = {
    1: "APPLICATION_ERROR",
    12: "NO_OPENAPI_SERVICE_ERROR",
    20: "SERVICE_ACCESS_DENIED_ERROR",
    22: "LIMITED_NUMBER_OF_SERVICE_REQUESTS_EXCEEDS_ERROR",
    23: "LIMITED_NUMBER_OF_SERVICE_REQUESTS_PER_SECOND_EXCEEDS_ERROR",
    30: "SERVICE_KEY_IS_NOT_REGISTERED_ERROR",
    99: "UNKNOWN_ERROR",
}
SERVICE_MESSAGES = {
    301: "INVALID REQUEST RESULT TYPE",
    334: "START PAGE NUMBER GREATER THAN LAST PAGE NUMBER",
    336: "CANNOT REQUEST MORE THAN 1000 DATA AT A TIME",
    340: "NO MANDATORY REQUEST PARAMETERS ERROR",
    601: "INVALID_OPEN_API_OPERATION_ERROR",
}

JSON, XML = "application/json;charset=UTF-8", "text/xml;charset=UTF-8"


def gateway_error(code: int, status: int = 200) -> Response:
    """An error of the gateway: XML, whatever was asked for."""
    body = (
        "<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg>"
        f"<returnAuthMsg>{GATEWAY_MESSAGES[code]}</returnAuthMsg><returnReasonCode>{code}</returnReasonCode>"
        "</cmmMsgHeader></OpenAPI_ServiceResponse>"
    )
    return Response(status, XML, body.encode())


def refusal(code: int) -> Response:
    """A refusal of a KSPO service: a code in the header, and no body."""
    header = {"resultCode": str(code), "resultMsg": SERVICE_MESSAGES[code]}
    return Response(200, JSON, msgspec.json.encode({"response": {"header": header}}))


def page(rows: Sequence[bytes], page_no: int, page_rows: int, total: int, *, texts: bool) -> Response:
    """A page of encoded rows: `items` is `""` without rows and holds an object where there is one.

    `texts`: the three numbers are text, as KSPO has them.
    """
    items = b'""' if not rows else b'{"item":%s}' % (rows[0] if len(rows) == 1 else b"[%s]" % b",".join(rows))
    mark = b'"' if texts else b""
    body = b'{"response":{"header":{"resultCode":"00","resultMsg":"NORMAL SERVICE."},"body":{"items":%s,' % items
    for name, value, end in (("numOfRows", page_rows, b","), ("pageNo", page_no, b","), ("totalCount", total, b"}}}")):
        body += b'"%s":%s%d%s%s' % (name.encode(), mark, value, mark, end)
    return Response(200, JSON, body)


def xml_page(rows: Sequence[bytes], page_no: int, page_rows: int, total: int) -> Response:
    """The same as XML, which is what comes where JSON was not asked for."""
    items = "".join(
        "<item>" + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in msgspec.json.decode(row).items())
        + "</item>"
        for row in rows
    )  # fmt: skip
    body = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><response><header><resultCode>00</resultCode>'
        f"<resultMsg>NORMAL SERVICE.</resultMsg></header><body><items>{items}</items><numOfRows>{page_rows}</numOfRows>"
        f"<pageNo>{page_no}</pageNo><totalCount>{total}</totalCount></body></response>"
    )
    return Response(200, XML, body.encode())
