"""The console in a browser: who sees it, and that a visitor's process ends with the visit."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import psutil
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, TCPConnector, WSServerHandshakeError

from console.web import TOKEN_SECONDS
from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import until

TOKEN = "a token that nobody guesses"


@contextmanager
def serving(deployment: TestDeployment, *options: str, **changes: str) -> Iterator[tuple[psutil.Process, str]]:
    """Run `audience serve` for the length of the block; yield its process and its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "console", "serve", "--port", str(port), *options],
        env=deployment.environment() | {"XDG_CONFIG_HOME": str(deployment.folder)} | changes,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stdout.readline().startswith("the console is at http://")
        yield psutil.Process(process.pid), f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@asynccontextmanager
async def visit(session: ClientSession, address: str, **headers: str) -> AsyncIterator["Visit"]:
    """Visit the console for the length of the block."""
    async with session.ws_connect(f"{address}/ws?width=80&height=24", headers=headers) as socket:
        yield Visit(socket)


class Visit:
    """What a browser does: it sends keys, and collects what is drawn."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._drawn = b""

    async def keys(self, text: str) -> None:
        await self._socket.send_json(["stdin", text])

    async def sees(self, words: str) -> None:
        """Wait until these words have been drawn since the last call."""
        async with asyncio.timeout(30):
            while words.encode() not in self._drawn:
                self._drawn += await self._socket.receive_bytes()
        self._drawn = b""


async def test_a_visitor_sees_the_console_and_it_ends_when_they_leave(one_post: TestDeployment) -> None:
    await services.create_task(one_post, one_post.request())
    with serving(one_post) as (server, address):
        async with ClientSession() as session:
            async with session.get(address) as page:
                assert page.status == 200 and f"ws://{address[7:]}/ws" in await page.text()
                assert "default-src 'self'" in page.headers["Content-Security-Policy"]
            async with visit(session, address) as first, visit(session, address) as second:
                await first.sees("Tasks")
                await second.sees("Tasks")
                await first.keys("n")
                await first.sees("New task")
                consoles = server.children()
                assert len(consoles) == 2
            await until(lambda: not any(process.is_running() for process in consoles))
            async with visit(session, address) as visitor:
                await visitor.sees("Tasks")
                (console,) = server.children()
                server.terminate()
                await asyncio.to_thread(server.wait, 20)
                assert not console.is_running()


async def test_without_the_token_nothing_is_seen_and_a_console_ends_even_if_its_server_is_killed(
    one_post: TestDeployment,
) -> None:
    with serving(one_post, "--host", "0.0.0.0", SERVE_TOKEN=TOKEN) as (server, address):
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
            for path in ("/", "/static/js/textual.js", "/download/x", "/ws"):
                async with session.get(address + path) as page:
                    assert page.status == 401 and "Tasks" not in (text := await page.text()) and "/ws" not in text
            async with (
                ClientSession(connector=TCPConnector(local_addr=("127.0.0.2", 0))) as guesser,
                guesser.post(f"{address}/token", data={"token": "wrong"}) as page,
            ):
                assert page.status == 401 and not page.cookies
            with pytest.raises(WSServerHandshakeError, match="401"):
                await session.ws_connect(f"{address}/ws", headers={"Cookie": "audience=wrong"})
            assert server.children() == []
            async with session.post(f"{address}/token", data={"token": TOKEN}) as page:
                assert page.status == 200 and TOKEN not in str(page.url)
            async with visit(session, address) as visitor:
                await visitor.sees("Tasks")
                (console,) = server.children()
                server.kill()
                await until(lambda: not console.is_running())


async def test_other_sites_see_nothing_and_a_read_only_visitor_changes_nothing(one_post: TestDeployment) -> None:
    await services.create_task(one_post, one_post.request())
    with serving(one_post, "--read-only") as (server, address):
        async with ClientSession() as session:
            for headers in ({"Origin": "http://evil.example"}, {"Host": f"evil.example:{address[17:]}"}):
                with pytest.raises(WSServerHandshakeError, match="403"):
                    await session.ws_connect(f"{address}/ws", headers=headers)
            assert server.children() == []
            async with visit(session, address, Origin=address) as visitor:
                await visitor.sees("waiting")
                await visitor.keys("a")
                await visitor.sees("this console is read-only")
                await visitor.keys("x")
                await visitor.sees("saves no files")


async def test_tokens_that_are_guessed_all_at_once_are_looked_at_one_a_second_and_hold_up_no_other_address(
    one_post: TestDeployment,
) -> None:
    with serving(one_post, SERVE_TOKEN=TOKEN) as (_, address):

        async def statuses(source: str, tokens: list[str]) -> list[int]:
            async with ClientSession(connector=TCPConnector(local_addr=(source, 0), limit=0)) as session:

                async def give(token: str) -> int:
                    async with session.post(f"{address}/token", data={"token": token}, allow_redirects=False) as page:
                        return page.status

                return await asyncio.gather(*map(give, tokens))

        started = time.monotonic()
        guessing = asyncio.create_task(statuses("127.0.0.1", ["wrong"] * 50))
        assert await statuses("127.0.0.2", [TOKEN]) == [303]
        guessed = await guessing
        assert 2 <= guessed.count(401) <= 1 + (time.monotonic() - started) / TOKEN_SECONDS
        assert set(guessed) <= {401, 429}


async def test_malformed_requests_are_refused(one_post: TestDeployment) -> None:
    with serving(one_post, SERVE_TOKEN=TOKEN) as (_, address):
        async with ClientSession() as session:
            async with session.get(address, headers={"Origin": "http://[x"}) as page:
                assert page.status == 403
            for kind in ("application/x-www-form-urlencoded; charset=none", "multipart/form-data"):
                async with session.post(f"{address}/token", data=b"token=x", headers={"Content-Type": kind}) as page:
                    assert page.status == 400


def test_other_machines_are_not_served_without_a_token(one_post: TestDeployment) -> None:
    done = one_post.command("serve", "--host", "0.0.0.0")
    assert done.returncode == 1 and done.stderr.startswith("audience: 422 0.0.0.0 can be reached from other machines")
    short = one_post.command("serve", SERVE_TOKEN="short")
    assert short.returncode == 1 and "SERVE_TOKEN: expected 16 characters or more" in short.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = one_post.command("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1 and "cannot listen on 127.0.0.1" in done.stderr
