"""Player match statistics, counted by hand on short lists of events and again from simulated matches."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from fotmate_assets.core.model import RawDocument
from fotmate_assets.embedded.sample.statsbomb import Incident, SampleMatch, competition_row, sample_team, simulate_match
from fotmate_assets.football.model import Event, Lineup, MatchAggregate, PlayerMatchStats
from fotmate_assets.football.sources.statsbomb.parse import parse_match, parse_match_list
from fotmate_assets.football.stats import minutes_played, period_lengths_ms, player_match_stats

MINUTE = 60_000


def event(event_type: str, player: str | None = "h1", at: float = 0, period: int = 1, **columns: Any) -> Event:
    """An event of the home side, `at` minutes into its period; players of the away side begin with `a`."""
    return Event(
        **{
            **dict.fromkeys(Event._fields),
            "team": "away" if (player or "h").startswith("a") else "home",
            "player": player,
            "period": period,
            "timestamp_ms": round(at * MINUTE),
            "event_type": event_type,
            **columns,
        }
    )


def squad(*extra: Lineup, bench: tuple[str, ...] = ("h12", "a12")) -> list[Lineup]:
    """Eleven starters a side, h1 to h11 and a1 to a11, and a bench."""
    starters = [Lineup(team(p), p, None, True, None) for p in (f"{side}{n}" for side in "ha" for n in range(1, 12))]
    return [*starters, *(Lineup(team(p), p, None, False, None) for p in bench), *extra]


def team(player: str) -> str:
    return "home" if player.startswith("h") else "away"


def whistles(*minutes: float) -> list[Event]:
    """Start and end of every period that lasted `minutes`."""
    return [
        whistle
        for period, length in enumerate(minutes, start=1)
        for whistle in (event("Half Start", None, 0, period), event("Half End", None, length, period))
    ]


def during(periods: list[Event], *events: Event) -> list[Event]:
    """Events in provider order: those of a period before its end."""
    return sorted([*periods, *events], key=lambda e: (e.period, e.event_type == "Half End", e.timestamp_ms))


def minutes(events: list[Event], lineups: list[Lineup] | None = None) -> dict[str, float]:
    played = minutes_played(events, squad() if lineups is None else lineups)
    assert played is not None
    return played


def stats(*events: Event) -> dict[str, PlayerMatchStats]:
    return {line.player: line for line in player_match_stats(during(whistles(45, 45), *events), squad())}


# --- minutes ----------------------------------------------------------------------------------------------------


def test_stoppage_time_counts_as_played() -> None:
    played = minutes(whistles(47, 49.5))
    assert played["h1"] == pytest.approx(96.5)
    assert sum(played.values()) == pytest.approx(22 * 96.5)


def test_extra_time_counts_as_played_and_the_shoot_out_does_not() -> None:
    shootout = [event("Half Start", None, 0, 5), event("Half End", None, 9, 5)]
    assert minutes(whistles(45, 48, 15, 16) + shootout)["a11"] == pytest.approx(124)


def test_a_substitution_shares_the_minutes_between_two_players() -> None:
    events = during(whistles(45, 50), event("Substitution", "h5", 20, 2, recipient="h12"))
    played = minutes(events)
    assert [played["h5"], played["h12"]] == pytest.approx([65, 30])
    assert sum(played.values()) == pytest.approx(22 * 95)


def test_a_substitution_at_half_time_costs_no_first_half() -> None:
    played = minutes(during(whistles(46, 48), event("Substitution", "h5", 0, 2, recipient="h12")))
    assert [played["h5"], played["h12"]] == pytest.approx([46, 48])


def test_an_unused_substitute_has_zero_minutes() -> None:
    assert minutes(whistles(45, 45))["h12"] == 0
    assert stats()["h12"].minutes == 0


@pytest.mark.parametrize("card", ["Red Card", "Second Yellow"])
@pytest.mark.parametrize("event_type", ["Foul Committed", "Bad Behaviour"])
def test_a_dismissal_ends_the_minutes_and_nobody_takes_them(card: str, event_type: str) -> None:
    played = minutes(during(whistles(45, 45), event(event_type, "a4", 24.5, 1, card=card)))
    assert played["a4"] == pytest.approx(24.5)
    assert sum(played.values()) == pytest.approx(22 * 90 - 65.5)


def test_a_yellow_card_ends_nothing() -> None:
    assert minutes(during(whistles(45, 45), event("Foul Committed", "a4", 24, card="Yellow Card")))["a4"] == 90


def test_a_substitution_of_a_player_on_a_yellow_is_no_dismissal() -> None:
    events = during(
        whistles(45, 45),
        event("Foul Committed", "h3", 30, 1, card="Yellow Card"),
        event("Substitution", "h3", 15, 2, recipient="h12"),
    )
    played = minutes(events)
    assert (played["h3"], played["h12"]) == (60, 30)
    assert sum(played.values()) == 22 * 90


def test_a_substitute_may_be_sent_off() -> None:
    events = during(
        whistles(45, 45),
        event("Substitution", "h3", 10, 2, recipient="h12"),
        event("Foul Committed", "h12", 40, 2, card="Red Card"),
    )
    played = minutes(events)
    assert (played["h3"], played["h12"]) == (55, 30)


def test_a_card_on_the_bench_takes_nobody_off() -> None:
    played = minutes(during(whistles(45, 45), event("Bad Behaviour", "h12", 40, 2, card="Red Card")))
    assert played["h12"] == 0
    assert sum(played.values()) == 22 * 90


def test_a_card_after_the_final_whistle_costs_no_minutes_and_counts() -> None:
    events = [*whistles(45, 45), event("Bad Behaviour", "h4", 46, 2, card="Red Card")]
    assert minutes(events)["h4"] == 90
    line = next(line for line in player_match_stats(events, squad()) if line.player == "h4")
    assert (line.red_cards, line.minutes) == (1, 90)


def test_leaving_for_good_ends_the_minutes_and_treatment_does_not() -> None:
    events = during(
        whistles(45, 45),
        event("Player Off", "h2", 10, 1),
        event("Player On", "h2", 13, 1),
        event("Player Off", "a2", 36, 2, outcome="Permanent"),
    )
    played = minutes(events)
    assert (played["h2"], played["a2"]) == (90, 81)


def test_the_length_of_a_period_is_its_last_half_end_or_else_its_last_event() -> None:
    events = [event("Half End", None, 45.0, 1), event("Half End", None, 45.5, 1), event("Pass", "h1", 46, 1)]
    events += [event("Pass", "h1", 48, 2), event("Shot", "h1", 4, 5)]
    assert period_lengths_ms(events) == {1: 45.5 * MINUTE, 2: 48 * MINUTE}


def test_without_known_starters_nobody_has_minutes() -> None:
    unknown = [member._replace(is_starter=None) for member in squad()]
    bench_only = [member._replace(is_starter=False) for member in squad()]
    assert minutes_played(whistles(45, 45), unknown) is None
    assert minutes_played(whistles(45, 45), bench_only) is None
    assert minutes_played(whistles(45, 45), []) is None
    assert all(line.minutes is None for line in player_match_stats(whistles(45, 45), unknown))


# --- counts -----------------------------------------------------------------------------------------------------


def test_shots_goals_and_expected_goals_by_hand() -> None:
    line = stats(
        event("Shot", outcome="Goal", xg=0.5, subtype="Open Play"),
        event("Shot", outcome="Saved", xg=0.125, subtype="Open Play"),
        event("Shot", outcome="Saved to Post", xg=0.0625),
        event("Shot", outcome="Saved Off Target", xg=0.0),
        event("Shot", outcome="Off T", xg=0.25),
        event("Shot", outcome="Post"),
        event("Shot", outcome="Blocked"),
        event("Shot", outcome="Wayward"),
    )["h1"]
    assert (line.shots, line.shots_on_target, line.goals) == (8, 3, 1)
    assert line.xg == 0.9375
    assert line.advanced == {"non_penalty_xg": 0.9375}


@pytest.mark.parametrize(
    ("outcome", "on_target"),
    [
        ("Goal", 1),
        ("Saved", 1),
        ("Saved to Post", 1),
        ("Saved Off Target", 0),
        ("Off T", 0),
        ("Post", 0),
        ("Blocked", 0),
        ("Wayward", 0),
    ],
)
def test_a_shot_is_on_target_that_would_have_gone_in(outcome: str, on_target: int) -> None:
    assert stats(event("Shot", outcome=outcome))["h1"].shots_on_target == on_target


def test_a_penalty_is_a_shot_and_counted_beside() -> None:
    line = stats(
        event("Shot", outcome="Goal", subtype="Penalty", xg=0.75),
        event("Shot", outcome="Saved", subtype="Penalty", xg=0.75),
        event("Shot", outcome="Off T", subtype="Free Kick", xg=0.0625),
    )["h1"]
    assert (line.goals, line.shots, line.xg) == (1, 3, 1.5625)
    assert line.advanced == {"penalties": 2, "penalty_goals": 1, "non_penalty_xg": 0.0625}


def test_an_own_goal_counts_for_its_scorer_as_own_goal_and_for_nobody_as_goal() -> None:
    lines = stats(event("Own Goal Against", "a3"), event("Own Goal For", "h9"))
    assert (lines["a3"].own_goals, lines["a3"].goals) == (1, 0)
    assert (lines["h9"].own_goals, lines["h9"].goals, lines["h9"].shots) == (0, 0, 0)


def test_passes_by_hand() -> None:
    line = stats(
        event("Pass"),
        event("Pass", outcome="Incomplete"),
        event("Pass", outcome="Unknown"),
        event("Pass", assist="goal"),
        event("Pass", assist="shot"),
    )["h1"]
    assert (line.passes, line.passes_completed, line.assists, line.key_passes) == (5, 3, 1, 2)
    assert line.pass_accuracy == 0.6
    assert stats()["h1"].pass_accuracy is None


@pytest.mark.parametrize(
    ("start", "end", "progressive", "into_box"),
    [
        ((0.0, 0.0), (20.0, 0.0), 1, 0),  # 52.5 m to 32.5 m
        ((0.0, 0.0), (13.0, 0.0), 0, 0),  # 52.5 m to 39.5 m: not a quarter nearer
        ((30.0, 0.0), (40.0, 0.0), 1, 1),
        ((40.0, 10.0), (40.0, -10.0), 0, 0),  # inside the box already
        ((30.0, 30.0), (40.0, 20.2), 1, 0),  # beside the box
        ((50.0, 30.0), (50.0, 20.1), 1, 1),
        ((40.0, 0.0), (0.0, 0.0), 0, 0),
    ],
)
def test_progressive_passes_and_passes_into_the_box(
    start: tuple[float, float], end: tuple[float, float], progressive: int, into_box: int
) -> None:
    where: dict[str, Any] = {"x_m": start[0], "y_m": start[1], "end_x_m": end[0], "end_y_m": end[1]}
    advanced = stats(event("Pass", **where), event("Pass", "h2", outcome="Out", **where))
    assert (advanced["h1"].advanced or {}).get("progressive_passes", 0) == progressive
    assert (advanced["h1"].advanced or {}).get("passes_into_box", 0) == into_box
    assert advanced["h2"].advanced == {}, "a failed pass gets nowhere"


def test_duels_dribbles_saves_and_the_rest_by_hand() -> None:
    lines = stats(
        event("Duel", subtype="Tackle", outcome="Won"),
        event("Duel", subtype="Tackle", outcome="Lost Out"),
        event("Duel", subtype="Aerial Lost"),
        event("Dribble", outcome="Complete"),
        event("Dribble", outcome="Incomplete"),
        event("Interception"),
        event("Clearance"),
        event("Clearance"),
        event("Foul Committed", card="Yellow Card"),
        event("Foul Won"),
        event("Carry"),
        event("Pressure"),
        event("Ball Recovery"),
        event("Block"),
        event("Dispossessed"),
        event("Miscontrol"),
        event("Dribbled Past"),
        event("Offside"),
        event("Error"),
        event("Goal Keeper", "a1", subtype="Shot Saved"),
        event("Goal Keeper", "a1", subtype="Penalty Saved"),
        event("Goal Keeper", "a1", subtype="Shot Faced"),
        event("Goal Keeper", "a1", subtype="Goal Conceded"),
        event("Goal Keeper", "a1", subtype="Penalty Conceded"),
    )
    line = lines["h1"]
    assert (line.tackles, line.interceptions, line.clearances) == (2, 1, 2)
    assert (line.fouls_committed, line.fouls_won, line.yellow_cards, line.red_cards) == (1, 1, 1, 0)
    once = ("carries", "pressures", "ball_recoveries", "blocks", "dispossessed", "miscontrols", "dribbled_past")
    assert line.advanced == {
        **dict.fromkeys(once, 1),
        "offsides": 1,
        "errors": 1,
        "aerials_lost": 1,
        "dribbles": 2,
        "dribbles_completed": 1,
    }
    assert lines["a1"].advanced == {"saves": 2, "goals_conceded": 2}


def test_cards_come_from_fouls_and_from_bad_behaviour() -> None:
    line = stats(
        event("Foul Committed", "h6", 10, card="Yellow Card"), event("Bad Behaviour", "h6", 20, card="Second Yellow")
    )["h6"]
    assert (line.yellow_cards, line.red_cards, line.fouls_committed, line.minutes) == (1, 1, 1, 20)


def test_the_shoot_out_counts_for_nothing() -> None:
    line = stats(event("Shot", period=5, outcome="Goal", subtype="Penalty", xg=0.78), event("Shot", xg=0.25))["h1"]
    assert (line.goals, line.shots, line.xg) == (0, 1, 0.25)


def test_a_player_of_the_events_who_is_in_no_squad_has_a_line_too() -> None:
    line = stats(event("Pass", "a99"), event("Pass", "a99"))["a99"]
    assert (line.team, line.passes, line.minutes) == ("away", 2, 0)


def test_a_player_who_comes_on_without_being_in_a_squad_has_his_minutes() -> None:
    lines = stats(event("Substitution", "h5", 15, 2, recipient="h77"), event("Pass", "h77", 20, 2))
    assert (lines["h5"].minutes, lines["h77"].minutes) == (60, 30)


def test_every_member_of_a_squad_has_exactly_one_line() -> None:
    lines = player_match_stats([*whistles(45, 45), event("Pass")], squad())
    assert Counter(line.player for line in lines) == Counter(member.player for member in squad())


def test_events_without_a_player_count_for_nobody() -> None:
    assert all(line.passes == 0 for line in stats(event("Pass", None)).values())


def test_expected_goals_are_unknown_where_the_provider_has_none() -> None:
    assert stats(event("Shot", outcome="Goal"))["h1"].xg is None
    lines = stats(event("Shot", outcome="Goal", xg=0.5))
    assert (lines["h1"].xg, lines["h2"].xg) == (0.5, 0.0)


# --- simulated matches, recounted from their JSON -----------------------------------------------------------------

GAMES: list[dict[str, Any]] = [
    {"incidents": [Incident.RED_CARD, Incident.PENALTY_SCORED, Incident.OWN_GOAL]},
    {"incidents": [Incident.SECOND_YELLOW, Incident.BAD_BEHAVIOUR, Incident.OWN_GOAL_NAMED]},
    {"incidents": [Incident.PERMANENT_OFF, Incident.HALF_TIME_SUBSTITUTION, Incident.PENALTY_SAVED]},
    {"incidents": [Incident.INJURY, Incident.LONG_FIRST_HALF], "shootout": True},
    {"extra_time": True},
]


def parsed(game: SampleMatch) -> MatchAggregate:
    season = competition_row()
    row = {
        **game.match,
        "competition": {key: season[key] for key in ("competition_id", "country_name", "competition_name")},
        "season": {key: season[key] for key in ("season_id", "season_name")},
    }

    def document(name: str, content: object) -> RawDocument:
        return RawDocument("statsbomb", name, msgspec.json.encode(content), "test:", datetime(2026, 1, 1, tzinfo=UTC))

    listed = parse_match_list(document("matches/9001/901.json", [row]))[game.id]
    events, lineups = document("events/1.json", game.events), document("lineups/1.json", game.lineups)
    return parse_match(listed, "simulated-league_2025-2026", events, lineups)


@pytest.fixture(scope="module", params=range(len(GAMES)))
def game(request: pytest.FixtureRequest) -> tuple[SampleMatch, MatchAggregate]:
    number = request.param
    teams = sample_team(1, "Home"), sample_team(2, "Away")
    match = simulate_match(100 + number, *teams, minutes_scale=0.07, **GAMES[number])
    return match, parsed(match)


Game = tuple[SampleMatch, MatchAggregate]


def name(event: dict[str, Any]) -> str:
    return str(event["type"]["name"])


def test_totals_are_those_of_the_json(game: Game) -> None:
    match, aggregate = game
    expected: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for raw in match.events:
        if "player" not in raw or raw["period"] == 5:
            continue
        count = expected[str(raw["player"]["id"])]
        shot, passed = raw.get("shot", {}), raw.get("pass", {})
        card = {**raw.get("foul_committed", {}), **raw.get("bad_behaviour", {})}.get("card", {}).get("name")
        told = {
            "goals": name(raw) == "Shot" and shot["outcome"]["name"] == "Goal",
            "own_goals": name(raw) == "Own Goal Against",
            "shots": name(raw) == "Shot",
            "assists": "goal_assist" in passed,
            "key_passes": "goal_assist" in passed or "shot_assist" in passed,
            "passes": name(raw) == "Pass",
            "passes_completed": name(raw) == "Pass" and "outcome" not in passed,
            "tackles": name(raw) == "Duel" and raw["duel"]["type"]["name"] == "Tackle",
            "interceptions": name(raw) == "Interception",
            "clearances": name(raw) == "Clearance",
            "fouls_committed": name(raw) == "Foul Committed",
            "fouls_won": name(raw) == "Foul Won",
            "yellow_cards": card == "Yellow Card",
            "red_cards": card in ("Red Card", "Second Yellow"),
            "xg": shot.get("statsbomb_xg", 0),
        }
        for statistic, value in told.items():
            count[statistic] += value
    assert sum(count["passes"] for count in expected.values()) > 30
    for line in aggregate.stats:
        count = expected[line.player]
        for statistic in told:
            assert getattr(line, statistic) == pytest.approx(count[statistic]), (line.player, statistic)


def test_the_goals_of_both_sides_make_the_score(game: Game) -> None:
    match, aggregate = game
    sides = aggregate.match.home.provider_id, aggregate.match.away.provider_id
    for side, other, score in (
        (*sides, match.match["home_score"]),
        (*reversed(sides), match.match["away_score"]),
    ):
        goals = sum(line.goals for line in aggregate.stats if line.team == side)
        own_goals = sum(line.own_goals for line in aggregate.stats if line.team == other)
        assert goals + own_goals == score


def test_every_assist_is_a_goal_with_a_pass_before_it(game: Game) -> None:
    match, aggregate = game
    assisted = [
        raw
        for raw in match.events
        if name(raw) == "Shot" and raw["shot"]["outcome"]["name"] == "Goal" and "key_pass_id" in raw["shot"]
    ]
    assert sum(line.assists for line in aggregate.stats) == len(assisted)


def test_minutes_add_up_to_twenty_two_times_the_match_less_those_sent_off_or_gone(game: Game) -> None:
    match, aggregate = game

    def clock(raw: dict[str, Any]) -> float:
        hours, minute, second = raw["timestamp"].split(":")
        return int(hours) * 60 + int(minute) + float(second) / 60

    ends = {raw["period"]: clock(raw) for raw in match.events if name(raw) == "Half End" and raw["period"] < 5}
    whole = sum(ends.values())
    lost = 0.0
    for raw in match.events:
        card = {**raw.get("foul_committed", {}), **raw.get("bad_behaviour", {})}.get("card", {}).get("name")
        if card in ("Red Card", "Second Yellow") or raw.get("player_off", {}).get("permanent"):
            lost += whole - sum(ends[p] for p in ends if p < raw["period"]) - clock(raw)
    played = [line.minutes for line in aggregate.stats]
    assert None not in played
    assert sum(filter(None, played)) == pytest.approx(22 * whole - lost, abs=1e-6)
