"""A table whose rows change without moving the operator's cursor.

It draws only visible lines, each from the current data. If 1,000 rows change, Textual's DataTable is busy
for a quarter of a second; this table takes a tenth of that, whatever the number of rows.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.ui.widgets.live_lines import LiveLines

Cells = tuple[Text, ...]

_MOST_CELLS = 4_096
"""The painted cells that are kept: some screens full."""


class LiveTable(LiveLines, ScrollView, can_focus=True):
    """Rows by key. The cursor stays on its key while rows come, go and move."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"live-table--header", "live-table--cursor"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "move(-1000000000)", "First row", show=False),
        Binding("end,G", "move(1000000000)", "Last row", show=False),
        Binding("enter", "select", "Choose", show=False),
    ]

    class RowHighlighted(Message):
        """The cursor has moved to another row."""

        def __init__(self, table: "LiveTable", key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> "LiveTable":
            """The table."""
            return self.table

    class RowSelected(RowHighlighted):
        """The operator has chosen the row under the cursor."""

    class HeaderSelected(RowHighlighted):
        """The operator has clicked a column's label, which is the `key`."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.marked: frozenset[str] = frozenset()
        """The keys of the rows that are marked with an asterisk."""
        self._columns: dict[str, int] = {}
        self._letters: Mapping[str, str] = {}
        self._keys: list[str] = []
        self._rows: dict[str, int] = {}
        self._cells: Callable[[str], Cells] = lambda key: ()
        self._cursor = 0
        self._to_select: str | None = None
        self._painted_cells: dict[tuple[object, ...], list[Segment]] = {}
        """By what they depend on."""

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return len(self._keys)

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the rows, in order."""
        return self._keys

    @property
    def cursor_row(self) -> int:
        """The row under the cursor, from 0."""
        return self._cursor

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor, which actions apply to."""
        return self._keys[self._cursor] if self._keys else None

    def set_columns(self, columns: Mapping[str, int], letters: Mapping[str, str] = MappingProxyType({})) -> None:
        """Set the columns: labels, with widths in cells, and letters of labels to underline.

        If they changed, `show` must follow.
        """
        self._letters = letters
        if list(columns.items()) != list(self._columns.items()):
            self._columns = dict(columns)
            self._painted.clear()
            self.refresh()

    def show(self, keys: Sequence[str], cells: Callable[[str], Cells]) -> None:
        """Show these rows in this order. `cells` returns the cells of a row in the order of the columns."""
        key, before = self.cursor_key, self.cursor_key
        self._keys, self._cells = list(keys), cells
        self._rows = {row_key: row for row, row_key in enumerate(keys)}
        if self._to_select in self._rows:
            key, self._to_select = self._to_select, None
        # If the row is gone, the cursor stays in its place.
        row = self._rows.get(key, self._cursor) if key is not None else 0
        moved = row != self._cursor
        self._cursor = max(0, min(row, len(self._keys) - 1))
        self._measure()
        if moved:
            self._reveal()
        if self.cursor_key != before:
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def select_when_shown(self, key: str) -> None:
        """Move the cursor to this key's row as soon as it is shown."""
        self._to_select = key

    def action_move(self, rows: int) -> None:
        """Move the cursor by this many rows."""
        self._move_to(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by this many pages."""
        self._move_to(self._cursor + pages * max(self._visible_rows - 1, 1))

    def action_select(self) -> None:
        """Choose the row under the cursor."""
        if self._keys:
            self.post_message(self.RowSelected(self, self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row; a double click chooses it. On the header, post the column."""
        if event.y > 0:
            self._move_to(self.scroll_offset.y + event.y - 1)
            if event.chain == 2:
                self.action_select()
            return
        x = 0
        for label, width in self._columns.items():
            x += width + 2
            if event.x + self.scroll_offset.x < x:
                self.post_message(self.HeaderSelected(self, label))
                return

    def draw_line(self, y: int) -> Strip:
        """Draw a line of the widget: the header, then the visible rows."""
        width = self.size.width
        if y == 0:
            style = self.get_component_rich_style("live-table--header")
            return self._strip(self._header(), style, width)
        row = self.scroll_offset.y + y - 1
        if row >= len(self._keys):
            return Strip.blank(width, self.rich_style)
        at_cursor = row == self._cursor
        style = self.get_component_rich_style("live-table--cursor") if at_cursor else self.rich_style
        key = self._keys[row]
        return self._strip(self._cells(key), style, width, marked=key in self.marked)

    def _header(self) -> Cells:
        """Return the labels, aligned like the cells below them. Without rows they would label nothing."""
        if not self._keys:
            return tuple(Text(end="") for _ in self._columns)
        first = self._cells(self._keys[0])
        return tuple(
            self._label(label, right=cell is not None and cell.justify == "right")
            for label, cell in zip_longest(self._columns, first[: len(self._columns)])
        )

    def _label(self, label: str, *, right: bool) -> Text:
        text = Text(label, "muted", justify="right" if right else "left", end="")
        place = label.lower().find(self._letters.get(label, "?").lower())
        if place >= 0:
            text.stylize("underline", place, place + 1)
        return text

    def _strip(self, cells: Cells, style: Style, width: int, *, marked: bool = False) -> Strip:
        segments: list[Segment] = []
        for cell, column in zip(cells, self._columns.values(), strict=True):
            # Segments of their own for each cell, so that an exported SVG places each correctly.
            segments += self._segments(cell, column, style, marked=marked and not segments)
        left = self.scroll_offset.x
        return Strip(segments).extend_cell_length(left + width, style).crop(left, left + width)

    def _segments(self, cell: Text, column: int, style: Style, *, marked: bool) -> list[Segment]:
        """Return a painted cell. Most are the same as before, and painting is what takes the time."""
        look = (cell.plain, cell.style, tuple(cell.spans), cell.justify, column, style, marked, self.app.theme)
        segments = self._painted_cells.get(look)
        if segments is None:
            cell = cell.copy()
            cell.truncate(column, overflow="ellipsis")
            blank = " " * (column - cell.cell_len)
            cell.pad_left(1 + len(blank) * (cell.justify == "right"))
            cell.pad_right(1 + len(blank) * (cell.justify != "right"))
            if marked:
                cell = Text.assemble(("*", "bold accent"), cell[1:], end="")
            if len(self._painted_cells) >= _MOST_CELLS:
                self._painted_cells.clear()
            segments = self._painted_cells[look] = self.paint(cell, style)
        return segments

    def _move_to(self, row: int) -> None:
        self._to_select = None
        row = max(0, min(row, len(self._keys) - 1))
        if row != self._cursor and self._keys:
            self.repaint_rows(self._cursor, row)
            self._cursor = row
            self.post_message(self.RowHighlighted(self, self.cursor_key))
        self._reveal()

    def repaint_rows(self, *rows: int) -> None:
        """Repaint these rows, as far as they are visible."""
        lines = [row - self.scroll_offset.y + 1 for row in rows]
        for y in lines:
            self._drawn.pop(y, None)
        self.refresh(*(Region(0, y, self.size.width, 1) for y in lines if 1 <= y < self.size.height))

    def _reveal(self) -> None:
        """Scroll until the cursor is visible."""
        top, visible = self.scroll_offset.y, self._visible_rows
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif visible > 0 and self._cursor >= top + visible:
            self.scroll_to(y=self._cursor - visible + 1, animate=False, immediate=True)

    @property
    def _visible_rows(self) -> int:
        return self.scrollable_content_region.height - 1

    def _measure(self) -> None:
        self.virtual_size = Size(sum(self._columns.values()) + 2 * len(self._columns), len(self._keys) + 1)
        self.repaint_changes()
