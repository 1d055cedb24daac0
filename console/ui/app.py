"""The app: polls the servers, keeps the newest snapshot, opens the pages."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import Screen

from console.ui.help_page import HelpPage
from console.ui.new_task_page import NewTaskPage
from console.ui.patterns_page import PatternsPage
from console.ui.preferences import read_preferences, write_preferences
from console.ui.rates import Rates
from console.ui.samples_page import SamplesPage
from console.ui.snapshot import Snapshot, take
from console.ui.tasks_page import TasksPage
from console.ui.workers_page import WorkersPage
from jobs.site import Site
from jobs.task import Task

POLL_SECONDS = 1.0
LEAVE_SECONDS = 3.0


# Textual's own bindings of every screen, and what it has in the palette already.
_NOT_OURS = ("Focus Next", "Focus Previous", "Copy selected text", "Palette", "Quit")


class AudienceApp(App[None]):
    """The console."""

    TITLE = "Audience"
    CSS_PATH = Path(__file__).with_name("styles.tcss")
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "open('workers')", "Workers"),
        Binding("p", "open('patterns')", "Patterns"),
        Binding("question_mark,f1", "open('help')", "Help", key_display="?"),
        Binding("ctrl+p", "command_palette", "Palette", show=False),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    snapshot: reactive[Snapshot] = reactive(Snapshot(), init=False)

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.rates = Rates()
        self._poke = asyncio.Event()

    def on_mount(self) -> None:
        """Opens home and starts to poll. A lost terminal or a SIGTERM ends the app as q does."""
        theme = read_preferences().theme
        if theme in self.available_themes:
            self.theme = theme
        self.theme_changed_signal.subscribe(self, lambda theme: write_preferences(theme=theme.name))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._leave)
        self.push_screen(TasksPage())
        self._poll()

    def _leave(self) -> None:
        """Ends the app; where the terminal that is gone holds it up, the process."""
        last_resort = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()
        self.exit()

    @work(group="poll", exit_on_error=False)
    async def _poll(self) -> None:
        """Takes a snapshot each second. What a server fails of stands in the snapshot."""
        while True:
            started = time.monotonic()
            snapshot = await take(self.site, self.snapshot)
            if snapshot.board is not None and snapshot.output.ok:
                self.rates.note(snapshot.taken_at, snapshot.board.tasks)
            self.snapshot = snapshot
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(POLL_SECONDS - (time.monotonic() - started), 0.1)):
                    await self._poke.wait()
            self._poke.clear()

    def poll_now(self) -> None:
        """Takes the next snapshot at once: something was changed from here."""
        self._poke.set()

    def action_open(self, name: str) -> None:
        """Opens a page by name; where it is open already, nothing."""
        pages: dict[str, type[Screen[Any]]] = {"workers": WorkersPage, "patterns": PatternsPage, "help": HelpPage}
        if not isinstance(self.screen, pages[name]):
            page = HelpPage(self.screen) if name == "help" else pages[name]()
            self.push_screen(page)

    def open_new_task(self, like: Task | None = None) -> None:
        """Opens the form of a new task, filled in like an earlier one."""
        self.push_screen(NewTaskPage(like))

    def task_created(self, task_id: str) -> None:
        """Back home, to the new task."""
        while not isinstance(self.screen, TasksPage):
            self.pop_screen()
        self.screen.choose(task_id)
        self.poll_now()
        self.notify(f"task {task_id[:8]} created", markup=False)

    def open_samples(self, task: Task) -> None:
        """Opens the samples of a task."""
        self.push_screen(SamplesPage(task.task_id))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Pages are opened from pages, not from dialogs."""
        if action == "open":
            return not self.screen.is_modal
        return super().check_action(action, parameters)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that is possible now, in the palette."""
        yield from super().get_system_commands(screen)
        offered: set[str] = set()
        for node, binding, enabled, _ in screen.active_bindings.values():
            if not enabled or node not in (screen, self) or binding.description in {"", *offered, *_NOT_OURS}:
                continue
            offered.add(binding.description)

            def run(action: str = binding.action) -> None:
                self.call_later(screen.run_action, action)

            yield SystemCommand(binding.description, f"key {binding.key_display or binding.key}", run)
