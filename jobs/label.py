"""The label job. A lane claims a window, streams its rows, matches, writes and marks it done, in one
transaction, and again until none is left; whoever finds them all done joins the task.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jobs import definition as definitions
from jobs import label_table, state, window_table
from jobs.database import Session
from jobs.definition import Definition
from jobs.errors import DatabaseError
from jobs.site import Site
from jobs.stream import stream
from jobs.tally import WindowTally, count_authors, decisions
from jobs.task import Window
from jobs.watch import TaskStopped, Watch, watching
from patterns.matcher import Match, build_matcher

_logger = logging.getLogger(__name__)

# After so many failed attempts at one window the task fails; they take about two minutes.
MAX_ATTEMPTS = 8

# An open claim is the server's to free where nothing is heard for IDLE_SECONDS: its worker is
# frozen, or its host is gone. A lane that is busy elsewhere says something in time.
IDLE_SECONDS = 60
_KEEPALIVE_SECONDS = 10.0

_WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Lane:
    """One worker's part in the label job of one task."""

    site: Site
    schema: str
    task_id: str
    turns: asyncio.Semaphore
    """How many windows this worker has in hand at once, over all its tasks, in turn."""

    async def run(self) -> bool:
        """Works until no window is left; True where it was this lane that brought the task to SUCCESS."""
        async with self.site.output_session() as session:
            definition = await definitions.find(session, self.schema, self.task_id)
            if definition is None:
                return False
            await state.start(session, self.schema, self.task_id)
        decide = decisions(definition, build_matcher(definition.patterns))
        async with watching(self.site, self.schema, self.task_id, "STARTED") as watch:
            try:
                while not await self._all_done():
                    await self._next(watch, definition, decide)
                return await self._join()
            except TaskStopped:
                _logger.info("task %s: stopped", self.task_id)
                return False

    async def _next(self, watch: Watch, definition: Definition, decide: "Decide") -> None:
        """One window, or a short wait where other lanes have all that are left."""
        async with self.turns:
            claim = Claim(self, definition, decide)
            try:
                if await watch.run(claim.work()):
                    return
            except TaskStopped:
                raise
            except Exception as error:
                await self._handle(error, claim.window)
        await asyncio.sleep(_WAIT_SECONDS)

    async def _handle(self, error: Exception, window: Window | None) -> None:
        """Lets the window be tried again, or fails the task, by what went wrong."""
        transient = isinstance(error, DatabaseError) and error.transient
        place = f"window {window.number}" if window else "claiming a window"
        _logger.warning("task %s, %s: %s", self.task_id, place, error, exc_info=None if transient else error)
        if transient and window is None:
            return  # the output server: as long as it is away, nothing can be counted there either
        try:
            async with self.site.output_session() as session:
                if transient and window:
                    attempts = await window_table.postpone(session, self.schema, self.task_id, window)
                    if attempts < MAX_ATTEMPTS:
                        return
                    reason = f"{place} failed {attempts} times: {error}"
                else:
                    reason = f"{place}: {error}" if isinstance(error, DatabaseError) else f"{place}: {error!r}"
                advice = f"mend the cause, then: audience resume {self.task_id}"
                await state.fail(session, self.schema, self.task_id, f"{reason}; {advice}")
        except DatabaseError as second:
            _logger.warning("task %s: cannot be told that it failed: %s", self.task_id, second)

    async def _all_done(self) -> bool:
        try:
            async with self.site.output_session() as session:
                return await window_table.left(session, self.schema, self.task_id) == 0
        except DatabaseError as error:
            if not error.transient:
                raise
            return False

    async def _join(self) -> bool:
        async with self.site.output_session() as session:
            totals = await window_table.totals(session, self.schema, self.task_id)
            results = [total.result for total in totals if total.labelled]
            counts = [
                count_authors(await window_table.authors(session, self.schema, self.task_id, result))
                for result in results
            ]
            joined = await state.join(
                session,
                self.schema,
                self.task_id,
                results=",".join(results),
                uniq_source_author=",".join(map(str, counts)),
            )
        if joined:
            _logger.info("task %s: labelled, results: %s", self.task_id, ",".join(results) or "none")
        return joined


Decide = Callable[[str], Match | None]


class Claim:
    """One window, from its claim to the commit. `window` is what was claimed, once it is."""

    def __init__(self, lane: Lane, definition: Definition, decide: Decide) -> None:
        self._lane = lane
        self._definition = definition
        self._decide = decide
        self.window: Window | None = None

    async def work(self) -> bool:
        """Does the next window that is free, all in one transaction; False where none is."""
        site, schema, task_id = self._lane.site, self._lane.schema, self._lane.task_id
        async with site.output_session() as session:
            await session.execute(f"SET SESSION idle_transaction_timeout = {IDLE_SECONDS}")
            async with session.transaction():
                self.window = await window_table.claim(session, schema, task_id)
                if self.window is None:
                    return False
                async with _kept_alive(session):
                    tally = await self._read(self.window)
                    label_rows = tally.label_rows()
                    async with site.output_session() as other:  # making a table commits
                        await label_table.ensure(other, schema, label_rows, self._definition)
                for result, rows in label_rows.items():
                    await label_table.insert(session, schema, result, task_id, rows)
                await window_table.finish(session, schema, task_id, self.window, tally.results())
                # From here to the commit the task cannot be aborted: its check point stays true.
                if await state.hold(session, schema, task_id) != "STARTED":
                    raise TaskStopped(task_id)
        return True

    async def _read(self, window: Window) -> WindowTally:
        tally = WindowTally(self._definition, self._decide)
        async with stream(self._lane.site.input, *self._definition.input.window_query(window)) as batches:
            async for rows in batches:
                tally.add(rows)
        return tally


@asynccontextmanager
async def _kept_alive(session: Session) -> AsyncIterator[None]:
    """Says something on the session now and then, so that the server does not free its claim."""
    done = asyncio.Event()

    async def talk() -> None:
        while not done.is_set():
            try:
                await asyncio.wait_for(done.wait(), _KEEPALIVE_SECONDS)
            except TimeoutError:
                await session.execute("DO 0")

    talking = asyncio.create_task(talk())
    try:
        yield
        done.set()
        await talking
    finally:
        talking.cancel()
