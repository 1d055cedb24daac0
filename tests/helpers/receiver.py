"""A receiver of alerts: an HTTP server that accepts, refuses, hangs or is away, as a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import SecretStr

SECRET = "hook-9f3a7c-%C3%A9"
"""The part of its URL that nobody may see."""


class Receiver:
    """What a server has received, and what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.documents: list[dict[str, Any]] = []
        self.answers: list[int] = []
        """One for each document."""
        self.hanging = threading.Event()
        """Set: requests are read, and not answered."""
        self.waiting = 0
        """The requests that have not been answered."""
        self._lock = threading.Lock()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Its port, which it keeps when it goes away and comes back."""
        return self._port

    @property
    def url(self) -> SecretStr:
        """The setting NOTIFY_URL."""
        return SecretStr(f"http://user:{SECRET}@127.0.0.1:{self._port}/{SECRET}?key={SECRET}")

    @property
    def away(self) -> bool:
        """Whether nobody listens."""
        return self._server is None

    def accepted(self) -> list[dict[str, Any]]:
        """Return the documents that it has accepted."""
        with self._lock:
            answered = list(zip(self.documents, self.answers, strict=True))
        return [document for document, status in answered if status < 300]

    def refuse(self) -> None:
        """Answer 500 from now on."""
        self.status = 500

    def hang(self) -> None:
        """Answer nothing from now on."""
        self.hanging.set()

    def leave(self) -> None:
        """Stop to listen."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.shutdown()
            self._thread.join()
            server.server_close()

    def repair(self) -> None:
        """Accept everything, also what hangs."""
        self.status = 200
        self.hanging.clear()
        if self._server is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
            self._port = self._server.server_port
            self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
            self._thread.start()

    def _answer(self, document: dict[str, Any]) -> int:
        self.waiting += 1
        while self.hanging.is_set() and not self.away:
            threading.Event().wait(0.02)
        with self._lock:
            self.waiting -= 1
            self.documents.append(document)
            self.answers.append(self.status)
            return self.status

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        found = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status = found._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status, f"the path is {self.path}")
                self.send_header("Location", self.path)
                self.end_headers()
                self.wfile.write(self.path.encode())

            def handle(self) -> None:
                with suppress(ConnectionError):  # the sender no longer waits for the answer
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver for the length of the block. It accepts everything until it is changed."""
    running = Receiver()
    running.repair()
    try:
        yield running
    finally:
        running.leave()
