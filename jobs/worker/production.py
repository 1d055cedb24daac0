"""The production job: turns a task's label rows into production rows (docs/contract.md, "Production")."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.errors import NO_SUCH_TABLE, DatabaseError, LabelRowsMissing
from jobs.model.alert import AlertEvent
from jobs.model.event import EventKind
from jobs.model.input_table import InputTable
from jobs.model.task import Task, TaskStatus, join_figures
from jobs.model.units import Unit
from jobs.storage import definitions, events, labels, production, state, task_search, units, windows
from jobs.storage.claims import Claimable
from jobs.storage.connection import Session
from jobs.storage.labels import production_tables
from jobs.storage.schema import Table
from jobs.storage.units import Produced
from jobs.storage.windows import ResultRows
from jobs.worker.lane import Lane

_logger = logging.getLogger(__name__)


@dataclass
class ProductionLane(Lane):
    """One worker's part in the production job of one task."""

    table = Claimable.UNITS
    status = TaskStatus.SUCCESS

    input: InputTable = field(init=False)
    unit: Unit = field(init=False)

    @property
    def turns(self) -> asyncio.Semaphore:
        """A worker produces few units at once."""
        return self.context.productions

    async def start(self, session: Session) -> list[Table]:
        """Read how the input's ids compare, and record that this worker has joined."""
        self.input = await definitions.find_input(session, self.ref)
        await events.record(session, self.ref, EventKind.JOINED, f"worker {self.context.name}, for production")
        task = await task_search.find(session, self.ref)
        return production_tables(self.input, task.results if task else [])

    async def claim(self, session: Session) -> bool:
        """Claim the next unit."""
        unit = await units.claim_unit(session, self.ref)
        if unit is None:
            return False
        self.unit, self.claimed, self.number = unit, f"production of {unit.result}", unit.number
        return True

    async def work(self, session: Session) -> None:
        """Produce the unit. The votes are counted afterwards, so that none of them can go missing unnoticed."""
        try:
            rows = await production.insert(session, self.ref, self.unit, self.input)
        except DatabaseError as error:
            if error.code != NO_SUCH_TABLE:
                raise
            message = f"rows of {self.ref.schema}.{self.unit.result} are missing: {error}; resuming writes them again"
            raise LabelRowsMissing(message) from error
        votes = await labels.count_votes(session, self.ref, self.unit)
        await units.finish(session, self.ref, self.unit, Produced(votes, rows))

    async def complete(self, session: Session) -> bool:
        """Compare the votes with the rows that were labelled, and finish the task. Raises LabelRowsMissing."""
        task = await task_search.find(session, self.ref)
        if task is None or not task.awaits_production:
            return False
        produced = await units.totals(session, self.ref)
        self._check_votes(produced, await windows.count_results(session, self.ref))
        lengths = [produced[result].rows for result in task.results]
        finished = await state.complete_production(
            session,
            self.ref,
            length_prod_table=join_figures(lengths),
            rate_of_label=join_figures(_rates(lengths, task)),
            alert=self.context.deployment.alerts_of(AlertEvent.TASK_FINISHED),
        )
        if finished:
            _logger.info("task %s: produced %s rows", self.ref.task_id, sum(lengths))
        return finished

    def _check_votes(self, produced: Mapping[str, Produced], labelled: Mapping[str, ResultRows]) -> None:
        for result, rows in labelled.items():
            if produced[result].votes != rows.labelled:
                raise LabelRowsMissing(
                    f"label rows of {self.ref.schema}.{result} are missing: they stand for"
                    f" {produced[result].votes:,} of {rows.labelled:,} labelled posts; resuming labels the whole range"
                    " again"
                )


def _rates(lengths: list[int], task: Task) -> list[str]:
    """Return 100 * produced / distinct authors of each result, with two decimals."""
    authors = [figures.authors or 0 for figures in task.result_figures]
    return [f"{100 * length / count:.2f}" for length, count in zip(lengths, authors, strict=True)]
