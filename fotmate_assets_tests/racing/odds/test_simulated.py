"""The simulated market: the same for a seed, filling to the off, drifting, with late money and scratches."""

import asyncio
import itertools
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.cadence import plan
from fotmate_assets.racing.model import KST, Pool, RaceStatus, Sport, race_id
from fotmate_assets.racing.odds.model import (
    PAYOUT,
    SOLD,
    OddsRace,
    OddsSnapshot,
    PoolOdds,
    Sentinel,
    combinations,
    paying,
)
from fotmate_assets.racing.sources.odds import documents
from fotmate_assets.racing.sources.odds.replay import Replay
from fotmate_assets.racing.sources.odds.simulated import SimulatedMarket, record
from fotmate_assets.racing.sources.odds.source import OddsSource
from fotmate_assets_tests.racing.odds.rows import implied

POST = datetime(2026, 11, 21, 11, tzinfo=KST)
SLOTS = [slot.at for slot in plan(POST)]
MARKET = SimulatedMarket(7)


def race(number: int = 1, runners: int = 11, track: str = "seoul", sport: Sport = Sport.HORSE) -> OddsRace:
    day = date(2026, 11, 21)
    field = tuple(range(1, runners + 1))
    return OddsRace(race_id(track, day, number), day, sport, number, track, POST, RaceStatus.UPCOMING, field)


def before(minutes: float) -> datetime:
    return POST - timedelta(minutes=minutes)


def pool_of(snapshot: OddsSnapshot, pool: Pool) -> PoolOdds:
    return next(each for each in snapshot.pools if each.pool is pool)


def win_shares(of: OddsRace, at: datetime) -> list[float]:
    return [share or 0.0 for share in implied(pool_of(MARKET.quote(of, at), Pool.WIN).odds, 1)]


def sales(of: OddsRace, at: datetime) -> dict[Pool, int]:
    return {each.pool: each.sales_krw or 0 for each in MARKET.quote(of, at).pools}


def unsold(of: OddsRace, pool: Pool, minutes: float) -> float:
    odds = pool_of(MARKET.quote(of, before(minutes)), pool).odds
    return sum(price == Sentinel.UNSOLD for price in odds) / len(odds)


def test_it_is_a_source_that_says_that_it_is_simulated() -> None:
    source: OddsSource = SimulatedMarket(1)
    assert (source.name, source.is_live, source.is_simulated) == ("simulated", True, True)


def test_a_market_that_was_started_anew_goes_on_as_if_nothing_had_been() -> None:
    followed, fresh = SimulatedMarket(3), SimulatedMarket(3)
    path = [followed.quote(race(), at) for at in SLOTS]
    assert fresh.quote(race(), SLOTS[-2]) == path[-2]


def test_another_seed_and_another_race_are_other_markets() -> None:
    one = MARKET.quote(race(1), POST).pools
    assert SimulatedMarket(8).quote(race(1), POST).pools != one
    assert MARKET.quote(race(2), POST).pools != one


@pytest.mark.parametrize(("track", "sport"), [("seoul", Sport.HORSE), ("gwangmyeong", Sport.CYCLE)])
def test_every_pool_of_the_sport_is_told_with_every_combination(track: str, sport: Sport) -> None:
    told = MARKET.quote(race(1, 7, track, sport), POST)
    assert [each.pool for each in told.pools] == list(SOLD[sport])
    assert all(len(each.odds) == len(combinations(each.pool, told.field)) for each in told.pools)


def test_small_fields_of_horses_have_fewer_pools() -> None:
    assert {each.pool for each in MARKET.quote(race(1, 6), POST).pools} == set(SOLD[Sport.HORSE]) - {Pool.TLA, Pool.TRI}
    assert [each.pool for each in MARKET.quote(race(1, 2), POST).pools] == [Pool.WIN]


def test_pools_only_grow_and_most_of_the_money_comes_in_the_last_minutes() -> None:
    path = [sales(race(), at) for at in SLOTS]
    for pool in SOLD[Sport.HORSE]:
        amounts = [each[pool] for each in path]
        assert amounts == sorted(amounts)
        at_five = amounts[SLOTS.index(before(5))]
        assert 0 < amounts[0] < 0.05 * amounts[-1]
        assert 0.2 * amounts[-1] < at_five < 0.45 * amounts[-1]
    assert 1e9 < sum(path[-1].values()) < 4e9
    ten_before = path[SLOTS.index(before(10))]
    filled = {pool: ten_before[pool] / path[-1][pool] for pool in SOLD[Sport.HORSE]}
    assert filled[Pool.WIN] > filled[Pool.EXA] > filled[Pool.TRI], "pools of more runners fill later"


