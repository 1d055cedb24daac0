"""A text that is refreshed every second, and rarely changes."""

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static


class LiveText(Static):
    """A text that is redrawn only when it changes, and laid out again only when its height changes."""

    def __init__(self, *, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self._shown: Text | None = None

    def set_text(self, text: Text | str) -> None:
        """Show this text. It is never parsed as markup."""
        text = Text(text) if isinstance(text, str) else text
        before = self._shown
        if before is not None and before == text and before.style == text.style:
            return
        self._shown = text
        layout = before is None or self._height_of(before) != self._height_of(text)
        if layout:
            # If a layout is pending already, Textual 8.2 does not count this one, and reuses the old height.
            self._layout_updates += 1
        self.update(text, layout=layout)

    def _height_of(self, text: Text) -> int:
        width = max(self.size.width, 1)
        return sum(max(-(-cell_len(line) // width), 1) for line in text.plain.split("\n")) if text.plain else 0
