"""The loopback upstream, asked by a real HTTP client and by bare sockets."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fotmate_assets.embedded.upstream import Fault, Request, Response, Upstream

MATCHES = json.dumps([{"match_id": number, "home": "Ashford"} for number in range(200)]).encode()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "provider"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "matches.json").write_bytes(MATCHES)
    (tmp_path / "secret.txt").write_text("not yours")
    return folder


@pytest.fixture
def upstream(root: Path) -> Iterator[Upstream]:
    with Upstream(root) as running:
        yield running


@pytest.fixture
def client(upstream: Upstream) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=upstream.url, timeout=5) as opened:
        yield opened


def raw_answer(upstream: Upstream, request: bytes) -> bytes:
    """Everything the server sends for a request that no tidy client would send."""
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_a_file_is_served_whole_with_validators(client: httpx.Client) -> None:
    answer = client.get("/data/matches.json")
    assert answer.status_code == 200
    assert answer.content == MATCHES
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["last-modified"].endswith("GMT")


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.json", "application/json"),
        ("a.xml", "application/xml"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.html", "text/html; charset=utf-8"),
        ("robots.txt", "text/plain; charset=utf-8"),
        ("a.parquet", "application/octet-stream"),
    ],
)
def test_the_content_type_follows_the_suffix(root: Path, client: httpx.Client, name: str, content_type: str) -> None:
    (root / name).write_bytes(b"x")
    assert client.get(f"/{name}").headers["content-type"] == content_type


def test_a_known_etag_gets_304_without_a_body(client: httpx.Client) -> None:
    etag = client.get("/data/matches.json").headers["etag"]
    for asked in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = client.get("/data/matches.json", headers={"If-None-Match": asked})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert client.get("/data/matches.json", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_file_written_again_keeps_its_etag_and_changed_bytes_change_it(root: Path, client: httpx.Client) -> None:
    file = root / "data" / "matches.json"
    etag = client.get("/data/matches.json").headers["etag"]
    file.write_bytes(MATCHES)
    os.utime(file, (1, 1))
    assert client.get("/data/matches.json").headers["etag"] == etag
    before = file.stat()
    file.write_bytes(MATCHES.replace(b"Ashford", b"Bexhill"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert client.get("/data/matches.json", headers={"If-None-Match": etag}).status_code == 200


def test_if_modified_since_is_honoured_and_yields_to_if_none_match(root: Path, client: httpx.Client) -> None:
    os.utime(root / "data" / "matches.json", (1_700_000_000.9, 1_700_000_000.9))
    modified = client.get("/data/matches.json").headers["last-modified"]
    assert modified == "Tue, 14 Nov 2023 22:13:20 GMT"

    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get("/data/matches.json", headers=named).status_code

    assert status(If_Modified_Since=modified) == 304
    assert status(If_Modified_Since="Tue, 14 Nov 2023 22:13:19 GMT") == 200
    assert status(If_Modified_Since="yesterday") == 200
    assert status(If_Modified_Since=modified, If_None_Match='"other"') == 200


def test_head_tells_the_length_and_sends_no_body(upstream: Upstream) -> None:
    request = b"HEAD /data/matches.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head, _, body = raw_answer(upstream, request).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length: %d" % len(MATCHES) in head
    assert body == b""


def test_a_missing_file_and_a_folder_are_404_with_a_body(client: httpx.Client) -> None:
    for path in ("/data/absent.json", "/data", "/data/", "/", "/a%00b"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert answer.text.startswith("404: Not Found")


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/data/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//{parent}/secret.txt"],
)
def test_nothing_outside_the_folder_is_served(upstream: Upstream, path: str) -> None:
    target = path.format(parent=upstream.root.parent)
    answer = raw_answer(upstream, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"not yours" not in answer


def test_a_link_out_of_the_folder_is_not_followed(root: Path, client: httpx.Client) -> None:
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    assert client.get("/link.txt").status_code == 404


def test_only_get_and_head_are_allowed(client: httpx.Client) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = client.request(method, "/data/matches.json", content=b"{}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_connection_serves_several_requests(upstream: Upstream) -> None:
    one = b"GET /data/matches.json HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /absent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw_answer(upstream, one + one + last)
    assert answer.count(MATCHES) == 2
    assert answer.count(b"HTTP/1.1 404") == 1


def test_it_listens_on_one_loopback_address_only(upstream: Upstream) -> None:
    assert upstream.url == f"http://127.0.0.1:{upstream.port}"
    with pytest.raises(OSError, match=r"refused|assign"):
        socket.create_connection(("127.0.0.2", upstream.port), timeout=2)


def test_requests_are_recorded_in_order_with_their_headers(upstream: Upstream, client: httpx.Client) -> None:
    client.get("/data/matches.json", params={"page": "2", "q": "a b"}, headers={"X-Key": "k"})
    client.head("/absent")
    assert [(request.method, request.path) for request in upstream.requests] == [
        ("GET", "/data/matches.json?page=2&q=a+b"),
        ("HEAD", "/absent"),
    ]
    first = upstream.requests[0]
    assert first.headers["x-key"] == "k"
    assert (first.resource, first.query) == ("/data/matches.json", {"page": "2", "q": "a b"})
    method, path, headers = first
    assert (method, path, headers["x-key"]) == ("GET", first.path, "k")


def test_faults_are_used_up_in_order_and_the_file_comes_back(upstream: Upstream, client: httpx.Client) -> None:
    upstream.fail("/data/*", Fault.status(429, retry_after_s=7), times=2)
    upstream.fail("/data/*", Fault.status(503))
    answers = [client.get("/data/matches.json") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 503, 200]
    assert [answer.headers.get("retry-after") for answer in answers] == ["7", "7", None, None]
    assert upstream.injected == [("/data/matches.json", name) for name in ("status 429", "status 429", "status 503")]


def test_a_fault_meets_only_the_paths_of_its_pattern(upstream: Upstream, client: httpx.Client) -> None:
    upstream.fail("*page=2*", Fault.status(500))
    assert client.get("/data/matches.json?page=1").status_code == 200
    assert client.get("/data/matches.json?page=2").status_code == 500


def test_a_fault_also_meets_a_conditional_request(upstream: Upstream, client: httpx.Client) -> None:
    etag = client.get("/data/matches.json").headers["etag"]
    upstream.fail("*", Fault.cut_json(0.5))
    answer = client.get("/data/matches.json", headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert len(answer.content) == len(MATCHES) // 2


def test_a_timeout_never_answers_and_ends_when_the_client_goes(upstream: Upstream, client: httpx.Client) -> None:
    upstream.fail("*", Fault.timeout())
    threads = threading.active_count()
    with pytest.raises(httpx.ReadTimeout):
        client.get("/data/matches.json", timeout=0.2)
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == threads
    assert client.get("/data/matches.json").status_code == 200


def test_closing_does_not_wait_for_hanging_slow_or_idle_clients(root: Path) -> None:
    connections = []
    with Upstream(root) as upstream:
        upstream.fail("/hang", Fault.timeout())
        upstream.fail("/data/matches.json", Fault.slow(10))
        for path in ("/hang", "/data/matches.json", "/absent"):
            connection = socket.create_connection(("127.0.0.1", upstream.port))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            connections.append(connection)
        deadline = time.monotonic() + 5
        while len(upstream.requests) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        closing = time.monotonic()
    assert time.monotonic() - closing < 30
    for connection in connections:
        connection.close()


def test_a_slow_answer_is_right_but_takes_its_time(upstream: Upstream, client: httpx.Client) -> None:
    upstream.fail("*", Fault.slow(len(MATCHES) * 4))
    start = time.monotonic()
    assert client.get("/data/matches.json").content == MATCHES
    assert time.monotonic() - start > 0.15


def test_a_truncated_answer_announces_more_than_it_sends(upstream: Upstream, client: httpx.Client) -> None:
    upstream.fail("*", Fault.truncated(0.5))
    with pytest.raises(httpx.RemoteProtocolError, match=f"received {len(MATCHES) // 2} bytes, expected {len(MATCHES)}"):
        client.get("/data/matches.json")
    assert client.get("/data/matches.json").content == MATCHES


def test_a_cut_json_is_a_complete_http_answer_that_does_not_parse(upstream: Upstream, client: httpx.Client) -> None:
    upstream.fail("*", Fault.cut_json(0.5))
    answer = client.get("/data/matches.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "etag" not in answer.headers
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_another_body_may_stand_in_for_the_file(upstream: Upstream, client: httpx.Client) -> None:
    upstream.fail("*", Fault.body(200, "text/xml", b"<error>LIMITED_NUMBER_OF_SERVICE_REQUESTS</error>"))
    answer = client.get("/data/matches.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml")
    assert answer.content.startswith(b"<error>")


def test_a_reset_is_a_tcp_reset(upstream: Upstream, client: httpx.Client) -> None:
    upstream.fail("*", Fault.reset())
    with pytest.raises(httpx.ReadError, match="reset by peer"):
        client.get("/data/matches.json")
    assert client.get("/data/matches.json").status_code == 200


def test_a_fault_rate_mixes_faults_the_same_way_for_the_same_seed(root: Path) -> None:
    def statuses(seed: int) -> list[int]:
        with Upstream(root) as upstream, httpx.Client(base_url=upstream.url) as client:
            upstream.fault_rate(0.3, seed, [Fault.status(500), Fault.status(429)])
            return [client.get("/data/matches.json").status_code for _ in range(100)]

    first = statuses(1)
    assert first == statuses(1) != statuses(2)
    assert set(first) == {200, 429, 500}
    assert 15 <= sum(status != 200 for status in first) <= 45


def test_routes_answer_below_their_prefix_and_the_longest_wins(root: Path) -> None:
    def page(request: Request) -> Response:
        body = json.dumps({"page": request.query["pageNo"]}).encode()
        return Response(200, "application/json", body, {"ETag": '"1"'})

    def other(request: Request) -> Response:
        return Response(418, "text/plain", request.resource.encode())

    with Upstream(root, routes={"/api": other, "/api/races": page}) as upstream:
        assert httpx.get(f"{upstream.url}/api/races?pageNo=3").json() == {"page": "3"}
        assert httpx.get(f"{upstream.url}/api/races?pageNo=3", headers={"If-None-Match": '"1"'}).status_code == 304
        assert httpx.get(f"{upstream.url}/api/x%20y").text == "/api/x y"
        assert httpx.get(f"{upstream.url}/data/matches.json").status_code == 200
        upstream.fail("/api/races*", Fault.status(503))
        assert httpx.get(f"{upstream.url}/api/races?pageNo=3").status_code == 503


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        Upstream(tmp_path / "absent")


def test_it_runs_as_a_process_until_told_to_stop(root: Path, tmp_path: Path) -> None:
    portfile = tmp_path / "port"
    command = [sys.executable, "-m", "fotmate_assets.embedded.upstream", "--root", str(root), "--port", "0"]
    process = subprocess.Popen([*command, "--portfile", str(portfile)], stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 20
        while not portfile.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        url = f"http://127.0.0.1:{int(portfile.read_text())}"
        assert httpx.get(f"{url}/data/matches.json").content == MATCHES
        again = [*command[:-1], url.rpartition(":")[2]]
        taken = subprocess.run(again, capture_output=True, text=True, timeout=20, check=False)
        assert taken.returncode != 0
        assert "Address already in use" in taken.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert url in output
    assert not portfile.exists()
