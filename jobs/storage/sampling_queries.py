"""The queries of a sample: many small ones in a statement, each between two positions on an axis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.model.sampling import SampleRequest
from jobs.storage.connection import quote
from jobs.storage.input_table import row_columns, row_conditions

Bounds = tuple[int, int]
"""Positions on an axis: the first one, and the one after the last."""

Queries = tuple[list[str], dict[str, object]]
"""Queries, each of which selects its number first, and the arguments of all."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An indexed column that rows are ordered by. Positions on it count from its first value."""

    column: str
    index: str
    first: datetime | int
    length: int
    """The position after the last value."""
    grain: int
    """The distance of neighbouring values."""
    primary: tuple[str, ...]
    """The columns of the primary key, which every index holds; none if there is no primary key."""

    def value(self, position: int) -> datetime | int:
        """Return the value at a position."""
        if isinstance(self.first, datetime):
            return self.first + timedelta(microseconds=position)
        return self.first + position


def queries_between(
    request: SampleRequest, axis: Axis, bounds: Iterable[Bounds], columns: str, *, filtered: bool, limit: str = ""
) -> Queries:
    """Return the queries of these columns between bounds: of all rows, or `filtered`, of those that a task reads."""
    arguments, queries = range_arguments(request), []
    for number, pair in enumerate(bounds):
        where, values = _between(axis, number, pair)
        arguments |= values
        if filtered:
            where = f"{where} AND {row_conditions(request.table)}"
        queries.append(f"(SELECT {number}, {columns} FROM {_indexed(request, axis)} WHERE {where} {limit})")
    return queries, arguments


def random_rows_between(request: SampleRequest, axis: Axis, parts: Sequence[tuple[Bounds, float]]) -> Queries:
    """Return the queries of the rows that a task reads between bounds, each row with the chance given with them.

    The rows are chosen by the index alone, if it leads to them by a primary key.
    """
    arguments, queries = range_arguments(request), []
    for number, (pair, share) in enumerate(parts):
        where, values = _between(axis, number, pair)
        arguments |= values | {f"share{number}": share}
        chosen = f"{_indexed(request, axis)} WHERE {where} AND RAND() < %(share{number})s"
        if axis.primary and axis.index != "PRIMARY":
            key = ", ".join(map(quote, axis.primary))
            source = f"(SELECT {key} FROM {chosen}) AS chosen JOIN {table_name(request)} USING ({key}) WHERE"
        else:
            source = f"{chosen} AND"
        queries.append(f"(SELECT {number}, {row_columns(request.table)} FROM {source} {row_conditions(request.table)})")
    return queries, arguments


def range_arguments(request: SampleRequest) -> dict[str, object]:
    """Return the arguments of the conditions of the rows that a task reads."""
    return {"start": request.start, "end": request.end}


def table_name(request: SampleRequest) -> str:
    """Return the quoted name of the input table."""
    return quote(request.table.schema, request.table.table)


def _between(axis: Axis, number: int, bounds: Bounds) -> tuple[str, dict[str, object]]:
    column = quote(axis.column)
    values: dict[str, object] = {f"low{number}": axis.value(bounds[0]), f"high{number}": axis.value(bounds[1])}
    return f"{column} >= %(low{number})s AND {column} < %(high{number})s", values


def _indexed(request: SampleRequest, axis: Axis) -> str:
    return f"{table_name(request)} FORCE INDEX ({quote(axis.index)})"
