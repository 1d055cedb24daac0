"""Home: the live table of tasks, and the task under the cursor in full."""

from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from console.sanitize import harmless
from console.ui.formatting import progress
from console.ui.screens.base import Page
from console.ui.screens.dialogs import Choose, Confirm
from console.ui.snapshot import Snapshot
from console.ui.task_columns import COLUMNS, Column, columns_for
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import Words
from console.ui.widgets.task_detail import TaskView
from console.ui.widgets.text_input import Field
from jobs.errors import StateUnreadable
from jobs.model.task import Task
from jobs.services import overview
from jobs.services.overview import Board

WIDE = 110
# Actions that are possible only sometimes.
_SOMETIMES = ("new", "rerun", "sample", "abort", "resume", "detail")


class TasksPage(Page):
    """The table of tasks."""

    TITLE = "Tasks"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("s", "sample", "Sample"),
        Binding("a", "abort", "Abort"),
        Binding("r", "resume", "Resume"),
        Binding("e", "rerun", "Rerun"),
        Binding("enter", "detail", "Detail", priority=False),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("o", "sort", "Sort", show=False),
        Binding("i", "reverse", "Reverse order", show=False),
        Binding("y", "copy", "Copy the id", show=False),
        Binding("space", "pause", "Pause, or go on", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._sort = COLUMNS[-1]
        self._descending = True
        self._board: Board | None = None
        self._paused = False
        self._windows_of: tuple[str, int | None] | None = None
        self._possible: tuple[bool | None, ...] = ()

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield Words(id="note")
                yield LiveTable(id="tasks")
                yield Field(
                    placeholder="filter: any part of id, state, names; Enter keeps it, Escape clears it",
                    id="filter",
                    compact=True,
                )
            yield TaskView(id="view")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#filter").display = False
        self._table.focus()

    @property
    def _table(self) -> LiveTable:
        return self.query_one(LiveTable)

    @property
    def chosen(self) -> Task | None:
        """The task that the cursor is on."""
        key = self._table.cursor_key
        tasks = self._board.tasks if self._board else ()
        return next((task for task in tasks if task.task_id == key), None)

    def choose(self, task_id: str) -> None:
        """Moves the cursor to a task, as soon as it is in the table."""
        self._paused = False
        self.query_one("#filter", Input).value = ""
        self.query_one("#filter").display = False
        self._table.focus()
        self._table.want(task_id)

    def show(self, snapshot: Snapshot) -> None:
        """Takes in the board, unless it is paused."""
        if snapshot.board is not self._board and (not self._paused or self._board is None):
            self._board = snapshot.board
            self._refresh_table()
        else:
            self._show_note()
            self._show_view()

    def on_resize(self) -> None:
        """Columns drop out where there is no room for them."""
        self.query_one("#view").display = self.size.width >= WIDE
        self.call_after_refresh(self._refresh_table)

    def _refresh_table(self) -> None:
        if not self.is_mounted:
            return
        board = self._board
        tasks = self._filtered(board.tasks) if board else []
        width = self._table.size.width or self.size.width
        columns = columns_for(width - 1, self._sort)
        rates = self.console.rates
        self._table.set_columns({self._label(column): column.width for column in columns})
        if board:
            by_key = {task.task_id: task for task in tasks}

            def cells(key: str) -> tuple[Text, ...]:
                return tuple(column.show(by_key[key], board, rates) for column in columns)

            self._table.show(list(by_key), cells)
        self._show_note()
        self._show_view()
        self._offer()

    def _label(self, column: Column) -> str:
        """The label of a column: in capitals where the table is sorted by it, ^ where upwards."""
        if column is not self._sort:
            return column.label
        return column.label.upper() + ("" if self._descending else "^")

    def _filtered(self, tasks: tuple[Task, ...]) -> list[Task]:
        words = self.query_one("#filter", Input).value.lower().split()
        chosen = [task for task in tasks if all(word in _searched(task) for word in words)]
        rates = self.console.rates
        return sorted(chosen, key=lambda task: (self._sort.order(task, rates), task.task_id), reverse=self._descending)

    def _offer(self) -> None:
        """Has the footer offer what is possible now, where that has changed."""
        possible = tuple(
            self.check_action(name, ()) for name in ("new", "rerun", "sample", "abort", "resume", "detail")
        )
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    def _show_note(self) -> None:
        note = self.query_one("#note", Words)
        snapshot = self.console.snapshot
        text = Text()
        words = self.query_one("#filter", Input).value.strip()
        if self._board is None:
            text.append(harmless(snapshot.output.error or "asking the output server ..."), "yellow")
        elif not self._board.tasks:
            text.append("No tasks yet. Press n to create one.")
        elif words:
            text.append(f"{self._table.row_count} of {len(self._board.tasks)} tasks match {words!r}")
        elif len(self._board.tasks) == overview.MOST_TASKS:
            text.append(f"the newest {overview.MOST_TASKS:,} tasks")
        for error in snapshot.errors if self._board is not None else []:
            text.append(("\n" if text else "") + harmless(error), "yellow")
        if self._paused:
            text.append("  paused: press space to go on", "black on yellow")
        note.say(text)
        note.display = bool(text)

    def _show_view(self) -> None:
        view = self.query_one("#view", TaskView)
        if not view.display:
            return
        task = self.chosen
        key = (task.task_id, task.windows_done) if task else None
        if key != self._windows_of:
            if not key or not self._windows_of or key[0] != self._windows_of[0]:
                view.windows = ()
            self._windows_of = key
            if task:
                self._read_windows(task)
        view.show(task, self.console.rates, self.console.snapshot.fleet)

    @work(group="windows", exclusive=True, exit_on_error=False)
    async def _read_windows(self, task: Task) -> None:
        try:
            self.query_one("#view", TaskView).windows = await overview.look_at_windows(self.site, task)
        except StateUnreadable:
            self._windows_of = None  # the header says that the server is away; once it is back, again

    @on(LiveTable.RowHighlighted)
    def _cursor_moved(self) -> None:
        self._show_view()
        self._offer()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is not possible now is not offered."""
        task = self.chosen if self.is_mounted and self._board else None
        read_only = self.site.read_only
        match action:
            case "new":
                return not read_only
            case "rerun":
                return not read_only and task is not None and task.start_time is not None
            case "sample":
                return task is not None and task.prod_stat == "finish" and bool(task.results)
            case "abort":
                return not read_only and task is not None and task.generation is not None and not task.finished
            case "resume":
                stopped = task is not None and task.stat in ("FAILURE", "ABORTED") and task.generation is not None
                return not read_only and stopped
            case "detail" | "copy":
                return task is not None
            case "back":
                return bool(self.query_one("#filter", Input).value) if self.is_mounted else False
            case _:
                return True

    def action_new(self) -> None:
        """To the form of a new task."""
        self.console.open_new_task()

    def action_rerun(self) -> None:
        """To the form, filled in as this task was."""
        if self.chosen:
            self.console.open_new_task(self.chosen)

    def action_sample(self) -> None:
        """To the samples of this task."""
        if self.chosen:
            self.console.open_samples(self.chosen)

    @on(LiveTable.RowSelected)
    def action_detail(self) -> None:
        """The task in full: beside the table where there is room, else on a page of its own."""
        if self.chosen is None or self.app.screen is not self:
            return
        if self.query_one("#view").display:
            self.query_one("#view").focus()
        else:
            self.app.push_screen(TaskPage(self.chosen.task_id))

    def action_filter(self) -> None:
        """Starts typing a filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self) -> None:
        self._refresh_table()

    @on(Input.Submitted, "#filter")
    def _filter_kept(self, event: Input.Submitted) -> None:
        event.input.display = bool(event.value)
        self._table.focus()

    def action_back(self) -> None:
        """Clears the filter."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self._table.focus()

    def on_key(self, event: Any) -> None:
        """Escape leaves the filter even where there is nothing in it."""
        if event.key == "escape" and self.focused is self.query_one("#view"):
            event.stop()
            self._table.focus()
        elif event.key == "escape" and self.focused is self.query_one("#filter"):
            event.stop()
            self.action_back()

    @work(group="dialog", exit_on_error=False)
    async def action_sort(self) -> None:
        """Asks which column to sort by; the same again turns the order."""
        if self.app.screen is not self:
            return
        labels = [column.label for column in COLUMNS]
        label = await self.app.push_screen_wait(Choose("Sort by", labels))
        column = next((column for column in COLUMNS if column.label == label), None)
        if column is not None:
            self.sort_by(column)

    @on(LiveTable.HeaderSelected)
    def _header_selected(self, event: LiveTable.HeaderSelected) -> None:
        self.sort_by(next(column for column in COLUMNS if column.label == (event.key or "").rstrip("^").lower()))

    def sort_by(self, column: Column) -> None:
        """Sorts by a column; turns the order where it is sorted by it already."""
        self._descending = not self._descending if column is self._sort else column.label not in ("id", "stat")
        self._sort = column
        self._refresh_table()

    def action_reverse(self) -> None:
        """Turns the order."""
        self.sort_by(self._sort)

    def action_copy(self) -> None:
        """Sends the task's id to the terminal's clipboard."""
        if self.chosen:
            self.app.copy_to_clipboard(self.chosen.task_id)
            self.tell(f"sent to the terminal's clipboard: {self.chosen.task_id}")

    def action_pause(self) -> None:
        """Holds the table still; the header goes on."""
        self._paused = not self._paused
        self._board = self.console.snapshot.board
        self._refresh_table()

    def action_abort(self) -> None:
        """Asks, then aborts the task that was under the cursor when the key was pressed."""
        if self.chosen:
            self._abort(self.chosen)

    @work(group="dialog", exit_on_error=False)
    async def _abort(self, task: Task) -> None:
        if self.app.screen is not self:  # the key was pressed twice
            return
        question = f"Abort task {task.task_id[:8]} ({task.predict_type}, {progress(task) or 'no'} windows done)?"
        if await self.app.push_screen_wait(Confirm(question, "Abort")):
            self.console.abort(task)

    def action_resume(self) -> None:
        """Resumes the task that was under the cursor when the key was pressed."""
        if self.chosen:
            self.console.resume(self.chosen)


class TaskPage(Page):
    """One task on a page of its own, for narrow terminals."""

    TITLE = "Task"

    def __init__(self, task_id: str) -> None:
        super().__init__()
        self._task_id = task_id
        self._windows_done: int | None = -1

    def compose_body(self) -> ComposeResult:
        yield TaskView(id="view")

    def show(self, snapshot: Snapshot) -> None:
        """Shows how the task stands."""
        tasks = snapshot.board.tasks if snapshot.board else ()
        task = next((task for task in tasks if task.task_id == self._task_id), None)
        self.query_one(TaskView).show(task, self.console.rates, snapshot.fleet)
        if task and task.windows_done != self._windows_done:
            self._windows_done = task.windows_done
            self._read_windows(task)

    @work(group="windows", exclusive=True, exit_on_error=False)
    async def _read_windows(self, task: Task) -> None:
        self.query_one(TaskView).windows = await overview.look_at_windows(self.site, task)


def _searched(task: Task) -> str:
    parts = (task.task_id, task.stat, task.model_type, task.predict_type, task.target_table, task.source_table)
    return " ".join(part or "" for part in (*parts, task.result, task.queue, task.output_schema)).lower()
