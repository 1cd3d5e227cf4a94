"""Every check passes on a good season, and finds what somebody's hand did to its rows: the match and the field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dagster import AssetCheckSeverity
from sqlalchemy import Connection, create_engine, text

from fotmate_assets.core.checks import Check
from fotmate_assets.core.ledger import Job
from fotmate_assets.core.model import Finding, SourceError, Verdict
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded.sample.statsbomb import Incident, simulate_match
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.football import checks, findings
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.football.league import (
    KEY,
    SCALE,
    TEAMS,
    League,
    local_zone,
    make_league,
    simulated_matches,
)

FIRST, SECOND, THIRD, FOURTH, EXTRA_TIME, SHOOTOUT = (
    f"2025-2026_{n}" for n in ("1_001", "1_002", "2_001", "2_002", "7_001", "7_002")
)
"""Contain a red card and a penalty; own goal and second yellow; a player off for good; own goal; ..."""

ALL = [*checks.SEASON_CHECKS]


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory, stack: Stack, _template: str) -> Iterator[League]:
    """Seven matches: the league's first four, one with extra time, one with a shoot-out, one with an injury."""
    home, away = TEAMS[9101], TEAMS[9102]
    matches = [
        *simulated_matches(4),
        simulate_match(9_001_101, home, away, minutes_scale=SCALE, extra_time=True, match_week=7),
        simulate_match(
            9_001_102, away, home, minutes_scale=SCALE, shootout=True, match_week=7, match_date="2025-08-17"
        ),
        simulate_match(9_001_103, home, TEAMS[9103], minutes_scale=SCALE, match_week=8, incidents=[Incident.INJURY]),
    ]
    folder = tmp_path_factory.mktemp("season")
    with fresh_database(stack, _template) as database:
        league = make_league(folder, local_zone(tmp_path_factory.mktemp("raw")), database, matches)
        outcome = league.refresh()
        assert len(outcome.loaded) == 7
        yield league


@pytest.fixture
def hand(season: League) -> Iterator[Connection]:
    """A connection of the schema's owner, for doctoring rows; all of it is rolled back."""
    owner = create_engine(season.database.owner_url)
    with owner.connect() as connection:
        yield connection
        connection.rollback()
    owner.dispose()


def doctor(connection: Connection, statement: str, **parameters: object) -> None:
    """Change rows; at least one must change."""
    assert connection.execute(text(statement), parameters).rowcount > 0, f"changes nothing: {statement}"


def test_every_finding_is_checked_and_nothing_is_checked_twice() -> None:
    looks = {
        look
        for name, look in vars(findings).items()
        if not name.startswith("_") and getattr(look, "__module__", "") == findings.__name__ and callable(look)
    }
    checked = [check.look for check in ALL] + [findings.catalogue_is_whole]
    assert set(checked) == looks
    assert len(checked) == len(set(checked))


def test_severities_are_as_declared() -> None:
    warns = {check.look.__name__ for check in ALL if check.severity is AssetCheckSeverity.WARN}
    assert warns == {"results_are_in", "coordinates_in_bounds", "no_open_review"}
    assert [check.look.__name__ for check in ALL if check.blocking] == ["nothing_owed"]


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.look.__name__)
def test_a_good_season_passes(season: League, check: Check[Connection]) -> None:
    with season.database.engine.connect() as connection:
        assert check.look(connection, KEY) == []


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.look.__name__)
def test_a_season_without_a_row_is_an_error_of_one_check_only(season: League, check: Check[Connection]) -> None:
    with season.database.engine.connect() as connection:
        found = check.look(connection, "premier-league_1888-1889")
    if check.look is findings.nothing_owed:
        assert found == [Finding("season", "matches", "no match of premier-league_1888-1889 is loaded")]
    else:
        assert found == []


