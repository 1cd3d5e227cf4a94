"""Every check passes on a good day of each sport, and finds what somebody's hand did to its rows: race and field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, create_engine, text

from fotmate_assets.core.ledger import Attempt, Job, Ledger
from fotmate_assets.core.model import Finding, SourceError, Verdict
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing import checks, findings
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import KST, FinishStatus, MeetingCard, Race, RaceCard, Sport
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing.cards import (
    DAY,
    DAYS_LATER,
    Stage,
    ended,
    make_card,
    make_entry,
    make_payoffs,
    make_results,
    meeting_of,
    off,
    race_of,
    whole,
    with_entry,
    with_race,
)

KEY = DAY.isoformat()
NEXT = (DAY + timedelta(days=1)).isoformat()

PLAIN, DEAD_HEAT, WALKOVER, CANCELLED, FOUR, LATE_SCRATCH, THIRDS, SMALL = (
    f"horse-seoul-20261121-{race_no:02d}" for race_no in range(1, 9)
)
CYCLE, BOAT, NO_CARD = "cycle-gwangmyeong-20261121-01", "boat-misari-20261121-01", "cycle-changwon-20261121-01"


def horses() -> MeetingCard:
    """A day with everything that is allowed: see the names of the races above."""
    card = make_card(races=8)
    card = ended(card, 2, [(2, 7), 1, 3, 4, 5, 6, 8, 9, 10])
    gone = [number for number in range(1, 11) if number != 5]
    for number in gone:
        card = with_entry(card, 3, number, is_scratched=True)
    card = ended(card, 3, [5], dict.fromkeys(gone, FinishStatus.SCRATCHED))
    card = with_race(card, 3, payoffs=())
    card = with_race(card, 4, is_cancelled=True, is_complete=False, results=None, payoffs=())
    card = _shortened(card, 5, 4)
    card = ended(card, 5, [3, 1, 2, 4])
    card = with_entry(_shortened(card, 6, 8), 6, 8, is_scratched=True)
    card = ended(card, 6, [(3, 4), 1, 2, 5, 6], {7: FinishStatus.PULLED_UP, 8: FinishStatus.EXCLUDED})
    card = ended(card, 7, [9, 8, (1, 2, 3), 4, 5, 6], {7: FinishStatus.DISQUALIFIED, 10: FinishStatus.PULLED_UP})
    card = _shortened(card, 8, 5)
    card = ended(card, 8, [5, (1, 2), 3, 4])
    card = whole(card)
    # The rows of a cancelled race say that it was not run.
    return replace(card, results_declared=(card.results_declared or 0) + 10)


def _shortened(card: MeetingCard, race_no: int, runners: int) -> MeetingCard:
    entries = tuple(make_entry("seoul", race_no, number) for number in range(1, runners + 1))
    return with_race(card, race_no, field_size=runners, entries=entries)


def velodrome_without_card() -> MeetingCard:
    """Changwon: no off, no entries, and start numbers only for the first three, whom the result document tells."""
    entries = [make_entry("changwon", 1, number) for number in range(1, 8)]
    results = make_results(Sport.CYCLE, entries, [2, 3, 1, 4, 5, 6], {7: FinishStatus.PULLED_UP})
    ranked = tuple(it if (it.finish_position or 9) <= 3 else replace(it, start_no=None) for it in results)
    return MeetingCard(
        meeting_of("changwon"), (RaceCard(Race(1, is_complete=True), None, ranked, make_payoffs(Sport.CYCLE, results)),)
    )


GOOD_DAY: dict[str, Callable[[], MeetingCard]] = {
    "seoul": horses,
    "busan": partial(make_card, "busan", runners=12),
    "gwangmyeong": partial(make_card, "gwangmyeong"),
    "changwon": velodrome_without_card,
    "misari": lambda: ended(make_card("misari"), 2, [4, (1, 2), 3, 5], {6: FinishStatus.DISQUALIFIED}),
}


@pytest.fixture(scope="module")
def day(stack: Stack, _template: str) -> Iterator[Database]:
    """A race day of all three sports, as it should be."""
    with fresh_database(stack, _template) as database:
        for make in GOOD_DAY.values():
            load_meeting(database.engine, make(), DAYS_LATER)
        asked(database, KEY)
        yield database


def asked(database: Database, key: str, verdict: Verdict = Verdict.OK) -> None:
    """The calendar of a race date was asked for."""
    Ledger(database.engine).record([(Job("kra", "racing/races", key), Attempt(verdict), 0.1)])


@pytest.fixture
def hand(day: Database) -> Iterator[Connection]:
    """A connection of the schema's owner, for doctoring rows; all of it is rolled back."""
    owner = create_engine(day.owner_url)
    with owner.connect() as connection:
        yield connection
        connection.rollback()
    owner.dispose()


