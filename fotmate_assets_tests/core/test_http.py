"""The HTTP client against a real server that misbehaves on demand."""

import gzip
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
import tenacity

from fotmate_assets.core.http import MAX_WAIT_S, HttpClient, RateLimit, redacted
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.embedded.upstream import Fault, Request, Response, Upstream

BODY = b'{"matches": [' + b"1," * 4000 + b"1]}"
MakeClient = Callable[..., HttpClient]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    (tmp_path / "matches.json").write_bytes(BODY)
    with Upstream(tmp_path) as running:
        yield running


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    made: list[HttpClient] = []

    def make(**options: object) -> HttpClient:
        settings: dict[str, object] = {"timeout_s": 0.4, "per_second": 10_000.0, "first_wait_s": 0.01}
        made.append(HttpClient("kra", **{**settings, **options}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for client in made:
        client.close()


def failure(client: HttpClient, url: str, **options: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        client.get(url, "matches.json", **options)  # type: ignore[arg-type]
    return caught.value


def respond(status: int, **headers: str) -> Fault:
    """A fault with headers of its own."""
    answer = Response(status, "text/plain", b"no", {name.replace("_", "-"): value for name, value in headers.items()})
    return Fault(f"status {status}", lambda connection, whole: connection.send(answer))


# --- verdicts


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (204, Verdict.EMPTY_UNEXPECTED),
        (304, Verdict.MALFORMED),  # nothing conditional was asked
        (400, Verdict.MALFORMED),
        (401, Verdict.AUTH),
        (403, Verdict.BLOCKED),
        (404, Verdict.EMPTY_UNEXPECTED),
        (410, Verdict.EMPTY_UNEXPECTED),
        (422, Verdict.MALFORMED),
    ],
)
def test_an_answer_that_asking_again_cannot_mend_ends_at_once_in_its_verdict(
    upstream: Upstream, make_client: MakeClient, status: int, verdict: Verdict
) -> None:
    upstream.fail("*", Fault.body(status, "text/plain", b"" if status in (204, 304) else b"no"), times=2)
    error = failure(make_client(), f"{upstream.url}/matches.json")
    assert (error.verdict, error.source, error.document) == (verdict, "kra", "matches.json")
    assert str(status) in str(error)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(408, Verdict.TRANSPORT), (429, Verdict.QUOTA), (500, Verdict.TRANSPORT), (503, Verdict.TRANSPORT)],
)
def test_an_answer_that_may_pass_is_asked_five_times(
    upstream: Upstream, make_client: MakeClient, status: int, verdict: Verdict
) -> None:
    upstream.fail("*", Fault.status(status), times=5)
    assert failure(make_client(), f"{upstream.url}/matches.json").verdict is verdict
    assert len(upstream.requests) == 5
    upstream.fail("*", Fault.status(status), times=4)
    response = make_client().get(f"{upstream.url}/matches.json", "matches.json")
    assert response is not None
    assert response.content == BODY


def test_only_a_malformed_answer_carries_its_bytes_to_the_quarantine(
    upstream: Upstream, make_client: MakeClient
) -> None:
    for status, content in ((400, b"no"), (404, None), (403, None), (503, None)):
        upstream.fail("*", Fault.body(status, "text/plain", b"no"))
        assert failure(make_client(attempts=1), f"{upstream.url}/matches.json").content == content


