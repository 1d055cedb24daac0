"""The SQL of the production tables, `wh_panel_mapping_<result>`: consumed downstream (spec 4)."""

from jobs.database import Row, Session, quote
from jobs.definition import Definition
from jobs.label_table import mapping_columns
from jobs.tables import ensure_table

PREFIX = "wh_panel_mapping_"

COLUMNS = ("id", "task_id", "source_author", "panel", "create_time", "field_content", "match_content")
_COLUMNS = ", ".join(COLUMNS)


def production_table(result: str) -> str:
    """The name of a result's production table."""
    return PREFIX + result


async def ensure(session: Session, schema: str, result: str, definition: Definition) -> None:
    """Makes a result's production table ready for the rows of a task."""
    await ensure_table(session, schema, production_table(result), mapping_columns(definition))


async def replace(session: Session, schema: str, result: str, task_id: str, *, integer_id: bool) -> int:
    """Replaces the task's rows of a result by what its label rows come to; how many there are.

    Within a source_author the panels with the most votes, and of each its latest row: greatest
    create_time, then greatest id.
    """
    table = quote(schema, production_table(result))
    order_of_id = "CAST(id AS DECIMAL(20))" if integer_id else "id"
    await session.execute(f"DELETE FROM {table} WHERE task_id = %s", (task_id,), seconds=None)
    return await session.execute(
        f"""
        INSERT INTO {table} ({_COLUMNS})
        SELECT {_COLUMNS} FROM (
          SELECT *, MAX(panel_votes) OVER (PARTITION BY source_author) AS most_votes FROM (
            SELECT {_COLUMNS},
              SUM(votes) OVER (PARTITION BY source_author, panel) AS panel_votes,
              ROW_NUMBER() OVER (PARTITION BY source_author, panel
                                 ORDER BY create_time DESC, {order_of_id} DESC, match_content DESC) AS age
            FROM {quote(schema, result)} WHERE task_id = %s
          ) AS counted
          WHERE age = 1
        ) AS decided
        WHERE panel_votes = most_votes
        """,
        (task_id,),
        seconds=None,
    )


async def sample(session: Session, schema: str, table: str, task_id: str, share: float) -> list[Row]:
    """Each of the task's rows with this probability, in the order of COLUMNS. One pass, no sorting."""
    return await session.rows(
        f"SELECT {_COLUMNS} FROM {quote(schema, table)} WHERE task_id = %s AND RAND() < %s", (task_id, share)
    )
