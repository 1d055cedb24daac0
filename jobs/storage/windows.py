"""The `task_window`, `task_result` and `task_author` tables: the windows of a task, and what each came to.

The open transaction is the claim: a window stays locked from `claim` to the commit that also holds its
label rows. A worker that dies leaves a free window behind, and nothing else.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import cast

from jobs.model.tally import SLICES, unpack_hashes
from jobs.model.task import TaskRef
from jobs.model.windows import Key, Window
from jobs.storage.connection import Row, Session, quote

_AUTHOR_ROWS = 100


async def insert(session: Session, ref: TaskRef, windows: Sequence[Window]) -> None:
    """Store the windows of a new task."""
    await session.insert_many(
        f"INSERT INTO {_windows(ref)} (task_id, number, start_time, end_time, from_key, before_key)",
        (
            (
                ref.task_id,
                window.number,
                window.start_time,
                window.end_time,
                _to_text(window.from_key),
                _to_text(window.before_key),
            )
            for window in windows
        ),
    )


async def claim(session: Session, ref: TaskRef) -> Window | None:
    """Lock and return the first window that is neither done, nor claimed, nor waiting for a retry."""
    row = await session.row(
        f"""
        SELECT number, start_time, end_time, from_key, before_key FROM {_windows(ref)}
        WHERE task_id = %(task_id)s AND NOT done AND (retry_at IS NULL OR retry_at <= UTC_TIMESTAMP(6))
        ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        _task(ref),
    )
    return Window(*row[:3], *map(_from_text, row[3:])) if row else None


async def set_claim_timeout(session: Session, seconds: int) -> None:
    """Have the server free the session's claim after this many seconds without a statement."""
    await session.execute(f"SET SESSION idle_transaction_timeout = {seconds}")


async def keep_claim(session: Session) -> None:
    """Reset the session's claim timeout."""
    await session.execute("DO 0")


async def add_authors(
    session: Session, ref: TaskRef, window: Window, part: int, authors: Mapping[tuple[str, int], bytes]
) -> None:
    """Store the author hashes of a part of the claimed window, by result and slice."""
    await session.insert_many(
        f"INSERT INTO {_authors(ref)} (task_id, slice, number, part, result, authors)",
        ((ref.task_id, slice_, window.number, part, result, hashes) for (result, slice_), hashes in authors.items()),
    )


async def finish(session: Session, ref: TaskRef, window: Window, received: int, labelled: Mapping[str, int]) -> None:
    """Mark the claimed window done, with the number of rows read, and of rows labelled by result."""
    await session.insert_many(
        f"INSERT INTO {_results(ref)} (task_id, number, result, labelled)",
        ((ref.task_id, window.number, result, rows) for result, rows in labelled.items()),
    )
    await session.execute(
        f"""
        UPDATE {_windows(ref)} SET done = TRUE, received = %(received)s, retry_at = NULL
        WHERE task_id = %(task_id)s AND number = %(number)s
        """,
        _window(ref, window) | {"received": received},
    )


async def done_flags(session: Session, ref: TaskRef) -> tuple[bool, ...]:
    """Return for each window, in order, whether it is done."""
    rows = await session.rows(
        f"SELECT done FROM {_windows(ref)} WHERE task_id = %(task_id)s ORDER BY number", _task(ref)
    )
    return tuple(bool(row[0]) for row in rows)


async def count_open(session: Session, ref: TaskRef) -> int:
    """Return how many windows are not done, claimed ones included."""
    row = await session.row(
        f"SELECT COUNT(*) FROM {_windows(ref)} WHERE task_id = %(task_id)s AND NOT done", _task(ref)
    )
    return int(row[0]) if row else 0


