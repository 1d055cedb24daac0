"""The label tables, one a result: the label job writes them, production reads them.

They have v2.1's seven columns, `votes` (how many rows of the window matched) and `rule` (the pattern
that decided). A row does not name its window: windows share no post, so no two of them write the same
row. A window with more authors than a worker can hold writes rows for each of its parts.
"""

from collections.abc import Iterable

from jobs.model.definition import Definition
from jobs.model.tally import LabelRow
from jobs.model.task import TaskRef
from jobs.storage.connection import Session, quote
from jobs.storage.schema import Column, ensure_table, existing_columns
from patterns.files import MAX_LABEL_LENGTH

PANEL_WIDTH = MAX_LABEL_LENGTH + 1


def mapping_columns(definition: Definition) -> list[Column]:
    """Return v2.1's seven columns, as wide as the task's input requires."""
    table = definition.input
    return [
        Column("id", "text", table.id_width, "NOT NULL"),
        Column("task_id", "text", 32, "NOT NULL"),
        Column("source_author", "text", table.source_author_width, "NOT NULL"),
        Column("panel", "text", PANEL_WIDTH, "NOT NULL"),
        Column("create_time", "time", table.time_decimals, "NOT NULL"),
        Column("field_content", "text", table.s_id_width, "NOT NULL"),
        Column("match_content", "text", table.text_width, "NOT NULL"),
    ]


async def ensure(session: Session, schema: str, results: Iterable[str], definition: Definition) -> None:
    """Create or widen the label tables of these results for the rows of a task."""
    columns = [
        *mapping_columns(definition),
        Column("votes", "integer", suffix="NOT NULL DEFAULT 1"),
        Column("rule", "text", max(definition.rule_width, 255)),
    ]
    for result in results:
        await ensure_table(session, schema, result, columns)


async def count_votes(session: Session, ref: TaskRef, result: str) -> int:
    """Return how many labelled rows the task's label rows of a result stand for."""
    if not await existing_columns(session, ref.schema, result):
        return 0
    row = await session.row(
        f"SELECT COALESCE(SUM(votes), 0) FROM {quote(ref.schema, result)} WHERE task_id = %(task_id)s",
        {"task_id": ref.task_id},
    )
    return int(row[0]) if row else 0


async def delete(session: Session, ref: TaskRef, result: str) -> None:
    """Delete the task's label rows of a result."""
    if await existing_columns(session, ref.schema, result):
        await session.execute(
            f"DELETE FROM {quote(ref.schema, result)} WHERE task_id = %(task_id)s",
            {"task_id": ref.task_id},
            seconds=None,
        )


async def insert(session: Session, ref: TaskRef, result: str, rows: Iterable[LabelRow]) -> None:
    """Insert label rows of a task."""
    await session.insert_many(
        f"INSERT INTO {quote(ref.schema, result)} (task_id, id, source_author, panel, create_time,"
        " field_content, match_content, votes, rule)",
        ((ref.task_id, *row) for row in rows),
    )
