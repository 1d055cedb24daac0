"""What all screens share: the header, the footer, the newest snapshot, and how failures are shown."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.worker import Worker, WorkerState

from console.sanitize import sanitize
from console.ui.rates import Rates
from console.ui.snapshot import Snapshot
from console.ui.widgets.header import Header
from console.ui.widgets.key_bar import KeyBar
from jobs.deployment import Deployment
from jobs.errors import AudienceError

Answer = TypeVar("Answer")

# A notice of a screen that has closed meanwhile is shown on the next one.
_RECENT = timedelta(seconds=2)


@dataclass(frozen=True)
class Notice:
    """Something that the console has said to its operator, at a time of this machine's clock."""

    at: datetime
    text: str
    tone: str

    @property
    def glyph(self) -> str:
        """Tells the tone without colours."""
        return {"failed": "✗", "waiting": "!"}.get(self.tone, "✓")


@dataclass(frozen=True)
class ScreenContext:
    """What the app gives to every screen."""

    deployment: Deployment
    rates: Rates = field(default_factory=Rates)
    notices: deque[Notice] = field(default_factory=lambda: deque(maxlen=500))
    """What the console has said, oldest first."""
    saves_files: bool = True
    """Whether files may be saved. Not for a visitor who may only read, whose files would be on the server."""


class BaseScreen(Screen[None]):
    """A screen that shows snapshots. It posts messages for what only the app can do."""

    TITLE: ClassVar[str] = ""
    WORDS: ClassVar[Mapping[str, str]] = {}
    """What its columns and signs mean, for the help."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    def __init__(self, context: ScreenContext) -> None:
        super().__init__()
        self.context = context
        self.snapshot = Snapshot()
        """The newest snapshot."""
        self._possible: list[bool | None] = []

    def compose(self) -> ComposeResult:
        yield Header(self.deployment, self.context.rates)
        yield from self.compose_body()
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """Yield the widgets between header and footer."""
        return ()

    @property
    def deployment(self) -> Deployment:
        """The deployment that the console is connected to."""
        return self.context.deployment

    def on_mount(self) -> None:
        self.watch(self.app, "snapshot", self._receive)

    def on_screen_suspend(self) -> None:
        self._show_keys()

    def on_screen_resume(self) -> None:
        self._receive(self.snapshot)
        self._show_keys()
        if self.context.notices and datetime.now() - self.context.notices[-1].at < _RECENT:
            self.show_notice(self.context.notices[-1])

    def _show_keys(self) -> None:
        for bar in self.query(KeyBar):  # none if the screen has been closed
            bar.show_keys()

    def _receive(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        if self._is_topmost and self.is_mounted:
            self.query_one(Header).show(snapshot)
            self.show(snapshot)
            self.refresh_keys()

    @property
    def _is_topmost(self) -> bool:
        """Whether no other screen covers this one; a dialog does not.

        To Textual 8.2 the screen below is always current: it would paint all of the topmost one for each change.
        """
        return next((screen for screen in reversed(self.app.screen_stack) if not screen.is_modal), None) is self

    def refresh_keys(self) -> None:
        """Update the key bar if other actions have become possible."""
        possible = [self.check_action(binding.action, ()) for _, binding in self._bindings]
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    def show(self, snapshot: Snapshot) -> None:
        """Show this screen's part of the snapshot."""

    def action_back(self) -> None:
        """Return to the screen below."""
        if len(self.app.screen_stack) > 2:
            self.app.pop_screen()

    async def ask(self, dialog: ModalScreen[Answer]) -> Answer | None:
        """Open a dialog and return its answer. None, without a dialog, if the key that opens it was pressed twice."""
        if self.app.screen is not self:
            return None
        answer: Answer = await self.app.push_screen_wait(dialog)
        return answer

    def show_notice(self, notice: Notice) -> None:
        """Show a notice in place of the keys, for some seconds."""
        for bar in self.query(KeyBar):  # there is none before the screen is composed, or when it closes
            bar.show_notice(f"{notice.glyph} {notice.text}", notice.tone)

    def show_message(self, message: str, *, error: bool = False) -> None:
        """Show a message for some seconds."""
        self.notify(sanitize(message), severity="error" if error else "information", markup=False)

    def refuse(self, reason: str) -> None:
        """Say why a key does nothing, for some seconds."""
        self.notify(sanitize(reason), severity="warning", markup=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show why a worker of this screen failed."""
        notify_failure(self, event)


def notify_failure(node: "BaseScreen | App[None]", event: Worker.StateChanged) -> None:
    """Show why a Textual worker failed, instead of ending the app."""
    if event.state == WorkerState.ERROR and event.worker.error is not None:
        error = event.worker.error
        node.log.error(error)
        message = f"{error.code} {error}" if isinstance(error, AudienceError) else f"{type(error).__name__}: {error}"
        node.notify(sanitize(message), severity="error", markup=False)
