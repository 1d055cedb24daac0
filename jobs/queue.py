"""The queue: arq jobs that wake workers up. What they have to do stands in MariaDB.

A job is named after its task and generation, so enqueueing it twice leaves one; losing it loses
nothing, because the reconciler starts a new generation.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.settings import Settings

LABEL = "label"
PRODUCE = "produce"

REDIS_ERRORS = (RedisError, OSError)

_REDIS_SECONDS = 5.0
# However long a queue is, its jobs run: arq drops one that is a day old unless told otherwise.
_NEVER = timedelta(days=3650)


def queue_key(queue: str) -> str:
    """The Redis key of a queue."""
    return f"audience:queue:{queue}"


def serialize(job: object) -> bytes:
    """arq's serializer: JSON, because whoever can write to Redis could run code through a pickle."""
    return json.dumps(job, default=repr).encode()


def redis_client(settings: Settings) -> ArqRedis:
    """A client that answers or fails within seconds, having tried again a few times.

    Raises ValueError where REDIS_URL is no URL of Redis.
    """
    client: ArqRedis = ArqRedis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
        socket_keepalive=True,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
    )
    client.job_serializer = serialize
    client.job_deserializer = json.loads
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


async def discard(redis: ArqRedis, queue: str, task_id: str, generation: int, lanes: int) -> None:
    """Removes the jobs of a generation that is over: of a killed worker they would stay for a day."""
    job_ids = [_job_id(task_id, PRODUCE, generation)]
    job_ids += [_job_id(task_id, LABEL, generation, lane) for lane in range(1, lanes + 1)]
    async with redis.pipeline(transaction=True) as pipe:
        pipe.zrem(queue_key(queue), *job_ids)
        prefixes = (job_key_prefix, in_progress_key_prefix, retry_key_prefix)
        pipe.delete(*(prefix + job_id for job_id in job_ids for prefix in prefixes))
        await pipe.execute()


def _job_id(task_id: str, kind: str, generation: int, lane: int | None = None) -> str:
    return ":".join(map(str, (task_id, kind, generation, *([] if lane is None else [lane]))))
