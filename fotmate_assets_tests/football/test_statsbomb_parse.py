"""StatsBomb documents to the domain: every trap of the real files, and every kind of broken document."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.embedded.sample.statsbomb import Incident, SampleMatch, competition_row, sample_team, simulate_match
from fotmate_assets.football.model import PITCH_LENGTH_M, Card, Event, Lineup, MatchAggregate, PlayerMatchStats, Spell
from fotmate_assets.football.sources.statsbomb.parse import (
    parse_competitions,
    parse_frames,
    parse_match,
    parse_match_list,
)

Json = dict[str, Any]
KEY = "premier-league_2003-2004"
HOME, AWAY = 1, 2
LIST, EVENTS, LINEUPS = "matches/2/44.json", "events/100.json", "lineups/100.json"
MISSING = object()


def document(name: str, content: object) -> RawDocument:
    """A fetched document; bytes are taken as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    return RawDocument("statsbomb", name, body, f"test:{name}", datetime(2026, 1, 1, tzinfo=UTC))


def changed(base: Json, changes: Json) -> Json:
    """`base` with keys replaced, or taken out where the value is MISSING."""
    merged = {**base, **changes}
    return {key: value for key, value in merged.items() if value is not MISSING}


def entry(**changes: Any) -> Json:
    """A row of a matches file, as the open data has it."""
    country = {"id": 68, "name": "England"}
    base = {
        "match_id": 100,
        "match_date": "2003-08-16",
        "kick_off": "16:00:00.000",
        "competition": {"competition_id": 2, "country_name": "England", "competition_name": "Premier League"},
        "season": {"season_id": 44, "season_name": "2003/2004"},
        "home_team": {
            "home_team_id": HOME,
            "home_team_name": "Home",
            "home_team_gender": "male",
            "home_team_group": None,
            "country": country,
            "managers": [{"id": 5, "name": "Someone", "nickname": None, "dob": None, "country": country}],
        },
        "away_team": {
            "away_team_id": AWAY,
            "away_team_name": "Away",
            "away_team_gender": "male",
            "away_team_group": None,
            "country": country,
        },
        "home_score": 0,
        "away_score": 0,
        "match_status": "available",
        "match_status_360": "scheduled",
        "last_updated": "2020-07-29T05:00",
        "last_updated_360": "2021-06-13T16:17:31.694",
        "metadata": {"data_version": "1.1.0", "shot_fidelity_version": "2", "xy_fidelity_version": "2"},
        "match_week": 1,
        "competition_stage": {"id": 1, "name": "Regular Season"},
        "stadium": {"id": 9, "name": "The Ground", "country": country},
        "referee": {"id": 8, "name": "Réf", "country": country},
    }
    return changed(base, changes)


def event(kind: str, index: int = 1, team: int = HOME, player: int | None = None, **changes: Any) -> Json:
    """An event. Every event needs an index of its own, from which its id follows."""
    base: Json = {
        "id": f"00000000-0000-4000-a000-{index:012d}",
        "index": index,
        "period": 1,
        "timestamp": "00:00:00.000",
        "minute": 0,
        "second": 0,
        "type": {"id": 0, "name": kind},
        "possession": 1,
        "possession_team": {"id": team, "name": f"Team {team}"},
        "play_pattern": {"id": 1, "name": "Regular Play"},
        "team": {"id": team, "name": f"Team {team}"},
    }
    if player is not None:
        base["player"] = person(player)
    return changed(base, changes)


def person(player: int) -> Json:
    return {"id": player, "name": f"Player {player}"}


def named(name: str) -> Json:
    return {"id": 0, "name": name}


def member(player: int, **changes: Any) -> Json:
    """A starter of a lineups file."""
    base = {
        "player_id": player,
        "player_name": f"Player {player}",
        "player_nickname": None,
        "jersey_number": player % 100,
        "country": {"id": 68, "name": "England"},
        "cards": [],
        "positions": [
            {
                "position_id": 1,
                "position": "Goalkeeper",
                "from": "00:00",
                "to": None,
                "from_period": 1,
                "to_period": None,
                "start_reason": "Starting XI",
                "end_reason": "Final Whistle",
            }
        ],
    }
    return changed(base, changes)


def squads(home: list[Json], away: list[Json]) -> list[Json]:
    return [
        {"team_id": HOME, "team_name": "Home", "lineup": home},
        {"team_id": AWAY, "team_name": "Away", "lineup": away},
    ]


