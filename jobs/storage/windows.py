"""The `task_window`, `task_result` and `task_author` tables: the windows of a task, and what each labelled."""

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import cast

from jobs.model.tally import BUCKETS, AuthorHashes, unpack_authors
from jobs.model.task import TaskRef
from jobs.model.windows import Key, Window, WindowState
from jobs.storage.claims import Claimable, claim
from jobs.storage.compressed import deflate, inflate
from jobs.storage.connection import Session, quote

# How many rows of `task_author` are read at a time, and how many posts the authors are of that are held at a time: in
# memory, an author takes a hundred bytes, twice as many with a label.
_AUTHOR_ROWS = 200
_POSTS_AT_ONCE = 200_000
_HIT_ROWS = 100
_COLUMNS = ("number", "start_time", "end_time", "from_key", "before_key", "uncut")


@dataclass(frozen=True)
class ResultRows:
    """What a window, or a task, labelled for one result."""

    labelled: int
    """Rows that got a label."""
    label_rows: int
    """Rows in the label table."""


@dataclass(frozen=True)
class AuthorCounts:
    """The distinct authors of a task, by result."""

    all: Counter[str] = field(default_factory=Counter)
    """The authors of all rows that were read."""
    by_pattern: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """The authors of the rows that a pattern decided about, by its number."""
    by_label: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """The authors of the rows that got a label."""


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
    session: Session, ref: TaskRef, window: Window, part: int, authors: Mapping[tuple[str, int], AuthorHashes]
) -> None:
    """Store the author hashes of a part of the claimed window, by result and bucket."""
    await session.insert_many(
        f"INSERT INTO {_authors(ref)} (task_id, slice, number, part, result, authors, patterns)",
        (
            (ref.task_id, bucket, window.number, part, result, packed.authors, packed.patterns)
            for (result, bucket), packed in authors.items()
        ),
    )


async def finish(
    session: Session,
    ref: TaskRef,
    window: Window,
    received: int,
    labelled: int,
    results: Mapping[str, ResultRows],
    hits: Mapping[str, Mapping[int, int]],
) -> None:
    """Mark the claimed window done, with the number of rows read and labelled, and what each result got.

    `hits` is the number of rows that each pattern decided about, by result.
    """
    await session.insert_many(
        f"INSERT INTO {_results(ref)} (task_id, number, result, labelled, label_rows, hits)",
        (
            (ref.task_id, window.number, result, rows.labelled, rows.label_rows, _pack_hits(hits[result]))
            for result, rows in results.items()
        ),
    )
    await session.execute(
        f"""
        UPDATE {_windows(ref)} SET done = TRUE, received = %(received)s, labelled = %(labelled)s, retry_at = NULL
        WHERE task_id = %(task_id)s AND number = %(number)s
        """,
        _window(ref, window) | {"received": received, "labelled": labelled},
    )


async def states(session: Session, ref: TaskRef) -> tuple[WindowState, ...]:
    """Return how each window stands, in order."""
    rows = await session.rows(
        f"""
        SELECT number, start_time, end_time, done, attempts FROM {_windows(ref)}
        WHERE task_id = %(task_id)s ORDER BY number
        """,
        _task(ref),
    )
    return tuple(WindowState(number, start, end, bool(done), attempts) for number, start, end, done, attempts in rows)


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
    for table in (_results(ref), _authors(ref), quote(ref.schema, "task_hit")):
        await session.execute(f"DELETE FROM {table} WHERE task_id = %(task_id)s", _task(ref), seconds=None)
    await session.execute(
        f"UPDATE {_windows(ref)} SET done = FALSE, received = NULL, labelled = NULL WHERE task_id = %(task_id)s",
        _task(ref),
    )


