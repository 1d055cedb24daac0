"""Purging a task: removing all of it, production rows too."""

from collections.abc import Callable
from dataclasses import dataclass

from jobs.deployment import Deployment
from jobs.errors import Conflict
from jobs.model.sources import production_table
from jobs.model.task import Task
from jobs.services.connections import find_task, state_session
from jobs.storage import cleaning
from jobs.storage.connection import Session
from jobs.storage.deletion import count_rows, delete_rows
from jobs.storage.task_tables import ensure_task_tables


@dataclass(frozen=True)
class PurgePlan:
    """What purging a task would delete."""

    task: Task
    production: dict[str, int]
    """Its rows in each production table that has any."""
    label: dict[str, int]
    """Its rows in each label table that has any."""

    @property
    def rows(self) -> int:
        """The number of all these rows."""
        return sum(self.production.values()) + sum(self.label.values())


async def plan_purge(deployment: Deployment, task_id: str) -> PurgePlan:
    """Count what purging a task would delete.

    Raises UnknownTask, InvalidTaskId, Conflict if the task has not ended, StateUnreadable, ReadOnly.
    """
    deployment.require_writable()
    async with state_session(deployment) as session:
        task = await _find_ended(deployment, session, task_id)
        results = await cleaning.results_of(session, task.ref, task.results)
        return PurgePlan(
            task,
            await count_rows(session, task.ref, map(production_table, results)),
            await count_rows(session, task.ref, results),
        )


async def purge_task(
    deployment: Deployment, task_id: str, report: Callable[[int], object] = lambda _: None
) -> dict[str, int]:
    """Delete a task and all its rows. Returns how many rows each result table lost.

    Calls `report` with the number of rows of each batch. If it is interrupted, it can be repeated: until the last batch
    the task is there, as ABORTED, and says that it is being purged. Raises what `plan_purge` raises.
    """
    deployment.require_writable()
    async with state_session(deployment, "the purge is not complete; run it again") as session:
        task = await _find_ended(deployment, session, task_id)
        ref = task.ref
        await ensure_task_tables(session, ref.schema)  # of an earlier release, it cannot say that a task is purged
        if not await cleaning.begin_purge(session, ref):
            raise _running(task)
        results = await cleaning.results_of(session, ref, task.results)
        tables = [*map(production_table, results), *results]
        deleted = await delete_rows(session, ref, tables, gently=True, report=report)
        await delete_rows(session, ref, cleaning.LABEL_JOB_REST, gently=True)
        await cleaning.delete_task(session, ref)
        return {table: rows for table, rows in deleted.items() if rows}


async def _find_ended(deployment: Deployment, session: Session, task_id: str) -> Task:
    task = await find_task(deployment, session, task_id)
    if not task.legacy and not task.finished:
        raise _running(task)
    return task


def _running(task: Task) -> Conflict:
    return Conflict(f"task {task.task_id} is {task.stat}; end it first: audience abort {task.task_id}")
