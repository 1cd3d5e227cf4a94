"""The simulated portal as a plain HTTP client sees it: shapes, paging, refusals."""

import itertools
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from fotmate_assets.embedded.portal.server import SERVICE_KEY
from fotmate_assets_tests.embedded.portal.client import (
    BOAT_CARD,
    BOAT_DOCUMENT,
    BOAT_PAYOFF,
    BOAT_RANKS,
    BOAT_RESULT,
    CYCLE_CARD,
    CYCLE_PAYOFF,
    CYCLE_RANKS,
    CYCLE_RESULT,
    DETAILS,
    DIVIDENDS,
    GRID,
    GROUND,
    JOCKEYS,
    PLAN,
    SALES,
    SCRATCHES,
    SHEET,
    TOTALS,
    WEIGHTS,
    Portal,
    body_of,
    refusal_of,
    rows_of,
)

SEOUL = {"meet": 1, "rc_date": 20261114}
BUSAN = {"meet": 3, "rc_date": 20261115}
JEJU = {"meet": 2, "rc_date": 20261114}
NOVEMBER = {"rc_date_fr": 20261101, "rc_date_to": 20261130}
UNIQUE = {
    **dict.fromkeys((PLAN, GROUND), ("rcDate", "rcNo")),
    **dict.fromkeys((SHEET, WEIGHTS, SCRATCHES, JOCKEYS, DETAILS, TOTALS), ("rcDate", "rcNo", "chulNo")),
    **dict.fromkeys((GRID, DIVIDENDS), ("rcDate", "rcNo", "pool", "chulNo", "chulNo2", "chulNo3")),
    SALES: ("rcDate", "rcNo", "pool"),
}


# Envelope and paging ------------------------------------------------------------------------------------------------


def test_ten_rows_come_where_nothing_is_asked_for(portal: Portal) -> None:
    body = body_of(portal.kra(DETAILS, **SEOUL))
    assert (len(body["items"]["item"]), body["numOfRows"], body["pageNo"]) == (10, 10, 1)
    assert body["totalCount"] > 100
    body = body_of(portal.kspo(CYCLE_RANKS, race_day=20261114))
    assert (len(body["items"]["item"]), body["numOfRows"], body["pageNo"]) == (10, "10", "1")
    assert int(body["totalCount"]) > 100


