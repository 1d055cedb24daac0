"""The SQL of the production tables, `wh_panel_mapping_<result>`: consumed downstream (spec 4)."""

from jobs.model.definition import Definition
from jobs.storage.connection import Row, Session, quote
from jobs.storage.input_table import InputTable
from jobs.storage.labels import mapping_columns
from jobs.storage.schema import ensure_table

PREFIX = "wh_panel_mapping_"

COLUMNS = ("id", "task_id", "source_author", "panel", "create_time", "field_content", "match_content")
_COLUMNS = ", ".join(COLUMNS)


def production_table(result: str) -> str:
    """The name of a result's production table."""
    return PREFIX + result


async def ensure(session: Session, schema: str, result: str, definition: Definition) -> None:
    """Makes a result's production table ready for the rows of a task."""
    await ensure_table(session, schema, production_table(result), mapping_columns(definition))


async def replace(session: Session, schema: str, result: str, task_id: str, table: InputTable) -> int:
    """Replaces the task's rows of a result by what its label rows come to; how many there are.

    Within a source_author the panels with the most votes, and of each its latest row: greatest
    create_time, then greatest id. In a transaction.
    """
    production, label = quote(schema, production_table(result)), quote(schema, result)
    # What rows are grouped and looked up by are digests: keys as wide as the columns take several times as
    # long, and the widest are no keys at all. A panel has one slash, its first character, so no two pairs
    # of source_author and panel make the same text.
    pair = _digest("CONCAT(source_author, panel)")
    # Sorts as create_time, then id, do.
    id_ = "LPAD(CAST(id AS DECIMAL(20)) + 9223372036854775808, 20, '0')" if table.integer_id else "id"
    age = f"CONCAT(BINARY create_time, {id_})"
    # Where ids are unique, age alone tells a row from all others. Else several rows may be the latest.
    row = _digest(age if table.unique_id else f"CONCAT({pair}, {age})")
    winner = _digest("latest" if table.unique_id else "CONCAT(pair, latest)")
    columns, group = _COLUMNS, ""
    if not table.unique_id:
        columns = _COLUMNS.replace("field_content, match_content", "MAX(field_content), MAX(match_content)")
        group = "GROUP BY winner ORDER BY NULL"
    await session.execute(f"DELETE FROM {production} WHERE task_id = %s", (task_id,), seconds=None)
    # STRAIGHT_JOIN: each label row looks for itself among the winners, not the reverse.
    return await session.execute(
        f"""
        INSERT INTO {production} ({_COLUMNS})
        SELECT {columns} FROM {label} STRAIGHT_JOIN (
          SELECT {winner} AS winner, panel_votes, MAX(panel_votes) OVER (PARTITION BY author) AS most_votes FROM (
            SELECT {pair} AS pair, {_digest("source_author")} AS author, SUM(votes) AS panel_votes, MAX({age}) AS latest
            FROM {label} WHERE task_id = %s GROUP BY pair ORDER BY NULL
          ) AS pairs
        ) AS decided ON winner = {row} AND panel_votes = most_votes
        WHERE task_id = %s {group}
        """,
        (task_id, task_id),
        seconds=None,
    )


def _digest(expression: str) -> str:
    return f"UNHEX(SHA2({expression}, 256))"


async def sample(session: Session, schema: str, table: str, task_id: str, share: float) -> list[Row]:
    """Each of the task's rows with this probability, in the order of COLUMNS. One pass, no sorting."""
    return await session.rows(
        f"SELECT {_COLUMNS} FROM {quote(schema, table)} WHERE task_id = %s AND RAND() < %s", (task_id, share)
    )
