"""The label job: streams the rows of a window, matches them, and writes label rows and author hashes."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from jobs.model.definition import Definition
from jobs.model.hits import ResultHits
from jobs.model.tally import Decide, WindowTally, new_tally
from jobs.model.task import TaskStatus, join_figures
from jobs.model.windows import Window
from jobs.storage import definitions, hits, labels, state, units, windows
from jobs.storage.access_path import read_window
from jobs.storage.claims import Claimable
from jobs.storage.connection import Session, connect
from jobs.storage.cutting import key_after
from jobs.storage.labels import label_tables, production_tables
from jobs.storage.schema import Table
from jobs.storage.stream import open_reader
from jobs.storage.task_tables import LABEL_JOB_TABLES
from jobs.storage.windows import AuthorCounts, ResultRows
from jobs.worker.context import decide_function
from jobs.worker.lane import Lane
from jobs.worker.memory import peak_memory
from jobs.worker.row_feeder import RowFeeder

_logger = logging.getLogger(__name__)


@dataclass
class LabelLane(Lane):
    """One worker's part in the label job of one task."""

    table = Claimable.WINDOWS
    status = TaskStatus.STARTED

    definition: Definition = field(init=False)
    decide: Decide = field(init=False)
    window: Window = field(init=False)

    @property
    def turns(self) -> asyncio.Semaphore:
        """A worker works on few windows at once."""
        return self.context.turns

    async def start(self, session: Session) -> list[Table]:
        """Build the matcher, and set the task to STARTED."""
        self.definition = await definitions.find(session, self.ref)
        self.decide = await decide_function(self.definition)
        await state.start(session, self.ref, self.context.name)
        results = self.definition.sources.names
        return [
            *LABEL_JOB_TABLES,
            *label_tables(self.definition, results),
            *production_tables(self.definition.input, results),
        ]

    async def claim(self, session: Session) -> bool:
        """Claim the next window."""
        window = await windows.claim_window(session, self.ref)
        if window is None:
            return False
        self.window, self.claimed, self.number = window, f"window {window.number}", window.number
        return True

    async def work(self, session: Session) -> None:
        """Label the window. If nobody knows its size, only cut the next window off it."""
        if self.window.uncut:
            await self._cut(session)
            return
        received, labelled = 0, 0
        label_rows = Counter[str]()
        hits_of: defaultdict[str, Counter[int]] = defaultdict(Counter)
        async with aclosing(self._tallies(self.window)) as tallies:
            async for part, tally in tallies:
                for result, rows in tally.label_rows().items():
                    label_rows[result] += await labels.insert(
                        session, self.ref, result, self.window.number, rows, before=label_rows[result]
                    )
                await windows.add_authors(session, self.ref, self.window, part, tally.author_hashes())
                received += tally.received
                labelled += tally.labelled_once()
                for result, rows_by_pattern in tally.hits().items():
                    hits_of[result].update(rows_by_pattern)
                del tally  # frees its memory before the next part grows
        results = {result: ResultRows(rows.total(), label_rows[result]) for result, rows in hits_of.items()}
        await windows.finish(session, self.ref, self.window, received, labelled, results, hits_of)

    async def complete(self, session: Session) -> bool:
        """Count the authors, cut the production job into units, and set the task to SUCCESS."""
        results = await windows.count_results(session, self.ref)
        patterns = self.definition.patterns
        authors = await windows.count_authors(session, self.ref, [label.name for label, _ in patterns])
        await self._keep_hits(session, results, authors)
        # A last heartbeat, because a task may end between two of them.
        await state.record_heartbeat(session, self.ref, peak_memory())
        completed = await state.complete_label_job(
            session,
            self.ref,
            result=join_figures(list(results)),
            uniq_source_author=join_figures([authors.all[result] for result in results]),
            units=await units.replace(session, self.ref, results),
        )
        if completed:
            _logger.info("task %s: labelled, results: %s", self.ref.task_id, ",".join(results) or "none")
        return completed

    async def _keep_hits(self, session: Session, results: Mapping[str, ResultRows], authors: AuthorCounts) -> None:
        """Store what each pattern decided, unless a worker of an earlier release labelled windows without counting."""
        rows = await windows.count_hits(session, self.ref)
        if all(rows[result].total() == results[result].labelled for result in results):
            found = {
                result: ResultHits(rows[result], authors.by_pattern[result], authors.by_label[result])
                for result in results
            }
            await hits.replace(session, self.ref, found)

    async def _cut(self, session: Session) -> None:
        deployment = self.context.deployment
        async with connect(deployment.input) as input_session:
            rows = deployment.settings.window_rows
            key = await key_after(input_session, self.definition.input, self.window.from_key, rows)
        await windows.cut(session, self.ref, self.window, key)
        if key is not None:
            await state.grow_windows(session, self.ref, self.window.number + 1)

    async def _tallies(self, window: Window) -> AsyncGenerator[tuple[int, WindowTally], None]:
        """Tally the window's rows: in one part, or in several if a tally fills up."""
        context, table = self.context, self.definition.input
        server = replace(context.deployment.input, time_zone=table.time_zone)
        part, tally, feeder = 0, new_tally(self.definition, self.decide), RowFeeder()
        async with open_reader(server) as reader:
            async for rows in read_window(reader, table, window):
                await feeder.add(tally, rows)
                context.rows += len(rows)
                if tally.full:
                    yield part, tally
                    part, tally = part + 1, new_tally(self.definition, self.decide)
        yield part, tally