async def postpone(session: Session, ref: TaskRef, window: Window) -> int:
    """Count a failed attempt and delay the next one: each delay is twice the last, up to half a minute.

    Returns the number of failed attempts.
    """
    key = _window(ref, window)
    await session.execute(
        f"""
        UPDATE {_windows(ref)} SET
          attempts = attempts + 1,
          retry_at = UTC_TIMESTAMP(6) + INTERVAL LEAST(POW(2, attempts - 1), 30) SECOND
        WHERE task_id = %(task_id)s AND number = %(number)s AND NOT done
        """,
        key,
    )
    row = await session.row(
        f"SELECT attempts FROM {_windows(ref)} WHERE task_id = %(task_id)s AND number = %(number)s", key
    )
    return int(row[0]) if row else 0


async def reset_attempts(session: Session, ref: TaskRef) -> None:
    """Make every open window ready to be claimed, as if it had never failed."""
    await session.execute(
        f"UPDATE {_windows(ref)} SET attempts = 0, retry_at = NULL WHERE task_id = %(task_id)s AND NOT done",
        _task(ref),
    )


async def results(session: Session, ref: TaskRef) -> list[str]:
    """Return the results that have labelled rows, sorted by name."""
    rows = await session.rows(f"SELECT DISTINCT result FROM {_results(ref)} WHERE task_id = %(task_id)s", _task(ref))
    return sorted(row[0] for row in rows)


async def count_labelled(session: Session, ref: TaskRef) -> dict[str, int]:
    """Return how many rows got a label, by result."""
    rows = await session.rows(
        f"SELECT result, SUM(labelled) FROM {_results(ref)} WHERE task_id = %(task_id)s GROUP BY result", _task(ref)
    )
    return {result: int(labelled) for result, labelled in rows}


async def reopen(session: Session, ref: TaskRef) -> None:
    """Open every window again, as if none had been claimed. The label rows must be deleted too."""
    for table in (_results(ref), _authors(ref)):
        await session.execute(f"DELETE FROM {table} WHERE task_id = %(task_id)s", _task(ref), seconds=None)
    await session.execute(
        f"UPDATE {_windows(ref)} SET done = FALSE, received = NULL WHERE task_id = %(task_id)s", _task(ref)
    )


async def count_authors(session: Session, ref: TaskRef) -> Counter[str]:
    """Count the distinct authors of all windows, by result. Exact; holds one slice in memory at a time."""
    counts: Counter[str] = Counter()
    for slice_ in range(SLICES):
        authors: defaultdict[str, set[int]] = defaultdict(set)
        last: Row = (-1, -1, "")
        while rows := await session.rows(
            f"""
            SELECT number, part, result, authors FROM {_authors(ref)}
            WHERE task_id = %(task_id)s AND slice = %(slice)s
              AND (number, part, result) > (%(number)s, %(part)s, %(result)s)
            ORDER BY number, part, result LIMIT {_AUTHOR_ROWS}
            """,
            _task(ref) | {"slice": slice_} | dict(zip(("number", "part", "result"), last, strict=True)),
        ):
            for _, _, result, packed in rows:
                authors[result].update(unpack_hashes(packed))
            last = rows[-1][:3]
        counts.update({result: len(hashes) for result, hashes in authors.items()})
    return counts


async def delete_authors(session: Session, ref: TaskRef) -> None:
    """Delete the author hashes of a finished task, whose counts are in the state table."""
    await session.execute(f"DELETE FROM {_authors(ref)} WHERE task_id = %(task_id)s", _task(ref))


def _to_text(key: Key | None) -> str | None:
    return None if key is None else json.dumps(key)


def _from_text(text: str | None) -> Key | None:
    return None if text is None else cast("Key", json.loads(text))


def _task(ref: TaskRef) -> dict[str, object]:
    return {"task_id": ref.task_id}


def _window(ref: TaskRef, window: Window) -> dict[str, object]:
    return {"task_id": ref.task_id, "number": window.number}


def _windows(ref: TaskRef) -> str:
    return quote(ref.schema, "task_window")


def _results(ref: TaskRef) -> str:
    return quote(ref.schema, "task_result")


def _authors(ref: TaskRef) -> str:
    return quote(ref.schema, "task_author")
