"""Our own format of odds."""

import json
from array import array
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import ODDS_CAP, Pool
from fotmate_assets.racing.odds.model import (
    SOLD,
    OddsSnapshot,
    PoolOdds,
    Sentinel,
    combination_index,
    combinations,
)
from fotmate_assets.racing.sources.odds import documents
from fotmate_assets_tests.racing.odds.feeds import OFF, RACE, document, full, odds_of, odds_race, refusal


def parsed(content: bytes, race: Any = RACE, **options: Any) -> OddsSnapshot:
    return documents.parse(content, race, "feed", "doc", **options)


def refused(odds: dict[str, Any] | None = None, **fields: Any) -> SourceError:
    content = document(odds=odds, **fields)
    error = refusal(lambda: parsed(content))
    assert (error.verdict, error.source, error.document) == (Verdict.MALFORMED, "feed", "doc")
    assert error.content == content
    return error


def field_refused(odds: dict[str, Any] | None = None, **fields: Any) -> str | None:
    return refused(odds, **fields).field


# What is read -------------------------------------------------------------------------------------------------------


def test_every_price_stands_where_its_combination_does() -> None:
    race = odds_race(7)
    content = full(race)
    snapshot = parsed(content, race)
    told = json.loads(content)["pools"]
    assert [each.pool for each in snapshot.pools] == list(SOLD[race.sport])
    for each in snapshot.pools:
        for spelled, price in told[each.pool]["odds"].items():
            index = combination_index(each.pool, race.field, tuple(map(int, spelled.split("-"))))
            assert each.odds[index] == pytest.approx(price)
        assert len(each.odds) == len(told[each.pool]["odds"])


def test_what_is_no_price_is_told_apart() -> None:
    snapshot = parsed(document(odds={"WIN": {"1": 3.4, "2": None, "3": "capped"}, "PLC": {"1": 9999.9, "2": 1}}))
    assert odds_of(snapshot, Pool.WIN) == {
        "1": 3.4,
        "2": Sentinel.UNSOLD,
        "3": Sentinel.CAPPED,
        "4": Sentinel.UNTOLD,
    }
    assert odds_of(snapshot, Pool.PLC) == {
        "1": Sentinel.CAPPED,
        "2": 1.0,
        "3": Sentinel.UNTOLD,
        "4": Sentinel.UNTOLD,
    }


def test_odds_above_the_portals_cap_are_a_price_in_our_own_format() -> None:
    assert odds_of(parsed(document(odds={"WIN": {"1": 12345.5}})), Pool.WIN)["1"] == 12345.5


def test_the_document_its_clock_and_the_sales_are_kept() -> None:
    content = document(odds={"WIN": {"1": 2.0}})
    told = json.loads(content)
    told["pools"]["WIN"]["sales_krw"] = 123_400
    told["pools"]["PLC"] = {"odds": {"1": 1.1}, "sales_krw": None}
    content = json.dumps(told).encode()
    snapshot = parsed(content)
    assert snapshot.content == content
    assert snapshot.source_ts == datetime(2026, 11, 21, 1, 34, tzinfo=UTC)
    assert {each.pool: each.sales_krw for each in snapshot.pools} == {Pool.WIN: 123_400, Pool.PLC: None}


def test_a_document_may_tell_no_clock() -> None:
    assert parsed(document(source_ts=None)).source_ts is None


@pytest.mark.parametrize("spelled", ["2-1", "1-2", "02-01"])
def test_a_pool_without_order_takes_its_numbers_in_any(spelled: str) -> None:
    assert odds_of(parsed(document(odds={"QNL": {spelled: 8.5}})), Pool.QNL)["1-2"] == 8.5


def test_a_pool_with_order_keeps_it() -> None:
    odds = odds_of(parsed(document(odds={"EXA": {"2-1": 8.5}, "EXT": {"3-2-1": 4.0}})), Pool.EXA)
    assert (odds["2-1"], odds["1-2"]) == (8.5, Sentinel.UNTOLD)


def test_the_quinella_place_of_three_has_its_winner_in_front() -> None:
    odds = odds_of(parsed(document(odds={"EXT": {"3-2-1": 4.0}})), Pool.EXT)
    assert {key: price for key, price in odds.items() if price > 0} == {"3-1-2": 4.0}


def test_one_combination_may_be_spelled_twice_at_one_price() -> None:
    assert odds_of(parsed(document(odds={"QNL": {"1-2": 8.5, "2-1": 8.5}})), Pool.QNL)["1-2"] == 8.5


def test_runners_that_the_card_has_withdrawn_are_scratched_whatever_is_told() -> None:
    race = odds_race(3, scratched=[2])
    snapshot = parsed(document(race, {"WIN": {"1": 2.0, "2": 7.0, "3": 3.0}, "QNL": {"1-2": 5.0, "1-3": 6.0}}), race)
    assert odds_of(snapshot, Pool.WIN) == {"1": 2.0, "2": Sentinel.SCRATCHED, "3": 3.0}
    assert odds_of(snapshot, Pool.QNL) == {"1-2": Sentinel.SCRATCHED, "1-3": 6.0, "2-3": Sentinel.SCRATCHED}


