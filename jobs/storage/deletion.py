"""Deleting the rows of a task, in batches so small that no lane waits for them.

A batch is a transaction of its own that takes a few hundredths of a second. Gently, a pause many times as long follows
each while tasks run, so that deleting takes only a small part of the server's time.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from jobs.model.task import TaskRef
from jobs.storage.cleaning import is_busy
from jobs.storage.connection import Session, quote
from jobs.storage.schema import columns_of

_BATCH_SECONDS = 0.02
# A statement also passes over the rows that were deleted before, until no reader needs them any more: while one keeps a
# snapshot, that takes longer than deleting, and smaller batches would not help.
_FEWEST_BATCH_ROWS = 50
_MOST_BATCH_ROWS = 5_000

_PAUSE_SECONDS = 0.01
# The share of the time that deleting takes while tasks run.
_GENTLE_SHARE = 0.025
# How long it is taken for granted that tasks run, or that none does.
_LOOK_SECONDS = 0.5


def next_batch(rows: int, seconds: float) -> int:
    """Return how many rows the next batch should have, after one of this many rows took this long."""
    wanted = int(rows * _BATCH_SECONDS / max(seconds, 1e-6))
    return max(_FEWEST_BATCH_ROWS, min(wanted, 2 * rows, _MOST_BATCH_ROWS))


async def delete_rows(
    session: Session,
    ref: TaskRef,
    tables: Iterable[str],
    *,
    gently: bool,
    report: Callable[[int], object] = lambda _: None,
) -> dict[str, int]:
    """Delete the task's rows of these tables, one table after the other, and return how many each had.

    Calls `report` with the number of rows of each batch. If it is interrupted, it can be repeated. Skips tables that do
    not exist, or have no task ids. Raises DatabaseError.
    """
    deleted = {}
    pace = _Pace(session, ref.schema, gently)
    columns = await columns_of(session, ref.schema, list(tables))
    for table in columns:
        if "task_id" in columns[table]:
            deleted[table] = await _delete_from(session, ref, table, pace, report)
    return deleted


async def _delete_from(
    session: Session, ref: TaskRef, table: str, pace: "_Pace", report: Callable[[int], object]
) -> int:
    total, rows = 0, _FEWEST_BATCH_ROWS
    while True:
        started = time.monotonic()
        deleted = await session.execute(
            f"DELETE FROM {quote(ref.schema, table)} WHERE task_id = %(task_id)s LIMIT {rows:d}",
            {"task_id": ref.task_id},
        )
        seconds = time.monotonic() - started
        total += deleted
        report(deleted)
        if deleted < rows:
            return total
        rows = next_batch(rows, seconds)
        await pace.rest(seconds)


@dataclass
class _Pace:
    """How long to pause between batches."""

    session: Session
    schema: str
    gently: bool
    _busy: bool = field(default=True, init=False)
    _look_at: float = field(default=0.0, init=False)

    async def rest(self, seconds: float) -> None:
        """Pause after a batch that took this long."""
        now = time.monotonic()
        if self.gently and now >= self._look_at:
            self._busy, self._look_at = await is_busy(self.session, self.schema), now + _LOOK_SECONDS
        pause = seconds * (1 / _GENTLE_SHARE - 1) if self.gently and self._busy else _PAUSE_SECONDS
        await asyncio.sleep(pause)


async def count_rows(session: Session, ref: TaskRef, tables: Iterable[str]) -> dict[str, int]:
    """Return how many rows of the task each of these tables has, if it has any. Takes about 0.3 s a million rows."""
    counts = {}
    columns = await columns_of(session, ref.schema, list(tables))
    for table in columns:
        if "task_id" in columns[table]:
            row = await session.row(
                f"SELECT COUNT(*) FROM {quote(ref.schema, table)} WHERE task_id = %(task_id)s",
                {"task_id": ref.task_id},
            )
            counts[table] = int(row[0]) if row else 0
    return {table: count for table, count in counts.items() if count}
