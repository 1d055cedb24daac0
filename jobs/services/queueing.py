"""What the services that queue tasks share: calls to Redis whose failures have the service's code."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from jobs.deployment import Deployment
from jobs.errors import CannotStart, InvalidValue
from jobs.model.alert import AlertEvent
from jobs.model.queues import Queue
from jobs.model.task import Task
from jobs.queue.client import REDIS_ERRORS, RedisClient, open_redis, redis_client, redis_failure
from jobs.queue.jobs import discard_jobs, enqueue_label, enqueue_production, read_jobs
from jobs.storage import state
from jobs.storage.connection import Session

_DISCARD_SECONDS = 1.0


def require_redis_url(deployment: Deployment) -> None:
    """Raise InvalidValue if REDIS_URL is malformed. Opens no connection."""
    redis_client(deployment.settings)


async def call_redis(call: Awaitable[object]) -> None:
    """Await a call to Redis. Its failure raises CannotStart."""
    try:
        await call
    except REDIS_ERRORS as error:
        raise CannotStart(f"failed to start a labelling task: {redis_failure(error)}; see audience check") from error


async def enqueue_task(deployment: Deployment, redis: RedisClient, session: Session, task: Task) -> None:
    """Queue a task that awaits a job. If that fails, so does the task, and it can be resumed. Raises CannotStart."""
    assert task.queue is not None and task.generation is not None and task.deployment is not None
    enqueue = enqueue_production if task.awaits_production else enqueue_label
    try:
        await call_redis(enqueue(redis, Queue(task.deployment, task.queue), task.ref, task.generation))
    except CannotStart as error:
        await state.fail(session, task.ref, str(error), alert=deployment.alerts_of(AlertEvent.TASK_FAILED))
        raise CannotStart(f"{error}; correct the cause, then: audience resume {task.task_id}") from error


async def discard_task(deployment: Deployment, task: Task) -> None:
    """Remove the jobs of a task that has been stopped. Workers do the same later, but there may be none on its queue.

    Raises nothing: what counts is in the state table, and Redis may be away.
    """
    assert task.queue is not None and task.deployment is not None
    queue = Queue(task.deployment, task.queue)
    with suppress(InvalidValue, *REDIS_ERRORS):  # a timeout is an OSError
        async with asyncio.timeout(_DISCARD_SECONDS), open_redis(deployment.settings) as redis:
            await discard_jobs(redis, queue, (await read_jobs(redis, queue)).get(task.task_id, {}))
