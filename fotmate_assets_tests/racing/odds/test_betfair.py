"""Recorded streams of the Betfair exchange, replayed as our odds."""

import asyncio
import bz2
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot, Sentinel
from fotmate_assets.racing.sources.odds.replay import Replay
from fotmate_assets_tests.racing.odds.feeds import document, odds_of, odds_race, refusal

START = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
"""Of the streams; their seconds count from here."""
POST = START + timedelta(minutes=10)
RACE = odds_race(0)
"""Bound to the markets; no entries are known."""
Message = dict[str, Any]

DOGS = {11: "1. First Light", 12: "2. Second Wind", 13: "3. Third Man"}


def pt(seconds: float) -> int:
    return round((START.timestamp() + seconds) * 1000)


def definition(
    runners: Mapping[int, str | None] = DOGS,
    *,
    removed: Mapping[int, float | None] | None = None,
    order: Iterable[int] | None = None,
    statuses: Mapping[int, str] | None = None,
    **fields: Any,
) -> Message:
    """A market's definition. `removed`: runner to the second of its removal; `order`: by `sortPriority`."""
    told = []
    for priority, id_ in enumerate(order or runners, 1):
        runner: Message = {"id": id_, "sortPriority": priority, "status": (statuses or {}).get(id_, "ACTIVE")}
        if runners[id_]:
            runner["name"] = runners[id_]
        if removed and id_ in removed:
            at = removed[id_]
            runner["status"] = "REMOVED"
            if at is not None:
                runner["removalDate"] = (START + timedelta(seconds=at)).isoformat().replace("+00:00", ".000Z")
        told.append(runner)
    return {
        "marketType": "WIN",
        "status": "OPEN",
        "inPlay": False,
        "bspReconciled": False,
        "numberOfWinners": 1,
        "marketTime": POST.isoformat().replace("+00:00", ".000Z"),
        "numberOfActiveRunners": len(told),
        "runners": told,
    } | fields


def change(
    market: str = "1.1", /, definition: Message | None = None, rc: Iterable[Message] = (), **fields: Any
) -> Message:
    told: Message = {"id": market, **fields}
    if definition:
        told["marketDefinition"] = definition
    if rc := list(rc):
        told["rc"] = rc
    return told


def message(seconds: float, *changes: Message, **fields: Any) -> Message:
    return {"op": "mcm", "clk": "AAA", "pt": pt(seconds), "mc": list(changes)} | fields


def traded(**prices: float) -> list[Message]:
    """Last traded prices: `traded(_11=3.5)`."""
    return [{"id": int(name[1:]), "ltp": price} for name, price in prices.items()]


def written(path: Path, *messages: Message) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in messages))
    return path


def replay_of(folder: Path, *messages: Message, bound: Mapping[str, str] | None = None) -> Replay:
    return Replay([written(folder / "stream", *messages)], bound or {"1.1": RACE.race_id})


def told(replay: Replay, seconds: float, race: OddsRace = RACE) -> OddsSnapshot:
    return asyncio.run(replay.snapshot(race, START + timedelta(seconds=seconds)))


def win(replay: Replay, seconds: float, race: OddsRace = RACE) -> list[float]:
    """The win odds in the order of the field."""
    return list(odds_of(told(replay, seconds, race), Pool.WIN).values())


OPENING = message(0, change("1.1", definition(), traded(_11=2.0, _12=3.0), img=True))
UNSOLD, SCRATCHED, UNTOLD = Sentinel.UNSOLD, Sentinel.SCRATCHED, Sentinel.UNTOLD


# Prices over time ---------------------------------------------------------------------------------------------------


def test_a_runner_keeps_its_price_until_another_is_told(tmp_path: Path) -> None:
    replay = replay_of(
        tmp_path,
        OPENING,
        message(60, change("1.1", rc=traded(_12=3.5))),
        message(120, change("1.1", rc=traded(_11=2.2, _13=9.0), con=True)),
    )
    assert win(replay, 0) == [2.0, 3.0, UNSOLD]
    assert win(replay, 59.999) == [2.0, 3.0, UNSOLD]
    assert win(replay, 60) == [2.0, 3.5, UNSOLD]
    assert win(replay, 500) == [2.2, 3.5, 9.0]
    assert (replay.name, replay.is_live, replay.is_simulated) == ("replay:betfair", False, False)


