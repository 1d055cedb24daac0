"""What the commands print: the seed's envelope for programs, words and tables for people."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.sanitize import harmless, harmless_json
from jobs.errors import AudienceError

Item = TypeVar("Item")


def envelope(code: int, message: object, **more: object) -> None:
    """Prints one JSON document in the seed's envelope."""
    document = json.dumps({"error_code": code, "error_message": message, **more}, ensure_ascii=False, indent=2)
    # JSON escapes control characters, but not the marks that turn the direction of a line.
    print(harmless_json(document))


def fail(error: AudienceError, as_json: bool) -> NoReturn:
    """Prints an error and ends the command with status 1."""
    if as_json:
        envelope(error.code, str(error))
    else:
        say_error(f"{error.code} {error}")
    raise typer.Exit(1)


def say_error(message: str) -> None:
    """Prints a message for the operator to standard error."""
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("audience: ", "bold red"), harmless(message)))


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Prints names and values in two columns, a line each; values of None or "" are left out."""
    console = Console(soft_wrap=True)
    for name, value in fields:
        if value not in (None, ""):
            console.print(Text.assemble((f"{name:18}", "dim"), harmless(value)))


def print_table(columns: dict[str, Callable[[Item], object]], items: Sequence[Item]) -> None:
    """Prints items as a table; into a pipe, as lines with tabs that no width cuts."""
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for item in items:
            print("\t".join(harmless(_shown(read(item))) for read in columns.values()))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for item in items:
        table.add_row(*(Text(harmless(_shown(read(item)))) for read in columns.values()))
    Console().print(table)


def _shown(value: object) -> object:
    return "" if value is None else value
