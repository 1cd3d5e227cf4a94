"""A provider's web server on loopback: serves a folder of sample files, and misbehaves on demand.

In a test::

    with Upstream(folder) as upstream:
        upstream.fail("/data/events/*", Fault.status(429, retry_after_s=1), times=2)
        httpx.get(f"{upstream.url}/data/events/15946.json")
        assert upstream.requests[0].path == "/data/events/15946.json"

As a process: `python -m fotmate_assets.embedded.upstream --root DIR --port N [--portfile F] [--portal]`; with
`--portal` it also is the simulated public data portal (`embedded.portal`), by the machine's clock.

Files carry a strong `ETag` made from their bytes (a file written again unchanged keeps its tag) and a
`Last-Modified`; conditional requests are answered as RFC 9110 section 13 says. Only GET and HEAD, only
127.0.0.1, nothing outside the folder.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import select
import signal
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from fnmatch import fnmatchcase
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

CONTENT_TYPES = {
    ".json": "application/json",
    ".xml": "application/xml",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
"""By file suffix; anything else is `application/octet-stream`."""

TEXT = CONTENT_TYPES[".txt"]
POLL_S = 0.05
"""How often a hanging or slow answer looks whether its client or its server is gone."""


class Request(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    """The request target as sent, query string included: `/data/events/15946.json?x=1`."""
    headers: Mapping[str, str]
    """Names in lower case."""

    @property
    def resource(self) -> str:
        """The percent-decoded path without the query string."""
        return unquote(urlsplit(self.path).path)

    @property
    def query(self) -> dict[str, str]:
        """The decoded query parameters; the last one wins where a name repeats."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query, True).items()}


