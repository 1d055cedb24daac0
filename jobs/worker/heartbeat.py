"""Watching over the tasks that a worker is at: their heartbeats, their progress, and whether to stop."""

import asyncio
import logging
import resource
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from jobs.deployment import Site
from jobs.errors import DatabaseError
from jobs.storage import state

_logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0


class TaskStopped(Exception):
    """The task was aborted, has failed or is gone: what is being done for it is to be dropped."""


@dataclass(eq=False)
class Watch:
    """One task while it is worked on. It is to go on while its stat is `stat`."""

    schema: str
    task_id: str
    stat: str
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Awaits the work; drops it and raises TaskStopped as soon as the task's stat is another."""
        working = asyncio.create_task(work)
        stopped = asyncio.create_task(self.stopped.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise TaskStopped(self.task_id)
        finally:
            for task in (working, stopped):
                task.cancel()
            await asyncio.wait({working, stopped})


class Watchman:
    """Beats for all tasks of a worker, on one connection, once a second, through a server that is away."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._watches: set[Watch] = set()
        self._beating: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watching(self, schema: str, task_id: str, stat: str) -> AsyncIterator[Watch]:
        """A watch for the length of the block."""
        watch = Watch(schema, task_id, stat)
        self._watches.add(watch)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    async def _beat(self) -> None:
        while self._watches:
            try:
                async with self._site.output_session() as session:
                    while self._watches:
                        for watch in tuple(self._watches):
                            if await state.beat(session, watch.schema, watch.task_id, peak_memory()) != watch.stat:
                                watch.stopped.set()
                        await asyncio.sleep(BEAT_SECONDS)
            except DatabaseError as error:
                _logger.warning("no heartbeat: %s", error)
                await asyncio.sleep(BEAT_SECONDS)


def peak_memory() -> float:
    """The most memory this process ever had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