@pytest.mark.parametrize(
    "fault",
    [
        Fault.truncated(0.5),
        Fault.truncated(0.0),
        Fault.reset(),
        Fault.timeout(),
        Fault.slow(200),
    ],
    ids=lambda fault: fault.name,
)
def test_a_broken_transfer_is_retried_and_never_returns_half_a_body(
    upstream: Upstream, make_client: MakeClient, fault: Fault
) -> None:
    upstream.fail("*", fault)
    response = make_client().get(f"{upstream.url}/matches.json", "matches.json")
    assert response is not None
    assert response.content == BODY
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("fault", [Fault.truncated(0.5), Fault.reset(), Fault.timeout()], ids=lambda fault: fault.name)
def test_a_transfer_that_stays_broken_is_a_transport_failure_that_says_how(
    upstream: Upstream, make_client: MakeClient, fault: Fault
) -> None:
    upstream.fail("*", fault, times=2)
    error = failure(make_client(attempts=2, timeout_s=0.1), f"{upstream.url}/matches.json")
    assert error.verdict is Verdict.TRANSPORT
    assert f"from {upstream.url}/matches.json" in str(error)
    assert {"truncated": "RemoteProtocolError", "reset": "ReadError", "timeout": "ReadTimeout"}[fault.name] in str(
        error
    )


def test_a_server_that_is_not_there_is_a_transport_failure(upstream: Upstream, make_client: MakeClient) -> None:
    with Upstream(upstream.root) as gone:
        url = gone.url
    error = failure(make_client(attempts=2), f"{url}/matches.json")
    assert error.verdict is Verdict.TRANSPORT
    assert "ConnectError" in str(error)


def test_a_large_body_that_takes_longer_than_the_time_limit_but_flows_is_read_whole(
    upstream: Upstream, make_client: MakeClient
) -> None:
    upstream.fail("*", Fault.slow(16_000))
    response = make_client(timeout_s=0.2).get(f"{upstream.url}/matches.json", "matches.json")
    assert response is not None
    assert response.content == BODY
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("url", ["http://host:port/x", "http://[1::", "ftp://host/x", "http://ho\x00st/x"])
def test_a_url_that_cannot_be_asked_is_refused_without_retries(make_client: MakeClient, url: str) -> None:
    started = time.monotonic()
    assert failure(make_client(first_wait_s=60.0), url).verdict is Verdict.MALFORMED
    assert time.monotonic() - started < 30


def test_compressed_answers_and_redirects_are_followed(upstream: Upstream, make_client: MakeClient) -> None:
    def zipped(request: Request) -> Response:
        return Response(200, "application/json", gzip.compress(BODY), {"Content-Encoding": "gzip"})

    upstream.routes["/zipped"] = zipped
    upstream.routes["/moved"] = lambda request: Response(302, "text/plain", b"", {"Location": "/zipped"})
    response = make_client().get(f"{upstream.url}/moved", "matches.json")
    assert response is not None
    assert response.content == BODY


# --- waits


def waits(upstream: Upstream, client: HttpClient) -> list[float]:
    """Seconds that one call means to wait between its tries; how busy the machine is does not matter."""
    meant: list[float] = []
    decide = client._wait

    def decided(state: tenacity.RetryCallState) -> float:
        meant.append(decide(state))
        return meant[-1]

    client._wait = decided  # type: ignore[method-assign]
    with suppress(SourceError):
        client.get(f"{upstream.url}/matches.json", "matches.json")
    return meant[: len(upstream.requests) - 1]  # tenacity also asks what it would wait after the last try


def test_waits_double_and_are_really_waited(upstream: Upstream, make_client: MakeClient) -> None:
    upstream.fail("*", Fault.status(503), times=5)
    started = time.monotonic()
    meant = waits(upstream, make_client(first_wait_s=0.08))
    assert meant == [pytest.approx(wait, rel=0.101) for wait in (0.08, 0.16, 0.32, 0.64)]
    assert time.monotonic() - started >= sum(meant)


def test_the_default_waits_are_those_of_the_design(make_client: MakeClient) -> None:
    client = HttpClient("kra")
    assert client.attempts == 5
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    for attempt, wait in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 16)):
        state.attempt_number = attempt
        drawn = {client._wait(state) for _ in range(20)}
        assert len(drawn) > 1, "no jitter"
        assert all(0.9 * wait <= one <= 1.1 * wait for one in drawn)
    state.attempt_number = 12
    assert max(client._wait(state) for _ in range(50)) == MAX_WAIT_S
    client.close()


