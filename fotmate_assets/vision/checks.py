"""The vision checks: which finding judges which asset, and how severely."""

from typing import Any

from dagster import AssetCheckSeverity
from sqlalchemy import Connection

from fotmate_assets.core.checks import Check, checks_of, checks_on
from fotmate_assets.core.resources import ObjectStorage
from fotmate_assets.vision import findings, partitions
from fotmate_assets.vision.assets import METRICS, TRAJECTORIES

WARN = AssetCheckSeverity.WARN


def _stored(resources: Any, connection: Connection, match_id: str) -> findings.Stored:
    tracking: ObjectStorage = resources.tracking
    return findings.stored(connection, tracking.store, match_id)


CHECKS = [
    checks_on(
        "vision_trajectories_checks",
        [
            Check(findings.file_is_stored, TRAJECTORIES),
            Check(findings.rows_unique, TRAJECTORIES),
            Check(findings.frames_complete, TRAJECTORIES),
            # A provider's positions leap now and then; ours are gated.
            Check(findings.speeds_human, TRAJECTORIES, WARN),
            Check(findings.people_on_the_pitch, TRAJECTORIES, WARN),
            Check(findings.people_per_frame, TRAJECTORIES, WARN),
            Check(findings.camera_calibrated, TRAJECTORIES, WARN),
            Check(findings.camera_stands_still, TRAJECTORIES),
        ],
        partitions.video,
        _stored,
        ["tracking"],
    ),
    checks_of("vision_metrics_checks", [Check(findings.metrics_plausible, METRICS, WARN)], partitions.video),
]
