"""The real records and the official Swagger documents. Expected values were typed from the files by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fotmate_assets.racing.model import KST, Entry, FinishStatus, Meeting, Payoff, Pool, Race, RaceCard, Result
from fotmate_assets.racing.sources.kspo import services
from fotmate_assets.racing.sources.kspo.payoffs import BOAT_COLUMNS, CYCLE_COLUMNS, Column
from fotmate_assets.racing.sources.kspo.rows import (
    BOAT_DOC_KNOWN,
    BOAT_INFO_KNOWN,
    CYCLE_CARD_KNOWN,
    BoatDocRow,
    BoatInfoRow,
    CycleCardRow,
    PayoffRow,
    RankRow,
    ResultRow,
)
from fotmate_assets.racing.sources.kspo.source import KSPO
from fotmate_assets.racing.sources.source import Inquiry
from fotmate_assets_tests.racing.kspo.samples import GWANGMYEONG, MISARI, listing

pytestmark = pytest.mark.real_data

PORTAL = {"serviceKey", "pageNo", "numOfRows", "resultType"}
"""Parameters that the portal client adds."""


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    found = real_data / "kspo"
    if not found.is_dir():
        pytest.skip(f"no real KSPO files at {found}")
    return found


def record(folder: Path, sport: str, name: str) -> dict[str, Any]:
    path = next((folder / "samples").glob(f"{sport}_*.json"))
    row: dict[str, Any] = json.loads(path.read_text())[name]["sample"]
    return row


def built(meeting: Meeting, *records: tuple[Inquiry, dict[str, Any]]) -> RaceCard:
    found = KSPO().build(meeting, {inquiry.slot: listing(inquiry, [row]) for inquiry, row in records})
    assert found.failures == ()
    assert len(found.card.races) == 1
    return found.card.races[0]


def payoff(
    pool: Pool, combination: str, odds: float, label: str, service: str, confirmed: float | None = None
) -> Payoff:
    return Payoff(pool, combination, odds, pool_label=label, service=service, confirmed_odds=confirmed)


def test_the_cycle_card(folder: Path) -> None:
    card = built(GWANGMYEONG, (services.cycle_card(2026, 1), record(folder, "cycle", "race_card")))
    off = datetime(2026, 1, 2, 12, 55, tzinfo=KST)
    assert card.race == Race(
        1,
        distance_m=1691,
        grade="선발",
        field_size=1,
        scheduled_post_time=off,
        post_time=off,
        details={"round_cnt": 5},
    )
    assert card.entries == (
        Entry(
            1,
            "신용수",
            age=53,
            grade="선발",
            gear_ratio=3.92,
            details={
                "bf3_meet_nm": "광",
                "bf2_meet_nm": "창",
                "bf3_day1_ymd": "1024",
                "mrk_win_cnt": "2",
                "bf3_day2_rank": "선발 3-7",
                "win_tot_tcnt": "2",
                "area_tms3_avg_scr": "81.943",
                "bf1_day3_rank": "선발 3-3",
                "bf2_day1_rank": "선발 2-4",
                "bf3_day3_rank": "선발 4-5",
                "pre_win_cnt": "0",
                "bf1_day1_ymd": "1205",
                "bf2_day2_rank": "선발 4-7",
                "trng_plc_nm": "서울A",
                "high_3_rate": "5",
                "win_rate": "0",
                "run_day_tcnt": "23",
                "color_nm": "백",
                "bf1_meet_nm_nm": "부",
                "bf1_day1_rank": "선발 4-5",
                "bf3_day1_rank": "선발 3-7",
                "tot_tms_avg_scr": "81.744",
                "racer_grd_cur_cd": "B3",
                "high_rate": "0",
                "racer_grd_bef_cd": "B3",
                "rec_200m_scr": '12"00',
                "rec_200m_s": 12.0,
                "bf2_day3_rank": "선발 1-7",
                "pas_win_cnt": "0",
                "period_no": "1",
                "brk_win_cnt": "0",
                "bf1_day2_rank": "선발 3-7",
                "bf2_day1_ymd": "1107",
            },
        ),
    )


def test_the_cycle_result_with_its_payoffs(folder: Path) -> None:
    card = built(
        GWANGMYEONG,
        (services.cycle_result(GWANGMYEONG, 1), record(folder, "cycle", "race_result")),
        (services.cycle_payoff(GWANGMYEONG), record(folder, "cycle", "payoff")),
    )
    assert card.race == Race(1)
    assert card.results == (
        Result(2, "이길섭", FinishStatus.FINISHED, 1),
        Result(5, "최원재", FinishStatus.FINISHED, 3),
        Result(7, "김용남", FinishStatus.FINISHED, 2),
    )
    assert card.payoffs == (
        payoff(Pool.WIN, "2", 2.5, "단승식값", "CRA_RACE_RESULT", 2.5),
        payoff(Pool.PLC, "2", 1.2, "연승식값", "CRA_RACE_RESULT", 1.2),
        payoff(Pool.PLC, "7", 2.1, "연승식값", "CRA_RACE_RESULT", 2.1),
        payoff(Pool.EXA, "2-7", 9.4, "쌍승식값", "CRA_RACE_RESULT", 9.4),
        payoff(Pool.QNL, "2-7", 5.6, "복승식값", "CRA_RACE_RESULT", 5.6),
        payoff(Pool.POOL6, "2-7-5", 3.4, "삼복승값", "CRA_RACE_RESULT", 3.4),
        payoff(Pool.POOL7, "2-7-5", 20.5, "쌍복승값", "CRA_RACE_RESULT"),
        payoff(Pool.POOL8, "2-7-5", 6.4, "삼쌍승값", "CRA_RACE_RESULT"),
    )


def test_the_cycle_ranking(folder: Path) -> None:
    meeting = Meeting(date(2026, 6, 13), "gwangmyeong", 2026, 24, 2)
    row = record(folder, "cycle", "race_rank")
    found = KSPO().calendar(
        [meeting.race_date],
        lambda asked: {one.document: listing(one, [row] if "CRA_RACE_RANK" in one.document else []) for one in asked},
        datetime(2026, 6, 20, tzinfo=KST),
        [],
    )
    assert found.meetings == (meeting,)
    # The card that would number him is not among the records.
    card = KSPO().build(meeting, {"CRA_RACE_RANK": listing(services.cycle_rank(meeting.race_date, 2026), [row])}).card
    assert [one.race for one in card.races] == [Race(15)]
    assert card.warnings == ("race 15: 1 of 1 ranked runners have no start number: 유태복",)


def test_the_cycle_ranking_of_a_rider_whom_a_card_numbers(folder: Path) -> None:
    meeting = Meeting(date(2026, 6, 13), "gwangmyeong", 2026, 24, 2)
    rider = record(folder, "cycle", "race_card") | {
        "race_ymd": "2026.06.13",
        "race_no": "15",
        "back_no": "4",
        "racer_nm": "유태복",
    }
    card = built(
        meeting,
        (services.cycle_card(2026, 24), rider),
        (services.cycle_rank(meeting.race_date, 2026), record(folder, "cycle", "race_rank")),
    )
    assert card.results == (Result(4, "유태복", FinishStatus.FINISHED, 6, runner_id="20100013"),)
    assert card.race.is_complete


def test_the_boat_card(folder: Path) -> None:
    card = built(MISARI, (services.boat_info(MISARI), record(folder, "boat", "race_card")))
    off = datetime(2026, 1, 28, 11, 40, tzinfo=KST)
    assert card.race == Race(
        1,
        grade="일반",
        field_size=1,
        scheduled_post_time=off,
        post_time=off,
        details={"st_mthd_cd": "002"},
    )
    assert card.entries == (
        Entry(
            1,
            "문주엽",
            sex="남",
            age=45,
            body_weight_kg=58.0,
            grade="A1",
            motor_no="078",
            boat_no="056",
            details={
                "mm_6_4_race_high_rank_ratio": "60.0/5",
                "boat_avg_rank_scr": "4.51",
                "tms_6_avg_strt_tm": "0.26",
                "mm_6_2_race_high_rank_ratio": "50.0/6",
                "tms_6_high_3_rank_ratio": "66.7",
                "mm_6_5_race_high_rank_ratio": "50.0/6",
                "avg_rank": "3.75",
                "color_nm": "백",
                "tms_6_high_rank_ratio": "38.9",
                "mm_6_3_race_high_rank_ratio": "60.0/5",
                "tms_6_avg_scr": "5.72",
                "tms_8_rank_ord_no": "4346 3222",
                "high_rate": "0.0",
                "tms_6_win_ratio": "16.7",
                "mm_6_1_race_high_rank_ratio": "100.0/3",
                "mm_6_6_race_high_rank_ratio": "50.0/6",
                "thdd_race_no": "09",
                "boat_high_rank_ratio": "30.0",
                "tms_6_avg_rank_scr": "6.11",
                "mot_avg_rank_scr": "4.60",
                "mot_high_3_rank_ratio": "39.7",
                "fl_tcnt": "F0L0",
                "mm_6_race_tcnt": "31",
                "mot_high_rank_ratio": "28.8",
                "mot_bf_racer_1_no": "김은지/444",
                "avg_acdnt_scr": "0.25",
            },
        ),
    )


def test_the_boat_result(folder: Path) -> None:
    """Of round 1; the record of the payoff service is of round 5 and is tested with it."""
    meeting = Meeting(date(2026, 1, 1), "misari", 2026, 1, 1)
    card = built(meeting, (services.boat_result(meeting), record(folder, "boat", "race_result")))
    assert card.results == (
        Result(1, "류해광", FinishStatus.FINISHED, 1),
        Result(2, "곽현성", FinishStatus.FINISHED, 2),
        Result(6, "김인혜", FinishStatus.FINISHED, 3),
    )
    assert card.payoffs == (
        payoff(Pool.WIN, "1", 1.1, "단승식값", "MBR_RACE_RESULT"),
        payoff(Pool.PLC, "1", 1.1, "연승식1값", "MBR_RACE_RESULT"),
        payoff(Pool.PLC, "2", 1.4, "연승식3값", "MBR_RACE_RESULT"),
        payoff(Pool.EXA, "1-2", 1.9, "쌍승식값", "MBR_RACE_RESULT"),
        payoff(Pool.QNL, "1-2", 1.5, "복승식값", "MBR_RACE_RESULT"),
        payoff(Pool.TLA, "1-2-6", 3.4, "삼복승식값", "MBR_RACE_RESULT"),
    )


def test_the_boat_payoff(folder: Path) -> None:
    result = record(folder, "boat", "race_result") | {"week_tcnt": 5}
    card = built(
        MISARI,
        (services.boat_result(MISARI), result),
        (services.boat_payoff(MISARI, 1), record(folder, "boat", "payoff")),
    )
    assert card.payoffs is not None
    assert [one.confirmed_odds for one in card.payoffs] == [1.7, 1.1, 3.9, 8.3, 7.9, 22.2]


def test_the_boat_ranking(folder: Path) -> None:
    meeting = Meeting(date(2002, 6, 18), "misari", 2002, 1, 1)
    result = record(folder, "boat", "race_result") | {"stnd_yr": "2002", "rank1": "③정인교", "rank2": "", "rank3": ""}
    card = built(
        meeting,
        (services.boat_rank(meeting.race_date, meeting.year or 0), record(folder, "boat", "race_rank")),
        (services.boat_result(meeting), result),
    )
    assert card.results == (Result(3, "정인교", FinishStatus.FINISHED, 1, runner_id="01-044"),)


# The Swagger documents -----------------------------------------------------------------------------------------------

SERVICES: dict[str, tuple[Inquiry, type[msgspec.Struct], frozenset[str]]] = {
    "15107830": (services.cycle_card(2026, 9), CycleCardRow, CYCLE_CARD_KNOWN),
    "15143989": (services.cycle_rank(GWANGMYEONG.race_date, 2026), RankRow, frozenset()),
    "15107816": (services.cycle_result(GWANGMYEONG, 1), ResultRow, frozenset()),
    "15107845": (services.cycle_payoff(GWANGMYEONG), PayoffRow, frozenset()),
    "15107797": (services.boat_doc(MISARI.race_date, 2026), BoatDocRow, BOAT_DOC_KNOWN),
    "15107808": (services.boat_info(MISARI), BoatInfoRow, BOAT_INFO_KNOWN),
    "15143984": (services.boat_rank(MISARI.race_date, MISARI.year or 0), RankRow, frozenset()),
    "15107847": (services.boat_result(MISARI), ResultRow, frozenset()),
    "15107811": (services.boat_payoff(MISARI, 1), PayoffRow, frozenset()),
}


def swagger(folder: Path, number: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "openapi" / f"{number}.json").read_text())
    return document


def rows_of(document: object) -> Iterator[dict[str, dict[str, str]]]:
    """The properties of every `item` that a Swagger document defines."""
    if isinstance(document, dict):
        for name, value in document.items():
            if (name == "item" or name.endswith("-item")) and isinstance(value, dict) and "properties" in value:
                yield value["properties"]
            yield from rows_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from rows_of(value)


@pytest.mark.parametrize("number", sorted(SERVICES))
def test_every_documented_field_of_a_service_is_known(folder: Path, number: str) -> None:
    _, struct, known = SERVICES[number]
    documented = {name for row in rows_of(swagger(folder, number)) for name in row}
    used = {field.encode_name for field in msgspec.structs.fields(struct)}
    assert len(documented) > 8
    assert documented <= used | known
    assert not used & known
    # Fields of the same service for the other sport are all that a struct may have beyond the documented.
    assert known <= documented
    assert used - documented <= {"meet_nm", "mbr_nm", "race_ymd", "pool3_val", "pool7_val", "pool8_val"}


@pytest.mark.parametrize("number", sorted(SERVICES))
def test_a_question_has_the_documented_address_and_parameters(folder: Path, number: str) -> None:
    inquiry, _, _ = SERVICES[number]
    document = swagger(folder, number)
    [(path, operation)] = document["paths"].items()
    assert document["host"] + path == f"apis.data.go.kr/B551014/{inquiry.service}"
    parameters = {one["name"]: one["required"] for one in operation["parameters"] if one["name"] not in PORTAL}
    given = dict(inquiry.params).keys()
    assert {name for name, is_required in parameters.items() if is_required} <= given
    assert given <= parameters.keys()


@pytest.mark.parametrize("number", sorted(SERVICES))
def test_the_rows_of_a_service_are_told_apart_by_documented_fields(folder: Path, number: str) -> None:
    inquiry, _, _ = SERVICES[number]
    documented = {name for row in rows_of(swagger(folder, number)) for name in row}
    assert inquiry.unique
    assert set(inquiry.unique) <= documented


@pytest.mark.parametrize(("number", "columns"), [("15107816", CYCLE_COLUMNS), ("15107847", BOAT_COLUMNS)])
def test_pools_are_labelled_as_the_swagger_labels_them(folder: Path, number: str, columns: tuple[Column, ...]) -> None:
    labels: dict[str, set[str]] = {}
    for row in rows_of(swagger(folder, number)):
        for name, value in row.items():
            labels.setdefault(name, set()).add(value["description"])
    for column in columns:
        assert column.label in labels[column.name]
    assert {name for name in labels if name.startswith("pool")} == {column.name for column in columns}
