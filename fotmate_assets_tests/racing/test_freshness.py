"""Freshness against the calendar: what is due by when, what is there, what is late."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from fotmate_assets.core.ledger import Attempt, Job, Ledger
from fotmate_assets.core.model import Verdict
from fotmate_assets.core.status import Freshness
from fotmate_assets.racing.freshness import racing_freshness
from fotmate_assets.racing.model import KST, midnight_after
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import DAY, Stage, make_card, off
from fotmate_assets_tests.racing.conftest import Put

PAST = date(2025, 3, 8)
TOMORROW = datetime.now(KST).date() + timedelta(days=1)


def fresh(database: Database, day: date) -> dict[str, Freshness]:
    with database.engine.connect() as connection:
        return {each.subject: each for each in racing_freshness(connection, day)}


def asked(database: Database, source: str, verdict: Verdict, day: date = PAST, job: str = "racing/races") -> None:
    Ledger(database.engine).record([(Job(source, job, day.isoformat()), Attempt(verdict), 1.0)])


def test_a_calendar_that_nobody_told_by_the_end_of_its_day_is_late(emptied: Database) -> None:
    for source in ("kra", "kspo"):
        told = fresh(emptied, PAST)[f"{source} calendar 2025-03-08"]
        assert (told.found, told.is_late, told.expected_by) == ("never told", True, midnight_after(PAST))
        assert not fresh(emptied, TOMORROW)[f"{source} calendar {TOMORROW}"].is_late


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.EMPTY_EXPECTED, Verdict.NOT_YET])
def test_a_source_that_answered_has_told_for_itself_only(emptied: Database, verdict: Verdict) -> None:
    asked(emptied, "kra", verdict)
    at = "2025-03-08 01:30"
    emptied.execute("update ingestion_jobs set finished_at = '2025-03-07 16:30+00'")
    told = fresh(emptied, PAST)
    assert (told["kra calendar 2025-03-08"].found, told["kra calendar 2025-03-08"].is_late) == (
        f"told at {at} KST",
        False,
    )
    assert told["kspo calendar 2025-03-08"].is_late
    assert fresh(emptied, PAST + timedelta(days=1))["kra calendar 2025-03-09"].is_late


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict.is_failure])
def test_a_question_without_an_answer_tells_nothing(emptied: Database, verdict: Verdict) -> None:
    """Without a service key every attempt is one, and no race is ever missed for not being known."""
    asked(emptied, "kra", verdict)
    asked(emptied, "kra", Verdict.OK, job="racing/entries")
    assert fresh(emptied, PAST)["kra calendar 2025-03-08"].is_late


def test_entries_are_due_two_hours_before_the_first_off_and_results_by_their_limit(emptied: Database, put: Put) -> None:
    put(make_card(day=PAST, stage=Stage.PLAN))
    put(make_card("misari", day=PAST, stage=Stage.CARD))
    told = fresh(emptied, PAST)
    entries, results = told["horse seoul 2025-03-08 entries"], told["horse seoul 2025-03-08 results"]
    assert (entries.expected, entries.found, entries.is_late) == ("3 races", "0 races", True)
    assert entries.expected_by == off(1, PAST) - timedelta(hours=2)
    assert (results.expected, results.found, results.is_late) == ("3 races", "0 races", True)
    assert results.expected_by == off(3, PAST) + timedelta(hours=2)
    assert not told["boat misari 2025-03-08 entries"].is_late
    boats = told["boat misari 2025-03-08 results"]
    assert (boats.is_late, boats.expected_by) == (True, midnight_after(PAST + timedelta(days=1)))


def test_a_meeting_that_is_complete_is_fresh(emptied: Database, put: Put) -> None:
    put(make_card(day=PAST))
    told = fresh(emptied, PAST)
    for subject in ("entries", "results"):
        one = told[f"horse seoul 2025-03-08 {subject}"]
        assert (one.expected, one.found, one.is_late) == ("3 races", "3 races", False)


def test_what_is_not_due_yet_is_not_late(emptied: Database, put: Put) -> None:
    day = TOMORROW + timedelta(days=1)
    put(make_card(day=day, stage=Stage.PLAN), datetime.now(UTC))
    told = fresh(emptied, day)
    assert [one.is_late for one in told.values()] == [False] * 4
    assert told[f"horse seoul {day} entries"].found == "0 races"


def test_a_race_that_is_off_is_not_expected(emptied: Database, put: Put) -> None:
    put(make_card(day=PAST, stage=Stage.PLAN))
    emptied.execute("update races set status = 'cancelled' where race_no = 3")
    emptied.execute("update races set status = 'postponed' where race_no = 2")
    assert fresh(emptied, PAST)["horse seoul 2025-03-08 results"].expected == "1 races"
    emptied.execute("update races set status = 'cancelled'")
    assert not [subject for subject in fresh(emptied, PAST) if "seoul" in subject]


def test_a_velodrome_without_a_card_is_asked_for_results_alone(emptied: Database, put: Put) -> None:
    put(make_card(day=DAY))
    emptied.execute(
        "update races set sport = 'cycle', track_id = 'changwon', post_time = null, scheduled_post_time = null"
    )
    told = fresh(emptied, DAY)
    assert f"cycle changwon {DAY} results" in told
    assert f"cycle changwon {DAY} entries" not in told


def test_odds_are_late_where_less_than_99_of_100_slots_were_captured(emptied: Database) -> None:
    assert not [subject for subject in fresh(emptied, PAST) if subject.startswith("odds")]
    slot = """
        insert into odds_slots (race_id, slot_at, race_date, phase, status, verdict, source, is_simulated)
        select 'horse-seoul-20250308-01', timestamptz '2025-03-08 11:00+09' + n * interval '30 seconds', '2025-03-08',
               '30s', case when n > :missed then 'captured' else 'missed' end,
               case when n > :missed then 'ok' else 'transport' end, 'feed', false
        from generate_series(1, 100) n
    """
    for missed, is_late in ((1, False), (2, True)):
        emptied.execute("delete from odds_slots")
        emptied.execute(slot, missed=missed)
        told = fresh(emptied, PAST)["odds feed 2025-03-08"]
        assert (told.expected, told.found, told.is_late) == ("100 slots", f"{100 - missed} captured", is_late)
    emptied.execute("delete from odds_slots")
    soon = datetime.now(UTC) + timedelta(minutes=1)
    emptied.execute(
        "insert into odds_slots (race_id, slot_at, race_date, phase, status, source, is_simulated) "
        "values ('horse-seoul-20250308-01', :soon, '2025-03-08', 'off', 'planned', 'feed', false)",
        soon=soon,
    )
    assert "odds feed 2025-03-08" not in fresh(emptied, PAST)


def test_instants_at_which_a_source_rightly_has_nothing_make_no_odds_late(emptied: Database) -> None:
    emptied.execute("""
        insert into odds_slots (race_id, slot_at, race_date, phase, status, verdict, source, is_simulated)
        select 'horse-seoul-20250308-01', timestamptz '2025-03-08 11:00+09' + n * interval '30 seconds', '2025-03-08',
               '30s', case when n > 10 then 'captured' else 'missed' end,
               case when n > 10 then 'ok' else 'empty_expected' end, 'feed', false
        from generate_series(1, 30) n
    """)
    told = fresh(emptied, PAST)["odds feed 2025-03-08"]
    assert (told.expected, told.found, told.is_late) == ("20 slots", "20 captured", False)
    emptied.execute("update odds_slots set status = 'missed', verdict = 'empty_unexpected' where verdict = 'ok'")
    told = fresh(emptied, PAST)["odds feed 2025-03-08"]
    assert (told.expected, told.found, told.is_late) == ("20 slots", "0 captured", True)
