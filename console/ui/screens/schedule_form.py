"""The form of a schedule, and below it the next times that it would be due."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from console.sanitize import sanitize
from console.ui.schedule_words import coming_lines, range_explained
from console.ui.screens.base import ScreenContext
from console.ui.screens.form import FormScreen
from console.ui.snapshot import Snapshot
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from console.ui.widgets.task_form import ScheduleForm, TaskForm
from jobs.errors import InvalidValue
from jobs.model.cron import check_cron, check_timezone
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.schedules import Schedule

_FIXED = ("name", "output_schema")
"""What cannot be changed of a schedule that is there."""


class ScheduleFormScreen(FormScreen):
    """Every parameter of a schedule, with defaults from the settings, or of the schedule to change."""

    TITLE = "Schedule"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", priority=True),
    ]

    @dataclass
    class SaveRequested(Message):
        """The operator wants to save this. Call `screen.end_save()` when that has succeeded or failed."""

        request: ScheduleRequest
        replace: bool
        screen: "ScheduleFormScreen"

    def __init__(self, context: ScreenContext, schedule: Schedule | None) -> None:
        super().__init__(context)
        self._schedule = schedule
        self._saving = False

    def compose_body(self) -> ComposeResult:
        title = f"Schedule {self._schedule.name}" if self._schedule else "New schedule"
        yield ScheduleForm(title, self._initial_values(), id="form")
        with Pane(id="plan-box"), VerticalScroll():
            yield LiveText(id="plan")

    def _initial_values(self) -> dict[str, str]:
        if self._schedule:
            return ScheduleRequest.from_schedule(self._schedule)
        defaults = ScheduleRequest.defaults(self.deployment.settings)
        values = {name: str(defaults.get(name, "")) for name in ScheduleForm.LABELS}
        return values | ({} if values["target_schema"] else {"target_table": ""})

    def on_mount(self) -> None:
        super().on_mount()
        set_title(self.query_one("#plan-box"), "Next times")
        for name in _FIXED if self._schedule else ():
            self.query_one(f"#{name}").disabled = True
        self.query_one("#cron" if self._schedule else "#name").focus()
        self.initial = self.form.values
        self.read_tables()
        self._check()

    @property
    def _now(self) -> datetime:
        """The time of the output server, by which schedules are fired; this machine's until it has answered."""
        return self.snapshot.board.utc_now if self.snapshot.board else datetime.now(UTC).replace(tzinfo=None)

    def show(self, snapshot: Snapshot) -> None:
        """Show the next times as time passes."""
        if self.form.is_mounted:
            self._show_times()

    @on(TaskForm.Changed)
    def _changed(self, event: TaskForm.Changed) -> None:
        if event.name == "target_schema" and event.chosen:
            self.offer_tables(another_schema=True)
        self._check()

    def _check(self) -> ScheduleRequest | None:
        """Show what is wrong at each field, and return the request if nothing is."""
        if not self.form.is_mounted:
            return None
        request, self.faults = None, {}
        values = self.form.values
        try:
            request = ScheduleRequest.from_values(self.deployment.settings, values)
        except InvalidValue as error:
            self.faults = error.faults | {
                name: hint for name, hint in (("name", "give it a name"), ("cron", "say when")) if not values[name]
            }
        # What has not been filled in yet is not wrong yet.
        wrong = {name: fault for name, fault in self.faults.items() if values[name]}
        self.form.show_remarks({name: (fault, "failed") for name, fault in wrong.items()})
        self._show_times()
        return request

    def _show_times(self) -> None:
        """Show the next times, as soon as the expression and the zone are right."""
        values = self.form.values
        try:
            text = coming_lines(check_cron(values["cron"]), check_timezone(values["timezone"]), self._now)
        except ValueError:
            hint = "minute hour day month weekday: 15 3 * * * is 03:15 every day, */30 * * * * every half hour"
            text = Text(f"The next five times show here.\n{hint}", "muted")
        else:
            if "range" not in self.faults:
                text.append("\n" + sanitize(f"each labels {range_explained(values['range'])}"), "muted")
        self.query_one("#plan", LiveText).set_text(text)

    def action_save(self) -> None:
        """Save the schedule, or move to the first field with a fault."""
        request = self._check()
        if request is None:
            self.go_to_fault()
        elif not self._saving:
            self._saving = True
            self.post_message(self.SaveRequested(request, self._schedule is not None, self))

    def end_save(self) -> None:
        """Allow another try, because the last one has ended. If it failed, the app shows why."""
        self._saving = False
