"""The production tables, `wh_panel_mapping_<result>`: consumed downstream (docs/contract.md, "Production")."""

from jobs.model.definition import Definition
from jobs.model.input_table import InputTable
from jobs.model.sources import production_table
from jobs.model.task import TaskRef
from jobs.storage.connection import Row, Session, quote
from jobs.storage.labels import mapping_columns
from jobs.storage.schema import ensure_table

COLUMNS = ("id", "task_id", "source_author", "panel", "create_time", "field_content", "match_content")
_COLUMNS = ", ".join(COLUMNS)


async def ensure(session: Session, schema: str, result: str, definition: Definition) -> None:
    """Create or widen a result's production table for the rows of a task."""
    await ensure_table(session, schema, production_table(result), mapping_columns(definition))


async def replace(session: Session, ref: TaskRef, result: str, table: InputTable) -> int:
    """Replace the task's production rows of a result, from its label rows, and return how many there are.

    For each source_author it keeps the panels with the most votes, and for each of these the latest row:
    the greatest create_time, then the greatest id. Call it in a transaction.
    """
    production, label = quote(ref.schema, production_table(result)), quote(ref.schema, result)
    # Rows are grouped and looked up by digests: keys as wide as the columns take several times as long,
    # and the widest columns cannot be keys. A panel has one slash, its first character, so different
    # pairs of source_author and panel concatenate to different texts.
    pair = _digest("CONCAT(source_author, panel)")
    # Sorts like create_time, then id. BINARY, because the server truncates a mix of bytes and characters.
    id_ = "LPAD(CAST(id AS DECIMAL(20)) + 9223372036854775808, 20, '0')" if table.integer_id else "BINARY id"
    age = f"CONCAT(BINARY create_time, {id_})"
    # If ids are unique, age alone identifies a row. Otherwise several rows may be the latest.
    row = _digest(age if table.unique_id else f"CONCAT({pair}, {age})")
    winner = _digest("latest" if table.unique_id else "CONCAT(pair, latest)")
    columns, group = _COLUMNS, ""
    if not table.unique_id:
        columns = _COLUMNS.replace("field_content, match_content", "MAX(field_content), MAX(match_content)")
        group = "GROUP BY winner ORDER BY NULL"
    task = {"task_id": ref.task_id}
    await session.execute(f"DELETE FROM {production} WHERE task_id = %(task_id)s", task, seconds=None)
    # STRAIGHT_JOIN: each label row is looked up among the winners, not the reverse.
    return await session.execute(
        f"""
        INSERT INTO {production} ({_COLUMNS})
        SELECT {columns} FROM {label} STRAIGHT_JOIN (
          SELECT {winner} AS winner, panel_votes, MAX(panel_votes) OVER (PARTITION BY author) AS most_votes FROM (
            SELECT {pair} AS pair, {_digest("source_author")} AS author, SUM(votes) AS panel_votes, MAX({age}) AS latest
            FROM {label} WHERE task_id = %(task_id)s GROUP BY pair ORDER BY NULL
          ) AS pairs
        ) AS decided ON winner = {row} AND panel_votes = most_votes
        WHERE task_id = %(task_id)s {group}
        """,
        task,
        seconds=None,
    )


def _digest(expression: str) -> str:
    return f"UNHEX(SHA2({expression}, 256))"


async def sample(session: Session, ref: TaskRef, table: str, share: float) -> list[Row]:
    """Return each of the task's rows with this probability, in the order of COLUMNS. One pass, no sorting."""
    return await session.rows(
        f"SELECT {_COLUMNS} FROM {quote(ref.schema, table)} WHERE task_id = %(task_id)s AND RAND() < %(share)s",
        {"task_id": ref.task_id, "share": share},
    )