def test_what_somebody_bought_stays_bought() -> None:
    boards = [np.array(pool_of(MARKET.quote(race(), at), Pool.TRI).odds) != Sentinel.UNSOLD for at in SLOTS]
    for earlier, later in itertools.pairwise(boards):
        assert later[earlier].all()
    assert boards[0].mean() < 0.6 < boards[-1].mean()


def test_pools_of_three_runners_stay_unsold_longest() -> None:
    wide = race(1, 16)
    assert unsold(wide, Pool.TRI, 60) > unsold(wide, Pool.EXA, 60) > unsold(wide, Pool.WIN, 60)
    assert unsold(wide, Pool.TRI, 0) > 0 == unsold(wide, Pool.WIN, 0)


def test_long_shots_are_capped() -> None:
    odds = pool_of(MARKET.quote(race(1, 16), POST), Pool.TRI).odds
    assert Sentinel.CAPPED in odds
    assert max(odds) < 9999.9


def test_before_anybody_bets_everything_is_unsold() -> None:
    told = MARKET.quote(race(), before(300))
    assert {price for each in told.pools for price in each.odds} == {Sentinel.UNSOLD}
    assert {each.sales_krw for each in told.pools} == {0}


def test_after_the_off_the_close_is_told() -> None:
    assert MARKET.quote(race(), POST + timedelta(hours=2)) == MARKET.quote(race(), POST)
    assert MARKET.quote(race(), POST + timedelta(hours=2)).source_ts == POST
    assert MARKET.quote(race(), before(3)).source_ts == before(3)


def test_odds_drift_from_the_opening_to_the_close() -> None:
    apart = np.zeros(5)
    for number in range(1, 21):
        close = np.array(win_shares(race(number), POST))
        apart += [np.abs(np.array(win_shares(race(number), before(m))) - close).sum() for m in (60, 20, 8, 4, 1)]
    assert apart.tolist() == sorted(apart, reverse=True)
    assert apart[0] > 20 * 0.15


def test_the_path_has_no_jumps() -> None:
    """Between two looks ten seconds apart no share moves by more than rounding and a tenth of late money."""
    for number in range(1, 6):
        path = np.array([win_shares(race(number), before(15 - step / 6)) for step in range(91)])
        assert np.abs(np.diff(path, axis=0)).max() < 0.04


def risen(of: OddsRace) -> float:
    """The most that a share of the win pool rises within two minutes, as a collector sees it."""
    seen = [(at, np.array(win_shares(of, at))) for at in SLOTS]
    return max(
        float((later - share).max())
        for at, share in seen
        for then, later in seen
        if timedelta() < then - at <= timedelta(minutes=2)
    )


def test_in_some_races_late_money_moves_a_runner_suddenly() -> None:
    rises = [risen(race(number)) for number in range(1, 41)]
    sudden = [rise for rise in rises if rise > 0.05]
    assert 4 <= len(sudden) <= 18
    assert min(sudden) > 0.07, "sudden moves are far above the threshold, the others below it"


def test_a_scratched_runner_is_paid_back_and_the_others_share_the_rest() -> None:
    whole = MARKET.quote(race(), before(4))
    told = MARKET.quote(replace(race(), scratched=frozenset({3})), before(4))
    for earlier, later in zip(whole.pools, told.pools, strict=True):
        withdrawn = [3 in numbers for numbers in combinations(earlier.pool, whole.field)]
        assert [price == Sentinel.SCRATCHED for price in later.odds] == withdrawn
        assert 0 < (later.sales_krw or 0) < (earlier.sales_krw or 0)
        assert [price == Sentinel.UNSOLD for price, gone in zip(later.odds, withdrawn, strict=True) if not gone] == [
            price == Sentinel.UNSOLD for price, gone in zip(earlier.odds, withdrawn, strict=True) if not gone
        ]
    kept = (told.pools[0].sales_krw or 0) / (whole.pools[0].sales_krw or 1)
    for before_it, after in zip(whole.pools[0].odds, told.pools[0].odds, strict=True):
        assert after == Sentinel.SCRATCHED or after == pytest.approx(before_it * kept, abs=0.11)


