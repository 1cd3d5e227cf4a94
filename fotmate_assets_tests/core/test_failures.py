"""Who retries what: each failure has one owner."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from dagster import AssetExecutionContext, DagsterInstance, Failure, RetryPolicy, RetryRequested, asset, materialize
from sqlalchemy.exc import IntegrityError, OperationalError

from fotmate_assets.core.failures import (
    INFRASTRUCTURE_RETRIES,
    failure_list,
    infrastructure_retried,
    permanent_failure,
)
from fotmate_assets.core.model import SourceError, Verdict


def failed(number: int = 1, reason: str = "HTTP 403", verdict: Verdict = Verdict.BLOCKED) -> SourceError:
    return SourceError(verdict, "fbref", f"matches/{number}.html", reason, field="h1")


AWAY = [
    psycopg.errors.AdminShutdown(),
    OperationalError("x", None, psycopg.OperationalError("connection refused")),
    OperationalError("x", None, psycopg.errors.DeadlockDetected()),
    EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
    ClientError({"ResponseMetadata": {"HTTPStatusCode": 503}}, "PutObject"),  # type: ignore[typeddict-item]
]

NOT_AWAY = [
    IntegrityError("x", None, psycopg.errors.UniqueViolation()),
    ClientError({"ResponseMetadata": {"HTTPStatusCode": 403}}, "PutObject"),  # type: ignore[typeddict-item]
    SourceError(Verdict.TRANSPORT, "fbref", "x", "HTTP 503"),
    ConnectionError("of a source"),
    KeyError("bug"),
    KeyboardInterrupt(),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_a_database_or_bucket_that_is_away_asks_dagster_for_another_try(error: Exception) -> None:
    with pytest.raises(RetryRequested) as caught, infrastructure_retried():
        raise error
    assert (caught.value.max_retries, caught.value.seconds_to_wait) == (3, 10)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", NOT_AWAY, ids=lambda error: type(error).__name__)
def test_nothing_else_is_tried_again(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, infrastructure_retried():
        raise error
    assert caught.value is error


def test_the_retry_policy_of_io_managers_is_the_same() -> None:
    assert (INFRASTRUCTURE_RETRIES.max_retries, INFRASTRUCTURE_RETRIES.delay) == (3, 10)


def test_a_permanent_failure_is_retried_neither_by_the_op_nor_by_the_daemon(tmp_path: Path) -> None:
    tries = []

    @asset(retry_policy=RetryPolicy(max_retries=3))
    def refused(context: AssetExecutionContext) -> None:
        tries.append(1)
        raise permanent_failure(context, [failed(number) for number in range(1, 8)])

    with DagsterInstance.ephemeral(str(tmp_path)) as instance:
        result = materialize([refused], instance=instance, raise_on_error=False)
        run = instance.get_run_by_id(result.run_id)
    assert not result.success
    assert len(tries) == 1
    assert run is not None
    assert run.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    data: Any = event.step_failure_data.user_failure_data
    assert data.description == "; ".join(str(failed(number)) for number in range(1, 6))
    assert data.metadata["verdict"].value == "blocked"
    assert data.metadata["failures"].value == failure_list([failed(number) for number in range(1, 8)])


def test_the_first_failure_gives_the_verdict(tmp_path: Path) -> None:
    @asset
    def refused(context: AssetExecutionContext) -> None:
        failure = permanent_failure(context, [failed(verdict=Verdict.AUTH), failed(2)])
        assert isinstance(failure, Failure)
        assert failure.allow_retries is False
        assert failure.metadata["verdict"].value == "auth"

    with DagsterInstance.ephemeral(str(tmp_path)) as instance:
        assert materialize([refused], instance=instance).success


def test_failures_are_a_table_that_no_reason_breaks() -> None:
    table = failure_list([failed(), failed(2, "a | b\n\n| c |"), SourceError(Verdict.QUOTA, "kra", "races", "429")])
    assert table.splitlines() == [
        "| source | document | field | verdict | reason |",
        "| --- | --- | --- | --- | --- |",
        "| fbref | matches/1.html | h1 | blocked | HTTP 403 |",
        r"| fbref | matches/2.html | h1 | blocked | a \| b \| c \| |",
        "| kra | races |  | quota | 429 |",
    ]