SQUADS = squads([member(101), member(102)], [member(201), member(202)])


def parsed(events: object, lineups: object = SQUADS, row: Json | None = None) -> MatchAggregate:
    """The match as parsed; `lineups` None for a match without that document, `events` None for a fixture."""
    row = row or entry()
    listed = parse_match_list(document(LIST, [row]))[row["match_id"]]
    return parse_match(
        listed,
        KEY,
        None if events is None else document(EVENTS, events),
        None if lineups is None else document(LINEUPS, lineups),
    )


def only(*events: Json) -> Event:
    """The one event of a match, as parsed."""
    (found,) = parsed(list(events)).events
    return found


def stats_of(aggregate: MatchAggregate, player: int) -> PlayerMatchStats:
    return next(line for line in aggregate.stats if line.player == str(player))


def squad_of(aggregate: MatchAggregate, player: int) -> Lineup:
    return next(member for member in aggregate.lineups if member.player == str(player))


def refusal(call: Callable[[], object]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        call()
    assert caught.value.verdict is Verdict.MALFORMED
    assert caught.value.source == "statsbomb"
    return caught.value


# --- events -----------------------------------------------------------------------------------------------------


def test_every_column_of_a_pass_is_where_it_belongs() -> None:
    raw = event(
        "Pass",
        1,
        HOME,
        101,
        period=2,
        timestamp="00:03:04.567",
        minute=48,
        second=4,
        possession=17,
        possession_team={"id": AWAY, "name": "Away"},
        play_pattern=named("From Corner"),
        position=named("Left Back"),
        location=[60.05, 40.05],
        duration=1.25,
        under_pressure=True,
        counterpress=True,
        out=True,
        related_events=["a", "b"],
        **{
            "pass": {
                "recipient": person(102),
                "length": 30.0,
                "end_location": [120.0, 0.1],
                "body_part": named("Left Foot"),
                "type": named("Free Kick"),
                "outcome": named("Incomplete"),
                "shot_assist": True,
            }
        },
    )
    found = only(raw)
    assert found._replace(x_m=0, y_m=0, end_x_m=0, end_y_m=0, related_events=None, details=None) == Event(
        team="1",
        player="101",
        recipient="102",
        possession_team="2",
        index=1,
        provider_event_id="00000000-0000-4000-a000-000000000001",
        period=2,
        timestamp_ms=184_567,
        minute=48,
        second=4,
        event_type="Pass",
        subtype="Free Kick",
        outcome="Incomplete",
        body_part="Left Foot",
        position="Left Back",
        play_pattern="From Corner",
        possession=17,
        x_m=0,
        y_m=0,
        end_x_m=0,
        end_y_m=0,
        provider_x=60.05,
        provider_y=40.05,
        provider_end_x=120.0,
        provider_end_y=0.1,
        out_of_bounds=False,
        duration_s=1.25,
        under_pressure=True,
        assist="shot",
        card=None,
        xg=None,
        related_events=None,
        details=None,
        counterpress=True,
        ball_out=True,
    )
    assert (found.x_m, found.y_m) == pytest.approx((0, 0))
    assert found.end_x_m == pytest.approx(52.5, abs=0.05)
    assert found.end_y_m == pytest.approx(34, abs=0.05)
    assert json.loads(found.related_events or b"") == ["a", "b"]
    assert json.loads(found.details or b"") == raw["pass"], "the provider's own object is kept verbatim"


def test_a_pass_without_an_outcome_is_complete() -> None:
    aggregate = parsed(
        [
            event("Pass", 1, HOME, 101, **{"pass": {}}),
            event("Pass", 2, HOME, 101, **{"pass": {"outcome": named("Out")}}),
        ]
    )
    assert [found.outcome for found in aggregate.events] == [None, "Out"]
    assert stats_of(aggregate, 101).passes_completed == 1


def test_re_collected_events_come_under_new_ids_and_are_the_same_otherwise() -> None:
    first = [event("Pass", 1, HOME, 101), event("Shot", 2, HOME, 101, shot={"outcome": named("Goal")})]
    again = [{**each, "id": f"new-{each['id']}"} for each in first]
    one, other = parsed(first), parsed(again)
    assert not {e.provider_event_id for e in one.events} & {e.provider_event_id for e in other.events}
    assert [e._replace(provider_event_id="") for e in one.events] == [
        e._replace(provider_event_id="") for e in other.events
    ]
    assert one.stats == other.stats


def test_order_is_by_index_and_not_by_clock_or_place_in_the_file() -> None:
    events = [
        event("Half Start", 1, minute=0),
        event("Pass", 2, HOME, 101, timestamp="00:00:03.000", second=3),
        event("Pressure", 3, AWAY, 201, timestamp="00:00:02.500", second=2),
        event("Pass", 4, HOME, 101, timestamp="00:53:00.000", minute=53),
        event("Half Start", 5, period=2, minute=45),
    ]
    expected = ["Half Start", "Pass", "Pressure", "Pass", "Half Start"]
    aggregate = parsed(events)
    assert [e.event_type for e in aggregate.events] == expected
    assert aggregate.warnings == ("1 events carry an earlier clock than the event before them",)
    shuffled = events[:]
    random.Random(1).shuffle(shuffled)
    assert [e.index for e in shuffled_events(shuffled)] == [1, 2, 3, 4, 5]


def shuffled_events(events: list[Json]) -> tuple[Event, ...]:
    assert [e["index"] for e in events] != sorted(e["index"] for e in events)
    return parsed(events).events


def test_minutes_of_periods_overlap_and_the_period_tells_them_apart() -> None:
    aggregate = parsed(
        [
            event("Pass", 1, HOME, 101, period=1, timestamp="00:53:10.000", minute=53, second=10),
            event("Pass", 2, HOME, 101, period=2, timestamp="00:08:10.000", minute=53, second=10),
            event("Pass", 3, HOME, 101, period=4, timestamp="00:22:00.000", minute=127),
            event("Shot", 4, HOME, 101, period=5, timestamp="00:00:30.000", minute=120, second=30),
        ]
    )
    clock = [(e.period, e.timestamp_ms, e.minute, e.second) for e in aggregate.events]
    assert clock == [(1, 3_190_000, 53, 10), (2, 490_000, 53, 10), (4, 1_320_000, 127, 0), (5, 30_000, 120, 30)]
    assert aggregate.warnings == (), "a new period is no clock that runs back"


def test_an_event_without_player_location_or_duration_is_kept_with_nulls() -> None:
    found = only(event("Half Start", 1))
    empty = (found.player, found.position, found.duration_s, found.x_m, found.provider_x, found.end_x_m, found.details)
    assert set(empty) == {None}
    assert (found.under_pressure, found.out_of_bounds, found.related_events) == (False, False, None)


@pytest.mark.parametrize("end", [[118.0, 38.0], [118.0, 38.0, 1.4]])
def test_an_end_location_has_two_or_three_elements(end: list[float]) -> None:
    found = only(event("Shot", 1, HOME, 101, location=[100.0, 40.0], shot={"end_location": end, "statsbomb_xg": 0.07}))
    assert (found.provider_end_x, found.provider_end_y) == (118.0, 38.0)
    assert found.xg == 0.07
    assert json.loads(found.details or b"")["end_location"] == end


@pytest.mark.parametrize(
    ("location", "end", "flagged"),
    [
        ([120.0, 80.0], [120.0, 0.1], False),
        ([0.0, 0.0], [0.1, 0.1], False),
        ([120.9, 40.0], [60.0, 40.0], True),
        ([60.0, 80.7], [60.0, 40.0], True),
        ([60.0, 40.0], [120.1, 40.0], True),
        ([60.0, 40.0], [60.0, 80.3], True),
        ([-0.2, 40.0], [60.0, 40.0], True),
        ([60.0, -0.2], [60.0, 40.0], True),
    ],
)
def test_coordinates_beyond_the_pitch_are_kept_and_flagged(
    location: list[float], end: list[float], flagged: bool
) -> None:
    found = only(event("Pass", 1, HOME, 101, location=location, **{"pass": {"end_location": end}}))
    assert [found.provider_x, found.provider_y, found.provider_end_x, found.provider_end_y] == location + end
    assert None not in (found.x_m, found.y_m, found.end_x_m, found.end_y_m)
    assert found.out_of_bounds is flagged


@pytest.mark.parametrize(
    ("metadata", "own", "other"),
    [
        ({"xy_fidelity_version": "2"}, [5.3, 41.7], [114.8, 38.4]),
        ({"xy_fidelity_version": "1"}, [6.0, 43.0], [115.0, 38.0]),
        ({}, [5.3, 41.7], [114.8, 38.4]),
        ({}, [6.0, 43.0], [115.0, 38.0]),
        (MISSING, [6.0, 43.0], [115.0, 38.0]),
        (None, [5.3, 41.7], [114.8, 38.4]),
    ],
)
def test_the_size_of_a_cell_is_that_of_the_fidelity_version_or_seen_in_the_data(
    metadata: object, own: list[float], other: list[float]
) -> None:
    aggregate = parsed(
        [
            event("Own Goal Against", 1, AWAY, 201, location=own),
            event("Own Goal For", 2, HOME, location=other),
        ],
        row=entry(metadata=metadata, home_score=1),
    )
    against, benefit = aggregate.events
    assert (against.x_m, against.y_m) == pytest.approx((-(benefit.x_m or 0), -(benefit.y_m or 0)))
    assert abs(against.x_m or 0) < PITCH_LENGTH_M / 2


@pytest.mark.parametrize("player", [None, 101])
def test_an_own_goal_is_credited_to_the_other_side_and_to_none_of_its_players(player: int | None) -> None:
    aggregate = parsed(
        [event("Own Goal Against", 1, AWAY, 201), event("Own Goal For", 2, HOME, player)], row=entry(home_score=1)
    )
    assert {line.goals for line in aggregate.stats} == {0}
    assert stats_of(aggregate, 201).own_goals == 1
    assert stats_of(aggregate, 101).own_goals == 0
    assert aggregate.match.home_score == 1


def test_the_shoot_out_is_kept_apart_from_the_score() -> None:
    goal, saved = {"outcome": named("Goal"), "type": named("Penalty")}, {"outcome": named("Saved")}
    aggregate = parsed(
        [
            event("Shot", 1, HOME, 101, period=2, shot=goal),
            event("Shot", 2, AWAY, 201, period=2, shot=goal),
            event("Shot", 3, HOME, 101, period=5, shot=goal),
            event("Shot", 4, AWAY, 201, period=5, shot=saved),
        ],
        row=entry(home_score=1, away_score=1),
    )
    match = aggregate.match
    assert (match.home_score, match.away_score, match.home_shootout, match.away_shootout) == (1, 1, 1, 0)
    assert stats_of(aggregate, 101).goals == 1
    assert len(aggregate.events) == 4


def test_a_match_without_a_shoot_out_has_none() -> None:
    match = parsed([event("Half Start", 1)]).match
    assert (match.home_shootout, match.away_shootout) == (None, None)


def test_cards_are_read_from_fouls_and_from_bad_behaviour() -> None:
    aggregate = parsed(
        [
            event("Foul Committed", 1, HOME, 101, foul_committed={"card": named("Yellow Card"), "penalty": True}),
            event("Bad Behaviour", 2, HOME, 101, bad_behaviour={"card": named("Second Yellow")}),
            event("Foul Committed", 3, AWAY, 201, foul_committed={"advantage": True}),
            event("Foul Committed", 4, AWAY, 201),
        ]
    )
    assert [e.card for e in aggregate.events] == ["Yellow Card", "Second Yellow", None, None]
    line = stats_of(aggregate, 101)
    assert (line.yellow_cards, line.red_cards) == (1, 1)


def test_a_fifty_fifty_keeps_its_outcome() -> None:
    found = only(event("50/50", 1, HOME, 101, **{"50_50": {"outcome": named("Won")}}))
    assert (found.event_type, found.outcome) == ("50/50", "Won")
    assert json.loads(found.details or b"") == {"outcome": named("Won")}


def test_related_events_may_be_asymmetric_and_are_kept_as_told() -> None:
    one, other = event("Pass", 1, HOME, 101), event("Pressure", 2, AWAY, 201)
    one["related_events"] = [other["id"]]
    first, second = parsed([one, other]).events
    assert json.loads(first.related_events or b"") == [other["id"]]
    assert second.related_events is None


def test_a_pass_that_made_a_goal_or_a_shot_says_so() -> None:
    passes = [{"goal_assist": True}, {"shot_assist": True}, {"goal_assist": True, "shot_assist": True}, {}]
    aggregate = parsed([event("Pass", n, HOME, 101, **{"pass": each}) for n, each in enumerate(passes, start=1)])
    assert [e.assist for e in aggregate.events] == ["goal", "shot", "goal", None]


def test_a_permanent_player_off_is_told_from_treatment() -> None:
    aggregate = parsed(
        [event("Player Off", 1, HOME, 101), event("Player Off", 2, HOME, 102, player_off={"permanent": True})]
    )
    assert [e.outcome for e in aggregate.events] == [None, "Permanent"]


def test_a_substitution_names_who_comes_on() -> None:
    change = {"outcome": named("Tactical"), "replacement": person(102)}
    found = only(event("Substitution", 1, HOME, 101, substitution=change))
    assert (found.player, found.recipient, found.outcome) == ("101", "102", "Tactical")


def test_unknown_extra_keys_are_tolerated_everywhere() -> None:
    extra = {"brand_new": {"deep": [1, {"x": None}]}}
    row = entry(**extra, stadium={**named("The Ground"), **extra})
    lineups = [{**side, **extra, "lineup": [{**each, **extra} for each in side["lineup"]]} for side in SQUADS]
    aggregate = parsed([event("Pass", 1, HOME, 101, **extra, **{"pass": extra})], lineups, row)
    assert json.loads(aggregate.events[0].details or b"") == extra
    assert parse_competitions(document("competitions.json", [{**competition_row(), **extra}]))


# --- lineups ----------------------------------------------------------------------------------------------------


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


def eleven(team: int, index: int) -> Json:
    """A Starting XI event of two players, which is enough here."""
    return event(
        "Starting XI",
        index,
        team,
        tactics={
            "formation": 442,
            "lineup": [
                {"player": person(team * 100 + n), "position": named(f"Place {n}"), "jersey_number": n} for n in (1, 2)
            ],
        },
    )


def change(index: int, team: int, off: int, on: int, at: str) -> Json:
    return event(
        "Substitution",
        index,
        team,
        off,
        period=2,
        timestamp=at,
        position=named("Place 2"),
        substitution={"outcome": named("Tactical"), "replacement": person(on)},
    )


WHOLE = [
    eleven(HOME, 1),
    eleven(AWAY, 2),
    event("Half End", 3, timestamp="00:45:00.000"),
    change(4, HOME, 102, 103, "00:15:00.000"),
    event("Half End", 5, period=2, timestamp="00:45:00.000"),
]


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


# --- minutes, in simulated matches ------------------------------------------------------------------------------


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


# --- the matches file -------------------------------------------------------------------------------------------


def test_every_field_of_a_match_is_where_it_belongs() -> None:
    match = parsed(None, row=entry(home_score=2, away_score=1, match_week=7)).match
    assert (match.provider, match.provider_match_id, match.season_key) == ("statsbomb", "100", KEY)
    assert (match.home.provider_id, match.home.name, match.home.gender, match.home.country) == (
        "1",
        "Home",
        "male",
        "England",
    )
    assert (match.away.provider_id, match.away.name) == ("2", "Away")
    assert (match.home_score, match.away_score, match.matchday, match.status) == (2, 1, 7, "played")
    assert (match.stage, match.venue, match.referee) == ("Regular Season", "The Ground", "Réf")
    assert match.match_date == date(2003, 8, 16)


def test_the_kick_off_is_local_to_the_stadium() -> None:
    summer = parsed(None).match.kick_off
    assert summer is not None
    assert summer.astimezone(UTC) == datetime(2003, 8, 16, 15, tzinfo=UTC)
    abroad = entry(stadium={"id": 1, "name": "Parc", "country": named("France")}, match_date="2003-12-16")
    winter = parsed(None, row=abroad).match.kick_off
    assert winter is not None
    assert winter.astimezone(UTC) == datetime(2003, 12, 16, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"kick_off": None},
        {"kick_off": MISSING},
        {"stadium": {"id": 1, "name": "Soldier Field", "country": named("United States of America")}},
    ],
)
def test_a_kick_off_that_is_not_told_or_whose_zone_is_unsure_is_null(changes: Json) -> None:
    match = parsed(None, row=entry(**changes)).match
    assert match.kick_off is None
    assert match.match_date == date(2003, 8, 16)


