"""A receiver of alerts: an HTTP server that accepts, refuses or hangs, as a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import SecretStr

SECRET = "hook-9f3a7c-%C3%A9"
"""The part of its URL that nobody may see."""


class Receiver:
    """What a server has received, and what it answers."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.status = 200
        self.documents: list[dict[str, Any]] = []
        self.answers: list[int] = []
        """One for each request that has been answered."""
        self.hanging = threading.Event()
        """Set: requests are read, and not answered."""
        self.waiting = 0
        """The requests that have not been answered."""

    @property
    def url(self) -> SecretStr:
        """The setting NOTIFY_URL."""
        return SecretStr(f"http://user:{SECRET}@127.0.0.1:{self.port}/{SECRET}?key={SECRET}")

    def accepted(self) -> list[dict[str, Any]]:
        """Return the documents that it has accepted."""
        return [document for document, status in zip(self.documents, self.answers, strict=False) if status < 300]


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.waiting += 1
            while found.hanging.is_set() and not closed.wait(0.02):
                pass
            with lock:
                found.waiting -= 1
                found.documents.append(json.loads(body))
                found.answers.append(found.status)
            status = found.status
            self.send_response(status, f"the path is {self.path}")
            self.send_header("Location", self.path)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_: object) -> None:
            pass

    closed, lock = threading.Event(), threading.Lock()
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        found = Receiver(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            closed.set()
            server.shutdown()
            thread.join()
