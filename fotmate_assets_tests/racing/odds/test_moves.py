"""Sudden moves: what is one, what only looks like one, and who is told how often."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.core.alerts import deliver
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import OddsRow, Sentinel
from fotmate_assets.racing.odds.moves import Move, note_moves, sudden_moves
from fotmate_assets.racing.odds.store import FINAL, insert_rows
from fotmate_assets_tests.core.slack import slack_server
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing.cards import DAY, NIGHT_BEFORE, RACE, Stage, make_card, off

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
T5 = off(1) - 5 * MINUTE
FIELD = (1, 2, 3, 4)
GONE, UNTOLD, UNSOLD, CAPPED = Sentinel.SCRATCHED, Sentinel.UNTOLD, Sentinel.UNSOLD, Sentinel.CAPPED


def row(
    at: datetime, odds: Sequence[float], race_id: str = RACE, sales: int | None = 50_000_000, source: str = "simulated"
) -> OddsRow:
    field = tuple(range(1, len(odds) + 1))
    return OddsRow(
        race_id, Pool.WIN, at, DAY, field, array("f", odds), sales, at, at, source, source != FINAL, source != FINAL
    )


def history(*steps: tuple[int, Sequence[float]], sales: int | None = 50_000_000) -> list[OddsRow]:
    """Rows of one race, by seconds after T-5."""
    return [row(T5 + seconds * SECOND, odds, sales=sales) for seconds, odds in steps]


def odds_of(shares: Sequence[float]) -> list[float]:
    """What shares of a pool are shown as."""
    return [max(1.0, round(0.8 / share, 1)) if share > 0 else float(UNSOLD) for share in shares]


QUARTERS = [3.2, 3.2, 3.2, 3.2]
MONEY_FOR_2 = odds_of([0.23, 0.31, 0.23, 0.23])


def moved(rows: Sequence[OddsRow]) -> list[tuple[int, float]]:
    return [(move.start_no, (move.observed_at - T5).total_seconds()) for move in sudden_moves(rows)]


def test_a_share_up_by_five_points_within_two_minutes_is_a_move() -> None:
    (move,) = sudden_moves(history((0, QUARTERS), (90, MONEY_FOR_2)))
    assert (move.race_id, move.race_date, move.start_no, move.source, move.is_simulated) == (
        RACE,
        DAY,
        2,
        "simulated",
        True,
    )
    assert (move.from_at, move.observed_at) == (T5, T5 + 90 * SECOND)
    assert [move.from_odds, move.to_odds] == pytest.approx([3.2, 2.6])
    assert [move.from_share, move.to_share] == pytest.approx([0.25, 0.31], abs=0.01)


def test_less_than_five_points_or_more_than_two_minutes_is_none() -> None:
    assert moved(history((0, QUARTERS), (90, odds_of([0.235, 0.295, 0.235, 0.235])))) == []
    assert moved(history((0, QUARTERS), (121, MONEY_FOR_2))) == []
    assert moved(history((0, QUARTERS), (120, MONEY_FOR_2))) == [(2, 120)]


def test_steps_that_are_small_one_by_one_add_up_within_the_two_minutes() -> None:
    shares = [0.25, 0.265, 0.28, 0.295, 0.31]
    rows = history(*((30 * n, odds_of([(1 - s) / 3, s, (1 - s) / 3, (1 - s) / 3])) for n, s in enumerate(shares)))
    assert moved(rows) == [(2, 120)]


def test_a_runner_is_told_once_from_its_lowest_share_and_at_the_first_snapshot_that_shows_it() -> None:
    lower = odds_of([0.27, 0.19, 0.27, 0.27])
    rows = history((0, QUARTERS), (30, lower), (60, MONEY_FOR_2), (90, odds_of([0.2, 0.4, 0.2, 0.2])))
    (move,) = sudden_moves(rows)
    assert (move.from_at, move.observed_at) == (T5 + 30 * SECOND, T5 + 60 * SECOND)


def test_two_runners_may_move_at_different_times() -> None:
    rows = history((0, QUARTERS), (30, MONEY_FOR_2), (180, MONEY_FOR_2), (210, odds_of([0.17, 0.31, 0.35, 0.17])))
    assert moved(rows) == [(2, 30), (3, 210)]


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = history((0, QUARTERS), (30, MONEY_FOR_2), (180, MONEY_FOR_2), (210, odds_of([0.17, 0.31, 0.35, 0.17])))
    assert moved(rows[::-1]) == moved(rows)


def test_a_scratch_that_lifts_everybody_moves_nobody() -> None:
    """A third of the pool is paid back: the shares of the others rise by a half, among each other they stay."""
    before = odds_of([0.34, 0.33, 0.17, 0.16])
    after = [float(GONE), *odds_of([0.5, 0.257, 0.243])]
    assert moved(history((0, before), (30, after))) == []


def test_money_that_comes_with_a_scratch_is_a_move() -> None:
    before = odds_of([0.34, 0.33, 0.17, 0.16])
    after = [float(GONE), *odds_of([0.4, 0.36, 0.24])]
    assert moved(history((0, before), (30, after))) == [(3, 30)]


def test_a_runner_that_is_not_told_for_a_while_moves_nobody() -> None:
    hidden = [*odds_of([0.25, 0.25, 0.25]), float(UNTOLD)]
    assert moved(history((0, QUARTERS), (30, hidden), (60, QUARTERS))) == []


@pytest.mark.parametrize("nothing", [UNSOLD, CAPPED])
def test_a_runner_that_nobody_had_bought_can_move(nothing: Sentinel) -> None:
    (move,) = sudden_moves(
        history((0, [*odds_of([0.4, 0.3, 0.3]), float(nothing)]), (30, odds_of([0.36, 0.27, 0.27, 0.1])))
    )
    assert (move.start_no, move.from_share, move.from_odds) == (4, 0, None)


def test_one_step_of_the_display_is_no_move_though_it_is_five_points_of_a_favourite() -> None:
    assert moved(history((0, [1.2, 6.0, 8.0, 9.0]), (30, [1.1, 8.0, 11.0, 12.0]))) == []
    assert moved(history((0, [1.3, 5.0, 6.0, 7.0]), (30, [1.1, 8.0, 11.0, 12.0]))) == [(1, 30)]


def test_the_first_bets_of_a_pool_are_noise() -> None:
    for sales, found in ((1_999_999, []), (2_000_000, [(2, 30)]), (None, [(2, 30)])):
        assert moved(history((0, QUARTERS), (30, MONEY_FOR_2), sales=sales)) == found


def test_final_odds_move_nobody() -> None:
    assert sudden_moves([row(T5, QUARTERS), row(T5 + MINUTE, MONEY_FOR_2, source=FINAL)]) == []


def test_a_field_that_was_declared_anew_is_not_compared_with_the_one_before() -> None:
    rows = [row(T5, [*QUARTERS, 9.0]), row(T5 + MINUTE, MONEY_FOR_2)]
    assert sudden_moves(rows) == []


def test_a_race_without_odds_has_no_moves() -> None:
    nothing = [float(UNSOLD)] * 4
    assert sudden_moves([]) == []
    assert sudden_moves(history((0, nothing), (30, nothing))) == []


@given(
    st.lists(st.lists(st.floats(0.02, 1), min_size=5, max_size=5), min_size=2, max_size=8),
    st.integers(10, 150),
    st.integers(0, 4),
)
def test_a_move_is_what_the_shares_say_whoever_is_scratched_on_the_way(
    weights: list[list[float]], step: int, gone: int
) -> None:
    """Against the definition, on odds without rounding: every runner whose share among the starters rose enough."""
    shares = [[each / sum(one) for each in one] for one in weights]
    scratched = len(shares) // 2
    rows = [
        row(
            T5 + n * step * SECOND,
            [float(GONE) if i == gone and n >= scratched else 0.8 / share for i, share in enumerate(one)],
        )
        for n, one in enumerate(shares)
    ]
    expected = set()
    for n, one in enumerate(shares):
        for m in range(n):
            if (n - m) * step > 120:
                continue
            both = [i for i in range(5) if not (i == gone and n >= scratched)]
            then, now = (sum(side[i] for i in both) for side in (shares[m], one))
            for i in both:
                rise = one[i] / now - shares[m][i] / then
                fell = 0.8 / shares[m][i] - 0.8 / one[i]
                if abs(rise - 0.05) < 1e-4 or abs(fell - 0.101) < 1e-3:
                    return  # too close to call after float32
                if rise > 0.05 and fell > 0.101:
                    expected.add(i + 1)
    assert {move.start_no for move in sudden_moves(rows)} == expected


# Telling it ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _moves_database(stack: Stack, _template: str) -> Iterator[Database]:
    with fresh_database(stack, _template) as made:
        load_meeting(made.engine, make_card(races=3, runners=4, stage=Stage.CARD), NIGHT_BEFORE)
        yield made


@pytest.fixture
def market(_moves_database: Database) -> Database:
    for table in ("odds_snapshots", "odds_moves", "alerts"):
        _moves_database.execute(f"delete from {table}")
    return _moves_database


def captured(database: Database, rows: Sequence[OddsRow]) -> None:
    with database.engine.begin() as connection:
        insert_rows(connection, rows)


def told(database: Database) -> list[tuple[object, ...]]:
    return database.execute("select key, message ->> 'title', message ->> 'text' from alerts order by alert_id")


def pass_time(database: Database, wait: str = "2 minutes") -> None:
    database.execute(f"update alerts set sent_at = sent_at - interval '{wait}'")


def numbers(moves: Sequence[Move]) -> list[int]:
    return [move.start_no for move in moves]


def test_a_move_is_kept_and_told_with_what_a_reader_needs(market: Database) -> None:
    captured(market, history((0, QUARTERS), (90, MONEY_FOR_2)))
    assert numbers(note_moves(market.engine, [RACE])) == [2]
    assert market.execute(
        "select race_id, start_no, race_date, observed_at, from_at, round(from_share * 100),"
        " round(to_share * 100), seconds_to_off, source, is_simulated from odds_moves"
    ) == [(RACE, 2, DAY, T5 + 90 * SECOND, T5, 25, 31, 210, "simulated", True)]
    with slack_server() as slack:
        assert deliver(market.engine, slack.url) == 1
    (post,) = slack.posts
    assert post["title"] == "Seoul race 1: money for 2 (simulated)"
    assert post["text"] == "2 seoul 1-2: 25.0% to 31.0% of the win pool, odds 3.2 to 2.6, in 90 s"
    fields = {each["title"]: each["value"] for each in post["fields"]}
    assert fields == {"off": "in 3 min 30 s (10:35 KST)", "race": RACE, "source": "simulated"}


def test_what_is_not_simulated_does_not_say_so(market: Database) -> None:
    rows = [replace(each, is_simulated=False, source="feed") for each in history((0, QUARTERS), (90, MONEY_FOR_2))]
    captured(market, rows)
    note_moves(market.engine, [RACE])
    assert told(market)[0][1] == "Seoul race 1: money for 2"


def test_a_runner_is_told_once_per_race_however_often_it_is_looked_at(market: Database) -> None:
    captured(market, history((0, QUARTERS), (30, MONEY_FOR_2)))
    assert numbers(note_moves(market.engine, [RACE])) == [2]
    for seconds, share in ((60, 0.4), (90, 0.5), (120, 0.6)):
        captured(market, history((seconds, odds_of([(1 - share) / 3, share, (1 - share) / 3, (1 - share) / 3]))))
        pass_time(market)
        assert note_moves(market.engine, [RACE]) == []
    assert len(told(market)) == 1


def test_runners_of_one_call_are_one_alert_and_races_are_one_each(market: Database) -> None:
    both = odds_of([0.15, 0.35, 0.35, 0.15])
    for number in (1, 2):
        race_id = RACE[:-1] + str(number)
        captured(market, [row(T5, QUARTERS, race_id), row(T5 + MINUTE, both, race_id)])
    assert numbers(note_moves(market.engine, [RACE, RACE[:-1] + "2", RACE])) == [2, 3, 2, 3]
    assert [(key, title) for key, title, _ in told(market)] == [
        (RACE, "Seoul race 1: money for 2, 3 (simulated)"),
        (RACE[:-1] + "2", "Seoul race 2: money for 2, 3 (simulated)"),
    ]


def test_only_the_races_asked_for_are_looked_at(market: Database) -> None:
    captured(market, history((0, QUARTERS), (90, MONEY_FOR_2)))
    assert note_moves(market.engine, [RACE[:-1] + "2"]) == []
    assert note_moves(market.engine, []) == []
    assert told(market) == []


def test_within_two_minutes_nothing_more_is_told_and_then_what_came_meanwhile(market: Database) -> None:
    captured(market, history((0, QUARTERS), (30, MONEY_FOR_2)))
    note_moves(market.engine, [RACE])
    captured(market, history((60, odds_of([0.17, 0.31, 0.35, 0.17]))))
    assert numbers(note_moves(market.engine, [RACE])) == [3], "kept at once"
    assert len(told(market)) == 1, "and not told yet"
    pass_time(market)
    captured(market, history((90, odds_of([0.17, 0.31, 0.35, 0.17]))))
    assert note_moves(market.engine, [RACE]) == []
    assert [title for _, title, _ in told(market)] == [
        "Seoul race 1: money for 2 (simulated)",
        "Seoul race 1: money for 3 (simulated)",
    ]


def test_a_call_that_was_missed_loses_nothing(market: Database) -> None:
    captured(
        market, history((0, QUARTERS), (30, MONEY_FOR_2), (60, MONEY_FOR_2), (150, MONEY_FOR_2), (210, MONEY_FOR_2))
    )
    assert numbers(note_moves(market.engine, [RACE])) == [2]


def test_what_is_long_past_is_not_told(market: Database) -> None:
    captured(market, history((-400, QUARTERS), (-370, MONEY_FOR_2), (0, MONEY_FOR_2)))
    assert note_moves(market.engine, [RACE]) == []


def test_final_odds_are_no_snapshot_to_look_back_from(market: Database) -> None:
    captured(market, history((0, QUARTERS), (90, MONEY_FOR_2)))
    captured(market, [row(off(1) + 30 * MINUTE, QUARTERS, source=FINAL)])
    assert numbers(note_moves(market.engine, [RACE])) == [2]


def test_a_race_that_the_calendar_does_not_have_is_left_out(market: Database) -> None:
    captured(
        market, [row(T5, QUARTERS, "horse-seoul-20261121-99"), row(T5 + MINUTE, MONEY_FOR_2, "horse-seoul-20261121-99")]
    )
    assert note_moves(market.engine, ["horse-seoul-20261121-99"]) == []
    assert told(market) == []


def test_collectors_that_look_at_once_tell_it_once(market: Database) -> None:
    captured(market, history((0, QUARTERS), (90, MONEY_FOR_2)))
    barrier, found = threading.Barrier(3), list[Move]()

    def work() -> None:
        barrier.wait()
        found.extend(note_moves(market.engine, [RACE]))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(found) == [2]
    assert len(told(market)) == 1


OFFS: Mapping[int, str] = {300: "at the off", 270: "in 30 s", 240: "in 1 min 0 s"}


@pytest.mark.parametrize("seconds", OFFS)
def test_the_time_to_the_off_is_said_in_words(market: Database, seconds: int) -> None:
    captured(market, history((seconds - 60, QUARTERS), (seconds, MONEY_FOR_2)))
    note_moves(market.engine, [RACE])
    ((said,),) = market.execute("select message -> 'fields' ->> 'off' from alerts")
    assert said == f"{OFFS[seconds]} (10:35 KST)"
