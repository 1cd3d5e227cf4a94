"""The racing sources as Dagster resources."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path

from dagster import ConfigurableResource
from sqlalchemy import Engine

from fotmate_assets.core.http import HttpClient, RateLimit
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.racing.collector import LONGEST_TICK, NEXT_TICK, Collector
from fotmate_assets.racing.odds.outcomes import Batch
from fotmate_assets.racing.odds.polling import Clock, WallClock
from fotmate_assets.racing.quota import PostgresQuota
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.kspo.source import KSPO
from fotmate_assets.racing.sources.odds.feed import HttpFeed
from fotmate_assets.racing.sources.odds.mapping import load
from fotmate_assets.racing.sources.odds.replay import Replay
from fotmate_assets.racing.sources.odds.simulated import SimulatedMarket
from fotmate_assets.racing.sources.odds.source import OddsSource
from fotmate_assets.racing.sources.portal import KRA as KRA_STYLE
from fotmate_assets.racing.sources.portal import KSPO as KSPO_STYLE
from fotmate_assets.racing.sources.portal import Portal, Style
from fotmate_assets.racing.sources.source import RaceSource


class RacePortals(ConfigurableResource["RacePortals"]):
    """The public data portal, asked as KRA and as KSPO."""

    kra_url: str
    kspo_url: str
    service_key: str | None = None
    """The decoding key; give it as an EnvVar, so that no page shows it. Without one nobody is asked."""
    daily_quota: int = 10_000
    timeout_s: float = 30.0
    requests_per_s: float = 10.0
    attempts: int = 5
    first_wait_s: float = 1.0
    in_flight: int = 16

    @contextmanager
    def open(self, engine: Engine) -> Iterator[list[tuple[RaceSource, Portal]]]:
        """Each source with its portal, whose connections are closed at the end. They keep to one rate limit."""
        limits: dict[str, RateLimit] = {}

        def portal(source: RaceSource, root: str, style: Style) -> Portal:
            client = HttpClient(
                source.name,
                timeout_s=self.timeout_s,
                per_second=self.requests_per_s,
                attempts=self.attempts,
                first_wait_s=self.first_wait_s,
                limits=limits,
            )
            stack.enter_context(closing(client))
            quota = PostgresQuota(engine, source.name, self.daily_quota)
            return Portal(client, root, style, self.service_key, quota)

        with ExitStack() as stack:
            kra, kspo = KRA(), KSPO()
            yield [(kra, portal(kra, self.kra_url, KRA_STYLE)), (kspo, portal(kspo, self.kspo_url, KSPO_STYLE))]


def _is_called(file: str, name: str) -> bool:
    return bool(name) and (file == name or file.startswith(f"{name}."))


SIMULATED = "simulated"
"""The source that is an invented market."""
MARKET_SEED = 7
TICK = timedelta(seconds=40)
"""How far a tick of the sensor looks ahead: beyond the start of the next one."""


class OddsMarket(ConfigurableResource["OddsMarket"]):
    """Whose odds are followed, what may be replayed, and how long odds stay in Postgres."""

    source: str | None = None
    """`simulated`, or the URL template of a feed. None: nobody's odds are followed."""
    feed_name: str = "feed"
    feed_key: str | None = None
    """A secret: give it as an EnvVar, so that no page shows it."""
    feed_key_header: str = "Authorization"
    feed_mapping: str | None = None
    """File that says where the feed's JSON has what; None: it is in our own format."""
    feed_simulated: bool = False
    recordings: str | None = None
    """Folder of recordings."""
    hot_days: int = 60

    def live_source(self) -> OddsSource | None:
        """Whose odds are followed; None where nobody's are. Raises ValueError for a feed that cannot be asked."""
        if self.source is None:
            return None
        if self.source == SIMULATED:
            return SimulatedMarket(MARKET_SEED)
        return HttpFeed(
            self.feed_name,
            self.source,
            key=self.feed_key,
            key_header=self.feed_key_header,
            mapping=load(Path(self.feed_mapping)) if self.feed_mapping else None,
            is_simulated=self.feed_simulated,
        )

    @contextmanager
    def recording(self, name: str, markets: Mapping[str, str]) -> Iterator[tuple[Replay, bytes]]:
        """The recording of this file name, with or without its suffixes, and its bytes.

        `markets`: see `Replay`. Raises SourceError where there is no such file in the folder, or it is no recording.
        """
        files = []
        if self.recordings is not None and Path(self.recordings).is_dir():
            files = [each for each in Path(self.recordings).iterdir() if each.is_file() and _is_called(each.name, name)]
        if len(files) != 1:
            where = f"FOTMATE_ODDS_RECORDINGS ({self.recordings or 'not set'})"
            reason = f"{where} has {len(files) or 'no'} recordings of this name"
            raise SourceError(Verdict.EMPTY_UNEXPECTED, "replay", name, reason)
        source = Replay(files, markets)
        try:
            yield source, files[0].read_bytes()
        finally:
            asyncio.run(source.close())

    def collect(self, engine: Engine, zone: RawZone, clock: Clock | None = None, speed: float = 1.0) -> Batch | None:
        """One tick of the sensor: capture what falls due until the next one; None where nobody's odds are followed.

        `speed`: seconds of `clock` in one of the daemon's.
        """
        source = self.live_source()
        if source is None:
            return None
        clock = clock or WallClock()

        async def captured() -> Batch:
            try:
                return await Collector(source, engine, zone, clock).collect(
                    clock.now() + TICK * speed, next_tick=NEXT_TICK * speed, longest=LONGEST_TICK * speed
                )
            finally:
                await source.close()

        return asyncio.run(captured())
