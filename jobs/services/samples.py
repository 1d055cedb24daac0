"""Random samples of a task's production rows, and saving them to a file."""

import random
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import datetime
from pathlib import Path

from jobs.deployment import Deployment
from jobs.errors import EmptyResult, ResultUnreadable, UnknownTask
from jobs.model.task import TaskRef, check_task_id
from jobs.services.connections import check_limit, find_task, output_session, production_lengths
from jobs.services.row_files import format_of, row_file
from jobs.storage import production
from jobs.storage.connection import Session


@dataclass(frozen=True)
class SampleRow:
    """A row of a production table."""

    id: str
    task_id: str
    source_author: str
    panel: str
    create_time: datetime | str
    """A str if Python's calendar does not have it, such as 2020-02-00."""
    field_content: str
    match_content: str

    def to_json(self) -> dict[str, str]:
        """Return every column, the time in ISO form."""
        return asdict(self) | {"create_time": str(self.create_time).replace(" ", "T")}


async def sample_result(
    deployment: Deployment, task_id: str, tables: Sequence[str] = (), limit: int = 50
) -> list[SampleRow]:
    """Return a random sample of a task's production rows, from all its production tables or from these.

    Raises InvalidTaskId, EmptyResult, ResultUnreadable.
    """
    check_task_id(task_id)
    check_limit(limit)
    async with output_session(deployment, ResultUnreadable, "cannot read the result tables") as session:
        try:
            task = await find_task(deployment, session, task_id)
        except UnknownTask as error:
            raise EmptyResult(f"empty result: {error}") from error
        if not task.produced:
            raise EmptyResult(f"empty result: task {task.task_id} is {task.stat}, its production is not finished")
        chosen = production_lengths(task, tables)
        rows = await _sample(session, task.ref, chosen, limit)
    if not rows:
        raise EmptyResult(f"empty result: task {task.task_id} has no rows in {', '.join(chosen) or 'any table'}")
    return rows


async def _sample(session: Session, ref: TaskRef, lengths: dict[str, int], limit: int) -> list[SampleRow]:
    """Draw a uniform sample in one pass without sorting.

    Each row is drawn with a probability that gives more rows than needed, and the surplus is dropped. It
    falls short less than once in 10^15 times, unless rows were deleted since production; then a second
    pass draws from all that are left.
    """
    total = sum(lengths.values())
    share = (2 * limit + 50) / max(total, 1)
    for probability in (share, 1.0):
        rows = [row for table in lengths for row in await production.sample(session, ref, table, probability)]
        if len(rows) >= min(limit, total):
            break
    return [SampleRow(*row) for row in random.sample(rows, min(limit, len(rows)))]


def save_sample(path: Path, rows: Sequence[SampleRow]) -> None:
    """Write rows to a new file, in the format that its name asks for. Raises InvalidValue, and CannotWrite."""
    with row_file(path, format_of(path)) as file:
        file.write([astuple(row) for row in rows])
