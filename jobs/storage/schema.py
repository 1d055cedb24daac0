"""Schema changes: creates missing tables, and widens columns in place.

A change never removes a row, a column or a character: columns only ever become wider. Each waits a short
time for the transactions that use its table, and no transaction waits for it longer than that.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from jobs.errors import LOCK_WAIT_TIMEOUT, DatabaseError, LockTaken, OutputUnreachable
from jobs.storage.connection import Session, quote
from jobs.storage.locks import named_lock

# Binary, without padding: names that differ by case or by trailing blanks are different names.
COLLATION = "utf8mb4_nopad_bin"

# A wider text column is a TEXT, because the VARCHARs of a row share 65,535 bytes.
_WIDEST_VARCHAR = 2_000
_WIDEST_TEXT = 16_383
# How long a change waits for the transactions that use the table. Meanwhile, new ones wait behind it.
_TABLE_LOCK_SECONDS = 5
# How long it waits for the changes of other processes, such as the migration of a large state table.
_TURN_SECONDS = 300.0

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


@dataclass(frozen=True)
class Key:
    """An index as it must be: its columns in order, with a prefix length if they may be a TEXT.

    Columns in `whole` have no prefix.
    """

    columns: tuple[str, ...]
    primary: bool = False
    prefix: int | None = None
    whole: tuple[str, ...] = ()

    def definition(self) -> str:
        """Return its SQL."""
        length = f"({self.prefix})" if self.prefix else ""
        columns = ", ".join(f"{quote(column)}{'' if column in self.whole else length}" for column in self.columns)
        return f"PRIMARY KEY ({columns})" if self.primary else f"INDEX ({columns})"

    def suits(self, name: str, columns: Sequence[str]) -> bool:
        """Return whether an existing index, with these columns in order, serves as this one."""
        return tuple(columns[: len(self.columns)]) == self.columns and (name == "PRIMARY" or not self.primary)


@dataclass(frozen=True)
class Table:
    """A table as it must be. An existing one may have more columns and wider ones."""

    name: str
    columns: Sequence[Column]
    keys: Sequence[Key]
    created_with: Sequence[Key] | None = None
    """Keys that serve as `keys` do, and better, but that an existing table does not get: it would be rebuilt."""


async def existing_columns(session: Session, schema: str, table: str) -> dict[str, ExistingColumn]:
    """Return the columns of a table by name in lower case; empty if there is no such table."""
    return (await columns_of(session, schema, [table]))[table]


async def columns_of(session: Session, schema: str, tables: Sequence[str]) -> dict[str, dict[str, ExistingColumn]]:
    """Return the columns of several tables, by table, then by name in lower case; empty for a missing table."""
    if not tables:
        return {}
    rows = await session.rows(
        """
        SELECT table_name, column_name, data_type, column_type, character_maximum_length, datetime_precision,
          collation_name, is_nullable
        FROM information_schema.columns
        WHERE table_schema = %(schema)s AND table_name IN %(tables)s ORDER BY table_name, ordinal_position
        """,
        {"schema": schema, "tables": tuple(tables)},
    )
    # A server that folds the case of table names may return another one than it was asked for.
    names = {table.lower(): table for table in tables}
    columns: dict[str, dict[str, ExistingColumn]] = {table: {} for table in tables}
    for table, name, data_type, column_type, length, decimals, collation, nullable in rows:
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
        column = ExistingColumn(name, data_type, column_type, width, length, collation, nullable == "YES")
        columns[table if table in columns else names[table.lower()]][name.lower()] = column
    return columns


async def _indexes(session: Session, schema: str, tables: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Return the columns of each index, by table and name of the index."""
    rows = await session.rows(
        """
        SELECT table_name, index_name, column_name FROM information_schema.statistics
        WHERE table_schema = %(schema)s AND table_name IN %(tables)s ORDER BY table_name, index_name, seq_in_index
        """,
        {"schema": schema, "tables": tuple(tables)},
    )
    indexes: dict[str, dict[str, list[str]]] = {table.lower(): {} for table in tables}
    for table, index, column in rows:
        indexes[table.lower()].setdefault(index, []).append(column.lower())
    return indexes


async def schemas_with(session: Session, table: str, columns: Sequence[str]) -> list[str]:
    """Return the schemas visible to this account that have a table with these columns."""
    rows = await session.rows(
        """
        SELECT table_schema FROM information_schema.columns
        WHERE table_name = %(table)s AND column_name IN %(columns)s
        GROUP BY table_schema HAVING COUNT(*) = %(count)s ORDER BY table_schema
        """,
        {"table": table, "columns": tuple(columns), "count": len(columns)},
    )
    return [row[0] for row in rows]


async def schema_exists(session: Session, schema: str) -> bool:
    """Return whether there is a schema of this name that the account can see."""
    found = await session.row(
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = %(schema)s", {"schema": schema}
    )
    return found is not None