@dataclass(frozen=True)
class Response:
    """What to answer. With an `ETag` or `Last-Modified` header, conditional requests may get a 304."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Callable[[Request], Response]


@dataclass(frozen=True)
class Fault:
    """One way for an upstream to misbehave. Made by its constructors; `answer` sends it."""

    name: str
    answer: Callable[[_Handler, Response], None] = field(repr=False)
    """Given the connection and the answer that a healthy, unconditional request would have got."""

    @classmethod
    def status(cls, code: int, *, retry_after_s: int | None = None) -> Fault:
        """Answer with an HTTP error status, optionally with `Retry-After` in seconds."""
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        refusal = Response(code, TEXT, f"{code}: {HTTPStatus(code).phrase}\n".encode(), headers)
        return cls(f"status {code}", lambda connection, whole: connection.send(refusal))

    @classmethod
    def body(cls, status: int, content_type: str, content: bytes) -> Fault:
        """Answer something else than was asked: XML or HTML in place of JSON."""
        other = Response(status, content_type, content)
        return cls(f"body {content_type}", lambda connection, whole: connection.send(other))

    @classmethod
    def timeout(cls) -> Fault:
        """Take the request and say nothing until the client goes."""
        return cls("timeout", lambda connection, whole: connection.hang())

    @classmethod
    def slow(cls, bytes_per_s: int) -> Fault:
        """Send the right answer, its body dripping."""
        return cls("slow", lambda connection, whole: connection.drip(whole, bytes_per_s))

    @classmethod
    def truncated(cls, fraction: float) -> Fault:
        """Announce the whole `Content-Length`, send `fraction` (0 to 1) of the body, close the connection."""
        return cls("truncated", lambda connection, whole: connection.break_off(whole, fraction))

    @classmethod
    def cut_json(cls, fraction: float) -> Fault:
        """A well-formed HTTP answer, without validators, with the first `fraction` (0 to 1) of the right body."""

        def answer(connection: _Handler, whole: Response) -> None:
            connection.send(replace(whole, body=whole.body[: int(len(whole.body) * fraction)], headers={}))

        return cls("cut_json", answer)

    @classmethod
    def altered(cls, name: str, change: Callable[[Request, Response, Route], Response]) -> Fault:
        """Send what `change` makes of the request, the right answer, and the way to get others."""

        def answer(connection: _Handler, whole: Response) -> None:
            asked = Request(connection.command, connection.path, {})
            connection.send(change(asked, whole, connection.server.upstream.answer))

        return cls(name, answer)

    @classmethod
    def reset(cls) -> Fault:
        """Reset the TCP connection instead of answering."""
        return cls("reset", lambda connection, whole: connection.reset())


@dataclass
class _PlannedFault:
    path_pattern: str
    fault: Fault
    times: int


class Upstream:
    """Serves `root` at `url` while used as a context manager.

    `routes` maps a path prefix to a handler for answers that no file can give; the longest prefix wins,
    and wins over files. `port` 0 takes a free one. Raises OSError when the port is taken and
    NotADirectoryError when `root` is no folder.
    """

    def __init__(self, root: Path, *, port: int = 0, routes: Mapping[str, Route] | None = None) -> None:
        if not root.is_dir():
            raise NotADirectoryError(root)
        self.root = root.resolve()
        self.routes = dict(routes or {})
        self.requests: list[Request] = []
        """Every request in the order of arrival, those answered by a fault too."""
        self.injected: list[tuple[str, str]] = []
        """Path and fault name of every fault served."""
        self._lock = threading.Lock()
        self._planned: list[_PlannedFault] = []
        self._rate = 0.0
        self._random = random.Random()  # noqa: S311
        self._mix: Sequence[Fault] = ()
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), name="upstream")

    @property
    def port(self) -> int:
        """The TCP port in use."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The root URL, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    def fail(self, path_pattern: str, fault: Fault, times: int = 1) -> None:
        """Answer the next `times` requests whose path matches `path_pattern` with `fault`.

        The pattern is a shell pattern over the whole request target, query included (`*/events/*`).
        Faults are used up in the order in which they were planned; then the real answer comes again.
        """
        with self._lock:
            self._planned.append(_PlannedFault(path_pattern, fault, times))

    def fault_rate(self, rate: float, seed: int, faults: Sequence[Fault]) -> None:
        """From now on answer a share `rate` (0 to 1) of all requests with one of `faults`, drawn with `seed`.

        Faults planned with `fail` come first. The draw depends on the order of arrival.
        """
        with self._lock:
            self._rate, self._random, self._mix = rate, random.Random(seed), tuple(faults)  # noqa: S311

    def admit(self, request: Request) -> Fault | None:
        """Record a request; return the fault it shall meet, if any."""
        with self._lock:
            self.requests.append(request)
            fault = self._next_fault(request.path)
            if fault:
                self.injected.append((request.path, fault.name))
            return fault

    def _next_fault(self, path: str) -> Fault | None:
        for planned in self._planned:
            if planned.times > 0 and fnmatchcase(path, planned.path_pattern):
                planned.times -= 1
                return planned.fault
        if self._mix and self._random.random() < self._rate:
            return self._random.choice(self._mix)
        return None

    def answer(self, request: Request) -> Response:
        """The healthy answer to a request, conditions not yet applied."""
        matching = [prefix for prefix in self.routes if request.resource.startswith(prefix)]
        if matching:
            return self.routes[max(matching, key=len)](request)
        return self._file(request.resource)

    def _file(self, resource: str) -> Response:
        try:
            file = (self.root / resource.lstrip("/")).resolve()
            if not file.is_relative_to(self.root):
                raise FileNotFoundError(resource)
            body = file.read_bytes()
            modified = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        except (OSError, ValueError):  # ValueError: a NUL in the path
            return Response(404, TEXT, f"404: Not Found: {resource}\n".encode(errors="replace"))
        validators = {
            "ETag": f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"',
            "Last-Modified": format_datetime(modified, usegmt=True),
        }
        return Response(200, CONTENT_TYPES.get(file.suffix, "application/octet-stream"), body, validators)


