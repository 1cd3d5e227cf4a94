"""Fetching StatsBomb documents: folder, mirror and licensed API, over real HTTP on loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.core.documents import DocumentSource, FolderSource
from fotmate_assets.core.http import HttpClient
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.core.sync import Wanted, sync
from fotmate_assets.embedded.sample.statsbomb import competition_row, sample_team, simulate_match, write_season
from fotmate_assets.embedded.upstream import Fault, Request, Response, Upstream
from fotmate_assets.football.sources.statsbomb.documents import OPEN_DATA, Statsbombpy, statsbomb_documents

LIST, EVENTS, LINEUPS, FRAMES = "matches/9001/901.json", "events/1.json", "lineups/1.json", "three-sixty/1.json"
EVERY_DOCUMENT = ("competitions.json", LIST, EVENTS, LINEUPS, FRAMES)
USER, PASSWORD = "analyst@club.example", "s3cret&Sauce"
CREDENTIALS = {"user": USER, "passwd": PASSWORD}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Open data of one match with frames."""
    folder = tmp_path_factory.mktemp("open-data")
    match = simulate_match(1, sample_team(1, "Hømé"), sample_team(2, "Away"), minutes_scale=0.07, with_frames=True)
    write_season(folder, competition_row(), [match])
    return folder


@pytest.fixture
def client() -> Iterator[HttpClient]:
    opened = HttpClient("statsbomb", timeout_s=0.5, per_second=1000, attempts=3, first_wait_s=0.01)
    yield opened
    opened.close()


@pytest.fixture
def mirror(sample: Path) -> Iterator[Upstream]:
    with Upstream(sample) as running:
        yield running


@pytest.fixture
def documents(mirror: Upstream, client: HttpClient) -> DocumentSource:
    return statsbomb_documents(mirror.url, client)


def fetched(documents: DocumentSource, name: str) -> bytes:
    document = documents.fetch(name)
    assert document is not None
    assert (document.source, document.name) == ("statsbomb", name)
    return document.content


def failure(documents: DocumentSource, name: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        documents.fetch(name)
    assert (caught.value.source, caught.value.document) == ("statsbomb", name)
    return caught.value


# --- which source -----------------------------------------------------------------------------------------------


def test_a_folder_is_read_without_statsbombpy(sample: Path, client: HttpClient) -> None:
    assert statsbomb_documents(str(sample), client) == FolderSource("statsbomb", sample)


def test_a_folder_that_is_none_is_named(tmp_path: Path, client: HttpClient) -> None:
    documents = statsbomb_documents(str(tmp_path / "nowhere"), client)
    with pytest.raises(SourceError, match="FOTMATE_STATSBOMB_SOURCE") as caught:
        documents.fetch("competitions.json")
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_open_data_and_the_licensed_api_are_told_apart_by_credentials(client: HttpClient) -> None:
    free, licensed = statsbomb_documents(OPEN_DATA, client), statsbomb_documents(OPEN_DATA, client, CREDENTIALS)
    assert isinstance(free, Statsbombpy)
    assert isinstance(licensed, Statsbombpy)
    assert (free.credentials, licensed.credentials) == ({}, CREDENTIALS)
    assert PASSWORD not in repr(licensed)


# --- open data --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_DOCUMENT)
def test_a_mirror_gives_byte_for_byte_what_the_folder_gives(
    name: str, sample: Path, documents: DocumentSource, client: HttpClient
) -> None:
    here = statsbomb_documents(str(sample), client).fetch(name)
    there = documents.fetch(name)
    assert here is not None
    assert there is not None
    assert there.sha256 == here.sha256 == hashlib.sha256((sample / name).read_bytes()).hexdigest()


def test_a_document_says_where_it_came_from_and_carries_the_etag(mirror: Upstream, documents: DocumentSource) -> None:
    document = documents.fetch(EVENTS)
    assert document is not None
    assert document.url == f"{mirror.url}/{EVENTS}"
    assert document.revision is not None
    assert document.revision.startswith('"')
    assert [request.path for request in mirror.requests] == [f"/{EVENTS}"]


def test_duplicate_event_ids_survive_in_the_bytes(tmp_path: Path, client: HttpClient) -> None:
    twice = b'[{"id":"a","index":1},{"id":"a","index":2}]'
    (tmp_path / "events").mkdir()
    (tmp_path / EVENTS).write_bytes(twice)
    with Upstream(tmp_path) as mirror:
        assert fetched(statsbomb_documents(mirror.url, client), EVENTS) == twice


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (EVENTS, b'[{"index":1}]'),  # no id: statsbombpy raises KeyError
        (FRAMES, b'[{"event_uuid":"a","freeze_frame":[]}]'),  # no visible_area: KeyError
        (LIST, b'{"not":"a list"}'),
        (LINEUPS, b'[{"team_id":'),
        ("competitions.json", b"[{}]"),
    ],
)
def test_what_statsbombpy_cannot_reshape_is_kept_for_our_parser(
    name: str, content: bytes, tmp_path: Path, client: HttpClient
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content)
    with Upstream(tmp_path) as mirror:
        assert fetched(statsbomb_documents(mirror.url, client), name) == content