def test_what_older_seasons_leave_out_may_be_absent() -> None:
    gone = dict.fromkeys(
        ("referee", "stadium", "metadata", "match_status_360", "last_updated", "last_updated_360", "competition_stage"),
        MISSING,
    )
    row = entry(**gone, match_week=MISSING)
    for side in ("home", "away"):
        row[f"{side}_team"] = {key: row[f"{side}_team"][key] for key in (f"{side}_team_id", f"{side}_team_name")}
    match = parsed([event("Half Start", 1)], row=row).match
    assert {match.referee, match.venue, match.stage, match.updated_at, match.matchday, match.home.country} == {None}
    assert match.kick_off is not None, "the competition's country tells the zone"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-07-29T05:00", datetime(2020, 7, 29, 5, tzinfo=UTC)),
        ("2023-02-08T17:23:53.901920", datetime(2023, 2, 8, 17, 23, 53, 901920, tzinfo=UTC)),
        ("2021-06-13T16:17:31.694", datetime(2021, 6, 13, 16, 17, 31, 694000, tzinfo=UTC)),
        ("2021-06-13T16:17:31Z", datetime(2021, 6, 13, 16, 17, 31, tzinfo=UTC)),
        ("2021-06-13T16:17:31+02:00", datetime(2021, 6, 13, 14, 17, 31, tzinfo=UTC)),
    ],
)
def test_last_updated_comes_with_and_without_a_fraction(text: str, expected: datetime) -> None:
    assert parsed(None, row=entry(last_updated=text)).match.updated_at == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("available", "played"),
        ("processing", "played"),
        ("scheduled", "scheduled"),
        ("postponed", "postponed"),
        ("cancelled", "cancelled"),
    ],
)
def test_a_match_without_events_is_a_fixture_of_its_status(status: str, expected: str) -> None:
    aggregate = parsed(None, None, entry(match_status=status, home_score=None, away_score=None))
    assert aggregate.match.status == expected
    assert (aggregate.events, aggregate.lineups, aggregate.stats) == ((), (), ())


