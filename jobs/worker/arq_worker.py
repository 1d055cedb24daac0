"""The arq worker: the job functions, and how failures of jobs are handled."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from arq import Retry, func
from arq.worker import Worker
from redis.exceptions import ResponseError

from jobs.errors import NO_SUCH_TABLE, DatabaseError, UnknownTask, describe_error, unexpected
from jobs.model.queues import LABEL, PRODUCE
from jobs.model.task import Task, TaskRef
from jobs.model.units import SHARED_LABEL_ROWS
from jobs.queue import codec
from jobs.queue.client import RedisClient
from jobs.queue.jobs import JOB_KEY_PREFIXES, enqueue_label, enqueue_production, find_waiting, offer
from jobs.queue.permissions import health_prefix
from jobs.storage import state, task_search
from jobs.storage.connection import Session
from jobs.worker.context import MAX_PRODUCTIONS, WorkerContext
from jobs.worker.housekeeping import delete_author_hashes
from jobs.worker.label import LabelLane
from jobs.worker.production import ProductionLane

_logger = logging.getLogger(__name__)

# How many lanes of different tasks a process runs at once. More wait in the queue.
MAX_LABEL_LANES = 50
MAX_PRODUCTION_LANES = 4

# arq reserves a job for as long as the longest job may take. The reconciler does not wait for that.
JOB_SECONDS = 86_400
# How often a worker looks for jobs without having been called.
LOOK_SECONDS = 0.25
# How many jobs of a queue it sees with one look.
SEEN_JOBS = 250

_INPUT_WAIT_SECONDS = 5.0
# How often workers look for the task of a job before it is discarded.
_MOST_LOOKS = 10

# What Redis answers if a key beside a job is of another type.
_FOREIGN_KEY = ("WRONGTYPE", "not an integer")

Context = dict[str, Any]
JobFunction = Callable[..., Coroutine[Any, Any, None]]


def create_arq_workers(context: WorkerContext, redis: RedisClient) -> "list[LaneWorker]":
    """Return the arq workers that serve a queue, one for each kind of job."""
    return [
        # Labelling takes this process's time, production the server's.
        LaneWorker(context, redis, LABEL, _label, MAX_LABEL_LANES, lanes_of_a_task=1),
        LaneWorker(context, redis, PRODUCE, _produce, MAX_PRODUCTION_LANES, lanes_of_a_task=MAX_PRODUCTIONS),
    ]


class LaneWorker(Worker):
    """Takes the jobs of one kind that this process can run.

    It looks for them when the bell of the queue rings, and from time to time. It discards foreign entries of the
    queue, which would otherwise stop arq's worker or keep it busy forever.
    """

    def __init__(
        self,
        context: WorkerContext,
        redis: RedisClient,
        kind: str,
        function: JobFunction,
        max_jobs: int,
        lanes_of_a_task: int,
    ) -> None:
        worker = context.presence()
        super().__init__(
            functions=[
                func(_guarded(function, kind, lanes_of_a_task), name=kind, timeout=JOB_SECONDS, keep_result=0),
                func(_reject, name=codec.REJECT, keep_result=0),
            ],
            queue_name=context.queue.key(kind),
            redis_pool=redis,
            burst=False,
            handle_signals=False,
            max_jobs=max_jobs,
            # A job is retried until it is done. Failures are counted in MariaDB.
            max_tries=10**9,
            poll_delay=LOOK_SECONDS,
            queue_read_limit=SEEN_JOBS,
            health_check_interval=60,
            health_check_key=f"{health_prefix(worker.deployment)}{worker.host}:{worker.pid}:{kind}",
            keep_result=0,
            job_serializer=codec.serialize,
            job_deserializer=codec.deserialize,
            ctx={"context": context, "redis": redis},
        )
        self._context = context
        self._kind = kind
        self._lanes_of_a_task = lanes_of_a_task
        self._called = asyncio.Event()

    def look(self) -> None:
        """Look for jobs now."""
        self._called.set()

    async def main(self) -> None:
        """Look for jobs until cancelled. It replaces arq's loop, which nothing can wake up."""
        while True:
            self._called.clear()
            await self._poll_iteration()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.poll_delay_s):
                    await self._called.wait()

    def _has_room(self, job_id: bytes) -> bool:
        """Return whether this process can run one more lane of the job's task. If not, it is left to others."""
        place = (self._kind, codec.task_id_of(job_id.decode()))
        return self._context.lanes.count(place) < self._lanes_of_a_task

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start the jobs with a valid id that this process has room for, and discard those with an invalid one."""
        valid = [job_id for job_id in job_ids if codec.is_job_id(job_id)]
        foreign = [job_id for job_id in job_ids if not codec.is_job_id(job_id)]
        if foreign:
            _logger.warning("queue: discarded %s entries that are not jobs, such as %r", len(foreign), foreign[0][:80])
            await self.pool.zrem(self.queue_name, *foreign)
        # A job's score is the time it is due, in milliseconds since 1970.
        if valid and (undated := await self.pool.zremrangebyscore(self.queue_name, "-inf", 0)):
            _logger.warning("queue: discarded %s entries without a due time", undated)
        # Jobs stay in the queue while they run. arq would ask about each of them on its own.
        waiting = await find_waiting(self.pool, [job_id.decode() for job_id in filter(self._has_room, valid)])
        running = len(self.tasks)
        await super().start_jobs([job_id for job_id in valid if job_id.decode() in waiting])
        # If others run all that one look sees, the next one looks behind them, at once.
        goes_on = len(job_ids) == self.queue_read_limit and len(self.tasks) == running
        self._queue_read_offset = self._queue_read_offset + len(job_ids) if goes_on else 0
        if goes_on:
            self.look()

    async def run_job(self, job_id: str, score: int) -> None:
        """Run a job. Discards it if the keys beside it are not arq's."""
        try:
            await super().run_job(job_id, score)
        except ResponseError as error:
            if not any(words in str(error) for words in _FOREIGN_KEY):
                raise  # Redis refuses this account, or all writes, for now
            _logger.warning("queue: discarded job %s: %s", job_id, error)
            await self.pool.zrem(self.queue_name, job_id)
            await self.pool.delete(*(prefix + job_id for prefix in JOB_KEY_PREFIXES))
        finally:
            self.look()  # there is room for another


