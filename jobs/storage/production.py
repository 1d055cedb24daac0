"""The production tables, `wh_panel_mapping_<result>`: consumed downstream (docs/contract.md, "Production")."""

from jobs.model.input_table import InputTable
from jobs.model.sources import production_table
from jobs.model.task import TaskRef
from jobs.model.units import Unit
from jobs.storage.connection import Session, quote
from jobs.storage.labels import rows_of
from jobs.storage.values import Row

COLUMNS = ("id", "task_id", "source_author", "panel", "create_time", "field_content", "match_content")
_COLUMNS = ", ".join(COLUMNS)
# Half a surrogate pair, which MariaDB takes for a character and no client can decode, is read as a question mark.
_READABLE = {
    name: f"CONVERT(CONVERT({name} USING utf16) USING utf8mb4) AS {name}"
    for name in ("source_author", "field_content", "match_content")
}
_READ_COLUMNS = ", ".join(_READABLE.get(name, name) for name in COLUMNS)


async def insert(session: Session, ref: TaskRef, unit: Unit, table: InputTable) -> int:
    """Insert the task's production rows of a unit, from its label rows, and return how many there are.

    For each source_author it keeps the panels with the most votes, and for each of these the latest row:
    the greatest create_time, then the greatest id. The statement has no deadline: it ends by itself.
    """
    production, label = quote(ref.schema, production_table(unit.result)), quote(ref.schema, unit.result)
    # Rows are grouped and looked up by digests: keys as wide as the columns take several times as long,
    # and the widest columns cannot be keys. A panel has one slash, its first character, so different
    # pairs of source_author and panel concatenate to different texts.
    pair = _digest("CONCAT(source_author, panel)")
    age = f"CONCAT(BINARY create_time, {_sortable_id(table)})"
    # If ids are unique, age alone identifies a row. Otherwise several rows may be the latest.
    row = _digest(age if table.unique_id else f"CONCAT({pair}, {age})")
    winner = _digest("latest" if table.unique_id else "CONCAT(pair, latest)")
    columns, group = _COLUMNS, ""
    if not table.unique_id:
        columns = _COLUMNS.replace("field_content, match_content", "MAX(field_content), MAX(match_content)")
        group = "GROUP BY winner ORDER BY NULL"
    rows = rows_of(unit)
    # STRAIGHT_JOIN: each label row is looked up among the winners, not the reverse.
    return await session.execute(
        f"""
        INSERT INTO {production} ({_COLUMNS})
        SELECT {columns} FROM {label} STRAIGHT_JOIN (
          SELECT {winner} AS winner, panel_votes, MAX(panel_votes) OVER (PARTITION BY author) AS most_votes FROM (
            SELECT {pair} AS pair, {_digest("source_author")} AS author, SUM(votes) AS panel_votes, MAX({age}) AS latest
            FROM {label} WHERE {rows} GROUP BY pair ORDER BY NULL
          ) AS pairs
        ) AS decided ON winner = {row} AND panel_votes = most_votes
        WHERE {rows} {group}
        """,
        {"task_id": ref.task_id, "first_slice": unit.first_slice, "last_slice": unit.last_slice},
        seconds=None,
    )


def _sortable_id(table: InputTable) -> str:
    """Return the SQL of an id as bytes that sort as ids do."""
    match table.id.kind:
        case "integer":
            return "LPAD(CAST(id AS DECIMAL(20)) + 9223372036854775808, 20, '0')"
        case "decimal":
            # Without the sign and the point, and with one digit more for the sum.
            decimals = table.id.decimals
            digits = (table.id.width or 0) - 2 - decimals
            total = f"CAST(id AS DECIMAL({digits + decimals}, {decimals})) + 1{'0' * digits}"
            return f"LPAD({total}, {digits + decimals + 2}, '0')"
        case _:
            # BINARY, because the server truncates a mix of bytes and characters.
            return "BINARY id"


def _digest(expression: str) -> str:
    return f"UNHEX(SHA2({expression}, 256))"


def rows_by_author(ref: TaskRef, result: str) -> tuple[str, dict[str, object]]:
    """Return the query for the task's rows in an order that is the same for every task, author by author.

    Its rows have a digest of source_author, which orders them, panel, source_author and match_content.
    """
    # Not by the name itself: the server sorts texts by their first max_sort_length bytes.
    return (
        f"""
        SELECT {_digest("source_author")} AS author, panel, {_READABLE["source_author"]}, {_READABLE["match_content"]}
        FROM {quote(ref.schema, production_table(result))} WHERE task_id = %(task_id)s ORDER BY author, panel
        """,
        {"task_id": ref.task_id},
    )


def rows_of_task(ref: TaskRef, table: str) -> tuple[str, dict[str, object]]:
    """Return the query for the task's rows, in the order of COLUMNS, to be streamed.

    Whoever reads them may pause, as a pager does; after an hour, the server gives up.
    """
    return (
        f"SET STATEMENT net_write_timeout = 3600 FOR SELECT {_READ_COLUMNS} FROM {quote(ref.schema, table)}"
        " WHERE task_id = %(task_id)s",
        {"task_id": ref.task_id},
    )


async def sample(session: Session, ref: TaskRef, table: str, share: float) -> list[Row]:
    """Return each of the task's rows with this probability, in the order of COLUMNS. One pass, no sorting."""
    return await session.rows(
        f"SELECT {_READ_COLUMNS} FROM {quote(ref.schema, table)} WHERE task_id = %(task_id)s AND RAND() < %(share)s",
        {"task_id": ref.task_id, "share": share},
    )


async def count_panels(session: Session, ref: TaskRef, table: str) -> dict[str, int]:
    """Return how many of the task's rows each panel has, the largest first. Takes about a second a million rows."""
    rows = await session.rows(
        f"SELECT panel, COUNT(*) AS panel_rows FROM {quote(ref.schema, table)} WHERE task_id = %(task_id)s"
        " GROUP BY panel ORDER BY panel_rows DESC, panel",
        {"task_id": ref.task_id},
    )
    return {str(panel): int(count) for panel, count in rows}
