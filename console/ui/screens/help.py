"""The help screen, made from the bindings of the screen that it was opened on."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen

from console.sanitize import sanitize
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title

_INTRODUCTION = """
A task reads a range of posts, gives each author a label by the pattern files, and writes which panel \
(/female, /male, ...) an author belongs to. First the label job runs, window by window; a countdown later \
the production job writes the wh_panel_mapping_ tables. Leaving the console stops neither workers nor tasks.
"""

_WRITING = ("new", "abort", "resume", "rerun", "launch", "edit", "add", "change", "run", "remove")
# Textual's own, which an operator of a terminal knows or has no use for.
_MOVING = ("tab", "shift+tab")
_WORDS = {"app.focus_next": "Next pane or field", "app.focus_previous": "Pane or field before"}
_NOT_LISTED = ("screen.copy_text", "help_quit", "suspend_process", "scroll_", "page_left", "page_right")
_COLUMN = 56
"""The width of a column of sections."""


class HelpScreen(BaseScreen):
    """What each key does."""

    TITLE = "Help"

    def __init__(self, context: ScreenContext, about: Screen[Any]) -> None:
        super().__init__(context)
        self._about = about

    def compose_body(self) -> ComposeResult:
        with Pane(id="body"), VerticalScroll(id="help"):
            yield LiveText(id="keys-of-all")

    def on_resize(self) -> None:
        """Put the sections side by side if they fit."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        width = self.query_one("#help").scrollable_content_region.width
        self.query_one("#keys-of-all", LiveText).set_text(self._text(width))

    def on_mount(self) -> None:
        super().on_mount()
        set_title(
            self.query_one("#body"), f"Keys and signs of {self._about.title or self._about.TITLE or 'this screen'}"
        )
        self.query_one("#help").focus()

    def _text(self, width: int) -> Text:
        title = self._about.title or self._about.TITLE or ""
        moving = [(key, binding) for key, binding in self._about._bindings if key in _MOVING]
        own = [(key, binding) for key, binding in self._about._bindings if key not in _MOVING]
        sections = [
            self._section(f"On the screen {title}", own),
            self._section("Everywhere", [*self.app._bindings, *moving]),
        ]
        tables = {type(table): table for table in self._about.query(LiveTable)}
        sections[1:1] = [self._section("In the table", table._bindings) for table in list(tables.values())[:1]]
        if isinstance(self._about, BaseScreen) and self._about.WORDS:
            sections.insert(1, _words("What it shows", self._about.WORDS))
        deployment = self.deployment
        servers = {
            "input": f"{deployment.input.host}:{deployment.input.port}",
            "output": f"{deployment.output.host}:{deployment.output.port}",
            "redis": deployment.redis_address,
        }
        sections.append(_words("Connected to", servers))
        text = _side_by_side(sections, max(width // _COLUMN, 1), width)
        return text.append("\n\n" + _INTRODUCTION.strip(), "muted")

    def _section(self, title: str, bindings: Iterable[tuple[str, Binding]]) -> Text:
        """Return each action once, with all its keys."""
        keys: dict[str, list[str]] = {}
        descriptions: dict[str, str] = {}
        for _, binding in bindings:
            listed = binding.description and not binding.action.startswith(_NOT_LISTED)
            if listed and not self._is_refused(binding.action):
                keys.setdefault(binding.action, []).append(self.app.get_key_display(replace(binding, key_display=None)))
                descriptions[binding.action] = _WORDS.get(binding.action, binding.description)
        text = Text(title, "")
        text.stylize("bold")
        for action, description in descriptions.items():
            text.append(f"\n{' '.join(keys[action]):16}", "accent").append(description)
        return text

    def _is_refused(self, action: str) -> bool:
        return self.deployment.read_only and action in _WRITING


def _words(title: str, meanings: Mapping[str, str]) -> Text:
    """Return words with what they mean, one a line."""
    text = Text.assemble((title, "bold"))
    for word, meaning in meanings.items():
        text.append(f"\n{word:16}", "accent").append(sanitize(meaning))
    return text


def _side_by_side(sections: list[Text], columns: int, width: int) -> Text:
    """Return sections in columns: each as a whole in the shortest one, with a blank line after it."""
    filled: list[list[Text]] = [[] for _ in range(columns)]
    for section in sections:
        min(filled, key=len).extend([*section.split("\n"), Text()])
    text = Text()
    for place in range(max(map(len, filled)) - 1):
        line = Text("\n" if place else "")
        for number, column in enumerate(filled):
            line.append(" " * max(number * (width // columns) - line.cell_len, 0))
            line.append_text(column[place] if place < len(column) else Text())
        text.append_text(line)
    return text
