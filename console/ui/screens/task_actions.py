"""What the keys do to tasks, on every screen that shows some."""

from dataclasses import dataclass
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

from console.ui.formatting import progress
from console.ui.screens.base import BaseScreen
from console.ui.screens.dialogs import Confirm
from jobs.model.task import Task


class TaskActions(BaseScreen):
    """A screen whose actions apply to a task. It posts a message for each, which the app acts on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sample", "Sample"),
        Binding("a", "abort", "Abort"),
        Binding("r", "resume", "Resume"),
        Binding("e", "rerun", "Rerun"),
        Binding("y", "copy", "Copy the id", show=False),
    ]

    @dataclass
    class FormRequested(Message):
        """The operator wants to create a task, perhaps like an earlier one."""

        template: Task | None

    @dataclass
    class SamplesRequested(Message):
        """The operator wants to see samples of a task."""

        task: Task

    @dataclass
    class AbortRequested(Message):
        """The operator has confirmed that these tasks are to be aborted."""

        tasks: tuple[Task, ...]

    @dataclass
    class ResumeRequested(Message):
        """The operator wants to resume these tasks."""

        tasks: tuple[Task, ...]

    @property
    def selected(self) -> Task | None:
        """The task that the actions apply to."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what is possible now."""
        task = self.selected if self.is_mounted else None
        writable = not self.deployment.read_only
        match action:
            case "rerun":
                return writable and task is not None and task.can_rerun
            case "sample":
                return task is not None and task.can_sample
            case "abort":
                return writable and task is not None and task.can_abort
            case "resume":
                return writable and task is not None and task.can_resume
            case "copy":
                return task is not None
            case _:
                return True

    def action_rerun(self) -> None:
        """Open the form, filled in like this task."""
        if self.selected:
            self.post_message(self.FormRequested(self.selected))

    def action_sample(self) -> None:
        """Open the samples of this task."""
        if self.selected:
            self.post_message(self.SamplesRequested(self.selected))

    def action_copy(self) -> None:
        """Send the task's id to the terminal's clipboard."""
        if self.selected:
            self.app.copy_to_clipboard(self.selected.task_id)
            self.show_message(f"sent to the terminal's clipboard: {self.selected.task_id}")

    def action_abort(self) -> None:
        """Ask, then abort the task that was under the cursor when the key was pressed."""
        if self.selected:
            self._confirm_abort(self.selected)

    @work(group="dialog", exit_on_error=False)
    async def _confirm_abort(self, task: Task) -> None:
        question = f"Abort task {task.task_id[:8]} ({task.predict_type}, {progress(task) or 'no'} windows done)?"
        if await self.ask(Confirm(question, "Abort")):
            self.post_message(self.AbortRequested((task,)))

    def action_resume(self) -> None:
        """Resume the task that was under the cursor when the key was pressed."""
        if self.selected:
            self.post_message(self.ResumeRequested((self.selected,)))
