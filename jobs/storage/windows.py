"""The SQL of the windows: which are done, which one a lane works on, what each came to.

The open transaction is the claim: a window is locked from `claim` to the commit that also holds
its label rows. A worker that dies leaves nothing behind but a window that is free again.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import cast

from jobs.model.tally import SLICES, hashes_of
from jobs.model.task import Key, Window
from jobs.storage.connection import Session, quote

_AUTHOR_ROWS = 100


async def insert(session: Session, schema: str, task_id: str, windows: Sequence[Window]) -> None:
    """The windows of a new task."""
    await session.insert_many(
        f"INSERT INTO {_windows(schema)} (task_id, number, start_time, end_time, from_key, before_key)",
        (
            (task_id, its.number, its.start_time, its.end_time, _to_text(its.from_key), _to_text(its.before_key))
            for its in windows
        ),
    )


async def claim(session: Session, schema: str, task_id: str) -> Window | None:
    """Locks the first window that is neither done, nor locked, nor waiting to be tried again."""
    row = await session.row(
        f"""
        SELECT number, start_time, end_time, from_key, before_key FROM {_windows(schema)}
        WHERE task_id = %s AND NOT done AND (retry_at IS NULL OR retry_at <= UTC_TIMESTAMP(6))
        ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        (task_id,),
    )
    return Window(*row[:3], *map(_from_text, row[3:])) if row else None


async def add_authors(
    session: Session, schema: str, task_id: str, window: Window, part: int, authors: Mapping[tuple[str, int], bytes]
) -> None:
    """Keeps the authors of a part of the claimed window, by result and slice."""
    await session.insert_many(
        f"INSERT INTO {_authors(schema)} (task_id, slice, number, part, result, authors)",
        ((task_id, slice_, window.number, part, result, hashes) for (result, slice_), hashes in authors.items()),
    )


async def finish(
    session: Session, schema: str, task_id: str, window: Window, received: int, labelled: Mapping[str, int]
) -> None:
    """Marks the claimed window done: how many rows were read, and how many got a label, by result."""
    await session.insert_many(
        f"INSERT INTO {_results(schema)} (task_id, number, result, labelled)",
        ((task_id, window.number, result, rows) for result, rows in labelled.items()),
    )
    await session.execute(
        f"UPDATE {_windows(schema)} SET done = TRUE, received = %s, retry_at = NULL WHERE task_id = %s AND number = %s",
        (received, task_id, window.number),
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


async def results(session: Session, schema: str, task_id: str) -> list[str]:
    """The results that the windows have labelled rows of, in the order of their names."""
    rows = await session.rows(f"SELECT DISTINCT result FROM {_results(schema)} WHERE task_id = %s", (task_id,))
    return sorted(row[0] for row in rows)


async def count_authors(session: Session, schema: str, task_id: str) -> Counter[str]:
    """How many distinct authors all windows have, by result; exact. One slice of them is in memory at a time."""
    counts: Counter[str] = Counter()
    for slice_ in range(SLICES):
        united: defaultdict[str, set[int]] = defaultdict(set)
        last = (-1, -1, "")
        while rows := await session.rows(
            f"""
            SELECT number, part, result, authors FROM {_authors(schema)}
            WHERE task_id = %s AND slice = %s AND (number, part, result) > (%s, %s, %s)
            ORDER BY number, part, result LIMIT {_AUTHOR_ROWS}
            """,
            (task_id, slice_, *last),
        ):
            for _, _, result, packed in rows:
                united[result].update(hashes_of(packed))
            last = rows[-1][:3]
        counts.update({result: len(authors) for result, authors in united.items()})
    return counts


async def forget_authors(session: Session, schema: str, task_id: str) -> None:
    """Drops the authors of a task that is finished: their counts are in the state table."""
    await session.execute(f"DELETE FROM {_authors(schema)} WHERE task_id = %s", (task_id,))


def _to_text(key: Key | None) -> str | None:
    return None if key is None else json.dumps(key)


def _from_text(text: str | None) -> Key | None:
    return None if text is None else cast("Key", json.loads(text))


def _windows(schema: str) -> str:
    return quote(schema, "task_window")


def _results(schema: str) -> str:
    return quote(schema, "task_result")


def _authors(schema: str) -> str:
    return quote(schema, "task_author")
