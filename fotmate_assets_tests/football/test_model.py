"""The arithmetic of the football domain: the pitch, the clock, keys and scores."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.football.model import (
    PITCH_LENGTH_M,
    PITCH_WIDTH_M,
    SEASON_KEY,
    Coordinates,
    Event,
    Scoreline,
    match_clock,
    match_id,
    scoreline,
    season_key,
    slug,
    validated_season_key,
)

CELLS = (0.1, 1.0)
"""Size of a StatsBomb grid cell in fidelity 2 and 1."""

cells = st.sampled_from(CELLS)
unit = st.floats(0, 1)


def grid(length: float) -> st.SearchStrategy[float]:
    """Coordinates of StatsBomb's grid along a side of `length`, the overshoot of real files included."""
    return st.integers(1, int(length * 10) + 9).map(lambda tenths: tenths / 10)


# --- StatsBomb's grid -------------------------------------------------------------------------------------------


@given(grid(120), grid(80), cells)
def test_the_same_spot_seen_by_both_sides_adds_up_to_zero(x: float, y: float, cell: float) -> None:
    seen = Coordinates.from_statsbomb(x, y, cell)
    mirrored = Coordinates.from_statsbomb(120 + cell - x, 80 + cell - y, cell)
    assert seen.x_m + mirrored.x_m == pytest.approx(0, abs=1e-9)
    assert seen.y_m + mirrored.y_m == pytest.approx(0, abs=1e-9)


def test_an_own_goal_of_fidelity_2_and_of_fidelity_1_is_one_spot() -> None:
    for cell, here, there in ((0.1, (106.4, 38.3), (13.7, 41.8)), (1.0, (115.0, 38.0), (6.0, 43.0))):
        one, other = Coordinates.from_statsbomb(*here, cell), Coordinates.from_statsbomb(*there, cell)
        assert (one.x_m, one.y_m) == pytest.approx((-other.x_m, -other.y_m))


@given(grid(120), grid(80), cells)
def test_statsbomb_coordinates_come_back_from_metres(x: float, y: float, cell: float) -> None:
    metres = Coordinates.from_statsbomb(x, y, cell)
    assert metres.x_m * 120 / PITCH_LENGTH_M + 60 + cell / 2 == pytest.approx(x)
    assert 40 - metres.y_m * 80 / PITCH_WIDTH_M + cell / 2 == pytest.approx(y)


@given(st.floats(0.1, 120), st.floats(0.1, 80))
def test_a_point_of_statsbombs_pitch_is_on_ours(x: float, y: float) -> None:
    point = Coordinates.from_statsbomb(x, y)
    assert abs(point.x_m) <= PITCH_LENGTH_M / 2
    assert abs(point.y_m) <= PITCH_WIDTH_M / 2


def test_the_attacked_goal_of_statsbomb_is_to_the_right_and_its_low_y_is_up() -> None:
    near_goal_left = Coordinates.from_statsbomb(120, 0.1)
    assert near_goal_left.x_m == pytest.approx(52.5, abs=0.05)
    assert near_goal_left.y_m == pytest.approx(34.0, abs=0.05)
    assert Coordinates.from_statsbomb(60.05, 40.05) == pytest.approx((0, 0))


@given(grid(120), grid(80), cells)
def test_moving_forward_or_left_in_statsbomb_raises_x_or_y(x: float, y: float, cell: float) -> None:
    here = Coordinates.from_statsbomb(x, y, cell)
    assert Coordinates.from_statsbomb(x + 0.1, y, cell).x_m > here.x_m
    assert Coordinates.from_statsbomb(x, y - 0.1, cell).y_m > here.y_m


def test_the_overshoot_of_real_files_is_kept() -> None:
    overshoot = Coordinates.from_statsbomb(120.9, 80.7)
    assert overshoot.x_m > PITCH_LENGTH_M / 2
    assert overshoot.y_m < -PITCH_WIDTH_M / 2


# --- Metrica's square -------------------------------------------------------------------------------------------