def _guarded(function: JobFunction, kind: str, lanes_of_a_task: int) -> JobFunction:
    """Wrap a job function: it is retried if a server is unreachable, or for a moment if its task is not found.

    Any other error fails its task.
    """

    async def run(ctx: Context, schema: str, task_id: str, generation: int, lane: int) -> None:
        context: WorkerContext = ctx["context"]
        ref = TaskRef(schema, task_id)
        place = (kind, task_id)
        if context.lanes.count(place) >= lanes_of_a_task:  # two were taken at once
            raise Retry(defer=LOOK_SECONDS)
        context.lanes.append(place)
        try:
            # From here on, because it may wait for its turn.
            async with context.heartbeats.recording(ref):
                await function(context, ctx["redis"], ref, generation, lane)
        except Retry:
            raise
        except UnknownTask as error:
            _logger.warning("task %s: %s", task_id, error)
            if ctx["job_try"] < _MOST_LOOKS:  # a worker with the right output server may take it
                raise Retry(defer=LOOK_SECONDS) from error
        except Exception as error:
            if isinstance(error, DatabaseError) and error.transient:
                _logger.warning("task %s: %s; retrying", task_id, error)
                raise Retry(defer=1) from error
            _logger.error("task %s: %s", task_id, error, exc_info=unexpected(error))
            try:
                await context.fail(ref, describe_error(error))
            except DatabaseError as second:
                _logger.warning("task %s: cannot record the failure: %s", task_id, second)
        finally:
            context.lanes.remove(place)

    return run


async def _reject(ctx: Context, reason: str) -> None:
    """Log why a payload was rejected."""
    _logger.warning("queue: discarded job %s, which is invalid: %s", ctx["job_id"], reason)


async def _find(context: WorkerContext, session: Session, ref: TaskRef) -> Task:
    """Return the task of a job. Raises UnknownTask, DatabaseError."""
    try:
        task = await task_search.find(session, ref)
    except DatabaseError as error:
        if error.code != NO_SUCH_TABLE:
            raise
        task = None
    if task is None:
        raise UnknownTask(
            f"not in schema {ref.schema} of the {context.deployment.output}, though it is in the queue; if workers with"
            " another OUTPUT_HOST share this Redis, give them another DEPLOYMENT"
        )
    return task


async def _label(context: WorkerContext, redis: RedisClient, ref: TaskRef, generation: int, lane: int) -> None:
    """Run a lane of a task's label job, after offering the next lane to another worker."""
    async with context.turns, context.deployment.output_session() as session:
        task = await _find(context, session, ref)
        if not task.awaits_labelling or not context.serves(task):
            return
        obstacle = await context.other_input(task)
        if obstacle is not None:
            _logger.warning("task %s waits: %s", ref.task_id, obstacle)
            await state.set_waiting_for(session, ref, obstacle)
            raise Retry(defer=_INPUT_WAIT_SECONDS)
    if lane < (task.windows or 0):
        await offer(enqueue_label(redis, context.queue, ref, generation, lane + 1), ref)
    if await LabelLane(context, ref).run():
        await offer(enqueue_production(redis, context.queue, ref, generation, seconds=task.countdown or 0), ref)


async def _produce(context: WorkerContext, redis: RedisClient, ref: TaskRef, generation: int, lane: int) -> None:
    """Run a lane of a task's production job when it is due by the database's clock, as `_label` does."""
    async with context.productions, context.deployment.output_session() as session:
        task = await _find(context, session, ref)
        if not task.awaits_production or not context.serves(task):
            return
        seconds = await state.production_due_in(session, ref)
    if seconds is not None and seconds > 0:
        raise Retry(defer=seconds)
    # A label row stands for one labelled row or more. To produce a few takes less time than another lane's start.
    if lane < (task.units or 0) and (task.length_output_table or 0) > SHARED_LABEL_ROWS:
        await offer(enqueue_production(redis, context.queue, ref, generation, lane + 1), ref)
    if await ProductionLane(context, ref).run():
        await delete_author_hashes(context.deployment, ref)