def test_the_clock_is_that_of_the_last_change(tmp_path: Path) -> None:
    replay = replay_of(tmp_path, OPENING, message(60.25, change("1.1", rc=traded(_12=3.5))))
    assert told(replay, 60.249).source_ts == START
    assert told(replay, 300).source_ts == START + timedelta(seconds=60.25)


def test_what_is_matched_is_pounds_and_no_sales_in_won(tmp_path: Path) -> None:
    rc = [{"id": 11, "ltp": 2.0, "tv": 1234.5}]
    snapshot = told(replay_of(tmp_path, message(0, change("1.1", definition(), rc, img=True, tv=1234.5))), 0)
    assert [each.sales_krw for each in snapshot.pools] == [None]
    assert snapshot.content is None


@pytest.mark.parametrize(
    "offers",
    [
        {"atb": [[2.9, 10.0], [3.0, 5.0], [3.1, 0]]},
        {"batb": [[0, 3.0, 5.0], [1, 2.9, 10.0], [2, 0, 0]]},
        {"bdatb": [[1, 2.9, 10.0], [0, 3.0, 5.0]]},
    ],
)
def test_before_anything_is_traded_the_best_offer_to_back_is_the_price(tmp_path: Path, offers: dict[str, Any]) -> None:
    gone = {
        "atb": [[3.0, 0]],
        "batb": [[0, 2.9, 10.0], [1, 0, 0]],
        "bdatb": [[0, 2.9, 10.0], [1, 0, 0]],
    }
    (kind,) = offers
    replay = replay_of(
        tmp_path,
        message(0, change("1.1", definition(), [{"id": 11, **offers}], img=True)),
        message(10, change("1.1", rc=[{"id": 11, kind: gone[kind]}])),
        message(20, change("1.1", rc=[{"id": 11, "ltp": 2.5}])),
    )
    assert [win(replay, seconds)[0] for seconds in (0, 10, 20)] == [3.0, 2.9, 2.5]


def test_an_image_takes_the_place_of_what_was_known(tmp_path: Path) -> None:
    replay = replay_of(tmp_path, OPENING, message(30, change("1.1", definition(), [{"id": 12, "ltp": 3.2}], img=True)))
    assert win(replay, 29) == [2.0, 3.0, UNSOLD]
    assert win(replay, 30) == [UNSOLD, 3.2, UNSOLD]


def test_a_basic_stream_without_an_image_begins_untraded(tmp_path: Path) -> None:
    replay = replay_of(
        tmp_path, message(0, change("1.1", definition())), message(60, change("1.1", rc=traded(_11=2.0)))
    )
    assert win(replay, 0) == [UNSOLD] * 3
    assert win(replay, 60) == [2.0, UNSOLD, UNSOLD]


def test_a_recording_that_starts_late_is_not_told_before_and_guesses_nothing(tmp_path: Path) -> None:
    replay = replay_of(
        tmp_path,
        message(300, change("1.1", rc=traded(_11=2.0))),
        message(360, change("1.1", definition(), traded(_12=4.0))),
        message(420, change("1.1", rc=traded(_13=8.0))),
    )
    error = refusal(lambda: told(replay, 359))
    assert (error.verdict, error.document) == (Verdict.NOT_YET, RACE.race_id)
    assert "01:06:00" in error.reason
    assert win(replay, 360) == [2.0, 4.0, UNTOLD]
    assert win(replay, 420) == [2.0, 4.0, 8.0]


def test_a_recording_that_starts_late_is_whole_from_its_next_image_on(tmp_path: Path) -> None:
    replay = replay_of(
        tmp_path,
        message(300, change("1.1", rc=traded(_11=2.0))),
        message(360, change("1.1", definition(), traded(_12=4.0), img=True)),
    )
    assert win(replay, 360) == [UNSOLD, 4.0, UNSOLD]