def test_a_listed_match_keeps_the_bytes_that_list_it() -> None:
    rows = [entry(), entry(match_id=101, home_score=3)]
    spaced = b"[\n " + b" ,\n".join(json.dumps(row).encode() for row in rows) + b" ]"
    listed = parse_match_list(document(LIST, spaced))
    assert [json.loads(one.slice) for one in listed.values()] == rows


# --- competitions -----------------------------------------------------------------------------------------------


def catalogue(*rows: Json) -> list[str]:
    return [found.season.key for found in parse_competitions(document("competitions.json", list(rows)))]


def competition(number: int, country: str, name: str, season: str, season_id: int = 1, **changes: Any) -> Json:
    return {**competition_row(number, season_id, name, season), "country_name": country, **changes}


def test_a_season_of_the_catalogue_says_where_its_matches_are() -> None:
    (found,) = parse_competitions(
        document(
            "competitions.json",
            [competition(72, "International", "Women's World Cup", "2019", 30, competition_gender="female")],
        )
    )
    assert (found.season.key, found.season.name) == ("womens-world-cup_2019", "2019")
    assert found.matches_document == "matches/72/30.json"
    assert (found.season.competition.slug, found.season.competition.gender) == ("womens-world-cup", "female")


def test_a_competition_name_shared_by_two_countries_gets_the_country_in_front() -> None:
    keys = catalogue(
        competition(2, "England", "Premier League", "2003/2004", 44),
        competition(2, "England", "Premier League", "2015/2016", 27),
        competition(900, "Côte d'Ivoire", "Premier League", "2015/2016", 27),
        competition(11, "Spain", "La Liga", "2015/2016", 27),
    )
    assert keys == [
        "england-premier-league_2003-2004",
        "england-premier-league_2015-2016",
        "cote-divoire-premier-league_2015-2016",
        "la-liga_2015-2016",
    ]