def test_retry_after_in_seconds_is_waited_for(upstream: Upstream, make_client: MakeClient) -> None:
    upstream.fail("*", Fault.status(429, retry_after_s=1))
    assert waits(upstream, make_client()) == [1.0]


def test_retry_after_as_a_date_is_waited_for(upstream: Upstream, make_client: MakeClient) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    upstream.fail("*", respond(503, Retry_After=format_datetime(at, usegmt=True)))
    expected = (at - datetime.now(UTC)).total_seconds()
    (meant,) = waits(upstream, make_client())
    assert expected - 2 < meant <= expected, "the date, less what the answer took"


@pytest.mark.parametrize("value", ["soon", "", "-5", "²", "Mon, 99 Foo 2026 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00"])
def test_an_unusable_or_past_retry_after_does_no_harm(upstream: Upstream, make_client: MakeClient, value: str) -> None:
    upstream.fail("*", respond(503, Retry_After=value))
    assert waits(upstream, make_client())[0] < 0.3, "its own wait, or none"


@pytest.mark.parametrize(("status", "verdict"), [(429, Verdict.QUOTA), (503, Verdict.TRANSPORT)])
def test_a_retry_after_longer_than_the_cap_ends_the_call_and_is_passed_on(
    upstream: Upstream, make_client: MakeClient, status: int, verdict: Verdict
) -> None:
    upstream.fail("*", Fault.status(status, retry_after_s=3600))
    started = time.monotonic()
    error = failure(make_client(), f"{upstream.url}/matches.json")
    assert time.monotonic() - started < 30
    assert (error.verdict, error.retry_after_s) == (verdict, 3600.0)
    assert len(upstream.requests) == 1


