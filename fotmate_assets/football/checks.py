"""Which finding is checked on which asset, and how hard it is judged."""

from __future__ import annotations

from dagster import AssetCheckSeverity, AssetKey

from fotmate_assets.core.checks import check_of
from fotmate_assets.football import findings, partitions
from fotmate_assets.football.assets import CATALOGUE

WARN, ERROR = AssetCheckSeverity.WARN, AssetCheckSeverity.ERROR

_SEASON_CHECKS = (
    ("matches", findings.score_equals_goals, ERROR),
    ("matches", findings.results_are_in, WARN),
    ("lineups", findings.eleven_starters, ERROR),
    ("match_events", findings.event_index_gapless, ERROR),
    ("match_events", findings.ids_resolve, ERROR),
    ("match_events", findings.coordinates_in_bounds, WARN),
    ("match_player_stats", findings.minutes_add_up, ERROR),
    ("match_player_stats", findings.stats_agree_with_events, ERROR),
    ("id_mappings", findings.no_open_review, WARN),
)

CHECKS = [
    # Blocking, on an asset that nothing is made from: the run fails and says so, the lake is written all the same.
    check_of(
        findings.nothing_owed,
        AssetKey(["football", "matches"]),
        partitions_def=partitions.season,
        blocking=True,
    ),
    *(
        check_of(look, AssetKey(["football", name]), partitions_def=partitions.season, severity=severity)
        for name, look, severity in _SEASON_CHECKS
    ),
    check_of(findings.catalogue_is_whole, CATALOGUE, partitions_def=None, severity=WARN),
]
