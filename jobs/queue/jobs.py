"""The jobs in a queue: put in, found, removed.

A job's id is made of its task, kind and generation, so enqueueing it twice leaves one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix

from jobs.model.task import TaskRef
from jobs.queue.client import RedisClient
from jobs.queue.clock import redis_time
from jobs.queue.codec import LABEL, PRODUCE, is_job_id, label_job_id, production_job_id, task_id_of

QUEUE_PREFIX = "audience:queue:"

JOB_KEY_PREFIXES = (job_key_prefix, in_progress_key_prefix, retry_key_prefix)
"""arq's keys beside a queue, each completed by a job id."""

# arq by default drops a job that has waited for a day.
_EXPIRY = timedelta(days=3650)


def queue_key(queue: str) -> str:
    """Return the Redis key of a queue."""
    return f"{QUEUE_PREFIX}{queue}"


async def enqueue_label(redis: RedisClient, queue: str, ref: TaskRef, generation: int, lane: int = 1) -> None:
    """Offer a lane of a task's label job to the workers."""
    await redis.enqueue_job(
        LABEL,
        ref.schema,
        ref.task_id,
        generation,
        lane,
        _job_id=label_job_id(ref.task_id, generation, lane),
        _queue_name=queue_key(queue),
        _defer_until=await redis_time(redis),
        _expires=_EXPIRY,
    )


async def enqueue_production(redis: RedisClient, queue: str, ref: TaskRef, generation: int, seconds: float = 0) -> None:
    """Schedule a task's production job this many seconds from now."""
    await redis.enqueue_job(
        PRODUCE,
        ref.schema,
        ref.task_id,
        _job_id=production_job_id(ref.task_id, generation),
        _queue_name=queue_key(queue),
        _defer_until=await redis_time(redis) + timedelta(seconds=seconds),
        _expires=_EXPIRY,
    )


async def read_jobs(redis: RedisClient, queue: str) -> dict[str, list[str]]:
    """Return the ids of the jobs in a queue, by task id. One call, whatever the length of the queue."""
    job_ids: defaultdict[str, list[str]] = defaultdict(list)
    for member in await redis.zrange(queue_key(queue), 0, -1):
        if is_job_id(member):
            job_id = member.decode()
            job_ids[task_id_of(job_id)].append(job_id)
    return job_ids


async def find_waiting(redis: RedisClient, job_ids: Iterable[str]) -> set[str]:
    """Return those of the jobs that no worker has taken. One round trip."""
    job_ids = list(job_ids)
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.exists(in_progress_key_prefix + job_id)
        taken = await pipe.execute()
    return {job_id for job_id, is_taken in zip(job_ids, taken, strict=True) if not is_taken}


async def discard_jobs(redis: RedisClient, queue: str, job_ids: Sequence[str]) -> None:
    """Remove jobs. Those of a killed worker would otherwise stay for a day."""
    if job_ids:
        async with redis.pipeline(transaction=True) as pipe:
            pipe.zrem(queue_key(queue), *job_ids)
            pipe.delete(*(prefix + job_id for job_id in job_ids for prefix in JOB_KEY_PREFIXES))
            await pipe.execute()
