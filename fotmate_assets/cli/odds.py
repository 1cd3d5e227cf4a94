"""`fotmate odds collect`: the collector as a service of its own."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime

from fotmate_assets import runtime
from fotmate_assets.cli import err, out
from fotmate_assets.core.object_store import open_store
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.definitions import odds_market
from fotmate_assets.racing.collector import Collector
from fotmate_assets.racing.odds.notices import note_batch
from fotmate_assets.racing.odds.outcomes import Batch
from fotmate_assets.settings import Settings


def collect() -> int:
    """Capture live odds until Ctrl-C or SIGTERM; what is being polled then is still written. The exit status.

    Raises CommandError where no source of live odds is set, or one that cannot be asked.
    """
    settings = Settings()
    key = settings.odds_feed_key
    try:
        source = odds_market(settings, key.get_secret_value() if key else None).live_source()
    except ValueError as error:
        raise runtime.CommandError(f"the feed of FOTMATE_ODDS_SOURCE: {error}") from None
    if source is None:
        raise runtime.CommandError("no live odds are followed: set FOTMATE_ODDS_SOURCE")
    zone = RawZone(open_store(settings.raw_url, settings.s3_endpoint_url))
    with runtime.database() as engine:
        err.print(f"following {source.name}{' (simulated)' * source.is_simulated}; Ctrl-C stops")

        def on_batch(batch: Batch) -> None:
            note_batch(engine, batch)
            out.print(f"{datetime.now(UTC):%H:%M:%S} UTC {batch}")

        async def serve() -> None:
            stop = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            try:
                await Collector(source, engine, zone).run(stop, on_batch)
            finally:
                await source.close()

        asyncio.run(serve())
    err.print("stopped")
    return 0