def doctor(connection: Connection, statement: str, **parameters: object) -> None:
    """Change rows; at least one must change."""
    assert connection.execute(text(statement), parameters).rowcount > 0, f"changes nothing: {statement}"


Look = Callable[[Connection, str], list[Finding]]

entries_in_time = partial(findings.entries_in_time, now=DAYS_LATER)
results_in_time = partial(findings.results_in_time, now=DAYS_LATER)
ALL: dict[str, Look] = {
    "nothing_owed": findings.nothing_owed,
    "nothing_odd": findings.nothing_odd,
    "schema_drift": findings.schema_drift,
    "entries_as_declared": findings.entries_as_declared,
    "entries_in_time": entries_in_time,
    "field_sizes_agree": findings.field_sizes_agree,
    "results_as_declared": findings.results_as_declared,
    "results_in_time": results_in_time,
    "finish_order_complete": findings.finish_order_complete,
    "times_ascend": findings.times_ascend,
    "payoffs_agree": findings.payoffs_agree,
}
"""The time-limited ones long after the day."""


def test_every_finding_is_checked() -> None:
    looks = {
        name
        for name, look in vars(findings).items()
        if not name.startswith("_") and getattr(look, "__module__", "") == findings.__name__
    }
    checked = [key.name for definition in checks.CHECKS for key in definition.check_keys]
    assert set(checked) == looks == set(ALL)
    assert len(checked) == len(set(checked))


@pytest.mark.parametrize("name", ALL)
def test_a_good_day_passes(day: Database, name: str) -> None:
    with day.engine.connect() as connection:
        assert ALL[name](connection, KEY) == []


@pytest.mark.parametrize("name", ALL)
def test_a_day_without_races_passes_once_its_calendar_was_asked(database: Database, name: str) -> None:
    with database.engine.connect() as connection:
        found = ALL[name](connection, NEXT)
        if name == "nothing_owed":
            assert found == [Finding("race date", "calendar", f"nobody has asked for the calendar of {NEXT}")]
        else:
            assert found == []


# Broken on purpose --------------------------------------------------------------------------------------------------

NAMES = {
    "plain": PLAIN,
    "heat": DEAD_HEAT,
    "walkover": WALKOVER,
    "cancelled": CANCELLED,
    "four": FOUR,
    "late": LATE_SCRATCH,
    "thirds": THIRDS,
    "small": SMALL,
    "cycle": CYCLE,
    "boat": BOAT,
    "no_card": NO_CARD,
}
"""What the statements below call the races."""