@given(unit, unit)
def test_both_directions_of_metrica_are_each_others_mirror(x: float, y: float) -> None:
    right = Coordinates.from_metrica(x, y, attacks_right=True)
    left = Coordinates.from_metrica(x, y, attacks_right=False)
    assert right == pytest.approx((-left.x_m, -left.y_m))
    for point in (right, left):
        assert abs(point.x_m) <= PITCH_LENGTH_M / 2
        assert abs(point.y_m) <= PITCH_WIDTH_M / 2


@given(unit, unit, st.booleans())
def test_metrica_coordinates_come_back_from_metres(x: float, y: float, attacks_right: bool) -> None:
    metres = Coordinates.from_metrica(x, y, attacks_right=attacks_right)
    side = 1 if attacks_right else -1
    assert side * metres.x_m / PITCH_LENGTH_M + 0.5 == pytest.approx(x)
    assert 0.5 - side * metres.y_m / PITCH_WIDTH_M == pytest.approx(y)


def test_metricas_top_left_corner_is_ahead_and_right_of_a_side_that_attacks_left() -> None:
    assert Coordinates.from_metrica(0, 0, attacks_right=True) == (-52.5, 34.0)
    assert Coordinates.from_metrica(0, 0, attacks_right=False) == (52.5, -34.0)
    assert Coordinates.from_metrica(0.5, 0.5, attacks_right=True) == (0, 0)


# --- the clock --------------------------------------------------------------------------------------------------

timestamps = st.integers(0, 60 * 60_000)


@given(st.integers(1, 5), timestamps)
def test_the_match_clock_is_the_base_of_the_period_and_the_whole_seconds_since(period: int, timestamp_ms: int) -> None:
    minute, second = match_clock(period, timestamp_ms)
    base = {1: 0, 2: 45, 3: 90, 4: 105, 5: 120}[period]
    assert 0 <= second < 60
    assert (minute - base) * 60 + second == timestamp_ms // 1000


@given(st.integers(1, 5), timestamps, timestamps)
def test_the_match_clock_never_runs_back_inside_a_period(period: int, one: int, other: int) -> None:
    earlier, later = sorted((one, other))
    assert match_clock(period, earlier) <= match_clock(period, later)


def test_stoppage_time_overlaps_the_next_period_on_the_match_clock() -> None:
    assert match_clock(1, 53 * 60_000) == (53, 0)
    assert match_clock(2, 0) == (45, 0)
    assert match_clock(1, 53 * 60_000) > match_clock(2, 0)
    assert match_clock(4, 22 * 60_000 + 999) == (127, 0)
    assert match_clock(5, 0) == (120, 0)


@pytest.mark.parametrize("period", [0, 6, -1])
def test_a_sixth_period_has_no_clock(period: int) -> None:
    with pytest.raises(KeyError):
        match_clock(period, 0)


# --- keys -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("competition", "season", "key"),
    [
        ("Premier League", "2003/2004", "premier-league_2003-2004"),
        ("Women's World Cup", "2019", "womens-world-cup_2019"),
        ("Women’s World Cup", "2019", "womens-world-cup_2019"),
        ("La Liga", "2020/2021", "la-liga_2020-2021"),
        ("La Liga", "2020–2021", "la-liga_2020-2021"),
        ("1. Bundesliga", "2015/2016", "1-bundesliga_2015-2016"),
        ("UEFA Europa  League ", "2023 / 2024", "uefa-europa-league_2023-2024"),
        ("Série A", "2024", "serie-a_2024"),
        ("Süper Lig", "2024", "super-lig_2024"),
    ],
)
def test_a_season_key_is_the_competition_and_the_season_in_plain_letters(
    competition: str, season: str, key: str
) -> None:
    assert season_key(slug(competition), season) == key
    assert validated_season_key(key) == key


@given(st.text())
def test_a_slug_is_made_of_lower_case_letters_digits_and_single_hyphens(text: str) -> None:
    assert re.fullmatch(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*)?", slug(text))
    assert slug(slug(text)) == slug(text)


