"""Faults of Redis: stopped, emptied, frozen, out of memory, read-only, without rights."""

import asyncio
import random
import shutil
import signal
import time
from pathlib import Path

from redis import Redis

from tests.faults.deployment import Fault, FaultDeployment, Trial

MOMENTS = ("at the start", "in the middle", "at the end")


async def _reach(deployment: FaultDeployment, moment: str) -> str:
    """Create a task, wait for a moment of its label job, and return its id."""
    task_id = await deployment.create()
    if moment != "at the start":
        await deployment.progress(task_id, 5 if moment == "in the middle" else 60)
    return task_id


def stopped(moment: str, seconds: float, trials: int, short: int) -> Fault:
    async def disturb(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
        with deployment.workers(2) as workers:
            task_id = await _reach(deployment, moment)
            deployment.servers.stop_redis()
            await asyncio.sleep(seconds)
            deployment.servers.start_redis()
            trial = await deployment.finished(task_id, time.monotonic(), seconds=60)
            if any(worker.poll() is not None for worker in workers):
                return Trial(False, trial.seconds, "a worker has ended")
            return trial

    return Fault(f"Redis stopped for {seconds:.0f} s {moment} of a job", disturb, trials, short)


def emptied(how: str) -> Fault:
    async def disturb(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
        with deployment.workers(2):
            task_id = await _reach(deployment, rng.choice(MOMENTS))
            if how == "FLUSHALL":
                with Redis.from_url(deployment.servers.redis_url) as redis:
                    redis.flushall()
            else:
                deployment.servers.stop_redis()
                shutil.rmtree(Path(deployment.servers._folder) / "redis")
                deployment.servers.start_redis()
            return await deployment.finished(task_id, time.monotonic(), seconds=60)

    return Fault(f"Redis: {how}", disturb, trials=3, short=int(how == "FLUSHALL"))


async def emptied_before_a_worker_started(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """The job of a task is lost before a worker runs."""
    task_id = await deployment.create()
    with Redis.from_url(deployment.servers.redis_url) as redis:
        redis.flushall()
    with deployment.workers(1):
        return await deployment.finished(task_id, time.monotonic(), seconds=60)


async def frozen_at_sigterm(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """A worker receives SIGTERM while Redis hangs, and stops."""
    server = deployment.servers._redis
    assert server is not None
    with deployment.workers(1) as (worker,):
        task_id = await deployment.create()
        await deployment.progress(task_id, 5)
        server.send_signal(signal.SIGSTOP)
        try:
            worker.send_signal(signal.SIGTERM)
            signalled = time.monotonic()
            code = await asyncio.to_thread(worker.wait, 10)
            took = time.monotonic() - signalled
        finally:
            server.send_signal(signal.SIGCONT)
        if code != 0 or took > 5:
            return Trial(False, took, f"exit {code} after {took:.1f} s")
    with deployment.workers(1):
        return await deployment.finished(task_id, time.monotonic(), seconds=60)


async def out_of_memory(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """Redis accepts no writes for a while."""
    with deployment.workers(2), Redis.from_url(deployment.servers.redis_url) as redis:
        task_id = await _reach(deployment, "in the middle")
        redis.config_set("maxmemory", 1)
        await asyncio.sleep(5)
        redis.config_set("maxmemory", 0)
        return await deployment.finished(task_id, time.monotonic(), seconds=60)


async def a_replica_for_a_while(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """Redis becomes a read-only replica of a server that is away, and is promoted later."""
    with deployment.workers(2), Redis.from_url(deployment.servers.redis_url) as redis:
        task_id = await _reach(deployment, rng.choice(MOMENTS))
        redis.slaveof("127.0.0.1", 1)
        await asyncio.sleep(5)
        redis.slaveof()
        return await deployment.finished(task_id, time.monotonic(), seconds=60)


async def without_rights_for_a_while(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """The account of the workers may do nothing in Redis for a while."""
    with deployment.workers(2), Redis.from_url(deployment.servers.redis_url) as redis:
        task_id = await _reach(deployment, rng.choice(MOMENTS))
        redis.acl_setuser("default", enabled=True, categories=["-@all"], commands=["+acl"])
        await asyncio.sleep(5)
        redis.acl_setuser("default", enabled=True, categories=["+@all"])
        return await deployment.finished(task_id, time.monotonic(), seconds=60)


async def two_days_in_the_queue(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """Age every key and every job in Redis by two days."""
    task_id = await deployment.create()
    with Redis.from_url(deployment.servers.redis_url) as redis:
        for key in redis.scan_iter():
            left = redis.pttl(key)
            if 0 <= left <= _TWO_DAYS_MS:
                redis.delete(key)
            elif left > 0:
                redis.pexpire(key, left - _TWO_DAYS_MS)
        waiting = deployment.queue.key("label")
        for job, _score in redis.zscan_iter(waiting):
            redis.zincrby(waiting, -_TWO_DAYS_MS, job)
        there = redis.zcard(waiting)
    with deployment.workers(1):
        trial = await deployment.finished(task_id, time.monotonic(), seconds=15)
    return trial if there else Trial(False, trial.seconds, "the job was gone")


_TWO_DAYS_MS = 2 * 86_400_000

FAULTS = [
    *(stopped(moment, 5, trials=2, short=int(moment == "in the middle")) for moment in MOMENTS),
    *(stopped(moment, 60, trials=1, short=0) for moment in MOMENTS),
    emptied("FLUSHALL"),
    emptied("restarted empty"),
    Fault("Redis: FLUSHALL before a worker started", emptied_before_a_worker_started, trials=2, short=0),
    Fault("Redis frozen while a worker gets SIGTERM", frozen_at_sigterm, trials=3, short=1),
    Fault("Redis out of memory", out_of_memory, trials=2, short=0),
    Fault("Redis a read-only replica for 5 s, then promoted", a_replica_for_a_while, trials=3, short=0),
    Fault("no rights in Redis for 5 s", without_rights_for_a_while, trials=3, short=0),
    Fault("a job queued for two days", two_days_in_the_queue, trials=3, short=1),
]
