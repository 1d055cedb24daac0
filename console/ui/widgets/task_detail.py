"""One task beside the table: how it stands, its results, its pace, its windows, its facts."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from console.ui.task_columns import Situation
from console.ui.task_text import TaskData, detail_text
from console.ui.task_words import task_name
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import set_title
from jobs.model.task import Task


class TaskDetail(VerticalScroll):
    """Shows a task."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, can_focus=True)
        self._shown: tuple[Task, Situation, TaskData] | None = None

    def compose(self) -> ComposeResult:
        yield LiveText(id="detail")

    def show(self, task: Task | None, situation: Situation | None, data: TaskData) -> None:
        """Show how the task stands."""
        self._shown = (task, situation, data) if task and situation else None
        set_title(self, f"Task {task.task_id[:8]} ─ {task_name(task)}" if task else "Task")
        self._draw()

    def on_resize(self) -> None:
        """Draw what depends on the width."""
        self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        text = Text("no task", "muted")
        if self._shown is not None:
            width = max(self.scrollable_content_region.width, 20)
            text = detail_text(*self._shown, width, self.size.height)
        self.query_one("#detail", LiveText).set_text(text)
