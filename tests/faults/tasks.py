"""Faults of tasks: lanes that end together, too many lanes, failing windows, abort at any moment, a full disk."""

import asyncio
import os
import random
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from jobs import services
from jobs.queue.client import open_redis
from jobs.queue.jobs import enqueue_label, enqueue_production
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from jobs.worker.production import ProductionLane
from tests.faults.deployment import Fault, FaultDeployment, NotTried, Trial, fault_deployment
from tests.helpers.posts import START
from tests.helpers.running import run_in_process
from tests.helpers.triggers import NO_MORE_ROWS, refuse_rows

_MEGABYTE = 2**20


async def ends_together(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """Two lanes do one small window each and find no more at the same moment: one of them completes the job."""
    request = deployment.request(start_time=str(START), end_time=str(START + timedelta(days=3)))
    rows = (await services.plan_task(deployment, request)).estimate.rows
    few = deployment.with_settings(window_rows=max(rows // 2, 1))
    if not deployment.undisturbed_few:
        task = await run_in_process(few, request)
        assert task.windows == 2, f"{task.windows} windows for {rows} rows"
        deployment.undisturbed_few = deployment.left_by(task)
    task_id = await services.create_task(few, request)
    ref = deployment.ref(task_id)
    lanes = [LabelLane(WorkerContext(few), ref) for _ in range(2)]
    started = time.monotonic()
    completed = await asyncio.gather(*(lane.run() for lane in lanes))
    if sorted(completed) != [False, True]:
        return Trial(False, 0, f"completed: {completed}")
    produced = await asyncio.gather(*(ProductionLane(lane.context, ref).run() for lane in lanes))
    if sorted(produced) != [False, True]:
        return Trial(False, 0, f"produced: {produced}")
    same = deployment.left_by(await services.check_status(deployment, task_id)) == deployment.undisturbed_few
    return Trial(same, time.monotonic() - started, "" if same else "differs")


async def too_many_lanes(deployment: FaultDeployment, rng: random.Random, trial: int) -> Trial:
    """Duplicate jobs of the task, of other generations, and of tasks that are done, aborted or unknown."""
    queue = deployment.queue
    done, aborted = await deployment.create(), await deployment.create()
    await services.abort_task(deployment, aborted)
    with deployment.workers(3):
        await deployment.finished(done, time.monotonic())
        task_id = await deployment.create()
        async with open_redis(deployment.settings) as redis:
            for number in range(30):
                ref = deployment.ref(rng.choice((task_id, task_id, done, aborted, "0" * 32)))
                await enqueue_label(redis, queue, ref, rng.randrange(1, 6), lane=100 + number)
                await enqueue_production(redis, queue, ref, 100 + number, lane=1 + number % 3)
        outcome = await deployment.finished(task_id, time.monotonic())
        await asyncio.sleep(1)  # lets the rest of the queue run
        for other in (done, task_id):
            if not deployment.compared(await deployment.look(other), 0).exact:
                return Trial(False, outcome.seconds, "a task was changed after its end")
        if (await deployment.look(aborted)).stat != "ABORTED":
            return Trial(False, outcome.seconds, "an aborted task continued")
        return outcome


def always_failing(name: str, breaks: str, repairs: str, words: str) -> Fault:
    async def disturb(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
        """The task fails visibly while others run; once repaired and resumed, it finishes."""
        with deployment.workers(2):
            task_id = await deployment.create()
            await deployment.progress(task_id, 5)
            deployment.write_anything(breaks)
            try:
                broken = time.monotonic()
                while (task := await deployment.look(task_id)).stat != "FAILURE":
                    if task.finished or time.monotonic() - broken > 60:
                        return Trial(False, 0, f"did not fail: {task.stat}")
                    await asyncio.sleep(0.1)
                visible = words in (task.error or "") and f"audience resume {task_id}" in (task.error or "")
                if not visible or task.check_point is None:
                    return Trial(False, 0, f"error: {task.error}, check point: {task.check_point}")
            finally:
                deployment.write_anything(repairs)
            other = await deployment.create()
            await deployment.finished(other, time.monotonic())
            if (await deployment.look(other)).prod_stat != "finish" or (
                await deployment.look(task_id)
            ).stat != "FAILURE":
                return Trial(False, 0, "another task did not finish")
            await services.resume_task(deployment, task_id)
            outcome = await deployment.finished(task_id, time.monotonic())
        # An altered table has other statistics, and so the next task other windows.
        await deployment.prepare()
        return outcome

    return Fault(f"a window that always fails: {name}", disturb, trials=3, short=int(name == "a column is gone"))


async def aborted_while_queued(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """The task is aborted before a worker has taken its job."""
    task_id = await deployment.create()
    await services.abort_task(deployment, task_id)
    with deployment.workers(2):
        return await _stays_stopped_and_resumes(deployment, task_id)


async def aborted_while_running(deployment: FaultDeployment, rng: random.Random, __: int) -> Trial:
    """The task is aborted while workers label its windows."""
    with deployment.workers(2):
        task_id = await deployment.create()
        await deployment.progress(task_id, rng.randrange(1, 40))
        await services.abort_task(deployment, task_id)
        return await _stays_stopped_and_resumes(deployment, task_id)


async def _stays_stopped_and_resumes(deployment: FaultDeployment, task_id: str) -> Trial:
    await asyncio.sleep(2)
    done = deployment.done(task_id)
    await asyncio.sleep(0.5)
    if deployment.done(task_id) != done or (await deployment.look(task_id)).stat != "ABORTED":
        return Trial(False, 2, "the task continued after the abort")
    await services.resume_task(deployment, task_id)
    return await deployment.finished(task_id, time.monotonic())


async def disk_full(_: FaultDeployment, __: random.Random, ___: int) -> Trial:
    """The disk of the output server, a small tmpfs, fills up; once there is room, resume finishes the task."""
    with tempfile.TemporaryDirectory(prefix="audience-full-") as name:
        folder = Path(name)
        mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", name]
        if os.geteuid() != 0 or (await asyncio.to_thread(subprocess.run, mount, capture_output=True)).returncode:
            raise NotTried("a tmpfs cannot be mounted here")
        try:
            return await asyncio.to_thread(_fill_disk, folder)
        finally:
            await asyncio.to_thread(subprocess.run, ["umount", "-l", name])


def _fill_disk(folder: Path) -> Trial:
    # With small files, the task needs more room than they have.
    with fault_deployment(folder, "--innodb-log-file-size=8M", "--innodb-autoextend-increment=1") as small:
        return asyncio.run(_fill_and_empty(small, folder))


async def _fill_and_empty(small: FaultDeployment, folder: Path) -> Trial:
    ballast = folder / "ballast"
    with small.workers(1):
        task_id = await small.create()
        await small.progress(task_id, 3)
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(b"\0" * _MEGABYTE)
                    file.flush()
            except OSError:
                pass
        # A table's file may have some room left. Then a later task fails.
        failed: list[str] = [task_id]
        deadline = time.monotonic() + 90
        while (task := await small.look(failed[-1])).stat != "FAILURE":
            if time.monotonic() > deadline:
                return Trial(False, 0, f"no failure: {task.stat}")
            if task.finished:
                failed.append(await small.create())
            await asyncio.sleep(0.1)
        if "full" not in (task.error or "").lower():
            return Trial(False, 0, f"error: {task.error}")
        ballast.unlink()
        await services.resume_task(small, failed[-1])
        return await small.finished(failed[-1], time.monotonic())


FAULTS = [
    Fault("the last two windows done at the same moment", ends_together, trials=500, short=10),
    Fault("duplicate jobs, too many jobs, jobs of finished tasks", too_many_lanes, trials=10, short=1),
    always_failing(
        "the table takes no row",
        refuse_rows("fbfans"),
        "DROP TRIGGER {output}.refuse",
        NO_MORE_ROWS,
    ),
    always_failing(
        "a column is gone",
        "ALTER TABLE {input}.{table} RENAME COLUMN author TO author_gone",
        "ALTER TABLE {input}.{table} RENAME COLUMN author_gone TO author",
        "author",
    ),
    always_failing(
        "the input is gone",
        "RENAME TABLE {input}.{table} TO {input}.gone",
        "RENAME TABLE {input}.gone TO {input}.{table}",
        "doesn't exist",
    ),
    Fault("output disk full (tmpfs)", disk_full, trials=3, short=0),
    Fault("abort while queued, then resume", aborted_while_queued, trials=5, short=1),
    Fault("abort while running, then resume", aborted_while_running, trials=10, short=0),
]