def _is_unmodified(request: Request, response: Response) -> bool:
    """RFC 9110 section 13.2.2: `If-None-Match` decides where present, `If-Modified-Since` otherwise."""
    if response.status != HTTPStatus.OK:
        return False
    etag, asked = response.headers.get("ETag"), request.headers.get("if-none-match")
    if asked is not None:
        tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
        return etag is not None and (etag in tags or "*" in tags)
    modified, since = response.headers.get("Last-Modified"), request.headers.get("if-modified-since")
    if not modified or not since:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):  # a date that is none, or one without a zone: the header is ignored
        return False


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that closing it ends them and leaves no thread behind."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, upstream: Upstream, port: int) -> None:
        self.upstream = upstream
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse DNS look-up of the base class."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def opened(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.add(connection)
            if self.stopping.is_set():
                connection.shutdown(socket.SHUT_RDWR)

    def closed(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.discard(connection)

    def hang_up(self) -> None:
        with self._connections_lock:
            self.stopping.set()
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was faster


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "fotmate-upstream"
    sys_version = ""
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True  # the client went, which is its right

    def do_GET(self) -> None:
        upstream = self.server.upstream
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers)
        fault = upstream.admit(request)
        response = upstream.answer(request)
        if fault:
            fault.answer(self, response)
        elif _is_unmodified(request, response):
            self.send(replace(response, status=304, body=b""))
        else:
            self.send(response)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.close_connection = True  # the request's body stays unread
        self.send(Response(405, TEXT, b"405: Method Not Allowed\n", {"Allow": "GET, HEAD"}))

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: `Upstream.requests` is the log."""

    def send(self, response: Response) -> None:
        """Send a whole answer."""
        self._send_head(response)
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def _send_head(self, response: Response) -> None:
        self.send_response(response.status)
        if response.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def hang(self) -> None:
        """Say nothing until the client closes the connection or the server stops."""
        self.close_connection = True
        while not self.server.stopping.wait(POLL_S):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return

    def drip(self, response: Response, bytes_per_s: int) -> None:
        """Send the body at `bytes_per_s`."""
        self._send_head(response)
        if self.command == "HEAD":
            return
        step = max(1, int(bytes_per_s * POLL_S))
        for start in range(0, len(response.body), step):
            self.wfile.write(response.body[start : start + step])
            if self.server.stopping.wait(step / bytes_per_s):
                self.close_connection = True
                return

    def break_off(self, response: Response, fraction: float) -> None:
        """Announce the whole body, send the first `fraction` of it, close."""
        self._send_head(response)
        if self.command != "HEAD":
            self.wfile.write(response.body[: int(len(response.body) * fraction)])
        self.close_connection = True

    def reset(self) -> None:
        """Close with a TCP RST."""
        self.close_connection = True
        self.server.closed(self.connection)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())


def serve(root: Path, *, port: int, portfile: Path | None = None, routes: Mapping[str, Route] | None = None) -> None:
    """Serve `root` until SIGTERM or SIGINT. Must be called from the main thread.

    `portfile` receives the port, in decimal, once requests are answered; it is removed at the end.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Upstream(root, port=port, routes=routes) as upstream:
        if portfile:
            whole = portfile.with_name(f"{portfile.name}.tmp")
            whole.write_text(str(upstream.port))
            whole.replace(portfile)
        print(f"serving {upstream.root} at {upstream.url}", flush=True)
        stop.wait()
    if portfile:
        portfile.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: `--root DIR --port N [--portfile F] [--portal]`."""
    parser = argparse.ArgumentParser(description="Serve a folder of sample provider files on loopback.")
    parser.add_argument("--root", type=Path, required=True, help="the folder to serve")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--portfile", type=Path, help="written with the port once requests are answered")
    parser.add_argument("--portal", action="store_true", help="serve simulated races below /B551015 and /B551014 too")
    options = parser.parse_args(arguments)
    routes = _portal_routes() if options.portal else None
    serve(options.root, port=options.port, portfile=options.portfile, routes=routes)


PORTAL_SEED = 7
"""The calendar of the process; a test that wants its races takes the same."""


def _portal_routes() -> Mapping[str, Route]:
    """The simulated portal by the machine's clock."""
    from fotmate_assets.embedded.portal.calendar import RaceCalendar
    from fotmate_assets.embedded.portal.server import PortalSimulator

    return PortalSimulator(RaceCalendar(PORTAL_SEED), lambda: datetime.now(UTC)).routes


if __name__ == "__main__":
    main()
