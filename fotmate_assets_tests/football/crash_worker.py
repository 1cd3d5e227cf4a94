"""What the crash tests run in processes that they kill: a season's refresh, in plain functions or as a Dagster run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fotmate_assets.core.documents import FolderSource
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.object_store import open_store
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.football.ingest import fetch_season, load_season
from fotmate_assets.football.sources.statsbomb.provider import StatsBomb

DAGSTER_RUN_FAILED = 3


def refresh(database_url: str, folder: Path, zone_url: str, key: str, ids: Mapping[str, Any]) -> None:
    """Fetch and load the season in this process."""
    engine = make_engine(database_url)
    provider, zone, ledger = StatsBomb(FolderSource("statsbomb", folder)), RawZone(open_store(zone_url)), Ledger(engine)
    report = fetch_season(provider, key, dict(ids), zone, ledger)
    outcome = load_season(provider, key, dict(ids), zone, engine, ledger)
    if report.failures or outcome.failures:
        raise SystemExit(str([*report.failures, *outcome.failures]))


def dagster_run(environment: Mapping[str, str], key: str) -> None:
    """The season's job, on an instance that lives and dies with this process."""
    os.environ.update(environment)
    from dagster import DagsterInstance

    from fotmate_assets.definitions import build_defs

    instance = DagsterInstance.ephemeral()
    instance.add_dynamic_partitions("season", [key])
    job = build_defs().resolve_job_def("football_season")
    result = job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
    raise SystemExit(0 if result.success else DAGSTER_RUN_FAILED)
