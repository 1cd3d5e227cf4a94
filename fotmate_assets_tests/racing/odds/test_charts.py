"""What charts show, from what is stored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.odds.charts import captured_slots_of, win_odds_of
from fotmate_assets.racing.odds.model import OddsRow
from fotmate_assets.racing.odds.pictures import CapturedSlots, WinOdds
from fotmate_assets.racing.odds.races import odds_races
from fotmate_assets.racing.odds.readers import PostgresOdds
from fotmate_assets.racing.odds.store import insert_rows
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, NIGHT_BEFORE, Stage, make_card
from fotmate_assets_tests.racing.odds.rows import OFF, final, row

MINUTE = timedelta(minutes=1)
TEN = [2.0 + number for number in range(10)]


@pytest.fixture
def card(database: Database) -> Database:
    """A race of ten at Seoul."""
    load_meeting(database.engine, make_card(races=1, stage=Stage.CARD), NIGHT_BEFORE)
    return database


def charts(database: Database, *rows: OddsRow) -> list[WinOdds]:
    with database.engine.begin() as connection:
        insert_rows(connection, rows)
        return win_odds_of(connection, PostgresOdds(connection), odds_races(connection, DAY))


def captured(database: Database) -> CapturedSlots | None:
    with database.engine.connect() as connection:
        return captured_slots_of(connection, DAY, odds_races(connection, DAY))


def test_a_chart_names_track_race_and_runners_and_leaves_final_odds_out(card: Database) -> None:
    [chart] = charts(card, *(row(TEN, OFF - n * MINUTE) for n in range(3)), final(row(TEN), OFF + 5 * MINUTE))
    assert (chart.track, chart.race_no, chart.post_time) == ("Seoul", 1, OFF)
    assert chart.instants == [OFF - 2 * MINUTE, OFF - MINUTE, OFF]
    assert chart.odds[3] == [4.0, 4.0, 4.0]
    assert chart.names.keys() == chart.odds.keys()
    assert chart.title == "Seoul race 1, 21 Nov 2026, off 10:35 KST: simulated live win odds"


def test_a_race_without_odds_over_time_has_no_chart(card: Database) -> None:
    assert charts(card, final(row(TEN), OFF + 5 * MINUTE)) == []


def test_odds_of_a_market_that_exists_and_of_one_that_does_not_are_never_one_line(card: Database) -> None:
    simulated = [row(TEN, OFF - n * MINUTE, source="feed") for n in (5, 4, 3)]
    real = [row(TEN, OFF - n * MINUTE, source="feed", is_simulated=False) for n in (2, 1)]
    [chart] = charts(card, *simulated, *real)
    assert (chart.instants, chart.is_simulated) == ([OFF - 2 * MINUTE, OFF - MINUTE], False)
    [chart] = charts(card, row(TEN, source="feed"))
    assert (len(chart.instants), chart.is_simulated) == (4, True)


def test_slots_of_which_any_was_simulated_are_told_as_simulated(card: Database) -> None:
    assert captured(card) is None
    slot = """
        insert into odds_slots (race_id, slot_at, race_date, phase, status, verdict, source, is_simulated)
        values ('horse-seoul-20261121-01', :at, '2026-11-21', 'off', 'captured', 'ok', :source, :is_simulated)
    """
    card.execute(slot, at=OFF - MINUTE, source="simulated", is_simulated=True)
    card.execute(slot, at=OFF, source="feed", is_simulated=False)
    told = captured(card)
    assert told is not None
    assert (told.source, told.is_simulated) == ("feed, simulated", True)
    assert [(race.name, len(race.slots)) for race in told.races] == [("Seoul 1", 2)]


def test_slots_of_races_that_left_the_calendar_are_no_chart(card: Database) -> None:
    card.execute(
        "insert into odds_slots (race_id, slot_at, race_date, phase, status, verdict, source, is_simulated) "
        "values ('horse-seoul-20261121-09', now(), '2026-11-21', 'off', 'captured', 'ok', 'feed', false)"
    )
    assert captured(card) is None
