"""A text that is refreshed every second, and rarely changes."""

from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from console.ui.widgets.live_lines import LiveLines


class LiveText(LiveLines, Widget):
    """A text that repaints only what changed, and is laid out again only when its height changes."""

    DEFAULT_CSS = "LiveText { height: auto; }"

    def __init__(self, text: Text | str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._text = Text(text) if isinstance(text, str) else text
        self._wrapped: tuple[int, list[Text]] = (-1, [])
        """The lines, and the width that they were wrapped to."""

    @property
    def text(self) -> str:
        """What it shows, unwrapped."""
        return self._text.plain

    def set_text(self, text: Text | str) -> None:
        """Show this text. It is never parsed as markup."""
        text = Text(text) if isinstance(text, str) else text
        if text == self._text and text.style == self._text.style:
            return
        width = self.size.width
        height = len(self._lines(width))
        self._text = text
        self._wrapped = (-1, [])
        if width and len(self._lines(width)) == height:
            self.repaint_changes()
            return
        if self._layout_required:
            # If a layout is pending already, Textual 8.2 does not count this one, and reuses the old height.
            self._layout_updates += 1
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of lines."""
        return len(self._lines(width))

    def draw_line(self, y: int) -> Strip:
        """Return a line of the wrapped text."""
        width, style = self.size.width, self.rich_style
        lines = self._lines(width)
        if y >= len(lines):
            return Strip.blank(width, style)
        return Strip(self.paint(lines[y], style)).adjust_cell_length(width, style)

    def _lines(self, width: int) -> list[Text]:
        if self._wrapped[0] != width:
            lines = list(self._text.wrap(self.app.console, max(width, 1))) if self._text.plain else []
            self._wrapped = (width, lines)
        return self._wrapped[1]