@pytest.mark.parametrize(("page_rows", "service"), list(itertools.product((7, 50, 1000), (DETAILS, GRID))))
def test_the_pages_of_kra_together_are_the_whole_without_repeats(portal: Portal, page_rows: int, service: str) -> None:
    whole = portal.rows(service, **SEOUL)
    pages = []
    for number in range(1, -(-len(whole) // page_rows) + 1):
        pages += rows_of(portal.kra(service, **SEOUL, numOfRows=page_rows, pageNo=number))
        if number == 30:
            break
    assert pages == whole[: page_rows * 30]
    beyond = body_of(portal.kra(service, **SEOUL, numOfRows=100_000, pageNo=2))
    assert (beyond["items"], beyond["totalCount"]) == ("", len(whole))


def test_the_pages_of_kspo_number_their_rows_through(portal: Portal) -> None:
    whole = portal.rows(CYCLE_RANKS, race_day=20261114)
    assert [row["row_num"] for row in whole] == list(range(1, len(whole) + 1))
    pages = [
        rows_of(portal.kspo(CYCLE_RANKS, race_day=20261114, numOfRows=50, pageNo=number)) for number in (1, 2, 3, 4)
    ]
    assert list(itertools.chain.from_iterable(pages)) == whole
    assert refusal_of(portal.kspo(CYCLE_RANKS, race_day=20261114, numOfRows=50, pageNo=5)) == "334"


@pytest.mark.parametrize("service", UNIQUE)
def test_rows_of_a_month_are_unique_and_as_many_as_said(portal: Portal, service: str) -> None:
    """API299 knows no months, API189_1 only spans."""
    asked = {TOTALS: {"rc_date": 20261114}, GROUND: NOVEMBER}.get(service, {"rc_month": 202611})
    body = body_of(portal.kra(service, meet=1, **asked, numOfRows=300_000))
    rows = body["items"]["item"]
    assert len(rows) == body["totalCount"]
    assert max(Counter(tuple(row[name] for name in UNIQUE[service]) for row in rows).values()) == 1


def test_a_month_is_the_sum_of_its_days(portal: Portal) -> None:
    month = portal.rows(SHEET, meet=2, rc_month=202611)
    days = {row["rcDate"] for row in month}
    assert len(days) > 5
    assert month == [row for day in sorted(days) for row in portal.rows(SHEET, meet=2, rc_date=day)]


def test_no_rows_are_an_empty_text_and_one_row_is_an_object(portal: Portal) -> None:
    empty = body_of(portal.kra(DETAILS, meet=1, rc_date=20261117))
    assert (empty["items"], empty["totalCount"]) == ("", 0)
    empty = body_of(portal.kspo(CYCLE_RANKS, race_day=20261117))
    assert (empty["items"], empty["totalCount"]) == ("", "0")
    assert isinstance(body_of(portal.kra(DETAILS, **SEOUL, numOfRows=1))["items"]["item"], dict)
    one = body_of(portal.kspo(BOAT_PAYOFF, stnd_yr=2026, week_tcnt=43, day_tcnt=1, race_no="03"))
    assert (one["items"]["item"]["race_no"], one["totalCount"]) == ("03", "1")


def test_without_asking_for_json_it_comes_as_xml(portal: Portal) -> None:
    for answer in (portal.kra(PLAN, **SEOUL, _type=None), portal.kspo(BOAT_RANKS, race_day=20261118, resultType="xml")):
        assert answer.headers["content-type"].startswith("text/xml")
        assert answer.text.count("<item>") == 10
        assert "<resultCode>00</resultCode>" in answer.text


# Refusals -----------------------------------------------------------------------------------------------------------


def gateway_code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.text.startswith("<OpenAPI_ServiceResponse>")
    return answer.text.partition("<returnReasonCode>")[2].partition("<")[0]


def test_an_unknown_path_is_code_12_even_without_a_key(portal: Portal) -> None:
    for path in ("/B551015/API214_17/oddsInfo_1", "/B551015/API214_1/raceDetailResult_1", "/B551014/SRVC_NONE/X"):
        answer = portal.client.get(path)
        assert (gateway_code(answer), answer.status_code) == ("12", 200)


def test_a_wrong_key_is_code_30_with_http_200_and_401_by_turns(portal: Portal) -> None:
    twice_encoded = SERVICE_KEY.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    answers = [portal.kra(DETAILS, **SEOUL, serviceKey=key) for key in (None, "nobody", twice_encoded, "nobody")]
    answers += [portal.kspo(CYCLE_RANKS, serviceKey="nobody"), portal.kspo(CYCLE_RANKS, serviceKey=None)]
    assert [gateway_code(answer) for answer in answers] == ["30"] * 6
    assert [answer.status_code for answer in answers] == [200, 401] * 3


def test_both_spellings_of_the_key_are_taken(portal: Portal) -> None:
    assert rows_of(portal.kra(DETAILS, **SEOUL, serviceKey=None, ServiceKey=SERVICE_KEY))


@pytest.mark.parametrize(
    ("code", "service", "params"),
    [
        ("336", CYCLE_RANKS, {"numOfRows": 1001}),
        ("340", CYCLE_RANKS, {"resultType": None}),
        ("301", CYCLE_RANKS, {"resultType": "yaml"}),
        ("340", CYCLE_RESULT, {"stnd_yr": 2026, "meet_nm": "광명", "week_tcnt": 43, "day_tcnt": 1}),
        ("340", BOAT_PAYOFF, {"stnd_yr": 2026, "week_tcnt": 43, "day_tcnt": 1}),
        ("340", BOAT_DOCUMENT, {"race_ymd": 20261118}),
        ("601", "SRVC_CRA_RACE_RANK/todz_cra_race_rank", {}),
    ],
)
def test_kspo_refuses_wrong_questions_with_a_code(
    portal: Portal, code: str, service: str, params: dict[str, object]
) -> None:
    assert refusal_of(portal.kspo(service, **params)) == code
    assert refusal_of(portal.kspo(CYCLE_RANKS, race_day=20261114, numOfRows=1000)) == "00"


@pytest.mark.parametrize(
    ("service", "right", "wrong"),
    [
        (CYCLE_CARD, {"stnd_yr": 2026, "week_tcnt": "09"}, {"week_tcnt": "9"}),
        (BOAT_CARD, {"stnd_yr": 2026, "week_tcnt": "05", "day_tcnt": "1"}, {"week_tcnt": "5"}),
        (BOAT_CARD, {"stnd_yr": 2026, "week_tcnt": "05", "day_tcnt": "1"}, {"day_tcnt": "01"}),
        (BOAT_RESULT, {"stnd_yr": 2026, "week_tcnt": "05", "race_no": "04"}, {"race_no": "4"}),
        (CYCLE_RANKS, {"stnd_year": 2026, "tms": "09"}, {"tms": "9"}),
        (CYCLE_RANKS, {"race_day": "20261114"}, {"race_day": "2026-11-14"}),
        (CYCLE_RANKS, {"race_day": "20261114"}, {"race_day": "20261131"}),
        (BOAT_DOCUMENT, {"stnd_yr": 2026, "race_ymd": "20261118"}, {"race_ymd": "2026.11.18"}),
        (BOAT_DOCUMENT, {"stnd_yr": 2026, "race_ymd": "20261118"}, {"stnd_yr": "2025"}),
    ],
)
def test_kspo_finds_nothing_for_values_written_otherwise(
    portal: Portal, service: str, right: dict[str, object], wrong: dict[str, object]
) -> None:
    assert portal.rows(service, **right)
    assert portal.rows(service, **{**right, **wrong}) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"rc_date": "2026-11-14"},
        {"rc_date": "261114"},
        {"rc_date": "2026117"},
        {"rc_date": "20261131"},
        {"rc_date": None, "rc_month": "11"},
    ],
)
def test_kra_finds_nothing_for_dates_written_otherwise(portal: Portal, wrong: dict[str, object]) -> None:
    assert portal.rows(DETAILS, **{**SEOUL, **wrong}) == []
    assert portal.rows(DETAILS, meet=4, rc_date=20261114) == []


