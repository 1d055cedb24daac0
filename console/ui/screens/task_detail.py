"""One task in full, on a screen of its own, for narrow terminals."""

from textual.app import ComposeResult

from console.ui.screens.base import ScreenContext
from console.ui.screens.detail_reader import DetailReader
from console.ui.snapshot import Snapshot
from console.ui.task_columns import Situation
from console.ui.widgets.task_detail import TaskDetail
from jobs.model.task import Task


class TaskDetailScreen(DetailReader):
    """The screen of one task."""

    TITLE = "Task"

    def __init__(self, context: ScreenContext, task_id: str) -> None:
        super().__init__(context)
        self._task_id = task_id

    def compose_body(self) -> ComposeResult:
        yield TaskDetail(id="view")

    @property
    def selected(self) -> Task | None:
        """The task that is shown."""
        tasks = self.snapshot.board.tasks if self.snapshot.board else ()
        return next((task for task in tasks if task.task_id == self._task_id), None)

    def show(self, snapshot: Snapshot) -> None:
        """Show how the task stands."""
        situation = Situation(snapshot.board, self.context.rates, snapshot.fleet) if snapshot.board else None
        self.show_detail(self.selected, situation)
