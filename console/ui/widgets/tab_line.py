"""A line of tabs, each with the key that chooses it."""

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.message import Message

from console.ui.widgets.live_text import LiveText


class TabLine(LiveText):
    """Shows which tab is chosen. A click on another posts Clicked."""

    class Clicked(Message):
        """The operator has clicked a tab."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self, tabs: Sequence[str], *, id: str) -> None:
        super().__init__(id=id)
        self._tabs = tabs
        self._chosen = ""
        self._ends: list[int] = []

    def choose(self, tab: str) -> None:
        """Show that this tab is chosen."""
        self._chosen = tab
        self._show_tabs()

    def on_resize(self) -> None:
        """Show the names if they fit; otherwise the keys, and the name of the chosen one."""
        self._show_tabs()

    def _show_tabs(self) -> None:
        named = self.size.width >= sum(len(tab) + 4 for tab in self._tabs)
        text, self._ends = Text(no_wrap=True, overflow="ellipsis"), []
        for key, tab in enumerate(self._tabs, 1):
            if tab == self._chosen:
                text.append(f" {key} {tab} ", "bold reverse accent")
            else:
                text.append(f" {key} ", "accent").append(f"{tab} " if named else "", "muted")
            self._ends.append(text.cell_len)
        self.set_text(text)

    def on_click(self, event: events.Click) -> None:
        """Choose the tab."""
        for tab, end in zip(self._tabs, self._ends, strict=True):
            if event.x < end:
                self.post_message(self.Clicked(tab))
                return