def test_filters_that_the_portal_ignores_change_nothing(portal: Portal) -> None:
    assert portal.rows(GRID, **SEOUL, pool="WIN") == portal.rows(GRID, **SEOUL)
    assert portal.rows(CYCLE_CARD, stnd_yr=2026, week_tcnt=43, day_tcnt=1) == portal.rows(
        CYCLE_CARD, stnd_yr=2026, week_tcnt=43
    )


def test_a_race_can_be_asked_for_alone(portal: Portal) -> None:
    assert {row["rcNo"] for row in portal.rows(DETAILS, **SEOUL, rc_no=3)} == {3}
    one = portal.rows(BOAT_CARD, stnd_yr=2026, week_tcnt=43, day_tcnt=1, race_no="03")
    assert [(row["race_no"], row["race_reg_no"]) for row in one] == [("03", str(lane)) for lane in range(1, 7)]
    name = portal.rows(CYCLE_RANKS, race_day=20261114)[0]["racer_nm"]
    assert {row["racer_nm"] for row in portal.rows(CYCLE_RANKS, race_day=20261114, racer_nm=name)} == {name}


# Rows ---------------------------------------------------------------------------------------------------------------


def test_services_call_a_track_differently(portal: Portal) -> None:
    called = {
        service: {row["meet"] for row in portal.rows(service, **BUSAN)} for service in (PLAN, DETAILS, DIVIDENDS, SALES)
    }
    assert called == {PLAN: {"부산경남"}, DETAILS: {"부경"}, DIVIDENDS: {"영남"}, SALES: {3}}
    assert {row["meet"] for row in portal.rows(SHEET, **SEOUL)} == {"서울"}
    assert {row["meet"] for row in portal.rows(TOTALS, **JEJU)} == {"제주"}


def test_registrations_are_numbers_unless_they_begin_with_a_zero(portal: Portal) -> None:
    seoul, jeju = portal.rows(SHEET, **SEOUL), portal.rows(SHEET, **JEJU)
    assert all(row["hrNo"].startswith("00") and len(row["hrNo"]) == 7 for row in seoul)
    assert {type(row["hrNo"]) for row in jeju} == {int}
    assert {type(row["owNo"]) for row in seoul} == {int, str}
    weighed = portal.rows(WEIGHTS, **SEOUL)
    assert {type(row["hrNo"]) for row in weighed} == {int}
    assert {f"{row['hrNo']:07d}" for row in weighed} <= {row["hrNo"] for row in seoul}


