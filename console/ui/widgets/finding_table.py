"""The table of what lint found in a model, a label or a file."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from console.ui.formatting import cell
from console.ui.widgets.live_table import LiveTable
from jobs.services import LintFinding

_MOST_PLACE, _LINE, _LEAST_MESSAGE = 24, 6, 20


class FindingTable(LiveTable):
    """A row for each fault and warning."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._found: Sequence[LintFinding] = ()
        self._places: list[str] = []

    @property
    def chosen(self) -> LintFinding | None:
        """The finding under the cursor."""
        return self._found[int(self.cursor_key)] if self.cursor_key is not None else None

    def show_findings(self, found: Sequence[LintFinding], model: Path | None) -> None:
        """Show these findings; with their places below a model's folder, unless all are of one file."""
        self._found = found
        self._places = [_place(one.file, model) for one in found] if model is not None else []
        self._draw()

    def on_resize(self) -> None:
        """Give the messages the remaining width."""
        self._draw()

    def _draw(self) -> None:
        place = {"file": min(max(map(len, self._places)), _MOST_PLACE)} if self._places else {}
        columns = {**place, "line": _LINE}
        rest = self.size.width - 3 - sum(columns.values()) - 2 * len(columns)
        self.set_columns({**columns, "what was found": max(rest, _LEAST_MESSAGE)})
        self.show([str(row) for row in range(len(self._found))], self._row)

    def _row(self, key: str) -> tuple[Text, ...]:
        one = self._found[int(key)]
        line = cell(one.line or "", "muted", right=True)
        message = cell(one.message, "failed" if one.is_fault else "waiting")
        return (cell(self._places[int(key)]), line, message) if self._places else (line, message)


def _place(path: Path, model: Path) -> str:
    return str(path.relative_to(model).with_suffix("")) if path.is_relative_to(model) else path.name
