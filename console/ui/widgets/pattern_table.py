"""The table of a file's patterns: sorted, with the columns that are known and fit."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from console.highlight import visible
from console.ui.formatting import cell, tell_apart
from console.ui.pattern_columns import COLUMNS, LINE, PATTERN, Column, PatternRow, Source, columns_for, sort_rows
from console.ui.widgets.live_table import Cells
from console.ui.widgets.sorted_table import SortedTable, sort_bindings


class PatternTable(SortedTable[Column]):
    """A row for each line of a file. The key of a row is its line."""

    BINDINGS: ClassVar[list[BindingType]] = [*sort_bindings(COLUMNS)]

    def __init__(self, *, id: str) -> None:
        super().__init__(COLUMNS, LINE, id=id)
        self._of_line: dict[str, PatternRow] = {}
        self._sources: tuple[Source, ...] = ()

    @property
    def chosen(self) -> PatternRow | None:
        """The row under the cursor."""
        return self._of_line.get(self.cursor_key or "")

    def show_rows(self, rows: Sequence[PatternRow], sources: tuple[Source, ...]) -> None:
        """Show these rows with the columns of these sources."""
        self._of_line, self._sources = {str(row.line): row for row in rows}, sources
        self.refresh_rows()

    def refresh_rows(self) -> None:
        """Sort and draw the rows again, with the columns that fit."""
        if self.sort.source not in self._sources:
            self.sort, self.descending = LINE, False
        rows = sort_rows(list(self._of_line.values()), self.sort, self.descending)
        columns = columns_for(self.size.width - 1, self._sources)
        self.set_columns(
            {column.label: width for column, width in columns.items()}, {column.label: column.key for column in columns}
        )

        def cells(key: str) -> Cells:
            row = self._of_line[key]
            return tuple(
                cell(self._told_apart(row, width)) if column is PATTERN else column.show(row)
                for column, width in columns.items()
            )

        self.show([str(row.line) for row in rows], cells)

    def _told_apart(self, row: PatternRow, width: int) -> str:
        """Return a pattern, from where it differs from the lines around it: many rules begin alike."""
        around = (self._of_line.get(str(row.line + step)) for step in (-1, 1))
        return tell_apart(visible(row.pattern.text), [visible(one.pattern.text) for one in around if one], width)

    def on_resize(self) -> None:
        """Drop the columns that do not fit."""
        self.refresh_rows()

    def select_line(self, line: int) -> None:
        """Move the cursor to a line, as soon as it is shown."""
        self.select_when_shown(str(line))
        self.refresh_rows()

    def sort_by(self, column: Column) -> None:
        """Sort by a column, if it is known; what one sorts for is at the top."""
        if column.source in self._sources:
            super().sort_by(column)
            self.action_move(-self.row_count)
