"""Faults of purging and cleaning: killed again and again, beside a task that is labelled into the same tables."""

import asyncio
import random
import sys
import time
from typing import Any

from jobs import services
from tests.faults.deployment import Fault, FaultDeployment, Trial
from tests.faults.large import LargePosts
from tests.helpers.running import run_in_process, until

_ROWS = 120_000
_MOST_KILLS = 12
_SECONDS = 180.0

_TEMPORARY = ("fbfans", "Dcard", "Ptt", "other", "task_author", "task_result", "task_unit", "task_window")


async def purge_killed(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """A purge is killed at random moments until one of them completes it. A task runs meanwhile, another stays."""
    posts = await _write_posts(deployment)
    beside = posts.deployment
    kept, purged = [(await run_in_process(beside, posts.request())).task_id for _ in range(2)]
    before = _rows(beside, kept)
    kills = 0
    with beside.workers(2):
        running = await _create(posts)
        started = time.monotonic()
        while (code := await _purge(beside, purged, rng.uniform(0.6, 1.6) if kills < _MOST_KILLS else None)) != 0:
            if code != -9:
                return Trial(False, 0, f"the purge exited with {code}")
            kills += 1
        seconds = time.monotonic() - started
        trial = await posts.finished(running, started, _SECONDS)
    notes = [trial.note] if trial.note else []
    if not kills:
        notes.append("the purge was over before it was killed")
    if left := {table: rows for table, rows in _rows(beside, purged).items() if rows}:
        notes.append(f"left of the purged task: {list(left)}")
    if _rows(beside, kept) != before:
        notes.append("another task has changed")
    return Trial(not notes, seconds, "; ".join(notes))


async def cleaners_killed(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """Workers are killed while they clean tasks that ended long ago. A task runs meanwhile, and a recent one stays."""
    posts = await _write_posts(deployment)
    beside = posts.deployment
    recent, *old = [(await run_in_process(beside, posts.request())).task_id for _ in range(3)]
    before = {task_id: _rows(beside, task_id) for task_id in (recent, *old)}
    for task_id in old:
        beside.write_anything(
            "UPDATE {output}.state SET heartbeat = heartbeat - INTERVAL 30 DAY WHERE task_id = %s", task_id
        )
    running = await _create(posts)
    started = time.monotonic()
    for _ in range(4):
        with beside.worker_with("sweep") as one, beside.worker_with("sweep") as other:
            await asyncio.sleep(rng.uniform(1.5, 3.0))
            one.kill()
            other.kill()
    with beside.worker_with("sweep"), beside.worker_with("sweep"):
        trial = await posts.finished(running, started, _SECONDS)
        await until(lambda: not any(_rows(beside, task_id)[table] for task_id in old for table in _TEMPORARY), _SECONDS)
    seconds = time.monotonic() - started
    notes = [trial.note] if trial.note else []
    for task_id, rows in before.items():
        found = _rows(beside, task_id)
        gone = {*_TEMPORARY, "state"} if task_id in old else {"task_author"}  # author hashes go at once
        if changed := [table for table in rows if table not in gone and found[table] != rows[table]]:
            notes.append(f"{'a cleaned' if task_id in old else 'the recent'} task has changed in {changed}")
        if bool((await beside.look(task_id)).cleaned_at) != (task_id in old):
            notes.append("cleaned_at is wrong")
    return Trial(not notes, seconds, "; ".join(notes))


async def _write_posts(deployment: FaultDeployment) -> LargePosts:
    posts = LargePosts(deployment.beside(2), "posts", _ROWS, authors=_ROWS)
    await asyncio.to_thread(posts.write)
    return posts


async def _create(posts: LargePosts) -> str:
    return await services.create_task(posts.deployment, posts.request())


async def _purge(deployment: FaultDeployment, task_id: str, kill_after: float | None) -> int:
    """Run a purge, and return its exit status; kill it after these seconds."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "console", "purge", task_id, "--yes"),
        env=deployment.environment(),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(kill_after):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()


def _rows(deployment: FaultDeployment, task_id: str) -> dict[str, Any]:
    """Return the number of a task's rows in each table, with a checksum of what they hold."""
    tables = deployment.rows(
        "SELECT table_name, GROUP_CONCAT(CONCAT('COALESCE(`', column_name, '`, \"\")'))"
        " FROM information_schema.columns WHERE table_schema = %s AND table_name IN"
        " (SELECT table_name FROM information_schema.columns WHERE table_schema = %s AND column_name = 'task_id')"
        " GROUP BY table_name",
        deployment.output_schema,
        deployment.output_schema,
    )
    found: dict[str, Any] = {}
    for table, columns in tables:
        ((count, checksum),) = deployment.rows(
            f"SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', {columns}))) FROM {{output}}.`{table}` WHERE task_id = %s",
            task_id,
        )
        found[table] = (count, checksum) if count else None
    return found


FAULTS = [
    Fault("SIGKILL of a purge, again and again, while a task runs", purge_killed, trials=5, short=0),
    Fault("SIGKILL of workers that clean, again and again, while a task runs", cleaners_killed, trials=3, short=0),
]
