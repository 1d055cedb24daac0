"""The fields of a new task, or of a schedule: in two panes, each with what is wrong with it below.

A line below the panes says what the field with the focus is for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label, Select

from console.sanitize import sanitize
from console.ui.widgets.choice import Choice
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from console.ui.widgets.text_input import TextInput
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.schedules import CATCH_UPS
from jobs.model.task_request import TaskRequest
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES


def _labels(request: type[BaseModel]) -> dict[str, str]:
    return {name: field.title or name for name, field in request.model_fields.items()}


def _helps(request: type[BaseModel]) -> dict[str, str]:
    """Return what each parameter is for, without the default that the command line has: the field shows it."""
    return {name: (field.description or "").partition("  [")[0] for name, field in request.model_fields.items()}


LABELS = _labels(TaskRequest)
_CHOICES: dict[str, Sequence[str]] = {
    "model_type": MODEL_TYPES,
    "predict_type": PREDICT_TYPES,
    "target_schema": (),
    "target_table": (),
}
_SIDE_BY_SIDE = 76


class TaskForm(Vertical):
    """The values of a new task, as text. Posts Changed when one of them has changed."""

    LABELS: ClassVar[Mapping[str, str]] = LABELS
    HELPS: ClassVar[Mapping[str, str]] = _helps(TaskRequest)
    CHOICES: ClassVar[Mapping[str, Sequence[str]]] = _CHOICES
    HINTS: ClassVar[Mapping[str, str]] = {
        "start_time": "such as 2020-01-01 18:00:00",
        "end_time": "such as 2020-12-31, included",
    }
    FIRST: ClassVar[Sequence[str]] = ("model_type", "predict_type", "start_time", "end_time")
    """The parameters of the first pane."""
    TITLES: ClassVar[tuple[str, str]] = ("what", "where")

    class Changed(Message):
        """A value has changed: of the parameter `name`; `chosen` if it was chosen from a list that has the focus."""

        def __init__(self, name: str, *, chosen: bool) -> None:
            super().__init__()
            self.name = name
            self.chosen = chosen

    def __init__(self, title: str, values: Mapping[str, str], *, id: str) -> None:
        super().__init__(id=id)
        self._title = title
        self._initial = dict(values)

    def compose(self) -> ComposeResult:
        with Horizontal(id="panes"):
            with Pane(id="what"):
                for name in self.FIRST:
                    yield from self._field(name)
            with Pane(id="where"):
                for name in self.LABELS:
                    if name not in self.FIRST:
                        yield from self._field(name)
        yield LiveText(id="field-help")

    def _field(self, name: str) -> ComposeResult:
        value = self._initial[name]
        with Vertical(classes="field"):
            with Horizontal(classes="line"):
                yield Label(self.LABELS[name], classes="label")
                if name in self.CHOICES:
                    names = self.CHOICES[name] or ([value] if value else [])
                    yield Choice(names, value, id=name, allow_blank=name.startswith("target"))
                else:
                    yield TextInput(
                        value, id=name, compact=True, placeholder=self.HINTS.get(name, ""), select_on_focus=False
                    )
            yield LiveText(id=f"fault-{name}", classes="fault")

    def on_mount(self) -> None:
        set_title(self.query_one("#what"), f"{self._title} ─ {self.TITLES[0]}")
        set_title(self.query_one("#where"), self.TITLES[1])

    def on_resize(self, event: events.Resize) -> None:
        """Put the panes one below the other if they are too narrow side by side."""
        self.set_class(event.size.width < _SIDE_BY_SIDE, "-stacked")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what the field is for, and that the names of some can be chosen from a list."""
        name = event.widget.id or ""
        words = self.HELPS.get(name)
        if words:
            more = " Enter opens the list." if isinstance(event.widget, Choice) else ""
            more = f" The list has those that the model has files for.{more}" if name == "predict_type" else more
            self.query_one("#field-help", LiveText).set_text(Text(words + more, "muted"))

    def choice(self, name: str) -> Choice:
        """Return the field of a parameter that is chosen from a list."""
        return self.query_one(f"#{name}", Choice)

    def value(self, name: str) -> str:
        """Return the value of a parameter, without blanks around it."""
        field: Any = self.query_one(f"#{name}")
        return field.text.strip() if isinstance(field, Choice) else str(field.value).strip()

    @property
    def values(self) -> dict[str, str]:
        """The value of every parameter."""
        return {name: self.value(name) for name in self.LABELS}

    def set_values(self, values: Mapping[str, str]) -> None:
        """Fill in values. Parameters that are not known are ignored."""
        for name, value in values.items():
            if name in self.CHOICES:
                self.choice(name).offer(self.choice(name).names, value)
            elif name in self.LABELS:
                self.query_one(f"#{name}", Input).value = value

    def show_remarks(self, remarks: Mapping[str, tuple[str, str]]) -> None:
        """Show a remark, with its tone, below each parameter that has one."""
        for name in self.LABELS:
            remark = self.query_one(f"#fault-{name}", LiveText)
            words, tone = remarks.get(name, ("", ""))
            remark.set_text(Text(sanitize(words), tone))
            remark.display = bool(words)

    def move_focus(self, step: int) -> None:
        """Move to the next field, or to the one before."""
        names = (*self.FIRST, *(name for name in self.LABELS if name not in self.FIRST))
        fields = [field for field in (self.query_one(f"#{name}") for name in names) if not field.disabled]
        focused = self.screen.focused
        place = fields.index(focused) + step if focused in fields else 0
        self.screen.set_focus(fields[max(0, min(place, len(fields) - 1))])

    @on(Input.Changed)
    @on(Select.Changed)
    def _field_changed(self, event: Input.Changed | Select.Changed) -> None:
        event.stop()
        field = event.control
        self.post_message(self.Changed(field.id or "", chosen=isinstance(field, Choice) and field.has_focus_within))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.move_focus(1)


class ScheduleForm(TaskForm):
    """The values of a schedule, as text."""

    LABELS = _labels(ScheduleRequest)
    HELPS = _helps(ScheduleRequest)
    CHOICES = _CHOICES | {"catch_up": CATCH_UPS}
    HINTS = {  # noqa: RUF012
        "name": "such as nightly",
        "cron": "such as 15 3 * * *",
        "timezone": "such as Asia/Taipei",
        "range": "yesterday, last-7-days, since-last",
    }
    FIRST = ("name", "cron", "timezone", "range", "lookback", "catch_up")
    TITLES = ("when", "what and where")
