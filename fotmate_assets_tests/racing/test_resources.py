"""The portal as a Dagster resource."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.embedded.upstream import Response, Upstream
from fotmate_assets.racing.model import Meeting
from fotmate_assets.racing.resources import RacePortals
from fotmate_assets.racing.sources.kra.services import ENTRY_SHEET, SCHEDULE
from fotmate_assets_tests.databases import Database

MARCH = date(2025, 3, 1)
EMPTY = b'{"response":{"header":{"resultCode":"00"},"body":{"items":"","numOfRows":1,"pageNo":1,"totalCount":0}}}'


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    """A portal without a row."""
    with Upstream(tmp_path, routes={"/": lambda _request: Response(200, "application/json", EMPTY)}) as served:
        yield served


def portals(upstream: Upstream, **options: Any) -> RacePortals:
    roots: dict[str, Any] = {"kra_url": f"{upstream.url}/kra", "kspo_url": f"{upstream.url}/kspo"}
    return RacePortals(**{**roots, "service_key": "a+b/c==", "first_wait_s": 0.01, **options})


def test_each_source_asks_its_own_root_in_its_own_style(emptied: Database, upstream: Upstream) -> None:
    with portals(upstream).open(emptied.engine) as sources:
        assert [source.name for source, _ in sources] == ["kra", "kspo"]
        for _, portal in sources:
            portal.listing(SCHEDULE.of_month("seoul", MARCH))
    kra, kspo = upstream.requests
    assert kra.resource == "/kra/API72_2/racePlan_2"
    assert kspo.resource == "/kspo/API72_2/racePlan_2"
    assert (kra.query["_type"], kspo.query["resultType"]) == ("json", "json")
    assert kra.query["serviceKey"] == kspo.query["serviceKey"] == "a+b/c=="


def test_the_end_of_a_run_closes_the_connections(emptied: Database, upstream: Upstream) -> None:
    with portals(upstream).open(emptied.engine) as sources:
        clients: list[httpx.Client] = [portal._client._client for _, portal in sources]
        assert not any(client.is_closed for client in clients)
    assert all(client.is_closed for client in clients)
    with pytest.raises(KeyError), portals(upstream).open(emptied.engine) as sources:
        clients = [portal._client._client for _, portal in sources]
        raise KeyError
    assert all(client.is_closed for client in clients)


def test_without_a_key_nobody_is_asked(emptied: Database, upstream: Upstream) -> None:
    for key in (None, "", "  "):
        with portals(upstream, service_key=key).open(emptied.engine) as sources:
            for _, portal in sources:
                with pytest.raises(SourceError) as caught:
                    portal.listing(SCHEDULE.of_month("seoul", MARCH))
                assert caught.value.verdict is Verdict.AUTH
    assert upstream.requests == []


def test_the_daily_quota_is_shared_by_all_that_ask_and_kept_by_service(emptied: Database, upstream: Upstream) -> None:
    """95 %, which of four are three: the rest is for who asks by hand."""
    emptied.execute("delete from portal_quota")
    inquiry = SCHEDULE.of_month("seoul", MARCH)
    with portals(upstream, daily_quota=4, requests_per_s=1000.0).open(emptied.engine) as sources:
        kra, kspo = (portal for _, portal in sources)
        for _ in range(3):
            kra.listing(inquiry)
        with portals(upstream, daily_quota=4).open(emptied.engine) as others:
            with pytest.raises(SourceError) as caught:
                others[0][1].listing(inquiry)
            assert caught.value.verdict is Verdict.QUOTA
        kra.listing(ENTRY_SHEET.of_day(Meeting(MARCH, "seoul")))
        kspo.listing(inquiry)
    assert len(upstream.requests) == 5
    emptied.execute("delete from portal_quota")


def test_the_options_reach_the_client(emptied: Database, upstream: Upstream) -> None:
    made = portals(upstream, timeout_s=7.0, requests_per_s=3.0, attempts=2)
    with made.open(emptied.engine) as sources:
        for _, portal in sources:
            client = portal._client
            assert (client.timeout_s, client.per_second, client.attempts, client.first_wait_s) == (7.0, 3.0, 2, 0.01)


def test_both_sources_keep_to_one_rate_limit(emptied: Database, upstream: Upstream) -> None:
    """They ask the same host."""
    with portals(upstream).open(emptied.engine) as sources:
        for _, portal in sources:
            portal.listing(SCHEDULE.of_month("seoul", MARCH))
        assert len({id(limit) for _, portal in sources for limit in portal._client.limits.values()}) == 1
