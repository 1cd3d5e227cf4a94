"""An operator's feed over HTTP, at a server that fails in every way."""

import asyncio
import gzip
import json
import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.embedded.upstream import Fault, Request, Response, Upstream
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot
from fotmate_assets.racing.sources.odds.feed import HttpFeed
from fotmate_assets.racing.sources.odds.mapping import FeedMapping
from fotmate_assets_tests.racing.odds.feeds import OFF, RACE, document, odds_of, odds_race, refusal

KEY = "Bearer s3cr3t-of-the-operator"
SECRET = KEY.split()[1]
JSON = "application/json"


def answer(request: Request) -> Response:
    """The odds of whatever race is asked for, in our own format."""
    race_id = request.resource.rsplit("/", 1)[1]
    race = odds_race(4, int(race_id[-2:]))
    return Response(200, JSON, document(race, {"WIN": {"1": 2.0 + race.race_no}}))


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with Upstream(tmp_path, routes={"/odds/": answer}) as running:
        yield running


def feed_at(upstream: Upstream, path: str = "/odds/{race_id}", **options: Any) -> HttpFeed:
    return HttpFeed("operator", upstream.url + path, key=KEY, **options)


def asked(feed: HttpFeed, race: OddsRace = RACE) -> OddsSnapshot:
    async def once() -> OddsSnapshot:
        try:
            return await feed.snapshot(race, OFF)
        finally:
            await feed.close()

    return asyncio.run(once())


def refused(feed: HttpFeed, verdict: Verdict) -> SourceError:
    error = refusal(lambda: asked(feed))
    assert (error.verdict, error.source, error.document) == (verdict, "operator", RACE.race_id)
    assert SECRET not in repr([str(error), error.reason, error.content])
    return error


# What is asked ------------------------------------------------------------------------------------------------------


def test_the_odds_of_the_race_are_asked_for_with_the_key_in_a_header(upstream: Upstream) -> None:
    feed = feed_at(upstream, "/odds/{race_date:%Y%m%d}/{track_id}/{race_no}/{race_id}?sport={sport}")
    snapshot = asked(feed, odds_race(4, 3))
    assert odds_of(snapshot, Pool.WIN)["1"] == 5.0
    (request,) = upstream.requests
    assert request.path == "/odds/20261121/seoul/3/horse-seoul-20261121-03?sport=horse"
    assert request.headers["authorization"] == KEY
    assert (feed.name, feed.is_live, feed.is_simulated) == ("operator", True, False)


def test_the_key_may_go_into_another_header(upstream: Upstream) -> None:
    feed = HttpFeed("operator", upstream.url + "/odds/{race_id}", key="k3y", key_header="X-Api-Key")
    asked(feed)
    assert upstream.requests[0].headers["x-api-key"] == "k3y"
    assert "authorization" not in upstream.requests[0].headers


def test_a_feed_without_a_key_sends_none(upstream: Upstream) -> None:
    asked(HttpFeed("open", upstream.url + "/odds/{race_id}"))
    assert "authorization" not in upstream.requests[0].headers


def test_many_races_are_asked_at_once(upstream: Upstream) -> None:
    async def at_once() -> list[OddsSnapshot]:
        feed = feed_at(upstream)
        try:
            return await asyncio.gather(*(feed.snapshot(odds_race(4, number), OFF) for number in range(1, 21)))
        finally:
            await feed.close()

    found = asyncio.run(at_once())
    assert [odds_of(each, Pool.WIN)["1"] for each in found] == [2.0 + number for number in range(1, 21)]


def test_a_feed_can_be_used_again_in_another_loop(upstream: Upstream) -> None:
    feed = feed_at(upstream)
    for _ in range(2):
        # Not closed in between, as a process that is not told of the end.
        assert asyncio.run(feed.snapshot(RACE, OFF)).race_id == RACE.race_id
    asked(feed)
    asked(feed)


def test_a_feed_can_be_used_again_after_it_was_closed(upstream: Upstream) -> None:
    async def twice() -> None:
        feed = feed_at(upstream)
        for _ in range(2):
            await feed.snapshot(RACE, OFF)
            await feed.close()

    asyncio.run(twice())
    assert len(upstream.requests) == 2


