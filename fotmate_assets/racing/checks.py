"""Which finding is checked on which asset, and how hard it is judged."""

from __future__ import annotations

from dagster import AssetCheckSeverity, AssetKey

from fotmate_assets.core.checks import Check, checks_of
from fotmate_assets.racing import findings, partitions

WARN = AssetCheckSeverity.WARN

RACES, ENTRIES, RESULTS, PAYOFFS = (AssetKey(["racing", name]) for name in ("races", "entries", "results", "payoffs"))

CHECKS = [
    checks_of(
        "racing_checks",
        [
            # Blocking, on an asset whose tables are written by the same step: the run fails and says so.
            Check(findings.nothing_owed, RACES, blocking=True),
            Check(findings.nothing_odd, RACES, WARN),
            Check(findings.schema_drift, RACES, WARN),
            Check(findings.entries_as_declared, ENTRIES),
            Check(findings.entries_in_time, ENTRIES),
            Check(findings.field_sizes_agree, ENTRIES, WARN),
            Check(findings.results_as_declared, RESULTS),
            Check(findings.results_in_time, RESULTS),
            Check(findings.finish_order_complete, RESULTS),
            Check(findings.times_ascend, RESULTS),
            Check(findings.payoffs_agree, PAYOFFS),
        ],
        partitions.race_date,
    )
]