def test_a_name_outside_the_layout_is_refused_and_nothing_is_asked(mirror: Upstream, documents: DocumentSource) -> None:
    for name in ("players/1.json", "events/abc.json", "../secret"):
        assert failure(documents, name).verdict is Verdict.MALFORMED
    assert mirror.requests == []


# --- conditional requests and tokens ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_DOCUMENT)
def test_a_known_etag_is_answered_with_none(name: str, mirror: Upstream, documents: DocumentSource) -> None:
    document = documents.fetch(name)
    assert document is not None
    assert documents.fetch(name, document.revision) is None
    assert mirror.requests[-1].headers["if-none-match"] == document.revision
    again = documents.fetch(name, '"another"')
    assert again is not None
    assert again.content == document.content


def test_an_unchanged_token_is_not_asked_for_and_a_new_one_is_asked_conditionally(
    mirror: Upstream, documents: DocumentSource, zone: RawZone
) -> None:
    manifest = Manifest("statsbomb", "k")
    assert sync(documents, [Wanted(EVENTS, "2020-07-29T05:00")], zone, manifest).changed == [EVENTS]
    assert sync(documents, [Wanted(EVENTS, "2020-07-29T05:00")], zone, manifest).unchanged == [EVENTS]
    assert len(mirror.requests) == 1, "the token alone tells"
    assert sync(documents, [Wanted(EVENTS, "2021-01-01T00:00")], zone, manifest).unchanged == [EVENTS]
    assert len(mirror.requests) == 2
    assert "if-none-match" in mirror.requests[-1].headers
    assert sync(documents, [Wanted(EVENTS, "2021-01-01T00:00")], zone, manifest).unchanged == [EVENTS]
    assert len(mirror.requests) == 2, "the new token is remembered though the bytes are the old ones"


def test_many_documents_fetched_at_once_do_not_mix(sample: Path, documents: DocumentSource, zone: RawZone) -> None:
    manifest = Manifest("statsbomb", "k")
    report = sync(documents, map(Wanted, EVERY_DOCUMENT), zone, manifest, workers=5)
    assert sorted(report.changed) == sorted(EVERY_DOCUMENT)
    for name in EVERY_DOCUMENT:
        stored = zone.document(manifest, name)
        assert stored is not None
        assert stored.content == (sample / name).read_bytes()


# --- trouble ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(500),
        Fault.status(503),
        Fault.status(429),
        Fault.status(429, retry_after_s=0),
        Fault.truncated(0.4),
        Fault.reset(),
        Fault.timeout(),
    ],
    ids=lambda fault: fault.name,
)
def test_passing_trouble_is_retried(fault: Fault, mirror: Upstream, documents: DocumentSource, sample: Path) -> None:
    mirror.fail("*/events/*", fault)
    assert fetched(documents, EVENTS) == (sample / EVENTS).read_bytes()
    assert len(mirror.injected) == 1
    assert len(mirror.requests) == 2


