"""The key bar: what each key does here and now, in one line at the bottom."""

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input

from console.ui.widgets.live_text import LiveText

_GAP = "  "
_HELP = "open('help')"
_NOTICE_SECONDS, _ERROR_SECONDS = 5.0, 15.0


def key_words(*keys: tuple[str, str]) -> Text:
    """Return what keys do, as the key bar shows it; for dialogs, which cover the bar."""
    text = Text()
    for key, words in keys:
        text.append(_GAP if text else "").append(key, "bold accent").append(f" {words}")
    return text


def _writes(display: str) -> bool:
    """Return whether a key writes a character. Enter is displayed as a sign that is not in ASCII."""
    return len(display) == 1 and display.isascii()


class KeyBar(LiveText):
    """The keys of the screen, the app and the focused widget that are possible now. Each can be clicked.

    Below a dialog, which names its own, there are none: there, n is no new task. What has no room is left out, except
    the last one: it opens the help, which has them all.
    """

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._spans: list[tuple[int, int, Binding]] = []
        self._notice: Timer | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self.show_keys()

    def on_resize(self) -> None:
        """Leave out what no longer fits."""
        self.show_keys()

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if self.is_attached and screen is self.screen:
            self.show_keys()

    def show_notice(self, text: str, tone: str) -> None:
        """Show a notice in place of the keys, for some seconds: longer if it is an error."""
        if self._notice is not None:
            self._notice.stop()
        self._spans = []
        self.set_text(Text(f" {text}", f"bold {tone}"))
        self._notice = self.set_timer(_ERROR_SECONDS if tone == "failed" else _NOTICE_SECONDS, self._end_notice)

    def _end_notice(self) -> None:
        self._notice = None
        self.show_keys()

    def show_keys(self) -> None:
        """Show the keys, unless there is a notice."""
        if self._notice is not None:
            return
        if self.app.screen is not self.screen and self.app.screen.is_modal:
            self._spans = []
            self.set_text(Text())
            return
        shown: dict[str, tuple[Binding, bool]] = {}
        typing = isinstance(self.screen.focused, Input)  # which takes all keys that write something
        active = [
            key
            for key in self.screen.active_bindings.values()
            if key.binding.show and not (typing and _writes(self.app.get_key_display(key.binding)))
        ]
        # The screen's own first, then the app's, then those of the focused widget; the help last.
        places = {self.screen: 0, self.app: 1}
        active.sort(key=lambda key: 3 if key.binding.action == _HELP else places.get(key.node, 2))
        for _, binding, enabled, _ in active:
            shown.setdefault(binding.action, (binding, enabled))
        text, self._spans = Text(" ", no_wrap=True), []
        for binding, enabled in self._fitting(list(shown.values())):
            start = text.cell_len
            text.append(self.app.get_key_display(binding), "bold accent" if enabled else "muted")
            text.append(f" {binding.description}", "" if enabled else "muted")
            self._spans.append((start, text.cell_len, binding))
            text.append(_GAP)
        self.set_text(text)

    def _fitting(self, keys: list[tuple[Binding, bool]]) -> list[tuple[Binding, bool]]:
        room = self.size.width - 1
        if not keys:
            return []
        *others, last = keys
        room -= self._width(last[0]) - len(_GAP)
        fitting = []
        for key in others:
            room -= self._width(key[0])
            if room < 0:
                break
            fitting.append(key)
        return [*fitting, last]

    def _width(self, binding: Binding) -> int:
        return cell_len(f"{self.app.get_key_display(binding)} {binding.description}{_GAP}")

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for start, end, binding in self._spans:
            if start <= event.x < end:
                self.app.simulate_key(binding.key)
