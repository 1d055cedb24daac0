"""The table of tasks: sorted, filtered, marked, with the columns that fit."""

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from console.ui.task_columns import AGE, COLUMNS, Column, Situation, columns_for
from console.ui.task_filter import TaskFilter
from console.ui.widgets.sorted_table import SortedTable, sort_bindings
from jobs.model.task import Task


class TaskTable(SortedTable[Column]):
    """A row for each task that the filter matches. Marks stay with their tasks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Detail"),
        Binding("space", "mark", "Mark"),
        Binding("asterisk", "mark_all", "Mark all that are shown", key_display="*", show=False),
        *sort_bindings(COLUMNS),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(COLUMNS, AGE, id=id)
        self.filter = TaskFilter("")
        self._situation: Situation | None = None
        self._fitted: dict[Column, int] = {}
        """The columns that are shown, with their widths."""

    @property
    def selected(self) -> Task | None:
        """The task under the cursor."""
        return next((task for task in self._tasks if task.task_id == self.cursor_key), None)

    @property
    def marked_tasks(self) -> tuple[Task, ...]:
        """The tasks that are marked, the newest first, whether the filter matches them or not."""
        return tuple(task for task in self._tasks if task.task_id in self.marked) if self.marked else ()

    @property
    def _tasks(self) -> tuple[Task, ...]:
        return self._situation.board.tasks if self._situation else ()

    def show_tasks(self, situation: Situation) -> None:
        """Show these tasks."""
        self._situation = situation
        self.marked &= {task.task_id for task in self._tasks}
        self.refresh_rows()

    def refresh_rows(self) -> None:
        """Filter, sort and draw the tasks again, with the columns that fit."""
        situation = self._situation
        if situation is None or not self.is_mounted:
            return
        shown = {task.task_id: task for task in self._sorted()}
        columns = self._fitted = self._fitting()
        self.set_columns(
            {column.label: width for column, width in columns.items()}, {column.label: column.key for column in columns}
        )

        def cells(key: str) -> tuple[Text, ...]:
            return tuple(column.show(shown[key], situation, width) for column, width in columns.items())

        self.show(list(shown), cells)

    def _sorted(self) -> list[Task]:
        assert self._situation is not None
        rates, stale = self._situation.rates, self._situation.stale
        matching = (task for task in self._tasks if self.filter.matches(task, stale))
        return sorted(matching, key=lambda task: (self.sort.order(task, rates), task.task_id), reverse=self.descending)

    def on_resize(self) -> None:
        """Drop the columns that do not fit. If all do, as when a line goes, Textual repaints the rows anyway."""
        if self._situation is not None and self._fitting() != self._fitted:
            self.refresh_rows()

    def _fitting(self) -> dict[Column, int]:
        return columns_for(self.size.width - 1, self.sort, self._tasks)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer marks, and the detail, if there is a task."""
        return self.row_count > 0 if action in ("select", "mark", "mark_all") else True

    def action_mark(self) -> None:
        """Mark the task under the cursor, or remove its mark, and go to the next one."""
        if self.cursor_key:
            self.marked ^= {self.cursor_key}
            self.repaint_changes()
            self.action_move(1)
            self.post_message(self.Arranged())

    def action_mark_all(self) -> None:
        """Mark all tasks that are shown, or remove all marks if they are marked already."""
        shown = frozenset(self.keys)
        self.marked = frozenset() if shown <= self.marked else self.marked | shown
        self.repaint_changes()
        self.post_message(self.Arranged())

    def unmark(self) -> None:
        """Remove all marks."""
        self.marked = frozenset()
        self.repaint_changes()
        self.post_message(self.Arranged())
