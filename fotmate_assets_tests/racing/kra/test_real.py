"""Real answers of the portal. The expected values were read from the files by hand."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fotmate_assets.racing.model import KST, FinishStatus, Meeting, RaceCard
from fotmate_assets.racing.sources import rows
from fotmate_assets.racing.sources.kra.values import day_of, registration, track_of
from fotmate_assets.racing.sources.source import Listing
from fotmate_assets_tests.racing.kra.samples import built, card_of, listing

pytestmark = pytest.mark.real_data


def items(path: Path) -> list[Mapping[str, Any]]:
    """The rows of an answer in JSON: a list, or one object."""
    found = msgspec.json.decode(path.read_bytes())["response"]["body"]["items"]["item"]
    return found if isinstance(found, list) else [found]


def xml_items(path: Path) -> list[Mapping[str, Any]]:
    """The rows of its twin in XML, where everything is text."""
    return [{field.tag: field.text or "" for field in item} for item in ET.parse(path).iter("item")]


def of_meeting(slot: str, found: Sequence[Mapping[str, Any]]) -> Listing:
    """A real answer as the document of the day of its first row."""
    return listing(slot, found, track_of(found[0]["meet"]), day=day_of(int(found[0]["rcDate"])))


def prerace(folder: Path, name: str) -> RaceCard:
    """The one race of an API214_1 answer."""
    meet, day, number, _ = name.removeprefix("race_").split("_")
    meeting = Meeting(datetime.strptime(day, "%Y%m%d").replace(tzinfo=KST).date(), track_of(meet))
    found = items(folder / "kra" / "prerace_2025" / f"{name}.json")
    return card_of(built(of_meeting("API214_1", found), meeting=meeting), int(number))


OPEN_A = "연령오픈 별정A R0~0"
PRERACE = [
    ("race_1_20250531_1_prerace", 7, 1000, "국6등급", "2세 별정A R0~0", 45_000_000, "맑음", 4.0),
    ("race_1_20250531_2_prerace", 11, 1200, "국6등급", OPEN_A, 30_000_000, "맑음", 4.0),
    ("race_1_20250531_3_prerace", 9, 1400, "국6등급", OPEN_A, 30_000_000, "맑음", 4.0),
    ("race_1_20250531_4_prerace", 8, 1400, "국5등급", "연령오픈 핸디캡 R1~35", 45_000_000, "맑음", 4.0),
    ("race_1_20250531_5_prerace", 9, 1800, "국5등급", "연령오픈 핸디캡 R1~35", 45_000_000, "흐림", 4.0),
    ("race_1_20250531_6_prerace", 8, 1600, "국4등급", "연령오픈 핸디캡 R1~50", 60_000_000, "맑음", 4.0),
    ("race_1_20250531_7_prerace", 11, 1200, "혼4등급", "연령오픈 핸디캡 R0~50", 60_000_000, "맑음", 4.0),
    ("race_1_20250531_8_prerace", 9, 1800, "혼3등급", "연령오픈 핸디캡 R1~65", 75_000_000, "맑음", 4.0),
    ("race_1_20250531_9_prerace", 11, 1400, "국3등급", "연령오픈 핸디캡 R1~65", 75_000_000, "맑음", 4.0),
    ("race_1_20250531_10_prerace", 11, 1400, "2등급", "연령오픈 핸디캡 R60~80", 90_000_000, "맑음", 4.0),
    ("race_3_20250601_1_prerace", 11, 1400, "국6등급", OPEN_A, 30_000_000, "맑음", 2.0),
    ("race_3_20250601_2_prerace", 10, 1200, "국5등급", "연령오픈 핸디캡 R1~35", 45_000_000, "맑음", 2.0),
    ("race_3_20250601_3_prerace", 11, 1300, "국5등급", "연령오픈 핸디캡 R1~35", 45_000_000, "맑음", 2.0),
    ("race_3_20250601_4_prerace", 9, 1800, "국4등급", "연령오픈 핸디캡 R1~50", 60_000_000, "맑음", 2.0),
    ("race_3_20250601_5_prerace", 11, 1600, "혼3등급", "연령오픈 핸디캡 R1~65", 75_000_000, "맑음", 2.0),
    ("race_3_20250601_6_prerace", 13, 1600, "혼OPEN", "3세이상 별정A R0~140", 500_000_000, "맑음", 2.0),
]
"""File, entries, metres, class, conditions, prizes in won, weather, moisture of the dry track in percent."""


@pytest.mark.parametrize(("name", "field", "metres", "grade", "conditions", "purse", "weather", "moisture"), PRERACE)
def test_a_race_before_its_result_has_entries_and_facts(
    real_data: Path,
    name: str,
    field: int,
    metres: int,
    grade: str,
    conditions: str,
    purse: int,
    weather: str,
    moisture: float,
) -> None:
    card = prerace(real_data, name)
    assert len(card.entries or ()) == field
    assert (card.race.distance_m, card.race.grade, card.race.conditions) == (metres, grade, conditions)
    assert card.race.purse_krw == purse
    assert (card.race.weather, card.race.track_condition, card.race.track_moisture_pct) == (weather, "건조", moisture)
    assert (card.results, card.payoffs) == (None, None)
    assert (card.race.is_complete, card.race.is_cancelled, card.race.post_time) == (False, False, None)


NUMBERS = {
    "race_1_20250531_1_prerace": [1, 2, 3, 4, 5, 7, 8],
    "race_1_20250531_3_prerace": [1, 2, 3, 4, 5, 6, 7, 9, 10],
    "race_3_20250601_2_prerace": [1, 2, 3, 4, 5, 6, 7, 9, 10, 11],
    "race_3_20250601_6_prerace": [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_withdrawn_numbers_are_missing_before_the_race(real_data: Path, name: str) -> None:
    assert [entry.start_no for entry in prerace(real_data, name).entries or ()] == NUMBERS[name]


RUNNERS = [
    # Race, number, horse, registration, sex, age, jockey, trainer, owner, burden, weight, change, rating.
    (
        "race_1_20250531_1_prerace",
        5,
        "유니버설",
        "0053206",
        "수",
        2,
        "080602",
        "070148",
        "110058",
        55.0,
        487.0,
        15.0,
        None,
    ),
    (
        "race_1_20250531_3_prerace",
        9,
        "살바도르",
        "0051723",
        "수",
        3,
        "080366",
        "070225",
        "010496",
        57.0,
        483.0,
        None,
        None,
    ),
    (
        "race_1_20250531_4_prerace",
        7,
        "어퍼핸드",
        "0051334",
        "암",
        3,
        "080588",
        "070096",
        "215633",
        55.0,
        415.0,
        -6.0,
        34,
    ),
    (
        "race_1_20250531_5_prerace",
        8,
        "금성보스",
        "0051675",
        "수",
        3,
        "080515",
        "070103",
        "065096",
        53.5,
        505.0,
        6.0,
        28,
    ),
    (
        "race_1_20250531_9_prerace",
        4,
        "우승콩코드",
        "1412298",
        "거",
        4,
        "080602",
        "070174",
        "114026",
        58.0,
        503.0,
        -2.0,
        65,
    ),
    (
        "race_1_20250531_10_prerace",
        4,
        "신의이름",
        "0052503",
        "거",
        4,
        "080582",
        "070225",
        "105239",
        57.0,
        461.0,
        None,
        77,
    ),
    (
        "race_3_20250601_3_prerace",
        11,
        "대호마",
        "0042912",
        "수",
        7,
        "080568",
        "070137",
        "104118",
        56.5,
        499.0,
        None,
        34,
    ),
    (
        "race_3_20250601_6_prerace",
        6,
        "[서울]라온포레스트",
        "0046086",
        "암",
        5,
        "080361",
        "070095",
        "123026",
        56.0,
        476.0,
        1.0,
        102,
    ),
]


@pytest.mark.parametrize("expected", RUNNERS, ids=lambda it: f"{it[0]}-{it[1]}")
def test_a_runner_before_the_race(real_data: Path, expected: tuple[Any, ...]) -> None:
    name, number, *facts = expected
    (entry,) = (it for it in prerace(real_data, name).entries or () if it.start_no == number)
    assert [
        entry.runner_name,
        entry.runner_id,
        entry.sex,
        entry.age,
        entry.jockey_id,
        entry.trainer_id,
        entry.owner_id,
        entry.burden_kg,
        entry.body_weight_kg,
        entry.body_weight_change_kg,
        entry.rating,
    ] == facts
    assert not entry.is_scratched
    assert entry.extra == {}


def test_a_cup_race_is_named_and_its_bonuses_are_details(real_data: Path) -> None:
    race = prerace(real_data, "race_3_20250601_6_prerace").race
    assert race.name == "KNN배(G3)"
    assert race.details == {
        "ilsu": 42,
        "rcDay": "일요일",
        "buga1": 14_100_000,
        "buga2": 7_050_000,
        "buga3": 2_350_000,
    }


def busan(found: Sequence[Mapping[str, Any]]) -> RaceCard:
    """Busan, 2025-05-23, race 1."""
    return card_of(built(of_meeting("API214_1", found), meeting=Meeting(date(2025, 5, 23), "busan")))


def seoul(found: Sequence[Mapping[str, Any]]) -> RaceCard:
    """Seoul, 2025-05-03, race 1."""
    return card_of(built(of_meeting("API299", found), meeting=Meeting(date(2025, 5, 3), "seoul")))


def test_the_results_in_detail(real_data: Path) -> None:
    card = busan(items(real_data / "kra" / "examples" / "api214_response.json"))
    assert (card.race.distance_m, card.race.grade, card.race.purse_krw) == (1200, "국6등급", 30_000_000)
    assert (card.race.weather, card.race.track_condition, card.race.track_moisture_pct) == ("흐림", "건조", 2.0)
    assert card.race.is_complete
    results = card.results or ()
    assert [
        (it.finish_position, it.start_no, it.time_s, it.margin, it.margin_lengths, it.win_odds, it.place_odds)
        for it in results
    ] == [
        (1, 10, 75.4, None, None, 3.0, 1.2),
        (2, 2, 75.6, "½", 0.5, 1.7, 1.1),
        (3, 11, 76.8, "7", 7.0, 12.9, 2.2),
        (4, 6, 76.9, "½", 0.5, 10.6, 2.0),
        (5, 4, 77.0, "½", 0.5, 19.7, 2.5),
        (6, 7, 77.2, "1½", 1.5, 55.3, 8.4),
        (7, 1, 77.4, "1", 1.0, 66.4, 15.1),
        (8, 5, 77.5, "½", 0.5, 40.4, 7.1),
        (9, 8, 77.6, "¾", 0.75, 74.2, 19.1),
        (10, 9, 78.2, "4", 4.0, 98.4, 19.6),
    ]
    assert [(it.body_weight_kg, it.body_weight_change_kg, it.burden_kg) for it in results] == [
        (511.0, 2.0, 57.0),
        (476.0, -1.0, 57.0),
        (495.0, -12.0, 55.0),
        (451.0, 6.0, 57.0),
        (474.0, -8.0, 57.0),
        (467.0, -14.0, 57.0),
        (457.0, -1.0, 55.0),
        (515.0, -4.0, 57.0),
        (485.0, -6.0, 57.0),
        (449.0, -3.0, 55.0),
    ]
    winner = results[0]
    assert (winner.runner_name, winner.runner_id) == ("올라운드원", "0051228")
    assert (winner.jockey_name, winner.jockey_id, winner.trainer_id) == ("정도윤", "080565", "070180")
    assert winner.finish_status is FinishStatus.FINISHED
    assert winner.sectionals == {
        "buG1fAccTime": 62.4,
        "buG1fOrd": 2,
        "buG2fAccTime": 50,
        "buG2fOrd": 5,
        "buG3fAccTime": 37.5,
        "buG3fOrd": 6,
        "buG4fAccTime": 25.5,
        "buG4fOrd": 6,
        "buS1fAccTime": 14.1,
        "buS1fOrd": 6,
        "buS1fTime": 14.1,
        "bu_1fGTime": 13,
        "bu_2fGTime": 25.4,
        "bu_3fGTime": 37.9,
        "bu_4_2fTime": 24.5,
        "bu_6_4fTime": 25.5,
    }
    assert winner.details["hrTool"] == "망사,반가지큰,승인편자+,혀끈-"
    assert all(it.extra == {} for it in results)
    assert [entry.owner_id for entry in card.entries or () if entry.start_no == 10] == ["118011"]


def test_the_results_of_the_day(real_data: Path) -> None:
    card = seoul(items(real_data / "kra" / "examples" / "api299_response.json"))
    off = datetime(2025, 5, 3, 10, 35, tzinfo=KST)
    assert (card.race.scheduled_post_time, card.race.post_time) == (off, off)
    assert (card.race.track_condition, card.race.track_moisture_pct) == ("포화", 18.0)
    assert (card.race.is_complete, card.race.is_cancelled) == (True, False)
    results = card.results or ()
    assert [
        (it.finish_position, it.start_no, it.time_s, it.body_weight_kg, it.body_weight_change_kg) for it in results
    ] == [
        (1, 3, 75.3, 488.0, -6.0),
        (2, 7, 75.5, 484.0, 2.0),
        (3, 1, 75.6, 473.0, -7.0),
        (4, 8, 76.3, 482.0, 1.0),
        (5, 9, 76.4, 520.0, 9.0),
        (6, 5, 76.4, 476.0, -3.0),
        (7, 4, 76.6, 438.0, -2.0),
        (8, 11, 76.9, 476.0, 4.0),
        (9, 2, 77.0, 453.0, 9.0),
        (10, 6, 77.4, 453.0, -4.0),
    ]
    winner = results[0]
    assert (winner.runner_name, winner.runner_id, winner.jockey_name) == ("최강스피드", "0051367", "씨씨웡")
    assert (winner.win_odds, winner.place_odds, winner.margin) == (None, None, None)
    assert winner.sectionals == {
        "seG1fAccTime": 61.5,
        "seG3fAccTime": 36.5,
        "seS1fAccTime": 14,
        "se_3cAccTime": 24.7,
        "se_4cAccTime": 42.6,
        "sjG1fOrd": 2,
        "sjG3fOrd": 4,
        "sjS1fOrd": 7,
        "sj_3cOrd": 5,
        "sj_4cOrd": 4,
    }
    assert (winner.details["jkAge"], winner.details["prdName"]) == (31, "국산")
    assert all(it.extra == {} for it in results)


def test_a_day_whose_answer_was_cut_at_ten_rows_says_so_by_its_numbers(real_data: Path) -> None:
    for name, whole in (("api214_response", 11), ("api299_response", 173)):
        path = real_data / "kra" / "examples" / f"{name}.json"
        assert len(items(path)) == 10
        assert msgspec.json.decode(path.read_bytes())["response"]["body"]["totalCount"] == whole


@pytest.mark.parametrize(("name", "read"), [("api214_response", busan), ("api299_response", seoul)])
def test_the_twin_in_xml_tells_the_same(real_data: Path, name: str, read: Any) -> None:
    folder = real_data / "kra" / "examples"
    card, twin = read(items(folder / f"{name}.json")), read(xml_items(folder / f"{name}.xml"))
    assert [strip(it) for it in twin.results] == [strip(it) for it in card.results]
    assert [strip(it) for it in twin.entries] == [strip(it) for it in card.entries]
    assert strip(twin.race) == strip(card.race)


def strip(record: Any) -> Any:
    """A record without what is kept verbatim, which is text in XML."""
    return {**vars(record), "details": None}


class Person(msgspec.Struct):
    """A single-object answer: API12_1 (jockeys), API19_1 (trainers)."""

    meet: str
    part: str | None
    age: int | None
    rcCntT: int
    jkNo: str | None = None
    trNo: str | None = None


class Horse(msgspec.Struct):
    """API8_2."""

    meet: str
    hrNo: str
    hrName: str
    chaksunT: int
    owNo: str


@pytest.mark.parametrize("suffix", ["json", "xml"])
def test_answers_of_one_object_are_rows(real_data: Path, suffix: str) -> None:
    def read(name: str, type_: Any) -> Any:
        path = real_data / "kra" / "examples" / f"{name}_response.{suffix}"
        found = items(path) if suffix == "json" else xml_items(path)
        return rows.decode(listing("API299", found), 0, type_).value

    jockey, trainer, horse = read("api12", Person), read("api19_1", Person), read("api8_2", Horse)
    assert (jockey.jkNo, jockey.part, jockey.age, jockey.rcCntT) == ("080405", "프리기수", 43, 6254)
    assert (trainer.trNo, trainer.part, trainer.age, trainer.rcCntT) == ("070180", "15", None, 2684)
    assert (horse.hrNo, horse.hrName, horse.chaksunT) == ("0051228", "올라운드원", 18_750_000)
    assert registration(horse.owNo, 6) == "118011"
    assert [track_of(it.meet) for it in (jockey, trainer, horse)] == ["seoul", "busan", "busan"]
