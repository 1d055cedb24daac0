"""A lane: one worker's part in the label job or the production job of one task.

It claims a part of the job, does it and marks it done, all in one transaction, until no part is left. The last
lane completes the job.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from jobs.errors import LOCK_WAIT_TIMEOUT, DatabaseError, describe_error, unexpected
from jobs.model.event import EventKind
from jobs.model.task import TaskRef, TaskStatus
from jobs.storage import claims, events, state
from jobs.storage.claims import Claimable
from jobs.storage.connection import Session
from jobs.storage.schema import Table, ensure_tables
from jobs.worker.context import WorkerContext
from jobs.worker.heartbeat import TaskHeartbeat, TaskStopped

_logger = logging.getLogger(__name__)

# A part that has failed this often fails its task. The attempts take about two minutes.
MAX_ATTEMPTS = 8

# The server frees a claim that has been silent for this long: its worker is frozen, or its host is gone.
CLAIM_TIMEOUT_SECONDS = 60

# How long a lane goes on with small parts before it lets a lane of another task have its turn.
_TURN_SECONDS = 1.0
_WAIT_SECONDS = 0.25
_MOST_WAIT_SECONDS = 5.0
_TABLE_WAIT_SECONDS = 2.0


class Step(Enum):
    """The outcome of a turn."""

    DONE = "parts were done"
    WAIT = "every open part is claimed, or waits for a retry"
    FAILED = "a part failed, or the output server is unreachable"
    COMPLETED = "this lane completed the job"
    ENDED = "another lane completed it, or the task has failed"


@dataclass
class Lane(ABC):
    """One worker's part in one job of one task."""

    context: WorkerContext
    ref: TaskRef
    claimed: str | None = field(default=None, init=False)
    """The claimed part, in words."""
    number: int = field(default=0, init=False)
    """The number of the claimed part."""

    table: ClassVar[Claimable]
    status: ClassVar[TaskStatus]
    """The task's status while the job runs."""

    async def run(self) -> bool:
        """Work until the job is complete. Returns whether this lane completed it.

        Raises DatabaseError if it cannot begin. It handles the failures of parts itself.
        """
        async with self.turns, self.context.deployment.output_session() as session:
            tables = await self.start(session)
            prepared = await self._prepare(session, tables)
        async with self.context.heartbeats.recording(self.ref, self.status) as heartbeat:
            try:
                if not prepared:
                    await heartbeat.run(self._wait_for(tables))
                wait = _WAIT_SECONDS
                while (step := await self._turn(heartbeat)) in (Step.DONE, Step.WAIT, Step.FAILED):
                    wait = min(2 * wait, _MOST_WAIT_SECONDS) if step is Step.FAILED else _WAIT_SECONDS
                    if step is not Step.DONE:
                        await asyncio.sleep(wait)
            except TaskStopped:
                _logger.info("task %s: stopped", self.ref.task_id)
                return False
        return step is Step.COMPLETED

    @property
    @abstractmethod
    def turns(self) -> asyncio.Semaphore:
        """Held for the length of a turn."""

    @abstractmethod
    async def start(self, session: Session) -> Sequence[Table]:
        """Read the task's definition, record that the job has started, and return the tables that it writes to."""

    @abstractmethod
    async def claim(self, session: Session) -> bool:
        """Claim a part, and set `claimed` and `number`. Returns False if there is none to claim."""

    @abstractmethod
    async def work(self, session: Session) -> None:
        """Do the claimed part, and mark it done."""

    @abstractmethod
    async def complete(self, session: Session) -> bool:
        """Complete the job, in the transaction that claims the whole task. Returns False if the task was stopped."""

    async def _turn(self, heartbeat: TaskHeartbeat) -> Step:
        async with self.turns:
            self.claimed = None
            try:
                return Step(await heartbeat.run(self._work()))
            except TaskStopped:
                raise
            except Exception as error:
                return await self._handle(error)

    async def _work(self) -> Step:
        """Claim and do parts until the turn is over or no part is open; then complete the job."""
        started = time.monotonic()
        async with self.context.deployment.output_session() as session:
            await claims.set_timeout(session, CLAIM_TIMEOUT_SECONDS)
            while await self._work_on_part(session):
                if time.monotonic() - started > _TURN_SECONDS:
                    return Step.DONE
            if await claims.count_open(session, self.ref, self.table):
                return Step.WAIT
            async with session.transaction():
                if not await claims.claim_whole(session, self.ref):
                    return Step.WAIT
                if await state.read_status(session, self.ref) != self.status:
                    return Step.ENDED
                async with claims.kept_alive(session):
                    if not await self.complete(session):
                        # Rolls back: units without the results of the label job would pass for a finished label job.
                        raise TaskStopped(self.ref.task_id)
                return Step.COMPLETED

    async def _work_on_part(self, session: Session) -> bool:
        async with session.transaction():
            if not await self.claim(session):
                return False
            async with claims.kept_alive(session):
                await self.work(session)
            # From here to the commit the task cannot be aborted, so its check point stays true.
            status, waits = await state.lock_status(session, self.ref)
            if status != self.status:
                raise TaskStopped(self.ref.task_id)
        self.claimed = None
        self.context.parts_done += 1
        if waits:  # the lane that said so may be gone, and the task goes on
            await state.set_waiting_for(session, self.ref, None)
        return True

    async def _wait_for(self, tables: Sequence[Table]) -> None:
        """Wait until the tables can take the task's rows."""
        prepared = False
        while not prepared:
            await asyncio.sleep(_TABLE_WAIT_SECONDS)
            async with self.turns, self.context.deployment.output_session() as session:
                prepared = await self._prepare(session, tables)

    async def _prepare(self, session: Session, tables: Sequence[Table]) -> bool:
        """Make sure that the tables can take the task's rows. Returns False if one is locked. No claim is open."""
        try:
            await ensure_tables(session, self.ref.schema, tables)
        except DatabaseError as error:
            if error.code != LOCK_WAIT_TIMEOUT:
                raise
            _logger.warning("task %s waits: %s", self.ref.task_id, error)
            await state.set_waiting_for(session, self.ref, str(error))
            return False
        await state.set_waiting_for(session, self.ref, None)
        return True

    async def _handle(self, error: Exception) -> Step:
        """Let the claimed part be retried, or fail the task, depending on the error."""
        transient = isinstance(error, DatabaseError) and error.transient
        self.context.parts_failed += self.claimed is not None
        reason = f"{self.claimed}: {describe_error(error)}" if self.claimed else describe_error(error)
        _logger.warning("task %s: %s", self.ref.task_id, reason, exc_info=unexpected(error))
        try:
            async with self.context.deployment.output_session() as session:
                if transient:
                    if self.claimed is None:  # no attempt at a part, but the operator wants to know
                        await state.set_waiting_for(session, self.ref, reason)
                        return Step.FAILED
                    attempts = await claims.postpone(session, self.ref, self.table, self.number)
                    if attempts < MAX_ATTEMPTS:
                        words = f"{reason} (attempt {attempts} of {MAX_ATTEMPTS} failed)"
                        await state.set_waiting_for(session, self.ref, words)
                        await events.record(session, self.ref, EventKind.RETRIED, words)
                        return Step.FAILED
                    reason = f"{reason} (failed {attempts} times)"
                await self.context.fail(self.ref, reason)
                return Step.ENDED
        except DatabaseError as second:
            _logger.warning("task %s: cannot record the failure: %s", self.ref.task_id, second)
            return Step.FAILED
