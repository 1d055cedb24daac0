"""The SQL on the input table: what a task needs to know of it, and the query that reads a window."""

from collections.abc import Mapping
from datetime import datetime

from jobs.errors import CannotStart
from jobs.model.input_table import COLUMN_OF, SEPARATOR, InputTable, RangeEstimate
from jobs.model.windows import Key, Window
from jobs.storage.connection import Session, quote
from jobs.storage.schema import INTEGERS, STRINGS, ExistingColumn, existing_columns
from patterns.pattern_set import PredictType

_RANGE = "post_time BETWEEN %(start)s AND %(end)s"


def window_query(table: InputTable, window: Window) -> tuple[str, dict[str, object]]:
    """Return the query of a window's rows, and its arguments. Rows with a NULL in a required column are left out."""
    name, hint = quote(table.schema, table.table), ""
    conditions = [_RANGE]
    if table.key is not None and window.by_key:
        hint = "FORCE INDEX (PRIMARY)"
        if window.from_key is not None:
            conditions.append(f"{quote(table.key)} >= %(from_key)s")
        if window.before_key is not None:
            conditions.append(f"{quote(table.key)} < %(before_key)s")
    for column in dict.fromkeys(("id", "s_id", "author", table.text)):
        conditions.append(f"{quote(column)} IS NOT NULL")
    arguments: dict[str, object] = {
        "start": window.start_time,
        "end": window.end_time,
        "from_key": window.from_key,
        "before_key": window.before_key,
    }
    return f"SELECT {', '.join(table.select)} FROM {name} {hint} WHERE {' AND '.join(conditions)}", arguments


async def describe_input(session: Session, schema: str, table: str, predict_type: PredictType) -> InputTable:
    """Return the input table as a task of this predict type reads it.

    Raises CannotStart that names what is missing, and DatabaseError if a column may not be read.
    """
    columns = await existing_columns(session, schema, table)
    if not columns:
        raise CannotStart(f"unknown input table {schema}.{table}, or no privilege to read it (SELECT)")
    text = COLUMN_OF[predict_type]
    missing = [name for name in ("id", "s_id", "author", "post_time", text) if name not in columns]
    if missing:
        raise CannotStart(f"input table {schema}.{table} has no column {', '.join(dict.fromkeys(missing))}")
    if columns["post_time"].data_type not in ("datetime", "timestamp", "date"):
        raise CannotStart(
            f"post_time of input table {schema}.{table} is {columns['post_time'].data_type}, not DATETIME"
        )

    def text_of(name: str) -> str:
        """Return the SQL of the column's text in UTF-8."""
        name_quoted, column = quote(name), columns[name]
        if column.data_type not in STRINGS:
            return f"CAST({name_quoted} AS CHAR CHARACTER SET utf8mb4)"
        utf8 = (column.collation or "").startswith("utf8mb4_")
        return name_quoted if utf8 else f"CONVERT({name_quoted} USING utf8mb4)"

    def width(name: str) -> int | None:
        # A number in decimal has fewer characters than this.
        return columns[name].length if columns[name].data_type in STRINGS else 64

    integer_id = columns["id"].data_type in INTEGERS
    select = [
        f"CONCAT(BINARY {text_of('s_id')}, UNHEX('{SEPARATOR.hex()}'), {text_of('author')})",
        "post_time",
        quote("id") if integer_id else text_of("id"),
    ]
    if text != "author":
        select.append(text_of(text))
    # Fails if the account may not read one of them.
    await session.rows(f"SELECT {', '.join(select)} FROM {quote(schema, table)} LIMIT 0")
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
    """Return whether a unique index covers this column alone."""
    row = await session.row(
        """
        SELECT 1 FROM information_schema.statistics
        WHERE table_schema = %(schema)s AND table_name = %(table)s AND non_unique = 0
        GROUP BY index_name HAVING MAX(column_name) = %(column)s AND COUNT(*) = 1
        """,
        {"schema": schema, "table": table, "column": column},
    )
    return row is not None


async def _key(session: Session, schema: str, table: str, columns: Mapping[str, ExistingColumn]) -> str | None:
    """Return the column that leads the primary key, if its values can be written as numbers or text."""
    row = await session.row(
        """
        SELECT column_name FROM information_schema.statistics
        WHERE table_schema = %(schema)s AND table_name = %(table)s AND index_name = 'PRIMARY' AND seq_in_index = 1
        """,
        {"schema": schema, "table": table},
    )
    # A column that the account may not read is not among the columns.
    column = columns.get(row[0].lower()) if row else None
    return column.name if column and column.data_type in (*INTEGERS, "char", "varchar") else None


