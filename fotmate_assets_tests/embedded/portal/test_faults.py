"""Every fault of the portal, observed by a plain client; afterwards the right answer comes again."""

import json

import httpx
import pytest

from fotmate_assets.embedded.portal import faults
from fotmate_assets.embedded.upstream import Fault
from fotmate_assets_tests.embedded.portal.client import BOAT_RANKS, DETAILS, SCRATCHES, Portal, body_of, refusal_of

SEOUL = {"meet": 1, "rc_date": 20261114}


def meet(portal: Portal, fault: Fault, **params: object) -> httpx.Response:
    """KRA's answer with the fault."""
    portal.upstream.fail("*", fault)
    return portal.kra(DETAILS, **{**SEOUL, **params})


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        (faults.application_error(), 1, 200),
        (faults.unknown_error(), 99, 200),
        (faults.too_many_per_second(), 23, 200),
        (faults.quota_exceeded(), 22, 200),
        (faults.access_denied(), 20, 403),
    ],
)
def test_gateway_errors_are_xml_although_json_was_asked(portal: Portal, fault: Fault, code: int, status: int) -> None:
    answer = meet(portal, fault)
    assert answer.status_code == status
    assert f"<returnReasonCode>{code}</returnReasonCode>" in answer.text
    assert portal.upstream.injected[-1][1] == f"gateway {code}"
    assert refusal_of(portal.kra(DETAILS, **SEOUL)) == "00"


def test_an_html_page_has_http_200(portal: Portal) -> None:
    answer = meet(portal, faults.html_error())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html;charset=UTF-8")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_empty_items_are_a_healthy_answer_that_says_nothing(portal: Portal) -> None:
    body = body_of(meet(portal, faults.empty_items()))
    assert (body["items"], body["totalCount"]) == ("", 0)
    portal.upstream.fail("*", faults.empty_items())
    body = body_of(portal.kspo(BOAT_RANKS, race_day=20261118))
    assert (body["items"], body["totalCount"]) == ("", "0")


def test_a_wrong_count_is_one_too_many_and_the_rows_are_right(portal: Portal) -> None:
    right = body_of(portal.kra(DETAILS, **SEOUL))
    wrong = body_of(meet(portal, faults.wrong_count()))
    assert wrong == {**right, "totalCount": right["totalCount"] + 1}
    portal.upstream.fail("*", faults.wrong_count())
    assert body_of(portal.kspo(BOAT_RANKS, race_day=20261118))["totalCount"] == "103"


def test_a_duplicated_page_repeats_the_page_before_it(portal: Portal) -> None:
    first, second = (body_of(portal.kra(DETAILS, **SEOUL, pageNo=number)) for number in (1, 2))
    assert first["items"] != second["items"]
    repeated = body_of(meet(portal, faults.duplicated_page(), pageNo=2))
    assert repeated == {**second, "items": first["items"]}


def test_a_duplicated_first_page_repeats_a_row_and_lacks_another(portal: Portal) -> None:
    right = body_of(portal.kra(DETAILS, **SEOUL))
    repeated = body_of(meet(portal, faults.duplicated_page()))
    rows = right["items"]["item"]
    assert repeated == {**right, "items": {"item": [*rows[:-1], rows[0]]}}


def test_a_duplicated_single_row_comes_twice(portal: Portal) -> None:
    right = body_of(portal.kra(DETAILS, **SEOUL, numOfRows=1))
    repeated = body_of(meet(portal, faults.duplicated_page(), numOfRows=1))
    assert repeated["items"]["item"] == [right["items"]["item"]] * 2


def test_a_slow_body_is_whole_whatever_its_size(portal: Portal) -> None:
    right = portal.kra(DETAILS, **SEOUL, numOfRows=1000)
    slow = meet(portal, faults.slow(), numOfRows=1000)
    assert slow.content == right.content
    assert slow.elapsed.total_seconds() >= faults.SLOW_S / 2


@pytest.mark.parametrize("fault", [faults.empty_items(), faults.wrong_count(), faults.duplicated_page()])
def test_what_is_no_page_of_rows_is_left_alone(portal: Portal, fault: Fault) -> None:
    portal.upstream.fail("*", fault, times=2)
    assert "<returnReasonCode>30<" in portal.kra(DETAILS, serviceKey="nobody").text
    assert refusal_of(portal.kspo(BOAT_RANKS, numOfRows=2000)) == "336"


def test_a_duplicated_page_without_rows_stays_empty(portal: Portal) -> None:
    portal.upstream.fail("*", faults.duplicated_page())
    assert body_of(portal.kra(SCRATCHES, meet=1, rc_date=20261117))["items"] == ""


def observed(portal: Portal) -> str:
    """How an answer looks to a client."""
    asked = {"serviceKey": portal.simulator.service_key, "_type": "json", "meet": "1", "rc_date": "20261114"}
    try:
        answer = portal.client.get(f"/B551015/{DETAILS}", params=asked, timeout=httpx.Timeout(5, read=0.3))
    except httpx.ReadTimeout:
        return "timeout"
    except httpx.RemoteProtocolError:
        return "truncated"
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.headers.get('retry-after')}"
    return look(answer.text)


def look(text: str) -> str:
    if text.startswith("<"):
        return text.partition("<returnReasonCode>")[2].partition("<")[0]
    try:
        body = json.loads(text)["response"]["body"]
    except json.JSONDecodeError:
        return "cut"
    if body["items"] == "":
        return "empty"
    if len({json.dumps(row) for row in body["items"]["item"]}) < 10:
        return "repeated"
    return f"{body['totalCount']} rows"


def test_the_mix_has_every_fault_and_the_lie_where_it_is_wanted(portal: Portal) -> None:
    right = observed(portal)
    assert right.endswith("rows")
    wrong = f"{int(right.split()[0]) + 1} rows"
    seen = []
    for fault in faults.fault_mix(empty=True):
        portal.upstream.fail("*", fault)
        seen.append(observed(portal))
    # A slow body looks right in the end.
    assert seen == [
        *("429 0", "429 1", "500 None", "timeout", right, "truncated", "cut", "1", "99", "23"),
        *(wrong, "repeated", "empty"),
    ]
    assert [fault.name for fault in faults.fault_mix(empty=False)] == [
        fault.name for fault in faults.fault_mix(empty=True) if fault.name != "empty items"
    ]


def test_a_fifth_of_all_requests_meets_a_fault_of_the_mix(portal: Portal) -> None:
    mix = [fault for fault in faults.fault_mix(empty=True) if fault.name not in ("timeout", "slow")]
    portal.upstream.fault_rate(0.2, seed=3, faults=mix)
    looks = [observed(portal) for _ in range(150)]
    right = max(set(looks), key=looks.count)
    assert 15 < len(portal.upstream.injected) < 50
    assert len(portal.upstream.injected) == sum(each != right for each in looks)