def test_places_paid_follow_the_starters_and_leave_the_bets_as_they_were() -> None:
    """With seven left of eight two are placed instead of three: each gets half as much again of a smaller pool."""
    eight = race(1, 8)
    seven = replace(eight, scratched=frozenset({8}))
    three, two = (pool_of(MARKET.quote(each, POST), Pool.PLC) for each in (eight, seven))
    kept = (two.sales_krw or 0) / (three.sales_krw or 1)
    for earlier, later in list(zip(three.odds, two.odds, strict=True))[:7]:
        assert earlier == pytest.approx(1.0) or later == pytest.approx(earlier * kept * 3 / 2, abs=0.14)


@pytest.mark.parametrize("minutes", [60, 12, 0])
@pytest.mark.parametrize("runners", [8, 11, 16])
def test_prices_give_back_the_payout_but_for_rounding_and_the_cap(runners: int, minutes: float) -> None:
    for number in range(1, 4):
        for each in MARKET.quote(race(number, runners), before(minutes)).pools:
            prices = np.array([price for price in each.odds if price > 0])
            capped = sum(price == Sentinel.CAPPED for price in each.odds) / 9999.85
            whole = paying(each.pool, runners) / PAYOUT[each.pool]
            assert (1 / (prices + 0.0501)).sum() <= whole
            if prices.min() > 1.05:
                assert whole <= (1 / (prices - 0.0501)).sum() + capped


@pytest.mark.parametrize(
    "nothing",
    [
        replace(race(), status=RaceStatus.CANCELLED),
        replace(race(), status=RaceStatus.POSTPONED),
        replace(race(1, 2), scratched=frozenset({1})),
        replace(race(), field=()),
    ],
)
def test_a_race_that_is_off_or_has_one_starter_has_no_market(nothing: OddsRace) -> None:
    with pytest.raises(SourceError) as caught:
        MARKET.quote(nothing, POST)
    assert caught.value.verdict is Verdict.EMPTY_EXPECTED


def test_the_document_of_a_snapshot_tells_the_same() -> None:
    of = replace(race(1, 16), scratched=frozenset({2}))
    told = asyncio.run(MARKET.snapshot(of, before(10)))
    assert told.content is not None
    read = documents.parse(told.content, of, "simulated", of.race_id, is_simulated=True)
    assert (read.pools, read.source_ts) == (told.pools, told.source_ts)
    assert documents.head(told.content, "simulated", of.race_id).simulated


def test_a_recording_is_in_order_of_time(tmp_path: Path) -> None:
    later = replace(race(2, 3), post_time=POST + timedelta(minutes=7))
    record(MARKET, [later, race(1, 3)], tmp_path / "day.jsonl")
    lines = (tmp_path / "day.jsonl").read_bytes().splitlines()
    told = [documents.head(line, "replay", "a line").source_ts for line in lines]
    assert len(told) == 60
    assert told == sorted(at for at in told if at)


def test_a_recorded_race_day_is_replayed_as_it_was(tmp_path: Path) -> None:
    races = [race(1, 6), replace(race(2, 7, "gwangmyeong", Sport.CYCLE), post_time=POST + timedelta(minutes=7))]
    path = tmp_path / "day.jsonl.zst"
    assert record(MARKET, races, path) == 60
    replay = Replay([path])
    assert replay.is_simulated
    for each in races:
        for slot in plan(each.post_time):
            assert asyncio.run(replay.snapshot(each, slot.at)).pools == MARKET.quote(each, slot.at).pools
    asyncio.run(replay.close())


def test_a_market_that_is_told_the_chances_closes_near_them() -> None:
    chances = dict(enumerate((0.4, 0.25, 0.15, 0.1, 0.06, 0.04), 1))
    of = race(runners=6)
    told, invented = (
        pool_of(market.quote(of, POST), Pool.WIN)
        for market in (SimulatedMarket(5, lambda _race: chances), SimulatedMarket(5))
    )
    for number, price in zip(of.field, told.odds, strict=True):
        assert 0.8 / price == pytest.approx(chances[number], rel=0.35)
    assert told.odds != invented.odds
