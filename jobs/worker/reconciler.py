"""The reconciler: finds stalled tasks and queues them again.

Redis was flushed, a worker died between its commit and its enqueue, a host is gone: MariaDB still knows
what there is to do, and whichever worker looks first starts a new generation of jobs.
"""

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
# A stalled task is due. A job of it that is due so much later was queued before Redis's clock was set back.
_LATE_SECONDS = 60.0


async def reconcile(deployment: Deployment, redis: RedisClient) -> None:
    """Queue every stalled task of the deployment again, and remove the jobs of finished tasks from its queue.

    It does so in every schema that the account can see; an unreadable one does not affect the others. Each
    queue is read once, so the number of calls to Redis does not grow with the number of queued tasks.
    """
    async with deployment.output_session() as session:
        queues = _Queues(redis, deployment.settings.deployment)
        queued = await queues.jobs(deployment.queue)
        for schema in await state_tables.schemas(session, migrated=True):
            try:
                await _requeue_stalled(session, queues, schema)
                for task_id in await task_search.find_finished(session, schema, queued.keys()):
                    await jobs.discard_jobs(redis, deployment.queue, queued[task_id])
            except DatabaseError as error:
                if error.unreachable:
                    raise
                _logger.warning("reconciler, schema %s: %s", schema, error)


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


async def _requeue_stalled(session: Session, queues: _Queues, schema: str) -> None:
    for task in await task_search.find_stalled(session, schema, queues.deployment, STALLED_SECONDS):
        if not is_task_id(task.task_id) or task.queue is None:
            continue  # a foreign row
        try:
            await _requeue(session, queues, task, Queue(queues.deployment, task.queue))
        except DatabaseError as error:
            if error.unreachable:
                raise
            _logger.warning("reconciler, task %s: %s", task.task_id, error)  # its row is locked, say


async def _requeue(session: Session, queues: _Queues, task: Task, queue: Queue) -> None:
    job_ids = (await queues.jobs(queue)).get(task.task_id, {})
    if not (await queues.waiting(queue)).isdisjoint(job_ids):
        return
    if await state.requeue(session, task):
        _logger.warning("task %s: %s, but no worker is working on it; queued again", task.task_id, task.stat)
        await jobs.discard_jobs(queues.redis, queue, job_ids)
        enqueue = jobs.enqueue_production if task.status is TaskStatus.SUCCESS else jobs.enqueue_label
        await enqueue(queues.redis, queue, task.ref, (task.generation or 0) + 1)