def test_the_rate_limit_spaces_requests_over_all_threads(upstream: Upstream, make_client: MakeClient) -> None:
    client = make_client(per_second=20.0)
    times: list[float] = []

    def tick(request: Request) -> Response:
        times.append(time.monotonic())
        return Response(200, "text/plain", b"")

    upstream.routes["/tick"] = tick
    started = time.monotonic()
    threads = [threading.Thread(target=client.get, args=(f"{upstream.url}/tick", "tick")) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(times) - started >= 8 * 0.05


def test_the_rate_limit_lets_the_first_request_through_at_once_and_counts_retries(
    upstream: Upstream, make_client: MakeClient
) -> None:
    limit = RateLimit(1 / 60)
    started = time.monotonic()
    limit.wait()
    assert time.monotonic() - started < 30
    upstream.fail("*", Fault.status(503), times=2)
    started = time.monotonic()
    make_client(per_second=4.0).get(f"{upstream.url}/matches.json", "matches.json")
    assert time.monotonic() - started >= 2 * 0.25


def test_one_host_does_not_wait_for_the_limit_of_another(upstream: Upstream, make_client: MakeClient) -> None:
    client = make_client(per_second=1 / 60)
    started = time.monotonic()
    client.get(f"{upstream.url}/matches.json", "matches.json")
    client.get(f"http://localhost:{upstream.port}/matches.json", "matches.json")
    assert time.monotonic() - started < 30


# --- a source that judges answers itself


def told(verdict: Verdict, retry_after_s: float | None = None) -> SourceError:
    return SourceError(verdict, "kra", "matches.json", "told in the body", retry_after_s=retry_after_s)


@pytest.mark.parametrize("status", [200, 304, 401, 403, 404, 429, 500])
def test_the_judge_speaks_before_the_status_does(upstream: Upstream, make_client: MakeClient, status: int) -> None:
    upstream.fail("*", Fault.body(status, "text/plain", b"" if status == 304 else b"why"), times=2)
    seen: list[tuple[int, bytes]] = []

    def judge(response: httpx.Response) -> SourceError:
        seen.append((response.status_code, response.content))
        return told(Verdict.AUTH)

    error = failure(make_client(), f"{upstream.url}/matches.json", judge=judge, etag='"x"')
    assert (error.verdict, error.reason) == (Verdict.AUTH, "told in the body")
    assert seen == [(status, b"" if status == 304 else b"why")], "and the call ends"


def test_a_judge_without_an_objection_leaves_it_to_the_status(upstream: Upstream, make_client: MakeClient) -> None:
    upstream.fail("*", Fault.status(401))
    url = f"{upstream.url}/matches.json"
    assert failure(make_client(), url, judge=lambda response: None).verdict is Verdict.AUTH
    response = make_client().get(url, "matches.json", judge=lambda response: None)
    assert response is not None
    assert response.content == BODY


@pytest.mark.parametrize(
    ("verdict", "retry_after_s", "tries"),
    [
        (Verdict.TRANSPORT, None, 3),
        (Verdict.QUOTA, 0.0, 3),
        (Verdict.QUOTA, MAX_WAIT_S + 1, 1),
        (Verdict.MALFORMED, None, 1),
        (Verdict.BLOCKED, None, 1),
    ],
)
def test_what_the_judge_tells_is_tried_again_where_that_may_help(
    upstream: Upstream, make_client: MakeClient, verdict: Verdict, retry_after_s: float | None, tries: int
) -> None:
    error = told(verdict, retry_after_s)
    client = make_client(attempts=3)
    assert failure(client, f"{upstream.url}/matches.json", judge=lambda response: error) is error
    assert len(upstream.requests) == tries


def test_a_judge_that_is_content_in_the_end_gives_the_answer(upstream: Upstream, make_client: MakeClient) -> None:
    verdicts = [told(Verdict.TRANSPORT), told(Verdict.QUOTA, 0.0), None]
    client = make_client()
    response = client.get(f"{upstream.url}/matches.json", "matches.json", judge=lambda answer: verdicts.pop(0))
    assert response is not None
    assert response.content == BODY
    assert len(upstream.requests) == 3


def test_what_the_judge_raises_ends_the_call(upstream: Upstream, make_client: MakeClient) -> None:
    def judge(response: httpx.Response) -> None:
        raise told(Verdict.TRANSPORT)

    assert failure(make_client(), f"{upstream.url}/matches.json", judge=judge).verdict is Verdict.TRANSPORT
    assert len(upstream.requests) == 1


def test_before_comes_before_each_try(upstream: Upstream, make_client: MakeClient) -> None:
    upstream.fail("*", Fault.status(503), times=2)
    counted: list[int] = []
    client = make_client()
    client.get(f"{upstream.url}/matches.json", "matches.json", before=lambda: counted.append(len(upstream.requests)))
    assert counted == [0, 1, 2]


def test_what_before_raises_ends_the_call_and_nothing_is_sent(upstream: Upstream, make_client: MakeClient) -> None:
    upstream.fail("*", Fault.status(503))
    budget = [1]

    def before() -> None:
        if not budget:
            raise told(Verdict.QUOTA)
        budget.pop()

    error = failure(make_client(), f"{upstream.url}/matches.json", before=before)
    assert (error.verdict, error.reason) == (Verdict.QUOTA, "told in the body")
    assert len(upstream.requests) == 1, "the second try was refused"


def test_what_is_only_good_as_a_whole_is_tried_with_the_waits_of_the_client(make_client: MakeClient) -> None:
    tries: list[float] = []

    def work(result: str) -> str:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise ZeroDivisionError
        return result

    client = make_client(attempts=3, first_wait_s=0.05)
    assert client.retrying(ZeroDivisionError)(work, "whole") == "whole"
    assert tries[1] - tries[0] >= 0.045
    assert tries[2] - tries[1] >= 0.09
    tries.clear()
    with pytest.raises(ZeroDivisionError):
        make_client(attempts=2).retrying(ZeroDivisionError)(work, "whole")
    assert len(tries) == 2
    tries.clear()
    with pytest.raises(ZeroDivisionError):
        client.retrying(SourceError)(work, "whole")
    assert len(tries) == 1, "another kind of error"


# --- conditional requests and headers


def test_a_document_unchanged_since_its_etag_is_none(upstream: Upstream, make_client: MakeClient) -> None:
    client = make_client()
    first = client.get(f"{upstream.url}/matches.json", "matches.json")
    assert first is not None
    assert client.get(f"{upstream.url}/matches.json", "matches.json", etag=first.headers["ETag"]) is None
    (upstream.root / "matches.json").write_bytes(b"[]")
    changed = client.get(f"{upstream.url}/matches.json", "matches.json", etag=first.headers["ETag"])
    assert changed is not None
    assert changed.content == b"[]"


def test_headers_and_credentials_reach_the_server(upstream: Upstream, make_client: MakeClient) -> None:
    client = make_client()
    client.get(f"{upstream.url}/matches.json", "matches.json", auth=("me", "pw"), headers={"Accept": "text/xml"})
    sent = upstream.requests[0].headers
    assert sent["user-agent"] == "fotmate-assets"
    assert (sent["accept"], sent["authorization"]) == ("text/xml", "Basic bWU6cHc=")


# --- redaction

SECRETS = [
    "serviceKey=s3cr3t%2B%3D",
    "ServiceKey=s3cr3t",
    "api_key=s3cr3t",
    "token=s3cr3t",
    "access_token=s3cr3t",
    "password=s3cr3t",
    "passwd=s3cr3t",
    "client_secret=s3cr3t",
    "X-Amz-Signature=s3cr3t",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_redacted_and_the_rest_of_the_url_stays(secret: str) -> None:
    name = secret.partition("=")[0]
    told = redacted(f"https://apis.data.go.kr/B551015?{secret}&rc_date=20261120")
    assert told == f"https://apis.data.go.kr/B551015?{name}=REDACTED&rc_date=20261120"
    assert redacted(f"https://h/?a=1&{secret}") == f"https://h/?a=1&{name}=REDACTED"


@pytest.mark.parametrize("userinfo", ["user:s3cr3t@", "s3cr3t@", "user:s3@cr3t@", "user:@"])
def test_user_and_password_are_redacted(userinfo: str) -> None:
    assert redacted(f"http://{userinfo}host:80/a@b?c=d@e") == "http://host:80/a@b?c=d@e"


@pytest.mark.parametrize(
    "fault",
    [Fault.status(401), Fault.status(429), Fault.status(500), Fault.truncated(0.5), Fault.reset(), Fault.timeout()],
    ids=lambda fault: fault.name,
)
def test_no_failure_and_no_log_line_shows_a_secret(
    upstream: Upstream, make_client: MakeClient, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    caplog.set_level(logging.INFO)
    upstream.fail("*", fault, times=1 if fault.name == "status 401" else 2)
    url = f"http://user:s3cr3t@127.0.0.1:{upstream.port}/matches.json?serviceKey=s3cr3t"
    client = make_client(attempts=2, timeout_s=0.1)
    told = str(failure(client, url))
    client.get(url, "matches.json")
    assert "s3cr3t" not in told + caplog.text
    assert "serviceKey=REDACTED" in told
    assert "serviceKey=REDACTED" in caplog.text, "httpx logs every URL at INFO"


def test_the_url_of_a_refused_redirect_is_redacted(upstream: Upstream, make_client: MakeClient) -> None:
    url = f"{upstream.url}/loop?token=s3cr3t"
    upstream.routes["/loop"] = lambda request: Response(302, "text/plain", b"", {"Location": url})
    error = failure(make_client(attempts=1), url)
    assert error.verdict is Verdict.TRANSPORT
    assert "s3cr3t" not in str(error)


def test_a_closed_client_is_closed(upstream: Upstream) -> None:
    client = HttpClient("kra")
    client.close()
    with pytest.raises(RuntimeError):
        client.get(f"{upstream.url}/matches.json", "matches.json")
    assert httpx.get(f"{upstream.url}/matches.json").status_code == 200
