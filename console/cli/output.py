"""What the commands print: a JSON envelope for programs, text and tables for people.

What needs Rich is in terminal.py, and imported when it is used: a program that waits for a task does not wait for that.
"""

import codecs
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NoReturn, TextIO, TypeVar

from console.sanitize import sanitize, sanitize_json
from jobs.errors import AudienceError

if TYPE_CHECKING:
    from rich.text import Text

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
    from console.cli.terminal import show_message

    show_message(message, "bold red")


def print_warning(message: str) -> None:
    """Print a warning for the operator to standard error."""
    from console.cli.terminal import show_message

    show_message(message, "bold yellow")


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values in two columns, one pair a line, without values that are None or ""."""
    shown = ((f"{name:18}", sanitize(value)) for name, value in fields if value not in (None, ""))
    if not sys.stdout.isatty():
        for name, value in shown:
            print(name + value)
        return
    from console.cli.terminal import show_fields

    show_fields(shown)


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
    from console.cli.terminal import show_table

    show_table(columns, items, header=header, indent=indent)


def print_lines(*lines: "Text | str") -> None:
    """Print lines, wrapped by the terminal only. A Text keeps its styles on a terminal."""
    from console.cli.terminal import show_lines

    show_lines(lines)


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
    return "" if value is None else sanitize(value)
