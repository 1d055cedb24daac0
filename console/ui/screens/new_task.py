"""The form of a new task, and below it the plan of what the task would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from console.ui.plan_text import not_ready, plan_text
from console.ui.presets import list_presets, write_preset
from console.ui.ranges import proposed_ranges, whole_days
from console.ui.screens.base import ScreenContext
from console.ui.screens.dialogs import Ask, Choose, Confirm
from console.ui.screens.form import FormScreen
from console.ui.screens.presets import PresetDialog
from console.ui.snapshot import Snapshot
from console.ui.task_words import range_of
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from console.ui.widgets.task_form import LABELS, TaskForm
from jobs import services
from jobs.errors import AudienceError, InvalidRange, InvalidValue
from jobs.model.task import Task
from jobs.model.task_request import TaskRequest
from jobs.services import overview
from jobs.services.patterns import predict_types_with_files
from jobs.services.readiness import Concern, read_concerns

_PLAN_SECONDS = 0.3
_TIMES = ("start_time", "end_time")


class NewTaskScreen(FormScreen):
    """Every parameter of a task, with defaults from the settings or from an earlier task."""

    TITLE = "New task"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "launch", "Launch", priority=True),
        Binding("ctrl+r", "range", "Range", priority=True),
        Binding("ctrl+s", "save", "Save preset", priority=True),
        Binding("ctrl+o", "load", "Presets", priority=True),
    ]

    @dataclass
    class LaunchRequested(Message):
        """The operator wants to create this task. Call `screen.end_launch()` when that has succeeded or failed."""

        request: TaskRequest
        screen: "NewTaskScreen"

    def __init__(self, context: ScreenContext, template: Task | None = None) -> None:
        super().__init__(context)
        self._template = template
        self._predict_types: Mapping[str, Sequence[str]] = {}
        self._planning: Timer | None = None
        self._concerns: list[Concern] = []
        self._launching = False
        self._complete = True
        self._away = frozenset[str]()
        self._served: bool | None = None

    def compose_body(self) -> ComposeResult:
        title = f"Rerun of {self._template.task_id[:8]}" if self._template else "New task"
        yield TaskForm(title, self._initial_values(), id="form")
        with Pane(id="plan-box"):
            # Above the plan, where it neither scrolls away nor is far from the fields in a tall terminal.
            yield LiveText(id="readiness")
            with VerticalScroll():
                yield LiveText(id="plan")

    def _initial_values(self) -> dict[str, str]:
        defaults = TaskRequest.defaults(self.deployment.settings)
        values = {name: str(defaults.get(name, "")) for name in LABELS}
        if not values["target_schema"]:
            values["target_table"] = ""
        return values | (TaskRequest.from_task(self._template) if self._template else {})

    def on_mount(self) -> None:
        super().on_mount()
        set_title(self.query_one("#plan-box"), "Plan")
        self.query_one("#start_time").focus()
        self.initial = self.form.values
        self._read_predict_types()
        self.read_tables()
        self._read_range()
        self._plan_soon()

    def on_resize(self) -> None:
        """Wrap the plan to another width."""
        self._plan_soon()

    @work(group="types", exclusive=True, exit_on_error=False)
    async def _read_predict_types(self) -> None:
        self._predict_types = await predict_types_with_files(self.deployment.settings.patterns_dir)
        self._offer_predict_types()

    def _offer_predict_types(self, *, another_model: bool = False) -> None:
        """Offer the predict types that the model has pattern files for. The value stays unless the model changed."""
        choice, names = self.form.choice("predict_type"), self._predict_types.get(self.form.value("model_type"), [])
        if names:
            choice.offer(names, names[0] if another_model and choice.text not in names else choice.text)

    def show(self, snapshot: Snapshot) -> None:
        """Plan again if workers come or go, or a server that was away is back; of the input, read the options again."""
        answers = {"input": snapshot.input.ok, "output": snapshot.output.ok, "redis": snapshot.redis.ok}
        away = frozenset(name for name, is_there in answers.items() if not is_there)
        back, self._away = self._away - away, away
        if "input" in back:
            self.read_tables()
            self._read_range()
        served = snapshot.fleet.serves(self.form.value("queue")) if snapshot.fleet and self.form.is_mounted else None
        if back or served != self._served:
            self._served = served
            self._plan_soon()

    @work(group="range", exclusive=True, exit_on_error=False)
    async def _read_range(self) -> None:
        """Propose the range of all posts, unless the operator has typed one."""
        if any(self.form.value(name) for name in _TIMES):
            return
        edges = await self._read_edges()
        if edges and not any(self.form.value(name) for name in _TIMES):
            self._set_range(edges)
            self.initial |= {name: self.form.value(name) for name in _TIMES}

    async def _read_edges(self) -> tuple[datetime, datetime] | None:
        """Return the days of the first and of the last post."""
        schema, table = self.form.value("target_schema"), self.form.value("target_table")
        edges = await overview.read_input_range(self.deployment, schema, table) if schema and table else None
        return whole_days(*edges) if edges else None

    def _set_range(self, ends: tuple[datetime, datetime]) -> None:
        for name, end in zip(_TIMES, ends, strict=True):
            self.query_one(f"#{name}", Input).value = str(end)

    @on(TaskForm.Changed)
    def _changed(self, event: TaskForm.Changed) -> None:
        if event.name == "target_schema" and event.chosen:
            self.offer_tables(another_schema=True)
        if event.name == "model_type":
            self._offer_predict_types(another_model=event.chosen)
        if event.name.startswith("target"):
            self._read_range()
        self._concerns = [concern for concern in self._concerns if concern.parameter != event.name]
        self._check()
        self._plan_soon()

    def _plan_soon(self) -> None:
        """Plan when nothing has been typed for a moment."""
        if self._planning is not None:
            self._planning.stop()
        self._planning = self.set_timer(_PLAN_SECONDS, self._plan)

    def _check(self) -> TaskRequest | None:
        """Show what is wrong at each field, and return the request if nothing is."""
        if not self.form.is_mounted:
            return None
        values = self.form.values
        request, self.faults = None, {}
        try:
            request = TaskRequest.from_values(self.deployment.settings, values)
        except InvalidValue as error:
            blank = {name: "give a day, such as 2020-01-31, or a time" for name in _TIMES if not values[name]}
            self.faults = error.faults | blank
        except InvalidRange as error:
            self.faults = {"end_time": str(error)}
        self._show_remarks(request)
        return request

    def _show_remarks(self, request: TaskRequest | None) -> None:
        """Show at each field what is wrong with it, what will keep the task waiting, or what a day stands for."""
        tones = {"error": "failed", "warning": "waiting"}
        remarks = {concern.parameter: (concern.problem, tones[concern.verdict]) for concern in self._concerns}
        for name in _TIMES if request else ():
            if len(self.form.value(name)) == len("2020-01-31"):
                remarks[name] = (f"= {getattr(request, name)}", "muted")
        self.form.show_remarks(remarks | {name: (fault, "failed") for name, fault in self.faults.items()})

    @work(group="plan", exclusive=True, exit_on_error=False)
    async def _plan(self) -> None:
        request = self._check()
        if request is None:
            names = ", ".join(LABELS[name].lower() for name in self.faults)
            self._show_plan(Text("The plan shows here when the form is complete.", "muted"), not_ready(names))
            self._complete = False
            return
        if not self._complete:  # servers far away take seconds to answer
            self._complete = True
            self._show_plan(Text("planning ...", "muted"), Text())
        self._concerns = await read_concerns(self.deployment, request)
        plan: services.Plan | AudienceError
        try:
            plan = await services.plan_task(self.deployment, request)
        except AudienceError as error:
            plan = error
        tasks = self.snapshot.board.tasks if self.snapshot.board else ()
        width = self.query_one("#plan-box").content_size.width
        self._show_plan(*plan_text(plan, self._concerns, request, tasks, width))
        self._show_remarks(request)

    def _show_plan(self, plan: Text, verdict: Text) -> None:
        self.query_one("#plan", LiveText).set_text(plan)
        self.query_one("#readiness", LiveText).set_text(verdict)

    def action_launch(self) -> None:
        """Create the task, or move to the first field with a fault."""
        request = self._check()
        if request is None:
            self.go_to_fault()
        elif not self._launching:
            self._launching = True
            set_title(self.query_one("#plan-box"), "Plan ─ launching ...")
            self.post_message(self.LaunchRequested(request, self))

    def end_launch(self) -> None:
        """Allow another launch, because the last one has ended. If it failed, the app shows why."""
        self._launching = False
        # Not query_one: if the operator has left the form meanwhile, it is gone.
        for box in self.query("#plan-box"):
            set_title(box, "Plan")

    @work(group="dialog", exit_on_error=False)
    async def action_range(self) -> None:
        """Choose a range: all posts, the last month of them, like the latest task."""
        edges = await self._read_edges()
        if edges is None:
            self.refuse("the first and the last post are not known: choose a table with an index on post_time")
            return
        tasks = self.snapshot.board.tasks if self.snapshot.board else ()
        ranges = proposed_ranges(*edges, tasks[0] if tasks else None)
        names = [f"{name:22}{range_of(*ends)}" for name, ends in ranges.items()]
        name = await self.ask(Choose("Range", names))
        if name is not None:
            self._set_range(list(ranges.values())[names.index(name)])

    @work(group="dialog", exit_on_error=False)
    async def action_save(self) -> None:
        """Save the form's values as a preset. Ask before another one is replaced."""
        name = await self.ask(Ask("Save these values as a preset named"))
        if not name or (
            name in list_presets() and not await self.ask(Confirm(f"Replace the preset {name}?", "Replace"))
        ):
            return
        try:
            path = write_preset(name, self.form.values)
        except (OSError, InvalidValue) as error:
            self.show_message(f"not saved: {error}", error=True)
        else:
            self.show_message(f"saved as {path}")

    @work(group="dialog", exit_on_error=False)
    async def action_load(self) -> None:
        """Fill in the form from a preset."""
        if not list_presets():
            self.refuse("no presets yet; ^s saves one")
            return
        values = await self.ask(PresetDialog())
        if values is not None:
            self.form.set_values(values)
