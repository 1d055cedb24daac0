"""What every screen of the console has: the header, the footer, and the newest snapshot."""

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer
from textual.worker import Worker, WorkerState

from console.sanitize import harmless
from console.ui.snapshot import Snapshot
from console.ui.widgets.header import Header
from jobs.deployment import Site
from jobs.errors import AudienceError

if TYPE_CHECKING:
    from console.ui.app import AudienceApp


class Page(Screen[None]):
    """A screen that shows snapshots. Workers on it may raise an AudienceError: it is shown, not fatal."""

    TITLE: ClassVar[str] = ""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    def compose(self) -> ComposeResult:
        yield Header(self.TITLE or "", self.site)
        yield from self.compose_body()
        yield Footer(compact=True, show_command_palette=False)

    def compose_body(self) -> ComposeResult:
        """What stands between header and footer."""
        raise TypeError("a page has a body")

    @property
    def console(self) -> "AudienceApp":
        """The app."""
        return cast("AudienceApp", self.app)

    @property
    def site(self) -> Site:
        """The site that the app is on."""
        return self.console.site

    def on_mount(self) -> None:
        self.watch(self.app, "snapshot", self._take_in)

    def on_screen_resume(self) -> None:
        self._take_in(self.console.snapshot)

    def _take_in(self, snapshot: Snapshot) -> None:
        if self.is_current and self.is_mounted:
            self.query_one(Header).show(snapshot)
            self.show(snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Shows what of the snapshot is this page's."""

    def action_back(self) -> None:
        """To the page below."""
        if len(self.app.screen_stack) > 2:
            self.app.pop_screen()

    def tell(self, message: str, *, error: bool = False) -> None:
        """A message that stays for some seconds."""
        self.notify(harmless(message), severity="error" if error else "information", markup=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tells what a piece of work on this page failed of."""
        tell_failure(self, event)


def tell_failure(node: "Page | App[None]", event: Worker.StateChanged) -> None:
    """Tells what a piece of work failed of; it is no reason to end the app."""
    if event.state == WorkerState.ERROR and event.worker.error is not None:
        error = event.worker.error
        node.log.error(error)
        words = f"{error.code} {error}" if isinstance(error, AudienceError) else f"{type(error).__name__}: {error}"
        node.notify(harmless(words), severity="error", markup=False)