BROKEN: list[tuple[Look, str, list[tuple[str, str, str]]]] = [
    (
        findings.entries_as_declared,
        "delete from entries where race_id = :plain and start_no = 4",
        [("meeting seoul", "entries", r"the documents hold 67, stored are 66")],
    ),
    (
        findings.entries_as_declared,
        "update meetings set entries_declared = 66 where track_id = 'seoul'",
        [("meeting seoul", "entries", r"hold 66, stored are 67")],
    ),
    (
        findings.results_as_declared,
        "delete from results where race_id = :plain and start_no = 4",
        [("meeting seoul", "results", r"the documents hold 67, stored are 56")],
    ),
    (
        findings.results_as_declared,
        "update meetings set results_declared = 29 where track_id = 'busan'",
        [("meeting busan", "results", r"hold 29, stored are 36")],
    ),
    (
        findings.results_as_declared,
        "delete from results where race_id = :boat",
        [("meeting misari", "results", r"hold 18, stored are 12")],
    ),
    (
        entries_in_time,
        "delete from entries where race_id = :plain",
        [(PLAIN, "entries", r"none; they were due by 2026-11-21 08:35 KST")],
    ),
    (
        entries_in_time,
        "delete from entries where race_id in (:cycle, :boat)",
        [(BOAT, "entries", "none"), (CYCLE, "entries", "none")],
    ),
    (
        entries_in_time,
        "with gone as (delete from entries where race_id = :plain) "
        "update races set post_time = null where race_id = :plain",
        [(PLAIN, "entries", r"none; they were due by 2026-11-22 00:00 KST")],
    ),
    (
        findings.field_sizes_agree,
        "update races set field_size = 11 where race_id = :plain",
        [(PLAIN, "field_size", r"announced are 11 runners, entered 10, of them scratched 0")],
    ),
    (
        findings.field_sizes_agree,
        "update races set field_size = 6 where race_id = :late",
        [(LATE_SCRATCH, "field_size", r"announced are 6 runners, entered 8, of them scratched 1")],
    ),
    (
        findings.field_sizes_agree,
        "delete from entries where race_id = :plain and start_no = 4",
        [
            (PLAIN, "field_size", r"announced are 10 runners, entered 9"),
            (PLAIN, "start_no", r"number 4 has a result but no entry"),
        ],
    ),
    (
        findings.field_sizes_agree,
        "delete from results where race_id = :boat and start_no = 4",
        [(BOAT, "start_no", r"number 4 is entered and neither scratched nor in the result")],
    ),
    (
        findings.field_sizes_agree,
        "delete from results where race_id = :boat",
        [(BOAT, "start_no", rf"number {number} is entered and neither") for number in range(1, 7)],
    ),
    (
        findings.field_sizes_agree,
        "update entries set is_scratched = true where race_id = :cycle and start_no = 4",
        [(CYCLE, "start_no", r"number 4 is scratched and has started")],
    ),
    (
        findings.finish_order_complete,
        "delete from results where race_id = :small and finish_position = 4",
        [(SMALL, "finish_position", r"number 4 is given 5, by the order it is 4")],
    ),
    (
        findings.finish_order_complete,
        "update results set finish_position = 2 where race_id = :heat and finish_position = 3",
        [(DEAD_HEAT, "finish_position", r"number 1 is given 2, by the order it is 3")],
    ),
    (
        findings.finish_order_complete,
        "update results set finish_position = 9 where race_id = :boat and finish_position = 6",
        [(BOAT, "finish_position", r"is given 9, by the order it is 6")],
    ),
    (
        findings.finish_order_complete,
        "delete from results where race_id = :cycle",
        [(CYCLE, "finish_position", r"the race is finished and nobody has won it")],
    ),
    (
        findings.finish_order_complete,
        "update results set finish_status = 'pulled_up', finish_position = null where race_id = :walkover "
        "and start_no = 5",
        [(WALKOVER, "finish_position", r"the race is finished and nobody has won it")],
    ),
    (
        findings.times_ascend,
        "update results set time_s = 74.3 where race_id = :plain and finish_position = 3",
        [(PLAIN, "time_s", r"number 4 is 3 in 74.3 s, someone ahead took 74.4 s")],
    ),
    (
        findings.times_ascend,
        "update results set time_s = 99 where race_id = :heat and start_no = 7",
        [(DEAD_HEAT, "time_s", rf"is {n} in .*, someone ahead took 99 s") for n in (3, 10, 4, 5, 6, 7, 8, 9)],
    ),
    (
        findings.times_ascend,
        "update results set time_s = case start_no when 8 then null else 60 end where race_id = :thirds "
        "and start_no in (8, 1)",
        [(THIRDS, "time_s", r"number 1 is 3 in 60 s, someone ahead took 74.2 s")],
    ),
    (
        findings.payoffs_agree,
        "update payoffs set confirmed_odds = 2.6 where race_id = :plain and combination = '2-3' and pool = 'EXA'",
        [(PLAIN, "EXA 2-3", r"paid 2.5, 2.6 by the second service")],
    ),
    (
        findings.payoffs_agree,
        "update payoffs set combination = '9' where race_id = :plain and pool = 'WIN'",
        [(PLAIN, "WIN", r"9 paid; by the result 2 should have")],
    ),
    (
        findings.payoffs_agree,
        "delete from payoffs where race_id = :heat and pool = 'WIN' and combination = '7'",
        [(DEAD_HEAT, "WIN", r"2 paid; by the result 2, 7 should have")],
    ),
    (
        findings.payoffs_agree,
        "delete from payoffs where race_id = :thirds and pool = 'QPL' and combination = '2-9'",
        [(THIRDS, "QPL", r"1-8, 1-9, 2-8, 3-8, 3-9, 8-9 paid; by the result 1-8, 1-9, 2-8, 2-9, ")],
    ),
    (
        findings.payoffs_agree,
        "insert into payoffs select race_id, pool, '4', race_date, odds, is_capped, pool_label, confirmed_odds, "
        "pool_sales_krw, service from payoffs where race_id = :boat and pool = 'PLC' and combination = '3'",
        [(BOAT, "PLC", r"2, 3, 4 paid; by the result 2, 3 should have")],
    ),
    (
        findings.payoffs_agree,
        "update results set finish_status = 'scratched', finish_position = null where race_id = :cycle "
        "and finish_position > 4",
        [(CYCLE, "PLC", r"2, 3 paid; by the result 2 should have")],
    ),
    (
        findings.payoffs_agree,
        "delete from results where race_id = :cycle",
        [
            (CYCLE, pool, "it paid, and the race has no result")
            for pool in ("EXA", "PLC", "POOL6", "POOL7", "POOL8", "QNL", "WIN")
        ],
    ),
    (
        findings.payoffs_agree,
        "update payoffs set combination = '1' where race_id = :no_card and pool = 'PLC' and combination = '3'",
        [(NO_CARD, "PLC", r"1, 2 paid; by the result 2, 3 should have")],
    ),
    (
        findings.finish_order_complete,
        "update results set finish_position = 6 where race_id = :no_card and finish_position = 5",
        [(NO_CARD, "finish_position", r"changwon 1-[56] is given 6, by the order it is 5")] * 2,
    ),
    (
        findings.field_sizes_agree,
        "update results set start_no = null where race_id = :cycle and start_no = 4",
        [
            (CYCLE, "start_no", r"gwangmyeong 1-4 has a result but no entry"),
            (CYCLE, "start_no", r"number 4 is entered and neither scratched nor in the result"),
        ],
    ),
    (
        results_in_time,
        "update races set status = 'live' where race_id in (:plain, :cycle, :boat)",
        [
            (BOAT, "status", r"live; due by 2026-11-23 00:00 KST"),
            (CYCLE, "status", r"live; due by 2026-11-23 00:00 KST"),
            (PLAIN, "status", r"live; due by 2026-11-21 12:35 KST"),
        ],
    ),
    (
        results_in_time,
        "update races set status = 'scheduled', post_time = null where race_id in (:plain, :no_card)",
        [
            (NO_CARD, "status", r"scheduled; due by 2026-11-23 00:00 KST"),
            (PLAIN, "status", r"scheduled; due by 2026-11-22 02:00 KST"),
        ],
    ),
    (
        results_in_time,
        "delete from payoffs where race_id in (:plain, :boat)",
        [
            (BOAT, "payoffs", r"none; due by 2026-11-23 00:00 KST"),
            (PLAIN, "payoffs", r"none; due by 2026-11-21 12:35 KST"),
        ],
    ),
    (
        findings.schema_drift,
        """update entries set extra = '{"newField": 1, "other": 2}' where race_id = :plain""",
        [
            ("entries", "newField", r"new field, in 10 rows"),
            ("entries", "other", r"new field, in 10 rows"),
        ],
    ),
    (
        findings.schema_drift,
        """with other as (update races set extra = '{"a": 1}' where race_id = :boat)
        update results set extra = '{"b": null}' where race_id = :boat and start_no = 1""",
        [("races", "a", r"new field, in 1 rows"), ("results", "b", r"new field, in 1 rows")],
    ),
    (
        findings.nothing_odd,
        """update meetings set warnings = '["race 9 is odd", "a page too many"]' where track_id = 'misari'""",
        [("meeting misari", "documents", "a page too many"), ("meeting misari", "documents", "race 9 is odd")],
    ),
    (
        findings.nothing_owed,
        "delete from ingestion_jobs",
        [("race date", "calendar", f"nobody has asked for the calendar of {KEY}")],
    ),
    (
        findings.nothing_owed,
        "update ingestion_jobs set verdict = 'transport'",
        [("race date", "calendar", f"nobody has asked for the calendar of {KEY}")],
    ),
]


