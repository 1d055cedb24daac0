"""Housekeeping: deletes what ended tasks no longer need, in batches so small that no lane waits for them."""

import logging

from jobs.deployment import Deployment
from jobs.errors import DatabaseError, LockTaken
from jobs.model.task import TaskRef
from jobs.storage import cleaning, task_search, windows
from jobs.storage.connection import Session
from jobs.storage.deletion import delete_rows
from jobs.storage.locks import named_lock
from jobs.worker.alerts import drop_old_alerts

_logger = logging.getLogger(__name__)

SWEEP_SECONDS = 600.0


async def delete_author_hashes(deployment: Deployment, ref: TaskRef) -> None:
    """Delete the author hashes of a finished task, whose counts are in the state table. Raises nothing."""
    try:
        async with deployment.output_session() as session:
            await delete_rows(session, ref, ["task_author"], gently=False)
    except DatabaseError as error:
        _logger.warning("task %s: author hashes are not deleted yet: %s", ref.task_id, error)


async def sweep(deployment: Deployment) -> None:
    """Delete author hashes that a worker left behind when it died; clean tasks that ended long ago; drop old alerts.

    One worker at a time does this in a schema. Raises DatabaseError.
    """
    async with deployment.output_session() as session:
        for schema in await cleaning.schemas(session):
            try:
                async with named_lock(session, f"audience housekeeping {schema}", 0):
                    for task_id in await task_search.find_produced(
                        session, schema, await windows.tasks_with_authors(session, schema)
                    ):
                        await delete_author_hashes(deployment, TaskRef(schema, task_id))
                    await _clean_ended(session, deployment, schema)
                    await drop_old_alerts(session, deployment, schema)  # without NOTIFY_URL, no sender does
            except LockTaken:
                continue
            except DatabaseError as error:
                if error.unreachable:
                    raise
                _logger.warning("housekeeping, schema %s: %s", schema, error)


async def _clean_ended(session: Session, deployment: Deployment, schema: str) -> None:
    """Clean the deployment's tasks that ended more than LABEL_ROWS_DAYS ago, the first one first."""
    name, days = deployment.settings.deployment, deployment.settings.label_rows_days
    for ref in await cleaning.find_interrupted(session, schema, name):
        await _clean(session, ref)
    if days:
        while ended := await cleaning.begin_cleaning(session, schema, name, days):
            await _clean(session, ended)


async def _clean(session: Session, ref: TaskRef) -> None:
    """Delete the label rows, windows, units and hashes of a task."""
    task = await task_search.find(session, ref)
    results = await cleaning.results_of(session, ref, task.results if task else [])
    deleted = await delete_rows(session, ref, [*results, *cleaning.LABEL_JOB_REST], gently=True)
    _logger.info("task %s: cleaned, %s rows", ref.task_id, sum(deleted.values()))
