"""The worker: an arq worker with our own entry point.

arq's own ends when Redis blinks and hears no SIGTERM while Redis hangs. This one takes up its
work again when Redis is back, and is gone within seconds of a SIGTERM whatever hangs.
"""

import asyncio
import contextlib
import gc
import json
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from arq import Retry, func
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from arq.worker import Worker
from redis.exceptions import ResponseError

from jobs.deployment import Site
from jobs.errors import DatabaseError
from jobs.queue import client as queue
from jobs.queue.client import REDIS_ERRORS
from jobs.storage import state
from jobs.worker.context import Workplace, describe
from jobs.worker.heartbeat import peak_memory
from jobs.worker.label import Lane
from jobs.worker.production import produce
from jobs.worker.reconciler import reconcile

_logger = logging.getLogger(__name__)

# How many jobs, and so lanes of different tasks, a process has at once. More wait in the queue.
MAX_JOBS = 50

# arq keeps a job from others for as long as the longest may take; the reconciler does not wait for that.
JOB_SECONDS = 86_400
STOP_SECONDS = 3.0
POLL_SECONDS = 0.1
RECONCILE_SECONDS = 10.0
PRESENCE_SECONDS = 2.0
PRESENCE_PREFIX = "audience:worker:"
PRESENCE_TTL = 60


def run_worker(site: Site, queue_name: str, *, burst: bool = False) -> None:
    """Runs a worker in this process until SIGTERM or SIGINT; with `burst`, until its queue is empty."""
    # A batch of rows is thousands of tuples that are in no cycle: looking for some among them as
    # often as Python does by default costs a quarter of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    asyncio.run(_work_until_told(site, queue_name, burst))


async def _work_until_told(site: Site, queue_name: str, burst: bool) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    parent = multiprocessing.parent_process()
    if parent is not None:  # a supervisor that is killed takes its workers with it
        loop.add_reader(parent.sentinel, told.set)
    redis = queue.redis_client(site.settings)
    workplace = Workplace(site)
    worker = _arq_worker(workplace, redis, queue_name, burst)
    _logger.info("worker %s on queue %s: ready", os.getpid(), queue_name)
    if burst:  # what is to be done may have to be found first
        await _reconcile(site, redis, queue_name)
    working = asyncio.create_task(_work(worker, redis))
    reconciling = asyncio.create_task(_keep_reconciling(site, redis, queue_name))
    present = asyncio.create_task(_tell_presence(workplace, redis, queue_name))
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    # What has not ended by then is hung in a call to a server that does not answer. It holds
    # nothing but a transaction, and that ends with the process.
    last_resort = threading.Timer(STOP_SECONDS, os._exit, (0,))
    last_resort.daemon = True
    last_resort.start()
    going = {working, reconciling, present, waiting}
    # Again and again: `asyncio.wait_for`, which arq and redis use, may miss it before Python 3.12.
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=0.2)
    with contextlib.suppress(*REDIS_ERRORS, asyncio.CancelledError):
        await worker.close()
    _logger.info("worker %s: stopped", os.getpid())
    if not working.cancelled():
        working.result()


class _Worker(Worker):
    """arq's; but it ends, or comes to them again for ever, by things in its queue that no one of us put there."""

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Starts the jobs that have a name of ours, and throws the rest away."""
        ours = [job_id for job_id in job_ids if queue.is_job_id(job_id)]
        others = [job_id for job_id in job_ids if not queue.is_job_id(job_id)]
        if others:
            _logger.warning("queue: %s thrown away that are no jobs, such as %r", len(others), others[0][:80])
            await self.pool.zrem(self.queue_name, *others)
        # Their score is when they are due, in milliseconds since 1970.
        if ours and (too_early := await self.pool.zremrangebyscore(self.queue_name, "-inf", 0)):
            _logger.warning("queue: %s thrown away that are no jobs, due at no time", too_early)
        await super().start_jobs(ours)

    async def run_job(self, job_id: str, score: int) -> None:
        """Runs a job; throws it away where the keys beside it are none of arq's."""
        try:
            await super().run_job(job_id, score)
        except ResponseError as error:
            _logger.warning("queue: job %s thrown away: %s", job_id, error)
            await self.pool.zrem(self.queue_name, job_id)
            await self.pool.delete(
                *(prefix + job_id for prefix in (job_key_prefix, in_progress_key_prefix, retry_key_prefix))
            )


def _arq_worker(workplace: Workplace, redis: ArqRedis, queue_name: str, burst: bool) -> Worker:
    return _Worker(
        functions=[
            func(_job(_label), name=queue.LABEL, timeout=JOB_SECONDS, keep_result=0),
            func(_job(_produce), name=queue.PRODUCE, timeout=JOB_SECONDS, keep_result=0),
            func(_refuse, name=queue.REFUSE, keep_result=0),
        ],
        queue_name=queue.queue_key(queue_name),
        redis_pool=redis,
        burst=burst,
        handle_signals=False,
        max_jobs=MAX_JOBS,
        # A job comes again until it says it is done: tries are not failures, those MariaDB counts.
        max_tries=10**9,
        poll_delay=POLL_SECONDS,
        health_check_interval=60,
        health_check_key=f"audience:health:{_identity()}",
        keep_result=0,
        job_serializer=queue.serialize,
        job_deserializer=queue.deserialize,
        ctx={"workplace": workplace},
    )


