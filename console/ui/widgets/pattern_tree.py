"""The tree of models, labels and pattern files, with their faults and warnings."""

from rich.text import Text

from console.figures import short_number
from console.ui.formatting import cell
from console.ui.pattern_book import Node, PatternBook
from console.ui.widgets.live_table import LiveTable

_COLUMNS = {"lines": 5, "faults": 6, "warn": 4}
_LEAST_NAME = 15


class PatternTree(LiveTable):
    """A row for each model, label and file."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._of_key: dict[str, Node] = {}
        self._linted = False

    @property
    def chosen(self) -> Node | None:
        """The node under the cursor."""
        return self._of_key.get(self.cursor_key or "")

    def show_book(self, book: PatternBook) -> None:
        """Show these files."""
        if not self._of_key:
            first = next((node.key for node in book.nodes if node.file is not None), None)
            if first is not None:
                self.select_when_shown(first)
        self._of_key, self._linted = {node.key: node for node in book.nodes}, book.linted
        self._draw()

    def on_resize(self) -> None:
        """Give the names the remaining width."""
        self._draw()

    def _draw(self) -> None:
        rest = self.size.width - 3 - sum(width + 2 for width in _COLUMNS.values())
        self.set_columns({"file": max(rest, _LEAST_NAME), **_COLUMNS})
        self.show(list(self._of_key), lambda key: self._row(self._of_key[key]))

    def _row(self, node: Node) -> tuple[Text, ...]:
        style = ("bold", "bold", "")[node.depth]
        warnings = short_number(node.warnings or None) if self._linted or node.warnings else "..."
        return (
            cell("  " * node.depth + node.name, style),
            cell(short_number(node.lines), "muted", right=True),
            cell(short_number(node.faults or None), "bold failed", right=True),
            cell(warnings, "waiting" if node.warnings else "muted", right=True),
        )
