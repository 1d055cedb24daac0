"""The SQL on the input table: what a task needs to know of it, and the query that reads a window."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from jobs.errors import CannotStart
from jobs.model.input_table import COLUMN_OF, SEPARATOR, InputColumn, InputTable
from jobs.model.windows import Window
from jobs.storage.connection import Session, quote
from jobs.storage.schema import INTEGERS, STRINGS, ExistingColumn, existing_columns
from patterns.pattern_set import PredictType

# A column of these types has bytes that may be no text, or values whose text does not sort as they do.
_BINARY = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "geometry", "point")
_INEXACT = ("float", "double", "time")
# The widest decimal that can be sorted as a text of fixed length, which takes one digit more.
_WIDEST_DECIMAL = 64


def window_query(table: InputTable, window: Window, *, between_keys: bool = False) -> tuple[str, dict[str, object]]:
    """Return the query of a window's rows, and its arguments. Rows with a NULL in a required column are left out.

    It returns the columns of tally.InputRow. With `between_keys`, a time window is read in the order of the primary
    key, from @first_key to @last_key.
    """
    index = table.time_index
    conditions = [row_conditions(table)]
    if table.key is not None and window.by_key:
        index = "PRIMARY"
        if window.from_key is not None:
            conditions.append(f"{quote(table.key.name)} >= %(from_key)s")
        if window.before_key is not None:
            conditions.append(f"{quote(table.key.name)} < %(before_key)s")
    elif table.key is not None and between_keys:
        index = "PRIMARY"
        conditions.append(f"{quote(table.key.name)} BETWEEN @first_key AND @last_key")
    arguments: dict[str, object] = {
        "start": window.start_time,
        "end": window.end_time,
        "from_key": window.from_key,
        "before_key": window.before_key,
    }
    source = f"{quote(table.schema, table.table)} {f'FORCE INDEX ({quote(index)})' if index else ''}"
    return f"SELECT {row_columns(table)} FROM {source} WHERE {' AND '.join(conditions)}", arguments


def row_columns(table: InputTable) -> str:
    """Return the SQL of the columns of tally.InputRow."""
    columns = [
        f"CONCAT(BINARY {_text(table.s_id)}, UNHEX('{SEPARATOR.hex()}'), {_text(table.author)})",
        "post_time",
        quote(table.id.name) if table.id.kind in ("integer", "decimal") else _text(table.id),
    ]
    if not table.matches_author:
        columns.append(_text(table.matched))
    return ", ".join(columns)


def row_conditions(table: InputTable) -> str:
    """Return the SQL conditions of the rows from %(start)s to %(end)s that have no NULL in a required column."""
    required = dict.fromkeys(column.name for column in (table.id, table.s_id, table.author, table.matched))
    return " AND ".join(
        ["post_time BETWEEN %(start)s AND %(end)s", *(f"{quote(name)} IS NOT NULL" for name in required)]
    )


def _text(column: InputColumn) -> str:
    """Return the SQL of a column's text in UTF-8."""
    match column.kind:
        case "utf8":
            return quote(column.name)
        case "text":
            return f"CONVERT({quote(column.name)} USING utf8mb4)"
        case _:
            return f"CAST({quote(column.name)} AS CHAR CHARACTER SET utf8mb4)"


async def describe_input(session: Session, schema: str, table: str, predict_type: PredictType) -> InputTable:
    """Return the input table as a task of this predict type reads it.

    Raises CannotStart that names what is missing or cannot be exact, and DatabaseError if a column may not be read.
    """
    columns = await existing_columns(session, schema, table)
    if not columns:
        raise CannotStart(f"unknown input table {schema}.{table}, or no privilege to read it (SELECT)")
    matched = COLUMN_OF[predict_type]
    missing = [name for name in ("id", "s_id", "author", "post_time", matched) if name not in columns]
    if missing:
        raise CannotStart(f"input table {schema}.{table} has no column {', '.join(dict.fromkeys(missing))}")
    time = columns["post_time"]
    if time.data_type not in ("datetime", "timestamp", "date"):
        raise CannotStart(f"post_time of input table {schema}.{table} is {time.data_type}, not DATETIME")
    _refuse_inexact(f"{schema}.{table}", columns, ("id", "s_id", "author", matched))
    indexes = await _indexes(session, schema, table)
    key = _key(indexes.get("PRIMARY", []), columns)
    # MariaDB reads it in the zone of the session.
    zone = await session.row("SELECT @@SESSION.time_zone") if time.data_type == "timestamp" else None
    id_column = _column(columns["id"])
    description = InputTable(
        schema=schema,
        table=table,
        id=id_column,
        s_id=_column(columns["s_id"]),
        author=_column(columns["author"]),
        matched=_column(columns[matched]),
        key=key,
        time_index=next((name for name, names in indexes.items() if names[0] == "post_time"), None),
        time_decimals=time.width or 0,
        time_zone=str(zone[0]) if zone else None,
        # A post that gets another key while the task runs, as by REPLACE, may be read in two windows of the key. Ids of
        # other character sets may be the same in UTF-8: what Unicode does not have becomes a question mark.
        unique_id=(key is None or key.name.lower() == "id")
        and id_column.kind != "text"
        and any(names == ["id"] for names in await _unique_indexes(session, schema, table)),
    )
    # Fails if the account may not read one of them.
    query, arguments = window_query(description, Window(1, datetime(2020, 1, 1), datetime(2020, 1, 1)))
    await session.rows(f"{query} LIMIT 0", arguments)
    return description