@pytest.mark.parametrize(("look", "statement", "expected"), BROKEN)
def test_a_doctored_row_is_found_by_race_and_field(
    hand: Connection, look: Look, statement: str, expected: list[tuple[str, str, str]]
) -> None:
    doctor(hand, statement, **{name: race for name, race in NAMES.items() if f":{name}" in statement})
    found = sorted(look(hand, KEY), key=lambda one: (one.subject, one.field, one.message))
    assert [(one.subject, one.field) for one in found] == [each[:2] for each in expected], found
    for finding, (_, _, message) in zip(found, expected, strict=True):
        assert re.search(message, finding.message), finding.message
    assert look(hand, NEXT) == [] or look is findings.nothing_owed


def test_every_check_is_broken_by_something() -> None:
    assert {look for look, _, _ in BROKEN} == set(ALL.values())


# No false alarms ----------------------------------------------------------------------------------------------------


def test_a_field_counted_between_two_scratches_agrees(hand: Connection) -> None:
    doctor(hand, "update entries set is_scratched = true where race_id = :race and start_no = 7", race=LATE_SCRATCH)
    doctor(hand, "delete from results where race_id = :race and start_no = 7", race=LATE_SCRATCH)
    for announced in (8, 7, 6):
        doctor(hand, "update races set field_size = :n where race_id = :race", n=announced, race=LATE_SCRATCH)
        assert findings.field_sizes_agree(hand, KEY) == []


