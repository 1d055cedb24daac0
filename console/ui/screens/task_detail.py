"""One task in full, on a screen of its own: how it stands, and below that its tabs."""

from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll

from console.ui.screens.base import ScreenContext
from console.ui.screens.detail_reader import DetailReader
from console.ui.snapshot import Snapshot
from console.ui.task_columns import Situation
from console.ui.task_tabs import TABS, first_tab, tab_text
from console.ui.task_text import TaskData, standing_text
from console.ui.task_words import task_name
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from console.ui.widgets.tab_line import TabLine
from jobs import services
from jobs.errors import AudienceError, Conflict
from jobs.model.task import Task


class TaskDetailScreen(DetailReader):
    """The screen of one task."""

    TITLE = "Task"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "turn(1)", "Next tab", key_display="→", show=False),
        Binding("left,h", "turn(-1)", "Tab before", show=False),
        *(Binding(str(key), f"choose('{tab}')", tab.title(), show=False) for key, tab in enumerate(TABS, 1)),
    ]

    def __init__(self, context: ScreenContext, task_id: str) -> None:
        super().__init__(context)
        self._task_id = task_id
        self._tab = ""
        self._hits_of: tuple[object, ...] | None = None
        self._events_of: tuple[object, ...] | None = None

    def compose_body(self) -> ComposeResult:
        with Pane(id="standing-pane"):
            yield LiveText(id="standing")
        yield TabLine(TABS, id="tabs")
        with Horizontal(id="tab-body"):
            with Pane(id="tab-pane"), VerticalScroll(id="tab-scroll"):
                yield LiveText(id="tab")
            with Pane(id="facts-pane"):
                yield LiveText(id="facts")

    def on_mount(self) -> None:
        super().on_mount()
        set_title(self.query_one("#facts-pane"), "Facts")
        self.query_one("#tab-scroll").focus()

    def on_resize(self) -> None:
        """Draw what depends on the width."""
        self.call_after_refresh(self.show, self.snapshot)

    @property
    def selected(self) -> Task | None:
        """The task that is shown."""
        tasks = self.snapshot.board.tasks if self.snapshot.board else ()
        return next((task for task in tasks if task.task_id == self._task_id), None)

    def show(self, snapshot: Snapshot) -> None:
        """Show how the task stands."""
        self.show_detail(self.selected, self.situation)

    def draw_detail(self, task: Task | None, situation: Situation | None, data: TaskData) -> None:
        """Draw how the task stands, and the chosen tab."""
        if task is None or situation is None:
            self.query_one("#standing", LiveText).set_text(Text("no task", "muted"))
            return
        if not self._tab:
            self._tab = first_tab(task)
        self._read_for_tab(task)
        title = f"Task {task.task_id[:8]} ─ {task_name(task)}"
        set_title(self.query_one("#standing-pane"), title)
        standing = self.query_one("#standing", LiveText)
        standing.set_text(standing_text(task, situation, max(standing.size.width, 20)))
        self.query_one(TabLine).choose(self._tab)
        self._show_facts_once()
        scroll = self.query_one("#tab-scroll")
        width, height = max(scroll.scrollable_content_region.width, 20), scroll.size.height
        self.query_one("#tab", LiveText).set_text(tab_text(self._tab, task, situation, data, width, height))
        beside = self.query_one("#facts", LiveText)
        beside.set_text(tab_text("facts", task, situation, data, max(beside.size.width, 20), height))

    def _show_facts_once(self) -> None:
        """Hide the facts beside the tab while the tab shows them. Then what is drawn depends on another width."""
        beside, alone = self.query_one("#facts-pane"), self._tab == "facts"
        if beside.has_class("-hidden") is not alone:
            beside.set_class(alone, "-hidden")
            self.call_after_refresh(self.show, self.snapshot)

    def _read_for_tab(self, task: Task) -> None:
        """Read what the chosen tab shows, if it may have changed."""
        if self._tab == "events":
            key = (task.stat, task.prod_stat, task.generation, task.waiting_for, task.windows_done, task.units_done)
            if key != self._events_of:
                self._events_of = key
                self._read_events(task)
        elif self._tab == "patterns" and (task.stat, task.units) != self._hits_of:
            self._hits_of = (task.stat, task.units)
            self._read_hits(task)

    @work(group="events", exclusive=True, exit_on_error=False)
    async def _read_events(self, task: Task) -> None:
        try:
            events = await services.task_events(self.deployment, task)
        except AudienceError:
            self._events_of = None  # the header shows the outage
        else:
            self.keep(task, events=tuple(events))

    @work(group="hits", exclusive=True, exit_on_error=False)
    async def _read_hits(self, task: Task) -> None:
        try:
            self.keep(task, hits=await services.task_hits(self.deployment, task.task_id))
        except Conflict as error:
            self.keep(task, hits=str(error))
        except AudienceError:
            self._hits_of = None

    def action_choose(self, tab: str) -> None:
        """Show a tab, from its first line."""
        if tab != self._tab:
            self._tab = tab
            self.query_one("#tab-scroll").scroll_home(animate=False)
            self.show(self.snapshot)

    def action_turn(self, step: int) -> None:
        """Show the next tab, or the one before."""
        place = TABS.index(self._tab) if self._tab in TABS else 0
        self.action_choose(TABS[(place + step) % len(TABS)])

    @on(TabLine.Clicked)
    def _clicked(self, event: TabLine.Clicked) -> None:
        self.action_choose(event.tab)
