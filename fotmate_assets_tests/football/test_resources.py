"""The providers as a Dagster resource."""

from pathlib import Path

import pytest
from dagster import build_resources

from fotmate_assets.core.documents import HttpSource
from fotmate_assets.football.resources import FootballProviders
from fotmate_assets.football.sources.openfootball.provider import Openfootball
from fotmate_assets.football.sources.provider import PROVIDERS


def test_all_of_a_run_shares_one_client_per_provider_and_its_end_closes_it() -> None:
    made = FootballProviders(statsbomb_source="open-data", openfootball_source="http://127.0.0.1:9/openfootball")
    with build_resources({"providers": made}) as resources:
        clients = []
        for provider in (resources.providers.provider("openfootball"), *resources.providers.enabled()):
            if isinstance(provider, Openfootball):
                assert isinstance(provider.documents, HttpSource)
                clients.append(provider.documents.client)
        assert len(clients) == 2
        assert clients[0] is clients[1]
        assert not clients[0]._client.is_closed
    assert clients[0]._client.is_closed


def test_a_provider_without_a_source_is_off(tmp_path: Path) -> None:
    providers = FootballProviders(statsbomb_source=str(tmp_path))
    assert [provider.name for provider in providers.enabled()] == ["statsbomb"]
    assert [providers.provider(name) is None for name in PROVIDERS] == [False, True, True, True]


def test_an_unknown_provider_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="opta"):
        FootballProviders(statsbomb_source="open-data").provider("opta")
