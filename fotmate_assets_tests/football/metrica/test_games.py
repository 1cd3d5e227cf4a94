"""Whole games: the simulated ones and, where they are at hand, the real ones."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from fotmate_assets.embedded.sample.metrica import write_games
from fotmate_assets.football.model import Event, Lineup, MatchAggregate, scoreline
from fotmate_assets.football.sources import metrica
from fotmate_assets_tests.football.metrica.samples import (
    CSV,
    EVENTS,
    METADATA,
    documents,
    parse_pair,
)


@pytest.fixture(scope="module")
def sample_games(sample: Path) -> list[MatchAggregate]:
    names = [str(path.relative_to(sample)) for path in sample.rglob("*_*.*")]
    return [
        metrica.parse_match(documents(sample, *group), metrica.SEASON.key) for group in metrica.games(names).values()
    ]


def csv_rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / CSV).read_text())))


def test_sample_games_carry_the_oddities_of_the_real_files(sample: Path) -> None:
    rows = csv_rows(sample)
    assert (rows[0]["Start Frame"], rows[0]["End Frame"], rows[0]["Start X"]) == ("1", "0", "NaN")
    assert {"OFF TARGET-HEAD-OUT", "HEAD-OFF TARGET-OUT", "WOODWORK-GOAL"} <= {r["Subtype"] for r in rows}
    assert any(float(r["End X"]) > 1 for r in rows)
    data = json.loads((sample / EVENTS).read_text())["data"]
    assert {type(e["subtypes"]) for e in data} == {type(None), dict, list}
    assert data[0]["start"]["frame"] > 1
    kick_offs = [e["start"]["frame"] for a, e in pairwise(data) if a["period"] == 1 and e["period"] == 2]
    assert kick_offs == [70_100]
    assert [e["type"]["name"] for e in data if e["subtypes"] == {"name": "GOAL", "id": 20}] == ["RECOVERY"]


def test_sample_games_hold_together(sample_games: list[MatchAggregate]) -> None:
    assert [game.match.provider_match_id for game in sample_games] == ["Sample_Game_1", "Sample_Game_3"]
    for game in sample_games:
        assert_holds_together(game)
    assert [warning.partition(": ")[2] for game in sample_games for warning in game.warnings] == [
        "BALL OUT with GOAL read as an own goal of Sample_Game_1:Away",
        "GOAL on a RECOVERY not counted",
    ]


def test_the_same_seed_gives_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    write_games(tmp_path)
    for name in (CSV, EVENTS, METADATA):
        assert (tmp_path / name).read_bytes() == (sample / name).read_bytes()
    write_games(tmp_path, seed=7)
    assert (tmp_path / CSV).read_bytes() != (sample / CSV).read_bytes()


def test_sample_players_act_only_while_on_the_pitch(sample: Path) -> None:
    game = parse_pair(sample)
    spells = {line.player: line.spells for line in game.lineups}
    for event in game.events:
        if event.player:
            (spell,) = spells[event.player]
            at = (event.period, event.minute * 60 + event.second)
            assert (spell.from_period, spell.from_clock_s) <= at
            assert spell.to_period is None or at <= (spell.to_period, spell.to_clock_s or 0)


def assert_holds_together(game: MatchAggregate) -> None:
    match, events = game.match, game.events
    assert [event.index for event in events] == list(range(1, len(events) + 1))
    assert len({event.provider_event_id for event in events}) == len(events)
    teams = {match.home.provider_id, match.away.provider_id}
    players = {player.provider_id for player in game.players}
    assert {event.team for event in events} == teams
    assert {who for event in events for who in (event.player, event.recipient) if who} <= players
    assert {line.player for line in game.lineups} == players
    score = scoreline(events, match.home.provider_id, match.away.provider_id)
    assert (score.home, score.away) == (match.home_score, match.away_score)
    assert all(event.timestamp_ms >= 0 for event in events)
    assert {event.period: event.timestamp_ms for event in reversed(events)} == {1: 0, 2: 0}
    shots = [event.x_m for event in events if event.event_type == "Shot"]
    assert all(x is not None and x > 0 for x in shots)


@pytest.fixture(scope="module")
def game_1(real_data: Path) -> MatchAggregate:
    return metrica.parse_match(documents(real_data / "metrica", CSV), metrica.SEASON.key)


@pytest.fixture(scope="module")
def game_3(real_data: Path) -> MatchAggregate:
    return metrica.parse_match(documents(real_data / "metrica", EVENTS, METADATA), metrica.SEASON.key)


def counts(events: Sequence[Event], *types: str) -> Counter[tuple[str, str | None]]:
    return Counter((event.event_type, event.outcome) for event in events if event.event_type in types)


@pytest.mark.real_data
def test_real_games_hold_together(game_1: MatchAggregate, game_3: MatchAggregate) -> None:
    assert_holds_together(game_1)
    assert_holds_together(game_3)


@pytest.mark.real_data
def test_real_game_1_has_every_row_and_the_own_goal(game_1: MatchAggregate) -> None:
    kick_off = game_1.events[0]
    assert (kick_off.team, kick_off.player) == ("Sample_Game_1:Away", "Sample_Game_1:Player19")
    assert (kick_off.event_type, kick_off.subtype, kick_off.duration_s) == ("Set Piece", "Kick Off", None)
    assert len(game_1.events) == 1_745 + 1
    assert len(game_1.players) == 28
    assert (game_1.match.home_score, game_1.match.away_score) == (3, 1)
    assert game_1.match.score_from_events
    goals = [(e.event_type, e.minute, e.player) for e in game_1.events if e.outcome == "Goal" or "Own" in e.event_type]
    assert goals == [
        ("Shot", 1, "Sample_Game_1:Player9"),
        ("Own Goal Against", 55, "Sample_Game_1:Player5"),
        ("Own Goal For", 55, None),
        ("Shot", 56, "Sample_Game_1:Player10"),
        ("Shot", 62, "Sample_Game_1:Player9"),
    ]


@pytest.mark.real_data
def test_real_kick_offs_follow_the_goals_that_are_counted(game_1: MatchAggregate, game_3: MatchAggregate) -> None:
    for game in (game_1, game_3):
        conceding = []
        for half in (1, 2):
            pieces = [e.team for e in game.events if e.period == half and e.event_type == "Set Piece"]
            kick_offs = [
                e.team
                for e in game.events
                if e.period == half and (e.event_type, e.subtype) == ("Set Piece", "Kick Off")
            ]
            assert pieces[0] == kick_offs[0]
            conceding += kick_offs[1:]
        assert Counter(conceding) == Counter(
            {game.match.home.provider_id: game.match.away_score, game.match.away.provider_id: game.match.home_score}
        )


@pytest.mark.real_data
def test_real_second_halves_start_at_their_kick_off(game_1: MatchAggregate, game_3: MatchAggregate) -> None:
    for game, frame in ((game_1, 72_135), (game_3, 70_090)):
        first = next(event for event in game.events if event.period == 2)
        assert json.loads(first.details or b"")["start_frame"] == frame
        assert (first.subtype, first.timestamp_ms, first.minute) == ("Kick Off", 0, 45)
    assert [game_3.events[0].timestamp_ms, json.loads(game_3.events[0].details or b"")["start_frame"]] == [0, 361]


@pytest.mark.real_data
def test_real_passes_are_those_played_and_lost(game_1: MatchAggregate, game_3: MatchAggregate) -> None:
    assert counts(game_1.events, "Pass") == {
        ("Pass", None): 799,
        ("Pass", "Incomplete"): 220,
        ("Pass", "Out"): 24,
        ("Pass", "Unknown"): 2,
    }
    assert counts(game_3.events, "Pass") == {
        ("Pass", None): 1_119,
        ("Pass", "Incomplete"): 236,
        ("Pass", "Out"): 28,
        ("Pass", "Unknown"): 4,
        ("Pass", "Pass Offside"): 2,
    }


@pytest.mark.real_data
def test_real_fouls_won_are_fouls_committed(game_1: MatchAggregate, game_3: MatchAggregate) -> None:
    assert Counter(e.event_type for e in game_1.events if "Foul" in e.event_type) == {
        "Foul Committed": 29,
        "Foul Won": 30,
    }
    fouls = Counter(e.event_type for e in game_3.events if "Foul" in e.event_type and e.subtype != "Handball")
    assert fouls == {"Foul Committed": 19, "Foul Won": 19}


@pytest.mark.real_data
def test_real_game_3_has_the_stated_score_despite_a_goal_on_a_recovery(game_3: MatchAggregate) -> None:
    match = game_3.match
    assert len(game_3.events) == 3_620
    assert (match.home.name, match.away.name) == ("Team A", "Team B")
    assert (match.home_score, match.away_score, match.score_from_events) == (0, 2, False)
    assert match.match_date == date(2019, 2, 21)
    assert game_3.warnings == ("event 1166: GOAL on a RECOVERY not counted",)
    assert Counter(e.event_type for e in game_3.events)["Carry"] == 1_395


@pytest.mark.real_data
def test_real_game_3_has_eleven_on_the_pitch_at_all_times(game_3: MatchAggregate) -> None:
    assert Counter((line.team, line.is_starter) for line in game_3.lineups) == {
        ("FIFATMA", True): 11,
        ("FIFATMA", False): 6,
        ("FIFATMB", True): 11,
        ("FIFATMB", False): 7,
    }
    for minute in range(94):
        on_pitch = Counter(line.team for line in game_3.lineups if any(_covers(line, minute * 60 + 30)))
        assert on_pitch == {"FIFATMA": 11, "FIFATMB": 11}
    right_back = next(line for line in game_3.lineups if line.player == "P3568")
    assert right_back.position == "Right Back"
    assert [(s.to_period, s.to_clock_s) for s in right_back.spells] == [(2, 5_089)]


def _covers(line: Lineup, clock_s: int) -> Iterator[bool]:
    for spell in line.spells:
        yield spell.from_clock_s <= clock_s and (spell.to_clock_s is None or clock_s < spell.to_clock_s)
