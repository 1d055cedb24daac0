"""Clients of Redis: deadlines, retries, and TLS that verifies the server."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from arq.connections import ArqRedis
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.errors import InvalidValue
from jobs.queue.codec import deserialize, serialize
from jobs.settings import Settings
from jobs.tls import Tls, tls_failure

RedisClient = ArqRedis

REDIS_ERRORS = (RedisError, OSError)

_CALL_SECONDS = 5.0
_IN_PIPELINE = re.compile(r"Command # \d+ \(.*\) of pipeline caused error: \(['\"](.*)['\"],\)", re.DOTALL)
_NOT_CONNECTED = re.compile(r"Error (\d+) connecting to (\S+)\. ")


def redis_client(settings: Settings) -> RedisClient:
    """Return a client that answers or fails within seconds, after a few retries. Opens no connection.

    Raises InvalidValue if REDIS_URL is malformed or does not fit REDIS_TLS_CA.
    """
    url = settings.redis_url.get_secret_value()
    try:
        encrypted = urlsplit(url).scheme == "rediss"
        if any(name.startswith("ssl_") for name, _ in parse_qsl(urlsplit(url).query)):
            raise InvalidValue("REDIS_URL: takes no ssl_ options; see REDIS_TLS_CA")
        if settings.redis_tls_ca is not None and not encrypted:
            raise InvalidValue("REDIS_TLS_CA: REDIS_URL is without TLS; begin it with rediss://")
        client: RedisClient = ArqRedis.from_url(
            url,
            socket_timeout=_CALL_SECONDS,
            socket_connect_timeout=_CALL_SECONDS,
            socket_keepalive=True,
            health_check_interval=30,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
            retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
            # No CLIENT SETINFO, which our ACL does not allow: from 7.2 on, Redis would log each refusal.
            lib_name=None,
            lib_version=None,
        )
        pool = client.connection_pool
        if encrypted:
            pool.connection_class = _VerifiedConnection
            pool.connection_kwargs["tls"] = Tls("REDIS_URL and REDIS_TLS_CA", settings.redis_tls_ca)
        pool.make_connection()  # type: ignore[no-untyped-call]  # raises TypeError for an unknown option
    # The message of these may quote a part of the password. redis-py raises UnboundLocalError for a
    # malformed option.
    except (ValueError, TypeError, UnboundLocalError, RedisError):
        raise InvalidValue(
            "REDIS_URL: expected redis://<user>:<password>@<host>:<port>/<database>,"
            " with @ : / % of a password written as %40 %3A %2F %25"
        ) from None
    client.job_serializer = serialize
    client.job_deserializer = deserialize
    return client


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[RedisClient]:
    """Open a client for a piece of work."""
    client = redis_client(settings)
    try:
        yield client
    finally:
        await client.aclose()


def redis_failure(error: Exception) -> str:
    """Return one of REDIS_ERRORS in a few words; why there is no connection, as for the databases.

    redis-py repeats the address, and quotes the command and the payload from a pipeline.
    """
    words = str(error)
    if match := _NOT_CONNECTED.match(words):
        return f"Redis {match[2]}: cannot connect: {os.strerror(int(match[1]))}"
    quoting = _IN_PIPELINE.fullmatch(words)
    return f"Redis: {quoting[1] if quoting else words}".rstrip(".")


async def tls_version(redis: RedisClient) -> str:
    """Return the TLS version of a client's connections, "" if they are not encrypted."""
    connection = await redis.connection_pool.get_connection()
    try:
        encryption = connection._writer.get_extra_info("ssl_object")
        return "" if encryption is None else str(encryption.version())
    finally:
        await redis.connection_pool.release(connection)


class _VerifiedConnection(SSLConnection):
    """Verifies the server's name too, and trusts only the given CA. redis-py by itself does neither."""

    def __init__(self, tls: Tls, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls
        self.ssl_context.context = tls.context()

    async def connect(self) -> None:
        try:
            await super().connect()  # type: ignore[no-untyped-call]
        except RedisTimeoutError as error:  # a Redis without TLS waits for the rest of the greeting
            raise RedisTimeoutError(self._tls.refusal("no TLS with it in time")) from error

    def _error_message(self, exception: BaseException) -> str:
        failure = tls_failure(exception)
        return super()._error_message(exception) if failure is None else self._tls.refusal(failure)