def test_a_mapping_reads_the_feeds_own_format(tmp_path: Path) -> None:
    own = json.dumps([{"p": "WIN", "n": 1, "o": "3.4"}]).encode()
    with Upstream(tmp_path, routes={"/odds/": lambda _: Response(200, JSON, own)}) as upstream:
        by = msgspec.convert({"prices": "/*", "pool": "p", "numbers": "n", "odds": "o"}, FeedMapping)
        snapshot = asked(feed_at(upstream, mapping=by))
    assert odds_of(snapshot, Pool.WIN)["1"] == 3.4
    assert snapshot.content == own


# What fails ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (401, Verdict.AUTH),
        (403, Verdict.BLOCKED),
        (404, Verdict.EMPTY_UNEXPECTED),
        (408, Verdict.TRANSPORT),
        (410, Verdict.EMPTY_UNEXPECTED),
        (418, Verdict.MALFORMED),
        (500, Verdict.TRANSPORT),
        (503, Verdict.TRANSPORT),
    ],
)
def test_a_status_has_its_verdict_and_is_asked_once(upstream: Upstream, status: int, verdict: Verdict) -> None:
    upstream.fail("/odds/*", Fault.status(status))
    refused(feed_at(upstream), verdict)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(("status", "verdict"), [(429, Verdict.QUOTA), (503, Verdict.TRANSPORT)])
def test_how_long_to_wait_is_passed_on(upstream: Upstream, status: int, verdict: Verdict) -> None:
    upstream.fail("/odds/*", Fault.status(status, retry_after_s=17))
    assert refused(feed_at(upstream), verdict).retry_after_s == 17


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.truncated(0.5), Fault.truncated(0)], ids=lambda it: it.name)
def test_an_answer_cut_short_is_a_transport_failure(upstream: Upstream, fault: Fault) -> None:
    upstream.fail("/odds/*", fault)
    refused(feed_at(upstream), Verdict.TRANSPORT)


@pytest.mark.parametrize("fault", [Fault.timeout(), Fault.slow(40)], ids=lambda it: it.name)
def test_an_answer_that_does_not_come_whole_in_time_is_given_up(upstream: Upstream, fault: Fault) -> None:
    """A dripping one, too, which keeps every single wait short."""
    upstream.fail("/odds/*", fault)
    started = time.monotonic()
    error = refused(feed_at(upstream, timeout_s=0.3), Verdict.TRANSPORT)
    assert "0.3 s" in error.reason
    assert time.monotonic() - started >= 0.3


def test_a_server_that_is_not_there_is_a_transport_failure(upstream: Upstream) -> None:
    refused(HttpFeed("operator", "http://127.0.0.1:1/{race_id}", key=KEY), Verdict.TRANSPORT)


@pytest.mark.parametrize("content", [b"<html>maintenance</html>", b"{", b"[]", document(odds_race(4, 2))])
def test_an_answer_that_is_no_document_of_the_race_is_refused_with_its_bytes(
    upstream: Upstream, content: bytes
) -> None:
    upstream.fail("/odds/*", Fault.body(200, "text/html", content))
    assert refused(feed_at(upstream), Verdict.MALFORMED).content == content


def test_an_answer_without_content_is_empty(upstream: Upstream) -> None:
    upstream.fail("/odds/*", Fault.body(204, JSON, b""))
    refused(feed_at(upstream), Verdict.EMPTY_UNEXPECTED)


def test_a_huge_answer_is_not_read_to_its_end(tmp_path: Path) -> None:
    packed = Response(200, JSON, gzip.compress(b" " * 50_000_000), {"Content-Encoding": "gzip"})
    huge = {"/packed/": packed, "/plain/": Response(200, JSON, b" " * 2_000_000)}
    with Upstream(tmp_path, routes={path: partial(_constant, it) for path, it in huge.items()}) as upstream:
        for path in huge:
            error = refused(feed_at(upstream, path, max_bytes=1_000_000), Verdict.MALFORMED)
            assert "more than 1000000 bytes" in error.reason


def _constant(response: Response, _request: Request) -> Response:
    return response


