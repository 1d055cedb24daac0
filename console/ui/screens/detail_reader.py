"""Reading what the detail of a task shows beyond its row in the state table: its windows and its panels."""

from dataclasses import replace
from typing import Any

from textual import work
from textual.timer import Timer

from console.ui.screens.base import ScreenContext
from console.ui.screens.task_actions import TaskActions
from console.ui.task_columns import Situation
from console.ui.task_text import TaskData
from jobs.errors import AudienceError
from jobs.model.task import Task
from jobs.services import overview
from jobs.services.panels import PanelCounts, panel_counts

# Panels are counted in the production tables: not for each task that the cursor passes, and not for millions of rows.
_REST_SECONDS = 0.6
_MOST_ROWS = 1_000_000


class DetailReader(TaskActions):
    """A screen with the detail of a task."""

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._shown: tuple[Task, Situation] | None = None
        self._data = TaskData()
        self._windows_of: tuple[object, ...] | None = None
        self._panels: dict[tuple[str, int | None], PanelCounts] = {}
        self._counting: Timer | None = None

    def draw_detail(self, task: Task | None, situation: Situation | None, data: TaskData) -> None:
        """Draw the detail of a task."""
        raise NotImplementedError

    def show_detail(self, task: Task | None, situation: Situation | None) -> None:
        """Show a task, and read what has changed about it."""
        key = (task.task_id, task.windows_done, task.stat, task.waiting_for) if task else None
        if key != self._windows_of:
            if not key or not self._windows_of or key[0] != self._windows_of[0]:
                self._data = TaskData()
                self._count_panels_soon(task)
            self._windows_of = key
            if task:
                self._read_windows(task)
        self._data = replace(self._data, panels=self._panels.get(_key(task), {}) if task else {})
        self._shown = (task, situation) if task and situation else None
        self.draw_detail(task, situation, self._data)

    def keep(self, task: Task, **read: Any) -> None:
        """Show what has been read about a task, if it is still the one that is shown."""
        if self._shown is not None and self._shown[0].task_id == task.task_id and self.is_mounted:
            self._data = replace(self._data, **read)
            self.draw_detail(*self._shown, self._data)

    @work(group="windows", exclusive=True, exit_on_error=False)
    async def _read_windows(self, task: Task) -> None:
        try:
            windows = await overview.read_windows(self.deployment, task)
        except AudienceError:
            self._windows_of = None  # the header shows the outage; read them again when the server is back
        else:
            self.keep(task, windows=windows)

    def _count_panels_soon(self, task: Task | None) -> None:
        if self._counting is not None:
            self._counting.stop()
        rows = sum(figures.produced or 0 for figures in task.result_figures) if task else 0
        if task is not None and task.produced and rows <= _MOST_ROWS and _key(task) not in self._panels:
            self._counting = self.set_timer(_REST_SECONDS, lambda: self._count_panels(task))

    @work(group="panels", exclusive=True, exit_on_error=False)
    async def _count_panels(self, task: Task) -> None:
        try:
            self._panels[_key(task)] = await panel_counts(self.deployment, task)
        except AudienceError:
            return  # the header shows an outage; a task without its tables has no panels to show
        self.keep(task, panels=self._panels[_key(task)])


def _key(task: Task) -> tuple[str, int | None]:
    return task.task_id, task.generation
