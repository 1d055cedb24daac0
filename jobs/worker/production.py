"""The production job: turns a task's label rows into its production rows (spec 4).

Each result in a transaction of its own, several at once; the task is finished when all are done. To
begin again at any moment comes to the same, because a result's rows are replaced.
"""

import asyncio
import logging
from contextlib import suppress

from jobs.errors import DatabaseError, LockTaken
from jobs.model import definition as definitions
from jobs.model.definition import Definition
from jobs.storage import production as production_table
from jobs.storage import state
from jobs.storage import windows as window_table
from jobs.storage.connection import Session
from jobs.storage.schema import lock_holder, named_lock
from jobs.worker.context import Workplace
from jobs.worker.heartbeat import TaskStopped

_logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
RESULTS_AT_ONCE = 4

# The server goes on with the statement of a producer that was killed, and holds its lock. When the
# task's heart has not beaten for so long, it is ended.
SILENT_SECONDS = 15.0
_KILL_SECONDS = 2.0
_LOCK_SECONDS = 10.0


async def produce(workplace: Workplace, schema: str, task_id: str) -> bool:
    """Produces a task that is due; twice is as once. False: another is at it, come again later.

    Raises DatabaseError where the task cannot even be looked at.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        production = Production(workplace, schema, task_id)
        try:
            await production.run()
            return True
        except LockTaken:
            return False
        except TaskStopped:
            _logger.info("task %s: stopped in production", task_id)
            return True
        except DatabaseError as error:
            _logger.warning("task %s, production: %s", task_id, error)
            if not error.transient:
                raise
            last = error
        await asyncio.sleep(min(2**attempt, 30))
    raise last


class Production:
    """One attempt at a task's production."""

    def __init__(self, workplace: Workplace, schema: str, task_id: str) -> None:
        self._workplace = workplace
        self._schema = schema
        self._task_id = task_id

    async def run(self) -> None:
        """Replaces the rows of every result and finishes the task."""
        async with self._workplace.site.output_session() as session:
            lock = f"audience produce {self._task_id}"
            try:
                async with named_lock(session, lock, seconds=0):
                    await self._run_alone(session)
            except LockTaken:
                await self._end_orphan(session, lock)
                raise

    async def _run_alone(self, session: Session) -> None:
        task = await state.find(session, self._schema, self._task_id)
        if task is None or task.stat != "SUCCESS" or task.finished:
            return
        async with self._workplace.watchman.watching(self._schema, self._task_id, "SUCCESS") as watch:
            definition = await definitions.find(session, self._schema, self._task_id)
            lengths = await watch.run(self._replace_all(task.results, definition))
            async with session.transaction():
                finished = await state.finish(
                    session,
                    self._schema,
                    self._task_id,
                    length_prod_table=",".join(map(str, lengths)),
                    rate_of_label=",".join(_rates(lengths, task.uniq_source_author or "")),
                )
                if not finished:
                    raise TaskStopped(self._task_id)
                await window_table.forget_authors(session, self._schema, self._task_id)
        _logger.info("task %s: produced %s rows", self._task_id, sum(lengths))

    async def _replace_all(self, results: list[str], definition: Definition) -> list[int]:
        turns = asyncio.Semaphore(RESULTS_AT_ONCE)
        replacing = [asyncio.create_task(self._replace(result, definition, turns)) for result in results]
        try:
            return await asyncio.gather(*replacing)
        finally:
            for each in replacing:
                if not each.cancelling():  # else it is ending its statement on the server
                    each.cancel()
            await asyncio.gather(*replacing, return_exceptions=True)

    async def _replace(self, result: str, definition: Definition, turns: asyncio.Semaphore) -> int:
        async with turns, self._workplace.site.output_session() as session:
            await production_table.ensure(session, self._schema, result, definition)
            lock = f"audience produce {self._task_id} {result}"
            # We are alone at the task: whoever is still at this result was left behind.
            orphan = await lock_holder(session, lock)
            if orphan is not None:
                await self._kill(orphan)
            async with named_lock(session, lock, seconds=_LOCK_SECONDS):
                try:
                    async with session.transaction():
                        return await production_table.replace(
                            session, self._schema, result, self._task_id, definition.input
                        )
                except BaseException:
                    await self._kill(session.id)
                    raise

    async def _end_orphan(self, session: Session, lock: str) -> None:
        """Ends the connection that holds the lock, where nobody beats for the task any more."""
        silence = await state.silence(session, self._schema, self._task_id)
        holder = await lock_holder(session, lock)
        if holder is not None and silence is not None and silence > SILENT_SECONDS:
            _logger.warning("task %s: ending a production that was left behind", self._task_id)
            await self._kill(holder)

    async def _kill(self, connection_id: int) -> None:
        """Ends a connection on the server, which does not see its client leave; in vain is no harm."""
        with suppress(DatabaseError, TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS), self._workplace.site.output_session() as session:
                await session.execute(f"KILL {connection_id}")


def _rates(lengths: list[int], uniq_source_author: str) -> list[str]:
    """100 * produced / distinct authors of each result, two decimals."""
    authors = map(int, uniq_source_author.split(",")) if uniq_source_author else iter(())
    return [f"{100 * length / count:.2f}" for length, count in zip(lengths, authors, strict=True)]
