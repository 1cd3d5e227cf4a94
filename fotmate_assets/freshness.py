"""What each wing says of its own freshness: for `fotmate status` and the asset `ops/ingestion_status`."""

from fotmate_assets.racing.freshness import racing_freshness

FRESHNESS = (racing_freshness,)