def test_a_result_row_reads_like_the_sample(portal: Portal) -> None:
    rows = portal.rows(DETAILS, **SEOUL, rc_no=1)
    assert [row["ord"] for row in rows] == sorted(row["ord"] for row in rows)
    winner = rows[0]
    assert (winner["ord"], winner["diffUnit"], winner["rcDate"]) == (1, "-", 20261114)
    assert winner["winOdds"] >= 1
    assert winner["seS1fAccTime"] > 12
    assert 0 < winner["seG1fAccTime"] < winner["rcTime"]
    assert winner["buS1fTime"] == winner["jeS1fTime"] == 0
    kilograms, _, change = winner["wgHr"].rstrip(")").partition("(")
    assert 400 < int(kilograms) < 560
    assert -20 < int(change) < 20
    busan = portal.rows(DETAILS, **BUSAN)[0]
    assert busan["buG1fAccTime"] + busan["bu_1fGTime"] == pytest.approx(busan["rcTime"], abs=0.06)


def test_both_result_services_and_the_grid_agree(portal: Portal) -> None:
    details = {(row["rcNo"], row["chulNo"]): row for row in portal.rows(DETAILS, **SEOUL)}
    totals = {(row["rcNo"], row["chulNo"]): row for row in portal.rows(TOTALS, **SEOUL)}
    assert details.keys() == totals.keys()
    for key, row in details.items():
        assert [row[name] for name in ("ord", "rcTime", "wgHr", "hrNo", "jkNo")] == [
            totals[key][name] for name in ("ord", "rcTime", "wgHr", "hrNo", "jkNo")
        ]
    grid = portal.rows(GRID, **SEOUL)
    wins = {(row["rcNo"], row["chulNo"]): row["odds"] for row in grid if row["pool"] == "단승식"}
    assert wins == {key: row["winOdds"] for key, row in details.items() if row["winOdds"]}
    renamed = Counter(row["pool"] for row in portal.rows(DIVIDENDS, **SEOUL))
    assert sorted(renamed.values()) == sorted(Counter(row["pool"] for row in grid).values())
    assert set(renamed) == {"WIN", "PLC", "QNL", "EXA", "QPL", "TLA", "TRI"}


def test_sales_name_the_winning_combinations_of_the_grid(portal: Portal) -> None:
    names = {"단식": "단승식", "쌍식": "쌍승식", "삼쌍": "삼쌍승식", "연식": "연승식"}
    grid = {
        (row["rcNo"], row["pool"], *(row[n] for n in ("chulNo", "chulNo2", "chulNo3") if row[n])): row["odds"]
        for row in portal.rows(GRID, **SEOUL)
    }
    sales = portal.rows(SALES, **SEOUL)
    assert set(Counter(row["rcNo"] for row in sales).values()) == {7}
    for row in sales:
        assert row["amt"] % 100 == 0
        assert row["amt"] > 0
        if row["pool"] in names:
            for declared in row["odds"].split():
                circled, _, price = declared.rpartition("-")
                numbers = [ord(sign) - 0x245F for sign in circled]
                assert grid[row["rcNo"], names[row["pool"]], *numbers] == float(price)
    assert {len(row["odds"].split()) for row in sales if row["pool"] == "연식"} == {2, 3}


def test_the_cycle_card_is_of_gwangmyeong_with_its_blanks(portal: Portal) -> None:
    rows = portal.rows(CYCLE_CARD, stnd_yr=2026, week_tcnt=43, meet_nm="광명")
    assert len(rows) == 3 * 16 * 7
    assert {row["meet_nm"] for row in rows} == {"광명  "}
    assert {row["race_ymd"] for row in rows} == {"2026.11.13", "2026.11.14", "2026.11.15"}
    assert (rows[0]["week_tcnt"], rows[0]["day_tcnt"], rows[0]["race_no"], rows[0]["dptre_tm"]) == (
        "43",
        "1",
        "01",
        '11"00',
    )
    assert all(isinstance(value, str) for row in rows for name, value in row.items() if name != "row_num")


