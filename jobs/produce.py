"""The production job: turns a task's label rows into its production rows, in one transaction (spec 4)."""

import asyncio
import logging

from jobs import definition as definitions
from jobs import production_table, state, window_table
from jobs.database import Session
from jobs.errors import DatabaseError
from jobs.site import Site
from jobs.tables import named_lock
from jobs.watch import TaskStopped, watching

_logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8


async def produce(site: Site, schema: str, task_id: str) -> None:
    """Produces a task that is due; nothing where it is not, or is finished. Twice is as once."""
    async with watching(site, schema, task_id, "SUCCESS") as watch:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            production = Production(site, schema, task_id)
            try:
                await watch.run(production.run())
                return
            except TaskStopped:
                await production.kill()
                _logger.info("task %s: stopped in production", task_id)
                return
            except DatabaseError as error:
                _logger.warning("task %s, production: %s", task_id, error)
                if not error.transient or attempt == MAX_ATTEMPTS:
                    await _fail(site, schema, task_id, error)
                    return
                await asyncio.sleep(min(2**attempt, 30))


class Production:
    """One attempt at a task's production."""

    def __init__(self, site: Site, schema: str, task_id: str) -> None:
        self._site = site
        self._schema = schema
        self._task_id = task_id
        self._connection_id: int | None = None

    async def run(self) -> None:
        """Replaces the rows of every result and finishes the task, or does nothing at all."""
        async with self._site.output_session() as session:
            self._connection_id = session.id
            # Frees the lock at once should the job come twice; the second finds the task finished.
            async with named_lock(session, f"audience produce {self._task_id}", 10):
                task = await state.find(session, self._schema, self._task_id)
                definition = await definitions.find(session, self._schema, self._task_id)
                if task is None or definition is None or task.stat != "SUCCESS" or task.finished:
                    return
                for result in task.results:
                    await production_table.ensure(session, self._schema, result, definition)
                async with session.transaction():
                    lengths = [
                        await production_table.replace(
                            session,
                            self._schema,
                            result,
                            self._task_id,
                            integer_id=definition.input.integer_id,
                        )
                        for result in task.results
                    ]
                    await self._finish(session, lengths, task.uniq_source_author or "")
        _logger.info("task %s: produced %s rows", self._task_id, sum(lengths))

    async def kill(self) -> None:
        """Ends the statement that is running on the server, which does not see its client leave."""
        if self._connection_id is None:
            return
        try:
            async with self._site.output_session() as session:
                await session.execute(f"KILL {self._connection_id}")
        except DatabaseError as error:
            _logger.debug("task %s: nothing to kill: %s", self._task_id, error)

    async def _finish(self, session: Session, lengths: list[int], uniq_source_author: str) -> None:
        authors = map(int, uniq_source_author.split(",")) if uniq_source_author else iter(())
        rates = [f"{100 * length / count:.2f}" for length, count in zip(lengths, authors, strict=True)]
        finished = await state.finish(
            session,
            self._schema,
            self._task_id,
            length_prod_table=",".join(map(str, lengths)),
            rate_of_label=",".join(rates),
        )
        if not finished:
            raise TaskStopped(self._task_id)
        await window_table.forget_authors(session, self._schema, self._task_id)


async def _fail(site: Site, schema: str, task_id: str, error: DatabaseError) -> None:
    advice = f"mend the cause, then: audience resume {task_id}"
    async with site.output_session() as session:
        await state.fail(session, schema, task_id, f"production: {error}; {advice}")
