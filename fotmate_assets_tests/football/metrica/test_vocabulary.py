"""Metrica's events in StatsBomb's vocabulary."""

import json

import pytest

from fotmate_assets_tests.football.metrica.samples import HOME_ATTACKS_RIGHT, KICK_OFF, events_of, only, parse_csv, row


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
