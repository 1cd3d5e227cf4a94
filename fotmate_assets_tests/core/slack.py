"""A server on loopback that takes incoming-webhook posts as Slack does, and can refuse them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "/services/T0/B0/s3cret"


@dataclass
class Slack:
    """What was posted, and how the next posts are answered."""

    url: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    """The attachment of each message that was accepted."""
    answers: list[tuple[int, str]] = field(default_factory=list)
    """Status and body of the next answers; then 200 `ok`."""
    asked: int = 0
    delay_s: float = 0.0

    @property
    def titles(self) -> list[str]:
        """The titles of the messages, in order."""
        return [str(post["title"]) for post in self.posts]


@contextmanager
def slack_server() -> Iterator[Slack]:
    """The server, while the block runs."""
    slack = Slack()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == SECRET
            with lock:
                slack.asked += 1
                status, answer = slack.answers.pop(0) if slack.answers else (200, "ok")
                if status == 200:
                    (attachment,) = body["attachments"]
                    slack.posts.append(attachment)
            time.sleep(slack.delay_s)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    slack.url = f"http://127.0.0.1:{server.server_port}{SECRET}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield slack
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
