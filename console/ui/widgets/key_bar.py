"""The key bar: what each key does here and now, in one line at the bottom."""

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.screen import Screen

from console.ui.widgets.live_text import LiveText

_GAP = "  "


class KeyBar(LiveText):
    """The keys of the focused widget, the screen and the app that are possible now. Each can be clicked.

    If there is no room for all, the ones in the middle are left out: the last one opens the help, which has them all.
    """

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._spans: list[tuple[int, int, Binding]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._show_keys()

    def on_resize(self) -> None:
        """Leave out what no longer fits."""
        self._show_keys()

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if self.is_attached and screen is self.screen:
            self._show_keys()

    def _show_keys(self) -> None:
        shown: dict[str, tuple[Binding, bool]] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show:
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
        room -= self._width(last[0])
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
