"""The odds assets as Dagster runs them, over a race date of the simulated portal."""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult, SensorResult, SkipReason, build_sensor_context

from fotmate_assets import runtime
from fotmate_assets.core.model import SourceError
from fotmate_assets.core.resources import ObjectStorage
from fotmate_assets.embedded.portal.betting import odds as true_odds
from fotmate_assets.embedded.portal.betting import sold
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import Pool, Sport
from fotmate_assets.racing.odds.assets import races_at_hand
from fotmate_assets.racing.odds.automation import odds_collector
from fotmate_assets.racing.odds.model import combinations
from fotmate_assets.racing.odds.races import odds_races
from fotmate_assets.racing.resources import MARKET_SEED, OddsMarket
from fotmate_assets.racing.sources.odds.simulated import SimulatedMarket, record
from fotmate_assets_tests.databases import fresh_database
from fotmate_assets_tests.racing.cards import Stage, make_card, with_race
from fotmate_assets_tests.racing.house import DAY, Calendar, House, errors_of, metadata_of, open_house
from fotmate_assets_tests.racing.odds.feeds import document as write_one
from fotmate_assets_tests.racing.odds.feeds import odds_race

ODDS = ("odds_snapshots", "odds_candles", "odds_lake")


def run(house: House, *, only: tuple[str, ...] = ODDS, **config: Any) -> ExecuteInProcessResult:
    return runtime.execute(
        house.definitions,
        house.instance,
        assets=[AssetKey(["racing", name]) for name in only],
        partition_key=DAY.isoformat(),
        run_config={"ops": {"racing__odds_snapshots": {"config": config}}} if config else {},
    )


