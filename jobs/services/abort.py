"""Aborting tasks."""

from jobs.deployment import Deployment
from jobs.errors import Conflict
from jobs.model.task import Task
from jobs.services.connections import find_task, operator, state_session
from jobs.services.queueing import discard_task
from jobs.storage import state
from jobs.storage.task_tables import ensure_task_tables


async def abort_task(deployment: Deployment, task_id: str) -> Task:
    """Stop a task at its check point. Its lanes drop their open windows within two seconds.

    Raises UnknownTask, InvalidTaskId, Conflict, StateUnreadable, ReadOnly.
    """
    deployment.require_writable()
    async with state_session(deployment) as session:
        task = await find_task(deployment, session, task_id)
        if task.can_abort and task.deployment is None:
            await ensure_task_tables(session, task.output_schema)  # of an earlier release, it lacks columns
        if task.legacy or not await state.abort(session, task.ref, operator()):
            raise Conflict(f"task {task.task_id} is {describe_progress(task)}; only an unfinished task can be aborted")
        task = await find_task(deployment, session, task.task_id)
    if task.deployment is not None:
        await discard_task(deployment, task)
    return task


def describe_progress(task: Task) -> str:
    """Return where a task stands, for the message that it does not allow something."""
    return f"{task.stat}, production finished" if task.produced else task.stat