def test_messages_that_are_no_changes_and_lack_a_clk_do_no_harm(tmp_path: Path) -> None:
    replay = replay_of(
        tmp_path,
        {"op": "connection", "connectionId": "1"},
        {"op": "mcm", "pt": pt(0), "mc": OPENING["mc"]},
        {"op": "mcm", "ct": "HEARTBEAT", "pt": pt(5)},
    )
    assert win(replay, 9) == [2.0, 3.0, UNSOLD]


def test_a_packed_file_is_read_as_betfair_ships_it(tmp_path: Path) -> None:
    path = tmp_path / "1.1.bz2"
    path.write_bytes(bz2.compress(json.dumps(OPENING).encode() + b"\n"))
    assert win(Replay([path], {"1.1": RACE.race_id}), 0) == [2.0, 3.0, UNSOLD]


# Runners ------------------------------------------------------------------------------------------------------------


def test_a_removed_runner_is_scratched_from_its_removal_on(tmp_path: Path) -> None:
    """A definition a minute old tells of it late, after prices that were told since."""
    replay = replay_of(
        tmp_path,
        OPENING,
        message(100, change("1.1", rc=traded(_12=2.8))),
        message(120, change("1.1", definition(removed={12: 90}), [{"id": 12, "ltp": 2.7}])),
        message(180, change("1.1", rc=traded(_12=2.6, _11=1.5))),
    )
    assert win(replay, 89.999) == [2.0, 3.0, UNSOLD]
    assert win(replay, 90) == [2.0, SCRATCHED, UNSOLD]
    assert win(replay, 180) == [1.5, SCRATCHED, UNSOLD]


def test_an_image_does_not_bring_a_removed_runner_back(tmp_path: Path) -> None:
    removed = message(60, change("1.1", definition(removed={12: 60})))
    replay = replay_of(tmp_path, OPENING, removed, message(90, change("1.1", rc=traded(_11=2.5), img=True)))
    assert win(replay, 90) == [2.5, SCRATCHED, UNSOLD]


def test_a_removed_runner_that_comes_back_has_a_price_again(tmp_path: Path) -> None:
    replay = replay_of(
        tmp_path,
        OPENING,
        message(60, change("1.1", definition(removed={12: 60}))),
        message(90, change("1.1", definition())),
        message(120, change("1.1", rc=traded(_12=3.3))),
    )
    assert [win(replay, seconds)[1] for seconds in (59, 60, 90, 120)] == [3.0, SCRATCHED, 3.0, 3.3]


def test_start_numbers_are_those_in_the_names_even_when_told_last(tmp_path: Path) -> None:
    unnamed, names = {11: None, 12: None, 13: None}, {11: "3. C", 12: "1. A", 13: "2. B"}
    replay = replay_of(
        tmp_path,
        message(0, change("1.1", definition(unnamed), traded(_11=2.0, _12=3.0, _13=4.0), img=True)),
        message(900, change("1.1", definition(names, status="CLOSED", inPlay=True))),
    )
    assert win(replay, 0) == [3.0, 4.0, 2.0]


def test_without_numbers_in_names_the_first_order_told_stays(tmp_path: Path) -> None:
    """Betfair moves removed runners to the end, and others up."""
    names = {11: "Alpha", 12: "Beta", 13: "Gamma"}
    replay = replay_of(
        tmp_path,
        message(0, change("1.1", definition(names), traded(_11=2.0, _12=3.0, _13=4.0))),
        message(60, change("1.1", definition(names, removed={11: 60}, order=[12, 13, 11]), traded(_13=3.8))),
    )
    assert win(replay, 60) == [SCRATCHED, 3.0, 3.8]


def test_a_runner_that_comes_later_takes_the_next_number(tmp_path: Path) -> None:
    names = {11: "Alpha", 12: "Beta", 13: "Gamma"}
    replay = replay_of(
        tmp_path,
        message(0, change("1.1", definition({11: "Alpha", 12: "Beta"}), traded(_11=2.0, _12=3.0))),
        message(60, change("1.1", definition(names, order=[13, 11, 12]), traded(_13=9.0))),
    )
    assert win(replay, 60) == [2.0, 3.0, 9.0]
    assert win(replay, 0) == [2.0, 3.0, UNTOLD]