def test_a_runner_that_the_source_has_withdrawn_is_scratched_in_every_pool() -> None:
    snapshot = parsed(document(odds={"WIN": {"2": "scratched"}, "EXA": {"1-2": 5.0, "1-3": 6.0}}))
    odds = odds_of(snapshot, Pool.EXA)
    assert (odds["1-2"], odds["2-4"], odds["1-3"]) == (Sentinel.SCRATCHED, Sentinel.SCRATCHED, 6.0)


def test_without_entries_the_field_is_the_numbers_told() -> None:
    race = odds_race(0)
    snapshot = parsed(document(race, {"WIN": {"5": 2.0, "1": 3.0}, "QNL": {"3-1": 9.0}}), race)
    assert snapshot.field == (1, 3, 5)
    assert odds_of(snapshot, Pool.WIN) == {"1": 3.0, "3": Sentinel.UNTOLD, "5": 2.0}


def test_a_document_may_begin_with_a_byte_order_mark() -> None:
    assert odds_of(parsed(b"\xef\xbb\xbf" + document()), Pool.WIN)["1"] == 2.5


def test_no_runner_has_the_number_zero_whatever_the_field() -> None:
    race = odds_race(0)
    error = refusal(lambda: parsed(document(race, {"WIN": {"0": 2.0}}), race))
    assert error.field == "pools.WIN.odds.0"


# What is set aside --------------------------------------------------------------------------------------------------


def test_a_pool_whose_meaning_is_unsettled_does_not_lose_the_others() -> None:
    content = document(odds={"POOL6": {"1-2-3": 3.0}, "WIN": {"1": 2.0}})
    with capture_logs() as logs:
        snapshots = [documents.parse(content, RACE, "with pool six", "doc") for _ in range(3)]
    assert [each.pool for each in snapshots[0].pools] == [Pool.WIN]
    assert [(log["source"], log["name"]) for log in logs] == [("with pool six", "POOL6")]


def test_fields_that_are_not_ours_are_told_of_once() -> None:
    told = json.loads(document(venue="Seoul"))
    told["pools"]["WIN"]["rank"] = {"1": 1}
    with capture_logs() as logs:
        for _ in range(3):
            documents.parse(json.dumps(told).encode(), RACE, "with more", "doc")
    assert sorted(log["name"] for log in logs) == ["rank", "venue"]


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pools", "field"),
    [
        ({"EXA": {"1-99": 3.0}}, "pools.EXA.odds.1-99"),
        ({"QNL": {"99-1": 3.0}}, "pools.QNL.odds.99-1"),
        ({"WIN": {"1": 2.0, "5": 3.0}}, "pools.WIN.odds.5"),
        ({"WIN": {"0": 3.0}}, "pools.WIN.odds.0"),
        ({"QNL": {"1-1": 3.0}}, "pools.QNL.odds.1-1"),
        ({"QNL": {"1-2-1": 3.0}}, "pools.QNL.odds.1-2-1"),
        ({"QNL": {"1": 3.0}}, "pools.QNL.odds.1"),
        ({"QNL": {"1-2-3": 3.0}}, "pools.QNL.odds.1-2-3"),
        ({"QNL": {"1,2": 3.0}}, "pools.QNL.odds.1,2"),
        ({"WIN": {"": 3.0}}, "pools.WIN.odds."),
        ({"WIN": {"one": 3.0}}, "pools.WIN.odds.one"),
        ({"QNL": {"1-2": 3.0, "2-1": 3.1}}, "pools.QNL.odds.2-1"),
        ({"QNL": {"1-2": 3.0, "2-1": None}}, "pools.QNL.odds.2-1"),
        ({"WINN": {"1": 3.0}}, "pools.WINN"),
        ({"WIN": {"1": 0.9}}, "pools.WIN.odds.1"),
        ({"WIN": {"1": 0}}, "pools.WIN.odds.1"),
        ({"WIN": {"1": -1}}, "pools.WIN.odds.1"),
        ({"WIN": {"1": 1e39}}, "pools.WIN.odds.1"),
        ({"WIN": {"1": True}}, "pools.WIN.odds.1"),
        ({"WIN": {"1": "3.4"}}, "pools.WIN.odds.1"),
        ({"WIN": {"1": [3.4]}}, "pools.WIN.odds.1"),
        ({"WIN": [3.4]}, "pools.WIN.odds"),
    ],
)
def test_odds_that_make_no_sense_are_named(pools: dict[str, Any], field: str) -> None:
    assert field_refused(pools) == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"race_id": "horse-seoul-20261121-02"}, "race_id"),
        ({"race_id": 7}, "race_id"),
        ({"source_ts": "2026-11-21T10:34:00"}, "source_ts"),
        ({"source_ts": "10:34"}, "source_ts"),
        ({"source_ts": 1_700_000_000}, "source_ts"),
        ({"simulated": "no"}, "simulated"),
        ({"simulated": True}, "simulated"),
        ({"pools": None}, "pools"),
        ({"pools": {"WIN": None}}, "pools.WIN"),
        ({"pools": {"WIN": {}}}, "pools.WIN.odds"),
        ({"pools": {"WIN": {"odds": {"1": 2.0}, "sales_krw": -1}}}, "pools.WIN.sales_krw"),
        ({"pools": {"WIN": {"odds": {"1": 2.0}, "sales_krw": 1.5}}}, "pools.WIN.sales_krw"),
        ({"pools": {"WIN": {"odds": {"1": 2.0}, "sales_krw": "1"}}}, "pools.WIN.sales_krw"),
    ],
)
def test_fields_that_make_no_sense_are_named(fields: dict[str, Any], field: str) -> None:
    assert field_refused(**fields) == field


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"<html>busy</html>",
        b'{"race_id"',
        b"\xff\xfe{}",
        b"[" * 200_000,
        b"{}",
        document()[:-1] + b', "\xed": 1}',
    ],
)
def test_what_is_no_document_is_refused_with_its_bytes(content: bytes) -> None:
    error = refusal(lambda: parsed(content))
    assert (error.verdict, error.content) == (Verdict.MALFORMED, content)


