"""The reconciler: finds tasks that nobody works on, and has them worked on again.

Redis was flushed, a worker died between its commit and its enqueue, the machine is gone: what is
to be done stands in MariaDB, and whichever worker looks first starts a new generation of jobs.
"""

import logging

from arq.connections import ArqRedis

from jobs import queue, state
from jobs.site import Site
from jobs.task import Task

_logger = logging.getLogger(__name__)

# Ten times the heartbeat's second, and three times the longest pause between two of them.
NEGLECT_SECONDS = 20.0


async def reconcile(site: Site, redis: ArqRedis) -> int:
    """Enqueues every neglected task in every schema this account can see; how many there were."""
    adopted = 0
    async with site.output_session() as session:
        for schema in await state.schemas(session, having="production_due"):
            for task in await state.neglected(session, schema, NEGLECT_SECONDS):
                if await state.adopt(session, schema, task):
                    await _enqueue(redis, schema, task)
                    adopted += 1
    return adopted


async def _enqueue(redis: ArqRedis, schema: str, task: Task) -> None:
    _logger.warning("task %s: %s, but nobody is at it; enqueued again", task.task_id, task.stat)
    assert task.queue is not None and task.generation is not None and task.windows is not None
    await queue.discard(redis, task.queue, task.task_id, task.generation, task.windows)
    if task.stat == "SUCCESS":
        await queue.enqueue_production(redis, task.queue, schema, task.task_id, task.generation + 1)
    else:
        await queue.enqueue_lane(redis, task.queue, schema, task.task_id, task.generation + 1)
