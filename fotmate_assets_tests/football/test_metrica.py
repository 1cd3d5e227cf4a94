"""Metrica games become matches in StatsBomb's vocabulary, metres and match clock."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.embedded.sample.metrica import write_games
from fotmate_assets.football.model import Event, Lineup, MatchAggregate, scoreline
from fotmate_assets.football.sources import metrica

CSV = "Sample_Game_1/Sample_Game_1_RawEventsData.csv"
EVENTS = "Sample_Game_3/Sample_Game_3_events.json"
METADATA = "Sample_Game_3/Sample_Game_3_metadata.xml"

HEADER = (
    "Team,Type,Subtype,Period,Start Frame,Start Time [s],End Frame,End Time [s],From,To,Start X,Start Y,End X,End Y"
)


def raw(name: str, content: bytes) -> RawDocument:
    return RawDocument("metrica", name, content, f"file:///{name}", datetime(2026, 1, 1, tzinfo=UTC))


def row(
    team: str,
    type_: str,
    subtype: str = "",
    *,
    period: int = 1,
    at: int = 100,
    until: int | None = None,
    player: int | None = None,
    to: int | str = "",
    spot: tuple[float, float] | None = None,
    end: tuple[float, float] | None = None,
) -> str:
    """One CSV line; frames at 25 a second, as in the files."""
    until = at if until is None else until
    player = player or (9 if team == "Home" else 19)
    recipient = f"Player{to}" if to else ""
    x, y = spot or ("NaN", "NaN")
    end_x, end_y = end or ("NaN", "NaN")
    frames = f"{at},{at / 25:g},{until},{until / 25:g}"
    return f"{team},{type_},{subtype},{period},{frames},Player{player},{recipient},{x},{y},{end_x},{end_y}"


KICK_OFF = row("Away", "SET PIECE", "KICK OFF", at=1)
HOME_ATTACKS_RIGHT = row("Home", "SHOT", "OFF TARGET-OUT", at=90_000, spot=(0.9, 0.5), end=(1.03, 0.5))


def csv_content(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


def parse_csv(*lines: str) -> MatchAggregate:
    return metrica.parse_match({CSV: raw(CSV, csv_content(*lines))}, metrica.SEASON.key)


def events_of(*lines: str) -> tuple[Event, ...]:
    """Events of `lines`, without the kick-off before and the home shot to the right after them."""
    return parse_csv(KICK_OFF, *lines, HOME_ATTACKS_RIGHT).events[1:-1]


def only(*lines: str) -> Event:
    (event,) = events_of(*lines)
    return event


def csv_error(content: bytes) -> SourceError:
    with pytest.raises(SourceError) as raised:
        metrica.parse_match({CSV: raw(CSV, content)}, metrica.SEASON.key)
    assert raised.value.verdict is Verdict.MALFORMED
    assert raised.value.document == CSV
    assert raised.value.content == content
    return raised.value


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("metrica")
    write_games(folder)
    return folder


def documents(folder: Path, *names: str) -> dict[str, RawDocument]:
    return {name: raw(name, (folder / name).read_bytes()) for name in names}


def parse_pair(folder: Path, **changes: bytes) -> MatchAggregate:
    pair = documents(folder, EVENTS, METADATA)
    for name, content in (("events", EVENTS), ("metadata", METADATA)):
        if name in changes:
            pair[content] = raw(content, changes[name])
    return metrica.parse_match(pair, metrica.SEASON.key)


# Documents


def test_documents_are_grouped_by_game_without_tracking() -> None:
    names = [
        CSV,
        METADATA,
        EVENTS,
        "Sample_Game_1/Sample_Game_1_RawTrackingData_Home_Team.csv",
        "Sample_Game_3/Sample_Game_3_tracking.txt",
        "partial/codeball_events.json",
        "README.md",
    ]
    assert metrica.games(names) == {"Sample_Game_1": [CSV], "Sample_Game_3": [EVENTS, METADATA]}


def test_the_season_is_the_year_of_the_only_dated_session() -> None:
    assert metrica.SEASON.key == "metrica-sample-data_2019"


@pytest.mark.parametrize(("present", "absent"), [(EVENTS, METADATA), (METADATA, EVENTS)])
def test_half_a_pair_names_the_missing_document(sample: Path, present: str, absent: str) -> None:
    with pytest.raises(SourceError) as raised:
        metrica.parse_match(documents(sample, present), metrica.SEASON.key)
    assert (raised.value.verdict, raised.value.document) == (Verdict.EMPTY_UNEXPECTED, absent)


# Rows


def test_an_end_frame_of_zero_leaves_the_duration_unknown() -> None:
    first = KICK_OFF.replace(",1,0.04,1,0.04,", ",1,0.04,0,0,")
    events = parse_csv(first, row("Away", "PASS", at=1, until=26, to=21, spot=(0.5, 0.5)), HOME_ATTACKS_RIGHT).events
    assert events[0].duration_s is None
    assert events[1].duration_s == 1.0


@pytest.mark.parametrize("empty", ["NaN", ""])
def test_nan_and_empty_coordinates_are_unknown(empty: str) -> None:
    event = only(row("Home", "RECOVERY").replace("NaN", empty))
    assert (event.x_m, event.provider_x, event.end_x_m, event.provider_end_y) == (None, None, None, None)
    assert not event.out_of_bounds


def test_coordinates_beyond_the_pitch_are_kept_and_flagged() -> None:
    inside, outside = events_of(
        row("Home", "PASS", to=7, spot=(0, 1), end=(0.5, 0.5)),
        row("Home", "BALL OUT", spot=(0.9, 0.9), end=(0.9, 1.04)),
    )
    assert not inside.out_of_bounds
    assert outside.out_of_bounds
    assert outside.provider_end_y == 1.04


@pytest.mark.parametrize("order", ["OFF TARGET-HEAD-OUT", "HEAD-OFF TARGET-OUT", "OUT-HEAD-OFF TARGET"])
def test_a_subtype_set_means_the_same_in_any_order(order: str) -> None:
    event = only(row("Home", "SHOT", order, spot=(0.9, 0.5), end=(1.02, 0.4)))
    assert (event.event_type, event.outcome, event.body_part) == ("Shot", "Off T", "Head")
    assert json.loads(event.details or b"")["subtypes"] == order.split("-")


def test_labels_are_told_apart_by_game() -> None:
    event = only(row("Home", "PASS", player=9, to=7, spot=(0.5, 0.5), end=(0.6, 0.5)))
    assert event.team == "Sample_Game_1:Home"
    assert (event.player, event.recipient) == ("Sample_Game_1:Player9", "Sample_Game_1:Player7")


def test_what_has_no_column_is_kept_in_details() -> None:
    content = csv_content(KICK_OFF, HOME_ATTACKS_RIGHT).decode().splitlines()
    content = [content[0] + ",Speed", *(line + ",7" for line in content[1:])]
    match = metrica.parse_match({CSV: raw(CSV, "\n".join(content).encode())}, metrica.SEASON.key)
    assert json.loads(match.events[0].details or b"") == {
        "type": "SET PIECE",
        "subtypes": ["KICK OFF"],
        "start_frame": 1,
        "end_frame": 1,
        "start_s": 0.04,
        "end_s": 0.04,
        "Speed": "7",
    }


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (row("Home", "DANCE"), "row 2 Type"),
        (row("Third", "PASS"), "row 2 Team"),
        (row("Home", "PASS", spot=(0.5, 0.5)).replace("0.5,0.5", "half,0.5"), "row 2 Start X"),
        (row("Home", "PASS", spot=(0.5, 0.5)).replace("0.5,0.5", "0.5,inf"), "row 2 Start Y"),
        (row("Home", "PASS", at=300).replace(",300,12,", ",,12,", 1), "row 2 Start Frame"),
        (row("Home", "PASS", at=300).replace(",300,12,", ",300,NaN,", 1), "row 2 Start Time [s]"),
        (row("Home", "PASS", period=6), "row 2 Period"),
        (row("Home", "PASS").rsplit(",", 2)[0], "row 2 End X"),
        (row("Home", "PASS", player=19), "row 2 From"),
        (row("Home", "PASS", to=19), "row 2 To"),
    ],
)
def test_a_broken_row_is_named_by_number_and_column(broken: str, field: str) -> None:
    assert csv_error(csv_content(KICK_OFF, broken, HOME_ATTACKS_RIGHT)).field == field


def test_a_row_with_too_many_cells_is_refused() -> None:
    assert "more cells" in csv_error(csv_content(KICK_OFF + ",1")).reason


def test_a_missing_column_is_named() -> None:
    assert csv_error(csv_content(KICK_OFF).replace(b"Start X", b"X")).field == "Start X"


@pytest.mark.parametrize("content", [b"", HEADER.encode(), b"\xff\xfe", b'Team,Type\n"unclosed'])
def test_an_empty_or_foreign_csv_is_refused(content: bytes) -> None:
    csv_error(content)


# Direction


def second_half(*lines: str) -> list[str]:
    return [row("Home", "SET PIECE", "KICK OFF", period=2, at=72_000), *lines]


def test_x_points_to_the_acting_teams_attack_in_both_halves() -> None:
    events = parse_csv(
        KICK_OFF,
        row("Home", "SHOT", "ON TARGET-SAVED", spot=(0.9, 0.25), end=(1, 0.5)),
        row("Away", "SHOT", "ON TARGET-SAVED", spot=(0.1, 0.75), end=(0, 0.5)),
        *second_half(
            row("Home", "SHOT", "ON TARGET-SAVED", period=2, at=73_000, spot=(0.1, 0.75), end=(0, 0.5)),
            row("Away", "SHOT", "ON TARGET-SAVED", period=2, at=74_000, spot=(0.9, 0.25), end=(1, 0.5)),
        ),
    ).events
    shots = [event for event in events if event.event_type == "Shot"]
    assert [(round(shot.x_m or 0, 6), round(shot.y_m or 0, 6)) for shot in shots] == [(42.0, 17.0)] * 4
    assert [(shot.provider_x, shot.provider_y) for shot in shots] == [
        (0.9, 0.25),
        (0.1, 0.75),
        (0.1, 0.75),
        (0.9, 0.25),
    ]


def test_a_half_without_shots_plays_the_other_way_than_its_counterpart() -> None:
    events = parse_csv(
        KICK_OFF,
        HOME_ATTACKS_RIGHT.replace(",1,90000,3600,90000,3600,", ",1,90,3.6,90,3.6,"),
        *second_half(row("Home", "PASS", period=2, at=73_000, to=7, spot=(0.4, 0.5), end=(0.3, 0.5))),
    ).events
    assert events[-1].x_m == pytest.approx(10.5)


def test_goal_kicks_tell_the_direction_where_nobody_shoots() -> None:
    events = parse_csv(KICK_OFF, row("Away", "PASS", "GOAL KICK", to=21, spot=(0.95, 0.5), end=(0.7, 0.5))).events
    assert events[1].x_m == pytest.approx(-47.25)


def test_a_shot_from_the_own_half_does_not_turn_the_pitch_around() -> None:
    shots = [row("Home", "SHOT", "ON TARGET-SAVED", at=90 + n, spot=(0.9, 0.5), end=(1, 0.5)) for n in range(3)]
    events = parse_csv(KICK_OFF, *shots, row("Home", "SHOT", "OFF TARGET", at=95, spot=(0.4, 0.5))).events
    assert [round(event.x_m or 0, 3) for event in events[1:]] == [42.0, 42.0, 42.0, -10.5]


def test_directions_that_cannot_be_told_are_refused() -> None:
    passes = row("Home", "PASS", to=7, spot=(0.5, 0.5), end=(0.9, 0.5))
    assert csv_error(csv_content(KICK_OFF, passes)).field == "period 1 Start X"
    contradiction = row("Home", "SHOT", "OFF TARGET", spot=(0.1, 0.5))
    assert csv_error(csv_content(KICK_OFF, contradiction, HOME_ATTACKS_RIGHT)).field == "period 1 Start X"


def test_teams_that_do_not_change_ends_are_refused() -> None:
    first, *second = [
        row("Home", "SHOT", "OFF TARGET", at=90, spot=(0.9, 0.5)),
        row("Home", "SHOT", "OFF TARGET", period=2, at=73_000, spot=(0.9, 0.5)),
    ]
    assert "change ends" in csv_error(csv_content(KICK_OFF, first, *second_half(*second))).reason


# Clock


def test_the_clock_of_the_second_half_starts_at_its_kick_off() -> None:
    events = parse_csv(
        KICK_OFF,
        row("Home", "SHOT", "OFF TARGET", at=1 + 25 * 61, spot=(0.9, 0.5)),
        row("Home", "SET PIECE", "KICK OFF", period=2, at=72_135),
        row("Home", "PASS", period=2, at=72_135 + 25 * 60 + 13, to=7, spot=(0.5, 0.5), end=(0.4, 0.5)),
    ).events
    assert [(e.period, e.timestamp_ms, e.minute, e.second) for e in events] == [
        (1, 0, 0, 0),
        (1, 61_000, 1, 1),
        (2, 0, 45, 0),
        (2, 60_520, 46, 0),
    ]


def test_a_half_that_does_not_begin_with_a_kick_off_is_told() -> None:
    match = parse_csv(row("Home", "SHOT", "OFF TARGET", at=500, spot=(0.9, 0.5)))
    assert match.events[0].timestamp_ms == 0
    assert match.warnings == ("period 1 does not begin with a kick-off; its clock starts with its first event",)


# Vocabulary


@pytest.mark.parametrize(
    ("type_", "subtype", "end", "expected"),
    [
        ("PASS", "", (0.6, 0.5), ("Pass", None, None)),
        ("PASS", "GOAL KICK", (0.6, 0.5), ("Pass", "Goal Kick", None)),
        ("PASS", "DEEP BALL-OFFSIDE", (0.6, 0.5), ("Pass", None, "Pass Offside")),
        ("BALL LOST", "", (0.6, 0.5), ("Pass", None, "Incomplete")),
        ("BALL LOST", "HEAD-INTERCEPTION", (0.6, 0.5), ("Pass", None, "Incomplete")),
        ("BALL LOST", "INTERCEPTION", None, ("Pass", None, "Incomplete")),
        ("BALL LOST", "GOAL KICK-END HALF", (0.6, 0.5), ("Pass", "Goal Kick", "Unknown")),
        ("BALL LOST", "HEAD-FORCED", (0.6, 0.5), ("Pass", None, "Unknown")),
        ("BALL LOST", "", None, ("Ball Lost", None, None)),
        ("BALL LOST", "FORCED", None, ("Ball Lost", None, None)),
        ("BALL LOST", "THEFT", (0.6, 0.5), ("Dispossessed", None, None)),
        ("BALL LOST", "CLEARANCE-INTERCEPTION", (0.6, 0.5), ("Clearance", None, None)),
        ("BALL LOST", "OFFSIDE", None, ("Offside", None, None)),
        ("BALL LOST", "HAND BALL", None, ("Foul Committed", "Handball", None)),
        ("BALL OUT", "", (0.6, 1.02), ("Pass", None, "Out")),
        ("BALL OUT", "HEAD-CLEARANCE", (0.6, 1.02), ("Clearance", None, "Out")),
        ("RECOVERY", "", None, ("Ball Recovery", None, None)),
        ("RECOVERY", "INTERCEPTION", None, ("Ball Recovery", "Interception", None)),
        ("RECOVERY", "SAVED", None, ("Goal Keeper", "Shot Saved", None)),
        ("RECOVERY", "BLOCKED", None, ("Block", None, None)),
        ("CHALLENGE", "AERIAL-LOST", None, ("Duel", "Aerial Lost", "Lost")),
        ("CHALLENGE", "GROUND-WON", None, ("Duel", "Ground", "Won")),
        ("CHALLENGE", "TACKLE-ADVANTAGE-LOST", None, ("Duel", "Tackle", "Lost")),
        ("CHALLENGE", "TACKLE-FAULT-LOST", None, ("Foul Committed", None, None)),
        ("CHALLENGE", "AERIAL-FAULT-WON", None, ("Foul Won", None, None)),
        ("FAULT RECEIVED", "", None, ("Foul Won", None, None)),
        ("SHOT", "ON TARGET-SAVED", (1, 0.5), ("Shot", "Open Play", "Saved")),
        ("SHOT", "WOODWORK-SAVED-ON TARGET", (1, 0.5), ("Shot", "Open Play", "Saved to Post")),
        ("SHOT", "HEAD-WOODWORK-OUT", (1, 0.5), ("Shot", "Open Play", "Post")),
        ("SHOT", "BLOCKED", (0.92, 0.5), ("Shot", "Open Play", "Blocked")),
        ("SHOT", "OFF TARGET", (1, 0.2), ("Shot", "Open Play", "Off T")),
        ("SHOT", "WOODWORK-ON TARGET-GOAL", (1, 0.5), ("Shot", "Open Play", "Goal")),
        ("CARRY", "", (0.6, 0.5), ("Carry", None, None)),
        ("SET PIECE", "FREE KICK-INDIRECT-RETAKEN", None, ("Set Piece", "Free Kick", None)),
    ],
)
def test_a_note_becomes_a_statsbomb_event(
    type_: str, subtype: str, end: tuple[float, float] | None, expected: tuple[str, str | None, str | None]
) -> None:
    event = only(row("Home", type_, subtype, spot=(0.9, 0.5) if type_ == "SHOT" else (0.5, 0.5), end=end))
    assert (event.event_type, event.subtype, event.outcome) == expected


@pytest.mark.parametrize(
    ("piece", "subtype"),
    [("KICK OFF", "Kick Off"), ("CORNER KICK", "Corner"), ("THROW IN", "Throw-in"), ("FREE KICK", "Free Kick")],
)
def test_the_kick_after_a_set_piece_carries_the_restart(piece: str, subtype: str) -> None:
    set_piece, kick, later = events_of(
        row("Home", "SET PIECE", piece, at=200),
        row("Home", "PASS", at=203, to=7, spot=(0.5, 0.5), end=(0.6, 0.5)),
        row("Home", "PASS", at=250, player=7, to=9, spot=(0.5, 0.5), end=(0.6, 0.5)),
    )
    assert (set_piece.event_type, set_piece.subtype) == ("Set Piece", subtype)
    assert (kick.event_type, kick.subtype) == ("Pass", subtype)
    assert later.subtype is None


def test_a_penalty_is_a_shot_of_that_kind() -> None:
    _, shot = events_of(
        row("Home", "SET PIECE", "PENALTY"), row("Home", "SHOT", "ON TARGET-GOAL", spot=(0.9, 0.5), end=(1, 0.5))
    )
    assert (shot.event_type, shot.subtype, shot.outcome) == ("Shot", "Penalty", "Goal")


def test_a_ball_put_out_by_the_touch_that_won_it_is_no_pass() -> None:
    one_touch = events_of(
        row("Away", "RECOVERY", "INTERCEPTION", at=200, spot=(0.9, 0.3)),
        row("Away", "BALL OUT", at=200, until=220, spot=(0.9, 0.3), end=(1.02, 0.2)),
    )
    later_touch = events_of(
        row("Away", "RECOVERY", "INTERCEPTION", at=200, spot=(0.9, 0.3)),
        row("Away", "BALL OUT", at=230, until=250, spot=(0.9, 0.3), end=(1.02, 0.2)),
    )
    assert [event.event_type for event in one_touch] == ["Ball Recovery", "Ball Out"]
    assert [event.event_type for event in later_touch] == ["Ball Recovery", "Pass"]


def test_a_keepers_parry_is_no_lost_pass() -> None:
    saved, parried = events_of(
        row("Away", "RECOVERY", "SAVED", at=200, player=25, spot=(0.98, 0.5)),
        row("Away", "BALL LOST", "WOODWORK", at=200, until=203, player=25, spot=(0.98, 0.5), end=(1, 0.45)),
    )
    assert [saved.event_type, parried.event_type] == ["Goal Keeper", "Ball Lost"]


def test_only_the_tackler_makes_the_tackle_when_the_ball_is_won() -> None:
    events = events_of(
        row("Home", "CHALLENGE", "TACKLE-WON", at=200, player=1, spot=(0.2, 0.6)),
        row("Home", "RECOVERY", "THEFT", at=200, player=1, spot=(0.2, 0.6)),
        row("Home", "PASS", at=200, player=1, to=2, spot=(0.2, 0.6), end=(0.3, 0.6)),
        row("Away", "CHALLENGE", "TACKLE-LOST", at=201, player=18, spot=(0.2, 0.6)),
        row("Away", "BALL LOST", "THEFT", at=201, player=18, spot=(0.2, 0.6)),
    )
    duels = [(e.player, e.subtype, e.outcome) for e in events if e.event_type == "Duel"]
    assert duels == [("Sample_Game_1:Player1", "Tackle", "Won"), ("Sample_Game_1:Player18", "Tackled", "Lost")]


def test_only_the_tackler_makes_the_tackle_when_the_ball_is_kept() -> None:
    events = events_of(
        row("Home", "CHALLENGE", "TACKLE-LOST", at=200, player=6, spot=(0.5, 0.7)),
        row("Away", "CHALLENGE", "TACKLE-WON", at=203, player=21, spot=(0.5, 0.7)),
        row("Away", "PASS", at=203, player=21, to=15, spot=(0.5, 0.7), end=(0.4, 0.8)),
        row("Home", "RECOVERY", at=240, player=6, spot=(0.4, 0.8)),
        row("Home", "BALL LOST", at=260, player=6, spot=(0.4, 0.8), end=(0.5, 0.8)),
    )
    duels = [(e.player, e.subtype, e.outcome) for e in events if e.event_type == "Duel"]
    assert duels == [("Sample_Game_1:Player6", "Tackle", "Lost"), ("Sample_Game_1:Player21", "Tackled", "Won")]


def test_a_foul_is_won_once_though_noted_twice() -> None:
    events = events_of(
        row("Away", "CHALLENGE", "GROUND-FAULT-LOST", at=200, spot=(0.5, 0.5)),
        row("Home", "CHALLENGE", "GROUND-FAULT-WON", at=200, spot=(0.5, 0.5)),
        row("Home", "FAULT RECEIVED", at=205, spot=(0.5, 0.5)),
        row("Home", "SET PIECE", "FREE KICK", at=400),
        row("Home", "CHALLENGE", "GROUND-FAULT-WON", at=500, spot=(0.5, 0.5)),
        row("Home", "SET PIECE", "FREE KICK", at=600),
        row("Home", "FAULT RECEIVED", at=700, spot=(0.5, 0.5)),
    )
    fouls = [(e.index - 1, e.event_type) for e in events if e.event_type.startswith("Foul")]
    assert fouls == [(1, "Foul Committed"), (3, "Foul Won"), (5, "Foul Won"), (7, "Foul Won")]


def test_a_second_yellow_card_is_told_from_the_first() -> None:
    match = parse_csv(
        KICK_OFF,
        row("Home", "CARD", "YELLOW", at=1 + 25 * 60, player=5),
        row("Away", "CARD", "YELLOW", at=1 + 25 * 70),
        row("Home", "CARD", "YELLOW", at=1 + 25 * 120, player=5),
        row("Away", "CARD", "RED", at=1 + 25 * 130),
        HOME_ATTACKS_RIGHT,
    )
    assert [e.card for e in match.events if e.card] == ["Yellow Card", "Yellow Card", "Second Yellow", "Red Card"]
    booked = next(line for line in match.lineups if line.player == "Sample_Game_1:Player5")
    assert [(card.card, card.period, card.clock_s) for card in booked.cards] == [
        ("Yellow Card", 1, 60),
        ("Second Yellow", 1, 120),
    ]


def test_the_pass_to_the_shooter_is_an_assist_only_when_nothing_else_came_between() -> None:
    to_scorer = row("Home", "PASS", "CROSS", at=200, player=10, to=9, spot=(0.9, 0.1), end=(0.9, 0.5))
    goal = row("Home", "SHOT", "HEAD-ON TARGET-GOAL", at=240, spot=(0.9, 0.5), end=(1.01, 0.5))
    miss = row("Home", "SHOT", "OFF TARGET", at=240, spot=(0.9, 0.5), end=(1.01, 0.1))
    duel = row("Home", "CHALLENGE", "GROUND-WON", at=230, spot=(0.9, 0.5))
    parried = row("Away", "RECOVERY", "BLOCKED", at=230, spot=(0.9, 0.5))
    to_other = to_scorer.replace("Player9", "Player8")
    assert events_of(to_scorer, goal)[0].assist == "goal"
    assert events_of(to_scorer, duel, miss)[0].assist == "shot"
    assert events_of(to_scorer, parried, goal)[0].assist is None
    assert events_of(to_other, goal)[0].assist is None


# Goals

OWN_GOAL = row("Home", "BALL OUT", "WOODWORK-GOAL", at=300, player=5, spot=(0.03, 0.48), end=(-0.01, 0.54))


def test_a_ball_put_over_the_own_line_is_an_own_goal_credited_to_the_other_side() -> None:
    against, benefit = events_of(OWN_GOAL)
    assert (against.event_type, against.team) == ("Own Goal Against", "Sample_Game_1:Home")
    assert (benefit.event_type, benefit.team, benefit.player) == ("Own Goal For", "Sample_Game_1:Away", None)
    assert (against.x_m or 0) < 0 < (benefit.x_m or 0)
    assert [against.index, benefit.index] == [2, 3]
    assert json.loads(against.related_events or b"") == [benefit.provider_event_id]
    assert json.loads(benefit.related_events or b"") == [against.provider_event_id]
    match = parse_csv(KICK_OFF, OWN_GOAL, HOME_ATTACKS_RIGHT).match
    assert (match.home_score, match.away_score, match.score_from_events) == (0, 1, True)


def test_goal_on_anything_else_is_told_and_not_counted() -> None:
    match = parse_csv(KICK_OFF, row("Away", "RECOVERY", "GOAL", spot=(0.57, 0.6)), HOME_ATTACKS_RIGHT)
    assert (match.match.home_score, match.match.away_score) == (0, 0)
    assert match.warnings == ("event 2: GOAL on a RECOVERY not counted",)
    assert match.events[1].event_type == "Ball Recovery"


def test_a_ball_out_behind_the_other_goal_is_no_own_goal() -> None:
    match = parse_csv(KICK_OFF, OWN_GOAL.replace("0.03,0.48,-0.01", "0.97,0.48,1.01"), HOME_ATTACKS_RIGHT)
    assert (match.match.home_score, match.match.away_score) == (0, 0)
    assert match.warnings == ("event 2: GOAL on a BALL OUT not counted",)


def test_unknown_subtypes_are_kept_and_told() -> None:
    match = parse_csv(KICK_OFF, row("Home", "PASS", "BACKHEEL-HEAD", to=7, spot=(0.5, 0.5)), HOME_ATTACKS_RIGHT)
    assert match.warnings == ("unknown subtypes kept in details: BACKHEEL",)
    assert json.loads(match.events[1].details or b"")["subtypes"] == ["BACKHEEL", "HEAD"]


# Events JSON and EPTS metadata


def changed_events(folder: Path, position: int, **changes: Any) -> bytes:
    content = json.loads((folder / EVENTS).read_text())
    content["data"][position] |= changes
    return json.dumps(content).encode()


def pair_error(folder: Path, **changes: bytes) -> SourceError:
    with pytest.raises(SourceError) as raised:
        parse_pair(folder, **changes)
    assert raised.value.verdict is Verdict.MALFORMED
    return raised.value


@pytest.mark.parametrize(
    ("position", "changes", "field"),
    [
        (16, {"type": {"name": "DANCE", "id": 99}}, "data[16].type.name"),
        (16, {"period": "1"}, "data[16].period"),
        (16, {"period": 5}, "data[16].period"),
        (16, {"index": 18}, "data[16].index"),
        (16, {"start": {"frame": 1, "time": "x", "x": 0, "y": 0}}, "data[16].start.time"),
        (16, {"from": {"name": "Nobody", "id": "P1"}}, "data[16].from.id"),
        (16, {"to": {"name": "Nobody", "id": "P1"}}, "data[16].to.id"),
        (16, {"team": {"name": "Third", "id": "FIFAX"}}, "data[16].team.id"),
        (16, {"subtypes": "HEAD"}, "data[16].subtypes"),
    ],
)
def test_a_broken_json_event_is_named_by_path(sample: Path, position: int, changes: Any, field: str) -> None:
    error = pair_error(sample, events=changed_events(sample, position, **changes))
    assert (error.document, error.field) == (EVENTS, field)


@pytest.mark.parametrize("content", [b"", b'{"data": [{"index": 1, "te', b"[]", b'{"data": []}', b"[" * 100_000])
def test_truncated_json_is_refused(sample: Path, content: bytes) -> None:
    assert pair_error(sample, events=content).document == EVENTS


def test_truncated_xml_is_refused(sample: Path) -> None:
    content = (sample / METADATA).read_bytes()
    assert pair_error(sample, metadata=content[: len(content) // 2]).document == METADATA


def test_entities_are_refused_before_they_expand(sample: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE main [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><main>&b;</main>'
    assert "type definition" in pair_error(sample, metadata=bomb).reason
    assert "UTF-8" in pair_error(sample, metadata=bomb.decode().encode("utf-16")).reason


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("<LocalTeamScore>", "<LocalTeamScore>x", "LocalTeamScore"),
        ('idLocalTeam="FIFASIMA"', 'idLocalTeam="FIFAX"', "Score idLocalTeam"),
        ("left_to_right", "upward", "Team FIFASIMB attack_direction_first_half"),
        ("left_to_right", "right_to_left", "Team attack_direction_first_half"),
        ("<FrameRate>25", "<FrameRate>0", "FrameRate"),
        ("2019-03-01T", "yesterday", "Session Start"),
        ("<ShirtNumber>7<", "<ShirtNumber>seven<", "Player P9007 ShirtNumber"),
        ('playerId="P9007"', 'playerId="P1"', "PlayerChannelRef"),
        ("<Sessions>", "<Sessions><Nothing/></Sessions><Sessions>", "Metadata/Sessions/Session"),
    ],
)
def test_broken_metadata_names_its_element(sample: Path, old: str, new: str, field: str) -> None:
    content = (sample / METADATA).read_text()
    assert old in content
    if field == "Metadata/Sessions/Session":
        content = content.replace("<Session ", "<Meeting ").replace("</Session>", "</Meeting>")
    error = pair_error(sample, metadata=content.replace(old, new).encode())
    assert (error.document, error.field) == (METADATA, field)


def test_a_score_that_the_events_do_not_tell_is_refused(sample: Path) -> None:
    home = parse_pair(sample).match.home_score
    doctored = (
        (sample / METADATA)
        .read_text()
        .replace(f"<LocalTeamScore>{home}<", f"<LocalTeamScore>{(home or 0) + 1}<")
        .encode()
    )
    assert pair_error(sample, metadata=doctored).field == "score"


def test_without_a_stated_score_the_goals_are_counted(sample: Path) -> None:
    stated = parse_pair(sample).match
    counted = parse_pair(sample, metadata=without_score(sample).encode()).match
    assert not stated.score_from_events
    assert counted.score_from_events
    assert (counted.home_score, counted.away_score) == (stated.home_score, stated.away_score)


def without_score(folder: Path) -> str:
    content = (folder / METADATA).read_text()
    stated = parse_pair(folder).match
    for tag, goals in (("LocalTeamScore", stated.home_score), ("VisitingTeamScore", stated.away_score)):
        content = content.replace(f"<{tag}>{goals}</{tag}>", f"<{tag}/>")
    return content


def with_ends_swapped(metadata: str) -> str:
    swapped = metadata.replace("left_to_right", "swap").replace("right_to_left", "left_to_right")
    return swapped.replace("swap", "right_to_left")


def test_metadata_tells_the_direction_where_nobody_shoots(sample: Path) -> None:
    data = json.loads((sample / EVENTS).read_text())["data"]
    first_shot = next(at for at, event in enumerate(data) if event["type"]["name"] == "SHOT")
    opening = json.dumps({"data": data[:first_shot]}).encode()
    metadata = without_score(sample)
    straight = parse_pair(sample, events=opening, metadata=metadata.encode()).events
    mirrored = parse_pair(sample, events=opening, metadata=with_ends_swapped(metadata).encode()).events
    passed = next(event for event in straight if event.event_type == "Pass" and event.team == "FIFASIMB")
    assert passed.x_m == pytest.approx(((passed.provider_x or 0) - 0.5) * 105)
    pairs = [(a.x_m, b.x_m) for a, b in zip(straight, mirrored, strict=True) if a.x_m and b.x_m]
    assert pairs
    assert all(a == -b for a, b in pairs)


def test_a_direction_that_the_shots_contradict_is_refused(sample: Path) -> None:
    error = pair_error(sample, metadata=with_ends_swapped((sample / METADATA).read_text()).encode())
    assert error.field == "period 1 Start X"


def test_squads_tell_starters_substitutes_and_the_unused(sample: Path) -> None:
    lineups = {line.player: line for line in parse_pair(sample).lineups}
    assert Counter((line.team, line.is_starter) for line in lineups.values()) == {
        ("FIFASIMA", True): 11,
        ("FIFASIMA", False): 3,
        ("FIFASIMB", True): 11,
        ("FIFASIMB", False): 3,
    }
    off, on, unused = lineups["P9009"], lineups["P9012"], lineups["P9013"]
    assert [(s.from_period, s.from_clock_s, s.to_period, s.to_clock_s) for s in off.spells] == [(1, 0, 2, 2700)]
    assert [(s.from_period, s.from_clock_s, s.to_period, s.to_clock_s) for s in on.spells] == [(2, 2700, None, None)]
    assert [s.from_clock_s for s in lineups["P9026"].spells] == [2700 + 1350]
    assert (unused.position, unused.spells, unused.shirt_number) == (None, (), 13)


def test_metadata_without_tracking_formats_leaves_starters_unknown(sample: Path) -> None:
    content = (sample / METADATA).read_text()
    start, end = content.index("<DataFormatSpecifications>"), content.index("</main>")
    lineups = parse_pair(sample, metadata=(content[:start] + content[end:]).encode()).lineups
    assert {line.is_starter for line in lineups} == {None}
    assert {line.spells for line in lineups} == {()}
    assert None not in {line.position for line in lineups}


# The sample games


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


# Real games


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
