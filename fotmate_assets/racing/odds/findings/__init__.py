"""What can be wrong with a race date's odds: pure reads that name the race and the pool.

Each function returns its findings, none when all is well, and looks only at what is stored; what has a time limit is
judged at `now`. Replays tell the clock of their recording, so what compares clocks judges live odds only. Dates whose
snapshots have gone to the lake have nothing left to judge but their slots.
"""

from __future__ import annotations

from fotmate_assets.racing.odds.findings.clocks import clock_monotone
from fotmate_assets.racing.odds.findings.finals import final_odds_agree
from fotmate_assets.racing.odds.findings.grids import grid_complete
from fotmate_assets.racing.odds.findings.moves import sudden_moves
from fotmate_assets.racing.odds.findings.overround import overround_in_band
from fotmate_assets.racing.odds.findings.slots import slots_captured

__all__ = ["clock_monotone", "final_odds_agree", "grid_complete", "overround_in_band", "slots_captured", "sudden_moves"]
