"""The pictures of a match: whose shots are where, and that drawing many matches keeps nothing."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib import pyplot
from numpy.typing import NDArray
from PIL import Image

from fotmate_assets.football.pictures import AWAY_COLOUR, HOME_COLOUR, shot_map, xg_race
from fotmate_assets.football.queries import EventRow, MatchDetail, MatchSummary


def shot(team: str, x_m: float, *, period: int = 1, outcome: str = "Goal") -> EventRow:
    where = (x_m, 0.0, None, None, 0.4)
    return EventRow(1, period, 10, 0, "Shot", None, outcome, team, None, None, *where, None)


def match(*shots: EventRow) -> MatchDetail:
    """A match of teams `H` and `A`."""
    sides = ("H", "Home $1", "A", "Away")
    return MatchDetail(
        MatchSummary("m", "league_2025-2026", 1, None, None, *sides, "finished", 1, 0, None, None, "statsbomb", 1),
        [],
        list(shots),
    )


def where(picture: bytes, colour: str) -> NDArray[np.intp]:
    """Places, as row and column, of exactly this colour."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    return np.argwhere((pixels == [int(colour[place : place + 2], 16) for place in (1, 3, 5)]).all(-1))


def test_the_home_side_shoots_to_the_right_and_the_away_side_to_the_left() -> None:
    drawn = shot_map(match(shot("H", 40), shot("A", 40)))
    middle = Image.open(io.BytesIO(drawn)).width / 2
    assert where(drawn, HOME_COLOUR)[:, 1].min() > middle > where(drawn, AWAY_COLOUR)[:, 1].max()


def test_goals_are_filled() -> None:
    goal, saved = (len(where(shot_map(match(shot("H", 40, outcome=each))), HOME_COLOUR)) for each in ("Goal", "Saved"))
    assert goal > 2 * saved > 0


def test_a_shootout_is_no_part_of_the_shot_map() -> None:
    assert not len(where(shot_map(match(shot("H", 40, period=5))), HOME_COLOUR))


@pytest.mark.parametrize("draw", [shot_map, xg_race])
def test_a_picture_tells_its_match_is_small_and_leaves_no_figure_open(draw: Callable[[MatchDetail], bytes]) -> None:
    before = pyplot.get_fignums()
    drawn = draw(match(shot("H", 40), shot("A", 30)))
    assert Image.open(io.BytesIO(drawn)).info["Title"].startswith("Home $1 1-0 Away, league_2025-2026: ")
    assert len(drawn) < 20_000
    assert pyplot.get_fignums() == before