async def count_hits(session: Session, ref: TaskRef) -> Mapping[str, Counter[int]]:
    """Return how many rows each pattern decided about in all windows, by result."""
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    last: tuple[int, str] = (-1, "")
    while True:
        rows = await session.rows(
            f"""
            SELECT number, result, hits FROM {_results(ref)}
            WHERE task_id = %(task_id)s AND (number > %(number)s OR number = %(number)s AND result > %(result)s)
            ORDER BY number, result LIMIT {_HIT_ROWS}
            """,
            _task(ref) | {"number": last[0], "result": last[1]},
        )
        for _, result, packed in rows:
            counts[result].update(_unpack_hits(packed))
        if len(rows) < _HIT_ROWS:
            return counts
        last = rows[-1][:2]


async def count_authors(session: Session, ref: TaskRef, labels: Sequence[str]) -> AuthorCounts:
    """Count the distinct authors of all windows, by result. Exact, in flat memory.

    `labels` has the label of each pattern. A few buckets are held at a time, fewer the more posts were read.
    """
    counts = AuthorCounts()
    ((posts,),) = await session.rows(
        f"SELECT COALESCE(SUM(received), 0) FROM {_windows(ref)} WHERE task_id = %(task_id)s", _task(ref)
    )
    buckets_at_once = max(1, BUCKETS * _POSTS_AT_ONCE // max(int(posts), 1))
    for first in range(0, BUCKETS, buckets_at_once):
        authors: defaultdict[str, set[int]] = defaultdict(set)
        decided: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
        async for result, packed, patterns in _packed_authors(session, ref, first, first + buckets_at_once - 1):
            hashes, numbers = unpack_authors(AuthorHashes(packed, patterns or b""))
            authors[result].update(hashes)
            decided[result].update(zip(hashes, numbers, strict=False))
        for result, found in authors.items():
            counts.all[result] += len(found)
            counts.by_pattern[result].update(map(itemgetter(1), decided[result]))
            with_label = {(author, labels[number]) for author, number in decided[result]}
            counts.by_label[result].update(map(itemgetter(1), with_label))
    return counts


async def _packed_authors(
    session: Session, ref: TaskRef, first_bucket: int, last_bucket: int
) -> AsyncIterator[tuple[str, bytes, bytes | None]]:
    """Yield the result, the authors and their patterns of each row in a run of buckets.

    Their column has the name that earlier releases gave it. The condition on the last row is spelled out because the
    server does not use an index for a comparison of row values.
    """
    last: tuple[int, int, int, str] = (first_bucket, -1, -1, "")
    while True:
        rows = await session.rows(
            f"""
            SELECT slice, number, part, result, authors, patterns FROM {_authors(ref)}
            WHERE task_id = %(task_id)s AND (
              slice > %(bucket)s AND slice <= %(last_bucket)s
              OR slice = %(bucket)s AND number > %(number)s
              OR slice = %(bucket)s AND number = %(number)s AND part > %(part)s
              OR slice = %(bucket)s AND number = %(number)s AND part = %(part)s AND result > %(result)s)
            ORDER BY slice, number, part, result LIMIT {_AUTHOR_ROWS}
            """,
            _task(ref)
            | {"last_bucket": last_bucket}
            | dict(zip(("bucket", "number", "part", "result"), last, strict=True)),
        )
        for row in rows:
            yield row[3:]
        if len(rows) < _AUTHOR_ROWS:
            return
        last = rows[-1][:4]


async def tasks_with_authors(session: Session, schema: str) -> list[str]:
    """Return the ids of the tasks that have author hashes. Reads one entry of the index for each."""
    rows = await session.rows(f"SELECT task_id FROM {quote(schema, 'task_author')} GROUP BY task_id")
    return [row[0] for row in rows]


def _pack_hits(hits: Mapping[int, int]) -> bytes:
    # Twice as fast as JSON, and it is done for each window.
    return deflate(array("I", chain(hits, hits.values())).tobytes(), level=1)


def _unpack_hits(data: bytes | None) -> dict[int, int]:
    """Invert `_pack_hits`. Returns none that an earlier release counted, or did not count."""
    packed = b"" if data is None else inflate(data, "counts")
    values = array("I")
    if len(packed) % (2 * values.itemsize) == 0:  # else it is JSON
        values.frombytes(packed)
    return dict(zip(values[: len(values) // 2], values[len(values) // 2 :], strict=True))


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