def test_a_field_that_was_not_announced_agrees(hand: Connection) -> None:
    doctor(hand, "update races set field_size = null")
    assert findings.field_sizes_agree(hand, KEY) == []


def test_a_race_that_is_not_decided_owes_no_runner_a_result(hand: Connection) -> None:
    doctor(hand, "delete from results where race_id = :race", race=PLAIN)
    doctor(hand, "update races set status = 'live' where race_id = :race", race=PLAIN)
    for look in (findings.field_sizes_agree, findings.results_as_declared, findings.finish_order_complete):
        assert look(hand, KEY) == []


def test_a_runner_who_was_put_back_was_faster_than_its_place(hand: Connection) -> None:
    """The stewards put the first home behind the horse it hampered."""
    doctor(hand, "update results set time_s = 74.1 where race_id = :race and finish_position = 3", race=PLAIN)
    assert len(findings.times_ascend(hand, KEY)) == 1
    doctor(
        hand,
        """update results set details = '{"ordBigo": "강착"}' where race_id = :race and finish_position = 3""",
        race=PLAIN,
    )
    assert findings.times_ascend(hand, KEY) == []


@pytest.mark.parametrize("start_no", [2, 7])
def test_the_tied_may_differ_by_what_the_clock_cannot_show(hand: Connection, start_no: int) -> None:
    doctor(
        hand,
        "update results set time_s = time_s - 0.1 where race_id = :race and start_no = :number",
        race=DEAD_HEAT,
        number=start_no,
    )
    assert findings.times_ascend(hand, KEY) == []