def test_rankings_results_and_payoffs_of_kspo_agree(portal: Portal) -> None:
    asked = {"stnd_yr": 2026, "week_tcnt": 43, "day_tcnt": 2}
    ranks = portal.rows(CYCLE_RANKS, race_day=20261114)
    assert {row["meet_nm"] for row in ranks} == {"광명", "창원", "부산"}
    cards = {
        (row["race_no"], row["racer_nm"]): row["back_no"]
        for row in portal.rows(CYCLE_CARD, **asked)
        if row["race_ymd"] == "2026.11.14"
    }
    payoffs = {row["race_no"]: row for row in portal.rows(CYCLE_PAYOFF, **asked)}
    assert len(payoffs) == 16
    for race_no, payoff in payoffs.items():
        (result,) = portal.rows(CYCLE_RESULT, **asked, meet_nm="광명", race_no=race_no)
        first = next(
            row for row in ranks if (row["meet_nm"], row["race_no"], row["race_rank"]) == ("광명", race_no, "01")
        )
        number = cards[race_no, first["racer_nm"]]
        assert result["rank1"] == f"{chr(0x245F + int(number))}{first['racer_nm']}"
        assert result["pool1_val"] == f"({number}){payoff['pool1_val']}"
        assert result["pool4_val"].endswith(f"){payoff['pool4_val']}")
        assert result["pool7_val"].startswith(f"({number}-")
    (changwon,) = portal.rows(CYCLE_RESULT, **asked, meet_nm="창원", race_no="01")
    assert changwon["meet_nm"] == "창원"


def test_boats_have_a_card_without_a_date_and_a_document_with_one(portal: Portal) -> None:
    document = portal.rows(BOAT_DOCUMENT, stnd_yr=2026, race_ymd=20261118)
    card = portal.rows(BOAT_CARD, stnd_yr=2026, week_tcnt=document[0]["week_tcnt"], day_tcnt=1)
    assert len(document) == len(card) == 17 * 6
    assert [(row["race_no"], row["racer_nm"], row["motor_no"]) for row in card] == [
        (row["race_no"], row["racer_nm"], row["motor_no"]) for row in document
    ]
    assert "race_ymd" not in card[0]
    assert card[0]["st_mthd_cd"] == "002   "
    assert card[0]["dptre_tm"] == "11:40"
    results = portal.rows(BOAT_RESULT, stnd_yr=2026, week_tcnt=card[0]["week_tcnt"], day_tcnt=1)
    ranks = portal.rows(BOAT_RANKS, race_day=20261118)
    assert {row["mbr_nm"] for row in ranks} == {"미사리"}
    for result in results:
        first = next(row for row in ranks if (row["race_no"], row["race_rank"]) == (result["race_no"], "1"))
        assert result["rank1"][1:] == first["racer_nm"]
        assert re.fullmatch(rf"{result['rank1'][0]}[\d.]+", result["pool2_val"])
        assert re.match(rf"{result['rank2'][0]}[\d.]+", result["pool3_val"])
        assert "pool7_val" not in result


def test_it_is_served_by_the_process_of_the_sample_upstream(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    portfile = tmp_path / "port"
    command = [sys.executable, "-m", "fotmate_assets.embedded.upstream", "--root", str(tmp_path / "files")]
    with subprocess.Popen([*command, "--port", "0", "--portfile", str(portfile), "--portal"]) as process:
        try:
            until = time.monotonic() + 60
            while not portfile.exists():
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            root = f"http://127.0.0.1:{portfile.read_text()}"
            asked = {"serviceKey": SERVICE_KEY, "_type": "json", "resultType": "json", "numOfRows": "5"}
            details = httpx.get(f"{root}/B551015/{DETAILS}", params={**asked, "meet": "1", "rc_month": "202501"})
            ranks = httpx.get(f"{root}/B551014/{CYCLE_RANKS}", params={**asked, "stnd_year": "2025", "tms": "03"})
            assert len(rows_of(details)) == len(rows_of(ranks)) == 5
        finally:
            process.terminate()
