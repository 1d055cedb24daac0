"""The entry point of a worker process.

arq's own entry point ends when Redis fails briefly, and ignores SIGTERM while Redis hangs. This one
resumes when Redis is back, and ends within seconds of a SIGTERM whatever hangs.
"""

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import threading
import time

from arq.worker import Worker

from jobs.deployment import Deployment
from jobs.errors import DatabaseError
from jobs.queue import presence
from jobs.queue.client import REDIS_ERRORS, RedisClient, redis_client
from jobs.queue.clock import WorkerClock
from jobs.worker.arq_worker import create_arq_worker
from jobs.worker.context import WorkerContext
from jobs.worker.reconciler import reconcile

_logger = logging.getLogger(__name__)

STOP_SECONDS = 3.0
RECONCILE_SECONDS = 10.0


def run_worker(deployment: Deployment, *, burst: bool = False) -> None:
    """Run a worker in this process until SIGTERM or SIGINT; with `burst`, until its queue is empty."""
    # A batch of rows is thousands of tuples without cycles. Searching them for cycles as often as Python
    # does by default takes a quarter of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    asyncio.run(_work_until_stopped(deployment, burst))


async def _work_until_stopped(deployment: Deployment, burst: bool) -> None:
    stop_requested = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_requested.set)
    parent = multiprocessing.parent_process()
    if parent is not None:  # a supervisor that is killed takes its workers with it
        loop.add_reader(parent.sentinel, stop_requested.set)
    queue_name = deployment.settings.queue
    redis = redis_client(deployment.settings)
    context = WorkerContext(deployment)
    clock = WorkerClock()
    clock.install()
    worker = create_arq_worker(context, redis, queue_name, burst)
    _logger.info("worker %s on queue %s: ready", os.getpid(), queue_name)
    if burst:  # a task may be stalled, and its jobs not in the queue yet
        await _reconcile(deployment, redis, queue_name)
    working = asyncio.create_task(_run_arq(worker, redis, clock))
    reconciling = asyncio.create_task(_reconcile_forever(deployment, redis, queue_name))
    publishing = asyncio.create_task(_publish_presence(context, redis, clock))
    waiting = asyncio.create_task(stop_requested.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    # What has not ended by then hangs in a call to a server that does not answer. It holds nothing but a
    # transaction, which ends with the process.
    last_resort = threading.Timer(STOP_SECONDS, os._exit, (0,))
    last_resort.daemon = True
    last_resort.start()
    running = {working, reconciling, publishing, waiting}
    # Repeatedly, because before Python 3.12 `asyncio.wait_for`, which arq and redis use, may lose a cancellation.
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=0.2)
    with contextlib.suppress(*REDIS_ERRORS, asyncio.CancelledError):
        await worker.close()
    _logger.info("worker %s: stopped", os.getpid())
    if not working.cancelled():
        working.result()


async def _run_arq(worker: Worker, redis: RedisClient, clock: WorkerClock) -> None:
    """Run arq's main loop, and restart it whenever Redis fails. Running jobs continue meanwhile."""
    while True:
        try:
            await clock.synchronize(redis)
            await worker.async_run()
            return
        except REDIS_ERRORS as error:
            _logger.warning("Redis: %s; retrying", error)
            await asyncio.sleep(1)


async def _reconcile_forever(deployment: Deployment, redis: RedisClient, queue_name: str) -> None:
    """Reconcile regularly. Every worker does; finding the same task twice is harmless."""
    while True:
        await _reconcile(deployment, redis, queue_name)
        await asyncio.sleep(RECONCILE_SECONDS)


async def _reconcile(deployment: Deployment, redis: RedisClient, queue_name: str) -> None:
    try:
        await reconcile(deployment, redis, queue_name)
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
