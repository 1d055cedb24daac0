"""The base of widgets that are refreshed every second: they repaint only the lines that changed.

Textual repaints a whole widget when one of its values changes. Over SSH that is what an operator feels.
"""

from typing import TYPE_CHECKING, Self

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
        self._painted: dict[int, Strip] = {}
        """What each line showed when it was last painted."""
        self._drawn: dict[int, Strip] = {}
        """Lines that were drawn to see whether they changed, and are to be painted."""
        self._palettes: tuple[str, Palette] = ("", Palette(()))
        super().__init__(id=id, classes=classes)

    def draw_line(self, y: int) -> Strip:
        """Return a line of the content, from 0."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """Return a line to be painted, and remember it."""
        strip = self._painted[y] = self._drawn.pop(y) if y in self._drawn else self.draw_line(y)
        return strip

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Repaint these regions, or all: then in another style perhaps, so that nothing drawn before is of use."""
        if not regions:
            self._drawn.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def repaint_changes(self) -> None:
        """Repaint the lines that no longer show what was painted."""
        width, height = self.size
        self._drawn = {
            y: strip for y, before in self._painted.items() if y < height and before != (strip := self.draw_line(y))
        }
        if self._drawn:
            # Whole lines: Textual 8.2 paints each from the left edge of its widget anyway.
            self.refresh(*(Region(0, y, width, 1) for y in self._drawn))

    @property
    def _palette(self) -> Palette:
        theme = self.app.theme
        if self._palettes[0] != theme:
            self._palettes = (theme, Palette.of(self.app))
        return self._palettes[1]

    def paint(self, text: Text, base: Style) -> list[Segment]:
        """Return a line of text, styled by tones, as it looks on the base's background."""
        palette = self._palette
        style = palette.paint(text.style, base)
        if not text.spans:
            return [Segment(text.plain, style)]
        painted = Text(text.plain, style, end="")
        painted.spans = [Span(span.start, span.end, palette.paint(span.style, style)) for span in text.spans]
        return list(Segment.simplify(painted.render(self.app.console)))
