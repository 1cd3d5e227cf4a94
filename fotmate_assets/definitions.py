"""The code location: `build_defs` merges the wings. The only entry point."""

from __future__ import annotations

from typing import Any

import structlog
from dagster import Definitions, EnvVar, in_process_executor

from fotmate_assets.core.io_managers import ParquetIOManager, PostgresIOManager
from fotmate_assets.core.observability import configure_logging
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.core.retention import retention, retention_daily
from fotmate_assets.football import assets as football
from fotmate_assets.football import automation, checks
from fotmate_assets.football.resources import FootballProviders
from fotmate_assets.settings import Settings


def build_defs(**overrides: Any) -> Definitions:
    """A fresh set of definitions; `overrides` replaces resources by name, so that tests swap any of them."""
    settings = Settings()
    if not structlog.is_configured():
        configure_logging(settings.log_level, settings.log_format)
    postgres = Postgres(
        url=EnvVar("FOTMATE_DATABASE_URL"), pool_size=settings.pool_size, max_attempts=settings.max_attempts
    )
    lake = ObjectStorage(url=settings.lake_url, endpoint_url=settings.s3_endpoint_url)
    resources: dict[str, Any] = {
        "postgres": postgres,
        "raw": ObjectStorage(url=settings.raw_url, endpoint_url=settings.s3_endpoint_url),
        "lake": lake,
        "postgres_io": PostgresIOManager(postgres=postgres),
        "parquet_io": ParquetIOManager(storage=lake),
        "providers": FootballProviders(
            statsbomb_source=settings.statsbomb_source,
            metrica_source=settings.metrica_source,
            openfootball_source=settings.openfootball_source,
            fbref_source=settings.fbref_source,
            timeout_s=settings.http_timeout_s,
            requests_per_s=settings.http_requests_per_s,
            attempts=settings.max_attempts,
        ),
    }
    return Definitions(
        assets=football.ASSETS,
        asset_checks=checks.CHECKS,
        jobs=[*automation.JOBS, retention],
        schedules=[*automation.SCHEDULES, retention_daily(settings.event_log_days)],
        sensors=automation.SENSORS,
        executor=in_process_executor,
        resources=resources | overrides,
    )


defs = build_defs()
