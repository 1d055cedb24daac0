"""The arq worker: the job functions, and how failures of jobs are handled."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from arq import Retry, func
from arq.worker import Worker
from redis.exceptions import ResponseError

from jobs.errors import AudienceError, DatabaseError, describe_error
from jobs.model.task import TaskRef
from jobs.queue import codec
from jobs.queue.client import REDIS_ERRORS, RedisClient
from jobs.queue.jobs import JOB_KEY_PREFIXES, enqueue_label, enqueue_production, queue_key
from jobs.queue.permissions import HEALTH_PREFIX
from jobs.storage import state
from jobs.worker.context import WorkerContext
from jobs.worker.label import Lane
from jobs.worker.production import produce

_logger = logging.getLogger(__name__)

# How many jobs, and so lanes of different tasks, a process runs at once. More wait in the queue.
MAX_JOBS = 50

# arq reserves a job for as long as the longest job may take. The reconciler does not wait for that.
JOB_SECONDS = 86_400
POLL_SECONDS = 0.1

Context = dict[str, Any]
JobFunction = Callable[..., Coroutine[Any, Any, None]]


def create_arq_worker(context: WorkerContext, redis: RedisClient, queue_name: str, burst: bool) -> Worker:
    """Return the arq worker that serves a queue; with `burst`, until the queue is empty."""
    worker = context.presence()
    return _FilteringWorker(
        functions=[
            func(_guarded(_label), name=codec.LABEL, timeout=JOB_SECONDS, keep_result=0),
            func(_guarded(_produce), name=codec.PRODUCE, timeout=JOB_SECONDS, keep_result=0),
            func(_reject, name=codec.REJECT, keep_result=0),
        ],
        queue_name=queue_key(queue_name),
        redis_pool=redis,
        burst=burst,
        handle_signals=False,
        max_jobs=MAX_JOBS,
        # A job is retried until it is done. Failures are counted in MariaDB.
        max_tries=10**9,
        poll_delay=POLL_SECONDS,
        health_check_interval=60,
        health_check_key=f"{HEALTH_PREFIX}{worker.host}:{worker.pid}",
        keep_result=0,
        job_serializer=codec.serialize,
        job_deserializer=codec.deserialize,
        ctx={"context": context},
    )


class _FilteringWorker(Worker):
    """Discards foreign queue entries, which would otherwise stop arq's worker or keep it busy forever."""

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start the jobs with a valid id, and discard the rest."""
        valid = [job_id for job_id in job_ids if codec.is_job_id(job_id)]
        foreign = [job_id for job_id in job_ids if not codec.is_job_id(job_id)]
        if foreign:
            _logger.warning("queue: discarded %s entries that are not jobs, such as %r", len(foreign), foreign[0][:80])
            await self.pool.zrem(self.queue_name, *foreign)
        # A job's score is the time it is due, in milliseconds since 1970.
        if valid and (undated := await self.pool.zremrangebyscore(self.queue_name, "-inf", 0)):
            _logger.warning("queue: discarded %s entries without a due time", undated)
        await super().start_jobs(valid)

    async def run_job(self, job_id: str, score: int) -> None:
        """Run a job. Discards it if the keys beside it are not arq's."""
        try:
            await super().run_job(job_id, score)
        except ResponseError as error:
            _logger.warning("queue: discarded job %s: %s", job_id, error)
            await self.pool.zrem(self.queue_name, job_id)
            await self.pool.delete(*(prefix + job_id for prefix in JOB_KEY_PREFIXES))


def _guarded(function: JobFunction) -> JobFunction:
    """Wrap a job function: it is retried if a server is unreachable; any other error fails its task."""

    async def run(ctx: Context, schema: str, task_id: str, *arguments: int) -> None:
        context: WorkerContext = ctx["context"]
        ref = TaskRef(schema, task_id)
        try:
            await function(ctx, ref, *arguments)
        except (Retry, *REDIS_ERRORS):
            raise
        except Exception as error:
            if isinstance(error, DatabaseError) and error.transient:
                _logger.warning("task %s: %s; retrying", task_id, error)
                raise Retry(defer=1) from error
            # A server's error and ours explain themselves. For any other, the traceback says more.
            expected = isinstance(error, AudienceError | DatabaseError)
            _logger.error("task %s: %s", task_id, error, exc_info=None if expected else error)
            try:
                await context.fail(ref, describe_error(error))
            except DatabaseError as second:
                _logger.warning("task %s: cannot record the failure: %s", task_id, second)

    return run


async def _reject(ctx: Context, reason: str) -> None:
    """Log why a payload was rejected."""
    _logger.warning("queue: discarded job %s, which is invalid: %s", ctx["job_id"], reason)


async def _label(ctx: Context, ref: TaskRef, generation: int, lane: int) -> None:
    """Run a lane of a task's label job, after offering the next lane to another worker."""
    context: WorkerContext = ctx["context"]
    redis: RedisClient = ctx["redis"]
    if ref.task_id in context.lanes:  # one lane fills a process: leave this one to another
        raise Retry(defer=min(0.2 * 2 ** min(ctx["job_try"], 4), 2.0))
    context.lanes.add(ref.task_id)
    try:
        async with context.turns, context.deployment.output_session() as session:
            task = await state.find(session, ref)
        if task is None or task.queue is None or not task.awaits_labelling:
            return
        if lane < (task.windows or 0):
            await enqueue_label(redis, task.queue, ref, generation, lane + 1)
        if await Lane(context, ref).run():
            await enqueue_production(redis, task.queue, ref, generation, task.countdown or 0)
    finally:
        context.lanes.discard(ref.task_id)


async def _produce(ctx: Context, ref: TaskRef) -> None:
    """Run a task's production job when it is due by the database's clock."""
    context: WorkerContext = ctx["context"]
    async with context.productions:
        async with context.deployment.output_session() as session:
            seconds = await state.production_due_in(session, ref)
        if seconds is None:
            return
        if seconds > 0:
            raise Retry(defer=seconds)
        if not await produce(context, ref):
            raise Retry(defer=5)
