"""Listing and watching tasks."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence

from jobs.deployment import Deployment
from jobs.errors import InvalidValue, StateUnreadable
from jobs.model.event import TaskEvent
from jobs.model.task import SHORT_DIGITS, Task, unique_prefixes
from jobs.model.task_selection import TaskSelection
from jobs.services.connections import check_limit, find_task, state_session
from jobs.storage import events, server, state_tables, task_search

# How long a watched server may be unreachable.
PATIENCE_SECONDS = 30.0

# Between two looks at it: a twentieth of the time that it has been watched, but no less and no more than this.
_SHORTEST_PAUSE = 0.01
_LONGEST_PAUSE = 0.5

_EVERY_TASK = TaskSelection()


async def task_list(
    deployment: Deployment, limit: int = 100, schema: str | None = None, selection: TaskSelection = _EVERY_TASK
) -> list[Task]:
    """Return the newest tasks of an output schema, newest first. Raises StateUnreadable, InvalidValue."""
    schema = schema or deployment.settings.output_schema
    check_limit(limit)
    if not schema.isprintable():
        raise InvalidValue(f"output_schema: {schema!r} cannot be the name of a schema")
    async with state_session(deployment) as session:
        columns = (await state_tables.read_columns(session)).get(await server.stored_name(session, schema))
        if columns is None:
            raise StateUnreadable(f"cannot connect to state table: {schema} has none; the first task creates it")
        if selection.schedule is not None and "schedule" not in columns:
            return []  # of an earlier release, which had no schedules
        return await task_search.newest(session, schema, limit, selection)


async def find_tasks(deployment: Deployment, digits: str, limit: int) -> list[Task]:
    """Return the tasks of all visible output schemas whose ids begin with these digits, newest first.

    Raises StateUnreadable.
    """
    tasks: list[Task] = []
    async with state_session(deployment) as session:
        own = await server.stored_name(session, deployment.settings.output_schema)
        for schema in await state_tables.schemas(session):
            with state_tables.skip_unreadable(schema, own):
                if digits:
                    tasks += await task_search.find_by_prefix(session, schema, digits, limit)
                else:
                    tasks += await task_search.newest(session, schema, limit)
    return sorted(tasks, key=lambda task: (task.create_time, task.task_id), reverse=True)[:limit]


async def short_ids(deployment: Deployment, tasks: Sequence[Task]) -> dict[str, str]:
    """Return by task id the first digits of it, eight or more, that no other task's id begins with.

    Raises StateUnreadable.
    """
    task_ids = [task.task_id for task in tasks]
    others: list[str] = []
    async with state_session(deployment) as session:
        own = await server.stored_name(session, deployment.settings.output_schema)
        for schema in await state_tables.schemas(session):
            with state_tables.skip_unreadable(schema, own):
                others += await task_search.ids_like(session, schema, task_ids, SHORT_DIGITS)
    return unique_prefixes(task_ids, others)


async def check_status(deployment: Deployment, task_id: str) -> Task:
    """Return how a task stands. Raises UnknownTask, InvalidTaskId, StateUnreadable."""
    async with state_session(deployment) as session:
        return await find_task(deployment, session, task_id)


async def task_events(deployment: Deployment, task: Task, limit: int = 1_000) -> list[TaskEvent]:
    """Return the last events of a task, oldest first; none for a task of an earlier release. Raises StateUnreadable."""
    async with state_session(deployment, f"cannot read the events of {task.task_id}") as session:
        return await events.newest(session, task.ref, limit)


async def watch_status(deployment: Deployment, task_id: str) -> AsyncGenerator[Task, None]:
    """Yield how a task stands, repeatedly, until it is finished: the longer it takes, the less often.

    Tolerates an unreachable server for PATIENCE_SECONDS. Raises what `check_status` raises.
    """
    started, failing_since = time.monotonic(), None
    while True:
        try:
            # One connection for all looks: to open one takes longer than to look.
            async with state_session(deployment) as session:
                task = await find_task(deployment, session, task_id)
                while True:
                    failing_since = None
                    yield task
                    if task.finished:
                        return
                    await asyncio.sleep(_pause(started))
                    task = await task_search.find(session, task.ref) or await find_task(deployment, session, task_id)
        except StateUnreadable:
            failing_since = failing_since or time.monotonic()
            if time.monotonic() - failing_since > PATIENCE_SECONDS:
                raise
        await asyncio.sleep(_pause(started))


def _pause(started: float) -> float:
    """Return the seconds until the next look at a task that has been watched since then."""
    return min(max((time.monotonic() - started) / 20, _SHORTEST_PAUSE), _LONGEST_PAUSE)
