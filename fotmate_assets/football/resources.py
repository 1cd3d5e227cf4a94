"""The football providers as a Dagster resource."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from dagster import ConfigurableResource, InitResourceContext

from fotmate_assets.core.documents import DocumentSource, FolderSource, HttpSource
from fotmate_assets.core.http import HttpClient
from fotmate_assets.football.sources.fbref.provider import FBref
from fotmate_assets.football.sources.metrica.provider import Metrica
from fotmate_assets.football.sources.openfootball.provider import Openfootball
from fotmate_assets.football.sources.provider import PROVIDERS, Provider
from fotmate_assets.football.sources.statsbomb.documents import statsbomb_documents
from fotmate_assets.football.sources.statsbomb.provider import StatsBomb


class FootballProviders(ConfigurableResource["FootballProviders"]):
    """Where each provider's documents come from; a provider without a source is off."""

    statsbomb_source: str
    metrica_source: str | None = None
    openfootball_source: str | None = None
    fbref_source: str | None = None
    timeout_s: float = 30.0
    requests_per_s: float = 10.0
    attempts: int = 5

    def provider(self, name: str) -> Provider | None:
        """The provider `name`, or None where it is off. Raises KeyError for an unknown one."""
        if name == "statsbomb":
            credentials = {
                key: os.environ[variable]
                for key, variable in (("user", "SB_USERNAME"), ("passwd", "SB_PASSWORD"))
                if os.environ.get(variable)
            }
            return StatsBomb(statsbomb_documents(self.statsbomb_source, self._client(name), credentials))
        made: dict[str, tuple[str | None, Callable[[DocumentSource], Provider]]] = {
            "metrica": (self.metrica_source, Metrica),
            "openfootball": (self.openfootball_source, Openfootball),
            "fbref": (self.fbref_source, FBref),
        }
        source, provider = made[name]
        return provider(self._documents(name, source)) if source else None

    def enabled(self) -> list[Provider]:
        """Every provider that has a source."""
        return [provider for name in PROVIDERS if (provider := self.provider(name)) is not None]

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Close the connections to the providers."""
        while self._clients:
            self._clients.popitem()[1].close()

    @cached_property
    def _clients(self) -> dict[str, HttpClient]:
        """One client per provider, so that all of a run keep to its rate limit."""
        return {}

    def _client(self, name: str) -> HttpClient:
        if name not in self._clients:
            self._clients[name] = HttpClient(
                name, timeout_s=self.timeout_s, per_second=self.requests_per_s, attempts=self.attempts
            )
        return self._clients[name]

    def _documents(self, name: str, source: str) -> DocumentSource:
        if urlsplit(source).scheme in ("http", "https"):
            return HttpSource(name, source, self._client(name))
        return FolderSource(name, Path(source).expanduser().resolve())
