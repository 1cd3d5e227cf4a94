"""The portal's daily quota, counted on a real Postgres."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import create_engine

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.quota import PostgresQuota
from fotmate_assets.racing.tables import portal_quota
from fotmate_assets_tests.databases import Database

NOON = datetime(2026, 11, 21, 12, tzinfo=KST)
MakeQuota = Callable[..., PostgresQuota]


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def make_quota(database: Database, clock: Clock) -> Iterator[MakeQuota]:
    owner = create_engine(database.owner_url)
    portal_quota.create(owner, checkfirst=True)
    owner.dispose()
    yield lambda daily_limit=100, source="kra": PostgresQuota(database.engine, source, daily_limit, clock)


def refusal(quota: PostgresQuota, service: str = "API214_1") -> SourceError:
    with pytest.raises(SourceError) as caught:
        quota.take(service)
    assert caught.value.verdict is Verdict.QUOTA
    return caught.value


def counted(database: Database) -> dict[tuple[object, object, object], object]:
    rows = database.execute("select source, service, day, requests from portal_quota")
    return {(source, service, day): requests for source, service, day, requests in rows}


@pytest.mark.parametrize(("daily_limit", "budget"), [(100, 95), (10, 9), (1, 1)])
def test_a_service_is_asked_up_to_95_percent_of_its_day(
    make_quota: MakeQuota, database: Database, daily_limit: int, budget: int
) -> None:
    quota = make_quota(daily_limit)
    for _ in range(budget):
        quota.take("API214_1")
    error = refusal(quota)
    assert (error.source, error.retry_after_s) == ("kra", 12 * 3600.0)
    assert f"budget of {budget} requests to API214_1" in error.reason
    assert counted(database) == {("kra", "API214_1", date(2026, 11, 21)): budget}, "what was refused is not counted"


def test_every_service_and_source_has_a_budget_of_its_own(make_quota: MakeQuota) -> None:
    quota = make_quota(1)
    quota.take("API214_1")
    refusal(quota)
    quota.take("API26_2")
    make_quota(1, "kspo").take("API214_1")


def test_the_day_is_the_korean_one(make_quota: MakeQuota, database: Database, clock: Clock) -> None:
    quota = make_quota(1)
    clock.now = datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC)
    quota.take("API214_1")
    assert refusal(quota).retry_after_s == 1.0
    clock.now += timedelta(seconds=1)  # midnight in Korea, 15:00 in Greenwich
    quota.take("API214_1")
    assert refusal(quota).retry_after_s == 86_400.0
    assert counted(database) == {
        ("kra", "API214_1", date(2026, 11, 20)): 1,
        ("kra", "API214_1", date(2026, 11, 21)): 1,
    }


def test_a_service_that_the_portal_refused_is_left_alone_until_midnight(make_quota: MakeQuota, clock: Clock) -> None:
    quota = make_quota(100)
    quota.take("API214_1")
    quota.refused("API214_1")
    clock.now += timedelta(hours=2)
    error = refusal(quota)
    assert error.retry_after_s == 10 * 3600.0
    assert "the portal refused API214_1 at 12:00 KST" in error.reason
    quota.take("API26_2")
    make_quota(100, "kspo").take("API214_1")
    clock.now += timedelta(hours=10)
    quota.take("API214_1")


def test_the_first_refusal_of_a_day_is_the_one_that_is_kept(
    make_quota: MakeQuota, database: Database, clock: Clock
) -> None:
    quota = make_quota(100)
    quota.refused("API214_1")
    clock.now += timedelta(hours=1)
    quota.refused("API214_1")
    assert database.execute("select requests, refused_at from portal_quota") == [(0, NOON)]
    refusal(quota)


def test_threads_and_processes_share_one_budget_to_the_last_request(
    make_quota: MakeQuota, database: Database, clock: Clock
) -> None:
    make_quota()
    engines = [make_engine(database.writer_url, pool_size=4) for _ in range(2)]
    quotas = [PostgresQuota(engine, "kra", 100, clock) for engine in engines]
    taken: list[bool] = []

    def ask(quota: PostgresQuota) -> None:
        for _ in range(20):
            try:
                quota.take("API214_1")
                taken.append(True)
            except SourceError:
                taken.append(False)

    threads = [threading.Thread(target=ask, args=(quotas[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.dispose()
    assert (taken.count(True), len(taken)) == (95, 160)
    assert counted(database) == {("kra", "API214_1", date(2026, 11, 21)): 95}


def test_a_refusal_in_one_process_stops_the_others(make_quota: MakeQuota, database: Database, clock: Clock) -> None:
    quota = make_quota(100)
    quota.take("API214_1")
    elsewhere = make_engine(database.writer_url)
    PostgresQuota(elsewhere, "kra", 100, clock).refused("API214_1")
    elsewhere.dispose()
    refusal(quota)
