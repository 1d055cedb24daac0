"""The console: polls the servers, publishes snapshots, opens screens, and does what screens ask for."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.notifications import SeverityLevel
from textual.reactive import var
from textual.screen import ModalScreen, Screen
from textual.worker import Worker

from console.sanitize import sanitize
from console.ui.exit_on_signal import ExitOnSignal
from console.ui.followed_tasks import FollowedTasks
from console.ui.key_order import KeyOrder
from console.ui.operator_theme import OperatorTheme
from console.ui.screens.base import BaseScreen, Notice, ScreenContext, notify_failure
from console.ui.screens.dialogs import Confirm
from console.ui.screens.help import HelpScreen
from console.ui.screens.messages import MessagesScreen
from console.ui.screens.new_task import NewTaskScreen
from console.ui.screens.samples import SamplesScreen
from console.ui.screens.schedule_form import ScheduleFormScreen
from console.ui.screens.schedules import Change, SchedulesScreen
from console.ui.screens.task_actions import TaskActions
from console.ui.screens.tasks import TasksScreen
from console.ui.screens.workbench import WorkbenchScreen
from console.ui.screens.workers import WorkersScreen
from console.ui.snapshot import POLLED_SERVERS, PolledServer, Snapshot
from console.ui.task_words import done_words
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.task import Task, TaskStatus
from jobs.model.task_request import TaskRequest
from jobs.model.wording import counted

TaskService = Callable[[Deployment, str], Awaitable[Task]]

POLL_SECONDS = 1.0

# Textual's own bindings, which need no entry in the palette.
_NOT_IN_PALETTE = (
    *("Focus Next", "Focus Previous", "Copy selected text", "Up", "Down", "Page up", "Page down"),
    *("First row", "Last row", "Page Up", "Page Down", "Page Left", "Page Right", "Choose"),
    *("Scroll Up", "Scroll Down", "Scroll Left", "Scroll Right", "Scroll Home", "Scroll End"),
)
_TEXTUAL_COMMANDS = {"Theme", "Quit"}
_PATTERNS = "patterns"
_GLOBAL_SCREENS: dict[str, type[BaseScreen]] = {
    "workers": WorkersScreen,
    _PATTERNS: WorkbenchScreen,
    "schedules": SchedulesScreen,
    "messages": MessagesScreen,
    "help": HelpScreen,
}
_GLOBAL_COMMANDS = (
    ("workers", "Workers", "w"),
    (_PATTERNS, "Patterns", "p"),
    ("schedules", "Schedules", "c"),
    ("messages", "Messages", "m"),
    ("help", "Help", "?"),
)
_SCHEDULE_SERVICES: Mapping[Change, tuple[Callable[[Deployment, str], Awaitable[object]], str]] = {
    "pause": (services.pause_schedule, "paused"),
    "unpause": (services.unpause_schedule, "unpaused"),
    "run": (services.run_schedule_now, "fired"),
    "remove": (services.remove_schedule, "removed"),
}


class AudienceApp(App[None]):
    """The console."""

    TITLE = "Audience"
    CSS_PATH = Path(__file__).with_name("styles.tcss")
    ENABLE_COMMAND_PALETTE = True
    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]  # noqa: RUF012
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (110, "-wide"), (170, "-broad")]  # noqa: RUF012

    BINDINGS: ClassVar[list[BindingType]] = [
        # In this order as far as the key bar has room: what an operator uses most first.
        Binding("w", "open('workers')", "Workers"),
        Binding("p", "open('patterns')", "Patterns"),
        Binding("c", "open('schedules')", "Schedules"),
        Binding("m", "open('messages')", "Messages"),
        Binding("q", "quit_console", "Quit"),
        Binding("ctrl+p", "command_palette", "Palette", show=False),
        Binding("question_mark", "open('help')", "Keys", key_display="?"),
        Binding("f1", "open('help')", "Keys"),  # a text field takes the other one
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    # Not a `reactive`, which would repaint the whole screen each time a server answers.
    snapshot: var[Snapshot] = var(Snapshot(), init=False)

    def __init__(self, deployment: Deployment, leaving: str = "", *, saves_files: bool = True) -> None:
        """Open the console of a deployment. `leaving` says what else ends with it; the operator is asked first."""
        super().__init__()
        self.context = ScreenContext(deployment, saves_files=saves_files)
        self._leaving = leaving
        self._wake_ups = {server.name: asyncio.Event() for server in POLLED_SERVERS}
        self._requests: set[tuple[str, str, int | None]] = set()
        self._followed = FollowedTasks()
        self._keys = KeyOrder(self, super().on_event)
        self._operator_theme = OperatorTheme(self)
        self.exit_on_signal = ExitOnSignal(self.exit)

    async def on_event(self, event: events.Event) -> None:
        """Deliver keys in order."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._keys.take(event)
        else:
            await super().on_event(event)

    def on_mount(self) -> None:
        """Open the task table and start polling. A lost terminal or a SIGTERM ends the app as q does."""
        self._operator_theme.apply()
        self.exit_on_signal.install()
        # Kept when it is left, with its figures and the place of its cursor: an analyst goes to and fro.
        self.install_screen(WorkbenchScreen(self.context), _PATTERNS)
        self.push_screen(TasksScreen(self.context))
        for server in POLLED_SERVERS:
            self._poll(server)

    @work(group="poll", exit_on_error=False)
    async def _poll(self, server: PolledServer) -> None:
        """Poll a server every second. A failure becomes part of the snapshot."""
        wake_up = self._wake_ups[server.name]
        task = asyncio.current_task()
        assert task is not None
        # redis sends with `asyncio.wait_for`, which before Python 3.12 may lose a cancellation.
        while not task.cancelling():
            started = time.monotonic()
            snapshot = await server.poll(self.context.deployment, lambda: self.snapshot)
            # Before the screens show the snapshot, so that all they show is of one moment.
            if server.field == "board" and snapshot.board is not None and snapshot.output.ok:
                self.context.rates.record(time.monotonic(), snapshot.board.tasks)
            if server.field == "fleet" and snapshot.fleet is not None and snapshot.redis.ok:
                self.context.rates.record_fleet(snapshot.fleet)
            self.snapshot = snapshot
            if server.field == "board" and snapshot.board is not None:
                self._report_ends(snapshot.board.tasks)
                await self._mark_stale(snapshot.board.tasks)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(POLL_SECONDS - (time.monotonic() - started), 0.1)):
                    await wake_up.wait()
            wake_up.clear()

    def _report_ends(self, tasks: Sequence[Task]) -> None:
        """Say how the tasks ended that were launched or resumed here: the operator may look at something else."""
        for task in self._followed.ended(tasks):
            name = f"task {task.task_id[:8]}"
            if task.status is TaskStatus.FAILURE:
                self.notify(sanitize(f"{name} failed: {task.error}"), severity="error", markup=False)
            elif task.produced:
                self.notify(f"{name} done: {done_words(task)}", markup=False)

    async def _mark_stale(self, tasks: Sequence[Task]) -> None:
        """Compare the tasks with the pattern files, which are read in a thread when they have changed."""
        marks = await asyncio.to_thread(services.find_stale, self.context.deployment, tasks)
        stale = frozenset(task_id for task_id, is_stale in marks.items() if is_stale)
        if stale != self.snapshot.stale:
            self.snapshot = replace(self.snapshot, stale=stale)

    def _poll_now(self) -> None:
        """Poll all servers at once, because the console has changed something."""
        for wake_up in self._wake_ups.values():
            wake_up.set()

    @property
    def top_screen(self) -> Screen[Any]:
        """The topmost screen that is neither a dialog nor the palette."""
        return next(screen for screen in reversed(self.screen_stack) if not screen.is_modal)

    def action_open(self, name: str) -> None:
        """Open a screen by name, or return to it if it is open."""
        kind = _GLOBAL_SCREENS[name]
        if any(isinstance(screen, kind) for screen in self.screen_stack):
            while not isinstance(self.screen, kind):
                self.pop_screen()
        elif kind is HelpScreen:
            self.push_screen(HelpScreen(self.context, self.top_screen))
        else:
            self.push_screen(name if self.is_screen_installed(name) else kind(self.context))

    @on(TaskActions.FormRequested)
    def _open_form(self, message: TaskActions.FormRequested) -> None:
        self.push_screen(NewTaskScreen(self.context, message.template))

    @on(TaskActions.SamplesRequested)
    def _open_samples(self, message: TaskActions.SamplesRequested) -> None:
        self.push_screen(SamplesScreen(self.context, message.task.task_id))

    @on(NewTaskScreen.LaunchRequested)
    def _launch_requested(self, message: NewTaskScreen.LaunchRequested) -> None:
        self._launch(message.request, message.screen)

    @work(group="launch", exit_on_error=False)
    async def _launch(self, request: TaskRequest, form: NewTaskScreen) -> None:
        """Create a task. A worker of the app, so that leaving the form does not cancel it."""
        try:
            task_id = await services.create_task(self.context.deployment, request)
        finally:
            form.end_launch()
        self._followed.follow(task_id)
        self.notify(f"task {task_id[:8]} created", markup=False)
        if self.screen is form:  # not another form that was opened meanwhile
            self.pop_screen()
        if isinstance(self.screen, TasksScreen):
            self.screen.select_task(task_id)
        self._poll_now()

    @on(TaskActions.AbortRequested)
    def _abort(self, message: TaskActions.AbortRequested) -> None:
        self._change(message.tasks, services.abort_task, "aborted")

    @on(TaskActions.ResumeRequested)
    def _resume(self, message: TaskActions.ResumeRequested) -> None:
        self._change(message.tasks, services.resume_task, "resumed")

    @work(group="change", exit_on_error=False)
    async def _change(self, tasks: Sequence[Task], service: TaskService, done: str) -> None:
        """Call a service for each task, and say what came of it."""
        changed = []
        for task in tasks:
            # A key may be pressed twice before a snapshot shows what the first press did.
            request = (done, task.task_id, task.generation)
            if request in self._requests:
                continue
            self._requests.add(request)
            try:
                changed.append(await service(self.context.deployment, task.task_id))
                if service is services.resume_task:
                    self._followed.follow(task.task_id, changed[-1].generation or 0)
            except AudienceError as error:
                self._requests.discard(request)
                self.notify(sanitize(f"{error.code} {error}"), severity="error", markup=False)
        if changed:
            what = f"task {changed[0].task_id[:8]}" if len(changed) == 1 else counted(len(changed), "task")
            self.notify(f"{what} {done}", markup=False)
            self._poll_now()

    @on(SchedulesScreen.FormRequested)
    def _open_schedule_form(self, message: SchedulesScreen.FormRequested) -> None:
        self.push_screen(ScheduleFormScreen(self.context, message.schedule))

    @on(ScheduleFormScreen.SaveRequested)
    def _save_requested(self, message: ScheduleFormScreen.SaveRequested) -> None:
        self._save_schedule(message.request, message.replace, message.screen)

    @work(group="save", exit_on_error=False)
    async def _save_schedule(self, request: ScheduleRequest, replace: bool, form: ScheduleFormScreen) -> None:
        """Add or change a schedule. A worker of the app, so that leaving the form does not cancel it."""
        warnings: list[str] = []
        try:
            await services.save_schedule(self.context.deployment, request, replace=replace, warn=warnings.append)
        finally:
            form.end_save()
        if warnings:
            self.notify(sanitize("; ".join(warnings)), severity="warning", markup=False)
        else:
            self.notify(f"schedule {request.name} {'changed' if replace else 'added'}", markup=False)
        if self.screen is form:
            self.pop_screen()
        if isinstance(self.screen, SchedulesScreen):
            self.screen.select(request.name)

    @on(SchedulesScreen.ChangeRequested)
    def _change_requested(self, message: SchedulesScreen.ChangeRequested) -> None:
        self._change_schedules(message.change, message.names)

    @work(group="change", exit_on_error=False)
    async def _change_schedules(self, change: Change, names: Sequence[str]) -> None:
        """Call a service for each schedule, and say what came of it."""
        service, done = _SCHEDULE_SERVICES[change]
        changed = []
        for name in names:
            try:
                await service(self.context.deployment, name)
            except AudienceError as error:
                self.notify(sanitize(f"{error.code} {error}"), severity="error", markup=False)
            else:
                changed.append(name)
        if changed:
            what = f"schedule {changed[0]}" if len(changed) == 1 else counted(len(changed), "schedule")
            self.notify(f"{what} {done}", markup=False)
            self._poll_now()
        if isinstance(self.screen, SchedulesScreen):
            self.screen.read()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show why a worker of the app failed."""
        notify_failure(self, event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Open screens from screens, not from dialogs, and do not leave a form by a slip of a key."""
        if action == "open":
            is_open = isinstance(self.top_screen, _GLOBAL_SCREENS[str(parameters[0])])
            possible = self.top_screen in self.screen_stack[-2:]
            return possible and not is_open and not isinstance(self.screen, ModalScreen)
        if action == "quit_console":
            return isinstance(self.screen, TasksScreen)
        return super().check_action(action, parameters)

    @work(group="quit", exit_on_error=False)
    async def action_quit_console(self) -> None:
        """End the console. Ask first if something else ends with it; ctrl+q in that dialog is an answer."""
        asked = isinstance(self.screen, Confirm)
        if not self._leaving or asked or await self.push_screen_wait(Confirm(f"Quit? {self._leaving}", "Quit")):
            self.exit()

    async def action_quit(self) -> None:
        """End the console from anywhere."""
        self.action_quit_console()

    def notify(
        self, message: str, *, severity: SeverityLevel = "information", markup: bool = True, **_: object
    ) -> None:
        """Keep a message, and show it on the screen in place of the keys: a toast would cover rows, and be lost."""
        if markup:  # one of Textual's own, such as what it says to ctrl+c
            message = Content.from_markup(message).plain
        tone = {"information": "done", "warning": "waiting", "error": "failed"}[severity]
        notice = Notice(datetime.now(), " ".join(message.split()), tone)
        self.context.notices.append(notice)
        if isinstance(self.top_screen, BaseScreen):
            self.top_screen.show_notice(notice)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield every action that is possible now, for the palette."""
        wanted = _TEXTUAL_COMMANDS | ({"Screenshot"} if self.context.saves_files else set())
        yield from (command for command in super().get_system_commands(screen) if command.title in wanted)
        top_screen = self.top_screen
        offered: set[str] = set()
        for name, title, key in _GLOBAL_COMMANDS:
            yield SystemCommand(title, f"key {key}", partial(self.action_open, name))
            offered.add(title)
        for node, binding, enabled, _ in top_screen.active_bindings.values():
            if not enabled or node is self or binding.description in {"", *offered, *_NOT_IN_PALETTE}:
                continue
            offered.add(binding.description)
            run = partial(self.call_later, self.run_action, binding.action, node)
            yield SystemCommand(binding.description, f"key {binding.key_display or binding.key}", run)
