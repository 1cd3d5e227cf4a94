"""The simulated races agree with themselves: order, times, margins, odds, payoffs."""

import itertools
import math
from collections import Counter
from datetime import date, datetime, timedelta

import pytest

from fotmate_assets.embedded.portal import betting
from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.race import LENGTH_S, EventKind, RaceState
from fotmate_assets.embedded.portal.server import PortalSimulator
from fotmate_assets.racing.model import (
    KST,
    ODDS_CAP,
    ORDERED_POOLS,
    FinishStatus,
    Meeting,
    Pool,
    RaceCard,
    Sport,
    paying_combinations,
    places_paid,
)

END = datetime(2030, 1, 1, tzinfo=KST)
DAYS = [date(2026, 11, 13) + timedelta(days=day) for day in range(3)] + [date(2026, 11, 18)]


@pytest.fixture(scope="module")
def year(races: RaceCalendar) -> list[RaceState]:
    """Every race of 2026 when it is over."""
    days = (date(2026, 1, 1) + timedelta(days=day) for day in range(365))
    return [race.at(END) for day in days for meeting in races.meetings(day) for race in races.races(meeting)]


@pytest.fixture(scope="module")
def horses(year: list[RaceState]) -> list[RaceState]:
    return [state for state in year if state.race.sport is Sport.HORSE]


@pytest.fixture(scope="module")
def cards(races: RaceCalendar) -> list[tuple[Meeting, RaceCard]]:
    """Some days as a test of an ingestion gets them."""
    simulator = PortalSimulator(races, lambda: END)
    return [(card.meeting, race) for day in DAYS for card in simulator.truth(day) for race in card.races]


def test_positions_count_up_and_the_tied_skip_the_next(year: list[RaceState]) -> None:
    for state in year:
        positions = sorted(state.positions.values())
        assert positions == [1 + sum(other < each for other in positions) for each in positions]
        assert len(state.finishes) == len(state.race.runners)
        assert {finish.runner.start_no for finish in state.finishes} == {r.start_no for r in state.race.runners}


def test_a_position_belongs_to_who_finished_and_a_code_to_the_others(year: list[RaceState]) -> None:
    codes: dict[FinishStatus, set[int | None]] = {
        FinishStatus.FINISHED: {None},
        FinishStatus.DISQUALIFIED: {91},
        FinishStatus.PULLED_UP: {92},
        FinishStatus.EXCLUDED: {93, 94},
        FinishStatus.SCRATCHED: {95},
        FinishStatus.VOID: {98},
        FinishStatus.CANCELLED: {99},
    }
    for state in year:
        for finish in state.finishes:
            assert finish.code in codes[finish.status]
            has_result = finish.status is FinishStatus.FINISHED
            assert (finish.position is not None, finish.time_s is not None) == (has_result, has_result)


def test_times_ascend_with_the_order_and_are_equal_in_a_dead_heat(year: list[RaceState]) -> None:
    for state in year:
        finished = [finish for finish in state.finishes if finish.position is not None]
        for ahead, behind in itertools.pairwise(finished):
            assert ahead.time_s is not None
            assert behind.time_s is not None
            assert (ahead.position or 0) <= (behind.position or 0)
            assert ahead.time_s <= behind.time_s
            if ahead.position == behind.position:
                assert ahead.time_s == behind.time_s


def test_margins_add_up_to_the_times(horses: list[RaceState]) -> None:
    for state in horses:
        finished = [finish for finish in state.finishes if finish.position is not None]
        behind = 0.0
        for finish in finished:
            behind += finish.lengths or 0.0
            assert finish.time_s is not None
            assert finished[0].time_s is not None
            assert finish.time_s - finished[0].time_s == pytest.approx(behind * LENGTH_S, abs=0.051)
    margins = {finish.margin for state in horses for finish in state.finishes}
    assert {"-", "코", "머리", "목", "½", "1½", 1, 4, "동착"} <= margins


