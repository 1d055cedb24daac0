"""Planning: cutting a task's closed range into windows that cover it exactly once."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from jobs.model.task import TICK, Key, Window

MAX_WINDOWS = 10_000


def window_count(estimated_rows: int, window_rows: int) -> int:
    """How many windows make one hold about `window_rows` rows."""
    return min(max(1, round(estimated_rows / window_rows)), MAX_WINDOWS)


def key_windows(start: datetime, end: datetime, cuts: Sequence[Key]) -> list[Window]:
    """The windows between these keys, of which each is the first of a window."""
    edges = pairwise([None, *cuts, None])
    return [Window(number, start, end, *keys) for number, keys in enumerate(edges, start=1)]


def plan_windows(
    start: datetime, end: datetime, count: int, first: datetime | None = None, last: datetime | None = None
) -> list[Window]:
    """At most `count` windows that cover [start, end], each microsecond of it in exactly one.

    `first` and `last` are where the rows are: the cuts are evenly spread between them, so that a
    range much wider than its rows does not end up with all of them in one window.
    """
    first = min(max(first or start, start), end)
    last = min(max(last or end, first), end)
    step = (last - first) / count
    cuts = sorted({first + step * number for number in range(1, count)} - {start})
    starts = [start, *cuts]
    ends = [cut - TICK for cut in cuts] + [end]
    return [Window(number, *edges) for number, edges in enumerate(zip(starts, ends, strict=True), start=1)]
