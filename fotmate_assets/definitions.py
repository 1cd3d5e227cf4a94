"""The code location: `build_defs` merges the wings. The only entry point."""

from __future__ import annotations

from typing import Any

from dagster import Definitions, EnvVar, in_process_executor

from fotmate_assets.core.io_managers import ParquetIOManager, PostgresIOManager
from fotmate_assets.core.observability import configure_logging, is_configured
from fotmate_assets.core.operations import (
    Alerts,
    daily_summary,
    failure_alerts,
    ingestion_status_asset,
    operations_status,
    operations_summary,
    status_refresh,
)
from fotmate_assets.core.recovery import failure_recovery
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.core.retention import retention, retention_daily
from fotmate_assets.football import assets as football_assets
from fotmate_assets.football import automation as football
from fotmate_assets.football import checks as football_checks
from fotmate_assets.football.resources import FootballProviders
from fotmate_assets.racing import assets as racing_assets
from fotmate_assets.racing import automation as racing
from fotmate_assets.racing import checks as racing_checks
from fotmate_assets.racing.freshness import racing_freshness
from fotmate_assets.racing.odds import assets as odds_assets
from fotmate_assets.racing.odds import automation as odds
from fotmate_assets.racing.odds import checks as odds_checks
from fotmate_assets.racing.resources import OddsMarket, RacePortals
from fotmate_assets.settings import Settings
from fotmate_assets.vision import assets as vision_assets
from fotmate_assets.vision import automation as vision
from fotmate_assets.vision import checks as vision_checks
from fotmate_assets.vision.resources import VideoAnalysis


def _secret(variable: str, is_set: object) -> EnvVar | None:
    """A secret by its variable, which is all that Dagster's pages show; None where it is not set."""
    return EnvVar(variable) if is_set else None


def odds_market(settings: Settings, feed_key: str | EnvVar | None) -> OddsMarket:
    """Whose odds are followed and what may be replayed, as the settings have it."""
    return OddsMarket(
        source=settings.odds_source,
        feed_name=settings.odds_feed_name,
        feed_key=feed_key,
        feed_key_header=settings.odds_feed_key_header,
        feed_mapping=str(settings.odds_feed_mapping) if settings.odds_feed_mapping else None,
        feed_simulated=settings.odds_feed_simulated,
        recordings=str(settings.odds_recordings) if settings.odds_recordings else None,
        hot_days=settings.odds_hot_days,
    )


def video_analysis(settings: Settings) -> VideoAnalysis:
    """How videos are analysed, as the settings have it."""
    return VideoAnalysis(
        folder=str((settings.vision_folder or settings.home / "vision").resolve()),
        encoding=settings.tracking_encoding,
        detector=settings.vision_detector,
        weights=settings.vision_weights,
        device=settings.vision_device,
        half=settings.vision_half,
        batch=settings.vision_batch,
        tracker=settings.vision_tracker,
        stride=settings.vision_stride,
    )


def build_defs(**overrides: Any) -> Definitions:
    """A fresh set of definitions; `overrides` replaces resources by name, so that tests swap any of them."""
    settings = Settings()
    if not is_configured():
        configure_logging(settings.log_level, settings.log_format)
    postgres = Postgres(
        url=EnvVar("FOTMATE_DATABASE_URL"), pool_size=settings.pool_size, max_retries=settings.max_attempts
    )
    lake = ObjectStorage(url=settings.lake_url, endpoint_url=settings.s3_endpoint_url)
    resources: dict[str, Any] = {
        "postgres": postgres,
        "raw": ObjectStorage(url=settings.raw_url, endpoint_url=settings.s3_endpoint_url),
        "lake": lake,
        "tracking": ObjectStorage(
            url=settings.tracking_url, endpoint_url=settings.s3_endpoint_url, attempts=vision.STORAGE_ATTEMPTS
        ),
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
        "portals": RacePortals(
            kra_url=settings.kra_url,
            kspo_url=settings.kspo_url,
            service_key=_secret("FOTMATE_PORTAL_SERVICE_KEY", settings.portal_service_key),
            daily_quota=settings.portal_daily_quota,
            timeout_s=settings.http_timeout_s,
            requests_per_s=settings.http_requests_per_s,
            attempts=settings.max_attempts,
            in_flight=settings.requests_in_flight,
        ),
        "odds": odds_market(settings, _secret("FOTMATE_ODDS_FEED_KEY", settings.odds_feed_key)),
        "analysis": video_analysis(settings),
        "alerts": Alerts(webhook_url=_secret("FOTMATE_SLACK_WEBHOOK_URL", settings.slack_webhook_url)),
    }
    return Definitions(
        assets=[
            *football_assets.ASSETS,
            *racing_assets.ASSETS,
            *odds_assets.ASSETS,
            *vision_assets.ASSETS,
            ingestion_status_asset([racing_freshness]),
        ],
        asset_checks=[*football_checks.CHECKS, *racing_checks.CHECKS, *odds_checks.CHECKS, *vision_checks.CHECKS],
        jobs=[*football.JOBS, *racing.JOBS, *odds.JOBS, *vision.JOBS, retention, daily_summary, status_refresh],
        schedules=[
            *football.SCHEDULES,
            *racing.SCHEDULES,
            *odds.SCHEDULES,
            retention_daily(settings.event_log_days),
            operations_summary,
            operations_status,
        ],
        sensors=[
            failure_recovery([*football.REPLAYS, *odds.REPLAYS, *racing.REPLAYS, *vision.REPLAYS]),
            failure_alerts,
            *odds.SENSORS,
            *vision.SENSORS,
        ],
        executor=in_process_executor,
        resources=resources | overrides,
    )


defs = build_defs()
