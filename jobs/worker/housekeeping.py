"""Housekeeping: removes what finished tasks no longer need, in batches so small that no lane waits for them."""

import asyncio
import logging

from jobs.deployment import Deployment
from jobs.errors import DatabaseError
from jobs.model.task import TaskRef
from jobs.storage import state, windows

_logger = logging.getLogger(__name__)

SWEEP_SECONDS = 600.0

# A row has up to 30 kB of hashes, so a batch takes a few milliseconds.
_BATCH_ROWS = 50
_PAUSE_SECONDS = 0.01


async def delete_author_hashes(deployment: Deployment, ref: TaskRef) -> None:
    """Delete the author hashes of a finished task, whose counts are in the state table. Raises nothing."""
    try:
        async with deployment.output_session() as session:
            while await windows.delete_authors(session, ref, _BATCH_ROWS) == _BATCH_ROWS:
                await asyncio.sleep(_PAUSE_SECONDS)
    except DatabaseError as error:
        _logger.warning("task %s: author hashes are not deleted yet: %s", ref.task_id, error)


async def sweep(deployment: Deployment) -> None:
    """Delete the author hashes that a worker left behind when it died. Raises DatabaseError."""
    async with deployment.output_session() as session:
        refs = [
            TaskRef(schema, task_id)
            for schema in await state.schemas(session, migrated=True)
            for task_id in await state.find_produced(session, schema, await windows.tasks_with_authors(session, schema))
        ]
    for ref in refs:
        await delete_author_hashes(deployment, ref)
