"""The label job. A lane claims a window, streams its rows, matches, writes and marks it done, in one
transaction, and again until none is left; whoever finds them all done joins the task.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

from jobs.errors import DatabaseError
from jobs.model import definition as definitions
from jobs.model.definition import Definition
from jobs.model.tally import Decide, WindowTally, new_tally
from jobs.model.task import Window
from jobs.storage import labels as label_table
from jobs.storage import state
from jobs.storage import windows as window_table
from jobs.storage.connection import Session
from jobs.storage.stream import stream
from jobs.worker.context import Workplace, decider, describe
from jobs.worker.heartbeat import TaskStopped, Watch, peak_memory

_logger = logging.getLogger(__name__)

# After so many failed attempts at one window the task fails; they take about two minutes.
MAX_ATTEMPTS = 8

# An open claim is the server's to free where nothing is heard for IDLE_SECONDS: its worker is
# frozen, or its host is gone. A lane that is busy elsewhere says something in time.
IDLE_SECONDS = 60
_KEEPALIVE_SECONDS = 10.0

_WAIT_SECONDS = 0.5


class Step(Enum):
    """What came of an attempt to do a window."""

    DONE = "one window more is done"
    WAIT = "others have all that are left, or they wait to be tried again"
    ALL_DONE = "no window is left"


@dataclass(frozen=True)
class Lane:
    """One worker's part in the label job of one task."""

    workplace: Workplace
    schema: str
    task_id: str
    tables: set[str] = field(default_factory=set)
    """The label tables that are ready for the task's rows."""

    async def run(self) -> bool:
        """Works until no window is left; True where it was this lane that brought the task to SUCCESS.

        Raises DatabaseError where it cannot begin or join; what windows fail of is dealt with here.
        """
        async with self.workplace.turns, self.workplace.site.output_session() as session:
            definition = await definitions.find(session, self.schema, self.task_id)
            await state.start(session, self.schema, self.task_id)
        decide = await decider(definition)
        async with self.workplace.watchman.watching(self.schema, self.task_id, "STARTED") as watch:
            try:
                while (step := await self._step(watch, definition, decide)) is not Step.ALL_DONE:
                    if step is Step.WAIT:
                        await asyncio.sleep(_WAIT_SECONDS)
                async with self.workplace.turns:
                    return await self._join()
            except TaskStopped:
                _logger.info("task %s: stopped", self.task_id)
                return False

    async def _step(self, watch: Watch, definition: Definition, decide: Decide) -> Step:
        claim = Claim(self, definition, decide)
        async with self.workplace.turns:
            try:
                return Step(await watch.run(claim.work()))
            except TaskStopped:
                raise
            except Exception as error:
                await self._handle(error, claim.window)
                return Step.WAIT

    async def _handle(self, error: Exception, window: Window | None) -> None:
        """Lets the window be tried again, or fails the task, by what went wrong."""
        transient = isinstance(error, DatabaseError) and error.transient
        reason = f"window {window.number}: {describe(error)}" if window else describe(error)
        _logger.warning("task %s: %s", self.task_id, reason, exc_info=None if transient else error)
        if transient and window is None:
            return  # the output server: as long as it is away, nothing can be counted there either
        try:
            if transient and window is not None:
                async with self.workplace.site.output_session() as session:
                    attempts = await window_table.postpone(session, self.schema, self.task_id, window)
                if attempts < MAX_ATTEMPTS:
                    return
                reason = f"{reason} (failed {attempts} times)"
            await self.workplace.fail(self.schema, self.task_id, reason)
        except DatabaseError as second:
            _logger.warning("task %s: cannot be told that it failed: %s", self.task_id, second)

    async def _join(self) -> bool:
        async with self.workplace.site.output_session() as session:
            # The last beat: a task may be done between two of the watchman's.
            if await state.beat(session, self.schema, self.task_id, peak_memory()) != "STARTED":
                return False
            results = await window_table.results(session, self.schema, self.task_id)
            authors = await window_table.count_authors(session, self.schema, self.task_id)
            joined = await state.join(
                session,
                self.schema,
                self.task_id,
                results=",".join(results),
                uniq_source_author=",".join(str(authors[result]) for result in results),
            )
        if joined:
            _logger.info("task %s: labelled, results: %s", self.task_id, ",".join(results) or "none")
        return joined


class Claim:
    """One window, from its claim to the commit. `window` is what was claimed, once it is."""

    def __init__(self, lane: Lane, definition: Definition, decide: Decide) -> None:
        self._lane = lane
        self._definition = definition
        self._decide = decide
        self.window: Window | None = None

    async def work(self) -> Step:
        """Does the next window that is free, all in one transaction."""
        schema, task_id = self._lane.schema, self._lane.task_id
        async with self._lane.workplace.site.output_session() as session:
            await session.execute(f"SET SESSION idle_transaction_timeout = {IDLE_SECONDS}")
            async with session.transaction():
                self.window = await window_table.claim(session, schema, task_id)
                if self.window is None:
                    left = await window_table.left(session, schema, task_id)
                    return Step.WAIT if left else Step.ALL_DONE
                received, labelled = 0, Counter[str]()
                async with _kept_alive(session), aclosing(self._tallies(self.window)) as tallies:
                    async for part, tally in tallies:
                        await self._write(session, self.window, part, tally)
                        received += tally.received
                        labelled.update(tally.labelled())
                        del tally  # before the next part grows
                await window_table.finish(session, schema, task_id, self.window, received, labelled)
                # From here to the commit the task cannot be aborted: its check point stays true.
                if await state.hold(session, schema, task_id) != "STARTED":
                    raise TaskStopped(task_id)
        return Step.DONE

    async def _tallies(self, window: Window) -> AsyncGenerator[tuple[int, WindowTally], None]:
        """The window's rows added up: in one tally, or in parts where one does not hold them."""
        workplace = self._lane.workplace
        part, tally = 0, new_tally(self._definition, self._decide)
        async with stream(workplace.site.input, *self._definition.input.window_query(window)) as batches:
            async for rows in batches:
                tally.add(rows)
                workplace.rows += len(rows)
                if tally.full:
                    yield part, tally
                    part, tally = part + 1, new_tally(self._definition, self._decide)
        yield part, tally

    async def _write(self, session: Session, window: Window, part: int, tally: WindowTally) -> None:
        schema, task_id = self._lane.schema, self._lane.task_id
        label_rows = tally.label_rows()
        missing = label_rows.keys() - self._lane.tables
        if missing:
            async with self._lane.workplace.site.output_session() as other:  # making a table commits
                await label_table.ensure(other, schema, missing, self._definition)
            self._lane.tables.update(missing)
        for result, rows in label_rows.items():
            await label_table.insert(session, schema, result, task_id, rows)
        await window_table.add_authors(session, schema, task_id, window, part, tally.author_hashes())


@asynccontextmanager
async def _kept_alive(session: Session) -> AsyncIterator[None]:
    """Says something on the session now and then, so that the server does not free its claim."""
    done = asyncio.Event()

    async def talk() -> None:
        while not done.is_set():
            try:
                async with asyncio.timeout(_KEEPALIVE_SECONDS):
                    await done.wait()
            except TimeoutError:
                await session.execute("DO 0")

    talking = asyncio.create_task(talk())
    try:
        yield
        done.set()
        await talking
    finally:
        talking.cancel()