def test_capped_odds_are_no_price_to_compare(hand: Connection) -> None:
    doctor(
        hand,
        "update payoffs set odds = null, is_capped = true, confirmed_odds = 8.8 where race_id = :race and pool = 'TRI'",
        race=PLAIN,
    )
    assert findings.payoffs_agree(hand, KEY) == []


def test_a_pool_that_was_not_sold_has_paid_nothing(hand: Connection) -> None:
    doctor(hand, "delete from payoffs where race_id = :race and pool in ('TLA', 'TRI', 'PLC')", race=PLAIN)
    for name, look in ALL.items():
        assert look(hand, KEY) == [], name


def test_an_order_whose_numbers_are_not_all_known_is_not_judged(hand: Connection) -> None:
    doctor(hand, "update results set start_no = null where race_id = :race and start_no = 3", race=NO_CARD)
    assert findings.payoffs_agree(hand, KEY) == []


def test_the_disqualified_has_started_and_counts_for_the_places(hand: Connection) -> None:
    """Eight left the start, one of them is disqualified: three places pay."""
    doctor(
        hand,
        "update results set finish_status = 'scratched', finish_position = null where race_id = :race "
        "and start_no in (6, 10)",
        race=THIRDS,
    )
    assert findings.payoffs_agree(hand, KEY) == []
    doctor(hand, "update results set finish_status = 'excluded' where race_id = :race and start_no = 7", race=THIRDS)
    assert [one.field for one in findings.payoffs_agree(hand, KEY)] == ["PLC"]


@pytest.mark.parametrize("status", ["cancelled", "postponed"])
def test_a_race_that_is_off_is_expected_to_have_nothing(hand: Connection, status: str) -> None:
    for table in ("entries", "results", "payoffs"):
        doctor(hand, f"delete from {table} where race_id = :race", race=BOAT)
    doctor(hand, "update races set status = :status where race_id = :race", status=status, race=BOAT)
    expected = {"entries_as_declared", "results_as_declared"} if status == "cancelled" else {"entries_as_declared"}
    assert {name for name, look in ALL.items() if look(hand, KEY)} == expected


def test_a_cancelled_day_passes(database: Database) -> None:
    """The portal has rows of every runner that say that the race was not run."""
    card = whole(make_card(stage=Stage.CARD))
    for race_no in (1, 2, 3):
        card = with_race(card, race_no, is_cancelled=True, payoffs=())
    load_meeting(database.engine, replace(card, results_declared=30), DAYS_LATER)
    asked(database, KEY)
    with database.engine.connect() as connection:
        assert {name: look(connection, KEY) for name, look in ALL.items() if look(connection, KEY)} == {}


def test_a_race_declared_void_passes(database: Database) -> None:
    card = ended(make_card("misari"), 1, [], dict.fromkeys(range(1, 7), FinishStatus.VOID))
    card = with_race(card, 1, is_cancelled=True, payoffs=())
    load_meeting(database.engine, whole(card), DAYS_LATER)
    asked(database, KEY)
    with database.engine.connect() as connection:
        assert {name: look(connection, KEY) for name, look in ALL.items() if look(connection, KEY)} == {}


# In time ------------------------------------------------------------------------------------------------------------


def test_entries_are_missed_from_two_hours_before_the_off(hand: Connection) -> None:
    doctor(hand, "delete from entries where race_id in (:plain, :heat)", plain=PLAIN, heat=DEAD_HEAT)
    due = off(1) - timedelta(hours=2)
    assert findings.entries_in_time(hand, KEY, due - timedelta(seconds=1)) == []
    assert [one.subject for one in findings.entries_in_time(hand, KEY, due)] == [PLAIN]
    assert len(findings.entries_in_time(hand, KEY, due + timedelta(minutes=30))) == 2


