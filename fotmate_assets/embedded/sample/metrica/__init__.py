"""Two simulated games in the shape of Metrica's sample data, with the real files' oddities.

Nothing here is real: play is a random walk. Kept from the real files: subtype sets in any order, `NaN`,
an End Frame of 0 in the first CSV row, coordinates outside 0..1, ends changed and frames running on at
half-time, an own goal noted as a ball out (game 1), tracking that starts before the kick-off, subtypes as
null, object or list, and a GOAL on a recovery at midfield that is none (game 3).
"""

from __future__ import annotations

import random
from pathlib import Path

from fotmate_assets.embedded.sample.metrica.files import write_csv, write_json, write_metadata
from fotmate_assets.embedded.sample.metrica.game import Game


def write_games(folder: Path, *, seed: int = 2026) -> None:
    """Write `Sample_Game_1` (CSV) and `Sample_Game_3` (events JSON, EPTS metadata) below `folder`.

    The same seed gives the same bytes.
    """
    rng = random.Random(seed)  # noqa: S311 - a repeatable simulation
    first = Game(rng, kick_offs=(1, 72_000), home_attacks_right_first=True, has_carries=False)
    first.play(Game.own_goal)
    write_csv(folder / "Sample_Game_1/Sample_Game_1_RawEventsData.csv", first.notes)
    third = Game(rng, kick_offs=(250, 70_100), home_attacks_right_first=False, has_carries=True)
    third.play(Game.goal_that_is_none)
    write_json(folder / "Sample_Game_3/Sample_Game_3_events.json", third.notes)
    write_metadata(folder / "Sample_Game_3/Sample_Game_3_metadata.xml", third)
