"""Which finding is checked on which asset, and how hard it is judged."""

from __future__ import annotations

from dagster import AssetCheckSeverity, AssetKey

from fotmate_assets.core.checks import Check, checks_of
from fotmate_assets.football import findings, partitions
from fotmate_assets.football.assets import CATALOGUE

WARN = AssetCheckSeverity.WARN

MATCHES, LINEUPS, EVENTS, STATS, IDS = (
    AssetKey(["football", name]) for name in ("matches", "lineups", "match_events", "match_player_stats", "id_mappings")
)

SEASON_CHECKS = [
    # Blocking, on an asset that nothing is made from: the run fails and says so, the lake is written all the same.
    Check(findings.nothing_owed, MATCHES, blocking=True),
    Check(findings.score_equals_goals, MATCHES),
    Check(findings.results_are_in, MATCHES, WARN),
    Check(findings.eleven_starters, LINEUPS),
    Check(findings.event_index_gapless, EVENTS),
    Check(findings.ids_resolve, EVENTS),
    Check(findings.coordinates_in_bounds, EVENTS, WARN),
    Check(findings.minutes_add_up, STATS),
    Check(findings.stats_agree_with_events, STATS),
    Check(findings.no_open_review, IDS, WARN),
]

CHECKS = [
    checks_of("football_season_checks", SEASON_CHECKS, partitions.season),
    checks_of("football_catalogue_checks", [Check(findings.catalogue_is_whole, CATALOGUE, WARN)], None),
]
