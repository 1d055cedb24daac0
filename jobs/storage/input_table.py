"""The input table: what of it a task needs to know, and the query that reads a window of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from jobs.errors import CannotStart
from jobs.model.task import Key, Window
from jobs.storage.connection import Session, quote
from jobs.storage.schema import INTEGERS, STRINGS, ExistingColumn, existing_columns
from patterns.pattern_set import PredictType

COLUMN_OF: dict[PredictType, str] = {
    "author_name": "author",
    "s_area_id": "s_area_id",
    "title": "title",
    "content": "content",
}

# Between the source and the author of a row, which are read as one: a byte that no UTF-8 text
# holds, so no two pairs make the same bytes. To decide about one value is cheaper than about two.
SEPARATOR = b"\xff"


@dataclass(frozen=True)
class InputTable:
    """An input table as one task reads it. Widths are in characters; None holds any text."""

    schema: str
    table: str
    select: tuple[str, ...]
    """The expressions read, those of tally.InputRow."""
    text: str
    """The column that is matched."""
    key: str | None
    """The column that leads the primary key, where windows can be cut by it."""
    id_width: int | None
    s_id_width: int | None
    author_width: int | None
    text_width: int | None
    time_decimals: int
    integer_id: bool
    """Whether ids compare as numbers."""
    unique_id: bool
    """Whether no two rows may have the same id."""

    @property
    def source_author_width(self) -> int | None:
        """What `s_id` + `_` + `author` may need."""
        return None if self.s_id_width is None or self.author_width is None else self.s_id_width + 1 + self.author_width

    def window_query(self, window: Window) -> tuple[str, list[object]]:
        """The query of a window's rows, and its arguments. No NULL in what must not be (spec 1)."""
        name, hint = quote(self.schema, self.table), ""
        conditions = [_RANGE]
        arguments: list[object] = [window.start_time, window.end_time]
        if self.key is not None and window.by_key:
            hint = "FORCE INDEX (PRIMARY)"
            for comparison, value in ((">=", window.from_key), ("<", window.before_key)):
                if value is not None:
                    conditions.append(f"{quote(self.key)} {comparison} %s")
                    arguments.append(value)
        for column in dict.fromkeys(("id", "s_id", "author", self.text)):
            conditions.append(f"{quote(column)} IS NOT NULL")
        return f"SELECT {', '.join(self.select)} FROM {name} {hint} WHERE {' AND '.join(conditions)}", arguments

    def to_json(self) -> bytes:
        """The form in which a task keeps it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "InputTable":
        """The inverse of `to_json`."""
        content = json.loads(data)
        return cls(**content | {"select": tuple(content["select"])})


_RANGE = "post_time BETWEEN %s AND %s"


async def describe(session: Session, schema: str, table: str, predict_type: PredictType) -> InputTable:
    """The input table for a predict type. Raises CannotStart naming what is not there."""
    columns = await existing_columns(session, schema, table)
    if not columns:
        raise CannotStart(f"unknown input table {schema}.{table}, or no right to read it; it needs GRANT SELECT")
    text = COLUMN_OF[predict_type]
    missing = [name for name in ("id", "s_id", "author", "post_time", text) if name not in columns]
    if missing:
        raise CannotStart(f"input table {schema}.{table} has no column {', '.join(dict.fromkeys(missing))}")
    if columns["post_time"].data_type not in ("datetime", "timestamp", "date"):
        raise CannotStart(
            f"post_time of input table {schema}.{table} is {columns['post_time'].data_type}, not DATETIME"
        )

    def text_of(name: str) -> str:
        """The column's text in UTF-8."""
        column, its = quote(name), columns[name]
        if its.data_type not in STRINGS:
            return f"CAST({column} AS CHAR CHARACTER SET utf8mb4)"
        return column if (its.collation or "").startswith("utf8mb4_") else f"CONVERT({column} USING utf8mb4)"

    def width(name: str) -> int | None:
        # A number written out has fewer characters than this.
        return columns[name].length if columns[name].data_type in STRINGS else 64

    integer_id = columns["id"].data_type in INTEGERS
    select = [
        f"CONCAT(BINARY {text_of('s_id')}, UNHEX('{SEPARATOR.hex()}'), {text_of('author')})",
        "post_time",
        quote("id") if integer_id else text_of("id"),
    ]
    if text != "author":
        select.append(text_of(text))
    await session.rows(f"SELECT {', '.join(select)} FROM {quote(schema, table)} LIMIT 0")  # may it be read?
    return InputTable(
        schema=schema,
        table=table,
        select=tuple(select),
        text=text,
        key=await _key(session, schema, table, columns),
        id_width=width("id"),
        s_id_width=width("s_id"),
        author_width=width("author"),
        text_width=width(text),
        time_decimals=columns["post_time"].width or 0,
        integer_id=integer_id,
        unique_id=await _is_unique(session, schema, table, "id"),
    )


