"""Locks on result tables: tasks that widen them in opposite order, and somebody's open transaction."""

import asyncio
import random
import time

from jobs import services
from jobs.errors import AudienceError
from tests.faults.deployment import Fault, FaultDeployment, Trial
from tests.faults.large import LargePosts
from tests.helpers.running import run_in_process

_WIDE = 300
_SECONDS = 120.0
_SECONDS_TO_SAY_WHY = 60.0


async def opposite_order(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """Two tasks each need a column wider than the other does; their windows have several parts.

    The first part of one has the source that the last part of the other has.
    """
    beside = await _with_narrow_tables(deployment)
    # A worker writes a part of a window when it holds 80,000 authors, of which three in four have a label.
    rows = 300_000
    first = LargePosts(beside, "first", rows, rows, _halves(rows, "WH_F0045", "WH_F0116"), author_width=_WIDE)
    second = LargePosts(beside, "second", rows, rows, _halves(rows, "WH_F0116", "WH_F0045"), source_width=_WIDE)
    for posts in (first, second):
        await asyncio.to_thread(posts.write)
    task_ids = [await services.create_task(beside, posts.request()) for posts in (first, second)]
    with beside.workers(2):
        started = time.monotonic()
        trials = [
            await posts.finished(task_id, started, _SECONDS)
            for posts, task_id in zip((first, second), task_ids, strict=True)
        ]
    notes = "; ".join(trial.note for trial in trials if trial.note)
    return Trial(not notes, max(trial.seconds for trial in trials), notes)


async def open_transaction(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """Somebody's open transaction has read a label table while tasks are created and run.

    Each ends, or says in the state table why it waits, or is refused with the reason. All end once it is over.
    """
    beside = await _with_narrow_tables(deployment)
    wide = LargePosts(beside, "wide", 1_000, 1_000, author_width=_WIDE)
    narrow = LargePosts(beside, "narrow", 1_000, 1_000)
    await asyncio.to_thread(wide.write)
    with beside.workers(2), beside.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute(beside.named("SELECT COUNT(*) FROM {output}.fbfans"))
        task_ids = [await _create_or_refuse(posts) for posts in (wide, narrow)]
        deadline = time.monotonic() + _SECONDS_TO_SAY_WHY
        while silent := [task_id for task_id in task_ids if task_id and not await _ended_or_says_why(beside, task_id)]:
            if time.monotonic() > deadline:
                return Trial(
                    False, 0, f"{len(silent)} of 2 tasks wait without a word after {_SECONDS_TO_SAY_WHY:.0f} s"
                )
            await asyncio.sleep(0.5)
        cursor.execute("ROLLBACK")
        over = time.monotonic()
        trials = []
        for posts, task_id in zip((wide, narrow), task_ids, strict=True):
            if task_id is None:
                task_id = await services.create_task(beside, posts.request())
            elif (await beside.look(task_id)).stopped:
                await services.resume_task(beside, task_id)
            trials.append(await posts.finished(task_id, over, _SECONDS))
    notes = "; ".join(trial.note for trial in trials if trial.note)
    return Trial(not notes, max(trial.seconds for trial in trials), notes)


async def _with_narrow_tables(deployment: FaultDeployment) -> FaultDeployment:
    """Return a deployment whose result tables are as wide as short author names need."""
    beside = deployment.beside(2)
    posts = LargePosts(beside, "narrow", 1_000, 1_000)
    await asyncio.to_thread(posts.write)
    if note := posts.differences(await run_in_process(beside, posts.request())):
        raise AssertionError(note)
    return beside


def _halves(rows: int, first: str, second: str) -> str:
    """Return the SQL of a source: one for the first half of the posts, another one for the second."""
    return f"IF(seq <= {rows // 2}, '{first}', '{second}')"


async def _create_or_refuse(posts: LargePosts) -> str | None:
    """Create a task and return its id, or None if it is refused because of the lock on the table."""
    try:
        async with asyncio.timeout(_SECONDS_TO_SAY_WHY):
            return await services.create_task(posts.deployment, posts.request())
    except AudienceError as error:
        if "fbfans" not in str(error):
            raise
        return None


async def _ended_or_says_why(deployment: FaultDeployment, task_id: str) -> bool:
    """Return whether a task has ended, or a column of the state table says which table it waits for."""
    task = await deployment.look(task_id)
    columns = task.to_json().items()
    return task.finished or any("fbfans" in str(value) for name, value in columns if name != "result")


FAULTS = [
    Fault("two tasks that widen the same tables in opposite order", opposite_order, trials=3, short=0),
    Fault("an open transaction on a label table", open_transaction, trials=3, short=0),
]
