"""What a console looks at again and again: the tasks, a task's windows, the workers, the input's tables.

Read-only, quick, and typed; where it cannot look, it raises an AudienceError.
"""

import json
import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from arq.connections import ArqRedis

from jobs.deployment import Site
from jobs.errors import CannotStart, DatabaseError, StateUnreadable
from jobs.model.task import Task
from jobs.queue import client as queue
from jobs.queue.client import QUEUE_PREFIX, REDIS_ERRORS, open_redis
from jobs.storage import state
from jobs.storage import windows as window_table
from jobs.storage.connection import connect, quote
from jobs.storage.input_table import is_indexed
from jobs.worker.main import PRESENCE_PREFIX, PRESENCE_SECONDS, PRESENCE_TTL


@dataclass(frozen=True)
class Board:
    """The newest tasks of every output schema that can be seen, newest first, at one moment."""

    now: datetime
    """By the clock of the output server, in its time zone, as `create_time` is."""
    tasks: tuple[Task, ...]


MOST_TASKS = 1_000


async def look_at_tasks(site: Site, limit: int = MOST_TASKS) -> Board:
    """The board as it is now. Raises StateUnreadable."""
    try:
        async with site.output_session() as session:
            row = await session.row("SELECT NOW(6)")
            tasks: list[Task] = []
            for schema in await state.schemas(session):
                with state.passing_over(schema, site.settings.output_schema):
                    tasks += await state.newest(session, schema, limit)
    except DatabaseError as error:
        raise StateUnreadable(f"cannot connect to state table: {error}") from error
    tasks.sort(key=lambda task: (task.create_time, task.task_id), reverse=True)
    return Board(row[0] if row else datetime.now(), tuple(tasks[:limit]))


async def look_at_windows(site: Site, task: Task) -> tuple[bool, ...]:
    """Of each window of a task, in their order, whether it is done. Raises StateUnreadable."""
    if task.windows is None or task.output_schema is None:
        return ()
    try:
        async with site.output_session() as session:
            return await window_table.strip(session, task.output_schema, task.task_id)
    except DatabaseError as error:
        raise StateUnreadable(f"cannot read the windows of {task.task_id}: {error}") from error


@dataclass(frozen=True)
class Worker:
    """A worker process, as it told of itself."""

    host: str
    pid: int
    queue: str
    tasks: tuple[str, ...]
    """The tasks it has a lane of."""
    rows_a_second: float
    peak_memory: float
    """MB."""
    age: float
    """Seconds since it told so, by the clock of Redis."""

    @property
    def stale(self) -> bool:
        """Whether it should have been heard of since."""
        return self.age > 3 * PRESENCE_SECONDS


@dataclass(frozen=True)
class QueueDepth:
    """What waits in a queue."""

    name: str
    ready: int
    """Jobs that a worker may take now, or has."""
    deferred: tuple[str, ...]
    """The tasks whose jobs are not due yet, the next first."""
    due_in: float | None
    """Seconds until the next deferred job is due."""


@dataclass(frozen=True)
class Fleet:
    """All workers and queues, at one moment."""

    workers: tuple[Worker, ...]
    queues: tuple[QueueDepth, ...]

    def serves(self, queue: str) -> bool:
        """Whether a worker that is alive takes jobs from this queue."""
        return any(worker.queue == queue and not worker.stale for worker in self.workers)


async def look_at_workers(site: Site) -> Fleet:
    """The fleet as it is now. Raises CannotStart where Redis does not answer."""
    try:
        async with open_redis(site.settings) as redis:
            return Fleet(await _workers(redis), await _queues(redis, site.settings.queue))
    except REDIS_ERRORS as error:
        raise CannotStart(f"Redis: {error}") from error


async def _workers(redis: ArqRedis) -> tuple[Worker, ...]:
    workers = []
    async for key in redis.scan_iter(match=f"{PRESENCE_PREFIX}*", _type="STRING"):
        presence, milliseconds_left = await redis.getrange(key, 0, _MOST_BYTES), await redis.pttl(key)
        age = PRESENCE_TTL - milliseconds_left / 1000
        # What was not written by a worker of this release, and lives as long as such a key does, is none.
        with suppress(ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            if 0 <= age <= PRESENCE_TTL:
                workers.append(_worker(json.loads(presence), age))
    return tuple(sorted(workers, key=lambda worker: (worker.queue, worker.host, worker.pid)))


_MOST_BYTES = 20_000


def _worker(told: dict[str, Any], age: float) -> Worker:
    return Worker(
        host=str(told["host"]),
        pid=int(told["pid"]),
        queue=str(told["queue"]),
        tasks=tuple(map(str, told["tasks"])),
        rows_a_second=_finite(told["rows_a_second"]),
        peak_memory=_finite(told["peak_memory"]),
        age=age,
    )


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no measure of anything")
    return number


async def _queues(redis: ArqRedis, own: str) -> tuple[QueueDepth, ...]:
    seconds, microseconds = await redis.time()
    now = seconds * 1000 + microseconds / 1000
    found = {key async for key in redis.scan_iter(match=f"{QUEUE_PREFIX}*", _type="ZSET")}
    keys = {key.decode(errors="replace"): key for key in found} | {queue.queue_key(own): queue.queue_key(own)}
    depths = []
    for name, key in sorted(keys.items()):
        jobs = [
            (member.decode().split(":")[0], score)
            for member, score in await redis.zrange(key, 0, -1, withscores=True)
            if queue.is_job_id(member)
        ]
        later = [(task_id, score) for task_id, score in jobs if score > now]
        depths.append(
            QueueDepth(
                name=name.removeprefix(QUEUE_PREFIX),
                ready=len(jobs) - len(later),
                deferred=tuple(task_id for task_id, _ in later),
                due_in=(later[0][1] - now) / 1000 if later else None,
            )
        )
    return tuple(depths)


async def input_tables(site: Site) -> dict[str, list[str]]:
    """The tables on the input server that could be an input, by schema. Raises CannotStart."""
    try:
        async with connect(site.input) as session:
            rows = await session.rows(
                """
                SELECT table_schema, table_name FROM information_schema.columns
                WHERE column_name IN ('post_time', 'author', 's_id')
                GROUP BY table_schema, table_name HAVING COUNT(*) = 3 ORDER BY 1, 2
                """
            )
    except DatabaseError as error:
        raise CannotStart(f"cannot list the input's tables: {error}") from error
    tables: dict[str, list[str]] = {}
    for schema, table in rows:
        tables.setdefault(schema, []).append(table)
    return tables


async def input_edges(site: Site, schema: str, table: str) -> tuple[datetime, datetime] | None:
    """The first and the last post_time of an input table, where an index makes that quick."""
    try:
        async with connect(site.input) as session:
            if not await is_indexed(session, schema, table):
                return None
            row = await session.row(f"SELECT MIN(post_time), MAX(post_time) FROM {quote(schema, table)}")
    except DatabaseError as error:
        raise CannotStart(f"cannot read {schema}.{table}: {error}") from error
    return row if row and all(isinstance(edge, datetime) for edge in row) else None


async def input_answers(site: Site) -> None:
    """Returns where the input server answers; raises CannotStart where it does not."""
    try:
        async with connect(site.input) as session:
            await session.row("SELECT 1")
    except DatabaseError as error:
        raise CannotStart(str(error)) from error
