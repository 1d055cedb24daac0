"""What the patterns of a task decided, as its label job counted it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from jobs.deployment import Deployment
from jobs.errors import Conflict, StateUnreadable
from jobs.model.hits import ResultHits
from jobs.model.task import Task
from jobs.services.connections import find_task, state_session
from jobs.services.explain import frozen_patterns
from jobs.storage import hits
from patterns.pattern_set import Pattern, PatternSet


@dataclass(frozen=True, slots=True)
class PatternCount:
    """What one pattern decided for one result; or, with 0 rows, a pattern that decided nothing."""

    label: str
    line: int
    """The line in the label's file when the task was created, from 1."""
    pattern: Pattern
    rows: int = 0
    authors: int = 0
    """The authors of these rows."""


@dataclass(frozen=True, slots=True)
class PanelCount:
    """What the patterns of one label decided for one result."""

    panel: str
    rows: int
    authors: int
    """The authors of these rows. An author whose rows got several labels counts for each."""


@dataclass(frozen=True)
class TaskHits:
    """What the patterns of a task decided. A row counts for each result of its source."""

    task: Task
    patterns: PatternSet
    results: Mapping[str, ResultHits]
    """By result, sorted by name."""

    def pattern_counts(self, result: str) -> list[PatternCount]:
        """Return what the patterns decided for a result, those with the most rows first, none with 0 rows."""
        found = self.results[result]
        counts = [
            PatternCount(label, line, pattern, found.rows[number], found.authors[number])
            for number, (label, line, pattern) in enumerate(self.patterns.lines())
            if number in found.rows
        ]
        return sorted(counts, key=lambda count: -count.rows)

    def panel_counts(self, result: str) -> list[PanelCount]:
        """Return what each label with a row got for a result, in deciding order."""
        rows: Counter[str] = Counter()
        for count in self.pattern_counts(result):
            rows[count.label] += count.rows
        authors = self.results[result].panel_authors
        labels = [label.name for label in self.patterns.labels if label.name in rows]
        return [PanelCount(f"/{label}", rows[label], authors[label]) for label in labels]

    def unused(self) -> list[PatternCount]:
        """Return the patterns that decided about no row of any result, in deciding order."""
        used = set().union(*(found.rows for found in self.results.values()))
        return [PatternCount(*line) for number, line in enumerate(self.patterns.lines()) if number not in used]


async def task_hits(deployment: Deployment, task_id: str) -> TaskHits:
    """Return what the patterns of a task decided. It does not need the task's label rows.

    Raises InvalidTaskId, UnknownTask, StateUnreadable, and Conflict if its label job has not ended, or did not count.
    """
    async with state_session(deployment, "cannot read the hits of the task") as session:
        task = await find_task(deployment, session, task_id)
        if task.awaits_labelling:
            raise Conflict(f"task {task.task_id} is {task.stat}; its hits are counted when its label job ends")
        if task.stopped and task.units is None:
            raise Conflict(
                f"the label job of task {task.task_id} did not end; continue it with: audience resume {task.task_id}"
            )
        try:
            found = {} if task.legacy else await hits.find(session, task.ref)
        except (ValueError, TypeError, LookupError) as error:
            raise StateUnreadable(f"cannot read the hits of task {task.task_id}: {error}") from error
    if not set(task.results) <= found.keys():
        raise Conflict(f"the hits of task {task.task_id} are not known: an earlier release labelled its rows")
    return TaskHits(task, await frozen_patterns(deployment, task.task_id), found)