def test_a_packed_answer_is_read(tmp_path: Path) -> None:
    packed = Response(200, JSON, gzip.compress(document()), {"Content-Encoding": "gzip"})
    with Upstream(tmp_path, routes={"/odds/": lambda _: packed}) as upstream:
        assert asked(feed_at(upstream)).content == document()


def test_one_that_waits_for_it_no_longer_ends_it(upstream: Upstream) -> None:
    """The collector's deadline is shorter than the feed's own."""
    upstream.fail("/odds/*", Fault.timeout())

    async def impatient() -> None:
        feed = feed_at(upstream, timeout_s=30)
        try:
            async with asyncio.timeout(0.1):
                await feed.snapshot(RACE, OFF)
        finally:
            await feed.close()

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())


# Simulated or not ---------------------------------------------------------------------------------------------------


def test_simulated_odds_are_never_taken_for_real_ones(upstream: Upstream) -> None:
    upstream.fail("/odds/*", Fault.body(200, JSON, document(simulated=True)), times=2)
    assert refused(feed_at(upstream), Verdict.MALFORMED).field == "simulated"
    feed = feed_at(upstream, is_simulated=True)
    assert feed.is_simulated
    assert asked(feed).pools


# Secrets ------------------------------------------------------------------------------------------------------------


def test_a_redirect_on_the_same_host_is_followed(upstream: Upstream) -> None:
    upstream.fail(
        "/old/*", Fault.altered("moved", lambda *_: Response(302, JSON, b"", {"Location": "/odds/" + RACE.race_id}))
    )
    assert asked(feed_at(upstream, "/old/{race_id}")).race_id == RACE.race_id
    assert upstream.requests[1].headers["authorization"] == KEY


def test_no_other_host_gets_the_key(upstream: Upstream, tmp_path: Path) -> None:
    with Upstream(tmp_path, routes={"/odds/": answer}) as other:
        away = {"Location": f"{other.url}/odds/{RACE.race_id}?key=of-theirs"}
        upstream.fail("/odds/*", Fault.altered("moved", lambda *_: Response(302, JSON, b"", away)))
        error = refused(
            HttpFeed("operator", upstream.url + "/odds/{race_id}", key=KEY, key_header="X-Key"), Verdict.MALFORMED
        )
        assert "another host" in error.reason
        assert "of-theirs" not in str(error)
        assert other.requests == []


def test_a_redirect_in_a_circle_ends(upstream: Upstream) -> None:
    upstream.fail(
        "/odds/*", Fault.altered("moved", lambda asked, *_: Response(302, JSON, b"", {"Location": asked.path})), 99
    )
    assert "redirects" in refused(feed_at(upstream), Verdict.MALFORMED).reason
    assert len(upstream.requests) < 20


def test_secrets_are_in_no_error_log_or_kept_bytes(upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echoed = f'{{"error": "key {SECRET} has expired"}}'.encode()
    upstream.fail("/odds/*", Fault.body(200, JSON, echoed))
    upstream.fail("/odds/*", Fault.body(418, JSON, echoed))
    upstream.fail("/odds/*", Fault.status(500))
    upstream.fail("/odds/*", Fault.reset())
    feed = feed_at(upstream, "/odds/{race_id}?token=t0k3n")
    errors = [refusal(lambda: asked(feed)) for _ in range(4)]
    told = repr([(str(error), error.reason, error.content) for error in errors]) + caplog.text
    assert "token=REDACTED" in told
    assert b"key REDACTED has expired" in (errors[0].content or b"")
    assert b"key REDACTED has expired" in (errors[1].content or b"")
    assert SECRET not in told
    assert "t0k3n" not in told


# Configuration ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["{race_id}", "ftp://host/{race_id}", "http://host/{race}", "http://host/{race_id"])
def test_a_url_that_cannot_be_asked_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError):
        HttpFeed("operator", url)


@pytest.mark.parametrize("key", ["two\nlines", "비밀"])
def test_a_key_that_no_header_can_have_is_refused_without_telling_it(key: str) -> None:
    with pytest.raises(ValueError) as raised:
        HttpFeed("operator", "http://host/{race_id}", key=key)
    assert key not in str(raised.value)