@pytest.mark.parametrize(
    "odds", ['{"1": 2.0, "1": 3.0}', '{"1": NaN}', '{"1": Infinity}', '{"1": 1e999}', '{"1": 2.0}, "odds": {"1": 3.0}']
)
def test_json_that_means_two_things_or_no_number_is_refused(odds: str) -> None:
    content = f'{{"race_id": "{RACE.race_id}", "pools": {{"WIN": {{"odds": {odds}}}}}}}'.encode()
    assert refusal(lambda: parsed(content)).verdict is Verdict.MALFORMED


@pytest.mark.parametrize("pools", [{}, {"WIN": {}}, {"POOL7": {"1-2-3": 4.0}}])
def test_a_document_without_odds_is_empty_and_not_captured(pools: dict[str, Any]) -> None:
    error = refusal(lambda: parsed(document(odds=pools)))
    assert error.verdict is Verdict.EMPTY_UNEXPECTED


def test_simulated_odds_are_read_where_the_source_is_said_to_be_simulated() -> None:
    content = document(simulated=True)
    assert odds_of(parsed(content, is_simulated=True), Pool.WIN)["1"] == 2.5
    assert odds_of(parsed(document(), is_simulated=True), Pool.WIN)["1"] == 2.5


def test_the_head_is_read_without_the_odds() -> None:
    content = document(simulated=True, odds={"WINN": {"x": -1}})
    head = documents.head(content, "feed", "doc")
    assert (head.race_id, head.simulated) == (RACE.race_id, True)
    assert head.source_ts == datetime(2026, 11, 21, 1, 34, tzinfo=UTC)
    error = refusal(lambda: documents.head(document(source_ts="2026-11-21T10:34:00"), "feed", "doc"))
    assert (error.field, error.verdict) == ("source_ts", Verdict.MALFORMED)


# Writing ------------------------------------------------------------------------------------------------------------


@given(
    runners=st.sets(st.integers(1, 20), min_size=3, max_size=6),
    scratched=st.booleans(),
    prices=st.lists(
        st.one_of(
            st.floats(1.0, 1e6, width=32).filter(lambda price: round(price, 2) != ODDS_CAP),
            st.sampled_from([float(each) for each in Sentinel if each is not Sentinel.SCRATCHED]),
        ),
        min_size=5,
        max_size=40,
    ).filter(lambda found: any(price != Sentinel.UNTOLD for price in found)),
    sales=st.none() | st.integers(0, 10**12),
)
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_as_it_was(
    runners: set[int], scratched: bool, prices: list[float], sales: int | None
) -> None:
    race = odds_race(runners, scratched=[min(runners)] if scratched else [])
    pools: list[PoolOdds] = []
    for pool in SOLD[race.sport]:
        numbers = combinations(pool, race.field)
        values = [
            Sentinel.SCRATCHED if race.scratched & {*each} else prices[place % len(prices)]
            for place, each in enumerate(numbers, len(pools))
        ]
        pools.append(PoolOdds(pool, array("f", values), sales))
    snapshot = OddsSnapshot(race.race_id, race.field, tuple(pools), OFF)
    written = documents.write(snapshot, is_simulated=True)
    # That it is withdrawn must come from the document, not from the card.
    again = parsed(written, replace(race, scratched=frozenset()), is_simulated=True)
    assert (again.pools, again.field, again.source_ts) == (snapshot.pools, race.field, OFF)
    assert b"\n" not in written


def test_prices_are_written_with_the_digits_that_they_have() -> None:
    snapshot = parsed(document(odds={"WIN": {"1": 3.4, "2": 1.55, "3": 1000.0, "4": 9.123456}}))
    told = json.loads(documents.write(snapshot, is_simulated=False))
    assert told["pools"]["WIN"]["odds"] == {"1": 3.4, "2": 1.55, "3": 1000.0, "4": pytest.approx(9.123456)}
    assert told["simulated"] is False
