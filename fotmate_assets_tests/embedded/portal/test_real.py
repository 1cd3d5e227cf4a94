"""The simulated rows against the samples and Swagger files of the real portals: the same fields, the same types."""

import json
from pathlib import Path

import pytest

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
    TOTALS,
    Portal,
    Row,
)

pytestmark = pytest.mark.real_data

ROUND = {"stnd_yr": 2026, "week_tcnt": 43, "day_tcnt": 1}


def types_of(rows: list[Row]) -> dict[str, set[str]]:
    """Field to the kinds of values it has; whole numbers and others are one."""
    kinds: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            kinds.setdefault(name, set()).add("text" if isinstance(value, str) else "number")
    return kinds


@pytest.mark.parametrize(("service", "sample"), [(DETAILS, "api214"), (TOTALS, "api299")])
def test_result_rows_have_the_fields_and_types_of_the_sample(
    portal: Portal, real_data: Path, service: str, sample: str
) -> None:
    document = json.loads((real_data / f"kra/examples/{sample}_response.json").read_text("utf-8"))
    real = types_of(document["response"]["body"]["items"]["item"])
    for asked in ({"meet": 1, "rc_date": 20261114}, {"meet": 3, "rc_date": 20261115}):
        ours = types_of(portal.rows(service, **asked))
        assert ours.keys() == real.keys()
        # owNo: the sample's ten owners happen to have no leading zero.
        assert {name for name, kinds in ours.items() if not kinds & real[name]} == set()


def test_placeholders_before_the_race_have_the_types_of_real_ones(portal: Portal, real_data: Path) -> None:
    documents = sorted((real_data / "kra/prerace_2025").glob("*.json"))
    rows = [
        row for file in documents for row in json.loads(file.read_text("utf-8"))["response"]["body"]["items"]["item"]
    ]
    real = types_of(rows)
    portal.clock.now = portal.clock.now.replace(year=2026, month=11, day=13)
    ours = types_of(portal.rows(DETAILS, meet=1, rc_date=20261114))
    assert ours.keys() == real.keys()
    assert {name for name, kinds in ours.items() if not kinds <= real[name]} == set()


@pytest.mark.parametrize(
    ("service", "file", "name", "params"),
    [
        (CYCLE_CARD, "cycle", "race_card", {"stnd_yr": 2026, "week_tcnt": 43}),
        (CYCLE_RANKS, "cycle", "race_rank", {"race_day": 20261114}),
        (CYCLE_RESULT, "cycle", "race_result", {**ROUND, "meet_nm": "광명", "race_no": "01"}),
        (CYCLE_PAYOFF, "cycle", "payoff", ROUND),
        (BOAT_CARD, "boat", "race_card", ROUND),
        (BOAT_RANKS, "boat", "race_rank", {"race_day": 20261118}),
        (BOAT_RESULT, "boat", "race_result", ROUND),
        (BOAT_PAYOFF, "boat", "payoff", {**ROUND, "race_no": "01"}),
    ],
)
def test_kspo_rows_have_the_fields_and_types_of_the_samples(
    portal: Portal, real_data: Path, service: str, file: str, name: str, params: dict[str, object]
) -> None:
    (document,) = (real_data / "kspo/samples").glob(f"{file}_api_fields_probe_*.json")
    probe = json.loads(document.read_text("utf-8"))[name]
    ours = types_of(portal.rows(service, **params))
    assert sorted(ours) == probe["fields"]
    real = types_of([probe["sample"]])
    assert {field: kinds for field, kinds in ours.items() if field in real} == real


def test_the_boats_document_has_the_fields_and_types_of_the_swagger_file(portal: Portal, real_data: Path) -> None:
    swagger = json.loads((real_data / "kspo/openapi/15107797.json").read_text("utf-8"))
    fields = swagger["definitions"]["API_VWEB_MBR_RACE_DOC_I-item"]["properties"]
    real = {name: {"text" if told["type"] == "string" else "number"} for name, told in fields.items()}
    # Other services number their rows with a number although their files say text; so does this one here.
    real["row_num"] = {"number"}
    assert types_of(portal.rows(BOAT_DOCUMENT, stnd_yr=2026, race_ymd=20261118)) == real
