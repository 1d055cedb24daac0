"""Claims: how workers share the windows of a label job and the units of a production job.

The open transaction is the claim: a row of `task_window` or `task_unit` stays locked from `claim` to the commit
that also holds the work's rows and its done mark. A worker that dies leaves a free row behind, and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum

from jobs.model.task import TaskRef
from jobs.storage.connection import Session, quote
from jobs.storage.values import Row

KEEPALIVE_SECONDS = 10.0
"""How often a claim whose owner is busy elsewhere gets a statement, so that the server does not free it."""


class Claimable(StrEnum):
    """A table of rows to claim. Its key is (task_id, number)."""

    WINDOWS = "task_window"
    UNITS = "task_unit"

    def of(self, ref: TaskRef) -> str:
        """Return its quoted name in the schema of a task."""
        return quote(ref.schema, self.value)


async def claim(session: Session, ref: TaskRef, table: Claimable, columns: Sequence[str]) -> Row | None:
    """Lock the first row that is neither done, nor claimed, nor waiting for a retry, and return these columns."""
    return await session.row(
        f"""
        SELECT {", ".join(columns)} FROM {table.of(ref)}
        WHERE task_id = %(task_id)s AND NOT done AND (retry_at IS NULL OR retry_at <= UTC_TIMESTAMP(6))
        ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        {"task_id": ref.task_id},
    )


async def claim_whole(session: Session, ref: TaskRef) -> bool:
    """Claim the task as a whole, for what one worker does after the last window or unit. False if it is claimed."""
    row = await session.row(
        f"SELECT 1 FROM {quote(ref.schema, 'task_definition')} WHERE task_id = %(task_id)s FOR UPDATE SKIP LOCKED",
        {"task_id": ref.task_id},
    )
    return row is not None


async def set_timeout(session: Session, seconds: int) -> None:
    """Have the server free the session's claims after this many seconds without a statement."""
    await session.execute(f"SET SESSION idle_transaction_timeout = {seconds}")


@asynccontextmanager
async def kept_alive(session: Session) -> AsyncIterator[None]:
    """Keep the session's open transaction from being silent for too long, for the length of the block."""
    done = asyncio.Event()

    async def keep() -> None:
        while not done.is_set():
            try:
                async with asyncio.timeout(KEEPALIVE_SECONDS):
                    await done.wait()
            except TimeoutError:
                await session.execute("DO 0")

    keeping = asyncio.create_task(keep())
    try:
        yield
        done.set()
        await keeping
    finally:
        keeping.cancel()


async def count_open(session: Session, ref: TaskRef, table: Claimable) -> int:
    """Return how many rows are not done, claimed ones included."""
    row = await session.row(
        f"SELECT COUNT(*) FROM {table.of(ref)} WHERE task_id = %(task_id)s AND NOT done", {"task_id": ref.task_id}
    )
    return int(row[0]) if row else 0


async def postpone(session: Session, ref: TaskRef, table: Claimable, number: int) -> int:
    """Count a failed attempt and delay the next one: each delay is twice the last, up to half a minute.

    Returns the number of failed attempts.
    """
    key = {"task_id": ref.task_id, "number": number}
    await session.execute(
        f"""
        UPDATE {table.of(ref)} SET
          attempts = attempts + 1,
          retry_at = UTC_TIMESTAMP(6) + INTERVAL LEAST(POW(2, attempts - 1), 30) SECOND
        WHERE task_id = %(task_id)s AND number = %(number)s AND NOT done
        """,
        key,
    )
    row = await session.row(
        f"SELECT attempts FROM {table.of(ref)} WHERE task_id = %(task_id)s AND number = %(number)s", key
    )
    return int(row[0]) if row else 0


async def reset_attempts(session: Session, ref: TaskRef) -> None:
    """Make every open window and unit ready to be claimed, as if it had never failed."""
    for table in Claimable:
        await session.execute(
            f"UPDATE {table.of(ref)} SET attempts = 0, retry_at = NULL WHERE task_id = %(task_id)s AND NOT done",
            {"task_id": ref.task_id},
        )
