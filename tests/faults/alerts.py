"""Faults of alerts: a receiver that fails for a minute, and workers that die while they store or send an alert."""

import asyncio
import random
import signal
import time
from collections.abc import Callable

from tests.faults.deployment import Fault, FaultDeployment, Trial
from tests.helpers.receiver import Receiver, receiver
from tests.helpers.running import until

_FAILING_TASKS = 6
_BROKEN_SECONDS = 60.0
# An alert that has been tried three times in that minute is tried again after two more.
_DELIVERED_SECONDS = 200.0
_OWN_TASK_SECONDS = 20.0


def broken_for_a_minute(name: str, breaks: Callable[[Receiver], None]) -> Fault:
    async def disturb(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
        """Tasks fail while the receiver is broken; others finish meanwhile as if it were not."""
        with receiver() as hook:
            beside = await _beside(deployment, hook)
            failing = [await _create_failing(beside) for _ in range(_FAILING_TASKS)]
            breaks(hook)
            with beside.workers(2):
                broken = time.monotonic()
                trials = [await beside.finished(await beside.create(), broken, _OWN_TASK_SECONDS)]
                ended = [(await beside.ended(task_id)).stat for task_id in failing]
                await asyncio.sleep(broken + _BROKEN_SECONDS / 2 - time.monotonic())
                trials.append(await beside.finished(await beside.create(), time.monotonic(), _OWN_TASK_SECONDS))
                await asyncio.sleep(broken + _BROKEN_SECONDS - time.monotonic())
                if hook.accepted() or not (hook.documents or hook.waiting or hook.away):
                    return Trial(False, 0, "the receiver was not broken, or nothing was sent to it")
                hook.repair()
                return await _all_delivered(beside, hook, failing, trials, ended)

    return Fault(f"a receiver of alerts that {name} for a minute", disturb, trials=2, short=0)


def killed_while_a_task_fails(place: str) -> Fault:
    async def disturb(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
        """A worker dies where a task fails: that has failed with its alert, or not at all; then another one runs."""
        with receiver() as hook:
            beside = await _beside(deployment, hook)
            failing = await _create_failing(beside)
            with beside.worker_with(f"kill:{place}:1") as worker:
                await asyncio.to_thread(worker.wait, 60)
            killed = time.monotonic()
            if worker.returncode != -signal.SIGKILL:
                return Trial(False, 0, f"the worker was not killed: {worker.returncode}")
            failed = (await beside.look(failing)).stat == "FAILURE"
            if failed != (beside.count("TRUE", "alert") == 1):
                return Trial(False, 0, f"failed: {failed}; alerts: {beside.count('TRUE', 'alert')}")
            with beside.workers(1):
                ended = (await beside.ended(failing)).stat
                return await _all_delivered(beside, hook, [failing], [], [ended], since=killed)

    return Fault(f"SIGKILL {place.replace('-', ' ')}", disturb, trials=4, short=0)


async def killed_while_sending(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """Both workers die while the receiver has an alert that it has not answered; another one sends it again."""
    with receiver() as hook:
        beside = await _beside(deployment, hook)
        failing = [await _create_failing(beside) for _ in range(2)]
        hook.hanging.set()
        with beside.workers(2) as workers:
            ended = [(await beside.ended(task_id)).stat for task_id in failing]
            await until(lambda: hook.waiting, 60)
            await asyncio.sleep(rng.random() * 2)
            for worker in workers:
                worker.kill()
        hook.repair()
        with beside.workers(1):
            return await _all_delivered(beside, hook, failing, [], ended)


async def _beside(deployment: FaultDeployment, hook: Receiver) -> FaultDeployment:
    beside = deployment.beside(2, notify_url=hook.url)
    await beside.prepare()
    return beside


async def _create_failing(deployment: FaultDeployment) -> str:
    """Create a task whose definition is damaged."""
    task_id = await deployment.create()
    deployment.write_anything("UPDATE {output}.task_definition SET patterns = 'x' WHERE task_id = %s", task_id)
    return task_id


async def _all_delivered(
    deployment: FaultDeployment,
    hook: Receiver,
    failing: list[str],
    trials: list[Trial],
    ended: list[str],
    since: float | None = None,
) -> Trial:
    """Wait until no alert waits. Each failed task has one, under one id however often it was sent."""
    since = since or time.monotonic()
    await until(lambda: not deployment.count("TRUE", "alert"), _DELIVERED_SECONDS)
    seconds = time.monotonic() - since
    found: dict[str, set[str]] = {}
    for document in hook.accepted():
        found.setdefault(document["task"]["task_id"], set()).add(document["id"])
    notes = [trial.note for trial in trials if not trial.exact]
    if set(ended) != {"FAILURE"} or found.keys() != set(failing):
        notes.append(f"{ended} with alerts of {len(found)} tasks")
    if any(len(ids) != 1 for ids in found.values()):
        notes.append(f"more than one alert of a task: {[len(ids) for ids in found.values()]}")
    return Trial(not notes, seconds, "; ".join(notes))


FAULTS = [
    broken_for_a_minute("answers 500", Receiver.refuse),
    broken_for_a_minute("hangs", Receiver.hang),
    broken_for_a_minute("is away", Receiver.leave),
    killed_while_a_task_fails("before-alert"),
    killed_while_a_task_fails("after-alert"),
    killed_while_a_task_fails("after-failure"),
    Fault("SIGKILL of the workers while they send an alert", killed_while_sending, trials=4, short=0),
]
