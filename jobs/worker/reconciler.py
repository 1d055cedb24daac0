"""The reconciler: finds stalled tasks and queues them again.

Redis was flushed, a worker died between its commit and its enqueue, a host is gone: MariaDB still knows
what there is to do, and whichever worker looks first starts a new generation of jobs.
"""

import asyncio
import logging

from jobs.deployment import Deployment
from jobs.errors import DatabaseError
from jobs.model.queues import Queue
from jobs.model.task import Task, TaskStatus, is_task_id
from jobs.queue import jobs
from jobs.queue.client import RedisClient
from jobs.queue.clock import redis_time
from jobs.storage import state, state_tables, task_search
from jobs.storage.connection import Session

_logger = logging.getLogger(__name__)

# Many heartbeats. To queue a task that is being worked on is harmless.
STALLED_SECONDS = 20.0
# A job that was taken just now, after a long wait in the queue, has its first heartbeat by then.
_FIRST_HEARTBEAT_SECONDS = 3.0
# A stalled task is due. A job of it that is due so much later was queued before Redis's clock was set back.
_LATE_SECONDS = 60.0


async def reconcile(deployment: Deployment, redis: RedisClient) -> None:
    """Queue every stalled task of the deployment again, and remove the jobs of finished tasks from its queue.

    It does so in every schema that the account can see; an unreadable one does not affect the others. Each
    queue is read once, so the number of calls to Redis does not grow with the number of queued tasks.
    """
    queues = _Queues(redis, deployment.settings.deployment)
    taken: list[Task] = []
    async with deployment.output_session() as session:
        queued = await queues.jobs(deployment.queue)
        for schema in await state_tables.schemas(session, migrated=True):
            try:
                taken += await _requeue_lost(session, queues, schema)
                for task_id in await task_search.find_finished(session, schema, queued.keys()):
                    await jobs.discard_jobs(redis, deployment.queue, queued[task_id])
            except DatabaseError as error:
                if error.unreachable:
                    raise
                _logger.warning("reconciler, schema %s: %s", schema, error)
    if taken:
        await asyncio.sleep(_FIRST_HEARTBEAT_SECONDS)
        async with deployment.output_session() as session:
            for task in taken:
                await _requeue(session, queues, task)


class _Queues:
    """The jobs in each queue, read when a pass first needs them."""

    def __init__(self, redis: RedisClient, deployment: str) -> None:
        self.redis = redis
        self.deployment = deployment
        self._jobs: dict[Queue, dict[str, dict[str, float]]] = {}
        self._waiting: dict[Queue, set[str]] = {}

    async def jobs(self, queue: Queue) -> dict[str, dict[str, float]]:
        """Return when each job in a queue is due, as `read_jobs` does."""
        if queue not in self._jobs:
            self._jobs[queue] = await jobs.read_jobs(self.redis, queue)
        return self._jobs[queue]

    async def waiting(self, queue: Queue) -> set[str]:
        """Return the ids of the jobs in a queue that no worker has taken, of those that are due."""
        if queue not in self._waiting:
            latest = ((await redis_time(self.redis)).timestamp() + _LATE_SECONDS) * 1000
            queued = (await self.jobs(queue)).values()
            job_ids = [name for found in queued for name, due in found.items() if due <= latest]
            self._waiting[queue] = await jobs.find_waiting(self.redis, job_ids)
        return self._waiting[queue]


async def _requeue_lost(session: Session, queues: _Queues, schema: str) -> list[Task]:
    """Queue the stalled tasks again that have no job. Returns those whose jobs are all taken."""
    taken = []
    for task in await task_search.find_stalled(session, schema, queues.deployment, STALLED_SECONDS):
        if not is_task_id(task.task_id) or task.queue is None:
            continue  # a foreign row
        queue = Queue(queues.deployment, task.queue)
        job_ids = (await queues.jobs(queue)).get(task.task_id, {})
        if not job_ids:
            await _requeue(session, queues, task)
        elif (await queues.waiting(queue)).isdisjoint(job_ids):
            taken.append(task)
    return taken


async def _requeue(session: Session, queues: _Queues, task: Task) -> None:
    """Queue a task again, unless it has a heartbeat by now. One whose row is locked does not affect the others."""
    assert task.queue is not None
    queue = Queue(queues.deployment, task.queue)
    try:
        requeued = await state.requeue(session, task, STALLED_SECONDS)
    except DatabaseError as error:
        if error.unreachable:
            raise
        _logger.warning("reconciler, task %s: %s", task.task_id, error)
        return
    if requeued:
        _logger.warning("task %s: %s, but no worker is working on it; queued again", task.task_id, task.stat)
        await jobs.discard_jobs(queues.redis, queue, (await queues.jobs(queue)).get(task.task_id, {}))
        enqueue = jobs.enqueue_production if task.status is TaskStatus.SUCCESS else jobs.enqueue_label
        await enqueue(queues.redis, queue, task.ref, (task.generation or 0) + 1)
