"""What the keys do to tasks, on every screen that shows some."""

from dataclasses import dataclass
from typing import ClassVar

from textual import events, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from console.ui.screens.base import BaseScreen
from console.ui.screens.comparison import ComparisonScreen
from console.ui.screens.dialogs import Confirm
from console.ui.screens.export import ExportDialog
from console.ui.snapshot import Snapshot
from console.ui.task_columns import Situation
from console.ui.task_words import ABORTED, FAILED, standing, task_name
from jobs.model.task import Task
from jobs.model.wording import counted

_SAVES_NOTHING = "this console saves no files: it is read-only, and runs elsewhere"

# The keys that are answered even where they can do nothing.
_KEYS = {"s": "sample", "a": "abort", "r": "resume", "e": "rerun", "x": "export", "d": "compare"}


class TaskActions(BaseScreen):
    """A screen whose actions apply to a task. It posts a message for each, which the app acts on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("s", "sample", "Sample"),
        Binding("a", "abort", "Abort"),
        Binding("r", "resume", "Resume"),
        Binding("e", "rerun", "Rerun"),
        Binding("x", "export", "Export"),
        Binding("d", "compare", "Compare with a task or the files", show=False),
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
        """The task under the cursor."""
        raise NotImplementedError

    @property
    def situation(self) -> Situation | None:
        """What the newest snapshot says; None before the first answer of the output server."""
        return self.situation_of(self.snapshot)

    def situation_of(self, snapshot: Snapshot) -> Situation | None:
        """Return what a snapshot says about its tasks."""
        if snapshot.board is None:
            return None
        return Situation(snapshot.board, self.context.rates, snapshot.fleet, snapshot.stale)

    @property
    def marked(self) -> tuple[Task, ...]:
        """The tasks that the operator has marked."""
        return ()

    @property
    def targets(self) -> tuple[Task, ...]:
        """The tasks that abort, resume and export apply to: those that are marked, or else the one under the cursor."""
        return self.marked or ((self.selected,) if self.selected else ())

    @property
    def _compared(self) -> tuple[Task, Task | None] | None:
        """The older and the newer of two tasks that are marked, or the one under the cursor, if it can be compared."""
        match sorted(self.targets, key=lambda task: task.create_time):
            case [task]:
                return None if task.legacy else (task, None)
            case [before, after]:
                alike = before.predict_type == after.predict_type
                return (before, after) if alike and before.can_compare and after.can_compare else None
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what is possible now."""
        if not self.is_mounted:
            return False
        task, writable = self.selected, not self.deployment.read_only
        match action:
            case "new":
                return writable
            case "rerun":
                return writable and task is not None and task.can_rerun
            case "sample":
                return task is not None and task.can_sample
            case "export":
                return self.context.saves_files and any(task.can_sample for task in self.targets)
            case "abort":
                return writable and any(task.can_abort for task in self.targets)
            case "resume":
                return writable and any(task.can_resume for task in self.targets)
            case "compare":
                return self._compared is not None
            case "copy":
                return task is not None
            case _:
                return True

    def on_key(self, event: events.Key) -> None:
        """Say why, if a key cannot do now what it does to other tasks."""
        action = _KEYS.get(event.key)
        task = self.selected if not isinstance(self.focused, Input) else None
        if action and task is not None and not self.check_action(action, ()):
            event.stop()
            if reason := self._refusal(action, task):
                self.refuse(f"task {task.task_id[:8]}: {reason}")

    def _refusal(self, action: str, task: Task) -> str:
        """Return why an action is not possible; "" if what it is for has happened already."""
        if action not in ("sample", "export") and self.deployment.read_only:
            return "this console is read-only"
        if action == "export" and not self.context.saves_files:
            return _SAVES_NOTHING
        if action == "abort":
            return f"{_stands(task)}; only an unfinished task can be aborted"
        if action == "resume":
            return "" if task.awaits_labelling else f"{_stands(task)}; {task.refuses_resume}"
        if action == "compare":
            marked = "of the tasks that are marked, two that are done, on one predict type, can be compared"
            return marked if self.marked else "its patterns are not known, so there is nothing to compare"
        if action == "rerun":
            return "its range is not known, so there is nothing to fill the form with"
        if task.produced:
            return f"it labelled nobody, so there is nothing to {action}"
        possible = "samples are drawn" if action == "sample" else "rows are exported"
        return f"{_stands(task)}; {possible} when its production has finished"

    def action_new(self) -> None:
        """Open the form of a new task."""
        self.post_message(self.FormRequested(None))

    def action_rerun(self) -> None:
        """Open the form, filled in like this task."""
        if self.selected:
            self.post_message(self.FormRequested(self.selected))

    def action_sample(self) -> None:
        """Open the samples of this task."""
        if self.selected:
            self.post_message(self.SamplesRequested(self.selected))

    @work(group="dialog", exit_on_error=False)
    async def action_export(self) -> None:
        """Ask where to, and export the rows of the tasks that are marked, or of the one under the cursor."""
        if tasks := tuple(task for task in self.targets if task.can_sample):
            await self.ask(ExportDialog(self.deployment, tasks))

    def action_compare(self) -> None:
        """Compare two tasks that are marked, author by author; or the one under the cursor with the pattern files."""
        if self._compared:
            self.app.push_screen(ComparisonScreen(self.context, *self._compared))

    def action_copy(self) -> None:
        """Send the task's id to the terminal's clipboard."""
        if self.selected:
            self.app.copy_to_clipboard(self.selected.task_id)
            self.show_message(f"sent to the terminal's clipboard: {self.selected.task_id}")

    def action_abort(self) -> None:
        """Ask, then abort the tasks that were marked, or under the cursor, when the key was pressed."""
        self._confirm_abort(tuple(task for task in self.targets if task.can_abort), len(self.targets))

    @work(group="dialog", exit_on_error=False)
    async def _confirm_abort(self, tasks: tuple[Task, ...], marked: int) -> None:
        if len(tasks) == 1:
            task = tasks[0]
            windows = counted(task.windows or 0, "window")
            done = f"{task.windows_done} of {windows}" if task.windows_done else "no window"
            question = f"Abort task {task.task_id[:8]}? {task_name(task)}; {done} done."
        else:
            question = f"Abort {_count(tasks, marked)}?"
        if await self.ask(Confirm(question, "Abort")):
            self.post_message(self.AbortRequested(tasks))

    def action_resume(self) -> None:
        """Resume the tasks that were marked, or under the cursor, when the key was pressed. Ask if they are several."""
        tasks = tuple(task for task in self.targets if task.can_resume)
        if len(tasks) == 1:
            self.post_message(self.ResumeRequested(tasks))
        else:
            self._confirm_resume(tasks, len(self.targets))

    @work(group="dialog", exit_on_error=False)
    async def _confirm_resume(self, tasks: tuple[Task, ...], marked: int) -> None:
        if await self.ask(Confirm(f"Resume {_count(tasks, marked)}?", "Resume")):
            self.post_message(self.ResumeRequested(tasks))


def _stands(task: Task) -> str:
    """Return how a task stands, as a sentence begins."""
    return {FAILED: "it has failed", ABORTED: "it was aborted"}.get(standing(task), f"it is {standing(task).word}")


def _count(tasks: tuple[Task, ...], marked: int) -> str:
    return counted(len(tasks), "task") + (f" of the {marked} that are marked" if marked > len(tasks) else "")
