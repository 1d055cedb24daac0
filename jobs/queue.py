"""The queue: arq jobs that wake workers up. What they have to do stands in MariaDB.

A job is named after its task and generation, so enqueueing it twice leaves one; losing it loses
nothing, because the reconciler starts a new generation. Whoever reaches Redis can put more there:
what has not the form of a job of ours is never run.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from pydantic import Field, TypeAdapter, ValidationError
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.errors import InvalidValue
from jobs.settings import Settings
from jobs.task import Identifier, TaskId

LABEL = "label"
PRODUCE = "produce"
RECONCILE = "reconcile"
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
    RECONCILE: TypeAdapter(tuple[()]),
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


_TASK_JOB_ID = re.compile(rb"[0-9a-f]{32}:(label:\d{1,9}:\d{1,9}|produce:\d{1,9})")
_RECONCILER_ID = re.compile(rb"reconcile:[A-Za-z0-9_.-]+:\d{1,15}")


def is_task_job_id(member: bytes) -> bool:
    """Whether a member of a queue has the form of the name of a task's job."""
    return _TASK_JOB_ID.fullmatch(member) is not None


def is_job_id(member: bytes) -> bool:
    """Whether a member of a queue has the form of a name of ours."""
    return is_task_job_id(member) or _RECONCILER_ID.fullmatch(member) is not None


def redis_client(settings: Settings) -> ArqRedis:
    """A client that answers or fails within seconds, having tried again a few times.

    Raises InvalidValue where REDIS_URL is no URL of Redis.
    """
    try:
        client: ArqRedis = ArqRedis.from_url(
            settings.redis_url.get_secret_value(),
            socket_timeout=_REDIS_SECONDS,
            socket_connect_timeout=_REDIS_SECONDS,
            socket_keepalive=True,
            health_check_interval=30,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
            retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
        )
    except ValueError:  # its message may quote a part of the password
        raise InvalidValue(
            "REDIS_URL: expected redis://<user>:<password>@<host>:<port>/<database>,"
            " with @ : / % of a password written as %40 %3A %2F %25"
        ) from None
    client.job_serializer = serialize
    client.job_deserializer = deserialize
    return client


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[ArqRedis]:
    """A client for a piece of work."""
    client = redis_client(settings)
    try:
        yield client
    finally:
        await client.aclose()


async def enqueue_lane(redis: ArqRedis, queue: str, schema: str, task_id: str, generation: int, lane: int = 1) -> None:
    """Offers a place at a task's label job to whichever worker takes it."""
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
    return [job_id.decode() for job_id in found if is_task_job_id(job_id)]


def _job_id(task_id: str, kind: str, generation: int, lane: int | None = None) -> str:
    return ":".join(map(str, (task_id, kind, generation, *([] if lane is None else [lane]))))