def test_the_field_is_the_races_where_it_has_one(tmp_path: Path) -> None:
    replay = replay_of(tmp_path, OPENING)
    five = replace(RACE, field=(1, 2, 3, 4), scratched=frozenset({1}))
    assert win(replay, 0, five) == [SCRATCHED, 3.0, UNSOLD, UNTOLD]
    error = refusal(lambda: told(replay, 0, replace(RACE, field=(1, 2))))
    assert (error.verdict, error.field) == (Verdict.MALFORMED, "runners")
    assert "runner 3" in error.reason


# The off ------------------------------------------------------------------------------------------------------------


def before_the_off(replay: Replay) -> None:
    assert told(replay, 5000).source_ts == START + timedelta(seconds=600)
    assert win(replay, 5000) == [2.1, 3.0, UNSOLD]


LAST = message(600, change("1.1", rc=traded(_11=2.1)))


def test_nothing_counts_once_the_market_is_in_play(tmp_path: Path) -> None:
    off = change("1.1", definition(inPlay=True), traded(_11=1.2))
    before_the_off(
        replay_of(tmp_path, OPENING, LAST, message(660, off), message(700, change("1.1", rc=traded(_11=1.01))))
    )


def test_nothing_counts_once_the_starting_price_is_reconciled(tmp_path: Path) -> None:
    """Markets that do not go in play are suspended at the off."""
    off = change("1.1", definition(bspReconciled=True, status="SUSPENDED"), traded(_11=1.2))
    before_the_off(
        replay_of(tmp_path, OPENING, LAST, message(660, off), message(700, change("1.1", rc=traded(_11=1.01))))
    )


def test_nothing_counts_once_runners_have_won_and_lost_though_the_market_opens_again(tmp_path: Path) -> None:
    decided = {11: "WINNER", 12: "LOSER", 13: "LOSER"}
    closed = change("1.1", definition(status="CLOSED", statuses=decided))
    opened = change("1.1", definition(), traded(_11=1.01), img=True)
    before_the_off(replay_of(tmp_path, OPENING, LAST, message(660, closed), message(9000 - 5000, opened)))


def test_a_market_that_opens_again_before_the_off_goes_on(tmp_path: Path) -> None:
    replay = replay_of(
        tmp_path,
        OPENING,
        message(60, change("1.1", definition(status="CLOSED"))),
        message(70, change("1.1", rc=traded(_11=9.9))),
        message(120, change("1.1", definition(), traded(_11=2.4, _12=3.1), img=True)),
    )
    assert [win(replay, seconds)[0] for seconds in (59, 75, 120)] == [2.0, 2.0, 2.4]
    assert told(replay, 75).source_ts == START


def test_a_suspended_market_keeps_its_prices(tmp_path: Path) -> None:
    replay = replay_of(
        tmp_path,
        OPENING,
        message(60, change("1.1", definition(status="SUSPENDED"))),
        message(90, change("1.1", rc=traded(_11=2.2))),
        message(120, change("1.1", definition(), traded(_11=2.4))),
    )
    assert [win(replay, seconds)[0] for seconds in (60, 90, 120)] == [2.0, 2.2, 2.4]


def test_a_market_of_another_time_is_no_recording_of_the_race(tmp_path: Path) -> None:
    other = replace(RACE, post_time=RACE.post_time + timedelta(days=1))
    with pytest.raises(SourceError, match="its market is off at") as refused:
        told(replay_of(tmp_path, OPENING), 10, other)
    assert (refused.value.verdict, refused.value.field) == (Verdict.MALFORMED, "marketTime")


def place(**fields: Any) -> Message:
    return definition(marketType="PLACE", numberOfWinners=1, **fields)


