"""Windows: the parts that a task's closed range is cut into, which cover it exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Generic, TypeVar

MAX_WINDOWS = 10_000

# A task of this many rows or more for each of a few workers is cut for them, however large a window may be. Smaller
# windows cost more than they save: in each of them, an author is decided about again, and gets another label row.
_SHARED_ROWS = 100_000
_SHARING_WORKERS = 4

# The resolution of DATETIME(6), so that consecutive windows leave no gap.
TICK = timedelta(microseconds=1)

Key = int | str
"""A value of the column that leads the input table's primary key."""

Point = TypeVar("Point", datetime, int)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a task's rows; `number` counts from 1.

    Its times are closed at both ends. A key window has the times of the whole range, and the rows
    from `from_key` up to but not including `before_key`, in the server's order; None is no bound.
    """

    number: int
    start_time: datetime
    end_time: datetime
    from_key: Key | None = None
    before_key: Key | None = None
    uncut: bool = False
    """Whether its size is unknown, so that the worker that claims it cuts a window off it first."""

    @property
    def by_key(self) -> bool:
        """Whether it is a key window."""
        return self.from_key is not None or self.before_key is not None


@dataclass(frozen=True, slots=True)
class WindowState:
    """How a window of a task stands."""

    number: int
    start_time: datetime
    end_time: datetime
    done: bool
    attempts: int = 0
    """How often it has failed since the task was created or resumed."""


@dataclass(frozen=True, slots=True)
class Piece(Generic[Point]):
    """The rows from `start` up to but not including `end`: about how many there are."""

    start: Point
    end: Point
    rows: float

    @property
    def middle(self) -> Point | None:
        """The point halfway, or None if the piece cannot be divided."""
        middle: Point = self.start + (self.end - self.start) // 2
        return middle if self.start < middle < self.end else None


def window_count(rows: int, window_rows: int) -> int:
    """Return how many windows to cut, for about `window_rows` rows in each, or fewer so that workers can share."""
    return min(max(1, round(rows / window_rows), min(rows // _SHARED_ROWS, _SHARING_WORKERS)), MAX_WINDOWS)


def quantiles(pieces: Sequence[Piece[Point]], count: int) -> list[Point]:
    """Return at most `count` - 1 points that divide the pieces' rows into parts of equal size.

    The pieces are consecutive, and their rows are taken to be spread evenly.
    """
    total = sum(piece.rows for piece in pieces)
    points: list[Point] = []
    passed = 0.0
    for piece in pieces:
        while len(points) + 1 < count and (wanted := total * (len(points) + 1) / count) < passed + piece.rows:
            share = (wanted - passed) / piece.rows
            point: Point = piece.start + _part(piece.end - piece.start, share)  # type: ignore[operator]
            points.append(point)
        passed += piece.rows
    return sorted(set(points))


def key_windows(start: datetime, end: datetime, cuts: Sequence[Key]) -> list[Window]:
    """Return the windows between these keys; each key is the first of a window."""
    edges = pairwise([None, *cuts, None])
    return [Window(number, start, end, *keys) for number, keys in enumerate(edges, start=1)]


def time_windows(start: datetime, end: datetime, cuts: Sequence[datetime]) -> list[Window]:
    """Return windows that cover [start, end], each microsecond in exactly one. Each cut begins a window.

    A cut between two months is moved by a second: for the server, 2020-03-00 is between them, and in one window then.
    """
    moved = {cut - timedelta(seconds=1) if cut == _month_of(cut) else cut for cut in cuts if start < cut}
    inner = sorted({cut for cut in moved if start < cut <= end})
    starts = [start, *inner]
    ends = [cut - TICK for cut in inner] + [end]
    return [Window(number, *edges) for number, edges in enumerate(zip(starts, ends, strict=True), start=1)]


def _month_of(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, 1)


def _part(length: timedelta | int, share: float) -> timedelta | int:
    if isinstance(length, timedelta):
        # Whole seconds, unless they are too coarse: windows are for people to read, too.
        part = length * share
        return timedelta(seconds=round(part.total_seconds())) if length > timedelta(minutes=10) else part
    return int(length * share)
