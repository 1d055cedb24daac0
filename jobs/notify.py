"""Posts JSON documents to NOTIFY_URL. Nothing that it returns or raises quotes the URL, except for its host.

aiohttp has one deadline for a whole exchange, from the name lookup to the last header, and drops it when it is over:
a receiver that hangs, or sends a byte a second, keeps neither a thread nor the event loop. A worker imports it when
it sends its first alert.
"""

import asyncio
import os
import ssl
from http import HTTPStatus
from importlib import import_module
from urllib.parse import urlsplit

from pydantic import SecretStr

from jobs.tls import Tls, tls_failure

POST_SECONDS = 10.0

_HEADERS = {"Content-Type": "application/json", "User-Agent": "audience-console"}


async def post(url: SecretStr, body: bytes) -> str | None:
    """Post a document. Returns None if the receiver has accepted it, else the reason in words."""
    # In a thread, because it takes a tenth of a second, and lanes may be running.
    await asyncio.to_thread(import_module, "aiohttp")
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=POST_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=_HEADERS) as client,
            # The receiver of a redirect is not the one that the operator has chosen.
            client.post(url.get_secret_value(), data=body, allow_redirects=False) as response,
        ):
            return None if 200 <= response.status < 300 else _answer(response.status)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _describe(error)


async def reach(url: SecretStr) -> str | None:
    """Connect to the receiver, with TLS for https, and post nothing. Returns None, or the reason why it failed."""
    parts = urlsplit(url.get_secret_value())
    encrypted = parts.scheme == "https"
    try:
        async with asyncio.timeout(POST_SECONDS):
            _, writer = await asyncio.open_connection(
                parts.hostname,
                parts.port or (443 if encrypted else 80),
                ssl=Tls("NOTIFY_URL", None).context() if encrypted else None,
            )
            writer.transport.abort()
    except (OSError, ValueError) as error:
        return _describe(error)
    return None


def _answer(status: int) -> str:
    """Return an answer in words. Not in the receiver's own, which may quote the path."""
    phrases = {known.value: f" {known.phrase}" for known in HTTPStatus}
    redirected = "; redirects are not followed" if 300 <= status < 400 else ""
    return f"it answered {status}{phrases.get(status, '')}{redirected}"


def _describe(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {POST_SECONDS:.0f} seconds"
    cause = error.__cause__ or error  # aiohttp wraps what the connection has raised
    failure = tls_failure(cause)
    if failure is not None:
        return failure
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno:
        # asyncio's text repeats the address. The errors of a name lookup have negative numbers.
        return f"cannot connect: {os.strerror(cause.errno) if cause.errno > 0 else cause.strerror}"
    return f"the connection failed ({type(error).__name__})"
