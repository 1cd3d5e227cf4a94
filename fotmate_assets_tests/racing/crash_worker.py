"""What the crash tests run in processes that they kill: a backfill in plain functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.object_store import open_store
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded.portal.server import KRA_ROOT, KSPO_ROOT, SERVICE_KEY
from fotmate_assets.racing.ingest import RaceDays, run_race_days
from fotmate_assets.racing.resources import RacePortals
from fotmate_assets.racing.sources.source import Family


def backfill(database_url: str, zone_url: str, upstream_url: str, days: Sequence[date], fetch: bool = True) -> RaceDays:
    """Bring these race dates up to date in this process, by the machine's clock. Raises SystemExit for a failure."""
    engine, zone = make_engine(database_url), RawZone(open_store(zone_url))
    portals = RacePortals(
        kra_url=upstream_url + KRA_ROOT,
        kspo_url=upstream_url + KSPO_ROOT,
        service_key=SERVICE_KEY,
        requests_per_s=5000.0,
        first_wait_s=0.01,
    )
    report = RaceDays()
    try:
        with portals.open(engine) as sources:
            for source, portal in sources:
                report.add(
                    run_race_days(
                        source,
                        portal if fetch else None,
                        days,
                        tuple(Family),
                        zone,
                        engine,
                        Ledger(engine),
                        lambda: datetime.now(UTC),
                    )
                )
    finally:
        engine.dispose()
    if report.failures:
        raise SystemExit(str(report.failures))
    return report
