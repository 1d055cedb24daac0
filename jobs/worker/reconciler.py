"""The reconciler: finds tasks that nobody works on, and has them worked on again.

Redis was flushed, a worker died between its commit and its enqueue, the machine is gone: what is
to be done stands in MariaDB, and whichever worker looks first starts a new generation of jobs.
"""

import logging

from arq.connections import ArqRedis

from jobs.deployment import Site
from jobs.errors import DatabaseError
from jobs.model.task import Task, is_task_id
from jobs.queue import client as queue
from jobs.storage import state
from jobs.storage.connection import Session

_logger = logging.getLogger(__name__)

# Many times the heartbeat's second. To take up a task that somebody is at is harmless.
NEGLECT_SECONDS = 20.0


async def reconcile(site: Site, redis: ArqRedis, queue_name: str) -> None:
    """Enqueues every neglected task, and removes what finished tasks have left in the queue.

    In every schema this account can see; one that cannot be read does not keep it from the others.
    """
    async with site.output_session() as session:
        leftovers = await queue.task_ids(redis, queue_name)
        for schema in await state.schemas(session, ours=True):
            try:
                await _reconcile_schema(session, redis, schema)
                for task_id in await state.finished_of(session, schema, leftovers):
                    await queue.discard(redis, queue_name, task_id)
            except DatabaseError as error:
                if error.unreachable:
                    raise
                _logger.warning("reconciler, schema %s: %s", schema, error)


async def _reconcile_schema(session: Session, redis: ArqRedis, schema: str) -> None:
    for task in await state.neglected(session, schema, NEGLECT_SECONDS):
        if not is_task_id(task.task_id):
            continue  # written by somebody else; and "*" would stand for every job of the queue
        if task.queue is None or await queue.waits(redis, task.queue, task.task_id):
            continue  # its turn will come
        if await state.adopt(session, schema, task):
            _logger.warning("task %s: %s, but nobody is at it; enqueued again", task.task_id, task.stat)
            await _enqueue(redis, schema, task, task.queue)


async def _enqueue(redis: ArqRedis, schema: str, task: Task, queue_name: str) -> None:
    generation = (task.generation or 0) + 1
    await queue.discard(redis, queue_name, task.task_id)
    if task.stat == "SUCCESS":
        await queue.enqueue_production(redis, queue_name, schema, task.task_id, generation)
    else:
        await queue.enqueue_lane(redis, queue_name, schema, task.task_id, generation)
