"""Feeds that speak a format of their own, told by configuration."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import Sentinel
from fotmate_assets.racing.sources.odds import documents, mapping
from fotmate_assets.racing.sources.odds.mapping import FeedMapping
from fotmate_assets_tests.racing.odds.feeds import RACE, odds_of, odds_race, refusal

TOML = """
prices = "/data/pools/*/lines/*"
pool = "/data/pools/*/code"
numbers = "comb"
odds = "rate"
simulated = "/test"

[pools]
"단승" = "WIN"
"복승" = "QNL"
"신규" = "ignored"

[sentinels]
"0" = "unsold"
"null" = "unsold"
"취소" = "scratched"
"-" = "untold"
"999.9" = "capped"

[clock]
at = "/data/updated"
format = "%Y%m%d%H%M%S"
zone = "Asia/Seoul"

[sales]
each = "/data/pools/*"
pool = "code"
amount = "total"

[race]
"/data/race/no" = "{race_no}"
"/data/race/day" = "{race_date:%Y%m%d}"
"""
NESTED: dict[str, Any] = {
    "test": False,
    "data": {
        "updated": "20261121103455",
        "race": {"no": 1, "day": "20261121"},
        "pools": [
            {
                "code": "단승",
                "total": "1,234,500",
                "lines": [
                    {"comb": "1", "rate": "3.4"},
                    {"comb": 2, "rate": 0},
                    {"comb": "3", "rate": "취소"},
                    {"comb": "4", "rate": "999.9"},
                ],
            },
            {"code": "신규", "total": 1, "lines": [{"comb": "?", "rate": "?"}]},
            {
                "code": "복승",
                "total": None,
                "lines": [
                    {"comb": "2-1", "rate": "1,077.1"},
                    {"comb": "1-4", "rate": None},
                    {"comb": "2-4", "rate": "-"},
                ],
            },
        ],
    },
}
FLAT = {
    "prices": "/rows/*",
    "pool": "pool",
    "numbers": ["no1", "no2", "no3"],
    "odds": "odds",
}


def made(**told: Any) -> FeedMapping:
    return msgspec.convert(told, FeedMapping)


@pytest.fixture
def nested(tmp_path: Path) -> FeedMapping:
    path = tmp_path / "feed.toml"
    path.write_text(TOML)
    return mapping.load(path)


def parsed(by: FeedMapping, told: Any, **options: Any) -> Any:
    return by.parse(json.dumps(told).encode(), RACE, "operator", "doc", **options)


def refused(by: FeedMapping, told: Any) -> SourceError:
    error = refusal(lambda: parsed(by, told))
    assert (error.verdict, error.source, error.document) == (Verdict.MALFORMED, "operator", "doc")
    assert error.content == json.dumps(told).encode()
    return error


# What is read -------------------------------------------------------------------------------------------------------


def test_lists_within_pools_are_read_with_sentinels_sales_and_clock(nested: FeedMapping) -> None:
    snapshot = parsed(nested, NESTED)
    assert odds_of(snapshot, Pool.WIN) == {
        "1": 3.4,
        "2": Sentinel.UNSOLD,
        "3": Sentinel.SCRATCHED,
        "4": Sentinel.CAPPED,
    }
    assert odds_of(snapshot, Pool.QNL) == {
        "1-2": 1077.1,
        "1-3": Sentinel.SCRATCHED,
        "1-4": Sentinel.UNSOLD,
        "2-3": Sentinel.SCRATCHED,
        "2-4": Sentinel.UNTOLD,
        "3-4": Sentinel.SCRATCHED,
    }
    assert {each.pool: each.sales_krw for each in snapshot.pools} == {Pool.WIN: 1_234_500, Pool.QNL: None}
    assert snapshot.source_ts == datetime(2026, 11, 21, 1, 34, 55, tzinfo=UTC)
    assert snapshot.content == json.dumps(NESTED).encode()


def test_a_flat_list_with_a_number_a_field_is_read() -> None:
    rows = [
        {"pool": "WIN", "no1": 1, "no2": 0, "no3": 0, "odds": 3.4},
        {"pool": "EXA", "no1": "02", "no2": "1", "no3": "", "odds": 9},
        {"pool": "TRI", "no1": 3, "no2": 2, "no3": 1, "odds": 55.5},
        {"pool": "PLC", "no1": 4, "odds": 1.2},
    ]
    snapshot = parsed(made(**FLAT), {"rows": rows})
    found = {pool: {k: v for k, v in odds_of(snapshot, pool).items() if v > 0} for pool in (Pool.EXA, Pool.TRI)}
    assert found == {Pool.EXA: {"2-1": 9.0}, Pool.TRI: {"3-2-1": 55.5}}
    assert snapshot.source_ts is None


def test_objects_whose_names_are_pools_and_combinations_are_read() -> None:
    by = made(prices="/odds/*/*", pool="*1", numbers="*2", odds=".")
    snapshot = parsed(by, {"odds": {"WIN": {"1": 3.4, "2": "5.0"}, "QNL": {"2-1": 8}}})
    assert odds_of(snapshot, Pool.WIN)["2"] == 5.0
    assert odds_of(snapshot, Pool.QNL)["1-2"] == 8.0


def test_a_list_of_lists_is_read_by_position() -> None:
    snapshot = parsed(made(prices="/*", pool="0", numbers="1", odds="2/best"), [["QNL", [2, 1], {"best": 8.0}]])
    assert odds_of(snapshot, Pool.QNL)["1-2"] == 8.0


@pytest.mark.parametrize(
    ("clock", "told"),
    [
        ({"format": "iso"}, "2026-11-21T10:34:55+09:00"),
        ({"format": "iso", "zone": "Asia/Seoul"}, "2026-11-21 10:34:55"),
        ({"format": "unix"}, 1795224895),
        ({"format": "unix_ms"}, "1795224895000"),
        ({"format": "%Y-%m-%d %H:%M:%S %z"}, "2026-11-21 01:34:55 +0000"),
        ({"format": "%H:%M:%S", "zone": "Asia/Seoul"}, "10:34:55"),
    ],
)
def test_clocks_come_in_many_forms(clock: dict[str, str], told: Any) -> None:
    by = made(**FLAT, clock={"at": "/at", **clock})
    snapshot = parsed(by, {"at": told, "rows": [{"pool": "WIN", "no1": 1, "odds": 3.4}]})
    assert snapshot.source_ts == datetime(2026, 11, 21, 1, 34, 55, tzinfo=UTC)


@pytest.mark.parametrize("told", [None, ""])
def test_a_clock_that_holds_nothing_is_none(told: Any) -> None:
    by = made(**FLAT, clock={"at": "/at"})
    assert parsed(by, {"at": told, "rows": [{"pool": "WIN", "no1": 1, "odds": 3.4}]}).source_ts is None


# What is refused ----------------------------------------------------------------------------------------------------


def put(path: str, value: Any) -> dict[str, Any]:
    """`NESTED` with another value somewhere."""
    told = deepcopy(NESTED)
    *way, last = path.strip("/").split("/")
    node: Any = told
    for part in way:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if value is ...:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return told


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/data/pools/2/code", "삼복"),
        ("/data/pools/0/code", ...),
        ("/data/pools/0/lines/1/comb", "5"),
        ("/data/pools/0/lines/1/comb", "1-2"),
        ("/data/pools/0/lines/1/comb", "two"),
        ("/data/pools/0/lines/1/comb", None),
        ("/data/pools/2/lines/0/comb", "2-2"),
        ("/data/pools/2/lines/0/comb", "1-99"),
        ("/data/pools/0/lines/1/rate", 0.5),
        ("/data/pools/0/lines/1/rate", "n/a"),
        ("/data/pools/0/lines/1/rate", "nan"),
        ("/data/pools/0/lines/1/rate", True),
        ("/data/pools/0/lines/1/rate", ...),
        ("/data/pools/0/lines/1/comb", [1.5]),
        ("/data/pools/0/lines/1/comb", float("inf")),
        ("/data/pools/0/lines/1/rate", float("inf")),
        ("/data/pools/0/total", "much"),
        ("/data/pools/0/total", float("inf")),
        ("/data/pools/0/total", 0.5),
        ("/data/pools/0/total", -5),
        ("/data/updated", "10:34:55"),
        ("/data/updated", ...),
        ("/data/race/no", 2),
        ("/data/race/no", ...),
        ("/data/race/day", "20261122"),
        ("/test", "no"),
        ("/test", 0),
        ("/test", True),
    ],
)
def test_what_makes_no_sense_is_named_where_the_feed_has_it(nested: FeedMapping, path: str, value: Any) -> None:
    assert refused(nested, put(path, value)).field == path


def test_a_combination_at_two_prices_is_refused(nested: FeedMapping) -> None:
    told = put("/data/pools/2/lines/1/comb", "1-2")
    assert refused(nested, told).field == "/data/pools/2/lines/1/rate"


def test_a_document_of_another_shape_is_refused(nested: FeedMapping) -> None:
    assert refused(nested, put("/data/pools", "closed")).field == "/data/pools/*/lines/*"
    assert refused(nested, put("/data/pools/2/lines", ...)).field == "/data/pools/*/lines/*"
    assert refused(made(**FLAT), {"rows": "closed"}).field == "/rows/*"


def test_null_is_no_price_where_the_mapping_does_not_say_what_it_means() -> None:
    error = refused(made(**FLAT), {"rows": [{"pool": "WIN", "no1": 1, "odds": None}]})
    assert error.field == "/rows/0/odds"


def test_a_clock_without_a_zone_is_refused() -> None:
    by = made(**FLAT, clock={"at": "/at"})
    told = {"at": "2026-11-21 10:34:55", "rows": [{"pool": "WIN", "no1": 1, "odds": 3.4}]}
    assert refused(by, told).field == "/at"


def test_no_prices_at_all_is_empty(nested: FeedMapping) -> None:
    assert refusal(lambda: parsed(nested, put("/data/pools", []))).verdict is Verdict.EMPTY_UNEXPECTED


def test_simulated_odds_are_read_where_the_feed_is_said_to_be_simulated(nested: FeedMapping) -> None:
    assert parsed(nested, put("/test", True), is_simulated=True).pools


# The configuration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"prices": "rows/*"}, "'rows/*' must begin with /"),
        ({"prices": "/rows//*"}, "empty part"),
        ({"pool": "/pools/*/code"}, "the stars of '/pools/*/code' are not those of /rows/*"),
        ({"pool": "*2"}, "there is no star number 2"),
        ({"odds": "best/*"}, "has no stars"),
        ({"pools": {"단승": "WINN"}}, "WINN"),
        ({"sentinels": {"0": "none"}}, "none"),
        ({"clock": {"at": "/at", "format": "unixtime"}}, "unixtime"),
        ({"clock": {"at": "/at", "format": "%d %H:%M"}}, "must have year, month and day"),
        ({"clock": {"at": "/at", "zone": "Asia/Pyeongchang"}}, "there is no zone 'Asia/Pyeongchang'"),
        ({"sales": {"each": "/sales/*", "pool": "/pools/*/code", "amount": "won"}}, "the stars of"),
        ({"race": {"/no": "{number}"}}, "has number; there is race_id"),
        ({"simulated": "/rows/*/test"}, "the stars of"),
        ({"odd": "odds"}, "unknown field `odd`"),
    ],
)
def test_a_mapping_that_cannot_be_followed_says_why(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "feed.json"
    path.write_text(json.dumps(FLAT | changed))
    with pytest.raises(ValueError) as raised:
        mapping.load(path)
    assert str(path) in str(raised.value)
    assert told in str(raised.value)


@pytest.mark.parametrize(("name", "content"), [("feed.toml", "prices = "), ("feed.json", "{"), ("feed.json", "{}")])
def test_a_file_that_is_no_mapping_is_named(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=name):
        mapping.load(path)


def test_templates_say_what_a_race_is() -> None:
    race = odds_race(4, 7, track_id="gwangmyeong")
    told = mapping.filled("{sport}/{track_id}/{race_date}/{race_date:%y%m%d}/{race_no:02d}/{race_id}", race)
    assert told == "cycle/gwangmyeong/2026-11-21/261121/07/cycle-gwangmyeong-20261121-07"


def test_the_documented_mapping_and_document_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "odds-feed.md").read_text("utf-8")
    described, document = (page.partition(f"```{kind}\n")[2].partition("```")[0] for kind in ("toml", "json"))
    (tmp_path / "feed.toml").write_text(described, "utf-8")
    assert mapping.load(tmp_path / "feed.toml").pools == {"단승": "WIN", "신규": "ignored"}
    snapshot = documents.parse(document.encode(), RACE, "feed", "page")
    assert {each.pool: each.sales_krw for each in snapshot.pools} == {Pool.WIN: 12_300_000, Pool.EXA: None}


def test_a_url_that_cannot_be_filled_is_refused_without_the_secret_in_it() -> None:
    for template in (
        "https://feed.example/?serviceKey=TOPSECRET&race={raceid}",
        "https://x/{race_no:%Y}?key=TOPSECRET",
    ):
        with pytest.raises(ValueError, match="REDACTED") as refused:
            mapping.check_template(template)
        assert "TOPSECRET" not in str(refused.value)
