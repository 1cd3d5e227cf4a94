"""StatsBomb events to the domain: every trap of the real files."""

from __future__ import annotations

import json
import random

import pytest

from fotmate_assets.embedded.sample.statsbomb import competition_row
from fotmate_assets.football.model import PITCH_LENGTH_M, Event
from fotmate_assets.football.sources.statsbomb.parse import (
    parse_competitions,
)
from fotmate_assets_tests.football.statsbomb.samples import (
    AWAY,
    HOME,
    MISSING,
    SQUADS,
    Json,
    document,
    entry,
    event,
    named,
    only,
    parsed,
    person,
    stats_of,
)


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