async def estimate_range(session: Session, schema: str, table: str, start: datetime, end: datetime) -> RangeEstimate:
    """Estimate the rows of a range. Takes milliseconds, because nothing is counted."""
    row = await session.row(
        "SELECT table_rows FROM information_schema.tables WHERE table_schema = %(schema)s AND table_name = %(table)s",
        {"schema": schema, "table": table},
    )
    table_rows = int(row[0] or 0) if row else 0
    if not await is_indexed(session, schema, table):
        return RangeEstimate(table_rows, table_rows, False, None, None)
    name, bounds = quote(schema, table), {"start": start, "end": end}
    explained = await session.records(f"EXPLAIN SELECT post_time FROM {name} WHERE {_RANGE}", bounds)
    estimated = sum(int(record["rows"] or 0) for record in explained)
    edges = await session.row(f"SELECT MIN(post_time), MAX(post_time) FROM {name} WHERE {_RANGE}", bounds)
    first, last = edges or (None, None)
    return RangeEstimate(estimated, table_rows, True, _as_time(first), _as_time(last))


async def key_cuts(session: Session, table: InputTable, estimate: RangeEstimate, count: int) -> list[Key]:
    """Return at most `count` - 1 keys, ascending in the server's order, that cut the table into similar parts."""
    assert table.key is not None
    if estimate.first is None or estimate.last is None:
        return await _every_nth_key(session, table, estimate.table_rows // count)
    key, name = quote(table.key), quote(table.schema, table.table)
    # Rows at regular times along the index on post_time: their keys are distributed like the table's.
    step = (estimate.last - estimate.first) / (_SAMPLES_PER_WINDOW * count)
    moments = [estimate.first + step * number for number in range(1, _SAMPLES_PER_WINDOW * count)]
    sample = []
    for start in range(0, len(moments), _SAMPLES_AT_ONCE):
        some = moments[start : start + _SAMPLES_AT_ONCE]
        arguments = {f"moment{number}": moment for number, moment in enumerate(some)}
        queries = [
            f"(SELECT {key} FROM {name} WHERE post_time >= %({argument})s ORDER BY post_time LIMIT 1)"
            for argument in arguments
        ]
        sample += [row[0] for row in await session.rows(" UNION ALL ".join(queries), arguments)]
    ordered = await session.rows(
        f"SELECT DISTINCT {key} FROM {name} WHERE {key} IN %(sample)s ORDER BY {key}", {"sample": sample}
    )
    return [row[0] for row in ordered[_SAMPLES_PER_WINDOW - 1 :: _SAMPLES_PER_WINDOW]][: count - 1]


_SAMPLES_PER_WINDOW = 8
_SAMPLES_AT_ONCE = 100


async def _every_nth_key(session: Session, table: InputTable, n: int) -> list[Key]:
    """Return every n-th key, found with one index scan on the server."""
    assert table.key is not None
    key, name = quote(table.key), quote(table.schema, table.table)
    cuts: list[Key] = []
    while True:
        condition = f"WHERE {key} > %(last)s" if cuts else ""
        row = await session.row(
            f"SELECT {key} FROM {name} FORCE INDEX (PRIMARY) {condition} ORDER BY {key} LIMIT 1 OFFSET %(offset)s",
            {"last": cuts[-1] if cuts else None, "offset": max(n - 1, 0)},
        )
        if row is None:
            return cuts
        cuts.append(row[0])


async def list_tables(session: Session) -> dict[str, list[str]]:
    """Return the tables that could be an input, by schema."""
    rows = await session.rows(
        """
        SELECT table_schema, table_name FROM information_schema.columns
        WHERE column_name IN ('post_time', 'author', 's_id')
        GROUP BY table_schema, table_name HAVING COUNT(*) = 3 ORDER BY 1, 2
        """
    )
    tables: dict[str, list[str]] = {}
    for schema, table in rows:
        tables.setdefault(schema, []).append(table)
    return tables


async def read_edges(session: Session, schema: str, table: str) -> tuple[datetime, datetime] | None:
    """Return the first and the last post_time of a table, if an index makes that quick."""
    if not await is_indexed(session, schema, table):
        return None
    row = await session.row(f"SELECT MIN(post_time), MAX(post_time) FROM {quote(schema, table)}")
    if row is None:
        return None
    first, last = map(_as_time, row)
    return None if first is None or last is None else (first, last)


async def is_indexed(session: Session, schema: str, table: str) -> bool:
    """Return whether post_time leads an index."""
    row = await session.row(
        """
        SELECT 1 FROM information_schema.statistics
        WHERE table_schema = %(schema)s AND table_name = %(table)s AND column_name = 'post_time' AND seq_in_index = 1
        """,
        {"schema": schema, "table": table},
    )
    return row is not None


def _as_time(value: object) -> datetime | None:
    # A DATE column gives dates, and a value outside Python's calendar stays a str.
    return value if isinstance(value, datetime) else None
