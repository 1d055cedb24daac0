"""The entry point of a worker process.

arq's own entry point ends when Redis fails briefly, and ignores SIGTERM while Redis hangs. This one
resumes when Redis is back, and ends within seconds of a SIGTERM whatever hangs.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

from jobs.deployment import Deployment
from jobs.errors import CannotStart, DatabaseError, OutputUnreachable
from jobs.model.queues import Queue
from jobs.queue import bell, jobs, presence
from jobs.queue.client import REDIS_ERRORS, RedisClient, open_redis, redis_client, redis_failure
from jobs.queue.clock import WorkerClock
from jobs.worker.alerts import SEND_SECONDS, send_alerts
from jobs.worker.arq_worker import LaneWorker, create_arq_workers
from jobs.worker.context import WorkerContext
from jobs.worker.housekeeping import SWEEP_SECONDS, sweep
from jobs.worker.reconciler import reconcile
from jobs.worker.scheduler import LOOK_SECONDS, Scheduler

_logger = logging.getLogger(__name__)

STOP_SECONDS = 3.0
RECONCILE_SECONDS = 10.0
_BURST_SECONDS = 0.2


def run_worker(deployment: Deployment, *, burst: bool = False, lifeline: int | None = None) -> None:
    """Run a worker in this process until SIGTERM or SIGINT; with `burst`, until its queue is empty.

    It also ends when `lifeline`, a file descriptor, becomes readable: its supervisor has ended.

    Raises OutputUnreachable if a burst ends without the output server.
    """
    # A batch of rows is thousands of tuples without cycles. Searching them for cycles as often as Python
    # does by default takes a quarter of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    asyncio.run(_work_until_stopped(deployment, burst, lifeline))


async def require_servers(deployment: Deployment) -> None:
    """Raise OutputUnreachable or CannotStart unless the output server and Redis accept this worker.

    A worker waits for servers that fail. A burst does not: without them it cannot know what there is to do.
    """
    await _require_output(deployment)
    try:
        async with open_redis(deployment.settings) as redis:
            await jobs.read_jobs(redis, deployment.queue)
    except REDIS_ERRORS as error:
        raise CannotStart(f"a burst cannot work: {redis_failure(error)}; see audience check") from error


async def _require_output(deployment: Deployment) -> None:
    try:
        async with deployment.output_session():
            pass
    except DatabaseError as error:
        raise OutputUnreachable(f"a burst cannot work: {error}; see audience check") from error


async def _work_until_stopped(deployment: Deployment, burst: bool, lifeline: int | None) -> None:
    stop_requested = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_requested.set)
    if lifeline is not None:
        loop.add_reader(lifeline, stop_requested.set)
    redis = redis_client(deployment.settings)
    context = WorkerContext(deployment)
    clock = WorkerClock()
    clock.install()
    workers = create_arq_workers(context, redis)
    _logger.info("worker %s on queue %s: ready", os.getpid(), context.queue.name)
    scheduler = Scheduler(deployment, redis)
    if burst:  # a schedule may be due; a task may be stalled, and its jobs not in the queue yet
        await _fire_due(scheduler)
        await _reconcile(deployment, redis)
    working = asyncio.create_task(_run_all(workers, redis, clock))
    listening = asyncio.create_task(bell.listen(redis, context.queue, lambda: _call(workers)))
    reconciling = asyncio.create_task(_reconcile_forever(deployment, redis))
    scheduling = asyncio.create_task(_schedule_forever(scheduler))
    sweeping = asyncio.create_task(_sweep_forever(deployment))
    publishing = asyncio.create_task(_publish_presence(context, redis, clock))
    sending = asyncio.create_task(_send_alerts_forever(deployment))
    waiting: set[asyncio.Task[Any]] = {asyncio.create_task(stop_requested.wait())}
    if burst:
        waiting.add(asyncio.create_task(_until_empty(deployment, redis, context.queue)))
    done, _ = await asyncio.wait({working, *waiting}, return_when=asyncio.FIRST_COMPLETED)
    failed = any(task.exception() is not None for task in done)
    await _stop({working, *waiting, listening, reconciling, scheduling, sweeping, publishing, sending}, int(failed))
    with contextlib.suppress(*REDIS_ERRORS, asyncio.CancelledError):
        for worker in workers:
            await worker.close()
    _logger.info("worker %s: stopped", os.getpid())
    for task in {working, *done}:
        if not task.cancelled():
            task.result()


async def _stop(running: set[asyncio.Task[Any]], status: int) -> None:
    """Cancel tasks, and wait for their ends. Ends the process with this status if that takes too long."""
    # What has not ended by then hangs in a call to a server that does not answer. It holds nothing but a
    # transaction, which ends with the process.
    last_resort = threading.Timer(STOP_SECONDS, os._exit, (status,))
    last_resort.daemon = True
    last_resort.start()
    # Repeatedly, because before Python 3.12 `asyncio.wait_for`, which arq and redis use, may lose a cancellation.
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=0.2)


def _call(workers: Sequence[LaneWorker]) -> None:
    for worker in workers:
        worker.look()


async def _run_all(workers: Sequence[LaneWorker], redis: RedisClient, clock: WorkerClock) -> None:
    await asyncio.gather(*(_run_arq(worker, redis, clock) for worker in workers))


async def _until_empty(deployment: Deployment, redis: RedisClient, queue: Queue) -> None:
    """Wait until a queue has no job, deferred and running ones included; then send the alerts that are due.

    Raises OutputUnreachable without the output server: if it refuses the worker, jobs end without being done.
    """
    while True:
        with contextlib.suppress(*REDIS_ERRORS):
            if not await jobs.read_jobs(redis, queue):
                break
        await asyncio.sleep(_BURST_SECONDS)
    await _require_output(deployment)
    await _send_alerts(deployment)


async def _run_arq(worker: LaneWorker, redis: RedisClient, clock: WorkerClock) -> None:
    """Run arq's main loop, and restart it whenever Redis fails. Running jobs continue meanwhile."""
    while True:
        try:
            await clock.synchronize(redis)
            await worker.async_run()
            return
        except REDIS_ERRORS as error:
            _logger.warning("%s; retrying", redis_failure(error))
            await asyncio.sleep(1)