async def _is_unique(session: Session, schema: str, table: str, column: str) -> bool:
    """Whether a unique index is on this column alone."""
    row = await session.row(
        """
        SELECT 1 FROM information_schema.statistics
        WHERE table_schema = %s AND table_name = %s AND non_unique = 0
        GROUP BY index_name HAVING MAX(column_name) = %s AND COUNT(*) = 1
        """,
        (schema, table, column),
    )
    return row is not None


async def _key(session: Session, schema: str, table: str, columns: Mapping[str, ExistingColumn]) -> str | None:
    """The column that leads the primary key, where its values can be written as numbers or as text."""
    row = await session.row(
        """
        SELECT column_name FROM information_schema.statistics
        WHERE table_schema = %s AND table_name = %s AND index_name = 'PRIMARY' AND seq_in_index = 1
        """,
        (schema, table),
    )
    # A column of the key that the account may not read is not among the columns.
    return row[0] if row and row[0] in columns and columns[row[0]].data_type in (*INTEGERS, "char", "varchar") else None


@dataclass(frozen=True)
class Extent:
    """How many rows a range has, by the optimizer's estimate, and where between them they lie."""

    estimated_rows: int
    table_rows: int
    """Of the whole table, by its statistics."""
    indexed: bool
    """Whether an index on post_time makes it cheap to read a part of the range."""
    first: datetime | None
    last: datetime | None


# A scan in the order of the primary key costs a third of the way through the index on post_time.
_SCAN_COST = 1 / 3


async def extent(session: Session, schema: str, table: str, start: datetime, end: datetime) -> Extent:
    """The extent of a range: milliseconds, because nothing is counted."""
    row = await session.row(
        "SELECT table_rows FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
        (schema, table),
    )
    table_rows = int(row[0] or 0) if row else 0
    if not await is_indexed(session, schema, table):
        return Extent(table_rows, table_rows, False, None, None)
    name = quote(schema, table)
    explained = await session.records(f"EXPLAIN SELECT post_time FROM {name} WHERE {_RANGE}", (start, end))
    estimated = sum(int(record["rows"] or 0) for record in explained)
    edges = await session.row(f"SELECT MIN(post_time), MAX(post_time) FROM {name} WHERE {_RANGE}", (start, end))
    first, last = edges or (None, None)
    return Extent(estimated, table_rows, True, _as_time(first), _as_time(last))


def by_key(table: InputTable, extent: Extent) -> bool:
    """Whether a task's windows are best cut by the primary key, each to be scanned in its order."""
    return table.key is not None and (not extent.indexed or extent.estimated_rows >= extent.table_rows * _SCAN_COST)


async def cut_by_key(session: Session, table: InputTable, extent: Extent, count: int) -> list[Key]:
    """At most `count` - 1 keys, ascending as the server orders them, that cut the table into about equal parts."""
    assert table.key is not None
    key, name = quote(table.key), quote(table.schema, table.table)
    if extent.first is None or extent.last is None:
        return await _walk(session, f"SELECT {key} FROM {name} FORCE INDEX (PRIMARY)", key, extent.table_rows // count)
    # A row here and there along the index on post_time: their keys are spread as the table's are.
    step = (extent.last - extent.first) / (_SAMPLES_A_WINDOW * count)
    moments = [extent.first + step * number for number in range(1, _SAMPLES_A_WINDOW * count)]
    one = f"(SELECT {key} FROM {name} WHERE post_time >= %s ORDER BY post_time LIMIT 1)"
    sample = [
        row[0]
        for start in range(0, len(moments), _SAMPLES_AT_ONCE)
        for part in [moments[start : start + _SAMPLES_AT_ONCE]]
        for row in await session.rows(" UNION ALL ".join([one] * len(part)), part)
    ]
    ordered = await session.rows(f"SELECT DISTINCT {key} FROM {name} WHERE {key} IN %s ORDER BY {key}", (sample,))
    return [row[0] for row in ordered[_SAMPLES_A_WINDOW - 1 :: _SAMPLES_A_WINDOW]][: count - 1]


_SAMPLES_A_WINDOW = 8
_SAMPLES_AT_ONCE = 100


async def _walk(session: Session, select: str, key: str, rows: int) -> list[Key]:
    """Every so manieth key; the server scans the key's index once, and sends nothing else."""
    cuts: list[Key] = []
    while True:
        condition = f"WHERE {key} > %s" if cuts else ""
        row = await session.row(
            f"{select} {condition} ORDER BY {key} LIMIT 1 OFFSET %s", (*cuts[-1:], max(rows - 1, 0))
        )
        if row is None:
            return cuts
        cuts.append(row[0])


async def is_indexed(session: Session, schema: str, table: str) -> bool:
    """Whether an index leads with post_time."""
    row = await session.row(
        """
        SELECT 1 FROM information_schema.statistics
        WHERE table_schema = %s AND table_name = %s AND column_name = 'post_time' AND seq_in_index = 1
        """,
        (schema, table),
    )
    return row is not None


def _as_time(value: object) -> datetime | None:
    # A DATE column gives dates, a value that Python's calendar does not have stays a str.
    return value if isinstance(value, datetime) else None
