"""What the commands print: a JSON envelope for programs, text and tables for people."""

import codecs
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn, TextIO, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from console.sanitize import sanitize, sanitize_json
from jobs.errors import AudienceError

Item = TypeVar("Item")

_GAP = 2
"""The blanks between two columns."""
_LEAST_WIDTH = 6


def print_envelope(code: int, message: object, **more: object) -> None:
    """Print one JSON document {error_code, error_message, ...}."""
    # In another encoding, what standard output writes in place of a character that it lacks is not JSON.
    ascii_only = not is_utf8(sys.stdout)
    document = json.dumps({"error_code": code, "error_message": message, **more}, ensure_ascii=ascii_only, indent=2)
    # JSON escapes control characters, but not the marks that reverse the direction of a line.
    print(sanitize_json(document))


def is_utf8(stream: TextIO) -> bool:
    """Return whether a stream can take every character."""
    return codecs.lookup(stream.encoding).name == "utf-8"


def exit_with(error: AudienceError, as_json: bool) -> NoReturn:
    """Print an error and exit with status 1."""
    if as_json:
        print_envelope(error.code, str(error))
    else:
        print_error(f"{error.code} {error}")
    sys.exit(1)


def print_error(message: str) -> None:
    """Print a message for the operator to standard error."""
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("audience: ", "bold red"), sanitize(message)))


def print_warning(message: str) -> None:
    """Print a warning for the operator to standard error."""
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("audience: ", "bold yellow"), sanitize(message)))


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values in two columns, one pair a line, without values that are None or ""."""
    console = Console(soft_wrap=True)
    for name, value in fields:
        if value not in (None, ""):
            console.print(Text.assemble((f"{name:18}", "dim"), sanitize(value)))


def print_table(
    columns: Mapping[str, Callable[[Item], object]], items: Iterable[Item], *, header: bool = True, indent: int = 0
) -> None:
    """Print items as a table; into a pipe, as lines of tab-separated values that no width truncates.

    On a terminal, numbers are aligned at the right, and a Text, sanitised by its maker, keeps its styles. A
    pipe always gets the header, and each line as soon as `items` yields it.
    """
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for item in items:
            print("\t".join(_plain(read(item)) for read in columns.values()))
        return
    table = Table(box=None, show_header=header, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for item in items:
        table.add_row(*(_cell(read(item)) for read in columns.values()))
    Console().print(Padding(table, (0, 0, 0, indent)) if indent else table)


def print_rows(
    columns: Mapping[str, Callable[[Item], object]], items: Sequence[Item], *, optional: Sequence[str], shortened: str
) -> None:
    """Print items on a terminal, each in one line.

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


def print_lines(*lines: Text | str) -> None:
    """Print lines, wrapped by the terminal only. A Text keeps its styles on a terminal."""
    console = Console(soft_wrap=True)
    for line in lines:
        console.print(_cell(line))


def print_content(items: Iterable[object], **more: object) -> None:
    """Print an envelope with code 200 whose `content` is written item by item, for any number of items."""
    head = json.dumps({"error_code": 200, "error_message": "OK", **more}, ensure_ascii=False)
    print(sanitize_json(head[:-1]), end=', "content": [')
    separator = "\n"
    for item in items:
        print(separator, sanitize_json(json.dumps(item, ensure_ascii=False)), sep="", end="")
        separator = ",\n"
    print("\n]}")


def _plain(value: object) -> str:
    if isinstance(value, Text):
        return value.plain
    return "" if value is None else sanitize(value)


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    if isinstance(value, int | float):
        return Text(f"{value:,}", justify="right")
    return Text(_plain(value))
