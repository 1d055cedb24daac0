"""The home screen: the live task table, and the task under the cursor in full."""

from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from console.sanitize import sanitize
from console.ui.screens.base import ScreenContext
from console.ui.screens.dialogs import Choose
from console.ui.screens.task_actions import TaskActions
from console.ui.screens.task_detail import TaskDetailScreen
from console.ui.snapshot import Snapshot
from console.ui.task_columns import COLUMNS, Column, columns_for
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.task_detail import TaskDetail
from console.ui.widgets.text_input import TextInput
from jobs.errors import StateUnreadable
from jobs.model.task import Task
from jobs.services import overview
from jobs.services.overview import TaskBoard

WIDE = 110


class TasksScreen(TaskActions):
    """The task table."""

    TITLE = "Tasks"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("enter", "detail", "Detail", priority=False),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("o", "sort", "Sort", show=False),
        Binding("i", "reverse", "Reverse order", show=False),
        Binding("space", "pause", "Pause, or go on", show=False),
    ]

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._sort = COLUMNS[-1]
        self._descending = True
        self._board: TaskBoard | None = None
        self._paused = False
        self._windows_of: tuple[str, int | None] | None = None

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield LiveText(id="note")
                yield LiveTable(id="tasks")
                yield TextInput(
                    placeholder="filter: any part of id, state, names; Enter keeps it, Escape clears it",
                    id="filter",
                    compact=True,
                )
            yield TaskDetail(id="view")

    def on_mount(self) -> None:
        super().on_mount()
        self._filter.display = False
        self._table.focus()

    @property
    def _table(self) -> LiveTable:
        return self.query_one(LiveTable)

    @property
    def _filter(self) -> TextInput:
        return self.query_one("#filter", TextInput)

    @property
    def selected(self) -> Task | None:
        """The task under the cursor."""
        key = self._table.cursor_key
        tasks = self._board.tasks if self._board else ()
        return next((task for task in tasks if task.task_id == key), None)

    def select_task(self, task_id: str) -> None:
        """Move the cursor to a task as soon as it is in the table."""
        self._paused = False
        self._filter.value = ""
        self._filter.display = False
        self._table.focus()
        self._table.select_when_shown(task_id)

    def show(self, snapshot: Snapshot) -> None:
        """Show the snapshot's tasks, unless the table is paused."""
        if snapshot.board is not self._board and (not self._paused or self._board is None):
            self._board = snapshot.board
            self._refresh_table()
        else:
            self._show_note()
            self._show_detail()

    def on_resize(self) -> None:
        """Drop the columns that do not fit."""
        self.call_after_refresh(self._refresh_table)

    def _refresh_table(self) -> None:
        if not self.is_mounted:
            return
        board, rates = self._board, self.context.rates
        columns = columns_for((self._table.size.width or self.size.width) - 1, self._sort)
        self._table.set_columns({self._label(column): column.width for column in columns})
        if board:
            by_key = {task.task_id: task for task in self._filtered(board.tasks)}

            def cells(key: str) -> tuple[Text, ...]:
                return tuple(column.show(by_key[key], board, rates) for column in columns)

            self._table.show(list(by_key), cells)
        self._show_note()
        self._show_detail()
        self.refresh_keys()

    def _label(self, column: Column) -> str:
        """Return a column's label: in capitals if the table is sorted by it, with ^ if ascending."""
        if column is not self._sort:
            return column.label
        return column.label.upper() + ("" if self._descending else "^")

    def _filtered(self, tasks: tuple[Task, ...]) -> list[Task]:
        words = self._filter.value.lower().split()
        matching = [task for task in tasks if all(word in _searchable_text(task) for word in words)]
        rates = self.context.rates
        return sorted(
            matching, key=lambda task: (self._sort.order(task, rates), task.task_id), reverse=self._descending
        )

    def _show_note(self) -> None:
        text = Text()
        words = self._filter.value.strip()
        if self._board is None:
            text.append(sanitize(self.snapshot.output.error or "asking the output server ..."), "waiting")
        elif not self._board.tasks:
            text.append("No tasks yet. Press n to create one.")
        elif words:
            text.append(f"{self._table.row_count} of {len(self._board.tasks)} tasks match {words!r}")
        elif len(self._board.tasks) == overview.MOST_TASKS:
            text.append(f"the newest {overview.MOST_TASKS:,} tasks")
        for error in self.snapshot.errors if self._board is not None else []:
            text.append(("\n" if text else "") + sanitize(error), "waiting")
        if self._paused:
            text.append("  paused: press space to go on", "reverse waiting")
        note = self.query_one("#note", LiveText)
        note.set_text(text)
        note.display = bool(text)

    def _show_detail(self) -> None:
        detail = self.query_one("#view", TaskDetail)
        # Not when the screen is resized: its size may not be final then.
        detail.display = self.size.width >= WIDE
        if not detail.display:
            return
        task = self.selected
        key = (task.task_id, task.windows_done) if task else None
        if key != self._windows_of:
            if not key or not self._windows_of or key[0] != self._windows_of[0]:
                detail.windows = ()
            self._windows_of = key
            if task:
                self._read_windows(task)
        detail.show(task, self.context.rates, self.snapshot.fleet)

    @work(group="windows", exclusive=True, exit_on_error=False)
    async def _read_windows(self, task: Task) -> None:
        try:
            self.query_one("#view", TaskDetail).windows = await overview.read_windows(self.deployment, task)
        except StateUnreadable:
            self._windows_of = None  # the header shows the outage; read them again when the server is back

    @on(LiveTable.RowHighlighted)
    def _cursor_moved(self) -> None:
        self._show_detail()
        self.refresh_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what is possible now."""
        match action:
            case "new":
                return not self.deployment.read_only
            case "detail":
                return self.is_mounted and self.selected is not None
            case "back":
                return self.is_mounted and bool(self._filter.value)
            case _:
                return super().check_action(action, parameters)

    def action_new(self) -> None:
        """Open the form of a new task."""
        self.post_message(self.FormRequested(None))

    @on(LiveTable.RowSelected)
    def action_detail(self) -> None:
        """Show the task in full: beside the table if there is room, otherwise on a screen of its own."""
        if self.selected is None or self.app.screen is not self:
            return
        if self.query_one("#view").display:
            self.query_one("#view").focus()
        else:
            self.app.push_screen(TaskDetailScreen(self.context, self.selected.task_id))

    def action_filter(self) -> None:
        """Start typing a filter."""
        self._filter.display = True
        self._filter.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self) -> None:
        self._refresh_table()

    @on(Input.Submitted, "#filter")
    def _filter_submitted(self, event: Input.Submitted) -> None:
        event.input.display = bool(event.value)
        self._table.focus()

    def action_back(self) -> None:
        """Clear the filter."""
        self._filter.value = ""
        self._filter.display = False
        self._table.focus()

    def on_key(self, event: Any) -> None:
        """Let Escape leave the filter even if it is empty."""
        if event.key == "escape" and self.focused is self.query_one("#view"):
            event.stop()
            self._table.focus()
        elif event.key == "escape" and self.focused is self._filter:
            event.stop()
            self.action_back()

    @work(group="dialog", exit_on_error=False)
    async def action_sort(self) -> None:
        """Ask which column to sort by. The current one again reverses the order."""
        labels = [column.label for column in COLUMNS]
        label = await self.ask(Choose("Sort by", labels))
        column = next((column for column in COLUMNS if column.label == label), None)
        if column is not None:
            self.sort_by(column)

    @on(LiveTable.HeaderSelected)
    def _header_selected(self, event: LiveTable.HeaderSelected) -> None:
        self.sort_by(next(column for column in COLUMNS if column.label == (event.key or "").rstrip("^").lower()))

    def sort_by(self, column: Column) -> None:
        """Sort by a column, or reverse the order if the table is sorted by it already."""
        self._descending = not self._descending if column is self._sort else column.label not in ("id", "stat")
        self._sort = column
        self._refresh_table()

    def action_reverse(self) -> None:
        """Reverse the order."""
        self.sort_by(self._sort)

    def action_pause(self) -> None:
        """Pause the table. The header stays live."""
        self._paused = not self._paused
        self._board = self.snapshot.board
        self._refresh_table()


def _searchable_text(task: Task) -> str:
    parts = (task.task_id, task.stat, task.model_type, task.predict_type, task.target_table, task.source_table)
    return " ".join(part or "" for part in (*parts, task.result, task.queue, task.output_schema)).lower()
