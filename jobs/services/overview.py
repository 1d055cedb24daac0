"""What the console polls: the tasks, a task's windows, the workers, the input's tables.

Each function is quick and writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jobs.deployment import Deployment
from jobs.errors import CannotStart, DatabaseError
from jobs.model.task import Task
from jobs.model.windows import WindowState
from jobs.queue.client import REDIS_ERRORS, open_redis, redis_failure
from jobs.queue.presence import QueueDepth, Worker, read_queues, read_workers
from jobs.services.connections import state_session
from jobs.storage import input_table, server, state_tables, task_search, windows
from jobs.storage.connection import connect

__all__ = [
    "MOST_TASKS",
    "Fleet",
    "QueueDepth",
    "TaskBoard",
    "Worker",
    "list_input_tables",
    "list_output_schemas",
    "ping_input",
    "read_board",
    "read_fleet",
    "read_input_range",
    "read_windows",
]

MOST_TASKS = 1_000
# Reading a task takes 50 us of the event loop, which keys wait for.
_MOST_READ_AGAIN = 250


_Read = tuple[int, Task]
"""The checksum of a row, and the task that was read from it."""


@dataclass(frozen=True)
class TaskBoard:
    """The newest tasks of every visible output schema, newest first, at one moment."""

    now: datetime
    """The time of the output server, in its own time zone, as `create_time` is."""
    utc_now: datetime
    """The same moment in UTC, as `production_due` and `heartbeat` are."""
    tasks: tuple[Task, ...]
    read: Mapping[tuple[str, str], _Read] = field(default_factory=dict, repr=False, compare=False)
    """Every task that was read, also those that are too old to be shown, by schema and id; read longest ago first."""


@dataclass(frozen=True)
class Fleet:
    """All workers and queues, at one moment."""

    workers: tuple[Worker, ...]
    queues: tuple[QueueDepth, ...]

    def serves(self, queue: str) -> bool:
        """Return whether a live worker takes jobs from this queue."""
        return any(worker.queue == queue and not worker.silent for worker in self.workers)


async def read_board(deployment: Deployment, limit: int = MOST_TASKS, known: TaskBoard | None = None) -> TaskBoard:
    """Return the newest tasks. Of those in the board `known`, only the ones that have changed are read again.

    If very many have, they take turns: some of them are as old as the last few boards. Raises StateUnreadable.
    """
    before = known.read if known else {}
    read: dict[tuple[str, str], _Read] = {}
    legacy: list[Task] = []
    async with state_session(deployment) as session:
        now, utc_now = await server.read_times(session)
        own = await server.stored_name(session, deployment.settings.output_schema)
        for schema, columns in (await state_tables.read_columns(session)).items():
            with state_tables.skip_unreadable(schema, own):
                if not state_tables.is_migrated(columns):
                    legacy += await task_search.newest(session, schema, limit)
                    continue
                found = await task_search.read_checksums(session, schema, columns, limit)
                rows = {task_id: row for (of, task_id), row in before.items() if of == schema and task_id in found}
                ids = _to_read(found, rows)
                tasks = await task_search.find_all(session, schema, ids)
                for task_id in ids:
                    rows.pop(task_id, None)
                    if task_id in tasks:
                        # A row that has changed in between has another checksum next time.
                        rows[task_id] = found[task_id], tasks[task_id]
                read |= {(schema, task_id): row for task_id, row in rows.items()}
    tasks_by_age = sorted(
        [*legacy, *(task for _, task in read.values())], key=lambda task: (task.create_time, task.task_id), reverse=True
    )
    return TaskBoard(now, utc_now, tuple(tasks_by_age[:limit]), read)


def _to_read(found: Mapping[str, int], before: Mapping[str, _Read]) -> list[str]:
    """Return the ids of the tasks to read: the changed ones that were read longest ago, and all that are new."""
    changed = [task_id for task_id, (checksum, _) in before.items() if checksum != found[task_id]]
    return changed[:_MOST_READ_AGAIN] + [task_id for task_id in found if task_id not in before]


async def read_windows(deployment: Deployment, task: Task) -> tuple[WindowState, ...]:
    """Return how each window of a task stands, in order. Raises StateUnreadable."""
    if task.windows is None:
        return ()
    message = f"cannot read the windows of {task.task_id}"
    async with state_session(deployment, message) as session:
        return await windows.states(session, task.ref)


async def read_fleet(deployment: Deployment) -> Fleet:
    """Return the workers and the queues. Raises CannotStart if Redis is unreachable."""
    try:
        async with open_redis(deployment.settings) as redis:
            name, own = deployment.settings.deployment, deployment.settings.queue
            return Fleet(await read_workers(redis, name), await read_queues(redis, name, own))
    except REDIS_ERRORS as error:
        raise CannotStart(redis_failure(error)) from error


async def list_input_tables(deployment: Deployment) -> dict[str, list[str]]:
    """Return the tables on the input server that could be an input, by schema. Raises CannotStart."""
    try:
        async with connect(deployment.input) as session:
            return await input_table.list_tables(session)
    except DatabaseError as error:
        raise CannotStart(f"cannot list the input's tables: {error}") from error


async def list_output_schemas(deployment: Deployment) -> list[str]:
    """Return the schemas on the output server that have a state table. Raises StateUnreadable."""
    async with state_session(deployment) as session:
        return await state_tables.schemas(session)


async def read_input_range(deployment: Deployment, schema: str, table: str) -> tuple[datetime, datetime] | None:
    """Return the first and the last post_time of an input table, if an index makes that quick.

    Raises CannotStart.
    """
    try:
        async with connect(deployment.input) as session:
            return await input_table.read_edges(session, schema, table)
    except DatabaseError as error:
        raise CannotStart(f"cannot read {schema}.{table}: {error}") from error


async def ping_input(deployment: Deployment) -> None:
    """Raise CannotStart if the input server does not answer."""
    try:
        async with connect(deployment.input) as session:
            await server.ping(session)
    except DatabaseError as error:
        raise CannotStart(str(error)) from error
