"""The input table: what of it a task needs to know, and the query that reads a window of it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from jobs.database import Session, quote
from jobs.errors import CannotStart
from jobs.tables import INTEGERS, STRINGS, existing_columns
from jobs.task import Window
from patterns.pattern_set import PredictType

COLUMN_OF: dict[PredictType, str] = {
    "author_name": "author",
    "s_area_id": "s_area_id",
    "title": "title",
    "content": "content",
}


@dataclass(frozen=True)
class InputTable:
    """An input table as one task reads it. Widths are in characters; None holds any text."""

    schema: str
    table: str
    select: tuple[str, ...]
    """The expressions read: id, s_id, author, post_time, and the text where that is not the author."""
    text: str
    """The column that is matched."""
    id_width: int | None
    s_id_width: int | None
    author_width: int | None
    text_width: int | None
    time_decimals: int
    integer_id: bool
    """Whether ids compare as numbers."""

    @property
    def text_index(self) -> int:
        """Where in a row the matched text stands."""
        return len(self.select) - 1 if self.text != "author" else 2

    @property
    def source_author_width(self) -> int | None:
        """What `s_id` + `_` + `author` may need."""
        return None if self.s_id_width is None or self.author_width is None else self.s_id_width + 1 + self.author_width

    def window_query(self, window: Window) -> tuple[str, tuple[datetime, datetime]]:
        """The query of a window's rows, and its arguments. No NULL in what must not be (spec 1)."""
        present = " AND ".join(
            f"{quote(name)} IS NOT NULL" for name in dict.fromkeys(("id", "s_id", "author", self.text))
        )
        sql = f"SELECT {', '.join(self.select)} FROM {quote(self.schema, self.table)} WHERE {_RANGE} AND {present}"
        return sql, (window.start_time, window.end_time)

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

    def expression(name: str) -> str:
        is_string = columns[name].data_type in STRINGS
        return quote(name) if is_string else f"CAST({quote(name)} AS CHAR CHARACTER SET utf8mb4)"

    def width(name: str) -> int | None:
        # A number written out has fewer characters than this.
        return columns[name].length if columns[name].data_type in STRINGS else 64

    integer_id = columns["id"].data_type in INTEGERS
    select = [
        quote("id") if integer_id else expression("id"),
        expression("s_id"),
        expression("author"),
        "post_time",
    ]
    await session.rows(f"SELECT {', '.join(select)} FROM {quote(schema, table)} LIMIT 0")  # may it be read?
    return InputTable(
        schema=schema,
        table=table,
        select=(*select, expression(text)) if text != "author" else tuple(select),
        text=text,
        id_width=width("id"),
        s_id_width=width("s_id"),
        author_width=width("author"),
        text_width=width(text),
        time_decimals=columns["post_time"].width or 0,
        integer_id=integer_id,
    )


@dataclass(frozen=True)
class Extent:
    """How many rows a range has, by the optimizer's estimate, and where between them they lie."""

    estimated_rows: int
    indexed: bool
    """Whether an index on post_time makes it cheap to read a part of the range."""
    first: datetime | None
    last: datetime | None


async def extent(session: Session, schema: str, table: str, start: datetime, end: datetime) -> Extent:
    """The extent of a range: milliseconds, because nothing is counted."""
    if not await is_indexed(session, schema, table):
        row = await session.row(
            "SELECT table_rows FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
            (schema, table),
        )
        return Extent(int(row[0] or 0) if row else 0, False, None, None)
    name = quote(schema, table)
    explained = await session.records(f"EXPLAIN SELECT post_time FROM {name} WHERE {_RANGE}", (start, end))
    estimated = sum(int(record["rows"] or 0) for record in explained)
    edges = await session.row(f"SELECT MIN(post_time), MAX(post_time) FROM {name} WHERE {_RANGE}", (start, end))
    first, last = edges or (None, None)
    return Extent(estimated, True, _as_time(first), _as_time(last))


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