def test_markets_in_one_file_are_told_apart(tmp_path: Path) -> None:
    other = replace(odds_race(0, 2))
    replay = replay_of(
        tmp_path,
        message(0, change("1.1", definition(), traded(_11=2.0)), change("1.2", definition(), traded(_11=5.0))),
        message(60, change("1.2", rc=traded(_12=6.0))),
        message(60, change("1.1", rc=traded(_12=3.0))),
        bound={"1.1": RACE.race_id, "1.2": other.race_id},
    )
    assert win(replay, 60) == [2.0, 3.0, UNSOLD]
    assert win(replay, 60, other) == [5.0, 6.0, UNSOLD]


def test_a_win_and_a_place_market_are_two_pools_of_one_race_numbered_alike(tmp_path: Path) -> None:
    names = {11: "Alpha", 12: "Beta", 13: "Gamma"}
    replay = replay_of(
        tmp_path,
        message(0, change("1.2", place(runners=names, order=[13, 12, 11]), traded(_13=1.8))),
        message(5, change("1.1", definition(names), traded(_13=4.0))),
        bound={"1.2": RACE.race_id, "1.1": RACE.race_id},
    )
    assert [each.pool for each in told(replay, 4).pools] == [Pool.PLC]
    snapshot = told(replay, 5)
    assert odds_of(snapshot, Pool.WIN)["3"] == 4.0
    assert odds_of(snapshot, Pool.PLC)["3"] == 1.8
    assert snapshot.source_ts == START + timedelta(seconds=5)


def test_a_market_that_pays_other_places_is_told_of(tmp_path: Path) -> None:
    with capture_logs() as logs:
        replay_of(tmp_path, message(0, change("1.1", definition(marketType="PLACE", numberOfWinners=2))))
        replay_of(tmp_path, message(0, change("1.1", place())))
    assert [(log["market"], log["market_pays"], log["pays"]) for log in logs] == [("1.1", 2, 1)]


def test_a_market_may_go_on_in_the_next_file(tmp_path: Path) -> None:
    first = written(tmp_path / "a", OPENING)
    second = written(tmp_path / "b", message(60, change("1.1", definition(), traded(_11=2.6, _12=3.0), img=True)))
    assert [win(Replay([first, second], {"1.1": RACE.race_id}), each)[0] for each in (59, 60)] == [2.0, 2.6]
    assert refusal(lambda: Replay([second, first], {"1.1": RACE.race_id})).document == "a line 1"


# What is refused ----------------------------------------------------------------------------------------------------


def bound_refused(folder: Path, *messages: Message, **bound: str) -> SourceError:
    markets = {name.replace("_", "."): race_id for name, race_id in bound.items()}
    return refusal(lambda: Replay([written(folder / "stream", *messages)], markets))


def test_a_market_that_is_not_recorded_cannot_be_bound(tmp_path: Path) -> None:
    error = bound_refused(tmp_path, OPENING, **{"1_2": RACE.race_id})
    assert (error.verdict, error.source) == (Verdict.EMPTY_UNEXPECTED, "replay:betfair")
    assert "1.1" in error.reason


def test_a_market_recorded_from_its_off_on_cannot_be_bound(tmp_path: Path) -> None:
    error = bound_refused(tmp_path, message(0, change("1.1", definition(inPlay=True))), **{"1_1": RACE.race_id})
    assert error.verdict is Verdict.EMPTY_UNEXPECTED


def test_a_market_of_another_kind_cannot_be_bound(tmp_path: Path) -> None:
    forecast = message(0, change("1.1", definition(marketType="FORECAST")))
    assert bound_refused(tmp_path, forecast, **{"1_1": RACE.race_id}).field == "marketType"


def test_two_win_markets_cannot_be_one_race(tmp_path: Path) -> None:
    both = message(0, change("1.1", definition()), change("1.2", definition()))
    assert bound_refused(tmp_path, both, **{"1_1": RACE.race_id, "1_2": RACE.race_id}).verdict is Verdict.MALFORMED