async def _work(worker: Worker, redis: ArqRedis) -> None:
    """arq's main loop, begun again whenever Redis fails it; the jobs in hand go on meanwhile."""
    while True:
        try:
            await queue.clock.set(redis)
            await worker.async_run()
            return
        except REDIS_ERRORS as error:
            _logger.warning("Redis: %s; trying again", error)
            await asyncio.sleep(1)


Context = dict[str, Any]
JobFunction = Callable[..., Coroutine[Any, Any, None]]


def _job(function: JobFunction) -> JobFunction:
    """The function as arq runs it: it comes again where a server is away, and else its task fails visibly."""

    async def run(ctx: Context, schema: str, task_id: str, *arguments: int) -> None:
        workplace: Workplace = ctx["workplace"]
        try:
            await function(ctx, schema, task_id, *arguments)
        except (Retry, *REDIS_ERRORS):
            raise
        except Exception as error:
            if isinstance(error, DatabaseError) and error.transient:
                _logger.warning("task %s: %s; trying again", task_id, error)
                raise Retry(defer=1) from error
            # A server's error says all; of any other, where it came from says more.
            _logger.error("task %s: %s", task_id, error, exc_info=None if isinstance(error, DatabaseError) else error)
            try:
                await workplace.fail(schema, task_id, describe(error))
            except DatabaseError as second:
                _logger.warning("task %s: cannot be told that it failed: %s", task_id, second)

    return run


async def _refuse(ctx: Context, reason: str) -> None:
    """Says that what was in the queue was no job of ours; then it is done with."""
    _logger.warning("queue: job %s thrown away, it is none of ours: %s", ctx["job_id"], reason)


async def _label(ctx: Context, schema: str, task_id: str, generation: int, lane: int) -> None:
    """A place at a task's label job. The worker that takes it offers the next one."""
    workplace: Workplace = ctx["workplace"]
    redis: ArqRedis = ctx["redis"]
    if task_id in workplace.lanes:  # one lane fills a process: leave this place to another
        raise Retry(defer=min(0.2 * 2 ** min(ctx["job_try"], 4), 2.0))
    workplace.lanes.add(task_id)
    try:
        async with workplace.turns, workplace.site.output_session() as session:
            task = await state.find(session, schema, task_id)
        if task is None or task.queue is None or task.stat not in ("PENDING", "STARTED"):
            return
        if lane < (task.windows or 0):
            await queue.enqueue_lane(redis, task.queue, schema, task_id, generation, lane + 1)
        if await Lane(workplace, schema, task_id).run():
            await queue.enqueue_production(redis, task.queue, schema, task_id, generation, task.countdown or 0)
    finally:
        workplace.lanes.discard(task_id)


async def _produce(ctx: Context, schema: str, task_id: str) -> None:
    """The production job, when the database's clock says that it is due."""
    workplace: Workplace = ctx["workplace"]
    async with workplace.productions:
        async with workplace.site.output_session() as session:
            seconds = await state.production_due_in(session, schema, task_id)
        if seconds is None:
            return
        if seconds > 0:
            raise Retry(defer=seconds)
        if not await produce(workplace, schema, task_id):
            raise Retry(defer=5)


async def _keep_reconciling(site: Site, redis: ArqRedis, queue_name: str) -> None:
    """Every worker does: to find the same twice is harmless."""
    while True:
        await _reconcile(site, redis, queue_name)
        await asyncio.sleep(RECONCILE_SECONDS)


async def _reconcile(site: Site, redis: ArqRedis, queue_name: str) -> None:
    try:
        await reconcile(site, redis, queue_name)
    except (DatabaseError, *REDIS_ERRORS) as error:
        _logger.warning("reconciler: %s; trying again in %.0f seconds", error, RECONCILE_SECONDS)
    except Exception:
        _logger.exception("reconciler; trying again in %.0f seconds", RECONCILE_SECONDS)


async def _tell_presence(workplace: Workplace, redis: ArqRedis, queue_name: str) -> None:
    """Keeps a key in Redis that says who this worker is and what it has in hand, while it is there."""
    rows, moment, rate = 0, time.monotonic(), 0.0
    key = f"{PRESENCE_PREFIX}{_identity()}"
    try:
        while True:
            presence = {
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "queue": queue_name,
                "tasks": sorted(workplace.lanes),
                "rows_a_second": round(rate, 1),
                "peak_memory": round(peak_memory(), 1),
            }
            with contextlib.suppress(*REDIS_ERRORS):
                await redis.set(key, json.dumps(presence), ex=PRESENCE_TTL)
                await queue.clock.set(redis)
            await asyncio.sleep(PRESENCE_SECONDS)
            now = time.monotonic()
            rate = (workplace.rows - rows) / (now - moment)
            rows, moment = workplace.rows, now
    finally:
        with contextlib.suppress(*REDIS_ERRORS):
            await redis.delete(key)


def _identity() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