@pytest.mark.parametrize(
    ("look", "statement", "expected"),
    [
        (
            findings.score_equals_goals,
            "update matches set home_score = home_score + 3 where match_id = :match",
            [(FIRST, "home_score", r"the match says 4, the events say 1")],
        ),
        (
            findings.score_equals_goals,
            "update matches set away_score = null where match_id = :match",
            [(FIRST, "away_score", r"the match says nothing, the events say 0")],
        ),
        (
            findings.score_equals_goals,
            "delete from match_events where match_id = :match and event_type = 'Shot' and outcome = 'Goal'",
            [(FIRST, "home_score", r"the match says 1, the events say 0")],
        ),
        (
            findings.score_equals_goals,
            "update match_events set event_type = 'Own Goal For' where match_id = :match and event_index = 30",
            [(FIRST, "(home|away)_score", r"the events say \d")],
        ),
        (
            findings.event_index_gapless,
            "delete from match_events where match_id = :match and event_index = 40",
            [(FIRST, "event_index", r"223 events stated, 222 stored, indexes 1 to 223")],
        ),
        (
            findings.event_index_gapless,
            "delete from match_events where match_id = :match",
            [(FIRST, "event_index", r"223 events stated, 0 stored, indexes - to -")],
        ),
        (
            findings.event_index_gapless,
            "update match_events set event_index = 999 where match_id = :match and event_index = 40",
            [(FIRST, "event_index", r"223 events stated, 223 stored, indexes 1 to 999")],
        ),
        (
            findings.event_index_gapless,
            "update match_events set event_index = 0 where match_id = :match and event_index = 223",
            [(FIRST, "event_index", r"indexes 0 to 222")],
        ),
        (
            findings.event_index_gapless,
            "update matches set event_count = 0 where match_id = :match",
            [(FIRST, "event_index", r"0 events stated, 223 stored")],
        ),
        (
            findings.coordinates_in_bounds,
            "update match_events set out_of_bounds = true where match_id = :match and event_index in (20, 21)",
            [(FIRST, "provider_x, provider_y", r"2 events out of bounds")],
        ),
        (
            findings.ids_resolve,
            "update match_events set team_id = 'fotmate_team_x' where match_id = :match and event_index in (1, 2)"
            " and player_id is null",
            [(FIRST, "team_id", r"fotmate_team_x does not play in this match \(\d events\)")],
        ),
        (
            findings.ids_resolve,
            "update match_events set player_id = 'fotmate_player_x' where match_id = :match and event_index = 20",
            [(FIRST, "player_id", r"fotmate_player_x \(unknown\) is in no squad of the side \(1 events\)")],
        ),
        (
            findings.ids_resolve,
            "update match_events set recipient_id = 'fotmate_player_x' where match_id = :match and event_index = 20",
            [(FIRST, "recipient_id", r"fotmate_player_x \(unknown\) is in no squad of the match \(1 events\)")],
        ),
        (
            findings.eleven_starters,
            "update lineups set is_starter = false where (match_id, player_id) = (select match_id, player_id "
            "from lineups where match_id = :match and is_starter limit 1)",
            [(FIRST, "is_starter", r"(Ærøhavn Simulerede|Borgø Sample Rovers): 10 starters")],
        ),
        (
            findings.eleven_starters,
            "delete from lineups where match_id = :match",
            [(FIRST, "is_starter", r"Borgø.*: 0 starters"), (FIRST, "is_starter", r"Ærøhavn.*: 0 starters")],
        ),
        (
            findings.stats_agree_with_events,
            "update match_player_stats set goals = goals + 1 where (match_id, player_id) = (select match_id, player_id "
            "from match_player_stats where match_id = :match order by goals desc limit 1)",
            [(FIRST, "goals", r"Ærøhavn Simulerede: players score 2, the match says 1")],
        ),
        (
            findings.stats_agree_with_events,
            "update match_player_stats s set own_goals = own_goals + 1 from matches m "
            "where s.match_id = :match and m.match_id = s.match_id and s.team_id = m.home_team_id",
            [(FIRST, "goals", r"Borgø Sample Rovers: players score 18, the match says 0")],
        ),
        (
            findings.minutes_add_up,
            "update match_player_stats set minutes = minutes + 1 where (match_id, player_id) = (select match_id, "
            "player_id from match_player_stats where match_id = :match and minutes > 50 limit 1)",
            [(FIRST, "minutes", r"(Ærøhavn|Borgø)[^:]*: \d+\.\d\d minutes, \d+\.\d\d expected")],
        ),
        (
            findings.results_are_in,
            "update matches set status = 'scheduled', match_date = current_date - 3, loaded_at = '2026-02-03' "
            "where match_id = :match",
            [(FIRST, "status", r"played on \d{4}-\d\d-\d\d by the calendar, still scheduled; loaded 2026-02-03")],
        ),
        (
            findings.results_are_in,
            "update matches set home_score = null where match_id = :match",
            [(FIRST, "status", r"still played without a score")],
        ),
    ],
)
def test_a_doctored_row_is_found_by_match_and_field(
    hand: Connection,
    look: Callable[[Connection, str], list[Finding]],
    statement: str,
    expected: list[tuple[str, str, str]],
) -> None:
    doctor(hand, statement, match=FIRST) if ":match" in statement else doctor(hand, statement)
    found = look(hand, KEY)
    assert len(found) == len(expected), found
    for finding, (match_id, field, message) in zip(sorted(found, key=lambda one: one.message), expected, strict=True):
        assert finding.subject == match_id
        assert re.fullmatch(field, finding.field)
        assert re.search(message, finding.message), finding.message