def test_seasons_whose_keys_collide_are_refused_by_name() -> None:
    rows = [
        competition(2, "England", "Premier League", "2003/2004", 44),
        competition(2, "England", "Premier League", "2003-2004", 45),
    ]
    error = refusal(lambda: catalogue(*rows))
    assert (error.document, error.field) == ("competitions.json", "[1].season_name")
    assert "premier-league_2003-2004" in error.reason
    assert error.content is not None


def test_a_season_without_a_plain_letter_is_refused_by_name() -> None:
    error = refusal(lambda: catalogue(competition(9, "China", "超级联赛", "2024")))
    assert (error.document, error.field) == ("competitions.json", "[0].season_name")


def test_the_old_catalogue_lacks_the_newer_keys() -> None:
    row = competition(2, "England", "Premier League", "2003/2004")
    old = {key: row[key] for key in ("competition_id", "season_id", "country_name", "competition_name", "season_name")}
    assert catalogue(old) == ["premier-league_2003-2004"]


# --- frames -----------------------------------------------------------------------------------------------------


def test_frames_are_read_with_and_without_a_visible_area() -> None:
    people = [{"teammate": True, "actor": True, "keeper": False, "location": [60.5, 40.25]}]
    frames = parse_frames(
        document(
            "three-sixty/100.json",
            [
                {"event_uuid": "a", "visible_area": [0.0, 1.5, 2, 3], "freeze_frame": people},
                {"event_uuid": "b", "freeze_frame": []},
            ],
        )
    )
    assert [(frame.event_uuid, frame.visible_area) for frame in frames] == [("a", [0, 1.5, 2, 3]), ("b", [])]
    assert frames[0].freeze_frame[0].location == (60.5, 40.25)