def test_winning_times_fit_the_distance(horses: list[RaceState]) -> None:
    """Thoroughbreds take 59 to 68 seconds for 1,000 m and two minutes and a bit for 2,000 m."""
    bounds = {1000: (57, 68), 1200: (70, 82), 1400: (82, 96), 1800: (107, 125), 2000: (119, 140)}
    for state in horses:
        if state.race.meeting.track_id != "jeju" and state.positions and state.race.distance_m in bounds:
            low, high = bounds[state.race.distance_m]
            assert low < (state.finishes[0].time_s or 0) < high


def test_a_year_has_every_oddity(year: list[RaceState], horses: list[RaceState]) -> None:
    def some(states: list[RaceState]) -> bool:
        return 0 < len(states) < len(horses) / 12

    ties = [Counter(state.positions.values()) for state in horses]
    assert sum(count[1] > 1 for count in ties) > 3
    assert sum(count[3] > 1 for count in ties) > 3
    for code in (91, 92, 93, 94, 95, 98, 99):
        assert any(finish.code == code for state in horses for finish in state.finishes)
    assert some([state for state in horses if len(state.starters) == 1])
    assert some([state for state in horses if state.of(EventKind.POST_TIME)])
    assert some([state for state in horses if state.of(EventKind.RERUN)])
    assert some([state for state in horses if state.is_void])
    called_off: dict[Meeting, set[bool]] = {}
    for state in horses:
        called_off.setdefault(state.race.meeting, set()).add(state.is_cancelled)
    assert {True} in called_off.values()
    assert {True, False} in called_off.values()
    assert any(state.of(EventKind.JOCKEY) for state in horses)
    racers = [state for state in year if state.race.sport is not Sport.HORSE]
    assert {finish.code for state in racers for finish in state.finishes} == {None, 91, 92}
    assert any(max(Counter(state.positions.values()).values()) > 1 for state in racers)


def test_payoffs_are_the_paying_combinations_of_the_order(cards: list[tuple[Meeting, RaceCard]]) -> None:
    counted = Counter[Sport]()
    for meeting, card in cards:
        results = card.results or ()
        positions = {each.start_no: each.finish_position for each in results if each.start_no and each.finish_position}
        starters = sum(each.finish_status.started for each in results)
        for pool in Pool:
            paid = {payoff.combination for payoff in card.payoffs or () if payoff.pool is pool}
            expected = paying_combinations(pool, positions, starters)
            if paid and expected:
                assert paid == expected
                counted[meeting.track.sport] += 1
        if card.race.is_cancelled:
            assert not card.payoffs
        elif starters >= 7:
            assert len({payoff.pool for payoff in card.payoffs or ()}) == 7
    assert min(counted[sport] for sport in Sport) > 50


def test_a_combination_pays_what_the_grid_says(races: RaceCalendar, cards: list[tuple[Meeting, RaceCard]]) -> None:
    for meeting, card in cards:
        if meeting.track.sport is not Sport.HORSE or card.race.race_no > 2:
            continue
        state = races.races(meeting)[card.race.race_no - 1].at(END)
        for payoff in card.payoffs or ():
            numbers = tuple(map(int, payoff.combination.split("-")))
            assert betting.odds(state, payoff.pool)[numbers] == (payoff.odds or ODDS_CAP)
        for result in card.results or ():
            if result.finish_status.started and result.start_no:
                assert result.win_odds == betting.odds(state, Pool.WIN)[(result.start_no,)]


def field_of(horses: list[RaceState], starters: int) -> RaceState:
    return next(state for state in horses if len(state.starters) == starters and not state.is_cancelled)


