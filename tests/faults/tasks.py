"""Faults of tasks: lanes together and too many, windows that always fail, abort anywhere, a full disk."""

import asyncio
import os
import random
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from jobs.queue import client as queue
from jobs.queue.client import open_redis
from jobs.services import tasks as services
from jobs.worker.context import Workplace
from jobs.worker.label import Lane
from jobs.worker.production import produce
from tests.faults.deployment import Fault, Trial, World, world
from tests.helpers.deployment import REFUSE, run_in_process, until
from tests.helpers.posts import START

_MEGABYTE = 2**20


async def ends_together(world: World, _: random.Random, __: int) -> Trial:
    """Two lanes do one small window each and look for more at the same moment: one of them joins."""
    request = world.request(start_time=str(START), end_time=str(START + timedelta(days=3)))
    rows = (await services.plan_task(world, request)).extent.estimated_rows
    few = world.with_settings(window_rows=max(rows // 2, 1))
    if not world.undisturbed_few:
        task = await run_in_process(few, request)
        assert task.windows == 2, f"{task.windows} windows for {rows} rows"
        world.undisturbed_few = world.left_by(task)
    task_id = await services.create_task(few, request)
    lanes = [Lane(Workplace(few), world.output_schema, task_id) for _ in range(2)]
    started = time.monotonic()
    joined = await asyncio.gather(*(lane.run() for lane in lanes))
    if sorted(joined) != [False, True]:
        return Trial(False, 0, f"joined: {joined}")
    produced = await asyncio.gather(*(produce(lane.workplace, world.output_schema, task_id) for lane in lanes))
    if True not in produced:
        return Trial(False, 0, f"produced: {produced}")
    same = world.left_by(await services.check_status(world, task_id)) == world.undisturbed_few
    return Trial(same, time.monotonic() - started, "" if same else "differs")


async def too_many_lanes(world: World, rng: random.Random, trial: int) -> Trial:
    """Jobs of the task twice, of other generations, and of tasks that are done, aborted or unknown."""
    schema, name = world.output_schema, world.settings.queue
    done, aborted = await world.create(), await world.create()
    await services.abort(world, aborted)
    with world.workers(3):
        await world.finished(done, time.monotonic())
        task_id = await world.create()
        async with open_redis(world.settings) as redis:
            for number in range(30):
                some = rng.choice((task_id, task_id, done, aborted, "0" * 32))
                await queue.enqueue_lane(redis, name, schema, some, rng.randrange(1, 6), lane=100 + number)
                await queue.enqueue_production(redis, name, schema, some, 100 + number)
        outcome = await world.finished(task_id, time.monotonic())
        await asyncio.sleep(1)  # what is still in the queue runs
        for other in (done, task_id):
            if not world.compared(await world.look(other), 0).exact:
                return Trial(False, outcome.seconds, "a task was changed after its end")
        if (await world.look(aborted)).stat != "ABORTED":
            return Trial(False, outcome.seconds, "an aborted task went on")
        return outcome


def always_failing(name: str, breaks: str, mends: str, says: str) -> Fault:
    async def disturb(world: World, _: random.Random, __: int) -> Trial:
        """The task fails visibly, others go on; mended and resumed, it finishes."""
        with world.workers(2):
            task_id = await world.create()
            await world.progress(task_id, 5)
            world.write_anything(breaks)
            try:
                broken = time.monotonic()
                while (task := await world.look(task_id)).stat != "FAILURE":
                    if task.finished or time.monotonic() - broken > 60:
                        return Trial(False, 0, f"did not fail: {task.stat}")
                    await asyncio.sleep(0.1)
                visible = says in (task.error or "") and f"audience resume {task_id}" in (task.error or "")
                if not visible or task.check_point is None:
                    return Trial(False, 0, f"says: {task.error}, {task.check_point}")
            finally:
                world.write_anything(mends)
            other = await world.create()
            await world.finished(other, time.monotonic())
            if (await world.look(other)).prod_stat != "finish" or (await world.look(task_id)).stat != "FAILURE":
                return Trial(False, 0, "another task did not go on")
            await services.resume(world, task_id)
            outcome = await world.finished(task_id, time.monotonic())
        # A table that was altered has other statistics, and so other windows.
        await world.prepare()
        return outcome

    return Fault(f"a window that always fails: {name}", disturb, trials=3, short=int(name == "a column is gone"))


async def aborted_in_the_queue(world: World, _: random.Random, __: int) -> Trial:
    """Aborted before a worker has seen it."""
    task_id = await world.create()
    await services.abort(world, task_id)
    with world.workers(2):
        return await _stays_stopped_and_resumes(world, task_id)


async def aborted_in_the_middle(world: World, rng: random.Random, __: int) -> Trial:
    """Aborted while its windows are worked on."""
    with world.workers(2):
        task_id = await world.create()
        await world.progress(task_id, rng.randrange(1, 40))
        await services.abort(world, task_id)
        return await _stays_stopped_and_resumes(world, task_id)


async def aborted_in_production(world: World, _: random.Random, __: int) -> Trial:
    """Aborted while a statement of its production waits for another's lock of the table."""
    with world.workers(2), world.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute(world._named("LOCK TABLES {output}.wh_panel_mapping_fbfans WRITE"))
        task_id = await world.create()
        await until(lambda: world.connections(world.settings.output_user, "DELETE%wh_panel_mapping_fbfans%"))
        await services.abort(world, task_id)
        await asyncio.sleep(2)
        if world.connections(world.settings.output_user, "%wh_panel_mapping_fbfans%"):
            return Trial(False, 2, "its statement went on after it was aborted")
        cursor.execute("UNLOCK TABLES")
        return await _stays_stopped_and_resumes(world, task_id)


async def _stays_stopped_and_resumes(world: World, task_id: str) -> Trial:
    await asyncio.sleep(2)
    done = world.done(task_id)
    await asyncio.sleep(0.5)
    if world.done(task_id) != done or (await world.look(task_id)).stat != "ABORTED":
        return Trial(False, 2, "went on after it was aborted")
    await services.resume(world, task_id)
    return await world.finished(task_id, time.monotonic())


async def disk_full(_: World, __: random.Random, ___: int) -> Trial:
    """The output server's disk, a small tmpfs, fills up; with room again, resume finishes the task."""
    with tempfile.TemporaryDirectory(prefix="audience-full-") as name:
        folder = Path(name)
        mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", name]
        if os.geteuid() != 0 or (await asyncio.to_thread(subprocess.run, mount, capture_output=True)).returncode:
            return Trial(True, 0, "NOT TRIED: a tmpfs cannot be mounted here")
        try:
            return await asyncio.to_thread(_fill_disk, folder)
        finally:
            await asyncio.to_thread(subprocess.run, ["umount", "-l", name])


def _fill_disk(folder: Path) -> Trial:
    # Small files, so that the task needs more room than they have.
    with world(folder, "--innodb-log-file-size=8M", "--innodb-autoextend-increment=1") as small:
        return asyncio.run(_fill_and_empty(small, folder))


async def _fill_and_empty(small: World, folder: Path) -> Trial:
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
        # A table's file may have some room left: then it is a later task that fails.
        failed: list[str] = [task_id]
        deadline = time.monotonic() + 90
        while (task := await small.look(failed[-1])).stat != "FAILURE":
            if time.monotonic() > deadline:
                return Trial(False, 0, f"no failure: {task.stat}")
            if task.finished:
                failed.append(await small.create())
            await asyncio.sleep(0.1)
        if "full" not in (task.error or "").lower():
            return Trial(False, 0, f"says: {task.error}")
        ballast.unlink()
        await services.resume(small, failed[-1])
        return await small.finished(failed[-1], time.monotonic())


FAULTS = [
    Fault("the last two windows done together", ends_together, trials=500, short=10),
    Fault("lanes twice, too many, of tasks done, aborted, gone", too_many_lanes, trials=10, short=1),
    always_failing(
        "the table takes no row",
        REFUSE.replace("TABLE", "fbfans"),
        "DROP TRIGGER {output}.refuse",
        "no more rows",
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
    Fault("abort while queued, then resume", aborted_in_the_queue, trials=5, short=1),
    Fault("abort while running, then resume", aborted_in_the_middle, trials=10, short=0),
    Fault("abort in production, then resume", aborted_in_production, trials=5, short=1),
]
