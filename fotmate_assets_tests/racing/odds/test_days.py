"""What a race date's final odds and replays come to, and what they leave alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.model import Verdict
from fotmate_assets.core.object_store import LocalStore
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.racing.cadence import plan
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import MeetingCard, Pool
from fotmate_assets.racing.odds import days
from fotmate_assets.racing.odds.candles import refresh_candles
from fotmate_assets.racing.odds.days import StoredOdds
from fotmate_assets.racing.odds.lake import odds_rows, read_frame, write_day
from fotmate_assets.racing.odds.model import OddsRace
from fotmate_assets.racing.odds.races import odds_races
from fotmate_assets.racing.odds.retention import retire
from fotmate_assets.racing.odds.store import insert_rows
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.kspo.source import KSPO
from fotmate_assets.racing.sources.odds.replay import Replay, write_recording
from fotmate_assets.racing.sources.odds.simulated import SimulatedMarket
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, DAYS_LATER, NIGHT_BEFORE, Stage, make_card, with_race
from fotmate_assets_tests.racing.odds.rows import emptied_of_odds, random_row

MINUTE = timedelta(minutes=1)
NEXT_DAY = DAY + timedelta(days=1)


@pytest.fixture
def database(_of_module: Database) -> Database:
    made = emptied_of_odds(_of_module)
    for table in ("odds_retired", "odds_slots", "ingestion_jobs", "ingestion_failures"):
        made.execute(f"delete from {table}")
    return made


@pytest.fixture
def lake(tmp_path: Path) -> LocalStore:
    return LocalStore((tmp_path / "lake").as_uri())


def put(database: Database, card: MeetingCard | None = None, now: datetime = DAYS_LATER) -> list[OddsRace]:
    """Load a card, three races at Seoul where nothing else is said; the races of the date."""
    load_meeting(database.engine, card or make_card(), now)
    with database.engine.connect() as connection:
        return odds_races(connection, DAY)


def attempts(database: Database) -> list[tuple[Any, ...]]:
    """Source and verdict, oldest first."""
    return database.execute("select source, verdict from ingestion_jobs order by job_id")


def recorded(path: Path, races: Iterable[OddsRace], seed: int = 1, since: timedelta = 60 * MINUTE) -> Path:
    """A recording of a simulated market, from `since` before each off on."""
    market, file = SimulatedMarket(seed), path / f"recording-{seed}.jsonl"
    instants = [(race, slot.at) for race in races for slot in plan(race.post_time)]
    write_recording(file, [market.document(race, at) for race, at in instants if at >= race.post_time - since])
    return file


def replayed(
    database: Database,
    zone: RawZone,
    recording: Path,
    lake: LocalStore | None = None,
    now: Callable[[], datetime] = lambda: DAYS_LATER,
) -> StoredOdds:
    source = Replay([recording])
    content = recording.read_bytes()
    try:
        return days.replay(source, content, DAY, zone, database.engine, Ledger(database.engine), now, lake=lake)
    finally:
        asyncio.run(source.close())


def live(database: Database, race: OddsRace, *instants: datetime) -> None:
    made = [random_row(1, Pool.WIN, at, race.field, race_id=race.race_id, source="feed") for at in instants]
    with database.engine.begin() as connection:
        insert_rows(connection, made)


def to_lake(database: Database, store: LocalStore) -> None:
    with database.engine.connect() as connection:
        write_day(connection, store, DAY)


def sources(database: Database) -> list[tuple[Any, ...]]:
    """Race, source and instants of what is stored."""
    return database.execute(
        "select right(race_id, 2), source, count(distinct observed_at) from odds_snapshots group by 1, 2 order by 1, 2"
    )


# --- replays and live odds


@pytest.mark.parametrize("retired", [False, True])
def test_a_race_with_live_odds_in_either_tier_is_not_replayed(
    database: Database, zone: RawZone, lake: LocalStore, tmp_path: Path, retired: bool
) -> None:
    first, second, _ = put(database)
    live(database, first, first.post_time)
    to_lake(database, lake)
    if retired:
        retire(database.engine, lake, NEXT_DAY)
    stored = replayed(database, zone, recorded(tmp_path, [first, second]), lake)
    assert f"{first.race_id} has live odds and is not replayed" in stored.notes
    assert stored.races == 1
    assert sources(database) == [*([] if retired else [("01", "feed", 1)]), ("02", "replay", 30)]
    to_lake(database, lake)
    kept = odds_rows(read_frame(lake, [DAY]))
    assert [each.source for each in kept if each.race_id == first.race_id] == ["feed"]
    assert retire(database.engine, lake, NEXT_DAY).kept == {}


def test_a_race_that_is_not_off_yet_is_not_replayed(database: Database, zone: RawZone, tmp_path: Path) -> None:
    first, second, third = put(database, make_card(stage=Stage.CARD), NIGHT_BEFORE)
    recording = recorded(tmp_path, [first, second, third])
    stored = replayed(database, zone, recording, now=lambda: second.post_time)
    assert stored.notes == [f"{third.race_id} is not off yet and is not replayed"]
    assert [number for number, *_ in sources(database)] == ["01", "02"]


def test_live_odds_that_come_while_a_race_is_replayed_stand_alone(
    database: Database, tmp_path: Path, lake: LocalStore
) -> None:
    first, second, _ = put(database)

    class Meanwhile(RawZone):
        """The races are looked at by then."""

        def put(self, content: bytes) -> str:
            live(database, first, first.post_time - 7 * MINUTE)
            return super().put(content)

    stored = replayed(database, Meanwhile(lake), recorded(tmp_path, [first, second]))
    assert sources(database) == [("01", "feed", 1), ("02", "replay", 30)]
    assert f"{first.race_id} has live odds by now and is not replayed" in stored.notes
    assert stored.races == 1


# --- one replay after another


@pytest.mark.parametrize("retired", [False, True])
def test_a_second_shorter_replay_replaces_the_first_whole_in_postgres_candles_and_lake(
    database: Database, zone: RawZone, lake: LocalStore, tmp_path: Path, retired: bool
) -> None:
    race = put(database)[0]

    def refresh() -> int:
        return in_transaction(database.engine, lambda connection: refresh_candles(connection, [DAY]))

    replayed(database, zone, recorded(tmp_path, [race], 1), lake)
    refresh()
    to_lake(database, lake)
    if retired:
        retire(database.engine, lake, NEXT_DAY)
    replayed(database, zone, recorded(tmp_path, [race], 2, since=20 * MINUTE), lake)
    assert refresh() > 0
    begins = race.post_time - 20 * MINUTE
    assert database.execute("select min(observed_at) from odds_snapshots") == [(begins,)]
    assert database.execute("select min(start_at) from odds_candles") == [(begins,)]
    to_lake(database, lake)
    rows = odds_rows(read_frame(lake, [DAY]))
    assert {each.observed_at for each in rows} == {slot.at for slot in plan(race.post_time) if slot.at >= begins}
    assert len(rows) == database.execute("select count(*) from odds_snapshots")[0][0]
    assert retire(database.engine, lake, NEXT_DAY).kept == {}
    assert sources(database) == []


# --- recordings with something wrong


def broken(recording: Path, *numbers: int) -> Path:
    """Some of its lines, from 1, have a pool that there is none of."""
    lines = recording.read_bytes().splitlines(keepends=True)
    for number in numbers or range(1, len(lines) + 1):
        lines[number - 1] = lines[number - 1].replace(b'"WIN":{', b'"WON":{')
    recording.write_bytes(b"".join(lines))
    return recording


def test_each_malformed_document_of_a_recording_is_a_failure_that_names_it(
    database: Database, zone: RawZone, tmp_path: Path
) -> None:
    race = put(database)[0]
    stored = replayed(database, zone, broken(recorded(tmp_path, [race]), 2, 5))
    assert [(each.document, each.field, each.verdict) for each in stored.failures] == [
        (f"recording-1.jsonl line {number}", "pools.WON", Verdict.MALFORMED) for number in (2, 5)
    ]
    assert (stored.races, sources(database)) == (1, [("01", "replay", 28)])
    assert attempts(database) == [("replay", "malformed")]
    [(told,)] = database.execute("select message from ingestion_jobs")
    assert "recording-1.jsonl line 2" in str(told) and "and 1 more" in str(told)


def test_a_document_that_stands_for_several_instants_fails_once(
    database: Database, zone: RawZone, tmp_path: Path
) -> None:
    race = put(database)[0]
    recording = recorded(tmp_path, [race])
    recording.write_bytes(recording.read_bytes().splitlines(keepends=True)[0])
    stored = replayed(database, zone, broken(recording))
    assert len(stored.failures) == 1
    assert stored.races == 0


def test_malformed_documents_beyond_fifty_are_counted(database: Database, zone: RawZone, tmp_path: Path) -> None:
    stored = replayed(database, zone, broken(recorded(tmp_path, put(database)[:2])))
    assert (len(stored.failures), stored.races) == (50, 0)
    assert "10 more documents cannot be read" in stored.notes
    [(told,)] = database.execute("select message from ingestion_jobs")
    assert str(told).endswith("and 59 more")


def test_races_that_a_recording_does_not_have_are_notes_and_fail_nothing(
    database: Database, zone: RawZone, tmp_path: Path
) -> None:
    first, second, third = put(database)
    stored = replayed(database, zone, recorded(tmp_path, [first]))
    assert stored.failures == []
    assert stored.notes == [f"{race.race_id}: it is not recorded; 1 other races are" for race in (second, third)]
    assert attempts(database) == [("replay", "ok")]


def test_that_a_recording_begins_late_is_told_only_where_it_has_nothing_of_a_race(
    database: Database, zone: RawZone, tmp_path: Path
) -> None:
    first, second, _ = put(database)
    later = replace(second, post_time=second.post_time + 180 * MINUTE)
    recording = recorded(tmp_path, [first, later], since=20 * MINUTE)
    database.execute("update races set status = 'cancelled' where race_no = 3")
    [note] = replayed(database, zone, recording).notes
    assert note.startswith(f"{second.race_id}: its recording begins at 2026-11-21")


# --- final odds


def store_final(database: Database, zone: RawZone, now: datetime = DAYS_LATER) -> StoredOdds:
    ledger = Ledger(database.engine)
    return days.store_final([KRA(), KSPO()], DAY, zone, database.engine, ledger, lambda: now)


def test_final_odds_are_not_there_yet_while_races_are_not_decided(database: Database, zone: RawZone) -> None:
    races = put(database, make_card(stage=Stage.CARD, races=2), NIGHT_BEFORE)
    put(database, make_card("gwangmyeong", stage=Stage.CARD), NIGHT_BEFORE)
    stored = store_final(database, zone, NIGHT_BEFORE)
    assert attempts(database) == [("kra", "not_yet"), ("kspo", "empty_expected")]
    assert f"not decided yet, without final odds: {races[0].race_id}, {races[1].race_id}" in stored.notes
    assert stored.failures == []


def test_races_that_have_paid_and_of_which_no_odds_are_kept_are_owed_by_track(
    database: Database, zone: RawZone
) -> None:
    put(database, with_race(make_card(), 2, payoffs=None))
    put(database, make_card("gwangmyeong"))
    [failure] = store_final(database, zone).failures
    assert (failure.document, failure.verdict) == ("final/2026-11-21/seoul", Verdict.EMPTY_UNEXPECTED)
    assert "horse-seoul-20261121-01, horse-seoul-20261121-03" in failure.reason
    assert "horse-seoul-20261121-02" not in failure.reason
    assert attempts(database) == [("kra", "empty_unexpected"), ("kspo", "empty_expected")]
    owed = database.execute("select document, verdict, status from ingestion_failures")
    assert owed == [("final/2026-11-21/seoul", "empty_unexpected", "pending")]


def test_final_odds_of_races_that_were_called_off_are_not_expected(database: Database, zone: RawZone) -> None:
    put(database)
    database.execute("update races set status = 'cancelled'")
    stored = store_final(database, zone)
    assert attempts(database) == [("kra", "empty_expected"), ("kspo", "empty_expected")]
    assert (stored.failures, stored.notes) == ([], [])
