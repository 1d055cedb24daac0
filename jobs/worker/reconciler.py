"""The reconciler: finds stalled tasks and queues them again.

Redis was flushed, a worker died between its commit and its enqueue, a host is gone: MariaDB still knows
what there is to do, and whichever worker looks first starts a new generation of jobs.
"""

import logging

from jobs.deployment import Deployment
from jobs.errors import DatabaseError
from jobs.model.task import Task, TaskStatus, is_task_id
from jobs.queue import jobs
from jobs.queue.client import RedisClient
from jobs.storage import state
from jobs.storage.connection import Session

_logger = logging.getLogger(__name__)

# Many heartbeats. To queue a task that is being worked on is harmless.
STALLED_SECONDS = 20.0


async def reconcile(deployment: Deployment, redis: RedisClient, queue_name: str) -> None:
    """Queue every stalled task again, and remove the jobs of finished tasks from the queue.

    It does so in every schema that the account can see; an unreadable one does not affect the others.
    """
    async with deployment.output_session() as session:
        queued = await jobs.queued_tasks(redis, queue_name)
        for schema in await state.schemas(session, migrated=True):
            try:
                await _requeue_stalled(session, redis, schema)
                for task_id in await state.find_finished(session, schema, queued):
                    await jobs.discard_jobs(redis, queue_name, task_id)
            except DatabaseError as error:
                if error.unreachable:
                    raise
                _logger.warning("reconciler, schema %s: %s", schema, error)


async def _requeue_stalled(session: Session, redis: RedisClient, schema: str) -> None:
    for task in await state.find_stalled(session, schema, STALLED_SECONDS):
        if not is_task_id(task.task_id):
            continue  # a foreign row; and as a pattern, "*" would stand for every job of the queue
        if task.queue is None or await jobs.has_waiting_job(redis, task.queue, task.task_id):
            continue
        if await state.requeue(session, task):
            _logger.warning("task %s: %s, but no worker is working on it; queued again", task.task_id, task.stat)
            await _enqueue(redis, task, task.queue)


async def _enqueue(redis: RedisClient, task: Task, queue_name: str) -> None:
    generation = (task.generation or 0) + 1
    await jobs.discard_jobs(redis, queue_name, task.task_id)
    if task.status is TaskStatus.SUCCESS:
        await jobs.enqueue_production(redis, queue_name, task.ref, generation)
    else:
        await jobs.enqueue_label(redis, queue_name, task.ref, generation)
