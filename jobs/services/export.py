"""Exporting the production rows of a task, streamed from the server in flat memory."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jobs.deployment import Deployment
from jobs.errors import Conflict, DatabaseError, ResultUnreadable, UnknownTask
from jobs.model.task import Task
from jobs.model.wording import counted
from jobs.services.connections import production_lengths
from jobs.services.row_files import RowFormat, WriteRows, check_format, row_file, row_writer
from jobs.services.tasks import check_status
from jobs.storage import production
from jobs.storage.stream import stream

Progress = Callable[[int, int], None]
"""Takes the rows that are written, and the rows that there are to write."""


@dataclass(frozen=True)
class Export:
    """What was exported."""

    task: Task
    tables: tuple[str, ...]
    rows: int
    produced: int
    """The rows that production wrote."""

    @property
    def remark(self) -> str | None:
        """Whether rows were deleted or added since production, in words. The figures of v2.1 cannot tell."""
        if self.task.legacy or self.rows == self.produced:
            return None
        return f"production wrote {counted(self.produced, 'row')}: the tables have changed since"


async def export_task(
    deployment: Deployment,
    task_id: str,
    target: Path | IO[bytes],
    row_format: RowFormat,
    tables: Sequence[str] = (),
    *,
    overwrite: bool = False,
    progress: Progress = lambda rows, total: None,
) -> Export:
    """Write a task's production rows, from all its production tables or from these, to a file or an open stream.

    A file appears whole, or not at all; a stream has as many rows as were written before an error. A task without
    rows gives a file without rows.

    Raises InvalidTaskId, UnknownTask, StateUnreadable, InvalidValue, EmptyResult, ResultUnreadable, CannotWrite,
    Conflict if production is not finished, and for a stream OSError.
    """
    check_format(row_format)
    task = await check_status(deployment, task_id)
    if not task.produced:
        raise Conflict(f"task {task.task_id} is {task.stat}, its production is not finished; export it after that")
    lengths = production_lengths(task, list(dict.fromkeys(tables)))
    if isinstance(target, Path):
        with row_file(target, row_format, overwrite=overwrite) as file:
            rows = await _copy(deployment, task, lengths, file.write, progress)
            await asyncio.to_thread(file.sync)  # the file does it again, in no time
    else:
        with row_writer(target, row_format) as write:
            rows = await _copy(deployment, task, lengths, write, progress)
    return Export(task, tuple(lengths), rows, sum(lengths.values()))


async def _copy(
    deployment: Deployment, task: Task, lengths: dict[str, int], write: WriteRows, progress: Progress
) -> int:
    total, copied = sum(lengths.values()), 0
    progress(copied, total)
    try:
        for table in lengths:
            async with stream(deployment.output, *production.rows_of_task(task.ref, table)) as batches:
                async for batch in batches:
                    write(batch)
                    copied += len(batch)
                    progress(copied, total)
    except DatabaseError as error:
        raise ResultUnreadable(f"cannot read the result tables: {error}") from error
    await _require_produced(deployment, task)
    return copied


async def _require_produced(deployment: Deployment, task: Task) -> None:
    """Raise Conflict if a purge, which deletes rows after it has changed the state, began while rows were read."""
    try:
        produced = (await check_status(deployment, task.task_id)).produced
    except UnknownTask:
        produced = False
    if not produced:
        raise Conflict(f"task {task.task_id} was purged while it was exported; rows are missing")
