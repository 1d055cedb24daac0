"""Sizes that disturb by themselves: a thousand tasks in the queue at once, two million authors in one task."""

import asyncio
import random
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from jobs import services
from jobs.queue.client import open_redis
from jobs.worker.reconciler import reconcile
from tests.faults.deployment import Fault, FaultDeployment, Trial, posts_of_the_task
from tests.faults.large import LargePosts
from tests.helpers.oracle import Outcome, outcome
from tests.helpers.posts import END, PATTERNS, SOURCES, START

_RESULTS = (*SOURCES.values(), "other")
_TASKS = 1_000
_MOMENTS_OF_A_TASK = 20
_CREATED_AT_ONCE = 4
_IDLE_SECONDS = 20
_DEADLINE_SECONDS = 900.0


class Calls:
    """Counts what the servers are asked: Redis commands and MariaDB questions, without its own."""

    def __init__(self, redis: "Redis", cursor: Any) -> None:
        self._redis = redis
        self._cursor = cursor
        self._own = 0

    def read(self) -> tuple[int, int]:
        """Return the number of Redis commands and of MariaDB questions so far."""
        stats: Any = self._redis.info("commandstats")
        commands = sum(int(each["calls"]) for name, each in stats.items() if "info" not in name)
        ((_, questions),) = self.query("SHOW GLOBAL STATUS LIKE 'Questions'")
        return commands, int(questions) - self._own

    def query(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Run a query that does not count."""
        self._own += 1
        self._cursor.execute(sql, arguments)
        return list(self._cursor.fetchall())


@contextmanager
def counted_calls(deployment: FaultDeployment) -> Iterator[Calls]:
    """Count calls for the length of the block."""
    with (
        Redis.from_url(deployment.servers.redis_url) as redis,
        deployment.servers.connect() as connection,
        connection.cursor() as cursor,
    ):
        yield Calls(redis, cursor)


async def thousand_tasks(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """A thousand small tasks are in the queue before two workers start."""
    with counted_calls(deployment) as calls:
        empty = await _cost_of_a_pass(deployment, calls)
        expected = await _create_tasks(deployment, rng)
        deployment.age_heartbeats()
        full = await _cost_of_a_pass(deployment, calls)
        before = calls.read()
        with deployment.workers(2):
            started = time.monotonic()
            await _wait_for(deployment, calls, expected.keys())
            seconds = time.monotonic() - started
            task = _cost(before, calls.read(), _TASKS)
            await asyncio.sleep(2)  # lets the last jobs leave the queue
            before = calls.read()
            await asyncio.sleep(_IDLE_SECONDS)
            idle = _cost(before, calls.read(), _IDLE_SECONDS)
    wrong = await _find_inexact(deployment, expected)
    costs = f"a pass over no task {empty}, over {_TASKS:,} queued tasks {full}; a task {task}; an idle second {idle}"
    return Trial(not wrong, seconds, f"{len(wrong)} inexact, such as {wrong[0]}" if wrong else costs)


async def two_million_authors(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """One task over 2,400,000 posts by 2,000,000 authors."""
    posts = LargePosts(deployment, "two_million_authors", rows=2_400_000, authors=2_000_000)
    await asyncio.to_thread(posts.write)
    with counted_calls(deployment) as calls, deployment.workers(2):
        before = calls.read()
        started = time.monotonic()
        task_id = await services.create_task(deployment, posts.request())
        await _wait_for(deployment, calls, [task_id])
        seconds = time.monotonic() - started
        cost = _cost(before, calls.read(), 1)
    task = await deployment.look(task_id)
    wrong = await asyncio.to_thread(posts.differences, task)
    return Trial(not wrong, seconds, wrong or f"{task.peak_memory:.0f} MB a worker; {cost}")


async def _cost_of_a_pass(deployment: FaultDeployment, calls: Calls) -> str:
    async with open_redis(deployment.settings) as redis:
        await redis.ping()  # connects
        before = calls.read()
        await reconcile(deployment, redis)
        return _cost(before, calls.read(), 1)


def _cost(before: tuple[int, int], after: tuple[int, int], divisor: int) -> str:
    commands, questions = ((end - start) / divisor for start, end in zip(before, after, strict=True))
    return f"{commands:,.1f} Redis commands and {questions:,.1f} MariaDB questions"


async def _create_tasks(deployment: FaultDeployment, rng: random.Random) -> dict[str, Outcome]:
    """Create the tasks, each over a few posts, and return the outcome of each."""
    posts = sorted(posts_of_the_task(), key=lambda post: post.post_time)
    times = [post.post_time for post in posts]
    moments = sorted({moment for moment in times if START <= moment <= END})
    expected: dict[str, Outcome] = {}
    turns = asyncio.Semaphore(_CREATED_AT_ONCE)

    async def create() -> None:
        first = rng.randrange(len(moments) - _MOMENTS_OF_A_TASK)
        start, end = moments[first], moments[first + _MOMENTS_OF_A_TASK]
        within = posts[bisect_left(times, start) : bisect_right(times, end)]
        async with turns:
            request = deployment.request(start_time=str(start), end_time=str(end))
            task_id = await services.create_task(deployment, request)
        expected[task_id] = outcome(within, PATTERNS, SOURCES, start, end)

    await asyncio.gather(*(create() for _ in range(_TASKS)))
    return expected


async def _wait_for(deployment: FaultDeployment, calls: Calls, task_ids: Collection[str]) -> None:
    """Wait until the tasks are finished, failed or aborted."""
    open_tasks = deployment.named(
        "SELECT COUNT(*) FROM {output}.state WHERE task_id IN %s"
        " AND (stat IN ('PENDING', 'STARTED') OR stat = 'SUCCESS' AND prod_stat IS NULL)"
    )
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while (left := calls.query(open_tasks, tuple(task_ids))[0][0]) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    if left:
        raise TimeoutError(f"{left} tasks are not finished after {_DEADLINE_SECONDS:.0f} s")


async def _find_inexact(deployment: FaultDeployment, expected: dict[str, Outcome]) -> list[str]:
    """Return the tasks that have another outcome, each with its figures."""
    votes, produced = _votes(deployment), _production_rows(deployment)
    inexact = []
    for task in await services.task_list(deployment, limit=services.MAX_ROWS):
        if (right := expected.get(task.task_id)) is None:
            continue
        found = Outcome(
            received=task.length_receive_table or 0,
            labelled=task.length_output_table or 0,
            votes=votes[task.task_id],
            result=task.result or "",
            length_prod_table=task.length_prod_table or "",
            uniq_source_author=task.uniq_source_author or "",
            rate_of_label=task.rate_of_label or "",
            production={table: sorted(rows) for table, rows in produced[task.task_id].items()},
        )
        if not task.produced or found != right:
            inexact.append(f"{task.task_id}: {task.stat}, {task.prod_stat}, {task.error}; {found}, not {right}")
    return inexact


def _votes(deployment: FaultDeployment) -> defaultdict[str, dict[str, int]]:
    """Return how many labelled rows the label rows stand for, by task and result."""
    votes: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for result in _RESULTS:
        for task_id, count in deployment.rows(f"SELECT task_id, SUM(votes) FROM {{output}}.{result} GROUP BY task_id"):
            votes[task_id][result] = int(count)
    return votes


def _production_rows(deployment: FaultDeployment) -> defaultdict[str, defaultdict[str, list[tuple[Any, ...]]]]:
    """Return all production rows, by task and table."""
    columns = "task_id, id, source_author, panel, create_time, field_content, match_content"
    produced: defaultdict[str, defaultdict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
    for table in (f"wh_panel_mapping_{result}" for result in _RESULTS):
        for task_id, *row in deployment.rows(f"SELECT {columns} FROM {{output}}.{table}"):
            produced[task_id][table].append(tuple(row))
    return produced


FAULTS = [
    Fault("1,000 tasks in the queue at once, two workers", thousand_tasks, trials=1, short=0),
    Fault("2,000,000 authors in one task", two_million_authors, trials=1, short=0),
]