@given(st.text(), st.text())
def test_a_season_key_is_valid_or_refused(competition: str, season: str) -> None:
    try:
        key = season_key(slug(competition), season)
    except ValueError:
        assert not slug(competition) or not slug(season)
    else:
        assert SEASON_KEY.fullmatch(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "premier-league",
        "premier-league_",
        "_2003",
        "Premier-League_2003",
        "a_b_c",
        "a--b_2003",
        "a_2003/2004",
        "a_1\n",
    ],
)
def test_what_is_no_season_key_is_refused_and_quoted(key: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(key))):
        validated_season_key(key)


@pytest.mark.parametrize(
    ("key", "matchday", "sequence", "expected"),
    [
        ("premier-league_2025-2026", 1, 1, "2025-2026_1_001"),
        ("premier-league_2025-2026", 38, 10, "2025-2026_38_010"),
        ("premier-league_2025-2026", None, 380, "2025-2026_0_380"),
        ("premier-league_2025-2026", 1, 1000, "2025-2026_1_1000"),
        ("la-liga_2018-2019", 1, 1, "la-liga_2018-2019_1_001"),
        ("england-premier-league_2018-2019", 1, 1, "england-premier-league_2018-2019_1_001"),
        ("womens-world-cup_2019", 4, 2, "womens-world-cup_2019_4_002"),
    ],
)
def test_a_match_id_is_bare_in_the_premier_league_and_prefixed_elsewhere(
    key: str, matchday: int | None, sequence: int, expected: str
) -> None:
    assert match_id(key, matchday, sequence) == expected


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["premier-league_2018-2019", "la-liga_2018-2019", "premier-league_2019-2020"]),
            st.integers(0, 40),
            st.integers(1, 999),
        ),
        unique=True,
    )
)
def test_different_matches_have_different_ids(matches: list[tuple[str, int, int]]) -> None:
    assert len({match_id(*match) for match in matches}) == len(matches)


# --- scores -----------------------------------------------------------------------------------------------------


def event(team: str, event_type: str, period: int = 1, outcome: str | None = None, player: str | None = None) -> Event:
    empty = dict.fromkeys(Event._fields)
    return Event(
        **{  # type: ignore[arg-type]
            **empty,
            "team": team,
            "player": player,
            "period": period,
            "event_type": event_type,
            "outcome": outcome,
        }
    )


def test_the_score_is_goals_from_shots_and_own_goals_for_the_other_side() -> None:
    events = [
        event("home", "Shot", 1, "Goal"),
        event("home", "Shot", 1, "Saved"),
        event("home", "Own Goal Against", 2),
        event("away", "Own Goal For", 2),
        event("away", "Shot", 4, "Goal"),
        event("away", "Pass", 4, "Goal"),
    ]
    assert scoreline(events, "home", "away") == Scoreline(1, 2, 0, 0, has_shootout=False)


def test_a_shoot_out_is_kept_apart_from_the_score() -> None:
    events = [
        event("home", "Shot", 2, "Goal"),
        event("away", "Shot", 2, "Goal"),
        event("home", "Shot", 5, "Goal"),
        event("away", "Shot", 5, "Off T"),
        event("home", "Shot", 5, "Goal"),
    ]
    assert scoreline(events, "home", "away") == Scoreline(1, 1, 2, 0, has_shootout=True)


def test_a_shoot_out_without_a_goal_so_far_is_one() -> None:
    assert scoreline([event("home", "Shot", 5, "Saved")], "home", "away") == Scoreline(0, 0, 0, 0, has_shootout=True)
    assert scoreline([event("home", "Half Start", 5)], "home", "away") == Scoreline(0, 0, 0, 0, has_shootout=False)


def test_a_match_without_events_is_goalless() -> None:
    assert scoreline([], "home", "away") == Scoreline(0, 0, 0, 0, has_shootout=False)
