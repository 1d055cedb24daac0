"""The worker context: what all jobs of one worker process share."""

import asyncio
import os
import socket
import time
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from jobs.deployment import Deployment
from jobs.model.alert import AlertEvent
from jobs.model.definition import Definition
from jobs.model.queues import Queue
from jobs.model.tally import Decide, Decisions
from jobs.model.task import Task, TaskRef
from jobs.queue.presence import Worker
from jobs.services.connections import reads_input
from jobs.storage import state
from jobs.worker.heartbeat import Heartbeats
from jobs.worker.memory import memory, peak_memory
from patterns.matcher import build_matcher
from patterns.pattern_set import PatternSet

# A worker works on few windows at once, whatever the number of its lanes, so that neither its memory nor
# its connections grow with the number of tasks.
MAX_OPEN_WINDOWS = 2
MAX_PRODUCTIONS = 2


@dataclass
class WorkerContext:
    """The deployment that a worker serves, and the work in progress."""

    deployment: Deployment
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_OPEN_WINDOWS))
    """Held by a lane that works on a window, or otherwise opens a connection for its task."""
    productions: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_PRODUCTIONS))
    lanes: list[tuple[str, str]] = field(default_factory=list)
    """The kind of job and the task's id of each lane that this process runs."""
    rows: int = 0
    """The number of rows read so far."""
    parts_done: int = 0
    """The windows and units done so far."""
    parts_failed: int = 0
    """Those that failed so far, each attempt counted."""
    started: float = field(default_factory=time.monotonic)

    @cached_property
    def heartbeats(self) -> Heartbeats:
        """The heartbeats of the worker's tasks."""
        return Heartbeats(self.deployment)

    @cached_property
    def name(self) -> str:
        """What events call this worker."""
        return f"{socket.gethostname()}:{os.getpid()}"

    @property
    def queue(self) -> Queue:
        """The queue that this worker serves."""
        return self.deployment.queue

    def serves(self, task: Task) -> bool:
        """Return whether a task is of this worker's deployment."""
        return task.deployment == self.deployment.settings.deployment

    async def other_input(self, task: Task) -> str | None:
        """Return in words which input the task was planned on, if it is not the one that this worker reads.

        Raises DatabaseError.
        """
        if await reads_input(self.deployment, task.input_server or "", task.input_server_id or ""):
            return None
        address = self.deployment.input.address
        return (
            f"it was planned on the input server {task.input_server}, but the worker on {socket.gethostname()} reads"
            f" {address}; start a worker with that INPUT_HOST and INPUT_PORT, or set another DEPLOYMENT here"
        )

    def presence(self, rows_per_second: float = 0.0) -> Worker:
        """Return the presence that this worker publishes."""
        return Worker(
            host=socket.gethostname(),
            pid=os.getpid(),
            deployment=self.deployment.settings.deployment,
            queue=self.deployment.settings.queue,
            tasks=tuple(sorted({task_id for _, task_id in self.lanes})),
            rows_per_second=rows_per_second,
            peak_memory=peak_memory(),
            memory=memory(),
            parts_done=self.parts_done,
            parts_failed=self.parts_failed,
            uptime=time.monotonic() - self.started,
        )

    async def fail(self, ref: TaskRef, reason: str) -> None:
        """End a task in FAILURE, with what its operator can do. Raises DatabaseError."""
        # A message may quote data of any length.
        error = f"{reason[:2_000]}; correct the cause, then: audience resume {ref.task_id}"
        async with self.deployment.output_session() as session:
            await state.fail(session, ref, error, alert=self.deployment.alerts_of(AlertEvent.TASK_FAILED))


async def decide_function(definition: Definition) -> Decide:
    """Return the function that decides the label of a text. Tasks with equal patterns share one matcher."""
    decisions = await asyncio.to_thread(_decisions, definition.patterns)
    # Titles and areas repeat. Contents hardly do, and a tally remembers its authors itself.
    repeats = definition.input.matched.name.lower() in ("title", "s_area_id")
    return decisions.decide if repeats else decisions.matcher.match_all


@lru_cache(maxsize=4)
def _decisions(patterns: PatternSet) -> Decisions:
    return Decisions(build_matcher(patterns))
