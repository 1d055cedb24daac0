"""The label job. A lane claims a window, streams its rows, matches them, writes the label rows and marks
the window done, all in one transaction, until no window is left. The last lane completes the job.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

from jobs.errors import DatabaseError, describe_error
from jobs.model.definition import Definition
from jobs.model.tally import Decide, WindowTally, new_tally
from jobs.model.task import TaskRef, TaskStatus, join_figures
from jobs.model.windows import Window
from jobs.storage import definitions, labels, state, windows
from jobs.storage.connection import Session
from jobs.storage.input_table import window_query
from jobs.storage.stream import stream
from jobs.worker.context import WorkerContext, decide_function
from jobs.worker.heartbeat import TaskHeartbeat, TaskStopped
from jobs.worker.memory import peak_memory

_logger = logging.getLogger(__name__)

# A window that has failed this often fails its task. The attempts take about two minutes.
MAX_ATTEMPTS = 8

# The server frees a claim that has been silent for this long: its worker is frozen, or its host is gone.
# A lane that is busy elsewhere keeps its claim by a statement every _KEEPALIVE_SECONDS.
CLAIM_TIMEOUT_SECONDS = 60
_KEEPALIVE_SECONDS = 10.0

_WAIT_SECONDS = 0.5


class Step(Enum):
    """The outcome of an attempt to work on a window."""

    DONE = "a window was done"
    WAIT = "every open window is claimed, or waits for a retry"
    ALL_DONE = "no window is open"


@dataclass(frozen=True)
class Lane:
    """One worker's part in the label job of one task."""

    context: WorkerContext
    ref: TaskRef
    prepared: set[str] = field(default_factory=set)
    """The results whose label tables can take the task's rows."""

    async def run(self) -> bool:
        """Work until no window is open. Returns whether this lane completed the label job.

        Raises DatabaseError if it cannot begin or complete. It handles the failures of windows itself.
        """
        async with self.context.turns, self.context.deployment.output_session() as session:
            definition = await definitions.find(session, self.ref)
            await state.start(session, self.ref)
        decide = await decide_function(definition)
        async with self.context.heartbeats.recording(self.ref, TaskStatus.STARTED) as heartbeat:
            try:
                while (step := await self._step(heartbeat, definition, decide)) is not Step.ALL_DONE:
                    if step is Step.WAIT:
                        await asyncio.sleep(_WAIT_SECONDS)
                async with self.context.turns:
                    return await self._complete()
            except TaskStopped:
                _logger.info("task %s: stopped", self.ref.task_id)
                return False

    async def _step(self, heartbeat: TaskHeartbeat, definition: Definition, decide: Decide) -> Step:
        claim = Claim(self, definition, decide)
        async with self.context.turns:
            try:
                return Step(await heartbeat.run(claim.work()))
            except TaskStopped:
                raise
            except Exception as error:
                await self._handle(error, claim.window)
                return Step.WAIT

    async def _handle(self, error: Exception, window: Window | None) -> None:
        """Let the window be retried, or fail the task, depending on the error."""
        transient = isinstance(error, DatabaseError) and error.transient
        reason = f"window {window.number}: {describe_error(error)}" if window else describe_error(error)
        _logger.warning("task %s: %s", self.ref.task_id, reason, exc_info=None if transient else error)
        if transient and window is None:
            return  # the output server is unreachable, so the attempt cannot be counted either
        try:
            if transient and window is not None:
                async with self.context.deployment.output_session() as session:
                    attempts = await windows.postpone(session, self.ref, window)
                if attempts < MAX_ATTEMPTS:
                    return
                reason = f"{reason} (failed {attempts} times)"
            await self.context.fail(self.ref, reason)
        except DatabaseError as second:
            _logger.warning("task %s: cannot record the failure: %s", self.ref.task_id, second)

    async def _complete(self) -> bool:
        async with self.context.deployment.output_session() as session:
            # A last heartbeat, because a task may end between two of them.
            if await state.record_heartbeat(session, self.ref, peak_memory()) != TaskStatus.STARTED:
                return False
            results = await windows.results(session, self.ref)
            authors = await windows.count_authors(session, self.ref)
            completed = await state.complete_label_job(
                session,
                self.ref,
                result=join_figures(results),
                uniq_source_author=join_figures([authors[result] for result in results]),
            )
        if completed:
            _logger.info("task %s: labelled, results: %s", self.ref.task_id, ",".join(results) or "none")
        return completed


class Claim:
    """The work on one window, from its claim to the commit. `window` is set once it is claimed."""

    def __init__(self, lane: Lane, definition: Definition, decide: Decide) -> None:
        self._lane = lane
        self._definition = definition
        self._decide = decide
        self.window: Window | None = None

    async def work(self) -> Step:
        """Claim the next free window, label it and mark it done, in one transaction."""
        ref = self._lane.ref
        async with self._lane.context.deployment.output_session() as session:
            await windows.set_claim_timeout(session, CLAIM_TIMEOUT_SECONDS)
            async with session.transaction():
                self.window = await windows.claim(session, ref)
                if self.window is None:
                    return Step.WAIT if await windows.count_open(session, ref) else Step.ALL_DONE
                received, labelled = 0, Counter[str]()
                async with _kept_alive(session), aclosing(self._tallies(self.window)) as tallies:
                    async for part, tally in tallies:
                        await self._write(session, self.window, part, tally)
                        received += tally.received
                        labelled.update(tally.labelled())
                        del tally  # frees its memory before the next part grows
                await windows.finish(session, ref, self.window, received, labelled)
                # From here to the commit the task cannot be aborted, so its check point stays true.
                if await state.lock_status(session, ref) != TaskStatus.STARTED:
                    raise TaskStopped(ref.task_id)
        return Step.DONE

    async def _tallies(self, window: Window) -> AsyncGenerator[tuple[int, WindowTally], None]:
        """Tally the window's rows: in one part, or in several if a tally fills up."""
        context = self._lane.context
        part, tally = 0, new_tally(self._definition, self._decide)
        async with stream(context.deployment.input, *window_query(self._definition.input, window)) as batches:
            async for rows in batches:
                tally.add(rows)
                context.rows += len(rows)
                if tally.full:
                    yield part, tally
                    part, tally = part + 1, new_tally(self._definition, self._decide)
        yield part, tally

    async def _write(self, session: Session, window: Window, part: int, tally: WindowTally) -> None:
        ref = self._lane.ref
        label_rows = tally.label_rows()
        missing = label_rows.keys() - self._lane.prepared
        if missing:
            # On another connection, because DDL commits.
            async with self._lane.context.deployment.output_session() as other:
                await labels.ensure(other, ref.schema, missing, self._definition)
            self._lane.prepared.update(missing)
        for result, rows in label_rows.items():
            await labels.insert(session, ref, result, rows)
        await windows.add_authors(session, ref, window, part, tally.author_hashes())


@asynccontextmanager
async def _kept_alive(session: Session) -> AsyncIterator[None]:
    """Keep the session's claim alive for the length of the block."""
    done = asyncio.Event()

    async def keep() -> None:
        while not done.is_set():
            try:
                async with asyncio.timeout(_KEEPALIVE_SECONDS):
                    await done.wait()
            except TimeoutError:
                await windows.keep_claim(session)

    keeping = asyncio.create_task(keep())
    try:
        yield
        done.set()
        await keeping
    finally:
        keeping.cancel()
