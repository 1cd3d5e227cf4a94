"""Synthetic StatsBomb open data: same shapes as the real files, no real data, the same bytes for the same seed.

`write_open_data` writes the whole sample world; `simulate_match`, `write_match` and `write_season` build small ones.
Shapes and vocabulary follow the files of StatsBomb's open data as measured in real ones.
"""

from fotmate_assets.embedded.sample.statsbomb.files import competition_row, write_match, write_season
from fotmate_assets.embedded.sample.statsbomb.league import (
    CUP,
    DUPLICATE_SHIRT_TEAM,
    INCIDENTS,
    LEAGUE,
    RESPELT_PLAYER,
    TRAPS,
    WITH_FRAMES,
    cup_matches,
    league_matches,
    write_open_data,
)
from fotmate_assets.embedded.sample.statsbomb.match import SampleMatch, simulate_match
from fotmate_assets.embedded.sample.statsbomb.squads import SamplePlayer, SampleTeam, sample_team
from fotmate_assets.embedded.sample.statsbomb.vocabulary import Incident

__all__ = [
    "CUP",
    "DUPLICATE_SHIRT_TEAM",
    "INCIDENTS",
    "LEAGUE",
    "RESPELT_PLAYER",
    "TRAPS",
    "WITH_FRAMES",
    "Incident",
    "SampleMatch",
    "SamplePlayer",
    "SampleTeam",
    "competition_row",
    "cup_matches",
    "league_matches",
    "sample_team",
    "simulate_match",
    "write_match",
    "write_open_data",
    "write_season",
]
