"""A TCP proxy between a worker and its server that misbehaves on command."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_COMMIT = b"\x03COMMIT"


class Proxy:
    """Passes everything on until it is made to misbehave."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.replies_dropped = 0
        self._target = target
        self._swallowing = False
        self._drop_commits = 0
        self._seconds = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()

    def swallow(self, on: bool) -> None:
        """Silently hold back everything, or stop doing so."""
        self._swallowing = on

    def delay(self, seconds: float) -> None:
        """Delay everything by this much each way, as the distance to a server does."""
        self._seconds = seconds

    def drop_replies_to_commit(self, count: int) -> None:
        """Drop the replies to the next COMMITs, and all that follows on their connections."""
        self._drop_commits = count

    def cut(self) -> None:
        """Reset all connections."""

        def abort() -> None:
            for writer in tuple(self._writers):
                writer.transport.abort()

        self._loop.call_soon_threadsafe(abort)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            to, back = await asyncio.open_connection("127.0.0.1", self._target)
            dead = asyncio.Event()
            self._writers |= {writer, back}
            await asyncio.gather(self._pass(reader, back, dead, True), self._pass(to, writer, dead, False))
            self._writers -= {writer, back}

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dead: asyncio.Event, to_server: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await asyncio.sleep(self._seconds)
                while self._swallowing:  # what is in flight arrives late, if at all
                    await asyncio.sleep(0.05)
                if to_server and self._drop_commits and data.endswith(_COMMIT):
                    self._drop_commits -= 1
                    self.replies_dropped += 1
                    dead.set()
                if to_server or not dead.is_set():
                    writer.write(data)
                    await writer.drain()
        writer.close()

    def run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connected, "127.0.0.1", 0, family=socket.AF_INET)
        )
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    def stop(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """Run a proxy to this port, in a thread of its own."""
    between, ready = Proxy(target), threading.Event()
    thread = threading.Thread(target=between.run, args=(ready,), daemon=True)
    thread.start()
    ready.wait(5)
    try:
        yield between
    finally:
        between.stop()
        thread.join(5)