def test_a_frame_that_is_none_is_refused_by_name() -> None:
    error = refusal(lambda: parse_frames(document("three-sixty/100.json", [{"event_uuid": "a", "freeze_frame": [{}]}])))
    assert (error.document, error.field) == ("three-sixty/100.json", "[0].freeze_frame[0].teammate")


# --- broken events ----------------------------------------------------------------------------------------------

GOOD = event("Pass", 1, HOME, 101, location=[60.0, 40.0], **{"pass": {"end_location": [70.0, 40.0]}})


def broken(**changes: Any) -> list[Json]:
    """Two events, of which the second is broken."""
    return [GOOD, changed({**GOOD, "id": "second", "index": 2}, changes)]


@pytest.mark.parametrize(
    ("events", "field", "reason"),
    [
        (broken(type={"id": 99, "name": "Teleport"}), "[1].type.name", "unknown event type 'Teleport'"),
        (broken(period=6), "[1].period", "unknown period 6"),
        (broken(id=GOOD["id"]), "[1].id", "twice"),
        (broken(team={"id": 3, "name": "Third"}), "[1].team.id", "team 3 does not play"),
        (broken(possession_team={"id": 4, "name": "F"}), "[1].possession_team.id", "team 4 does not play"),
        (broken(timestamp="47 minutes"), "[1].timestamp", "'47 minutes' is not HH:MM:SS.mmm"),
        (broken(timestamp="00:4x:00.000"), "[1].timestamp", "'00:4x:00.000' is not HH:MM:SS.mmm"),
        (broken(timestamp=""), "[1].timestamp", "'' is not HH:MM:SS.mmm"),
        (broken(timestamp=MISSING), "[1].timestamp", "missing required field"),
        (broken(team=MISSING), "[1].team", "missing required field"),
        (broken(type={"id": 30}), "[1].type.name", "missing required field"),
        (broken(index="2"), "[1].index", "Expected `int`, got `str`"),
        (broken(player={"id": "x", "name": "X"}), "[1].player.id", "Expected `int`, got `str`"),
        (broken(location="middle"), "[1].location", "Expected `array | null`, got `str`"),
        (broken(location=[60.0, None]), "[1].location[1]", "Expected `float`, got `null`"),
        (broken(location=[60.0]), "[1].location", "fewer than two coordinates"),
        (broken(**{"pass": {"end_location": [60.0]}}), "[1].pass.end_location", "fewer than two coordinates"),
        (broken(**{"pass": {"end_location": [60.0, "x"]}}), "[1].pass.end_location[1]", "Expected `float`"),
        (broken(**{"pass": {"recipient": {"name": "No id"}}}), "[1].pass.recipient.id", "missing required field"),
        (broken(**{"pass": None}), "[1].pass", "Expected `object`, got `null`"),
        (
            broken(type=named("50/50"), **{"50_50": {"outcome": {"id": 1}}}),
            "[1].50_50.outcome.name",
            "missing required field",
        ),
        ([GOOD, 7], "[1]", "Expected `object`, got `int`"),
        ({"events": []}, None, "Expected `array`, got `object`"),
        ([], None, "the list of its events is empty"),
        (b"", None, "not whole JSON"),
        (json.dumps([GOOD]).encode()[:-40], None, "not whole JSON"),
        (b"<html>", None, "not whole JSON"),
        (json.dumps([GOOD]).replace("Pass", "P\\udc00").encode(), None, "not whole JSON"),
        (json.dumps([GOOD]).encode().replace(b"Pass", b"P\xff"), None, "not whole JSON"),
        (b'[{"related_events":' + b"[" * 100_000, None, "not whole JSON"),
    ],
)
def test_broken_events_name_the_document_and_the_field(events: object, field: str | None, reason: str) -> None:
    error = refusal(lambda: parsed(events))
    assert (error.document, error.field) == (EVENTS, field)
    assert reason in error.reason
    assert error.content == document(EVENTS, events).content, "the whole document is quarantined"
    if field is not None:
        assert f"{EVENTS} field {field}" in str(error)


