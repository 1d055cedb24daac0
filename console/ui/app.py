"""The app: polls the servers, keeps the newest snapshot, opens the pages."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import ModalScreen, Screen
from textual.theme import Theme
from textual.worker import Worker

from console.sanitize import harmless
from console.ui.preferences import read_preferences, write_preferences
from console.ui.rates import Rates
from console.ui.screens.base import tell_failure
from console.ui.screens.help import HelpPage
from console.ui.screens.new_task import NewTaskPage
from console.ui.screens.patterns import PatternsPage
from console.ui.screens.samples import SamplesPage
from console.ui.screens.tasks import TasksPage
from console.ui.screens.workers import WorkersPage
from console.ui.snapshot import SOURCES, Snapshot, Source
from jobs.deployment import Site
from jobs.model.task import Task, TaskRequest
from jobs.services import tasks as services

POLL_SECONDS = 1.0
LEAVE_SECONDS = 3.0


# Textual's own bindings of every screen, and what it has in the palette already.
_NOT_OURS = ("Focus Next", "Focus Previous", "Copy selected text", "Up", "Down", "Page up", "Page down")
_EVERYWHERE = (("workers", "Workers", "w"), ("patterns", "Patterns", "p"), ("help", "Help", "F1"))


class AudienceApp(App[None]):
    """The console."""

    TITLE = "Audience"
    CSS_PATH = Path(__file__).with_name("styles.tcss")
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "open('workers')", "Workers"),
        Binding("p", "open('patterns')", "Patterns"),
        Binding("f1,question_mark", "open('help')", "Help", key_display="F1"),
        Binding("ctrl+p", "command_palette", "Palette", show=False),
        Binding("q", "quit_page", "Quit"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    snapshot: reactive[Snapshot] = reactive(Snapshot(), init=False)

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.rates = Rates()
        self._pokes = {source.name: asyncio.Event() for source in SOURCES}
        self._last_resort: threading.Timer | None = None

    def on_mount(self) -> None:
        """Opens home and starts to poll. A lost terminal or a SIGTERM ends the app as q does."""
        theme = read_preferences().theme
        if theme in self.available_themes:
            self.theme = theme
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(RuntimeError, ValueError):
                loop.add_signal_handler(number, self._leave)
        self.push_screen(TasksPage())
        for source in SOURCES:
            self._poll(source)

    def _keep_theme(self, theme: Theme) -> None:
        try:
            write_preferences(theme=theme.name)
        except OSError as error:
            self.notify(harmless(f"theme not kept: {error}"), severity="warning", markup=False)

    def _leave(self) -> None:
        """Ends the app; where the terminal that is gone holds it up, the process."""
        self._last_resort = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
        self._last_resort.daemon = True
        self._last_resort.start()
        self.exit()

    def left(self) -> None:
        """To be called when the app has ended as it should."""
        if self._last_resort is not None:
            self._last_resort.cancel()

    @work(group="poll", exit_on_error=False)
    async def _poll(self, source: Source) -> None:
        """Asks a server each second. What it fails of stands in the snapshot."""
        poke = self._pokes[source.name]
        task = asyncio.current_task()
        assert task is not None
        # redis sends with `asyncio.wait_for`, which before Python 3.12 may forget a cancellation.
        while not task.cancelling():
            started = time.monotonic()
            self.snapshot = await source.ask(self.site, lambda: self.snapshot)
            if source.field == "board" and self.snapshot.board is not None and self.snapshot.output.ok:
                self.rates.note(time.monotonic(), self.snapshot.board.tasks)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(POLL_SECONDS - (time.monotonic() - started), 0.1)):
                    await poke.wait()
            poke.clear()

    def poll_now(self) -> None:
        """Asks all servers at once: something was changed from here."""
        for poke in self._pokes.values():
            poke.set()

    @property
    def page(self) -> Screen[Any]:
        """The newest screen that is no dialog and no palette."""
        return next(screen for screen in reversed(self.screen_stack) if not screen.is_modal)

    def action_open(self, name: str) -> None:
        """Opens a page by name; where one is open already, goes back to it."""
        pages: dict[str, type[Screen[Any]]] = {"workers": WorkersPage, "patterns": PatternsPage, "help": HelpPage}
        if any(isinstance(screen, pages[name]) for screen in self.screen_stack):
            while not isinstance(self.screen, pages[name]):
                self.pop_screen()
        else:
            self.push_screen(HelpPage(self.page) if name == "help" else pages[name]())

    def open_new_task(self, like: Task | None = None) -> None:
        """Opens the form of a new task, filled in like an earlier one."""
        self.push_screen(NewTaskPage(like))

    @work(group="launch", exit_on_error=False)
    async def launch(self, request: TaskRequest) -> None:
        """Creates a task, whatever page is left meanwhile; then home, to the task, if its form is still open."""
        task_id = await services.create_task(self.site, request)
        self.notify(f"task {task_id[:8]} created", markup=False)
        if isinstance(self.screen, NewTaskPage):
            self.pop_screen()
        if isinstance(self.screen, TasksPage):
            self.screen.choose(task_id)
        self.poll_now()

    @work(group="change", exit_on_error=False)
    async def abort(self, task: Task) -> None:
        """Aborts a task."""
        await services.abort(self.site, task.task_id)
        self.notify(f"task {task.task_id[:8]} aborted; r resumes it", markup=False)
        self.poll_now()

    @work(group="change", exit_on_error=False)
    async def resume(self, task: Task) -> None:
        """Resumes a task."""
        await services.resume(self.site, task.task_id)
        self.notify(f"task {task.task_id[:8]} goes on", markup=False)
        self.poll_now()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tells what a piece of work failed of."""
        tell_failure(self, event)

    def open_samples(self, task: Task) -> None:
        """Opens the samples of a task."""
        self.push_screen(SamplesPage(task.task_id))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Pages are opened from pages, not from dialogs; a form is not left by a slip of a key."""
        if action == "open":
            return self.page in (self.screen, self.screen_stack[-2]) and not isinstance(self.screen, ModalScreen)
        if action == "quit_page":
            return not isinstance(self.page, NewTaskPage)
        return super().check_action(action, parameters)

    def action_quit_page(self) -> None:
        """Leaves the console."""
        self.exit()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that is possible now, in the palette."""
        yield from super().get_system_commands(screen)
        page = self.page
        offered: set[str] = set()
        for action, title, key in _EVERYWHERE:
            yield SystemCommand(title, f"key {key}", partial(self.action_open, action))
            offered.add(title)
        for node, binding, enabled, _ in page.active_bindings.values():
            if not enabled or node is self or binding.description in {"", *offered, *_NOT_OURS}:
                continue
            offered.add(binding.description)
            run = partial(self.call_later, self.run_action, binding.action, node)
            yield SystemCommand(binding.description, f"key {binding.key_display or binding.key}", run)
