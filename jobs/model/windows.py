"""Windows: the parts that a task's closed range is cut into, which cover it exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

MAX_WINDOWS = 10_000

# The resolution of DATETIME(6), so that consecutive windows leave no gap.
TICK = timedelta(microseconds=1)

Key = int | str
"""A value of the column that leads the input table's primary key."""


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

    @property
    def by_key(self) -> bool:
        """Whether it is a key window."""
        return self.from_key is not None or self.before_key is not None


def window_count(estimated_rows: int, window_rows: int) -> int:
    """Return how many windows to cut, for about `window_rows` rows in each."""
    return min(max(1, round(estimated_rows / window_rows)), MAX_WINDOWS)


def key_windows(start: datetime, end: datetime, cuts: Sequence[Key]) -> list[Window]:
    """Return the windows between these keys; each key is the first of a window."""
    edges = pairwise([None, *cuts, None])
    return [Window(number, start, end, *keys) for number, keys in enumerate(edges, start=1)]


def time_windows(
    start: datetime, end: datetime, count: int, first: datetime | None = None, last: datetime | None = None
) -> list[Window]:
    """Return at most `count` windows that cover [start, end], each microsecond in exactly one.

    `first` and `last` are the times of the first and the last row. The cuts are spread evenly between
    them, because a range much wider than its rows would otherwise have all of them in one window.
    """
    first = min(max(first or start, start), end)
    last = min(max(last or end, first), end)
    step = (last - first) / count
    cuts = sorted({first + step * number for number in range(1, count)} - {start})
    starts = [start, *cuts]
    ends = [cut - TICK for cut in cuts] + [end]
    return [Window(number, *edges) for number, edges in enumerate(zip(starts, ends, strict=True), start=1)]
