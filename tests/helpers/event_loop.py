"""How long the event loop is held."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def longest_hold() -> AsyncIterator[list[float]]:
    """Measure how long the event loop is held at most during the block, in CPU seconds of this process.

    They include those of threads that hold the GIL, and none of other processes, so that it does not depend on them.
    """
    longest = [0.0]

    async def watch() -> None:
        while True:
            started = time.process_time()
            await asyncio.sleep(0.001)
            longest[0] = max(longest[0], time.process_time() - started)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    yield longest
    await asyncio.sleep(0.01)  # it has its turn after the last hold
    watching.cancel()
