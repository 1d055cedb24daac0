"""A table that its operator sorts: with shift and the underlined letter of a column, or a click on its label."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from textual import on
from textual.binding import Binding
from textual.message import Message

from console.ui.widgets.live_table import LiveTable


class SortableColumn(Protocol):
    """What a column says about sorting."""

    @property
    def label(self) -> str:
        """Its heading."""

    @property
    def key(self) -> str:
        """Sorts by it, with shift."""

    @property
    def descends(self) -> bool:
        """Whether it sorts the greatest first, unless the order is reversed."""


AColumn = TypeVar("AColumn", bound=SortableColumn)


def sort_bindings(columns: Sequence[SortableColumn]) -> list[Binding]:
    """Return the keys that sort by these columns, and the one that reverses the order."""
    return [
        *(
            Binding(column.key, f"sort_by({number})", f"Sort by {column.label or 'state'}", show=False)
            for number, column in enumerate(columns)
        ),
        Binding("i", "reverse", "Reverse the order", show=False),
    ]


class SortedTable(LiveTable, Generic[AColumn]):
    """Rows in the order of a column. A subclass has the `sort_bindings` of the same columns."""

    class Arranged(Message):
        """The operator has sorted or marked rows."""

    def __init__(self, columns: Sequence[AColumn], sort: AColumn, *, id: str) -> None:
        super().__init__(id=id)
        self._sortable = columns
        self.sort = sort
        self.descending = sort.descends

    def refresh_rows(self) -> None:
        """Sort and draw the rows again."""

    def sort_by(self, column: AColumn) -> None:
        """Sort by a column, or reverse the order if the table is sorted by it already."""
        self.descending = not self.descending if column is self.sort else column.descends
        self.sort = column
        self.refresh_rows()
        self.post_message(self.Arranged())

    def action_sort_by(self, number: int) -> None:
        """Sort by a column; the current one reverses the order."""
        self.sort_by(self._sortable[number])

    def action_reverse(self) -> None:
        """Reverse the order."""
        self.sort_by(self.sort)

    @on(LiveTable.HeaderSelected)
    def _header_selected(self, event: LiveTable.HeaderSelected) -> None:
        event.stop()
        self.sort_by(next(column for column in self._sortable if column.label == event.key))
