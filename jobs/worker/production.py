"""The production job: turns a task's label rows into production rows (docs/contract.md, "Production").

Each result has a transaction of its own, several at once, and the task is finished when all are done.
Starting over at any moment gives the same rows, because the rows of a result are replaced.
"""

import asyncio
import logging
from contextlib import suppress

from jobs.errors import DatabaseError, LabelRowsMissing, LockTaken
from jobs.model.definition import Definition
from jobs.model.task import Task, TaskRef, TaskStatus, join_figures
from jobs.storage import definitions, labels, production, state, windows
from jobs.storage.connection import Session
from jobs.storage.locks import lock_holder, named_lock
from jobs.storage.server import kill_connection
from jobs.worker.context import WorkerContext
from jobs.worker.heartbeat import TaskStopped

_logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
RESULTS_AT_ONCE = 4

# The server continues the statement of a killed worker, which keeps its lock. After this long without a
# heartbeat of the task, its connection is ended.
ORPHAN_SECONDS = 15.0
_KILL_SECONDS = 2.0
_LOCK_SECONDS = 10.0


async def produce(context: WorkerContext, ref: TaskRef) -> bool:
    """Produce a task that is due. Doing so twice changes nothing. Returns False if another worker is at it.

    Raises DatabaseError if the task cannot be read.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            await Production(context, ref).run()
            return True
        except LockTaken:
            return False
        except TaskStopped:
            _logger.info("task %s: stopped in production", ref.task_id)
            return True
        except DatabaseError as error:
            _logger.warning("task %s, production: %s", ref.task_id, error)
            if not error.transient:
                raise
            last = error
        await asyncio.sleep(min(2**attempt, 30))
    raise last


class Production:
    """One attempt at a task's production."""

    def __init__(self, context: WorkerContext, ref: TaskRef) -> None:
        self._context = context
        self._ref = ref

    async def run(self) -> None:
        """Replace the rows of every result and finish the task."""
        async with self._context.deployment.output_session() as session:
            lock = f"audience produce {self._ref.task_id}"
            try:
                async with named_lock(session, lock, seconds=0):
                    await self._run_locked(session)
            except LockTaken:
                await self._end_orphan(session, lock)
                raise

    async def _run_locked(self, session: Session) -> None:
        task = await state.find(session, self._ref)
        if task is None or not task.awaits_production:
            return
        async with self._context.heartbeats.recording(self._ref, TaskStatus.SUCCESS) as heartbeat:
            definition = await definitions.find(session, self._ref)
            labelled = await windows.count_labelled(session, self._ref)
            try:
                lengths = await heartbeat.run(self._replace_all(task.results, definition, labelled))
            except LabelRowsMissing:
                await self._reopen(session, task.results)
                raise
            async with session.transaction():
                finished = await state.complete_production(
                    session,
                    self._ref,
                    length_prod_table=join_figures(lengths),
                    rate_of_label=join_figures(_rates(lengths, task)),
                )
                if not finished:
                    raise TaskStopped(self._ref.task_id)
                await windows.delete_authors(session, self._ref)
        _logger.info("task %s: produced %s rows", self._ref.task_id, sum(lengths))

    async def _replace_all(self, results: list[str], definition: Definition, labelled: dict[str, int]) -> list[int]:
        turns = asyncio.Semaphore(RESULTS_AT_ONCE)
        replacing = [
            asyncio.create_task(self._replace(result, definition, labelled.get(result, 0), turns)) for result in results
        ]
        try:
            return await asyncio.gather(*replacing)
        finally:
            for each in replacing:
                if not each.cancelling():  # otherwise it is ending its statement on the server
                    each.cancel()
            await asyncio.gather(*replacing, return_exceptions=True)

    async def _replace(self, result: str, definition: Definition, labelled: int, turns: asyncio.Semaphore) -> int:
        async with turns, self._context.deployment.output_session() as session:
            await production.ensure(session, self._ref.schema, result, definition)
            lock = f"audience produce {self._ref.task_id} {result}"
            # This process holds the task's lock, so whoever works on the result is an orphan.
            orphan = await lock_holder(session, lock)
            if orphan is not None:
                await self._kill(orphan)
            async with named_lock(session, lock, seconds=_LOCK_SECONDS):
                try:
                    async with session.transaction():
                        await self._check_votes(session, result, labelled)
                        return await production.replace(session, self._ref, result, definition.input)
                except BaseException:
                    await self._kill(session.id)
                    raise

    async def _check_votes(self, session: Session, result: str, labelled: int) -> None:
        """Raise LabelRowsMissing unless the label rows stand for every row that was labelled."""
        votes = await labels.count_votes(session, self._ref, result)
        if votes != labelled:
            raise LabelRowsMissing(
                f"label rows of {self._ref.schema}.{result} are missing: they stand for {votes:,} of {labelled:,}"
                " labelled rows; resuming labels the whole range again"
            )

    async def _reopen(self, session: Session, results: list[str]) -> None:
        """Delete what is left of the label rows, and open every window again."""
        async with session.transaction():
            for result in results:
                await labels.delete(session, self._ref, result)
            await windows.reopen(session, self._ref)

    async def _end_orphan(self, session: Session, lock: str) -> None:
        """End the connection that holds the lock if the task's heartbeat has stopped."""
        seconds = await state.seconds_since_heartbeat(session, self._ref)
        holder = await lock_holder(session, lock)
        if holder is not None and seconds is not None and seconds > ORPHAN_SECONDS:
            _logger.warning("task %s: ending an orphaned production", self._ref.task_id)
            await self._kill(holder)

    async def _kill(self, connection_id: int) -> None:
        """End a connection on the server, which does not notice that its client left. A failure is harmless."""
        with suppress(DatabaseError, TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS), self._context.deployment.output_session() as session:
                await kill_connection(session, connection_id)


def _rates(lengths: list[int], task: Task) -> list[str]:
    """Return 100 * produced / distinct authors of each result, with two decimals."""
    authors = [figures.authors or 0 for figures in task.result_figures]
    return [f"{100 * length / count:.2f}" for length, count in zip(lengths, authors, strict=True)]
