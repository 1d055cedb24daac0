"""The console in a browser: textual-serve behind a guard, a process for each visitor."""

import asyncio
import copy
import hmac
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import SecretStr
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

# A console takes about 80 MB.
MOST_VISITORS = 20
# How long a console may take to end when its visitor has left.
END_SECONDS = 5.0
# Of the tokens from an address, one is looked at in this time.
TOKEN_SECONDS = 1.0
# How many others from it may wait for their turn.
_MOST_WAITING = 5

_COOKIE = "audience"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HEADERS = {
    # The page may load nothing from other sites, and be in no other site's frame.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # With "no-referrer", browsers would not say either that a form is of this page.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LOGIN = """<!DOCTYPE html>
<title>Audience Console</title>
<style>body { background: #11161d; color: #d8dee9; font: 16px monospace; margin: 4em; }</style>
<form method="post" action="/token">
<label>Token <input type="password" name="token" autofocus></label> <button>Open</button>
</form>
"""

# Without it, keys do nothing before a click.
_FOCUS = """<script>
const waiting = setInterval(() => {
  const field = document.querySelector(".xterm-helper-textarea");
  if (field) { field.focus(); clearInterval(waiting); }
}, 100);
</script>
"""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConsoleServer(Server):
    """Shows what a command draws to its visitors. With a token, only to those who know it."""

    def __init__(
        self, command: str, host: str, port: int, token: SecretStr | None, public_url: str | None = None
    ) -> None:
        super().__init__(command, host=host, port=port, title="Audience Console", public_url=public_url)
        self._token = token
        self._proxied = urlsplit(public_url).netloc if public_url else None
        # What a visitor has instead of the token, once they have given it; another one each time the server starts.
        self._session = secrets.token_urlsafe(32)
        self._visits: set[web.WebSocketResponse] = set()
        self._turns = TokenTurns()

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGINT or SIGTERM. Raises OSError if the port cannot be listened on."""
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: Callable[[], None]) -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        # Without an access log.
        runner = web.AppRunner(await self._make_app(), access_log=None, shutdown_timeout=END_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
            ready()
            await stopped.wait()
        finally:
            await runner.cleanup()

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        app.router.add_post("/token", self._take_token)
        app.on_startup.clear()  # which prints a banner
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse whoever has not given the token, and pages of other sites."""
        response: web.StreamResponse
        origin = request.headers.get("Origin")
        if self._token is None and (request.url.host or "") not in _LOOPBACK:
            # Another site's name that leads to this machine.
            response = web.Response(status=403, text="403 this console is for this machine only\n")
        elif origin is not None and _site(origin) not in (request.host, self._proxied):
            response = web.Response(status=403, text="403 this page is another site's\n")
        elif self._token is None or request.path == "/token" or self._is_known(request):
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = error
        elif request.path == "/":
            response = web.Response(status=401, text=_LOGIN, content_type="text/html")
        else:
            response = web.Response(status=401, text="401 a token is needed\n")
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def _is_known(self, request: web.Request) -> bool:
        return hmac.compare_digest(request.cookies.get(_COOKIE, "").encode(), self._session.encode())

    async def _take_token(self, request: web.Request) -> web.Response:
        """Give whoever knows the token a cookie.

        A token is looked at in its turn. If only the answer to a wrong one were delayed, tokens that are sent all at
        once would not wait for each other, and the right one would be known by its quick answer.
        """
        try:
            given = str((await request.post()).get("token", ""))
        except (ValueError, LookupError):
            raise web.HTTPBadRequest(text="400 this is no form\n") from None
        seconds = self._turns.take(request.remote or "", time.monotonic())
        if seconds is None:
            return _login(429, "429 too many tokens at once; wait a few seconds")
        await asyncio.sleep(seconds)
        if self._token is None or not hmac.compare_digest(
            given.encode(errors="replace"), self._token.get_secret_value().encode()
        ):
            return _login(401, "401 wrong token")
        response = web.Response(status=303, headers={"Location": "/"})
        secure = request.secure or self.public_url.startswith("https:")
        response.set_cookie(_COOKIE, self._session, httponly=True, samesite="Strict", secure=secure)
        return response

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """Send the page, with addresses as the visitor reached it."""
        page = copy.copy(self)
        if self._proxied is None:
            page.public_url = f"http://{request.host}"
        response = await Server.handle_index(page, request)
        assert isinstance(response, web.Response) and response.text is not None
        response.text += _FOCUS
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run a console for as long as its visitor is there."""
        if len(self._visits) >= MOST_VISITORS:
            raise web.HTTPServiceUnavailable(text=f"503 {MOST_VISITORS} visitors are here already\n")
        socket = web.WebSocketResponse(heartbeat=15, timeout=1.0)
        self._visits.add(socket)
        try:
            await socket.prepare(request)
            await self._visit(request, socket)
        finally:
            self._visits.discard(socket)
        return socket

    async def _visit(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        visitor = _Visitor(
            self.command,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,  # type: ignore[arg-type]
            download_manager=self.download_manager,
        )
        width, height = (to_int(request.query.get(name, ""), 0) for name in ("width", "height"))
        await visitor.start(width or 80, height or 24)
        try:
            await self._process_messages(socket, visitor)
        except (ValueError, TypeError, LookupError, AssertionError):
            pass  # not a message of the page
        finally:
            await asyncio.shield(visitor.stop())
            await socket.close()

    async def on_shutdown(self, app: web.Application) -> None:
        """End all visits."""
        for socket in list(self._visits):
            await socket.close()


def _login(status: int, message: str) -> web.Response:
    return web.Response(status=status, text=f"<p>{message}</p>{_LOGIN}", content_type="text/html")


def _site(address: str) -> str:
    """Return the host and port of an address; "" if it is malformed."""
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""


class TokenTurns:
    """When the tokens of each address are looked at, by the seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        """The next turn of each address, in the order of the addresses' last tokens."""

    def take(self, address: str, now: float) -> float | None:
        """Return how long a token from an address waits for its turn. None: too many others from there are waiting."""
        turn = max(self._next.pop(address, now), now)
        waits = turn - now <= _MOST_WAITING * TOKEN_SECONDS
        self._next[address] = turn + TOKEN_SECONDS if waits else turn
        while self._next[first := next(iter(self._next))] <= now:
            del self._next[first]
        return turn - now if waits else None


class _Visitor(AppService):
    """A visitor's console, which ends with the visit."""

    async def stop(self) -> None:
        """Ask the console to end, and end it if it does not."""
        try:
            async with asyncio.timeout(END_SECONDS):
                await super().stop()
        except TimeoutError:
            pass
        finally:
            if self._process is not None:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
