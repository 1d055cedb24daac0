"""Faults of workers: killed, stopped, frozen, with a wrong clock."""

import asyncio
import random
import signal
import time

from tests.faults.deployment import Fault, FaultDeployment, Trial, other_time


async def killed_at_random(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """One of three workers dies at a random moment; the others take over at once."""
    with deployment.workers(3) as workers:
        task_id = await deployment.create()
        await deployment.progress(task_id, 1)
        await asyncio.sleep(rng.random() * 1.5)
        rng.choice(workers).kill()
        return await deployment.finished(task_id, time.monotonic())


async def killed_and_none_left(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """The only worker dies; another is started later."""
    with deployment.workers(1) as (worker,):
        task_id = await deployment.create()
        await deployment.progress(task_id, rng.randrange(1, 40))
        worker.kill()
    with deployment.workers(1):
        return await deployment.finished(task_id, time.monotonic(), seconds=60)


def killed_at(place: str) -> Fault:
    async def disturb(deployment: FaultDeployment, rng: random.Random, trial: int) -> Trial:
        nth = 1 if place.endswith("completion") or place == "before-finish" else rng.randrange(1, 40)
        if place == "in-production":
            nth = trial % 4 + 1
        with deployment.worker_with(f"kill:{place}:{nth}") as worker:
            task_id = await deployment.create()
            await asyncio.to_thread(worker.wait, 60)
            killed = time.monotonic()
            if worker.returncode != -signal.SIGKILL:
                return Trial(False, 0, f"the worker was not killed: {worker.returncode}")
        with deployment.workers(1):
            return await deployment.finished(task_id, killed, seconds=60)

    short = int(place in ("after-commit", "after-completion", "in-production"))
    return Fault(f"SIGKILL {place.replace('-', ' ')}", disturb, trials=4, short=short)


async def stopped_ten_times(deployment: FaultDeployment, rng: random.Random, __: int) -> Trial:
    """SIGTERM ten times in one task: each worker exits within 5 s, and no exit counts as a failed attempt."""
    task_id = await deployment.create()
    for _ in range(10):
        with deployment.workers(1) as (worker,):
            await deployment.progress(task_id, deployment.done(task_id) + 1)
            await asyncio.sleep(rng.random() * 0.05)
            worker.send_signal(signal.SIGTERM)
            signalled = time.monotonic()
            if await asyncio.to_thread(worker.wait, 10) != 0 or time.monotonic() - signalled > 5:
                return Trial(False, time.monotonic() - signalled, f"exit {worker.returncode}")
    if deployment.failed_attempts(task_id):
        return Trial(False, 0, "counted as a failed attempt")
    with deployment.workers(1):
        return await deployment.finished(task_id, time.monotonic())


def frozen(shortened: bool) -> Fault:
    async def disturb(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
        """A worker is frozen for longer than its claim lasts; another does its window; it wakes up and writes."""
        plan, seconds = (["limits"], 6.0) if shortened else ([], 65.0)
        with deployment.worker_with(*plan) as sleeper:
            task_id = await deployment.create()
            await deployment.progress(task_id, rng.randrange(1, 20))
            sleeper.send_signal(signal.SIGSTOP)
            with deployment.workers(1):
                await asyncio.sleep(seconds)
                sleeper.send_signal(signal.SIGCONT)
                return await deployment.finished(task_id, time.monotonic())

    name = "SIGSTOP longer than a claim lasts, then SIGCONT"
    if shortened:
        return Fault(f"{name} (limit cut to 4 s)", disturb, trials=5, short=1)
    return Fault(f"{name} (65 s)", disturb, trials=1, short=0)


def with_a_wrong_clock(offset: str) -> Fault:
    async def disturb(deployment: FaultDeployment, _: random.Random, trial: int) -> Trial:
        """One of two workers has a wrong clock; every second trial, the other one is killed."""
        with deployment.workers(1) as (here,), deployment.worker_with(**other_time(offset)):
            task_id = await deployment.create(countdown=2)
            await deployment.progress(task_id, 5)
            started = time.monotonic()
            if trial % 2:
                here.kill()
            outcome = await deployment.finished(task_id, started, seconds=60)
            if outcome.exact and outcome.seconds < 2:
                return Trial(False, outcome.seconds, "production did not wait for its countdown")
            return outcome

    return Fault(f"a worker's clock {offset} off", disturb, trials=4, short=int(offset == "+1h"))


FAULTS = [
    Fault("SIGKILL of a random worker at a random moment", killed_at_random, trials=100, short=2),
    Fault("SIGKILL of the only worker, another started after it", killed_and_none_left, trials=5, short=1),
    *map(
        killed_at,
        ("before-commit", "after-commit", "before-completion", "after-completion", "in-production", "before-finish"),
    ),
    Fault("SIGTERM ten times in a task", stopped_ten_times, trials=3, short=0),
    frozen(shortened=True),
    frozen(shortened=False),
    with_a_wrong_clock("+1h"),
    with_a_wrong_clock("-1h"),
]
