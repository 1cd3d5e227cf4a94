"""The definition graph as a whole: what there is, and what loading it costs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, Definitions, ScheduleDefinition
from syrupy.assertion import SnapshotAssertion

from fotmate_assets.definitions import build_defs

HEAVY = (
    *(
        "torch",
        "cv2",
        "av",
        "ultralytics",
        "onnxruntime",
        "trackers",
        "supervision",
        "numpy",
        "pandas",
        "scipy",
        "matplotlib",
        "mplsoccer",
    ),
    *("statsbombpy", "requests", "boto3", "pyarrow", "alembic"),
)


@pytest.fixture(scope="module")
def defs() -> Definitions:
    return build_defs()


def test_the_definition_graph_is_the_recorded_one(defs: Definitions, snapshot: SnapshotAssertion) -> None:
    graph = defs.resolve_asset_graph()
    assets = {}
    for key in sorted(graph.get_all_asset_keys(), key=AssetKey.to_user_string):
        node = graph.get(key)
        assets[key.to_user_string()] = {
            "partitions": getattr(node.partitions_def, "name", node.partitions_def and str(node.partitions_def)),
            "deps": sorted(dep.to_user_string() for dep in node.parent_keys),
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": sorted(node.owners),
            "tags": {name: value for name, value in sorted(node.tags.items()) if not name.startswith("dagster/")},
            "checks": sorted(check.name for check in graph.get_check_keys_for_assets({key})),
        }
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
        for job in defs.resolve_all_job_defs()
        if not job.name.startswith("__")
    }
    schedules = {
        schedule.name: {"cron": schedule.cron_schedule, "zone": schedule.execution_timezone, "job": schedule.job_name}
        for schedule in defs.schedules or []
        if isinstance(schedule, ScheduleDefinition)
    }
    sensors = {
        each.name: {
            "seconds": each.minimum_interval_seconds,
            "jobs": sorted(target.job_name for target in each.targets),
        }
        for each in defs.sensors or []
    }
    assert {"assets": assets, "jobs": jobs, "schedules": schedules, "sensors": sensors} == snapshot


def test_every_asset_says_who_owns_it_what_it_is_and_where_it_lies(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        told = (node.owners, node.kinds, node.tags, node.description, node.group_name, node.code_version)
        assert all(told), f"{key.to_user_string()}: {told}"


def test_every_stored_table_shows_its_columns(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    tables = [graph.get(key) for key in graph.get_all_asset_keys() if "postgres" in graph.get(key).kinds]
    assert tables
    for node in tables:
        columns = node.metadata["dagster/column_schema"].columns
        assert columns and all(column.description for column in columns), node.key


def test_a_test_can_swap_a_resource() -> None:
    from fotmate_assets.core.resources import ObjectStorage

    raw = ObjectStorage(url="file:///tmp/elsewhere")
    assert build_defs(raw=raw).resources is not None
    assert build_defs(raw=raw).resources["raw"] is raw  # type: ignore[index]


def test_loading_the_definitions_imports_no_heavy_library() -> None:
    code = f"import sys, fotmate_assets.definitions; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_dagster_itself_finds_the_code_location_valid(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "fotmate_assets.definitions"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_what_calls_the_outside_world_waits_to_be_started(defs: Definitions) -> None:
    automations = [*(defs.schedules or []), *(defs.sensors or [])]
    running: list[Any] = [each.name for each in automations if each.default_status.value != "STOPPED"]
    of_our_own = ["failure_alerts", "video_arrival"]
    of_odds = ["racing_odds_day", "odds_retention_daily"]
    assert running == [*of_odds, "retention_daily", "operations_summary", "operations_status", *of_our_own]