def _refuse_inexact(table: str, columns: Mapping[str, ExistingColumn], names: Sequence[str]) -> None:
    for name in dict.fromkeys(names):
        column = columns[name]
        if column.data_type in _BINARY:
            raise CannotStart(
                f"column {name} of input table {table} is {column.column_type.upper()}, whose bytes may be no text;"
                f" read the table through a view that has CONVERT({name} USING utf8mb4), or HEX({name}), in its place"
            )
        decimal = _column(column)
        wide = decimal.kind == "decimal" and (decimal.width or 0) > _WIDEST_DECIMAL
        if name == "id" and (column.data_type in _INEXACT or wide):
            raise CannotStart(
                f"column id of input table {table} is {column.column_type.upper()}, of which the greatest value is not"
                " exact; read the table through a view that has an integer or a text in its place"
            )


def _column(column: ExistingColumn) -> InputColumn:
    name, data_type = column.name, column.data_type
    if data_type in STRINGS:
        utf8 = (column.collation or "").startswith(("utf8mb4_", "utf8mb3_", "utf8_"))
        return InputColumn(name, "utf8" if utf8 else "text", column.length)
    if data_type in INTEGERS:
        return InputColumn(name, "integer", 20)
    if data_type == "decimal":
        digits, decimals = map(int, column.column_type.partition("(")[2].partition(")")[0].split(","))
        # A sign and a point; and a zero before the point if there is no other digit.
        return InputColumn(name, "decimal", max(digits, decimals + 1) + 2, decimals)
    # A value has fewer characters than this.
    return InputColumn(name, "other", 64)


async def _indexes(session: Session, schema: str, table: str) -> dict[str, list[str]]:
    """Return the columns of each index that a query may use, in lower case and in order, by its name."""
    indexes: dict[str, list[str]] = {}
    for index in await session.records(f"SHOW INDEX FROM {quote(schema, table)}"):
        if index["Index_type"] == "BTREE" and index.get("Ignored", "NO") == "NO" and index["Sub_part"] is None:
            indexes.setdefault(index["Key_name"], []).append(index["Column_name"].lower())
    return indexes


async def _unique_indexes(session: Session, schema: str, table: str) -> list[list[str]]:
    """Return the columns of each unique index."""
    rows = await session.rows(
        """
        SELECT index_name, LOWER(column_name) FROM information_schema.statistics
        WHERE table_schema = %(schema)s AND table_name = %(table)s AND non_unique = 0
        ORDER BY index_name, seq_in_index
        """,
        {"schema": schema, "table": table},
    )
    unique: dict[str, list[str]] = {}
    for index, column in rows:
        unique.setdefault(index, []).append(column)
    return list(unique.values())


def _key(primary: Sequence[str], columns: Mapping[str, ExistingColumn]) -> InputColumn | None:
    """Return the column that windows can be cut by: the primary key, or the id that leads it.

    Any other column that leads a key of several may change while a task runs, as a source does, and may have few
    values. A column that the account may not read is not among the columns.
    """
    leads = primary and (len(primary) == 1 or primary[0] == "id")
    column = columns.get(primary[0]) if leads else None
    return _column(column) if column and column.data_type in (*INTEGERS, "char", "varchar") else None


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
    first, last = map(as_time, row)
    return None if first is None or last is None else (first, last)


async def is_indexed(session: Session, schema: str, table: str) -> bool:
    """Return whether post_time leads an index."""
    return any(names[0] == "post_time" for names in (await _indexes(session, schema, table)).values())


def as_time(value: object) -> datetime | None:
    """Return a value of post_time as a time, or None for one that Python's calendar does not have."""
    if isinstance(value, datetime):
        return value
    # A DATE column gives dates, and a value outside Python's calendar stays a str.
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None
