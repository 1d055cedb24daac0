"""The SQL of the windows: which are done, which one a lane works on, what each came to.

The open transaction is the claim: a window is locked from `claim` to the commit that also holds
its label rows. A worker that dies leaves nothing behind but a window that is free again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from jobs import tally
from jobs.database import Session, quote
from jobs.tally import ResultTally
from jobs.task import Window

# A window of any size fits into statements of a size that the server takes.
_PART_BYTES = 1_000_000
_PARTS_AT_ONCE = 20


async def insert(session: Session, schema: str, task_id: str, windows: Sequence[Window]) -> None:
    """The windows of a new task."""
    await session.insert_many(
        f"INSERT INTO {_windows(schema)} (task_id, number, start_time, end_time)",
        [(task_id, window.number, window.start_time, window.end_time) for window in windows],
    )


async def claim(session: Session, schema: str, task_id: str) -> Window | None:
    """Locks the first window that is neither done, nor locked, nor waiting to be tried again."""
    row = await session.row(
        f"""
        SELECT number, start_time, end_time FROM {_windows(schema)}
        WHERE task_id = %s AND NOT done AND (retry_at IS NULL OR retry_at <= UTC_TIMESTAMP(6))
        ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        (task_id,),
    )
    return Window(*row) if row else None


async def finish(session: Session, schema: str, task_id: str, window: Window, results: dict[str, ResultTally]) -> None:
    """Marks the claimed window done, with what it came to."""
    await session.insert_many(
        f"INSERT INTO {_results(schema)} (task_id, number, result, received, labelled)",
        [(task_id, window.number, result, its.received, its.labelled) for result, its in results.items()],
    )
    await session.insert_many(
        f"INSERT INTO {_authors(schema)} (task_id, result, number, part, authors)",
        (
            (task_id, result, window.number, part, its.authors[start : start + _PART_BYTES])
            for result, its in results.items()
            for part, start in enumerate(range(0, len(its.authors), _PART_BYTES))
        ),
    )
    await session.execute(
        f"UPDATE {_windows(schema)} SET done = TRUE, retry_at = NULL WHERE task_id = %s AND number = %s",
        (task_id, window.number),
    )


async def strip(session: Session, schema: str, task_id: str) -> tuple[bool, ...]:
    """Of each window, in their order, whether it is done."""
    rows = await session.rows(f"SELECT done FROM {_windows(schema)} WHERE task_id = %s ORDER BY number", (task_id,))
    return tuple(bool(row[0]) for row in rows)


async def left(session: Session, schema: str, task_id: str) -> int:
    """How many windows are not done, claimed ones included."""
    row = await session.row(f"SELECT COUNT(*) FROM {_windows(schema)} WHERE task_id = %s AND NOT done", (task_id,))
    return int(row[0]) if row else 0


async def postpone(session: Session, schema: str, task_id: str, window: Window) -> int:
    """Counts a failed attempt and lets the window rest, each time twice as long, half a minute at most.

    Returns the number of attempts that have failed.
    """
    key = (task_id, window.number)
    await session.execute(
        f"""
        UPDATE {_windows(schema)} SET
          attempts = attempts + 1,
          retry_at = UTC_TIMESTAMP(6) + INTERVAL LEAST(POW(2, attempts - 1), 30) SECOND
        WHERE task_id = %s AND number = %s AND NOT done
        """,
        key,
    )
    row = await session.row(f"SELECT attempts FROM {_windows(schema)} WHERE task_id = %s AND number = %s", key)
    return int(row[0]) if row else 0


async def forget_attempts(session: Session, schema: str, task_id: str) -> None:
    """Makes every window that is not done ready to be claimed, as if it had never failed."""
    await session.execute(
        f"UPDATE {_windows(schema)} SET attempts = 0, retry_at = NULL WHERE task_id = %s AND NOT done",
        (task_id,),
    )


@dataclass(frozen=True)
class ResultTotal:
    """What all windows of a task came to for one result."""

    result: str
    received: int
    labelled: int


async def totals(session: Session, schema: str, task_id: str) -> list[ResultTotal]:
    """The totals of the windows that are done, in the order of the results' names."""
    rows = await session.rows(
        f"SELECT result, SUM(received), SUM(labelled) FROM {_results(schema)} WHERE task_id = %s GROUP BY result",
        (task_id,),
    )
    return sorted(
        (ResultTotal(result, int(received), int(labelled)) for result, received, labelled in rows),
        key=lambda total: total.result,
    )


async def count_authors(session: Session, schema: str, task_id: str, result: str) -> int:
    """How many distinct authors all windows have for a result; exact."""
    united, last = b"", (0, -1)
    while True:
        rows = await session.rows(
            f"""
            SELECT number, part, authors FROM {_authors(schema)}
            WHERE task_id = %s AND result = %s AND (number, part) > (%s, %s)
            ORDER BY number, part LIMIT {_PARTS_AT_ONCE}
            """,
            (task_id, result, *last),
        )
        if not rows:
            return tally.count_authors(united)
        united = await asyncio.to_thread(tally.unite_authors, united, [row[2] for row in rows])
        last = rows[-1][:2]


async def forget_authors(session: Session, schema: str, task_id: str) -> None:
    """Drops the authors of a task that is finished: their counts are in the state table."""
    await session.execute(f"DELETE FROM {_authors(schema)} WHERE task_id = %s", (task_id,))


def _windows(schema: str) -> str:
    return quote(schema, "task_window")


def _results(schema: str) -> str:
    return quote(schema, "task_window_result")


def _authors(schema: str) -> str:
    return quote(schema, "task_window_author")
