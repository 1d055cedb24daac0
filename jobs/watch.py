"""Watching over a task while a worker is at it: its heartbeat, its progress, and whether to stop."""

import asyncio
import logging
import resource
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from jobs import state
from jobs.errors import DatabaseError
from jobs.site import Site

_logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0


class TaskStopped(Exception):
    """The task was aborted, has failed or is gone: what is being done for it is to be dropped."""


class Watch:
    """Beats for one task until it is closed."""

    def __init__(self, site: Site, schema: str, task_id: str, stats: tuple[str, ...]) -> None:
        self._site = site
        self._schema = schema
        self._task_id = task_id
        self._stats = stats
        self._stopped = asyncio.Event()

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Awaits the work; drops it and raises TaskStopped as soon as the task's stat is another."""
        working = asyncio.create_task(work)
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise TaskStopped(self._task_id)
        finally:
            for task in (working, stopped):
                task.cancel()
            await asyncio.wait({working, stopped})

    async def beat(self) -> None:
        """Beats once a second; goes on through a server that is away."""
        while True:
            try:
                async with self._site.output_session() as session:
                    while True:
                        stat = await state.beat(session, self._schema, self._task_id, peak_memory())
                        if stat not in self._stats:
                            self._stopped.set()
                        await asyncio.sleep(BEAT_SECONDS)
            except DatabaseError as error:
                _logger.warning("task %s: no heartbeat: %s", self._task_id, error)
                await asyncio.sleep(BEAT_SECONDS)


@asynccontextmanager
async def watching(site: Site, schema: str, task_id: str, *stats: str) -> AsyncIterator[Watch]:
    """A watch for the length of the block; work run by it goes on while the task has one of these stats."""
    watch = Watch(site, schema, task_id, stats)
    beating = asyncio.create_task(watch.beat())
    try:
        yield watch
    finally:
        beating.cancel()
        await asyncio.wait({beating})


def peak_memory() -> float:
    """The most memory this process ever had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
