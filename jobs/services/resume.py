"""Resuming tasks."""

from jobs.deployment import Deployment
from jobs.errors import Conflict, LockTaken
from jobs.model.sources import production_table
from jobs.model.task import Task, TaskRef
from jobs.model.units import whole
from jobs.queue.client import open_redis
from jobs.services.abort import describe_progress
from jobs.services.connections import find_task, operator, state_session
from jobs.services.queueing import call_redis, enqueue_task
from jobs.storage import claims, labels, state, units, windows
from jobs.storage.connection import Session
from jobs.storage.deletion import count_rows, delete_rows
from jobs.storage.locks import named_lock
from jobs.storage.task_tables import ensure_task_tables


async def resume_task(deployment: Deployment, task_id: str) -> Task:
    """Continue a failed or aborted task with the windows, or the units of production, that are not done.

    If label or production rows have been deleted meanwhile, all windows are labelled again.

    Raises UnknownTask, InvalidTaskId, Conflict, CannotStart, StateUnreadable, ReadOnly.
    """
    deployment.require_writable()
    async with (
        open_redis(deployment.settings) as redis,
        state_session(deployment) as session,
    ):
        task = await find_task(deployment, session, task_id)
        if not task.can_resume:
            raise Conflict(f"task {task.task_id} is {describe_progress(task)}; {task.refuses_resume}")
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
        if await _label_rows_missing(session, task.ref) or await _production_rows_missing(session, task.ref):
            await _start_over(session, task.ref)
        await claims.reset_attempts(session, task.ref)
        if await state.resume(session, task.ref, operator()):
            return
    raise Conflict(f"task {task.task_id} is {describe_progress(task)}; it has just changed")


async def _label_rows_missing(session: Session, ref: TaskRef) -> bool:
    """Return whether the label rows stand for fewer rows than were labelled."""
    for result, rows in (await windows.count_results(session, ref)).items():
        if await labels.count_votes(session, ref, whole(result)) != rows.labelled:
            return True
    return False


async def _production_rows_missing(session: Session, ref: TaskRef) -> bool:
    """Return whether there are fewer production rows than the units that are done have written."""
    totals = await units.totals(session, ref)
    produced = {production_table(result): total.rows for result, total in totals.items() if total.rows}
    return await count_rows(session, ref, produced) != produced


async def _start_over(session: Session, ref: TaskRef) -> None:
    """Delete what the task has written, and open every window again. If it is interrupted, it can be repeated."""
    results = list(await windows.count_results(session, ref))
    await delete_rows(session, ref, [*results, *map(production_table, results)], gently=False)
    async with session.transaction():
        await windows.reopen(session, ref)
        await units.delete(session, ref)
