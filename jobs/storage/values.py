"""Values as SQL: the rows of an INSERT, in statements of bounded size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

Row = tuple[Any, ...]

# Larger statements are no faster.
STATEMENT_CHARACTERS = 200_000

# How many rows are written together, column by column.
_ROWS_TOGETHER = 64


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
    for row, text in _with_texts(rows):
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


def _with_texts(rows: Iterable[Row]) -> Iterator[tuple[Row, str]]:
    """Yield each row, and its SQL."""
    remaining = iter(rows)
    while together := list(islice(remaining, _ROWS_TOGETHER)):
        columns = map(_literals, zip(*together, strict=True))
        for row, literals in zip(together, zip(*columns, strict=True), strict=True):
            yield row, f"({','.join(literals)})"


def _literals(column: Sequence[Any]) -> list[str]:
    """Return the values of a column as SQL. Most columns are texts without a character to escape."""
    if set(map(type, column)) == {str}:
        text = "".join(column)
        if "'" not in text and "\\" not in text:
            return [f"'{value}'" for value in column]
    return [_LITERALS[type(value)](value) for value in column]


# Write values as SQL several times as fast as the driver does (the sql_mode of sessions makes the backslash an
# escape). A value of any other type is a programming error: KeyError.
_LITERALS: dict[type, Callable[[Any], str]] = {
    str: lambda value: "'" + value.replace("\\", "\\\\").replace("'", "''") + "'",
    int: str,
    bytes: lambda value: f"x'{value.hex()}'",
    datetime: lambda value: f"'{value}'",
    Decimal: lambda value: f"'{value:f}'",
    type(None): lambda _: "NULL",
}
