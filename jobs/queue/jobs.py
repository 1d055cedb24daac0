"""The jobs in a queue: put in, found, removed.

A job's id is made of its task, kind, generation and lane, so enqueueing it twice leaves one.
"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Collection, Iterable
from datetime import timedelta

from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix

from jobs.model.queues import LABEL, PRODUCE, Queue
from jobs.model.task import TaskRef
from jobs.queue.bell import ring
from jobs.queue.client import REDIS_ERRORS, RedisClient, redis_failure
from jobs.queue.clock import redis_time
from jobs.queue.codec import is_job_id, job_id, task_id_of

_logger = logging.getLogger(__name__)

JOB_KEY_PREFIXES = (job_key_prefix, in_progress_key_prefix, retry_key_prefix)
"""arq's keys beside a queue, each completed by a job id."""

# arq by default drops a job that has waited for a day.
_EXPIRY = timedelta(days=3650)

# A job that is to start at once is due for this long already: a worker knows Redis's time only nearly.
_PAST = timedelta(seconds=1)


async def enqueue_label(redis: RedisClient, queue: Queue, ref: TaskRef, generation: int, lane: int = 1) -> None:
    """Offer a lane of a task's label job to the workers."""
    await _enqueue(redis, LABEL, queue, ref, generation, lane, 0)


async def enqueue_production(
    redis: RedisClient, queue: Queue, ref: TaskRef, generation: int, lane: int = 1, seconds: float = 0
) -> None:
    """Offer a lane of a task's production job to the workers, this many seconds from now."""
    await _enqueue(redis, PRODUCE, queue, ref, generation, lane, seconds)


async def offer(enqueueing: Awaitable[None], ref: TaskRef) -> None:
    """Await the enqueueing of a lane. If it fails, log why: the reconciler will find the task."""
    try:
        await enqueueing
    except REDIS_ERRORS as error:
        _logger.warning("task %s: not queued yet: %s", ref.task_id, redis_failure(error))


async def _enqueue(
    redis: RedisClient, kind: str, queue: Queue, ref: TaskRef, generation: int, lane: int, seconds: float
) -> None:
    due = await redis_time(redis) + (timedelta(seconds=seconds) if seconds else -_PAST)
    await redis.enqueue_job(
        kind,
        ref.schema,
        ref.task_id,
        generation,
        lane,
        _job_id=job_id(kind, ref.task_id, generation, lane),
        _queue_name=queue.key(kind),
        _defer_until=due,
        _expires=_EXPIRY,
    )
    if not seconds:
        await ring(redis, queue)


async def read_jobs(redis: RedisClient, queue: Queue) -> dict[str, dict[str, float]]:
    """Return when each job in a queue is due, in milliseconds by Redis's clock, by its task's id and its own.

    One round trip, whatever the length of the queue.
    """
    async with redis.pipeline(transaction=False) as pipe:
        for kind in (LABEL, PRODUCE):
            pipe.zrange(queue.key(kind), 0, -1, withscores=True)
        members = await pipe.execute()
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for member, due in (*members[0], *members[1]):
        if is_job_id(member):
            name = member.decode()
            found[task_id_of(name)][name] = due
    return found


async def find_waiting(redis: RedisClient, job_ids: Iterable[str]) -> set[str]:
    """Return those of the jobs that no worker has taken. One round trip."""
    job_ids = list(job_ids)
    async with redis.pipeline(transaction=False) as pipe:
        for name in job_ids:
            pipe.exists(in_progress_key_prefix + name)
        taken = await pipe.execute()
    return {name for name, is_taken in zip(job_ids, taken, strict=True) if not is_taken}


async def discard_jobs(redis: RedisClient, queue: Queue, job_ids: Collection[str]) -> None:
    """Remove jobs. Those of a killed worker would otherwise stay for a day."""
    if job_ids:
        async with redis.pipeline(transaction=True) as pipe:
            for kind in (LABEL, PRODUCE):
                pipe.zrem(queue.key(kind), *job_ids)
            pipe.delete(*(prefix + name for name in job_ids for prefix in JOB_KEY_PREFIXES))
            await pipe.execute()
