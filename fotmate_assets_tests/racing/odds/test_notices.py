"""What people are told of a batch of the collector."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from fotmate_assets.core.model import Verdict
from fotmate_assets.racing.cadence import Phase, Slot, SlotVerdict
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.odds.notices import note_batch
from fotmate_assets.racing.odds.outcomes import Batch, Outcome
from fotmate_assets_tests.databases import Database

AT = datetime(2026, 11, 21, 11, tzinfo=KST)


def missed(number: int, verdict: Verdict | SlotVerdict, reason: str = "HTTP 401 from https://feed.example") -> Outcome:
    return Outcome(f"horse-seoul-20261121-{number:02d}", AT.date(), Slot(AT, Phase.OFF), verdict, reason)


def told(database: Database) -> list[tuple[object, ...]]:
    return database.execute("select kind, key, message ->> 'title' from alerts order by alert_id")


def test_slots_that_were_missed_are_told_once_an_hour_for_each_reason(database: Database) -> None:
    outcomes = (*(missed(number, Verdict.AUTH) for number in range(1, 35)), missed(35, SlotVerdict.LATE))
    batch = Batch("feed", True, False, outcomes)
    for _ in range(3):
        note_batch(database.engine, batch)
    assert told(database) == [
        ("notice", "odds feed auth", "Odds of feed: 34 slots missed, auth"),
        ("notice", "odds feed late", "Odds of feed: 1 slot missed, late"),
    ]
    [(text, races)] = database.execute(
        "select message ->> 'text', message -> 'fields' ->> 'races' from alerts where key = 'odds feed auth'"
    )
    assert text == "HTTP 401 from https://feed.example"
    assert races == "horse-seoul-20261121-01, horse-seoul-20261121-02, horse-seoul-20261121-03 …"


def test_a_simulated_market_is_told_as_one(database: Database) -> None:
    note_batch(database.engine, Batch("simulated", True, True, (missed(1, Verdict.TRANSPORT),)))
    assert told(database)[0][2] == "Odds of simulated (simulated): 1 slot missed, transport"


def test_that_a_source_rightly_had_nothing_is_not_told(database: Database) -> None:
    outcomes = (missed(1, Verdict.EMPTY_EXPECTED, "race 1 is called off"), missed(2, Verdict.EMPTY_UNEXPECTED))
    note_batch(database.engine, Batch("feed", True, False, outcomes))
    assert [key for _, key, _ in told(database)] == ["odds feed empty_unexpected"]


def test_a_batch_that_captured_all_tells_nothing(database: Database) -> None:
    captured = replace(missed(1, Verdict.OK), reason=None)
    note_batch(database.engine, Batch("feed", True, False, (captured,)))
    note_batch(database.engine, Batch("feed", True, False))
    assert told(database) == []
