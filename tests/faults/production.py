"""Faults in production, seen from outside only: killed workers, an abort, a restarted or an impatient server."""

import asyncio
import random
import time

from jobs import services
from tests.faults.deployment import Fault, FaultDeployment, Trial
from tests.faults.large import LargePosts
from tests.helpers.running import until

_LABEL_ROWS = 300_000
_WAIT_TIMEOUT_SECONDS = 3
_ABORT_SECONDS = 3.0


async def worker_killed(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """One of two workers dies in production; the other one takes over."""
    posts = await _write_posts(deployment)
    with posts.deployment.workers(2) as workers:
        task_id = await _reach_production(posts, rng)
        rng.choice(workers).kill()
        return await posts.finished(task_id, time.monotonic())


async def all_workers_killed(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """All workers die in production; another is started later."""
    posts = await _write_posts(deployment)
    with posts.deployment.workers(2) as workers:
        task_id = await _reach_production(posts, rng)
        for worker in workers:
            worker.kill()
        killed = time.monotonic()
    if (await posts.deployment.look(task_id)).finished:
        return Trial(False, 0, "production was finished before the workers died")
    with posts.deployment.workers(1):
        return await posts.finished(task_id, killed)


async def aborted(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """The task is aborted in production: within seconds nothing works on it any more; then it is resumed."""
    posts = await _write_posts(deployment)
    with posts.deployment.workers(2):
        task_id = await _reach_production(posts, rng)
        await services.abort_task(posts.deployment, task_id)
        await asyncio.sleep(_ABORT_SECONDS)
        account = posts.deployment.settings.output_user
        if statements := posts.deployment.connections(account, "%wh_panel_mapping%"):
            return Trial(False, _ABORT_SECONDS, f"{len(statements)} of its statements ran on after the abort")
        before = _count_rows(posts, task_id)
        await asyncio.sleep(1)
        if _count_rows(posts, task_id) != before or (await posts.deployment.look(task_id)).stat != "ABORTED":
            return Trial(False, _ABORT_SECONDS, "the task continued after the abort")
        await services.resume_task(posts.deployment, task_id)
        return await posts.finished(task_id, time.monotonic())


async def aborted_at_a_lock(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """The task is aborted while a statement of its production waits for a table lock."""
    account, table = deployment.settings.output_user, "wh_panel_mapping_fbfans"
    with deployment.workers(2), deployment.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute(deployment.named(f"LOCK TABLES {{output}}.{table} WRITE"))
        task_id = await deployment.create()
        await until(lambda: deployment.connections(account, f"%{table}%"))
        await services.abort_task(deployment, task_id)
        cursor.execute("UNLOCK TABLES")
        await asyncio.sleep(_ABORT_SECONDS)
        if (await deployment.look(task_id)).stat != "ABORTED":
            return Trial(False, _ABORT_SECONDS, "the task continued after the abort")
        await services.resume_task(deployment, task_id)
        return await deployment.finished(task_id, time.monotonic())


async def server_restarted(deployment: FaultDeployment, rng: random.Random, trial: int) -> Trial:
    """MariaDB is stopped or killed in production, and started again."""
    posts = await _write_posts(deployment)
    with posts.deployment.workers(2):
        task_id = await _reach_production(posts, rng)
        if trial % 2:
            server = deployment.servers._mariadb
            assert server is not None
            server.kill()
            server.wait()
        else:
            deployment.servers.stop_mariadb()
        await asyncio.sleep(rng.random() * 3)
        deployment.servers.start_mariadb()  # in this thread, because the server ends with the thread that started it
        return await posts.finished(task_id, time.monotonic())


async def impatient_server(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """The server ends connections that are idle for three seconds, which production takes longer than."""
    posts = await _write_posts(deployment)
    deployment.write_anything(f"SET GLOBAL wait_timeout = {_WAIT_TIMEOUT_SECONDS}")
    try:
        with posts.deployment.workers(2):
            task_id = await services.create_task(posts.deployment, posts.request())
            await _labelled(posts, task_id)
            return await posts.finished(task_id, time.monotonic())
    finally:
        deployment.write_anything("SET GLOBAL wait_timeout = DEFAULT")


async def _write_posts(deployment: FaultDeployment) -> LargePosts:
    rows = _LABEL_ROWS * 4 // 3  # three names in four have a label
    posts = LargePosts(deployment.beside(2), "posts", rows, authors=rows)
    await asyncio.to_thread(posts.write)
    return posts


async def _reach_production(posts: LargePosts, rng: random.Random) -> str:
    """Create a task, wait for a random moment of its production, and return its id."""
    for longest in (4.0, 2.0, 1.0, 0.5):
        task_id = await services.create_task(posts.deployment, posts.request())
        await _labelled(posts, task_id)
        await asyncio.sleep(rng.uniform(0.1, longest))
        if not (await posts.deployment.look(task_id)).finished:
            return task_id
    raise TimeoutError("production ended each time before it could be disturbed")


async def _labelled(posts: LargePosts, task_id: str) -> None:
    sql = "SELECT 1 FROM {output}.state WHERE task_id = %s AND stat = 'SUCCESS'"
    await until(lambda: posts.deployment.rows(sql, task_id), 120)


def _count_rows(posts: LargePosts, task_id: str) -> list[int]:
    """Return how many rows the task has in each production table there is."""
    sql = (
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = %s AND table_name LIKE 'wh\\_panel\\_mapping\\_%%' ORDER BY 1"
    )
    tables = [table for (table,) in posts.deployment.rows(sql, posts.deployment.output_schema)]
    counts = (posts.deployment.rows(f"SELECT COUNT(*) FROM {{output}}.{t} WHERE task_id = %s", task_id) for t in tables)
    return [int(rows[0][0]) for rows in counts]


FAULTS = [
    Fault("SIGKILL of one of two workers in production", worker_killed, trials=5, short=0),
    Fault("SIGKILL of all workers in production", all_workers_killed, trials=5, short=0),
    Fault("abort in production, then resume", aborted, trials=5, short=0),
    Fault("abort of a production that waits for a lock, then resume", aborted_at_a_lock, trials=5, short=1),
    Fault("MariaDB restarted in production, by SIGTERM and by SIGKILL", server_restarted, trials=4, short=0),
    Fault("wait_timeout of 3 s, production of 300,000 label rows", impatient_server, trials=2, short=0),
]
