"""The home screen: the live task table, and the task under the cursor in full."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from console.figures import number, short_number
from console.sanitize import sanitize
from console.ui.formatting import hanging, share_labelled
from console.ui.screens.base import ScreenContext
from console.ui.screens.detail_reader import DetailReader
from console.ui.screens.dialogs import Choose
from console.ui.screens.task_detail import TaskDetailScreen
from console.ui.snapshot import Snapshot
from console.ui.task_columns import COLUMNS, Situation
from console.ui.task_filter import TaskFilter
from console.ui.task_history import days_of, history_text, history_title
from console.ui.task_text import TaskData
from console.ui.task_words import ABORTED, DONE, FAILED, PRODUCING, RUNNING, WAITING, outcome
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from console.ui.widgets.task_detail import TaskDetail
from console.ui.widgets.task_table import TaskTable
from console.ui.widgets.text_input import FilterInput, TextInput
from jobs.model.task import Task, TaskStatus
from jobs.model.wording import counted
from jobs.services import overview
from jobs.services.overview import TaskBoard

WIDE = 110
TALL = 30
_ALL_OF_IT = 1_000
_FILTER_HINT = "words that must match: failed  rule  state:waiting  table:posts  !queue:late"


class TasksScreen(DetailReader):
    """The task table."""

    TITLE = "Tasks"
    WORDS: ClassVar[Mapping[str, str]] = {
        RUNNING.glyph: "running: its posts are labelled",
        PRODUCING.glyph: "producing, or waiting for its countdown",
        WAITING.glyph: "waiting: no worker has begun it",
        FAILED.glyph: "failed: r resumes it",
        ABORTED.glyph: "aborted: r resumes it",
        DONE.glyph: "done, with the share of authors labelled",
        "stale": "its pattern files have changed since",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "detail", "Detail", priority=False),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("o", "sort", "Sort", show=False),
        Binding("z", "pause", "Pause or resume the table", show=False),
    ]

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._board: TaskBoard | None = None
        self._paused = False
        self._tabled: tuple[object, ...] = ()
        """What the table shows: the tasks, which queues have workers, which tasks are stale."""

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="left"):
                with Pane(id="table-box"):
                    yield LiveText(id="note")
                    yield TaskTable(id="tasks")
                    yield LiveText(id="summary")
                    yield FilterInput(placeholder=_FILTER_HINT, id="filter", compact=True)
                with Pane(id="history-box"):
                    yield LiveText(id="history")
            yield TaskDetail(id="view")

    def on_mount(self) -> None:
        super().on_mount()
        self._filter_input.display = False
        self._table.focus()

    @property
    def _table(self) -> TaskTable:
        return self.query_one(TaskTable)

    @property
    def _filter_input(self) -> TextInput:
        return self.query_one("#filter", TextInput)

    @property
    def selected(self) -> Task | None:
        """The task under the cursor."""
        return self._table.selected

    @property
    def marked(self) -> tuple[Task, ...]:
        """The tasks that are marked."""
        return self._table.marked_tasks

    def select_task(self, task_id: str) -> None:
        """Move the cursor to a task as soon as it is in the table."""
        self._paused = False
        self._filter_input.value = ""
        self._filter_input.display = False
        self._table.focus()
        self._table.select_when_shown(task_id)

    def show(self, snapshot: Snapshot) -> None:
        """Show the snapshot's tasks, unless the table is paused."""
        if not self._paused or self._board is None:
            self._board = snapshot.board
        served = {worker.queue for worker in snapshot.fleet.workers if not worker.silent} if snapshot.fleet else None
        situation = self._situation
        if situation is not None and (self._board, served, snapshot.stale) != self._tabled:
            self._tabled = (self._board, served, snapshot.stale)
            self._table.show_tasks(situation)
            self._show_history()
        self._show_around()

    def on_resize(self) -> None:
        """Decide what fits."""
        self.call_after_refresh(self._show_history)
        self.call_after_refresh(self._show_around)

    @on(LiveTable.RowHighlighted)
    @on(TaskTable.Arranged)
    def _show_around(self) -> None:
        """Show what is around the table: its title, the notes above it, the task under the cursor."""
        if self.is_mounted:
            self._show_title()
            self._show_note()
            self._show_detail()
            self.refresh_keys()

    def _show_title(self) -> None:
        table, there = self._table, len(self._board.tasks) if self._board else 0
        more = "+" if there == overview.MOST_TASKS else ""
        count = f"{number(there)}{more}"
        if table.filter:
            count = f"{number(table.row_count)} of {count} ─ /{table.filter.text}"
        title = f"Tasks {count} ─ by {table.sort.label or 'state'} {'↓' if table.descending else '↑'}"
        if table.marked:
            title += f" ─ {len(table.marked)} marked"
        if self._paused:
            title += " ─ paused, z resumes"
        set_title(self.query_one("#table-box"), title)

    def _show_note(self) -> None:
        lines = [Text(sanitize(error), "waiting") for error in self.snapshot.errors]
        if self._board is None and not lines:
            lines = [Text("asking the output server ...", "muted")]
        elif self._board is not None and not self._board.tasks:
            lines.append(self._welcome())
        elif self._board is not None and not self._table.row_count:
            lines.append(Text("No task matches the filter. Escape clears it."))
        note = self.query_one("#note", LiveText)
        note.set_text(Text("\n").join(lines))
        note.display = bool(lines)

    def _welcome(self) -> Text:
        """Return what to do first."""
        keys = {
            "n": "plan a task: which posts, by which patterns, and what is missing before it can run",
            "p": "see the patterns, and try them on a random sample of the posts",
            "c": "have workers create tasks by themselves, every night for example",
            "?": "all keys of this screen; each screen has its own",
        }
        width = self.query_one("#left").size.width - 4
        first = "No tasks yet." if self.deployment.read_only else "No tasks yet. Press n to create one."
        lines = [Text(first)]
        for key, words in keys.items():
            if key != "n" or not self.deployment.read_only:
                lines.append(hanging(Text.assemble((f"  {key}  ", "bold accent")), words, width, "muted"))
        return Text("\n").join([lines[0], Text(), *lines[1:]])

    def _show_history(self) -> None:
        """Show how many tasks each day had, if there is room and more than one day."""
        days = days_of(self._board) if self._board is not None else []
        box = self.query_one("#history-box")
        box.display = self.size.height >= TALL and len(days) > 1
        if box.display:
            set_title(box, history_title(days))
            width = self.query_one("#left").size.width - 2
            self.query_one("#history", LiveText).set_text(history_text(days, width))

    def _show_detail(self) -> None:
        """Show the task under the cursor: in a pane of its own if there is room, otherwise in a line."""
        detail, summary = self.query_one(TaskDetail), self.query_one("#summary", LiveText)
        wide = self.size.width >= WIDE and not (self._board and not self._board.tasks)
        if detail.has_focus and not wide:
            self.screen.set_focus(self._table)
        detail.display, summary.display = wide, not wide and self.selected is not None
        task = self.selected
        situation = self._situation
        if not wide:
            summary.set_text(_summary(task, situation) if task and situation else "")
            return
        self.show_detail(task, situation)

    @property
    def _situation(self) -> Situation | None:
        """What the table shows, which may be paused."""
        return self.situation_of(replace(self.snapshot, board=self._board))

    def draw_detail(self, task: Task | None, situation: Situation | None, data: TaskData) -> None:
        """Show the task beside the table."""
        self.query_one(TaskDetail).show(task, situation, data)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what is possible now."""
        match action:
            case "detail":
                return self.is_mounted and self.selected is not None
            case "back":
                typing = self.is_mounted and self.focused is self._filter_input
                return typing or (self.is_mounted and bool(self._table.filter or self._table.marked))
            case _:
                return super().check_action(action, parameters)

    @on(LiveTable.RowSelected)
    def action_detail(self) -> None:
        """Show the task in full, on a screen of its own."""
        if self.selected is not None and self.app.screen is self:
            self.app.push_screen(TaskDetailScreen(self.context, self.selected.task_id))

    def action_filter(self) -> None:
        """Start typing a filter."""
        self._filter_input.display = True
        self._filter_input.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self._table.filter = TaskFilter(event.value)
        self._table.refresh_rows()
        self._show_around()

    @on(Input.Submitted, "#filter")
    def _filter_submitted(self, event: Input.Submitted) -> None:
        event.input.display = False
        self._table.focus()

    def action_back(self) -> None:
        """Clear the marks, or else the filter."""
        if self._table.marked and self.focused is not self._filter_input:
            self._table.unmark()
        else:
            self._filter_input.value = ""
            self._filter_input.display = False
        self._table.focus()

    def on_key(self, event: events.Key) -> None:
        """Let Escape leave the detail, and the filter even if it is empty."""
        if event.key == "escape" and self.focused is self.query_one("#view"):
            event.stop()
            self._table.focus()
        elif event.key == "escape" and self.focused is self._filter_input:
            event.stop()
            self.action_back()

    @work(group="dialog", exit_on_error=False)
    async def action_sort(self) -> None:
        """Ask which column to sort by. The current one again reverses the order."""
        now, arrow = COLUMNS.index(self._table.sort), "↓" if self._table.descending else "↑"
        lines = [
            f"{column.label or 'state':15}{column.key} {arrow if place == now else ''}"
            for place, column in enumerate(COLUMNS)
        ]
        line = await self.ask(Choose("Sort by, or press the capital letter in the table", lines, now))
        if line is not None:
            self._table.sort_by(COLUMNS[lines.index(line)])

    def action_pause(self) -> None:
        """Pause the table. The header stays live."""
        self._paused = not self._paused
        self._board = None
        self.show(self.snapshot)


def _summary(task: Task, situation: Situation) -> Text:
    """Return what the row of a task has no room for, in one line."""
    text = Text(f"{task.task_id[:8]} ", "muted", no_wrap=True, overflow="ellipsis")
    if task.status is not TaskStatus.STARTED or task.waiting_for:
        return text.append_text(outcome(task, situation.board, situation.rates, situation.fleet, _ALL_OF_IT))
    text.append(f"{number(task.windows_done or 0)} of {counted(task.windows or 0, 'window')}", "running")
    rate = situation.rates.rows_per_second(task)
    text.append(f"  {short_number(rate)} posts/s" if rate is not None else "")
    share = share_labelled(task)
    return text.append(
        f"  {share} of {counted(task.length_receive_table or 0, 'post')} labelled" if share else "", "muted"
    )
