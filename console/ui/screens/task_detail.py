"""One task in full, on a screen of its own, for narrow terminals."""

from textual import work
from textual.app import ComposeResult

from console.ui.screens.base import ScreenContext
from console.ui.screens.task_actions import TaskActions
from console.ui.snapshot import Snapshot
from console.ui.task_columns import Situation
from console.ui.widgets.task_detail import TaskDetail
from jobs.model.task import Task
from jobs.services import overview


class TaskDetailScreen(TaskActions):
    """The screen of one task."""

    TITLE = "Task"

    def __init__(self, context: ScreenContext, task_id: str) -> None:
        super().__init__(context)
        self._task_id = task_id
        self._windows_done: int | None = -1

    def compose_body(self) -> ComposeResult:
        yield TaskDetail(id="view")

    @property
    def selected(self) -> Task | None:
        """The task that is shown."""
        tasks = self.snapshot.board.tasks if self.snapshot.board else ()
        return next((task for task in tasks if task.task_id == self._task_id), None)

    def show(self, snapshot: Snapshot) -> None:
        """Show how the task stands."""
        task = self.selected
        situation = Situation(snapshot.board, self.context.rates, snapshot.fleet) if snapshot.board else None
        self.query_one(TaskDetail).show(task, situation)
        if task and task.windows_done != self._windows_done:
            self._windows_done = task.windows_done
            self._read_windows(task)

    @work(group="windows", exclusive=True, exit_on_error=False)
    async def _read_windows(self, task: Task) -> None:
        self.query_one(TaskDetail).windows = await overview.read_windows(self.deployment, task)
