"""What the commands print on a terminal: styles, and tables as wide as it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from console.cli.shortened import Shortened
from console.highlight import shorten_middle
from console.sanitize import sanitize

Item = TypeVar("Item")

_GAP = 2
"""The blanks between two columns."""
_LEAST_WIDTH = 6
_SHORT = 32
"""The width of a text that is shortened."""


def show_message(message: str, style: str) -> None:
    """Print a message for the operator to standard error, behind the name of the program in this style."""
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("audience: ", style), sanitize(message)))


def show_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print names, which are padded, and values, which are sanitised, one pair a line."""
    console = Console(soft_wrap=True)
    for name, value in fields:
        console.print(Text.assemble((name, "dim"), value))


def show_table(
    columns: Mapping[str, Callable[[Item], object]], items: Iterable[Item], *, header: bool, indent: int
) -> None:
    """Print items as a table: numbers aligned at the right, and a Text, sanitised by its maker, with its styles."""
    table = Table(box=None, show_header=header, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for item in items:
        table.add_row(*(_cell(read(item)) for read in columns.values()))
    Console().print(Padding(table, (0, 0, 0, indent)) if indent else table)


def show_rows(
    columns: Mapping[str, Callable[[Item], object]], items: Sequence[Item], *, optional: Sequence[str], shortened: str
) -> None:
    """Print items, each in one line.

    If it is too narrow, `optional` columns are left out, the first one first, and then the column `shortened` is cut.
    """
    console = Console()
    cells = {name: [_cell(read(item)) for item in items] for name, read in columns.items()}
    widths = {name: max(cell_len(name), *(cell.cell_len for cell in column), 0) for name, column in cells.items()}
    least = min(_LEAST_WIDTH, widths[shortened])

    def missing() -> int:
        """Return how many cells there are too few."""
        return sum(widths.values()) + _GAP * (len(widths) - 1) - console.width

    for name in optional:
        if missing() > widths[shortened] - least:
            del widths[name]
    widths[shortened] = max(widths[shortened] - max(missing(), 0), least)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for name, width in widths.items():
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=width)
    for row in zip(*(cells[name] for name in widths), strict=True):
        table.add_row(*row)
    console.print(table)


def show_lines(lines: Iterable[Text | str]) -> None:
    """Print lines, wrapped by the terminal only."""
    console = Console(soft_wrap=True)
    for line in lines:
        console.print(_cell(line))


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    if isinstance(value, int | float):
        return Text(f"{value:,}", justify="right")
    text = "" if value is None else sanitize(value)
    return Text(shorten_middle(text, _SHORT) if isinstance(value, Shortened) else text)
