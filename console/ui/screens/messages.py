"""The messages screen: everything the console has said since it was opened."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from console.ui.formatting import hanging
from console.ui.screens.base import BaseScreen
from console.ui.snapshot import Snapshot
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title


class MessagesScreen(BaseScreen):
    """The newest message first, with the time by this machine's clock."""

    TITLE = "Messages"

    def compose_body(self) -> ComposeResult:
        with Pane(id="body"), VerticalScroll(id="messages"):
            yield LiveText("No messages yet: what the console says in the line of keys is kept here.", id="list")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#messages").focus()

    def show(self, snapshot: Snapshot) -> None:
        """Show the messages."""
        notices = list(self.context.notices)
        set_title(self.query_one("#body"), f"Messages {len(notices)} ─ this machine's time")
        if notices:
            width = self.query_one("#messages").scrollable_content_region.width
            lines = [
                hanging(
                    Text.assemble((f"{notice.at:%H:%M:%S} ", "muted"), (f"{notice.glyph} ", notice.tone)),
                    *(notice.text, width),
                    notice.tone if notice.tone == "failed" else "",
                )
                for notice in reversed(notices)
            ]
            self.query_one("#list", LiveText).set_text(Text("\n").join(lines))

    def on_resize(self) -> None:
        """Wrap the messages to another width."""
        self.call_after_refresh(self.show, self.snapshot)