@pytest.mark.parametrize("starters", [7, 9, 12])
def test_a_grid_has_every_combination_once(horses: list[RaceState], starters: int) -> None:
    state = field_of(horses, starters)
    for pool in betting.PAYOUT:
        length = {Pool.WIN: 1, Pool.PLC: 1, Pool.TLA: 3, Pool.TRI: 3}.get(pool, 2)
        count = math.perm(starters, length) if pool in ORDERED_POOLS else math.comb(starters, length)
        grid = betting.odds(state, pool)
        assert len(grid) == count
        if pool not in ORDERED_POOLS:
            assert all(list(numbers) == sorted(numbers) for numbers in grid)


@pytest.mark.parametrize("starters", [6, 8, 11, 13])
def test_odds_give_back_the_payout(horses: list[RaceState], starters: int) -> None:
    state = field_of(horses, starters)
    paying = {Pool.PLC: places_paid(starters), Pool.QPL: 3}
    assert (betting.PAYOUT[Pool.WIN], betting.PAYOUT[Pool.TRI]) == (0.80, 0.73)
    for pool, payout in betting.PAYOUT.items():
        grid = betting.odds(state, pool)
        assert all(1.0 <= price <= 9999.9 and round(price, 1) == price for price in grid.values())
        paid_back = paying.get(pool, 1) / sum(1 / price for price in grid.values())
        # More than the payout where sure things pay the stake.
        assert payout * 0.95 < paid_back < payout * (1.2 if pool is Pool.PLC else 1.05)


def test_odds_are_capped_and_a_certain_winner_pays_the_stake(horses: list[RaceState]) -> None:
    assert betting.price(0.73, 0.73 / 20_000) == 9999.9
    assert betting.price(0.8, 0.95) == 1.0
    assert any(price == 9999.9 for state in horses[:80] for price in betting.odds(state, Pool.TRI).values())


def test_a_favourite_wins_more_often_than_an_outsider(horses: list[RaceState]) -> None:
    ranks = Counter[int]()
    for state in horses[:400]:
        share = betting.shares(state)
        order = sorted(share, key=lambda number: -share[number])
        ranks.update(order.index(number) for number, position in state.positions.items() if position == 1)
    assert ranks[0] > 2 * ranks[6]


def test_small_fields_sell_fewer_pools(horses: list[RaceState]) -> None:
    walkover = next(state for state in horses if len(state.starters) == 1 and not state.is_cancelled)
    assert not any(betting.sold(walkover, pool) for pool in betting.PAYOUT)
    six = field_of(horses, 6)
    assert {pool for pool in betting.PAYOUT if not betting.sold(six, pool)} == {Pool.TLA, Pool.TRI}
    assert all(betting.sold(field_of(horses, 7), pool) for pool in betting.PAYOUT)


def test_a_scratch_leaves_the_times_of_the_others_in_order(races: RaceCalendar) -> None:
    """What happens to one runner does not shuffle the rest."""
    race = races.races(Meeting(date(2026, 11, 14), "seoul"))[0]
    simulator = PortalSimulator(races, lambda: END)
    before = [finish.runner.start_no for finish in race.at(END).finishes if finish.position is not None]
    simulator.runner_is_scratched(race.race_id, before[2], at=race.post_time - timedelta(hours=1))
    after = simulator.truth(date(2026, 11, 14))
    card = next(card for card in after if card.meeting.track_id == "seoul").races[0]
    assert [r.start_no for r in card.results or () if r.finish_position is not None] == [
        number for number in before if number != before[2]
    ]
    assert [entry.start_no for entry in card.entries or () if entry.is_scratched] == [before[2]]


def test_of_a_velodrome_without_a_card_the_truth_is_what_its_services_tell(
    cards: list[tuple[Meeting, RaceCard]],
) -> None:
    seen = [card for meeting, card in cards if meeting.track_id in ("changwon", "busan_cycle")]
    assert len(seen) > 12
    for card in seen:
        assert card.entries is None
        assert card.race.post_time is None
        assert len(card.results or ()) == 7
        for result in card.results or ():
            assert (result.start_no is not None) == (result.finish_position in (1, 2, 3))
        assert len({payoff.pool for payoff in card.payoffs or ()}) == 7
