"""The base of widgets that are refreshed every second: they repaint only the lines that changed.

Textual repaints a whole widget when one of its values changes. Over SSH that is what an operator feels.
"""

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from rich.text import Span, Text
from textual.geometry import Region
from textual.strip import Strip

from console.ui.palette import Palette

if TYPE_CHECKING:
    from textual.widget import Widget as _Mixin
else:
    # A widget inherits the CSS of its first base that is a widget, so this must not be one.
    _Mixin = object


class LiveLines(_Mixin):
    """Of a widget that draws itself line by line. Call `repaint_changes` after its data have changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._painted: dict[int, Strip] = {}
        """What each line showed when it was last painted."""

    def draw_line(self, y: int) -> Strip:
        """Return a line of the content, from 0."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """Draw a line, and remember it."""
        strip = self._painted[y] = self.draw_line(y)
        return strip

    def repaint_changes(self) -> None:
        """Repaint the lines that no longer show what was painted."""
        width, height = self.size
        changed = [y for y, before in self._painted.items() if y < height and before != self.draw_line(y)]
        if changed:
            # Whole lines: Textual 8.2 paints each from the left edge of its widget anyway.
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def paint(self, text: Text, base: Style) -> list[Segment]:
        """Return a line of text, styled by tones, as it looks on the base's background."""
        palette = Palette.of(self.app)
        style = palette.paint(text.style, base)
        if not text.spans:
            return [Segment(text.plain, style)]
        painted = Text(text.plain, style, end="")
        painted.spans = [Span(span.start, span.end, palette.paint(span.style, style)) for span in text.spans]
        return list(Segment.simplify(painted.render(self.app.console)))