@pytest.mark.parametrize(
    ("fault", "verdict", "tries"),
    [
        (Fault.status(500), Verdict.TRANSPORT, 3),
        (Fault.status(429), Verdict.QUOTA, 3),
        (Fault.status(429, retry_after_s=3600), Verdict.QUOTA, 1),
        (Fault.status(403), Verdict.BLOCKED, 1),
        (Fault.status(404), Verdict.EMPTY_UNEXPECTED, 1),
        (Fault.truncated(0.4), Verdict.TRANSPORT, 3),
        (Fault.reset(), Verdict.TRANSPORT, 3),
        (Fault.timeout(), Verdict.TRANSPORT, 3),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else str(value),
)
def test_lasting_trouble_ends_in_its_verdict(
    fault: Fault, verdict: Verdict, tries: int, mirror: Upstream, documents: DocumentSource
) -> None:
    mirror.fail("*/events/*", fault, times=10)
    error = failure(documents, EVENTS)
    assert error.verdict is verdict
    assert len(mirror.requests) == tries
    assert mirror.url in str(error)


def test_a_document_that_is_not_there_is_asked_for_once(mirror: Upstream, documents: DocumentSource) -> None:
    error = failure(documents, "events/999.json")
    assert error.verdict is Verdict.EMPTY_UNEXPECTED
    assert "404" in error.reason
    assert len(mirror.requests) == 1


def test_json_cut_short_in_a_whole_answer_is_handed_on_as_it_came(mirror: Upstream, documents: DocumentSource) -> None:
    mirror.fail("*/lineups/*", Fault.cut_json(0.5))
    content = fetched(documents, LINEUPS)
    whole = mirror.root.joinpath(LINEUPS).read_bytes()
    assert content == whole[: len(whole) // 2]


# --- what statsbombpy does beside -------------------------------------------------------------------------------


def in_a_process(code: str, *arguments: str, temporary: Path) -> dict[str, Any]:
    """Run `code` with a temporary folder of its own; what it prints last is JSON."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"TMPDIR": str(temporary), "PATH": "/usr/bin:/bin", "HOME": str(temporary)},
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**result, "printed": done.stdout.splitlines()[:-1], "stderr": done.stderr}


@pytest.fixture(scope="module")
def elsewhere(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh process looks like after fetching through statsbombpy."""
    temporary = tmp_path_factory.mktemp("temporary")
    with Upstream(sample) as mirror:
        told = in_a_process(
            """
            import json, sys, warnings
            import requests
            session = requests.Session
            from fotmate_assets.core.http import HttpClient
            from fotmate_assets.football.sources.statsbomb.documents import statsbomb_documents
            early = sorted(name for name in ("statsbombpy", "requests_cache", "pandas") if name in sys.modules)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                documents = statsbomb_documents(sys.argv[1], HttpClient("statsbomb"))
                documents.fetch("competitions.json")
                documents.fetch("events/1.json")
            import requests_cache
            for _ in range(2):
                answer = requests.get(sys.argv[1] + "/lineups/1.json", timeout=5)
            print(json.dumps({
                "early": early,
                "original": requests.Session is session is requests.sessions.Session,
                "installed": requests_cache.is_installed(),
                "cached": hasattr(answer, "from_cache"),
                "warned": [str(warning.message) for warning in caught],
                "installer": requests_cache.install_cache.__module__,
            }))
            """,
            mirror.url,
            temporary=temporary,
        )
        told["asked"] = [request.path for request in mirror.requests]
    told["left"] = [path.name for path in temporary.rglob("*") if not path.match("*/.cache/*")]
    return told


def test_after_a_fetch_requests_is_the_original(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["original"]
    assert not elsewhere["installed"]
    assert elsewhere["installer"].startswith("requests_cache"), "the installer itself is back in place"


def test_requests_of_others_are_not_cached(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["asked"].count("/lineups/1.json") == 2
    assert not elsewhere["cached"]


def test_no_cache_is_left_on_the_disk(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["left"] == []


def test_users_see_no_warning_about_credentials(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["warned"] == []
    assert elsewhere["printed"] == []
    assert "NoAuthWarning" not in elsewhere["stderr"]


def test_statsbombpy_is_imported_only_when_it_is_used(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["early"] == []


# --- the licensed API -------------------------------------------------------------------------------------------

VERSIONS = {
    "api_competitions": 4,
    "api_matches": 6,
    "api_lineups": 4,
    "api_events": 8,
    "api_360_freeze_frames": 2,
    "api_player_mapping": 1,
}
"""Events v8 and lineups v4 differ from the versions that statsbombpy has built in (v11, v5)."""
PATHS = {
    "competitions.json": "/api/v4/competitions",
    LIST: "/api/v6/competitions/9001/seasons/901/matches",
    EVENTS: "/api/v8/events/1",
    LINEUPS: "/api/v4/lineups/1",
    FRAMES: "/api/v2/360-frames/1",
}


class Api:
    """The licensed API on loopback: demands basic auth and serves the sample below the API's paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions: bytes | None = json.dumps(VERSIONS).encode()
        self.upstream = Upstream(folder, routes={"/": self.answer})

    def answer(self, request: Request) -> Response:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return Response(401, "application/json", b'{"error":"unauthorized"}')
        if request.resource == "/api/endpoint-versions" and self.versions is not None:
            return Response(200, "application/json", self.versions, {"ETag": '"versions"'})
        for name, path in PATHS.items():
            tail = path.split("/", 3)[3]
            if request.resource.split("/", 3)[-1] == tail:
                body = (self.folder / name).read_bytes()
                return Response(200, "application/json", body, {"ETag": f'"{hashlib.sha256(body).hexdigest()}"'})
        return Response(404, "text/plain", b"no such thing")

    @property
    def asked(self) -> list[str]:
        return [request.path for request in self.upstream.requests]


@pytest.fixture
def api(sample: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A fresh API, and a statsbombpy that has not asked for versions yet."""
    from statsbombpy import api_client

    monkeypatch.setattr(api_client, "_ENDPOINT_VERSIONS", None)
    served = Api(sample)
    with served.upstream:
        yield served


@pytest.fixture
def licensed(api: Api, client: HttpClient) -> Statsbombpy:
    return Statsbombpy(client, credentials=CREDENTIALS, api_root=api.upstream.url)


@pytest.mark.parametrize("name", EVERY_DOCUMENT)
def test_the_licensed_api_is_asked_for_its_versions_and_then_for_the_document(
    name: str, api: Api, licensed: Statsbombpy, sample: Path
) -> None:
    document = licensed.fetch(name)
    assert document is not None
    assert document.content == (sample / name).read_bytes()
    assert document.url == api.upstream.url + PATHS[name]
    assert api.asked == ["/api/endpoint-versions", PATHS[name]]


def test_the_versions_are_asked_for_once_a_session(api: Api, licensed: Statsbombpy) -> None:
    licensed.fetch(EVENTS)
    licensed.fetch(LINEUPS)
    assert api.asked.count("/api/endpoint-versions") == 1


def test_a_known_document_of_the_licensed_api_is_asked_for_conditionally(api: Api, licensed: Statsbombpy) -> None:
    document = licensed.fetch(EVENTS)
    assert document is not None
    assert licensed.fetch(EVENTS, document.revision) is None
    assert api.upstream.requests[-1].headers["if-none-match"] == document.revision


def test_only_the_document_is_asked_for_conditionally(api: Api, licensed: Statsbombpy) -> None:
    assert licensed.fetch(EVENTS, '"versions"') is not None
    assert "if-none-match" not in api.upstream.requests[0].headers
    assert api.upstream.requests[1].headers["if-none-match"] == '"versions"'


def test_without_a_list_of_versions_those_of_statsbombpy_are_used(
    api: Api, licensed: Statsbombpy, sample: Path
) -> None:
    api.versions = None
    assert fetched(licensed, EVENTS) == (sample / EVENTS).read_bytes()
    assert api.asked == ["/api/endpoint-versions", "/api/v11/events/1"]


@pytest.mark.parametrize("versions", [b"[1]", b"<html>", b'"v8"'])
def test_a_list_of_versions_that_is_none_is_never_taken_for_the_document(
    versions: bytes, api: Api, licensed: Statsbombpy
) -> None:
    api.versions = versions
    error = failure(licensed, EVENTS)
    assert error.verdict is Verdict.MALFORMED
    assert api.asked == ["/api/endpoint-versions"]


@pytest.mark.parametrize("name", EVERY_DOCUMENT)
def test_wrong_credentials_are_refused_at_once_and_the_password_is_told_nobody(
    name: str, api: Api, client: HttpClient, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = {"user": USER, "passwd": "wr0ng&Sauce"}
    documents = Statsbombpy(client, credentials=wrong, api_root=api.upstream.url)
    error = failure(documents, name)
    assert error.verdict is Verdict.AUTH
    assert api.asked == ["/api/endpoint-versions"], "asked once, not retried"
    told = [str(error), repr(error), error.reason, repr(documents), *map(str, capfd.readouterr())]
    chain: BaseException | None = error
    while chain is not None:
        told.append(str(chain))
        chain = chain.__cause__ or chain.__context__
    assert not any("wr0ng" in text for text in told)


def test_credentials_go_to_the_licensed_api_only(mirror: Upstream, client: HttpClient) -> None:
    documents = Statsbombpy(client, mirror.url)
    documents.fetch(EVENTS)
    assert "authorization" not in mirror.requests[0].headers


def test_the_licensed_api_is_retried_and_times_out_like_any_other(api: Api, licensed: Statsbombpy) -> None:
    api.upstream.fail("/api/endpoint-versions", Fault.status(502))
    api.upstream.fail("/api/v8/events/*", Fault.timeout())
    assert licensed.fetch(EVENTS) is not None
    assert len(api.upstream.injected) == 2
    api.upstream.fail("/api/v4/lineups/*", Fault.status(500), times=9)
    assert failure(licensed, LINEUPS).verdict is Verdict.TRANSPORT


def test_an_absent_match_of_the_licensed_api_is_absent(api: Api, licensed: Statsbombpy) -> None:
    error = failure(licensed, "events/999.json")
    assert error.verdict is Verdict.EMPTY_UNEXPECTED
    assert api.asked[-1] == "/api/v8/events/999"


def test_open_data_raises_no_warning_where_warnings_are_errors(documents: DocumentSource) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        documents.fetch(EVENTS)