async def _reconcile_forever(deployment: Deployment, redis: RedisClient) -> None:
    """Reconcile regularly. Every worker does; finding the same task twice is harmless."""
    while True:
        await _reconcile(deployment, redis)
        await asyncio.sleep(RECONCILE_SECONDS)


async def _schedule_forever(scheduler: Scheduler) -> None:
    """Fire schedules when they are due. Every worker looks; the database lets one of them fire."""
    while True:
        await asyncio.sleep(await _fire_due(scheduler))


async def _fire_due(scheduler: Scheduler) -> float:
    """Fire the schedules that are due, and return the seconds until the next look."""
    try:
        return await scheduler.look()
    except DatabaseError as error:
        _logger.warning("scheduler: %s; retrying in %.0f seconds", error, LOOK_SECONDS)
    except Exception:
        _logger.exception("scheduler; retrying in %.0f seconds", LOOK_SECONDS)
    return LOOK_SECONDS


async def _sweep_forever(deployment: Deployment) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await sweep(deployment)
        except DatabaseError as error:
            _logger.warning("housekeeping: %s; retrying in %.0f seconds", error, SWEEP_SECONDS)
        except Exception:
            _logger.exception("housekeeping; retrying in %.0f seconds", SWEEP_SECONDS)


async def _send_alerts_forever(deployment: Deployment) -> None:
    while True:
        await _send_alerts(deployment)
        await asyncio.sleep(SEND_SECONDS)


async def _send_alerts(deployment: Deployment) -> None:
    if not deployment.notify_host:
        return
    try:
        await send_alerts(deployment)
    except DatabaseError as error:
        _logger.warning("alerts: %s; retrying in %.0f seconds", error, SEND_SECONDS)
    except Exception:
        _logger.exception("alerts; retrying in %.0f seconds", SEND_SECONDS)


async def _reconcile(deployment: Deployment, redis: RedisClient) -> None:
    try:
        await reconcile(deployment, redis)
    except (DatabaseError, *REDIS_ERRORS) as error:
        _logger.warning("reconciler: %s; retrying in %.0f seconds", error, RECONCILE_SECONDS)
    except Exception:
        _logger.exception("reconciler; retrying in %.0f seconds", RECONCILE_SECONDS)


async def _publish_presence(context: WorkerContext, redis: RedisClient, clock: WorkerClock) -> None:
    """Publish the worker's presence until it stops, and keep its clock synchronized."""
    rows, moment, rate = 0, time.monotonic(), 0.0
    try:
        while True:
            with contextlib.suppress(*REDIS_ERRORS):
                await presence.publish(redis, context.presence(rate))
                await clock.synchronize(redis)
            await asyncio.sleep(presence.PUBLISH_SECONDS)
            now = time.monotonic()
            rate = (context.rows - rows) / (now - moment)
            rows, moment = context.rows, now
    finally:
        with contextlib.suppress(*REDIS_ERRORS):
            await presence.withdraw(redis, context.presence())