def test_results_are_waited_for_two_days(hand: Connection) -> None:
    doctor(hand, "update matches set status = 'scheduled', match_date = current_date - 2 where match_id = :m", m=FIRST)
    doctor(hand, "update matches set status = 'postponed', match_date = '2025-08-01' where match_id = :m", m=SECOND)
    assert findings.results_are_in(hand, KEY) == []


@pytest.mark.parametrize("side", ["home", "away"])
def test_the_shootout_is_counted_apart_from_the_score(hand: Connection, side: str) -> None:
    doctor(hand, f"update matches set {side}_shootout = {side}_shootout + 1 where match_id = :m", m=SHOOTOUT)
    (finding,) = findings.score_equals_goals(hand, KEY)
    assert (finding.subject, finding.field) == (SHOOTOUT, f"{side}_shootout")


def test_a_shootout_that_was_forgotten_is_found(hand: Connection) -> None:
    doctor(hand, "update matches set home_shootout = null, away_shootout = null where match_id = :m", m=SHOOTOUT)
    assert {finding.field for finding in findings.score_equals_goals(hand, KEY)} <= {"home_shootout", "away_shootout"}
    assert findings.score_equals_goals(hand, KEY)


def test_extra_time_counts_for_the_score(hand: Connection) -> None:
    doctor(
        hand,
        "update match_events set period = 5 where match_id = :m and event_type = 'Shot' and outcome = 'Goal' "
        "and period in (3, 4)",
        m=EXTRA_TIME,
    )
    assert {finding.subject for finding in findings.score_equals_goals(hand, KEY)} == {EXTRA_TIME}


def test_an_own_goal_counts_for_the_side_that_benefits(hand: Connection) -> None:
    doctor(
        hand,
        "update match_events e set team_id = case when e.team_id = m.home_team_id then m.away_team_id "
        "else m.home_team_id end from matches m where m.match_id = e.match_id and e.match_id = :m "
        "and event_type = 'Own Goal For'",
        m=SECOND,
    )
    found = findings.score_equals_goals(hand, KEY)
    assert {(finding.subject, finding.field) for finding in found} == {
        (SECOND, "home_score"),
        (SECOND, "away_score"),
    }


@pytest.mark.parametrize("match_id", [FIRST, SECOND])
def test_minutes_of_a_side_with_a_player_sent_off_are_recounted(hand: Connection, match_id: str) -> None:
    """A dismissal that is taken back from the events leaves the minutes short."""
    doctor(
        hand,
        "update match_events set card = 'Yellow Card' where match_id = :m and card in ('Red Card', 'Second Yellow')",
        m=match_id,
    )
    (finding,) = findings.minutes_add_up(hand, KEY)
    assert (finding.subject, finding.field) == (match_id, "minutes")


def test_a_card_after_a_substitution_costs_no_minutes(hand: Connection) -> None:
    """A player who was taken off and is sent off on the bench."""
    doctor(
        hand,
        "update match_events set card = 'Red Card', player_id = (select player_id from match_events "
        "where match_id = :m and event_type = 'Substitution' order by event_index limit 1) "
        "where match_id = :m and event_index = (select max(event_index) from match_events "
        "where match_id = :m and event_type = 'Pass')",
        m=FOURTH,
    )
    assert findings.minutes_add_up(hand, KEY) == []


def test_a_player_off_for_good_is_recounted(hand: Connection) -> None:
    doctor(hand, "update match_events set outcome = null where match_id = :m and event_type = 'Player Off'", m=THIRD)
    assert [finding.subject for finding in findings.minutes_add_up(hand, KEY)] == [THIRD]