def test_results_are_missed_from_their_limit(hand: Connection) -> None:
    doctor(hand, "update races set status = 'live' where race_id in (:plain, :boat)", plain=PLAIN, boat=BOAT)

    def missed(now: datetime) -> list[str]:
        return [one.subject for one in findings.results_in_time(hand, KEY, now)]

    horse, boat = off(1) + timedelta(hours=2), datetime(2026, 11, 23, tzinfo=KST)
    assert missed(horse - timedelta(seconds=1)) == []
    assert missed(horse) == missed(boat - timedelta(seconds=1)) == [PLAIN]
    assert missed(boat) == [BOAT, PLAIN]


@pytest.mark.parametrize("look", [findings.entries_in_time, findings.results_in_time])
def test_without_a_moment_the_clock_decides(hand: Connection, look: Look) -> None:
    doctor(hand, "delete from entries where race_id = :race", race=PLAIN)
    doctor(hand, "update races set status = 'live' where race_id = :race", race=PLAIN)
    for hours, found in ((-3, 1), (3, 0)):
        at = datetime.now(UTC) + timedelta(hours=hours)
        doctor(hand, "update races set post_time = :at where race_id = :race", at=at, race=PLAIN)
        assert len(look(hand, KEY)) == found


# What is owed -------------------------------------------------------------------------------------------------------


def test_whatever_is_owed_is_named_until_it_is_resolved(database: Database, ledger: Ledger) -> None:
    asked(database, KEY)
    job = Job("kra", "racing/results", KEY)
    error = SourceError(Verdict.TRANSPORT, "kra", "API214_1/seoul/2026-11-21", "no answer", field="items[3].ord")
    ledger.owe(job, error)
    ledger.owe(Job("kra", "racing/results", NEXT), error)
    ledger.owe(Job("statsbomb", "football/matches", KEY), error)
    with database.engine.connect() as connection:
        assert findings.nothing_owed(connection, KEY) == [
            Finding("API214_1/seoul/2026-11-21", "items[3].ord", "kra: no answer [transport, pending]")
        ]
    ledger.settle(job, ["API214_1/seoul/2026-11-21"])
    with database.engine.connect() as connection:
        assert findings.nothing_owed(connection, KEY) == []


def test_the_calendar_was_asked_where_it_answered(database: Database) -> None:
    keys = {verdict: (DAY + timedelta(days=number)).isoformat() for number, verdict in enumerate(Verdict)}
    for verdict, key in keys.items():
        asked(database, key, verdict)
    with database.engine.connect() as connection:
        answered = {verdict for verdict, key in keys.items() if not findings.nothing_owed(connection, key)}
    assert answered == {Verdict.OK, Verdict.NOT_YET, Verdict.EMPTY_EXPECTED}


def test_another_asset_or_date_is_no_calendar(database: Database, ledger: Ledger) -> None:
    asked(database, NEXT)
    ledger.record([(Job("kra", "racing/results", KEY), Attempt(Verdict.OK), 0.1)])
    with database.engine.connect() as connection:
        assert len(findings.nothing_owed(connection, KEY)) == 1


def test_the_words_of_a_good_card_are_its_own(day: Database) -> None:
    """The good day is what its name says: each special race is there as it is named."""
    with day.engine.connect() as connection:
        special = connection.execute(
            text("""
                select r.race_id, r.status, count(*) filter (where t.finish_position = 1) as winners,
                       count(*) filter (where t.finish_status in ('finished', 'disqualified', 'pulled_up')) as started
                from races r left join results t using (race_id)
                where r.track_id = 'seoul' group by r.race_id order by r.race_id
            """)
        ).all()
    assert [tuple(row)[1:] for row in special] == [
        ("finished", 1, 10),
        ("finished", 2, 10),
        ("finished", 1, 1),
        ("cancelled", 0, 0),
        ("finished", 1, 4),
        ("finished", 2, 7),
        ("finished", 1, 10),
        ("finished", 1, 5),
    ]
    assert len(race_of(horses(), 1).entries or ()) == 10
