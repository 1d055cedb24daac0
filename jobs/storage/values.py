"""Values as SQL: the rows of an INSERT, in statements of bounded size."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

Row = tuple[Any, ...]

# Larger statements are no faster.
STATEMENT_CHARACTERS = 200_000


class RowTooLarge(Exception):
    """A row that no statement can hold, and its size in bytes."""

    def __init__(self, row: Row, size: int) -> None:
        self.row = row
        self.size = size


def values_lists(rows: Iterable[Row], max_bytes: int) -> Iterator[str]:
    """Yield the rows as SQL, as many as fit into a statement at a time. Raises RowTooLarge."""
    most = min(STATEMENT_CHARACTERS, max_bytes // 4)  # a character takes four bytes at most
    texts: list[str] = []
    characters = 0
    for row in rows:
        text = f"({','.join([_LITERALS[type(value)](value) for value in row])})"
        if characters + len(text) > most:
            if texts:
                yield ",".join(texts)
                texts, characters = [], 0
            if len(text) > most and (size := len(text.encode(errors="replace"))) > max_bytes:
                raise RowTooLarge(row, size)
        texts.append(text)
        characters += len(text)
    if texts:
        yield ",".join(texts)


# Write values as SQL three times as fast as the driver does (the sql_mode above makes the backslash an
# escape). A value of any other type is a programming error: KeyError.
_LITERALS: dict[type, Callable[[Any], str]] = {
    str: lambda value: "'" + value.replace("\\", "\\\\").replace("'", "''") + "'",
    int: str,
    bytes: lambda value: f"x'{value.hex()}'",
    datetime: lambda value: f"'{value}'",
    Decimal: lambda value: f"'{value:f}'",
    type(None): lambda _: "NULL",
}
