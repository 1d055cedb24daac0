"""Heartbeats: record that tasks are being worked on, update their progress, and notice when to stop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from jobs.deployment import Deployment
from jobs.errors import DatabaseError
from jobs.model.task import TaskRef, TaskStatus
from jobs.storage import state
from jobs.storage.connection import Session
from jobs.worker.memory import peak_memory

_logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0


class TaskStopped(Exception):
    """The task was aborted, has failed or was deleted, so work on it must be dropped."""


@dataclass(eq=False)
class TaskHeartbeat:
    """The heartbeat of one task."""

    ref: TaskRef
    expected: TaskStatus | None
    """The status in which work on the task goes on. With None, the heartbeat never stops the work."""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await the work. Drops it and raises TaskStopped as soon as the task has another status."""
        working = asyncio.create_task(work)
        stopped = asyncio.create_task(self.stopped.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise TaskStopped(self.ref.task_id)
        finally:
            for task in (working, stopped):
                task.cancel()
            await asyncio.wait({working, stopped})


class Heartbeats:
    """Records the heartbeats of all tasks of a worker, once a second.

    It keeps trying while the output server is unreachable.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._heartbeats: list[TaskHeartbeat] = []
        self._recording: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def recording(self, ref: TaskRef, expected: TaskStatus | None = None) -> AsyncIterator[TaskHeartbeat]:
        """Record a task's heartbeat for the length of the block. Blocks about the same task share one."""
        heartbeat = TaskHeartbeat(ref, expected)
        self._heartbeats.append(heartbeat)
        if self._recording is None or self._recording.done():
            self._recording = asyncio.create_task(self._record())
        try:
            yield heartbeat
        finally:
            self._heartbeats.remove(heartbeat)

    async def _record(self) -> None:
        await asyncio.sleep(HEARTBEAT_SECONDS)  # most jobs are done by then
        while self._heartbeats:
            try:
                # Not kept open: it may be the last connection that the account may have, and lanes wait for one.
                async with self._deployment.output_session() as session:
                    for ref in {heartbeat.ref for heartbeat in self._heartbeats}:
                        await self._record_one(session, ref)
            except DatabaseError as error:
                _logger.warning("no heartbeat: %s", error)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _record_one(self, session: Session, ref: TaskRef) -> None:
        """Record a task's heartbeat. One whose row is locked, or whose schema is gone, does not affect the others."""
        heartbeats = [heartbeat for heartbeat in self._heartbeats if heartbeat.ref == ref]
        try:
            status = await state.record_heartbeat(session, ref, peak_memory())
        except DatabaseError as error:
            if error.unreachable:
                raise
            _logger.warning("task %s: no heartbeat: %s", ref.task_id, error)
            return
        for heartbeat in heartbeats:
            if heartbeat.expected not in (status, None):
                heartbeat.stopped.set()