@pytest.mark.parametrize(
    ("at", "doctored", "field"),
    [
        (0, {"tactics": MISSING}, "[0].tactics"),
        (0, {"tactics": {"lineup": []}}, "[0].tactics.formation"),
        (3, {"substitution": {"outcome": named("Tactical")}}, "[3].substitution"),
    ],
)
def test_events_that_must_tell_the_squads_and_do_not_are_refused_by_name(at: int, doctored: Json, field: str) -> None:
    events = copy.deepcopy(WHOLE)
    events[at] = changed(events[at], doctored)
    error = refusal(lambda: parsed(events, None))
    assert (error.document, error.field) == (EVENTS, field)
    assert error.content == document(EVENTS, events).content


# --- broken lineups and matches ---------------------------------------------------------------------------------

CARD = {"time": "10:00", "card_type": "Yellow Card", "period": 1}
BAD_SPELL = {**member(1)["positions"][0], "from": "noon"}


@pytest.mark.parametrize(
    ("lineups", "field", "reason"),
    [
        (squads([member(101), member(101)], []), "[0].lineup[1].player_id", "player 101 twice"),
        (squads([member(101)], [member(101)]), "[1].lineup[0].player_id", "player 101 twice"),
        ([{"team_id": 3, "team_name": "Third", "lineup": []}], "[0].team_id", "team 3 does not play in match 100"),
        (squads([member(101, player_id=MISSING)], []), "[0].lineup[0].player_id", "missing required field"),
        (squads([member(101, jersey_number="7")], []), "[0].lineup[0].jersey_number", "Expected `int | null`"),
        (squads([], [member(201, cards=[{**CARD, "time": "later"}])]), "[1].lineup[0]", "'later' is not MM:SS"),
        (squads([], [member(201, positions=[BAD_SPELL])]), "[1].lineup[0]", "'noon' is not MM:SS"),
        ({}, None, "Expected `array`"),
        (b"[{", None, "not whole JSON"),
    ],
)
def test_broken_lineups_name_the_document_and_the_field(lineups: object, field: str | None, reason: str) -> None:
    error = refusal(lambda: parsed([event("Half Start", 1)], lineups))
    assert (error.document, error.field) == (LINEUPS, field)
    assert reason in error.reason
    assert error.content == document(LINEUPS, lineups).content


