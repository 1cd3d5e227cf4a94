"""Metrica's CSV: rows, directions of attack and clocks."""

import json
from pathlib import Path

import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.football.sources import metrica
from fotmate_assets_tests.football.metrica.samples import (
    CSV,
    EVENTS,
    HEADER,
    HOME_ATTACKS_RIGHT,
    KICK_OFF,
    METADATA,
    csv_content,
    csv_error,
    documents,
    events_of,
    only,
    parse_csv,
    raw,
    row,
)


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
