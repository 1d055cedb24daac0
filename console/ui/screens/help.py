"""The help screen, made from the bindings of the screen that it was opened on."""

from dataclasses import replace
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingsMap
from textual.containers import VerticalScroll
from textual.screen import Screen

from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText

_INTRODUCTION = """
A task reads a range of posts, gives each author a label by the pattern files, and writes which panel \
(/female, /male, ...) an author belongs to. First the label job runs, window by window; a countdown later \
the production job writes the wh_panel_mapping_ tables. Leaving the console stops neither workers nor tasks.
"""

_WRITING = ("new", "abort", "resume", "rerun", "launch", "edit", "add")
# Textual's own, which an operator of a terminal knows or has no use for.
_NOT_LISTED = ("screen.copy_text", "help_quit", "suspend_process")


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
        text = Text(_INTRODUCTION.strip() + "\n")
        self._append(text, f"On the screen {self._about.title or self._about.TITLE or ''}", self._about._bindings)
        self._append(text, "In tables", BindingsMap(LiveTable.BINDINGS))
        self._append(text, "Everywhere", self.app._bindings)
        return text

    def _append(self, text: Text, title: str, bindings: BindingsMap) -> None:
        """Append each action once, with all its keys."""
        keys: dict[str, list[str]] = {}
        descriptions = {}
        for _, binding in bindings:
            if binding.description and binding.action not in _NOT_LISTED and not self._is_refused(binding.action):
                keys.setdefault(binding.action, []).append(self.app.get_key_display(replace(binding, key_display=None)))
                descriptions[binding.action] = binding.description
        text.append(f"\n{title}\n", "bold")
        for action, description in descriptions.items():
            text.append(f"{' '.join(keys[action]):16}", "accent").append(f"{description}\n")

    def _is_refused(self, action: str) -> bool:
        return self.deployment.read_only and action in _WRITING
