"""The queue: arq jobs that wake workers up. What they have to do stands in MariaDB.

A job is named after its task and generation, so enqueueing it twice leaves one; losing it loses
nothing, because the reconciler starts a new generation. Whoever reaches Redis can put more there:
what has not the form of a job of ours is never run.
"""

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import arq.connections
import arq.worker
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from pydantic import Field, TypeAdapter, ValidationError
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.errors import InvalidValue
from jobs.model.task import Identifier, TaskId
from jobs.settings import Settings
from jobs.tls import Tls, tls_trouble

LABEL = "label"
PRODUCE = "produce"
REFUSE = "refuse"
"""The job that what is none becomes."""

QUEUE_PREFIX = "audience:queue:"

REDIS_ERRORS = (RedisError, OSError)

_REDIS_SECONDS = 5.0
# However long a queue is, its jobs run: arq drops one that is a day old unless told otherwise.
_NEVER = timedelta(days=3650)


def queue_key(queue: str) -> str:
    """The Redis key of a queue."""
    return f"{QUEUE_PREFIX}{queue}"


def serialize(job: object) -> bytes:
    """arq's serializer: JSON, because whoever can write to Redis could run code through a pickle."""
    return json.dumps(job, default=repr).encode()


_MOST_BYTES = 10_000
_Number = Annotated[int, Field(strict=True, ge=1, le=10**9)]
_ARGUMENTS: dict[str, TypeAdapter[Any]] = {
    LABEL: TypeAdapter(tuple[Identifier, TaskId, _Number, _Number]),
    PRODUCE: TypeAdapter(tuple[Identifier, TaskId]),
}
_EnqueuedAt = TypeAdapter(Annotated[int, Field(strict=True, ge=0, le=10**14)])


def deserialize(data: bytes) -> dict[str, Any]:
    """The inverse of `serialize`, for a job of ours; for anything else a job REFUSE with the reason."""
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError(f"{len(data):,} bytes")
        job = json.loads(data)
        _ARGUMENTS[job["f"].partition(":")[0]].validate_python(job["a"])
        _EnqueuedAt.validate_python(job["et"])
        if job["k"] or job["t"] is not None:
            raise ValueError("options")
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        return _refusal(f"argument {fault['loc'] or ''}: {fault['msg']}")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return _refusal(f"{type(error).__name__}: {error}")
    return dict(job)


def _refusal(reason: str) -> dict[str, Any]:
    return {"f": REFUSE, "a": [reason[:200]], "k": {}, "t": None, "et": 0}


_JOB_ID = re.compile(rb"[0-9a-f]{32}:(label:\d{1,9}:\d{1,9}|produce:\d{1,9})")


def is_job_id(member: bytes) -> bool:
    """Whether a member of a queue has the form of a name of ours."""
    return _JOB_ID.fullmatch(member) is not None


def redis_client(settings: Settings) -> ArqRedis:
    """A client that answers or fails within seconds, having tried again a few times.

    Raises InvalidValue where REDIS_URL is no URL of Redis, or does not go with REDIS_TLS_CA.
    """
    url = settings.redis_url.get_secret_value()
    try:
        encrypted = urlsplit(url).scheme == "rediss"
        if any(name.startswith("ssl_") for name, _ in parse_qsl(urlsplit(url).query)):
            raise InvalidValue("REDIS_URL: takes no ssl_ options; see REDIS_TLS_CA")
        if settings.redis_tls_ca is not None and not encrypted:
            raise InvalidValue("REDIS_TLS_CA: REDIS_URL is without TLS; begin it with rediss://")
        client: ArqRedis = ArqRedis.from_url(
            url,
            socket_timeout=_REDIS_SECONDS,
            socket_connect_timeout=_REDIS_SECONDS,
            socket_keepalive=True,
            health_check_interval=30,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
            retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
        )
        if encrypted:
            client.connection_pool.connection_class = _VerifiedConnection
            client.connection_pool.connection_kwargs["tls"] = Tls("REDIS_URL and REDIS_TLS_CA", settings.redis_tls_ca)
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # an option that there is not shows only now
    # Its message may quote a part of the password. An option of the wrong form is an UnboundLocalError in redis-py.
    except (ValueError, TypeError, UnboundLocalError, RedisError):
        raise InvalidValue(
            "REDIS_URL: expected redis://<user>:<password>@<host>:<port>/<database>,"
            " with @ : / % of a password written as %40 %3A %2F %25"
        ) from None
    client.job_serializer = serialize
    client.job_deserializer = deserialize
    return client