@pytest.fixture(scope="module")
def house(stack: Stack, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A race date with its card and results: horses at Jeju, cycles at Gwangmyeong, three races each."""
    folder = tmp_path_factory.mktemp("odds")
    calendar = Calendar(lambda meeting: meeting.track_id not in ("jeju", "gwangmyeong"), most_races=3)
    with fresh_database(stack, _template) as database, open_house(database, folder, calendar) as made:
        made.replace("lake", ObjectStorage(url=(folder / "lake").as_uri()))
        recordings = folder / "recordings"
        recordings.mkdir()
        made.replace("odds", OddsMarket(recordings=str(recordings)))
        assert made.run(DAY).success
        with database.engine.connect() as connection:
            record(SimulatedMarket(MARKET_SEED), odds_races(connection, DAY), recordings / f"{DAY}.jsonl.zst")
        yield made


@pytest.fixture(scope="module")
def final(house: House) -> ExecuteInProcessResult:
    return run(house, source="portal_final")


@pytest.fixture(scope="module")
def replayed(house: House, final: ExecuteInProcessResult) -> ExecuteInProcessResult:
    return run(house, source="replay")


def test_final_odds_of_a_race_date_are_those_that_the_portal_published(
    house: House, final: ExecuteInProcessResult
) -> None:
    assert final.success and not errors_of(final)
    rows = house.rows("select race_id, pool, field, odds from odds_snapshots where source = 'portal_final'")
    published: dict[Any, dict[tuple[int, ...], float]] = {}
    for meeting in house.simulator.calendar.meetings(DAY):
        if meeting.track.sport is Sport.HORSE:
            for state in house.simulator.states(meeting, datetime.max.replace(tzinfo=UTC)):
                pools = [pool for pool in (Pool.WIN, Pool.EXA, Pool.TRI) if sold(state, pool)]
                published |= {(state.race.race_id, pool): true_odds(state, pool) for pool in pools}
    assert published
    stored: dict[Any, dict[tuple[int, ...], float]] = {}
    for race_id, pool, field, prices in rows:
        of_pool = combinations(Pool(str(pool)), tuple(cast(list[int], field)))
        stored[race_id, pool] = dict(zip(of_pool, cast(list[float], prices), strict=True))
    for key, odds in published.items():
        told = {numbers: price for numbers, price in stored[key].items() if price > 0}
        assert told == {numbers: pytest.approx(price, rel=1e-6) for numbers, price in odds.items() if price < 9999.9}


def test_final_odds_are_labelled_final_simulated_and_not_live(house: House, final: ExecuteInProcessResult) -> None:
    told = metadata_of(final, "odds_snapshots")
    assert (told["source"], told["live"], told["simulated"]) == ("portal_final", False, True)
    labels = house.rows("select distinct is_live, is_simulated from odds_snapshots where source = 'portal_final'")
    assert labels == [(False, True)]


def test_final_odds_alone_make_no_candles_and_no_chart(final: ExecuteInProcessResult) -> None:
    told = metadata_of(final, "odds_candles")
    assert told["dagster/partition_row_count"] == 0
    assert not [name for name in told if name.startswith("win_odds")]


def test_a_replay_stores_thirty_instants_of_every_race_beside_the_final_odds(
    house: House, replayed: ExecuteInProcessResult
) -> None:
    assert replayed.success and not errors_of(replayed)
    counted = house.rows(
        "select source, count(distinct race_id), count(distinct (race_id, observed_at)) from odds_snapshots "
        "group by source order by source"
    )
    assert counted == [("portal_final", 3, 3), ("replay", 6, 180)]


def test_everything_that_shows_a_replay_says_that_it_is_a_simulated_one(replayed: ExecuteInProcessResult) -> None:
    told, candles = metadata_of(replayed, "odds_snapshots"), metadata_of(replayed, "odds_candles")
    assert (told["stored"], told["source"]) == ("replay", "portal_final, replay")
    assert candles["source"] == "replay"
    assert (told["live"], told["simulated"], candles["live"], candles["simulated"]) == (False, True, False, True)
    assert candles["win_odds_jeju"].count("simulated replay win odds](data:image/png") == 3
    for each in (told, candles):
        assert each["slots_chart"].startswith("![Odds of 8 Mar 2025: simulated replay, 180 of 180 slots captured")
    assert metadata_of(replayed, "odds_lake")["simulated"] is True


def test_a_replay_is_no_live_collection(house: House, replayed: ExecuteInProcessResult) -> None:
    assert house.rows("select count(*) from odds_slots") == [(0,)]
    assert house.rows("select count(*) from odds_snapshots where is_live") == [(0,)]


def test_a_second_replay_changes_nothing(house: House, replayed: ExecuteInProcessResult) -> None:
    seen = "select race_id, pool, observed_at, odds from odds_snapshots order by 1, 2, 3"
    before = house.rows(seen)
    again = run(house, source="replay", recording=f"{DAY}.jsonl.zst")
    assert again.success
    assert house.rows(seen) == before
    assert metadata_of(again, "odds_lake")["dagster/partition_row_count"] == len(before)


def test_a_recording_that_is_not_in_the_folder_is_refused_by_name(house: House) -> None:
    for name in ("2001-01-01", "../raw", "/etc/passwd"):
        failed = run(house, only=("odds_snapshots",), source="replay", recording=name)
        assert not failed.success
        assert name in str([event.event_specific_data for event in failed.get_step_failure_events()])


def test_what_owes_final_odds_is_tried_again_by_the_odds_job(house: House) -> None:
    from fotmate_assets.racing.automation import REPLAYS as RACING
    from fotmate_assets.racing.odds.automation import REPLAYS

    owners = [
        replay.job.name for replay in (*REPLAYS, *RACING) if "racing/odds_snapshots".startswith(replay.ledger_jobs)
    ]
    assert owners[0] == "racing_odds"


def test_the_races_at_hand_are_charted_while_a_date_is_raced_and_all_of_them_before_and_after() -> None:
    now = datetime(2026, 11, 21, 3, tzinfo=UTC)
    races = [odds_race(race_no=number) for number in range(1, 13)]
    offs = {race.race_no: race.post_time for race in races}
    at_hand = [race.race_no for race in races_at_hand(races, offs[6] - timedelta(minutes=20))]
    assert at_hand == [5, 6, 7]
    assert races_at_hand(races, now + timedelta(days=1)) == races
    assert races_at_hand(races, now - timedelta(days=1)) == races


def test_a_range_of_race_dates_is_one_run(house: House, replayed: ExecuteInProcessResult) -> None:
    ranged = runtime.execute(
        house.definitions,
        house.instance,
        assets=[AssetKey(["racing", name]) for name in ODDS],
        partition_range=(DAY.isoformat(), (DAY + timedelta(days=1)).isoformat()),
    )
    assert ranged.success
    told = metadata_of(ranged, "odds_snapshots")
    assert told["rows_in_range"] == house.rows("select count(*) from odds_snapshots")[0][0]
    assert (told["stored"], told["races"]) == ("portal_final", 3)


def test_a_recording_is_found_by_its_name_with_or_without_suffixes(tmp_path: Path) -> None:
    (tmp_path / "1.5.bz2").write_bytes(bz2.compress(write_one()))
    market = OddsMarket(recordings=str(tmp_path))
    for name in ("1.5", "1.5.bz2"):
        with market.recording(name, {}) as (_, content):
            assert content.startswith(b"BZ")
    (tmp_path / "1.5.gz").write_bytes(b"")
    for name in ("1.5", "1", "", ".", "..", "5"):
        with pytest.raises(SourceError, match="recordings of this name"), market.recording(name, {}):
            pass
    with pytest.raises(SourceError, match="not set"), OddsMarket().recording("1.5", {}):
        pass


# The sensor -----------------------------------------------------------------------------------------------------------


def tick(house: House, odds: OddsMarket) -> Any:
    resources = {name: house.overrides[name] for name in ("postgres", "raw")}
    with (
        DagsterInstance.ephemeral() as instance,
        build_sensor_context(instance=instance, resources={**resources, "odds": odds}) as context,
    ):
        return odds_collector(context)


def test_the_sensor_says_so_where_nobodys_odds_are_followed(house: House) -> None:
    skipped = tick(house, OddsMarket())
    assert isinstance(skipped, SkipReason) and "FOTMATE_ODDS_SOURCE" in str(skipped.skip_message)


def test_a_tick_captures_what_falls_due_and_tells_one_event(house: House) -> None:
    now = datetime.now(UTC)
    second = now.replace(microsecond=0) + timedelta(seconds=3)
    card = make_card("busan", (now + timedelta(hours=9)).date(), races=2, stage=Stage.CARD)
    for number in (1, 2):
        card = with_race(card, number, scheduled_post_time=second, post_time=second)
    load_meeting(house.database.engine, card, now)
    told = tick(house, OddsMarket(source="simulated"))
    assert isinstance(told, SensorResult)
    [event] = told.asset_events
    values: dict[str, Any] = {name: value.value for name, value in event.metadata.items()}
    assert (values["captured_slots"], values["missed_slots"], values["races"]) == (2, 0, 2)
    assert (values["source"], values["live"], values["simulated"]) == ("simulated", True, True)
    assert 0 <= values["latest_s"] < 1
    assert event.partition == card.meeting.race_date.isoformat()
    assert told.cursor == second.isoformat()
    rows = "select distinct observed_at, is_live, is_simulated from odds_snapshots where source = 'simulated'"
    assert house.rows(rows) == [(second, True, True)]
