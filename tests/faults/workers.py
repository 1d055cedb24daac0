"""Faults of workers: killed, told to stop, frozen, in another time."""

import asyncio
import random
import signal
import time

from tests.faults.deployment import Fault, Trial, World, other_time


async def killed_at_random(world: World, rng: random.Random, _: int) -> Trial:
    """One of three workers dies at any moment; the others go on at once."""
    with world.workers(3) as workers:
        task_id = await world.create()
        await world.progress(task_id, 1)
        await asyncio.sleep(rng.random() * 1.5)
        rng.choice(workers).kill()
        return await world.finished(task_id, time.monotonic())


async def killed_and_none_left(world: World, rng: random.Random, _: int) -> Trial:
    """The only worker dies; one is started again later."""
    with world.workers(1) as (worker,):
        task_id = await world.create()
        await world.progress(task_id, rng.randrange(1, 40))
        worker.kill()
    with world.workers(1):
        return await world.finished(task_id, time.monotonic(), seconds=60)


def killed_at(place: str) -> Fault:
    async def disturb(world: World, rng: random.Random, trial: int) -> Trial:
        nth = 1 if place.endswith("join") or place == "before-finish" else rng.randrange(1, 40)
        if place == "in-production":
            nth = trial % 4 + 1
        with world.worker_with(f"kill:{place}:{nth}") as worker:
            task_id = await world.create()
            await asyncio.to_thread(worker.wait, 60)
            killed = time.monotonic()
            if worker.returncode != -signal.SIGKILL:
                return Trial(False, 0, f"the worker was not killed: {worker.returncode}")
        with world.workers(1):
            return await world.finished(task_id, killed, seconds=60)

    short = int(place in ("after-commit", "after-join", "in-production"))
    return Fault(f"SIGKILL {place.replace('-', ' ')}", disturb, trials=4, short=short)


async def told_to_stop_ten_times(world: World, rng: random.Random, __: int) -> Trial:
    """SIGTERM ten times in one task: each exit within 5 s, none a failed attempt."""
    task_id = await world.create()
    for _ in range(10):
        with world.workers(1) as (worker,):
            await world.progress(task_id, world.done(task_id) + 1)
            await asyncio.sleep(rng.random() * 0.05)
            worker.send_signal(signal.SIGTERM)
            told = time.monotonic()
            if await asyncio.to_thread(worker.wait, 10) != 0 or time.monotonic() - told > 5:
                return Trial(False, time.monotonic() - told, f"exit {worker.returncode}")
    if world.rows("SELECT SUM(attempts) FROM {output}.task_window WHERE task_id = %s", task_id) != [(0,)]:
        return Trial(False, 0, "counted as a failed attempt")
    with world.workers(1):
        return await world.finished(task_id, time.monotonic())


def frozen(shortened: bool) -> Fault:
    async def disturb(world: World, rng: random.Random, _: int) -> Trial:
        """A worker sleeps longer than the idle limit; another does its window; it wakes and writes."""
        plan, seconds = (["limits"], 6.0) if shortened else ([], 65.0)
        with world.worker_with(*plan) as sleeper:
            task_id = await world.create()
            await world.progress(task_id, rng.randrange(1, 20))
            sleeper.send_signal(signal.SIGSTOP)
            with world.workers(1):
                await asyncio.sleep(seconds)
                sleeper.send_signal(signal.SIGCONT)
                return await world.finished(task_id, time.monotonic())

    name = "SIGSTOP longer than the idle limit, then SIGCONT"
    if shortened:
        return Fault(f"{name} (limit cut to 4 s)", disturb, trials=5, short=1)
    return Fault(f"{name} (65 s)", disturb, trials=1, short=0)


def in_another_time(offset: str) -> Fault:
    async def disturb(world: World, _: random.Random, trial: int) -> Trial:
        """One of two workers lives in another time; trial by trial the one or the other is killed."""
        with world.workers(1) as (here,), world.worker_with(**other_time(offset)):
            task_id = await world.create(countdown=2)
            await world.progress(task_id, 5)
            started = time.monotonic()
            if trial % 2:
                here.kill()
            outcome = await world.finished(task_id, started, seconds=60)
            if outcome.exact and outcome.seconds < 2:
                return Trial(False, outcome.seconds, "production did not wait for its countdown")
            return outcome

    return Fault(f"a worker's clock {offset} off", disturb, trials=4, short=int(offset == "+1h"))


FAULTS = [
    Fault("SIGKILL of a random worker at a random moment", killed_at_random, trials=100, short=2),
    Fault("SIGKILL of the only worker, another started after it", killed_and_none_left, trials=5, short=1),
    *map(
        killed_at,
        ("before-commit", "after-commit", "before-join", "after-join", "in-production", "before-finish"),
    ),
    Fault("SIGTERM ten times in a task", told_to_stop_ten_times, trials=3, short=0),
    frozen(shortened=True),
    frozen(shortened=False),
    in_another_time("+1h"),
    in_another_time("-1h"),
]
