"""Schema changes: creates missing tables, and widens columns in place.

A change never removes a row, a column or a character: columns only ever become wider.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.errors import DatabaseError, LockTaken
from jobs.storage.connection import Session, quote
from jobs.storage.locks import named_lock

# Binary, without padding: names that differ by case or by trailing blanks are different names.
COLLATION = "utf8mb4_nopad_bin"

# A wider text column is a TEXT, because the VARCHARs of a row share 65,535 bytes.
_WIDEST_VARCHAR = 2_000
_WIDEST_TEXT = 16_383
_LOCK_SECONDS = 30

INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
STRINGS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")


@dataclass(frozen=True)
class Column:
    """A column as it must be. `kind` is `text`, `integer`, `number`, `time`, or a literal SQL type.

    `width` is the number of characters that a text must hold (None: any), or a time's decimals.
    """

    name: str
    kind: str
    width: int | None = None
    suffix: str = ""

    def definition(self) -> str:
        """Return its SQL."""
        return f"{quote(self.name)} {self._type()} {self.suffix}".rstrip()

    def suits(self, existing: "ExistingColumn") -> bool:
        """Return whether an existing column holds everything this one must."""
        match self.kind:
            case "text":
                return existing.collation == COLLATION and self._fits(existing.width)
            case "integer":
                return existing.data_type == "bigint" or existing.data_type not in INTEGERS
            case "time":
                return existing.data_type != "datetime" or (existing.width or 0) >= (self.width or 0)
            case _:
                return True

    def widened(self, existing: "ExistingColumn") -> "Column":
        """Return this column, at least as wide as an existing one."""
        if self.name == "task_id":  # leads the key, which cannot hold a wide column
            return self
        # The column may hold a NULL, which v2.1 allowed.
        suffix = self.suffix.removeprefix("NOT NULL") if existing.nullable else self.suffix
        if self.kind == "text" and (self.width is None or existing.width is None):
            return replace(self, width=None, suffix=suffix)
        return replace(self, width=max(self.width or 0, existing.width or 0), suffix=suffix)

    def _fits(self, width: int | None) -> bool:
        return width is None or (self.width is not None and self.width <= width)

    def _type(self) -> str:
        match self.kind:
            case "text":
                return f"{self._text_type()} COLLATE {COLLATION}"
            case "integer":
                return "BIGINT"
            case "number":
                return "DOUBLE"
            case "time":
                return f"DATETIME({self.width})" if self.width else "DATETIME"
            case literal:
                return literal

    def _text_type(self) -> str:
        if self.width is None or self.width > _WIDEST_TEXT:
            return "LONGTEXT"
        return f"VARCHAR({max(self.width, 1)})" if self.width <= _WIDEST_VARCHAR else "TEXT"


@dataclass(frozen=True)
class ExistingColumn:
    """A column of an existing table, from information_schema.

    `width` is what it holds for certain, as in Column, 0 for numbers. `length` is the maximum number of
    characters of a value.
    """

    name: str
    data_type: str
    column_type: str
    width: int | None
    length: int | None
    collation: str | None
    nullable: bool


async def existing_columns(session: Session, schema: str, table: str) -> dict[str, ExistingColumn]:
    """Return the columns of a table by name in lower case; empty if there is no such table."""
    rows = await session.rows(
        """
        SELECT column_name, data_type, column_type, character_maximum_length, datetime_precision,
          collation_name, is_nullable
        FROM information_schema.columns
        WHERE table_schema = %(schema)s AND table_name = %(table)s ORDER BY ordinal_position
        """,
        {"schema": schema, "table": table},
    )
    columns = {}
    for name, data_type, column_type, length, decimals, collation, nullable in rows:
        width: int | None
        match data_type:
            case "datetime" | "timestamp":
                width = decimals
            case "tinytext" | "text" | "mediumtext":
                width = length // 4  # in bytes, and a character takes up to four
            case "longtext":
                width = None
            case _:
                width = length or 0
        columns[name.lower()] = ExistingColumn(
            name, data_type, column_type, width, length, collation, nullable == "YES"
        )
    return columns


async def ensure_schema(session: Session, schema: str) -> None:
    """Create the schema if it is missing. Raises DatabaseError if the account may not."""
    found = await session.row(
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = %(schema)s", {"schema": schema}
    )
    if not found:
        await session.execute(f"CREATE DATABASE IF NOT EXISTS {quote(schema)} CHARACTER SET utf8mb4")


async def ensure_table(
    session: Session, schema: str, table: str, columns: Sequence[Column], key: str = "INDEX (task_id)"
) -> None:
    """Create the table with this key, or widen an existing one to hold these columns.

    An existing table gets the key if it has none like it. Do not call this inside a transaction: each
    statement commits.
    """
    if not await existing_columns(session, schema, table):
        definitions = ", ".join([*(column.definition() for column in columns), key])
        await session.execute(
            f"CREATE TABLE IF NOT EXISTS {quote(schema, table)} ({definitions}) "
            f"ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {COLLATION}"
        )
    if not await _changes(session, schema, table, columns, key):
        return
    try:
        async with named_lock(session, f"audience alter {schema}.{table}", _LOCK_SECONDS):
            changes = await _changes(session, schema, table, columns, key)
            if changes:
                await session.execute(f"ALTER TABLE {quote(schema, table)} {', '.join(changes)}", seconds=None)
    except LockTaken as error:
        raise DatabaseError("output server", 1205, f"another process is altering {schema}.{table}") from error


async def _changes(session: Session, schema: str, table: str, columns: Sequence[Column], key: str) -> list[str]:
    existing = await existing_columns(session, schema, table)
    changes = []
    for column in columns:
        old = existing.get(column.name)
        if old is None:
            changes.append(f"ADD COLUMN {column.definition()}")
        elif not column.suits(old):
            changes.append(f"MODIFY COLUMN {column.widened(old).definition()}")
        elif not old.nullable and "NOT NULL" not in column.definition():
            changes.append(f"MODIFY COLUMN {quote(column.name)} {old.column_type.replace('%', '%%')} NULL")
    if not await has_key(session, schema, table, key):
        changes.append(f"ADD {key}")
    return changes


async def has_key(session: Session, schema: str, table: str, key: str) -> bool:
    """Return whether `task_id` leads an index of the table: the primary key, if `key` is one."""
    row = await session.row(
        """
        SELECT 1 FROM information_schema.statistics
        WHERE table_schema = %(schema)s AND table_name = %(table)s AND column_name = 'task_id' AND seq_in_index = 1
          AND (index_name = 'PRIMARY' OR NOT %(primary)s)
        """,
        {"schema": schema, "table": table, "primary": key.startswith("PRIMARY")},
    )
    return row is not None
