"""The form of a new task, and beside it the plan of what the task would do."""

from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.css.query import NoMatches
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Button, Input, Label, Select

from console.sanitize import sanitize
from console.ui.formatting import plain
from console.ui.preferences import read_preferences, write_preferences
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.screens.dialogs import Ask, Choose, Confirm
from console.ui.snapshot import Snapshot
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.text_input import TextInput
from jobs import services
from jobs.errors import AudienceError, InvalidRange, InvalidValue
from jobs.model.task import Task
from jobs.model.task_request import TaskRequest
from jobs.services import overview
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES

_LABELS = {name: field.title or name for name, field in TaskRequest.model_fields.items()}
_HINTS = {"start_time": "2020-01-01 00:00:00", "end_time": "2020-12-31 23:59:59, included"}
_SELECTS = ("model_type", "predict_type", "target_schema", "target_table")
_PLAN_SECONDS = 0.3
_LAUNCH = "Launch (ctrl+l)"


class NewTaskScreen(BaseScreen):
    """Every parameter of a task, with defaults from the settings or from an earlier task."""

    TITLE = "New task"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "launch", "Launch", priority=True),
        Binding("ctrl+s", "save", "Save preset", priority=True),
        Binding("ctrl+o", "load", "Load preset", priority=True),
    ]

    @dataclass
    class LaunchRequested(Message):
        """The operator wants to create this task. Call `screen.end_launch()` when that has succeeded or failed."""

        request: TaskRequest
        screen: "NewTaskScreen"

    def __init__(self, context: ScreenContext, template: Task | None = None) -> None:
        super().__init__(context)
        self._template = template
        self._tables: dict[str, list[str]] = {}
        self._planning: Timer | None = None
        self._faults: dict[str, str] = {}
        self._launching = False
        self._input_was_ok = True
        self._initial: dict[str, str] = {}

    def compose_body(self) -> ComposeResult:
        values = self._initial_values()
        with Horizontal(id="body"):
            with VerticalScroll(id="form", can_focus=False):
                for name, label in _LABELS.items():
                    with Horizontal(classes="field"):
                        yield Label(label, classes="label")
                        yield self._field(name, values[name])
                    yield LiveText(id=f"fault-{name}", classes="fault")
                yield Button(_LAUNCH, id="launch", variant="primary", compact=True)
            yield VerticalScroll(LiveText(id="plan"), id="plan-box")

    def _field(self, name: str, value: str) -> Input | Select[str]:
        if name not in _SELECTS:
            return TextInput(value, id=name, compact=True, placeholder=_HINTS.get(name, ""), select_on_focus=False)
        options = {"model_type": MODEL_TYPES, "predict_type": PREDICT_TYPES}.get(name, (value,) if value else ())
        return Select(
            [(plain(option), option) for option in options],
            value=value if value else Select.NULL,
            prompt="choose",
            allow_blank=name.startswith("target"),
            id=name,
            compact=True,
        )

    def _initial_values(self) -> dict[str, str]:
        defaults = TaskRequest.defaults(self.deployment.settings)
        values = {name: str(defaults.get(name, "")) for name in _LABELS}
        if not values["target_schema"]:
            values["target_table"] = ""
        return values | (TaskRequest.from_task(self._template) if self._template else {})

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#start_time").focus()
        self._initial = self._values()
        self._read_tables()
        self._read_range()
        self._plan_soon()

    @work(group="tables", exclusive=True, exit_on_error=False)
    async def _read_tables(self) -> None:
        self._tables = await overview.list_input_tables(self.deployment)
        self._set_options("target_schema", list(self._tables))
        self._set_table_options()

    def _set_table_options(self) -> None:
        self._set_options("target_table", self._tables.get(self._value("target_schema"), []))

    def _set_options(self, name: str, options: list[str]) -> None:
        """Set the options of a select. Its value stays, even if it is not among them: the plan reports that."""
        field = self.query_one(f"#{name}", Select)
        value = self._value(name) or (options[0] if name == "target_table" and options else "")
        if value and value not in options:
            options = [value, *options]
        field.set_options([(plain(option), option) for option in options])
        field.value = value or Select.NULL

    def show(self, snapshot: Snapshot) -> None:
        """Read the options again once an input server that was away is back."""
        if snapshot.input.ok and not self._input_was_ok:
            self._read_tables()
            self._read_range()
            self._plan_soon()
        self._input_was_ok = snapshot.input.ok

    @work(group="range", exclusive=True, exit_on_error=False)
    async def _read_range(self) -> None:
        """Propose the range of all rows, unless the operator has typed one."""
        schema, table = self._value("target_schema"), self._value("target_table")
        if not schema or not table or self._value("start_time") or self._value("end_time"):
            return
        edges = await overview.read_input_range(self.deployment, schema, table)
        if edges and not self._value("start_time") and not self._value("end_time"):
            for name, edge in zip(("start_time", "end_time"), edges, strict=True):
                self.query_one(f"#{name}", Input).value = str(edge)
                self._initial[name] = str(edge)

    def _value(self, name: str) -> str:
        field = self.query_one(f"#{name}")
        value: Any = field.value if isinstance(field, Input | Select) else ""
        return value.strip() if isinstance(value, str) else ""

    def _values(self) -> dict[str, str]:
        return {name: self._value(name) for name in _LABELS}

    def _set_values(self, values: dict[str, str]) -> None:
        for name, value in values.items():
            field = self.query_one(f"#{name}") if name in _LABELS else None
            if isinstance(field, Input):
                field.value = value
            elif isinstance(field, Select):
                options = [str(option) for _, option in field._options if option is not Select.NULL]
                if value and value not in options:
                    field.set_options([(plain(option), option) for option in (value, *options)])
                field.value = value or Select.NULL

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self, event: Input.Changed | Select.Changed) -> None:
        if isinstance(event, Select.Changed) and event.select.id == "target_schema" and event.select.has_focus_within:
            # The operator chose another schema, so the chosen table is not in it.
            self.query_one("#target_table", Select).clear()
            self._set_table_options()
        if isinstance(event, Select.Changed):
            self._read_range()
        self._check()
        self._plan_soon()

    def _plan_soon(self) -> None:
        """Plan when nothing has been typed for a moment."""
        if self._planning is not None:
            self._planning.stop()
        self._planning = self.set_timer(_PLAN_SECONDS, self._plan)

    def _check(self) -> TaskRequest | None:
        """Show what is wrong at each field, and return the request if nothing is."""
        values = self._values()
        blank = {name: "give a time, such as " + _HINTS[name][:19] for name in _HINTS if not values[name]}
        try:
            request = TaskRequest.from_values(self.deployment.settings, values)
            self._show_faults({})
            return request
        except InvalidValue as error:
            self._show_faults(error.faults | blank)
        except InvalidRange as error:
            self._show_faults({"end_time": str(error)})
        return None

    def _show_faults(self, faults: dict[str, str]) -> None:
        self._faults = faults
        for name in _LABELS:
            try:
                fault = self.query_one(f"#fault-{name}", LiveText)
            except NoMatches:
                return
            fault.set_text(sanitize(faults.get(name, "")))
            fault.display = name in faults

    @work(group="plan", exclusive=True, exit_on_error=False)
    async def _plan(self) -> None:
        box = self.query_one("#plan", LiveText)
        request = self._check()
        if request is None:
            box.set_text(Text("The plan shows here when the form is complete.", "muted"))
            return
        box.set_text(Text("planning ...", "muted"))
        try:
            plan = await services.plan_task(self.deployment, request)
        except AudienceError as error:
            box.set_text(Text(f"{error.code} {sanitize(error)}", "failed"))
            return
        box.set_text(_plan_text(plan, request))

    def action_launch(self) -> None:
        """Create the task, or move to the first field with a fault."""
        request = self._check()
        if request is None:
            first = next(name for name in _LABELS if name in self._faults)
            self.query_one(f"#{first}").focus()
            self.show_message(f"{_LABELS[first]}: {self._faults[first]}", error=True)
        elif not self._launching:
            self._launching = True
            self.query_one("#launch", Button).label = "launching ..."
            self.post_message(self.LaunchRequested(request, self))

    def end_launch(self) -> None:
        """Allow another launch, because the last one has ended. If it failed, the app shows why."""
        self._launching = False
        # Not query_one: if the operator has left the form meanwhile, its button is gone.
        for button in self.query("#launch").results(Button):
            button.label = _LAUNCH

    @on(Button.Pressed, "#launch")
    def _launch_pressed(self) -> None:
        self.action_launch()

    def action_back(self) -> None:
        """Go back. Ask first if something was filled in."""
        if self._values() == self._initial:
            self.app.pop_screen()
        else:
            self._ask_and_leave()

    @work(group="dialog", exit_on_error=False)
    async def _ask_and_leave(self) -> None:
        if await self.ask(Confirm("Leave this form? Its values will be lost.", "Leave")):
            self.app.pop_screen()

    @work(group="dialog", exit_on_error=False)
    async def action_save(self) -> None:
        """Save the form's values as a preset."""
        name = await self.ask(Ask("Save these values as"))
        if name:
            try:
                write_preferences(presets=read_preferences().presets | {name: self._values()})
            except OSError as error:
                self.show_message(f"not saved: {error}", error=True)
            else:
                self.show_message(f"saved as {name}")

    @work(group="dialog", exit_on_error=False)
    async def action_load(self) -> None:
        """Fill in the form from a preset."""
        presets = read_preferences().presets
        if not presets:
            self.show_message("no presets yet; ctrl+s saves one")
            return
        name = await self.ask(Choose("Load", sorted(presets)))
        if name:
            self._set_values(presets[name])


def _plan_text(plan: services.Plan, request: TaskRequest) -> Text:
    definition, estimate = plan.definition, plan.estimate
    text = Text().append("Plan\n", "bold")

    def line(name: str, value: str, style: str = "") -> None:
        text.append(f"{name:12}", "muted").append(sanitize(value) + "\n", style)

    line("rows", f"about {estimate.rows:,}")
    line("windows", f"{plan.windows:,}")
    if definition.input.time_index:
        line("post_time", "indexed")
    else:
        line("post_time", "not indexed: the whole table is read", "waiting")
    if estimate.first and estimate.last:
        line("rows from", f"{estimate.first} to {estimate.last}")
    for label in definition.patterns.labels:
        line(f"/{label.name}", f"{len(label.patterns):,} patterns")
    line("patterns", definition.patterns.hash[:16])
    line("production", f"{request.countdown} s after the label job")
    tables = ", ".join(plan.results)
    line("writes to", request.output_schema)
    line("tables", f"{tables}; each with its wh_panel_mapping_ table")
    for warning in plan.warnings:
        line("warning", warning, "waiting")
    return text
