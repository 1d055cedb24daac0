"""The help screen, made from the bindings of the screen that it was opened on."""

from collections.abc import Iterable
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen

from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.widgets.live_text import LiveText

_INTRODUCTION = """
A task reads a range of posts, gives each author a label by the pattern files, and writes which panel \
(/female, /male, ...) an author belongs to. First the label job runs, window by window; a countdown later \
the production job writes the wh_panel_mapping_ tables. Leaving the console stops neither workers nor tasks.
"""


class HelpScreen(BaseScreen):
    """What each key does."""

    TITLE = "Help"

    def __init__(self, context: ScreenContext, about: Screen[Any]) -> None:
        super().__init__(context)
        self._about = about

    def compose_body(self) -> ComposeResult:
        yield VerticalScroll(LiveText(self._text()), id="help")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#help").focus()

    def _text(self) -> Text:
        text = Text(_INTRODUCTION.strip() + "\n\n")
        text.append(f"On the page {self._about.title or self._about.TITLE or ''}\n", "bold")
        self._append(text, [*type(self._about).BINDINGS, *BaseScreen.BINDINGS], global_=False)
        text.append("\nEverywhere\n", "bold")
        self._append(text, list(type(self.app).BINDINGS), global_=True)
        text.append(f"{'j k, g G':18}", "accent").append("In tables: down, up; first row, last row\n")
        text.append(f"{'tab, shift+tab':18}", "accent").append("Next field, previous field\n")
        text.append(f"{'ctrl+p':18}", "accent").append("Command palette: every action, and the themes\n")
        return text

    def _append(self, text: Text, bindings: Iterable[BindingType], *, global_: bool) -> None:
        for binding in Binding.make_bindings(bindings):
            writes = not global_ and binding.action in ("new", "abort", "resume", "rerun")
            refused = writes and self.deployment.read_only
            if binding.description and not refused and binding.key not in ("ctrl+q", "f1"):
                key = binding.key_display or binding.key
                text.append(f"{key:18}", "accent").append(f"{binding.description}\n")
