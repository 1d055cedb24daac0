"""How long the event loop is held."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_TRIES = 3


async def longest_hold(work: Callable[[], Awaitable[object]], limit: float) -> float:
    """Return how long some work holds the event loop at most, in CPU seconds of this process.

    They include those of threads that hold the GIL. On a busy machine a turn may be late while a thread works, so
    work that seems to hold the event loop for `limit` is repeated.
    """
    for _ in range(_TRIES):
        watching = asyncio.create_task(_watch())
        await asyncio.sleep(0)
        await work()
        await asyncio.sleep(0.01)  # the watch has its turn after the last hold
        watching.cancel()
        if (held := await watching) < limit:
            break
    return held


async def _watch() -> float:
    longest = 0.0
    try:
        while True:
            started = time.process_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.process_time() - started)
    except asyncio.CancelledError:
        return longest
