"""What all jobs of one worker process share."""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from jobs.deployment import Site
from jobs.errors import DatabaseError
from jobs.model.definition import Definition
from jobs.model.tally import Decide, Decisions
from jobs.storage import state
from jobs.worker.heartbeat import Watchman
from patterns.matcher import build_matcher
from patterns.pattern_set import PatternSet

# A worker has few windows in hand at once, so that neither its memory nor its connections grow
# with the number of tasks; they take turns at them.
WINDOWS_IN_HAND = 2
PRODUCTIONS_IN_HAND = 2


@dataclass
class Workplace:
    """The site a worker serves, and what it has in hand."""

    site: Site
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WINDOWS_IN_HAND))
    """Whoever works on a window, or otherwise connects for a task, has a turn."""
    productions: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PRODUCTIONS_IN_HAND))
    lanes: set[str] = field(default_factory=set)
    """The tasks that this process has a lane of."""
    rows: int = 0
    """How many rows it has read."""

    @cached_property
    def watchman(self) -> Watchman:
        """Beats for the tasks."""
        return Watchman(self.site)

    async def fail(self, schema: str, task_id: str, reason: str) -> None:
        """Ends a task in FAILURE, with what its operator can do. Raises DatabaseError."""
        # Of an error that quotes the data, not the data.
        error = f"{reason[:2_000]}; mend the cause, then: audience resume {task_id}"
        async with self.site.output_session() as session:
            await state.fail(session, schema, task_id, error)


def describe(error: Exception) -> str:
    """An error in words: a server's as it said it, any other with its kind."""
    return str(error) if isinstance(error, DatabaseError) else f"{type(error).__name__}: {error}"


async def decider(definition: Definition) -> Decide:
    """How to decide about a task's texts. The tasks with the same patterns share one matcher, and its memory."""
    decisions = await asyncio.to_thread(_decisions, definition.patterns)
    # Titles and areas come again; contents hardly do, and of authors a tally remembers its own.
    return decisions.__getitem__ if definition.input.text in ("title", "s_area_id") else decisions.match


@lru_cache(maxsize=4)
def _decisions(patterns: PatternSet) -> Decisions:
    return Decisions(build_matcher(patterns))