@pytest.mark.parametrize(
    ("rows", "field", "reason"),
    [
        ([entry(), entry()], "[1].match_id", "match 100 twice"),
        ([entry(), entry(match_id=MISSING)], "[1].match_id", "missing required field"),
        ([entry(home_team={"home_team_name": "Home"})], "[0].home_team.home_team_id", "missing required field"),
        ([entry(match_week="one")], "[0].match_week", "Expected `int | null`"),
        ([5], "[0]", "Expected `object`"),
        ({"matches": []}, None, "Expected `array`"),
        (json.dumps([entry()]).encode()[:-9], None, "not whole JSON"),
    ],
)
def test_a_broken_list_of_matches_names_the_document_and_the_field(
    rows: object, field: str | None, reason: str
) -> None:
    error = refusal(lambda: parse_match_list(document(LIST, rows)))
    assert (error.document, error.field) == (LIST, field)
    assert reason in error.reason
    assert error.content == document(LIST, rows).content


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"match_date": "16/08/2003"}, "match_date"),
        ({"kick_off": "four o'clock"}, "kick_off"),
        ({"last_updated": "yesterday"}, "last_updated"),
        ({"match_status": "abducted"}, "match_status"),
    ],
)
def test_a_match_that_makes_no_sense_names_the_match_and_the_field(changes: Json, field: str) -> None:
    error = refusal(lambda: parsed(None, row=entry(**changes)))
    assert (error.document, error.field) == (LIST, f"match 100 {field}")
    assert json.loads(error.content or b"") == entry(**changes), "the entry is quarantined"


@pytest.mark.parametrize("content", [b'[{"competition_id":1}]', b'{"x":1}', b"[", b"[null]"])
def test_a_broken_catalogue_is_refused(content: bytes) -> None:
    error = refusal(lambda: parse_competitions(document("competitions.json", content)))
    assert error.document == "competitions.json"
    assert error.content == content
