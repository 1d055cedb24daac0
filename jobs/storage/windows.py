"""The `task_window`, `task_result` and `task_author` tables: the windows of a task, and what each labelled."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from jobs.model.tally import SLICES, unpack_hashes
from jobs.model.task import TaskRef
from jobs.model.windows import Key, Window
from jobs.storage.claims import Claimable, claim
from jobs.storage.connection import Session, quote

# The hashes of one row are those of a part of a window in one slice, about 30 kB at the most.
_AUTHOR_ROWS = 200
_COLUMNS = ("number", "start_time", "end_time", "from_key", "before_key", "uncut")


@dataclass(frozen=True)
class ResultRows:
    """What a window, or a task, labelled for one result."""

    labelled: int
    """Rows that got a label."""
    label_rows: int
    """Rows in the label table."""


async def insert(session: Session, ref: TaskRef, windows: Sequence[Window]) -> None:
    """Store windows of a task."""
    await session.insert_many(
        f"INSERT INTO {_windows(ref)} (task_id, {', '.join(_COLUMNS)})",
        (
            (
                ref.task_id,
                window.number,
                window.start_time,
                window.end_time,
                _to_text(window.from_key),
                _to_text(window.before_key),
                int(window.uncut),
            )
            for window in windows
        ),
    )


async def claim_window(session: Session, ref: TaskRef) -> Window | None:
    """Claim the next window. Returns None if every open one is claimed, or waits for a retry."""
    row = await claim(session, ref, Claimable.WINDOWS, _COLUMNS)
    if row is None:
        return None
    number, start, end, from_key, before_key, uncut = row
    return Window(number, start, end, _from_text(from_key), _from_text(before_key), bool(uncut))


async def cut(session: Session, ref: TaskRef, window: Window, key: Key | None) -> None:
    """Cut the claimed window at a key, and leave the rest to be cut on; without a key, it is the last one."""
    await session.execute(
        f"""
        UPDATE {_windows(ref)} SET uncut = FALSE, before_key = %(before_key)s
        WHERE task_id = %(task_id)s AND number = %(number)s
        """,
        _window(ref, window) | {"before_key": _to_text(key)},
    )
    if key is not None:
        rest = Window(window.number + 1, window.start_time, window.end_time, key, None, uncut=True)
        await insert(session, ref, [rest])


async def add_authors(
    session: Session, ref: TaskRef, window: Window, part: int, authors: Mapping[tuple[str, int], bytes]
) -> None:
    """Store the author hashes of a part of the claimed window, by result and slice."""
    await session.insert_many(
        f"INSERT INTO {_authors(ref)} (task_id, slice, number, part, result, authors)",
        ((ref.task_id, slice_, window.number, part, result, hashes) for (result, slice_), hashes in authors.items()),
    )


async def finish(
    session: Session, ref: TaskRef, window: Window, received: int, labelled: int, results: Mapping[str, ResultRows]
) -> None:
    """Mark the claimed window done, with the number of rows read and labelled, and what each result got."""
    await session.insert_many(
        f"INSERT INTO {_results(ref)} (task_id, number, result, labelled, label_rows)",
        ((ref.task_id, window.number, result, rows.labelled, rows.label_rows) for result, rows in results.items()),
    )
    await session.execute(
        f"""
        UPDATE {_windows(ref)} SET done = TRUE, received = %(received)s, labelled = %(labelled)s, retry_at = NULL
        WHERE task_id = %(task_id)s AND number = %(number)s
        """,
        _window(ref, window) | {"received": received, "labelled": labelled},
    )


async def done_flags(session: Session, ref: TaskRef) -> tuple[bool, ...]:
    """Return for each window, in order, whether it is done."""
    rows = await session.rows(
        f"SELECT done FROM {_windows(ref)} WHERE task_id = %(task_id)s ORDER BY number", _task(ref)
    )
    return tuple(bool(row[0]) for row in rows)


async def count_results(session: Session, ref: TaskRef) -> dict[str, ResultRows]:
    """Return what all windows labelled, by result, sorted by name."""
    rows = await session.rows(
        f"""
        SELECT result, SUM(labelled), SUM(label_rows) FROM {_results(ref)}
        WHERE task_id = %(task_id)s GROUP BY result
        """,
        _task(ref),
    )
    return {result: ResultRows(int(labelled), int(label_rows)) for result, labelled, label_rows in sorted(rows)}


async def reopen(session: Session, ref: TaskRef) -> None:
    """Open every window again, as if none had been claimed. The label rows must be deleted too."""
    for table in (_results(ref), _authors(ref)):
        await session.execute(f"DELETE FROM {table} WHERE task_id = %(task_id)s", _task(ref), seconds=None)
    await session.execute(
        f"UPDATE {_windows(ref)} SET done = FALSE, received = NULL, labelled = NULL WHERE task_id = %(task_id)s",
        _task(ref),
    )


async def count_authors(session: Session, ref: TaskRef) -> Counter[str]:
    """Count the distinct authors of all windows, by result. Exact, in flat memory.

    It holds a few slices at a time, fewer the more windows and results there are. The condition on the last row
    is spelled out because the server does not use an index for a comparison of row values.
    """
    counts: Counter[str] = Counter()
    row = await session.row(f"SELECT COUNT(*) FROM {_authors(ref)} WHERE task_id = %(task_id)s", _task(ref))
    slices_at_once = max(1, SLICES * _AUTHOR_ROWS // max(int(row[0]), 1)) if row else 1
    for first in range(0, SLICES, slices_at_once):
        authors: defaultdict[str, set[int]] = defaultdict(set)
        last: tuple[int, int, int, str] = (first, -1, -1, "")
        while last[0] < first + slices_at_once:
            rows = await session.rows(
                f"""
                SELECT slice, number, part, result, authors FROM {_authors(ref)}
                WHERE task_id = %(task_id)s AND (
                  slice > %(slice)s AND slice <= %(last_slice)s
                  OR slice = %(slice)s AND number > %(number)s
                  OR slice = %(slice)s AND number = %(number)s AND part > %(part)s
                  OR slice = %(slice)s AND number = %(number)s AND part = %(part)s AND result > %(result)s)
                ORDER BY slice, number, part, result LIMIT {_AUTHOR_ROWS}
                """,
                _task(ref)
                | {"last_slice": first + slices_at_once - 1}
                | dict(zip(("slice", "number", "part", "result"), last, strict=True)),
            )
            for _, _, _, result, packed in rows:
                authors[result].update(unpack_hashes(packed))
            if len(rows) < _AUTHOR_ROWS:
                break
            last = rows[-1][:4]
        counts.update({result: len(hashes) for result, hashes in authors.items()})
    return counts


async def delete_authors(session: Session, ref: TaskRef, limit: int) -> int:
    """Delete at most this many rows of author hashes of a finished task, and return how many were deleted."""
    return await session.execute(
        f"DELETE FROM {_authors(ref)} WHERE task_id = %(task_id)s LIMIT %(limit)s", _task(ref) | {"limit": limit}
    )


async def tasks_with_authors(session: Session, schema: str) -> list[str]:
    """Return the ids of the tasks that have author hashes. Reads one entry of the index for each."""
    rows = await session.rows(f"SELECT task_id FROM {quote(schema, 'task_author')} GROUP BY task_id")
    return [row[0] for row in rows]


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
