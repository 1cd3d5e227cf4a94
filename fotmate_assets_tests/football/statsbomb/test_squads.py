"""StatsBomb lineups to squads, and the minutes that come of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fotmate_assets.embedded.sample.statsbomb import Incident, SampleMatch, sample_team, simulate_match
from fotmate_assets.football.model import Card, Lineup, MatchAggregate, Spell
from fotmate_assets_tests.football.statsbomb.samples import (
    AWAY,
    HOME,
    MISSING,
    WHOLE,
    Json,
    change,
    entry,
    event,
    member,
    named,
    parsed,
    person,
    squad_of,
    squads,
    stats_of,
)


def test_a_squad_keeps_names_numbers_spells_and_cards() -> None:
    spells = [
        {**member(1)["positions"][0], "to": "54:17", "to_period": 2, "end_reason": "Substitution - Off (Tactical)"},
    ]
    card = {"time": "103:27", "card_type": "Yellow Card", "reason": "Foul Committed", "period": 3}
    keeper = member(101, player_nickname="Ké", positions=spells, cards=[card])
    aggregate = parsed([event("Half Start", 1)], squads([keeper], [member(201)]))
    player = aggregate.players[0]
    assert (player.provider_id, player.name, player.known_name, player.country) == (
        "101",
        "Player 101",
        "Ké",
        "England",
    )
    assert aggregate.lineups[0] == Lineup(
        team="1",
        player="101",
        shirt_number=1,
        is_starter=True,
        position="Goalkeeper",
        spells=(Spell("Goalkeeper", 1, 0, 2, 54 * 60 + 17, "Starting XI", "Substitution - Off (Tactical)"),),
        cards=(Card("Yellow Card", 3, 103 * 60 + 27, "Foul Committed"),),
    )


def test_two_players_may_share_a_shirt_number() -> None:
    aggregate = parsed([event("Half Start", 1)], squads([member(107), member(207, jersey_number=7)], [member(301)]))
    assert [each.shirt_number for each in aggregate.lineups] == [7, 7, 1]


def test_a_nickname_a_shirt_or_a_country_may_be_null_or_absent() -> None:
    aggregate = parsed(
        [event("Half Start", 1)],
        squads(
            [member(101, player_nickname=None, jersey_number=None, country=None)],
            [member(201, player_nickname=MISSING, jersey_number=MISSING, country=MISSING)],
        ),
    )
    assert [(p.known_name, p.country) for p in aggregate.players] == [(None, None)] * 2
    assert [each.shirt_number for each in aggregate.lineups] == [None, None]


def test_empty_positions_are_an_unused_substitute() -> None:
    aggregate = parsed(
        [event("Half End", 1, timestamp="00:45:00.000")], squads([member(101)], [member(201, positions=[])])
    )
    unused = squad_of(aggregate, 201)
    assert (unused.is_starter, unused.position, unused.spells) == (False, None, ())
    assert stats_of(aggregate, 201).minutes == 0
    assert stats_of(aggregate, 101).minutes == 45


def test_a_substitute_who_came_on_is_no_starter() -> None:
    spell = {
        **member(1)["positions"][0],
        "from": "60:00",
        "from_period": 2,
        "start_reason": "Substitution - On (Injury)",
    }
    aggregate = parsed([event("Half Start", 1)], squads([member(101)], [member(202, positions=[spell])]))
    assert squad_of(aggregate, 202).is_starter is False


def test_older_lineups_without_positions_and_cards_take_the_starters_from_the_events() -> None:
    plain = {"positions": MISSING, "cards": MISSING}
    home = [member(n, **plain) for n in (101, 102, 103, 104)]
    aggregate = parsed(WHOLE, squads(home, [member(n, **plain) for n in (201, 202)]))
    told = {each.player: (each.is_starter, each.position) for each in aggregate.lineups}
    assert told["101"] == (True, "Place 1")
    assert told["103"] == (False, "Place 2")
    assert told["104"] == (False, None)
    assert [stats_of(aggregate, n).minutes for n in (101, 102, 103, 104, 201)] == [90, 60, 30, 0, 90]
    assert squad_of(aggregate, 103).shirt_number == 3, "shirts are those of the lineups document"
    assert aggregate.warnings == ()


def test_older_lineups_whose_events_name_no_eleven_leave_minutes_unknown() -> None:
    aggregate = parsed([event("Half Start", 1)], squads([member(101, positions=MISSING)], [member(201)]))
    assert squad_of(aggregate, 101).is_starter is None
    assert stats_of(aggregate, 101).minutes is None


def test_without_a_lineups_file_the_squads_are_those_the_events_name() -> None:
    aggregate = parsed(WHOLE, None)
    assert [
        (each.team, each.player, each.shirt_number, each.is_starter, each.position) for each in aggregate.lineups
    ] == [
        ("1", "101", 1, True, "Place 1"),
        ("1", "102", 2, True, "Place 2"),
        ("2", "201", 1, True, "Place 1"),
        ("2", "202", 2, True, "Place 2"),
        ("1", "103", None, False, "Place 2"),
    ]
    assert {player.name for player in aggregate.players} == {f"Player {n}" for n in (101, 102, 103, 201, 202)}
    assert aggregate.warnings == ("no lineups document: the squads are those that the events name",)
    assert [stats_of(aggregate, n).minutes for n in (102, 103)] == [60, 30]


def test_a_player_who_comes_on_twice_is_in_the_squad_once() -> None:
    again = [*WHOLE[:4], change(5, HOME, 103, 102, "00:20:00.000"), change(6, HOME, 102, 103, "00:30:00.000")]
    aggregate = parsed([*again, event("Half End", 7, period=2, timestamp="00:45:00.000")], None)
    assert sorted(each.player for each in aggregate.lineups) == ["101", "102", "103", "201", "202"]
    assert [stats_of(aggregate, n).minutes for n in (102, 103)] == [70, 20]


def test_players_of_the_events_who_are_in_no_squad_are_kept_and_reported() -> None:
    aggregate = parsed(
        [
            event("Pass", 1, HOME, 101, **{"pass": {"recipient": person(109)}}),
            event("Bad Behaviour", 2, AWAY, 209, bad_behaviour={"card": named("Yellow Card")}),
            event("Substitution", 3, AWAY, 201, substitution={"replacement": person(208)}),
        ]
    )
    known = {player.provider_id: player.name for player in aggregate.players}
    assert {known[str(n)] for n in (109, 208, 209)} == {"Player 109", "Player 208", "Player 209"}
    assert aggregate.warnings == ("in no squad, but in the events: Player 109, Player 209, Player 208",)
    assert stats_of(aggregate, 209).yellow_cards == 1
    named_by_events = {e.player for e in aggregate.events} | {e.recipient for e in aggregate.events}
    assert named_by_events - {None} <= known.keys()


def simulated(*incidents: Incident, number: int = 1, **options: Any) -> tuple[SampleMatch, MatchAggregate]:
    game = simulate_match(
        number, sample_team(HOME, "Home"), sample_team(AWAY, "Away"), minutes_scale=0.07, incidents=incidents, **options
    )
    season = entry()
    row = {**game.match, "competition": season["competition"], "season": season["season"]}
    return game, parsed(game.events, game.lineups, row)


def ends_of(game: SampleMatch) -> dict[int, float]:
    """Minutes from the start to the end of each period but the shoot-out."""
    return {e["period"]: minutes(e) for e in game.events if e["type"]["name"] == "Half End" and e["period"] < 5}


def minutes(raw: Json) -> float:
    hours, minute, second = raw["timestamp"].split(":")
    return timedelta(hours=int(hours), minutes=int(minute), seconds=float(second)).total_seconds() / 60


def since_kick_off(game: SampleMatch, raw: Json) -> float:
    return sum(end for period, end in ends_of(game).items() if period < raw["period"]) + minutes(raw)


@pytest.mark.parametrize("incident", [Incident.RED_CARD, Incident.SECOND_YELLOW])
def test_a_dismissed_player_whose_spell_runs_on_to_the_final_whistle_stops_at_the_card(incident: Incident) -> None:
    game, aggregate = simulated(incident)
    card = next(
        e for e in game.events if e.get("foul_committed", {}).get("card", {}).get("name") == incident_card(incident)
    )
    player = card["player"]["id"]
    assert squad_of(aggregate, player).spells[-1].to_clock_s is None, "the trap is there"
    assert stats_of(aggregate, player).minutes == pytest.approx(since_kick_off(game, card))
    assert stats_of(aggregate, player).red_cards == 1


def incident_card(incident: Incident) -> str:
    return {Incident.RED_CARD: "Red Card", Incident.SECOND_YELLOW: "Second Yellow"}[incident]


def test_a_permanent_player_off_ends_the_minutes() -> None:
    game, aggregate = simulated(Incident.PERMANENT_OFF)
    gone = next(e for e in game.events if "player_off" in e)
    assert stats_of(aggregate, gone["player"]["id"]).minutes == pytest.approx(since_kick_off(game, gone))


def test_treatment_off_the_pitch_costs_no_minutes() -> None:
    game, aggregate = simulated(Incident.INJURY)
    gone = next(e for e in game.events if e["type"]["name"] == "Player Off")
    assert stats_of(aggregate, gone["player"]["id"]).minutes == pytest.approx(sum(ends_of(game).values()))


def test_extra_time_minutes_are_counted() -> None:
    game, aggregate = simulated(shootout=True)
    whole = sum(ends_of(game).values())
    assert whole > 120
    assert max(line.minutes or 0 for line in aggregate.stats) == pytest.approx(whole)
    assert sum(line.minutes or 0 for line in aggregate.stats) == pytest.approx(22 * whole)


def test_all_kinds_of_simulated_matches_have_the_stated_score() -> None:
    for number, options in enumerate(({}, {"extra_time": True}, {"shootout": True}), start=1):
        game, aggregate = simulated(Incident.OWN_GOAL, Incident.OWN_GOAL_NAMED, number=number, **options)
        goals = {HOME: 0, AWAY: 0}
        for line in aggregate.stats:
            goals[int(line.team)] += line.goals
            goals[HOME + AWAY - int(line.team)] += line.own_goals
        assert (goals[HOME], goals[AWAY]) == (game.match["home_score"], game.match["away_score"])
        assert (aggregate.match.home_shootout is not None) is ("shootout" in options)
