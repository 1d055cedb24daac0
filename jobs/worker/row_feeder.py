"""The row feeder: matching never holds the event loop, which heartbeats, signals and other lanes need."""

import asyncio
from collections.abc import Sequence
from math import inf
from time import thread_time

from jobs.model.tally import InputRow, WindowTally
from jobs.storage.stream import BATCH_CHARACTERS, BATCH_ROWS

# A piece is quick if these rows take this time; then a batch takes 32 ms at most. Smaller pieces cost more.
_QUICK_ROWS = 250
_QUICK_SECONDS = 0.004
# How long a thread works on a piece. A process that ends waits for its threads.
_THREAD_SECONDS = 0.1


class RowFeeder:
    """Adds batches of rows to tallies, in pieces as large as the time of the last one allows.

    Quick pieces are matched in the event loop. Others, and any whose time is not known, are matched in a
    thread, because one text can take seconds. RE2 lets other threads run while it searches; the rest of a
    tally's work consists of steps of milliseconds.
    """

    def __init__(self) -> None:
        self._seconds_per_row = inf
        self._thread_rows = 1

    async def add(self, tally: WindowTally, rows: Sequence[InputRow]) -> None:
        """Add a batch of a stream to a tally."""
        narrow = _is_narrow(rows)
        start = 0
        while start < len(rows):
            quick = narrow and self._seconds_per_row * _QUICK_ROWS < _QUICK_SECONDS
            part = rows[start : start + (_QUICK_ROWS if quick else self._thread_rows)]
            seconds = _add(tally, part) if quick else await asyncio.to_thread(_add, tally, part)
            self._seconds_per_row = seconds / len(part)
            self._thread_rows = min(int(_THREAD_SECONDS / self._seconds_per_row) or 1, 4 * len(part))
            start += len(part)
        await asyncio.sleep(0)  # the next batch may be there already


def _add(tally: WindowTally, rows: Sequence[InputRow]) -> float:
    """Add rows to a tally, and return the CPU seconds that it took. Other processes do not count."""
    started = thread_time()
    tally.add(rows)
    return max(thread_time() - started, 1e-9)


def _is_narrow(rows: Sequence[InputRow]) -> bool:
    """Return whether the rows of a batch have a few hundred characters on average, and none has very many."""
    last = rows[-1][-1]  # the only one that may exceed a batch's characters
    return len(rows) == BATCH_ROWS and not (isinstance(last, str) and len(last) > BATCH_CHARACTERS)