def test_a_race_without_a_market_is_missing(tmp_path: Path) -> None:
    error = refusal(lambda: told(replay_of(tmp_path, OPENING), 0, odds_race(4, 9)))
    assert error.verdict is Verdict.EMPTY_UNEXPECTED
    assert "recorded are 1.1" in error.reason


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"op": "mcm", "mc": []}, "pt"),
        (message(-5, change("1.1", rc=traded(_11=2.0))), "pt"),
        (message(5, change("1.1", rc=traded(_11=0.5))), "ltp"),
        (message(5, change("1.1", rc=[{"id": 11, "ltp": "2.0"}])), "mc[0].rc[0].ltp"),
        (message(5, change("1.1", {"status": "OPEN"})), "mc[0].marketDefinition"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(tmp_path: Path, line: Message, field: str) -> None:
    error = bound_refused(tmp_path, OPENING, line, **{"1_1": RACE.race_id})
    assert (error.verdict, error.document, error.field) == (Verdict.MALFORMED, "stream line 2", field)
    assert json.loads(error.content or b"") == line


def test_a_stream_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "stream", OPENING, LAST)
    path.write_bytes(path.read_bytes()[:-9])
    assert refusal(lambda: Replay([path], {"1.1": RACE.race_id})).document == "stream line 2"


def test_streams_and_our_own_recordings_are_not_one_source(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_bytes(document() + b"\n")
    error = refusal(lambda: Replay([written(tmp_path / "stream", OPENING), own]))
    assert (error.verdict, "as one source" in error.reason) == (Verdict.MALFORMED, True)


# Real streams -------------------------------------------------------------------------------------------------------


def at_second(text: str) -> float:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - START).total_seconds()


@pytest.mark.real_data
def test_a_real_greyhound_race_with_its_order_book(real_data: Path) -> None:
    """Checked by hand against the lines of the file: the first two, and the last before the suspension."""
    race = replace(RACE, post_time=datetime.fromisoformat("2022-04-19T18:26:00+00:00"))
    replay = Replay([real_data / "betfair" / "1.197931750"], {"1.197931750": RACE.race_id})
    assert win(replay, at_second("2022-04-19T18:24:33.420"), race) == [75, 22, 8.2, 8.8, 21, 1.49]
    assert win(replay, at_second("2022-04-19T18:24:34.421"), race) == [70, 22, 8.2, 8.8, 21, 1.49]
    # It went off 79 s late, suspended and reconciled without going in play.
    closing = told(replay, at_second("2022-04-19T18:29:00"), race)
    assert list(odds_of(closing, Pool.WIN).values()) == [85, 25, 6.8, 9.8, 17, 1.56]
    assert closing.source_ts == datetime(2022, 4, 19, 18, 27, 17, 733000, tzinfo=UTC)
    assert refusal(lambda: told(replay, at_second("2022-04-19T18:24:33.419"), race)).verdict is Verdict.NOT_YET


@pytest.mark.real_data
def test_a_real_horse_race_with_last_traded_prices_only(real_data: Path) -> None:
    """Two horses were withdrawn, at 07:00:50 and 09:23:43; in play from 18:55:42.053 on."""
    race = replace(RACE, post_time=datetime.fromisoformat("2017-06-14T18:55:00+00:00"))
    replay = Replay([real_data / "betfair" / "BASIC-1.132153978"], {"1.132153978": RACE.race_id})
    assert win(replay, at_second("2017-06-13T10:53:40.400"), race) == [UNSOLD] * 14
    first = win(replay, at_second("2017-06-13T16:31:39.779"), race)
    assert {place: price for place, price in enumerate(first, 1) if price != UNSOLD} == {12: 15.0}
    gone = [
        [place for place, price in enumerate(win(replay, at_second(at), race), 1) if price == SCRATCHED]
        for at in ("2017-06-14T07:00:49.999", "2017-06-14T07:00:50", "2017-06-14T09:23:42", "2017-06-14T18:54:00")
    ]
    assert gone == [[], [7], [7], [7, 9]]
    closing = told(replay, at_second("2017-06-14T19:30:00"), race)
    assert closing.source_ts == datetime(2017, 6, 14, 18, 54, 42, 98000, tzinfo=UTC)
    assert list(odds_of(closing, Pool.WIN).values()) == [
        4, 11, 5.6, 21, 6.4, 13, SCRATCHED, 9.6, SCRATCHED, 60, 38, 20, 180, 120,
    ]  # fmt: skip
