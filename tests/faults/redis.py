"""Faults of Redis: away, empty, frozen, full."""

import asyncio
import random
import shutil
import signal
import time
from pathlib import Path

from redis import Redis

from tests.faults.deployment import Fault, Trial, World

MOMENTS = ("at the start", "in the middle", "at the end")


async def _reach(world: World, moment: str) -> str:
    """A task at that moment of its label job."""
    task_id = await world.create()
    if moment != "at the start":
        await world.progress(task_id, 5 if moment == "in the middle" else 60)
    return task_id


def stopped(moment: str, seconds: float, trials: int, short: int) -> Fault:
    async def disturb(world: World, _: random.Random, __: int) -> Trial:
        with world.workers(2) as workers:
            task_id = await _reach(world, moment)
            world.servers.stop_redis()
            await asyncio.sleep(seconds)
            world.servers.start_redis()
            trial = await world.finished(task_id, time.monotonic(), seconds=60)
            if any(worker.poll() is not None for worker in workers):
                return Trial(False, trial.seconds, "a worker has ended")
            return trial

    return Fault(f"Redis stopped for {seconds:.0f} s {moment} of a job", disturb, trials, short)


def emptied(how: str) -> Fault:
    async def disturb(world: World, rng: random.Random, _: int) -> Trial:
        with world.workers(2):
            task_id = await _reach(world, rng.choice(MOMENTS))
            if how == "FLUSHALL":
                with Redis.from_url(world.servers.redis_url) as redis:
                    redis.flushall()
            else:
                world.servers.stop_redis()
                shutil.rmtree(Path(world.servers._folder) / "redis")
                world.servers.start_redis()
            return await world.finished(task_id, time.monotonic(), seconds=60)

    return Fault(f"Redis: {how}", disturb, trials=3, short=int(how == "FLUSHALL"))


async def emptied_before_anybody_looked(world: World, _: random.Random, __: int) -> Trial:
    """A task waits without a worker; its job is lost."""
    task_id = await world.create()
    with Redis.from_url(world.servers.redis_url) as redis:
        redis.flushall()
    with world.workers(1):
        return await world.finished(task_id, time.monotonic(), seconds=60)


async def frozen_at_sigterm(world: World, _: random.Random, __: int) -> Trial:
    """Redis hangs; a worker is told to stop, and stops."""
    server = world.servers._redis
    assert server is not None
    with world.workers(1) as (worker,):
        task_id = await world.create()
        await world.progress(task_id, 5)
        server.send_signal(signal.SIGSTOP)
        try:
            worker.send_signal(signal.SIGTERM)
            told = time.monotonic()
            code = await asyncio.to_thread(worker.wait, 10)
            took = time.monotonic() - told
        finally:
            server.send_signal(signal.SIGCONT)
        if code != 0 or took > 5:
            return Trial(False, took, f"exit {code} after {took:.1f} s")
    with world.workers(1):
        return await world.finished(task_id, time.monotonic(), seconds=60)


async def out_of_memory(world: World, _: random.Random, __: int) -> Trial:
    """Redis takes nothing more for a while."""
    with world.workers(2), Redis.from_url(world.servers.redis_url) as redis:
        task_id = await _reach(world, "in the middle")
        redis.config_set("maxmemory", 1)
        await asyncio.sleep(5)
        redis.config_set("maxmemory", 0)
        return await world.finished(task_id, time.monotonic(), seconds=60)


async def two_days_in_the_queue(world: World, _: random.Random, __: int) -> Trial:
    """As if two days had passed for Redis: every key is so much nearer to its end, every job so much older."""
    task_id = await world.create()
    with Redis.from_url(world.servers.redis_url) as redis:
        for key in redis.scan_iter():
            left = redis.pttl(key)
            if 0 <= left <= _TWO_DAYS_MS:
                redis.delete(key)
            elif left > 0:
                redis.pexpire(key, left - _TWO_DAYS_MS)
        waiting = f"audience:queue:{world.settings.queue}"
        for job, _score in redis.zscan_iter(waiting):
            redis.zincrby(waiting, -_TWO_DAYS_MS, job)
        there = redis.zcard(waiting)
    with world.workers(1):
        trial = await world.finished(task_id, time.monotonic(), seconds=15)
    return trial if there else Trial(False, trial.seconds, "the job was gone")


_TWO_DAYS_MS = 2 * 86_400_000

FAULTS = [
    *(stopped(moment, 5, trials=2, short=int(moment == "in the middle")) for moment in MOMENTS),
    *(stopped(moment, 60, trials=1, short=0) for moment in MOMENTS),
    emptied("FLUSHALL"),
    emptied("restarted empty"),
    Fault("Redis: FLUSHALL before a worker was there", emptied_before_anybody_looked, trials=2, short=0),
    Fault("Redis frozen while a worker gets SIGTERM", frozen_at_sigterm, trials=3, short=1),
    Fault("Redis out of memory", out_of_memory, trials=2, short=0),
    Fault("a job queued for two days", two_days_in_the_queue, trials=3, short=1),
]
