"""Every check of odds passes on a day that was followed well, and finds what somebody's hand did to its rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from fotmate_assets.core.model import Finding
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing.cadence import plan
from fotmate_assets.racing.load import load_meeting
from fotmate_assets.racing.model import Pool, Sport, in_order, places_paid
from fotmate_assets.racing.odds import findings
from fotmate_assets.racing.odds.findings import overround
from fotmate_assets.racing.odds.model import OddsRow, Sentinel, combination_index, rows_of
from fotmate_assets.racing.odds.races import odds_races
from fotmate_assets.racing.odds.store import FINAL, insert_rows
from fotmate_assets.racing.sources.odds.simulated import SimulatedMarket
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.racing.cards import (
    DAY,
    DAYS_LATER,
    NIGHT_BEFORE,
    Stage,
    ended,
    make_card,
    off,
    with_entry,
    with_race,
)

KEY = DAY.isoformat()
NEXT = (DAY + timedelta(days=1)).isoformat()
BEFORE = (DAY - timedelta(days=1)).isoformat()
MINUTE = timedelta(minutes=1)

PLAIN, SCRATCH, MOVED, CANCELLED = (f"horse-seoul-20261121-{race_no:02d}" for race_no in range(1, 5))
CYCLE, BOAT = "cycle-gwangmyeong-20261121-01", "boat-misari-20261121-01"
GONE = 4
"""Who is scratched in SCRATCH, 20 minutes before the off. Of 7 runners 6 are left, too few for the pools of three."""


def instants(post_time: datetime) -> list[datetime]:
    return [slot.at for slot in plan(post_time)]


@pytest.fixture(scope="module")
def day(stack: Stack, _template: str) -> Iterator[Database]:
    """Horses, cycles and boats followed by a simulated market, with final odds. The second race has a scratch that
    ends its trio pools, the third was set back by seven minutes, the fourth was called off half an hour before.
    """
    with fresh_database(stack, _template) as database:
        horses = make_card(races=4, runners=7, stage=Stage.CARD)
        cards = [
            horses,
            make_card("gwangmyeong", races=1, stage=Stage.CARD),
            make_card("misari", races=1, stage=Stage.CARD),
        ]
        for card in cards:
            load_meeting(database.engine, card, NIGHT_BEFORE)
        database.execute(
            "update races set post_time = post_time + interval '7 minutes' where race_id = :race", race=MOVED
        )
        moved_at, cancelled_at, scratched_at = off(3) - 8 * MINUTE, off(4) - 30 * MINUTE, off(2) - 20.5 * MINUTE
        follow(database, {SCRATCH: scratched_at}, {MOVED: moved_at}, {CANCELLED: cancelled_at})
        done = with_entry(make_card(races=4, runners=7), 2, GONE, is_scratched=True)
        done = ended(done, 2, [3, 1, 2, 5, 6, 7])
        done = with_race(done, 3, post_time=off(3) + 7 * MINUTE)
        done = with_race(done, 4, is_cancelled=True, is_complete=False, results=None, payoffs=())
        for card in (done, make_card("gwangmyeong", races=1), make_card("misari", races=1)):
            load_meeting(database.engine, card, DAYS_LATER)
        database.execute("delete from race_changes")
        history(database, SCRATCH, scratched_at, "scratch", "seoul 2-4", None, GONE)
        history(database, MOVED, moved_at, "post_time", off(3).isoformat(), (off(3) + 7 * MINUTE).isoformat())
        history(database, CANCELLED, cancelled_at, "status", "scheduled", "cancelled")
        finish(database)
        yield database


def history(
    database: Database, race: str, at: datetime, kind: str, old: str, new: str | None, number: int | None = None
) -> None:
    database.execute(
        "insert into race_changes (race_id, race_date, kind, start_no, old_value, new_value, observed_at)"
        " values (:race, :day, :kind, :number, :old, :new, :at)",
        race=race, day=DAY, kind=kind, number=number, old=old, new=new, at=at,
    )  # fmt: skip


def follow(
    database: Database, scratches: dict[str, datetime], moves: dict[str, datetime], called_off: dict[str, datetime]
) -> None:
    """What a collector leaves behind: slots and snapshots."""
    market = SimulatedMarket(7)
    rows: list[OddsRow] = []
    with database.engine.begin() as connection:
        for race in odds_races(connection, DAY):
            slots = {slot.at: slot.phase for slot in plan(race.post_time)}
            if race.race_id in moves:
                at = moves[race.race_id]
                slots = {each: phase for each, phase in slots.items() if each > at}
                slots |= {slot.at: slot.phase for slot in plan(race.post_time - 7 * MINUTE) if slot.at <= at}
            if race.race_id in called_off:
                slots = {each: phase for each, phase in slots.items() if each < called_off[race.race_id]}
            for at, phase in sorted(slots.items()):
                known = race
                if race.race_id in scratches and at > scratches[race.race_id]:
                    known = replace(race, scratched=frozenset({GONE}))
                told = market.quote(known, at)
                later = at + timedelta(milliseconds=80)
                rows += rows_of(told, known, at, later, "simulated", is_live=True, is_simulated=True, raw_sha256=None)
                connection.execute(
                    text(
                        "insert into odds_slots (race_id, slot_at, race_date, phase, status, verdict, source,"
                        " is_simulated) values (:race, :at, :day, :phase, 'captured', 'ok', 'simulated', true)"
                    ),
                    {"race": race.race_id, "at": at, "day": DAY, "phase": phase.value},
                )
        insert_rows(connection, rows)


def finish(database: Database) -> None:
    """The final odds: those at the off, and what won paid them. KSPO publishes none."""
    with database.engine.begin() as connection:
        paid = connection.execute(
            text("select race_id, pool, combination from payoffs where pool not like 'POOL%'")
        ).all()
        for race in odds_races(connection, DAY):
            if race.race_id == CANCELLED or race.sport is not Sport.HORSE:
                continue
            quote = SimulatedMarket(7).quote(race, race.post_time)
            sold = {each.pool: each for each in quote.pools}
            winners = [(Pool(pool), numbers) for of, pool, numbers in paid if of == race.race_id and pool in sold]
            connection.execute(
                text("delete from payoffs where race_id = :race and pool <> all(:sold)"),
                {"race": race.race_id, "sold": [pool.value for pool in sold]},
            )
            pools = {pool: sold[pool] for pool, _ in winners}
            for pool, combination in winners:
                index = combination_index(pool, race.field, in_order(pool, map(int, combination.split("-"))))
                price = sold[pool].odds[index]
                if price < 0:
                    price = 500.0
                pools[pool].odds[index] = price
                connection.execute(
                    text(
                        "update payoffs set odds = :odds where (race_id, pool, combination) = (:race, :pool, :numbers)"
                    ),
                    {"odds": price, "race": race.race_id, "pool": pool.value, "numbers": combination},
                )
            told = replace(quote, pools=tuple(pools.values()), source_ts=None)
            rows = rows_of(
                told, race, DAYS_LATER, DAYS_LATER, FINAL, is_live=False, is_simulated=False, raw_sha256=None
            )
            insert_rows(connection, list(rows))


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

slots_captured = partial(findings.slots_captured, now=DAYS_LATER)
ALL: dict[str, Look] = {
    "slots_captured": slots_captured,
    "clock_monotone": findings.clock_monotone,
    "grid_complete": findings.grid_complete,
    "overround_in_band": findings.overround_in_band,
    "final_odds_agree": findings.final_odds_agree,
    "sudden_moves": findings.sudden_moves,
}
"""The time-limited one long after the day."""


def test_these_are_all() -> None:
    assert set(findings.__all__) == set(ALL)


@pytest.mark.parametrize("name", sorted(ALL.keys() - {"sudden_moves"}))
def test_a_day_followed_in_a_simulated_market_passes(day: Database, name: str) -> None:
    with day.engine.connect() as connection:
        assert ALL[name](connection, KEY) == []


@pytest.mark.parametrize("key", [NEXT, BEFORE])
@pytest.mark.parametrize("name", ALL)
def test_a_day_without_races_passes(day: Database, name: str, key: str) -> None:
    with day.engine.connect() as connection:
        assert ALL[name](connection, key) == []


# Broken on purpose --------------------------------------------------------------------------------------------------

NAMES = {
    "plain": PLAIN,
    "scratch": SCRATCH,
    "moved": MOVED,
    "cancelled": CANCELLED,
    "cycle": CYCLE,
    "boat": BOAT,
    "first": instants(off(1))[0],
    "post": off(1),
    "t10": off(1) - 10 * MINUTE,
    "second_off": off(2),
    "third_off": off(3),
}
"""What the statements below call races and instants. The slots of `plain` begin at 09:35, its off is at 10:35."""

AT = "race_id = :plain and pool = 'QNL' and observed_at = :t10"

LATE_MONEY = [
    ("boat-misari-20261121-01", "number 6", "^misari 1-6: 4.5% to 11.2% of the win pool in 60 s"),
    ("horse-seoul-20261121-03", "number 1", "^seoul 3-1: 9.3% to 14.4% of the win pool in 90 s"),
]
"""What the simulated market has of it that day."""

BROKEN: list[tuple[Look, str, list[tuple[str, str, str]]]] = [
    # slots_captured
    (
        slots_captured,
        "update odds_slots set status = 'missed', verdict = 'transport', reason = 'HTTP 503' "
        "where race_id = :plain and slot_at = :t10",
        [(PLAIN, "slots 1min", r"^9 of 10 captured \(90%\); missed 10:25:00 \(transport: HTTP 503\)$")],
    ),
    (
        slots_captured,
        "update odds_slots set status = 'missed', verdict = 'late' where race_id = :plain and phase = '30s'",
        [(PLAIN, "slots 30s", r"^0 of 10 captured \(0%\); missed 10:30:00 \(late\), .* and 7 more$")],
    ),
    (
        slots_captured,
        "update odds_slots set status = 'missed', verdict = 'not_yet' where race_id = :boat and phase = 'off'",
        [(BOAT, "slots off", r"^0 of 1 captured \(0%\); missed 10:35:00 \(not_yet\)$")],
    ),
    (
        slots_captured,
        "update odds_slots set status = 'planned', verdict = null where race_id = :cycle and phase = 'off'",
        [(CYCLE, "slots off", r"missed 10:35:00 \(nobody has accounted for it\)$")],
    ),
    (
        slots_captured,
        "update odds_slots set status = 'missed', verdict = 'unattended' "
        "where race_id = :cancelled and slot_at < :third_off",
        [(CANCELLED, "slots 5min", r"^0 of 6 captured")],
    ),
    (
        slots_captured,
        "update odds_slots set status = 'missed', verdict = 'empty_expected' where race_id = :plain",
        [(PLAIN, "slots", r"^the source had nothing at any of 30 instants$")],
    ),
    (
        slots_captured,
        "delete from odds_slots where race_id = :plain",
        [(PLAIN, "slots", r"^nobody followed it to its off at 10:35:00$")],
    ),
    (
        slots_captured,
        "delete from odds_slots where race_id = :plain and phase in ('30s', 'off')",
        [(PLAIN, "slots", r"^11 instants were never planned: 10:30:00, 10:30:30, 10:31:00 and 8 more$")],
    ),
    (
        slots_captured,
        "delete from odds_slots where race_id = :moved and slot_at = :third_off",
        [(MOVED, "slots", r"^1 instants were never planned: 11:35:00$")],
    ),
    (
        slots_captured,
        "delete from odds_slots where race_id = :moved and slot_at = :third_off - interval '10 minutes'",
        [(MOVED, "slots", r"^1 instants were never planned: 11:25:00$")],
    ),
    (
        slots_captured,
        "delete from odds_snapshots where race_id = :plain and observed_at = :t10",
        [(PLAIN, "slots", r"^recorded as captured, and no odds are stored of 10:25:00$")],
    ),
    (
        slots_captured,
        "delete from odds_snapshots where source <> 'portal_final'",
        [
            (race, "slots", r"^recorded as captured, and no odds are stored of \S+, \S+, \S+ and \d+ more$")
            for race in (PLAIN, SCRATCH, MOVED, CANCELLED, CYCLE, BOAT)
        ],
    ),
    # clock_monotone
    (
        findings.clock_monotone,
        "update odds_snapshots set source_ts = source_ts - interval '90 seconds' where " + AT,
        [(PLAIN, "source_ts", r"^QNL at 10:25:00 back from 10:24:00 to 10:23:30$")],
    ),
    (
        findings.clock_monotone,
        "update odds_snapshots set source_ts = source_ts + interval '9 hours', is_live = false "
        "where race_id = :plain and pool in ('WIN', 'QNL') and observed_at = :t10",
        [(PLAIN, "source_ts", r"^QNL\+WIN at 10:26:00 back from 19:25:00 to 10:26:00; and at 14 more instants$")],
    ),
    (
        findings.clock_monotone,
        "update odds_snapshots set source_ts = source_ts + interval '6 seconds' where race_id = :plain "
        "and observed_at = :post",
        [(PLAIN, "source_ts", r"at 10:35:00 10:35:06, ahead of ours, which was 10:35:00$")],
    ),
    (
        findings.clock_monotone,
        "update odds_snapshots set ingested_at = ingested_at - interval '1 minute', source_ts = null "
        "where race_id = :plain and observed_at = :t10",
        [(PLAIN, "ingested_at", r"at 10:25:00 had at 10:24:00, before the instant$")],
    ),
    (
        findings.clock_monotone,
        "update odds_snapshots set source_ts = :t10 where race_id = :plain and observed_at > :t10",
        [(PLAIN, "source_ts", r"^EXA\+\S+ at 10:28:00 old: as of 10:25:00; and at 12 more instants$")],
    ),
    # grid_complete
    (
        findings.grid_complete,
        "update odds_snapshots set odds = trim_array(odds, 1) where " + AT,
        [(PLAIN, "QNL", r"^20 numbers for 21 combinations, at 10:25:00$")],
    ),
    (
        findings.grid_complete,
        "update odds_snapshots set odds[3] = -4 where race_id = :plain and pool = 'QNL'",
        [(PLAIN, "QNL", r"^1 of 21 combinations are not told: 1-4, at 09:35:00; and at 30 more instants$")],
    ),
    (
        findings.grid_complete,
        "update odds_snapshots set odds[3] = 0 where " + AT,
        [(PLAIN, "QNL", r"^an odds of 0 or no number")],
    ),
    (
        findings.grid_complete,
        "update odds_snapshots set odds[3] = 'NaN' where " + AT,
        [(PLAIN, "QNL", r"^an odds of 0 or no number")],
    ),
    (
        findings.grid_complete,
        "update odds_snapshots set odds[3] = -3 where " + AT,
        [(PLAIN, "QNL", r"^1-4 marked scratched, others of the same runners not, at 10:25:00$")],
    ),
    (
        findings.grid_complete,
        "update odds_snapshots set odds[3] = -3 where race_id = :plain and pool = 'WIN' and observed_at = :t10",
        [
            (PLAIN, "WIN", r"^number 3 is scratched in the odds and not on the card, at 10:25:00$"),
            (PLAIN, "scratched", r"^the pools do not agree: nobody in EXA, .*3 in WIN, at 10:25:00$"),
        ],
    ),
    (
        findings.grid_complete,
        "update odds_snapshots set odds[4] = 3.0 "
        "where race_id = :scratch and pool = 'WIN' and observed_at = :second_off",
        [
            (SCRATCH, "WIN", r"^number 4 is scratched on the card and not in the odds, at 11:05:00$"),
            (SCRATCH, "scratched", r"the pools do not agree"),
        ],
    ),
    (
        findings.grid_complete,
        "update odds_snapshots set field = '{1,2,3,4,5,6,8}' where race_id = :plain and observed_at = :t10",
        [(PLAIN, "field", r"^made for 1 2 3 4 5 6 8; entered are 1 2 3 4 5 6 7, at 10:25:00$")],
    ),
    (
        findings.grid_complete,
        "delete from entries where race_id = :boat and start_no = 6",
        [(BOAT, "field", r"^made for 1 2 3 4 5 6; entered are 1 2 3 4 5, at 09:35:00; and at 29 more instants$")],
    ),
    (
        findings.grid_complete,
        "delete from odds_snapshots where " + AT,
        [(PLAIN, "QNL", r"^absent after it had appeared at 09:35:00, at 10:25:00$")],
    ),
    (
        findings.grid_complete,
        "delete from odds_snapshots where race_id = :plain and pool = 'TRI' and observed_at >= :t10 and is_live",
        [(PLAIN, "TRI", r"^absent after it had appeared at 09:35:00, at 10:25:00; and at 15 more instants$")],
    ),
    (
        findings.grid_complete,
        "delete from odds_snapshots where race_id = :scratch and pool = 'TRI' "
        "and observed_at = :second_off - interval '30 minutes'",
        [(SCRATCH, "TRI", r"^absent after it had appeared at 10:05:00, at 10:35:00$")],
    ),
    # overround_in_band
    (
        findings.overround_in_band,
        "update odds_snapshots set overround = overround * 10, odds = "
        "(select array_agg(case when each > 0 then each / 10 else each end order by place) "
        "from unnest(odds) with ordinality as o (each, place)) where " + AT,
        [(PLAIN, "QNL", r"^1/odds sum to 13\.\d+ by 1 that pay at 10:25:00; 1.34 to 1.40 are plausible \(1 snap")],
    ),
    (
        findings.overround_in_band,
        "update odds_snapshots w set odds = p.odds, overround = p.overround, pays = 1 from odds_snapshots p "
        "where w.race_id = :plain and w.pool = 'WIN' and p.race_id = :plain and p.pool = 'PLC' "
        "and p.observed_at = w.observed_at and w.is_live",
        [(PLAIN, "WIN", r"^1/odds sum to 2\.\d+ by 1 that pay .* \(30 snapshots\)$")],
    ),
    (
        findings.overround_in_band,
        "update odds_snapshots set odds[1:7] = '{-1,-1,-1,-1,-1,-1,-1}', overround = 0.9, priced = 14 where " + AT,
        [(PLAIN, "QNL", r"^1/odds sum to 0\.\d+ by 1 that pay")],
    ),
    (
        findings.overround_in_band,
        "update odds_snapshots set odds = '{2,2,2,4,4,4}', overround = 2.25 "
        "where race_id = :boat and pool = 'WIN' and is_live and observed_at = :t10",
        [(BOAT, "WIN", r"^1/odds sum to 2.250 by 1 that pay at 10:25:00; 1.22 to 1.46 are plausible")],
    ),
    # final_odds_agree
    (
        findings.final_odds_agree,
        "update payoffs set odds = odds + 0.1 where race_id = :plain and pool = 'WIN'",
        [(PLAIN, "WIN 2", r"^it paid \d+\.\d, its final odds are \d+\.\d$")],
    ),
    (
        findings.final_odds_agree,
        "update payoffs set odds = null, is_capped = true where race_id = :plain and pool = 'WIN'",
        [(PLAIN, "WIN 2", r"^it paid above the cap, its final odds are \d+\.\d$")],
    ),
    (
        findings.final_odds_agree,
        "update odds_snapshots set odds[2] = -1 where race_id = :plain and pool = 'WIN' and source = 'portal_final'",
        [(PLAIN, "WIN 2", r"^it paid \d+\.\d, its final odds are unsold$")],
    ),
    (
        findings.final_odds_agree,
        "update payoffs set combination = '9' where race_id = :plain and pool = 'WIN'",
        [(PLAIN, "WIN 9", r"^it paid, and is none of 1 2 3 4 5 6 7$")],
    ),
    (
        findings.final_odds_agree,
        "delete from odds_snapshots where race_id = :plain and pool = 'EXA' and source = 'portal_final'",
        [(PLAIN, "EXA", r"^2-3 paid, and it has no final odds$")],
    ),
    (
        findings.final_odds_agree,
        "insert into odds_snapshots select (jsonb_populate_record(s, '{\"observed_at\": \"2026-11-22\"}')).* "
        "from odds_snapshots s where race_id = :plain and pool = 'WIN' and source = 'portal_final'",
        [(PLAIN, "WIN", r"^final odds are stored 2 times$")],
    ),
    (
        findings.final_odds_agree,
        "update odds_snapshots set is_live = true, source = 'feed' where race_id = :plain and source = 'portal_final' "
        "and pool = 'WIN'",
        [
            (PLAIN, "WIN", "has no final odds"),
            (PLAIN, "is_live", r"^odds of 12:00:00, long after the off, are marked live, in WIN$"),
        ],
    ),
    # sudden_moves
    (
        findings.sudden_moves,
        "update odds_snapshots set odds[3] = 1.2 where race_id = :plain and pool = 'WIN' and observed_at >= :t10"
        " and source <> 'portal_final'",
        [
            (PLAIN, "number 3", r"^seoul 1-3: .*% to .*% of the win pool in (60|120) s, by 10:25:00, simulated$"),
            *LATE_MONEY,
        ],
    ),
]  # fmt: skip


def broken_id(value: object) -> str | None:
    if isinstance(value, partial):
        return str(value.func.__name__)
    return getattr(value, "__name__", None) or (value[:60] if isinstance(value, str) else "")


@pytest.mark.parametrize(("look", "statement", "expected"), BROKEN, ids=broken_id)
def test_what_is_broken_is_found_and_named(
    hand: Connection, look: Look, statement: str, expected: list[tuple[str, str, str]]
) -> None:
    used = {name: value for name, value in NAMES.items() if re.search(rf":{name}\b", statement)}
    doctor(hand, statement, **used)
    found = sorted((one.subject, one.field, one.message) for one in look(hand, KEY))
    assert [one[:2] for one in found] == sorted(each[:2] for each in expected), found
    for (_, _, message), (_, _, pattern) in zip(found, sorted(expected), strict=True):
        assert re.search(pattern, message), message


RETIRED = "insert into odds_retired (race_date, rows, content_sha256) values ('2026-11-21', 1, 'of the lake')"

FINE: list[tuple[Look, str]] = [
    (
        slots_captured,
        "insert into odds_slots values (:cancelled, :third_off + interval '10 minutes', '2026-11-21', '1min', "
        "'missed', 'transport', 'HTTP 503', 3, null, 'feed', false)",
    ),
    (slots_captured, "delete from odds_slots where race_id = :cancelled"),
    (
        slots_captured,
        "update odds_slots set status = 'missed', verdict = 'empty_expected' where race_id = :plain and phase = '5min'",
    ),
    (slots_captured, f"with retired as ({RETIRED}) delete from odds_snapshots where is_live"),
    (slots_captured, f"with retired as ({RETIRED}) delete from odds_snapshots where is_live and race_id <> :plain"),
    (slots_captured, "delete from odds_slots"),
    (slots_captured, "delete from odds_slots where race_id like 'boat%'"),
    (slots_captured, "delete from odds_slots where slot_at < :t10"),
    (
        slots_captured,
        "with gone as (delete from odds_slots where race_id = :plain) "
        "update races set post_time = null where race_id = :plain",
    ),
    (findings.clock_monotone, "update odds_snapshots set source_ts = null"),
    (
        findings.clock_monotone,
        "update odds_snapshots set source_ts = source_ts - interval '4 years', is_live = false, source = 'replay'",
    ),
    (
        findings.clock_monotone,
        "update odds_snapshots set source_ts = source_ts - interval '90 seconds' where race_id = :plain",
    ),
    (
        findings.clock_monotone,
        "update odds_snapshots set source_ts = :first "
        "where race_id = :plain and observed_at < :t10 - interval '5 minutes'",
    ),
    (findings.grid_complete, "delete from entries where race_id = :plain"),
    (findings.grid_complete, "delete from odds_snapshots where race_id = :plain and pool = 'TRI'"),
    (
        findings.grid_complete,
        "delete from odds_snapshots where race_id = :plain and pool = 'TRI' and observed_at < :t10",
    ),
    (
        findings.overround_in_band,
        "update odds_snapshots set odds[1] = -4, overround = overround / 2 where race_id = :plain and pool = 'QNL'",
    ),
    (
        findings.overround_in_band,
        "update odds_snapshots set odds = '{1.0,60,60,60,60,60,60}', overround = 1.1 "
        "where race_id = :plain and pool = 'WIN' and observed_at = :t10",
    ),
    (
        findings.overround_in_band,
        "update odds_snapshots set odds = '{2.0,4.0,-1,-1,-1,-1,-1}', overround = 0.75, source = 'replay:betfair 1.2' "
        "where race_id = :plain and pool = 'WIN' and observed_at = :t10",
    ),
    (
        findings.overround_in_band,
        "update odds_snapshots set odds = '{2.0,4.0,8.0,16.0,32.0,64.0,64.0}', overround = 1.0, "
        "source = 'replay:betfair' "
        "where race_id = :plain and pool = 'WIN' and observed_at = :t10",
    ),
    (findings.final_odds_agree, "delete from odds_snapshots where source = 'portal_final'"),
    (
        findings.final_odds_agree,
        "insert into payoffs (race_id, pool, combination, race_date, odds, is_capped, pool_label, service) "
        "select race_id, pool, '5', race_date, 1.1, false, '', '' from payoffs where race_id = :plain and pool = 'WIN'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("look", "statement"), FINE, ids=broken_id)
def test_what_is_nobodys_fault_is_no_finding(hand: Connection, look: Look, statement: str) -> None:
    used = {name: value for name, value in NAMES.items() if re.search(rf":{name}\b", statement)}
    doctor(hand, statement, **used)
    if "like 'boat%'" in statement:
        # Boats were never followed, and a race of theirs is no omission.
        assert "boat" not in str(slots_captured(hand, KEY))
    assert look(hand, KEY) == []


def test_an_exchange_whose_prices_do_not_sum_to_one_is_found(hand: Connection) -> None:
    doctor(
        hand,
        "update odds_snapshots set odds = '{2,2,2,4,4,4,4}', overround = 2.5, source = 'replay:betfair' "
        "where race_id = :plain and pool = 'WIN' and observed_at = :t10",
        plain=PLAIN,
        t10=NAMES["t10"],
    )
    (found,) = findings.overround_in_band(hand, KEY)
    assert found.message.startswith("1/odds sum to 2.500 by 1 that pay at 10:25:00; 0.95 to 1.10 are plausible")


def test_while_the_day_runs_only_what_has_passed_is_judged(hand: Connection) -> None:
    noon = off(1) - 10 * MINUTE
    doctor(hand, "delete from odds_slots where slot_at > :at", at=noon)
    doctor(hand, "update odds_slots set status = 'planned', verdict = null where slot_at > :at", at=noon - 2 * MINUTE)
    assert findings.slots_captured(hand, KEY, noon) == []
    found = findings.slots_captured(hand, KEY, noon + 90 * timedelta(seconds=1))
    assert {(one.subject, one.message.split("missed ")[1]) for one in found} == {
        (race, "10:24:00 (nobody has accounted for it)") for race in (PLAIN, CYCLE, BOAT)
    }


def test_a_race_of_a_sport_that_was_followed_last_week_and_is_left_out_today_is_found(hand: Connection) -> None:
    doctor(hand, "delete from odds_slots")
    for days, found in ((3, 3), (40, 0)):
        doctor(
            hand,
            "insert into odds_slots (race_id, slot_at, race_date, phase, status, verdict, source, is_simulated)"
            " values (:race, :at, :day, 'off', 'captured', 'ok', 'feed', false)",
            race=f"horse-busan-{days}",
            at=off(1) - timedelta(days=days),
            day=DAY - timedelta(days=days),
        )
        if days == 40:
            doctor(hand, "delete from odds_slots where race_id = 'horse-busan-3'")
        assert [one.subject for one in slots_captured(hand, KEY)] == [PLAIN, SCRATCH, MOVED][:found]


def test_a_race_that_nobody_followed_is_found_although_its_off_was_corrected_afterwards(hand: Connection) -> None:
    doctor(hand, "delete from odds_slots where race_id = :race", race=PLAIN)
    doctor(
        hand,
        "insert into race_changes (race_id, race_date, kind, old_value, new_value, observed_at)"
        " values (:race, :day, 'post_time', :old, :old, :at)",
        race=PLAIN,
        day=DAY,
        old=off(1).isoformat(),
        at=off(1) + 30 * MINUTE,
    )
    assert [one.subject for one in slots_captured(hand, KEY)] == [PLAIN]


# Calibration --------------------------------------------------------------------------------------------------------


def test_place_odds_after_a_scratch_may_be_of_either_number_of_places() -> None:
    """As seen at Seoul on 2025-05-31: of 8 declared 7 start, and three are placed."""
    band = overround._band("feed", Sport.HORSE, Pool.PLC)
    eight = [1.0, 4.0, 1.4, 3.5, 2.1, 2.0, 3.1, float(Sentinel.SCRATCHED)]
    assert overround._missed(eight, Pool.PLC, band, is_exchange=False) is None
    without = overround._missed(eight[:7], Pool.PLC, band, is_exchange=False)
    assert without is not None and without[1] == "1/odds sum to 1.774 by 2 that pay"


@pytest.mark.real_data
def test_real_final_odds_are_in_their_bands(real_data: Path) -> None:
    files = sorted((real_data / "kra" / "prerace_2025").glob("*.json"))
    assert len(files) == 16
    for file in files:
        rows = json.loads(file.read_bytes())["response"]["body"]["items"]["item"]
        last = max(row["chulNo"] for row in rows)
        for pool, name in ((Pool.WIN, "winOdds"), (Pool.PLC, "plcOdds")):
            prices = {row["chulNo"]: float(row[name]) for row in rows}
            odds = [prices.get(number, float(Sentinel.SCRATCHED)) for number in range(1, last + 1)]
            band = overround._band("portal_final", Sport.HORSE, pool)
            assert overround._missed(odds, pool, band, is_exchange=False) is None, file.name
            wrong = [price * 1.1 if price > 1 else price for price in odds]
            if min(prices.values()) > 1.0:
                assert overround._missed(wrong, pool, band, is_exchange=False), file.name
            assert places_paid(last) == 3
