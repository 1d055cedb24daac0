"""What a screen about pattern files learns from tasks: what their patterns decided, and what the files would change."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text
from textual import work

from console.ui import pattern_words
from console.ui.pattern_book import SetKey
from console.ui.pattern_columns import PatternRow, TaskCounts
from console.ui.screens.base import ScreenContext
from console.ui.screens.comparison import ComparisonScreen, task_line
from console.ui.screens.dialogs import Choose
from console.ui.screens.pattern_preview import PatternPreviewScreen
from jobs.model.task import Task
from jobs.services import task_hits
from jobs.services.patterns import PatternFile
from patterns.pattern_set import Pattern

_HITS = "hits"


@dataclass(frozen=True)
class TaskCounted:
    """What the patterns of a task decided, over all results."""

    task: Task
    counts: Mapping[tuple[str, Pattern], TaskCounts]
    """By label and pattern: lines may have moved since."""
    frozen: frozenset[tuple[str, Pattern]]
    """The patterns of the task, with their labels."""

    def of(self, label: str, pattern: Pattern) -> TaskCounts | None:
        """Return what a pattern decided, or None if the task had no such pattern."""
        known = (label, pattern)
        return self.counts.get(known, TaskCounts(0, 0)) if known in self.frozen else None


class PatternTasksScreen(PatternPreviewScreen):
    """A screen that compares the chosen pattern set with tasks, and shows `counted`."""

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self.counted: dict[SetKey, TaskCounted] = {}

    @work(group="dialog", exit_on_error=False)
    async def action_compare(self) -> None:
        """Compare the files with the patterns that a task froze."""
        task = await self._choose_task("Compare the files with the patterns of", only_labelled=False)
        if task is not None:
            self.app.push_screen(ComparisonScreen(self.context, task))

    @work(group="dialog", exit_on_error=False)
    async def action_hits(self) -> None:
        """Show what the patterns of a task decided."""
        key = self.chosen_set
        task = await self._choose_task("Show what was decided in", only_labelled=True)
        if key is not None and task is not None:
            self._count(key, task)

    async def _choose_task(self, question: str, *, only_labelled: bool) -> Task | None:
        """Return a task of the chosen pattern set: the only one, or the one that the operator chooses, newest first."""
        key, board = self.chosen_set, self.snapshot.board
        if key is None:
            self.refuse("choose a file")
            return None
        tasks = [
            task
            for task in (board.tasks if board else ())
            if (task.model_type, task.predict_type) == key
            and not task.legacy
            and not (only_labelled and task.awaits_labelling)
        ]
        if not tasks:
            self.refuse(f"no task of {key[0]} {key[1]} yet: n on the first screen creates one")
            return None
        if len(tasks) == 1:
            return tasks[0]
        lines = list(map(task_line, tasks))
        chosen = await self.ask(Choose(question, lines))
        return tasks[lines.index(chosen)] if chosen is not None else None

    @work(group=_HITS, exclusive=True, exit_on_error=False)
    async def _count(self, key: SetKey, task: Task) -> None:
        with self.working_on(_HITS, f"reading the hits of {task.task_id[:8]} ..."):
            found = await task_hits(self.deployment, task.task_id)
            rows, authors = Counter[tuple[str, Pattern]](), Counter[tuple[str, Pattern]]()
            for result in found.results:
                for one in found.pattern_counts(result):
                    rows[one.label, one.pattern] += one.rows
                    authors[one.label, one.pattern] += one.authors
            counts = {known: TaskCounts(rows[known], authors[known]) for known in rows}
            frozen = frozenset((label.name, pattern) for label, pattern in found.patterns)
            self.counted[key] = TaskCounted(found.task, counts, frozen)

    def figure_lines(self, key: SetKey) -> list[Text]:
        """Return what is known about a pattern set, a line each."""
        counted = self.counted.get(key)
        of_task = (
            [pattern_words.task_line(counted.task, counted.counts.values(), len(counted.frozen))] if counted else []
        )
        return super().figure_lines(key) + of_task

    def row_lines(self, row: PatternRow, file: PatternFile) -> list[Text]:
        """Return what is known about a line of a file."""
        counted = self.counted.get((file.model_type, file.predict_type))
        return ([pattern_words.task_row_line(row, counted.task)] if counted else []) + super().row_lines(row, file)
