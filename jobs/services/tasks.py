"""Listing, watching, aborting and resuming tasks."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from jobs.deployment import Deployment
from jobs.errors import Conflict, InvalidValue, LockTaken, StateUnreadable
from jobs.model.event import TaskEvent
from jobs.model.sources import production_table
from jobs.model.task import SHORT_DIGITS, Task, TaskRef, unique_prefixes
from jobs.model.task_selection import TaskSelection
from jobs.model.units import whole
from jobs.services.connections import check_limit, find_task, operator, state_session
from jobs.storage import claims, events, labels, server, state, state_tables, task_search, units, windows
from jobs.storage.connection import Session
from jobs.storage.locks import named_lock

# How long a watched server may be unreachable.
PATIENCE_SECONDS = 30.0

# Between two looks at it: a tenth of the time that it has been watched, but no less and no more than this.
_SHORTEST_PAUSE = 0.02
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
            raise StateUnreadable(f"cannot connect to state table: {schema} has none; the first create_task creates it")
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


async def watch_status(deployment: Deployment, task_id: str) -> AsyncIterator[Task]:
    """Yield how a task stands, repeatedly, until it is finished: the longer it takes, the less often.

    Tolerates an unreachable server for PATIENCE_SECONDS. Raises what `check_status` raises.
    """
    started = last_answer = time.monotonic()
    while True:
        try:
            task = await check_status(deployment, task_id)
        except StateUnreadable:
            if time.monotonic() - last_answer > PATIENCE_SECONDS:
                raise
        else:
            last_answer, task_id = time.monotonic(), task.task_id
            yield task
            if task.finished:
                return
        await asyncio.sleep(min(max((time.monotonic() - started) / 10, _SHORTEST_PAUSE), _LONGEST_PAUSE))


async def abort_task(deployment: Deployment, task_id: str) -> Task:
    """Stop a task at its check point. Its lanes drop their open windows within two seconds.

    Raises UnknownTask, InvalidTaskId, Conflict, StateUnreadable, ReadOnly.
    """
    # It takes a while to import, and hardly anything else here uses it.
    from jobs.storage.task_tables import ensure_task_tables

    deployment.require_writable()
    async with state_session(deployment) as session:
        task = await find_task(deployment, session, task_id)
        if task.can_abort and task.deployment is None:
            await ensure_task_tables(session, task.output_schema)  # of an earlier release, it lacks columns
        if task.legacy or not await state.abort(session, task.ref, operator()):
            raise Conflict(f"task {task.task_id} is {_describe(task)}; only an unfinished task can be aborted")
        return await find_task(deployment, session, task.task_id)


async def resume_task(deployment: Deployment, task_id: str) -> Task:
    """Continue a failed or aborted task with the windows, or the units of production, that are not done.

    If label rows have been deleted meanwhile, all windows are labelled again.

    Raises UnknownTask, InvalidTaskId, Conflict, CannotStart, StateUnreadable, ReadOnly.
    """
    # Redis takes a tenth of a second to import, and nothing else here uses it, or the others.
    from jobs.queue.client import open_redis
    from jobs.services.queueing import call_redis, enqueue_task
    from jobs.storage.task_tables import ensure_task_tables

    deployment.require_writable()
    async with (
        open_redis(deployment.settings) as redis,
        state_session(deployment) as session,
    ):
        task = await find_task(deployment, session, task_id)
        if not task.can_resume:
            raise Conflict(f"task {task.task_id} is {_describe(task)}; {task.refuses_resume}")
        await call_redis(redis.ping())
        await ensure_task_tables(session, task.output_schema)  # of an earlier release, it lacks columns
        try:
            # Whoever starts a task over must not delete what it has written since another one resumed it.
            async with named_lock(session, f"audience resume {task.output_schema} {task.task_id}", 0):
                await _resume(session, await find_task(deployment, session, task.task_id))
        except LockTaken:
            raise Conflict(f"task {task.task_id} is being resumed already") from None
        task = await find_task(deployment, session, task.task_id)
        await enqueue_task(deployment, redis, session, task)
        return task


async def _resume(session: Session, task: Task) -> None:
    """Let a task go on, in several transactions: a lane that has not noticed its abort yet waits for the state row."""
    if task.can_resume:
        if await _label_rows_missing(session, task.ref):
            await _start_over(session, task.ref)
        await claims.reset_attempts(session, task.ref)
        if await state.resume(session, task.ref, operator()):
            return
    raise Conflict(f"task {task.task_id} is {_describe(task)}; it has just changed")


async def _label_rows_missing(session: Session, ref: TaskRef) -> bool:
    """Return whether the label rows stand for fewer rows than were labelled."""
    for result, rows in (await windows.count_results(session, ref)).items():
        if await labels.count_votes(session, ref, whole(result)) != rows.labelled:
            return True
    return False


async def _start_over(session: Session, ref: TaskRef) -> None:
    """Delete what the task has written, and open every window again. If it is interrupted, it can be repeated."""
    from jobs.storage.deletion import delete_rows

    results = list(await windows.count_results(session, ref))
    await delete_rows(session, ref, [*results, *map(production_table, results)], gently=False)
    async with session.transaction():
        await windows.reopen(session, ref)
        await units.delete(session, ref)


def _describe(task: Task) -> str:
    return f"{task.stat}, production finished" if task.produced else task.stat