def test_starters_are_not_asked_of_a_provider_that_does_not_tell_them(hand: Connection) -> None:
    doctor(hand, "update lineups set is_starter = null where match_id = :m", m=FIRST)
    assert findings.eleven_starters(hand, KEY) == []


def test_a_fixture_owes_neither_goals_nor_starters(hand: Connection) -> None:
    doctor(hand, "delete from match_events where match_id = :m", m=FIRST)
    doctor(hand, "delete from lineups where match_id = :m", m=FIRST)
    doctor(hand, "delete from match_player_stats where match_id = :m", m=FIRST)
    doctor(
        hand,
        "update matches set event_count = 0, home_score = null, away_score = null, status = 'scheduled', "
        "match_date = current_date + 5 where match_id = :m",
        m=FIRST,
    )
    for check in ALL:
        assert check.look(hand, KEY) == [], check.look.__name__


def test_what_one_season_owes_is_no_others(season: League, hand: Connection) -> None:
    doctor(hand, "insert into seasons select 'other_1', competition_id, name, provider_ids from seasons")
    doctor(hand, "update matches set season_key = 'other_1' where match_id = :m", m=FIRST)
    for check in ALL:
        if check.look is not findings.event_index_gapless:
            assert [f for f in check.look(hand, "other_1") if f.field not in ("event_index", "goals")] == []


def test_an_open_review_names_the_pair(hand: Connection) -> None:
    doctor(
        hand,
        "insert into id_review (entity_type, provider, provider_id, provider_name, internal_id, candidate_id, "
        "confidence) select entity_type, provider, provider_id, 'Ärøhavn', internal_id, 'fotmate_team_x', 0.8 "
        "from id_mappings where entity_type = 'team' and provider_id = '9101'",
    )
    (finding,) = findings.no_open_review(hand, KEY)
    assert finding == Finding("team 9101", "internal_id", "statsbomb Ärøhavn may be fotmate_team_x (confidence 0.80)")
    doctor(hand, "update id_review set status = 'rejected'")
    assert findings.no_open_review(hand, KEY) == []


def test_whatever_is_owed_is_named_until_it_is_resolved(league: League) -> None:
    league.refresh()
    engine = league.database.engine
    job = Job("statsbomb", "football/statsbomb_raw", KEY)
    error = SourceError(Verdict.EMPTY_UNEXPECTED, "statsbomb", "events/9.json", "no such file", field="f")
    league.ledger.owe(job, error)
    league.ledger.owe(Job("statsbomb", "football/statsbomb_raw", "other_1"), error)
    with engine.connect() as connection:
        assert findings.nothing_owed(connection, KEY) == [
            Finding("events/9.json", "f", "statsbomb: no such file [empty_unexpected, pending]")
        ]
    for _ in range(6):
        league.database.retries_are_due()
        league.ledger.owe(job, error)
    with engine.connect() as connection:
        (finding,) = findings.nothing_owed(connection, KEY)
        assert finding.message.endswith("[empty_unexpected, exhausted]")
    league.ledger.settle(job, ["events/9.json"])
    with engine.connect() as connection:
        assert findings.nothing_owed(connection, KEY) == []


def test_what_the_catalogue_owes_is_the_catalogues(league: League) -> None:
    with league.database.engine.connect() as connection:
        assert findings.catalogue_is_whole(connection, "") == []
    (league.folder / "events" / "77.json").write_bytes(b"[]")
    league.catalogue()
    with league.database.engine.connect() as connection:
        assert findings.catalogue_is_whole(connection, "") == [
            Finding(
                "events/77.json",
                "match_id",
                "statsbomb: match 77 is not listed by any season [malformed, pending]",
            )
        ]


@pytest.mark.real_data
@pytest.mark.parametrize("key", ["premier-league_2003-2004", "womens-world-cup_2019"])
def test_a_real_season_passes_every_check(real_data: Path, database: Database, zone: RawZone, key: str) -> None:
    league = League(real_data / "statsbomb", zone, database, key=key)
    outcome = league.refresh()
    assert outcome.failures == []
    assert outcome.loaded
    with database.engine.connect() as connection:
        found = {check.look.__name__: check.look(connection, key) for check in ALL}
    del found["coordinates_in_bounds"]  # StatsBomb reaches 120.9 x 80.7
    assert {name: all_found for name, all_found in found.items() if all_found} == {}
