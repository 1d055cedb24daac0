"""What the commands print: a JSON envelope for programs, text and tables for people."""

import codecs
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn, TextIO, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.sanitize import sanitize, sanitize_json
from jobs.errors import AudienceError

Item = TypeVar("Item")


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


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values in two columns, one pair a line, without values that are None or ""."""
    console = Console(soft_wrap=True)
    for name, value in fields:
        if value not in (None, ""):
            console.print(Text.assemble((f"{name:18}", "dim"), sanitize(value)))


def print_table(columns: dict[str, Callable[[Item], object]], items: Sequence[Item]) -> None:
    """Print items as a table; into a pipe, as lines of tab-separated values that no width truncates."""
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for item in items:
            print("\t".join(sanitize(_text(read(item))) for read in columns.values()))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for item in items:
        table.add_row(*(Text(sanitize(_text(read(item)))) for read in columns.values()))
    Console().print(table)


def _text(value: object) -> object:
    return "" if value is None else value
