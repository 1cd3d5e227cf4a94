"""The racing sources as a Dagster resource."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from dagster import ConfigurableResource
from sqlalchemy import Engine

from fotmate_assets.core.http import HttpClient, RateLimit
from fotmate_assets.racing.quota import PostgresQuota
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.kspo.source import KSPO
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
