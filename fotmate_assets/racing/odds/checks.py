"""Which finding on odds is checked, and how hard it is judged."""

from __future__ import annotations

from dagster import AssetCheckSeverity

from fotmate_assets.core.checks import Check, checks_of
from fotmate_assets.racing import partitions
from fotmate_assets.racing.odds import findings
from fotmate_assets.racing.odds.assets import SNAPSHOTS

WARN = AssetCheckSeverity.WARN

CHECKS = [
    checks_of(
        "racing_odds_checks",
        [
            Check(findings.slots_captured, SNAPSHOTS),
            Check(findings.clock_monotone, SNAPSHOTS),
            Check(findings.grid_complete, SNAPSHOTS),
            Check(findings.overround_in_band, SNAPSHOTS, WARN),
            Check(findings.final_odds_agree, SNAPSHOTS),
            Check(findings.sudden_moves, SNAPSHOTS, WARN),
        ],
        partitions.race_date,
    )
]