class _Clock:
    """Redis's clock, told by this host's steady one since Redis was last asked."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return round((self._ahead + time.monotonic()) * 1000)

    async def set(self, redis: ArqRedis) -> None:
        """Asks Redis what time it is."""
        seconds, microseconds = await redis.time()
        self._ahead = seconds + microseconds / 1e6 - time.monotonic()


clock = _Clock()
# arq goes by its host's clock: the jobs of a host that is an hour ahead would wait for an hour on all others.
arq.connections.timestamp_ms = arq.worker.timestamp_ms = clock.now_ms  # type: ignore[attr-defined]


class _VerifiedConnection(SSLConnection):
    """Verifies the server's name too, and trusts none but the given CA: redis-py by itself does neither."""

    def __init__(self, tls: Tls, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls
        self.ssl_context.context = tls.context()

    async def connect(self) -> None:
        try:
            await super().connect()  # type: ignore[no-untyped-call]
        except RedisTimeoutError as error:  # a Redis without TLS waits for more of the greeting
            raise RedisTimeoutError(self._tls.refusal("no TLS with it in time")) from error

    def _error_message(self, exception: BaseException) -> str:
        trouble = tls_trouble(exception)
        return super()._error_message(exception) if trouble is None else self._tls.refusal(trouble)


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[ArqRedis]:
    """A client for a piece of work."""
    client = redis_client(settings)
    try:
        yield client
    finally:
        await client.aclose()


async def tls_version(redis: ArqRedis) -> str:
    """The TLS version of a client's connections, "" where they are not encrypted."""
    connection = await redis.connection_pool.get_connection()
    try:
        encryption = connection._writer.get_extra_info("ssl_object")
        return "" if encryption is None else str(encryption.version())
    finally:
        await redis.connection_pool.release(connection)


async def enqueue_lane(redis: ArqRedis, queue: str, schema: str, task_id: str, generation: int, lane: int = 1) -> None:
    """Offers a place at a task's label job to whichever worker takes it."""
    await clock.set(redis)
    job_id = _job_id(task_id, LABEL, generation, lane)
    await redis.enqueue_job(
        LABEL,
        schema,
        task_id,
        generation,
        lane,
        _job_id=job_id,
        _queue_name=queue_key(queue),
        _expires=_NEVER,
    )


async def enqueue_production(
    redis: ArqRedis, queue: str, schema: str, task_id: str, generation: int, seconds: float = 0
) -> None:
    """Has a task's production job run so many seconds from now."""
    await clock.set(redis)
    job_id = _job_id(task_id, PRODUCE, generation)
    await redis.enqueue_job(
        PRODUCE,
        schema,
        task_id,
        _job_id=job_id,
        _queue_name=queue_key(queue),
        _defer_by=seconds,
        _expires=_NEVER,
    )


async def discard(redis: ArqRedis, queue: str, task_id: str) -> None:
    """Removes all jobs of a task: those of a worker that was killed would stay for a day."""
    job_ids = await _job_ids(redis, queue, f"{task_id}:*")
    if job_ids:
        async with redis.pipeline(transaction=True) as pipe:
            pipe.zrem(queue_key(queue), *job_ids)
            prefixes = (job_key_prefix, in_progress_key_prefix, retry_key_prefix)
            pipe.delete(*(prefix + job_id for job_id in job_ids for prefix in prefixes))
            await pipe.execute()


async def waits(redis: ArqRedis, queue: str, task_id: str) -> bool:
    """Whether a job of the task is in the queue that no worker has taken."""
    job_ids = await _job_ids(redis, queue, f"{task_id}:*")
    return any([not await redis.exists(in_progress_key_prefix + job_id) for job_id in job_ids])


async def task_ids(redis: ArqRedis, queue: str) -> set[str]:
    """The tasks that have a job in the queue."""
    return {job_id.split(":")[0] for job_id in await _job_ids(redis, queue, "*")}


async def _job_ids(redis: ArqRedis, queue: str, pattern: str) -> list[str]:
    found = [job_id async for job_id, _ in redis.zscan_iter(queue_key(queue), match=pattern)]
    return [job_id.decode() for job_id in found if is_job_id(job_id)]


def _job_id(task_id: str, kind: str, generation: int, lane: int | None = None) -> str:
    return ":".join(map(str, (task_id, kind, generation, *([] if lane is None else [lane]))))
