"""The schedules screen: when each is due next, how its last runs ended, and what the keys do to it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.worker import Worker

from console.sanitize import sanitize
from console.ui.schedule_words import about
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.screens.dialogs import Confirm
from console.ui.screens.task_detail import TaskDetailScreen
from console.ui.snapshot import Snapshot
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from console.ui.widgets.schedule_table import ScheduleTable, run_cells, schedule_cells, schedule_columns
from jobs import services
from jobs.errors import AudienceError
from jobs.model.schedules import Schedule
from jobs.model.wording import counted
from jobs.services import ScheduleStatus

Change = Literal["pause", "unpause", "run", "remove"]

_READ_SECONDS = 0.9
_TALL = 30
"""From this height on, there is room for where a schedule reads and writes."""
_REMARK = 12
"""The least width of a remark beside all columns."""
_WRITING = ("new", "change", "run", "pause", "remove")
_KEYS = {"n": "new", "e": "change", "r": "run", "z": "pause", "d": "remove"}


class SchedulesScreen(BaseScreen):
    """A pane of schedules, and one of the runs of the schedule under the cursor."""

    TITLE = "Schedules"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("e", "change", "Change"),
        Binding("r", "run", "Run now"),
        Binding("z", "pause", "Pause/unpause"),
        Binding("d,delete", "remove", "Remove", key_display="d"),
        Binding("enter", "task", "Task", priority=False),
    ]

    @dataclass
    class FormRequested(Message):
        """The operator wants to add a schedule, or to change one."""

        schedule: Schedule | None

    @dataclass
    class ChangeRequested(Message):
        """The operator wants this to be done to schedules."""

        change: Change
        names: tuple[str, ...]

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._statuses: dict[str, ScheduleStatus] | None = None
        self._read_at = 0.0
        self._reading: Worker[None] | None = None
        self._error = ""

    def compose_body(self) -> ComposeResult:
        with Pane(id="schedules-box"):
            yield LiveText(id="note")
            yield ScheduleTable(id="schedules")
        with Pane(id="runs-box"):
            yield LiveText(id="about")
            yield LiveTable(id="runs")

    def on_mount(self) -> None:
        super().on_mount()
        self._table.focus()
        self.read()

    @property
    def _table(self) -> ScheduleTable:
        return self.query_one(ScheduleTable)

    @property
    def selected(self) -> ScheduleStatus | None:
        """The schedule under the cursor."""
        return (self._statuses or {}).get(self._table.cursor_key or "")

    @property
    def targets(self) -> tuple[ScheduleStatus, ...]:
        """The schedules that are marked, or else the one under the cursor."""
        marked = tuple(status for name, status in (self._statuses or {}).items() if name in self._table.marked)
        return marked or ((self.selected,) if self.selected else ())

    def show(self, snapshot: Snapshot) -> None:
        """Read the schedules again every second, as often as a snapshot comes, but let a slow server answer first."""
        reading = self._reading is not None and not self._reading.is_finished
        if not reading and time.monotonic() - self._read_at >= _READ_SECONDS:
            self.read()
        self._show_all()

    def read(self) -> None:
        """Read the schedules now: what is being read may be older than a change."""
        self._read_at = time.monotonic()
        self._reading = self._read()

    @work(group="read", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        try:
            found = await services.list_schedules(self.deployment)
        except AudienceError as error:
            self._error = str(error)
        else:
            self._error = ""
            self._statuses = {status.schedule.name: status for status in sorted(found, key=_due)}
            self._table.marked &= set(self._statuses)
        self._show_all()

    def select(self, name: str) -> None:
        """Move the cursor to a schedule as soon as it is in the table."""
        self._table.select_when_shown(name)
        self.read()

    def on_resize(self) -> None:
        """Drop the columns that do not fit."""
        self.call_after_refresh(self._show_all)

    def _show_all(self) -> None:
        if not self.is_mounted or not self.is_current:
            return
        self._show_note()
        statuses = self._statuses or {}
        table = self._table
        columns = schedule_columns(table.size.width - 1, [status.schedule for status in statuses.values()])
        table.set_columns(columns)
        table.show(list(statuses), lambda name: schedule_cells(statuses[name], columns))
        marked = f" ─ {len(table.marked)} marked" if table.marked else ""
        set_title(self.query_one("#schedules-box"), f"Schedules {len(statuses)}{marked}")
        self._show_selected()

    @on(LiveTable.RowHighlighted)
    @on(ScheduleTable.Marked)
    @on(events.DescendantFocus)
    def _show_selected(self) -> None:
        """Show what the schedule under the cursor does, and its runs."""
        status = self.selected
        firings = {firing.due.isoformat(): firing for firing in status.firings} if status else {}
        runs = self.query_one("#runs", LiveTable)
        runs.display = bool(firings)
        zone = status.schedule.timezone if status else "UTC"
        fixed = {"": 1, "due": 15, "by": 4, "ended": 9, "task": 8, "range": 22}
        rest = runs.size.width - 1 - sum(width + 2 for width in fixed.values()) - 2
        if rest < _REMARK:
            del fixed["by"]
            rest += 6
        columns = fixed | {"remark": max(rest, 4)}
        runs.set_columns(columns)
        runs.show(list(firings), lambda key: run_cells(firings[key], zone, by="by" in columns))
        text = self.query_one("#about", LiveText)
        nothing = Text("The runs of the schedule under the cursor show here.", "muted")
        firing = firings.get(runs.cursor_key or "") if runs.has_focus else None
        text.set_text(about(status, firing, brief=self.size.height < _TALL) if status else nothing)
        name = sanitize(status.schedule.name) if status else "Runs"
        count = f"the last {len(firings)} runs" if len(firings) > 1 else f"{len(firings) or 'no'} run"
        set_title(self.query_one("#runs-box"), f"{name} ─ {count}" if status else name)
        self.refresh_keys()

    def _show_note(self) -> None:
        text = Text()
        if self._error:
            text = Text(sanitize(self._error), "waiting")
        elif self._statuses is None:
            text = Text("asking the output server ...", "muted")
        elif not self._statuses:
            text = Text("No schedules yet. Press n to add one: workers then create its tasks.")
        note = self.query_one("#note", LiveText)
        note.set_text(text)
        note.display = bool(text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what is possible now."""
        if not self.is_mounted:
            return False
        if action in _WRITING and self.deployment.read_only:
            return False
        match action:
            case "change" | "run" | "pause" | "remove":
                return self.selected is not None
            case "task":
                return self._task_id is not None
            case "back":
                return True
            case _:
                return super().check_action(action, parameters)

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing in a read-only console; let Escape leave the marks, then the runs, first."""
        if event.key in _KEYS and self.deployment.read_only:
            event.stop()
            self.refuse("this console is read-only")
        elif event.key == "escape" and self._table.marked:
            event.stop()
            self._table.marked = frozenset()
            self._show_all()
        elif event.key == "escape" and self.query_one("#runs").has_focus:
            event.stop()
            self._table.focus()

    def action_new(self) -> None:
        """Open the form of a new schedule."""
        self.post_message(self.FormRequested(None))

    def action_change(self) -> None:
        """Open the form of the schedule under the cursor."""
        if self.selected:
            self.post_message(self.FormRequested(self.selected.schedule))

    def action_pause(self) -> None:
        """Pause the schedules, or unpause them if all of them are paused."""
        paused = all(status.schedule.paused for status in self.targets)
        self._request("unpause" if paused else "pause", self.targets)

    def action_run(self) -> None:
        """Run the schedules now. Asks if there are several."""
        if len(self.targets) == 1:
            self._request("run", self.targets)
        elif self.targets:
            self._ask("run", f"Run {len(self.targets)} schedules now? The next times stay as they are.", "Run")

    def action_remove(self) -> None:
        """Ask, then remove the schedules."""
        targets = self.targets
        what = f"schedule {targets[0].schedule.name}" if len(targets) == 1 else counted(len(targets), "schedule")
        if targets:
            self._ask("remove", f"Remove {what}, with the list of runs? The tasks stay.", "Remove")

    def _ask(self, change: Change, question: str, yes: str) -> None:
        self._confirm(change, self.targets, Confirm(question, yes))

    @work(group="dialog", exit_on_error=False)
    async def _confirm(self, change: Change, targets: Sequence[ScheduleStatus], question: Confirm) -> None:
        if await self.ask(question):
            self._request(change, targets)

    def _request(self, change: Change, targets: Sequence[ScheduleStatus]) -> None:
        self.post_message(self.ChangeRequested(change, tuple(status.schedule.name for status in targets)))

    @property
    def _task_id(self) -> str | None:
        """The task of the run under the cursor, or of the schedule's last run."""
        status, key = self.selected, self.query_one("#runs", LiveTable).cursor_key
        if status is None:
            return None
        if self.query_one("#runs").has_focus:
            return next((firing.task_id for firing in status.firings if firing.due.isoformat() == key), None)
        return next((firing.task_id for firing in status.firings if firing.task_id), None)

    @on(LiveTable.RowSelected)
    def action_task(self) -> None:
        """Show the task of the run under the cursor, or of the last run."""
        if self._task_id is not None and self.app.screen is self:
            self.app.push_screen(TaskDetailScreen(self.context, self._task_id))


def _due(status: ScheduleStatus) -> tuple[bool, datetime, str]:
    """Return the order of schedules: what is due next first, what is paused last."""
    return status.schedule.paused, status.schedule.next_due, status.schedule.name