async def ensure_schema(session: Session, schema: str) -> None:
    """Create the schema if it is missing. Raises DatabaseError if the account may not."""
    if not await schema_exists(session, schema):
        await session.execute(f"CREATE DATABASE IF NOT EXISTS {quote(schema)} CHARACTER SET utf8mb4")


async def require_transactions(session: Session, schema: str, tables: Sequence[str]) -> None:
    """Raise OutputUnreachable if one of the tables exists, but its engine cannot roll back what a dead worker wrote."""
    row = await session.row(
        """
        SELECT table_name, engine FROM information_schema.tables JOIN information_schema.engines USING (engine)
        WHERE table_schema = %(schema)s AND table_name IN %(tables)s AND transactions <> 'YES'
        """,
        {"schema": schema, "tables": tuple(tables)},
    )
    if row is not None:
        table, engine = row
        raise OutputUnreachable(
            f"cannot write to output schema: {schema}.{table} has the engine {engine}, which has no transactions, so a"
            f" killed worker could leave rows twice; ALTER TABLE {quote(schema, table) % ()} ENGINE = InnoDB"
        )


async def ensure_tables(session: Session, schema: str, tables: Sequence[Table]) -> None:
    """Create the tables that are missing, and widen those that cannot hold these columns or lack a key.

    Do not call this inside a transaction: each statement commits. Raises DatabaseError, with code
    LOCK_WAIT_TIMEOUT if another transaction keeps a table from being changed.
    """
    if not tables or not await _changes(session, schema, tables):
        return
    async with changing(session, schema):
        for table, change in (await _changes(session, schema, tables)).items():
            statement = f"SET STATEMENT lock_wait_timeout = {_TABLE_LOCK_SECONDS} FOR {change}"
            try:
                await session.execute(statement, seconds=None)
            except DatabaseError as error:
                if error.code != LOCK_WAIT_TIMEOUT:
                    raise
                message = (
                    f"{schema}.{table} must be changed to hold the task's rows, but an open transaction is using it;"
                    " end that transaction"
                )
                raise DatabaseError("output server", LOCK_WAIT_TIMEOUT, message) from error


@asynccontextmanager
async def changing(session: Session, schema: str) -> AsyncIterator[None]:
    """Keep other processes from changing the schema's tables for the length of the block."""
    try:
        async with named_lock(session, f"audience tables {schema}", _TURN_SECONDS):
            yield
    except LockTaken as error:
        message = f"another process has been changing the tables of {schema} for {_TURN_SECONDS:.0f} seconds"
        raise DatabaseError("output server", LOCK_WAIT_TIMEOUT, message) from error


async def _changes(session: Session, schema: str, tables: Sequence[Table]) -> dict[str, str]:
    """Return the statement that each table needs, by its name."""
    names = [table.name for table in tables]
    existing, indexes = await columns_of(session, schema, names), await _indexes(session, schema, names)
    statements = {}
    for table in tables:
        columns = existing[table.name]
        if not columns:
            definitions = [
                *(column.definition() for column in table.columns),
                *(key.definition() for key in table.created_with or table.keys),
            ]
            statements[table.name] = (
                f"CREATE TABLE IF NOT EXISTS {quote(schema, table.name)} ({', '.join(definitions)}) "
                f"ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {COLLATION}"
            )
        elif changes := [*_column_changes(table, columns), *_key_changes(table, indexes[table.name.lower()])]:
            statements[table.name] = f"ALTER TABLE {quote(schema, table.name)} {', '.join(changes)}"
    return statements


def _column_changes(table: Table, existing: Mapping[str, ExistingColumn]) -> Iterator[str]:
    for column in table.columns:
        old = existing.get(column.name)
        if old is None:
            yield f"ADD COLUMN {column.definition()}"
        elif not column.suits(old):
            yield f"MODIFY COLUMN {column.widened(old).definition()}"
        elif not old.nullable and "NOT NULL" not in column.definition():
            yield f"MODIFY COLUMN {quote(column.name)} {old.column_type.replace('%', '%%')} NULL"


def _key_changes(table: Table, existing: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for key in table.keys:
        if not any(key.suits(name, columns) for name, columns in existing.items()):
            yield f"ADD {key.definition()}"
            # An earlier release had a shorter index under this name.
            old = tuple(existing.get(key.columns[0], ()))
            if old and old == key.columns[: len(old)] and not key.primary:
                yield f"DROP INDEX {quote(key.columns[0])}"


async def has_primary_key(session: Session, schema: str, table: str, columns: Sequence[str]) -> bool:
    """Return whether these columns, in order, begin the primary key of a table."""
    return (await _indexes(session, schema, [table]))[table.lower()].get("PRIMARY", [])[: len(columns)] == list(columns)
