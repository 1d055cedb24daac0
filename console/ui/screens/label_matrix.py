"""Labels against labels: which ones texts confuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from console.figures import number
from console.ui.formatting import cell
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title

_COUNT_WIDTH = 9
_LEAST_NAME, _MOST_NAME = 8, 20


@dataclass(frozen=True)
class Matrix:
    """Counts by a row's and a column's label."""

    title: str
    about: str
    rows: Sequence[str]
    columns: Sequence[str]
    counts: Mapping[tuple[str, str], int]
    diagonal_is_right: bool = False
    """Whether a text on the diagonal is as it should be."""


class LabelMatrixScreen(BaseScreen):
    """Matrices, one below the other. Left and right move through columns that do not fit."""

    TITLE = "Labels against labels"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "shift(-1)", "Labels to the left", show=False),
        Binding("right", "shift(1)", "Labels to the right", show=False),
    ]

    def __init__(self, context: ScreenContext, matrices: Sequence[Matrix]) -> None:
        super().__init__(context)
        self._matrices = matrices
        self._first = 0

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            for place in range(len(self._matrices)):
                with Pane(id=f"matrix-pane-{place}"):
                    yield LiveText(id=f"about-{place}", classes="about")
                    yield LiveTable(id=f"matrix-{place}")

    def on_mount(self) -> None:
        super().on_mount()
        for place, matrix in enumerate(self._matrices):
            set_title(self.query_one(f"#matrix-pane-{place}"), matrix.title)
            self.query_one(f"#about-{place}", LiveText).set_text(Text(matrix.about, "muted"))
        self.query_one("#matrix-0").focus()
        self._draw()

    def on_resize(self) -> None:
        """Show as many columns as fit."""
        self.call_after_refresh(self._draw)

    def action_shift(self, columns: int) -> None:
        """Show other columns."""
        most = max(len(matrix.columns) for matrix in self._matrices)
        self._first = max(0, min(self._first + columns, most - 1))
        self._draw()

    def _draw(self) -> None:
        for place, matrix in enumerate(self._matrices):
            self._draw_matrix(self.query_one(f"#matrix-{place}", LiveTable), matrix)

    def _draw_matrix(self, table: LiveTable, matrix: Matrix) -> None:
        name = max([_LEAST_NAME, *(cell(row).cell_len for row in matrix.rows)])
        name = min(name, _MOST_NAME)
        fitting = max((table.size.width - 3 - name) // (_COUNT_WIDTH + 2), 1)
        first = max(0, min(self._first, len(matrix.columns) - fitting))
        shown = matrix.columns[first : first + fitting]
        # Labels may look alike when they are cut, so each column's label begins with its number if any is cut.
        cut = any(cell(label).cell_len > _COUNT_WIDTH for label in matrix.columns)
        labels = [f"{first + place}:{label}" if cut else label for place, label in enumerate(shown, start=1)]
        table.set_columns({"": name} | {cell(label).plain: _COUNT_WIDTH for label in labels})

        def cells(key: str) -> tuple[Text, ...]:
            row = matrix.rows[int(key)]
            return (cell(row, "bold"), *(_count(matrix, row, column) for column in shown))

        table.show([str(place) for place in range(len(matrix.rows))], cells)


def _count(matrix: Matrix, row: str, column: str) -> Text:
    count = matrix.counts.get((row, column), 0)
    if row == column and not matrix.diagonal_is_right:
        return cell("-", "muted", right=True)
    right = row == column
    style = "muted" if not count else "done" if right else "waiting"
    return cell(number(count), style, right=True)
